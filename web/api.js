// Renders the OpenAPI document of this server.
"use strict";

function nameOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return nameOf(schema.items) + "[]";
  if (schema.oneOf) return schema.oneOf.map(nameOf).join(" or ");
  if (schema.enum) return schema.enum.join(" | ");
  return [schema.type].flat().join(" or ");
}

function parameters(list) {
  const body = element("tbody");
  for (const p of list) {
    body.append(element("tr", {},
      element("td", {}, element("code", {}, p.name)), element("td", {}, p.in + (p.required ? ", required" : "")),
      element("td", {}, nameOf(p.schema)), element("td", {}, p.description ?? "")));
  }
  return element("table", {}, body);
}

function responses(all) {
  const body = element("tbody");
  for (const [status, response] of Object.entries(all)) {
    const content = Object.entries(response.content ?? {});
    const kinds = content.map(([type, c]) => type + (nameOf(c.schema) ? ": " + nameOf(c.schema) : "")).join(", ");
    body.append(element("tr", {},
      element("td", {}, element("code", {}, status)), element("td", {}, response.description ?? ""), element("td", {}, kinds)));
  }
  return element("table", {}, body);
}

function tryIt(path) {
  const target = element("input", { value: path, "aria-label": "Path" });
  const out = element("pre", { hidden: true });
  const go = element("button", { type: "button" }, "Ask");
  go.addEventListener("click", async () => {
    out.hidden = false;
    try {
      const response = await ask(target.value);
      const type = response.headers.get("content-type") ?? "";
      out.textContent = type.includes("json") ? JSON.stringify(await response.json(), null, 2)
        : type.startsWith("text/") ? await response.text() : type + ", " + (await response.blob()).size + " bytes";
    } catch (error) {
      out.textContent = error.message;
    }
  });
  return element("div", {}, element("div", { class: "bar" }, target, go), out);
}

function operation(method, path, op) {
  const parts = [element("p", {}, op.description ?? "")];
  if (op.parameters?.length) parts.push(parameters(op.parameters));
  parts.push(responses(op.responses));
  if (method === "get") parts.push(tryIt(path));
  return element("details", { class: "operation" },
    element("summary", {}, element("span", { class: "method " + method }, method.toUpperCase()),
      element("code", {}, path), "  ", op.summary ?? ""), ...parts);
}

async function show() {
  const api = await askJson("/api/openapi.json");
  document.getElementById("about").textContent = api.info.description + " Version " + api.info.version + ".";
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, op] of Object.entries(item)) {
      const tag = op.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, element("section", { class: "panel" }, element("h2", {}, tag)));
      groups.get(tag).append(operation(method, path, op));
    }
  }
  document.getElementById("groups").replaceChildren(...groups.values());
  const schemas = Object.entries(api.components?.schemas ?? {}).map(([name, schema]) =>
    element("details", { class: "operation" }, element("summary", {}, element("code", {}, name)),
      element("pre", {}, JSON.stringify(schema, null, 2))));
  document.getElementById("schemas").replaceChildren(...schemas);
}

show().catch((error) => { document.getElementById("problem").textContent = error.message; });

// The worklist: series with state and reason, and the pictures of what was found.
"use strict";

const byId = (id) => document.getElementById(id);
const pageSize = 25;
const refreshMs = 5000;
let offset = 0;
let selected = null;
let pictures = [];

function when(text) {
  return text ? new Date(text).toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" }) : "";
}

function state(word) {
  return element("span", { class: "state " + word }, word);
}

function query() {
  const search = byId("search").value.trim();
  const asked = new URLSearchParams({ limit: pageSize, offset, order: byId("order").value });
  if (search) asked.set("search", search);
  return asked;
}

function row(study, series) {
  const node = element("tr", { class: "series", tabindex: "0", "aria-selected": String(series.series_instance_uid === selected) },
    element("td", {}, when(series.first_arrival_at)),
    element("td", {}, study.patient_id || "no ID"),
    element("td", {}, study.study_date + " " + study.study_description, element("div", { class: "uid" }, study.study_instance_uid)),
    element("td", {}, [series.modality, series.series_number ?? "", series.series_description].join(" "),
      element("div", { class: "uid" }, series.series_instance_uid)),
    element("td", { class: "number" }, String(series.instance_count)),
    element("td", {}, state(series.state)),
    element("td", { class: "number" }, series.triage_score === null ? "" : series.triage_score + " of 10"),
    element("td", { class: "reason" }, series.reason ? series.reason.message : ""));
  const open = () => { selected = series.series_instance_uid; showDetail().catch(tell); showList().catch(tell); };
  node.addEventListener("click", open);
  node.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
  return node;
}

async function showList() {
  const page = await askJson("/api/v1/studies?" + query());
  const rows = page.items.flatMap((study) => study.series.map((series) => row(study, series)));
  const focused = document.activeElement?.closest("tr.series");
  if (!focused) byId("rows").replaceChildren(...rows);
  byId("empty").hidden = rows.length > 0;
  byId("newer").disabled = offset === 0;
  byId("older").disabled = page.next_offset === null;
}

async function showTiles() {
  const status = await askJson("/api/v1/status");
  const tile = (number, text) => element("div", { class: "tile" }, element("b", {}, String(number)), element("span", {}, text));
  byId("tiles").replaceChildren(
    ...Object.entries(status.series).map(([word, count]) => tile(count, word)),
    tile(status.jobs_waiting, "jobs waiting"), tile(status.jobs_dead, "jobs dead"), tile(status.deliveries_dead, "deliveries dead"));
}

function stated(words, title) {
  return element("p", title ? { title } : {}, words);
}

// What rules say, in the words of the server; ids of rows are tooltips.
function judged(words, study, nodules) {
  if (!words.exam && !words.triage.length) return [];
  const by = words.decided_by === null ? "" : " (by nodule " + words.decided_by + ")";
  const parts = [element("h2", {}, "What guidelines and risk models say"), element("p", { class: "verdict" }, words.exam + by)];
  if (words.why) parts.push(element("p", { class: "reason" }, words.why));
  for (const note of words.notes) parts.push(element("p", { class: "open" }, note));
  const [place, basis, use] = words.triage;
  if (place) parts.push(element("p", { class: "triage" }, "Place in the worklist: ", element("b", {}, place), " ", element("span", { class: "reason" }, basis + ". " + use)));
  if (words.missing.length) parts.push(missing(words.missing, study, nodules));
  return parts;
}

// What was not known, with a form that states it: the findings are judged again without an analysis.
function missing(values, study, nodules) {
  const node = element("div", { class: "missing" },
    element("p", { class: "open" }, "Not known here: " + values.map((one) => one.words).join("; ") + "."));
  const known = values.filter((one) => one.stated_of === "person" || (one.stated_of === "nodule" && nodules.length));
  if (!known.length) return node;
  const name = element("select", { "aria-label": "What" }, ...known.map((one) => element("option", { value: one.input }, one.words)));
  const nodule = element("select", { "aria-label": "Of which nodule" },
    ...nodules.map((one) => element("option", { value: one.tracking_uid }, "Nodule " + one.number)));
  const value = element("input", { "aria-label": "Its value", placeholder: "yes, no, a number or a word", required: true });
  const ofNodule = () => known.find((one) => one.input === name.value).stated_of === "nodule";
  const toggle = () => { nodule.hidden = !ofNodule(); };
  name.addEventListener("change", toggle);
  toggle();
  const note = element("span", { class: "reason", role: "status" }, "The findings are judged again; no analysis runs.");
  const form = element("form", { class: "bar" }, name, nodule, value, element("button", {}, "State it"), note);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const own = { [name.value]: valueOf(value.value.trim()) };
    note.textContent = "Judging again …";
    stateValue(study, ofNodule() ? { nodules: { [nodule.value]: own } } : own).catch((error) => {
      note.textContent = error.message; // beside what was typed, which stays
      if (error.status === 401) tell(error);
    });
  });
  node.append(form);
  return node;
}

// yes and no, a number, or the word itself; the server checks it.
function valueOf(text) {
  const flags = { yes: true, true: true, no: false, false: false };
  const word = text.toLowerCase();
  if (word in flags) return flags[word];
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

async function stateValue(study, patch) {
  await ask("/api/v1/studies/" + study + "/clinical?origin=web", {
    method: "PUT", headers: { "content-type": "application/merge-patch+json" }, body: JSON.stringify(patch) });
  // The answer comes when the change is stored; the series is done again when its new report is.
  const uid = selected;
  for (let wait = 200; uid === selected; wait = Math.min(2 * wait, 3000)) {
    const { state: now } = await askJson("/api/v1/series/" + uid);
    if (now !== "reporting") break;
    await new Promise((done) => setTimeout(done, wait));
  }
  if (uid === selected) await showDetail();
}

async function picture(uid, nodule, words) {
  const image = element("img", { alt: "Nodule " + nodule.number + " with its outline" });
  const text = "Nodule " + nodule.number + ", " + nodule.side + ", " + nodule.attenuation + ": " +
    nodule.long_axis_mm.toFixed(1) + " x " + nodule.short_axis_mm.toFixed(1) + " mm, " + nodule.volume_mm3.toFixed(0) +
    " mm³, score " + nodule.score.toFixed(2);
  try {
    const blob = await (await ask("/api/v1/series/" + uid + "/nodules/" + nodule.number + ".png")).blob();
    image.src = URL.createObjectURL(blob);
    pictures.push(image.src);
  } catch (error) {
    image.alt = error.message;
  }
  const caption = element("figcaption", {}, text);
  if (words) {
    if (words.risk) caption.append(stated(words.risk_model + ": " + words.risk));
    if (words.category) caption.append(stated(words.guideline + ": " + words.category, words.row));
    if (words.assumed.length) caption.append(taken(words.assumed));
  }
  return element("figure", {}, image, caption);
}

// What nobody stated and an answer stands on: one line to open, not a paragraph for each under every picture.
function taken(assumed) {
  const short = assumed.map((text) => text.slice(text.indexOf(": ") + 2));
  return element("details", { class: "open" },
    element("summary", {}, assumed.length + " not stated, taken as no"),
    element("ul", {}, ...short.map((text) => element("li", {}, text))));
}

function tableOf(head, rows) {
  return element("div", { class: "scroll" }, element("table", {},
    element("thead", {}, element("tr", {}, ...head.map((h) => element("th", {}, h)))),
    element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((c) => element("td", {}, c)))))));
}

async function again(path) {
  await ask(path, { method: "POST" });
  await showDetail();
}

function button(text, action) {
  const node = element("button", { type: "button" }, text);
  node.addEventListener("click", () => { action().catch(tell); });
  return node;
}

async function showDetail() {
  const uid = selected;
  if (!uid) return;
  const series = await askJson("/api/v1/series/" + uid);
  const findings = await askJson("/api/v1/series/" + uid + "/findings");
  const words = await askJson("/api/v1/series/" + uid + "/reading?language=en");
  const found = findings.series[0]?.nodules ?? [];
  pictures.splice(0).forEach((url) => URL.revokeObjectURL(url));
  const shown = await Promise.all(found.map((nodule) => picture(uid, nodule, words.nodules.find((one) => one.number === nodule.number))));
  if (uid !== selected) return;
  const parts = [
    element("h2", {}, series.modality + " " + (series.series_description || "series") + " "),
    element("p", {}, state(series.state), series.reason ? "  " + series.reason.code + ": " + series.reason.message : ""),
    element("div", { class: "bar" }, button("Analyse again", () => again("/api/v1/series/" + uid + "/requeue"))),
  ];
  for (const warning of findings.series[0]?.warnings ?? []) parts.push(element("p", { class: "reason" }, warning.message));
  if (series.state === "done" && !found.length) parts.push(element("p", { class: "empty" }, "Analysed; nothing above the threshold."));
  parts.push(...judged(words, series.study_instance_uid, found));
  if (shown.length) parts.push(element("div", { class: "pictures" }, ...shown));
  if (series.deliveries.length) {
    parts.push(element("h2", {}, "Deliveries"), tableOf(["Destination", "State", "Tries", "Last error", ""],
      series.deliveries.map((d) => [d.destination, state(d.state), String(d.try_count), d.last_error ?? "",
        d.state === "dead" ? button("Send again", () => again("/api/v1/deliveries/" + d.delivery_id + "/requeue")) : ""])));
  }
  parts.push(element("h2", {}, "What happened"), tableOf(["When", "What", ""],
    series.events.map((e) => [when(e.at), e.kind.replaceAll("_", " "), e.message])));
  byId("detail").replaceChildren(...parts);
  byId("detail").hidden = false;
}

async function showHealth() {
  const response = await fetch("/readyz");
  byId("health").className = "state " + (response.ok ? "done" : "failed");
  byId("health").textContent = response.ok ? "ready" : "not ready";
}

function tell(error) {
  byId("problem").textContent = error.message;
  if (error.status === 401) byId("token-form").hidden = false;
}

async function refresh() {
  try {
    await Promise.all([showHealth(), showTiles(), showList()]);
    byId("problem").textContent = "";
  } catch (error) {
    tell(error);
  }
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(tokenKey, byId("token").value.trim());
  byId("token-form").hidden = true;
  refresh();
});
byId("search").addEventListener("change", () => { offset = 0; refresh(); });
byId("order").addEventListener("change", () => { offset = 0; refresh(); });
byId("newer").addEventListener("click", () => { offset = Math.max(0, offset - pageSize); refresh(); });
byId("older").addEventListener("click", () => { offset += pageSize; refresh(); });
// A link such as /#1.2.840... opens the detail of that series.
function openLinked() {
  const uid = decodeURIComponent(location.hash.slice(1));
  if (/^[0-9.]+$/.test(uid)) {
    selected = uid;
    showDetail().catch(tell);
  }
}
window.addEventListener("hashchange", openLinked);
openLinked();
setInterval(() => { if (!document.hidden) refresh(); }, refreshMs);
refresh();

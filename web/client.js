// Shared by the pages: requests with the token of this tab, and elements without any HTML from data.
"use strict";

const tokenKey = "lungcad-token";

function authorization() {
  const token = sessionStorage.getItem(tokenKey);
  return token ? { Authorization: "Bearer " + token } : {};
}

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { ...authorization(), ...options.headers } });
  if (response.ok) return response;
  let text = response.status + " " + response.statusText;
  try {
    const problem = await response.json();
    text = problem.detail + " (request " + problem.request_id + ")";
  } catch { /* not a problem document */ }
  const error = new Error(text);
  error.status = response.status;
  throw error;
}

async function askJson(path) {
  return (await ask(path)).json();
}

// element("td", {class: "x"}, "text", child): text never becomes markup.
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

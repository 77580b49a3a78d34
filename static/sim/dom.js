// dom.js - what the scripts of the simulated site's page share: elements made of text, calls of the control API, the message line.
// Every text of an app, a descriptor or the log becomes a text node: nothing here writes markup.
export const $ = (id) => document.getElementById(id);
export const siteName = location.pathname.startsWith('/sites/') ? decodeURIComponent(location.pathname.split('/')[2]) : null;
export const api = (path = '', name = siteName) => `/sim/api/sites${name ? `/${encodeURIComponent(name)}` : ''}${path}`;

/** An element: properties by name ("data-…", "aria-…" and "class" as attributes, "on…" as listeners), then children. */
export function h(tag, properties = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else if (name.includes('-') || name === 'class' || name === 'for' || name === 'role') e.setAttribute(name, value);
    else e[name] = value;
  }
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
  return e;
}

export async function call(path, method = 'GET', body = undefined) {
  const answer = await fetch(path, {
    method, headers: body ? { 'Content-Type': 'application/json' } : {}, body: body && JSON.stringify(body),
  });
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const said = 'status' in json && !('type' in json) ? `the app answered ${json.status || 'nothing'}${json.note ? ` (${json.note})` : ''}` : null;
    throw Object.assign(new Error(said ?? json.detail ?? json.title ?? `the simulated site answered ${answer.status}`), { status: answer.status });
  }
  return json;
}

export function say(text, bad = false) {
  $('message').textContent = text;
  $('message').classList.toggle('bad', bad);
}

/** Replaces what an element shows, but only when it differs: a list that is asked for each second keeps its focus. */
const shown = new WeakMap();
export function keep(element, data, make) {
  const text = JSON.stringify(data);
  if (shown.get(element) === text) return;
  shown.set(element, text);
  element.replaceChildren(...[make(data)].flat());
}

export const dateText = (iso) => (iso ? new Date(iso).toLocaleDateString(undefined, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }) : 'no date');

// frames.js - one page of the app in its frame: asks for a freshly signed URL, frames it, says when it may not be shown.
import { api, call, h } from './dom.js';
import { connect } from './bridge.js';
import { showLog } from './log.js';

// The page is another origin's and runs there with its own storage, as in Jira; it may not move this window elsewhere.
const SANDBOX = 'allow-scripts allow-same-origin allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-downloads';
const CONTEXT = { jira: { project: { id: '10000', key: 'DEMO' }, issue: { id: '10001', key: 'DEMO-1' } } };
const open = new Set();

async function load(place) {
  const { module, box, note } = place;
  box.setAttribute('aria-busy', 'true');
  try {
    if (!module.opens) throw new Error('Its URL in the descriptor leads away from the app: a host does not open that.');
    const { url } = await call(api(`/page?module=${encodeURIComponent(module.key)}`));
    if (!box.isConnected) return; // looked away meanwhile
    if (new URL(url).origin === location.origin) throw new Error('The app says it lives at this very address: it is not framed.');
    const frame = h('iframe', { title: `${module.name}, a page of the app`, sandbox: SANDBOX, referrerPolicy: 'no-referrer', class: 'app-page' });
    if (place.frame) frame.style.height = place.frame.style.height;
    place.frame = frame;
    frame.addEventListener('load', () => box.removeAttribute('aria-busy'), { once: true });
    connect(frame, box, url, CONTEXT);
    note.textContent = '';
    showLog();
  } catch (error) {
    place.frame = null;
    box.replaceChildren();
    box.removeAttribute('aria-busy');
    note.textContent = error.message;
  }
}

/** A section with a module's page. level: of its heading; null for none (the page's title says it). */
export function modulePlace(module, level = null) {
  const place = { module, box: h('div', { class: 'frame-box' }), note: h('p', { class: 'frame-note', role: 'status' }), frame: null };
  const title = h('span', { class: 'kind' }, module.kind);
  const again = h('button', { type: 'button', class: 'plain small', onclick: () => load(place), 'aria-label': `Reload ${module.name}` }, 'Reload');
  place.element = h('section', { class: level ? 'app-panel' : 'app-full', 'aria-label': `${module.name} (app)` },
    h('div', { class: 'frame-head' }, level ? h(level, {}, module.name) : null, title, again), place.note, place.box);
  open.add(place);
  load(place);
  return place.element;
}

export function forgetPlaces() { open.clear(); }
/** Opens the pages that are shown anew, as a user who reloads. */
export function reloadPlaces() { for (const place of open) load(place); }

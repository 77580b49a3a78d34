// log.js - the list of requests between the site and the app, newest first, each with its decoded token and what became of it.
import { $, api, call, h } from './dom.js';

const SHOWN_MAX = 200;
const VERDICTS = {
  accepted: ['accepted', 'good'], refused: ['refused', 'bad'], no_answer: ['no answer', 'bad'], given: ['signed', ''], answered: ['answered', 'good'],
  token_good: ['token good', 'good'], token_refused: ['token refused', 'bad'], fault: ['failure on purpose', 'warn'],
};
let last = 0;

const time = (iso) => new Date(iso).toLocaleTimeString(undefined, { hour12: false });

function pathOf(url) {
  try {
    const { pathname } = new URL(url);
    return pathname;
  } catch {
    return url;
  }
}

function line(e) {
  const [text, kind] = VERDICTS[e.verdict] ?? [e.verdict, ''];
  const bad = kind === 'bad' || e.status >= 400;
  const claims = e.token ? JSON.stringify(e.token, null, 2) : 'No token that can be read came with it.';
  return h('li', { 'data-direction': e.direction, 'data-bad': bad ? 'bad' : 'fine' }, h('details', {},
    h('summary', {},
      h('span', { class: 'when' }, time(e.at)),
      h('span', { class: `way ${e.direction}` }, e.direction === 'out' ? 'site → app' : 'app → site'),
      h('span', { class: 'what' }, e.note?.startsWith('AP.') ? e.note : `${e.method} ${pathOf(e.url)}`),
      h('span', { class: `status ${bad ? 'bad' : ''}` }, e.status ? String(e.status) : '–'),
      h('span', { class: `verdict ${kind}` }, text)),
    h('dl', { class: 'request' },
      h('dt', {}, 'URL'), h('dd', {}, h('code', {}, e.url)),
      ...(e.note ? [h('dt', {}, 'Note'), h('dd', {}, e.note)] : []),
      ...(e.took_ms ? [h('dt', {}, 'Took'), h('dd', {}, `${e.took_ms} ms`)] : []),
      h('dt', {}, 'Token'), h('dd', {}, h('pre', { tabIndex: 0, role: 'group', 'aria-label': 'Decoded token' }, claims)))));
}

async function add() {
  const { entries, last: newest } = await call(api(`/log?after=${last}`));
  last = newest;
  if (entries.length === 0) return;
  $('log-empty').hidden = true;
  $('log').prepend(...entries.reverse().map(line));
  while ($('log').children.length > SHOWN_MAX) $('log').lastElementChild.remove();
}

// One at a time: two that ask for what came after the same entry would show it twice.
let turn = Promise.resolve();
export function showLog() {
  turn = turn.catch(() => {}).then(add);
  return turn;
}

export function startLog() {
  $('log-filter').addEventListener('change', () => { $('log').dataset.show = $('log-filter').value; });
}

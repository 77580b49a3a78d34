// bridge.js - answers what an app's page asks the page around it, for two kinds of script inside the frame: the simulated site's
// own all.js, and Atlassian's, whose messages (simple-xdm: init, req, resp, evt) are spoken here as far as pages of licensed
// apps need them. A question counts only from a frame this page has opened, and from the origin that frame was opened for.
import { api, call } from './dom.js';

const frames = new Map(); // window of the frame -> { frame, origin, id, themed, context, fill }
let count = 0;
let current = () => null; // the site as it was last seen

export const watchSite = (fn) => { current = fn; };

// ---- the theme ----
const tokenNames = () => [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
  .filter((rule) => rule.selectorText === ':root').flatMap((rule) => [...rule.style]).filter((name) => name.startsWith('--ds-'));
const mode = () => document.documentElement.dataset.colorMode;

function theme() {
  const style = getComputedStyle(document.documentElement);
  return { mode: mode(), tokens: Object.fromEntries(tokenNames().map((name) => [name, style.getPropertyValue(name).trim()])) };
}

const themeState = () => ({ colorMode: mode(), light: 'light', dark: 'dark', spacing: 'spacing', shape: 'shape' });

export function themeChanged() {
  for (const [window, one] of frames) {
    window.postMessage({ sim: 'theme', ...theme() }, one.origin);
    if (one.themed) window.postMessage({ eid: one.id, type: 'evt', etyp: 'theme_changed', evnt: { newTheme: themeState(), featureFlags: {} } }, one.origin);
  }
}

// ---- what may be asked ----
function resize(one, height) {
  const text = String(height);
  if (one.fill || !/^\d+(\.\d+)?(px)?$/.test(text)) return;
  one.frame.style.height = `${Math.min(Math.max(Math.ceil(parseFloat(text)), 40), 4000)}px`;
}

const answers = {
  token: async () => (await call(api('/token'))).token,
  context: async (one) => one.context,
  user: async () => ({ atlassianAccountId: current().user.account_id }),
  timeZone: async () => 'Etc/UTC',
  locale: async () => 'en_US',
  location: async () => location.href,
  theme: async (one) => {
    one.frame.classList.add('themed'); // until then the page expects a white ground, as pages do
    return theme();
  },
  resize: async (one, { height }) => resize(one, height),
  fill: async (one) => { one.fill = true; one.frame.classList.add('fill'); },
  request: (one, { url, method = 'GET' }) => call(api('/request'), 'POST', { url: url.startsWith('/') ? url : `/${url}`, method }),
};

async function answerOwn(one, data, source, origin) {
  const answer = { sim: 'answer', id: data.id };
  try {
    answer.value = await answers[data.what](one, data);
  } catch (error) {
    answer.error = error.message;
  }
  source.postMessage(answer, origin);
}

// ---- Atlassian's script: the methods it is told of, each with the question above that it stands for ----
async function requested(one, options) {
  const given = typeof options === 'string' ? { url: options } : options;
  const { status, body } = await answers.request(one, { url: String(given?.url), method: given?.type });
  const text = body === null ? '' : JSON.stringify(body);
  const xhr = { status, statusText: String(status), responseText: text };
  if (status > 299) throw Object.assign(new Error(`status ${status}`), { xhr });
  return { body: text, xhr };
}

const promise = { returnsPromise: true };
const methods = {
  context: { getToken: (one) => answers.token(one), getContext: (one) => answers.context(one) },
  user: { getCurrentUser: (one) => answers.user(one), getTimeZone: (one) => answers.timeZone(one), getLocale: (one) => answers.locale(one) },
  env: { getLocation: async () => location.href, resize: (one, width, height) => answers.resize(one, { height }), sizeToParent: (one) => answers.fill(one),
    hideFooter: async () => {} },
  theming: { initializeTheming: async (one) => {
    one.themed = true;
    one.frame.classList.add('themed');
    one.window().postMessage({ eid: one.id, type: 'evt', etyp: 'theme_initialized', evnt: { initialTheme: themeState(), featureFlags: {} } }, one.origin);
  } },
  _globals: { getLocation: async () => location.href, request: requested },
};
const asked = new Set(['context.getToken', 'context.getContext', '_globals.request']);
const spec = Object.fromEntries(Object.entries(methods).map(([module, fns]) => [module,
  Object.fromEntries(Object.keys(fns).map((fn) => [fn, asked.has(`${module}.${fn}`) ? promise : {}]))]));

async function answerXdm(one, data, source, origin) {
  if (data.type === 'init') source.postMessage({ eid: one.id, type: 'init_received' }, origin);
  if (data.type !== 'req' || !Object.hasOwn(methods, data.mod) || !Object.hasOwn(methods[data.mod], data.fn)) return;
  const awaited = asked.has(`${data.mod}.${data.fn}`);
  let args;
  try {
    const value = await methods[data.mod][data.fn](one, ...(Array.isArray(data.args) ? data.args : []));
    args = awaited ? [undefined, value] : [value];
  } catch (error) {
    args = [error.xhr ?? error.message];
  }
  if (data.mid) source.postMessage({ eid: one.id, mid: data.mid, type: 'resp', forPlugin: true, args }, origin);
}

/** What Atlassian's script reads from the frame's name before it runs. No token in it. */
const frameName = (one) => JSON.stringify({ extension_id: one.id, api: spec, origin: location.origin,
  options: { hostOrigin: location.origin, origin: one.origin, globalOptions: {}, isFullPage: false } });

/** Puts a frame into its box, for the page at url; context is what AP.context.getContext answers. */
export function connect(frame, box, url, context) {
  count += 1;
  const one = { frame, origin: new URL(url).origin, id: `sim-${count}`, context, themed: false, fill: false };
  one.window = () => frame.contentWindow;
  frame.name = frameName(one); // before it is inserted: the window takes its name then
  frame.src = url;
  box.replaceChildren(frame);
  for (const [window, known] of frames) if (known.frame === frame || !known.frame.isConnected) frames.delete(window);
  frames.set(frame.contentWindow, one);
}

window.addEventListener('message', ({ source, origin, data }) => {
  const one = frames.get(source);
  if (!one || origin !== one.origin || data === null || typeof data !== 'object') return;
  if (data.sim === 'ask' && Object.hasOwn(answers, data.what)) answerOwn(one, data, source, origin);
  else if (data.eid === one.id) answerXdm(one, data, source, origin);
});

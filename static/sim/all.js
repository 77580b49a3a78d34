// all.js - what a page inside the simulated site gets in place of Atlassian's all.js: a small AP object.
//
// It has the calls pages of licensed apps use. Every question goes to the page around this one (bridge.js) as a message to
// the host the page was opened for, and an answer counts only from there. Nothing is kept, no token is written anywhere.
(() => {
  'use strict';
  const parameters = new URLSearchParams(location.search);
  const host = parameters.get('xdm_e');
  const options = new Map((document.currentScript?.dataset.options ?? '').split(';').filter(Boolean).map((piece) => {
    const [name, value = 'true'] = piece.split(':');
    return [name.trim(), value.trim()];
  }));
  const waiting = new Map();
  const listeners = new Map();
  const set = new Set(); // the design tokens this script has set
  let last = 0;
  let themed = false;

  const post = (message) => { if (host && window.parent !== window) window.parent.postMessage(message, host); };

  const ask = (what, more = {}) => new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject });
    post({ sim: 'ask', id: last, what, ...more });
  });

  // Each call works with a callback and as a promise, as Atlassian's do.
  const both = (what) => (callback) => {
    const answer = ask(what);
    if (typeof callback === 'function') answer.then(callback, () => {});
    return answer;
  };

  function applyTheme({ mode, tokens }) {
    const root = document.documentElement;
    root.dataset.colorMode = mode;
    root.dataset.theme = `${mode}:${mode} spacing:spacing`;
    root.style.setProperty('color-scheme', mode);
    for (const name of set) if (!Object.hasOwn(tokens, name)) root.style.removeProperty(name);
    for (const [name, value] of Object.entries(tokens)) {
      root.style.setProperty(name, value);
      set.add(name);
    }
  }

  window.addEventListener('message', ({ source, origin, data }) => {
    if (source !== window.parent || origin !== host) return;
    if (data?.sim === 'answer') {
      const { resolve, reject } = waiting.get(data.id) ?? {};
      waiting.delete(data.id);
      if (data.error) reject?.(new Error(data.error));
      else resolve?.(data.value);
    } else if (data?.sim === 'theme' && themed) {
      applyTheme(data);
    }
  });

  // AP.request(url | {url, type, data, success, error}): the resource as the user who looks at the page.
  function request(first, second = {}) {
    const { url, type = 'GET', data, success, error } = typeof first === 'string' ? { ...second, url: first } : first;
    const answer = ask('request', { url: String(url), method: String(type).toUpperCase(), data }).then(({ status, body }) => {
      const text = body === null ? '' : JSON.stringify(body);
      const xhr = { status, statusText: String(status), responseText: text };
      if (status < 200 || status > 299) throw Object.assign(new Error(`status ${status}`), { xhr });
      return { body: text, xhr };
    });
    answer.then(({ body, xhr }) => success?.(body, 'success', xhr), (e) => error?.(e.xhr ?? {}, 'error', String(e.message)));
    return answer;
  }

  const events = {
    on: (name, callback) => { listeners.set(name, [...(listeners.get(name) ?? []), callback]); },
    off: (name, callback) => { listeners.set(name, (listeners.get(name) ?? []).filter((one) => one !== callback)); },
    emit: (name, ...data) => { for (const callback of listeners.get(name) ?? []) callback(...data); },
  };

  const resize = (width = '100%', height = undefined) => {
    ask('resize', { width, height: height ?? document.documentElement.scrollHeight }).catch(() => {});
  };

  const AP = {
    context: { getToken: both('token'), getContext: both('context') },
    user: { getCurrentUser: both('user'), getTimeZone: both('timeZone'), getLocale: both('locale') },
    getLocation: both('location'),
    getCurrentUser: both('user'),
    request,
    events,
    resize,
    sizeToParent: () => { ask('fill').catch(() => {}); },
    theming: {
      initializeTheming: async () => {
        themed = true;
        applyTheme(await ask('theme'));
      },
    },
  };
  AP.require = (names, callback) => callback(...[names].flat().map((name) => AP[name] ?? AP));
  window.AP = AP;

  // A page is as high as what it shows, unless its script tag says otherwise.
  function follow() {
    if (options.get('sizeToParent') === 'true') AP.sizeToParent();
    else if (options.get('resize') !== 'false') new ResizeObserver(() => {
      ask('resize', { width: '100%', height: document.body.getBoundingClientRect().bottom + window.scrollY }).catch(() => {});
    }).observe(document.body);
  }
  if (document.body) follow();
  else document.addEventListener('DOMContentLoaded', follow);
})();

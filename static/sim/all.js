// all.js - what a page inside the simulated site gets in place of Atlassian's all.js: a small AP object.
// It has the calls licgate's own pages use. Tokens come from the page around it (site.js), by messages.
(() => {
  'use strict';
  const parameters = new URLSearchParams(location.search);
  const host = parameters.get('xdm_e');
  const waiting = new Map();
  let last = 0;

  window.addEventListener('message', (event) => {
    if (event.source !== window.parent || event.origin !== host || event.data?.sim !== 'answer') return;
    const { resolve, reject } = waiting.get(event.data.id) ?? {};
    waiting.delete(event.data.id);
    if (event.data.error) reject?.(new Error(event.data.error));
    else resolve?.(event.data.value);
  });

  const ask = (what, more = {}) => new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject });
    window.parent.postMessage({ sim: 'ask', id: last, what, ...more }, host);
  });

  // Each call works with a callback and as a promise, as Atlassian's do.
  const both = (what) => (callback) => {
    const answer = ask(what);
    if (typeof callback === 'function') answer.then(callback, () => {});
    return answer;
  };

  window.AP = {
    context: { getToken: both('token'), getContext: both('context') },
    user: { getCurrentUser: both('user') },
    getLocation: both('location'),
    resize: (width, height) => { ask('resize', { width, height }).catch(() => {}); },
    sizeToParent: () => { ask('resize', { width: '100%', height: '100%' }).catch(() => {}); },
    theming: { initializeTheming: () => {} },
  };
})();

// site.js - the simulated site's page: lists the sites, or steers one and frames the app's pages.
// Every text of app and log is set as text, never as HTML. It also answers what all.js asks from inside the frame.
const $ = (id) => document.getElementById(id);
const name = location.pathname.startsWith('/sites/') ? decodeURIComponent(location.pathname.split('/')[2]) : null;
const api = (path = '') => `/sim/api/sites${name ? `/${encodeURIComponent(name)}` : ''}${path}`;
const ACTIONS = ['install', 'uninstall', 'reinstall', 'rotate', 'import', 'enable', 'disable'];
const LICENSES = ['evaluation', 'active', 'cancelled', 'expired', 'suspended', 'none'];
const FAULTS = ['none', 'slow', 'error', 'gone', 'garbage'];
let site = null;
let openPage = null;

function say(text, bad = false) {
  $('message').textContent = text;
  $('message').classList.toggle('bad', bad);
}

async function call(path, method = 'GET', body = undefined) {
  const answer = await fetch(path, {
    method, headers: body ? { 'Content-Type': 'application/json' } : {}, body: body && JSON.stringify(body),
  });
  const json = await answer.json();
  if (!answer.ok) {
    const error = new Error(json.detail ?? json.note ?? json.title ?? `the app answered ${json.status || 'nothing'}`);
    error.json = json;
    throw error;
  }
  return json;
}

function element(tag, text, more = {}) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  return Object.assign(e, more);
}

/** Runs one piece of work for a button and tells how it went. */
async function attempt(what, work) {
  say(`${what} …`);
  try {
    const result = await work();
    say(result ?? `${what}: done`);
  } catch (error) {
    say(`${what}: ${error.message}`, true);
  }
  if (name) await showSite();
}

// ---- the list ----
async function showSites() {
  const { sites } = await call(api());
  $('site-rows').replaceChildren(...sites.map((s) => {
    const row = element('tr');
    const link = element('a', s.name, { href: `/sites/${encodeURIComponent(s.name)}` });
    const first = element('td');
    first.append(link);
    row.append(first, element('td', s.base_url), element('td', s.status), element('td', s.license.state),
      element('td', s.client_key));
    return row;
  }));
}

// ---- one site ----
function facts(pairs) {
  $('facts').replaceChildren(...pairs.flatMap(([term, text]) => [element('dt', term), element('dd', text)]));
}

async function showLog() {
  const { entries } = await call(api('/log'));
  $('log').replaceChildren(...entries.reverse().map((e) => {
    const box = element('details');
    const head = element('summary', `${e.at} ${e.direction === 'out' ? 'site → app' : 'app → site'} ${e.method} ${e.url} `);
    head.append(element('strong', e.status || 'no answer', { className: e.status >= 200 && e.status < 300 ? '' : 'bad-status' }));
    if (e.note) head.append(` ${e.note}`);
    box.append(head, element('pre', e.token ? JSON.stringify(e.token, null, 2) : 'no readable token'));
    return box;
  }));
}

async function openModule(key) {
  const { url } = await call(api(`/page?module=${encodeURIComponent(key)}`));
  openPage = key;
  $('page').hidden = false;
  $('page').src = url;
  await showSite();
}

async function showSite() {
  site = await call(api());
  document.title = `${site.name} · Simulated Jira`;
  $('title').textContent = `· ${site.name}`;
  $('site-name').textContent = site.name;
  facts([['Base URL', site.base_url], ['clientKey', site.client_key], ['App', `${site.app.key} at ${site.app.base_url}`],
    ['Status', site.status],
    ['Licence', `${site.license.state}, ${site.license.users < 0 ? 'unlimited' : site.license.users} users` +
      `${site.license.expires_at ? `, ends ${site.license.expires_at}` : ''}` +
      `${site.license.edition ? `, edition ${site.license.edition}` : ''}`],
    ['User', site.user.account_id]]);
  for (const button of $('licenses').children) button.setAttribute('aria-pressed', button.value === site.license.state);
  $('admin').checked = site.user.admin;
  $('fault').value = site.fault;
  $('pages').replaceChildren(...site.app.modules.map((m) => {
    const link = element('a', m.name, { href: `#${m.key}`, title: `${m.kind}: ${m.key}` });
    link.setAttribute('aria-current', m.key === openPage);
    link.addEventListener('click', (event) => {
      event.preventDefault();
      history.replaceState(null, '', `#${m.key}`);
      attempt(`open ${m.name}`, () => openModule(m.key));
    });
    return link;
  }));
  await showLog();
}

function buildSite() {
  $('actions').append(...ACTIONS.map((action) => {
    const button = element('button', action, { type: 'button' });
    button.addEventListener('click', () => attempt(action, async () => {
      const { status } = await call(api(`/${action}`), 'POST');
      return `${action}: the app answered ${status || '(it has no such callback)'}`;
    }));
    return button;
  }));
  $('licenses').append(...LICENSES.map((state) => {
    const button = element('button', state, { type: 'button', value: state });
    button.addEventListener('click', () => attempt(`licence ${state}`, async () => {
      await call(api('/license'), 'PUT', { state });
      if (openPage) await openModule(openPage);
    }));
    return button;
  }));
  $('fault').append(...FAULTS.map((kind) => element('option', kind, { value: kind })));
  $('fault').addEventListener('change', () => attempt(`fault ${$('fault').value}`, () =>
    call(api('/fault'), 'PUT', { kind: $('fault').value }).then(() => undefined)));
  $('admin').addEventListener('change', () => attempt('user', () =>
    call(api('/user'), 'PUT', { admin: $('admin').checked }).then(() => undefined)));
  $('rename').addEventListener('submit', (event) => {
    event.preventDefault();
    const to = $('rename').elements.to.value;
    call(api('/rename'), 'POST', { to }).then(
      () => { location.href = `/sites/${encodeURIComponent(to)}`; },
      (error) => say(`rename: ${error.message}`, true));
  });
  $('reload-log').addEventListener('click', showLog);
}

// ---- what the app's page asks through all.js ----
const answers = {
  token: async () => (await call(api('/token'))).token,
  context: async () => ({}),
  user: async () => ({ atlassianAccountId: site.user.account_id }),
  location: async () => location.href,
  resize: async ({ height }) => {
    if (/^\d+(px)?$/.test(String(height))) $('page').style.height = `${Math.min(parseInt(height, 10), 2000)}px`;
  },
};

window.addEventListener('message', async (event) => {
  const { data } = event;
  if (event.source !== $('page').contentWindow || data?.sim !== 'ask' || !Object.hasOwn(answers, data.what)) return;
  const answer = { sim: 'answer', id: data.id };
  try {
    answer.value = await answers[data.what](data);
  } catch (error) {
    answer.error = error.message;
  }
  event.source.postMessage(answer, event.origin);
});

if (name) {
  $('site').hidden = false;
  buildSite();
  const first = decodeURIComponent(location.hash.slice(1));
  (first ? openModule(first) : showSite()).catch((error) => say(error.message, true));
} else {
  $('sites').hidden = false;
  $('new-site').addEventListener('submit', (event) => {
    event.preventDefault();
    const { name: field, descriptor } = $('new-site').elements;
    attempt(`create ${field.value}`, async () => {
      await call(api(), 'POST', { name: field.value, descriptor: descriptor.value });
      await showSites();
    });
  });
  showSites().catch((error) => say(error.message, true));
}

// site.js - the simulated site's page: the list of sites, or one site with its project, its app's pages, its controls and its log.
import { $, api, call, h, keep, say, siteName } from './dom.js';
import { themeChanged, watchSite } from './bridge.js';
import { showLog, startLog } from './log.js';
import { showRoute, startNav } from './nav.js';
import { buildPanel, fillPanel } from './panel.js';

const QUIET_MS = 3000, BUSY_MS = 1000;
let site = null;

// ---- light and dark: a choice that is remembered, else the system's ----
const system = matchMedia('(prefers-color-scheme: dark)');
function showMode() {
  let chosen = null;
  try { chosen = localStorage.getItem('sim-mode'); } catch { /* no storage: the system's choice */ }
  const mode = chosen ?? (system.matches ? 'dark' : 'light');
  document.documentElement.dataset.colorMode = mode;
  const other = mode === 'dark' ? 'Light' : 'Dark';
  $('mode').textContent = other;
  $('mode').setAttribute('aria-label', `${other} colours`);
  themeChanged();
}
$('mode').addEventListener('click', () => {
  const mode = document.documentElement.dataset.colorMode === 'dark' ? 'light' : 'dark';
  try { localStorage.setItem('sim-mode', mode); } catch { /* for this page alone then */ }
  document.documentElement.dataset.colorMode = mode;
  showMode();
});
system.addEventListener('change', showMode);
showMode();

// ---- links within the page that must not become its address ----
function jump(button, target) {
  $(button).addEventListener('click', (event) => {
    event.preventDefault();
    $(target).scrollIntoView();
    $(target).focus();
  });
}

// ---- one site ----
async function refresh() {
  site = await call(api());
  document.title = `${site.name} · Simulated Jira`;
  const user = site.accounts.find((a) => a.account_id === site.user.account_id);
  $('avatar').textContent = [...(user?.name ?? '?')][0].toUpperCase();
  $('avatar').title = `${user?.name ?? site.user.account_id}${site.user.admin ? ', administrator' : ''}`;
  fillPanel(site);
  showRoute(site);
  await showLog();
}

async function poll() {
  if (!document.hidden) await refresh().catch((error) => say(`The simulated site does not answer: ${error.message}`, true));
  setTimeout(poll, site?.clock.script ? BUSY_MS : QUIET_MS);
}

async function showSwitch() {
  const { sites } = await call('/sim/api/sites');
  keep($('site-switch'), sites.map((s) => s.name), (names) => [...names.map((name) => h('option', { value: name }, name)), h('option', { value: '' }, 'All sites')]);
  $('site-switch').value = siteName;
}

function startSite() {
  for (const id of ['site', 'apps', 'site-switch-box', 'avatar']) $(id).hidden = false;
  watchSite(() => site);
  buildPanel($('panel-body'), refresh);
  startNav(() => { if (site) showRoute(site); });
  startLog();
  jump('skip', 'main');
  jump('jump', 'panel-title');
  new IntersectionObserver(([panel]) => $('jump').classList.toggle('away', panel.isIntersecting)).observe($('panel'));
  $('site-switch').addEventListener('change', () => { location.href = $('site-switch').value ? `/sites/${encodeURIComponent($('site-switch').value)}` : '/'; });
  showSwitch().catch((error) => say(error.message, true));
  poll();
}

// ---- the list ----
async function showSites() {
  const { sites } = await call('/sim/api/sites');
  keep($('site-cards'), sites, () => sites.map((s) => h('li', { class: 'box card' },
    h('a', { href: `/sites/${encodeURIComponent(s.name)}` }, s.name),
    h('span', { class: `lozenge ${s.status}` }, s.status), h('span', { class: 'subtle' }, `licence ${s.license.state}`))));
}

function startList() {
  $('nav-button').hidden = true;
  $('list').hidden = false;
  jump('skip', 'list');
  $('new-site').addEventListener('submit', async (event) => {
    event.preventDefault();
    const { name, descriptor, install } = event.target.elements;
    say(`Creating ${name.value} …`);
    try {
      await call('/sim/api/sites', 'POST', { name: name.value, descriptor: descriptor.value });
      if (install.checked) await call(api('/install', name.value), 'POST');
      location.href = `/sites/${encodeURIComponent(name.value)}`;
    } catch (error) {
      say(`${name.value}: ${error.message}`, true);
      await showSites();
    }
  });
  showSites().catch((error) => say(error.message, true));
}

if (siteName) call(api()).then(startSite, (error) => {
  startList();
  say(`${siteName}: ${error.message}`, true);
});
else startList();

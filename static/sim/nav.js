// nav.js - where an app's modules appear: the Apps menu, the project's sidebar, the issue view; and which of them is shown now.
import { $, h, keep } from './dom.js';
import { forgetPlaces, modulePlace } from './frames.js';

const ADMIN = new Set(['adminPages', 'configurePage', 'postInstallPage', 'jiraProjectAdminTabPanels']);
const ISSUE = new Set(['jiraIssueContents', 'jiraIssueGlances', 'jiraIssueContexts', 'jiraIssueTabPanels']);
const SIDE = new Set(['jiraIssueGlances', 'jiraIssueContexts']);

export function placeOf({ kind, location }) {
  if (ADMIN.has(kind)) return 'admin';
  if (ISSUE.has(kind)) return SIDE.has(kind) ? 'issue-side' : 'issue';
  if (kind === 'webPanels' && location.includes('issue')) return location.includes('right') ? 'issue-side' : 'issue';
  if (kind === 'generalPages') return location === 'none' ? 'unlisted' : 'apps';
  return kind === 'jiraProjectPages' ? 'project' : 'other';
}

const GROUPS = [['project', 'Project'], ['apps', 'Apps'], ['unlisted', 'Apps, by link alone'], ['admin', 'Administration'], ['other', 'Other modules']];
// Jira's address for managing apps, where an app's page sends people to buy
const home = location.pathname.endsWith('/plugins/servlet/upm') ? 'manage' : 'issue';
function route() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || home;
  } catch {
    return home; // a % that is no escape
  }
}
const linkOf = (module) => `#module/${encodeURIComponent(module.key)}`;
const working = (site) => site.status === 'enabled' || site.status === 'installed';

function navLink(text, href, at, tag) {
  return h('li', {}, h('a', { href, 'aria-current': at ? 'page' : undefined }, h('span', { class: 'nav-text' }, text), tag ? h('span', { class: 'tag' }, tag) : null));
}

function showNav(site, where) {
  $('nav-site').textContent = site.name;
  const modules = working(site) ? site.app.modules : [];
  keep($('nav-list'), [modules, where, site.user.admin], () => [
    navLink('DEMO-1, an issue', '#issue', where === 'issue'),
    ...GROUPS.map(([place, title]) => [title, modules.filter((m) => placeOf(m) === place)]).filter(([, some]) => some.length > 0)
      .map(([title, some]) => h('li', { class: 'group' }, h('span', { class: 'group-title', id: `group-${title.replace(/\W+/g, '-')}` }, title),
        h('ul', { 'aria-labelledby': `group-${title.replace(/\W+/g, '-')}` }, some.map((m) =>
          navLink(m.name, linkOf(m), where === `module/${m.key}`, title === 'Administration' && !site.user.admin ? 'hidden from members' : null))))),
    ...(modules.length > 0 ? [] : [h('li', { class: 'nav-note' }, working(site) ? 'The app has no pages.' : `The app is ${site.status}: none of its pages are shown.`)]),
  ]);
  const listed = modules.filter((m) => ['apps', 'unlisted'].includes(placeOf(m)) || m.kind === 'configurePage');
  keep($('apps-list'), listed, () => (listed.length > 0
    ? listed.map((m) => h('li', {}, h('a', { href: linkOf(m), onclick: closeApps }, m.name)))
    : h('li', { class: 'nav-note' }, 'No app is installed.')));
}

function crumbs(...texts) {
  keep($('crumbs'), texts, () => h('ol', {}, texts.map((text) => h('li', {}, text))));
}

const field = (name, value) => h('div', { class: 'field' }, h('dt', {}, name), h('dd', {}, value));

function issueView(site) {
  const modules = working(site) ? site.app.modules : [];
  const at = (place) => modules.filter((m) => placeOf(m) === place).map((m) => modulePlace(m, 'h2'));
  const main = at('issue'), side = at('issue-side');
  return h('div', { class: 'issue' },
    h('div', { class: 'issue-main' },
      h('h2', {}, 'Description'),
      h('p', {}, 'This issue is made up. What is real is the app around it: its menu, its panels and its pages come from its own descriptor, each opened with a token signed for this site.'),
      h('p', {}, 'Set the licence, the user or a failure under Rehearsal, and look at what the app makes of it. Each request is in the list below, with its token decoded.'),
      main.length + side.length > 0 ? main : h('p', { class: 'subtle' }, 'The app adds no panel to this place.')),
    h('div', { class: 'issue-side' },
      h('section', { class: 'box', 'aria-labelledby': 'details-title' }, h('h2', { id: 'details-title' }, 'Details'),
        h('dl', {}, field('Status', h('span', { class: 'lozenge' }, 'In progress')), field('Type', 'Task'), field('Reporter', site.accounts[0]?.name ?? 'Nobody'), field('Project', 'Demo project'))),
      side));
}

let drawn = null;
/** Shows what the address says. fresh: also when it is shown already. */
export function showRoute(site, fresh = false) {
  const where = route();
  showNav(site, where);
  const key = where.startsWith('module/') ? where.slice(7) : null;
  const module = working(site) && key !== null ? site.app.modules.find((m) => m.key === key) : null;
  const issueModules = where === 'issue' && working(site) ? site.app.modules.filter((m) => placeOf(m).startsWith('issue')) : [];
  const now = JSON.stringify([where, module, issueModules, site.status]);
  if (now === drawn && !fresh) return;
  drawn = now;
  forgetPlaces();
  if (module) {
    const group = GROUPS.find(([place]) => place === placeOf(module))?.[1] ?? 'Issue';
    crumbs('Projects', 'Demo project', group);
    $('title').textContent = module.name;
    $('view').replaceChildren(modulePlace(module));
  } else if (key !== null) {
    crumbs('Projects', 'Demo project');
    $('title').textContent = 'Not here';
    $('view').replaceChildren(h('p', {}, working(site) ? 'The app has no page of that key.' : `The app is ${site.status} in this site: install or enable it under Rehearsal.`));
  } else if (where === 'manage') {
    crumbs('Apps', 'Manage apps');
    $('title').textContent = site.app.name;
    $('view').replaceChildren(h('p', {}, 'Here an administrator of a real site buys, renews or cancels. In this one the licence is set under Rehearsal.'));
  } else {
    crumbs('Projects', 'Demo project', 'DEMO-1');
    $('title').textContent = 'Rehearse what a licence does, before a customer does';
    $('view').replaceChildren(issueView(site));
  }
}

// ---- the two menus that open ----
function toggle(button, target, open) {
  button.setAttribute('aria-expanded', String(open));
  target(open);
}
const setApps = (open) => toggle($('apps-button'), (o) => { $('apps-list').hidden = !o; }, open);
const setNav = (open) => toggle($('nav-button'), (o) => {
  $('nav').classList.toggle('open', o);
  if (o) $('nav').scrollIntoView();
}, open);
function closeApps() { setApps(false); }

export function startNav(onRoute) {
  $('apps-button').addEventListener('click', () => setApps($('apps-list').hidden));
  $('nav-button').addEventListener('click', () => setNav(!$('nav').classList.contains('open')));
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    for (const [button, close] of [['apps-button', closeApps], ['nav-button', () => setNav(false)]]) {
      if ($(button).getAttribute('aria-expanded') !== 'true') continue;
      close();
      $(button).focus();
    }
  });
  document.addEventListener('click', (event) => { if (!$('apps').contains(event.target)) closeApps(); });
  window.addEventListener('blur', closeApps); // a click into a frame
  window.addEventListener('hashchange', () => {
    setNav(false);
    onRoute();
    $('title').focus();
  });
}

// panel.js - the control panel of a site: app, licence, calendar, user, failures. Built once; what a site says is filled in, and
// a field somebody is typing in is left alone.
import { api, call, dateText, h, keep, say, siteName } from './dom.js';
import { reloadPlaces } from './frames.js';

const LICENSES = [['evaluation', 'Evaluation'], ['active', 'Active'], ['cancelled', 'Cancelled, paid to its end'], ['expired', 'Expired'], ['suspended', 'Suspended'], ['none', 'None']];
const TYPES = ['COMMERCIAL', 'ACADEMIC', 'COMMUNITY', 'DEVELOPER', 'DEMONSTRATION', 'STARTER'];
const FAULTS = [['none', 'Answers normally'], ['slow', 'Slow: 30 seconds'], ['error', '5xx: out of order'], ['gone', '404: gone'], ['garbage', 'Garbage: a log-in page']];
const ACTIONS = [['install', 'Install or upgrade'], ['uninstall', 'Uninstall'], ['reinstall', 'Reinstall'], ['enable', 'Enable'], ['disable', 'Disable'], ['rotate', 'Rotate secret'], ['import', 'Import site']];
const PHASES = { evaluation: 'evaluation', grace: 'ended, in most apps\' grace', expired: 'expired', purchased: 'purchased' };
const STEPS = Object.keys(PHASES);

const at = {}; // the elements that are filled in
let refresh = async () => {};
let site = null;
let phase = null;
let lastHook = null;

/** One piece of work for a button: says how it went, shows the site and, if it touches them, the open pages anew. */
async function attempt(what, work, { reload = true } = {}) {
  say(`${what} …`);
  try {
    say(await work() ?? `${what}: done`);
  } catch (error) {
    say(`${what}: ${error.message}`, true);
  }
  await refresh();
  if (reload && at.reload.checked) reloadPlaces();
}

const put = (path, body) => call(api(path), 'PUT', body).then(() => undefined);
const button = (text, onclick, more = {}) => h('button', { type: 'button', onclick, ...more }, text);
const options = (pairs) => pairs.map(([value, text]) => h('option', { value }, text));
const section = (title, open, ...children) => h('details', { class: 'section', open }, h('summary', {}, h('h3', {}, title)), h('div', { class: 'stack' }, children));
const row = (...children) => h('div', { class: 'row' }, children);

// ---- the app ----
function act(action, text) {
  return button(text, () => attempt(text, async () => {
    const { status } = await call(api(`/${action}`), 'POST');
    return status ? `${text}: the app answered ${status}` : `${text}: done; the app asks for no such callback`;
  }));
}

function appSection() {
  at.facts = h('dl', { class: 'facts' });
  const to = h('input', { name: 'to', required: true, pattern: '[a-z0-9][a-z0-9\\-]*', maxLength: 63, autocomplete: 'off' });
  const rename = h('form', { class: 'inline', onsubmit: (event) => {
    event.preventDefault();
    call(api('/rename'), 'POST', { to: to.value }).then(() => { location.href = `/sites/${encodeURIComponent(to.value)}`; },
      async (error) => { // the site has its new name even where the app refused to hear of it
        const { sites } = await call('/sim/api/sites');
        if (sites.some((s) => s.name === siteName)) say(`Rename: ${error.message}`, true);
        else location.href = `/sites/${encodeURIComponent(to.value)}`;
      });
  } }, h('label', {}, 'Rename the site to ', to), h('button', {}, 'Rename'));
  return section('App', true, at.facts, row(ACTIONS.map(([action, text]) => act(action, text))), rename);
}

// ---- the licence ----
function setLicense(body, text) {
  return attempt(`Licence: ${text}`, () => put('/license', body));
}

function licenseForm() {
  at.end = h('input', { type: 'date', name: 'end' });
  at.type = h('select', { name: 'type' }, options(TYPES.map((t) => [t, t[0] + t.slice(1).toLowerCase()])));
  at.edition = h('select', { name: 'edition' }, options([['', 'None'], ['standard', 'Standard'], ['advanced', 'Advanced']]));
  at.seats = h('input', { type: 'number', name: 'seats', min: 0, max: 1000000, required: true });
  at.unlimited = h('input', { type: 'checkbox', onchange: () => { at.seats.disabled = at.unlimited.checked; } });
  at.form = h('form', { class: 'grid', oninput: () => { at.form.dataset.dirty = 'yes'; }, onsubmit: (event) => {
    event.preventDefault();
    delete at.form.dataset.dirty;
    setLicense({ state: site.license.state, ...(at.end.value ? { expires_at: `${at.end.value}T00:00:00Z` } : {}), type: at.type.value,
      edition: at.edition.value || null, users: at.unlimited.checked ? -1 : Number(at.seats.value) }, 'details');
  } }, h('label', {}, 'Ends', at.end), h('label', {}, 'Type', at.type), h('label', {}, 'Edition', at.edition), h('label', {}, 'Seats', at.seats),
  h('label', { class: 'choice' }, at.unlimited, ' Unlimited seats'), h('button', {}, 'Set details'));
  return at.form;
}

function licenseSection() {
  at.states = h('div', { class: 'row', role: 'group', 'aria-label': 'Licence state' },
    LICENSES.map(([state, text]) => button(text, () => setLicense({ state }, text.toLowerCase()), { value: state })));
  at.licenseLine = h('p', { class: 'line' });
  return section('Licence', true, at.licenseLine, at.states, licenseForm());
}

// ---- Forge: the other door ----
const ENVIRONMENTS = [['PRODUCTION', 'Production'], ['STAGING', 'Staging'], ['DEVELOPMENT', 'Development']];
const STEP_TEXT = { connect_install: 'Connect installed', install: 'installed by Forge', invoke: 'called by Forge', connect_uninstall: 'Connect uninstalled' };

function forgeCall(action, text) {
  return button(text, () => attempt(text, async () => {
    const { status, answer, steps } = await call(api('/forge'), 'POST', { action, environment: at.environment.value });
    const licence = answer ? `; licence ${answer.state} for ${answer.tenant}` : '';
    return action === 'migrate' ? `${text}: ${steps.map((s) => STEP_TEXT[s.step]).join(', ')}${licence}` : `${text}: the app answered ${status}${licence}`;
  }), { 'data-forge': action });
}

function forgeSection() {
  at.environment = h('select', { name: 'environment' }, options(ENVIRONMENTS));
  at.forgeLine = h('p', { class: 'line' });
  at.forgeButtons = [['install', 'Install by Forge'], ['invoke', 'Call by Forge'], ['upgrade', 'Upgrade by Forge'], ['uninstall', 'Uninstall from Forge']].map(([action, text]) => forgeCall(action, text));
  return section('Forge', false, at.forgeLine, h('label', {}, 'Environment', at.environment), row(at.forgeButtons),
    h('p', { class: 'subtle' }, 'A migration: Connect alone, both doors, calls by Forge alone, and Connect is uninstalled.'), row(forgeCall('migrate', 'Play a migration')));
}

function fillForge({ forge }) {
  at.forgeLine.textContent = forge ? `Installed, ${forge.environment.toLowerCase()}, version ${forge.version}` : 'Not installed by Forge';
  if (forge) set(at.environment, 'value', forge.environment);
  for (const one of at.forgeButtons) one.disabled = !forge && one.dataset.forge !== 'install';
}

// ---- the calendar ----
function calendarSection() {
  at.today = h('p', { class: 'line' });
  at.steps = h('ol', { class: 'steps', 'aria-label': 'The script' }, STEPS.map((name) => h('li', { 'data-step': name }, name)));
  at.progress = h('progress', { max: 60, value: 0, 'aria-label': 'Days of the script' });
  at.play = button('Play 60 days in a minute', () => (site.clock.script
    ? attempt('Script stopped', () => call(api('/script'), 'DELETE').then(() => undefined), { reload: false })
    : attempt('Script: a fresh evaluation begins', () => call(api('/script'), 'POST', { seconds: 60 }).then(() => undefined))), { class: 'primary' });
  const ahead = (days) => attempt(`Calendar: ${days} days on`, () => put('/clock', { days: site.clock.days_ahead + days }));
  return section('Calendar', true, at.today,
    row([1, 7, 30].map((days) => button(`+${days} day${days > 1 ? 's' : ''}`, () => ahead(days))), button('Back to today', () => attempt('Calendar: today', () => put('/clock', { days: 0 })))),
    h('p', { class: 'subtle' }, 'The script: a 30-day evaluation, its end, expiry after 45 days, a purchase on day 53.'), row(at.play), at.progress, at.steps,
    h('p', { class: 'subtle honest' }, h('strong', {}, 'What is simulated: '),
      'only this site\'s calendar runs. Tokens carry the real time. An end date is told to the app as many real days away as it is in this calendar. ',
      'What an app times by its own clock is not hurried: how long it keeps an answer, when it first saw an end, idle seats.'));
}

// ---- the user, and the webhooks about users ----
async function hook(event, body, text) {
  const { status, identifier, note } = await call(api('/webhook'), 'POST', { event, ...body });
  if (identifier) lastHook = { event, body: { ...body, identifier } };
  return status ? `${text}: the app answered ${status}` : `${text}: ${note}`;
}

function userSection() {
  at.user = h('select', { onchange: () => attempt('User', () => put('/user', { account_id: at.user.value })) });
  at.admin = h('input', { type: 'checkbox', onchange: () => attempt('User', () => put('/user', { admin: at.admin.checked })) });
  const other = h('input', { name: 'account', maxLength: 128, required: true, autocomplete: 'off' });
  const another = h('form', { class: 'inline', onsubmit: (event) => {
    event.preventDefault();
    const id = other.value;
    other.value = '';
    attempt('User', () => put('/user', { account_id: id, admin: false }));
  } }, h('label', {}, 'Another account id ', other), h('button', {}, 'Use it'));
  const made = () => `sim-user-${Math.floor(Math.random() * 1e9).toString(36)}`;
  const say1 = (text, work) => button(text, () => attempt(text, work, { reload: false }));
  at.hooks = h('div', { class: 'stack' });
  at.again = say1('Repeat the last webhook', () => hook(lastHook.event, lastHook.body, 'Repeated'));
  at.again.disabled = true;
  return section('User', true, h('label', {}, 'Who looks at the pages', at.user), h('label', { class: 'choice' }, at.admin, ' is an administrator'), another,
    h('h4', {}, 'Users come and go'),
    row(say1('User created', () => { const id = made(); return hook('user_created', { account_id: id, name: `New ${id.slice(9)}` }, 'User created'); }),
      say1('User updated', () => hook('user_updated', { account_id: at.user.value, name: `${site.accounts.find((a) => a.account_id === at.user.value)?.name ?? 'User'} *`.slice(0, 60) }, 'User updated')),
      say1('User deleted', () => hook('user_deleted', { account_id: at.user.value }, 'User deleted'))),
    at.hooks, row(at.again));
}

function otherHooks(events) {
  const more = events.filter((e) => !['user_created', 'user_updated', 'user_deleted'].includes(e)).slice(0, 20);
  const missing = ['user_created', 'user_updated', 'user_deleted'].filter((e) => !events.includes(e));
  return [
    ...(more.length > 0 ? [row(more.map((event) => button(event, () => attempt(event, () => hook(event, {}, event), { reload: false }))))] : []),
    ...(missing.length > 0 ? [h('p', { class: 'subtle' }, `The app's descriptor asks for no webhook for ${missing.join(', ')}: it happens here, and nothing is sent.`)] : []),
  ];
}

// ---- all of it ----
export function buildPanel(body, onChange) {
  refresh = onChange;
  at.fault = h('select', { onchange: () => attempt('Host', () => put('/fault', { kind: at.fault.value }), { reload: false }) }, options(FAULTS));
  at.reload = h('input', { type: 'checkbox', checked: true });
  body.append(
    h('label', { class: 'choice' }, at.reload, ' Open pages anew after each change'),
    appSection(), licenseSection(), calendarSection(), userSection(), forgeSection(),
    section('Host failures', true, h('label', {}, 'When the app asks this site', at.fault)));
}

function set(element, property, value) {
  if (document.activeElement !== element) element[property] = value;
}

function fillLicense({ license: l }) {
  const seats = l.users < 0 ? 'unlimited seats' : `${l.users} seats`;
  at.licenseLine.textContent = [LICENSES.find(([state]) => state === l.state)?.[1] ?? l.state, l.expires_at ? `ends ${dateText(l.expires_at)}` : null,
    l.type.toLowerCase(), l.edition, seats].filter(Boolean).join(' · ');
  for (const one of at.states.children) one.setAttribute('aria-pressed', String(one.value === l.state));
  if (at.form.dataset.dirty) return;
  set(at.end, 'value', l.expires_at?.slice(0, 10) ?? '');
  set(at.type, 'value', l.type);
  set(at.edition, 'value', l.edition ?? '');
  set(at.seats, 'value', l.users < 0 ? '' : l.users);
  set(at.unlimited, 'checked', l.users < 0);
  at.seats.disabled = l.users < 0;
}

function fillClock({ clock }) {
  const { script } = clock;
  at.today.textContent = `${dateText(clock.now)}${clock.days_ahead > 0 ? `, ${clock.days_ahead} days ahead` : ', the real date'}`;
  at.play.textContent = script ? 'Stop the script' : 'Play 60 days in a minute';
  at.progress.hidden = at.steps.hidden = !script;
  at.progress.value = script?.day ?? 0;
  for (const step of at.steps.children) step.setAttribute('aria-current', String(script?.phase === step.dataset.step));
  if (script && script.phase !== phase) {
    say(`Day ${script.day}: ${PHASES[script.phase]}`);
    if (phase && at.reload.checked) reloadPlaces();
  }
  if (!script && phase) say('The script is over: the app is licensed for a year.');
  phase = script?.phase ?? null;
}

export function fillPanel(now) {
  site = now;
  keep(at.facts, [site.status, site.app.name, site.app.key, site.app.base_url, site.app.licensing, site.base_url, site.client_key], () => [
    ['Status', h('span', { class: `lozenge ${site.status}` }, site.status)], ['App', site.app.name], ['Key', site.app.key], ['At', site.app.base_url],
    ['Licensed', site.app.licensing ? 'yes (enableLicensing)' : 'no: a real host would say none'], ['Site', site.base_url], ['clientKey', site.client_key],
  ].flatMap(([term, text]) => [h('dt', {}, term), h('dd', {}, text)]));
  fillLicense(site);
  fillClock(site);
  fillForge(site);
  keep(at.user, site.accounts, () => site.accounts.map((a) => h('option', { value: a.account_id },
    `${a.name}${a.deleted ? ' (deleted)' : a.admin ? ' (administrator)' : ''}`)));
  set(at.user, 'value', site.user.account_id);
  set(at.admin, 'checked', site.user.admin);
  set(at.fault, 'value', site.fault);
  keep(at.hooks, site.app.webhooks, otherHooks);
  at.again.disabled = !lastHook;
}

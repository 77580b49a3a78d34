// app.js - the script of the pages in the host's frame: asks for a context token, then for the licence, and shows it.
// Everything from outside is shown as text, never as markup.

const STATES = {
  evaluation: 'Evaluation', active: 'Active', grace: 'Ended a short while ago (grace)', cancelled_pending: 'Cancelled, paid until its end',
  expired: 'Ended', none: 'No licence', unknown: 'Not known yet',
};
const SOURCES = {
  override: 'a manual override', lic: 'this page load', claim: 'your session', lookup: 'your site', stale: 'your site, some time ago',
  install: 'the installation', none: 'nobody yet',
};
const VERDICTS = { allow: 'Use it', read_only: 'Read it', deny: 'Not use it' };
const TOKEN_WAIT_MS = 5000;

const page = document.body.dataset;
const find = (name) => document.querySelector(name);

function say(text, kind = '', at = find('[data-status]')) {
  if (!at) return;
  at.textContent = text;
  at.dataset.kind = kind;
}

// The host's page script is there inside its frame alone.
function contextToken() {
  return new Promise((resolve, reject) => {
    if (!window.AP?.context?.getToken) {
      reject(new Error('Open this page inside your site: there it knows who you are.'));
      return;
    }
    const timer = setTimeout(() => reject(new Error('Your site did not answer. Reload the page.')), TOKEN_WAIT_MS);
    window.AP.context.getToken((token) => {
      clearTimeout(timer);
      resolve(token);
    });
  });
}

async function call(path, options = {}) {
  const headers = { ...options.headers, Accept: 'application/json', Authorization: `JWT ${await contextToken()}` };
  const answer = await fetch(`${page.base}${path}`, { ...options, headers });
  const body = await answer.json().catch(() => null);
  if (answer.status === 401) throw new Error('Your session has ended. Reload the page.');
  if (!answer.ok) throw new Error(body?.detail ?? body?.title ?? `The server answered ${answer.status}. Try again in a minute.`);
  return body;
}

function seatsText({ limit, used }) {
  return limit ? `${used} of ${limit} used` : `${used} used`;
}

function showFeatures(features) {
  const rows = Object.entries(features).map(([name, { verdict, code }]) => {
    const row = document.createElement('tr');
    for (const text of [name, VERDICTS[verdict] ?? verdict, code]) {
      const cell = document.createElement('td');
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  find('[data-features]')?.replaceChildren(...rows);
}

function showLicense(license) {
  const texts = {
    state: STATES[license.state] ?? license.state,
    reason: license.reason,
    source: (SOURCES[license.source] ?? license.source) + (license.age > 60 ? `, ${Math.round(license.age / 60)} minutes ago` : ''),
    edition: license.edition ?? 'None',
    expires: license.expires_at ? new Date(license.expires_at).toLocaleDateString() : 'No date known',
    seats: seatsText(license.seats),
  };
  for (const [name, text] of Object.entries(texts)) {
    const at = find(`[data-field="${name}"]`);
    if (at) at.textContent = text;
  }
  showFeatures(license.features);
  find('[data-license]').hidden = false;
  say(license.stale ? 'Your site did not answer lately: this is what it said last.' : '');
}

function showFeature(license) {
  const { verdict, code } = license.features[page.feature] ?? {};
  const lines = { allow: 'Your licence includes this.', read_only: `You can read, but not change anything (${code}).` };
  say(lines[verdict] ?? `Your licence does not include this (${code ?? 'UNKNOWN'}).`, verdict === 'allow' ? '' : 'error');
}

async function sendFeedback(event) {
  event.preventDefault();
  const form = event.target;
  const status = find('[data-feedback-status]');
  const button = form.querySelector('button');
  const message = form.elements.message.value.trim();
  if (!message) {
    say('Write a message first.', 'error', status);
    form.elements.message.focus();
    return;
  }
  button.disabled = true;
  try {
    await call('/api/v1/feedback', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ message, account: form.elements.account.checked }),
    });
    form.reset();
    say('Thank you. The vendor has your message.', '', status);
  } catch (error) {
    say(error.message, 'error', status);
  }
  button.disabled = false;
}

async function start() {
  find('[data-feedback]')?.addEventListener('submit', sendFeedback);
  try {
    const license = await call('/api/v1/license');
    if (page.page === 'feature') showFeature(license);
    else showLicense(license);
  } catch (error) {
    say(error.message, 'error');
  }
}

start();

// host.js - what a page in the host's frame needs from the site around it: its theme, tokens, the licence while it changes.
//
// A token is asked for at each call and kept nowhere: the host renews it. One that ended on its way is asked for once more.
// The token the host put into the page's address has done its work when the page is here, and is taken out of it.
const TOKEN_WAIT_MS = 8000;
const CALL_WAIT_MS = 20000;
const RECHECK_MS = 60000;
const MONTH_MS = 30 * 86400000; // longer timers than a browser takes
const base = document.body.dataset.base ?? '';
const opened = new URL(location.href);

/** What went wrong, in words for the person. code: the server's ("not_admin"), status 0: no answer at all. */
export class Trouble extends Error {
  constructor(text, { status = 0, code = '' } = {}) {
    super(text);
    Object.assign(this, { status, code });
  }
}

// all.js is there inside the host's frame alone.
function contextToken() {
  return new Promise((resolve, reject) => {
    if (!window.AP?.context?.getToken) {
      reject(new Trouble('Open this page inside your site: only there it knows who you are.'));
      return;
    }
    const timer = setTimeout(() => reject(new Trouble('Your site did not answer. Reload the page.')), TOKEN_WAIT_MS);
    window.AP.context.getToken((token) => {
      clearTimeout(timer);
      resolve(token);
    });
  });
}

async function send(path, method, body) {
  const token = await contextToken();
  const headers = { Accept: 'application/json', Authorization: `JWT ${token}` };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(CALL_WAIT_MS) });
  } catch {
    throw new Trouble('The app cannot be reached right now. Try again in a minute.');
  }
}

/** Calls the app's API with a fresh token. The answer's JSON (null for 204); throws Trouble. */
export async function call(path, { method = 'GET', body } = {}) {
  let answer = await send(path, method, body);
  if (answer.status === 401) answer = await send(path, method, body);
  if (answer.status === 204) return null;
  const json = await answer.json().catch(() => null);
  if (answer.ok && json) return json;
  if (answer.status === 401) throw new Trouble('Your session has ended. Reload the page.', { status: 401 });
  if (answer.status >= 500) throw new Trouble('The app is out of order right now. Try again in a minute.', answer);
  throw new Trouble(json?.detail ?? json?.title ?? `The app answered ${answer.status}.`, { status: answer.status, code: json?.code });
}

/**
 * Asks for the licence now, each minute while the page is seen, when it comes into sight again, and at the licence's own end.
 * Returns a function that asks at once.
 */
export function watchLicense(show, trouble) {
  let timer, running;
  function next(license) {
    clearTimeout(timer);
    if (document.hidden) return;
    const left = license?.expires_at ? new Date(license.expires_at) - Date.now() + 1000 : MONTH_MS;
    timer = setTimeout(check, left > 0 ? Math.min(left, RECHECK_MS) : RECHECK_MS);
  }
  async function ask() {
    let license = null;
    try {
      license = await call('/api/v1/license');
      show(license);
    } catch (error) {
      trouble(error);
    }
    running = undefined;
    next(license);
    return license;
  }
  function check() {
    running ??= ask();
    return running;
  }
  document.addEventListener('visibilitychange', () => { if (!document.hidden) check(); });
  check();
  return check;
}

/** The site's page where apps and licences are managed; the host signed the parameters it is made of. Null outside a site. */
export function manageAppsUrl() {
  const site = opened.searchParams.get('xdm_e');
  if (!site || !/^https?:\/\//.test(site)) return null;
  return `${new URL(site).origin}${opened.searchParams.get('cp') ?? ''}/plugins/servlet/upm`;
}

/** Asks the site for the names of accounts, as the person who is looking: {id: name} of those it tells. They stay in the page. */
export async function namesOf(accounts) {
  if (!window.AP?.request || accounts.length === 0) return {};
  const query = accounts.map((id) => `accountId=${encodeURIComponent(id)}`).join('&');
  try {
    const answer = await window.AP.request(`/rest/api/3/user/bulk?maxResults=${accounts.length}&${query}`);
    const { values } = JSON.parse(answer.body);
    return Object.fromEntries(values.map(({ accountId, displayName }) => [accountId, displayName]));
  } catch {
    return {}; // an id is a name too
  }
}

if (opened.searchParams.has('jwt')) {
  const clean = new URL(opened);
  clean.searchParams.delete('jwt');
  history.replaceState(history.state, '', clean);
  opened.searchParams.delete('jwt');
}
window.AP?.theming?.initializeTheming?.();

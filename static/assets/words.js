// words.js - the licence in words: one place for what a state, a verdict and its reason are called.
// States, codes and sources are those of the licence answer; one that is not named here is shown as it came.
const DAY_MS = 86400000;
const longDate = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long' });

const STATES = {
  active: { name: 'Active', tone: 'success' },
  evaluation: { name: 'Evaluation', tone: 'information' },
  grace: { name: 'Grace period', tone: 'warning' },
  cancelled_pending: { name: 'Cancelled', tone: 'warning' },
  expired: { name: 'Ended', tone: 'danger' },
  none: { name: 'No licence', tone: 'neutral' },
  unknown: { name: 'Not known yet', tone: 'neutral' },
};
const VERDICTS = {
  allow: { name: 'Open', tone: 'success' },
  read_only: { name: 'Read only', tone: 'warning' },
  deny: { name: 'Closed', tone: 'danger' },
};
const WHY = {
  VALID: 'Your site has a licence.',
  EVALUATION: 'Your site is trying the app out.',
  GRACE: 'The licence has ended. It stays open for a short while, so that there is time to renew.',
  EXPIRED: 'The licence has ended.',
  NO_LICENSE: 'Your site has no licence for this app.',
  SEATS_EXCEEDED: 'All seats are taken, and you have none yet.',
  EDITION_REQUIRED: 'It belongs to another edition of the app.',
  OVERRIDE: 'The vendor has opened it for your site.',
  GRANDFATHERED: 'Your site had the app before a licence was needed for this.',
  UNKNOWN: 'Your site has not told yet whether the app is licensed.',
  ADMIN_CHOICE: 'An administrator of your site has closed it for everybody.',
};
const SOURCES = {
  override: 'Set by the vendor', lic: 'Told by your site just now', claim: 'Told by your site just now', lookup: 'Asked from your site',
  stale: 'Asked from your site', install: 'Told when the app was installed', none: 'Nothing known yet',
  marketplace: 'From the Marketplace', github: 'From GitHub', forge: 'Told by your site just now',
};
const GOOD_CODES = ['VALID', 'EVALUATION', 'GRACE', 'OVERRIDE', 'GRANDFATHERED'];
const GOOD = ['active', 'evaluation', 'grace', 'cancelled_pending'];

export const date = (time) => longDate.format(new Date(time));
export const stateName = (state) => STATES[state] ?? { name: state, tone: 'neutral' };
export const verdictName = (verdict) => VERDICTS[verdict] ?? VERDICTS.deny;
export const isLicensed = (license) => GOOD.includes(license.state);

/** "sprint_board" -> "Sprint board" */
export function featureName(name) {
  const words = name.replace(/[_.-]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function why({ verdict, code }) {
  if (code === 'EXPIRED' && verdict === 'read_only') return 'The licence has ended. What is there can still be read.';
  if (code === 'ADMIN_CHOICE' && verdict === 'read_only') return 'An administrator of your site has limited it to reading for everybody.';
  // These codes tell of a licence in order: what is left is the features file.
  if (GOOD_CODES.includes(code) && verdict === 'read_only') return 'Your licence limits it to reading.';
  if (GOOD_CODES.includes(code) && verdict === 'deny') return 'It is not part of your licence.';
  return WHY[code] ?? `The app says: ${code}.`;
}

/** "3 minutes ago" */
export function ago(seconds) {
  if (seconds < 60) return 'just now';
  const [count, unit] = seconds < 3600 ? [seconds / 60, 'minute'] : seconds < 86400 ? [seconds / 3600, 'hour'] : [seconds / 86400, 'day'];
  return new Intl.RelativeTimeFormat('en-GB').format(-Math.floor(count), unit);
}

export function learned({ source, age, stale }) {
  const text = SOURCES[source] ?? source;
  return stale || (source === 'lookup' && age >= 0) ? `${text}, ${ago(age)}` : text;
}

/** limit null: none is told. */
export const seats = ({ limit, used }) => (limit ? `${used} of ${limit} used` : `${used} used`);

function evaluationHeadline(end) {
  if (!end) return ['Your site is trying this app out', 'Buy a licence before the evaluation ends, and nothing is interrupted.'];
  const days = Math.ceil((end - Date.now()) / DAY_MS);
  return [days > 1 ? `${days} days left to try the app out` : 'The last day of the evaluation',
    `The evaluation ends on ${date(end)}. Buy a licence before then, and nothing is interrupted.`];
}

/** [headline, the sentence below it] */
export function headline(license) {
  const end = license.expires_at ? new Date(license.expires_at) : null;
  const ahead = end && end > Date.now() ? date(end) : null;
  const past = end && !ahead ? ` on ${date(end)}` : '';
  switch (license.state) {
    case 'active': return [ahead ? `Licensed until ${ahead}` : 'Your site has a licence', 'All that your licence includes is open.'];
    case 'evaluation': return evaluationHeadline(ahead && end);
    case 'grace': return [`The licence has ended${past}`, 'The app stays open for a short while. Renew the licence, and nothing is interrupted.'];
    case 'cancelled_pending': return [ahead ? `Cancelled, and paid until ${ahead}` : 'The licence is cancelled',
      'Everything stays open until then. Renew the licence to keep it open.'];
    case 'expired': return [past ? `The licence ended${past}` : 'The licence has ended', 'Nothing has been deleted. All is open again a few minutes after the renewal.'];
    case 'none': return ['Your site has no licence for this app', 'Start a trial or buy a licence. Parts of the app stay closed until then.'];
    default: return ['The licence is not known yet', 'Your site has not told yet whether the app is licensed. This page asks again by itself.'];
  }
}

/** What the button to the site's app management says. urgent: the page's first button. */
export function nextStep({ state }) {
  if (state === 'evaluation' || state === 'none') return { text: 'Buy a licence', urgent: true };
  if (state === 'active' || state === 'unknown') return { text: 'Manage the licence', urgent: false };
  return { text: 'Renew the licence', urgent: true };
}

/** What to say when the licence changed under an open page; null: nothing that matters changed. */
export function changed(before, now) {
  if (!before || before.state === now.state) return null;
  if (isLicensed(before) && !isLicensed(now))
    return { kind: 'warning', text: 'The licence ended while this page was open. Nothing has been deleted; an administrator can renew it under Manage apps.' };
  if (!isLicensed(before) && isLicensed(now)) return { kind: 'success', text: 'The licence is in order again: the app is open.' };
  return { kind: 'info', text: `The licence changed while this page was open: ${stateName(now.state).name.toLowerCase()}.` };
}

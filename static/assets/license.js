// license.js - the licence page: what is licensed, until when, what each feature allows and why, and a word to the vendor.
import { call, manageAppsUrl, watchLicense } from './host.js';
import { bar, element, find, lozenge, reveal, say } from './page.js';
import { changed, date, featureName, headline, learned, nextStep, seats, stateName, verdictName, why } from './words.js';

let shown = null;

function showEnd({ expires_at: end, source }) {
  const term = source === 'override' ? 'Set until' : 'Ends';
  find('[data-end-term]').textContent = end && new Date(end) < Date.now() ? 'Ended' : term;
  find('[data-end]').textContent = end ? date(end) : 'No date known';
}

function showSeats(license) {
  const { limit, used } = license.seats;
  find('[data-seats]').replaceChildren(seats(license.seats), ...(limit ? [bar(used, limit)] : []));
}

function showFeatures(features) {
  find('[data-features]').replaceChildren(...Object.entries(features).map(([name, ruling]) => element('li', {},
    element('h3', { className: 'feature-name' }, featureName(name)),
    element('span', { className: 'feature-verdict' }, lozenge(verdictName(ruling.verdict))),
    element('span', { className: 'feature-why' }, why(ruling)))));
}

function showNextStep(license) {
  const url = manageAppsUrl();
  const { text, urgent } = nextStep(license);
  const link = find('[data-manage-link]');
  find('[data-manage]').hidden = !url;
  if (url) link.href = url;
  link.textContent = text;
  link.classList.toggle('primary', urgent);
}

function show(license) {
  const [head, detail] = headline(license);
  find('[data-state]').replaceChildren(lozenge(stateName(license.state)));
  find('[data-headline]').textContent = head;
  find('[data-detail]').textContent = detail;
  find('[data-with-edition]').hidden = !license.edition;
  find('[data-edition]').textContent = featureName(license.edition ?? '');
  find('[data-learned]').textContent = learned(license);
  showEnd(license);
  showSeats(license);
  showFeatures(license.features);
  showNextStep(license);
  const news = changed(shown, license);
  if (news) say(find('[data-changed]'), news.text, news.kind);
  say(find('[data-trouble]'), license.stale ? 'Your site does not answer at the moment. This is what it said last.' : '', 'warning');
  shown = license;
  reveal();
}

function trouble(error) {
  say(find('[data-trouble]'), shown ? `${error.message} What is below may be old.` : error.message, 'error');
  if (!shown) find('[data-waiting]')?.remove();
}

async function sendFeedback(event) {
  event.preventDefault();
  const form = event.target;
  const said = find('[data-feedback-said]');
  const { message, account } = form.elements;
  const button = find('button', form);
  const text = message.value.trim();
  message.ariaInvalid = String(!text);
  if (!text) {
    say(said, 'Write a message first.', 'error');
    message.focus();
    return;
  }
  button.disabled = true;
  say(said, '');
  try {
    await call('/api/v1/feedback', { method: 'POST', body: { message: text, account: account.checked } });
    form.reset();
    showRoom();
    say(said, 'Thank you. The vendor has your message.', 'success');
  } catch (error) {
    say(said, `${error.message} Your message is still here.`, 'error');
  }
  button.disabled = false;
}

function showRoom() {
  const { length } = find('#message').value;
  find('[data-room]').textContent = length > 3500 ? `${4000 - length} characters left` : 'Up to 4,000 characters';
}

find('[data-feedback]').addEventListener('submit', sendFeedback);
find('#message').addEventListener('input', showRoom);
watchLicense(show, trouble);

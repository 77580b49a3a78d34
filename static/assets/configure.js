// configure.js - the administrators' page: who holds seats, freeing one, and the most that everybody gets of a feature.
// Names come from the site itself, asked as the administrator who looks; the app knows account ids alone. Holders come some
// hundred at a time: seats.next is where the next answer goes on.
import { call, namesOf } from './host.js';
import { bar, element, find, reveal, say } from './page.js';
import { ago, date, featureName, seats, verdictName } from './words.js';

const PAGE = 50; // people shown at once, and names asked for at once
const NAMES_WAIT_MS = 1500;
const OPTIONS = { allow: 'Everything the licence allows', read_only: 'Read only', deny: 'Nothing' };
const TROUBLES = { 403: 'Only administrators of this site can change these settings.', 404: 'This app has no settings to change here.' };
let settings = null;
let room = PAGE;
const names = new Map();

const since = (time) => (Date.now() - new Date(time)) / 1000;
const nameOf = (id) => names.get(id) || id;

function matching() {
  const wanted = find('[data-filter-text]').value.trim().toLowerCase();
  return settings.seats.holders.filter(({ account_id: id }) => !wanted || id.toLowerCase().includes(wanted) || nameOf(id).toLowerCase().includes(wanted));
}

function holderRow({ account_id: id, seat_at: taken, last_seen_at: seen }) {
  const times = [taken && `Seat since ${date(taken)}`, seen && `last seen ${ago(since(seen))}`].filter(Boolean).join(', ');
  const button = element('button', { type: 'button', ariaLabel: `Free seat of ${nameOf(id)}` }, 'Free seat');
  button.addEventListener('click', () => free(id, button));
  return element('li', { data: { account: id } },
    element('div', { className: 'grow' }, element('h3', {}, nameOf(id)), element('p', { className: 'subtle small' }, times)), button);
}

function showSeats() {
  const { limit, holders } = settings.seats;
  const found = matching();
  const left = found.length - room;
  const more = left > 0 || settings.seats.next;
  find('[data-used]').textContent = seats(settings.seats);
  find('[data-bar]').replaceChildren(...(limit ? [bar(settings.seats.used, limit)] : []));
  find('[data-holders]').replaceChildren(...found.slice(0, room).map(holderRow));
  find('[data-holders]').hidden = found.length === 0;
  find('[data-nobody]').hidden = found.length > 0;
  find('[data-nobody]').textContent = holders.length ? 'Nobody with that name is in the list.' : 'Nobody holds a seat.';
  find('[data-filter]').hidden = holders.length <= 10;
  find('[data-more]').hidden = !more;
  find('[data-more-text]').textContent = settings.seats.next ? 'There are more than shown' : `${left} more`;
  askNames(found.slice(0, room)).then((told) => { if (told) showSeats(); });
}

/** True: there are names that were not known. */
async function askNames(holders) {
  const unknown = holders.map(({ account_id: id }) => id).filter((id) => !names.has(id)).slice(0, PAGE);
  if (unknown.length === 0) return false;
  for (const id of unknown) names.set(id, ''); // each is asked for once
  const told = Object.entries(await namesOf(unknown));
  for (const [id, name] of told) names.set(id, name);
  return told.length > 0;
}

async function free(id, button) {
  const row = button.closest('li');
  const next = row.nextElementSibling ?? row.previousElementSibling;
  const nextId = next?.dataset.account;
  button.disabled = true;
  try {
    await call(`/api/v1/seats/${encodeURIComponent(id)}`, { method: 'DELETE' });
  } catch (error) {
    if (error.code !== 'no_seat') { // somebody else was faster
      button.disabled = false;
      say(find('[data-seat-said]'), error.message, 'error');
      return;
    }
  }
  const { seats: s } = settings;
  s.holders = s.holders.filter((holder) => holder.account_id !== id);
  s.used = Math.max(0, s.used - 1);
  showSeats();
  say(find('[data-seat-said]'), `The seat of ${nameOf(id)} is free.`, 'success');
  const rows = [...document.querySelectorAll('[data-account]')];
  (find('button', rows.find((e) => e.dataset.account === nextId) ?? document.createElement('p')) ?? find('#seats-title')).focus();
}

async function more() {
  room += PAGE;
  const { next, holders } = settings.seats;
  if (next && room > holders.length) {
    try {
      const { seats: s } = await call(`/api/v1/configure?after=${encodeURIComponent(next)}`);
      settings.seats = { ...s, holders: [...holders, ...s.holders] };
    } catch (error) {
      say(find('[data-seat-said]'), error.message, 'error');
    }
  }
  showSeats();
}

// ---- choices ----
const picked = () => [...document.querySelectorAll('[data-choice]')].filter((e) => e.value !== e.dataset.stored);

function choiceRow({ feature, value, options }) {
  const id = `choice-${feature}`;
  const select = element('select', { id, data: { choice: feature, stored: value } }, ...options.map((option) =>
    element('option', { value: option, selected: option === value }, OPTIONS[option] ?? verdictName(option).name)));
  select.addEventListener('change', () => { find('[data-save]').disabled = picked().length === 0; });
  return element('li', {}, element('label', { htmlFor: id, className: 'feature-name' }, featureName(feature)), select);
}

function showChoices() {
  const { choices } = settings;
  find('[data-choice-list]').replaceChildren(...choices.map(choiceRow));
  find('[data-choices]').hidden = choices.length === 0;
  find('[data-no-choice]').hidden = choices.length > 0;
  find('[data-save]').disabled = true;
}

async function saveChoices(event) {
  event.preventDefault();
  const said = find('[data-choice-said]');
  find('[data-save]').disabled = true;
  try {
    const { choices } = await call('/api/v1/configure', { method: 'PUT',
      body: { choices: Object.fromEntries(picked().map((e) => [e.dataset.choice, e.value])) } });
    settings.choices = choices;
    showChoices();
    say(said, 'Saved. It holds for everybody on your site from now on.', 'success');
  } catch (error) {
    find('[data-save]').disabled = false;
    say(said, error.message, 'error');
  }
}

async function start() {
  try {
    settings = await call('/api/v1/configure');
  } catch (error) {
    find('[data-waiting]').remove();
    say(find('[data-trouble]'), TROUBLES[error.status] ?? error.message, 'error');
    return;
  }
  // Names that come soon are waited for, so that nothing moves; later ones take the place of the ids.
  await Promise.race([askNames(settings.seats.holders), new Promise((resolve) => { setTimeout(resolve, NAMES_WAIT_MS); })]);
  showSeats();
  showChoices();
  reveal();
}

find('[data-filter-text]').addEventListener('input', () => { room = PAGE; showSeats(); });
find('[data-more-button]').addEventListener('click', more);
find('[data-choices]').addEventListener('submit', saveChoices);
start();

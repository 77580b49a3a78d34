// marketplace.js - where the Marketplace's reports stand, what they say that is not known, and a poll on demand. A card of
// the books page.
import { api } from './api.js';
import { card, csvLink, empty, failed, fill, h, list, message, once, table, waiting } from './dom.js';
import { ago, count, number } from './text.js';

const names = { licenses: 'Licences', old_licenses: 'Licences from before July 2018', sales: 'Transactions' };
const LOOK_AGAIN_MS = 3000;

const reports = (polls) => table({ caption: 'Reports', rows: polls.filter((p) => p.done_at || p.failed_at), columns: [
	{ label: 'Report', cell: (p) => names[p.report] ?? p.report }, { label: 'Read', cell: (p) => ago(p.done_at) ?? 'never' }, { label: 'In full', cell: (p) => ago(p.full_at) ?? 'never' },
	{ label: 'Rows', number: true, cell: (p) => number(p.rows_seen) }, { label: 'New or changed', number: true, cell: (p) => number(p.rows_changed) },
	{ label: 'Trouble', cell: (p) => (p.failed_at ? [ago(p.failed_at), `: ${p.failure ?? 'failed'}`] : '–') }] });

const oddities = (rows) => table({ caption: 'What the reports say that licgate does not know', rows, columns: [
	{ label: 'Report', cell: (o) => (o.report === 'sale' ? 'Transactions' : 'Licences') }, { label: 'Field', cell: (o) => o.field }, { label: 'Value', cell: (o) => o.value },
	{ label: 'Rows', number: true, cell: (o) => number(o.count) }, { label: 'Last', cell: (o) => ago(o.last_seen) }] });

/** { element, end() }. polled() is called when a poll has ended while this is shown. */
export function marketplace(polled) {
	const said = h('div'), body = h('div', {}, waiting());
	const button = h('button', { type: 'button', class: 'quiet', onclick: poll }, 'Poll now');
	let timer = null, ended = false, wasPolling = false;

	/* Not disabled: the keyboard would lose its place. */
	const busy = (yes) => (yes ? button.setAttribute('aria-disabled', 'true') : button.removeAttribute('aria-disabled'));

	function show(m) {
		button.hidden = !m.configured;
		busy(m.polling);
		if (wasPolling && !m.polling) polled();
		wasPolling = m.polling;
		fill(body, list([['State', m.polling ? 'polling now' : m.configured ? 'waiting for the next poll' : 'not set up: LICGATE_MARKETPLACE_TOKEN is not set'], ['Next', m.next_at && ago(m.next_at)],
			['Kept', `${count(m.licenses, 'licence')}, ${count(m.sales, 'transaction')}, ${count(m.versions, 'earlier version')}`]]),
		m.polls.some((p) => p.done_at || p.failed_at) ? h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Reports' }, reports(m.polls)) : empty('No report has been read yet.'),
		m.oddities.length > 0 && h('details', {}, h('summary', {}, `${count(m.oddities.length, 'thing')} in the reports that licgate does not know (kept all the same)`),
			h('div', { class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': 'What the reports say that licgate does not know' }, oddities(m.oddities))));
		clearTimeout(timer);
		if (m.polling && !ended) timer = setTimeout(load, LOOK_AGAIN_MS);
	}

	async function load() {
		try {
			const got = await api('marketplace');
			if (!ended) show(got);
			fill(said);
		} catch (problem) { fill(said, failed('The state of the reports cannot be shown', problem, load)); }
		body.querySelector(':scope > .waiting')?.remove();
	}

	async function poll() {
		if (button.getAttribute('aria-disabled') === 'true') return;
		busy(true);
		try {
			await api('marketplace/sync', { method: 'POST' });
			wasPolling = true;
			clearTimeout(timer);
			timer = setTimeout(load, LOOK_AGAIN_MS / 3);
		} catch (problem) {
			busy(false);
			fill(said, message('bad', `No poll was begun: ${problem.message}.`));
		}
	}

	load();
	return { element: card('Marketplace reports', { extra: h('span', {}, button, ' ', csvLink('marketplace')) }, said, body), end: () => { ended = true; clearTimeout(timer); } };
}

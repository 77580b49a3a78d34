// marketplace.js - where the Marketplace's reports stand, what they say that is not known, and a poll on demand. A card of
// the books page.
import { api } from './api.js';
import { card, csvLink, empty, fill, h, list, message, table } from './dom.js';
import { ago, number } from './text.js';

const names = { licenses: 'Licences', old_licenses: 'Licences from before July 2018', sales: 'Transactions' };
const LOOK_AGAIN_MS = 3000;

const reports = (polls) => table({ caption: 'Reports', rows: polls.filter((p) => p.done_at || p.failed_at), columns: [
	{ label: 'Report', cell: (p) => names[p.report] ?? p.report }, { label: 'Read', cell: (p) => ago(p.done_at) ?? 'never' }, { label: 'In full', cell: (p) => ago(p.full_at) ?? 'never' },
	{ label: 'Rows', number: true, cell: (p) => number(p.rows_seen) }, { label: 'New or changed', number: true, cell: (p) => number(p.rows_changed) },
	{ label: 'Trouble', cell: (p) => (p.failed_at ? [ago(p.failed_at), `: ${p.failure ?? 'failed'}`] : '–') }] });

const oddities = (rows) => table({ caption: 'What the reports say that is not known', rows, columns: [
	{ label: 'Report', cell: (o) => (o.report === 'sale' ? 'Transactions' : 'Licences') }, { label: 'Field', cell: (o) => o.field }, { label: 'Value', cell: (o) => o.value },
	{ label: 'Rows', number: true, cell: (o) => number(o.count) }, { label: 'Last', cell: (o) => ago(o.last_seen) }] });

/** { element, end() }. */
export function marketplace() {
	const said = h('div'), body = h('div');
	const button = h('button', { type: 'button', class: 'quiet', onclick: poll }, 'Poll now');
	let timer = null, ended = false;

	function show(m) {
		button.hidden = !m.configured;
		button.disabled = m.polling;
		fill(body, list([['State', m.polling ? 'polling now' : m.configured ? 'resting' : 'not set up: LICGATE_MARKETPLACE_TOKEN is not set'], ['Next', m.next_at && ago(m.next_at)],
			['Kept', `${number(m.licenses)} licences, ${number(m.sales)} transactions, ${number(m.versions)} earlier versions`]]),
		m.polls.some((p) => p.done_at || p.failed_at) ? h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Reports' }, reports(m.polls)) : empty('No report has been read yet.'),
		m.oddities.length > 0 && h('details', {}, h('summary', {}, `${number(m.oddities.length)} things in the reports that are not known (kept all the same)`),
			h('div', { class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': 'What the reports say that is not known' }, oddities(m.oddities))));
		clearTimeout(timer);
		if (m.polling && !ended) timer = setTimeout(load, LOOK_AGAIN_MS);
	}

	async function load() {
		try {
			const got = await api('marketplace');
			if (!ended) show(got);
			fill(said);
		} catch (problem) { fill(said, message('bad', `The reports' state cannot be shown: ${problem.message}.`)); }
	}

	async function poll() {
		button.disabled = true;
		try {
			await api('marketplace/sync', { method: 'POST' });
			clearTimeout(timer);
			timer = setTimeout(load, LOOK_AGAIN_MS / 3);
		} catch (problem) {
			button.disabled = false;
			fill(said, message('bad', `No poll was begun: ${problem.message}.`));
		}
	}

	load();
	return { element: card('Marketplace reports', { extra: h('span', {}, button, ' ', csvLink('marketplace')) }, said, body), end: () => { ended = true; clearTimeout(timer); } };
}

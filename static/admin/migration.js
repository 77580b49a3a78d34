// migration.js - from Connect to Forge: who still comes by Connect, who by both doors, who has moved, and when each door was last used.
import { api } from './api.js';
import { chart } from './charts.js';
import { card, csvLink, empty, fill, h, message, table } from './dom.js';
import { ago, number, site, tenantHref } from './text.js';

const stages = {
	connect: ['Connect only', 'warn', 'No Forge installation is known of them.'],
	both: ['Both doors', 'info', 'Installed by Forge, and Connect was used within a week.'],
	moved: ['Moved to Forge', 'good', 'Connect is gone, or was not used for a week.'],
	forge: ['Forge only', 'violet', 'Never came by Connect.'],
};
const ages = { day: 'Within a day', week: 'Within a week', month: 'Within a month', longer: 'Longer ago', never: 'Never' };

function stagesChart(m) {
	const names = Object.keys(stages);
	return { labelled: 'Stage', labels: names.map((s) => stages[s][0]), sets: [{ name: 'Customers', colour: 'info', values: names.map((s) => m.summary[s]) }],
		summary: `${names.map((s) => `${number(m.summary[s])} ${stages[s][0].toLowerCase()}`).join(', ')}.` };
}

function seenChart(m) {
	const names = Object.keys(ages);
	return { labelled: 'Last used', labels: names.map((a) => ages[a]),
		sets: [['Connect', 'connect', 'warn'], ['Forge', 'forge', 'good']].map(([name, door, colour]) => ({ name, colour, stack: door, values: names.map((a) => m.last_seen[door][a]) })),
		summary: `Last used within a week: Connect ${number(m.last_seen.connect.day + m.last_seen.connect.week)}, Forge ${number(m.last_seen.forge.day + m.last_seen.forge.week)}.` };
}

const seen = (time) => ago(time) ?? h('span', { class: 'soft' }, 'never');
const none = () => h('span', { class: 'soft' }, '–');

const rows = (tenants) => table({ caption: 'Customers by door', rows: tenants, columns: [
	{ label: 'Site', cell: (t) => h('a', { href: tenantHref(t.tenant) }, t.base_url ? site(t.base_url) : t.tenant) },
	{ label: 'Stage', cell: (t) => stages[t.stage][0] },
	{ label: 'Connect', cell: (t) => (t.connect ? [t.connect.status, ', ', seen(t.connect.last_seen_at)] : none()) },
	{ label: 'Forge', cell: (t) => (t.forge ? [(t.forge.environment ?? 'environment not told').toLowerCase(), t.forge.app_version ? ` ${t.forge.app_version}` : '', ', ', seen(t.forge.last_seen_at)] : none()) },
	{ label: 'Joined by', cell: (t) => t.forge?.joined_by?.replaceAll('_', ' ') ?? none() }] });

/** The stage asked for is in the address. */
export function migration(main, { query, remember }) {
	const select = h('select', { name: 'stage' }, h('option', { value: '' }, 'All customers'), Object.entries(stages).map(([name, [title]]) => h('option', { value: name }, title)));
	select.value = stages[query.get('stage')] ? query.get('stage') : '';
	const said = h('div'), hint = h('p', { class: 'soft' }), list = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Customers' });
	const more = h('button', { type: 'button', hidden: true, onclick: () => load(true) }, 'Show more');
	const charts = { stages: chart('rows'), seen: chart('bar') };
	const asked = () => (select.value ? `stage=${select.value}` : '');
	let csv = csvLink('migration', asked());
	let shown = [], next = null, latest = 0;

	function show(m, further) {
		fill(said);
		charts.stages.update(stagesChart(m));
		charts.seen.update(seenChart(m));
		shown = further ? [...shown, ...m.tenants] : m.tenants;
		next = m.next ?? null;
		more.hidden = !next;
		hint.textContent = stages[select.value]?.[2] ?? '';
		fill(list, shown.length > 0 ? rows(shown) : empty('Nobody.'));
	}

	async function load(further = false) {
		const mine = ++latest; // an earlier answer may come later
		csv.replaceWith(csv = csvLink('migration', asked()));
		try {
			const m = await api(`migration?limit=100&${asked()}${further && next ? `&cursor=${encodeURIComponent(next)}` : ''}`);
			if (mine === latest) show(m, further);
		} catch (problem) { if (mine === latest) fill(said, message('bad', `The migration cannot be shown: ${problem.message}.`)); }
	}

	select.addEventListener('change', () => { remember(`#/migration${asked() ? `?${asked()}` : ''}`); load(); });
	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Migration'), h('form', { class: 'days' }, h('label', {}, h('span', {}, 'Show'), select)), csv), said,
		h('div', { class: 'grid' }, card('From Connect to Forge', {}, charts.stages.element), card('When each door was last used', {}, charts.seen.element)),
		card('Customers', { flush: true }, hint, list, more));
	load();
	return () => { latest = -1; for (const c of Object.values(charts)) c.end(); };
}

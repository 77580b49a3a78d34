// overview.js - how things are: tenants by state, installs, look-ups, refusals, what ends soon, what happens now.
import { api } from './api.js';
import { chart, stateColours } from './charts.js';
import { card, csvLink, debounce, empty, fill, h, message, table } from './dom.js';
import { listen } from './live.js';
import { ago, day, number, site, states, tenantHref, words } from './text.js';
import { entry } from './timeline.js';

const NEWS_MAX = 30;

const sum = (...values) => values.reduce((a, b) => a + (b ?? 0), 0);

/* Every day from the first to today, also those without a count. */
function days(from) {
	const all = [];
	for (let t = Date.parse(from); t <= Date.now(); t += 86400000) all.push(new Date(t).toISOString().slice(0, 10));
	return all;
}

function statesChart(o) {
	const today = { ...o.tenants.by_state, day: o.at.slice(0, 10) };
	const byDay = new Map([...o.states, today].map((s) => [s.day, s]));
	const labels = days(o.from).filter((d) => byDay.has(d));
	const used = states.filter((s) => labels.some((d) => byDay.get(d)[s] > 0));
	return { labelled: 'Day', labels, summary: `Tenants by licence state over ${labels.length} days; today ${used.map((s) => `${number(today[s] ?? 0)} ${words(s)}`).join(', ') || 'none'}.`,
		sets: used.map((s) => ({ name: words(s), colour: stateColours[s], stack: 'all', values: labels.map((d) => byDay.get(d)[s] ?? 0) })) };
}

function installsChart({ installs, from }) {
	const labels = days(from);
	const count = (names, d) => sum(...names.map((n) => installs[n][d]));
	const sets = [['Installed', 'good', ['installed', 'imported']], ['Reinstalled', 'info', ['reinstalled']], ['Uninstalled', 'bad', ['uninstalled']]]
		.map(([name, colour, names]) => ({ name, colour, stack: colour === 'bad' ? 'out' : 'in', values: labels.map((d) => count(names, d)) }));
	return { labelled: 'Day', labels, sets, summary: `In ${labels.length} days ${sets.map((s) => `${number(sum(...s.values))} ${s.name.toLowerCase()}`).join(', ')}.` };
}

function rowsChart(labelled, pairs, summary) {
	return { labelled, labels: pairs.map(([label]) => label), summary, sets: [{ name: 'Count', colour: 'info', values: pairs.map(([, n]) => n) }] };
}

const lookupsChart = ({ lookups: l }) => rowsChart('Look-ups', [['fresh in memory', l.hit], ['served stale', l.stale], ['not known', l.miss], ['site answered', l.ok], ['site failed', l.failed]],
	`Since the start ${number(l.ok)} look-ups were answered and ${number(l.failed)} failed.`);

const failuresChart = ({ failures: f }) => {
	const pairs = Object.entries(f.by_code).sort((a, b) => b[1] - a[1]);
	return rowsChart('Code', pairs, `${number(f.total)} requests were refused since the start${pairs.length > 0 ? `, most for ${pairs[0][0]}` : ''}.`);
};

export function overview(main, { query, remember }) {
	let range = query.get('days') ?? '30';
	const tiles = h('div', { class: 'tiles' }), said = h('div'), ending = h('div', { class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': 'Evaluations by their end' });
	const news = h('ol', { class: 'timeline', tabindex: '0', 'aria-label': 'What happens, newest first' });
	const quiet = empty('Nothing happened since this page was opened.');
	const charts = { states: chart('area'), installs: chart('bar'), lookups: chart('rows'), failures: chart('rows') };

	const tile = (label, n, href, kind) => h(href ? 'a' : 'div', { class: 'tile', href, 'data-kind': kind }, h('b', {}, number(n)), h('span', {}, label));
	const stateHref = (s) => `#/tenants?state=${s}`;

	function show(o) {
		const s = o.tenants.by_state;
		fill(said);
		fill(tiles, tile('Tenants', o.tenants.total - o.tenants.by_status.uninstalled, '#/tenants'), tile('Active', s.active, stateHref('active')),
			tile('Evaluations', s.evaluation, stateHref('evaluation')), tile('In grace', s.grace, stateHref('grace')), tile('Expired', s.expired, stateHref('expired')),
			tile('Look-ups failed', o.lookups.failed, null, o.lookups.failed > o.lookups.ok / 10 ? 'bad' : null), tile('Requests refused', o.failures.total, '#/refusals'));
		charts.states.update(statesChart(o));
		charts.installs.update(installsChart(o));
		charts.lookups.update(lookupsChart(o));
		charts.failures.update(failuresChart(o));
		fill(ending, o.ending.length === 0 ? empty('No evaluation with a known end.') : table({ caption: 'Evaluations by their end', rows: o.ending, columns: [
			{ label: 'Site', cell: (t) => h('a', { href: tenantHref(t.client_key) }, site(t.base_url)) },
			{ label: 'Ends', cell: (t) => day(t.expires_at) }, { label: 'That is', cell: (t) => ago(t.expires_at) }] }));
	}

	async function load() {
		try { show(await api(`overview?days=${range}`)); } catch (problem) { fill(said, message('bad', `The overview cannot be shown: ${problem.message}.`)); }
	}

	const choose = h('select', { onchange: () => { range = choose.value; csv.replaceWith(csv = csvLink('overview', `days=${range}`)); remember(`#/overview?days=${range}`); load(); } },
		[['7', 'a week'], ['30', '30 days'], ['90', '90 days'], ['365', 'a year']].map(([value, text]) => h('option', { value, selected: value === range }, text)));
	let csv = csvLink('overview', `days=${range}`);
	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Overview'), h('label', {}, h('span', { class: 'hidden-text' }, 'Time shown'), choose), csv), said, tiles,
		h('div', { class: 'grid' },
			card('Tenants by state', {}, charts.states.element), card('Installs and uninstalls', {}, charts.installs.element),
			card('Evaluations ending soon', { flush: true, extra: csvLink('tenants', 'state=evaluation&sort=expires_at') }, ending),
			card('Happening now', {}, quiet, news),
			card('Licence look-ups', {}, charts.lookups.element), card('Refusals by code', { extra: csvLink('auth-failures') }, charts.failures.element)));
	news.hidden = true;

	const again = debounce(1500, load);
	const stop = listen(({ type, event }) => {
		if (type === 'deliveries') return;
		again();
		if (type !== 'journal') return;
		quiet.hidden = true;
		news.hidden = false;
		news.prepend(entry(event, event.data.tenant && h('div', {}, h('a', { href: tenantHref(event.data.tenant) }, event.data.tenant))));
		while (news.children.length > NEWS_MAX) news.lastChild.remove();
	});
	load();
	return () => { stop(); again.cancel(); for (const c of Object.values(charts)) c.end(); };
}

// funnel.js - from the visit of the vendor's site to the paying customer: how many got how far, by campaign and by week.
import { api } from './api.js';
import { chart } from './charts.js';
import { card, csvLink, empty, fill, h, message, table } from './dom.js';
import { number } from './text.js';

const titles = { visit: 'Visit', listing_view: 'Listing view', cta_click: 'Click to try or buy', request: 'Request', install: 'Install', tenant: 'Tenant', evaluation: 'Evaluation', paid: 'Paid' };
const short = { ...titles, listing_view: 'Listing', cta_click: 'Click' };

const isoDay = (time) => new Date(time).toISOString().slice(0, 10);
const percent = (rate) => (rate === null || rate === undefined ? '–' : `${(rate * 100).toFixed(rate < 0.1 ? 1 : 0)} %`);

/* Days as people say them: minutes and hours where it is less. */
function wait(days) {
	if (days === null || days === undefined) return '–';
	const [value, unit] = days >= 1 ? [days, 'days'] : days * 24 >= 1 ? [days * 24, 'hours'] : [days * 1440, 'minutes'];
	const text = value >= 10 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1);
	return `${text} ${unit}`;
}

const counts = (group) => Object.fromEntries(group.steps.map((s) => [s.name, s.count]));
const columnsOf = (names) => names.map((name) => ({ label: short[name], number: true, cell: (row) => number(row.counts[name]) }));

function stepsChart(f) {
	const apart = counts(f.unattributed);
	const sets = [['Led here by a visit', 'info', (s) => s.count - apart[s.name]], ['No visit leads here', 'faint', (s) => apart[s.name]]]
		.map(([name, colour, value]) => ({ name, colour, stack: 'all', values: f.steps.map(value) }));
	return { labelled: 'Step', labels: f.steps.map((s) => titles[s.name]), sets,
		summary: `From ${f.from} to ${f.to}: ${f.steps.map((s) => `${number(s.count)} ${titles[s.name].toLowerCase()}`).join(', ')}.` };
}

function weeksChart(f) {
	const colours = { visit: 'faint', listing_view: 'info', install: 'violet', paid: 'good' };
	const sets = Object.entries(colours).map(([name, colour]) => ({ name: titles[name], colour, stack: name, values: f.by_week.map((w) => counts(w)[name]) }));
	return { labelled: 'Week of', labels: f.by_week.map((w) => w.week), sets, summary: `${f.by_week.length} weeks, by visits, listing views, installs and payments.` };
}

const stepsTable = (f) => table({ caption: 'Steps of the funnel', rows: f.steps, columns: [
	{ label: 'Step', cell: (s) => titles[s.name] }, { label: 'People', number: true, cell: (s) => number(s.count) },
	{ label: 'No visit', number: true, cell: (s) => number(f.unattributed[s.name]) },
	{ label: 'Of those before', number: true, cell: (s) => (s.after ? h('span', { title: `of those with a ${titles[s.after].toLowerCase()}` }, percent(s.rate)) : '') },
	{ label: 'Median wait', number: true, cell: (s) => (s.after ? wait(s.median_days) : '') }] });

const campaignsTable = (f) => table({ caption: 'Campaigns', rows: f.by_campaign.map((c) => ({ campaign: c.campaign, counts: counts(c) })), columns: [
	{ label: 'Campaign', cell: (c) => c.campaign ?? h('span', { class: 'soft' }, 'none') }, ...columnsOf(Object.keys(titles))] });

/** What has been asked for, in the address: from and to. */
export function funnel(main, { query, remember }) {
	const today = isoDay(Date.now());
	const from = h('input', { type: 'date', name: 'from', value: query.get('from') ?? isoDay(Date.now() - 29 * 86400000), max: today, required: true });
	const to = h('input', { type: 'date', name: 'to', value: query.get('to') ?? today, max: today, required: true });
	const said = h('div'), asTable = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Steps as a table' });
	const campaigns = h('div', { class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': 'Campaigns' });
	const charts = { steps: chart('rows'), weeks: chart('bar') };
	charts.steps.element.classList.add('tall');
	const asked = () => new URLSearchParams({ from: from.value, to: to.value }).toString();
	let csv = csvLink('funnel', asked());
	let latest = 0;

	function show(f) {
		fill(said);
		charts.steps.update(stepsChart(f));
		charts.weeks.update(weeksChart(f));
		fill(asTable, stepsTable(f));
		fill(campaigns, f.by_campaign.length > 0 ? campaignsTable(f) : empty('No visit in this time.'));
	}

	async function load() {
		const mine = ++latest; // an earlier answer may come later
		csv.replaceWith(csv = csvLink('funnel', asked()));
		try {
			const f = await api(`funnel?${asked()}`);
			if (mine === latest) show(f);
		} catch (problem) { if (mine === latest) fill(said, message('bad', `The funnel cannot be shown: ${problem.message}.`)); }
	}

	const form = h('form', { class: 'days', onsubmit: (event) => { event.preventDefault(); remember(`#/funnel?${asked()}`); load(); },
		onchange: () => { if (form.checkValidity()) form.requestSubmit(); } },
	h('label', {}, h('span', {}, 'From'), from), h('label', {}, h('span', {}, 'To'), to));
	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Funnel'), form, csv), said,
		h('div', { class: 'grid' }, card('How many got how far', {}, charts.steps.element), card('Steps', { flush: true }, asTable)),
		card('By campaign', { flush: true }, campaigns), card('By week', {}, charts.weeks.element));
	load();
	return () => { latest = -1; for (const c of Object.values(charts)) c.end(); };
}

// books.js - what comes in: recurring revenue, its movements, sales and refunds, evaluations, month by month.
import { api } from './api.js';
import { chart } from './charts.js';
import { card, csvLink, empty, failed, fill, h, message, table, waiting } from './dom.js';
import { marketplace } from './marketplace.js';
import { money, number, reportDay } from './text.js';

const thisMonth = () => new Date().toISOString().slice(0, 7);
const back = (month, n) => { const d = new Date(`${month}-01T00:00:00Z`); d.setUTCMonth(d.getUTCMonth() - n); return d.toISOString().slice(0, 7); };
const percent = (rate) => (rate === null || rate === undefined ? '–' : `${(rate * 100).toFixed(1)} %`);
const SALES_SHOWN = 100;
const sum = (rows, name) => rows.reduce((all, r) => all + r[name], 0);

/* A month without a sale or an evaluation has its place on the axis too. */
const monthsOf = (...lists) => {
	const named = lists.flat().map((r) => r.month).sort(), all = [];
	for (let month = named[0]; month && month <= named.at(-1); month = back(month, -1)) all.push(month);
	return all;
};
const inEach = (months, rows, none) => months.map((month) => rows.find((r) => r.month === month) ?? { month, ...none });
const NO_SALES = { sales_cents: 0, refunds_cents: 0, repriced_cents: 0 }, NO_EVALUATIONS = { started: 0, running: 0, converted: 0 };

const recurring = (rows, currency, show) => ({ labelled: 'Month', labels: rows.map((r) => r.month), format: show,
	sets: [{ name: 'MRR', colour: 'info', values: rows.map((r) => r.mrr_cents / 100) }],
	summary: rows.length > 0 ? `Monthly recurring revenue, ${money(rows.at(-1).mrr_cents, currency)} in ${rows.at(-1).month}.` : 'No recurring revenue.' });

const movements = (rows, currency, show) => ({ labelled: 'Month', labels: rows.map((r) => r.month), format: show,
	sets: [['New', 'good', 'new_cents', 1], ['Expansion', 'info', 'expansion_cents', 1], ['Contraction', 'warn', 'contraction_cents', -1], ['Churn', 'bad', 'churn_cents', -1]]
		.map(([name, colour, member, sign]) => ({ name, colour, stack: 'all', values: rows.map((r) => (sign * r[member]) / 100) })),
	summary: `In ${rows.length} months ${money(sum(rows, 'new_cents') + sum(rows, 'expansion_cents'), currency)} a month more, ${money(sum(rows, 'churn_cents') + sum(rows, 'contraction_cents'), currency)} less.` });

const billed = (rows, currency, show) => ({ labelled: 'Month', labels: rows.map((r) => r.month), format: show,
	sets: [['Sales', 'good', 'sales_cents'], ['Refunds', 'bad', 'refunds_cents'], ['Re-priced', 'warn', 'repriced_cents']]
		.map(([name, colour, member]) => ({ name, colour, stack: 'all', values: rows.map((r) => r[member] / 100) })).filter((s, i) => i === 0 || s.values.some((v) => v !== 0)),
	summary: `Sales of ${money(sum(rows, 'sales_cents'), currency)}, ${money(-sum(rows, 'refunds_cents'), currency)} refunded.` });

const evaluations = (months, total) => ({ labelled: 'Month', labels: months.map((m) => m.month),
	sets: [['Converted', 'good', (m) => m.converted], ['Running', 'info', (m) => m.running], ['Ended', 'faint', (m) => m.started - m.converted - m.running]]
		.map(([name, colour, value]) => ({ name, colour, stack: 'all', values: months.map(value) })),
	summary: `${number(total.started)} evaluations, ${number(total.converted)} converted (${percent(total.conversion_rate)})${total.median_days === null ? '' : `, after ${total.median_days} days in the median`}.` });

const monthsTable = (rows, currency) => table({ caption: 'Recurring revenue by month', rows: [...rows].reverse(), columns: [
	{ label: 'Month', cell: (r) => r.month }, { label: 'MRR', number: true, cell: (r) => money(r.mrr_cents, currency) }, { label: 'Customers', number: true, cell: (r) => number(r.customers) },
	{ label: 'New', number: true, cell: (r) => money(r.new_cents, currency) }, { label: 'Churn', number: true, cell: (r) => money(r.churn_cents, currency) },
	{ label: 'Churn rate', number: true, cell: (r) => percent(r.churn_rate) }, { label: 'Refunds', number: true, cell: (r) => money(r.refunds_cents, currency) }] });

const salesTable = (rows) => table({ caption: 'Sales of the last month shown', rows, columns: [
	{ label: 'Day', cell: (s) => reportDay(s.sale_date) }, { label: 'What', cell: (s) => [s.sale_type, s.payment_status !== 'paid' && h('span', { class: 'soft small' }, ` ${s.payment_status ?? ''}`)] },
	{ label: 'Entitlement', cell: (s) => s.entitlement }, { label: 'Tier', cell: (s) => s.tier ?? '–' }, { label: 'Paid', number: true, cell: (s) => money(s.amount_cents, s.currency) },
	{ label: 'To vendor', number: true, cell: (s) => money(s.vendor_amount_cents, s.currency) }] });

/* What the numbers mean, as the server says it: reports, each { title: definitions }. */
const meaning = (reports) => h('details', {}, h('summary', {}, 'What the numbers mean'), Object.entries(reports).map(([title, definitions]) => [h('h3', {}, title), h('dl', { class: 'wide' },
	Object.entries(definitions).map(([name, text]) => [h('dt', {}, name.replace(/_cents$/, '').replaceAll('_', ' ')), h('dd', {}, text)]))]));

/** Kept in the address: from and to, months. */
export function books(main, { query, remember }) {
	const to = h('input', { type: 'month', name: 'to', value: query.get('to') ?? thisMonth(), required: true, pattern: '[0-9]{4}-[0-9]{2}' });
	const from = h('input', { type: 'month', name: 'from', value: query.get('from') ?? back(to.value, 11), required: true, pattern: '[0-9]{4}-[0-9]{2}' });
	const said = h('div'), tiles = h('div', { class: 'tiles six' }, waiting()), words = h('div', {}, waiting()), moreSales = h('div');
	const region = (name) => h('div', { class: 'scroll tall figures', tabindex: '0', role: 'region', 'aria-label': name });
	const months = region('Recurring revenue by month'), sales = region('Sales of the last month shown');
	const charts = { mrr: chart('area'), movements: chart('bar'), billed: chart('bar'), trials: chart('bar') };
	const currencies = h('select', { name: 'currency', onchange: () => show() });
	const currencyLabel = h('label', { hidden: true }, h('span', {}, 'Currency'), currencies);
	const asked = () => new URLSearchParams({ from: from.value, to: to.value }).toString();
	const lastMonth = () => new URLSearchParams({ from: to.value, to: to.value }).toString();
	const links = () => ({ mrr: csvLink('books/mrr', asked()), movements: csvLink('books/mrr', asked()), sales: csvLink('books/transactions', lastMonth()), months: csvLink('books/mrr', asked()), billed: csvLink('books/transactions', `${asked()}&by=month`), trials: csvLink('books/trials', asked()) });
	const reports = marketplace(() => load());
	let csv = links(), latest = 0, got = null;

	const tile = (label, value, kind) => h('div', { class: 'tile', 'data-kind': kind, 'data-long': value.length > 11 }, h('b', {}, value), h('span', {}, label));

	function show() {
		const [mrr, money_, trials, lines] = got;
		const known = [...new Set([...mrr.months, ...money_.months].map((m) => m.currency))].sort();
		const currency = known.includes(currencies.value) ? currencies.value : known.includes('USD') ? 'USD' : known[0] ?? 'USD';
		fill(currencies, known.map((c) => h('option', { value: c, selected: c === currency }, c)));
		currencyLabel.hidden = known.length < 2;
		const rows = mrr.months.filter((m) => m.currency === currency), sums = money_.months.filter((m) => m.currency === currency), last = rows.at(-1);
		const amount = (value) => money(Math.round(value * 100), currency);
		fill(said);
		fill(tiles, tile(`MRR in ${last?.month ?? to.value}`, money(last?.mrr_cents ?? 0, currency)), tile('Paying customers', number(last?.customers ?? 0)), tile('Net sales', money(sum(sums, 'net_cents'), currency)),
			tile('Refunded', money(-sum(sums, 'refunds_cents'), currency)), tile('Churned MRR', money(sum(rows, 'churn_cents'), currency)), tile('Evaluations converted', percent(trials.total.conversion_rate)));
		charts.mrr.update(recurring(rows, currency, amount));
		charts.movements.update(movements(rows, currency, amount));
		const labels = monthsOf(mrr.months, money_.months, trials.months);
		charts.billed.update(billed(inEach(labels, sums, NO_SALES), currency, amount));
		charts.trials.update(evaluations(inEach(labels, trials.months, NO_EVALUATIONS), trials.total));
		fill(months, rows.length > 0 ? monthsTable(rows, currency) : empty('No sale has come in a report yet.'));
		fill(sales, lines.transactions.length > 0 ? salesTable(lines.transactions) : empty('No sale in the last month shown.'));
		fill(moreSales, lines.next && h('p', { class: 'soft padded' }, `The first ${number(lines.transactions.length)} are shown; the CSV has all.`));
		fill(words, meaning({ 'Recurring revenue': mrr.definitions, Sales: money_.definitions, Evaluations: trials.definitions }));
	}

	async function load() {
		const mine = ++latest, fresh = links(); // an earlier answer may come later
		for (const name of Object.keys(csv)) csv[name].replaceWith(fresh[name]);
		csv = fresh;
		if (from.value > to.value) {
			fill(said, message('bad', 'The first month is after the last one: choose an earlier “From” or a later “To”.'));
			return;
		}
		try {
			const answers = await Promise.all([api(`books/mrr?${asked()}`), api(`books/transactions?${asked()}&limit=1`), api(`books/trials?${asked()}`), api(`books/transactions?from=${to.value}&to=${to.value}&limit=${SALES_SHOWN}`)]);
			if (mine !== latest) return;
			got = answers;
			show();
		} catch (problem) { if (mine === latest) fill(said, failed('The books cannot be shown', problem, load)); }
		for (const place of [tiles, months, sales, words]) place.querySelector(':scope > .waiting')?.remove();
	}

	const form = h('form', { class: 'days', onsubmit: (event) => { event.preventDefault(); remember(`#/books?${asked()}`); load(); },
		onchange: (event) => { if (event.target !== currencies && form.checkValidity()) form.requestSubmit(); } }, // a currency is only shown
	h('label', {}, h('span', {}, 'From'), from), h('label', {}, h('span', {}, 'To'), to), currencyLabel);
	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Books'), form), said, tiles,
		h('div', { class: 'grid pairs' }, card('Monthly recurring revenue', { extra: csv.mrr }, charts.mrr.element), card('What changed it', { extra: csv.movements }, charts.movements.element),
			card('Sales and refunds', { extra: csv.billed }, charts.billed.element), card('Evaluations by the month they began', { extra: csv.trials }, charts.trials.element)),
		card('By month', { flush: true, extra: csv.months }, months), card('Sales of the last month shown', { flush: true, extra: csv.sales }, sales, moreSales),
		reports.element, card('Definitions', {}, words));
	fill(months, waiting());
	fill(sales, waiting());
	load();
	return () => { latest = -1; reports.end(); for (const c of Object.values(charts)) c.end(); };
}

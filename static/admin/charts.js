// charts.js - charts with what a screen reader and a keyboard need beside them: a sentence, and the numbers as a table.
//
// Chart.js is a plain script (Debian's libjs-chart.js, copied by the build). Where it is missing the tables are open.
import { fill, h, table } from './dom.js';
import { number } from './text.js';

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
export const stateColours = { active: 'good', evaluation: 'info', cancelled_pending: 'violet', grace: 'warn', expired: 'bad', none: 'mute', unknown: 'faint', uninstalled: 'line' };

/**
 * kind: 'area', 'bar' or 'rows' (bars that lie). labels: texts; sets: [{ name, colour, values, stack }]; format: of the
 * values, at the axis, in the tip and in the table.
 * summary: the chart in a sentence. Returns { element, update(data), end() }.
 */
export function chart(kind) {
	const canvas = h('canvas', { role: 'img', 'aria-label': 'Chart, its numbers are on their way' });
	const box = h('div', { class: 'chart' }, canvas), nothing = h('p', { class: 'chart empty', hidden: true }, 'Nothing in this time.');
	const numbers = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Numbers of the chart' });
	const details = h('details', {}, h('summary', {}, 'As a table'), numbers);
	const dark = matchMedia('(prefers-color-scheme: dark)');
	let drawn = null, last = null;

	function options() {
		const rows = kind === 'rows', stacked = kind !== 'rows';
		const show = last.format ?? number;
		const axis = { grid: { color: colour('line'), drawBorder: false }, ticks: { color: colour('soft'), maxRotation: 0, autoSkipPadding: 16, precision: 0 }, beginAtZero: true };
		const names = { ...axis, grid: { display: false }, ticks: { ...axis.ticks } };
		/* few steps and all of them shown, so that zero is among them; whole amounts where steps are whole */
		if (!rows) axis.ticks = { ...axis.ticks, autoSkip: false, maxTicksLimit: 6, callback: (value) => show(value).replace(/\.00$/, '') };
		if (rows) names.ticks.autoSkip = last.labels.length > 10;
		if (rows) names.ticks.callback = (_, i) => cut(last.labels[i], box.clientWidth < 360 ? 14 : 20); // the tip and the table have the whole
		return {
			responsive: true, maintainAspectRatio: false, animation: false, indexAxis: rows ? 'y' : 'x', interaction: { mode: 'index', intersect: false, axis: rows ? 'y' : 'x' },
			scales: rows ? { x: { ...axis, stacked: true }, y: { ...names, stacked: true } } : { x: { ...names, stacked }, y: { ...axis, stacked } },
			plugins: { legend: { display: last.sets.length > 1, position: 'bottom', labels: { color: colour('text'), boxWidth: 10, boxHeight: 10, padding: 12 } },
				tooltip: { callbacks: { label: (tip) => `${tip.dataset.label}: ${show(tip.raw)}` } } },
		};
	}

	function draw() {
		const data = { labels: last.labels, datasets: last.sets.map((s) => ({ label: s.name, data: s.values, stack: s.stack, backgroundColor: colour(s.colour),
			borderColor: colour(s.colour), borderWidth: 1, fill: kind === 'area', pointRadius: last.labels.length > 1 ? 0 : 3, maxBarThickness: 28 })) };
		drawn?.destroy();
		Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
		drawn = new Chart(canvas, { type: kind === 'area' ? 'line' : 'bar', data, options: options() });
	}

	function update(data) {
		last = data;
		canvas.setAttribute('aria-label', data.summary);
		fill(numbers, table({ caption: data.summary, stack: false, rows: data.labels.map((label, i) => ({ label, i })),
			columns: [{ label: data.labelled, cell: (r) => r.label }, ...data.sets.map((s) => ({ label: s.name, number: true, cell: (r) => (data.format ?? number)(s.values[r.i] ?? 0) }))] }));
		nothing.hidden = data.labels.length > 0;
		box.hidden = details.hidden = data.labels.length === 0;
		if (data.labels.length === 0) {
			drawn?.destroy();
			drawn = null;
		} else if (globalThis.Chart) draw();
		else {
			box.hidden = true;
			details.open = true;
		}
	}

	const again = () => { if (last && drawn) draw(); };
	dark.addEventListener('change', again);
	return { element: h('figure', {}, box, nothing, details), update, end: () => { dark.removeEventListener('change', again); drawn?.destroy(); } };
}

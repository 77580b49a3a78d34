// github.js - what accounts bought on GitHub Marketplace, and where GitHub and this server were found apart. It names nobody.
import { api } from './api.js';
import { card, csvLink, empty, fill, h, message, table } from './dom.js';
import { ago, badge, day, money, number, tenantHref, words } from './text.js';

const account = (a) => h('a', { href: tenantHref(a.tenant) }, a.tenant);
const accountColumns = [
	{ label: 'Account', cell: account },
	{ label: 'Status', cell: (a) => badge(a.on_trial ? 'evaluation' : a.status) },
	{ label: 'Plan', cell: (a) => a.plan_name ?? '–' },
	{ label: 'Units', number: true, cell: (a) => (a.units === null ? '–' : number(a.units)) },
	{ label: 'Amount', number: true, cell: (a) => (a.amount_cents ? `${money(a.amount_cents)} ${a.billing_cycle ?? ''}` : '–') },
	{ label: 'Trial or billing', cell: (a) => day(a.on_trial ? a.trial_ends_at : a.next_billing_at) ?? '–' },
	{ label: 'Scheduled', cell: (a) => (a.scheduled ? [`${a.scheduled.ends ? 'ends' : a.scheduled.plan_name ?? 'changes'} `, day(a.scheduled.at)] : '–') },
	{ label: 'Compared', cell: (a) => ago(a.checked_at) ?? 'never' },
];
const driftColumns = [
	{ label: 'Found', cell: (d) => ago(d.at) },
	{ label: 'Account', cell: account },
	{ label: 'What', cell: (d) => words(d.what) },
	{ label: 'Here', cell: (d) => d.ours },
	{ label: 'At GitHub', cell: (d) => d.theirs },
];

export function github(main) {
	const said = h('div'), accounts = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Accounts' }), drift = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Drift' });
	const more = h('button', { type: 'button', hidden: true, onclick: () => load(true) }, 'More');
	let rows = [], next = '', over = false;

	async function load(further = false) {
		try {
			const page = await api(`github/accounts?limit=100${further ? `&cursor=${encodeURIComponent(next)}` : ''}`), { drift: apart } = await api('github/drift?limit=100');
			if (over) return;
			rows = further ? [...rows, ...page.accounts] : page.accounts;
			next = page.next ?? '';
			more.hidden = !next;
			fill(said);
			fill(accounts, rows.length > 0 ? table({ caption: 'Accounts', columns: accountColumns, rows }) : empty('Nobody bought the app on GitHub Marketplace yet.'));
			fill(drift, apart.length > 0 ? table({ caption: 'Drift', columns: driftColumns, rows: apart }) : empty('GitHub and this server say the same.'));
		} catch (problem) { if (!over) fill(said, message('bad', `GitHub's purchases cannot be shown: ${problem.message}.`)); }
	}

	fill(main, h('div', { class: 'head' }, h('h1', {}, 'GitHub'), h('button', { type: 'button', onclick: () => load() }, 'Look again')), said,
		card('Accounts', { flush: true, extra: csvLink('github/accounts') }, accounts, more),
		card('Found apart and healed', { flush: true, extra: csvLink('github/drift') }, drift));
	load();
	return () => { over = true; };
}

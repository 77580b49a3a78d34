// drift.js - where the Marketplace and the product do not say the same, and what to do about it.
import { api } from './api.js';
import { card, csvLink, empty, failed, fill, h, once, table, waiting } from './dom.js';
import { ago, badge, day, number, reportDay, site, tenantHref, words } from './text.js';

const titles = {
	expired_there: 'Licensed here, expired there', unlicensed_here: 'Paid there, locked out here', unknown_there: 'Licensed here, unknown there', never_seen: 'Paid there, never seen here',
	uninstalled_here: 'Paid there, uninstalled here', override_over: 'Override has ended', two_tenants: 'One licence, two sites', two_licenses: 'One site, two licences',
};

const columns = [
	{ label: 'Site', cell: (d) => (d.tenant ? h('a', { href: tenantHref(d.tenant) }, d.base_url ? site(d.base_url) : d.tenant) : d.base_url ? site(d.base_url) : h('span', { class: 'soft' }, 'none')) },
	{ label: 'Here', cell: (d) => (d.state ? [badge(d.state), d.override_ended_at && [' since ', day(d.override_ended_at)]] : '–') },
	{ label: 'Licence', cell: (d) => d.entitlement ?? '–' },
	{ label: 'There', cell: (d) => (d.status ? [badge(d.status), ' ', words(d.license_type?.toLowerCase() ?? '')] : '–') },
	{ label: 'Ends', cell: (d) => reportDay(d.maintenance_end) ?? '–' },
];

export function drift(main) {
	const said = h('div'), lists = h('div', { class: 'stacked' }, waiting()), asOf = h('span', { class: 'soft' });
	let over = false;

	/* One kind, the first page of it. */
	async function section(kind, count) {
		const { drift: rows, next } = await api(`drift?kind=${kind}&limit=100`);
		return card(`${titles[kind] ?? words(kind)} (${number(count)})`, { flush: true, extra: csvLink('drift', `kind=${kind}`) },
			h('p', { class: 'soft padded' }, rows[0]?.what_to_do), h('div', { class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': titles[kind] ?? kind }, table({ caption: titles[kind] ?? kind, columns, rows })),
			next && h('p', { class: 'soft padded' }, `The first ${number(rows.length)} are shown; the CSV has all.`));
	}

	async function load() {
		try {
			const d = await api('drift?limit=1');
			const cards = await Promise.all(Object.entries(d.counts).filter(([, n]) => n > 0).map(([kind, n]) => section(kind, n)));
			if (over) return;
			fill(asOf, d.polled_at ? ['Reports as of ', ago(d.polled_at)] : 'The Marketplace was not polled yet.');
			fill(said);
			fill(lists, cards.length > 0 ? cards : empty(d.polled_at ? 'Marketplace and product say the same.' : 'Without a report there is nothing to compare yet.'));
		} catch (problem) { if (!over) fill(said, failed('The drift report cannot be shown', problem, load)); }
		lists.querySelector(':scope > .waiting')?.remove();
	}

	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Drift'), asOf, h('button', { type: 'button', onclick: (event) => once(event.currentTarget, load) }, 'Look again'), csvLink('drift')), said, lists);
	load();
	return () => { over = true; };
}

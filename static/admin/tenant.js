// tenant.js - one tenant: its licence and why, what happened to it, its other names, its accounts, and what an operator
// can do. Parts are filled anew when something happened; the form an operator is filling in is left alone.
import { api } from './api.js';
import { card, csvLink, debounce, empty, failed, fill, h, list, message, once, table, waiting } from './dom.js';
import { listen } from './live.js';
import { override } from './override.js';
import { ago, badge, day, duration, money, number, reportDay, site, words } from './text.js';
import { timeline } from './timeline.js';
import { download } from './csv.js';

const PAGE = 500, PAGES_MAX = 10;

/** All pages of a list, up to a bound. */
async function all(path, name, next) {
	const rows = [];
	let cursor = '';
	for (let i = 0; i < PAGES_MAX; i++) {
		const answer = await api(`${path}?limit=${PAGE}${cursor}`);
		rows.push(...answer[name]);
		cursor = next(answer);
		if (!cursor || answer[name].length < PAGE) break;
	}
	return rows;
}

const seats = (s) => (s.limit > 0 ? `${number(s.used)} of ${number(s.limit)}` : s.limit < 0 ? `${number(s.used)}, no limit` : number(s.used));

function licenseCard(l) {
	return list([
		['State', badge(l.state)],
		['Because', l.reason && h('code', {}, l.reason)],
		['Source', l.source],
		['Known for', l.fetched_at && [duration(l.age), l.stale && (l.failure ? h('strong', {}, ' (stale: the site did not answer since)') : ' (stale: not asked since)')]],
		['In this state', l.since && ['since ', day(l.since)]],
		['Ends', l.expires_at && [day(l.expires_at), ' (', ago(l.expires_at), ')']],
		['Type', l.type],
		['Edition', l.edition],
		['Seats', seats(l.seats)],
		['Organisation', l.organisation],
		['Entitlement', l.entitlement_number ?? l.entitlement_id],
		['SEN', l.sen],
		['Last trouble', l.failure && [h('code', {}, l.failure), ' ', ago(l.failed_at)]],
		['Secret proved', l.secret_proved_at ? ago(l.secret_proved_at) : 'not yet'],
		['Override', l.override && [badge(l.override.state), ' until ', day(l.override.until), ` by ${l.override.by}: ${l.override.reason}`]],
	]);
}

const siteCard = (t) => list([
	['Status', badge(t.status)],
	['Address', t.base_url],
	['Shown as', t.display_url && t.display_url !== t.base_url ? t.display_url : null],
	['Product', t.product_type],
	['Client key', h('span', { class: 'key' }, t.client_key)],
	['First installed', day(t.first_installed_at)],
	['Installed', day(t.installed_at)],
	['Changed', ago(t.updated_at)],
	['Last seen', ago(t.last_seen_at) ?? 'never'],
	['Uninstalled', day(t.uninstalled_at)],
	['Imported from', t.imported_from],
	['Description', t.description],
]);

function marketplaceCard(m) {
	if (!m) return empty('No report of a marketplace has this tenant.');
	const payments = m.payments ?? [];
	return [list([
		['Plan', [words(m.license_type?.toLowerCase() ?? '–'), m.edition && `, ${m.edition}`, m.sandbox && ' (sandbox)']],
		['Status', m.status && badge(m.status)],
		['Tier', m.tier],
		['Renewal', m.maintenance_end && [m.status === 'active' ? '' : 'ends ', reportDay(m.maintenance_end)]],
		['Term began', reportDay(m.maintenance_start)],
		['Billed', m.billing_period],
		['Entitlement', m.entitlement],
		['Joined by', m.joined_by?.replaceAll('_', ' ')],
		['Conflict', !m.conflicts?.tenants && !m.conflicts?.licenses ? null : [m.conflicts.tenants && 'Its ids fit another tenant too. ', m.conflicts.licenses && 'Another licence of this tenant is in force. ', h('a', { href: '#/drift' }, 'Drift')]],
	]),
	payments.length > 0 && h('div', { class: 'scroll figures' }, table({ caption: 'Payments, newest first', rows: payments, columns: [
		{ label: 'Day', cell: (p) => reportDay(p.sale_date) }, { label: 'What', cell: (p) => [p.sale_type, p.payment_status && p.payment_status !== 'paid' && h('span', { class: 'soft small' }, ` ${p.payment_status}`)] },
		{ label: 'Tier', cell: (p) => p.tier ?? '–' }, { label: 'Paid', number: true, cell: (p) => money(p.amount_cents, p.currency) }] }))];
}

const paymentColumns = ['transaction', 'line', 'sale_date', 'sale_type', 'payment_status', 'tier', 'billing_period', 'currency', 'amount_cents', 'vendor_amount_cents'].map((name) => ({ name }));

const aliasColumns = [
	{ label: 'Kind', name: 'kind', whole: true, cell: (a) => a.kind.replaceAll('_', ' ') },
	{ label: 'Value', name: 'value', cell: (a) => a.value },
	{ label: 'Last seen', name: 'last_seen', cell: (a) => day(a.last_seen) },
];

export function tenant(main, { key }) {
	const path = `tenants/${encodeURIComponent(key)}`;
	const title = h('h1', { tabindex: '-1' }, key);
	const badges = h('span', {});
	const said = h('div', { role: 'status' });
	const license = h('div', {}, waiting()), facts = h('div', {}, waiting()), market = h('div', {}, waiting()), aliases = h('div', { class: 'scroll' }, waiting()), users = h('div', { class: 'scroll' }, waiting()), happened = h('div', {}, waiting());
	const trouble = h('div');
	const form = override(path, (text) => fill(said, message('good', text)));
	let known = [], payments = [];
	const paymentsCsv = h('button', { type: 'button', class: 'quiet', hidden: true, onclick: () => download('payments', paymentColumns, payments) }, 'CSV');

	const act = (label, work) => {
		const button = h('button', { type: 'button', onclick: () => once(button, async () => {
			fill(said, message('info', `${label} …`));
			try { fill(said, await work()); } catch (problem) { fill(said, message('bad', `${label}: ${problem.message}.`)); }
		}) }, label);
		return button;
	};
	const refresh = act('Look up now', async () => {
		show(await api(`${path}/refresh`, { method: 'POST' }));
		return message('good', 'The site told its licence.');
	});
	const test = act('Test call', async () => {
		const { ok, status, duration_ms: ms, meaning } = await api(`${path}/test-call`, { method: 'POST' });
		return message(ok ? 'good' : 'bad', `${status ? `Answer ${status} after ${number(ms)} ms: ` : ''}${meaning}.`);
	});

	function show({ tenant: t, license: l, marketplace: m, aliases: names }) {
		title.textContent = site(t.base_url);
		document.title = `${site(t.base_url)} · licgate`;
		fill(badges, badge(l.state), ' ', badge(t.status));
		fill(license, licenseCard(l));
		fill(facts, siteCard(t));
		fill(market, marketplaceCard(m));
		payments = m?.payments ?? [];
		paymentsCsv.hidden = payments.length === 0;
		known = names;
		fill(aliases, names.length > 0 ? table({ caption: 'Every id this tenant was known by', columns: aliasColumns, rows: names }) : empty('None.'));
		form.current(l.override);
		refresh.disabled = test.disabled = t.status === 'uninstalled';
	}

	const free = (account) => h('button', { type: 'button', class: 'quiet', 'aria-label': `Free the seat of ${account}`, onclick: async (event) => {
		event.target.disabled = true;
		try {
			await api(`${path}/users/${encodeURIComponent(account)}/seat`, { method: 'DELETE' });
			fill(said, message('good', `The seat of ${account} is free.`));
			again();
		} catch (problem) { fill(said, message('bad', `The seat cannot be freed: ${problem.message}.`)); }
	} }, 'Free');
	const userColumns = [
		{ label: 'Account', cell: (u) => [u.account_id, u.active === false && h('span', { class: 'soft small' }, ' deactivated')] },
		{ label: 'First seen', cell: (u) => day(u.first_seen) },
		{ label: 'Last seen', cell: (u) => ago(u.last_seen) ?? '–' },
		{ label: 'Seat', cell: (u) => (u.seat_at ? [day(u.seat_at), ' ', free(u.account_id)] : '–') },
	];

	let over = false;
	async function load() {
		try {
			show(await api(path));
			fill(trouble);
			const [events, accounts] = await Promise.all([
				all(`${path}/events`, 'events', (a) => `&after=${a.next}`),
				all(`${path}/users`, 'users', (a) => a.next && `&cursor=${encodeURIComponent(a.next)}`)]);
			fill(happened, timeline(events.reverse()));
			fill(users, accounts.length > 0 ? table({ caption: 'Accounts and seats', columns: userColumns, rows: accounts }) : empty('No account was seen yet.'));
		} catch (problem) {
			if (over) return;
			if (problem.status === 404) gone();
			else fill(trouble, failed('The tenant cannot be shown', problem, load));
			for (const place of [license, facts, market, aliases, users, happened]) place.querySelector(':scope > .waiting')?.remove();
		}
	}

	/* An erased tenant's history stays. */
	async function gone() {
		const { events } = await api(`${path}/events?limit=${PAGE}`);
		fill(main, h('div', { class: 'head' }, title),
			message('bad', events.length > 0 ? 'This tenant was erased. Its history stays.' : 'No tenant has this client key.'),
			events.length > 0 && card('History', {}, timeline(events.reverse())));
	}

	fill(main, h('p', { class: 'small' }, h('a', { href: '#/tenants' }, '← Tenants')),
		h('div', { class: 'head' }, title, badges, refresh, test), trouble, said,
		h('div', { class: 'grid' },
			card('Licence', {}, license), card('Site', {}, facts), card('Purchase', { extra: paymentsCsv }, market),
			card('History', { extra: [h('a', { class: 'button quiet', href: `#/deliveries?tenant=${encodeURIComponent(key)}` }, 'Deliveries'), csvLink(`${path}/events`)] }, happened), form.element,
			card('Accounts and seats', { extra: csvLink(`${path}/users`), flush: true }, users),
			card('Known as', { flush: true, extra: h('button', { type: 'button', class: 'quiet', onclick: () => download('aliases', aliasColumns, known) }, 'CSV') }, aliases)));

	const again = debounce(300, load);
	const stop = listen(({ type, event }) => { if (type === 'reload' || event?.data.tenant === key) again(); });
	load();
	return () => { over = true; stop(); again.cancel(); };
}

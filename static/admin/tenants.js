// tenants.js - the table of tenants: search, filters and order are the server's work, over all of them.
import { api } from './api.js';
import { card, csvLink, debounce, empty, fill, h, message, table } from './dom.js';
import { listen } from './live.js';
import { ago, badge, day, number, site, states, statuses, tenantHref, words } from './text.js';

const PAGE = 50;

export function tenants(main, { query: asked, remember }) {
	const want = { query: '', state: '', status: '', kind: '', sort: 'last_seen_at', dir: 'desc', ...Object.fromEntries(asked) };
	let cursors = ['']; // of the pages up to the one that is shown
	let running = null;
	const result = h('div', { class: 'card flush' });
	const status = h('p', { class: 'hidden-text', role: 'status' });

	const parameters = () => new URLSearchParams(Object.entries(want).filter(([, value]) => value));
	const columns = [
		{ label: 'Site', sort: 'base_url', cell: (t) => [h('a', { href: tenantHref(t.client_key) }, site(t.base_url)), h('div', { class: 'key' }, t.client_key)] },
		{ label: 'Licence', sort: 'state', cell: (t) => [badge(t.license.state), t.license.stale && h('span', { class: 'small soft' }, ' stale')] },
		{ label: 'Ends', sort: 'expires_at', cell: (t) => day(t.license.expires_at) ?? '–' },
		{ label: 'Status', sort: 'status', cell: (t) => badge(t.status) },
		{ label: 'Product', cell: (t) => t.product_type },
		{ label: 'Last seen', sort: 'last_seen_at', cell: (t) => ago(t.last_seen_at) ?? '–' },
		{ label: 'Installed', sort: 'installed_at', cell: (t) => day(t.installed_at) },
	];

	async function load() {
		running?.abort();
		const mine = running = new AbortController();
		const p = parameters();
		p.set('limit', PAGE);
		const cursor = cursors.at(-1);
		if (cursor) p.set('cursor', cursor);
		try {
			show(await api(`tenants?${p}`, { signal: mine.signal }));
		} catch (problem) {
			if (problem.name !== 'AbortError') fill(result, message('bad', `The tenants cannot be shown: ${problem.message}.`));
		}
	}

	function show({ tenants: rows, total, next }) {
		const first = (cursors.length - 1) * PAGE;
		const focused = result.contains(document.activeElement) ? document.activeElement.dataset.sort ?? document.activeElement.dataset.page : null;
		status.textContent = `${number(total)} tenants`;
		fill(result, rows.length === 0 ? empty(want.query || want.state || want.status || want.kind ? 'No tenant matches.' : 'No site has installed the app yet.')
			: table({ caption: 'Tenants', columns, rows, sort: { by: want.sort, descending: want.dir === 'desc', onsort: order } }),
		h('div', { class: 'pager' },
			h('span', {}, rows.length > 0 ? `${number(first + 1)}–${number(first + rows.length)} of ${number(total)}` : '0'),
			h('button', { type: 'button', 'data-page': 'back', disabled: cursors.length === 1, onclick: () => { cursors.pop(); load(); } }, 'Previous'),
			h('button', { type: 'button', 'data-page': 'on', disabled: !next, onclick: () => { cursors.push(next); load(); } }, 'Next')));
		if (focused) result.querySelector(`[data-sort="${CSS.escape(focused)}"], [data-page="${CSS.escape(focused)}"]`)?.focus();
	}

	function changed() {
		cursors = [''];
		const p = parameters();
		remember(`#/tenants?${p}`);
		csv.replaceWith(csv = csvLink('tenants', p));
		load();
	}

	function order(name) {
		want.dir = want.sort === name && want.dir === 'asc' ? 'desc' : 'asc';
		want.sort = name;
		orders.value = `${name} ${want.dir}`;
		changed();
	}

	const typed = debounce(120, changed);
	const search = h('input', { type: 'search', value: want.query, placeholder: 'Site, client key, SEN, entitlement, older address', 'aria-keyshortcuts': '/', spellcheck: 'false',
		autocomplete: 'off', oninput: () => { want.query = search.value.trim(); typed(); } });
	const choice = (name, label, values) => h('label', {}, h('span', {}, label),
		h('select', { onchange: (event) => { want[name] = event.target.value; changed(); } },
			h('option', { value: '' }, 'Any'), values.map((v) => h('option', { value: v, selected: want[name] === v }, words(v)))));
	/* Narrow windows show no heads to click. */
	const orders = h('select', { onchange: () => { [want.sort, want.dir] = orders.value.split(' '); changed(); } },
		columns.filter((c) => c.sort).flatMap((c) => [['asc', '↑'], ['desc', '↓']].map(([dir, arrow]) =>
			h('option', { value: `${c.sort} ${dir}`, selected: want.sort === c.sort && want.dir === dir }, `${c.label} ${arrow}`))));
	let csv = csvLink('tenants', parameters());

	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Tenants'), csv),
		h('form', { class: 'filters', role: 'search', onsubmit: (event) => event.preventDefault() },
			h('label', {}, h('span', {}, 'Search'), search), choice('state', 'Licence', states), choice('status', 'Status', statuses), choice('kind', 'Door', ['connect', 'forge', 'github']),
			h('label', { class: 'order' }, h('span', {}, 'Order'), orders)),
		status, result);

	const slash = (event) => {
		if (event.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) return;
		event.preventDefault();
		search.focus();
	};
	document.addEventListener('keydown', slash);
	const again = debounce(500, load);
	const stop = listen(({ type }) => { if (type === 'journal' || type === 'reload') again(); });
	load();
	return () => { stop(); typed.cancel(); again.cancel(); running?.abort(); document.removeEventListener('keydown', slash); };
}

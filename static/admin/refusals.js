// refusals.js - requests that were refused, newest first, with what the caller must have signed instead.
import { api } from './api.js';
import { csvLink, debounce, empty, fill, h, list, message } from './dom.js';
import { listen } from './live.js';
import { explain, parts } from './qsh.js';
import { exact, relative, tenantHref } from './text.js';

const lines = ({ method, path, query }) => [method, path, ...query];

/* Lines of both, those that differ marked; parameters are in one order in both. */
function diff(got, signed) {
	const a = lines(got), b = signed ? lines(signed) : a, out = [];
	for (const [i, line] of a.entries()) {
		const same = i < 2 ? b[i] === line : b.slice(2).includes(line);
		if (!same && i < 2) out.push(h('del', {}, `− ${line}`), h('ins', {}, `+ ${b[i]}`));
		else out.push(same ? h('span', {}, `  ${line}`) : h('del', {}, `− ${line}`));
	}
	for (const line of b.slice(2)) if (!a.slice(2).includes(line)) out.push(h('ins', {}, `+ ${line}`));
	return h('pre', { class: 'diff' }, out);
}

function comparison(f) {
	const got = f.computed_canonical ? parts(f.computed_canonical) : null;
	if (f.received_qsh === 'context-qsh') {
		return [message('info', 'The token is a context token: it is for API calls of a page, not for opening an address.'), got && diff(got)];
	}
	if (!got) return null;
	const found = f.received_qsh && f.received_qsh !== f.computed_qsh ? explain(f.computed_canonical, f.received_qsh) : null;
	const verdict = !f.received_qsh ? null
		: f.received_qsh === f.computed_qsh ? message('good', 'The request is the one that was signed.')
		: found ? message('info', `The token was made for another request: ${found.why}.`)
		: message('info', 'The token was made for another request, and none of the usual slips explains it.');
	return [verdict, h('div', {}, h('p', { class: 'small soft' }, found ? 'Canonical request: − as it came, + as it was signed' : 'Canonical request as it came'), diff(got, found?.signed))];
}

function refusal(f) {
	const body = h('div');
	const details = h('details', { class: 'refusal', 'data-id': f.request_id, ontoggle: () => {
		if (!details.open || body.firstChild) return;
		fill(body, list([['What', f.text], ['Tenant it named', f.tenant && h('a', { href: tenantHref(f.tenant) }, f.tenant)], ['Route', h('code', {}, f.route)],
			['Request', f.request_id && h('code', {}, f.request_id)], ['Hash computed', f.computed_qsh && h('code', {}, f.computed_qsh)],
			['Hash received', f.received_qsh && h('code', {}, f.received_qsh)]]), comparison(f));
	} },
	h('summary', {}, h('time', { datetime: f.at, title: exact(f.at) }, relative(f.at)), h('strong', {}, f.code),
		h('span', { class: 'key' }, [f.route, f.tenant].filter(Boolean).join(' · '))), body);
	return details;
}

export function refusals(main) {
	const inbox = h('div', { class: 'card flush' });
	const more = h('button', { type: 'button', hidden: true, onclick: () => load(true) }, 'Older');
	const code = h('select', { onchange: () => show() });
	let rows = [], next = '';

	function show() {
		const open = new Set([...inbox.querySelectorAll('details[open]')].map((d) => d.dataset.id));
		const codes = [...new Set(rows.map((f) => f.code))].sort(), chosen = codes.includes(code.value) ? code.value : '';
		fill(code, h('option', { value: '' }, 'Any'), codes.map((c) => h('option', { value: c }, c)));
		code.value = chosen;
		const wanted = rows.filter((f) => !chosen || f.code === chosen);
		fill(inbox, wanted.length === 0 ? empty('No request was refused since the start.') : wanted.map(refusal));
		for (const d of inbox.querySelectorAll('details')) if (open.has(d.dataset.id)) d.open = true;
	}

	async function load(older = false) {
		try {
			const answer = await api(`auth-failures?limit=100${older ? `&cursor=${encodeURIComponent(next)}` : ''}`);
			rows = older ? [...rows, ...answer.failures] : answer.failures;
			next = answer.next ?? '';
			more.hidden = !next;
			show();
		} catch (problem) { fill(inbox, message('bad', `The refusals cannot be shown: ${problem.message}.`)); }
	}

	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Refusals'), csvLink('auth-failures')),
		h('p', { class: 'soft' }, 'The last 1,000 requests whose token was refused. The caller only ever saw “unauthorized”.'),
		h('div', {}, h('label', { class: 'choice' }, h('span', {}, 'Code'), code)), inbox, h('div', {}, more));
	const again = debounce(500, () => load());
	const stop = listen(({ type }) => { if (type === 'failures' || type === 'reload') again(); });
	load();
	return () => { stop(); again.cancel(); };
}

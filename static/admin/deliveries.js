// deliveries.js - where events go, what became of each, and once more.
import { api } from './api.js';
import { card, csvLink, debounce, empty, fill, h, message, table } from './dom.js';
import { listen } from './live.js';
import { ago, number, tenantHref, words } from './text.js';

const PAGE = 50;
const kinds = { pending: 'info', delivered: 'good', dead: 'bad' };
const reasons = { gone: 'it answered 410', not_in_settings: 'not in the settings any more' };
const state = (kind, text) => h('span', { class: 'badge', 'data-kind': kind }, text);
const host = (url) => { try { return new URL(url).host; } catch { return url; } };

/** A button that asks once more before it acts. */
function careful(label, question, act) {
	const button = h('button', { type: 'button', class: 'quiet', onclick: () => {
		if (button.textContent === question) { act(button); return; }
		button.textContent = question;
		setTimeout(() => { button.textContent = label; }, 5000);
	} }, label);
	return button;
}

export function deliveries(main, { query: asked, remember }) {
	const want = { status: '', endpoint: '', ...Object.fromEntries(asked) };
	const said = h('div', { 'aria-live': 'polite' });
	const shelf = h('div');
	const result = h('div', { class: 'card flush' });
	const endpointChoice = h('select', { onchange: (event) => choose('endpoint', event.target.value) });
	let endpoints = [], rows = [], next = '';

	async function act(button, path, options, done) {
		button.disabled = true;
		try {
			const answer = await api(path, options);
			fill(said, done(answer));
			await Promise.all([loadEndpoints(), load()]);
		} catch (problem) { fill(said, message('bad', `This did not work: ${problem.message}.`)); }
		button.disabled = false;
	}

	/* The one time that a secret is shown. */
	const secret = ({ id, secret: value }, text) => [message('good', text),
		h('label', {}, h('span', {}, `Signing secret of ${id}, shown this once`), h('input', { readonly: true, value, class: 'secret', spellcheck: 'false', onfocus: (e) => e.target.select() }))];

	/* ---- endpoints ---- */

	function replayForm(e) {
		const after = h('input', { type: 'number', name: 'after', min: 0, required: true, value: e.disabled_after ?? 0 });
		const button = h('button', {}, 'Send again');
		return h('details', {}, h('summary', {}, 'Send a range again'), h('form', { class: 'range', onsubmit: (event) => {
			event.preventDefault();
			act(button, `endpoints/${e.id}/replay`, { method: 'POST', body: { after: Number(after.value) } }, (a) =>
				message('good', `${number(a.queued)} events are queued${a.next ? `; there are more: go on after ${a.next}` : ''}.`));
		} }, h('label', {}, h('span', {}, 'Events after number'), after), button));
	}

	function actions(e) {
		const post = (label, path, done) => h('button', { type: 'button', class: 'quiet', onclick: (event) => act(event.target, `endpoints/${e.id}/${path}`, { method: 'POST' }, done) }, label);
		return h('div', { class: 'row-actions' },
			e.disabled && e.disabled_reason !== 'not_in_settings' && post('Enable', 'enable', () => message('good', 'The endpoint is in use again.')),
			post('Test', 'test', (a) => message('good', `A test event is on its way: ${a.event}.`)),
			careful('Rotate secret', 'Rotate now?', (b) => act(b, `endpoints/${e.id}/rotate`, { method: 'POST' },
				(a) => secret(a, 'A new secret. The one before signs along for 24 hours.'))),
			(e.source === 'admin' || e.disabled_reason === 'not_in_settings') && careful('Remove', 'Remove, with its deliveries?',
				(b) => act(b, `endpoints/${e.id}`, { method: 'DELETE' }, () => message('good', 'The endpoint is removed.'))));
	}

	const endpointColumns = [
		{ label: 'Endpoint', cell: (e) => [h('div', {}, e.url), h('div', { class: 'key' }, e.id, e.source === 'settings' && ' · LICGATE_EVENTS_URL')] },
		{ label: 'Events', cell: (e) => (e.types ? h('details', {}, h('summary', {}, `${e.types.length} types`), e.types.map((t) => h('div', { class: 'key' }, t))) : 'all') },
		{ label: 'State', cell: (e) => [e.disabled ? [state('bad', 'disabled'), h('div', { class: 'key' }, reasons[e.disabled_reason] ?? e.disabled_reason)] : state('good', 'in use'),
			e.previous_secret_until && h('div', { class: 'key' }, 'two secrets, one until ', ago(e.previous_secret_until))] },
		{ label: 'Waiting', number: true, cell: (e) => number(e.pending) },
		{ label: 'Dead', number: true, cell: (e) => number(e.dead) },
		{ label: 'Actions', cell: (e) => [actions(e), replayForm(e)] },
	];

	function showEndpoints(types) {
		const busy = shelf.contains(document.activeElement) || shelf.querySelector('details[open]');
		if (busy && shelf.dataset.count === String(endpoints.length)) return; // somebody is at it
		shelf.dataset.count = endpoints.length;
		fill(shelf, card('Endpoints', { extra: csvLink('endpoints'), flush: true },
			endpoints.length === 0 ? empty('No endpoint yet: events stay in the journal.') : table({ caption: 'Endpoints', columns: endpointColumns, rows: endpoints }),
			addForm(types)));
	}

	function addForm(types) {
		const url = h('input', { type: 'url', name: 'url', required: true, maxlength: 2048, placeholder: 'https://example.com/licgate', autocomplete: 'off' });
		const boxes = types.map((t) => h('input', { type: 'checkbox', name: t }));
		const button = h('button', { class: 'primary' }, 'Add endpoint');
		return h('form', { class: 'add', onsubmit: (event) => {
			event.preventDefault();
			const chosen = types.filter((t, i) => boxes[i].checked);
			button.focus(); // what follows may replace the form
			act(button, 'endpoints', { method: 'POST', body: { url: url.value, ...(chosen.length ? { types: chosen } : {}) } }, (a) => {
				delete shelf.dataset.count;
				return secret(a, 'The endpoint gets events from now on.');
			});
		} }, h('label', {}, h('span', {}, 'Address of a new endpoint'), url), button,
		h('details', {}, h('summary', {}, 'Only some events'), h('div', { class: 'boxes' }, types.map((t, i) => h('label', {}, boxes[i], ' ', t)))));
	}

	async function loadEndpoints() {
		try {
			const answer = await api('endpoints');
			endpoints = answer.endpoints;
			showEndpoints(answer.event_types);
			fill(endpointChoice, h('option', { value: '' }, 'Any'), endpoints.map((e) => h('option', { value: e.id, selected: e.id === want.endpoint }, `${host(e.url)} (${e.id})`)));
		} catch (problem) { fill(shelf, message('bad', `The endpoints cannot be shown: ${problem.message}.`)); }
	}

	/* ---- deliveries ---- */

	const answerOf = (d) => [d.last_status ?? (d.last_error && words(d.last_error)), d.last_status && d.last_error && d.last_error !== 'status' && ` (${words(d.last_error)})`,
		d.duration_ms !== null && h('div', { class: 'key' }, `${number(d.duration_ms)} ms`)];
	const when = (d) => (d.status === 'pending' ? ['next ', ago(d.next_attempt_at)] : ago(d.finished_at));
	const columns = [
		{ label: 'Event', cell: (d) => [h('div', {}, d.type), h('div', { class: 'key' }, `${d.seq} · ${d.event}`)] },
		{ label: 'Tenant', cell: (d) => (d.tenant ? h('a', { href: tenantHref(d.tenant) }, d.tenant) : '–') },
		{ label: 'Endpoint', cell: (d) => host(endpoints.find((e) => e.id === d.endpoint)?.url ?? d.endpoint) },
		{ label: 'Status', cell: (d) => state(kinds[d.status], d.status) },
		{ label: 'Attempts', number: true, cell: (d) => number(d.attempts) },
		{ label: 'Last answer', cell: (d) => (d.last_attempt_at ? answerOf(d) : '–') },
		{ label: 'When', cell: when },
		{ label: 'Again', cell: (d) => h('button', { type: 'button', class: 'quiet', 'data-replay': d.id, onclick: (event) => act(event.target, `deliveries/${d.id}/replay`, { method: 'POST' },
			() => message('good', `${d.type} is sent again.`)) }, 'Send again') },
	];

	const parameters = () => new URLSearchParams(Object.entries(want).filter(([, value]) => value));
	let csv = csvLink('deliveries', parameters());

	async function load(older = false) {
		const p = parameters();
		p.set('limit', older ? PAGE : Math.max(PAGE, Math.min(rows.length, 500)));
		if (older) p.set('cursor', next);
		try {
			const answer = await api(`deliveries?${p}`);
			rows = older ? [...rows, ...answer.deliveries] : answer.deliveries;
			next = answer.next ?? '';
			const focused = document.activeElement?.dataset?.replay;
			fill(result, rows.length === 0 ? empty(want.status || want.endpoint ? 'No delivery matches.' : 'Nothing was delivered yet.') : table({ caption: 'Deliveries', columns, rows }),
				h('div', { class: 'pager' }, h('span', {}, `${number(rows.length)} shown`), h('button', { type: 'button', disabled: !next, onclick: () => load(true) }, 'Older')));
			if (focused) result.querySelector(`[data-replay="${CSS.escape(focused)}"]`)?.focus();
		} catch (problem) { fill(result, message('bad', `The deliveries cannot be shown: ${problem.message}.`)); }
	}

	function choose(name, value) {
		want[name] = value;
		rows = [];
		remember(`#/deliveries?${parameters()}`);
		csv.replaceWith(csv = csvLink('deliveries', parameters()));
		load();
	}

	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Deliveries'), csv),
		h('p', { class: 'soft' }, 'Events leave as signed webhooks (Standard Webhooks). One that fails is tried again for three days, then it is dead.'),
		said, shelf,
		h('div', { class: 'fields' },
			h('label', {}, h('span', {}, 'Status'), h('select', { onchange: (event) => choose('status', event.target.value) }, h('option', { value: '' }, 'Any'),
				Object.keys(kinds).map((s) => h('option', { value: s, selected: want.status === s }, s)))),
			h('label', {}, h('span', {}, 'Endpoint'), endpointChoice)),
		result);
	const again = debounce(400, () => { loadEndpoints(); load(); });
	const stop = listen(({ type }) => { if (type === 'deliveries' || type === 'reload') again(); });
	loadEndpoints().then(() => load());
	return () => { stop(); again.cancel(); };
}

// deliveries.js - where events go, what became of each, and once more.
import { api } from './api.js';
import { card, csvLink, debounce, empty, failed, fill, h, message, once, refill, table, waiting } from './dom.js';
import { listen } from './live.js';
import { ago, count, exact, number, tenantHref, words } from './text.js';

const PAGE = 50, SAID_MS = 10000, URL_SHOWN = 160, URL_NAMED = 80;
const kinds = { pending: 'info', delivered: 'good', dead: 'bad' };
const errors = { connection: 'no connection', timeout: 'no answer in time', address_not_allowed: 'a private address', redirect: 'redirects are not followed', bad_url: 'not a usable address' };
const reasons = { gone: 'it answered 410', not_in_settings: 'not in the settings any more' };
const inWords = (error) => errors[error] ?? words(error);
const state = (kind, text) => h('span', { class: 'badge', 'data-kind': kind }, text);
const short = (url, most) => (url.length > most ? `${url.slice(0, most - 1)}…` : url); // an address has up to 2,048 characters
const host = (url) => { try { return new URL(url).host; } catch { return url; } };

/* A button of one row. Seen, its row says what it is for; heard, its name does. */
function button(label, of, key, onclick) {
	return h('button', { type: 'button', class: 'quiet', 'aria-label': `${label} ${of}`, 'data-key': key, onclick: (event) => onclick(event.currentTarget) }, label);
}

/** One that asks once more before it acts; Escape, or going elsewhere, is a no. */
function careful(label, question, of, key, act) {
	let timer = null;
	const say = (text) => { made.textContent = text; made.setAttribute('aria-label', `${text} ${of}`); };
	const calm = () => {
		clearTimeout(timer);
		if ('asking' in made.dataset) say(label);
		delete made.dataset.asking;
	};
	const made = button(label, of, key, () => {
		if ('asking' in made.dataset) {
			calm();
			act(made);
			return;
		}
		say(question);
		made.dataset.asking = '';
		timer = setTimeout(calm, 5000);
	});
	made.addEventListener('keydown', (event) => { if (event.key === 'Escape') calm(); });
	made.addEventListener('blur', calm);
	return made;
}

/** The one time that a secret is shown: it stays until the operator has it, whatever else is done meanwhile. */
function secretCard({ id, secret: value }, text, away) {
	const field = h('input', { readonly: true, value, class: 'secret', spellcheck: 'false', onfocus: (e) => e.target.select() });
	const copy = h('button', { type: 'button', onclick: async () => {
		field.focus();
		try {
			await navigator.clipboard.writeText(value);
			copy.textContent = 'Copied';
		} catch { copy.textContent = 'Selected: press Ctrl+C'; } // a browser lends its clipboard to https and localhost alone
	} }, 'Copy');
	const shown = h('section', { class: 'card', 'data-of': id, 'aria-label': `New secret of ${id}` }, message('good', text),
		h('form', { class: 'keep', onsubmit: (event) => { event.preventDefault(); shown.remove(); away(); } },
			h('label', {}, h('span', {}, `Signing secret of ${id}, shown this once`), field), copy, h('button', {}, 'I have it')));
	return { shown, field };
}

export function deliveries(main, { query: asked, remember }) {
	const want = { status: '', endpoint: '', type: '', tenant: '', ...Object.fromEntries(asked) };
	const said = h('div', { class: 'said' }), secrets = h('div', { class: 'stacked' });
	const shelf = h('div', {}, waiting()), adding = h('div');
	const trouble = h('div'), endpointTrouble = h('div'), result = h('div', {}, waiting());
	const endpointChoice = h('select', { onchange: (event) => choose('endpoint', event.target.value) });
	const typeChoice = h('select', { onchange: (event) => choose('type', event.target.value) });
	let endpoints = [], rows = [], next = '', latest = 0, turning = false, sayNoMore = null;

	function say(kind, ...text) {
		clearTimeout(sayNoMore);
		fill(said, message(kind, ...text));
		if (kind === 'good') sayNoMore = setTimeout(() => fill(said), SAID_MS);
	}

	const act = (pressed, path, options, done) => once(pressed, async () => {
		try {
			done(await api(path, options));
			await Promise.all([loadEndpoints(true), load()]);
		} catch (problem) { say('bad', `This did not work: ${problem.message}.`); }
	});

	function showSecret(answer, text) {
		const { shown, field } = secretCard(answer, text, () => adding.querySelector('input')?.focus());
		secrets.querySelector(`[data-of="${CSS.escape(answer.id)}"]`)?.remove();
		secrets.prepend(shown);
		field.focus();
	}

	/* ---- endpoints ---- */

	function replayForm(e) {
		const after = h('input', { type: 'number', name: 'after', min: 0, required: true, value: e.disabled_after ?? 0 });
		const go = h('button', {}, 'Send again');
		return h('details', {}, h('summary', { 'data-key': `${e.id}/range` }, 'Send a range again'), h('form', { class: 'range', 'data-key': `${e.id}/range`, onsubmit: (event) => {
			event.preventDefault();
			act(go, `endpoints/${e.id}/replay`, { method: 'POST', body: { after: Number(after.value) } }, (a) =>
				say('good', a.queued === 0 ? 'No event behind that number is for this endpoint.' : `${count(a.queued, 'event')} ${a.queued === 1 ? 'is' : 'are'} queued${a.next ? `; there are more: go on after ${a.next}` : ''}.`));
		} }, h('label', {}, h('span', {}, 'Events after number'), after), go));
	}

	function actions(e) {
		const post = (label, path, done) => button(label, short(e.url, URL_NAMED), `${e.id}/${path}`, (b) => act(b, `endpoints/${e.id}/${path}`, { method: 'POST' }, done));
		return h('div', { class: 'row-actions' },
			e.disabled && e.disabled_reason !== 'not_in_settings' && post('Enable', 'enable', () => say('good', 'The endpoint is in use again.')),
			post('Test', 'test', (a) => say('good', `A test event is on its way: ${a.event}.`)),
			careful('Rotate secret', 'Rotate now?', short(e.url, URL_NAMED), `${e.id}/rotate`, (b) => act(b, `endpoints/${e.id}/rotate`, { method: 'POST' },
				(a) => showSecret(a, 'A new secret. The one before signs along for 24 hours.'))),
			(e.source === 'admin' || e.disabled_reason === 'not_in_settings') && careful('Remove', 'Remove, with its deliveries?', short(e.url, URL_NAMED), `${e.id}/remove`,
				(b) => act(b, `endpoints/${e.id}`, { method: 'DELETE' }, () => {
					secrets.querySelector(`[data-of="${CSS.escape(e.id)}"]`)?.remove();
					say('good', 'The endpoint is removed.');
				})));
	}

	const endpointColumns = [
		{ label: 'Endpoint', cell: (e) => [h('div', { title: e.url.length > URL_SHOWN && e.url }, short(e.url, URL_SHOWN)), h('div', { class: 'key' }, e.id, e.source === 'settings' && ' · LICGATE_EVENTS_URL')] },
		{ label: 'Events', cell: (e) => (e.types ? h('details', {}, h('summary', {}, count(e.types.length, 'type')), e.types.map((t) => h('div', { class: 'key' }, t))) : 'all') },
		{ label: 'State', cell: (e) => [e.disabled ? [state('bad', 'disabled'), h('div', { class: 'key' }, reasons[e.disabled_reason] ?? e.disabled_reason)] : state('good', 'in use'),
			e.held_until && h('div', { class: 'key' }, `it asked to be left alone until ${exact(e.held_until)}`),
			e.previous_secret_until && h('div', { class: 'key' }, `the old secret signs along until ${exact(e.previous_secret_until)}`)] },
		{ label: 'Waiting', number: true, cell: (e) => number(e.pending) },
		{ label: 'Dead', number: true, cell: (e) => number(e.dead) },
		{ label: 'Actions', cell: (e) => [actions(e), replayForm(e)] },
	];

	function showEndpoints(own) {
		if (!own && shelf.querySelector('details[open], [data-asking]')) return; // somebody is at it
		refill(shelf, endpoints.length === 0 ? empty('No endpoint yet: events stay in the journal.') : table({ caption: 'Endpoints', columns: endpointColumns, rows: endpoints }));
	}

	function addForm(types) {
		const url = h('input', { type: 'url', name: 'url', required: true, maxlength: 2048, placeholder: 'https://example.com/licgate', autocomplete: 'off' });
		const boxes = types.map((t) => h('input', { type: 'checkbox', name: t }));
		const add = h('button', { class: 'primary' }, 'Add endpoint');
		return h('form', { class: 'add', onsubmit: (event) => {
			event.preventDefault();
			const chosen = types.filter((t, i) => boxes[i].checked);
			act(add, 'endpoints', { method: 'POST', body: { url: url.value, ...(chosen.length ? { types: chosen } : {}) } }, (a) => {
				event.target.reset();
				showSecret(a, 'The endpoint gets events from now on. This is the secret that they are signed with.');
			});
		} }, h('label', {}, h('span', {}, 'Address of a new endpoint'), url), add,
		h('details', {}, h('summary', {}, 'Only some events'), h('div', { class: 'boxes' }, types.map((t, i) => h('label', {}, boxes[i], ' ', t)))));
	}

	async function loadEndpoints(own = false) {
		try {
			const answer = await api('endpoints');
			endpoints = answer.endpoints;
			fill(endpointTrouble);
			showEndpoints(own);
			if (!adding.firstChild) {
				fill(adding, addForm(answer.event_types));
				fill(typeChoice, h('option', { value: '' }, 'Any'), answer.event_types.map((t) => h('option', { value: t, selected: t === want.type }, t)));
			}
			const choices = endpoints.map((e) => e.id + e.url).join(' ');
			if (endpointChoice.dataset.choices === choices) return; // somebody may be choosing
			endpointChoice.dataset.choices = choices;
			fill(endpointChoice, h('option', { value: '' }, 'Any'), endpoints.map((e) => h('option', { value: e.id, selected: e.id === want.endpoint }, `${host(e.url)} (${e.id})`)));
		} catch (problem) { fill(endpoints.length > 0 ? endpointTrouble : shelf, failed('The endpoints cannot be shown', problem, () => loadEndpoints(true))); } // what is shown stays
	}

	/* ---- deliveries ---- */

	const answer = (status, error) => [status ?? (error && inWords(error)), status && error && error !== 'status' && ` (${inWords(error)})`];
	const answerOf = (d) => [answer(d.last_status, d.last_error), d.duration_ms !== null && h('div', { class: 'key' }, `${number(d.duration_ms)} ms`)];
	const when = (d) => (d.status === 'pending' ? [new Date(d.next_attempt_at) > Date.now() ? 'next ' : 'due ', ago(d.next_attempt_at)] : ago(d.finished_at));
	const at = (d) => host(endpoints.find((e) => e.id === d.endpoint)?.url ?? d.endpoint);
	const columns = [
		{ label: 'Event', cell: (d) => [h('div', {}, d.type), h('div', { class: 'key event' }, `${d.seq} · ${d.event}`)] },
		{ label: 'Tenant', cell: (d) => (d.tenant ? h('a', { href: tenantHref(d.tenant) }, d.tenant) : '–') },
		{ label: 'Endpoint', cell: (d) => [h('div', { class: 'host' }, at(d)), h('div', { class: 'key host' }, d.endpoint)] },
		{ label: 'Status', cell: (d) => state(kinds[d.status], d.status) },
		{ label: 'Attempts', number: true, cell: (d) => (d.last_attempt_at ? h('button', { type: 'button', class: 'quiet', 'aria-label': `${count(d.attempts, 'attempt')} of ${d.type} ${d.seq} to ${at(d)}`,
			'data-key': `${d.id}/attempts`, onclick: () => showAttempts(d) }, number(d.attempts)) : number(d.attempts)) },
		{ label: 'Last answer', cell: (d) => (d.last_attempt_at ? answerOf(d) : '–') },
		{ label: 'When', cell: when },
		{ label: 'Again', cell: (d) => button('Send again', `${d.type} ${d.seq} to ${at(d)}`, d.id, (b) => act(b, `deliveries/${d.id}/replay`, { method: 'POST' },
			() => say('good', `${d.type} is sent again.`))) },
	];

	const attemptColumns = [
		{ label: 'Attempt', number: true, cell: (a) => number(a.number) },
		{ label: 'When', cell: (a) => exact(a.at) },
		{ label: 'Answer', cell: (a) => answer(a.status, a.error) },
		{ label: 'Took', number: true, cell: (a) => `${number(a.duration_ms)} ms` },
	];

	/* Each attempt, through all replays. The browser takes the keyboard there and closes it on Escape; back it goes to the
	   same button, which may have been made anew meanwhile. */
	async function showAttempts(d) {
		const title = `Attempts of ${d.type} ${d.seq} to ${at(d)}`, inside = h('div', {}, waiting());
		const shown = h('dialog', { 'aria-label': title, onclose: () => {
			shown.remove();
			result.querySelector(`[data-key="${d.id}/attempts"]`)?.focus();
		} }, h('h2', {}, title), inside,
			h('form', { method: 'dialog', class: 'actions' }, h('button', {}, 'Close')));
		main.append(shown);
		shown.showModal();
		try {
			const { attempts } = await api(`deliveries/${d.id}`);
			fill(inside, attempts.length === 0 ? empty('They were made before attempts were kept.')
				: h('div', { class: 'scroll' }, table({ caption: title, columns: attemptColumns, rows: attempts })));
		} catch (problem) { fill(inside, message('bad', `The attempts cannot be shown: ${problem.message}.`)); }
	}

	const parameters = () => new URLSearchParams(Object.entries(want).filter(([, value]) => value));
	let csv = csvLink('deliveries', parameters());

	async function load(older = false) {
		const mine = ++latest, p = parameters(); // an earlier answer may come later
		p.set('limit', older ? PAGE : Math.max(PAGE, Math.min(rows.length, 500)));
		if (older) p.set('cursor', next);
		try {
			const answer = await api(`deliveries?${p}`);
			if (mine !== latest) return;
			rows = older ? [...rows, ...answer.deliveries] : answer.deliveries;
			next = answer.next ?? '';
			fill(trouble);
			refill(result, h('div', { class: 'card flush' }, rows.length === 0 ? empty(parameters().toString() ? 'No delivery matches.' : 'Nothing was delivered yet.')
				: [h('div', { class: 'scroll' }, table({ caption: 'Deliveries', columns, rows })), h('div', { class: 'pager' }, h('span', {}, `${number(rows.length)} shown`), next && more())]));
		} catch (problem) {
			if (mine !== latest) return;
			fill(trouble, failed('The deliveries cannot be shown', problem, () => load(older)));
			if (rows.length === 0) fill(result);
		}
	}

	const more = () => h('button', { type: 'button', 'data-key': 'older', onclick: (event) => once(event.currentTarget, async () => {
		turning = true;
		await load(true);
		turning = false;
	}) }, 'Older');

	function choose(name, value) {
		want[name] = value;
		rows = [];
		fill(result, waiting());
		remember(`#/deliveries?${parameters()}`);
		csv.replaceWith(csv = csvLink('deliveries', parameters()));
		load();
	}

	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Deliveries'), csv),
		h('p', { class: 'soft' }, 'Events leave as signed webhooks (Standard Webhooks). One that fails is tried again for three days, then it is dead.'),
		said, secrets, card('Endpoints', { extra: csvLink('endpoints'), flush: true }, endpointTrouble, shelf, adding),
		h('div', { class: 'fields' },
			h('label', {}, h('span', {}, 'Status'), h('select', { onchange: (event) => choose('status', event.target.value) }, h('option', { value: '' }, 'Any'),
				Object.keys(kinds).map((s) => h('option', { value: s, selected: want.status === s }, s)))),
			h('label', {}, h('span', {}, 'Endpoint'), endpointChoice),
			h('label', {}, h('span', {}, 'Event'), typeChoice),
			h('label', {}, h('span', {}, 'Tenant'), h('input', { type: 'search', value: want.tenant, placeholder: 'Client key', spellcheck: 'false', autocomplete: 'off',
				oninput: debounce(300, (event) => choose('tenant', event.target.value.trim())) }))),
		trouble, result);
	const again = debounce(400, () => { loadEndpoints(); if (!turning) load(); });
	const stop = listen(({ type }) => { if (type === 'deliveries' || type === 'reload') again(); });
	loadEndpoints().then(() => load());
	return () => { latest = -1; stop(); again.cancel(); clearTimeout(sayNoMore); };
}

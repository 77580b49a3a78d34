// feedback.js - what users wrote to the vendor, newest first.
import { api } from './api.js';
import { csvLink, debounce, empty, fill, h, message } from './dom.js';
import { listen } from './live.js';
import { ago, tenantHref } from './text.js';

export function feedback(main) {
	const inbox = h('div', { class: 'card flush' });
	const more = h('button', { type: 'button', hidden: true, onclick: () => load(true) }, 'Older');
	let rows = [], next = '';

	async function load(older = false) {
		try {
			const answer = await api(`feedback?limit=50${older ? `&cursor=${encodeURIComponent(next)}` : ''}`);
			rows = older ? [...rows, ...answer.feedback] : answer.feedback;
			next = answer.next ?? '';
			more.hidden = !next;
			fill(inbox, rows.length === 0 ? empty('Nobody wrote yet.') : rows.map((f) => h('article', { class: 'note' },
				h('div', { class: 'small soft' }, h('a', { href: tenantHref(f.tenant) }, f.tenant), f.account_id && ` · ${f.account_id}`, ' · ', ago(f.at)),
				h('p', {}, f.message))));
		} catch (problem) { fill(inbox, message('bad', `The feedback cannot be shown: ${problem.message}.`)); }
	}

	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Feedback'), csvLink('feedback')), inbox, h('div', {}, more));
	const again = debounce(300, () => load());
	const stop = listen(({ type, event }) => { if (type === 'reload' || event?.type === 'feedback.received') again(); });
	load();
	return () => { stop(); again.cancel(); };
}

// mail.js - mail to the contacts of evaluations: what is on, what waits, what was sent. It names nobody: no address leaves the server.
import { api } from './api.js';
import { card, csvLink, empty, failed, fill, h, once, table, waiting } from './dom.js';
import { ago, number, tenantHref, words } from './text.js';

const about = { welcome: 'When an evaluation starts', ending: 'Before it ends', expired: 'When it has ended' };
const kinds = { queued: 'info', sent: 'good', failed: 'bad', dropped: 'mute' };
const templateColumns = [
	{ label: 'Template', cell: (t) => words(t.name) },
	{ label: 'Sent when', cell: (t) => about[t.name] },
	{ label: 'State', cell: (t) => h('span', { class: 'badge', 'data-kind': t.on ? 'good' : null }, t.on ? 'on' : 'off') },
	...['queued', 'sent', 'failed', 'dropped'].map((s) => ({ label: s[0].toUpperCase() + s.slice(1), number: true, cell: (t) => number(t[s]) })),
];
const mailColumns = [
	{ label: 'Template', cell: (m) => words(m.template) },
	{ label: 'Entitlement', cell: (m) => (m.tenant ? h('a', { href: tenantHref(m.tenant) }, m.entitlement ?? m.tenant) : m.entitlement) },
	{ label: 'Status', cell: (m) => h('span', { class: 'badge', 'data-kind': kinds[m.status] }, words(m.status)) },
	{ label: 'Result', cell: (m) => words(m.result ?? '') },
	{ label: 'Attempts', number: true, cell: (m) => number(m.attempts) },
	{ label: 'Next', cell: (m) => ago(m.next_attempt_at) },
	{ label: 'Changed', cell: (m) => ago(m.updated_at) },
];

export function mail(main) {
	const state = h('div', { class: 'scroll' }, waiting()), rows = h('div', { class: 'scroll' }, waiting()), said = h('div');
	const more = h('button', { type: 'button', hidden: true, onclick: () => once(more, () => load(true)) }, 'Older');
	const facts = h('p', { class: 'soft' });
	let mails = [], next = '';

	async function load(older = false) {
		try {
			const answer = await api(`mail?limit=50${older ? `&cursor=${encodeURIComponent(next)}` : ''}`);
			mails = older ? [...mails, ...answer.mails] : answer.mails;
			next = answer.next ?? '';
			more.hidden = !next;
			fill(said);
			fill(facts, answer.server ? '' : 'No mail server is set (LICGATE_SMTP_URL). ', `At most ${number(answer.per_hour)} an hour. `,
				`${number(answer.suppressed)} ${answer.suppressed === 1 ? 'address gets' : 'addresses get'} no mail: unsubscribed, erased or forgotten. `,
				'The feedback form of the app asks without any address.');
			fill(state, table({ caption: 'Templates', columns: templateColumns, rows: answer.templates }));
			fill(rows, mails.length === 0 ? empty('No mail was queued yet.') : table({ caption: 'Mails, newest first', columns: mailColumns, rows: mails }));
		} catch (problem) { fill(said, failed('The mail cannot be shown', problem, () => load(older))); }
		for (const w of [state, rows]) w.querySelector(':scope > .waiting')?.remove();
	}

	fill(main, h('div', { class: 'head' }, h('h1', {}, 'Mail'), h('button', { type: 'button', class: 'quiet', onclick: (event) => once(event.currentTarget, () => load()) }, 'Reload'), csvLink('mail')),
		said, card('Templates', { flush: true }, state), facts, card('Mails', { flush: true }, rows), h('div', {}, more));
	load();
}

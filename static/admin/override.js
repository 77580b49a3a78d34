// override.js - the form that sets the operator's word over every other signal, until a day.
import { api } from './api.js';
import { card, fill, h, message } from './dom.js';
import { states, words } from './text.js';

let lastBy = ''; // who fills the form in is the same person all day

const inDays = (days) => new Date(Date.now() + days * 86400000).toISOString().slice(0, 10);

export function override(path, done) {
	const said = h('div');
	const end = h('button', { type: 'button', hidden: true, onclick: () => send(end, 'DELETE', undefined, 'The override has ended.') }, 'End the override');
	const state = h('select', { name: 'state' }, states.filter((s) => s !== 'unknown').map((s) => h('option', { value: s }, words(s))));
	const until = h('input', { type: 'date', name: 'until', required: true, min: inDays(0), value: inDays(30) });
	const reason = h('input', { name: 'reason', required: true, maxlength: 250, placeholder: 'paid, ticket 12' });
	const by = h('input', { name: 'by', required: true, maxlength: 50, value: lastBy, autocomplete: 'name' });
	const set = h('button', { class: 'primary' }, 'Set override');

	async function send(button, method, body, text) {
		button.disabled = true;
		fill(said);
		try {
			await api(`${path}/override`, { method, body });
			done(text);
		} catch (problem) { fill(said, message('bad', `This did not work: ${problem.message}.`)); }
		button.disabled = false;
	}

	const form = h('form', { onsubmit: async (event) => {
		event.preventDefault();
		lastBy = by.value;
		await send(set, 'PUT', { state: state.value, until: `${until.value}T23:59:59Z`, reason: reason.value, by: by.value }, 'The override is set.');
	} }, h('div', { class: 'fields' },
		h('label', {}, h('span', {}, 'State'), state), h('label', {}, h('span', {}, 'Until the end of (UTC)'), until),
		h('label', { class: 'wide' }, h('span', {}, 'Reason'), reason), h('label', { class: 'wide' }, h('span', {}, 'By'), by)),
	h('div', { class: 'actions' }, set, end));

	return {
		element: card('Override', {}, h('p', { class: 'soft small' }, 'Goes before every signal, ends by itself, and stands in the history.'), said, form),
		/** What is in force: the tenant's override, or null. */
		current: (o) => { end.hidden = !o; },
	};
}

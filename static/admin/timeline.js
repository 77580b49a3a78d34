// timeline.js - events in words, newest first.
import { empty, h } from './dom.js';
import { badge, exact, money, relative, reportDay, words } from './text.js';

const kind = (type) => (/uninstalled|expired|cancelled|refunded|failed|purged/.test(type) ? 'bad'
	: /disabled|downgraded|freed|removed/.test(type) ? 'warn'
	: /^(override|feedback)/.test(type) ? 'violet'
	: /^license/.test(type) ? 'info'
	: /installed|enabled|imported|created|converted|renewed|started|taken|added/.test(type) ? 'good' : null);

/* What an event says besides its type, as far as a person reads it. */
function details({ type, data }) {
	if (type === 'license.changed') return [badge(data.from ?? 'unknown'), ' → ', badge(data.to ?? 'unknown'), data.reason && h('span', { class: 'soft' }, ` ${data.reason}`)];
	return [members(data, data.currency), data.previous && h('div', { class: 'soft' }, 'before: ', members(data.previous, data.currency))];
}

const skipped = ['id', 'tenant', 'marketplace', 'observed_at', 'source', 'currency'];

function members(data, currency) {
	return Object.entries(data).filter(([name, value]) => !skipped.includes(name) && value !== null && typeof value !== 'object')
		.map(([name, value], i) => h('span', { class: 'soft' }, `${i > 0 ? ', ' : ''}${words(name.replace(/_cents$/, ''))}: `, said(name, value, currency)));
}

/* A member as a person reads it: cents as an amount, a day as a day. */
function said(name, value, currency) {
	if (name.endsWith('_cents')) return money(value, currency);
	if (typeof value !== 'string') return value === true ? 'yes' : value === false ? 'no' : String(value);
	return reportDay(/^\d{4}-\d\d-\d\dT/.test(value) ? value.slice(0, 10) : value);
}

export const entry = (event, ...more) => h('li', { 'data-kind': kind(event.type) },
	h('div', {}, h('strong', {}, words(event.type.replace('.', ' '))), ' ',
		h('time', { class: 'soft small', datetime: event.timestamp, title: exact(event.timestamp), 'data-ago': true }, relative(event.timestamp)),
		event.data.source && h('span', { class: 'soft small' }, ` · ${event.data.source}`)),
	h('div', { class: 'small' }, details(event), ...more));

/* It scrolls, so the keyboard must reach it. */
export const timeline = (events) => (events.length === 0 ? empty('Nothing happened yet.')
	: h('ol', { class: 'timeline', tabindex: '0', 'aria-label': 'History, newest first' }, events.map((e) => entry(e))));

// text.js - times, numbers and the words for states, in one place.
import { h } from './dom.js';

const number_ = new Intl.NumberFormat('en');
const date_ = new Intl.DateTimeFormat('en', { year: 'numeric', month: 'short', day: 'numeric', timeZone: 'UTC' });
const dateTime_ = new Intl.DateTimeFormat('en', { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: 'UTC' });
const relative_ = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const units = [['year', 31536000], ['month', 2592000], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

export const number = (n) => number_.format(n);
/** "1 event", "2 events". */
export const count = (n, noun) => `${number(n)} ${noun}${n === 1 ? '' : 's'}`;

export function relative(time) {
	const seconds = Math.round((new Date(time) - Date.now()) / 1000);
	const [unit, size] = units.find(([, s]) => Math.abs(seconds) >= s) ?? ['second', 1];
	return relative_.format(Math.round(seconds / size), unit);
}

/** "3 hours ago", kept up to date; the exact time is its title. */
export const ago = (time) => time && h('time', { datetime: time, title: exact(time), 'data-ago': true }, relative(time));
export const day = (time) => time && h('time', { datetime: time, title: exact(time) }, date_.format(new Date(time)));
export const exact = (time) => `${dateTime_.format(new Date(time))} UTC`;

setInterval(() => {
	for (const t of document.querySelectorAll('time[data-ago]')) t.textContent = relative(t.dateTime);
}, 20000);

export function duration(seconds) {
	const [unit, size] = units.find(([, s]) => seconds >= s) ?? ['second', 1];
	const n = Math.trunc(seconds / size);
	return `${n} ${unit}${n === 1 ? '' : 's'}`;
}

export const states = ['active', 'evaluation', 'cancelled_pending', 'grace', 'expired', 'none', 'unknown'];
export const statuses = ['enabled', 'installed', 'disabled', 'uninstalled'];
const kinds = { active: 'good', evaluation: 'info', cancelled_pending: 'violet', grace: 'warn', expired: 'bad',
	enabled: 'good', installed: 'good', disabled: 'warn' };
export const words = (name) => name.replaceAll('_', ' ');
export const badge = (name) => h('span', { class: 'badge', 'data-kind': kinds[name] }, words(name));

/** What the operator knows a site by: its host, without the scheme everybody has. */
export const site = (baseUrl) => (baseUrl ?? '').replace(/^https:\/\//, '') || '(no address)';
export const tenantHref = (key) => `#/tenants/${encodeURIComponent(key)}`;

/** Whole cents as an amount: "$1,234.50". */
export function money(cents, currency = 'USD') {
	const amount = cents / 100 + 0; // no minus before zero
	try { return new Intl.NumberFormat('en', { style: 'currency', currency }).format(amount); } catch { return `${amount.toFixed(2)} ${currency}`; }
}
/** A day of a report (2026-03-02). */
export const reportDay = (text) => (text && /^\d{4}-\d\d-\d\d$/.test(text) ? day(`${text}T00:00:00Z`) : text);

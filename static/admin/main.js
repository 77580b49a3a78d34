// main.js - sign-in, the way from the address to a view, and what all views have around them.
//
// A view is a function (main element, path rest, query) that fills the element and returns a function to end it.
import { resume, session, signIn, signOut } from './api.js';
import { h, fill, message } from './dom.js';
import { connect, disconnect } from './live.js';
import { books } from './books.js';
import { drift } from './drift.js';
import { github } from './github.js';
import { overview } from './overview.js';
import { tenants } from './tenants.js';
import { tenant } from './tenant.js';
import { refusals } from './refusals.js';
import { feedback } from './feedback.js';
import { funnel } from './funnel.js';
import { deliveries } from './deliveries.js';
import { mail } from './mail.js';
import { migration } from './migration.js';

const main = document.getElementById('view');
const top_ = document.getElementById('top');
const views = { overview: ['Overview', overview], tenants: ['Tenants', tenants], refusals: ['Refusals', refusals], feedback: ['Feedback', feedback], funnel: ['Funnel', funnel], deliveries: ['Deliveries', deliveries], migration: ['Migration', migration], mail: ['Mail', mail], books: ['Books', books], drift: ['Drift', drift], github: ['GitHub', github] };
let end = null;
let shown = null;

function route(focus = true) {
	const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
	const [name, ...rest] = path.split('/');
	if (!views[name]) {
		location.replace('#/overview');
		return;
	}
	// A view that only writes its own query into the address is not begun again.
	const address = `${path}?${query}`;
	if (shown === address) return;
	shown = address;
	end?.();
	for (const a of document.querySelectorAll('#top nav a')) {
		if (a.hash === `#/${name}`) a.setAttribute('aria-current', 'page');
		else a.removeAttribute('aria-current');
	}
	const key = name === 'tenants' && rest.length > 0 ? decodeKey(rest.join('/')) : null;
	const [title, view] = key === null ? views[name] : [key, tenant];
	document.title = `${title} · licgate`;
	fill(main);
	end = view(main, { key, query: new URLSearchParams(query), remember }) ?? null;
	if (focus) {
		main.focus({ preventScroll: true });
		scrollTo(0, 0);
	}
}

function decodeKey(text) {
	try { return decodeURIComponent(text); } catch { return text; }
}

/** Keeps the view's own choices in the address, without a step back for each letter typed. */
function remember(hash) {
	history.replaceState(null, '', hash);
	shown = hash.replace(/^#\//, '');
	if (!shown.includes('?')) shown += '?';
}

function leave() {
	disconnect();
	end?.();
	end = shown = null;
	top_.hidden = true;
	document.title = 'Sign in · licgate';
}

function askForToken(problem) {
	leave();
	const error = h('div', {}, problem ? message('bad', problem) : null);
	const field = h('input', { type: 'password', name: 'token', autocomplete: 'current-password', required: true });
	const button = h('button', { class: 'primary' }, 'Sign in');
	const form = h('form', { class: 'card sign-in', onsubmit: async (event) => {
		event.preventDefault();
		button.disabled = true;
		try {
			await signIn(field.value);
			field.value = '';
			enter();
		} catch (trouble) {
			fill(error, message('bad', trouble.status === 401 ? 'This is not the admin token.'
				: trouble.status === 429 ? 'Too many wrong tokens came from here. Wait a few seconds, then try again.' : `Signing in failed: ${trouble.message}.`));
			field.select();
		} finally { button.disabled = false; }
	} }, h('h1', {}, 'licgate'), h('p', { class: 'soft' }, 'Sign in with the admin token of this server (LICGATE_ADMIN_TOKEN).'),
	error, h('label', {}, h('span', {}, 'Admin token'), field), button);
	fill(main, form);
	field.focus();
}

function enter() {
	top_.hidden = false;
	connect();
	route(false);
}

session.addEventListener('out', () => { if (!top_.hidden) askForToken('You are signed out.'); });
document.getElementById('sign-out').addEventListener('click', async () => {
	try { await signOut(); } catch (problem) { fill(main, message('bad', `Signing out failed: ${problem.message}.`)); }
});
document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); main.focus(); });
addEventListener('hashchange', () => { if (!top_.hidden) route(); });

try {
	if (await resume()) enter();
	else askForToken();
} catch (problem) { askForToken(`The server does not answer: ${problem.message}.`); }

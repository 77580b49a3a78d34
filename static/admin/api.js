// api.js - calls of the admin API. The session is a cookie no script can read; the CSRF token lives in this module alone.
const base = '/admin/api/v1/';
let csrf = null;

/** Tells of 'out' when the session has ended. */
export const session = new EventTarget();

export class Problem extends Error {
	constructor(status, body) {
		super(body?.detail ?? body?.title ?? `answer ${status}`);
		Object.assign(this, { status, code: body?.code });
	}
}

async function ask(path, options) {
	let answer;
	try { answer = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...options }); } catch (error) {
		if (error.name === 'AbortError') throw error;
		throw new Problem(0, { detail: 'the server does not answer' });
	}
	const text = await answer.text();
	let body = null;
	try { body = text ? JSON.parse(text) : null; } catch { /* not JSON: an error page of something in between */ }
	if (answer.ok) return body;
	throw new Problem(answer.status, body);
}

export async function api(path, { method = 'GET', body, signal } = {}) {
	const headers = { accept: 'application/json' };
	if (method !== 'GET') headers['x-csrf-token'] = csrf ?? '';
	if (body !== undefined) headers['content-type'] = 'application/json';
	try {
		return await ask(base + path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
	} catch (problem) {
		if (problem.status === 401) ended();
		throw problem;
	}
}

function ended() {
	csrf = null;
	session.dispatchEvent(new Event('out'));
}

/** Still signed in from before? */
export async function resume() {
	try { ({ csrf } = await ask('/admin/session')); return true; } catch (problem) {
		if (problem.status === 401) return false;
		throw problem;
	}
}

export async function signIn(token) {
	({ csrf } = await ask('/admin/session', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token }) }));
}

export async function signOut() {
	try { await ask('/admin/session', { method: 'DELETE', headers: { 'x-csrf-token': csrf ?? '' } }); } catch (problem) {
		if (problem.status !== 401) throw problem;
	}
	ended();
}

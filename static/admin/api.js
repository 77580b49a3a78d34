// api.js - calls of the admin API. The session is a cookie no script can read; the CSRF token lives in this module alone.
const base = '/admin/api/v1/';
const ANSWER_MAX_MS = 60000;
let csrf = null;

/** Tells of 'out' when the session has ended. */
export const session = new EventTarget();

/* What went wrong, as the rest of a sentence: in the server's words where it has some, else what to do. */
function reason(status, body, wait) {
	if (status === 429) return `too many requests came from here: wait ${wait > 0 ? `${wait} seconds` : 'a little'}, then try again`;
	if (body?.detail) return body.detail;
	if (status >= 500) return `the server answered ${status}, and its log tells why${body?.request_id ? ` (request ${body.request_id})` : ''}`;
	return body?.title ?? `the server answered ${status}`;
}

export class Problem extends Error {
	constructor(status, body, wait) {
		super(reason(status, body, wait));
		Object.assign(this, { status, code: body?.code });
	}
}

const within = (ms, signal) => (signal ? AbortSignal.any([signal, AbortSignal.timeout(ms)]) : AbortSignal.timeout(ms));

async function ask(path, options) {
	let answer, text;
	try {
		answer = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...options, signal: within(ANSWER_MAX_MS, options?.signal) });
		text = await answer.text();
	} catch (error) {
		if (error.name === 'AbortError') throw error;
		throw new Problem(0, { detail: error.name === 'TimeoutError' ? 'the server did not answer within a minute' : 'the server does not answer' });
	}
	let body = null;
	try { body = text ? JSON.parse(text) : null; } catch { /* not JSON: a page of something in between */ }
	if (answer.ok && text && body === null) throw new Problem(0, { detail: 'something between here and the server answered in its place' });
	if (answer.ok) return body;
	throw new Problem(answer.status, body, Number(answer.headers.get('retry-after')));
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

// dom.js - elements made from plain text. Nothing here takes HTML: what comes from a tenant stays text.

/** h('a', { href, class, onclick, 'aria-label' }, ...children): strings become text nodes; null and false are left out. */
export function h(tag, attributes = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value === null || value === undefined || value === false) continue;
		if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
		else if (name === 'value') element.value = value;
		else element.setAttribute(name, value === true ? '' : String(value));
	}
	fill(element, ...children);
	return element;
}

export function fill(element, ...children) {
	element.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false)
		.map((c) => (c instanceof Node ? c : document.createTextNode(String(c)))));
	return element;
}

/** A card with a heading; extra stands at its right. */
export const card = (title, { extra, flush = false } = {}, ...children) => h('section', { class: flush ? 'card flush' : 'card', 'aria-label': title },
	h('header', {}, h('h2', {}, title), extra), ...children);

/** columns: [{ label, cell(row), number, whole, sort }]; whole: its words are not broken. sort: { by, descending, onsort(name) } where columns can be sorted. */
export function table({ caption, columns, rows, sort, stack = true }) {
	const heads = columns.map((c) => {
		if (!sort || !c.sort) return h('th', { scope: 'col', role: 'columnheader', class: c.number && 'number' }, c.label);
		const current = sort.by === c.sort ? (sort.descending ? 'descending' : 'ascending') : 'none';
		return h('th', { scope: 'col', role: 'columnheader', 'aria-sort': current },
			h('button', { type: 'button', 'data-sort': c.sort, onclick: () => sort.onsort(c.sort) }, c.label));
	});
	// Roles are said aloud, because narrow windows show the rows as blocks.
	return h('table', { class: stack && 'stack', role: 'table' },
		h('caption', { class: 'hidden-text' }, caption),
		h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads)),
		h('tbody', { role: 'rowgroup' }, rows.map((row) => h('tr', { role: 'row' },
			columns.map((c) => h('td', { role: 'cell', 'data-label': c.label, class: c.number ? 'number' : c.whole && 'whole' }, h('div', {}, c.cell(row))))))));
}

export const list = (pairs) => h('dl', {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
	.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));

export const message = (kind, ...text) => h('p', { class: 'message', 'data-kind': kind, role: kind === 'bad' ? 'alert' : 'status' }, ...text);

export const empty = (text) => h('p', { class: 'empty' }, text);

/** Stands where something is on its way. It shows itself after a moment, so that a quick answer does not flicker. */
export const waiting = () => h('p', { class: 'empty waiting', role: 'status' }, 'Loading …');

/** What did not come, why, and a button that asks again. */
export const failed = (what, problem, again) => message('bad', `${what}: ${problem.message}. `, h('button', { type: 'button', class: 'quiet', onclick: again }, 'Try again'));

/** Runs work() for a button, once at a time. The button is not disabled: the keyboard would lose its place. */
export async function once(button, work) {
	if (button.getAttribute('aria-disabled') === 'true') return;
	button.setAttribute('aria-disabled', 'true');
	try { await work(); } finally { button.removeAttribute('aria-disabled'); }
}

/** fill(), with the keyboard kept where it was: on what has the same data-key, and where that is gone on the element. */
export function refill(element, ...children) {
	const key = element.contains(document.activeElement) ? document.activeElement.closest('[data-key]')?.dataset.key : null;
	fill(element, ...children);
	if (!key) return;
	element.tabIndex = -1;
	(element.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? element).focus({ preventScroll: true });
}

/** A link that downloads the same list as CSV. */
export const csvLink = (path, query = '') => h('a', { class: 'button quiet', download: true,
	href: `/admin/api/v1/${path}?format=csv${query ? `&${query}` : ''}` }, 'CSV');

export function debounce(ms, fn) {
	let timer;
	const later = (...args) => { clearTimeout(timer); timer = setTimeout(() => fn(...args), ms); };
	later.cancel = () => clearTimeout(timer);
	return later;
}

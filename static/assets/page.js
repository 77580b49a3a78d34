// page.js - small helpers of the pages. Everything from outside is shown as text, never as markup.
export const find = (selector, at = document) => at.querySelector(selector);

/** An element with properties, data-* members and children (elements or text). */
export function element(tag, { data = {}, ...properties } = {}, ...children) {
  const e = Object.assign(document.createElement(tag), properties);
  Object.assign(e.dataset, data);
  e.append(...children);
  return e;
}

/** Says something in a message line, which screen readers follow. An empty text clears it. */
export function say(line, text, kind = 'info') {
  line.dataset.kind = kind;
  line.replaceChildren(...(text ? [element('span', {}, text)] : []));
}

/** Puts the content where the placeholder was, once. */
export function reveal() {
  for (const e of document.querySelectorAll('[data-waiting]')) e.remove();
  for (const e of document.querySelectorAll('[data-content]')) e.hidden = false;
}

export const lozenge = ({ name, tone }) => element('span', { className: 'lozenge', data: { tone } }, name);

/** A bar that is used/limit long; the words beside it say the same. */
export function bar(used, limit) {
  const filled = element('span');
  filled.style.width = `${Math.min(100, Math.round((used / limit) * 100))}%`;
  const whole = element('div', { className: 'bar', ariaHidden: 'true' }, filled);
  if (used >= limit) whole.dataset.full = '';
  return whole;
}

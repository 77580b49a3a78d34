// board.js - a sample board: cards that can be added and moved while the licence allows it. Nothing of it is stored.
import { followFeature } from './feature.js';
import { element, find } from './page.js';

const COLUMNS = ['To do', 'In progress', 'Done'];
const cards = [['Renew the certificate', 0], ['Answer the feedback of last week', 0], ['Write the release notes', 1],
  ['Move the backup to the new disk', 1], ['Invite the team', 2]].map(([text, column], index) => ({ key: `DEMO-${index + 1}`, text, column }));
const mayWrite = followFeature();

function cardItem(card) {
  const last = card.column === COLUMNS.length - 1;
  const move = element('button', { type: 'button', disabled: document.body.dataset.verdict !== 'allow', data: { write: '' },
    ariaLabel: `Move on: ${card.key} to ${COLUMNS[card.column + 1]}` }, 'Move on');
  move.addEventListener('click', () => change(() => { card.column += 1; }, card.key));
  return element('li', { data: { key: card.key } }, card.text,
    element('div', { className: 'row' }, element('span', { className: 'subtle small' }, card.key), ...(last ? [] : [move])));
}

function draw() {
  find('[data-board]').replaceChildren(...COLUMNS.map((name, column) => {
    const own = cards.filter((card) => card.column === column);
    const id = `column-${column}`;
    const section = element('section', { className: 'column' }, element('h2', { id }, `${name} (${own.length})`),
      element('ul', {}, ...own.map(cardItem)));
    section.setAttribute('aria-labelledby', id);
    return section;
  }));
}

// The licence is asked at the moment of writing: what the page knew may be a minute old.
async function change(work, key) {
  if (!await mayWrite()) return;
  work();
  draw();
  find(`[data-key="${key}"] button`)?.focus();
}

find('[data-add]').addEventListener('click', () => change(() => {
  cards.push({ key: `DEMO-${cards.length + 1}`, text: 'A new card', column: 0 });
}, `DEMO-${cards.length + 1}`));
draw();

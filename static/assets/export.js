// export.js - a sample export: some rows as CSV, made in the page, while the licence allows it.
import { followFeature } from './feature.js';
import { element, find, say } from './page.js';

const ROWS = [['DEMO-1', 'Renew the certificate', 'To do'], ['DEMO-2', 'Answer the feedback of last week', 'To do'],
  ['DEMO-3', 'Write the release notes', 'In progress'], ['DEMO-4', 'Move the backup to the new disk', 'In progress'], ['DEMO-5', 'Invite the team', 'Done']];
const mayWrite = followFeature();

async function download() {
  if (!await mayWrite()) return;
  const text = [['Key', 'Summary', 'Status'], ...ROWS].map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')).join('\r\n');
  const url = URL.createObjectURL(new Blob([`${text}\r\n`], { type: 'text/csv' }));
  element('a', { href: url, download: 'export.csv' }).click();
  URL.revokeObjectURL(url);
  say(find('[data-said]'), `${ROWS.length} issues are exported.`, 'success');
}

find('[data-rows]').replaceChildren(...ROWS.map((row) => element('tr', {}, ...row.map((cell) => element('td', {}, cell)))));
find('[data-download]').addEventListener('click', download);

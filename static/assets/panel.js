// panel.js - the licence in a few lines, beside an issue: its state, what each feature allows, the way to renew where it is due.
import { manageAppsUrl, watchLicense } from './host.js';
import { element, find, lozenge, reveal, say } from './page.js';
import { featureName, headline, nextStep, stateName, verdictName, why } from './words.js';

const url = manageAppsUrl();

function show(license) {
  const { text, urgent } = nextStep(license);
  find('[data-state]').replaceChildren(lozenge(stateName(license.state)));
  [find('[data-headline]').textContent] = headline(license);
  find('[data-features]').replaceChildren(...Object.entries(license.features).map(([name, ruling]) => element('li', { title: why(ruling) },
    element('span', {}, featureName(name)), lozenge(verdictName(ruling.verdict)))));
  find('[data-manage]').hidden = !url || !urgent;
  if (url) find('[data-manage-link]').href = url;
  find('[data-manage-link]').textContent = text;
  say(find('[data-trouble]'), '');
  reveal();
}

watchLicense(show, (error) => {
  say(find('[data-trouble]'), error.message, 'error');
  find('[data-waiting]')?.remove();
});

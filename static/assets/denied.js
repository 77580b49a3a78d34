// denied.js - the page that says why not: tells when it is open again, so that nobody has to try and try.
import { watchLicense } from './host.js';
import { find, say } from './page.js';

const { feature } = document.body.dataset;

function show({ features }) {
  if (features[feature] && features[feature].verdict !== 'deny') say(find('[data-said]'), 'It is open now. Reload the page.', 'success');
}

// Trouble is no news on a page that is closed anyway. A page for administrators has no feature to wait for.
if (feature) watchLicense(show, () => {});

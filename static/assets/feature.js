// feature.js - what a page of a licensed feature does with its verdict: opens what writes, or says why it stays shut.
//
// The server has decided already whether the page is shown at all, and decides again at each call that changes something;
// this is for the person in front of it, also when the licence ends while the page is open.
import { watchLicense } from './host.js';
import { find, reveal, say } from './page.js';
import { changed, why } from './words.js';

/** Follows the verdict of this page's feature. Each [data-write] is enabled while it is "allow". Returns mayWrite(), which asks now. */
export function followFeature() {
  const { feature } = document.body.dataset;
  const said = find('[data-said]');
  let before = null;
  function show(license) {
    const ruling = license.features[feature] ?? { verdict: 'deny', code: 'UNKNOWN' };
    const news = changed(before, license);
    for (const e of document.querySelectorAll('[data-write]')) e.disabled = ruling.verdict !== 'allow';
    document.body.dataset.verdict = ruling.verdict;
    if (news && ruling.verdict !== 'allow') say(said, `${news.text} ${ruling.verdict === 'deny' ? 'This page is closed now.' : 'You can still read.'}`, 'warning');
    else if (ruling.verdict === 'deny') say(said, why(ruling), 'error');
    else if (ruling.verdict === 'read_only') say(said, `${why(ruling)} Nothing can be changed here.`, 'warning');
    else say(said, news?.text ?? '', news?.kind);
    before = license;
    reveal();
  }
  function trouble(error) {
    say(said, error.message, 'error');
    reveal(); // what can be read may be read: the server has let the page through
  }
  const check = watchLicense(show, trouble);
  return async () => (await check())?.features[feature]?.verdict === 'allow';
}

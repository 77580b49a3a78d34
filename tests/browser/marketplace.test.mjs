// marketplace.test.mjs - the operator looks at where the Marketplace's reports stand, what is odd in them, and polls.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, Licgate, until } from '../e2e/lib/licgate.mjs';
import { Marketplace, realistic } from '../e2e/lib/marketplace.mjs';
import { Browser, LOOKS } from './lib/browser.mjs';

let browser, market, app;
before(async () => {
  browser = await Browser.start();
  market = await Marketplace.start();
  Object.assign(market, realistic());
  app = await Licgate.start({ env: market.env });
  await until('the first poll is done', async () => (await app.admin('marketplace')).json.polls.every((p) => p.done_at));
});
after(async () => {
  await browser.stop();
  await app.stop();
  await market.stop();
});

async function open(look) {
  const view = await browser.open(look);
  await view.page.goto(`${app.adminUrl}/admin/#/books`);
  await view.page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await view.page.getByRole('button', { name: 'Sign in' }).click();
  await view.page.getByText('13 licences, 6 transactions, 0 earlier versions').waitFor();
  return view;
}

for (const look of LOOKS) {
  test(`the reports, ${look.name}`, async () => {
    const view = await open(look);
    const card = view.page.getByRole('region', { name: 'Marketplace reports' });
    await card.getByText('things in the reports that licgate does not know').click();
    await card.getByText('MOON_BASE').waitFor();
    await card.scrollIntoViewIfNeeded();
    await view.shot(`marketplace-${look.name}`, card);
    await view.fits();
    await view.accessible();
    view.quiet();
    await view.close();
  });
}

test('a poll on demand', async () => {
  const view = await open(LOOKS[0]);
  market.licenses[0].tier = '<b>50</b> Users';
  const before_ = market.counts.start;
  const button = view.page.getByRole('button', { name: 'Poll now' });
  await button.focus();
  const anew = view.page.waitForRequest((r) => r.url().includes('books/mrr'));
  await view.page.keyboard.press('Enter');
  await until('it polls', () => market.counts.start >= before_ + 3);
  assert.match((await app.admin('marketplace')).json.polls[0].done_at, /^20/);
  await anew; // the numbers are those of the new report
  assert.equal(await button.evaluate((b) => b === document.activeElement), true, 'the keyboard lost its place');
  await view.close();
});

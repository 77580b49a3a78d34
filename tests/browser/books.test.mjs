// books.test.mjs - the operator looks at the books: charts with their tables, a range of months, CSV; the drift report;
// a tenant's purchase; in both schemes and at 320 px.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Atlassian, active, notLicensed } from '../e2e/lib/atlassian.mjs';
import { ADMIN_TOKEN, Licgate, run, until } from '../e2e/lib/licgate.mjs';
import { license, Marketplace, sale } from '../e2e/lib/marketplace.mjs';
import { VendorYear } from '../e2e/lib/vendor-year.mjs';
import { Browser, DESKTOP, LOOKS } from './lib/browser.mjs';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'">';
let world, market, app, browser, locked, paying, year;
before(async () => {
  world = await Atlassian.start();
  market = await Marketplace.start();
  app = await Licgate.start({ env: { ...world.env, ...market.env, LICGATE_MARKETPLACE_INTERVAL: '604800' } });
  year = new VendorYear({ seed: 3, customers: 60 });
  for (const day of year.days()) Object.assign(market, year.turn(day));
  const far = { maintenanceEndDate: '2099-12-31' };
  market.licenses = [...market.licenses, license({ ...far, tier: HOSTILE }, 901), license(far, 902), license({ ...far, appEntitlementNumber: `E-${HOSTILE}` }, 903)];
  market.transactions = [...market.transactions, sale({ transactionId: 'AT-euro', purchase: { saleDate: '2025-05-02', currency: 'EUR', billingPeriod: 'Annual', purchasePrice: 12345678.9, vendorAmount: 1,
    maintenanceStartDate: '2025-05-02', maintenanceEndDate: '2026-05-02' } }, 904)];
  const { code, stderr } = await run(['sync'], { dir: app.dir, env: market.env });
  assert.equal(code, 0, stderr);
  const install = async (name, n, answer, body = {}) => {
    const site = world.site(name, answer);
    assert.equal((await site.install(app, { body: { entitlementId: license({}, n).appEntitlementId, ...body } })).status, 204);
    return site;
  };
  locked = await install('locked', 901, notLicensed());
  const seller = market.transactions.find((s) => s.purchaseDetails.saleType.toUpperCase() === 'RENEWAL' && s.appEntitlementId);
  paying = world.site('paying', active());
  assert.equal((await paying.install(app, { body: { entitlementId: seller.appEntitlementId } })).status, 204);
  await until('all looked up', async () => (await app.admin('tenants?limit=500')).json.tenants.every((t) => t.license.source === 'lookup'));
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await market?.stop();
  await world?.stop();
});

async function open(hash, options = {}) {
  const view = await browser.open({ size: DESKTOP, ...options });
  await view.page.goto(`${app.adminUrl}/admin/${hash}`);
  await view.page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await view.page.getByRole('button', { name: 'Sign in' }).click();
  await view.page.getByRole('navigation').waitFor();
  return view;
}

const RANGE = '?from=2025-01&to=2025-12';
const dollars = (cents) => new Intl.NumberFormat('en', { style: 'currency', currency: 'USD' }).format(cents / 100);

test('the books in every look: fits, readable, quiet', async () => {
  for (const look of LOOKS) {
    for (const [name, hash, ready] of [['books', `#/books${RANGE}`, 'What changed it'], ['drift', '#/drift', 'Paid there, locked out here'], ['purchase', `#/tenants/${paying.clientKey}`, 'Purchase']]) {
      const view = await open(hash, look);
      await view.page.getByRole('heading', { name: ready }).first().waitFor();
      if (name === 'books') await view.page.getByText(dollars(year.mrr.at(-1).mrr_cents)).first().waitFor();
      if (name === 'purchase') await view.page.getByText('renewal').first().waitFor();
      await view.fits();
      await view.accessible();
      await view.shot(`admin-${name}-${look.name}`);
      view.quiet();
      assert.equal(await view.page.evaluate(() => document.title.includes('owned')), false);
      await view.close();
    }
  }
});

test('the numbers are those of the year; another range gives others, and stands in the address', async () => {
  const view = await open(`#/books${RANGE}`);
  const { page } = view;
  const last = year.mrr.at(-1);
  await page.locator('.tile', { hasText: 'MRR in 2025-12' }).getByText(dollars(last.mrr_cents)).waitFor();
  await page.locator('.tile', { hasText: 'Net sales' }).getByText(dollars(Object.values(year.money).reduce((a, b) => a + b, 0))).waitFor();
  const rows = page.getByRole('region', { name: 'Recurring revenue by month' }).getByRole('row');
  assert.equal(await rows.count(), 13);
  await page.getByLabel('To').fill('2025-06');
  await page.locator('.tile', { hasText: 'MRR in 2025-06' }).getByText(dollars(year.mrr[5].mrr_cents)).waitFor();
  await until('in the address', () => page.url().includes('from=2025-01&to=2025-06'));
  await page.getByText('What the numbers mean').click();
  await page.getByText('MRR of licences that had none in the month before').waitFor();
  view.quiet();
  await view.close();
});

test('every month has its place in every chart, every number its line and its definition', async () => {
  const view = await open(`#/books${RANGE}`);
  const { page } = view;
  await page.locator('.tile', { hasText: 'MRR in 2025-12' }).getByText(dollars(year.mrr.at(-1).mrr_cents)).waitFor();
  const months = year.mrr.map((m) => m.month);
  for (const title of ['Monthly recurring revenue', 'What changed it', 'Sales and refunds', 'Evaluations by the month they began']) {
    const figure = page.getByRole('region', { name: title, exact: true });
    await figure.getByText('As a table').click();
    assert.deepEqual(await figure.getByRole('cell').filter({ hasText: /^2025-/ }).allInnerTexts(), months, title);
  }
  await page.getByText('What the numbers mean').click();
  for (const text of ['sales of sandbox licences are left out', 'evaluations on sandboxes are left out', 'refund lines without an upgrade', 'money paid back in the month, re-pricings']) await page.getByText(text).waitFor();
  await page.getByLabel('Currency').selectOption('EUR');
  const tile = page.locator('.tile', { hasText: 'Net sales' }).locator('b');
  await tile.getByText('12,345,678.90').waitFor();
  assert.ok(await tile.evaluate((b) => b.getBoundingClientRect().height < 2 * parseFloat(getComputedStyle(b).lineHeight)), 'a number goes over two lines');
  view.quiet();
  await view.close();
});

test('each list is also a file', async () => {
  const view = await open(`#/books${RANGE}`);
  const { page } = view;
  await page.locator('.tile', { hasText: 'MRR in 2025-12' }).waitFor();
  for (const [region, name] of [['Monthly recurring revenue', 'mrr.csv'], ['Sales and refunds', 'transactions.csv'], ['Evaluations by the month they began', 'trials.csv']]) {
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('region', { name: region, exact: true }).getByRole('link', { name: 'CSV' }).click()]);
    assert.equal(file.suggestedFilename(), name);
  }
  await view.close();
});

test('drift leads to the tenant, which shows what was bought', async () => {
  const view = await open('#/drift');
  const { page } = view;
  await page.getByRole('region', { name: 'Paid there, locked out here', exact: true }).getByRole('link', { name: /locked/ }).click();
  await page.getByRole('heading', { name: 'Purchase' }).waitFor();
  await page.getByText(HOSTILE).first().waitFor();
  assert.ok(page.url().includes(encodeURIComponent(locked.clientKey)));
  view.quiet();
  await view.close();
});

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
  for (const text of ['sales of sandbox licences are left out', 'evaluations on sandboxes are left out', 'refund lines of what was paid', 'money paid back in the month, re-pricings']) await page.getByText(text).waitFor();
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
  for (const [region, name] of [['Monthly recurring revenue', 'mrr.csv'], ['Sales and refunds', 'transactions-by-month.csv'], ['Evaluations by the month they began', 'trials.csv']]) {
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

/* A view whose answers from `path` are these: { path: body or fulfill options }. */
async function openWith(hash, answers) {
  const view = await open('#/feedback');
  for (const [path, answer] of Object.entries(answers)) {
    await view.page.route((url) => url.pathname === `/admin/api/v1/${path}`, (route) =>
      route.fulfill(answer.status ? answer : { contentType: 'application/json', body: JSON.stringify(typeof answer === 'function' ? answer(new URL(route.request().url())) : answer) }));
  }
  await view.page.evaluate((to) => { location.hash = to; }, hash);
  return view;
}
const month = (m, cents) => ({ month: m, currency: 'USD', mrr_cents: cents, new_cents: 0, expansion_cents: 0, contraction_cents: 0, churn_cents: 0, refunds_cents: 0, repriced_cents: 0, customers: 1,
  churn_rate: null, sales_cents: cents, net_cents: cents });
const months = (...m) => ({ months: m, definitions: {}, transactions: [] });
const trial = (m) => ({ month: m, started: 2, running: 1, converted: 0, conversion_rate: 0, median_days: null });

test('no month is left out of the time, no amount is broken or less than nothing', async () => {
  const view = await openWith(`#/books${RANGE}`, { 'books/mrr': months(month('2025-01', 843351076), month('2025-02', 843351076)), 'books/transactions': months(month('2025-01', 100), month('2025-04', 100)),
    'books/trials': { months: [trial('2025-01'), trial('2025-03')], total: trial(), definitions: {} } });
  const { page } = view;
  await page.locator('.tile', { hasText: 'MRR in 2025-02' }).getByText('$8,433,510.76', { exact: true }).waitFor();
  await page.locator('.tile', { hasText: 'Refunded' }).getByText('$0.00', { exact: true }).waitFor();
  for (const region of ['Sales and refunds', 'Evaluations by the month they began']) {
    const chart = page.getByRole('region', { name: region, exact: true });
    await chart.getByText('As a table').click();
    assert.deepEqual(await chart.getByRole('row').locator('td:first-child').allTextContents(), Array.from({ length: 4 }, (_, i) => `2025-0${i + 1}`));
  }
  view.quiet();
  await view.close();
});

test('the axis of a chart shows zero, and money as money', async () => {
  const view = await open('#/feedback');
  const ticks = await view.page.evaluate(async () => {
    const { chart } = await import('/admin/charts.js');
    const made = chart('bar');
    document.getElementById('view').append(made.element);
    made.update({ labelled: 'Month', labels: ['a', 'b'], format: (v) => `$${v.toFixed(2)}`, summary: 'x', sets: [{ name: 'up', colour: 'good', values: [197, 20] }, { name: 'down', colour: 'bad', values: [-20, -100] }] });
    return globalThis.Chart.getChart(made.element.querySelector('canvas')).scales.y.ticks.map((t) => t.label);
  });
  assert.ok(ticks.includes('$0'), ticks.join(' '));
  view.quiet();
  await view.close();
});

test('the sales of a month: its CSV is of that month, and it is said that there are more', async () => {
  const line = { sale_date: '2025-12-01', sale_type: 'new', payment_status: 'paid', entitlement: 'E-1', tier: HOSTILE, amount_cents: 1, vendor_amount_cents: 1, currency: 'USD' };
  const view = await openWith(`#/books${RANGE}`, { 'books/transactions': (url) => ({ ...months(month('2025-12', 1)), transactions: [line], ...(url.searchParams.get('limit') === '100' ? { next: 'x' } : {}) }) });
  const sales = view.page.getByRole('region', { name: 'Sales of the last month shown', exact: true }).first();
  await sales.getByText('The first 1 are shown; the CSV has all.').waitFor();
  assert.match(await sales.getByRole('link', { name: 'CSV' }).getAttribute('href'), /from=2025-12&to=2025-12$/);
  view.quiet();
  await view.close();
});

test('months in the wrong order, an answer that fails, one that is late: in words', async () => {
  const view = await open(`#/books${RANGE}`);
  const { page } = view;
  await page.locator('.tile', { hasText: 'MRR in 2025-12' }).waitFor();
  await page.getByLabel('From').fill('2026-02');
  await page.getByRole('alert').getByText('The first month is after the last one').waitFor();
  await page.getByLabel('From').fill('2025-06');
  await page.getByRole('alert').waitFor({ state: 'detached' });
  for (const [hash, path, name] of [[`#/books${RANGE}`, 'books/mrr', 'The books'], ['#/drift', 'drift', 'The drift report'], ['#/mail', 'mail', 'The mail'], [`#/tenants/${paying.clientKey}`, `tenants/${paying.clientKey}`, 'The tenant']]) {
    let answers = 0, held = null;
    await page.route((url) => url.pathname === `/admin/api/v1/${path}`, (route) => (answers++ === 0 ? new Promise((go) => { held = () => go(route.fulfill({ status: 500, body: '' })); }) : route.continue()));
    await page.evaluate(() => { location.hash = '#/feedback'; });
    await page.getByRole('heading', { name: 'Feedback' }).waitFor();
    await page.evaluate((to) => { location.hash = to; }, hash);
    await page.getByText('Loading …').first().waitFor();
    await until('asked', () => held);
    await held();
    await page.getByRole('alert').getByText(`${name} cannot be shown: the server answered 500, and its log tells why`).waitFor();
    assert.equal(await page.getByText('Loading …').count(), 0);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('alert').waitFor({ state: 'detached' });
  }
  view.quiet();
  await view.close();
});

test('drift before the first report claims nothing', async () => {
  const view = await openWith('#/drift', { drift: { polled_at: null, counts: { never_seen: 0 }, drift: [] } });
  await view.page.getByText('Without a report there is nothing to compare yet.').waitFor();
  await view.close();
});

test('a tenant\'s payments are a file too, with numbers that stay numbers', async () => {
  const view = await open(`#/tenants/${paying.clientKey}`);
  const { page } = view;
  const purchase = page.getByRole('region', { name: 'Purchase', exact: true });
  const [file] = await Promise.all([page.waitForEvent('download'), purchase.getByRole('button', { name: 'CSV' }).click()]);
  assert.equal(file.suggestedFilename(), 'payments.csv');
  const chunks = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk);
  const [head, ...lines] = Buffer.concat(chunks).toString().trim().split('\r\n');
  assert.equal(head, 'transaction,line,sale_date,sale_type,payment_status,tier,billing_period,currency,amount_cents,vendor_amount_cents');
  const { payments } = (await app.admin(`tenants/${paying.clientKey}`)).json.marketplace;
  assert.deepEqual(lines.map((l) => l.split(',').slice(-2)), payments.map((p) => [String(p.amount_cents), String(p.vendor_amount_cents)]));
  view.quiet();
  await view.close();
});

test('a tenant\'s history tells amounts and days as a person reads them', async () => {
  const event = { seq: 1, type: 'purchase.refunded', timestamp: '2026-03-02T10:00:00Z', data: { id: 'evt_1', source: 'marketplace', effective_at: '2026-03-01T00:00:00Z', amount_cents: -10050, currency: 'USD', partial: true,
    previous: { tier: HOSTILE, amount_cents: 123457 } } };
  const view = await openWith(`#/tenants/${paying.clientKey}`, { [`tenants/${paying.clientKey}/events`]: { events: [event], next: 1 } });
  const item = view.page.getByRole('list', { name: 'History, newest first' }).getByRole('listitem').first();
  await item.getByText('amount: -$100.50').waitFor();
  const text = await item.innerText();
  assert.match(text, /effective at: Mar 1, 2026, amount: -\$100\.50, partial: yes/);
  assert.ok(text.includes(`before: tier: ${HOSTILE}, amount: $1,234.57`), text);
  view.quiet();
  await view.close();
});

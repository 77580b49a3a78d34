// funnel.test.mjs - the funnel in the admin page: chart, tables, time, CSV; in both schemes and at 320 px; with hostile campaigns.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Atlassian, active, evaluation } from '../e2e/lib/atlassian.mjs';
import { ADMIN_TOKEN, Licgate, until } from '../e2e/lib/licgate.mjs';
import { SECRET, WRITE_KEY, counts, funnel, mpac, track, userEvent, webhook } from '../e2e/lib/segment.mjs';
import { Browser, DESKTOP, LOOKS } from './lib/browser.mjs';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'">';
const ago = (days) => new Date(Date.now() - days * 86400000).toISOString();
let world, app, browser, folder;
before(async () => {
  world = await Atlassian.start();
  folder = mkdtempSync(path.join(tmpdir(), 'licgate-funnel-page-'));
  writeFileSync(path.join(folder, 'listings.json'), JSON.stringify({ board: { url: 'https://marketplace.atlassian.com/apps/1' } }));
  app = await Licgate.start({ env: { ...world.env, LICGATE_SEGMENT_SECRET: SECRET, LICGATE_SEGMENT_WRITE_KEY: WRITE_KEY, LICGATE_LISTINGS: path.join(folder, 'listings.json') } });
  browser = await Browser.start();
  const campaigns = ['spring', 'newsletter', HOSTILE, 'partner-week', undefined];
  for (let i = 0; i < 120; i++) {
    const days = i % 26;
    const at = (later) => ({ timestamp: ago(Math.max(days - later, 0)) });
    const campaign = campaigns[i % 5];
    await track(app, 'page', { anonymousId: `v${i}`, ...at(0), ...(campaign ? { context: { campaign: { name: campaign } } } : {}) });
    if (i % 2 === 0) await webhook(app, userEvent('viewed', undefined, { partnerAnonymousId: `v${i}` }, at(0.1)));
    if (i % 6 === 0) await webhook(app, userEvent('clicked', 'Try it free', { partnerAnonymousId: `v${i}`, userId: `h${i}` }, at(0.4)));
    if (i % 12 === 0) await webhook(app, mpac('MPAC Install event', { userId: `h${i}`, ...at(1) }));
    if (i % 9 === 0) await webhook(app, mpac('MPAC Install event', { userId: `stranger${i}`, ...at(1) }));
  }
  for (let i = 0; i < 5; i++) await world.site(`s${i}`, i % 2 ? active() : evaluation()).install(app);
  await until('licences are known', async () => counts(await funnel(app)).evaluation === 3);
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await world?.stop();
  rmSync(folder, { recursive: true });
});

async function open(hash, options = {}) {
  const view = await browser.open({ size: DESKTOP, ...options });
  await view.page.goto(`${app.adminUrl}/admin/${hash}`);
  await view.page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await view.page.getByRole('button', { name: 'Sign in' }).click();
  await view.page.getByRole('heading', { name: 'Funnel', level: 1 }).waitFor();
  return view;
}

for (const look of LOOKS) {
  test(`funnel, ${look.name}`, async () => {
    const view = await open('#/funnel', look);
    await view.page.getByText('newsletter').waitFor();
    await view.fits();
    await view.accessible();
    await view.page.setViewportSize({ width: look.size.width, height: Math.min(3000, await view.page.evaluate(() => document.documentElement.scrollHeight)) });
    await view.shot(`admin-funnel-${look.name}`);
    view.quiet();
    assert.notEqual(await view.page.title(), 'owned');
    await view.close();
  });
}

test('the chart says what the API says; the time stays in the address; CSV is a file', async () => {
  const view = await open('#/funnel');
  const { page } = view;
  const told = counts(await funnel(app));
  const summary = await page.getByRole('img', { name: /^From \d/ }).getAttribute('aria-label');
  assert.ok(summary.includes(`${told.visit} visit`) && summary.includes(`${told.install} install`), summary);
  const row = page.getByRole('region', { name: 'Steps as a table' }).getByRole('row', { name: /^Listing view/ });
  assert.equal(await row.getByRole('cell').nth(1).textContent(), String(told.listing_view));
  await page.getByLabel('From', { exact: true }).fill(ago(3).slice(0, 10));
  await until('in the address', () => page.url().includes(`from=${ago(3).slice(0, 10)}`));
  const fewer = counts(await funnel(app, `?from=${ago(3).slice(0, 10)}`));
  assert.ok(fewer.visit < told.visit);
  await page.getByRole('img', { name: new RegExp(`${fewer.visit} visit`) }).waitFor();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
  assert.equal(file.suggestedFilename(), 'funnel.csv');
  await page.reload();
  await page.getByRole('img', { name: new RegExp(`${fewer.visit} visit`) }).waitFor();
  view.quiet();
  await view.close();
});

test('a day that is none, nothing there yet', async () => {
  const view = await open('#/funnel?from=2026-01-05&to=2026-01-01');
  await view.page.getByRole('alert').getByText('The funnel cannot be shown').waitFor();
  await view.close();
  const none = await open('#/funnel?from=2020-01-01&to=2020-02-01');
  await none.page.getByText('No visit in this time.').waitFor();
  await none.close();
});

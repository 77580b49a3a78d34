// migration.test.mjs - the migration from Connect to Forge in the admin page: charts, list, stages, CSV; in both schemes and at 320 px.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Atlassian } from '../e2e/lib/atlassian.mjs';
import { Forge } from '../e2e/lib/forge.mjs';
import { ADMIN_TOKEN, Licgate, until } from '../e2e/lib/licgate.mjs';
import { Browser, DESKTOP, LOOKS } from './lib/browser.mjs';

const HOSTILE = 'https://x"><img src=x onerror="document.title=\'owned\'">';
let world, forge, app, browser;
before(async () => {
  [world, forge] = [await Atlassian.start(), await Forge.start()];
  app = await Licgate.start({ env: { ...world.env, ...forge.env } });
  browser = await Browser.start();
  for (let i = 0; i < 14; i++) {
    const site = world.site(`customer-${i}`);
    await site.install(app);
    if (i % 3) await site.apiLicense(app);
    if (i >= 4) await forge.installation({ siteUrl: site.baseUrl }).ask(app);
    if (i >= 10) await site.uninstall(app);
  }
  await forge.installation().ask(app);
  await forge.installation({ environment: 'DEVELOPMENT' }).ask(app);
  await forge.installation({ siteUrl: HOSTILE, version: '<b>9</b>' }).ask(app);
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await forge?.stop();
  await world?.stop();
});

async function open(hash, options = {}) {
  const view = await browser.open({ size: DESKTOP, ...options });
  await view.page.goto(`${app.adminUrl}/admin/${hash}`);
  await view.page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await view.page.getByRole('button', { name: 'Sign in' }).click();
  await view.page.getByRole('heading', { name: 'Migration', level: 1 }).waitFor();
  return view;
}

for (const look of LOOKS) {
  test(`migration, ${look.name}`, async () => {
    const view = await open('#/migration', look);
    await view.page.getByRole('region', { name: 'Customers', exact: true }).getByText('customer-5').waitFor();
    await view.fits();
    await view.accessible();
    await view.page.setViewportSize({ width: look.size.width, height: Math.min(3000, await view.page.evaluate(() => document.documentElement.scrollHeight)) });
    await view.shot(`admin-migration-${look.name}`);
    view.quiet();
    assert.notEqual(await view.page.title(), 'owned');
    await view.close();
  });
}

test('the chart says what the API says; the stage stays in the address; CSV is a file; a row leads to its tenant', async () => {
  const view = await open('#/migration');
  const { page } = view;
  const { json } = await app.admin('migration');
  assert.deepEqual(json.summary, { connect: 4, both: 6, moved: 4, forge: 3 });
  await page.getByRole('img', { name: '4 connect only, 6 both doors, 4 moved to forge, 3 forge only.' }).waitFor();
  await page.getByLabel('Show').selectOption('moved');
  await until('in the address', () => page.url().includes('stage=moved'));
  const list = page.getByRole('region', { name: 'Customers', exact: true });
  await until('only those', async () => await list.getByRole('row').count() === 5);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
  assert.equal(file.suggestedFilename(), 'migration.csv');
  await page.reload();
  await until('still those', async () => await list.getByRole('row').count() === 5);
  await list.getByRole('link').first().click();
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.match(page.url(), /#\/tenants\//);
  view.quiet();
  await view.close();
});

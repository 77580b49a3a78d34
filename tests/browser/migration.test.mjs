// migration.test.mjs - the migration from Connect to Forge in the admin page: charts, list, stages, CSV; in both schemes and at 320 px.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Atlassian } from '../e2e/lib/atlassian.mjs';
import { Forge } from '../e2e/lib/forge.mjs';
import { ADMIN_TOKEN, Licgate, until } from '../e2e/lib/licgate.mjs';
import { Sim } from '../e2e/lib/sim.mjs';
import { Browser, DESKTOP, LOOKS } from './lib/browser.mjs';

const HOSTILE = 'https://x"><img src=x onerror="document.title=\'owned\'">';
const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});
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

test('the simulated site’s panel plays a migration', async () => {
  const port = await freePort(), sim = await Sim.start();
  const own = await Licgate.start({ env: { ...sim.env, LICGATE_LISTEN: `127.0.0.1:${port}`, LICGATE_BASE_URL: `http://127.0.0.1:${port}`,
    LICGATE_FORGE_APP_ID: 'ari:cloud:ecosystem::app/5a1d0000-cafe-4f0e-8000-00000000511a', LICGATE_FORGE_JWKS_URL: `${sim.url}/sim/forge/jwks.json` } });
  await sim.create('acme', `${own.url}/atlassian-connect.json`);
  const view = await browser.open({ size: DESKTOP });
  const { page } = view;
  await page.goto(`${sim.url}/sites/acme`);
  await page.getByText('Forge', { exact: true }).click();
  assert.ok(await page.getByRole('button', { name: 'Call by Forge' }).isDisabled());
  await page.getByRole('button', { name: 'Play a migration' }).click();
  await page.getByText(/Connect uninstalled, called by Forge; licence active/).waitFor();
  await page.getByText('Installed, production, version 2.0.0').waitFor();
  await page.getByLabel('Environment').selectOption('DEVELOPMENT');
  await page.getByRole('button', { name: 'Call by Forge' }).click();
  await page.getByText(/the app answered 200; licence none/).waitFor();
  await view.fits();
  await view.accessible();
  await view.shot('sim-forge');
  await view.close();
  await own.stop();
  await sim.stop();
});

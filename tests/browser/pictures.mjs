// pictures.mjs - takes the README's pictures from a running demo: ./dev pictures.
import path from 'node:path';
import { project } from '../e2e/lib/licgate.mjs';
import { Browser } from './lib/browser.mjs';
import { Demo } from './lib/demo.mjs';

const SIZE = { width: 1280, height: 860 };
const inDays = (days) => new Date(Date.now() + days * 86400000).toISOString();
const CUSTOMERS = [['blue-harbour', 'evaluation', 9], ['cartwright', 'active', 200], ['delta-forge', 'active', 40], ['eastwind', 'expired', -40],
  ['fernley', 'evaluation', 3], ['granite', 'active', 300], ['hollis', 'cancelled', 20], ['ivory-labs', 'none', 0], ['juniper', 'active', 120]];

const demo = await Demo.start({ ports: [8080, 8081, 8090] });
const browser = await Browser.start();
try {
  await demo.control('PUT', 'acme/license', { state: 'evaluation', expires_at: inDays(13.5), users: 100 });
  for (const [name, state, days] of CUSTOMERS) {
    await demo.control('POST', '', { name, descriptor: `${demo.app}/atlassian-connect.json` });
    await demo.control('PUT', `${name}/license`, { state, ...(days ? { expires_at: inDays(days) } : {}) });
    await demo.control('POST', `${name}/install`);
    const { url } = await demo.control('GET', `${name}/page?module=license`);
    await fetch(url);
  }

  const site = await browser.open({ size: SIZE });
  await site.page.goto(`${demo.sim}/sites/acme#module/license`);
  await (await (await site.page.waitForSelector('iframe')).contentFrame()).getByText('days left').first().waitFor();
  await site.page.screenshot({ path: path.join(project, 'docs/demo.png') });
  await site.close();

  const admin = await browser.open({ size: SIZE });
  await admin.page.goto(`${demo.admin}/admin/`);
  await admin.page.getByLabel('Admin token').fill(demo.token);
  await admin.page.getByRole('button', { name: 'Sign in' }).click();
  await admin.page.getByRole('navigation').waitFor();
  await admin.page.getByRole('link', { name: 'Tenants', exact: true }).click();
  await admin.page.getByText('juniper').first().waitFor();
  await admin.page.screenshot({ path: path.join(project, 'docs/admin.png') });
  await admin.close();
} finally {
  await browser.stop();
  await demo.stop();
}

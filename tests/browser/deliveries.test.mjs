// deliveries.test.mjs - the admin page's endpoints and deliveries: added, tested, rotated, removed, sent again; live; hostile names.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Atlassian, active } from '../e2e/lib/atlassian.mjs';
import { ADMIN_TOKEN, Licgate, until } from '../e2e/lib/licgate.mjs';
import { Receiver, newSecret } from '../e2e/lib/receiver.mjs';
import { Browser, DESKTOP, LOOKS } from './lib/browser.mjs';

let world, app, browser, receiver, first, sites = [];
before(async () => {
  world = await Atlassian.start();
  receiver = await Receiver.start();
  first = await Receiver.start();
  first.secret = newSecret();
  first.answer = (got, res) => { // one tenant's events fail, and one says that it is gone for good
    if (!got.body.includes('tenant.enabled')) return false;
    res.writeHead(500).end();
    return true;
  };
  app = await Licgate.start({ env: { ...world.env, LICGATE_EVENTS_URL: first.url, LICGATE_EVENTS_SECRET: first.secret } });
  browser = await Browser.start();
  for (const name of ['acme', 'blue-harbour', 'cartwright', 'delta-forge']) {
    const site = world.site(name, active());
    await site.install(app);
    sites.push(site);
  }
  for (const site of sites.slice(0, 2)) await site.post(app, '/enabled', site.installBody('enabled'));
  await until('two wait', async () => (await app.admin('deliveries?status=pending')).json.deliveries.filter((d) => d.attempts === 1).length === 2);
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  for (const r of [receiver, first]) await r?.stop();
  await world?.stop();
});

async function open(options = {}) {
  const view = await browser.open({ size: DESKTOP, ...options });
  await view.page.goto(`${app.adminUrl}/admin/#/deliveries`);
  await view.page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await view.page.getByRole('button', { name: 'Sign in' }).click();
  await view.page.getByRole('heading', { name: 'Deliveries', level: 1 }).waitFor();
  await view.page.getByRole('table', { name: 'Deliveries' }).waitFor();
  return view;
}

test('an endpoint from its first test event to its end', async () => {
  const view = await open();
  const { page } = view;
  await page.getByLabel('Address of a new endpoint').fill('ftp://example.com/');
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  await page.getByRole('alert').getByText('https://').waitFor();
  await page.getByLabel('Address of a new endpoint').fill(receiver.url);
  await page.getByText('Only some events').click();
  await page.getByLabel('tenant.disabled', { exact: true }).check();
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  const shown = page.getByLabel(/Signing secret of ep_/);
  await shown.waitFor();
  receiver.secret = await shown.inputValue();
  assert.match(receiver.secret, /^whsec_/);
  const row = page.getByRole('table', { name: 'Endpoints' }).getByRole('row').filter({ hasText: receiver.url });
  await row.getByText('1 types').waitFor();
  await row.getByRole('button', { name: 'Test' }).click();
  await page.getByText('A test event is on its way').waitFor();
  await until('it arrives', () => receiver.got.length === 1);
  assert.deepEqual(receiver.got[0].verified, [true]);
  await page.getByRole('table', { name: 'Deliveries' }).getByRole('row').filter({ hasText: 'webhook.test' }).getByText('delivered').waitFor();

  await row.getByRole('button', { name: 'Rotate secret' }).click();
  await row.getByRole('button', { name: 'Rotate now?' }).click();
  await page.getByText('signs along for 24 hours').waitFor();
  assert.notEqual(await shown.inputValue(), receiver.secret);

  receiver.answer = (got, res) => { res.writeHead(410).end(); return true; };
  await sites[3].post(app, '/disabled', sites[3].installBody('disabled'));
  await page.getByRole('table', { name: 'Deliveries' }).getByText('dead').waitFor();
  await page.reload();
  await row.getByText('it answered 410').waitFor();
  receiver.answer = null;
  await row.getByRole('button', { name: 'Enable' }).click();
  await row.getByText('in use').waitFor();
  await page.getByLabel('Status').selectOption('dead');
  await page.getByRole('button', { name: 'Send again', exact: true }).last().click();
  await until('it arrives again', () => receiver.of('tenant.disabled').length === 2);
  await page.getByText('No delivery matches.').waitFor();

  await row.getByText('Send a range again').click();
  await row.getByLabel('Events after number').fill('0');
  await row.getByRole('button', { name: 'Send again' }).click();
  await page.getByText(/\d+ events are queued/).waitFor();
  await page.reload();
  await row.getByRole('button', { name: 'Remove' }).click();
  await row.getByRole('button', { name: 'Remove, with its deliveries?' }).click();
  await page.getByText('The endpoint is removed.').waitFor();
  await row.waitFor({ state: 'detached' });
  view.quiet();
  await view.close();
});

for (const look of LOOKS) {
  test(`looks right: ${look.name}`, async () => {
    const view = await open({ mode: look.mode, size: look.size });
    await view.page.getByText('LICGATE_EVENTS_URL').waitFor();
    await view.accessible();
    await view.fits();
    await view.shot(`deliveries-${look.name}`);
    view.quiet();
    await view.close();
  });
}

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
  await row.getByText('1 type', { exact: true }).waitFor();
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
  await page.getByRole('table', { name: 'Deliveries' }).getByRole('button', { name: 'Send again' }).last().click();
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

const endpoints = (page) => page.getByRole('table', { name: 'Endpoints' });
const list = (page) => page.getByRole('table', { name: 'Deliveries' });
const focused = (page) => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim());

test('a secret stays until the operator has it, whatever else is done', async () => {
  const view = await open();
  const { page } = view;
  await page.getByLabel('Address of a new endpoint').fill(`${receiver.url}?keep`);
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  const shown = page.getByLabel(/Signing secret of ep_/);
  const secret = await shown.inputValue();
  await view.accessible();
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: /Copied|Selected/ }).waitFor();
  await endpoints(page).getByRole('button', { name: `Test ${receiver.url}?keep` }).click();
  await page.getByText('A test event is on its way').waitFor();
  assert.equal(await shown.inputValue(), secret);
  await page.getByRole('button', { name: 'I have it' }).click();
  await shown.waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('Address of a new endpoint').inputValue(), '');
  view.quiet();
  await view.close();
});

test('by keyboard alone: each action leaves it where it was, Escape is a no, rotating leads to the secret', async () => {
  const view = await open();
  const { page } = view;
  await endpoints(page).getByRole('button', { name: `Test ${first.url}` }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('A test event is on its way').waitFor();
  assert.equal(await focused(page), `Test ${first.url}`);
  const rotate = endpoints(page).getByRole('button', { name: new RegExp(`^Rotate \\w+\\S* ${first.url.replaceAll(/[.?/]/g, '\\$&')}$`) });
  await rotate.focus();
  await page.keyboard.press('Enter');
  assert.equal(await focused(page), `Rotate now? ${first.url}`);
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), `Rotate secret ${first.url}`);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.getByLabel('Signing secret of ep_settings').waitFor();
  await until('the secret has the keyboard', () => page.evaluate(() => document.activeElement.value?.startsWith('whsec_')));
  const again = list(page).getByRole('button', { name: /^Send again tenant.installed 1 to/ });
  await again.focus();
  const name = await focused(page);
  await page.keyboard.press('Enter');
  await page.getByText('tenant.installed is sent again.').waitFor();
  assert.equal(await focused(page), name);
  view.quiet();
  await view.close();
});

test('what each attempt got, and what one tenant was sent', async () => {
  const view = await open();
  const { page } = view;
  const failing = list(page).getByRole('row').filter({ hasText: 'tenant.enabled' });
  await failing.first().getByRole('button', { name: /attempts? of tenant.enabled/ }).click();
  const dialog = page.getByRole('dialog', { name: /^Attempts of tenant.enabled/ });
  await dialog.getByRole('row').filter({ hasText: '500' }).first().waitFor();
  await view.shot('deliveries-attempts');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.match(await focused(page), /attempts? of tenant.enabled/);

  await page.getByRole('combobox', { name: 'Event' }).selectOption('tenant.installed');
  await until('that type alone', async () => (await list(page).getByRole('row').count()) === 1 + sites.length && (await failing.count()) === 0);
  await page.goto(`${app.adminUrl}/admin/#/tenants/${sites[1].clientKey}`);
  await page.getByRole('region', { name: 'History' }).getByRole('link', { name: 'Deliveries' }).click();
  await until('that tenant alone', async () => {
    const tenants = await list(page).getByRole('link').allTextContents();
    return tenants.length > 1 && tenants.every((key) => key === sites[1].clientKey);
  });
  assert.equal(await page.getByRole('searchbox', { name: 'Tenant' }).inputValue(), sites[1].clientKey);
  await page.getByRole('searchbox', { name: 'Tenant' }).fill('nobody');
  await page.getByText('No delivery matches.').waitFor();
  view.quiet();
  await view.close();
});

/* Requests to that path get what `answer` makes of them. */
const instead = (page, path, answer) => page.route((url) => url.pathname === `/admin/api/v1/${path}`, answer);

test('answers that fail or are late: said in words, asked again, and never shown in place of later ones', async () => {
  const view = await open();
  const { page } = view;
  let held = null;
  await instead(page, 'deliveries', (route) => (route.request().url().includes('status=dead') ? new Promise((go) => { held = () => go(route.continue()); }) : route.continue()));
  await page.getByLabel('Status').selectOption('dead');
  await page.getByText('Loading …').waitFor();
  await page.getByLabel('Status').selectOption('delivered');
  await list(page).getByText('delivered').first().waitFor();
  const late = page.waitForResponse((r) => r.url().includes('status=dead'));
  await held();
  await late;
  await list(page).getByText('delivered').first().waitFor();
  await page.unrouteAll();

  for (const [fulfill, words] of [[{ status: 500, body: '<h1>Oops</h1>' }, 'the server answered 500, and its log tells why'],
    [{ status: 429, headers: { 'retry-after': '7' }, body: '' }, 'wait 7 seconds'], [{ status: 200, body: '<h1>Sign in</h1>' }, 'something between here and the server answered']]) {
    await instead(page, 'deliveries', (route) => route.fulfill(fulfill));
    await page.getByLabel('Status').selectOption('dead');
    await page.getByRole('alert').getByText(words).waitFor();
    await page.unrouteAll();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.getByText(/No delivery matches|shown/).waitFor();
    await page.getByLabel('Status').selectOption('');
    await list(page).waitFor();
  }
  view.quiet();
  await view.close();
});

test('an address as long as one may be is cut where it is shown, and fits', async () => {
  const view = await open({ size: LOOKS[2].size });
  const { page } = view;
  const url = `${receiver.url}?${'<b>'.padEnd(2000 - receiver.url.length, 'x').replaceAll('<b>', '%3Cb%3E')}`;
  await page.getByLabel('Address of a new endpoint').fill(url);
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  const row = endpoints(page).getByRole('row').filter({ hasText: url.slice(0, 100) });
  await row.waitFor();
  assert.ok((await row.innerText()).length < 600);
  assert.ok((await row.getByRole('button', { name: 'Test' }).getAttribute('aria-label')).length < 100);
  await view.fits();
  await view.accessible();
  await row.getByRole('button', { name: 'Remove' }).click();
  await row.getByRole('button', { name: 'Remove, with' }).click();
  await row.waitFor({ state: 'detached' });
  view.quiet();
  await view.close();
});

test('the attempts of a delivery fit a narrow window, and give the keyboard back where the list was made anew meanwhile', async () => {
  const view = await open({ size: LOOKS[2].size });
  const { page } = view;
  const key = await list(page).getByRole('button', { name: /attempt.* of tenant.installed 1 to/ }).getAttribute('data-key');
  await page.locator(`[data-key="${key}"]`).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('204').first().waitFor();
  assert.deepEqual(await dialog.locator('.scroll').evaluate((box) => [box.scrollWidth <= box.clientWidth]), [true]);
  await view.accessible();
  const listed = page.waitForResponse((r) => r.url().includes('/deliveries?'));
  await app.admin('endpoints/ep_settings/test', { method: 'POST' });
  await listed;
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await until('the keyboard is back', () => page.evaluate((k) => document.activeElement.dataset.key === k, key));
  view.quiet();
  await view.close();
});

test('a server that stops answering leaves what is shown, and tells why nothing new comes', async () => {
  const view = await open();
  const { page } = view;
  await endpoints(page).getByText(first.url).waitFor();
  await page.route((url) => /\/(endpoints|deliveries)/.test(url.pathname), (route) => route.abort());
  await endpoints(page).getByRole('button', { name: `Test ${first.url}` }).click();
  await page.getByRole('alert').getByText('This did not work: the server does not answer.').waitFor();
  await app.admin('endpoints/ep_settings/test', { method: 'POST' }); // its delivery makes the page look again
  await page.getByRole('alert').getByText('The endpoints cannot be shown: the server does not answer.').waitFor();
  await page.getByRole('alert').getByText('The deliveries cannot be shown: the server does not answer.').waitFor();
  await view.accessible();
  await endpoints(page).getByText(first.url).waitFor();
  await list(page).getByText('tenant.installed').first().waitFor();
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Try again' }).first().click();
  await page.getByRole('button', { name: 'Try again' }).first().click();
  await until('all is shown again', async () => (await page.getByText('cannot be shown').count()) === 0);
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

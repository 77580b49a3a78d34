// github.test.mjs - a buyer's way from GitHub and back, in a browser: the page that says what was bought, members, trouble; in each look.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { GitHub, PLANS, deliver, iso, payload, purchase } from '../e2e/lib/github.mjs';
import { ADMIN_TOKEN, Licgate, until } from '../e2e/lib/licgate.mjs';
import { Browser, LOOKS } from './lib/browser.mjs';

const DAY = 86400000;
let world, app, browser, base;

/** A port nobody has: the base URL, which GitHub sends the browser back to, must be known before the start. */
const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});

before(async () => {
  world = await GitHub.start();
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  app = await Licgate.start({ env: { ...world.env, LICGATE_BASE_URL: base, LICGATE_LISTEN: `127.0.0.1:${port}` } });
  browser = await Browser.start();
  await until('the first comparison has ended', async () => (await app.metric('licgate_github_reconciles_total', { result: 'ok' })) >= 1);
  world.buys(purchase({ id: 1, units: 2, login: 'acme-inc', trialEnds: iso(Date.now() + 13.5 * DAY) }));
  world.buys(purchase({ id: 2, units: 1, login: 'full-house' }));
  world.buys(purchase({ id: 3, plan: PLANS.flat, units: 1, login: 'flat-org' }));
  const flat = world.accounts.get(3);
  await deliver(app, payload('purchased', flat, { at: Date.now() - DAY }));
  await deliver(app, payload('pending_change', { ...flat, units: 0 }, { at: Date.now() + 5 * DAY, previous: flat }));
  world.user(10, 'first', [2]);
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await world?.stop();
});

async function visit(look, visitor, { answer = 'Authorize', expected } = {}) {
  world.visitor = visitor;
  const view = await browser.open({ mode: look.mode, size: look.size, ...(expected ? { expected } : {}) });
  await view.page.goto(`${base}/github/setup?marketplace_listing_plan_id=200`);
  await view.page.getByRole('link', { name: answer }).click();
  await view.page.waitForLoadState('load');
  return view;
}
async function check(view, name) {
  assert.equal(await view.page.locator('h1').count(), 1);
  await view.shot(`github-${name}`);
  await view.accessible(view.page);
  await view.fits(view.page);
  view.quiet();
  await view.close();
}

for (const look of LOOKS) {
  test(`setup, ${look.name}: a trial, seats taken, a plan that ends, with members`, async () => {
    const view = await visit(look, world.user(10, 'first', [2]));
    assert.ok((await view.page.textContent('main')).includes('one of them yours'));
    await view.page.getByRole('button', { name: 'Sign out' }).click();
    await view.page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    await view.close();
    const second = await visit(look, world.user(20, 'second', [1, 2, 3]));
    const text = await second.page.textContent('main');
    for (const said of ['acme-inc', '14 days left', 'All seats are taken', 'Ends on', 'Members']) assert.ok(text.includes(said), said);
    assert.equal(await second.page.getByRole('link', { name: 'Upgrade' }).getAttribute('href'), 'https://www.github.com/marketplace/licgate-app/upgrade/2/2');
    const flat = second.page.locator('section', { hasText: 'flat-org' });
    await flat.getByLabel('GitHub login').fill('new-member');
    await second.page.keyboard.press('Enter'); // by keyboard alone
    await second.page.waitForURL(`${base}/github/account`);
    await second.page.getByText('new-member').waitFor();
    await check(second, `account-${look.name}`);
    const again = await visit(look, world.user(20, 'second', [1, 2, 3]));
    await again.page.locator('section', { hasText: 'flat-org' }).getByRole('button', { name: 'Remove' }).click();
    await again.page.waitForURL(`${base}/github/account`);
    assert.equal(await again.page.getByText('new-member').count(), 0);
    await again.close();
  });
}

test('who declines, and who bought nothing, reads what to do', async () => {
  const refused = /status of 403/;
  const declined = await visit(LOOKS[0], world.user(30, 'no-thanks', [1]), { answer: 'Cancel', expected: refused });
  await declined.page.getByRole('heading', { name: 'You did not authorize the app' }).waitFor();
  await check(declined, 'declined');
  const nothing = await visit(LOOKS[3], world.user(31, 'nobody', []), { expected: refused });
  await nothing.page.getByRole('heading', { name: 'Nothing was bought for your account yet' }).waitFor();
  assert.equal(await nothing.page.getByRole('link', { name: 'See the plans' }).getAttribute('href'), 'https://github.com/marketplace/licgate-app');
  await check(nothing, 'nothing-narrow-dark');
});

for (const look of LOOKS) {
  test(`the operator sees purchases, drift and both kinds of tenants, ${look.name}`, async () => {
    const view = await browser.open({ mode: look.mode, size: look.size });
    await view.page.goto(`${app.adminUrl}/admin/#/github`);
    await view.page.getByLabel(/token/i).fill(ADMIN_TOKEN);
    await view.page.keyboard.press('Enter');
    await view.page.getByRole('link', { name: 'github:1' }).first().waitFor();
    assert.ok(!(await view.page.textContent('main')).includes('[object'));
    await check(view, `admin-${look.name}`);
  });
}

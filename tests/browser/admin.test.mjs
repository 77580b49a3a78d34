// admin.test.mjs - the admin page as an operator uses it: sign-in, search, one tenant, override, refusals explained,
// feedback, live updates; in both schemes and at 320 px; with hostile names.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Atlassian, active, evaluation, notLicensed } from '../e2e/lib/atlassian.mjs';
import { ADMIN_TOKEN, Licgate, until } from '../e2e/lib/licgate.mjs';
import { Browser, DESKTOP, LOOKS, NARROW } from './lib/browser.mjs';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'">';
const inDays = (days) => new Date(Date.now() + days * 86400000).toISOString();
let world, app, browser, acme, trial;
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: world.env });
  browser = await Browser.start();
  const licenses = [active({ organizationName: 'Acme Ltd' }), evaluation({ subscriptionEndDate: inDays(9) }), notLicensed(), active({ maximumNumberOfUsers: 25 }), evaluation({ subscriptionEndDate: inDays(3) })];
  const names = ['acme', 'blue-harbour', 'cartwright', 'delta-forge', 'eastwind', 'fernley', 'granite', 'hollis', 'ivory-labs', 'juniper'];
  const sites = [];
  for (let i = 0; i < 60; i++) {
    const site = world.site(i < 10 ? names[i] : `${names[i % 10]}-${i}`, licenses[i % 5]);
    await site.install(app, i % 7 === 3 ? { body: { description: HOSTILE } } : {});
    sites.push(site);
  }
  [acme, trial] = sites;
  for (const i of [12, 22, 37]) await sites[i].uninstall(app);
  await until('all looked up', async () => (await app.admin('tenants?limit=500')).json.tenants.every((t) => t.status === 'uninstalled' || t.license.source === 'lookup'));
  for (let i = 0; i < 4; i++) await sites[i].open(app, `/app/license?page=${i}`, { claims: { sub: `account-${i}` } });
  // refused: another method, a parameter lost, another tenant's secret, no token at all
  await app.request({ target: `/app/board?issue=7&jwt=${acme.token('POST', '/app/board?issue=7')}` });
  await app.request({ target: `/app/board?jwt=${acme.token('GET', '/app/board?issue=7')}` });
  await app.request({ target: `/app/board?jwt=${trial.token('GET', '/app/board', { iss: acme.clientKey })}` });
  await app.request({ target: `/app/license?jwt=${acme.context()}` });
  await app.request({ target: '/app/license' });
  for (const [site, message] of [[acme, 'The board is exactly what our planning needed. Could it also show sub-tasks?'], [trial, `${HOSTILE} Where do I buy?`]]) {
    const answer = await app.request({ method: 'POST', target: '/api/v1/feedback', body: JSON.stringify({ message }),
      headers: { 'content-type': 'application/json', authorization: `JWT ${site.context()}` } });
    assert.equal(answer.status, 201, answer.text);
  }
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await world?.stop();
});

/** A signed-in window at a view of the page. */
async function open(hash = '', options = {}) {
  const view = await browser.open({ size: DESKTOP, ...options });
  await view.page.goto(`${app.adminUrl}/admin/${hash}`);
  await view.page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await view.page.getByRole('button', { name: 'Sign in' }).click();
  await view.page.getByRole('navigation').waitFor();
  return view;
}

describe('signing in', () => {
  test('a wrong token says so; the right one stays through a reload until signing out', async () => {
    const view = await browser.open();
    await view.page.goto(`${app.adminUrl}/admin/`);
    await view.page.getByLabel('Admin token').fill('wrong');
    await view.page.keyboard.press('Enter');
    await view.page.getByRole('alert').getByText('not the admin token').waitFor();
    await view.accessible();
    await view.shot('admin-sign-in');
    await view.page.getByLabel('Admin token').fill(ADMIN_TOKEN);
    await view.page.keyboard.press('Enter');
    await view.page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await view.page.reload();
    await view.page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    assert.equal(await view.page.evaluate(() => document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)), '{}{}', 'nothing a script could read');
    await view.page.getByRole('button', { name: 'Sign out' }).click();
    await view.page.getByLabel('Admin token').waitFor();
    await view.page.reload();
    await view.page.getByLabel('Admin token').waitFor();
    view.quiet();
    await view.close();
  });
});

async function openAll(page) {
  await page.locator('.refusal summary').first().waitFor();
  for (const summary of await page.locator('.refusal summary').all()) await summary.click();
}

describe('every view in every look', () => {
  const views = [
    ['overview', '', (page) => page.getByText('Evaluations ending soon').waitFor()],
    ['tenants', '#/tenants', (page) => page.getByText('1–50 of 60').waitFor()],
    ['tenant', () => `#/tenants/${encodeURIComponent(acme.clientKey)}`, (page) => page.getByText('tenant installed').first().waitFor()],
    ['refusals', '#/refusals', async (page) => {
      await openAll(page);
      await page.locator('.diff').first().waitFor();
    }],
    ['feedback', '#/feedback', (page) => page.getByText('sub-tasks').waitFor()],
  ];
  for (const [name, hash, ready] of views) {
    for (const look of LOOKS) {
      test(`${name}, ${look.name}`, async () => {
        const view = await open(typeof hash === 'function' ? hash() : hash, look);
        await ready(view.page);
        await view.fits();
        await view.accessible();
        await view.page.setViewportSize({ width: look.size.width, height: Math.min(2400, await view.page.evaluate(() => document.documentElement.scrollHeight)) });
        await view.shot(`admin-${name}-${look.name}`);
        view.quiet();
        assert.notEqual(await view.page.title(), 'owned');
        await view.close();
      });
    }
  }
});

describe('finding a tenant', () => {
  test('search as one types, filters and order, all in the address', async () => {
    const view = await open('#/tenants');
    const { page } = view;
    await page.getByText('1–50 of 60').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('juniper');
    await page.getByText('1–6 of 6').waitFor();
    assert.match(page.url(), /query=juniper/);
    await page.getByLabel(/^Licence/).selectOption('evaluation');
    await page.getByText('1–6 of 6').waitFor();
    await page.getByLabel(/^Licence/).selectOption('active');
    await page.getByText('No tenant matches').waitFor();
    await page.getByLabel('Search').fill('');
    await page.getByText(/^1–\d+ of \d+$/).waitFor();
    await page.getByRole('button', { name: 'Site' }).click();
    await page.locator('th[aria-sort="ascending"]').getByText('Site').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Site', 'the keyboard stays where it was');
    await page.reload();
    await page.locator('th[aria-sort="ascending"]').getByText('Site').waitFor();
    view.quiet();
    await view.close();
  });

  test('from page to page', async () => {
    const view = await open('#/tenants');
    await view.page.getByText('1–50 of 60').waitFor();
    await view.page.getByRole('button', { name: 'Next' }).click();
    await view.page.getByText('51–60 of 60').waitFor();
    await view.page.getByRole('button', { name: 'Previous' }).click();
    await view.page.getByText('1–50 of 60').waitFor();
    await view.close();
  });

  test('a narrow window has an order too', async () => {
    const view = await open('#/tenants', { size: NARROW });
    await view.page.getByText('1–50 of 60').waitFor();
    await view.page.getByLabel(/^Order/).selectOption('base_url asc');
    await until('in the address', () => view.page.url().includes('sort=base_url&dir=asc'));
    await view.page.getByRole('cell').first().getByRole('link', { name: /acme$/ }).waitFor();
    await view.close();
  });

  test('CSV is a file of all that match', async () => {
    const view = await open('#/tenants?query=juniper');
    await view.page.getByText('1–6 of 6').waitFor();
    const [file] = await Promise.all([view.page.waitForEvent('download'), view.page.getByRole('link', { name: 'CSV' }).click()]);
    assert.equal(file.suggestedFilename(), 'tenants.csv');
    await view.close();
  });
});

describe('one tenant', () => {
  test('override, its place in the history, and its end; without a reload', async () => {
    const view = await open(`#/tenants/${encodeURIComponent(trial.clientKey)}`);
    const { page } = view;
    const license = page.getByRole('region', { name: 'Licence' });
    await license.getByText('evaluation', { exact: true }).waitFor();
    const form = page.getByRole('region', { name: 'Override' });
    await form.getByLabel('State').selectOption('active');
    await form.getByLabel('Reason').fill(`paid ${HOSTILE}`);
    await form.getByLabel('By').fill('Kim');
    await form.getByRole('button', { name: 'Set override' }).click();
    await page.getByText('The override is set.').waitFor();
    await license.getByText('active', { exact: true }).first().waitFor();
    await page.getByRole('region', { name: 'History' }).getByText('override set').waitFor();
    await form.getByRole('button', { name: 'End the override' }).click();
    await page.getByText('The override has ended.').waitFor();
    await license.getByText('evaluation', { exact: true }).waitFor();
    view.quiet();
    await view.close();
  });

  test('look up now, test call', async () => {
    const view = await open(`#/tenants/${encodeURIComponent(acme.clientKey)}`);
    const before_ = acme.lookups;
    await view.page.getByRole('button', { name: 'Look up now' }).click();
    await view.page.getByText('The site told its licence.').waitFor();
    assert.equal(acme.lookups, before_ + 1);
    await view.page.getByRole('button', { name: 'Test call' }).click();
    await view.page.getByText(/Answer 404 after \d+ ms/).waitFor();
    await view.close();
  });

  test('a key nobody has', async () => {
    const view = await open('#/tenants/nobody');
    await view.page.getByText('No tenant has this client key.').waitFor();
    await view.close();
  });
});

test('a refusal tells what was signed instead', async () => {
  const view = await open('#/refusals');
  const { page } = view;
  await openAll(page);
  await page.getByText('The token was made for another request: another method.').waitFor();
  await page.getByText('it is for API calls of a page').waitFor();
  await page.locator('.diff ins').getByText('+ POST').waitFor();
  view.quiet();
  await view.close();
});

test('an install, a refusal and feedback appear without a reload', async () => {
  const view = await open('#/tenants?query=newcomer');
  const { page } = view;
  await page.getByText('No tenant matches').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  const site = world.site('newcomer', active());
  await site.install(app);
  await page.getByRole('link', { name: /newcomer/ }).waitFor();
  await page.getByRole('link', { name: 'Feedback' }).click();
  await page.getByText('sub-tasks').waitFor();
  await app.request({ method: 'POST', target: '/api/v1/feedback', body: '{"message":"quite new"}',
    headers: { 'content-type': 'application/json', authorization: `JWT ${site.context()}` } });
  await page.getByText('quite new').waitFor();
  view.quiet();
  await view.close();
});

test('a session that ends elsewhere ends here', async () => {
  const view = await open('#/feedback');
  await view.page.getByText('sub-tasks').waitFor();
  await view.context.clearCookies();
  await view.page.getByRole('link', { name: 'Tenants' }).click();
  await view.page.getByText('You are signed out.').waitFor();
  await view.close();
});

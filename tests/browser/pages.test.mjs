// pages.test.mjs - the app's pages inside Atlassian's own bridge: what they show in each licence state, in each look, and by keyboard.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Atlassian, active, evaluation, notLicensed } from '../e2e/lib/atlassian.mjs';
import { Licgate } from '../e2e/lib/licgate.mjs';
import { Browser, LOOKS } from './lib/browser.mjs';
import { asJira, bridged, openInJira } from './lib/jira.mjs';

const PAGE_MAX_BYTES = 50 * 1024;
const [LIGHT, DARK, NARROW_LIGHT, NARROW_DARK] = LOOKS;
const inDays = (days) => new Date(Date.now() + days * 86400000).toISOString();
const LICENSES = {
  active: active({ maintenanceExpiryDate: inDays(200) }),
  evaluation: evaluation({ maintenanceExpiryDate: inDays(13.5) }),
  grace: notLicensed({ maintenanceExpiryDate: inDays(-3) }),
  cancelled: active({ cancelled: true, status: 'cancelled', maintenanceExpiryDate: inDays(20) }),
  expired: notLicensed({ maintenanceExpiryDate: inDays(-40) }),
  none: notLicensed(),
  unknown: (req, res) => res.writeHead(503).end(),
};

let world, app, browser;
const sites = {};
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: { ...world.env, LICGATE_LICENSE_WAIT: '1' } });
  browser = await Browser.start();
  for (const [name, license] of Object.entries(LICENSES)) {
    sites[name] = asJira(world.site(name, license));
    assert.equal((await sites[name].install(app)).status, 204);
  }
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await world?.stop();
});

/** Opens a page in a look, waits until it has what it asked for, runs the checks every page must pass. */
async function look(look, site, target, work) {
  const view = await browser.open({ ...bridged, mode: look.mode, size: look.size });
  const frame = await openInJira(view, site, app, target);
  await frame.waitForSelector('[data-waiting]', { state: 'detached' });
  await view.still(frame);
  await work(frame, view);
  assert.equal(await frame.getAttribute('html', 'data-color-mode'), look.mode, 'the host said which colours');
  assert.equal(await frame.locator('main').count(), 1);
  assert.equal(await frame.locator('h1').count(), 1);
  await view.shot(`app-${target.replace(/^\/app\//, '')}-${site.name}-${look.name}`);
  await view.accessible(frame);
  await view.fits(frame);
  view.quiet();
  await view.close();
}

describe('the licence page', () => {
  const table = [
    // site, lozenge, headline, board, export, button
    ['active', 'Active', /^Licensed until \d+ \w+ \d{4}$/, 'Open', 'Open', 'Manage the licence', LOOKS],
    ['evaluation', 'Evaluation', /^14 days left/, 'Open', 'Open', 'Buy a licence', [LIGHT]],
    ['grace', 'Grace period', /^The licence has ended on/, 'Open', 'Open', 'Renew the licence', [NARROW_DARK]],
    ['cancelled', 'Cancelled', /^Cancelled, and paid until/, 'Open', 'Open', 'Renew the licence', [DARK]],
    ['expired', 'Ended', /^The licence ended on/, 'Read only', 'Closed', 'Renew the licence', [LIGHT, NARROW_DARK]],
    ['none', 'No licence', /^Your site has no licence/, 'Closed', 'Closed', 'Buy a licence', [NARROW_LIGHT]],
    ['unknown', 'Not known yet', /^The licence is not known yet/, 'Closed', 'Closed', 'Manage the licence', [DARK]],
  ];
  for (const [name, state, head, board, exported, button, looks] of table) {
    for (const l of looks) {
      test(`${name}, ${l.name}`, () => look(l, sites[name], '/app/license', async (frame) => {
        assert.equal(await frame.textContent('[data-state]'), state);
        assert.match(await frame.textContent('[data-headline]'), head);
        assert.deepEqual(await frame.locator('[data-features] .lozenge').allTextContents(), [board, exported]);
        const link = frame.getByRole('link', { name: button });
        assert.equal(await link.getAttribute('href'), `${world.url}/plugins/servlet/upm`);
      }));
    }
  }
});

describe('the panel beside an issue', () => {
  for (const l of LOOKS) {
    test(`active, ${l.name}`, () => look(l, sites.active, '/app/panel', async (frame) => {
      await frame.getByText(/^Licensed until/).waitFor();
      assert.deepEqual(await frame.locator('[data-features] .lozenge').allTextContents(), ['Open', 'Open']);
      assert.ok(await frame.locator('[data-manage]').isHidden());
    }));
  }
  test('expired', () => look(NARROW_DARK, sites.expired, '/app/panel', async (frame) => {
    assert.equal(await frame.getByRole('link', { name: 'Renew the licence' }).getAttribute('href'), `${world.url}/plugins/servlet/upm`);
  }));
});

describe('features', () => {
  for (const l of LOOKS) {
    test(`a board that may be written, ${l.name}`, () => look(l, sites.active, '/app/board', async (frame) => {
      await frame.getByRole('button', { name: 'Move on: DEMO-1' }).click();
      await frame.getByText('In progress (3)').waitFor();
      await frame.getByRole('button', { name: 'Add a card' }).click();
      await frame.getByText('DEMO-6').waitFor();
    }));
  }
  test('a board that may be read', () => look(NARROW_DARK, sites.expired, '/app/board', async (frame) => {
    await frame.getByText('Nothing can be changed here.').waitFor();
    assert.equal(await frame.locator('button:enabled').count(), 0);
  }));
  for (const l of [LIGHT, NARROW_DARK]) {
    test(`an export, ${l.name}`, () => look(l, sites.active, '/app/export', async (frame, view) => {
      const download = view.page.waitForEvent('download');
      await frame.getByRole('button', { name: 'Download CSV' }).click();
      assert.equal((await download).suggestedFilename(), 'export.csv');
      await frame.getByText('5 issues are exported.').waitFor();
    }));
    test(`an export that is closed, ${l.name}`, () => look(l, sites.none, '/app/export', async (frame) => {
      await frame.getByRole('heading', { name: 'This app has no licence here' }).waitFor();
      const link = frame.getByRole('link', { name: 'Open Manage apps' });
      assert.equal(await link.getAttribute('href'), `${sites.none.baseUrl}/plugins/servlet/upm`);
    }));
  }
});

describe('as a page', () => {
  test('small: everything but all.js', async () => {
    for (const [name, site] of [['license', 'active'], ['panel', 'active'], ['board', 'active'], ['export', 'active'], ['export', 'none']]) {
      const view = await browser.open(bridged);
      const sizes = [];
      view.page.on('response', async (r) => { if (r.url().startsWith(app.url)) sizes.push(r.body().then((b) => b.length, () => 0)); });
      const frame = await openInJira(view, sites[site], app, `/app/${name}`);
      await frame.waitForSelector('[data-waiting]', { state: 'detached' });
      const sum = (await Promise.all(sizes)).reduce((a, b) => a + b, 0);
      assert.ok(sizes.length >= 4 && sum < PAGE_MAX_BYTES, `${name}: ${sum} bytes in ${sizes.length} answers`);
      await view.close();
    }
  });

  test('by keyboard alone, with a focus that can be seen', async () => {
    const view = await browser.open(bridged);
    const frame = await openInJira(view, sites.expired, app, '/app/license');
    await frame.waitForSelector('[data-waiting]', { state: 'detached' });
    await frame.locator('[data-manage-link]').focus();
    const passed = [];
    for (let i = 0; i < 4; i++) {
      passed.push(await frame.evaluate(() => `${document.activeElement.tagName} ${document.activeElement.name ?? ''}`.trim()));
      assert.notEqual(await frame.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), i === 0 ? '' : 'none');
      await view.page.keyboard.press('Tab');
    }
    assert.deepEqual(passed, ['A', 'TEXTAREA message', 'INPUT account', 'BUTTON']);
    await view.close();
  });

  test('nothing moves when the host\'s theme comes late', async () => {
    const view = await browser.open({ ...bridged, size: NARROW_LIGHT.size });
    let release;
    const released = new Promise((resolve) => { release = resolve; });
    await view.context.route(/connect-cdn\.atl-paas\.net\/themes\//, async (route) => { await released; await route.fallback(); });
    const frame = await openInJira(view, sites.evaluation, app, '/app/license');
    await frame.waitForSelector('[data-waiting]', { state: 'detached' });
    const token = () => getComputedStyle(document.documentElement).getPropertyValue('--ds-font-body');
    assert.equal(await frame.evaluate(token), '');
    release();
    await frame.waitForFunction(token);
    await view.still(frame);
    view.quiet();
    await view.close();
  });

  test('follows the host from light to dark', async () => {
    const view = await browser.open(bridged);
    const frame = await openInJira(view, sites.active, app, '/app/license');
    await frame.waitForSelector('[data-waiting]', { state: 'detached' });
    const back = () => frame.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await frame.waitForSelector('html[data-color-mode="light"]');
    assert.equal(await back(), 'rgb(255, 255, 255)');
    await view.page.evaluate(() => { document.documentElement.dataset.colorMode = 'dark'; });
    await frame.waitForSelector('html[data-color-mode="dark"]');
    await frame.waitForFunction(() => getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)');
    view.quiet();
    await view.close();
  });

  test('without a host: the device\'s colours, and a word on what to do', async () => {
    for (const [mode, colour] of [['light', 'rgb(255, 255, 255)'], ['dark', 'rgb(29, 33, 37)']]) {
      const view = await browser.open({ mode });
      await view.page.goto(`${app.url}/app/license?jwt=${sites.active.token('GET', '/app/license')}`);
      await view.page.getByText('Open this page inside your site').waitFor();
      assert.equal(await view.page.evaluate(() => getComputedStyle(document.body).backgroundColor), colour);
      await view.shot(`app-license-outside-${mode}`);
      await view.accessible();
      await view.close();
    }
  });
});

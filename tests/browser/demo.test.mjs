// demo.test.mjs - the app's pages as a newcomer meets them: in the demo's simulated site, with its bridge in place of Atlassian's.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Browser } from './lib/browser.mjs';
import { Demo } from './lib/demo.mjs';

const FEATURES = {
  features: { board: { evaluation: 'allow', active: 'allow', expired: 'read_only' }, export: { active: 'allow', evaluation: 'allow', seats: true } },
  pages: { '/app/board': 'board', '/app/export': 'export' },
};

let dir, demo, browser;
before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'licgate-demo-features-'));
  writeFileSync(path.join(dir, 'features.json'), JSON.stringify(FEATURES));
  demo = await Demo.start({ env: { LICGATE_FEATURES: path.join(dir, 'features.json'), LICGATE_LICENSE_TTL: '1', LICGATE_GRACE_DAYS: '0' } });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await demo?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** The app's frame at a module of acme. */
async function open(view, module) {
  await view.page.goto(`${demo.sim}/sites/acme`);
  await view.page.goto(`${demo.sim}/sites/acme#module/${module}`);
  const frame = await (await view.page.waitForSelector('iframe')).contentFrame();
  await frame.waitForSelector('h1');
  await frame.waitForSelector('[data-waiting]', { state: 'detached' });
  return frame;
}

test('each licence state changes what a page may do', async () => {
  const view = await browser.open();
  const expires = (days) => new Date(Date.now() + days * 86400000).toISOString();
  for (const [license, board, exported] of [
    [{ state: 'active' }, 'enabled', 'Download CSV'],
    [{ state: 'evaluation', expires_at: expires(5) }, 'enabled', 'Download CSV'],
    [{ state: 'expired', expires_at: expires(-50) }, 'disabled', 'The licence has ended'],
  ]) {
    await demo.license(license);
    let frame = await open(view, 'board');
    const text = board === 'enabled' ? 'A sample of a licensed feature' : 'Nothing can be changed here.';
    await frame.getByText(text).first().waitFor();
    assert.equal(await frame.getByRole('button', { name: 'Add a card' }).isEnabled(), board === 'enabled', license.state);
    frame = await open(view, 'export');
    await frame.getByText(exported).first().waitFor();
    await view.accessible(frame);
  }
  view.quiet();
  await view.close();
});

test('a seat is taken by name and freed by an administrator; colours are the site\'s', async () => {
  await demo.license({ state: 'active', users: 1 });
  const { user, accounts } = await demo.control('GET', 'acme');
  const { name } = accounts.find((a) => a.account_id === user.account_id);
  const view = await browser.open();
  await open(view, 'export');
  const frame = await open(view, 'configure');
  await frame.getByText('1 of 1 used').waitFor();
  await frame.getByRole('button', { name: `Free seat of ${name}` }).waitFor();
  await view.page.getByRole('button', { name: 'Dark' }).click();
  await frame.waitForSelector('html[data-color-mode="dark"]');
  await view.shot('app-configure-demo-dark');
  await frame.getByRole('button', { name: `Free seat of ${name}` }).click();
  await frame.getByText('Nobody holds a seat.').waitFor();
  await view.accessible(frame);
  view.quiet();
  await view.close();
});

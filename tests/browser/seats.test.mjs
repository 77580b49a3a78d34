// seats.test.mjs - what people see of seats and editions: used up, freed by an administrator, chosen for everybody. Nothing is stood in for.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Atlassian, active } from '../e2e/lib/atlassian.mjs';
import { Licgate } from '../e2e/lib/licgate.mjs';
import { Browser, LOOKS } from './lib/browser.mjs';
import { asJira, bridged, openInJira } from './lib/jira.mjs';

const FEATURES = {
  features: {
    board: { active: 'allow', choices: ['allow', 'read_only'] },
    export: { active: 'allow', seats: true },
    reports: { active: 'allow', edition: 'advanced' },
  },
  pages: { '/app/board': 'board', '/app/export': 'export' },
};

let dir, world, app, browser;
before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'licgate-features-'));
  writeFileSync(path.join(dir, 'features.json'), JSON.stringify(FEATURES));
  world = await Atlassian.start();
  app = await Licgate.start({ env: { ...world.env, LICGATE_FEATURES: path.join(dir, 'features.json') } });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await world?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function installed(users) {
  const site = asJira(world.site(undefined, active({ maximumNumberOfUsers: users })));
  site.admins.add('boss');
  assert.equal((await site.install(app)).status, 204);
  return site;
}

/** A page as somebody sees it. */
async function as(account, site, target, work, look = LOOKS[0]) {
  site.claims = { sub: account };
  const view = await browser.open({ ...bridged, mode: look.mode, size: look.size });
  const frame = await openInJira(view, site, app, target);
  await frame.waitForSelector('[data-waiting]', { state: 'detached' });
  await work(frame, view);
  await view.accessible(frame);
  await view.fits(frame);
  view.quiet();
  await view.close();
}

describe('seats', () => {
  test('the second of one seat is refused until an administrator frees it', async () => {
    const site = await installed(1);
    await as('ann', site, '/app/license', async (frame) => { // the licence is known from here on
      await frame.getByText('0 of 1 used').waitFor();
    });
    await as('ann', site, '/app/export', (frame) => frame.getByRole('heading', { name: 'Export' }).waitFor());
    await as('ben', site, '/app/export', async (frame, view) => {
      await frame.getByRole('heading', { name: 'All seats are taken' }).waitFor();
      await view.shot('app-export-no-seat');
    });
    await as('ben', site, '/app/license', async (frame, view) => {
      await frame.getByText('All seats are taken, and you have none yet.').waitFor();
      await frame.getByText('1 of 1 used').waitFor();
      assert.ok(await frame.locator('.bar[data-full]').count());
      await view.shot('app-license-no-seat');
    }, LOOKS[3]);
    await as('boss', site, '/app/configure', async (frame) => {
      await frame.getByRole('button', { name: 'Free seat of ann' }).click();
      await frame.getByText('The seat of ann is free.').waitFor();
      await frame.getByText('Nobody holds a seat.').waitFor();
    });
    await as('ben', site, '/app/export', (frame) => frame.getByRole('heading', { name: 'Export' }).waitFor());
    await as('boss', site, '/app/configure', async (frame) => {
      assert.deepEqual(await frame.locator('[data-holders] h3').allTextContents(), ['ben']);
    });
  });

  test('another edition is named as the reason', async () => {
    const site = await installed(10);
    await as('ann', site, '/app/license', (frame) => frame.getByText('It belongs to another edition of the app.').waitFor());
  });
});

describe('choices', () => {
  test('what an administrator chooses holds for everybody', async () => {
    const site = await installed(10);
    await as('ann', site, '/app/board', (frame) => frame.getByRole('button', { name: 'Add a card' }).and(frame.locator(':enabled')).waitFor());
    await as('boss', site, '/app/configure', async (frame, view) => {
      await frame.getByLabel('Board').selectOption('read_only');
      await frame.getByRole('button', { name: 'Save' }).click();
      await frame.getByText('Saved.').waitFor();
      await view.shot('app-configure-choice');
    });
    await as('ann', site, '/app/board', async (frame, view) => {
      await frame.getByText('An administrator of your site has limited it to reading for everybody.').waitFor();
      assert.equal(await frame.locator('button:enabled').count(), 0);
      await view.shot('app-board-limited');
    });
  });
});

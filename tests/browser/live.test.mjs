// live.test.mjs - the app's pages while they stay open: tokens that end, licences that end, messages to the vendor, settings.
// Inside Atlassian's own bridge; minutes pass by the browser's clock, which the tests move.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Atlassian, active, notLicensed } from '../e2e/lib/atlassian.mjs';
import { Licgate, until } from '../e2e/lib/licgate.mjs';
import { Browser, LOOKS } from './lib/browser.mjs';
import { asJira, bridged, openInJira } from './lib/jira.mjs';

let world, app, browser;
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: world.env });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await world?.stop();
});

async function installed(license = active()) {
  const site = asJira(world.site(undefined, license));
  assert.equal((await site.install(app)).status, 204);
  return site;
}

async function open(site, target, options = {}) {
  const view = await browser.open({ ...bridged, ...options });
  const frame = await openInJira(view, site, app, target);
  await frame.waitForSelector('[data-waiting]', { state: 'detached' });
  return { view, frame };
}

const override = (site, state) => app.admin(`tenants/${site.clientKey}/override`, state
  ? { method: 'PUT', body: { state, until: new Date(Date.now() + 3600000).toISOString(), reason: 'a test', by: 'tests' } } : { method: 'DELETE' });

async function passMinute(view) { await view.page.clock.fastForward(61000); }

describe('tokens', () => {
  test('none stays in the address, in storage or in the page', async () => {
    const site = await installed();
    const { view, frame } = await open(site, '/app/license');
    const left = await frame.evaluate(() => ({ url: location.href, history: JSON.stringify(history.state), html: document.documentElement.outerHTML,
      cookies: document.cookie, stored: JSON.stringify([{ ...localStorage }, { ...sessionStorage }]) }));
    assert.match(left.url, /xdm_e=/, 'the rest of the address is as it was');
    for (const [name, text] of Object.entries(left)) assert.doesNotMatch(text, /eyJ|jwt=/, name);
    const databases = await frame.evaluate(async () => (await indexedDB.databases()).length);
    assert.equal(databases, 0);
    view.quiet();
    await view.close();
  });

  test('one that ended is asked for again, and nobody notices', async () => {
    const site = await installed();
    const { view, frame } = await open(site, '/app/license');
    await frame.fill('#message', 'Sent with a token that had ended');
    site.ended = 1;
    const before = site.tokens;
    await frame.getByRole('button', { name: 'Send message' }).click();
    await frame.getByText('The vendor has your message').waitFor();
    assert.equal(site.tokens, before + 2);
    view.quiet();
    await view.close();
  });

  test('a session that is over is told, and nothing typed is lost', async () => {
    const site = await installed();
    const { view, frame } = await open(site, '/app/license');
    await frame.fill('#message', 'Still here?');
    site.ended = 10;
    await frame.getByRole('button', { name: 'Send message' }).click();
    await frame.getByText('Your session has ended. Reload the page.').waitFor();
    assert.equal(await frame.inputValue('#message'), 'Still here?');
    await view.close();
  });
});

describe('a licence that changes while the page is open', () => {
  test('the licence page says so, and says when it is in order again', async () => {
    const site = await installed();
    const { view, frame } = await open(site, '/app/license', { clock: true });
    await override(site, 'expired');
    await passMinute(view);
    await frame.getByText('The licence ended while this page was open').waitFor();
    assert.deepEqual(await frame.locator('[data-features] .lozenge').allTextContents(), ['Read only', 'Closed']);
    await view.shot('app-license-ended-while-open');
    await view.accessible(frame);
    await override(site, null);
    await passMinute(view);
    await frame.getByText('The licence is in order again').waitFor();
    view.quiet();
    await view.close();
  });

  test('a board can only be read from then on, and a card that is moved asks first', async () => {
    const site = await installed();
    const { view, frame } = await open(site, '/app/board', { clock: true });
    await override(site, 'expired');
    await frame.getByRole('button', { name: 'Move on: DEMO-1' }).click(); // the page does not know yet
    await frame.getByText('The licence ended while this page was open').waitFor();
    assert.equal(await frame.getByText('To do (2)').count(), 1, 'nothing moved');
    assert.equal(await frame.locator('button:enabled').count(), 0);
    await view.shot('app-board-ended-while-open');
    await view.close();
  });

  test('a closed page tells when it is open', async () => {
    const site = await installed(notLicensed());
    const view = await browser.open({ ...bridged, clock: true });
    const frame = await openInJira(view, site, app, '/app/export');
    await frame.getByRole('heading', { name: 'This app has no licence here' }).waitFor();
    await override(site, 'active');
    await until('it says so', async () => { // its script may still be on its way when the heading is there
      await passMinute(view);
      return frame.getByText('It is open now. Reload the page.').isVisible();
    });
    await view.close();
  });

  test('a server that does not answer: what is shown stays, and is said to be old', async () => {
    const site = await installed();
    const { view, frame } = await open(site, '/app/license', { clock: true });
    await view.context.route('**/api/v1/license', (route) => route.abort());
    await passMinute(view);
    await frame.getByText('The app cannot be reached right now').waitFor();
    assert.equal(await frame.textContent('[data-state]'), 'Active');
    await view.context.unroute('**/api/v1/license');
    await passMinute(view);
    await frame.getByText('The app cannot be reached right now').waitFor({ state: 'detached' });
    await view.close();
  });
});

describe('feedback', () => {
  const hostile = '<img src=x onerror=alert(1)></textarea><script>alert(2)</script> \u202e "quoted" & ünï';

  test('reaches the operator as it was typed; the account only with consent', async () => {
    const site = await installed();
    const { view, frame } = await open(site, '/app/license');
    assert.equal(await frame.getByRole('checkbox').isChecked(), false, 'nobody is asked for consent with a filled box');
    await frame.getByRole('button', { name: 'Send message' }).click();
    await frame.getByText('Write a message first.').waitFor();
    for (const consent of [false, true]) {
      await frame.getByLabel('Your message').fill(hostile + consent);
      await frame.getByRole('checkbox').setChecked(consent);
      await frame.getByRole('button', { name: 'Send message' }).click();
      await frame.getByText('The vendor has your message').waitFor();
      await frame.waitForFunction(() => document.querySelector('#message').value === '');
    }
    await view.shot('app-license-feedback-sent');
    await view.accessible(frame);
    const { json } = await app.admin('feedback');
    const mine = json.feedback.filter((f) => f.tenant === site.clientKey || f.client_key === site.clientKey);
    assert.deepEqual(mine.map((f) => [f.message, f.account_id ?? null]).sort(),
      [[`${hostile}false`, null], [`${hostile}true`, 'account-1']]);
    view.quiet();
    await view.close();
  });
});

describe('the settings of a site', () => {
  // The server's part has tests of its own: here the page meets each answer there is.
  const holders = (count) => Array.from({ length: count }, (_, i) => ({ account_id: `557058:account-${i + 1}`,
    seat_at: new Date(Date.now() - (i + 1) * 86400000).toISOString(), last_seen_at: new Date(Date.now() - i * 3600000).toISOString() }));

  async function openSettings(options, { people = 3, answer } = {}) {
    const site = await installed();
    site.admins.add('account-1');
    site.people = { '557058:account-1': 'Mia <b>Krystof</b>', '557058:account-2': 'Fran Perez' };
    const state = { seats: { limit: 100, used: people, holders: holders(people) },
      choices: [{ feature: 'board', value: 'allow', options: ['allow', 'read_only'] }] };
    const calls = [];
    const view = await browser.open({ ...bridged, ...options });
    await view.context.route(/\/api\/v1\/(configure|seats)/, (route) => {
      const request = route.request();
      calls.push(`${request.method()} ${new URL(request.url()).pathname} ${request.postData() ?? ''}`.trim());
      if (answer) return route.fulfill(answer(request) ?? { json: state });
      if (request.method() === 'DELETE') return route.fulfill({ status: 204 });
      if (request.method() === 'PUT') state.choices[0].value = request.postDataJSON().choices.board;
      return route.fulfill({ json: state });
    });
    const frame = await openInJira(view, site, app, '/app/configure');
    await frame.waitForSelector('[data-waiting]', { state: 'detached' });
    return { view, frame, calls };
  }

  for (const look of LOOKS) {
    test(`who holds seats, one freed, a choice saved, ${look.name}`, async () => {
      const { view, frame, calls } = await openSettings({ mode: look.mode, size: look.size });
      await frame.getByRole('heading', { name: 'Mia <b>Krystof</b>' }).waitFor();
      await view.still(frame);
      await view.shot(`app-configure-${look.name}`);
      await frame.getByRole('button', { name: 'Free seat of Fran Perez' }).click();
      await frame.getByText('The seat of Fran Perez is free.').waitFor();
      assert.equal(await frame.textContent('[data-used]'), '2 of 100 used');
      assert.equal(await frame.evaluate(() => document.activeElement.ariaLabel), 'Free seat of 557058:account-3', 'the focus went on');
      await frame.getByLabel('Board').selectOption('read_only');
      await frame.getByRole('button', { name: 'Save' }).click();
      await frame.getByText('Saved.').waitFor();
      assert.ok(calls.includes('DELETE /api/v1/seats/557058%3Aaccount-2'), calls.join('\n'));
      assert.ok(calls.includes('PUT /api/v1/configure {"choices":{"board":"read_only"}}'), calls.join('\n'));
      await view.shot(`app-configure-saved-${look.name}`);
      await view.accessible(frame);
      await view.fits(frame);
      view.quiet();
      await view.close();
    });
  }

  test('many people: a part of them, found by name', async () => {
    const { view, frame } = await openSettings({}, { people: 120 });
    assert.equal(await frame.locator('[data-account]').count(), 50);
    await frame.getByRole('button', { name: 'Show more' }).click();
    assert.equal(await frame.locator('[data-account]').count(), 100);
    await frame.getByLabel('Find a person').fill('KRYSTOF');
    await frame.waitForFunction(() => document.querySelectorAll('[data-account]').length === 1);
    await frame.getByLabel('Find a person').fill('nobody of that name');
    await frame.getByText('Nobody with that name').waitFor();
    await view.close();
  });

  test('more people than one answer holds', async () => {
    const all = holders(70);
    const answer = (request) => {
      const after = new URL(request.url()).searchParams.get('after');
      const from = after ? all.findIndex((h) => h.account_id === after) + 1 : 0;
      const part = all.slice(from, from + 40);
      const next = from + 40 < all.length ? { next: part.at(-1).account_id } : {};
      return { json: { seats: { limit: null, used: 70, holders: part, ...next }, choices: [] } };
    };
    const { view, frame } = await openSettings({}, { answer });
    assert.equal(await frame.locator('[data-account]').count(), 40);
    await frame.getByRole('button', { name: 'Show more' }).click();
    await frame.waitForFunction(() => document.querySelectorAll('[data-account]').length === 70);
    assert.equal(await frame.locator('[data-more]').isVisible(), false);
    assert.equal(await frame.getByText('This app leaves nothing to choose here.').isVisible(), true);
    view.quiet();
    await view.close();
  });

  test('trouble is told in words', async () => {
    for (const [status, text] of [[403, 'Only administrators'], [404, 'no settings to change'], [503, 'out of order']]) {
      const { view, frame } = await openSettings({}, { answer: () => ({ status, json: { code: 'x', title: 'X' } }) });
      await frame.getByText(text).last().waitFor();
      await view.close();
    }
  });

  test('who is no administrator does not get the page', async () => {
    const site = await installed();
    for (const look of LOOKS.slice(0, 2)) {
      const view = await browser.open({ ...bridged, mode: look.mode, size: look.size });
      const frame = await openInJira(view, site, app, '/app/configure');
      await frame.getByRole('heading', { name: 'For administrators only' }).waitFor();
      await view.shot(`app-configure-denied-${look.name}`);
      await view.accessible(frame);
      view.quiet();
      await view.close();
    }
  });
});

// sim.test.mjs - the simulated site's page: how it looks, what its controls do to the app, what its bridge tells and to whom, and
// that a hostile app gets no further than its frame.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { until } from '../e2e/lib/licgate.mjs';
import { Browser, LOOKS } from './lib/browser.mjs';
import { Demo } from './lib/demo.mjs';
import { bridged } from './lib/jira.mjs';

let demo, browser;
before(async () => {
  demo = await Demo.start({ env: { LICGATE_LICENSE_TTL: '1' } });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await demo?.stop();
});

async function openSite(where = '', options = {}, site = 'acme') {
  const view = await browser.open(options);
  await view.page.goto(`${demo.sim}/sites/${site}${where ? `#${where}` : ''}`);
  await view.page.getByRole('heading', { name: 'Rehearsal' }).waitFor();
  return view;
}

/** The app's page in its frame, as it is now: changes of the licence open it anew. */
const appPage = (view, title) => view.page.frameLocator(`iframe[title^="${title}"]`);
const press = (view, name) => view.page.getByRole('button', { name, exact: true }).click();
const told = (view, text) => view.page.locator('#message', { hasText: text }).waitFor();

/** A Connect app of the test's own; pages: path -> HTML. */
async function startApp(descriptor, pages = {}) {
  const server = http.createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://app');
    if (pathname === '/descriptor') res.end(JSON.stringify({ key: 'com.example.other', baseUrl: url, authentication: { type: 'jwt' }, ...descriptor }));
    else if (pages[pathname]) res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(pages[pathname]);
    else res.writeHead(204).end();
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, stop: () => new Promise((resolve) => { server.closeAllConnections?.(); server.close(resolve); }) };
}

async function install(app, name) {
  await demo.control('POST', '', { name, descriptor: `${app.url}/descriptor` });
  await demo.control('POST', `${name}/install`);
}

describe('how it looks', () => {
  for (const look of LOOKS) {
    test(look.name, async () => {
      const view = await openSite('', look);
      await view.page.getByRole('heading', { name: 'Details' }).waitFor();
      await appPage(view, 'App licence').getByText(/Licensed until|Your site has a licence/).waitFor();
      await until('the panel is as high as what it says', () => view.page.locator('.issue-side iframe').evaluate((e) => e.offsetHeight < 200));
      await view.accessible();
      await view.fits();
      await view.shot(`sim-issue-${look.name}`);
      await view.page.goto(`${demo.sim}/sites/acme#module/license`);
      await appPage(view, 'Licence').getByText('Licensed until').waitFor();
      assert.equal(await appPage(view, 'Licence').locator('html').getAttribute('data-color-mode'), look.mode);
      await view.page.locator('#log summary').first().click();
      await view.accessible();
      await view.fits();
      await view.shot(`sim-page-${look.name}`);
      await view.page.goto(`${demo.sim}/`);
      await view.page.getByRole('link', { name: 'acme' }).waitFor();
      await view.accessible();
      await view.fits();
      view.quiet();
      await view.close();
    });
  }

  test('by keyboard: skip link, the Apps menu and back, a module', async () => {
    const view = await openSite();
    const { page } = view;
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await page.getByRole('button', { name: 'Apps' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('navigation', { name: 'Apps' }).getByRole('link', { name: 'Board' }).waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'apps-button');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Board', level: 1 }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'title');
    assert.ok(await page.locator('#apps-list').isHidden());
    view.quiet();
    await view.close();
  });
});

describe('what the controls do', () => {
  test('each licence state changes what the page may do', async () => {
    const view = await openSite('module/export');
    await appPage(view, 'Export').getByRole('heading', { name: 'Export' }).first().waitFor();
    await press(view, 'Expired');
    await until('the app has looked the licence up and closes its page', async () => { // it keeps an answer for a second
      await press(view, 'Reload Export');
      await view.page.locator('.frame-box:not([aria-busy])').waitFor();
      return /licence/.test(await appPage(view, 'Export').locator('h1').textContent());
    });
    await press(view, 'Evaluation');
    await appPage(view, 'Export').getByRole('heading', { name: 'Export' }).first().waitFor();
    await view.page.getByLabel('Seats', { exact: true }).fill('7');
    await view.page.getByLabel('Edition').selectOption('advanced');
    await view.page.getByLabel('Type').selectOption('ACADEMIC');
    await press(view, 'Set details');
    await told(view, 'done');
    const { license } = await demo.control('GET', 'acme');
    assert.deepEqual([license.state, license.users, license.edition, license.type], ['evaluation', 7, 'advanced', 'ACADEMIC']);
    await press(view, 'Active');
    view.quiet();
    await view.close();
  });

  test('a member, an administrator, somebody who is new', async () => {
    const view = await openSite('module/configure');
    await appPage(view, 'Configure').getByRole('heading', { name: 'Configure' }).first().waitFor();
    await view.page.getByLabel('Who looks at the pages').selectOption({ label: 'Mel Member' });
    await view.page.getByText('hidden from members').waitFor();
    assert.equal(await view.page.getByLabel('is an administrator').isChecked(), false);
    await press(view, 'User created');
    await told(view, /User created: the app answered 204/);
    await press(view, 'Repeat the last webhook');
    await told(view, /Repeated: the app answered 204/);
    await view.page.getByLabel('Another account id').fill('<b>someone</b>');
    await press(view, 'Use it');
    await view.page.locator('#avatar[title="<b>someone</b>"]').waitFor();
    assert.equal(await view.page.getByLabel('Who looks at the pages').inputValue(), '<b>someone</b>');
    await view.page.getByLabel('Who looks at the pages').selectOption({ label: 'Ada Admin (administrator)' });
    await view.page.locator('#avatar[title="Ada Admin, administrator"]').waitFor();
    view.quiet();
    await view.close();
  });

  test('lifecycle, with each call in the log and its token decoded', async () => {
    const view = await openSite();
    await press(view, 'Rotate secret');
    await told(view, 'Rotate secret: the app answered 204');
    const entry = view.page.locator('#log > li', { hasText: 'POST /installed' }).last();
    await entry.locator('summary').click();
    await entry.getByText('"RS256"').waitFor();
    assert.match(await entry.textContent(), /accepted/);
    await press(view, 'Uninstall');
    await view.page.getByText('none of its pages are shown').waitFor();
    assert.equal(await view.page.getByRole('link', { name: 'Board' }).count(), 0);
    await press(view, 'Reinstall');
    await view.page.getByRole('navigation', { name: 'Project' }).getByRole('link', { name: 'Board' }).waitFor();
    const lines = view.page.locator('#log > li');
    await until('each call once', async () => await lines.count() === (await demo.control('GET', 'acme/log')).entries.length);
    assert.ok(!(await view.page.locator('.log').innerHTML()).includes('eyJ'), 'no token as it was sent');
    view.quiet();
    await view.close();
  });

  test('the calendar and its script', async () => {
    const view = await openSite();
    await press(view, '+7 days');
    await view.page.getByText('7 days ahead').waitFor();
    await press(view, 'Play 60 days in a minute');
    await view.page.locator('.steps [aria-current="true"]', { hasText: 'evaluation' }).waitFor();
    assert.equal((await demo.control('GET', 'acme')).license.state, 'evaluation');
    await press(view, 'Stop the script');
    await press(view, 'Back to today');
    await view.page.getByText('the real date').waitFor();
    await press(view, 'Active');
    view.quiet();
    await view.close();
  });

  test('a new site, and back to the list', async () => {
    const view = await browser.open();
    await view.page.goto(demo.sim);
    await view.page.getByLabel('Name').fill('second');
    await view.page.getByLabel('Descriptor').fill(`${demo.app}/atlassian-connect.json`);
    await press(view, 'Create site');
    await view.page.waitForURL('**/sites/second');
    await view.page.locator('#site-switch').selectOption('acme');
    await view.page.waitForURL('**/sites/acme');
    view.quiet();
    await view.close();
  });
});

test('a site that is not there: a word, and those that are', async () => {
  const view = await browser.open();
  assert.equal((await view.page.goto(`${demo.sim}/sites/nobody-has-this`)).status(), 404);
  await told(view, 'nobody-has-this: no site has that name');
  await view.page.getByRole('link', { name: 'acme' }).click();
  await view.page.getByRole('heading', { name: 'Rehearsal' }).waitFor();
  view.quiet();
  await view.close();
});

test('what a button did is told where one looks', async () => {
  const view = await openSite('', LOOKS[2]);
  await view.page.getByRole('button', { name: 'User created' }).scrollIntoViewIfNeeded();
  await press(view, 'User created');
  await told(view, /User created: the app answered/);
  const { y, height } = await view.page.locator('#message').boundingBox();
  assert.ok(y >= 0 && y + height < LOOKS[2].size.height / 3, `the message is at ${y}`);
  await view.shot('sim-message');
  view.quiet();
  await view.close();
});

describe('the bridge', () => {
  test('colours follow while a page is open, for those who asked', async () => {
    const view = await openSite('module/board', { mode: 'light' });
    const root = appPage(view, 'Board').locator('html');
    await appPage(view, 'Board').getByRole('heading').first().waitFor();
    const text = () => root.evaluate((e) => [e.dataset.colorMode, e.style.getPropertyValue('--ds-text')]);
    await appPage(view, 'Board').locator('html[data-color-mode="light"]').waitFor({ state: 'attached' });
    const light = await text();
    await press(view, 'Dark colours');
    await appPage(view, 'Board').locator('html[data-color-mode="dark"]').waitFor({ state: 'attached' });
    assert.notEqual((await text())[1], light[1]);
    view.quiet();
    await view.close();
  });

  test('a page with Atlassian\'s own all.js, of an app that is not ours', async () => {
    const app = await startApp({ name: 'Theirs', modules: { webPanels: [{ key: 'side', url: '/panel?issue={issue.key}', location: 'atl.jira.view.issue.right.context', name: { value: 'Their panel' } }] } },
      { '/panel': `<!doctype html><title>p</title><script src="https://connect-cdn.atl-paas.net/all.js"></script><p id="out"></p><script>
        const tell = (text) => { out.textContent += text + '; '; };
        AP.theming.initializeTheming();
        AP.context.getToken((t) => tell('token of ' + JSON.parse(atob(t.split('.')[1])).qsh));
        AP.user.getCurrentUser((u) => tell('user ' + u.atlassianAccountId));
        AP.request('/rest/api/3/issue/DEMO-1').then((r) => tell('issue ' + JSON.parse(r.body).key));
      </script>` });
    await install(app, 'theirs');
    const view = await openSite('', { ...bridged, mode: 'dark' }, 'theirs');
    const out = appPage(view, 'Their panel').locator('#out');
    for (const text of ['token of context-qsh', 'user 5b10a2844c20165700ede21g', 'issue DEMO-1']) await out.getByText(text).waitFor();
    await appPage(view, 'Their panel').locator('html[data-color-mode="dark"]').waitFor({ state: 'attached' });
    view.quiet();
    await view.close();
    await app.stop();
  });

  test('a frame within the app\'s frame, of another origin, is not answered', async () => {
    const listen = '<!doctype html><script>window.got = []; onmessage = (e) => got.push(e.data); top.postMessage({ sim: "ask", id: 1, what: "token" }, "*");</script>';
    const inner = await startApp({}, { '/in': listen });
    const app = await startApp({ modules: { generalPages: [{ key: 'page', url: '/page', name: { value: 'Outer' } }] } },
      { '/page': `${listen}<iframe src="${inner.url}/in"></iframe>` });
    await install(app, 'nested');
    const view = await openSite('module/page', {}, 'nested');
    await appPage(view, 'Outer').locator('iframe').waitFor();
    const frame = (url) => until('the frame has its page', () => view.page.frames().find((f) => f.url().startsWith(url))); // its element is there before
    const [outer, within] = [await frame(app.url), await frame(inner.url)];
    await within.waitForFunction(() => window.got); // it has asked
    await outer.evaluate(() => { window.got = []; top.postMessage({ sim: 'ask', id: 2, what: 'user' }, '*'); });
    await outer.waitForFunction(() => window.got.some((m) => m.id === 2 && m.value));
    assert.deepEqual(await within.evaluate(() => window.got), []);
    await view.close();
    await app.stop();
    await inner.stop();
  });
});

describe('a hostile app', () => {
  test('its words are words, and what leads elsewhere is not opened', async () => {
    const script = '"><img src=x onerror="alert(1)"><script>alert(2)</script>';
    const app = await startApp({ name: script, modules: {
      generalPages: [{ key: 'k"><script>alert(3)</script>', url: '/page', name: { value: script } }, { key: 'away', url: 'https://evil.example/', name: { value: 'Away' } },
        ...Array.from({ length: 300 }, (_, i) => ({ key: `k${i}`, url: '/x', name: { value: `${'W'.repeat(190)}${i}` } }))],
      adminPages: [{ key: 'shape', url: 7 }, { key: 'js', url: 'javascript:alert(4)', name: { value: 'Script' } }], webhooks: [{ event: script, url: '/hook' }] } },
    { '/page': '<!doctype html><title>p</title><p>Here I am</p><script>try { top.location = "https://evil.example/"; } catch {}</script>' });
    await install(app, 'hostile');
    for (const look of LOOKS.slice(1, 3)) {
      const view = await openSite('', { ...look, expected: /Unsafe attempt to initiate navigation|sandboxed/ }, 'hostile');
      const dialogs = [];
      view.page.on('dialog', (dialog) => { dialogs.push(dialog.message()); dialog.dismiss(); });
      if (look.size.width < 700) await press(view, 'Menu');
      await view.page.getByRole('navigation', { name: 'Project' }).getByRole('link').nth(1).click();
      await view.page.frameLocator('iframe').getByText('Here I am').waitFor();
      assert.equal(await view.page.locator('#title').textContent(), script);
      assert.equal(new URL(view.page.url()).origin, new URL(demo.sim).origin);
      await view.fits();
      await view.shot(`sim-hostile-${look.name}`);
      await view.page.goto(`${demo.sim}/sites/hostile#module/away`);
      await view.page.getByText('leads away from the app').waitFor();
      assert.equal(await view.page.locator('#view iframe').count(), 0);
      assert.equal(await view.page.evaluate(() => document.querySelectorAll('main script, main img, nav script, nav img, aside script, aside img').length), 0);
      assert.deepEqual(dialogs, []);
      view.quiet();
      await view.close();
    }
    await app.stop();
  });

  test('an app that says it lives where the site lives is not framed', async () => {
    const app = await startApp({ baseUrl: demo.sim, modules: { generalPages: [{ key: 'page', url: '/sim/assets/site.html', name: { value: 'Me' } }], }, lifecycle: {} });
    await install(app, 'mirror');
    const view = await openSite('module/page', {}, 'mirror');
    await view.page.getByText('it is not framed').waitFor();
    assert.equal(await view.page.locator('#view iframe').count(), 0);
    view.quiet();
    await view.close();
    await app.stop();
  });
});

// express.test.mjs - the simulated site with an app that is not ours: a sample on atlassian-connect-express, which verifies installs,
// pages, webhooks and context tokens with its own code. It is installed, opened, asked, told of users, renamed and removed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { project } from '../e2e/lib/licgate.mjs';
import { Sim } from '../e2e/lib/sim.mjs';
import { Browser } from './lib/browser.mjs';
import { bridged } from './lib/jira.mjs';

let sim, app, browser, url;
const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});
before(async () => {
  sim = await Sim.start();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  app = spawn(process.execPath, [path.join(project, 'tests/browser/lib/express-app.cjs'), String(port), `${sim.url}/sim/keys`, '127.0.0.1'], { stdio: ['ignore', 'pipe', 'pipe'] });
  app.said = '';
  app.stderr.on('data', (d) => { app.said += d; });
  await new Promise((resolve, reject) => {
    app.stdout.once('data', resolve);
    app.once('exit', (code) => reject(new Error(`the app ended with ${code}:\n${app.said}`)));
  });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  app?.kill();
  await sim?.stop();
});

test('an app on atlassian-connect-express takes the site for a real one', async () => {
  const created = await sim.create('theirs', `${url}/atlassian-connect.json`);
  assert.equal(created.status, 201, created.text);
  const done = async (what, body) => {
    const { status, json } = await sim.act('theirs', what, body);
    assert.equal(status, 200, `${what}: ${JSON.stringify(json)} ${app.said}`);
    assert.match(String(json.status), /^20[04]$/, what);
  };
  await done('install');
  const view = await browser.open(bridged);
  await view.page.goto(`${sim.url}/sites/theirs`);
  const panel = view.page.frameLocator('iframe[title^="Their content"]');
  await panel.getByRole('heading', { name: 'Issue DEMO-1' }).waitFor();
  await view.page.getByRole('navigation', { name: 'Project' }).getByRole('link', { name: 'Hello' }).click();
  const page = view.page.frameLocator('iframe[title^="Hello"]');
  await page.getByRole('heading', { name: 'of DEMO, licence active' }).waitFor();
  await page.getByText('200 true').waitFor(); // its own call to the site, after its page's context token
  await sim.api('PUT', '/theirs/license', { state: 'none' });
  await view.page.getByRole('button', { name: 'Reload Hello' }).click();
  await page.getByRole('heading', { name: 'licence none' }).waitFor();
  await page.getByText('200 undefined').waitFor();
  await view.shot('sim-express-app');
  view.quiet();
  await view.close();

  const hook = await sim.api('POST', '/theirs/webhook', { event: 'user_created', account_id: 'new-one', name: 'New' });
  assert.equal(hook.json.status, 204, hook.text);
  for (const what of ['rotate', 'reinstall', 'import', 'uninstall', 'install']) {
    await done(what);
    const opened = await fetch(await sim.page('theirs', 'hello'));
    assert.equal(opened.status, what === 'uninstall' ? 401 : 200, `the page after ${what}: ${await opened.text()}`);
  }
  await done('rename', { to: 'theirs-too' });
  assert.equal((await fetch(await sim.page('theirs-too', 'hello'))).status, 200);
  const refused = (await sim.log('theirs-too')).filter((e) => ['refused', 'token_refused', 'no_answer'].includes(e.verdict));
  assert.deepEqual(refused, []);
});

// durability.test.mjs - an acknowledged install survives kill -9, a full disk and a locked database; nothing is torn.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Licgate, until } from './lib/licgate.mjs';
import { Atlassian } from './lib/atlassian.mjs';

let world;
before(async () => { world = await Atlassian.start(); });
after(() => world.stop());

const sql = (dir, text) => execFileSync('sqlite3', [path.join(dir, 'licgate.db'), text]).toString().trim();

test('kill -9 under a stream of installs, again and again: every 204 is kept', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-kill-'));
  const acknowledged = [];
  for (let round = 0; round < 5; round++) {
    const app = await Licgate.start({ env: world.env, dir });
    let going = true;
    const installer = async () => {
      while (going) {
        const site = world.site();
        try {
          if ((await site.install(app)).status === 204) acknowledged.push(site);
        } catch { return; }
      }
    };
    const before = acknowledged.length;
    const clients = Array.from({ length: 8 }, installer);
    await until('installs are acknowledged', () => acknowledged.length >= before + 40);
    await app.kill();
    going = false;
    await Promise.all(clients);
  }
  assert.equal(sql(dir, 'PRAGMA integrity_check'), 'ok');
  const app = await Licgate.start({ env: world.env, dir });
  for (const site of acknowledged) {
    assert.equal((await site.open(app, '/app/license.json?lic=active')).status, 200, site.clientKey);
  }
  await app.stop();
  rmSync(dir, { recursive: true });
});

test('a database locked by somebody else: 503 with Retry-After within the bound, then well again', async () => {
  const app = await Licgate.start({ env: { ...world.env, LICGATE_REQUEST_TIMEOUT: '15' } });
  const locker = spawn('sqlite3', [path.join(app.dir, 'licgate.db')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = new Promise((resolve) => locker.stdout.once('data', resolve));
  locker.stdin.write("BEGIN EXCLUSIVE;\nSELECT 'locked';\n");
  await said;
  const site = world.site();
  const answer = await site.install(app);
  assert.equal(answer.status, 503, answer.text);
  assert.ok(Number(answer.headers['retry-after']) > 0);
  locker.stdin.end('COMMIT;\n');
  await new Promise((resolve) => locker.once('exit', resolve));
  await until('installs work again', async () => (await site.install(app)).status === 204);
  await app.stop();
});

test('secrets are sealed at rest and the file is its owner’s alone', async () => {
  const app = await Licgate.start({ env: world.env });
  const site = world.site(undefined, { valid: true, contactEmail: 'planted@contact.example' });
  await site.install(app);
  await until('looked up', async () => (await site.apiLicense(app)).json.source === 'lookup');
  await app.stop({ keep: true });
  const dump = sql(app.dir, '.dump');
  assert.ok(dump.includes(site.clientKey));
  assert.ok(!dump.includes(site.secret) && !dump.includes(Buffer.from(site.secret).toString('hex')), 'the secret in the clear');
  assert.ok(!dump.includes('planted@contact.example'), 'the contact in the clear');
  assert.equal(statSync(path.join(app.dir, 'licgate.db')).mode & 0o077, 0);
  rmSync(app.dir, { recursive: true });
});

test('a sealed secret moved to another tenant’s row does not open', async () => {
  const app = await Licgate.start({ env: world.env });
  const [one, two] = [world.site(), world.site()];
  await one.install(app);
  await two.install(app);
  await app.stop({ keep: true });
  sql(app.dir, `UPDATE tenants SET shared_secret=(SELECT shared_secret FROM tenants WHERE client_key='${one.clientKey}')
    WHERE client_key='${two.clientKey}'`);
  const again = await Licgate.start({ env: world.env, dir: app.dir });
  assert.equal((await one.open(again, '/app/license.json?lic=active')).status, 200);
  two.secret = one.secret;
  assert.equal((await two.open(again, '/app/license.json?lic=active')).status, 401);
  await again.stop();
  rmSync(app.dir, { recursive: true });
});

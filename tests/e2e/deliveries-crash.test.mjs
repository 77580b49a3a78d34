// deliveries-crash.test.mjs - outgoing events across crashes, restarts, several servers on one database, changed settings and keys.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Atlassian, active } from './lib/atlassian.mjs';
import { Licgate, SECRET_KEYS, run, until } from './lib/licgate.mjs';
import { Receiver, newSecret } from './lib/receiver.mjs';

let world;
before(async () => { world = await Atlassian.start(); });
after(() => world.stop());

async function inFolder(fn) {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-deliveries-'));
  const receiver = await Receiver.start();
  receiver.secret = newSecret();
  const env = { ...world.env, LICGATE_EVENTS_URL: receiver.url, LICGATE_EVENTS_SECRET: receiver.secret };
  try { await fn({ dir, receiver, env }); } finally {
    await receiver.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
let sites = 0;
async function install(app) {
  const site = world.site(`c-${++sites}`, active());
  assert.equal((await site.install(app)).status, 204);
  return site;
}
const list = async (app, query = '') => (await app.admin(`deliveries?limit=500&${query}`)).json.deliveries;

// Side by side: each waits for leases to end.
describe('killed', { concurrency: true }, () => {
  test('while it delivers: each event arrives, under the same id, the rest within thirty seconds of the restart', async () => inFolder(async ({ dir, receiver, env }) => {
    let app = await Licgate.start({ dir, env });
    const held = [];
    receiver.answer = (got, res) => held.push(res);
    for (let i = 0; i < 10; i++) await install(app);
    await until('ten are under way', () => held.length === 10);
    for (const res of held.splice(0, 5)) res.writeHead(204).end();
    await app.kill();
    for (const res of held.splice(0)) res.destroy();
    const before = receiver.got.map((g) => g.id);

    receiver.got.length = 0;
    receiver.answer = null;
    const restarted = Date.now();
    app = await Licgate.start({ dir, env });
    const last = await install(app);
    await until('a new event does not wait for them', () => receiver.got.some((g) => g.body.includes(last.clientKey)));
    await until('nothing waits', async () => (await list(app, 'status=pending')).length === 0, 32000);
    assert.ok(Date.now() - restarted < 30000 + 2000);
    assert.ok(receiver.got.every((g) => g.verified[0] === true));
    const again = receiver.got.map((g) => g.id).filter((id) => before.includes(id));
    assert.ok(again.length >= 5 && again.length <= 10, `${again.length}`);
    assert.equal((await list(app, 'status=delivered')).filter((d) => before.includes(d.event)).length, 10);
    await app.stop();
  }));

  test('at random moments under a stream of events: none is lost', async () => inFolder(async ({ dir, receiver, env }) => {
    const acknowledged = [];
    receiver.answer = (got, res) => { setTimeout(() => res.writeHead(204).end(), Math.random() * 5); return true; };
    let app;
    for (let round = 0; round < 3; round++) {
      app = await Licgate.start({ dir, env });
      const end = until('killed', async () => {
        const site = world.site(`c-${++sites}`, active());
        const answer = await site.install(app).catch(() => null);
        if (answer?.status === 204) acknowledged.push(site.clientKey);
        return answer === null;
      }, 30000);
      const already = acknowledged.length;
      await until('some were taken', () => acknowledged.length >= already + 20 + Math.random() * 30);
      await app.kill();
      await end;
    }
    app = await Licgate.start({ dir, env });
    await until('nothing waits', async () => (await list(app, 'status=pending')).length === 0, 35000);
    for (const key of acknowledged) {
      const ids = new Set(receiver.got.filter((g) => g.body.includes(`"${key}"`) && g.body.includes('"tenant.installed"')).map((g) => g.id));
      assert.equal(ids.size, 1, key);
    }
    assert.ok(receiver.got.every((g) => g.verified[0] === true));
    await app.stop();
  }));
});

test('a graceful stop waits for answers on their way: nothing comes twice', async () => inFolder(async ({ dir, receiver, env }) => {
  let app = await Licgate.start({ dir, env });
  let open;
  receiver.answer = (got, res) => { open = res; return true; };
  await install(app);
  await until('under way', () => open);
  const stopped = app.stop();
  await until('requests are over', () => app.log.filter((l) => l.event === 'http.stopped').length === 2);
  open.writeHead(204).end();
  await stopped;
  receiver.answer = null;
  app = await Licgate.start({ dir, env });
  await until('it was noted', async () => (await list(app, 'status=delivered')).length === 1);
  assert.equal(receiver.got.length, 1);
  await app.stop();
}));

test('a graceful stop gives back what was under way: the next server sends it at once', async () => inFolder(async ({ dir, receiver, env }) => {
  let app = await Licgate.start({ dir, env });
  receiver.answer = () => true; // never
  await install(app);
  await until('under way', () => receiver.got.length === 1);
  await app.stop();
  receiver.answer = null;
  app = await Licgate.start({ dir, env });
  await until('again', () => receiver.got.length === 2, 5000);
  assert.equal(receiver.got[1].id, receiver.got[0].id);
  await until('noted, as the first attempt', async () => (await list(app, 'status=delivered')).some((d) => d.event === receiver.got[0].id && d.attempts === 1));
  await app.stop();
}));

test('two servers on one database share the work and send nothing twice', async () => inFolder(async ({ dir, receiver, env }) => {
  const apps = [await Licgate.start({ dir, env }), await Licgate.start({ dir, env })];
  receiver.answer = (got, res) => { setTimeout(() => res.writeHead(204).end(), 5); return true; };
  await Promise.all(Array.from({ length: 60 }, () => install(apps[0])));
  await until('nothing waits', async () => (await list(apps[0], 'status=pending')).length === 0, 20000);
  const ids = receiver.got.map((g) => g.id);
  assert.ok(ids.length >= 60);
  assert.equal(new Set(ids).size, ids.length);
  await Promise.all(apps.map((app) => app.stop()));
}));

test('the settings change: the endpoint stays, the old secret signs along, without them it is disabled', async () => inFolder(async ({ dir, receiver, env }) => {
  let app = await Licgate.start({ dir, env });
  await app.stop({ keep: true });
  const old = receiver.secret, fresh = newSecret();
  receiver.secret = [old, fresh];
  app = await Licgate.start({ dir, env: { ...env, LICGATE_EVENTS_SECRET: fresh } });
  await install(app);
  await until('it arrives', () => receiver.got.length >= 1);
  assert.deepEqual(receiver.got[0].verified, [true, true]);
  assert.deepEqual((await app.admin('endpoints')).json.endpoints.map((e) => [e.id, e.source, e.disabled]), [['ep_settings', 'settings', false]]);
  await app.stop({ keep: true });
  app = await Licgate.start({ dir, env: world.env });
  const { json } = await app.admin('endpoints');
  assert.deepEqual(json.endpoints.map((e) => [e.id, e.disabled, e.disabled_reason]), [['ep_settings', true, 'not_in_settings']]);
  assert.equal((await app.admin('endpoints/ep_settings/enable', { method: 'POST' })).status, 409);
  assert.equal((await app.admin('endpoints/ep_settings', { method: 'DELETE' })).status, 204);
  await app.stop();
}));

test('settings that do not hold together stop the start', async () => inFolder(async ({ dir, env }) => {
  const rows = [
    [{ LICGATE_EVENTS_SECRET: undefined }, /LICGATE_EVENTS_SECRET: is not set/],
    [{ LICGATE_EVENTS_URL: undefined }, /LICGATE_EVENTS_URL: is not set/],
    [{ LICGATE_EVENTS_SECRET: 'whsec_c2hvcnQ=' }, /LICGATE_EVENTS_SECRET: is not whsec_/],
    [{ LICGATE_EVENTS_SECRET: 'secret' }, /LICGATE_EVENTS_SECRET: is not whsec_/],
  ];
  for (const [more, said] of rows) {
    const { code, stderr } = await run(['check'], { dir, env: { ...env, ...more } });
    assert.equal(code, 1);
    assert.match(stderr, said);
  }
}));

test('a private address is refused when it is told, and when a name turns out to be one', async () => inFolder(async ({ dir, receiver, env }) => {
  const { LICGATE_EVENTS_URL: url, LICGATE_EVENTS_SECRET: secret } = env;
  let app = await Licgate.start({ dir }); // where they are allowed
  const named = await app.admin('endpoints', { method: 'POST', body: { url: `https://localhost:${receiver.port}/hook`, types: ['webhook.test'] } });
  const plain = await app.admin('endpoints', { method: 'POST', body: { url: receiver.url, types: ['webhook.test'] } });
  await app.stop({ keep: true });

  app = await Licgate.start({ dir, env: { LICGATE_ALLOW_INSECURE_HOSTS: '0' } });
  for (const bad of [url, `https://127.0.0.1:${receiver.port}/hook`, 'https://localhost/hook', 'https://10.0.0.1/', 'https://[::1]/', 'https://169.254.169.254/', 'https://127.1/',
    'https://[::ffff:10.0.0.1]/', 'https://2130706433/', 'http://hooks.example.com/']) {
    const { status, json } = await app.admin('endpoints', { method: 'POST', body: { url: bad } });
    assert.equal(status, 400, bad);
    assert.match(json.detail, /LICGATE_ALLOW_INSECURE_HOSTS/, bad);
  }
  for (const { json } of [named, plain]) {
    assert.equal((await app.admin(`endpoints/${json.id}/test`, { method: 'POST' })).status, 202);
    const row = await until('refused', async () => (await list(app, `endpoint=${json.id}`)).find((d) => d.attempts === 1));
    assert.deepEqual([row.status, row.last_status, row.last_error], ['pending', null, 'address_not_allowed']);
  }
  assert.equal(receiver.got.length, 0);
  await app.stop({ keep: true });

  const { code, stderr } = await run(['serve'], { dir, env: { LICGATE_ALLOW_INSECURE_HOSTS: '0', LICGATE_EVENTS_URL: 'https://127.0.0.1/hook', LICGATE_EVENTS_SECRET: secret } });
  assert.equal(code, 1);
  assert.match(stderr, /LICGATE_EVENTS_URL/);
}));

test('a public name that resolves to a private address: registered, and never connected to', async (t) => inFolder(async ({ dir, receiver }) => {
  const addresses = ['127.0.0.1', '127.8.9.10', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '::1', '::ffff:127.0.0.1', 'fd00::1', 'fe80::1'];
  const names = addresses.map((_, i) => `hooks-${i}.customer.example`), file = path.join(dir, 'hosts');
  writeFileSync(file, addresses.map((address, i) => `${address} ${names[i]}\n`).join(''));
  let connections = 0;
  receiver.server.on('connection', () => { connections++; });
  // the names of a mount namespace of its own
  const via = ['unshare', '--mount', '--map-root-user', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', file];
  const register = async (app, url) => {
    const { status, json } = await app.admin('endpoints', { method: 'POST', body: { url, types: ['webhook.test'] } });
    assert.equal(status, 201, url);
    assert.equal((await app.admin(`endpoints/${json.id}/test`, { method: 'POST' })).status, 202);
    return json.id;
  };
  let app = await Licgate.start({ dir, via, env: { LICGATE_ALLOW_INSECURE_HOSTS: '0' } });
  t.after(() => app.child.kill('SIGKILL')); // where the test failed
  const ids = await Promise.all(names.map((name) => register(app, `https://${name}:${receiver.port}/hook`)));
  for (const [i, id] of ids.entries()) {
    const row = await until('refused', async () => (await list(app, `endpoint=${id}`)).find((d) => d.attempts === 1));
    assert.deepEqual([row.status, row.last_status, row.last_error], ['pending', null, 'address_not_allowed'], addresses[i]);
  }
  assert.equal(connections, 0);
  await app.stop({ keep: true });
  // where they are allowed, the first of these names leads to the receiver
  app = await Licgate.start({ dir, via });
  await register(app, `http://${names[0]}:${receiver.port}/hook`);
  await until('it arrives', () => receiver.got.length === 1);
  await app.stop({ keep: true });
}));

test('rekey seals endpoint secrets anew, and they sign on with the new key alone', async () => inFolder(async ({ dir, receiver }) => {
  let app = await Licgate.start({ dir });
  const { json: made } = await app.admin('endpoints', { method: 'POST', body: { url: receiver.url } });
  const { json: fresh } = await app.admin(`endpoints/${made.id}/rotate`, { method: 'POST' });
  await app.stop({ keep: true });
  const key = `k2:${Buffer.alloc(32, 9).toString('base64')}`;
  const { code, stdout } = await run(['rekey'], { dir, env: { LICGATE_SECRET_KEYS: `${key},${SECRET_KEYS}` } });
  assert.equal(code, 0);
  assert.match(stdout, /k2: 2/);
  receiver.secret = [made.secret, fresh.secret];
  app = await Licgate.start({ dir, env: { LICGATE_SECRET_KEYS: key } });
  await app.admin(`endpoints/${made.id}/test`, { method: 'POST' });
  await until('it arrives', () => receiver.got.length === 1);
  assert.deepEqual(receiver.got[0].verified, [true, true]);
  await app.stop();
}));

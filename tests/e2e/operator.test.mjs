// operator.test.mjs - what an operator can see and do: admin API, CSV, the command line, health, metrics.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, ADMIN_TOKEN, SECRET_KEYS, project, request, run, until } from './lib/licgate.mjs';
import { Atlassian, active, evaluation, notLicensed } from './lib/atlassian.mjs';

let world, app;
const sites = [];
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: world.env });
  for (let i = 0; i < 12; i++) {
    const site = world.site(`team-${i}`, [active({ contactEmail: 'planted@contact.example' }), evaluation(), notLicensed()][i % 3]);
    site.clientKey = `key-${String(i).padStart(2, '0')}`;
    await site.install(app);
    sites.push(site);
  }
  await until('all looked up', async () => {
    const { json } = await app.admin('tenants?limit=500');
    return json.tenants.every((t) => t.license.source === 'lookup');
  });
});
after(async () => {
  await app.stop();
  await world.stop();
});

test('without the token nothing; without a configured token no admin API at all', async () => {
  for (const token of ['', 'wrong', ADMIN_TOKEN.slice(0, -1), `${ADMIN_TOKEN}x`]) {
    assert.equal((await app.admin('tenants', { token })).status, 401);
  }
  const off = await Licgate.start({ env: { LICGATE_ADMIN_TOKEN: undefined } });
  assert.ok([401, 403, 404].includes((await off.admin('tenants', { token: '' })).status));
  assert.ok([401, 403, 404].includes((await off.admin('tenants', { token: 'undefined' })).status));
  await off.stop();
  assert.equal((await request(app.url, { target: '/admin/api/v1/tenants' })).status, 404, 'not on the public listener');
  assert.equal((await request(app.url, { target: '/metrics' })).status, 404);
});

test('list, page through, search, filter', async () => {
  const seen = [];
  let cursor = '';
  do {
    const { json } = await app.admin(`tenants?limit=5&cursor=${encodeURIComponent(cursor)}`);
    assert.ok(json.tenants.length <= 5);
    seen.push(...json.tenants.map((t) => t.client_key));
    cursor = json.next ?? '';
  } while (cursor);
  assert.deepEqual(seen, sites.map((s) => s.clientKey));
  assert.deepEqual((await app.admin('tenants?query=TEAM-11')).json.tenants.map((t) => t.client_key), ['key-11']);
  const states = async (state) => (await app.admin(`tenants?state=${state}`)).json.tenants.length;
  assert.equal(await states('active'), 4);
  assert.equal(await states('evaluation'), 4);
  assert.equal(await states('none'), 4);
  for (const bad of ['limit=0', 'limit=501', 'limit=x', 'state=golden', 'cursor=%ff']) assert.equal((await app.admin(`tenants?${bad}`)).status, 400, bad);
  const all = (await app.admin('tenants')).json;
  assert.equal(all.next, undefined, 'next is absent at the end');
  for (const name of ['client_key', 'base_url', 'product_type', 'status', 'installed_at', 'updated_at', 'last_seen_at', 'license']) {
    assert.ok(name in all.tenants[0], name);
  }
});

test('CSV holds every row', async () => {
  const { text, headers } = await app.admin('tenants?limit=2', { headers: { accept: 'text/csv' } });
  assert.match(headers['content-type'], /^text\/csv/);
  const lines = text.trim().split(/\r?\n/);
  assert.equal(lines.length, 13);
  assert.match(lines[0], /client_key/);
});

test('events in order, and a reader can wait at next', async () => {
  const { json } = await app.admin('events?after=0&limit=3');
  assert.equal(json.events.length, 3);
  assert.ok(json.events.every((e, i, all) => i === 0 || e.seq > all[i - 1].seq));
  for (const e of json.events) {
    assert.match(e.data.id, /^evt_/);
    assert.match(e.timestamp, /Z$/);
  }
  const end = await app.admin('events?after=999999');
  assert.deepEqual(end.json, { events: [], next: 999999 });
  const typed = (await app.admin('events?after=0&type=tenant.installed&limit=500')).json.events;
  assert.equal(typed.length, 12);
});

test('no answer holds a secret or a contact', async () => {
  const bodies = [];
  for (const what of ['tenants?limit=500', 'tenants/key-00', 'tenants/key-00/events', 'events?after=0&limit=500', 'auth-failures', 'feedback']) {
    bodies.push((await app.admin(what)).text);
  }
  bodies.push((await request(app.adminUrl, { target: '/metrics' })).text, app.stderr);
  for (const text of bodies) {
    for (const site of sites) assert.ok(!text.includes(site.secret));
    assert.ok(!text.includes('planted@contact.example'));
    assert.ok(!text.includes(ADMIN_TOKEN));
  }
});

test('refresh asks the host now', async () => {
  const [site] = sites;
  const before = site.lookups;
  const { status, json } = await app.admin(`tenants/${site.clientKey}/refresh`, { method: 'POST' });
  assert.equal(status, 200, JSON.stringify(json));
  assert.equal(site.lookups, before + 1);
  assert.equal((await app.admin('tenants/nobody/refresh', { method: 'POST' })).status, 404);
});

test('health, readiness, metrics', async () => {
  assert.equal((await app.request({ target: '/healthz' })).status, 200);
  assert.equal((await app.request({ target: '/readyz' })).status, 200);
  assert.equal(await app.metric('licgate_tenants', { status: 'installed' }), 12);
  assert.ok(await app.metric('licgate_http_requests_total', { route: '/installed', status: '204' }) >= 12);
  const { text } = await request(app.adminUrl, { target: '/metrics' });
  const names = new Set();
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type) { assert.ok(!names.has(type[1]), `${type[1]} twice`); names.add(type[1]); continue; }
    assert.match(line, /^(# HELP \S+ .+|[a-zA-Z_:][\w:]*(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? (\d|\+Inf|-)\S*)$/, line);
  }
});

describe('the command line', () => {
  const cli = (...args) => run(args, { dir: app.dir, env: { ...world.env, LICGATE_ADMIN_LISTEN: new URL(app.adminUrl).host } });

  test('tenants list, show, export beside the running server', async () => {
    const list = await cli('tenants', 'list', '--json');
    assert.equal(list.code, 0, list.stderr);
    assert.equal(JSON.parse(list.stdout).tenants.length, 12);
    const plain = await cli('tenants');
    assert.equal(plain.code, 0);
    assert.ok(plain.stdout.includes('key-07'));
    const show = await cli('tenants', 'show', 'key-03', '--json');
    assert.equal(JSON.parse(show.stdout).tenant.client_key, 'key-03');
    const csv = await cli('tenants', 'export');
    assert.equal(csv.stdout.trim().split(/\r?\n/).length, 13);
    const missing = await cli('tenants', 'show', 'nobody');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /nobody/);
  });

  test('exit codes and help', async () => {
    assert.equal((await cli('--version')).code, 0);
    assert.equal((await cli('--help')).code, 0);
    for (const command of ['serve', 'demo', 'sim', 'check', 'tenants', 'rekey', 'backup', 'forget', 'mail', 'health']) {
      const { code, stdout } = await cli(command, '--help');
      assert.equal(code, 0, command);
      assert.match(stdout, /usage/i, command);
    }
    assert.equal((await cli('nonesuch')).code, 2);
    assert.equal((await cli('tenants', 'nonesuch')).code, 2);
    assert.equal((await cli('backup')).code, 2);
    assert.equal((await cli('health')).code, 0);
  });

  test('backup is a database of its own and never overwrites', async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'licgate-backup-')), 'copy.db');
    assert.equal((await cli('backup', file)).code, 0);
    assert.ok(existsSync(file));
    assert.equal((await cli('backup', file)).code, 1);
    const list = await run(['tenants', 'list', '--json'], { env: { LICGATE_DATABASE: `sqlite:${file}` } });
    assert.equal(JSON.parse(list.stdout).tenants.length, 12);
  });

  test('rekey beside a running server, then the old key may go', async () => {
    const newer = `k2:${Buffer.alloc(32, 9).toString('base64')}`;
    const both = await run(['rekey'], { dir: app.dir, env: { LICGATE_SECRET_KEYS: `${newer},${SECRET_KEYS}` } });
    assert.equal(both.code, 0, both.stderr);
    const again = await Licgate.start({ dir: app.dir, env: { ...world.env, LICGATE_SECRET_KEYS: newer } });
    assert.equal((await sites[0].open(again, '/app/license.json?lic=active')).status, 200);
    await again.stop();
  });
});

describe('check tells every problem with its place', () => {
  const check = (env) => run(['check'], { env });

  test('a good configuration', async () => {
    const { code, stdout } = await check({});
    assert.equal(code, 0);
    assert.ok(stdout.includes('LICGATE_BASE_URL=https://app.example.test'));
    assert.ok(!stdout.includes(ADMIN_TOKEN), 'secrets are masked');
  });

  test('a short admin token is a note, no failure', async () => {
    const { code, stdout, stderr } = await check({ LICGATE_ADMIN_TOKEN: 'short' });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /note: LICGATE_ADMIN_TOKEN/);
    assert.ok(!`${stdout}${stderr}`.includes('=short'));
    assert.equal((await check({})).stderr, '');
  });

  test('settings', async () => {
    for (const [name, value] of [['LICGATE_BASE_URL', undefined], ['LICGATE_BASE_URL', 'ftp://x'], ['LICGATE_LISTEN', 'nowhere'],
      ['LICGATE_SECRET_KEYS', 'k1:short'], ['LICGATE_TRUSTED_PROXIES', '300.1.1.1/8'], ['LICGATE_LICENSE_TTL', 'five'], ['LICGATE_LOG', 'loud'],
      ['LICGATE_NONESUCH', '1'], ['LICGATE_TLS_CERT', '/nonexistent.pem']]) {
      const { code, stderr } = await check({ [name]: value });
      assert.equal(code, 1, name);
      assert.ok(stderr.includes(name), stderr);
    }
    const tls = await check({ LICGATE_TLS_CERT: '/nonexistent.pem', LICGATE_TLS_KEY: path.join(project, 'README.md') });
    assert.equal(tls.code, 1);
    assert.match(tls.stderr, /^licgate: LICGATE_TLS_CERT: .*\nlicgate: LICGATE_TLS_KEY: .*\n$/);
    const { stderr } = await check({ LICGATE_LISTEN: 'nowhere', LICGATE_LOG: 'loud' });
    assert.equal(stderr.trim().split('\n').length, 2, stderr);
  });

  test('the README has the table that the code prints', async () => {
    const { stdout } = await run(['check', '--settings']);
    assert.ok(readFileSync(path.join(project, 'README.md'), 'utf8').includes(stdout), 'copy the output of licgate check --settings into the README');
  });

  test('features file and descriptor', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'licgate-check-'));
    const file = (name, text) => { const f = path.join(dir, name); writeFileSync(f, text); return f; };
    for (const [n, text] of ['{', '{"features":{"a":{"active":"yes"}},"pages":{}}', '{"features":{"a":{"golden":"allow"}},"pages":{}}',
      '{"features":{},"pages":{"/app/board":"nonesuch"}}', '{"features":{},"pages":{},"more":1}'].entries()) {
      const features = file(`f${n}.json`, text);
      const { code, stderr } = await check({ LICGATE_FEATURES: features });
      assert.equal(code, 1, text);
      assert.ok(stderr.includes(features), stderr);
    }
    const good = { key: 'com.example.x', name: 'X', baseUrl: '{{baseUrl}}', authentication: { type: 'jwt' }, enableLicensing: true,
      apiMigrations: { 'signed-install': true, 'context-qsh': true }, lifecycle: { installed: '/installed', uninstalled: '/uninstalled' },
      modules: { generalPages: [{ key: 'b', name: { value: 'B' }, url: '/app/board' }] } };
    assert.equal((await check({ LICGATE_DESCRIPTOR: file('good.json', JSON.stringify(good)) })).code, 0);
    for (const bad of [{ key: undefined }, { key: 'a b' }, { key: 'x'.repeat(65) }, { baseUrl: undefined }, { authentication: { type: 'none' } },
      { name: 'n'.repeat(81) }, { lifecycle: { installed: '/nowhere' } }, { lifecycle: { installed: 'https://evil.example/installed' } },
      { modules: { generalPages: [{ key: 'b', name: { value: 'B' }, url: '/app/nonesuch' }] } },
      { modules: { generalPages: [{ key: 'b', name: { value: 'B' }, url: '/app/board?lic={lic}' }] } }]) {
      const descriptor = file('bad.json', JSON.stringify({ ...good, ...bad }));
      const { code, stderr } = await check({ LICGATE_DESCRIPTOR: descriptor });
      assert.equal(code, 1, JSON.stringify(bad));
      assert.ok(stderr.includes(descriptor), stderr);
    }
  });
});

test('a request whose job takes longer than it may wait leaves nothing behind', async () => {
  const one = await Licgate.start({ env: { ...world.env, LICGATE_REQUEST_TIMEOUT: '1', LICGATE_UPSTREAM_TIMEOUT: '3' } });
  const site = world.site('silent', active());
  await site.install(one);
  await until('looked up', async () => (await one.admin(`tenants/${site.clientKey}`)).json.license.source === 'lookup');
  site.license = () => {}; // never answers
  const { status } = await one.admin(`tenants/${site.clientKey}/refresh`, { method: 'POST' });
  assert.equal(status, 503);
  await one.stop(); // fails where the leak check finds something
});

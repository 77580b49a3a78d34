// demo.test.mjs - the demo as a newcomer meets it: one command, a site with the app in it, licence states to play with.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { binary, project, request, until } from './lib/licgate.mjs';

/** Ports that were free a moment ago: the demo's base URL must be known before it listens. */
async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((s) => s.address().port);
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}

let child, exited, stdout = '', stderr = '', app, admin, sim, token;
const temporary = mkdtempSync(path.join(tmpdir(), 'licgate-demo-test-'));

before(async () => {
  const [a, b, c] = await freePorts(3);
  [app, admin, sim] = [a, b, c].map((port) => `http://127.0.0.1:${port}`);
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LICGATE_')));
  child = spawn(binary, ['demo'], { cwd: project, stdio: ['ignore', 'pipe', 'pipe'], env: { ...clean, TMPDIR: temporary,
    LICGATE_LISTEN: `127.0.0.1:${a}`, LICGATE_ADMIN_LISTEN: `127.0.0.1:${b}`, LICGATE_SIM_LISTEN: `127.0.0.1:${c}`, LICGATE_LICENSE_TTL: '1' } });
  child.stdout.on('data', (d) => { stdout += d; });
  child.stderr.on('data', (d) => { stderr += d; });
  exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  await Promise.race([until('the demo tells what to open', () => stdout.includes('Try:'), 30000),
    exited.then((code) => { throw new Error(`the demo ended with ${code}:\n${stderr}`); })]);
  token = /Admin token\s+(\S+)/.exec(stdout)[1];
});
after(() => {
  child.kill('SIGKILL');
  rmSync(temporary, { recursive: true, force: true });
});

const call = (base, method, target, body, headers = {}) => request(base, { method, target, headers,
  body: body === undefined ? undefined : JSON.stringify(body) });
const site = (method, what, body, name = 'acme') => call(sim, method, `/sim/api/sites/${name}${what}`, body);
const operator = (method, what, body) => call(admin, method, `/admin/api/v1/${what}`, body, { authorization: `Bearer ${token}` });
const open = async (module, name) => {
  const { json } = await site('GET', `/page?module=${module}`, undefined, name);
  return request(app, { target: json.url.slice(app.length) });
};
const license = async (name) => {
  const { json } = await site('GET', '/token', undefined, name);
  return (await request(app, { target: '/api/v1/license', headers: { authorization: `JWT ${json.token}` } })).json;
};
const key = async (name = 'acme') => (await site('GET', '', undefined, name)).json.client_key;
const eventTypes = async (tenant) => (await operator('GET', `events?after=0&limit=500&tenant=${tenant}`)).json.events.map((e) => e.type);

test('it prints what to open, with the app installed in acme', async () => {
  for (const address of [`${sim}/sites/acme`, `${app}/atlassian-connect.json`, `${admin}/admin/api/v1/tenants`]) assert.ok(stdout.includes(address), address);
  const { json } = await call(sim, 'GET', '/sim/api/sites');
  const [acme] = json.sites;
  assert.equal(acme.name, 'acme');
  assert.equal(acme.base_url, `${sim}/sites/acme`);
  assert.equal(acme.status, 'enabled');
  const { json: list } = await operator('GET', 'tenants');
  assert.deepEqual(list.tenants.map((t) => [t.client_key, t.status]), [[acme.client_key, 'enabled']]);
});

test('every page of the descriptor opens, and loads a script this server has', async () => {
  const { json } = await site('GET', '');
  assert.ok(json.app.modules.length >= 2);
  for (const { key: module } of json.app.modules) {
    const page = await open(module);
    assert.equal(page.status, 200, module);
    assert.ok(!page.text.includes('connect-cdn'), 'Atlassian\'s script works in a real site alone');
    const script = /src="([^"]*all\.js[^"]*)"/.exec(page.text)[1];
    assert.equal((await request(app, { target: script })).status, 200);
  }
});

describe('licence states', () => {
  for (const [state, expected] of [['active', 'active'], ['evaluation', 'evaluation'], ['cancelled', 'cancelled_pending'], ['expired', 'expired'], ['active', 'active']]) {
    test(`${state} is ${expected} to the app`, async () => {
      assert.equal((await site('PUT', '/license', { state })).status, 200);
      await until(`${state} arrives`, async () => {
        const { status } = await operator('POST', `tenants/${await key()}/refresh`);
        assert.equal(status, 200);
        return (await license()).state === expected;
      });
    });
  }

  test('a broken site is a failure the operator sees', async () => {
    for (const kind of ['error', 'gone', 'garbage']) {
      await site('PUT', '/fault', { kind });
      const { status, json } = await operator('POST', `tenants/${await key()}/refresh`);
      assert.equal(status, 502, kind);
      assert.ok(json.code, kind);
    }
    await site('PUT', '/fault', { kind: 'none' });
    assert.equal((await operator('POST', `tenants/${await key()}/refresh`)).status, 200);
  });
});

test('who is no administrator does not configure', async () => {
  await site('PUT', '/user', { account_id: 'somebody-else', admin: false });
  assert.equal((await open('configure')).status, 403);
  await site('PUT', '/user', { account_id: 'an-admin', admin: true });
  assert.equal((await open('configure')).status, 200);
});

test('what happens to a site is told apart', async () => {
  const first = await key();
  for (const action of ['rotate', 'install', 'disable', 'enable', 'reinstall']) {
    assert.deepEqual((await site('POST', `/${action}`)).json, { status: 204 }, action);
    assert.equal((await open('license')).status, 200 , action);
  }
  assert.equal((await site('POST', '/rename', { to: 'acme-two' })).status, 200);
  assert.equal((await site('GET', '')).status, 404);
  assert.equal((await open('license', 'acme-two')).status, 200);
  assert.equal((await site('POST', '/import', undefined, 'acme-two')).status, 200);
  const second = await key('acme-two');
  assert.notEqual(second, first);
  assert.equal((await open('license', 'acme-two')).status, 200);
  const types = await eventTypes(first);
  for (const type of ['tenant.installed', 'tenant.secret_rotated', 'tenant.upgraded', 'tenant.disabled', 'tenant.enabled', 'tenant.uninstalled', 'tenant.reinstalled', 'tenant.renamed']) assert.ok(types.includes(type), `${type} in ${types}`);
  assert.ok((await eventTypes(second)).includes('tenant.imported'));
  assert.equal((await site('POST', '/uninstall', undefined, 'acme-two')).status, 200);
  assert.equal((await open('license', 'acme-two')).status, 401);
  assert.equal((await site('POST', '/rotate', undefined, 'acme-two')).status, 409);
});

test('the log shows both directions, tokens decoded and never as sent', async () => {
  const { json, text } = await site('GET', '/log', undefined, 'acme-two');
  const out = json.entries.find((e) => e.direction === 'out' && e.url.endsWith('/installed'));
  assert.equal(out.method, 'POST');
  assert.equal(out.token.header.alg, 'RS256');
  assert.equal(out.token.claims.aud, app);
  const into = json.entries.find((e) => e.direction === 'in' && e.url.includes('/license'));
  assert.equal(into.token.header.alg, 'HS256');
  assert.ok(!text.includes('eyJ'));
});

test('bad requests are refused and change nothing', async () => {
  const cases = [['POST', '/sim/api/sites', { name: 'A B', descriptor: `${app}/x` }, 400], ['POST', '/sim/api/sites', { name: 'new' }, 400],
    ['POST', '/sim/api/sites', { name: 'new', descriptor: 'http://127.0.0.1:1/' }, 502], ['POST', '/sim/api/sites', { name: 'new', descriptor: `${app}/healthz` }, 502],
    ['POST', '/sim/api/sites', { name: 'acme-two', descriptor: `${app}/atlassian-connect.json` }, 409],
    ['PUT', '/sim/api/sites/acme-two/license', { state: 'golden' }, 400], ['PUT', '/sim/api/sites/acme-two/fault', {}, 400],
    ['POST', '/sim/api/sites/nobody/install', undefined, 404], ['GET', '/sim/api/sites/acme-two/page?module=nonesuch', undefined, 404],
    ['GET', '/sim/keys/nonesuch', undefined, 404], ['GET', '/sites/acme-two/rest/atlassian-connect/latest/license', undefined, 401]];
  for (const [method, target, body, status] of cases) assert.equal((await call(sim, method, target, body)).status, status, `${method} ${target}`);
  const foreign = await call(sim, 'POST', '/sim/api/sites/acme-two/install', undefined, { origin: 'https://elsewhere.example' });
  assert.equal(foreign.status, 403);
  assert.equal((await call(sim, 'GET', '/sim/api/sites')).json.sites.length, 1);
});

test('Ctrl-C ends it and leaves nothing behind', async () => {
  assert.equal(readdirSync(temporary).length, 1);
  child.kill('SIGINT');
  assert.equal(await exited, 0, stderr);
  assert.deepEqual(existsSync(temporary) ? readdirSync(temporary) : [], []);
});

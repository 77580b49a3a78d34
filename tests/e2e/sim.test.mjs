// sim.test.mjs - the simulated site: against licgate itself, and against an app that has nothing of licgate in it.
import assert from 'node:assert/strict';
import { createVerify } from 'node:crypto';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import jwt from 'atlassian-jwt';
import { Licgate, request, until } from './lib/licgate.mjs';
import { qshOf } from './lib/atlassian.mjs';
import { Sim } from './lib/sim.mjs';

const freePort = async () => {
  const probe = http.createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
};
const decode = (token) => token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
const targetOf = (url) => url.slice(new URL(url).origin.length);

let sim;
before(async () => { sim = await Sim.start(); });
after(() => sim.stop());

describe('licgate in a simulated site', () => {
  let app, descriptor;
  before(async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    app = await Licgate.start({ env: { ...sim.env, LICGATE_BASE_URL: `http://${listen}/under/a/path`, LICGATE_LISTEN: listen,
      LICGATE_LICENSE_TTL: '1', LICGATE_LICENSE_RETRY: '1', LICGATE_UPSTREAM_TIMEOUT: '2' } });
    descriptor = `http://${listen}/under/a/path/atlassian-connect.json`;
  });
  after(() => app.stop());

  const installed = async (name) => {
    assert.ok((await sim.create(name, descriptor)).status < 300);
    assert.deepEqual((await sim.act(name, 'install')).json, { status: 204 });
    return (await sim.site(name)).client_key;
  };
  const tenant = async (key) => (await app.admin(`tenants/${encodeURIComponent(key)}`)).json;
  const types = async (key) => (await app.events(`&tenant=${key}`)).map((e) => e.type).filter((t) => t.startsWith('tenant.'));
  const open = async (name, module, at = app) => request(at.url, { target: targetOf(await sim.page(name, module)) });

  test('a site from nothing to installed, and what the list says', async () => {
    const created = await sim.create('life', descriptor);
    assert.ok([200, 201].includes(created.status), created.text);
    let site = await sim.site('life');
    assert.deepEqual(Object.keys(site).sort(), ['base_url', 'client_key', 'license', 'name', 'status']);
    assert.equal(site.base_url, `${sim.url}/sites/life`);
    assert.equal(site.status, 'uninstalled');
    assert.equal((await sim.act('life', 'uninstall')).status, 409);
    const { status, json } = await sim.act('life', 'install');
    assert.equal(status, 200);
    assert.deepEqual(json, { status: 204 });
    site = await sim.site('life');
    assert.equal(site.status, 'enabled');
    assert.equal((await tenant(site.client_key)).tenant.status, 'enabled');
    assert.equal((await tenant(site.client_key)).tenant.base_url, site.base_url);
  });

  test('each action is what the app takes it for', async () => {
    const key = await installed('acts');
    for (const action of ['disable', 'enable', 'rotate', 'install', 'reinstall', 'uninstall', 'reinstall']) {
      const { status, json } = await sim.act('acts', action);
      assert.equal(status, 200, action);
      assert.deepEqual(json, { status: 204 }, action);
    }
    const seen = await types(key);
    for (const type of ['installed', 'enabled', 'disabled', 'secret_rotated', 'upgraded', 'uninstalled', 'reinstalled']) {
      assert.ok(seen.includes(`tenant.${type}`), `${type}: ${seen}`);
    }
    assert.deepEqual((await sim.act('acts', 'rename', { to: 'acts-new' })).json, { status: 204 });
    assert.equal(await sim.site('acts'), undefined);
    assert.equal((await sim.site('acts-new')).client_key, key);
    assert.ok((await types(key)).includes('tenant.renamed'));
    assert.equal((await tenant(key)).tenant.base_url, `${sim.url}/sites/acts-new`);
    assert.deepEqual((await sim.act('acts-new', 'import')).json, { status: 204 });
    const after = (await sim.site('acts-new')).client_key;
    assert.notEqual(after, key);
    assert.ok((await types(after)).includes('tenant.imported'));
    assert.equal((await tenant(after)).tenant.imported_from, key);
    assert.equal((await tenant(key)).tenant.client_key, key, 'the old one is kept');
    assert.equal((await open('acts-new', 'license')).status, 200);
  });

  test('the URL of a page is signed for exactly that page', async () => {
    await installed('pages');
    const url = await sim.page('pages', 'board');
    assert.match(url, /\/under\/a\/path\/app\/board\?/);
    const [header, claims] = decode(new URL(url).searchParams.get('jwt'));
    assert.equal(header.alg, 'HS256');
    assert.ok(!('aud' in claims));
    assert.equal(claims.iss, (await sim.site('pages')).client_key);
    assert.equal(claims.qsh, qshOf('GET', targetOf(url), '/under/a/path'));
    assert.equal(new URL(url).searchParams.getAll('lic').join(), 'active');
    assert.equal((await open('pages', 'board')).status, 200);
    assert.equal((await request(app.url, { target: targetOf(url).replace('lic=active', 'lic=none') })).status, 401);
    assert.equal((await sim.api('GET', '/pages/page?module=nonesuch')).status, 404);
    assert.equal((await sim.api('GET', '/nobody/page?module=board')).status, 404);
  });

  test('licence states, through the look-up and through pages', async () => {
    const key = await installed('paid');
    const future = new Date(Date.now() + 20 * 86400000).toISOString();
    const table = [
      [{ state: 'evaluation' }, 'evaluation', 200],
      [{ state: 'active', users: 7, edition: 'advanced' }, 'active', 200],
      [{ state: 'cancelled', expires_at: future }, 'cancelled_pending', 200],
      [{ state: 'expired', expires_at: new Date(Date.now() - 86400000).toISOString() }, 'grace', 200],
      [{ state: 'expired', expires_at: new Date(Date.now() - 60 * 86400000).toISOString() }, 'expired', 403],
      [{ state: 'active', expires_at: null, users: null, edition: null }, 'active', 200],
    ];
    for (const [license, state, status] of table) {
      assert.equal((await sim.api('PUT', '/paid/license', license)).status, 200, JSON.stringify(license));
      assert.equal((await sim.site('paid')).license.state, license.state);
      const { json } = await app.admin(`tenants/${key}/refresh`, { method: 'POST' });
      assert.equal(json.license.state, state, JSON.stringify(license));
      if (license.users) assert.deepEqual([json.license.seats.limit, json.license.edition], [7, 'advanced']);
      if (state === 'cancelled_pending') assert.equal(json.license.expires_at, future);
      assert.equal((await open('paid', 'export')).status, status, JSON.stringify(license));
    }
    for (const state of ['none', 'suspended']) {
      await sim.api('PUT', '/paid/license', { state });
      assert.equal((await app.admin(`tenants/${key}/refresh`, { method: 'POST' })).json.license.state, 'grace', `${state}, licensed before`);
    }
    for (const bad of [{}, { state: 'golden' }, { state: 'active', users: 'many' }, { state: 'active', edition: 'gold' }, { state: 'active', expires_at: 'soon' }]) {
      assert.equal((await sim.api('PUT', '/paid/license', bad)).status, 400, JSON.stringify(bad));
    }
    await sim.create('never', descriptor);
    await sim.api('PUT', '/never/license', { state: 'none' });
    await sim.act('never', 'install');
    const never = (await sim.site('never')).client_key;
    assert.equal((await app.admin(`tenants/${never}/refresh`, { method: 'POST' })).json.license.state, 'none');
    assert.equal((await open('never', 'export')).status, 403);
  });

  test('faults: the look-up fails with its reason, the licence is served stale', async () => {
    const key = await installed('broken');
    await app.admin(`tenants/${key}/refresh`, { method: 'POST' });
    for (const [kind, code] of [['slow', 'timeout'], ['error', 'status_5xx'], ['gone', 'status_404'], ['garbage', 'not_json']]) {
      assert.equal((await sim.api('PUT', '/broken/fault', { kind })).status, 200);
      const { status, json } = await app.admin(`tenants/${key}/refresh`, { method: 'POST' });
      assert.deepEqual([status, json.code], [502, code]);
    }
    const { license } = await tenant(key);
    assert.deepEqual([license.state, license.source, license.stale, license.failure], ['active', 'stale', true, 'not_json']);
    assert.equal((await sim.api('PUT', '/broken/fault', { kind: 'none' })).status, 200);
    assert.equal((await app.admin(`tenants/${key}/refresh`, { method: 'POST' })).status, 200);
    assert.equal((await sim.api('PUT', '/broken/fault', { kind: 'sulking' })).status, 400);
  });

  test('who is an administrator', async () => {
    await installed('staff');
    await sim.api('PUT', '/staff/user', { account_id: 'a-member', admin: false });
    assert.equal((await open('staff', 'configure')).status, 403);
    await sim.api('PUT', '/staff/user', { account_id: 'the-admin', admin: true });
    assert.equal((await open('staff', 'configure')).status, 200);
  });

  test('the log has every call with its token in the clear and never the signed text', async () => {
    const key = await installed('logged');
    await app.admin(`tenants/${key}/refresh`, { method: 'POST' });
    const entries = await sim.log('logged');
    for (const e of entries) {
      for (const name of ['at', 'direction', 'method', 'url', 'status', 'token']) assert.ok(name in e, name);
      assert.match(e.at, /^\d{4}-.*Z$/);
    }
    const install = entries.find((e) => e.direction === 'out' && e.url.endsWith('/installed'));
    assert.deepEqual([install.method, install.status, install.token.header.alg, install.token.claims.iss], ['POST', 204, 'RS256', key]);
    const lookup = entries.find((e) => e.direction === 'in' && e.url.includes('/rest/atlassian-connect/'));
    assert.deepEqual([lookup.method, lookup.status, lookup.token.claims.aud], ['GET', 200, [key]]);
    assert.ok(!(await sim.api('GET', '/logged/log')).text.includes('eyJ'));
  });

  test('nobody listens at the base URL that the descriptor names: 502, not installed', async () => {
    const other = await Licgate.start({ env: { ...sim.env, LICGATE_BASE_URL: app.url.replace(/:\d+$/, `:${await freePort()}`) } });
    assert.equal((await sim.create('wrong-base', `${other.url}/atlassian-connect.json`)).status, 201);
    const { status, json } = await sim.act('wrong-base', 'install');
    assert.deepEqual([status, json.status], [502, 0]);
    assert.equal((await sim.site('wrong-base')).status, 'uninstalled');
    await other.stop();
  });
});

describe('an app that is not ours', () => {
  const KEY = 'com.example.other';
  let server, base, calls, refuse;
  before(async () => {
    server = http.createServer((req, res) => {
      let body = '';
      req.on('data', (d) => { body += d; });
      req.on('end', () => {
        if (req.url === '/other/atlassian-connect.json') {
          res.end(JSON.stringify({ key: KEY, name: 'Other', baseUrl: `${base}/`, authentication: { type: 'jwt' },
            lifecycle: { installed: '/cb/installed?v=1', uninstalled: '/cb/uninstalled' }, scopes: ['READ'],
            modules: { jiraIssueContents: [{ key: 'panel', name: { value: 'Panel' }, target: { type: 'web_panel', url: '/panel?issue={issue.key}' } }],
              webhooks: [{ event: 'jira:issue_updated', url: '/hook' }] } }));
          return;
        }
        calls.push({ method: req.method, target: req.url, token: req.headers.authorization?.slice(4), body: body && JSON.parse(body) });
        res.writeHead(refuse ?? 204).end();
      });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${server.address().port}/other`;
    calls = [];
    assert.equal((await sim.create('elsewhere', `${base}/atlassian-connect.json`)).status, 201);
  });
  after(() => new Promise((resolve) => { server.closeAllConnections?.(); server.close(resolve); }));

  const ask = (target, token, method = 'GET', body) => request(sim.url, { method, target: `/sites/elsewhere${target}`, body,
    headers: { authorization: `JWT ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) } });
  const own = (method, target, secret, claims = {}) => jwt.encodeSymmetric({ iss: KEY, iat: Math.floor(Date.now() / 1000),
    exp: Math.floor(Date.now() / 1000) + 180, qsh: qshOf(method, target), ...claims }, secret);

  test('install: a signed callback the app can check with public means alone', async () => {
    assert.deepEqual((await sim.act('elsewhere', 'install')).json, { status: 204 });
    assert.equal(calls.length, 1, 'enabled is not in its descriptor');
    const [{ method, target, token, body }] = calls;
    const [header, claims] = decode(token);
    assert.deepEqual([method, target, header.alg], ['POST', '/other/cb/installed?v=1', 'RS256']);
    const key = await request(sim.url, { target: `/sim/keys/${header.kid}` });
    assert.match(key.text, /^-----BEGIN PUBLIC KEY-----/);
    assert.ok(createVerify('RSA-SHA256').update(token.slice(0, token.lastIndexOf('.'))).verify(key.text, token.split('.')[2], 'base64url'));
    assert.deepEqual([claims.iss, claims.aud, claims.qsh], [body.clientKey, base, qshOf('POST', target, '/other')]);
    assert.deepEqual([body.key, body.eventType, body.baseUrl, body.productType], [KEY, 'installed', `${sim.url}/sites/elsewhere`, 'jira']);
    assert.ok(body.sharedSecret.length >= 32 && body.sharedSecret.length <= 128);
    assert.equal((await request(sim.url, { target: '/sim/keys/none-such' })).status, 404);
  });

  test('its pages, with the placeholders of the host filled', async () => {
    const url = await sim.page('elsewhere', 'panel');
    const [, claims] = decode(new URL(url).searchParams.get('jwt'));
    assert.match(url, /\/other\/panel\?issue=DEMO-1&/);
    jwt.decodeSymmetric(new URL(url).searchParams.get('jwt'), calls[0].body.sharedSecret, 'HS256');
    assert.equal(claims.qsh, qshOf('GET', targetOf(url), '/other'));
    assert.ok(claims.sub);
  });

  test('its calls of the licence resources: its own token alone opens them', async () => {
    const { sharedSecret: secret, clientKey } = calls.at(-1).body;
    const latest = '/rest/atlassian-connect/latest/license', addon = `/rest/atlassian-connect/1/addons/${KEY}`;
    assert.equal((await ask(latest, own('GET', latest, secret))).json.valid, true, 'no aud');
    assert.equal((await ask(latest, own('GET', latest, secret, { aud: [clientKey] }))).json.valid, true);
    const { json } = await ask(addon, own('GET', addon, secret));
    assert.deepEqual([json.key, json.state, json.license.active], [KEY, 'ENABLED', true]);
    for (const [why, token] of [['wrong secret', own('GET', latest, 'x'.repeat(64))], ['other request', own('GET', addon, secret)],
      ['other app', own('GET', latest, secret, { iss: 'com.example.licgate' })], ['over', own('GET', latest, secret, { exp: 1 })], ['none', '']]) {
      assert.equal((await ask(latest, token)).status, 401, why);
    }
    const check = '/rest/api/3/permissions/check';
    const { json: may } = await ask(check, own('POST', check, secret), 'POST',
      JSON.stringify({ accountId: decode(new URL(await sim.page('elsewhere', 'panel')).searchParams.get('jwt'))[1].sub, globalPermissions: ['ADMINISTER'] }));
    assert.deepEqual(may.globalPermissions, ['ADMINISTER']);
  });

  test('where the app refuses: 502 with its answer, and the old secret goes on', async () => {
    const before = calls.at(-1).body.sharedSecret;
    refuse = 401;
    for (const action of ['rotate', 'install', 'import']) {
      const { status, json } = await sim.act('elsewhere', action);
      assert.deepEqual([status, json.status], [502, 401], action);
    }
    refuse = 201;
    assert.deepEqual([(await sim.act('elsewhere', 'rotate')).status], [502], 'only 200 and 204 count');
    refuse = undefined;
    const latest = '/rest/atlassian-connect/latest/license';
    assert.equal((await ask(latest, own('GET', latest, before))).status, 200);
    refuse = 500;
    const { status, json } = await sim.act('elsewhere', 'uninstall');
    assert.deepEqual([status, json.status], [502, 500]);
    refuse = undefined;
    assert.equal((await sim.site('elsewhere')).status, 'uninstalled', 'announced, whatever the app says');
    assert.equal((await ask(latest, own('GET', latest, before))).status, 401);
  });

  test('what is no app, and what is no name', async () => {
    assert.equal((await sim.create('elsewhere', `${base}/atlassian-connect.json`)).status, 409);
    assert.equal((await sim.create('a b', `${base}/atlassian-connect.json`)).status, 400);
    assert.equal((await sim.create('x', 'file:///etc/passwd')).status, 400);
    assert.equal((await sim.create('x', 'http://127.0.0.1:1/atlassian-connect.json')).status, 502);
    assert.equal((await sim.create('x', `${sim.url}/sim/api/sites`)).status, 502);
    assert.equal((await sim.api('POST', '/nobody/install')).status, 404);
    assert.equal((await sim.api('POST', '/elsewhere/explode')).status, 404);
    const evil = await sim.api('POST', '/elsewhere/install', undefined, { origin: 'https://evil.example' });
    assert.equal(evil.status, 403, 'no other site steers it through a browser');
  });
});

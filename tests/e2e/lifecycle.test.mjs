// lifecycle.test.mjs - the life of a tenant: installed, changed, uninstalled, come back; and everybody who only pretends.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Licgate, BASE_URL, until } from './lib/licgate.mjs';
import { Atlassian, APP_KEY, now, qshOf } from './lib/atlassian.mjs';

let world, app;
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: world.env });
});
after(async () => {
  await app.stop();
  await world.stop();
});

const tenantOf = async (site) => (await app.admin(`tenants/${site.clientKey}`)).json;
const eventsOf = async (site) => (await app.events(`&tenant=${site.clientKey}`)).filter((e) => e.type.startsWith('tenant.'));

describe('a tenant lives', () => {
  test('first install: 204, visible, its token works', async () => {
    const site = world.site();
    assert.equal((await site.install(app)).status, 204);
    const { tenant } = await tenantOf(site);
    assert.equal(tenant.client_key, site.clientKey);
    assert.equal(tenant.base_url, site.baseUrl);
    assert.equal(tenant.product_type, 'jira');
    assert.equal(tenant.status, 'installed');
    for (const name of ['installed_at', 'updated_at']) assert.match(tenant[name], /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.equal((await site.open(app, '/app/license.json?lic=active')).status, 200);
    assert.deepEqual((await eventsOf(site)).map((e) => e.type), ['tenant.installed']);
  });

  test('enabled and disabled need a page token and change the status', async () => {
    const site = world.site();
    await site.install(app);
    assert.equal((await site.post(app, '/enabled', site.installBody('enabled'))).status, 204);
    assert.equal((await tenantOf(site)).tenant.status, 'enabled');
    assert.equal((await site.install(app)).status, 204);
    assert.equal((await tenantOf(site)).tenant.status, 'enabled', 'installed again leaves it enabled');
    assert.equal((await site.post(app, '/disabled', site.installBody('disabled'))).status, 204);
    assert.equal((await tenantOf(site)).tenant.status, 'disabled');
    const unsigned = await app.request({ method: 'POST', target: '/enabled', headers: { 'content-type': 'application/json' },
      body: JSON.stringify(site.installBody('enabled')) });
    assert.equal(unsigned.status, 401);
  });

  test('what an install changed is told apart', async () => {
    const site = world.site();
    await site.install(app);
    const old = site.secret;
    site.secret = 'n'.repeat(64);
    assert.equal((await site.install(app)).status, 204);
    site.baseUrl = `${world.url}/sites/renamed-${site.name}`;
    assert.equal((await site.install(app)).status, 204);
    assert.equal((await site.install(app, { body: { description: 'newer' } })).status, 204);
    assert.equal((await site.uninstall(app)).status, 204);
    assert.equal((await tenantOf(site)).tenant.status, 'uninstalled');
    assert.equal((await site.open(app, '/app/license.json?lic=active')).status, 401, 'uninstalled: no authentication at once');
    assert.equal((await site.install(app)).status, 204);
    assert.equal((await tenantOf(site)).tenant.status, 'installed');
    assert.equal((await site.open(app, '/app/license.json?lic=active')).status, 200);
    assert.deepEqual((await eventsOf(site)).map((e) => e.type), ['tenant.installed', 'tenant.secret_rotated', 'tenant.renamed',
      'tenant.upgraded', 'tenant.uninstalled', 'tenant.reinstalled']);
    const present = site.secret;
    site.secret = old;
    assert.equal((await site.open(app, '/app/license.json?lic=active')).status, 401, 'the old secret is worth nothing');
    site.secret = present;
  });

  test('site import: a new clientKey for a known base URL is linked, the old one kept', async () => {
    const site = world.site();
    await site.install(app);
    const old = site.clientKey;
    site.clientKey = randomUUID();
    assert.equal((await site.install(app)).status, 204);
    const [event] = await eventsOf(site);
    assert.equal(event.type, 'tenant.imported');
    const { aliases } = await tenantOf(site);
    assert.ok(aliases.some((a) => a.value === old), 'the new tenant names the old one');
    const before = (await app.admin(`tenants/${old}`)).json;
    assert.equal(before.tenant.client_key, old);
    assert.ok(before.aliases.some((a) => a.value === site.clientKey), 'the old tenant names the new one');
  });

  test('the first look-up after an install proves the secret', async () => {
    const site = world.site();
    await site.install(app);
    const license = await until('a look-up after the install', async () => {
      const { license } = await tenantOf(site);
      return license.state === 'active' && license;
    });
    assert.equal(license.source, 'lookup');
    assert.ok(world.calls.some((c) => c.site === site.name && c.authorization?.startsWith('JWT ')));
  });

  test('an uninstall of a tenant nobody knows is fine and stores nothing', async () => {
    const site = world.site();
    assert.equal((await site.uninstall(app)).status, 204);
    assert.equal((await app.admin(`tenants/${site.clientKey}`)).status, 404);
  });

  test('64 installs with one unknown kid: one key fetch', async () => {
    const kid = world.newKey();
    const sites = Array.from({ length: 64 }, () => world.site());
    const answers = await Promise.all(sites.map((site) => site.install(app, { kid })));
    assert.deepEqual([...new Set(answers.map((a) => a.status))], [204]);
    assert.equal(world.keyRequests.filter((k) => k === kid).length, 1);
  });

  test('user webhooks are acknowledged once and known duplicates dropped', async () => {
    const site = world.site();
    await site.install(app);
    const body = { timestamp: 1, webhookEvent: 'user_created', user: { accountId: '557058:new-user' } };
    const headers = { 'x-atlassian-webhook-identifier': 'hook-1' };
    for (let i = 0; i < 2; i++) assert.equal((await site.post(app, '/webhooks/user_created', body, { headers })).status, 204);
    const added = (await app.events(`&tenant=${site.clientKey}`)).filter((e) => e.type === 'user.added');
    assert.equal(added.length, 1);
    const { json } = await app.admin(`tenants/${site.clientKey}/users`);
    assert.ok(JSON.stringify(json).includes('557058:new-user'));
  });
});

describe('refused, nothing changed', () => {
  const refusals = [
    ['no token', 401, { token: '' }],
    ['not a token', 401, { token: 'not-a-token' }],
    ['other audience', 401, { claims: { aud: ['https://other.example.test'] } }],
    ['no audience', 401, { claims: { aud: undefined } }],
    ['audience with userinfo', 401, { claims: { aud: [`https://app.example.test@evil.example`] } }],
    ['audience that only starts alike', 401, { claims: { aud: [`${BASE_URL}.evil.example`] } }],
    ['expired', 401, { claims: { exp: now() - 60 } }],
    ['exp as text', 401, { claims: { exp: String(now() + 100) } }],
    ['no iat', 401, { claims: { iat: undefined } }],
    ['iat in the future', 401, { claims: { iat: now() + 3600 } }],
    ['nbf in the future', 401, { claims: { nbf: now() + 3600 } }],
    ['context-qsh', 401, { claims: { qsh: 'context-qsh' } }],
    ['qsh of the other callback', 401, { claims: { qsh: qshOf('POST', '/uninstalled') } }],
    ['no qsh', 401, { claims: { qsh: undefined } }],
    ['iss of another tenant', 403, { claims: { iss: 'somebody-else' } }],
    ['body is an array', 400, { raw: '[]' }],
    ['body is no JSON', 400, { raw: '{' }],
    ['body names twice', 400, { raw: '{"key":"a","key":"b"}' }],
    ['other app', 400, { body: { key: 'com.example.other' } }],
    ['wrong event', 400, { body: { eventType: 'enabled' } }],
    ['no clientKey', 400, { body: { clientKey: undefined } }],
    ['secret empty', 400, { body: { sharedSecret: '' } }],
    ['secret too long', 400, { body: { sharedSecret: 'x'.repeat(129) } }],
    ['secret missing', 400, { body: { sharedSecret: undefined } }],
    ['secret a number', 400, { body: { sharedSecret: 1 } }],
    ['base URL missing', 400, { body: { baseUrl: undefined } }],
    ['base URL of another host', 403, { body: { baseUrl: 'https://evil.example' } }],
    ['base URL look-alike', 403, { body: { baseUrl: 'https://x.atlassian.net.evil.example' } }],
    ['base URL with userinfo', 403, { body: { baseUrl: 'https://x.atlassian.net@evil.example' } }],
    ['base URL with a port', 403, { body: { baseUrl: 'https://x.atlassian.net:22' } }],
    ['base URL a file', 403, { body: { baseUrl: 'file:///etc/passwd' } }],
    ['not JSON by type', 415, { headers: { 'content-type': 'text/plain' } }],
  ];
  for (const [name, status, options] of refusals) {
    test(`${name}: ${status}`, async () => {
      const site = world.site();
      const answer = await site.install(app, options);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.headers['content-type'], /^application\/problem\+json/);
      assert.equal((await app.admin(`tenants/${site.clientKey}`)).status, 404);
    });
  }

  test('HS256 with the tenant’s own secret, alg none, HS256 keyed with the public key', async () => {
    const site = world.site();
    await site.install(app);
    const claims = { iss: site.clientKey, aud: [BASE_URL], iat: now(), exp: now() + 180, qsh: qshOf('POST', '/installed') };
    const part = (v) => Buffer.from(JSON.stringify(v)).toString('base64url');
    const hs = (header, key) => {
      const input = `${part(header)}.${part(claims)}`;
      return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
    };
    const pem = world.keys.get(world.kid).pem;
    for (const token of [
      site.token('POST', '/installed', claims),
      `${part({ alg: 'none' })}.${part(claims)}.`,
      hs({ alg: 'HS256', kid: world.kid, typ: 'JWT' }, pem),
      hs({ alg: 'RS256', kid: world.kid, typ: 'JWT' }, pem),
    ]) {
      const answer = await site.install(app, { token, body: { sharedSecret: 'stolen'.repeat(8) } });
      assert.equal(answer.status, 401);
    }
    assert.equal((await site.open(app, '/app/license.json?lic=active')).status, 200, 'the secret is still the old one');
  });

  test('an install token replayed on uninstall', async () => {
    const site = world.site();
    await site.install(app);
    const token = world.rs256({ iss: site.clientKey, aud: [BASE_URL], iat: now(), exp: now() + 180, qsh: qshOf('POST', '/installed') });
    assert.equal((await site.uninstall(app, { token })).status, 401);
    assert.equal((await tenantOf(site)).tenant.status, 'installed');
  });

  test('a malformed kid never reaches the key host', async () => {
    for (const kid of ['../keys', 'http://evil.example/k', 'a\r\nb', 'x'.repeat(9000), '', 'a b', 'a.b', '%2e%2e']) {
      const site = world.site();
      const token = world.rs256({ iss: site.clientKey, aud: [BASE_URL], iat: now(), exp: now() + 180, qsh: qshOf('POST', '/installed') },
        { header: { kid } });
      const before = world.keyRequests.length;
      const { status } = await site.install(app, { token });
      assert.ok(status === 401 || status === 431, `${status} for kid ${kid.slice(0, 30)}`);
      assert.equal(world.keyRequests.length, before);
    }
  });

  test('a key of 1024 bits', async () => {
    const site = world.site();
    assert.equal((await site.install(app, { kid: world.newKey(1024) })).status, 401);
  });

  test('two tokens in one request', async () => {
    const site = world.site();
    await site.install(app);
    const target = `/app/license.json?lic=active`;
    const token = site.token('GET', target);
    assert.equal((await app.request({ target: `${target}&jwt=${token}&jwt=${token}` })).status, 400);
    assert.equal((await app.request({ target: `${target}&jwt=${token}`, headers: { authorization: `JWT ${token}` } })).status, 400);
  });

  test(`a body over the cap: 413`, async () => {
    const site = world.site();
    assert.equal((await site.install(app, { body: { description: 'x'.repeat(70000) } })).status, 413);
  });
});

describe('the key host fails', () => {
  const faults = {
    refuses: (req, res) => { res.socket.destroy(); return true; },
    '5xx': (req, res) => { res.writeHead(500).end(); return true; },
    HTML: (req, res) => { res.writeHead(200, { 'content-type': 'text/html' }).end('<html>maintenance</html>'); return true; },
    redirects: (req, res) => { res.writeHead(302, { location: `${world.url}/keys/${world.kid}` }).end(); return true; },
  };
  for (const [name, fault] of Object.entries(faults)) {
    test(`${name}: 503 with Retry-After, and the retry succeeds`, async () => {
      const site = world.site();
      const kid = world.newKey();
      world.keyFault = fault;
      const answer = await site.install(app, { kid });
      world.keyFault = null;
      assert.equal(answer.status, 503);
      assert.ok(Number(answer.headers['retry-after']) > 0);
      await until('the retry succeeds', async () => (await site.install(app, { kid })).status === 204);
    });
  }

  test('every host says 404: 401', async () => {
    const site = world.site();
    const kid = world.newKey();
    world.keyFault = (req, res) => { res.writeHead(404).end(); return true; };
    const answer = await site.install(app, { kid });
    world.keyFault = null;
    assert.equal(answer.status, 401);
  });

  test('a kid that is known keeps working', async () => {
    world.keyFault = faults.refuses;
    const site = world.site();
    const answer = await site.install(app);
    world.keyFault = null;
    assert.equal(answer.status, 204);
  });
});

test('no token, secret or query was ever logged', () => {
  const log = app.stderr;
  for (const site of world.sites.values()) assert.ok(!log.includes(site.secret), 'a shared secret in the log');
  assert.doesNotMatch(log, /eyJ[A-Za-z0-9_-]{20}/, 'a token in the log');
  assert.doesNotMatch(log, /[?&]jwt=/, 'a query with a token in the log');
  assert.ok(!log.includes(APP_KEY + '?'));
});

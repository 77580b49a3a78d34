// forge.test.mjs - the Forge door: tokens, licence answers, lifecycle events, and that one customer at two doors is one tenant.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, until } from './lib/licgate.mjs';
import { Atlassian, now } from './lib/atlassian.mjs';
import { APP_ID, Forge, inactive, paid, trial } from './lib/forge.mjs';

let world, forge, app;
before(async () => {
  [world, forge] = [await Atlassian.start(), await Forge.start()];
  app = await Licgate.start({ env: { ...world.env, ...forge.env, LICGATE_TRUSTED_PROXIES: '127.0.0.0/8' } });
});
after(async () => {
  await app.stop();
  await forge.stop();
  await world.stop();
});

const tenant = async (key) => (await app.admin(`tenants/${encodeURIComponent(key)}`)).json;
const eventsOf = async (key) => (await app.events(`&tenant=${encodeURIComponent(key)}`)).map((e) => e.type);

describe('the licence answer', () => {
  test('comes from the token, for a tenant of the installation’s own', async () => {
    const jira = forge.installation();
    const { status, json } = await jira.ask(app);
    assert.equal(status, 200);
    assert.deepEqual({ ...json, features: undefined, expires_at: undefined }, { tenant: jira.tenant, state: 'active', reason: 'forge_active', source: 'forge',
      age: 0, stale: false, evaluation: false, edition: null, seats: { limit: null, used: 0 }, expires_at: undefined, features: undefined });
    assert.equal(Date.parse(json.expires_at), Number(jira.license.subscriptionEndDate));
    assert.deepEqual(json.features.board, { verdict: 'allow', code: 'VALID' });
    const shown = (await tenant(jira.tenant)).tenant;
    assert.equal(shown.status, 'installed');
    assert.equal(shown.product_type, 'jira');
    assert.equal(shown.base_url, jira.siteUrl);
    await until('journalled', async () => (await eventsOf(jira.tenant)).join() === 'tenant.installed,license.changed');
  });

  test('isActive decides alone; the other members refine', async () => {
    const jira = forge.installation({ license: trial() });
    assert.deepEqual(pick((await jira.ask(app)).json), ['evaluation', 'forge_evaluation', true]);
    jira.license = { isActive: true };
    assert.deepEqual(pick((await jira.ask(app)).json), ['active', 'forge_active', false]);
    jira.license = paid({ subscriptionEndDate: '1' });
    assert.deepEqual(pick((await jira.ask(app)).json), ['active', 'forge_active', false], 'a date that has passed is not the decision');
    jira.license = inactive();
    assert.deepEqual(pick((await jira.ask(app)).json), ['grace', 'forge_inactive', false], 'it was licensed a moment ago');
    jira.license = inactive({ subscriptionEndDate: String(Date.now() - 60 * 86400000) });
    const fresh = forge.installation({ license: inactive() });
    assert.deepEqual(pick((await fresh.ask(app)).json), ['none', 'forge_inactive', false]);
    for (const odd of ['yes', 1, null, {}]) {
      const strange = forge.installation({ license: paid({ isActive: odd }) });
      assert.equal((await strange.ask(app)).json.state, 'none', JSON.stringify(odd));
    }
  });
});


describe('environments other than PRODUCTION have no licence', () => {
  test('denied, unless the features file says otherwise', async () => {
    for (const environment of ['DEVELOPMENT', 'STAGING', 'production', '']) {
      const { status, json } = await forge.installation({ environment }).ask(app);
      assert.equal(status, 200);
      assert.deepEqual([json.state, json.reason, json.source], ['none', 'forge_environment', 'forge'], environment);
      assert.deepEqual(json.features.board, { verdict: 'deny', code: 'NO_LICENSE' });
    }
  });

  test('with a rule of the features file', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'licgate-features-'));
    const features = path.join(dir, 'features.json');
    writeFileSync(features, JSON.stringify({ features: { board: { active: 'allow', edition: 'advanced', seats: true } },
      forge_environments: { DEVELOPMENT: 'allow', STAGING: 'read_only' } }));
    const other = await Licgate.start({ env: { ...forge.env, LICGATE_FEATURES: features } });
    for (const [environment, verdict] of [['DEVELOPMENT', 'allow'], ['STAGING', 'read_only'], ['OTHER', 'deny']]) {
      const jira = forge.installation({ environment, license: paid() });
      assert.deepEqual((await jira.ask(other)).json.features.board, { verdict, code: 'NO_LICENSE' }, environment);
      assert.ok(!(await other.events()).some((e) => e.type === 'license.changed'), 'no licence, so no change of one');
    }
    await other.stop();
    rmSync(dir, { recursive: true });
  });

  test('an override still is the operator’s word', async () => {
    const jira = forge.installation({ environment: 'DEVELOPMENT' });
    await jira.ask(app);
    await app.admin(`tenants/${encodeURIComponent(jira.tenant)}/override`, { method: 'PUT',
      body: { state: 'active', until: new Date(Date.now() + 86400000).toISOString(), reason: 'demo at a fair', by: 'op' } });
    const { json } = await jira.ask(app);
    assert.deepEqual([json.state, json.source, json.features.board.verdict], ['active', 'override', 'allow']);
  });
});

describe('refused tokens: 401, one body, nothing made', () => {
  const refusals = {
    'no token': () => ({ headers: { authorization: undefined } }),
    'another scheme': (i) => ({ headers: { authorization: `JWT ${i.token()}` } }),
    'no JWT at all': () => ({ token: 'abc' }),
    'alg none': (i) => ({ token: `${i.token({}, { alg: 'none' }).split('.').slice(0, 2).join('.')}.` }),
    'HS256 with the public key as secret': (i) => ({ token: confused(i) }),
    'alg in lower case': (i) => ({ token: i.token({}, { alg: 'rs256' }) }),
    'RS512': (i) => ({ token: i.token({}, { alg: 'RS512' }) }),
    'a key in the header': (i) => ({ token: ownKey(i) }),
    'crit': (i) => ({ token: i.token({}, { header: { crit: ['b64'] } }) }),
    'another app’s audience': (i) => ({ claims: { aud: 'ari:cloud:ecosystem::app/other' } }),
    'audience with more behind it': (i) => ({ claims: { aud: `${APP_ID}/x` } }),
    'a list of audiences': (i) => ({ claims: { aud: [APP_ID] } }),
    'no audience': () => ({ claims: { aud: undefined } }),
    'another issuer': () => ({ claims: { iss: 'forge/invocation-token/' } }),
    'expired': () => ({ claims: { iat: now() - 100, nbf: now() - 100, exp: now() - 40 } }),
    'of the future': () => ({ claims: { iat: now() + 60, exp: now() + 90 } }),
    'nbf in the future': () => ({ claims: { nbf: now() + 60 } }),
    'exp as text': () => ({ claims: { exp: String(now() + 25) } }),
    'exp in milliseconds is far off, iat too': () => ({ claims: { iat: Date.now(), exp: Date.now() + 25000 } }),
    'no installation': () => ({ claims: { app: { id: APP_ID } } }),
    'an installation of odd bytes': () => ({ claims: { app: { installationId: 'a b\n' } } }),
    'payload changed': (i) => ({ token: i.token().replace(/\.[^.]+\./, `.${Buffer.from(JSON.stringify({ ...i.claims(), principal: 'x' })).toString('base64url')}.`) }),
    'signature cut': (i) => ({ token: i.token().slice(0, -4) }),
    'a 1024-bit key of the set': (i) => ({ kid: weakKid }),
    'a staging key, which is not in the set': (i) => ({ kid: stagingKid }),
  };
  let weakKid, stagingKid;
  before(() => {
    weakKid = forge.newKey({ bits: 1024 });
    stagingKid = forge.newKey({ listed: false });
  });
  const confused = (i) => {
    const { publicKey } = forge.keys.get(forge.kid);
    const input = i.token({}, { alg: 'HS256' }).split('.').slice(0, 2).join('.');
    return `${input}.${createHmac('sha256', publicKey.export({ type: 'spki', format: 'pem' })).update(input).digest('base64url')}`;
  };
  const ownKey = (i) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = publicKey.export({ format: 'jwk' });
    return i.token({}, { key: privateKey, header: { jwk, jku: `${forge.url}/evil.json`, x5u: `${forge.url}/evil` } });
  };

  test('each of them', async () => {
    let body;
    for (const [name, of] of Object.entries(refusals)) {
      const jira = forge.installation();
      const options = of(jira);
      if (options.headers && !options.headers.authorization) options.headers = { ...options.headers, authorization: '' };
      for (const ask of [jira.ask(app, options), jira.event(app, 'installed', options)]) {
        const answer = await ask;
        assert.equal(answer.status, 401, name);
        assert.equal(answer.headers['www-authenticate'], 'Bearer', name);
        const { request_id: _, ...same } = answer.json;
        body ??= same;
        assert.deepEqual(same, body, name);
      }
      assert.equal((await app.admin(`tenants/${encodeURIComponent(jira.tenant)}`)).status, 404, name);
    }
    const failures = (await app.admin('auth-failures')).json;
    const codes = new Set((failures.failures ?? Object.values(failures)[0]).map((f) => f.code));
    for (const code of ['MISSING_JWT', 'WRONG_ALGORITHM', 'WRONG_AUDIENCE', 'WRONG_ISSUER', 'TOKEN_EXPIRED', 'TOKEN_NOT_YET_VALID', 'INVALID_SIGNATURE', 'WEAK_KEY', 'UNKNOWN_KID'])
      assert.ok(codes.has(code), code);
  });

  test('a token in the query is none; the same token twice is good, for it changes nothing twice', async () => {
    const jira = forge.installation();
    const token = jira.token();
    for (const target of [`/forge/v1/license?jwt=${token}`, `/forge/v1/license?token=${token}`, `/forge/v1/license?access_token=${token}`])
      assert.equal((await app.request({ method: 'POST', target, body: '' })).status, 401);
    assert.equal((await jira.ask(app, { token })).status, 200);
    assert.equal((await jira.ask(app, { token })).status, 200);
    assert.deepEqual((await eventsOf(jira.tenant)).filter((t) => t === 'tenant.installed').length, 1);
  });
});

describe('nothing of one door reaches another’s tenant', () => {
  test('Connect’s tokens at Forge’s routes, Forge’s at Connect’s', async () => {
    const site = world.site();
    await site.install(app);
    const jira = forge.installation();
    await jira.ask(app);
    for (const target of ['/forge/v1/license', '/forge/events'])
      for (const token of [site.token('POST', target), site.context(), world.rs256({ iss: site.clientKey, aud: APP_ID, iat: now(), exp: now() + 60 })])
        for (const scheme of ['JWT', 'Bearer'])
          assert.equal((await app.request({ method: 'POST', target, body: '{}', headers: { authorization: `${scheme} ${token}`, 'content-type': 'application/json' } })).status, 401);
    for (const [method, target] of [['GET', '/api/v1/license'], ['GET', '/app/license.json'], ['POST', '/installed'], ['POST', '/uninstalled'], ['POST', '/enabled']])
      for (const scheme of ['JWT', 'Bearer']) {
        const { status } = await app.request({ method, target, ...(method === 'POST' ? { body: '{}' } : {}), headers: { authorization: `${scheme} ${jira.token()}`, 'content-type': 'application/json' } });
        assert.equal(status, 401, `${scheme} ${target}`);
      }
  });

  test('a tenant of Forge’s has no secret to sign with, and no clientKey may read like its key', async () => {
    const jira = forge.installation();
    await jira.ask(app);
    for (const secret of ['', 'x'])
      assert.equal((await app.request({ target: '/api/v1/license', headers: { authorization: `JWT ${hs256({ iss: jira.tenant, sub: 'a', iat: now(), exp: now() + 60, qsh: 'context-qsh' }, secret)}` } })).status, 401);
    const site = world.site();
    site.clientKey = jira.tenant;
    assert.equal((await site.install(app)).status, 403);
    assert.equal((await site.uninstall(app)).status, 403);
    assert.equal((await tenant(jira.tenant)).tenant.status, 'installed');
  });
});

describe('the keys of the host', () => {
  const fresh = async (more = {}) => {
    const host = await Forge.start();
    const it = { host, app: await Licgate.start({ env: { ...host.env, ...more } }), stop: async () => {
      if (running.delete(it)) await it.app.stop().finally(() => host.stop());
    } };
    running.add(it);
    return it;
  };
  const running = new Set(); // what a test that failed left behind would keep the runner alive
  after(() => Promise.all([...running].map((it) => it.stop())));

  test('fetched once, however many ask at once', async () => {
    const it = await fresh();
    const answers = await Promise.all(Array.from({ length: 40 }, () => it.host.installation().ask(it.app)));
    assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
    assert.equal(it.host.keyRequests, 1);
    await it.stop();
  });

  test('rotated: a kid that is not known is asked for at once, made-up ones once a minute', async () => {
    const it = await fresh();
    const jira = it.host.installation();
    assert.equal((await jira.ask(it.app)).status, 200);
    const next = it.host.newKey();
    assert.equal((await jira.ask(it.app, { kid: next })).status, 200);
    assert.equal(it.host.keyRequests, 2);
    const made = it.host.newKey({ listed: false });
    for (let i = 0; i < 20; i++) assert.equal((await jira.ask(it.app, { kid: made, header: { kid: `made-up-${i}` } })).status, 401);
    assert.equal(it.host.keyRequests, 2, 'within the minute nobody is asked');
    for (const kid of ['../x', 'a//b', 'http://evil/x', 'a b', 'k'.repeat(129), '', 7])
      assert.equal((await jira.ask(it.app, { header: { kid } })).status, 401, String(kid));
    assert.equal(it.host.keyRequests, 2, 'a malformed kid never asks');
    await it.stop();
  });

  const faults = {
    'status 500': (req, res) => { res.writeHead(500).end('{"keys":[]}'); },
    'a page': (req, res) => { res.writeHead(200, { 'content-type': 'text/html' }).end('<html>login</html>'); },
    'an empty set': (req, res) => { res.writeHead(200).end('{"keys":[]}'); },
    'a megabyte': (req, res) => { res.writeHead(200).end(`{"keys":[],"x":"${'x'.repeat(1 << 20)}"}`); },
    'a redirect': (req, res) => { res.writeHead(302, { location: '/other.json' }).end(); },
    'a cut answer': (req, res) => { res.writeHead(200, { 'content-length': 1000 }); res.write('{"keys":', () => res.destroy()); },
    'silence': () => {},
  };
  for (const [name, fault] of Object.entries(faults)) {
    test(`${name}: 503 with Retry-After while there are none, the old ones stay good`, async () => {
      const it = await fresh({ LICGATE_UPSTREAM_TIMEOUT: '1' });
      const answering = (f) => { it.host.keyFault = f ? (req, res) => { f(req, res); return true; } : null; };
      const jira = it.host.installation();
      answering(fault);
      const none = await jira.ask(it.app);
      assert.equal(none.status, 503);
      assert.ok(Number(none.headers['retry-after']) > 0);
      assert.equal(it.host.keyRequests, 1);
      assert.equal((await jira.ask(it.app)).status, 503);
      assert.equal(it.host.keyRequests, 1, 'not each call asks a host that fails');
      await it.stop();

      const well = await fresh({ LICGATE_UPSTREAM_TIMEOUT: '1' });
      const other = well.host.installation();
      assert.equal((await other.ask(well.app)).status, 200);
      well.host.keyFault = (req, res) => { fault(req, res); return true; };
      assert.equal((await other.ask(well.app, { kid: well.host.newKey() })).status, 503, 'the host did not say that it has no such key');
      assert.equal((await other.ask(well.app)).status, 200);
      assert.equal(well.host.keyRequests, 2);
      await well.stop();
    });
  }

  test('off without the app’s id: 404', async () => {
    const off = await Licgate.start();
    for (const target of ['/forge/v1/license', '/forge/events'])
      assert.equal((await off.request({ method: 'POST', target, body: '{}' })).status, 404);
    await off.stop();
  });
});

describe('lifecycle events', () => {
  test('installed, upgraded, uninstalled: 204, once each, whatever is sent again', async () => {
    const jira = forge.installation();
    for (let i = 0; i < 2; i++) assert.equal((await jira.event(app, 'installed')).status, 204);
    assert.equal((await tenant(jira.tenant)).tenant.status, 'installed');
    jira.version = '3.0.0';
    for (let i = 0; i < 2; i++) assert.equal((await jira.event(app, 'upgraded')).status, 204);
    assert.equal((await jira.ask(app)).json.state, 'active');
    const late = jira.token();
    for (let i = 0; i < 2; i++) assert.equal((await jira.event(app, 'uninstalled')).status, 204);
    assert.equal((await tenant(jira.tenant)).tenant.status, 'uninstalled');
    assert.equal((await jira.ask(app, { token: late })).status, 401, 'a token of before');
    assert.deepEqual((await eventsOf(jira.tenant)).filter((t) => t !== 'license.changed'), ['tenant.installed', 'tenant.upgraded', 'tenant.uninstalled']);
    const [, upgraded] = await app.events(`&tenant=${encodeURIComponent(jira.tenant)}`);
    assert.deepEqual([upgraded.data.changes, upgraded.data.app_version, upgraded.data.source], ['forge_upgrade', '3.0.0', 'forge']);
    assert.equal((await jira.ask(app, { claims: { iat: now() + 2 } })).status, 200, 'a later one brings it back');
    assert.equal((await eventsOf(jira.tenant)).at(-1), 'tenant.reinstalled');
    assert.equal((await jira.event(app, 'uninstalled', { claims: { iat: now() - 20 } })).status, 204, 'an old announcement is no news');
    assert.equal((await tenant(jira.tenant)).tenant.status, 'installed');
  });

  test('installed again within the second of the uninstall', async () => {
    const jira = forge.installation(), iat = now();
    for (const what of ['installed', 'uninstalled', 'installed']) assert.equal((await jira.event(app, what, { claims: { iat } })).status, 204);
    assert.equal((await tenant(jira.tenant)).tenant.status, 'installed');
    assert.deepEqual(await eventsOf(jira.tenant), ['tenant.installed', 'tenant.uninstalled', 'tenant.reinstalled']);
    assert.equal((await jira.event(app, 'installed', { claims: { iat: iat - 5 } })).status, 204);
    for (const at of [iat, iat - 5]) assert.equal((await jira.event(app, 'uninstalled', { claims: { iat: at } })).status, 204);
    assert.equal((await jira.event(app, 'installed', { claims: { iat: iat - 5 } })).status, 204, 'an older announcement is no news');
    assert.equal((await tenant(jira.tenant)).tenant.status, 'uninstalled');
  });

  test('an uninstall of what nobody knows makes nothing; without eventType it is an installation', async () => {
    const jira = forge.installation();
    assert.equal((await jira.event(app, 'uninstalled')).status, 204);
    assert.equal((await app.admin(`tenants/${encodeURIComponent(jira.tenant)}`)).status, 404);
    assert.equal((await jira.event(app, 'installed', { body: { eventType: undefined } })).status, 204);
    assert.equal((await tenant(jira.tenant)).tenant.status, 'installed');
    assert.equal((await jira.event(app, 'updated', { body: { eventType: 'avi:jira:updated:issue' } })).status, 204);
  });

  test('what is not an event: 400, 403, 415; never a redirect', async () => {
    const jira = forge.installation();
    const cases = [
      [400, { body: '[]' }], [400, { body: '{' }], [400, { body: '{"eventType":7}' }], [400, { body: '{"eventType":"avi:forge:installed:app"}' }],
      [400, { body: JSON.stringify({ eventType: 'avi:forge:installed:app', id: jira.id, app: [] }) }],
      [403, { body: JSON.stringify({ eventType: 'avi:forge:uninstalled:app', id: `${jira.id}0` }) }],
      [415, { body: '{}', headers: { 'content-type': 'text/plain' } }],
      [413, { body: JSON.stringify({ x: 'x'.repeat(100000) }) }],
    ];
    for (const [status, options] of cases) assert.equal((await jira.ask(app, { target: '/forge/events', ...options })).status, status, options.body.slice(0, 60));
    assert.equal((await app.request({ method: 'GET', target: '/forge/events' })).status, 405);
  });

  test('answered is stored: a killed server knows it', async () => {
    const host = await Forge.start();
    const first = await Licgate.start({ env: host.env });
    const all = Array.from({ length: 20 }, () => host.installation());
    for (const answer of await Promise.all(all.map((i) => i.event(first, 'installed')))) assert.equal(answer.status, 204);
    await first.kill();
    const second = await Licgate.start({ env: host.env, dir: first.dir });
    for (const i of all) assert.equal((await second.admin(`tenants/${encodeURIComponent(i.tenant)}`)).json.tenant.status, 'installed');
    await second.stop();
    await host.stop();
  });
});

describe('one customer, two doors, one tenant', () => {
  const connect = async (more = {}) => {
    const site = world.site();
    assert.equal((await site.install(app, { body: more })).status, 204);
    return site;
  };
  const joins = {
    'installation id': (jira) => ({ installationId: jira.id }),
    'entitlement id': () => ({ entitlementId: 'ent-1' }),
    'entitlement number': () => ({ entitlementNumber: 'E-1' }),
    'base URL': () => ({}),
  };
  const licenseOf = { 'entitlement id': { ccpEntitlementId: 'ent-1' }, 'entitlement number': { ccpEntitlementSlug: 'E-1' } };
  let round = 0;
  for (const [by, body] of Object.entries(joins)) {
    test(`Connect first, joined by ${by}`, async () => {
      const jira = forge.installation({ siteUrl: 'https://elsewhere.atlassian.net' });
      const unique = Object.fromEntries(Object.entries(body(jira)).map(([k, v]) => [k, v.replace(/-1$/, `-${++round}`)]));
      jira.license = paid(Object.fromEntries(Object.entries(licenseOf[by] ?? {}).map(([k, v]) => [k, v.replace(/-1$/, `-${round}`)])));
      const site = await connect(unique);
      if (by === 'base URL') jira.siteUrl = `${site.baseUrl}/`;
      const { json } = await jira.ask(app);
      assert.equal(json.tenant, site.clientKey);
      assert.equal((await app.admin(`tenants/${encodeURIComponent(jira.tenant)}`)).status, 404);
      const event = (await app.events(`&tenant=${site.clientKey}&type=tenant.upgraded`))[0].data;
      assert.deepEqual([event.changes, event.joined_by, event.source], ['forge_joined', by.replace(/ /g, '_').toLowerCase(), 'forge']);
      assert.equal((await site.apiLicense(app)).status, 200, 'Connect goes on');
    });

    test(`Forge first, joined by ${by}`, async () => {
      const jira = forge.installation();
      const site = world.site();
      const unique = Object.fromEntries(Object.entries(body(jira)).map(([k, v]) => [k, v.replace(/-1$/, `-${++round}`)]));
      jira.license = paid(Object.fromEntries(Object.entries(licenseOf[by] ?? {}).map(([k, v]) => [k, v.replace(/-1$/, `-${round}`)])));
      if (by === 'base URL') jira.siteUrl = site.baseUrl;
      assert.equal((await jira.ask(app)).json.tenant, jira.tenant);
      assert.equal((await site.install(app, { body: unique })).status, 204);
      assert.equal((await jira.ask(app)).json.tenant, site.clientKey);
      assert.equal((await tenant(jira.tenant)).tenant.status, 'uninstalled');
      const events = await app.events(`&tenant=${site.clientKey}`);
      assert.deepEqual([events[0].type, events[0].data.imported_from, events[0].data.joined_from], ['tenant.imported', jira.tenant, jira.tenant]);
      const left = (await app.events(`&tenant=${encodeURIComponent(jira.tenant)}`)).at(-1);
      assert.deepEqual([left.type, left.data.joined_to], ['tenant.uninstalled', site.clientKey]);
      assert.ok((await tenant(site.clientKey)).aliases.some((a) => a.kind === 'client_key' && a.value === jira.tenant));
    });
  }

  test('what is told later joins later', async () => {
    const site = await connect();
    const jira = forge.installation({ siteUrl: site.baseUrl });
    assert.equal((await jira.event(app, 'installed')).status, 204);
    assert.equal((await tenant(jira.tenant)).tenant.status, 'installed', 'an event names no site');
    assert.equal((await jira.ask(app)).json.tenant, site.clientKey);
    assert.equal((await tenant(jira.tenant)).tenant.status, 'uninstalled');
  });

  test('not by another product of the site, not by a development environment, not by an address given up', async () => {
    const site = await connect();
    assert.equal((await forge.installation({ siteUrl: site.baseUrl, product: 'Confluence' }).ask(app)).json.tenant.startsWith('forge:'), true);
    assert.equal((await forge.installation({ siteUrl: site.baseUrl, environment: 'DEVELOPMENT' }).ask(app)).json.tenant.startsWith('forge:'), true);
    const old = site.baseUrl;
    site.baseUrl = `${world.url}/sites/renamed-away`;
    assert.equal((await site.install(app)).status, 204);
    assert.equal((await forge.installation({ siteUrl: old }).ask(app)).json.tenant.startsWith('forge:'), true);
  });

  test('a development installation at a site makes no import of the site’s first install', async () => {
    const site = world.site();
    await forge.installation({ siteUrl: site.baseUrl, environment: 'DEVELOPMENT' }).ask(app);
    await site.install(app);
    assert.equal((await app.events(`&tenant=${site.clientKey}`))[0].type, 'tenant.installed');
  });

  test('an import of the site takes the installation along', async () => {
    const site = world.site();
    const jira = forge.installation();
    await site.install(app, { body: { installationId: jira.id } });
    assert.equal((await jira.ask(app)).json.tenant, site.clientKey);
    const before_ = site.clientKey;
    site.clientKey = `imported-${before_}`;
    await site.install(app, { body: { installationId: jira.id } });
    assert.equal((await jira.ask(app)).json.tenant, site.clientKey);
    assert.equal((await tenant(before_)).tenant.status, 'installed', 'the old one is kept');
  });

  test('seats, override and history go along', async () => {
    const jira = forge.installation();
    await jira.ask(app);
    await app.admin(`tenants/${encodeURIComponent(jira.tenant)}/override`, { method: 'PUT',
      body: { state: 'evaluation', until: new Date(Date.now() + 86400000).toISOString(), reason: 'as agreed', by: 'op' } });
    const site = world.site();
    await site.install(app, { body: { installationId: jira.id } });
    assert.deepEqual([(await jira.ask(app)).json.state, (await jira.ask(app)).json.source], ['evaluation', 'override']);
    const { json } = await app.admin(`tenants/${site.clientKey}/users`);
    assert.ok(JSON.stringify(json).includes('557058:person'));
  });

  test('a migration: Connect, both, Forge alone, and back', async () => {
    const site = await connect();
    const jira = forge.installation({ siteUrl: site.baseUrl });
    assert.equal((await jira.ask(app)).json.tenant, site.clientKey);
    assert.equal((await site.uninstall(app)).status, 204);
    assert.equal((await site.apiLicense(app)).status, 401, 'nothing of Connect’s authenticates any more');
    const { json } = await jira.ask(app);
    assert.deepEqual([json.tenant, json.state, json.source], [site.clientKey, 'active', 'forge']);
    assert.equal((await tenant(site.clientKey)).tenant.status, 'installed');
    assert.equal((await app.events(`&tenant=${site.clientKey}`)).at(-1).data.changes, 'connect_left');
    assert.equal((await site.uninstall(app)).status, 204, 'told again');
    await site.install(app);
    assert.equal((await site.apiLicense(app)).status, 200);
    assert.equal((await app.events(`&tenant=${site.clientKey}&type=tenant.reinstalled`)).length, 1);
    await site.uninstall(app);
    assert.equal((await jira.event(app, 'uninstalled')).status, 204);
    assert.equal((await tenant(site.clientKey)).tenant.status, 'uninstalled', 'the last door is gone');
  });

  test('Forge leaves, Connect stays', async () => {
    const site = await connect();
    const jira = forge.installation({ siteUrl: site.baseUrl });
    await jira.ask(app);
    assert.equal((await jira.event(app, 'uninstalled')).status, 204);
    assert.equal((await tenant(site.clientKey)).tenant.status, 'installed');
    assert.equal((await site.apiLicense(app)).status, 200);
  });

  test('it all holds across a restart', async () => {
    const host = await Forge.start();
    const first = await Licgate.start({ env: { ...world.env, ...host.env } });
    const site = world.site();
    await site.install(first);
    const [joined, own] = [host.installation({ siteUrl: site.baseUrl }), host.installation({ license: trial() })];
    for (const i of [joined, own]) await i.ask(first);
    await site.uninstall(first);
    await first.stop({ keep: true });
    const second = await Licgate.start({ env: { ...world.env, ...host.env }, dir: first.dir });
    assert.equal((await second.admin(`tenants/${encodeURIComponent(own.tenant)}`)).json.license.state, 'evaluation');
    assert.equal((await joined.ask(second)).json.tenant, site.clientKey);
    assert.equal((await own.ask(second)).json.tenant, own.tenant);
    assert.equal((await site.apiLicense(second)).status, 401);
    await second.stop();
    await host.stop();
  });
});

describe('the migration view', () => {
  let host, own, sites, jira;
  before(async () => {
    host = await Forge.start();
    own = await Licgate.start({ env: { ...world.env, ...host.env } });
    sites = Array.from({ length: 4 }, () => world.site());
    for (const site of sites) await site.install(own);
    jira = sites.slice(1).map((site) => host.installation({ siteUrl: site.baseUrl }));
    for (const installation of jira) await installation.ask(own);
    await sites[1].apiLicense(own);
    await sites[2].uninstall(own);
    await host.installation().ask(own);
    await host.installation({ environment: 'DEVELOPMENT' }).ask(own);
    const gone = host.installation();
    await gone.event(own, 'installed');
    await gone.event(own, 'uninstalled');
  });
  after(async () => { await own.stop(); await host.stop(); });

  test('tells who comes by which door, and when each was last used', async () => {
    const { json } = await own.admin('migration');
    assert.deepEqual(json.summary, { connect: 1, both: 2, moved: 1, forge: 2 });
    assert.equal(json.last_seen.forge.day, 5);
    assert.equal(json.last_seen.connect.day + json.last_seen.connect.never, 3);
    const rows = Object.fromEntries(json.tenants.map((t) => [t.tenant, t]));
    assert.deepEqual([rows[sites[0].clientKey].stage, rows[sites[0].clientKey].forge], ['connect', null]);
    const both = rows[sites[1].clientKey];
    assert.deepEqual([both.stage, both.connect.status, both.forge.installation_id, both.forge.joined_by, both.forge.environment],
      ['both', 'installed', jira[0].id, 'base_url', 'PRODUCTION']);
    assert.ok(both.connect.last_seen_at && both.forge.last_seen_at && both.forge.joined_at);
    assert.deepEqual([rows[sites[2].clientKey].stage, rows[sites[2].clientKey].connect.status], ['moved', 'uninstalled']);
    assert.equal(rows[sites[3].clientKey].connect.last_seen_at, null, 'a call by Forge is none by Connect');
    assert.equal((await own.admin(`tenants/${sites[3].clientKey}`)).json.tenant.last_seen_at !== null, true, 'but the customer was seen');
  });

  test('by stage, by pages, as CSV', async () => {
    assert.deepEqual((await own.admin('migration?stage=moved')).json.tenants.map((t) => t.tenant), [sites[2].clientKey]);
    const keys = [];
    for (let next = ''; next !== undefined;) {
      const { json } = await own.admin(`migration?limit=2${next && `&cursor=${encodeURIComponent(next)}`}`);
      keys.push(...json.tenants.map((t) => t.tenant));
      next = json.next;
    }
    assert.deepEqual([keys.length, new Set(keys).size], [6, 6]);
    const csv = await own.admin('migration?stage=both', { headers: { accept: 'text/csv' } });
    assert.match(csv.headers['content-type'], /^text\/csv/);
    assert.equal(csv.text.trim().split('\r\n').length, 3);
    for (const bad of ['stage=nonesuch', 'stage=both&stage=moved', 'cursor=%21', 'limit=0']) assert.equal((await own.admin(`migration?${bad}`)).status, 400, bad);
    assert.equal((await own.admin('migration', { token: 'wrong-token-of-nobody' })).status, 401);
  });
});

describe('forward authentication: token=forge', () => {
  const ask = (policy, installation, { method = 'GET', ...options } = {}) => app.request({ target: `/authz/forward?${policy}`,
    headers: { 'x-forwarded-method': method, 'x-forwarded-uri': '/any?thing=1', authorization: `Bearer ${installation.token(options.claims, options)}` } });

  test('tells the app who calls, and what its licence is', async () => {
    const jira = forge.installation();
    const { status, headers } = await ask('token=forge&license=required&feature=board', jira);
    assert.equal(status, 200);
    assert.equal(headers['x-connect-client-key'], jira.tenant);
    assert.equal(headers['x-connect-account-id'], '557058:person');
    assert.equal(headers['x-connect-base-url'], jira.siteUrl);
    assert.deepEqual([headers['x-connect-license'], headers['x-connect-license-source'], headers['x-connect-verdict']], ['active', 'forge', 'allow']);
  });

  test('refuses', async () => {
    const unpaid = forge.installation({ license: inactive() }), dev = forge.installation({ environment: 'DEVELOPMENT' }), site = world.site();
    await site.install(app);
    const denied = await ask('token=forge&license=required', unpaid);
    assert.deepEqual([denied.status, denied.headers['x-connect-deny']], [403, 'NO_LICENSE']);
    assert.equal((await ask('token=forge', unpaid)).status, 200, 'a token is enough where nothing else is asked for');
    assert.deepEqual([(await ask('token=forge&feature=board', dev)).status], [403]);
    for (const policy of ['', 'token=page', 'token=context']) assert.equal((await ask(policy, unpaid)).status, 401, policy);
    assert.equal((await ask('token=forge', unpaid, { claims: { aud: 'other' } })).status, 401);
    assert.equal((await app.request({ target: '/authz/forward?token=forge', headers: { 'x-forwarded-method': 'GET', 'x-forwarded-uri': `/x?jwt=${site.token('GET', '/x')}` } })).status, 401);
    assert.equal((await ask('token=forge,page', unpaid)).status, 403);
  });
});

describe('Forge’s licence resource', () => {
  const system = (token) => ({ headers: { 'x-forge-oauth-system': token } });

  test('is asked where the token carries no licence, once in five minutes', async () => {
    const jira = forge.installation({ license: null });
    forge.licenses.set('system-1', { active: true, isEvaluation: true, type: 'commercial', trialEndDate: String(Date.now() + 5 * 86400000), capabilitySet: 'capabilityAdvanced' });
    const { json } = await jira.ask(app, system('system-1'));
    assert.deepEqual([json.state, json.source, json.edition], ['evaluation', 'lookup', 'advanced']);
    const asked = forge.licenseRequests.length;
    assert.equal(forge.licenseRequests.at(-1).authorization, 'Bearer system-1');
    for (let i = 0; i < 5; i++) await app.admin(`tenants/${encodeURIComponent(jira.tenant)}/refresh`, { method: 'POST' });
    assert.equal(forge.licenseRequests.length, asked, 'what was found is told again');
    assert.equal((await jira.ask(app, system('system-2'))).json.state, 'evaluation');
    assert.equal(forge.licenseRequests.length, asked);
  });

  test('no licence, trouble, 429', async () => {
    const none = forge.installation({ license: null });
    assert.deepEqual([(await none.ask(app, system('system-none'))).json.state], ['none']);
    forge.licenseFault = (req, res) => { res.writeHead(429, { 'retry-after': '7' }).end(); return true; };
    const busy = forge.installation({ license: null });
    assert.equal((await busy.ask(app, system('system-busy'))).json.state, 'unknown');
    const asked = forge.licenseRequests.length;
    await busy.ask(app, system('system-busy'));
    await app.admin(`tenants/${encodeURIComponent(busy.tenant)}/refresh`, { method: 'POST' });
    assert.equal(forge.licenseRequests.length, asked);
    forge.licenseFault = null;
  });

  test('not asked for a tenant that has Connect, nor outside PRODUCTION', async () => {
    const site = world.site();
    await site.install(app);
    const asked = forge.licenseRequests.length;
    await forge.installation({ siteUrl: site.baseUrl, license: null }).ask(app, system('system-3'));
    await forge.installation({ environment: 'DEVELOPMENT' }).ask(app, system('system-4'));
    assert.equal(forge.licenseRequests.length, asked);
  });
});

test('no token was ever logged or kept; the trace is', async () => {
  const jira = forge.installation({ license: null });
  const token = jira.token();
  await jira.ask(app, { token, headers: { 'x-forge-oauth-system': 'system-secret-of-the-test', 'x-forge-oauth-user': 'user-secret-of-the-test' } });
  await until('logged', () => app.stderr.includes('80f198ee56343ba864fe8b2a57d3eff7'));
  for (const secret of ['system-secret', 'user-secret', token.split('.')[2].slice(0, 40), token.split('.')[1].slice(0, 40)]) assert.ok(!app.stderr.includes(secret));
  const kept = readFileSync(path.join(app.dir, 'licgate.db')).toString('latin1') + readFileSync(path.join(app.dir, 'licgate.db-wal')).toString('latin1');
  assert.ok(!kept.includes('system-secret') && !kept.includes('user-secret'));
  assert.ok(app.log.some((e) => e.event === 'forge.call' && e.trace_id === '80f198ee56343ba864fe8b2a57d3eff7' && e.span_id === 'e457b5a2e4d86bd1'));
});

const pick = ({ state, reason, evaluation }) => [state, reason, evaluation];
const hs256 = (claims, secret) => {
  const input = [{ typ: 'JWT', alg: 'HS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
};

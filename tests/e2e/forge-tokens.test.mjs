// forge-tokens.test.mjs - what the Forge door refuses, that nothing of one door reaches another's tenant, the keys of the host, and that no token is
// ever kept.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, until } from './lib/licgate.mjs';
import { Atlassian, now } from './lib/atlassian.mjs';
import { APP_ID, Forge } from './lib/forge.mjs';

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

const hs256 = (claims, secret) => {
  const input = [{ typ: 'JWT', alg: 'HS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
};

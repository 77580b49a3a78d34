// license.test.mjs - what the licence says, from each signal, through pages and API, while hosts work and while they fail.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Licgate, until } from './lib/licgate.mjs';
import { Atlassian, active, evaluation, notLicensed } from './lib/atlassian.mjs';

let world, app;
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: { ...world.env, LICGATE_LICENSE_WAIT: '2', LICGATE_UPSTREAM_TIMEOUT: '5' } });
});
after(async () => {
  await app.stop();
  await world.stop();
});

const installed = async (license) => {
  const site = world.site(undefined, license);
  assert.equal((await site.install(app)).status, 204);
  return site;
};
const page = async (site, query = '', claims) => (await site.open(app, `/app/license.json${query}`, { claims })).json;
const day = 86400000;
const ago = (days) => new Date(Date.now() - days * day).toISOString();

describe('signals', () => {
  test('the answer has every member of the contract', async () => {
    const site = await installed(active());
    await until('looked up', async () => (await page(site)).source === 'lookup');
    const answer = await page(site, '?lic=active');
    assert.deepEqual(Object.keys(answer).sort(), ['age', 'edition', 'evaluation', 'expires_at', 'features', 'reason', 'seats', 'source',
      'stale', 'state', 'tenant']);
    assert.equal(answer.tenant, site.clientKey);
    assert.equal(answer.state, 'active');
    assert.equal(answer.reason, 'lic_active');
    assert.equal(answer.source, 'lic');
    assert.equal(answer.stale, false);
    assert.equal(answer.seats.limit, 100);
    assert.deepEqual(answer.features.board, { verdict: 'allow', code: 'VALID' });
  });

  const table = [
    // look-up, query, claim, state, source
    ['lic=active wins over a look-up that says no', notLicensed(), '?lic=active', undefined, 'active', 'lic'],
    ['lic=none wins over a look-up that says yes', active(), '?lic=none', undefined, 'grace', 'lic'],
    ['lic=none, never licensed', notLicensed(), '?lic=none', undefined, 'none', 'lic'],
    ['two lic are no licence', active(), '?lic=active&lic=active', undefined, 'none', 'lic'],
    ['another lic is no licence', active(), '?lic=ACTIVE', undefined, 'none', 'lic'],
    ['no lic: the claim', notLicensed(), '', { context: { license: { active: true } } }, 'active', 'claim'],
    ['no signal: the look-up', active(), '', undefined, 'active', 'lookup'],
    ['an evaluation', evaluation(), '', undefined, 'evaluation', 'lookup'],
    ['an evaluation seen through lic', evaluation(), '?lic=active', undefined, 'evaluation', 'lic'],
    ['expired yesterday: grace', notLicensed({ maintenanceExpiryDate: ago(1) }), '', undefined, ['grace', 'none'], 'lookup'],
  ];
  for (const [name, license, query, claims, state, source] of table) {
    test(name, async () => {
      const site = await installed(license);
      await until('the first look-up', async () => (await app.admin(`tenants/${site.clientKey}`)).json.license.source === 'lookup');
      const answer = await page(site, query, claims);
      assert.ok([state].flat().includes(answer.state), JSON.stringify(answer));
      assert.equal(answer.source, source);
      if (query.includes('lic=active&lic')) assert.equal(answer.reason, 'lic_ambiguous');
    });
  }

  test('lic on a context route is not signed and counts for nothing', async () => {
    const site = await installed(active());
    await until('looked up', async () => (await page(site)).source === 'lookup');
    const { json } = await app.request({ target: '/api/v1/license?lic=none', headers: { authorization: `JWT ${site.context()}` } });
    assert.equal(json.state, 'active');
    assert.equal(json.source, 'lookup');
  });

  test('long expired: 403 page, 200 licence answer', async () => {
    const site = await installed(active());
    await until('active', async () => (await page(site)).state === 'active');
    site.license = notLicensed({ maintenanceExpiryDate: ago(40) });
    assert.equal((await app.admin(`tenants/${site.clientKey}/refresh`, { method: 'POST' })).status, 200);
    const answer = await page(site);
    assert.equal(answer.state, 'expired');
    assert.equal(answer.features.export.verdict, 'deny');
    assert.equal(answer.features.export.code, 'EXPIRED');
    const denied = await site.open(app, '/app/export');
    assert.equal(denied.status, 403);
    assert.ok(denied.text.includes('EXPIRED'));
    assert.equal((await site.open(app, '/app/board')).status, 200, 'board is read-only when expired');
    const changes = (await app.events(`&tenant=${site.clientKey}&type=license.changed`)).map((e) => [e.data.from, e.data.to, e.data.reason]);
    assert.deepEqual(changes.map(([from, to]) => [from, to]), [['unknown', 'active'], ['active', 'expired']]);
  });
});

describe('look-ups', () => {
  test('500 requests with nothing known: one look-up', async () => {
    const held = [];
    const site = world.site(undefined, (req, res) => held.push(res));
    await site.install(app);
    const requests = Array.from({ length: 500 }, () => site.apiLicense(app));
    await until('the look-up arrives', () => held.length === 1);
    held[0].writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(active()));
    const answers = await Promise.all(requests);
    assert.ok(answers.every((a) => a.status === 200 && a.json.state === 'active'), JSON.stringify(answers.find((a) => a.json?.state !== 'active')?.json));
    assert.equal(site.lookups, 1);
  });

  test('a host that says nothing: unknown after the wait, the others untouched', async () => {
    const dead = world.site(undefined, () => {});
    await dead.install(app);
    const began = process.hrtime.bigint();
    const waiting = dead.apiLicense(app);
    const alive = await installed(active());
    await until('alive', async () => (await alive.apiLicense(app)).json.state === 'active');
    const { json } = await waiting;
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    assert.equal(json.state, 'unknown');
    assert.equal(json.source, 'none');
    assert.ok(seconds >= 1.5 && seconds < 4, `${seconds} s`);
  });

  for (const [name, fault] of Object.entries({
    '5xx': (req, res) => res.writeHead(500).end(),
    HTML: (req, res) => res.writeHead(200).end('<html>'),
    truncated: (req, res) => { res.writeHead(200, { 'content-length': 1000 }); res.write('{"valid":'); res.socket.destroy(); },
    redirect: (req, res) => res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    'another type': (req, res) => res.writeHead(200).end('{"valid":"yes"}'),
  })) {
    test(`a host that fails (${name}): unknown, failure visible, no 5xx`, async () => {
      const site = world.site(undefined, fault);
      await site.install(app);
      const answer = await site.apiLicense(app);
      assert.equal(answer.status, 200);
      assert.equal(answer.json.state, 'unknown');
      const { license } = (await app.admin(`tenants/${site.clientKey}`)).json;
      assert.ok(license.failure, JSON.stringify(license));
    });
  }

  test('stale while the host fails', async () => {
    const brief = await Licgate.start({ env: { ...world.env, LICGATE_LICENSE_TTL: '1', LICGATE_LICENSE_RETRY: '1' } });
    const site = world.site();
    await site.install(brief);
    await until('active', async () => (await site.apiLicense(brief)).json.state === 'active');
    site.license = (req, res) => res.writeHead(503).end();
    const stale = await until('a stale answer', async () => {
      const { json } = await site.apiLicense(brief);
      return json.stale && json;
    });
    assert.equal(stale.state, 'active');
    assert.equal(stale.source, 'stale');
    site.license = active();
    await until('fresh again', async () => (await site.apiLicense(brief)).json.source === 'lookup');
    await brief.stop();
  });

  test('kept across a restart: no look-up, same answer', async () => {
    const first = await Licgate.start({ env: world.env });
    const site = world.site(undefined, evaluation());
    await site.install(first);
    await until('looked up', async () => (await site.apiLicense(first)).json.state === 'evaluation');
    await first.stop({ keep: true });
    const lookups = site.lookups;
    const second = await Licgate.start({ env: world.env, dir: first.dir });
    const { json } = await site.apiLicense(second);
    assert.equal(json.state, 'evaluation');
    assert.equal(json.source, 'lookup');
    assert.equal(site.lookups, lookups);
    await second.stop();
  });

  test('the addons resource, where the first one is not there', async () => {
    const site = world.site();
    site.serve = function serve(req, res, path) {
      if (path === `/rest/atlassian-connect/1/addons/com.example.licgate`) {
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ key: 'com.example.licgate', version: '1', state: 'ENABLED',
          host: { product: 'Jira', contacts: [] }, license: { active: true, type: 'COMMERCIAL', evaluation: true, entitlementNumber: 'E-1',
            capabilitySet: 'capabilityAdvanced', supportEntitlementNumber: 'SEN-1' } }));
      } else res.writeHead(404).end();
    };
    await site.install(app);
    const answer = await until('looked up', async () => {
      const { json } = await site.apiLicense(app);
      return json.source === 'lookup' && json;
    });
    assert.equal(answer.state, 'evaluation');
    assert.equal(answer.edition, 'advanced');
  });
});

describe('override', () => {
  const put = (site, body) => app.admin(`tenants/${site.clientKey}/override`, { method: 'PUT', body });
  const good = () => ({ state: 'active', until: new Date(Date.now() + day).toISOString(), reason: 'paid, stuck at none', by: 'ops' });

  test('wins over everything until it is taken back', async () => {
    const site = await installed(notLicensed());
    await until('none', async () => (await site.apiLicense(app)).json.state === 'none');
    assert.ok([200, 204].includes((await put(site, good())).status));
    const answer = await page(site, '?lic=none');
    assert.equal(answer.state, 'active');
    assert.equal(answer.source, 'override');
    assert.ok([200, 204].includes((await app.admin(`tenants/${site.clientKey}/override`, { method: 'DELETE' })).status));
    assert.equal((await page(site, '?lic=none')).state, 'none');
    const types = (await app.events(`&tenant=${site.clientKey}`)).map((e) => e.type);
    assert.ok(types.includes('override.set') && types.includes('override.ended'), types.join());
  });

  test('every member is needed and must make sense', async () => {
    const site = await installed(active());
    for (const bad of [{ state: undefined }, { until: undefined }, { reason: undefined }, { by: undefined }, { state: 'golden' },
      { until: 'tomorrow' }, { until: ago(1) }, { reason: '' }, { state: 1 }]) {
      assert.equal((await put(site, { ...good(), ...bad })).status, 400, JSON.stringify(bad));
    }
    assert.equal((await app.admin('tenants/nobody/override', { method: 'PUT', body: good() })).status, 404);
  });
});

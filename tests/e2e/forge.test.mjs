// forge.test.mjs - the Forge door: licence answers, lifecycle events, and that one customer at two doors is one tenant. Its tokens and keys:
// forge-tokens.test.mjs.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, until } from './lib/licgate.mjs';
import { Atlassian, now } from './lib/atlassian.mjs';
import { Forge, inactive, paid, trial } from './lib/forge.mjs';

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

const pick = ({ state, reason, evaluation }) => [state, reason, evaluation];

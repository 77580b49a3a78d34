// events.test.mjs - a tenant's whole life in the journal: the types, the members docs/events.md names, ids, order, paging.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Licgate, project, until } from './lib/licgate.mjs';
import { Atlassian, active, notLicensed } from './lib/atlassian.mjs';

let world, app, dir, site, events;
const soon = () => new Date(Date.now() + 1000).toISOString();
before(async () => {
  world = await Atlassian.start();
  dir = mkdtempSync(path.join(tmpdir(), 'licgate-events-'));
  writeFileSync(path.join(dir, 'features.json'), JSON.stringify({ features: { board: { active: 'allow', seats: true } }, pages: { '/app/board': 'board' } }));
  app = await Licgate.start({ env: { ...world.env, LICGATE_FEATURES: path.join(dir, 'features.json') } });
  site = world.site('first', active());
  const ok = async (answer, status = 204) => assert.equal((await answer).status, status);
  const admin = (what, method, body) => app.admin(`tenants/${site.clientKey}/${what}`, { method, body });
  await ok(site.install(app, { body: { entitlementNumber: 'E-1' } }));
  await ok(site.post(app, '/enabled', site.installBody('enabled')));
  await ok(site.open(app, '/app/board?lic=active'), 200);
  await ok(site.post(app, '/webhooks/user_created', { user: { accountId: 'u-2' } }, { headers: { 'x-atlassian-webhook-identifier': 'w-1' } }));
  await ok(site.post(app, '/webhooks/user_deleted', { user: { accountId: 'account-1' } }, { headers: { 'x-atlassian-webhook-identifier': 'w-2' } }));
  await ok(app.request({ method: 'POST', target: '/api/v1/feedback', body: '{"message":"good"}', headers: { 'content-type': 'application/json',
    authorization: `JWT ${site.context()}` } }), 201);
  site.license = notLicensed();
  await ok(admin('refresh', 'POST'), 200);
  await ok(admin('override', 'PUT', { state: 'active', until: '2099-01-01T00:00:00Z', reason: 'paid', by: 'me' }));
  await ok(admin('override', 'DELETE'));
  await ok(admin('override', 'PUT', { state: 'active', until: soon(), reason: 'for a moment', by: 'me' }));
  await ok(site.post(app, '/disabled', site.installBody('disabled')));
  await ok(site.install(app));
  site.secret = 'another secret, as long as one should be';
  await ok(site.install(app));
  site.baseUrl = `${world.url}/sites/second`;
  await ok(site.install(app));
  await ok(site.uninstall(app));
  site.secret = 'and another one after the reinstall, also long';
  await ok(site.install(app));
  const heir = world.site('heir');
  heir.baseUrl = site.baseUrl;
  await ok(heir.install(app));
  events = await until('the override is over', async () => {
    const all = await app.events();
    return all.filter((e) => e.type === 'override.ended').length === 2 && all;
  });
});
after(async () => {
  await app.stop();
  await world.stop();
  rmSync(dir, { recursive: true });
});

test('each happening is there once, in the order it happened', () => {
  const types = events.map((e) => e.type).filter((t) => t.startsWith('tenant.') || t.startsWith('override.set'));
  assert.deepEqual(types, ['tenant.installed', 'tenant.enabled', 'override.set', 'override.set', 'tenant.disabled', 'tenant.upgraded', 'tenant.secret_rotated',
    'tenant.renamed', 'tenant.uninstalled', 'tenant.reinstalled', 'tenant.imported']);
  for (const type of ['user.added', 'user.removed', 'seat.taken', 'seat.freed', 'feedback.received']) {
    assert.equal(events.filter((e) => e.type === type).length, 1, type);
  }
  assert.deepEqual(events.filter((e) => e.type === 'override.ended').map((e) => e.data.reason), ['removed', 'elapsed']);
  const states = events.filter((e) => e.type === 'license.changed' && e.data.tenant === site.clientKey).map((e) => [e.data.from, e.data.to]);
  states.forEach(([from, to], i) => {
    assert.notEqual(from, to);
    assert.equal(from, i ? states[i - 1][1] : 'unknown', JSON.stringify(states));
  });
});

test('an event has the members that the documentation names, and no others', () => {
  const documented = new Map();
  let members = []; // "the same": as the row above
  for (const line of readFileSync(path.join(project, 'docs/events.md'), 'utf8').split('\n')) {
    const [, types, , named] = /^\| (`[a-z_.`, ]+`) \| (.*?) ?\| (.*?) ?\|$/.exec(line) ?? [];
    if (!types) continue;
    const names = [...named.matchAll(/`(\w+)`/g)].map((m) => m[1]);
    members = named.startsWith('the same') ? [...members, ...names] : names;
    for (const [, type] of types.matchAll(/`([a-z_.]+)`/g)) documented.set(type, members);
  }
  assert.equal(documented.size, 34);
  for (const { type, timestamp, data, ...rest } of events) {
    assert.deepEqual(Object.keys(rest), ['seq'], type);
    assert.ok(documented.has(type), type);
    const { id, tenant, marketplace, source, observed_at: observed, ...more } = data;
    assert.match(id, /^evt_[0-9a-f]{32}$/);
    assert.ok(tenant && source);
    assert.deepEqual([marketplace, observed], ['atlassian', timestamp]);
    assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);
    for (const [name, value] of Object.entries(more)) {
      assert.ok(documented.get(type).includes(name), `${type}: ${name}`);
      assert.ok(value !== null && value !== '', `${type}: ${name} is absent where it does not apply`);
    }
  }
  assert.equal(new Set(events.map((e) => e.data.id)).size, events.length);
});

test('read in pages, by type, by tenant: the same events, and next is always there', async () => {
  const read = async (query) => {
    const all = [];
    for (let next = 0, got = [null]; got.length;) {
      ({ events: got, next } = (await app.admin(`events?after=${next}&limit=3${query}`)).json);
      all.push(...got);
      assert.equal(typeof next, 'number');
    }
    return all;
  };
  assert.deepEqual(await read(''), events);
  assert.deepEqual(await read('&type=license.changed'), events.filter((e) => e.type === 'license.changed'));
  assert.deepEqual(await read(`&tenant=${site.clientKey}`), events.filter((e) => e.data.tenant === site.clientKey));
  const { json } = await app.admin(`tenants/${site.clientKey}/events?limit=500`);
  assert.deepEqual(json.events, events.filter((e) => e.data.tenant === site.clientKey));
});

// github.test.mjs - the webhook of GitHub Marketplace: from a signed delivery to a tenant with a licence, a journal
// entry, and what is refused.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { BASE_URL, Licgate, run, until } from './lib/licgate.mjs';
import { Atlassian } from './lib/atlassian.mjs';
import { GitHub, PLANS, checked, deliver, iso, payload, purchase, realPayloads, sign } from './lib/github.mjs';

const DAY = 86400000;
const OFF = { LICGATE_GITHUB_CLIENT_ID: undefined, LICGATE_GITHUB_CLIENT_SECRET: undefined }; // webhook alone
let world, app;
before(async () => {
  world = await GitHub.start();
  app = await Licgate.start({ env: { ...world.env, ...OFF } });
});
after(async () => { await app.stop(); await world.stop(); });

const took = async (answer) => assert.equal((await answer).status, 204);
const tenant = async (id, server = app) => (await server.admin(`tenants/github:${id}`)).json;
const state = async (id, server = app) => (await tenant(id, server)).license.state;
const journal = async (id, server = app) => (await server.events(`&tenant=github:${id}`)).filter((e) => /^(trial|purchase)\./.test(e.type));
const types = async (id, server = app) => (await journal(id, server)).map((e) => e.type);

test("GitHub's own payloads: purchased, changed, cancelled", async () => {
  const [purchased] = realPayloads.filter((e) => e.action === 'purchased'), changed = realPayloads.find((e) => e.action === 'changed'),
    cancelled = realPayloads.find((e) => e.action === 'cancelled');
  await took(deliver(app, checked(purchased)));
  const id = purchased.marketplace_purchase.account.id;
  const before = await tenant(id);
  assert.equal(before.tenant.product_type, 'github');
  assert.equal(before.tenant.status, 'enabled');
  assert.deepEqual([before.license.state, before.license.source, before.license.seats.limit], ['active', 'github', 1]);
  await took(deliver(app, changed)); // the same effective date: the later to arrive holds
  assert.equal((await tenant(id)).license.seats.limit, 10);
  const { tenants } = (await app.admin('tenants?query=github:')).json;
  assert.ok(tenants.some((t) => t.client_key === `github:${id}` && t.license.state === 'active'));
  const [created, upgraded] = await journal(id);
  assert.deepEqual([created.type, created.data.marketplace, created.data.amount_cents, created.data.currency, created.data.effective_at],
    ['purchase.created', 'github', 1000, 'USD', '2017-10-25T00:00:00Z']);
  assert.deepEqual([upgraded.type, upgraded.data.amount_cents, upgraded.data.previous.amount_cents], ['purchase.upgraded', 10000, 1000]);
  await took(deliver(app, cancelled)); // of an account nobody heard of before
  const gone = cancelled.marketplace_purchase.account.id;
  assert.equal(await state(gone), 'none');
  assert.equal((await tenant(gone)).tenant.status, 'uninstalled');
  const changes = await until('licence changes are journalled', async () => {
    const all = (await app.events(`&tenant=github:${id}`)).filter((e) => e.type === 'license.changed');
    return all.length && all;
  });
  assert.deepEqual([changes[0].data.to, changes[0].data.reason, changes[0].data.marketplace, changes[0].data.source], ['active', 'purchase_active', 'github', 'github']);
});

test('a trial, its end as days left, its conversion', async () => {
  const p = purchase({ id: 11, trialEnds: iso(Date.now() + 14 * DAY) });
  await took(deliver(app, payload('purchased', p, { at: Date.now() - DAY })));
  const { license } = await tenant(11);
  assert.deepEqual([license.state, license.evaluation, license.reason, license.expires_at], ['evaluation', true, 'purchase_trial', new Date(p.trialEnds).toISOString().replace('.000', '')]);
  await took(deliver(app, payload('changed', { ...p, trialEnds: null }, { previous: p })));
  assert.equal(await state(11), 'active');
  assert.deepEqual(await types(11), ['trial.started', 'trial.converted', 'purchase.created']);
  const [started] = await journal(11);
  assert.equal(started.data.amount_cents, undefined);
});

test('a trial that is cancelled, and one that nobody paid for', async () => {
  const p = purchase({ id: 12, trialEnds: iso(Date.now() + 14 * DAY) });
  await took(deliver(app, payload('purchased', p, { at: Date.now() - DAY })));
  await took(deliver(app, payload('cancelled', p)));
  assert.equal(await state(12), 'none');
  assert.deepEqual(await types(12), ['trial.started', 'trial.cancelled']);
  await took(deliver(app, payload('purchased', purchase({ id: 13, trialEnds: iso(Date.now() + 1500) }), { at: Date.now() - DAY })));
  await until('the trial has expired although nobody says so', async () => (await state(13)) === 'expired');
  assert.deepEqual(await types(13), ['trial.started', 'trial.expired']);
});

test('a scheduled change happens on its day by itself, after a restart too', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-github-'));
  let server = await Licgate.start({ env: { ...world.env, ...OFF }, dir });
  const p = purchase({ id: 21, units: 10 }), soon = iso(Date.now() + 2000);
  await took(deliver(server, payload('purchased', p, { at: Date.now() - DAY })));
  await took(deliver(server, payload('pending_change', { ...p, units: 3 }, { at: soon, previous: p })));
  const q = purchase({ id: 22 });
  await took(deliver(server, payload('purchased', q, { at: Date.now() - DAY })));
  await took(deliver(server, payload('pending_change', { ...q, units: 0 }, { at: soon, previous: q })));
  assert.equal((await tenant(21, server)).license.seats.limit, 10);
  assert.equal(await state(22, server), 'cancelled_pending');
  await server.kill();
  server = await Licgate.start({ env: { ...world.env, ...OFF }, dir });
  await until('fewer seats', async () => (await tenant(21, server)).license.seats.limit === 3);
  await until('none', async () => (await state(22, server)) === 'none');
  await until('it is closed', async () => (await tenant(22, server)).tenant.status === 'uninstalled');
  assert.deepEqual(await types(21, server), ['purchase.created', 'purchase.change_pending', 'purchase.downgraded']);
  assert.deepEqual(await types(22, server), ['purchase.created', 'purchase.change_pending', 'purchase.cancelled']);
  /* GitHub's own word comes afterwards: nothing new */
  await took(deliver(server, payload('changed', { ...p, units: 3 }, { at: soon, previous: p })));
  assert.equal((await types(21, server)).length, 3);
  await server.stop();
  rmSync(dir, { recursive: true });
});

test('a scheduled change is dropped', async () => {
  const p = purchase({ id: 23 });
  await took(deliver(app, payload('purchased', p, { at: Date.now() - DAY })));
  await took(deliver(app, payload('pending_change', { ...p, units: 0 }, { at: Date.now() + DAY, previous: p })));
  assert.equal(await state(23), 'cancelled_pending');
  await took(deliver(app, payload('pending_change_cancelled', p, { at: Date.now() + DAY })));
  assert.equal(await state(23), 'active');
  assert.deepEqual(await types(23), ['purchase.created', 'purchase.change_pending', 'purchase.change_dropped']);
});

test('twice, late, out of order: only dates decide', async () => {
  const p = purchase({ id: 31 }), id = 'one-delivery', t = Date.now() - 10 * DAY;
  await took(deliver(app, payload('cancelled', p, { at: t + 3 * DAY })));
  await took(deliver(app, payload('purchased', p, { at: t })));
  assert.equal(await state(31), 'none');
  await took(deliver(app, payload('purchased', { ...p, units: 7 }, { at: t + 4 * DAY }), { id }));
  await took(deliver(app, payload('purchased', { ...p, units: 99 }, { at: t + 5 * DAY }), { id })); // the same delivery
  assert.equal((await tenant(31)).license.seats.limit, 7);
  assert.equal((await tenant(31)).tenant.status, 'enabled');
  assert.ok(await app.metric('licgate_github_webhooks_total', { result: 'duplicate' }) >= 1);
  assert.ok(await app.metric('licgate_github_webhooks_total', { result: 'older' }) >= 1);
});

test('what is no delivery of GitHub is refused, and changes nothing', async () => {
  const p = purchase({ id: 41 }), body = JSON.stringify(payload('purchased', p));
  const good = sign(body);
  const refused = { absent: undefined, empty: '', short: good.slice(0, -1), long: `${good}0`, 'SHA-1': `sha1=${good.slice(7, 47)}`, 'upper case': good.toUpperCase(), 'SHA256=': good.replace('sha256', 'SHA256'),
    'upper digits': `sha256=${good.slice(7).toUpperCase()}`, 'of another secret': sign(body, 'other'), 'of another body': sign(`${body} `), twice: [good, good] };
  for (const [what, signature] of Object.entries(refused)) {
    const headers = { 'x-hub-signature-256': signature };
    if (signature === undefined) delete headers['x-hub-signature-256'];
    const answer = await app.request({ method: 'POST', target: '/github/webhook', body, headers: { 'content-type': 'application/json', 'x-github-event': 'marketplace_purchase', 'x-github-delivery': `d-${what}`, ...headers } });
    assert.equal(answer.status, 401, what);
  }
  for (const raw of ['', '[]', '{}', '{"action":"purchased"}', body.replace('"id":41', '"id":"41"'), body.replace(/"effective_date":"[^"]+"/, '"effective_date":"soon"'), `${body}x`, body.replace('{', '{"action":"cancelled",')]) {
    assert.equal((await deliver(app, null, { raw })).status, 400, raw);
  }
  assert.equal((await deliver(app, null, { raw: body, headers: { 'x-github-delivery': '' } })).status, 400);
  assert.equal((await app.admin('tenants/github:41')).status, 404);
  for (const name of ['ping', 'push']) await took(deliver(app, { zen: 'Design for failure.', hook_id: 1 }, { name }));
  await took(deliver(app, { ...payload('purchased', p), action: 'renamed' }));
  assert.equal((await app.admin('tenants/github:41')).status, 404);
  const off = await Licgate.start({});
  assert.equal((await deliver(off, payload('purchased', p))).status, 404);
  await off.stop();
  /* as a form, which the listing may be set to */
  const form = `payload=${encodeURIComponent(body)}`;
  await took(deliver(app, null, { raw: form, headers: { 'content-type': 'application/x-www-form-urlencoded' } }));
  assert.equal(await state(41), 'active');
});

test('kill -9 after the answer: what was acknowledged is there', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-github-'));
  let server = await Licgate.start({ env: { ...world.env, ...OFF }, dir });
  const some = Array.from({ length: 20 }, (_, i) => purchase({ id: 600 + i, units: i + 1 }));
  await Promise.all(some.map((p) => took(deliver(server, payload('purchased', p)))));
  await server.kill();
  server = await Licgate.start({ env: { ...world.env, ...OFF }, dir });
  for (const p of some) {
    const { license } = await tenant(p.id, server);
    assert.deepEqual([license.state, license.seats.limit], ['active', p.units]);
    await until('the change is journalled', async () => (await server.events(`&tenant=github:${p.id}`)).filter((e) => e.type === 'license.changed').length === 1);
  }
  await server.stop();
  rmSync(dir, { recursive: true });
});

test("no door reaches another's tenant", async () => {
  const connect = await Atlassian.start(), server = await Licgate.start({ env: { ...connect.env, ...world.env, ...OFF } });
  await took(deliver(server, payload('purchased', purchase({ id: 51 }))));
  const thief = connect.site('thief');
  assert.equal((await thief.install(server)).status, 204);
  thief.clientKey = 'github:51';
  for (const event of ['installed', 'uninstalled']) {
    const answer = await thief.lifecycle(server, event);
    assert.deepEqual([answer.status, answer.json.code], [403, 'client_key_reserved']);
  }
  assert.equal((await thief.apiLicense(server)).status, 401);
  assert.equal((await thief.open(server, '/app/license.json')).status, 401);
  assert.equal((await thief.lifecycle(server, 'enabled', { token: thief.token('POST', '/enabled') })).status, 401);
  thief.clientKey = 'forge:x';
  assert.equal((await thief.install(server)).status, 403);
  assert.deepEqual([(await tenant(51, server)).tenant.status, await state(51, server)], ['enabled', 'active']);
  assert.equal((await server.admin('tenants/github:51/test-call', { method: 'POST' })).status, 409);
  assert.ok(BASE_URL);
  await server.stop();
  await connect.stop();
});

test('an override, seats and the list of tenants work as for everybody', async () => {
  await took(deliver(app, payload('purchased', purchase({ id: 61, plan: PLANS.flat, units: 1 }), { at: Date.now() - DAY })));
  assert.equal((await tenant(61)).license.seats.limit, null);
  await took(deliver(app, payload('cancelled', purchase({ id: 61, plan: PLANS.flat, units: 1 }))));
  assert.equal(await state(61), 'none');
  const until_ = new Date(Date.now() + DAY).toISOString();
  assert.equal((await app.admin('tenants/github:61/override', { method: 'PUT', body: { state: 'active', until: until_, reason: 'paid by invoice', by: 'jo' } })).status, 204);
  assert.equal(await state(61), 'active');
  const set = await until('the event', async () => (await app.events('&tenant=github:61')).find((e) => e.type === 'override.set'));
  assert.equal(set.data.marketplace, 'github');
});

test('no login, contact or secret is logged, journalled or told', async () => {
  const p = purchase({ id: 71, login: 'personal-login', email: 'person@example.com' });
  await took(deliver(app, payload('purchased', p)));
  await until('the change', async () => (await app.events('&tenant=github:71')).some((e) => e.type === 'license.changed'));
  const log = app.stderr, events = JSON.stringify(await app.events());
  for (const text of ['personal-login', 'person@example.com', "It's a Secret"]) {
    assert.ok(!log.includes(text), `log: ${text}`);
    assert.ok(!events.includes(text), `journal: ${text}`);
  }
});

test('a billing address that is forgotten goes from its account, and no webhook brings it back', async () => {
  const p = purchase({ id: 72, email: 'Forget.Me@example.com' });
  const kept = () => execFileSync('sqlite3', [path.join(app.dir, 'licgate.db'), "SELECT email IS NOT NULL FROM github_accounts WHERE account_id = '72'"]).toString().trim();
  await took(deliver(app, payload('purchased', p, { at: Date.now() - 3 * DAY })));
  assert.equal(kept(), '1');
  const contacts = async () => (await app.admin('tenants/github:72?contacts=1')).json.contacts;
  await until('who asks sees it', async () => (await contacts()).some((c) => c.email === p.email));
  const { code, stdout, stderr } = await run(['forget', 'forget.me@example.com'], { dir: app.dir, env: { ...world.env, ...OFF } });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /of look-ups 1, of GitHub accounts 1,/);
  assert.deepEqual(await contacts(), []);
  assert.equal(kept(), '0');
  await took(deliver(app, payload('changed', { ...p, units: 6 }, { at: Date.now() - 2 * DAY })));
  assert.equal((await tenant(72)).license.seats.limit, 6);
  assert.equal(kept(), '0');
  await took(deliver(app, payload('changed', { ...p, units: 7, email: 'other@example.com' }, { at: Date.now() - DAY })));
  assert.equal(kept(), '1');
});

test('personal data is erased after the retention time: account, tenant, people; the dates stay', async () => {
  const server = await Licgate.start({ env: { ...world.env, ...OFF, LICGATE_RETENTION_DAYS: '0' } }), p = purchase({ id: 81, login: 'leaving-login', email: 'leaving@example.com' });
  await took(deliver(server, payload('purchased', p, { at: Date.now() - 5 * DAY })));
  assert.equal((await tenant(81, server)).marketplace.tier, 'Team');
  await took(deliver(server, payload('cancelled', p, { at: Date.now() - DAY })));
  await until('it is erased', async () => (await server.admin('tenants/github:81')).status === 404, 15000);
  await until('the journal says so', async () => (await server.events('&type=tenant.purged')).some((e) => e.data.tenant === 'github:81'));
  await took(deliver(server, payload('changed', { ...p, units: 9 }, { at: Date.now() - 2 * DAY }))); // late: nothing comes back
  assert.equal((await server.admin('tenants/github:81')).status, 404);
  const dump = execFileSync('sqlite3', [path.join(server.dir, 'licgate.db'), '.dump']).toString();
  assert.ok(!dump.includes('leaving-login') && !dump.includes('leaving@example.com'));
  await took(deliver(server, payload('purchased', p))); // bought again
  assert.equal(await state(81, server), 'active');
  await server.stop();
});

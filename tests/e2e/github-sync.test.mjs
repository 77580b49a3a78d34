// github-sync.test.mjs - the REST listing heals what webhooks did not bring; a GitHub that misbehaves takes nothing
// away; tokens of customers who left are given back.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Licgate, run, until } from './lib/licgate.mjs';
import { GitHub, PLANS, deliver, iso, payload, purchase } from './lib/github.mjs';

const DAY = 86400000;
let world;
before(async () => { world = await GitHub.start(); });
after(() => world.stop());
beforeEach(() => { world.accounts.clear(); world.fault = null; world.link = null; world.pageSize = 100; world.plans = [PLANS.team, PLANS.flat]; world.calls.length = 0; });

const took = async (answer) => assert.equal((await answer).status, 204);
const tenant = async (app, id) => (await app.admin(`tenants/github:${id}`)).json;
const state = async (app, id) => (await tenant(app, id)).license?.state;
const types = async (app, id) => (await app.events(`&tenant=github:${id}`)).filter((e) => /^(trial|purchase)\./.test(e.type)).map((e) => e.type);
const synced = (app, n = 1) => until('a comparison has ended', async () => (await app.metric('licgate_github_reconciles_total', { result: 'ok' })) >= n);
const refresh = (app, id) => app.admin(`tenants/github:${id}/refresh`, { method: 'POST' });

test('at start everything GitHub lists is here, page by page, by client id and secret', async () => {
  world.pageSize = 10;
  for (let i = 0; i < 25; i++) world.buys(purchase({ id: 100 + i, units: i + 1 }));
  world.buys(purchase({ id: 200, plan: PLANS.flat, trialEnds: iso(Date.now() + 5 * DAY), pending: null }));
  const app = await Licgate.start({ env: world.env });
  await synced(app);
  for (let i = 0; i < 25; i++) assert.deepEqual([await state(app, 100 + i), (await tenant(app, 100 + i)).license.seats.limit], ['active', i + 1]);
  assert.equal(await state(app, 200), 'evaluation');
  assert.ok(world.calls.every((c) => !c.path.includes('marketplace_listing') || c.headers.authorization.startsWith('Basic ')));
  assert.match(world.calls[0].headers['user-agent'], /^licgate\//);
  await app.stop();
});

test("by the App's key: RS256, ten minutes at most", async () => {
  world.buys(purchase({ id: 1 }));
  const app = await Licgate.start({ env: { ...world.env, ...world.appEnv } });
  await synced(app);
  assert.equal(await state(app, 1), 'active');
  assert.equal(world.lastJwt.header.alg, 'RS256');
  assert.ok(world.lastJwt.claims.exp - world.lastJwt.claims.iat <= 600);
  await app.stop();
});

test('a lost webhook heals on refresh, and is told once', async () => {
  const app = await Licgate.start({ env: world.env }), p = purchase({ id: 2 });
  await synced(app);
  await took(deliver(app, payload('purchased', p, { at: Date.now() - 3 * DAY })));
  world.buys({ ...p, units: 9 });
  const answer = await refresh(app, 2);
  assert.deepEqual([answer.status, answer.json.license.seats.limit, answer.json.license.source], [200, 9, 'github']);
  await took(deliver(app, payload('changed', { ...p, units: 9 }, { previous: p }))); // late
  assert.deepEqual(await types(app, 2), ['purchase.created', 'purchase.upgraded']);
  const pending = { ...p, units: 9, pending: { at: iso(Date.now() + 3 * DAY), units: 0, plan: PLANS.team } };
  world.buys(pending);
  assert.equal((await refresh(app, 2)).json.license.state, 'cancelled_pending');
  world.buys({ ...pending, pending: null });
  assert.equal((await refresh(app, 2)).json.license.state, 'active');
  world.accounts.delete(2);
  assert.equal((await refresh(app, 2)).json.license.state, 'none');
  world.buys(p); // bought again, and that webhook was lost too; its tenant is closed
  assert.equal((await refresh(app, 2)).json.license.state, 'active');
  assert.deepEqual(await types(app, 2), ['purchase.created', 'purchase.upgraded', 'purchase.change_pending', 'purchase.change_dropped', 'purchase.cancelled', 'purchase.created']);
  const { drift } = (await app.admin('github/drift')).json;
  assert.deepEqual(drift.map((d) => d.what).reverse(), ['units', 'scheduled', 'scheduled', 'gone', 'status']);
  const csv = await app.admin('github/drift', { headers: { accept: 'text/csv' } });
  assert.match(csv.text, /^at,tenant,what,ours,theirs\r?\n/);
  await app.stop();
});

test('a GitHub that misbehaves takes nothing away, and is asked again', async () => {
  const p = purchase({ id: 3 }), faults = {
    html: (req, res) => { res.writeHead(200, { 'content-type': 'text/html' }).end('<html>Unicorn</html>'); return true; },
    'an object': (req, res) => { res.writeHead(200).end('{"message":"hello"}'); return true; },
    empty: (req, res) => { res.writeHead(200).end(''); return true; },
    'no plans': (req, res) => { res.writeHead(200).end('[]'); return true; },
    unauthorized: (req, res) => { res.writeHead(401).end('{}'); return true; },
    redirect: (req, res) => { res.writeHead(302, { location: world.url }).end(); return true; },
    cut: (req, res) => { res.writeHead(200, { 'content-length': 1000 }).write('[{"id":1'); res.destroy(); return true; },
  };
  world.buys(p);
  let app = await Licgate.start({ env: world.env });
  await synced(app);
  for (const [what, fault] of Object.entries(faults)) {
    world.fault = fault;
    const { status, json } = await refresh(app, 3);
    if (what !== 'no plans') assert.equal(status, 502, `${what} ${json.code}`);
    assert.equal(await state(app, 3), 'active', what);
  }
  await app.stop({ keep: true });
  for (const [what, fault] of Object.entries(faults)) { // and for the whole listing, at start
    world.fault = fault;
    app = await Licgate.start({ env: world.env, dir: app.dir });
    await until(`${what} is noticed`, async () => (await app.metric('licgate_github_reconciles_total', { result: 'failed' })) >= 1);
    assert.equal(await state(app, 3), 'active', what);
    await app.stop({ keep: true });
  }
  /* busy for a moment: asked again within the same round */
  let busy = 2;
  world.fault = (req, res) => { if (busy-- > 0) { res.writeHead(busy ? 429 : 503, { 'retry-after': '0' }).end('slow down'); return true; } return false; };
  app = await Licgate.start({ env: world.env, dir: app.dir });
  await synced(app);
  await app.stop();
});

test('a Link to another origin is not followed: our credentials stay', async () => {
  world.pageSize = 1;
  for (let i = 0; i < 3; i++) world.buys(purchase({ id: 300 + i }));
  const evil = await GitHub.start();
  world.link = (next) => `${evil.url}/api${next.pathname.slice(4)}${next.search}`;
  const app = await Licgate.start({ env: world.env });
  await until('it is noticed', () => app.log.some((e) => e.event === 'github.sync_failed' && e.code === 'link_refused'));
  assert.equal(evil.calls.length, 0);
  await app.stop();
  await evil.stop();
});

test('an account nobody lists any more is asked for alone, and is gone only then', async () => {
  const stays = world.buys(purchase({ id: 4 })), goes = world.buys(purchase({ id: 5 }));
  let app = await Licgate.start({ env: world.env });
  await synced(app);
  await app.stop({ keep: true });
  world.plans = [PLANS.flat]; // the team plan was retired: its accounts are in no list
  world.accounts.delete(goes.id);
  app = await Licgate.start({ env: world.env, dir: app.dir });
  await synced(app);
  assert.deepEqual([await state(app, stays.id), await state(app, goes.id)], ['active', 'none']);
  await app.stop();
});

test('a trial that is over is settled by what GitHub says', async () => {
  const ends = iso(Date.now() + 2000);
  const paid = world.buys(purchase({ id: 6, trialEnds: ends })), not = world.buys(purchase({ id: 7, trialEnds: ends }));
  const app = await Licgate.start({ env: world.env });
  await synced(app);
  assert.equal(await state(app, 6), 'evaluation');
  world.buys({ ...paid, trialEnds: null });
  world.accounts.delete(not.id);
  await until('it was paid for', async () => (await state(app, 6)) === 'active');
  await until('it was not', async () => (await state(app, 7)) === 'expired');
  assert.deepEqual(await types(app, 6), ['trial.started', 'trial.converted', 'purchase.created']);
  assert.deepEqual(await types(app, 7), ['trial.started', 'trial.expired']);
  await app.stop();
});

test('after a cancellation the free plan goes on, where the listing has one', async () => {
  world.plans = Object.values(PLANS);
  const app = await Licgate.start({ env: world.env }), p = purchase({ id: 8 });
  await synced(app);
  await took(deliver(app, payload('purchased', p, { at: Date.now() - DAY })));
  await took(deliver(app, payload('cancelled', p)));
  await until('the free plan is stored', async () => (await tenant(app, 8)).license.type === 'FREE');
  const { license, tenant: t } = await tenant(app, 8);
  assert.deepEqual([license.state, license.seats.limit, t.status], ['active', null, 'enabled']);
  assert.equal((await refresh(app, 8)).json.license.state, 'active'); // GitHub knows no purchase: that is as it should be
  assert.deepEqual(await types(app, 8), ['purchase.created', 'purchase.cancelled']);
  await app.stop();
});

/* A year of one customer as GitHub would tell it. */
function year(id) {
  const start = Date.now() - 360 * DAY, day = (n) => iso(start + n * DAY);
  const trial = purchase({ id, units: 3, trialEnds: day(14) }), paid = { ...trial, trialEnds: null }, more = { ...paid, units: 8 }, flat = { ...more, plan: PLANS.flat, units: 1 },
    less = { ...paid, units: 4 };
  return { last: { ...less, cycle: 'yearly' }, events: [
    payload('purchased', trial, { at: day(0) }), payload('changed', paid, { at: day(14), previous: trial }), payload('changed', more, { at: day(50), previous: paid }),
    payload('changed', flat, { at: day(100), previous: more }), payload('cancelled', flat, { at: day(150) }), payload('purchased', paid, { at: day(200) }),
    payload('pending_change', less, { at: day(260), previous: paid }), payload('changed', less, { at: day(260), previous: paid }),
    payload('changed', { ...less, cycle: 'yearly' }, { at: day(300), previous: less }) ] };
}
function shuffled(list, seed) {
  const all = [...list];
  let x = seed;
  for (let i = all.length - 1; i > 0; i--) {
    x = (x * 1103515245 + 12345) % 2147483648;
    const k = x % (i + 1);
    [all[i], all[k]] = [all[k], all[i]];
  }
  return all;
}
const final = async (app, id) => { const { tenant: t, license: l } = await tenant(app, id); return l && [t.status, l.state, l.reason, l.type, l.seats.limit, l.expires_at]; };

test('a year replayed in any order, twice and with losses ends in the same state', async () => {
  let app = await Licgate.start({ env: world.env });
  await synced(app);
  for (const e of year(1000).events) await took(deliver(app, e));
  const expected = ['enabled', 'active', 'purchase_active', 'COMMERCIAL', 4, null];
  const ends = (id) => until(`${id} is in its last state`, async () => JSON.stringify(await final(app, id)) === JSON.stringify(expected));
  await ends(1000);
  for (let seed = 1; seed <= 12; seed++) {
    const { events, last } = year(1000 + seed), order = shuffled(events.flatMap((e) => [e, e]), seed);
    const lossy = seed % 2 ? order : order.filter((e, i) => (i * seed) % 3);
    for (const e of lossy) await took(deliver(app, e));
    if (lossy === order) await ends(1000 + seed);
    world.buys({ ...last, updated: iso(Date.now() - 60 * DAY) });
  }
  world.buys({ ...year(1000).last, updated: iso(Date.now() - 60 * DAY) });
  await app.stop({ keep: true }); // what is started next compares with GitHub
  app = await Licgate.start({ env: world.env, dir: app.dir });
  await synced(app);
  for (let seed = 0; seed <= 12; seed++) await ends(1000 + seed);
  await app.stop();
});

test('licgate sync compares now, alone and beside a server, which follows by itself', async () => {
  const app = await Licgate.start({ env: world.env });
  await synced(app);
  const sync = () => run(['sync'], { env: world.env, dir: app.dir });
  world.buys(purchase({ id: 9, units: 3 }));
  assert.equal((await app.admin('tenants/github:9')).status, 404);
  const first = await sync();
  assert.deepEqual([first.code, first.stdout], [0, 'GitHub: 2 plans, 1 accounts (1 new or changed)\n'], first.stderr);
  await until('the server follows', async () => (await state(app, 9)) === 'active', 15000);
  world.accounts.delete(9);
  assert.equal((await sync()).code, 0);
  await until('the server follows', async () => (await state(app, 9)) === 'none', 15000);
  assert.equal((await tenant(app, 9)).tenant.status, 'uninstalled');
  world.fault = (req, res) => { res.writeHead(401).end('{}'); return true; };
  const failed = await sync();
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /unauthorized/);
  const nothing = await run(['sync'], { dir: app.dir });
  assert.deepEqual([nothing.code, nothing.stdout], [1, '']);
  await app.stop();
});

test('both kinds of tenants stand side by side, and apart where that is asked for', async () => {
  world.buys(purchase({ id: 10 }));
  const app = await Licgate.start({ env: world.env });
  await synced(app);
  const count = async (kind) => (await app.admin(`tenants?kind=${kind}`)).json.total;
  assert.deepEqual([await count('github'), await count('connect'), await count('forge'), await count('')], [1, 0, 0, 1]);
  assert.equal((await app.admin('tenants?kind=jira')).status, 400);
  const { accounts } = (await app.admin('github/accounts')).json;
  assert.deepEqual([accounts[0].tenant, accounts[0].plan_name, accounts[0].units, accounts[0].amount_cents, accounts[0].scheduled], ['github:10', 'Team', 5, 2500, null]);
  assert.match((await app.admin('github/accounts?format=csv')).text, /^tenant,type,status,plan,.*\r?\ngithub:10,Organization,active,200,Team,per_unit,5,monthly,2500,/);
  await app.stop();
});

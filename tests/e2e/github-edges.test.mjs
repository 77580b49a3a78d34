// github-edges.test.mjs - what GitHub's documentation leaves room for: the same thing said in another way, and dates
// that come about while nobody was here to see them.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Licgate, until } from './lib/licgate.mjs';
import { GitHub, PLANS, deliver, iso, payload, purchase, sign } from './lib/github.mjs';

const DAY = 86400000;
let world, app;
before(async () => { world = await GitHub.start(); });
after(() => world.stop());
beforeEach(() => { world.accounts.clear(); world.fault = null; world.formTokens = false; world.plans = Object.values(PLANS); });

const start = async (more = {}) => {
  app = await Licgate.start(more.env || more.dir ? { env: { ...world.env, ...more.env }, dir: more.dir } : { env: world.env });
  await until('compared', async () => (await app.metric('licgate_github_reconciles_total', { result: 'ok' })) >= 1);
};
const took = async (answer) => assert.equal((await answer).status, 204);
const state = async (id) => (await app.admin(`tenants/github:${id}`)).json.license.state;
const journal = async (id) => (await app.events(`&tenant=github:${id}`)).filter((e) => /^(trial|purchase)\./.test(e.type));
const types = async (id) => (await journal(id)).map((e) => e.type);
const refresh = (id) => app.admin(`tenants/github:${id}/refresh`, { method: 'POST' });
const second = (ms) => Math.floor(ms / 1000) * 1000;
const cookieOf = (answer, name) => [answer.headers['set-cookie'] ?? []].flat().map((c) => c.split(';')[0]).find((c) => c.startsWith(`${name}=`));
async function signIn(user) {
  const setup = await app.request({ target: '/github/setup' });
  return app.request({ target: world.consent(setup.headers.location, user), headers: { cookie: cookieOf(setup, 'licgate_github_setup') } });
}

test('a signed ping needs nothing else; a purchase needs its delivery id', async () => {
  await start();
  const bare = (name, text) => app.request({ method: 'POST', target: '/github/webhook', body: text,
    headers: { 'content-type': 'application/json', 'x-github-event': name, 'x-hub-signature-256': sign(text) } });
  assert.equal((await bare('ping', JSON.stringify({ zen: 'Keep it logically awesome.', hook_id: 1 }))).status, 204);
  assert.equal((await bare('marketplace_purchase', JSON.stringify(payload('purchased', purchase({ id: 1 }))))).status, 400);
  await app.stop();
});

test('a cancellation that is scheduled without saying what was before', async () => {
  await start();
  const p = purchase({ id: 2, plan: PLANS.flat, units: 1 }), at = second(Date.now() + 3000);
  world.buys(p);
  await took(deliver(app, payload('purchased', p, { at: Date.now() - DAY })));
  await took(deliver(app, payload('pending_change', { ...p, units: 0 }, { at })));
  assert.equal(await state(2), 'cancelled_pending');
  // another cycle of the same plan is no end
  const q = purchase({ id: 3, plan: PLANS.flat, units: 1 });
  await took(deliver(app, payload('purchased', q, { at: Date.now() - DAY })));
  await took(deliver(app, payload('pending_change', { ...q, units: 0, cycle: 'yearly' }, { at: Date.now() + DAY })));
  assert.equal(await state(3), 'active');
  await until('it has ended on its day', async () => (await types(2)).includes('purchase.cancelled'));
  await app.stop();
});

test('what was cancelled is told, not the free plan that goes on', async () => {
  await start();
  const p = purchase({ id: 4, plan: PLANS.flat, units: 1 });
  await took(deliver(app, payload('purchased', p, { at: Date.now() - DAY })));
  await took(deliver(app, payload('cancelled', { ...p, units: 0 })));
  assert.equal(await state(4), 'active');
  const [, cancelled] = await journal(4);
  assert.deepEqual([cancelled.type, cancelled.data.plan, cancelled.data.amount_cents], ['purchase.cancelled', 300, 9900]);
  await app.stop();
});

test('a trial whose end is past opens nothing, though GitHub still lists it as one', async () => {
  await start();
  const ends = second(Date.now() + 3000), p = world.buys(purchase({ id: 5, plan: PLANS.flat, units: 1, trialEnds: iso(ends) }));
  await took(deliver(app, payload('purchased', p, { at: Date.now() - DAY })));
  assert.equal(await state(5), 'evaluation');
  await until('it is over', async () => (await state(5)) === 'expired');
  assert.ok(Date.now() >= ends);
  assert.equal((await refresh(5)).status, 200);
  assert.equal(await state(5), 'expired');
  assert.deepEqual(await types(5), ['trial.started', 'trial.expired']);
  world.buys({ ...p, trialEnds: null }); // paid after all
  assert.equal((await refresh(5)).status, 200);
  assert.equal(await state(5), 'active');
  assert.deepEqual((await types(5)).slice(2), ['trial.converted', 'purchase.created']);
  await app.stop();
});

test('a longer trial is no other plan; at a flat rate none and one unit are the same', async () => {
  await start();
  const p = purchase({ id: 6, plan: PLANS.flat, units: 1, trialEnds: iso(Date.now() + 5 * DAY) });
  await took(deliver(app, payload('purchased', p, { at: Date.now() - DAY })));
  world.buys({ ...p, units: null, trialEnds: iso(Date.now() + 9 * DAY) });
  assert.equal((await refresh(6)).status, 200);
  assert.deepEqual(await types(6), ['trial.started']);
  await app.stop();
});

test('a scheduled change that came about while nobody was here is told as of its day', async () => {
  await start();
  const at = second(Date.now() + 2000), p = world.buys(purchase({ id: 7, updated: iso(Date.now() - DAY) })), q = world.buys(purchase({ id: 8 }));
  await took(deliver(app, payload('purchased', p, { at: Date.now() - DAY })));
  await took(deliver(app, payload('purchased', q, { at: Date.now() - DAY })));
  await took(deliver(app, payload('pending_change', { ...p, units: 2 }, { at, previous: p })));
  await took(deliver(app, payload('pending_change', { ...q, units: 0 }, { at, previous: q })));
  const { dir } = app;
  await app.kill();
  world.buys({ ...p, units: 2 });
  world.accounts.delete(8);
  await until('the day has come', () => Date.now() > at);
  await start({ dir });
  const [, , changed] = await journal(7);
  assert.deepEqual(await types(7), ['purchase.created', 'purchase.change_pending', 'purchase.downgraded']);
  assert.equal(Date.parse(changed.data.effective_at), at);
  const ended = await until('it has ended', async () => (await journal(8))[2]);
  assert.deepEqual([ended.type, Date.parse(ended.data.effective_at), ended.data.amount_cents], ['purchase.cancelled', at, 2500]);
  assert.deepEqual((await app.admin('github/drift')).json.drift.filter((d) => /:[78]$/.test(d.tenant) && d.what !== 'missing'), []);
  await app.stop();
});

test('a token that comes form-encoded, and a plan that is newer than the last comparison', async () => {
  await start();
  world.formTokens = true;
  const plan = { ...PLANS.team, id: 900, number: 9, name: 'New' };
  world.buys(purchase({ id: 9, plan, units: 1 }));
  assert.equal((await signIn(world.user(91, 'first', [9]))).status, 200);
  const full = await signIn(world.user(92, 'second', [9]));
  assert.equal(full.status, 200);
  assert.match(full.text, /href="https:\/\/www\.github\.com\/marketplace\/licgate-app\/upgrade\/9\/9"/);
  await app.stop();
});

test('a change of a purchase that nobody told us of: the news says what was before', async () => {
  await start();
  const p = purchase({ id: 10, units: 8 }), trial = purchase({ id: 11, trialEnds: iso(Date.now() + DAY) });
  await took(deliver(app, payload('changed', p, { at: Date.now() - DAY, previous: { ...p, units: 3 } })));
  const [created, upgraded] = await journal(10);
  assert.deepEqual([created.type, created.data.units, upgraded.type, upgraded.data.units, upgraded.data.previous.units], ['purchase.created', 3, 'purchase.upgraded', 8, 3]);
  await took(deliver(app, payload('purchased', { ...p, units: 3 }, { at: Date.now() - 2 * DAY }))); // late
  assert.deepEqual(await types(10), ['purchase.created', 'purchase.upgraded']);
  await took(deliver(app, payload('changed', { ...trial, trialEnds: null }, { at: Date.now() - DAY, previous: trial })));
  assert.deepEqual(await types(11), ['trial.converted', 'purchase.created']);
  assert.deepEqual([await state(10), await state(11)], ['active', 'active']);
  const { text } = await app.admin('github/accounts?format=csv');
  assert.match(text, /^github:10,Organization,active,200,Team,per_unit,8,monthly,4000,/m);
  const flat = purchase({ id: 12, plan: PLANS.flat, units: 1 });
  await took(deliver(app, payload('purchased', flat)));
  assert.match((await app.admin('github/accounts?format=csv')).text, /^github:12,Organization,active,300,Flat,flat_rate,,monthly,9900,/m);
  await app.stop();
});

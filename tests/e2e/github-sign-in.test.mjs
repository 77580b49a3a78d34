// github-sign-in.test.mjs - setup, sign-in, seats, members, the licence answer; and everything that must not get in.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BASE_URL, Licgate, until } from './lib/licgate.mjs';
import { GitHub, PLANS, deliver, iso, payload, purchase } from './lib/github.mjs';

const DAY = 86400000;
let world, app;
before(async () => {
  world = await GitHub.start();
  app = await Licgate.start({ env: world.env });
  await until('the first comparison has ended', async () => (await app.metric('licgate_github_reconciles_total', { result: 'ok' })) >= 1);
});
after(async () => { await app.stop(); await world.stop(); });

const cookieOf = (answer, name) => [answer.headers['set-cookie'] ?? []].flat().map((c) => c.split(';')[0]).find((c) => c.startsWith(`${name}=`) && c.length > name.length + 1);
const get = (target, cookie, headers = {}) => app.request({ target, headers: { ...headers, ...(cookie ? { cookie } : {}) } });
const post = (target, cookie, fields, headers = {}) => app.request({ method: 'POST', target, body: new URLSearchParams(fields).toString(),
  headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', ...headers } });

async function begin() {
  const answer = await get('/github/setup?marketplace_listing_plan_id=200');
  assert.equal(answer.status, 302);
  return { to: answer.headers.location, cookie: cookieOf(answer, 'licgate_github_setup'), answer };
}
async function signIn(user) {
  const { to, cookie } = await begin();
  const page = await get(world.consent(to, user), cookie);
  return { page, session: cookieOf(page, 'licgate_github') };
}
const license = (session, query = '') => get(`/api/v1/github/license${query}`, session);

test('setup sends the browser to GitHub with a state and a challenge, and nowhere else', async () => {
  const { to, answer } = await begin(), url = new URL(to);
  assert.equal(`${url.origin}${url.pathname}`, `${world.url}/login/oauth/authorize`);
  assert.equal(url.searchParams.get('client_id'), 'Iv1.client');
  assert.equal(url.searchParams.get('redirect_uri'), `${BASE_URL}/github/callback`);
  assert.equal(url.searchParams.get('code_challenge_method'), 'S256');
  assert.match(url.searchParams.get('code_challenge'), /^[A-Za-z0-9_-]{43}$/);
  const [set] = [answer.headers['set-cookie']].flat();
  for (const part of ['HttpOnly', 'SameSite=Lax', 'Secure', 'Max-Age=600', 'Path=/github']) assert.ok(set.includes(part), set);
  for (const extra of ['redirect_uri=https://evil.example', 'return_to=//evil.example', 'state=mine']) {
    const other = new URL((await get(`/github/setup?${extra}`)).headers.location);
    assert.equal(other.searchParams.get('redirect_uri'), `${BASE_URL}/github/callback`);
    assert.notEqual(other.searchParams.get('state'), 'mine');
    assert.ok(!other.href.includes('evil'));
  }
});

test('from the purchase to the account page and the licence answer', async () => {
  world.buys(purchase({ id: 1, units: 2, trialEnds: iso(Date.now() + 13.5 * DAY) }));
  const { page, session } = await signIn(world.user(901, 'Octo-Cat', [1]));
  assert.equal(page.status, 200);
  for (const text of ['Team', 'Free trial', '14 days left', '1 of 2 taken', 'acme-inc', 'octo-cat']) assert.ok(page.text.includes(text), text);
  assert.match(page.headers['content-security-policy'], /default-src 'none'/);
  assert.ok(!/unsafe-inline|<script|style=/.test(page.headers['content-security-policy'] + page.text));
  const set = [page.headers['set-cookie']].flat().join();
  for (const part of ['HttpOnly', 'SameSite=Lax', 'Secure']) assert.ok(set.includes(part));
  const answer = await license(session);
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.json.tenant, answer.json.state, answer.json.source, answer.json.evaluation, answer.json.seats], ['github:1', 'evaluation', 'github', true, { limit: 2, used: 1 }]);
  assert.equal(answer.json.features.board.verdict, 'allow'); // a trial has all that the paid plan has
  assert.equal((await get('/github/account', session)).status, 200);
  /* what is scheduled stays so when somebody signs in again: a person's own list does not tell it */
  await deliver(app, payload('pending_change', purchase({ id: 1, units: 0 }), { at: Date.now() + 13 * DAY, previous: purchase({ id: 1, units: 2 }) }));
  assert.ok((await signIn(world.users.get(901))).page.text.includes('Ends on'));
  const events = (await app.events('&tenant=github:1')).map((e) => e.type);
  assert.ok(events.includes('trial.started'));
  assert.equal((await app.admin('github/drift')).json.drift.length, 0); // the webhook may come later: that is no drift
});

test('per unit: a seat at login, and the way to more when they are taken', async () => {
  world.buys(purchase({ id: 2, units: 1 }));
  const first = await signIn(world.user(911, 'first', [2])), second = await signIn(world.user(912, 'second', [2]));
  assert.ok(first.page.text.includes('one of them yours'));
  assert.ok(second.page.text.includes('All seats are taken'));
  assert.ok(second.page.text.includes('https://www.github.com/marketplace/licgate-app/upgrade/2/2'));
  assert.deepEqual((await license(second.session)).json.seats, { limit: 1, used: 1 });
});

test('at a flat rate the owner picks the members', async () => {
  world.buys(purchase({ id: 3, plan: PLANS.flat, units: 1 }));
  const owner = await signIn(world.user(921, 'owner', [3])), member = world.user(922, 'Mem-Ber', []);
  const before = await signIn(member);
  assert.equal(before.page.status, 403);
  assert.ok(before.page.text.includes('Nothing was bought'));
  const add = await post('/github/members', owner.session, { account: '3', login: 'mem-ber', do: 'add' });
  assert.deepEqual([add.status, add.headers.location], [303, `${BASE_URL}/github/account`]);
  assert.ok((await get('/github/account', owner.session)).text.includes('mem-ber'));
  const { page, session } = await signIn(member);
  assert.equal(page.status, 200);
  assert.equal((await license(session)).json.state, 'active');
  /* a member picks nobody */
  assert.equal((await post('/github/members', session, { account: '3', login: 'x', do: 'add' })).status, 403);
  /* nor does an owner for another account, nor a form of another site */
  assert.equal((await post('/github/members', owner.session, { account: '2', login: 'x', do: 'add' })).status, 403);
  assert.equal((await post('/github/members', owner.session, { account: '3', login: 'x', do: 'add' }, { origin: 'https://evil.example' })).status, 403);
  for (const login of ['', '<script>', 'a b', 'x'.repeat(40)]) assert.equal((await post('/github/members', owner.session, { account: '3', login, do: 'add' })).status, 400, login);
  assert.equal((await post('/github/members', owner.session, { account: '3', login: 'mem-ber', do: 'remove' })).status, 303);
  assert.equal((await license(session)).status, 403);
});

test('somebody with several accounts chooses by number, and sees no other', async () => {
  world.buys(purchase({ id: 4 }));
  world.buys(purchase({ id: 5, plan: PLANS.flat, units: 1 }));
  const { session } = await signIn(world.user(931, 'both', [4, 5]));
  assert.equal((await license(session)).json.tenant, 'github:4');
  assert.equal((await license(session, '?account=5')).json.tenant, 'github:5');
  for (const other of ['1', '999', 'github:1']) assert.equal((await license(session, `?account=${other}`)).status, 403);
  for (const bad of ['?account=', '?account=4&account=5']) assert.equal((await license(session, bad)).status, 400);
});

test('the state: of this browser, in time, once', async () => {
  world.buys(purchase({ id: 6 }));
  const user = world.user(941, 'stately', [6]), mine = await begin(), other = await begin();
  const back = world.consent(mine.to, user);
  const refused = async (target, cookie, what) => {
    const page = await get(target, cookie);
    assert.equal(page.status, 400, what);
    assert.ok(!cookieOf(page, 'licgate_github'), what);
  };
  await refused(back, undefined, 'no cookie');
  await refused(back, other.cookie, 'the cookie of another sign-in');
  await refused(back.replace(/state=[^&]+/, 'state=x'), mine.cookie, 'another state');
  await refused(back.replace(/&state=[^&]+/, ''), mine.cookie, 'no state');
  await refused(`${back}&state=x`, mine.cookie, 'two states');
  await refused(back, `${mine.cookie}x`, 'a changed cookie');
  await refused(back, mine.cookie.replace(/=.*/, '=AAAA'), 'a made-up cookie');
  const tokens = world.calls.filter((c) => c.path === '/login/oauth/access_token').length;
  assert.equal((await get(back, mine.cookie)).status, 200);
  await refused(back, mine.cookie, 'used before');
  assert.equal(world.calls.filter((c) => c.path === '/login/oauth/access_token').length, tokens + 1);
});

test('what GitHub refuses or breaks is a page that says so', async () => {
  const user = world.user(951, 'unlucky', [6]);
  const denied = await begin();
  const state = new URL(denied.to).searchParams.get('state');
  assert.equal((await get(`/github/callback?error=access_denied&state=${state}`, denied.cookie)).status, 403);
  const bad = await begin();
  const page = await get(`/github/callback?code=wrong&state=${new URL(bad.to).searchParams.get('state')}`, bad.cookie);
  assert.equal(page.status, 400);
  assert.ok(page.text.includes('did not accept'));
  const faults = [
    (req, res, url) => url.pathname === '/login/oauth/access_token' && !res.writeHead(500).end('oops').x,
    (req, res, url) => url.pathname === '/api/user' && !res.writeHead(200).end('<html>').x,
    (req, res, url) => url.pathname === '/api/user/marketplace_purchases' && !res.writeHead(503).end().x,
    (req, res, url) => url.pathname === '/api/user/marketplace_purchases' && !res.writeHead(200, { link: '<https://evil.example/api/x>; rel="next"' }).end('[]').x,
  ];
  for (const [i, fault] of faults.entries()) {
    world.fault = fault;
    const { page: broken, session } = await signIn(user);
    assert.equal(broken.status, 502, `fault ${i}`);
    assert.ok(!session);
  }
  world.fault = null;
});

test('no session, no answer; signing out ends it', async () => {
  assert.equal((await license()).status, 401);
  assert.equal((await license('licgate_github=made-up')).status, 401);
  assert.equal((await get('/github/account')).status, 401);
  const { session } = await signIn(world.user(961, 'leaver', [6]));
  assert.equal((await license(session)).status, 200);
  assert.equal((await license(`${session}; ${session}`)).status, 401); // two of them are none
  assert.equal((await post('/github/sign-out', session, {}, { 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.equal((await post('/github/sign-out', session, {})).status, 303);
  assert.equal((await license(session)).status, 401);
});

test('a cancellation ends the session and gives the token back, for as long as it takes', async () => {
  const p = world.buys(purchase({ id: 7, type: 'User' }));
  const { session } = await signIn(world.user(7, 'customer', [7]));
  const token = [...world.tokens.entries()].find(([, u]) => u.id === 7)[0];
  assert.equal((await license(session)).status, 200);
  world.plans = [PLANS.team, PLANS.flat];
  world.accounts.delete(7);
  const server = app; // a listing without a free plan, known from the next comparison on
  await server.stop({ keep: true });
  app = await Licgate.start({ env: world.env, dir: server.dir });
  await until('compared', async () => (await app.metric('licgate_github_reconciles_total', { result: 'ok' })) >= 1);
  await until('the token is revoked', () => world.revoked.includes(token));
  assert.equal((await license(session)).status, 401);
  assert.equal((await app.admin('tenants/github:7')).json.license.state, 'none');
  assert.equal((await deliver(app, payload('cancelled', p))).status, 204);
  assert.ok(!app.stderr.includes(token) && !app.stderr.includes('customer'));
});

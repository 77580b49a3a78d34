// seats.test.mjs - who uses the app at a tenant: seats and overage, what administrators set, users that come and go,
// what the operator sees and frees.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, run, until } from './lib/licgate.mjs';
import { APP_KEY, Atlassian, active, qshOf } from './lib/atlassian.mjs';

const FEATURES = {
  features: {
    board: { active: 'allow', choices: ['allow', 'read_only', 'deny'] },
    export: { active: 'allow', seats: true },
    plan: { active: 'allow', seats: true, overage: '1.5x' },
  },
  pages: { '/app/board': 'board', '/app/export': 'export' },
};

let world, app, dir, env;
before(async () => {
  world = await Atlassian.start();
  dir = mkdtempSync(path.join(tmpdir(), 'licgate-seats-'));
  writeFileSync(path.join(dir, 'features.json'), JSON.stringify(FEATURES));
  env = { ...world.env, LICGATE_FEATURES: path.join(dir, 'features.json') };
  app = await Licgate.start({ env, dir });
});
after(async () => {
  await app.stop();
  await world.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Installed, its licence looked up, with an administrator. */
const installed = async (users = 2) => {
  const site = world.site(undefined, active({ maximumNumberOfUsers: users }));
  site.admins.add('boss');
  assert.equal((await site.install(app)).status, 204);
  await until('looked up', async () => (await site.apiLicense(app)).json.source === 'lookup');
  return site;
};
const use = async (site, sub) => (await site.open(app, '/app/export', { claims: { sub } })).status;
const call = (site, method, target, { sub = 'boss', body } = {}) => app.request({ method, target,
  headers: { authorization: `JWT ${site.context({ sub: sub ?? undefined })}`, ...(body ? { 'content-type': 'application/json' } : {}) },
  body: body && JSON.stringify(body) });
const users = async (site) => (await app.admin(`tenants/${site.clientKey}/users`)).json.users;
const types = async (site) => (await app.events(`&tenant=${site.clientKey}`)).map((e) => e.type);

describe('seats', () => {
  test('are used up, freed by an administrator, and taken again', async () => {
    const site = await installed();
    assert.equal(await use(site, 'ann'), 200);
    assert.equal(await use(site, 'bob'), 200);
    assert.equal(await use(site, 'cy'), 403);
    const { json } = await call(site, 'GET', '/api/v1/configure');
    assert.equal(json.seats.limit, 2);
    assert.equal(json.seats.used, 2);
    assert.deepEqual(json.seats.holders.map((h) => h.account_id), ['ann', 'bob']);
    assert.match(json.seats.holders[0].seat_at, /^\d{4}-/);
    assert.match(json.seats.holders[0].last_seen_at, /^\d{4}-/);
    assert.equal((await call(site, 'DELETE', '/api/v1/seats/bob', { sub: 'cy' })).status, 403);
    assert.equal((await call(site, 'DELETE', '/api/v1/seats/bob')).status, 204);
    assert.equal((await call(site, 'DELETE', '/api/v1/seats/bob')).status, 404);
    assert.equal(await use(site, 'cy'), 200);
    assert.equal(await use(site, 'bob'), 403);
  });

  test('an account id is taken percent-encoded', async () => {
    const site = await installed();
    assert.equal(await use(site, '557058:a/b c'), 200);
    assert.equal((await call(site, 'DELETE', `/api/v1/seats/${encodeURIComponent('557058:a/b c')}`)).status, 204);
  });

  test('a strategy lets more in than the licence says', async () => {
    const site = await installed(4);
    for (const who of ['a', 'b', 'c', 'd']) assert.equal(await use(site, who), 200);
    const verdict = async (sub, feature) => (await site.apiLicense(app, { sub })).json.features[feature];
    assert.deepEqual(await verdict('e', 'export'), { verdict: 'deny', code: 'SEATS_EXCEEDED' });
    assert.deepEqual(await verdict('e', 'plan'), { verdict: 'allow', code: 'VALID' });
    assert.deepEqual((await site.apiLicense(app, { sub: 'e' })).json.seats, { limit: 4, used: 4 });
  });

  test('idle ones are freed where days are set', async () => {
    const site = await installed();
    assert.equal(await use(site, 'ann'), 200);
    assert.equal(await use(site, 'bob'), 200);
    await app.stop();
    const days = 3 * 86400000;
    execFileSync('sqlite3', [path.join(dir, 'licgate.db'), `UPDATE users SET last_seen = last_seen - ${days} WHERE client_key = '${site.clientKey}' AND account_id = 'ann'`]);
    app = await Licgate.start({ env: { ...env, LICGATE_SEAT_IDLE_DAYS: '2' }, dir });
    await until('freed', async () => (await call(site, 'GET', '/api/v1/configure')).json.seats.used === 1);
    assert.deepEqual((await call(site, 'GET', '/api/v1/configure')).json.seats.holders.map((h) => h.account_id), ['bob']);
    assert.equal((await app.events(`&tenant=${site.clientKey}`)).find((e) => e.type === 'seat.freed').data.reason, 'idle');
  });

  test('the operator frees one too', async () => {
    const site = await installed();
    assert.equal(await use(site, 'ann'), 200);
    const seat = `tenants/${site.clientKey}/users/ann/seat`;
    assert.equal((await app.admin(seat, { method: 'DELETE' })).status, 204);
    assert.equal((await app.admin(seat, { method: 'DELETE' })).status, 404);
    assert.equal((await app.admin('tenants/nobody/users/ann/seat', { method: 'DELETE' })).status, 404);
    assert.equal((await app.admin(seat, { method: 'DELETE', token: 'wrong' })).status, 401);
    assert.deepEqual((await users(site)).filter((u) => u.account_id === 'ann').map((u) => [u.seat_at, u.active]), [[null, true]]);
    const freed = (await app.events(`&tenant=${site.clientKey}`)).find((e) => e.type === 'seat.freed');
    assert.equal(freed.data.reason, 'operator');
    assert.ok(!JSON.stringify(freed).includes('ann'));
  });
});

describe('choices', () => {
  test('limit what all users of a tenant get, over a restart, and of that tenant alone', async () => {
    const site = await installed();
    const other = await installed();
    const first = (await call(site, 'GET', '/api/v1/configure')).json.choices;
    assert.deepEqual(first, [{ feature: 'board', value: 'allow', options: ['allow', 'read_only', 'deny'] }]);
    const put = await call(site, 'PUT', '/api/v1/configure', { body: { choices: { board: 'read_only' } } });
    assert.equal(put.status, 200);
    assert.equal(put.json.choices[0].value, 'read_only');
    assert.equal(put.json.seats.used, 0);
    const board = async (s) => (await s.apiLicense(app)).json.features.board;
    assert.deepEqual(await board(site), { verdict: 'read_only', code: 'ADMIN_CHOICE' });
    assert.deepEqual(await board(other), { verdict: 'allow', code: 'VALID' });
    await app.kill();
    app = await Licgate.start({ env, dir });
    assert.deepEqual(await board(site), { verdict: 'read_only', code: 'ADMIN_CHOICE' });
    assert.equal((await call(site, 'PUT', '/api/v1/configure', { body: { choices: { board: 'deny' } } })).status, 200);
    assert.equal((await site.open(app, '/app/board')).status, 403);
  });

  test('are the administrators’, and only what is offered', async () => {
    const site = await installed();
    const put = (body, sub) => call(site, 'PUT', '/api/v1/configure', { sub, body });
    const refused = await put({ choices: { board: 'deny' } }, 'ann');
    assert.equal(refused.status, 403);
    assert.equal(refused.json.code, 'not_admin');
    assert.equal((await call(site, 'GET', '/api/v1/configure', { sub: null })).status, 403);
    assert.equal((await call(site, 'GET', '/api/v1/configure', { sub: 'ann' })).status, 403);
    for (const choices of [{ export: 'allow' }, { board: 'admin' }, { nothing: 'allow' }, [], 'board']) {
      const { status, json } = await put({ choices });
      assert.equal(status, 400);
      assert.equal(json.code, 'bad_choices');
    }
    assert.equal((await app.request({ target: '/api/v1/configure' })).status, 401);
    assert.equal((await site.apiLicense(app)).json.features.board.verdict, 'allow');
  });
});

describe('users', () => {
  const hook = (site, name, accountId, more = {}) => site.post(app, `/webhooks/${name}`,
    { timestamp: 1, webhookEvent: name, user: { accountId, ...more } }, { claims: { sub: undefined } });

  test('are created, deactivated, updated and deleted by webhooks', async () => {
    const site = await installed();
    const list = async () => (await users(site)).filter((u) => u.account_id !== 'account-1').map((u) => [u.account_id, Boolean(u.seat_at), u.active]);
    for (const who of ['ann', 'bob']) assert.equal((await hook(site, 'user_created', who, { active: true })).status, 204);
    assert.deepEqual(await list(), [['ann', false, true], ['bob', false, true]]);
    assert.equal(await use(site, 'ann'), 200);
    assert.equal((await hook(site, 'user_updated', 'ann', { active: false })).status, 204);
    assert.deepEqual(await list(), [['ann', false, false], ['bob', false, true]]);
    assert.equal((await hook(site, 'user_updated', 'ann', { active: true })).status, 204);
    assert.equal((await hook(site, 'user_updated', 'stranger')).status, 204);
    assert.deepEqual(await list(), [['ann', false, true], ['bob', false, true]]);
    assert.equal((await hook(site, 'user_deleted', 'ann')).status, 204);
    assert.deepEqual(await list(), [['bob', false, true]]);
    assert.deepEqual((await types(site)).filter((t) => t.startsWith('user.') || t.startsWith('seat.')),
      ['user.added', 'user.added', 'seat.taken', 'seat.freed', 'user.removed']);
  });

  test('who has access comes as CSV', async () => {
    const site = await installed();
    assert.equal(await use(site, 'ann'), 200);
    const csv = () => app.admin(`tenants/${site.clientKey}/users`, { headers: { accept: 'text/csv' } });
    const { text, headers } = await until('stored', async () => { const answer = await csv(); return answer.text.includes('\nann,') && answer; });
    assert.match(headers['content-type'], /^text\/csv/);
    const [head, ...rows] = text.split('\r\n');
    assert.equal(head, 'account_id,first_seen,last_seen,seat_at,active');
    assert.match(rows.find((r) => r.startsWith('ann,')), /^ann,\d{4}-.*Z,.*Z,.*Z,true$/);
  });

  test('who leaves takes the name off the feedback', async () => {
    const site = await installed();
    const send = await call(site, 'POST', '/api/v1/feedback', { sub: 'ann', body: { message: 'works', account: true } });
    assert.equal(send.status, 201);
    const mine = async () => (await app.admin('feedback')).json.feedback.find((f) => f.tenant === site.clientKey);
    assert.equal((await mine()).account_id, 'ann');
    assert.equal((await hook(site, 'user_deleted', 'ann')).status, 204);
    assert.equal((await mine()).account_id, null);
    assert.equal((await mine()).message, 'works');
  });
});

describe('personal data', () => {
  const hook = (site, name, accountId) => site.post(app, `/webhooks/${name}`,
    { timestamp: 1, webhookEvent: name, user: { accountId } }, { claims: { sub: undefined } });
  /** The first round of reports comes soon after a start. `due`: tenants whose cycle begins anew, whatever was reported. */
  const restart = async (...due) => {
    await app.stop();
    for (const site of due) {
      site.reports = [];
      execFileSync('sqlite3', [path.join(dir, 'licgate.db'), `UPDATE reports SET next_at = 0, after_account = '' WHERE client_key = '${site.clientKey}'`]);
    }
    app = await Licgate.start({ env, dir });
  };

  test('is reported to the host, at most 90 accounts a call, and closed accounts are erased everywhere', async () => {
    const site = await installed();
    const other = await installed();
    assert.equal(await use(site, 'ann'), 200);
    assert.equal((await call(site, 'POST', '/api/v1/feedback', { sub: 'ann', body: { message: 'bye', account: true } })).status, 201);
    assert.equal((await hook(site, 'user_created', 'ann')).status, 204);
    assert.equal((await hook(other, 'user_created', 'ann')).status, 204);
    for (let i = 0; i < 100; i++) assert.equal((await hook(site, 'user_created', `user-${i}`)).status, 204);
    site.closed.add('ann');
    await restart(site, other);
    await until('all are reported', () => site.reports.length === 2 && other.reports.length === 1);
    assert.deepEqual(site.reports.map((r) => r.accounts.length), [90, 12]); // account-1 asked for the licence
    const reported = site.reports.flatMap((r) => r.accounts);
    assert.equal(new Set(reported.map((a) => a.accountId)).size, 102);
    for (const a of reported) assert.match(a.updatedAt, /^\d{4}-\d\d-\d\dT.*Z$/);
    const claims = JSON.parse(Buffer.from(site.reports[0].authorization.split('.')[1], 'base64url'));
    assert.equal(claims.iss, APP_KEY);
    assert.deepEqual(claims.aud, [site.clientKey]);
    assert.equal(claims.qsh, qshOf('POST', '/rest/atlassian-connect/latest/report-accounts'));

    await until('erased', async () => !(await users(site)).some((u) => u.account_id === 'ann'));
    assert.equal((await call(site, 'GET', '/api/v1/configure')).json.seats.used, 0);
    const said = (await app.admin('feedback')).json.feedback.find((f) => f.tenant === site.clientKey);
    assert.deepEqual([said.message, said.account_id], ['bye', null]);
    const events = await app.events(`&tenant=${site.clientKey}`);
    assert.ok(!JSON.stringify(events).includes('"ann"'));
    assert.equal(events.find((e) => e.type === 'user.removed').data.reason, 'account_closed');
    assert.ok((await users(other)).some((u) => u.account_id === 'ann')); // each host speaks for its own tenant
    assert.equal(await app.metric('licgate_accounts_closed_total'), 1);

    await restart(other); // whose turn it is; the other's cycle is not over
    await until('the other is asked', () => other.reports.length === 1);
    assert.equal(site.reports.length, 2);
  });

  test('a host that limits is left alone for so long, over a restart, and nothing is lost', async () => {
    const site = await installed();
    const other = await installed();
    for (const s of [site, other]) assert.equal((await hook(s, 'user_created', 'ann')).status, 204);
    site.closed.add('ann');
    site.reportFault = (req, res) => { res.writeHead(429, { 'retry-after': '600' }).end(); return true; };
    await restart(site);
    await until('noted', async () => (await app.metric('licgate_personal_data_reports_total', { result: 'limited' })) === 1);
    assert.equal((await site.apiLicense(app)).status, 200);
    await restart(other);
    await until('the other is asked', () => other.reports.length === 1);
    assert.equal(site.reports.length, 1);
    assert.ok((await users(site)).some((u) => u.account_id === 'ann'));
  });
});

test('a features file with an overage that has no effect stops the start', async () => {
  writeFileSync(path.join(dir, 'bad.json'), JSON.stringify({ features: { a: { active: 'allow', overage: '2x' }, b: { active: 'allow', choices: ['deny'] } } }));
  const { code, stdout, stderr } = await run(['check'], { env: { LICGATE_FEATURES: path.join(dir, 'bad.json') } });
  assert.equal(code, 1);
  assert.match(stdout + stderr, /features\.a\.overage: has no effect/);
  assert.match(stdout + stderr, /features\.b\.choices: must list/);
});

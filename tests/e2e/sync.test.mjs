// sync.test.mjs - the Marketplace's reports: polled whole whatever the other side does, put down once, gone on with after
// a kill, and nobody's address where it must not be.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { binary, environment, Licgate, run, until } from './lib/licgate.mjs';
import { erased, evaluation, license, Marketplace, oldLicense, realistic, refund, sale } from './lib/marketplace.mjs';

const dirs = [];
const newDir = () => { const dir = mkdtempSync(path.join(tmpdir(), 'licgate-sync-')); dirs.push(dir); return dir; };
after(() => { for (const dir of dirs) rmSync(dir, { recursive: true, force: true }); });

const sql = (dir, text) => execFileSync('sqlite3', ['-cmd', '.timeout 10000', '-json', path.join(dir, 'licgate.db'), text], { maxBuffer: 1 << 28 }).toString().trim();
const rows = (dir, text) => JSON.parse(sql(dir, text) || '[]');
const one = (dir, text) => Object.values(rows(dir, text)[0])[0];

/** What the reports left behind, without times, counters of runs and hashes keyed by the database. */
const tables = (dir) => ({
  licenses: rows(dir, 'SELECT row_key, app_key, hosting, edition, tier, status, license_type, maintenance_start, maintenance_end, evaluation_start, evaluation_end, sandbox, in_grace, last_updated, campaign, content, hex(content_hash), news_previous FROM market_licenses ORDER BY row_key'),
  sales: rows(dir, 'SELECT transaction_id, line_id, license_key, sale_type, payment_status, price_cents, vendor_cents, content, hex(content_hash), news_previous FROM market_sales ORDER BY 1, 2'),
  aliases: rows(dir, 'SELECT row_key, kind, value FROM market_aliases ORDER BY 1, 2, 3'),
  history: rows(dir, 'SELECT kind, row_key, diff FROM market_history ORDER BY kind, row_key, diff'),
  oddities: rows(dir, 'SELECT kind, field, value, count FROM market_oddities ORDER BY 1, 2, 3'),
  passed: rows(dir, 'SELECT COUNT(*) FROM market_passed'),
  contacts: rows(dir, 'SELECT license_key, erased FROM contacts ORDER BY 1'),
  events: rows(dir, 'SELECT id, type FROM events ORDER BY 1'),
});

const sync = (market, dir, args = [], env = {}) => run(['sync', ...args], { env: { ...market.env, ...env }, dir });
async function synced(market, dir, args, env) {
  const result = await sync(market, dir, args, env);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stderr, '');
  return result.stdout;
}

async function withMarket(fn, options) {
  const market = await Marketplace.start(options);
  try { return await fn(market, newDir()); } finally { await market.stop(); }
}

test('the first poll is in full and silent, the next asks for three days, a full one for all', () => withMarket(async (market, dir) => {
  Object.assign(market, realistic());
  assert.match(await synced(market, dir), /13 licences \(13 new or changed\), 6 transactions \(6 new or changed\), 0 events/);
  assert.deepEqual(market.asked, [{ of: 'licenses', query: { startDate: '2018-07-02', withDataInsights: 'true' } },
    { of: 'licenses', query: { endDate: '2018-07-01' } }, { of: 'transactions', query: {} }]);
  market.exports.clear();
  const day = new Date(Date.now() - 3 * 86400000).toISOString().slice(0, 10);
  await synced(market, dir);
  assert.deepEqual(market.asked.map((e) => e.query.lastUpdated), [day, day, day]);
  market.exports.clear();
  assert.match(await synced(market, dir, ['--full']), /13 licences \(0 new or changed\), 6 transactions \(0 new or changed\), 0 events/);
  assert.deepEqual(market.asked.map((e) => e.query.lastUpdated), [undefined, undefined, undefined]);
  assert.deepEqual(market.refused, []);
  const { licenses, sales, oddities } = tables(dir);
  assert.deepEqual(licenses.map((l) => l.row_key), ['E-100001', 'E-100002', 'E-100003', 'E-100004', 'E-100007', 'E-100008', 'E-100009', 'E-100010', 'E-100011', 'E-100013',
    'SEN-3000005', 'SEN-3000006', 'SEN-3000012']);
  assert.deepEqual(sales.map((s) => [s.transaction_id, s.price_cents, s.vendor_cents]), [['AT-10000001', 100000, 0], ['AT-10000002', 100000, 75000], ['AT-10000003', 6250, 5313],
    ['AT-10000003-R', -2001, -1701], ['AT-10000004', 30, 0], ['AT-10000009', 1999, 5313]]);
  assert.ok(oddities.some((o) => o.field === 'licenseType' && o.value === 'MOON_BASE'));
  assert.equal(one(dir, 'SELECT count(*) FROM market_licenses WHERE news_seq > 0') + one(dir, 'SELECT count(*) FROM events'), 0);
}));

test('a poll with nothing new writes nothing but that it was made', () => withMarket(async (market, dir) => {
  Object.assign(market, realistic());
  market.licenses.push({ ...license({ tier: '7 Users' }, 1) }, 'no row', [], 5); // an older version beside, and what is no row
  await synced(market, dir);
  const dump = () => execFileSync('sqlite3', [path.join(dir, 'licgate.db'), '.dump']).toString().split('\n').filter((line) => !/INTO (market_polls|market_lease)/.test(line)).join('\n');
  const first = dump();
  await synced(market, dir, ['--full']);
  await synced(market, dir);
  assert.equal(dump(), first);
}));

test('every change is a version, news but for noise, and derived into events once', () => withMarket(async (market, dir) => {
  market.licenses = [evaluation({}, 1), license({}, 2), license({ installedOnSandbox: 'Yes' }, 3)];
  market.transactions = [sale({}, 2)];
  await synced(market, dir);
  Object.assign(market.licenses[0], { status: 'inactive', lastUpdated: '2026-01-31' });
  Object.assign(market.licenses[1], { lastUpdated: '2026-02-01' }); // noise
  Object.assign(market.licenses[2], { tier: '999 Users' }); // a sandbox: noise
  market.transactions[0].purchaseDetails.tier = '50 Users';
  market.transactions.push(refund(market.transactions[0]));
  assert.match(await synced(market, dir, ['--full']), /3 new or changed\), 2 transactions \(2 new or changed\), 2 events/);
  const { history, events } = tables(dir);
  assert.deepEqual(history.map((h) => [h.row_key, JSON.parse(h.diff)]), [
    ['E-100001', { lastUpdated: ['2026-01-05', '2026-01-31'], status: ['active', 'inactive'] }], ['E-100002', { lastUpdated: ['2026-01-05', '2026-02-01'] }],
    ['E-100003', { tier: ['25 Users', '999 Users'] }], ['AT-10000002/line-2', { 'purchaseDetails.tier': ['25 Users', '50 Users'] }]]);
  assert.deepEqual(events.map((e) => e.type).sort(), ['purchase.refunded', 'trial.expired']);
  assert.match(await synced(market, dir, ['--full']), /0 new or changed\), 2 transactions \(0 new or changed\), 0 events/);
  assert.deepEqual(tables(dir).events, events);
}));

test('a row keeps its history when it gets a better id, and stays itself when it loses one', () => withMarket(async (market, dir) => {
  market.licenses = [license({ appEntitlementNumber: null, appEntitlementId: null }, 1)];
  market.transactions = [sale({ appEntitlementNumber: null, appEntitlementId: null }, 1)];
  await synced(market, dir);
  assert.equal(one(dir, 'SELECT row_key FROM market_licenses'), 'SEN-3000001');
  market.licenses[0].tier = '50 Users';
  await synced(market, dir, ['--full']);
  market.licenses = [license({ tier: '50 Users' }, 1)];
  await synced(market, dir, ['--full']);
  market.licenses = [license({ tier: '60 Users', appEntitlementNumber: null }, 1)];
  await synced(market, dir, ['--full']);
  const { licenses, history, aliases, sales } = tables(dir);
  assert.deepEqual(licenses.map((l) => [l.row_key, l.tier]), [['E-100001', '60 Users']]);
  assert.deepEqual([...new Set(history.map((h) => h.row_key))], ['E-100001']);
  assert.equal(history.length, 3);
  assert.equal(sales[0].license_key, 'E-100001');
  assert.ok(aliases.every((a) => a.row_key === 'E-100001') && aliases.some((a) => a.value === 'SEN-3000001'));
}));

test('a row whose SEN changed before it gets a better id is still one row; another licence that shares an id is another', () => withMarket(async (market, dir) => {
  const old = { appEntitlementNumber: null, appEntitlementId: null };
  market.licenses = [license(old, 1)];
  await synced(market, dir);
  market.licenses = [license({ ...old, licenseId: 'SEN-77' }, 1)];
  await synced(market, dir, ['--full']);
  market.licenses = [license({ licenseId: 'SEN-77' }, 1)];
  await synced(market, dir, ['--full']);
  assert.deepEqual(tables(dir).licenses.map((l) => l.row_key), ['E-100001']);
  assert.deepEqual([...new Set(tables(dir).history.map((h) => h.row_key))], ['E-100001']);
  market.licenses.push(license({ licenseId: 'SEN-77', appEntitlementNumber: 'E-100002' }, 1));
  await synced(market, dir, ['--full']);
  assert.deepEqual(tables(dir).licenses.map((l) => l.row_key), ['E-100001', 'E-100002']);
}));

test('a refund that comes a poll ahead of its Upgrade waits for it, and no longer than to the end of the next day', () => withMarket(async (market, dir) => {
  const day = (ago) => new Date(Date.now() - ago * 86400000).toISOString().slice(0, 10);
  const told = () => rows(dir, 'SELECT json FROM events ORDER BY seq').map(({ json }) => JSON.parse(json)).filter((e) => e.type.startsWith('purchase.'))
    .map(({ type, data }) => [type, data.entitlement, data.amount_cents, data.repricing ?? false, data.refund_cents ?? null]);
  const dated = (n) => sale({ purchase: { saleDate: day(20), maintenanceEndDate: day(-10) } }, n);
  market.licenses = [license({}, 1), license({}, 2)];
  market.transactions = [dated(1), dated(2)];
  await synced(market, dir);
  // both go to a larger tier; of the second one's Upgrade nothing is ever heard
  market.licenses = [license({ tier: '50 Users' }, 1), license({ tier: '50 Users' }, 2)];
  market.transactions.push(refund(dated(1), { purchase: { saleDate: day(0) } }), refund(dated(2), { purchase: { saleDate: day(4) } }));
  await synced(market, dir, ['--full']);
  await synced(market, dir, ['--full']);
  assert.deepEqual(told(), [['purchase.refunded', 'E-100002', -6250, false, null]]);
  market.transactions.push(sale({ transactionId: 'AT-9', transactionLineItemId: 'line-9',
    purchase: { saleDate: day(0), saleType: 'Upgrade', oldTier: '25 Users', tier: '50 Users', purchasePrice: 125, maintenanceEndDate: day(-10) } }, 1));
  await synced(market, dir, ['--full']);
  await synced(market, dir, ['--full']);
  assert.deepEqual(told().slice(1), [['purchase.upgraded', 'E-100001', 12500, true, -6250]]);
}));

const planted = ['tina', 'bill 1', 'bill.1', 'customer.example', '555 0100', 'Springfield', 'Main Street', 'pat.partner'];

test('people are sealed in a table of their own, and erased on sight', () => withMarket(async (market, dir) => {
  Object.assign(market, realistic());
  market.licenses[0].note = 'Jane Doe asked for a quote'; // a member that licgate does not know
  await synced(market, dir);
  market.licenses[0].note = 'Jane Doe again';
  await synced(market, dir, ['--full']);
  const dump = () => execFileSync('sqlite3', [path.join(dir, 'licgate.db'), '.dump']).toString();
  for (const text of planted) assert.ok(!dump().toLowerCase().includes(text.toLowerCase()), text);
  assert.ok(one(dir, "SELECT length(contacts) FROM contacts WHERE license_key = 'E-100001'") > 100);
  assert.ok(dump().includes('Jane Doe'));
  Object.assign(market.licenses[0], { contactDetails: erased() });
  await synced(market, dir, ['--full']);
  assert.equal(one(dir, "SELECT contacts FROM contacts WHERE license_key = 'E-100001'"), null);
  assert.ok(!dump().includes('Jane Doe'), 'in an earlier version');
  assert.deepEqual(readdirSync(dir).filter((name) => !name.startsWith('licgate.db')), [], 'no download is left behind');
}));

test('what tells an unchanged row confirms no guess of who is in it', () => withMarket(async (market, dir) => {
  market.licenses = [license()];
  await synced(market, dir);
  const other = newDir();
  await synced(market, other);
  const hash = (of) => one(of, 'SELECT hex(raw_hash) FROM market_licenses');
  assert.equal(hash(dir).length, 32);
  assert.notEqual(hash(dir), hash(other), 'the key is of the database');
  const plain = createHash('sha256').update(JSON.stringify(market.licenses[0])).digest('hex').toUpperCase();
  assert.ok(!plain.startsWith(hash(dir)));
}));

describe('the other side misbehaves', { concurrency: 4 }, () => {
  let good;
  before(async () => {
    good = await withMarket(async (market, dir) => { Object.assign(market, realistic()); await synced(market, dir); return tables(dir); });
  });
  for (const [kind, times] of [['429', 2], ['500', 1], ['502', 1], ['503', 1], ['504', 1], ['reset', 1], ['garbage', 1], ['processing', 2], ['failed', 1], ['gone', 1], ['early', 1],
    ['truncated', 1], ['cut', 1], ['html', 1], ['slow', 1]]) {
    test(`${kind}: read all the same`, () => withMarket(async (market, dir) => {
      Object.assign(market, realistic());
      market.fault(kind, times);
      await synced(market, dir);
      assert.deepEqual(tables(dir), good);
      assert.deepEqual(market.refused, []);
    }));
  }

  test('truncated for good: what was read is kept, the failure is told, a later poll goes on', () => withMarket(async (market, dir) => {
    Object.assign(market, realistic());
    market.fault('truncated', 100, { of: 'transactions' });
    const { code, stdout, stderr } = await sync(market, dir);
    assert.equal(code, 1);
    assert.match(stderr, /could not be read whole: transactions: download: not a whole JSON array/);
    assert.match(stdout, /13 licences/);
    assert.match(one(dir, "SELECT failure FROM market_polls WHERE kind = 'sales'"), /not a whole JSON array/);
    market.faults = [];
    await synced(market, dir);
    assert.deepEqual(tables(dir), good);
  }));

  test('refused: told once, with what to set, and without the token', () => withMarket(async (market, dir) => {
    const { code, stderr } = await sync(market, dir, [], { LICGATE_MARKETPLACE_TOKEN: 'a-wrong-token' });
    assert.equal(code, 1);
    assert.match(stderr, /answers 401.*LICGATE_MARKETPLACE_TOKEN/);
    assert.ok(!stderr.includes('a-wrong-token') && !stderr.includes(market.user));
    assert.equal(market.requests.length, 3, 'each report is asked for once');
  }));
});

test('the older API', () => withMarket(async (market, dir) => {
  Object.assign(market, realistic());
  await synced(market, dir);
  assert.deepEqual(market.refused, []);
  assert.ok(market.requests.every((r) => r.path.startsWith('/marketplace/rest/2/vendors/dev-0001/reporting/')));
}, { api: 2 }));

test('hostile rows: each is a row or passed over, and the rest arrives', () => withMarket(async (market, dir) => {
  const deep = `${'['.repeat(5000)}1${']'.repeat(5000)}`;
  market.raw = { licenses: `[${[
    '{"appEntitlementNumber":"E-1","tier":"a\\u0000b"}', `{"appEntitlementNumber":"E-2","x":${deep}}`, `{"appEntitlementNumber":"E-3","tier":"${'x'.repeat(100000)}"}`,
    '{"appEntitlementNumber":"E-4","tier":"1","tier":"2"}', `{"appEntitlementNumber":"E-5","x":"${'y'.repeat(400000)}"}`, '{"appEntitlementNumber":"E-6","x":1e999,"y":99999999999999999999999}',
    '{"appEntitlementNumber":"E-7","status":"\ud800","licenseType":"\\ud800"}', `{"appEntitlementNumber":"${'E'.repeat(5000)}","licenseId":"SEN-8"}`,
    '{"appEntitlementNumber":"E-9\' OR 1=1; DROP TABLE market_licenses;--"}', '{}', 'null', '"x"', '[1]', '{"a":tru}', '{"appEntitlementNumber":"E-10","tier":"\u0007\u0001"}',
    `{${Array.from({ length: 40000 }, (_, n) => `"m${n}":1`).join(',')}}`, JSON.stringify(license({}, 11))].join(',\n')}]` };
  const said = await synced(market, dir);
  assert.match(said, /elements that are no row/);
  assert.deepEqual(rows(dir, 'SELECT row_key FROM market_licenses').map((r) => r.row_key).map((k) => k.replace(/^unknown:.*/, 'unknown')).sort(),
    ['E-1', 'E-10', 'E-100011', 'E-2', 'E-3', 'E-4', 'E-6', 'E-7', "E-9' OR 1=1; DROP TABLE market_licenses;--", 'SEN-8', 'unknown']);
  assert.equal(one(dir, "SELECT tier FROM market_licenses WHERE row_key = 'E-4'"), '2');
  assert.equal(one(dir, 'SELECT count(*) FROM market_licenses WHERE NOT json_valid(content)'), 0);
  const before = tables(dir);
  await synced(market, dir, ['--full']);
  assert.deepEqual(tables(dir), before);
}));

/* Enough to be killed in the middle of. */
function large() {
  const licenses = Array.from({ length: 1500 }, (_, n) => (n % 7 === 0 ? oldLicense({}, n) : license({ tier: `${n % 9} Users` }, n)));
  licenses.push(...licenses.slice(0, 40).map((l) => ({ ...l, tier: 'another version' })), 'no row');
  return { licenses, transactions: Array.from({ length: 3000 }, (_, n) => sale({ transactionId: `AT-${n}`, purchase: { purchasePrice: n / 100 } }, n % 1500)) };
}
function altered({ licenses, transactions }) {
  return { licenses: licenses.map((l, n) => (n % 3 === 0 && l.status ? { ...l, status: 'cancelled', lastUpdated: '2026-03-01' } : l)),
    transactions: [...transactions.map((t, n) => (n % 5 === 0 ? { ...t, paymentStatus: 'Uncollectible' } : t)), ...transactions.slice(0, 100).map((t) => refund(t))] };
}

test('killed at random points and gone on with: the same tables and events', () => withMarket(async (market, dir) => {
  const clean = newDir();
  const [first, second] = [large(), altered(large())];
  const began = Date.now();
  Object.assign(market, first);
  await synced(market, clean);
  Object.assign(market, second);
  await synced(market, clean, ['--full']);
  const longest = Date.now() - began;
  let kills = 0;
  for (const state of [first, second]) {
    Object.assign(market, state);
    for (let n = 0, killed = true; killed; n++) {
      const child = spawn(binary, ['sync', '--full'], { env: environment(dir, market.env), cwd: dir, stdio: 'ignore' });
      const exited = new Promise((resolve) => { child.once('exit', (code, signal) => resolve({ code, signal })); });
      const timer = n < 8 ? setTimeout(() => child.kill('SIGKILL'), Math.random() * longest / 4) : null;
      const { code, signal } = await exited;
      clearTimeout(timer);
      killed = signal === 'SIGKILL';
      kills += killed;
      if (!killed) assert.equal(code, 0);
    }
  }
  assert.ok(kills > 0);
  assert.equal(one(dir, 'PRAGMA integrity_check'), 'ok');
  const [got, want] = [tables(dir), tables(clean)];
  for (const name of Object.keys(want)) assert.deepEqual(got[name], want[name], name);
  assert.ok(want.events.length > 500);
}));

test('killed while it derives, with an endpoint there: at every kill each event that it wants has its delivery, and no other has', () => withMarket(async (market, dir) => {
  const few = ({ licenses, transactions }) => ({ licenses: licenses.filter((l) => typeof l === 'object').slice(0, 600), transactions: transactions.slice(0, 600) });
  const [first, second] = [few(large()), few(altered(large()))];
  second.licenses.push(...Array.from({ length: 100 }, (_, n) => evaluation({ lastUpdated: '2026-03-01' }, 5000 + n)));
  second.transactions.push(...first.transactions.slice(0, 100).map((t) => refund(t)));
  const app = await Licgate.start({ dir });
  const types = ['trial.started', 'purchase.cancelled', 'purchase.refunded']; // payment.failed is told as well, and not wanted
  const { status } = await app.admin('endpoints', { method: 'POST', body: { url: 'http://127.0.0.1:9/hook', types } });
  assert.equal(status, 201);
  await app.stop({ keep: true });
  Object.assign(market, first);
  await synced(market, dir);
  Object.assign(market, second);
  const wanted = types.map((type) => `'${type}'`).join();
  const count = () => {
    const [{ events, deliveries, both }] = rows(dir, `SELECT (SELECT count(*) FROM events WHERE type IN (${wanted})) AS events, (SELECT count(*) FROM deliveries) AS deliveries,
      (SELECT count(*) FROM events JOIN deliveries ON event_seq = seq AND event_id = events.id WHERE type IN (${wanted})) AS both`);
    assert.deepEqual([deliveries, both], [events, events]);
    return events;
  };
  assert.equal(count(), 0, 'the first poll is silent');
  let kills = 0, last = 0;
  const seen = [];
  for (let killed = true; killed;) {
    const child = spawn(binary, ['sync', '--full'], { env: environment(dir, market.env), cwd: dir, stdio: 'ignore' });
    let end = null;
    child.once('exit', (code, signal) => { end = { code, signal }; });
    // it is killed while it derives: some events more than the one before had brought
    if (kills < 5) await until('more events', () => end || one(dir, 'SELECT count(*) FROM events') > last, 20000);
    if (kills < 5) child.kill('SIGKILL');
    await until('it has ended', () => end, 20000);
    killed = end.signal === 'SIGKILL';
    if (!killed) assert.equal(end.code, 0);
    kills += killed;
    last = one(dir, 'SELECT count(*) FROM events');
    seen.push(count());
  }
  assert.equal(seen.at(-1), 400);
  assert.ok(kills >= 2 && seen.some((events) => events > 0 && events < 400), `${kills} kills: ${seen}`);
}));

test('two at once: one waits for the other, and nothing is there twice', () => withMarket(async (market, dir) => {
  Object.assign(market, large());
  const results = await Promise.all([sync(market, dir), sync(market, dir), sync(market, dir)]);
  for (const { code, stderr } of results) assert.equal(code, 0, stderr);
  assert.equal(results.filter((r) => /another poll is under way/.test(r.stderr)).length, 2);
  assert.equal(results.filter((r) => /\(0 new or changed\), 0 transactions|transactions \(0 new or changed\)/.test(r.stdout)).length, 2);
  assert.equal(one(dir, "SELECT count(*) FROM market_sales"), 3000);
}));

test('a server polls by itself, shows where it stands and polls on demand', () => withMarket(async (market, dir) => {
  Object.assign(market, realistic());
  const app = await Licgate.start({ env: market.env, dir });
  const state = async () => (await app.admin('marketplace')).json;
  await until('the first poll is done', async () => (await state()).polls.every((p) => p.done_at));
  const first = await state();
  assert.deepEqual([first.configured, first.licenses, first.sales, first.interval_s], [true, 13, 6, 3600]);
  await until('it rests', async () => (await state()).next_at);
  const left = Date.parse((await state()).next_at) - Date.now();
  assert.ok(left > 3500000 && left <= 3600000, `next in ${left} ms`);
  assert.equal((await app.admin('marketplace/sync?full=1', { method: 'POST' })).status, 202);
  await until('another was made', async () => (await app.metric('licgate_market_polls_total', { result: 'ok' })) === 2);
  assert.equal(await app.metric('licgate_market_rows_total', { what: 'changed' }), 19);
  assert.equal((await app.admin('marketplace/sync?full=2', { method: 'POST' })).status, 400);
  assert.equal((await app.admin('marketplace/sync', { method: 'POST' })).status, 202);
  await until('and one of three days', async () => (await app.metric('licgate_market_polls_total', { result: 'ok' })) === 3);
  assert.deepEqual(app.log.filter((e) => e.event === 'market.polled').map((e) => e.kind), ['full', 'full', 'window']);
  // a command beside it
  market.licenses[0].status = 'cancelled';
  assert.match(await synced(market, dir, ['--full']), /\(1 new or changed\)/);
  const csv = await app.admin('marketplace', { headers: { accept: 'text/csv' } });
  assert.match(csv.text, /^report,field,value,count,first_seen,last_seen\r\n/);
  assert.match(csv.text, /license,licenseType,MOON_BASE,1,/);
  assert.ok((await app.metric('licgate_market_poll_age_seconds')) >= 0);
  market.fault('500', 1000);
  await app.admin('marketplace/sync', { method: 'POST' });
  await until('it asks', () => market.counts.start > 12);
  const began = Date.now();
  await app.stop({ keep: true });
  assert.ok(Date.now() - began < 5000, 'it stops at once while it waits');
  for (const text of [...planted, market.token, market.user]) assert.ok(!app.stderr.toLowerCase().includes(text.toLowerCase()), text);
}));

test('killed in the middle of a poll, a server that starts again takes over at once', () => withMarket(async (market, dir) => {
  Object.assign(market, large());
  market.fault('slow', 1);
  let app = await Licgate.start({ env: market.env, dir });
  await until('it downloads', () => market.counts.download > 0);
  await app.kill();
  app = await Licgate.start({ env: market.env, dir });
  await until('it is read', async () => (await app.admin('marketplace')).json.sales === 3000, 50000);
  await app.stop({ keep: true });
  assert.equal(market.asked.filter((e) => !e.query.endDate && e.of === 'licenses').length, 1, 'the export under way was used');
}));

test('used wrongly, not set up, half set up', async () => {
  const dir = newDir();
  assert.equal((await run(['sync', '--help'], { dir })).code, 0);
  const wrong = await run(['sync', '--all'], { dir });
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /takes no argument "--all"/);
  const none = await run(['sync'], { dir });
  assert.equal(none.code, 1);
  assert.match(none.stderr, /no marketplace is set up/);
  const half = await run(['check'], { dir, env: { LICGATE_MARKETPLACE_TOKEN: 'a-token' } });
  assert.equal(half.code, 1);
  assert.match(half.stderr, /LICGATE_MARKETPLACE_USER: is not set, but LICGATE_MARKETPLACE_TOKEN is/);
  assert.match(half.stderr, /LICGATE_MARKETPLACE_DEVELOPER_ID: is not set/);
  assert.ok(!half.stderr.includes('a-token'));
});

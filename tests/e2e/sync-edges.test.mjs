// sync-edges.test.mjs - what the Marketplace's reports hold and do that is seldom: versions of one row beside each other,
// elements too large to be read, answers that say nothing, a clock that was wrong; and how it is told.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { binary, environment, Licgate, run, until } from './lib/licgate.mjs';
import { license, Marketplace, realistic, sale } from './lib/marketplace.mjs';

const dirs = [];
const newDir = () => { const dir = mkdtempSync(path.join(tmpdir(), 'licgate-sync-edges-')); dirs.push(dir); return dir; };
after(() => { for (const dir of dirs) rmSync(dir, { recursive: true, force: true }); });

const rows = (dir, text) => JSON.parse(execFileSync('sqlite3', ['-json', path.join(dir, 'licgate.db'), text]).toString().trim() || '[]');
const one = (dir, text) => Object.values(rows(dir, text)[0])[0];
const sync = (market, dir, args = [], env = {}) => run(['sync', ...args], { env: { ...market.env, ...env }, dir });
async function synced(market, dir, args) {
  const { code, stdout, stderr } = await sync(market, dir, args);
  assert.equal(code, 0, stderr);
  return stdout;
}
async function withMarket(fn) {
  const market = await Marketplace.start();
  try { return await fn(market, newDir()); } finally { await market.stop(); }
}

const tier = (dir) => one(dir, 'SELECT tier FROM market_licenses');
const payment = (dir) => one(dir, 'SELECT payment_status FROM market_sales');
const versions = (...tiers) => tiers.map((t) => license({ tier: t }, 1));

test('of two versions of one row in an export, the one that stays in the next exports is taken', () => withMarket(async (market, dir) => {
  market.licenses = versions('10 Users', '20 Users');
  market.transactions = [sale({ paymentStatus: 'Open' }, 1), sale({ paymentStatus: 'Uncollectible' }, 1)];
  await synced(market, dir);
  assert.deepEqual([tier(dir), payment(dir)], ['10 Users', 'open']);
  market.licenses.shift();
  market.transactions.shift();
  assert.match(await synced(market, dir, ['--full']), /1 licences \(1 new or changed\), 1 transactions \(1 new or changed\), 1 events/);
  assert.deepEqual([tier(dir), payment(dir)], ['20 Users', 'uncollectible']);
  assert.match(await synced(market, dir, ['--full']), /\(0 new or changed\), 1 transactions \(0 new or changed\), 0 events/);
  assert.deepEqual(rows(dir, "SELECT diff FROM market_history WHERE kind = 'license'").map((h) => JSON.parse(h.diff)), [{ tier: ['10 Users', '20 Users'] }]);
}));

test('versions that stay beside each other do not take turns', () => withMarket(async (market, dir) => {
  market.licenses = [...versions('10 Users', '20 Users'), license({ tier: '5 Users', lastUpdated: '2026-01-04' }, 1)];
  await synced(market, dir);
  for (let n = 0; n < 3; n++) {
    assert.match(await synced(market, dir, ['--full']), /3 licences \(0 new or changed\)/);
    assert.equal(tier(dir), '10 Users');
  }
  market.licenses[0].tier = '30 Users'; // the first of them changes, the others are as they were
  assert.match(await synced(market, dir, ['--full']), /3 licences \(1 new or changed\)/);
  assert.equal(tier(dir), '30 Users');
  assert.match(await synced(market, dir, ['--full']), /3 licences \(0 new or changed\)/);
  assert.equal(tier(dir), '30 Users');
}));

test('a row that is said to be older than what is known is what the report now says, where it stands alone', () => withMarket(async (market, dir) => {
  market.licenses = [license({ tier: '20 Users', lastUpdated: '2026-02-02' }, 1)];
  await synced(market, dir);
  market.licenses = [license({ tier: '10 Users', lastUpdated: '2026-02-01' }, 1)];
  assert.match(await synced(market, dir, ['--full']), /1 licences \(1 new or changed\)/);
  assert.equal(tier(dir), '10 Users');
  assert.match(await synced(market, dir, ['--full']), /1 licences \(0 new or changed\)/);
}));

test('a row that both exports of licences have does not change between its two forms', () => withMarket(async (market, dir) => {
  const { installedOnSandbox, ...without } = license({ maintenanceStartDate: '2018-07-01' }, 1);
  market.text = (e) => JSON.stringify(e.of !== 'licenses' ? [] : [e.query.has('endDate') ? without : { ...without, installedOnSandbox }]);
  for (const changed of [1, 0, 0, 0]) assert.match(await synced(market, dir, ['--full']), new RegExp(`2 licences \\(${changed} new or changed\\)`));
  assert.equal(JSON.parse(one(dir, 'SELECT content FROM market_licenses')).installedOnSandbox, 'No');
}));

test('an element that is too large is counted once, shown, and passed over', () => withMarket(async (market, dir) => {
  market.licenses = [license({ note: 'x'.repeat(300000) }, 1), license({}, 2), license({ note: ['y'.repeat(5000000), '}]'] }, 3), license({}, 4)];
  const oddities = () => rows(dir, "SELECT field, value, count FROM market_oddities WHERE value LIKE 'too large%'");
  assert.match(await synced(market, dir), /4 licences \(2 new or changed\).*2 elements that are no row/);
  assert.deepEqual(oddities(), [{ field: '(row)', value: 'too large', count: 2 }]);
  await synced(market, dir, ['--full']);
  assert.deepEqual(oddities(), [{ field: '(row)', value: 'too large', count: 2 }]);
  assert.deepEqual(rows(dir, 'SELECT row_key FROM market_licenses').map((r) => r.row_key), ['E-100002', 'E-100004']);
}));

test('however many things are odd in a report, each is counted', () => withMarket(async (market, dir) => {
  market.licenses = Array.from({ length: 300 }, (_, n) => license({ [`member ${n}`]: 1 }, n));
  await synced(market, dir);
  assert.equal(one(dir, 'SELECT sum(count) FROM market_oddities'), 300);
}));

test('amounts stand in the history as the report wrote them', () => withMarket(async (market, dir) => {
  market.transactions = [sale({ purchase: { purchasePrice: 53.13 } }, 1)];
  await synced(market, dir);
  market.transactions = [sale({ purchase: { purchasePrice: 53.14, discounts: [{ amount: 0.1 }] } }, 1)];
  await synced(market, dir, ['--full']);
  assert.equal(one(dir, 'SELECT diff FROM market_history'), '{"purchaseDetails.purchasePrice":[53.13,53.14],"purchaseDetails.discounts":[[],[{"amount":0.1}]]}');
}));

test('a mark at the front of the text is no fault of it', () => withMarket(async (market, dir) => {
  market.raw = { licenses: `\ufeff${JSON.stringify([license({}, 1)])}` };
  assert.match(await synced(market, dir), /licences \(1 new or changed\)/);
}));

test('what went wrong is told in one line: which report, what, and what to do', () => withMarket(async (market, dir) => {
  Object.assign(market, realistic());
  market.fault('truncated', 100, { of: 'transactions' });
  const { code, stderr } = await sync(market, dir);
  assert.equal(code, 1);
  assert.equal(stderr, 'licgate: the Marketplace could not be read whole: transactions: download: not a whole JSON array: try again later\n');
}));

test('a full poll that a wrong clock dated in the future does not keep the next from coming', () => withMarket(async (market, dir) => {
  Object.assign(market, realistic());
  await synced(market, dir);
  execFileSync('sqlite3', [path.join(dir, 'licgate.db'), 'UPDATE market_polls SET full_at = full_at + 315360000000, done_at = done_at + 315360000000']);
  market.exports.clear();
  await synced(market, dir);
  assert.deepEqual(market.asked.map((e) => e.query.lastUpdated), [undefined, undefined, undefined]);
  market.exports.clear();
  await synced(market, dir);
  assert.ok(market.asked.every((e) => e.query.lastUpdated));
}));

test('a terminal sees the download as it comes', () => withMarket(async (market, dir) => {
  Object.assign(market, realistic());
  market.fault('slow', 1);
  const child = spawn('script', ['-qefc', `${binary} sync`, '/dev/null'], { env: environment(dir, market.env), cwd: dir, stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (d) => { said += d; });
  assert.equal(await new Promise((resolve) => { child.once('exit', resolve); }), 0);
  assert.match(said, /licences: waiting for the export/);
  assert.match(said, /licences: downloading/);
  assert.match(said, /licences: reading, .* rows/);
}));

test('a poll made by a command beside it counts as the server\'s own', () => withMarket(async (market, dir) => {
  Object.assign(market, realistic());
  const app = await Licgate.start({ env: market.env, dir });
  const state = async () => (await app.admin('marketplace')).json;
  await until('it rests', async () => (await state()).polls.every((p) => p.done_at) && (await state()).next_at);
  await until('time goes by', async () => (await app.metric('licgate_market_poll_age_seconds')) >= 1);
  await synced(market, dir);
  assert.equal(await app.metric('licgate_market_poll_age_seconds'), 0);
  const polled = app.log.find((entry) => entry.event === 'market.polled');
  assert.equal(polled.kind, 'full', 'the first one');
  await app.stop({ keep: true });
}));

test('the older API has an address of its own', async () => {
  const set = { LICGATE_MARKETPLACE_TOKEN: 'a-token', LICGATE_MARKETPLACE_USER: 'a@vendor.example', LICGATE_MARKETPLACE_DEVELOPER_ID: '1' };
  const { code, stdout } = await run(['check'], { dir: newDir(), env: { ...set, LICGATE_MARKETPLACE_API: '2' } });
  assert.equal(code, 0);
  assert.match(stdout, /^LICGATE_MARKETPLACE_URL=https:\/\/marketplace\.atlassian\.com\/rest\/2$/m);
  const given = await run(['check'], { dir: newDir(), env: { ...set, LICGATE_MARKETPLACE_API: '2', LICGATE_MARKETPLACE_URL: 'https://example.com/r' } });
  assert.match(given.stdout, /^LICGATE_MARKETPLACE_URL=https:\/\/example\.com\/r$/m);
});

test('every command says its version', async () => {
  const version = (await run(['--version'])).stdout;
  for (const command of ['serve', 'sync', 'check', 'tenants', 'forget']) assert.deepEqual(await run([command, '--version']), { code: 0, signal: null, stdout: version, stderr: '' });
});

test('what the database refuses is told with the report it was of, and stands beside it', () => withMarket(async (market, dir) => {
  await synced(market, dir);
  execFileSync('sqlite3', [path.join(dir, 'licgate.db'), "CREATE TRIGGER no_more BEFORE INSERT ON market_sales BEGIN SELECT RAISE(FAIL, 'no more'); END"]);
  market.transactions = [sale({}, 1)];
  const { code, stderr } = await sync(market, dir, ['--full']);
  assert.equal(code, 1);
  assert.match(stderr, /^licgate: the Marketplace could not be read whole: transactions: database: .+$/m);
  assert.match(one(dir, "SELECT failure FROM market_polls WHERE kind = 'sales'"), /^database: ./);
  execFileSync('sqlite3', [path.join(dir, 'licgate.db'), 'DROP TRIGGER no_more']);
  assert.match(await synced(market, dir, ['--full']), /1 transactions \(1 new or changed\)/);
}));

test('where the weekly full export does not come, what is new is read all the same, and told as a failure', () => withMarket(async (market, dir) => {
  market.licenses = [license({}, 1), license({}, 2)];
  await synced(market, dir);
  execFileSync('sqlite3', [path.join(dir, 'licgate.db'), 'UPDATE market_polls SET full_at = full_at - 8 * 86400000, done_at = done_at - 3600000']);
  const today = new Date().toISOString().slice(0, 10);
  market.licenses[1] = license({ status: 'cancelled', lastUpdated: today }, 2);
  market.exports.clear();
  market.fault('failed', 4, { of: 'licenses' });
  const { code, stdout, stderr } = await sync(market, dir);
  assert.equal(code, 1);
  assert.match(stderr, /licences: export status: the Marketplace says FAILED/);
  assert.match(stdout, /1 licences \(1 new or changed\), .* 1 events/);
  assert.deepEqual(market.asked.filter((e) => e.query.startDate).map((e) => !e.query.lastUpdated), [true, true, true, true, false]);
  const poll = rows(dir, "SELECT done_at, full_at, failed_at FROM market_polls WHERE kind = 'licenses'")[0];
  assert.ok(poll.failed_at > 0 && poll.done_at > Date.now() - 600000 && poll.full_at < Date.now() - 7 * 86400000);
  market.exports.clear();
  await synced(market, dir);
  assert.ok(!market.asked[0].query.lastUpdated, 'the full one is still due');
}));

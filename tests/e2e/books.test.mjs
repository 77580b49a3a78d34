// books.test.mjs - the Marketplace's reports become events, books and drift: a year of a vendor's life replayed day by
// day gives exactly what it must, twice nothing more, and the same where polls are killed on the way.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { binary, environment, Licgate, run } from './lib/licgate.mjs';
import { Marketplace } from './lib/marketplace.mjs';
import { VendorYear } from './lib/vendor-year.mjs';

const folder = (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-books-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

async function sync(dir, market, ...args) {
  const { code, stderr } = await run(['sync', ...args], { dir, env: { ...market.env, LICGATE_LOG: 'error' } });
  assert.equal(code, 0, stderr);
}

/* A poll that loses its machine after some time, if it is not done by then. */
async function killed(dir, market, afterMs) {
  const child = spawn(binary, ['sync'], { env: environment(dir, market.env), cwd: dir, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  await ended;
  clearTimeout(timer);
}

/* type day entitlement [cents] [partial|full], as VendorYear writes it. */
function short({ type, data: d }) {
  const cents = d.amount_cents === undefined ? '' : ` ${d.amount_cents}`;
  const part = type === 'purchase.refunded' ? ` ${d.partial === undefined ? 'unknown' : d.partial ? 'partial' : 'full'}` : '';
  return `${type} ${d.effective_at.slice(0, 10)} ${d.entitlement}${cents}${part}`;
}

async function allEvents(server) {
  const all = [];
  for (let after = 0; ;) {
    const { json } = await server.admin(`events?after=${after}&limit=500`);
    if (json.events.length === 0) return all.filter((e) => e.data.source === 'marketplace' && e.type !== 'contact.available');
    all.push(...json.events);
    after = json.next;
  }
}

async function allSales(server, query) {
  const all = [];
  for (let cursor = ''; ;) {
    const { status, json } = await server.admin(`books/transactions?limit=100&${query}${cursor ? `&cursor=${cursor}` : ''}`);
    assert.equal(status, 200);
    all.push(...json.transactions);
    if (!json.next) return { all, months: json.months };
    cursor = json.next;
  }
}

const differ = (got, want) => {
  const left = [...want];
  const extra = got.filter((g) => { const i = left.indexOf(g); if (i >= 0) left.splice(i, 1); return i < 0; });
  return { missing: left, extra };
};

async function assertBooks(server, year) {
  const events = (await allEvents(server)).map(short);
  assert.deepEqual(differ(events, year.expected), { missing: [], extra: [] });
  const { all, months } = await allSales(server, `from=${year.year}-01-01&to=${year.year}-12-31`);
  const money = {};
  for (const s of all) if (s.payment_status !== 'uncollectible') money[s.sale_date.slice(0, 7)] = (money[s.sale_date.slice(0, 7)] ?? 0) + s.amount_cents;
  const wanted = Object.fromEntries(Object.entries(year.money).filter(([, cents]) => cents !== 0).sort());
  assert.deepEqual(Object.fromEntries(Object.entries(money).filter(([, cents]) => cents !== 0).sort()), wanted);
  assert.deepEqual(Object.fromEntries(months.filter((m) => m.net_cents !== 0).map((m) => [m.month, m.net_cents])), wanted);
  const { json: mrr } = await server.admin(`books/mrr?from=${year.year}-01&to=${year.year}-12`);
  assert.deepEqual(mrr.months.map(({ month, mrr_cents, customers }) => ({ month, mrr_cents, customers })), year.mrr);
  for (const [i, m] of mrr.months.entries()) {
    const before = i === 0 ? m.mrr_cents - m.new_cents - m.expansion_cents + m.contraction_cents + m.churn_cents : mrr.months[i - 1].mrr_cents;
    assert.equal(m.mrr_cents, before + m.new_cents + m.expansion_cents - m.contraction_cents - m.churn_cents, m.month);
  }
  const { json: trials } = await server.admin('books/trials');
  assert.deepEqual(trials.months.map(({ month, started, converted }) => ({ month, started, converted })), year.trials);
}

test('a year of a vendor\'s life gives exactly the expected events and totals; replayed twice, nothing more', { timeout: 600000 }, async (t) => {
  const dir = folder(t), market = await Marketplace.start();
  t.after(() => market.stop());
  const year = new VendorYear({ seed: 7, customers: 30 });
  let first = true;
  for (const day of year.days()) {
    const { changed, ...rows } = year.turn(day);
    Object.assign(market, rows, { today: day });
    if (first) { // what is there before the year begins is no news
      year.expected.length = 0;
      first = false;
    } else if (!changed && !day.endsWith('-01')) continue;
    await sync(dir, market);
  }
  assert.ok(year.expected.length > 50, `a dull year: ${year.expected.length} events`);
  for (const type of ['trial.started', 'trial.expired', 'trial.cancelled', 'trial.converted', 'purchase.created', 'purchase.renewed', 'purchase.upgraded', 'purchase.cancelled',
    'purchase.expired', 'purchase.refunded', 'payment.failed']) assert.ok(year.expected.some((e) => e.startsWith(type)), `no ${type} in this year`);
  const server = await Licgate.start({ dir });
  t.after(() => server.stop().catch(() => {}));
  await assertBooks(server, year);
  await sync(dir, market);
  await sync(dir, market, '--full');
  await assertBooks(server, year);
});

test('polls killed at any point and run again give the same', { timeout: 600000 }, async (t) => {
  const dir = folder(t), market = await Marketplace.start();
  t.after(() => market.stop());
  const year = new VendorYear({ seed: 11, customers: 20 });
  let first = true, killings = 0;
  for (const day of year.days()) {
    const { changed, ...rows } = year.turn(day);
    Object.assign(market, rows, { today: day });
    if (first) {
      year.expected.length = 0;
      first = false;
    } else if (!changed) continue;
    else if (killings < 60) await killed(dir, market, 20 + (killings++ * 37) % 330);
    await sync(dir, market);
  }
  const server = await Licgate.start({ dir });
  t.after(() => server.stop().catch(() => {}));
  await assertBooks(server, year);
});

// ledger.test.mjs - customers' stories, written by hand with what an accountant expects of each, polled day by day: events,
// sums, recurring revenue and evaluations to the cent; the same events, by their ids, whoever polls how often.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Licgate, run } from './lib/licgate.mjs';
import { Marketplace } from './lib/marketplace.mjs';
import { Stories } from './lib/vendor-stories.mjs';

/* A year polled on every nth day that has news, and the last. Whoever polls seldom asks for everything: this year is over in seconds, so that
 * a poll would not reach back to the one before. */
async function live(dir, market, { every = 1, backwards = false, last } = {}) {
  const books = new Stories(), days = books.days().filter((day) => !last || day <= last);
  for (const [i, day] of days.entries()) {
    books.turn(day);
    if (i % every && i < days.length - 1) continue;
    const order = (rows) => (backwards ? [...rows].reverse() : [...rows]);
    Object.assign(market, { today: day, licenses: order(books.licenses), transactions: order(books.transactions) });
    const { code, stderr } = await run(['sync', ...(every > 1 ? ['--full'] : [])], { dir, env: { ...market.env, LICGATE_LOG: 'error' } });
    assert.equal(code, 0, stderr);
  }
  return books;
}

async function lived(t, how) {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-ledger-')), market = await Marketplace.start(), books = await live(dir, market, how);
  const server = await Licgate.start({ dir });
  t.after(async () => {
    await server.stop();
    await market.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  return { dir, market, books, server };
}

async function marketEvents(server) {
  const all = [];
  for (let after = 0; ;) {
    const { json } = await server.admin(`events?after=${after}&limit=90`);
    if (json.events.length === 0) return all.filter((e) => e.data.source === 'marketplace' && e.type !== 'contact.available');
    for (const e of json.events) assert.ok(e.seq > (all.at(-1)?.seq ?? 0), 'in order');
    all.push(...json.events);
    after = json.next;
  }
}

/* As the stories tell it. */
function words({ type, data: d }) {
  const more = [d.amount_cents, d.repricing && d.refund_cents && 'repricing', d.refund_cents, type === 'purchase.refunded' && d.partial !== undefined && (d.partial ? 'partial' : 'full')];
  return [type, d.effective_at.slice(0, 10), d.entitlement, ...more.filter((m) => m !== undefined && m !== false)].join(' ');
}

test('a year of hand-written stories: every event, sum, monthly revenue and evaluation, to the cent', { timeout: 600000 }, async (t) => {
  const { dir, market, books, server } = await lived(t);
  const events = await marketEvents(server);
  assert.deepEqual(events.map(words).sort(), [...books.events].sort());
  const { json: sales } = await server.admin('books/transactions?limit=500');
  const sums = sales.months.map((m) => [`${m.month} ${m.currency}`, { sales: m.sales_cents, refunds: m.refunds_cents, repriced: m.repriced_cents, uncollectible: m.uncollectible_cents, count: m.count }]);
  assert.deepEqual(Object.fromEntries(sums), books.money);
  for (const m of sales.months) {
    assert.equal(m.net_cents, m.sales_cents + m.refunds_cents + m.repriced_cents);
    const lines = sales.transactions.filter((s) => s.sale_date.startsWith(m.month) && s.currency === m.currency);
    assert.equal(m.net_cents + m.uncollectible_cents, lines.reduce((sum, s) => sum + s.amount_cents, 0), `the lines of ${m.month}`);
  }
  const { json: mrr } = await server.admin('books/mrr?from=2024-12&to=2025-11');
  const before = {};
  for (const { month, currency, ...m } of mrr.months) {
    const { mrr_cents, new_cents, expansion_cents, contraction_cents, churn_cents, customers } = m;
    assert.deepEqual({ mrr_cents, new_cents, expansion_cents, contraction_cents, churn_cents, customers }, books.mrr(month, currency), `${month} ${currency}`);
    if (currency in before) assert.equal(mrr_cents, before[currency] + new_cents + expansion_cents - contraction_cents - churn_cents);
    before[currency] = mrr_cents;
    const { json: alone } = await server.admin(`books/mrr?from=${month}&to=${month}`);
    assert.deepEqual(alone.months.find((x) => x.currency === currency), { month, currency, ...m }, 'a month says the same alone');
    const month_ = sales.months.find((x) => x.month === month && x.currency === currency);
    assert.deepEqual([m.refunds_cents, m.repriced_cents], [month_?.refunds_cents ?? 0, month_?.repriced_cents ?? 0], 'and so do the sums of the sales');
  }
  const { json: trials } = await server.admin('books/trials');
  assert.deepEqual(Object.fromEntries(trials.months.map(({ month, started, running, converted }) => [month, { started, running, converted }])), books.trials);
  for (const args of [['sync'], ['sync', '--full']]) assert.equal((await run(args, { dir, env: market.env })).code, 0);
  assert.equal((await marketEvents(server)).length, events.length, 'polled again, nothing more');
});

test('another server that polls a third as often and gets the rows in another order has the same events, by their ids', { timeout: 600000 }, async (t) => {
  const daily = await lived(t), seldom = await lived(t, { every: 3, backwards: true });
  const ids = new Map((await marketEvents(daily.server)).map((e) => [e.data.id, words(e)]));
  assert.equal(new Set(ids.keys()).size, (await marketEvents(daily.server)).length);
  const others = await marketEvents(seldom.server);
  assert.ok(others.length > ids.size - 12, `${others.length} of ${ids.size}: only what came and went between two polls is missing`);
  for (const e of others) assert.ok(ids.has(e.data.id), `${words(e)} has another id`);
});

test('the same days polled a second time into the same database, from rows as they were on the first: no event more', async (t) => {
  const span = { last: '2025-02-20' }, { dir, market, server } = await lived(t, span);
  const first = (await marketEvents(server)).map((e) => [e.seq, e.data.id, words(e)]);
  assert.ok(first.length > 15, `${first.length} events`);
  await live(dir, market, span);
  assert.deepEqual((await marketEvents(server)).map((e) => [e.seq, e.data.id, words(e)]), first);
});

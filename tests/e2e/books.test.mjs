// books.test.mjs - the Marketplace's reports become events, books and drift: a year of a vendor's life replayed day by
// day gives exactly what it must, twice nothing more, and the same where polls are killed on the way.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Atlassian, active, notLicensed } from './lib/atlassian.mjs';
import { binary, environment, Licgate, run, until } from './lib/licgate.mjs';
import { evaluation, license, Marketplace, realistic, sale } from './lib/marketplace.mjs';
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

/* A poll that loses its machine after some time; false: it was done by then. */
async function killed(dir, market, afterMs) {
  const child = spawn(binary, ['sync'], { env: environment(dir, market.env), cwd: dir, stdio: 'ignore' });
  const ended = new Promise((resolve) => { child.once('exit', (code, signal) => resolve(signal)); });
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  const signal = await ended;
  clearTimeout(timer);
  return signal === 'SIGKILL';
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
  let months;
  for (let cursor = ''; ;) {
    const { status, json } = await server.admin(`books/transactions?limit=100&${query}${cursor ? `&cursor=${cursor}` : ''}`);
    assert.equal(status, 200);
    all.push(...json.transactions);
    months ??= json.months; // with the first page alone
    if (!json.next) return { all, months };
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
  let first = true, tries = 0, kills = 0, took = 0;
  for (const day of year.days()) {
    const { changed, ...rows } = year.turn(day);
    Object.assign(market, rows, { today: day });
    if (first) {
      year.expected.length = 0;
      first = false;
    } else if (!changed) continue;
    else if (tries < 60) kills += await killed(dir, market, took * (0.1 + (tries++ * 37) % 100 / 100));
    const began = Date.now();
    await sync(dir, market);
    took = Date.now() - began; // of this machine and build: the next one is killed before, within and behind
  }
  assert.equal(tries, 60);
  assert.ok(kills >= 20, `${kills} of 60 polls were killed`);
  const server = await Licgate.start({ dir });
  t.after(() => server.stop().catch(() => {}));
  await assertBooks(server, year);
});

/* Rows of a CSV answer, each an object by the header's names. */
function csvRows(text) {
  const lines = text.trim().split('\r\n').map((line) => [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map((m) => m[1].replace(/^"(.*)"$/s, '$1').replaceAll('""', '"')));
  return lines.slice(1).map((cells) => Object.fromEntries(lines[0].filter(Boolean).map((name, i) => [name, cells[i]])));
}

/* Tenants and licences in every relation to each other. */
async function drifting(t) {
  const world = await Atlassian.start(), market = await Marketplace.start(), dir = folder(t);
  const server = await Licgate.start({ dir, env: { ...world.env, ...market.env, LICGATE_MARKETPLACE_INTERVAL: '604800' } });
  t.after(async () => { await server.stop(); await market.stop(); await world.stop(); });
  const ids = (n) => ({ entitlementId: license({}, n).appEntitlementId, entitlementNumber: license({}, n).appEntitlementNumber });
  const install = async (name, n, answer, body = {}) => {
    const site = world.site(name, answer);
    assert.equal((await site.install(server, { body: { ...ids(n), ...body } })).status, 204);
    return site;
  };
  return { world, market, dir, server, install };
}

test('drift: each kind of difference, what to do about it, as JSON, CSV and by kind', async (t) => {
  const { world, market, dir, server, install } = await drifting(t);
  const far = { maintenanceEndDate: '2099-12-31', lastUpdated: '2026-01-05' };
  const expired = await install('expired', 1, active({ entitlementNumber: 'E-100001' }));
  const locked = await install('locked', 2, notLicensed());
  const fine = await install('fine', 3, active());
  const gone = await install('gone', 4, active());
  const twice = await install('twice', 5, active({ supportEntitlementNumber: license({}, 5).licenseId }));
  const old = await install('old', 7, active()), since = Date.now();
  await until('a moment later', () => Date.now() > since + 1); // the one installed last counts
  const now = await install('new', 7, active());
  assert.equal((await gone.uninstall(server)).status, 204);
  market.licenses = [license({ ...far, status: 'inactive' }, 1), license(far, 2), license(far, 3), license(far, 4), license(far, 5), license({ ...far, licenseId: license({}, 5).licenseId }, 6), license(far, 7),
    license(far, 8), license({ ...far, installedOnSandbox: 'Yes' }, 9), license({ ...far, addonKey: 'com.example.another' }, 10), license({ ...far, licenseType: 'COMMUNITY' }, 11), license({ maintenanceEndDate: '2020-01-01' }, 12)];
  await sync(dir, market);
  await until('all looked up', async () => (await server.admin('tenants?limit=500')).json.tenants.every((x) => x.status === 'uninstalled' || x.license.source === 'lookup'));
  await until('the SEN that its site told is kept', async () => (await server.admin(`tenants/${twice.clientKey}`)).json.aliases.some((a) => a.kind === 'sen'));
  const { status, json } = await server.admin('drift');
  assert.equal(status, 200);
  assert.ok(json.polled_at);
  const said = json.drift.map((d) => [d.kind, d.tenant, d.entitlement]);
  assert.deepEqual(said, [
    ['expired_there', expired.clientKey, 'E-100001'], ['unlicensed_here', locked.clientKey, 'E-100002'],
    ['unknown_there', old.clientKey, null], ['never_seen', null, 'E-100008'],
    ['uninstalled_here', gone.clientKey, 'E-100004'], ['two_tenants', now.clientKey, 'E-100007'], ['two_licenses', twice.clientKey, 'E-100005'],
  ]);
  for (const d of json.drift) assert.ok(d.what_to_do.length > 30, d.kind);
  assert.ok(!json.drift.some((d) => d.tenant === fine.clientKey));
  assert.deepEqual(Object.entries(json.counts).filter(([, n]) => n > 0).map(([kind]) => kind), said.map(([kind]) => kind));
  const { json: one } = await server.admin('drift?kind=never_seen&limit=1');
  assert.deepEqual(one.drift.map((d) => [d.entitlement, d.tenant, d.base_url]), [['E-100008', null, 'https://site-8.atlassian.net']]);
  assert.match((await server.admin('drift?kind=no_such')).json.detail, /^kind: one of the names in "counts"/);
  assert.match((await server.admin('drift?cursor=x')).json.detail, /^cursor: not one of ours; take it from "next"/);
  const { text, headers } = await server.admin('drift', { headers: { accept: 'text/csv' } });
  assert.match(headers['content-type'], /^text\/csv/);
  assert.equal(text.trim().split('\r\n').length, json.drift.length + 1);
  // served and in no report
  const stray = await install('stray', 77, active());
  await until('looked up', async () => (await server.admin(`tenants/${stray.clientKey}`)).json.license.source === 'lookup');
  assert.deepEqual((await server.admin('drift?kind=unknown_there')).json.drift.map((d) => d.tenant).sort(), [old.clientKey, stray.clientKey].sort());
  // an override is the operator's own will: no drift; once it is over, it is one
  await server.admin(`tenants/${locked.clientKey}/override`, { method: 'PUT', body: { state: 'active', until: new Date(Date.now() + 1500).toISOString(), reason: 'paid', by: 'Kim' } });
  assert.equal((await server.admin('drift?kind=unlicensed_here')).json.drift.length, 0);
  const over = await until('the override is over', async () => (await server.admin('drift?kind=override_over')).json.drift[0]);
  assert.deepEqual([over.tenant, over.state], [locked.clientKey, 'none']);
});

test('a tenant shows its purchase, whichever side came first, by the strongest id', async (t) => {
  const { world, market, dir, server, install } = await drifting(t);
  const paid = (n) => [sale({ transactionId: 'AT-1', purchase: { saleDate: '2026-01-05' } }, n), sale({ transactionId: 'AT-2', purchase: { saleDate: '2026-02-05', saleType: 'Renewal', appEdition: 'standard', billingPeriod: 'Annual', purchasePrice: 1200.5, vendorAmount: 900.38 } }, n)];
  market.licenses = [license({ tier: '50 Users', appEdition: 'advanced' }, 1)];
  market.transactions = paid(1);
  const early = await install('early', 1, active());
  assert.equal((await server.admin(`tenants/${early.clientKey}`)).json.marketplace, null);
  await sync(dir, market);
  const view = async (site) => (await server.admin(`tenants/${site.clientKey}`)).json.marketplace;
  const seen = await view(early);
  assert.deepEqual([seen.entitlement, seen.status, seen.license_type, seen.tier, seen.edition, seen.maintenance_start, seen.maintenance_end, seen.billing_period, seen.sandbox],
    ['E-100001', 'active', 'COMMERCIAL', '50 Users', 'advanced', '2026-01-01', '2026-12-31', 'annual', false]);
  assert.deepEqual(seen.payments.map((p) => [p.transaction, p.amount_cents, p.vendor_amount_cents, p.currency]), [['AT-2', 120050, 90038, 'USD'], ['AT-1', 6250, 5313, 'USD']]);
  assert.equal(seen.joined_by, 'entitlement');
  // the row first, the tenant behind it; and by what its site tells of its licence, not by its install
  market.licenses.push(license({}, 2), license({}, 3));
  await sync(dir, market, '--full');
  const late = await install('late', 2, active());
  assert.equal((await view(late)).entitlement, 'E-100002');
  const told = world.site('told', active({ supportEntitlementNumber: license({}, 3).licenseId }));
  assert.equal((await told.install(server)).status, 204);
  assert.equal((await until('joined by what the site told', () => view(told))).joined_by, 'sen');
  // news of a joined licence names the tenant
  market.licenses[0] = license({ tier: '50 Users', status: 'cancelled', lastUpdated: new Date().toISOString().slice(0, 10) }, 1);
  await sync(dir, market);
  const [event] = (await server.events('&type=purchase.cancelled'));
  assert.deepEqual([event.data.tenant, event.data.entitlement, event.data.effective_at, event.data.previous.status], [early.clientKey, 'E-100001', '2026-12-31T00:00:00Z', 'active']);
  // an upgrade says which edition and tier it was before
  const today = new Date().toISOString().slice(0, 10);
  market.transactions.push(sale({ transactionId: 'AT-3', lastUpdated: today, purchase: { saleDate: '2026-03-01', saleType: 'Upgrade', appEdition: 'advanced', tier: '75 Users' } }, 1));
  await sync(dir, market);
  const [up] = (await server.events('&type=purchase.upgraded'));
  assert.deepEqual([up.data.edition, up.data.tier, up.data.previous.edition, up.data.previous.tier], ['advanced', '75 Users', 'standard', '25 Users']);
  const { stdout } = await run(['tenants', 'show', early.clientKey], { dir, env: { LICGATE_ADMIN_LISTEN: new URL(server.adminUrl).host } });
  const line = stdout.split('\n').find((l) => /^events +purchase\.upgraded /.test(l));
  assert.match(line, / tier=75 Users .* previous\.tier=25 Users/);
  assert.equal(line.match(/ tier=/g).length, 1, 'what was before looks like what is');
});

test('books as CSV; wrong questions are refused', async (t) => {
  const { market, dir, server } = await drifting(t);
  Object.assign(market, realistic());
  await sync(dir, market);
  for (const [path_, header] of [['books/transactions', 'transaction,line,sale_date'], ['books/mrr', 'month,currency,mrr_cents'], ['books/trials', 'month,started']]) {
    const { status, text } = await server.admin(path_, { headers: { accept: 'text/csv' } });
    assert.equal(status, 200);
    assert.ok(text.startsWith(header), text);
    const { json } = await server.admin(path_);
    assert.ok(Object.keys(json.definitions).length > 3);
    for (const query of ['from=2026-13', 'from=yesterday', 'from=2026-02-30', 'from=2026-03&to=2026-02', 'from=2026-01&from=2026-02', 'limit=0', 'format=xml']) assert.equal((await server.admin(`${path_}?${query}`)).status, 400, query);
    assert.equal((await server.admin(path_, { token: null })).status, 401);
  }
  assert.equal((await server.admin('books/transactions?cursor=nonsense')).status, 400);
  const range = async (query) => { const { json: { from, to } } = await server.admin(`books/transactions?${query}`); return [from, to]; };
  assert.deepEqual([await range(''), await range('from=2026-02&to=2026-03')], [[null, null], ['2026-02-01', '2026-03-31']]);
  const { json: { months } } = await server.admin('books/transactions?limit=1');
  const sums = (await server.admin('books/transactions?by=month&format=csv')).text.trim().split('\r\n').map((row) => row.split(','));
  assert.ok(months.length > 0);
  assert.deepEqual(sums, [Object.keys(months[0]), ...months.map((m) => Object.values(m).map(String))]);
  assert.equal((await server.admin('books/transactions?by=year')).status, 400);
  const { text } = await server.admin('books/transactions?format=csv');
  assert.equal(text.trim().split('\r\n').length, 1 + market.transactions.length);
  assert.doesNotMatch(text, /customer\.example|Tina|Springfield/);
});

test('a CSV of many pages has each sale once, in order', async (t) => {
  const { market, dir, server } = await drifting(t);
  market.transactions = Array.from({ length: 2500 }, (_, n) => sale({ transactionId: `AT-${n % 7}`, transactionLineItemId: `L-${n}` }, n % 50));
  await sync(dir, market);
  const { all } = await allSales(server, '');
  const { text, headers } = await server.admin('books/transactions?format=csv');
  assert.equal(headers['content-disposition'], 'attachment; filename="transactions.csv"');
  const rows = text.trim().split('\r\n').slice(1).map((row) => row.split(',').slice(0, 2).join());
  assert.equal(new Set(rows).size, 2500);
  assert.deepEqual(rows, all.map((s) => `${s.transaction},${s.line}`));
});

test('books: the CSV says what the JSON says, and every number has its definition', async (t) => {
  const { market, dir, server } = await drifting(t);
  const year = new VendorYear({ seed: 5, customers: 25 });
  for (const day of year.days()) Object.assign(market, year.turn(day));
  await sync(dir, market);
  for (const [path_, name] of [['books/transactions', 'transactions'], ['books/mrr', 'months'], ['books/trials', 'months']]) {
    const { json } = await server.admin(`${path_}?limit=500`);
    const rows = csvRows((await server.admin(`${path_}?format=csv`)).text);
    assert.equal(rows.length, json[name].length);
    assert.ok(rows.length > 5, `little in ${path_}`);
    for (const [i, row] of json[name].entries()) {
      assert.deepEqual(Object.keys(rows[i]).sort(), Object.keys(row).sort(), path_);
      for (const [member, value] of Object.entries(row)) {
        if (member.endsWith('_rate') && value !== null) assert.equal(Number(rows[i][member]), value, `${path_} ${member} of ${row.month}`);
        else assert.equal(rows[i][member], value === null ? '' : String(value), `${path_} ${member}`);
        if (typeof value === 'number' && !member.endsWith('_rate') && member !== 'median_days') assert.ok(Number.isSafeInteger(value), member);
        if (typeof value === 'number' || member.endsWith('_rate')) assert.ok(json.definitions[member], `${path_}: what is ${member}?`);
      }
    }
    for (const member of Object.keys(json.months[0])) if (!['month', 'currency'].includes(member)) assert.ok(json.definitions[member], `${path_}: what is ${member}?`);
  }
});

test('rates and medians of a history that is reckoned by hand', async (t) => {
  const { market, dir, server } = await drifting(t);
  const trial = (start, n, more = {}) => evaluation({ latestEvaluationStartDate: start, evaluationStartDate: start, maintenanceStartDate: start, status: 'inactive', ...more }, n);
  const paid = { licenseType: 'COMMERCIAL', status: 'active' };
  const buys = (n, day, price, term) => sale({ purchase: { saleDate: day, maintenanceStartDate: day, maintenanceEndDate: term, billingPeriod: 'Monthly', purchasePrice: price } }, n);
  // March: three begin, two buy, after 10 and after 15 days; April: three begin, one buys after 7; May: one that runs out
  market.licenses = [trial('2025-03-01', 1, paid), trial('2025-03-05', 2, paid), trial('2025-03-09', 3), trial('2025-04-01', 4), trial('2025-04-03', 5, paid), trial('2025-04-20', 6), trial('2025-05-02', 7)];
  // 210.00 a month at the end of April; 60.00 of them are gone in May, 30.00 of the other 150.00 in June, the rest in August
  market.transactions = [buys(1, '2025-03-11', 60, '2025-04-11'), buys(2, '2025-03-20', 120, '2025-04-20'), buys(1, '2025-04-11', 60, '2025-05-11'), buys(2, '2025-04-20', 120, '2025-05-20'),
    buys(5, '2025-04-10', 30, '2025-05-10'), buys(2, '2025-05-20', 360, '2025-08-20'), buys(5, '2025-05-10', 30, '2025-06-10')]
    .map((s, n) => ({ ...s, transactionId: `AT-${n}`, transactionLineItemId: `line-${n}` }));
  market.transactions[5].purchaseDetails.billingPeriod = 'Quarterly'; // 120.00 a month
  await sync(dir, market);
  const { json: trials } = await server.admin('books/trials');
  assert.deepEqual(trials.months.map((m) => [m.month, m.started, m.converted, m.conversion_rate, m.median_days]),
    [['2025-03', 3, 2, 0.6667, 12.5], ['2025-04', 3, 1, 0.3333, 7], ['2025-05', 1, 0, 0, null]]);
  const { json: mrr } = await server.admin('books/mrr?from=2025-02&to=2025-08');
  assert.deepEqual(mrr.months.map((m) => [m.month, m.mrr_cents, m.churn_cents, m.churn_rate, m.churned_customers, m.customer_churn_rate]), [
    ['2025-02', 0, 0, null, 0, null], ['2025-03', 18000, 0, null, 0, null], ['2025-04', 21000, 0, 0, 0, 0],
    ['2025-05', 15000, 6000, 0.2857, 1, 0.3333], ['2025-06', 12000, 3000, 0.2, 1, 0.5], ['2025-07', 12000, 0, 0, 0, 0], ['2025-08', 0, 12000, 1, 1, 1]]);
});

test('recurring revenue of a time before the first sale or after today has no month; a sale dated far ahead moves nothing', async (t) => {
  const { market, dir, server } = await drifting(t);
  const months = async (query) => (await server.admin(`books/mrr?${query}`)).json.months.map((m) => m.month);
  market.transactions = [sale({ purchase: { saleDate: '2025-03-05', maintenanceStartDate: '2025-03-05', maintenanceEndDate: '2025-04-05' } }, 1)];
  await sync(dir, market);
  const thisMonth = new Date().toISOString().slice(0, 7);
  assert.deepEqual(await months('to=2010-01'), []);
  assert.deepEqual(await months('from=2090-01'), []);
  assert.deepEqual(await months('from=2090-01&to=2091-01'), []);
  assert.deepEqual(await months('to=2025-04'), ['2025-03', '2025-04']);
  assert.deepEqual(await months('from=2025-02&to=2025-03-31'), ['2025-02', '2025-03']);
  assert.deepEqual([(await months('')).at(0), (await months('')).at(-1)], ['2025-03', thisMonth]);
  market.transactions.push(sale({ purchase: { saleDate: '2092-01-01', maintenanceStartDate: '2092-01-01', maintenanceEndDate: '2092-02-01' } }, 2));
  await sync(dir, market, '--full');
  assert.deepEqual([(await months('')).at(0), (await months('')).at(-1)], ['2025-03', thisMonth]);
});

test('drift: what the product cannot serve is not missed, a state nobody knows is no expiry, nor a sandbox\'s, a licence without an end is paid for', async (t) => {
  const { market, dir, server, install } = await drifting(t);
  const far = { maintenanceEndDate: '2099-12-31' };
  await install('odd', 1, active());
  await install('stateless', 2, active());
  const endless = await install('endless', 3, notLicensed());
  await install('sandbox', 7, active());
  const cloudless = { cloudId: null, cloudSiteHostname: null };
  market.licenses = [license({ ...far, status: 'hibernating' }, 1), license({ ...far, status: null }, 2), license({ maintenanceEndDate: null }, 3),
    license({ ...far, ...cloudless, hosting: 'Data Center' }, 4), license({ ...far, ...cloudless, hosting: 'Server' }, 5), license({ ...far, hosting: null }, 6), license({ ...far, installedOnSandbox: 'Yes', status: 'inactive' }, 7)];
  await sync(dir, market);
  await until('all looked up', async () => (await server.admin('tenants?limit=500')).json.tenants.every((x) => x.license.source === 'lookup'));
  const { json } = await server.admin('drift');
  assert.deepEqual(json.drift.map((d) => [d.kind, d.tenant, d.entitlement]), [['unlicensed_here', endless.clientKey, 'E-100003'], ['never_seen', null, 'E-100006']]);
});

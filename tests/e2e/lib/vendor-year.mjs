// vendor-year.mjs - a year of a vendor's life, day by day: what the Marketplace's reports say each day, and beside it,
// reckoned without looking at those rows, which events and which totals must come of it.
//
//   const year = new VendorYear({ seed: 1, customers: 40 });
//   for (const day of year.days()) { Object.assign(market, { today: day }, year.turn(day)); … poll … }
//   year.expected, year.mrr, year.money, year.trials
import { license, sale } from './marketplace.mjs';

const DAY = 86400000;
const iso = (ms) => new Date(ms).toISOString().slice(0, 10);
export const plus = (day, n) => iso(Date.parse(day) + n * DAY);
export const plusMonths = (day, n) => { const d = new Date(day); return iso(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + n, d.getUTCDate())); };
const monthEnd = (month) => plus(plusMonths(`${month}-01`, 1), -1);

/* mulberry32: the same year for the same seed. */
function dice(seed) {
  let a = seed >>> 0;
  const next = () => { a = (a + 0x6d2b79f5) >>> 0; let t = Math.imul(a ^ (a >>> 15), 1 | a); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 4294967296; };
  return { next, int: (from, to) => from + Math.floor(next() * (to - from + 1)), chance: (p) => next() < p, of: (list) => list[Math.floor(next() * list.length)] };
}

/* Cents to the float the report has. */
const dollars = (cents) => cents / 100;

export class VendorYear {
  constructor({ seed = 1, customers = 40, year = 2025 } = {}) {
    Object.assign(this, { dice: dice(seed), year, licenses: [], transactions: [], expected: [], plan: new Map(), money: {}, levels: [], trialStarts: [], count: { transaction: 0 } });
    for (let n = 1; n <= customers; n++) this.#customer(n);
  }

  * days() { for (let day = `${this.year}-01-01`; day <= `${this.year}-12-31`; day = plus(day, 1)) yield day; }

  #on(day, what) {
    if (!day.startsWith(String(this.year))) return;
    if (!this.plan.has(day)) this.plan.set(day, []);
    this.plan.get(day).push(what);
  }

  /** What is in the reports on that day; `changed`: whether anything is new. */
  turn(day) {
    const todo = this.plan.get(day) ?? [];
    for (let i = 0; i < todo.length; i++) todo[i](day); // an action may add others to the same day
    return { licenses: this.licenses, transactions: this.transactions, changed: todo.length > 0 };
  }

  #event(type, effective, c, more = '') { this.expected.push(`${type} ${effective} ${this.#key(c)}${more}`); }
  #key(c) { return c.row.appEntitlementNumber ?? c.row.licenseId; }
  #touch(c, day, members) { Object.assign(c.row, members, { lastUpdated: day }); }

  /* A line in the report, some of them a day or two late. */
  #line(c, day, type, cents, purchase, { late = this.dice.chance(0.2) ? this.dice.int(1, 2) : 0, told, ...more } = {}) {
    const n = ++this.count.transaction;
    const row = sale({ transactionId: `AT-${n}`, transactionLineItemId: `L-${n}`, paymentStatus: 'Paid', ...more, purchase: { saleDate: day, saleType: this.dice.of([type, type.toUpperCase()]),
      billingPeriod: c.months === 1 ? 'Monthly' : 'Annual', tier: c.tier, purchasePrice: dollars(cents), vendorAmount: dollars(cents) * 0.75, ...purchase } }, c.n);
    for (const id of ['appEntitlementNumber', 'appEntitlementId']) row[id] = c.row[id];
    const shown = plus(day, late);
    const show = (today) => {
      row.lastUpdated = today;
      for (const id of ['appEntitlementNumber', 'appEntitlementId']) row[id] = c.row[id];
      this.transactions.push(row);
      const name = { New: 'created', Renewal: 'renewed', Upgrade: 'upgraded', Downgrade: 'downgraded' }[type];
      if (name) this.#event(`purchase.${name}`, day, c, ` ${cents}`);
      told?.(today);
    };
    if (shown > `${this.year}-12-31`) return row; // not this year's news
    if (late === 0) show(day); else this.#on(shown, show);
    const month = day.slice(0, 7);
    if (row.paymentStatus !== 'Uncollectible') this.money[month] = (this.money[month] ?? 0) + cents;
    return row;
  }

  /* From that day on the customer's monthly amount is this. */
  #level(c, day, cents) { this.levels.push({ n: c.n, day, cents }); }

  #customer(n) {
    const d = this.dice, c = { n, months: d.of([1, 1, 12]), monthly: 1000 * d.int(1, 30), tier: `${d.int(1, 20) * 5} Users` };
    const before = n % 4 === 0;
    if (n % 9 === 0) return void this.#sandbox(c);
    c.old = n % 5 === 0; // begins with a SEN alone, and gets its entitlement later
    const start = before ? `${this.year - 1}-${String(d.int(7, 12)).padStart(2, '0')}-${String(d.int(2, 28)).padStart(2, '0')}` : `${this.year}-${String(d.int(1, 10)).padStart(2, '0')}-${String(d.int(2, 28)).padStart(2, '0')}`;
    if (before) return void this.#old(c, start);
    this.#on(start, (day) => this.#trial(c, day));
  }

  /* Sandboxes change their tier all the time: no event, no money. */
  #sandbox(c) {
    c.row = license({ installedOnSandbox: 'Yes', licenseType: 'COMMERCIAL', lastUpdated: `${this.year}-01-01`, maintenanceStartDate: `${this.year}-01-01` }, c.n);
    this.licenses.push(c.row);
    for (let month = 1; month <= 12; month++) this.#on(`${this.year}-${String(month).padStart(2, '0')}-15`, (day) => this.#touch(c, day, { tier: `${month * 10} Users`, status: month % 3 ? 'active' : 'inactive' }));
  }

  /* Bought before the year: the first poll knows it and is silent. */
  #old(c, start) {
    c.row = license({ tier: c.tier, maintenanceStartDate: start, maintenanceEndDate: plusMonths(start, c.months), lastUpdated: start }, c.n);
    this.licenses.push(c.row);
    let from = start;
    while (plusMonths(from, c.months) <= `${this.year}-01-01`) from = plusMonths(from, c.months);
    Object.assign(c.row, { maintenanceStartDate: from, maintenanceEndDate: plusMonths(from, c.months) });
    c.line = sale({ transactionId: `AT-old-${c.n}`, transactionLineItemId: `L-old-${c.n}`, lastUpdated: from, purchase: { saleDate: from, saleType: from === start ? 'New' : 'Renewal', tier: c.tier,
      billingPeriod: c.months === 1 ? 'Monthly' : 'Annual', purchasePrice: dollars(c.monthly * c.months), vendorAmount: dollars(c.monthly * c.months) * 0.75, maintenanceStartDate: from, maintenanceEndDate: plusMonths(from, c.months) } }, c.n);
    this.transactions.push(c.line);
    this.#level(c, from, c.monthly);
    this.#term(c, from);
  }

  #trial(c, day) {
    const d = this.dice, end = plus(day, 30);
    c.row = license({ licenseType: 'EVALUATION', tier: 'Evaluation', latestEvaluationStartDate: day, maintenanceStartDate: day, maintenanceEndDate: end, lastUpdated: day }, c.n);
    if (c.old) Object.assign(c.row, { appEntitlementNumber: null, appEntitlementId: null });
    this.licenses.push(c.row);
    this.#event('trial.started', day, c);
    const trial = { day };
    this.trialStarts.push(trial);
    if (c.old) this.#on(plus(day, 5), (today) => this.#touch(c, today, { appEntitlementNumber: `E-${100000 + c.n}`, appEntitlementId: `0f0e0d0c-0000-4000-8000-${String(c.n).padStart(12, '0')}` }));
    const fate = d.next();
    if (fate < 0.2) {
      this.#on(plus(day, d.int(6, 20)), (today) => { this.#touch(c, today, { status: 'cancelled' }); this.#event('trial.cancelled', end, c); });
      this.#on(plus(end, 1), (today) => { this.#touch(c, today, { status: 'inactive' }); this.#event('trial.expired', end, c); });
    } else if (fate < 0.4) {
      this.#on(plus(end, 1), (today) => { this.#touch(c, today, { status: 'inactive' }); this.#event('trial.expired', end, c); });
    } else {
      trial.bought = plus(day, d.int(7, 28));
      this.#on(trial.bought, (today) => {
        this.#touch(c, today, { licenseType: 'COMMERCIAL', tier: c.tier, maintenanceStartDate: today, maintenanceEndDate: plusMonths(today, c.months) });
        this.#event('trial.converted', today, c);
        c.line = this.#line(c, today, 'New', c.monthly * c.months, { maintenanceStartDate: today, maintenanceEndDate: plusMonths(today, c.months) });
        this.#level(c, today, c.monthly);
        this.#term(c, today);
      });
    }
  }

  /* What happens in a term that began on that day, and at its end. */
  #term(c, from) {
    const d = this.dice, end = plusMonths(from, c.months);
    const fate = from < `${this.year}-01-01` ? 0.7 : d.next(); // before the year nothing happens
    let ends = false;
    if (c.months === 12 && fate < 0.25) this.#on(plusMonths(from, d.int(1, 4)), (day) => this.#upgrade(c, day, end));
    else if (c.months === 12 && fate < 0.45) this.#on(plusMonths(from, d.int(1, 4)), (day) => this.#reprice(c, day, end));
    else if (c.months === 12 && fate < 0.6) this.#on(plus(from, d.int(3, 40)), (day) => this.#refundPart(c, day));
    else if (fate > 0.9) { ends = true; this.#on(plus(from, d.int(2, 20)), (day) => this.#refundAll(c, day, end)); }
    else if (fate > 0.78) {
      ends = true;
      this.#on(plus(from, d.int(2, 20)), (day) => { this.#touch(c, day, { status: 'cancelled' }); this.#event('purchase.cancelled', end, c); });
      this.#on(plus(end, 1), (day) => { this.#touch(c, day, { status: 'inactive' }); this.#event('purchase.expired', end, c); });
      this.#level(c, plus(end, 1), 0);
    }
    if (!ends) this.#on(end, (day) => this.#renew(c, day));
  }

  #renew(c, day) {
    const end = plusMonths(day, c.months);
    const failing = this.dice.chance(0.08);
    this.#touch(c, day, { maintenanceStartDate: day, maintenanceEndDate: end });
    c.line = this.#line(c, day, 'Renewal', c.monthly * c.months, { maintenanceStartDate: day, maintenanceEndDate: end }, failing ? { paymentStatus: 'Open', late: 0 } : {});
    this.#level(c, day, c.monthly);
    if (!failing) return void this.#term(c, day);
    this.#on(plus(day, 9), (today) => {
      Object.assign(c.line, { paymentStatus: 'Uncollectible', lastUpdated: today });
      this.#event('payment.failed', day, c, ` ${c.monthly * c.months}`);
      this.#touch(c, today, { status: 'inactive' });
      this.#event('purchase.expired', end, c);
      this.money[day.slice(0, 7)] -= c.monthly * c.months;
      this.levels = this.levels.filter((l) => !(l.n === c.n && l.day === day));
      this.#level(c, plus(day, 1), 0); // the line counts for nothing; the term before it ended on that day
    });
  }

  /* More users for the rest of the term, which is whole months. */
  #upgrade(c, day, end) {
    const rest = this.#monthsTo(day, end), more = 1000 * this.dice.int(1, 9), tier = `${c.tier} and more`;
    this.#touch(c, day, { tier });
    const oldTier = c.tier;
    c.tier = tier;
    this.#line(c, day, 'Upgrade', more * rest, { oldTier, maintenanceStartDate: day, maintenanceEndDate: end }, { late: 0 });
    c.monthly += more;
    this.#level(c, day, c.monthly);
  }

  /* The same, billed as a refund of what is left and an upgrade at the new price; the refund may come a poll ahead. */
  #reprice(c, day, end) {
    const rest = this.#monthsTo(day, end), now = c.monthly + 1000 * this.dice.int(1, 9), oldTier = c.tier;
    c.tier = `${c.tier} repriced`;
    this.#touch(c, day, { tier: c.tier });
    this.#refund(c, day, c.monthly * rest, { late: 0 });
    this.#line(c, day, 'Upgrade', now * rest, { oldTier, maintenanceStartDate: day, maintenanceEndDate: end }, { late: 0 });
    c.monthly = now;
    this.#level(c, day, now);
  }

  #refundPart(c, day) {
    const cents = c.monthly * 3; // a quarter of the year
    this.#refund(c, day, cents, { told: () => this.#event('purchase.refunded', day, c, ` ${-cents} partial`) });
    this.#level(c, day, c.monthly - c.monthly / 4);
  }

  #refundAll(c, day, end) {
    const cents = c.monthly * c.months;
    this.#touch(c, day, { status: 'inactive' });
    this.#event('purchase.expired', end, c);
    this.#refund(c, day, cents, { told: () => this.#event('purchase.refunded', day, c, ` ${-cents} full`) }, this.dice.chance(0.5));
    this.#level(c, day, 0);
  }

  /* Some do not name the line that they pay back. */
  #refund(c, day, cents, more, named = true) {
    const original = named ? { originalTransactionDetails: { transactionId: c.line.transactionId, saleDate: c.line.purchaseDetails.saleDate } } : {};
    const { maintenanceStartDate, maintenanceEndDate } = c.line.purchaseDetails;
    this.#line(c, day, 'Refund', -cents, { refundReason: 'Customer request', maintenanceStartDate, maintenanceEndDate, ...original }, more);
  }

  #monthsTo(day, end) { let n = 0; while (plusMonths(day, n) < end) n++; return n; }

  /** Month by month: sum of what each customer pays a month on its last day. */
  get mrr() {
    const months = Array.from({ length: 12 }, (_, i) => `${this.year}-${String(i + 1).padStart(2, '0')}`);
    return months.map((month) => {
      const last = new Map();
      const order = this.levels.map((l, i) => ({ ...l, i })).sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : a.i - b.i));
      for (const { n, day, cents } of order) if (day <= monthEnd(month)) last.set(n, cents);
      return { month, mrr_cents: [...last.values()].reduce((a, b) => a + b, 0), customers: [...last.values()].filter((cents) => cents > 0).length };
    });
  }

  /** Evaluations by month: started, converted. */
  get trials() {
    const by = {};
    for (const { day, bought } of this.trialStarts) {
      const m = by[day.slice(0, 7)] ??= { month: day.slice(0, 7), started: 0, converted: 0 };
      m.started++;
      if (bought && bought <= `${this.year}-12-31`) m.converted++;
    }
    return Object.values(by).sort((a, b) => (a.month < b.month ? -1 : 1));
  }
}

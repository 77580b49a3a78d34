// vendor-stories.mjs - customers of a vendor from December 2024 to November 2025, each a story written by hand: what the
// reports say on which day, and what an accountant expects of it. Beside vendor-year.mjs, which throws dice.
//
//   const books = new Stories();
//   for (const day of books.days()) { books.turn(day); Object.assign(market, { today: day, licenses: books.licenses, transactions: books.transactions }); … poll … }
//   books.events, books.money, books.trials, books.mrr()
import { license, sale } from './marketplace.mjs';

const DAY = 86400000;
const FIRST = '2024-11-30', LAST = '2025-11-30'; // the first poll is silent
const plus = (day, n) => new Date(Date.parse(day) + n * DAY).toISOString().slice(0, 10);
const monthEnd = (month) => plus(months(`${month}-01`, 1), -1);
const NO_ENTITLEMENT = { appEntitlementNumber: null, appEntitlementId: null };
const NO_ID = { ...NO_ENTITLEMENT, addonLicenseId: null, licenseId: null, cloudId: null, cloudSiteHostname: null, transactionAccountId: null };
const ON_PREMISES = { hosting: 'Data Center', cloudId: null, cloudSiteHostname: null };

/** Calendar months on, the last day of a short month at most. */
export function months(day, n) {
  const [year, month, date] = day.split('-').map(Number);
  const last = new Date(Date.UTC(year, month + n, 0)).getUTCDate();
  return new Date(Date.UTC(year, month - 1 + n, Math.min(date, last))).toISOString().slice(0, 10);
}

/* One customer: its licence's row, and how it and its sales change. */
class Customer {
  constructor(books, n) { Object.assign(this, { books, n, entitlement: `E-${100000 + n}`, lines: 0 }); }

  /** The licence is in the report from that day on. */
  appears(day, more = {}) {
    this.row = license({ maintenanceStartDate: day, maintenanceEndDate: months(day, 12), lastUpdated: day, ...more }, this.n);
    this.books.on(day, () => this.books.licenses.push(this.row));
    return this;
  }

  /** An evaluation of 30 days, and what became of it. */
  evaluates(day, fate, more = {}) {
    if (fate) this.books.trial(day, fate);
    this.appears(day, { licenseType: 'EVALUATION', tier: 'Unlimited Users', latestEvaluationStartDate: day, maintenanceEndDate: plus(day, 30), ...more });
    return this.told('trial.started', day);
  }

  changes(day, members) {
    this.books.on(day, () => Object.assign(this.row, members, { lastUpdated: day }));
    return this;
  }

  /** An event is expected: its type, the day that it takes effect, what else it says. */
  told(type, day, words = '') {
    this.books.events.push(`${type} ${day} ${this.entitlement}${words && ` ${words}`}`);
    return this;
  }

  /** From that day on its recurring revenue is this many cents a month. */
  worth(day, cents, currency = 'USD') {
    this.books.levels.push({ customer: this.n, day, cents, currency });
    return this;
  }

  /** A sale's line: months it is for, or to: its last day; seen: when the report has it; as: the sum it goes into; says: of its event. */
  sells(type, day, cents, { term = 12, from = day, to = months(from, term), billing = term === 1 ? 'Monthly' : 'Annual', seen = day, as, says, event = true, of, price = cents / 100, ids = {}, paid = 'Paid', ...purchase } = {}) {
    const kind = type.toLowerCase(), row = sale({ transactionId: `AT-${this.n}-${++this.lines}`, paymentStatus: paid, ...ids, purchase: {
      saleDate: day, saleType: type, billingPeriod: billing, purchasePrice: price, vendorAmount: 0, maintenanceStartDate: from, maintenanceEndDate: to,
      ...(of ? { originalTransactionDetails: { transactionId: of.transactionId, saleDate: of.purchaseDetails.saleDate } } : {}), ...purchase } }, this.n);
    for (const id of Object.keys(ids)) if (ids[id] === null) delete row[id];
    this.books.on(seen, () => { row.lastUpdated = seen; this.books.transactions.push(row); });
    this.books.pay(day, cents, as ?? (kind === 'refund' ? 'refunds' : 'sales'), purchase.currency);
    const told = { new: 'created', renewal: 'renewed', upgrade: 'upgraded', downgrade: 'downgraded', refund: 'refunded' }[kind];
    if (event && told && seen > FIRST) this.told(`purchase.${told}`, day, `${cents}${says ? ` ${says}` : ''}`);
    return row;
  }

  /** The line's row is altered on that day. */
  alters(row, day, { purchase, ...members }) {
    this.books.on(day, () => { Object.assign(row, members, { lastUpdated: day }); Object.assign(row.purchaseDetails, purchase); });
    return this;
  }
}

const stories = {
  'evaluates, buys by the month, renews': (c) => {
    c.evaluates('2024-12-03', 'converted').changes('2024-12-20', { licenseType: 'COMMERCIAL', maintenanceStartDate: '2024-12-20', maintenanceEndDate: '2025-01-20' }).told('trial.converted', '2024-12-20').worth('2024-12-20', 4999);
    c.sells('New', '2024-12-20', 4999, { term: 1 });
    for (let n = 1; n < 12; n++) { const day = months('2024-12-20', n); c.sells(n % 2 ? 'Renewal' : 'RENEWAL', day, 4999, { term: 1 }); c.changes(day, { maintenanceEndDate: months(day, 1) }); }
  },
  'a year, more users for the rest of it, then fewer': (c) => {
    c.appears('2025-01-15').worth('2025-01-15', 10000).worth('2025-05-15', 15000).worth('2025-09-15', 13000);
    c.sells('New', '2025-01-15', 120000);
    c.sells('Upgrade', '2025-05-15', 40000, { to: '2026-01-15', tier: '50 Users' });
    c.sells('Downgrade', '2025-09-15', -8000, { to: '2026-01-15', tier: '40 Users' });
  },
  'a change to another edition: money back and a new price on one day': (c) => {
    c.appears('2024-12-10', { appEdition: 'standard' }).worth('2024-12-10', 5000).worth('2025-03-10', 10000).changes('2025-03-10', { appEdition: 'advanced' });
    const first = c.sells('New', '2024-12-10', 60000, { appEdition: 'standard' });
    c.sells('Refund', '2025-03-10', -45000, { of: first, to: '2025-12-10', as: 'repriced', event: false });
    c.sells('Upgrade', '2025-03-10', 90000, { to: '2025-12-10', appEdition: 'advanced', says: 'repricing -45000' });
  },
  'the same, its Refund a day later in the report': (c) => {
    c.appears('2024-12-12').worth('2024-12-12', 2000).worth('2025-04-12', 3000);
    const first = c.sells('New', '2024-12-12', 24000);
    c.sells('Upgrade', '2025-04-12', 24000, { to: '2025-12-12', tier: '60 Users' });
    c.sells('Refund', '2025-04-12', -16000, { of: first, to: '2025-12-12', seen: '2025-04-13', as: 'repriced', event: false });
  },
  'the same, its Refund under the SEN': (c) => {
    c.appears('2024-12-15').worth('2024-12-15', 1000).worth('2025-06-15', 2000);
    const first = c.sells('New', '2024-12-15', 12000);
    c.sells('Refund', '2025-06-15', -6000, { of: first, to: '2025-12-15', as: 'repriced', event: false, ids: NO_ENTITLEMENT });
    c.sells('Upgrade', '2025-06-15', 12000, { to: '2025-12-15', says: 'repricing -6000' });
  },
  'all money back in the month after the sale': (c) => {
    c.appears('2025-01-20').worth('2025-01-20', 2000).worth('2025-02-15', 0);
    const first = c.sells('New', '2025-01-20', 24000);
    c.alters(first, '2025-02-15', { paymentStatus: 'Refunded' }).sells('Refund', '2025-02-15', -24000, { of: first, from: '2025-01-20', says: 'full' });
    c.changes('2025-02-16', { status: 'inactive', maintenanceEndDate: '2025-02-15' }).told('purchase.expired', '2025-02-15');
  },
  'all money back, no original named': (c) => {
    c.appears('2025-01-11').worth('2025-01-11', 3000).worth('2025-03-01', 0);
    c.sells('New', '2025-01-11', 36000);
    c.sells('Refund', '2025-03-01', -36000, { from: '2025-01-11', says: 'full' });
  },
  'a quarter back, later the rest': (c) => {
    c.appears('2025-03-04').worth('2025-03-04', 1000).worth('2025-05-04', 750).worth('2025-06-04', 0);
    const first = c.sells('New', '2025-03-04', 12000);
    c.sells('Refund', '2025-05-04', -3000, { of: first, says: 'partial' });
    c.sells('Refund', '2025-06-04', -9000, { of: first, says: 'partial' });
  },
  'cancels, thinks better of it, cancels in the next term, ends': (c) => {
    c.appears('2025-02-21', { maintenanceEndDate: '2025-03-21' }).worth('2025-02-21', 1100).worth('2025-04-22', 0);
    c.sells('New', '2025-02-21', 1100, { term: 1 });
    c.changes('2025-03-05', { status: 'cancelled' }).told('purchase.cancelled', '2025-03-21').changes('2025-03-10', { status: 'active' });
    c.sells('Renewal', '2025-03-21', 1100, { term: 1 });
    c.changes('2025-03-21', { maintenanceEndDate: '2025-04-21' }).changes('2025-04-01', { status: 'cancelled' }).told('purchase.cancelled', '2025-04-21');
    c.changes('2025-04-22', { status: 'inactive' }).told('purchase.expired', '2025-04-21');
  },
  'ends, comes back months later as new': (c) => {
    c.appears('2025-01-05', { maintenanceEndDate: '2025-02-05' }).worth('2025-01-05', 1200).worth('2025-02-06', 0).worth('2025-05-10', 1200);
    c.sells('New', '2025-01-05', 1200, { term: 1 });
    c.changes('2025-02-06', { status: 'inactive' }).told('purchase.expired', '2025-02-05').sells('New', '2025-05-10', 14400);
    c.changes('2025-05-10', { status: 'active', maintenanceEndDate: '2026-05-10' });
  },
  'a renewal that stays open and turns out uncollectible': (c) => {
    c.appears('2025-03-03', { maintenanceEndDate: '2025-04-03' }).worth('2025-03-03', 2000).worth('2025-04-04', 0);
    c.sells('New', '2025-03-03', 2000, { term: 1 });
    const open = c.sells('Renewal', '2025-04-03', 2000, { term: 1, paid: 'Open', as: 'uncollectible' });
    c.alters(open, '2025-04-20', { paymentStatus: 'UNCOLLECTIBLE' }).told('payment.failed', '2025-04-03', '2000');
    c.changes('2025-04-21', { status: 'inactive' }).told('purchase.expired', '2025-04-03');
  },
  'billed on the last day of each month, its users change with a renewal': (c) => {
    c.appears('2025-01-31', { maintenanceEndDate: '2025-02-28' }).worth('2025-01-31', 2000).worth('2025-03-31', 1500).worth('2025-04-30', 3000).worth('2025-07-01', 0);
    for (const [type, day, cents, to] of [['New', '2025-01-31', 2000, '2025-02-28'], ['Renewal', '2025-02-28', 2000, '2025-03-31'], ['Downgrade', '2025-03-31', 1500, '2025-04-30'], ['Upgrade', '2025-04-30', 3000, '2025-05-31'],
      ['Renewal', '2025-05-31', 3000, '2025-06-30']]) c.sells(type, day, cents, { term: 1, to });
    c.changes('2025-07-01', { status: 'inactive', maintenanceEndDate: '2025-06-30' }).told('purchase.expired', '2025-06-30');
  },
  'known by its SEN, then by its entitlement': (c) => {
    c.entitlement = `SEN-${3000000 + c.n}`;
    c.appears('2025-01-13', { ...NO_ENTITLEMENT, maintenanceEndDate: '2025-02-13' }).worth('2025-01-13', 900).worth('2025-04-14', 0);
    c.sells('New', '2025-01-13', 900, { term: 1, ids: NO_ENTITLEMENT });
    c.sells('Renewal', '2025-02-13', 900, { term: 1, ids: NO_ENTITLEMENT });
    c.entitlement = `E-${100000 + c.n}`;
    const numbered = license({}, c.n);
    c.changes('2025-03-01', { appEntitlementNumber: numbered.appEntitlementNumber, appEntitlementId: numbered.appEntitlementId, maintenanceEndDate: '2025-04-13' });
    c.sells('Renewal', '2025-03-13', 900, { term: 1 });
    c.changes('2025-04-14', { status: 'inactive' }).told('purchase.expired', '2025-04-13');
  },
  'lines two months late, and one that is corrected': (c) => {
    c.appears('2025-02-01').worth('2025-02-01', 900);
    const first = c.sells('New', '2025-02-01', 10800, { seen: '2025-04-02', price: 120, event: false });
    c.alters(first, '2025-05-20', { purchase: { purchasePrice: 108 } }).told('purchase.created', '2025-02-01', '12000');
  },
  'evaluates in vain, evaluates again, buys': (c) => {
    c.evaluates('2025-01-02').changes('2025-02-02', { status: 'inactive' }).told('trial.expired', '2025-02-01');
    c.changes('2025-05-04', { status: 'active', latestEvaluationStartDate: '2025-05-04', maintenanceStartDate: '2025-05-04', maintenanceEndDate: '2025-06-03' }).told('trial.started', '2025-05-04').books.trial('2025-05-04', 'converted');
    c.changes('2025-05-14', { licenseType: 'COMMERCIAL', maintenanceStartDate: '2025-05-14', maintenanceEndDate: '2026-05-14' }).told('trial.converted', '2025-05-14').worth('2025-05-14', 1000);
    c.sells('New', '2025-05-14', 12000, { seen: '2025-05-16' });
  },
  'evaluates, cancels, ends; has a line of its own': (c) => {
    c.evaluates('2025-03-28', 'ended').changes('2025-04-02', { status: 'cancelled' }).told('trial.cancelled', '2025-04-27').changes('2025-04-28', { status: 'inactive' }).told('trial.expired', '2025-04-27');
    c.sells('New', '2025-03-28', 0, { licenseType: 'EVALUATION', event: false });
  },
  'evaluates longer than planned': (c) => { c.evaluates('2025-03-31', 'ended').changes('2025-04-25', { maintenanceEndDate: '2025-05-30' }).changes('2025-05-31', { status: 'inactive' }).told('trial.expired', '2025-05-30'); },
  'evaluates, becomes a free community licence': (c) => { c.evaluates('2025-06-05', 'ended').changes('2025-06-20', { licenseType: 'COMMUNITY' }); },
  'renews ahead, at another price': (c) => {
    c.appears(FIRST, { maintenanceStartDate: '2024-06-01', maintenanceEndDate: '2025-06-01' }).worth('2024-06-01', 1000).worth('2025-06-01', 1200);
    c.sells('New', '2024-06-01', 12000, { seen: FIRST });
    c.sells('Renewal', '2025-05-17', 14400, { from: '2025-06-01' });
    c.changes('2025-05-17', { maintenanceEndDate: '2026-06-01' });
  },
  'lapses, and renews six weeks late for the term that began': (c) => {
    c.appears(FIRST, { maintenanceStartDate: '2024-01-10', maintenanceEndDate: '2025-01-10' }).worth('2024-01-10', 1000);
    c.sells('New', '2024-01-10', 12000, { seen: FIRST });
    c.changes('2025-01-11', { status: 'inactive' }).told('purchase.expired', '2025-01-10').sells('Renewal', '2025-02-20', 12000, { from: '2025-01-10' });
    c.changes('2025-02-20', { status: 'active', maintenanceEndDate: '2026-01-10' });
  },
  'pays in euros, some of it back': (c) => {
    c.appears('2025-02-02').worth('2025-02-02', 5000, 'EUR').worth('2025-06-30', 3750, 'EUR');
    const first = c.sells('New', '2025-02-02', 60000, { currency: 'EUR' });
    c.sells('Refund', '2025-06-30', -15000, { currency: 'EUR', of: first, says: 'partial' });
  },
  'Data Center': (c) => {
    c.appears('2025-01-07', ON_PREMISES).worth('2025-01-07', 50000).worth('2025-07-07', 75000);
    c.sells('New', '2025-01-07', 600000, { billing: null });
    c.sells('Upgrade', '2025-07-07', 150000, { billing: null, to: '2026-01-07' });
  },
  'a discount, a kind of sale that nobody knows, amounts that no float holds': (c) => {
    c.appears('2025-02-03').worth('2025-02-03', 4500);
    c.sells('New', '2025-02-03', 54000, { discounts: [{ amount: 60, reason: 'loyalty', type: 'MANUAL' }] });
    c.sells('Credit', '2025-05-03', -1000);
    c.sells('Credit', '2025-05-04', 101, { price: 1.005 });
    c.sells('Credit', '2025-05-05', 30, { price: 0.1 + 0.2 });
  },
  'an upgrade that was never paid, and is credited': (c) => {
    c.appears('2025-01-16').worth('2025-01-16', 1000);
    c.sells('New', '2025-01-16', 12000);
    const up = c.sells('Upgrade', '2025-04-16', 9000, { to: '2026-01-16', paid: 'Open', as: 'uncollectible' });
    c.alters(up, '2025-05-01', { paymentStatus: 'Uncollectible' }).told('payment.failed', '2025-04-16', '9000');
    c.sells('Refund', '2025-05-10', -9000, { of: up, from: '2025-04-16', to: '2026-01-16', as: 'uncollectible', says: 'full' });
  },
  'academic': (c) => { c.appears('2025-02-09', { licenseType: 'ACADEMIC' }).worth('2025-02-09', 1000).sells('New', '2025-02-09', 12000, { licenseType: 'ACADEMIC' }); },
  'community, free of charge': (c) => { c.appears('2025-02-09', { licenseType: 'COMMUNITY' }).changes('2025-06-01', { status: 'inactive' }); },
  'a sandbox': (c) => { c.appears('2025-01-09', { installedOnSandbox: 'Yes' }); for (let n = 1; n < 9; n++) c.changes(months('2025-01-09', n), { tier: `${n}0 Users`, status: n % 2 ? 'inactive' : 'active' }); },
  'the parent product changes': (c) => {
    c.appears('2025-01-12').worth('2025-01-12', 1000).sells('New', '2025-01-12', 12000);
    c.changes('2025-04-01', { hostLicenseId: '5999999', hostEntitlementNumber: 'E-HOST', transactionAccountId: 'TA-X', addonName: 'Another' });
  },
  'a sale without its licence': (c) => { c.worth('2025-07-01', 100).sells('New', '2025-07-01', 1200); },
  'a refund and an upgrade of one day that name nobody': (c) => {
    c.entitlement = '';
    c.worth('2025-07-02', 800).worth('2025-08-03', 0).sells('Refund', '2025-07-02', -500, { ids: NO_ID });
    c.sells('Upgrade', '2025-07-02', 800, { term: 1, ids: NO_ID });
  },
};

export class Stories {
  constructor() {
    Object.assign(this, { licenses: [], transactions: [], events: [], money: {}, trials: {}, levels: [], plan: new Map() });
    Object.values(stories).forEach((tell, i) => tell(new Customer(this, i + 1)));
  }

  on(day, what) { this.plan.set(day, [...(this.plan.get(day) ?? []), what]); }

  /** Days on which a report says something new, and the first. */
  days() { return [...new Set([FIRST, ...[...this.plan.keys()].filter((day) => day > FIRST && day <= LAST)])].sort(); }

  turn(day) { for (const what of this.plan.get(day) ?? []) what(); }

  pay(day, cents, sum, currency = 'USD') {
    const month = (this.money[`${day.slice(0, 7)} ${currency}`] ??= { sales: 0, refunds: 0, repriced: 0, uncollectible: 0, count: 0 });
    month[sum] += cents;
    month.count++;
  }

  trial(day, fate) {
    const month = (this.trials[day.slice(0, 7)] ??= { started: 0, running: 0, converted: 0 });
    month.started++;
    if (fate === 'converted') month.converted++;
  }

  /** Recurring revenue of that month: each customer's level on its last day beside that of the month before. */
  mrr(month, currency) {
    const at = (customer, day) => this.levels.filter((l) => l.customer === customer && l.currency === currency && l.day <= day).sort((a, b) => (a.day < b.day ? -1 : 1)).at(-1)?.cents ?? 0;
    const sum = { mrr_cents: 0, new_cents: 0, expansion_cents: 0, contraction_cents: 0, churn_cents: 0, customers: 0 };
    for (const customer of new Set(this.levels.map((l) => l.customer))) {
      const before = at(customer, plus(`${month}-01`, -1)), now = at(customer, monthEnd(month));
      sum.mrr_cents += now;
      sum.customers += now > 0;
      sum[before === 0 ? 'new_cents' : now === 0 ? 'churn_cents' : now > before ? 'expansion_cents' : 'contraction_cents'] += before === 0 ? now : Math.abs(now - before);
    }
    return sum;
  }
}

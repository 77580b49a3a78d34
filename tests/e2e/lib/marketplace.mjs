// marketplace.mjs - a stand-in for Atlassian Marketplace's reporting API: async exports of licences and transactions,
// both versions, that misbehaves on demand. Its hrefs are wrong, as live ones have been: whoever follows them fails.
//
//   const market = await Marketplace.start();
//   market.licenses = [license({ appEntitlementNumber: 'E-1' })];   market.transactions = [sale({ … })];
//   market.today = '2026-03-01';      // what its reports call today: `lastUpdated` is read as if asked on that day
//   market.fault('429', 2);           // the next two requests that it fits are answered so
//   env: { ...market.env }            // settings that make licgate poll it
import http from 'node:http';
import { randomUUID } from 'node:crypto';

const DAY = 86400000;
const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);
const INSIGHTS = ['evaluationLicense', 'daysToConvertEval', 'evaluationStartDate', 'evaluationEndDate', 'evaluationSaleDate', 'installedOnSandbox'];

/* Where each kind of trouble strikes: the step of an export, and what is answered. */
const FAULTS = {
  429: { on: ['start', 'status', 'download'], do: (res) => res.writeHead(429, { 'retry-after': '1' }).end('slow down') },
  500: { on: ['start', 'status', 'download'], do: (res) => res.writeHead(500).end('<html>oops</html>') },
  502: { on: ['start', 'status', 'download'], do: (res) => res.writeHead(502).end('<html>Bad gateway</html>') },
  503: { on: ['start', 'status', 'download'], do: (res) => res.writeHead(503, { 'retry-after': '1' }).end() },
  504: { on: ['start', 'status', 'download'], do: (res) => res.writeHead(504).end() },
  401: { on: ['start', 'status', 'download'], do: (res) => res.writeHead(401).end() },
  reset: { on: ['start', 'status', 'download'], do: (res) => res.socket.destroy() },
  garbage: { on: ['start', 'status'], do: (res) => res.writeHead(200, { 'content-type': 'application/json' }).end('{"export":{"id":"../../x"}}') },
  processing: { on: ['status'], do: (res, m, e) => m.json(res, 200, m.said(e, 'IN_PROGRESS')) },
  failed: { on: ['status'], do: (res, m, e) => { e.failed = true; m.json(res, 200, m.said(e, 'FAILED')); } },
  gone: { on: ['status'], do: (res) => res.writeHead(404).end('{"errors":["no such export"]}') },
  early: { on: ['download'], do: (res) => res.writeHead(404).end('Export is being processed') },
  truncated: { on: ['download'], do: (res, m, e) => { const text = m.text(e); res.writeHead(200, { 'content-type': 'application/json' }).end(text.slice(0, Math.max(1, text.length >> 1))); } },
  cut: { on: ['download'], do: (res, m, e) => { const text = m.text(e); res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) + 10 }); res.write(text, () => res.socket.destroy()); } },
  html: { on: ['download'], do: (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<html><title>Log in</title></html>') },
  slow: { on: ['download'], do: (res, m, e) => m.trickle(res, m.text(e)) },
};

export class Marketplace {
  constructor(options) {
    Object.assign(this, { developerId: 'dev-0001', user: 'reports@vendor.example', token: 'marketplace-api-token-of-the-tests', api: 3,
      licenses: [], transactions: [], today: null, exports: new Map(), requests: [], refused: [], faults: [], counts: { start: 0, status: 0, download: 0 } }, options);
  }

  static async start(options = {}) {
    const market = new Marketplace(options);
    market.server = http.createServer((req, res) => market.#serve(req, res));
    await new Promise((resolve) => market.server.listen(0, '127.0.0.1', resolve));
    market.url = `http://127.0.0.1:${market.server.address().port}`;
    return market;
  }

  async stop() {
    this.server.closeAllConnections?.();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Settings that make licgate poll it; an hour between polls, so that a test says when. */
  get env() {
    return { LICGATE_MARKETPLACE_URL: `${this.url}/marketplace/rest/${this.api}`, LICGATE_MARKETPLACE_API: String(this.api), LICGATE_MARKETPLACE_USER: this.user,
      LICGATE_MARKETPLACE_TOKEN: this.token, LICGATE_MARKETPLACE_DEVELOPER_ID: this.developerId };
  }

  /** The next `times` requests that this kind of trouble fits are answered with it. of: 'licenses' or 'transactions'. */
  fault(kind, times = 1, { of } = {}) {
    if (!FAULTS[kind]) throw new Error(`no fault ${kind}`);
    this.faults.push({ kind, left: times, of });
  }

  /** What each export asked for, in order: [{ of, query }]. */
  get asked() { return [...this.exports.values()].map(({ of, query }) => ({ of, query: Object.fromEntries(query) })); }

  get base() {
    return this.api === 2 ? `/marketplace/rest/2/vendors/${this.developerId}/reporting` : `/marketplace/rest/3/reporting/developer-space/${this.developerId}`;
  }

  #serve(req, res) {
    const url = new URL(req.url, this.url);
    this.requests.push({ method: req.method, path: url.pathname, query: url.search, headers: req.headers });
    req.resume();
    const problem = this.#refusal(req, url);
    if (problem) {
      this.refused.push({ method: req.method, url: req.url, status: problem });
      res.writeHead(problem).end();
      return;
    }
    const [, of, id, status] = /^\/(licenses|sales\/transactions)\/async\/export(?:\/([^/]+))?(\/status)?$/.exec(url.pathname.slice(this.base.length)) ?? [];
    const kind = of === 'licenses' ? 'licenses' : 'transactions';
    const step = req.method === 'POST' && !id ? 'start' : req.method === 'GET' && status ? 'status' : req.method === 'GET' && id ? 'download' : null;
    if (!of || !step) { this.refused.push({ method: req.method, url: req.url, status: 404 }); res.writeHead(404).end(); return; }
    this.counts[step]++;
    const e = id ? this.exports.get(id) : undefined;
    const fault = this.faults.find((f) => f.left > 0 && FAULTS[f.kind].on.includes(step) && (!f.of || f.of === kind));
    if (fault && (step === 'start' || e)) {
      fault.left--;
      FAULTS[fault.kind].do(res, this, e);
      return;
    }
    if (step === 'start') this.#start(res, kind, url.searchParams);
    else if (!e || e.of !== kind) res.writeHead(404).end('{"errors":["no such export"]}');
    else if (step === 'status') this.json(res, 200, this.said(e, e.failed ? 'FAILED' : 'COMPLETED'));
    else if (e.failed) res.writeHead(404).end('Export is being processed');
    else res.writeHead(200, { 'content-type': 'application/json' }).end(this.text(e));
  }

  /* The status of a request that is not as it must be; null where it is. */
  #refusal(req, url) {
    if (req.headers.authorization !== `Basic ${Buffer.from(`${this.user}:${this.token}`).toString('base64')}`) return 401;
    if (!url.pathname.startsWith(`${this.base}/`)) return 404;
    for (const name of ['lastUpdated', 'startDate', 'endDate']) {
      for (const value of url.searchParams.getAll(name)) if (!/^\d{4}-\d\d-\d\d$/.test(value)) return 400;
    }
    if (url.searchParams.get('withDataInsights') === 'true' && !((url.searchParams.get('startDate') ?? '') > '2018-07-01')) return 400;
    return null;
  }

  #start(res, of, query) {
    const e = { id: randomUUID(), of, query };
    e.rows = structuredClone(this.#rows(e)); // as they are now: a retry of the download gets the same
    this.exports.set(e.id, e);
    this.json(res, 200, this.said(e));
  }

  #rows({ of, query }) {
    const shift = this.today ? Date.parse(this.today) - Date.parse(dayOf(Date.now())) : 0;
    const since = query.get('lastUpdated') && dayOf(Date.parse(query.get('lastUpdated')) + shift);
    const [from, to] = [query.get('startDate'), query.get('endDate')];
    const start = (row) => (of === 'licenses' ? row.maintenanceStartDate : row.purchaseDetails?.saleDate) ?? '9999';
    const rows = this[of].filter((row) => typeof row !== 'object' || row === null || ((!since || (row.lastUpdated ?? '9999') >= since)
      && (!from || start(row) >= from) && (!to || start(row) <= to)));
    return of === 'licenses' && query.get('withDataInsights') !== 'true'
      ? rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !INSIGHTS.includes(name)))) : rows;
  }

  said(e, status) {
    const wrong = `http://127.0.0.1:1/wrong/${e?.id}`;
    return status ? { _links: { self: { href: wrong } }, export: { id: e.id, status } }
      : { _links: { status: { href: `${wrong}/status` }, download: { href: wrong } }, export: { id: e.id } };
  }

  /** raw: a text in place of the rows, for what JSON.stringify would not write. */
  text(e) { return this.raw?.[e.of] ?? JSON.stringify(e.rows); }

  json(res, status, value) { res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value)); }

  trickle(res, text) {
    res.writeHead(200, { 'content-type': 'application/json' });
    const size = Math.ceil(text.length / 20);
    const next = (at) => { if (at >= text.length) res.end(); else res.write(text.slice(at, at + size), () => setTimeout(next, 20, at + size)); };
    next(0);
  }
}

const person = (name) => ({ email: `${name.toLowerCase().replace(' ', '.')}@customer.example`, name, phone: '+1 555 0100', address1: '1 Main Street', city: 'Springfield', postcode: '12345' });

/** A licence row as the report has it, with the members given on top. `n` makes its ids. */
export function license(more = {}, n = 1) {
  return {
    addonLicenseId: String(1000000 + n), hostLicenseId: String(2000000 + n), licenseId: `SEN-${3000000 + n}`,
    appEntitlementId: `0f0e0d0c-0000-4000-8000-${String(n).padStart(12, '0')}`, appEntitlementNumber: `E-${100000 + n}`,
    hostEntitlementId: `1f0e0d0c-0000-4000-8000-${String(n).padStart(12, '0')}`, hostEntitlementNumber: `E-${500000 + n}`,
    cloudId: `2f0e0d0c-0000-4000-8000-${String(n).padStart(12, '0')}`, cloudSiteHostname: `site-${n}.atlassian.net`, transactionAccountId: `TA-${700000 + n}`,
    addonKey: 'com.example.licgate', addonName: 'Licgate', productId: '8a7b6c', hosting: 'Cloud', lastUpdated: '2026-01-05',
    licenseType: 'COMMERCIAL', maintenanceStartDate: '2026-01-01', maintenanceEndDate: '2026-12-31', status: 'active', tier: '25 Users', inGracePeriod: 'No',
    evaluationLicense: 'NA', daysToConvertEval: 'NA', evaluationStartDate: 'NA', evaluationEndDate: 'NA', evaluationSaleDate: 'NA', installedOnSandbox: 'No',
    attribution: { channel: 'direct', referrerDomain: 'example.com', campaignName: 'spring' },
    contactDetails: { company: `Customer ${n}`, country: 'US', region: 'Americas', technicalContact: person(`Tina ${n}`), billingContact: person(`Bill ${n}`) },
    ...more,
  };
}

/** An evaluation, as a customer begins one. */
export const evaluation = (more = {}, n = 1) => license({ licenseType: 'EVALUATION', tier: 'Evaluation', latestEvaluationStartDate: '2026-01-01', maintenanceEndDate: '2026-01-31',
  evaluationLicense: 'Yes', evaluationStartDate: '2026-01-01', evaluationEndDate: '2026-01-31', ...more }, n);

/** A licence row of the older generation: a server licence with a SEN and no entitlement. */
export function oldLicense(more = {}, n = 1) {
  const row = license({ hosting: 'Server', tier: '100 Users', maintenanceStartDate: '2017-03-01', ...more }, n);
  for (const name of ['appEntitlementId', 'appEntitlementNumber', 'hostEntitlementId', 'hostEntitlementNumber', 'cloudId', 'cloudSiteHostname', ...INSIGHTS]) {
    if (!(name in more)) delete row[name];
  }
  return row;
}

/** A transaction line; `purchase` goes into purchaseDetails. */
export function sale({ purchase = {}, ...more } = {}, n = 1) {
  const { addonLicenseId, licenseId, appEntitlementId, appEntitlementNumber, cloudId, cloudSiteHostname, transactionAccountId, addonKey, addonName, contactDetails } = license({}, n);
  return {
    transactionId: `AT-${10000000 + n}`, transactionLineItemId: `line-${n}`, addonLicenseId, licenseId, appEntitlementId, appEntitlementNumber, cloudId, cloudSiteHostname,
    transactionAccountId, addonKey, addonName, lastUpdated: '2026-01-05', paymentStatus: 'Paid', customerDetails: contactDetails,
    purchaseDetails: { saleDate: '2026-01-05', saleType: 'New', licenseType: 'COMMERCIAL', hosting: 'Cloud', billingPeriod: 'Monthly', tier: '25 Users',
      purchasePrice: 62.5, vendorAmount: 53.13, discounts: [], maintenanceStartDate: '2026-01-05', maintenanceEndDate: '2026-02-05', ...purchase },
    ...more,
  };
}

/** A refund of that line: amounts negative, the original named. */
export const refund = (original, { purchase = {}, ...more } = {}) => ({ ...structuredClone(original), transactionId: `${original.transactionId}-R`,
  transactionLineItemId: `${original.transactionLineItemId}-R`, ...more,
  purchaseDetails: { ...structuredClone(original.purchaseDetails), saleType: 'Refund', refundReason: 'Customer request', purchasePrice: -original.purchaseDetails.purchasePrice,
    vendorAmount: -original.purchaseDetails.vendorAmount, originalTransactionDetails: { transactionId: original.transactionId, saleDate: original.purchaseDetails.saleDate }, ...purchase } });

/** Contacts that the Marketplace has erased. */
export const erased = () => {
  const nobody = Object.fromEntries(['email', 'name', 'phone', 'address1', 'city', 'postcode'].map((field) => [field, 'RTBF']));
  return { company: 'RTBF', country: 'US', region: 'Americas', technicalContact: { ...nobody }, billingContact: { ...nobody } };
};

/** One of everything the reports are known to hold, tidy and odd: { licenses, transactions }. */
export function realistic() {
  const bought = sale({}, 3);
  return {
    licenses: [
      evaluation({}, 1), license({ status: 'inactive', licenseType: 'Commercial' }, 2), license({}, 3), license({ status: 'cancelled', licenseType: 'ACADEMIC' }, 4),
      oldLicense({}, 5), oldLicense({ status: 'inactive', licenseType: 'OPEN_SOURCE' }, 6), license({ contactDetails: erased() }, 7),
      license({ installedOnSandbox: 'Yes', licenseType: 'DEMONSTRATION' }, 8), license({ licenseType: 'MOON_BASE', status: 'hibernating', hosting: 'Orbit' }, 9),
      license({ addonLicenseId: 1000010, tier: 25, inGracePeriod: true, lastUpdated: null, attribution: null, contactDetails: null }, 10),
      license({ installedOnSandbox: 'Pending', newMember: { deep: [1, 2.5, null, 'x'] }, partnerDetails: { partnerName: 'Reseller', partnerType: 'EXPERT', billingContact: person('Pat Partner') } }, 11),
      license({ appEntitlementNumber: null, appEntitlementId: null }, 12), { ...license({}, 13), status: undefined, tier: undefined },
    ],
    transactions: [
      bought, refund(bought, { purchase: { purchasePrice: -20.01, vendorAmount: -17.01 } }), sale({ purchase: { saleType: 'RENEWAL', purchasePrice: 1000, vendorAmount: 750.0 } }, 2),
      sale({ purchase: { saleType: 'Upgrade', oldTier: '10 Users', purchasePrice: 0.1 + 0.2, vendorAmount: 1e-7 } }, 4),
      sale({ paymentStatus: 'Uncollectible', purchase: { saleType: 'Downgrade', purchasePrice: 1e3, vendorAmount: null } }, 1),
      sale({ paymentStatus: 'Bartered', transactionLineItemId: null, purchase: { saleType: 'Gift', purchasePrice: '19.99', billingPeriod: 'Weekly' } }, 9),
    ],
  };
}

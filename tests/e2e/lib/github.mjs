// github.mjs - a stand-in for GitHub: signs the listing's webhooks, lets people sign in, answers the REST listing, and
// misbehaves when told to. What it sends is checked against GitHub's own schemas (npm @octokit/webhooks-schemas).
import { createHash, createHmac, generateKeyPairSync, randomUUID, verify } from 'node:crypto';
import { createRequire } from 'node:module';
import http from 'node:http';

const require = createRequire(import.meta.url);
const examples = require('@octokit/webhooks-examples').find((e) => e.name === 'marketplace_purchase').examples;
const schemas = require('@octokit/webhooks-schemas/schema.json').definitions;
export const WEBHOOK_SECRET = "It's a Secret to Everybody";
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** GitHub's own payloads, by action; purchased twice. */
export const realPayloads = examples;
export const sign = (body, secret = WEBHOOK_SECRET) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

export const PLANS = {
  free: { id: 100, number: 1, name: 'Free', description: 'Free', monthly_price_in_cents: 0, yearly_price_in_cents: 0, price_model: 'FREE', has_free_trial: false, unit_name: null, state: 'published', bullets: [] },
  team: { id: 200, number: 2, name: 'Team', description: 'Team', monthly_price_in_cents: 500, yearly_price_in_cents: 5000, price_model: 'PER_UNIT', has_free_trial: true, unit_name: 'seat', state: 'published', bullets: [] },
  flat: { id: 300, number: 3, name: 'Flat', description: 'Flat', monthly_price_in_cents: 9900, yearly_price_in_cents: 99000, price_model: 'FLAT_RATE', has_free_trial: true, unit_name: null, state: 'published', bullets: [] },
};
const sender = examples[0].sender;
export const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, '+00:00');

/** An account with something bought; what GitHub's payloads and lists are made from. */
export const purchase = (more = {}) => ({ id: 5001, type: 'Organization', login: 'acme-inc', email: 'billing@acme.example', plan: PLANS.team, units: 5, cycle: 'monthly',
  trialEnds: null, nextBilling: iso(Date.now() + 20 * 86400000), pending: null, updated: iso(Date.now()), ...more });

const webhookPlan = ({ number, state, ...plan }) => plan;
const body = (p) => ({ account: { type: p.type, id: p.id, node_id: `node-${p.id}`, login: p.login, organization_billing_email: p.email }, billing_cycle: p.cycle, unit_count: p.units,
  on_free_trial: p.trialEnds !== null, free_trial_ends_on: p.trialEnds, next_billing_date: p.nextBilling, plan: webhookPlan(p.plan) });

/** A webhook's payload, as GitHub's schema has it. */
export function payload(action, p, { at = Date.now(), previous } = {}) {
  const event = { action, effective_date: typeof at === 'string' ? at : iso(at), sender, marketplace_purchase: body(p) };
  if (previous) { event.previous_marketplace_purchase = body(previous); delete event.previous_marketplace_purchase.next_billing_date; }
  return checked(event);
}

/** Enough of JSON Schema for what is sent here: types, required and further members, alternatives. */
export function problems(schema, value, where = '$') {
  if (schema.$ref) return problems(schemas[schema.$ref.split('/').pop()], value, where);
  if (schema.oneOf) return schema.oneOf.some((s) => problems(s, value, where).length === 0) ? [] : [`${where}: none of the alternatives`];
  if (schema.allOf) return schema.allOf.flatMap((s) => problems(s, value, where));
  const types = [schema.type ?? []].flat();
  const is = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  if (types.length && !types.includes(is) && !(is === 'number' && types.includes('integer') && Number.isInteger(value))) return [`${where}: ${is}, not ${types}`];
  if (schema.enum && !schema.enum.includes(value)) return [`${where}: ${value}`];
  if (is === 'array') return value.flatMap((v, i) => problems(schema.items ?? {}, v, `${where}[${i}]`));
  if (is !== 'object') return [];
  return [
    ...(schema.required ?? []).filter((name) => !(name in value)).map((name) => `${where}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, v]) => (schema.properties?.[name] ? problems(schema.properties[name], v, `${where}.${name}`)
      : schema.additionalProperties === false ? [`${where}.${name} is not known`] : [])),
  ];
}
export function checked(event) {
  const wrong = problems(schemas[`marketplace_purchase$${event.action}`], event);
  if (wrong.length) throw new Error(`not as GitHub sends it: ${wrong.join('; ')}`);
  return event;
}

/** POST /github/webhook as GitHub does. */
export function deliver(licgate, event, { id = randomUUID(), name = 'marketplace_purchase', secret, raw, headers = {} } = {}) {
  const text = raw ?? JSON.stringify(event);
  return licgate.request({ method: 'POST', target: '/github/webhook', body: text, headers: {
    'content-type': 'application/json', 'user-agent': 'GitHub-Hookshot/1', 'x-github-event': name, 'x-github-delivery': id, 'x-hub-signature-256': sign(text, secret), ...headers } });
}

export class GitHub {
  constructor() {
    Object.assign(this, { accounts: new Map(), users: new Map(), codes: new Map(), tokens: new Map(), revoked: [], calls: [], fault: null, plans: Object.values(PLANS), pageSize: 100 });
  }

  static async start() {
    const world = new GitHub();
    world.server = http.createServer((req, res) => world.#serve(req, res));
    await new Promise((resolve) => world.server.listen(0, '127.0.0.1', resolve));
    world.url = `http://127.0.0.1:${world.server.address().port}`;
    return world;
  }

  async stop() {
    this.server.closeAllConnections?.();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get env() {
    return { LICGATE_GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET, LICGATE_GITHUB_CLIENT_ID: 'Iv1.client', LICGATE_GITHUB_CLIENT_SECRET: 'client-secret-of-the-tests',
      LICGATE_GITHUB_URL: this.url, LICGATE_GITHUB_API_URL: `${this.url}/api`, LICGATE_GITHUB_LISTING: 'licgate-app' };
  }

  /** REST by the App's key instead of client id and secret. */
  get appEnv() {
    return { LICGATE_GITHUB_APP_ID: '4711', LICGATE_GITHUB_APP_KEY: keys.privateKey.export({ type: 'pkcs1', format: 'pem' }) };
  }

  /** GitHub's side of the account is this from now on. */
  buys(p) { this.accounts.set(p.id, p); return p; }

  /** Somebody who can sign in, and sees these accounts as theirs. */
  user(id, login, accounts = []) {
    const user = { id, login, accounts };
    this.users.set(id, user);
    return user;
  }

  /** What the browser is sent back with after the person said yes at `authorizeUrl`. */
  consent(authorizeUrl, user) {
    const asked = new URL(authorizeUrl);
    const code = randomUUID();
    this.codes.set(code, { user, challenge: asked.searchParams.get('code_challenge'), redirect: asked.searchParams.get('redirect_uri'), client: asked.searchParams.get('client_id') });
    return `/github/callback?code=${code}&state=${encodeURIComponent(asked.searchParams.get('state'))}`;
  }

  listed(p) {
    const plan = { url: `${this.url}/api/marketplace_listing/plans/${p.plan.id}`, accounts_url: `${this.url}/api/marketplace_listing/plans/${p.plan.id}/accounts`, ...p.plan };
    return { url: `${this.url}/api/orgs/${p.login}`, type: p.type, id: p.id, login: p.login, organization_billing_email: p.email, email: null,
      marketplace_pending_change: p.pending && { id: 77, effective_date: p.pending.at, unit_count: p.pending.units ?? null, plan: p.pending.plan },
      marketplace_purchase: { billing_cycle: p.cycle, next_billing_date: p.nextBilling, is_installed: true, unit_count: p.units, on_free_trial: p.trialEnds !== null, free_trial_ends_on: p.trialEnds,
        updated_at: p.updated, plan } };
  }

  #authorized(req) {
    const [scheme, value] = (req.headers.authorization ?? '').split(' ');
    if (scheme === 'Basic') return Buffer.from(value, 'base64').toString() === 'Iv1.client:client-secret-of-the-tests';
    if (scheme !== 'Bearer' || value.split('.').length !== 3) return false;
    const [head, claims, signature] = value.split('.');
    const c = JSON.parse(Buffer.from(claims, 'base64url'));
    this.lastJwt = { header: JSON.parse(Buffer.from(head, 'base64url')), claims: c };
    return verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), keys.publicKey, Buffer.from(signature, 'base64url')) && c.iss === '4711' && c.exp - c.iat <= 600;
  }

  #page(url, res, items) {
    const page = Number(url.searchParams.get('page') ?? 1), size = Math.min(Number(url.searchParams.get('per_page') ?? 30), this.pageSize);
    const more = items.length > page * size;
    const next = new URL(`${this.url}${url.pathname}`);
    next.search = new URLSearchParams({ per_page: size, page: page + 1 });
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    if (more) headers.link = `<${this.link ? this.link(next) : next}>; rel="next", <${next}>; rel="last"`;
    res.writeHead(200, headers).end(JSON.stringify(items.slice((page - 1) * size, page * size)));
  }

  #serve(req, res) {
    const url = new URL(req.url, this.url);
    const chunks = [];
    req.on('data', (d) => chunks.push(d));
    req.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      this.calls.push({ method: req.method, path: url.pathname, query: url.search, headers: req.headers, body: text });
      if (this.fault?.(req, res, url)) return;
      this.#answer(req, res, url, text);
    });
  }

  #answer(req, res, url, text) {
    const json = (status, value) => res.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(value === undefined ? undefined : JSON.stringify(value));
    const bearer = this.tokens.get((req.headers.authorization ?? '').replace(/^(Bearer|token) /, ''));
    if (url.pathname === '/login/oauth/access_token' && req.method === 'POST') {
      const asked = new URLSearchParams(text), grant = this.codes.get(asked.get('code'));
      this.codes.delete(asked.get('code'));
      const challenge = createHash('sha256').update(asked.get('code_verifier') ?? '').digest('base64url');
      if (!grant || asked.get('client_secret') !== 'client-secret-of-the-tests' || challenge !== grant.challenge || asked.get('redirect_uri') !== grant.redirect) {
        return json(200, { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' });
      }
      const token = `gho_${randomUUID().replaceAll('-', '')}`;
      this.tokens.set(token, grant.user);
      if (this.formTokens) return res.writeHead(200, { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }).end(`access_token=${token}&scope=&token_type=bearer`);
      return json(200, { access_token: token, scope: '', token_type: 'bearer' });
    }
    if (url.pathname === '/login/oauth/authorize') { // for browsers: `visitor` is who sits there
      const back = new URL(url.searchParams.get('redirect_uri')), asked = new URL(url);
      const yes = this.consent(asked, this.visitor), no = `${back.pathname}?error=access_denied&state=${encodeURIComponent(asked.searchParams.get('state'))}`;
      const page = `<!doctype html><html lang="en"><title>GitHub</title><h1>Authorize</h1><a href="${back.origin}${yes.replaceAll('&', '&amp;')}">Authorize</a> <a href="${back.origin}${no.replaceAll('&', '&amp;')}">Cancel</a>`;
      return res.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': "default-src 'none'" }).end(page);
    }
    if (url.pathname === '/favicon.ico') return res.writeHead(204).end();
    if (url.pathname === '/api/user') return bearer ? json(200, { id: bearer.id, login: bearer.login, type: 'User' }) : json(401, { message: 'Bad credentials' });
    if (url.pathname === '/api/user/marketplace_purchases') {
      if (!bearer) return json(401, { message: 'Bad credentials' });
      return this.#page(url, res, bearer.accounts.map((id) => this.accounts.get(id)).filter(Boolean).map((p) => {
        const { marketplace_purchase: bought, ...account } = this.listed(p);
        return { ...bought, account: { url: account.url, type: account.type, id: account.id, login: account.login, node_id: 'n', organization_billing_email: account.organization_billing_email } };
      }));
    }
    const revoke = /^\/api\/applications\/([^/]+)\/(token|grant)$/.exec(url.pathname);
    if (revoke && req.method === 'DELETE') {
      if (!this.#authorized(req) || revoke[1] !== 'Iv1.client') return json(404, { message: 'Not Found' });
      const { access_token: token } = JSON.parse(text);
      const known = this.tokens.delete(token);
      this.revoked.push(token);
      return known ? res.writeHead(204).end() : json(404, { message: 'Not Found' });
    }
    if (!url.pathname.startsWith('/api/marketplace_listing/')) return json(404, { message: 'Not Found' });
    if (!this.#authorized(req)) return json(401, { message: 'Requires authentication' });
    const [, , , kind, id, rest] = url.pathname.split('/');
    const all = [...this.accounts.values()];
    if (kind === 'plans' && !id) return this.#page(url, res, this.plans.map((p) => ({ url: 'u', accounts_url: 'a', ...p })));
    if (kind === 'plans' && rest === 'accounts') return this.#page(url, res, all.filter((p) => p.plan.id === Number(id)).map((p) => this.listed(p)));
    if (kind === 'accounts' && id) {
      const p = this.accounts.get(Number(id));
      return p ? json(200, this.listed(p)) : json(404, { message: 'Not Found' });
    }
    return json(404, { message: 'Not Found' });
  }
}

// atlassian.mjs - a stand-in for the other side: install-key host, tenants' sites with their licence resources, and
// tokens made by independent code (npm atlassian-jwt for HS256 and qsh, Node's crypto for RS256).
import { createSign, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import http from 'node:http';
import querystring from 'node:querystring';
import jwt from 'atlassian-jwt';
import { BASE_URL } from './licgate.mjs';

export const APP_KEY = 'com.example.licgate';
const b64url = (value) => Buffer.from(value).toString('base64url');

/** qsh as Atlassian's own library computes it. The query is read by Node: the library's own reader splits at ';' too. */
export function qshOf(method, target, base = '') {
  const at = target.indexOf('?');
  const request = { method, pathname: at < 0 ? target : target.slice(0, at), query: at < 0 ? {} : querystring.parse(target.slice(at + 1), '&', '=', { maxKeys: 0 }) };
  return jwt.createQueryStringHash(request, false, base);
}

export class Atlassian {
  constructor() {
    this.keys = new Map();
    this.keyRequests = [];
    this.sites = new Map();
    this.calls = [];
    this.keyFault = null; // (req, res) => true when it answered itself
    this.kid = this.newKey();
  }

  static async start() {
    const world = new Atlassian();
    world.server = http.createServer((req, res) => world.#serve(req, res));
    await new Promise((resolve) => world.server.listen(0, '127.0.0.1', resolve));
    world.port = world.server.address().port;
    world.url = `http://127.0.0.1:${world.port}`;
    return world;
  }

  async stop() {
    this.server.closeAllConnections?.();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Settings that make a licgate trust this world. */
  get env() {
    return { LICGATE_INSTALL_KEYS_URL: `${this.url}/keys`, LICGATE_ALLOWED_HOSTS: `127.0.0.1:${this.port}` };
  }

  newKey(bits = 2048) {
    const kid = randomUUID();
    const pair = generateKeyPairSync('rsa', { modulusLength: bits });
    this.keys.set(kid, { ...pair, pem: pair.publicKey.export({ type: 'spki', format: 'pem' }) });
    return kid;
  }

  /** A site whose licence is what `license` says: an object (answered as JSON) or (req, res) => void. */
  site(name = `site-${this.sites.size + 1}`, license = active()) {
    const site = new Site(this, name, license);
    this.sites.set(name, site);
    return site;
  }

  #serve(req, res) {
    const url = new URL(req.url, this.url);
    if (url.pathname.startsWith('/keys/')) {
      const kid = decodeURIComponent(url.pathname.slice('/keys/'.length));
      this.keyRequests.push(kid);
      if (this.keyFault?.(req, res)) return;
      const key = this.keys.get(kid);
      res.writeHead(key ? 200 : 404, { 'content-type': 'text/plain' }).end(key?.pem ?? 'no such key');
      return;
    }
    const [, name, rest] = /^\/sites\/([^/]+)(\/.*)$/.exec(url.pathname) ?? [];
    const site = this.sites.get(name);
    this.calls.push({ method: req.method, path: req.url, site: name, authorization: req.headers.authorization });
    if (!site) { res.writeHead(404).end(); return; }
    site.serve(req, res, rest);
  }

  rs256(claims, { kid = this.kid, header = {}, alg = 'RS256' } = {}) {
    const input = `${b64url(JSON.stringify({ typ: 'JWT', alg, kid, ...header }))}.${b64url(JSON.stringify(claims))}`;
    return `${input}.${createSign('RSA-SHA256').update(input).sign(this.keys.get(kid).privateKey, 'base64url')}`;
  }
}

export const now = () => Math.floor(Date.now() / 1000);
export const active = (more = {}) => ({ valid: true, evaluation: false, licenseType: 'COMMERCIAL', maximumNumberOfUsers: 100, ...more });
export const evaluation = (more = {}) => active({ evaluation: true, ...more });
export const notLicensed = (more = {}) => ({ valid: false, evaluation: false, ...more });

export class Site {
  constructor(world, name, license) {
    Object.assign(this, { world, name, license, secret: randomBytes(32).toString('hex'), clientKey: randomUUID(), admins: new Set(),
      closed: new Set(), reports: [], reportFault: null, lookups: 0, waiting: [] });
    this.baseUrl = `${world.url}/sites/${name}`;
  }

  serve(req, res, path) {
    if (path === '/rest/atlassian-connect/latest/license') {
      this.lookups++;
      if (typeof this.license === 'function') return this.license(req, res);
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.license));
    } else if (path === '/rest/api/3/permissions/check') {
      let body = '';
      req.on('data', (d) => { body += d; });
      req.on('end', () => {
        const { accountId } = JSON.parse(body);
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({
          projectPermissions: [], globalPermissions: this.admins.has(accountId) ? ['ADMINISTER'] : [] }));
      });
    } else if (path === '/rest/atlassian-connect/latest/report-accounts' && req.method === 'POST') {
      let body = '';
      req.on('data', (d) => { body += d; });
      req.on('end', () => {
        const { accounts } = JSON.parse(body);
        this.reports.push({ accounts, authorization: req.headers.authorization });
        if (this.reportFault?.(req, res)) return;
        const said = accounts.filter((a) => this.closed.has(a.accountId)).map((a) => ({ accountId: a.accountId, status: 'closed' }));
        res.writeHead(said.length ? 200 : 204, { 'content-type': 'application/json', 'cycle-period': 'P7D' })
          .end(said.length ? JSON.stringify({ accounts: said }) : undefined);
      });
    } else {
      res.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"null for uri"}');
    }
    return undefined;
  }

  installBody(event, more = {}) {
    const body = { key: APP_KEY, clientKey: this.clientKey, sharedSecret: this.secret, baseUrl: this.baseUrl, productType: 'jira',
      description: 'Jira of the tests', eventType: event, ...more };
    if (event !== 'installed') delete body.sharedSecret;
    for (const name of Object.keys(body)) if (body[name] === undefined) delete body[name];
    return body;
  }

  /** POST /installed or /uninstalled as the host sends it. claims, body and token change what is sent. */
  lifecycle(licgate, event, { claims = {}, body = {}, raw, token, kid, headers = {} } = {}) {
    const target = `/${event}`;
    token ??= this.world.rs256({ iss: this.clientKey, aud: [BASE_URL], iat: now(), exp: now() + 180, qsh: qshOf('POST', target), ...claims }, { kid });
    return licgate.request({ method: 'POST', target, body: raw ?? JSON.stringify(this.installBody(event, body)),
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `JWT ${token}` } : {}), ...headers } });
  }

  install(licgate, options) { return this.lifecycle(licgate, 'installed', options); }

  uninstall(licgate, options) { return this.lifecycle(licgate, 'uninstalled', options); }

  /** An HS256 token for exactly this request (or a context token with qsh 'context-qsh'). */
  token(method, target, claims = {}) {
    const all = { iss: this.clientKey, sub: 'account-1', iat: now(), exp: now() + 180, qsh: qshOf(method, target), ...claims };
    for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
    return jwt.encodeSymmetric(all, this.secret);
  }

  context(claims = {}) { return this.token('GET', '/', { qsh: 'context-qsh', ...claims }); }

  /** Opens a page as the host's iframe does: the token is for this URL and travels in it. */
  open(licgate, target, { claims, method = 'GET', headers } = {}) {
    const joined = `${target}${target.includes('?') ? '&' : '?'}jwt=${this.token(method, target, claims)}`;
    return licgate.request({ method, target: joined, headers });
  }

  post(licgate, target, body, { headers = {}, claims } = {}) {
    return licgate.request({ method: 'POST', target, body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', authorization: `JWT ${this.token('POST', target, claims)}`, ...headers } });
  }

  apiLicense(licgate, claims) {
    return licgate.request({ target: '/api/v1/license', headers: { authorization: `JWT ${this.context(claims)}` } });
  }
}

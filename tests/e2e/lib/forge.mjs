// forge.mjs - a stand-in for Atlassian's Forge: the host of its keys, invocation tokens signed by Node's crypto, lifecycle events, and
// the licence resource. The hosts misbehave on demand and count who asks.
import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import http from 'node:http';
import { now } from './atlassian.mjs';

export const APP_ID = `ari:cloud:ecosystem::app/${randomUUID()}`;
const b64url = (value) => Buffer.from(value).toString('base64url');

export class Forge {
  constructor() {
    Object.assign(this, { keys: new Map(), keyRequests: 0, keyFault: null, licenses: new Map(), licenseRequests: [], licenseFault: null, count: 0 });
    this.kid = this.newKey();
  }

  static async start() {
    const forge = new Forge();
    forge.server = http.createServer((req, res) => forge.#serve(req, res));
    await new Promise((resolve) => forge.server.listen(0, '127.0.0.1', resolve));
    forge.url = `http://127.0.0.1:${forge.server.address().port}`;
    return forge;
  }

  async stop() {
    this.server.closeAllConnections?.();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get env() {
    return { LICGATE_FORGE_APP_ID: APP_ID, LICGATE_FORGE_JWKS_URL: `${this.url}/jwks.json`, LICGATE_FORGE_LICENSE_URL: `${this.url}/license` };
  }

  /** A key in the published set; { listed: false } makes one that is not. */
  newKey({ listed = true, bits = 2048, more = {} } = {}) {
    const kid = `forge/invocation-token/${randomUUID()}`;
    const pair = generateKeyPairSync('rsa', { modulusLength: bits });
    this.keys.set(kid, { ...pair, listed, jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig', ...more } });
    return kid;
  }

  get jwks() {
    return { keys: [...this.keys.values()].filter((k) => k.listed).map((k) => k.jwk) };
  }

  #serve(req, res) {
    if (req.url === '/jwks.json') {
      this.keyRequests++;
      if (this.keyFault?.(req, res)) return;
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.jwks));
    } else if (req.url === '/license') {
      this.licenseRequests.push({ authorization: req.headers.authorization });
      if (this.licenseFault?.(req, res)) return;
      const data = this.licenses.get(req.headers.authorization?.replace('Bearer ', ''));
      res.writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(data ? { results: [{ appId: APP_ID, data }] } : {}));
    } else {
      res.writeHead(404).end();
    }
  }

  sign(claims, { kid = this.kid, header = {}, alg = 'RS256', key } = {}) {
    const input = `${b64url(JSON.stringify({ typ: 'JWT', alg, kid, ...header }))}.${b64url(JSON.stringify(claims))}`;
    return `${input}.${createSign('RSA-SHA256').update(input).sign(key ?? this.keys.get(kid).privateKey, 'base64url')}`;
  }

  installation(options) {
    return new Installation(this, ++this.count, options);
  }
}

/** ms strings, as tokens have them. */
export const inDays = (days) => String(Date.now() + days * 86400000);
export const paid = (more = {}) => ({ isActive: true, billingPeriod: 'MONTHLY', isEvaluation: false, subscriptionEndDate: inDays(20),
  supportEntitlementNumber: null, trialEndDate: null, type: 'commercial', ...more });
export const trial = (more = {}) => paid({ isEvaluation: true, trialEndDate: inDays(12), subscriptionEndDate: null, ...more });
export const inactive = (more = {}) => ({ isActive: false, isEvaluation: false, type: 'commercial', ...more });

/** One installation of the app. license: object, or null for none. */
export class Installation {
  constructor(forge, number, { license = paid(), environment = 'PRODUCTION', product = 'Jira', siteUrl, cloudId = randomUUID(), version = '2.0.0' } = {}) {
    const id = `ari:cloud:ecosystem::installation/${randomUUID()}`;
    Object.assign(this, { forge, id, license, environment, product, cloudId, version, siteUrl: siteUrl ?? `https://forge-${number}.atlassian.net` });
    this.tenant = `forge:${id}`;
  }

  claims(more = {}) {
    const apiBaseUrl = `https://api.atlassian.com/ex/${this.product.toLowerCase()}/${this.cloudId}`;
    return {
      app: { id: APP_ID, appVersion: this.version, installationId: this.id, apiBaseUrl,
        environment: { type: this.environment, id: `${APP_ID.replace('app/', 'environment/')}/1` }, module: { type: 'core:endpoint', key: 'remote' },
        installation: { id: this.id, contexts: [{ name: this.product, apiBaseUrl }] }, ...(this.license ? { license: this.license } : {}) },
      context: { cloudId: this.cloudId, siteUrl: this.siteUrl, moduleKey: 'remote' },
      principal: '557058:person', aud: APP_ID, iss: 'forge/invocation-token', iat: now(), nbf: now(), exp: now() + 25, jti: randomUUID(), ...more,
    };
  }

  /** The token of a UI call; claims of undefined are left out. */
  token(more, options) { return this.forge.sign(this.claims(more), options); }

  ask(licgate, { claims, token, headers = {}, target = '/forge/v1/license', body = '{}', ...options } = {}) {
    return licgate.request({ method: 'POST', target, body,
      headers: { authorization: `Bearer ${token ?? this.token(claims, options)}`, 'content-type': 'application/json', 'x-b3-traceid': '80f198ee56343ba864fe8b2a57d3eff7',
        'x-b3-spanid': 'e457b5a2e4d86bd1', ...headers } });
  }

  /** A lifecycle event; tokens of events have no site and no person. */
  event(licgate, what, { body = {}, claims = {}, ...options } = {}) {
    const sent = { eventType: `avi:forge:${what}:app`, id: this.id, installerAccountId: '557058:installer',
      app: { id: APP_ID.split('/').at(-1), version: this.version }, environment: { id: 'environment-1' }, ...body };
    return this.ask(licgate, { target: '/forge/events', body: JSON.stringify(sent), claims: { principal: undefined, context: {}, ...claims }, ...options });
  }
}

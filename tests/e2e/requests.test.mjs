// requests.test.mjs - tokens on pages and API: whose they are, for which request, and what the operator learns of refusals.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import jwt from 'atlassian-jwt';
import { Licgate } from './lib/licgate.mjs';
import { Atlassian, now, qshOf } from './lib/atlassian.mjs';

let world, app, one, two;
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: world.env });
  [one, two] = [world.site(), world.site()];
  await one.install(app);
  await two.install(app);
});
after(async () => {
  await app.stop();
  await world.stop();
});

const status = async (target, token) => (await app.request({ target, headers: token ? { authorization: `JWT ${token}` } : {} })).status;

test('tenants never cross: each secret opens its own door alone', async () => {
  const target = '/app/license.json?lic=active';
  assert.equal(await status(target, one.token('GET', target)), 200);
  assert.equal(await status(target, jwt.encodeSymmetric({ iss: two.clientKey, iat: now(), exp: now() + 60,
    qsh: qshOf('GET', target) }, one.secret)), 401);
  assert.equal((await one.open(app, target)).json.tenant, one.clientKey);
  assert.equal((await two.open(app, target)).json.tenant, two.clientKey);
});

describe('refused with one and the same 401', () => {
  const target = '/app/license.json?lic=active&issue=A-1';
  const cases = {
    'no token': () => undefined,
    'token of another URL': () => one.token('GET', '/app/license.json?lic=active'),
    'lic changed after signing': () => one.token('GET', target.replace('active', 'expired')),
    'token of another method': () => one.token('POST', target),
    'context token on a page': () => one.context(),
    'unknown tenant': () => one.token('GET', target, { iss: 'nobody' }),
    'clientKey in other case': () => one.token('GET', target, { iss: one.clientKey.toUpperCase() }),
    'clientKey with NUL': () => one.token('GET', target, { iss: `${one.clientKey}\u0000` }),
    expired: () => one.token('GET', target, { exp: now() - 31 - 5 }),
    'exp as text': () => one.token('GET', target, { exp: `${now() + 60}` }),
    'no exp': () => one.token('GET', target, { exp: undefined }),
    'no iat': () => one.token('GET', target, { iat: undefined }),
    'iat in milliseconds': () => one.token('GET', target, { iat: Date.now() }),
    'nbf in the future': () => one.token('GET', target, { nbf: now() + 3600 }),
    'no qsh': () => one.token('GET', target, { qsh: undefined }),
    'HS512': () => jwt.encodeSymmetric({ iss: one.clientKey, iat: now(), exp: now() + 60, qsh: 'x' }, one.secret, 'HS512'),
    'wrong secret': () => jwt.encodeSymmetric({ iss: one.clientKey, iat: now(), exp: now() + 60, qsh: 'x' }, 'x'),
  };
  let first;
  for (const [name, make] of Object.entries(cases)) {
    test(name, async () => {
      const token = make();
      const answer = await app.request({ target, headers: token ? { authorization: `JWT ${token}` } : {} });
      assert.equal(answer.status, 401);
      const body = { ...answer.json, request_id: undefined };
      first ??= body;
      assert.deepEqual(body, first);
      assert.equal(answer.json.code, 'unauthorized');
      assert.equal(answer.json.request_id, answer.headers['x-request-id']);
    });
  }
});

test('a context token opens the API and nothing else', async () => {
  assert.equal(await status('/api/v1/license', one.context()), 200);
  assert.equal(await status('/api/v1/license?any=thing', one.context()), 200);
  assert.equal(await status('/api/v1/license?a=1', one.token('GET', '/api/v1/license?a=1')), 200, 'the qsh of this very request');
  assert.equal(await status('/api/v1/license?a=1', one.token('GET', '/api/v1/license?a=2')), 401, 'the qsh of another request');
});

test('the exact limits of time: 30 s of leeway', async () => {
  const target = '/app/license.json';
  assert.equal(await status(target, one.token('GET', target, { exp: now() - 25, iat: now() - 300 })), 200);
  assert.equal(await status(target, one.token('GET', target, { exp: now() - 35, iat: now() - 300 })), 401);
  assert.equal(await status(target, one.token('GET', target, { iat: now() + 25 })), 200);
  assert.equal(await status(target, one.token('GET', target, { iat: now() + 60 })), 401);
  assert.equal(await status(target, one.token('GET', target, { exp: now() + 1e9 })), 200, 'no cap on a token’s life');
});

test('text that is not UTF-8 is a 400, a target no client may send too', async () => {
  for (const target of ['/app/license.json?a=%ff', '/app/license.json?%c0%80=1', '/app/license.json%00', '/app/license.json?a=%zz', '/a\\b']) {
    assert.equal((await app.request({ target, headers: { authorization: `JWT ${one.token('GET', '/app/license.json')}` } })).status, 400, target);
  }
});

test('other spellings of a path are other paths: 404', async () => {
  for (const target of ['//app/license.json', '/app//license.json', '/./app/license.json', '/app/../app/license.json', '/%61pp/license.json',
    '/app/license.json/', '/APP/license.json', '/app/license.json;x=1', '/installed/']) {
    assert.equal(await status(target, one.token('GET', '/app/license.json')), 404, target);
  }
});

test('random requests: our qsh is atlassian-jwt’s qsh', async () => {
  const pieces = ['a', 'B', 'z9', '%20', '+', '%2B', '%7E', '~', '*', '%C3%A4', '%F0%9F%98%80', '%EF%BF%BD', '-', '.', '_', ';', ':', '@', '!', '(', "'",
    '%3D', '%26', '%2f', '%2F', ','];
  // Names of letters alone: hosts sort names by their encoded form, the npm library by the decoded one.
  const word = (most) => Array.from({ length: randomInt(most + 1) }, () => pieces[randomInt(pieces.length)]).join('');
  for (let i = 0; i < 400; i++) {
    const names = Array.from({ length: 1 + randomInt(3) }, () => `p${'aBcD'[randomInt(4)]}${randomInt(3)}`);
    const query = Array.from({ length: randomInt(7) }, () => `${names[randomInt(names.length)]}=${word(5)}`).join('&');
    const target = `/app/license.json?${query}`;
    assert.equal(await status(target, one.token('GET', target)), 200, target);
  }
});

test('the operator sees why, and never the token', async () => {
  const target = '/app/license.json?b=2&a=1';
  const token = one.token('GET', '/app/license.json?b=2&a=other');
  await app.request({ target, headers: { authorization: `JWT ${token}` } });
  const { json, text } = await app.admin('auth-failures');
  const failures = Object.values(json).find(Array.isArray);
  const failure = failures[0];
  assert.equal(failure.code, 'INVALID_QSH');
  assert.equal(failure.tenant, one.clientKey);
  assert.ok(JSON.stringify(failure).includes('GET&/app/license.json&a=1&b=2'), JSON.stringify(failure));
  assert.ok(!text.includes(token.split('.')[2]) && !text.includes('eyJ'), 'no token in it');
  assert.ok(failures.length <= 1000);
});

test('HEAD, 404, 405 with Allow, safe headers everywhere', async () => {
  const head = await one.open(app, '/app/license.json', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.text, '');
  const missing = await app.request({ target: '/nothing' });
  assert.equal(missing.status, 404);
  const method = await app.request({ target: '/installed' });
  assert.equal(method.status, 405);
  assert.match(method.headers.allow, /POST/);
  for (const answer of [head, missing, method, await app.request({ target: '/app/license.json' }), await app.request({ target: '/healthz' }),
    await app.request({ target: '/atlassian-connect.json' })]) {
    assert.match(answer.headers['cache-control'], /no-cache/);
    assert.match(answer.headers['cache-control'], /no-store/);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['referrer-policy'], 'same-origin');
    assert.equal(answer.headers['strict-transport-security'], 'max-age=31536000; includeSubDomains');
    assert.equal(answer.headers['x-frame-options'], undefined);
  }
});

test('pages may be framed by their own site alone', async () => {
  const { status: code, headers } = await one.open(app, '/app/license?lic=active');
  assert.equal(code, 200);
  const csp = headers['content-security-policy'];
  assert.ok(csp.includes(`frame-ancestors ${new URL(one.baseUrl).origin}`) || csp.includes(`frame-ancestors ${one.baseUrl}`), csp);
  assert.ok(!csp.includes('unsafe-inline'), csp);
});

test('configure is for admins', async () => {
  assert.equal((await one.open(app, '/app/configure?lic=active', { claims: { sub: 'a-member' } })).status, 403);
  one.admins.add('the-admin');
  assert.equal((await one.open(app, '/app/configure?lic=active', { claims: { sub: 'the-admin' } })).status, 200);
  assert.equal((await one.open(app, '/app/configure?lic=active', { claims: { sub: undefined } })).status, 403, 'nobody is no admin');
});

test('feedback reaches the operator', async () => {
  const send = (body) => app.request({ method: 'POST', target: '/api/v1/feedback', body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', authorization: `JWT ${one.context()}` } });
  assert.equal((await send({ message: 'Please add dark mode <b>' })).status, 201);
  for (const bad of [{}, { message: '' }, { message: 1 }, { message: 'x'.repeat(5000) }]) assert.equal((await send(bad)).status, 400);
  const { json } = await app.admin('feedback');
  assert.ok(JSON.stringify(json).includes('Please add dark mode <b>'));
});

test('the descriptor: filled, with an ETag that answers 304', async () => {
  const answer = await app.request({ target: '/atlassian-connect.json' });
  assert.equal(answer.status, 200);
  assert.equal(answer.json.baseUrl, 'https://app.example.test');
  assert.equal(answer.json.enableLicensing, true);
  assert.equal(answer.json.apiMigrations['signed-install'], true);
  assert.equal((await app.request({ target: '/atlassian-connect.json', headers: { 'if-none-match': answer.headers.etag } })).status, 304);
});

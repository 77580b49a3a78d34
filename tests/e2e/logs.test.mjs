// logs.test.mjs - what the log tells at its usual level: everything refused, by the id the client was told; nothing secret.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Licgate, ADMIN_TOKEN, until } from './lib/licgate.mjs';
import { Atlassian, active, notLicensed } from './lib/atlassian.mjs';

let world, app, site;
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: { ...world.env, LICGATE_LOG: 'info', LICGATE_TRUSTED_PROXIES: '127.0.0.1/32' } });
  site = world.site(undefined, notLicensed({ contactEmail: 'planted@contact.example' }));
  await site.install(app);
  await until('looked up', async () => (await site.apiLicense(app)).json.source === 'lookup');
});
after(async () => {
  await app.stop();
  await world.stop();
});

test('every refusal is there, with its code and request id', async () => {
  const post = (target, body, headers = {}) => app.request({ method: 'POST', target, body, headers: { 'content-type': 'application/json', ...headers } });
  const refusals = {
    'no token': [401, () => app.request({ target: '/app/board?a=planted-query' })],
    'a bad signature': [401, () => app.request({ target: '/app/board', headers: { authorization: `JWT ${site.token('GET', '/app/board')}x` } })],
    'two tokens': [400, () => app.request({ target: '/app/board?jwt=a&jwt=b' })],
    'not licensed': [403, () => site.open(app, '/app/export?a=planted-query')],
    'no administrator': [403, () => site.open(app, '/app/configure')],
    'a gated request': [403, () => app.request({ target: '/authz/nginx?feature=export', headers: { 'x-original-method': 'GET', 'x-original-url': '/p?a=planted-query',
      authorization: `JWT ${site.token('GET', '/p?a=planted-query')}` } })],
    'a body that is none': [400, () => site.install(app, { raw: '[]' })],
    'another host': [403, () => site.install(app, { body: { baseUrl: 'https://evil.example' } })],
    'another type': [415, () => site.install(app, { headers: { 'content-type': 'text/plain' } })],
    'too much': [413, () => post('/installed', `{"a":"${'x'.repeat(70000)}"}`)],
    'a wrong admin token': [401, () => app.admin('tenants', { token: 'wrong' })],
    'a page that is not there': [404, () => app.request({ target: '/nothing' })],
  };
  for (const [name, [status, ask]] of Object.entries(refusals)) {
    const answer = await ask();
    assert.equal(answer.status, status, name);
    const id = answer.headers['x-request-id'];
    const told = await until(`${name} is in the log`, () => app.log.find((e) => e.request_id === id));
    assert.ok(told.code, name);
    if (told.event === 'http.request') assert.equal(told.status, status);
    else assert.match(told.event, /\.refused$/);
  }
});

test('what was answered well is not told at this level, licence changes and callbacks are', async () => {
  const other = world.site(undefined, active());
  await other.install(app);
  await until('the change', () => app.log.find((e) => e.event === 'license.changed' && e.tenant === other.clientKey));
  assert.ok(app.log.find((e) => e.event === 'tenant.installed' && e.tenant === other.clientKey));
  await other.open(app, '/app/board');
  await app.request({ target: '/nothing' });
  assert.ok(!app.log.some((e) => e.event === 'http.request' && e.status < 400));
});

test('each line is an object whose names are there once, and none of it is secret', () => {
  for (const line of app.stderr.trim().split('\n')) {
    const names = [...line.matchAll(/[{,]"(\w+)":/g)].map((m) => m[1]);
    assert.equal(new Set(names).size, names.length, line);
    for (const name of ['at', 'level', 'event']) assert.ok(names.includes(name), line);
  }
  for (const planted of ['planted-query', 'planted@contact.example', site.secret, ADMIN_TOKEN, 'eyJ']) assert.ok(!app.stderr.includes(planted), planted);
});

test('a request that waits for the look-up is one verdict', async () => {
  const verdicts = () => app.metric('licgate_license_verdicts_total');
  const held = [];
  const slow = world.site(undefined, (req, res) => held.push(res));
  await slow.install(app);
  const before = await verdicts();
  const waiting = slow.apiLicense(app);
  await until('the look-up arrives', () => held.length === 1);
  held[0].writeHead(200).end(JSON.stringify(active()));
  assert.equal((await waiting).json.state, 'active');
  assert.equal(await verdicts(), before + 1);
});

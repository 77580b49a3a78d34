// admin-page.test.mjs - what the admin page stands on: sign-in, cookies and CSRF, order and filters, overview, live
// updates, test calls, seats, files. The page itself is looked at in tests/browser.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { ADMIN_TOKEN, Licgate, request, until } from './lib/licgate.mjs';
import { Atlassian, active, evaluation, notLicensed } from './lib/atlassian.mjs';

const in_ = (days) => new Date(Date.now() + days * 86400000).toISOString();
let world, app;
const sites = [];
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: world.env });
  for (let i = 0; i < 9; i++) {
    const site = world.site(`shop-${8 - i}`, [active(), evaluation({ subscriptionEndDate: in_(20 - i) }), notLicensed()][i % 3]);
    site.clientKey = `key-${i}`;
    await site.install(app);
    sites.push(site);
  }
  await until('all looked up', async () => (await app.admin('tenants')).json.tenants.every((t) => t.license.source === 'lookup'));
});
after(async () => {
  await app.stop();
  await world.stop();
});

const JSON_TYPE = { 'content-type': 'application/json' };
const signIn = (token = ADMIN_TOKEN, headers = {}) => request(app.adminUrl, {
  method: 'POST', target: '/admin/session', headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify({ token }) });

/** A signed-in browser: its cookie, its CSRF token, and calls with them. */
async function browser() {
  const answer = await signIn();
  assert.equal(answer.status, 200, answer.text);
  const cookie = answer.headers['set-cookie'][0].split(';')[0];
  const { csrf } = answer.json;
  const call = (pathname, { method = 'GET', body, headers = {} } = {}) => request(app.adminUrl, {
    method, target: pathname, headers: { cookie, ...(body ? JSON_TYPE : {}), ...headers }, body: body && JSON.stringify(body) });
  return { cookie, csrf, call };
}

describe('signing in', () => {
  test('the cookie is for the page alone, and Secure where the browser came over TLS', async () => {
    const plain = await signIn();
    assert.equal(plain.status, 200);
    const [cookie] = plain.headers['set-cookie'];
    assert.match(cookie, /^licgate_admin=[a-z0-9]{40}; Path=\/admin\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    assert.match(plain.json.csrf, /^[a-z0-9]{40}$/);
    assert.ok(!plain.text.includes(cookie.split(/[=;]/)[1]), 'the answer does not show the cookie to scripts');
    const [secure] = (await signIn(ADMIN_TOKEN, { 'x-forwarded-proto': 'https' })).headers['set-cookie'];
    assert.match(secure, /; Secure$/);
  });

  test('a wrong token, another type, a broken body', async () => {
    for (const token of ['', 'wrong', `${ADMIN_TOKEN}x`]) {
      const { status, headers } = await signIn(token);
      assert.equal(status, 401);
      assert.equal(headers['set-cookie'], undefined);
    }
    const form = await request(app.adminUrl, { method: 'POST', target: '/admin/session',
      headers: { 'content-type': 'text/plain' }, body: JSON.stringify({ token: ADMIN_TOKEN }) });
    assert.equal(form.status, 415, 'no simple cross-origin request signs in');
    for (const body of ['', '[]', '{"token":1}', '{}']) {
      assert.equal((await request(app.adminUrl, { method: 'POST', target: '/admin/session', headers: JSON_TYPE, body })).status, 400);
    }
  });

  test('the cookie reads; it changes things only with the CSRF token', async () => {
    const { call, csrf } = await browser();
    assert.equal((await call('/admin/api/v1/tenants')).status, 200);
    assert.equal((await call('/admin/session')).json.csrf, csrf);
    const target = `/admin/api/v1/tenants/key-0/refresh`;
    for (const headers of [{}, { 'x-csrf-token': '' }, { 'x-csrf-token': 'a'.repeat(40) }, { 'x-csrf-token': csrf.slice(1) }]) {
      const { status, json } = await call(target, { method: 'POST', headers });
      assert.equal(status, 403);
      assert.equal(json.code, 'csrf');
    }
    assert.equal((await call(target, { method: 'POST', headers: { 'x-csrf-token': csrf } })).status, 200);
    const other = await browser();
    assert.equal((await call(target, { method: 'POST', headers: { 'x-csrf-token': other.csrf } })).status, 403, "another session's");
  });

  test('stale, stolen and doubled cookies', async () => {
    const { call, csrf, cookie } = await browser();
    const ask = (header) => request(app.adminUrl, { target: '/admin/api/v1/tenants', headers: { cookie: header } });
    assert.equal((await ask(cookie)).status, 200);
    assert.equal((await ask(`theme=dark; ${cookie}; a=b`)).status, 200);
    for (const bad of ['licgate_admin=', 'licgate_admin=x', cookie.slice(0, -1), `${cookie}x`, cookie.replace('licgate_admin', 'LICGATE_ADMIN'),
      `${cookie}; licgate_admin=x`, `licgate_admin=x; ${cookie}`]) assert.equal((await ask(bad)).status, 401, bad);
    const both = await request(app.adminUrl, { target: '/admin/api/v1/tenants', headers: { cookie, authorization: 'Bearer wrong' } });
    assert.equal(both.status, 401, 'a wrong token is not mended by a cookie');
    assert.equal((await call('/admin/session', { method: 'DELETE' })).status, 403, 'nobody else signs me out');
    const out = await call('/admin/session', { method: 'DELETE', headers: { 'x-csrf-token': csrf } });
    assert.equal(out.status, 204);
    assert.match(out.headers['set-cookie'][0], /^licgate_admin=; .*Max-Age=0/);
    assert.equal((await ask(cookie)).status, 401, 'signed out is signed out');
  });

  test('the oldest session makes room for the 65th', async () => {
    const first = await browser();
    for (let i = 0; i < 64; i++) await signIn();
    assert.equal((await first.call('/admin/session')).status, 401);
  });
});

describe('guessing the token', () => {
  const from = (address) => ({ 'x-forwarded-for': address });
  const bearer = (token, headers) => request(behind.adminUrl, { target: '/admin/api/v1/tenants', headers: { authorization: `Bearer ${token}`, ...headers } });
  const guess = (token, headers) => request(behind.adminUrl, { method: 'POST', target: '/admin/session', headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify({ token }) });
  let behind;
  before(async () => { behind = await Licgate.start({ env: { ...world.env, LICGATE_TRUSTED_PROXIES: '127.0.0.1' } }); });
  after(() => behind.stop());

  test('ten wrong ones, then wait, whichever way they come; others are not held up', async () => {
    const stranger = from('192.0.2.7');
    for (let i = 0; i < 5; i++) {
      assert.equal((await guess(`wrong-${i}`, stranger)).status, 401);
      assert.equal((await bearer(`wrong-${i}`, from(`127.9.9.9, 192.0.2.7`))).status, 401);
    }
    for (const answer of [await guess('wrong', stranger), await guess(ADMIN_TOKEN, stranger), await bearer(ADMIN_TOKEN, stranger)]) {
      assert.equal(answer.status, 429);
      assert.equal(answer.json.code, 'too_many_attempts');
      assert.ok(Number(answer.headers['retry-after']) >= 1 && Number(answer.headers['retry-after']) <= 6, answer.headers['retry-after']);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    for (const headers of [from('192.0.2.8'), {}, from('not an address')]) assert.equal((await guess(ADMIN_TOKEN, headers)).status, 200);
    assert.equal((await bearer(ADMIN_TOKEN, from('192.0.2.8'))).status, 200);
  });

  test('a request without a token is no guess', async () => {
    const headers = from('192.0.2.30');
    for (let i = 0; i < 30; i++) assert.equal((await request(behind.adminUrl, { target: '/admin/api/v1/tenants', headers })).status, 401);
    assert.equal((await guess(ADMIN_TOKEN, headers)).status, 200);
  });

  test('who is signed in stays so, and a right token beside wrong ones is not stopped', async () => {
    const headers = from('192.0.2.40');
    const cookie = (await guess(ADMIN_TOKEN, headers)).headers['set-cookie'][0].split(';')[0];
    for (let i = 0; i < 60; i++) assert.equal((await bearer('of last year', headers)).status, 401);
    assert.equal((await bearer(ADMIN_TOKEN, headers)).status, 200);
    for (let i = 0; i < 60; i++) await bearer('of last year', headers);
    assert.equal((await bearer('of last year', headers)).status, 429);
    assert.equal((await request(behind.adminUrl, { target: '/admin/session', headers: { cookie, ...headers } })).status, 200);
  });

  test('an address that nobody trusted says is not believed', async () => {
    for (let i = 0; i < 120; i++) await request(app.adminUrl, { target: '/admin/api/v1/tenants', headers: { authorization: 'Bearer wrong', ...from(`192.0.3.${i}`) } });
    assert.equal((await request(app.adminUrl, { target: '/admin/api/v1/tenants', headers: { authorization: 'Bearer wrong', ...from('192.0.4.1') } })).status, 429);
    await until('the debt is forgiven', async () => (await app.admin('tenants')).status === 200);
  });
});

describe('the files', () => {
  test('headers that hold a browser to the rules, on every answer', async () => {
    const { status, headers } = await request(app.adminUrl, { target: '/admin/' });
    assert.equal(status, 200);
    assert.match(headers['content-security-policy'], /default-src 'none'/);
    assert.doesNotMatch(headers['content-security-policy'], /unsafe|http/);
    for (const target of ['/admin/', '/admin/main.js', '/admin/nothing', '/admin/api/v1/tenants', '/metrics']) {
      assert.equal((await request(app.adminUrl, { target })).headers['x-frame-options'], 'DENY', target);
    }
    const bare = await request(app.adminUrl, { target: '/admin' });
    assert.deepEqual([bare.status, bare.headers.location], [308, '/admin/']);
    assert.equal((await request(app.url, { target: '/admin/' })).status, 404, 'not on the public listener');
  });

  test('the first page is under 200 KB', async () => {
    const { text } = await request(app.adminUrl, { target: '/admin/' });
    const names = new Set([...text.matchAll(/(?:src|href)="([a-z.-]+)"/g)].map((m) => m[1]));
    assert.ok(names.size >= 3, [...names].join());
    let bytes = 0;
    const seen = new Set();
    const load = async (name) => {
      if (seen.has(name)) return;
      seen.add(name);
      const answer = await raw(`/admin/${name}`);
      assert.equal(answer.status, 200, name);
      bytes += answer.bytes;
      if (!name.endsWith('.js') || name.includes('chart.min')) return;
      const script = (await request(app.adminUrl, { target: `/admin/${name}` })).text;
      for (const [, next] of script.matchAll(/from '\.\/([a-z-]+\.js)'/g)) await load(next);
    };
    await load('');
    for (const name of names) await load(name);
    assert.ok(bytes < 200 * 1024, `${bytes} bytes`);
  });

  const raw = (target) => new Promise((resolve, reject) => {
    http.get(`${app.adminUrl}${target}`, { headers: { 'accept-encoding': 'gzip' } }, (res) => {
      let bytes = 0;
      res.on('data', (d) => { bytes += d.length; });
      res.on('end', () => resolve({ status: res.statusCode, bytes }));
    }).on('error', reject);
  });
});

describe('the tenants table', () => {
  const keys = async (query) => (await app.admin(`tenants?${query}`)).json.tenants.map((t) => t.client_key);

  test('every order goes on from page to page', async () => {
    for (const sort of ['client_key', 'base_url', 'status', 'state', 'installed_at', 'updated_at', 'last_seen_at', 'expires_at']) {
      for (const dir of ['asc', 'desc']) {
        const all = await keys(`sort=${sort}&dir=${dir}`);
        assert.equal(new Set(all).size, 9);
        const paged = [];
        let cursor = '';
        do {
          const { json } = await app.admin(`tenants?sort=${sort}&dir=${dir}&limit=2&cursor=${encodeURIComponent(cursor)}`);
          assert.equal(json.total, 9);
          paged.push(...json.tenants.map((t) => t.client_key));
          cursor = json.next ?? '';
        } while (cursor);
        assert.deepEqual(paged, all, `${sort} ${dir}`);
      }
    }
    assert.deepEqual(await keys('sort=base_url'), sites.map((s) => s.clientKey).reverse());
    assert.deepEqual((await keys('sort=expires_at')).slice(0, 3), ['key-7', 'key-4', 'key-1'], 'what ends first comes first');
    for (const bad of ['sort=colour', 'dir=up', 'status=active', 'format=xml']) assert.equal((await app.admin(`tenants?${bad}`)).status, 400, bad);
  });

  test('filters together, and how many there are', async () => {
    const { json } = await app.admin('tenants?query=shop&state=active&status=installed&limit=2');
    assert.equal(json.total, 3);
    assert.equal(json.tenants.length, 2);
    assert.equal((await app.admin('tenants?state=active&status=uninstalled')).json.total, 0);
  });

  test('CSV by a plain link, in the order asked for', async () => {
    const { call } = await browser();
    const { text, headers } = await call('/admin/api/v1/tenants?format=csv&sort=base_url');
    assert.match(headers['content-disposition'], /attachment; filename="tenants.csv"/);
    assert.deepEqual(text.trim().split('\r\n').slice(1).map((l) => l.split(',')[0]), sites.map((s) => s.clientKey).reverse());
    for (const list of ['events', 'feedback', 'auth-failures', 'tenants/key-0/users', 'tenants/key-0/events', 'overview']) {
      const answer = await call(`/admin/api/v1/${list}?format=csv`);
      assert.equal(answer.status, 200, list);
      assert.match(answer.headers['content-type'], /^text\/csv/, list);
    }
  });
});

test('the overview counts tenants, installs and refusals', async () => {
  await app.request({ target: '/app/license?jwt=a.b.c' });
  const { status, json, text } = await app.admin('overview?days=7');
  assert.equal(status, 200, text);
  assert.equal(json.tenants.total, 9);
  assert.equal(json.tenants.by_state.active, 3);
  assert.equal(json.tenants.by_state.evaluation, 3);
  const today = new Date().toISOString().slice(0, 10);
  assert.equal(Object.values(json.installs.installed).reduce((a, b) => a + b, 0), 9);
  assert.ok(json.from.slice(0, 10) <= today);
  assert.equal(json.ending.length, 3);
  assert.ok(json.ending[0].expires_at <= json.ending[1].expires_at);
  assert.ok(json.lookups.ok >= 9);
  assert.ok(json.failures.total >= 1);
  for (const bad of ['0', '367', 'x']) assert.equal((await app.admin(`overview?days=${bad}`)).status, 400);
  await until('the day is kept', async () => (await app.admin('overview')).json.states.some((d) => d.active === 3));
});

describe('live', () => {
  /** Opens the stream; events() are those seen so far. */
  const listen = (headers) => new Promise((resolve, reject) => {
    const req = http.get(`${app.adminUrl}/admin/api/v1/stream`, { headers }, (res) => {
      let text = '', ended = false;
      res.setEncoding('utf8');
      res.on('data', (d) => { text += d; });
      res.on('end', () => { ended = true; });
      res.on('error', () => { ended = true; });
      resolve({ status: res.statusCode, type: res.headers['content-type'], text: () => text, ended: () => ended, close: () => req.destroy() });
    });
    req.on('error', reject);
  });
  const bearer = { authorization: `Bearer ${ADMIN_TOKEN}` };

  test('what happens is told', async () => {
    const { cookie } = await browser();
    const stream = await listen({ cookie });
    assert.equal(stream.status, 200);
    assert.match(stream.type, /^text\/event-stream/);
    await until('hello', () => stream.text().includes('event: hello'));
    await world.site('live-one', active()).install(app);
    await until('told', () => /event: journal\nid: \d+\ndata: \{"seq":\d+,"type":"tenant.installed"/.test(stream.text()), 5000);
    await app.request({ target: '/app/license?jwt=a.b.c' });
    await until('refusals too', () => /event: failures\ndata: \{"total":\d+\}/.test(stream.text()), 5000);
    stream.close();
  });

  test('it ends when its session does', async () => {
    const { call, cookie, csrf } = await browser();
    const stream = await listen({ cookie });
    await until('hello', () => stream.text().includes('event: hello'));
    await call('/admin/session', { method: 'DELETE', headers: { 'x-csrf-token': csrf } });
    await until('ended', () => stream.ended(), 5000);
  });

  test('at most 32 listen; no token, no stream', async () => {
    assert.equal((await request(app.adminUrl, { target: '/admin/api/v1/stream' })).status, 401);
    const all = [];
    let refused;
    for (let i = 0; i < 40 && !refused; i++) {
      const stream = await listen(bearer);
      if (stream.status === 200) all.push(stream); else refused = stream.status;
    }
    assert.equal(refused, 503);
    assert.ok(all.length <= 32 && all.length >= 30, `${all.length}`);
    for (const s of all) s.close();
    await until('room again', async () => {
      const stream = await listen(bearer);
      stream.close();
      return stream.status === 200;
    });
  });
});

describe('one tenant', () => {
  test('a test call tells how the site answered', async () => {
    const { call, csrf } = await browser();
    const ask = async (key) => call(`/admin/api/v1/tenants/${key}/test-call`, { method: 'POST', headers: { 'x-csrf-token': csrf } });
    const { status, json, text } = await ask('key-0');
    assert.equal(status, 200, text);
    assert.equal(typeof json.ok, 'boolean');
    assert.equal(typeof json.duration_ms, 'number');
    assert.ok(json.meaning.length > 0);
    assert.ok(!text.includes(sites[0].secret));
    assert.equal((await ask('nobody')).status, 404);
  });

  test('a seat that nobody holds cannot be freed', async () => {
    const { status, json } = await app.admin('tenants/key-0/users/nobody/seat', { method: 'DELETE' });
    assert.equal(status, 404);
    assert.equal(json.code, 'no_seat');
  });
});

test('without a configured token there is no page and no sign-in', async () => {
  const off = await Licgate.start({ env: { LICGATE_ADMIN_TOKEN: undefined } });
  for (const [method, target] of [['GET', '/admin/'], ['GET', '/admin/main.js'], ['POST', '/admin/session'], ['GET', '/admin/api/v1/overview']]) {
    assert.equal((await request(off.adminUrl, { method, target, headers: JSON_TYPE, body: method === 'POST' ? '{"token":""}' : undefined })).status, 404);
  }
  await off.stop();
});

test('a search finds a tenant by any id it has or had', async () => {
  const site = world.site('old-name', active({ supportEntitlementNumber: 'SEN-7700', entitlementNumber: 'E-AAA-1', entitlementId: 'e1b2' }));
  await site.install(app, { body: { serviceEntitlementNumber: 'SEN-4411', entitlementNumber: 'E-BBB-2', installationId: 'ari:cloud:ecosystem::installation/abc' } });
  const before_ = site.baseUrl;
  site.baseUrl = `${world.url}/sites/new-name`;
  world.sites.set('new-name', site);
  await site.install(app, { body: { serviceEntitlementNumber: 'SEN-5522' } });
  await site.apiLicense(app);
  await until('the look-up is stored', async () => (await app.admin('tenants?query=SEN-7700')).json.total === 1);
  for (const query of ['sen-4411', 'SEN-5522', 'e-aaa', 'E-BBB-2', 'e1b2', 'ari:cloud:ecosystem::installation/ABC', before_]) {
    const { json } = await app.admin(`tenants?query=${encodeURIComponent(query)}`);
    assert.deepEqual(json.tenants.map((t) => t.client_key), [site.clientKey], query);
    assert.equal(json.total, 1);
  }
  for (const query of ['SEN-44112', '%25', 'EN-4411', '%FF%FF%FF', 'x'.repeat(2000)]) {
    const { status, json } = await app.admin(`tenants?query=${query}`);
    assert.deepEqual([status, json.total], [200, 0], query.slice(0, 20));
  }
  assert.match((await app.admin('tenants?query=SEN-4411&format=csv')).text, new RegExp(site.clientKey));
  await site.uninstall(app);
  assert.equal((await app.admin('tenants?query=SEN-4411')).json.total, 1, 'after its uninstall too');
});

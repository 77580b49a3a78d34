// authz.test.mjs - forward authentication, asked directly as each proxy asks, and through a real nginx in front of a small app.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, project, request, until } from './lib/licgate.mjs';
import { Atlassian, active, notLicensed } from './lib/atlassian.mjs';

let world, app, paid, unpaid, lapsed;
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: { ...world.env, LICGATE_TRUSTED_PROXIES: '127.0.0.0/8' } });
  paid = world.site(undefined, active());
  unpaid = world.site(undefined, notLicensed());
  lapsed = world.site(undefined, active());
  for (const site of [paid, unpaid, lapsed]) await site.install(app);
  const known = (site) => until('looked up', async () => (await site.apiLicense(app)).json.source === 'lookup');
  for (const site of [paid, unpaid, lapsed]) await known(site);
  lapsed.license = notLicensed({ maintenanceExpiryDate: new Date(Date.now() - 40 * 86400000).toISOString() });
  assert.equal((await app.admin(`tenants/${lapsed.clientKey}/refresh`, { method: 'POST' })).status, 200);
});
after(async () => {
  await app.stop();
  await world.stop();
});

const signed = (site, method, target, claims) => `${target}${target.includes('?') ? '&' : '?'}jwt=${site.token(method, target, claims)}`;
const kinds = {
  nginx: (query, method, uri, headers = {}) => app.request({ target: `/authz/nginx${query}`,
    headers: { 'x-original-method': method, 'x-original-url': uri, ...headers } }),
  'nginx with a full URL': (query, method, uri, headers = {}) => app.request({ target: `/authz/nginx${query}`,
    headers: { 'x-original-method': method, 'x-original-url': `https://app.example.test${uri}`, ...headers } }),
  forward: (query, method, uri, headers = {}) => app.request({ target: `/authz/forward${query}`,
    headers: { 'x-forwarded-method': method, 'x-forwarded-uri': uri, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'app.example.test', ...headers } }),
};

for (const [kind, ask] of Object.entries(kinds)) {
  describe(kind, () => {
    test('a valid token passes and tells the app who it is', async () => {
      const { status, headers } = await ask('', 'GET', signed(paid, 'GET', '/any/page?x=1'));
      assert.equal(status, 200);
      assert.equal(headers['x-connect-client-key'], paid.clientKey);
      assert.equal(headers['x-connect-account-id'], 'account-1');
      assert.equal(headers['x-connect-base-url'], paid.baseUrl);
      assert.equal(headers['x-connect-license'], 'active');
      assert.equal(headers['x-connect-license-source'], 'lookup');
      assert.match(headers['x-connect-license-age'], /^\d+$/);
    });

    test('a spelling that is only hashed: dots, doubled slashes, bad escapes', async () => {
      for (const uri of ['//a//b', '/a/../b', '/a/./b', '/%zz', '/p?q=%zz', '/caf%C3%A9']) {
        assert.equal((await ask('', 'GET', uri, { authorization: `JWT ${paid.token('GET', uri)}` })).status, 200, uri);
      }
    });

    test('401: no token, another request’s token, context token on a page, two tokens', async () => {
      assert.equal((await ask('', 'GET', '/p')).status, 401);
      assert.equal((await ask('', 'POST', signed(paid, 'GET', '/p'))).status, 401);
      assert.equal((await ask('', 'GET', '/other', { authorization: `JWT ${paid.token('GET', '/p')}` })).status, 401);
      assert.equal((await ask('', 'GET', '/p', { authorization: `JWT ${paid.context()}` })).status, 401);
      assert.equal((await ask('?token=context', 'GET', '/p', { authorization: `JWT ${paid.context()}` })).status, 200);
      assert.equal((await ask('', 'GET', signed(paid, 'GET', '/p'), { authorization: `JWT ${paid.token('GET', '/p')}` })).status, 401);
    });

    test('licence and features: 403 with the policy’s code', async () => {
      assert.equal((await ask('', 'GET', signed(unpaid, 'GET', '/p'))).status, 200, 'any: a token is enough');
      const none = await ask('?license=required', 'GET', signed(unpaid, 'GET', '/p'));
      assert.equal(none.status, 403);
      assert.equal(none.headers['x-connect-deny'], 'NO_LICENSE');
      assert.equal((await ask('?license=required', 'GET', signed(paid, 'GET', '/p'))).status, 200);
      const feature = await ask('?feature=export', 'GET', signed(lapsed, 'GET', '/p'));
      assert.equal(feature.status, 403);
      assert.equal(feature.headers['x-connect-deny'], 'EXPIRED');
      const unknown = await ask('?feature=nonesuch', 'GET', signed(paid, 'GET', '/p'));
      assert.equal(unknown.status, 403);
      assert.equal(unknown.headers['x-connect-deny'], 'unknown_feature');
    });

    test('read_only: GET and HEAD pass, the rest does not', async () => {
      for (const [method, status] of [['GET', 200], ['HEAD', 200], ['POST', 403], ['PUT', 403], ['DELETE', 403], ['PATCH', 403]]) {
        const { status: got, headers } = await ask('?feature=board', method, signed(lapsed, method, '/p'));
        assert.equal(got, status, method);
        if (status === 200) assert.equal(headers['x-connect-verdict'], 'read_only');
      }
    });
  });
}

test('Envoy: the path behind the prefix, the call’s own method', async () => {
  const ask = (method, uri, headers) => app.request({ method, target: `/authz/envoy${uri}`, headers });
  assert.equal((await ask('GET', signed(paid, 'GET', '/any/page?x=1'))).status, 200);
  assert.equal((await ask('POST', '/any/page', { authorization: `JWT ${paid.token('POST', '/any/page')}`, 'content-length': '0' })).status, 200);
  assert.equal((await ask('GET', '/', { authorization: `JWT ${paid.token('GET', '/')}` })).status, 200);
  assert.equal((await ask('GET', '/any/page')).status, 401);
});

test('headers from an address that is no trusted proxy: 403', async () => {
  const open = await Licgate.start({ env: { ...world.env } });
  await paid.install(open);
  const { status } = await request(open.url, { target: '/authz/nginx',
    headers: { 'x-original-method': 'GET', 'x-original-url': signed(paid, 'GET', '/p') } });
  assert.equal(status, 403);
  await open.stop();
});

describe('a real nginx in front of a small app', () => {
  let dir, nginx, upstream, front;
  before(async () => {
    upstream = http.createServer((req, res) => {
      let body = '';
      req.on('data', (d) => { body += d; });
      req.on('end', () => res.end(JSON.stringify({ url: req.url, headers: req.headers, body })));
    });
    await new Promise((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    dir = mkdtempSync(path.join(tmpdir(), 'licgate-nginx-'));
    const probe = http.createServer();
    await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const port = probe.address().port;
    await new Promise((resolve) => probe.close(resolve));
    front = `http://127.0.0.1:${port}`;
    // The sample itself, with this test's places and without TLS.
    const replace = [['server 127.0.0.1:8080', `server ${new URL(app.url).host}`], ['server 127.0.0.1:3000', `server 127.0.0.1:${upstream.address().port}`],
      ['listen 443 ssl;', `listen 127.0.0.1:${port};`], [/^\s*ssl_certificate.*$/gm, ''], [/\/var\/log\/nginx/g, dir],
      ['http {', `http { ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')}`]];
    const sample = replace.reduce((text, [from, to]) => {
      const changed = text.replace(from, to);
      assert.notEqual(changed, text, `${from} is in deploy/nginx.conf`);
      return changed;
    }, readFileSync(path.join(project, 'deploy/nginx.conf'), 'utf8'));
    writeFileSync(path.join(dir, 'nginx.conf'), `daemon off;\npid ${dir}/pid;\n${sample}`);
    nginx = spawn('nginx', ['-c', path.join(dir, 'nginx.conf'), '-p', dir, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'inherit'] });
    await until('nginx listens', () => request(front, { target: '/' }).catch(() => null));
  });
  after(async () => {
    nginx.kill('SIGTERM');
    await new Promise((resolve) => nginx.once('exit', resolve));
    await new Promise((resolve) => { upstream.closeAllConnections?.(); upstream.close(resolve); });
    rmSync(dir, { recursive: true, force: true });
  });

  const spoofed = Object.fromEntries(['client-key', 'account-id', 'base-url', 'license', 'verdict', 'edition', 'license-source', 'license-age', 'deny']
    .map((name) => [`x-connect-${name}`, 'spoofed']));

  test('allow: the app learns who it is from licgate alone', async () => {
    const target = signed(paid, 'GET', '/reports/a%2fb//c?x=1');
    const allowed = await request(front, { target, headers: { ...spoofed, x_connect_client_key: 'spoofed' } });
    assert.equal(allowed.status, 200);
    assert.equal(allowed.json.url, target);
    assert.equal(allowed.json.headers['x-connect-client-key'], paid.clientKey);
    assert.equal(allowed.json.headers['x-connect-license'], 'active');
    assert.ok(!allowed.text.includes('spoofed'));
    const posted = await request(front, { method: 'POST', target: '/reports?y=1', body: 'hello', headers: { authorization: `JWT ${paid.token('POST', '/reports?y=1')}` } });
    assert.deepEqual([posted.status, posted.json.body], [200, 'hello']);
  });

  test('deny: no token, no licence, an expired licence that may only read', async () => {
    assert.equal((await request(front, { target: '/reports', headers: spoofed })).status, 401);
    const none = await request(front, { target: signed(unpaid, 'GET', '/reports') });
    assert.deepEqual([none.status, none.headers['x-connect-deny']], [403, 'NO_LICENSE']);
    assert.equal((await request(front, { target: signed(lapsed, 'GET', '/reports') })).json.headers['x-connect-verdict'], 'read_only');
    const write = await request(front, { method: 'POST', target: signed(lapsed, 'POST', '/reports') });
    assert.deepEqual([write.status, write.headers['x-connect-deny']], [403, 'EXPIRED']);
  });

  test('licgate’s own routes are behind it too, forward authentication is not for the outside', async () => {
    const through = { url: front, request: (options) => request(front, options) };
    assert.equal((await paid.install(through)).status, 204);
    assert.equal((await paid.open(through, '/app/board?lic=active')).status, 200);
    assert.equal((await paid.apiLicense(through)).status, 200);
    assert.equal((await request(front, { target: '/atlassian-connect.json' })).status, 200);
    assert.equal((await request(front, { target: '/assets/app.css' })).status, 200);
    for (const target of ['/authz/nginx', '/_licgate/board']) {
      assert.equal((await request(front, { target, headers: { 'x-original-method': 'GET', 'x-original-url': signed(paid, 'GET', '/p') } })).status, 404, target);
    }
  });

  test('every sample names every route of licgate', async () => {
    const [table] = readFileSync(path.join(project, 'src/routes.c'), 'utf8').split('admin_rows');
    const routes = [...table.matchAll(/\{METHOD_\w+, "(\/[^"]+)"/g)].map((m) => m[1]).filter((route) => !/^\/(authz\/|healthz|readyz)/.test(route));
    assert.ok(routes.includes('/installed') && routes.includes('/app/NAME'));
    const samples = ['Caddyfile', 'envoy.yaml', 'nginx.conf', 'traefik.yml'].map((name) => [name, readFileSync(path.join(project, 'deploy', name), 'utf8').replaceAll('\\', '')]);
    for (const route of routes) {
      const { headers } = await request(front, { target: route.replace(/NAME|KEY|REST/g, 'x') });
      assert.ok(headers['x-request-id'], `nginx.conf passes ${route} on to the app`);
      const fixed = route.replace(/^\/(app|segment|go|github|api\/v1\/github)\/.*/, '/$1/').replace(/(NAME|KEY|REST)$/, '').slice(1);
      for (const [name, text] of samples) assert.ok(text.includes(fixed), `${name} has no ${route}`);
    }
  });

  test('its log has no query', () => {
    assert.ok(!readFileSync(path.join(dir, 'access.log'), 'utf8').includes('jwt'));
  });
});

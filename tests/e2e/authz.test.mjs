// authz.test.mjs - forward authentication, asked directly as each proxy asks, and through a real nginx in front of a small app.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, request, until } from './lib/licgate.mjs';
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
    upstream = http.createServer((req, res) => res.end(JSON.stringify(req.headers)));
    await new Promise((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    dir = mkdtempSync(path.join(tmpdir(), 'licgate-nginx-'));
    const probe = http.createServer();
    await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const port = probe.address().port;
    await new Promise((resolve) => probe.close(resolve));
    front = `http://127.0.0.1:${port}`;
    writeFileSync(path.join(dir, 'nginx.conf'), `
daemon off; pid ${dir}/pid; error_log stderr warn; worker_processes 1;
events {}
http {
  access_log off; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  server {
    listen 127.0.0.1:${port};
    location / {
      auth_request /_licgate;
      auth_request_set $connect_client_key $upstream_http_x_connect_client_key;
      auth_request_set $connect_license $upstream_http_x_connect_license;
      auth_request_set $connect_deny $upstream_http_x_connect_deny;
      proxy_set_header X-Connect-Client-Key $connect_client_key;
      proxy_set_header X-Connect-License $connect_license;
      proxy_set_header X-Connect-Account-Id "";
      add_header X-Connect-Deny $connect_deny always;
      proxy_pass http://127.0.0.1:${upstream.address().port};
    }
    location = /_licgate {
      internal;
      proxy_pass ${app.url}/authz/nginx?feature=export;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URL $request_uri;
    }
  }
}`);
    nginx = spawn('nginx', ['-c', path.join(dir, 'nginx.conf'), '-p', dir, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'inherit'] });
    await until('nginx listens', () => request(front, { target: '/' }).catch(() => null));
  });
  after(async () => {
    nginx.kill('SIGTERM');
    await new Promise((resolve) => nginx.once('exit', resolve));
    await new Promise((resolve) => { upstream.closeAllConnections?.(); upstream.close(resolve); });
    rmSync(dir, { recursive: true, force: true });
  });

  test('allow, deny, expiry, spoofed headers', async () => {
    const allowed = await request(front, { target: signed(paid, 'GET', '/reports?x=1'),
      headers: { 'x-connect-client-key': 'spoofed', 'x-connect-account-id': 'spoofed' } });
    assert.equal(allowed.status, 200);
    assert.equal(allowed.json['x-connect-client-key'], paid.clientKey);
    assert.ok(!allowed.text.includes('spoofed'));
    assert.equal((await request(front, { target: '/reports' })).status, 401);
    const denied = await request(front, { target: signed(lapsed, 'GET', '/reports') });
    assert.equal(denied.status, 403);
    assert.equal(denied.headers['x-connect-deny'], 'EXPIRED');
  });
});

// sim-ui.test.mjs - the simulated site's further controls: calendar and script, people and webhooks, AP.request, and what a hostile
// descriptor may not do. The app here is a plain one that knows nothing of licgate.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import jwt from 'atlassian-jwt';
import { request, until } from './lib/licgate.mjs';
import { qshOf } from './lib/atlassian.mjs';
import { Sim } from './lib/sim.mjs';

const DAY = 86400000;
const KEY = 'com.example.other';

/** An app with its descriptor; answers every call with `status` and keeps it. */
async function startApp(changes = {}) {
  const app = { calls: [], status: 204 };
  app.server = http.createServer((req, res) => {
    let body = '';
    req.on('data', (d) => { body += d; });
    req.on('end', () => {
      if (req.url === '/descriptor') {
        res.end(JSON.stringify({ key: KEY, name: 'Other', baseUrl: app.url, authentication: { type: 'jwt' }, lifecycle: { installed: '/installed' },
          modules: { generalPages: [{ key: 'page', url: '/page', location: 'none', name: { value: 'A page' } }],
            webhooks: [{ event: 'user_deleted', url: '/hooks/gone?who={user.id}' }, { event: 'jira:issue_updated', url: '/hooks/issue' }] }, ...changes }));
        return;
      }
      app.calls.push({ target: req.url, headers: req.headers, body: body && JSON.parse(body) });
      res.writeHead(app.status).end();
    });
  });
  await new Promise((resolve) => app.server.listen(0, '127.0.0.1', resolve));
  app.url = `http://127.0.0.1:${app.server.address().port}`;
  app.stop = () => new Promise((resolve) => { app.server.closeAllConnections?.(); app.server.close(resolve); });
  return app;
}

let sim, app;
before(async () => {
  sim = await Sim.start();
  app = await startApp();
});
after(async () => {
  await app?.stop();
  await sim?.stop();
});

/** A site with the app in it; its secret is in the installed callback. */
async function installed(name) {
  assert.equal((await sim.create(name, `${app.url}/descriptor`)).status, 201);
  assert.equal((await sim.act(name, 'install')).status, 200);
  const { sharedSecret } = app.calls.findLast((c) => c.target === '/installed').body;
  return { name, secret: sharedSecret, show: async () => (await sim.api('GET', `/${name}`)).json };
}

/** A call of the app to its site, signed by it. */
function ask({ name, secret }, method, target, body) {
  const now = Math.floor(Date.now() / 1000);
  const token = jwt.encodeSymmetric({ iss: KEY, iat: now, exp: now + 180, qsh: qshOf(method, target) }, secret);
  return request(sim.url, { method, target: `/sites/${name}${target}`, headers: { authorization: `JWT ${token}` }, body: body && JSON.stringify(body) });
}
const license = async (site) => (await ask(site, 'GET', '/rest/atlassian-connect/latest/license')).json;

describe('the calendar', () => {
  test('days ahead: the end comes nearer for the app, and passes', async () => {
    const site = await installed('ahead');
    await sim.api('PUT', '/ahead/license', { state: 'evaluation' });
    const before = (await license(site)).expiryDate;
    const { status, json } = await sim.api('PUT', '/ahead/clock', { days: 10 });
    assert.deepEqual([status, json.clock.days_ahead, json.clock.script], [200, 10, null]);
    const told = await license(site);
    assert.ok(Math.abs(before - 10 * DAY - told.expiryDate) < 5000, 'as many days away as in the calendar');
    assert.deepEqual([told.valid, told.evaluation], [true, true]);
    await sim.api('PUT', '/ahead/clock', { days: 31 });
    assert.equal((await site.show()).license.state, 'expired');
    const after = await license(site);
    assert.deepEqual([after.valid, after.expiryDate < Date.now()], [false, true]);
    assert.equal((await sim.api('PUT', '/ahead/clock', { days: 0 })).json.clock.days_ahead, 0);
    assert.match(await sim.page('ahead', 'page'), /lic=expired/);
  });

  test('tokens carry the real time whatever the calendar says', async () => {
    await installed('real');
    await sim.api('PUT', '/real/clock', { days: 400 });
    const token = new URL(await sim.page('real', 'page')).searchParams.get('jwt');
    const { iat } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.ok(Math.abs(iat - Date.now() / 1000) < 30);
  });

  test('the script goes on by itself, a licence that is set ends it', async () => {
    const site = await installed('script');
    let { status, json } = await sim.api('POST', '/script/script', { seconds: 3600 });
    assert.equal(status, 200);
    assert.deepEqual([json.license.state, json.clock.script.phase, json.clock.script.days, json.clock.script.seconds], ['evaluation', 'evaluation', 60, 3600]);
    json = (await sim.api('PUT', '/script/license', { state: 'active', type: 'ACADEMIC' })).json;
    assert.deepEqual([json.clock.script, json.license.state, json.license.type], [null, 'active', 'ACADEMIC']);
    assert.equal((await license(site)).licenseType, 'ACADEMIC');
    await sim.api('POST', '/script/script', { seconds: 1 });
    await until('the script is over', async () => (await site.show()).clock.script === null);
    json = await site.show();
    assert.deepEqual([json.license.state, json.clock.days_ahead], ['active', 60]);
    const told = await license(site);
    assert.equal(told.valid, true);
    assert.ok(Math.abs((told.expiryDate - Date.now()) / DAY - 358) < 1, 'bought on day 53, for a year');
    await sim.api('POST', '/script/script');
    assert.equal((await sim.api('DELETE', '/script/script')).json.clock.script, null);
  });

  test('what is no calendar', async () => {
    for (const [method, what, body] of [['PUT', 'clock', {}], ['PUT', 'clock', { days: -1 }], ['PUT', 'clock', { days: 1e9 }], ['PUT', 'clock', { days: 'x' }],
      ['POST', 'script', { seconds: 0 }], ['POST', 'script', { seconds: 'long' }], ['PUT', 'license', { state: 'active', type: 'GOLD' }]]) {
      assert.equal((await sim.api(method, `/real/${what}`, body)).status, 400, JSON.stringify(body));
    }
    assert.equal((await sim.api('PUT', '/real/clock', { days: 1 }, { origin: 'https://evil.example' })).status, 403);
    assert.equal((await sim.api('POST', '/nobody/script')).status, 404);
  });
});

describe('people', () => {
  test('each account has its own rights', async () => {
    const site = await installed('people');
    const check = async (accountId) => (await ask(site, 'POST', '/rest/api/3/permissions/check', { accountId, globalPermissions: ['ADMINISTER'] })).json.globalPermissions.length === 1;
    const { accounts, user } = await site.show();
    assert.deepEqual([accounts.length, accounts[0].account_id, accounts[0].admin, user.admin], [3, user.account_id, true, true]);
    const json = (await sim.api('PUT', '/people/user', { account_id: 'someone', admin: false })).json;
    assert.deepEqual([json.user, json.accounts.length], [{ account_id: 'someone', admin: false }, 4]);
    assert.deepEqual([await check(user.account_id), await check('someone'), await check('nobody')], [true, false, false]);
    await sim.api('PUT', '/people/user', { admin: true });
    assert.equal(await check('someone'), true);
  });

  test('a webhook the descriptor asks for: signed, with an identifier that stays when it is repeated', async () => {
    const site = await installed('hooked');
    const { status, json } = await sim.api('POST', '/hooked/webhook', { event: 'user_deleted', account_id: 'leaver' });
    assert.deepEqual([status, json.status], [200, 204]);
    const call = app.calls.at(-1);
    assert.equal(call.target, '/hooks/gone?who=');
    assert.equal(call.headers['x-atlassian-webhook-identifier'], json.identifier);
    const claims = jwt.decodeSymmetric(call.headers.authorization.slice(4), site.secret, 'HS256');
    assert.deepEqual([claims.iss, claims.qsh], [(await sim.site('hooked')).client_key, qshOf('POST', '/hooks/gone?who=')]);
    assert.deepEqual([call.body.webhookEvent, call.body.user.accountId, call.body.user.active], ['user_deleted', 'leaver', false]);
    await sim.api('POST', '/hooked/webhook', { event: 'user_deleted', account_id: 'leaver', identifier: json.identifier });
    assert.equal(app.calls.at(-1).headers['x-atlassian-webhook-identifier'], json.identifier);
    app.status = 503;
    assert.deepEqual((await sim.api('POST', '/hooked/webhook', { event: 'jira:issue_updated' })).status, 502);
    app.status = 204;
    const entry = (await sim.log('hooked')).at(-1);
    assert.deepEqual([entry.verdict, entry.status, entry.token.header.alg], ['refused', 503, 'HS256']);
  });

  test('what it does not ask for happens and is not sent', async () => {
    const site = await installed('unasked');
    const before = app.calls.length;
    const { status, json } = await sim.api('POST', '/unasked/webhook', { event: 'user_created', account_id: 'new', name: 'New <b>one</b>' });
    assert.deepEqual([status, json.status], [200, 0]);
    assert.match(json.note, /no such webhook/);
    assert.ok((await site.show()).accounts.some((a) => a.account_id === 'new' && a.name === 'New <b>one</b>'));
    await sim.act('unasked', 'disable');
    assert.match((await sim.api('POST', '/unasked/webhook', { event: 'user_deleted', account_id: 'new' })).json.note, /not enabled/);
    assert.equal(app.calls.length, before);
    for (const body of [{}, { event: '' }, { event: 7 }, { event: 'x', account_id: 'y'.repeat(129) }, { event: 'x', identifier: 'z'.repeat(99) }]) {
      assert.equal((await sim.api('POST', '/unasked/webhook', body)).status, 400, JSON.stringify(body).slice(0, 60));
    }
  });

  test('personal data: deleted accounts are closed, changed ones updated', async () => {
    const site = await installed('report');
    const report = (accounts) => ask(site, 'POST', '/rest/atlassian-connect/latest/report-accounts', { accounts });
    await sim.api('POST', '/report/webhook', { event: 'user_created', account_id: 'stays' });
    await sim.api('POST', '/report/webhook', { event: 'user_deleted', account_id: 'leaves' });
    const later = new Date(Date.now() + 60000).toISOString();
    assert.equal((await report([{ accountId: 'stays', updatedAt: later }, { accountId: 'unheard', updatedAt: later }])).status, 204);
    const { status, json } = await report([{ accountId: 'stays', updatedAt: '2020-01-01T00:00:00.000Z' }, { accountId: 'leaves', updatedAt: later }]);
    assert.equal(status, 200);
    assert.deepEqual(json.accounts, [{ accountId: 'stays', status: 'updated' }, { accountId: 'leaves', status: 'closed' }]);
    assert.equal((await report([{ accountId: 7 }])).status, 400);
  });
});

describe('AP.request and its resources', () => {
  test('as the user of the page; the app with its own token gets the same', async () => {
    const site = await installed('rest');
    await sim.api('PUT', '/rest/user', { account_id: 'reader', admin: false });
    const bridge = async (url, method) => (await sim.api('POST', '/rest/request', { url, method })).json;
    assert.equal((await bridge('/rest/api/3/myself')).body.accountId, 'reader');
    assert.equal((await bridge('/rest/api/3/mypermissions?permissions=ADMINISTER')).body.permissions.ADMINISTER.havePermission, false);
    assert.deepEqual([(await bridge('/rest/api/3/issue/DEMO-1')).body.key, (await bridge('/rest/api/2/project/DEMO')).body.key], ['DEMO-1', 'DEMO']);
    assert.deepEqual([(await bridge('/rest/api/3/none')).status, (await bridge('/rest/api/3/myself', 'DELETE')).status], [404, 404]);
    assert.deepEqual((await bridge('/rest/api/3/user/bulk?maxResults=3&accountId=reader&accountId=none&accountId=reader')).body.values.map((u) => u.displayName), ['reader', 'reader']);
    assert.equal((await ask(site, 'GET', '/rest/api/3/user?accountId=reader')).json.displayName, 'reader');
    assert.equal((await ask(site, 'GET', '/rest/api/3/myself')).json.accountType, 'app');
    assert.equal((await request(sim.url, { target: '/sites/rest/rest/api/3/myself' })).status, 401);
    await sim.api('PUT', '/rest/fault', { kind: 'error' });
    assert.equal((await bridge('/rest/api/3/myself')).status, 503);
    for (const body of [{}, { url: 'https://evil.example/' }, { url: '/rest', method: 'STEAL' }]) assert.equal((await sim.api('POST', '/rest/request', body)).status, 400);
  });
});

describe('the log', () => {
  test('verdicts both ways, and what came after an entry', async () => {
    const site = await installed('seen');
    await license(site);
    await ask({ ...site, secret: 'x'.repeat(64) }, 'GET', '/rest/atlassian-connect/latest/license');
    await sim.page('seen', 'page');
    const { entries, last } = (await sim.api('GET', '/seen/log')).json;
    assert.deepEqual(entries.map((e) => [e.direction, e.verdict]), [['out', 'accepted'], ['in', 'token_good'], ['in', 'token_refused'], ['out', 'given']]);
    assert.deepEqual(entries.map((e) => e.seq), [1, 2, 3, 4]);
    assert.equal(last, 4);
    assert.deepEqual((await sim.api('GET', '/seen/log?after=3')).json.entries.map((e) => e.seq), [4]);
    assert.deepEqual((await sim.api('GET', '/seen/log?after=4')).json.entries, []);
    assert.equal((await sim.api('GET', '/seen/log?after=x')).status, 400);
  });
});

describe('the page', () => {
  test('runs its own script and style alone, and frames its app alone', async () => {
    await installed('policy');
    const { headers, text } = await request(sim.url, { target: '/sites/policy' });
    const policy = headers['content-security-policy'];
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", `frame-src ${app.url};`, "frame-ancestors 'none'", "base-uri 'none'"]) assert.ok(policy.includes(part), part);
    assert.doesNotMatch(policy, /unsafe/);
    assert.doesNotMatch(text, /<script>|<style|style=|\son\w+=/);
    assert.match((await request(sim.url, { target: '/' })).headers['content-security-policy'], /frame-src 'none'/);
    for (const name of text.match(/\/sim\/assets\/[\w.]+/g)) assert.equal((await request(sim.url, { target: name })).status, 200, name);
  });

  test('a hostile descriptor: refused, or cut to what it may say', async () => {
    const refuse = ['https://a;script-src', "https://'unsafe-inline'", 'https://u:p@x', 'https://*', 'http://', 'javascript:alert(1)', 'data:text/html,x'];
    for (const [i, baseUrl] of refuse.entries()) {
      const evil = await startApp({ baseUrl });
      assert.equal((await sim.create(`evil-${i}`, `${evil.url}/descriptor`)).status, 502, baseUrl);
      await evil.stop();
    }
    const script = '<img src=x onerror=alert(1)>';
    const evil = await startApp({ name: { value: script }, lifecycle: 'no', enableLicensing: 'yes', modules: {
      generalPages: [{ key: script, url: '/x', name: script }, { key: 'away', url: 'https://evil.example/', name: { value: 'Away' } }, { key: 'js', url: '//evil.example', name: 7 }, null, 7,
        ...Array.from({ length: 2000 }, (_, i) => ({ key: `k${i}`, url: '/x', name: { value: 'n'.repeat(300) } }))],
      webPanels: 'none', adminPages: { key: [], url: {} }, webhooks: { event: 'x' } } });
    assert.equal((await sim.create('hostile', `${evil.url}/descriptor`)).status, 201);
    const { json, headers } = await sim.api('GET', '/hostile');
    assert.match(headers['content-type'], /^application\/json/);
    assert.deepEqual([json.app.name, json.app.licensing, json.app.webhooks], [KEY, false, []]);
    assert.equal(json.app.modules.length, 200);
    assert.ok(json.app.modules.every((m) => m.name.length <= 200));
    assert.deepEqual(json.app.modules.slice(0, 3).map((m) => [m.key, m.opens]), [[script, true], ['away', false], ['js', false]]);
    await sim.act('hostile', 'install');
    assert.equal((await sim.api('GET', '/hostile/page?module=away')).status, 404);
    assert.equal((await sim.api('GET', `/hostile/page?module=${encodeURIComponent(script)}`)).status, 200);
    await evil.stop();
    const huge = await startApp({ description: 'x'.repeat(2 * 1024 * 1024) });
    assert.equal((await sim.create('huge', `${huge.url}/descriptor`)).status, 502);
    await huge.stop();
  });
});

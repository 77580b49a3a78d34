// deliveries.test.mjs - outgoing events as a receiver sees them: npm standardwebhooks checks every one. Filters, order, rotation,
// replay, receivers that misbehave, and the operator's view of it all.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { Atlassian, active } from './lib/atlassian.mjs';
import { Licgate, until } from './lib/licgate.mjs';
import { Receiver, newSecret } from './lib/receiver.mjs';

let world, app, receiver, first;
const settingsSecret = newSecret();
before(async () => {
  world = await Atlassian.start();
  first = await Receiver.start();
  first.secret = settingsSecret;
  app = await Licgate.start({ env: { ...world.env, LICGATE_EVENTS_URL: first.url, LICGATE_EVENTS_SECRET: settingsSecret } });
});
after(async () => {
  await app.stop();
  await first.stop();
  await receiver?.stop();
  await world.stop();
});
beforeEach(async () => {
  await receiver?.stop();
  receiver = await Receiver.start();
});

/** A new endpoint at `receiver`, whose secret the receiver checks with. */
async function endpoint(types) {
  const { status, json } = await app.admin('endpoints', { method: 'POST', body: { url: receiver.url, ...(types ? { types } : {}) } });
  assert.equal(status, 201, JSON.stringify(json));
  receiver.secret = json.secret;
  return json;
}
const remove = async ({ id }) => assert.equal((await app.admin(`endpoints/${id}`, { method: 'DELETE' })).status, 204);
const deliveries = async (query) => (await app.admin(`deliveries?limit=500&${query}`)).json.deliveries;
const deliveryOf = (id) => async (status) => (await deliveries(`endpoint=${id}`)).find((d) => d.status === status);
const shown = async (id) => (await app.admin('endpoints')).json.endpoints.find((e) => e.id === id);
const toggle = async (site, event) => assert.equal((await site.post(app, `/${event}`, site.installBody(event))).status, 204);
let sites = 0;
async function installed() {
  const site = world.site(`d-${++sites}`, active());
  assert.equal((await site.install(app)).status, 204);
  return site;
}

test('the first endpoint is that of the settings: every event of the journal, signed, in the journal\'s own words', async () => {
  const site = await installed();
  await until('it arrives', () => first.got.some((g) => g.body.includes(site.clientKey)));
  const got = first.got.find((g) => g.body.includes(site.clientKey));
  const event = (await app.events(`&tenant=${site.clientKey}`)).find((e) => e.type === 'tenant.installed');
  assert.deepEqual(got.verified, [true]);
  assert.equal(got.method, 'POST');
  assert.equal(got.id, event.data.id);
  assert.ok(!got.id.includes('.'));
  const { seq, ...told } = event;
  assert.deepEqual(JSON.parse(got.body), told);
  assert.match(got.headers['user-agent'], /^licgate\//);
  assert.match(got.headers['content-type'], /^application\/json/);
  assert.ok(Math.abs(Number(got.headers['webhook-timestamp']) - Date.now() / 1000) < 60);
  const row = await until('it is noted', async () => (await deliveries('status=delivered')).find((d) => d.event === got.id));
  assert.deepEqual([row.endpoint, row.status, row.attempts, row.last_status, row.type, row.tenant], ['ep_settings', 'delivered', 1, 204, 'tenant.installed', site.clientKey]);
  assert.ok(Number.isInteger(row.duration_ms) && row.duration_ms >= 0 && row.next_attempt_at === null && seq === row.seq);
});

test('an endpoint gets the types it asked for, from its creation on', async () => {
  const site = await installed();
  const made = await endpoint(['tenant.disabled', 'tenant.enabled']);
  assert.match(made.id, /^ep_[a-z0-9]{20}$/);
  assert.match(made.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  await toggle(site, 'enabled');
  await installed();
  await toggle(site, 'disabled');
  await until('both arrive', () => receiver.got.length === 2);
  assert.deepEqual(receiver.got.map((g) => [g.event.type, g.verified[0]]), [['tenant.enabled', true], ['tenant.disabled', true]]);
  const all = await app.admin('endpoints');
  assert.ok(!all.text.includes(made.secret) && !all.text.includes('whsec'));
  assert.deepEqual((await shown(made.id)).types, ['tenant.disabled', 'tenant.enabled']);
  await remove(made);
  await toggle(site, 'enabled');
  await until('the first has it', () => first.of('tenant.enabled').length >= 2);
  assert.equal(receiver.got.length, 2);
  assert.equal((await app.admin(`endpoints/${made.id}`, { method: 'DELETE' })).status, 404);
});

test('a test event goes to the endpoint that is tested, and to no other', async () => {
  const made = await endpoint(['purchase.created']);
  const before = first.got.length;
  const { status, json } = await app.admin(`endpoints/${made.id}/test`, { method: 'POST' });
  assert.equal(status, 202);
  await until('it arrives', () => receiver.got.length === 1);
  const [got] = receiver.got;
  assert.deepEqual([got.id, got.event.type, got.event.data.endpoint, got.event.data.tenant], [json.event, 'webhook.test', made.id, null]);
  assert.ok((await app.events('&type=webhook.test')).some((e) => e.data.id === json.event));
  assert.equal(first.got.slice(before).length, 0);
  await remove(made);
});

test('rotation: a new secret is shown once, both sign, each alone is enough', async () => {
  const made = await endpoint(['tenant.installed']);
  const { status, json } = await app.admin(`endpoints/${made.id}/rotate`, { method: 'POST' });
  assert.equal(status, 200);
  assert.notEqual(json.secret, made.secret);
  receiver.secret = [made.secret, json.secret];
  await installed();
  await until('it arrives', () => receiver.got.length === 1);
  assert.deepEqual(receiver.got[0].verified, [true, true]);
  assert.equal(receiver.got[0].signatures.length, 2);
  const row = await shown(made.id);
  assert.ok(Math.abs(Date.parse(row.previous_secret_until) - Date.now() - 86400000) < 60000);
  assert.throws(() => new Webhook(newSecret()).verify(receiver.got[0].body, receiver.got[0].headers));
  assert.throws(() => new Webhook(json.secret).verify(`${receiver.got[0].body} `, receiver.got[0].headers));
  await remove(made);
});

test('replay: one delivery, and a range of the journal that began before the endpoint', async () => {
  const site = await installed();
  const [earlier] = (await app.events(`&tenant=${site.clientKey}`)).filter((e) => e.type === 'tenant.installed');
  const made = await endpoint(['tenant.installed', 'tenant.enabled']);
  await toggle(site, 'enabled');
  await until('it arrives', () => receiver.got.length === 1);
  const row = await until('it is noted', () => deliveryOf(made.id)('delivered'));
  assert.equal((await app.admin(`deliveries/${row.id}/replay`, { method: 'POST' })).status, 202);
  await until('it arrives again', () => receiver.got.length === 2);
  assert.deepEqual([receiver.got[1].id, receiver.got[1].body], [receiver.got[0].id, receiver.got[0].body]);
  await until('it is noted again', () => deliveryOf(made.id)('delivered'));

  const { status, json } = await app.admin(`endpoints/${made.id}/replay`, { method: 'POST', body: { after: earlier.seq - 1 } });
  assert.deepEqual([status, json], [202, { queued: 2 }]);
  await until('both arrive', () => receiver.got.length === 4);
  assert.deepEqual(receiver.got.slice(2).map((g) => [g.event.type, g.verified[0]]), [['tenant.installed', true], ['tenant.enabled', true]]);
  assert.equal(receiver.got[2].id, earlier.data.id);
  await remove(made);
});

test('order holds within a tenant while tenants go side by side, fifty at most', async () => {
  const many = await Promise.all(Array.from({ length: 60 }, () => installed()));
  const made = await endpoint(['tenant.enabled', 'tenant.disabled']);
  const waiting = [];
  receiver.answer = (got, res) => waiting.push(res);
  await Promise.all(many.map(async (site) => {
    for (const event of ['enabled', 'disabled', 'enabled']) await toggle(site, event);
  }));
  await until('fifty are under way', () => receiver.open === 50);
  receiver.answer = (got, res) => { setImmediate(() => res.writeHead(200).end('ok')); return true; };
  for (const res of waiting) res.writeHead(200).end('ok');
  await until('all arrived', () => receiver.got.length === 180);
  assert.equal(receiver.mostOpen, 50);
  for (const site of many) {
    const own = receiver.got.filter((g) => g.body.includes(site.clientKey)).map((g) => g.event.type);
    assert.deepEqual(own, ['tenant.enabled', 'tenant.disabled', 'tenant.enabled']);
  }
  assert.equal(new Set(receiver.got.map((g) => g.id)).size, 180);
  await remove(made);
});

test('receivers that fail: the same words again after five seconds; the rest of the tenant\'s events do not wait', async () => {
  const site = await installed();
  const made = await endpoint(['tenant.enabled', 'tenant.disabled', 'user.added', 'user.removed', 'tenant.upgraded']);
  const elsewhere = await Receiver.start();
  receiver.keepAlive = false; // else curl tries a reset one again at once, on a fresh connection
  const ways = [
    ['500', (res) => res.writeHead(500).end('<html>'), [500, 'status']],
    ['a redirect', (res) => res.writeHead(307, { location: elsewhere.url }).end(), [307, 'redirect']],
    ['a reset', (res, req) => req.socket.resetAndDestroy(), [null, 'connection']],
    ['no HTTP', (res, req) => req.socket.end('SSH-2.0-x\r\n'), [null, 'connection']],
  ];
  for (const [what, way, [status, error]] of ways) {
    receiver.got.length = 0;
    receiver.answer = (got, res, req) => { if (receiver.got.length > 1) return false; way(res, req); return true; };
    await toggle(site, 'enabled');
    await until(`${what}: tried`, () => receiver.got.length === 1);
    const row = await until(`${what}: noted`, async () => (await deliveries(`endpoint=${made.id}&status=pending`)).find((d) => d.attempts === 1));
    assert.deepEqual([row.last_status, row.last_error], [status, error], what);
    const due = Date.parse(row.next_attempt_at) - Date.parse(row.last_attempt_at);
    assert.ok(due >= 5000 && due <= 5500, `${what}: ${due}`);
    await toggle(site, 'disabled');
    await until(`${what}: the next one arrives meanwhile`, () => receiver.got.length === 2);
    await until(`${what}: again`, () => receiver.got.length === 3);
    assert.deepEqual(receiver.got.map((g) => g.event.type), ['tenant.enabled', 'tenant.disabled', 'tenant.enabled'], what);
    assert.deepEqual([receiver.got[2].id, receiver.got[2].body, receiver.got[2].verified], [receiver.got[0].id, receiver.got[0].body, [true]], what);
    await until(`${what}: nothing waits`, async () => (await deliveries(`endpoint=${made.id}&status=pending`)).length === 0);
    const { json } = await app.admin(`deliveries/${row.id}`); // each attempt is kept, the latest first
    assert.deepEqual([json.delivery.status, json.delivery.attempts, json.delivery.event], ['delivered', 2, receiver.got[0].id]);
    assert.deepEqual(json.attempts.map((a) => [a.number, a.status, a.error]), [[2, 204, null], [1, status, error]], what);
    assert.ok(json.attempts.every((a) => Number.isInteger(a.duration_ms) && a.duration_ms >= 0) && Date.parse(json.attempts[0].at) - Date.parse(json.attempts[1].at) >= 5000);
  }
  assert.equal(elsewhere.got.length, 0, 'redirects are not followed');
  await elsewhere.stop();
  await remove(made);
});

test('how long a receiver took is told of the delivery and of each attempt', async () => {
  const site = await installed();
  const made = await endpoint(['tenant.enabled']);
  receiver.answer = (got, res) => { setTimeout(() => res.writeHead(204).end(), 310); return true; };
  await toggle(site, 'enabled');
  const row = await until('noted', () => deliveryOf(made.id)('delivered'));
  const { json } = await app.admin(`deliveries/${row.id}`);
  assert.equal(json.attempts.length, 1);
  for (const { duration_ms: took } of [row, json.delivery, json.attempts[0]]) {
    assert.equal(typeof took, 'number');
    assert.ok(took >= 300 && took <= Date.now() - receiver.got[0].at + 1000, `${took} ms`);
  }
  await remove(made);
});

test('a huge answer of one that took it is not waited for', async () => {
  const site = await installed();
  const made = await endpoint(['tenant.enabled']);
  let sent = 0;
  receiver.answer = (got, res) => {
    res.writeHead(200, { 'content-type': 'text/plain' });
    const more = () => { while (!res.destroyed && res.write(Buffer.alloc(65536, 120))) sent += 65536; };
    res.on('drain', more);
    more();
    return true;
  };
  await toggle(site, 'enabled');
  const row = await until('noted', () => deliveryOf(made.id)('delivered'));
  assert.deepEqual([row.attempts, row.last_status], [1, 200]);
  assert.ok(sent < 64 * 1024 * 1024);
  await remove(made);
});

test('429 with Retry-After holds the endpoint up for as long', async () => {
  const site = await installed();
  const made = await endpoint(['tenant.enabled', 'tenant.disabled']);
  receiver.answer = (got, res) => { if (receiver.got.length > 1) return false; res.writeHead(429, { 'retry-after': '7' }).end(); return true; };
  await toggle(site, 'enabled');
  await until('tried', () => receiver.got.length === 1);
  await until('noted', async () => (await deliveries(`endpoint=${made.id}`)).some((d) => d.last_status === 429));
  assert.ok(Date.parse((await shown(made.id)).held_until) - receiver.got[0].at >= 6900);
  await toggle(site, 'disabled');
  await until('both arrive', () => receiver.got.length === 3, 15000);
  for (const got of receiver.got.slice(1)) assert.ok(got.at - receiver.got[0].at >= 6900, `${got.at - receiver.got[0].at}`);
  await remove(made);
});

test('410 disables: nothing more is sent until it is enabled again', async () => {
  const site = await installed();
  const made = await endpoint(['tenant.enabled', 'tenant.disabled']);
  receiver.answer = (got, res) => { res.writeHead(410).end(); return true; };
  await toggle(site, 'enabled');
  const row = await until('disabled', async () => { const e = await shown(made.id); return e.disabled && e; });
  assert.equal(row.disabled_reason, 'gone');
  assert.deepEqual((await deliveries(`endpoint=${made.id}`)).map((d) => [d.status, d.last_status]), [['dead', 410]]);
  await toggle(site, 'disabled');
  receiver.answer = null;
  assert.equal((await app.admin(`endpoints/${made.id}/enable`, { method: 'POST' })).status, 204);
  assert.equal((await shown(made.id)).disabled, false);
  assert.equal((await app.admin(`endpoints/${made.id}/replay`, { method: 'POST', body: { after: row.disabled_after } })).json.queued, 1);
  await until('what it missed arrives', () => receiver.got.length === 2);
  assert.equal(receiver.got[1].event.type, 'tenant.disabled');
  await remove(made);
});

test('the backlog is in the metrics, the lists also as CSV and in pages', async () => {
  const many = await Promise.all(Array.from({ length: 5 }, () => installed()));
  const made = await endpoint(['tenant.enabled']);
  const waiting = [];
  receiver.answer = (got, res) => waiting.push(res);
  await Promise.all(many.map((site) => toggle(site, 'enabled')));
  await until('five wait', () => waiting.length === 5);
  await until('the first has its own', async () => (await deliveries('endpoint=ep_settings&status=pending')).length === 0);
  assert.equal(await app.metric('licgate_deliveries', { status: 'pending' }), 5);
  assert.equal(await app.metric('licgate_deliveries_in_flight'), 5);
  assert.equal((await shown(made.id)).pending, 5);
  const pages = [];
  for (let cursor = ''; cursor !== undefined;) {
    const { json } = await app.admin(`deliveries?status=pending&limit=2${cursor && `&cursor=${cursor}`}`);
    pages.push(json.deliveries.map((d) => d.id));
    cursor = json.next;
  }
  assert.deepEqual(pages.map((p) => p.length), [2, 2, 1]);
  assert.equal(new Set(pages.flat()).size, 5);
  const csv = await app.admin('deliveries?status=pending', { headers: { accept: 'text/csv' } });
  assert.match(csv.headers['content-type'], /^text\/csv/);
  const lines = csv.text.trim().split('\r\n');
  assert.match(lines[0], /^id,event,seq,type,tenant,endpoint,status,attempts,last_status/);
  assert.equal(lines.length, 6);
  const [{ tenant }] = await deliveries('status=pending');
  assert.deepEqual((await deliveries(`tenant=${tenant}&status=pending`)).map((d) => [d.tenant, d.type, d.endpoint]), [[tenant, 'tenant.enabled', made.id]]);
  assert.deepEqual((await deliveries(`tenant=${tenant}`)).map((d) => d.type).sort(), ['tenant.enabled', 'tenant.enabled', 'tenant.installed']);
  assert.deepEqual(await deliveries(`tenant=${tenant}&type=user.added`), []);
  assert.equal((await deliveries('type=tenant.enabled&status=pending')).length, 5);
  assert.match((await app.admin('endpoints?format=csv')).text, /^id,url,types,source,disabled/);
  const delivered = await app.metric('licgate_delivery_attempts_total', { result: 'delivered' });
  for (const res of waiting) res.writeHead(200).end();
  await until('none waits', async () => (await app.metric('licgate_deliveries', { status: 'pending' })) === 0);
  assert.equal(await app.metric('licgate_delivery_attempts_total', { result: 'delivered' }), delivered + 5);
  await remove(made);
});

test('what an administrator may not say', async () => {
  const post = (path, body) => app.admin(path, { method: 'POST', body });
  const bad = [{}, [], 'x', null, { url: 7 }, { url: '' }, { url: 'ftp://a/b' }, { url: 'https://u:p@a/' }, { url: 'https://a/#b' }, { url: 'https://a\u0000b/' },
    { url: `https://a/${'x'.repeat(3000)}` }, { url: receiver.url, types: 'tenant.enabled' }, { url: receiver.url, types: [] }, { url: receiver.url, types: ['tenant.x'] },
    { url: receiver.url, types: ['tenant.enabled\u0000'] }, { url: receiver.url, types: [7] }, { url: receiver.url, types: Array(100).fill('tenant.enabled') },
    { url: receiver.url, type: ['tenant.enabled'] }, { url: receiver.url, secret: newSecret() }];
  for (const body of bad) assert.equal((await post('endpoints', body)).status, 400, JSON.stringify(body)?.slice(0, 80));
  assert.equal((await app.admin('endpoints')).json.endpoints.length, 1);
  for (const id of ['ep_nobody', 'a%2fb', 'x'.repeat(200), "'%20OR%201=1"]) {
    for (const what of ['rotate', 'test', 'enable']) assert.equal((await post(`endpoints/${id}/${what}`)).status, 404, `${id} ${what}`);
    assert.equal((await post(`endpoints/${id}/replay`, { after: 0 })).status, 404, id);
    assert.equal((await app.admin(`endpoints/${id}`, { method: 'DELETE' })).status, 404, id);
  }
  for (const body of [{}, { after: -1 }, { after: '1' }, { after: 1.5 }, { after: 1, until: 2 }, []]) assert.equal((await post('endpoints/ep_settings/replay', body)).status, 400, JSON.stringify(body));
  for (const id of ['0', '-1', 'x', '1e3', '99999999', '99999999999999999999']) {
    assert.equal((await post(`deliveries/${id}/replay`)).status, 404, id);
    assert.equal((await app.admin(`deliveries/${id}`)).status, 404, id);
  }
  for (const [text, wrong] of [['{"url":"https://a/","url":"https://b/"}', 'the body has a member twice'], ['{"url":"https://a\\u0000/"}', 'the body has a \\u0000'], ['', 'a body is needed: a JSON object']]) {
    const { status, json } = await app.admin('endpoints', { method: 'POST', text });
    assert.deepEqual([status, json.detail], [400, wrong]);
  }
  // the words say what is wrong and what to do
  const words = async (answer, status, code, detail) => { const { status: s, json, headers } = await answer; assert.deepEqual([s, json.code, json.detail, headers['content-type']], [status, code, detail, 'application/problem+json']); };
  for (const what of ['rotate', 'test', 'enable']) await words(post(`endpoints/ep_nobody/${what}`), 404, 'no_such_endpoint', 'no endpoint has this id');
  await words(post('endpoints/ep_nobody/replay', { after: 0 }), 404, 'no_such_endpoint', 'no endpoint has this id');
  await words(app.admin('endpoints/ep_nobody', { method: 'DELETE' }), 404, 'no_such_endpoint', 'no endpoint has this id');
  await words(post('deliveries/99999999/replay'), 404, 'no_such_delivery', 'no delivery has this id');
  await words(post('endpoints', { url: receiver.url, types: ['tenant.enabled', 'purchase.made'] }), 400, 'bad_request', 'types: "purchase.made" is no event type; GET endpoints names them in "event_types"');
  await words(post('endpoints', { url: receiver.url, types: ['x'.repeat(500)] }), 400, 'bad_request', 'types: one of them is no event type; GET endpoints names them in "event_types"');
  for (const list of ['deliveries', 'events']) await words(app.admin(`${list}?type=purchase.made`), 400, 'bad_request', 'type: no type of event; GET endpoints names them in "event_types"');
  await words(app.admin('deliveries?cursor=x'), 400, 'bad_request', 'cursor: not one of ours; take it from "next" of the page before');
  await words(app.admin('events?after=x'), 400, 'bad_request', 'after: the seq of an event, or 0');
  assert.equal((await app.admin('endpoints', { token: 'no' })).headers['www-authenticate'], 'Bearer');
  const tooLong = await app.admin('endpoints', { method: 'POST', text: 'x'.repeat(70000) });
  assert.deepEqual([tooLong.status, tooLong.json.code, tooLong.json.detail], [413, 'too_large', 'a body of at most 65536 bytes is taken here']);
  for (const query of ['status=x', 'status=', 'cursor=x', 'cursor=-1', 'limit=0', 'limit=501', 'status=dead&status=dead', 'type=x', 'type=tenant', 'endpoint=a&endpoint=b']) {
    assert.equal((await app.admin(`deliveries?${query}`)).status, query === 'status=' ? 200 : 400, query);
  }
  assert.equal((await app.admin('endpoints/ep_settings', { method: 'DELETE' })).status, 409);
  for (const path of ['endpoints', 'deliveries']) assert.equal((await app.admin(path, { token: null })).status, 401);
  for (let i = 0; i < 49; i++) assert.equal((await post('endpoints', { url: receiver.url, types: ['webhook.test'] })).status, 201);
  assert.equal((await post('endpoints', { url: receiver.url })).status, 409);
  for (const e of (await app.admin('endpoints')).json.endpoints) if (e.source === 'admin') await remove(e);
  const log = JSON.stringify(app.log);
  for (const secret of [settingsSecret, settingsSecret.slice(6)]) assert.ok(!log.includes(secret));
  assert.ok(!log.includes('whsec'));
});

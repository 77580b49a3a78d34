// segment-queue.test.mjs - what is acknowledged is kept, and passed on: kill -9 under batches, a Segment that misbehaves, too much at once.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Licgate, run, until } from './lib/licgate.mjs';
import { FakeSegment, SECRET, WRITE_KEY, counts, funnel, mpac, track, webhook } from './lib/segment.mjs';

const ENV = { LICGATE_SEGMENT_SECRET: SECRET, LICGATE_SEGMENT_WRITE_KEY: WRITE_KEY };
const sql = (dir, text) => execFileSync('sqlite3', [path.join(dir, 'licgate.db'), text]).toString().trim();
const batchOf = (name, n) => ({ batch: Array.from({ length: n }, (_, i) => ({ type: 'page', anonymousId: `${name}-${i}`, messageId: `${name}-${i}` })) });

test('kill -9 under batches, again and again: every acknowledged event is kept and passed on', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-segment-'));
  const fake = await FakeSegment.start();
  const acknowledged = [];
  let stuck = true;
  fake.fault = (call, res) => stuck && (res.writeHead(503).end(), true);
  for (let round = 0; round < 4; round++) {
    const app = await Licgate.start({ env: { ...ENV, ...fake.env }, dir });
    let going = true, next = 0;
    const client = async () => {
      while (going) {
        const name = `r${round}-${next++}`;
        try {
          if ((await track(app, 'batch', batchOf(name, 50))).status === 200) acknowledged.push(name);
        } catch { return; }
      }
    };
    const enough = acknowledged.length + 15;
    const clients = Array.from({ length: 4 }, client);
    await until('batches are acknowledged', () => acknowledged.length >= enough);
    await app.kill();
    going = false;
    await Promise.all(clients);
  }
  assert.equal(sql(dir, 'PRAGMA integrity_check'), 'ok');
  const app = await Licgate.start({ env: { ...ENV, ...fake.env }, dir });
  stuck = false;
  for (const name of [acknowledged[0], acknowledged.at(-1)]) // a client that had lost the answer sends again
    assert.equal((await track(app, 'batch', batchOf(name, 50))).status, 200);
  await until('all is passed on', () => new Set(fake.events.map((e) => e.messageId)).size >= acknowledged.length * 50, 60000);
  const got = new Set(fake.events.map((e) => e.messageId));
  for (const name of acknowledged) for (let i = 0; i < 50; i++) assert.ok(got.has(`${name}-${i}`), `${name}-${i}`);
  assert.ok(counts(await funnel(app)).visit >= acknowledged.length * 50);
  await until('the queue is empty', async () => sql(dir, 'SELECT count(*) FROM segment_queue') === '0');
  await app.stop();
  await fake.stop();
  rmSync(dir, { recursive: true });
});

describe('passing on', () => {
  let fake, app;
  before(async () => { fake = await FakeSegment.start(); });
  beforeEach(() => { Object.assign(fake, { calls: [], events: [], fault: null }); });
  after(() => fake.stop());
  const start = async () => { app = await Licgate.start({ env: { ...ENV, ...fake.env } }); };

  test('as it came, in order, with what a batch needs and without our key', async () => {
    await start();
    await track(app, 'page', { anonymousId: 'a', writeKey: WRITE_KEY, sentAt: '2026-01-01T00:00:00Z', properties: { n: 1.5, deep: [{ x: null }], text: 'ä\u2028"' } });
    await track(app, 'batch', { writeKey: WRITE_KEY, batch: [{ type: 'track', userId: 'u', event: 'Bought', messageId: 'm-1', timestamp: '2026-03-02T10:00:00.000Z', writeKey: WRITE_KEY }, { type: 'alias', userId: 'u', previousId: 'a' }] });
    await until('passed on', () => fake.events.length === 3);
    const [page, bought, alias] = fake.events;
    assert.deepEqual(page, { anonymousId: 'a', type: 'page', properties: { n: 1.5, deep: [{ x: null }], text: 'ä\u2028"' }, messageId: page.messageId, timestamp: page.timestamp });
    assert.ok(page.messageId.length > 10 && Math.abs(Date.parse(page.timestamp) - Date.now()) < 60000);
    assert.deepEqual(bought, { type: 'track', userId: 'u', event: 'Bought', messageId: 'm-1', timestamp: '2026-03-02T10:00:00.000Z' });
    assert.equal(alias.type, 'alias');
    const [call] = fake.calls;
    assert.deepEqual([call.method, call.path, call.authorization], ['POST', '/v1/batch', `Basic ${Buffer.from('key-of-the-real-source:').toString('base64')}`]);
    assert.ok(call.body.sentAt);
    await app.stop();
  });

  test('what a batch says of all its events goes with each, which may say otherwise', async () => {
    await start();
    const context = { campaign: { name: 'of-the-batch' }, library: { name: 'vendor' } }, integrations = { Mixpanel: false };
    const page = { type: 'page', anonymousId: 'a', messageId: 'm-1' };
    const answer = await track(app, 'batch', { batch: [page, { ...page, anonymousId: 'b', messageId: 'm-2', context: { campaign: { name: 'own' } } },
      { ...page, messageId: 'm-3', context: 'odd' }], context, integrations });
    assert.equal(answer.status, 200);
    await until('passed on', () => fake.events.length === 3);
    assert.deepEqual(fake.events.map((e) => [e.context, e.integrations]),
      [[context, integrations], [{ ...context, campaign: { name: 'own' } }, integrations], ['odd', integrations]]);
    const { json } = await app.admin('funnel');
    assert.deepEqual(json.by_campaign.map((c) => c.campaign).sort(), ['of-the-batch', 'own']);
    const large = { pad: 'x'.repeat(30000) };
    const many = Array.from({ length: 400 }, (_, i) => ({ ...page, messageId: `n-${i}` }));
    assert.equal((await track(app, 'batch', { batch: many, context: large })).status, 400);
    assert.equal((await track(app, 'batch', { batch: [page], context: { pad: 'x'.repeat(33000) } })).status, 400);
    assert.equal((await track(app, 'batch', { batch: many.slice(0, 200), context: large })).status, 200);
    await app.stop();
  });

  test('what came signed from Segment does not go back to it', async () => {
    await start();
    await webhook(app, mpac('MPAC Install event', { userId: 'h' }));
    await webhook(app, { type: 'page', anonymousId: 'x', messageId: 'from-segment' });
    await track(app, 'page', { anonymousId: 'x', messageId: 'own' });
    await until('passed on', () => fake.events.length > 0);
    assert.deepEqual(fake.events.map((e) => e.messageId), ['own']);
    await app.stop();
  });

  test('within the limits of a batch', async () => {
    let held = true;
    fake.fault = (call, res) => held && (res.writeHead(500).end(), true);
    await start();
    for (let i = 0; i < 4; i++) await track(app, 'batch', batchOf(`many-${i}`, 1200));
    for (let i = 0; i < 3; i++) await track(app, 'batch', { batch: Array.from({ length: 15 }, (_, k) => ({ type: 'page', anonymousId: 'a', messageId: `big-${i}-${k}`, x: 'y'.repeat(32000) })) });
    held = false;
    await until('all passed on', () => new Set(fake.events.map((e) => e.messageId)).size === 4845, 30000);
    for (const call of fake.calls) assert.ok(call.bytes <= 500 * 1024 && call.body.batch.length <= 2500, `${call.bytes} ${call.body.batch.length}`);
    await app.stop();
  });

  test('429 with Retry-After is heeded, 5xx and silence backed off; the same ids again', async () => {
    const faults = [(res) => res.writeHead(429, { 'retry-after': '2' }).end(), (res) => res.writeHead(502).end('<html>'), (res) => res.destroy()];
    fake.fault = (call, res) => { const f = faults.shift(); f?.(res); return Boolean(f); };
    await start();
    await track(app, 'page', { anonymousId: 'a', messageId: 'm-again' });
    await until('passed on', () => fake.events.length === 1, 30000);
    assert.deepEqual(fake.calls.map((c) => c.body.batch[0].messageId), Array(4).fill('m-again'));
    assert.ok(fake.calls[1].at - fake.calls[0].at >= 1950, `waited ${fake.calls[1].at - fake.calls[0].at} ms of 2 s`);
    assert.ok(fake.calls[2].at - fake.calls[1].at >= 1900, 'doubled');
    // curl itself asks again where a kept connection was closed before an answer.
    assert.ok(await app.metric('licgate_segment_forward_failures_total') >= 2);
    await app.stop();
  });

  test('one event that is refused does not hold up the rest', async () => {
    let held = true;
    fake.fault = (call, res) => {
      if (held) { res.writeHead(503, { 'retry-after': '1' }).end(); return true; }
      if (!call.body.batch.some((e) => e.messageId === 'poison-7')) return false;
      res.writeHead(400).end('{"success":false}');
      return true;
    };
    await start();
    await track(app, 'batch', batchOf('poison', 12));
    held = false;
    await until('the rest is passed on', () => new Set(fake.events.map((e) => e.messageId)).size === 11, 30000);
    assert.ok(!fake.events.some((e) => e.messageId === 'poison-7'));
    assert.equal(await app.metric('licgate_segment_not_forwarded_total', { reason: 'refused' }), 1);
    await track(app, 'page', { anonymousId: 'a', messageId: 'after' });
    await until('goes on', () => fake.events.some((e) => e.messageId === 'after'));
    await app.stop();
  });

  test('a wrong key loses nothing', async () => {
    let wrong = true;
    fake.fault = (call, res) => wrong && (res.writeHead(401).end(), true);
    await start();
    await track(app, 'batch', batchOf('kept', 3));
    await until('refused', () => fake.calls.length === 1);
    await app.stop({ keep: true });
    wrong = false;
    const again = await Licgate.start({ env: { ...ENV, ...fake.env }, dir: app.dir });
    await until('passed on after a restart', () => fake.events.length === 3);
    await again.stop();
    rmSync(app.dir, { recursive: true });
  });

  test('stops while the other side is silent', async () => {
    fake.fault = () => true; // never answers
    await start();
    await track(app, 'page', { anonymousId: 'a' });
    await until('asked', () => fake.calls.length === 1);
    await app.stop();
  });

  test('neither its key nor an event is in the log', async () => {
    fake.fault = (call, res) => (res.writeHead(400).end(), true);
    await start();
    await track(app, 'page', { anonymousId: 'planted-visitor' });
    await until('dropped', () => app.metric('licgate_segment_not_forwarded_total', { reason: 'refused' }));
    for (const text of ['key-of-the-real-source', Buffer.from('key-of-the-real-source:').toString('base64'), 'planted-visitor']) assert.ok(!app.stderr.includes(text));
    await app.stop();
  });

  test('settings that do not fit', async () => {
    const check = async (env) => { const { code, stderr, stdout } = await run(['check'], { env }); return [code, stderr + stdout]; };
    const [code, text] = await check({ ...ENV, LICGATE_SEGMENT_WRITE_KEY: undefined, LICGATE_SEGMENT_FORWARD: 'k' });
    assert.equal(code, 1, text);
    assert.match(text, /LICGATE_SEGMENT_WRITE_KEY/);
    const [other, why] = await check({ ...ENV, LICGATE_SEGMENT_FORWARD: 'k', LICGATE_SEGMENT_URL: 'http://segment.example', LICGATE_ALLOW_INSECURE_HOSTS: '0' });
    assert.equal(other, 1, why);
    assert.match(why, /LICGATE_SEGMENT_URL/);
  });
});

test('too much at once: 429 with Retry-After, and taken later; a redirect does not wait for it', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'licgate-listings-'));
  writeFileSync(path.join(folder, 'listings.json'), '{"board":{"url":"https://marketplace.atlassian.com/apps/1"}}');
  const app = await Licgate.start({ env: { ...ENV, LICGATE_LISTINGS: path.join(folder, 'listings.json') } });
  const locker = spawn('sqlite3', [path.join(app.dir, 'licgate.db')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = new Promise((resolve) => locker.stdout.once('data', resolve));
  locker.stdin.write("BEGIN EXCLUSIVE;\nSELECT 'locked';\n");
  await said;
  const began = Date.now();
  assert.equal((await app.request({ target: '/go/board' })).status, 302);
  const took = Date.now() - began; // the database would be waited for five seconds
  assert.ok(took >= 250 && took < 3000, `the redirect took ${took} ms`);
  const waiting = Array.from({ length: 20 }, (_, i) => track(app, 'batch', batchOf(`wave-${i}`, 2500)));
  const limited = await until('some are limited', async () => {
    const answer = await track(app, 'batch', batchOf('late', 2500));
    return answer.status === 429 && answer;
  });
  assert.ok(Number(limited.headers['retry-after']) >= 1);
  assert.equal(limited.headers['access-control-allow-origin'], '*');
  locker.stdin.end('COMMIT;\n');
  const statuses = (await Promise.all(waiting)).map((a) => a.status);
  assert.ok(statuses.every((s) => [200, 429, 503].includes(s)), String(statuses));
  await until('taken later', async () => (await track(app, 'batch', batchOf('late', 2500))).status === 200);
  await until('the click is recorded after all', async () => await app.metric('licgate_segment_clicks_total', { result: 'recorded' }) === 1);
  await app.stop();
  rmSync(folder, { recursive: true });
});

// segment.test.mjs - the Segment door's ways in: signed webhook, tracking API, link to the listing; and the way on to a real source.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, project, request, run, until } from './lib/licgate.mjs';
import { FakeSegment, PLUGIN, SECRET, WRITE_KEY, mpac, sign, track, userEvent, webhook } from './lib/segment.mjs';

const LISTING = 'https://marketplace.atlassian.com/apps/1212/board?hosting=cloud&tab=overview';
const folder = mkdtempSync(path.join(tmpdir(), 'licgate-listings-'));
const listings = path.join(folder, 'listings.json');
writeFileSync(listings, JSON.stringify({ board: { url: LISTING, plugin_key: PLUGIN }, plain: { url: 'https://marketplace.atlassian.com/apps/7' } }));
after(() => rmSync(folder, { recursive: true }));

const ENV = { LICGATE_SEGMENT_SECRET: SECRET, LICGATE_SEGMENT_WRITE_KEY: WRITE_KEY, LICGATE_LISTINGS: listings };
const sql = (dir, text) => execFileSync('sqlite3', [path.join(dir, 'licgate.db'), text]).toString().trim();
const steps = (app) => sql(app.dir, 'SELECT step, count(*) FROM segment_steps GROUP BY step').split('\n').filter(Boolean)
  .reduce((all, line) => ({ ...all, [line.split('|')[0]]: Number(line.split('|')[1]) }), {});
const [VISIT, VIEW, CLICK, REQUEST, INSTALL] = ['1', '2', '3', '4', '5'];

let app;
before(async () => { app = await Licgate.start({ env: ENV }); });
after(() => app.stop());
const fresh = (result) => app.metric('licgate_segment_events_total', { result });

describe('webhook', () => {
  test('the three events of the Marketplace, once each', async () => {
    const events = [userEvent('viewed'), userEvent('clicked', 'Start Free Trial'), userEvent('clicked', 'Reviews'), mpac('MPAC App request event', { userId: 'h' }), mpac('MPAC Install event', { userId: 'h' })];
    for (const event of [...events, ...events]) assert.deepEqual((await webhook(app, event)).json, { success: true });
    assert.deepEqual(steps(app), { [VIEW]: 1, [CLICK]: 1, [REQUEST]: 1, [INSTALL]: 1 });
    assert.equal(await fresh('new'), 5);
    assert.equal(await fresh('duplicate'), 5);
  });

  test('the signature of the documentation', async () => {
    const other = await Licgate.start({ env: { ...ENV, LICGATE_SEGMENT_SECRET: 'abc123' } });
    // Believed, and then found to be no event.
    assert.equal((await webhook(other, '{"cool":true}', { signature: '5099cab379b3be52908387457007040cc934ef86' })).status, 422);
    await other.stop();
  });

  test('published vectors: what must be refused is', async () => {
    const { tests } = JSON.parse(readFileSync(path.join(project, 'tests/vectors/webhook-hmac.json'), 'utf8'));
    const vectors = tests.filter((t) => t.id.startsWith('seg-') && t.id !== 'seg-nul'); // a NUL does not get through Node's client: wire.test.mjs
    const other = await Licgate.start({ env: { ...ENV, LICGATE_SEGMENT_SECRET: Buffer.from(vectors[0].key_hex, 'hex').toString() } });
    for (const vector of vectors) {
      const body = Buffer.from(vector.body_hex, 'hex');
      const headers = vector.value === null ? {} : { 'x-signature': vector.value };
      const answer = await request(other.url, { method: 'POST', target: '/segment/webhook', body, headers: { 'content-type': 'application/json', ...headers } });
      assert.equal(answer.status, vector.expect === 'accept' ? 422 : 401, `${vector.id}: ${answer.text}`);
    }
    await other.stop();
  });

  const event = JSON.stringify(mpac('MPAC Install event', { userId: 'h2' }));
  const attacks = {
    'no signature': { signature: null },
    truncated: { signature: sign(event).slice(0, 39) },
    'one digit altered': { signature: sign(event).replace(/.$/, (c) => (c === '0' ? '1' : '0')) },
    'SHA-256 instead': { signature: sign(event, SECRET, 'sha256') },
    'SHA-256 cut to the length': { signature: sign(event, SECRET, 'sha256').slice(0, 40) },
    'upper case': { signature: sign(event).toUpperCase() },
    'a prefix as GitHub has it': { signature: `sha1=${sign(event)}` },
    'another secret': { secret: 'other' },
    'of another body': { signature: sign(`${event} `) },
  };
  for (const [name, options] of Object.entries(attacks)) {
    test(`refused: ${name}`, async () => {
      const before_ = steps(app);
      const answer = await webhook(app, event, options);
      assert.equal(answer.status, 401, answer.text);
      assert.equal(answer.json.code, 'unauthorized');
      assert.deepEqual(steps(app), before_);
    });
  }

  test('a replay is taken and counts nothing', async () => {
    const one = JSON.stringify(mpac('MPAC Install event', { userId: 'replayed', messageId: undefined }));
    assert.equal((await webhook(app, one)).status, 200);
    const before_ = [steps(app), await fresh('new')];
    assert.equal((await webhook(app, one)).status, 200, 'without a messageId too');
    assert.deepEqual([steps(app), await fresh('new')], before_);
  });

  const bodies = {
    'a batch as an array': [JSON.stringify([mpac('MPAC Install event')]), 400],
    'a batch as an object': [JSON.stringify({ batch: [mpac('MPAC Install event')] }), 400],
    'no event': ['{"cool":true}', 422],
    'not JSON': ['hello', 422],
    empty: ['', 422],
    'a type that is none': [JSON.stringify({ ...mpac('x'), type: 'delete' }), 422],
    'a track without its event': [JSON.stringify(mpac('x', { event: undefined, userId: 'u' })), 422],
    'names doubled': ['{"type":"track","type":"track","event":"a","userId":"u"}', 422],
    'a NUL': ['{"type":"track","event":"a","userId":"u\0"}', 422],
    'an escaped NUL': ['{"type":"track","event":"a","userId":"u\\u0000"}', 422],
    'too deep': [`${'{"type":"track","event":"a","userId":"u","p":'}${'['.repeat(4000)}${']'.repeat(4000)}}`, 422],
    'over 32 KB': [JSON.stringify(mpac('MPAC Install event', { userId: 'x'.repeat(33000) })), 422],
  };
  for (const [name, [body, status]] of Object.entries(bodies)) {
    test(`signed, but ${name}: ${status}`, async () => {
      const before_ = await fresh('new');
      const answer = await webhook(app, body);
      assert.equal(answer.status, status, answer.text);
      assert.equal(await fresh('new'), before_);
    });
  }

  test('off without a secret', async () => {
    const other = await Licgate.start({ env: { LICGATE_SEGMENT_SECRET: undefined } });
    assert.equal((await webhook(other, mpac('MPAC Install event'), { secret: 'x' })).status, 404);
    assert.equal((await webhook(other, mpac('MPAC Install event'), { signature: sign('', 'x') })).status, 404);
    assert.equal((await track(other, 'page', { anonymousId: 'a' })).status, 404);
    assert.equal((await other.request({ target: '/go/board' })).status, 404);
    await other.stop();
  });
});

describe('tracking API', () => {
  for (const name of ['track', 'identify', 'page', 'screen', 'group', 'alias', 't', 'i', 'p', 's', 'g', 'a']) {
    test(name, async () => {
      const answer = await track(app, name, { anonymousId: `by-${name}`, event: 'Signed Up', previousId: 'before' });
      assert.deepEqual([answer.status, answer.json], [200, { success: true }]);
    });
  }

  for (const name of ['batch', 'import', 'b']) {
    test(name, async () => {
      const before_ = await fresh('new');
      const batch = ['track', 'identify', 'page', 'screen', 'group', 'alias'].map((type) => ({ type, userId: 'u-1', event: 'Bought', messageId: `${name}-${type}` }));
      for (let i = 0; i < 2; i++) assert.equal((await track(app, name, { batch })).status, 200);
      assert.equal(await fresh('new') - before_, 6);
    });
  }

  test('duplicates are dropped by messageId, within a batch too', async () => {
    const before_ = await fresh('new');
    const one = { type: 'page', anonymousId: 'twice', messageId: 'm-twice' };
    await track(app, 'batch', { batch: [one, one, { ...one, anonymousId: 'other' }] });
    await track(app, 'page', one);
    assert.equal(await fresh('new') - before_, 1);
  });

  test('the write key in the body', async () => {
    assert.equal((await track(app, 'page', { anonymousId: 'a', writeKey: WRITE_KEY }, { key: null })).status, 200);
    assert.equal((await track(app, 'batch', { batch: [{ type: 'page', anonymousId: 'a' }], writeKey: WRITE_KEY }, { key: null })).status, 200);
    assert.equal((await track(app, 'page', { anonymousId: 'a', writeKey: WRITE_KEY }, { key: null, headers: { 'content-type': 'text/plain' } })).status, 200, 'as browsers send it');
  });

  const page = { anonymousId: 'a' };
  const basic = (text) => ({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` }, key: null });
  const keys = {
    none: [page, { key: null }], wrong: [page, { key: 'wrong' }], 'other case': [page, { key: WRITE_KEY.toLowerCase() }], 'a prefix': [page, { key: WRITE_KEY.slice(0, -1) }],
    empty: [page, { key: '' }], 'with a password': [page, basic(`${WRITE_KEY}:x`)], 'without the colon': [page, basic(WRITE_KEY)], 'not base64': [page, { key: null, headers: { authorization: `Basic ${WRITE_KEY}:` } }],
    'as a bearer': [page, { key: null, headers: { authorization: `Bearer ${WRITE_KEY}` } }], 'wrong in the body': [{ ...page, writeKey: 'wrong' }, { key: null }],
    'right in the header, wrong in the body': [{ ...page, writeKey: 'wrong' }, {}], 'in an event of the batch alone': [{ ...page, batch: [{ ...page, type: 'page', writeKey: WRITE_KEY }] }, { key: null }, 'batch'],
  };
  for (const [name, [body, options, route = 'page']] of Object.entries(keys)) {
    test(`write key ${name}: 401`, async () => {
      const before_ = await fresh('new');
      const answer = await track(app, route, body, options);
      assert.deepEqual([answer.status, answer.json?.code], [401, 'unauthorized'], answer.text);
      assert.equal(await fresh('new'), before_);
    });
  }

  const sized = (bytes) => { // a page call of exactly that many bytes
    const empty = JSON.stringify({ anonymousId: 'a', type: 'page', x: '' }).length;
    return { anonymousId: 'a', type: 'page', x: 'x'.repeat(bytes - empty) };
  };
  const full = (bytes) => { // a batch of exactly that many bytes
    const batch = Array.from({ length: 20 }, (_, i) => sized(20000 + (i === 0 ? 0 : 5000)));
    const rest = bytes - JSON.stringify({ batch, x: '' }).length;
    return { batch, x: 'x'.repeat(rest) };
  };
  const wrong = {
    'not JSON': ['page', 'hello'], 'an array': ['page', '[]'], empty: ['page', ''], 'doubled names': ['page', '{"anonymousId":"a","anonymousId":"b"}'],
    'a NUL': ['page', '{"anonymousId":"a\0"}'], 'an escaped NUL': ['page', '{"anonymousId":"\\u0000"}'], 'not UTF-8': ['page', Buffer.from('{"anonymousId":"\xff"}', 'latin1')],
    'nobody': ['page', {}], 'nobody but null': ['page', { userId: null, anonymousId: null }], 'an empty id': ['page', { userId: '' }], 'a number as id': ['page', { userId: 7 }],
    'a track without event': ['track', page], 'an event that is a number': ['track', { ...page, event: 1 }], 'a messageId of 100': ['page', { ...page, messageId: 'm'.repeat(100) }],
    'a messageId that is none': ['page', { ...page, messageId: {} }], 'over 32 KB': ['page', sized(32769)], 'no batch': ['batch', page], 'a batch that is an object': ['batch', { batch: {} }],
    'a batch with a text': ['batch', { batch: ['a'] }], 'a batch without type': ['batch', { batch: [page] }], 'a batch of another type': ['batch', { batch: [{ ...page, type: 'batch' }] }],
    'the last of a batch wrong': ['batch', { batch: [...Array.from({ length: 9 }, () => ({ ...page, type: 'page' })), { type: 'page' }] }],
    '2,501 events': ['batch', { batch: Array.from({ length: 2501 }, () => ({ ...page, type: 'page' })) }], 'over 500 KB': ['batch', full(512001)],
    'an event of the batch over 32 KB': ['batch', { a: { b: ['}', '\\"]'] }, batch: [{ ...page, type: 'page' }, sized(32769)], c: 1 }],
  };
  for (const [name, [route, body]] of Object.entries(wrong)) {
    test(`${name}: 400, and nothing of it is kept`, async () => {
      const before_ = await fresh('new');
      const answer = await track(app, route, body);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(await fresh('new'), before_);
    });
  }

  test('as large as it may be', async () => {
    assert.equal((await track(app, 'page', sized(32768))).status, 200);
    assert.equal((await track(app, 'batch', full(512000))).status, 200);
    assert.equal((await track(app, 'batch', { x: ['{'], batch: [sized(32768), sized(32768)] })).status, 200);
    assert.equal((await track(app, 'batch', { batch: Array.from({ length: 2500 }, () => ({ ...page, type: 'page' })) })).status, 200);
    assert.equal((await track(app, 'batch', { batch: [] })).status, 200);
    assert.equal((await track(app, 'page', { ...page, messageId: 'é'.repeat(99) })).status, 200);
  });

  test('huge is cut off', async () => {
    assert.equal((await track(app, 'batch', `{"a":"${'x'.repeat(1_030_000)}"}`)).status, 413);
  });

  test('a key that everybody can read tells nothing of the Marketplace', async () => {
    const before_ = steps(app);
    for (const name of ['MPAC Install event', 'MPAC User event', 'MPAC App request event']) await track(app, 'track', mpac(name, { userId: 'forged' }));
    assert.deepEqual(steps(app), before_);
  });

  test('a browser of another origin may ask, and post', async () => {
    const asked = await app.request({ method: 'OPTIONS', target: '/segment/v1/p', headers: { origin: 'https://vendor.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } });
    assert.deepEqual([asked.status, asked.headers['access-control-allow-origin'], asked.headers['access-control-allow-methods']], [204, '*', 'POST']);
    assert.equal(asked.headers['access-control-allow-credentials'], undefined);
    assert.equal((await track(app, 'p', page)).headers['access-control-allow-origin'], '*');
    assert.equal((await track(app, 'p', {})).headers['access-control-allow-origin'], '*');
  });

  test('other names and methods', async () => {
    assert.equal((await track(app, 'delete', page)).status, 404);
    assert.equal((await track(app, 'Track', page)).status, 404);
    assert.equal((await app.request({ target: '/segment/v1/page' })).status, 405);
  });

  test('ids and keys are nowhere to be read', async () => {
    await track(app, 'page', { anonymousId: 'planted-visitor', userId: 'planted@person.example', context: { campaign: { name: 'spring' } } });
    await webhook(app, mpac('MPAC Install event', { userId: 'planted-hash' }));
    await app.request({ target: '/go/board?aid=planted-click&utm_campaign=x' });
    await until('in the log', () => app.log.some((e) => e.event === 'http.request' && e.path?.startsWith('/go/')));
    const all = app.stderr + sql(app.dir, '.dump') + (await request(app.adminUrl, { target: '/metrics' })).text;
    for (const text of ['planted-visitor', 'planted@person', 'planted-hash', 'planted-click', SECRET, WRITE_KEY]) assert.ok(!all.includes(text), text);
    assert.ok(all.includes('spring'));
  });
});

// funnel.test.mjs - from the link on the vendor's site to the paying customer: what is joined, what is kept apart, by campaign and week.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, run, until } from './lib/licgate.mjs';
import { Atlassian, active, evaluation } from './lib/atlassian.mjs';
import { Forge, paid, trial } from './lib/forge.mjs';
import { PLUGIN, SECRET, WRITE_KEY, counts, funnel, mpac, track, userEvent, webhook } from './lib/segment.mjs';

const LISTING = 'https://marketplace.atlassian.com/apps/1212/board?hosting=cloud&tab=overview';
const folder = mkdtempSync(path.join(tmpdir(), 'licgate-funnel-'));
const listings = path.join(folder, 'listings.json');
writeFileSync(listings, JSON.stringify({ board: { url: LISTING, plugin_key: PLUGIN }, plain: { url: 'https://marketplace.atlassian.com/apps/7', plugin_key: PLUGIN },
  utm: { url: 'https://marketplace.atlassian.com/apps/7?utm_source=docs' } }));
after(() => rmSync(folder, { recursive: true }));
const ENV = { LICGATE_SEGMENT_SECRET: SECRET, LICGATE_SEGMENT_WRITE_KEY: WRITE_KEY, LICGATE_LISTINGS: listings };
const none = { visit: 0, listing_view: 0, cta_click: 0, request: 0, install: 0, tenant: 0, evaluation: 0, paid: 0 };
const go = (app, rest = '', options = {}) => app.request({ target: `/go/board${rest}`, ...options });
const idOf = (answer) => new URL(answer.headers.location).searchParams.get('partner_anonymous_id');
const on = (day, hour = 10) => ({ timestamp: `${day}T${String(hour).padStart(2, '0')}:00:00.000Z`, originalTimestamp: undefined });

async function server(env = {}) {
  const app = await Licgate.start({ env: { ...ENV, ...env } });
  return app;
}

describe('GET /go/LISTING', () => {
  let app;
  before(async () => { app = await server(); });
  after(() => app.stop());

  test('keeps the query of the listing, passes utm_* on, adds an id of this click', async () => {
    const answer = await go(app, '?utm_campaign=spring%20sale&utm_source=mail&other=1&hosting=server');
    assert.equal(answer.status, 302);
    assert.match(answer.headers.location, /^https:\/\/marketplace\.atlassian\.com\/apps\/1212\/board\?hosting=cloud&tab=overview&utm_campaign=spring%20sale&utm_source=mail&partner_anonymous_id=[a-z0-9]{32}$/);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['set-cookie'], undefined, 'no consent, no cookie');
    assert.notEqual(idOf(await go(app)), idOf(answer));
    const plain = await app.request({ target: '/go/plain?utm_medium=x' });
    assert.match(plain.headers.location, /^https:\/\/marketplace\.atlassian\.com\/apps\/7\?utm_medium=x&partner_anonymous_id=/);
    assert.match((await app.request({ target: '/go/utm?utm_source=mine' })).headers.location, /^[^?]*\?utm_source=docs&partner_anonymous_id=/, 'the listing’s own query is kept');
  });

  test('the site’s own id, if it is one', async () => {
    assert.equal(idOf(await go(app, '?aid=6f1c-A_b.9')), '6f1c-A_b.9');
    for (const aid of ['', 'a%20b', 'a%0d%0aSet-Cookie:x=1', '%3Cscript%3E', 'a%26b=c', 'x'.repeat(101), '%ff', 'a/b', 'a&aid=b', 'a%3Bb'])
      assert.match(idOf(await go(app, `?aid=${aid}`)), /^[a-z0-9]{32}$/, aid);
  });

  const hostile = ['?url=https://evil.example', '?utm_campaign=%0d%0aLocation:%20https://evil.example', '?utm_campaign=%26partner_anonymous_id%3Devil', '?utm_x=@evil.example', '?utm_campaign=a%23b',
    '?utm_source=a&utm_source=b', '?UTM_SOURCE=a', '?utm_=a', '?utm_%0d%0a=a', `?utm_campaign=${'x'.repeat(5000)}`, '?next=//evil.example', '?utm_campaign=%ff%fe', '?partner_anonymous_id=evil'];
  for (const query of hostile) {
    test(`no way elsewhere: ${query.slice(0, 60)}`, async () => {
      const answer = await go(app, query);
      assert.equal(answer.status, 302);
      const url = new URL(answer.headers.location);
      assert.equal(url.origin + url.pathname, 'https://marketplace.atlassian.com/apps/1212/board');
      assert.deepEqual(url.searchParams.getAll('partner_anonymous_id').length, 1);
      assert.match(idOf(answer), /^[a-z0-9]{32}$/);
      assert.ok(url.searchParams.getAll('utm_source').length <= 1 && url.hash === '');
      assert.ok(answer.headers.location.length < 1000);
    });
  }

  test('nothing else is redirected to', async () => {
    for (const target of ['/go/', '/go/other', '/go/Board', '/go/board/', '/go/https:%2f%2fevil.example', '/go//evil.example', '/go/board%2f..'])
      assert.equal((await app.request({ target })).status, 404, target);
    assert.equal((await go(app, '', { method: 'POST' })).status, 405);
  });

  test('a look without a visit', async () => {
    const before_ = counts(await funnel(app)).visit;
    assert.equal((await go(app, '', { method: 'HEAD' })).status, 302);
    assert.equal((await go(app, '', { headers: { 'sec-purpose': 'prefetch;prerender' } })).status, 302);
    assert.equal(counts(await funnel(app)).visit, before_);
    await go(app);
    assert.equal(counts(await funnel(app)).visit, before_ + 1);
  });

  test('with consent the id stays, in a cookie no script reads', async () => {
    const other = await server({ LICGATE_CONSENT: '1', LICGATE_PSEUDONYM_DAYS: '30', LICGATE_BASE_URL: 'https://app.example.test/base' });
    const first = await go(other);
    const [cookie] = first.headers['set-cookie'];
    assert.equal(cookie, `licgate_aid=${idOf(first)}; Path=/base/go/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax`);
    const again = await go(other, '', { headers: { cookie: `a=b; licgate_aid=${idOf(first)}` } });
    assert.equal(idOf(again), idOf(first));
    assert.equal(again.headers['set-cookie'], undefined);
    const own = await go(other, '?aid=own', { headers: { cookie: `licgate_aid=${idOf(first)}` } });
    assert.equal(idOf(own), 'own');
    assert.match(own.headers['set-cookie'][0], /^licgate_aid=own;/);
    assert.match(idOf(await go(other, '', { headers: { cookie: 'licgate_aid=<script>' } })), /^[a-z0-9]{32}$/);
    assert.equal(counts(await funnel(other)).visit, 3);
    assert.notEqual(idOf(await go(app, '', { headers: { cookie: `licgate_aid=${idOf(first)}` } })), idOf(first), 'without consent no cookie is read');
    await other.stop();
  });
});

describe('listings file', () => {
  const cases = {
    'another host': [{ a: { url: 'https://evil.example/apps/1' } }, 'a.url'],
    'http': [{ a: { url: 'http://marketplace.atlassian.com/apps/1' } }, 'a.url'],
    'a host that looks alike': [{ a: { url: 'https://marketplace.atlassian.com.evil.example/' } }, 'a.url'],
    'a user in the address': [{ a: { url: 'https://marketplace.atlassian.com@evil.example/' } }, 'a.url'],
    'a line break': [{ a: { url: 'https://marketplace.atlassian.com/\r\nx' } }, 'a.url'],
    'a fragment': [{ a: { url: 'https://marketplace.atlassian.com/a#b' } }, 'a.url'],
    'an id already': [{ a: { url: 'https://marketplace.atlassian.com/a?partner_anonymous_id=1' } }, 'a.url'],
    'no url': [{ a: { plugin_key: 'x' } }, 'a.url'], 'a number as url': [{ a: { url: 1 } }, 'a.url'], 'an unknown member': [{ a: { url: LISTING, uri: LISTING } }, 'a.uri'],
    'a name no route takes': [{ 'a b': { url: LISTING } }, 'a b'], 'not an object': [{ a: LISTING }, ': a'], 'an array': [[], 'the file'],
  };
  for (const [name, [content, place]] of Object.entries(cases)) {
    test(`${name}: check says where`, async () => {
      const file = path.join(folder, 'wrong.json');
      writeFileSync(file, JSON.stringify(content));
      const { code, stderr, stdout } = await run(['check'], { env: { LICGATE_LISTINGS: file, LICGATE_ALLOW_INSECURE_HOSTS: '0' } });
      assert.equal(code, 1);
      assert.ok((stderr + stdout).includes(`wrong.json: ${place.replace(/^: /, '')}`), stderr + stdout);
    });
  }

  test('a file that is not there', async () => {
    const { code, stderr, stdout } = await run(['check'], { env: { LICGATE_LISTINGS: path.join(folder, 'none.json') } });
    assert.equal(code, 1);
    assert.match(stderr + stdout, /LICGATE_LISTINGS/);
  });
});

describe('the funnel', () => {
  let app, world;
  before(async () => {
    world = await Atlassian.start();
    app = await server(world.env);
  });
  after(async () => {
    await app.stop();
    await world.stop();
  });

  test('empty, all names in order', async () => {
    const f = await funnel(app);
    assert.deepEqual(f.steps.map((s) => s.name), Object.keys(none));
    assert.deepEqual(counts(f), none);
    assert.deepEqual(counts(f.unattributed), none);
    assert.deepEqual(f.by_campaign, []);
  });

  test('one buyer all the way, joined by link, hashed user, app and time', async () => {
    const id = idOf(await go(app, '?utm_campaign=spring&utm_source=mail'));
    const by = { partnerAnonymousId: id };
    await webhook(app, userEvent('viewed', undefined, by));
    await webhook(app, userEvent('clicked', 'Reviews', by));
    await webhook(app, userEvent('clicked', 'Start Free Trial', { ...by, userId: 'hash-1' }, { userId: 'hash-1' }));
    await webhook(app, mpac('MPAC App request event', { userId: 'hash-1' }));
    await webhook(app, mpac('MPAC Install event', { userId: 'hash-1' }));
    const site = world.site('buyer', evaluation());
    await site.install(app);
    await site.apiLicense(app);
    await until('evaluation is known', async () => (await app.events('&type=license.changed')).some((e) => e.data.to === 'evaluation'));
    let f = await funnel(app);
    assert.deepEqual(counts(f), { ...none, visit: 1, listing_view: 1, cta_click: 1, request: 1, install: 1, tenant: 1, evaluation: 1 });
    site.license = active();
    await app.admin(`tenants/${site.clientKey}/refresh`, { method: 'POST' });
    await until('paid', async () => (await app.events('&type=license.changed')).some((e) => e.data.to === 'active'));
    f = await funnel(app);
    const all = Object.fromEntries(Object.keys(none).map((k) => [k, 1]));
    assert.deepEqual(counts(f), all);
    assert.deepEqual(counts(f.unattributed), none);
    assert.deepEqual(f.by_campaign.map((c) => [c.campaign, counts(c)]), [['spring', all]]);
    assert.deepEqual(f.steps[4], { name: 'install', count: 1, after: 'cta_click', rate: 1, median_days: f.steps[4].median_days });
    assert.ok(f.steps[7].median_days >= 0 && f.steps[7].median_days < 1);
    assert.equal(f.steps[0].rate, undefined);
  });

  test('who came without a link is kept apart', async () => {
    await webhook(app, userEvent('viewed', undefined, {}, { userId: 'hash-2' }));
    await webhook(app, mpac('MPAC Install event', { userId: 'hash-2' }));
    await webhook(app, userEvent('viewed', undefined, { partnerAnonymousId: 'nobody-visited-with-this' }));
    await webhook(app, userEvent('viewed', undefined, { anonymousId: 'mp-1' }));
    await webhook(app, userEvent('viewed', undefined, { anonymousId: 'mp-1' }));
    const f = await funnel(app);
    assert.deepEqual(counts(f.unattributed), { ...none, listing_view: 3, install: 1 });
    assert.equal(f.unattributed.listing_view, 3);
    assert.equal(counts(f).listing_view, 4);
    assert.deepEqual(f.by_campaign.map((c) => c.campaign), ['spring']);
  });

  test('a tenant that comes before its install is told of, too', async () => {
    const other = await server(world.env);
    await world.site('early', evaluation()).install(other);
    const id = idOf(await go(other));
    await webhook(other, userEvent('viewed', undefined, { partnerAnonymousId: id, userId: 'early' }));
    await webhook(other, mpac('MPAC Install event', { userId: 'early' }));
    const f = await funnel(other);
    assert.equal(counts(f).tenant, 1);
    assert.equal(f.unattributed.tenant, 0);
    await other.stop();
  });

  test('two installs, then two tenants: none is guessed; of another app neither', async () => {
    const other = await server(world.env);
    for (const [n, pluginKey] of [['a', PLUGIN], ['b', PLUGIN], ['c', 'com.example.other']]) {
      const id = idOf(await go(other, `?utm_campaign=${n}`));
      await webhook(other, userEvent('viewed', undefined, { partnerAnonymousId: id }, { userId: `twin-${n}` }));
      await webhook(other, mpac('MPAC Install event', { userId: `twin-${n}`, properties: { pluginKey } }));
    }
    for (const n of ['a', 'b']) await world.site(`twin-${n}`, evaluation()).install(other);
    const f = await funnel(other);
    assert.deepEqual([counts(f).install, counts(f).tenant, f.unattributed.install, f.unattributed.tenant], [3, 2, 0, 2]);
    await other.stop();
  });
});

describe('one customer under two keys', () => {
  let world, forge, app;
  before(async () => {
    world = await Atlassian.start();
    forge = await Forge.start();
    app = await server({ ...world.env, ...forge.env });
    await track(app, 'page', { anonymousId: 'buyer', context: { campaign: { name: 'spring' } } });
    await webhook(app, userEvent('clicked', 'Try it free', { partnerAnonymousId: 'buyer' }, { userId: 'hash' }));
    await webhook(app, mpac('MPAC Install event', { userId: 'hash' }));
  });
  after(async () => {
    await app.stop();
    await world.stop();
    await forge.stop();
  });
  const changed = (tenant, to) => until(`${tenant} ${to}`, async () => (await app.events('&type=license.changed')).some((e) => e.data.tenant === tenant && e.data.to === to), 5000);
  const one = { ...none, visit: 1, cta_click: 1, install: 1, tenant: 1, evaluation: 1, paid: 1 };

  test('Forge first, then Connect, then the site is imported', async () => {
    const installation = forge.installation({ license: trial() });
    await installation.ask(app);
    await changed(installation.tenant, 'evaluation');
    const site = world.site('moved', evaluation());
    await site.install(app, { body: { installationId: installation.id } });
    installation.license = paid();
    await installation.ask(app);
    await changed(site.clientKey, 'active');
    let f = await funnel(app);
    assert.deepEqual([counts(f), counts(f.unattributed)], [one, none]);

    Object.assign(site, { clientKey: randomUUID(), secret: 'secret-of-the-imported-site-0123456789', license: active() });
    await site.install(app);
    await site.apiLicense(app);
    assert.ok((await app.events('&type=tenant.imported')).some((e) => e.data.tenant === site.clientKey));
    f = await funnel(app);
    assert.deepEqual([counts(f), counts(f.unattributed)], [one, none]);
  });
});

test('days, weeks and campaigns; visits before the time asked for still lead', async () => {
  const app = await server();
  const page = (anonymousId, day, campaign, hour = 10) => track(app, 'page', { anonymousId, timestamp: on(day, hour).timestamp, ...(campaign ? { context: { campaign: { name: campaign } } } : {}) });
  await page('v1', '2026-03-01', 'late', 12);
  await page('v1', '2026-03-01', 'early', 9); // arrives later, happened first
  await page('v1', '2026-03-04');
  await page('v2', '2026-03-02');
  await page('v2', '2026-03-09');
  await track(app, 'page', { anonymousId: 'v3', timestamp: '2026-03-10T00:00:00Z', properties: { url: 'https://vendor.example/?x=1&utm_campaign=by%20url#top' } });
  await webhook(app, userEvent('viewed', undefined, { partnerAnonymousId: 'v1' }, on('2026-03-11')));
  await webhook(app, userEvent('viewed', undefined, { partnerAnonymousId: 'v2' }, on('2026-03-11', 23)));
  await webhook(app, userEvent('viewed', undefined, { partnerAnonymousId: 'v2' }, on('2026-03-16')));
  const f = await funnel(app, '?from=2026-03-01&to=2026-03-16');
  assert.deepEqual([counts(f).visit, counts(f).listing_view], [3, 2]);
  assert.deepEqual(f.by_campaign.map((c) => [c.campaign, counts(c).visit, counts(c).listing_view]), [['early', 1, 1], ['by url', 1, 0], [null, 1, 1]]);
  assert.deepEqual(f.by_week.map((w) => [w.week, counts(w).visit, counts(w).listing_view]),
    [['2026-02-23', 1, 0], ['2026-03-02', 2, 0], ['2026-03-09', 2, 2], ['2026-03-16', 0, 1]]);
  assert.equal(f.steps[1].rate, 0.6667);
  assert.ok(Math.abs(f.steps[1].median_days - (10.0417 + 9.5417) / 2) < 0.001, String(f.steps[1].median_days));
  const last = await funnel(app, '?from=2026-03-11&to=2026-03-11');
  assert.deepEqual(counts(last), { ...none, listing_view: 2 });
  assert.deepEqual(counts(last.unattributed), none, 'visits of before lead here');
  assert.deepEqual(last.by_campaign.map((c) => c.campaign), ['early', null]);
  assert.deepEqual(counts(await funnel(app, '?from=2026-03-12&to=2026-03-15')), none);
  assert.deepEqual(counts(await funnel(app, `?from=2026-03-01&to=2026-03-16&plugin=com.example.other`)).listing_view, 0);
  const csv = await app.admin('funnel?from=2026-03-01&to=2026-03-16', { headers: { accept: 'text/csv' } });
  assert.match(csv.headers['content-type'], /^text\/csv/);
  assert.match(csv.text, /^part,key,step,count,rate,median_days\r\nall,,visit,3,,\r\nall,,listing_view,2,0\.6667,/);
  assert.match(csv.text, /\r\ncampaign,by url,visit,1,,\r\n/);
  assert.match(csv.text, /\r\nweek,2026-03-16,listing_view,1,,\r\n/);
  for (const query of ['from=2026-03-02&to=2026-03-01', 'from=yesterday', 'to=2026-02-30', 'from=2026-3-1', 'from=1990-01-01', 'from=2026-03-01&from=2026-03-02', 'from=2026-03-01T00:00:00Z'])
    assert.equal((await app.admin(`funnel?${query}`)).status, 400, query);
  assert.equal((await app.admin('funnel', { token: null })).status, 401);
  await app.stop();
});

test('the same events in any order give the same funnel', async () => {
  const events = [];
  for (let i = 0; i < 20; i++) {
    const by = { partnerAnonymousId: `p${i}` };
    events.push((app) => track(app, 'page', { anonymousId: `p${i}`, messageId: `v${i}`, timestamp: on('2026-03-02', i % 12).timestamp, context: { campaign: { name: `c${i % 3}` } } }));
    events.push((app) => track(app, 'page', { anonymousId: `p${i}`, messageId: `w${i}`, timestamp: on('2026-03-02', 20).timestamp, context: { campaign: { name: 'later' } } }));
    events.push((app) => track(app, 'identify', { anonymousId: `p${i}`, userId: `u${i % 7}`, messageId: `i${i}` })); // several browsers, one person
    events.push((app) => webhook(app, userEvent('viewed', undefined, by, { ...on('2026-03-03'), messageId: `l${i}` })));
    if (i % 2) events.push((app) => webhook(app, userEvent('clicked', 'Try it free', by, { ...on('2026-03-04'), userId: `h${i}`, messageId: `k${i}` })));
    if (i % 4 === 1) events.push((app) => webhook(app, mpac('MPAC Install event', { userId: `h${i}`, ...on('2026-03-05', i % 24), messageId: `n${i}` })));
  }
  const results = [];
  for (const order of [(a) => a, (a) => a.toReversed(), (a) => a.map((e, i) => [(i * 37) % 101, e]).sort((x, y) => x[0] - y[0]).map(([, e]) => e)]) {
    const app = await server();
    for (const send of order(events)) assert.equal((await send(app)).status, 200);
    results.push(await funnel(app, '?from=2026-03-01&to=2026-03-10'));
    await app.stop();
  }
  assert.equal(counts(results[0]).visit, 7);
  assert.equal(counts(results[0]).install, 5);
  assert.deepEqual(counts(results[0].unattributed), none);
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

// reports.test.mjs - what reports leave out, spell otherwise or name anew: nothing is lost, told twice or kept of anybody
// who was erased.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { active, Atlassian } from './lib/atlassian.mjs';
import { Licgate, run, until } from './lib/licgate.mjs';
import { erased, evaluation, license, Marketplace, sale } from './lib/marketplace.mjs';
import { newSecret, Receiver } from './lib/receiver.mjs';

async function place(t) {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-reports-'));
  const market = await Marketplace.start({ today: '2026-01-05' });
  t.after(async () => { await market.stop(); rmSync(dir, { recursive: true, force: true }); });
  return { dir, market };
}

async function sync({ dir, market }, { args = [], env = {} } = {}) {
  const { code, stderr } = await run(['sync', ...args], { dir, env: { ...market.env, ...env } });
  assert.equal(code, 0, stderr);
}

async function started(t, { dir, market }, env = {}) {
  const world = await Atlassian.start();
  t.after(() => world.stop());
  const server = await Licgate.start({ dir, env: { ...world.env, ...env } });
  t.after(() => server.stop());
  return { server, world };
}

const bought = (row) => {
  const { latestEvaluationStartDate, ...rest } = row; // eslint-disable-line no-unused-vars
  return { ...rest, licenseType: 'COMMERCIAL', tier: '25 Users', maintenanceStartDate: '2026-01-05', maintenanceEndDate: '2027-01-05',
    evaluationLicense: 'NA', evaluationStartDate: 'NA', evaluationEndDate: 'NA' };
};

test('an evaluation that was bought counts as converted where its row says nothing of it any more', async (t) => {
  const at = await place(t);
  at.market.licenses = [evaluation({}, 1), evaluation({}, 2)];
  await sync(at);
  at.market.licenses = [bought(evaluation({}, 1)), evaluation({}, 2)];
  await sync(at);
  at.market.transactions = [sale({}, 1)];
  await sync(at);
  const { server } = await started(t, at);
  const { json } = await server.admin('books/trials');
  assert.deepEqual([json.total.started, json.total.converted], [2, 1]);
  const types = (await server.events()).filter((e) => e.type !== 'contact.available').map((e) => e.type);
  assert.deepEqual(types, ['trial.converted', 'purchase.created']);
});

test('a host name joins however the report spells it', async (t) => {
  const at = await place(t);
  at.market.licenses = [license({ cloudSiteHostname: 'https://Acme.Atlassian.net/' }, 1)];
  await sync(at);
  const { server, world } = await started(t, at, { LICGATE_ALLOWED_HOSTS: '*.atlassian.net' });
  const site = world.site('acme', active());
  assert.equal((await site.install(server, { body: { baseUrl: 'https://acme.atlassian.net' } })).status, 204);
  const { json } = await server.admin(`tenants/${site.clientKey}`);
  assert.deepEqual([json.marketplace?.entitlement, json.marketplace?.joined_by], ['E-100001', 'host']);
});

const oldGeneration = { appEntitlementNumber: null, appEntitlementId: null };

test('contacts move along when a licence gets a better id, and are no news', async (t) => {
  const at = await place(t);
  at.market.licenses = [license(oldGeneration, 1)];
  await sync(at);
  at.market.licenses = [license({}, 1)];
  await sync(at);
  const { server, world } = await started(t, at);
  const site = world.site('acme', active());
  await site.install(server, { body: { entitlementNumber: 'E-100001' } });
  assert.deepEqual((await server.events()).filter((e) => e.type === 'contact.available'), []);
  const { json } = await server.admin(`tenants/${site.clientKey}?contacts=1`);
  assert.deepEqual(json.contacts.map((c) => `${c.role} ${c.email} ${c.license}`), ['technical tina.1@customer.example E-100001', 'billing bill.1@customer.example E-100001']);
  const { code, stdout } = await run(['forget', 'tina.1@customer.example'], { dir: at.dir });
  assert.equal(code, 0);
  assert.match(stdout, /contacts of licences 1,/);
});

test('who is erased in the very row that gets a better id is erased under the old one too', async (t) => {
  const at = await place(t);
  at.market.licenses = [license(oldGeneration, 1)];
  await sync(at);
  at.market.licenses = [license({ contactDetails: erased() }, 1)];
  await sync(at);
  const { server, world } = await started(t, at);
  const site = world.site('acme', active());
  await site.install(server, { body: { entitlementNumber: 'E-100001', serviceEntitlementNumber: 'SEN-3000001' } });
  assert.deepEqual((await server.admin(`tenants/${site.clientKey}?contacts=1`)).json.contacts, []);
  const { stdout } = await run(['forget', 'tina.1@customer.example'], { dir: at.dir });
  assert.match(stdout, /contacts of licences 0,/);
});

test('where the first report is given up, the others are asked for once: a command ends while somebody waits for it', async (t) => {
  const at = await place(t);
  at.market.licenses = [license({}, 1)];
  at.market.fault('failed', 1000);
  const { code, stderr } = await run(['sync'], { dir: at.dir, env: at.market.env });
  assert.equal(code, 1);
  assert.match(stderr, /FAILED/);
  assert.deepEqual(at.market.asked.map(({ of }) => of), [...Array(5).fill('licenses'), 'transactions']);
});

test('a licensed site that no report knows is drift at once', async (t) => {
  const at = await place(t);
  at.market.licenses = [license({}, 1)];
  await sync(at);
  const { server, world } = await started(t, at);
  const [known, stray] = [world.site('known', active()), world.site('stray', active())];
  await known.install(server, { body: { entitlementNumber: 'E-100001' } });
  await stray.install(server);
  await stray.apiLicense(server);
  const { json } = await server.admin('drift?kind=unknown_there');
  assert.deepEqual(json.drift.map((d) => d.tenant), [stray.clientKey]);
  assert.match(json.drift[0].what_to_do, /hours late/);
});

test('events of a sync that ran before the first server reach the endpoint of the settings', async (t) => {
  const at = await place(t);
  const receiver = await Receiver.start();
  t.after(() => receiver.stop());
  receiver.secret = newSecret();
  const env = { LICGATE_EVENTS_URL: receiver.url, LICGATE_EVENTS_SECRET: receiver.secret };
  at.market.licenses = [license({}, 1)];
  await sync(at, { env });
  at.market.transactions = [sale({}, 1)];
  await sync(at, { env });
  await started(t, at, env);
  const [got] = await until('the event came', () => receiver.got.length > 0 && receiver.got);
  assert.deepEqual([got.verified, got.event.type], [[true], 'purchase.created']);
});

test('the poller polls as often as it is told to', async (t) => {
  const at = await place(t);
  at.market.licenses = [license({}, 1)];
  const { server } = await started(t, at, { ...at.market.env, LICGATE_MARKETPLACE_INTERVAL: '1' });
  await until('the first poll', async () => (await server.admin('marketplace')).json.polls.find((p) => p.report === 'sales')?.done_at);
  at.market.transactions = [sale({}, 1)];
  await until('its event', async () => (await server.events('&type=purchase.created')).length === 1, 15000);
});

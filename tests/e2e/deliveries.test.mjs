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
  const [row] = await until('it is noted', async () => (await deliveries('status=delivered')).filter((d) => d.event === got.id));
  assert.deepEqual([row.endpoint, row.status, row.attempts, row.last_status, row.type, row.tenant], ['ep_settings', 'delivered', 1, 204, 'tenant.installed', site.clientKey]);
  assert.ok(row.duration_ms >= 0 && row.next_attempt_at === null && seq === row.seq);
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

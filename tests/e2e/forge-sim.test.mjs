// forge-sim.test.mjs - the simulated site as Forge: events and calls with its own keys, environments, licences, and a migration played in
// one go against a real licgate.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Licgate, request } from './lib/licgate.mjs';
import { Sim } from './lib/sim.mjs';

const APP_ID = 'ari:cloud:ecosystem::app/5a1d0000-cafe-4f0e-8000-00000000511a'; // docs/rehearse.md names it
const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});
let sim, app, name, count = 0;
before(async () => {
  sim = await Sim.start();
  const port = await freePort(); // the base URL must be known before it listens
  app = await Licgate.start({ env: { ...sim.env, LICGATE_FORGE_APP_ID: APP_ID, LICGATE_FORGE_JWKS_URL: `${sim.url}/sim/forge/jwks.json`,
    LICGATE_FORGE_LICENSE_URL: `${sim.url}/sim/forge/license`, LICGATE_LISTEN: `127.0.0.1:${port}`, LICGATE_BASE_URL: `http://127.0.0.1:${port}` } });
});
after(async () => {
  await app.stop();
  await sim.stop();
});

async function fresh() {
  name = `forge-${++count}`;
  assert.equal((await sim.create(name, `${app.url}/atlassian-connect.json`)).status, 201);
}
const forge = (body) => sim.api('POST', `/${name}/forge`, body);
const shown = async () => (await sim.api('GET', `/${name}`)).json;

test('install, call, upgrade, uninstall: with the licence that was set', async () => {
  await fresh();
  assert.equal((await forge({ action: 'invoke' })).status, 409);
  const installed = await forge({ action: 'install' });
  assert.deepEqual([installed.status, installed.json.status, installed.json.steps], [200, 204, [{ step: 'install', status: 204 }]]);
  for (const [state, said] of [['active', 'active'], ['evaluation', 'evaluation'], ['expired', 'expired'], ['cancelled', 'active'], ['none', 'grace']]) {
    await sim.api('PUT', `/${name}/license`, { state });
    const { status, json } = await forge({ action: 'invoke' });
    assert.deepEqual([status, json.status, json.answer.source], [200, 200, 'forge']);
    if (state === 'expired') assert.ok(['expired', 'grace'].includes(json.answer.state));
    else if (state !== 'none') assert.equal(json.answer.state, said, state);
  }
  assert.equal((await forge({ action: 'upgrade' })).json.status, 204);
  assert.deepEqual([(await shown()).forge.version, (await shown()).forge.environment], ['3.0.0', 'PRODUCTION']);
  assert.equal((await forge({ action: 'uninstall' })).json.status, 204);
  assert.equal((await shown()).forge, null);
  const log = await sim.log(name);
  assert.ok(log.some((e) => e.url.endsWith('/forge/v1/license') && e.token.claims.iss === 'forge/invocation-token' && e.token.claims.aud === APP_ID));
});

test('an environment has no licence', async () => {
  await fresh();
  await forge({ action: 'install', environment: 'DEVELOPMENT' });
  const { json } = await forge({ action: 'invoke' });
  assert.deepEqual([json.answer.state, json.answer.reason], ['none', 'forge_environment']);
  assert.equal((await forge({ action: 'invoke', environment: 'PRODUCTION' })).json.answer.state, 'active');
});

test('a migration: Connect alone, both, Forge alone', async () => {
  await fresh();
  const { status, json } = await forge({ action: 'migrate' });
  assert.equal(status, 200);
  assert.deepEqual(json.steps.map((s) => s.step), ['connect_install', 'install', 'invoke', 'invoke', 'connect_uninstall', 'invoke']);
  const site = await shown();
  assert.equal(json.answer.tenant, site.client_key, 'one customer, one tenant');
  assert.equal(site.status, 'uninstalled');
  const { tenants } = (await app.admin('migration?stage=moved')).json;
  assert.deepEqual(tenants.map((t) => [t.tenant, t.connect.status]), [[site.client_key, 'uninstalled']]);
});

test('what is wrong is said, and not asked for by other origins', async () => {
  await fresh();
  for (const body of [{}, { action: 'fly' }, { action: 'install', environment: 'MOON' }, { action: 7 }]) assert.equal((await forge(body)).status, 400, JSON.stringify(body));
  assert.equal((await sim.api('POST', `/${name}/forge`, { action: 'install' }, { origin: 'http://evil.example' })).status, 403);
  assert.equal((await sim.api('POST', '/nowhere/forge', { action: 'install' })).status, 404);
  assert.equal((await request(sim.url, { target: '/sim/forge/license' })).status, 401);
  assert.equal((await request(sim.url, { target: '/sim/forge/license', headers: { authorization: 'Bearer nobody' } })).status, 401);
});

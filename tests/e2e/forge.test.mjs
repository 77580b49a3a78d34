// forge.test.mjs - the Forge door: tokens, licence answers, lifecycle events, and that one customer at two doors is one tenant.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Licgate, until } from './lib/licgate.mjs';
import { Atlassian } from './lib/atlassian.mjs';
import { Forge, inactive, paid, trial } from './lib/forge.mjs';

let world, forge, app;
before(async () => {
  [world, forge] = [await Atlassian.start(), await Forge.start()];
  app = await Licgate.start({ env: { ...world.env, ...forge.env, LICGATE_TRUSTED_PROXIES: '127.0.0.0/8' } });
});
after(async () => {
  await app.stop();
  await forge.stop();
  await world.stop();
});

const tenant = async (key) => (await app.admin(`tenants/${encodeURIComponent(key)}`)).json;
const eventsOf = async (key) => (await app.events(`&tenant=${encodeURIComponent(key)}`)).map((e) => e.type);

describe('the licence answer', () => {
  test('comes from the token, for a tenant of the installation’s own', async () => {
    const jira = forge.installation();
    const { status, json } = await jira.ask(app);
    assert.equal(status, 200);
    assert.deepEqual({ ...json, features: undefined, expires_at: undefined }, { tenant: jira.tenant, state: 'active', reason: 'forge_active', source: 'forge',
      age: 0, stale: false, evaluation: false, edition: null, seats: { limit: null, used: 0 }, expires_at: undefined, features: undefined });
    assert.equal(Date.parse(json.expires_at), Number(jira.license.subscriptionEndDate));
    assert.deepEqual(json.features.board, { verdict: 'allow', code: 'VALID' });
    const shown = (await tenant(jira.tenant)).tenant;
    assert.equal(shown.status, 'installed');
    assert.equal(shown.product_type, 'jira');
    assert.equal(shown.base_url, jira.siteUrl);
    assert.deepEqual(await eventsOf(jira.tenant), ['tenant.installed', 'license.changed']);
  });

  test('isActive decides alone; the other members refine', async () => {
    const jira = forge.installation({ license: trial() });
    assert.deepEqual(pick((await jira.ask(app)).json), ['evaluation', 'forge_evaluation', true]);
    jira.license = { isActive: true };
    assert.deepEqual(pick((await jira.ask(app)).json), ['active', 'forge_active', false]);
    jira.license = paid({ subscriptionEndDate: '1' });
    assert.deepEqual(pick((await jira.ask(app)).json), ['active', 'forge_active', false], 'a date that has passed is not the decision');
    jira.license = inactive();
    assert.deepEqual(pick((await jira.ask(app)).json), ['grace', 'forge_inactive', false], 'it was licensed a moment ago');
    jira.license = inactive({ subscriptionEndDate: String(Date.now() - 60 * 86400000) });
    const fresh = forge.installation({ license: inactive() });
    assert.deepEqual(pick((await fresh.ask(app)).json), ['none', 'forge_inactive', false]);
    for (const odd of ['yes', 1, null, {}]) {
      const strange = forge.installation({ license: paid({ isActive: odd }) });
      assert.equal((await strange.ask(app)).json.state, 'none', JSON.stringify(odd));
    }
  });
});

const pick = ({ state, reason, evaluation }) => [state, reason, evaluation];

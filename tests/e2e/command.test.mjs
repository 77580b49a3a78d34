// command.test.mjs - the commands as a new operator meets them: mistakes, missing things, what is shown of a tenant.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, run, until } from './lib/licgate.mjs';
import { Atlassian, active } from './lib/atlassian.mjs';

let world, dir, taken;
before(async () => {
  world = await Atlassian.start();
  dir = mkdtempSync(path.join(tmpdir(), 'licgate-command-'));
  taken = net.createServer();
  await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  await world.stop();
  taken.close();
  rmSync(dir, { recursive: true });
});
const errorLines = ({ stderr }) => stderr.trim().split('\n');

describe('an error is one line for a person, with what it is about', () => {
  const nowhere = { LICGATE_DATABASE: 'sqlite:/nonexistent/x.db' };
  const cases = [
    [['tenants'], nowhere, 1, /LICGATE_DATABASE.*not there/],
    [['tenants', 'show', 'k'], nowhere, 1, /LICGATE_DATABASE.*not there/],
    [['backup', 'copy.db'], nowhere, 1, /LICGATE_DATABASE.*not there/],
    [['rekey'], nowhere, 1, /LICGATE_DATABASE.*not there/],
    [['forget', 'jo@acme.example'], nowhere, 1, /LICGATE_DATABASE.*not there/],
    [['mail'], nowhere, 1, /LICGATE_DATABASE.*not there/],
    [['mail', '--all'], {}, 2, /--dry-run.*--help/],
    [['mail', '--send'], {}, 2, /--send.*--help/],
    [['forget'], {}, 2, /--help/],
    [['forget', 'nobody'], {}, 2, /not an e-mail address.*--help/],
    [['health'], { LICGATE_ADMIN_LISTEN: '127.0.0.1:1' }, 1, /no answer from .*127\.0\.0\.1:1.*running\?/],
    [['tenants', 'refresh', 'k'], { LICGATE_ADMIN_LISTEN: '127.0.0.1:1' }, 1, /no answer from .*127\.0\.0\.1:1.*running/],
    [['tenants', 'refresh', 'k'], { LICGATE_ADMIN_TOKEN: undefined }, 1, /LICGATE_ADMIN_TOKEN/],
    [['tenants', 'show'], {}, 2, /clientKey.*--help/],
    [['tenants', 'override', 'k'], {}, 2, /--until.*--help/],
    [['tenants', '--state', 'golden'], {}, 1, /LICGATE_DATABASE/],
    [['backup'], {}, 2, /--help/],
    [['sim', '--listen'], {}, 2, /needs a value.*--help/],
    [['nonesuch'], {}, 2, /--help/],
  ];
  for (const [args, env, code, pattern] of cases) {
    test(`licgate ${args.join(' ')}`, async () => {
      const result = await run(args, { dir, env });
      assert.equal(result.code, code, result.stderr);
      assert.equal(errorLines(result).length, 1, result.stderr);
      assert.match(result.stderr, /^licgate: /);
      assert.match(result.stderr, pattern);
    });
  }

  test('an address that is taken', async () => {
    const listen = `127.0.0.1:${taken.address().port}`;
    for (const [args, env] of [[['sim'], { LICGATE_SIM_LISTEN: listen }], [['serve'], { LICGATE_LISTEN: listen }],
      [['demo'], { LICGATE_SIM_LISTEN: '127.0.0.1:0', LICGATE_LISTEN: listen }]]) {
      const result = await run(args, { dir, env });
      assert.equal(result.code, 1);
      assert.ok(result.stderr.includes(listen) && result.stderr.includes('Address already in use'), result.stderr);
    }
  });

  test('check tells what is wrong with all three files at once', async () => {
    const { code, stderr } = await run(['check'], { dir, env: { LICGATE_FEATURES: '/no/features', LICGATE_DESCRIPTOR: '/no/descriptor', LICGATE_STATIC: '/no/static' } });
    assert.equal(code, 1);
    for (const name of ['LICGATE_FEATURES', 'LICGATE_DESCRIPTOR', 'LICGATE_STATIC']) assert.ok(stderr.includes(name), stderr);
    assert.equal(stderr.trim().split('\n').length, 3, stderr);
  });
});

test('show has other ids and the history, for people and as JSON', async () => {
  const app = await Licgate.start({ env: world.env });
  const site = world.site(undefined, active());
  await site.install(app, { body: { entitlementNumber: 'E-17' } });
  await until('looked up', async () => (await site.apiLicense(app)).json.source === 'lookup');
  const cli = (...args) => run(args, { dir: app.dir, env: { ...world.env, LICGATE_ADMIN_LISTEN: new URL(app.adminUrl).host } });
  const until2099 = ['--state', 'expired', '--until', '2099-01-01T00:00:00Z', '--reason', 'a test', '--by', 'me'];
  assert.equal((await cli('tenants', 'override', site.clientKey, ...until2099)).code, 0);
  const { stdout } = await cli('tenants', 'show', site.clientKey);
  assert.match(stdout, /^license\.state +expired$/m);
  assert.match(stdout, /^license\.override\.reason +a test$/m);
  assert.match(stdout, /^aliases +entitlement_number E-17 /m);
  assert.match(stdout, /^events +tenant\.installed 20\S+Z /m);
  assert.match(stdout, /^events +license\.changed 20\S+Z .*from=active to=expired/m);
  const shown = JSON.parse((await cli('tenants', 'show', site.clientKey, '--json')).stdout);
  assert.deepEqual(Object.keys(shown), ['tenant', 'license', 'marketplace', 'aliases', 'events']);
  assert.equal(shown.events[0].type, 'tenant.installed', 'oldest first');
  assert.deepEqual(shown.events.map((e) => e.data.id), (await app.events(`&tenant=${site.clientKey}`)).map((e) => e.data.id));
  assert.equal((await cli('tenants', 'override', site.clientKey, '--end')).code, 0);
  const again = await cli('tenants', 'override', site.clientKey, '--end');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /no_override/);
  assert.ok(!app.log.some((e) => e.level === 'error'), 'nothing to take back is no error of the server');
  await app.stop();
});

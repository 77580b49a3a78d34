// bridge.test.mjs - the app's pages inside Atlassian's own bridge.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Atlassian } from '../e2e/lib/atlassian.mjs';
import { Licgate } from '../e2e/lib/licgate.mjs';
import { Browser } from './lib/browser.mjs';
import { asJira, bridged, openInJira } from './lib/jira.mjs';

let world, app, browser, site;
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: world.env });
  browser = await Browser.start();
  site = asJira(world.site('acme'));
  assert.equal((await site.install(app)).status, 204);
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await world?.stop();
});

describe('inside the real bridge', () => {
  test('a page gets its token and shows the licence', async () => {
    const view = await browser.open(bridged);
    const frame = await openInJira(view, site, app, '/app/license?lic=active');
    await frame.getByText('Active', { exact: true }).first().waitFor();
    assert.ok(site.tokens > 0);
    await view.shot('bridge-license');
    view.quiet();
    await view.accessible(frame);
    await view.close();
  });
});

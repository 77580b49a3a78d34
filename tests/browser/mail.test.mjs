// mail.test.mjs - the operator's view of mail in every look, and the page behind a mail's link, which runs no script.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, Licgate, project, until } from '../e2e/lib/licgate.mjs';
import { Marketplace, evaluation, license } from '../e2e/lib/marketplace.mjs';
import { Smtp } from '../e2e/lib/smtp.mjs';
import { run } from '../e2e/lib/licgate.mjs';
import { Browser, DESKTOP, LOOKS } from './lib/browser.mjs';

const day = (n = 0) => new Date(Date.now() + n * 86400000).toISOString().slice(0, 10);
const sql = (text) => execFileSync('sqlite3', ['-cmd', '.timeout 10000', path.join(app.dir, 'licgate.db'), text]).toString().trim();
let market, smtp, app, browser;
before(async () => {
  [market, smtp, browser] = await Promise.all([Marketplace.start(), Smtp.start(), Browser.start()]);
  market.licenses = [license({}, 90)];
  const env = { ...market.env, LICGATE_SMTP_URL: smtp.url, LICGATE_MAIL_FROM: 'Acme Apps <apps@acme.example>', LICGATE_MAIL_DIR: path.join(project, 'mail'),
    LICGATE_MAIL_WELCOME: '1', LICGATE_MAIL_ENDING: '7' };
  app = await Licgate.start({ env });
  await until('the mail has a place in the journal', () => sql('SELECT count(*) FROM followers') === '1');
  const sync = async () => { const { code, stderr } = await run(['sync'], { dir: app.dir, env }); assert.equal(code, 0, stderr); };
  await sync();
  for (let n = 1; n <= 9; n++) {
    market.licenses.push(evaluation({ lastUpdated: day(), latestEvaluationStartDate: day(), maintenanceStartDate: day(), maintenanceEndDate: day(30),
      ...(n === 4 ? { contactDetails: null } : {}) }, n));
  }
  await sync();
  await until('all but one welcome is sent', () => sql("SELECT count(*) FROM mails WHERE status = 'sent'") === '8');
});
after(async () => {
  await browser?.stop();
  await app?.stop();
  await Promise.all([market?.stop(), smtp?.stop()]);
});

async function open(look = { mode: 'light', size: DESKTOP }) {
  const view = await browser.open(look);
  await view.page.goto(`${app.adminUrl}/admin/#/mail`);
  await view.page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await view.page.getByRole('button', { name: 'Sign in' }).click();
  await view.page.getByRole('heading', { name: 'Mail', level: 1 }).waitFor();
  await view.page.getByText('sent 250').first().waitFor();
  return view;
}

for (const look of LOOKS) {
  test(`mail, ${look.name}`, async () => {
    const view = await open(look);
    await view.fits();
    await view.accessible();
    const text = await view.page.locator('main').innerText();
    assert.ok(!text.includes('@'), 'no address');
    assert.match(text, /no contact/);
    await view.page.setViewportSize({ width: look.size.width, height: Math.min(2400, await view.page.evaluate(() => document.documentElement.scrollHeight)) });
    await view.shot(`admin-mail-${look.name}`);
    view.quiet();
    await view.close();
  });
}

test('the CSV is what the page shows', async () => {
  const view = await open();
  const [file] = await Promise.all([view.page.waitForEvent('download'), view.page.getByRole('link', { name: 'CSV' }).click()]);
  assert.equal(file.suggestedFilename(), 'mail.csv');
  await view.close();
});

for (const look of LOOKS) {
  test(`the page behind a mail's link, ${look.name}: only its button does it`, async () => {
    const mail = smtp.mails[LOOKS.indexOf(look)];
    const link = new URL(/<([^>]+)>/.exec(mail.headers['list-unsubscribe'])[1]);
    const count = () => Number(sql('SELECT count(*) FROM suppressions'));
    const before_ = count();
    const view = await browser.open(look);
    await view.page.goto(`${app.url}${link.pathname}`);
    await view.page.reload();
    await view.fits();
    await view.accessible();
    await view.shot(`unsubscribe-${look.name}`);
    assert.equal(count(), before_);
    await view.page.getByRole('button', { name: 'Send me no more mail' }).click();
    await view.page.getByRole('heading', { name: 'No more mail' }).waitFor();
    await view.shot(`unsubscribed-${look.name}`);
    assert.equal(count(), before_ + 1);
    view.quiet();
    await view.close();
  });
}

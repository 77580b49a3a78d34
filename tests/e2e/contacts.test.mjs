// contacts.test.mjs - people planted in Marketplace reports and look-ups: they get their mail, and are nowhere else. Erased on
// RTBF, on purge and on request, they do not come back.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Atlassian, active } from './lib/atlassian.mjs';
import { Licgate, project, request, run, until } from './lib/licgate.mjs';
import { Marketplace, erased, evaluation, license, sale } from './lib/marketplace.mjs';
import { Receiver, newSecret } from './lib/receiver.mjs';
import { Smtp } from './lib/smtp.mjs';

const today = new Date().toISOString().slice(0, 10);
const inDays = (n) => new Date(Date.now() + n * 86400000).toISOString().slice(0, 10);
/* Each part is odd enough to be found wherever it is, also in another spelling. */
const planted = (n) => ({ email: `Zebulon${n}@Planted-People.example`, name: `Zebulon Q${n} Plantagenet`, phone: `+49 5550${n} 24680`, address1: `${n} Plantain Alley`, city: 'Plantville', postcode: 'PL4N-7ED' });
const NEEDLES = /zebulon|planted-people|plantagenet|5550\d?\s?24680|plantain|plantville|PL4N-?7ED|people%2dplanted/i;
const people = (n) => ({ company: `Customer ${n}`, country: 'US', region: 'Americas', technicalContact: planted(n), billingContact: planted(n + 1) });
const trial = (n, more = {}) => evaluation({ contactDetails: people(n), lastUpdated: today, latestEvaluationStartDate: today, maintenanceStartDate: today, maintenanceEndDate: inDays(5),
  partnerDetails: { partnerName: 'Reseller', partnerType: 'EXPERT', billingContact: planted(n + 2) },
  attribution: { channel: 'direct', campaignName: `for ${planted(n).email}`, campaignContent: `?mail=${encodeURIComponent(planted(n).email)}` }, ...more }, n);

let world, market, smtp, receiver, app, site, env;
const output = [];
const cli = async (...args) => { const result = await run(args, { dir: app.dir, env }); output.push(result.stdout, result.stderr); return result; };
const sync = async (...args) => { const { code, stderr } = await cli('sync', ...args); assert.equal(code, 0, stderr); };
const sql = (text) => execFileSync('sqlite3', ['-cmd', '.timeout 10000', path.join(app.dir, 'licgate.db'), text]).toString().trim();
const contacts = async (of = site) => (await app.admin(`tenants/${encodeURIComponent(of.clientKey)}?contacts=1`)).json.contacts;

before(async () => {
  [world, market, smtp, receiver] = await Promise.all([Atlassian.start(), Marketplace.start(), Smtp.start(), Receiver.start()]);
  receiver.secret = newSecret();
  market.licenses = [license({ contactDetails: people(90) }, 90)];
  env = { ...world.env, ...market.env, LICGATE_EVENTS_URL: receiver.url, LICGATE_EVENTS_SECRET: receiver.secret, LICGATE_SMTP_URL: smtp.url,
    LICGATE_MAIL_FROM: 'Acme Apps <apps@acme.example>', LICGATE_MAIL_DIR: path.join(project, 'mail'), LICGATE_MAIL_WELCOME: '1', LICGATE_MAIL_ENDING: '7',
    LICGATE_MAIL_EXPIRED: '1' };
  app = await Licgate.start({ env });
  await until('the mail has a place in the journal', () => sql('SELECT count(*) FROM followers') === '1');
  await sync();
  site = world.site('planted', active({ contactEmail: planted(8).email, supportEntitlementNumber: 'SEN-3000001' }));
});
after(async () => {
  await app.stop();
  await Promise.all([world.stop(), market.stop(), smtp.stop(), receiver.stop()]);
});

test('history is silent; a new trial is told with ids alone, and its contact gets the mails', async () => {
  assert.deepEqual(await app.events(), []);
  market.licenses.push(trial(1));
  market.transactions.push(sale({ customerDetails: people(1), lastUpdated: today }, 1));
  await site.install(app, { body: { entitlementNumber: 'E-100001' } });
  await site.open(app, '/app/license.json');
  await sync();
  const types = (await app.events()).map((e) => e.type);
  for (const type of ['trial.started', 'contact.available']) assert.ok(types.includes(type), `${type} in ${types}`);
  const [welcome, ending] = await until('both mails', () => smtp.mails.length >= 2 && smtp.mails.sort((a, b) => (a.headers.subject < b.headers.subject ? 1 : -1)));
  assert.match(welcome.headers.subject, /has started$/);
  assert.equal(welcome.headers.to, '"Zebulon Q1 Plantagenet" <Zebulon1@Planted-People.example>');
  assert.match(ending.headers.subject, new RegExp(`ends on ${inDays(5)}$`));
  assert.equal(smtp.mails.length, 2);
  await until('they are on record', () => sql("SELECT count(*) FROM mails WHERE status = 'sent'") === '2');
});

test('the operator sees contacts where they are asked for', async () => {
  const [technical, billing, lookup] = await contacts();
  assert.deepEqual(lookup, { role: 'lookup', email: planted(8).email });
  assert.equal(technical.email, planted(1).email);
  assert.equal(technical.role, 'technical');
  assert.equal(billing.name, planted(2).name);
  assert.match(technical.address, /Plantain Alley/);
  const shown = await run(['tenants', 'show', site.clientKey, '--contacts', '--json'], { dir: app.dir, env });
  assert.equal(JSON.parse(shown.stdout).contacts[0].email, planted(1).email);
});

/* Everything that leaves the process or lies on the disk, but the mails and what was asked for. */
async function everything() {
  const found = [];
  const look = (where, text) => { const match = NEEDLES.exec(text); if (match) found.push(`${where}: …${text.slice(Math.max(0, match.index - 60), match.index + 40)}…`); };
  const key = encodeURIComponent(site.clientKey);
  const routes = [...readFileSync(path.join(project, 'src/routes.c'), 'utf8').matchAll(/ADMIN\(METHOD_GET, "([^"]+)"/g)].map(([, route]) => route).filter((route) => route !== 'stream');
  assert.ok(routes.length > 10);
  let answered = 0;
  for (const route of routes) {
    for (const query of ['', '?format=csv']) {
      const { status, text, headers } = await app.admin(`${route.replace('KEY', key)}${query}`);
      answered += status === 200;
      look(`GET ${route}${query}`, `${text}${JSON.stringify(headers)}`);
    }
  }
  assert.ok(answered > routes.length, `${answered} answers`);
  look('GET ?contacts=0', (await app.admin(`tenants/${key}?contacts=0`)).text);
  look('metrics', (await request(app.adminUrl, { target: '/metrics' })).text);
  for (const args of [['tenants', 'list'], ['tenants', 'list', '--json'], ['tenants', 'show', site.clientKey], ['tenants', 'show', site.clientKey, '--json'], ['tenants', 'export'],
    ['mail'], ['mail', '--dry-run', '--all'], ['check'], ['rekey'], ['backup', path.join(app.dir, `copy-${Date.now()}.db`)]]) await cli(...args);
  output.forEach((text, i) => look(`output ${i}`, text));
  look('log', app.stderr);
  look('requests to the Marketplace', JSON.stringify(market.requests));
  look('requests to sites', JSON.stringify(world.calls));
  assert.ok(receiver.of('trial.started').length > 0);
  look('deliveries', JSON.stringify(receiver.got));
  for (const name of readdirSync(app.dir)) look(`file ${name}`, readFileSync(path.join(app.dir, name), 'latin1'));
  assert.ok(existsSync(path.join(app.dir, 'licgate.db-wal')));
  return found;
}

test('they are in no answer, no export, no event, no delivery, no log, no metric, no URL and no file', async () => {
  assert.match(planted(1).email, NEEDLES);
  assert.ok(sql("SELECT count(*) FROM contacts WHERE contacts IS NOT NULL") >= '2', 'they are kept');
  assert.equal(sql("SELECT count(*) FROM licenses WHERE contact IS NOT NULL"), '1');
  assert.deepEqual(await everything(), []);
});

test('RTBF in a report erases the person; the other one stays', async () => {
  const nobody = erased().technicalContact;
  market.licenses[1] = trial(1, { contactDetails: { ...people(1), technicalContact: nobody }, partnerDetails: null, tier: '10 Users' });
  await sync();
  assert.deepEqual((await contacts()).map((c) => c.role), ['billing', 'lookup']);
  assert.equal(sql("SELECT count(*) FROM suppressions WHERE reason = 'erased'"), '1');
  // another licence's row is late, or names that person again
  market.licenses.push(trial(1, { appEntitlementNumber: 'E-100077', appEntitlementId: 'x-77', licenseId: 'SEN-77', addonLicenseId: '77', cloudId: 'x-77', cloudSiteHostname: 'other.atlassian.net', lastUpdated: today }));
  await sync();
  assert.equal(sql("SELECT count(*) FROM contact_addresses WHERE license_key = 'E-100077'"), '1', 'billing alone');
  assert.deepEqual(await everything(), []);
});

test('licgate forget erases reports, look-ups and mail beside the server; polls and look-ups bring nothing back', async () => {
  const sealed = Buffer.from(sql("SELECT hex(contacts) FROM contacts WHERE license_key = 'E-100001'"), 'hex').subarray(4); // behind the key's id
  const files = () => ['licgate.db', 'licgate.db-wal'].filter((name) => readFileSync(path.join(app.dir, name)).includes(sealed));
  assert.ok(files().length > 0);
  const byAddress = await cli('forget', planted(2).email.toUpperCase());
  assert.equal(byAddress.code, 0, byAddress.stderr);
  assert.match(byAddress.stdout, /contacts of licences 2, /);
  assert.deepEqual(files(), [], 'not even sealed');
  const byLookup = await cli('forget', planted(8).email);
  assert.match(byLookup.stdout, /contacts of licences 0, of look-ups 1, /);
  market.licenses[1] = trial(1, { tier: '25 Users', partnerDetails: null });
  await sync('--full');
  assert.equal((await app.admin(`tenants/${encodeURIComponent(site.clientKey)}/refresh`, { method: 'POST', body: {} })).status, 200);
  assert.deepEqual(await contacts(), []);
  assert.equal(sql('SELECT count(*) FROM licenses WHERE contact IS NOT NULL'), '0');
  const before = smtp.mails.length;
  market.licenses[1] = trial(1, { status: 'inactive', tier: '25 Users', partnerDetails: null });
  await sync();
  await until('the trial has expired', async () => (await app.events()).some((e) => e.type === 'trial.expired'));
  await until('nobody is found for it', () => sql("SELECT result FROM mails WHERE template = 'expired' AND entitlement = 'E-100001'") === 'no_contact');
  assert.equal(smtp.mails.length, before);
});

test('they go with a tenant that is purged, and the next poll does not bring them back', async () => {
  const gone = world.site('gone', active({}));
  market.licenses.push(trial(3));
  await gone.install(app, { body: { entitlementNumber: 'E-100003' } });
  await sync();
  assert.equal((await contacts(gone)).length, 2);
  assert.equal((await gone.uninstall(app)).status, 204);
  sql(`UPDATE tenants SET uninstalled_at = 1 WHERE client_key = '${gone.clientKey}'`);
  await app.stop({ keep: true });
  app = await Licgate.start({ env, dir: app.dir }); // sweeps soon after its start
  await until('it is purged', async () => (await app.admin(`tenants/${encodeURIComponent(gone.clientKey)}`)).status === 404);
  assert.equal(sql("SELECT erased || ifnull(contacts, '') FROM contacts WHERE license_key = 'E-100003'"), 'purged');
  market.licenses.at(-1).tier = '10 Users';
  await sync('--full');
  assert.equal(sql("SELECT erased || ifnull(contacts, '') FROM contacts WHERE license_key = 'E-100003'"), 'purged');
  assert.deepEqual(await everything(), []);
  // back again: the report, which has not changed, is heard
  assert.equal((await gone.install(app, { body: { entitlementNumber: 'E-100003' } })).status, 204);
  await sync('--full');
  assert.equal(sql("SELECT ifnull(erased, 'kept') FROM contacts WHERE license_key = 'E-100003'"), 'kept');
  assert.deepEqual(await everything(), []);
});

test('RTBF in a sale or in a late row: the role goes at once, and is back when the licence still names somebody there', async () => {
  const sealed = () => sql("SELECT count(*) FROM contact_addresses WHERE license_key = 'E-100020'"), suppressed = () => sql('SELECT count(*) FROM suppressions');
  const before = suppressed();
  market.licenses.push(trial(20));
  await sync();
  assert.equal(sealed(), '2');
  market.transactions.push(sale({ customerDetails: { ...people(30), technicalContact: erased().technicalContact }, lastUpdated: today }, 20));
  await sync();
  assert.equal(sealed(), '1', 'billing is left, and is not the sale\'s');
  await sync('--full');
  assert.equal(sealed(), '2');
  market.licenses.push(trial(20, { lastUpdated: inDays(-2), tier: '5 Users', contactDetails: { ...people(30), billingContact: erased().billingContact } }));
  await sync();
  assert.equal(sealed(), '1');
  await sync('--full');
  assert.equal(sealed(), '2');
  assert.equal(suppressed(), before);
  assert.deepEqual(await everything(), []);
});

test('evaluations of another app get no mail that speaks of this one', async () => {
  const to = () => smtp.mails.map((m) => m.headers.to).join();
  market.licenses.push(trial(40, { addonKey: 'com.example.another' }), trial(50));
  await sync();
  await until('ours is welcomed', () => to().includes('Zebulon50@'));
  await until('all that is due is done', () => sql(`SELECT count(*) FROM mails WHERE status = 'queued' AND next_at <= ${Date.now()}`) === '0');
  assert.ok((await app.events()).some((e) => e.type === 'trial.started' && e.data.entitlement === 'E-100040'));
  assert.ok(!to().includes('Zebulon40@'));
  assert.match(smtp.mails.find((m) => m.headers.to.includes('Zebulon50@')).body, / on site-50\.atlassian\.net/, 'the site that the report names, as no tenant has told its own');
});

// mail.test.mjs - evaluator mail against a real SMTP server, and contacts that are nowhere they must not be.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { Licgate, run, until } from './lib/licgate.mjs';
import { following, mails, plant, server, settings, sql } from './lib/mail.mjs';
import { Smtp } from './lib/smtp.mjs';

describe('mail', () => {
  let smtp, app;
  const start = async (extra, dir) => { app = await Licgate.start({ env: settings(smtp, extra), dir }); await following(app.dir); return app; };
  before(async () => { smtp = await Smtp.start(); });
  afterEach(async () => { await app?.stop(); app = null; });
  after(() => smtp.stop());

  test('a trial that starts is welcomed: what arrives is well-formed and says how to get no more', async () => {
    await start();
    plant(app.dir, { license: 'E-1', contact: { email: 'jo@customer.example', name: 'Jö "J" Doe' } });
    const { headers, body, raw } = await until('a mail', () => smtp.mails[0]);
    assert.equal(headers.from, '"Acme Apps" <apps@acme.example>');
    assert.equal(headers.to, 'Jö "J" Doe <jo@customer.example>');
    assert.match(headers.subject, /^Your evaluation of .+ has started$/);
    assert.equal(headers['auto-submitted'], 'auto-generated');
    assert.equal(headers['list-unsubscribe-post'], 'List-Unsubscribe=One-Click');
    assert.match(headers['message-id'], /^<evt_E-1_trial\.started\.welcome@acme\.example>$/);
    assert.ok(Math.abs(Date.parse(headers.date) - Date.now()) < 60000, headers.date);
    assert.match(body, /^Hello Jö "J" Doe,\n/);
    const link = /^<(https:\/\/app\.example\.test\/mail\/unsubscribe\/[\w-]{43})>$/.exec(headers['list-unsubscribe'])[1];
    assert.ok(body.includes(link));
    assert.ok(raw.split('\n').every((line) => line.length < 200 && !/[^\x00-\x7f]/.test(line)), 'lines are short and ASCII');
    await until('it is on record', () => mails(app.dir) === 'welcome sent sent 250');

    // the page of the link changes nothing; its button, and a mail program's one click, does
    const target = new URL(link).pathname;
    const page = await app.request({ target });
    assert.equal(page.status, 200);
    assert.match(page.text, /<form method="post">/);
    assert.match(page.headers['content-security-policy'], /default-src 'none'/);
    assert.equal(sql(app.dir, 'SELECT count(*) FROM suppressions'), '0');
    const click = await app.request({ method: 'POST', target, headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'List-Unsubscribe=One-Click' });
    assert.equal(click.status, 200);
    assert.equal(sql(app.dir, 'SELECT reason FROM suppressions'), 'unsubscribed');
    plant(app.dir, { license: 'E-2', contact: { email: 'JO@customer.example', name: 'Jo' } });
    await until('the second is dropped', () => mails(app.dir).includes('dropped suppressed'));
    const token = target.slice('/mail/unsubscribe/'.length);
    for (const bad of ['A'.repeat(43), token.slice(0, 42), `${token}A`, `${token}%3E`, `${token}/`, `${token}/x`, '..%2f', 'x', '']) {
      const { status, text } = await app.request({ method: 'POST', target: `/mail/unsubscribe/${bad}` });
      assert.equal(status, 404, bad);
      assert.match(text, /This link does not work/);
      if (bad.length !== 43) assert.equal((await app.request({ target: `/mail/unsubscribe/${bad}` })).status, 404, bad);
    }
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) assert.equal((await app.request({ method, target })).status, 405);
    assert.equal((await app.request({ target: `${target}?utm_source=x` })).status, 200);
    await until('the last request is in the log', () => app.stderr.split('"method":"OPTIONS"').length > 1);
    assert.ok(!app.stderr.includes(token.slice(0, 40)), 'the token is in no log line');
  });

  test('nothing is sent, followed or queued unless a template is on', async () => {
    app = await Licgate.start({ env: settings(smtp, { LICGATE_MAIL_WELCOME: undefined }) });
    const before = smtp.mails.length;
    plant(app.dir, { license: 'E-5', contact: { email: 'off@customer.example', name: '' } });
    assert.equal((await app.request({ target: '/healthz' })).status, 200);
    const { dir } = app;
    await app.stop({ keep: true });
    assert.equal(sql(dir, 'SELECT count(*) FROM mails'), '0');
    assert.equal(sql(dir, 'SELECT count(*) FROM followers'), '0');
    assert.equal(smtp.mails.length, before);
    app = null;
    rmSync(dir, { recursive: true });
  });

  test('a server that is down is asked again; none is lost and none is doubled', async (t) => {
    const gone = await Smtp.start();
    const { port } = gone;
    await gone.stop();
    await start({ LICGATE_SMTP_URL: `smtp://127.0.0.1:${port}` });
    plant(app.dir, { license: 'E-6', contact: { email: 'late@customer.example', name: 'Late' } });
    await until('it failed once', () => mails(app.dir) === 'welcome queued connect_failed');
    const back = await server(t, { port });
    sql(app.dir, 'UPDATE mails SET next_at = 1'); // instead of a minute
    await until('it is sent', () => mails(app.dir) === 'welcome sent sent 250');
    assert.equal(back.mails.length, 1);
  });

  test('kill -9 between queue and send loses none; what was sent and recorded is not sent again', async (t) => {
    const gone = await Smtp.start();
    const { port } = gone;
    await gone.stop();
    const dir = mkdtempSync(path.join(tmpdir(), 'licgate-mail-'));
    await start({ LICGATE_SMTP_URL: `smtp://127.0.0.1:${port}` }, dir);
    for (let i = 0; i < 5; i++) plant(dir, { license: `E-7${i}`, contact: { email: `kill${i}@customer.example`, name: '' } });
    await until('all are queued', () => sql(dir, "SELECT count(*) FROM mails WHERE status = 'queued'") === '5');
    await app.kill();
    app = null;
    const back = await server(t, { port });
    await start({ LICGATE_SMTP_URL: `smtp://127.0.0.1:${port}` }, dir);
    sql(dir, "UPDATE mails SET next_at = 1 WHERE status = 'queued'"); // a claim or a back-off that was under way has ended
    await until('all are sent', () => sql(dir, "SELECT count(*) FROM mails WHERE status = 'sent'") === '5');
    await app.kill();
    await start({ LICGATE_SMTP_URL: `smtp://127.0.0.1:${port}` }, dir);
    plant(dir, { license: 'E-79', contact: { email: 'last@customer.example', name: '' } });
    await until('the one after it', () => back.mails.some((m) => m.headers.to === 'last@customer.example'));
    assert.equal(back.mails.length, 6);
    assert.equal(new Set(back.mails.map((m) => m.headers['message-id'])).size, 6);
    await app.stop();
    app = null;
    rmSync(dir, { recursive: true });
  });

  test('STARTTLS is used where it is offered, and must be offered and verify outside of tests', async (t) => {
    const tls = await server(t, { tls: true });
    await start({ LICGATE_SMTP_URL: tls.url });
    plant(app.dir, { license: 'E-8', contact: { email: 'tls@customer.example', name: '' } });
    await until('a mail over TLS', () => tls.mails.length === 1); // it takes none without
    await app.stop();
    const strict = { LICGATE_ALLOW_INSECURE_HOSTS: undefined };
    // 127.0.0.2 is not one of the names of this machine that plain text may go to
    const plain = await server(t, { host: '127.0.0.2' });
    await start({ ...strict, LICGATE_SMTP_URL: plain.url });
    plant(app.dir, { license: 'E-9', contact: { email: 'plain@customer.example', name: '' } });
    await until('it refuses', () => mails(app.dir).startsWith('welcome queued no_starttls'));
    await app.stop();
    assert.equal(plain.mails.length, 0);
    const selfSigned = await server(t, { host: '127.0.0.2', tls: true });
    await start({ ...strict, LICGATE_SMTP_URL: selfSigned.url });
    plant(app.dir, { license: 'E-10', contact: { email: 'cert@customer.example', name: '' } });
    await until('it refuses', () => mails(app.dir).startsWith('welcome queued tls_failed'));
    assert.equal(selfSigned.mails.length, 0);
    await app.stop();
    await start({ ...strict });
    plant(app.dir, { license: 'E-11', contact: { email: 'local@customer.example', name: '' } });
    await until('this machine gets plain text', () => smtp.mails.some((m) => m.headers.to === 'local@customer.example'));
  });

  test('a certificate that the machine trusts lets mail through, to the address it names alone', async (t) => {
    const strict = { LICGATE_ALLOW_INSECURE_HOSTS: undefined };
    // the authorities of a mount namespace of its own
    const trusting = (authority) => ['unshare', '--mount', '--map-root-user', 'sh', '-c',
      'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"', authority];
    const other = await server(t, { host: '127.0.0.2', tls: true, named: '127.0.0.3' });
    app = await Licgate.start({ env: settings(other, strict), via: trusting(other.certificate) });
    await following(app.dir);
    plant(app.dir, { license: 'E-12', contact: { email: 'named@customer.example', name: '' } });
    await until('it refuses', () => mails(app.dir).startsWith('welcome queued tls_failed'));
    assert.equal(other.mails.length, 0);
    await app.stop();
    const good = await server(t, { host: '127.0.0.2', tls: true });
    app = await Licgate.start({ env: settings(good, strict), via: trusting(good.certificate) });
    await following(app.dir);
    plant(app.dir, { license: 'E-13', contact: { email: 'trusted@customer.example', name: '' } });
    await until('it arrives', () => good.mails.length === 1);
    assert.equal(good.mails[0].headers.to, 'trusted@customer.example');
  });

  test('an evaluation that has ended is told of', async () => {
    await start({ LICGATE_MAIL_WELCOME: undefined, LICGATE_MAIL_EXPIRED: '1' });
    plant(app.dir, { license: 'E-14', type: 'trial.expired', contact: { email: 'ended@customer.example', name: 'Eve' } });
    const { headers, body } = await until('it arrives', () => smtp.mails.find((m) => m.headers.to?.includes('ended@customer.example')));
    assert.equal(headers.to, '"Eve" <ended@customer.example>');
    assert.match(headers.subject, /^Your evaluation of .+ has ended$/);
    assert.match(headers['message-id'], /^<evt_E-14_trial\.expired\.expired@acme\.example>$/);
    assert.match(body, /^Hello Eve,\n\nthe evaluation of .+ has ended\. Nothing was deleted:/);
    assert.ok(body.includes(/^<(.+)>$/.exec(headers['list-unsubscribe'])[1]));
    await until('it is on record', () => mails(app.dir) === 'expired sent sent 250');
  });

  test('no more than so many an hour, also over a restart', async () => {
    await start({ LICGATE_MAIL_PER_HOUR: '2' });
    for (let i = 0; i < 4; i++) plant(app.dir, { license: `E-2${i}`, contact: { email: `rate${i}@customer.example`, name: '' } });
    await until('two are sent', () => sql(app.dir, "SELECT count(*) FROM mails WHERE status = 'sent'") === '2');
    await until('two wait', () => sql(app.dir, "SELECT count(*) FROM mails WHERE status = 'queued' AND attempts = 0") === '2');
    const { dir } = app;
    await app.stop({ keep: true });
    await start({ LICGATE_MAIL_PER_HOUR: '2' }, dir);
    plant(dir, { license: 'E-24', contact: { email: 'rate4@customer.example', name: '' } });
    await until('the fifth waits as well', () => sql(dir, "SELECT count(*) FROM mails WHERE status = 'queued'") === '3');
    sql(dir, 'UPDATE mails SET updated_at = 1 WHERE id = 1'); // instead of an hour
    await until('there is place for one', () => smtp.mails.some((m) => m.headers.to === 'rate2@customer.example'));
    await app.stop({ keep: true });
    app = null;
    assert.deepEqual(smtp.mails.map((m) => m.headers.to).filter((to) => to.startsWith('rate')), ['rate0', 'rate1', 'rate2'].map((name) => `${name}@customer.example`));
    rmSync(dir, { recursive: true });
  });
});

describe('what the operator sees', () => {
  let smtp, app;
  before(async () => {
    smtp = await Smtp.start();
    app = await Licgate.start({ env: settings(smtp, { LICGATE_MAIL_EXPIRED: '1' }) });
    await following(app.dir);
    plant(app.dir, { license: 'E-1', contact: { email: 'jo@customer.example', name: 'Jo' } });
    await until('a mail', () => mails(app.dir) === 'welcome sent sent 250');
  });
  after(async () => { await app.stop(); await smtp.stop(); });

  test('counts and mails without a name, as JSON and CSV', async () => {
    const { status, json } = await app.admin('mail');
    assert.equal(status, 200);
    assert.deepEqual(json.templates, [{ name: 'welcome', on: true, queued: 0, sent: 1, failed: 0, dropped: 0 },
      { name: 'ending', on: false, queued: 0, sent: 0, failed: 0, dropped: 0 }, { name: 'expired', on: true, queued: 0, sent: 0, failed: 0, dropped: 0 }]);
    assert.equal(json.suppressed, 0);
    const { id, event, entitlement, result, attempts } = json.mails[0];
    assert.deepEqual({ id, event, entitlement, result, attempts }, { id: 1, event: 'evt_E-1_trial.started', entitlement: 'E-1', result: 'sent 250', attempts: 1 });
    assert.equal(json.next, undefined);
    const csv = await app.admin('mail?format=csv');
    assert.match(csv.text, /^id,template,event,.*\r\n1,welcome,evt_E-1_trial\.started,,E-1,sent,sent 250,1,,/);
    assert.ok(!`${JSON.stringify(json)}${csv.text}`.includes('customer'));
    assert.equal((await app.admin('mail', { token: null })).status, 401);
    assert.equal((await app.admin('mail?cursor=x')).status, 400);
  });

  test('check tells what is wrong with a template, and what is missing', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'licgate-templates-'));
    writeFileSync(path.join(dir, 'welcome.txt'), 'Subject: Hi {{nmae}}\n\nHello {{name}}\n');
    const { code, stderr } = await run(['check'], { env: settings(smtp, { LICGATE_MAIL_DIR: dir, LICGATE_MAIL_EXPIRED: '1' }) });
    assert.equal(code, 1);
    assert.match(stderr, /welcome\.txt:1: \{\{nmae\}\} is unknown/);
    assert.match(stderr, /welcome\.txt:4: must say \{\{unsubscribe_url\}\}/);
    assert.match(stderr, /expired\.txt: cannot be read .*LICGATE_MAIL_DIR/);
    assert.equal((await run(['check'], { env: settings(smtp, { LICGATE_MAIL_ENDING: '7', LICGATE_MAIL_EXPIRED: '1' }) })).code, 0, 'the templates that ship');
    rmSync(dir, { recursive: true });
    for (const url of ['smtp://jo:tulip s@host', 'smtp://', 'smtp://jo:tulip/s@host', 'smtp://host:99999', 'smtps://[::1']) {
      const bad = await run(['check'], { env: settings(smtp, { LICGATE_SMTP_URL: url }) });
      assert.equal(bad.code, 1, url);
      assert.match(bad.stderr, /^licgate: LICGATE_SMTP_URL: cannot be read: .*%40 for @/);
      assert.ok(!`${bad.stdout}${bad.stderr}`.includes('tulip'), url);
    }
    assert.equal((await run(['check'], { env: settings(smtp, { LICGATE_SMTP_URL: 'smtp://jo%40x:tulip%2Fs@host:587' }) })).code, 0);
  });

  test('licgate mail tells the counts, and --dry-run who would get what, masked, and changes nothing', async () => {
    const off = await Licgate.start({ env: {} });
    const env = settings(smtp, { LICGATE_MAIL_EXPIRED: '1' });
    plant(off.dir, { license: 'E-3', contact: { email: 'jo@customer.example', name: 'Jo' } });
    plant(off.dir, { license: 'E-4', type: 'trial.expired' });
    plant(off.dir, { license: 'E-5', type: 'trial.expired', at: Date.now() - 4 * 86400000 });
    const before = smtp.mails.length;
    const dry = await run(['mail', '--dry-run'], { dir: off.dir, env });
    assert.equal(dry.code, 0, dry.stderr);
    const lines = dry.stdout.trim().split('\n');
    assert.equal(lines.length, 2, dry.stdout);
    assert.match(lines[0], /^welcome +\S+Z {2}j\*\*\*@c\*\*\*\.example {2}E-3$/);
    assert.match(lines[1], /^expired +\S+Z {2}\(nobody\) {2}E-4 {2}not sent: no_contact$/);
    const none = await run(['mail', '--dry-run'], { dir: off.dir });
    assert.equal(none.stdout, 'no mail would be sent\n');
    assert.match((await run(['mail', '--dry-run', '--all'], { dir: off.dir })).stdout, /^welcome .*E-3\nexpired .*E-4/);
    assert.equal(sql(off.dir, 'SELECT (SELECT count(*) FROM mails) + (SELECT count(*) FROM followers)'), '0');
    assert.equal(smtp.mails.length, before);
    await off.stop();
    const { stdout } = await run(['mail'], { dir: app.dir, env });
    assert.match(stdout, /^welcome +on\nending +off\nexpired +on\nwelcome +sent +1\naddresses that get no mail: 0\n$/);
  });
});

describe('forget', () => {
  test('erases beside a running server, says how much, and nothing comes back', async (t) => {
    const smtp = await server(t);
    const app = await Licgate.start({ env: settings(smtp) });
    await following(app.dir);
    plant(app.dir, { license: 'E-1', contact: { email: 'jo@customer.example', name: 'Jo' } });
    await until('a mail', () => mails(app.dir) === 'welcome sent sent 250');
    const forget = (email) => run(['forget', email], { dir: app.dir });
    const first = await forget('Jo@Customer.example');
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /contacts of licences 1, of look-ups 0, of GitHub accounts 0, mails 1\nit will not be kept again/);
    assert.equal(sql(app.dir, 'SELECT count(*) FROM contact_addresses'), '0');
    assert.equal(sql(app.dir, 'SELECT count(*) FROM mails'), '0');
    assert.equal(sql(app.dir, 'SELECT reason FROM suppressions'), 'forgotten');
    const again = await forget('jo@customer.example');
    assert.match(again.stdout, /contacts of licences 0, of look-ups 0, of GitHub accounts 0, mails 0\n.*before/);
    const other = await run(['forget', 'jo@customer.example'], { dir: app.dir, env: { LICGATE_SECRET_KEYS: `k9:${Buffer.alloc(32, 9).toString('base64')}` } });
    assert.equal(other.code, 1);
    assert.match(other.stderr, /LICGATE_SECRET_KEYS/);
    for (const text of ['<jo@customer.example>', 'mailto:jo@customer.example', 'jo@customer.example,', 'Jo <jo@customer.example>']) {
      assert.equal((await forget(text)).code, 2, `${text} is no address, and nobody may take it for done`);
    }
    for (const { stdout, stderr } of [first, again, other]) assert.ok(!`${stdout}${stderr}`.toLowerCase().includes('customer'));
    await app.stop();
  });
});

// mail-trouble.test.mjs - evaluator mail with mail servers that refuse, defer, break off, take their time or fall silent: nobody gets a
// mail twice that the server answered for, and nothing is held up.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { Licgate, until } from './lib/licgate.mjs';
import { following, mails, plant, settings, sql } from './lib/mail.mjs';
import { OddSmtp } from './lib/smtp.mjs';

let app;
const start = async (smtp, extra = {}, dir) => { app = await Licgate.start({ env: settings(smtp, extra), dir }); await following(app.dir); };
const odd = async (t, on) => { const smtp = await OddSmtp.start(on); t.after(() => smtp.stop()); return smtp; };
const contact = (name) => ({ email: `${name}@customer.example`, name: '' });
afterEach(async () => { await app?.stop(); app = null; });

for (const [what, on, result] of [
  ['a refused recipient', { RCPT: (say) => say('550 5.1.1 nobody@customer.example is unknown') }, 'failed rejected 550'],
  ['a refused text', { end: (say) => say('554 no') }, 'failed rejected 554'],
  ['a deferred recipient', { RCPT: (say) => say('450 later') }, 'queued deferred 450'],
  ['a server that closes', { MAIL: (say, socket) => { say('421 closing'); socket.end(); } }, 'queued deferred 421'],
  ['a connection that breaks within the text', { text: (say, socket) => socket.destroy() }, 'queued failed 354'],
  ['a server that falls silent before it has the text', { RCPT: () => {} }, 'queued timeout'],
]) {
  test(`${what} is ${result}, and the server's words are in no log`, async (t) => {
    const smtp = await odd(t, on);
    await start(smtp, { LICGATE_UPSTREAM_TIMEOUT: '1' });
    plant(app.dir, { license: 'E-1', contact: contact('odd') });
    await until('its result', () => mails(app.dir).startsWith(`welcome ${result}`));
    assert.ok(!/customer|nobody/.test(app.stderr));
  });
}

test('a server that takes longer to answer for a text than any other call may take gets it once', async (t) => {
  const smtp = await odd(t, { end: (say) => setTimeout(say, 3000, '250 taken at last') });
  await start(smtp, { LICGATE_UPSTREAM_TIMEOUT: '1' });
  plant(app.dir, { license: 'E-1', contact: contact('slow') });
  await until('it is sent', () => mails(app.dir) === 'welcome sent sent 250');
  assert.equal(smtp.mails.length, 1);
});

test('a connection whose mail was not taken is not used again; one that did well is', async (t) => {
  let refused = 0;
  const smtp = await odd(t, { RCPT: (say) => say(refused++ ? '250 ok' : '550 no') });
  await start(smtp);
  for (const name of ['a', 'b', 'c']) plant(app.dir, { license: `E-${name}`, contact: contact(name) });
  await until('two are sent', () => sql(app.dir, "SELECT count(*) FROM mails WHERE status = 'sent'") === '2');
  assert.equal(smtp.connections, 2);
});

test('a mail server that does not answer QUIT does not hold up a stop', async (t) => {
  const smtp = await odd(t, { QUIT: () => {} });
  await start(smtp, { LICGATE_UPSTREAM_TIMEOUT: '20' });
  plant(app.dir, { license: 'E-1', contact: contact('quit') });
  await until('it is sent', () => mails(app.dir) === 'welcome sent sent 250');
  const began = Date.now();
  await app.stop();
  app = null;
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
  await until('it was told QUIT all the same', () => smtp.commands.at(-1) === 'QUIT');
});

test('kill -9 between the server\'s yes and its record: once more, under the same Message-ID, and then no more', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-mail-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const smtp = await odd(t, { end: () => app.child.kill('SIGKILL') });
  await start(smtp, {}, dir);
  plant(dir, { license: 'E-1', contact: contact('twice') });
  await app.exited;
  assert.equal(mails(dir), 'welcome queued -');
  smtp.on = {};
  await start(smtp, {}, dir);
  sql(dir, 'UPDATE mails SET next_at = 1'); // its claim has ended
  await until('it is sent', () => mails(dir) === 'welcome sent sent 250');
  await app.stop();
  await start(smtp, {}, dir);
  plant(dir, { license: 'E-2', contact: contact('next') });
  await until('the next one', () => smtp.mails.length === 3);
  const [first, again] = smtp.mails;
  assert.equal(first.headers['message-id'], again.headers['message-id']);
  assert.equal(smtp.mails[2].headers.to, 'next@customer.example');
});

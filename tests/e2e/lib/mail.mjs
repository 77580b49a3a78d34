// mail.mjs - contacts and events put into a server's database as a poll of the Marketplace would have put them, and what the
// mailer made of them.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { SECRET_KEYS, project, until } from './licgate.mjs';
import { addressHash, seal } from './sealed.mjs';
import { Smtp } from './smtp.mjs';

const FROM = 'Acme Apps <apps@acme.example>';
export const settings = (smtp, extra = {}) => ({
  LICGATE_SMTP_URL: smtp.url, LICGATE_MAIL_FROM: FROM, LICGATE_MAIL_DIR: path.join(project, 'mail'), LICGATE_MAIL_WELCOME: '1', ...extra,
});
export const sql = (dir, ...statements) => execFileSync('sqlite3', ['-cmd', '.timeout 10000', path.join(dir, 'licgate.db'), statements.join(';\n')]).toString().trim();
const hex = (buffer) => `X'${buffer.toString('hex')}'`;
const KEY = randomBytes(32);

/** Puts a contact and an event where a poll of the Marketplace would have put them. */
export function plant(dir, { license, contact, type = 'trial.started', event = `evt_${license}_${type}`, at = Date.now() }) {
  const json = JSON.stringify({ type, timestamp: new Date(at).toISOString(), data: { id: event, tenant: null, marketplace: 'atlassian', entitlement: license } });
  const statements = [`INSERT OR IGNORE INTO hash_keys VALUES ('contacts', ${hex(seal(SECRET_KEYS, { table: 'hash_keys', column: 'secret', row: 'contacts' }, KEY))}, 'k1')`];
  if (contact) {
    const sealed = seal(SECRET_KEYS, { table: 'contacts', column: 'contacts', row: license }, JSON.stringify({ technical: { phone: '', address: '', ...contact } }));
    statements.push(`INSERT OR REPLACE INTO contacts VALUES ('${license}', NULL, NULL, ${hex(sealed)}, 'k1', NULL, NULL, 1)`,
      `INSERT OR IGNORE INTO contact_addresses VALUES (${hex(addressHash(KEY, contact.email))}, '${license}')`);
  }
  statements.push(`INSERT INTO events (id, type, at, json) VALUES ('${event}', '${type}', ${at}, '${json}')`);
  sql(dir, 'BEGIN IMMEDIATE', ...statements, 'COMMIT');
}
export const mails = (dir) => sql(dir, "SELECT group_concat(template || ' ' || status || ' ' || ifnull(result, '-'), ', ') FROM mails");
/** A server of one test, which goes with it however that ends. */
export const server = async (t, options) => { const smtp = await Smtp.start(options); t.after(() => smtp.stop()); return smtp; };
export const following = (dir) => until('the follower has a place', () => sql(dir, 'SELECT count(*) FROM followers') === '1');

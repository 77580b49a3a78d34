// sealed.mjs - seals a value as licgate does (docs/security.md), so that a test can put contacts into a database.
import { createCipheriv, createHmac, randomBytes } from 'node:crypto';

const piece = (text) => { const b = Buffer.from(text); const len = Buffer.alloc(8); len.writeBigUInt64LE(BigInt(b.length)); return Buffer.concat([len, b]); };

/** keys: the text of LICGATE_SECRET_KEYS. Gives a Buffer. */
export function seal(keys, { table, column, row }, plain) {
  const [id, base64] = keys.split(',')[0].split(':');
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(base64, 'base64'), nonce);
  cipher.setAAD(Buffer.concat([Buffer.from([1]), piece(table), piece(column), piece(row), piece(id)]));
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.from([1, id.length]), Buffer.from(id), nonce, text, cipher.getAuthTag()]);
}

export const addressHash = (key, email) => createHmac('sha256', key).update(`address\0${email.trim().toLowerCase()}`).digest().subarray(0, 16);

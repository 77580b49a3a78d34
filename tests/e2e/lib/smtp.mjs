// smtp.mjs - a real SMTP server (Debian's python3-aiosmtpd) that keeps what it gets in a maildir, on a port of its own.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const free = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});

/** Does somebody answer there with an SMTP greeting? */
const greets = (host, port) => new Promise((resolve) => {
  const socket = net.connect({ host, port });
  socket.once('data', (d) => { socket.end('QUIT\r\n'); resolve(d.toString().startsWith('220')); });
  socket.once('error', () => resolve(false));
});

/** A self-signed certificate of that address: { cert, key }, files in dir. */
export function certificate(dir, host) {
  const files = { cert: path.join(dir, 'smtp.pem'), key: path.join(dir, 'smtp.key') };
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', `subjectAltName=IP:${host}`, '-keyout', files.key, '-out', files.cert],
    { stdio: 'ignore' });
  return files;
}

export class Smtp {
  /** tls: STARTTLS is offered and needed. named: the address in its certificate. port: the one of a server that stopped. */
  static async start({ host = '127.0.0.1', tls = false, named = host, port } = {}) {
    const smtp = Object.assign(new Smtp(), { host, port: port ?? await free(), dir: mkdtempSync(path.join(tmpdir(), 'licgate-smtp-')) });
    const files = tls ? certificate(smtp.dir, named) : null;
    smtp.certificate = files?.cert;
    smtp.child = spawn('aiosmtpd', ['-n', '-l', `${host}:${smtp.port}`, ...(tls ? ['--tlscert', files.cert, '--tlskey', files.key] : []),
      '-c', 'aiosmtpd.handlers.Mailbox', path.join(smtp.dir, 'box')], { stdio: ['ignore', 'ignore', 'pipe'] });
    let ended = null;
    smtp.stderr = '';
    smtp.child.stderr.on('data', (d) => { smtp.stderr += d; });
    smtp.child.once('error', (e) => { ended = e; });
    smtp.child.once('exit', (code) => { ended = new Error(`aiosmtpd ended with ${code}: ${smtp.stderr}`); });
    while (!ended && !await greets(host, smtp.port));
    if (ended) throw ended;
    smtp.child.removeAllListeners('exit');
    return smtp;
  }

  get url() { return `smtp://${this.host}:${this.port}`; }

  /** Mails so far: { raw, headers (lower case names, unfolded, encoded words decoded), body }. */
  get mails() {
    const dir = path.join(this.dir, 'box', 'new');
    return existsSync(dir) ? readdirSync(dir).sort().map((name) => parse(readFileSync(path.join(dir, name), 'latin1'))) : [];
  }

  async stop() {
    const over = new Promise((resolve) => { this.child.once('exit', resolve); });
    this.child.kill('SIGTERM');
    await over;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A server that behaves as it is told: on maps a command ('RCPT'), 'text' (within the text) or 'end' (after it) to what happens then,
 *  (say, socket, mail); what is not there is as usual. */
export class OddSmtp {
  static async start(on = {}) {
    const smtp = Object.assign(new OddSmtp(), { on, mails: [], commands: [], connections: 0 });
    smtp.server = net.createServer((socket) => smtp.#talk(socket));
    await new Promise((resolve) => { smtp.server.listen(0, '127.0.0.1', resolve); });
    smtp.url = `smtp://127.0.0.1:${smtp.server.address().port}`;
    return smtp;
  }

  stop() { return new Promise((resolve) => { this.server.close(resolve); for (const s of this.sockets ?? []) s.destroy(); }); }

  #talk(socket) {
    let got = '', within = false;
    const say = (text) => socket.write(`${text}\r\n`);
    (this.sockets ??= new Set()).add(socket);
    this.connections++;
    socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
    say('220 odd');
    socket.on('data', (d) => {
      for (got += d.toString('latin1'); ;) {
        if (within && this.on.text) return void this.on.text(say, socket);
        const end = got.indexOf(within ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const text = got.slice(0, end);
        got = got.slice(end + (within ? 5 : 2));
        if (within) {
          this.mails.push(parse(text));
          (this.on.end ?? (() => say('250 taken')))(say, socket, this.mails.at(-1));
          within = false;
        } else within = this.#command(text, say, socket);
      }
    });
  }

  #command(text, say, socket) {
    const verb = text.slice(0, 4).toUpperCase();
    this.commands.push(verb);
    if (this.on[verb]) this.on[verb](say, socket);
    else say({ DATA: '354 go on', QUIT: '221 bye' }[verb] ?? '250 ok');
    return verb === 'DATA' && !this.on.DATA;
  }
}

const utf8 = (latin1) => Buffer.from(latin1, 'latin1').toString('utf8');
const words = (text) => text.replace(/\?=\s+=\?/g, '?==?').replace(/=\?UTF-8\?B\?([^?]*)\?=/g, (_, b64) => Buffer.from(b64, 'base64').toString());

function parse(raw) {
  const [, head, text] = /^([\s\S]*?)\r?\n\r?\n([\s\S]*)$/.exec(raw);
  const headers = Object.fromEntries(head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/).map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), words(line.slice(colon + 1).trim())];
  }));
  const body = utf8(text.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)))).replace(/\r\n/g, '\n');
  return { raw, headers, body };
}

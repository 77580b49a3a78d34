// receiver.mjs - somebody who gets outgoing events: checks each with npm standardwebhooks, keeps what came, answers as told.
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { Webhook } from 'standardwebhooks';

export const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

export class Receiver {
  constructor() {
    this.got = []; // { id, body, event, signatures, verified, at, headers }, in order of arrival
    this.secret = null; // one, or a list of which each must verify by itself
    this.answer = null; // (got, res, req) => true when it answered itself
    this.keepAlive = true;
    this.open = 0;
    this.mostOpen = 0;
  }

  static async start({ port = 0 } = {}) {
    const receiver = new Receiver();
    receiver.server = http.createServer((req, res) => receiver.#serve(req, res));
    await new Promise((resolve) => receiver.server.listen(port, '127.0.0.1', resolve));
    receiver.port = receiver.server.address().port;
    receiver.url = `http://127.0.0.1:${receiver.port}/hook`;
    return receiver;
  }

  #serve(req, res) {
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    res.on('close', () => { this.open--; });
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const got = { id: req.headers['webhook-id'], body, path: req.url, method: req.method, headers: req.headers, at: Date.now(),
        signatures: (req.headers['webhook-signature'] ?? '').split(' '), verified: [] };
      for (const secret of [this.secret].flat().filter(Boolean)) {
        try { got.event = new Webhook(secret).verify(body, req.headers); got.verified.push(true); } catch (problem) { got.verified.push(problem.message); }
      }
      this.got.push(got);
      if (!this.keepAlive) res.shouldKeepAlive = false;
      if (this.answer?.(got, res, req)) return;
      res.writeHead(204).end();
    });
  }

  /** Events of that type that came, each attempt. */
  of(type) { return this.got.filter((g) => JSON.parse(g.body).type === type); }

  async stop() {
    this.server.closeAllConnections?.();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

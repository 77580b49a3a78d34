// segment.mjs - the other sides of the Segment door: Segment's webhook and libraries as senders, and a Segment that is sent to.
import { createHmac, randomUUID } from 'node:crypto';
import http from 'node:http';

export const SECRET = 'shared-secret-of-segment';
export const WRITE_KEY = 'writeKeyOfTheSite';
export const PLUGIN = 'com.example.licgate';

export const sign = (body, secret = SECRET, algorithm = 'sha1') => createHmac(algorithm, secret).update(body).digest('hex');

/** An event of the Marketplace as Segment's webhook brings it. properties are added to those every event has. */
export function mpac(name, { properties = {}, ...more } = {}) {
  const at = new Date().toISOString();
  const event = {
    context: { library: { name: 'analytics-java', version: '3.1.3' } }, event: name, integrations: {}, messageId: randomUUID(), originalTimestamp: at,
    properties: { anonymousId: randomUUID(), eventType: 'Track', partnerId: '1', pluginId: '2', pluginKey: PLUGIN, ...properties },
    receivedAt: at, sentAt: at, timestamp: at, type: 'track', writeKey: 'key-of-the-source', ...more };
  for (const key of Object.keys(event)) if (event[key] === undefined) delete event[key];
  return event;
}
export const userEvent = (action, label, properties = {}, more = {}) => mpac('MPAC User event', { properties: { action, label, url: 'https://marketplace.atlassian.com/apps/1', ...properties }, ...more });

/** POST /segment/webhook. signature: another one, or null for none. */
export function webhook(app, event, { secret = SECRET, signature, headers = {} } = {}) {
  const body = typeof event === 'string' || Buffer.isBuffer(event) ? event : JSON.stringify(event);
  const given = signature === undefined ? sign(body, secret) : signature;
  return app.request({ method: 'POST', target: '/segment/webhook', body,
    headers: { 'content-type': 'application/json', ...(given === null ? {} : { 'x-signature': given }), ...headers } });
}

/** POST /segment/v1/NAME with Basic authentication; key null: none. */
export function track(app, name, payload, { key = WRITE_KEY, headers = {} } = {}) {
  const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
  return app.request({ method: 'POST', target: `/segment/v1/${name}`, body, headers: { 'content-type': 'application/json',
    ...(key === null ? {} : { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` }), ...headers } });
}

export async function funnel(app, query = '') {
  const answer = await app.admin(`funnel${query}`);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json;
}
/** { visit: 1, … } of steps. */
export const counts = ({ steps }) => Object.fromEntries(steps.map((s) => [s.name, s.count]));

/** A Segment that takes batches as well or as badly as `fault` says: (batch, res, number) => true when it answered itself. */
export class FakeSegment {
  static async start() {
    const fake = new FakeSegment();
    Object.assign(fake, { calls: [], events: [], fault: null });
    fake.server = http.createServer((req, res) => {
      const chunks = [];
      req.on('data', (c) => chunks.push(c));
      req.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const call = { path: req.url, method: req.method, authorization: req.headers.authorization, bytes: Buffer.byteLength(text), at: Date.now(), body: JSON.parse(text) };
        fake.calls.push(call);
        if (fake.fault?.(call, res, fake.calls.length)) return;
        fake.events.push(...call.body.batch);
        res.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}');
      });
    });
    await new Promise((resolve) => fake.server.listen(0, '127.0.0.1', resolve));
    fake.url = `http://127.0.0.1:${fake.server.address().port}`;
    return fake;
  }

  get env() { return { LICGATE_SEGMENT_FORWARD: 'key-of-the-real-source', LICGATE_SEGMENT_URL: this.url }; }

  async stop() {
    this.server.closeAllConnections?.();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

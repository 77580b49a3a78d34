// segment.mjs - ./dev bench segment: batches of 2,500 events, durable when answered, against SQLite alone with the same rows; and how
// long the funnel of a million events takes.
//
// Every event is a page call of a new visitor: the dearest there is. Rounds of both alternate, each in a database of its own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const EVENTS = 2500, BATCHES = 80, CLIENTS = 4;
const KEY = 'write-key-of-the-bench';

function batch(number) {
  const at = new Date().toISOString();
  return JSON.stringify({ batch: Array.from({ length: EVENTS }, (_, i) => ({ type: 'page', anonymousId: `visitor-${number}-${i}`, messageId: `message-${number}-${i}`,
    timestamp: at, context: { campaign: { name: 'spring' } } })) });
}

function post(url, body, agent) {
  return new Promise((resolve, reject) => {
    const req = http.request(`${url}/segment/v1/batch`, { method: 'POST', agent, headers: { authorization: `Basic ${Buffer.from(`${KEY}:`).toString('base64')}`, 'content-length': body.length } },
      (res) => { res.resume(); res.on('end', () => (res.statusCode === 200 ? resolve() : reject(new Error(`answer ${res.statusCode}`)))); });
    req.on('error', reject);
    req.end(body);
  });
}

async function send(url, bodies) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  const began = process.hrtime.bigint();
  let next = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async () => { while (next < bodies.length) await post(url, bodies[next++], agent); }));
  agent.destroy();
  return (bodies.length * EVENTS) / (Number(process.hrtime.bigint() - began) / 1e9);
}

export async function segment({ dir, median, programs, round, rounds, say, start }) {
  console.log(`\nSegment: ${BATCHES} batches of ${EVENTS} events, ${CLIENTS} clients, each durable when answered`);
  const bodies = Array.from({ length: BATCHES }, (_, i) => Buffer.from(batch(i)));
  const ours = [], raw = [], ratios = [];
  for (let i = 0; i < rounds; i++) {
    const where = mkdtempSync(path.join(dir, 'segment-'));
    raw.push(Number(execFileSync(path.join(programs, 'bench_segment'), [path.join(where, 'raw.db'), String(BATCHES)]).toString()));
    const app = await start(where, { LICGATE_SEGMENT_WRITE_KEY: KEY });
    ours.push(await send(app.url, bodies));
    ratios.push(ours[i] / raw[i]);
    await app.stop();
    rmSync(where, { recursive: true });
  }
  say('bytes an event', round(bodies[0].length / EVENTS, 0));
  say('SQLite alone, the same rows, events/s', round(median(raw), 0));
  say('licgate, events/s (at least 20,000)', round(median(ours), 0));
  say('licgate / SQLite alone (at least 0.25)', round(median(ratios)));

  const where = mkdtempSync(path.join(dir, 'segment-'));
  const app = await start(where, { LICGATE_SEGMENT_WRITE_KEY: KEY });
  for (let i = 0; i < 5; i++) await send(app.url, Array.from({ length: BATCHES }, (_, k) => Buffer.from(batch(i * BATCHES + k))));
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const began = process.hrtime.bigint();
    const { status, json } = await app.admin('funnel');
    times.push(Number(process.hrtime.bigint() - began) / 1e6);
    if (status !== 200 || json.steps[0].count !== 5 * BATCHES * EVENTS) throw new Error(`${status} ${JSON.stringify(json?.steps?.[0])}`);
  }
  say('the funnel of 1,000,000 events of as many visitors, ms (at most 2,000)', round(median(times), 0));
  await app.stop();
}

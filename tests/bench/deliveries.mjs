// deliveries.mjs - ./dev bench deliveries: what gated requests notice of 10,000 queued deliveries to one endpoint.
//
// The receiver is bare libmicrohttpd, which answers at once: deliveries go as fast as they ever will, fifty in flight. It shares the
// client's core, at the lowest priority, so that it does not slow the client that measures.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const COUNT = 10000;
const RATE = 3000; // requests a second

export async function deliveries({ dir, freePort, load, median, pin, program, programs, round, rounds, say, seeded, start, targets }) {
  console.log(`\nDeliveries: ${COUNT} queued to one endpoint while gated requests run, ${RATE} a second on 16 connections`);
  const list = targets(1000);
  const app = await start(await seeded(COUNT));
  const body = path.join(dir, 'received');
  writeFileSync(body, '{}');
  const port = await freePort();
  const receiver = await program(path.join(programs, 'bench_bare'), [String(port), '2', body]);
  execFileSync('taskset', ['-a', '-c', '-p', '1', String(receiver.pid)]);
  execFileSync('renice', ['-n', '19', '-p', String(receiver.pid)]);
  const { json: made } = await app.admin('endpoints', { method: 'POST', body: { url: `http://127.0.0.1:${port}/hook` } });
  const ask = (query) => app.admin(query).then((a) => a.json);
  pin(app.child.pid);
  const measured = (time) => load(app.child.pid, app.url, list.file, { time, rate: RATE });
  const drained = async () => {
    while ((await app.metric('licgate_deliveries', { status: 'pending' })) > 0) await new Promise((resolve) => { setTimeout(resolve, 50); });
  };
  await measured(1);

  // alone: how fast they go
  let began = process.hrtime.bigint();
  const { queued } = await app.admin(`endpoints/${made.id}/replay`, { method: 'POST', body: { after: 0 } }).then((a) => a.json);
  if (queued !== COUNT) throw new Error(`${queued} queued`);
  await drained();
  say('10,000 deliveries alone, a second', round(COUNT / (Number(process.hrtime.bigint() - began) / 1e9), 0));

  // p99 of the requests that began while deliveries were on their way: queued and delivered, again and again, within one load
  const during = (from, to) => {
    const micros = readFileSync(path.join(dir, 'latencies'), 'utf8').trimEnd().split('\n').map((line) => line.split('\t').map(Number))
      .filter(([at]) => at >= from * 1000 && at <= to * 1000).map(([, , micro]) => micro).sort((x, y) => x - y);
    return { p99: micros[Math.floor(micros.length * 0.99)] / 1000, count: micros.length };
  };
  const ratios = [], without = [], withThem = [], seconds = [];
  for (let i = 0; i < rounds; i++) {
    without.push((await measured(3)).p99);
    const loaded = measured(6);
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    const from = Date.now();
    await app.admin(`endpoints/${made.id}/replay`, { method: 'POST', body: { after: 0 } });
    await drained();
    const to = Date.now();
    await loaded;
    const { p99, count } = during(from, to);
    if (count < 1000) throw new Error(`${count} requests while deliveries ran`);
    seconds.push((to - from) / 1000);
    withThem.push(p99);
    ratios.push(p99 / without[i]);
  }
  const { deliveries: rows } = await ask('deliveries?status=dead');
  if (rows.length) throw new Error('dead letters');
  if (await app.metric('licgate_delivery_attempts_total', { result: 'failed' })) throw new Error('attempts failed');
  say('seconds to queue and deliver them while requests ran', round(median(seconds), 1));
  say('p99 of requests, ms: without, with deliveries', `${round(median(without), 3)}, ${round(median(withThem), 3)}`);
  say('p99 with / without (at most 1.2), each round', `${round(median(ratios))}: ${ratios.map((r) => round(r)).join(' ')}`);
  receiver.kill();
  await app.stop();
}

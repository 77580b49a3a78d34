// deliveries.mjs - ./dev bench deliveries: what gated requests notice of 10,000 queued deliveries to one endpoint.
//
// One receiver is bare libmicrohttpd, which answers at once: deliveries go as fast as they ever will. Another takes 100 ms, so that 50 are under
// way all the time. Each shares the client's core, at the lowest priority, so that it does not slow the client that measures. With and without are compared within one load: from one load to
// the next a quiet machine differs by more than the limit allows.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const COUNT = 10000;
const RATE = 3000; // requests a second
const QUIET_S = 5; // before and after

/* A receiver that takes its time. */
async function listening(port) {
  const child = spawn(process.execPath, ['-e', `require('node:http').createServer((req, res) => { req.resume(); setTimeout(() => res.end(), 100); })
    .listen(${port}, '127.0.0.1', () => console.log('listening'))`], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

export async function deliveries({ dir, freePort, load, median, pin, program, programs, round, rounds, say, seeded, start, targets }) {
  console.log(`\nDeliveries: ${COUNT} queued to one endpoint while gated requests run, ${RATE} a second on 16 connections`);
  const list = targets(1000);
  const app = await start(await seeded(COUNT));
  const body = path.join(dir, 'received');
  writeFileSync(body, '{}');
  const ask = (query) => app.admin(query).then((a) => a.json);
  pin(app.child.pid);
  const measured = (time) => load(app.child.pid, app.url, list.file, { time, rate: RATE });
  const waiting = () => app.metric('licgate_deliveries', { status: 'pending' });
  const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  const drained = async () => { while ((await waiting()) > 0) await pause(500); };
  await load(app.child.pid, app.url, list.file, { time: 2, rate: RATE, connections: 1 }); // every account has been seen once

  // within one load: nothing to deliver, then 10,000, then nothing again
  const p99 = (spans) => {
    const micros = readFileSync(path.join(dir, 'latencies'), 'utf8').trimEnd().split('\n').map((line) => line.split('\t').map(Number))
      .filter(([at]) => spans.some(([from, to]) => at >= from * 1000 && at <= to * 1000)).map(([, , micro]) => micro).sort((x, y) => x - y);
    if (micros.length < 1000) throw new Error(`${micros.length} requests`);
    return micros[Math.floor(micros.length * 0.99)] / 1000;
  };
  async function against(receiver, port, how) {
    execFileSync('taskset', ['-a', '-c', '-p', '1', String(receiver.pid)]);
    execFileSync('renice', ['-n', '19', '-p', String(receiver.pid)]);
    const { json: made } = await app.admin('endpoints', { method: 'POST', body: { url: `http://127.0.0.1:${port}/hook` } });
    const replay = () => app.admin(`endpoints/${made.id}/replay`, { method: 'POST', body: { after: 0 } }).then((a) => a.json.queued);

    // alone: how long they take
    const began = process.hrtime.bigint();
    const queued = await replay();
    if (queued !== COUNT) throw new Error(`${queued} queued`);
    await drained();
    const alone = Number(process.hrtime.bigint() - began) / 1e9;
    say(`10,000 deliveries alone, ${how}, a second`, round(COUNT / alone, 0));

    const ratios = [], without = [], withThem = [];
    for (let i = 0; i < rounds; i++) {
      const loaded = measured(Math.ceil(alone) + 2 * QUIET_S + 3);
      await pause(1000);
      const times = [Date.now()];
      await pause(QUIET_S * 1000);
      times.push(Date.now());
      await replay();
      times.push(Date.now());
      await pause(alone * 1000); // nobody asks for metrics meanwhile
      times.push(Date.now());
      await drained();
      await loaded;
      without.push(p99([[times[0], times[1]], [times[3], times[3] + QUIET_S * 1000]]));
      withThem.push(p99([[times[2], times[3]]]));
      ratios.push(withThem[i] / without[i]);
    }
    say('p99 of requests, ms: without, with deliveries', `${round(median(without), 3)}, ${round(median(withThem), 3)}`);
    say('p99 with / without (at most 1.2), each round', `${round(median(ratios))}: ${ratios.map((r) => round(r)).join(' ')}`);
    await app.admin(`endpoints/${made.id}`, { method: 'DELETE' });
    receiver.kill();
  }
  const [port, slowPort] = [await freePort(), await freePort()];
  await against(await program(path.join(programs, 'bench_bare'), [String(port), '2', body]), port, 'answered at once');
  // as many under way as may be, all the time
  await against(await listening(slowPort), slowPort, 'answered after 100 ms, 50 under way');
  const { deliveries: rows } = await ask('deliveries?status=dead');
  if (rows.length) throw new Error('dead letters');
  if (await app.metric('licgate_delivery_attempts_total', { result: 'failed' })) throw new Error('attempts failed');
  await app.stop();
}

// bench.mjs - ./dev bench [PART ...]: what a request, a tenant and an install cost, as ratios measured in one run.
//
// CPU per request comes from /proc/PID/stat of a server pinned to one core while h2load sends at a given rate from the other;
// rounds alternate between what is compared, medians are quoted. Never part of the tests: figures are read, not asserted.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import jwt from 'atlassian-jwt';

const here = path.dirname(fileURLToPath(import.meta.url));
const project = path.resolve(here, '../..');
process.env.LICGATE_BINARY = path.join(project, 'build/release/licgate');
const { Licgate, SECRET_KEYS, request } = await import('../e2e/lib/licgate.mjs');
const { Atlassian, active } = await import('../e2e/lib/atlassian.mjs');
const { deliveries } = await import('./deliveries.mjs');
const { segment } = await import('./segment.mjs');
const programs = path.join(project, 'build/release/tests/bench');
const dir = mkdtempSync(path.join(os.tmpdir(), 'licgate-bench-'));
const seconds = Number(process.env.BENCH_SECONDS ?? 4);
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const ticks = Number(execFileSync('getconf', ['CLK_TCK']));
const serverCore = '0', clientCore = os.cpus().length > 1 ? '1' : '0';

const median = (values) => values.slice().sort((a, b) => a - b)[Math.floor(values.length / 2)];
const round = (value, digits = 2) => Number(value.toFixed(digits));
const cpuSeconds = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
};
const residentKiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const pin = (pid) => execFileSync('taskset', ['-a', '-c', '-p', serverCore, String(pid)]);
const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});
const say = (name, value) => console.log(`${name.padEnd(66)} ${value}`);

/** Page loads of `tenants` tenants, each with a token of its own. */
function targets(tenants, count = 5000) {
  const file = path.join(dir, `targets-${tenants}`);
  const lines = [];
  const at = Math.floor(Date.now() / 1000);
  for (let i = 0; i < count; i++) {
    const clientKey = `bench-${String(Math.floor((i * tenants) / count)).padStart(6, '0')}`;
    const target = `/app/license.json?xdm_e=https%3A%2F%2F${clientKey}.atlassian.net&xdm_c=channel-${i}&cp=&xdm_deprecated_addon_key_do_not_use=com.example.licgate`
      + '&lic=active&cv=1001.0.0-SNAPSHOT';
    const claims = { sub: `557058:${String(i).padStart(8, '0')}-0000-4000-8000-000000000001`, qsh: jwt.createQueryStringHash(jwt.fromMethodAndUrl('GET', target)),
      iss: clientKey, context: {}, exp: at + 86400, iat: at };
    const part = (v) => Buffer.from(JSON.stringify(v)).toString('base64url');
    const input = `${part({ typ: 'JWT', alg: 'HS256' })}.${part(claims)}`;
    lines.push(`${target}&jwt=${input}.${createHmac('sha256', `secret-of-${clientKey}-`.padEnd(64, '0')).update(input).digest('base64url')}`);
  }
  writeFileSync(file, lines.join('\n'));
  return { file, first: lines[0] };
}

/** What a browser sends beside the target. */
const headers = ['Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36', 'Accept-Encoding: gzip, deflate, br',
  'Referer: https://bench.atlassian.net/', 'Sec-Fetch-Dest: iframe', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Site: cross-site',
  'Upgrade-Insecure-Requests: 1'];

/**
 * CPU microseconds per request of a pinned server, p99 in ms. The rate is given, not the most a server can do: else the slower one
 * would also pay for waking a client that the faster one keeps busy.
 */
async function load(pid, url, file, { time = seconds, connections = 16, rate = 12000 } = {}) {
  const log = path.join(dir, 'latencies');
  rmSync(log, { force: true });
  const before = cpuSeconds(pid);
  const text = await new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-c', clientCore, 'h2load', '--h1', '-t1', `-c${connections}`, `-n${rate * time}`, `--rps=${rate / connections}`,
      '-i', file, '-B', url, `--log-file=${log}`, ...headers.flatMap((h) => ['-H', h])]);
    let out = '';
    child.stdout.on('data', (d) => { out += d; });
    child.on('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`h2load: ${out}`))));
  });
  const cpu = cpuSeconds(pid) - before;
  const [, done, failed] = /requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed/.exec(text).map(Number);
  if (failed || !done) throw new Error(`${failed} of ${done} answers were errors: ${text}`);
  const micros = readFileSync(log, 'utf8').trimEnd().split('\n').map((line) => Number(line.split('\t')[2])).sort((a, b) => a - b);
  return { cpu: (cpu / done) * 1e6, p99: micros[Math.floor(micros.length * 0.99)] / 1000 };
}

async function program(file, args) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => { child.stdout.once('data', resolve); child.once('exit', (c) => reject(new Error(`${file} ended: ${c}`))); });
  return child;
}

/** A PostgreSQL of our own, for the peer's store: it refuses to run as root. */
async function postgres() {
  const bin = execFileSync('sh', ['-c', 'ls -d /usr/lib/postgresql/*/bin | tail -1']).toString().trim();
  const data = path.join(dir, 'postgres');
  const as = process.getuid() === 0 ? ['runuser', '-u', 'postgres', '--'] : [];
  const execute = (...args) => execFileSync(...(([file, ...rest]) => [file, rest])([...as, ...args]), { stdio: 'ignore', cwd: '/' });
  mkdirSync(data);
  execFileSync('chmod', ['755', dir]);
  if (as.length) execFileSync('chown', ['postgres', data]);
  execute(`${bin}/initdb`, '-D', data, '-A', 'trust', '-U', 'postgres');
  const port = await freePort();
  execute(`${bin}/pg_ctl`, '-D', data, '-w', '-l', `${data}/log`, '-o', `-p ${port} -h 127.0.0.1 -k ${data}`, 'start');
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop: async () => execute(`${bin}/pg_ctl`, '-D', data, '-m', 'immediate', 'stop') };
}

async function seeded(tenants) {
  const where = path.join(dir, `db-${tenants}`);
  mkdirSync(where);
  execFileSync(path.join(programs, 'bench_seed'), [path.join(where, 'licgate.db'), String(tenants), SECRET_KEYS]);
  return where;
}

/** Seeded tenants have fresh look-ups and no host that answers: nothing is looked up during a run. */
const quiet = { LICGATE_LOG: 'info', LICGATE_LICENSE_TTL: '86400' };
const start = (where, env = {}) => Licgate.start({ dir: where, env: { LICGATE_THREADS: '2', ...quiet, ...env } });

const parts = {
  async gate() {
    console.log('\nGated page request: /app/license.json, 1,000 tenants, distinct tokens, 16 connections');
    const list = targets(1000);
    const app = await start(await seeded(1000));
    const sample = await request(app.url, { target: list.first });
    if (sample.status !== 200) throw new Error(`${sample.status} ${sample.text}`);
    writeFileSync(path.join(dir, 'body'), sample.text);
    const port = await freePort();
    const bare = await program(path.join(programs, 'bench_bare'), [String(port), '2', path.join(dir, 'body')]);
    pin(app.child.pid);
    pin(bare.pid);
    await load(app.child.pid, app.url, list.file, { time: 1, connections: 1 }); // every account has been seen once
    const ours = [], theirs = [];
    for (let i = 0; i < rounds; i++) {
      theirs.push(await load(bare.pid, `http://127.0.0.1:${port}`, list.file));
      ours.push(await load(app.child.pid, app.url, list.file));
    }
    bare.kill();
    const cpu = median(ours.map((r) => r.cpu));
    say('bare libmicrohttpd, CPU us/request', round(median(theirs.map((r) => r.cpu))));
    say('licgate, CPU us/request', round(cpu));
    say('licgate / bare (at most 1.5, aim 1.25)', round(median(ours.map((r, i) => r.cpu / theirs[i].cpu))));
    const peerPort = await freePort();
    const database = await postgres();
    const peer = await program(process.execPath, [path.join(here, 'peer.cjs'), String(peerPort), '1000', database.url]);
    pin(peer.pid);
    const check = await request(`http://127.0.0.1:${peerPort}`, { target: list.first });
    if (check.status !== 200) throw new Error(`peer: ${check.status} ${check.text.slice(0, 300)}`);
    await load(peer.pid, `http://127.0.0.1:${peerPort}`, list.file, { time: 2, rate: 2000 });
    const express = await load(peer.pid, `http://127.0.0.1:${peerPort}`, list.file, { rate: 2000 });
    peer.kill('SIGKILL');
    await database.stop();
    say('atlassian-connect-express on PostgreSQL, CPU us/request of Node alone', round(express.cpu));
    say('atlassian-connect-express / licgate (at least 40)', round(express.cpu / cpu, 1));
    await app.stop();
  },

  async tenants() {
    console.log('\nMany tenants: the same requests with 100 and with 100,000 tenants');
    const small = await start(await seeded(100));
    const began = process.hrtime.bigint();
    const where = await seeded(100000);
    const seedSeconds = Number(process.hrtime.bigint() - began) / 1e9;
    const from = process.hrtime.bigint();
    const big = await start(where);
    const ready = Number(process.hrtime.bigint() - from) / 1e6;
    const lists = [targets(100), targets(100000, 20000)];
    const empty = await start(mkdtempSync(path.join(dir, 'empty-')));
    const perTenant = (residentKiB(big.child.pid) - residentKiB(empty.child.pid)) * 1024 / 100000;
    await empty.stop();
    pin(small.child.pid);
    pin(big.child.pid);
    await load(small.child.pid, small.url, lists[0].file, { time: 1 });
    await load(big.child.pid, big.url, lists[1].file, { time: 2 });
    const ratios = [];
    for (let i = 0; i < rounds; i++) {
      const a = await load(small.child.pid, small.url, lists[0].file);
      const b = await load(big.child.pid, big.url, lists[1].file);
      ratios.push(b.cpu / a.cpu);
    }
    say('seeding 100,000 tenants, s', round(seedSeconds));
    say('start to ready with 100,000 tenants, ms (at most 1,000)', round(ready, 0));
    say('resident bytes per tenant (at most 1,024)', round(perTenant, 0));
    say('CPU per request, 100,000 / 100 tenants (at most 1.2)', round(median(ratios)));
    await small.stop();
    await big.stop();
  },

  async search() {
    console.log('\nThe admin page\'s search over 100,000 tenants');
    const app = await start(await seeded(100000));
    const times = 20;
    for (const [name, query] of [['nothing typed', 'limit=50'], ['one host', 'query=bench-012345&limit=50'], ['a part of many', 'query=99&limit=50'],
      ['a SEN', 'query=sen-0054321&limit=50'], ['the beginning of every SEN', 'query=SEN-&limit=50'], ['nobody', 'query=nobody-has-this&limit=50'],
      ['by the end of the licence', 'sort=expires_at&dir=desc&limit=50'], ['the last page of a state', 'state=active&sort=last_seen_at&limit=500']]) {
      const totals = new Set();
      await app.admin(`tenants?${query}`);
      const before = cpuSeconds(app.child.pid);
      for (let i = 0; i < times; i++) totals.add((await app.admin(`tenants?${query}`)).json.total);
      say(`${name}: CPU ms (at most 50)`, `${round(((cpuSeconds(app.child.pid) - before) / times) * 1000, 1)}, finds ${[...totals]}`);
    }
    await app.stop();
  },

  async lookups() {
    console.log('\nLook-ups: one dead host among the living; 500 waiting on one expired licence');
    const world = await Atlassian.start();
    const app = await Licgate.start({ env: { ...world.env, ...quiet, LICGATE_THREADS: '2', LICGATE_LICENSE_RETRY: '1' } });
    const held = [];
    const one = world.site(undefined, (req, res) => held.push(res));
    await one.install(app);
    const waiting = Array.from({ length: 500 }, () => one.apiLicense(app));
    while (!held.length) await new Promise((resolve) => setImmediate(resolve));
    held[0].writeHead(200).end(JSON.stringify(active()));
    const answers = await Promise.all(waiting);
    say('500 waiting requests: look-ups made (exactly 1)', `${one.lookups}, ${answers.filter((a) => a.json?.state === 'active').length} answered active`);

    const alive = world.site();
    await alive.install(app);
    while ((await alive.apiLicense(app)).json.state !== 'active') await new Promise((resolve) => setImmediate(resolve));
    const list = path.join(dir, 'alive');
    writeFileSync(list, Array.from({ length: 200 }, (_, i) => {
      const target = `/app/license.json?lic=active&n=${i}`;
      return `${target}&jwt=${alive.token('GET', target, { exp: Math.floor(Date.now() / 1000) + 3600 })}`;
    }).join('\n'));
    pin(app.child.pid);
    const dead = world.site(undefined, () => {});
    await dead.install(app);
    const calm = world.site();
    await calm.install(app);
    // The same background of 16 clients in both: of a tenant whose host answers, and of one whose host never does.
    const background = (site, going) => Array.from({ length: 16 }, async () => {
      while (going.on) { await site.apiLicense(app); await new Promise((resolve) => { setTimeout(resolve, 20); }); }
    });
    const p99 = { calm: [], dying: [] };
    for (let i = 0; i < rounds; i++) {
      for (const [name, site] of [['calm', calm], ['dying', dead]]) {
        const going = { on: true };
        const clients = background(site, going);
        p99[name].push((await load(app.child.pid, app.url, list, { connections: 4, rate: 4000 })).p99);
        going.on = false;
        await Promise.all(clients);
      }
    }
    say('p99 of the others, ms: calm, with a dead host (within 2x)', `${round(median(p99.calm))}, ${round(median(p99.dying))}, ratio ${round(median(p99.dying) / median(p99.calm))}`);
    await app.stop();
    await world.stop();
  },

  async installs() {
    console.log('\nSigned installs, each durable when acknowledged');
    const world = await Atlassian.start();
    const app = await Licgate.start({ env: { ...world.env, ...quiet, LICGATE_THREADS: '2' } });
    const site = world.site(undefined, active());
    const body = path.join(dir, 'install.json');
    writeFileSync(body, JSON.stringify(site.installBody('installed')));
    const at = Math.floor(Date.now() / 1000);
    const token = world.rs256({ iss: site.clientKey, aud: ['https://app.example.test'], iat: at, exp: at + 900,
      qsh: jwt.createQueryStringHash(jwt.fromMethodAndUrl('POST', '/installed')) });
    // The same signed install again and again: each is verified, journalled and committed before its 204.
    const rate = async (clients, count) => {
      const { stdout: text } = await promisify(execFile)('h2load', ['--h1', '-t1', `-c${clients}`, `-n${count}`, '-d', body, '-H', `Authorization: JWT ${token}`,
        '-H', 'Content-Type: application/json', `${app.url}/installed`]);
      if (!new RegExp(`status codes: ${count} 2xx`).test(text)) throw new Error(text);
      return Number(/, ([\d.]+) req\/s/.exec(text)[1]);
    };
    await rate(1, 20);
    const ratios = [], singles = [], manies = [];
    for (let i = 0; i < rounds; i++) {
      singles.push(await rate(1, 500));
      manies.push(await rate(64, 6400));
      ratios.push(manies[i] / singles[i]);
    }
    say('installs/s one at a time, 64 at once', `${round(median(singles), 0)}, ${round(median(manies), 0)}`);
    say('64 at once / one at a time (at least 3)', round(median(ratios), 1));
    await app.stop();
    await world.stop();
  },
};

parts.segment = () => segment({ dir, median, programs, round, rounds, say, start });
parts.deliveries = () => deliveries({ dir, freePort, load, median, pin, program, programs, round, rounds, say, seeded, start, targets });

const wanted = process.argv.slice(2).length ? process.argv.slice(2) : Object.keys(parts);
try {
  for (const name of wanted) {
    if (!parts[name]) throw new Error(`no part "${name}": ${Object.keys(parts).join(', ')}`);
    await parts[name]();
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}

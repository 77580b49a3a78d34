// licgate.mjs - starts the real binary on free ports with a throw-away database, and talks to it as clients do.
// Every test gets its own process; nothing is shared, nothing sleeps: what must become true is awaited with until().
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import readline from 'node:readline';

export const project = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const binary = process.env.LICGATE_BINARY ?? path.join(project, 'build/dev/licgate');
export const BASE_URL = 'https://app.example.test';
export const ADMIN_TOKEN = 'operator-token-of-the-tests';
export const SECRET_KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`;

/** The environment of a server: nothing of the caller's LICGATE_ settings leaks in. */
export function environment(dir, extra = {}) {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LICGATE_')));
  const env = {
    ...clean,
    LICGATE_BASE_URL: BASE_URL,
    LICGATE_LISTEN: '127.0.0.1:0',
    LICGATE_ADMIN_LISTEN: '127.0.0.1:0',
    LICGATE_DATABASE: `sqlite:${path.join(dir, 'licgate.db')}`,
    LICGATE_DESCRIPTOR: path.join(project, 'descriptor/atlassian-connect.json'),
    LICGATE_FEATURES: path.join(project, 'descriptor/features.json'),
    LICGATE_STATIC: path.join(project, 'static'),
    LICGATE_SECRET_KEYS: SECRET_KEYS,
    LICGATE_ADMIN_TOKEN: ADMIN_TOKEN,
    LICGATE_ALLOW_INSECURE_HOSTS: '1',
    LICGATE_LOG: 'debug',
    ...extra,
  };
  for (const name of Object.keys(env)) if (env[name] === undefined) delete env[name];
  return env;
}

/** A running server. `stop()` ends it gracefully and fails on a crash or a sanitizer report. */
export class Licgate {
  constructor(child, dir, ownDir) {
    Object.assign(this, { child, dir, ownDir, log: [], stderr: '' });
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  static async start({ env = {}, dir, via = [] } = {}) {
    const ownDir = !dir;
    dir ??= mkdtempSync(path.join(tmpdir(), 'licgate-'));
    const [command, ...args] = [...via, binary, 'serve'];
    const child = spawn(command, args, { env: environment(dir, env), cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new Licgate(child, dir, ownDir);
    const started = new Promise((resolve, reject) => {
      readline.createInterface({ input: child.stderr }).on('line', (line) => {
        server.stderr += `${line}\n`;
        let entry;
        try { entry = JSON.parse(line); } catch { return; }
        server.log.push(entry);
        if (entry.event === 'server.started') resolve(entry);
      });
      server.exited.then(({ code }) => reject(new Error(`licgate ended with ${code}:\n${server.stderr}`)));
    });
    const entry = await started;
    server.url = `http://${entry.public}`;
    server.adminUrl = `http://${entry.admin}`;
    return server;
  }

  async stop({ keep = false } = {}) {
    this.child.kill('SIGTERM');
    const { code, signal } = await this.exited;
    if (this.ownDir && !keep) rmSync(this.dir, { recursive: true, force: true });
    if (code !== 0) throw new Error(`licgate ended with ${code ?? signal}:\n${this.stderr}`);
  }

  /** As if the machine lost power: nothing is flushed. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  request(options) { return request(this.url, options); }

  async admin(pathname, { method = 'GET', body, text = body === undefined ? undefined : JSON.stringify(body), headers = {}, token = ADMIN_TOKEN } = {}) {
    const all = { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) };
    if (text !== undefined) all['content-type'] = 'application/json';
    return request(this.adminUrl, {
      method, target: `/admin/api/v1/${pathname}`, headers: all, body: text,
    });
  }

  async events(query = '') {
    const { json } = await this.admin(`events?after=0&limit=500${query}`);
    return json.events;
  }

  async metric(name, labels = {}) {
    const { text } = await request(this.adminUrl, { target: '/metrics' });
    let sum = 0;
    for (const line of text.split('\n')) {
      const match = /^([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)$/.exec(line);
      if (!match || match[1] !== name) continue;
      if (Object.entries(labels).every(([k, v]) => (match[2] ?? '').includes(`${k}="${v}"`))) sum += Number(match[3]);
    }
    return sum;
  }
}

/** One request, target sent byte for byte as given. Answer: status, headers, text, json (if it is JSON). */
export function request(base, { method = 'GET', target = '/', headers = {}, body, agent } = {}) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const req = http.request({ hostname, port, method, path: target, headers: {
      ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) }, agent }, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        let json;
        try { json = JSON.parse(text); } catch { /* not JSON */ }
        resolve({ status: res.statusCode, headers: res.headers, text, json });
      });
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end(body);
  });
}

/** Awaits a condition: asks again until it holds, and says what it was waiting for when it never does. */
export async function until(what, check, timeoutMs = 10000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never became true: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs a command of the binary to its end. */
export function run(args, { env = {}, dir = tmpdir(), input } = {}) {
  return new Promise((resolve) => {
    const child = spawn(binary, args, { env: environment(dir, env), cwd: dir });
    let stdout = '', stderr = '';
    child.stdout.on('data', (d) => { stdout += d; });
    child.stderr.on('data', (d) => { stderr += d; });
    child.on('exit', (code, signal) => resolve({ code, signal, stdout, stderr }));
    child.stdin.end(input);
  });
}

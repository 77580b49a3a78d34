// demo.mjs - a running `licgate demo`: a server and simulated Jira sites on throw-away data, on ports of its own.
import { spawn } from 'node:child_process';
import net from 'node:net';
import { binary, environment, project } from '../../e2e/lib/licgate.mjs';

/** Ports that were free a moment ago: the demo's base URL must be known before it listens. */
async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((s) => s.address().port);
  await Promise.all(servers.map((s) => new Promise((resolve) => { s.close(resolve); })));
  return ports;
}

export class Demo {
  /** ports: app, admin, simulated site; default: free ones. */
  static async start({ ports, env = {} } = {}) {
    const demo = new Demo();
    const listen = (ports ?? await freePorts(3)).map((port) => `127.0.0.1:${port}`);
    [demo.app, demo.admin, demo.sim] = listen.map((address) => `http://${address}`);
    const clean = Object.fromEntries(Object.entries(environment('/nowhere')).filter(([name]) => !name.startsWith('LICGATE_')));
    demo.child = spawn(binary, ['demo'], { cwd: project, stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...clean, LICGATE_LISTEN: listen[0], LICGATE_ADMIN_LISTEN: listen[1], LICGATE_SIM_LISTEN: listen[2], ...env } });
    let said = '', stderr = '';
    demo.child.stderr.on('data', (d) => { stderr += d; demo.stderr = stderr; });
    demo.exited = new Promise((resolve) => { demo.child.once('exit', resolve); });
    await new Promise((resolve, reject) => {
      demo.child.stdout.on('data', (d) => { if ((said += d).includes('Try:')) resolve(); });
      demo.exited.then((code) => reject(new Error(`the demo ended with ${code}:\n${stderr}`)));
    });
    demo.token = /Admin token\s+(\S+)/.exec(said)[1];
    return demo;
  }

  /** A control of a simulated site: control('POST', 'acme/rotate'); body as JSON. */
  async control(method, what, body) {
    const answer = await fetch(`${this.sim}/sim/api/sites${what ? `/${what}` : ''}`, { method, headers: { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body) });
    return answer.json();
  }

  /** Sets acme's licence, and waits until the app has looked it up: what was kept before is no longer in its answers. */
  async license(body) {
    await this.control('PUT', 'acme/license', body);
    const { sites } = await this.control('GET', '');
    const key = encodeURIComponent(sites.find((s) => s.name === 'acme').client_key);
    const { status } = await fetch(`${this.admin}/admin/api/v1/tenants/${key}/refresh`, { method: 'POST',
      headers: { Authorization: `Bearer ${this.token}` } });
    if (status !== 200) throw new Error(`refresh: ${status}`);
  }

  async stop() {
    this.child.kill('SIGINT');
    const code = await this.exited;
    if (code !== 0) throw new Error(`the demo ended with ${code}:\n${this.stderr.slice(-4000)}`);
  }
}

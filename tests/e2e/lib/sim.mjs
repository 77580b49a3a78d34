// sim.mjs - the real `licgate sim` on a free port, driven by its JSON control as a developer would.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import readline from 'node:readline';
import { binary, environment, request } from './licgate.mjs';

export class Sim {
  static async start({ env = {} } = {}) {
    const sim = new Sim();
    sim.child = spawn(binary, ['sim'], { env: { ...environment(tmpdir()), LICGATE_SIM_LISTEN: '127.0.0.1:0', ...env }, cwd: tmpdir(),
      stdio: ['ignore', 'pipe', 'pipe'] });
    sim.stderr = '';
    sim.child.stderr.on('data', (d) => { sim.stderr += d; });
    sim.exited = new Promise((resolve) => sim.child.once('exit', (code, signal) => resolve({ code, signal })));
    const lines = readline.createInterface({ input: sim.child.stdout });
    const said = new Promise((resolve) => lines.once('line', resolve));
    const line = await Promise.race([said, sim.exited]);
    sim.url = /http:\/\/[^/]+/.exec(line)?.[0];
    if (!sim.url) throw new Error(`the simulated site did not start:\n${sim.stderr}`);
    return sim;
  }

  /** Settings that make a licgate trust this site. */
  get env() {
    return { LICGATE_INSTALL_KEYS_URL: `${this.url}/sim/keys`, LICGATE_ALLOWED_HOSTS: new URL(this.url).host };
  }

  api(method, path, body, headers = {}) {
    return request(this.url, { method, target: `/sim/api/sites${path}`, body: body === undefined ? undefined : JSON.stringify(body),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers } });
  }

  create(name, descriptor) { return this.api('POST', '', { name, descriptor }); }

  act(name, action, body) { return this.api('POST', `/${name}/${action}`, body); }

  async site(name) {
    const { json } = await this.api('GET', '');
    return json.sites.find((s) => s.name === name);
  }

  async log(name) { return (await this.api('GET', `/${name}/log`)).json.entries; }

  async page(name, module) { return (await this.api('GET', `/${name}/page?module=${module}`)).json.url; }

  async stop() {
    this.child.kill('SIGTERM');
    const { code, signal } = await this.exited;
    if (code !== 0) throw new Error(`licgate sim ended with ${code ?? signal}:\n${this.stderr}`);
  }
}

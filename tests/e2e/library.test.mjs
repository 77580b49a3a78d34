// library.test.mjs - the gate inside a C program (tests/library/ask.c), which serves its own requests and asks about each.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { binary, environment, request, until } from './lib/licgate.mjs';
import { Atlassian, active, notLicensed } from './lib/atlassian.mjs';

class Program {
  static async start(dir, env) {
    const program = new Program();
    program.child = spawn(path.join(path.dirname(binary), 'library_ask'), { env: environment(dir, env), cwd: dir, stdio: ['pipe', 'pipe', 'pipe'] });
    program.stderr = '';
    program.child.stderr.on('data', (d) => { program.stderr += d; });
    program.exited = new Promise((resolve) => program.child.once('exit', (code, signal) => resolve({ code, signal })));
    program.answers = [];
    readline.createInterface({ input: program.child.stdout }).on('line', (line) => program.answers.shift()?.(line));
    program.url = `http://${await program.#line()}`;
    return program;
  }

  #line() { return Promise.race([new Promise((resolve) => this.answers.push(resolve)), this.exited.then(() => '')]); }

  request(options) { return request(this.url, options); }

  async ask(method, target, { authorization = '-', context = false, feature = '-' } = {}) {
    this.child.stdin.write(`${method}\t${target}\t${authorization}\t${context ? 1 : 0}\t${feature}\n`);
    const [failed, verdict, status, code, state, source, clientKey, accountId, baseUrl] = (await this.#line()).split('\t');
    return { failed: failed !== '0', verdict: ['deny', 'read_only', 'allow'][verdict], status: Number(status), code, state, source, clientKey, accountId, baseUrl };
  }

  async stop() {
    this.child.stdin.end();
    const { code, signal } = await this.exited;
    assert.equal(code, 0, `${signal}\n${this.stderr}`);
  }
}

describe('a C program', () => {
  let world, program, dir, site;
  const page = (of, method, target, more = {}) => program.ask(method, target, { authorization: `JWT ${of.token(method, target, more.claims)}`, ...more });
  const features = { features: {
    board: { active: 'allow', expired: 'read_only' },
    seat: { active: 'allow', default: 'deny', seats: true },
    advanced: { active: 'allow', edition: 'advanced', seats: true } } };
  const installed = async (license) => {
    const one = world.site(undefined, license);
    assert.equal((await one.install(program)).status, 204);
    await until('looked up', async () => (await program.ask('GET', '/', { authorization: `JWT ${one.context()}`, context: true })).source === 'lookup');
    return one;
  };
  before(async () => {
    world = await Atlassian.start();
    dir = mkdtempSync(path.join(tmpdir(), 'licgate-library-'));
    writeFileSync(path.join(dir, 'features.json'), JSON.stringify(features));
    program = await Program.start(dir, { ...world.env, LICGATE_FEATURES: path.join(dir, 'features.json') });
    site = await installed(active({ maximumNumberOfUsers: 1 }));
  });
  after(async () => {
    await program.stop();
    await world.stop();
    rmSync(dir, { recursive: true });
  });

  test('who asks, and what the licence says', async () => {
    const answer = await page(site, 'GET', '/my/own/page?x=1', { feature: 'board' });
    assert.deepEqual(answer, { failed: false, verdict: 'allow', status: 200, code: 'VALID', state: 'active', source: 'lookup', clientKey: site.clientKey,
      accountId: 'account-1', baseUrl: site.baseUrl });
    const inQuery = `/p?jwt=${site.token('GET', '/p')}`;
    assert.equal((await program.ask('GET', inQuery)).status, 200);
  });

  test('tokens: 401 with the reason, 400 for two', async () => {
    assert.deepEqual([(await program.ask('GET', '/p')).status, (await program.ask('GET', '/p')).verdict], [401, 'deny']);
    const other = await program.ask('POST', '/p', { authorization: `JWT ${site.token('GET', '/p')}` });
    assert.deepEqual([other.status, other.code, other.clientKey], [401, 'INVALID_QSH', '']);
    const context = { authorization: `JWT ${site.context()}` };
    assert.equal((await program.ask('GET', '/p', context)).status, 401);
    assert.equal((await program.ask('GET', '/p', { ...context, context: true })).status, 200);
    assert.equal((await program.ask('GET', `/p?jwt=${site.token('GET', '/p')}`, { authorization: `JWT ${site.token('GET', '/p')}` })).status, 400);
    assert.equal((await program.ask('GET', '/p?a=%ff', context)).status, 400);
  });

  test('lic counts where it is signed', async () => {
    assert.equal((await page(site, 'GET', '/p?lic=none', { feature: 'board' })).source, 'lic');
    const answer = await program.ask('GET', '/p?lic=none', { authorization: `JWT ${site.context()}`, context: true, feature: 'board' });
    assert.equal(answer.source, 'lookup');
    await page(site, 'GET', '/p?lic=active');
  });

  test('features: denied, unknown, read-only by method', async () => {
    const none = await installed(notLicensed());
    const denied = await page(none, 'GET', '/p', { feature: 'board' });
    assert.deepEqual([denied.status, denied.verdict, denied.code, denied.state], [403, 'deny', 'NO_LICENSE', 'none']);
    assert.equal((await page(none, 'GET', '/p')).status, 200, 'no feature: a token is enough');
    assert.deepEqual([(await page(site, 'GET', '/p', { feature: 'nonesuch' })).status], [403]);
    const lapsed = await installed(notLicensed({ maintenanceExpiryDate: new Date(Date.now() - 40 * 86400000).toISOString() }));
    for (const [method, verdict, status] of [['GET', 'read_only', 200], ['HEAD', 'read_only', 200], ['POST', 'deny', 403], ['BREW', 'deny', 403]]) {
      const answer = await page(lapsed, method, '/p', { feature: 'board' });
      assert.deepEqual([answer.verdict, answer.status, answer.code], [verdict, status, 'EXPIRED'], method);
    }
  });

  test('a request that is denied takes no seat', async () => {
    const edition = await page(site, 'GET', '/p', { feature: 'advanced', claims: { sub: 'first' } });
    assert.equal(edition.code, 'EDITION_REQUIRED');
    assert.equal((await page(site, 'GET', '/p', { feature: 'seat', claims: { sub: 'second' } })).status, 200, 'the one seat is free');
    const full = await page(site, 'GET', '/p', { feature: 'seat', claims: { sub: 'third' } });
    assert.deepEqual([full.status, full.code], [403, 'SEATS_EXCEEDED']);
  });

  test('an id is told whole or the request is refused: two that differ at the end are never one', async () => {
    const long = 'a'.repeat(255);
    assert.equal((await page(site, 'GET', '/p', { claims: { sub: long } })).accountId, long);
    const longer = await page(site, 'GET', '/p', { claims: { sub: `${long}b` }, feature: 'board' });
    assert.deepEqual([longer.status, longer.verdict, longer.code, longer.accountId], [403, 'deny', 'name_too_long', '']);
    const far = world.site(`s${'x'.repeat(511 - `${world.url}/sites/`.length)}`);
    far.clientKey = 'k'.repeat(255);
    assert.equal(far.baseUrl.length, 512);
    assert.equal((await far.install(program)).status, 204);
    const answer = await page(far, 'GET', '/p');
    assert.deepEqual([answer.clientKey, answer.baseUrl], [far.clientKey, far.baseUrl]);
  });
});

test('a start that cannot be says why and comes back', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'licgate-library-'));
  const child = spawn(path.join(path.dirname(binary), 'library_ask'), { env: environment(dir, { LICGATE_LISTEN: 'nowhere' }), cwd: dir });
  let stderr = '';
  child.stderr.on('data', (d) => { stderr += d; });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 1);
  assert.match(stderr, /LICGATE_LISTEN/);
  rmSync(dir, { recursive: true });
});

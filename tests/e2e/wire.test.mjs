// wire.test.mjs - raw bytes: what no well-behaved client sends, what slow and broken clients do, what a stop leaves behind.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Licgate, project, request, until } from './lib/licgate.mjs';
import { Atlassian, active } from './lib/atlassian.mjs';

let world, app;
before(async () => {
  world = await Atlassian.start();
  app = await Licgate.start({ env: { ...world.env, LICGATE_REQUEST_TIMEOUT: '2' } });
});
after(async () => {
  await app.stop();
  await world.stop();
});

/** Sends bytes, gives all that came back once the server closes (or quiet, when `done` says enough came). */
function raw(bytes, { done = () => false, base = app.url } = {}) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve) => {
    const socket = net.connect(port, hostname, () => socket.write(bytes));
    let text = '';
    socket.on('data', (d) => { text += d.toString('latin1'); if (done(text)) socket.destroy(); });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ text, codes: [...text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map((m) => Number(m[1])) }));
  });
}
const crlf = (...lines) => `${lines.join('\r\n')}\r\n\r\n`;

describe('framing: one reading only', () => {
  const refused = {
    'two lengths': 'POST /installed HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
    'length and chunked': 'POST /installed HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n',
    'two hosts': crlf('GET /healthz HTTP/1.1', 'Host: a', 'Host: b'),
    'no host': crlf('GET /healthz HTTP/1.1'),
    'two authorizations': crlf('GET /healthz HTTP/1.1', 'Host: a', 'Authorization: JWT a', 'Authorization: JWT b'),
    'chunked twice': crlf('POST /installed HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked, chunked'),
    gzip: crlf('POST /installed HTTP/1.1', 'Host: a', 'Transfer-Encoding: gzip'),
    'length of letters': crlf('POST /installed HTTP/1.1', 'Host: a', 'Content-Length: abc'),
    'no colon': crlf('GET /healthz HTTP/1.1', 'Host: a', 'X-A'),
    'no version': crlf('GET /healthz'),
    'chunk of letters': 'POST /installed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'length with sign': crlf('POST /installed HTTP/1.1', 'Host: a', 'Content-Length: +5'),
    'blank before colon': crlf('GET /healthz HTTP/1.1', 'Host: a', 'X-A : 1'),
    'folded line': crlf('GET /healthz HTTP/1.1', 'Host: a', 'X-A: 1', ' folded'),
    'NUL in a value': crlf('GET /healthz HTTP/1.1', 'Host: a', 'X-A: 1\u00002'),
    'absolute target': crlf('GET http://a/healthz HTTP/1.1', 'Host: a'),
    'fragment': crlf('GET /healthz#x HTTP/1.1', 'Host: a'),
    'NUL in the target': crlf('GET /healthz%00 HTTP/1.1', 'Host: a'),
    'byte over 0x7e': crlf('GET /\u00ff HTTP/1.1', 'Host: a'),
  };
  for (const [name, bytes] of Object.entries(refused)) {
    test(name, async () => {
      const { codes, text } = await raw(Buffer.from(bytes, 'latin1'));
      assert.ok(codes.length === 1 && [400, 411, 413, 501].includes(codes[0]), text.slice(0, 400));
      assert.match(text, /^cache-control: no-cache, no-store\r$/im);
      assert.match(text, /^content-type: application\/problem\+json\r$/im);
    });
  }

  const vectors = JSON.parse(readFileSync(path.join(project, 'tests/vectors/http1-torture.json'))).tests;
  // The chunk decoder is libmicrohttpd's: a bare LF after a chunk extension passes there and reaches no handler differently.
  const known = new Set(['chunk-ext-lf']);
  test(`${vectors.length} torture vectors: refused ones are refused, and never a 5xx but 501 and 505`, async () => {
    await Promise.all(vectors.map(async (v) => {
      const { codes } = await raw(Buffer.from(v.raw_b64, 'base64'));
      for (const code of codes) assert.ok(code < 500 || code === 501 || code === 505, `${v.id}: ${code}`);
      if (/^400(\/413|\/501)?$/.test(v.rfc_expect) && !known.has(v.id)) {
        assert.ok(codes.every((c) => c >= 400), `${v.id}: ${codes}`);
      }
    }));
  });

  test('2,000 arguments and 20 KB of target end at once', async () => {
    const query = Array.from({ length: 2000 }, (_, i) => `k${i}=${i}`).join('&');
    const began = Date.now();
    const { codes } = await raw(crlf(`GET /healthz?${query} HTTP/1.1`, 'Host: a', 'Connection: close'));
    assert.ok(codes.length === 1 && [200, 400, 414, 431].includes(codes[0]), `${codes}`);
    assert.ok(Date.now() - began < 1500);
  });
});

describe('slow clients are cut by the deadline, health stays fast', () => {
  const trickle = (bytes) => new Promise((resolve) => {
    const { hostname, port } = new URL(app.url);
    const began = Date.now();
    let at = 0;
    const socket = net.connect(port, hostname);
    const timer = setInterval(() => socket.write(bytes[at++ % bytes.length]), 200);
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.on('close', () => { clearInterval(timer); resolve(Date.now() - began); });
  });
  test('a byte every 200 ms of headers, of a body, and nothing at all', async () => {
    const took = await Promise.all([
      trickle('GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'),
      (async () => {
        const began = Date.now();
        await raw('POST /installed HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\nx');
        return Date.now() - began;
      })(),
      (async () => {
        const began = Date.now();
        await raw('');
        return Date.now() - began;
      })(),
    ]);
    for (const ms of took) assert.ok(ms > 1500 && ms < 5000, `${took}`);
  });

  test('300 idle connections', async () => {
    const { hostname, port } = new URL(app.url);
    const sockets = Array.from({ length: 300 }, () => net.connect(port, hostname).on('error', () => {}));
    await Promise.all(sockets.map((s) => new Promise((resolve) => s.once('connect', resolve))));
    const began = Date.now();
    assert.equal((await request(app.url, { target: '/healthz' })).status, 200);
    assert.ok(Date.now() - began < 500);
    for (const s of sockets) s.destroy();
  });
});

test('1,100 idle connections where the shell gives a process 1,024 files', async () => {
  const server = await Licgate.start({ env: world.env, via: ['bash', '-c', 'ulimit -Sn 1024; exec "$0" "$@"'] });
  const { hostname, port } = new URL(server.url);
  const sockets = Array.from({ length: 1100 }, () => net.connect(port, hostname).on('error', () => {}));
  await Promise.all(sockets.map((s) => new Promise((resolve) => s.once('connect', resolve))));
  const began = Date.now();
  assert.equal((await request(server.url, { target: '/healthz', agent: false })).status, 200);
  assert.ok(Date.now() - began < 1000);
  for (const s of sockets) s.destroy();
  await server.stop();
});

describe('a stop breaks no answer', () => {
  test('SIGTERM while a look-up is waited for', async () => {
    const held = [];
    const site = world.site(undefined, (req, res) => held.push(res));
    const server = await Licgate.start({ env: world.env });
    await site.install(server);
    const waiting = Array.from({ length: 20 }, () => site.apiLicense(server));
    await until('the look-up arrives', () => held.length === 1);
    await until('every request waits', async () => await server.metric('licgate_license_waiting') === 20);
    const stopped = server.stop();
    held[0].writeHead(200).end(JSON.stringify(active()));
    for (const { status } of await Promise.all(waiting)) assert.ok(status === 200 || status === 503, `${status}`);
    await stopped;
  });

  test('SIGTERM under load: every answer is whole', async () => {
    const server = await Licgate.start({ env: world.env });
    const site = world.site();
    await site.install(server);
    let answered = 0, stopping = false;
    const client = async () => {
      for (;;) {
        try {
          const { status } = await site.open(server, '/app/license.json?lic=active');
          assert.ok(status === 200 || (stopping && status === 503), `${status}`);
          answered++;
        } catch (error) {
          assert.ok(stopping, `broken before the stop: ${error}`);
          return;
        }
      }
    };
    const clients = Array.from({ length: 8 }, client);
    await until('some answers', () => answered > 100);
    stopping = true;
    await server.stop();
    await Promise.all(clients);
  });
});

// market.mjs - the Marketplace's reports at size: a first import and a repeated poll with nothing new, beside what
// `sqlite3 .import` takes for the same rows as CSV. `node market.mjs [LICENCES] [TRANSACTIONS]`, with LICGATE_BINARY or the
// release build. Prints one line a figure.
//
// What is compared: licgate downloads JSON from this machine's loopback, parses, hashes, writes rows, ids, contacts
// (sealed) and commits hundreds of times with a sync; .import reads a CSV of the very columns of market_licenses and
// market_sales (hashes as hex) into tables with the same indexes, in the exports' order, in one transaction, without ids and
// contacts.
import { execFileSync, spawn } from 'node:child_process';
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { license, sale } from '../e2e/lib/marketplace.mjs';

const project = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
process.env.LICGATE_BINARY ??= path.join(project, 'build/release/licgate');
const { binary, environment, Licgate } = await import('../e2e/lib/licgate.mjs');
const [licences, transactions] = [Number(process.argv[2] ?? 100000), Number(process.argv[3] ?? 300000)];
const dir = mkdtempSync(path.join(process.env.BENCH_DIR ?? os.tmpdir(), 'licgate-market-'));
const database = path.join(dir, 'licgate.db');
const pick = (list, n) => list[n % list.length];
/* Ids come in no order. */
const scatter = (n, of) => (n * 7919 + 13) % of;

async function writeArray(file, count, make) {
  const out = createWriteStream(file);
  out.write('[');
  for (let n = 0; n < count; n++) {
    if (!out.write((n ? ',' : '') + JSON.stringify(make(n)))) await new Promise((resolve) => { out.once('drain', resolve); });
  }
  await new Promise((resolve) => { out.end(']', resolve); });
}

const makeLicense = (n) => license({ status: pick(['active', 'active', 'inactive', 'cancelled'], n), licenseType: pick(['COMMERCIAL', 'EVALUATION', 'ACADEMIC'], n),
  tier: `${pick([10, 25, 50, 100, 250], n)} Users`, addonKey: pick(['com.example.licgate', 'com.example.other'], n) }, scatter(n, licences));
const makeSale = (n) => sale({ purchase: { saleType: pick(['New', 'Renewal', 'Upgrade'], n), purchasePrice: (n % 100000) / 100, vendorAmount: (n % 75000) / 100,
  saleDate: `20${20 + (n % 6)}-0${1 + (n % 9)}-1${n % 10}` }, transactionId: `AT-${scatter(n, transactions * 10)}`, transactionLineItemId: `L-${n}` }, scatter(n, licences));

/* Serves the two files as exports, in a process of its own so that it takes nothing from what is measured but a core. */
function serve(files) {
  const server = http.createServer((req, res) => {
    req.resume();
    const url = new URL(req.url, 'http://x');
    const of = url.pathname.includes('/licenses/') ? (url.searchParams.has('endDate') || url.pathname.includes('older') ? 'older' : 'licenses') : 'sales';
    if (req.method === 'POST') res.end(`{"export":{"id":"${of}"}}`);
    else if (url.pathname.endsWith('/status')) res.end('{"export":{"id":"x","status":"COMPLETED"}}');
    else if (of === 'older') res.end('[]');
    else createReadStream(files[of], { highWaterMark: 1 << 20 }).pipe(res);
  });
  return new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(server)); });
}

if (process.argv[2] === 'serve') {
  const server = await serve({ licenses: process.argv[3], sales: process.argv[4] });
  process.stdout.write(`${server.address().port}\n`);
} else {
  const files = { licenses: path.join(dir, 'licenses.json'), sales: path.join(dir, 'sales.json') };
  await writeArray(files.licenses, licences, makeLicense);
  await writeArray(files.sales, transactions, makeSale);
  console.log(`exports: ${licences} licences ${(statSync(files.licenses).size / 1e6).toFixed(0)} MB, ${transactions} transactions ${(statSync(files.sales).size / 1e6).toFixed(0)} MB`);
  const server = spawn(process.execPath, [fileURLToPath(import.meta.url), 'serve', files.licenses, files.sales], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise((resolve) => { server.stdout.once('data', (d) => resolve(Number(d))); });
  const env = environment(dir, { LICGATE_MARKETPLACE_URL: `http://127.0.0.1:${port}`, LICGATE_MARKETPLACE_USER: 'u', LICGATE_MARKETPLACE_TOKEN: 't', LICGATE_MARKETPLACE_DEVELOPER_ID: 'd' });
  const timed = (command, args, options) => {
    const time = path.join(dir, 'time');
    execFileSync('/usr/bin/time', ['-o', time, '-f', '%e %U %S %M', command, ...args], options);
    const [wall, user, system, kb] = readFileSync(time, 'utf8').trim().split(/\s+/).map(Number);
    return { wall, cpu: user + system, mb: kb / 1024 };
  };
  const show = (name, { wall, cpu, mb }, more = '') => console.log(`${name}: ${wall.toFixed(2)} s, CPU ${cpu.toFixed(2)} s, ${mb.toFixed(0)} MB${more}`);
  try {
    const first = timed(binary, ['sync', '--full'], { env, cwd: dir });
    const idle = timed(binary, ['tenants', 'list'], { env, cwd: dir, stdio: 'ignore' });
    const again = timed(binary, ['sync', '--full'], { env, cwd: dir });
    const third = timed(binary, ['sync', '--full'], { env, cwd: dir });
    const imports = importCsv(), bare = importBare();
    const ratio = (t) => `, ${(t.wall / imports.wall).toFixed(2)} of .import (CPU ${(t.cpu / imports.cpu).toFixed(2)})`;
    show('.import of the same rows', imports);
    show('.import of the same rows, no index', bare);
    show('first import', first, `${ratio(first)}, ${(first.mb - idle.mb).toFixed(0)} MB over a command that reads nothing`);
    show('poll with nothing new', again, ratio(again));
    show('poll with nothing new, once more', third, ratio(third));
    console.log(`database: ${(statSync(database).size / 1e6).toFixed(0)} MB`);
    await downloads();
  } finally {
    server.kill();
    if (!process.env.BENCH_KEEP) rmSync(dir, { recursive: true });
    else console.log(dir);
  }

  /* The books' longest CSV, and what it takes of the server's memory. */
  async function downloads() {
    const app = await Licgate.start({ dir, env });
    const memory = (name) => Number(readFileSync(`/proc/${app.child.pid}/status`, 'utf8').match(new RegExp(`${name}:\\s+(\\d+)`))[1]) / 1024;
    await app.admin('books/transactions?limit=1');
    const before = memory('VmRSS'), began = process.hrtime.bigint();
    const { text } = await app.admin('books/transactions?format=csv');
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    console.log(`transactions as CSV: ${(text.length / 1e6).toFixed(0)} MB in ${seconds.toFixed(2)} s, at most ${(memory('VmHWM') - before).toFixed(0)} MB more memory`);
    await app.stop({ keep: true });
  }

  function importCsv() {
    const sql = (db, text) => execFileSync('sqlite3', [db, text], { maxBuffer: 1 << 30 });
    const target = path.join(dir, 'import.db'), script = path.join(dir, 'import.sql');
    /* in no order, as in the exports: licgate's first import puts rows down in the order of their ids */
    const exported = { market_licenses: `CAST(substr(row_key, 3) AS INTEGER) * 7919 % ${licences}`, market_sales: 'CAST(substr(line_id, 3) AS INTEGER)' };
    const tables = Object.keys(exported);
    let schema = '';
    for (const table of tables) {
      const columns = sql(database, `SELECT name FROM pragma_table_info('${table}')`).toString().trim().split('\n');
      const list = columns.map((c) => (c.endsWith('_hash') ? `hex(${c})` : c)).join(', ');
      execFileSync('sqlite3', ['-csv', database, `.output ${path.join(dir, table)}.csv`, `SELECT ${list} FROM ${table} ORDER BY ${exported[table]}`]);
      schema += sql(database, `SELECT sql || ';' FROM sqlite_schema WHERE tbl_name = '${table}' AND sql IS NOT NULL`).toString().replaceAll(' STRICT', '').replaceAll('BLOB', 'TEXT');
    }
    sql(target, schema);
    writeFileSync(script, `.mode csv\n${tables.map((t) => `.import ${path.join(dir, t)}.csv ${t}\n`).join('')}`);
    return timed('sh', ['-c', `sqlite3 ${target} < ${script}`], { stdio: 'inherit' });
  }

  /* The least that it can take: tables without a key or an index, made of the files that importCsv() left. */
  function importBare() {
    const target = path.join(dir, 'bare.db'), script = path.join(dir, 'bare.sql');
    const tables = ['market_licenses', 'market_sales'];
    const columns = (table) => execFileSync('sqlite3', [database, `SELECT group_concat(name) FROM pragma_table_info('${table}')`]).toString().trim();
    writeFileSync(script, tables.map((t) => `CREATE TABLE ${t} (${columns(t)});\n.mode csv\n.import ${path.join(dir, t)}.csv ${t}\n`).join(''));
    return timed('sh', ['-c', `sqlite3 ${target} < ${script}`], { stdio: 'inherit' });
  }
}

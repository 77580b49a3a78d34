// peer.cjs - the same gated JSON answer from atlassian-connect-express: token and qsh checked, tenants in its own store.
// Started by bench.mjs with a PostgreSQL of the bench's; usage: peer.cjs PORT TENANTS DATABASE_URL.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const express = require('express');

const [port, tenants] = process.argv.slice(2, 4).map(Number);
const url = process.argv[4];
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'licgate-peer-'));
fs.writeFileSync(path.join(dir, 'atlassian-connect.json'), JSON.stringify({ key: 'com.example.licgate', baseUrl: 'https://app.example.test',
  authentication: { type: 'jwt' }, lifecycle: { installed: '/installed' }, modules: {} }));
process.chdir(dir);
process.env.NODE_ENV = 'production';
process.env.AC_OPTS = 'no-auto-registration';

const ace = require('atlassian-connect-express');
const app = express();
app.set('port', port);
const addon = ace(app, { config: { production: { port, errorTemplate: false, store: { adapter: 'sequelize', url, dialect: 'postgres', logging: false }, localBaseUrl: 'https://app.example.test' } } },
  { info() {}, warn() {}, error() {}, debug() {}, log() {} });
// The middleware of that framework's own app template: the same safe headers that licgate sends.
app.use(require('compression')());
app.use(express.urlencoded({ extended: false }));
app.use(express.json());
app.use(require('cookie-parser')());
app.use(require('helmet').hsts({ maxAge: 31536000, includeSubDomains: true }));
app.use(require('helmet').referrerPolicy({ policy: ['same-origin'] }));
app.use(require('helmet').noSniff());
app.use(require('nocache')());
app.use(addon.middleware());
app.get('/app/license.json', addon.authenticate(), (req, res) => {
  res.json({ tenant: req.context.clientKey, state: req.query.lic === 'active' ? 'active' : 'none', reason: 'lic_active', source: 'lic', age: 0,
    stale: false, evaluation: false, edition: null, seats: { limit: null, used: 0 }, expires_at: null,
    features: { board: { verdict: 'allow', code: 'VALID' }, export: { verdict: 'allow', code: 'VALID' } } });
});

async function seed() {
  for (let i = 0; i < tenants; i++) {
    const clientKey = `bench-${String(i).padStart(6, '0')}`;
    await addon.settings.set('clientInfo', { key: 'com.example.licgate', clientKey, sharedSecret: `secret-of-${clientKey}-`.padEnd(64, '0'),
      baseUrl: `https://${clientKey}.atlassian.net`, productType: 'jira' }, clientKey);
  }
}
seed().then(() => app.listen(port, '127.0.0.1', () => process.stdout.write('ready\n')));

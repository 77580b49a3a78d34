// express-app.cjs - a small licensed app on atlassian-connect-express, as its own template sets it up: what most Connect apps are.
// Nothing of licgate is in it. Started with: express-app.cjs PORT KEY_HOST SITE_HOST. Its settings are in memory.
const fs = require('node:fs');
const { createRequire } = require('node:module');
const os = require('node:os');
const path = require('node:path');

const [port, keyHost, siteHost] = process.argv.slice(2);
const theirs = createRequire(path.resolve(__dirname, '../../bench/package.json'));
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'licgate-express-'));
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
process.on('SIGTERM', () => process.exit(0));
fs.writeFileSync(path.join(dir, 'atlassian-connect.json'), JSON.stringify({ key: 'com.example.express', name: 'Express sample', baseUrl: '{{localBaseUrl}}',
  authentication: { type: 'jwt' }, enableLicensing: true, scopes: ['READ'], apiMigrations: { 'signed-install': true, 'context-qsh': true, gdpr: true },
  lifecycle: { installed: '/installed', uninstalled: '/uninstalled', enabled: '/enabled' },
  modules: {
    generalPages: [{ key: 'hello', url: '/hello-world?project={project.key}', location: 'system.top.navigation.bar', name: { value: 'Hello' } }],
    jiraIssueContents: [{ key: 'content', name: { value: 'Their content' }, icon: { width: 16, height: 16, url: '/icon.svg' }, tooltip: { value: 'Theirs' },
      target: { type: 'web_panel', url: '/issue?issue={issue.key}' } }],
    webhooks: [{ event: 'user_created', url: '/user' }] } }));
process.chdir(dir);
process.env.AC_OPTS = 'no-auto-registration';
process.env.CONNECT_KEYS_CDN_URL = keyHost;

const ace = theirs('atlassian-connect-express');
const express = theirs('express');
const kept = new Map();
ace.store.register('memory', () => ({
  get: async (key, clientKey) => kept.get(`${clientKey} ${key}`),
  set: async (key, value, clientKey) => { kept.set(`${clientKey} ${key}`, value); return value; },
  del: async (key, clientKey) => { kept.delete(`${clientKey} ${key}`); },
  saveInstallation: async (value, clientKey) => { kept.set(`${clientKey} clientInfo`, value); return value; },
}));
const app = express();
const base = `http://127.0.0.1:${port}`;
const addon = ace(app, { config: { development: { port, errorTemplate: false, store: { adapter: 'memory' }, localBaseUrl: base, whitelist: [siteHost] } } },
  { info() {}, warn: console.error, error: console.error, debug() {}, log() {} });
app.use(express.urlencoded({ extended: false }));
app.use(express.json());
app.use(addon.middleware());
const page = (text) => `<!doctype html><html lang="en"><title>t</title><script src="https://connect-cdn.atl-paas.net/all.js"></script><h1>${text}</h1><p id="out"></p><script>
  AP.context.getToken((token) => fetch('/whoami', { headers: { Authorization: 'JWT ' + token } }).then((r) => r.text()).then((text) => { out.textContent = text; }));</script>`;
app.get('/', (req, res) => res.redirect('/atlassian-connect.json'));
app.get('/hello-world', addon.authenticate(), (req, res) => res.send(page(`Hello ${req.context.userAccountId} of ${req.query.project}, licence ${req.query.lic}`)));
app.get('/issue', addon.authenticate(), (req, res) => res.send(page(`Issue ${req.query.issue}`)));
app.get('/whoami', addon.checkValidToken(), (req, res) => {
  const http = addon.httpClient(req);
  http.get('/rest/atlassian-connect/1/addons/com.example.express', (error, answer, body) => res.send(error ? `error ${error}` : `${answer.statusCode} ${JSON.parse(body).license?.active}`));
});
app.post('/enabled', addon.authenticate(), (req, res) => { res.sendStatus(204); });
app.post('/uninstalled', addon.verifyInstallation(), (req, res) => addon.settings.del('clientInfo', req.body.clientKey).then(() => res.sendStatus(204)));
app.post('/user', addon.authenticate(), (req, res) => { res.sendStatus(204); });
app.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));

// docs.test.mjs - what the documentation prints to be typed in works as printed, and what it names is there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ADMIN_TOKEN, Licgate, project } from './lib/licgate.mjs';
import { Marketplace, realistic } from './lib/marketplace.mjs';

const pages = ['README.md', ...readdirSync(path.join(project, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]
  .map((name) => ({ name, text: readFileSync(path.join(project, name), 'utf8') }));

/* Indented commands of that name, with the lines that a backslash ties to them. */
const commands = (name) => pages.flatMap((page) => [...page.text.matchAll(new RegExp(`^ {4}(${name} (?:.*\\\\\\n)*.*)$`, 'gm'))].map(([, text]) => ({ page: page.name, text })));

const bash = (text, { cwd, env }) => new Promise((resolve) => {
  execFile('bash', ['-c', text], { cwd, env: { PATH: process.env.PATH, ...env } }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
});

test('each curl command is answered', async (t) => {
  const market = await Marketplace.start();
  Object.assign(market, realistic());
  const app = await Licgate.start({ env: market.env });
  t.after(async () => { await app.stop(); await market.stop(); });
  const typed = commands('curl');
  assert.ok(typed.length >= 3, `${typed.length} commands`);
  for (const { page, text } of typed) {
    const { code, stdout, stderr } = await bash(text.replace(/^curl /, 'curl -sS --fail-with-body ').replace('http://127.0.0.1:8081', app.adminUrl), { cwd: app.dir, env: { LICGATE_ADMIN_TOKEN: ADMIN_TOKEN } });
    assert.equal(code, 0, `${page}: ${text}\n${stdout}${stderr}`);
  }
});

test('each metric that is named is one that the program makes', () => {
  const source = readdirSync(path.join(project, 'src'), { recursive: true }).filter((name) => name.endsWith('.c')).map((name) => readFileSync(path.join(project, 'src', name), 'utf8')).join('');
  const missing = [];
  for (const page of pages) for (const [, name] of page.text.matchAll(/`(licgate_\w+)/g)) if (!source.includes(`"${name}"`)) missing.push(`${page.name}: ${name}`);
  assert.deepEqual(missing, []);
});

test('each page and heading that is linked to is there', () => {
  const slug = (heading) => heading.toLowerCase().replaceAll(/[^\w\- ]/g, '').replaceAll(' ', '-');
  const anchors = new Map(pages.map(({ name, text }) => [name, new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => slug(heading)))]));
  for (const { name, text } of pages) {
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [file, anchor] = target.split('#');
      const to = file ? path.join(path.dirname(name), file) : name;
      if (!to.endsWith('.md')) continue;
      assert.ok(anchors.has(to), `${name}: ${target}`);
      if (anchor) assert.ok(anchors.get(to).has(anchor), `${name}: ${target}`);
    }
  }
});

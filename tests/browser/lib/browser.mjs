// browser.mjs - Debian's Chromium, and what every test of a page asks of it: pictures, accessibility, nothing to complain about.
//
// One browser a test file, with an empty profile; one context a view, so that nothing is shared. A view reaches loopback
// addresses alone: whatever asks for another host is refused and told as a problem, but for what the test answers itself.
// Pictures are kept below build/screenshots/, for a person to look at.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { project } from '../../e2e/lib/licgate.mjs';

const require = createRequire(import.meta.url);
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const pictures = path.join(project, 'build/screenshots');
const executable = process.env.LICGATE_CHROMIUM ?? '/usr/bin/chromium';

export const DESKTOP = { width: 1280, height: 800 };
export const NARROW = { width: 320, height: 720 };
/** Every page is looked at like this. */
export const LOOKS = [
  { name: 'light', mode: 'light', size: DESKTOP }, { name: 'dark', mode: 'dark', size: DESKTOP },
  { name: 'narrow-light', mode: 'light', size: NARROW }, { name: 'narrow-dark', mode: 'dark', size: NARROW },
];

export class Browser {
  static async start() {
    if (!existsSync(executable)) throw new Error(`${executable} is not there: ./dev test installs it, or name another in LICGATE_CHROMIUM`);
    const browser = new Browser();
    browser.chromium = await chromium.launch({
      executablePath: executable, // launch() makes an empty user data folder of its own and removes it
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync'],
    });
    return browser;
  }

  async stop() { await this.chromium?.close(); }

  /**
   * A window of its own. answers: { 'https://host/path': { path | body, contentType } } stand in for other hosts.
   * expected: console errors that are not the page's (regular expression). clock: the test moves the page's clock.
   */
  async open({ mode = 'light', size = DESKTOP, answers = {}, expected = /^$/, clock = false } = {}) {
    const context = await this.chromium.newContext({ colorScheme: mode, viewport: size, locale: 'en-GB', timezoneId: 'UTC',
      reducedMotion: 'reduce' });
    context.setDefaultTimeout(15000);
    const view = new View(context, mode, expected);
    await context.route((url) => !['127.0.0.1', 'localhost'].includes(url.hostname), (route) => {
      const url = new URL(route.request().url());
      const answer = answers[url.origin + url.pathname];
      if (answer) return route.fulfill({ headers: { 'access-control-allow-origin': '*' }, ...answer });
      view.problems.push(`a request to ${url.origin}${url.pathname}`);
      return route.abort();
    });
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) =>
        console.error(`refused by the page's policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
    });
    view.page = await context.newPage();
    if (clock) await view.page.clock.install();
    view.watch();
    return view;
  }
}

export class View {
  constructor(context, mode, expected) { Object.assign(this, { context, mode, expected, problems: [] }); }

  watch() {
    this.page.on('pageerror', (error) => this.problems.push(`an error no one caught: ${error.message}`));
    this.page.on('console', (message) => {
      const text = message.text();
      // Chromium writes a line for each 4xx answer; what the page makes of those is what its test is about.
      if (message.type() === 'error' && !text.startsWith('Failed to load resource') && !this.expected.test(text)) this.problems.push(text);
    });
  }

  /** A picture under build/screenshots/NAME.png, as `what` (the page, or a locator) looks now. */
  async shot(name, what = this.page) {
    mkdirSync(pictures, { recursive: true });
    await what.screenshot({ path: path.join(pictures, `${name}.png`), animations: 'disabled' });
  }

  /** No serious or critical finding of axe-core in this frame (default: the window's own document). */
  async accessible(frame = this.page.mainFrame()) {
    await frame.evaluate(axeSource);
    const { violations } = await frame.evaluate(() => globalThis.axe.run(document, { iframes: false, preload: false, resultTypes: ['violations'] }));
    const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(bad.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((n) => `${n.html} ${n.failureSummary}`) })), []);
  }

  /** Nothing is wider than the window: no scrolling sideways. */
  async fits(frame = this.page.mainFrame()) {
    const { wide, room } = await frame.evaluate(() => ({ wide: document.documentElement.scrollWidth, room: window.innerWidth }));
    assert.ok(wide <= room, `the page is ${wide} px wide in a window of ${room} px`);
  }

  /** Nothing moved while the page was built. */
  async still(frame = this.page.mainFrame()) {
    const moved = await frame.evaluate(() => new Promise((resolve) => {
      let sum = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; }).observe({ type: 'layout-shift', buffered: true });
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(sum))));
    }));
    assert.ok(moved < 0.01, `the page's layout shifted by ${moved}`);
  }

  /** No error, no policy violation, no request elsewhere so far. */
  quiet() { assert.deepEqual(this.problems, []); }

  async close() { await this.context.close(); }
}

// jira.mjs - a site whose pages frame the app with Atlassian's own bridge: npm atlassian-connect-js, host and iframe code.
//
// The site is the one of the end-to-end tests (licence, permissions, install), with a host page beside its resources. The app's
// page is what a production server sends, its all.js from the CDN's address, answered here from the package. What the
// package leaves to the product, as Jira does: AP.context, AP.user, and AP.request for the names of accounts.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { now } from '../../e2e/lib/atlassian.mjs';

const require = createRequire(import.meta.url);
const bridge = path.dirname(require.resolve('atlassian-connect-js'));
const CDN = 'https://connect-cdn.atl-paas.net';
const THEMES = ['light', 'dark', 'spacing', 'typography-refreshed', 'shape'];

const files = {
  'jquery.js': () => readFileSync(require.resolve('jquery')), 'connect-host.js': () => readFileSync(path.join(bridge, 'connect-host.js')),
};

const cdn = Object.fromEntries([
  ['/all.js', path.join(bridge, 'iframe.js')], ['/surfaces.css', path.join(bridge, 'surfaces.css')],
  ...THEMES.map((name) => [`/themes/atlaskit-tokens_${name}.css`, path.join(bridge, `themes/atlaskit-tokens_${name}.css`)]),
].map(([address, file]) => [CDN + address, { path: file }]));

/** For Browser.open(): the CDN's files; and what the host code says where no feature flags of the product are. */
export const bridged = { answers: cdn, expected: /^\[ACJS\] Feature flag service/ };

const themeState = 'light:light dark:dark spacing:spacing typography:typography-refreshed';

function hostPage(mode) {
  return `<!doctype html>
<html lang="en" data-color-mode="${mode}" data-theme="${themeState}">
<head><meta charset="utf-8"><title>A site</title>
<style>html, body { margin: 0; height: 100%; background: ${mode === 'dark' ? '#1d2125' : '#fff'}; }
iframe { border: 0; display: block; width: 100%; height: 100vh; color-scheme: normal; } .ap-status, .ac-loading-indicator { display: none; }</style>
<script src="files/jquery.js"></script><script>window.AJS = { $: window.jQuery };</script><script src="files/connect-host.js"></script>
</head><body><main></main></body></html>`;
}

// Runs in the host page: what Jira's own code does around the bridge.
function frame({ url, appKey, origin, module }) {
  const last = (args) => args[args.length - 1];
  const call = async (name) => (await fetch(`files/${name}`, { method: 'POST' })).json();
  const { connectHost } = window;
  connectHost.defineModule('context', {
    getToken(...args) { call('token').then(({ token }) => last(args)(token), () => {}); },
    getContext(...args) { last(args)({}); },
  });
  connectHost.defineModule('user', {
    getCurrentUser(...args) { call('user').then((user) => last(args)(user), () => {}); },
  });
  const request = async (path) => {
    const answer = await fetch(`files/request?${encodeURIComponent(path)}`, { method: 'POST' });
    if (!answer.ok) throw new Error(`the site answered ${answer.status}`);
    return { body: await answer.text() };
  };
  request.returnsPromise = true;
  connectHost.defineModule({ request });
  const container = connectHost.create({ addon_key: appKey, key: module, url,
    options: { isFullPage: true, hostOrigin: origin, structuredContext: {}, contextPath: '' } });
  document.querySelector('main').append(container[0]);
}

/**
 * Gives a site of atlassian.mjs its host page. site.claims: of the tokens it hands out; site.ended: how many of the next ones
 * have ended already; site.tokens: how many it handed out; site.people: {id: name}, what the site tells of them.
 */
export function asJira(site) {
  const resources = site.serve.bind(site);
  Object.assign(site, { claims: {}, tokens: 0, ended: 0, people: {} });
  const contextToken = () => {
    site.tokens += 1;
    if (site.ended === 0) return site.context(site.claims);
    site.ended -= 1;
    return site.context({ ...site.claims, iat: now() - 1200, exp: now() - 300 });
  };
  site.serve = (req, res, rest) => {
    const [, name] = /^\/host\/files\/([a-z.-]+)$/.exec(rest) ?? [];
    const json = (value) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const [, mode] = /^\/host\/(light|dark)$/.exec(rest) ?? [];
    if (mode) res.writeHead(200, { 'content-type': 'text/html' }).end(hostPage(mode));
    else if (files[name]) res.writeHead(200, { 'content-type': 'text/javascript' }).end(files[name]());
    else if (name === 'token') json({ token: contextToken() });
    else if (name === 'request') json({ values: Object.entries(site.people).map(([accountId, displayName]) => ({ accountId, displayName })) });
    else if (name === 'user') json({ atlassianAccountId: site.claims.sub ?? 'account-1' });
    else resources(req, res, rest);
  };
  return site;
}

/** Opens a page of the app inside the site; returns the app's frame. */
export async function openInJira(view, site, app, target) {
  await view.page.goto(`${site.baseUrl}/host/${view.mode}`);
  const origin = new URL(site.baseUrl).origin;
  const whole = `${target}${target.includes('?') ? '&' : '?'}xdm_e=${encodeURIComponent(origin)}&xdm_c=channel-1&cp=`;
  const url = `${app.url}${whole}&jwt=${site.token('GET', whole, site.claims)}`;
  await view.page.evaluate(frame, { url, appKey: 'com.example.licgate', origin, module: target.replace(/\W+/g, '-') });
  const element = await view.page.waitForSelector('iframe');
  const inner = await element.contentFrame();
  await inner.waitForLoadState();
  return inner;
}

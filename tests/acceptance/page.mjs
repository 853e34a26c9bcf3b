// A person with a browser: reads /docs and tries a call; drops a proof on /verify.
// node page.mjs URL TOKEN FOLDER: FOLDER holds bundle.cxproof, original and anchor.cxanchor; pictures go there. Prints what was seen as JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(new URL('../../sdk/js/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const [url, token, folder] = process.argv.slice(2);
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const seen = { errors: [], requested: [] };
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });

async function open(path, width = 1100) {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  page.on('pageerror', (error) => seen.errors.push(`${path}: ${error}`));
  page.on('console', (message) => message.type() === 'error' && !/favicon/.test(message.location().url) && seen.errors.push(`${path}: ${message.text()}`));
  page.on('request', (request) => seen.requested.push(request.url()));
  await page.goto(url + path);
  return page;
}

async function docs() {
  const page = await open('/docs');
  await page.locator('details.operation').first().waitFor();
  seen.operations = await page.locator('details.operation').evaluateAll((all) =>
    all.map((one) => `${one.querySelector('.method').textContent} ${one.querySelector('.path').textContent}`));
  await page.screenshot({ path: join(folder, 'docs.png') });
  const one = page.locator('details.operation').filter({ hasText: '/api/v1/chains/{chain}' })
    .filter({ has: page.locator('.path', { hasText: /^\/api\/v1\/chains\/\{chain\}$/ }) });
  await one.locator('summary').click();
  await one.getByLabel('chain').fill('default');
  await one.getByRole('button', { name: 'send' }).click();
  const output = one.locator('pre');
  await output.filter({ hasText: '401' }).waitFor();
  seen.withoutToken = await output.textContent();
  await page.locator('#token').fill(token);
  await one.getByRole('button', { name: 'send' }).click();
  await output.filter({ hasText: '200' }).waitFor();
  seen.withToken = await output.textContent();
  await page.screenshot({ path: join(folder, 'docs-tried.png') });
  await page.locator('#filter').fill('{id}/bundle');
  seen.filtered = await page.locator('details.operation:visible .path').allTextContents();
  const narrow = await open('/docs', 390);
  await narrow.locator('details.operation').first().waitFor();
  seen.docsOverflow = await narrow.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  await narrow.screenshot({ path: join(folder, 'docs-narrow.png') });
}

async function drop(page, names) {
  const files = names.map(([name, file]) => ({ name, data: readFileSync(join(folder, file)).toString('base64') }));
  await page.evaluate((dropped) => {
    const transfer = new DataTransfer();
    for (const { name, data } of dropped) transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
    document.getElementById('drop').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, files);
}

async function verify() {
  const page = await open('/verify');
  await drop(page, [['a.cxproof', 'bundle.cxproof'], ['合同.txt', 'original'], ['a.cxanchor', 'anchor.cxanchor']]);
  const good = page.locator('#verdict[data-state=good]');
  await good.waitFor();
  seen.good = await good.innerText();
  await page.screenshot({ path: join(folder, 'verify-good.png'), fullPage: true });
  const other = await open('/verify', 390);
  await drop(other, [['a.cxproof', 'bundle.cxproof'], ['other.txt', 'other']]);
  const bad = other.locator('#verdict[data-state=bad]');
  await bad.waitFor();
  seen.bad = await bad.innerText();
  await other.screenshot({ path: join(folder, 'verify-bad.png'), fullPage: true });
}

try {
  await docs();
  await verify();
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

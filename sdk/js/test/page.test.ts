// The page in a browser: files dropped, verdict read, nothing fetched. Needs Chromium; SCREENSHOTS names a folder to keep pictures.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { anchorText, produce, recordFields, text } from './producer.js';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const PAGE = fileURLToPath(new URL('../../web/verify.html', import.meta.url));
const made = produce({ items: 3, record: recordFields(['title', '"采购合同"'], ['price', '1', false]), transitions: 1, timestamp: {} });

let browser: Browser;
let address: string;
const requested: string[] = [];
const server = createServer((request, response) => {
  requested.push(request.url ?? '');
  response.setHeader('content-type', 'text/html');
  response.end(readFileSync(PAGE));
});

before(async () => {
  assert.ok(existsSync(CHROMIUM), 'chromium is missing: apt-get install chromium');
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/verify`;
});
after(async () => {
  await browser?.close();
  server.close();
});

async function open(url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1000, height: 1000 } });
  page.on('pageerror', (error) => assert.fail(error));
  page.on('console', (message) => message.type() === 'error' && !/favicon/.test(message.location().url) && assert.fail(message.text()));
  await page.goto(url);
  return page;
}

async function drop(page: Page, files: Record<string, Uint8Array>): Promise<void> {
  const list = Object.entries(files).map(([name, data]) => ({ name, data: Buffer.from(data).toString('base64') }));
  await page.evaluate((dropped) => {
    const transfer = new DataTransfer();
    for (const { name, data } of dropped) transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
    document.getElementById('drop')!.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, list);
}

async function verdict(page: Page, state: 'good' | 'bad'): Promise<string> {
  const found = page.locator(`#verdict[data-state=${state}]`);
  await found.waitFor({ timeout: 10000 });
  return found.innerText();
}

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

test('a bundle and its original are dropped: verified, in Chinese and English', async () => {
  const page = await open(address);
  await picture(page, 'empty');
  await drop(page, { 'a.cxproof': made.bundle, '合同.pdf': made.original, 'a.cxanchor': anchorText(made.chainId) });
  const words = await verdict(page, 'good');
  for (const word of ['验证通过', 'Verified', '采购合同', '测试时间戳 TSA', '一致 matches']) assert.ok(words.includes(word), `${word} in ${words}`);
  await picture(page, 'good');
});

test('another original: not verified, with the reason', async () => {
  const page = await open(address);
  await drop(page, { 'a.cxproof': made.bundle, 'b.pdf': text('another') });
  const words = await verdict(page, 'bad');
  for (const word of ['未通过验证', 'Not verified', 'proof.file_mismatch']) assert.ok(words.includes(word), words);
  await picture(page, 'bad');
});

test('chosen by keyboard means; cleared; from a file address too', async () => {
  const page = await open(pathToFileURL(PAGE).href);
  await page.getByLabel('Proof').setInputFiles({ name: 'a.cxproof', mimeType: '', buffer: Buffer.from(made.bundle) });
  await verdict(page, 'good');
  await page.getByLabel('Original').setInputFiles({ name: 'x', mimeType: '', buffer: Buffer.alloc(9 << 20) });
  assert.match(await verdict(page, 'bad'), /proof\.file_mismatch/);
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.locator('#verdict[data-state=idle]').waitFor({ state: 'attached' });
});

test('every control has a name, and the page asked for nothing but itself', async () => {
  const page = await open(address);
  for (const control of await page.locator('input, button').all())
    assert.ok(await control.evaluate((e: HTMLInputElement) => (e.labels?.[0]?.textContent ?? e.textContent ?? '').trim().length > 0));
  assert.deepEqual(requested.filter((url) => url !== '/verify' && url !== '/favicon.ico'), []);
});

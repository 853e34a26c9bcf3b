// The command line as a user starts it: text, exit codes, batch.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { anchorText, produce, recordFields, text } from './producer.js';

const CLI = fileURLToPath(new URL('../../cli.js', import.meta.url));
const made = produce({ record: recordFields(['title', '"合同\\u001b[31m"']), timestamp: {} });
let folder: string;
const path = (name: string) => join(folder, name);

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'cxverify-'));
  const files = { 'a.cxproof': made.bundle, original: made.original, other: text('other'), 'a.cxanchor': anchorText(made.chainId) };
  for (const [name, data] of Object.entries(files)) writeFileSync(path(name), data);
});
after(() => rmSync(folder, { recursive: true }));

function run(args: string[], stdin = ''): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { input: stdin, encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}

test('a bundle that holds: 0, in Chinese and English, without what would steer a terminal', () => {
  const { status, out } = run([path('a.cxproof'), '--file', path('original'), '--anchor', path('a.cxanchor')]);
  assert.equal(status, 0);
  assert.match(out, /验证通过 {2}VERIFIED/);
  assert.match(out, /测试时间戳 TSA/);
  assert.match(out, /title: 合同�\[31m/);
  assert.ok(!out.includes('\x1b'));
});

test('a bundle that does not: 1', () => {
  const { status, out } = run([path('a.cxproof'), '--file', path('other')]);
  assert.equal(status, 1);
  assert.match(out, /未通过验证/);
  assert.match(out, /proof\.file_mismatch/);
  assert.equal(run([path('original')]).status, 1);
});

test('--json', () => {
  const verdict = JSON.parse(run([path('a.cxproof'), '--json']).out) as { ok: boolean; facts: { block: { height: string } } };
  assert.equal(verdict.ok, true);
  assert.equal(verdict.facts.block.height, '40');
});

test('wrong usage and unreadable files: 2', () => {
  for (const args of [[], ['--nonsense'], [path('a.cxproof'), path('other')], [path('a.cxproof'), '--file'], [path('missing')], [folder], [path('a.cxproof'), '--file', path('missing')]])
    assert.equal(run(args).status, 2, args.join(' '));
  assert.equal(run(['--help']).status, 0);
});

test('--batch', () => {
  const line = (bundle: Uint8Array, anchor?: Uint8Array) =>
    JSON.stringify({ bundle: Buffer.from(bundle).toString('base64'), ...(anchor && { anchor: Buffer.from(anchor).toString('base64') }) });
  const input = [line(made.bundle), line(made.bundle, anchorText(made.chainId)), line(made.bundle, anchorText(new Uint8Array(32))), line(made.original)].join('\n');
  const { status, out } = run(['--batch'], input + '\n');
  assert.equal(status, 0);
  assert.deepEqual(out.trimEnd().split('\n').map((l) => JSON.parse(l) as unknown), [
    { ok: true, reason: '' }, { ok: true, reason: '' }, { ok: false, reason: 'proof.anchor_mismatch' }, { ok: false, reason: 'proof.malformed' },
  ]);
  assert.equal(run(['--batch'], 'nonsense\n').status, 2);
});

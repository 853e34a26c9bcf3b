#!/usr/bin/env node
import { closeSync, openSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { concat, fromBase64, hex } from './bytes.js';
import { report, toJson } from './report.js';
import { Sm3Stream } from './sm3_stream.js';
import { type Options, verifyBundle } from './verify.js';

const HELP = `用法 Usage: cxverify BUNDLE [--file FILE] [--anchor ANCHOR] [--json]
           cxverify --batch

  离线验证 .cxproof 证明文件。 Verifies a .cxproof bundle, without any network.

  --file FILE      原文件，核对其摘要 the original, whose digest is compared
  --anchor ANCHOR  信任锚 (.cxanchor) the chain, and time-stamp roots, that you trust
  --json           输出 JSON  print the verdict as JSON
  --batch          每行读入 reads lines {"bundle":base64,"anchor":base64?} from standard input
                   每行输出 writes a line {"ok":…,"reason":…} for each
  --help

退出码 Exit codes: 0 通过 verified; 1 未通过 not verified; 2 用法错误或文件不可读 wrong usage or unreadable file
`;
const MAX_BUNDLE_BYTES = 16 << 20;
const CHUNK_BYTES = 1 << 20;

class Usage extends Error {}

interface Arguments {
  bundle?: string;
  file?: string;
  anchor?: string;
  json: boolean;
  batch: boolean;
  help: boolean;
}

function parse(argv: string[]): Arguments {
  const out: Arguments = { json: false, batch: false, help: false };
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--json' || word === '--batch' || word === '--help') out[word.slice(2) as 'json'] = true;
    else if (word === '--file' || word === '--anchor') {
      const value = argv[++i];
      if (value === undefined) throw new Usage(`${word} 需要一个值 needs a value`);
      out[word.slice(2) as 'file'] = value;
    } else if (word.startsWith('-')) throw new Usage(`未知选项 unknown option ${word}`);
    else if (out.bundle === undefined) out.bundle = word;
    else throw new Usage(`多余的参数 superfluous argument ${word}`);
  }
  if (!out.help && !out.batch && out.bundle === undefined) throw new Usage('缺少证明文件 no bundle given');
  return out;
}

function read(path: string, take: (chunk: Uint8Array) => boolean): void {
  const handle = openSync(path, 'r');
  try {
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (let length; (length = readSync(handle, chunk)) > 0; ) if (!take(chunk.subarray(0, length))) return;
  } finally {
    closeSync(handle);
  }
}

/** The bytes of a file, cut soon after the most that a bundle may have, which is enough to refuse it. */
function small(path: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  read(path, (chunk) => {
    chunks.push(chunk.slice());
    return (length += chunk.length) <= MAX_BUNDLE_BYTES;
  });
  return concat(...chunks);
}

function digestOf(path: string): string {
  const hash = new Sm3Stream();
  read(path, (chunk) => (hash.update(chunk), true));
  return hex(hash.digest());
}

function one(args: Arguments): number {
  const bundle = small(args.bundle!);
  const options: Options = {};
  if (args.anchor !== undefined) options.anchor = small(args.anchor);
  if (args.file !== undefined) options.fileDigest = digestOf(args.file);
  const verdict = verifyBundle(bundle, options);
  process.stdout.write((args.json ? toJson(verdict) : report(verdict)) + '\n');
  return verdict.ok ? 0 : 1;
}

function batchLine(line: string): string {
  const request = JSON.parse(line) as { bundle?: unknown; anchor?: unknown };
  const bytes = (value: unknown) => {
    const decoded = typeof value === 'string' ? fromBase64(value) : undefined;
    if (!decoded) throw new Usage('not base64');
    return decoded;
  };
  const verdict = verifyBundle(bytes(request.bundle), request.anchor === undefined ? {} : { anchor: bytes(request.anchor) });
  return JSON.stringify(verdict.ok ? { ok: true, reason: '' } : { ok: false, reason: verdict.reason });
}

async function batch(): Promise<number> {
  let number = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    number++;
    try {
      process.stdout.write(batchLine(line) + '\n');
    } catch {
      process.stderr.write(`第 ${number} 行不是请求  line ${number} is no request\n`);
      return 2;
    }
  }
  return 0;
}

async function main(argv: string[]): Promise<number> {
  try {
    const args = parse(argv);
    if (args.help) {
      process.stdout.write(HELP);
      return 0;
    }
    return args.batch ? await batch() : one(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof Usage) process.stderr.write(HELP);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));

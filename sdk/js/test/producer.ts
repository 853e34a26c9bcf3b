// An independent producer of bundles for the tests: plain and slow, and every stage can be spoilt by a hook, with all that
// follows computed from the spoilt value. It shares no code with the verifier.
import { sm3 } from 'sm-crypto-v2';
import { type Bytes, cat, key, type Key, sign, tohex, unhex } from './asn1.js';
import { token, type TokenSpec } from './token.js';

export const h = (...parts: Bytes[]) => unhex(sm3(cat(...parts)));
export const text = (s: string) => new Uint8Array(Buffer.from(s));
const tag = (s: string) => text(s + '\0');
export const be = (value: bigint | number, bytes: number) => unhex(BigInt(value).toString(16).padStart(2 * bytes, '0'));
const byte = (n: number) => Uint8Array.of(n);

export const leaf = (...data: Bytes[]) => h(byte(0), ...data);
export const node = (l: Bytes, r: Bytes) => h(byte(1), l, r);
const half = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1);

export function treeRoot(leaves: Bytes[]): Bytes {
  if (leaves.length === 1) return leaves[0]!;
  const k = half(leaves.length);
  return node(treeRoot(leaves.slice(0, k)), treeRoot(leaves.slice(k)));
}

export function treePath(leaves: Bytes[], index: number): Bytes[] {
  if (leaves.length === 1) return [];
  const k = half(leaves.length);
  return index < k
    ? [...treePath(leaves.slice(0, k), index), treeRoot(leaves.slice(k))]
    : [...treePath(leaves.slice(k), index - k), treeRoot(leaves.slice(0, k))];
}

// The state, as a naive recursion over its sorted paths.
type Entry = { path: Bytes; hash: Bytes };
const bit = (path: Bytes, depth: number) => (path[depth >> 3]! >> (7 - (depth & 7))) & 1;
const entry = (k: string, value: Bytes): Entry => {
  const path = h(tag('chengxin/state-key/v1'), text(k));
  return { path, hash: leaf(path, h(value)) };
};

function subtree(entries: Entry[], depth: number): Bytes {
  if (entries.length === 0) return new Uint8Array(32);
  if (entries.length === 1) return entries[0]!.hash;
  return node(...([0, 1].map((side) => subtree(entries.filter((e) => bit(e.path, depth) === side), depth + 1)) as [Bytes, Bytes]));
}

function siblings(entries: Entry[], of: Entry, depth = 0): Bytes[] {
  if (entries.length <= 1) return [];
  const side = bit(of.path, depth);
  const same = entries.filter((e) => bit(e.path, depth) === side);
  const other = entries.filter((e) => bit(e.path, depth) !== side);
  return [...siblings(same, of, depth + 1), subtree(other, depth + 1)];
}

// Protobuf.
export function varint(value: bigint | number): Bytes {
  const out: number[] = [];
  let left = BigInt(value);
  for (; left > 127n; left >>= 7n) out.push(Number(left & 127n) | 128);
  return Uint8Array.from([...out, Number(left)]);
}
export const field = (n: number, value: Bytes) => cat(varint(n * 8 + 2), varint(value.length), value);
export const number = (n: number, value: bigint | number) => cat(varint(n * 8), varint(value));
export const callBytes = (contract: string, method: string, args: Bytes) => cat(field(1, text(contract)), field(2, text(method)), field(3, args));

export interface Validator { key: Key; weight: bigint }
const byKey = (a: Validator, b: Validator) => Buffer.compare(a.key.pub, b.key.pub);
export const setBytes = (set: Validator[]) => cat(be(set.length, 2), ...set.map((v) => cat(v.key.pub, be(v.weight, 8))));
const setHash = (set: Validator[]) => h(tag('chengxin/validators/v1'), setBytes(set));

export interface HeaderFields {
  version: number; chain: Bytes; height: bigint; time: bigint; previous: Bytes; logSize: bigint; logRoot: Bytes; stateRoot: Bytes; validators: Bytes;
}
const headerBytes = (f: HeaderFields) =>
  cat(be(f.version, 4), f.chain, be(f.height, 8), be(f.time, 8), f.previous, be(f.logSize, 8), f.logRoot, f.stateRoot, f.validators);
export const headerHash = (bytes: Bytes) => h(tag('chengxin/header/v1'), bytes);

export type CertEntries = { index: number; signature: Bytes }[];
const certBytes = (entries: CertEntries) => cat(be(entries.length, 2), ...entries.map((e) => cat(be(e.index, 2), e.signature)));
function certify(header: Bytes, set: Validator[], signers: number[]): CertEntries {
  const message = cat(tag('chengxin/certificate/v1'), headerHash(header));
  return signers.map((index) => ({ index, signature: sign(set[index]!.key, message) }));
}

export interface TransitionParts { header: Bytes; certificate: Bytes; next: Bytes; proof: Bytes }
export interface RecordField { name: Bytes; value: Bytes; salt: Bytes; disclosed: boolean }
const recordLeaf = (f: RecordField) => leaf(f.salt, be(f.name.length, 2), f.name, f.value);

/** What can be asked for, and the hooks that spoil. */
export interface Spec {
  items?: number;
  index?: number;
  calls?: Bytes[];
  record?: RecordField[];
  transitions?: number;
  timestamp?: Omit<TokenSpec, 'imprint'> & { imprint?: Bytes };
  args?: (b: Bytes) => Bytes;
  body?: (b: Bytes) => Bytes;
  chain?: (id: Bytes) => Bytes;
  signer?: (s: { pub: Bytes; signature: Bytes }) => { pub: Bytes; signature: Bytes };
  receipt?: (b: Bytes) => Bytes;
  header?: (f: HeaderFields) => HeaderFields;
  genesis?: (g: string) => string;
  certificate?: (e: CertEntries) => CertEntries;
  signers?: number[];
  transition?: (t: TransitionParts, i: number) => TransitionParts;
  transitionHeader?: (f: HeaderFields, i: number) => HeaderFields;
  transitionSigners?: number[];
  sections?: (s: Map<number, Bytes>) => Map<number, Bytes>;
}

export interface Made {
  bundle: Bytes;
  original: Bytes;
  sections: Map<number, Bytes>;
  chainId: Bytes;
  headerHash: Bytes;
  submitter: Key;
  validators: Validator[];
}

export function assemble(sections: Map<number, Bytes>): Bytes {
  return cat(text('CXPROOF'), byte(1), ...[...sections].map(([type, payload]) => cat(be(type, 2), be(payload.length, 4), payload)));
}

export const pathBytes = (path: Bytes[]) => cat(byte(path.length), ...path);

export function recordFields(...entries: [name: string, value: string, disclosed?: boolean][]): RecordField[] {
  return entries.map(([name, value, disclosed = true], i) => ({
    name: text(name), value: text(value), salt: h(text(`salt ${i}`)).subarray(0, 16), disclosed,
  }));
}

const same = <T>(x: T): T => x;
const SETS: Validator[][] = [0, 1, 2, 3].map((era) =>
  [1n, 2n, 3n, 4n].slice(0, era === 0 ? 4 : 3).map((weight, i) => ({ key: key(100 * era + 10 + i), weight })).sort(byKey));

function genesisText(set: Validator[], submitter: Key): string {
  const validators = set.map((v) => `{"public_key":"${tohex(v.key.pub)}","weight":${v.weight}}`).join(',');
  return `{"accounts":[{"public_key":"${tohex(submitter.pub)}","roles":["writer"]}],"created_ms":1700000000000,` +
    `"format":"chengxin/genesis/v1","limits":{"max_block_bytes":8388608,"max_transaction_bytes":4194304,"max_validity_ms":86400000},` +
    `"name":"测试链 test","salt":"000102030405060708090a0b0c0d0e0f","validators":[${validators}]}`;
}

function makeTransition(spec: Spec, i: number, chain: Bytes): TransitionParts {
  const set = SETS[i % 4]!, next = setBytes(SETS[(i + 1) % 4]!);
  const entries = [entry('chain/validators', next), ...Array.from({ length: 9 }, (_, k) => entry(`key/${k}`, be(k, 4)))];
  const header = headerBytes((spec.transitionHeader ?? same)({
    version: 1, chain, height: BigInt(10 + i), time: 1000n, previous: h(be(i, 4)), logSize: 0n, logRoot: h(), stateRoot: subtree(entries, 0),
    validators: setHash(set),
  }, i));
  const path = siblings(entries, entries[0]!);
  const proof = cat(byte(1), be(path.length, 2), ...path);
  return (spec.transition ?? same)({ header, certificate: certBytes(certify(header, set, spec.transitionSigners ?? set.map((_, k) => k))), next, proof }, i);
}

function recordSection(fields: RecordField[]): Bytes {
  return cat(be(fields.length, 2), ...fields.map((f) => f.disclosed
    ? cat(byte(1), f.salt, be(f.name.length, 2), f.name, be(f.value.length, 4), f.value)
    : cat(byte(0), recordLeaf(f))));
}

export function produce(spec: Spec = {}): Made {
  const submitter = key(1);
  const genesis = text((spec.genesis ?? same)(genesisText(SETS[0]!, submitter)));
  const chainId = h(genesis);

  const original = text('the original file');
  const items = Array.from({ length: spec.items ?? 1 }, (_, i) => h(text(`other ${i}`)));
  const index = spec.index ?? 0;
  const commitment = spec.record ? treeRoot(spec.record.map(recordLeaf)) : new Uint8Array();
  const item = cat(h(original), commitment);
  const leaves = items.map((other, i) => leaf(i === index ? item : cat(other, commitment)));
  const args = (spec.args ?? same)(cat(field(1, treeRoot(leaves)), number(2, leaves.length), number(3, item.length)));
  const calls = spec.calls ?? [];
  const body = (spec.body ?? same)(cat(
    field(1, (spec.chain ?? same)(chainId)), field(2, h(tag('chengxin/key/v1'), submitter.pub).subarray(0, 16)), number(3, 1000), number(4, 2n ** 40n),
    field(5, h(text('nonce')).subarray(0, 16)), ...[...calls, callBytes('evidence', 'add', args)].map((c) => field(6, c)),
  ));
  const message = cat(tag('chengxin/tx/v1'), body);
  const signed = (spec.signer ?? same)({ pub: submitter.pub, signature: sign(submitter, message) });

  const receipt = (spec.receipt ?? same)(cat(be(0, 4), be(500, 8), be(40, 8), be(1763784000000n, 8), h(text('events')), h(text('output'))));
  const log = Array.from({ length: 11 }, (_, i) => leaf(h(be(i, 4)), h(be(i, 5))));
  const logIndex = 6;
  log[logIndex] = leaf(h(message), h(tag('chengxin/receipt/v1'), receipt));

  const transitions = Array.from({ length: spec.transitions ?? 0 }, (_, i) => makeTransition(spec, i, chainId));
  const validators = SETS[(spec.transitions ?? 0) % 4]!;
  const header = headerBytes((spec.header ?? same)({
    version: 1, chain: chainId, height: 41n, time: 1763784001000n, previous: h(text('previous')), logSize: BigInt(log.length), logRoot: treeRoot(log),
    stateRoot: h(text('state')), validators: setHash(validators),
  }));
  const certificate = (spec.certificate ?? same)(certify(header, validators, spec.signers ?? validators.map((_, i) => i)));

  const sections = new Map<number, Bytes>([
    [1, item],
    [2, cat(be(calls.length, 2), be(index, 8), be(leaves.length, 8), pathBytes(treePath(leaves, index)))],
    [3, body],
    [4, cat(signed.pub, signed.signature)],
    [5, receipt],
    [6, cat(be(logIndex, 8), pathBytes(treePath(log, logIndex)))],
    [7, header],
    [8, certBytes(certificate)],
    [9, genesis],
  ]);
  if (transitions.length > 0) sections.set(10, cat(be(transitions.length, 2), ...transitions.map((t) =>
    cat(t.header, ...[t.certificate, t.next, t.proof].map((part) => cat(be(part.length, 4), part))))));
  if (spec.timestamp) sections.set(11, token({ imprint: headerHash(header), ...spec.timestamp }));
  if (spec.record) sections.set(12, recordSection(spec.record));
  const final = (spec.sections ?? same)(sections);
  return { bundle: assemble(final), original, sections: final, chainId, headerHash: headerHash(header), submitter, validators };
}

export function anchorText(chainId: Bytes, roots: Bytes[] = []): Bytes {
  const list = roots.map((root) => `"${Buffer.from(root).toString('base64')}"`).join(',');
  return text(`{"chain":"${tohex(chainId)}","format":"chengxin/anchor/v1","name":"test","timestamp_roots":[${list}]}`);
}

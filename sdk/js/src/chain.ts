// What docs/formats/chain.md fixes: receipts, headers, validator sets, certificates, the genesis document.
import { compare, concat, demand, equal, fromHex, Reader, refuse } from './bytes.js';
import { readConsortium } from './consortium.js';
import { list, members, natural, parseCanonical, text } from './json.js';
import { sm3, tag, verifySm2 } from './sm.js';

export interface Receipt {
  bytes: Uint8Array;
  status: number;
  height: bigint;
  timeMs: bigint;
}

export interface Header {
  hash: Uint8Array;
  version: number;
  chain: Uint8Array;
  height: bigint;
  timeMs: bigint;
  logSize: bigint;
  logRoot: Uint8Array;
  stateRoot: Uint8Array;
  validatorsHash: Uint8Array;
}

export interface Validator {
  key: Uint8Array;
  weight: bigint;
}

export type Certificate = { index: number; signature: Uint8Array }[];

export function keyId(key: Uint8Array): Uint8Array {
  return sm3(tag('chengxin/key/v1'), key).subarray(0, 16);
}

export function transactionMessage(body: Uint8Array): Uint8Array {
  return concat(tag('chengxin/tx/v1'), body);
}

export function decodeReceipt(bytes: Uint8Array): Receipt {
  const r = new Reader(bytes, 'receipt');
  const status = r.u32();
  r.u64();
  const receipt = { bytes, status, height: r.u64(), timeMs: r.time() };
  r.bytes(64);
  r.end();
  return receipt;
}

export function receiptHash(receipt: Receipt): Uint8Array {
  return sm3(tag('chengxin/receipt/v1'), receipt.bytes);
}

export function decodeHeader(bytes: Uint8Array): Header {
  const r = new Reader(bytes, 'header');
  const head = { hash: sm3(tag('chengxin/header/v1'), bytes), version: r.u32(), chain: r.bytes(32), height: r.u64(), timeMs: r.time() };
  r.bytes(32);
  const tail = { logSize: r.u64(), logRoot: r.bytes(32), stateRoot: r.bytes(32), validatorsHash: r.bytes(32) };
  r.end();
  return { ...head, ...tail };
}

/** Order, weights and their sum; keys are not looked at as points. */
function checkSet(set: Validator[], what: string): Validator[] {
  demand(set.length >= 1 && set.length <= 0xffff, `${what}: ${set.length} validators`);
  let sum = 0n;
  set.forEach((validator, i) => {
    demand(i === 0 || compare(set[i - 1]!.key, validator.key) < 0, `${what}: not in ascending order`);
    demand(validator.weight >= 1n, `${what}: a weight of 0`);
    sum += validator.weight;
  });
  demand(sum < 1n << 62n, `${what}: weights sum to 2^62 or more`);
  return set;
}

export function decodeValidators(bytes: Uint8Array): Validator[] {
  const r = new Reader(bytes, 'validator set');
  const set = Array.from({ length: r.u16() }, () => ({ key: r.bytes(65), weight: r.u64() }));
  r.end();
  return checkSet(set, 'validator set');
}

export function encodeValidators(set: Validator[]): Uint8Array {
  const out = new Uint8Array(2 + 73 * set.length);
  const view = new DataView(out.buffer);
  view.setUint16(0, set.length);
  set.forEach((validator, i) => {
    out.set(validator.key, 2 + 73 * i);
    view.setBigUint64(2 + 73 * i + 65, validator.weight);
  });
  return out;
}

export function validatorsHash(encoded: Uint8Array): Uint8Array {
  return sm3(tag('chengxin/validators/v1'), encoded);
}

export function decodeCertificate(bytes: Uint8Array): Certificate {
  const r = new Reader(bytes, 'certificate');
  const entries = Array.from({ length: r.u16() }, () => ({ index: r.u16(), signature: r.bytes(64) }));
  r.end();
  entries.forEach((entry, i) => demand(i === 0 || entries[i - 1]!.index < entry.index, 'certificate: not in ascending order'));
  return entries;
}

/** Refuses unless the certificate certifies the header: indexes and weight first, since they cost nothing. */
export function checkCertificate(certificate: Certificate, set: Validator[], headerHash: Uint8Array): void {
  let signed = 0n;
  for (const { index } of certificate) signed += (set[index] ?? refuse(`no validator ${index} in the set`)).weight;
  const total = set.reduce((sum, validator) => sum + validator.weight, 0n);
  demand(3n * signed > 2n * total, `weight ${signed} of ${total} is not above two thirds`);
  const message = concat(tag('chengxin/certificate/v1'), headerHash);
  for (const { index, signature } of certificate)
    demand(verifySm2(set[index]!.key, signature, message), `the signature of validator ${index} does not hold`);
}

export interface Genesis {
  name: string;
  validators: Validator[];
}

function publicKey(value: string): Uint8Array {
  return fromHex(value, 65) ?? refuse('genesis: a public key is not 65 bytes of lower-case hex');
}

export function decodeGenesis(bytes: Uint8Array): Genesis {
  const json = parseCanonical(bytes, 'genesis');
  const consortium = json instanceof Map && json.has('consortium') ? ['consortium'] : [];
  const protocol = json instanceof Map && json.has('protocol') ? ['protocol'] : [];
  const names = ['accounts', ...consortium, 'created_ms', 'format', 'limits', 'name', ...protocol, 'salt', 'validators'];
  const doc = members(json, names, 'genesis');
  demand(doc.get('format') === 'chengxin/genesis/v1', 'genesis: another format');
  natural(doc.get('created_ms'), 'created_ms');
  if (doc.has('protocol')) {
    const version = natural(doc.get('protocol'), 'protocol');
    demand(version > 1 && version < 2 ** 32, 'genesis: a version of the protocol that is not written');
  }
  demand(fromHex(text(doc.get('salt'), 'salt'), 16) !== undefined, 'genesis: the salt is not 16 bytes of hex');
  const limitNames = ['max_block_bytes', 'max_transaction_bytes', 'max_validity_ms'];
  const limits = members(doc.get('limits'), limitNames, 'limits');
  for (const name of limitNames) natural(limits.get(name), name);
  const roles = new Set<string>();
  for (const entry of list(doc.get('accounts'), 'accounts')) {
    const account = members(entry, ['public_key', 'roles'], 'account');
    const key = text(account.get('public_key'), 'public_key');
    publicKey(key);
    for (const role of list(account.get('roles'), 'roles')) roles.add(`${key} ${text(role, 'role')}`);
  }
  const validators = list(doc.get('validators'), 'validators').map((entry) => {
    const validator = members(entry, ['public_key', 'weight'], 'validator');
    const weight = BigInt(natural(validator.get('weight'), 'weight'));
    return { key: publicKey(text(validator.get('public_key'), 'public_key')), weight };
  });
  checkSet(validators, 'genesis');
  if (doc.has('consortium')) {
    const voters = readConsortium(doc.get('consortium')!, (key, role) => roles.has(`${key} ${role}`));
    demand(equal(encodeValidators(voters), encodeValidators(validators)), 'genesis: the validators are not the voters of the consortium');
  }
  return { name: text(doc.get('name'), 'name'), validators };
}

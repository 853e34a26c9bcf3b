// The container: docs/formats/cxproof.md, sections and check 1.
import { compare, concat, demand, equal, fromUtf8, Reader, u16, utf8 } from './bytes.js';
import { type Certificate, decodeCertificate, decodeHeader, decodeReceipt, decodeValidators, type Header, type Receipt, type Validator } from './chain.js';
import { type Json, parseCanonical } from './json.js';
import { leafHash } from './merkle.js';

const MAX_BYTES = 16 << 20;
const MAX_SIGNATURES = 16384;
const MAGIC = concat(utf8('CXPROOF'), Uint8Array.of(1));

export interface TreePath {
  index: bigint;
  hashes: Uint8Array[];
}

export interface StateProof {
  kind: number;
  siblings: Uint8Array[];
}

export interface Transition {
  header: Header;
  certificate: Certificate;
  nextBytes: Uint8Array;
  next: Validator[];
  proof: StateProof;
}

export interface DisclosedField {
  name: string;
  value: Json;
  /** The value as it stands in the bundle, canonical JSON. */
  text: string;
}

export interface Record {
  leaves: Uint8Array[];
  disclosed: DisclosedField[];
}

export interface Bundle {
  item: Uint8Array;
  call: number;
  inner: TreePath & { count: bigint };
  body: Uint8Array;
  signer: { key: Uint8Array; signature: Uint8Array };
  receipt: Receipt;
  log: TreePath;
  header: Header;
  certificate: Certificate;
  genesis: Uint8Array;
  transitions: Transition[];
  timestamp: Uint8Array | undefined;
  record: Record | undefined;
}

function sections(file: Uint8Array): Map<number, Uint8Array> {
  demand(file.length <= MAX_BYTES, `longer than ${MAX_BYTES} bytes`);
  const r = new Reader(file, 'bundle');
  demand(equal(r.bytes(8), MAGIC), 'not a .cxproof file of version 1');
  const found = new Map<number, Uint8Array>();
  let last = 0;
  while (r.left > 0) {
    const type = r.u16();
    demand(type > last && type <= 12, `section ${type} unknown or out of order`);
    last = type;
    found.set(type, r.bytes(r.u32()));
  }
  for (let type = 1; type <= 9; type++) demand(found.has(type), `section ${type} is missing`);
  return found;
}

function path(r: Reader): Uint8Array[] {
  const count = r.u8();
  demand(count <= 63, `a path of ${count} hashes`);
  const hashes = r.hashes(count);
  r.end();
  return hashes;
}

function stateProof(bytes: Uint8Array): StateProof {
  const r = new Reader(bytes, 'state proof');
  const kind = r.u8();
  demand(kind <= 2, `state proof of kind ${kind}`);
  if (kind === 2) r.bytes(64);
  const count = r.u16();
  demand(count <= 256, `state proof of ${count} siblings`);
  const siblings = r.hashes(count);
  r.end();
  return { kind, siblings };
}

function transitions(bytes: Uint8Array): Transition[] {
  const r = new Reader(bytes, 'transitions');
  const count = r.u16();
  demand(count >= 1 && count <= 1024, `${count} transitions`);
  const out = Array.from({ length: count }, () => {
    const header = decodeHeader(r.bytes(188));
    const certificate = decodeCertificate(r.bytes(r.u32()));
    const nextBytes = r.bytes(r.u32());
    return { header, certificate, nextBytes, next: decodeValidators(nextBytes), proof: stateProof(r.bytes(r.u32())) };
  });
  r.end();
  return out;
}

function record(bytes: Uint8Array): Record {
  const r = new Reader(bytes, 'record');
  const count = r.u16();
  demand(count >= 1 && count <= 256, `a record of ${count} fields`);
  const leaves: Uint8Array[] = [];
  const disclosed: DisclosedField[] = [];
  let last: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const kind = r.u8();
    demand(kind <= 1, `record field of kind ${kind}`);
    if (kind === 0) {
      leaves.push(r.bytes(32));
      continue;
    }
    const salt = r.bytes(16);
    const name = r.bytes(r.u16());
    const value = r.bytes(r.u32());
    demand(name.length >= 1 && name.length <= 64, `a field name of ${name.length} bytes`);
    demand(last === undefined || compare(last, name) < 0, 'field names do not ascend');
    last = name;
    disclosed.push({ name: fromUtf8(name, 'field name'), value: parseCanonical(value, 'field value'), text: fromUtf8(value, 'field value') });
    leaves.push(leafHash(salt, u16(name.length), name, value));
  }
  r.end();
  return { leaves, disclosed };
}

export function decodeBundle(file: Uint8Array): Bundle {
  const found = sections(file);
  const item = found.get(1)!;
  demand(item.length === 32 || item.length === 64, `an item of ${item.length} bytes`);
  const innerReader = new Reader(found.get(2)!, 'inner path');
  const call = innerReader.u16();
  const inner = { index: innerReader.u64(), count: innerReader.u64(), hashes: path(innerReader) };
  const body = found.get(3)!;
  demand(body.length <= 64 << 10, `a body of ${body.length} bytes`);
  const signerReader = new Reader(found.get(4)!, 'signer');
  const signer = { key: signerReader.bytes(65), signature: signerReader.bytes(64) };
  signerReader.end();
  const logReader = new Reader(found.get(6)!, 'log path');
  const log = { index: logReader.u64(), hashes: path(logReader) };
  demand(found.get(11)?.length !== 0, 'an empty time-stamp');
  const recordBytes = found.get(12);
  demand((recordBytes !== undefined) === (item.length === 64), 'a record stands exactly with an item of 64 bytes');
  const certificate = decodeCertificate(found.get(8)!);
  const steps = found.has(10) ? transitions(found.get(10)!) : [];
  const signatures = steps.reduce((sum, step) => sum + step.certificate.length, certificate.length);
  demand(signatures <= MAX_SIGNATURES, `${signatures} signatures of validators`);
  return {
    item, call, inner, body, signer, log, certificate,
    receipt: decodeReceipt(found.get(5)!),
    header: decodeHeader(found.get(7)!),
    genesis: found.get(9)!,
    transitions: steps,
    timestamp: found.get(11),
    record: recordBytes && record(recordBytes),
  };
}

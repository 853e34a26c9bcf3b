// The canonical protobuf form of docs/formats/chain.md: ascending known fields, shortest varints, nothing empty or zero.
import { demand, fromUtf8, Reader, refuse } from './bytes.js';

export interface Body {
  chain: Uint8Array;
  signer: Uint8Array;
  calls: Uint8Array[];
}

export interface Call {
  contract: string;
  method: string;
  arguments: Uint8Array;
}

export interface EvidenceAdd {
  root: Uint8Array;
  count: bigint;
  itemBytes: bigint;
}

type Kind = 'varint' | 'bytes' | 'repeated';
type Value = bigint | Uint8Array;

function varint(reader: Reader): bigint {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = reader.u8();
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) {
      demand((i === 0 || byte !== 0) && value < 1n << 64n, 'a varint that is not the shortest');
      return value;
    }
  }
  return refuse('a varint of more than ten bytes');
}

/** Values by field number; `kinds[n - 1]` is the kind of field n. */
function fields(data: Uint8Array, kinds: Kind[], what: string): Value[][] {
  const reader = new Reader(data, what);
  const out: Value[][] = kinds.map(() => []);
  let last = 0;
  while (reader.left > 0) {
    const key = varint(reader);
    demand(key < 1n << 32n, `${what}: unknown field`);
    const field = Number(key >> 3n);
    const kind = kinds[field - 1];
    if (kind === undefined) return refuse(`${what}: unknown field ${field}`);
    demand(field > last || (field === last && kind === 'repeated'), `${what}: field ${field} out of order`);
    demand(Number(key & 7n) === (kind === 'varint' ? 0 : 2), `${what}: wrong wire type of field ${field}`);
    last = field;
    out[field - 1]!.push(kind === 'varint' ? nonZero(varint(reader), what) : slice(reader, kind, what));
  }
  return out;
}

function nonZero(value: bigint, what: string): bigint {
  demand(value !== 0n, `${what}: a zero is spelt out`);
  return value;
}

function slice(reader: Reader, kind: Kind, what: string): Uint8Array {
  const length = varint(reader);
  demand(length <= BigInt(reader.left), `${what} ends early`);
  demand(length > 0n || kind === 'repeated', `${what}: an empty field is spelt out`);
  return reader.bytes(Number(length));
}

function sized(value: Value | undefined, length: number, what: string): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length) return refuse(`${what} is not of ${length} bytes`);
  return value;
}

export function decodeBody(data: Uint8Array): Body {
  const f = fields(data, ['bytes', 'bytes', 'varint', 'varint', 'bytes', 'repeated'], 'body');
  sized(f[4]![0], 16, 'nonce');
  const calls = f[5] as Uint8Array[];
  demand(calls.length >= 1 && calls.length <= 64, `body: ${calls.length} calls`);
  calls.forEach(decodeCall);
  return { chain: sized(f[0]![0], 32, 'chain'), signer: sized(f[1]![0], 16, 'signer'), calls };
}

export function decodeCall(data: Uint8Array): Call {
  const [contract, method, args] = fields(data, ['bytes', 'bytes', 'bytes'], 'call').map(
    (values) => (values[0] as Uint8Array | undefined) ?? new Uint8Array(),
  );
  return { contract: fromUtf8(contract!, 'contract'), method: fromUtf8(method!, 'method'), arguments: args! };
}

export function decodeEvidenceAdd(data: Uint8Array): EvidenceAdd {
  const f = fields(data, ['bytes', 'varint', 'varint'], 'arguments');
  const count = (f[1]![0] as bigint | undefined) ?? 0n;
  const itemBytes = (f[2]![0] as bigint | undefined) ?? 0n;
  demand(count >= 1n, 'arguments: no items');
  demand(itemBytes === 32n || itemBytes === 64n, `arguments: items of ${itemBytes} bytes`);
  return { root: sized(f[0]![0], 32, 'root'), count, itemBytes };
}

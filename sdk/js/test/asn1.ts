// Writes the DER that the tests need: certificates and time-stamp tokens.
import { sm2 } from 'sm-crypto-v2';

export type Bytes = Uint8Array;

export const cat = (...parts: Bytes[]) => new Uint8Array(Buffer.concat(parts));
export const unhex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
export const tohex = (data: Bytes) => Buffer.from(data).toString('hex');

export function tlv(tag: number, ...parts: Bytes[]): Bytes {
  const content = cat(...parts);
  const n = content.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : n < 0x10000 ? [0x82, n >> 8, n & 255] : [0x83, n >> 16, (n >> 8) & 255, n & 255];
  return cat(Uint8Array.from([tag, ...length]), content);
}

export const seq = (...parts: Bytes[]) => tlv(0x30, ...parts);
export const set = (...parts: Bytes[]) => tlv(0x31, ...parts);
export const octets = (data: Bytes) => tlv(4, data);
export const bits = (data: Bytes) => tlv(3, Uint8Array.of(0), data);
export const NULL = tlv(5);
export const TRUE = tlv(1, Uint8Array.of(0xff));
export const utf8String = (text: string) => tlv(12, Buffer.from(text));

export function int(value: bigint | number): Bytes {
  let digits = BigInt(value).toString(16);
  if (digits.length % 2) digits = '0' + digits;
  const data = unhex(digits);
  return tlv(2, data[0]! >= 0x80 ? cat(Uint8Array.of(0), data) : data);
}

export function oid(dotted: string): Bytes {
  const [a, b, ...rest] = dotted.split('.').map(BigInt);
  const out: number[] = [];
  for (const arc of [a! * 40n + b!, ...rest]) {
    const digits = [Number(arc & 127n)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) digits.unshift(Number(left & 127n) | 128);
    out.push(...digits);
  }
  return tlv(6, Uint8Array.from(out));
}

export interface Key {
  secret: string;
  pub: Bytes;
}

export function key(seed: number): Key {
  const secret = (BigInt(seed) * 0x1000001000003n + 7n).toString(16).padStart(64, '5');
  return { secret, pub: unhex(sm2.getPublicKeyFromPrivateKey(secret)) };
}

// One signature for one key and message, so that what the tests make is the same each time in one run.
const made = new Map<string, Bytes>();

export function sign(k: Key, message: Bytes): Bytes {
  const id = k.secret + tohex(message);
  const known = made.get(id);
  if (known) return known;
  const signature = unhex(sm2.doSignature(message, k.secret, { hash: true, publicKey: tohex(k.pub), userId: '1234567812345678' }));
  made.set(id, signature);
  return signature;
}

export function signDer(k: Key, message: Bytes): Bytes {
  const raw = sign(k, message);
  return seq(int(BigInt('0x' + tohex(raw.subarray(0, 32)))), int(BigInt('0x' + tohex(raw.subarray(32)))));
}

export const SM2_SM3 = seq(oid('1.2.156.10197.1.501'));
export const SM3 = seq(oid('1.2.156.10197.1.401'), NULL);
export const name = (text: string) => seq(set(seq(oid('2.5.4.3'), utf8String(text))));
export const utcTime = (text: string) => tlv(0x17, Buffer.from(text));
export const generalizedTime = (text: string) => tlv(0x18, Buffer.from(text));
export const extension = (id: string, critical: boolean, value: Bytes) => seq(oid(id), ...(critical ? [TRUE] : []), octets(value));

export const EXT = {
  authority: (pathLength?: number) => extension('2.5.29.19', true, seq(TRUE, ...(pathLength === undefined ? [] : [int(pathLength)]))),
  keyUsage: (byte: number, unused: number) => extension('2.5.29.15', true, tlv(3, Uint8Array.of(unused, byte))),
  timeStamping: (critical = true, ...more: string[]) =>
    extension('2.5.29.37', critical, seq(oid('1.3.6.1.5.5.7.3.8'), ...more.map(oid))),
  keyId: (id: Bytes) => extension('2.5.29.14', false, octets(id)),
};

export interface CertificateSpec {
  subject: string;
  issuer: string;
  key: Key;
  issuerKey: Key;
  serial?: number;
  notBefore?: string;
  notAfter?: string;
  extensions: Bytes[];
  algorithm?: Bytes;
}

export function certificate(spec: CertificateSpec): Bytes {
  const algorithm = spec.algorithm ?? SM2_SM3;
  const info = seq(seq(oid('1.2.840.10045.2.1'), oid('1.2.156.10197.1.301')), bits(spec.key.pub));
  const body = seq(
    tlv(0xa0, int(2)), int(spec.serial ?? 1), algorithm, name(spec.issuer),
    seq(utcTime(spec.notBefore ?? '250101000000Z'), generalizedTime(spec.notAfter ?? '20550101000000Z')),
    name(spec.subject), info, tlv(0xa3, seq(...spec.extensions)),
  );
  return seq(body, algorithm, bits(signDer(spec.issuerKey, body)));
}

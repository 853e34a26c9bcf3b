// Signed JSON (RFC 7515) with ES256 and SM2, and keys as JWK, multikey and did:key. Names of ours: docs/formats/credential.md.
import { p256Decompress, sm2Decompress } from './curve.js';
import { sm2 } from 'sm-crypto-v2';
import { concat, demand, equal, fromUtf8, hex, refuse, utf8 } from './bytes.js';
import { onCurve, verifySm2 } from './sm.js';

export type Algorithm = 'SM2SM3' | 'ES256';
export type JsonValue = null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue };
export type JsonObject = { [name: string]: JsonValue };
export interface Jwk {
  kty: 'EC';
  crv: 'P-256' | 'SM2';
  x: string;
  y: string;
}
export interface PrivateJwk extends Jwk {
  d: string;
}

const MAX_TOKEN = 512 << 10;
const MAX_DEPTH = 24;

export function base64url(data: Uint8Array): string {
  let binary = '';
  for (const byte of data) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Without padding, canonical only. */
export function fromBase64url(text: string): Uint8Array {
  demand(/^[A-Za-z0-9_-]*$/.test(text) && text.length % 4 !== 1, 'not base64url');
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const data = Uint8Array.from(binary, (c) => c.charCodeAt(0));
  demand(base64url(data) === text, 'not canonical base64url');
  return data;
}

/** JSON of strangers: bounded, and no name twice in an object. */
export function parseJson(text: string): JsonValue {
  demand(text.length <= MAX_TOKEN, 'JSON too long');
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return refuse('not JSON');
  }
  let names = 0;
  const count = (one: JsonValue, depth: number): void => {
    demand(depth <= MAX_DEPTH, 'JSON nested too deeply');
    if (Array.isArray(one)) one.forEach((each) => count(each, depth + 1));
    else if (one !== null && typeof one === 'object')
      for (const [, each] of Object.entries(one)) {
        names++;
        count(each, depth + 1);
      }
  };
  count(value, 0);
  // Colons outside strings: as many as members, unless a name stood twice and was dropped.
  const written = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1;
  demand(written === names, 'a name stands twice');
  return value;
}

export function objectOf(value: JsonValue | undefined, what: string): JsonObject {
  demand(value !== null && typeof value === 'object' && !Array.isArray(value), `${what} is no object`);
  return value;
}

function parsePart(encoded: string, what: string): JsonObject {
  return objectOf(parseJson(fromUtf8(fromBase64url(encoded), what)), what);
}

export const algorithmOf = (key: Jwk): Algorithm => (key.crv === 'SM2' ? 'SM2SM3' : 'ES256');

/** 04 || X || Y; refuses what is not on the curve. */
export function pointOf(key: Jwk): Uint8Array {
  demand(key.kty === 'EC' && (key.crv === 'P-256' || key.crv === 'SM2'), 'a key of another kind');
  const x = fromBase64url(key.x);
  const y = fromBase64url(key.y);
  demand(x.length === 32 && y.length === 32, 'coordinates of 32 bytes');
  const point = concat(Uint8Array.of(4), x, y);
  const compressed = concat(Uint8Array.of(2 | (y[31]! & 1)), x);
  const again = key.crv === 'SM2' ? sm2Decompress(compressed) : p256Decompress(compressed);
  demand(again !== undefined && equal(again, point), 'not on its curve');
  return point;
}

export function jwkOf(crv: Jwk['crv'], point: Uint8Array): Jwk {
  return { kty: 'EC', crv, x: base64url(point.subarray(1, 33)), y: base64url(point.subarray(33)) };
}

export const publicJwk = ({ kty, crv, x, y }: Jwk): Jwk => ({ kty, crv, x, y });

export async function generateKey(algorithm: Algorithm): Promise<PrivateJwk> {
  if (algorithm === 'SM2SM3') {
    const pair = sm2.generateKeyPairHex();
    const point = Uint8Array.from(pair.publicKey.match(/../g)!, (byte) => parseInt(byte, 16));
    const d = Uint8Array.from(pair.privateKey.padStart(64, '0').match(/../g)!, (byte) => parseInt(byte, 16));
    return { ...jwkOf('SM2', point), d: base64url(d) };
  }
  const pair = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])) as CryptoKeyPair;
  const jwk = await crypto.subtle.exportKey('jwk', pair.privateKey);
  return { kty: 'EC', crv: 'P-256', x: jwk.x!, y: jwk.y!, d: jwk.d! };
}

const ECDSA = { name: 'ECDSA', hash: 'SHA-256' };
const P256 = { name: 'ECDSA', namedCurve: 'P-256' };

export async function signBytes(key: PrivateJwk, message: Uint8Array): Promise<Uint8Array> {
  if (key.crv === 'SM2') {
    const signature = sm2.doSignature(message, hex(fromBase64url(key.d)), { hash: true, publicKey: hex(pointOf(key)), userId: '1234567812345678' });
    return Uint8Array.from(signature.match(/../g)!, (byte) => parseInt(byte, 16));
  }
  const secret = await crypto.subtle.importKey('jwk', { ...key }, P256, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign(ECDSA, secret, message as BufferSource));
}

export async function verifyBytes(key: Jwk, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (signature.length !== 64) return false;
  const point = pointOf(key);
  if (key.crv === 'SM2') return onCurve(point) && verifySm2(point, signature, message);
  const known = await crypto.subtle.importKey('raw', point as BufferSource, P256, false, ['verify']);
  return crypto.subtle.verify(ECDSA, known, signature as BufferSource, message as BufferSource);
}

export interface Proof {
  header: JsonObject;
  encoded: string;
  unprotected: JsonObject | undefined;
  signature: string;
}

export interface Jws {
  encoded: string; // of the payload
  payload: JsonObject;
  proofs: Proof[];
  general: boolean;
}

function proofOf(encoded: string, signature: string, unprotected?: JsonObject): Proof {
  const header = parsePart(encoded, 'header');
  demand(header['alg'] === 'SM2SM3' || header['alg'] === 'ES256', 'an algorithm that is not taken');
  demand(!('crit' in header) && !('b64' in header), 'a critical header');
  demand(fromBase64url(signature).length === 64, 'a signature is 64 bytes');
  for (const name of Object.keys(unprotected ?? {}))
    demand(!(name in header) && !['alg', 'kid', 'crit'].includes(name), 'an unprotected header that decides');
  return { header, encoded, unprotected, signature };
}

const text = (value: JsonValue | undefined, what: string): string => (typeof value === 'string' ? value : refuse(`${what} is no text`));

export function parseJws(token: string): Jws {
  demand(token.length <= MAX_TOKEN, 'too long');
  if (!token.startsWith('{')) {
    const parts = token.split('.');
    demand(parts.length === 3, 'not three parts');
    return { encoded: parts[1]!, payload: parsePart(parts[1]!, 'payload'), proofs: [proofOf(parts[0]!, parts[2]!)], general: false };
  }
  const json = objectOf(parseJson(token), 'JWS');
  const list = 'signatures' in json ? json['signatures'] : [json];
  demand(Array.isArray(list) && list.length > 0 && list.length <= 4, 'one to four signatures');
  const proofs = list.map((each) => {
    const one = objectOf(each, 'signature');
    const unprotected = one['header'] === undefined ? undefined : objectOf(one['header'], 'header');
    return proofOf(text(one['protected'], 'protected'), text(one['signature'], 'signature'), unprotected);
  });
  const encoded = text(json['payload'], 'payload');
  return { encoded, payload: parsePart(encoded, 'payload'), proofs, general: true };
}

export const kidOf = (proof: Proof): string => (typeof proof.header['kid'] === 'string' ? proof.header['kid'] : '');

/** Whether the proof is by this key, whose kind decides the algorithm. */
export async function proves(jws: Jws, proof: Proof, key: Jwk): Promise<boolean> {
  if (proof.header['alg'] !== algorithmOf(key)) return false;
  return verifyBytes(key, utf8(`${proof.encoded}.${jws.encoded}`), fromBase64url(proof.signature));
}

export async function signCompact(header: JsonObject, payload: JsonObject, key: PrivateJwk): Promise<string> {
  const input = `${base64url(utf8(JSON.stringify({ ...header, alg: algorithmOf(key) })))}.${base64url(utf8(JSON.stringify(payload)))}`;
  return `${input}.${base64url(await signBytes(key, utf8(input)))}`;
}

/** Several keys: the general form, each with its own `kid`. */
export async function signGeneral(header: JsonObject, payload: JsonObject, signers: { key: PrivateJwk; kid: string }[]): Promise<string> {
  const encoded = base64url(utf8(JSON.stringify(payload)));
  const signatures = [];
  for (const { key, kid } of signers) {
    const own = base64url(utf8(JSON.stringify({ ...header, alg: algorithmOf(key), kid })));
    signatures.push({ protected: own, signature: base64url(await signBytes(key, utf8(`${own}.${encoded}`))) });
  }
  return JSON.stringify({ payload: encoded, signatures });
}

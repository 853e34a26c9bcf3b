// DIDs: did:key from itself, did:web by a fetch that the caller hands in, others by a resolver of the caller's.
import { concat, demand, refuse } from './bytes.js';
import { p256Decompress, sm2Decompress } from './curve.js';
import { type JsonObject, type JsonValue, type Jwk, jwkOf, objectOf, parseJson, pointOf } from './jose.js';

const DIGITS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const KINDS = [
  { crv: 'P-256', prefix: [0x80, 0x24], decompress: p256Decompress },
  { crv: 'SM2', prefix: [0x86, 0x24], decompress: sm2Decompress },
] as const;

export function base58(data: Uint8Array): string {
  let value = data.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let out = '';
  for (; value > 0n; value /= 58n) out = DIGITS[Number(value % 58n)]! + out;
  for (const byte of data) {
    if (byte !== 0) break;
    out = '1' + out;
  }
  return out;
}

/** Exactly `length` bytes that do not begin with zero, as no key's do. */
function fromBase58(text: string, length: number): Uint8Array {
  demand(text.length <= 2 * length, 'too long');
  let value = 0n;
  for (const c of text) {
    const digit = DIGITS.indexOf(c);
    demand(digit >= 0, 'not base58');
    value = value * 58n + BigInt(digit);
  }
  const digits = value.toString(16);
  demand(digits.length <= 2 * length, 'too long');
  return Uint8Array.from(digits.padStart(2 * length, '0').match(/../g)!, (byte) => parseInt(byte, 16));
}

export function multikeyOf(key: Jwk): string {
  const point = pointOf(key);
  const kind = KINDS.find((one) => one.crv === key.crv)!;
  return 'z' + base58(concat(Uint8Array.from(kind.prefix), Uint8Array.of(2 | (point[64]! & 1)), point.subarray(1, 33)));
}

export function keyOfMultikey(text: string): Jwk {
  demand(text.startsWith('z'), 'not base58btc');
  const data = fromBase58(text.slice(1), 35);
  for (const kind of KINDS) {
    if (data[0] !== kind.prefix[0] || data[1] !== kind.prefix[1]) continue;
    const point = kind.decompress(data.subarray(2));
    return point ? jwkOf(kind.crv, point) : refuse('not on its curve');
  }
  return refuse('a key of another kind');
}

export const didOfKey = (key: Jwk): string => `did:key:${multikeyOf(key)}`;
export const didUrlOfKey = (key: Jwk): string => `${didOfKey(key)}#${multikeyOf(key)}`;

export type Resolve = (did: string) => Promise<JsonObject>;
export type Relationship = 'assertionMethod' | 'authentication';

/** Where the document of a did:web is. */
export function webAddress(did: string): string {
  const parts = /^did:web:([A-Za-z0-9.-]+)(?:%3[Aa]([1-9][0-9]{0,4}))?((?::[A-Za-z0-9._-]+)*)$/.exec(did);
  demand(parts !== null && !/:\.{1,2}(:|$)/.test(did) && !/\.\./.test(parts[1]!), 'not a did:web');
  const path = parts[3] ? parts[3].replaceAll(':', '/') : '/.well-known';
  return `https://${parts[1]}${parts[2] ? ':' + parts[2] : ''}${path}/did.json`;
}

export function resolveKey(did: string): JsonObject {
  const multikey = did.slice('did:key:'.length);
  const url = `${did}#${multikey}`;
  const method = { id: url, type: 'JsonWebKey', controller: did, publicKeyJwk: { ...keyOfMultikey(multikey) } };
  return { id: did, verificationMethod: [method], authentication: [url], assertionMethod: [url] };
}

/** did:key itself, all else by `others`. */
export function resolver(others?: Resolve): Resolve {
  return async (did) => {
    if (did.startsWith('did:key:')) return resolveKey(did);
    demand(others !== undefined, `nobody resolves ${did}`);
    const document = await others(did);
    demand(document['id'] === did, 'another DID\'s document');
    return document;
  };
}

/** did:web by fetch, without redirects. `plainHosts`: host:port that is asked by http, for tests. */
export function webResolver(plainHosts: string[] = []): Resolve {
  return async (did) => {
    let address = webAddress(did);
    if (plainHosts.includes(new URL(address).host)) address = address.replace('https:', 'http:');
    const answer = await fetch(address, { redirect: 'error' });
    demand(answer.ok, `${address}: ${answer.status}`);
    return objectOf(parseJson(await answer.text()), 'document');
  };
}

const list = (value: JsonValue | undefined): JsonValue[] => (Array.isArray(value) ? value : []);

/** The key behind a DID URL when its document names it in the relationship. */
export function keyIn(document: JsonObject, url: string, relationship: Relationship): Jwk {
  const full = (id: JsonValue | undefined) => (typeof id === 'string' && id.startsWith('#') ? String(document['id']) + id : id);
  demand(list(document[relationship]).some((each) => full(each) === url), `${url} is not for ${relationship}`);
  const methods = list(document['verificationMethod']).map((each) => objectOf(each, 'method'));
  const found = methods.filter((each) => full(each['id']) === url);
  demand(found.length === 1, `no key ${url}`);
  const jwk = found[0]!['publicKeyJwk'];
  if (jwk === undefined) return keyOfMultikey(String(found[0]!['publicKeyMultibase']));
  const { kty, crv, x, y, d } = objectOf(jwk, 'publicKeyJwk') as { [name: string]: string };
  demand(d === undefined, 'a private key in a document');
  return { kty, crv, x, y } as Jwk;
}

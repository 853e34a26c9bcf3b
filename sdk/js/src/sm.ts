// SM3 and SM2 verification on sm-crypto-v2, with the checks that it leaves out.
import { sm2, sm3 as libraryHash } from 'sm-crypto-v2';
import { concat, fromHex, hex, utf8 } from './bytes.js';

const P = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn;
const N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
const A = P - 3n;
const B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n;
const ID = '1234567812345678';

export function sm3(...parts: Uint8Array[]): Uint8Array {
  return fromHex(libraryHash(parts.length === 1 ? parts[0]! : concat(...parts)), 32)!;
}

/** Tag as in docs/formats/chain.md: the text and one zero byte. */
export function tag(text: string): Uint8Array {
  return utf8(text + '\0');
}

function number(data: Uint8Array): bigint {
  return BigInt('0x' + hex(data));
}

/** Whether the 65 bytes are 04 || X || Y of a point on the recommended curve of GB/T 32918.5. */
export function onCurve(key: Uint8Array): boolean {
  if (key.length !== 65 || key[0] !== 4) return false;
  const x = number(key.subarray(1, 33));
  const y = number(key.subarray(33));
  return x < P && y < P && (y * y - (x * x * x + A * x + B)) % P === 0n;
}

/**
 * GB/T 32918.2 clause 7 with the default distinguishing id. The library lets r = 0, an s or a t out of range and a sum at
 * infinity pass or throw; here all of these are plain refusals.
 */
export function verifySm2(key: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  if (signature.length !== 64 || !onCurve(key)) return false;
  const r = number(signature.subarray(0, 32));
  const s = number(signature.subarray(32));
  if (r === 0n || r >= N || s === 0n || s >= N || (r + s) % N === 0n) return false;
  const keyHex = hex(key);
  // The library takes infinity for a point with x = 0, for which r ≡ e; no other point with x ≡ 0 can be hit on purpose.
  const digest = sm2.getHash(message, keyHex, ID);
  if (BigInt('0x' + digest) % N === r) return false;
  try {
    return sm2.doVerifySignature(fromHex(digest, 32)!, hex(signature), keyHex, { hash: false, der: false });
  } catch {
    return false;
  }
}

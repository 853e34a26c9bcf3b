// Points of the two curves in their short form (SEC 1, 2.3.4).
import { concat, hex } from './bytes.js';

interface Curve {
  p: bigint;
  b: bigint;
}

const P256: Curve = {
  p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
};
const SM2: Curve = {
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
};

function power(base: bigint, exponent: bigint, p: bigint): bigint {
  let out = 1n;
  for (let square = base % p, left = exponent; left > 0n; left >>= 1n, square = (square * square) % p)
    if (left & 1n) out = (out * square) % p;
  return out;
}

const bytesOf = (value: bigint) => Uint8Array.from(value.toString(16).padStart(64, '0').match(/../g)!, (byte) => parseInt(byte, 16));

/** 04 || X || Y of 33 bytes, or undefined. Both primes are 3 mod 4 and both curves have a = -3. */
function decompress(curve: Curve, data: Uint8Array): Uint8Array | undefined {
  if (data.length !== 33 || (data[0] !== 2 && data[0] !== 3)) return undefined;
  const x = BigInt('0x' + hex(data.subarray(1)));
  if (x >= curve.p) return undefined;
  const square = (((x * x * x - 3n * x + curve.b) % curve.p) + curve.p) % curve.p;
  let y = power(square, (curve.p + 1n) / 4n, curve.p);
  if ((y * y) % curve.p !== square) return undefined;
  if (Number(y & 1n) !== (data[0] & 1)) y = curve.p - y;
  return concat(Uint8Array.of(4), bytesOf(x), bytesOf(y));
}

export const p256Decompress = (data: Uint8Array) => decompress(P256, data);
export const sm2Decompress = (data: Uint8Array) => decompress(SM2, data);

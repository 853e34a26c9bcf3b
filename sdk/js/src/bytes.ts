// Bytes in, bytes out: a bounds-checked reader and the few helpers that every module needs.

/** Why a check failed, in English for the verdict's `detail`. Thrown inside the library, never out of it. */
export class Refused {
  constructor(readonly detail: string) {}
}

export function refuse(detail: string): never {
  throw new Refused(detail);
}

export function demand(condition: boolean, detail: string): asserts condition {
  if (!condition) refuse(detail);
}

/** Reads big-endian fields from the front; every overrun is refused. Slices share memory with the input. */
export class Reader {
  private at = 0;
  constructor(private readonly data: Uint8Array, private readonly what: string) {}

  get left(): number {
    return this.data.length - this.at;
  }

  bytes(length: number): Uint8Array {
    if (length > this.left) refuse(`${this.what} ends early`);
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  u8(): number {
    return this.bytes(1)[0]!;
  }

  u16(): number {
    const b = this.bytes(2);
    return b[0]! * 0x100 + b[1]!;
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  /** A time in ms: below 2^63. */
  time(): bigint {
    const value = this.u64();
    demand(value < 1n << 63n, `${this.what}: a time of 2^63 or more`);
    return value;
  }

  hashes(count: number): Uint8Array[] {
    if (count * 32 > this.left) refuse(`${this.what} ends early`);
    return Array.from({ length: count }, () => this.bytes(32));
  }

  end(): void {
    if (this.left !== 0) refuse(`${this.what} has ${this.left} bytes left over`);
  }
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compare(a, b) === 0;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

export function hex(data: Uint8Array): string {
  let out = '';
  for (const byte of data) out += HEX[byte];
  return out;
}

/** Lower-case hex of exactly `length` bytes, or undefined. */
export function fromHex(text: string, length: number): Uint8Array | undefined {
  if (text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) return undefined;
  return Uint8Array.from({ length }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** Standard base64 with padding and no stray bits, or undefined. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const binary = atob(text);
  if (btoa(binary) !== text) return undefined;
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

export function fromUtf8(data: Uint8Array, what: string): string {
  try {
    return decoder.decode(data);
  } catch {
    return refuse(`${what} is not UTF-8`);
  }
}

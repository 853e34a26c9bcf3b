// SM3 (GB/T 32905) over data that comes in pieces. The library hashes only what is whole in memory.

const IV = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];

const rotate = (x: number, n: number) => (x << n) | (x >>> (32 - n));

// Clause 4.2: T_j turned left by j.
const T = Int32Array.from({ length: 64 }, (_, j) => rotate(j < 16 ? 0x79cc4519 : 0x7a879d8a, j % 32));

export class Sm3Stream {
  private readonly state = Int32Array.from(IV);
  private readonly words = new Int32Array(68);
  private readonly block = new Uint8Array(64);
  private filled = 0;
  private length = 0n;

  update(data: Uint8Array): this {
    this.length += BigInt(data.length);
    let at = 0;
    if (this.filled > 0) {
      at = Math.min(64 - this.filled, data.length);
      this.block.set(data.subarray(0, at), this.filled);
      this.filled += at;
      if (this.filled < 64) return this;
      this.compress(this.block, 0);
      this.filled = 0;
    }
    for (; at + 64 <= data.length; at += 64) this.compress(data, at);
    this.block.set(data.subarray(at));
    this.filled = data.length - at;
    return this;
  }

  /** The digest of all that came; the object is used up. */
  digest(): Uint8Array {
    const bits = this.length * 8n;
    const padding = new Uint8Array(((119 - this.filled) % 64) + 9);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, bits);
    this.update(padding);
    const out = new Uint8Array(32);
    const view = new DataView(out.buffer);
    this.state.forEach((word, i) => view.setInt32(4 * i, word));
    return out;
  }

  private compress(data: Uint8Array, at: number): void {
    const w = this.words;
    for (let j = 0; j < 16; j++, at += 4)
      w[j] = (data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!;
    for (let j = 16; j < 68; j++) {
      const x = w[j - 16]! ^ w[j - 9]! ^ rotate(w[j - 3]!, 15);
      w[j] = x ^ rotate(x, 15) ^ rotate(x, 23) ^ rotate(w[j - 13]!, 7) ^ w[j - 6]!;
    }
    const v = this.state;
    let a = v[0]!, b = v[1]!, c = v[2]!, d = v[3]!, e = v[4]!, f = v[5]!, g = v[6]!, h = v[7]!;
    for (let j = 0; j < 64; j++) {
      const a12 = (a << 12) | (a >>> 20);
      const sum = (a12 + e + T[j]!) | 0;
      const ss1 = (sum << 7) | (sum >>> 25);
      // Clause 4.3; the forms for j ≥ 16 are majority and choice.
      const ff = j < 16 ? a ^ b ^ c : (a & b) | (c & (a | b));
      const gg = j < 16 ? e ^ f ^ g : g ^ (e & (f ^ g));
      const word = w[j]!;
      const tt1 = (((ff + d) | 0) + (((ss1 ^ a12) + (word ^ w[j + 4]!)) | 0)) | 0;
      const tt2 = (((gg + h) | 0) + ((ss1 + word) | 0)) | 0;
      d = c;
      c = (b << 9) | (b >>> 23);
      b = a;
      a = tt1;
      h = g;
      g = (f << 19) | (f >>> 13);
      f = e;
      e = tt2 ^ ((tt2 << 9) | (tt2 >>> 23)) ^ ((tt2 << 17) | (tt2 >>> 15));
    }
    v[0]! ^= a, v[1]! ^= b, v[2]! ^= c, v[3]! ^= d, v[4]! ^= e, v[5]! ^= f, v[6]! ^= g, v[7]! ^= h;
  }
}

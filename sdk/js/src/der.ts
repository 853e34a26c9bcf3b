// A strict DER reader (X.690): definite lengths in their shortest form, low tag numbers, nothing left over.
import { demand, hex, refuse } from './bytes.js';

export const TAG = {
  boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, oid: 0x06,
  utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30, set: 0x31,
} as const;

export interface Element {
  tag: number;
  content: Uint8Array;
  /** Tag and length included. */
  whole: Uint8Array;
}

/** The elements of a constructed value, taken one after another. */
export class Elements {
  private at = 0;
  constructor(private readonly data: Uint8Array, private readonly what: string) {}

  get more(): boolean {
    return this.at < this.data.length;
  }

  /** Whether the next element has this tag. */
  has(tag: number): boolean {
    return this.data[this.at] === tag;
  }

  any(): Element {
    const start = this.at;
    const byte = () => this.data[this.at++] ?? refuse(`${this.what}: DER ends early`);
    const tag = byte();
    demand((tag & 0x1f) !== 0x1f, `${this.what}: a long tag`);
    let length = byte();
    if (length >= 0x80) {
      const count = length & 0x7f;
      demand(count >= 1 && count <= 4, `${this.what}: a length of ${count} bytes`);
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + byte();
      demand(length >= (count === 1 ? 0x80 : 256 ** (count - 1)), `${this.what}: a length that is not the shortest`);
    }
    const end = this.at + length;
    demand(end <= this.data.length, `${this.what}: DER ends early`);
    const element = { tag, content: this.data.subarray(this.at, end), whole: this.data.subarray(start, end) };
    this.at = end;
    return element;
  }

  take(tag: number): Element {
    const element = this.any();
    demand(element.tag === tag, `${this.what}: tag ${element.tag.toString(16)}, not ${tag.toString(16)}`);
    return element;
  }

  optional(tag: number): Element | undefined {
    return this.has(tag) ? this.take(tag) : undefined;
  }

  inside(tag: number): Elements {
    return new Elements(this.take(tag).content, this.what);
  }

  end(): void {
    demand(!this.more, `${this.what}: DER left over`);
  }

  /** INTEGER as its content bytes, in their shortest form. */
  integer(): Uint8Array {
    const { content } = this.take(TAG.integer);
    const [first, second] = content;
    const redundant = second !== undefined && (first === 0 ? second < 0x80 : first === 0xff && second >= 0x80);
    demand(content.length >= 1 && !redundant, `${this.what}: a malformed INTEGER`);
    return content;
  }

  /** INTEGER that is not negative, without its sign byte, of at most `most` bytes. */
  unsigned(most: number): Uint8Array {
    const content = this.integer();
    demand(content[0]! < 0x80, `${this.what}: a negative INTEGER`);
    const digits = content[0] === 0 ? content.subarray(1) : content;
    demand(digits.length <= most, `${this.what}: an INTEGER of ${digits.length} bytes`);
    return digits;
  }

  /** INTEGER from 0 to 2^32 − 1. */
  small(): number {
    return this.unsigned(4).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** BOOLEAN DEFAULT FALSE. */
  flag(): boolean {
    const element = this.optional(TAG.boolean);
    if (!element) return false;
    const value = element.content[0];
    demand(element.content.length === 1 && (value === 0 || value === 0xff), `${this.what}: a malformed BOOLEAN`);
    return value === 0xff;
  }

  /** OBJECT IDENTIFIER, its arcs in their shortest form, as the hex of its content. */
  oid(): string {
    const { content } = this.take(TAG.oid);
    const padded = content.some((byte, i) => byte === 0x80 && (i === 0 || content[i - 1]! < 0x80));
    demand(content.length >= 1 && content.at(-1)! < 0x80 && !padded, `${this.what}: a malformed OBJECT IDENTIFIER`);
    return hex(content);
  }

  /** BIT STRING of whole bytes. */
  bits(): Uint8Array {
    const { content } = this.take(TAG.bitString);
    demand(content[0] === 0, `${this.what}: a BIT STRING of odd length`);
    return content.subarray(1);
  }

  /** AlgorithmIdentifier whose parameters are absent or NULL. */
  algorithm(): string {
    const inner = this.inside(TAG.sequence);
    const id = inner.oid();
    if (inner.more) demand(inner.take(TAG.null).content.length === 0, `${this.what}: a malformed NULL`);
    inner.end();
    return id;
  }
}

/** The elements of the single SEQUENCE that `data` is. */
export function sequence(data: Uint8Array, what: string): Elements {
  const outer = new Elements(data, what);
  const inner = outer.inside(TAG.sequence);
  outer.end();
  return inner;
}

/** Dotted OID to the hex of its DER content. */
export function oid(dotted: string): string {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const bytes = [first! * 40 + second!, ...rest].flatMap((arc) => {
    const out = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) out.unshift(0x80 | (left & 0x7f));
    return out;
  });
  return hex(Uint8Array.from(bytes));
}

/** SEQUENCE {r, s} to r || s; refused when a number is negative or longer than 32 bytes. */
export function rawSignature(der: Uint8Array, what: string): Uint8Array {
  const fields = sequence(der, what);
  const out = new Uint8Array(64);
  for (const end of [32, 64]) {
    const digits = fields.unsigned(32);
    out.set(digits, end - digits.length);
  }
  fields.end();
  return out;
}

/** UTCTime YYMMDDHHMMSSZ or GeneralizedTime YYYYMMDDHHMMSS[.f…]Z in ms since 1970. */
export function time(element: Element, fractions: boolean): number {
  const text = String.fromCharCode(...element.content.subarray(0, 40));
  const utc = element.tag === TAG.utcTime;
  demand(utc || element.tag === TAG.generalizedTime, 'not a time');
  const pattern = utc ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z$/;
  const match = pattern.exec(text);
  if (!match || element.content.length > 40) return refuse(`time "${text}"`);
  demand(fractions || match[7] === undefined, 'a fraction of a second');
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const date = new Date(0);
  date.setUTCFullYear(utc ? (year < 50 ? 2000 : 1900) + year : year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  demand(date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60, `time "${text}"`);
  return date.getTime() + Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
}

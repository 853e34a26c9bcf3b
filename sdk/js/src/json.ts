// Canonical JSON as docs/formats/chain.md means it: RFC 8785, integers only. The parser takes the canonical spelling and
// nothing else, so a text that parses is the one its value serialises to.
import { demand, fromUtf8, refuse } from './bytes.js';

export type Json = null | boolean | number | string | Json[] | Map<string, Json>;

const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 32;
const ESCAPES: Record<string, string> = { '"': '"', '\\': '\\', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Neither a quote, a backslash, a control character nor (NaN) the end of the text. */
const plain = (code: number) => code >= 0x20 && code !== 0x22 && code !== 0x5c;

class Parser {
  private at = 0;
  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value(0);
    if (this.at !== this.text.length) this.fail();
    return value;
  }

  private fail(): never {
    return refuse(`not canonical JSON at character ${this.at}`);
  }

  private take(literal: string): boolean {
    if (!this.text.startsWith(literal, this.at)) return false;
    this.at += literal.length;
    return true;
  }

  private value(depth: number): Json {
    if (depth > MAX_DEPTH) refuse(`JSON nested deeper than ${MAX_DEPTH}`);
    if (this.take('{')) return this.object(depth + 1);
    if (this.take('[')) return this.array(depth + 1);
    if (this.take('"')) return this.string();
    if (this.take('true')) return true;
    if (this.take('false')) return false;
    if (this.take('null')) return null;
    return this.integer();
  }

  private object(depth: number): Json {
    if (depth > MAX_DEPTH) refuse(`JSON nested deeper than ${MAX_DEPTH}`);
    const members = new Map<string, Json>();
    if (this.take('}')) return members;
    let previous: string | undefined;
    do {
      if (!this.take('"')) this.fail();
      const name = this.string();
      // Strict order by UTF-16 code units (RFC 8785, 3.2.3) also excludes duplicates.
      if (previous !== undefined && !(previous < name)) this.fail();
      previous = name;
      if (!this.take(':')) this.fail();
      members.set(name, this.value(depth));
    } while (this.take(','));
    if (!this.take('}')) this.fail();
    return members;
  }

  private array(depth: number): Json {
    if (depth > MAX_DEPTH) refuse(`JSON nested deeper than ${MAX_DEPTH}`);
    const items: Json[] = [];
    if (this.take(']')) return items;
    do items.push(this.value(depth));
    while (this.take(','));
    if (!this.take(']')) this.fail();
    return items;
  }

  private string(): string {
    let out = '';
    for (;;) {
      const start = this.at;
      while (plain(this.text.charCodeAt(this.at))) this.at++;
      out += this.text.slice(start, this.at);
      if (this.take('"')) return out;
      if (!this.take('\\')) this.fail();
      out += this.escape();
    }
  }

  // RFC 8785, 3.2.2.2: only control characters without a short form are spelt \u00xx, in lower case.
  private escape(): string {
    const short = ESCAPES[this.text[this.at] ?? ''];
    if (short !== undefined) {
      this.at++;
      return short;
    }
    const digits = /^u00(0[0-7be-f]|1[0-9a-f])/.exec(this.text.slice(this.at, this.at + 5));
    if (!digits) return this.fail();
    this.at += 5;
    return String.fromCharCode(parseInt(digits[1]!, 16));
  }

  private integer(): number {
    const digits = /^-?\d{1,16}/.exec(this.text.slice(this.at, this.at + 17))?.[0];
    const value = Number(digits);
    if (digits === undefined || String(value) !== digits || !Number.isSafeInteger(value)) this.fail();
    this.at += digits!.length;
    return value;
  }
}

export function parseCanonical(data: Uint8Array, what: string): Json {
  demand(data.length <= MAX_BYTES, `${what} is longer than ${MAX_BYTES} bytes`);
  return new Parser(fromUtf8(data, what)).document();
}

// Shapes of the documents read here: exactly the members named, each of the type asked for.

export function members(value: Json | undefined, names: string[], what: string): Map<string, Json> {
  demand(value instanceof Map && value.size === names.length, `${what}: not an object of ${names.length} members`);
  for (const name of names) demand(value.has(name), `${what}: no member "${name}"`);
  return value;
}

export function list(value: Json | undefined, what: string): Json[] {
  return Array.isArray(value) ? value : refuse(`${what} is not a list`);
}

export function text(value: Json | undefined, what: string): string {
  return typeof value === 'string' ? value : refuse(`${what} is not a string`);
}

export function natural(value: Json | undefined, what: string): number {
  return typeof value === 'number' && value >= 0 ? value : refuse(`${what} is not a number from 0`);
}

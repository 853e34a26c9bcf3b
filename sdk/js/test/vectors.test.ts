// Published vectors of the parts, and the parts against naive ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sm3 as librarySm3 } from 'sm-crypto-v2';
import { Sm3Stream } from '../src/index.js';
import { Refused } from '../src/bytes.js';
import { parseCanonical } from '../src/json.js';
import { leafHash, rootOfLeaves, rootOfPath } from '../src/merkle.js';
import { sm3, verifySm2 } from '../src/sm.js';
import { cat, tohex, unhex } from './asn1.js';
import { be, leaf, text, treePath, treeRoot } from './producer.js';
import { random } from './random.js';

test('SM3: GB/T 32905 annex A', () => {
  const vectors: [string, string][] = [
    ['abc', '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0'],
    ['abcd'.repeat(16), 'debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732'],
  ];
  for (const [message, digest] of vectors) {
    assert.equal(tohex(sm3(text(message))), digest);
    assert.equal(tohex(new Sm3Stream().update(text(message)).digest()), digest);
  }
});

test('SM3 in pieces equals SM3 of the whole', () => {
  const rng = random('sm3');
  for (let length = 0; length < 300; length++) {
    const data = rng.bytes(length);
    const stream = new Sm3Stream();
    for (let at = 0; at < length; ) {
      const next = Math.min(length, at + rng.below(130));
      stream.update(data.subarray(at, next));
      at = next;
    }
    assert.equal(tohex(stream.digest()), librarySm3(data), `length ${length}`);
  }
});

const KEY = unhex('0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13');
const R = 'f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3';
const S = 'b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa';

test('SM2: GB/T 32918.5 annex A.2, and every bit of it changed', () => {
  const message = text('message digest');
  assert.ok(verifySm2(KEY, unhex(R + S), message));
  const changed = (data: Uint8Array, bit: number) => data.map((x, i) => (i === bit >> 3 ? x ^ (1 << (bit & 7)) : x));
  for (let bit = 0; bit < 512; bit += 5) assert.ok(!verifySm2(KEY, changed(unhex(R + S), bit), message));
  for (let bit = 0; bit < 520; bit++) assert.ok(!verifySm2(changed(KEY, bit), unhex(R + S), message));
});

test('SM2: numbers and points out of range', () => {
  const n = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
  const p = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn;
  const message = text('message digest');
  const r = BigInt('0x' + R), s = BigInt('0x' + S);
  for (const [x, y] of [[0n, s], [r, 0n], [n, s], [r, n], [r, n - r], [n - 1n, 1n], [2n ** 256n - 1n, s], [1n, n - 1n]] as const)
    assert.ok(!verifySm2(KEY, cat(be(x, 32), be(y, 32)), message));
  assert.ok(!verifySm2(KEY.subarray(1), unhex(R + S), message));
  assert.ok(!verifySm2(new Uint8Array(65), unhex(R + S), message));
  assert.ok(!verifySm2(cat(Uint8Array.of(4), be(p, 32), be(p, 32)), unhex(R + S), message));
  assert.ok(!verifySm2(KEY, unhex(R), message));
});

test('RFC 9162 paths of all trees up to 40 leaves lead to their roots, and to no other index or size', () => {
  const leaves = Array.from({ length: 40 }, (_, i) => leaf(be(i, 4)));
  for (let size = 1; size <= 40; size++) {
    const root = tohex(treeRoot(leaves.slice(0, size)));
    assert.equal(tohex(rootOfLeaves(leaves.slice(0, size))), root);
    for (let index = 0; index < size; index++) {
      const path = treePath(leaves.slice(0, size), index);
      const reaches = (i: number, n: number) => {
        const reached = rootOfPath(BigInt(i), BigInt(n), leaves[index]!, path);
        return reached !== undefined && tohex(reached) === root;
      };
      assert.ok(reaches(index, size));
      for (let other = 0; other < size; other++) if (other !== index) assert.ok(!reaches(other, size));
    }
  }
  assert.equal(rootOfPath(0n, 0n, leafHash(), []), undefined);
  assert.equal(rootOfPath(2n ** 63n, 2n ** 63n, leafHash(), []), undefined);
});

const accepts = (data: string | Uint8Array) => {
  try {
    parseCanonical(typeof data === 'string' ? text(data) : data, 'test');
    return true;
  } catch (error) {
    assert.ok(error instanceof Refused, String(error));
    return false;
  }
};

test('canonical JSON: RFC 8785', () => {
  const good = [
    'null', 'true', 'false', '0', '-1', '9007199254740991', '-9007199254740991', '""', '[]', '{}', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"', '"\\b\\f\\n\\r\\t"',
    '"\\u0000\\u001f"', '"\u007f\u0080\u2028"', '{"\\r":1,"1":2,"\u0080":3,"ö":4,"€":5,"😀":6,"\ufb33":7}', '{"__proto__":1}', '{"":0}', '"\ufeff"',
    '['.repeat(32) + ']'.repeat(32),
  ];
  const bad = [
    '', ' 1', '1 ', '01', '-0', '1.0', '1.5', '1e3', '1E400', '9007199254740992', '-9007199254740992', '99999999999999999999', '-', 'nul', 'NaN', 'Infinity',
    '[1,]', '[1, 2]', '[,1]', '{"a":1,}', '{"a" :1}', '{"b":1,"a":2}', '{"a":1,"a":1}', '{a:1}', "'a'", '"\n"', '"\t"', '"\\/"', '"\\u0041"', '"\\u000A"',
    '"\\u0008"', '"\\u000a"', '"\\u001F"', '"\\u007f"', '"\\ud83d\\ude00"', '"\\ud800"', '"abc', '"\\', '"\\u00', '{"\ufb33":7,"😀":6}', '[', ']', '{', '{"a"', '{"a":',
    '['.repeat(33) + ']'.repeat(33), '['.repeat(100000), '1\0', '"' + 'x'.repeat(1 << 20) + '"',
  ];
  for (const each of good) assert.ok(accepts(each), each);
  for (const each of bad) assert.ok(!accepts(each), each.slice(0, 60));
  for (const bytes of ['22c08022', '22eda08022', '22f490808022', '22ff22', '22e28222', 'efbbbf31']) assert.ok(!accepts(unhex(bytes)), bytes);
});

type Plain = null | boolean | number | string | Plain[] | { [k: string]: Plain };

// By serialising again, which the library does not do.
function canonical(value: Plain): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((k) => `${JSON.stringify(k)}:${canonical(value[k]!)}`).join(',')}}`;
}

test('canonical JSON: random texts are taken exactly when they are what their value serialises to', () => {
  const rng = random('json');
  const alphabet = ['{', '}', '[', ']', ',', ':', '"', '"a"', '"b"', '"a":', '"b":', '0', '1', '-', '.', 'e', ' ', '\\', 'n', 'u', '\\u0000', '\\n', 'true', 'null', '好'];
  const value = (depth: number): Plain => {
    const kind = rng.below(depth > 3 ? 4 : 6);
    if (kind === 4) return Array.from({ length: rng.below(4) }, () => value(depth + 1));
    if (kind === 5) return Object.fromEntries(Array.from({ length: rng.below(4) }, () => [String.fromCodePoint(rng.below(3000)) + rng.below(9), value(depth + 1)]));
    return [null, rng.below(2) === 0, rng.below(2000) - 1000, String.fromCodePoint(rng.below(0xd800), rng.below(128))][kind] as Plain;
  };
  let taken = 0;
  for (let i = 0; i < 20000; i++) {
    let json = canonical(value(0));
    if (i % 2) {
      const at = rng.below(json.length + 1);
      json = json.slice(0, at) + alphabet[rng.below(alphabet.length)] + json.slice(at + rng.below(2));
    }
    let expected = false;
    try {
      expected = canonical(JSON.parse(json) as Plain) === json;
    } catch {
      // Not JSON at all.
    }
    if (/[\ud800-\udfff]/.test(json.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''))) continue;
    if (expected && /[.eE]|\d{16}/.test(json.replace(/"(\\.|[^"\\])*"/g, '').replace(/true|false/g, ''))) continue;
    assert.equal(accepts(json), expected, `${rng.seed}: ${json}`);
    taken += Number(expected);
  }
  assert.ok(taken > 10000);
});

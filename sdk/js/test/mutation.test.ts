// No change of a bundle verifies, and nothing that comes in is thrown at the caller.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyBundle } from '../src/index.js';
import { type Bytes, cat, tohex } from './asn1.js';
import { assemble, produce, recordFields, type Spec } from './producer.js';
import { random, type Random } from './random.js';

const FULL: Spec = { items: 5, index: 3, record: recordFields(['kind', '"合同"'], ['pages', '12', false]), transitions: 1, timestamp: {} };

function mutate(data: Bytes, rng: Random): Bytes {
  const at = rng.below(data.length);
  const length = 1 + rng.below(8);
  const rest = data.subarray(Math.min(data.length, at + length));
  switch (rng.below(7)) {
    case 0: return data.map((x, i) => (i === at ? x ^ (1 << rng.below(8)) : x));
    case 1: return data.map((x, i) => (i === at ? rng.below(256) : x));
    case 2: return cat(data.subarray(0, at), rest);
    case 3: return cat(data.subarray(0, at), rng.bytes(length), data.subarray(at));
    case 4: return cat(data.subarray(0, at), rng.bytes(length), rest);
    case 5: return data.subarray(0, at);
    default: {
      const from = rng.below(data.length);
      return cat(data.subarray(0, at), data.subarray(from, from + length), rest);
    }
  }
}

function refused(bundle: Bytes, what: string): string {
  const verdict = verifyBundle(bundle);
  assert.ok(!verdict.ok, `verified: ${what}: ${tohex(bundle)}`);
  assert.doesNotMatch(verdict.detail, /unexpected/, `${what}: ${tohex(bundle)}`);
  return verdict.reason;
}

/** Mutations of the whole file and, so as to get past the container, of one section with its length mended. */
function run(spec: Spec, rounds: number, name: string): Set<string> {
  const rng = random(name);
  const made = produce(spec);
  assert.ok(verifyBundle(made.bundle).ok);
  const types = [...made.sections.keys()];
  const reasons = new Set<string>();
  for (let i = 0; i < rounds; i++) {
    const type = types[rng.below(types.length)]!;
    const changed = i % 4 === 0 ? mutate(made.bundle, rng) : assemble(new Map(made.sections).set(type, mutate(made.sections.get(type)!, rng)));
    if (Buffer.compare(changed, made.bundle) !== 0) reasons.add(refused(changed, `seed ${rng.seed}, round ${i}`));
  }
  return reasons;
}

test('random mutations of a plain bundle', () => {
  const reasons = run({ items: 3, index: 1 }, 2500, 'plain');
  for (const reason of ['malformed', 'body_malformed', 'inner_path_mismatch', 'signature_invalid', 'log_path_mismatch', 'chain_mismatch', 'certificate_invalid'])
    assert.ok(reasons.has(`proof.${reason}`), reason);
});

test('random mutations of a bundle with everything', () => {
  const reasons = run(FULL, 600, 'full');
  for (const reason of ['record_mismatch', 'validators_unproven', 'timestamp_invalid']) assert.ok(reasons.has(`proof.${reason}`), reason);
});

test('random bytes, sections of random bytes, and values that are no bytes', () => {
  const rng = random('noise');
  const made = produce(FULL);
  for (let i = 0; i < 3000; i++) {
    refused(rng.bytes(rng.below(300)), 'noise');
    refused(cat(made.bundle.subarray(0, 8), rng.bytes(rng.below(300))), 'noise after the magic');
  }
  for (const type of made.sections.keys())
    for (let i = 0; i < 20; i++) refused(assemble(new Map(made.sections).set(type, rng.bytes(rng.below(400)))), `noise in ${type}`);
  for (const value of [undefined, null, 'text', 7, {}, []]) assert.equal(verifyBundle(value as unknown as Bytes).ok, false);
  assert.equal(verifyBundle(made.bundle, { anchor: 'x' as unknown as Bytes }).ok, false);
});

test('time and memory stay bounded on hostile sizes', () => {
  const made = produce(FULL);
  const big = (type: number, payload: Bytes) => assemble(new Map(made.sections).set(type, payload));
  refused(big(9, new Uint8Array(15 << 20).fill(0x5b)), 'genesis of brackets');
  refused(big(8, cat(Uint8Array.of(0xff, 0xff), new Uint8Array(66 * 0xffff))), 'certificate of zeros');
  refused(big(10, cat(Uint8Array.of(4, 0), new Uint8Array(15 << 20))), 'transitions of zeros');
  refused(big(11, cat(Uint8Array.of(0x30, 0x82, 0xff, 0xf0), new Uint8Array(65000).fill(0x30))), 'nested DER');
});

test('verification of a bundle with a time-stamp', () => {
  const { bundle } = produce({ timestamp: { middle: {} } });
  for (let i = 0; i < 5; i++) verifyBundle(bundle);
  const rounds = 20;
  const start = performance.now();
  for (let i = 0; i < rounds; i++) assert.ok(verifyBundle(bundle).ok);
  console.log(`# one bundle with a time-stamp (9 signatures): ${((performance.now() - start) / rounds).toFixed(1)} ms`);
});

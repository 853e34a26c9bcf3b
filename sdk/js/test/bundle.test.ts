// Valid bundles verify; a fault in each check gives that check's reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sm2 } from 'sm-crypto-v2';
import { type Options, type Reason, verifyBundle } from '../src/index.js';
import { type Bytes, cat, key, sign, tohex, tlv, int, oid, octets, seq, set } from './asn1.js';
import * as a from './asn1.js';
import * as p from './producer.js';
import { certificates } from './token.js';

const RECORD = p.recordFields(['kind', '"合同"'], ['pages', '12', false], ['title', '{"a":[1,-2],"b":null}']);
const FULL: p.Spec = { items: 5, index: 3, record: RECORD, transitions: 2, timestamp: {} };

function holds(spec: p.Spec, options: (made: p.Made) => Options = () => ({})) {
  const made = p.produce(spec);
  const verdict = verifyBundle(made.bundle, options(made));
  assert.ok(verdict.ok, JSON.stringify(verdict, (_, v) => (typeof v === 'bigint' ? `${v}` : v)));
  return verdict.facts;
}

function fails(reason: Reason, what: string, spec: p.Spec, options: (made: p.Made) => Options = () => ({})) {
  const made = p.produce(spec);
  const verdict = verifyBundle(made.bundle, options(made));
  assert.ok(!verdict.ok, `${what}: verified`);
  assert.equal(verdict.reason, reason, `${what}: ${verdict.detail}`);
  assert.doesNotMatch(verdict.detail, /unexpected/, what);
  assert.ok(verdict.explanation.zh && verdict.explanation.en);
}

const flip = (b: Bytes, at: number) => b.map((x, i) => (i === (at + b.length) % b.length ? x ^ 1 : x));
const put = (b: Bytes, at: number, value: Bytes) => cat(b.subarray(0, at), value, b.subarray(at + value.length));
const edit = (type: number, change: (b: Bytes) => Bytes): p.Spec => ({ sections: (s) => new Map(s).set(type, change(s.get(type)!)) });

test('valid bundles', () => {
  const facts = holds({}, (m) => ({ file: m.original }));
  assert.equal(facts.file, 'matches');
  assert.equal(facts.chain.name, '测试链 test');
  assert.equal(facts.block.height, 40n);
  assert.equal(facts.validators, 4);
  assert.equal(facts.anchor, 'not pinned');
  for (let items = 1; items <= 9; items++) for (let index = 0; index < items; index++) holds({ items, index });
  holds({ calls: [p.callBytes('governance', 'set', p.text('x'))] });
  holds({ transitions: 3 });
});

test('a bundle with everything', () => {
  const root = certificates().root;
  const facts = holds(FULL, (m) => ({ file: m.original, anchor: p.anchorText(m.chainId, [root]) }));
  assert.equal(facts.anchor, 'pinned');
  assert.deepEqual(facts.record, [{ name: 'kind', json: '"合同"' }, { name: 'title', json: '{"a":[1,-2],"b":null}' }]);
  assert.equal(facts.withheldFields, 1);
  assert.equal(facts.transitions, 2);
  assert.deepEqual(facts.timestamp, { timeMs: Date.UTC(2026, 10, 22, 4, 0, 0, 250), authority: '测试时间戳 TSA', pinned: true });
  holds({ record: RECORD.map((f) => ({ ...f, disclosed: false })) });
});

test('1 malformed', () => {
  const bad = (what: string, spec: p.Spec) => fails('proof.malformed', what, spec);
  const whole = p.produce(FULL).bundle;
  for (let n = 0; n < whole.length; n += 7) assert.equal((verifyBundle(whole.subarray(0, n)) as { reason: string }).reason, 'proof.malformed');
  assert.equal((verifyBundle(cat(whole, Uint8Array.of(0))) as { reason: string }).reason, 'proof.malformed');
  assert.equal((verifyBundle(new Uint8Array((16 << 20) + 1)) as { reason: string }).reason, 'proof.malformed');
  for (let type = 1; type <= 9; type++) {
    bad(`section ${type} missing`, { sections: (s) => (s.delete(type), s) });
    if (type !== 3 && type !== 9) bad(`section ${type} too long`, edit(type, (b) => cat(b, Uint8Array.of(0))));
  }
  for (const type of [10, 12]) {
    bad(`section ${type} too long`, { ...FULL, ...edit(type, (b) => cat(b, Uint8Array.of(0))) });
    bad(`section ${type} too short`, { ...FULL, ...edit(type, (b) => b.subarray(0, -1)) });
  }
  bad('unknown section', { sections: (s) => s.set(13, p.text('x')) });
  bad('section 0', { sections: (s) => new Map([[0, p.text('x')], ...s]) });
  bad('order', { sections: (s) => new Map([...s].reverse()) });
  bad('record without need', { sections: (s) => s.set(12, p.text('x')) });
  bad('record missing', { record: RECORD, sections: (s) => (s.delete(12), s) });
  bad('body too long', edit(3, () => new Uint8Array((64 << 10) + 1)));
  bad('path too long', edit(6, (b) => cat(b.subarray(0, 8), Uint8Array.of(64), new Uint8Array(64 * 32))));
  bad('receipt time', { receipt: (b) => put(b, 20, p.be(1n << 63n, 8)) });
  bad('header time', { header: (f) => ({ ...f, time: 1n << 63n }) });
  bad('too many signatures', { certificate: (e) => Array.from({ length: 16385 }, (_, index) => ({ index, signature: e[0]!.signature })) });
  bad('certificate order', { certificate: (e) => [...e].reverse() });
  bad('no transitions', { ...FULL, ...edit(10, () => Uint8Array.of(0, 0)) });
  for (const [what, t] of Object.entries<(t: p.TransitionParts) => p.TransitionParts>({
    'set empty': (t) => ({ ...t, next: Uint8Array.of(0, 0) }),
    'set cut': (t) => ({ ...t, next: t.next.subarray(0, -1) }),
    'weight 0': (t) => ({ ...t, next: put(t.next, 67, p.be(0, 8)) }),
    'weight sum': (t) => ({ ...t, next: put(t.next, 67, p.be(1n << 62n, 8)) }),
    'set order': (t) => ({ ...t, next: cat(t.next.subarray(0, 2), t.next.subarray(75, 148), t.next.subarray(2, 75), t.next.subarray(148)) }),
    'proof kind': (t) => ({ ...t, proof: put(t.proof, 0, Uint8Array.of(3)) }),
    'proof too long': (t) => ({ ...t, proof: cat(Uint8Array.of(1), p.be(257, 2), new Uint8Array(257 * 32)) }),
    'kind 2 cut': (t) => ({ ...t, proof: Uint8Array.of(2, 0, 0) }),
  })) bad(what, { transitions: 1, transition: t });
  bad('record empty', { ...FULL, ...edit(12, () => Uint8Array.of(0, 0)) });
  bad('record kind', { ...FULL, ...edit(12, (b) => put(b, 2, Uint8Array.of(2))) });
  bad('names do not ascend', { record: p.recordFields(['b', '1'], ['a', '2']) });
  bad('name twice', { record: p.recordFields(['a', '1'], ['a', '2']) });
  bad('name empty', { record: p.recordFields(['', '1']) });
  bad('name too long', { record: p.recordFields(['x'.repeat(65), '1']) });
  bad('name not UTF-8', { record: [{ ...RECORD[0]!, name: Uint8Array.of(0xc0, 0x80) }] });
  bad('value not canonical', { record: p.recordFields(['a', '{"b":1,"a":2}']) });
});

test('2 record_mismatch', () => {
  fails('proof.record_mismatch', 'salt', { ...FULL, ...edit(12, (b) => flip(b, 3)) });
  fails('proof.record_mismatch', 'withheld leaf', { ...FULL, ...edit(1, (b) => flip(b, 40)) });
});

test('3 body_malformed', () => {
  const bad = (what: string, spec: p.Spec) => fails('proof.body_malformed', what, spec);
  bad('empty', edit(3, () => new Uint8Array()));
  bad('unknown field', { body: (b) => cat(b, p.number(7, 1)) });
  bad('descending', { body: (b) => cat(b, p.number(3, 1)) });
  bad('twice', { body: (b) => cat(b.subarray(0, 34), b) });
  bad('zero spelt out', { body: (b) => Buffer.concat([b.subarray(0, 52), p.number(3, 0), b.subarray(55)]) });
  bad('long varint', { body: (b) => Buffer.concat([b.subarray(0, 52), Uint8Array.of(24, 0x81, 0x00), b.subarray(55)]) });
  bad('long key', { body: (b) => cat(Uint8Array.of(0x8a, 0), b.subarray(1)) });
  bad('wire type', { body: (b) => cat(Uint8Array.of(0x0d), b.subarray(1)) });
  bad('chain too short', { chain: (c) => c.subarray(1) });
  bad('empty field', { calls: [cat(p.field(1, new Uint8Array()), p.field(2, p.text('x')))] });
  bad('not UTF-8', { calls: [p.field(1, Uint8Array.of(0xff))] });
  bad('65 calls', { calls: Array.from({ length: 64 }, () => p.callBytes('a', 'b', p.text('c'))) });
  bad('no such call', edit(2, (b) => put(b, 0, Uint8Array.of(0, 1))));
  bad('another call', { calls: [p.callBytes('evidence', 'adds', p.text('x'))], ...edit(2, (b) => put(b, 0, Uint8Array.of(0, 0))) });
  bad('arguments', { args: (x) => cat(x, p.number(4, 1)) });
  bad('item_bytes', { args: (x) => cat(x.subarray(0, -1), Uint8Array.of(33)) });
  bad('item_bytes of the other kind', { args: (x) => cat(x.subarray(0, -1), Uint8Array.of(64)) });
  bad('count', edit(2, (b) => put(b, 10, p.be(2, 8))));
  bad('root of 31 bytes', { args: (x) => cat(p.field(1, x.subarray(2, 33)), x.subarray(34)) });
});

test('4 inner_path_mismatch', () => {
  const bad = (what: string, spec: p.Spec) => fails('proof.inner_path_mismatch', what, { ...FULL, ...spec });
  bad('item', { record: undefined, timestamp: undefined, ...edit(1, (b) => flip(b, 0)) } as p.Spec);
  bad('index', edit(2, (b) => put(b, 2, p.be(2, 8))));
  bad('index beyond', edit(2, (b) => put(b, 2, p.be(5, 8))));
  bad('hash', edit(2, (b) => flip(b, -1)));
  bad('too short', edit(2, (b) => cat(put(b, 18, Uint8Array.of(b[18]! - 1)).subarray(0, -32))));
  bad('too long', edit(2, (b) => cat(put(b, 18, Uint8Array.of(b[18]! + 1)), new Uint8Array(32))));
});

test('5 signature_invalid', () => {
  const bad = (what: string, spec: p.Spec) => fails('proof.signature_invalid', what, spec);
  bad('signature', { signer: (s) => ({ ...s, signature: flip(s.signature, 63) }) });
  bad('another key', { signer: (s) => ({ ...s, pub: key(2).pub }) });
  bad('r = 0', { signer: (s) => ({ ...s, signature: put(s.signature, 0, new Uint8Array(32)) }) });
  bad('s = 0', { signer: (s) => ({ ...s, signature: put(s.signature, 32, new Uint8Array(32)) }) });
  bad('all ones', { signer: (s) => ({ ...s, signature: new Uint8Array(64).fill(255) }) });
  const offCurve = flip(key(1).pub, 64);
  bad('off the curve', { signer: (s) => ({ ...s, pub: offCurve }), body: (b) => put(b, 36, p.h(p.text('chengxin/key/v1\0'), offCurve).subarray(0, 16)) });
});

test('6 not_accepted, 7 log_path_mismatch', () => {
  fails('proof.not_accepted', 'status', { receipt: (b) => put(b, 0, p.be(5, 4)) });
  const bad = (what: string, spec: p.Spec) => fails('proof.log_path_mismatch', what, spec);
  bad('receipt', edit(5, (b) => flip(b, -1)));
  bad('index', edit(6, (b) => put(b, 0, p.be(7, 8))));
  bad('index beyond', edit(6, (b) => put(b, 0, p.be(11, 8))));
  bad('hash', edit(6, (b) => flip(b, -1)));
  bad('log size', { header: (f) => ({ ...f, logSize: 2n ** 63n }) });
  bad('log size 0', { header: (f) => ({ ...f, logSize: 0n }) });
});

test('8 chain_mismatch, 9 genesis_malformed', () => {
  const bad = (what: string, spec: p.Spec) => fails('proof.chain_mismatch', what, spec);
  bad('body', { chain: (c) => flip(c, 0) });
  bad('header', { header: (f) => ({ ...f, chain: flip(f.chain, 0) }) });
  bad('genesis', edit(9, (b) => flip(b, 3)));
  bad('receipt above', { receipt: (b) => put(b, 12, p.be(42, 8)) });
  bad('receipt later', { receipt: (b) => put(b, 20, p.be(1763784001001n, 8)) });
  const change = (from: string | RegExp, to: string) => fails('proof.genesis_malformed', to, { genesis: (g) => g.replace(from, to) });
  change('{"accounts"', '{ "accounts"');
  change('"created_ms":1700000000000', '"created_ms":-1');
  change('"created_ms":1700000000000', '"created_ms":1.5');
  change('"max_block_bytes":8388608', '"max_block_bytes":-1');
  change('"max_block_bytes":8388608', '"max_block_bytes":9007199254740992');
  change('genesis/v1', 'genesis/v2');
  change('"salt":"00', '"salt":"');
  change('0a0b', '0A0B');
  change(',"name":"测试链 test"', '');
  change('"name":', '"label":"x","name":');
  change('["writer"]', '[1]');
  const begins = (version: string) => (g: string) => g.replace('"salt":', `"protocol":${version},"salt":`);
  holds({ genesis: begins('3') });
  for (const version of ['0', '1', '-3', '1.5', '"3"', 'null', '4294967296'])
    fails('proof.genesis_malformed', `protocol ${version}`, { genesis: begins(version) });
  change('"weight":1}', '"weight":0}');
  change(/"validators":.*$/, '"validators":[]}');
  change(/(\{"public_key":"\w+","weight":\d\}),(\{"public_key":"\w+","weight":\d\})/, '$2,$1');
});

test('1a protocol_unknown', () => {
  for (const version of [1, 2, 3, 4]) holds({ transitions: 1, header: (f) => ({ ...f, version }) });
  for (const version of [0, 5, 0xffffffff]) {
    fails('proof.protocol_unknown', `header ${version}`, { header: (f) => ({ ...f, version }) });
    fails('proof.protocol_unknown', `transition ${version}`, { transitions: 1, transitionHeader: (f) => ({ ...f, version }) });
  }
  const newer = verifyBundle(p.produce({ header: (f) => ({ ...f, version: 5 }) }).bundle);
  assert.match(newer.ok ? '' : newer.detail, /version 5 .*newer/);
});

/** The genesis of a chain whose validators run it together, with what a test changes of it. */
function withConsortium(genesis: string, change: (consortium: any, accounts: any[]) => void = () => {}): string {
  const doc = JSON.parse(genesis) as any;
  const governors = ['aa', 'bb'].map((name, i) => ({ name, title: `机构 ${name}`, root_certificate: 'MAA=', governor_key: `0${i + 1}`.repeat(65) }));
  const fill = (i: number, bytes: number) => (i + 16).toString(16).repeat(bytes);
  const nodes = doc.validators.map((validator: any, i: number) => ({
    name: `node-${i}`, organisation: i % 2 ? 'aa' : 'bb', key: validator.public_key, service_key: i ? '' : fill(i, 65), engine_key: fill(i, 32),
    engine_id: fill(i, 20), address: `node-${i}.example:7443`, role: 'voter', weight: validator.weight,
  }));
  nodes.push({ ...nodes[1], name: 'watcher', key: '0f'.repeat(65), engine_key: '0f'.repeat(32), engine_id: '0f'.repeat(20), role: 'observer', address: '[::1]:1' });
  doc.consortium = { approval: 'two_thirds', organisations: governors, nodes };
  for (const each of governors) doc.accounts.push({ public_key: each.governor_key, roles: ['governor'] });
  doc.accounts.push({ public_key: fill(0, 65), roles: ['writer'] });
  change(doc.consortium, doc.accounts);
  const sorted = (value: any): any => Array.isArray(value) ? value.map(sorted)
    : value && typeof value === 'object' ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])])) : value;
  return JSON.stringify(sorted(doc));
}

test('a genesis of a consortium', () => {
  holds({ genesis: (g) => withConsortium(g) });
  const bad = (what: string, change: (consortium: any, accounts: any[]) => void) =>
    fails('proof.genesis_malformed', what, { genesis: (g) => withConsortium(g, change) });
  bad('a voter less', (c) => (c.nodes[0].role = 'observer'));
  bad('another weight', (c) => (c.nodes[0].weight += 1));
  bad('a voter more', (c) => (c.nodes[4].role = 'voter'));
  bad('order', (c) => c.nodes.reverse());
  bad('a stranger', (c) => (c.nodes[0].organisation = 'cc'));
  bad('a key twice', (c) => (c.nodes[4].engine_key = c.nodes[0].engine_key));
  bad('an address', (c) => (c.nodes[0].address = 'node'));
  bad('a port', (c) => (c.nodes[0].address = 'node:65536'));
  bad('a name', (c) => (c.organisations[0].name = 'A'));
  bad('a title', (c) => (c.organisations[0].title = ''));
  bad('base64', (c) => (c.organisations[0].root_certificate = 'MAB='));
  bad('an approval', (c) => (c.approval = 'most'));
  bad('a member more', (c) => (c.extra = 1));
  bad('a service key of zeroes', (c) => (c.nodes[1].service_key = '00'.repeat(65)));
  bad('no account of a governor', (_, accounts) => accounts.splice(1, 1));
  bad('no account of a service', (_, accounts) => accounts.pop());
});

test('10 validators_unproven', () => {
  const bad = (what: string, spec: p.Spec) => fails('proof.validators_unproven', what, spec);
  bad('header names another set', { header: (f) => ({ ...f, validators: p.h() }) });
  bad('header at height 0', { header: (f) => ({ ...f, height: 0n }), receipt: (b) => put(b, 12, p.be(0, 8)) });
  bad('set without proof', { transitions: 1, sections: (s) => (s.delete(10), s) });
  bad('chain', { transitions: 1, transitionHeader: (f) => ({ ...f, chain: p.h() }) });
  bad('height 0', { transitions: 1, transitionHeader: (f) => ({ ...f, height: 0n }) });
  bad('heights', { transitions: 2, transitionHeader: (f) => ({ ...f, height: 10n }) });
  bad('at the header', { transitions: 1, transitionHeader: (f) => ({ ...f, height: 41n }) });
  bad('set hash', { transitions: 2, transitionHeader: (f, i) => (i === 1 ? { ...f, validators: p.h() } : f) });
  bad('signature', { transitions: 1, transition: (t) => ({ ...t, certificate: flip(t.certificate, -1) }) });
  bad('weight', { transitions: 1, transitionSigners: [0] });
  bad('state root', { transitions: 1, transitionHeader: (f) => ({ ...f, stateRoot: p.h() }) });
  bad('proof', { transitions: 1, transition: (t) => ({ ...t, proof: flip(t.proof, -1) }) });
  bad('proof of absence', { transitions: 1, transition: (t) => ({ ...t, proof: put(t.proof, 0, Uint8Array.of(0)) }) });
  bad('next set', { transitions: 1, transition: (t) => ({ ...t, next: flip(t.next, -1) }) });
});

test('11 certificate_invalid', () => {
  const bad = (what: string, spec: p.Spec) => fails('proof.certificate_invalid', what, spec);
  bad('as many signatures as may be', { certificate: (e) => Array.from({ length: 16384 }, (_, index) => ({ index, signature: e[0]!.signature })) });
  bad('empty', { certificate: () => [] });
  bad('weight', { signers: [0] });
  bad('index', { certificate: (e) => [...e, { index: 4, signature: e[0]!.signature }] });
  bad('signature', { certificate: (e) => e.map((x, i) => (i === 0 ? { ...x, signature: flip(x.signature, 9) } : x)) });
  bad('of another', { certificate: (e) => e.map((x) => ({ ...x, signature: e[0]!.signature })) });
  bad('of another message', { certificate: (e) => e.map((x) => ({ ...x, signature: sign(key(10), p.h()) })) });
});

test('a third of the weight may be missing, not more', () => {
  const weights = p.produce().validators.map((v) => v.weight);
  for (let mask = 1; mask < 16; mask++) {
    const signers = [0, 1, 2, 3].filter((i) => mask & (1 << i));
    const signed = signers.reduce((sum, i) => sum + weights[i]!, 0n);
    if (3n * signed > 20n) holds({ signers });
    else fails('proof.certificate_invalid', String(signers), { signers });
  }
});

test('12 timestamp_invalid', () => {
  type T = NonNullable<p.Spec['timestamp']>;
  const good = (timestamp: T) => holds({ timestamp });
  const bad = (what: string, timestamp: T) => fails('proof.timestamp_invalid', what, { timestamp });
  const at = (i: number, value: Bytes) => (list: Bytes[]) => list.map((x, k) => (k === i ? value : x));
  good({ middle: {} });
  good({ byKeyId: true });
  good({ essHash: 'sha256' });
  good({ essHash: 'none' });
  good({ certificates: (l) => [...l].reverse() });
  good({ signer: { extensions: [a.EXT.timeStamping()] } });
  good({ info: (l) => [...l.slice(0, 6), a.TRUE, l[6]!, tlv(0xa0, tlv(0xa4, a.name('x')))] });
  good({ genTime: '20261122040000Z' });
  good({ signerInfo: at(4, seq(oid('1.2.156.10197.1.301'))) });

  bad('imprint', { imprint: p.h() });
  bad('imprint algorithm', { info: at(2, seq(seq(oid('2.16.840.1.101.3.4.2.1')), octets(p.h()))) });
  bad('left over', { token: (t) => cat(t, Uint8Array.of(0)) });
  bad('long length', { token: (t) => cat(Uint8Array.of(0x30, 0x83, 0), t.subarray(2)) });
  bad('indefinite length', { token: (t) => cat(Uint8Array.of(0x30, 0x80), t.subarray(4), Uint8Array.of(0, 0)) });
  bad('signature', { signingKey: key(5) });
  bad('signature number', { signerInfo: at(5, octets(seq(int(1), tlv(2, Uint8Array.of(0, 1))))) });
  bad('signature negative', { signerInfo: at(5, octets(seq(int(1), tlv(2, Uint8Array.of(0x80))))) });
  bad('digest algorithm', { signerInfo: at(2, seq(oid('2.16.840.1.101.3.4.2.1'))) });
  bad('signature algorithm', { signerInfo: at(4, seq(oid('1.2.840.10045.4.3.2'))) });
  bad('unsigned attributes', { signerInfo: (l) => [...l, tlv(0xa1, seq(oid('1.2.3'), set()))] });
  bad('signer version', { signerInfo: at(0, int(3)) });
  bad('serial', { signerInfo: at(1, seq(a.name('Test root'), int(4))) });
  bad('data version', { signedData: at(0, int(1)) });
  bad('two signers', { signedData: (l) => [...l.slice(0, 4), set(l[4]!.subarray(l[4]!.length > 257 ? 4 : 3), l[4]!.subarray(l[4]!.length > 257 ? 4 : 3))] });
  bad('crls', { signedData: (l) => [...l.slice(0, 4), tlv(0xa1), l[4]!] });
  bad('content type unsigned', { attributes: (l) => l.slice(1) });
  bad('digest unsigned', { attributes: (l) => [l[0]!, l[2]!] });
  bad('attribute twice', { attributes: (l) => [...l, l[0]!] });
  bad('digest', { attributes: at(1, seq(oid('1.2.840.113549.1.9.4'), set(octets(p.h())))) });
  bad('signing certificate', { essHash: 'wrong' });
  bad('signing certificate hash', { essHash: 'sha512' });
  bad('TSTInfo version', { info: at(0, int(2)) });
  bad('TSTInfo left over', { info: (l) => [...l, int(1)] });
  for (const t of ['20261122040000.250Z', '20261122040000', '20261322040000Z', '20260230040000Z', '20261122240000Z', '20261122040060Z', '20261122040000.Z']) bad(t, { genTime: t });
  bad('expired', { genTime: '20550101000001Z' });
  bad('not yet', { genTime: '20241231235959.9Z' });
  bad('root missing', { certificates: (l) => l.slice(0, -1) });
  bad('root expired', { root: { notAfter: '20260101000000Z' } });
  bad('stranger', { certificates: (l) => [...l, a.certificate({ subject: 'X', issuer: 'X', key: key(7), issuerKey: key(7), extensions: [a.EXT.authority()] })] });
  bad('root twice', { certificates: (l) => [...l, l[1]!] });
  bad('signed by another', { signer: { issuerKey: key(8) } });
  bad('root signed by another', { root: { issuerKey: key(8) } });
  bad('root no authority', { root: { extensions: [a.EXT.keyUsage(0x06, 1)] } });
  bad('root may not certify', { root: { extensions: [a.EXT.authority(), a.EXT.keyUsage(0x80, 7)] } });
  bad('path length', { middle: {}, root: { extensions: [a.EXT.authority(0)] } });
  bad('no purpose', { signer: { extensions: [] } });
  bad('purpose not critical', { signer: { extensions: [a.EXT.timeStamping(false)] } });
  bad('two purposes', { signer: { extensions: [a.EXT.timeStamping(true, '1.3.6.1.5.5.7.3.3')] } });
  bad('key usage', { signer: { extensions: [a.EXT.timeStamping(), a.EXT.keyUsage(0x06, 1)] } });
  bad('critical extension', { signer: { extensions: [a.EXT.timeStamping(), a.extension('1.2.3', true, a.NULL)] } });
  bad('extension twice', { signer: { extensions: [a.EXT.timeStamping(), a.EXT.timeStamping()] } });
  bad('key identifier critical', { signer: { extensions: [a.EXT.timeStamping(), a.extension('2.5.29.14', true, octets(p.h()))] } });
  bad('key usage of three bytes', { signer: { extensions: [a.EXT.timeStamping(), a.extension('2.5.29.15', true, tlv(3, Uint8Array.of(0, 0x80, 0, 0)))] } });
  bad('key usage bits', { signer: { extensions: [a.EXT.timeStamping(), a.EXT.keyUsage(0x81, 1)] } });
  bad('no extensions', { root: { extensions: [] } });
  bad('before 1950', { root: { notAfter: '19490101000000Z' } });
  bad('time before 1970', { genTime: '19691231235959Z' });
  bad('serial too long', { info: at(3, int(1n << 160n)) });
  bad('serial negative', { info: at(3, tlv(2, Uint8Array.of(0xff))) });
  bad('policy', { info: at(1, tlv(6, Uint8Array.of(0x2a, 0x80, 1))) });
  good({ info: at(3, int((1n << 160n) - 1n)) });
  bad('certificate algorithm', { signer: { algorithm: seq(oid('1.2.840.10045.4.3.2')) } });
  fails('proof.timestamp_invalid', 'too long', { timestamp: {}, ...edit(11, () => tlv(0x30, new Uint8Array(70000))) });
  fails('proof.malformed', 'empty', { timestamp: {}, ...edit(11, () => new Uint8Array()) });
});

test('13 anchor', () => {
  const anchor = (change: (m: p.Made) => Bytes) => (m: p.Made) => ({ anchor: change(m) });
  const stranger = certificates({ root: { serial: 9 } }).root;
  holds({}, anchor((m) => p.anchorText(m.chainId, [stranger])));
  fails('proof.anchor_mismatch', 'chain', {}, anchor(() => p.anchorText(p.h())));
  fails('proof.anchor_mismatch', 'root', { timestamp: {} }, anchor((m) => p.anchorText(m.chainId, [stranger])));
  for (const spoil of [' ', '!', '"', '='])
    fails('proof.anchor_malformed', spoil, {}, anchor((m) => cat(p.anchorText(m.chainId), p.text(spoil))));
  fails('proof.anchor_malformed', 'base64', {}, anchor((m) => p.text(Buffer.from(p.anchorText(m.chainId)).toString().replace('[]', '["QQ"]'))));
  fails('proof.anchor_malformed', 'base64 bits', {}, anchor((m) => p.text(Buffer.from(p.anchorText(m.chainId)).toString().replace('[]', '["QR=="]'))));
});

test('14 file_mismatch', () => {
  fails('proof.file_mismatch', 'file', {}, () => ({ file: p.text('another') }));
  fails('proof.file_mismatch', 'digest', {}, () => ({ fileDigest: tohex(p.h()) }));
  fails('proof.file_mismatch', 'digest', {}, () => ({ fileDigest: 'xyz' }));
  holds({}, (m) => ({ fileDigest: tohex(p.h(m.original)).toUpperCase() }));
});

test('the first failing check gives the verdict', () => {
  fails('proof.signature_invalid', 'two faults', { signers: [0], signer: (s) => ({ ...s, signature: flip(s.signature, 0) }) }, () => ({ file: p.text('another') }));
  fails('proof.certificate_invalid', 'two faults', { signers: [0], timestamp: { imprint: p.h() } });
});

test('a signature whose point is infinity is refused, though the library takes it', () => {
  // For s = -r·d/(1 + d) the point [s]G + [r + s]P is infinity; the library reads it as x = 0, so that r = e would do.
  const n = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
  const power = (b: bigint, e: bigint): bigint => (e === 0n ? 1n : (power((b * b) % n, e >> 1n) * (e & 1n ? b : 1n)) % n);
  const k = key(1);
  const d = BigInt('0x' + k.secret);
  const forge = (message: Bytes) => {
    const r = BigInt('0x' + sm2.getHash(message, tohex(k.pub))) % n;
    return cat(p.be(r, 32), p.be(((((n - r) * d) % n) * power(1n + d, n - 2n)) % n, 32));
  };
  const forged = (s: Map<number, Bytes>) => forge(cat(p.text('chengxin/tx/v1\0'), s.get(3)!));
  const made = p.produce({ sections: (s) => new Map(s).set(4, cat(k.pub, forged(s))) });
  const message = cat(p.text('chengxin/tx/v1\0'), made.sections.get(3)!);
  assert.ok(sm2.doVerifySignature(message, tohex(forge(message)), tohex(k.pub), { hash: true }));
  assert.equal((verifyBundle(made.bundle) as { reason: string }).reason, 'proof.signature_invalid');
});

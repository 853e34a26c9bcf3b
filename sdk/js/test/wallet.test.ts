import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { utf8 } from '../src/bytes.js';
import {
  type JsonObject, type PrivateJwk, Wallet, base64url, bind, didOfKey, encodeSdJwt, generateKey, issueSdJwt, keyOfMultikey, parseSdJwt,
  refusal, resolver, sdDigest, select, signBytes, signCompact, signGeneral, unfold, verifyBytes, verifyCredential, verifyPresentation, webAddress,
} from '../src/wallet.js';

const ISSUER = 'did:web:issuer.example';
const TYPE = 'urn:chengxin:credential:resident';
const NOW = 1_790_000_000;
const sm2 = await generateKey('SM2SM3');
const p256 = await generateKey('ES256');
const resolve = resolver(async () => ({
  id: ISSUER,
  verificationMethod: [
    { id: `${ISSUER}#sm2`, type: 'JsonWebKey', controller: ISSUER, publicKeyJwk: { kty: 'EC', crv: 'SM2', x: sm2.x, y: sm2.y } },
    { id: `${ISSUER}#p256`, type: 'JsonWebKey', controller: ISSUER, publicKeyJwk: { kty: 'EC', crv: 'P-256', x: p256.x, y: p256.y } },
  ],
  assertionMethod: [`${ISSUER}#sm2`, `${ISSUER}#p256`],
}));
const judging = { resolve, issuers: [ISSUER], nowSeconds: NOW };
const signers = { sm2: { key: sm2, kid: `${ISSUER}#sm2` }, p256: { key: p256, kid: `${ISSUER}#p256` } };
const choices = [[signers.sm2], [signers.p256], [signers.sm2, signers.p256]];
const content = (wallet: Wallet): JsonObject => ({
  iss: ISSUER, vct: TYPE, iat: NOW, nbf: NOW, exp: NOW + 86400 * 30, cnf: { jwk: { ...wallet.jwk } },
  name: '张三', birth_year: 1990, address: { street: '人民路', city: '城市' }, nationalities: ['CN', 'FR'],
});
const SELECTIVE = [['name'], ['birth_year'], ['address'], ['address', 'street'], ['nationalities', null]];

test('vectors of did:key, did:web, RFC 7515 and RFC 9901', async () => {
  for (const [did, x, y] of [
    ['zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169', 'fyNYMN0976ci7xqiSdag3buk-ZCwgXU4kz9XNkBlNUI', 'hW2ojTNfH7Jbi8--CJUo3OCbH3y5n91g-IMA9MLMbTU'],
    ['zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv', 'igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns', 'efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM'],
  ]) {
    const key = keyOfMultikey(did!);
    assert.deepEqual(key, { kty: 'EC', crv: 'P-256', x, y });
    assert.equal(didOfKey(key), `did:key:${did}`);
  }
  assert.deepEqual(keyOfMultikey(didOfKey(sm2).slice(8)), { kty: 'EC', crv: 'SM2', x: sm2.x, y: sm2.y });
  assert.equal(webAddress('did:web:example.com%3A3000:user:alice'), 'https://example.com:3000/user/alice/did.json');
  assert.equal(webAddress('did:web:w3c-ccg.github.io'), 'https://w3c-ccg.github.io/.well-known/did.json');
  for (const bad of ['did:web:', 'did:web:a%2Fb', 'did:web:a:..:b', 'did:web:a::b', 'did:key:z']) assert.throws(() => webAddress(bad));
  assert.equal(sdDigest('sha-256', 'WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0'), 'X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0');
  const example = { kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' } as const;
  const input = utf8('eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ');
  const signature = Uint8Array.from(Buffer.from('DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q', 'base64url'));
  assert.ok(await verifyBytes(example, input, signature));
  signature[5]! ^= 1;
  assert.ok(!(await verifyBytes(example, input, signature)));
});

test('both kinds of keys sign and hold only for themselves', async () => {
  for (const key of [sm2, p256]) {
    const signature = await signBytes(key, utf8('message'));
    assert.ok(await verifyBytes(key, utf8('message'), signature));
    assert.ok(!(await verifyBytes(key, utf8('messagf'), signature)));
    assert.ok(!(await verifyBytes(await generateKey(key.crv === 'SM2' ? 'SM2SM3' : 'ES256'), utf8('message'), signature)));
  }
});

test('claims are hidden, chosen, shown to one verifier and judged', async () => {
  for (const algorithm of ['SM2SM3', 'ES256'] as const)
    for (const by of choices)
      for (const hash of ['sha-256', 'sm3']) {
        const wallet = await Wallet.create(algorithm);
        const held = wallet.hold(encodeSdJwt(await issueSdJwt(content(wallet), SELECTIVE, by, hash)));
        assert.ok(!JSON.stringify(parseSdJwt(held.text).jws.payload).includes('人民路'));
        const to = { audience: 'did:web:v', nonce: 'n1', seconds: NOW };
        const shown = await wallet.present(held, [['birth_year'], ['address', 'street']], to);
        const verified = await verifyPresentation(shown, to, judging);
        assert.deepEqual(verified.claims, { birth_year: 1990, address: { street: '人民路', city: '城市' }, nationalities: [] });
        assert.match(String(await refusal(() => verifyPresentation(shown, { ...to, nonce: 'n2' }, judging))), /nonce/);
        assert.match(String(await refusal(() => verifyPresentation(shown, { ...to, audience: 'x' }, judging))), /another verifier/);
        const thief = await Wallet.create(algorithm);
        const stolen = await thief.present(held, [['name']], to);
        assert.match(String(await refusal(() => verifyPresentation(stolen, to, judging))), /holder/);
      }
});

test('W3C credentials, compact and with two proofs', async () => {
  for (const by of choices) {
    const wallet = await Wallet.create();
    const credential = {
      '@context': ['https://www.w3.org/ns/credentials/v2'], type: ['VerifiableCredential', 'Resident'], issuer: ISSUER,
      validFrom: '2026-09-01T00:00:00Z', validUntil: '2027-09-01T00:00:00+08:00', credentialSubject: { id: wallet.did, name: '李四' },
    };
    const header = { typ: 'vc+jwt', cty: 'vc' };
    const text = by.length > 1 ? await signGeneral(header, credential, by) : await signCompact({ ...header, kid: by[0]!.kid }, credential, by[0]!.key);
    const to = { audience: 'did:web:v', nonce: 'n', seconds: NOW };
    const shown = await wallet.present(wallet.hold(text), [], to);
    assert.equal((await verifyPresentation(shown, to, judging)).claims['name'], '李四');
    const thief = await Wallet.create();
    assert.match(String(await refusal(async () => verifyPresentation(await thief.present(thief.hold(text), [], to), to, judging))), /holder/);
    assert.match(String(await refusal(() => verifyCredential(text, { ...judging, nowSeconds: NOW + 86400 * 400 }))), /expired/);
    assert.match(String(await refusal(() => verifyCredential(text, { ...judging, nowSeconds: NOW - 86400 * 40 }))), /not yet/);
    assert.match(String(await refusal(() => verifyCredential(text, { ...judging, issuers: [] }))), /believed/);
  }
});

test('algorithm confusion and bent text are refused', async () => {
  const wallet = await Wallet.create();
  const forge = async (key: PrivateJwk, alg: string, kid: string) => {
    const encoded = base64url(utf8(JSON.stringify({ alg, typ: 'dc+sd-jwt', kid })));
    const input = `${encoded}.${base64url(utf8(JSON.stringify(content(wallet))))}`;
    return `${input}.${base64url(await signBytes(key, utf8(input)))}~`;
  };
  const judged = (text: string) => refusal(() => verifyCredential(text, judging));
  assert.equal(await judged(await forge(sm2, 'SM2SM3', `${ISSUER}#sm2`)), undefined);
  for (const [key, alg, kid] of [
    [sm2, 'ES256', `${ISSUER}#sm2`], [p256, 'ES256', `${ISSUER}#sm2`], [p256, 'SM2SM3', `${ISSUER}#p256`], [sm2, 'none', `${ISSUER}#sm2`],
    [sm2, 'HS256', `${ISSUER}#sm2`], [sm2, 'SM2SM3', `${ISSUER}#other`], [sm2, 'SM2SM3', ''], [wallet.state.key, 'SM2SM3', wallet.did],
  ] as const)
    assert.ok(await judged(await forge(key, alg, kid)), `${alg} ${kid}`);
  const text = encodeSdJwt(await issueSdJwt(content(wallet), SELECTIVE, [signers.p256]));
  for (let at = 0; at < text.length; at += 7) {
    const bent = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
    if (bent !== text) assert.ok(await judged(bent), String(at));
  }
});

test('disclosures that stand twice or belong to nothing', async () => {
  const wallet = await Wallet.create();
  const sd = await issueSdJwt(content(wallet), SELECTIVE, [signers.sm2]);
  assert.throws(() => unfold({ ...sd, disclosures: [...sd.disclosures, sd.disclosures[0]!] }));
  assert.throws(() => unfold({ ...sd, disclosures: [base64url(utf8('["salt","role","admin"]'))] }));
  const some = select(sd, [['name']]);
  assert.equal(some.disclosures.length, 1);
  const bound = await bind(some, wallet.state.key, { audience: 'a', nonce: 'n', seconds: NOW });
  const more = { ...sd, keyBinding: bound.keyBinding };
  assert.match(String(await refusal(() => verifyPresentation(encodeSdJwt(more), { audience: 'a', nonce: 'n' }, judging))), /another presentation/);
});

test('a credential that its issuer took back is refused, and so is a list that does not fit', async () => {
  const wallet = await Wallet.create('SM2SM3');
  const URL = 'https://issuer.example/status/revocation/0';
  const bits = new Uint8Array(16 << 10);
  bits[5] = 0x20; // index 42
  const list = async (changes: JsonObject = {}, outer: JsonObject = {}, key = signers.p256) =>
    signCompact({ typ: 'vc+jwt', kid: key.kid }, {
      '@context': ['https://www.w3.org/ns/credentials/v2'], id: URL, type: ['VerifiableCredential', 'BitstringStatusListCredential'], issuer: ISSUER,
      validFrom: new Date((NOW - 60) * 1000).toISOString(), validUntil: new Date((NOW + 600) * 1000).toISOString(),
      credentialSubject: { id: `${URL}#list`, type: 'BitstringStatusList', statusPurpose: 'revocation', encodedList: `u${base64url(gzipSync(bits))}`, ...changes },
      ...outer,
    }, key.key);
  const entry = (index: string) => ({ type: 'BitstringStatusListEntry', statusPurpose: 'revocation', statusListIndex: index, statusListCredential: URL });
  const credential = async (index: string) =>
    encodeSdJwt(await issueSdJwt({ ...content(wallet), status: { bitstring_status_list: [entry(index)] } }, SELECTIVE, [signers.sm2], 'sm3'));
  const judged = async (index: string, text: Promise<string>) =>
    refusal(async () => verifyCredential(await credential(index), { ...judging, statusList: async () => text }));

  assert.equal(await judged('41', list()), undefined);
  assert.equal(await judged('42', list()), 'revoked');
  assert.equal(await refusal(async () => verifyCredential(await credential('42'), judging)), undefined, 'nobody asked');
  const cut = base64url(gzipSync(bits).subarray(0, -9));
  for (const [text, why] of [
    [list({ statusPurpose: 'suspension' }), 'another list'],
    [list({}, { id: `${URL}1` }), 'another list'],
    [list({ encodedList: `u${cut}` }), 'a list that is not GZIP, or cut short'],
    [list({ encodedList: `u${base64url(gzipSync(bits.subarray(1)))}` }), 'a status list below 131,072 entries'],
    [list({}, { validUntil: new Date((NOW - 600) * 1000).toISOString() }), 'expired'],
    [list({}, { issuer: 'did:web:other.example' }), 'did:web:other.example is not believed'],
  ] as const)
    assert.equal(await judged('41', text), why);
  assert.equal(await judged('131072', list()), 'an index outside its list');
  assert.equal(await judged('-1', list()), 'an index is a number in text');
});

// RFC 3161 tokens over SM3, signed with SM2: docs/formats/cxproof.md, "The token".
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, demand, equal, refuse } from './bytes.js';
import { Elements, oid, rawSignature, sequence, TAG, time } from './der.js';
import { sm3, verifySm2 } from './sm.js';
import { type Certificate, checkChain, checkTimeStamper, decodeCertificate, displayName, MAX_SERIAL_BYTES, readExtensions, SM2_CURVE, SM2_WITH_SM3 } from './x509.js';

const MAX_BYTES = 64 << 10;
const SIGNED_DATA = oid('1.2.840.113549.1.7.2');
const TST_INFO = oid('1.2.840.113549.1.9.16.1.4');
const CONTENT_TYPE = oid('1.2.840.113549.1.9.3');
const MESSAGE_DIGEST = oid('1.2.840.113549.1.9.4');
const SIGNING_CERTIFICATE_V2 = oid('1.2.840.113549.1.9.16.2.47');
const SM3 = oid('1.2.156.10197.1.401');
const SHA256 = oid('2.16.840.1.101.3.4.2.1');

export interface Timestamp {
  timeMs: number;
  authority: string;
  /** DER of the self-signed certificate. */
  root: Uint8Array;
}

interface SignedData {
  content: Uint8Array;
  certificates: Certificate[];
  signer: SignerInfo;
}

interface SignerInfo {
  version: number;
  id: { issuer: Uint8Array; serial: Uint8Array } | { keyId: Uint8Array };
  attributes: Uint8Array;
  signature: Uint8Array;
}

function signerInfo(f: Elements): SignerInfo {
  const version = f.small();
  const keyId = f.optional(0x80)?.content;
  let id: SignerInfo['id'];
  if (keyId) id = { keyId };
  else {
    const names = f.inside(TAG.sequence);
    id = { issuer: names.take(TAG.sequence).whole, serial: names.unsigned(MAX_SERIAL_BYTES) };
    names.end();
  }
  demand(version === (keyId ? 3 : 1), `a signer of version ${version}`);
  demand(f.algorithm() === SM3, 'the signer does not use SM3');
  const attributes = f.take(0xa0).content;
  demand([SM2_WITH_SM3, SM2_CURVE].includes(f.algorithm()), 'the signer does not use SM2');
  const signature = rawSignature(f.take(TAG.octetString).content, 'token signature');
  f.end();
  return { version, id, attributes, signature };
}

function signedData(token: Uint8Array): SignedData {
  const info = sequence(token, 'token');
  demand(info.oid() === SIGNED_DATA, 'the token is not SignedData');
  const wrapper = info.inside(0xa0);
  const f = wrapper.inside(TAG.sequence);
  wrapper.end();
  info.end();
  demand(f.small() === 3, 'SignedData not of version 3');
  const algorithms = f.inside(TAG.set);
  demand(algorithms.algorithm() === SM3, 'the token does not use SM3');
  algorithms.end();
  const encapsulated = f.inside(TAG.sequence);
  demand(encapsulated.oid() === TST_INFO, 'the token holds no TSTInfo');
  const explicit = encapsulated.inside(0xa0);
  const content = explicit.take(TAG.octetString).content;
  explicit.end();
  encapsulated.end();
  const certificateSet = f.inside(0xa0);
  const certificates: Certificate[] = [];
  while (certificateSet.more) {
    demand(certificates.length < 8, 'too many certificates in the token');
    certificates.push(decodeCertificate(certificateSet.take(TAG.sequence).whole));
  }
  const signers = f.inside(TAG.set);
  const signer = signerInfo(signers.inside(TAG.sequence));
  signers.end();
  f.end();
  return { content, certificates, signer };
}

/** The attributes by type, each the content of its SET of values. */
function attributesOf(data: Uint8Array): Map<string, Elements> {
  const all = new Elements(data, 'signed attributes');
  const out = new Map<string, Elements>();
  while (all.more) {
    const attribute = all.inside(TAG.sequence);
    const type = attribute.oid();
    demand(!out.has(type), 'a signed attribute twice');
    out.set(type, attribute.inside(TAG.set));
    attribute.end();
  }
  return out;
}

function checkAttributes(signer: SignerInfo, content: Uint8Array, certificate: Certificate): void {
  const attributes = attributesOf(signer.attributes);
  const type = attributes.get(CONTENT_TYPE) ?? refuse('no content type is signed');
  demand(type.oid() === TST_INFO, 'another content type is signed');
  type.end();
  const digest = attributes.get(MESSAGE_DIGEST) ?? refuse('no digest of the content is signed');
  demand(equal(digest.take(TAG.octetString).content, sm3(content)), 'the signed digest is not that of the content');
  digest.end();
  const signing = attributes.get(SIGNING_CERTIFICATE_V2);
  if (!signing) return;
  const algorithms = new Map([[SM3, sm3], [SHA256, sha256]]);
  const { algorithm, hash } = signingCertificate(signing);
  const digestOf = algorithms.get(algorithm) ?? refuse('signing-certificate with an unknown hash');
  demand(equal(hash, digestOf(certificate.der)), 'signing-certificate names another certificate');
}

/** SigningCertificateV2 (RFC 5035): the hash of its first entry. */
function signingCertificate(values: Elements): { algorithm: string; hash: Uint8Array } {
  const f = values.inside(TAG.sequence);
  values.end();
  const entries = f.inside(TAG.sequence);
  f.optional(TAG.sequence);
  f.end();
  const first = entries.inside(TAG.sequence);
  while (entries.more) entries.any();
  const algorithm = first.has(TAG.sequence) ? first.algorithm() : SHA256;
  const hash = first.take(TAG.octetString).content;
  first.optional(TAG.sequence);
  first.end();
  return { algorithm, hash };
}

function genTime(content: Uint8Array, headerHash: Uint8Array): number {
  const f = sequence(content, 'TSTInfo');
  demand(f.small() === 1, 'TSTInfo not of version 1');
  f.oid();
  const imprint = f.inside(TAG.sequence);
  demand(imprint.algorithm() === SM3, 'the imprint is not an SM3 digest');
  demand(equal(imprint.take(TAG.octetString).content, headerHash), 'the imprint is not the hash of the header');
  imprint.end();
  f.unsigned(MAX_SERIAL_BYTES);
  demand(f.has(TAG.generalizedTime), 'TSTInfo without a time');
  const at = time(f.any(), true);
  demand(at >= 0, 'a time before 1970');
  f.optional(TAG.sequence);
  f.flag();
  if (f.has(TAG.integer)) f.integer();
  f.optional(0xa0);
  if (f.has(0xa1)) readExtensions(f.inside(0xa1), (_, critical) => demand(!critical, 'a critical extension in TSTInfo'));
  f.end();
  return at;
}

function isSigner(certificate: Certificate, id: SignerInfo['id']): boolean {
  if ('keyId' in id) return !!certificate.subjectKeyId?.length && equal(certificate.subjectKeyId, id.keyId);
  return equal(certificate.issuer, id.issuer) && equal(certificate.serial, id.serial);
}

/** Check 12. The token holds for this header hash, or is refused. */
export function checkTimestamp(token: Uint8Array, headerHash: Uint8Array): Timestamp {
  demand(token.length <= MAX_BYTES, `a token of ${token.length} bytes`);
  const { content, certificates, signer } = signedData(token);
  const timeMs = genTime(content, headerHash);
  const [certificate, ...others] = certificates.filter((c) => isSigner(c, signer.id));
  if (!certificate || others.length > 0) return refuse("not one certificate of the signer's in the token");
  checkTimeStamper(certificate);
  checkAttributes(signer, content, certificate);
  // RFC 5652, 5.4: signed as a SET although it stands there as [0].
  const length = attributesHeader(signer.attributes.length);
  demand(verifySm2(certificate.key, signer.signature, concat(length, signer.attributes)), 'the signature of the token does not hold');
  const root = checkChain(certificate, certificates, timeMs).at(-1)!;
  return { timeMs, authority: displayName(certificate.subject), root: root.der };
}

function attributesHeader(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(TAG.set, length);
  if (length < 0x100) return Uint8Array.of(TAG.set, 0x81, length);
  return Uint8Array.of(TAG.set, 0x82, length >> 8, length & 0xff);
}

// X.509 v3 certificates with SM2 keys, and the chain of a time-stamp token (docs/formats/cxproof.md, "The token").
import { demand, equal, fromUtf8, hex, refuse } from './bytes.js';
import { type Element, Elements, oid, rawSignature, sequence, TAG, time } from './der.js';
import { verifySm2 } from './sm.js';

export const SM2_WITH_SM3 = oid('1.2.156.10197.1.501');
export const SM2_CURVE = oid('1.2.156.10197.1.301');
const EC_PUBLIC_KEY = oid('1.2.840.10045.2.1');
const SUBJECT_KEY_ID = oid('2.5.29.14');
const KEY_USAGE = oid('2.5.29.15');
const BASIC_CONSTRAINTS = oid('2.5.29.19');
const EXTENDED_KEY_USAGE = oid('2.5.29.37');
const TIME_STAMPING = oid('1.3.6.1.5.5.7.3.8');
const COMMON_NAME = oid('2.5.4.3');
const ORGANISATION = oid('2.5.4.10');
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;
export const MAX_SERIAL_BYTES = 20;

export interface Certificate {
  der: Uint8Array;
  signed: Uint8Array;
  signature: Uint8Array;
  serial: Uint8Array;
  issuer: Uint8Array;
  subject: Uint8Array;
  notBefore: number;
  notAfter: number;
  key: Uint8Array;
  subjectKeyId?: Uint8Array;
  /** First byte of the KeyUsage bits. */
  keyUsage?: number;
  extendedKeyUsage?: { critical: boolean; purposes: string[] };
  ca: boolean;
  pathLength?: number;
}

function publicKey(info: Elements): Uint8Array {
  const algorithm = info.inside(TAG.sequence);
  demand(algorithm.oid() === EC_PUBLIC_KEY && algorithm.oid() === SM2_CURVE, 'a certificate whose key is not an SM2 key');
  algorithm.end();
  const key = info.bits();
  info.end();
  return key;
}

function keyUsage(value: Elements): number {
  const { content } = value.take(TAG.bitString);
  value.end();
  const [unused, first] = content;
  demand(first !== undefined && unused! < 8 && content.length <= 3, 'a malformed key usage');
  demand((content.at(-1)! & ((1 << unused!) - 1)) === 0, 'a malformed key usage');
  return first;
}

function addExtension(into: Certificate, id: string, critical: boolean, value: Uint8Array): void {
  const elements = new Elements(value, 'extension');
  if (id === KEY_USAGE) into.keyUsage = keyUsage(elements);
  else if (id === BASIC_CONSTRAINTS) {
    const inner = sequence(value, 'basic constraints');
    into.ca = inner.flag();
    if (inner.more) into.pathLength = inner.small();
    inner.end();
  } else if (id === EXTENDED_KEY_USAGE) {
    const inner = sequence(value, 'extended key usage');
    const purposes = [inner.oid()];
    while (inner.more) purposes.push(inner.oid());
    into.extendedKeyUsage = { critical, purposes };
  } else {
    demand(!critical, 'an unknown critical extension in a certificate');
    if (id !== SUBJECT_KEY_ID) return;
    into.subjectKeyId = elements.take(TAG.octetString).content;
    elements.end();
  }
}

/** One or more extensions, none twice. */
export function readExtensions(list: Elements, take: (id: string, critical: boolean, value: Uint8Array) => void): void {
  const seen = new Set<string>();
  do {
    const extension = list.inside(TAG.sequence);
    const id = extension.oid();
    demand(!seen.has(id), 'an extension twice');
    seen.add(id);
    const critical = extension.flag();
    take(id, critical, extension.take(TAG.octetString).content);
    extension.end();
  } while (list.more);
}

/** An algorithm identifier that must be SM2 with SM3, as it stands. */
function sm2WithSm3(from: Elements): Uint8Array {
  const { whole } = from.take(TAG.sequence);
  const identifier = new Elements(whole, 'certificate');
  demand(identifier.algorithm() === SM2_WITH_SM3, 'a certificate not signed with SM2 and SM3');
  return whole;
}

function moment(element: Element): number {
  const at = time(element, false);
  demand(at >= Date.UTC(1950), 'a certificate from before 1950');
  return at;
}

export function decodeCertificate(der: Uint8Array): Certificate {
  const outer = sequence(der, 'certificate');
  const body = outer.take(TAG.sequence);
  const algorithm = sm2WithSm3(outer);
  const signature = rawSignature(outer.bits(), 'certificate signature');
  outer.end();

  const f = new Elements(body.content, 'certificate');
  const version = f.inside(0xa0);
  demand(version.small() === 2, 'a certificate not of version 3');
  version.end();
  const serial = f.unsigned(MAX_SERIAL_BYTES);
  demand(equal(sm2WithSm3(f), algorithm), 'a certificate with two signature algorithms');
  const issuer = f.take(TAG.sequence).whole;
  const validity = f.inside(TAG.sequence);
  const notBefore = moment(validity.any());
  const notAfter = moment(validity.any());
  validity.end();
  const subject = f.take(TAG.sequence).whole;
  const key = publicKey(f.inside(TAG.sequence));
  const out: Certificate = { der, signed: body.whole, signature, serial, issuer, subject, notBefore, notAfter, key, ca: false };
  if (f.more) {
    const wrapper = f.inside(0xa3);
    readExtensions(wrapper.inside(TAG.sequence), (id, critical, value) => addExtension(out, id, critical, value));
    wrapper.end();
  }
  f.end();
  return out;
}

/** From the signer's certificate to the root; refused unless `all` are exactly that chain and valid at `at` (ms). */
export function checkChain(signer: Certificate, all: Certificate[], at: number): Certificate[] {
  demand(all.length >= 2 && all.length <= 8, `${all.length} certificates in the token`);
  const bySubject = new Map(all.map((certificate) => [hex(certificate.subject), certificate]));
  demand(bySubject.size === all.length, 'two certificates of one subject in the token');
  const chain = [signer];
  while (!equal(chain.at(-1)!.subject, chain.at(-1)!.issuer)) {
    const issuer = bySubject.get(hex(chain.at(-1)!.issuer)) ?? refuse('an issuer is not in the token');
    demand(chain.length < all.length, 'the certificates do not end at a root');
    chain.push(issuer);
  }
  demand(chain.length === all.length, 'a certificate outside the chain');
  chain.forEach((certificate, i) => {
    demand(certificate.notBefore <= at && at <= certificate.notAfter, 'a certificate is not valid at the time of the token');
    if (i > 0) checkAuthority(certificate, i - 1);
  });
  chain.forEach((certificate, i) => {
    const issuer = chain[Math.min(i + 1, chain.length - 1)]!;
    demand(verifySm2(issuer.key, certificate.signature, certificate.signed), 'the signature of a certificate does not hold');
  });
  return chain;
}

function checkAuthority(certificate: Certificate, authoritiesBelow: number): void {
  demand(certificate.ca, 'an issuer is not an authority');
  demand((certificate.pathLength ?? 8) >= authoritiesBelow, 'the path of certificates is too long');
  demand(certificate.keyUsage === undefined || (certificate.keyUsage & KEY_CERT_SIGN) !== 0, 'an issuer may not sign certificates');
}

export function checkTimeStamper(certificate: Certificate): void {
  const usage = certificate.keyUsage;
  demand(usage === undefined || (usage & DIGITAL_SIGNATURE) !== 0, 'the signer may not sign');
  const extended = certificate.extendedKeyUsage;
  const sole = extended?.critical === true && extended.purposes.length === 1 && extended.purposes[0] === TIME_STAMPING;
  demand(sole, 'the signer is not certified for time-stamping alone');
}

function textOf(element: Element): string | undefined {
  try {
    // UTF8String, PrintableString, IA5String.
    return [0x0c, 0x13, 0x16].includes(element.tag) ? fromUtf8(element.content, 'name') : undefined;
  } catch {
    return undefined;
  }
}

/** Common name, else organisation, else the name's hex: for people to read. */
export function displayName(name: Uint8Array): string {
  const found = new Map<string, string>();
  try {
    const sets = sequence(name, 'name');
    while (sets.more) {
      const attributes = sets.inside(TAG.set);
      while (attributes.more) {
        const attribute = attributes.inside(TAG.sequence);
        const type = attribute.oid();
        const value = textOf(attribute.any());
        if (value !== undefined) found.set(type, value);
      }
    }
  } catch {
    // A name of an odd shape is no reason to refuse: only its bytes count.
  }
  return found.get(COMMON_NAME) ?? found.get(ORGANISATION) ?? hex(name);
}

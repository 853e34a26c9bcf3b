// An RFC 3161 authority for the tests, every part of which can be spoilt.
import { createHash } from 'node:crypto';
import { sm3 } from 'sm-crypto-v2';
import * as a from './asn1.js';
import { type Bytes, cat, int, oid, octets, seq, set, tlv, unhex } from './asn1.js';

const h = (data: Bytes) => unhex(sm3(data));
const ROOT = a.key(901), MIDDLE = a.key(902), SIGNER = a.key(903);

export interface TokenSpec {
  imprint: Bytes;
  genTime?: string;
  root?: Partial<a.CertificateSpec>;
  middle?: Partial<a.CertificateSpec> | null;
  signer?: Partial<a.CertificateSpec>;
  certificates?: (list: Bytes[]) => Bytes[];
  attributes?: (list: Bytes[]) => Bytes[];
  info?: (list: Bytes[]) => Bytes[];
  signerInfo?: (list: Bytes[]) => Bytes[];
  signedData?: (list: Bytes[]) => Bytes[];
  token?: (token: Bytes) => Bytes;
  signingKey?: a.Key;
  byKeyId?: boolean;
  essHash?: 'sm3' | 'sha256' | 'sha512' | 'wrong' | 'none';
}

export const keyUsageSign = () => a.EXT.keyUsage(0x80, 7);

export function certificates(spec: Omit<TokenSpec, 'imprint'> = {}): { root: Bytes; middle: Bytes | undefined; signer: Bytes } {
  const root = a.certificate({
    subject: 'Test root', issuer: 'Test root', key: ROOT, issuerKey: ROOT,
    extensions: [a.EXT.authority(), a.EXT.keyUsage(0x06, 1)], ...spec.root,
  });
  const middle = spec.middle === undefined ? undefined : a.certificate({
    subject: 'Test middle', issuer: 'Test root', key: MIDDLE, issuerKey: ROOT, serial: 2,
    extensions: [a.EXT.authority(0), a.EXT.keyUsage(0x06, 1)], ...spec.middle,
  });
  const signer = a.certificate({
    subject: '测试时间戳 TSA', issuer: middle ? 'Test middle' : 'Test root', key: SIGNER, issuerKey: middle ? MIDDLE : ROOT, serial: 3,
    extensions: [keyUsageSign(), a.EXT.timeStamping(), a.EXT.keyId(unhex('abcdef'))], ...spec.signer,
  });
  return { root, middle, signer };
}

function essAttribute(kind: NonNullable<TokenSpec['essHash']>, signer: Bytes): Bytes[] {
  if (kind === 'none') return [];
  const hashes = {
    sm3: [a.SM3, octets(h(signer))],
    sha256: [octets(new Uint8Array(createHash('sha256').update(signer).digest()))],
    sha512: [seq(oid('2.16.840.1.101.3.4.2.3')), octets(new Uint8Array(createHash('sha512').update(signer).digest()))],
    wrong: [a.SM3, octets(h(cat(signer, signer)))],
  }[kind];
  return [seq(oid('1.2.840.113549.1.9.16.2.47'), set(seq(seq(seq(...hashes)))))];
}

export function token(spec: TokenSpec): Bytes {
  const keep = (list: Bytes[]) => list;
  const { root, middle, signer } = certificates(spec);
  const info = seq(...(spec.info ?? keep)([
    int(1), oid('1.2.3.4'), seq(a.SM3, octets(spec.imprint)), int(77), a.generalizedTime(spec.genTime ?? '20261122040000.25Z'),
    seq(int(1)), int(123456789n),
  ]));
  const attributes = cat(...(spec.attributes ?? keep)([
    seq(oid('1.2.840.113549.1.9.3'), set(oid('1.2.840.113549.1.9.16.1.4'))),
    seq(oid('1.2.840.113549.1.9.4'), set(octets(h(info)))),
    ...essAttribute(spec.essHash ?? 'sm3', signer),
  ]));
  const id = spec.byKeyId ? tlv(0x80, unhex('abcdef')) : seq(a.name(middle ? 'Test middle' : 'Test root'), int(3));
  const signerInfo = seq(...(spec.signerInfo ?? keep)([
    int(spec.byKeyId ? 3 : 1), id, a.SM3, tlv(0xa0, attributes), a.SM2_SM3,
    octets(a.signDer(spec.signingKey ?? SIGNER, set(attributes))),
  ]));
  const list = (spec.certificates ?? keep)([signer, ...(middle ? [middle] : []), root]);
  const data = seq(...(spec.signedData ?? keep)([
    int(3), set(a.SM3), seq(oid('1.2.840.113549.1.9.16.1.4'), tlv(0xa0, octets(info))), tlv(0xa0, ...list), set(signerInfo),
  ]));
  return (spec.token ?? ((t) => t))(seq(oid('1.2.840.113549.1.7.2'), tlv(0xa0, data)));
}

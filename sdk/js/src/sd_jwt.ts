// SD-JWT (RFC 9901): hiding claims, putting them back, and the holder's key binding.
import { sha256 } from '@noble/hashes/sha2';
import { demand, refuse, utf8, fromUtf8 } from './bytes.js';
import {
  type Jws, type JsonObject, type JsonValue, type Jwk, type PrivateJwk,
  base64url, fromBase64url, objectOf, parseJson, parseJws, proves, signCompact, signGeneral,
} from './jose.js';
import { sm3 } from './sm.js';

export type ClaimPath = (string | number | null)[];

export interface SdJwt {
  jws: Jws;
  disclosures: string[];
  keyBinding: string;
}

export function sdDigest(algorithm: string, text: string): string {
  if (algorithm === 'sha-256') return base64url(sha256(utf8(text)));
  if (algorithm === 'sm3') return base64url(sm3(utf8(text)));
  return refuse(`the hash ${algorithm} is not known`);
}

export const hashOf = (jws: Jws): string => String(jws.payload['_sd_alg'] ?? 'sha-256');

export function parseSdJwt(token: string): SdJwt {
  let out: SdJwt;
  if (token.startsWith('{')) {
    const jws = parseJws(token);
    const first = jws.proofs[0]!.unprotected ?? {};
    for (const proof of jws.proofs.slice(1))
      demand(proof.unprotected?.['disclosures'] === undefined && proof.unprotected?.['kb_jwt'] === undefined, 'disclosures in a second header');
    const disclosures = first['disclosures'] ?? [];
    demand(Array.isArray(disclosures) && disclosures.every((one) => typeof one === 'string'), 'disclosures are texts');
    out = { jws, disclosures: disclosures as string[], keyBinding: String(first['kb_jwt'] ?? '') };
  } else {
    const parts = token.split('~');
    demand(parts.length >= 2, 'no ~');
    out = { jws: parseJws(parts[0]!), disclosures: parts.slice(1, -1), keyBinding: parts[parts.length - 1]! };
  }
  demand(out.disclosures.length <= 256, 'too many disclosures');
  sdDigest(hashOf(out.jws), '');
  return out;
}

/** What the key binding vouches for. */
export function boundText(sd: SdJwt): string {
  const first = sd.jws.proofs[0]!;
  return [`${first.encoded}.${sd.jws.encoded}.${first.signature}`, ...sd.disclosures, ''].join('~');
}

export function encodeSdJwt(sd: SdJwt): string {
  if (!sd.jws.general) return boundText(sd) + sd.keyBinding;
  const signatures = sd.jws.proofs.map((proof, index) => ({
    protected: proof.encoded,
    signature: proof.signature,
    ...(index === 0 ? { header: { disclosures: sd.disclosures, ...(sd.keyBinding ? { kb_jwt: sd.keyBinding } : {}) } } : {}),
  }));
  return JSON.stringify({ payload: sd.jws.encoded, signatures });
}

interface Content {
  index: number;
  parts: JsonValue[];
}

export interface Unfolded {
  claims: JsonObject;
  disclosed: { path: ClaimPath; parent: number | undefined }[];
}

/** RFC 9901 section 7.1: the claims with what was disclosed in its place. */
export function unfold(sd: SdJwt): Unfolded {
  const algorithm = hashOf(sd.jws);
  const contents = new Map<string, Content>();
  sd.disclosures.forEach((encoded, index) => {
    const parts = parseJson(fromUtf8(fromBase64url(encoded), 'disclosure'));
    demand(Array.isArray(parts) && (parts.length === 2 || parts.length === 3) && typeof parts[0] === 'string', 'a disclosure is [salt, name?, value]');
    const digest = sdDigest(algorithm, encoded);
    demand(!contents.has(digest), 'a disclosure stands twice');
    contents.set(digest, { index, parts });
  });
  const seen = new Set<string>();
  const disclosed: Unfolded['disclosed'] = [];
  const reveal = (digest: JsonValue | undefined, size: number): Content | undefined => {
    demand(typeof digest === 'string', 'a digest is text');
    demand(!seen.has(digest), 'a digest stands twice');
    seen.add(digest);
    const content = contents.get(digest);
    demand(content === undefined || content.parts.length === size, 'a disclosure in a wrong place');
    return content;
  };
  const visit = (value: JsonValue, path: ClaimPath, parent: number | undefined): JsonValue => {
    if (Array.isArray(value)) return value.flatMap((each, place) => visitElement(each, [...path, place], parent));
    if (value === null || typeof value !== 'object') return value;
    demand(!('...' in value), 'a member named ...');
    const out: JsonObject = {};
    for (const [name, member] of Object.entries(value)) if (name !== '_sd') out[name] = visit(member, [...path, name], parent);
    const digests = value['_sd'] ?? [];
    demand(Array.isArray(digests), '_sd is a list');
    for (const digest of digests) {
      const content = reveal(digest, 3);
      if (!content) continue;
      const name = content.parts[1];
      demand(typeof name === 'string' && !['_sd', '...', '_sd_alg'].includes(name) && !Object.hasOwn(out, name), 'its name is taken');
      disclosed[content.index] = { path: [...path, name], parent };
      Object.defineProperty(out, name, { value: visit(content.parts[2]!, [...path, name], content.index), enumerable: true, writable: true, configurable: true });
    }
    return out;
  };
  const visitElement = (value: JsonValue, path: ClaimPath, parent: number | undefined): JsonValue[] => {
    if (value === null || typeof value !== 'object' || Array.isArray(value) || Object.keys(value).join() !== '...') return [visit(value, path, parent)];
    const content = reveal(value['...'], 2);
    if (!content) return [];
    disclosed[content.index] = { path, parent };
    return [visit(content.parts[1]!, path, content.index)];
  };
  const { _sd_alg: _, ...payload } = sd.jws.payload;
  const claims = objectOf(visit(payload, [], undefined), 'claims');
  demand(disclosed.filter(Boolean).length === sd.disclosures.length, 'a disclosure belongs to nothing');
  return { claims, disclosed };
}

const matches = (pattern: ClaimPath, path: ClaimPath) =>
  pattern.length === path.length && pattern.every((part, at) => part === path[at] || (part === null && typeof path[at] === 'number'));

export function valuesAt(value: JsonValue, path: ClaimPath): JsonValue[] {
  if (path.length === 0) return [value];
  const [first, ...rest] = path;
  if (typeof first === 'string')
    return value !== null && typeof value === 'object' && !Array.isArray(value) && Object.hasOwn(value, first) ? valuesAt(value[first]!, rest) : [];
  if (!Array.isArray(value)) return [];
  return first === null ? value.flatMap((each) => valuesAt(each, rest)) : value.slice(first!, first! + 1).flatMap((each) => valuesAt(each, rest));
}

/** The disclosures that show these claims, with those on the way to them and inside them. */
export function select(sd: SdJwt, claims: ClaimPath[]): SdJwt {
  const all = unfold(sd);
  for (const wanted of claims) demand(valuesAt(all.claims, wanted).length > 0, `no claim ${JSON.stringify(wanted)}`);
  const keep = new Set<number>();
  all.disclosed.forEach(({ path }, index) => {
    const shown = claims.some((wanted) => {
      const shared = Math.min(wanted.length, path.length);
      return matches(wanted.slice(0, shared), path.slice(0, shared));
    });
    for (let at: number | undefined = shown ? index : undefined; at !== undefined; at = all.disclosed[at]!.parent) keep.add(at);
  });
  return { jws: sd.jws, disclosures: sd.disclosures.filter((_one, index) => keep.has(index)), keyBinding: '' };
}

export interface Binding {
  audience: string;
  nonce: string;
  seconds: number;
}

export async function bind(sd: SdJwt, holder: PrivateJwk, { audience, nonce, seconds }: Binding): Promise<SdJwt> {
  const payload = { aud: audience, nonce, iat: seconds, sd_hash: sdDigest(hashOf(sd.jws), boundText(sd)) };
  return { ...sd, keyBinding: await signCompact({ typ: 'kb+jwt' }, payload, holder) };
}

export async function checkBinding(sd: SdJwt, holder: Jwk): Promise<Binding> {
  const jws = parseJws(sd.keyBinding);
  demand(!jws.general && jws.proofs[0]!.header['typ'] === 'kb+jwt', 'not a kb+jwt');
  demand(await proves(jws, jws.proofs[0]!, holder), 'not signed by the holder');
  const { aud, nonce, iat, sd_hash } = jws.payload;
  demand(typeof aud === 'string' && typeof nonce === 'string' && typeof iat === 'number', 'aud, nonce and iat');
  demand(sd_hash === sdDigest(hashOf(sd.jws), boundText(sd)), 'bound to another presentation');
  return { audience: aud, nonce, seconds: iat };
}

const salt = () => base64url(crypto.getRandomValues(new Uint8Array(16)));

/** Hides the claims at these paths and signs. */
export async function issueSdJwt(claims: JsonObject, selective: ClaimPath[], signers: { key: PrivateJwk; kid: string }[], hash = 'sha-256'): Promise<SdJwt> {
  const disclosures: string[] = [];
  const disclose = (parts: JsonValue[]): string => {
    disclosures.push(base64url(utf8(JSON.stringify([salt(), ...parts]))));
    return sdDigest(hash, disclosures[disclosures.length - 1]!);
  };
  const chosen = (path: ClaimPath) => selective.some((pattern) => matches(pattern, path));
  const hide = (value: JsonValue, path: ClaimPath): JsonValue => {
    if (Array.isArray(value))
      return value.map((each, place) => {
        const hidden = hide(each, [...path, place]);
        return chosen([...path, place]) ? { '...': disclose([hidden]) } : hidden;
      });
    if (value === null || typeof value !== 'object') return value;
    const out: JsonObject = {};
    const digests: string[] = [];
    for (const [name, member] of Object.entries(value)) {
      const hidden = hide(member, [...path, name]);
      if (chosen([...path, name])) digests.push(disclose([name, hidden]));
      else out[name] = hidden;
    }
    return digests.length > 0 ? { ...out, _sd: digests.sort() } : out;
  };
  const payload = { ...objectOf(hide(claims, []), 'claims'), _sd_alg: hash };
  const header = { typ: 'dc+sd-jwt' };
  const [first, ...others] = signers;
  const token = others.length > 0 ? await signGeneral(header, payload, signers) : await signCompact({ ...header, kid: first!.kid }, payload, first!.key);
  return { ...parseSdJwt(token.startsWith('{') ? token : token + '~'), disclosures };
}

// A wallet as a library: holds keys and credentials, receives by OpenID4VCI, shows by OpenID4VP, and judges what others
// show. Where things are kept, and how they are protected there, is the caller's: `state` is plain JSON.
import { demand, Refused } from './bytes.js';
import { didOfKey, didUrlOfKey, keyIn, type Relationship, type Resolve } from './did.js';
import {
  type Algorithm, type Jws, type JsonObject, type JsonValue, type Jwk, type PrivateJwk,
  generateKey, kidOf, objectOf, parseJson, parseJws, proves, publicJwk, signCompact,
} from './jose.js';
import { isSet, type StatusEntry, statusEntries } from './status_list.js';
import { type Binding, type ClaimPath, bind, checkBinding, encodeSdJwt, parseSdJwt, select, unfold, valuesAt } from './sd_jwt.js';

export * from './did.js';
export * from './jose.js';
export * from './sd_jwt.js';
export * from './status_list.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:pre-authorized_code';
const CLIENT = 'decentralized_identifier:';
const SKEW_SECONDS = 60;

export interface Held {
  id: string;
  format: 'dc+sd-jwt' | 'vc+jwt';
  issuer: string;
  type: string;
  text: string;
}

export interface WalletState {
  key: PrivateJwk;
  credentials: Held[];
}

const string = (value: JsonValue | undefined, what: string): string => {
  demand(typeof value === 'string', `${what} is no text`);
  return value;
};

/** Every proof must be by a key of the DID in this relationship. */
async function checkProofs(jws: Jws, did: string, relationship: Relationship, resolve: Resolve): Promise<void> {
  const document = await resolve(did);
  for (const proof of jws.proofs) {
    demand(kidOf(proof).split('#')[0] === did, 'signed by another than its issuer');
    demand(await proves(jws, proof, keyIn(document, kidOf(proof), relationship)), 'a signature does not hold');
  }
}

const checkType = (jws: Jws, type: string) => demand(jws.proofs.every((proof) => proof.header['typ'] === type), `not a ${type}`);

function vcType(payload: JsonObject): string {
  const types = payload['type'];
  demand(Array.isArray(types) && types.includes('VerifiableCredential'), 'no W3C credential');
  return String(types.find((one) => one !== 'VerifiableCredential') ?? '');
}

function read(text: string): Omit<Held, 'id'> {
  const jws = text.includes('~') && !text.startsWith('{') ? parseSdJwt(text).jws : parseJws(text);
  if (typeof jws.payload['vct'] === 'string')
    return { format: 'dc+sd-jwt', issuer: string(jws.payload['iss'], 'iss'), type: jws.payload['vct'], text };
  checkType(jws, 'vc+jwt');
  const issuer = jws.payload['issuer'];
  const id = typeof issuer === 'string' ? issuer : string(objectOf(issuer, 'issuer')['id'], 'issuer');
  return { format: 'vc+jwt', issuer: id, type: vcType(jws.payload), text };
}

export interface Verified {
  issuer: string;
  type: string;
  claims: JsonObject;
  holder: Jwk | string | undefined; // the key of cnf, or the subject's DID
}

export interface Judging {
  resolve: Resolve;
  issuers: string[]; // believed
  nowSeconds: number;
  /** Fetches a status list. Without it nobody asks whether a credential was taken back. */
  statusList?: (url: string) => Promise<string>;
}

function checkTimes(from: number, until: number, now: number): void {
  demand(now + SKEW_SECONDS >= from, 'not yet valid');
  demand(now - SKEW_SECONDS < until, 'expired');
}

const seconds = (value: JsonValue | undefined, fallback: number): number => {
  if (value === undefined) return fallback;
  demand(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, 'a time is no number');
  return value;
};

const moment = (value: JsonValue | undefined, fallback: number): number => {
  if (value === undefined) return fallback;
  const at = Date.parse(string(value, 'time')) / 1000;
  demand(!Number.isNaN(at), 'a time is none');
  return at;
};

// The list is a credential of the same issuer, valid now.
async function checkStatus(entries: StatusEntry[], issuer: string, judging: Judging): Promise<void> {
  const { statusList, ...rest } = judging;
  if (statusList === undefined) return;
  for (const each of entries) {
    const text = await statusList(each.list);
    const list = await verifyCredential(text, { ...rest, issuers: [issuer] });
    demand(list.type === 'BitstringStatusListCredential' && parseJws(text).payload['id'] === each.list, 'another list');
    demand(!(await isSet(each, list.claims)), each.purpose === 'revocation' ? 'revoked' : 'suspended');
  }
}

/** A credential of either format. Throws Refused. */
export async function verifyCredential(text: string, judging: Judging): Promise<Verified> {
  const about = read(text);
  demand(judging.issuers.includes(about.issuer), `${about.issuer} is not believed`);
  if (about.format === 'vc+jwt') {
    const jws = parseJws(text);
    await checkProofs(jws, about.issuer, 'assertionMethod', judging.resolve);
    checkTimes(moment(jws.payload['validFrom'], 0), moment(jws.payload['validUntil'], Infinity), judging.nowSeconds);
    await checkStatus(statusEntries(jws.payload), about.issuer, judging);
    const { id, ...claims } = objectOf(jws.payload['credentialSubject'], 'credentialSubject');
    return { issuer: about.issuer, type: about.type, claims, holder: typeof id === 'string' ? id : undefined };
  }
  const sd = parseSdJwt(text);
  checkType(sd.jws, 'dc+sd-jwt');
  await checkProofs(sd.jws, about.issuer, 'assertionMethod', judging.resolve);
  const { nbf, exp, cnf } = sd.jws.payload;
  checkTimes(seconds(nbf, 0), seconds(exp, Infinity), judging.nowSeconds);
  await checkStatus(statusEntries(sd.jws.payload), about.issuer, judging);
  const { iss: _i, iat: _a, nbf: _n, exp: _e, cnf: _c, vct: _v, status: _s, ...claims } = unfold(sd).claims;
  const holder = cnf === undefined ? undefined : (objectOf(objectOf(cnf, 'cnf')['jwk'], 'jwk') as unknown as Jwk);
  return { issuer: about.issuer, type: about.type, claims, holder };
}

/** A presentation for `expected`. Whether its nonce was used before is the caller's to remember. Throws Refused. */
export async function verifyPresentation(text: string, expected: { audience: string; nonce: string; maxAgeSeconds?: number }, judging: Judging): Promise<Verified> {
  let verified: Verified;
  let binding: Binding;
  if (text.includes('~') || text.startsWith('{')) {
    verified = await verifyCredential(text, judging);
    demand(verified.holder !== undefined && typeof verified.holder !== 'string', 'no holder');
    binding = await checkBinding(parseSdJwt(text), verified.holder);
  } else {
    const jws = parseJws(text);
    checkType(jws, 'vp+jwt');
    const holder = string(jws.payload['holder'], 'holder');
    await checkProofs(jws, holder, 'authentication', judging.resolve);
    const list = jws.payload['verifiableCredential'];
    demand(Array.isArray(list) && list.length === 1, 'one credential');
    const id = string(objectOf(list[0], 'envelope')['id'], 'envelope');
    const credential = /^data:application\/vc\+jwt(?:\+json)?,(.*)$/s.exec(id);
    demand(credential !== null, 'no vc+jwt in an envelope');
    verified = await verifyCredential(credential[1]!, judging);
    demand(verified.holder === holder, 'shown by another than its holder');
    binding = { audience: string(jws.payload['aud'], 'aud'), nonce: string(jws.payload['nonce'], 'nonce'), seconds: seconds(jws.payload['iat'], -1) };
  }
  demand(binding.audience === expected.audience, 'made for another verifier');
  demand(binding.nonce === expected.nonce, 'another nonce');
  demand(Math.abs(judging.nowSeconds - binding.seconds) <= (expected.maxAgeSeconds ?? 300) + SKEW_SECONDS, 'its time');
  return verified;
}

/** Runs a check and gives its refusal as text; undefined: it held. */
export async function refusal(check: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (thrown) {
    return thrown instanceof Refused ? thrown.detail : `malformed: ${String(thrown)}`;
  }
}

async function json(answer: Response): Promise<JsonObject> {
  const body = objectOf(parseJson(await answer.text()), 'answer');
  demand(answer.ok, `${answer.status}: ${String(body['reason'] ?? body['error'] ?? '')} ${String(body['error_description'] ?? body['detail'] ?? '')}`);
  return body;
}

const form = (fields: { [name: string]: string }): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});

export interface Asked {
  clientId: string;
  responseUri: string;
  nonce: string;
  state: string;
  queries: JsonObject[];
}

export class Wallet {
  private constructor(readonly state: WalletState) {}

  static async create(algorithm: Algorithm = 'SM2SM3'): Promise<Wallet> {
    return new Wallet({ key: await generateKey(algorithm), credentials: [] });
  }
  static open(state: WalletState): Wallet {
    return new Wallet(state);
  }

  get did(): string {
    return didOfKey(this.state.key);
  }
  get jwk(): Jwk {
    return publicJwk(this.state.key);
  }

  /** Keeps a credential of either format. */
  hold(text: string): Held {
    const held = { id: crypto.randomUUID(), ...read(text) };
    if (held.format === 'dc+sd-jwt') unfold(parseSdJwt(text));
    this.state.credentials.push(held);
    return held;
  }

  claims(held: Held): JsonObject {
    return held.format === 'vc+jwt' ? objectOf(parseJws(held.text).payload['credentialSubject'], 'claims') : unfold(parseSdJwt(held.text)).claims;
  }

  /** Shows the chosen claims of a credential to one verifier. */
  async present(held: Held, claims: ClaimPath[], to: Binding): Promise<string> {
    if (held.format === 'dc+sd-jwt') return encodeSdJwt(await bind(select(parseSdJwt(held.text), claims), this.state.key, to));
    const kind = held.text.startsWith('{') ? 'vc+jwt+json' : 'vc+jwt';
    const context = 'https://www.w3.org/ns/credentials/v2';
    const envelope = { '@context': context, id: `data:application/${kind},${held.text}`, type: 'EnvelopedVerifiableCredential' };
    const payload = {
      '@context': [context], type: ['VerifiablePresentation'], holder: this.did,
      verifiableCredential: [envelope], aud: to.audience, nonce: to.nonce, iat: to.seconds,
    };
    return signCompact({ typ: 'vp+jwt', cty: 'vp', kid: didUrlOfKey(this.state.key) }, payload, this.state.key);
  }

  /** OpenID4VCI with a pre-authorised code. */
  async accept(uri: string, txCode = ''): Promise<Held> {
    const query = new URL(uri).searchParams;
    const inline = query.get('credential_offer');
    const offer = inline ? objectOf(parseJson(inline), 'offer') : await json(await fetch(query.get('credential_offer_uri') ?? '', { redirect: 'error' }));
    const issuer = string(offer['credential_issuer'], 'credential_issuer');
    const ids = offer['credential_configuration_ids'];
    demand(Array.isArray(ids) && typeof ids[0] === 'string', 'no credential is offered');
    const grant = objectOf(objectOf(offer['grants'], 'grants')[GRANT], 'a pre-authorised code');
    const metadata = await json(await fetch(`${issuer}/.well-known/openid-credential-issuer`, { redirect: 'error' }));
    const server = await json(await fetch(`${issuer}/.well-known/oauth-authorization-server`, { redirect: 'error' }));
    const at = (of: JsonObject, name: string) => {
      const address = string(of[name], name);
      demand(address.startsWith(issuer + '/'), `${name} is elsewhere`);
      return address;
    };
    const token = await json(await fetch(at(server, 'token_endpoint'), form({
      grant_type: GRANT, 'pre-authorized_code': string(grant['pre-authorized_code'], 'code'), ...(txCode ? { tx_code: txCode } : {}),
    })));
    const { c_nonce } = await json(await fetch(at(metadata, 'nonce_endpoint'), { method: 'POST' }));
    const proof = await signCompact({ typ: 'openid4vci-proof+jwt', jwk: { ...this.jwk } },
      { aud: issuer, nonce: string(c_nonce, 'c_nonce'), iat: Math.floor(Date.now() / 1000) }, this.state.key);
    const answer = await json(await fetch(at(metadata, 'credential_endpoint'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${string(token['access_token'], 'access_token')}` },
      body: JSON.stringify({ credential_configuration_id: ids[0], proofs: { jwt: [proof] } }),
    }));
    const list = answer['credentials'];
    demand(Array.isArray(list) && list.length === 1, 'not one credential');
    const credential = objectOf(list[0], 'credential')['credential']!;
    return this.hold(typeof credential === 'string' ? credential : JSON.stringify(credential));
  }

  /** The request behind openid4vp://, when its verifier's signature holds. */
  async read(uri: string, resolve: Resolve): Promise<Asked> {
    const query = new URL(uri).searchParams;
    const clientId = query.get('client_id') ?? '';
    demand(clientId.startsWith(CLIENT), 'the verifier is not named by a DID');
    const answer = await fetch(query.get('request_uri') ?? '', { redirect: 'error' });
    demand(answer.ok, `the request: ${answer.status}`);
    const jws = parseJws(await answer.text());
    checkType(jws, 'oauth-authz-req+jwt');
    await checkProofs(jws, clientId.slice(CLIENT.length), 'authentication', resolve);
    const { client_id, response_mode, response_uri, nonce, state, dcql_query, exp } = jws.payload;
    demand(client_id === clientId && response_mode === 'direct_post', 'not what this wallet answers');
    demand(Date.now() / 1000 - SKEW_SECONDS <= seconds(exp, Infinity), 'the request is over');
    const queries = objectOf(dcql_query, 'dcql_query')['credentials'];
    demand(Array.isArray(queries) && queries.length > 0, 'nothing is asked');
    return {
      clientId, responseUri: string(response_uri, 'response_uri'), nonce: string(nonce, 'nonce'),
      state: string(state, 'state'), queries: queries.map((each) => objectOf(each, 'query')),
    };
  }

  private fits(query: JsonObject, held: Held): ClaimPath[] | undefined {
    const meta = objectOf(query['meta'] ?? {}, 'meta');
    const types = held.format === 'dc+sd-jwt' ? meta['vct_values'] : ((meta['type_values'] as JsonValue[] | undefined) ?? []).flat();
    if (query['format'] !== held.format || !Array.isArray(types) || !types.includes(held.type)) return undefined;
    const out: ClaimPath[] = [];
    const all = this.claims(held);
    for (const claim of (query['claims'] ?? []) as JsonObject[]) {
      const path = claim['path'] as ClaimPath;
      const values = valuesAt(all, path);
      const wanted = claim['values'] as JsonValue[] | undefined;
      if (values.length === 0 || (wanted && !values.some((value) => wanted.includes(value)))) return undefined;
      out.push(path);
    }
    return out;
  }

  /** Answers with what was asked and no more. */
  async respond(asked: Asked): Promise<{ query: string; credential: string; claims: ClaimPath[] }[]> {
    const token: JsonObject = {};
    const shown = [];
    for (const query of asked.queries) {
      const found = this.state.credentials.map((held) => ({ held, claims: this.fits(query, held) })).find(({ claims }) => claims);
      const id = string(query['id'], 'id');
      demand(found !== undefined, `no credential fits ${id}`);
      const to = { audience: asked.clientId, nonce: asked.nonce, seconds: Math.floor(Date.now() / 1000) };
      token[id] = [await this.present(found.held, found.claims!, to)];
      shown.push({ query: id, credential: found.held.id, claims: found.claims! });
    }
    await json(await fetch(asked.responseUri, form({ vp_token: JSON.stringify(token), state: asked.state })));
    return shown;
  }
}

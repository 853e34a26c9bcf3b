// The checks of docs/formats/cxproof.md in their order. Each row refuses by throwing; the first refusal is the verdict.
import { type Anchor, decodeAnchor } from './anchor.js';
import { type Bundle, decodeBundle, type Transition } from './bundle.js';
import { demand, equal, fromHex, hex, Refused, refuse, utf8 } from './bytes.js';
import * as chain from './chain.js';
import * as merkle from './merkle.js';
import { decodeBody, decodeCall, decodeEvidenceAdd, type EvidenceAdd } from './protobuf.js';
import { type Explanation, type Reason, REASONS } from './reasons.js';
import { sm3, verifySm2 } from './sm.js';
import { checkTimestamp, type Timestamp } from './timestamp.js';

export interface Options {
  /** A `.cxanchor` document. */
  anchor?: Uint8Array | undefined;
  /** The original; or, for big ones, its SM3 digest in hex (Sm3Stream). */
  file?: Uint8Array | undefined;
  fileDigest?: string | undefined;
}

export interface Facts {
  digest: string;
  chain: { id: string; name: string; height: bigint; timeMs: bigint };
  transaction: string;
  block: { height: bigint; timeMs: bigint };
  signer: string;
  timestamp?: { timeMs: number; authority: string; pinned: boolean };
  /** Disclosed fields of the record with their values as canonical JSON, and how many are withheld. */
  record: { name: string; json: string }[];
  withheldFields: number;
  validators: number;
  transitions: number;
  anchor: 'pinned' | 'not pinned';
  file: 'matches' | 'not given';
}

export type Verdict =
  | { ok: true; facts: Facts }
  | { ok: false; reason: Reason; explanation: Explanation; detail: string };

/** What the checks hand on to the later ones. */
interface State {
  input: Uint8Array;
  anchor: Anchor | undefined;
  fileDigest: Uint8Array | undefined;
  bundle: Bundle;
  body: ReturnType<typeof decodeBody>;
  add: EvidenceAdd;
  transaction: Uint8Array;
  genesis: chain.Genesis;
  validators: chain.Validator[];
  timestamp: Timestamp | undefined;
}

function checkRecord({ bundle }: State): void {
  if (!bundle.record) return;
  demand(equal(merkle.rootOfLeaves(bundle.record.leaves), bundle.item.subarray(32)), 'the root of the record is another');
}

function checkBody(s: State): void {
  const { bundle } = s;
  s.body = decodeBody(bundle.body);
  const call = decodeCall(s.body.calls[bundle.call] ?? refuse(`no call ${bundle.call} in the body`));
  demand(call.contract === 'evidence' && call.method === 'add', 'the call is not evidence.add');
  s.add = decodeEvidenceAdd(call.arguments);
  demand(s.add.count === bundle.inner.count, `the call has ${s.add.count} items, the path is for ${bundle.inner.count}`);
  demand(s.add.itemBytes === BigInt(bundle.item.length), `the call has items of ${s.add.itemBytes} bytes`);
}

/** Versions of the protocol whose headers this library reads. */
const HIGHEST_PROTOCOL = 4;

function checkProtocol({ bundle: { header, transitions } }: State): void {
  for (const { version } of [...transitions.map((transition) => transition.header), header]) {
    const why = version > HIGHEST_PROTOCOL ? 'a newer verifier is needed' : 'there is no such version';
    demand(version >= 1 && version <= HIGHEST_PROTOCOL, `a header follows version ${version} of the protocol, this verifier knows 1 to ${HIGHEST_PROTOCOL}: ${why}`);
  }
}

function checkInnerPath({ bundle: { inner, item }, add }: State): void {
  const root = merkle.rootOfPath(inner.index, inner.count, merkle.leafHash(item), inner.hashes);
  demand(merkle.leads(root, add.root), 'the path does not lead to the root of the call');
}

function checkSignature(s: State): void {
  const { signer, body } = s.bundle;
  demand(equal(chain.keyId(signer.key), s.body.signer), "the key is not the body's signer");
  const message = chain.transactionMessage(body);
  demand(verifySm2(signer.key, signer.signature, message), 'the signature does not hold');
  s.transaction = sm3(message);
}

function checkLogPath({ bundle: { log, header, receipt }, transaction }: State): void {
  const leaf = merkle.leafHash(transaction, chain.receiptHash(receipt));
  const root = merkle.rootOfPath(log.index, header.logSize, leaf, log.hashes);
  demand(merkle.leads(root, header.logRoot), "the path does not lead to the header's log root");
}

function checkChain({ bundle: { header, genesis, receipt }, body }: State): void {
  demand(equal(sm3(genesis), header.chain), 'the header is of another chain than the genesis document');
  demand(equal(body.chain, header.chain), 'the body is of another chain than the header');
  demand(receipt.height <= header.height, 'the receipt is above the header');
  demand(receipt.timeMs <= header.timeMs, 'the receipt is later than the header');
}

const VALIDATORS_KEY = utf8('chain/validators');

function checkTransition(t: Transition, chainId: Uint8Array, above: bigint, set: chain.Validator[], setHash: Uint8Array): void {
  const { header, proof } = t;
  demand(equal(header.chain, chainId), 'a transition of another chain');
  demand(header.height > above, 'the heights of the transitions do not ascend');
  demand(equal(header.validatorsHash, setHash), 'a transition names another set of validators');
  demand(proof.kind === 1, 'a state proof is not of membership');
  const root = merkle.stateRoot(VALIDATORS_KEY, t.nextBytes, proof.siblings);
  demand(equal(root, header.stateRoot), 'a state proof does not lead to the state root');
  chain.checkCertificate(t.certificate, set, header.hash);
}

function checkValidators(s: State): void {
  const { header, transitions } = s.bundle;
  let set = s.genesis.validators;
  let setHash = chain.validatorsHash(chain.encodeValidators(set));
  let height = 0n;
  for (const transition of transitions) {
    checkTransition(transition, header.chain, height, set, setHash);
    set = transition.next;
    setHash = chain.validatorsHash(transition.nextBytes);
    height = transition.header.height;
  }
  demand(header.height > height, 'the header is not above the last transition');
  demand(equal(header.validatorsHash, setHash), 'the header names another set of validators');
  s.validators = set;
}

function checkAnchor({ anchor, bundle: { header }, timestamp }: State): void {
  if (!anchor) return;
  demand(equal(anchor.chain, header.chain), 'the anchor is of another chain');
  if (anchor.timestampRoots.length === 0 || !timestamp) return;
  demand(anchor.timestampRoots.some((root) => equal(root, timestamp.root)), "the token's root is not in the anchor");
}

function checkFile({ fileDigest, bundle: { item } }: State): void {
  if (fileDigest) demand(equal(fileDigest, item.subarray(0, 32)), `the digest of the file is ${hex(fileDigest)}`);
}

const CHECKS: readonly [Reason, (s: State) => void][] = [
  ['proof.malformed', (s) => (s.bundle = decodeBundle(s.input))],
  ['proof.protocol_unknown', checkProtocol],
  ['proof.record_mismatch', checkRecord],
  ['proof.body_malformed', checkBody],
  ['proof.inner_path_mismatch', checkInnerPath],
  ['proof.signature_invalid', checkSignature],
  ['proof.not_accepted', ({ bundle: { receipt } }) => demand(receipt.status === 0, `status ${receipt.status}`)],
  ['proof.log_path_mismatch', checkLogPath],
  ['proof.chain_mismatch', checkChain],
  ['proof.genesis_malformed', (s) => (s.genesis = chain.decodeGenesis(s.bundle.genesis))],
  ['proof.validators_unproven', checkValidators],
  ['proof.certificate_invalid', ({ bundle, validators }) => chain.checkCertificate(bundle.certificate, validators, bundle.header.hash)],
  ['proof.timestamp_invalid', (s) => (s.timestamp = s.bundle.timestamp && checkTimestamp(s.bundle.timestamp, s.bundle.header.hash))],
  ['proof.anchor_mismatch', checkAnchor],
  ['proof.file_mismatch', checkFile],
];

function facts(s: State): Facts {
  const { bundle, timestamp } = s;
  const disclosed = bundle.record?.disclosed ?? [];
  return {
    digest: hex(bundle.item.subarray(0, 32)),
    chain: { id: hex(bundle.header.chain), name: s.genesis.name, height: bundle.header.height, timeMs: bundle.header.timeMs },
    transaction: hex(s.transaction),
    block: { height: bundle.receipt.height, timeMs: bundle.receipt.timeMs },
    signer: hex(s.body.signer),
    ...(timestamp && { timestamp: { timeMs: timestamp.timeMs, authority: timestamp.authority, pinned: (s.anchor?.timestampRoots.length ?? 0) > 0 } }),
    record: disclosed.map(({ name, text }) => ({ name, json: text })),
    withheldFields: (bundle.record?.leaves.length ?? 0) - disclosed.length,
    validators: s.validators.length,
    transitions: bundle.transitions.length,
    anchor: s.anchor ? 'pinned' : 'not pinned',
    file: s.fileDigest ? 'matches' : 'not given',
  };
}

function digestOf(options: Options): Uint8Array | undefined {
  if (options.fileDigest !== undefined) return fromHex(options.fileDigest.toLowerCase(), 32) ?? refuse('fileDigest is not 32 bytes of hex');
  return options.file && sm3(options.file);
}

/** Runs every check. Never throws, whatever the input; needs no network, no clock, no files. */
export function verifyBundle(bundle: Uint8Array, options: Options = {}): Verdict {
  let reason: Reason = 'proof.anchor_malformed';
  try {
    const state = { input: bundle, anchor: options.anchor && decodeAnchor(options.anchor) } as State;
    reason = 'proof.file_mismatch';
    state.fileDigest = digestOf(options);
    for (const [key, check] of CHECKS) {
      reason = key;
      check(state);
    }
    return { ok: true, facts: facts(state) };
  } catch (error) {
    const detail = error instanceof Refused ? error.detail : `unexpected: ${String(error)}`;
    return { ok: false, reason, explanation: REASONS[reason], detail };
  }
}

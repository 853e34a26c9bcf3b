// Transactions as docs/formats/chain.md fixes them: canonical protobuf, SM2 over a tagged message.
import { concat, getAddress, getBytes, hexlify, randomBytes, toUtf8Bytes } from "ethers";
import sm from "sm-crypto-v2";

const tag = (text) => toUtf8Bytes(`${text}\0`);
const digits = (bytes) => hexlify(bytes).slice(2);
export const sm3 = (...parts) => getBytes(`0x${sm.sm3(getBytes(concat(parts)))}`);

function varint(value) {
  const out = [];
  for (let left = BigInt(value); ; left >>= 7n) {
    const more = left > 0x7fn;
    out.push(Number(left & 0x7fn) | (more ? 0x80 : 0));
    if (!more) return Uint8Array.from(out);
  }
}

/** Fields in ascending order, each [number, value]: a BigInt or number, bytes, or a text. Empty ones and zeros are left out. */
export function message(fields) {
  const parts = [];
  for (const [number, given] of fields) {
    if (typeof given === "bigint" || typeof given === "number") {
      if (BigInt(given) !== 0n) parts.push(varint(number * 8), varint(given));
      continue;
    }
    const bytes = typeof given === "string" ? toUtf8Bytes(given) : given;
    if (bytes.length > 0) parts.push(varint(number * 8 + 2), varint(bytes.length), bytes);
  }
  return getBytes(concat(parts));
}

/** A registered account: the SM2 key that signs for it. */
export class Account {
  #privateKey;

  /** @param {string} privateKey 32 bytes in hex */
  constructor(privateKey) {
    this.#privateKey = privateKey.replace(/^0x/, "").toLowerCase();
    this.publicKey = getBytes(`0x${sm.sm2.getPublicKeyFromPrivateKey(this.#privateKey)}`);
    const digest = sm3(tag("chengxin/key/v1"), this.publicKey);
    this.keyId = digest.slice(0, 16);
    this.address = getAddress(hexlify(digest.slice(0, 20)));
  }

  static random() {
    return new Account(sm.sm2.generateKeyPairHex().privateKey);
  }

  sign(bytes) {
    return getBytes(`0x${sm.sm2.doSignature(bytes, this.#privateKey, { hash: true, der: false, publicKey: digits(this.publicKey) })}`);
  }

  /**
   * One transaction: its bytes for the REST interface, and its hash.
   * @param {{id: string, timeMs: number, maxValidityMs: number}} chain as chengxin_chain answers
   * @param {{contract: string, method: string, arguments: Uint8Array}[]} calls
   * @param {Uint8Array[]} attachments
   */
  transaction(chain, calls, attachments = []) {
    const now = Math.max(Date.now(), chain.timeMs);
    const body = message([
      [1, getBytes(chain.id)],
      [2, this.keyId],
      [3, Math.max(0, now - Math.min(60_000, Math.floor(chain.maxValidityMs / 4)))],
      [4, now + Math.min(300_000, Math.floor(chain.maxValidityMs / 2))],
      [5, randomBytes(16)],
      ...calls.map((call) => [6, message([[1, call.contract], [2, call.method], [3, call.arguments]])]),
    ]);
    const signed = getBytes(concat([tag("chengxin/tx/v1"), body]));
    const bytes = message([[1, body], [2, this.sign(signed)], ...attachments.map((each) => [3, each])]);
    return { bytes, hash: hexlify(sm3(signed)) };
  }
}

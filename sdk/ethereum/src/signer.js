import { AbstractSigner, FetchRequest, JsonRpcProvider, getBytes, makeError, resolveAddress, resolveProperties } from "ethers";
import { Account } from "./envelope.js";

/**
 * A provider for one chain of a platform.
 * @param {string} url of the platform, "http://127.0.0.1:8080"
 * @param {string} token a credential of its REST interface
 * @param {string} chain its name
 * @param {object} [options] of JsonRpcProvider
 */
export function chengxinProvider(url, token, chain, options = {}) {
  const request = new FetchRequest(`${url}/api/v1/chains/${chain}/ethereum`);
  request.setHeader("Authorization", `Bearer ${token}`);
  // A block is there when its transaction is answered: what was asked a moment ago may be old.
  return new JsonRpcProvider(request, undefined, { cacheTimeout: -1, ...options });
}

/** Signs for a registered SM2 account: each Ethereum transaction becomes an envelope with one call of a contract. */
export class ChengxinSigner extends AbstractSigner {
  /**
   * @param {Account | string} account or its private key
   * @param {JsonRpcProvider} provider of the chain's JSON-RPC endpoint (chengxinProvider)
   */
  constructor(account, provider) {
    super(provider);
    this.account = typeof account === "string" ? new Account(account) : account;
  }

  async getAddress() {
    return this.account.address;
  }

  connect(provider) {
    return new ChengxinSigner(this.account, provider);
  }

  /** Signs, submits, waits for the block. Reverts are told beforehand, by running it once without a transaction. */
  async sendTransaction(tx) {
    const { to, data, value } = await resolveProperties({ to: tx.to, data: tx.data, value: tx.value });
    if (to == null) throw makeError("a contract is deployed by ChengxinContractFactory", "UNSUPPORTED_OPERATION", { operation: "create" });
    if (value != null && BigInt(value) !== 0n) throw makeError("every balance is 0", "INSUFFICIENT_FUNDS", { transaction: tx });
    const address = (await resolveAddress(to, this.provider)).toLowerCase();
    await this.provider.estimateGas({ from: this.account.address, to: address, data });
    const named = await this.provider.send("chengxin_describeCall", [address, data ?? "0x"]);
    const call = named ?? { contract: address, method: "call", arguments: data ?? "0x" };
    const { hash } = await this.submit([{ ...call, arguments: getBytes(call.arguments) }]);
    return this.provider.getTransaction(hash);
  }

  /**
   * Calls of any contracts, native ones too, in one transaction.
   * @returns {Promise<{hash: string, output: Uint8Array, status: number}>} output: of the calls, or why it was not accepted
   */
  async submit(calls, attachments = []) {
    const chain = await this.provider.send("chengxin_chain", []);
    const { bytes, hash } = this.account.transaction(chain, calls, attachments);
    await this.rest("POST", "transactions", bytes);
    const record = await this.rest("GET", `transactions/${hash.slice(2)}`);
    return { hash, output: getBytes(Buffer.from(record.output, "base64")), status: record.receipt.status };
  }

  /** The REST interface beside the JSON-RPC endpoint, with the same credential. */
  async rest(method, path, body) {
    const request = this.provider._getConnection();
    request.url = request.url.replace(/\/ethereum$/, `/${path}`);
    request.method = method;
    if (body) {
      request.body = body;
      request.setHeader("Content-Type", "application/x-protobuf");
    }
    const response = await request.send();
    if (response.statusCode < 300) return response.bodyJson;
    const problem = response.hasBody() ? response.bodyJson : {};
    throw makeError(`${problem.reason ?? response.statusCode}: ${problem.detail ?? ""}`, "SERVER_ERROR", { request, response, info: problem });
  }

  async signTransaction() {
    throw makeError("an envelope is signed when it is sent", "UNSUPPORTED_OPERATION", { operation: "signTransaction" });
  }
  async signMessage() {
    throw makeError("an SM2 key makes no signature that Ethereum knows", "UNSUPPORTED_OPERATION", { operation: "signMessage" });
  }
  async signTypedData() {
    throw makeError("an SM2 key makes no signature that Ethereum knows", "UNSUPPORTED_OPERATION", { operation: "signTypedData" });
  }
}

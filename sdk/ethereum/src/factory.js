import { BaseContract, ContractFactory, concat, getAddress, getBytes, makeError, toUtf8String } from "ethers";
import { message, sm3 } from "./envelope.js";

const ENGINE_WASM = 1, ENGINE_EVM = 2;

// As the platform reads it: JSON, or declarations a line.
const interfaceText = (abi) => (Array.isArray(abi) && abi.every((each) => typeof each === "string") ? abi.join("\n") : JSON.stringify(abi));

/**
 * Deploys as a chain of ours does: propose, approve, deploy, each a transaction of an account that may. The bytecode is
 * EVM init code, or a WASM module (which begins with "\0asm").
 */
export class ChengxinContractFactory extends ContractFactory {
  /**
   * @param {object[] | string[]} abi as solc writes it, or declarations
   * @param {object} options
   * @param {string} options.name of the contract on its chain
   * @param {import("./signer.js").ChengxinSigner[]} [options.approvers] who approve; by default who deploys
   * @param {Uint8Array} [options.source] SM3 of the source archive
   * @param {string} [options.toolchain] what built it
   */
  constructor(abi, bytecode, runner, options) {
    super(abi, bytecode, runner);
    this.abi = abi;
    this.options = options;
  }

  connect(runner) {
    return new ChengxinContractFactory(this.abi, this.bytecode, runner, this.options);
  }

  async deploy(...args) {
    const { name, approvers = [this.runner], source = new Uint8Array(32), toolchain = "" } = this.options;
    const signer = this.runner, code = getBytes(this.bytecode);
    const wasm = this.bytecode.startsWith("0x0061736d");
    const text = interfaceText(this.abi);
    const canonical = await signer.provider.send("chengxin_interface", [text]);
    const item = message([[1, wasm ? ENGINE_WASM : ENGINE_EVM], [2, code], [3, canonical], [4, source], [5, toolchain]]);

    const proposed = await this.#govern(signer, "propose", message([[1, name], [2, sm3(item)]]), [item]);
    const version = new DataView(proposed.output.buffer, proposed.output.byteOffset).getUint32(0);
    const subject = [[1, name], [2, version]];
    for (const approver of approvers) await this.#govern(approver, "approve", message(subject));
    const input = getBytes(this.interface.encodeDeploy(args));
    const deployed = await this.#govern(signer, "deploy", message([...subject, [3, input]]));
    const address = getAddress(await signer.provider.send("chengxin_contractAddress", [name]));
    return new BaseContract(address, this.interface, signer, await signer.provider.getTransaction(deployed.hash));
  }

  async #govern(signer, method, bytes, attachments = []) {
    const done = await signer.submit([{ contract: "contract", method, arguments: bytes }], attachments);
    if (done.status === 0) return done;
    if (done.status === 8)  // the constructor reverted
      throw makeError(`${method} of ${this.options.name} reverted`, "CALL_EXCEPTION", { action: "sendTransaction", data: `0x${Buffer.from(done.output).toString("hex")}`,
        reason: null, invocation: null, revert: this.interface.parseError(done.output), transaction: { to: null, data: concat([]) } });
    throw makeError(`${method} of ${this.options.name}: ${toUtf8String(done.output)}`, "UNKNOWN_ERROR", { info: done });
  }
}

// The Solidity contracts in @ethereumjs/evm, at the addresses and in the blocks of host.js.
import { createEVM } from "@ethereumjs/evm";
import { Common, Hardfork, Mainnet } from "@ethereumjs/common";
import { Account, Address } from "@ethereumjs/util";
import { contractAddress } from "./host.js";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const GAS = 1_000_000_000n;

export class EvmChain {
  height = 1;
  timeMs = 1_800_000_000_000;

  async start() {
    this.evm = await createEVM({ common: new Common({ chain: Mainnet, hardfork: Hardfork.Cancun }) });
    return this;
  }

  block() {
    return { header: { number: BigInt(this.height), timestamp: BigInt(Math.floor(this.timeMs / 1000)), gasLimit: GAS,
      cliqueSigner: () => new Address(new Uint8Array(20)), coinbase: new Address(new Uint8Array(20)), difficulty: 0n,
      prevRandao: new Uint8Array(32), baseFeePerGas: 0n, getBlobGasPrice: () => 0n } };
  }

  outcome({ exceptionError, returnValue, logs }) {
    const ending = !exceptionError ? "returned" : exceptionError.error === "revert" ? "reverted" : "trapped";
    return { ending, data: ending === "trapped" ? "" : hex(returnValue), events: exceptionError ? [] : (logs ?? []).map(
      ([address, topics, data]) => ({ address: hex(address), topics: topics.map(hex), data: hex(data) })) };
  }

  async deploy(caller, name, { bytecode }, input) {
    const to = new Address(new Uint8Array(contractAddress(name)));
    const state = this.evm.stateManager;
    if (!(await state.getAccount(to))) await state.putAccount(to, new Account(1n));
    const result = await this.evm.runCode({ code: new Uint8Array(Buffer.concat([bytecode, input])), to,
      caller: new Address(new Uint8Array(caller)), gasLimit: GAS, block: this.block(), data: new Uint8Array(0) });
    if (!result.exceptionError) await state.putCode(to, result.returnValue);
    return { ...this.outcome(result), data: "" };
  }

  async call(caller, name, input) {
    const from = new Address(new Uint8Array(caller));
    const { execResult } = await this.evm.runCall({ to: new Address(new Uint8Array(contractAddress(name))), caller: from,
      origin: from, data: new Uint8Array(input), gasLimit: GAS, block: this.block(), skipBalance: true });
    return this.outcome(execResult);
  }
}

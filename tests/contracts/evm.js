// The Solidity contracts in @ethereumjs/evm, at the addresses and in the blocks of host.js.
import { createEVM } from "@ethereumjs/evm";
import { Common, Hardfork, Mainnet } from "@ethereumjs/common";
import { Account, Address } from "@ethereumjs/util";
import { AbiCoder, Interface } from "ethers";
import sm from "sm-crypto-v2";
import { contractAddress, sm3 } from "./host.js";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const GAS = 1_000_000_000n;

const flag = (value) => { const word = Buffer.alloc(32); word[31] = value ? 1 : 0; return word; };
const questions = new Interface(["function attribute(address,string)", "function credential(address,string)",
  "function approval(bytes32,string)"]);

export class EvmChain {
  height = 1;
  timeMs = 1_800_000_000_000;
  attributes = new Map();

  async start() {
    const precompile = (last, answer) => ({ address: new Address(new Uint8Array([...Buffer.alloc(18), 0x0c, last])),
      function: ({ data }) => ({ executionGasUsed: 0n, returnValue: new Uint8Array(answer(Buffer.from(data))) }) });
    this.evm = await createEVM({ common: new Common({ chain: Mainnet, hardfork: Hardfork.Cancun }), customPrecompiles: [
      precompile(1, sm3),
      precompile(2, (data) => flag(sm.sm2.doVerifySignature(new Uint8Array(data.subarray(128)), hex(data.subarray(64, 128)),
        "04" + hex(data.subarray(0, 64)), { hash: true }))),
      precompile(3, (data) => {
        const { name, args } = questions.parseTransaction({ data: "0x" + hex(data) });
        const value = name === "attribute" ? this.attributes.get(args[0].slice(2).toLowerCase())?.[args[1]] : undefined;
        return Buffer.from(AbiCoder.defaultAbiCoder().encode(["bool", "bytes"], [value !== undefined, value ?? "0x"]).slice(2), "hex");
      }),
      precompile(4, () => flag(false)),
    ] });
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

// The platform's own frames and engines, in a process of contract_tool, beside the other two hosts.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join, resolve } from "node:path";
import { WasmChain } from "./host.js";

const tool = join(process.env.CHENGXIN_BUILD ?? resolve(import.meta.dirname, "../../build"), "bin/contract_tool");
const hex = (bytes) => Buffer.from(bytes).toString("hex");

// A process of the tool: a line in, a line out.
export class Tool {
  constructor(mode) {
    this.child = spawn(tool, [mode], { stdio: ["pipe", "pipe", "inherit"] });
    this.child.unref();
    for (const stream of [this.child.stdin, this.child.stdout]) stream.unref?.();
    this.waiting = [];
    createInterface({ input: this.child.stdout }).on("line", (line) => this.waiting.shift()(JSON.parse(line)));
  }
  async ask(line) {
    const answer = new Promise((told) => this.waiting.push(told));
    this.child.ref();
    this.child.stdin.write(JSON.stringify(line) + "\n");
    const { reason, ...told } = await answer;
    if (this.waiting.length === 0) this.child.unref();
    if (reason) throw new Error(reason);
    return told;
  }
}

export class PlatformChain extends WasmChain {
  tool = new Tool("chain");

  ask(what, caller, name, input, more = {}) {
    const attributes = Object.fromEntries([...this.attributes].map(([address, each]) =>
      [address, Object.fromEntries(Object.entries(each).map(([key, value]) => [key, hex(value)]))]));
    return this.tool.ask({ [what]: { name, caller: hex(caller), input: hex(input), height: this.height, time_ms: this.timeMs,
      transaction: hex(this.transactionOf(input)), chain: hex(this.id), attributes, ...more } });
  }
  async deploy(caller, name, { file, bytecode }, input) {
    const { ending, data, events } = await this.ask("deploy", caller, name, input, { code: file, engine: bytecode ? "evm" : "wasm" });
    return { ending, data: bytecode && ending === "returned" ? "" : data, events };
  }
  async call(caller, name, input) {
    const { ending, data, events } = await this.ask("call", caller, name, input);
    return { ending, data, events };
  }
}

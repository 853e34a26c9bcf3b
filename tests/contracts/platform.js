// The platform's own frames and engines, in a process of contract_tool, beside the other two hosts.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join, resolve } from "node:path";
import { WasmChain } from "./host.js";

const tool = join(process.env.CHENGXIN_BUILD ?? resolve(import.meta.dirname, "../../build"), "bin/contract_tool");
const hex = (bytes) => Buffer.from(bytes).toString("hex");

export class PlatformChain extends WasmChain {
  constructor() {
    super();
    this.child = spawn(tool, ["chain"], { stdio: ["pipe", "pipe", "inherit"] });
    this.child.unref();
    for (const stream of [this.child.stdin, this.child.stdout]) stream.unref?.();
    this.waiting = [];
    createInterface({ input: this.child.stdout }).on("line", (line) => this.waiting.shift()(JSON.parse(line)));
  }

  async ask(what, caller, name, input, more = {}) {
    const attributes = Object.fromEntries([...this.attributes].map(([address, each]) =>
      [address, Object.fromEntries(Object.entries(each).map(([key, value]) => [key, hex(value)]))]));
    const answer = new Promise((told) => this.waiting.push(told));
    this.child.ref();
    this.child.stdin.write(JSON.stringify({ [what]: { name, caller: hex(caller), input: hex(input), height: this.height, time_ms: this.timeMs,
      transaction: hex(this.transactionOf(input)), chain: hex(this.id), attributes, ...more } }) + "\n");
    const { ending, data, events, reason } = await answer;
    this.child.unref();
    if (reason) throw new Error(reason);
    return { ending, data, events };
  }
  deploy(caller, name, { file }, input) { return this.ask("deploy", caller, name, input, { code: file }); }
  call(caller, name, input) { return this.ask("call", caller, name, input); }
}

// The samples in Rust, Go and Solidity: the same calls give the same results and events, byte by byte.
import assert from "node:assert/strict";
import { test } from "node:test";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Interface } from "ethers";
import { buildSample, samples } from "./build.js";
import { EvmChain } from "./evm.js";
import { WasmChain, contractAddress } from "./host.js";

const tool = join(process.env.CHENGXIN_BUILD ?? resolve(import.meta.dirname, "../../build"), "bin/contract_tool");
const account = (number) => Buffer.alloc(20, number);
const ALICE = account(0xa1), BOB = account(0xb0), CAROL = account(0xca), DAVE = account(0xda);
const at = (bytes) => "0x" + Buffer.from(bytes).toString("hex");

const seed = Number(process.env.SEED ?? Date.now() % 1e9);
console.log(`SEED=${seed}`);
let state = seed >>> 0;
function random(below) {  // xorshift
  state ^= state << 13, state >>>= 0, state ^= state >>> 17, state ^= state << 5, state >>>= 0;
  return state % below;
}

const interfaceOf = (name) => new Interface(JSON.parse(
  execFileSync(tool, ["json"], { input: readFileSync(join(samples, name, "interface.abi")) })));

// The same contracts on three chains, one a language; every call goes to all.
class Three {
  async start() {
    this.chains = { rust: new WasmChain(), go: new WasmChain(), solidity: await new EvmChain().start() };
    this.interfaces = {};
    return this;
  }
  async all(what, act) {
    const [rust, go, solidity] = await Promise.all(["rust", "go", "solidity"].map((language) =>
      act(this.chains[language], language)));
    assert.deepEqual(go, rust, `go and rust differ: ${what}`);
    assert.deepEqual(solidity, rust, `solidity and rust differ: ${what}`);
    for (const chain of Object.values(this.chains)) chain.height += 1, chain.timeMs += 1700;
    return rust;
  }
  async deploy(caller, name, ...values) {
    const built = buildSample(name);
    this.interfaces[name] = interfaceOf(name);
    const input = Buffer.from(this.interfaces[name].encodeDeploy(values).slice(2), "hex");
    return this.all(`deploy ${name}`, (chain, language) => chain.deploy(caller, name, built[language], input));
  }
  async call(caller, name, method, ...values) {
    const abi = this.interfaces[name];
    const input = Buffer.from(abi.encodeFunctionData(method, values).slice(2), "hex");
    const outcome = await this.all(`${name}.${method}(${values})`, (chain) => chain.call(caller, name, input));
    if (outcome.ending === "reverted") {
      const error = abi.parseError("0x" + outcome.data);
      return { error: error?.name ?? outcome.data, values: error?.args };
    }
    assert.equal(outcome.ending, "returned", `${name}.${method}: ${Buffer.from(outcome.data, "hex")}`);
    const results = abi.decodeFunctionResult(method, "0x" + outcome.data);
    return { value: results.length === 1 ? results[0] : results, events: outcome.events.map((event) =>
      abi.parseLog({ topics: event.topics.map((topic) => "0x" + topic), data: "0x" + event.data })) };
  }
  raw(caller, name, bytes, language) { return this.chains[language].call(caller, name, bytes); }
}

for (const name of ["notary", "token"])
  test(`${name}: generated code and interface`, () => {
    const text = readFileSync(join(samples, name, "interface.abi"));
    for (const [target, file] of [["rust", "rust/interface.rs"], ["go", "go/interface.go"]])
      assert.equal(execFileSync(tool, ["generate", target, name], { input: text }).toString(),
        readFileSync(join(samples, name, file), "utf8"), `${file} is not what its interface gives`);
    const { abi } = buildSample(name).solidity;
    const types = (parameters) => (parameters ?? []).map((parameter) => parameter.format("sighash") + (parameter.indexed ?? ""));
    const shape = (fragments) => fragments.map(({ type, name, stateMutability, inputs, outputs }) =>
      `${type} ${name}(${types(inputs)}) ${stateMutability} (${types(outputs)})`).sort();
    assert.deepEqual(shape(new Interface(abi).fragments), shape(interfaceOf(name).fragments));
  });

test("notary", async () => {
  const three = await new Three().start();
  await three.deploy(ALICE, "notary");
  const digest = (number) => at(Buffer.alloc(32, number));
  const recorded = await three.call(ALICE, "notary", "record", digest(1), "合同 第一份");
  assert.equal(recorded.events[0].name, "Recorded");
  assert.equal((await three.call(BOB, "notary", "record", digest(1), "")).error, "AlreadyRecorded");
  assert.equal((await three.call(BOB, "notary", "find", digest(2))).error, "NotRecorded");
  const found = (await three.call(BOB, "notary", "find", digest(1))).value;
  assert.deepEqual([found.owner.toLowerCase(), found.note, found.height], [at(ALICE), "合同 第一份", 2n]);
  for (let i = 0; i < 40; ++i) {
    const what = digest(random(20)), who = account(1 + random(5));
    if (random(3)) await three.call(who, "notary", "record", what, "x".repeat(random(100)));
    else await three.call(who, "notary", "find", what);
  }
  assert.ok((await three.call(BOB, "notary", "count")).value > 1n);
});

test("token", async () => {
  const three = await new Three().start();
  const name = "token", max = 2n ** 256n - 1n;
  await three.deploy(ALICE, name, "城信币", "CX", 1000n);
  assert.equal((await three.call(BOB, name, "name")).value, "城信币");
  assert.equal((await three.call(BOB, name, "decimals")).value, 18n);
  assert.equal((await three.call(ALICE, name, "transfer", at(BOB), 300n)).events[0].args.value, 300n);
  assert.equal((await three.call(BOB, name, "transfer", at(CAROL), 301n)).error, "InsufficientBalance");
  assert.equal((await three.call(CAROL, name, "transferFrom", at(ALICE), at(CAROL), 1n)).error, "InsufficientAllowance");
  await three.call(ALICE, name, "approve", at(CAROL), max);
  await three.call(CAROL, name, "transferFrom", at(ALICE), at(CAROL), 1n);
  assert.equal((await three.call(BOB, name, "allowance", at(ALICE), at(CAROL))).value, max);
  const people = [ALICE, BOB, CAROL, DAVE];
  const somebody = () => at(people[random(4)]);
  for (let i = 0; i < 80; ++i) {
    const caller = people[random(4)], value = BigInt(random(400));
    if (random(3) === 0) await three.call(caller, name, "approve", somebody(), value);
    else if (random(2)) await three.call(caller, name, "transfer", somebody(), value);
    else await three.call(caller, name, "transferFrom", somebody(), somebody(), value);
  }
  let sum = 0n;
  for (const person of people) sum += (await three.call(ALICE, name, "balanceOf", at(person))).value;
  assert.equal(sum, 1000n);
  await three.deploy(BOB, name, "other", "O", 5n);  // an upgrade keeps what stands
  assert.equal((await three.call(BOB, name, "totalSupply")).value, 1000n);
});

test("call data that is no canonical encoding is refused with no data; unknown methods too", async () => {
  const three = await new Three().start();
  await three.deploy(ALICE, "notary");
  const good = Buffer.from(three.interfaces.notary.encodeFunctionData("record", [at(Buffer.alloc(32, 1)), "note"]).slice(2), "hex");
  const bent = [Buffer.alloc(0), good.subarray(0, 3), Buffer.from("00000000", "hex"), good.subarray(0, -1),
    Buffer.concat([good, Buffer.alloc(32)])];
  for (const place of [4 + 63, 4 + 64, 4 + 95, good.length - 1]) {
    const copy = Buffer.from(good);
    copy[place] ^= 0x41;
    bent.push(copy);
  }
  for (const input of bent)
    for (const language of ["rust", "go"]) {
      const outcome = await three.raw(ALICE, "notary", input, language);
      assert.deepEqual([outcome.ending, outcome.data], ["reverted", ""], `${language} ${input.toString("hex")}`);
    }
});

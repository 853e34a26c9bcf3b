// The samples in Rust, Go and Solidity: the same calls give the same results and events, byte by byte.
import assert from "node:assert/strict";
import { test } from "node:test";
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { Interface } from "ethers";
import sm from "sm-crypto-v2";
import { buildSample, generated, interfaceText } from "./build.js";
import { EvmChain } from "./evm.js";
import { WasmChain, contractAddress } from "./host.js";
import { PlatformChain } from "./platform.js";

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
  execFileSync(tool, ["json"], { input: interfaceText(name) })));

// The same contracts in three languages; those in WASM run on the platform's host and on one that is written to the
// same page in JavaScript. Every call goes to all.
class Three {
  async start() {
    this.chains = { rust: new WasmChain(), go: new WasmChain(), solidity: await new EvmChain().start(),
      "rust on the platform": new PlatformChain(), "go on the platform": new PlatformChain(), "solidity on the platform": new PlatformChain() };
    this.interfaces = {};
    return this;
  }
  async all(what, act) {
    const outcomes = await Promise.all(Object.entries(this.chains).map(([name, chain]) => act(chain, name.split(" ")[0])));
    for (const [i, name] of Object.keys(this.chains).entries()) assert.deepEqual(outcomes[i], outcomes[0], `${name} and rust differ: ${what}`);
    for (const chain of Object.values(this.chains)) chain.height += 1, chain.timeMs += 1700;
    return outcomes[0];
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
      const error = outcome.data && abi.parseError("0x" + outcome.data);
      return { error: error?.name ?? outcome.data, values: error?.args ?? [] };
    }
    assert.equal(outcome.ending, "returned", `${name}.${method}: ${Buffer.from(outcome.data, "hex")}`);
    const results = abi.decodeFunctionResult(method, "0x" + outcome.data);
    return { value: results.length === 1 ? results[0] : results, events: outcome.events.map((event) =>
      Object.values(this.interfaces).map((each) => each.parseLog({ topics: event.topics.map((topic) => "0x" + topic), data: "0x" + event.data })).find((log) => log)) };
  }
  raw(caller, name, bytes, language) { return this.chains[language].call(caller, name, bytes); }
}

for (const name of ["notary", "token", "register", "approval", "escrow", "probe", "store"])
  test(`${name}: generated code and interface`, () => {
    const files = [["rust", name, "rust/interface.rs"], ["go", name, "go/interface.go"]];
    if (name === "escrow") files.push(["rust-caller", "token", "rust/token.rs"], ["go-caller", "token", "go/token.go"]);
    for (const [target, of, file] of files)
      assert.equal(execFileSync(tool, ["generate", target, of], { input: interfaceText(target.endsWith("caller") ? of : name) }).toString(),
        generated(name, file), `${file} is not what its interface gives`);
    if (name === "probe" || name === "store") return;  // words() is Solidity's fallback; store has no Solidity
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

test("register", async () => {
  const three = await new Three().start();
  await three.deploy(ALICE, "register");
  const publish = (who, key, byte, location) => three.call(who, "register", "publish", key, at(Buffer.alloc(32, byte)), location);
  assert.equal((await publish(ALICE, "标准", 1, "ipfs:one")).events[0].name, "Published");
  assert.equal((await publish(BOB, "标准", 2, "")).error, "NotOwner");
  await three.call(ALICE, "register", "transferOwnership", "标准", at(BOB));
  await publish(BOB, "标准", 2, "");
  assert.equal((await three.call(CAROL, "register", "latest", "标准")).value.number, 2n);
  assert.equal((await three.call(CAROL, "register", "version", "标准", 3)).error, "Unknown");
  assert.equal((await three.call(CAROL, "register", "latest", "")).error, "Unknown");
  for (let i = 0; i < 30; ++i) await publish(account(1 + random(3)), `key ${random(4)}`, i, "y".repeat(random(80)));
  for (const [from, limit] of [[0, 0], [0, 1], [1, 2], [2, 2 ** 32 - 1], [2 ** 32 - 1, 2 ** 32 - 1], [50, 3]])
    for (let key = 0; key < 4; ++key) await three.call(DAVE, "register", "history", `key ${key}`, from, limit);
});

test("approval", async () => {
  const three = await new Three().start();
  const name = "approval", subject = at(Buffer.alloc(32, 9)), parties = [ALICE, BOB, CAROL].map(at);
  await three.deploy(ALICE, name);
  for (const [who, needed] of [[parties, 0], [parties, 4], [[...parties, parties[0]], 2], [[], 0]])
    assert.equal((await three.call(DAVE, name, "propose", subject, who, needed)).error, "BadProposal");
  assert.equal((await three.call(DAVE, name, "propose", subject, parties, 2)).value, 1n);
  assert.equal((await three.call(DAVE, name, "approve", 1)).error, "NotAParty");
  assert.equal((await three.call(DAVE, name, "approve", 2)).error, "Unknown");
  assert.equal((await three.call(ALICE, name, "approve", 1)).value, false);
  assert.equal((await three.call(ALICE, name, "approve", 1)).error, "AlreadyApproved");
  await three.call(ALICE, name, "withdraw", 1);
  assert.equal((await three.call(ALICE, name, "withdraw", 1)).error, "NotApproved");
  await three.call(BOB, name, "approve", 1);
  const last = await three.call(CAROL, name, "approve", 1);
  assert.deepEqual([last.value, last.events.map((event) => event.name)], [true, ["Approved", "Reached"]]);
  assert.equal((await three.call(ALICE, name, "approve", 1)).error, "AlreadyReached");
  const people = [ALICE, BOB, CAROL, DAVE];
  for (let i = 0; i < 60; ++i) {
    const caller = people[random(4)], id = 1 + random(6);
    if (random(5) === 0) await three.call(caller, name, "propose", subject, people.slice(random(4)).map(at), random(4));
    else await three.call(caller, name, ["approve", "withdraw", "proposal"][random(3)], id);
  }
});

test("escrow, which calls the token", async () => {
  const three = await new Three().start();
  const token = at(contractAddress("token")), escrow = at(contractAddress("escrow"));
  await three.deploy(ALICE, "token", "T", "T", 1000n);
  await three.deploy(ALICE, "escrow");
  const open = (who, amount, what = token) => three.call(who, "escrow", "open", what, at(BOB), at(CAROL), amount, 1_800_000_010n);
  assert.equal((await open(ALICE, 0n)).error, "NothingDeposited");
  const short = await open(ALICE, 10n);  // the error is the token's, passed on
  assert.equal(three.interfaces.token.parseError("0x" + short.error).name, "InsufficientAllowance");
  await three.call(ALICE, "token", "approve", escrow, 900n);
  const opened = await open(ALICE, 10n);
  assert.equal(opened.value, 1n);
  assert.equal((await three.call(DAVE, "escrow", "release", 1)).error, "NotAllowed");
  assert.equal((await three.call(ALICE, "escrow", "release", 1)).events.at(-1).name, "Released");
  assert.equal((await three.call(ALICE, "escrow", "refund", 1)).error, "NotOpen");
  assert.equal((await three.call(ALICE, "token", "balanceOf", at(BOB))).value, 10n);
  assert.equal((await open(ALICE, 1n, at(DAVE))).error, "");  // no contract there
  await open(ALICE, 5n);
  assert.equal((await three.call(ALICE, "escrow", "refund", 2)).error, undefined);  // after the deadline
  const people = [ALICE, BOB, CAROL, DAVE];
  for (const person of people) await three.call(person, "token", "approve", escrow, 500n);
  for (let i = 0; i < 50; ++i) {
    const caller = people[random(4)];
    if (random(3) === 0) await open(caller, BigInt(random(60)));
    else await three.call(caller, "escrow", ["release", "refund", "deal"][random(3)], 1 + random(8));
  }
  let sum = (await three.call(ALICE, "token", "balanceOf", escrow)).value;
  for (const person of people) sum += (await three.call(ALICE, "token", "balanceOf", at(person))).value;
  assert.equal(sum, 1000n);
});

test("the SDKs' types and calls", async () => {
  const three = await new Three().start();
  const attributes = new Map([[ALICE.toString("hex"), { "role:clerk": Buffer.from([1]), organisation: Buffer.from("城建局") }]]);
  for (const chain of Object.values(three.chains)) chain.attributes = attributes;
  await three.deploy(ALICE, "probe");
  const ask = (method, ...values) => three.call(ALICE, "probe", method, ...values);
  const bytes = (length) => at(Array.from({ length }, () => random(256)));
  const signed = (bits) => BigInt.asIntN(bits, BigInt(bytes(8)));
  const inner = () => [random(65536), bytes(5)];
  const list = (make) => Array.from({ length: random(4) }, make);
  const outer = () => [random(2) ? "文".repeat(random(20)) : "", list(inner), [inner(), inner()]];
  for (let i = 0; i < 12; ++i) {
    await ask("words", random(256), random(65536), random(2 ** 32), BigInt(bytes(8)), BigInt(bytes(32)), signed(8), signed(16), signed(32),
      signed(64), random(2) === 1, bytes(20), bytes(4), bytes(32));
    await ask("tails", "城信".repeat(random(20)), bytes(random(70)), list(() => random(65536)), list(() => "s".repeat(random(40))),
      [true, random(2) === 1], ["", "z".repeat(random(64))], list(() => [random(256), random(256)]), outer(), list(outer));
    const [a, b] = [BigInt(bytes(1 + random(32))), BigInt(bytes(1 + random(32)))];
    for (const method of ["calculate", "subtract", "divide"]) await ask(method, a, b);
  }
  const max = 2n ** 256n - 1n;
  for (const [a, b] of [[max, 1n], [max, 2n], [0n, 1n], [1n, 0n], [max, max], [2n ** 255n, max], [max, 2n ** 255n + 1n], [2n ** 128n, 2n ** 128n]])
    for (const method of ["calculate", "subtract", "divide"]) await ask(method, a, b);
  assert.equal((await ask("divide", 1n, 0n)).values[0], 0x12n);
  assert.equal((await ask("subtract", 1n, 2n)).values[0], 0x11n);
  await ask("who");
  for (const length of [0, 1, 55, 56, 64, 135, 136, 1000]) await ask("digests", bytes(length));
  const { publicKey, privateKey } = sm.sm2.generateKeyPairHex();
  const signature = sm.sm2.doSignature(new Uint8Array(Buffer.from("message")), privateKey, { hash: true });
  const words = [publicKey.slice(2, 66), publicKey.slice(66)].map((half) => "0x" + half);
  const verify = (message) => ask("verify", ...words, at(Buffer.from(message)), "0x" + signature.slice(0, 64), "0x" + signature.slice(64));
  assert.equal((await verify("message")).value, true);
  assert.equal((await verify("massage")).value, false);
  assert.deepEqual([...(await ask("account", at(ALICE), "clerk", "organisation")).value], [true, at(Buffer.from("城建局"))]);
  assert.deepEqual([...(await ask("account", at(BOB), "clerk", "status")).value], [false, "0x"]);
  assert.equal((await ask("proven", bytes(10), bytes(32))).value, false);
  assert.deepEqual([...(await ask("fail", "不行")).values], ["不行"]);
});

for (const language of ["rust", "go"])
  test(`the host of WASM contracts, from ${language}`, async () => {
    const chain = new WasmChain(), abi = interfaceOf("store"), other = contractAddress("other");
    for (const name of ["store", "other"]) await chain.deploy(ALICE, name, buildSample("store")[language], Buffer.alloc(0));
    const data = (method, ...values) => abi.encodeFunctionData(method, values);
    const outcome = (method, ...values) => chain.call(ALICE, "store", Buffer.from(data(method, ...values).slice(2), "hex"));
    const read = (method, hex) => abi.decodeFunctionResult(method, "0x" + hex).toArray(true);
    const ask = async (method, ...values) => {
      const { ending, data: result } = await outcome(method, ...values);
      assert.equal(ending, "returned", `${method}: ${Buffer.from(result, "hex")}`);
      return read(method, result);
    };
    const traps = async (reason, method, ...values) => {
      const { ending, data: detail } = await outcome(method, ...values);
      assert.deepEqual([ending, Buffer.from(detail, "hex").toString()], ["trapped", reason]);
    };
    const relay = async (readOnly, method, ...values) => ask("relay", at(other), data(method, ...values), readOnly);

    assert.deepEqual(await ask("get", "0x01"), [false, "0x"]);
    for (const key of ["0x02", "0x01", "0x0100", "0xff", "0x"]) await ask("put", key, key + "aa");
    await ask("put", "0x03", "0x");
    assert.deepEqual(await ask("get", "0x03"), [true, "0x"]);
    await ask("erase", "0x03"), await ask("erase", "0x03");
    assert.deepEqual(await ask("entries", "0x", "0x", 1000), [["0x", "0x01", "0x0100", "0x02", "0xff"], ["0xaa", "0x01aa", "0x0100aa", "0x02aa", "0xffaa"]]);
    assert.deepEqual((await ask("entries", "0x01", "0x02", 1000))[0], ["0x01", "0x0100"]);
    assert.deepEqual((await ask("entries", "0x0101", "0x", 1))[0], ["0x02"]);
    assert.deepEqual((await ask("entries", "0x02", "0x01", 5))[0], []);
    await traps("contract.trap.argument", "entries", "0x", "0x", 1001);
    await ask("put", at(Buffer.alloc(256)), "0x");
    await traps("contract.trap.size", "put", at(Buffer.alloc(257)), "0x");

    const [key, iv] = [at(Buffer.from("0123456789abcdeffedcba9876543210", "hex")), at(Buffer.alloc(16))];
    assert.deepEqual(await ask("encrypt", true, key, iv, key), [true, "0x681edf34d206965e86b3e94f536e4246"]);  // GB/T 32907 annex A.1
    assert.deepEqual(await ask("encrypt", false, key, iv, "0x681edf34d206965e86b3e94f536e4246"), [true, key]);
    assert.deepEqual(await ask("encrypt", true, key, iv, "0x00"), [false, "0x"]);

    const own = contractAddress("store");
    assert.deepEqual((await relay(false, "put", "0x07", "0x08"))[0], true);
    assert.deepEqual(await ask("get", "0x07"), [false, "0x"]);  // it is the other's
    assert.deepEqual(read("get", (await relay(true, "get", "0x07"))[1].slice(2)), [true, "0x08"]);
    assert.deepEqual(await relay(true, "put", "0x07", "0x09"), [false, "0x"]);  // read only
    assert.deepEqual(await relay(true, "flood", 1, 1), [false, "0x"]);
    const [caller, name, origin] = read("caller", (await relay(false, "caller"))[1].slice(2));
    assert.deepEqual([caller.toLowerCase(), name, origin.toLowerCase()], [at(own), "store", at(ALICE)]);
    assert.deepEqual((await ask("caller"))[1], "");
    // What a nested call wrote and emitted goes when it ends badly, and only that.
    const failed = await outcome("relay", at(other), data("flood", 1025, 1), false);
    assert.deepEqual([read("relay", failed.data)[0], failed.events.length], [false, 0]);
    assert.deepEqual(read("get", (await relay(true, "get", "0x07"))[1].slice(2)), [true, "0x08"]);
    await traps("contract.trap.size", "flood", 1, (64 << 10) + 1);
    await traps("contract.event_limit", "flood", 65, 64 << 10);
    assert.equal((await outcome("flood", 64, 64 << 10)).events.length, 64);
    // 16 deep: the innermost is refused, and its caller is told.
    let deep = data("caller");
    for (let depth = 0; depth < 16; ++depth) deep = data("relay", at(depth % 2 ? own : other), deep, false);
    let found = (await outcome("relay", at(other), deep, false)).data, levels = 0;
    for (; levels < 20; ++levels) {
      const [returned, inner] = read("relay", found);
      if (!returned) break;
      found = inner.slice(2);
    }
    assert.equal(levels, 15);
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
    for (const language of ["rust", "go", "rust on the platform", "go on the platform"]) {
      const outcome = await three.raw(ALICE, "notary", input, language);
      assert.deepEqual([outcome.ending, outcome.data], ["reverted", ""], `${language} ${input.toString("hex")}`);
    }
});

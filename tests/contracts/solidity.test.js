// OpenZeppelin's contracts, factories and upgrades through the life cycle of a chain on disk, beside contracts in Rust
// and Go; and what stays when gas runs out anywhere.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Interface, getCreate2Address, getCreateAddress, keccak256 } from "ethers";
import { buildMixed, buildSample, interfaceText } from "./build.js";
import { contractAddress } from "./host.js";
import { PlatformChain, Tool } from "./platform.js";

const at = (bytes) => "0x" + Buffer.from(bytes).toString("hex");
const addressOf = (name) => at(contractAddress(name));
const somebody = (number) => at(Buffer.alloc(20, number));
const store = new Interface(interfaceText("store").split("\n").filter((line) => line.startsWith("function")));
const mixed = buildMixed();

class Ledger {
  tool = new Tool("ledger");
  contracts = {};  // name → interface and version
  async deploy(name, { abi, file, bytecode }, ...values) {
    const contract = new Interface(abi);
    const version = (this.contracts[name]?.version ?? 0) + 1;
    const { why } = await this.tool.ask({ deploy: { name, version, engine: bytecode ? "evm" : "wasm", code: file,
      interface: JSON.stringify(abi), input: contract.encodeDeploy(values).slice(2) } });
    if (why === "") this.contracts[name] = { contract, version };
    return why;
  }
  // By name as clients do; by address as what has no name.
  async send(contract, to, method, values) {
    const data = contract.encodeFunctionData(method, values);
    const call = to.startsWith("0x") ? { contract: to.toLowerCase(), method: "call", arguments: data.slice(2) }
      : { contract: to, method: contract.getFunction(method).format("sighash"), arguments: data.slice(10) };
    return this.tool.ask({ call });
  }
  async call(name, method, ...values) { return this.at(name, this.contracts[name].contract, method, ...values); }
  async at(to, contract, method, ...values) {
    const { status, data, events } = await this.send(contract, to, method, values);
    if (status === 8) return { error: contract.parseError("0x" + data)?.name ?? data };
    if (status !== 0) return { trap: data };
    return { value: contract.decodeFunctionResult(method, "0x" + data).toArray(true), events: events.map((event) => ({ address: "0x" + event.address,
      ...contract.parseLog({ topics: event.topics.map((topic) => "0x" + topic), data: "0x" + event.data }) })) };
  }
}

test("a token with roles and an owner", async () => {
  const ledger = new Ledger(), owner = somebody(1);
  assert.equal(await ledger.deploy("gate", mixed("Gate")), "");
  assert.equal(await ledger.deploy("coin", mixed("Coin"), addressOf("gate")), "");
  const { contract } = ledger.contracts.coin;
  const minter = (await ledger.call("coin", "MINTER")).value[0];
  assert.equal((await ledger.call("coin", "mint", owner, 5)).error, "AccessControlUnauthorizedAccount");
  assert.equal((await ledger.call("coin", "transferOwnership", owner)).error, "OwnableUnauthorizedAccount");
  const asOwner = (method, ...values) => ledger.call("gate", "pass", addressOf("coin"), contract.encodeFunctionData(method, values));
  for (const [method, ...values] of [["grantRole", minter, addressOf("gate")], ["mint", addressOf("gate"), 10], ["transfer", owner, 3]])
    assert.equal((await asOwner(method, ...values)).value[0], true, method);
  assert.equal((await ledger.call("coin", "balanceOf", owner)).value[0], 3n);
  assert.equal((await ledger.call("coin", "totalSupply")).value[0], 10n);
  const [returned, why] = (await asOwner("transfer", owner, 8)).value;
  assert.deepEqual([returned, contract.parseError(why).name], [false, "ERC20InsufficientBalance"]);
  await ledger.tool.ask({ verify: {} });
});

test("deeds go to who can hold them", async () => {
  const ledger = new Ledger();
  for (const name of ["Deed", "Holder", "Gate"]) assert.equal(await ledger.deploy(name.toLowerCase(), mixed(name)), "");
  assert.equal(await ledger.deploy("store", { ...buildSample("store").rust, abi: JSON.parse(store.formatJson()) }), "");
  assert.equal((await ledger.call("deed", "mint", addressOf("holder"), 1)).events[0].name, "Transfer");
  assert.equal((await ledger.call("deed", "mint", somebody(1), 2)).value.length, 0);  // no code there: an account
  for (const name of ["gate", "store"])
    assert.equal((await ledger.call("deed", "mint", addressOf(name), 3)).error, "ERC721InvalidReceiver");
  assert.equal((await ledger.call("deed", "ownerOf", 2)).value[0], somebody(1));
  assert.equal((await ledger.call("deed", "ownerOf", 3)).error, "ERC721NonexistentToken");
  const look = async (what) => (await ledger.call("gate", "look", what)).value;
  assert.deepEqual(await look(addressOf("store")), [1n, keccak256("0xfe"), "0xfe"]);
  assert.deepEqual(await look(somebody(1)), [0n, "0x" + "0".repeat(64), "0x"]);
  const [size, hash, code] = await look(addressOf("deed"));
  assert.deepEqual([Number(size), hash], [(code.length - 2) / 2, keccak256(code)]);
});

test("factories, clones and proxies", async () => {
  const ledger = new Ledger(), counter = new Interface(mixed("Counter").abi), factory = addressOf("factory");
  assert.equal(await ledger.deploy("factory", mixed("Factory")), "");
  assert.equal(await ledger.deploy("counter", mixed("Counter")), "");
  const made = async (method, ...values) => (await ledger.call("factory", method, ...values)).events.at(-1).args.what;
  const clone = await made("clone", addressOf("counter"));
  assert.equal(clone, getCreateAddress({ from: factory, nonce: 1 }));
  const salt = "0x" + "5".repeat(64);
  const parts = ["0x3d602d80600a3d3981f3363d3d373d3d3d363d73", addressOf("counter").slice(2), "5af43d82803e903d91602b57fd5bf3"];
  assert.equal(await made("cloneAt", addressOf("counter"), salt), getCreate2Address(factory, salt, keccak256(parts.join(""))));
  assert.equal((await ledger.call("factory", "cloneAt", addressOf("counter"), salt)).error, "FailedDeployment");
  const fresh = await made("fresh");
  const proxy = await made("proxy", addressOf("counter"), counter.encodeFunctionData("initialize", [somebody(7)]));
  for (const address of [clone, fresh, proxy]) {
    assert.deepEqual((await ledger.at(address, counter, "add")).value, [1n]);
    assert.deepEqual((await ledger.at(address, counter, "add")).value, [2n]);
  }
  assert.deepEqual((await ledger.call("counter", "count")).value, [0n]);  // each has a state of its own
  assert.deepEqual((await ledger.at(proxy, counter, "owner")).value, [somebody(7)]);
  assert.equal((await ledger.at(somebody(9), counter, "add")).trap, "contract.unknown");
  await ledger.tool.ask({ verify: {} });
});

test("an upgrade runs its constructor over what stands", async () => {
  const ledger = new Ledger();
  assert.equal(await ledger.deploy("fee", mixed("Fee")), "");
  const ask = async () => Promise.all(["fee", "once", "constructing"].map(async (method) => (await ledger.call("fee", method)).value[0]));
  assert.deepEqual(await ask(), [3n, 7n, true]);
  await ledger.call("fee", "change", 50);
  assert.deepEqual(await ask(), [50n, 50n, true]);
  assert.equal(await ledger.deploy("fee", mixed("Fee")), "");
  assert.deepEqual(await ask(), [3n, 50n, true]);  // an initialiser sets again, a condition does not
  const wasm = { ...buildSample("store").rust, abi: JSON.parse(store.formatJson()) };
  assert.equal(await ledger.deploy("fee", wasm), "contract.engine_changed");
  assert.deepEqual(await ask(), [3n, 50n, true]);
});

for (const language of ["rust", "go"])
  test(`Solidity and ${language} enter each other`, async () => {
    const ledger = new Ledger();
    assert.equal(await ledger.deploy("store", { ...buildSample("store")[language], abi: JSON.parse(store.formatJson()) }), "");
    assert.equal(await ledger.deploy("gate", mixed("Gate")), "");
    const gate = ledger.contracts.gate.contract, relay = (to, data) => store.encodeFunctionData("relay", [to, data, false]);
    const entered = async () => (await ledger.call("gate", "entered")).value[0];
    // Gate → store → gate → store, which writes.
    const inner = (method) => gate.encodeFunctionData(method, [addressOf("store"), store.encodeFunctionData("put", ["0x01", "0x02"])]);
    const round = async (outer, method) => {
      const [returned, result] = (await ledger.call("gate", outer, addressOf("store"), relay(addressOf("gate"), inner(method)))).value;
      assert.equal(returned, true);
      return store.decodeFunctionResult("relay", result).toArray();
    };
    const [stopped, why] = await round("guarded", "guarded");
    assert.deepEqual([stopped, gate.parseError(why)?.name, await entered()], [false, "ReentrancyGuardReentrantCall", 1n]);
    assert.deepEqual((await ledger.call("store", "get", "0x01")).value, [false, "0x"]);
    const [returned, told] = await round("pass", "guarded");
    assert.deepEqual([returned, gate.decodeFunctionResult("guarded", told)[0], await entered()], [true, true, 3n]);
    assert.deepEqual((await ledger.call("store", "get", "0x01")).value, [true, "0x02"]);
    await ledger.tool.ask({ verify: {} });
  });

test("out of gas anywhere in three languages leaves nothing", { timeout: 60_000 }, async () => {
  const chain = new PlatformChain(), who = Buffer.alloc(20, 1), none = Buffer.alloc(0);
  for (const [name, what] of [["store", buildSample("store").rust], ["gate", mixed("Gate")], ["factory", mixed("Factory")], ["counter", mixed("Counter")]])
    assert.equal((await chain.deploy(who, name, what, none)).ending, "returned");
  const gate = new Interface(mixed("Gate").abi), factory = new Interface(mixed("Factory").abi), counter = new Interface(mixed("Counter").abi);
  const bytes = (data) => Buffer.from(data.slice(2), "hex");
  await chain.call(who, "counter", bytes(counter.encodeFunctionData("add")));
  const relayed = (name, data) => store.encodeFunctionData("relay", [addressOf(name), data, false]);
  const calls = { made: ["factory", factory.encodeFunctionData("clone", [addressOf("counter")])], cleared: ["counter", counter.encodeFunctionData("clear")] };
  for (const [what, [name, data]] of Object.entries(calls)) {
    const input = bytes(gate.encodeFunctionData("guarded", [addressOf("store"), relayed(name, data)]));
    const { failed } = await chain.ask("sweep", who, "gate", input, { gas: 60_000 });
    assert.ok(failed > 1000, what);
  }
});

// What no well-behaved client sends: clear codes, bounded work, a server that goes on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Platform } from "./platform.js";

const platform = new Platform();
before(() => platform.start());
after(() => platform.stop());

const post = async (body, headers) => platform.rest("POST", platform.path, body, headers);
const codeOf = async (body) => {
  const response = await post(body);
  assert.equal(response.status, 200);
  return (await response.json()).error?.code;
};
const one = (method, params, id = 1) => JSON.stringify({ jsonrpc: "2.0", id, method, params });

test("nobody without a credential", async () => {
  assert.equal((await post(one("eth_chainId"), { Authorization: "Bearer wrong" })).status, 401);
  assert.equal((await fetch(platform.url + platform.path, { method: "POST", body: one("eth_chainId"), headers: { "Content-Type": "application/json" } })).status, 401);
  assert.equal((await post(one("eth_chainId"), { "Content-Type": "text/plain" })).status, 415);
  assert.equal((await platform.rest("POST", "/api/v1/chains/none/ethereum", one("eth_chainId"))).status, 404);
});

test("JSON-RPC's own errors", async () => {
  for (const broken of ["{", "", "nonsense", "[".repeat(1000)]) assert.equal(await codeOf(broken), -32700, broken.slice(0, 9));
  for (const invalid of ["1", "[]", "{}", JSON.stringify({ id: 1, method: "eth_chainId" })]) assert.equal(await codeOf(invalid), -32600, invalid);
  assert.equal(await codeOf(one("eth_nothing", [])), -32601);
  assert.equal(await codeOf(one("debug_setHead", ["0x0"])), -32601);
  assert.equal(await codeOf(one("eth_chainId", { a: 1 })), -32602);
});

test("parameters that are none", async () => {
  const hash = `0x${"ab".repeat(32)}`, address = `0x${"cd".repeat(20)}`;
  for (const [method, params] of [
    ["eth_getBlockByNumber", ["1", false]], ["eth_getBlockByNumber", ["0x01", false]], ["eth_getBlockByNumber", ["0x", false]],
    ["eth_getBlockByNumber", [1, false]], ["eth_getBlockByNumber", ["0x1", "yes"]], ["eth_getBlockByNumber", []],
    ["eth_getBlockByNumber", [`0x1${"0".repeat(64)}`, false]], ["eth_getBlockByHash", [hash.slice(0, -1), false]], ["eth_getTransactionByHash", [`${hash}00`]],
    ["eth_getBalance", [address.slice(2), "latest"]], ["eth_getBalance", [address, "later"]], ["eth_call", ["x", "latest"]],
    ["eth_call", [{ to: address, data: "0x1" }, "latest"]], ["eth_call", [{ to: address, data: "0xzz" }, "latest"]],
    ["eth_call", [{ to: address, gas: -1 }, "latest"]], ["eth_call", [{ to: address, data: `0x${"00".repeat(300_000)}` }, "latest"]],
    ["eth_getLogs", [[]]], ["eth_getLogs", [{ topics: "x" }]], ["eth_getLogs", [{ address: [1] }]], ["eth_getLogs", [{ fromBlock: "0x5", toBlock: "0x1" }]],
    ["eth_getStorageAt", [address, `0x${"11".repeat(33)}`, "latest"]], ["eth_feeHistory", ["many", "latest"]], ["debug_traceCall", [{ to: address }, "latest", { tracer: "x" }]],
    ["eth_chainId", [1, 2, 3]],
  ]) assert.equal(await codeOf(one(method, params)), -32602, `${method} ${JSON.stringify(params).slice(0, 80)}`);
});

test("work is bounded", async () => {
  const batch = (count) => JSON.stringify(Array.from({ length: count }, (_, i) => ({ jsonrpc: "2.0", id: i, method: "eth_blockNumber", params: [] })));
  assert.equal(await codeOf(batch(10_000)), -32600);
  const taken = await (await post(batch(100))).json();
  assert.deepEqual(taken.map(({ id, result }) => [id, result]), Array.from({ length: 100 }, (_, i) => [i, "0x0"]));
  assert.equal((await post(" ".repeat(3 << 20))).status, 413);
  const wide = await (await post(one("eth_getLogs", [{ fromBlock: "0x0", toBlock: "0xffffffffffffffff" }]))).json();
  assert.deepEqual(wide.result, []);
  const many = await (await post(one("eth_feeHistory", ["0xffffffff", "latest", []]))).json();
  assert.equal(many.result.gasUsedRatio.length, 1);
});

test("a notification has no answer", async () => {
  assert.equal(await (await post(JSON.stringify({ jsonrpc: "2.0", method: "eth_blockNumber" }))).text(), "");
});

// Bent at random: whatever comes is an answer or an error object of JSON-RPC, and the next request is answered.
test("requests bent at random", async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e9);
  console.log(`seed ${seed}`);
  let state = seed;
  const random = (below) => { state = (state * 1103515245 + 12345) % 2147483648; return Math.floor(state / 65536) % below; };
  const words = ["0x", "0x0", "latest", "", null, [], {}, 1, -1, 1e300, true, "0x" + "f".repeat(64), "0x" + "0".repeat(40), { blockHash: "0x1" }, { to: 1 }, ["0x1"]];
  const methods = ["eth_call", "eth_getLogs", "eth_getBlockByNumber", "eth_getBlockByHash", "eth_estimateGas", "eth_getStorageAt", "eth_newFilter",
    "eth_getFilterChanges", "debug_traceCall", "debug_traceTransaction", "eth_sendRawTransaction", "eth_feeHistory", "chengxin_describeCall", "chengxin_interface"];
  for (let i = 0; i < 400; ++i) {
    const params = Array.from({ length: random(4) }, () => words[random(words.length)]);
    const response = await post(one(methods[random(methods.length)], params, i));
    assert.equal(response.status, 200);
    const answer = await response.json();
    assert.equal(answer.id, i);
    assert.ok("result" in answer || [-32602, -32000, -32005, 3, 4444].includes(answer.error.code), JSON.stringify(answer));
  }
  assert.equal((await platform.rpc("eth_blockNumber")).result, "0x0");
});

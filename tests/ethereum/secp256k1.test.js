// Ethereum's own transactions: refused unless a governor admits them; then a plain ethers wallet and Hardhat deploy and call.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Contract, ContractFactory, Transaction, Wallet, getCreateAddress } from "ethers";
import { Platform, solidity } from "./platform.js";

const source = join(import.meta.dirname, "hardhat/contracts/Counter.sol");
const { abi, bytecode } = solidity(source, "Counter");
const platform = new Platform();
let provider, wallet, counter;
before(async () => {
  await platform.start();
  provider = platform.provider();
  wallet = Wallet.createRandom().connect(provider);
});
after(async () => {
  provider?.destroy();
  await platform.stop();
});

const admit = async (level) => {
  const { status } = await platform.signer(provider).submit([{ contract: "ethereum", method: "admit", arguments: Uint8Array.of(level) }]);
  assert.equal(status, 0);
};
const raw = async (more, by = wallet) => by.signTransaction({ type: 2, chainId: (await provider.getNetwork()).chainId, nonce: await provider.getTransactionCount(by),
  maxFeePerGas: 0, maxPriorityFeePerGas: 0, gasLimit: 1_000_000, to: "0x00000000000000000000000000000000000000aa", data: "0x", ...more });
const refused = async (bytes, reason) => {
  const { error } = await platform.rpc("eth_sendRawTransaction", [bytes]);
  assert.ok(error, "it was taken");
  assert.ok(error.message.includes(reason), error.message);
};

test("off unless a governor says otherwise", async () => {
  await refused(await raw(), "ethereum.secp256k1_off");
  await assert.rejects(new ContractFactory(abi, bytecode, wallet).deploy(), /ethereum\.secp256k1_off/);
  await admit(1);
  await refused(await raw({ to: null, data: bytecode }), "ethereum.deployment_off");
  await admit(2);
});

test("an ethers wallet deploys and calls", async () => {
  counter = await new ContractFactory(abi, bytecode, wallet).deploy();
  await counter.waitForDeployment();
  assert.equal(await counter.getAddress(), getCreateAddress({ from: wallet.address, nonce: 0 }));
  const made = await provider.getTransactionReceipt(counter.deploymentTransaction().hash);
  assert.equal(made.contractAddress, await counter.getAddress());
  assert.equal(made.from, wallet.address);
  const receipt = await (await counter.add(5)).wait();
  assert.equal(receipt.logs[0].fragment.name, "Added");
  assert.deepEqual(receipt.logs[0].args.toArray(), [wallet.address, 5n]);
  assert.equal(await counter.count(), 5n);
  assert.equal(await provider.getTransactionCount(wallet), 2);
  const sent = await provider.getTransaction(receipt.hash);
  assert.equal(sent.signature.v === 27 || sent.signature.v === 28, true);
  assert.equal(Transaction.from(sent).unsignedHash.length, 66);
  const tree = await provider.send("debug_traceTransaction", [receipt.hash, { tracer: "callTracer" }]);
  assert.equal(tree.from, wallet.address.toLowerCase());
  assert.equal(tree.input, sent.data);
});

test("a transaction that fails uses its nonce all the same", async () => {
  const nonce = await provider.getTransactionCount(wallet);
  await assert.rejects(counter.add(1000), (error) => counter.interface.parseError(error.data).name === "TooMuch");
  const bytes = await raw({ to: await counter.getAddress(), data: counter.interface.encodeFunctionData("add", [1000]) });
  const { result } = await platform.rpc("eth_sendRawTransaction", [bytes]);
  assert.equal(result, Transaction.from(bytes).hash);
  const { result: receipt } = await platform.rpc("eth_getTransactionReceipt", [result]);
  assert.equal(receipt.status, "0x0");
  assert.equal(counter.interface.parseError(receipt.revertReason).name, "TooMuch");
  assert.equal(await provider.getTransactionCount(wallet), nonce + 1);
  await refused(bytes, "nonce too low");
  assert.equal(await counter.count(), 5n);
});

test("what a chain does not take", async () => {
  const { chainId } = await provider.getNetwork();
  await refused(await raw({ chainId: chainId + 1n }), "ethereum.chain");
  await refused(await raw({ value: 1 }), "ethereum.value");
  await refused(await raw({ maxFeePerGas: 1 }), "ethereum.fee");
  await refused(await raw({ nonce: 99 }), "nonce too high");
  await refused("0x03c0", "ethereum.type");
  await refused(`0x${"00".repeat(70_000)}`, "bytes");
  const good = await raw();
  await refused(good.slice(0, -2), "ethereum");
});

test("contracts call each other whoever sent the transaction, and SM2 accounts call unnamed contracts", async () => {
  const ours = new Contract(await counter.getAddress(), abi, platform.signer(provider));
  await (await ours.add(2)).wait();
  assert.equal(await counter.count(), 7n);
});

test("Hardhat reads, deploys, calls and decodes", { timeout: 240_000 }, async () => {
  // A project of its own, below the folder that has the packages.
  const project = join(import.meta.dirname, "node_modules/.cache/hardhat-project");
  mkdirSync(project, { recursive: true });
  cpSync(join(import.meta.dirname, "hardhat"), project, { recursive: true });
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "node_modules/hardhat/internal/cli/bootstrap.js"),
    "--network", "chengxin", "run", "script.cjs"], { cwd: project, env: { ...process.env, HARDHAT_DISABLE_TELEMETRY_PROMPT: "true", CI: "true",
      CHENGXIN_URL: platform.url + platform.path, CHENGXIN_TOKEN: platform.token, SENDER_KEY: Wallet.createRandom().privateKey } });
  const told = JSON.parse(stdout.trim().split("\n").pop());
  assert.deepEqual(told, { count: "3", error: "TooMuch", logs: 1, network: (await provider.getNetwork()).chainId.toString() });
});

test("turned off again, it is off", async () => {
  await admit(0);
  await refused(await raw(), "ethereum.secp256k1_off");
});

// ethers against a running platform: the same token in Solidity and in Rust, by a signer of ours.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Contract, Interface, ZeroAddress, ZeroHash, getAddress, id, isError, keccak256 } from "ethers";
import { ChengxinContractFactory } from "@chengxin/ethers";
import { Platform, rustSample, soliditySample } from "./platform.js";

const platform = new Platform();
let provider, signer;
before(async () => {
  await platform.start();
  provider = platform.provider();
  signer = platform.signer(provider);
});
after(async () => {
  provider?.destroy();
  await platform.stop();
});

test("a chain is a network", async () => {
  const { id: chain } = await provider.send("chengxin_chain", []);
  const network = await provider.getNetwork();
  assert.equal(network.chainId, BigInt(chain.slice(0, 14)));
  assert.ok(network.chainId <= BigInt(Number.MAX_SAFE_INTEGER));
  const genesis = await provider.getBlock(0);
  assert.equal(genesis.hash, chain);
  assert.equal(genesis.parentHash, ZeroHash);
  const fees = await provider.getFeeData();
  assert.equal(fees.gasPrice, 0n);
  assert.ok(!fees.maxFeePerGas);
  assert.equal(await provider.getBalance(signer), 0n);
  assert.equal(await provider.getTransactionCount(signer), 0);
  assert.equal(await provider.getTransactionReceipt(id("none")), null);
  assert.equal(await provider.getBlock(9999), null);
});

for (const [name, build] of [["evm-token", () => soliditySample("token", "Token")], ["wasm-token", () => rustSample("token", platform.folder)]])
  describe(name, () => {
    let token, deployed, contract;
    const other = getAddress("0x00000000000000000000000000000000000000aa");

    test("is deployed by the factory", async () => {
      contract = build();
      const abi = typeof contract.abi === "string" ? humanReadable(contract.abi) : contract.abi;
      token = await new ChengxinContractFactory(abi, contract.bytecode, signer, { name }).deploy("Token", "TK", 1000n);
      token = new Contract(await token.getAddress(), abi, signer);
      assert.equal(await provider.send("chengxin_contractName", [await token.getAddress()]), name);
      deployed = await provider.getBlockNumber();
      const block = await provider.getBlock(deployed, true);
      const receipt = await provider.getTransactionReceipt(block.transactions[0]);
      assert.equal(receipt.contractAddress, await token.getAddress());
      assert.equal(receipt.to, null);
      const code = await provider.getCode(token);
      if (name === "wasm-token") assert.equal(code, "0xfe");
      else assert.ok(contract.bytecode.includes(code.slice(2)));
    });

    test("answers view functions, at any block", async () => {
      assert.equal(await token.name(), "Token");
      assert.equal(await token.decimals(), 18n);
      assert.equal(await token.balanceOf(signer), 1000n);
      await assert.rejects(token.balanceOf(signer, { blockTag: deployed - 1 }), (error) => isError(error, "BAD_DATA"));
    });

    test("takes transactions", async () => {
      const sent = await token.transfer(other, 5n);
      assert.equal(sent.from, signer.account.address);
      assert.equal(sent.to, await token.getAddress());
      assert.deepEqual(token.interface.parseTransaction(sent).args.toArray(), [other, 5n]);
      const receipt = await sent.wait();
      assert.equal(receipt.status, 1);
      assert.equal(receipt.logs.length, 1);
      assert.equal(receipt.logs[0].fragment.name, "Transfer");
      assert.equal(await token.balanceOf(other), 5n);
      assert.equal(await token.balanceOf(other, { blockTag: receipt.blockNumber - 1 }), 0n);
      const block = await receipt.getBlock();
      assert.equal(block.hash, receipt.blockHash);
      assert.ok(block.transactions.includes(receipt.hash));
      assert.equal(block.parentHash, (await provider.getBlock(receipt.blockNumber - 1)).hash);
    });

    test("its custom errors are decoded: of a call, of an estimate, before a transaction is sent", async () => {
      const head = await provider.getBlockNumber();
      for (const attempt of [() => token.transfer.staticCall(other, 5000n), () => token.transfer.estimateGas(other, 5000n), () => token.transfer(other, 5000n)])
        await assert.rejects(attempt(), (error) => {
          assert.equal(error.code, "CALL_EXCEPTION");
          const told = token.interface.parseError(error.data);
          assert.equal(told.name, "InsufficientBalance");
          assert.deepEqual(told.args.toArray(), [signer.account.address, 995n, 5000n]);
          return true;
        });
      assert.equal(await provider.getBlockNumber(), head);
    });

    test("its gas is estimated: that much is enough", async () => {
      const gas = await token.transfer.estimateGas(other, 1n);
      assert.ok(gas > 0n && gas < 10_000_000n, `${gas}`);
      assert.equal(await token.transfer.staticCall(other, 1n, { gasLimit: gas }), true);
      await assert.rejects(token.transfer.staticCall(other, 1n, { gasLimit: gas / 4n }));
    });

    test("its logs are found", async () => {
      await (await token.approve(other, 7n)).wait();
      const transfers = await token.queryFilter("Transfer", deployed);
      assert.deepEqual(transfers.map(({ args }) => args.toArray()), [[ZeroAddress, signer.account.address, 1000n], [signer.account.address, other, 5n]]);
      assert.equal((await token.queryFilter(token.filters.Transfer(null, other), deployed)).length, 1);
      assert.equal((await token.queryFilter(token.filters.Approval(), deployed)).length, 1);
      assert.equal((await token.queryFilter("*", deployed)).length, 3);
      const byHash = await provider.getLogs({ blockHash: transfers[1].blockHash });
      assert.deepEqual(byHash.map(({ index }) => index), [0]);
      assert.equal(byHash[0].topics[0], id("Transfer(address,address,uint256)"));
    });

    test("its events are heard as they come", async () => {
      const heard = new Promise((done) => token.once("Transfer", (from, to, value) => done(value)));
      await new Promise((done) => setTimeout(done, 400));  // the filter is made when the listener is
      await token.transfer(other, 3n);
      assert.equal(await heard, 3n);
    });

    test("its calls are traced", async () => {
      const sent = await token.transfer(other, 2n);
      const config = { tracer: "callTracer", tracerConfig: { withLog: true } };
      const tree = await provider.send("debug_traceTransaction", [sent.hash, config]);
      assert.equal(tree.to, (await token.getAddress()).toLowerCase());
      assert.equal(tree.input, sent.data);
      assert.deepEqual(token.interface.decodeFunctionResult("transfer", tree.output).toArray(), [true]);
      assert.equal(tree.logs.length, 1);
      const refused = await provider.send("debug_traceCall", [{ from: signer.account.address, to: await token.getAddress(),
        data: token.interface.encodeFunctionData("transfer", [other, 9999n]) }, "latest", config]);
      assert.equal(refused.error, "execution reverted");
      assert.equal(token.interface.parseError(refused.output).name, "InsufficientBalance");
    });
  });

const humanReadable = (text) => text.split("\n").filter((line) => line && !line.startsWith("//"));

test("each EVM word of storage is there, and Keccak is Ethereum's", async () => {
  const address = await provider.send("chengxin_contractAddress", ["evm-token"]);
  assert.equal(BigInt(await provider.getStorage(address, 3)), 1000n);  // totalSupply
  assert.equal(await provider.send("web3_sha3", ["0x1234"]), keccak256("0x1234"));
});

test("an account without a role deploys nothing", async () => {
  const { abi, bytecode } = soliditySample("token", "Token");
  const factory = new ChengxinContractFactory(abi, bytecode, platform.signer(provider, platform.reader), { name: "mine" });
  await assert.rejects(factory.deploy("T", "T", 1n), /contract\.forbidden/);
});

test("a signer of ours signs nothing that Ethereum could take for its own", async () => {
  await assert.rejects(signer.signMessage("x"), (error) => isError(error, "UNSUPPORTED_OPERATION"));
  await assert.rejects(signer.sendTransaction({ to: ZeroAddress, value: 1n }), (error) => isError(error, "INSUFFICIENT_FUNDS"));
});

test("bytes of an interface that no ABI is are refused by name", async () => {
  await assert.rejects(provider.send("chengxin_interface", ["function f("]), /contract\.abi/);
  assert.ok(new Interface(await provider.send("chengxin_interface", ["function f(uint a)"])).getFunction("f(uint256)"));
});

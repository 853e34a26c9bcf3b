// Through Hardhat's own provider, which signs with its configured account.
const hre = require("hardhat");
const { BrowserProvider, ContractFactory } = require("ethers");

async function main() {
  const provider = new BrowserProvider(hre.network.provider, undefined, { cacheTimeout: -1 });
  const signer = await provider.getSigner();
  const { abi, bytecode } = await hre.artifacts.readArtifact("Counter");
  const counter = await new ContractFactory(abi, bytecode, signer).deploy();
  await counter.waitForDeployment();
  await (await counter.add(3)).wait();
  const error = await counter.add.staticCall(101).then(() => "none", ({ revert }) => revert.name);
  const logs = (await counter.queryFilter("Added")).length;
  const { chainId } = await provider.getNetwork();
  console.log(JSON.stringify({ count: String(await counter.count()), error, logs, network: String(chainId) }));
}
main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});

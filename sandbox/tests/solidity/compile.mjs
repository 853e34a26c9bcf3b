// Compiles contracts/*.sol and what they import: node compile.mjs OUTPUT writes
// { "<contract>": { creation, deployed, fork } }, code in hexadecimal.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const solc = require("solc");
const here = import.meta.dirname;

const sources = {};
for (const name of readdirSync(join(here, "contracts"))) {
  sources[name] = { content: readFileSync(join(here, "contracts", name), "utf8") };
}
const outputSelection = { "*": { "*": ["evm.bytecode.object", "evm.deployedBytecode.object", "metadata"] } };
const settings = { optimizer: { enabled: true, runs: 200 }, outputSelection };
const imported = (path) => ({ contents: readFileSync(require.resolve(path), "utf8") });
const input = JSON.stringify({ language: "Solidity", sources, settings });
const output = JSON.parse(solc.compile(input, { import: imported }));

const errors = (output.errors ?? []).filter((error) => error.severity === "error");
if (errors.length > 0) {
  console.error(errors.map((error) => error.formattedMessage).join("\n"));
  process.exit(1);
}
const artifacts = {};
for (const contracts of Object.values(output.contracts)) {
  for (const [name, { evm, metadata }] of Object.entries(contracts)) {
    const fork = metadata ? JSON.parse(metadata).settings.evmVersion : "";
    artifacts[name] = { creation: evm.bytecode.object, deployed: evm.deployedBytecode.object, fork };
  }
}
writeFileSync(process.argv[2], JSON.stringify(artifacts));

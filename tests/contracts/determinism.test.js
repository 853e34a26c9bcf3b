// The samples as they are now, in Rust, Go and Solidity: 10,000 transactions end in the same block whatever the
// threads and the caches. What kept builds end in is in determinism/golden.txt.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "node:test";
import { buildSample } from "./build.js";

const root = resolve(import.meta.dirname, "../..");
const build = process.env.CHENGXIN_BUILD ?? join(root, "build");

test("equal blocks for any number of threads", () => {
  const words = [];
  for (const name of ["token", "notary"]) {
    const { rust, go, solidity } = buildSample(name);
    const bytecode = join(build, "contracts", `determinism.${name}.solidity`);
    writeFileSync(bytecode, solidity.bytecode);
    for (const [language, engine, file] of [["rust", "wasm", rust.file], ["go", "wasm", go.file], ["solidity", "evm", bytecode]])
      words.push(`${name}-${language}`, engine, join(root, "samples/contracts", name, "interface.abi"), file);
  }
  execFileSync(join(build, "bin/contract_determinism"), words, { stdio: ["ignore", "inherit", "inherit"] });
});

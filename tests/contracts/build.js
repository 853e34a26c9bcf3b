// Builds the sample contracts in all languages, as their authors would.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import solc from "solc";

const root = resolve(import.meta.dirname, "../..");
const samples = join(root, "samples/contracts");
export const interfaceText = (name) => readFileSync(join(folderOf(name), "interface.abi"), "utf8");
// A folder for each test file: they run side by side.
const build = join(process.env.CHENGXIN_BUILD ?? join(root, "build"), "contracts", basename(process.argv[1]));

const library = join(root, "sdk/contract");
const folderOf = (name) => ["probe", "store"].includes(name) ? join(import.meta.dirname, name) : join(samples, name);

const run = (command, words, options = {}) => execFileSync(command, words, { stdio: ["pipe", "pipe", "inherit"], ...options });

// Debian's compiler, whatever else stands on PATH: it is the one with a standard library for wasm32.
const rustc = (words) => run("/usr/bin/rustc", ["--edition", "2021", "--target", "wasm32-unknown-unknown", "-C", "opt-level=3",
  "-C", "panic=abort", "-C", "overflow-checks=on", ...words]);

function rust(name) {
  const crate = join(build, "libchengxin.rlib"), out = join(build, `${name}.rust.wasm`);
  rustc(["--crate-type", "rlib", "--crate-name", "chengxin", join(library, "rust/src/lib.rs"), "-o", crate]);
  rustc(["--crate-type", "cdylib", "-C", "lto", "-C", "strip=symbols", "-C", "link-arg=-zstack-size=131072", "--extern", `chengxin=${crate}`,
    join(folderOf(name), "rust/contract.rs"), "-o", out]);
  return { wasm: readFileSync(out), file: out };
}

function go(name) {
  const out = join(build, `${name}.go.wasm`);
  run("go", ["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "."], { cwd: join(folderOf(name), "go"),
    env: { ...process.env, GOOS: "wasip1", GOARCH: "wasm", GOWORK: "off" } });
  return { wasm: readFileSync(out), file: out };
}

const require = createRequire(import.meta.url);
// → "File.sol:Contract" → { bytecode, abi, file: with the code }
function compile(sources, settings) {
  const imported = (path) => ({ contents: readFileSync(require.resolve(path), "utf8") });
  const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings: {
    optimizer: { enabled: true }, outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } }, ...settings } }), { import: imported }));
  const bad = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (bad.length) throw new Error(bad.map(({ formattedMessage }) => formattedMessage).join("\n"));
  return (name, title) => {
    const { abi, evm } = output.contracts[name][title];
    const bytecode = Buffer.from(evm.bytecode.object, "hex"), file = join(build, `${title}.evm`);
    writeFileSync(file, bytecode);
    return { bytecode, abi, file };
  };
}

function solidity(name) {
  const folder = join(folderOf(name), "solidity");
  const files = readdirSync(folder).filter((file) => file.endsWith(".sol"));
  const sources = Object.fromEntries(files.map((file) => [file, { content: readFileSync(join(folder, file), "utf8") }]));
  sources["chengxin/Chengxin.sol"] = { content: readFileSync(join(library, "solidity/Chengxin.sol"), "utf8") };
  const title = name[0].toUpperCase() + name.slice(1);
  return compile(sources, { evmVersion: "cancun", viaIR: name === "probe" })(`${title}.sol`, title);
}

// The contracts of solidity/Mixed.sol, by name.
export function buildMixed() {
  mkdirSync(build, { recursive: true });
  const found = compile({ "Mixed.sol": { content: readFileSync(join(import.meta.dirname, "solidity/Mixed.sol"), "utf8") } }, {});
  return (title) => found("Mixed.sol", title);
}

const built = new Map();
export const generated = (name, file) => readFileSync(join(folderOf(name), file), "utf8");
export function buildSample(name) {
  mkdirSync(build, { recursive: true });
  if (!built.has(name)) built.set(name, { rust: rust(name), go: go(name), solidity: name === "store" ? null : solidity(name) });
  return built.get(name);
}

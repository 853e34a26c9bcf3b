// A platform of its own for each test file, with a chain that has accounts of the tests.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Account, ChengxinSigner, chengxinProvider } from "@chengxin/ethers";
import solc from "solc";

const root = resolve(import.meta.dirname, "../..");
const build = process.env.CHENGXIN_BUILD ?? join(root, "build");
const binary = join(build, "bin/chengxin");
const hex = (bytes) => Buffer.from(bytes).toString("hex");

export class Platform {
  async start() {
    this.folder = mkdtempSync(join(tmpdir(), "chengxin-ethereum-"));
    const data = join(this.folder, "data");
    execFileSync(binary, ["--data", data, "init"], { stdio: ["ignore", "ignore", "inherit"] });
    this.process = spawn(binary, ["serve", "--data", data, "--listen", "127.0.0.1:0"], { stdio: ["ignore", "ignore", "inherit"] });
    const address = join(data, "run/address");
    for (let left = 600; !existsSync(address); --left) {
      if (left === 0 || this.process.exitCode !== null) throw new Error("the platform did not start");
      await sleep(50);
    }
    this.url = readFileSync(address, "utf8").trim();
    this.token = readFileSync(join(data, "run/credential"), "utf8").trim();
    this.developer = Account.random();
    this.reader = Account.random();
    const made = await this.rest("POST", "/api/v1/chains", { name: "eth", accounts: [
      { public_key: hex(this.developer.publicKey), roles: ["developer", "governor", "writer"] },
      { public_key: hex(this.reader.publicKey), roles: [] }] });
    if (made.status !== 201) throw new Error(JSON.stringify(await made.json()));
    this.path = "/api/v1/chains/eth/ethereum";
    return this;
  }

  provider() {
    return chengxinProvider(this.url, this.token, "eth", { pollingInterval: 100, staticNetwork: false });
  }
  signer(provider, account = this.developer) {
    return new ChengxinSigner(account, provider);
  }
  rest(method, path, body, headers = {}) {
    return fetch(this.url + path, { method, body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${this.token}`, ...headers } });
  }
  async rpc(method, params = []) {
    return (await this.rest("POST", this.path, { jsonrpc: "2.0", id: 1, method, params })).json();
  }

  async stop() {
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill("SIGTERM");
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function solidity(file, title, text = readFileSync(file, "utf8")) {
  const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources: { "x.sol": { content: text } }, settings: {
    evmVersion: "cancun", optimizer: { enabled: true }, outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } } } })));
  const bad = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (bad.length) throw new Error(bad.map(({ formattedMessage }) => formattedMessage).join("\n"));
  const { abi, evm } = output.contracts["x.sol"][title];
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}

const sample = (name) => join(root, "samples/contracts", name);
export const soliditySample = (name, title) => solidity(join(sample(name), "solidity", `${title}.sol`), title);

// By Debian's compiler, the one with a standard library for wasm32.
export function rustSample(name, folder) {
  const library = join(folder, "libchengxin.rlib"), out = join(folder, `${name}.wasm`);
  const rustc = (words) => execFileSync("/usr/bin/rustc", ["--edition", "2021", "--target", "wasm32-unknown-unknown", "-C", "opt-level=3",
    "-C", "panic=abort", "-C", "overflow-checks=on", ...words], { stdio: ["ignore", "ignore", "inherit"] });
  rustc(["--crate-type", "rlib", "--crate-name", "chengxin", join(root, "sdk/contract/rust/src/lib.rs"), "-o", library]);
  rustc(["--crate-type", "cdylib", "-C", "lto", "-C", "strip=symbols", "-C", "link-arg=-zstack-size=131072", "--extern", `chengxin=${library}`,
    join(sample(name), "rust/contract.rs"), "-o", out]);
  return { abi: readFileSync(join(sample(name), "interface.abi"), "utf8"), bytecode: `0x${hex(readFileSync(out))}` };
}

// The clients generated for every contract are what their languages' compilers take, and the TypeScript one calls.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { Interface } from "ethers";
import typescript from "typescript";
import { buildSample, interfaceText } from "./build.js";
import { WasmChain } from "./host.js";

const build = process.env.CHENGXIN_BUILD ?? resolve(import.meta.dirname, "../../build");
const tool = join(build, "bin/contract_tool");
const names = ["notary", "token", "register", "approval", "escrow", "probe"];
const run = (command, words, options) => execFileSync(command, words, { encoding: "utf8", ...options });

// Writes the clients of all contracts; `file` names one within the folder of the target.
function generate(target, file) {
  return names.map((name) => {
    const path = join(build, "contracts", target, file(name));
    mkdirSync(resolve(path, ".."), { recursive: true });
    writeFileSync(path, run(tool, ["generate", target, name], { input: interfaceText(name) }));
    return path;
  });
}
const title = (name) => name[0].toUpperCase() + name.slice(1);

test("Go", () => {
  const folder = join(generate("go-client", (name) => `${name}/client.go`)[0], "../..");
  writeFileSync(join(folder, "go.mod"), "module clients\n\ngo 1.24\n");
  run("go", ["vet", "./..."], { cwd: folder, env: { ...process.env, GOWORK: "off" } });
});

test("Java", () => {
  run("javac", ["-Xlint:all", "-Werror", "-d", join(build, "contracts/java-classes"), ...generate("java-client", (name) => `${title(name)}.java`)]);
});

test("C++", () => {
  const all = join(build, "contracts/cpp-client/all.cpp");
  const headers = generate("cpp-client", (name) => `${name}.h`);
  const uses = names.map((name) => `template class ${name}_contract::${title(name)}<Backend>;`);
  writeFileSync(all, `${headers.map((path) => `#include "${path}"\n`).join("")}
struct Backend {
  int send(const char*, const nlohmann::json&) { return 0; }
  nlohmann::json query(const char*, const nlohmann::json&) { return {}; }
};
${uses.join("\n")}\n`);
  run("g++", ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", all]);
});

test("TypeScript", async () => {
  const files = generate("typescript-client", (name) => `${name}.ts`);
  const { ModuleKind, ScriptTarget } = typescript;
  const program = typescript.createProgram(files, { strict: true, noEmit: true, target: ScriptTarget.ES2022,
    module: ModuleKind.ESNext, types: [] });
  const complaints = typescript.getPreEmitDiagnostics(program).map(({ messageText, file }) =>
    `${file?.fileName}: ${typescript.flattenDiagnosticMessageText(messageText, "\n")}`);
  assert.deepEqual(complaints, []);

  const { outputText } = typescript.transpileModule(run(tool, ["generate", "typescript-client", "register"],
    { input: interfaceText("register") }), { compilerOptions: { target: ScriptTarget.ES2022, module: ModuleKind.ESNext } });
  const { Register } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
  const chain = new WasmChain(), caller = Buffer.alloc(20, 1);
  await chain.deploy(caller, "register", buildSample("register").rust, Buffer.alloc(0));
  // A backend as a program has it: the platform encodes and decodes.
  const abi = JSON.parse(run(tool, ["json"], { input: interfaceText("register") }));
  const platform = (question) => JSON.parse(run(tool, ["values"], { input: JSON.stringify(question) + "\n" })).value;
  const call = async (method, values) => {
    const fragment = new Interface(abi).getFunction(method);
    const entry = abi.find(({ name, type }) => type === "function" && name === fragment.name);
    const input = fragment.selector.slice(2) + platform({ inputs: entry.inputs, encode: values });
    const { ending, data } = await chain.call(caller, "register", Buffer.from(input, "hex"));
    assert.equal(ending, "returned", method);
    return platform({ inputs: entry.outputs, decode: data });
  };
  const register = new Register({ send: call, query: call });
  const digest = "0x" + "ab".repeat(32);
  assert.deepEqual(await register.publish("标准", digest, "here"), ["1"]);
  await register.publish("标准", digest, "there");
  assert.equal(await register.versions("标准"), 2n);
  const history = await register.history("标准", 1n, 10n);
  assert.deepEqual(history.map(({ number, location }) => [number, location]), [[1n, "here"], [2n, "there"]]);
});

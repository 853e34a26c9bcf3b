// What an author does on his own machine, as he does it: in folders outside of the tree, with the one binary.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const binary = join(process.env.CHENGXIN_BUILD ?? join(root, "build"), "bin/chengxin");
const solc = join(import.meta.dirname, "node_modules/solc");
const solhint = join(import.meta.dirname, "node_modules/solhint");
const languages = ["rust", "go", "solidity"];
const source = { rust: "contract.rs", go: "contract.go", solidity: "Counter.sol" };
const unreached = {
  rust: [["Contract::value"], 4], go: [["Contract.Value"], 5],
  solidity: [[10, 11, 24, 25, 26].map((line) => `Counter.sol:${line}`), 8],
};

const work = mkdtempSync(join(tmpdir(), "chengxin-projects-"));
after(() => rmSync(work, { recursive: true }));

function chengxin(folder, ...words) {
  return within(folder, {}, words);
}
function within(folder, environment, words) {
  const ran = spawnSync(binary, ["contract", ...words], { cwd: folder, encoding: "utf8", env: { ...process.env, CHENGXIN_SOLC: solc, CHENGXIN_SOLHINT: solhint, ...environment } });
  return { code: ran.status, said: ran.stdout + ran.stderr, out: ran.stdout };
}
function well(ran) {
  assert.equal(ran.code, 0, ran.said);
  return ran;
}
const json = (folder, ...words) => JSON.parse(well(chengxin(folder, "--json", ...words)).out);

function folderFor(name) {
  const folder = join(work, name);
  mkdirSync(folder);
  return folder;
}

for (const language of languages) {
  test(`${language}: new, test, build, and the same bytes elsewhere at another time`, () => {
    const folder = folderFor(language);
    well(chengxin(folder, "new", "--lang", language, "counter"));
    const project = join(folder, "counter");
    const tested = json(project, "test", "--junit", "results.xml");
    assert.equal(tested.failed, 0);
    assert.ok(tested.scenarios.length >= 4);
    const { functions, errors, events } = tested.contracts.counter.coverage;
    assert.deepEqual([functions.missed, errors.missed, events.missed], [[], [], []]);
    assert.ok(tested.contracts.counter.functions["add(uint64)"].min > 0);
    assert.match(readFileSync(join(project, "results.xml"), "utf8"), /<testsuite name="counter\.\w+" tests="\d+" failures="0">/);

    const { code } = json(project, "test", "--coverage", "--only", "nobody").contracts.counter.coverage;
    assert.deepEqual([code.missed, code.of], unreached[language]);  // what adds is behind the refusals

    const built = json(project, "build");
    const elsewhere = join(folderFor(`${language}-elsewhere`), "deeper");
    cpSync(project, elsewhere, { recursive: true });
    for (const file of readdirSync(elsewhere)) utimesSync(join(elsewhere, file), 1, 1);
    const again = json(elsewhere, "build");
    assert.deepEqual([again.digest, again.source], [built.digest, built.source]);
    assert.ok(json(project, "build", "--check", "build/counter.cxc").same_code);

    appendFileSync(join(project, source[language]), "\n");
    assert.notEqual(json(project, "build").source, built.source);
    cpSync(join(elsewhere, "build/counter.cxc"), join(project, "build/counter.cxc"));
    assert.match(chengxin(project, "build", "--check", "build/counter.cxc").said, /project\.source_digest/);
  });

  test(`${language}: what fails says where, and ends with 1`, () => {
    const folder = folderFor(`${language}-fails`);
    well(chengxin(folder, "new", "--lang", language, "counter"));
    const project = join(folder, "counter"), file = join(project, "scenarios/counter.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace("returns: 42", "returns: 43").replace("value: 42}", "value: 42, amount: 3}")
      .replace("amount: 2, ", ""));
    const ran = chengxin(project, "test", "--junit", "results.xml");
    assert.equal(ran.code, 1, ran.said);
    assert.match(ran.said, /counter\.yaml:\d+ counter\.add returns: .*expected 43.*was 42/);
    assert.match(ran.said, /counter\.yaml:\d+ counter\.add Added\.amount: .*expected 3.*was 2/);
    assert.match(ran.said, /3 passed, 1 failed/);
    assert.match(readFileSync(join(project, "results.xml"), "utf8"), /<failure message=/);
    appendFileSync(join(project, source[language]), "\n this is no source\n");
    const broken = chengxin(project, "build");
    assert.equal(broken.code, 2, broken.said);
    assert.match(broken.said, new RegExp(`project\\.compile[^]*${source[language]}`));
  });

  test(`${language}: without its toolchain`, () => {
    const folder = folderFor(`${language}-bare`);
    well(chengxin(folder, "new", "--lang", language, "counter"));
    const ran = within(join(folder, "counter"), { PATH: folder, CHENGXIN_RUSTC: "/nowhere/rustc", CHENGXIN_SOLC: solc }, ["build"]);
    assert.equal(ran.code, 3, ran.said);
    assert.match(ran.said, { rust: /apt-get install rustc libstd-rust-dev-wasm32 lld-14/, go: /Go 1\.24/, solidity: /Node\.js 20/ }[language]);
  });
}

test("a package that other code was built into is found out", () => {
  const folder = folderFor("forged");
  well(chengxin(folder, "new", "--lang", "rust", "counter"));
  const project = join(folder, "counter"), file = join(project, "build/counter.cxc");
  well(chengxin(project, "build"));
  const bytes = readFileSync(file);
  const at = bytes.indexOf("nothing to add");
  assert.ok(at > 0);
  bytes[at] ^= 1;
  writeFileSync(file, bytes);
  const ran = chengxin(project, "build", "--check", "build/counter.cxc");
  assert.equal(ran.code, 1, ran.said);
  assert.match(ran.said, /not reproducible/);
});

test("bad patterns, each with its key and line", () => {
  const bad = {
    rust: ["pub fn ratio() -> f64 { unsafe { 0.5 } }", ["lint.rust.float", "lint.rust.unsafe"], 0],
    go: ["func all(m map[string]int) (out []string) {\n\tgo func() {}()\n\tfor k := range m {\n\t\tout = append(out, k)\n\t}\n\treturn\n}",
      ["lint.go.goroutine", "lint.go.map_order"], 1],
    solidity: ["contract Other { function f(address a) external { require(tx.origin == a); (bool ok, ) = a.delegatecall(''); require(ok); } }",
      ["lint.solidity.tx_origin", "lint.solidity.delegatecall"], 1],
  };
  for (const language of languages) {
    const folder = folderFor(`lint-${language}`);
    well(chengxin(folder, "new", "--lang", language, "counter"));
    const project = join(folder, "counter"), file = join(project, source[language]);
    assert.deepEqual(json(project, "lint").findings.filter(({ tool, severe }) => severe || tool === "patterns"), [], language);
    const lines = readFileSync(file, "utf8").split("\n").length;
    appendFileSync(file, bad[language][0] + "\n");
    const ran = chengxin(project, "--json", "lint");
    assert.equal(ran.code, bad[language][2], ran.said);
    const found = JSON.parse(ran.out).findings.filter(({ tool }) => tool === "patterns");
    assert.deepEqual([...new Set(found.map(({ reason }) => reason))].sort(), bad[language][1].slice().sort());
    assert.ok(found.every(({ line }) => line >= lines));
    const sarif = JSON.parse(readFileSync(join(project, "build/lint.sarif"), "utf8"));
    assert.ok(sarif.runs[0].results.some(({ ruleId }) => ruleId === bad[language][1][0]));
  }
});

test("solhint judges what is written in Solidity, by its recommended rules or by the project's own", () => {
  const folder = folderFor("solhint");
  well(chengxin(folder, "new", "--lang", "solidity", "counter"));
  const project = join(folder, "counter"), file = join(project, source.solidity);
  const clean = json(project, "lint");
  assert.deepEqual([clean.missing, clean.ran.includes("solhint")], [[], true]);
  assert.deepEqual(clean.findings.filter(({ tool }) => tool === "solhint"), []);
  const lines = readFileSync(file, "utf8").split("\n").length;
  appendFileSync(file, "contract Other { function f(address a) external view { require(tx.origin == a, \"no\"); } }\n");
  const found = (ran) => JSON.parse(ran.out).findings.filter(({ tool }) => tool === "solhint");
  const judged = found(chengxin(project, "--json", "lint")).find(({ reason }) => reason === "solhint.avoid-tx-origin");
  assert.deepEqual([judged.file, judged.line], [source.solidity, lines]);
  writeFileSync(join(project, ".solhint.json"), JSON.stringify({ rules: { "one-contract-per-file": "error" } }));
  const strict = chengxin(project, "--json", "lint");
  assert.deepEqual([strict.code, [...new Set(found(strict).map(({ reason }) => reason))]], [1, ["solhint.one-contract-per-file"]]);
  const without = JSON.parse(within(project, { CHENGXIN_SOLHINT: undefined }, ["--json", "lint"]).out);
  assert.deepEqual(without.missing, ["solhint: npm install --save-dev solhint"]);
});

test("an interface: clients and canonical JSON, from a project and from its package", () => {
  const folder = folderFor("abi");
  well(chengxin(folder, "new", "--lang", "go", "counter"));
  const project = join(folder, "counter");
  well(chengxin(project, "build"));
  const told = well(chengxin(project, "abi")).out;
  assert.equal(well(chengxin(work, "abi", "--of", join(project, "build/counter.cxc"))).out, told);
  assert.ok(JSON.parse(told).some(({ name }) => name === "add"));
  for (const target of ["typescript-client", "go-client", "java-client", "cpp-client", "rust-caller", "go-caller"])
    assert.match(well(chengxin(project, "generate", target)).out, /add/i);
  assert.match(chengxin(project, "generate", "cobol").said, /contract\.generate\.target/);
  assert.match(chengxin(project, "new", "--lang", "cobol", "x").said, /project\.language/);
  assert.match(chengxin(folder, "new", "--lang", "go", "counter").said, /project\.exists/);
  assert.match(chengxin(folder, "new", "--lang", "go", "../x").said, /contract\.name/);
  assert.match(chengxin(folder, "test").said, /project\.missing/);
});

// One text for three implementations: that all pass it means that their results are equal.
for (const sample of ["notary", "token", "register", "approval", "escrow"])
  for (const language of languages)
    test(`${sample} in ${language}`, () => {
      const place = join(root, "samples/contracts", sample, language);
      const tested = json(place, "test");
      assert.equal(tested.failed, 0);
      const { functions, errors, events } = tested.contracts[sample].coverage;
      assert.deepEqual([functions.missed, errors.missed, events.missed], [[], [], []]);
    });

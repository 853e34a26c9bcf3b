// The platform's ABI against ethers' AbiCoder: random types and values, both ways; what is bent must be refused unless
// ethers reads and writes it back to the same bytes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { AbiCoder, Interface, ParamType } from "ethers";

const tool = join(process.env.CHENGXIN_BUILD ?? resolve(import.meta.dirname, "../../build"), "bin/contract_tool");
const coder = AbiCoder.defaultAbiCoder();
const seed = Number(process.env.SEED ?? Date.now() % 1e9);
let state = (seed >>> 0) || 1;
function random(below) {  // xorshift
  state ^= state << 13, state >>>= 0, state ^= state >>> 17, state ^= state << 5, state >>>= 0;
  return state % below;
}
const bytes = (length) => "0x" + Array.from({ length }, () => random(256).toString(16).padStart(2, "0")).join("");
const list = (length, make) => Array.from({ length }, (_, i) => make(i));

function randomType(depth, name = "") {
  const kind = random(depth > 0 ? 10 : 7);
  if (kind === 7) return array(randomType(depth - 1), "[]", name);
  if (kind === 8) return array(randomType(depth - 1), `[${1 + random(3)}]`, name);
  if (kind === 9) return { name, type: "tuple", components: list(1 + random(4), (i) => randomType(depth - 1, random(2) ? `m${i}` : "")) };
  const type = [`uint${8 * (1 + random(32))}`, `int${8 * (1 + random(32))}`, "address", "bool", "string", "bytes", `bytes${1 + random(32)}`][kind];
  return { name, type };
}
const array = (element, suffix, name) => ({ ...element, name, type: element.type + suffix });

function randomValue({ type, components }) {
  const suffix = /^(.*)\[(\d*)\]$/.exec(type);
  if (suffix) return list(suffix[2] ? Number(suffix[2]) : random(4), () => randomValue({ type: suffix[1], components }));
  if (type === "tuple") {
    const values = components.map(randomValue);
    if (!components.every(({ name }) => name)) return values;
    return Object.fromEntries(components.map(({ name }, i) => [name, values[i]]));
  }
  const number = /^(u?int)(\d+)$/.exec(type);
  if (number) {
    const size = Number(number[2]), value = BigInt(random(3) ? bytes(size / 8) : random(2) ? "0x" + "ff".repeat(size / 8) : 0);
    return (number[1] === "uint" ? value : BigInt.asIntN(size, value)).toString();
  }
  if (type === "bool") return random(2) === 1;
  if (type === "string") return "城信 é\u{1F980} text".repeat(random(6)).slice(random(3));
  return bytes(type === "address" ? 20 : type === "bytes" ? random(80) : Number(type.slice(5)));
}

// What ethers gives, as our JSON.
function plain(value, { type, components }) {
  const suffix = /^(.*)\[(\d*)\]$/.exec(type);
  if (suffix) return [...value].map((item) => plain(item, { type: suffix[1], components }));
  if (type === "tuple") {
    const values = components.map((component, i) => plain(value[i], component));
    if (!components.every(({ name }) => name)) return values;
    return Object.fromEntries(components.map(({ name }, i) => [name, values[i]]));
  }
  if (typeof value === "bigint") return value.toString();
  return type === "address" ? value.toLowerCase() : value;
}

function ask(questions) {
  const lines = execFileSync(tool, ["values"], { input: questions.map((question) => JSON.stringify(question)).join("\n") + "\n",
    maxBuffer: 1 << 28 }).toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}

const cases = list(3000, () => {
  const inputs = list(random(5), (i) => randomType(3, `p${i}`));
  const values = inputs.map(randomValue);
  const types = inputs.map((input) => ParamType.from(input));
  return { inputs, values, types, encoded: coder.encode(types, values).slice(2) };
});

test(`encodes and decodes as ethers does (SEED=${seed})`, () => {
  const encoded = ask(cases.map(({ inputs, values }) => ({ inputs, encode: values })));
  const decoded = ask(cases.map(({ inputs, encoded: hex }) => ({ inputs, decode: hex })));
  cases.forEach(({ inputs, values, encoded: expected }, i) => {
    const what = JSON.stringify({ inputs, values });
    assert.equal(encoded[i].value, expected, `${encoded[i].reason} ${what}`);
    assert.deepEqual(decoded[i].value, values, `${decoded[i].reason} ${what}`);
  });
});

test(`what is bent is refused, or is another canonical encoding (SEED=${seed})`, () => {
  const bent = cases.filter(({ encoded }) => encoded.length).map((one) => {
    const copy = Buffer.from(one.encoded, "hex");
    const how = random(4);
    if (how === 0) return { ...one, bytes: copy.subarray(0, random(copy.length)) };
    if (how === 1) return { ...one, bytes: Buffer.concat([copy, Buffer.alloc(1 + random(64))]) };
    copy[random(copy.length)] ^= 1 << random(8);
    return { ...one, bytes: copy };
  });
  const answers = ask(bent.map(({ inputs, bytes: hex }) => ({ inputs, decode: hex.toString("hex") })));
  let refused = 0;
  bent.forEach(({ inputs, types, bytes: given }, i) => {
    const what = `${JSON.stringify(inputs)} ${given.toString("hex")}`;
    let theirs;
    try {
      const values = coder.decode(types, given).toArray(true);
      if (coder.encode(types, values) === "0x" + given.toString("hex")) theirs = values.map((value, j) => plain(value, inputs[j]));
    } catch {}  // ethers refuses it
    if (theirs === undefined) refused += 1;
    assert.deepEqual(answers[i].value, theirs, `${answers[i].reason} ${what}`);
    if (theirs === undefined) assert.match(answers[i].reason, /^contract\.abi\.(padding|offset|length|trailing|utf8)$/);
  });
  assert.ok(refused > bent.length / 3);
});

test("an interface's text is what ethers makes of the same lines", () => {
  const text = `
    function transfer(address to, uint256 amount) returns (bool)
    function many(uint[] memory a, int8[2][] calldata b, (uint8 x, string y)[3] c) external view returns (bytes32, tuple(bool z))
    event Transfer(address indexed from, address indexed to, uint256 value)
    error Short(uint256 have, uint256 need)
    constructor(address payable owner, uint supply)`;
  const ours = new Interface(execFileSync(tool, ["json"], { input: text }).toString());
  const theirs = new Interface(text.trim().split("\n"));
  const parameters = (all) => (all ?? []).map((one) => `${one.format("full")} ${one.indexed === true}`);
  const lines = (abi) => abi.fragments.map(({ type, name, stateMutability, inputs, outputs }) =>
    `${type} ${name} (${parameters(inputs)}) ${stateMutability} (${parameters(outputs)})`).sort();
  assert.deepEqual(lines(ours), lines(theirs));
});

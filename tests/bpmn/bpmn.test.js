// Processes of packs and the readers, writers and builders that modellers are made of: bpmn-moddle (bpmn.io), and in Java
// those of Camunda, which holds each file to the schema of BPMN 2.0, and of Flowable.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import BpmnModdle from "bpmn-moddle";

const root = resolve(import.meta.dirname, "../..");
const build = process.env.CHENGXIN_BUILD ?? join(root, "build");
const binary = join(build, "bin/chengxin");
const jars = join(build, "bpmn-peers/jars"), classes = join(build, "bpmn-peers/classes");
const peers = ["camunda", "flowable", "moddle"];

const work = mkdtempSync(join(tmpdir(), "chengxin-bpmn-"));
after(() => rmSync(work, { recursive: true }));
const files = join(work, "files"), saved = join(work, "saved");
const direct = new Map();  // of each file of ours: the process that it comes back as

function run(command, words, environment = {}) {
  const ran = spawnSync(command, words, { encoding: "utf8", cwd: import.meta.dirname, env: { ...process.env, ...environment } });
  assert.equal(ran.status, 0, `${command} ${words.join(" ")}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}
const chengxin = (...words) => JSON.parse(run(binary, ["--json", "pack", ...words]));
const java = (...words) => run("java", ["-cp", `${classes}:${jars}/*`, "Peers", ...words]);

function pack(name) {
  const folder = join(work, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "pack.yaml"), "pack: scratch\nversion: 1.0.0\ntitle: 试\nengine: '>=1.0'\n");
  return folder;
}
function imported(file, into, ...words) {
  const told = chengxin("bpmn", "import", file, "--into", into, "--replace", ...words);
  return { ...told, yaml: readFileSync(told.file, "utf8") };
}
async function resaved(file) {
  const moddle = new BpmnModdle();
  const { rootElement, warnings } = await moddle.fromXML(readFileSync(file, "utf8"));
  assert.deepEqual(warnings, []);
  return { rootElement, xml: (await moddle.toXML(rootElement, { format: true })).xml };
}

before(async () => {
  for (const folder of [files, classes]) mkdirSync(folder, { recursive: true });
  if (!existsSync(jars)) {
    rmSync(`${jars}.new`, { recursive: true, force: true });
    run("mvn", ["-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies", `-DoutputDirectory=${jars}.new`]);
    renameSync(`${jars}.new`, jars);
  }
  run("javac", ["-Xlint:all", "-Werror", "-cp", `${jars}/*`, "-d", classes, "Peers.java"]);
  chengxin("bpmn", "export", join(root, "packs/sampler"), "--out", files);
  run(join(build, "bin/pack_test"), ["--gtest_filter=Bpmn.AnyProcessComesBackEqual"], { CHENGXIN_BPMN: files });
  java("resave", files, saved);
  const into = pack("direct");
  for (const name of readdirSync(files)) direct.set(name, imported(join(files, name), into).yaml);
  mkdirSync(join(saved, "moddle"));
  for (const name of readdirSync(files)) writeFileSync(join(saved, "moddle", name), (await resaved(join(files, name))).xml);
});

test("every peer reads the sampler's process, with its drawing", async () => {
  const { rootElement } = await resaved(join(files, "transfer.bpmn"));
  const [transfer] = rootElement.rootElements.filter((each) => each.$type === "bpmn:Process");
  const kinds = {};
  for (const { $type } of transfer.flowElements) kinds[$type] = (kinds[$type] ?? 0) + 1;
  assert.deepEqual(kinds, {
    "bpmn:StartEvent": 1, "bpmn:EndEvent": 3, "bpmn:UserTask": 7, "bpmn:BusinessRuleTask": 1, "bpmn:ExclusiveGateway": 3,
    "bpmn:ParallelGateway": 2, "bpmn:BoundaryEvent": 2, "bpmn:IntermediateCatchEvent": 1,
    "bpmn:SequenceFlow": transfer.flowElements.filter((each) => each.$type === "bpmn:SequenceFlow").length,
  });
  const drawn = rootElement.diagrams[0].plane.planeElement;
  assert.deepEqual(drawn.map((each) => each.bpmnElement.id).sort(), transfer.flowElements.map(({ id }) => id).sort());
  const boxes = drawn.filter((each) => each.bounds && each.bpmnElement.$type !== "bpmn:BoundaryEvent").map(({ bounds }) => bounds);
  for (const a of boxes)
    for (const b of boxes)
      assert.ok(a === b || a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y,
        `${a.$parent.id} lies on ${b.$parent.id}`);
  for (const peer of peers) assert.equal(readdirSync(join(saved, peer)).length, readdirSync(files).length);
});

for (const peer of peers)
  test(`what ${peer} saves comes back as the same processes`, () => {
    const into = pack(`back-${peer}`);
    for (const [name, yaml] of direct) {
      const back = imported(join(saved, peer, name), into);
      assert.deepEqual([back.renamed, back.left_out], [[], []]);
      assert.equal(back.yaml, yaml, name);
    }
    const sampler = join(work, `sampler-${peer}`);
    cpSync(join(root, "packs/sampler"), sampler, { recursive: true });
    imported(join(saved, peer, "transfer.bpmn"), sampler);
    assert.deepEqual(chengxin("diff", join(root, "packs/sampler"), sampler).changes, []);
    assert.equal(chengxin("check", sampler).total, 0);
  });

test("files of the peers' own builders open", async () => {
  java("build", work);
  const into = pack("built");
  const order = imported(join(work, "camunda.bpmn"), into, "--for", "purchase");
  assert.equal(order.yaml, `process: purchase_order
title: 采购
for: purchase
start: [clerk]
steps:
  write: {zh: 填写, by: starter, form: order_form}
  sum: {zh: 按金额, decide: by_sum, to: {large: sign, small: cool}}
  sign: {zh: 会签, all_of: [head, finance], within: 2 days}
  cool: {zh: 冷静期, wait: 24 hours}
`);
  assert.deepEqual([order.renamed, order.left_out], [["purchaseOrder → purchase_order"], ["process purchaseOrder: historyTimeToLive"]]);
  const hire = imported(join(work, "flowable.bpmn"), into, "--for", "person", "--start", "clerk", "head");
  assert.equal(hire.yaml, `process: hire_staff
title: 录用
for: person
start: [clerk, head]
steps:
  fork: {zh: 分头审查, fork: [health_check, papers], join: offer}
  health_check: {zh: 体检, by: clinic, within: 36 hours, to: offer}
  papers: {zh: 查档, in_turn: [archive, police]}
  offer: {zh: 发函, by: starter}
`);

  const moddle = new BpmnModdle();
  const make = (type, more) => moddle.create(`bpmn:${type}`, more);
  const camunda = "http://camunda.org/schema/1.0/bpmn";
  const begin = make("StartEvent", { id: "StartEvent_1" }), end = make("EndEvent", { id: "Event_0x" });
  const task = make("UserTask", { id: "Activity_1s8", name: "受理" });
  task.$attrs["camunda:candidateGroups"] = "window";
  const flows = [[begin, task], [task, end]].map(([sourceRef, targetRef], i) => make("SequenceFlow", { id: `Flow_${i}`, sourceRef, targetRef }));
  const accepting = make("Process", { id: "accepting", name: "受理", isExecutable: true, flowElements: [begin, task, end, ...flows] });
  const definitions = make("Definitions", { targetNamespace: "http://bpmn.io/schema/bpmn", rootElements: [accepting] });
  definitions.$attrs["xmlns:camunda"] = camunda;
  const { xml } = await moddle.toXML(definitions);
  writeFileSync(join(work, "moddle.bpmn"), xml);
  const one = imported(join(work, "moddle.bpmn"), into, "--for", "case", "--start", "anyone");
  assert.equal(one.yaml, "process: accepting\ntitle: 受理\nfor: case\nstart: [anyone]\nsteps:\n  activity_1s8: {zh: 受理, by: window}\n");
});

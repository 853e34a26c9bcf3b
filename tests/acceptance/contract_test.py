#!/usr/bin/env python3
"""Contracts as their users have them: written in Rust, Go or Solidity, built, proposed, approved, deployed, called, asked, upgraded,
frozen, retired; over the command line and over REST, and by the organisations of a consortium."""
import base64
import json
import pathlib
import shutil
import subprocess
import sys

import cluster
import support

SAMPLES = support.ROOT / "samples/contracts"
DIGEST = "0x" + "17" * 32

METER_INTERFACE = """
constructor(uint64 first)
/// Counts on.
function add(uint64 by) returns (uint64 now)
function value() view returns (uint64)
event Added(address indexed who, uint64 by)
error TooMuch(uint64 by)
"""
METER = """
mod interface;
use chengxin::{context, Value};
use interface::{errors, events, Interface};
const VALUE: Value<u64> = Value::new("value");
pub struct Contract;
impl Interface for Contract {
    fn construct(first: u64) {
        %(construct)s
    }
    fn add(by: u64) -> u64 {
        if by > %(most)d { errors::TooMuch { by }.revert(); }
        let now = VALUE.get().unwrap_or(0) + by;
        VALUE.put(&now);
        events::Added { who: context::caller(), by }.emit();
        now
    }
    fn value() -> u64 { VALUE.get().unwrap_or(0) }
}
"""
FIRST = "VALUE.put(&first);"
# An upgrade that is ten times as fine; it refuses a state that it does not expect.
TENFOLD = "let now = VALUE.get().unwrap_or(0); if now != first { errors::TooMuch { by: now }.revert(); } VALUE.put(&(now * 10));"


def write_project(folder, name, language, files):
    folder.mkdir()
    (folder / "contract.yaml").write_text(f"name: {name}\nlanguage: {language}\n", encoding="utf-8")
    for path, content in files.items():
        (folder / path).write_text(content, encoding="utf-8")
    return folder


def meter(folder, construct=FIRST, most=100):
    return write_project(folder, "meter", "rust", {"interface.abi": METER_INTERFACE, "contract.rs": METER % {"construct": construct, "most": most}})


def sample(folder, name, language):
    """A sample as a project of its author's."""
    shutil.copytree(SAMPLES / name, folder)
    if language == "solidity":  # solc, as npm brings it
        (folder / "solidity/node_modules").symlink_to(support.ROOT / "tests/contracts/node_modules")
    return folder / language


def build(folder):
    done = support.command(["--json", "contract", "build", "--project", folder], timeout=300)
    if done.code != 0:
        raise AssertionError(done)
    return folder


def package(folder):
    return next((folder / "build").glob("*.cxc"))


class Contracts(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = build(meter(cls.base / "meter"))

    def contract(self, *words, code=0):
        return self.cli("contract", *words, code=code)

    def reason(self, *words, code):
        return self.contract(*words, code=code)["error"]["reason"]

    def deploy(self, name, folder, *words):
        done = self.contract("deploy", name, folder, *words)
        self.assertEqual(done["state"], "active", done)
        return done

    def test_from_a_proposal_to_retirement(self):
        proposed = self.contract("propose", "life", self.meter)
        self.assertEqual((proposed["version"], proposed["version_state"]), (1, "proposed"))
        with self.subTest("what is not approved is refused"):
            self.assertEqual(self.reason("deploy", "life", "--args", '["7"]', code=6), "contract.not_approved")
            self.assertEqual(self.reason("call", "life", "add", "--args", "[1]", code=6), "contract.not_deployed")
        self.assertEqual(self.contract("approve", "life", "--version", "1")["version_state"], "approved")
        self.assertEqual(self.contract("deploy", "life", "--args", '{"first":"7"}')["state"], "active")
        called = self.contract("call", "life", "add", "--args", '{"by":"5"}')
        self.assertEqual((called["result"], called["events"][0]["name"], called["events"][0]["arguments"]["by"]), ("12", "Added", "5"))
        self.assertGreater(called["gas"], 0)
        self.assertEqual(self.contract("query", "life", "value")["result"], "12")
        with self.subTest("the contract's own error is told by its name"):
            answer = self.contract("call", "life", "add", "--args", '["101"]', code=6)["error"]
            self.assertEqual((answer["reason"], answer["detail"]), ("contract.reverted", "TooMuch(by: 101)"))
        with self.subTest("a dry run leaves nothing"):
            self.assertEqual(self.contract("call", "life", "add", "--args", '["9"]', "--dry-run")["result"], "21")
            self.assertEqual(self.contract("query", "life", "value")["result"], "12")
        with self.subTest("frozen: not called, for a reason, and read"):
            self.assertEqual(self.contract("freeze", "life", "--why", "审计 audit")["state"], "frozen")
            self.assertEqual(self.reason("call", "life", "add", "--args", '["1"]', code=6), "contract.frozen")
            self.assertEqual(self.contract("query", "life", "value")["result"], "12")
            self.assertEqual(self.contract("show", "life")["why"], "审计 audit")
        self.contract("unfreeze", "life")
        self.assertEqual(self.contract("call", "life", "add", "--args", '["1"]')["result"], "13")
        self.contract("retire", "life", "--why", "done")
        self.assertEqual(self.reason("call", "life", "add", "--args", '["1"]', code=6), "contract.retired")
        self.assertEqual(self.reason("unfreeze", "life", code=6), "contract.state_retired")
        cluster.wait_until("the history", lambda: len(self.contract("history", "life")["items"]) == 6)
        events = [each["event"] for each in self.contract("history", "life")["items"]]
        self.assertEqual(events, ["retired", "unfrozen", "frozen", "deployed", "approved", "proposed"])

    def test_an_upgrade_carries_the_state_over_or_does_nothing(self):
        self.deploy("grown", self.meter, "--args", '["4"]')
        finer = build(meter(self.folder() / "meter", TENFOLD, 1000))
        with self.subTest("a migration that fails leaves version and state"):
            answer = self.contract("upgrade", "grown", finer, "--args", '["99"]', code=6)["error"]
            self.assertEqual((answer["reason"], answer["detail"]), ("contract.reverted", "TooMuch(by: 4)"))
            self.assertEqual(self.contract("query", "grown", "value")["result"], "4")
            self.assertEqual(self.contract("show", "grown")["current"], 1)
        self.assertEqual(self.contract("deploy", "grown", "--version", "2", "--args", '["4"]')["version"], 2)
        self.assertEqual(self.contract("query", "grown", "value")["result"], "40")
        self.assertEqual(self.contract("call", "grown", "add", "--args", '["500"]')["result"], "540")
        one = self.contract("show", "grown")
        self.assertEqual([(each["version"], each["state"]) for each in one["versions"]], [(2, "deployed"), (1, "superseded")])

    def test_where_a_package_comes_from_and_goes_to(self):
        """Source digest, toolchain and package stand on the chain; the package comes out as it went in, and is deployed under another name."""
        self.deploy("known", self.meter, "--args", '["1"]')
        version = self.contract("show", "known")["versions"][0]
        self.assertRegex(version["source"], "^[0-9a-f]{64}$")
        self.assertIn("rust", version["toolchain"])
        out = self.folder() / "known.cxc"
        self.contract("export", "known", "--out", out)
        self.assertEqual(out.read_bytes(), package(self.meter).read_bytes())
        self.deploy("again", out, "--args", '["3"]')
        self.assertEqual(self.contract("query", "again", "value")["result"], "3")
        self.assertTrue({"known", "again"} <= {each["name"] for each in self.contract("list")["items"]})

    def test_the_same_sample_in_three_languages_gives_the_same(self):
        told = []
        for language in ("rust", "go", "solidity"):
            name = f"notary-{language}"
            self.deploy(name, build(sample(self.base / name, "notary", language)))
            recorded = self.contract("call", name, "record", "--args", json.dumps({"digest": DIGEST, "note": "合同"}))
            self.assertEqual(recorded["events"][0]["arguments"]["note"], "合同")
            twice = self.contract("call", name, "record", "--args", json.dumps([DIGEST, "again"]), code=6)["error"]
            self.assertIn("AlreadyRecorded", twice["detail"])
            found = self.contract("query", name, "find", "--args", json.dumps([DIGEST]))["result"]
            missing = self.contract("query", name, "find", "--args", json.dumps(["0x" + "00" * 32]), code=6)["error"]
            told.append((found["owner"], found["note"], self.contract("query", name, "count")["result"], missing["reason"]))
        self.assertEqual(len(set(told)), 1, told)

    def test_hostile_packages_are_refused_when_they_are_proposed(self):
        whole = package(self.meter).read_bytes()
        folder = self.folder()
        (folder / "cut.cxc").write_bytes(whole[:-1])
        self.assertEqual(self.reason("propose", "bad", folder / "cut.cxc", code=2), "format.contract_package")
        at = whole.index(b"\0asm")
        (folder / "bent.cxc").write_bytes(whole[:at + 4] + b"\x09" + whole[at + 5:])
        self.assertTrue(self.reason("propose", "bad", folder / "bent.cxc", code=2).startswith("contract.scan."))
        bent = whole.replace(b"chengxin_call", b"chengxin_cawl")
        (folder / "export.cxc").write_bytes(bent)
        self.assertEqual(self.reason("propose", "bad", folder / "export.cxc", code=2), "contract.scan.export")
        self.assertEqual(self.reason("show", "bad", code=4), "contract.unknown")

    def test_over_rest_as_any_other_interface(self):
        self.deploy("served", self.meter, "--args", '["1"]')
        base = "/api/v1/chains/default/contracts/served"
        document = self.platform.get(base + "/openapi.json")
        file = self.base / "served.openapi.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        judge = subprocess.run([support.ROOT / "sdk/js/node_modules/.bin/validate-api", file], capture_output=True, text=True, timeout=60,
                               check=False)
        self.assertEqual(judge.returncode, 0, judge.stdout + judge.stderr)
        self.assertEqual(set(document["paths"]), {base + "/call/add", base + "/query/value"})
        self.assertEqual(document["paths"][base + "/call/add"]["post"]["summary"], "Counts on.")
        for _ in range(2):  # the second time its stored answer
            answer = self.platform.post(base + "/call/add", {"by": "5"}, headers={"Idempotency-Key": "five"})
            self.assertEqual(answer["result"], "6")
        self.assertEqual(self.platform.post(base + "/query/value", [])["result"], "6")
        self.assertEqual(self.platform.get(base + "/query/value")["values"], ["6"])
        refused = self.platform.request("POST", base + "/call/add", {"by": "1000"})
        self.refused(refused, 409, "contract.reverted")
        self.assertEqual(refused[2]["error"], {"name": "TooMuch", "arguments": {"by": "1000"}})
        self.refused(self.platform.request("POST", base + "/call/add", {"by": -1}), 400, "contract.abi.value")
        self.refused(self.platform.request("POST", base + "/call/none", []), 404, "contract.unknown_method")
        with self.subTest("a colleague's credential calls, and does not govern"):
            token = self.platform.post("/api/v1/tokens", {"name": "colleague"})["token"]
            self.assertEqual(self.platform.request("POST", base + "/query/value", [], token=token)[0], 200)
            self.refused(self.platform.request("POST", base + "/freeze", {}, token=token), 403, "auth.owner_only")
            raw = base64.b64encode(package(self.meter).read_bytes()).decode()
            self.refused(self.platform.request("POST", "/api/v1/chains/default/contracts", {"name": "x", "package": raw}, token=token),
                         403, "auth.owner_only")

        def counted():
            figures = self.platform.get(base + "/figures")
            return (figures["calls"], figures["failed"], figures["callers"]) == (2, 1, 1) and figures["gas"] > 0

        cluster.wait_until("the figures", counted)

    def test_who_may_do_what_is_policy_data(self):
        platform = self.start(self.base / "governed")
        policy = platform.cli("contract", "policy").json
        self.assertEqual((policy["call"], policy["approvals"]), (["*"], 0))
        file = self.base / "policy.json"

        def told(**changes):
            file.write_text(json.dumps({**policy, **changes}), encoding="utf-8")
            return platform.cli("contract", "policy", "--set", file)

        self.assertEqual(told(freeze=[]).code, 2)
        self.assertEqual(told(calls={"shut": ["auditor"]}, freeze=["auditor"], quota_gas=50_000_000).code, 0)
        self.assertEqual(platform.cli("contract", "policy").json["calls"], {"shut": ["auditor"]})
        for name in ("open", "shut"):
            self.assertEqual(platform.cli("contract", "deploy", name, str(self.meter), "--args", '["1"]').code, 0)
        self.assertEqual(platform.cli("contract", "call", "open", "add", "--args", '["1"]').json["result"], "2")
        self.assertEqual(platform.cli("contract", "call", "shut", "add", "--args", '["1"]').json["error"]["reason"], "contract.forbidden")
        self.assertEqual(platform.cli("contract", "query", "shut", "value").json["result"], "1")
        self.assertEqual(platform.cli("contract", "freeze", "open").json["error"]["reason"], "contract.forbidden")

    def test_they_outlive_the_process_and_their_chain_is_verified(self):
        platform = self.start(self.base / "kept")
        done = platform.cli("contract", "deploy", "kept", str(self.meter), "--args", '["8"]')
        self.assertEqual(done.code, 0, done)
        platform.stop()
        verified = support.command(["--json", "chain", "verify", "default"], self.base / "kept")
        self.assertEqual(verified.code, 0, verified)
        again = self.start(self.base / "kept")
        self.assertEqual(again.cli("contract", "query", "kept", "value").json["result"], "8")


class Governed(cluster.Four):
    """On a chain of four organisations a version needs the approvals that a vote needs."""

    def test_organisations_approve(self):
        folder = build(meter(pathlib.Path(self.base) / "meter"))
        one, two, three = self.nodes[:3]
        begun = one.cli("contract", "deploy", "shared", folder, "--chain", "home", "--args", '["1"]', code=10)
        self.assertEqual((begun["approvals"], begun["deployed"]), (1, False))
        for node in (two, three):
            if one.cli("contract", "show", "shared", "--chain", "home")["versions"][0]["state"] == "approved":
                break
            cluster.wait_until("the proposal there", lambda: node.height("home") >= one.height("home"))
            node.cli("contract", "approve", "shared", "--version", "1", "--chain", "home")
            cluster.wait_until("the approval here", lambda: one.height("home") >= node.height("home"))
        self.assertEqual(one.cli("contract", "deploy", "shared", "--chain", "home", "--args", '["1"]')["state"], "active")
        self.assertEqual(one.cli("contract", "call", "shared", "add", "--chain", "home", "--args", '["2"]')["result"], "3")
        shown = one.cli("contract", "show", "shared", "--chain", "home")
        self.assertGreaterEqual(len({each["organisation"] for each in shown["versions"][0]["approvals"]}), shown["approvals_needed"])
        for node in self.nodes:
            cluster.wait_until("the same on every node", lambda: node.height("home") >= one.height("home"))
            self.assertEqual(node.cli("contract", "query", "shared", "value", "--chain", "home")["result"], "3")
        policy = one.cli("contract", "policy", "--chain", "home")
        policy["freeze"] = ["nobody"]
        file = pathlib.Path(self.base) / "policy.json"
        file.write_text(json.dumps(policy), encoding="utf-8")
        number = one.cli("contract", "policy", "--chain", "home", "--set", file)["proposal"]
        self.assertNotEqual(one.cli("contract", "policy", "--chain", "home"), policy, "they vote first")
        cluster.vote(self.nodes, number)
        for node in self.nodes:
            cluster.wait_until("the policy", lambda: node.cli("contract", "policy", "--chain", "home") == policy)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_contract"))

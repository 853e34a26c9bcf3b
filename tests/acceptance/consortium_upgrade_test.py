#!/usr/bin/env python3
"""Software and protocol change on a chain of four that goes on working; software that is too old stops and loses nothing."""
import base64
import shutil
import subprocess
import sys
import threading

import cluster
import sm
import support

NEXT = support.BUILD / "bin/chengxin-next-protocol"  # the release after this one: it knows one more version of the protocol


class Load:
    """Texts notarised one after another by one node, as long as it stands. What was not acknowledged is in `failed`."""

    def __init__(self, test, node):
        self.test, self.node, self.acknowledged, self.failed, self.going = test, node, [], [], True
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while self.going:
            text = f"{self.test.id()} {self.node.name} {len(self.acknowledged)}"
            try:
                self.acknowledged.append((self.test.add(self.node, "home", text.encode(), name=text)["digest"], text))
            except (AssertionError, subprocess.TimeoutExpired) as error:
                self.failed.append(error)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        self.thread.join()


class Upgrade(cluster.Four):
    init_options = ("--protocol", 3)  # one below the newest

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.version = cls.nodes[0].cli("doctor", code=None)["platform"]["version"]
        cls.newer = cls.version[:-1] + ("9" if cls.version[-1] != "9" else "8")
        folder = cls.base / "release"
        folder.mkdir()
        program = support.BINARY.read_bytes()
        (folder / "chengxin").write_bytes(program.replace(cls.version.encode() + b"\0", cls.newer.encode() + b"\0"))
        (folder / "chengxin").chmod(0o755)
        shutil.copy(support.BUILD / "bin/chengxin-engine", folder)
        cls.release = folder / "chengxin"

    def add(self, node, chain, text, name=None, wait=True):
        file = self.base / f"{(name or text.decode()).replace('/', '-')}.txt"
        file.write_bytes(text)
        return node.cli("evidence", "add", file, "--chain", chain, *(["--wait"] if wait else []))["items"][0]

    def proved(self, node, digest, text):
        """By both verifiers, with a proof that was made on this node."""
        file, bundle = self.base / f"{digest}.txt", self.base / f"{digest}.cxproof"
        file.write_text(text, encoding="utf-8")

        def exported():
            bundle.unlink(missing_ok=True)
            node.cli("evidence", "export", "--digest", digest, "--chain", "home", "--out", bundle)
            return True

        cluster.wait_until("a proof", exported)
        first, second = support.both_verifiers(bundle, file)
        self.assertEqual((first.code, second.code), (0, 0), f"{first}\n{second}")

    def proved_elsewhere(self, load, node):
        """Of what the load's node acknowledged: the first, the last and one between."""
        self.assertEqual(load.failed, [])
        self.assertGreater(len(load.acknowledged), 2)
        for digest, text in load.acknowledged[::max(1, (len(load.acknowledged) - 1) // 2)]:
            self.proved(node, digest, text)

    def versions(self):
        return [row.get("version") for row in self.nodes[0].cli("consortium", "status")["items"]]

    def upgrade(self, node, program):
        """As an operator would: docs/consortium.md."""
        node.stop()
        node.binary = program
        node.cli("install", "seal")  # the manifest is of the program before
        node.start()

    def findings(self, node, reason):
        return [each for each in node.cli("doctor", code=None)["platform"]["findings"] if each["reason"] == reason]

    def header(self, node, height):
        """As REST gives it, asked on that host."""
        return sm.Header(base64.b64decode(node.get(f"chains/home/blocks/{height}")["header"]))

    def agree_on(self, version, ahead):
        """The height that all voted for. What was too near when the votes were in is tried further ahead."""
        first = self.nodes[0]
        while True:
            height = first.height("home") + ahead
            proposed = first.cli("consortium", "protocol", "set", version, "--from", height)
            self.assertEqual([each["reason"] for each in proposed["warnings"]], ["consortium.warn_protocol"] if version > 4 else [])
            number = proposed["proposal"]

            def state(node):
                return {each["number"]: each["state"] for each in node.cli("consortium", "proposals")["items"]}.get(number)

            for node in self.nodes:
                cluster.wait_until("the proposal", lambda: state(node))
            cluster.vote(self.nodes, number)
            for node in self.nodes:
                cluster.wait_until("the vote", lambda: state(node) in ("executed", "failed"))
            if state(first) == "executed":
                return height
            ahead *= 2

    def test_1_software_node_by_node_under_load(self):
        self.assertEqual(self.versions(), [self.version] * 4)
        with Load(self, self.nodes[0]) as load:
            for number, node in enumerate(self.nodes[1:], 1):
                before = self.nodes[0].height("home")
                self.upgrade(node, self.release)
                cluster.wait_until("the upgraded node level", lambda: node.height("home") >= before + 2)
                cluster.wait_until("both versions", lambda: self.versions().count(self.newer) == number)
        self.proved_elsewhere(load, self.nodes[1])
        self.assertTrue(self.findings(self.nodes[0], "consortium.version"))
        self.upgrade(self.nodes[0], self.release)
        cluster.wait_until("all of the newer", lambda: self.versions() == [self.newer] * 4)
        self.assertEqual(self.findings(self.nodes[0], "consortium.version"), [])
        self.proved(self.nodes[3], self.add(self.nodes[0], "home", b"upgraded")["digest"], "upgraded")

    def test_2_the_protocol_at_a_height_under_load(self):
        with Load(self, self.nodes[0]) as one, Load(self, self.nodes[2]) as other:
            height = self.agree_on(4, 30)
            cluster.wait_until("the height", lambda: min(node.height("home") for node in self.nodes) >= height + 3)
        self.proved_elsewhere(one, self.nodes[3])
        self.proved_elsewhere(other, self.nodes[1])
        for node in self.nodes:
            blocks = {at: self.header(node, at).version for at in (height - 1, height, height + 3)}
            self.assertEqual(blocks, {height - 1: 3, height: 4, height + 3: 4})

    def stands(self, node, height):
        """Before the block that it does not know how to make, saying so; what it has is there to be read."""
        cluster.wait_until(f"a plain finding on {node.name}", lambda: any(
            "knows 4" in each["detail"] and "upgrad" in each["advice"] for each in self.findings(node, "ledger.protocol_unknown")))
        self.assertEqual(node.height("home"), height - 1)
        self.assertEqual(node.cli("consortium", "show")["height"], height - 1)
        self.assertEqual(self.header(node, height - 1).version, 4)

    def test_3_a_protocol_that_the_software_does_not_know(self):
        one, two, three, four = self.nodes
        height = self.agree_on(5, 12)
        for node in self.nodes:
            self.assertTrue(self.findings(node, "ledger.protocol_unknown"), "told as soon as it is voted for")
        accepted = []

        def stopped():
            text = f"near the end {len(accepted)}"
            accepted.append((self.add(one, "home", text.encode(), wait=False)["digest"], text))
            return any(f"block {height} follows version 5".encode() in node.log.read_bytes() for node in self.nodes)

        cluster.wait_until("the end", stopped)
        for node in self.nodes:
            cluster.wait_until(f"{node.name} at the end", lambda: node.height("home") == height - 1)
            self.stands(node, height)

        # Three are upgraded: enough. What the first accepted while it stood is anchored; the fourth stands, also when it
        # is started again as it is.
        for node in (one, two, three):
            self.upgrade(node, NEXT)
        cluster.wait_until("the chain goes on", lambda: min(node.height("home") for node in (one, two, three)) >= height)
        self.add(one, "home", b"by the newer protocol")
        self.assertEqual(self.header(two, height).version, 5)
        cluster.wait_until("the fourth stops", lambda: self.halts(four) >= 1)
        self.stands(four, height)
        four.stop()
        four.start()
        cluster.wait_until("it stops again", lambda: self.halts(four) >= 2)
        self.stands(four, height)

        self.upgrade(four, NEXT)
        for node in self.nodes:
            cluster.wait_until(f"{node.name} level", lambda: node.height("home") == one.height("home"))
            self.assertEqual(self.findings(node, "ledger.protocol_unknown"), [])
        waiting = {digest for digest, _ in accepted}
        cluster.wait_until("nothing that was accepted is lost", lambda: not self.not_anchored(one, waiting))
        verified = [node.cli("chain", "verify", "home") for node in self.nodes]
        self.assertEqual(verified, verified[:1] * 4)
        # Its votes count again.
        one.stop()
        self.add(four, "home", b"three of four are needed")

    def halts(self, node):
        return sum(b'"order.halted"' in line and b"ledger.protocol_unknown" in line for line in node.log.read_bytes().splitlines())

    def not_anchored(self, node, digests):
        return [digest for digest in digests if not any(
            item["state"] == "anchored" for item in node.cli("evidence", "list", "--digest", digest, "--chain", "home")["items"])]


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_consortium_upgrade"))

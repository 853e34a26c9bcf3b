#!/usr/bin/env python3
"""A node of a consortium that lost everything comes back from its backup while the chain goes on: the drill of docs/consortium.md."""
import shutil
import signal
import sys

import cluster
import support


class Restore(cluster.Four):
    def findings(self, node):
        return {each["reason"] for each in node.cli("doctor", code=None)["platform"]["findings"]}

    def level(self, node):
        one = self.nodes[0]
        cluster.wait_until(f"{node.name} level", lambda: node.height("home") >= one.height("home") and self.certified(node, "home"))

    def proved(self, node, digest, text):
        bundle, original = self.base / f"{digest}.cxproof", self.base / f"{digest}.original"
        original.write_bytes(text)

        def exported():
            bundle.unlink(missing_ok=True)
            node.cli("evidence", "export", "--digest", digest, "--chain", "home", "--out", bundle)
            return True

        cluster.wait_until(f"a proof on {node.name}", exported)
        first, second = support.both_verifiers(bundle, original)
        self.assertEqual((first.code, second.code), (0, 0), f"{first}\n{second}")

    def test_from_a_backup_into_an_empty_folder(self):
        one, _, three, four = self.nodes
        backup = self.base / "backup"
        before = self.add(four, "home", b"before the backup")
        own = self.add(four, "default", b"on the chain of this node alone")
        self.level(four)
        identity = four.cli("consortium", "identity")
        (four.data / "consortium/engine-keys/home/sign-at-once").touch()  # an operator's word that this folder is no copy
        made = four.cli("backup", "create", backup)
        kept = {path.name for path in (backup / "installation/consortium/engine-keys/home").iterdir()}
        self.assertEqual(kept, {"connection.json", "validator.json"}, "nothing that is true of one moment only")

        # Without it three would not be enough: its key signs what the backup does not know of.
        three.stop()
        after = self.add(four, "home", b"after the backup")
        three.start()
        self.level(three)
        four.stop(signal.SIGKILL)
        shutil.rmtree(four.data)
        missed = [self.add(one, "home", f"while it was gone {number}".encode()) for number in range(3)]

        restored = four.cli("backup", "restore", backup)
        self.assertEqual(restored["chains"], made["chains"])
        four.start()
        self.level(four)
        self.assertEqual(four.cli("consortium", "identity"), identity)

        # The others rest, so that nothing tells it that its key may sign.
        cluster.wait_until("its silence is told", lambda: "consortium.silent" in self.findings(four))
        self.assertNotIn("consortium.twin", self.findings(one) | self.findings(four))
        for number in range(3):
            self.add(one, "home", f"it was silent {number}".encode())
        cluster.wait_until("it may vote", lambda: "consortium.silent" not in self.findings(four))
        one.stop()
        with_it = self.add(four, "home", b"three of four are needed")
        one.start()
        cluster.wait_until("the first again", lambda: one.height("home") >= four.height("home") and self.certified(one, "home"))

        self.level(four)
        verified = [node.cli("chain", "verify", "home") for node in self.nodes]
        self.assertEqual(verified, verified[:1] * 4, "the same roots")
        self.assertEqual(four.cli("chain", "verify", "default"), made["chains"]["default"])
        for digest, text in [(before["digest"], b"before the backup"), (after["digest"], b"after the backup"),
                             (missed[-1]["digest"], b"while it was gone 2"), (with_it["digest"], b"three of four are needed")]:
            self.proved(four, digest, text)
        self.assertEqual([each["id"] for each in four.cli("evidence", "list", "--digest", own["digest"])["items"]], [own["id"]])
        for node in self.nodes:
            self.assertNotIn(b'"engine.twin"', node.log.read_bytes(), node.name)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_consortium_restore"))

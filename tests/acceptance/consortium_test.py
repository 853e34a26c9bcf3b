#!/usr/bin/env python3
"""Organisations that run chains together: four hosts with real links and engines, what others can hear of it, and who is thrown out."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
import time
import unittest

import cluster
import support


class Demo(unittest.TestCase):
    def test_the_story_holds_and_its_proofs_hold_for_both_verifiers(self):
        with tempfile.TemporaryDirectory() as folder:
            done = support.command(["--json", "cluster", "demo", "--once", "--folder", folder], timeout=300)
            self.assertEqual(done.code, 0, done)
            self.assertEqual(len(done.json["steps"]), 10, done.json)
            for name in ("first", "with-one-dead"):
                bundle, original = pathlib.Path(folder) / f"{name}.cxproof", pathlib.Path(folder) / f"{name}.txt"
                first, second = support.both_verifiers(bundle, original)
                self.assertEqual((first.code, second.code), (0, 0), f"{first}\n{second}")
                original.write_bytes(b"another text")
                first, second = support.both_verifiers(bundle, original)
                self.assertEqual((first.code, second.code), (1, 1), f"{first}\n{second}")


class Alone(unittest.TestCase):
    def test_a_folder_named_from_here_and_bundles_as_soon_as_they_are_certified(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            platform = support.Platform("data")
            self.addCleanup(platform.stop)
            with socket.create_server(("127.0.0.1", 0)) as free:
                address = "127.0.0.1:%d" % free.getsockname()[1]
            done = support.command(["consortium", "init", "--organisation", "one", "--node", "home", "--address", address], "data")
            self.assertEqual(done.code, 0, done)
            pathlib.Path("file.txt").write_bytes(b"on a chain of a consortium")
            for number in range(5):
                done = support.command(["--json", "evidence", "add", "file.txt", "--chain", "home", "--out", f"proofs{number}"], "data")
                self.assertEqual((done.code, done.json["problems"]), (0, []), done)
                first, second = support.both_verifiers(done.json["items"][0]["bundle"], "file.txt")
                self.assertEqual((first.code, second.code), (0, 0), f"{first}\n{second}")
            platform.stop()
            platform = support.Platform("data")
            self.addCleanup(platform.stop)
            cluster.wait_until("its engine", lambda: support.command(["doctor"], "data").code == 0)


class Isolation(cluster.Four):
    def test_1_what_is_broadcast_reaches_members_only(self):
        one, two, three, four = self.nodes
        self.create("of-three", [one, two, three])
        ears = {node.number: cluster.Ear(self.network, node.number, str(self.base / f"{node.name}.frames")) for node in self.nodes}
        began = time.monotonic()

        folder = self.base / "many"
        folder.mkdir()
        for number in range(1500):
            (folder / f"{number}.txt").write_bytes(f"Kennwort {number}".encode())
        added = one.cli("evidence", "add", folder, "--chain", "of-three", "--wait", "--tag", "Erkennungswort")
        self.assertEqual(len(added["items"]), 1500)
        for node in (two, three):
            cluster.wait_until("the same height", lambda: node.height("of-three") >= one.height("of-three"))
        lasted = time.monotonic() - began
        frames = {number: ear.stop() for number, ear in ears.items()}
        rest = cluster.Ear(self.network, four.number, str(self.base / "rest.frames"))
        time.sleep(lasted)
        at_rest = sum(len(frame) for frame in rest.stop())

        carried = {number: sum(len(frame) for frame in heard) for number, heard in frames.items()}
        digests = [bytes.fromhex(each["digest"]) for each in added["items"]]
        payload = sum(map(len, digests))
        for node in (one, two, three):
            self.assertGreater(carried[node.number], payload, carried)
        # The fourth hears that the others are there, as it does when nothing is added, and nothing of the load.
        self.assertLess(carried[four.number] - at_rest, carried[three.number] / 4, (carried, at_rest, lasted))

        for heard in frames.values():
            cable = b"".join(heard)
            for secret in [b"Erkennungswort", b"Kennwort", *digests]:
                self.assertNotIn(secret, cable)
        ports = {port for heard in frames.values() for packet in map(cluster.tcp, heard) if packet for port in packet[2:4] if port < 32768}
        self.assertEqual(ports, {9443}, "every connection between hosts is one of the links")
        self.assertEqual(four.cli("chain", "show", "of-three", code=4)["error"]["reason"], "chain.not_found")

    def test_2_links_speak_tlcp(self):
        one, two = self.nodes[:2]
        ear = cluster.Ear(self.network, two.number, str(self.base / "handshake.frames"))
        two.stop()
        two.start()
        cluster.wait_until("its links", lambda: two.height("home") >= one.height("home") and self.certified(two, "home"))
        self.add(one, "of-three", b"after the restart")
        cluster.wait_until("the block", lambda: two.height("of-three") >= one.height("of-three"))
        hellos = [packet[4] for packet in map(cluster.tcp, ear.stop()) if packet and packet[4][:1] == b"\x16"]
        self.assertTrue(hellos)
        for hello in hellos:
            self.assertEqual(hello[1:3], b"\x01\x01", "the record version of TLCP 1.1 (GB/T 38636)")


class Members(cluster.Four):
    init_options = ("--protocol", 2)

    def test_1_a_revoked_node_is_out(self):
        one, two, three, four = self.nodes
        self.create("shared", self.nodes)
        self.add(four, "shared", b"while it was a member")
        proposed = one.cli("consortium", "node", "revoke", "node4", "--why", "test", "--chain", "shared")
        cluster.vote(self.nodes, proposed["proposal"], "shared")
        cluster.wait_until("the revocation", lambda: "node4" not in one.members("shared"))
        before = one.height("shared")  # with the block that revoked it
        for number in range(3):
            self.add(one, "shared", f"without it {number}".encode())
        cluster.wait_until("certificates of the three", lambda: self.certified(one, "shared"))
        self.assertEqual(two.members("shared").keys(), {"node1", "node2", "node3"})
        self.assertLessEqual(four.height("shared"), before, "nothing reaches it any more")
        self.assertGreater(one.height("shared"), before + 2)

    def test_2_another_chain_goes_on_with_it(self):
        one, four = self.nodes[0], self.nodes[3]
        proposed = one.cli("consortium", "protocol", "set", "3", "--from", one.height("home") + 10)
        cluster.vote(self.nodes, proposed["proposal"])
        cluster.wait_until("the vote on home", lambda: four.cli("consortium", "show")["protocol"] == one.cli("consortium", "show")["protocol"])
        self.assertEqual(four.members().keys(), {"node1", "node2", "node3", "node4"})


class Recovery(cluster.Four):
    @classmethod
    def setUpClass(cls):
        os.environ["CHENGXIN_CONSORTIUM_SNAPSHOT_BEHIND"] = "5"
        cls.addClassCleanup(os.environ.pop, "CHENGXIN_CONSORTIUM_SNAPSHOT_BEHIND")
        super().setUpClass()

    def test_a_node_that_lost_its_disk_comes_back(self):
        one, four = self.nodes[0], self.nodes[3]
        added = self.add(one, "home", b"before the loss")
        cluster.wait_until("the block", lambda: four.height("home") >= one.height("home") and self.certified(four, "home"))
        four.stop(signal.SIGKILL)
        for lost in ("chains", "engine"):
            shutil.rmtree(four.data / lost)
        self.add(one, "home", b"while it was away")
        four.start()
        cluster.wait_until("the same height", lambda: four.height("home") >= one.height("home") and self.certified(four, "home"))
        cluster.wait_until("the same roots", lambda: four.cli("chain", "verify", "home") == one.cli("chain", "verify", "home"))
        self.assertEqual(four.members().keys(), one.members().keys())
        self.assertIn(b"snapshot.taken", four.log.read_bytes())

        # Proof made there, of what was notarised elsewhere before it lost everything.
        bundle, original = self.base / "lost.cxproof", self.base / "lost.txt"
        original.write_bytes(b"before the loss")
        # The search for it may come behind the chain.
        cluster.wait_until("its proof", lambda: four.cli("evidence", "export", "--digest", added["digest"], "--chain", "home", "--out", bundle))
        first, second = support.both_verifiers(bundle, original)
        self.assertEqual((first.code, second.code), (0, 0), f"{first}\n{second}")

        # It votes again when what its key may have signed is decided.
        for number in range(3):
            self.add(four, "home", f"it was silent {number}".encode())
        one.stop()
        self.add(four, "home", b"three of four are needed")
        one.start()
        cluster.wait_until("the first again", lambda: one.height("home") >= four.height("home"))


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_consortium"))

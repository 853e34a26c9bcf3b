#!/usr/bin/env python3
"""What goes wrong on one node of four: named by `chengxin doctor` and in the log, with what to do, and the others go on."""
import json
import shutil
import struct
import subprocess
import sys

import cluster
import support

CLOCK_SHIM = support.BUILD / "lib/libclockshim.so"
HOUR_MS = 3600_000


class Faults(cluster.Four):
    def setUp(self):
        self.one, self.four = self.nodes[0], self.nodes[3]
        self.addCleanup(self.heal)

    def heal(self):
        """The fourth as it was, level with the others."""
        self.four.stop()
        self.four.environment = {}
        self.four.start()
        cluster.wait_until("the fourth is back", lambda: self.four.height("home") >= self.one.height("home"))

    def others_work(self):
        self.add(self.one, "home", self.id().encode())

    def findings(self, node):
        node.cli("consortium", "status", code=None)  # which looks at the others at once
        return node.cli("doctor", code=None)["findings"]

    def named(self, node, *reasons):
        """One of these, in both languages and with what to do; and in the log."""
        found = []

        def told():
            found[:] = [each for each in self.findings(node) if each["reason"] in reasons]
            return found

        cluster.wait_until(f"{node.name} names {reasons}", told)
        reason = found[0]["reason"]
        self.assertTrue(found[0]["detail"] and found[0]["advice"], found)
        shown = subprocess.run(["ip", "netns", "exec", node.space, support.BINARY, "--data", node.data, "doctor"],
                               capture_output=True, timeout=60, check=False).stdout.decode()
        self.assertIn(f"[{reason}]", shown)
        before, after = shown.split(f"[{reason}]")[:2]
        self.assertRegex(before.rsplit("✗", 1)[1], "[一-鿿]")
        self.assertRegex(after.split("→")[0], "[A-Za-z]{3}")
        self.assertIn(reason, node.log.read_text(encoding="utf-8"))
        return found[0]

    def restarted_with(self, environment):
        self.four.stop()
        self.four.environment = environment
        self.four.start()

    def clock(self, ahead_ms):
        file = self.base / "clock"
        file.write_bytes(struct.pack("=q", ahead_ms))
        return {"LD_PRELOAD": str(CLOCK_SHIM), "CHENGXIN_CLOCK": str(file)}

    def changed(self, file, content):
        """For this test alone; the fourth starts with it."""
        before = file.read_bytes() if file.exists() else None
        self.four.stop()
        file.write_bytes(content)
        file.chmod(0o600)
        self.addCleanup(lambda: file.unlink() if before is None else file.write_bytes(before))
        self.addCleanup(self.four.stop)
        self.four.start()

    def mark(self, **other):
        file = self.four.data / "engine/home/engine/engine.json"
        self.changed(file, json.dumps({**json.loads(file.read_bytes()), **other}).encode())

    def test_a_genesis_that_differs(self):
        self.mark(genesis="0" * 64)
        self.named(self.four, "engine.home_of_other_chain")
        self.others_work()

    def test_a_wrong_chain_id(self):
        self.mark(chain_id="0" * 48)
        self.named(self.four, "engine.home_of_other_chain")
        self.others_work()

    def test_an_engine_of_another_version(self):
        self.mark(engine="v0.39.1")
        self.named(self.four, "engine.home_of_other_version")
        self.others_work()

    def test_an_expired_certificate(self):
        self.restarted_with(self.clock(400 * 24 * HOUR_MS))
        self.named(self.four, "crypto.certificate_expired")
        self.named(self.four, "link.certificate")
        self.others_work()

    def test_a_certificate_of_the_wrong_usage(self):
        folder = self.four.data / "consortium"
        self.changed(folder / "sign.der", (folder / "encrypt.der").read_bytes())
        self.named(self.four, "crypto.certificate_usage")
        self.others_work()

    def test_a_clock_an_hour_off(self):
        self.restarted_with(self.clock(HOUR_MS))
        self.assertIn("node4", self.named(self.one, "consortium.clock")["detail"])
        self.named(self.four, "consortium.clock")
        self.others_work()

    def test_a_port_that_is_taken(self):
        self.four.stop()
        holder = subprocess.Popen(["ip", "netns", "exec", self.four.space, sys.executable, "-c",
                                   "import socket, time; s = socket.create_server(('0.0.0.0', 9443)); time.sleep(600)"])
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        self.four.start()
        self.assertIn("python", self.named(self.four, "link.listen")["detail"])
        self.others_work()
        holder.kill()  # then links begin by themselves
        cluster.wait_until("its links", lambda: self.four.height("home") >= self.one.height("home"))

    def test_a_peer_of_another_consortium(self):
        """It answers at the address of the fourth."""
        self.four.stop()
        stranger = cluster.Node(self.network, self.base)
        self.addCleanup(stranger.stop)
        stranger.start()
        stranger.cli("consortium", "init", "--organisation", "others", "--title", "别人", "--node", "stranger", "--address",
                     self.four.address)
        self.network.plug(self.four.number, False)
        self.addCleanup(self.network.plug, self.four.number, True)
        cluster.ip("address", "add", f"{self.four.host}/24", "dev", "eth0", inside=stranger.space)
        self.addCleanup(cluster.ip, "address", "del", f"{self.four.host}/24", "dev", "eth0", inside=stranger.space)
        for node in self.nodes[:3]:
            cluster.ip("neighbour", "flush", "dev", "eth0", inside=node.space)
        finding = self.named(self.one, "crypto.certificate_untrusted", "link.organisation_unknown", "link.other_key", "link.refused")
        self.assertIn("node4", finding["detail"])
        self.others_work()

    def test_a_member_with_less_than_its_claimed_vote(self):
        """The chain counts its weight for a key that it has lost."""
        folder = self.four.data / "consortium"
        self.changed(folder / "node.pem", (folder / "governor.pem").read_bytes())
        self.named(self.four, "consortium.node_key")
        self.others_work()

    def test_a_full_disk(self):
        self.four.stop()
        data, small = self.four.data, self.base / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=True)
        self.addCleanup(setattr, self.four, "data", data)
        self.addCleanup(self.four.stop)
        self.four.data = small / "data"
        shutil.copytree(data, self.four.data, symlinks=True)
        self.four.start()
        with open(small / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(bytes(1 << 20))
                    filler.flush()
            except OSError:
                pass
        for _ in range(3):
            self.others_work()
        self.assertIn("0 MiB", self.named(self.four, "consortium.disk")["detail"])
        self.others_work()

    def test_two_nodes_with_one_key(self):
        """Named on both, and by the others; they go on."""
        self.four.stop()
        twin = cluster.Node(self.network, self.base)
        self.addCleanup(twin.stop)
        shutil.copytree(self.four.data, twin.data, symlinks=True)
        for node in (self.four, twin):
            node.start()

        def told(node):
            self.others_work()
            return [each["detail"] for each in self.findings(node) if each["reason"] == "consortium.twin"]

        def all_told():
            by = {node: told(node) for node in (self.four, twin, self.one)}
            return all(by.values()) and any(detail.startswith("node4 ") for detail in by[self.one])

        cluster.wait_until("the twins are named", all_told)
        self.assertIn("consortium.twin", self.one.log.read_text(encoding="utf-8"))

    def test_no_quorum_holds_nobody(self):
        for node in self.nodes[2:]:
            node.stop()
        self.addCleanup(self.nodes[2].start)
        answer = self.one.cli("consortium", "rule", "set", "all", code=None)
        self.assertEqual(answer["error"]["reason"], "order.outcome_unknown", answer)
        self.nodes[1].stop()  # which ends all the same
        self.nodes[1].start()


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_consortium_faults"))

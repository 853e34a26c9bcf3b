#!/usr/bin/env python3
"""A consortium that changes while its chain runs: keys, nodes, votes and addresses, and proofs that hold across all of it."""
import json
import sys

import cluster
import support


class Changes(cluster.Four):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proved = []

    def notarise(self, by, prover):
        """A text by one node, proved on another."""
        text = f"{len(self.proved)} by {by.name}".encode()
        item = self.add(by, "home", text)
        file = self.base / f"{len(self.proved)}.cxproof"
        original = self.base / f"{len(self.proved)}.original"
        original.write_bytes(text)

        def exported():
            file.unlink(missing_ok=True)
            prover.cli("evidence", "export", "--digest", item["digest"], "--chain", "home", "--out", file)
            return True

        cluster.wait_until(f"a proof on {prover.name}", exported)
        self.proved.append((file, original))

    def agreed(self, proposer, *words):
        """Proposed by one, voted on by all that are running."""
        number = proposer.cli("consortium", *words)["proposal"]
        self.level(*[node for node in self.nodes if node.process])
        cluster.vote([node for node in self.nodes if node.process], number)

    def vote_on_open(self):
        for node in self.nodes[1:]:
            cluster.wait_until("the proposals everywhere", lambda: not node.process or node.height("home") == self.nodes[0].height("home"))
        for each in self.nodes[0].cli("consortium", "proposals")["items"]:
            if each["state"] == "open":
                cluster.vote([node for node in self.nodes if node.process], each["number"])

    def rows(self, node):
        return {row["node"]: row for row in node.cli("consortium", "status")["items"]}

    def engine(self, node):
        row = self.rows(node)[node.name]
        return row["engine_height"], row["running"], row["peers"]

    def level(self, *nodes):
        for node in nodes:
            cluster.wait_until(f"{node.name} level", lambda: node.height("home") >= self.nodes[0].height("home"))

    def test_1_a_new_sm2_key_is_taken_up_by_the_running_node(self):
        one, two = self.nodes[:2]
        before = two.cli("consortium", "identity")["key"]
        self.assertEqual([each["state"] for each in two.cli("consortium", "node", "rotate-keys")["items"]], ["open"])
        self.vote_on_open()
        fresh = one.members()["node2"]["key"]
        self.assertNotEqual(fresh, before)
        cluster.wait_until("the new key", lambda: two.cli("consortium", "identity")["key"] == fresh)
        self.notarise(two, one)
        # Without another of the four, each certificate needs its signature.
        self.nodes[3].stop()
        self.notarise(one, two)
        self.nodes[3].start()
        self.level(*self.nodes)

    def test_2_a_new_engine_key_restarts_one_engine_alone(self):
        one, three = self.nodes[0], self.nodes[2]
        keys = three.data / "consortium/engine-keys/home/validator.json"
        before, process = json.loads(keys.read_text()), three.process.pid
        rotated = three.cli("consortium", "node", "rotate-engine-keys")["items"]
        self.assertEqual([each.get("state") for each in rotated], ["open"], rotated)
        self.vote_on_open()
        cluster.wait_until("the new engine key", lambda: json.loads(keys.read_text()) != before)
        self.assertFalse((keys.parent.parent / "home.next").exists())
        self.assertFalse((keys.parent.parent / "home.replaced").exists())
        cluster.wait_until("its engine", lambda: self.engine(three)[1])
        self.assertEqual(three.process.pid, process)
        self.nodes[3].stop()  # now its votes are needed
        self.notarise(one, three)
        self.nodes[3].start()
        self.level(*self.nodes)
        self.assertEqual(three.log.read_text().count("engine.twin"), 0)

    def test_3_an_organisation_with_two_nodes_takes_a_new_root(self):
        one, _, three, _ = self.nodes
        further = cluster.Node(self.network, self.base)
        self.addClassCleanup(further.stop)
        further.start()
        invitation = self.base / "further.invitation"
        three.cli("consortium", "node", "add", "--out", invitation)
        further.cli("consortium", "join", invitation, "--node", further.name, "--address", further.address)

        def joined():
            self.vote_on_open()
            return further.name in one.members() and further.height("home") >= one.height("home")

        cluster.wait_until("the further node follows", joined)
        before, process = three.cli("consortium", "identity")["root"], three.process.pid

        # Not while one of its nodes would be shut out by it.
        further.stop()
        refused = three.cli("consortium", "organisation", "replace-root", code=None)["error"]
        self.assertEqual(refused["reason"], "consortium.node_away")
        self.assertIn(further.name, refused["detail"])
        further.start()
        cluster.wait_until("its links", lambda: self.rows(one)[further.name]["reached"])
        self.assertEqual([each["state"] for each in three.cli("consortium", "organisation", "replace-root")["items"]], ["open"])
        self.notarise(three, further)
        self.assertEqual(further.cli("consortium", "identity")["root"], before, "the old one until it is voted for")
        # One of them misses the vote, and what was decided after it.
        further.stop()
        self.vote_on_open()
        cluster.wait_until("the new root", lambda: three.cli("consortium", "identity")["root"] != before)
        self.notarise(three, one)
        further.start()
        for node in (three, further):
            cluster.wait_until("the new root", lambda: node.cli("consortium", "identity")["root"] != before)
        self.assertEqual(three.cli("consortium", "identity")["root"], further.cli("consortium", "identity")["root"])
        for node in (one, three, further):
            cluster.wait_until("all links", lambda: all(row["reached"] for row in self.rows(node).values()))
        self.assertEqual(three.process.pid, process)
        self.nodes[3].stop()  # now its votes are needed, over links of the new root
        self.notarise(one, further)
        self.nodes[3].start()
        self.level(*self.nodes)
        # It issues under the new one; and what it gave the further node outlasts a restart.
        for node in (three, further):
            serial = node.cli("consortium", "identity")["certificate_serial"]
            self.assertNotEqual(node.cli("consortium", "renew")["certificate_serial"], serial)
            cluster.wait_until("its links", lambda: self.rows(one)[node.name]["reached"])
        further.stop()
        further.start()
        self.notarise(three, further)
        self.agreed(three, "node", "remove", further.name)
        further.stop()

    def test_4_a_fifth_node_follows_and_then_votes(self):
        five = cluster.Node(self.network, self.base)
        self.addClassCleanup(five.stop)
        five.start()
        invitation = self.base / "five.invitation"
        self.nodes[0].cli("consortium", "invite", "--organisation", five.organisation, "--out", invitation)
        five.cli("consortium", "join", invitation, "--node", five.name, "--address", five.address, "--title", "第五")

        def joined():
            self.vote_on_open()
            return five.name in self.nodes[0].members() and five.height("home") >= self.nodes[0].height("home")

        cluster.wait_until("the fifth follows", joined)
        self.assertEqual(self.nodes[0].members()[five.name]["role"], "observer")
        self.nodes.append(five)
        self.notarise(self.nodes[0], five)
        self.agreed(self.nodes[0], "node", "role", five.name, "voter")
        self.assertEqual(self.nodes[0].members()[five.name]["role"], "voter")
        self.notarise(five, self.nodes[1])
        # Four of five are needed.
        self.nodes[3].stop()
        self.notarise(self.nodes[0], five)
        self.nodes[3].start()
        self.level(*self.nodes)

    def test_5_a_voter_is_removed(self):
        four = self.nodes[3]
        self.agreed(self.nodes[0], "node", "remove", four.name)
        self.assertNotIn(four.name, self.nodes[0].members())
        self.nodes[0].cli("doctor", code=None)
        four.stop()
        self.notarise(self.nodes[0], self.nodes[4])
        self.notarise(self.nodes[4], self.nodes[1])

    def test_6_a_node_moves_to_another_address(self):
        one, two = self.nodes[:2]
        self.agreed(one, "node", "move", two.name, "--address", f"{two.host}:9555")
        cluster.wait_until("the new address", lambda: two.cli("consortium", "identity")["address"] == f"{two.host}:9555")
        cluster.wait_until("the others at it", lambda: self.engine(two)[2] >= 3)
        self.notarise(two, one)
        # And to another machine: its disk in another host.
        host = cluster.Node(self.network, self.base)
        self.agreed(one, "node", "move", two.name, "--address", f"{host.host}:9555")
        two.stop()
        two.space, two.host = host.space, host.host
        two.start()
        self.level(two)
        cluster.wait_until("the others at it", lambda: self.engine(two)[2] >= 3)
        self.notarise(two, one)
        self.notarise(one, two)

    def test_7_every_proof_holds_offline(self):
        for node in self.nodes:
            node.stop()
        self.assertGreaterEqual(len(self.proved), 12)
        for file, original in self.proved:
            first, second = support.both_verifiers(file, original)
            self.assertEqual((first.code, second.code), (0, 0), f"{file}: {first}\n{second}")


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_consortium_changes"))

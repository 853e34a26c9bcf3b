#!/usr/bin/env python3
"""The checker of clusters finds what it is there for: a sound history passes, and every way to break it is reported."""
import base64
import copy
import itertools
import pathlib
import struct
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1])]
import checker  # noqa: E402
import faultlib  # noqa: E402
import kinds  # noqa: E402
import schedule  # noqa: E402
import sm  # noqa: E402

GENESIS = bytes(range(32))


def name_of(height, index):
    return sm.sm3(f"{height} {index}".encode()).hex()


def leaf_of(transaction):
    return sm.leaf_hash(bytes.fromhex(transaction))


def make_chain(count=6, each=2):
    blocks, previous, leaves = [], GENESIS, []
    for height in range(1, count + 1):
        transactions = [name_of(height, index) for index in range(each)]
        leaves += map(leaf_of, transactions)
        root = sm.root_of(leaves)
        raw = struct.pack(">I32sQQ32sQ", 1, GENESIS, height, 1000 * height, previous, len(leaves)) + root + sm.sm3(b"state %d" % height) + bytes(32)
        header = sm.Header(raw)
        blocks.append({"height": height, "hash": header.hash.hex(), "previous": previous.hex(), "time_ms": 1000 * height, "log_size": len(leaves),
                       "log_root": root.hex(), "state_root": header.state_root.hex(), "validators_hash": bytes(32).hex(), "certified": True,
                       "certificate": "x", "transaction_count": each, "transactions": transactions, "header": base64.b64encode(raw).decode()})
        previous = header.hash
    return blocks, leaves


def entry(number, do, key, outcome, answer=None, node=1):
    """The number-th of a history: begins and ends before the next one begins."""
    return {"client": "c", "node": node, "do": do, "key": key, "start": float(number), "end": number + 0.5, "under": (), "outcome": outcome,
            "status": None, "answer": answer}


def receipt(height, index=0):
    return {"transaction": name_of(height, index), "height": height, "status": 0}


class Checker(unittest.TestCase):
    def setUp(self):
        self.blocks, self.leaves = make_chain()
        receipts = {name_of(height, index): receipt(height, index) for height in range(1, 7) for index in range(2)}
        self.chain = checker.Chain(self.blocks, receipts)
        self.chain.items = {"d1": 1, "d4": 4}

    def breaks(self, found, word):
        found = list(found)
        self.assertTrue(any(each.startswith(word) for each in found), f"{word} was not noticed: {found}")

    def holds(self, found):
        self.assertEqual(list(found), [])

    def head(self, number, height, node=1):
        block = self.blocks[height - 1]
        return entry(number, "head", None, "ok", {**{name: block[name] for name in ("height", "log_root", "state_root", "log_size", "time_ms")},
                                                  "header_hash": block["hash"], "certified_height": height}, node)

    def test_nodes_that_differ_in_anything(self):
        self.holds(checker.check_agreement({"a": self.blocks, "b": copy.deepcopy(self.blocks)}))
        for name in checker.SAME:
            other = copy.deepcopy(self.blocks)
            other[3][name] = "another"
            self.breaks(checker.check_agreement({"a": self.blocks, "b": other}), "agreement")
        self.breaks(checker.check_agreement({"a": self.blocks, "b": self.blocks[:-1]}), "height")

    def test_blocks_that_are_no_chain(self):
        self.holds(checker.check_blocks(self.blocks, GENESIS))
        self.breaks(checker.check_blocks(self.blocks, bytes(32)), "order")
        self.breaks(checker.check_blocks(self.blocks[:2] + self.blocks[3:], GENESIS), "order")
        twice = copy.deepcopy(self.blocks)
        twice[4]["transactions"][1] = name_of(2, 0)
        self.breaks(checker.check_blocks(twice, GENESIS), "twice")
        told = copy.deepcopy(self.blocks)
        told[2]["state_root"] = bytes(32).hex()
        self.breaks(checker.check_blocks(told, GENESIS), "order")

    def test_a_log_that_is_not_that_of_its_transactions(self):
        self.holds(checker.check_log(self.blocks, self.leaves, range(1, 7)))
        self.breaks(checker.check_log(self.blocks, [*self.leaves[:5], bytes(32), *self.leaves[6:]], [4]), "log")

    def test_items_lost_or_doubled(self):
        self.holds(checker.check_items({"d": ([1], True, 1), "e": ([], False, 1), "f": ([1, 2], True, 2)}))
        self.breaks(checker.check_items({"d": ([], True, 1)}), "lost")
        self.breaks(checker.check_items({"d": ([1, 2], False, 1)}), "twice")

    def test_acknowledged_and_gone(self):
        key = name_of(3, 0)
        self.holds(checker.check_writes([entry(1, "submit", key, "ok", receipt(3))], self.chain, {key: "d"}))
        ghost = "ab" * 32
        self.breaks(checker.check_writes([entry(1, "submit", ghost, "ok", {**receipt(3), "transaction": ghost})], self.chain, {}), "lost")
        self.breaks(checker.check_writes([entry(1, "submit", key, "ok", {**receipt(3), "height": 4})], self.chain, {}), "receipt")
        self.holds(checker.check_writes([entry(1, "submit", ghost, "unknown")], self.chain, {}))

    def test_refused_and_done(self):
        key = name_of(3, 0)
        self.breaks(checker.check_writes([entry(1, "submit", key, "refused")], self.chain, {}), "refused")
        self.holds(checker.check_writes([entry(1, "submit", key, "refused"), entry(2, "submit", key, "unknown")], self.chain, {}))
        self.breaks(checker.check_writes([], self.chain, {key: "d"}), "refused")

    def test_what_came_later_stands_earlier(self):
        first, second = name_of(5, 0), name_of(2, 0)
        history = [entry(1, "submit", first, "ok", receipt(5)), entry(2, "submit", second, "ok", receipt(2))]
        self.breaks(checker.check_writes(history, self.chain, {}), "order")
        self.holds(checker.check_writes([history[1], {**history[0], "start": 3.0, "end": 4.0}], self.chain, {}))

    def test_reads_that_go_back(self):
        self.holds(checker.check_reads([self.head(1, 3), self.head(2, 5), self.head(3, 4, node=2)], self.chain))
        self.breaks(checker.check_reads([self.head(1, 5), self.head(2, 3)], self.chain), "read")
        self.holds(checker.check_reads([self.head(1, 5), self.head(2, 3)], self.chain, forgotten=[(1, 0.5, 1.7)]))

    def test_reads_of_another_chain(self):
        wrong = self.head(1, 3)
        wrong["answer"]["state_root"] = bytes(32).hex()
        self.breaks(checker.check_reads([wrong], self.chain), "read")
        block = {**self.blocks[1], "transactions": [name_of(9, 9)]}
        self.breaks(checker.check_reads([entry(1, "block", 2, "ok", block)], self.chain), "read")
        self.breaks(checker.check_reads([entry(1, "receipt", name_of(2, 1), "ok", {**receipt(2, 1), "status": 7})], self.chain), "read")
        self.breaks(checker.check_reads([entry(1, "receipt", "ab" * 32, "ok", receipt(2))], self.chain), "read")

    def test_what_was_shown_and_is_absent(self):
        for absent in (entry(2, "receipt", name_of(4, 0), "absent"), entry(2, "block", 4, "absent"), entry(2, "item", "d4", "absent")):
            self.holds(checker.check_reads([self.head(1, 3), absent], self.chain))
            self.breaks(checker.check_reads([self.head(1, 4), absent], self.chain), "read")

    def test_records_of_committed_evidence_stay_anchored(self):
        anchored = {"state": "anchored", "transaction": name_of(2, 0), "height": 2}
        self.holds(checker.check_reads([entry(1, "record", "i", "ok", {"state": "pending"}), entry(2, "record", "i", "ok", anchored)], self.chain))
        for after in ({"state": "pending"}, {"state": "refused"}):
            self.breaks(checker.check_reads([entry(1, "record", "i", "ok", anchored), entry(2, "record", "i", "ok", after)], self.chain), "read")
        self.breaks(checker.check_reads([entry(1, "record", "i", "absent")], self.chain), "read")
        self.breaks(checker.check_reads([entry(1, "record", "i", "ok", {**anchored, "height": 3})], self.chain), "read")


class Schedules(unittest.TestCase):
    def test_a_seed_is_a_schedule(self):
        for nodes, seed in itertools.product((4, 7), range(20)):
            one, two = ([str(step) for step in schedule.make(seed, nodes, kinds.KINDS, 600)] for _ in range(2))
            self.assertEqual(one, two)
            self.assertNotEqual(one, [str(step) for step in schedule.make(seed + 1, nodes, kinds.KINDS, 600)])

    def test_no_more_nodes_are_hit_than_the_cluster_bears(self):
        for nodes, seed in itertools.product((4, 7), range(20)):
            for step in schedule.make(seed, nodes, kinds.KINDS, 600):
                if all(fault.mixes for fault in step.faults):
                    self.assertLessEqual(len({node for fault in step.faults for node in fault.hits}), (nodes - 1) // 3, step)

    def test_every_kind_comes(self):
        names = {fault.name for step in schedule.make(1, 7, kinds.KINDS, 1200) for fault in step.faults}
        self.assertEqual(names, set(kinds.KINDS))


if __name__ == "__main__":
    sys.exit(faultlib.run_tests("faults_checker"))

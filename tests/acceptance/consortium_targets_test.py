#!/usr/bin/env python3
"""The ledger that four nodes share: each adds to it and reads all of it, and it takes a thousand transactions a second with a block
within two minutes. Every transaction is signed, checked on every node, and counts when its durable receipt has come back."""
import concurrent.futures
import itertools
import json
import struct
import sys
import time

import cluster
import sm
import support
import targets_test

SIGNED = 20_000


def frames(envelopes):
    return b"".join(struct.pack(">I", len(each)) + each for each in envelopes)


class Shared(cluster.Four):
    def blocks(self, node):
        """(height, hash, time, transactions) of each, the oldest first."""
        out, cursor = [], ""
        while cursor is not None:
            page = node.get(f"chains/home/blocks?limit=500{cursor}")
            out += [(each["height"], each["hash"], each["time_ms"], each["transaction_count"]) for each in page["items"]]
            cursor = f"&cursor={page['next']}" if "next" in page else None
        return out[::-1]

    def same_blocks(self):
        """Of all nodes, once they are level."""
        highest = max(node.height("home") for node in self.nodes)
        for node in self.nodes:
            cluster.wait_until(f"{node.name} at {highest}", lambda: len(self.blocks(node)) >= highest)
        first, *others = [self.blocks(node)[:highest] for node in self.nodes]
        for other in others:
            self.assertEqual(other, first)
        return first

    def test_1_every_node_adds_and_every_node_reads_all(self):
        with concurrent.futures.ThreadPoolExecutor(len(self.nodes)) as pool:
            added = list(pool.map(lambda node: [self.add(node, "home", f"{node.name} {n}".encode(), name=f"{node.name}-{n}") for n in range(3)],
                                  self.nodes))
        self.same_blocks()
        for node in self.nodes:
            for item in itertools.chain.from_iterable(added):
                bundle = self.base / f"{node.name}-{item['digest'][:16]}.cxproof"
                cluster.wait_until("the record", lambda: node.cli("evidence", "export", "--digest", item["digest"], "--chain", "home", "--out", bundle))
        self.assertEqual(len({json.dumps(node.cli("chain", "verify", "home"), sort_keys=True) for node in self.nodes}), 1)

    def add(self, node, chain, text, name=None):
        file = self.base / f"{name}.txt"
        file.write_bytes(text)
        return node.cli("evidence", "add", file, "--chain", chain, "--wait")["items"][0]

    def test_2_a_thousand_transactions_a_second_and_blocks_within_two_minutes(self):
        one = self.nodes[0]
        key = sm.Key.from_pem((one.data / "keys/service.pem").read_text(encoding="utf-8"))
        chain = bytes.fromhex(one.cli("chain", "show", "home")["id"])
        part = SIGNED // len(self.nodes)
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            signed = list(pool.map(targets_test.sign_many, *zip(*[(key.secret, chain, part)] * len(self.nodes))))
        files = [self.base / f"{node.name}.stream" for node in self.nodes]
        for file, envelopes in zip(files, signed):
            file.write_bytes(frames(envelopes))
        before = one.height("home")
        time.sleep(2)  # the chain rests: what wakes it bears the time of now and not of the last block before
        began = time.time()
        with concurrent.futures.ThreadPoolExecutor(len(self.nodes)) as pool:
            told = list(pool.map(lambda pair: pair[0].cli("chain", "submit", "--stream", pair[1], "home"), zip(self.nodes, files)))
        seconds = time.time() - began
        self.assertEqual([each["accepted"] for each in told], [part] * len(self.nodes), told)
        blocks = self.same_blocks()[before:]
        self.assertEqual(sum(block[3] for block in blocks), SIGNED, "each is on the chain, once")
        self.assertGreaterEqual(blocks[0][2], began * 1000)
        moments = [began * 1000, *(block[2] for block in blocks)]
        longest = max(after - before for before, after in zip(moments, moments[1:]))
        print(f"{SIGNED} transactions on four nodes in {seconds:.1f} s: {SIGNED / seconds:.0f}/s; {len(blocks)} blocks, at most {longest:.0f} ms apart")
        self.assertGreaterEqual(SIGNED / seconds, targets_test.WANTED_PER_SECOND)
        self.assertLessEqual(longest, targets_test.WANTED_INTERVAL_MS)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_consortium_targets"))

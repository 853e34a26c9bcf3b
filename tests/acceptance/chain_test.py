#!/usr/bin/env python3
"""A chain as its reader sees it: every root, path and hash that the interface gives is recomputed here, from the formats
and RFC 9162 alone; then it is pruned, exported, imported, and damaged on disk."""
import base64
import json
import random
import shutil
import sys
import time

import elder
import sm
import support


def raw(text):
    return base64.b64decode(text)


class Recomputed(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pem = (cls.platform.data / "keys/service.pem").read_text(encoding="utf-8")
        cls.key = sm.Key.from_pem(pem)
        cls.chain = bytes.fromhex(cls.platform.get("/api/v1/chains/default")["id"])
        for n in range(37):
            body, _ = sm.sign_digests(cls.key, cls.chain, [sm.sm3(bytes([n, k])) for k in range(n % 5 + 1)], int(time.time() * 1000))
            status, _, answer = cls.platform.request("POST", "/api/v1/chains/default/transactions", body,
                                                     {"Content-Type": "application/x-protobuf"})
            assert status == 201, answer
            cls.first = answer["transaction"] if n == 0 else cls.first
        cls.platform.post("/api/v1/evidence/batch?wait=receipt", {"items": [{"digest": f"{n:064x}"} for n in range(300)]})
        cls.head = cls.platform.get("/api/v1/chains/default")
        cls.blocks = [cls.platform.get(f"/api/v1/chains/default/blocks/{h}") for h in range(1, cls.head["height"] + 1)]
        cls.leaves, cls.transactions = [], []
        for block in cls.blocks:
            for one in block["transactions"]:
                transaction = cls.platform.get(f"/api/v1/chains/default/transactions/{one}")
                cls.transactions.append(transaction)
                cls.leaves.append(sm.log_leaf(raw(transaction["body"]), raw(transaction["receipt"]["bytes"])))

    def header(self, block):
        return sm.Header(raw(block["header"]))

    def test_headers_form_a_chain(self):
        self.assertEqual(sm.sm3(self.head["genesis"].encode()), self.chain)
        previous, protocol = None, json.loads(self.head["genesis"])["protocol"]
        for number, block in enumerate(self.blocks, 1):
            header = self.header(block)
            self.assertEqual((header.version, header.chain, header.height), (protocol, self.chain, number))
            self.assertEqual(header.previous, previous.hash if previous else self.chain)
            self.assertGreaterEqual(header.time_ms, previous.time_ms if previous else 0)
            self.assertEqual(header.hash.hex(), block["hash"])
            self.assertEqual((header.log_root.hex(), header.state_root.hex(), header.log_size, header.validators_hash.hex()),
                             (block["log_root"], block["state_root"], block["log_size"], block["validators_hash"]))
            previous = header
        self.assertEqual(previous.hash.hex(), self.head["header_hash"])
        validators = json.loads(self.head["genesis"])["validators"]
        encoded = len(validators).to_bytes(2, "big") + b"".join(bytes.fromhex(v["public_key"]) + v["weight"].to_bytes(8, "big") for v in validators)
        self.assertEqual(sm.tagged("chengxin/validators/v1", encoded).hex(), self.blocks[0]["validators_hash"])

    def test_every_log_root_is_that_of_its_transactions(self):
        size = 0
        for block in self.blocks:
            size += block["transaction_count"]
            self.assertEqual(block["log_size"], size)
            self.assertEqual(sm.root_of(self.leaves[:size]).hex(), block["log_root"])
        self.assertEqual(size, len(self.leaves))

    def test_transactions_and_receipts(self):
        for index, one in enumerate(self.transactions):
            body, receipt = raw(one["body"]), raw(one["receipt"]["bytes"])
            self.assertEqual(sm.transaction_hash(body).hex(), one["hash"])
            self.assertEqual(len(receipt), 92)
            self.assertEqual(receipt[28:60].hex(), one["receipt"]["events_digest"])
            self.assertEqual(sm.tagged("chengxin/output/v1", raw(one["output"])), receipt[60:])
            events = len(one["events"]).to_bytes(2, "big")
            for event in one["events"]:
                for name in ("contract", "type"):
                    events += len(event[name]).to_bytes(2, "big") + event[name].encode()
                events += len(raw(event["data"])).to_bytes(4, "big") + raw(event["data"])
            self.assertEqual(sm.tagged("chengxin/events/v1", events), receipt[28:60])
            self.assertEqual(sm.number(receipt[4:12]), one["receipt"]["gas"])
            self.assertEqual(one["receipt"]["status"], 0, index)

    def test_consistency_between_all_sizes(self):
        roots = {n: sm.root_of(self.leaves[:n]) for n in range(1, len(self.leaves) + 1)}
        pairs = [(a, b) for b in roots for a in range(1, b + 1)]
        for first, second in random.sample(pairs, 150) + [(1, len(roots)), (len(roots), len(roots))]:
            path = [bytes.fromhex(h) for h in self.platform.get(f"/api/v1/chains/default/consistency?from={first}&to={second}")["path"]]
            self.assertTrue(sm.consistent(first, second, roots[first], roots[second], path), (first, second))
            if path:
                bent = [bytes(32), *path[1:]]
                self.assertFalse(sm.consistent(first, second, roots[first], roots[second], bent), "this check can fail")

    def test_item_proofs_recomputed(self):
        """From the item to the header: inner path, call's root, signed body, receipt, log path."""
        for n in range(12):
            digest = sm.sm3(bytes([n, n % (n % 5 + 1)]))
            answer = self.platform.request("GET", f"/api/v1/chains/default/items/{digest.hex()}/proof?timestamp=false")
            part = sm.sections(answer[2])
            self.assertEqual(part[1], digest)
            inner = part[2]
            path = [inner[19 + 32 * i:51 + 32 * i] for i in range(inner[18])]
            root = sm.inclusion_root(sm.leaf_hash(digest), sm.number(inner[2:10]), sm.number(inner[10:18]), path)
            self.assertIn(root, part[3], "the call commits to the item's root")
            header = sm.Header(part[7])
            log = part[6]
            path = [log[9 + 32 * i:41 + 32 * i] for i in range(log[8])]
            leaf = sm.log_leaf(part[3], part[5])
            self.assertEqual(leaf, self.leaves[sm.number(log[:8])])
            self.assertEqual(sm.inclusion_root(leaf, sm.number(log[:8]), header.log_size, path), header.log_root)
            self.assertIn(header.hash.hex(), [block["hash"] for block in self.blocks])

    def test_state_membership_and_absence(self):
        account = b"key/" + self.key.id
        for key, present in ((b"chain/validators", True), (account, True), (b"key/" + bytes(16), False), (b"x", False)):
            answer = self.platform.get(f"/api/v1/chains/default/state/{key.hex()}")
            value = raw(answer["value"]) if answer["value"] is not None else None
            self.assertEqual(value is not None, present)
            header = sm.Header(raw(answer["header"]))
            root, kind = sm.state_root(key, value, raw(answer["proof"]))
            self.assertEqual((root, kind == 1), (header.state_root, present))
            self.assertIn(header.hash.hex(), [block["hash"] for block in self.blocks])
            if present:
                self.assertNotEqual(sm.state_root(key, value + b"\0", raw(answer["proof"]))[0], header.state_root)
        self.assertEqual(raw(self.platform.get(f"/api/v1/chains/default/state/{account.hex()}")["value"])[1:66], self.key.public)
        first = self.platform.get("/api/v1/chains/default/state/" + b"chain/validators".hex() + "?height=1")
        self.assertEqual(sm.Header(raw(first["header"])).height, 1)

    def test_command_line_shows_the_same(self):
        self.assertEqual(self.cli("chain", "show", "default")["id"], self.chain.hex())
        self.assertEqual(self.cli("chain", "show", self.chain.hex())["name"], "default")
        self.assertEqual([c["name"] for c in self.cli("chain", "list")["items"]], ["default"])
        self.assertEqual(self.cli("block", "show", 3), self.blocks[2])
        self.assertEqual(self.cli("tx", "show", self.transactions[4]["hash"]), self.transactions[4])
        self.assertEqual(self.cli("block", "show", 10 ** 6, code=4)["error"]["reason"], "ledger.no_block")
        self.assertEqual(self.cli("tx", "show", "00" * 32, code=4)["error"]["exit"], 4)
        found = self.platform.get(f"/api/v1/chains/default/items/{sm.sm3(bytes([0, 0])).hex()}")["items"]
        self.assertEqual(found[0]["transaction"], self.first)
        while self.platform.get("/api/v1/mirror")["chains"][0]["lag_blocks"]:
            time.sleep(0.05)
        listed = self.platform.get(f"/api/v1/chains/default/transactions?signer={self.key.id.hex()}&contract=evidence&limit=500")["items"]
        # The platform goes on putting what it anchors on the chain.
        self.assertEqual([one["hash"] for one in listed if one["height"] <= self.head["height"]], [one["hash"] for one in reversed(self.transactions)])


class Kept(support.Case):
    """Chains through stop, prune, export, import and damage."""

    def fill(self, platform, chain="default", blocks=30):
        ids = []
        for n in range(blocks):
            item = platform.post("/api/v1/evidence?wait=receipt", {"digest": sm.sm3(f"{chain} {n}".encode()).hex(), "chain": chain, "title": f"{n}"})
            ids.append(item)
        return ids

    def test_create_and_verify_running_and_stopped(self):
        platform = self.start(self.folder() / "data")
        created = platform.cli("chain", "create", "second").json
        self.fill(platform, "second", 5)
        running = platform.cli("chain", "verify", "second")
        self.assertEqual((running.code, running.json["id"], running.json["height"]), (0, created["id"], 5), running)
        self.assertEqual(platform.cli("chain", "create", "second").code, 6)
        self.assertEqual(platform.cli("chain", "verify", "third").code, 4)
        self.assertEqual(platform.stop(), 0)
        stopped = platform.cli("chain", "verify", "second")
        self.assertEqual((stopped.code, stopped.json), (0, running.json), stopped)
        self.assertEqual(platform.cli("chain", "verify", "third").code, 4)
        again = self.start(platform.data)
        self.assertEqual({c["name"] for c in again.get("/api/v1/chains")["items"]}, {"default", "second"})

    def test_young_blocks_are_not_dropped(self):
        """Within a day a transaction could be sent again: what tells that it was executed must stay."""
        items = self.fill(self.platform, blocks=3)
        done = self.cli("chain", "prune", "default", "--before", items[-1]["height"], code=6)
        self.assertEqual(done["error"]["reason"], "ledger.prune_too_young")

    def test_a_pruned_chain_keeps_its_proofs(self):
        """On a chain three days old, which is written here by the formats' pages alone and imported."""
        folder = self.folder()
        data = folder / "data"
        self.assertEqual(support.command(["init"], data).code, 0)
        keys = {name: sm.Key.from_pem((data / f"keys/{name}.pem").read_text(encoding="utf-8")) for name in ("validator", "service")}
        digests = [sm.sm3(f"old {n}".encode()) for n in range(40)]
        (folder / "old").write_bytes(elder.chain_file("default", keys["validator"], keys["service"], digests, int(time.time() * 1000) - 3 * 86_400_000))
        imported = support.command(["--json", "chain", "import", folder / "old"], data)
        self.assertEqual(imported.code, 0, imported)
        platform = self.start(data)
        new = self.fill(platform, blocks=5)
        for name in ("before", "after"):
            if name == "after":
                before = platform.get("/api/v1/chains/default")
                gone = platform.get("/api/v1/chains/default/blocks/7")["transactions"][0]
                pruned = platform.cli("chain", "prune", "default", "--before", "31")
                self.assertEqual((pruned.code, (pruned.json or {}).get("oldest_height")), (0, 31), pruned)
            for digest in digests[30:] if name == "after" else digests:
                status, _, proof = platform.request("GET", f"/api/v1/chains/default/items/{digest.hex()}/proof")
                self.assertEqual(status, 200, proof)
                (folder / f"{digest.hex()[:8]}.{name}.cxproof").write_bytes(proof)
        after = platform.get("/api/v1/chains/default")
        self.assertEqual({**after, "oldest_height": 0, "disk_bytes": 0, "mirror_height": 0}, {**before, "oldest_height": 0, "disk_bytes": 0, "mirror_height": 0})
        with self.subTest("proofs from before and from after hold"):
            for bundle in (f"{digests[0].hex()[:8]}.before", f"{digests[29].hex()[:8]}.before", f"{digests[39].hex()[:8]}.after"):
                self.assertEqual(self.verified(folder / f"{bundle}.cxproof")["chain"], after["id"])
            bundle = folder / "new.cxproof"
            self.assertEqual(platform.cli("evidence", "export", new[0]["id"], "--out", str(bundle)).code, 0)
            self.verified(bundle)
        with self.subTest("what was dropped says so"):
            self.refused(platform.request("GET", f"/api/v1/chains/default/transactions/{gone}"), 410, "ledger.pruned")
            self.refused(platform.request("GET", "/api/v1/chains/default/events?after=1"), 410, "ledger.pruned")
            self.assertEqual(platform.cli("tx", "show", gone).code, 4)
            self.assertIn(platform.request("GET", f"/api/v1/chains/default/items/{digests[0].hex()}/proof")[0], (404, 410))
            done = platform.cli("chain", "export", "default", "--out", str(folder / "export"))
            self.assertEqual((done.code, done.reason), (4, "ledger.pruned"), done)
            self.assertFalse((folder / "export").exists())
        with self.subTest("headers, consistency and the whole chain hold"):
            block = platform.get("/api/v1/chains/default/blocks/7")
            self.assertTrue(block["pruned"])
            self.assertEqual(sm.Header(raw(block["header"])).hash.hex(), block["hash"])
            path = platform.get(f"/api/v1/chains/default/consistency?from=7&to={after['log_size']}")["path"]
            self.assertTrue(sm.consistent(7, after["log_size"], bytes.fromhex(block["log_root"]), bytes.fromhex(after["log_root"]),
                                          [bytes.fromhex(one) for one in path]))
            self.assertEqual(platform.cli("chain", "verify", "default").json["log_root"], before["log_root"])
        with self.subTest("a height that is not there"):
            self.assertEqual(platform.cli("chain", "prune", "default", "--before", str(after["height"] + 5)).code, 4)

    def test_exported_and_imported_elsewhere(self):
        folder = self.folder()
        platform = self.start(folder / "from")
        self.assertEqual(platform.cli("chain", "create", "moved").code, 0)
        items = self.fill(platform, "moved")
        file, target = folder / "chain.cxchain", folder / "into"
        exported = platform.cli("chain", "export", "moved", "--out", str(file))
        self.assertEqual(exported.code, 0, exported)
        self.assertEqual(support.command(["init"], target).code, 0)
        with self.subTest("a damaged export is refused, says where, and leaves nothing"):
            data = bytearray(file.read_bytes())
            for place in (len(data) // 2, len(data) - 1, 40):
                bent = bytes(data[:place]) + bytes([data[place] ^ 1]) + bytes(data[place + 1:])
                (folder / "bent").write_bytes(bent)
                done = support.command(["--json", "chain", "import", folder / "bent"], target)
                self.assertIn(done.code, (1, 2, 7), done)
                self.assertRegex(done.json["error"]["detail"], r"block \d+|digest|genesis", done)
                self.assertEqual(list((target / "chains").iterdir()), [])
        imported = support.command(["--json", "chain", "import", file], target)
        self.assertEqual((imported.code, imported.json), (0, {"chain": "moved"}), imported)
        self.assertEqual(support.command(["--json", "chain", "verify", "moved"], target).json, platform.cli("chain", "verify", "moved").json)
        self.assertEqual(support.command(["--json", "chain", "import", file], target).code, 6)
        other = self.start(target)
        self.assertEqual(other.get("/api/v1/chains/moved")["log_root"], platform.get("/api/v1/chains/moved")["log_root"])
        status, _, proof = other.request("GET", f"/api/v1/chains/moved/items/{items[3]['digest']}/proof")
        self.assertEqual(status, 200, proof)
        (folder / "x.cxproof").write_bytes(proof)
        self.verified(folder / "x.cxproof")
        with self.subTest("what only its validator may do is refused in plain words"):
            answer = other.request("POST", "/api/v1/evidence?wait=receipt", {"digest": "aa" * 32, "chain": "moved"})
            self.assertGreaterEqual(answer[0], 400, answer)
            self.refused(answer, answer[0], answer[2]["reason"])
        with self.subTest("and the platform has a chain of its own to go on with"):
            self.assertEqual(other.request("POST", "/api/v1/evidence?wait=receipt", {"digest": "aa" * 32})[0], 201)

    def test_a_flipped_bit_on_disk_is_found(self):
        folder = self.folder()
        platform = self.start(folder / "data")
        self.fill(platform, blocks=60)
        self.assertEqual(platform.stop(), 0)
        chain = platform.data / "chains/default"
        files = [path for path in sorted(chain.rglob("*")) if path.is_file() and path.stat().st_size > 0
                 and not path.name.startswith(("OPTIONS", "LOG")) and path.name not in ("IDENTITY", "LOCK")]
        self.assertTrue(any(path.suffix == ".sst" for path in files), files)
        generator = random.Random(20)
        for path in files:
            whole = path.read_bytes()
            for _ in range(4 if path.suffix == ".sst" else 2):
                at = generator.randrange(len(whole))
                path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << generator.randrange(8)]) + whole[at + 1:])
                with self.subTest(file=str(path.relative_to(chain)), byte=at, size=len(whole)):
                    copy = folder / "copy"
                    shutil.copytree(platform.data, copy)
                    done = support.command(["--json", "chain", "verify", "default"], copy)
                    self.assertIn(done.code, (1, 7), done)
                    self.assertRegex(done.json["error"]["detail"], r"block \d+|height \d+|\.sst|\.log|MANIFEST|CURRENT|head", done)
                shutil.rmtree(folder / "copy", ignore_errors=True)
            path.write_bytes(whole)
        self.assertEqual(support.command(["chain", "verify", "default"], platform.data).code, 0)

    def test_a_missing_tail_is_found(self):
        """Blocks that were durable and are no longer there: an older copy of the store put back in place."""
        folder = self.folder()
        platform = self.start(folder / "data")
        self.fill(platform, blocks=5)
        platform.stop()
        shutil.copytree(platform.data / "chains/default/store", folder / "older")
        platform = self.start(folder / "data")
        self.fill(platform, blocks=5)
        platform.stop()
        shutil.rmtree(platform.data / "chains/default/store")
        shutil.copytree(folder / "older", platform.data / "chains/default/store")
        done = support.command(["--json", "chain", "verify", "default"], platform.data)
        self.assertIn(done.code, (1, 7), done)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_chain"))

#!/usr/bin/env python3
"""Evidence from beginning to end, by the command line: found, anchored, searched, linked, disclosed, proved to a stranger."""
import hashlib
import os
import pathlib
import secrets
import shutil
import sys
import threading
import time

import sm
import support


class Files(support.Case):
    """What `evidence add` makes of folders as they are."""

    def add_tree(self, tree, *arguments, code=0, **keywords):
        done = self.cli("evidence", "add", tree, "--wait", *arguments, code=code, **keywords)
        return {item["title"]: item for item in done["items"]}, {pathlib.PurePath(p["path"]).name: p for p in done["problems"]}

    def test_odd_names_are_taken_and_proved(self):
        tree, out = self.folder(), self.folder("out")
        names = ["合同 最终版.pdf", " spaces ", "new\nline", "quote'\"`$(x)", "-rf", "%00", "é", "e\u0301", "a" * 250, ".hidden", "x.cxproof"]
        for name in names:
            (tree / name).write_text(f"content of {name}", encoding="utf-8")
        with open(bytes(tree) + b"/latin-\xe9.txt", "wb") as file:
            file.write(b"name that is no UTF-8")
        items, problems = self.add_tree(tree, "--out", out)
        self.assertEqual(len(items), len(names) + 1)
        # What cannot stand in a title as it is, is spelled, and that is said.
        self.assertEqual({(name, p["skipped"]) for name, p in problems.items()}, {(r"latin-\xe9.txt", False), (r"new\x0aline", False)})
        bundles = sorted(pathlib.Path(item["bundle"]) for item in items.values())
        self.assertEqual(len(set(bundles)), len(bundles))
        spelled = {r"latin-\xe9.txt": "latin-\udce9.txt", r"new\x0aline": "new\nline"}  # by the titles, which spell odd bytes
        for item in items.values():
            name = item["title"].split("/", 1)[1]
            original = tree / spelled.get(name, name)
            if "\udce9" in original.name:  # node cannot be given such a name
                original = shutil.copy(original, out / "copy")
            self.assertEqual(sm.sm3(pathlib.Path(original).read_bytes()).hex(), item["digest"])
            facts = self.verified(item["bundle"], original, out / "default.cxanchor")
            self.assertEqual(facts["digest"], item["digest"])
            self.assertTrue(facts["file_matched"] and facts["anchor_matched"])

    def test_links_loops_and_pipes_are_named_and_passed_over(self):
        tree, outside = self.folder(), self.folder("outside")
        (tree / "empty").write_bytes(b"")
        (tree / "plain").write_text("plain", encoding="utf-8")
        (outside / "secret").write_text("not asked for", encoding="utf-8")
        (tree / "loop").symlink_to(tree)
        (tree / "leads-out").symlink_to(outside)
        (tree / "dangling").symlink_to("nowhere")
        os.mkfifo(tree / "pipe")
        items, problems = self.add_tree(tree, code=10)
        self.assertEqual({pathlib.PurePath(title).name for title in items}, {"empty", "plain"})
        self.assertEqual(set(problems), {"loop", "leads-out", "dangling", "pipe"})
        self.assertTrue(all(problem["reason"] and problem["skipped"] for problem in problems.values()), problems)

    def test_unreadable_entries_are_named(self):
        tree = self.folder()
        tree.chmod(0o755)
        for name in ("open", "closed"):
            (tree / name).write_text(name, encoding="utf-8")
        (tree / "locked").mkdir()
        (tree / "locked/inside").write_text("inside", encoding="utf-8")
        (tree / "closed").chmod(0)
        (tree / "locked").chmod(0)
        self.addCleanup((tree / "locked").chmod, 0o700)
        self.base.chmod(0o755)
        # Root reads everything: somebody else asks, with a token as any colleague has.
        token = self.cli("token", "create", "colleague")["token"]
        user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        done = support.command(["--json", "--server", self.platform.url, "evidence", "add", tree, "--wait"],
                               environment={"CHENGXIN_TOKEN": token}, cwd="/", **user)
        self.assertEqual(done.code, 10, done)
        self.assertEqual([pathlib.PurePath(item["title"]).name for item in done.json["items"]], ["open"])
        self.assertEqual({pathlib.PurePath(p["path"]).name for p in done.json["problems"]}, {"closed", "locked"})
        self.assertEqual({p["reason"] for p in done.json["problems"]}, {"file.denied"})

    def test_a_file_that_changes_while_it_is_read_is_refused(self):
        tree, stop = self.folder(), threading.Event()
        changing = tree / "changing.log"
        changing.write_bytes(bytes(64 << 20))
        (tree / "still").write_text("still", encoding="utf-8")

        def write():
            with open(changing, "r+b") as file:
                while not stop.is_set():
                    file.seek(0)
                    file.write(secrets.token_bytes(8))
                    file.flush()
                    time.sleep(0.001)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            items, problems = self.add_tree(tree, code=10)
        finally:
            stop.set()
            writer.join()
        self.assertEqual([pathlib.PurePath(title).name for title in items], ["still"])
        self.assertEqual(problems["changing.log"]["reason"], "file.changed")

    def test_the_same_content_again_is_said(self):
        tree = self.folder()
        (tree / "one").write_text("the same", encoding="utf-8")
        first = self.cli("evidence", "add", tree / "one", "--wait")["items"][0]
        again = self.cli("evidence", "add", tree / "one", "--wait")["items"][0]
        self.assertEqual((first["same_digest"], again["same_digest"]), ([], [first["id"]]))
        self.assertNotEqual(first["transaction"], again["transaction"])
        human = support.command(["evidence", "add", tree / "one", "--wait"], self.platform.data)
        self.assertIn("同一内容已存证过 the same content was notarised before", human.out)

    def test_bundles_of_an_earlier_day_are_not_overwritten(self):
        out, bundles = self.folder("out"), []
        for name in ("a", "b"):
            folder = self.folder(name)
            (folder / "report.txt").write_text(f"report {name}", encoding="utf-8")
            bundles.append(self.cli("evidence", "add", folder / "report.txt", "--out", out)["items"][0]["bundle"])
        self.assertEqual(len(set(bundles)), 2)
        for name, bundle in zip("ab", bundles):
            self.verified(bundle, self.base / f"{self.id().rsplit('.', 1)[-1]}.{name}" / "report.txt")

    def test_nothing_at_all_was_added(self):
        done = self.platform.cli("evidence", "add", str(self.base / "nowhere"))
        self.assertNotIn(done.code, (0, 10), f"nothing was done, not a part: {done}")


class Proofs(support.Case):
    """What a stranger can be shown, and what cannot be passed off."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.original = cls.base / "合同.txt"
        cls.original.write_text("甲方与乙方约定如下", encoding="utf-8")
        cls.out = cls.base / "proofs"
        done = cls.platform.cli("evidence", "add", str(cls.original), "--holder", "某公司", "--type", "合同", "--tag", "采购", "--tag",
                                "2026", "--keep", "--sha256", "--out", str(cls.out))
        assert done.code == 0, done
        cls.item = done.json["items"][0]
        cls.bundle, cls.anchor = pathlib.Path(cls.item["bundle"]), cls.out / "default.cxanchor"

    def test_facts(self):
        facts = self.verified(self.bundle, self.original, self.anchor)
        self.assertEqual(facts["digest"], sm.sm3(self.original.read_bytes()).hex())
        self.assertEqual(facts["record"]["digest.sha256"], hashlib.sha256(self.original.read_bytes()).hexdigest())
        self.assertEqual((facts["record"]["holder"], facts["record"]["tags"]), ("某公司", ["2026", "采购"]))
        self.assertIn("capture.clock", facts["record"])
        self.assertIn("time", facts["timestamp"])
        human = support.command(["verify", self.bundle, "--file", self.original])
        self.assertIn("验证通过 VERIFIED", human.out)
        self.assertIn("请核对上面的链号", human.out)  # without an anchor it says what is left to compare

    def test_record_and_log_recomputed(self):
        """With code that shares nothing with either verifier: commitment, transaction, leaf, log path, genesis."""
        part = sm.sections(self.bundle.read_bytes())
        record, leaves, at = part[12], [], 2
        for _ in range(int.from_bytes(record[:2], "big")):
            self.assertEqual(record[at], 1)
            name = int.from_bytes(record[at + 17:at + 19], "big")
            value_at = at + 19 + name
            value = int.from_bytes(record[value_at:value_at + 4], "big")
            leaves.append(sm.leaf_hash(record[at + 1:value_at] + record[value_at + 4:value_at + 4 + value]))
            at = value_at + 4 + value
        self.assertEqual(at, len(record))
        self.assertEqual(part[1], bytes.fromhex(self.item["digest"]) + sm.root_of(leaves))
        self.assertEqual(sm.transaction_hash(part[3]).hex(), self.item["transaction"])
        header = sm.Header(part[7])
        self.assertEqual(header.chain, sm.sm3(part[9]))
        path = [part[6][9 + 32 * i:41 + 32 * i] for i in range(part[6][8])]
        leaf = sm.log_leaf(part[3], part[5])
        self.assertEqual(sm.inclusion_root(leaf, sm.number(part[6][:8]), header.log_size, path), header.log_root)

    def test_another_original_is_refused(self):
        other = self.folder() / "other"
        other.write_bytes(self.original.read_bytes() + b" ")
        self.not_verified("proof.file_mismatch", self.bundle, other)

    def test_another_chain_is_refused(self):
        folder = self.folder()
        self.cli("chain", "create", "other")
        (folder / "other.cxanchor").write_bytes(self.raw("/api/v1/chains/other/anchor"))
        self.not_verified("proof.anchor_mismatch", self.bundle, anchor=folder / "other.cxanchor")

    def raw(self, path):
        connection = self.platform.connect()
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.platform.token}"})
        return connection.getresponse().read()

    def test_each_tampered_section_has_its_reason(self):
        """One bit of the last byte of each section is flipped; the first check that it breaks names it."""
        reasons = {1: "record_mismatch", 2: "malformed", 3: "body_malformed", 4: "signature_invalid", 5: "log_path_mismatch",
                   7: "validators_unproven", 8: "certificate_invalid", 9: "chain_mismatch", 11: "timestamp_invalid"}
        data, at, bent = self.bundle.read_bytes(), 8, self.folder() / "bent.cxproof"
        ends = {}
        while at < len(data):
            kind, at = sm.number(data[at:at + 2]), at + 6 + sm.number(data[at + 2:at + 6])
            ends[kind] = at
        places = [(kind, ends[kind] - 1, reason) for kind, reason in reasons.items()]
        nonce = data.index(b"\x2a\x10", ends[2]) + 2
        places += [(3, nonce, "signature_invalid"), (5, ends[4] + 6, "not_accepted"), (7, ends[6] + 6 + 8, "chain_mismatch"),
                   (12, ends[11] + 6 + 2 + 1, "record_mismatch")]
        for kind, place, reason in places:
            with self.subTest(section=kind, byte=place):
                bent.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])
                self.not_verified(f"proof.{reason}", bent)

    def test_cut_long_and_foreign_files_are_malformed(self):
        folder, data = self.folder(), self.bundle.read_bytes()
        contents = {"cut": data[:-1], "longer": data + b"\0", "empty": b"", "text": b"CXPROOF", "huge": bytes((16 << 20) + 1)}
        for name, content in contents.items():
            with self.subTest(name):
                (folder / name).write_bytes(content)
                self.not_verified("proof.malformed", folder / name)
        (folder / "anchor").write_text('{"chain":"00"}', encoding="utf-8")
        self.not_verified("proof.anchor_malformed", self.bundle, anchor=folder / "anchor")

    def test_single_fields_are_disclosed_and_no_others(self):
        shown = self.folder() / "shown.cxproof"
        self.cli("evidence", "export", self.item["id"], "--disclose", "title,size", "--out", shown)
        facts = self.verified(shown, self.original, self.anchor)
        self.assertEqual(facts["record"], {"title": self.item["title"], "size": self.original.stat().st_size})
        self.assertEqual(facts["withheld_fields"], len(self.verified(self.bundle)["record"]) - 2)
        # Words too long to stand in a few kilobytes of hashes by chance.
        for word in ("某公司", "采购", "holder", "capture", self.item["capture"]["tool"]):
            self.assertNotIn(word.encode(), shown.read_bytes(), "withheld, yet in the file")
        done = self.platform.cli("evidence", "export", self.item["id"], "--disclose", "no_such_field", "--out", str(shown))
        self.assertEqual(done.code, 2, done)

    def test_the_original_comes_back_and_is_sealed_on_disk(self):
        content = self.raw(f"/api/v1/originals/{self.item['original']}")
        self.assertEqual(content, self.original.read_bytes())
        stored = [path for path in (self.platform.data / "blobs").rglob("*") if path.is_file()]
        self.assertGreater(len(stored), 0)
        for folder in ("blobs", "chains", "sql"):
            for path in (self.platform.data / folder).rglob("*"):
                self.assertFalse(path.is_file() and self.original.read_bytes() in path.read_bytes(), f"{path} holds the original")

    def test_offline_with_the_server_stopped_and_the_data_gone(self):
        base = self.folder()
        platform = self.start(base / "data")
        original = base / "original"
        original.write_bytes(secrets.token_bytes(1000))
        item = platform.cli("evidence", "add", str(original), "--out", str(base / "out")).json["items"][0]
        self.assertEqual(platform.stop(), 0)
        shutil.move(base / "data", base / "moved")
        self.verified(item["bundle"], original, base / "out/default.cxanchor")


class Search(support.Case):
    def test_by_every_field(self):
        start = int(time.time() * 1000)
        a = self.add("aa" * 32, title="采购合同 第一份", holder="甲", tags=["x", "y"], type="合同")
        b = self.add("bb" * 32, title="照片", holder="乙", tags=["y"], type="图片")
        middle = max(a["added_ms"], b["added_ms"]) + 1
        while int(time.time() * 1000) <= middle:
            time.sleep(0.001)
        c = self.add("aa" * 32, title="采购合同 again", holder="甲", tags=["z"])
        for arguments, wanted in ((["--digest", "aa" * 32], {a["id"], c["id"]}), (["--holder", "乙"], {b["id"]}), (["--tag", "y"], {a["id"], b["id"]}),
                                  (["--type", "合同"], {a["id"]}), (["--title", "采购"], {a["id"], c["id"]}), (["--from", middle], {c["id"]}),
                                  (["--from", start - 1, "--to", middle], {a["id"], b["id"]}), (["--holder", "甲", "--tag", "z"], {c["id"]}),
                                  (["--holder", "nobody"], set()), (["--title", "%合同_"], set()), (["--holder", "' OR 1=1 --"], set())):
            with self.subTest(arguments):
                self.assertEqual({item["id"] for item in self.cli("evidence", "list", *arguments)["items"]}, wanted)
        self.assertEqual(self.cli("evidence", "show", a["id"])["title"], "采购合同 第一份")

    def test_pages_hold_each_once(self):
        ids = [self.add(f"{n:064x}", title=f"page {n}", tags=["paged"])["id"] for n in range(25)]
        seen, cursor = [], []
        while True:
            page = self.cli("evidence", "list", "--tag", "paged", "--limit", 10, *cursor)
            seen += [item["id"] for item in page["items"]]
            if "next" not in page:
                break
            cursor = ["--cursor", page["next"]]
        self.assertEqual((len(seen), set(seen)), (25, set(ids)))

    def test_chain_of_evidence(self):
        """Photo, then report about it, then decision on both: the links are on record and proved with it."""
        folder = self.folder()
        for name in ("photo", "report", "decision"):
            (folder / name).write_text(name, encoding="utf-8")
        photo = self.cli("evidence", "add", folder / "photo", "--wait")["items"][0]
        report = self.cli("evidence", "add", folder / "report", "--wait", "--link", photo["id"])["items"][0]
        decision = self.cli("evidence", "add", folder / "decision", "--link", photo["id"], "--link", report["id"], "--out",
                            folder / "out")["items"][0]
        self.assertEqual(decision["links"], sorted([photo["id"], report["id"]]))
        facts = self.verified(decision["bundle"], folder / "decision")
        self.assertEqual(facts["record"]["links"], decision["links"])
        # From the last, every earlier one is found and proved.
        seen, todo = set(), [decision["id"]]
        while todo:
            item = self.cli("evidence", "show", todo.pop())
            seen.add(item["id"])
            todo += item["links"]
            bundle = folder / f"{item['id']}.cxproof"
            self.cli("evidence", "export", item["id"], "--out", bundle)
            self.verified(bundle, folder / item["title"])
        self.assertEqual(seen, {photo["id"], report["id"], decision["id"]})
        done = self.platform.cli("evidence", "add", str(folder / "photo"), "--link", "01890000-0000-7000-8000-000000000000")
        self.assertEqual((done.code, done.reason), (2, "evidence.link_unknown"), done)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_story"))

#!/usr/bin/env python3
"""Backups: made while additions go on, restored elsewhere with everything in them, and refused when they are not whole."""
import json
import pathlib
import random
import secrets
import shutil
import stat
import sys
import threading

import sm
import support


class Backup(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.original = cls.base / "original.txt"
        cls.original.write_text("kept, sealed, and there after a restore", encoding="utf-8")
        done = cls.platform.cli("evidence", "add", str(cls.original), "--keep", "--tag", "kept", "--wait")
        assert done.code == 0, done
        cls.item = done.json["items"][0]
        cls.token = cls.platform.cli("token", "create", "colleague").json["token"]
        cls.platform.cli("chain", "create", "second")
        cls.platform.post("/api/v1/evidence?wait=receipt", {"digest": "77" * 32, "chain": "second", "title": "on the second chain"})

        # Additions go on while the backup is made; what was acknowledged before it began must be in it.
        stop, cls.before = threading.Event(), []

        def add():
            number = 0
            while not stop.is_set():
                number += 1
                cls.before.append(cls.platform.post("/api/v1/evidence?wait=receipt", {"digest": f"{number:064x}", "tags": ["load"]}))

        thread = threading.Thread(target=add)
        thread.start()
        while len(cls.before) < 20:
            pass
        cls.known = list(cls.before)
        cls.backup = cls.base / "backup"
        made = cls.platform.cli("backup", "create", str(cls.backup))
        cls.after = len(cls.before)
        stop.set()
        thread.join()
        assert made.code == 0, made
        cls.made = made.json

    def restore(self, backup, data, code=0):
        done = support.command(["--json", "backup", "restore", backup], data)
        self.assertEqual(done.code, code, done)
        return done

    def test_every_key_is_in_it(self):
        for path in (self.platform.data / "keys").rglob("*"):
            if path.is_file():
                kept = self.backup / "installation/keys" / path.relative_to(self.platform.data / "keys")
                self.assertTrue(kept.exists() and kept.read_bytes() == path.read_bytes(), kept)

    def test_restored_into_a_new_folder(self):
        base = self.folder()
        done = self.restore(self.backup, base / "data")
        self.assertEqual(done.json["chains"], self.made["chains"])
        for name, noted in self.made["chains"].items():
            verified = support.command(["--json", "chain", "verify", name], base / "data")
            self.assertEqual((verified.code, verified.json), (0, noted), verified)
        platform = self.start(base / "data")
        with self.subTest("what was acknowledged before is there, searchable and provable"):
            for item in self.known:
                self.assertEqual([found["id"] for found in platform.get(f"/api/v1/evidence?digest={item['digest']}")["items"]], [item["id"]])
            bundle = base / "out.cxproof"
            exported = platform.cli("evidence", "export", self.item["id"], "--out", str(bundle))
            self.assertEqual(exported.code, 0, exported)
            facts = self.verified(bundle, self.original)
            self.assertEqual((facts["digest"], facts["record"]["tags"]), (self.item["digest"], ["kept"]))
        with self.subTest("every record of the backup is anchored on the chain of the backup"):
            found, cursor = [], ""
            while cursor is not None:
                page = platform.get(f"/api/v1/evidence?tag=load&limit=500{cursor}")
                found += page["items"]
                cursor = f"&cursor={page['next']}" if "next" in page else None
            self.assertGreaterEqual(len(found), len(self.known))
            self.assertEqual({item["state"] for item in found}, {"anchored"})
            for item in found[:5] + found[-5:]:
                chain = platform.get(f"/api/v1/chains/default/items/{item['digest']}")["items"]
                self.assertEqual([one["transaction"] for one in chain], [item["transaction"]])
        with self.subTest("the sealed original opens"):
            connection = platform.connect()
            connection.request("GET", f"/api/v1/originals/{self.item['original']}", headers={"Authorization": f"Bearer {platform.token}"})
            self.assertEqual(connection.getresponse().read(), self.original.read_bytes())
        with self.subTest("colleagues' tokens work, and additions go on"):
            self.assertEqual(platform.request("GET", "/api/v1/system", token=self.token)[0], 200)
            again = platform.post("/api/v1/evidence?wait=receipt", {"digest": self.item["digest"], "title": "again"})
            self.assertEqual(again["same_digest"], [self.item["id"]])

    def test_several_made_under_load_are_all_restored(self):
        base, stop = self.folder(), threading.Event()

        def add(sender):
            connection = self.platform.connect()
            while not stop.is_set():
                self.platform.request("POST", "/api/v1/evidence?wait=receipt", {"digest": secrets.token_bytes(32).hex()}, connection=connection)

        senders = [threading.Thread(target=add, args=(n,)) for n in range(4)]
        for sender in senders:
            sender.start()
        try:
            made = [self.platform.cli("backup", "create", str(base / f"b{n}")) for n in range(12)]
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        for number, one in enumerate(made):
            self.assertEqual(one.code, 0, one)
            with self.subTest(number):
                self.assertEqual(self.restore(base / f"b{number}", base / f"d{number}").json["chains"], one.json["chains"])

    def test_it_is_for_its_owner_only(self):
        for path in [self.backup, *self.backup.rglob("*")]:
            if path == self.backup or "keys" in path.parts and path.suffix != ".der":
                self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)

    def test_names_that_are_taken(self):
        again = self.platform.cli("backup", "create", str(self.backup))
        self.assertEqual((again.code, again.reason), (6, "backup.exists"))
        nowhere = self.platform.cli("backup", "create", "/proc/nowhere/backup")
        self.assertNotEqual(nowhere.code, 0)
        self.assertTrue(nowhere.reason, nowhere)
        full = self.folder()
        (full / "mine").write_text("somebody's", encoding="utf-8")
        done = self.restore(self.backup, full, code=6)
        self.assertEqual(done.reason, "install.not_empty")
        self.assertEqual([path.name for path in full.iterdir()], ["mine"])
        self.assertEqual(self.restore(self.base / "nothing", self.base / "x", code=4).reason, "backup.missing")
        self.assertFalse((self.base / "x").exists())

    def test_damaged_backups_are_refused_and_leave_nothing(self):
        files = sorted(path.relative_to(self.backup) for path in self.backup.rglob("*") if path.is_file() and path.stat().st_size)
        kinds = {}
        for path in files:  # one of each kind of file
            kinds.setdefault((path.parts[0], path.suffix or path.name), path)
        generator = random.Random(5)
        base = self.folder()
        for path in kinds.values():
            for what in ("flipped", "cut", "missing"):
                with self.subTest(file=str(path), what=what):
                    bent = base / "bent"
                    shutil.copytree(self.backup, bent, copy_function=lambda a, b: pathlib.Path(b).hardlink_to(a))
                    data = bytearray((self.backup / path).read_bytes())
                    (bent / path).unlink()
                    if what == "flipped":
                        data[generator.randrange(len(data))] ^= 1
                    if what != "missing":
                        (bent / path).write_bytes(data[:-1] if what == "cut" else data)
                    done = support.command(["--json", "backup", "restore", bent], base / "data")
                    self.assertNotEqual(done.code, 0)
                    self.assertRegex(done.reason or "", r"^backup\.(damaged|signature|missing)$", done)
                    if len(path.parts) > 1:
                        self.assertIn(path.name, done.json["error"]["detail"])
                    self.assertFalse((base / "data").exists(), "a refused restore leaves nothing")
                shutil.rmtree(base / "bent", ignore_errors=True)
                shutil.rmtree(base / "data", ignore_errors=True)

    def test_a_manifest_that_somebody_wrote_is_refused(self):
        base = self.folder()
        shutil.copytree(self.backup, base / "bent")
        manifest = json.loads((base / "bent/backup.json").read_text(encoding="utf-8"))
        (base / "bent/installation/chengxin.yaml").write_text("listen: 0.0.0.0:80\n", encoding="utf-8")
        for file in manifest["files"]:
            if file["path"] == "installation/chengxin.yaml":
                content = (base / "bent" / file["path"]).read_bytes()
                file.update(size=len(content), sm3=sm.sm3(content).hex())
        (base / "bent/backup.json").write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")), encoding="utf-8")
        self.assertEqual(self.restore(base / "bent", base / "data", code=7).reason, "backup.signature")
        added = self.folder("added")
        shutil.copytree(self.backup, added / "bent")
        (added / "bent/installation/keys/extra.pem").write_text("not in the manifest", encoding="utf-8")
        support.command(["backup", "restore", added / "bent"], added / "data")
        self.assertFalse((added / "data/keys/extra.pem").exists())

    def test_mirror_is_made_anew(self):
        base = self.folder()
        self.restore(self.backup, base / "data")
        platform = self.start(base / "data")
        self.assertEqual(platform.cli("mirror", "rebuild", "default").code, 0)
        status = {chain["chain"]: chain for chain in platform.cli("mirror", "status").json["chains"]}
        self.assertEqual(set(status), {"default", "second"})
        self.assertEqual(status["default"]["height"], status["default"]["head"])


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_backup"))

#!/usr/bin/env python3
"""Applications as data, as an integrator has them: a pack is made, checked, broken in three files, mended, compared, packed and
signed, all on his own machine without a platform."""
import json
import sys
import unittest

import support


class Packs(support.Local):
    def setUp(self):
        super().setUp()
        self.pack = self.base / "permits"
        self.cli("new", self.pack)

    def cli(self, *words, code=0, environment=None):
        done = support.command(["--json", "pack", *map(str, words)], environment=environment)
        self.assertEqual(done.code, code, f"{words}: {done}")
        self.assertIsNotNone(done.json, done)
        return done.json

    def reason(self, *words, code):
        return self.cli(*words, code=code)["error"]["reason"]

    def edit(self, path, what, by, folder=None):
        file = (folder or self.pack) / path
        text = file.read_text(encoding="utf-8")
        self.assertIn(what, text)
        file.write_text(text.replace(what, by, 1), encoding="utf-8")
        return 1 + text[:text.index(what)].count("\n")

    def copy(self, name):
        folder = self.base / name
        for file in self.pack.rglob("*.yaml"):
            there = folder / file.relative_to(self.pack)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(file.read_bytes())
        return folder

    def test_every_mistake_at_once_and_how_to_mend_it(self):
        clean = self.cli("check", self.pack)
        self.assertEqual((clean["total"], clean["packs"][0]["pack"], clean["packs"][0]["entities"]), (0, "permits", 1))
        lines = {
            "pack.yaml": self.edit("pack.yaml", "version: 0.1.0", "vesion: 0.1.0"),
            "entities/application.yaml": self.edit("entities/application.yaml", "it.state == 'draft'", "it.stat == 'draft'"),
            "dictionaries/kind.yaml": self.edit("dictionaries/kind.yaml", "renewal: {zh: 延续, en: Renewal}", "first: {zh: 延续}"),
        }
        found = self.cli("check", self.pack, code=1)
        places = {(each["reason"], each["file"].removeprefix(f"{self.pack}/"), each["line"]): each for each in found["findings"]}
        wanted = {("pack.member_unknown", "pack.yaml"): "version", ("rules.type_field", "entities/application.yaml"): "state",
                  ("pack.yaml_duplicate", "dictionaries/kind.yaml"): ""}
        for (reason, file), mend in wanted.items():
            finding = places.get((reason, file, lines[file]))
            self.assertIsNotNone(finding, places.keys())
            self.assertEqual(finding["mend"], mend)
            self.assertRegex(finding["zh"], "[一-鿿]")
            self.assertNotRegex(finding["en"].split(" - ")[0], "[一-鿿]")
        order = [(each["file"], each["line"]) for each in found["findings"]]
        self.assertEqual(order, sorted(order))
        with self.subTest("for people: file, line and column first, as editors read it"):
            shown = support.command(["pack", "check", str(self.pack)])
            self.assertEqual(shown.code, 1)
            self.assertIn(f"{self.pack}/pack.yaml:{lines['pack.yaml']}:1: ", shown.out)
            self.assertIn("改为 mend: version", shown.out)
        self.edit("pack.yaml", "vesion", "version")
        self.edit("entities/application.yaml", "it.stat ==", "it.state ==")
        self.edit("dictionaries/kind.yaml", "first: {zh: 延续}", "renewal: {zh: 延续, en: Renewal}")
        self.assertEqual(self.cli("check", self.pack), clean)

    def test_what_a_new_version_does_to_data(self):
        newer = self.copy("newer")
        self.edit("pack.yaml", "0.1.0", "0.2.0", newer)
        self.edit("entities/application.yaml", "  phone: {text: phone, zh: 联系电话, en: Telephone, sensitivity: personal}\n", "", newer)
        self.edit("entities/application.yaml", ", mask: [phone]", "", newer)
        self.edit("entities/application.yaml", "label: subject\n", "label: subject\nnote: 说明\n", newer)
        self.edit("entities/application.yaml", "  files:", "  urgent: {flag: true, required: true}\n  files:", newer)
        self.assertEqual(self.cli("check", newer)["total"], 0)
        told = self.cli("diff", self.pack, newer)
        changes = {(each["change"], each["object"], each["member"]): each["effect"] for each in told["changes"]}
        entity = "entity permits_application"
        self.assertEqual(changes, {("changed", "pack permits", "version"): "none", ("removed", entity, "fields.phone"): "loss",
                                   ("removed", entity, "access.officer.mask"): "none", ("added", entity, "note"): "none",
                                   ("added", entity, "fields.urgent"): "migration"})
        self.assertEqual((told["loss"], told["migration"]), (1, 1))
        self.assertEqual(self.cli("diff", self.pack, self.pack)["changes"], [])
        with self.subTest("of a pack with mistakes nothing is said"):
            self.edit("pack.yaml", "title:", "title", newer)
            self.assertEqual(self.reason("diff", self.pack, newer, code=2), "pack.yaml")

    def test_packed_signed_and_refused(self):
        keys = self.base / "data"
        made = support.command(["--json", "key", "create", "publisher"], data=keys)
        self.assertEqual(made.code, 0, made)
        other = support.command(["--json", "key", "create", "other"], data=keys)
        self.assertEqual(other.code, 0, other)
        private = keys / "keys/user/publisher.pem"
        public = {name: self.base / f"{name}.pem" for name in ("publisher", "other")}
        for name, done in (("publisher", made), ("other", other)):
            point = bytes.fromhex(done.json["public_key"])
            public[name].write_text(support_pem(point), encoding="ascii")
        plain, signed = self.base / "plain.cxpack", self.base / "signed.cxpack"
        self.assertEqual(self.cli("export", self.pack, "--out", plain)["signed"], False)
        told = self.cli("export", self.pack, "--out", signed, "--key", private)
        self.assertEqual((told["signed"], told["pack"], told["version"]), (True, "permits", "0.1.0"))
        again = self.base / "again.cxpack"
        self.cli("export", self.copy("elsewhere"), "--out", again)
        self.assertEqual(again.read_bytes(), plain.read_bytes(), "equal files give equal bytes")
        self.assertEqual(self.cli("check", signed, "--signed-by", public["publisher"], "--installed", "0.1.0")["total"], 0)
        self.assertEqual(self.reason("check", plain, "--signed-by", public["publisher"], code=5), "pack.unsigned")
        self.assertEqual(self.reason("check", self.pack, "--signed-by", public["publisher"], code=5), "pack.unsigned")
        self.assertEqual(self.reason("check", signed, "--signed-by", public["other"], code=5), "pack.signer")
        self.assertEqual(self.reason("check", signed, "--installed", "0.1.1", code=6), "pack.downgrade")
        bent = bytearray(signed.read_bytes())
        bent[700] ^= 1
        signed.write_bytes(bent)
        self.assertEqual(self.reason("check", signed, code=7), "pack.signature")
        self.assertEqual(self.cli("diff", self.pack, plain)["changes"], [])

    def test_what_is_no_pack_is_refused(self):
        (self.pack / "entities/out.yaml").symlink_to("/etc/passwd")
        (self.pack / "scripts").mkdir()
        (self.pack / "scripts/run.sh").write_text("true\n", encoding="ascii")
        (self.pack / "texts/fr.yaml").write_text("language: fr\ntexts: {permits.subject_short: x}\n", encoding="ascii")
        (self.pack / "dictionaries/bomb.yaml").write_text(
            "a: &a [x, x]\n" + "".join(f"a{i}: &a{i} [*a, *a]\n" for i in range(300)), encoding="ascii")
        found = self.cli("check", self.pack, code=1)
        self.assertEqual(len(found["findings"]), 200)
        self.assertGreater(found["total"], 600)
        self.assertEqual(self.reason("check", self.base / "nowhere", code=4), "file.not_found")
        (self.pack / "dictionaries/bomb.yaml").unlink()
        reasons = {each["reason"] for each in self.cli("check", self.pack, code=1)["findings"]}
        self.assertEqual(reasons, {"pack.link", "pack.file_unknown", "pack.choice"})
        self.assertEqual(self.reason("new", self.pack, code=6), "pack.exists")

    def test_schemas_for_editors(self):
        kinds = {"calendar", "pack", "dictionary", "entity", "decision", "process", "view", "texts"}
        settings = json.loads((self.pack / ".vscode/settings.json").read_text(encoding="utf-8"))["yaml.schemas"]
        self.assertEqual(set(settings), {f"./.schemas/{kind}.json" for kind in kinds})
        self.assertEqual(set(self.cli("schema")), kinds)
        self.cli("schema", "--out", self.base / "schemas")
        for kind in kinds:
            written = json.loads((self.base / f"schemas/{kind}.json").read_text(encoding="utf-8"))
            self.assertEqual(written, self.cli("schema", kind))
            self.assertEqual(written, json.loads((self.pack / f".schemas/{kind}.json").read_text(encoding="utf-8")))
        record = self.cli("schema", "--entity", "permits_application", "--of", self.pack)
        self.assertEqual(record["required"], ["subject"])
        self.assertEqual(self.reason("schema", "forms", code=4), "pack.kind")

    def test_processes_go_to_a_modeller_and_come_back(self):
        sampler = support.ROOT / "packs/sampler"
        told = self.cli("bpmn", "export", sampler, "--out", self.base / "out")
        file = self.base / "out/transfer.bpmn"
        self.assertEqual((told["files"], told["total"]), ([str(file)], 0))
        self.assertEqual(self.reason("bpmn", "export", sampler, "transfers", "--out", self.base, code=4), "pack.process_unknown")
        xml = file.read_text(encoding="utf-8")
        self.assertIn("http://www.omg.org/spec/BPMN/20100524/MODEL", xml)

        self.assertEqual(self.reason("bpmn", "import", file, "--into", self.base / "out", code=4), "pack.missing")
        told = self.cli("bpmn", "import", file, "--into", self.pack)
        self.assertEqual((told["process"], told["renamed"], told["left_out"]), ("transfer", [], []))
        written = self.pack / "processes/transfer.yaml"
        self.assertEqual(told["file"], str(written))
        before = written.read_bytes()
        self.assertEqual(self.reason("bpmn", "import", file, "--into", self.pack, code=6), "pack.process_exists")
        with self.subTest("what an analyst changes in the modeller is what changes in the pack"):
            changed = self.base / "changed.bpmn"
            changed.write_text(xml.replace(">P3D<", ">P5D<").replace(">carrier<", ">driver<", 1), encoding="utf-8")
            self.cli("bpmn", "import", changed, "--into", self.pack, "--replace")
            after = written.read_text(encoding="utf-8")
            self.assertEqual(after.replace("5 workdays", "3 workdays").replace("by: driver", "by: carrier", 1).encode(), before)
        with self.subTest("every mistake at once, and nothing is written"):
            bent = self.base / "bent.bpmn"
            bent.write_text(xml.replace(">P3D<", ">P3M<").replace("it.kinds &gt; 1", "${kinds &gt; 1}")
                            .replace('name="启运"', 'name=""').replace("<bpmn:endEvent id=\"End\"", "<bpmn:scriptTask id=\"s\"/><bpmn:endEvent id=\"End\""),
                            encoding="utf-8")
            found = self.cli("bpmn", "import", bent, "--into", self.pack, "--replace", code=1)
            self.assertNotIn("file", found)
            self.assertEqual(written.read_text(encoding="utf-8"), after)
            mends = {each["reason"]: each["mend"] for each in found["findings"]}
            self.assertEqual(mends["pack.bpmn_condition"], "it.kinds > 1")
            self.assertLessEqual({"pack.bpmn_element", "pack.bpmn_unnamed", "pack.bpmn_condition", "pack.bpmn_time"}, mends.keys())
            shown = support.command(["pack", "bpmn", "import", str(bent), "--into", str(self.pack), "--replace"])
            self.assertIn("改为 mend: it.kinds > 1", shown.out)
        with self.subTest("a file that is no XML, or a bomb"):
            bomb = self.base / "bomb.bpmn"
            bomb.write_text('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', encoding="utf-8")
            self.assertEqual([each["reason"] for each in self.cli("bpmn", "import", bomb, "--into", self.pack, code=1)["findings"]],
                             ["pack.bpmn_doctype"])
        with self.subTest("a pack with mistakes is not exported"):
            self.assertGreater(self.cli("bpmn", "export", self.pack, "--out", self.base / "none", code=1)["total"], 0)
            self.assertFalse((self.base / "none").exists())

    def test_the_sampler(self):
        self.assertEqual(self.cli("check", support.ROOT / "packs/sampler")["total"], 0)


def support_pem(point):
    """SubjectPublicKeyInfo of an SM2 point (GB/T 35276)."""
    import base64
    header = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
    body = base64.b64encode(header + point).decode()
    return "-----BEGIN PUBLIC KEY-----\n" + "\n".join(body[at:at + 64] for at in range(0, len(body), 64)) + "\n-----END PUBLIC KEY-----\n"


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_pack"))

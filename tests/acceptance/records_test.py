#!/usr/bin/env python3
"""An application comes to a platform that runs: the sampler is applied by the command, two people with roles of it work with its
records over REST, a second version comes and goes, and nobody restarts anything."""
import json
import shutil
import subprocess
import sys
import unittest
import urllib.parse

import people
import support

ROLES = {f"sampler-{role}": {"title": role, "permissions": ["read:records", "write:records"]} for role in ("company", "regulator")}


def enterprise(id_, name, code, district, licence=None):
    fields = {"name": name, "code": code, "district": district, "contact": "021-5555 0001", "capital": "1000000.5", "remark": f"{name}备注"}
    if licence:
        fields["licences"] = [{"kind": licence, "number_of": "A-1", "until": "2999-12-31"}]
    return {"id": id_, "fields": fields}


ENTERPRISES = [enterprise("jia", "甲化工厂", "91310101MA1FL0000A", "440303"), enterprise("yi", "乙处置中心", "91310115MA1FL0001N", "440304", "treat"),
               enterprise("che", "丙运输公司", "91310115MA1FL0002R", "440304", "transport")]
MANIFEST = {"fields": {"producer": "jia", "carrier": "che", "receiver": "yi", "driver_phone": "13800001111",
                       "lines": [{"waste": "900-041-49", "quantity": "0.125"}, {"waste": "900-214-08", "quantity": 2}]}}


class Records(people.People):
    def sampler(self, version="", **edits):
        """The sampler, or a copy of it with another version and other texts in entities."""
        folder = support.ROOT / "packs/sampler"
        if not version:
            return folder
        copy = self.base / f"sampler-{version}"
        shutil.copytree(folder, copy)
        edits = {"pack": ("version: 0.1.0", f"version: {version}"), **edits}
        for name, (what, by) in edits.items():
            file = copy / ("pack.yaml" if name == "pack" else f"entities/{name}.yaml")
            text = file.read_text(encoding="utf-8")
            self.assertIn(what, text)
            file.write_text(text.replace(what, by, 1), encoding="utf-8")
        return copy

    def ask(self, who, method, path, body=None, **headers):
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self.platform.request(method, "/api/v1/records/" + path, body, headers, token=self.tokens[who] if who else "")

    def done(self, *words, **keywords):
        status, _, answer = self.ask(*words, **keywords)
        self.assertIn(status, (200, 201), answer)
        return answer

    def wrongs(self, answer):
        self.refused(answer, 400, "record.invalid")
        for each in answer[2]["errors"]:
            self.assertRegex(each["zh"], "[一-鿿]")
            self.assertNotRegex(each["en"], "[一-鿿]")
        return {(each["field"], each["reason"]) for each in answer[2]["errors"]}

    def test_1_the_application_comes(self):
        self.assertEqual(self.cli("pack", "list")["items"], [])
        planned = self.cli("pack", "plan", self.sampler())
        self.assertEqual((planned["possible"], planned["before"], planned["after"]), (True, "", "0.1.0"))
        self.assertLessEqual({"enterprise", "manifest", "report"}, {each["object"] for each in planned["steps"]})
        self.assertEqual(self.cli("pack", "list")["items"], [], "a plan leaves nothing")
        self.assertEqual(self.cli("pack", "apply", self.sampler(), code=2)["error"]["reason"], "cli.usage", "it wants --yes")
        self.assertEqual(self.cli("pack", "apply", self.sampler(), "--yes")["after"], "0.1.0")
        self.assertEqual([(each["pack"], each["version"]) for each in self.cli("pack", "list")["items"]], [("sampler", "0.1.0")])
        shown = support.command(["pack", "plan", str(self.sampler("0.1.5", enterprise=("  remark: text\n", "")))], self.platform.data)
        self.assertIn("enterprise.remark", shown.out, shown)
        self.refused(self.ask(None, "GET", "enterprise"), 403, "record.not_allowed")

    def test_2_people_get_its_roles(self):
        self.three_administrators()
        for name in ("li.na", "guan.li"):
            self.first_entry(name, self.by("zhao.lei", "add", name)["password"], certificate=False)
        file = self.base / "roles.json"
        file.write_text(json.dumps(ROLES), encoding="utf-8")
        self.refused(self.ask("li.na", "GET", "manifest"), 403, "access.not_allowed")
        change = ["--role", file, "--organisation", "jia=甲化工厂=root=440303", "--place", "li.na=jia", "--assign", "li.na=sampler-company",
                  "--assign", "guan.li=sampler-regulator"]
        self.change_policy(*change)
        for each in ENTERPRISES:
            self.assertEqual(self.done("guan.li", "POST", "enterprise", each)["id"], each["id"])
        self.assertEqual([each["id"] for each in self.done("li.na", "GET", "enterprise")["items"]], ["jia"], "his own")

    def test_3_work_with_records(self):
        made = self.done("li.na", "POST", "manifest", MANIFEST, **{"Idempotency-Key": "first"})
        self.assertEqual((made["version"], made["state"], made["fields"]["kinds"]), (1, "draft", 2))
        self.assertNotEqual(made["fields"]["driver_phone"], "13800001111")
        self.assertEqual(self.done("li.na", "POST", "manifest", MANIFEST, **{"Idempotency-Key": "first"})["id"], made["id"], "once")
        at = f"manifest/{made['id']}"
        where = urllib.parse.quote("it.kinds > 1 && it.producer.name == '甲化工厂'")
        self.assertEqual([each["id"] for each in self.done("guan.li", "GET", f"manifest?where={where}")["items"]], [made["id"]])
        none = urllib.parse.quote("it.state == 'closed'")
        self.assertEqual(self.done("guan.li", "GET", f"manifest?where={none}")["items"], [])
        wrong = {"fields": {**MANIFEST["fields"], "carrier": "yi", "receiver": "nobody", "kinds": 7, "driver_phone": "0",
                            "leaves": "2030-01-02T00:00:00Z"}}
        self.assertEqual(self.wrongs(self.ask("li.na", "POST", "manifest", wrong)),
                         {("kinds", "record.field_computed"), ("driver_phone", "record.pattern")})
        wrong["fields"] |= {"driver_phone": None}
        del wrong["fields"]["kinds"]
        self.assertEqual(self.wrongs(self.ask("li.na", "POST", "manifest", wrong)),
                         {("carrier", "record.reference_choice"), ("receiver", "record.reference_unknown")})
        empty = {"fields": {**MANIFEST["fields"], "lines": [], "leaves": "2030-01-01T00:00:00Z"}}
        self.assertEqual(self.wrongs(self.ask("li.na", "POST", "manifest", empty)), {("lines", "sampler.no_lines")})
        self.refused(self.ask("guan.li", "POST", "manifest", MANIFEST), 403, "record.not_allowed")
        self.refused(self.ask("guan.li", "PUT", at, {"version": 1, "fields": {}}), 403, "record.not_allowed")
        self.refused(self.ask("li.na", "GET", "enterprise/yi"), 404, "record.not_found")
        self.refused(self.ask("li.na", "GET", "manifest?where=it.nothing%20%3D%3D%201"), 400, "rules.type_field")
        with self.subTest("two at once: the second is told"):
            self.assertEqual(self.done("li.na", "PUT", at, {"version": 1, "fields": {"driver_phone": "13900002222"}})["version"], 2)
            self.refused(self.ask("li.na", "PUT", at, {"version": 1, "fields": {"driver_phone": "13700003333"}}), 409, "record.stale")
            self.refused(self.ask("li.na", "DELETE", at + "?version=1"), 409, "record.stale")
        self.refused(self.ask("li.na", "POST", at + "/state", {"state": "closed", "version": 2}), 409, "record.state_order")
        self.refused(self.ask("guan.li", "POST", at + "/state", {"state": "sent", "version": 2}), 403, "record.state_by")
        self.assertEqual(self.done("li.na", "POST", at + "/state", {"state": "sent", "version": 2})["state"], "sent")
        self.refused(self.ask("li.na", "DELETE", at + "?version=3"), 403, "record.not_allowed")
        versions = self.done("guan.li", "GET", at + "/history")["items"]
        self.assertEqual([each["action"] for each in versions], ["created", "changed", "moved"])
        clear = self.done("guan.li", "POST", at + "/reveal", {"fields": ["driver_phone"], "purpose": "核对司机"})
        self.assertEqual(clear["fields"]["driver_phone"], "13900002222")
        entries = self.platform.get("/api/v1/audit/entries?action=revealRecord")["items"]
        self.assertEqual(len(entries), 1)
        self.assertTrue(entries[0]["object"].endswith(at + "/reveal"))
        self.assertIn("driver_phone: 核对司机", entries[0]["detail"])

    def test_4_a_version_comes_and_goes(self):
        newer = self.sampler("0.2.0", enterprise=("  remark: text\n", "  fax: {text: phone, zh: 传真, en: Fax}\n"))
        refused = self.cli("pack", "apply", newer, "--yes", code=6)["error"]
        self.assertEqual((refused["reason"], refused["detail"]), ("record.would_lose", "--lose enterprise.remark"))
        self.assertEqual(self.cli("pack", "apply", newer, "--yes", "--lose", "enterprise.remark")["after"], "0.2.0")
        self.assertNotIn("remark", self.done("guan.li", "GET", "enterprise/jia")["fields"])
        seen = self.done("guan.li", "GET", "enterprise/jia")["version"]
        self.done("guan.li", "PUT", "enterprise/jia", {"version": seen, "fields": {"fax": "021-5555 0009"}})
        self.assertEqual(self.cli("pack", "apply", self.sampler(), "--yes", code=6)["error"]["reason"], "pack.downgrade")
        self.assertEqual(self.cli("pack", "rollback", "sampler", "--yes", code=6)["error"]["reason"], "record.would_lose")
        self.cli("pack", "rollback", "sampler", "--yes", "--lose", "enterprise.fax")
        back = self.done("guan.li", "GET", "enterprise/jia")["fields"]
        self.assertEqual(back["remark"], "甲化工厂备注", "nothing was deleted")
        actions = [each["action"] for each in self.cli("pack", "history", "sampler")["changes"]]
        self.assertEqual(actions, ["rolled back", "applied", "applied"])

    def test_5_it_describes_itself(self):
        document = self.platform.get("/api/v1/packs/sampler/openapi.json")
        file = self.base / "sampler.openapi.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        judge = subprocess.run([support.ROOT / "sdk/js/node_modules/.bin/validate-api", file], capture_output=True, text=True, timeout=60,
                               check=False)
        self.assertEqual(judge.returncode, 0, judge.stdout + judge.stderr)
        self.assertIn("/api/v1/records/manifest/{id}/state", document["paths"])

    def test_6_a_restart_keeps_all(self):
        before = self.done("guan.li", "GET", "manifest")["items"]
        self.platform.process.kill()
        self.platform.process.wait(timeout=60)
        type(self).platform = support.Platform(self.base / "data")
        type(self).addClassCleanup(self.platform.stop)
        self.assertEqual(self.done("guan.li", "GET", "manifest")["items"], before)
        self.assertEqual([each["version"] for each in self.cli("pack", "list")["items"]], ["0.1.0"])


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_records"))

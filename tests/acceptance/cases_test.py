#!/usr/bin/env python3
"""Processes of a pack as people of several organisations have them over REST: packs/sampler, from the form that a company files to the load
that leaves; and the platform is killed while they work."""
import json
import sys
import threading
import time

import support
from people import People

ROLES = ("company", "district_officer", "regulator")
STAFF = {"jia.wen": ("jia", "company"), "che.lin": ("che", "company"), "che.hao": ("che", "company"), "yi.nan": ("yi", "company"),
         "qu.guan": ("qu", "district_officer"), "shi.guan": ("shi", "regulator"), "wai.ren": ("qu", "")}
ENTERPRISES = {"jia": ("甲化工厂", "91310101MA1FL0000A", ""), "yi": ("乙处置公司", "91310115MA1FL0001N", "treat"),
               "che": ("车行运输公司", "91310115MA1FL0002R", "transport")}


class Cases(People):
    """The tests are one story, in the order of their numbers."""
    filed = 0

    def ask(self, who, method, path, body=None, status=200):
        got, answer = self.call(who, method, "/api/v1" + path, body)
        self.assertEqual(got, status, (path, answer))
        return answer

    def reason(self, who, method, path, body=None):
        got, answer = self.call(who, method, "/api/v1" + path, body)
        self.assertGreaterEqual(got, 400, answer)
        self.assertRegex(answer["title"], "[一-鿿]")
        return answer["reason"]

    def file(self, kinds):
        Cases.filed += 1
        fields = {"producer": "jia", "carrier": "che", "receiver": "yi", "leaves": f"2026-12-01T08:{self.filed:02}:00+08:00",
                  "lines": [{"waste": "900-041-49", "quantity": str(1 + line)} for line in range(kinds)]}
        return self.ask("jia.wen", "POST", "/records/manifest", {"fields": fields}, 201)["id"]

    def begin(self, kinds):
        begun = self.ask("jia.wen", "POST", "/cases", {"process": "transfer", "record": self.file(kinds), "comment": "请承运"}, 201)
        return begun["id"]

    def tasks(self, who):
        """Of one case each: {step: task}."""
        found, cursor = {}, ""
        while True:
            page = self.ask(who, "GET", "/tasks?limit=200" + cursor)
            for each in page["items"]:
                found.setdefault(each["case"], {})[each["step"]] = each["id"]
            if "next" not in page:
                return found
            cursor = "&cursor=" + page["next"]

    def act(self, who, task, verb="complete", **besides):
        return self.ask(who, "POST", f"/tasks/{task}", {"verb": verb, **besides})

    def messages(self, who, case=None, kind=None):
        """Those not read yet."""
        found, cursor = [], ""
        while True:
            page = self.ask(who, "GET", "/messages?unread=true&limit=200" + cursor)
            found += page["items"]
            if "next" not in page:
                return [each for each in found if case in (None, each["case"]) and kind in (None, each["kind"])]
            cursor = "&cursor=" + page["next"]

    def message(self, who, case, kind):
        """The one that is there, or comes."""
        deadline = time.monotonic() + 30
        while not (found := self.messages(who, case, kind)):
            self.assertLess(time.monotonic(), deadline, (who, kind))
            time.sleep(0.1)
        self.assertEqual(len(found), 1, found)
        return found[0]

    def events(self, who, case, what):
        return [each for each in self.ask(who, "GET", f"/cases/{case}")["history"] if each["what"] == what]

    def test_1_the_people_and_the_pack(self):
        self.three_administrators()
        roles = self.base / "roles.json"
        permissions = [f"{way}:{tag}" for way in ("read", "write") for tag in ("records", "cases")]
        roles.write_text(json.dumps({f"sampler-{role}": {"title": role, "permissions": permissions} for role in ROLES}), encoding="utf-8")
        change = ["--role", roles]
        for organisation in sorted({place for place, _ in STAFF.values()}):
            change += ["--organisation", f"{organisation}={organisation}=root=440303"]
        for name, (place, role) in STAFF.items():
            self.first_entry(name, self.by("zhao.lei", "add", name)["password"], certificate=False)
            change += ["--place", f"{name}={place}", *(["--assign", f"{name}=sampler-{role}"] if role else [])]
        self.change_policy(*change)
        self.assertEqual(self.reason("jia.wen", "POST", "/cases", {"process": "transfer", "record": "none"}), "cases.process_unknown")
        self.cli("pack", "apply", support.ROOT / "packs/sampler", "--yes")
        for name, (title, code, licence) in ENTERPRISES.items():
            fields = {"name": title, "code": code, "district": "440303",
                      "licences": [{"kind": licence, "number_of": "A-1", "until": "2999-12-31"}] if licence else []}
            self.ask("shi.guan", "POST", "/records/enterprise", {"id": name, "fields": fields}, 201)

    def test_2_filed_accepted_and_judged(self):
        record = self.file(2)
        new = {"process": "transfer", "record": record}
        self.assertEqual(self.reason("yi.nan", "POST", "/cases", new), "record.not_found")
        self.assertEqual(self.reason("shi.guan", "POST", "/cases", new), "flow.may_not_start")
        self.assertEqual(self.reason("wai.ren", "POST", "/cases", new), "access.not_allowed")
        self.assertEqual(self.platform.request("POST", "/api/v1/cases", new)[2]["reason"], "record.not_allowed")
        begun = self.ask("jia.wen", "POST", "/cases", {**new, "comment": "请承运"}, 201)
        type(self).case, type(self).record = begun["id"], record
        self.assertEqual((begun["status"], begun["entity"], begun["title"]["zh"]), ("open", "manifest", "转移"))
        self.assertEqual(self.reason("jia.wen", "POST", "/cases", new), "cases.running")
        self.assertEqual([each["id"] for each in self.ask("jia.wen", "GET", "/cases")["items"]], [begun["id"]])
        self.assertEqual(self.ask("yi.nan", "GET", "/cases")["items"], [])

        accept = self.tasks("che.lin")[self.case]["accept"]
        self.assertEqual(self.tasks("che.hao")[self.case]["accept"], accept, "either of the carrier's people")
        self.assertEqual(self.tasks("yi.nan"), {})
        self.assertEqual(self.message("che.lin", self.case, "task")["detail"]["zh"], "承运确认")
        self.assertEqual(self.reason("yi.nan", "POST", f"/tasks/{accept}", {"verb": "complete"}), "flow.not_yours")
        self.assertEqual(self.reason("che.lin", "POST", f"/tasks/{accept}", {"verb": "devour"}), "api.out_of_range")
        self.assertEqual(self.reason("che.lin", "POST", "/tasks/none", {"verb": "complete"}), "flow.task_unknown")
        self.assertEqual(self.reason("che.lin", "POST", f"/tasks/{accept}", {"verb": "complete", "fields": {}}), "api.missing_field")
        self.assertEqual(self.reason("che.lin", "POST", f"/tasks/{accept}", {"verb": "complete", "fields": {}, "version": 1}),
                         "cases.no_form")
        self.assertEqual(self.reason("che.lin", "POST", f"/tasks/{accept}", {"verb": "hand_over", "people": ["che.hao"]}),
                         "flow.not_allowed")
        self.act("che.lin", accept, comment="可以")
        self.assertEqual(self.reason("che.hao", "POST", f"/tasks/{accept}", {"verb": "complete"}), "flow.task_done")
        self.assertEqual([each["task"] for each in self.ask("che.lin", "GET", "/tasks/done")["items"]], [accept])
        self.assertEqual(self.ask("shi.guan", "GET", f"/records/manifest/{record}")["state"], "sent")

        decided = self.events("jia.wen", self.case, "decided")[0]["detail"]
        self.assertEqual((decided["decision"], decided["outcome"]), ("inspection", "sampled"))
        self.assertEqual((decided["why"]["rows"][0]["zh"], decided["why"]["version"]), ("混装须抽查", "0.1.0"))
        self.assertEqual(decided["why"]["inputs"], {"kinds": 2, "mixed": True})
        self.assertEqual(self.reason("wai.ren", "GET", f"/cases/{self.case}"), "access.not_allowed")

    def test_3_handed_over_and_returned(self):
        inspect = self.tasks("qu.guan")[self.case]["inspect"]
        self.assertEqual(self.tasks("shi.guan")[self.case]["inspect"], inspect, "any one of them")
        tell = self.tasks("yi.nan")[self.case]["tell"]
        hand_over = {"verb": "hand_over", "people": ["no.body"]}
        self.assertEqual(self.reason("qu.guan", "POST", f"/tasks/{inspect}", hand_over), "flow.person_unknown")
        self.act("qu.guan", inspect, "hand_over", people=["shi.guan"], comment="请市里办")
        self.assertEqual(self.reason("qu.guan", "POST", f"/tasks/{inspect}", {"verb": "complete"}), "flow.not_yours")
        self.assertEqual(self.reason("shi.guan", "POST", f"/tasks/{inspect}", {"verb": "back", "step": "close"}), "flow.no_way_back")
        self.act("shi.guan", inspect, "back", step="accept", comment="标签缺失")
        self.assertEqual(self.reason("yi.nan", "POST", f"/tasks/{tell}", {"verb": "complete"}), "flow.task_done")
        self.assertEqual(self.message("yi.nan", self.case, "task_ended")["task"], tell)
        self.assertEqual(self.events("jia.wen", self.case, "returned")[0]["detail"], {"to": "accept", "comment": "标签缺失"})
        self.act("che.hao", self.tasks("che.hao")[self.case]["accept"])
        self.act("qu.guan", self.tasks("qu.guan")[self.case]["inspect"])
        self.act("yi.nan", self.tasks("yi.nan")[self.case]["tell"])

    def test_4_a_form_and_too_late(self):
        depart = self.tasks("che.lin")[self.case]["depart"]
        path, of = f"/tasks/{depart}", self.ask("che.lin", "GET", f"/cases/{self.case}")["of"]
        wrong = {"verb": "complete", "fields": {"leaves": "tomorrow", "colour": "red"}, "version": of["version"]}
        status, answer = self.call("che.lin", "POST", "/api/v1" + path, wrong)
        self.assertEqual((status, answer["reason"]), (400, "record.invalid"))
        self.assertEqual({(each["field"], each["reason"]) for each in answer["errors"]},
                         {("leaves", "record.date"), ("colour", "record.field_unknown")})
        empty = {"verb": "complete", "fields": {"lines": []}, "version": of["version"]}
        errors = self.call("che.lin", "POST", "/api/v1" + path, empty)[1]["errors"]
        self.assertIn("至少填一种废物", [each["zh"] for each in errors], "in the words of the pack")
        good = {"leaves": "2026-12-02T04:30:00Z"}
        self.assertEqual(self.reason("che.lin", "POST", path, {"verb": "complete", "fields": good, "version": of["version"] - 1}), "record.stale")
        self.assertEqual(self.reason("yi.nan", "POST", path, {"verb": "complete", "fields": good, "version": of["version"]}), "flow.not_yours")
        self.assertEqual(self.ask("che.lin", "GET", f"/cases/{self.case}")["of"], of, "what was refused changed nothing")
        self.act("che.lin", depart, fields=good, version=of["version"])
        after = self.ask("shi.guan", "GET", f"/records/manifest/{self.record}")
        self.assertEqual(after["state"], "moving")
        self.assertIn(after["fields"]["leaves"], ("2026-12-02T04:30:00Z", "2026-12-02T12:30:00+08:00"))
        self.assertEqual(self.reason("jia.wen", "POST", f"/cases/{self.case}/withdraw", {"comment": "不运了"}), "flow.too_late")
        self.assertEqual(self.reason("che.lin", "POST", f"/cases/{self.case}/withdraw", {}), "flow.not_starter")
        other = self.begin(1)
        self.assertEqual(self.ask("jia.wen", "POST", f"/cases/{other}/withdraw", {"comment": "不运了"})["status"], "withdrawn")
        self.assertNotIn(other, self.tasks("che.lin"))

    def test_5_messages_are_read_once(self):
        deadline = time.monotonic() + 30
        while len(before := self.messages("che.lin", self.case)) < 3:
            self.assertLess(time.monotonic(), deadline, before)
            time.sleep(0.1)
        self.assertEqual([each["detail"]["step"] for each in before], ["depart", "accept", "accept"], "the newest first")
        first = before[0]["id"]
        self.assertEqual(self.reason("yi.nan", "POST", f"/messages/{first}/read"), "cases.message_unknown", "not his")
        self.ask("che.lin", "POST", f"/messages/{first}/read", status=204)
        read = [each for each in self.ask("che.lin", "GET", "/messages?limit=200")["items"] if each["id"] == first][0]["read_ms"]
        self.ask("che.lin", "POST", f"/messages/{first}/read", status=204)
        again = [each for each in self.ask("che.lin", "GET", "/messages?limit=200")["items"] if each["id"] == first][0]["read_ms"]
        self.assertEqual(again, read, "the first time counts")
        self.assertEqual([each["id"] for each in self.messages("che.lin", self.case)], [each["id"] for each in before[1:]])
        self.assertEqual(len(self.messages("che.hao", self.case)), len(before), "each has his own")

    def test_6_killed_while_they_work(self):
        cases = [self.begin(1) for _ in range(12)]
        waiting = self.tasks("che.lin")
        tasks = {case: waiting[case]["accept"] for case in cases}
        said = set()  # those that the platform confirmed

        def work():
            for case, task in tasks.items():
                try:
                    if self.call("che.lin", "POST", f"/api/v1/tasks/{task}", {"verb": "complete"})[0] == 200:
                        said.add(case)
                except (OSError, ValueError):
                    return

        worker = threading.Thread(target=work)
        worker.start()
        deadline = time.monotonic() + 30
        while len(said) < 4 and time.monotonic() < deadline:
            time.sleep(0.001)
        self.platform.process.kill()
        self.platform.process.wait()
        worker.join()
        type(self).platform = support.Platform(self.platform.data)
        self.addClassCleanup(self.platform.stop)
        self.assertGreaterEqual(len(said), 4)
        for case in cases:
            done = self.events("jia.wen", case, "completed")
            if case in said:
                self.assertEqual(len(done), 1, "what was confirmed is there")
            if done:
                self.assertEqual(self.reason("che.hao", "POST", f"/tasks/{tasks[case]}", {"verb": "complete"}), "flow.task_done")
            else:
                self.act("che.hao", tasks[case])
        left = self.tasks("che.lin")
        for case in cases:
            found = self.ask("jia.wen", "GET", f"/cases/{case}")
            self.assertEqual([each["seq"] for each in found["history"]], list(range(1, len(found["history"]) + 1)))
            self.assertEqual([each["step"] for each in found["tasks"]], ["depart"])
            self.assertEqual(found["tasks"][0]["id"], left[case]["depart"])
            self.assertEqual(found["of"]["state"], "moving")
            self.act("che.lin", left[case]["depart"])
        deadline = time.monotonic() + 30
        while len(told := [each for each in self.messages("che.hao") if each["case"] in cases]) < 2 * len(cases):
            self.assertLess(time.monotonic(), deadline, len(told))
            time.sleep(0.1)
        self.assertEqual(sorted(each["task"] for each in told), sorted([*tasks.values(), *(left[case]["depart"] for case in cases)]),
                         "each message once")

    def test_7_who_is_locked_is_not_asked(self):
        for name in ("che.lin", "che.hao"):
            self.by("zhao.lei", "lock", name)
        deadline = time.monotonic() + 40
        while (case := self.begin(1)) not in (waiting := self.tasks("zhao.lei")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(1)
        self.assertEqual(len(self.events("jia.wen", case, "nobody")), 1, "it falls to the administrators, and the history says so")
        self.message("zhao.lei", case, "nobody")
        accept = waiting[case]["accept"]
        self.assertEqual(self.reason("zhao.lei", "POST", f"/tasks/{accept}", {"verb": "hand_over", "people": ["che.lin"]}),
                         "flow.person_unknown")
        self.act("zhao.lei", accept, "hand_over", people=["yi.nan"])
        self.act("yi.nan", accept)
        self.assertEqual(self.reason("zhao.lei", "POST", "/cases", {"process": "transfer", "record": self.record}), "record.not_allowed")


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_cases"))

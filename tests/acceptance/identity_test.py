#!/usr/bin/env python3
"""Identities as registrars, people and organisations have them: enrolled, suspended, their keys rotated, authorities between them, consents,
pseudonyms, a directory; over the command line and over REST, proved from the state."""
import base64
import json
import sys
import time

import sm
import support

KINDS = "natural,legal,public_body,unit,official,application,device"


class Identities(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service = cls.owner_key()
        done = cls.platform.cli("identity", "registrar")
        if done.code != 0:
            raise AssertionError(done)

    @classmethod
    def owner_key(cls):
        """The key id of the platform's own account: the one with the role governor."""
        genesis = json.loads(cls.platform.get("/api/v1/chains/default")["genesis"])
        point = bytes.fromhex(next(each["public_key"] for each in genesis["accounts"] if "governor" in each["roles"]))
        return sm.tagged("chengxin/key/v1", point)[:16].hex()

    def identity(self, *words, code=0):
        return self.cli("identity", *words, code=code)

    def reason(self, *words, code):
        return self.identity(*words, code=code)["error"]["reason"]

    def key(self, name):
        return self.cli("key", "create", name)["key_id"]

    def person(self, name, kind="natural", *words):
        self.key(name)
        return self.identity("register", "--kind", kind, "--new", name, *words)["identities"][0]

    def test_from_enrolment_to_the_end(self):
        who = self.person("zhang")
        one = self.identity("show", who)
        self.assertEqual((one["status"], one["version"], one["kind"]), ("active", 1, "natural"))
        self.key("zhang2")
        self.identity("rotate", who, "--key", "zhang", "--new", "zhang2")
        with self.subTest("the old key signs no more"):
            self.assertEqual(self.reason("deactivate", who, "--key", "zhang", code=5), "transaction.signer_revoked")
        self.identity("suspend", who, "--why", "lost card")
        with self.subTest("suspended from the next block on, for its own reason"):
            self.assertEqual(self.reason("deactivate", who, "--key", "zhang2", code=5), "identity.subject_suspended")
        self.identity("restore", who)
        self.identity("deactivate", who, "--key", "zhang2")
        one = self.identity("show", who)
        self.assertEqual([each["action"] for each in one["history"]], ["register", "set_keys", "suspend", "restore", "deactivate"])
        self.assertEqual(one["history"][2]["why"], "lost card")
        with self.subTest("a key that is not there: the command that makes it"):
            refused = self.identity("register", "--new", "other", code=4)["error"]
            self.assertEqual(refused["reason"], "key.missing")
            self.assertIn("chengxin key create other", refused["detail"])
            self.assertEqual(self.reason("rotate", who, "--key", "zhang2", "--new", "other", code=4), "key.missing")
        with self.subTest("nobody who is not a registrar enrols"):
            self.key("nobody")
            self.assertEqual(self.reason("act", "register", "--args", '{"subjects":[]}', "--key", "nobody", code=5), "transaction.unknown_signer")

    def test_the_record_is_proved_by_the_state(self):
        who = self.person("proved")
        record = self.platform.get(f"/api/v1/chains/default/identities/{who}")
        key = bytes.fromhex(record["state_key"])
        self.assertEqual(key, b"identity/s/" + bytes.fromhex(who))
        state = self.platform.get(f"/api/v1/chains/default/state/{key.hex()}")
        value, header = base64.b64decode(state["value"]), sm.Header(base64.b64decode(state["header"]))
        self.assertEqual(header.version, 4, "a chain of this program's newest protocol")
        self.assertEqual(sm.state_root(key, value, base64.b64decode(state["proof"])), (header.state_root, 1))
        self.assertIn(bytes.fromhex(record["keys"][0]["public_key"]), value)

    def test_a_batch_over_rest(self):
        body = {"subjects": [{"kind": "natural"} for _ in range(400)]}
        done = self.platform.post("/api/v1/chains/default/identities", body)
        self.assertEqual(len(set(done["identities"])), 400)
        self.assertEqual(self.platform.get(f"/api/v1/chains/default/identities/{done['identities'][399]}")["status"], "active")
        refused = self.platform.request("POST", "/api/v1/chains/default/identities", {"subjects": [{"kind": "king"}]})
        self.refused(refused, 400, "format.identity")
        self.assertEqual(self.platform.request("POST", "/api/v1/chains/default/identities", body, token=None)[0], 401)

    def test_authorities(self):
        company, clerk = self.person("company", "legal"), self.person("clerk")
        self.assertEqual(self.identity("may", clerk, company, "tax.file", code=1)["reason"], "identity.may_no_relation")
        number = self.identity("grant", company, clerk, "--scope", "tax.*", "--limit", "500", "--key", "company")["number"]
        self.assertEqual(self.identity("may", clerk, company, "tax.file", code=1)["reason"], "identity.may_not_accepted")
        self.identity("accept", company, number, "--key", "clerk")
        self.assertTrue(self.identity("may", clerk, company, "tax.file", "--amount", "500")["may"])
        self.assertEqual(self.identity("may", clerk, company, "tax.file", "--amount", "501", code=1)["reason"], "identity.may_limit")
        self.assertEqual(self.identity("may", clerk, company, "seal", code=1)["reason"], "identity.may_scope")
        self.assertEqual(self.identity("show", clerk)["acting"], [{"principal": company, "relations": [number]}])
        self.identity("end", company, number, "--key", "clerk")
        self.assertEqual(self.identity("may", clerk, company, "tax.file", code=1)["reason"], "identity.may_no_relation")

    def test_consents(self):
        person, bank = self.person("giver"), self.person("bank", "legal")
        until = int(time.time() * 1000) + 600_000
        number = self.identity("consent", person, bank, "--data", "income", "--purpose", "loan", "--until-ms", until, "--uses", "2", "--key", "giver")["number"]
        use = lambda data, purpose, code=0: self.identity("use-consent", person, number, "--data", data, "--purpose", purpose, "--key", "bank", code=code)
        self.assertEqual(use("address", "loan", 6)["error"]["reason"], "identity.consent_data")
        self.assertEqual(use("income", "advertising", 6)["error"]["reason"], "identity.consent_purpose")
        self.assertEqual(use("income", "loan")["number"], 1)
        self.identity("revoke-consent", person, number, "--key", "giver")
        self.assertEqual(use("income", "loan", 6)["error"]["reason"], "identity.consent_revoked")

    def test_recovery(self):
        who = self.person("loser")
        for name in ("rescue", "fresh"):
            self.key(name)
        self.identity("recovery", who, "--recovery", "rescue", "--key", "loser")
        self.assertEqual(self.reason("recover", who, "--recovery", "fresh", "--new", "fresh", code=5), "identity.recovery_key")
        self.identity("recover", who, "--recovery", "rescue", "--new", "fresh")
        self.assertEqual(len(self.identity("show", who)["keys"]), 1)
        self.identity("deactivate", who, "--key", "fresh")

    def test_pseudonyms(self):
        self.identity("cid", "create", "--manager", "city")
        carbon = self.identity("cid", "register", "310101", "310102", "--scene", "carbon", "--manager", "city")["pseudonyms"]
        waste = self.identity("cid", "register", "310101", "--scene", "waste", "--manager", "city")["pseudonyms"]
        self.assertNotIn(waste[0], carbon)
        self.assertEqual(self.reason("cid", "register", "310101", "--scene", "carbon", "--manager", "city", code=6), "identity.one_pseudonym")
        grounds = self.base / "order.txt"
        grounds.write_text("court order 7", encoding="utf-8")
        number = self.identity("cid", "order", carbon[1], "--scene", "carbon", "--grounds", grounds)["number"]
        self.assertEqual(self.reason("cid", "reveal", number, "310101", "310102", "--manager", "city", code=6), "identity.order_not_approved")
        judge = json.dumps({"number": number, "yes": True})
        with self.subTest("who proposed it does not approve it"):
            self.assertEqual(self.reason("act", "judge_order", "--args", judge, code=5), "identity.same_eyes")
        official = self.person("judge", "official")
        self.identity("registrar", self.identity("show", official)["keys"][0]["id"], "--rights", "approve", "--kinds", KINDS)
        self.identity("act", "judge_order", "--args", judge, "--key", "judge")
        self.assertEqual(self.identity("cid", "reveal", number, "310101", "310102", "--manager", "city")["person"], "310102")
        order = next(each for each in self.identity("orders")["items"] if each["number"] == number)
        self.assertEqual((order["status"], order["grounds"]), ("executed", sm.sm3(b"court order 7").hex()))

    def test_a_directory(self):
        file = self.base / "people.csv"
        file.write_text("external,kind,parent,unique,name,phone\nc,public_body,,9131,City,\nu,unit,c,,Bureau,\np,official,u,3101,张三丰,13800001111\n", encoding="utf-8")
        plan = self.identity("sync", file)
        self.assertEqual((plan["total"], plan["counts"]["create"]), (3, 3))
        before = self.identity("stats")["identities"]["total"]
        self.identity("sync", file, "--apply", plan["plan"])
        self.assertEqual(self.identity("stats")["identities"]["total"], before + 3)
        self.assertEqual(self.identity("sync", file)["total"], 0)
        self.assertEqual(self.reason("sync", file, "--apply", plan["plan"], code=6), "directory.plan_changed")
        file.write_text("external,kind,parent,unique,name,phone\nc,public_body,,9131,City,\nu,unit,c,,Bureau,\n", encoding="utf-8")
        plan = self.identity("sync", file)
        self.assertEqual([(each["action"], each["external"]) for each in plan["differences"]], [("suspend", "p")])
        who = plan["differences"][0]["identity"]
        self.identity("sync", file, "--apply", plan["plan"])
        self.assertEqual(self.identity("show", who)["status"], "suspended")
        self.assertEqual([each["id"] for each in self.identity("find", "--parent", self.identity("show", who)["parent"])["items"]], [who])
        with self.subTest("personal data"):
            self.assertEqual(self.identity("personal", who, "--purpose", "a test")["data"], {"name": "张**", "phone": "1**********"})
            self.key("clerk-key")
            whole = self.identity("personal", who, "--purpose", "a call", "--key", "clerk-key")
            self.assertEqual(whole["data"], {"name": "张三丰", "phone": "13800001111"})
            document = json.dumps(whole["data"], ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
            self.assertEqual(self.identity("show", who)["commitment"], sm.sm3(b"chengxin/identity/personal/v1\0" + bytes.fromhex(whole["salt"]) + document).hex())
            self.assertEqual([each["purpose"] for each in self.identity("looks", who)["items"]], ["a call", "a test"])
            self.identity("erase", who)
            self.assertEqual(self.reason("personal", who, "--purpose", "a test", code=4), "directory.erased")

    def test_thousands_of_people(self):
        """docs/benchmarks.md has the same with 400,000."""
        count, file = 5000, self.base / "thousands.csv"
        lines = [f"t{number},natural,31{number:09d},人{number},138{number:08d}\n" for number in range(count)]
        file.write_text("external,kind,unique,name,phone\n" + "".join(lines), encoding="utf-8")
        before = self.identity("stats")["identities"]["total"]
        plan = self.identity("sync", file, "--source", "register")
        self.assertEqual(plan["counts"]["create"], count)
        self.identity("sync", file, "--source", "register", "--apply", plan["plan"])
        self.assertEqual(self.identity("stats")["identities"]["total"], before + count)
        again = self.identity("sync", file, "--source", "register")
        self.assertEqual(again["total"], 0)
        file.write_text("external,kind,unique,name,phone\n" + "".join(lines[1:]), encoding="utf-8")
        gone = self.identity("sync", file, "--source", "register")
        self.assertEqual([(each["action"], each["external"]) for each in gone["differences"]], [("suspend", "t0")])
        who = gone["differences"][0]["identity"]
        self.identity("sync", file, "--source", "register", "--apply", gone["plan"])
        self.assertEqual(self.identity("show", who)["status"], "suspended")
        self.assertEqual(self.identity("personal", who, "--purpose", "a test", "--field", "phone")["data"], {"phone": "1**********"})

    def test_figures(self):
        figures = self.identity("stats")
        self.assertEqual(figures["identities"]["total"], sum(sum(kind.values()) for kind in figures["identities"]["kinds"].values()))
        self.assertGreaterEqual(figures["chains"]["count"], 1)
        self.assertEqual(figures["nodes"], figures["chains"]["count"])
        self.assertGreater(figures["transactions"], 0)
        self.assertIn(self.service, [each["key"] for each in self.identity("registrars")["items"]])


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_identity"))

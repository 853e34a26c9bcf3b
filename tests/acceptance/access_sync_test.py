#!/usr/bin/env python3
"""Organisations, people, roles and chains from a chain-management system's export, as two administrators bring them in."""
import json
import sys

import support
from people import People


class AccessSync(People):
    """The tests are one story, in the order of their numbers."""

    EXPORT = {"format": "chengxin-access-export-1", "source": "city-chains",
              "organisations": [{"id": "health", "title": "卫健委"}, {"id": "clinic", "title": "社区医院", "parent": "health"}],
              "users": [{"name": "li.na", "title": "李娜", "organisation": "health", "roles": ["official"], "chains": ["medical"]},
                        {"name": "wang.fang", "organisation": "clinic", "roles": ["reader"]}],
              "chains": [{"name": "medical", "title": "医疗链"}, {"name": "carbon", "title": "碳普惠链"}]}

    def sync(self, who, *words, code=0, **changes):
        file = self.base / "export.json"
        file.write_text(json.dumps({**self.EXPORT, **changes}), encoding="utf-8")
        return self.by(who, "sync", file, *words, code=code)

    def changes(self, part):
        return [f"{one['change']} {one['what']}" for one in part["differences"]]

    def approved(self, proposal):
        self.assertEqual(self.by("sun.bo", "approve", proposal["id"], "--key", "sun.bo")["state"], "applied")

    def add_evidence(self, who, chain, number):
        return self.call(who, "POST", "/api/v1/evidence", {"digest": f"{number:064x}", "chain": chain, "title": f"{number}"})

    def test_1_the_differences_are_shown_and_nothing_changes(self):
        self.three_administrators()
        shown = self.sync("qian.yu")
        self.assertEqual(self.changes(shown["accounts"]), ["chain-add carbon", "chain-add medical", "account-add li.na", "account-add wang.fang"])
        self.assertEqual(self.changes(shown["policy"]), ["organisation-add health", "organisation-add clinic", "user-add li.na", "role-give li.na",
                                                         "user-add wang.fang", "role-give wang.fang"])
        self.assertIsNone(self.sync("zhao.lei")["policy"], "the policy is not for the system administrator to see")
        self.assertEqual(self.sync("qian.yu"), shown)
        self.assertEqual(len(self.by("zhao.lei", "list")["items"]), 3)
        type(self).plan = shown["policy"]["plan"]

    def test_2_two_people_carry_it_out(self):
        early = self.sync("qian.yu", "--propose", "--key", "qian.yu", code=6)
        self.assertEqual(early["error"]["reason"], "access.sync_accounts_first")
        done = self.sync("qian.yu", "--apply", code=10)["done"]
        self.assertEqual({one["reason"] for one in done}, {"access.not_allowed"}, "accounts are not the security administrator's to make")
        stale = self.sync("zhao.lei", "--apply", "--plan", self.plan, code=6)
        self.assertEqual(stale["error"]["reason"], "access.sync_changed")
        done = self.sync("zhao.lei", "--apply")["done"]
        passwords = {one["what"]: one["password"] for one in done if "password" in one}
        self.assertEqual(sorted(passwords), ["li.na", "wang.fang"])
        for name, password in passwords.items():
            self.first_entry(name, password, certificate=False)
        self.assertEqual(self.sync("zhao.lei", "--apply")["done"], [], "once is enough")
        refused = self.sync("zhao.lei", "--propose", "--key", "zhao.lei", code=5)
        self.assertEqual(refused["error"]["reason"], "access.not_allowed")
        proposal = self.sync("qian.yu", "--propose", "--key", "qian.yu", "--why", "链管 2026-11", "--plan", self.plan)
        self.assertEqual(self.call("li.na", "GET", "/api/v1/evidence")[1]["reason"], "access.not_allowed", "a proposal gives nothing")
        own = self.by("qian.yu", "approve", proposal["id"], "--key", "qian.yu", code=5)
        self.assertEqual(own["error"]["reason"], "access.four_eyes")
        self.approved(proposal)
        again = self.sync("qian.yu")
        self.assertEqual((again["accounts"]["differences"], again["policy"]["differences"]), ([], []))
        self.assertNotIn("id", self.sync("qian.yu", "--propose", "--key", "qian.yu"), "nothing is proposed when nothing differs")

    def test_3_roles_are_for_their_chain(self):
        status, mine = self.add_evidence("li.na", "medical", 1)
        self.assertEqual(status, 201, mine)
        for chain in ("carbon", "default", "nowhere"):
            status, answer = self.add_evidence("li.na", chain, 2)
            self.assertEqual((status, answer["reason"]), (403, "access.not_allowed"), chain)
        self.assertEqual(self.call("li.na", "GET", "/api/v1/chains/medical/blocks")[0], 200)
        for path in ("", "/blocks", "/transactions", "/contracts", "/anchor"):
            status, answer = self.call("li.na", "GET", f"/api/v1/chains/carbon{path}")
            self.assertEqual((status, answer["reason"]), (403, "access.not_allowed"), path)
        self.assertEqual([one["name"] for one in self.call("li.na", "GET", "/api/v1/chains")[1]["items"]], ["medical"])
        theirs = self.platform.post("/api/v1/evidence", {"digest": "3" * 64, "chain": "carbon"})
        self.assertEqual([one["id"] for one in self.call("li.na", "GET", "/api/v1/evidence")[1]["items"]], [mine["id"]])
        self.assertEqual(self.call("li.na", "GET", f"/api/v1/evidence/{theirs['id']}")[1]["reason"], "access.no_record")
        self.assertEqual(self.by("li.na", "me")["chains"], {"official": ["medical"]})
        self.assertEqual(len(self.call("wang.fang", "GET", "/api/v1/chains")[1]["items"]), 3, "no chains: all")
        by_hand = self.by("qian.yu", "propose", "--assign", "wang.fang=official=carbon,medical", "--key", "qian.yu")
        added = [one["value"] for one in by_hand["changes"] if one["path"].startswith("/assignments/")]
        self.assertEqual([one["chains"] for one in added], [["carbon", "medical"]])
        duty = self.by("qian.yu", "propose", "--assign", "li.na=audit-administrator=medical", "--key", "qian.yu", code=6)
        self.assertEqual(duty["error"]["reason"], "access.chains_duty")

    def test_4_who_leaves_is_out(self):
        users = [{**self.EXPORT["users"][0], "active": False}, {**self.EXPORT["users"][1], "organisation": "health"}]
        shown = self.sync("qian.yu", users=users, organisations=self.EXPORT["organisations"][:1])
        self.assertEqual(self.changes(shown["accounts"]), ["account-lock li.na"])
        self.assertEqual(self.changes(shown["policy"]), ["role-take li.na", "user-leave li.na", "user-move wang.fang", "organisation-remove clinic"])
        self.sync("zhao.lei", "--apply", users=users, organisations=self.EXPORT["organisations"][:1])
        self.assertEqual(self.call("li.na", "GET", "/api/v1/chains")[0], 401, "at once")
        self.approved(self.sync("qian.yu", "--propose", "--key", "qian.yu", users=users, organisations=self.EXPORT["organisations"][:1]))
        self.assertEqual(self.by("wang.fang", "me")["organisation"], "health")
        again = self.sync("qian.yu", users=users, organisations=self.EXPORT["organisations"][:1])
        self.assertEqual((again["accounts"]["differences"], again["policy"]["differences"]), ([], []))
        self.platform.stop()
        type(self).platform = support.Platform(self.platform.data)
        self.addClassCleanup(self.platform.stop)
        again = self.sync("qian.yu", users=users, organisations=self.EXPORT["organisations"][:1])
        self.assertEqual(again["policy"]["differences"], [], "after a restart too")

    def test_5_what_is_refused(self):
        person = self.EXPORT["users"][1]
        for reason, code, changes in (
                ("access.sync_duty", 5, {"users": [{**person, "roles": ["security-administrator"]}]}),
                ("access.everyone_out", 6, {"users": [person, {"name": "zhao.lei", "organisation": "health", "active": False}]}),
                ("access.role_unknown", 2, {"users": [{**person, "roles": ["nobody-knows"]}]}),
                ("access.sync_duplicate", 2, {"users": [person, person]}),
                ("access.organisation_loop", 2, {"organisations": [{"id": "clinic", "title": "a", "parent": "health"},
                                                                   {"id": "health", "title": "b", "parent": "clinic"}]}),
                ("access.sync_chain_unknown", 2, {"users": [{**person, "chains": ["nowhere"]}]}),
                ("access.shared_name", 2, {"users": [{**person, "name": "admin"}]}),
                ("chain.name", 2, {"chains": [{"name": "No Chain"}]}),
                ("access.sync_source", 6, {"source": "other"}),
                ("access.sync_form", 2, {"format": "csv"})):
            with self.subTest(reason):
                self.assertEqual(self.sync("qian.yu", "--propose", "--key", "qian.yu", code=code, **changes)["error"]["reason"], reason)
        self.assertEqual(self.call("wang.fang", "POST", "/api/v1/users/comparison", self.EXPORT)[1]["reason"], "access.not_allowed")


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_access_sync"))

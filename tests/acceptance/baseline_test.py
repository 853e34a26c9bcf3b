#!/usr/bin/env python3
"""The signed baseline of access control (ADR 0046), over a PostgreSQL and files of the test's own."""
import json
import os
import re
import sys
import time

import postgres
import support


class AccessBaseline(support.Case):
    """Who may do what with the server and its database is signed, and each change is named: on a real PostgreSQL and real files."""

    @classmethod
    def prepare(cls, data):
        cls.host = data.parent / "host"
        (cls.host / "sudoers.d").mkdir(parents=True)
        cls.accounts = cls.host / "accounts"
        cls.accounts.write_text("root:0\n", encoding="utf-8")
        cls.postgres = postgres.Postgres()
        cls.addClassCleanup(cls.postgres.stop)
        assert support.command(["init"], data).code == 0
        cls.configure(data)

    @classmethod
    def start(cls, data, **keywords):
        if not data.exists():
            cls.prepare(data)
        return super().start(data, **keywords)

    @classmethod
    def configure(cls, data, more=""):
        (data / "chengxin.yaml").write_text(f"sql.url: {cls.postgres.url}\ninstall.access_seconds: 1\n"
                                            f"install.access_files: {cls.accounts}, {cls.host}/sudoers.d/*\n{more}", encoding="utf-8")
        done = support.command(["install", "seal"], data)
        assert done.code == 0, done

    def findings(self, stopped=False):
        found = self.platform.cli("doctor").json if stopped else self.platform.get("/api/v1/system")
        return {one["detail"]: one["reason"] for one in found["findings"]}

    def counted(self, platform=None):
        text = (platform or self.platform).request("GET", "/metrics")[2].decode()
        return int(re.search(r"^chengxin_access_changes (\d+)$", text, re.M).group(1))

    def soon(self, wanted):
        deadline = time.monotonic() + 30
        while not wanted():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)

    def told(self, action):
        return {(one["object"], one["outcome"]) for one in self.cli("audit", "list", "--action", action, "--limit", 100)["items"]}

    def test_1_the_schema_of_the_first_start_is_no_change(self):
        self.assertEqual(self.findings(), {})
        self.assertEqual(self.counted(), 0)
        baseline = json.loads((self.platform.data / "access-baseline.json").read_text(encoding="utf-8"))
        self.assertEqual(baseline["database"]["role chengxin"], "login, superuser, bypassrls, createrole, createdb, replication")
        self.assertIn("sm3", baseline["files"][str(self.accounts)])

    def test_2_what_changes_while_it_serves_is_named_and_raises_the_alarm(self):
        me, chains, late = f"{os.geteuid()}:{os.getegid()}", self.platform.data / "chains", self.host / "sudoers.d/late"
        chains.chmod(0o755)
        late.write_text("mallory ALL\n", encoding="utf-8")
        late.chmod(0o644)
        with open(self.accounts, "a", encoding="utf-8") as file:
            file.write("mallory:0\n")
        self.postgres.sql("create role mallory login; grant update, delete on evidence to mallory")
        self.soon(lambda: self.counted() == 5)
        found = self.findings()
        self.assertEqual(len(found), 5, found)
        self.assertEqual(found[f"chains: {me} 0700 → {me} 0755"], "install.access_file")
        self.assertEqual(found["role mallory: login"], "install.access_database")
        self.assertEqual(found["table public.evidence to mallory: DELETE, UPDATE"], "install.access_database")
        files = sorted(detail for detail, reason in found.items() if reason == "install.access_file" and detail.startswith(str(self.host)))
        self.assertRegex(files[0], rf"^{re.escape(str(self.accounts))}: {me} 0644 sm3 [0-9a-f]{{64}} → {me} 0644 sm3 [0-9a-f]{{64}}$")
        self.assertRegex(files[1], rf"^{re.escape(str(late))}: {me} 0644 sm3 [0-9a-f]{{64}}$")
        self.assertNotIn("mallory:0", str(found))
        expected = {("chains", "install.access_file"), (str(late), "install.access_file"), (str(self.accounts), "install.access_file"),
                    ("role mallory", "install.access_database"), ("table public.evidence to mallory", "install.access_database")}
        self.soon(lambda: self.told("platform.access_changed") == expected)
        self.assertIn("platform.access_changed", self.platform.log.read_text(encoding="utf-8"))
        self.assertEqual(self.platform.request("GET", "/readyz", token=None)[0], 200)
        chains.chmod(0o700)
        late.unlink()
        self.accounts.write_text("root:0\n", encoding="utf-8")
        self.postgres.sql("drop owned by mallory; drop role mallory")
        self.soon(lambda: self.counted() == 0)
        self.assertEqual(self.findings(), {})
        self.soon(lambda: self.told("platform.access_as_sealed") == {(entry, "ok") for entry, _ in expected})

    def test_3_a_bent_baseline_is_found_and_a_seal_ends_it(self):
        data = self.platform.data
        json_file, signature = data / "access-baseline.json", data / "access-baseline.sig"
        good, signed = json_file.read_bytes(), signature.read_bytes()
        other = self.folder() / "other"
        self.assertEqual(support.command(["init"], other).code, 0)
        for name, bend, reason in (("an entry altered", lambda: json_file.write_bytes(good.replace(b"superuser, ", b"", 1)), "install.baseline_signature"),
                                   ("another key's", lambda: (json_file.write_bytes((other / json_file.name).read_bytes()),
                                                              signature.write_bytes((other / signature.name).read_bytes())), "install.baseline_signature"),
                                   ("the manifest's signature", lambda: signature.write_bytes((data / "manifest.sig").read_bytes()), "install.baseline_signature"),
                                   ("no signature", signature.unlink, "install.baseline_missing"),
                                   ("no baseline", json_file.unlink, "install.baseline_missing")):
            with self.subTest(name):
                bend()
                self.assertEqual(list(self.findings().values()), [reason])
                self.soon(lambda: self.counted() == 1)
                json_file.write_bytes(good)
                signature.write_bytes(signed)
        json_file.unlink()
        shown = self.cli("install", "seal", "--show")
        self.assertEqual((shown["sealed"], [one["reason"] for one in shown["access_changes"]]), (False, ["install.baseline_missing"]))
        self.assertFalse(json_file.exists())
        self.cli("install", "seal")
        self.assertEqual(self.findings(), {})
        self.soon(lambda: self.counted() == 0)

    def test_4_what_changed_while_it_was_stopped_is_told_at_the_start_and_accepted_by_name(self):
        data = self.platform.data
        self.assertEqual(self.platform.stop(), 0)
        self.postgres.sql("create role auditor login; grant pg_read_all_data to auditor")
        expected = {"role auditor: login": "install.access_database", "role auditor in pg_read_all_data: member": "install.access_database"}
        self.assertEqual(self.findings(stopped=True), expected)
        type(self).platform = self.start(data)
        self.assertEqual((self.counted(), self.findings()), (2, expected))
        shown = self.cli("install", "seal", "--show")["access_changes"]
        self.assertEqual(shown[0], {"reason": "install.access_database", "entry": "role auditor", "before": "", "after": "login"})
        self.assertEqual(self.findings(), expected, "--show signs nothing")
        self.assertEqual(self.cli("install", "seal")["access_changes"], shown)
        self.assertEqual(self.findings(), {})
        self.soon(lambda: {("role auditor", "ok"), ("role auditor in pg_read_all_data", "ok")} <= set(self.told("cli.install.accepted")))

    def test_5_refuse_keeps_it_from_starting_and_from_being_ready(self):
        data = self.platform.data
        self.assertEqual(self.platform.stop(), 0)
        self.configure(data, "install.access_baseline: refuse\n")
        self.postgres.sql("alter role auditor superuser")
        done = support.command(["--json", "serve", "--listen", "127.0.0.1:0"], data)
        self.assertEqual((done.code, done.reason), (3, "install.access_changed"), done)
        self.assertIn("role auditor: login → login, superuser", done.json["error"]["detail"])
        self.postgres.sql("alter role auditor nosuperuser")
        again = type(self).platform = self.start(data)
        self.assertEqual(again.request("GET", "/readyz", token=None)[0], 200)
        self.postgres.sql("alter role auditor superuser")
        self.soon(lambda: again.request("GET", "/readyz", token=None)[0] == 503)
        answer = again.request("GET", "/readyz", token=None)
        self.refused(answer, 503, "install.access_changed")
        self.assertNotIn("auditor", json.dumps(answer[2]))
        self.assertEqual(again.request("GET", "/healthz", token=None)[0], 200)
        self.postgres.sql("alter role auditor nosuperuser")
        self.soon(lambda: again.request("GET", "/readyz", token=None)[0] == 200)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_baseline"))

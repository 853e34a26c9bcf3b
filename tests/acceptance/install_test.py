#!/usr/bin/env python3
"""The data folder and the command line: what a start refuses and why, what doctor names, exit codes, help, JSON everywhere."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys

import support

EXITS = set(range(11))


class Installation(support.Case):
    """One installation that is never served here; each test breaks a copy of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made = cls.base / "made"
        done = support.command(["--json", "init"], cls.made)
        assert done.code == 0 and done.json["data"] == str(cls.made), done

    def copy(self, name="work"):
        data = self.folder(name) / "data"
        shutil.copytree(self.made, data)
        return data

    def refuses(self, data, code, reason, *named):
        """A start ends with this exit code and reason, and doctor finds the same."""
        done = support.command(["--json", "serve", "--listen", "127.0.0.1:0"], data)
        self.assertEqual((done.code, done.reason), (code, reason), done)
        for title in ("title", "title_en"):
            self.assertTrue(done.json["error"][title])
        for word in named:
            self.assertIn(word, done.json["error"]["detail"])
        found = self.doctor(data)
        self.assertIn(reason, [finding["reason"] for finding in found], found)
        self.assertTrue(all(finding["advice"] for finding in found), found)

    def doctor(self, data, code=1):
        done = support.command(["--json", "doctor"], data)
        self.assertEqual(done.code, code, done)
        return done.json["findings"]

    def test_in_order(self):
        self.assertEqual(self.doctor(self.made, code=0), [])
        before = {path: path.read_bytes() for path in self.made.rglob("*") if path.is_file()}
        self.assertEqual(support.command(["init"], self.made).code, 0)
        self.assertEqual({path: path.read_bytes() for path in self.made.rglob("*") if path.is_file()}, before, "init changes nothing that is there")
        for path in [self.made, *self.made.rglob("*")]:
            self.assertEqual(path.stat().st_mode & 0o022, 0, path)

    def test_missing(self):
        nowhere = self.folder() / "nowhere"
        self.assertEqual([finding["reason"] for finding in self.doctor(nowhere)], ["install.missing"])
        self.assertFalse(nowhere.exists())
        done = support.command(["--json", "chain", "list"], nowhere)
        self.assertEqual((done.code, done.reason), (3, "client.unreachable"), done)
        taken = self.folder("taken")
        (taken / "thesis.doc").write_text("mine", encoding="utf-8")
        done = support.command(["--json", "init"], taken)
        self.assertEqual((done.code, done.reason), (6, "install.not_empty"))
        self.assertEqual([path.name for path in taken.iterdir()], ["thesis.doc"])

    def test_in_use_and_port_in_use(self):
        done = support.command(["--json", "serve", "--listen", "127.0.0.1:0"], self.platform.data)
        self.assertEqual((done.code, done.reason), (6, "install.in_use"), done)
        self.assertEqual(self.platform.request("GET", "/healthz")[0], 200)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = support.command(["--json", "serve", "--listen", f"127.0.0.1:{port}"], self.copy())
        self.assertIn(done.code, (3, 6), done)
        self.assertIn(str(port), done.json["error"]["detail"])
        for bad in ("127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", ":80", "not an address:80"):
            with self.subTest(bad):
                done = support.command(["--json", "serve", "--listen", bad], self.made)
                self.assertEqual(done.code, 2, done)

    def test_newer_version(self):
        data = self.copy()
        (data / "VERSION").write_text("2\n", encoding="utf-8")
        self.refuses(data, 2, "install.newer_version", "2")
        (data / "VERSION").write_text("x\n", encoding="utf-8")
        self.refuses(data, 7, "install.damaged", "VERSION")

    def test_of_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give a folder away")
        data = self.copy()
        os.chown(data, 65534, 65534)
        self.refuses(data, 5, "install.other_user", "65534")

    def test_secrets_that_others_can_read(self):
        for name, mode in (("keys/validator.pem", 0o644), ("keys/blob.key", 0o640), ("run/credential", 0o604), ("keys", 0o755)):
            with self.subTest(name):
                data = self.base / f"modes{mode}"
                shutil.copytree(self.made, data)
                (data / name).chmod(mode)
                self.refuses(data, 5, "install.modes", name)
                shutil.rmtree(data)

    def test_manifest(self):
        data = self.copy()
        with open(data / "chengxin.yaml", "a", encoding="utf-8") as file:
            file.write("log.level: warn\n")
        self.refuses(data, 7, "install.manifest", "chengxin.yaml")
        self.assertIn("install seal", self.doctor(data)[0]["advice"])
        self.assertEqual(support.command(["install", "seal"], data).code, 0)
        self.assertEqual(self.doctor(data, code=0), [])
        manifest = json.loads((data / "manifest.json").read_text(encoding="utf-8"))
        (data / "manifest.json").write_text(json.dumps(manifest).replace("0", "1", 1), encoding="utf-8")
        self.refuses(data, 7, "install.manifest")

    def test_a_file_that_the_configuration_names(self):
        data, root = self.copy(), self.folder("roots") / "root.pem"
        with open(data / "chengxin.yaml", "a", encoding="utf-8") as file:
            file.write(f"access.roots: {root}\n")
        done = support.command(["--json", "install", "seal"], data)
        self.assertEqual((done.code, done.reason), (2, "config.file"), done)
        self.assertIn(f"access.roots: {root}", done.json["error"]["detail"])
        subprocess.run(["openssl", "x509", "-inform", "der", "-in", data / "keys/authority/root.der", "-out", root], check=True, capture_output=True)
        self.assertEqual(support.command(["install", "seal"], data).code, 0)
        self.assertEqual(self.doctor(data, code=0), [])
        root.write_text("no certificate", encoding="utf-8")
        self.refuses(data, 2, "config.file", "access.roots", str(root))
        root.unlink()
        self.refuses(data, 2, "config.file", "access.roots", str(root))

    def test_what_takes_long_is_said_on_a_terminal(self):
        """The database is one that does not answer, until the words have come."""
        for words in (["doctor"], ["install", "seal"], ["serve", "--listen", "127.0.0.1:0"]):
            with self.subTest(words), socket.create_server(("127.0.0.1", 0)) as silent:
                ours, theirs = os.openpty()
                url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/none"
                process = subprocess.Popen([support.BINARY, "--data", self.copy(words[0]), *words], stdout=subprocess.PIPE, stderr=theirs,
                                           stdin=subprocess.DEVNULL, env={**os.environ, "CHENGXIN_SQL_URL": url})
                os.close(theirs)
                said = b""
                while "…".encode() not in said:
                    said += os.read(ours, 4096)  # fails when the command ends without a word
                silent.close()
                process.communicate(timeout=60)
                os.close(ours)
                self.assertRegex(said.decode(), "[一-鿿]+ [a-z ]+ …")

    def test_other_program(self):
        data, folder = self.copy(), self.folder("program")
        program = folder / "chengxin"
        shutil.copy(support.BINARY, program)
        with open(program, "ab") as file:
            file.write(b"\0")
        kept, support.BINARY = support.BINARY, program
        try:
            self.refuses(data, 7, "install.manifest", "chengxin")
        finally:
            support.BINARY = kept

    def test_keys_lost_or_damaged(self):
        for name in ("validator.pem", "service.pem", "installation.pem", "blob.key", "authority/timestamp.pem"):
            for what in ("lost", "damaged"):
                with self.subTest(name, what=what):
                    data = self.base / "keyless"
                    shutil.copytree(self.made, data)
                    path = data / "keys" / name
                    path.unlink() if what == "lost" else path.write_text("nonsense", encoding="utf-8")
                    path.exists() and path.chmod(0o600)
                    found = self.doctor(data)
                    self.assertIn(path.name, " ".join(finding["detail"] for finding in found), found)
                    try:
                        done = support.command(["--json", "serve", "--listen", "127.0.0.1:0"], data, timeout=4)
                    except subprocess.TimeoutExpired:
                        self.fail("it starts")
                    self.assertIn(done.code, (4, 7), done)
                    self.assertEqual(path.exists(), what == "damaged", "a lost key must not be made anew in silence")
                shutil.rmtree(self.base / "keyless")

    def test_every_mistake_in_the_configuration_is_named_with_its_line(self):
        data = self.copy()
        lines = ["listne: 127.0.0.1:1", "log.level: loud", "server:", "  max_connections: 0", "  max_connections: 5", "mirror.enabled: maybe",
                 "store.cache_mb: 64 MB", "order.queue_transactions:", "sql.url: [a, b]"]
        (data / "chengxin.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        support.command(["install", "seal"], data)
        self.refuses(data, 2, "config.invalid")
        detail = next(finding["detail"] for finding in self.doctor(data) if finding["reason"] == "config.invalid")
        for line, reason, word in ((1, "config.unknown", "listen"), (2, "config.value", "loud"), (4, "config.value", "max_connections"),
                                   (5, "config.twice", "max_connections"), (6, "config.value", "maybe"), (7, "config.value", "64 MB"),
                                   (8, "config.empty", "queue_transactions"), (9, "config.type", "sql.url")):
            self.assertRegex(detail, rf"chengxin\.yaml:{line}: {re.escape(reason)} .*{re.escape(word)}")
        (data / "chengxin.yaml").write_text("a: b: c\n", encoding="utf-8")
        self.assertRegex(str(self.doctor(data)), r"chengxin\.yaml:1: config\.syntax")
        done = support.command(["--json", "doctor"], self.made, {"CHENGXIN_LOG_LEVEL": "loud"})
        self.assertIn("CHENGXIN_LOG_LEVEL", done.out)

    def test_doctor_names_everything_at_once(self):
        data = self.copy()
        (data / "keys/service.pem").chmod(0o644)
        (data / "keys/blob.key").chmod(0o644)
        (data / "chengxin.yaml").write_text("nonsense: 1\n", encoding="utf-8")
        (data / "keys/validator.pem").write_text("x", encoding="utf-8")
        text = json.dumps(self.doctor(data))
        for word in ("service.pem", "blob.key", "nonsense", "validator.pem", "install.manifest"):
            with self.subTest(word):
                self.assertIn(word, text)


class CommandLine(support.Case):
    def test_help_in_both_languages(self):
        whole = support.command(["--help-all"])
        self.assertEqual(whole.code, 0)
        commands = re.findall(r"^    (\w+) {2,}(.*)$", whole.out, re.M) + re.findall(r"^(\w+)\n  (.*)$", whole.out, re.M)
        self.assertGreater(len(commands), 30)
        for name, text in commands:
            self.assertRegex(text, "[一-鿿]", name)
            self.assertRegex(text, "[A-Za-z]{3}", name)
        for words in ([], ["evidence"], ["evidence", "add"], ["chain", "prune"], ["verify"], ["backup", "restore"], ["key", "create"]):
            done = support.command([*words, "--help"])
            self.assertEqual(done.code, 0, words)
            self.assertRegex(done.out, "[一-鿿]")
        self.assertRegex(support.command(["--version"]).out, r"^chengxin \d+\.\d+\.\d+")
        page = (support.ROOT / "docs/cli.md").read_text(encoding="utf-8")
        documented = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.M)}
        self.assertEqual(documented, EXITS)

    def test_every_mistake_is_json_when_asked(self):
        for words, code in ((["bogus"], 2), ([], 2), (["chain"], 2), (["chain", "show", "nope"], 4), (["evidence", "show", "x"], 4), (["evidence", "add"], 2),
                            (["evidence", "list", "--limit", "0"], 2), (["evidence", "export"], 2), (["evidence", "add", "x", "--nonsense"], 2),
                            (["verify"], 2), (["verify", "nowhere.cxproof"], 4), (["chain", "create", "bad/name"], 2), (["chain", "create", "default"], 6),
                            (["block", "show", "999"], 4), (["tx", "show", "zz"], 2), (["token", "revoke", "x"], 4), (["key", "export", "nobody"], 4),
                            (["key", "create", "../x"], 2), (["backup", "restore", "nowhere"], 6), (["mirror", "rebuild", "nope"], 4),
                            (["chain", "prune"], 2), (["chain", "import", "nowhere"], 6), (["--server", "http://127.0.0.1:1", "chain", "list"], 3)):
            with self.subTest(" ".join(words)):
                done = self.platform.cli(*words)
                self.assertEqual(done.code, code, done)
                self.assertIsNotNone(done.json, done)
                self.assertEqual(done.json["error"]["exit"], done.code)
                self.assertRegex(done.json["error"]["title"], "[一-鿿]")
                self.assertTrue(done.json["error"]["title_en"] and done.reason)

    def test_answers_are_json_when_asked(self):
        for words in (["chain", "list"], ["chain", "show"], ["chain", "verify"], ["evidence", "list"], ["token", "list"], ["token", "create", "t"],
                      ["key", "create", "k"], ["key", "list"], ["key", "export", "k"], ["key", "export", "k", "--private"], ["mirror", "status"],
                      ["mirror", "rebuild"], ["doctor"], ["backup", "create", str(self.base / "b")], ["chain", "export", "--out", str(self.base / "c")]):
            with self.subTest(" ".join(words)):
                done = self.platform.cli(*words)
                self.assertEqual(done.code, 0, done)
                self.assertIsInstance(done.json, dict, done)

    def test_human_errors_are_in_both_languages(self):
        done = support.command(["chain", "show", "nope"], self.platform.data)
        self.assertEqual(done.code, 4)
        self.assertIn("没有这条链", done.err)
        self.assertIn("[chain.not_found]", done.err)

    def test_credentials(self):
        done = self.platform.cli("chain", "list", environment={"CHENGXIN_TOKEN": "wrong" * 10})
        self.assertEqual((done.code, done.json["error"]["exit"]), (5, 5), done)
        token = self.platform.cli("token", "create", "colleague").json["token"]
        elsewhere = support.command(["--json", "--server", self.platform.url, "chain", "list"], self.base / "nothing", {"CHENGXIN_TOKEN": token})
        self.assertEqual(elsewhere.code, 0, elsewhere)
        denied = self.platform.cli("token", "list", environment={"CHENGXIN_TOKEN": token})
        self.assertEqual(denied.code, 5, denied)

    def test_a_token_does_not_outlive_what_was_asked_for(self):
        for days in ("-3", "0", "x", "99999999999"):
            with self.subTest(days):
                self.assertEqual(self.platform.cli("token", "create", "brief", "--days", days).code, 2)
        made = self.cli("token", "create", "week", "--days", "7")
        self.assertEqual(made["expires_ms"] // 3_600_000 - made["created_ms"] // 3_600_000, 7 * 24)

    def test_after_a_kill_it_says_so_and_starts_again(self):
        platform = self.start(self.folder() / "data")
        platform.process.kill()
        platform.process.wait()
        done = platform.cli("chain", "list")
        self.assertEqual((done.code, done.reason), (3, "client.unreachable"), done)
        self.assertEqual(platform.cli("chain", "verify").code, 0)
        again = self.start(platform.data)
        self.assertEqual(again.cli("chain", "list").code, 0)
        again.stop()
        self.assertEqual(support.command(["--json", "doctor"], platform.data).json["findings"], [])

    def test_batch_verification_survives_every_line(self):
        lines = ["nonsense", "5", "[]", "{}", '{"bundle":5}', '{"bundle":"!!"}', '{"bundle":"","anchor":7}', '{"bundle":"AAAA","anchor":"AAAA"}']
        for line in lines:
            with self.subTest(line):
                done = support.command(["verify", "--batch"], input=(line + "\n").encode())
                self.assertGreaterEqual(done.code, 0, "ended by a signal")
                self.assertIn(done.code, (0, 1, 2), done)

    def test_encrypted_user_keys(self):
        done = self.platform.cli("key", "create", "locked", environment={"CHENGXIN_PASSPHRASE": "correct horse"})
        self.assertEqual(done.code, 0, done)
        pem = self.platform.cli("key", "export", "locked", "--private").json["pem"]
        self.assertIn("ENCRYPTED", pem)
        self.assertEqual((self.platform.data / "keys/user/locked.pem").stat().st_mode & 0o077, 0)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_install"))

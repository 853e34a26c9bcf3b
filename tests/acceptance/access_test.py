#!/usr/bin/env python3
"""Accounts, signing in and roles as three administrators and their colleagues use them, with the command line and REST."""
import json
import secrets
import sqlite3
import subprocess
import sys
import time

import support
from people import IDENTITY, PASSWORD, People, openssl


class Access(People):
    """The tests are one story, in the order of their numbers."""

    def test_1_the_owner_adds_three_administrators(self):
        self.three_administrators()
        refused = self.cli("user", "add", "li.na", "--role", "official", code=6)
        self.assertEqual(refused["error"]["reason"], "access.not_beginning")
        self.assertEqual(self.cli("user", "add", "root", code=2)["error"]["reason"], "access.shared_name")

    def test_2_signing_in(self):
        self.assertEqual(self.enter("zhao.lei", certificate=False, code=5)["error"]["reason"], "access.certificate_required")
        self.assertEqual(self.enter("zhao.lei", "", code=5)["error"]["reason"], "access.second_factor_required")
        for reason in ["access.login_failed"] * 5 + ["access.locked"]:
            self.assertEqual(self.enter("sun.bo", "Wrong-1-word", code=5)["error"]["reason"], reason)
            self.assertEqual(self.enter("nobody.here", "Wrong-1-word", certificate=False, code=5)["error"]["reason"], reason)
        self.by("zhao.lei", "unlock", "sun.bo")
        for reason in ["access.login_failed"] * 5 + ["access.locked"]:
            self.assertEqual(self.enter("sun.bo", "Wrong-1-word", certificate=False, code=5)["error"]["reason"], reason)
        self.tokens["sun.bo"] = self.enter("sun.bo")["token"]  # strangers' tries keep out nobody who shows his certificate
        self.assertEqual(self.enter("sun.bo", certificate=False, code=5)["error"]["reason"], "access.locked")
        me = self.by("sun.bo", "me")
        self.assertEqual(me["roles"], ["audit-administrator"])
        self.assertEqual(sorted(me["session"]["factors"]), ["certificate", "password"])

    def test_3_roles_change_by_four_eyes(self):
        for name in ("li.na", "wang.fang", "chen.jie"):
            self.first_entry(name, self.by("zhao.lei", "add", name)["password"], certificate=False)
        self.assertEqual(self.call("li.na", "GET", "/api/v1/evidence")[1]["reason"], "access.not_allowed")
        change = ["--organisation", "east=东区=root", "--organisation", "west=西区=root", "--assign", "li.na=official", "--assign",
                  "wang.fang=official", "--assign", "chen.jie=regulator", "--place", "li.na=east", "--place", "wang.fang=west"]
        refused = self.by("zhao.lei", "propose", *change, "--key", "zhao.lei", code=5)
        self.assertEqual(refused["error"]["reason"], "access.not_allowed")
        proposal = self.by("qian.yu", "propose", *change, "--key", "qian.yu", "--why", "新人 new colleagues")
        self.assertTrue(proposal["changes"])
        self.assertEqual(self.by("qian.yu", "approve", proposal["id"], "--key", "qian.yu", code=5)["error"]["reason"], "access.four_eyes")
        self.assertEqual(self.by("sun.bo", "approve", proposal["id"], "--key", "qian.yu", code=5)["error"]["reason"],
                         "access.policy_signature")
        self.assertEqual(self.by("sun.bo", "approve", proposal["id"], "--key", "sun.bo")["state"], "applied")
        both = self.by("qian.yu", "propose", "--assign", "zhao.lei=audit-administrator", "--key", "qian.yu", code=6)
        self.assertEqual(both["error"]["reason"], "access.duties_overlap")
        out = self.by("qian.yu", "propose", "--withdraw", "sun.bo=audit-administrator", "--key", "qian.yu", code=6)
        self.assertEqual(out["error"]["reason"], "access.everyone_out")

    def test_3_the_server_keeps_no_password_in_memory(self):
        chosen = ["Rain-7-" + secrets.token_hex(16) for _ in range(3)]
        by = {"CHENGXIN_TOKEN": self.tokens["li.na"], "CHENGXIN_PASSWORD": PASSWORD, "CHENGXIN_NEW_PASSWORD": chosen[0]}
        self.tokens["li.na"] = self.cli("user", "password", environment=by)["token"]
        for _ in range(3):
            self.enter("li.na", chosen[0], certificate=False)
        self.enter("li.na", chosen[1], certificate=False, code=5)
        self.cli("user", "add", "wu.yue", environment={"CHENGXIN_NEW_PASSWORD": chosen[2]})
        self.tokens["li.na"] = self.enter("li.na", chosen[0], certificate=False)["token"]
        process = self.platform.process.pid
        self.assertTrue(support.memory_holds(process, b"wu.yue"), "else nothing was looked at")
        for number, password in enumerate(chosen):
            self.assertFalse(support.memory_holds(process, password.encode()), number)

    def test_4_records_by_organisation(self):
        for number, name in enumerate(("li.na", "wang.fang")):
            status, answer = self.call(name, "POST", "/api/v1/evidence", {"digest": f"{number}" * 64, "title": name})
            self.assertEqual(status, 201, answer)
        titles = {name: [item["title"] for item in self.call(name, "GET", "/api/v1/evidence")[1]["items"] if item["title"] in ("li.na", "wang.fang")]
                  for name in ("li.na", "wang.fang", "chen.jie")}
        self.assertEqual(titles["li.na"], ["li.na"])
        self.assertEqual(titles["wang.fang"], ["wang.fang"])
        self.assertEqual(sorted(titles["chen.jie"]), ["li.na", "wang.fang"])
        self.assertEqual(self.call("chen.jie", "POST", "/api/v1/evidence", {"digest": "3" * 64})[1]["reason"], "access.not_allowed")

    def test_5_versions_are_anchored_and_survive(self):
        deadline = time.monotonic() + 30
        while True:
            items = self.call("chen.jie", "GET", "/api/v1/evidence?type=access-policy")[1]["items"]
            if len(items) == 4 and all(item["state"] == "anchored" for item in items):
                break
            self.assertLess(time.monotonic(), deadline, items)
            time.sleep(0.2)
        policy = self.call("qian.yu", "GET", "/api/v1/access/policy")[1]
        self.assertIn(policy["digest"], [item["digest"] for item in items])
        self.platform.stop()
        type(self).platform = support.Platform(self.platform.data)
        self.addClassCleanup(self.platform.stop)
        self.assertEqual(self.by("li.na", "me")["organisation"], "east", "sessions outlive a restart")
        self.assertEqual(self.call("qian.yu", "GET", "/api/v1/access/policy")[1]["digest"], policy["digest"])

    def test_6_a_bent_policy_is_refused(self):
        self.platform.stop()
        database = self.platform.data / "sql/chengxin.db"
        with sqlite3.connect(database) as sql:
            kept = sql.execute("select document from access_policy where version = 4").fetchone()[0]
            sql.execute("update access_policy set document = replace(document, '\"role\":\"official\"', '\"role\":\"regulator\"') where version = 4")
        sql.close()
        bent = support.Platform(self.platform.data)
        type(self).platform = bent
        self.addClassCleanup(bent.stop)
        status, answer = self.call("li.na", "GET", "/api/v1/evidence")
        self.assertGreaterEqual(status, 400)
        self.assertEqual(answer["reason"], "access.policy_bent")
        self.assertEqual(bent.get("/api/v1/evidence")["items"] != [], True, "the owner is let in")
        bent.stop()
        with sqlite3.connect(database) as sql:
            sql.execute("update access_policy set document = ? where version = 4", (kept,))
        sql.close()
        type(self).platform = support.Platform(self.platform.data)
        self.addClassCleanup(self.platform.stop)
        self.assertEqual(self.call("li.na", "GET", "/api/v1/evidence")[0], 200)

    def test_6_registrars_read_no_files_of_the_host(self):
        self.change_policy("--assign", "wang.fang=registrar")
        jobs = "/api/v1/chains/default/identity/jobs"
        place = self.platform.data / "directory"
        place.mkdir()
        text = "external,kind,parent,unique,name\nc,public_body,,9131,City\n"
        (self.base / "elsewhere.csv").write_text(text, encoding="utf-8")
        (place / "people.csv").write_text(text, encoding="utf-8")
        (place / "link.csv").symlink_to(self.base / "elsewhere.csv")

        def plan(file):
            status, job = self.call("wang.fang", "POST", jobs, {"kind": "plan", "arguments": {"source": "x", "file": str(file)}})
            self.assertEqual(status, 202, job)
            deadline = time.monotonic() + 30
            while job["state"] in ("waiting", "running"):
                self.assertLess(time.monotonic(), deadline, job)
                job = self.call("wang.fang", "GET", f"{jobs}/{job['id']}")[1]
            return job["error"]["reason"] if job["state"] == "failed" else job["result"]["total"]
        for file in (self.base / "elsewhere.csv", place / "../config.csv", place / "link.csv", "/etc/hostname"):
            self.assertEqual(plan(file), "directory.place", file)
        self.assertEqual(plan(place / "people.csv"), 1)

    def passphrases(self, *names):
        for name in names:
            (self.base / f"{name}.pass").write_text(f"passphrase of {name}\n", encoding="utf-8")
            (self.base / f"{name}.pass").chmod(0o600)
        return [word for name in names for word in ("--holder", f"{name}={self.base / name}.pass")]

    def recover(self, who, *shares, instead="sun.bo"):
        """The reason that it is refused for, or the answer. A share: (file, whose passphrase)."""
        words = [word for file, name in shares for word in ("--share", f"{file}={self.base / name}.pass")]
        done = self.platform.cli("user", "recover", who, "--instead-of", instead, *words)
        return done.reason or done.json

    def shares_of_another_installation(self):
        data, pin = self.base / "other", self.base / "pin"
        pin.write_text("another passphrase\n", encoding="utf-8")
        pin.chmod(0o600)
        by = ["--pin-file", str(pin), "--custodian", "a", "--custodian", "b"]
        for words in (["init", "--pin-file", str(pin)], ["generate", "recovery", *by],
                      ["backup", "recovery", *by, *self.passphrases("jia", "yi"), "--need", "2", "--out", str(self.base / "theirs")]):
            done = support.command(["keys", *words], data)
            self.assertEqual(done.code, 0, done)
        return [(self.base / f"theirs/{name}.share", name) for name in ("jia", "yi")]

    def test_7_a_lost_administrator_is_replaced_by_holders_of_shares(self):
        holders = self.passphrases("jia", "yi", "bing")
        made = self.by("qian.yu", "shares", *holders, "--out", self.base / "shares", "--key", "qian.yu", "--why", "分片 shares")
        files = {each["holder"]: each["file"] for each in made["shares"]}
        shares = [(files[name], name) for name in ("jia", "yi", "bing")]
        added = self.cli("user", "add", "zhou.min", "--certificate", self.certificate("zhou.min"))
        self.assertEqual(self.recover("zhou.min", *shares), "access.no_recovery_key", "not before it is approved")
        self.by("sun.bo", "approve", made["proposal"], "--key", "sun.bo")
        self.by("zhao.lei", "lock", "sun.bo")
        nobody = self.by("qian.yu", "propose", "--assign", "li.na=reader", "--key", "qian.yu", code=6)
        self.assertEqual(nobody["error"]["reason"], "access.everyone_out")
        theirs = self.shares_of_another_installation()
        for reason, who, given in (("keys.shares_few", "zhou.min", shares[:1]), ("keys.shares_repeated", "zhou.min", [shares[0], shares[0]]),
                                   ("keys.share_passphrase", "zhou.min", [shares[0], (files["yi"], "bing")]),
                                   ("keys.shares_wrong", "zhou.min", theirs), ("keys.shares_wrong", "zhou.min", [shares[0], theirs[1]]),
                                   ("access.duties_overlap", "zhao.lei", shares[:2]), ("access.duties_overlap", "qian.yu", shares[:2])):
            self.assertEqual(self.recover(who, *given), reason)
        done = self.recover("zhou.min", shares[2], shares[0])
        self.assertEqual(done["holders"], ["bing", "jia"])
        self.first_entry("zhou.min", added["password"])
        self.assertEqual(self.by("zhou.min", "me")["roles"], ["audit-administrator"])
        versions = self.call("zhou.min", "GET", "/api/v1/access/policy/versions")[1]["items"]
        self.assertEqual((versions[0]["version"], versions[0]["signatures"][0]["kind"]), (done["version"], "recover"))
        again = {"document": versions[0]["document"], "signature": versions[0]["signatures"][0]["signature"]}
        status, _, answer = self.platform.request("POST", "/api/v1/access/recover", again)
        self.assertEqual((status, answer["reason"]), (409, "access.policy_stale"), "a recovery counts once")
        entries = self.cli("audit", "list", "--action", "recoverAccess")["items"]
        self.assertEqual([each["outcome"] for each in entries], ["access.policy_stale", "ok", "access.duties_overlap", "access.duties_overlap"])
        journal = (self.platform.data / "keys/recovery/journal.jsonl").read_text(encoding="utf-8")
        self.assertEqual([json.loads(each)["record"]["action"] for each in journal.splitlines()][1:], ["split"] + ["recover"] * 3)

    def test_8_a_revoked_certificate_is_out_at_once(self):
        serial = subprocess.run(["openssl", "x509", "-in", self.base / "zhao.lei.pem", "-noout", "-serial"], capture_output=True, check=True,
                                text=True).stdout.strip().split("=")[1]
        (self.base / "index.txt").write_text(f"R\t361231000000Z\t261101000000Z\t{serial}\tunknown\t/CN=zhao.lei\n")
        self.revocations(self.base)
        self.assertEqual(self.enter("zhao.lei", code=5)["error"]["reason"], "crypto.certificate_revoked")
        self.by("zhou.min", "logout", "--everywhere")
        ended = self.by("zhou.min", "me", code=5)["error"]
        self.assertEqual(ended["reason"], "auth.invalid")
        self.assertIn("chengxin user login", ended["title_en"])

    def other_leaf(self, name, key, *digest, authority="root", usage="clientAuth"):
        """A certificate for a key of another kind, or by an authority of another kind, with an ordinary profile."""
        folder, sm2 = self.base, [] if authority == "rsa" else ["-sigopt", IDENTITY]
        asked = ["-sm3", "-sigopt", IDENTITY] if "sm2" in key.name else ["-sha256"]
        verify = ["-vfyopt", IDENTITY] if "sm2" in key.name else []
        (folder / "other.ext").write_text(f"keyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\nbasicConstraints=critical,CA:FALSE\n")
        openssl("req", "-new", "-key", key, *asked, "-subj", f"/CN={name}", "-out", folder / "other.csr")
        openssl("x509", "-req", "-in", folder / "other.csr", "-CA", folder / f"{authority}.pem", "-CAkey", folder / f"{authority}.key", *digest,
                *sm2, *verify, "-days", "20", "-CAcreateserial", "-extfile", folder / "other.ext", "-out", folder / f"{name}.pem")
        return (folder / f"{name}.pem").read_text(encoding="ascii")

    def test_9_certificates_of_other_kinds(self):
        """Other curves, other algorithms, weak hashes, other uses, self-made ones: each has its reason, and nobody gets in."""
        folder = self.base
        for file, kind in (("sm2", ["SM2"]), ("p256", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("rsa", ["RSA"])):
            openssl("genpkey", "-algorithm", *kind, "-out", folder / f"{file}.key")
        openssl("req", "-x509", "-new", "-key", folder / "rsa.key", "-sha256", "-days", "30", "-subj", "/CN=city", "-addext",
                "basicConstraints=critical,CA:TRUE", "-out", folder / "rsa.pem")
        openssl("req", "-x509", "-new", "-key", folder / "sm2.key", "-sm3", "-sigopt", IDENTITY, "-days", "20", "-subj", "/CN=self.made", "-addext",
                "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=clientAuth", "-out", folder / "self.pem")
        sm2, p256, rsa = (folder / f"{name}.key" for name in ("sm2", "p256", "rsa"))
        cases = {"curve.p256": (self.other_leaf("curve.p256", p256, "-sm3"), "crypto.certificate_curve"),
                 "key.rsa": (self.other_leaf("key.rsa", rsa, "-sm3"), "crypto.certificate_curve"),
                 "hash.md5": (self.other_leaf("hash.md5", sm2, "-md5", authority="rsa"), "crypto.certificate_algorithm"),
                 "hash.sha1": (self.other_leaf("hash.sha1", sm2, "-sha1", authority="rsa"), "crypto.certificate_algorithm"),
                 "hash.sha256": (self.other_leaf("hash.sha256", sm2, "-sha256", authority="rsa"), "crypto.certificate_algorithm"),
                 "use.server": (self.other_leaf("use.server", sm2, "-sm3", usage="serverAuth"), "crypto.certificate_usage"),
                 "self.made": ((folder / "self.pem").read_text(encoding="ascii"), "crypto.certificate_untrusted")}
        for name, (pem, reason) in cases.items():
            with self.subTest(name):
                challenge = self.platform.post("/api/v1/sessions/challenge", {"name": name}, token=None)["challenge"]
                proofs = {"name": name, "certificate": pem, "challenge": challenge, "signature": "00" * 64}
                self.refused(self.platform.request("POST", "/api/v1/sessions", proofs, token=None), 403, reason)

    def test_9_a_stale_list_is_refused_unless_it_is_said_for_how_long(self):
        self.enter("qian.yu")
        self.revocations(self.base, "-crlsec", "1")
        time.sleep(2)
        self.assertEqual(self.enter("qian.yu", code=5)["error"]["reason"], "crypto.crl_expired")
        self.platform.stop()
        with open(self.platform.data / "chengxin.yaml", "a", encoding="utf-8") as file:
            file.write("revocation.stale_hours: 1\n")
        self.assertEqual(support.command(["install", "seal"], self.platform.data).code, 0)
        type(self).platform = support.Platform(self.platform.data)
        self.addClassCleanup(self.platform.stop)
        self.enter("qian.yu")
        self.assertEqual(self.enter("zhao.lei", code=5)["error"]["reason"], "crypto.certificate_revoked", "what it names stays refused")


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_access"))

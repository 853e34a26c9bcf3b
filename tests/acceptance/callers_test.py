#!/usr/bin/env python3
"""Services that call the platform and its gateway with TLCP certificates alone: issued, refused, taken back; and where they are required."""
import concurrent.futures
import pathlib
import sys
import time

import support


class Callers(support.Case):
    """The tests are one story, in the order of their numbers."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.behind = cls.start(cls.base / "behind")
        (cls.base / "behind.token").write_text(cls.behind.token, encoding="utf-8")
        (cls.base / "nothing").mkdir()

    def configure(self, *lines):
        """Restarts the platform with other settings."""
        self.platform.stop()
        file, names = self.platform.data / "chengxin.yaml", tuple(line.split(":")[0] + ":" for line in lines)
        kept = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith(names)]
        file.write_text("\n".join([*kept, *lines, ""]), encoding="utf-8")
        self.assertEqual(support.command(["install", "seal"], self.platform.data).code, 0)
        type(self).platform = support.Platform(self.platform.data)
        self.addClassCleanup(self.platform.stop)

    def issued(self, name, profile="application", *hosts):
        work, officer = self.base / name, {"CHENGXIN_TOKEN": self.officer}
        work.mkdir()
        self.cli("ca", "csr", "--key", work / "sign.key", "--out", work / "sign.csr", "--name", name)
        words = [word for host in hosts for word in ("--host", host)]
        ids = self.cli("ca", "request", work / "sign.csr", "--profile", profile, *words, environment=officer)["ids"]
        self.cli("ca", "approve", *ids)
        self.cli("ca", "issue", *ids)
        self.cli("ca", "show", ids[0], "--out", work, "--key", work / "sign.key")
        return ids[0]

    def call(self, name, *words, path="", token=None):
        """One run of the command line on another machine, with the certificates of that name; none: ""."""
        own = ["--certificates", str(self.base / name)] if name else []
        return support.command(["--json", "--server", self.platform.url + path, "--root", str(self.base / "root.pem"), *own, *map(str, words)],
                               self.base / "nothing", {"CHENGXIN_TOKEN": token} if token else {})

    def listed(self, name, **keywords):
        """The reason that a call is refused for; "" when it is answered."""
        done = self.call(name, "chain", "list", **keywords)
        return "" if done.code == 0 else done.reason

    def test_1_services_get_certificates_and_roles(self):
        self.cli("ca", "init", "--organization", "城信", "--country", "CN")
        type(self).officer = self.platform.post("/api/v1/tokens", {"name": "registration officer"})["token"]
        type(self).holders = {name: self.issued(name) for name in ("billing", "archive", "stranger")}
        self.issued("platform", "node", "127.0.0.1")
        chain = (self.base / "platform/chain.pem").read_text(encoding="utf-8")
        (self.base / "root.pem").write_text(chain[chain.index("-----BEGIN", 10):], encoding="utf-8")
        type(self).services = {
            name: "service:" + self.cli("user", "add", name, "--service", "--role", "integrator", "--certificate", self.base / name / "sign.pem")["id"]
            for name in ("billing", "archive")}
        own = self.base / "platform"
        self.configure("server.tls: tlcp", f"server.tls_certificate: {own / 'sign.pem'}", f"server.tls_key: {own / 'sign.key'}",
                       f"server.tls_encrypt_certificate: {own / 'encrypt.pem'}", f"server.tls_encrypt_key: {own / 'encrypt.key'}",
                       "server.client_certificates: asked")

    def test_2_they_call_by_certificate_alone(self):
        original = self.base / "contract.txt"
        original.write_text("合同 a contract", encoding="utf-8")
        added = self.call("billing", "evidence", "add", original, "--wait")
        self.assertEqual(added.code, 0, added)
        self.assertEqual(self.listed("archive"), "")
        subjects = {each["subject"] for each in self.cli("audit", "list", "--action", "addEvidenceBatch")["items"]
                    + self.cli("audit", "list", "--action", "addEvidence")["items"]}
        self.assertEqual(subjects, {self.services["billing"]})
        denied = self.call("billing", "token", "create", "mine")
        self.assertEqual((denied.code, denied.reason), (5, "access.not_allowed"))
        for name, token, reason in (("", None, "auth.missing"), ("stranger", None, "access.certificate_nobody"), ("", self.officer, ""),
                                    ("billing", self.officer, "access.certificate_mixed"), ("stranger", self.officer, "")):
            self.assertEqual(self.listed(name, token=token), reason, (name, bool(token)))

    def test_3_the_gateway_knows_limits_and_meters_them(self):
        for name, words in (("city", ["--application", self.services["billing"], "--application", self.services["archive"],
                                      "--per-second", "1", "--burst", "2"]), ("ledger", ["--application", self.services["archive"]])):
            self.cli("gateway", "route", name, "--upstream", self.behind.url, "--token-file", self.base / "behind.token", "--path",
                     "/api/v1/chains", *words)
        through = {"path": "/api/v1/gateway/to/city"}
        self.assertEqual(self.listed("archive", path="/api/v1/gateway/to/ledger"), "")
        self.assertEqual(self.listed("billing", path="/api/v1/gateway/to/ledger"), "gateway.application")
        self.assertEqual(self.listed("stranger", **through), "access.certificate_nobody")
        with concurrent.futures.ThreadPoolExecutor(6) as crowd:
            answers = list(crowd.map(lambda _: self.listed("billing", **through), range(18)))
        self.assertEqual(set(answers), {"", "gateway.rate"})
        self.assertEqual(self.listed("archive", **through), "", "it has a limit of its own")
        rows = {(each["application"], each["route"]): each for each in self.cli("gateway", "traffic")["items"]}
        self.assertEqual(rows[self.services["billing"], "city"]["requests"], len(answers))
        self.assertEqual(rows[self.services["billing"], "city"]["refused"], answers.count("gateway.rate"))
        self.assertEqual(rows[self.services["archive"], "city"]["requests"], 1)

    def handshakes(self, count):
        """How refused ones ended, once there are so many in the log: it is written within a moment."""
        deadline = time.monotonic() + 30
        while True:
            items = self.cli("audit", "list", "--action", "handshake")["items"]
            if len(items) >= count or time.monotonic() > deadline:
                return {each["outcome"] for each in items}
            time.sleep(0.1)

    def test_4_what_was_taken_back_is_refused_at_the_handshake(self):
        self.assertEqual(self.handshakes(0), set())
        self.cli("ca", "hold", self.holders["archive"])
        self.assertNotEqual(self.listed("archive"), "")
        self.assertEqual(self.handshakes(1), {"crypto.certificate_revoked"})
        self.cli("ca", "release", self.holders["archive"])
        self.assertEqual(self.listed("archive"), "")
        self.cli("ca", "revoke", self.holders["archive"])
        self.assertNotEqual(self.listed("archive"), "")
        self.assertEqual(self.listed("billing"), "")
        self.assertIn("crypto.certificate_revoked", pathlib.Path(self.platform.log).read_text(encoding="utf-8"))
        self.cli("user", "lock", "billing")
        self.assertEqual(self.listed("billing"), "access.disabled")
        self.cli("user", "unlock", "billing")

    def test_5_required_ones_are_needed_to_connect(self):
        self.configure("server.client_certificates: required")
        self.assertNotEqual(self.listed("", token=self.officer), "")
        self.assertEqual(self.listed("billing"), "")
        self.assertEqual(self.listed("stranger", token=self.officer), "", "a machine's certificate, and a token of its own")
        done = self.platform.cli("--certificates", str(self.base / "stranger"), "chain", "list")
        self.assertEqual(done.code, 0, done)

    def test_6_what_cannot_be_is_said_at_the_start(self):
        data = self.base / "unfit"
        self.assertEqual(support.command(["init"], data).code, 0)
        with open(data / "chengxin.yaml", "a", encoding="utf-8") as file:
            file.write("server.client_certificates: asked\n")
        support.command(["install", "seal"], data)
        done = support.command(["--json", "serve"], data)
        self.assertIn("config.invalid", done.out + done.err)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_callers"))

#!/usr/bin/env python3
"""An operator's login to a host with an SM2 certificate: the helper is run as pam_exec runs it, with certificates and lists of a platform."""
import os
import subprocess
import sys
import unittest

import support


class Login(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        made = cls.platform.cli("ca", "init", "--organization", "Ops")
        assert made.code == 0, made
        cls.officer = {"CHENGXIN_TOKEN": cls.platform.post("/api/v1/tokens", {"name": "officer"})["token"]}
        cls.host = cls.base / "host"
        for name in ("users", "lists"):
            (cls.host / name).mkdir(parents=True)

    def operator(self, user):
        work = self.folder(user)
        self.cli("ca", "csr", "--key", work / "sign.key", "--out", work / "csr", "--name", user)
        ids = self.cli("ca", "request", work / "csr", "--profile", "administrator", environment=self.officer)["ids"]
        self.cli("ca", "approve", *ids)
        self.cli("ca", "issue", *ids)
        self.cli("ca", "show", ids[0], "--out", work, "--key", work / "sign.key")
        chain = (work / "chain.pem").read_text(encoding="utf-8")
        (self.host / "root.pem").write_text(chain[chain.index("-----BEGIN", 10):], encoding="utf-8")
        (self.host / f"users/{user}.pem").write_text((work / "sign.pem").read_text(encoding="utf-8"), encoding="utf-8")
        self.lists()
        return work / "sign.key", ids[0]

    def lists(self):
        self.cli("ca", "crl", "--out", self.host / "lists/issuing.crl")
        self.cli("ca", "crl", "--root", "--out", self.host / "lists/root.crl")

    def answer(self, key, user, host="host-1"):
        return self.cli("login", "answer", "--key", key, "--host", host, "--user", user)["answer"]

    def comes_in(self, answer, user):
        done = support.Done(subprocess.run([support.BINARY, "--json", "login", "check", "--folder", self.host, "--host", "host-1"],
                                           input=answer.encode() + b"\0", env={"PAM_USER": user, "PATH": os.environ["PATH"]}, cwd="/",
                                           capture_output=True, timeout=30, check=False))
        return done.reason if done.code else ""

    def test_with_the_key_and_once(self):
        key, _ = self.operator("op1")
        answer = self.answer(key, "op1")
        self.assertLess(len(answer), 512, "what PAM takes")
        self.assertEqual(self.comes_in(answer, "op1"), "")
        self.assertEqual(self.comes_in(answer, "op1"), "login.replayed")
        self.assertEqual(self.comes_in(self.answer(key, "op1"), "root"), "login.signature")
        self.assertEqual(self.comes_in(self.answer(key, "op1", "host-2"), "op1"), "login.signature")
        self.assertEqual(self.comes_in("password", "op1"), "login.answer")
        self.assertEqual(self.comes_in(self.answer(key, "op1"), "../users/op1"), "login.signature")

    def test_a_revoked_operator_is_out(self):
        key, holder = self.operator("op2")
        self.assertEqual(self.comes_in(self.answer(key, "op2"), "op2"), "")
        self.cli("ca", "revoke", holder, "--reason", "privilege_withdrawn")
        self.lists()
        self.assertEqual(self.comes_in(self.answer(key, "op2"), "op2"), "crypto.certificate_revoked")
        (self.host / "lists/issuing.crl").unlink()
        self.assertEqual(self.comes_in(self.answer(key, "op2"), "op2"), "crypto.crl_missing")
        self.lists()


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_login"))

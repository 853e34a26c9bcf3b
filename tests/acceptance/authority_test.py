#!/usr/bin/env python3
"""The certificate authority as officers and holders use it, its answers read by gmsm (Go), and the platform served with a pair that it
issued."""
import base64
import http.server
import json
import subprocess
import sys
import threading
import unittest

import support

PUBLIC = "/api/v1/authority"


class Gmsm:
    """tests/oracle/gmsm: shares no code with the platform."""

    def __init__(self):
        program = support.BUILD / "bin/gmsm-oracle"
        subprocess.run(["go", "build", "-o", program, "."], cwd=support.ROOT / "tests/oracle/gmsm", check=True, capture_output=True)
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, op, **fields):
        self.process.stdin.write(json.dumps({"op": op, **fields}).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def der(pem):
    return base64.b64decode("".join(pem.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0].split()))


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


SM2 = ["-algorithm", "SM2"]
SIGN = ["-sm3", "-sigopt", "distid:1234567812345678"]


class Authority(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gmsm = Gmsm()
        cls.addClassCleanup(cls.gmsm.close)
        cls.passphrase = cls.base / "passphrase"
        cls.passphrase.write_text("for the root alone\n", encoding="utf-8")
        made = cls.platform.cli("ca", "init", "--organization", "城信", "--country", "CN", "--passphrase-file", str(cls.passphrase))
        assert made.code == 0, made
        cls.officer = {"CHENGXIN_TOKEN": cls.platform.post("/api/v1/tokens", {"name": "registration officer"})["token"]}

    def issued(self, profile="personal", name="张三", folder="holder", hosts=()):
        """From a holder's new key to his certificates; the folder."""
        work = self.folder(folder)
        self.cli("ca", "csr", "--key", work / "sign.key", "--out", work / "sign.csr", "--name", name, "--organization", "城信")
        words = [word for host in hosts for word in ("--host", host)]
        ids = self.cli("ca", "request", work / "sign.csr", "--profile", profile, *words, environment=self.officer)["ids"]
        self.cli("ca", "approve", *ids)
        self.cli("ca", "issue", *ids)
        self.cli("ca", "show", ids[0], "--out", work, "--key", work / "sign.key")
        return work, ids[0]

    def open_bytes(self, method, path, body=None, media=None):
        connection = self.platform.connect()
        connection.request(method, path, body, {"Content-Type": media} if media else {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheader("Content-Type"), content

    def issuing(self):
        return self.open_bytes("GET", f"{PUBLIC}/certificates/issuing")[2].hex()

    def test_a_pair_that_another_program_believes(self):
        work, _ = self.issued()
        issuing = self.issuing()
        now = self.platform.get("/api/v1/authority")["not_after_ms"] - 86400_000
        holder = self.cli("ca", "list", "--name", "张三")["items"][0]
        for name in ("sign.pem", "encrypt.pem"):
            one = der((work / name).read_text(encoding="utf-8")).hex()
            answer = self.gmsm.ask("certificate", certificate=one, root=issuing, time_ms=holder["issued_ms"] + 1000)
            self.assertEqual(bytes.fromhex(answer["data"]).decode(), "张三", answer)
            self.assertIn("error", self.gmsm.ask("certificate", certificate=one, root=issuing, time_ms=now), "years later")
        self.assertEqual((work / "encrypt.key").stat().st_mode & 0o777, 0o600)
        self.assertEqual((work / "sign.key").stat().st_mode & 0o777, 0o600)

    def test_four_eyes(self):
        work = self.folder()
        self.cli("ca", "csr", "--key", work / "k", "--out", work / "r", "--name", "李四")
        ids = self.cli("ca", "request", work / "r", "--profile", "personal")["ids"]
        own = self.platform.cli("ca", "approve", *ids)
        self.assertEqual(own.reason, "authority.four_eyes")
        self.assertIn("chengxin token create", own.json["error"]["title_en"])
        self.assertEqual(self.platform.cli("ca", "issue", *ids).reason, "authority.state")
        refused = self.platform.cli("ca", "approve", *ids, environment=self.officer)
        self.assertEqual(refused.reason, "auth.owner_only", "who may ask may not approve")
        self.cli("ca", "reject", *ids)

    def test_taken_back_and_seen_by_everybody(self):
        work, holder = self.issued()
        issuing = self.issuing()
        certificate = der((work / "sign.pem").read_text(encoding="utf-8")).hex()

        def status():
            """By POST and by GET, without a credential, the request and the answer being gmsm's to make and to judge."""
            question = bytes.fromhex(self.gmsm.ask("ocsp_request", certificate=certificate, root=issuing, nonce="ff" * 24)["data"])
            path = f"{PUBLIC}/ocsp/{base64.b64encode(question).decode()}"
            answers = set()
            for code, media, content in (self.open_bytes("POST", f"{PUBLIC}/ocsp", question, "application/ocsp-request"),
                                         self.open_bytes("GET", path), self.open_bytes("GET", path.replace("+", "%2B")[:len(PUBLIC) + 6] +
                                                                                      path[len(PUBLIC) + 6:].replace("/", "%2F"))):
                self.assertEqual((code, media), (200, "application/ocsp-response"))
                read = self.gmsm.ask("ocsp_response", root=issuing, data=content.hex())
                self.assertNotIn("error", read)
                self.assertEqual(read["more"], "ff" * 24)
                answers.add(read["data"])
            self.assertEqual(len(answers), 1)
            return answers.pop()

        self.assertEqual(status(), "00", "good")
        self.assertEqual(self.cli("ca", "ocsp", work / "sign.pem")["status"], "good")
        self.cli("ca", "check", work / "sign.pem", "--purpose", "client")
        self.cli("ca", "hold", holder)
        self.assertEqual(status(), "61", "revoked, certificateHold")
        self.assertEqual(self.platform.cli("ca", "check", str(work / "sign.pem")).reason, "crypto.certificate_revoked")
        self.cli("ca", "release", holder)
        self.assertEqual(status(), "00")
        self.cli("ca", "revoke", holder, "--reason", "key_compromise")
        self.assertEqual(status(), "11", "revoked, keyCompromise")
        self.assertEqual(self.cli("ca", "ocsp", work / "sign.pem", code=1)["status"], "revoked")
        code, media, crl = self.open_bytes("GET", f"{PUBLIC}/crl")
        self.assertEqual((code, media), (200, "application/pkix-crl"))
        self.assertNotIn("error", self.gmsm.ask("crl", data=crl.hex(), root=issuing))
        listed = {each["serial"] for each in self.cli("ca", "crl")["revoked"]}
        for serial in listed:
            self.cli("ca", "list", "--serial", serial)
        self.assertEqual(self.platform.cli("ca", "release", holder).reason, "authority.state")
        checked = self.platform.cli("ca", "check", str(work / "sign.pem"))
        self.assertEqual((checked.code, checked.reason), (1, "crypto.certificate_revoked"))

    def test_requests_that_are_refused(self):
        work = self.folder()
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", work / "p256.key")
        openssl("req", "-new", "-key", work / "p256.key", "-subj", "/CN=x", "-out", work / "p256.csr")
        openssl("genpkey", *SM2, "-out", work / "sm2.key")
        openssl("req", "-new", "-key", work / "sm2.key", *SIGN, "-subj", "/CN=x/emailAddress=a@b", "-out", work / "mail.csr")
        openssl("req", "-new", "-key", work / "sm2.key", "-sm3", "-sigopt", "distid:another", "-subj", "/CN=x", "-out", work / "id.csr")
        openssl("req", "-new", "-key", work / "sm2.key", *SIGN, "-subj", "/CN=x", "-out", work / "good.csr")
        for name, words, reason in (("p256.csr", [], "crypto.csr_curve"), ("mail.csr", [], "crypto.csr_subject"),
                                    ("id.csr", [], "crypto.csr_signature"), ("good.csr", ["--days", "9999"], "authority.days"),
                                    ("good.csr", ["--host", "x"], "authority.hosts"), ("sm2.key", [], "crypto.csr_malformed")):
            with self.subTest(name, words=words):
                done = self.platform.cli("ca", "request", str(work / name), "--profile", "personal", *words)
                self.assertEqual(done.reason, reason, done)
        self.assertEqual(self.platform.cli("ca", "request", str(work / "good.csr"), "--profile", "king").reason, "authority.profile")

    def test_outside_authorities(self):
        work = self.folder()
        openssl("genpkey", *SM2, "-out", work / "root.key")
        openssl("req", "-x509", "-new", "-key", work / "root.key", *SIGN, "-days", "30", "-subj", "/C=CN/CN=outside",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", work / "root.pem")
        openssl("genpkey", *SM2, "-out", work / "leaf.key")
        openssl("req", "-new", "-key", work / "leaf.key", *SIGN, "-subj", "/CN=theirs", "-out", work / "leaf.csr")
        (work / "ext").write_text("keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n", encoding="utf-8")
        openssl("x509", "-req", "-in", work / "leaf.csr", "-CA", work / "root.pem", "-CAkey", work / "root.key", *SIGN, "-vfyopt",
                "distid:1234567812345678", "-days", "20", "-CAcreateserial", "-extfile", work / "ext", "-out", work / "leaf.pem")
        (work / "index").touch()
        (work / "number").write_text("01\n", encoding="utf-8")
        (work / "ca.cnf").write_text(f"[ca]\ndefault_ca=c\n[c]\ndatabase={work}/index\ncrlnumber={work}/number\ndefault_md=sm3\n"
                                     "crl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n", encoding="utf-8")

        def new_list():
            openssl("ca", "-config", work / "ca.cnf", "-gencrl", "-crldays", "2", "-keyfile", work / "root.key", "-cert", work / "root.pem",
                    "-md", "sm3", "-sigopt", "distid:1234567812345678", "-out", work / "list.pem")

        def check(name, *words):
            done = self.platform.cli("ca", "check", str(work / name), *words)
            return done.reason if done.code else ""

        new_list()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: http.server.SimpleHTTPRequestHandler(*a, directory=str(work)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.assertEqual(check("leaf.pem"), "crypto.certificate_untrusted")
        anchor = self.cli("ca", "import", work / "root.pem", "--crl-url", f"http://127.0.0.1:{server.server_port}/list.pem")["id"]
        self.assertEqual(check("leaf.pem", "--purpose", "client"), "")
        self.assertEqual(check("leaf.pem", "--purpose", "tls_encrypt"), "crypto.certificate_usage")
        openssl("ca", "-config", work / "ca.cnf", "-revoke", work / "leaf.pem", "-keyfile", work / "root.key", "-cert", work / "root.pem",
                "-md", "sm3", "-sigopt", "distid:1234567812345678")
        new_list()
        self.cli("ca", "import", "--renew", anchor)
        self.assertEqual(check("leaf.pem"), "crypto.certificate_revoked")
        self.assertEqual(self.platform.cli("ca", "import", str(work / "leaf.pem")).reason, "authority.not_an_authority")
        self.assertEqual(self.platform.cli("ca", "import", str(work / "root.pem"), "--crl-url", "http://10.1.2.3/x").reason,
                         "authority.address_forbidden")
        openssl("req", "-x509", "-new", "-key", work / "leaf.key", *SIGN, "-days", "3", "-subj", "/CN=me", "-out", work / "own.pem")
        self.assertEqual(check("own.pem"), "authority.self_made")
        for name, digest, reason in (("p256", "-sha256", "crypto.certificate_curve"), ("sha1", "-sha1", "authority.weak_hash")):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", work / f"{name}.key", digest,
                    "-days", "3", "-subj", "/CN=x", "-out", work / f"{name}.pem")
            self.assertEqual(check(f"{name}.pem"), reason)
        self.cli("ca", "import", "--remove", anchor)
        self.assertEqual(check("leaf.pem"), "crypto.certificate_untrusted")

    def test_renewed_and_due(self):
        work, holder = self.issued(name="王五")
        self.assertNotIn(holder, [each["id"] for each in self.cli("ca", "due", "--days", "30")["items"]])
        self.assertIn(holder, [each["id"] for each in self.cli("ca", "due", "--days", "400")["items"]])
        ids = self.cli("ca", "request", work / "sign.csr", "--profile", "personal", "--renews", holder, environment=self.officer)["ids"]
        self.cli("ca", "approve", *ids)
        self.cli("ca", "issue", *ids)
        self.assertEqual(self.cli("ca", "show", holder)["state"], "renewed")
        self.cli("ca", "check", work / "sign.pem")
        number = self.platform.get("/api/v1/authority")["crl_number"]
        self.cli("ca", "crl", "--renew")
        self.assertEqual(self.platform.get("/api/v1/authority")["crl_number"], number + 1)
        self.assertEqual(self.platform.cli("ca", "crl", "--renew", "--root").reason, "crypto.passphrase")
        self.cli("ca", "crl", "--renew", "--root", "--passphrase-file", self.passphrase)

    def test_the_platform_served_with_its_own_pair(self):
        work, holder = self.issued("node", "platform", hosts=["127.0.0.1", "localhost"])
        for protocol in ("tlcp", "tls13_sm"):
            data = self.base / protocol
            self.assertEqual(support.command(["init"], data).code, 0)
            with open(data / "chengxin.yaml", "a", encoding="utf-8") as file:
                file.write(f"server.tls: {protocol}\nserver.tls_certificate: {work / 'sign.pem'}\nserver.tls_key: {work / 'sign.key'}\n")
                if protocol == "tlcp":
                    file.write(f"server.tls_encrypt_certificate: {work / 'encrypt.pem'}\nserver.tls_encrypt_key: {work / 'encrypt.key'}\n")
            self.assertEqual(support.command(["install", "seal"], data).code, 0)
            served = support.Platform(data)
            self.addCleanup(served.stop)
            root = work / "root.pem"
            pem = (work / "chain.pem").read_text(encoding="utf-8")
            root.write_text(pem[pem.index("-----BEGIN", 10):], encoding="utf-8")
            done = support.command(["--json", "--server", served.url, "--root", root, "chain", "list"], data, {"CHENGXIN_TOKEN": served.token})
            self.assertEqual(done.code, 0, done)
            self.assertIn("default", done.out)

    def test_what_is_kept_survives_a_restart(self):
        work, holder = self.issued(name="赵六")
        self.cli("ca", "hold", holder)
        type(self).platform.stop()
        type(self).platform = self.start(self.base / "data")
        self.assertEqual(self.cli("ca", "show", holder)["state"], "suspended")
        self.assertEqual(self.cli("ca", "ocsp", work / "sign.pem", code=1)["status"], "revoked")
        for secret in (self.base / "data/keys/ca").glob("*"):
            self.assertEqual(secret.stat().st_mode & 0o077, 0, secret)
        self.assertIn("ENCRYPTED", (self.base / "data/keys/ca/root.pem").read_text(encoding="utf-8"))

    def test_the_figure_beside_its_peer(self):
        done = self.cli("ca", "bench", "--holders", "2000")
        for name in ("issued_per_s", "whole_per_s", "tongsuo_x509_sign_per_s"):
            self.assertGreater(done[name], 0)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_authority"))

#!/usr/bin/env python3
"""Requirements of classified protection that no other suite shows (docs/protection.md): nothing that people confided stands readable on
the disk; administration from another host needs a protected port; a failing algorithm stops the program; what was bent while it was
stopped is found when it starts."""
import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

import cluster
import credential_test
import sm
import support
import tls_test

PASSPHRASE = "correct horse battery 5521"
PASSWORD, TRIED, LATER = "Rain-and-7-boats-9431", "Storm-and-8-ships-2210", "Frost-and-9-kites-6604"
PEOPLE = {"name": "欧阳若汐", "phone": "13977008899", "number": "310101198703054321"}
CLAIMS = {"name": "司徒明远", "address": {"street": "不存在路 987 号", "city": "城市"}}
NAMED = {"id": "named", "title": "姓名", "credentials": [{"id": "person", "types": [credential_test.RESIDENT["type"]],
         "claims": [{"path": ["name"]}]}]}
ORIGINAL = "甲方与乙方约定的机密条款 7731。" * 40
MESSAGE = "转账 4455 元给子虚乌有公司"


def forms(secret):
    """How a secret might stand in a file."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    out = {"raw": raw, "hexadecimal": raw.hex().encode()}
    for before in range(3):  # it may begin at any of the three places of a group of base64
        inner = base64.b64encode(bytes(before) + raw).rstrip(b"=")[4 if before else 0:-1]
        out[f"base64 after {before}"], out[f"base64url after {before}"] = inner, inner.replace(b"+", b"-").replace(b"/", b"_")
    if isinstance(secret, str):
        out["JSON"] = json.dumps(secret).strip('"').encode()
        out["in an address"] = urllib.parse.quote(secret).encode()
        out["UTF-16"] = secret.encode("utf-16-le")
    return out


class OnDisk(support.Case):
    """Requirement 20, over the whole data folder, its log and all databases, while the platform runs and after it has stopped."""

    @classmethod
    def start(cls, data, **keywords):
        data = pathlib.Path(data)
        assert support.command(["init"], data).code == 0
        cls.secrets = {}
        for name in ("validator", "service", "installation"):
            cls.secrets[f"the key {name}"] = sm.Key.from_pem((data / f"keys/{name}.pem").read_text(encoding="ascii")).secret.to_bytes(32, "big")
        cls.secrets["the key of the originals"] = (data / "keys/blob.key").read_bytes()
        cls.pin = cls.file(data.parent / "pin", PASSPHRASE)
        done = support.command(["--json", "keys", "protect", "--pin-file", str(cls.pin)], data)
        assert done.code == 0, done
        return super().start(data, environment={"CHENGXIN_KEYS_PIN_FILE": str(cls.pin)})

    def cli(self, *arguments, environment=None, **keywords):
        """Commands on the folder note what they did in the audit log, for which they need the passphrase too."""
        return super().cli(*arguments, environment={"CHENGXIN_KEYS_PIN_FILE": str(self.pin), **(environment or {})}, **keywords)

    @staticmethod
    def file(path, text):
        path.write_text(text + "\n", encoding="utf-8")
        path.chmod(0o600)
        return path

    def confide(self, what, value):
        self.secrets[what] = value
        return value

    def people(self):
        """Personal data of a directory, read for a purpose, masked and whole."""
        table = self.base / "people.csv"  # the operator's, outside of the data folder
        table.write_text("external,kind,parent,unique,name,phone\nc,public_body,,9131,City,\n"
                         f"p,official,c,{PEOPLE['number']},{PEOPLE['name']},{PEOPLE['phone']}\n", encoding="utf-8")
        genesis = json.loads(self.platform.get("/api/v1/chains/default")["genesis"])
        point = bytes.fromhex(next(each["public_key"] for each in genesis["accounts"] if "governor" in each["roles"]))
        self.cli("identity", "registrar", sm.tagged("chengxin/key/v1", point)[:16].hex(), "--rights", "admin,enrol", "--kinds",
                 "public_body,unit,official")
        plan = self.cli("identity", "sync", table)
        self.cli("identity", "sync", table, "--apply", plan["plan"])
        table.write_text("external,kind,parent,unique,name,phone\nc,public_body,,9131,City,\n", encoding="utf-8")
        who = self.cli("identity", "sync", table)["differences"][0]["identity"]  # a plan names the one who would be suspended
        own = {"CHENGXIN_PASSPHRASE": PASSPHRASE}
        self.cli("key", "create", "reader", environment=own)
        self.assertEqual(self.cli("identity", "personal", who, "--purpose", "a test")["data"]["name"], "欧***")
        whole = self.cli("identity", "personal", who, "--purpose", "a call", "--key", "reader", environment=own)
        self.assertEqual(whole["data"], {"name": PEOPLE["name"], "phone": PEOPLE["phone"]})
        for name, value in PEOPLE.items():
            self.confide(f"a person's {name}", value)

    def accounts(self):
        """Passwords, right, wrong and temporary; sessions; the secret of one-time codes; tokens."""
        given = self.confide("a temporary password", self.cli("user", "add", "li.na")["password"])
        for attempt in (self.confide("a wrong password", TRIED), given):
            status, _, session = self.platform.request("POST", "/api/v1/sessions", {"name": "li.na", "password": attempt}, token=None)
        self.assertEqual(status, 201, session)
        own = {"CHENGXIN_TOKEN": self.confide("a session", session["token"]), "CHENGXIN_PASSWORD": given,
               "CHENGXIN_NEW_PASSWORD": self.confide("a password", PASSWORD)}
        session = self.cli("user", "password", environment=own)
        own["CHENGXIN_TOKEN"] = self.confide("the next session", session["token"])
        address = self.cli("user", "code", environment=own)["address"]
        secret = self.confide("the secret of codes in base32", urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["secret"][0])
        self.confide("the secret of codes", base64.b32decode(secret + "=" * (-len(secret) % 8)))
        self.cli("user", "password", environment={**own, "CHENGXIN_PASSWORD": PASSWORD, "CHENGXIN_NEW_PASSWORD": LATER})
        self.confide("the later password", LATER)
        self.token = self.confide("a token", self.cli("token", "create", "clerk")["token"])

    def credentials(self):
        """Offers that were taken and one that was not, and what somebody showed of his credential."""
        credential_test.prepare(self.platform)
        self.platform.post("/api/v1/presentation-templates", NAMED)
        own, wallet = {"CHENGXIN_PASSPHRASE": PASSPHRASE}, str(self.base / "wallet.json")
        use = lambda *words: support.command(["--json", "wallet", words[0], "--wallet", wallet, *words[1:]], environment=own)  # noqa: E731
        offers = [self.platform.post("/api/v1/credential-offers", {"template": "resident", "claims": CLAIMS}) for _ in range(2)]
        host = f"127.0.0.1:{self.platform.port}"
        for done in (use("create"), use("accept", offers[0]["uri"])):
            self.assertEqual(done.code, 0, done)
        asked = self.platform.post("/api/v1/presentation-requests", {"template": "named"})
        done = use("respond", asked["uri"], "--yes", "--trusted-host", host)
        self.assertEqual(done.code, 0, done)
        verdict = self.platform.get(f"/api/v1/presentation-requests/{asked['id']}")["verdict"]
        self.assertEqual(verdict["claims"]["person"], {"name": CLAIMS["name"]})
        issued = {"template": "resident", "claims": CLAIMS, "holder": self.platform.get("/.well-known/did.json")["id"]}
        again = [self.platform.post("/api/v1/credentials", issued, headers={"Idempotency-Key": "5f0c1f6a-9d6e-4b1c-8f5e-2f1f0a3f9b77"})
                 for _ in range(2)]
        self.assertEqual(*again, "the answer was kept")
        self.confide("a name in a credential", CLAIMS["name"])
        self.confide("an address in a credential", CLAIMS["address"]["street"])

    def services(self):
        """An original, a document that was encrypted by the service, a key of two parties, a write that waits in the gateway."""
        original = self.base / "original.txt"
        original.write_text(self.confide("an original", ORIGINAL), encoding="utf-8")
        added = self.cli("evidence", "add", original, "--keep", "--wait")
        self.assertTrue(added["items"][0].get("original"), added)
        self.platform.post("/api/v1/crypto/keys", {"name": "box", "algorithm": "sm4"})
        plain = base64.b64encode(self.confide("a message", MESSAGE).encode()).decode()
        self.platform.post("/api/v1/crypto/keys/box/encrypt", {"items": [{"plain": plain}]})
        self.cli("keys", "enroll", "--folder", self.base / "phone", "--label", "phone", "--pin-file", self.pin)
        self.confide("a passphrase", PASSPHRASE)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            upstream = f"http://127.0.0.1:{closed.getsockname()[1]}"
        behind = self.file(self.base / "behind", self.confide("a credential of the gateway", "cxt_0011223344556677_" + "5a" * 32))
        self.cli("gateway", "route", "city", "--upstream", upstream, "--token-file", behind, "--path", "/api/v1/evidence", "--application", "*",
                 "--writes", "--buffered", "--burst", "10", "--per-second", "10", "--most-waiting", "8")
        waiting = self.platform.request("POST", "/api/v1/gateway/to/city/api/v1/evidence", {"digest": "ab" * 32, "title": MESSAGE}, token=self.token)
        self.assertEqual(waiting[0], 202, waiting[2])
        self.file(self.base / "root-passphrase", PASSPHRASE)
        self.cli("ca", "init", "--organization", "城信", "--country", "CN", "--passphrase-file", self.base / "root-passphrase")

    def found(self):
        """(secret, form, file) for each that stands somewhere."""
        needles = [(what, form, needle) for what, secret in self.secrets.items() for form, needle in forms(secret).items()]
        out = []
        for path in [*self.platform.data.rglob("*"), self.platform.log]:
            if path.is_file():
                content = path.read_bytes()
                out += [(what, form, str(path)) for what, form, needle in needles if needle in content]
        return out

    def test_nothing_confided_is_readable(self):
        self.people()
        self.accounts()
        self.credentials()
        self.services()
        self.assertGreater(len(self.secrets), 20)
        self.assertEqual(self.found(), [], "while it runs")
        self.platform.stop()
        self.assertEqual(self.found(), [], "after it stopped")
        self.secrets["the search finds what is there"] = "li.na"
        self.assertNotEqual(self.found(), [])
        data = self.platform.data
        plain = {str(path.relative_to(data)) for path in data.rglob("*")
                 if path.is_file() and any(line in path.read_bytes() for line in (b"BEGIN PRIVATE KEY", b"BEGIN EC PRIVATE KEY"))}
        self.assertEqual(plain, set())


class Remote(unittest.TestCase):
    """Requirement 6: two hosts, of network namespaces. Administration from the other one needs a protected port."""

    ASK = """import json, sys, urllib.error, urllib.request as u
method, url, token, body = sys.argv[1:]
headers = {"Content-Type": "application/json", **({"Authorization": "Bearer " + token} if token else {})}
try:
    answer = u.urlopen(u.Request(url, body.encode() if body else None, headers, method=method), timeout=30)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())"""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.base = pathlib.Path(folder.name)
        cls.network = cluster.Network()
        cls.addClassCleanup(cls.network.close)
        cls.node = cluster.Node(cls.network, cls.base)
        _, cls.elsewhere = cls.network.add_host()

    def serve(self, *lines):
        shutil.rmtree(self.node.data, ignore_errors=True)
        self.assertEqual(support.command(["init"], self.node.data).code, 0)
        with open(self.node.data / "chengxin.yaml", "a", encoding="utf-8") as file:
            file.write("\n".join(["listen: 0.0.0.0:8443", f"server.hosts: {self.node.host}", *lines]) + "\n")
        self.assertEqual(support.command(["install", "seal"], self.node.data).code, 0)
        self.addCleanup(self.node.stop)
        self.node.start()
        self.owner = (self.node.data / "run/credential").read_text(encoding="ascii").strip()

    def ask(self, method, path, token="", body=None, host=None):
        run = subprocess.run(["ip", "netns", "exec", self.elsewhere, sys.executable, "-c", self.ASK, method,
                              f"http://{host or self.node.host}:8443{path}", token, json.dumps(body) if body else ""],
                             capture_output=True, timeout=60, check=False)
        self.assertEqual(run.returncode, 0, run.stderr.decode()[-300:])
        status, _, answer = run.stdout.decode().partition(" ")
        return int(status), json.loads(answer) if answer.startswith("{") else answer

    def test_a_plain_port_takes_no_administration_from_another_host(self):
        self.serve()
        made = self.node.cli("token", "create", "program")  # on its own host all goes as ever
        self.node.cli("user", "add", "li.na")
        session = self.node.cli("user", "login", "li.na", code=None)
        self.assertNotEqual(session["error"]["reason"], "access.plain_remote")
        for method, path, token, body in (("GET", "/api/v1/system", self.owner, None), ("POST", "/api/v1/tokens", self.owner, {"name": "x"}),
                                          ("GET", "/api/v1/evidence", self.owner, None),
                                          ("POST", "/api/v1/sessions", "", {"name": "li.na", "password": "Wrong-1-word"}),
                                          ("POST", "/api/v1/sessions/challenge", "", {"name": "li.na"})):
            with self.subTest(method=method, path=path):
                status, answer = self.ask(method, path, token, body)
                self.assertEqual((status, answer["reason"]), (403, "access.plain_remote"))
                self.assertRegex(answer["title"], "[一-鿿]")
        # Programs with a token of their own, and what is open to everybody, are served.
        self.assertEqual(self.ask("GET", "/healthz")[0], 200)
        self.assertEqual(self.ask("POST", "/api/v1/evidence", made["token"], {"digest": "ab" * 32})[0], 201)
        self.assertEqual(self.ask("GET", "/api/v1/evidence", made["token"])[0], 200)
        entries = self.node.cli("audit", "list", "--limit", "1000", "--outcome", "access.plain_remote")["items"]
        self.assertEqual(len(entries), 5, "each refusal is in the audit log")

    def test_tlcp_takes_it(self):
        made = self.base / "certificates"
        made.mkdir()
        tls_test.make_certificates(made, "SM2", self.node.host)
        self.serve("server.tls: tlcp", f"server.tls_certificate: {made / 'server.pem'}", f"server.tls_key: {made / 'sign.key'}",
                   f"server.tls_encrypt_certificate: {made / 'encrypt.pem'}", f"server.tls_encrypt_key: {made / 'encrypt.key'}")
        words = [support.BINARY, "--data", self.base / "elsewhere", "--json", "--server", f"tlcp://{self.node.host}:8443", "--root",
                 made / "root.pem", "token", "create", "made-elsewhere"]
        run = subprocess.run(["ip", "netns", "exec", self.elsewhere, *words], capture_output=True, timeout=60, check=False,
                             env={**os.environ, "CHENGXIN_TOKEN": self.owner})
        done = support.Done(run)
        self.assertEqual((done.code, done.json and done.json["name"]), (0, "made-elsewhere"), done)
        with self.assertRaises(AssertionError, msg="nothing is answered in clear"):
            self.ask("GET", "/healthz")


class Start(support.Local):
    """Requirements 16 and 21: what is found before anything is served."""

    def setUp(self):
        super().setUp()
        self.assertEqual(support.command(["init"], self.data).code, 0)

    def refused(self, reason, binary=support.BINARY):
        done = support.Done(subprocess.run([binary, "--json", "serve", "--data", self.data, "--listen", "127.0.0.1:0"], capture_output=True,
                                           timeout=60, check=False, stdin=subprocess.DEVNULL))
        self.assertNotEqual(done.code, 0, done)
        self.assertEqual(done.reason, reason, done)
        self.assertFalse((self.data / "run/address").exists(), "it serves")
        return done

    def test_a_program_whose_sm4_is_wrong_does_not_serve(self):
        """A copy with one byte of the S-box of SM4 changed (GB/T 32907 6.2): the known answers do not come out."""
        program = bytearray(support.BINARY.read_bytes())
        places = self.places(program, bytes.fromhex("d690e9fecce13db716b614c228fb2c05"))
        self.assertTrue(places)
        for at in places:
            program[at + 5] ^= 1
        bent = self.base / "chengxin"
        bent.write_bytes(program)
        bent.chmod(0o700)
        done = self.refused("crypto.self_test", bent)
        self.assertIn("sm4", done.json["error"]["detail"])

    @staticmethod
    def places(haystack, needle):
        out, at = [], haystack.find(needle)
        while at >= 0:
            out.append(at)
            at = haystack.find(needle, at + 1)
        return out

    def test_what_was_bent_while_it_was_stopped(self):
        platform = support.Platform(self.data)
        platform.post("/api/v1/evidence?wait=receipt", {"digest": "ab" * 32}, expected=(201,))
        platform.stop()
        settings = self.data / "chengxin.yaml"
        whole = settings.read_bytes()
        settings.write_bytes(whole + b"log.level: debug\n")
        self.refused("install.manifest")
        settings.write_bytes(whole)
        manifest = self.data / "manifest.json"
        kept = manifest.read_bytes()
        manifest.write_bytes(kept.replace(b'"', b' "', 1))
        self.refused("install.manifest")
        manifest.write_bytes(kept)
        support.Platform(self.data).stop()


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_protection"))

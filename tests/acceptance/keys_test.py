#!/usr/bin/env python3
"""Keys as their custodians, callers and users meet them: the ceremony, the platform's own keys under a passphrase, the
cryptographic service, signatures of two parties, and the signing helper with a UKey (the simulator of SKF), with the real binary."""
import base64
import http.client
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time
import unittest

import sm
import support

SIMULATOR = support.BUILD / "simulators/skf_simulator.so"
N = sm.N


def verifies(public, message, signature, identity=b"1234567812345678"):
    """By the tests' own SM2."""
    return sm.verify(bytes.fromhex(public), message, bytes.fromhex(signature), identity)


class Keys(support.Local):
    """Commands that need no platform."""

    def setUp(self):
        super().setUp()
        self.data.mkdir()
        self.pin = self.secret("pin", "correct horse battery")

    def keys(self, *words, code=0, reason=None, data=None, pin=None, environment=None):
        verb, *rest = [str(word) for word in words]
        done = support.command(["--json", "keys", verb, *rest, "--pin-file", str(pin or self.pin)], data or self.data, environment)
        self.assertEqual((done.code, done.reason), (code, reason), f"{words}: {done}")
        return done.json


class Ceremony(Keys):
    WHO = ["--custodian", "王五", "--custodian", "赵六"]

    def begin(self, data=None):
        return self.keys("init", data=data)

    def test_the_life_of_a_key(self):
        self.begin()
        self.keys("generate", "seal", code=2, reason="keys.custodians")
        self.keys("generate", "seal", "--custodian", "王五", "--custodian", "王五", code=2, reason="keys.custodians")
        made = self.keys("generate", "seal", *self.WHO)
        public = made["versions"][0]["public_key"]
        document = self.base / "document"
        document.write_bytes(b"a decision of the city")
        signed = self.keys("sign", "seal", document)
        self.assertTrue(verifies(public, document.read_bytes(), signed["signature"]))

        holders = [self.secret(f"holder{n}", f"passphrase of holder {n}") for n in range(3)]
        shares = self.base / "shares"
        named = [word for n, file in enumerate(holders) for word in ("--holder", f"h{n}={file}")]
        backup = self.keys("backup", "seal", "--need", 2, *named, "--out", shares, *self.WHO)
        files = [pathlib.Path(file) for file in backup["shares"]]
        self.assertEqual([file.stat().st_mode & 0o777 for file in files], [0o600] * 3)
        self.assertRegex(files[0].read_text(encoding="ascii"), r"^(([0-9A-Z]{5}-){5}[0-9A-Z]{5}\n){5}[0-9A-Z-]+\n$")

        rotated = self.keys("rotate", "seal", *self.WHO)
        self.assertEqual([one["state"] for one in rotated["versions"]], ["retired", "current"])
        self.assertEqual(self.keys("verify", "seal", document, "--signature", signed["signature"])["version"], 1)
        self.keys("destroy", "seal", 1, *self.WHO)
        self.assertEqual(self.keys("verify", "seal", document, "--signature", signed["signature"], code=1)["valid"], False)

        elsewhere = self.base / "elsewhere"  # a machine that has the shares and nothing else
        elsewhere.mkdir()
        self.begin(elsewhere)
        share = [f"{file}={holder}" for file, holder in zip(files, holders)]
        give = lambda *which: [word for one in which for word in ("--share", one)]  # noqa: E731
        self.keys("restore", "seal", *give(share[1]), *self.WHO, data=elsewhere, code=2, reason="keys.shares_few")
        self.keys("restore", "seal", *give(share[1], share[1]), *self.WHO, data=elsewhere, code=2, reason="keys.shares_repeated")
        self.keys("restore", "seal", *give(share[1], f"{files[2]}={holders[0]}"), *self.WHO, data=elsewhere, code=5,
                  reason="keys.share_passphrase")
        self.keys("generate", "other", *self.WHO, data=elsewhere)
        others = self.keys("backup", "other", "--need", 2, *named, "--out", self.base / "others", *self.WHO, data=elsewhere)["shares"]
        self.keys("restore", "seal", *give(share[1], f"{others[2]}={holders[2]}"), *self.WHO, data=elsewhere, code=2,
                  reason="keys.shares_mixed")
        text = files[2].read_text(encoding="ascii")
        files[2].write_text(text.replace(text[40], "Z" if text[40] != "Z" else "Y", 1), encoding="ascii")
        self.keys("restore", "seal", *give(share[1], share[2]), *self.WHO, data=elsewhere, code=7, reason="keys.share_damaged")
        files[2].write_text(text, encoding="ascii")
        back = self.keys("restore", "seal", *give(share[2], share[1]), *self.WHO, data=elsewhere)
        self.assertEqual(back["versions"][0]["public_key"], public)
        self.assertTrue(verifies(public, document.read_bytes(), self.keys("sign", "seal", document, data=elsewhere)["signature"]))
        self.keys("revoke", "seal", 1, "--why", "a share was lost", *self.WHO, data=elsewhere)
        self.keys("sign", "seal", document, data=elsewhere, code=4, reason="keys.revoked")

    def test_a_wrong_passphrase_and_a_bent_file_are_told_apart(self):
        self.begin()
        self.keys("generate", "seal", *self.WHO)
        self.keys("list", pin=self.secret("wrong", "incorrect horse"), code=5, reason="keys.passphrase")
        store = self.data / "keys/keystore/keystore.json"
        store.write_text(store.read_text(encoding="utf-8").replace('"salt": "', '"salt": "0'), encoding="utf-8")
        self.keys("list", code=7, reason="keys.damaged")

    def test_the_journal_shows_what_was_done_to_it(self):
        self.begin()
        head = self.keys("generate", "one", *self.WHO)["journal_head"]
        self.assertEqual(self.keys("journal", "--head", head)["records"][1]["record"]["custodians"], ["王五", "赵六"])
        later = self.keys("rotate", "one", *self.WHO)["journal_head"]
        self.assertNotEqual(head, later)
        self.keys("journal", "--head", head, code=7, reason="keys.journal_cut")
        journal = self.data / "keys/service/journal.jsonl"
        whole = journal.read_text(encoding="utf-8")
        for bent, reason in ((whole.replace("赵六", "钱七", 1), "keys.journal_broken"),
                             ("".join(whole.splitlines(True)[:-1]), "keys.journal_cut"),
                             ("".join(whole.splitlines(True)[:1] + whole.splitlines(True)[2:]), "keys.journal_broken")):
            journal.write_text(bent, encoding="utf-8")
            self.keys("journal", code=7, reason=reason)
        journal.write_text(whole, encoding="utf-8")
        self.keys("journal", "--head", later)

    def test_with_a_ukey(self):
        """The simulator of SKF: keys are made in it and never leave it; it locks itself after wrong PINs."""
        state = {"CHENGXIN_SIMULATOR_STATE": str(self.base / "ukey")}
        good, bad = self.secret("good", "123456"), self.secret("bad", "000000")
        self.keys("init", "--provider", "skf", "--library", SIMULATOR, environment=state)
        self.keys("generate", "login", *self.WHO, environment=state, pin=good)
        self.keys("backup", "login", "--holder", f"a={self.pin}", "--holder", f"b={self.pin}", "--out", self.base / "none", *self.WHO,
                  environment=state, pin=good, code=2, reason="keys.unsupported")
        provider = self.keys("provider", environment=state)
        self.assertEqual((provider["kind"], len(provider["keys"])), ("skf", 2))
        for left in range(5, 0, -1):
            done = support.command(["--json", "keys", "list", "--pin-file", str(bad)], self.data, state)
            self.assertEqual((done.reason, done.code), ("keys.pin", 5))
            self.assertIn(str(left), done.json["error"]["detail"])
            self.assertNotIn("000000", done.out + done.err)
        self.keys("list", environment=state, pin=bad, code=5, reason="keys.pin_locked")
        self.keys("list", environment=state, pin=good, code=5, reason="keys.pin_locked")


class Memory(Keys):
    """Threat 14: what stands in the memory of a process that unlocked, signed and locked."""

    def test_no_private_key_after_the_helper_signed(self):
        done = support.command(["init"], self.data)
        self.assertEqual(done.code, 0, done)
        scalar = sm.Key.from_pem((self.data / "keys/validator.pem").read_text(encoding="ascii")).secret
        self.keys("protect")
        helper = Helper(self, self.data, ["--pin-file", str(self.pin)])
        session = helper.pair()
        key = next(one for one in helper.get("/v1/keys", session)["keys"] if one["id"] == "platform-validator")
        for _ in range(3):
            self.assertEqual(helper.sign(session, key)[0], 200)
        found = [name for name, form in self.forms(scalar).items() if helper.holds(form)]
        self.assertEqual(found, [])
        self.assertTrue(helper.holds(session.encode()), "the search finds what is there")

    def test_nor_the_pin(self):
        done = support.command(["init"], self.data)
        self.assertEqual(done.code, 0, done)
        self.keys("protect")
        helper = Helper(self, self.data, ["--pin-from-page"])
        session = helper.pair()
        key = next(one for one in helper.get("/v1/keys", session)["keys"] if one["id"] == "platform-validator")
        self.assertEqual(helper.sign(session, key, pin="correct horse battery")[0], 200)
        self.assertFalse(helper.holds(b"correct horse battery"))

    @staticmethod
    def forms(scalar):
        inverse = pow(1 + scalar, -1, N)
        numbers = {"d": scalar, "1/(1+d)": inverse, "d*R": scalar * (1 << 256) % N, "1/(1+d)*R": inverse * (1 << 256) % N,
                   "1+d": scalar + 1, "d+n": scalar + N, "d+2n": scalar + 2 * N}
        out = {}
        for name, number in numbers.items():
            size = 32 if number < 1 << 256 else 33
            out[name + " big-endian"] = number.to_bytes(size, "big")
            out[name + " little-endian"] = number.to_bytes(size, "little")
            out[name + " hexadecimal"] = number.to_bytes(size, "big").hex().encode()
        return out


class Helper:
    ORIGIN = "https://platform.example"

    def __init__(self, test, data, options=(), environment=None):
        own = {name: value for name, value in os.environ.items() if not name.startswith("CHENGXIN_")}
        self.process = subprocess.Popen([support.BINARY, "--data", data, "keys", "helper", "--origin", self.ORIGIN, *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                        env={**own, **(environment or {})})
        test.addCleanup(self.process.stdout.close)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)
        self.test = test
        self.port = int(re.search(r":(\d+)\n", self.line()).group(1))
        self.code = self.next_code()

    def line(self):
        return self.process.stdout.readline().decode()

    def next_code(self):
        while not (found := re.search(r"pairing code: (\d{8})\n", self.line())):
            pass
        return found.group(1)

    def ask(self, method, path, body=None, session=None, origin=ORIGIN, host=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Origin": origin} if origin else {}
        if session:
            headers["Authorization"] = f"Bearer {session}"
        if host:
            headers["Host"] = host
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, (json.loads(content) if content else None), answer.headers

    def get(self, path, session):
        status, body, _ = self.ask("GET", path, session=session)
        self.test.assertEqual(status, 200, body)
        return body

    def pair(self):
        status, body, _ = self.ask("POST", "/v1/pair", {"code": self.code})
        self.test.assertEqual(status, 200, body)
        self.code = self.next_code()
        return body["session"]

    def sign(self, session, key, **more):
        challenge = random.randbytes(32)
        status, body, _ = self.ask("POST", "/v1/sign", {"key": key["id"], "challenge": base64.b64encode(challenge).decode(), **more}, session)
        if status == 200:
            message = b"chengxin/login/v1\0" + self.ORIGIN.encode() + b"\0" + challenge
            self.test.assertTrue(verifies(key["public_key"], message, body["signature"]))
        return status, body

    def holds(self, needle):
        return support.memory_holds(self.process.pid, needle)


class UKey(Keys):
    """The helper with the simulator of SKF, as a page meets it."""

    def setUp(self):
        super().setUp()
        self.ukey = self.base / "ukey"
        self.state = {"CHENGXIN_SIMULATOR_STATE": str(self.ukey)}
        self.good = self.secret("good", "123456")
        self.keys("init", "--provider", "skf", "--library", SIMULATOR, environment=self.state)
        self.keys("generate", "login", *Ceremony.WHO, environment=self.state, pin=self.good)
        self.helper = Helper(self, self.data, ["--pin-from-page"], self.state)

    def test_a_login(self):
        session = self.helper.pair()
        key = next(one for one in self.helper.get("/v1/keys", session)["keys"] if one["id"].startswith("login"))
        self.assertEqual(self.helper.sign(session, key, pin="123456")[0], 200)
        status, body = self.helper.sign(session, key, pin="000000")
        self.assertEqual((status, body["reason"]), (403, "keys.pin"))
        self.assertNotIn("000000", json.dumps(body))
        (self.ukey / "pulled").touch()
        self.assertEqual(self.helper.sign(session, key, pin="123456")[1]["reason"], "keys.no_device")
        (self.ukey / "pulled").unlink()
        self.assertEqual(self.helper.sign(session, key, pin="123456")[0], 200)
        for _ in range(5):
            self.helper.sign(session, key, pin="000000")
        self.assertEqual(self.helper.sign(session, key, pin="000000")[1]["reason"], "keys.pin_locked")
        self.assertEqual(self.helper.sign(session, key, pin="123456")[1]["reason"], "keys.pin_locked")

    def test_who_may_ask(self):
        self.assertEqual(self.helper.ask("GET", "/v1/status", origin="https://evil.example")[:2][1]["reason"], "helper.origin")
        self.assertEqual(self.helper.ask("GET", "/v1/status", origin=None)[0], 403)
        self.assertEqual(self.helper.ask("GET", "/v1/status", host="evil.example")[0], 403)
        status, body, headers = self.helper.ask("GET", "/v1/status")
        self.assertEqual((status, body["paired"], headers["Access-Control-Allow-Origin"]), (200, False, Helper.ORIGIN))
        self.assertEqual(self.helper.ask("OPTIONS", "/v1/sign")[0], 204)
        self.assertEqual(self.helper.ask("GET", "/v1/keys")[1]["reason"], "helper.session")
        self.assertEqual(self.helper.ask("GET", "/v1/keys", session="0" * 64)[1]["reason"], "helper.session")

    def test_a_pairing_code_is_good_for_once_and_for_five_tries(self):
        first = self.helper.code
        self.helper.pair()
        self.assertEqual(self.helper.ask("POST", "/v1/pair", {"code": first})[1]["reason"], "helper.pairing")
        wrong = f"{(int(self.helper.code) + 1) % 10**8:08}"
        for _ in range(4):
            self.assertEqual(self.helper.ask("POST", "/v1/pair", {"code": wrong})[1]["reason"], "helper.pairing")
        self.assertEqual(self.helper.ask("POST", "/v1/pair", {"code": self.helper.code})[1]["reason"], "helper.pairing")
        self.helper.code = self.helper.next_code()
        self.helper.pair()

    def test_what_is_no_request(self):
        session = self.helper.pair()
        for body in ({}, {"key": "x"}, {"key": "x", "challenge": "AAAA", "pin": "1"}, {"key": "login", "challenge": "?", "pin": "1"}, []):
            self.assertEqual(self.helper.ask("POST", "/v1/sign", body, session)[0], 400, body)
        self.assertEqual(self.helper.ask("GET", "/v1/nowhere", session=session)[0], 404)


class Protected(support.Local):
    """The platform's own keys, and those of its components: in files, then in the keystore under a passphrase."""

    def setUp(self):
        super().setUp()
        self.pin = self.secret("pin", "correct horse battery")
        self.unlocked = {"CHENGXIN_KEYS_PIN_FILE": str(self.pin)}

    def start(self, data=None, **keywords):
        platform = support.Platform(data or self.data, **keywords)
        self.addCleanup(platform.stop)
        return platform

    def cli(self, platform, *words, code=0, **keywords):
        done = platform.cli(*[str(word) for word in words], **keywords)
        self.assertEqual(done.code, code, f"{words}: {done}")
        return done.json

    def protect(self):
        done = support.command(["--json", "keys", "protect", "--pin-file", str(self.pin)], self.data)
        self.assertEqual(done.code, 0, done)
        return done.json

    def certificate(self, platform, name):
        """A pair of the platform's authority, whose OCSP answers for it; the folder."""
        work = self.base / name
        work.mkdir()
        self.cli(platform, "ca", "csr", "--key", work / "sign.key", "--out", work / "csr", "--name", name)
        ids = self.cli(platform, "ca", "request", work / "csr", "--profile", "personal",
                       environment={"CHENGXIN_TOKEN": platform.post("/api/v1/tokens", {"name": f"officer of {name}"})["token"]})["ids"]
        self.cli(platform, "ca", "approve", *ids)
        self.cli(platform, "ca", "issue", *ids)
        self.cli(platform, "ca", "show", ids[0], "--out", work, "--key", work / "sign.key")
        self.assertEqual(self.cli(platform, "ca", "ocsp", work / "sign.pem")["status"], "good")
        return work

    def credential(self, platform, name):
        """A credential with both proofs, which the platform's own verifier believes; the file."""
        work = self.base / name
        work.mkdir()
        wallet = support.command(["--json", "wallet", "create", "--wallet", str(work / "wallet")],
                                 environment={"CHENGXIN_PASSPHRASE": "of the holder"})
        self.assertEqual(wallet.code, 0, wallet)
        self.cli(platform, "credential", "issue", "resident", "--claims", json.dumps({"name": name}), "--holder", wallet.json["did"],
                 "--out", work / "credential")
        self.assertTrue(self.cli(platform, "credential", "verify", work / "credential")["valid"])
        return work / "credential"

    def fill(self, platform):
        self.cli(platform, "ca", "init", "--organization", "城信")
        platform.post("/api/v1/credential-templates",
                      {"id": "resident", "title": "居民凭证", "type": "urn:x:resident", "proofs": ["SM2SM3", "ES256"],
                       "schema": {"type": "object"}})
        self.cli(platform, "identity", "cid", "create", "--manager", "city")

    def secrets(self):
        """Every private number and sealing key that stands in a file now, by the file's name."""
        out = {}
        for path in self.data.rglob("*"):
            if not path.is_file():
                continue
            if path.suffix == ".pem" and "PRIVATE KEY" in path.read_text(encoding="ascii"):
                der = base64.b64decode("".join(line for line in path.read_text(encoding="ascii").splitlines() if "-" not in line))
                at = der.index(b"\x04\x20")  # the first OCTET STRING of 32 bytes is the number, of either curve
                out[str(path.relative_to(self.data))] = der[at + 2:at + 34]
            elif path.name == "blob.key" or path.suffix == ".cid":
                out[str(path.relative_to(self.data))] = path.read_bytes()
        return out

    @staticmethod
    def forms(secret):
        """In the encodings in which keys are written: numbers both ways round, hexadecimal, base64 of both alphabets at each offset."""
        out = {secret, secret[::-1], secret.hex().encode(), secret.hex().upper().encode()}
        for lead in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                text = encode(bytes(lead) + secret)
                out.add(text[(lead * 8 + 5) // 6:len(secret) * 4 // 3 - 4])
        return out

    def holding(self, secrets):
        """Files of the data folder that hold one of them, or a private key in PEM that is not encrypted."""
        forms = {name: self.forms(secret) for name, secret in secrets.items()}
        found = []
        for path in self.data.rglob("*"):
            if not path.is_file():
                continue
            content = path.read_bytes()
            found += [(str(path), name) for name, each in forms.items() if any(form in content for form in each)]
            if re.search(rb"BEGIN (?!ENCRYPTED )[A-Z ]*PRIVATE KEY", content):
                found.append((str(path), "PEM"))
        return found

    def test_they_move_and_the_platform_goes_on(self):
        platform = self.start()
        digest = random.randbytes(32).hex()
        added = platform.post("/api/v1/evidence?wait=receipt", {"digest": digest}, expected=(201,))
        self.fill(platform)
        earlier, credential = self.certificate(platform, "earlier"), self.credential(platform, "held")
        held = support.command(["--json", "keys", "protect", "--pin-file", str(self.pin)], self.data)
        self.assertEqual(held.reason, "install.in_use")
        self.assertIn("stop it first", held.json["error"]["title_en"])
        again = support.command(["--json", "keys", "init", "--pin-file", str(self.pin)], self.data)
        self.assertEqual((again.code, again.reason), (6, "keys.provider_exists"), "the start has made a keystore")
        self.assertIn("chengxin keys protect", again.json["error"]["title_en"])
        port = platform.port
        platform.stop()
        secrets = self.secrets()
        self.assertEqual({pathlib.Path(name).name for name in secrets},
                         {"validator.pem", "service.pem", "installation.pem", "timestamp.pem", "root.pem", "issuing.pem", "ocsp.pem",
                          "issuer.sm2.pem", "issuer.p256.pem", "blob.key", "city.cid"})
        self.assertEqual(len(secrets), 12, "two roots: of the time-stamps and of the authority")
        self.assertGreaterEqual(len(self.holding(secrets)), len(secrets), "the search finds what is there")
        self.assertEqual(self.protect(), {"protected": True, "left": []})
        self.assertEqual(self.holding(secrets), [])
        self.protect()
        self.assertEqual(self.holding(secrets), [])

        refused = support.command(["serve", "--listen", "127.0.0.1:0"], self.data)
        self.assertEqual(refused.code, 5, refused)
        self.assertIn("keys.locked", refused.err)
        wrong = self.secret("wrong", "incorrect horse")
        refused = support.command(["serve", "--listen", "127.0.0.1:0"], self.data, {"CHENGXIN_KEYS_PIN_FILE": str(wrong)})
        self.assertIn("keys.passphrase", refused.err)
        wrong.chmod(0o644)
        refused = support.command(["serve", "--listen", "127.0.0.1:0"], self.data, {"CHENGXIN_KEYS_PIN_FILE": str(wrong)})
        self.assertIn("keys.permissions", refused.err)

        credentials = self.base / "credentials"  # as systemd gives them
        credentials.mkdir()
        (credentials / "chengxin-keys-pin").write_text(self.pin.read_text(encoding="utf-8"), encoding="utf-8")
        (credentials / "chengxin-keys-pin").chmod(0o600)
        platform = self.start(listen=f"127.0.0.1:{port}", environment={"CREDENTIALS_DIRECTORY": str(credentials)})
        self.assertEqual(platform.get(f"/api/v1/evidence/{added['id']}")["digest"], digest)
        platform.post("/api/v1/evidence?wait=receipt", {"digest": random.randbytes(32).hex()}, expected=(201,))
        self.assertEqual(self.cli(platform, "ca", "ocsp", earlier / "sign.pem")["status"], "good")
        later = self.certificate(platform, "later")
        chains = [(work / "chain.pem").read_text(encoding="utf-8") for work in (earlier, later)]
        self.assertEqual(chains[0], chains[1], "the same authority")
        self.assertTrue(self.cli(platform, "credential", "verify", credential)["valid"])
        self.credential(platform, "after")
        locked = platform.cli("identity", "cid", "create", "--manager", "second")
        self.assertEqual((locked.code, locked.reason), (5, "keys.locked"))
        self.cli(platform, "identity", "cid", "create", "--manager", "second", environment=self.unlocked)
        self.assertEqual(self.holding(secrets), [])
        self.assertFalse(list(self.data.rglob("*.cid")))
        self.restores_elsewhere(platform, port, secrets, earlier, credential)

    def restores_elsewhere(self, platform, port, secrets, certificate, credential):
        backup, elsewhere = self.base / "backup", self.base / "elsewhere"
        self.cli(platform, "backup", "create", backup)
        platform.stop()
        for environment, reason in (({}, "keys.locked"), ({"CHENGXIN_KEYS_PIN_FILE": str(self.secret("other", "incorrect horse"))},
                                                          "keys.passphrase")):
            done = support.command(["--json", "backup", "restore", str(backup)], elsewhere, environment)
            self.assertEqual((done.code, done.reason), (5, reason), done)
            self.assertFalse(elsewhere.exists(), "nothing was begun")
        done = support.command(["--json", "backup", "restore", str(backup)], elsewhere, self.unlocked)
        self.assertEqual(done.code, 0, done)
        self.data = backup
        self.assertEqual(self.holding(secrets), [])
        self.data = elsewhere
        self.assertEqual(self.holding(secrets), [])
        restored = self.start(elsewhere, listen=f"127.0.0.1:{port}", environment=self.unlocked)
        self.assertEqual(self.cli(restored, "ca", "ocsp", certificate / "sign.pem")["status"], "good")
        self.certificate(restored, "restored")
        self.assertTrue(self.cli(restored, "credential", "verify", credential)["valid"])
        self.credential(restored, "restored-credential")

    def test_what_is_made_later_is_never_in_a_file(self):
        self.start().stop()
        self.protect()
        platform = self.start(environment=self.unlocked)
        self.fill_later(platform)
        self.assertEqual(list(self.data.rglob("*.pem")), [self.data / "run/root.pem"])
        self.assertEqual(self.holding({}), [])
        issuing = self.certificate(platform, "first") / "chain.pem"
        port = platform.port
        platform.stop()
        platform = self.start(listen=f"127.0.0.1:{port}", environment=self.unlocked)
        again = self.certificate(platform, "second") / "chain.pem"
        self.assertEqual(issuing.read_text(encoding="utf-8"), again.read_text(encoding="utf-8"))

    def fill_later(self, platform):
        self.cli(platform, "ca", "init", "--organization", "城信")
        self.cli(platform, "identity", "cid", "create", "--manager", "city", environment=self.unlocked)

    def test_killed_in_the_middle(self):
        """The unit test ends it at each single step (keys/own_keys_test.cpp); here the real command, at any time."""
        platform = self.start()
        self.fill(platform)
        certificate = self.certificate(platform, "before")
        platform.stop()
        secrets = self.secrets()
        killed = 0
        for _ in range(8):
            process = subprocess.Popen([support.BINARY, "--data", self.data, "keys", "protect", "--pin-file", self.pin],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(timeout=random.uniform(0.05, 1.5))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed += 1
        print(f"killed {killed} times of 8")
        self.start(environment=self.unlocked).stop()
        self.protect()
        self.assertEqual(self.holding(secrets), [])
        platform = self.start(environment=self.unlocked)
        self.assertEqual(self.cli(platform, "ca", "ocsp", certificate / "sign.pem")["status"], "good")
        self.certificate(platform, "afterwards")


class Service(support.Case):
    """crypto-13 as its callers meet it."""

    def use(self, path, body, **keywords):
        return self.platform.post("/api/v1/crypto" + path, body, **keywords)

    def test_keys_that_callers_use_and_never_hold(self):
        token = self.platform.post("/api/v1/tokens", {"name": "app"})
        made = self.use("/keys", {"name": "stamp", "policy": {"users": [f"token:{token['id']}"], "operations": ["sign", "verify"]}})
        public = made["versions"][0]["public_key"]
        items = [{"message": base64.b64encode(str(n).encode()).decode()} for n in range(1000)]
        began = time.monotonic()
        signed = self.use("/keys/stamp/sign", {"items": items}, token=token["token"])["signatures"]
        print(f"1,000 signatures in one call: {1000 * (time.monotonic() - began):.0f} ms")
        for n in (0, 500, 999):
            self.assertTrue(verifies(public, str(n).encode(), signed[n]))
        self.refused(self.platform.request("POST", "/api/v1/crypto/keys/stamp/encrypt", {"items": [{"plain": ""}]}, token=token["token"]),
                     403, "crypto.not_allowed")
        uses = self.platform.get(f"/api/v1/crypto/uses?key=stamp&caller=token:{token['id']}")
        self.assertEqual(uses["totals"], {"calls": 2, "items": 1001, "refused": 1})
        busy = self.platform.cli("keys", "list")
        self.assertEqual((busy.code, busy.reason), (6, "keys.in_use"))

    def test_counts_and_keys_survive_a_restart(self):
        self.use("/keys", {"name": "kept", "algorithm": "sm4"})
        cipher = self.use("/keys/kept/encrypt", {"items": [{"plain": base64.b64encode("张三".encode()).decode()}]})["ciphers"]
        platform = type(self).platform
        platform.stop()
        type(self).platform = self.start(platform.data)
        plain = self.use("/keys/kept/decrypt", {"items": [{"cipher": cipher[0]}]})["plain"]
        self.assertEqual(base64.b64decode(plain[0]).decode(), "张三")
        uses = self.platform.get("/api/v1/crypto/uses?key=kept")
        self.assertEqual(uses["totals"]["calls"], 2)

    def test_two_parties(self):
        pin = self.base / "mobile-pin"
        pin.write_text("passphrase of the phone\n", encoding="utf-8")
        pin.chmod(0o600)
        phone = self.base / "phone"
        made = self.cli("keys", "enroll", "--folder", phone, "--label", "phone", "--pin-file", pin)
        document = self.base / "order"
        document.write_bytes(b"pay 5")
        signed = self.cli("keys", "sign-together", document, "--folder", phone, "--pin-file", pin)
        self.assertTrue(verifies(made["public_key"], b"pay 5", signed["signature"]))
        self.assertFalse(verifies(made["public_key"], b"pay 6", signed["signature"]))
        status, _, _ = self.platform.request("DELETE", f"/api/v1/crypto/two-party/{made['id']}")
        self.assertEqual(status, 200)
        refused = self.platform.cli("keys", "sign-together", str(document), "--folder", str(phone), "--pin-file", str(pin))
        self.assertEqual(refused.reason, "keys.revoked")

    def test_help_is_chinese_first(self):
        help_text = support.command(["keys", "--help"]).out
        self.assertRegex(help_text, "密钥")
        for verb in ("generate", "backup", "restore", "rotate", "revoke", "destroy", "helper", "protect"):
            self.assertRegex(help_text, rf"{verb} +[一-鿿]|{verb} +.*[一-鿿]")


if __name__ == "__main__":
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    random.seed(seed)
    sys.exit(support.run_tests("acceptance_keys"))

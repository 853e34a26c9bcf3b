#!/usr/bin/env python3
"""Credentials with the real binary: issued, held, shown in part, judged, revoked; by the wallet of the command line and by that of
sdk/js, over REST; and between two platforms."""
import json
import subprocess
import sys
import time
import urllib.parse

import support

PASSPHRASE = {"CHENGXIN_PASSPHRASE": "correct horse battery"}
RESIDENT = {"id": "resident", "title": "居民凭证", "type": "urn:chengxin:credential:resident", "selective": [["name"], ["birth_year"],
            ["address"], ["address", "street"]], "decoys": 2, "hash": "sm3", "proofs": ["SM2SM3", "ES256"],
            "schema": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"},
                       "birth_year": {"type": "integer"}}}}
PERMIT = {"id": "permit", "title": "许可证", "type": "PermitCredential", "format": "vc+jwt", "proofs": ["ES256"]}
ADULT = {"id": "adult", "title": "成年人", "purpose": "核验年龄", "credentials": [{"id": "person", "types": [RESIDENT["type"]],
         "claims": [{"path": ["birth_year"]}]}], "rule": "credentials.person.birth_year <= 2008"}
HOLDER = {"id": "holder", "title": "许可证", "credentials": [{"id": "permit", "format": "vc+jwt", "types": [PERMIT["type"]],
          "claims": [{"path": ["area"], "values": ["north"]}]}]}
CLAIMS = {"name": "张三", "birth_year": 1990, "address": {"street": "人民路 1 号", "city": "城市"}}
JS = """
import { readFileSync } from 'node:fs';
import * as w from '%s';
const input = JSON.parse(readFileSync(0, 'utf8'));
const out = await (%s)(input, w);
console.log(JSON.stringify(out));
"""


def javascript(function, value):
    """Runs an async function of (input, the wallet's module) in node."""
    module = (support.ROOT / "sdk/js/dist/wallet.js").as_uri()
    done = subprocess.run(["node", "--input-type=module", "-e", JS % (module, function)], input=json.dumps(value).encode(),
                          capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise AssertionError(done.stderr.decode())
    return json.loads(done.stdout)


class Issuing(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        prepare(cls.platform)
        cls.host = f"127.0.0.1:{cls.platform.port}"

    def wallet(self, *arguments, code=0, **keywords):
        done = support.command(["--json", "wallet", arguments[0], "--wallet", str(self.file), *[str(part) for part in arguments[1:]]],
                               environment=keywords.pop("environment", PASSPHRASE), **keywords)
        self.assertEqual(done.code, code, f"{arguments}: {done}")
        return done.json

    def setUp(self):
        self.file = self.folder() / "wallet.json"

    def offer(self, template="resident", claims=CLAIMS, **fields):
        return self.platform.post("/api/v1/credential-offers", {"template": template, "claims": claims, **fields})

    def ask(self, template="adult"):
        return self.platform.post("/api/v1/presentation-requests", {"template": template})

    def respond(self, request, code=0):
        return self.wallet("respond", request["uri"], "--yes", "--trusted-host", self.host, code=code)

    def outcome(self, request):
        return self.platform.get(f"/api/v1/presentation-requests/{request['id']}")

    def test_issued_held_shown_in_part_judged_and_revoked(self):
        made = self.cli("credential", "offer", "resident", "--claims", json.dumps(CLAIMS), "--with-code")
        key = self.wallet("create")
        self.assertTrue(key["did"].startswith("did:key:z"))
        self.wallet("accept", made["uri"], code=2)  # without the code that was told another way
        held = self.wallet("accept", made["uri"], "--tx-code", made["tx_code"])
        self.assertEqual((held["format"], held["type"]), ("dc+sd-jwt", RESIDENT["type"]))
        self.assertEqual(self.wallet("show", held["id"])["claims"]["address"], CLAIMS["address"])
        self.assertNotIn("张三", self.file.read_text(encoding="utf-8"))
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        wrong = {"CHENGXIN_PASSPHRASE": "incorrect horse"}
        self.assertEqual(self.wallet("list", code=5, environment=wrong)["error"]["reason"], "wallet.passphrase")

        request = self.cli("credential", "ask", "adult")
        stranger = self.wallet("respond", request["uri"], "--yes", code=5)["error"]
        self.assertEqual(stranger["reason"], "fetch.address_forbidden")
        self.assertIn(f"--trusted-host {self.host}", stranger["detail"])
        shown = self.respond(request)
        self.assertEqual(shown["shown"][0]["claims"], [["birth_year"]])
        result = self.cli("credential", "result", request["id"])
        self.assertEqual(result["state"], "verified")
        self.assertEqual(result["verdict"]["claims"]["person"], {"birth_year": 1990})  # and nothing else
        self.assertNotIn("张三", json.dumps(result, ensure_ascii=False))
        checks = {check["check"]: check["outcome"] for check in result["verdict"]["checks"]}
        for name in ("format", "issuer", "signature", "validity", "schema", "status", "holder", "freshness", "replay", "claims"):
            self.assertIn(f"person.{name}", checks)
        self.assertEqual(self.respond(request, code=4)["error"]["reason"], "presentation.closed")  # a second time

        issued = next(one for one in self.cli("credential", "list", "--template", "resident")["items"] if one["state"] == "active")
        for command, state, reason in (("suspend", "suspended", "credential.suspended"), ("restore", "active", None),
                                       ("revoke", "revoked", "credential.revoked")):
            self.assertEqual(self.cli("credential", command, issued["id"], "--why", "测试")["state"], state)
            request = self.ask()
            answer = self.respond(request, code=2 if reason else 0)
            if reason:
                self.assertEqual(answer["error"]["reason"], reason)
                self.assertEqual(self.outcome(request)["verdict"]["reason"], reason)
            else:
                self.assertEqual(self.outcome(request)["state"], "verified")
        self.assertEqual(self.cli("credential", "restore", issued["id"], code=6)["error"]["reason"], "credential.state")

    def test_by_hand_for_whoever_gave_a_nonce(self):
        key = self.wallet("create", "--algorithm", "ES256")
        folder = self.folder("files")
        self.cli("credential", "issue", "resident", "--claims", json.dumps(CLAIMS), "--holder", key["did"], "--out", folder / "credential")
        self.assertTrue(self.cli("credential", "verify", folder / "credential")["valid"])
        held = self.wallet("import", folder / "credential")
        self.wallet("present", held["id"], "--claim", "address.street", "--audience", "did:web:v", "--nonce", "n-1", "--out",
                    folder / "shown")
        check = ["credential", "verify", folder / "shown", "--audience"]
        self.assertEqual(self.cli(*check, "did:web:other", "--nonce", "n-1", code=1)["reason"], "presentation.audience")
        self.assertEqual(self.cli(*check, "did:web:v", "--nonce", "n-2", code=1)["reason"], "presentation.nonce")
        verdict = self.cli(*check, "did:web:v", "--nonce", "n-1")
        self.assertEqual(verdict["claims"], {"address": CLAIMS["address"]})
        self.assertEqual(self.cli(*check, "did:web:v", "--nonce", "n-1", code=1)["reason"], "presentation.replayed")
        other = self.folder("other") / "wallet.json"
        self.file = other  # somebody else, with a copy of the credential
        self.wallet("create", "--algorithm", "ES256")
        held = self.wallet("import", folder / "credential")
        self.wallet("present", held["id"], "--audience", "did:web:v", "--nonce", "n-3", "--out", folder / "stolen")
        stolen = self.cli("credential", "verify", folder / "stolen", "--audience", "did:web:v", "--nonce", "n-3", code=1)
        self.assertEqual(stolen["reason"], "jose.signature")
        content = (folder / "credential").read_text(encoding="utf-8")
        (folder / "bent").write_text(content.replace("a", "b", 1), encoding="utf-8")
        self.assertFalse(self.cli("credential", "verify", folder / "bent", code=1)["valid"])

    def form(self, path, fields):
        return self.platform.request("POST", path, urllib.parse.urlencode(fields).encode(), token=None,
                                     headers={"Content-Type": "application/x-www-form-urlencoded"})

    def test_codes_tokens_and_nonces_serve_once(self):
        grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
        made = self.offer(with_code=True)
        code = made["offer"]["grants"][grant]["pre-authorized_code"]
        fields = {"grant_type": grant, "pre-authorized_code": code, "tx_code": made["tx_code"]}
        status, _, body = self.form("/api/v1/openid/token", {**fields, "tx_code": "x"})
        self.assertEqual((status, body["error"]), (400, "invalid_grant"))
        status, headers, body = self.form("/api/v1/openid/token", fields)
        self.assertEqual((status, headers["Cache-Control"]), (200, "no-store"))
        self.assertEqual(self.form("/api/v1/openid/token", fields)[2]["error"], "invalid_grant")
        self.assertEqual(self.form("/api/v1/openid/token", {"grant_type": "password"})[2]["error"], "unsupported_grant_type")
        token = {"Authorization": f"Bearer {body['access_token']}"}
        ask = {"credential_configuration_id": "resident", "proofs": {"jwt": ["x"]}}
        answer = self.platform.request("POST", "/api/v1/openid/credential", ask, headers=token)
        self.assertEqual((answer[0], answer[2]["error"]), (400, "invalid_proof"))
        answer = self.platform.request("POST", "/api/v1/openid/credential", {**ask, "credential_configuration_id": "permit"}, headers=token)
        self.assertEqual(answer[2]["error"], "unknown_credential_configuration")
        answer = self.platform.request("POST", "/api/v1/openid/credential", ask)
        self.assertEqual((answer[0], answer[2]["error"]), (401, "invalid_token"))
        guessed = self.offer(with_code=True)
        fields["pre-authorized_code"] = guessed["offer"]["grants"][grant]["pre-authorized_code"]
        for _ in range(5):
            self.form("/api/v1/openid/token", {**fields, "tx_code": "000000x"})
        fields["tx_code"] = guessed["tx_code"]
        self.assertEqual(self.form("/api/v1/openid/token", fields)[2]["error"], "invalid_grant")  # five guesses end an offer

    def test_what_the_issuer_refuses(self):
        def refused(path, body, status, reason, **keywords):
            self.refused(self.platform.request("POST", path, body, **keywords), status, reason)
        holder = {"holder": "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"}
        issue = {"template": "resident", "claims": CLAIMS, **holder}
        refused("/api/v1/credentials", {**issue, "template": "nothing"}, 404, "template.not_found")
        refused("/api/v1/credentials", {**issue, "claims": {"birth_year": 1990}}, 400, "credential.schema")
        refused("/api/v1/credentials", {**issue, "claims": {**CLAIMS, "iss": "x"}}, 400, "credential.claim")
        refused("/api/v1/credentials", {**issue, "until_ms": 1}, 400, "credential.time")
        refused("/api/v1/credentials", {"template": "resident", "claims": CLAIMS}, 400, "credential.holder")
        refused("/api/v1/credential-templates", RESIDENT, 409, "template.exists")
        refused("/api/v1/credential-templates", {**RESIDENT, "proofs": ["RS256"]}, 400, "template.malformed")
        made = self.cli("token", "create", "clerk")
        refused("/api/v1/credentials", issue, 403, "credential.delegate", token=made["token"])
        refused("/api/v1/credential-templates", RESIDENT, 403, "auth.owner_only", token=made["token"])
        self.platform.post("/api/v1/credential-templates", {**RESIDENT, "version": 2, "delegates": ["token:" + made["id"]]})
        issued = self.platform.post("/api/v1/credentials", issue, token=made["token"])
        self.assertEqual(self.platform.get(f"/api/v1/credentials/{issued['id']}")["version"], 2)
        kept = (self.base / "data/sql/chengxin.db").read_bytes()
        self.assertNotIn("张三".encode(), kept)  # what a credential says is nowhere here

    def test_the_library_in_javascript_and_the_platform_agree(self):
        offers = [self.offer()["uri"], self.offer(template="permit", claims={"area": "north"})["uri"]]
        asked = [self.ask()["uri"], self.ask("holder")["uri"]]
        out = javascript("""async ({ offers, asked, host, bad }, w) => {
          const resolve = w.resolver(w.webResolver([host]));
          const wallet = await w.Wallet.create('ES256');
          const held = [];
          for (const offer of offers) held.push(await wallet.accept(offer));
          const issuers = [held[0].issuer], nowSeconds = Date.now() / 1000;
          const claims = [];
          for (const one of held) claims.push((await w.verifyCredential(one.text, { resolve, issuers, nowSeconds })).claims);
          for (const request of asked) await wallet.respond(await wallet.read(request, resolve));
          const twice = await w.refusal(async () => wallet.respond(await wallet.read(asked[0], resolve)));
          const text = held[0].text, bent = text.replace(/[A-Za-z](?=[^A-Za-z]*$)/, (c) => (c === 'A' ? 'B' : 'A'));
          const refused = await w.refusal(() => w.verifyCredential(bent, { resolve, issuers, nowSeconds }));
          const foreign = await w.Wallet.create('SM2SM3');
          return { held, claims, twice, refused, key: wallet.did };
        }""", {"offers": offers, "asked": asked, "host": self.host})
        self.assertEqual(out["claims"], [CLAIMS, {"area": "north"}])
        self.assertTrue(out["twice"])
        self.assertTrue(out["refused"])
        for request in self.platform.get("/api/v1/credentials?template=permit")["items"]:
            self.assertTrue(request["holder"])
        look_up = """async ({ text, host, url }, w) => {
          const judging = { resolve: w.resolver(w.webResolver([host])), issuers: [w.parseSdJwt(text).jws.payload.iss], nowSeconds: Date.now() / 1000,
                            statusList: async (list) => (await fetch(list)).text() };
          return (await w.refusal(() => w.verifyCredential(text, judging))) ?? null;
        }"""
        about = {"text": out["held"][0]["text"], "host": self.host}
        self.assertIsNone(javascript(look_up, about))
        newest = max((one for one in self.cli("credential", "list", "--template", "resident")["items"] if one["state"] == "active"),
                     key=lambda one: one["issued_ms"])
        self.cli("credential", "revoke", newest["id"], "--why", "测试")
        self.assertEqual(javascript(look_up, about), "revoked")
        # And a credential that the library signed is judged by the platform: unknown issuer, known signature.
        made = javascript("""async (_input, w) => {
          const key = await w.generateKey('SM2SM3'), other = await w.generateKey('ES256'), did = w.didOfKey(key);
          const seconds = Math.floor(Date.now() / 1000);
          const claims = { iss: did, vct: 'urn:x', iat: seconds, cnf: { jwk: w.publicJwk(other) }, name: 'x', list: [1, 2] };
          const sd = await w.issueSdJwt(claims, [['name'], ['list', null]], [{ key, kid: w.didUrlOfKey(key) }], 'sm3');
          const holder = w.Wallet.open({ key: other, credentials: [] });
          const held = holder.hold(w.encodeSdJwt(sd));
          const shown = await holder.present(held, [['name']], { audience: 'did:web:v', nonce: 'js', seconds });
          return { did, shown };
        }""", {})
        ask = {"presentation": made["shown"], "audience": "did:web:v", "nonce": "js"}
        verdict = self.platform.post("/api/v1/credentials/verification", ask, expected=(200,))
        outcomes = {check["check"]: check["outcome"] for check in verdict["checks"]}
        self.assertEqual((outcomes["signature"], outcomes["holder"], outcomes["freshness"]), ("passed",) * 3)
        self.assertEqual(verdict["reason"], "credential.issuer")
        self.platform.post("/api/v1/trusted-domains", {"id": "js", "title": "js", "dids": [made["did"]]})
        self.assertTrue(self.platform.post("/api/v1/credentials/verification", ask, expected=(200,))["valid"])

    def test_documents_and_lists_are_open_and_signed(self):
        def read(path):
            status, headers, body = self.platform.request("GET", path, token=None)
            self.assertEqual(status, 200, path)
            return headers["Content-Type"], body
        document = read("/.well-known/did.json")[1]
        self.assertEqual(document["id"], f"did:web:127.0.0.1%3A{self.platform.port}")
        found = self.cli("credential", "resolve", document["id"])
        self.assertEqual(found["didDocument"], document)
        self.assertEqual(self.cli("credential", "resolve", "did:unknown:x", code=4)["didResolutionMetadata"]["error"], "methodNotSupported")
        issuer = read("/.well-known/openid-credential-issuer")[1]
        self.assertIn("resident", issuer["credential_configurations_supported"])
        self.assertEqual(read("/api/v1/credential-schemas/resident/1")[1], RESIDENT["schema"])
        kind, token = read("/api/v1/status-lists/revocation/0")
        self.assertEqual(kind, "application/vc+jwt")
        out = javascript("""async ({ token, host, issuer }, w) => {
          const judging = { resolve: w.resolver(w.webResolver([host])), issuers: [issuer], nowSeconds: Date.now() / 1000 };
          return (await w.verifyCredential(token, judging)).claims;
        }""", {"token": token.decode(), "host": self.host, "issuer": document["id"]})
        self.assertEqual((out["type"], out["statusPurpose"]), ("BitstringStatusList", "revocation"))
        self.assertEqual(self.platform.request("GET", "/api/v1/status-lists/revocation/7", token=None)[0], 404)


def prepare(platform):
    for template in (RESIDENT, PERMIT):
        platform.post("/api/v1/credential-templates", template)
    for template in (ADULT, HOLDER):
        platform.post("/api/v1/presentation-templates", template)


class Domains(support.Case):
    """Another platform that believes the first by its chain and its own resolver."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        prepare(cls.platform)
        own = f"127.0.0.1:{cls.platform.port}"
        cls.other = cls.start(cls.base / "other", environment={"CHENGXIN_CREDENTIAL_TRUSTED_HOSTS": own})
        cls.did = f"did:web:127.0.0.1%3A{cls.platform.port}"

    def check(self, **entry):
        self.other.post("/api/v1/trusted-domains", {"id": "first", "title": "第一域", "dids": [self.did], **entry})
        return self.other.post("/api/v1/trusted-domains/first/check", None, headers={})

    def anchor(self, platform):
        connection = platform.connect()
        connection.request("GET", "/api/v1/chains/default/anchor", headers={"Authorization": f"Bearer {platform.token}"})
        return connection.getresponse().read().decode()

    def proved(self):
        deadline = time.monotonic() + 30
        while self.platform.request("GET", "/.well-known/did.json.cxproof", token=None)[0] != 200:
            self.assertLess(time.monotonic(), deadline, "the document's proof did not come")
            time.sleep(0.2)

    def test_recognised_and_compared(self):
        self.proved()
        report = self.check(anchor=self.anchor(self.platform), resolver=f"{self.platform.url}/1.0/identifiers/")
        self.assertTrue(report["consistent"], report)
        outcomes = {check["check"]: check["outcome"] for check in report["dids"][0]["checks"]}
        self.assertEqual((outcomes["chain_proof"], outcomes["consistency"]), ("passed", "passed"))
        holder = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
        made = [self.platform.post("/api/v1/credentials", {"template": "resident", "claims": CLAIMS, "holder": holder}) for _ in range(2)]
        state = self.platform.request("PUT", f"/api/v1/credentials/{made[1]['id']}/state", json.dumps({"state": "revoked"}).encode(),
                                      headers={"Content-Type": "application/json"})
        self.assertEqual(state[0], 200, state)
        verdicts = [self.other.post("/api/v1/credentials/verification", {"credential": one["credential"]}, expected=(200,)) for one in made]
        self.assertTrue(verdicts[0]["valid"], verdicts[0])
        self.assertEqual(verdicts[1]["reason"], "credential.revoked")
        # What does not fit: another chain's anchor, another's resolver, certificates that are not there.
        report = self.check(anchor=self.anchor(self.other))
        self.assertFalse(report["consistent"])
        report = self.check(resolver=f"{self.platform.url}/api/v1/nothing/")
        self.assertFalse(report["consistent"])
        status, _, _ = self.other.request("DELETE", "/api/v1/trusted-domains/first")
        self.assertEqual(status, 204)
        refused = self.other.post("/api/v1/credentials/verification", {"credential": made[0]["credential"]}, expected=(200,))
        self.assertEqual(refused["reason"], "credential.issuer")


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_credential"))

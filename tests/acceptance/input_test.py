#!/usr/bin/env python3
"""What the interface does with requests that are wrong: a stable reason each time, and nothing of them on the chain."""
import concurrent.futures
import json
import re
import secrets
import sys
import threading
import time

import sm
import support

DIGEST = "ab" * 32
TRANSACTIONS = "/api/v1/chains/default/transactions"
PROTOBUF = {"Content-Type": "application/x-protobuf"}


class Json(support.Case):
    def send(self, body, path="/api/v1/evidence", **headers):
        return self.platform.request("POST", path, body if isinstance(body, bytes) else body.encode(), headers)

    def test_malformed_json(self):
        cases = {"cut": '{"digest":"', "empty": "", "array": "[]", "text": '"x"', "number": "1", "two": f'{{"digest":"{DIGEST}"}}{{}}',
                 "comma": f'{{"digest":"{DIGEST}",}}', "single quotes": "{'digest':1}", "comment": '{/**/}', "NaN": '{"size":NaN}',
                 "twice": f'{{"digest":"{DIGEST}","digest":"{DIGEST}"}}', "nested twice": f'{{"digest":"{DIGEST}","capture":{{"a":1,"a":2}}}}',
                 "deep": '{"capture":' + "[" * 40 + "]" * 40 + "}", "very deep": "[" * 100000, "BOM": "\ufeff{}", "nul": '{"digest":"\0"}'}
        for name, body in cases.items():
            with self.subTest(name):
                status, headers, answer = self.send(body)
                self.assertEqual(status, 400, answer)
                self.refused((status, headers, answer), 400, answer["reason"])
        for name, body in {"latin-1": b'{"title":"\xe9"}', "overlong": b'{"title":"\xc0\xaf"}', "surrogate": b'{"title":"\xed\xa0\x80"}',
                           "escaped surrogate": b'{"digest":"' + DIGEST.encode() + b'","title":"\\ud800"}'}.items():
            with self.subTest(name):
                self.assertEqual(self.send(body)[0], 400)

    def test_wrong_members_are_named(self):
        cases = [({}, "digest"), ({"digest": 5}, "/digest"), ({"digest": "ab"}, "/digest"), ({"digest": DIGEST.upper()}, "/digest"),
                 ({"digest": DIGEST + "ab"}, "/digest"), ({"digest": "zz" * 32}, "/digest"), ({"digest": None}, "/digest"),
                 ({"digest": DIGEST, "unknown": 1}, "unknown"), ({"digest": DIGEST, "title": ["x"]}, "/title"),
                 ({"digest": DIGEST, "size": -1}, "/size"), ({"digest": DIGEST, "size": 1.5}, "/size"), ({"digest": DIGEST, "size": "1"}, "/size"),
                 ({"digest": DIGEST, "size": 2 ** 53}, "size"), ({"digest": DIGEST, "tags": "x"}, "/tags"), ({"digest": DIGEST, "tags": [1]}, "/tags/0"),
                 ({"digest": DIGEST, "tags": [""]}, "tag"), ({"digest": DIGEST, "title": "x" * 5000}, "title"),
                 ({"digest": DIGEST, "title": "a\nb"}, "title"), ({"digest": DIGEST, "links": ["x"]}, "link"), ({"digest": DIGEST, "capture": {"a": 0.5}}, "")]
        before = self.platform.get("/api/v1/chains/default")["log_size"]
        for body, place in cases:
            with self.subTest(str(body)[:80]):
                status, _, answer = self.send(json.dumps(body))
                self.assertEqual(status, 400, answer)
                self.assertIn(place, answer["detail"] + answer["reason"])
        self.assertEqual(self.platform.get("/api/v1/chains/default")["log_size"], before, "nothing of it is on the chain")

    def test_sizes(self):
        big = json.dumps({"digest": DIGEST, "title": "x" * (2 << 20)}).encode()
        self.assertEqual(self.platform.request("POST", "/api/v1/evidence", big)[0], 413)
        self.assertEqual(self.platform.request("GET", "/api/v1/evidence?title=" + "x" * 9000)[0], 414)
        self.assertEqual(self.platform.request("GET", "/api/v1/chains", headers={"X-Long": "x" * 20000})[0], 431)
        self.assertEqual(self.send(json.dumps({"items": []}), "/api/v1/evidence/batch")[0], 400)
        many = {"items": [{"digest": DIGEST}] * 10001}
        self.assertIn(self.send(json.dumps(many), "/api/v1/evidence/batch")[0], (400, 413))
        connection = self.platform.connect()
        connection.putrequest("POST", TRANSACTIONS)
        connection.putheader("Authorization", f"Bearer {self.platform.token}")
        connection.putheader("Content-Type", "application/x-protobuf")
        connection.putheader("Content-Length", str(6 << 20))
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 413)

    def test_methods_media_types_parameters_and_names(self):
        request = self.platform.request
        self.assertEqual(request("DELETE", "/api/v1/chains")[0], 405)
        self.assertEqual(request("GET", "/api/v1/nothing")[0], 404)
        self.assertEqual(self.send("digest=x", **{"Content-Type": "application/x-www-form-urlencoded"})[0], 415)
        for path in ("/api/v1/chains?x=1", "/api/v1/evidence?limit=0", "/api/v1/evidence?limit=501", "/api/v1/evidence?limit=1&limit=2",
                     "/api/v1/evidence?cursor=nonsense", "/api/v1/chains/default/blocks/-1", "/api/v1/chains/default/blocks/x",
                     "/api/v1/chains/default/items/abc", "/api/v1/chains/default/state/zz", "/api/v1/chains/default/consistency?from=1",
                     "/api/v1/chains/default/consistency?from=2&to=1", "/api/v1/evidence?from_ms=x", "/api/v1/chains/%ff", "/api/v1/%zz"):
            with self.subTest(path):
                status, headers, answer = request("GET", path)
                self.assertIn(status, (400, 404), answer)
                self.refused((status, headers, answer), status, answer["reason"])
        self.assertEqual(request("GET", "/api/v1/chains", headers={"Host": "evil.example"})[0], 421)
        self.assertEqual(request("GET", "/api/v1/chains", headers={"Origin": "http://evil.example"})[0], 403)
        self.assertEqual(request("POST", "/api/v1/verify", b"no bundle", {"Content-Type": "application/x-cxproof"}, token=None)[2]["reason"],
                         "proof.malformed")

    def test_originals_belong_to_their_digest(self):
        octets = {"Content-Type": "application/octet-stream"}
        kept = self.platform.request("POST", "/api/v1/originals", b"the original", octets)[2]
        self.assertEqual((kept["digest"], kept["size"]), (sm.sm3(b"the original").hex(), 12))
        other = self.send(json.dumps({"digest": "ba" * 32, "original": kept["original"]}), "/api/v1/evidence?wait=receipt")
        self.refused(other, 400, other[2].get("reason"))
        self.assertEqual(self.add(kept["digest"], original=kept["original"])["original"], kept["original"])
        unknown = self.send(json.dumps({"digest": "ba" * 32, "original": "ab" * 16}))
        self.refused(unknown, 400, "evidence.blob_unknown")
        self.assertEqual(self.platform.request("GET", f"/api/v1/originals/{'ab' * 16}")[0], 404)

    def test_verification_is_open_to_other_sites_servers(self):
        """A portal's own server asks without a credential: verdict, facts, and the reason in both languages."""
        item = self.add("fa" * 32, title="合同")
        bundle = self.platform.request("GET", f"/api/v1/evidence/{item['id']}/bundle")[2]
        ask = {"Content-Type": "application/x-cxproof"}
        answer = self.platform.request("POST", f"/api/v1/verify?digest={'fa' * 32}&chain=default", bundle, ask, token=None)[2]
        self.assertEqual((answer["valid"], answer["facts"]["digest"]), (True, "fa" * 32))
        other = self.platform.request("POST", f"/api/v1/verify?digest={'fb' * 32}", bundle, ask, token=None)[2]
        self.assertEqual((other["valid"], other["reason"]), (False, "proof.file_mismatch"))
        self.assertRegex(other["title"], "[一-鿿]")
        self.assertTrue(other["title_en"])

    def test_idempotency(self):
        key = {"Idempotency-Key": "order-66"}
        body = json.dumps({"digest": "cd" * 32})
        first = self.send(body, "/api/v1/evidence?wait=receipt", **key)
        again = self.send(body, "/api/v1/evidence?wait=receipt", **key)
        self.assertEqual((first[0], again[0], again[2]), (201, 201, first[2]))
        self.assertEqual((first[1]["Idempotency-Replayed"], again[1]["Idempotency-Replayed"]), (None, "true"))
        other = self.send(json.dumps({"digest": "ce" * 32}), "/api/v1/evidence?wait=receipt", **key)
        self.refused(other, 409, "idempotency.key_reused")
        self.assertEqual(len(self.platform.get(f"/api/v1/evidence?digest={'cd' * 32}")["items"]), 1)
        for bad in ("", "x" * 129):
            self.assertEqual(self.send(body, **{"Idempotency-Key": bad})[0], 400)
        failed = {"Idempotency-Key": "free-again-after-an-error"}
        self.assertEqual(self.send('{"digest":"x"}', **failed)[0], 400)
        self.assertEqual(self.send(json.dumps({"digest": "cf" * 32}), "/api/v1/evidence?wait=receipt", **failed)[0], 201)


class Access(support.Case):
    def routes(self):
        document = self.platform.request("GET", "/api/v1/openapi.json", token=None)[2]
        for path, methods in document["paths"].items():
            for method in methods:
                concrete = re.sub(r"\{(\w+)\}", lambda m: {"chain": "default", "height": "1", "id": secrets.token_hex(16)}.get(m[1], DIGEST), path)
                yield method.upper(), path, concrete

    def test_every_route_but_the_public_ones_wants_a_credential(self):
        seen = 0
        for method, path, concrete in self.routes():
            if path in support.OWN_TOKENS:
                continue
            public = path in support.PUBLIC or (method, path) in support.PUBLIC_CALLS
            for token in (None, "wrong" * 10):
                with self.subTest(f"{method} {path}", token=token):
                    body = b"{}" if method == "POST" else None
                    status, headers, answer = self.platform.request(method, concrete, body, token=token)
                    if public:
                        self.assertNotIn(status, (401, 403), answer)
                    else:
                        self.refused((status, headers, answer), 401, answer["reason"])
                        self.assertIn("Bearer", headers["WWW-Authenticate"])
            seen += not public
        self.assertGreater(seen, 25)

    def test_what_only_the_owner_may(self):
        made = self.platform.post("/api/v1/tokens", {"name": "colleague"})
        for method, path, body in (("GET", "/api/v1/tokens", None), ("POST", "/api/v1/tokens", {"name": "x"}), ("GET", "/api/v1/jobs", None),
                                   ("POST", "/api/v1/jobs", {"kind": "verify", "arguments": {"chain": "default"}}),
                                   ("POST", "/api/v1/mirror/rebuild", {"chain": "default"}), ("DELETE", f"/api/v1/tokens/{made['id']}", None)):
            with self.subTest(path):
                answer = self.platform.request(method, path, body, token=made["token"])
                self.refused(answer, 403, answer[2]["reason"])
        self.assertEqual(self.platform.request("GET", "/api/v1/chains", token=made["token"])[0], 200)
        self.assertNotIn(made["token"], json.dumps(self.platform.get("/api/v1/tokens")), "shown once")
        self.cli("token", "revoke", made["id"])
        deadline = time.monotonic() + 10
        while self.platform.request("GET", "/api/v1/chains", token=made["token"])[0] != 401:
            self.assertLess(time.monotonic(), deadline, "a revoked token works on")
        brief = self.platform.post("/api/v1/tokens", {"name": "brief", "expires_ms": int(time.time() * 1000) + 300})
        time.sleep(0.4)
        self.assertEqual(self.platform.request("GET", "/api/v1/chains", token=brief["token"])[0], 401)


class Transactions(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = cls.platform.cli("key", "create", "mine")
        assert done.code == 0, done
        pem = cls.platform.cli("key", "export", "mine", "--private").json["pem"]
        cls.key = sm.Key.from_pem(pem)
        assert cls.key.public.hex() == done.json["public_key"] and cls.key.id.hex() == done.json["key_id"]
        made = cls.platform.post("/api/v1/chains", {"name": "ours", "accounts": [{"public_key": cls.key.public.hex(), "roles": ["writer"]}]})
        cls.chain = bytes.fromhex(made["id"])

    def send(self, envelope, chain="ours"):
        return self.platform.request("POST", f"/api/v1/chains/{chain}/transactions", envelope, PROTOBUF)

    def now(self):
        return int(time.time() * 1000)

    def test_signed_with_a_key_of_ours(self):
        digest = secrets.token_bytes(32)
        envelope, body = sm.sign_digests(self.key, self.chain, [digest], self.now())
        status, _, receipt = self.send(envelope)
        self.assertEqual((status, receipt["accepted"], receipt["transaction"]), (201, True, sm.transaction_hash(body).hex()), receipt)
        with self.subTest("replayed"):
            self.refused(self.send(envelope), 409, "transaction.duplicate")
            other = sm.envelope(body, self.key.sign(b"chengxin/tx/v1\0" + body), [digest])
            self.refused(self.send(other), 409, "transaction.duplicate")
        proof = self.folder() / "x.cxproof"
        proof.write_bytes(self.platform.request("GET", f"/api/v1/chains/ours/items/{digest.hex()}/proof")[2])
        self.assertEqual(self.verified(proof)["signer"], self.key.id.hex())

    def test_refused_before_they_are_ordered(self):
        now, hour = self.now(), 3_600_000
        call, item = sm.evidence_add([secrets.token_bytes(32)])

        def made(chain=self.chain, key=self.key, signer=None, start=now - 1000, end=now + hour, nonce=None, calls=(call,), attachments=(item,)):
            body = sm.body_of(chain, signer or key.id, start, end, nonce or secrets.token_bytes(16), calls)
            return sm.envelope(body, key.sign(b"chengxin/tx/v1\0" + body), attachments)

        good = made()
        cases = {"other chain": (made(chain=bytes(32)), "transaction.wrong_chain"), "expired": (made(start=now - 2 * hour, end=now - hour), "transaction.expired"),
                 "future": (made(start=now + hour, end=now + 2 * hour), "transaction.not_yet_valid"), "window": (made(end=now + 48 * hour), None),
                 "backwards": (made(start=now + 10, end=now - 10), None), "unknown signer": (made(key=sm.Key()), "transaction.unknown_signer"),
                 "somebody else's signature": (made(key=sm.Key(), signer=self.key.id), "transaction.signature_invalid"),
                 "short nonce": (made(nonce=b"short"), None), "no calls": (made(calls=()), None), "65 calls": (made(calls=(call,) * 65), None),
                 "other items than signed": (made(attachments=(bytes(32),)), "transaction.attachment_mismatch"),
                 "cut": (good[:-1], None), "longer": (good + b"\0", None), "empty": (b"", None), "noise": (secrets.token_bytes(300), None)}
        for name, (envelope, reason) in cases.items():
            with self.subTest(name):
                status, headers, answer = self.send(envelope)
                self.assertIn(status, (400, 401, 403), answer)
                self.refused((status, headers, answer), status, reason or answer["reason"])
        flipped = bytearray(good)
        flipped[good.index(sm.field(2, b"x" * 64)[:2]) + 10] ^= 1
        self.assertGreaterEqual(self.send(bytes(flipped))[0], 400)
        body = sm.body_of(self.chain, self.key.id, now - 1000, now + hour, secrets.token_bytes(16), [call])
        for name, spelt in {"unknown field": body + sm.field(9, 1), "out of order": body[34:] + body[:34], "long varint": body.replace(b"\x0a\x20", b"\x0a\xa0\x00", 1)}.items():
            with self.subTest(name):
                answer = self.send(sm.envelope(spelt, self.key.sign(b"chengxin/tx/v1\0" + spelt), [item]))
                self.refused(answer, 400, answer[2]["reason"])

    def test_refused_on_the_chain_with_a_receipt(self):
        now = self.now()
        call, item = sm.evidence_add([secrets.token_bytes(32)])
        unknown = sm.field(1, b"nothing") + sm.field(2, b"add") + sm.field(3, b"x")
        governance = sm.field(1, b"governance") + sm.field(2, b"register_key") + sm.field(3, sm.field(1, self.key.public) + sm.field(2, b"governor"))
        cases = {"unknown contract": ([unknown], [], 1), "unknown method":
                 ([call.replace(b"\x12\x03add", b"\x12\x03bad")], [], 2), "not a governor": ([governance], [], 4),
                 "second call fails, none counts": ([call, unknown], [item], 1)}
        for name, (calls, attachments, wanted) in cases.items():
            with self.subTest(name):
                body = sm.body_of(self.chain, self.key.id, now - 1000, now + 10_000, secrets.token_bytes(16), calls)
                status, _, answer = self.send(sm.envelope(body, self.key.sign(b"chengxin/tx/v1\0" + body), attachments))
                self.assertEqual((status, answer.get("status"), answer.get("accepted")), (201, wanted, False), answer)
        self.assertEqual(self.platform.request("GET", f"/api/v1/chains/ours/items/{item.hex()}")[2].get("items", []), [])


class Together(support.Case):
    """Many callers at once."""

    def test_one_key_sent_by_eight_is_executed_once(self):
        body = json.dumps({"digest": "dd" * 32}).encode()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.platform.request("POST", "/api/v1/evidence?wait=receipt", body, {"Idempotency-Key": "k"}), range(8)))
        for answer in answers:
            if answer[0] != 201:
                self.refused(answer, 409, "idempotency.in_progress")
        self.assertIn(201, {answer[0] for answer in answers})
        self.assertEqual(len(self.platform.get(f"/api/v1/evidence?digest={'dd' * 32}")["items"]), 1)

    def test_a_full_queue_is_429_and_loses_nothing_that_was_accepted(self):
        platform = self.start(self.folder() / "data", environment={"CHENGXIN_ORDER_QUEUE_TRANSACTIONS": "100", "CHENGXIN_ORDER_BLOCK_INTERVAL_MS": "1500"})
        key = sm.Key.from_pem((platform.data / "keys/service.pem").read_text(encoding="utf-8"))
        chain = bytes.fromhex(platform.get("/api/v1/chains/default")["id"])
        signed = [sm.sign_digests(key, chain, [secrets.token_bytes(32)], int(time.time() * 1000)) for _ in range(250)]
        with concurrent.futures.ThreadPoolExecutor(len(signed)) as pool:
            answers = list(pool.map(lambda one: platform.request("POST", TRANSACTIONS + "?wait=none", one[0], PROTOBUF), signed))
        accepted, busy = [], 0
        for (_, body), answer in zip(signed, answers):
            if answer[0] == 202:
                accepted.append(sm.transaction_hash(body).hex())
            else:
                self.refused(answer, 429, "order.queue_full")
                self.assertGreaterEqual(int(answer[1]["Retry-After"]), 1)
                busy += 1
        self.assertGreater(busy, 0)
        self.assertGreaterEqual(len(accepted), 50, "half of what may wait, for the one credential")
        deadline = time.monotonic() + 20
        while platform.get("/api/v1/chains/default")["log_size"] < len(accepted) and time.monotonic() < deadline:
            time.sleep(0.1)
        for one in accepted:
            self.assertTrue(platform.get(f"{TRANSACTIONS}/{one}/receipt")["accepted"])
        self.assertEqual(platform.cli("chain", "verify").code, 0)

    def test_the_chain_is_verified_while_it_grows(self):
        stop = threading.Event()

        def add():
            while not stop.is_set():
                self.add(secrets.token_bytes(32).hex())

        thread = threading.Thread(target=add)
        thread.start()
        try:
            for _ in range(3):
                self.assertEqual(self.cli("chain", "verify")["id"], self.platform.get("/api/v1/chains/default")["id"])
        finally:
            stop.set()
            thread.join()


class Events(support.Case):
    def read(self, connection, count):
        """(id, event, data) of the next events of an open stream."""
        events, current = [], {}
        while len(events) < count:
            line = connection.readline().decode("utf-8").rstrip("\r\n")
            if not line and "data" in current:
                events.append((current["id"], current["event"], json.loads(current["data"])))
                current = {}
            elif line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                current[name] = value
        return events

    def stream(self, last=None, query=""):
        connection = self.platform.connect()
        headers = {"Authorization": f"Bearer {self.platform.token}", **({"Last-Event-ID": last} if last else {})}
        connection.request("GET", f"/api/v1/chains/default/events{query}", headers=headers)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.addCleanup(connection.close)
        return answer

    def test_resumed_streams_lose_and_double_nothing(self):
        for n in range(12):
            self.platform.post("/api/v1/evidence/batch?wait=receipt", {"items": [{"digest": f"{n:064x}"}]})
        height = self.platform.get("/api/v1/chains/default")["height"]
        whole = []
        for number in range(1, height + 1):
            block = self.platform.get(f"/api/v1/chains/default/blocks/{number}")
            whole += [str(number)] + [f"{number}:{i}" for i in range(block["transaction_count"])]
        seen, last = [], None
        while len(seen) < len(whole):  # the client is cut off after every third event
            part = self.read(self.stream(last, "" if last else "?after=0"), min(3, len(whole) - len(seen)))
            seen += [identifier for identifier, _, _ in part]
            last = seen[-1]
        self.assertEqual(seen, whole)
        with self.subTest("live"):
            stream = self.stream(last)
            item = self.add("ee" * 32)
            (block, kind, data), (receipt, _, what) = self.read(stream, 2)
            self.assertEqual((block, kind, receipt, what["transaction"]), (str(height + 1), "block", f"{height + 1}:0", item["transaction"]))
            self.assertEqual(data["hash"], self.platform.get("/api/v1/chains/default")["header_hash"])
        with self.subTest("types"):
            kinds = self.read(self.stream(query="?after=0&types=receipt"), 5)
            self.assertEqual({kind for _, kind, _ in kinds}, {"receipt"})
        for bad in ("x", "-1", "999999", "1:"):
            status, _, answer = self.platform.request("GET", "/api/v1/chains/default/events", headers={"Last-Event-ID": bad})
            self.assertEqual(status, 400, (bad, answer))


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_input"))

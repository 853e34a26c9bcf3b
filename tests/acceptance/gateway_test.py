#!/usr/bin/env python3
"""The entry for applications: a second platform stands behind the gateway of the first, over TLCP, and is away for a while."""
import concurrent.futures
import hashlib
import json
import sys
import time
import unittest

import support


class Gateway(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.behind = cls.start(cls.base / "behind")
        made = cls.platform.post("/api/v1/tokens", {"name": "an application"})
        cls.application, cls.token = "token:" + made["id"], made["token"]
        (cls.base / "token").write_text(cls.behind.token, encoding="utf-8")

    def route(self, name, *words, upstream=None):
        self.cli("gateway", "route", name, "--upstream", upstream or self.behind.url, "--token-file", self.base / "token",
                 "--path", "/api/v1/chains", "--path", "/api/v1/evidence", *words)

    def through(self, method, path, body=None, **headers):
        return self.platform.request(method, "/api/v1/gateway/to/" + path, body, headers, token=self.token)

    def test_reads_and_writes_pass_by_rules_only(self):
        self.route("city", "--application", self.application, "--writes")
        status, _, answer = self.through("GET", "city/api/v1/chains")
        self.assertEqual((status, answer["items"][0]["name"]), (200, "default"))
        digest = hashlib.sha256(b"one").hexdigest()
        status, _, answer = self.through("POST", "city/api/v1/evidence?wait=receipt", {"digest": digest})
        self.assertEqual(status, 201, answer)
        self.assertEqual(self.behind.get(f"/api/v1/evidence?digest={digest}")["items"][0]["digest"], digest)
        for path, code, reason in (("city/api/v1/tokens", 403, "gateway.path"), ("city/api/v1/chains/../tokens", 403, "gateway.path"),
                                   ("city/api/v1/chains/%2e%2e/tokens", 403, "gateway.path"), ("nowhere/api/v1/chains", 404, "gateway.no_route"),
                                   ("city/api/v1/chains/no-such-chain", 404, "chain.not_found")):
            with self.subTest(path):
                answer = self.through("GET", path)
                self.refused(answer, code, reason)
        self.route("others", "--application", "somebody-else")
        self.refused(self.through("GET", "others/api/v1/chains"), 403, "gateway.application")
        self.route("reading", "--application", "*")
        self.refused(self.through("POST", "reading/api/v1/evidence", {"digest": digest}), 403, "gateway.method")
        self.assertEqual(self.platform.request("GET", "/api/v1/gateway/to/city/api/v1/chains", token=None)[0], 401)
        self.refused(self.platform.request("GET", "/api/v1/gateway/routes", token=self.token), 403, "auth.owner_only")
        self.assertNotIn(self.behind.token, json.dumps(self.cli("gateway", "list")))

    def test_too_many_and_how_many(self):
        self.route("slow", "--application", self.application, "--per-second", "1", "--burst", "3")
        with concurrent.futures.ThreadPoolExecutor(12) as crowd:
            answers = list(crowd.map(lambda _: self.through("GET", "slow/api/v1/chains"), range(24)))
        refused = [each for each in answers if each[0] == 429]
        self.assertGreaterEqual(len(refused), 1)
        self.refused(refused[0], 429, "gateway.rate")
        self.assertIn("Retry-After", refused[0][1])
        rows = [each for each in self.cli("gateway", "traffic", "--application", self.application)["items"] if each["route"] == "slow"]
        self.assertEqual((rows[0]["requests"], rows[0]["refused"]), (24, len(refused)))
        self.assertEqual(sum(rows[0]["latency"]), 24 - len(refused))

    def settled(self):
        deadline = time.monotonic() + 60
        while self.cli("gateway", "writes", "kept", "--state", "waiting")["items"] and time.monotonic() < deadline:
            time.sleep(0.2)

    def test_writes_wait_for_what_is_away_and_none_is_lost(self):
        self.route("kept", "--application", self.application, "--writes", "--buffered", "--burst", "1000", "--per-second", "1000",
                   "--most-waiting", "8")
        first = self.through("POST", "kept/api/v1/evidence?wait=receipt", {"digest": "ab" * 32})
        self.assertIn(first[0], (201, 202), first[2])
        self.settled()
        url = self.behind.url
        self.behind.stop()
        tickets, digests = [], [f"{i:02x}" * 32 for i in range(1, 9)]
        for digest in digests:
            status, headers, answer = self.through("POST", "kept/api/v1/evidence?wait=receipt", {"digest": digest})
            self.assertEqual(status, 202, answer)
            self.assertTrue(headers["Location"].endswith(answer["ticket"]))
            tickets.append(answer["ticket"])
        self.refused(self.through("POST", "kept/api/v1/evidence?wait=receipt", {"digest": "ff" * 32}), 429, "gateway.buffer_full")
        self.platform.process.kill()
        self.platform.process.wait(timeout=60)
        type(self).platform = self.start(self.base / "data")
        self.assertEqual(len(self.cli("gateway", "writes", "kept", "--state", "waiting")["items"]), 8, "kept through a crash")
        type(self).behind = self.start(self.base / "behind", listen=url.split("//")[1])
        self.settled()
        for ticket, digest in zip(tickets, digests):
            write = self.platform.request("GET", f"/api/v1/gateway/tickets/{ticket}", token=self.token)[2]
            self.assertEqual((write["state"], write["status"]), ("done", 201), write)
            self.assertEqual(len(self.behind.get(f"/api/v1/evidence?digest={digest}")["items"]), 1, "once")
        self.assertEqual(self.platform.request("GET", f"/api/v1/gateway/tickets/{tickets[0]}")[0], 404, "another's ticket")


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_gateway"))

#!/usr/bin/env python3
"""The entry for applications: a second platform stands behind the gateway of the first, over TLCP, and is away for a while."""
import concurrent.futures
import hashlib
import http.server
import json
import sqlite3
import sys
import threading
import time
import unittest

import support


class Failing(http.server.BaseHTTPRequestHandler):
    """Fails at every write whose body says so, and keeps the bodies."""
    seen = []
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.seen.append(body)
        answer = b'{"reason":"their.reason","detail":"it broke","status":500}' if "broken" in body else b"{}"
        self.send_response(500 if "broken" in body else 201)
        self.send_header("Content-Type", "application/problem+json" if "broken" in body else "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Gateway(support.Case):
    @classmethod
    def start(cls, data, **keywords):
        return super().start(data, environment={"CHENGXIN_GATEWAY_PARK_FAILURES": "3"}, **keywords)

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

    def soon(self, look):
        deadline = time.monotonic() + 60
        while not (found := look()) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertTrue(found)
        return found

    def parked(self):
        return self.cli("gateway", "parked", "--route", "failing")["items"]

    def again(self, kill=True):
        """The platform ends, by a crash or as one ends it, and starts."""
        if kill:
            self.platform.process.kill()
            self.platform.process.wait(timeout=60)
        type(self).platform = self.start(self.base / "data")

    def findings(self):
        return [each for each in self.platform.get("/api/v1/system")["findings"] if each["reason"] == "gateway.parked"]

    def decide(self, ticket, verb, body, token=""):
        return self.platform.request("POST", f"/api/v1/gateway/parked/{ticket}/{verb}", body, token=token)

    def ticket_of(self, body, status=202):
        answer = self.through("POST", "failing/api/v1/evidence", body)
        self.assertEqual(answer[0], status, answer)
        return answer[2].get("ticket")

    def test_what_cannot_be_delivered_waits_for_an_operator(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Failing)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.route("failing", "--application", self.application, "--writes", "--buffered", "--burst", "1000", "--per-second", "1000",
                   upstream=f"http://127.0.0.1:{server.server_port}")
        broken, behind, third = (self.ticket_of({"title": f"{word} 机密"}) for word in ("broken", "behind", "third"))
        one, = self.soon(self.parked)
        self.assertEqual((one["ticket"], one["application"], one["route"], one["method"], one["path"], one["attempts"], one["status"]),
                         (broken, self.application, "failing", "POST", "/api/v1/evidence", 3, 500))
        self.assertEqual((one["error"]["reason"], one["waiting"]), ("their.reason", 3))
        self.assertLessEqual(one["accepted_ms"], one["first_ms"])
        self.assertLessEqual(one["first_ms"], one["last_ms"])
        self.assertNotIn("机密", json.dumps(one, ensure_ascii=False))
        self.assertIn("failing: 1 writes", self.findings()[0]["detail"])
        route, = (each for each in self.cli("gateway", "list")["items"] if each["name"] == "failing")
        self.assertEqual((route["waiting"], route["parked"]), (3, 1))
        self.assertIn(b'chengxin_gateway_parked{route="failing"} 1', self.platform.request("GET", "/metrics")[2])
        self.assertEqual(self.platform.cli("gateway", "remove", "failing").reason, "gateway.writes_wait")

        self.again()
        self.assertEqual([(each["ticket"], each["attempts"]) for each in self.parked()], [(broken, 3)])
        self.assertEqual(len(Failing.seen), 3, "nobody tries it, nor what stands behind it")
        self.refused(self.decide(broken, "discard", {"why": "x"}, token=self.token), 403, "auth.owner_only")
        self.assertEqual(self.decide(broken, "discard", {})[0], 400, "not without a reason")
        self.refused(self.decide(behind, "discard", {"why": "x"}), 409, "gateway.not_parked")
        self.refused(self.decide("ab" * 16, "retry", {"why": "x"}), 404, "gateway.no_ticket")
        self.assertEqual(self.cli("gateway", "parked")["total"], 1)
        self.assertEqual(self.platform.cli("gateway", "retry", "--why", "of which?").reason, "cli.usage")
        self.assertEqual(self.cli("gateway", "retry", "--route", "failing", "--why", "they say that it is mended")["retried"], 1)
        self.assertEqual(self.soon(self.parked)[0]["attempts"], 6)

        self.platform.stop()
        with sqlite3.connect(self.base / "data/sql/chengxin.db") as sql:
            sql.execute("update gateway_write set body = substr(body, 1, 20) where ticket = ?", (behind,))
        self.again(kill=False)
        self.assertEqual(self.cli("gateway", "discard", broken, "--why", "handed in on paper")["discarded"], 1)
        one, = self.soon(self.parked)
        self.assertEqual((one["ticket"], one["attempts"], one["error"]["reason"]), (behind, 0, "gateway.body_damaged"))
        self.assertEqual(len(Failing.seen), 6, "what stands behind it waits in its order")
        self.assertEqual(self.cli("gateway", "discard", behind, "--why", "the disk is at fault", "--behind")["discarded"], 2)
        for ticket, why in ((broken, "handed in on paper; parked for their.reason"), (behind, "the disk is at fault; parked for gateway.body_damaged"),
                            (third, "the disk is at fault; parked for gateway.body_damaged")):
            write = self.platform.request("GET", f"/api/v1/gateway/tickets/{ticket}", token=self.token)[2]
            self.assertEqual((write["state"], write["error"]), ("discarded", {"reason": "gateway.discarded", "detail": why}))
        self.assertIsNone(self.ticket_of({"title": "last"}, status=201), "and what comes then passes")
        self.assertEqual(self.findings(), [])
        self.cli("gateway", "remove", "failing")
        entries = self.cli("audit", "list", "--action", "discardGatewayWrite")["items"]
        self.assertTrue(any("handed in on paper" in each["detail"] and broken in each["object"] and each["subject"] == "owner" for each in entries), entries)
        entries = self.cli("audit", "list", "--action", "retryGatewayWrite")["items"]
        self.assertTrue(any("they say that it is mended" in each["detail"] for each in entries), entries)


class Bounded(support.Case):
    @classmethod
    def start(cls, data, **keywords):
        return super().start(data, environment={"CHENGXIN_GATEWAY_MOST_WRITES": "8"}, **keywords)

    def test_all_routes_together_hold_no_more_than_they_may(self):
        names = ("one", "two")
        words = ("--application", "*", "--writes", "--buffered", "--path", "/", "--upstream", "http://127.0.0.1:9")
        self.assertEqual(self.platform.cli("gateway", "route", "one", *words).reason, "gateway.route_invalid", "more than all may hold")
        for name in names:
            self.cli("gateway", "route", name, *words, "--most-waiting", "8")
        tokens = [self.platform.post("/api/v1/tokens", {"name": f"application {i}"})["token"] for i in range(5)]

        def add(i):
            return self.platform.request("POST", f"/api/v1/gateway/to/{names[i % 2]}/anything", {"number": i}, token=tokens[i % 5])

        with concurrent.futures.ThreadPoolExecutor(12) as crowd:
            answers = list(crowd.map(add, range(15)))
        self.assertEqual(sorted(each[0] for each in answers), [202] * 8 + [429] * 7)
        for i in range(5):
            self.assertLessEqual(sum(each[0] == 202 for each in answers[i::5]), 2, "a quarter of all")
        refused = next(each for each in answers if each[0] == 429 and each[2]["reason"] == "gateway.buffer_total")
        self.assertIn("Retry-After", refused[1])
        self.assertEqual(sum(each["waiting"] for each in self.cli("gateway", "list")["items"]), 8)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_gateway"))

#!/usr/bin/env python3
"""The two figures that the requirements name: at least 1,000 transactions a second, and a block within two minutes at peak.
Every transaction is signed, travels over HTTP, and counts when its durable receipt has come back. The senders are Python on
the same processors as the platform, so the figure is a lower bound; `chengxin bench` measures properly."""
import concurrent.futures
import hashlib
import http.client
import multiprocessing
import os
import secrets
import sys
import time

import sm
import support

WANTED_PER_SECOND, WANTED_INTERVAL_MS = 1000, 120_000
SENDERS, CONNECTIONS = 2, 32
SIGNED = 30_000  # half a minute at the least that is wanted


def fast_sm3():
    try:
        hashlib.new("sm3")
    except ValueError:
        return sm.sm3
    return lambda data: hashlib.new("sm3", data).digest()


def sign_many(secret, chain, count):
    sm.sm3 = fast_sm3()
    key, now = sm.Key(secret, sm.sm3), int(time.time() * 1000)
    return [sm.sign_digests(key, chain, [secrets.token_bytes(32)], now)[0] for _ in range(count)]


def send_some(port, token, envelopes):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-protobuf"}
    answers = []
    for envelope in envelopes:
        connection.request("POST", "/api/v1/chains/load/transactions?wait=receipt", envelope, headers)
        answer = connection.getresponse()
        body = answer.read()
        answers.append((answer.status, b'"accepted":true' in body, time.time()))
    connection.close()
    return answers


def send(port, token, envelopes, start):
    start.wait()
    began = time.time()
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        parts = pool.map(lambda n: send_some(port, token, envelopes[n::CONNECTIONS]), range(CONNECTIONS))
        return began, [answer for part in parts for answer in part]


class Targets(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        key = sm.Key()
        made = cls.platform.post("/api/v1/chains", {"name": "load", "accounts": [{"public_key": key.public.hex(), "roles": ["writer"]}]})
        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(SENDERS, context) as pool:
            signed = list(pool.map(sign_many, [key.secret] * SENDERS, [bytes.fromhex(made["id"])] * SENDERS, [SIGNED // SENDERS] * SENDERS))
        with context.Manager() as manager, concurrent.futures.ProcessPoolExecutor(SENDERS, context) as pool:
            start = manager.Event()
            sent = [pool.submit(send, cls.platform.port, cls.platform.token, part, start) for part in signed]
            time.sleep(0.5)
            start.set()
            results = [one.result(timeout=120) for one in sent]
        cls.began = min(began for began, _ in results)
        cls.answers = sorted((answer for _, part in results for answer in part), key=lambda answer: answer[2])
        cls.seconds = cls.answers[-1][2] - cls.began

    def test_a_thousand_durable_transactions_a_second(self):
        self.assertEqual({answer[:2] for answer in self.answers}, {(201, True)})
        rate = len(self.answers) / self.seconds
        # Sustained: no second of the load stays below, except the last, which is not whole.
        whole = int(self.seconds)
        by_second = [sum(self.began + n <= at < self.began + n + 1 for _, _, at in self.answers) for n in range(whole)]
        print(f"{len(self.answers)} transactions in {self.seconds:.1f} s: {rate:.0f}/s; by second {by_second}; {os.cpu_count()} processors")
        self.assertGreaterEqual(rate, WANTED_PER_SECOND)
        chain = self.platform.get("/api/v1/chains/load")
        self.assertEqual(chain["log_size"], len(self.answers), "each is on the chain, once")

    def test_a_block_within_two_minutes_at_peak(self):
        height = self.platform.get("/api/v1/chains/load")["height"]
        times, cursor = [], ""
        while cursor is not None:
            page = self.platform.get(f"/api/v1/chains/load/blocks?limit=500{cursor}")
            times += [block["time_ms"] for block in page["items"]]
            cursor = f"&cursor={page['next']}" if "next" in page else None
        times.reverse()
        self.assertEqual(len(times), height)
        moments = [self.began * 1000, *times]
        intervals = [after - before for before, after in zip(moments, moments[1:])]
        print(f"{height} blocks under load; interval at most {max(intervals):.0f} ms, on average {sum(intervals) / height:.0f} ms")
        self.assertLessEqual(max(intervals), WANTED_INTERVAL_MS)
        self.assertGreater(height, 10)

    def test_they_survive_the_end_of_the_process(self):
        self.platform.process.kill()
        self.platform.process.wait()
        again = self.start(self.platform.data)
        self.assertEqual(again.get("/api/v1/chains/load")["log_size"], len(self.answers))


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_targets"))

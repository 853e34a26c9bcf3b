#!/usr/bin/env python3
"""Transactions submitted in a stream, as a client sees it that knows docs/formats/stream.md alone: both forms, over a plain
socket, with what is good and bad in one stream, cut at every kind of place, through a crash, and by the command line."""
import base64
import concurrent.futures
import json
import multiprocessing
import os
import secrets
import socket
import struct
import sys
import time

import sm
import support
import targets_test

LINES, BINARY = "application/x-ndjson", "application/vnd.chengxin.transactions"
WANTED_PER_SECOND, SIGNED = 1000, 6_000


def prefixed(envelope):
    return struct.pack(">I", len(envelope)) + envelope


def line(envelope):
    return json.dumps({"envelope": base64.b64encode(envelope).decode()}).encode() + b"\n"


class Stream:
    """One request whose body is written, and whose answer is read, a piece at a time."""

    def __init__(self, platform, kind, chain="default", query="", token=None):
        self.kind = kind
        self.socket = socket.create_connection(("127.0.0.1", platform.port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(f"POST /api/v1/chains/{chain}/transactions/stream{query} HTTP/1.1\r\nHost: localhost\r\n"
                            f"Authorization: Bearer {token or platform.token}\r\nContent-Type: {kind}\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n".encode())
        self.status = int(self.file.readline().split()[1])
        while self.file.readline() not in (b"\r\n", b""):
            pass
        self.body = b""

    def put(self, data):
        self.socket.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self):
        self.socket.sendall(b"0\r\n\r\n")

    def close(self):
        self.file.close()
        self.socket.close()

    def _more(self):
        size = int(self.file.readline() or b"0", 16)
        self.body += self.file.read(size)
        self.file.readline()
        return size > 0

    def result(self):
        """The next result or the end as a dictionary; None when the answer is over."""
        while True:
            if self.kind == LINES and b"\n" in self.body:
                one, self.body = self.body.split(b"\n", 1)
                return json.loads(one)
            if self.kind == BINARY and len(self.body) >= 4:
                length = struct.unpack(">I", self.body[:4])[0]
                if len(self.body) >= 4 + length:
                    one, self.body = self.body[4:4 + length], self.body[4 + length:]
                    return self._record(one)
            if not self._more():
                return None

    @staticmethod
    def _record(record):
        def texts(data):
            size = struct.unpack(">H", data[:2])[0]
            reason, data = data[2:2 + size], data[2 + size:]
            return {"reason": reason.decode(), "detail": data[2:].decode()} if reason else {}
        kind, rest = record[0], record[1:]
        if kind == 4:
            names = ("accepted", "failed", "rejected", "bytes")
            return {"end": True, **dict(zip(names, struct.unpack(">4Q", rest[:32]))), **texts(rest[32:])}
        index, rest = struct.unpack(">Q", rest[:8])[0], rest[8:]
        if kind == 1:
            transaction, height, status = struct.unpack(">32sQI", rest)
            return {"index": index, "transaction": transaction.hex(), "height": height, "status": status}
        if kind == 2:
            return {"index": index, "transaction": rest[:32].hex(), "receipt": base64.b64encode(rest[32:]).decode()}
        return {"index": index, **texts(rest)}

    def rest(self):
        """({index: result}, end) of all that is still to come."""
        results, end = {}, None
        while (one := self.result()) is not None:
            if one.get("end"):
                end = one
            else:
                assert one["index"] not in results, one
                results[one["index"]] = one
        return results, end


class Streams(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sm.sm3 = targets_test.fast_sm3()
        cls.key = sm.Key.from_pem((cls.platform.data / "keys/service.pem").read_text(encoding="utf-8"))
        cls.chain = bytes.fromhex(cls.platform.get("/api/v1/chains/default")["id"])

    def signed(self, key=None, digests=None, **keywords):
        return sm.sign_digests(key or self.key, self.chain, digests or [secrets.token_bytes(32)], int(time.time() * 1000), **keywords)

    def on_chain(self, body):
        status, _, _ = self.platform.request("GET", f"/api/v1/chains/default/transactions/{sm.transaction_hash(body).hex()}")
        return status == 200

    def test_good_and_bad_in_one_stream_each_with_its_reason(self):
        stranger = sm.Key()
        for kind, wrap in ((LINES, line), (BINARY, prefixed)):
            with self.subTest(kind):
                good, body = self.signed()
                other, other_body = self.signed(stranger)
                bent = good[:-40] + bytes([good[-40] ^ 1]) + good[-39:]  # in the attachment: its root is not what was signed
                unsigned = sm.envelope(self.signed()[1], secrets.token_bytes(64), [])
                late, _ = self.signed(valid_ms=30_000)
                stream = Stream(self.platform, kind)
                self.assertEqual(stream.status, 200)
                stream.put(wrap(good))
                first = stream.result()
                self.assertEqual((first["index"], first["status"]), (0, 0))
                self.assertEqual(first["transaction"], sm.transaction_hash(body).hex())
                self.assertTrue(self.on_chain(body), "acknowledged while the request is still open")
                stream.put(b"".join(wrap(one) for one in (bent, other, unsigned, late, b"rubbish", good)))
                stream.end()
                results, end = stream.rest()
                self.assertEqual({index: one.get("reason") for index, one in results.items()}, {
                    1: "transaction.duplicate", 2: "transaction.unknown_signer", 3: "transaction.attachments",
                    4: "transaction.expired", 5: "transaction.malformed", 6: "transaction.duplicate"})
                self.assertEqual((end["accepted"], end["rejected"], end["failed"]), (1, 6, 0))
                self.assertNotIn("reason", end)
                self.assertFalse(self.on_chain(other_body))

    def test_forged_signatures_are_refused_one_by_one_and_spoil_nothing(self):
        signed = [self.signed() for _ in range(60)]
        stream = Stream(self.platform, BINARY, query="?receipts=full")
        forged = {n for n in range(60) if n % 3 == 1}
        for n, (envelope, body) in enumerate(signed):
            at = envelope.index(body) + len(body) + 12  # in the signature
            stream.put(prefixed(envelope[:at] + bytes([envelope[at] ^ 1]) + envelope[at + 1:] if n in forged else envelope))
        stream.end()
        results, end = stream.rest()
        self.assertEqual({n for n, one in results.items() if one.get("reason") == "transaction.signature_invalid"}, forged)
        self.assertEqual((end["accepted"], end["rejected"]), (40, 20))
        for n in set(range(60)) - forged:
            path = f"/api/v1/chains/default/transactions/{results[n]['transaction']}/receipt"
            self.assertEqual(self.platform.get(path)["bytes"], results[n]["receipt"])
        # A forgery that was refused does not stand in the way of the real one.
        again = Stream(self.platform, BINARY)
        again.put(prefixed(signed[1][0]))
        again.end()
        self.assertEqual(again.rest()[1]["accepted"], 1)

    def test_a_revoked_key_signs_no_more(self):
        key = sm.Key()
        register = sm.field(1, b"governance") + sm.field(2, b"register_key") + sm.field(3, sm.field(1, key.public) + sm.field(2, b"writer"))
        revoke = sm.field(1, b"governance") + sm.field(2, b"revoke_key") + sm.field(3, sm.field(1, key.id))
        now = int(time.time() * 1000)

        def govern(call):
            body = sm.body_of(self.chain, self.key.id, now - 1000, now + 3_000_000, secrets.token_bytes(16), [call])
            return sm.envelope(body, self.key.sign(b"chengxin/tx/v1\0" + body), [])

        stream = Stream(self.platform, BINARY)
        stream.put(prefixed(govern(register)))
        self.assertEqual(stream.result()["status"], 0)
        kept = self.signed(key)[0]
        stream.put(prefixed(self.signed(key)[0]))
        self.assertEqual(stream.result()["status"], 0)
        # The verdict on the signature of what comes behind the revocation may be known before it: that is not enough.
        stream.put(prefixed(govern(revoke)) + prefixed(kept))
        self.assertEqual(stream.result()["status"], 0)
        self.assertEqual(stream.result()["reason"], "transaction.signer_revoked")
        stream.put(prefixed(kept))
        self.assertEqual(stream.result()["reason"], "transaction.signer_revoked")
        stream.end()

    def test_cut_at_every_kind_of_place(self):
        for keep in (0, 2, 4, 40, None):
            with self.subTest(keep=keep):
                (first, first_body), (second, second_body) = self.signed(), self.signed()
                stream = Stream(self.platform, BINARY)
                stream.put(prefixed(first) + (prefixed(second) if keep is None else prefixed(second)[:keep]))
                if keep == 40:  # half closed: it can still be told
                    stream.socket.shutdown(socket.SHUT_WR)
                    results, end = stream.rest()
                    self.assertEqual((list(results), end["reason"]), ([0], "api.malformed"))
                stream.close()
                deadline = time.monotonic() + 20
                while not self.on_chain(first_body) and time.monotonic() < deadline:
                    time.sleep(0.02)
                self.assertTrue(self.on_chain(first_body), "what arrived whole goes on to its block")
                if keep is not None:
                    self.assertFalse(self.on_chain(second_body))

    def test_the_command_line(self):
        folder = self.folder()
        envelopes = [self.signed()[0] for _ in range(30)]
        (folder / "binary").write_bytes(b"".join(map(prefixed, envelopes[:15])))
        (folder / "lines").write_bytes(b"".join(map(line, envelopes[15:] + envelopes[:2])))
        done = self.cli("chain", "submit", "--stream", folder / "binary")
        self.assertEqual((done["accepted"], done["rejected"], done["refusals"]), (15, 0, []))
        done = self.cli("chain", "submit", "default", "--stream", folder / "lines", code=10)
        self.assertEqual((done["accepted"], done["rejected"]), (15, 2))
        self.assertEqual({one["reason"] for one in done["refusals"]}, {"transaction.duplicate"})
        for before in (b"\n", b" ", b"\r\n\t"):
            (folder / "spaced").write_bytes(before + line(self.signed()[0]))
            self.assertEqual(self.cli("chain", "submit", "--stream", folder / "spaced")["accepted"], 1, before)
        piped = self.platform.cli("chain", "submit", "--stream", "-", input=(folder / "binary").read_bytes())
        self.assertEqual((piped.code, piped.json["rejected"]), (9, 15))
        (folder / "cut").write_bytes(prefixed(self.signed()[0])[:-1])
        self.assertEqual(self.platform.cli("chain", "submit", "--stream", str(folder / "cut")).reason, "api.malformed")

    def test_what_admission_does_is_in_the_metrics(self):
        stream = Stream(self.platform, BINARY)
        stream.put(prefixed(self.signed()[0]) + prefixed(b"rubbish"))
        stream.end()
        stream.rest()
        metrics = self.platform.request("GET", "/metrics")[2].decode()
        for wanted in ('chengxin_admission_admitted_total{chain="default",source="owner"}', 'chengxin_admission_queued{chain="default",source="owner"} 0',
                       'reason="transaction.malformed"', 'chengxin_admission_batches_total{chain="default",items="2"}', 'chengxin_signatures_total{chain="default",verdict="checked"}'):
            self.assertIn(wanted, metrics)


class Load(support.Case):
    """Signed beforehand on all processors, sent on two streams by one Python process beside the platform."""

    def test_a_thousand_a_second_and_none_is_lost_in_a_crash(self):
        key = sm.Key()
        made = self.platform.post("/api/v1/chains", {"name": "load", "accounts": [{"public_key": key.public.hex(), "roles": ["writer"]}]})
        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
            parts = list(pool.map(targets_test.sign_many, [key.secret] * 2, [bytes.fromhex(made["id"])] * 2, [SIGNED // 2] * 2))

        def send(envelopes):
            stream = Stream(self.platform, BINARY, "load")
            with concurrent.futures.ThreadPoolExecutor(1) as reader:
                results = reader.submit(stream.rest)
                for at in range(0, len(envelopes), 100):
                    stream.put(b"".join(map(prefixed, envelopes[at:at + 100])))
                stream.end()
                return results.result(timeout=120)

        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(send, parts))
        rate = SIGNED / (time.monotonic() - began)
        print(f"{SIGNED} streamed transactions: {rate:.0f}/s; {os.cpu_count()} processors")
        self.assertEqual([end["accepted"] for _, end in answers], [SIGNED // 2] * 2)
        self.assertGreaterEqual(rate, WANTED_PER_SECOND)
        self.assertEqual(self.platform.get("/api/v1/chains/load")["log_size"], SIGNED)

        # A third stream, through which the process is killed.
        more = targets_test.sign_many(key.secret, bytes.fromhex(made["id"]), 600)
        stream = Stream(self.platform, BINARY, "load")
        stream.put(b"".join(map(prefixed, more)))
        acknowledged = [stream.result() for _ in range(50)]
        self.platform.process.kill()
        self.platform.process.wait()
        stream.close()
        again = self.start(self.platform.data)
        for one in acknowledged:
            status, _, record = again.request("GET", f"/api/v1/chains/load/transactions/{one['transaction']}")
            self.assertEqual((status, record["height"]), (200, one["height"]))
        # Sending all of them again settles each: in a block now, or a duplicate of what was there.
        stream = Stream(again, BINARY, "load")
        stream.put(b"".join(map(prefixed, more)))
        stream.end()
        results, end = stream.rest()
        self.assertEqual({one.get("reason") for one in results.values()} - {None}, {"transaction.duplicate"})
        self.assertEqual(end["accepted"] + end["rejected"], 600)
        self.assertEqual(again.get("/api/v1/chains/load")["log_size"], SIGNED + 600)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_stream"))

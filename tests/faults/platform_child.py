"""A whole platform under test: its process, its REST interface, a load of evidence on it, and what must hold afterwards.

Relies on: `chengxin serve --data DIR --listen 127.0.0.1:0` writes DIR/run/address once it listens and DIR/run/credential
(owner only) before; the calls of docs/api.md; `chengxin chain verify default --data DIR` replays a chain that nobody
serves and exits 0 when every root agrees."""
import hashlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import faultlib

BINARY = faultlib.BUILD / "bin/chengxin"
START_SECONDS = 60
CHAIN = "default"


class Platform:
    """One run of the platform. With `faults`, its data folder is under the shim."""

    def __init__(self, data, faults=None):
        self.data = pathlib.Path(data)
        self.address_file = self.data / "run/address"
        self.address_file.unlink(missing_ok=True)
        self.log = open(self.data.parent / f"{self.data.name}.log", "ab")
        environment = faultlib.shim_environment(self.data, **faults) if faults else os.environ
        self.process = subprocess.Popen([BINARY, "serve", "--data", self.data, "--listen", "127.0.0.1:0"], env=environment,
                                        stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.port = None

    def wait_ready(self):
        """False when the process ended before it was ready."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            try:
                address = self.address_file.read_text(encoding="utf-8").strip()
                self.port = int(address.rsplit(":", 1)[1])
                if self.request("GET", "/readyz", authorised=False)[0] == 200:
                    return True
            except (OSError, ValueError, IndexError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise AssertionError(f"not ready within {START_SECONDS} s; {self.tail()}")

    def token(self):
        return (self.data / "run/credential").read_text(encoding="utf-8").strip()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def request(self, method, path, body=None, connection=None, authorised=True):
        connection = connection or self.connect()
        headers = {"Authorization": f"Bearer {self.token()}"} if authorised else {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        text = answer.read()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(text) if is_json and text else text

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        return self.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        code = self.process.wait(timeout=60)
        self.log.close()
        return code

    def tail(self):
        return pathlib.Path(self.log.name).read_text(encoding="utf-8", errors="replace")[-3000:]


class Load(threading.Thread):
    """Adds evidence until the platform goes away or `limit` is reached; keeps what was acknowledged."""

    def __init__(self, platform, name, limit=None):
        super().__init__(daemon=True)
        self.platform, self.prefix, self.limit = platform, name, limit
        self.acknowledged, self.refusals = [], []

    def run(self):
        number = 0
        try:
            connection = self.platform.connect()
            while self.limit is None or number < self.limit:
                number += 1
                digest = hashlib.sha256(f"{self.prefix} {number}".encode()).hexdigest()
                body = {"digest": digest, "title": f"{self.prefix} {number}", "tags": ["faults"]}
                status, answer = self.platform.request("POST", "/api/v1/evidence?wait=receipt", body, connection)
                if status in (201, 202):
                    self.acknowledged.append({"id": answer["id"], "digest": digest, "anchored": status == 201,
                                              "transaction": answer.get("transaction")})
                elif status == 429:
                    time.sleep(0.05)
                else:
                    self.refusals.append((status, answer))
                    if len(self.refusals) > 20:
                        return
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            return  # the platform is gone; what it did not answer is not acknowledged


def run_load(platform, name, threads=4, limit=None):
    loads = [Load(platform, f"{name}/{index}", limit) for index in range(threads)]
    for load in loads:
        load.start()
    return loads


def acknowledged_of(loads):
    for load in loads:
        load.join(timeout=60)
    return [item for load in loads for item in load.acknowledged]


def check_kept(case, platform, acknowledged, what):
    """Every acknowledged piece of evidence is there, anchored where it was said to be, and found by its digest."""
    connection = platform.connect()
    for item in acknowledged:
        status, found = platform.request("GET", f"/api/v1/evidence/{item['id']}", connection=connection)
        case.assertEqual(status, 200, f"{item}: {found}; {what}")
        case.assertEqual(found["digest"], item["digest"], what)
        deadline = time.monotonic() + 20
        while found["state"] == "pending" and time.monotonic() < deadline:
            time.sleep(0.05)
            _, found = platform.request("GET", f"/api/v1/evidence/{item['id']}", connection=connection)
        case.assertEqual(found["state"], "anchored", f"{item}; {what}")
        if item["anchored"]:
            case.assertEqual(found["transaction"], item["transaction"], what)
        path = f"/api/v1/chains/{CHAIN}/transactions/{found['transaction']}/receipt"
        status, receipt = platform.request("GET", path, connection=connection)
        case.assertEqual(status, 200, f"{item}: {receipt}; {what}")
        case.assertTrue(receipt["accepted"], f"{item}: {receipt}; {what}")
        case.assertEqual(receipt["height"], found["height"], what)


def check_mirror(case, platform, acknowledged, what):
    """The mirror catches up with the chain and knows the transactions of the newest evidence."""
    deadline = time.monotonic() + 30
    while True:
        status, mirror = platform.request("GET", "/api/v1/mirror")
        case.assertEqual(status, 200, f"{mirror}; {what}")
        lag = max((chain["lag_blocks"] for chain in mirror["chains"]), default=0)
        if lag == 0:
            break
        case.assertLess(time.monotonic(), deadline, f"the mirror lags {lag} blocks; {what}")
        time.sleep(0.05)
    for item in acknowledged[-3:]:
        if not item["transaction"]:
            continue
        _, receipt = platform.request("GET", f"/api/v1/chains/{CHAIN}/transactions/{item['transaction']}/receipt")
        height = receipt["height"]
        status, page = platform.request("GET", f"/api/v1/chains/{CHAIN}/transactions?from_height={height}&to_height={height}&limit=500")
        case.assertEqual(status, 200, f"{page}; {what}")
        case.assertIn(item["transaction"], [entry.get("hash", entry.get("transaction")) for entry in page["items"]], what)


def check_replay(case, data, what):
    done = subprocess.run([BINARY, "chain", "verify", CHAIN, "--data", data], capture_output=True, text=True, timeout=300, check=False)
    case.assertEqual(done.returncode, 0, f"{done.stdout}{done.stderr}; {what}")

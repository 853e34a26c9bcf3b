"""Shared by the acceptance suites: the command line, a platform with its REST interface, and both verifiers."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/faults"))
from faultlib import BUILD, run_tests  # noqa: E402,F401  (run_tests is for the suites)

BINARY = BUILD / "bin/chengxin"
SECOND_VERIFIER = ROOT / "sdk/js/dist/cli.js"
START_SECONDS = 60
PUBLIC = {"/healthz", "/readyz", "/docs", "/docs/docs.css", "/docs/docs.js", "/verify", "/api/v1/openapi.json",
          "/api/v1/authority/crl", "/api/v1/authority/ocsp", "/api/v1/authority/ocsp/{request}", "/api/v1/authority/certificates/{id}",
          "/.well-known/openid-credential-issuer", "/.well-known/oauth-authorization-server", "/.well-known/did.json",
          "/.well-known/did.json.cxproof", "/api/v1/openid/token", "/api/v1/openid/nonce", "/api/v1/openid/offers/{id}",
          "/api/v1/openid/requests/{id}", "/api/v1/openid/responses/{id}", "/1.0/identifiers/{did}",
          "/api/v1/sessions/providers", "/api/v1/sessions/outside", "/api/v1/sessions/outside/{provider}/begin",
          "/api/v1/sessions/outside/{provider}/callback", "/api/v1/sessions/outside/{provider}/leave", "/api/v1/sessions/outside/{provider}/logout",
          "/api/v1/status-lists/{purpose}/{number}", "/api/v1/credential-schemas/{id}/{version}"}
PUBLIC_CALLS = {("POST", "/api/v1/verify"), ("POST", "/api/v1/sessions"), ("POST", "/api/v1/sessions/challenge")}
OWN_TOKENS = {"/api/v1/openid/credential"}  # wants a token, and not one of the API


class Done:
    """What a command left: exit code, output, and the JSON document that it printed (None when it printed none)."""

    def __init__(self, process):
        self.code = process.returncode
        self.out, self.err = process.stdout.decode("utf-8", "replace"), process.stderr.decode("utf-8", "replace")
        try:
            self.json = json.loads(self.out)
        except ValueError:
            self.json = None

    @property
    def reason(self):
        return ((self.json or {}).get("error") or {}).get("reason")

    def __repr__(self):
        return f"exit {self.code}\n{self.out}{self.err}"


def command(arguments, data=None, environment=None, timeout=60, **keywords):
    """One run of the command line, without `--json`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CHENGXIN_")}
    where = ["--data", data] if data else []
    return Done(subprocess.run([BINARY, *where, *arguments], capture_output=True, timeout=timeout, check=False,
                               env={**own, **(environment or {})}, **keywords))


def memory_holds(pid, needle):
    """Whether a process's memory holds it, anywhere that it can read."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for area in maps:
            bounds, rights = area.split()[:2]
            if "r" not in rights or area.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(part, 16) for part in bounds.split("-"))
            memory.seek(start)
            try:
                if needle in memory.read(end - start):
                    return True
            except OSError:
                continue
    return False


class Platform:
    """A running platform. `stop` ends it as an operator would."""

    def __init__(self, data, listen="127.0.0.1:0", environment=None):
        self.data = pathlib.Path(data)
        self.log = self.data.parent / f"{self.data.name}.log"
        address = self.data / "run/address"
        address.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([BINARY, "serve", "--data", self.data, "--listen", listen], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        deadline = time.monotonic() + START_SECONDS
        while not address.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the platform did not start: {self.log.read_text(encoding='utf-8')[-3000:]}")
            time.sleep(0.02)
        self.url = address.read_text(encoding="utf-8").strip()
        self.port = int(self.url.rsplit(":", 1)[1])
        self.token = (self.data / "run/credential").read_text(encoding="utf-8").strip()

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, token="", connection=None):
        """(status, headers, body). A dictionary goes as JSON; `token` None sends none."""
        own = connection is None
        connection = connection or self.connect()
        fields = {} if token is None else {"Authorization": f"Bearer {token or self.token}"}
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        if body is not None and method == "POST":
            fields["Content-Type"] = "application/json"
        connection.request(method, path, body, {**fields, **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
        if own:
            connection.close()
        if "json" in (answer.getheader("Content-Type") or ""):
            content = json.loads(content)
        return answer.status, answer.headers, content

    def get(self, path):
        status, _, body = self.request("GET", path)
        if status != 200:
            raise AssertionError(f"GET {path}: {status} {body}")
        return body

    def post(self, path, body, expected=(200, 201, 202), **keywords):
        status, _, answer = self.request("POST", path, body, **keywords)
        if status not in expected:
            raise AssertionError(f"POST {path}: {status} {answer}")
        return answer

    def cli(self, *arguments, **keywords):
        return command(["--json", *arguments], self.data, **keywords)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


class Local(unittest.TestCase):
    """Each test has a folder of its own, and starts what it needs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = pathlib.Path(folder.name)
        self.data = self.base / "data"

    def secret(self, name, text, mode=0o600):
        path = self.base / name
        path.write_text(text + "\n", encoding="utf-8")
        path.chmod(mode)
        return path


class Case(unittest.TestCase):
    """Each class has a folder of its own and one platform, started before its first test."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.base = pathlib.Path(folder.name)
        cls.platform = cls.start(cls.base / "data")

    @classmethod
    def start(cls, data, **keywords):
        platform = Platform(data, **keywords)
        cls.addClassCleanup(platform.stop)
        return platform

    def folder(self, name="work"):
        path = self.base / f"{self.id().rsplit('.', 1)[-1]}.{name}"
        path.mkdir()
        return path

    def cli(self, *arguments, code=0, **keywords):
        done = self.platform.cli(*[str(part) for part in arguments], **keywords)
        self.assertEqual(done.code, code, f"{arguments}: {done}")
        self.assertIsNotNone(done.json, f"{arguments}: no JSON in {done}")
        return done.json

    def refused(self, answer, status, reason):
        """A problem document of REST: the reason, both languages, and the request's id."""
        self.assertEqual((answer[0], answer[2].get("reason")), (status, reason), answer[2])
        for name in ("title", "title_en", "request_id"):
            self.assertTrue(answer[2].get(name), (name, answer[2]))
        self.assertIn("application/problem+json", answer[1]["Content-Type"])
        self.assertRegex(answer[2]["title"], "[一-鿿]")

    def add(self, digest, **fields):
        return self.platform.post("/api/v1/evidence?wait=receipt", {"digest": digest, **fields}, expected=(201,))

    def verified(self, bundle, original=None, anchor=None):
        """Both verifiers accept; the facts as the first tells them."""
        first, second = both_verifiers(bundle, original, anchor)
        self.assertEqual((first.code, second.code), (0, 0), f"{first}\n{second}")
        self.assertEqual(first.json["digest"], second.json["facts"]["digest"])
        self.assertEqual(first.json["chain"], second.json["facts"]["chain"]["id"])
        return first.json

    def not_verified(self, reason, bundle, original=None, anchor=None):
        """Both verifiers refuse, with this reason and exit code 1."""
        first, second = both_verifiers(bundle, original, anchor)
        self.assertEqual((first.reason, first.code), (reason, 1), first)
        self.assertEqual((second.json["reason"], second.code), (reason, 1), second)


def both_verifiers(bundle, original=None, anchor=None):
    """Without network, platform or data folder."""
    words = [bundle, *(["--file", original] if original else []), *(["--anchor", anchor] if anchor else []), "--json"]
    first = subprocess.run([BINARY, "verify", *words], capture_output=True, timeout=60, check=False)
    second = subprocess.run(["node", SECOND_VERIFIER, *words], capture_output=True, timeout=60, check=False)
    return Done(first), Done(second)

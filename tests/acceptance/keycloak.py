"""A Keycloak that tools/setup fetched, with one realm, on a port of loopback. It keeps everything in memory."""
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

VERSION = "26.3.5"  # as in tools/setup
CACHE = pathlib.Path(os.environ.get("CHENGXIN_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "chengxin")
HOME = CACHE / f"keycloak-{VERSION}"
PASSWORD = "Boats-and-9-lamps"
START_SECONDS = 150


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Keycloak:
    def __init__(self, folder, certificate, key, root):
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.tls = ssl.create_default_context(cafile=root)
        self.log = folder / "keycloak.log"
        environment = {**os.environ, "KC_BOOTSTRAP_ADMIN_USERNAME": "boss", "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
                       "JAVA_OPTS_APPEND": "-Xmx400m -XX:TieredStopAtLevel=1"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["bash", HOME / "bin/kc.sh", "start", "--optimized", "--http-host=127.0.0.1", "--cache=local", "--hostname-strict=false", f"--https-port={self.port}",
                 f"--https-certificate-file={certificate}", f"--https-certificate-key-file={key}"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        self.token = None

    def wait(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.sign_in()
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"Keycloak did not start: {self.log.read_text(encoding='utf-8')[-2000:]}") from error
                time.sleep(0.3)

    def sign_in(self):
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "boss", "password": PASSWORD}
        request = urllib.request.Request(f"{self.url}/realms/master/protocol/openid-connect/token", urllib.parse.urlencode(form).encode())
        with urllib.request.urlopen(request, context=self.tls, timeout=60) as answer:
            self.token = json.load(answer)["access_token"]

    def call(self, method, path, body=None):
        """The administrator's interface; its tokens hold for a minute."""
        self.sign_in()
        request = urllib.request.Request(f"{self.url}/admin/realms{path}", json.dumps(body).encode() if body is not None else None, method=method,
                                         headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, context=self.tls, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def make_realm(self, name, client, people):
        """`people`: user name -> realm roles."""
        roles = sorted({role for each in people.values() for role in each})
        mapper = {"name": "roles", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-realm-role-mapper",
                  "config": {"claim.name": "realm_access.roles", "id.token.claim": "true", "multivalued": "true", "jsonType.label": "String"}}
        users = [{"username": user, "enabled": True, "email": f"{user}@city.example", "emailVerified": True, "firstName": user, "lastName": "x",
                  "credentials": [{"type": "password", "value": PASSWORD}], "realmRoles": own} for user, own in people.items()]
        self.call("POST", "", {"realm": name, "enabled": True, "roles": {"realm": [{"name": role} for role in roles]}, "users": users,
                               "clients": [{**client, "protocolMappers": [mapper]}]})
        self.issuer = f"{self.url}/realms/{name}"
        self.realm = name

    def user(self, name):
        return self.call("GET", f"/{self.realm}/users?username={name}&exact=true")[0]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=30)

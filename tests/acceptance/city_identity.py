"""A simulator of a city's unified identity (市统一身份认证): no provider of a city can be reached from a test. It speaks OpenID Connect with
the deviations that an integrator meets: tokens signed with SM2, a client's secret in the body, claims of its own names which only userinfo has,
levels of assurance, and accounts of companies with the person who acts for them."""
import base64
import hashlib
import html
import http.server
import json
import secrets
import ssl
import threading
import time
import urllib.parse

import sm

PEOPLE = {  # what userinfo says
    "wu.jun": {"uniqueUserId": "c-1001", "userName": "wu.jun", "authLevel": "L3"},
    "weak": {"uniqueUserId": "c-1002", "userName": "weak.one", "authLevel": "L1"},
    "company": {"uniqueUserId": "c-2001", "userName": "company", "authLevel": "L3", "corp": {"creditCode": "91310000MA1FL0000X", "agentId": "c-1003"},
                "agentName": "tang.wei"},
    "faceless": {"uniqueUserId": "c-2002", "userName": "faceless", "authLevel": "L4", "corp": {"creditCode": "91310000MA1FL0000X"}},
}


def encoded(value):
    if not isinstance(value, bytes):
        value = json.dumps(value).encode()
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class CityIdentity:
    def __init__(self, client, secret, certificate, key):
        self.client, self.secret, self.key, self.kid = client, secret, sm.Key(), "sm2-1"
        self.codes, self.tokens = {}, {}
        handler = type("Handler", (Handler,), {"city": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.issuer = f"https://127.0.0.1:{self.server.server_port}/sso"
        self.spoil = {}  # claims that the next ID token has otherwise
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def rotate(self):
        self.key, self.kid = sm.Key(), "sm2-2"

    def discovery(self):
        return {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys", "userinfo_endpoint": f"{self.issuer}/userinfo", "id_token_signing_alg_values_supported": ["SM2"],
                "token_endpoint_auth_methods_supported": ["client_secret_post"]}

    def keys(self):
        point = self.key.public
        return {"keys": [{"kty": "EC", "crv": "sm2p256v1", "kid": self.kid, "alg": "SM2", "x": encoded(point[1:33]), "y": encoded(point[33:])}]}

    def token(self, form):
        asked = self.codes.pop(form.get("code", ""), None)
        if not asked or form.get("client_secret") != self.secret or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if encoded(hashlib.sha256(form["code_verifier"].encode()).digest()) != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now, access = int(time.time()), secrets.token_urlsafe(16)
        self.tokens[access] = asked["who"]
        claims = {"iss": self.issuer, "aud": self.client, "sub": "pairwise-" + asked["who"], "iat": now, "exp": now + 300, "nonce": asked["nonce"],
                  "at_hash": encoded(sm.sm3(access.encode())[:16]), **self.spoil}
        text = encoded({"alg": "SM2", "kid": self.kid}) + "." + encoded(claims)
        return 200, {"access_token": access, "token_type": "Bearer", "id_token": text + "." + encoded(self.key.sign(text.encode()))}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    city = None

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        city = self.city
        if path == "/sso/.well-known/openid-configuration":
            return self.answer(200, city.discovery())
        if path == "/sso/keys":
            return self.answer(200, city.keys())
        if path == "/sso/userinfo":
            who = city.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
            return self.answer(200, {"sub": "pairwise-" + who, **PEOPLE[who]}) if who else self.answer(401, {})
        if path == "/sso/authorize":  # a page with a form, as a person would see it
            return self.answer(200, f'<form action="{html.escape("/sso/authorize?" + query)}" method="post"><input name="username"></form>')
        return self.answer(404, {})

    def do_POST(self):
        path, _, query = self.path.partition("?")
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()))
        if path == "/sso/token":
            return self.answer(*self.city.token(form))
        asked = dict(urllib.parse.parse_qsl(query))
        code = secrets.token_urlsafe(16)
        self.city.codes[code] = {**asked, "who": form["username"]}
        back = asked["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": asked["state"], "channel": "pc"})
        return self.answer(302, "", Location=back)

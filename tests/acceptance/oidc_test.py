#!/usr/bin/env python3
"""Signing in through outside providers (OpenID Connect), as a browser and as the command line do: a Keycloak, and the city's unified identity as a
simulator."""
import base64
import hashlib
import html
import http.cookiejar
import json
import re
import secrets
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import city_identity
import keycloak
import people
import sm
import support

SECRET = "s3cret-of-chengxin"


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """Cookies, forms, and redirects that are followed one by one."""

    def __init__(self, root):
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(Stay, urllib.request.HTTPCookieProcessor(self.jar),
                                                  urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=root)))

    def open(self, url, form=None, headers=None):
        """(status, Location, text)"""
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode() if form else None, headers=headers or {})
        try:
            answer = self.opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers.get("Location"), answer.read().decode("utf-8", "replace")

    def log_in(self, begin, user, password=keycloak.PASSWORD):
        """From the platform's address to the address at which the provider sends the browser back; None when it does not."""
        status, there, text = self.open(begin)
        assert status == 303, (status, text)
        status, back, page = self.open(there)
        if back:  # signed in there already
            return back
        action = html.unescape(re.search(r'<form[^>]*action="([^"]+)"', page).group(1))
        return self.open(urllib.parse.urljoin(there, action), {"username": user, "password": password})[1]


def reason(answer):
    found = re.search(r'"reason": ?"([^"]+)"', answer[2])
    return found.group(1) if found else answer


class Outside(people.People):
    """The tests are one story, in the order of their numbers."""

    @classmethod
    def setUpClass(cls):
        try:
            super().setUpClass()
        except BaseException:
            cls.doClassCleanups()
            raise

    @classmethod
    def settings(cls, folder):
        cls.web_certificate(folder)
        cls.root = folder / "web-root.pem"
        cls.keycloak = keycloak.Keycloak(folder, folder / "web.pem", folder / "web.key", cls.root)
        cls.addClassCleanup(cls.keycloak.stop)
        cls.city = city_identity.CityIdentity("chengxin-city", SECRET, folder / "web.pem", folder / "web.key")
        cls.addClassCleanup(cls.city.stop)
        (folder / "secret").write_text(SECRET + "\n")
        (folder / "secret").chmod(0o600)
        shared = f"    roots: {cls.root}\n    client_secret_file: {folder / 'secret'}\n    allow_private: true\n"
        return ("access.oidc:\n"
                f"  - name: office\n    title: 市政务办公\n    title_en: City office\n    issuer: {cls.keycloak.url}/realms/office\n"
                f"    client_id: chengxin\n    scopes: openid profile\n{shared}"
                f"  - name: city\n    title: 市统一身份认证\n    title_en: The city's identity\n    issuer: {cls.city.issuer}\n"
                f"    client_id: chengxin-city\n    algorithms: SM2SM3\n    claims_from: userinfo\n    account_claim: uniqueUserId\n"
                f"    name_claim: userName\n    assurance_claim: authLevel\n    assurance: L3 L4\n    legal_claim: corp.creditCode\n"
                f"    agent_claim: corp.agentId\n{shared}")

    @classmethod
    def web_certificate(cls, folder):
        people.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "web-root.key", "-out", folder / "web-root.pem", "-days", "3",
                       "-subj", "/CN=web root", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        people.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "web.key", "-out", folder / "web.csr", "-subj", "/CN=127.0.0.1")
        (folder / "web.ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
        people.openssl("x509", "-req", "-in", folder / "web.csr", "-CA", folder / "web-root.pem", "-CAkey", folder / "web-root.key", "-days", "3",
                       "-CAcreateserial", "-extfile", folder / "web.ext", "-out", folder / "web.pem")

    def browser(self):
        return Browser(self.root)

    def begin(self, provider, suffix=""):
        return f"{self.platform.url}/api/v1/sessions/outside/{provider}/begin{suffix}"

    def me(self, browser):
        return browser.open(f"{self.platform.url}/api/v1/me")

    def ticket(self, provider, user, browser=None):
        """What a program does: begins with a challenge of its own and gets a ticket."""
        verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        browser = browser or self.browser()
        answer = browser.open(browser.log_in(self.begin(provider, f"?port=40000&challenge={challenge}"), user))
        self.assertEqual(answer[0], 303, answer)
        self.assertTrue(answer[1].startswith("http://127.0.0.1:40000/?ticket="), answer[1])
        return {"ticket": answer[1].split("=", 1)[1], "verifier": verifier}

    def enter_outside(self, provider, user):
        return self.platform.request("POST", "/api/v1/sessions/outside", self.ticket(provider, user), token=None)

    def test_1_the_providers_are_there(self):
        self.three_administrators()
        for name in ("li.na", "wang.fang"):
            self.first_entry(name, self.by("zhao.lei", "add", name)["password"], certificate=False)
        type(self).keycloak.wait()
        platform = self.platform.url
        client = {"clientId": "chengxin", "secret": SECRET, "redirectUris": [f"{platform}/api/v1/sessions/outside/office/callback"],
                  "attributes": {"pkce.code.challenge.method": "S256", "backchannel.logout.session.required": "true",
                                 "backchannel.logout.url": f"{platform}/api/v1/sessions/outside/office/logout"}}
        self.keycloak.make_realm("office", client, {"li.na": [], "gu.ming": ["case-worker"], "zhao.outside": [], "wang.fang": ["case-worker"]})
        listed = self.cli("user", "providers")["items"]
        self.assertEqual([(one["name"], one["title_en"]) for one in listed], [("office", "City office"), ("city", "The city's identity")])
        self.assertNotIn(SECRET, str(listed))

    def test_2_nobody_comes_in_whom_nobody_knows(self):
        browser = self.browser()
        back = browser.log_in(self.begin("office"), "li.na")
        self.assertEqual(reason(browser.open(back)), "access.outside_unknown")
        self.assertEqual(reason(browser.open(back)), "oidc.replayed")

    def test_3_a_user_links_his_account(self):
        headers = {"Content-Type": "application/json"}
        tickets = [self.ticket("office", "li.na") for _ in range(3)]
        status, _, answer = self.platform.request("PUT", "/api/v1/me/outside", tickets[0], headers, token=self.tokens["li.na"])
        self.assertEqual(status, 200, answer)
        self.assertTrue(answer["outside"].startswith(self.keycloak.issuer + " "))
        self.refused(self.platform.request("PUT", "/api/v1/me/outside", tickets[1], headers, token=self.tokens["wang.fang"]), 409, "access.outside_linked")
        stolen = {**tickets[2], "verifier": "v" * 43}
        self.refused(self.platform.request("POST", "/api/v1/sessions/outside", stolen, token=None), 401, "oidc.ticket")
        browser = self.browser()
        status, place, _ = browser.open(browser.log_in(self.begin("office"), "li.na"))
        self.assertEqual((status, place), (303, "/docs"))
        cookies = {one.name: one for one in browser.jar if one.name.startswith("chengxin")}
        self.assertEqual(list(cookies), ["chengxin"], "and that of the sign-in is gone")
        status, _, text = self.me(browser)
        self.assertEqual(status, 200, text)
        self.assertIn('"name":"li.na"', text)
        self.assertIn('"provider":"office"', text)
        entry = self.cli("audit", "list", "--action", "comeFromOutside")["items"][0]
        self.assertEqual((entry["outcome"], entry["subject"]), ("ok", "user:" + json.loads(text)["user"]))
        self.assertTrue(entry["detail"].startswith(self.keycloak.issuer + " "), entry)
        devices = self.platform.request("GET", "/api/v1/sessions", token=self.tokens["li.na"])[2]["items"]
        self.assertEqual(sorted(one["factors"] for one in devices), [["outside"], ["password"]])
        self.by("li.na", "logout", "--everywhere")
        self.assertEqual(reason(self.me(browser)), "auth.invalid", "sign-out everywhere holds for this one too")
        self.tokens["li.na"] = self.enter("li.na", certificate=False)["token"]

    def test_4_answers_that_are_not_to_this_browser(self):
        browser, other = self.browser(), self.browser()
        back = browser.log_in(self.begin("office"), "li.na")
        self.assertEqual(reason(other.open(back)), "oidc.no_flow")
        other.open(self.begin("office"))
        self.assertEqual(reason(other.open(back)), "oidc.state", "an attacker's answer in somebody's browser")
        self.assertEqual(reason(browser.open(re.sub("state=[^&]*", "state=guess", back))), "oidc.state")
        self.assertEqual(reason(browser.open(back.replace("/outside/office/", "/outside/city/"))), "oidc.mixed_up")
        self.assertEqual(reason(browser.open(re.sub("iss=[^&]*", "iss=https%3A%2F%2Fevil.example", back))), "oidc.mixed_up")
        # Keycloak says that it names itself in each answer.
        second = self.browser()
        back = second.log_in(self.begin("office"), "li.na")
        self.assertEqual(reason(second.open(re.sub("&?iss=[^&]*", "", back))), "oidc.mixed_up")
        third, fourth = self.browser(), self.browser()
        used = third.log_in(self.begin("office"), "li.na")
        self.assertEqual(third.open(used)[0], 303)
        fresh = fourth.log_in(self.begin("office"), "li.na")
        replayed = re.sub("code=[^&]*", re.search("code=[^&]*", used).group(0), fresh)
        self.assertEqual(reason(fourth.open(replayed)), "oidc.code", "a code that was used, under a new state")
        declined = self.browser()
        declined.open(self.begin("office"))
        self.assertEqual(reason(declined.open(f"{self.platform.url}/api/v1/sessions/outside/office/callback?error=access_denied&state=x")), "oidc.state")

    def test_5_a_rule_of_the_policy_makes_accounts(self):
        duty = self.by("qian.yu", "propose", "--outside", "office=realm_access.roles=case-worker=system-administrator=root", "--key", "qian.yu", code=6)
        self.assertEqual(duty["error"]["reason"], "access.outside_duty")
        self.change_policy("--organisation", "east=东区=root", "--outside", "office=realm_access.roles=case-worker=official=east",
                           "--outside", "city=authLevel=L3=reader=root")
        status, _, session = self.enter_outside("office", "gu.ming")
        self.assertEqual(status, 201, session)
        me = self.platform.request("GET", "/api/v1/me", token=session["token"])[2]
        self.assertEqual((me["name"], me["roles"], me["organisation"]), ("gu.ming", ["official"], "east"))
        self.assertEqual(self.platform.request("POST", "/api/v1/evidence", {"digest": "5" * 64}, token=session["token"])[0], 201)
        self.refused(self.platform.request("GET", "/api/v1/users", token=session["token"]), 403, "access.not_allowed")
        # Who has somebody's name elsewhere is not somebody.
        self.refused(self.enter_outside("office", "wang.fang"), 403, "access.outside_name")
        self.change_policy("--drop-outside", "office=realm_access.roles=case-worker=official=east")
        self.refused(self.platform.request("GET", "/api/v1/evidence", token=session["token"]), 403, "access.not_allowed")
        only = self.platform.request("DELETE", "/api/v1/me/outside", token=session["token"])
        self.refused(only, 409, "access.outside_only")

    def test_6_an_administrator_needs_his_certificate_too(self):
        link = self.platform.request("PUT", "/api/v1/me/outside", self.ticket("office", "zhao.outside"), {"Content-Type": "application/json"},
                                     token=self.tokens["zhao.lei"])
        self.assertEqual(link[0], 200, link[2])
        session = self.enter_outside("office", "zhao.outside")[2]
        self.assertEqual(session["factors"], ["outside"])
        self.refused(self.platform.request("GET", "/api/v1/users", token=session["token"]), 403, "access.outside_not_enough")
        asked = self.platform.post("/api/v1/sessions/challenge", {"name": "zhao.lei"}, token=session["token"])
        signature = sm.Key.from_pem((self.platform.data / "keys/user/zhao.lei.pem").read_text()).sign(asked["message"].encode()).hex()
        proofs = {"certificate": (self.base / "zhao.lei.pem").read_text(), "challenge": asked["challenge"], "signature": signature}
        stepped = self.platform.post("/api/v1/sessions/step-up", proofs, token=session["token"])
        self.assertEqual(self.platform.request("GET", "/api/v1/users", token=stepped["token"])[0], 200)
        self.assertEqual(self.platform.request("DELETE", "/api/v1/me/outside", token=self.tokens["zhao.lei"])[0], 204)
        self.refused(self.platform.request("GET", "/api/v1/users", token=stepped["token"]), 401, "auth.invalid")

    def test_7_the_command_line(self):
        words = [support.BINARY, "--json", "--data", self.platform.data, "user", "login", "--provider", "office"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            address = next(line.strip() for line in process.stderr if line.startswith("http"))
            browser = self.browser()
            there = browser.open(browser.log_in(address, "li.na"))[1]
            self.assertIn("terminal", browser.open(there)[2])
            out, err = process.communicate(timeout=30)
        done = support.Done(subprocess.CompletedProcess(words, process.returncode, out.encode(), err.encode()))
        self.assertEqual(done.code, 0, done)
        me = self.cli("user", "me", environment={"CHENGXIN_TOKEN": done.json["token"]})
        self.assertEqual(me["name"], "li.na")

    def test_8_the_city(self):
        status, _, session = self.enter_outside("city", "wu.jun")
        self.assertEqual(status, 201, session)
        me = self.platform.request("GET", "/api/v1/me", token=session["token"])[2]
        self.assertEqual((me["name"], me["roles"], me["outside"]), ("wu.jun", ["reader"], f"{self.city.issuer} c-1001"))
        for user, expected in (("weak", "oidc.assurance"), ("faceless", "oidc.legal_agent")):
            browser = self.browser()
            self.assertEqual(reason(browser.open(browser.log_in(self.begin("city"), user))), expected)
        company = self.enter_outside("city", "company")
        self.assertEqual(company[0], 201, company[2])
        me = self.platform.request("GET", "/api/v1/me", token=company[2]["token"])[2]
        self.assertEqual(me["outside"], f"{self.city.issuer} legal/91310000MA1FL0000X/c-1003")
        for spoilt, expected in (({"aud": "another"}, "oidc.audience"), ({"iss": "https://evil.example"}, "oidc.issuer"), ({"nonce": "x"}, "oidc.nonce"),
                                 ({"iat": 1_700_000_000}, "oidc.clock"), ({"exp": 1_700_000_000}, "oidc.expired"), ({"at_hash": "x"}, "oidc.access_token")):
            self.city.spoil = spoilt
            browser = self.browser()
            self.assertEqual(reason(browser.open(browser.log_in(self.begin("city"), "wu.jun"))), expected)
        self.city.spoil = {}

    def test_9_the_provider_ends_it_and_is_away(self):
        session = self.enter_outside("office", "li.na")[2]
        self.assertEqual(self.platform.request("GET", "/api/v1/me", token=session["token"])[0], 200)
        forged = urllib.parse.urlencode({"logout_token": "a.b.c"})
        status, _, answer = self.platform.request("POST", "/api/v1/sessions/outside/office/logout", forged,
                                                  {"Content-Type": "application/x-www-form-urlencoded"}, token=None)
        self.assertEqual((status, answer["reason"]), (400, "jose.malformed"))
        user = self.keycloak.user("li.na")
        vouched = self.ticket("office", "li.na")  # a sign-in that is under way
        for each in self.keycloak.call("GET", f"/office/users/{user['id']}/sessions"):
            self.keycloak.call("DELETE", f"/office/sessions/{each['id']}")
        self.keycloak.call("PUT", f"/office/users/{user['id']}", {**user, "enabled": False})
        self.refused(self.platform.request("GET", "/api/v1/me", token=session["token"]), 401, "auth.invalid")
        self.refused(self.platform.request("POST", "/api/v1/sessions/outside", vouched, token=None), 401, "access.ended_meanwhile")
        self.assertIsNone(self.browser().log_in(self.begin("office"), "li.na"), "a user whom the provider disabled does not come back")
        leaving = self.browser().open(f"{self.platform.url}/api/v1/sessions/outside/office/leave")
        self.assertTrue(leaving[1].startswith(self.keycloak.issuer + "/protocol/openid-connect/logout?client_id=chengxin"), leaving)
        browser = self.browser()
        back = browser.log_in(self.begin("office"), "gu.ming")
        self.keycloak.stop()
        self.assertEqual(reason(browser.open(back)), "oidc.unreachable")
        self.assertEqual(self.enter("li.na", certificate=False)["factors"], ["password"], "others sign in as ever")


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_oidc"))

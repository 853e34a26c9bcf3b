#!/usr/bin/env python3
"""The audit log as its reader has it: what was done and refused is in it; an edit, a deletion, a cut and another history are
found and named; when it cannot be written nothing changes; its anchors hold without the platform."""
import json
import random
import shutil
import subprocess
import sys
import threading
import time

import support

QUICK = {"CHENGXIN_AUDIT_ANCHOR_SECONDS": "1"}


class Audit(support.Case):
    @classmethod
    def start(cls, data, **keywords):
        keywords.setdefault("environment", QUICK)
        return super().start(data, **keywords)

    def entries(self, *conditions, platform=None):
        done = (platform or self.platform).cli("audit", "list", "--limit", "100000", *conditions)
        self.assertEqual(done.code, 0, done)
        return done.json["items"]

    def soon(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            self.assertLess(time.monotonic(), deadline, "it did not come")
            time.sleep(0.05)
        return value

    def verify(self, data, *options, code=0):
        done = support.command(["--json", "audit", "verify", *options], data)
        self.assertEqual(done.code, code, done)
        return done.json

    def copy(self, name):
        """The installation's log and key, at rest: of a moment in which nothing was written."""
        data, target = self.platform.data, self.folder(name)

        def log():
            return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in [data / "audit.marker", *data.glob("audit/**/*")]}

        def copied():
            try:
                before = log()
                for part in ("audit", "keys"):
                    shutil.rmtree(target / part, ignore_errors=True)
                    shutil.copytree(data / part, target / part)
                for part in ("audit.marker", "VERSION"):
                    shutil.copy(data / part, target / part)
                return target if log() == before else None
            except (OSError, shutil.Error):  # a file that was only there for a moment
                return None

        return self.soon(copied)

    def test_1_what_is_done_and_refused_is_in_it(self):
        token = self.cli("token", "create", "clerk")
        made = self.entries("--action", "createToken")
        self.assertEqual([(one["subject"], one["outcome"], one["status"], one["detail"]) for one in made],
                         [("owner", "ok", 201, token["id"])])
        refused = support.command(["--json", "token", "create", "mine"], self.platform.data,
                                  {"CHENGXIN_TOKEN": token["token"]})
        self.assertEqual(refused.reason, "auth.owner_only")
        self.platform.request("DELETE", f"/api/v1/tokens/{token['id']}", token="cx_nobody")
        outcomes = [(one["subject"], one["outcome"]) for one in self.entries("--outcome", "refused")]
        self.assertIn((f"token:{token['id']}", "auth.owner_only"), outcomes)
        self.assertIn(("", "auth.invalid"), outcomes)
        # Commands that work on the folder, while the platform has the log open.
        self.cli("key", "create", "mine")
        key = self.soon(lambda: self.entries("--action", "cli.key.create"))
        self.assertEqual((key[0]["object"], key[0]["outcome"], key[0]["source"]), ("mine", "ok", "local"))
        self.assertTrue(key[0]["subject"].startswith("user:"))
        self.assertEqual(len(self.entries("--action", "audit.begun")), 1)
        # Reading is recorded too.
        self.soon(lambda: self.entries("--action", "listAuditEntries"))
        one = self.cli("audit", "show", str(made[0]["sequence"]))
        self.assertEqual(one["action"], "createToken")
        log = b"".join(path.read_bytes() for path in (self.platform.data / "audit").glob("*.seg"))
        for secret in (token["token"], self.platform.token, "cx_nobody"):
            self.assertNotIn(secret.encode(), log)

    def test_2_a_bent_file_is_found_and_its_place_named(self):
        for number in range(30):
            self.platform.post("/api/v1/tokens", {"name": f"t{number}"})
        copy = self.copy("bent")
        self.assertTrue(self.verify(copy)["verified"])
        segment = sorted((copy / "audit").glob("*.seg"))[-1]
        good = segment.read_bytes()
        place = self.cli("audit", "show", str(self.entries("--action", "createToken")[5]["sequence"]))
        chosen = place["offset"] + 60
        bad = bytearray(good)
        bad[chosen] ^= 1
        segment.write_bytes(bad)
        [finding] = self.verify(copy, code=1)["findings"]
        self.assertEqual((finding["reason"], finding["segment"], finding["sequence"], finding["offset"]),
                         ("audit.altered", place["segment"], place["sequence"], place["offset"]))
        people = support.command(["audit", "verify"], copy)
        self.assertIn(f"entry {place['sequence']}", people.out)
        generator = random.Random(seed := random.randrange(2**32))
        for _ in range(20):
            bad = bytearray(good)
            bad[generator.randrange(len(bad))] ^= 1 << generator.randrange(8)
            segment.write_bytes(bad)
            self.assertFalse(self.verify(copy, code=1)["verified"], seed)
        segment.write_bytes(good[:place["offset"]])
        self.assertIn("audit.truncated", [one["reason"] for one in self.verify(copy, code=1)["findings"]])
        segment.unlink()
        self.verify(copy, code=1)

    def test_3_while_it_is_stopped_nothing_changes(self):
        folder, away = self.platform.data / "audit", self.platform.data / "audit.away"
        folder.rename(away)
        away_again = threading.Timer(60, lambda: away.exists() and away.rename(folder))
        away_again.start()
        try:
            self.soon(lambda: self.platform.request("GET", "/api/v1/audit/head")[2]["running"] is False)
            self.refused(self.platform.request("POST", "/api/v1/tokens", {"name": "x"}), 503, "audit.stopped")
            self.refused(self.platform.request("POST", "/api/v1/jobs", {"kind": "backup"}), 503, "audit.stopped")
            self.assertEqual(self.platform.request("GET", "/api/v1/chains")[0], 200)
            self.assertIn(b"chengxin_audit_stopped 1", self.platform.request("GET", "/metrics")[2])
            doctor = self.platform.cli("doctor")
            self.assertEqual((doctor.code, [one["reason"] for one in doctor.json["findings"]]), (1, ["audit.stopped"]))
            self.assertEqual(self.platform.cli("audit", "status").code, 3)
            self.assertIn("audit.stopped", self.platform.log.read_text(encoding="utf-8"))
        finally:
            away_again.cancel()
            away.rename(folder)
        self.soon(lambda: self.platform.request("GET", "/api/v1/audit/head")[2]["running"])
        self.platform.post("/api/v1/tokens", {"name": "y"})
        gap = self.entries("--action", "audit.resumed")
        self.assertEqual(gap[0]["outcome"], "file.not_found")
        self.assertIn("audit.stopped", [one["outcome"] for one in self.entries("--action", "createToken")])
        self.soon(lambda: self.platform.cli("doctor").code == 0)  # with the next anchor

    def test_4_the_anchor_holds_without_the_platform(self):
        self.platform.post("/api/v1/tokens", {"name": "anchored"})
        news = self.entries("--action", "createToken")[0]["sequence"]
        self.soon(lambda: self.platform.get("/api/v1/audit/head")["anchor"]["sequence"] >= news)
        trust = self.folder("trust") / "default.cxanchor"
        document = self.platform.get("/api/v1/chains/default/anchor")
        trust.write_bytes(document if isinstance(document, bytes) else json.dumps(document, separators=(",", ":")).encode())
        copy = self.copy("anchored")
        report = self.verify(copy, "--anchors", "--anchor", str(trust))
        self.assertGreaterEqual(report["anchors"]["last"], news)
        proofs = sorted((copy / "audit/anchors").glob("*.cxproof"))
        self.assertEqual(len(proofs), report["anchors"]["proofs"])
        self.assertTrue(self.verified(proofs[-1], anchor=trust)["anchor_matched"])
        # Another history, made with the installation's own key, and the marker with it.
        for path in [*(copy / "audit").glob("*.seg"), copy / "audit.marker"]:
            path.unlink()
        for _ in range(3):
            support.command(["key", "create", f"k{_}"], copy)
        self.assertTrue(self.verify(copy)["verified"])
        reasons = {one["reason"] for one in self.verify(copy, "--anchors", code=1)["findings"]}
        self.assertTrue(reasons & {"audit.rewritten", "audit.truncated"}, reasons)

    def test_5_an_export_is_checked_offline(self):
        for form in ("ndjson", "csv"):
            out = self.folder(form) / f"log.{form}"
            made = self.cli("audit", "export", "--action", "createToken", "--format", form, "--out", out)
            self.assertGreater(made["entries"], 0)
            done = support.command(["--json", "audit", "verify-export", str(out)])
            self.assertEqual((done.code, done.json["entries"]), (0, made["entries"]), done)
            self.assertEqual(support.command(["--json", "audit", "verify-export", str(out), "--key", "04" + "11" * 64]).code, 2)
            content = bytearray(out.read_bytes())
            content[len(content) // 2] ^= 1
            out.write_bytes(content)
            bent = support.command(["--json", "audit", "verify-export", str(out)])
            self.assertEqual((bent.code, bent.reason), (1, "audit.export"))

    def test_6_a_backup_carries_it_along(self):
        target, restored = self.folder("backup") / "b", self.folder("restored") / "data"
        self.cli("backup", "create", target)
        done = support.command(["--json", "backup", "restore", str(target)], restored)
        self.assertEqual(done.code, 0, done)
        report = self.verify(restored, "--anchors")
        self.assertTrue(report["verified"])
        platform = self.start(restored)
        self.assertEqual([one["outcome"] for one in self.entries("--action", "cli.backup.restore", platform=platform)], ["ok"])
        self.assertTrue(self.entries("--action", "createToken", platform=platform))
        platform.stop()
        self.assertTrue(self.verify(restored, "--anchors")["verified"])

    def test_7_nothing_acknowledged_is_lost_when_it_is_killed(self):
        platform = self.start(self.folder() / "data")
        acknowledged, ended = [], threading.Event()

        def make():
            while not ended.is_set():
                try:
                    status, _, body = platform.request("POST", "/api/v1/tokens", {"name": "load"})
                except OSError:
                    return
                if status == 201:
                    acknowledged.append(body["id"])

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        self.soon(lambda: len(acknowledged) > 100)
        platform.process.kill()
        platform.process.wait()
        ended.set()
        for thread in threads:
            thread.join()
        self.assertTrue(self.verify(platform.data)["verified"])
        again = self.start(platform.data)
        kept = {one["detail"] for one in self.entries("--action", "createToken", platform=again)}
        self.assertEqual(set(acknowledged) - kept, set())
        again.stop()
        self.assertTrue(self.verify(platform.data, "--anchors")["verified"])

    def test_8_switched_off_or_kept_too_short(self):
        data = self.folder() / "data"
        self.assertEqual(support.command(["init"], data).code, 0)
        self.assertEqual(support.command(["init"], data).code, 0)
        short = support.command(["--json", "serve", "--listen", "127.0.0.1:0"], data, {"CHENGXIN_AUDIT_RETENTION_DAYS": "90"})
        self.assertEqual(short.reason, "config.invalid")
        off = self.start(data, environment={"CHENGXIN_AUDIT_ENABLED": "false"})
        self.refused(off.request("POST", "/api/v1/tokens", {"name": "x"}), 503, "audit.stopped")
        self.assertEqual([one["reason"] for one in off.cli("doctor").json["findings"]], ["audit.stopped"])
        off.stop()
        on = self.start(data)
        self.assertEqual(len(self.entries("--action", "cli.init", platform=on)), 1)
        on.stop()
        # A log that is gone is not begun anew in silence.
        shutil.rmtree(data / "audit")
        gone = self.start(data)
        self.refused(gone.request("POST", "/api/v1/tokens", {"name": "x"}), 503, "audit.stopped")
        gone.stop()
        reopened = support.command(["--json", "audit", "reopen", "--reason", "disk replaced"], data)
        self.assertEqual(reopened.code, 0, reopened)
        again = self.start(data)
        again.post("/api/v1/tokens", {"name": "x"})
        [told] = self.entries("--action", "audit.reopened", platform=again)
        self.assertIn("disk replaced", told["detail"])


class Surface(support.Case):
    def test_what_is_not_declared_is_named(self):
        """Ports and libraries of the process against docs/surface.tsv; the owner's is the only account at first."""
        self.assertEqual(self.platform.cli("doctor").json["findings"], [])
        self.assertEqual(self.platform.get("/api/v1/tokens")["items"], [])
        work = self.folder()
        source, library = work / "port.c", work / "libstranger.so"
        source.write_text("""
#include <netinet/in.h>
#include <sys/socket.h>
__attribute__((constructor)) static void open_port(void) {
  struct sockaddr_in any = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  bind(fd, (struct sockaddr *)&any, sizeof any);
  listen(fd, 1);
}
""", encoding="utf-8")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        other = self.start(work / "data", environment={"LD_PRELOAD": str(library)})
        findings = {one["reason"]: one["detail"] for one in other.cli("doctor").json["findings"]}
        self.assertEqual(sorted(findings), ["surface.library", "surface.port"])
        self.assertIn("libstranger.so", findings["surface.library"])


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_audit"))

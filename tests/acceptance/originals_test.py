#!/usr/bin/env python3
"""Originals in an S3 service: moved there from the data folder, added, read back, verified, backed up; with the service away, wrong, or damaged."""
import json
import sys

import minio
import support


class Originals(support.Local):
    def setUp(self):
        super().setUp()
        self.minio = minio.Minio()
        self.addCleanup(self.minio.stop)
        done = support.command(["init"], self.data)
        self.assertEqual(done.code, 0, done)

    def start(self, data=None):
        platform = support.Platform(data or self.data)
        self.addCleanup(platform.stop)
        return platform

    def configure(self, **changes):
        """Makes the bucket where originals are, and signs that."""
        credentials = self.data / "keys/s3"
        credentials.write_text(f"{self.minio.user}\n{changes.pop('password', self.minio.password)}\n", encoding="utf-8")
        credentials.chmod(0o600)
        settings = {"url": self.minio.url, "bucket": "chengxin", "prefix": "市 city/", "credentials": "keys/s3", **changes}
        (self.data / "chengxin.yaml").write_text("".join(f"blobs.{name}: {json.dumps(value)}\n" for name, value in settings.items()), encoding="utf-8")
        done = support.command(["--json", "install", "seal"], self.data)
        self.assertEqual(done.code, 0, done)

    def add(self, platform, name, content):
        path = self.base / name
        path.write_bytes(content)
        done = platform.cli("evidence", "add", str(path), "--keep", "--wait")
        self.assertEqual(done.code, 0, done)
        return path, done.json["items"][0]

    def read_back(self, platform, path, item):
        status, _, body = platform.request("GET", f"/api/v1/originals/{item['original']}")
        self.assertEqual((status, body), (200, path.read_bytes()))
        bundle = self.base / f"{item['id']}.cxproof"
        exported = platform.cli("evidence", "export", item["id"], "--out", str(bundle))
        self.assertEqual(exported.code, 0, exported)
        first, second = support.both_verifiers(bundle, path)
        self.assertEqual((first.code, second.code), (0, 0), f"{first}\n{second}")
        bundle.unlink()

    def test_a_platform_moves_to_s3_and_back(self):
        platform = self.start()
        known = [self.add(platform, "before.txt", b"kept in the folder first" * 1000)]
        platform.stop()
        self.configure()
        copied = support.command(["--json", "originals", "copy"], self.data)
        self.assertEqual((copied.code, copied.json), (0, {"copied": 1}), copied)
        (self.data / "blobs").rename(self.base / "away")

        platform = self.start()
        known.append(self.add(platform, "large.bin", b"in parts, readable to nobody else " * 400_000))  # 14 MB
        known.append(self.add(platform, "small.txt", b"in one piece, readable to nobody else"))
        for path, item in known:
            self.read_back(platform, path, item)
        self.assertEqual(self.minio.objects(), {item["original"] for _, item in known})
        for path in self.minio.data.rglob("*"):
            self.assertFalse(path.is_file() and b"readable to nobody" in path.read_bytes(), path)
        backup = self.base / "backup"
        made = platform.cli("backup", "create", str(backup))
        self.assertEqual(made.code, 0, made)
        platform.stop()

        with self.subTest("a restart"):
            platform = self.start()
            for path, item in known:
                self.read_back(platform, path, item)
            platform.stop()
        with self.subTest("nothing of the credentials in the log"):
            self.assertNotIn(self.minio.password, platform.log.read_text(encoding="utf-8"))

        with self.subTest("a backup has them, and fills an empty bucket"):
            self.minio.stop()
            self.minio = minio.Minio()
            restored = support.command(["--json", "backup", "restore", str(backup)], self.base / "restored")
            self.assertEqual(restored.code, 0, restored)
            self.data = self.base / "restored"
            self.configure()
            copied = support.command(["--json", "originals", "copy"], self.data)
            self.assertEqual((copied.code, copied.json), (0, {"copied": len(known)}), copied)
            platform = self.start()
            for path, item in known:
                self.read_back(platform, path, item)
            platform.stop()
        with self.subTest("and back into the folder"):
            back = support.command(["--json", "originals", "copy", "--back"], self.data)
            self.assertEqual((back.code, back.json), (0, {"copied": 0}), back)  # the restored ones
            (self.data / "chengxin.yaml").write_text("", encoding="utf-8")
            support.command(["install", "seal"], self.data)
            platform = self.start()
            self.minio.kill()
            for path, item in known:
                self.read_back(platform, path, item)

    def test_the_service_is_away_and_comes_back(self):
        self.configure()
        platform = self.start()
        path, item = self.add(platform, "kept.txt", b"there before and after")
        self.minio.kill()
        for method, where, body in (("GET", f"/api/v1/originals/{item['original']}", None), ("POST", "/api/v1/originals", b"new")):
            status, _, answer = platform.request(method, where, body, headers={"Content-Type": "application/octet-stream"} if body else None)
            self.assertEqual((status, answer.get("reason")), (503, "blob.s3_unreachable"), answer)
            self.assertRegex(answer["title"], "[一-鿿]")
        self.assertEqual(platform.request("POST", "/api/v1/evidence?wait=receipt", {"digest": "66" * 32})[0], 201)  # digests need no store
        self.minio.start()
        self.read_back(platform, path, item)
        with self.subTest("bytes changed on the server's disk are no original"):
            # MinIO keeps small objects inside its own file of them, behind a checksum.
            [stored] = [file for file in (self.minio.data / "chengxin").rglob("*") if item["original"] in file.parts and file.is_file()]
            content = bytearray(stored.read_bytes())
            at = content.index(b"CXSEAL")
            content[at + 30] ^= 1
            stored.write_bytes(content)
            connection = platform.connect()
            connection.request("GET", f"/api/v1/originals/{item['original']}", headers={"Authorization": f"Bearer {platform.token}"})
            try:
                self.assertNotEqual(connection.getresponse().read(), path.read_bytes())
            except OSError:
                pass  # the answer is cut off
        with self.subTest("it does not start without the service"):
            platform.stop()
            self.minio.kill()
            done = support.command(["--json", "serve", "--listen", "127.0.0.1:0"], self.data)
            self.assertEqual(done.reason, "blob.s3_unreachable", done)

    def test_wrong_settings_are_told_at_the_start(self):
        for changes, reason in (({"bucket": "missing"}, "blob.s3_bucket"), ({"password": "something-else"}, "blob.s3_denied"),
                                ({"url": "ftp://127.0.0.1"}, "blob.s3_settings")):
            with self.subTest(reason):
                self.configure(**changes)
                done = support.command(["--json", "serve", "--listen", "127.0.0.1:0"], self.data)
                self.assertEqual(done.reason, reason, done)
        self.configure()
        (self.data / "keys/s3").chmod(0o640)
        self.assertEqual(support.command(["--json", "serve", "--listen", "127.0.0.1:0"], self.data).reason, "install.modes")
        (self.data / "keys/s3").unlink()
        self.assertEqual(support.command(["--json", "serve", "--listen", "127.0.0.1:0"], self.data).reason, "config.file")
        self.assertEqual(support.command(["--json", "originals", "copy"], self.data).reason, "config.file")


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_originals"))

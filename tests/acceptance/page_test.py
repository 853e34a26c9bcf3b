#!/usr/bin/env python3
"""The pages that a platform serves, in a real browser: the interface description with its try-out, and verification on line."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import support

PAGE = pathlib.Path(__file__).with_name("page.mjs")


class Pages(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.work = cls.base / "work"
        cls.work.mkdir()
        (cls.work / "original").write_text("甲方与乙方", encoding="utf-8")
        (cls.work / "other").write_text("甲方与丙方", encoding="utf-8")
        done = cls.platform.cli("evidence", "add", str(cls.work / "original"), "--title", "采购合同", "--holder", "某公司", "--out", str(cls.base / "out"))
        assert done.code == 0, done
        shutil.copy(done.json["items"][0]["bundle"], cls.work / "bundle.cxproof")
        shutil.copy(cls.base / "out/default.cxanchor", cls.work / "anchor.cxanchor")
        run = subprocess.run(["node", PAGE, cls.platform.url, cls.platform.token, cls.work], capture_output=True, timeout=90, check=False)
        assert run.returncode == 0, run.stderr.decode()
        cls.seen = json.loads(run.stdout)
        if kept := os.environ.get("SCREENSHOTS"):
            for picture in cls.work.glob("*.png"):
                shutil.copy(picture, kept)

    def test_description_lists_every_operation(self):
        document = self.platform.request("GET", "/api/v1/openapi.json", token=None)[2]
        wanted = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
        self.assertEqual(set(self.seen["operations"]), wanted)
        self.assertEqual(self.seen["filtered"], ["/api/v1/evidence/{id}/bundle"])

    def test_a_call_is_tried_out_with_the_token(self):
        self.assertIn("401", self.seen["withoutToken"])
        self.assertIn("200 OK", self.seen["withToken"])
        self.assertIn(self.platform.get("/api/v1/chains/default")["id"], self.seen["withToken"])

    def test_a_proof_and_its_original_are_verified(self):
        for word in ("验证通过", "Verified", "采购合同", "某公司", "一致 matches", self.platform.get("/api/v1/chains/default")["id"]):
            self.assertIn(word, self.seen["good"])

    def test_another_original_is_refused_with_the_reason(self):
        for word in ("未通过验证", "Not verified", "proof.file_mismatch"):
            self.assertIn(word, self.seen["bad"])

    def test_pages_ask_nobody_else_and_raise_no_errors(self):
        self.assertEqual([url for url in self.seen["requested"] if not url.startswith(self.platform.url)], [])
        # Verifying itself asks nobody at all: files stay on the reader's machine.
        self.assertNotIn(f"{self.platform.url}/api/v1/verify", self.seen["requested"])
        self.assertEqual([error for error in self.seen["errors"] if "401" not in error], [])
        self.assertLessEqual(self.seen["docsOverflow"], 0, "a telephone need not scroll sideways")


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_page"))

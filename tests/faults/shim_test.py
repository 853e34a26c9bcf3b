#!/usr/bin/env python3
"""The shim itself: programs that forget a sync lose data under its power cuts, programs that sync never do, and a
failure can be put at every single operation. SEED and ROUNDS come from the environment."""
import os
import pathlib
import random
import sys
import tempfile
import unittest

import faultlib

WRITER = faultlib.BUILD / "bin/faults_writer"
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
ROUNDS = int(os.environ.get("ROUNDS", 12))
RECORDS = 400


def numbers(text):
    return {int(line) for line in text.splitlines() if line.strip()}


class Shim(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = pathlib.Path(folder.name)
        self.fresh = 0

    def folder(self):
        self.fresh += 1
        data = self.base / f"data{self.fresh}"
        data.mkdir()
        return data

    def count(self, kind, **settings):
        report = self.base / "count"
        done = faultlib.run_under_shim([WRITER, kind, self.folder(), RECORDS], self.base / f"data{self.fresh}",
                                       mode="count", report=report, **settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(numbers(done.stdout), set(range(RECORDS)))
        return faultlib.operations(report)

    def power_cuts(self, kind):
        """Runs of (acknowledged, found afterwards, damaged?, what the shim did)."""
        total = self.count(kind)
        chance = random.Random(f"{SEED} {kind}")
        for _ in range(ROUNDS):
            data, report = self.folder(), self.base / "report"
            at, seed = chance.randrange(1, total), chance.randrange(1 << 32)
            done = faultlib.run_under_shim([WRITER, kind, data, RECORDS], data, mode="powercut", at=at, seed=seed, report=report)
            # Several threads share their syncs differently each time, so a late point may not be reached.
            self.assertIn(done.returncode, (-9, 0), done.stderr)
            if done.returncode == 0:
                continue
            what = f"SEED={SEED} at={at} seed={seed}\n{report.read_text()}"
            checked = faultlib.run_under_shim([WRITER, kind, data, "check"], data, mode="count")
            yield numbers(done.stdout), numbers(checked.stdout), checked.returncode != 0, what + checked.stderr

    def keeps_everything(self, kind):
        acknowledged_in_all = 0
        for acknowledged, found, damaged, what in self.power_cuts(kind):
            self.assertFalse(damaged, what)
            self.assertEqual(acknowledged - found, set(), what)
            acknowledged_in_all += len(acknowledged)
        self.assertGreater(acknowledged_in_all, 0)

    def loses_something(self, kind):
        lost = sum(1 for acknowledged, found, damaged, _ in self.power_cuts(kind) if damaged or acknowledged - found)
        self.assertGreater(lost, 0, f"{kind} never lost anything, so the shim finds nothing (SEED={SEED})")

    def test_files_written_durably_survive(self):
        self.keeps_everything("files")

    def test_files_never_synced_are_lost(self):
        self.loses_something("files_no_sync_careless")

    def test_names_never_synced_are_lost(self):
        self.loses_something("files_no_folder_sync_careless")

    def test_rocksdb_with_sync_survives(self):
        self.keeps_everything("rocksdb")

    def test_rocksdb_without_sync_loses(self):
        self.loses_something("rocksdb_careless")

    def test_sqlite_full_survives(self):
        self.keeps_everything("sqlite")

    def test_sqlite_off_loses(self):
        self.loses_something("sqlite_careless")

    def test_a_kill_alone_would_find_no_missing_sync(self):
        """Why the shim is needed: the page cache outlives the process."""
        data = self.folder()
        done = faultlib.run_under_shim([WRITER, "files_no_sync_careless", data, RECORDS], data, mode="count")
        found = faultlib.run_under_shim([WRITER, "files_no_sync_careless", data, "check"], data, mode="count")
        self.assertEqual(numbers(done.stdout), numbers(found.stdout))

    def failures(self, kind, error, forever):
        total = self.count(kind)
        for at in sorted(random.Random(f"{SEED} {kind} {error}").sample(range(1, total), 2 * ROUNDS)):
            data = self.folder()
            done = faultlib.run_under_shim([WRITER, kind, data, RECORDS], data, mode="fail", at=at, error=error, forever=forever)
            what = f"SEED={SEED} at={at} error={error} forever={forever}: {done.stderr}"
            self.assertIn(done.returncode, (0, 1), what)
            checked = faultlib.run_under_shim([WRITER, kind, data, "check"], data, mode="count")
            self.assertEqual(checked.returncode, 0, what + checked.stderr)
            self.assertEqual(numbers(done.stdout) - numbers(checked.stdout), set(), what)
            if forever and at < total // 2:  # of the last operations some belong to closing, whose errors matter to nobody
                self.assertNotEqual(done.returncode, 0, what)

    def test_files_report_an_error_and_lose_nothing(self):
        self.failures("files", "EIO", 0)
        self.failures("files", "ENOSPC", 1)

    def test_rocksdb_reports_an_error_and_loses_nothing(self):
        self.failures("rocksdb", "EIO", 0)
        self.failures("rocksdb_one_writer", "EIO", 1)
        self.failures("rocksdb", "ENOSPC", 1)

    def test_sqlite_reports_an_error_and_loses_nothing(self):
        self.failures("sqlite", "EIO", 0)
        self.failures("sqlite", "ENOSPC", 1)

    def test_every_write_and_sync_can_fail(self):
        """Ten durable files are, each: open, write, sync, rename, sync of the folder."""
        data, report = self.folder(), self.base / "report"
        for kinds, expected in (("open", 10), ("write", 10), ("sync", 20), ("name", 10), ("open,write,sync,name", 50)):
            done = faultlib.run_under_shim([WRITER, "files", data, 10], data, mode="count", kinds=kinds, report=report)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(faultlib.operations(report), expected, kinds)
        for at in range(1, 51):
            done = faultlib.run_under_shim([WRITER, "files", self.folder(), 10], self.base / f"data{self.fresh}", mode="fail", at=at)
            self.assertEqual(done.returncode, 1, f"operation {at} did not fail")

    def test_a_power_cut_is_the_same_for_the_same_seed(self):
        def cut():
            data = self.folder()
            faultlib.run_under_shim([WRITER, "files_no_sync_careless", data, RECORDS], data, mode="powercut", at=501, seed=7)
            return {path.name: path.read_bytes() for path in data.iterdir()}

        self.assertEqual(cut(), cut())

    def test_wrong_settings_are_refused(self):
        for settings in ({"mode": "magic"}, {"mode": "fail", "error": "EWHY"}, {"modus": "fail"}):
            done = faultlib.run_under_shim([WRITER, "files", self.base, 1], self.base, **settings)
            self.assertEqual(done.returncode, 70, settings)


if __name__ == "__main__":
    print(f"SEED={SEED}")
    sys.exit(faultlib.run_tests("faults_shim"))

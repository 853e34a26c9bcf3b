#!/usr/bin/env python3
"""The ledger and its sequencer under kills, power cuts and a failure at every operation: whatever was acknowledged is
there afterwards, everything verifies, and the chain goes on. One chain lives through all rounds of a test.

  ledger_test.py [--kills N] [--cuts N] [--failures N|all] [--seed S]
"""
import argparse
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import faultlib

DRIVER = faultlib.BUILD / "bin/faults_ledger"
TRANSACTIONS = 300
options = argparse.Namespace(kills=12, cuts=20, failures="25", seed=None)


class Ledger(unittest.TestCase):
    mode = ()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = pathlib.Path(folder.name)
        self.data = self.base / "data"
        self.data.mkdir()
        self.acknowledged = set()
        self.random = random.Random(f"{options.seed} {self.id()}")

    def check(self, what, data=None):
        """Opens the chain, verifies it, and returns its transactions."""
        done = faultlib.run_under_shim([DRIVER, data or self.data, "check"], data or self.data, mode="count")
        self.assertEqual(done.returncode, 0, f"seed {options.seed}: {what}\n{done.stderr}")
        return set(done.stdout.split())

    def nothing_lost(self, what):
        lost = self.acknowledged - self.check(what)
        self.assertEqual(len(lost), 0, f"seed {options.seed}: {len(lost)} of {len(self.acknowledged)} lost\n{what}")

    def operations(self, count):
        report, data = self.base / "count", self.base / "counted"
        data.mkdir()
        done = faultlib.run_under_shim([DRIVER, data, count, *self.mode], data, mode="count", report=report)
        self.assertEqual(done.returncode, 0, done.stderr)
        return faultlib.operations(report)

    def test_kills(self):
        for number in range(options.kills):
            with subprocess.Popen([DRIVER, self.data, "1000000", *self.mode], stdout=subprocess.PIPE, text=True) as process:
                time.sleep(self.random.uniform(0.005, 0.3))
                process.send_signal(signal.SIGKILL)
                # The last line may be cut in the middle, when nobody has read it yet it acknowledges nothing.
                self.acknowledged |= {line.strip() for line in process.stdout if line.endswith("\n")}
            self.nothing_lost(f"kill {number}")
        self.assertGreater(len(self.acknowledged), options.kills)

    def test_power_cuts(self):
        total = self.operations(TRANSACTIONS)
        for _ in range(options.cuts):
            at, seed, report = self.random.randrange(1, total), self.random.randrange(1 << 32), self.base / "report"
            done = faultlib.run_under_shim([DRIVER, self.data, 1000000, *self.mode], self.data, mode="powercut", at=at, seed=seed, report=report)
            self.assertEqual(done.returncode, -9, done.stderr)
            self.acknowledged |= set(done.stdout.split())
            self.nothing_lost(f"at={at} seed={seed}\n{report.read_text(encoding='utf-8')}")
        self.assertGreater(len(self.acknowledged), options.cuts)

    def test_a_disk_that_lies_is_noticed(self):
        """This harness can fail: when syncs do nothing, acknowledged transactions do get lost."""
        for _ in range(10):
            at, seed = self.random.randrange(100, 400), self.random.randrange(1 << 32)
            done = faultlib.run_under_shim([DRIVER, self.data, 1000000, *self.mode], self.data, mode="powercut", lying=1, at=at, seed=seed)
            checked = faultlib.run_under_shim([DRIVER, self.data, "check"], self.data, mode="count")
            if checked.returncode != 0 or set(done.stdout.split()) - set(checked.stdout.split()):
                return
        self.fail("ten power cuts without a single sync lost nothing")

    def test_failures(self):
        """Every operation of a chain's first minutes fails: once, or it and all after it (a full disk, a dead disk)."""
        total = self.operations(TRANSACTIONS)
        points = range(1, total + 1)
        if options.failures != "all":
            points = sorted(self.random.sample(points, min(total, int(options.failures))))
        for at in points:
            error, forever = self.random.choice((("EIO", 0), ("EIO", 1), ("ENOSPC", 1)))
            what = f"at={at} error={error} forever={forever}"
            data = self.base / f"failed{at}"
            data.mkdir()
            done = faultlib.run_under_shim([DRIVER, data, TRANSACTIONS, *self.mode], data, mode="fail", at=at, error=error, forever=forever)
            self.assertIn(done.returncode, (0, 1), f"{what}: {done.stderr}")
            if done.returncode == 1:
                self.assertRegex(done.stderr, r"[a-z]+\.[a-z_]+", what)  # a reason, not silence
            found = self.check(what, data)
            self.assertEqual(set(done.stdout.split()) - found, set(), what)
            again = faultlib.run_under_shim([DRIVER, data, 5, *self.mode], data, mode="count")
            self.assertEqual(again.returncode, 0, f"{what}: {again.stderr}")
            subprocess.run(["rm", "-rf", data], check=True)

    def test_power_cuts_while_recovering(self):
        """The power goes again and again during the first operations after opening."""
        for _ in range(options.cuts):
            at, seed, report = self.random.randrange(1, 40), self.random.randrange(1 << 32), self.base / "report"
            done = faultlib.run_under_shim([DRIVER, self.data, 1000000, *self.mode], self.data, mode="powercut", at=at, seed=seed, report=report)
            self.assertEqual(done.returncode, -9, done.stderr)
            self.acknowledged |= set(done.stdout.split())
        self.nothing_lost("after all of them")


class LedgerOfAnEngine(Ledger):
    """Blocks whose certificates come later, and the orderer's notes: all of a decision is there, or nothing."""
    mode = ("engine",)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=options.kills)
    parser.add_argument("--cuts", type=int, default=options.cuts)
    parser.add_argument("--failures", default=options.failures)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    vars(options).update(vars(parser.parse_args()))
    print(f"seed {options.seed}")
    sys.exit(faultlib.run_tests("faults_ledger"))

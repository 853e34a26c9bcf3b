#!/usr/bin/env python3
"""What a node has voted for is there after a power cut, in its pool or in its ledger, and its disk's lies are noticed.

  pool_test.py [--cuts N] [--seed S]
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import faultlib

DRIVER = faultlib.BUILD / "bin/faults_pool"
HEIGHTS = 60
options = argparse.Namespace(cuts=25, seed=None)


class Pool(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = pathlib.Path(folder.name)
        self.random = random.Random(f"{options.seed} {self.id()}")
        report, counted = self.base / "count", self.base / "counted"
        counted.mkdir()
        done = faultlib.run_under_shim([DRIVER, counted, HEIGHTS], counted, mode="count", report=report)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.total = faultlib.operations(report)

    def cut(self, number, **how):
        """What of the acknowledged is lost by one power cut."""
        data = self.base / f"data{number}"
        data.mkdir()
        at, seed = self.random.randrange(self.total // 4, self.total), self.random.randrange(1 << 32)
        done = faultlib.run_under_shim([DRIVER, data, 1000000], data, mode="powercut", at=at, seed=seed, **how)
        self.assertEqual(done.returncode, -9, done.stderr)
        kept = {line for line in done.stdout.splitlines() if len(line) == 129}
        checked = subprocess.run([DRIVER, data, "check"], input="".join(line + "\n" for line in sorted(kept)), text=True,
                                 capture_output=True, timeout=60)
        self.kept += len(kept)
        return f"at={at} seed={seed} {checked.stderr}", checked.returncode, kept - set(checked.stdout.splitlines())

    def test_power_cuts(self):
        self.kept = 0
        for number in range(options.cuts):
            what, code, lost = self.cut(number)
            self.assertEqual((code, lost), (0, set()), f"seed {options.seed}: {what}")
        self.assertGreater(self.kept, options.cuts)

    def test_a_disk_that_lies_is_noticed(self):
        self.kept = 0
        for number in range(10):
            _, code, lost = self.cut(number, lying=1)
            if code != 0 or lost:
                return
        self.fail("ten power cuts without a single sync lost nothing")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=options.cuts)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    vars(options).update(vars(parser.parse_args()))
    print(f"seed {options.seed}")
    sys.exit(faultlib.run_tests("faults_pool"))

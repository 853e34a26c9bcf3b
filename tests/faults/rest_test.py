#!/usr/bin/env python3
"""The whole platform under SIGKILL, power cuts, and a failure at every write and sync, through its REST interface.

  rest_test.py kill|power|every_write [--rounds N|all] [--seed S] [--seconds S]

After each round every acknowledged receipt is there, the mirror agrees, and (at the end, and every tenth round) the
chain's roots equal those of a replay. `--seconds` ends early, when at least half of the rounds are done.
"""
import argparse
import pathlib
import random
import sys
import tempfile
import time
import unittest

import faultlib
import platform_child
from platform_child import Platform

options = argparse.Namespace(mode="", rounds=None, seed=0, seconds=None)
ROUNDS = {"kill": 50, "power": 30, "every_write": 25}
SAMPLE = 60  # of older acknowledgements, looked up again in each round; the last round looks up all


class Faults(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = pathlib.Path(folder.name)
        self.data = self.base / "data"
        self.data.mkdir()
        self.random = random.Random(f"{options.seed} {options.mode}")
        self.acknowledged = []
        self.began = time.monotonic()
        self.running = None
        self.addCleanup(lambda: self.running and self.running.process.poll() is None and self.running.kill())

    def start(self, faults=None):
        self.running = Platform(self.data, faults)
        return self.running

    def rounds(self, wanted):
        for number in range(wanted):
            late = options.seconds and time.monotonic() - self.began > options.seconds
            if late and number >= wanted // 2:
                print(f"stopped after {number} of {wanted} rounds: out of time")
                return
            yield number

    def check(self, what, fresh, everything=False):
        """Starts the platform without faults, looks, and stops it properly."""
        platform = self.start()
        self.assertTrue(platform.wait_ready(), f"did not start again: {what}; {platform.tail()}")
        older = self.acknowledged
        looked_up = fresh + (older if everything else self.random.sample(older, min(SAMPLE, len(older))))
        platform_child.check_kept(self, platform, looked_up, what)
        platform_child.check_mirror(self, platform, fresh, what)
        self.assertEqual(platform.stop(), 0, f"{what}; {platform.tail()}")
        self.acknowledged = older + fresh

    def finish(self, what):
        self.check(what, [], everything=True)
        platform_child.check_replay(self, self.data, what)
        self.assertGreater(len(self.acknowledged), 0)
        print(f"{len(self.acknowledged)} acknowledged, none lost")

    def test_kill(self):
        for number in self.rounds(int(options.rounds)):
            what = f"seed {options.seed}, kill {number}"
            platform = self.start()
            # One kill in five hits the start itself.
            if self.random.random() < 0.2:
                time.sleep(self.random.uniform(0, 0.3))
                platform.kill()
                self.check(what, [])
                continue
            self.assertTrue(platform.wait_ready(), f"{what}; {platform.tail()}")
            loads = platform_child.run_load(platform, f"kill {number}")
            time.sleep(self.random.uniform(0.02, 0.6))
            platform.kill()
            self.check(what, platform_child.acknowledged_of(loads))
            if number % 10 == 9:
                platform_child.check_replay(self, self.data, what)
        self.finish("after all kills")

    def counted(self, data):
        """Operations of a start, a small load and a stop on a fresh installation."""
        report, kept = self.base / "operations", self.data
        self.data = data
        data.mkdir()
        platform = self.start({"mode": "count", "report": report})
        self.assertTrue(platform.wait_ready(), platform.tail())
        platform_child.acknowledged_of(platform_child.run_load(platform, "count", limit=15))
        self.assertEqual(platform.stop(), 0, platform.tail())
        self.data = kept
        return faultlib.operations(report)

    def test_power(self):
        total = self.counted(self.base / "counted")
        for number in self.rounds(int(options.rounds)):
            at, seed, report = self.random.randrange(1, total), self.random.randrange(1 << 32), self.base / "report"
            report.unlink(missing_ok=True)
            platform = self.start({"mode": "powercut", "at": at, "seed": seed, "report": report})
            fresh = []
            if platform.wait_ready():
                fresh = platform_child.acknowledged_of(platform_child.run_load(platform, f"power {number}"))
            self.assertEqual(platform.wait(), -9, platform.tail())
            what = f"seed {options.seed}, at={at} seed={seed}\n{report.read_text(encoding='utf-8')}"
            self.check(what, fresh)
            if number % 10 == 9:
                platform_child.check_replay(self, self.data, what)
        self.finish("after all power cuts")

    def test_every_write(self):
        """On a fresh installation each time: after the failure the platform answers or ends, and loses nothing."""
        total = self.counted(self.base / "counted")
        points = list(range(1, total + 1))
        if options.rounds != "all":
            points = sorted(self.random.sample(points, min(len(points), int(options.rounds))))
        for number in self.rounds(len(points)):
            at = points[number]
            error, forever = self.random.choice((("EIO", 0), ("EIO", 1), ("ENOSPC", 1)))
            what = f"seed {options.seed}, at={at} error={error} forever={forever}"
            self.data, self.acknowledged = self.base / f"failed{at}", []
            self.data.mkdir()
            platform = self.start({"mode": "fail", "at": at, "error": error, "forever": forever, "kinds": "open,write,sync,name"})
            fresh = []
            if platform.wait_ready():
                loads = platform_child.run_load(platform, "write", limit=15)
                fresh = platform_child.acknowledged_of(loads)
                for load in loads:
                    for status, problem in load.refusals:
                        self.assertGreaterEqual(status, 400, what)
                        self.assertIn("reason", problem, what)
                platform.stop()
            # Not by a signal: whatever fails, the process ends in its own way and says why.
            self.assertGreaterEqual(platform.wait(), 0, f"{what}; {platform.tail()}")
            self.check(what, fresh)
            platform_child.check_replay(self, self.data, what)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=ROUNDS)
    parser.add_argument("--rounds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--seconds", type=float)
    vars(options).update(vars(parser.parse_args()))
    options.rounds = options.rounds or ROUNDS[options.mode]
    print(f"seed {options.seed}")
    sys.exit(faultlib.run_tests(f"faults_{options.mode}", f"__main__.Faults.test_{options.mode}"))

#!/usr/bin/env python3
"""Lesser processors, by taking features away from this one (base/cpu.h): the tests of SM2 and SM3 and the agreement with
the libraries hold on each, and the command line says which path it took."""
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
import faultlib

BIN = faultlib.BUILD / "bin"
MASKS = {
    "without_ifma": ("ifma", ["adx", "portable"]),
    "without_avx512": ("avx512", ["adx", "portable"]),
    "without_any": ("avx512,avx2,adx,bmi", ["portable"]),
}


def run(program, without, *arguments):
    environment = {**os.environ, "CHENGXIN_CPU_WITHOUT": without}
    environment.pop("GTEST_OUTPUT", None)  # these are not the suites' own results
    return subprocess.run([BIN / program, *arguments], env=environment, capture_output=True, text=True, timeout=240, check=False)


class CpuMasks(unittest.TestCase):
    def agrees(self, mask):
        without, paths = MASKS[mask]
        for program, arguments in (("sm3_test", []), ("sm2_test", []), ("sm2_agreement_test", ["--cases", "1500"])):
            done = run(program, without, *arguments)
            self.assertEqual(done.returncode, 0, f"{program} without {without}\n{done.stdout[-4000:]}{done.stderr[-1000:]}")
        asked = set(re.findall(r"^(\w+) .*asked \d+$", done.stdout, re.MULTILINE))
        self.assertLessEqual(asked, set(paths))
        self.assertIn("portable", asked)
        refused = run("chengxin", without, "crypto", "verify", "--batch", os.devnull, "--path", "ifma")
        self.assertEqual(refused.returncode, 2, refused.stderr)

    def test_without_ifma(self):
        self.agrees("without_ifma")

    def test_without_avx512(self):
        self.agrees("without_avx512")

    def test_without_any(self):
        self.agrees("without_any")


if __name__ == "__main__":
    sys.exit(faultlib.run_tests("cpu_masks"))

"""Shared by the fault harnesses: where things are, the shim's environment, and results in JUnit form."""
import os
import pathlib
import subprocess
import time
import unittest
import xml.sax.saxutils

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CHENGXIN_BUILD", ROOT / "build"))
SHIM = BUILD / "lib/libfaultshim.so"


def shim_variables(root, **settings):
    """Under which a program's changes below `root` go through the shim; settings as in docs/faults.md."""
    pairs = ";".join(f"{name}={value}" for name, value in {"root": root, **settings}.items())
    return {"LD_PRELOAD": str(SHIM), "CHENGXIN_FAULTS": pairs}


def shim_environment(root, **settings):
    return {**os.environ, **shim_variables(root, **settings)}


def run_under_shim(command, root, timeout=60, **settings):
    return subprocess.run([str(part) for part in command], env=shim_environment(root, **settings), capture_output=True,
                          text=True, timeout=timeout, check=False)


def operations(report):
    """The number of operations in a report of the shim."""
    return int(pathlib.Path(report).read_text(encoding="utf-8").split("operations=")[1].split()[0])


class Recorder(unittest.TextTestResult):
    """Remembers every test's outcome and writes <CHENGXIN_RESULTS>/<name>.xml, which tools/coverage reads."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.cases, self.began = [], 0.0

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        name = test.id().split(".", 1)[-1]
        bad = any(case is test for case, _ in self.failures + self.errors)
        bad = bad or any(getattr(case, "test_case", None) is test for case, _ in self.failures + self.errors)
        skipped = any(case is test for case, _ in self.skipped)
        self.cases.append((name, time.monotonic() - self.began, "failure" if bad else "skipped" if skipped else ""))
        super().stopTest(test)

    def write(self, name):
        folder = os.environ.get("CHENGXIN_RESULTS")
        if not folder:
            return
        lines = []
        for test, seconds, state in self.cases:
            quoted = xml.sax.saxutils.quoteattr(test)
            lines.append(f'<testcase name={quoted} classname="{name}" time="{seconds:.3f}">{f"<{state}/>" if state else ""}'
                         "</testcase>")
        text = "<testsuites>\n" + "\n".join(lines) + "\n</testsuites>\n"
        pathlib.Path(folder, f"{name}.xml").write_text(text, encoding="utf-8")


def run_tests(name, module="__main__"):
    suite = unittest.defaultTestLoader.loadTestsFromName(module)
    result = unittest.TextTestRunner(resultclass=Recorder, verbosity=2).run(suite)
    result.write(name)
    return 0 if result.wasSuccessful() else 1

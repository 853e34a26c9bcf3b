"""tools/coverage must not be talked into calling a row covered."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parent.parent / "coverage"
HEADER = "id\ttitle\ttests\tmark\n"
GTEST = """<testsuites><testsuite name="Log">
<testcase name="Proves" status="run" result="completed" classname="Log"/>
<testcase name="Breaks" status="run" result="completed" classname="Log"><failure message="x"/></testcase>
<testcase name="Skipped" status="run" result="skipped" classname="Log"><skipped message="x"/></testcase>
<testcase name="DISABLED_Off" status="notrun" result="suppressed" classname="Log"/>
</testsuite></testsuites>"""
NODE = """<testsuites><testcase name="verifies" classname="test"/>
<testcase name="twice" classname="test"/><testcase name="twice" classname="test"><failure/></testcase></testsuites>"""


class Coverage(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        base = pathlib.Path(self.folder.name)
        (base / "results").mkdir()
        (base / "results/merkle_test.xml").write_text(GTEST)
        (base / "results/js.xml").write_text(NODE)
        (base / "results/killed_test.xml").write_text("<testsuites><testcase")
        (base / "requirements").mkdir()
        (base / "requirements/a.tsv").write_text("id\tsystem\nr-1\tx\nr-2\ty\n")
        self.base = base

    def run_tool(self, table, *arguments):
        (self.base / "t.tsv").write_text(table)
        done = subprocess.run([sys.executable, TOOL, "--table", self.base / "t.tsv", "--results", self.base / "results",
                               *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def one(self, tests, *arguments):
        return self.run_tool(f"{HEADER}r-1\ttitle\t{tests}\t\n", *arguments)

    def test_passed(self):
        self.assertEqual(self.one("merkle:Log.Proves,js:verifies")[0], 0)

    def test_no_test(self):
        self.assertEqual(self.one("")[0], 1)

    def test_one_of_two_failed(self):
        self.assertEqual(self.one("merkle:Log.Proves,merkle:Log.Breaks")[0], 1)

    def test_skipped_disabled_unknown_and_killed_do_not_count(self):
        for test in ("merkle:Log.Skipped", "merkle:Log.DISABLED_Off", "merkle:Log.Prove", "merkle:", "killed:Log.Proves"):
            code, out = self.one(test)
            self.assertEqual(code, 1, test)
            self.assertIn("did not run", out)

    def test_of_two_with_one_name_the_worse_counts(self):
        self.assertEqual(self.one("js:twice")[0], 1)

    def test_what_an_assessor_decides_is_prepared_and_never_covered(self):
        row = HEADER + "r-1\ta\t%s\tprepared\n"
        code, out = self.run_tool(row % "merkle:Log.Proves")
        self.assertEqual(code, 0, out)
        self.assertIn("r-1\tprepared\ta", out)
        self.assertNotIn("covered", out)
        for tests in ("", "merkle:Log.Breaks", "merkle:Log.Skipped"):
            code, out = self.run_tool(row % tests)
            self.assertEqual(code, 1, tests)
            self.assertIn("r-1\tNOT COVERED", out)

    def test_the_tables_of_the_repository_are_well_formed(self):
        for table in ("coverage", "protection"):
            done = subprocess.run([sys.executable, TOOL, "--table", TOOL.parent.parent / f"docs/{table}.tsv", "--results", self.base / "results"],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)  # 2: the table itself is wrong

    def test_rows_asked_for(self):
        table = HEADER + "r-1\ta\tmerkle:Log.Proves\t\nr-2\tb\t\tsimulated\n"
        self.assertEqual(self.run_tool(table)[0], 1)
        self.assertEqual(self.run_tool(table, "--rows", "r-1")[0], 0)
        self.assertEqual(self.run_tool(table, "--rows", "r-1,r-2")[0], 1)
        self.assertEqual(self.run_tool(table, "--rows", "r-1,r-9")[0], 1)
        self.assertEqual(self.run_tool(table, "--rows", "")[0], 2)

    def test_missing_requirements_are_named(self):
        table = HEADER + "r-1\ta\tmerkle:Log.Proves\t\n"
        folder = self.base / "requirements"
        code, out = self.run_tool(table, "--requirements", folder)
        self.assertEqual(code, 1)
        self.assertIn("r-2", out)
        self.assertEqual(self.run_tool(table, "--requirements", folder, "--rows", "r-1")[0], 0)

    def test_wrong_tables(self):
        for table in ("", "id\ttitle\n", HEADER + "r-1\ta\n", HEADER + "r-1\ta\tx:y\tmaybe\n", HEADER + "r-1\ta\tno_colon\t\n",
                      HEADER + "r-1\ta\tx:y\t\nr-1\ta\tx:y\t\n"):
            self.assertEqual(self.run_tool(table)[0], 2, repr(table))


if __name__ == "__main__":
    unittest.main()

"""Every check of tools/tidy finds what it is for, in a small tree of its own."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parent.parent / "tidy"
GOOD = {
    "src/base/CMakeLists.txt": "chengxin_module(base)\n",
    "src/base/a.h": '#pragma once\n#include "base/impl/b.h"\n',
    "src/base/impl/b.h": "#pragma once\n",
    "src/top/CMakeLists.txt": "chengxin_module(top USES base LIBRARIES x)\n",
    "src/top/top.h": '#pragma once\n#include "base/a.h"\n',
    "src/other/CMakeLists.txt": "chengxin_module(other USES top)\n",
    "src/other/other.cpp": '#include "top/top.h"\n// throw\nauto x = fail(Code::busy, "other.busy");\n',
    "docs/adr/0001-first.md": "# First\n",
    "texts/reasons.en.tsv": "other.busy\tbusy\n",
    "texts/reasons.zh-CN.tsv": "other.busy\t忙\n",
}


class Tidy(unittest.TestCase):
    def check(self, changes, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {**GOOD, **changes}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            (root / "tools").mkdir()
            shutil.copy(TOOL, root / "tools/tidy")
            subprocess.run(["git", "init", "-q"], cwd=root, check=True)
            subprocess.run(["git", "add", "src", "docs", "texts"], cwd=root, check=True)
            done = subprocess.run([sys.executable, root / "tools/tidy", *arguments], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout + done.stderr

    def refuses(self, name, text, expected):
        code, out = self.check({name: text})
        self.assertEqual(code, 1, out)
        self.assertIn(expected, out)

    def test_good_tree(self):
        code, out = self.check({})
        self.assertEqual(code, 0, out)

    def test_includes(self):
        self.refuses("src/other/more.cpp", '#include "base/a.h"\n', "does not name it in USES")
        self.refuses("src/top/more.h", '#include "base/impl/b.h"\n', "is private to base")
        self.refuses("src/top/more.h", '#include "top.h"\n', "is not <module>/<file>")

    def test_throw(self):
        self.refuses("src/base/c.cpp", "void f() { throw 1; }\n", "throws")

    def test_sizes(self):
        self.refuses("src/base/c.cpp", "int x;\n" * 801, "801 lines")
        self.refuses("src/base/c.cpp", "void f(int x) {\n" + "  x++;\n" * 150 + "}\n", "a function of 152 lines")

    def test_text(self):
        self.refuses("docs/a.md", "x \n", "white space")
        self.refuses("docs/a.md", "x", "newline")
        self.refuses("docs/a.md", "see /" + "work/x\n", "a path of one machine")
        self.refuses("docs/a.md", "https://registry." + "npmjs.org/x\n", "package registry")

    def test_format(self):
        self.refuses("src/base/c.cpp", "int   x;\n", "is not formatted")

    def test_decisions(self):
        self.refuses("docs/adr/0001-second.md", "# Second\n", "has the number of")
        self.refuses("docs/adr/second.md", "# Second\n", "is not named")

    def test_reasons(self):
        self.refuses("src/base/c.cpp", 'auto a = fail(Code::busy,\n              "base.full");\n', "no text for base.full")
        self.refuses("texts/reasons.en.tsv", "a.b\tx\nother.busy\tx\n", "one language only")
        self.refuses("texts/reasons.en.tsv", "other.busy\tx\nother.busy\tx\n", "there twice")
        code, out = self.check({"src/base/c.cpp": 'auto a = fail(Code::busy, "base.full");\n'}, "--reasons")
        self.assertEqual((code, out), (1, "base.full\n"))


if __name__ == "__main__":
    unittest.main()

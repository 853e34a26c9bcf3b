#!/usr/bin/env python3
"""The commands of README.md and of docs/access.md, word for word, as a newcomer pastes them into a folder that holds nothing else."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import support

PASSPHRASE = "correct horse battery"
NOT_HERE = {"chengxin bench"}  # takes minutes
STARTED = 'until [[ -e data/run/address ]] || ! kill -0 $!; do sleep 0.1; done'
# What a person types when he is asked.
TYPED = {"chengxin keys protect": "printf 'correct horse battery\\n' >pin; chmod 600 pin; CHENGXIN_KEYS_PIN_FILE=pin chengxin keys protect"}


def blocks(file, *headings):
    """The commands of the sections' first blocks, without the comments behind them."""
    text = (support.ROOT / file).read_text(encoding="utf-8")
    out = []
    for heading in headings:
        block = text.split(f"\n## {heading}\n", 1)[1].split("```\n", 2)[1]
        out.append([re.sub(r"\s+#.*", "", line) for line in block.splitlines()])
    return out


class Pasted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "build").symlink_to(support.BUILD.resolve())
        for name in ("samples", "sdk"):
            (self.folder / name).symlink_to(support.ROOT / name)

    def paste(self, lines, **more):
        """What a shell printed that stops at the first command that fails. The server that it began is stopped."""
        script = ["set -emo pipefail", "trap '{ kill %1 && wait %1; } 2>/dev/null || true' EXIT"]
        for line in lines:
            if line not in NOT_HERE:
                script.append(TYPED.get(line, line))
            if line.endswith("serve &"):
                script.append(STARTED)
        own = {name: value for name, value in os.environ.items() if not name.startswith("CHENGXIN_")}
        done = support.Done(subprocess.run(["bash", "-c", "\n".join(script)], cwd=self.folder, capture_output=True, timeout=300, check=False,
                                           stdin=subprocess.DEVNULL, env={**own, "CHENGXIN_LISTEN": "127.0.0.1:0", **more}))
        self.assertEqual(done.code, 0, done)
        return done.out


class Readme(Pasted):
    def test_its_commands_do_what_it_says(self):
        lines = [line for block in blocks("README.md", "Use", "Contracts", "People, identities, keys") for line in block]
        out = self.paste(lines, CHENGXIN_PASSPHRASE=PASSPHRASE)
        for words in ("VERIFIED", "the chain holds", "the installation is in order", "4 passed, 0 failed", "\n42\n", "added: ",
                      "create     p-1001  natural", "received: ", "THE AUDIT LOG HOLDS", "the platform's keys are in the keystore now"):
            self.assertIn(words, out)

    def test_both_languages_give_the_same_commands(self):
        english = blocks("README.md", "Use", "Contracts", "People, identities, keys")
        self.assertEqual(english, blocks("README.zh-CN.md", "使用", "合约", "人员、身份、密钥"))


class Access(Pasted):
    """docs/access.md from the beginning to the first role that four eyes gave."""

    def test_from_nothing_to_a_role_by_four_eyes(self):
        beginning, changing = blocks("docs/access.md", "开始 · The beginning", "变更权限 · Changing roles")
        script = ["export PATH=$PWD/build/bin:$PATH"]
        for line in beginning:
            if line.startswith("chengxin user add"):
                name = line.split()[3]
                script += [f"{line} | tee {name}.added", f"TEMPORARY=$(sed -n 's/.* shown this once: //p' {name}.added)",
                           *([] if name == "zhao.lei" else self.first_entry(name))]
            elif line.startswith("chengxin user login"):
                script += ["TEMPORARY=$(sed -n 's/.* shown this once: //p' zhao.lei.added)",
                           f'eval "$(CHENGXIN_PASSWORD=$TEMPORARY {line} | grep ^export)"']
            elif line == "chengxin user password":
                script.append(f'eval "$(CHENGXIN_PASSWORD=$TEMPORARY CHENGXIN_NEW_PASSWORD=Rain-and-7-boats {line} | grep ^export)"')
            else:
                script.append(line)
        script.append("export CHENGXIN_PASSWORD=Rain-and-7-boats")
        for line in changing:
            if "approve ID" in line:
                script.append("ID=$(chengxin user proposals --json | jq -r '.items[0].id')")
            script.append(line.replace("approve ID", "approve $ID"))
        out = self.paste(script)
        shown = out.split("由另一位管理员批准")[1]  # what the second administrator sees, and then approves
        told = re.sub(r"li\.na \([0-9a-f]{16}\)", "li.na (ID)", shown)
        for words in ("新增机构 east（东区），隶属 root", "organisation east (东区) is made, beneath root", "登记用户 li.na (ID)，所属机构 east",
                      "授予 li.na (ID) 角色 official（全部链）", "role official is given to li.na (ID), for all chains"):
            self.assertEqual(told.count(words), 2, out)
        self.assertLess(told.rindex("授予 li.na (ID)"), told.index("  applied  "), "told before it is approved")
        self.assertNotIn('"op"', shown)
        self.assertIn("applied", shown)

    @staticmethod
    def first_entry(name):
        key = name.split(".")[0]
        return [f"SESSION=$(CHENGXIN_PASSWORD=$TEMPORARY chengxin user login {name} --certificate {key}/sign.pem --key {key} --json | jq -r .token)",
                "CHENGXIN_TOKEN=$SESSION CHENGXIN_PASSWORD=$TEMPORARY CHENGXIN_NEW_PASSWORD=Rain-and-7-boats chengxin user password >/dev/null"]


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_readme"))

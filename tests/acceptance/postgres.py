"""A PostgreSQL server (Debian's package) of a test's own, in a temporary folder, on a Unix socket there only."""
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import time

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")


class Postgres:
    """Run as root it is started as the user `postgres`, because the server refuses root."""

    def __init__(self, seconds=60):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cx-pg-"))
        self.user = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self.user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self.log = open(self.folder / "log", "ab")
        self.run("initdb", "-D", "data", "-A", "trust", "-U", "chengxin", "-E", "UTF8", "--no-sync")
        self.process = subprocess.Popen([PROGRAMS / "postgres", "-D", "data", "-k", self.folder, "-c", "listen_addresses=", "-c", "shared_buffers=32MB", "-c", "fsync=off"],
                                        cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **self.user)
        deadline = time.monotonic() + seconds
        while self.try_sql("select 1", "postgres").returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "log").read_text(encoding="utf-8")[-3000:])
            time.sleep(0.1)
        self.sql("create database chengxin", "postgres")
        self.url = f"host={self.folder} user=chengxin dbname=chengxin"

    def run(self, program, *words):
        subprocess.run([PROGRAMS / program, *words], cwd=self.folder, check=True, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **self.user)

    def try_sql(self, statement, database):
        return subprocess.run([PROGRAMS / "psql", "-X", "-q", "-h", self.folder, "-U", "chengxin", "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement],
                              capture_output=True, check=False)

    def sql(self, statement, database="chengxin"):
        done = self.try_sql(statement, database)
        assert done.returncode == 0, done.stderr

    def stop(self):
        self.process.terminate()  # "smart" would wait for clients that have gone already
        self.process.wait(timeout=60)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

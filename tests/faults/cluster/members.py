"""Nodes of a consortium under faults: each a host on our cables with a platform and its engine, and a client's way in."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/acceptance"))
import cluster  # noqa: E402
import faultlib  # noqa: E402
import sm  # noqa: E402

import cables  # noqa: E402

CHAIN = "land"
NEXT = faultlib.BUILD / "bin/chengxin-next"
DISK_MB = 1024  # of a node with a disk of its own: in memory


def copy(there, here):
    shutil.copytree(there, here, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))


class Door(http.client.HTTPConnection):
    """HTTP to the loopback of a namespace."""

    def __init__(self, space, port, timeout):
        super().__init__("127.0.0.1", port, timeout=timeout)
        self.space = space

    def connect(self):
        with cables.inside(self.space):
            self.sock = socket.socket()
        self.sock.settimeout(self.timeout)
        self.sock.connect((self.host, self.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Member(cluster.Node):
    def __init__(self, network, folder, variant):
        super().__init__(network, folder)
        self.paused = []
        self.forgot = []  # (since, until): what happened between these moments this node may not know any more
        self.deferred = []  # likewise: what it took as pending then may be settled later than a test lasts
        self.own_disk = False
        self.variant = variant
        self.extra = {}  # variables of the next start
        self.words, self.clock = (pathlib.Path(folder) / f"{self.organisation}.{what}" for what in ("words", "clock"))
        self.tell_engine("")
        self.set_clock(0)

    @property
    def environment(self):
        if not self.variant:
            return self.extra
        preloaded = [str(faultlib.BUILD / "lib/libclockshim.so"), *filter(None, [self.extra.get("LD_PRELOAD")])]
        return {**self.extra, "CHENGXIN_ENGINE": str(self.variant), "CHENGXIN_ENGINE_FAULTS": str(self.words), "CHENGXIN_CLOCK": str(self.clock),
                "LD_PRELOAD": " ".join(preloaded)}

    def tell_engine(self, words):
        self.words.write_text(words, encoding="ascii")

    def set_clock(self, ahead_ms):
        with open(self.clock, "r+b" if self.clock.exists() else "wb") as out:  # in place: it is mapped
            out.write(ahead_ms.to_bytes(8, sys.byteorder, signed=True))

    def port(self):
        return int((self.data / "run/address").read_text(encoding="utf-8").rsplit(":", 1)[1])

    def door(self, timeout):
        return Door(self.space, self.port(), timeout)

    def rest(self, method, path, body=None, door=None, timeout=15, media="application/json", raw=False):
        """(status, answer), JSON as it means unless `raw`. Errors of connections are the caller's."""
        own = door is None
        door = door or self.door(timeout)
        try:
            token = (self.data / "run/credential").read_text(encoding="utf-8").strip()
            data = json.dumps(body).encode() if isinstance(body, dict) else body
            door.request(method, path, data, {"Authorization": f"Bearer {token}", **({"Content-Type": media} if data else {})})
            answer = door.getresponse()
            content = answer.read()
            is_json = not raw and "json" in (answer.getheader("Content-Type") or "")
            return answer.status, json.loads(content) if is_json else content
        finally:
            if own:
                door.close()

    def get(self, path):
        status, answer = self.rest("GET", "/api/v1/" + path)
        if status != 200:
            raise AssertionError(f"{self.name}: GET {path}: {status} {answer}")
        return answer

    def key(self):
        """Of its service: registered on every chain that it is a member of."""
        return sm.Key.from_pem((self.data / "keys/service.pem").read_text(encoding="utf-8"))

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def engines(self):
        """Process ids of its engines."""
        if not self.alive():
            return []
        children = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                children += map(int, (task / "children").read_text(encoding="ascii").split())
            except OSError:
                pass
        return children

    def launch(self):
        if not self.alive():  # another fault may have started it
            super().launch()

    def stop(self, how=signal.SIGTERM):
        try:
            super().stop(how)
        except subprocess.TimeoutExpired as error:
            stacks = subprocess.run(["gdb", "-p", str(self.process.pid), "-batch", "-ex", "thread apply all bt 14"],
                                    capture_output=True, text=True, check=False).stdout
            self.log.with_suffix(".stacks").write_text(stacks, encoding="utf-8")
            self.kill()
            raise AssertionError(f"{self.name} does not end when it is told to") from error

    def kill(self):
        self.resume()
        if self.process:
            self.process.kill()
            self.process.wait(timeout=60)
        self.process = None

    def kill_engines(self):
        for process in self.engines():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def pause(self, what="all"):
        self.paused = self.engines() + ([self.process.pid] if what == "all" and self.alive() else [])
        for process in self.paused:
            os.kill(process, signal.SIGSTOP)

    def resume(self):
        for process in self.paused:
            try:
                os.kill(process, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.paused = []

    def exchange_binary(self):
        """For the same program under another version, or back again; the installation is told so."""
        self.binary = cluster.Node.binary if self.binary == NEXT else NEXT
        subprocess.run([self.binary, "install", "seal", "--data", self.data], check=True, capture_output=True)

    def ready(self):
        try:
            return self.alive() and self.rest("GET", "/readyz", timeout=5)[0] == 200
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def move_to_own_disk(self):
        if self.own_disk:
            return
        self.kill()
        there = self.data.with_suffix(".moved")
        self.data.rename(there)
        self.data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", self.data], check=True)
        self.own_disk = True
        copy(there, self.data)
        shutil.rmtree(there)
        self.start()

    def fill_disk(self):
        with open(self.data / "ballast", "wb", buffering=0) as ballast:
            for size in (1 << 20, 1 << 12, 1 << 8):
                try:
                    while ballast.write(bytes(size)):
                        pass
                except OSError:
                    pass  # full for pieces of this size

    def make_room(self):
        (self.data / "ballast").unlink(missing_ok=True)

    def remove_data(self):
        if self.own_disk:
            subprocess.run(["umount", self.data], check=True)
            self.own_disk = False
        shutil.rmtree(self.data, ignore_errors=True)

    def tail(self, size=3000):
        return self.log.read_text(encoding="utf-8", errors="replace")[-size:] if self.log.exists() else ""


class Cluster:
    """Founded once; `restore` puts the folders back as they were then."""

    def __init__(self, folder, count, seed, variant=None):
        self.folder = pathlib.Path(folder)
        self.cables = cables.Cables(seed)
        self.members = [Member(self.cables, self.folder, variant) for _ in range(count)]
        self.twin = Member(self.cables, self.folder, variant)  # a host for a second node with the keys of another; empty mostly

    @property
    def tolerated(self):
        return (len(self.members) - 1) // 3

    def numbers(self):
        return [member.number for member in self.members]

    def member(self, number):
        return self.members[number - 1]

    def found(self):
        self.start()
        cluster.found(self.members, self.folder)
        first, *others = self.members
        first.cli("chain", "create", CHAIN, "--consortium")
        for member in others:
            cluster.wait_until("the offer", lambda: any(each["name"] == CHAIN for each in member.cli("consortium", "offers")["items"]))
            member.cli("consortium", "accept", CHAIN)
        for member in self.members:
            cluster.wait_until(f"{CHAIN} on {member.name}", lambda: member.height(CHAIN) >= 0)

    def keep(self, template):
        self.stop()
        for member in self.members:
            copy(member.data, pathlib.Path(template) / member.data.name)

    def restore(self, template):
        for member in self.members:
            member.remove_data()
            member.forgot, member.deferred, member.binary = [], [], cluster.Node.binary
            copy(pathlib.Path(template) / member.data.name, member.data)
        self.start()

    def start(self):
        for member in self.members:
            member.launch()
        for member in self.members:
            member.wait_started()

    def stop(self):
        for member in self.members:
            member.resume()
            if member.alive():
                member.process.send_signal(signal.SIGTERM)
        stuck = []
        for member in self.members:
            try:
                member.stop()
            except AssertionError as error:
                stuck.append(str(error))
        if stuck:
            raise AssertionError("; ".join(stuck))

    def close(self):
        for member in [*self.members, self.twin]:
            member.kill()
            member.remove_data()
        self.cables.close()

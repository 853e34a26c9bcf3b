"""Hosts of a consortium on one machine: network namespaces on a switch of their own, a platform in each, and an ear on the switch."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from support import BINARY, Done

ASK = """import sys, urllib.request as u
print(u.urlopen(u.Request(sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})).read().decode())"""
PATIENCE = int(os.environ.get("CHENGXIN_PATIENCE", "90"))


def ip(*words, inside=None):
    subprocess.run([*(["ip", "netns", "exec", inside] if inside else []), "ip", *words], check=True, capture_output=True)


def wait_until(what, is_so):
    deadline, last = time.monotonic() + PATIENCE, None
    while time.monotonic() < deadline:
        try:
            if is_so():
                return
        except AssertionError as error:
            last = error
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come about: {last}")


class Network:
    """Needs the right to make network namespaces. `close` takes everything away again."""

    def __init__(self):
        self.switch = f"cxs{os.getpid()}"
        self.spaces = []
        self._space(self.switch)
        ip("link", "add", "switch", "type", "bridge", inside=self.switch)
        ip("link", "set", "switch", "up", inside=self.switch)

    def _space(self, name):
        ip("netns", "add", name)
        self.spaces.append(name)

    def add_host(self):
        number = len(self.spaces)
        name = f"cxh{os.getpid()}n{number}"
        self._space(name)
        ip("link", "add", f"port{number}", "netns", self.switch, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", f"port{number}", "master", "switch", "up", inside=self.switch)
        ip("link", "set", "lo", "up", inside=name)
        ip("address", "add", f"10.77.1.{number}/24", "dev", "eth0", inside=name)
        ip("link", "set", "eth0", "up", inside=name)
        return number, name

    def plug(self, number, is_in):
        ip("link", "set", f"port{number}", "up" if is_in else "down", inside=self.switch)

    def close(self):
        for name in self.spaces:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


class Node:
    environment = {}  # besides ours, when it starts
    binary = BINARY

    def __init__(self, network, folder):
        self.number, self.space = network.add_host()
        self.name, self.organisation = f"node{self.number}", f"org{self.number}"
        self.host = f"10.77.1.{self.number}"
        self.address = f"{self.host}:9443"
        self.data = pathlib.Path(folder) / self.organisation
        self.log = pathlib.Path(folder) / f"{self.organisation}.log"
        self.process = None

    def start(self):
        self.launch()
        self.wait_started()

    def launch(self):
        (self.data / "run/address").unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(["ip", "netns", "exec", self.space, self.binary, "--data", self.data, "serve"],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **self.environment})

    def wait_started(self):
        wait_until(f"the start of {self.name}", (self.data / "run/address").exists)

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
        self.process = None

    def cli(self, *words, code=0):
        """What the command prints as JSON."""
        run = subprocess.run(["ip", "netns", "exec", self.space, self.binary, "--data", self.data, "--json", *map(str, words)],
                             capture_output=True, timeout=60, check=False)
        done = Done(run)
        if code is not None and done.code != code:
            raise AssertionError(f"{self.name}: {words}: {done}")
        return done.json

    def get(self, path):
        """As REST gives it, asked on that host."""
        address, token = ((self.data / "run" / name).read_text(encoding="utf-8").strip() for name in ("address", "credential"))
        run = subprocess.run(["ip", "netns", "exec", self.space, sys.executable, "-c", ASK, f"{address}/api/v1/{path}", token],
                             capture_output=True, timeout=60, check=False)
        if run.returncode != 0:
            raise AssertionError(f"{self.name}: {path}: {run.stderr.decode()[-200:]}")
        return json.loads(run.stdout)

    def height(self, chain):
        return self.cli("chain", "show", chain)["height"]

    def members(self, chain="home"):
        return {node["name"]: node for node in self.cli("consortium", "show", "--chain", chain)["consortium"]["nodes"]}


class Ear:
    """Everything that passes one port of the switch, as it is on the cable."""

    def __init__(self, network, number, file):
        self.file = file
        self.process = subprocess.Popen(["ip", "netns", "exec", network.switch, sys.executable, __file__, f"port{number}", file],
                                        stdin=subprocess.DEVNULL)
        wait_until("the capture", pathlib.Path(file).exists)

    def stop(self):
        """Frames as (bytes)."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        data, frames, at = pathlib.Path(self.file).read_bytes(), [], 0
        while at + 4 <= len(data):
            size = int.from_bytes(data[at:at + 4], "big")
            frames.append(data[at + 4:at + 4 + size])
            at += 4 + size
        return frames


def tcp(frame):
    """(source, destination, source port, destination port, payload) of a TCP packet, else None."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return None
    size = int.from_bytes(frame[16:18], "big")
    header = 14 + (frame[14] & 15) * 4
    payload = frame[header + (frame[header + 12] >> 4) * 4:14 + size]
    address = [".".join(map(str, frame[at:at + 4])) for at in (26, 30)]
    return (*address, int.from_bytes(frame[header:header + 2], "big"), int.from_bytes(frame[header + 2:header + 4], "big"), payload)


def vote(nodes, number, chain="home"):
    """Everybody votes yes; those after the deciding vote are told that it is decided."""
    for node in nodes:
        subprocess.run(["ip", "netns", "exec", node.space, BINARY, "--data", node.data, "consortium", "vote", str(number), "yes",
                        "--chain", chain], capture_output=True, timeout=60, check=False)


def found(nodes, folder, *options):
    """A consortium of all of them on the chain home; options of `init`."""
    first = nodes[0]
    first.cli("consortium", "init", "--organisation", first.organisation, "--title", "机构", "--node", first.name, "--address", first.address,
              *options)
    for node in nodes[1:]:
        invitation = pathlib.Path(folder) / f"{node.organisation}.invitation"
        first.cli("consortium", "invite", "--organisation", node.organisation, "--out", invitation)
        node.cli("consortium", "join", invitation, "--node", node.name, "--address", node.address, "--title", node.organisation,
                 "--role", "voter")

        def joined():
            for each in first.cli("consortium", "proposals")["items"]:
                if each["state"] == "open":
                    vote(nodes, each["number"])
            return node.name in first.members() and node.height("home") >= first.height("home")

        wait_until(f"{node.organisation} joins", joined)


class Four(unittest.TestCase):
    """One consortium of four for all tests of a class, in the order of their names."""

    init_options = ()

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        if logs := os.environ.get("CHENGXIN_LOGS"):  # where the nodes' logs are wanted
            cls.addClassCleanup(lambda: [shutil.copy(log, logs) for log in pathlib.Path(folder.name).glob("*.log")])
        cls.base = pathlib.Path(folder.name)
        cls.network = Network()
        cls.addClassCleanup(cls.network.close)
        cls.nodes = [Node(cls.network, cls.base) for _ in range(4)]
        for node in cls.nodes:
            cls.addClassCleanup(node.stop)
            node.start()
        found(cls.nodes, cls.base, *cls.init_options)

    def create(self, chain, members):
        self.nodes[0].cli("chain", "create", chain, "--consortium", "--members", ",".join(node.organisation for node in members))
        for node in members[1:]:
            wait_until("the offer", lambda: any(each["name"] == chain for each in node.cli("consortium", "offers")["items"]))
            node.cli("consortium", "accept", chain)
        for node in members:
            wait_until(f"{chain} on {node.name}", lambda: node.height(chain) >= 0)

    def add(self, node, chain, text):
        file = self.base / f"{len(list(self.base.iterdir()))}.txt"
        file.write_bytes(text)
        return node.cli("evidence", "add", file, "--chain", chain, "--wait")["items"][0]

    def certified(self, node, chain):
        shown = node.cli("chain", "show", chain)
        return shown["certified_height"] == shown["height"]


def listen(interface, file):
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    ear.bind((interface, 0))
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    ear.settimeout(0.2)
    with open(file, "wb") as out:
        while going:
            try:
                frame = ear.recv(1 << 17)
            except TimeoutError:
                continue
            out.write(len(frame).to_bytes(4, "big") + frame)


if __name__ == "__main__":
    listen(*sys.argv[1:])

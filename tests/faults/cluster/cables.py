"""The cables between hosts of a test: every host is a network namespace whose only way out is a tunnel device, and a process of ours
carries packets from one to another. So each direction between two hosts can be cut, held, slowed, or made to lose, double,
reorder and damage packets, on any kernel (netem is missing from some) and by a seed.

Run as a program it is that process: commands come as JSON lines, each is answered by a line."""
import collections
import ctypes
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import struct
import subprocess
import sys
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
CLONE_NEWNET = 0x40000000
MTU = 9000
HELD_PACKETS = 5000  # of a direction that is held; more are lost, as in a full queue
NETWORK = "10.77.1"
_libc = ctypes.CDLL(None, use_errno=True)
_own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class inside:
    """This thread in a namespace. Sockets and devices made there stay there."""

    def __init__(self, space):
        self.path = f"/run/netns/{space}"

    def __enter__(self):
        there = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._enter(there)
        finally:
            os.close(there)

    def __exit__(self, *_):
        self._enter(_own)

    @staticmethod
    def _enter(space):
        if _libc.setns(space, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


class Cables:
    """What cluster.Network is to the acceptance tests, with more to break. Needs the right to make namespaces and /dev/net/tun."""

    def __init__(self, seed=0):
        self.spaces, self.lock = [], threading.Lock()
        self.process = subprocess.Popen([sys.executable, __file__, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _tell(self, **command):
        with self.lock:
            self.process.stdin.write(json.dumps(command).encode() + b"\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        if answer != b"{}\n":
            raise AssertionError(f"the cables: {command}: {answer}")

    def add_host(self):
        number = len(self.spaces) + 1
        name = f"cxf{os.getpid()}n{number}"
        subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
        self.spaces.append(name)
        self._tell(add=number, space=name)
        for words in (["link", "set", "lo", "up"], ["address", "add", f"{NETWORK}.{number}/24", "dev", "eth0"],
                      ["link", "set", "eth0", "mtu", str(MTU), "txqueuelen", "5000", "up"]):
            subprocess.run(["ip", "-netns", name, *words], check=True, capture_output=True)
        return number, name

    def set(self, pairs, **rule):
        """From now on packets of these directions (from, to) go by the rule; without one, freely.
        cut, hold: true; delay_ms, jitter_ms; lose, double, reorder, damage: shares of the packets."""
        self._tell(pairs=list(pairs), rule=rule)

    def heal(self):
        self.set(itertools.permutations(range(1, len(self.spaces) + 1), 2))

    def plug(self, number, is_in):
        self.set(around(number, range(1, len(self.spaces) + 1)), **({} if is_in else {"cut": True}))

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()
        for name in self.spaces:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def around(number, everybody):
    """Both directions between a host and the others."""
    return [pair for other in everybody if other != number for pair in ((number, other), (other, number))]


class Switch:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.hosts, self.rules, self.held = {}, {}, collections.defaultdict(collections.deque)
        self.later, self.order = [], itertools.count()
        self.ready = select.epoll()

    def obey(self, command):
        if "add" in command:
            with inside(command["space"]):
                device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TUN | IFF_NO_PI))
            self.hosts[command["add"]] = device
            self.ready.register(device, select.EPOLLIN)
            return
        for pair in map(tuple, command["pairs"]):
            self.rules[pair] = command["rule"]
            if not command["rule"]:
                del self.rules[pair]
            if not command["rule"].get("hold"):
                while self.held[pair]:
                    self._write(pair[1], self.held[pair].popleft())

    def _write(self, number, packet):
        try:
            os.write(self.hosts[number], packet)
        except OSError:
            pass  # the queue of the device is full: lost

    def _carry(self, number, packet):
        other = packet[19]
        if packet[0] >> 4 != 4 or other not in self.hosts or other == number:
            return
        rule = self.rules.get((number, other))
        if rule is None:
            self._write(other, packet)
            return
        if rule.get("cut") or self._happens(rule, "lose"):
            return
        if rule.get("hold"):
            if len(self.held[number, other]) < HELD_PACKETS:
                self.held[number, other].append(packet)
            return
        if self._happens(rule, "damage"):
            damaged = bytearray(packet)
            damaged[self.random.randrange(20, len(packet))] ^= 1 << self.random.randrange(8)
            packet = bytes(damaged)
        copies = 2 if self._happens(rule, "double") else 1
        for _ in range(copies):
            wait = rule.get("delay_ms", 0) + self.random.uniform(0, rule.get("jitter_ms", 0))
            if self._happens(rule, "reorder"):
                wait += self.random.uniform(1, 30)
            heapq.heappush(self.later, (time.monotonic() + wait / 1000, next(self.order), other, packet))

    def _happens(self, rule, what):
        return what in rule and self.random.random() < rule[what]

    def run(self, commands):
        numbers = {}
        self.ready.register(commands, select.EPOLLIN)
        while True:
            wait = max(0, self.later[0][0] - time.monotonic()) if self.later else -1
            for source, _ in self.ready.poll(wait):
                if source == commands:
                    line = sys.stdin.buffer.readline()
                    if not line:
                        return
                    self.obey(json.loads(line))
                    numbers = {device: number for number, device in self.hosts.items()}
                    sys.stdout.write("{}\n")
                    sys.stdout.flush()
                    continue
                for _ in range(64):
                    try:
                        packet = os.read(source, 65536)
                    except BlockingIOError:
                        break
                    self._carry(numbers[source], packet)
            now = time.monotonic()
            while self.later and self.later[0][0] <= now:
                _, _, other, packet = heapq.heappop(self.later)
                self._write(other, packet)


if __name__ == "__main__":
    import signal
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us says when it ends
    Switch(sys.argv[1]).run(sys.stdin.fileno())

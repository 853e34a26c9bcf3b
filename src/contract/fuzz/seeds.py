#!/usr/bin/env python3
"""Writes the seeds of host_fuzz: one for every call of the host, and some that go together (probe.rs reads this notation)."""
import pathlib
import sys

GAS = 2_000_000
FROZEN, EVM = 4, 5  # addresses, beside the probes 1 to 3 (host_fuzz.cpp)


def data(content):
    return bytes([len(content)]) + content if len(content) < 0xf8 else b"\xfd" + len(content).to_bytes(2, "big") + content


def fixed(content):
    return b"\0" + content


def anywhere(at, size):
    return b"\xfe\xfb" + at.to_bytes(4, "big") + b"\xfb" + size.to_bytes(4, "big")


def put(key, value):
    return b"\x05" + data(key) + data(value)


def get(key):
    return b"\x04" + data(key)


def answer(size):
    return bytes([0, 0, 0, size])  # to 0 from 0


def event(topics, content):
    return b"\x08" + data(topics) + data(content)


def revert(content):
    return b"\x03" + data(content)


def call(to, script, thousands=0, read_only=False):
    return b"\x0f" + bytes([to]) + data(script) + b"\xfa" + thousands.to_bytes(2, "big") + bytes([read_only])


def nested(depth):
    script = put(b"deep", b"1")
    for _ in range(depth):
        script = call(1, script)
    return script


TRAP, AGAIN = b"\x18", b"\x17\x0f"
RANGE = b"\x07" + data(b"") + data(b"") + b"\x09"
# SSTORE(0, 1); LOG1; CALL address 1 with no data; SSTORE(1, what it told); RETURN
EVM_CODE = bytes.fromhex("6001600055" "600760206000a1" "60006000600060006000730100000000000000000000000000000000000000620f4240f1" "600155"
                         "60206000f3")
# CREATE of a contract with one byte of code, twice; SSTORE of the addresses
CREATES = bytes.fromhex("69600060005360016000f3600052" "600a60166000f0600055" "600a60166000f0600155")
REVERTS = bytes.fromhex("600160005560006000fd")

SCRIPTS = {
    "state": put(b"a", b"new") + get(b"a") + answer(3) + b"\x06" + data(b"b") + RANGE + answer(40),
    "input_output": b"\x01" + answer(8) + b"\x02" + data(b"told"),
    "events": event(b"t" * 64, b"data") + event(b"", b""),
    "context": b"".join(b"\x09" + bytes([field]) for field in range(6)) + b"\x0a\x0b",
    "accounts": b"\x0c\x09" + data(b"status") + b"\x0d\x09" + data(b"kind") + b"\x0e" + fixed(bytes(32)) + data(b"kind"),
    "digests": b"\x10" + data(b"abc") + b"\x20" + b"\x11" + data(b"abc") + b"\x40",
    "sm2": b"\x12" + fixed(b"\x04" + bytes(64)) + data(b"message") + fixed(bytes(64)),
    "sm4": b"\x13\x01" + fixed(bytes(16)) + fixed(bytes(16)) + data(bytes(32)) + answer(32),
    "evidence": b"\x14" + data(b"bundle") + fixed(bytes(32)),
    "log": b"\x15" + data(b"text"),
    "memory": b"\x16\x02" + b"\x1f\x10" + get(b"a") + b"\x16\xff",
    "wasi": b"\x19\x20\x20" + b"\x1a\x00\x20" + b"\x1b\x00\x01\x60\x01\x40" + b"\x1b\x01\x20\x24" + b"\x1b\x02\x01",
    "revert": put(b"a", b"lost") + revert(b"why"),
    "trap": put(b"a", b"lost") + event(b"", b"lost") + TRAP,
    "no_end": put(b"k", b"lost") + AGAIN,
    "pointers": get(b"a") + b"\x04" + anywhere(0xffffff00, 16),
    "calls": call(2, put(b"a", b"2") + call(1, get(b"a") + put(b"b", b"again"))) + RANGE,
    "undone": put(b"a", b"1") + call(2, put(b"a", b"lost") + call(3, put(b"a", b"too")) + revert(b"no")) + get(b"a"),
    "share": call(2, put(b"a", b"lost") + AGAIN, 50) + put(b"b", b"kept"),
    "read_only": call(2, get(b"a"), read_only=True) + call(2, put(b"a", b"refused"), read_only=True) + get(b"a"),
    "nobody": call(FROZEN, b"") + call(7, b"") + get(b"a"),
    "deepest": nested(18),
}
WITH_EVM = {"evm": EVM_CODE, "evm_creates": CREATES, "evm_reverts": REVERTS}


def seed(script, evm=b"", read_only=False):
    return GAS.to_bytes(4, "big") + bytes([read_only]) + len(evm).to_bytes(2, "big") + evm + script


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, script in SCRIPTS.items():
        (folder / f"{name}.bin").write_bytes(seed(script))
    for name, evm in WITH_EVM.items():
        (folder / f"{name}.bin").write_bytes(seed(call(EVM, b"\x01") + get(b"a"), evm))
    (folder / "only_read.bin").write_bytes(seed(SCRIPTS["calls"], read_only=True))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""64 users at once propose, deploy and call modules that mean harm, over REST, while an ordinary contract is called: each is told a
reason, blocks go on, every good call does what it says, and the node's memory stays bounded."""
import base64
import pathlib
import sys
import threading
import time

import contract_test
import support

THREADS, CALLS = 64, 2
MOST_MEMORY = 768 << 10  # KiB that the node may ever hold
PATIENCE = 400
CONTRACTS = "/api/v1/chains/default/contracts"

INTERFACE = """
function spin()
function recurse() returns (uint64)
function grow()
function write()
function writeAndTrap()
function flood()
function point()
function enter(uint8 depth, address other)
function written() view returns (bool)
"""
SOURCE = """
mod interface;
use chengxin::{abi::Encoder, call, context, crypto, event, require, state, Address};
use interface::Interface;

#[link(wasm_import_module = "chengxin")]
extern "C" { fn put(key: u32, size: u32, value: u32, length: u32); }

pub struct Contract;

fn deep(level: u64) -> u64 {
    if level > context::height() << 32 { return level; }
    deep(level + 1) ^ context::height()
}
fn message(signature: &str, heads: usize, fill: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut arguments = Encoder::new(heads);
    fill(&mut arguments);
    [&crypto::keccak256(signature.as_bytes())[..4], &arguments.finish()].concat()
}
fn fill() {
    let value = vec![7u8; 65_536];
    for number in 0u32.. { state::put(&number.to_be_bytes(), &value); }
}

impl Interface for Contract {
    fn spin() { loop { unsafe { core::ptr::read_volatile(&0u8); } } }
    fn recurse() -> u64 { deep(0) }
    fn grow() {
        let mut at = 0usize;
        loop {
            let page = core::arch::wasm32::memory_grow(0, 16);
            at = if page == usize::MAX { at.wrapping_add(65_536) % (16 << 20) } else { page << 16 };
            unsafe { core::ptr::write_volatile(at as *mut u8, 1); }
        }
    }
    fn write() { fill() }
    fn write_and_trap() {
        state::put(b"k", &[1; 65_536]);
        core::arch::wasm32::unreachable()
    }
    fn flood() {
        let data = vec![1u8; 65_536];
        for _ in 0..16_384 { event(&[[2; 32]; 4], &data); }
    }
    fn point() { unsafe { put(0, 4, 0xffff_fff0, 65_536) } }
    fn enter(depth: u8, other: Address) {
        state::put(&[depth], b"entered");
        let added = call(&other, &message("add(uint64)", 32, |all| { all.put(&1_000u64); }), 0, false);
        require(added.is_ok(), "not reached");
        if depth > 0 {
            let again = message("enter(uint8,address)", 64, |all| { all.put(&(depth - 1)); all.put(&other); });
            let _ = call(&context::own(), &again, 0, false);
        }
        core::arch::wasm32::unreachable()
    }
    fn written() -> bool { !state::range(&[], &[], 1).is_empty() }
}
"""


def leb(number):
    out = b""
    while number > 0x7f:
        out, number = out + bytes([number & 0x7f | 0x80]), number >> 7
    return out + bytes([number])


def sized(content):
    return leb(len(content)) + content


def vector(*items):
    return leb(len(items)) + b"".join(items)


def module(*functions, table=0, start=None, imported=None, exports=None, locals_=0):
    """WebAssembly of functions without parameters and results, given as their instructions; the first is chengxin_call."""
    exports = {"chengxin_call": 0, **(exports or {})}
    shift = 1 if imported else 0
    sections = {
        1: vector(b"\x60\x00\x00"),
        2: vector(sized(b"chengxin") + sized(imported) + b"\x00\x00") if imported else None,
        3: vector(*[b"\x00"] * len(functions)),
        4: vector(b"\x70\x00" + leb(table)) if table else None,
        5: vector(b"\x00\x01"),
        7: vector(sized(b"memory") + b"\x02\x00", *[sized(name.encode()) + b"\x00" + leb(at + shift) for name, at in exports.items()]),
        8: leb(start + shift) if start is not None else None,
        10: vector(*[sized((vector(leb(locals_) + b"\x7f") if locals_ else b"\x00") + body + b"\x0b") for body in functions]),
    }
    return b"\0asm\x01\0\0\0" + b"".join(bytes([number]) + sized(content) for number, content in sections.items() if content is not None)


NOTHING, TRAP, NO_END = b"", b"\x00", b"\x03\x40\x0c\x00\x0b"
# Refused when they are proposed.
REFUSED = {
    "contract.scan.too_large": [module(NOTHING, table=70_000), module(NOTHING, locals_=2_001), module(NOTHING, locals_=0xffffffff),
                                module(b"\x03\x40" * 60 + b"\x0b" * 60)],
    "contract.scan.start_function": [module(NOTHING, TRAP, start=1)],
    "contract.scan.import": [module(NOTHING, imported=b"no_such_thing")],
    "contract.scan.initialise": [module(NOTHING, TRAP, exports={"_initialize": 1}), module(NOTHING, NO_END, exports={"_initialize": 1})],
    "contract.scan.opcode": [module(b"\xfd\x0c" + bytes(16) + b"\x1a"), module(b"\xfe\x03\x00")],
    "contract.scan.invalid": [module(b"\x1a"), b"\0asm\x01\0\0\0\x0a\xff\xff\xff\xff\x0f"],
}
# Deployed, and then they do what they are for.
CALLED = {
    "spin": "contract.out_of_gas",
    "recurse": "contract.trap.stack",
    "grow": "contract.out_of_gas",
    "write": "contract.out_of_gas",
    "writeAndTrap": "contract.trap.unreachable",
    "flood": "contract.event_limit",
    "point": "contract.trap.pointer",
    "enter": "contract.trap.unreachable",
}


def package(code, interface="[]"):
    """The protobuf of a package (docs/formats/contract.md)."""
    fields = [b"\x08\x01", b"\x12" + sized(code), b"\x1a" + sized(interface.encode()), b"\x22" + sized(bytes(32)), b"\x2a" + sized(b"none")]
    return base64.b64encode(b"".join(fields)).decode()


def parts(content):
    """Code and interface of a package."""
    found, at = {}, 2
    while at < len(content):
        tag, size, shift, at = content[at], 0, 0, at + 1
        while True:
            byte, at = content[at], at + 1
            size, shift = size | (byte & 0x7f) << shift, shift + 7
            if byte < 0x80:
                break
        found[tag >> 3], at = content[at:at + size], at + size
    return found[2], found[3].decode()


def memory(process, name):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name + ":"))


class Client(threading.Thread):
    """One user with a connection of his own. What he was told is in `told`: (what he did, reason); in `wrong` what went wrong."""

    def __init__(self, platform, work):
        super().__init__(daemon=True)
        self.platform, self.work = platform, work
        self.told, self.wrong = [], None

    def run(self):
        try:
            self.work(self)
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.wrong = repr(error)

    def post(self, path, body):
        """Reason (None: done) and answer, also when the platform says that it comes later."""
        connection = self.platform.connect(timeout=PATIENCE)
        try:
            status, _, answer = self.platform.request("POST", path, body, connection=connection)
        finally:
            connection.close()
        if status == 202:
            return self.later(answer["transaction"])
        return (None if status in (200, 201) else answer["reason"]), answer

    def later(self, transaction):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            status, _, answer = self.platform.request("GET", f"/api/v1/chains/default/transactions/{transaction}")
            if status == 200:
                accepted = answer["receipt"]["accepted"]
                return (None if accepted else base64.b64decode(answer["output"]).decode()), answer
            time.sleep(0.2)
        raise AssertionError(f"{transaction} has no receipt")

    def done(self, path, body):
        reason, answer = self.post(path, body)
        if reason:
            raise AssertionError(f"{path}: {reason} {answer}")
        return answer

    def deploy(self, name, content):
        self.done(CONTRACTS, {"name": name, "package": content})
        self.done(f"{CONTRACTS}/{name}/approve", {})
        return self.post(f"{CONTRACTS}/{name}/deploy", {})[0]


class Hostile(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = contract_test.meter(cls.base / "meter", most=1_000_000)
        cls.good = contract_test.package(contract_test.build(folder))
        folder = contract_test.write_project(cls.base / "hostile", "hostile", "rust", {"interface.abi": INTERFACE, "contract.rs": SOURCE})
        cls.code, cls.interface = parts(contract_test.package(contract_test.build(folder)).read_bytes())

    def variant(self, number):
        """The hostile module as one that nobody has compiled before: a section more, which nothing reads."""
        return package(self.code + b"\x00" + sized(sized(b"variant") + str(number).encode()), self.interface)

    def calls(self, number, method):
        def work(client):
            name = f"hostile-{number}"
            client.told.append(("deploy", client.deploy(name, self.variant(number))))
            arguments = {"depth": "9", "other": self.meter_address} if method == "enter" else {}
            for _ in range(CALLS):
                client.told.append((method, client.post(f"{CONTRACTS}/{name}/call/{method}", arguments)[0]))
            client.told.append(("written", client.done(f"{CONTRACTS}/{name}/query/written", [])["result"]))

        return work

    def refusals(self, number, reason, code):
        def work(client):
            client.told.append((reason, client.post(CONTRACTS, {"name": f"refused-{number}", "package": package(code)})[0]))

        return work

    def constructor(self, number):
        def work(client):
            code = module(NOTHING, NO_END, exports={"chengxin_deploy": 1})
            client.told.append(("constructor", client.deploy(f"endless-{number}", package(code))))

        return work

    def works(self):
        """For each thread what it does and what it has to be told."""
        out = [(self.refusals(i, reason, code), [(reason, reason)])
               for i, (reason, code) in enumerate((reason, code) for reason, codes in REFUSED.items() for code in codes)]
        out += [(self.constructor(i), [("constructor", "contract.out_of_gas")]) for i in range(3)]
        methods = list(CALLED)
        while len(out) < THREADS:
            method = methods[len(out) % len(methods)]
            out.append((self.calls(len(out), method), [("deploy", None), *[(method, CALLED[method])] * CALLS, ("written", False)]))
        return out

    def test_64_at_once_harm_nobody(self):
        self.platform.post(CONTRACTS, {"name": "good", "package": base64.b64encode(self.good.read_bytes()).decode()})
        self.platform.post(f"{CONTRACTS}/good/approve", {})
        self.meter_address = self.platform.post(f"{CONTRACTS}/good/deploy", {"arguments": ["5"]})["address"]
        height = self.platform.get("/api/v1/chains/default")["height"]
        over = threading.Event()

        def honest(client):
            while not over.is_set() or len(client.told) < 2:
                client.told.append(client.done(f"{CONTRACTS}/good/call/add", {"by": "3"}))
                digest = f"{len(client.told) + (id(client) << 64):064x}"
                self.platform.post("/api/v1/evidence?wait=receipt", {"digest": digest}, expected=(201, 202))

        works = self.works()
        self.assertEqual(len(works), THREADS)
        hostile = [Client(self.platform, work) for work, _ in works]
        honest_ones = [Client(self.platform, honest) for _ in range(2)]
        for client in honest_ones + hostile:
            client.start()
        for client in hostile:
            client.join(PATIENCE)
        over.set()
        for client in honest_ones:
            client.join(PATIENCE)
        for client, (_, expected) in zip(hostile, works):
            self.assertEqual((client.wrong, client.told), (None, expected))
        self.assertEqual([client.wrong for client in honest_ones], [None, None])
        good = sum(len(client.told) for client in honest_ones)
        with self.subTest("good calls did what they say, and hostile ones that called the good contract did nothing"):
            self.assertEqual(self.platform.post(f"{CONTRACTS}/good/query/value", [])["result"], str(5 + 3 * good))
        with self.subTest("blocks went on, and the next call is as any other"):
            self.assertGreater(self.platform.get("/api/v1/chains/default")["height"], height + 5)
            self.assertEqual(self.platform.post(f"{CONTRACTS}/good/call/add", {"by": "1"})["result"], str(6 + 3 * good))
        with self.subTest("memory stays bounded"):
            most = memory(self.platform.process, "VmHWM")
            print(f"most memory {most >> 10} MiB, {good} good calls, blocks to {self.platform.get('/api/v1/chains/default')['height']}")
            self.assertLess(most, MOST_MEMORY)


if __name__ == "__main__":
    sys.exit(support.run_tests("acceptance_hostile"))

//! The ceiling of the EVM engine: the transfers of tests/oracle/geth, on a state that is a hash map in memory.
//!
//!     cargo run --release --example transfers -- ARTIFACTS [BLOCKS [TRANSFERS [ACCOUNTS]]]
//!
//! ARTIFACTS is what tests/solidity/compile.mjs writes. Gas must be that of the peer.

use chengxin_sandbox::abi::{self, Buffer, Bytes, Context, Host, Message, Outcome, Verdict};
use chengxin_sandbox::{cx_copy, evm::*};
use revm::primitives::{hex, Address, HashMap, U256};
use std::ffi::c_void;
use std::time::Instant;

const GAS_LIMIT: u64 = 1_000_000;
const OWNER: [u8; 20] = [0xee; 20];
const TOKEN: [u8; 20] = [0x70; 20];

#[derive(Default)]
struct State {
    slots: HashMap<[u8; 32], [u8; 32]>,
    code: Vec<u8>,
    events: u64,
}

fn state<'a>(this: *mut c_void) -> &'a mut State {
    unsafe { &mut *(this as *mut State) }
}

fn word(bytes: Bytes) -> [u8; 32] {
    unsafe { bytes.slice() }.try_into().expect("keys and values are words")
}

extern "C" fn get(this: *mut c_void, key: Bytes, value: *mut Buffer) -> Verdict {
    let Some(found) = state(this).slots.get(&word(key)) else { return abi::ABSENT };
    unsafe { *value = cx_copy(Bytes::of(found)) };
    abi::OK
}

extern "C" fn set(this: *mut c_void, key: Bytes, value: *const Bytes) -> Verdict {
    match unsafe { value.as_ref() } {
        None => drop(state(this).slots.remove(&word(key))),
        Some(value) => drop(state(this).slots.insert(word(key), word(*value))),
    }
    abi::OK
}

extern "C" fn event(this: *mut c_void, _: *const u8, _: u32, _: Bytes) -> Verdict {
    state(this).events += 1;
    abi::OK
}

extern "C" fn range(_: *mut c_void, _: Bytes, _: Bytes, _: u32, _: *mut u64, _: *mut Buffer) -> Verdict {
    abi::FAULT
}

extern "C" fn ask(this: *mut c_void, question: u32, _: Bytes, answer: *mut Buffer) -> Verdict {
    assert_eq!(question, abi::ASK_CODE);
    unsafe { *answer = cx_copy(Bytes::of(&state(this).code)) };
    abi::OK
}

extern "C" fn call(_: *mut c_void, _: *const Message, _: *mut Outcome) -> Verdict {
    abi::FAULT
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn account(number: u64) -> [u8; 20] {
    let mut address = [0; 20];
    address[0] = 0xac;
    address[12..].copy_from_slice(&number.to_be_bytes());
    address
}

fn transfer(to: [u8; 20], amount: u64) -> Vec<u8> {
    let mut selector = [0; 4];
    unsafe { cx_selector(Bytes::of(b"transfer(address,uint256)"), &mut selector) };
    [&selector[..], Address::from(to).into_word().as_slice(), &U256::from(amount).to_be_bytes::<32>()].concat()
}

struct Chain {
    evm: *mut Machine,
    context: Context,
    host: Host,
}

impl Chain {
    fn new(state: *mut State) -> Self {
        let context = Context {
            self_address: TOKEN,
            caller: OWNER,
            origin: OWNER,
            height: 1,
            time_ms: 1000,
            protocol: 1,
            ..Context::default()
        };
        let host = Host { context: state.cast(), get, set, range, event, ask, call, log: None };
        Self { evm: cx_evm_new(), context, host }
    }

    fn done(outcome: Outcome) -> (u64, Vec<u8>) {
        assert_eq!(outcome.ending, abi::RETURNED);
        (outcome.gas_used, unsafe { outcome.output.take() })
    }

    fn deploy(&mut self, creation: &[u8]) -> Vec<u8> {
        let input = Bytes::of(creation);
        let message = Message { kind: abi::CREATE, to: [0; 20], salt: [0; 32], input, gas: 10 * GAS_LIMIT };
        unsafe {
            cx_evm_begin(self.evm, &OWNER, &TOKEN);
            Self::done(cx_evm_create(self.evm, &self.context, &self.host, &message)).1
        }
    }

    /// Gas of a transaction.
    fn transact(&mut self, from: [u8; 20], data: &[u8]) -> u64 {
        self.context.caller = from;
        self.context.origin = from;
        let message = Message { kind: abi::CALL, to: TOKEN, salt: [0; 32], input: Bytes::of(data), gas: GAS_LIMIT };
        unsafe {
            cx_evm_begin(self.evm, &from, &TOKEN);
            Self::done(cx_evm_call(self.evm, &[1; 32], &self.context, &self.host, &message)).0
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| arguments.get(at).map_or(otherwise, |text| text.parse().expect("a number"));
    let (blocks, transfers, accounts) = (number(1, 50), number(2, 2000), number(3, 10_000));
    let text = std::fs::read_to_string(&arguments[0]).expect("the artifacts can be read");
    let artifacts: serde_json::Value = serde_json::from_str(&text).expect("the artifacts are JSON");
    let creation = hex::decode(artifacts["Token"]["creation"].as_str().expect("a token")).expect("hexadecimal");

    let state = Box::into_raw(Box::<State>::default());
    let mut machine = Chain::new(state);
    let code = machine.deploy(&creation);
    unsafe { (*state).code = code };
    for number in 0..accounts {
        machine.transact(OWNER, &transfer(account(number), 1_000_000));
    }
    let mut random = Random(6);
    let mut gas = 0;
    let started = Instant::now();
    for _ in 0..blocks * transfers {
        let (from, to) = (account(random.next() % accounts), account(random.next() % accounts));
        gas += machine.transact(from, &transfer(to, 1));
    }
    let count = blocks * transfers;
    let per_second = count as f64 / started.elapsed().as_secs_f64();
    let report = serde_json::json!({
        "engine": "evm", "cores": 1, "accounts": accounts, "transfers": count,
        "transfers_per_second": per_second.round(), "gas": gas,
    });
    println!("{report}");
}

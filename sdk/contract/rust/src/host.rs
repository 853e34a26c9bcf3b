//! The host, one function for each of its imports, in Rust's types.

use crate::abi::{Abi, Address, Encoder};
use crate::u256::U256;

mod import {
    #[link(wasm_import_module = "chengxin")]
    extern "C" {
        pub fn answer(to: *mut u8, from: usize, length: usize);
        pub fn input() -> i32;
        pub fn output(at: *const u8, length: usize);
        pub fn revert(at: *const u8, length: usize) -> !;
        pub fn get(key: *const u8, length: usize) -> i32;
        pub fn put(key: *const u8, length: usize, value: *const u8, value_length: usize);
        pub fn erase(key: *const u8, length: usize);
        pub fn range(from: *const u8, length: usize, to: *const u8, to_length: usize, limit: usize) -> i32;
        pub fn event(topics: *const u8, count: usize, data: *const u8, length: usize);
        pub fn context(field: u32) -> i32;
        pub fn height() -> u64;
        pub fn time_ms() -> u64;
        pub fn attribute(address: *const u8, name: *const u8, length: usize) -> i32;
        pub fn credential(address: *const u8, kind: *const u8, length: usize) -> i32;
        pub fn approval(subject: *const u8, kind: *const u8, length: usize) -> i32;
        pub fn call(address: *const u8, data: *const u8, length: usize, gas: u64, read_only: u32) -> i32;
        pub fn sm3(at: *const u8, length: usize, to: *mut u8);
        pub fn keccak256(at: *const u8, length: usize, to: *mut u8);
        pub fn sm2_verify(key: *const u8, at: *const u8, length: usize, signature: *const u8) -> i32;
        pub fn sm4_cbc(encrypt: u32, key: *const u8, iv: *const u8, at: *const u8, length: usize) -> i32;
        pub fn evidence(bundle: *const u8, length: usize, digest: *const u8) -> i32;
        pub fn log(at: *const u8, length: usize);
    }
}

fn answer(length: i32) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    let mut bytes = vec![0; length];
    unsafe { import::answer(bytes.as_mut_ptr(), 0, length) };
    Some(bytes)
}

pub fn input() -> Vec<u8> {
    answer(unsafe { import::input() }).unwrap_or_default()
}

/// The return data; what is set last counts.
pub fn output(bytes: &[u8]) {
    unsafe { import::output(bytes.as_ptr(), bytes.len()) }
}

/// Ends the call; state and events are as if it had never been made.
pub fn revert(data: &[u8]) -> ! {
    unsafe { import::revert(data.as_ptr(), data.len()) }
}

/// Reverts with `Error(string)`, as Solidity's `require(false, reason)`.
pub fn fail(reason: &str) -> ! {
    revert_with([0x08, 0xc3, 0x79, 0xa0], 32, |data| {
        data.put(&String::from(reason));
    })
}

pub fn require(condition: bool, reason: &str) {
    if !condition {
        fail(reason)
    }
}

/// Reverts with `Panic(uint256)`, as Solidity does on overflow (0x11) and division by zero (0x12).
pub fn panic(code: u64) -> ! {
    revert_with([0x4e, 0x48, 0x7b, 0x71], 32, |data| {
        data.put(&U256::from(code));
    })
}

/// Reverts with an error of the interface; generated code calls it.
pub fn revert_with(selector: [u8; 4], heads: usize, fill: impl FnOnce(&mut Encoder)) -> ! {
    let mut encoder = Encoder::new(heads);
    fill(&mut encoder);
    let mut data = selector.to_vec();
    data.extend(encoder.finish());
    revert(&data)
}

pub fn event(topics: &[[u8; 32]], data: &[u8]) {
    unsafe { import::event(topics.as_ptr() as *const u8, topics.len(), data.as_ptr(), data.len()) }
}

/// For people who debug; nothing of it stays.
pub fn log(text: &str) {
    unsafe { import::log(text.as_ptr(), text.len()) }
}

/// The state of this contract: keys of up to 256 bytes, in byte order.
pub mod state {
    use super::{answer, import};

    pub fn get(key: &[u8]) -> Option<Vec<u8>> {
        answer(unsafe { import::get(key.as_ptr(), key.len()) })
    }
    pub fn put(key: &[u8], value: &[u8]) {
        unsafe { import::put(key.as_ptr(), key.len(), value.as_ptr(), value.len()) }
    }
    pub fn erase(key: &[u8]) {
        unsafe { import::erase(key.as_ptr(), key.len()) }
    }

    /// Entries with from ≤ key < to, at most `limit` (1,000); an empty `to` is the end. Only when nothing comes is
    /// there no more: go on from the last key with a zero byte behind it.
    pub fn range(from: &[u8], to: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let length = unsafe { import::range(from.as_ptr(), from.len(), to.as_ptr(), to.len(), limit) };
        let bytes = answer(length).unwrap_or_default();
        let mut rest = &bytes[..];
        let count = number(&mut rest);
        (0..count).map(|_| (sized(&mut rest), sized(&mut rest))).collect()
    }

    fn number(rest: &mut &[u8]) -> usize {
        let (four, behind) = rest.split_at(4);
        *rest = behind;
        u32::from_be_bytes([four[0], four[1], four[2], four[3]]) as usize
    }
    fn sized(rest: &mut &[u8]) -> Vec<u8> {
        let length = number(rest);
        let (taken, behind) = rest.split_at(length);
        *rest = behind;
        taken.to_vec()
    }
}

/// Typed values of the state under one prefix, each under the ABI encoding of its key. The values' encoding is the
/// ABI's too, so what another language wrote can be read.
pub struct Map<K, V> {
    prefix: &'static str,
    types: core::marker::PhantomData<(K, V)>,
}

impl<K: Abi, V: Abi> Map<K, V> {
    pub const fn new(prefix: &'static str) -> Map<K, V> {
        Map { prefix, types: core::marker::PhantomData }
    }
    fn at(&self, key: &K) -> Vec<u8> {
        [self.prefix.as_bytes(), &crate::abi::encode(key)].concat()
    }
    pub fn get(&self, key: &K) -> Option<V> {
        state::get(&self.at(key)).map(|value| crate::abi::decode(&value))
    }
    pub fn put(&self, key: &K, value: &V) {
        state::put(&self.at(key), &crate::abi::encode(value))
    }
    pub fn erase(&self, key: &K) {
        state::erase(&self.at(key))
    }
}

/// One typed value of the state.
pub struct Value<V> {
    key: &'static str,
    types: core::marker::PhantomData<V>,
}

impl<V: Abi> Value<V> {
    pub const fn new(key: &'static str) -> Value<V> {
        Value { key, types: core::marker::PhantomData }
    }
    pub fn get(&self) -> Option<V> {
        state::get(self.key.as_bytes()).map(|value| crate::abi::decode(&value))
    }
    pub fn put(&self, value: &V) {
        state::put(self.key.as_bytes(), &crate::abi::encode(value))
    }
}

/// Who called, and where.
pub mod context {
    use super::{answer, import, Address};

    fn field<const N: usize>(field: u32) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&answer(unsafe { import::context(field) }).unwrap_or_default());
        out
    }
    /// Who called: an account or a contract.
    pub fn caller() -> Address {
        Address(field(0))
    }
    /// The account that signed the transaction.
    pub fn origin() -> Address {
        Address(field(1))
    }
    /// This contract's own address.
    pub fn own() -> Address {
        Address(field(2))
    }
    pub fn chain() -> [u8; 32] {
        field(3)
    }
    pub fn transaction() -> [u8; 32] {
        field(4)
    }
    /// The name of the contract that called; empty when an account did.
    pub fn caller_name() -> String {
        String::from_utf8(answer(unsafe { import::context(5) }).unwrap_or_default()).unwrap_or_default()
    }
    /// Of the block.
    pub fn height() -> u64 {
        unsafe { import::height() }
    }
    /// Of the block.
    pub fn time_ms() -> u64 {
        unsafe { import::time_ms() }
    }
}

/// What the platform knows of accounts; None when there is nothing.
pub mod account {
    use super::{answer, import, Address};

    pub fn attribute(of: &Address, name: &str) -> Option<Vec<u8>> {
        answer(unsafe { import::attribute(of.0.as_ptr(), name.as_ptr(), name.len()) })
    }
    pub fn has_role(of: &Address, role: &str) -> bool {
        attribute(of, &["role:", role].concat()).is_some()
    }
    pub fn credential(of: &Address, kind: &str) -> Option<Vec<u8>> {
        answer(unsafe { import::credential(of.0.as_ptr(), kind.as_ptr(), kind.len()) })
    }
    pub fn approval(subject: &[u8; 32], kind: &str) -> Option<Vec<u8>> {
        answer(unsafe { import::approval(subject.as_ptr(), kind.as_ptr(), kind.len()) })
    }
}

/// Calls another contract with at most so much gas (0: 63/64 of what is left). Ok holds its return data, Err its
/// revert data, empty when it ended otherwise.
pub fn call(to: &Address, data: &[u8], gas: u64, read_only: bool) -> Result<Vec<u8>, Vec<u8>> {
    let length = unsafe { import::call(to.0.as_ptr(), data.as_ptr(), data.len(), gas, read_only as u32) };
    if length >= 0 {
        Ok(answer(length).unwrap_or_default())
    } else {
        Err(answer(-1 - length).unwrap_or_default())
    }
}

/// Calls a function of another contract; what that reverts with, this call reverts with. Generated code calls it.
pub fn call_or_revert(to: &Address, selector: [u8; 4], arguments: Encoder, read_only: bool) -> Vec<u8> {
    let mut data = selector.to_vec();
    data.extend(arguments.finish());
    call(to, &data, 0, read_only).unwrap_or_else(|reason| revert(&reason))
}

pub mod crypto {
    use super::{answer, import};

    pub fn sm3(message: &[u8]) -> [u8; 32] {
        let mut digest = [0; 32];
        unsafe { import::sm3(message.as_ptr(), message.len(), digest.as_mut_ptr()) };
        digest
    }
    pub fn keccak256(message: &[u8]) -> [u8; 32] {
        let mut digest = [0; 32];
        unsafe { import::keccak256(message.as_ptr(), message.len(), digest.as_mut_ptr()) };
        digest
    }
    /// Key 4 || x || y, signature r || s.
    pub fn sm2_verify(key: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool {
        unsafe { import::sm2_verify(key.as_ptr(), message.as_ptr(), message.len(), signature.as_ptr()) == 1 }
    }
    /// None when the length is no multiple of 16.
    pub fn sm4_cbc(encrypt: bool, key: &[u8; 16], iv: &[u8; 16], data: &[u8]) -> Option<Vec<u8>> {
        let (key, iv) = (key.as_ptr(), iv.as_ptr());
        answer(unsafe { import::sm4_cbc(encrypt as u32, key, iv, data.as_ptr(), data.len()) })
    }
    /// Whether a .cxproof bundle proves the digest on this chain.
    pub fn evidence(bundle: &[u8], digest: &[u8; 32]) -> bool {
        unsafe { import::evidence(bundle.as_ptr(), bundle.len(), digest.as_ptr()) == 1 }
    }
}

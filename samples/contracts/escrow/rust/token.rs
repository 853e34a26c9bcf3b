//! Made from a contract's interface by `chengxin contract generate rust-caller`: do not edit.
#![allow(dead_code, unused_imports)]

use chengxin::abi::{self, Decoder, Encoder};
use chengxin::*;

/// The contract at an address, for another to call. What it reverts with, the caller reverts with.
pub struct Token(pub Address);

impl Token {
    pub fn allowance(&self, owner: Address, spender: Address) -> U256 {
        let mut cx_data = Encoder::new(64);
        cx_data.put(&owner);
        cx_data.put(&spender);
        let cx_answer = call_or_revert(&self.0, *b"\xdd\x62\xed\x3e", cx_data, true);
        let mut cx_results = Decoder::new(&cx_answer, 32);
        let r0 = cx_results.take();
        cx_results.end();
        r0
    }
    /// Lets the spender move so many tokens of the caller.
    pub fn approve(&self, spender: Address, value: U256) -> bool {
        let mut cx_data = Encoder::new(64);
        cx_data.put(&spender);
        cx_data.put(&value);
        let cx_answer = call_or_revert(&self.0, *b"\x09\x5e\xa7\xb3", cx_data, false);
        let mut cx_results = Decoder::new(&cx_answer, 32);
        let r0 = cx_results.take();
        cx_results.end();
        r0
    }
    pub fn balance_of(&self, owner: Address) -> U256 {
        let mut cx_data = Encoder::new(32);
        cx_data.put(&owner);
        let cx_answer = call_or_revert(&self.0, *b"\x70\xa0\x82\x31", cx_data, true);
        let mut cx_results = Decoder::new(&cx_answer, 32);
        let r0 = cx_results.take();
        cx_results.end();
        r0
    }
    pub fn decimals(&self) -> u8 {
        let cx_data = Encoder::new(0);
        let cx_answer = call_or_revert(&self.0, *b"\x31\x3c\xe5\x67", cx_data, true);
        let mut cx_results = Decoder::new(&cx_answer, 32);
        let r0 = cx_results.take();
        cx_results.end();
        r0
    }
    pub fn name(&self) -> String {
        let cx_data = Encoder::new(0);
        let cx_answer = call_or_revert(&self.0, *b"\x06\xfd\xde\x03", cx_data, true);
        let mut cx_results = Decoder::new(&cx_answer, 32);
        let r0 = cx_results.take();
        cx_results.end();
        r0
    }
    pub fn symbol(&self) -> String {
        let cx_data = Encoder::new(0);
        let cx_answer = call_or_revert(&self.0, *b"\x95\xd8\x9b\x41", cx_data, true);
        let mut cx_results = Decoder::new(&cx_answer, 32);
        let r0 = cx_results.take();
        cx_results.end();
        r0
    }
    pub fn total_supply(&self) -> U256 {
        let cx_data = Encoder::new(0);
        let cx_answer = call_or_revert(&self.0, *b"\x18\x16\x0d\xdd", cx_data, true);
        let mut cx_results = Decoder::new(&cx_answer, 32);
        let r0 = cx_results.take();
        cx_results.end();
        r0
    }
    /// Moves tokens of the caller.
    pub fn transfer(&self, to: Address, value: U256) -> bool {
        let mut cx_data = Encoder::new(64);
        cx_data.put(&to);
        cx_data.put(&value);
        let cx_answer = call_or_revert(&self.0, *b"\xa9\x05\x9c\xbb", cx_data, false);
        let mut cx_results = Decoder::new(&cx_answer, 32);
        let r0 = cx_results.take();
        cx_results.end();
        r0
    }
    /// Moves tokens of another who approved it; all ones is an approval without end.
    pub fn transfer_from(&self, from: Address, to: Address, value: U256) -> bool {
        let mut cx_data = Encoder::new(96);
        cx_data.put(&from);
        cx_data.put(&to);
        cx_data.put(&value);
        let cx_answer = call_or_revert(&self.0, *b"\x23\xb8\x72\xdd", cx_data, false);
        let mut cx_results = Decoder::new(&cx_answer, 32);
        let r0 = cx_results.take();
        cx_results.end();
        r0
    }
}

//! Made from a contract's interface by `chengxin contract generate rust`: do not edit.
#![allow(dead_code, unused_imports)]

use chengxin::abi::{self, Decoder, Encoder};
use chengxin::*;

chengxin::abi_struct! {
    #[derive(Clone, PartialEq, Eq)]
    pub struct Inner {
        pub a: u16,
        pub b: FixedBytes<5>,
    }
}

chengxin::abi_struct! {
    #[derive(Clone, PartialEq, Eq)]
    pub struct Outer {
        pub text: String,
        pub inner: Vec<Inner>,
        pub pair: [Inner; 2],
    }
}

/// What `Contract`, in the root of the crate, does.
pub trait Interface {
    fn account(who: Address, role: String, name: String) -> (bool, Bytes);
    fn calculate(a: U256, b: U256) -> (U256, U256);
    fn digests(message: Bytes) -> (Bytes32, Bytes32);
    fn divide(a: U256, b: U256) -> (U256, U256);
    fn fail(reason: String);
    fn proven(bundle: Bytes, digest: Bytes32) -> bool;
    fn subtract(a: U256, b: U256) -> U256;
    fn tails(a: String, b: Bytes, c: Vec<u16>, d: Vec<String>, e: [bool; 2], f: [String; 2], g: Vec<[u8; 2]>, h: Outer, i: Vec<Outer>) -> (String, Bytes, Vec<u16>, Vec<String>, [bool; 2], [String; 2], Vec<[u8; 2]>, Outer, Vec<Outer>);
    fn verify(x: Bytes32, y: Bytes32, message: Bytes, r: Bytes32, s: Bytes32) -> bool;
    fn who() -> (Address, Address, u64, u64);
    fn words(a: u8, b: u16, c: u32, d: u64, e: U256, f: i8, g: i16, h: i32, i: i64, j: bool, k: Address, l: FixedBytes<4>, m: Bytes32) -> (u8, u16, u32, u64, U256, i8, i16, i32, i64, bool, Address, FixedBytes<4>, Bytes32);
}

#[no_mangle]
pub extern "C" fn chengxin_call() {
    let input = input();
    if input.len() < 4 {
        revert(&[])
    }
    match &input[..4] {
        // account(address,string,string)
        b"\x81\x61\xed\x31" => {
            let mut arguments = Decoder::new(&input[4..], 96);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::account(a0, a1, a2);
            let mut results = Encoder::new(64);
            results.put(&result.0);
            results.put(&result.1);
            output(&results.finish());
        }
        // calculate(uint256,uint256)
        b"\x8d\xfa\x43\x63" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::calculate(a0, a1);
            let mut results = Encoder::new(64);
            results.put(&result.0);
            results.put(&result.1);
            output(&results.finish());
        }
        // digests(bytes)
        b"\xd0\x34\x2b\xc2" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::digests(a0);
            let mut results = Encoder::new(64);
            results.put(&result.0);
            results.put(&result.1);
            output(&results.finish());
        }
        // divide(uint256,uint256)
        b"\xf8\x8e\x9f\xbf" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::divide(a0, a1);
            let mut results = Encoder::new(64);
            results.put(&result.0);
            results.put(&result.1);
            output(&results.finish());
        }
        // fail(string)
        b"\x78\x12\x2f\x3a" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            <crate::Contract as Interface>::fail(a0);
        }
        // proven(bytes,bytes32)
        b"\x2c\x92\xce\xc8" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::proven(a0, a1);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // subtract(uint256,uint256)
        b"\x3e\xf5\xe4\x45" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::subtract(a0, a1);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // tails(string,bytes,uint16[],string[],bool[2],string[2],uint8[2][],(string,(uint16,bytes5)[],(uint16,bytes5)[2]),(string,(uint16,bytes5)[],(uint16,bytes5)[2])[])
        b"\xb0\x6d\xfd\x39" => {
            let mut arguments = Decoder::new(&input[4..], 320);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            let a3 = arguments.take();
            let a4 = arguments.take();
            let a5 = arguments.take();
            let a6 = arguments.take();
            let a7 = arguments.take();
            let a8 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::tails(a0, a1, a2, a3, a4, a5, a6, a7, a8);
            let mut results = Encoder::new(320);
            results.put(&result.0);
            results.put(&result.1);
            results.put(&result.2);
            results.put(&result.3);
            results.put(&result.4);
            results.put(&result.5);
            results.put(&result.6);
            results.put(&result.7);
            results.put(&result.8);
            output(&results.finish());
        }
        // verify(bytes32,bytes32,bytes,bytes32,bytes32)
        b"\x77\xb4\xf6\x3d" => {
            let mut arguments = Decoder::new(&input[4..], 160);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            let a3 = arguments.take();
            let a4 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::verify(a0, a1, a2, a3, a4);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // who()
        b"\xd6\xd2\x1d\xfd" => {
            Decoder::new(&input[4..], 0).end();
            let result = <crate::Contract as Interface>::who();
            let mut results = Encoder::new(128);
            results.put(&result.0);
            results.put(&result.1);
            results.put(&result.2);
            results.put(&result.3);
            output(&results.finish());
        }
        // words(uint8,uint16,uint32,uint64,uint256,int8,int16,int32,int64,bool,address,bytes4,bytes32)
        b"\x49\x97\x35\x8c" => {
            let mut arguments = Decoder::new(&input[4..], 416);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            let a3 = arguments.take();
            let a4 = arguments.take();
            let a5 = arguments.take();
            let a6 = arguments.take();
            let a7 = arguments.take();
            let a8 = arguments.take();
            let a9 = arguments.take();
            let a10 = arguments.take();
            let a11 = arguments.take();
            let a12 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::words(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12);
            let mut results = Encoder::new(416);
            results.put(&result.0);
            results.put(&result.1);
            results.put(&result.2);
            results.put(&result.3);
            results.put(&result.4);
            results.put(&result.5);
            results.put(&result.6);
            results.put(&result.7);
            results.put(&result.8);
            results.put(&result.9);
            results.put(&result.10);
            results.put(&result.11);
            results.put(&result.12);
            output(&results.finish());
        }
        _ => revert(&[]),
    }
}

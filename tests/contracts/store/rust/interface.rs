//! Made from a contract's interface by `chengxin contract generate rust`: do not edit.
#![allow(dead_code, unused_imports)]

use chengxin::abi::{self, Decoder, Encoder};
use chengxin::*;

/// What `Contract`, in the root of the crate, does.
pub trait Interface {
    fn caller() -> (Address, String, Address);
    fn encrypt(forward: bool, key: FixedBytes<16>, iv: FixedBytes<16>, data: Bytes) -> (bool, Bytes);
    fn entries(from: Bytes, to: Bytes, limit: u32) -> (Vec<Bytes>, Vec<Bytes>);
    fn erase(key: Bytes);
    /// Emits so many events of so many bytes.
    fn flood(count: u32, size: u32);
    fn get(key: Bytes) -> (bool, Bytes);
    fn put(key: Bytes, value: Bytes);
    /// Calls another contract, and tells how that ended.
    fn relay(to: Address, data: Bytes, read_only: bool) -> (bool, Bytes);
}

#[no_mangle]
pub extern "C" fn chengxin_call() {
    let input = input();
    if input.len() < 4 {
        revert(&[])
    }
    match &input[..4] {
        // caller()
        b"\xfc\x9c\x8d\x39" => {
            Decoder::new(&input[4..], 0).end();
            let result = <crate::Contract as Interface>::caller();
            let mut results = Encoder::new(96);
            results.put(&result.0);
            results.put(&result.1);
            results.put(&result.2);
            output(&results.finish());
        }
        // encrypt(bool,bytes16,bytes16,bytes)
        b"\xa7\x4d\x93\x6a" => {
            let mut arguments = Decoder::new(&input[4..], 128);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            let a3 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::encrypt(a0, a1, a2, a3);
            let mut results = Encoder::new(64);
            results.put(&result.0);
            results.put(&result.1);
            output(&results.finish());
        }
        // entries(bytes,bytes,uint32)
        b"\x7e\x34\xd6\xc2" => {
            let mut arguments = Decoder::new(&input[4..], 96);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::entries(a0, a1, a2);
            let mut results = Encoder::new(64);
            results.put(&result.0);
            results.put(&result.1);
            output(&results.finish());
        }
        // erase(bytes)
        b"\xd2\x91\xfa\x35" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            <crate::Contract as Interface>::erase(a0);
        }
        // flood(uint32,uint32)
        b"\x72\x04\xa6\x87" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            <crate::Contract as Interface>::flood(a0, a1);
        }
        // get(bytes)
        b"\xd6\xd7\xd5\x25" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::get(a0);
            let mut results = Encoder::new(64);
            results.put(&result.0);
            results.put(&result.1);
            output(&results.finish());
        }
        // put(bytes,bytes)
        b"\x38\x63\x6e\x9a" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            <crate::Contract as Interface>::put(a0, a1);
        }
        // relay(address,bytes,bool)
        b"\x9c\xbc\xdf\x28" => {
            let mut arguments = Decoder::new(&input[4..], 96);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::relay(a0, a1, a2);
            let mut results = Encoder::new(64);
            results.put(&result.0);
            results.put(&result.1);
            output(&results.finish());
        }
        _ => revert(&[]),
    }
}

//! Made from a contract's interface by `chengxin contract generate rust`: do not edit.
#![allow(dead_code, unused_imports)]

use chengxin::abi::{self, Decoder, Encoder};
use chengxin::*;

chengxin::abi_struct! {
    #[derive(Clone, PartialEq, Eq)]
    pub struct Record {
        pub owner: Address,
        pub height: u64,
        pub time: u64,
        pub note: String,
    }
}

/// What `Contract`, in the root of the crate, does.
pub trait Interface {
    fn count() -> u64;
    /// What was recorded; reverts with NotRecorded.
    fn find(digest: Bytes32) -> Record;
    /// Records a digest that nobody recorded before.
    fn record(digest: Bytes32, note: String);
}

#[no_mangle]
pub extern "C" fn chengxin_call() {
    let input = input();
    if input.len() < 4 {
        revert(&[])
    }
    match &input[..4] {
        // count()
        b"\x06\x66\x1a\xbd" => {
            Decoder::new(&input[4..], 0).end();
            let result = <crate::Contract as Interface>::count();
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // find(bytes32)
        b"\xd4\x34\xef\x1e" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::find(a0);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // record(bytes32,string)
        b"\xb0\xd0\xf4\xb8" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            <crate::Contract as Interface>::record(a0, a1);
        }
        _ => revert(&[]),
    }
}

pub mod events {
    use super::*;

    pub struct Recorded {
        pub digest: Bytes32,
        pub owner: Address,
        pub note: String,
    }
    impl Recorded {
        pub fn emit(&self) {
            let mut data = Encoder::new(32);
            data.put(&self.note);
            event(&[*b"\x89\x79\x53\x3a\x3b\xd0\xfc\xf7\xd0\x89\x1f\x96\xd0\xed\xe7\xde\x77\x5d\x3b\x79\x73\xaf\x79\x46\xbc\xb5\x2e\x2b\x68\x5a\x18\x39", abi::topic(&self.digest), abi::topic(&self.owner)], &data.finish());
        }
    }
}

pub mod errors {
    use super::*;

    pub struct AlreadyRecorded {
        pub digest: Bytes32,
        pub owner: Address,
    }
    impl AlreadyRecorded {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x17\xc1\x35\x86", 64, |data| {
                data.put(&self.digest);
                data.put(&self.owner);
            })
        }
    }

    pub struct NotRecorded {
        pub digest: Bytes32,
    }
    impl NotRecorded {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x5b\x44\x1e\x34", 32, |data| {
                data.put(&self.digest);
            })
        }
    }
}

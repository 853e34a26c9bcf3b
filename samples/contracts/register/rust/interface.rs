//! Made from a contract's interface by `chengxin contract generate rust`: do not edit.
#![allow(dead_code, unused_imports)]

use chengxin::abi::{self, Decoder, Encoder};
use chengxin::*;

chengxin::abi_struct! {
    #[derive(Clone, PartialEq, Eq)]
    pub struct Version {
        pub number: u32,
        pub author: Address,
        pub time: u64,
        pub digest: Bytes32,
        pub location: String,
    }
}

/// What `Contract`, in the root of the crate, does.
pub trait Interface {
    /// Up to so many versions from that number on.
    fn history(key: String, from: u32, limit: u32) -> Vec<Version>;
    fn latest(key: String) -> Version;
    fn owner(key: String) -> Address;
    /// Publishes the next version; the first makes the caller the owner.
    fn publish(key: String, digest: Bytes32, location: String) -> u32;
    fn transfer_ownership(key: String, to: Address);
    fn version(key: String, number: u32) -> Version;
    fn versions(key: String) -> u32;
}

#[no_mangle]
pub extern "C" fn chengxin_call() {
    let input = input();
    if input.len() < 4 {
        revert(&[])
    }
    match &input[..4] {
        // history(string,uint32,uint32)
        b"\x5c\x8d\xaa\x60" => {
            let mut arguments = Decoder::new(&input[4..], 96);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::history(a0, a1, a2);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // latest(string)
        b"\x95\x30\x56\x80" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::latest(a0);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // owner(string)
        b"\xdf\x55\xb4\x1a" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::owner(a0);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // publish(string,bytes32,string)
        b"\x08\x65\xd9\xa2" => {
            let mut arguments = Decoder::new(&input[4..], 96);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::publish(a0, a1, a2);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // transferOwnership(string,address)
        b"\xc0\xe7\x93\xc2" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            <crate::Contract as Interface>::transfer_ownership(a0, a1);
        }
        // version(string,uint32)
        b"\xab\xb5\x0c\x75" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::version(a0, a1);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // versions(string)
        b"\x51\x07\xf3\x48" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::versions(a0);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        _ => revert(&[]),
    }
}

pub mod events {
    use super::*;

    pub struct OwnershipTransferred {
        pub key: String,
        pub from: Address,
        pub to: Address,
    }
    impl OwnershipTransferred {
        pub fn emit(&self) {
            let mut data = Encoder::new(64);
            data.put(&self.from);
            data.put(&self.to);
            event(&[*b"\x68\x40\x90\x4f\x5b\x31\x82\x7f\x74\xe1\x49\x73\x60\xda\x24\x5f\x56\xe5\x30\xc8\xc3\xde\x31\x63\xa2\xd3\x1f\x11\x49\x32\x73\xc6", crypto::keccak256(self.key.as_ref())], &data.finish());
        }
    }

    pub struct Published {
        pub key: String,
        pub number: u32,
        pub author: Address,
        pub digest: Bytes32,
        pub location: String,
    }
    impl Published {
        pub fn emit(&self) {
            let mut data = Encoder::new(64);
            data.put(&self.digest);
            data.put(&self.location);
            event(&[*b"\x47\x2b\x59\x3e\x91\x16\xd3\xcf\x3a\x30\x32\x9b\x5a\xac\xdf\xcd\xd0\x40\xcf\x1b\x6e\x49\x4d\x01\x14\x56\x68\xe1\xff\xeb\xe7\xcd", crypto::keccak256(self.key.as_ref()), abi::topic(&self.number), abi::topic(&self.author)], &data.finish());
        }
    }
}

pub mod errors {
    use super::*;

    pub struct NotOwner {
        pub owner: Address,
    }
    impl NotOwner {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x24\x5a\xec\xd3", 32, |data| {
                data.put(&self.owner);
            })
        }
    }

    pub struct Unknown {
        pub key: String,
        pub number: u32,
    }
    impl Unknown {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x4c\x1c\xf4\x19", 64, |data| {
                data.put(&self.key);
                data.put(&self.number);
            })
        }
    }
}

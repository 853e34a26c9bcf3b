//! Made from a contract's interface by `chengxin contract generate rust`: do not edit.
#![allow(dead_code, unused_imports)]

use chengxin::abi::{self, Decoder, Encoder};
use chengxin::*;

/// What `Contract`, in the root of the crate, does.
pub trait Interface {
    fn construct(name: String, symbol: String, supply: U256);
    fn allowance(owner: Address, spender: Address) -> U256;
    /// Lets the spender move so many tokens of the caller.
    fn approve(spender: Address, value: U256) -> bool;
    fn balance_of(owner: Address) -> U256;
    fn decimals() -> u8;
    fn name() -> String;
    fn symbol() -> String;
    fn total_supply() -> U256;
    /// Moves tokens of the caller.
    fn transfer(to: Address, value: U256) -> bool;
    /// Moves tokens of another who approved it; all ones is an approval without end.
    fn transfer_from(from: Address, to: Address, value: U256) -> bool;
}

#[no_mangle]
pub extern "C" fn chengxin_deploy() {
    let input = input();
    let mut arguments = Decoder::new(&input, 96);
    let a0 = arguments.take();
    let a1 = arguments.take();
    let a2 = arguments.take();
    arguments.end();
    <crate::Contract as Interface>::construct(a0, a1, a2);
}

#[no_mangle]
pub extern "C" fn chengxin_call() {
    let input = input();
    if input.len() < 4 {
        revert(&[])
    }
    match &input[..4] {
        // allowance(address,address)
        b"\xdd\x62\xed\x3e" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::allowance(a0, a1);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // approve(address,uint256)
        b"\x09\x5e\xa7\xb3" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::approve(a0, a1);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // balanceOf(address)
        b"\x70\xa0\x82\x31" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::balance_of(a0);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // decimals()
        b"\x31\x3c\xe5\x67" => {
            Decoder::new(&input[4..], 0).end();
            let result = <crate::Contract as Interface>::decimals();
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // name()
        b"\x06\xfd\xde\x03" => {
            Decoder::new(&input[4..], 0).end();
            let result = <crate::Contract as Interface>::name();
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // symbol()
        b"\x95\xd8\x9b\x41" => {
            Decoder::new(&input[4..], 0).end();
            let result = <crate::Contract as Interface>::symbol();
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // totalSupply()
        b"\x18\x16\x0d\xdd" => {
            Decoder::new(&input[4..], 0).end();
            let result = <crate::Contract as Interface>::total_supply();
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // transfer(address,uint256)
        b"\xa9\x05\x9c\xbb" => {
            let mut arguments = Decoder::new(&input[4..], 64);
            let a0 = arguments.take();
            let a1 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::transfer(a0, a1);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // transferFrom(address,address,uint256)
        b"\x23\xb8\x72\xdd" => {
            let mut arguments = Decoder::new(&input[4..], 96);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::transfer_from(a0, a1, a2);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        _ => revert(&[]),
    }
}

pub mod events {
    use super::*;

    pub struct Approval {
        pub owner: Address,
        pub spender: Address,
        pub value: U256,
    }
    impl Approval {
        pub fn emit(&self) {
            let mut data = Encoder::new(32);
            data.put(&self.value);
            event(&[*b"\x8c\x5b\xe1\xe5\xeb\xec\x7d\x5b\xd1\x4f\x71\x42\x7d\x1e\x84\xf3\xdd\x03\x14\xc0\xf7\xb2\x29\x1e\x5b\x20\x0a\xc8\xc7\xc3\xb9\x25", abi::topic(&self.owner), abi::topic(&self.spender)], &data.finish());
        }
    }

    pub struct Transfer {
        pub from: Address,
        pub to: Address,
        pub value: U256,
    }
    impl Transfer {
        pub fn emit(&self) {
            let mut data = Encoder::new(32);
            data.put(&self.value);
            event(&[*b"\xdd\xf2\x52\xad\x1b\xe2\xc8\x9b\x69\xc2\xb0\x68\xfc\x37\x8d\xaa\x95\x2b\xa7\xf1\x63\xc4\xa1\x16\x28\xf5\x5a\x4d\xf5\x23\xb3\xef", abi::topic(&self.from), abi::topic(&self.to)], &data.finish());
        }
    }
}

pub mod errors {
    use super::*;

    pub struct InsufficientAllowance {
        pub spender: Address,
        pub have: U256,
        pub need: U256,
    }
    impl InsufficientAllowance {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x19\x2b\x9e\x4e", 96, |data| {
                data.put(&self.spender);
                data.put(&self.have);
                data.put(&self.need);
            })
        }
    }

    pub struct InsufficientBalance {
        pub owner: Address,
        pub have: U256,
        pub need: U256,
    }
    impl InsufficientBalance {
        pub fn revert(&self) -> ! {
            revert_with(*b"\xdb\x42\x14\x4d", 96, |data| {
                data.put(&self.owner);
                data.put(&self.have);
                data.put(&self.need);
            })
        }
    }
}

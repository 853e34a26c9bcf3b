//! Made from a contract's interface by `chengxin contract generate rust`: do not edit.
#![allow(dead_code, unused_imports)]

use chengxin::abi::{self, Decoder, Encoder};
use chengxin::*;

chengxin::abi_struct! {
    #[derive(Clone, PartialEq, Eq)]
    pub struct Deal {
        pub token: Address,
        pub buyer: Address,
        pub seller: Address,
        pub arbiter: Address,
        pub amount: U256,
        pub deadline: u64,
        pub state: u8,
    }
}

/// What `Contract`, in the root of the crate, does.
pub trait Interface {
    /// State 1: open, 2: released, 3: refunded.
    fn deal(id: u64) -> Deal;
    /// Deposits tokens that the caller has approved to this contract; the deadline is in seconds since 1970.
    fn open(token: Address, seller: Address, arbiter: Address, amount: U256, deadline: u64) -> u64;
    /// Pays the buyer back: for the seller or the arbiter, after the deadline also for the buyer.
    fn refund(id: u64);
    /// Pays the seller: for the buyer or the arbiter.
    fn release(id: u64);
}

#[no_mangle]
pub extern "C" fn chengxin_call() {
    let input = input();
    if input.len() < 4 {
        revert(&[])
    }
    match &input[..4] {
        // deal(uint64)
        b"\x4b\xbb\x46\x46" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::deal(a0);
            let mut results = Encoder::new(224);
            results.put(&result);
            output(&results.finish());
        }
        // open(address,address,address,uint256,uint64)
        b"\x50\x92\x2a\xa4" => {
            let mut arguments = Decoder::new(&input[4..], 160);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            let a3 = arguments.take();
            let a4 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::open(a0, a1, a2, a3, a4);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // refund(uint64)
        b"\xd7\x19\x4c\xcb" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            <crate::Contract as Interface>::refund(a0);
        }
        // release(uint64)
        b"\x41\xfb\xbc\x31" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            <crate::Contract as Interface>::release(a0);
        }
        _ => revert(&[]),
    }
}

pub mod events {
    use super::*;

    pub struct Opened {
        pub id: u64,
        pub buyer: Address,
        pub seller: Address,
        pub token: Address,
        pub amount: U256,
    }
    impl Opened {
        pub fn emit(&self) {
            let mut data = Encoder::new(64);
            data.put(&self.token);
            data.put(&self.amount);
            event(&[*b"\x70\x40\x47\x62\x84\x63\x9e\x73\xe4\x10\x20\x04\xc7\x99\x08\xc8\x1c\xd8\x14\x08\x99\x62\xcf\x4e\xc1\x19\x75\x18\xf1\xb4\x7e\x38", abi::topic(&self.id), abi::topic(&self.buyer), abi::topic(&self.seller)], &data.finish());
        }
    }

    pub struct Refunded {
        pub id: u64,
        pub by: Address,
    }
    impl Refunded {
        pub fn emit(&self) {
            let mut data = Encoder::new(32);
            data.put(&self.by);
            event(&[*b"\xf7\x65\x4e\x78\x36\xd3\x30\x7d\x4d\xa6\x89\xcb\x93\x5d\x63\x38\x61\x21\x7e\x5f\xbc\x42\xee\x57\x78\x43\xb5\x50\xa6\x33\x40\x2e", abi::topic(&self.id)], &data.finish());
        }
    }

    pub struct Released {
        pub id: u64,
        pub by: Address,
    }
    impl Released {
        pub fn emit(&self) {
            let mut data = Encoder::new(32);
            data.put(&self.by);
            event(&[*b"\x56\xf9\x1c\xda\x68\x3f\x8d\xeb\xf9\xf0\x7f\x3b\x66\x25\x64\x11\x87\x4f\x38\x6e\x26\x27\xa9\x1a\x2b\xf2\x5d\xbc\x84\x37\xdc\x89", abi::topic(&self.id)], &data.finish());
        }
    }
}

pub mod errors {
    use super::*;

    pub struct NotAllowed {
        pub caller: Address,
    }
    impl NotAllowed {
        pub fn revert(&self) -> ! {
            revert_with(*b"\xfa\x5c\xd0\x0f", 32, |data| {
                data.put(&self.caller);
            })
        }
    }

    pub struct NotOpen {
        pub id: u64,
    }
    impl NotOpen {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x92\x08\x23\xa6", 32, |data| {
                data.put(&self.id);
            })
        }
    }

    pub struct NothingDeposited;
    impl NothingDeposited {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x69\xb9\x5d\xc9", 0, |_| {
            })
        }
    }

    pub struct Unknown {
        pub id: u64,
    }
    impl Unknown {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x93\xae\x64\x49", 32, |data| {
                data.put(&self.id);
            })
        }
    }
}

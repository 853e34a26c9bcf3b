//! Made from a contract's interface by `chengxin contract generate rust`: do not edit.
#![allow(dead_code, unused_imports)]

use chengxin::abi::{self, Decoder, Encoder};
use chengxin::*;

chengxin::abi_struct! {
    #[derive(Clone, PartialEq, Eq)]
    pub struct Proposal {
        pub subject: Bytes32,
        pub proposer: Address,
        pub needed: u32,
        pub reached: bool,
        pub parties: Vec<Address>,
        pub approved: Vec<Address>,
    }
}

/// What `Contract`, in the root of the crate, does.
pub trait Interface {
    /// Approves as a party; tells whether enough have.
    fn approve(id: u64) -> bool;
    fn proposal(id: u64) -> Proposal;
    /// Asks the parties, of whom so many must approve.
    fn propose(subject: Bytes32, parties: Vec<Address>, needed: u32) -> u64;
    /// Takes an approval back as long as not enough have approved.
    fn withdraw(id: u64);
}

#[no_mangle]
pub extern "C" fn chengxin_call() {
    let input = input();
    if input.len() < 4 {
        revert(&[])
    }
    match &input[..4] {
        // approve(uint64)
        b"\x34\x04\x13\x97" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::approve(a0);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // proposal(uint64)
        b"\x7a\xfa\x0a\xa3" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::proposal(a0);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // propose(bytes32,address[],uint32)
        b"\xa1\xc1\xd1\x95" => {
            let mut arguments = Decoder::new(&input[4..], 96);
            let a0 = arguments.take();
            let a1 = arguments.take();
            let a2 = arguments.take();
            arguments.end();
            let result = <crate::Contract as Interface>::propose(a0, a1, a2);
            let mut results = Encoder::new(32);
            results.put(&result);
            output(&results.finish());
        }
        // withdraw(uint64)
        b"\x75\x0f\x0a\xcc" => {
            let mut arguments = Decoder::new(&input[4..], 32);
            let a0 = arguments.take();
            arguments.end();
            <crate::Contract as Interface>::withdraw(a0);
        }
        _ => revert(&[]),
    }
}

pub mod events {
    use super::*;

    pub struct Approved {
        pub id: u64,
        pub party: Address,
    }
    impl Approved {
        pub fn emit(&self) {
            let data = Encoder::new(0);
            event(&[*b"\x8e\xca\xb2\x77\x01\x5f\xb3\x27\xa7\x42\x8c\xdf\x57\xaa\x86\xa8\xdf\x1c\x26\x4f\x3f\xbe\xe9\xd3\xb1\x0c\x27\xda\xbb\xc3\x3a\x7b", abi::topic(&self.id), abi::topic(&self.party)], &data.finish());
        }
    }

    pub struct Proposed {
        pub id: u64,
        pub subject: Bytes32,
        pub proposer: Address,
        pub parties: Vec<Address>,
        pub needed: u32,
    }
    impl Proposed {
        pub fn emit(&self) {
            let mut data = Encoder::new(96);
            data.put(&self.proposer);
            data.put(&self.parties);
            data.put(&self.needed);
            event(&[*b"\xd2\x47\x3f\xd2\x30\x16\x80\x73\xf5\xbe\x4b\xce\xaa\x26\x19\xda\x5a\xc8\xe0\x4f\x5c\x9c\x7d\x39\x07\xbf\x8d\xc3\x36\xe0\x8a\xeb", abi::topic(&self.id), abi::topic(&self.subject)], &data.finish());
        }
    }

    pub struct Reached {
        pub id: u64,
        pub subject: Bytes32,
    }
    impl Reached {
        pub fn emit(&self) {
            let data = Encoder::new(0);
            event(&[*b"\x79\xc6\xe6\xd6\xb1\x72\x53\x04\x39\x7d\x1a\xfd\xcb\xc2\xd0\xc1\x7f\x23\x21\x36\x6c\x0f\x53\x70\x74\x7b\xfb\xb3\x0f\xce\x90\xa8", abi::topic(&self.id), abi::topic(&self.subject)], &data.finish());
        }
    }

    pub struct Withdrawn {
        pub id: u64,
        pub party: Address,
    }
    impl Withdrawn {
        pub fn emit(&self) {
            let data = Encoder::new(0);
            event(&[*b"\xa0\xaa\xe0\x22\x70\x90\xf3\xf8\x99\xa6\xc0\x9e\xc4\xe6\x4b\x1c\x9f\x33\x33\x4f\xee\x35\x68\x87\x3b\xb7\xc6\x79\x25\xcd\x1d\x42", abi::topic(&self.id), abi::topic(&self.party)], &data.finish());
        }
    }
}

pub mod errors {
    use super::*;

    pub struct AlreadyApproved;
    impl AlreadyApproved {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x10\x1f\x81\x7a", 0, |_| {
            })
        }
    }

    pub struct AlreadyReached;
    impl AlreadyReached {
        pub fn revert(&self) -> ! {
            revert_with(*b"\xcd\x4d\x72\x00", 0, |_| {
            })
        }
    }

    pub struct BadProposal;
    impl BadProposal {
        pub fn revert(&self) -> ! {
            revert_with(*b"\xc3\x34\xf0\x69", 0, |_| {
            })
        }
    }

    pub struct NotAParty {
        pub caller: Address,
    }
    impl NotAParty {
        pub fn revert(&self) -> ! {
            revert_with(*b"\x54\x4f\xc1\x0d", 32, |data| {
                data.put(&self.caller);
            })
        }
    }

    pub struct NotApproved;
    impl NotApproved {
        pub fn revert(&self) -> ! {
            revert_with(*b"\xc1\x9f\x17\xa9", 0, |_| {
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

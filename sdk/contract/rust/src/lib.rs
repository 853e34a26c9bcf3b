//! What a contract is written with: state, context, events, calls, cryptography (docs/formats/contract.md). The
//! interface's own types, events and errors come from `chengxin contract generate rust`.
//!
//! Every call starts from the same snapshot of memory: statics keep nothing from one call to the next.

pub mod abi;
mod host;
mod memory;
mod u256;

pub use abi::{Abi, Address, Bytes, Bytes32, FixedBytes};
pub use host::*;
pub use u256::U256;

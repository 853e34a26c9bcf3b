//! 计数器：只有所有者可以增加。 A counter that its owner counts up.

mod interface;

use chengxin::{context, require, Address, Value};
use interface::{errors, events, Interface};

const OWNER: Value<Address> = Value::new("owner");
const VALUE: Value<u64> = Value::new("value");

pub struct Contract;

impl Interface for Contract {
    /// 部署和每次升级时都会运行。 Runs at deployment and at each upgrade.
    fn construct(start: u64) {
        if OWNER.get().is_none() {
            OWNER.put(&context::caller());
            VALUE.put(&start);
        }
    }

    fn value() -> u64 {
        VALUE.get().unwrap_or(0)
    }

    fn owner() -> Address {
        OWNER.get().unwrap_or(Address::ZERO)
    }

    fn add(amount: u64) -> u64 {
        let (owner, by) = (Self::owner(), context::caller());
        if by != owner {
            errors::NotOwner { owner }.revert();
        }
        require(amount > 0, "nothing to add");
        let value = Self::value() + amount;
        VALUE.put(&value);
        events::Added { by, amount, value }.emit();
        value
    }
}

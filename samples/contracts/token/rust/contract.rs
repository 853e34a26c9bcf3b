//! A token: the part of ERC-20 that everybody uses.

mod interface;

use chengxin::{context, Abi, Address, Map, Value, U256};
use interface::{errors, events, Interface};

const NAME: Value<String> = Value::new("name");
const SYMBOL: Value<String> = Value::new("symbol");
const SUPPLY: Value<U256> = Value::new("supply");
const BALANCES: Map<Address, U256> = Map::new("balance");
const ALLOWANCES: Map<[Address; 2], U256> = Map::new("allowance");

pub struct Contract;

fn get<V: Abi + Default>(value: Value<V>) -> V {
    value.get().unwrap_or_default()
}

fn take_and_give(from: Address, to: Address, value: U256) {
    let have = Contract::balance_of(from);
    if have < value {
        errors::InsufficientBalance { owner: from, have, need: value }.revert();
    }
    BALANCES.put(&from, &(have - value));
    BALANCES.put(&to, &(Contract::balance_of(to) + value));
    events::Transfer { from, to, value }.emit();
}

impl Interface for Contract {
    fn construct(name: String, symbol: String, supply: U256) {
        if SUPPLY.get().is_some() {
            return; // an upgrade
        }
        let to = context::caller();
        NAME.put(&name);
        SYMBOL.put(&symbol);
        SUPPLY.put(&supply);
        BALANCES.put(&to, &supply);
        events::Transfer { from: Address::ZERO, to, value: supply }.emit();
    }

    fn name() -> String {
        get(NAME)
    }

    fn symbol() -> String {
        get(SYMBOL)
    }

    fn decimals() -> u8 {
        18
    }

    fn total_supply() -> U256 {
        get(SUPPLY)
    }

    fn balance_of(owner: Address) -> U256 {
        BALANCES.get(&owner).unwrap_or_default()
    }

    fn allowance(owner: Address, spender: Address) -> U256 {
        ALLOWANCES.get(&[owner, spender]).unwrap_or_default()
    }

    fn transfer(to: Address, value: U256) -> bool {
        take_and_give(context::caller(), to, value);
        true
    }

    fn approve(spender: Address, value: U256) -> bool {
        let owner = context::caller();
        ALLOWANCES.put(&[owner, spender], &value);
        events::Approval { owner, spender, value }.emit();
        true
    }

    fn transfer_from(from: Address, to: Address, value: U256) -> bool {
        let spender = context::caller();
        let have = Self::allowance(from, spender);
        if have < value {
            errors::InsufficientAllowance { spender, have, need: value }.revert();
        }
        if have != U256::MAX {
            ALLOWANCES.put(&[from, spender], &(have - value));
        }
        take_and_give(from, to, value);
        true
    }
}

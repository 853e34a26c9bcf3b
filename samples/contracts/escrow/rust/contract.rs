//! An escrow: tokens that a buyer deposits go to the seller, or back, as buyer, seller or arbiter decide.

mod interface;
mod token;

use chengxin::{context, require, Address, Map, Value, U256};
use interface::{errors, events, Deal, Interface};
use token::Token;

const COUNT: Value<u64> = Value::new("count");
const DEALS: Map<u64, Deal> = Map::new("deal");

const OPEN: u8 = 1;
const RELEASED: u8 = 2;
const REFUNDED: u8 = 3;

pub struct Contract;

/// Ends a deal that is open. The state is set before the token is called, so that a token that calls back finds it closed.
fn close(id: u64, state: u8, allowed: impl FnOnce(&Deal, Address) -> bool) -> Deal {
    let (mut deal, caller) = (Contract::deal(id), context::caller());
    if deal.state != OPEN {
        errors::NotOpen { id }.revert();
    }
    if !allowed(&deal, caller) {
        errors::NotAllowed { caller }.revert();
    }
    deal.state = state;
    DEALS.put(&id, &deal);
    deal
}

impl Interface for Contract {
    fn open(token: Address, seller: Address, arbiter: Address, amount: U256, deadline: u64) -> u64 {
        if amount.is_zero() {
            errors::NothingDeposited.revert();
        }
        let id = COUNT.get().unwrap_or(0) + 1;
        COUNT.put(&id);
        let buyer = context::caller();
        DEALS.put(&id, &Deal { token, buyer, seller, arbiter, amount, deadline, state: OPEN });
        require(Token(token).transfer_from(buyer, context::own(), amount), "the token refused");
        events::Opened { id, buyer, seller, token, amount }.emit();
        id
    }

    fn release(id: u64) {
        let deal = close(id, RELEASED, |deal, caller| caller == deal.buyer || caller == deal.arbiter);
        require(Token(deal.token).transfer(deal.seller, deal.amount), "the token refused");
        events::Released { id, by: context::caller() }.emit();
    }

    fn refund(id: u64) {
        let late = |deal: &Deal| context::time_ms() / 1000 > deal.deadline;
        let deal = close(id, REFUNDED, |deal, caller| {
            caller == deal.seller || caller == deal.arbiter || (caller == deal.buyer && late(deal))
        });
        require(Token(deal.token).transfer(deal.buyer, deal.amount), "the token refused");
        events::Refunded { id, by: context::caller() }.emit();
    }

    fn deal(id: u64) -> Deal {
        DEALS.get(&id).unwrap_or_else(|| errors::Unknown { id }.revert())
    }
}

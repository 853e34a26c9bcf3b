//! What must leave the state as if the call had never been: out of gas at every step, a refusal or a fault of the
//! host at every callback. Also hostile arguments.

use crate::reference::Both;
use crate::solidity::{call_data, Contract};
use crate::world::*;
use chengxin_sandbox::abi::{self, Ending, Verdict};
use revm::primitives::Address;

/// A world with a factory that has made a proxy, and a call of it that goes three frames deep and writes in two.
fn prepared() -> (Both, Address, Vec<u8>) {
    let mut both = Both::new();
    let created = both.transact(None, &Contract::named("Factory").creation, 10_000_000);
    let factory = Address::from_slice(&created.output);
    both.call(factory, &call_data("proxy()", &[]), 10_000_000);
    (both, factory, call_data("tryAdd(uint256,uint256)", &[0, 7]))
}

/// With less gas than `contract` needs, for every `step` of it: nothing happens but that gas is spent.
fn starve(name: &str, data: &[u8], step: usize) {
    let mut both = Both::new();
    let contract = both.transact(None, &Contract::named(name).creation, 10_000_000).output;
    let contract = Address::from_slice(&contract);
    let before = both.world.state.clone();
    let full = both.world.call(contract, data, 10_000_000);
    assert_eq!(full.ending, abi::RETURNED);
    for gas in (0..full.gas_used).step_by(step) {
        both.world.state = before.clone();
        let done = both.world.call(contract, data, gas);
        // A frame whose creation ran out of gas still has a 64th, and Solidity's code reverts with it.
        assert!(matches!(done.ending, abi::OUT_OF_GAS | abi::REVERTED), "gas {gas}: {done:?}");
        assert!(done.gas_used <= gas && done.refund == 0, "gas {gas}: {done:?}");
        assert_eq!(both.world.changed_since(&before), None, "gas {gas}");
    }
    both.world.state = before;
    assert_eq!(both.world.call(contract, data, 10_000_000), full, "nothing is left of the failures");
}

#[test]
fn out_of_gas_at_every_step_leaves_the_state_as_it_was() {
    with_stack(|| {
        starve("Token", &call_data("transfer(address,uint256)", &[5, 7]), 1);
        starve("Factory", &call_data("token()", &[]), 97);
    });
}

#[test]
fn nested_calls_that_run_out_of_gas_are_as_in_full_revm() {
    with_stack(|| {
        let (mut both, factory, data) = prepared();
        for gas in (1_000..90_000).step_by(331) {
            both.call(factory, &data, gas);
        }
    });
}

/// How every callback's failing ends the transaction.
fn fail_everywhere(verdict: Verdict, ending: Ending) {
    let (mut both, factory, data) = prepared();
    let before = both.world.state.clone();
    both.world.call(factory, &data, 1_000_000); // which makes the machine know the code
    both.world.state = before.clone();
    let full = both.world.call(factory, &data, 1_000_000);
    let callbacks = both.world.callbacks;
    assert!(full.ending == abi::RETURNED && callbacks > 8);
    let mut ended = 0;
    for at in 1..=callbacks {
        both.world.state = before.clone();
        both.world.fail_at = Some((at, verdict));
        let done = both.world.call(factory, &data, 1_000_000);
        if done.ending == ending {
            ended += 1;
            assert_eq!(both.world.changed_since(&before), None, "callback {at}");
        }
    }
    both.world.fail_at = None;
    both.world.state = before;
    assert_eq!(both.world.call(factory, &data, 1_000_000), full, "nothing is left of the failures");
    println!("{callbacks} callbacks, {ended} ended the transaction");
    // A refusal in a frame below is a failed call for the frame above; a fault ends everything.
    assert!(if verdict == abi::FAULT { ended == callbacks } else { ended > 0 && ended < callbacks });
}

#[test]
fn a_fault_of_the_host_ends_every_frame() {
    with_stack(|| fail_everywhere(abi::FAULT, abi::HOST_FAULT));
}

#[test]
fn a_refusal_of_the_host_ends_its_frame() {
    with_stack(|| fail_everywhere(abi::REFUSED, abi::TRAPPED));
}

#[test]
fn hostile_call_data_is_as_in_full_revm() {
    with_stack(|| {
        let mut both = Both::new();
        let token = Address::from_slice(&both.transact(None, &Contract::named("Token").creation, 10_000_000).output);
        let whole = call_data("transfer(address,uint256)", &[5, 7]);
        for size in 0..whole.len() {
            both.call(token, &whole[..size], 1_000_000);
        }
        for byte in 0..whole.len() {
            let mut changed = whole.clone();
            changed[byte] ^= 0xff;
            both.call(token, &changed, 1_000_000);
        }
        both.call(token, &[0xff; 200_000], 10_000_000);
    });
}

//! Contracts that solc compiled, OpenZeppelin's unchanged among them, against full revm.

use crate::random::seeded;
use crate::reference::Both;
use crate::world::*;
use chengxin_sandbox::evm::cx_selector;
use chengxin_sandbox::evm::scan::{scan, Kind};
use chengxin_sandbox::abi::{self, Bytes};
use revm::primitives::{hex, keccak256, Address, U256};
use std::process::Command;
use std::sync::LazyLock;

pub struct Contract {
    pub creation: Vec<u8>,
    pub deployed: Vec<u8>,
}

static ARTIFACTS: LazyLock<serde_json::Value> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/solidity");
    let output = concat!(env!("CARGO_TARGET_TMPDIR"), "/solidity.json");
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).current_dir(folder).status();
        assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?}");
    };
    if !std::path::Path::new(folder).join("node_modules/solc").exists() {
        run("npm", &["ci", "--no-fund", "--no-audit", "--fetch-retries=6"]);
    }
    run("node", &["compile.mjs", output]);
    serde_json::from_str(&std::fs::read_to_string(output).unwrap()).unwrap()
});

impl Contract {
    pub fn named(name: &str) -> Self {
        let bytes = |field: &str| hex::decode(ARTIFACTS[name][field].as_str().unwrap()).unwrap();
        Self { creation: bytes("creation"), deployed: bytes("deployed") }
    }
}

/// Of a function all of whose arguments are words.
pub fn call_data(signature: &str, arguments: &[u64]) -> Vec<u8> {
    let mut data = vec![0; 4];
    let selector: &mut [u8; 4] = (&mut data[..]).try_into().unwrap();
    unsafe { cx_selector(Bytes::of(signature.as_bytes()), selector) };
    data.extend(arguments.iter().flat_map(|argument| U256::from(*argument).to_be_bytes::<32>()));
    data
}

fn deploy(both: &mut Both, name: &str, arguments: &[u8]) -> Address {
    let creation = [&Contract::named(name).creation, arguments].concat();
    let done = both.transact(None, &creation, 10_000_000);
    assert_eq!(done.ending, abi::RETURNED, "{name}");
    Address::from_slice(&done.output)
}

fn number(done: &Done) -> u64 {
    assert_eq!(done.ending, abi::RETURNED, "{}", String::from_utf8_lossy(&done.output));
    U256::from_be_slice(&done.output).try_into().unwrap()
}

#[test]
fn solc_compiles_for_the_fork_and_the_scan_finds_nothing() {
    for (name, artifact) in ARTIFACTS.as_object().unwrap() {
        let contract = Contract::named(name);
        if !contract.creation.is_empty() {
            assert_eq!(artifact["fork"], "osaka");
            assert_eq!(scan(&contract.creation, Kind::Creation), [], "{name}");
            assert_eq!(scan(&contract.deployed, Kind::Deployed), [], "{name}");
        }
    }
}

#[test]
fn an_unchanged_erc20_transfers() {
    with_stack(|| {
        let mut both = Both::new();
        let token = deploy(&mut both, "Token", &[]);
        let mut call = |signature: &str, arguments: &[u64]| both.call(token, &call_data(signature, arguments), 1_000_000);
        assert_eq!(number(&call("decimals()", &[])), 18);
        assert_eq!(number(&call("transfer(address,uint256)", &[5, 700])), 1);
        assert_eq!(number(&call("balanceOf(address)", &[5])), 700);
        let refused = call("transferFrom(address,address,uint256)", &[5, 6, 1]);
        assert_eq!(refused.ending, abi::REVERTED);
        let error = &keccak256("ERC20InsufficientAllowance(address,uint256,uint256)")[..4];
        assert_eq!(&refused.output[..4], error);
        call("transfer(address,uint256)", &[5, 1]);
        let event = &both.world.state.events[0];
        assert_eq!(event.topics[0], keccak256("Transfer(address,address,uint256)"));
        assert_eq!((event.topics.len(), event.address), (3, token));
    });
}

/// A change of these is a change of the protocol. go-ethereum's are the same (tests/oracle/geth).
#[test]
fn golden_gas_of_transfers() {
    with_stack(|| {
        let mut both = Both::new();
        let token = deploy(&mut both, "Token", &[]);
        let mut gas = |to, amount| both.call(token, &call_data("transfer(address,uint256)", &[to, amount]), 100_000).gas_used;
        assert_eq!([gas(5, 7), gas(5, 7), gas(6, 0)], [29_981, 12_881, 7_281]);
    });
}

#[test]
fn factories_and_proxies_do_what_they_do_in_full_revm() {
    with_stack(|| {
        let mut random = seeded();
        let mut both = Both::new();
        let factory = deploy(&mut both, "Factory", &[]);
        for _ in 0..150 {
            let data = match random.below(7) {
                0 => call_data("token()", &[]),
                1 => call_data("salted(bytes32)", &[random.below(4)]),
                2 => call_data("clone(bytes32)", &[random.below(4)]),
                3 => call_data("proxy()", &[]),
                _ => call_data("tryAdd(uint256,uint256)", &[random.below(8), random.below(60)]),
            };
            both.call(factory, &data, 200_000 + random.below(900_000));
        }
        assert!(both.world.state.code.len() > 8, "all kinds were created");
    });
}

#[test]
fn a_guard_stops_re_entrancy_and_carelessness_pays_twice() {
    with_stack(|| {
        let mut both = Both::new();
        let vault = deploy(&mut both, "TransientVault", &[]);
        let thief = deploy(&mut both, "Thief", &vault.into_word().0);
        let mut attack = |how: &str, times: u64| {
            let mut data = call_data("attack(bytes,uint256)", &[64, times, 4]);
            data.extend(call_data(how, &[]));
            data.resize(data.len() + 28, 0);
            both.call(thief, &data, 5_000_000)
        };
        assert_eq!(attack("guarded()", 2).ending, abi::REVERTED);
        assert_eq!(attack("guardedTransiently()", 2).ending, abi::REVERTED);
        assert_eq!(attack("careless()", 3).ending, abi::RETURNED);
        assert_eq!(number(&both.call(thief, &call_data("taken()", &[]), 100_000)), 30);
        assert_eq!(number(&both.call(vault, &call_data("paid()", &[]), 100_000)), 30);
    });
}

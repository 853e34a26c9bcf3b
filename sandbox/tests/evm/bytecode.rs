//! Hand-made bytecode: what no compiler writes, what is ours and not Ethereum's, and the scan.

use crate::random::Assembler;
use crate::reference::Both;
use crate::world::*;
use chengxin_sandbox::evm::scan::{report, scan, Kind};
use chengxin_sandbox::evm::*;
use chengxin_sandbox::abi::{self, Bytes};
use chengxin_sandbox::cx_keccak256;
use revm::bytecode::opcode::*;
use revm::primitives::{address, hex, Address, U256};

const A: Address = address!("00000000000000000000000000000000000000aa");
const B: Address = address!("00000000000000000000000000000000000000bb");
const GAS: u64 = 1_000_000;

fn n(value: u64) -> U256 {
    U256::from(value)
}

fn own(number: u64) -> Address {
    Address::left_padding_from(&number.to_be_bytes())
}

fn selector(signature: &str) -> [u8; 4] {
    let mut selector = [0; 4];
    unsafe { cx_selector(Bytes::of(signature.as_bytes()), &mut selector) };
    selector
}

/// Calls `to` with the call data and returns what that returns, or reverts.
fn forwarder(kind: u8, to: Address) -> Vec<u8> {
    let mut code = Assembler::default();
    code.op(CALLDATASIZE).push(n(0)).push(n(0)).op(CALLDATACOPY);
    code.push(n(0)).push(n(0)).op(CALLDATASIZE).push(n(0));
    if kind == CALL {
        code.push(n(0));
    }
    code.address(to).op(revm::bytecode::opcode::GAS).op(kind);
    code.op(RETURNDATASIZE).push(n(0)).push(n(0)).op(RETURNDATACOPY);
    let jump = code.0.len();
    code.op(PUSH1).op(jump as u8 + 6).op(JUMPI).op(RETURNDATASIZE).push(n(0)).op(REVERT);
    code.op(JUMPDEST).op(RETURNDATASIZE).push(n(0)).op(RETURN);
    assert_eq!(code.0[jump + 6], JUMPDEST);
    code.0
}

fn trap(code: &[u8]) -> String {
    let mut world = World::new();
    world.insert(A, code);
    let done = world.call(A, &[], GAS);
    assert_eq!((done.ending, done.gas_used, done.refund), (abi::TRAPPED, GAS, 0));
    String::from_utf8(done.output).unwrap()
}

#[test]
fn traps_have_stable_reasons() {
    assert_eq!(trap(&[ADD]), "contract.trap.operands");
    assert_eq!(trap(&[INVALID]), "contract.trap.unreachable");
    assert_eq!(trap(&[0x0c]), "contract.trap.opcode");
    assert_eq!(trap(&[PUSH0, JUMP]), "contract.trap.jump");
    assert_eq!(trap(&[PUSH1, 1, PUSH0, PUSH0, RETURNDATACOPY]), "contract.trap.return_data");
    assert_eq!(trap(&[JUMPDEST, PUSH0, PUSH0, JUMP]), "contract.trap.operands");
}

#[test]
fn instructions_that_need_balances_are_unknown() {
    assert_eq!(trap(&[PUSH0, SELFDESTRUCT]), "contract.trap.opcode");
    assert_eq!(trap(&[PUSH0, PUSH0, PUSH0, PUSH0, PUSH0, PUSH0, PUSH0, CALLCODE]), "contract.trap.opcode");
}

#[test]
fn memory_is_bounded_whatever_the_gas() {
    let mut world = World::new();
    world.insert(A, &[PUSH4, 0x01, 0x00, 0x00, 0x00, MLOAD]); // 16 MiB and a word
    let done = world.call(A, &[], 1 << 50);
    assert_eq!((done.ending, done.gas_used), (abi::OUT_OF_GAS, 1 << 50));
    world.insert(B, &[PUSH4, 0x00, 0xff, 0xff, 0xe0, MLOAD]);
    assert_eq!(world.call(B, &[], 1 << 50).ending, abi::RETURNED);
}

#[test]
fn depth_ends_at_1024_as_in_ethereum() {
    with_stack(|| {
        let mut both = Both::new();
        // Stores the depth that calls reached: its own result + 1, if the call below succeeded.
        let mut code = Assembler::default();
        code.push(n(32)).push(n(0)).push(n(0)).push(n(0)).push(n(0)).op(ADDRESS).op(revm::bytecode::opcode::GAS);
        code.op(CALL).op(POP).push(n(0)).op(MLOAD).push(n(1)).op(ADD).push(n(0)).op(MSTORE);
        code.push(n(32)).push(n(0)).op(RETURN);
        both.insert(A, &code.0);
        let done = both.call(A, &[], 1 << 40);
        assert_eq!(U256::from_be_slice(&done.output), n(1025));
    });
}

#[test]
fn value_cannot_be_sent_and_costs_what_it_does_in_ethereum() {
    let mut both = Both::new();
    let mut code = Assembler::default();
    for to in [B, own(0x77), own(2)] {
        code.push(n(0)).push(n(0)).push(n(0)).push(n(0)).push(n(1)).address(to).push(n(50_000)).op(CALL).store(0);
        code.op(revm::bytecode::opcode::GAS).store(1);
    }
    code.push(n(0)).push(n(0)).push(n(1)).op(CREATE).store(2);
    both.insert(A, &code.0);
    both.insert(B, &[PUSH1, 1, PUSH1, 1, SSTORE]);
    assert_eq!(both.call(A, &[], GAS).ending, abi::RETURNED);
    assert!(both.world.state.storage.keys().all(|(at, _)| *at == A));
}

#[test]
fn refunds_are_at_most_a_fifth_and_die_with_their_frame() {
    let mut both = Both::new();
    let clear = |keys: u64| (0..keys).flat_map(|key| [PUSH0, PUSH1, key as u8, SSTORE]).collect::<Vec<_>>();
    let set: Vec<u8> = (0..40).flat_map(|key| [PUSH1, 1, PUSH1, key, SSTORE]).collect();
    both.insert(A, &forwarder(DELEGATECALL, B));
    both.insert(B, &set);
    both.call(A, &[], 2 * GAS);
    let mut reverting = clear(9);
    reverting.extend([PUSH0, PUSH0, REVERT]);
    both.insert(own(0xc1), &reverting);
    both.insert(own(0xc2), &clear(40));
    both.call(own(0xc2), &[], 2 * GAS);
    both.insert(own(0xc4), &forwarder(DELEGATECALL, own(0xc2)));
    let capped = both.call(own(0xc4), &[], 2 * GAS); // nothing was set there, so nothing is given back
    assert_eq!(capped.refund, 0);
    both.insert(own(0xc5), &[&set[..], &clear(40)].concat());
    let done = both.call(own(0xc5), &[], 2 * GAS);
    assert_eq!(done.refund, (done.gas_used + 21_000) / 5);
    let done = both.call(own(0xc1), &[], GAS);
    assert_eq!((done.ending, done.refund), (abi::REVERTED, 0));
}

#[test]
fn a_static_call_cannot_write_in_any_frame_below_it() {
    let create = [PUSH0, PUSH0, PUSH0, CREATE];
    let writes: [&[u8]; 4] = [&[PUSH0, PUSH0, SSTORE], &[PUSH0, PUSH0, TSTORE], &[PUSH0, PUSH0, LOG0], &create];
    for write in writes {
        let mut both = Both::new();
        both.insert(A, &forwarder(STATICCALL, B));
        both.insert(B, &forwarder(CALL, own(0xcc)));
        both.insert(own(0xcc), write);
        assert_eq!(both.call(A, &[], GAS).ending, abi::REVERTED);
        assert_eq!(both.call(own(0xcc), &[], GAS).ending, abi::RETURNED);
    }
}

#[test]
fn the_platforms_precompiles_ask_the_host() {
    let mut world = World::new();
    for (at, number) in [(0xd1, 0x0c01), (0xd2, 0x0c02), (0xd3, 0x0c03), (0xd4, 0x0c04)] {
        world.insert(own(at), &forwarder(STATICCALL, own(number)));
    }
    assert_eq!(world.call(own(0xd1), b"abc", GAS).output, [3; 32]);

    let one = n(1).to_be_bytes_vec();
    assert_eq!(world.call(own(0xd2), &[9; 128 + 5], GAS).output, one);
    assert_eq!(world.asked.last().unwrap(), &(abi::ASK_SM2_VERIFY, [&[4][..], &[9; 133]].concat()));
    assert_eq!(world.call(own(0xd2), &[9; 127], GAS).ending, abi::REVERTED);

    let words = |words: &[U256]| words.iter().flat_map(|word| word.to_be_bytes_vec()).collect::<Vec<_>>();
    let text = |text: &str| U256::from_be_slice(text.as_bytes()) << (256 - 8 * text.len());
    let account = U256::from_be_slice(B.as_slice());
    let attribute = |name: &str| {
        let arguments = words(&[account, n(64), n(name.len() as u64), text(name)]);
        [selector("attribute(address,string)").to_vec(), arguments].concat()
    };
    let done = world.call(own(0xd3), &attribute("role:judge"), GAS);
    assert_eq!(done.output, words(&[n(1), n(64), n(1), n(1) << 248]));
    assert_eq!(world.asked.last().unwrap(), &(abi::ASK_ATTRIBUTE, [B.as_slice(), b"role:judge"].concat()));
    assert_eq!(world.call(own(0xd3), &attribute("role:clerk"), GAS).output, words(&[n(0), n(64), n(0)]));
    for signature in ["credential(address,string)", "approval(bytes32,string)"] {
        let input = [selector(signature).to_vec(), words(&[account, n(64), n(0)])].concat();
        assert_eq!(world.call(own(0xd3), &input, GAS).output, words(&[n(0), n(64), n(0)]));
    }

    // Offsets and sizes beyond the input, or so large that a sum overflows.
    for (offset, size) in [(n(64), n(33)), (n(1 << 40), n(3)), (n(u64::MAX), n(3)), (n(64), n(u64::MAX)), (U256::MAX, n(3))] {
        let input = [selector("attribute(address,string)").to_vec(), words(&[account, offset, size, n(0)])].concat();
        assert_eq!(world.call(own(0xd3), &input, GAS).ending, abi::REVERTED);
    }

    assert_eq!(world.call(own(0xd4), &[5; 32 + 3], GAS).output, one);
    assert_eq!(world.asked.last().unwrap(), &(abi::ASK_EVIDENCE, vec![5; 35]));
    assert_eq!(world.call(own(0xd4), &[5; 31], GAS).ending, abi::REVERTED);
}

#[test]
fn precompiles_cost_gas() {
    for number in [1, 2, 0x0a, 0x0c01, 0x0c02] {
        let mut world = World::new();
        let done = world.call(own(number), &[7; 200], 59);
        assert_eq!((done.ending, done.gas_used), (abi::OUT_OF_GAS, 59), "{number:x}");
    }
}

#[test]
fn code_is_deployed_only_if_it_may_stand() {
    let creation = |code: &[u8]| {
        let mut init = Assembler::default();
        init.push(U256::from_be_slice(code)).push(n(0)).op(MSTORE);
        init.push(n(code.len() as u64)).push(n(32 - code.len() as u64)).op(RETURN);
        init.0
    };
    let mut both = Both::new();
    both.transact(None, &creation(&[PUSH1, SELFDESTRUCT]), GAS); // data of the PUSH
    both.transact(None, &creation(&[STOP, SELFDESTRUCT]), GAS); // not reached
    both.transact(None, &creation(&[0xef, 0]), GAS);
    both.transact(None, &[PUSH2, 0x60, 0x00, PUSH0, RETURN], 6_000_000); // EIP-170: as large as may be
    let large = both.transact(None, &[PUSH2, 0x60, 0x01, PUSH0, RETURN], 6_000_000);
    assert_eq!(large.ending, abi::TRAPPED);
    let done = both.world.transact(None, &creation(&[PUSH0, SELFDESTRUCT]), GAS);
    assert_eq!((done.ending, &done.output[..]), (abi::TRAPPED, &b"contract.scan.selfdestruct: at 1"[..]));
}

#[test]
fn the_scan_follows_what_can_be_reached() {
    let reasons = |code: &[u8]| scan(code, Kind::Deployed).iter().map(|f| (f.reason, f.at)).collect::<Vec<_>>();
    assert_eq!(reasons(&[]), [("contract.scan.empty", 0)]);
    assert_eq!(reasons(&[0xef]), [("contract.scan.format", 0)]);
    assert_eq!(reasons(&[0; 24577]), [("contract.scan.too_large", 0)]);
    assert_eq!(scan(&[0; 24577], Kind::Creation), []);
    assert_eq!(reasons(&[PUSH1, 4, JUMP, SELFDESTRUCT, JUMPDEST, CALLCODE]), [("contract.scan.callcode", 5)]);
    assert_eq!(reasons(&[PUSH1, 5, PUSH0, JUMPI, STOP, JUMPDEST, 0x0c]), [("contract.scan.opcode", 6)]);
    assert_eq!(reasons(&[PUSH1, 5, PUSH0, JUMPI, STOP, CALLDATASIZE, 0x0c]), []); // no JUMPDEST there
    assert_eq!(reasons(&[PUSH2, 0, 7, JUMP, STOP, SELFDESTRUCT, STOP, JUMPDEST, DUPN]), [("contract.scan.opcode", 8)]);
    assert_eq!(reasons(&[PUSH32, SELFDESTRUCT]), []); // the code ends within the PUSH
    let code = [PUSH0, SELFDESTRUCT];
    let report = report(&code, &scan(&code, Kind::Deployed));
    assert_eq!(report, r#"{"findings":[{"detail":"at 1","reason":"contract.scan.selfdestruct"}],"fork":"osaka","size":2}"#);
}

#[test]
fn known_digests_and_addresses() {
    assert_eq!(selector("transfer(address,uint256)"), hex!("a9059cbb"));
    let mut digest = [0; 32];
    unsafe { cx_keccak256(Bytes::of(b""), &mut digest) };
    assert_eq!(digest, hex!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"));
    let mut address = [0; 20];
    let salt = hex!("000000000000000000000000feed000000000000000000000000000000000000"); // EIP-1014, example 3
    let creator = hex!("deadbeef00000000000000000000000000000000");
    unsafe { cx_evm_create2_address(&creator, &salt, Bytes::of(&[0]), &mut address) };
    assert_eq!(address, hex!("D04116cDd17beBE565EB2422F2497E06cC1C9833"));
}

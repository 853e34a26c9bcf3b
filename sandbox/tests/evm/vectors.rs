//! Vectors that go-ethereum keeps beside its machine, from the Go module that tests/oracle/geth pins: instructions
//! with two operands, and Ethereum's precompiles with their gas.

use crate::random::Assembler;
use crate::world::*;
use chengxin_sandbox::abi;
use revm::bytecode::opcode::*;
use revm::primitives::{hex, Address, U256};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/oracle/geth");
    let go = |arguments: &[&str]| {
        let output = Command::new("go").args(arguments).current_dir(module).output().expect("go runs");
        assert!(output.status.success(), "go {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    go(&["mod", "download", "github.com/ethereum/go-ethereum"]);
    Path::new(go(&["list", "-m", "-f", "{{.Dir}}", "github.com/ethereum/go-ethereum"]).trim()).join("core/vm/testdata")
});

fn vectors(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(FOLDER.join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn instructions_with_two_operands() {
    let instructions = [
        ("add", ADD), ("and", AND), ("byte", BYTE), ("div", DIV), ("eq", EQ), ("exp", EXP), ("gt", GT), ("lt", LT),
        ("mod", MOD), ("mul", MUL), ("or", OR), ("sar", SAR), ("sdiv", SDIV), ("sgt", SGT), ("shl", SHL),
        ("shr", SHR), ("signext", SIGNEXTEND), ("slt", SLT), ("smod", SMOD), ("sub", SUB), ("xor", XOR),
    ];
    let mut world = World::new();
    let contract = Address::repeat_byte(0xaa);
    let mut checked = 0;
    for (name, instruction) in instructions {
        for vector in vectors(&format!("testcases_{name}.json")) {
            let mut code = Assembler::default();
            // Y is on top of the stack.
            code.push(U256::from_be_slice(&bytes(&vector["X"]))).push(U256::from_be_slice(&bytes(&vector["Y"])));
            code.op(instruction).push(U256::ZERO).op(MSTORE).push(U256::from(32)).push(U256::ZERO).op(RETURN);
            world.insert(contract, &code.0);
            assert_eq!(world.call(contract, &[], 100_000).output, bytes(&vector["Expected"]), "{name} {vector}");
            checked += 1;
        }
    }
    assert!(checked > 1500);
}

#[test]
fn precompiles_of_ethereum() {
    let files = [
        ("ecRecover", 1), ("modexp_eip7883", 5), ("bn256Add", 6), ("bn256ScalarMul", 7), ("bn256Pairing", 8),
        ("blake2F", 9), ("pointEvaluation", 10), ("blsG1Add", 11), ("blsG1MultiExp", 12), ("blsG2Add", 13),
        ("blsG2MultiExp", 14), ("blsPairing", 15), ("blsMapG1", 16), ("blsMapG2", 17), ("p256Verify", 0x100),
    ];
    let mut world = World::new();
    for (name, number) in files {
        let address = Address::left_padding_from(&u64::to_be_bytes(number));
        for vector in vectors(&format!("precompiles/{name}.json")) {
            let (gas, input) = (vector["Gas"].as_u64().unwrap(), bytes(&vector["Input"]));
            let done = world.call(address, &input, gas);
            let expected = (abi::RETURNED, gas, bytes(&vector["Expected"]));
            assert_eq!((done.ending, done.gas_used, done.output), expected, "{name} {}", vector["Name"]);
            if gas > 0 {
                assert_eq!(world.call(address, &input, gas - 1).ending, abi::OUT_OF_GAS);
            }
        }
    }
}

#[test]
fn input_that_ethereums_precompiles_refuse() {
    let files = [
        ("blake2f", 9), ("blsG1Add", 11), ("blsG1MultiExp", 12), ("blsG2Add", 13), ("blsG2MultiExp", 14),
        ("blsPairing", 15), ("blsMapG1", 16), ("blsMapG2", 17),
    ];
    let mut world = World::new();
    for (name, number) in files {
        let address = Address::left_padding_from(&u64::to_be_bytes(number));
        for vector in vectors(&format!("precompiles/fail-{name}.json")) {
            let done = world.call(address, &bytes(&vector["Input"]), 10_000_000);
            assert_eq!((done.ending, done.gas_used), (abi::TRAPPED, 10_000_000), "{name} {}", vector["Name"]);
        }
    }
}

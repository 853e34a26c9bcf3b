//! Solidity's machine, one frame at a time, on revm's interpreter; state, checkpoints, depth and the frames of other
//! engines are the platform's (docs/adr/0028-evm.md). include/chengxin_sandbox.h documents the C functions.

pub mod cover;
mod interpreter;
pub mod precompile;
pub mod scan;
mod transaction;

use crate::abi::{self, Buffer, Bytes, Context, Host, Message, Outcome, Stop, Verdict};
use crate::{fault, guard};
use interpreter::{Ended, Frame};
use revm::bytecode::Bytecode;
use revm::interpreter::{InstructionResult, InterpreterResult};
use revm::primitives::hardfork::SpecId;
use revm::primitives::{eip170, eip3860, keccak256, Address, HashMap, B256};
use transaction::Transaction;

/// Of every protocol version up to now.
pub const FORK: SpecId = SpecId::OSAKA;
const GAS_PER_CODE_BYTE: u64 = 200;
/// Analysed code that a machine keeps. All of it is dropped at once: what is called next is back after one question.
const KEPT_CODE_BYTES: usize = 16 << 20;

#[derive(Default)]
pub struct Machine {
    transaction: Transaction,
    code: HashMap<[u8; 32], Bytecode>,
    code_bytes: usize,
}

impl Machine {
    fn code(&mut self, digest: &[u8; 32], host: &Host) -> Result<Bytecode, Stop> {
        if let Some(code) = self.code.get(digest) {
            return Ok(code.clone());
        }
        let bytes = host.ask(abi::ASK_CODE, digest)?.ok_or_else(|| Stop::Fault("the code of a contract is gone".into()))?;
        if self.code_bytes > KEPT_CODE_BYTES {
            self.code.clear();
            self.code_bytes = 0;
        }
        self.code_bytes += bytes.len();
        let code = Bytecode::new_legacy(bytes.into());
        self.code.insert(*digest, code.clone());
        Ok(code)
    }
}

#[no_mangle]
pub extern "C" fn cx_evm_new() -> *mut Machine {
    Box::into_raw(Box::default())
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_free(evm: *mut Machine) {
    if !evm.is_null() {
        drop(Box::from_raw(evm));
    }
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_begin(evm: *mut Machine, origin: *const [u8; 20], called: *const [u8; 20]) {
    (*evm).transaction.begin((*origin).into(), (*called).into());
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_mark(evm: *const Machine) -> u64 {
    (*evm).transaction.mark()
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_rewind(evm: *mut Machine, mark: u64) {
    (*evm).transaction.rewind(mark);
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_touch(evm: *mut Machine, address: *const [u8; 20]) {
    let _ = (*evm).transaction.touch((*address).into(), false); // only with `skip_cold` is there an error
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_refund(evm: *const Machine, gas_used: u64) -> u64 {
    (*evm).transaction.refund(gas_used)
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_call(
    evm: *mut Machine, digest: *const [u8; 32], context: *const Context, host: *const Host, message: *const Message,
) -> Outcome {
    let run = || {
        let Message { input, gas, .. } = &*message;
        let transaction = &raw mut (*evm).transaction;
        let code = (*evm).code(&*digest, &*host);
        let ended = code.and_then(|code| Frame::new(transaction, host, context).run(code, input.slice(), *gas));
        outcome(transaction, ended, *gas)
    };
    guard(run, fault)
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_create(
    evm: *mut Machine, context: *const Context, host: *const Host, message: *const Message,
) -> Outcome {
    let run = || {
        let Message { input, gas, .. } = &*message;
        if input.size > eip3860::MAX_INITCODE_SIZE {
            return Outcome::new(abi::TRAPPED, *gas, "contract.scan.too_large");
        }
        let transaction = &raw mut (*evm).transaction;
        let code = Bytecode::new_legacy(input.slice().to_vec().into());
        let ended = Frame::new(transaction, host, context).run(code, &[], *gas);
        outcome(transaction, ended.and_then(deployed), *gas)
    };
    guard(run, fault)
}

/// A creation that returned: its output is code, if it may be deployed and paid for.
fn deployed(mut result: InterpreterResult) -> Ended {
    if !result.is_ok() {
        return Ok(result);
    }
    let code = &result.output;
    let refused = |reason: &str, at| Err(Stop::Refused(format!("{reason}: at {at}")));
    if code.len() > eip170::MAX_CODE_SIZE {
        return refused("contract.scan.too_large", 0);
    }
    if !result.gas.record_regular_cost(GAS_PER_CODE_BYTE * code.len() as u64) {
        result.result = InstructionResult::OutOfGas;
        return Ok(result);
    }
    match scan::scan(code, scan::Kind::Deployed).first() {
        Some(found) if !code.is_empty() => refused(found.reason, found.at),
        _ => Ok(result),
    }
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_is_precompile(address: *const [u8; 20]) -> bool {
    precompile::is(&(*address).into())
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_precompile(host: *const Host, message: *const Message) -> Outcome {
    let run = || {
        let Message { to, input, gas, .. } = &*message;
        match precompile::run(&*host, &(*to).into(), input.slice(), *gas) {
            precompile::Result::Returned { gas: used, output } => Outcome::new(abi::RETURNED, used, output),
            precompile::Result::OutOfGas => Outcome::new(abi::OUT_OF_GAS, *gas, ""),
            precompile::Result::Failed => Outcome::new(abi::TRAPPED, *gas, "contract.trap.precompile"),
            precompile::Result::Stopped(stop) => stopped(stop, *gas),
        }
    };
    guard(run, fault)
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_scan(code: Bytes, creation: bool, protocol: u32, report: *mut Buffer) -> Verdict {
    let _ = protocol; // one set of rules until a second protocol version
    let run = || {
        let kind = if creation { scan::Kind::Creation } else { scan::Kind::Deployed };
        let findings = scan::scan(code.slice(), kind);
        *report = Buffer::of(scan::report(code.slice(), &findings).into_bytes());
        if findings.is_empty() { abi::OK } else { abi::REFUSED }
    };
    guard(run, || abi::FAULT)
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_create_address(creator: *const [u8; 20], nonce: u64, address: *mut [u8; 20]) {
    *address = Address::from(*creator).create(nonce).into();
}

#[no_mangle]
pub unsafe extern "C" fn cx_evm_create2_address(
    creator: *const [u8; 20], salt: *const [u8; 32], init_code: Bytes, address: *mut [u8; 20],
) {
    *address = Address::from(*creator).create2_from_code(B256::from(*salt), init_code.slice()).into();
}

#[no_mangle]
pub unsafe extern "C" fn cx_selector(signature: Bytes, selector: *mut [u8; 4]) {
    (*selector).copy_from_slice(&keccak256(signature.slice())[..4]);
}

fn stopped(stop: Stop, gas: u64) -> Outcome {
    match stop {
        Stop::Refused(reason) => Outcome::new(abi::TRAPPED, gas, reason),
        Stop::Fault(detail) => Outcome::new(abi::HOST_FAULT, gas, detail),
    }
}

unsafe fn outcome(transaction: *mut Transaction, ended: Ended, gas: u64) -> Outcome {
    let result = match ended {
        Ok(result) => result,
        Err(stop) => return stopped(stop, gas),
    };
    let gas_used = gas - result.gas.remaining().min(gas);
    match result.result {
        reason if reason.is_ok() => {
            (*transaction).add_refund(result.gas.refunded());
            Outcome::new(abi::RETURNED, gas_used, result.output)
        }
        reason if reason.is_revert() => Outcome::new(abi::REVERTED, gas_used, result.output),
        reason => match trap(reason) {
            None => Outcome::new(abi::OUT_OF_GAS, gas, ""),
            Some(reason) => Outcome::new(abi::TRAPPED, gas, reason),
        },
    }
}

/// None: out of gas.
fn trap(reason: InstructionResult) -> Option<&'static str> {
    use InstructionResult::*;
    match reason {
        OutOfGas | MemoryOOG | MemoryLimitOOG | PrecompileOOG | InvalidOperandOOG | ReentrancySentryOOG => None,
        InvalidFEOpcode => Some("contract.trap.unreachable"),
        InvalidJump => Some("contract.trap.jump"),
        StackUnderflow | StackOverflow => Some("contract.trap.operands"),
        OutOfOffset => Some("contract.trap.return_data"),
        CallNotAllowedInsideStatic | StateChangeDuringStaticCall => Some("contract.trap.read_only"),
        CreateInitCodeSizeLimit => Some("contract.trap.size"),
        _ => Some("contract.trap.opcode"), // the rest are of later forks, or of frames that the platform makes
    }
}

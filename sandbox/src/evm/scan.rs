//! What may not stand in a contract's code, found without running it.
//!
//! Looked at is what can be reached: from the beginning, and from every JUMPDEST whose position some reached
//! instruction pushes. Compilers push every target they jump to, so data behind the code (metadata, embedded
//! creation code) is not taken for code. Hand-written code can jump to where this does not look; the interpreter
//! has none of the refused instructions, so nothing depends on their being found here.

use revm::bytecode::opcode::*;
use revm::bytecode::Bytecode;
use revm::primitives::{eip170, eip3860};
use serde_json::json;

/// In one report; the first is enough to refuse.
const MAX_FINDINGS: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub reason: &'static str,
    pub at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Deployed,
    Creation,
}

pub fn scan(code: &[u8], kind: Kind) -> Vec<Finding> {
    let limit = match kind {
        Kind::Deployed => eip170::MAX_CODE_SIZE,
        Kind::Creation => eip3860::MAX_INITCODE_SIZE,
    };
    let whole = |reason| vec![Finding { reason, at: 0 }];
    match code.first() {
        None => whole("contract.scan.empty"),
        _ if code.len() > limit => whole("contract.scan.too_large"),
        Some(0xef) => whole("contract.scan.format"), // EIP-3541
        Some(_) => instructions(code),
    }
}

pub fn report(code: &[u8], findings: &[Finding]) -> String {
    let findings: Vec<_> =
        findings.iter().map(|found| json!({"reason": found.reason, "detail": format!("at {}", found.at)})).collect();
    json!({"size": code.len(), "fork": "osaka", "findings": findings}).to_string()
}

fn instructions(code: &[u8]) -> Vec<Finding> {
    let analysed = Bytecode::new_legacy(code.to_vec().into());
    let is_target = |at: usize| at < code.len() && analysed.legacy_jump_table().is_some_and(|table| table.is_valid(at));
    let mut seen = vec![false; code.len()];
    let mut todo = vec![0];
    let mut findings = Vec::new();
    while let Some(mut at) = todo.pop() {
        while at < code.len() && !std::mem::replace(&mut seen[at], true) {
            let instruction = code[at];
            let next = at + 1 + immediate_size(instruction);
            if let Some(reason) = refusal(instruction) {
                findings.push(Finding { reason, at });
                break;
            }
            if let Some(target) = pushed(&code[at + 1..next.min(code.len())]).filter(|target| is_target(*target)) {
                todo.push(target);
            }
            if matches!(instruction, STOP | JUMP | RETURN | REVERT | INVALID) {
                break;
            }
            at = next;
        }
    }
    findings.sort_by_key(|finding| finding.at);
    findings.truncate(MAX_FINDINGS);
    findings
}

fn refusal(instruction: u8) -> Option<&'static str> {
    match instruction {
        SELFDESTRUCT => Some("contract.scan.selfdestruct"),
        CALLCODE => Some("contract.scan.callcode"),
        SLOTNUM | DUPN | SWAPN | EXCHANGE => Some("contract.scan.opcode"), // of a later fork
        _ if OPCODE_INFO[instruction as usize].is_none() => Some("contract.scan.opcode"),
        _ => None,
    }
}

fn immediate_size(instruction: u8) -> usize {
    match instruction {
        PUSH1..=PUSH32 => (instruction - PUSH1) as usize + 1,
        _ => 0,
    }
}

/// The number in the bytes of a PUSH; none for other instructions and for numbers that are no position.
fn pushed(immediate: &[u8]) -> Option<usize> {
    let digits = &immediate[immediate.iter().position(|byte| *byte != 0)?..];
    (digits.len() <= 4).then(|| digits.iter().fold(0, |value, byte| value << 8 | *byte as usize))
}

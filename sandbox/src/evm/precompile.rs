//! Contracts that are built in: Ethereum's of the fork, and the platform's at 0x0c01 to 0x0c04.

use super::FORK;
use crate::abi::{self, Host, Stop};
use revm::precompile::{PrecompileSpecId, PrecompileStatus, Precompiles};
use revm::primitives::Address;

const SM3: u16 = 0x0c01;
const SM2_VERIFY: u16 = 0x0c02;
const ACCOUNT: u16 = 0x0c03;
const EVIDENCE: u16 = 0x0c04;

/// First 4 bytes of Keccak-256 of the signature; the tests derive them again.
pub const ATTRIBUTE: [u8; 4] = [0x21, 0x76, 0x3a, 0xb4]; // attribute(address,string)
pub const CREDENTIAL: [u8; 4] = [0x41, 0x06, 0xc7, 0x12]; // credential(address,string)
pub const APPROVAL: [u8; 4] = [0x18, 0xa4, 0x35, 0xeb]; // approval(bytes32,string)

/// Gas: fixed, and for each word of 32 bytes of the input.
fn price(number: u16) -> (u64, u64) {
    match number {
        SM3 => (60, 12),           // as SHA-256
        SM2_VERIFY => (6_900, 12), // as P256VERIFY, and the hash of the message
        ACCOUNT => (2_600, 3),        // as a cold account
        _ => (60_000, 1_500), // evidence: no less for each signature that a bundle has room for than SM2_VERIFY
    }
}

pub enum Result {
    Returned { gas: u64, output: Vec<u8> },
    OutOfGas,
    /// The input is none that the contract takes; all gas is gone, as in Ethereum.
    Failed,
    Stopped(Stop),
}

fn ethereum() -> &'static Precompiles {
    Precompiles::new(PrecompileSpecId::from_spec_id(FORK))
}

fn own(address: &Address) -> Option<u16> {
    let number = u16::from_be_bytes([address[18], address[19]]);
    (address[..18] == [0; 18] && (SM3..=EVIDENCE).contains(&number)).then_some(number)
}

pub fn is(address: &Address) -> bool {
    address[..16] == [0; 16] && (own(address).is_some() || ethereum().contains(address))
}

pub fn run(host: &Host, address: &Address, input: &[u8], gas: u64) -> Result {
    let Some(number) = own(address) else {
        return match ethereum().get(address) {
            Some(precompile) => ethereum_result(precompile.execute(input, gas, 0)),
            None => Result::Failed,
        };
    };
    let (base, word) = price(number);
    let cost = base + word * (input.len() as u64).div_ceil(32);
    if cost > gas {
        return Result::OutOfGas;
    }
    let output = match number {
        SM3 => host.ask(abi::ASK_SM3, input),
        SM2_VERIFY => sm2_verify(host, input),
        ACCOUNT => known_of(host, input),
        _ => evidence(host, input),
    };
    match output {
        Ok(Some(output)) => Result::Returned { gas: cost, output },
        Ok(None) => Result::Failed,
        Err(stopped) => Result::Stopped(stopped),
    }
}

fn ethereum_result(result: revm::precompile::PrecompileResult) -> Result {
    match result {
        Ok(output) => match output.status {
            PrecompileStatus::Success => Result::Returned { gas: output.gas_used, output: output.bytes.into() },
            PrecompileStatus::Halt(reason) if reason.is_oog() => Result::OutOfGas,
            _ => Result::Failed,
        },
        Err(_) => Result::Failed,
    }
}

type Answer = std::result::Result<Option<Vec<u8>>, Stop>;

/// Public key x || y, signature r || s, message, all packed: a word, 1 or 0.
fn sm2_verify(host: &Host, input: &[u8]) -> Answer {
    if input.len() < 128 {
        return Ok(None);
    }
    let arguments = [&[4], input].concat(); // 04: an uncompressed point
    Ok(host.ask(abi::ASK_SM2_VERIFY, &arguments)?.map(|answer| word(answer == [1]).to_vec()))
}

/// `attribute`, `credential` and `approval`, each returning (bool found, bytes value).
fn known_of(host: &Host, input: &[u8]) -> Answer {
    let Some((selector, arguments)) = input.split_first_chunk() else { return Ok(None) };
    let (what, subject_size) = match *selector {
        ATTRIBUTE => (abi::ASK_ATTRIBUTE, 20),
        CREDENTIAL => (abi::ASK_CREDENTIAL, 20),
        APPROVAL => (abi::ASK_APPROVAL, 32),
        _ => return Ok(None),
    };
    let (Some(subject), Some(name)) = (word_at(arguments, 0), bytes_at(arguments, 32)) else { return Ok(None) };
    let question = [&subject[32 - subject_size..], name].concat();
    let found = host.ask(what, &question)?;
    let mut output = [word(found.is_some()), number(64)].concat();
    let value = found.unwrap_or_default();
    output.extend(number(value.len()));
    output.extend(&value);
    output.resize(output.len().next_multiple_of(32), 0);
    Ok(Some(output))
}

/// Digest, then the bundle: a word, 1 or 0.
fn evidence(host: &Host, input: &[u8]) -> Answer {
    if input.len() < 32 {
        return Ok(None);
    }
    Ok(host.ask(abi::ASK_EVIDENCE, input)?.map(|answer| word(answer == [1]).to_vec()))
}

fn word(value: bool) -> [u8; 32] {
    number(value as usize)
}

fn number(value: usize) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&(value as u64).to_be_bytes());
    word
}

fn word_at(arguments: &[u8], at: usize) -> Option<&[u8]> {
    arguments.get(at..at.checked_add(32)?)
}

fn number_at(arguments: &[u8], at: usize) -> Option<usize> {
    let (high, low) = word_at(arguments, at)?.split_at(24);
    let value = u64::from_be_bytes(low.try_into().ok()?);
    high.iter().all(|byte| *byte == 0).then_some(value as usize)
}

/// A `bytes` or `string` whose offset stands at `at`.
fn bytes_at(arguments: &[u8], at: usize) -> Option<&[u8]> {
    let offset = number_at(arguments, at)?;
    let size = number_at(arguments, offset)?;
    let begin = offset.checked_add(32)?;
    arguments.get(begin..begin.checked_add(size)?)
}

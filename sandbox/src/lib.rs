//! The C interface of include/chengxin_sandbox.h. Every function catches panics.
#![allow(clippy::missing_safety_doc)] // the header says what pointers must be
const _: Option<&str> = option_env!("CHENGXIN_SANDBOX_SOURCES"); // compiled anew when they differ: see build

pub mod abi;
pub mod evm;
pub mod rules;
mod wasm;

use abi::{Buffer, Bytes, Context, Ending, Host, Message, Outcome, Verdict};
use std::ffi::{c_char, CStr};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;

/// What `work` gives, or `instead` after a panic.
pub(crate) fn guard<T>(work: impl FnOnce() -> T, instead: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| instead())
}

pub(crate) fn fault() -> Outcome {
    Outcome::new(abi::HOST_FAULT as Ending, 0, "a panic in the sandbox")
}

#[no_mangle]
pub unsafe extern "C" fn cx_free(buffer: Buffer) {
    drop(buffer.take());
}

#[no_mangle]
pub unsafe extern "C" fn cx_copy(bytes: Bytes) -> Buffer {
    Buffer::of(bytes.slice().to_vec())
}

#[no_mangle]
pub unsafe extern "C" fn cx_keccak256(bytes: Bytes, digest: *mut [u8; 32]) {
    *digest = alloy_primitives::keccak256(bytes.slice()).0;
}

#[no_mangle]
pub unsafe extern "C" fn cx_wasm_open(folder: *const c_char, memory_bytes: usize, folder_bytes: usize) -> *mut wasm::Cache {
    guard(
        || {
            let folder = (!folder.is_null()).then(|| PathBuf::from(CStr::from_ptr(folder).to_string_lossy().into_owned()));
            let cache = wasm::Cache::open(folder, memory_bytes, folder_bytes as u64);
            cache.map_or(std::ptr::null_mut(), |cache| Box::into_raw(Box::new(cache)))
        },
        std::ptr::null_mut,
    )
}

#[no_mangle]
pub unsafe extern "C" fn cx_wasm_close(engine: *mut wasm::Cache) {
    if !engine.is_null() {
        drop(Box::from_raw(engine));
    }
}

#[no_mangle]
pub unsafe extern "C" fn cx_wasm_scan(module: Bytes, protocol: u32, report: *mut Buffer) -> Verdict {
    guard(
        || {
            if !wasm::known(protocol) {
                return abi::FAULT;
            }
            let found = wasm::scan(module.slice());
            *report = Buffer::of(found.json().into_bytes());
            if found.findings.is_empty() { abi::OK } else { abi::REFUSED }
        },
        || abi::FAULT,
    )
}

#[no_mangle]
pub unsafe extern "C" fn cx_wasm_prepare(module: Bytes, protocol: u32, gas: u64) -> Outcome {
    guard(|| wasm::prepare(module.slice(), protocol, gas), fault)
}

#[no_mangle]
pub unsafe extern "C" fn cx_wasm_cover(module: Bytes, protocol: u32, gas: u64, from: u32) -> Outcome {
    guard(|| wasm::cover::prepare(module.slice(), protocol, gas, from), fault)
}

#[no_mangle]
pub unsafe extern "C" fn cx_wasm_functions(module: Bytes) -> Buffer {
    guard(|| Buffer::of(wasm::cover::names(module.slice()).into_bytes()), || Buffer::of(Vec::new()))
}

#[no_mangle]
pub extern "C" fn cx_wasm_covered() -> Buffer {
    guard(|| Buffer::of(wasm::cover::take()), || Buffer::of(Vec::new()))
}

#[no_mangle]
pub unsafe extern "C" fn cx_wasm_compile(engine: *mut wasm::Cache, digest: *const [u8; 32], prepared: Bytes) -> Verdict {
    guard(
        || match (*engine).get(&*digest, || Ok(prepared.slice().to_vec())) {
            Ok(_) => abi::OK,
            Err(wasm::End::Trap(_)) => abi::REFUSED,
            Err(_) => abi::FAULT,
        },
        || abi::FAULT,
    )
}

#[no_mangle]
pub unsafe extern "C" fn cx_wasm_call(
    engine: *mut wasm::Cache, digest: *const [u8; 32], context: *const Context, host: *const Host, message: *const Message,
) -> Outcome {
    guard(|| wasm::call(&*engine, &*digest, &*context, &*host, &*message), fault)
}

#[no_mangle]
pub extern "C" fn cx_evm_cover() {
    guard(evm::cover::start, || ());
}

#[no_mangle]
pub extern "C" fn cx_evm_covered() -> Buffer {
    guard(|| Buffer::of(evm::cover::take()), || Buffer::of(Vec::new()))
}

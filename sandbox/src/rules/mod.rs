//! Rules (CEL) and schemas (JSON Schema 2020-12) behind the C interface: docs/adr/0035-rules-and-schemas.md.
mod evaluate;
mod functions;
mod lower;
pub mod schema;
#[cfg(test)]
mod tests;
mod value;

pub use lower::Rule;

use crate::abi::{self, Buffer, Bytes, Verdict};
use crate::guard;
use schema::Schema;
use serde_json::json;

/// Why something was refused: a stable reason, words for people, and of a rule the byte where it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub reason: &'static str,
    pub detail: String,
    pub at: Option<u32>,
}

impl Fault {
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Fault { reason, detail: detail.into(), at: None }
    }

    /// The innermost position stays.
    pub fn or_at(mut self, at: u32) -> Self {
        self.at.get_or_insert(at);
        self
    }

    /// {"reason", "detail"}, and of a rule "line" and "column", both from 1 and in characters.
    pub fn json(&self, text: &str) -> Vec<u8> {
        let mut object = json!({"reason": self.reason, "detail": self.detail});
        if let Some(at) = self.at {
            let before = text.get(..at as usize).unwrap_or(text);
            object["line"] = json!(before.matches('\n').count() + 1);
            object["column"] = json!(before.chars().rev().take_while(|c| *c != '\n').count() + 1);
        }
        object.to_string().into_bytes()
    }
}

/// Work that is left. What it costs is the same on every machine; running out is a fault that no `||` hides.
pub struct Meter {
    left: u64,
}

pub const COST: &str = "rule.cost";

impl Meter {
    pub fn new(budget: u64) -> Self {
        Meter { left: budget }
    }

    pub fn spend(&mut self, units: u64) -> Result<(), Fault> {
        match self.left.checked_sub(units) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Fault::new(COST, "the rule works longer than it may"))
            }
        }
    }

    /// For passing over bytes once.
    pub fn spend_bytes(&mut self, count: usize) -> Result<(), Fault> {
        self.spend(count as u64 / 16)
    }
}

/// Runs on a stack large enough for parsers and compilers that recurse. None: it panicked.
pub(crate) fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work).expect("a thread");
        thread.join().ok()
    })
}

/// Reads `bytes` as JSON, at most `limit` of them.
pub(crate) fn read_json(bytes: &[u8], limit: usize, too_large: &'static str, malformed: &'static str) -> Result<serde_json::Value, Fault> {
    if bytes.len() > limit {
        return Err(Fault::new(too_large, format!("{} bytes, at most {limit}", bytes.len())));
    }
    serde_json::from_slice(bytes).map_err(|error| Fault::new(malformed, error.to_string()))
}

unsafe fn answer(result: Result<Vec<u8>, Fault>, text: &str, out: *mut Buffer) -> Verdict {
    let (verdict, bytes) = match result {
        Ok(bytes) => (abi::OK, bytes),
        Err(fault) => (abi::REFUSED, fault.json(text)),
    };
    *out = Buffer::of(bytes);
    verdict
}

unsafe fn made<T>(result: Result<T, Fault>, text: &str, object: *mut *mut T, error: *mut Buffer) -> Verdict {
    let result = result.map(|made| {
        *object = Box::into_raw(Box::new(made));
        Vec::new()
    });
    answer(result, text, error)
}

#[no_mangle]
pub unsafe extern "C" fn cx_rule_compile(text: Bytes, rule: *mut *mut Rule, error: *mut Buffer) -> Verdict {
    guard(
        || {
            let text = std::str::from_utf8(text.slice());
            let compiled = text.map_err(|error| Fault::new("rule.syntax", error.to_string())).and_then(Rule::compile);
            made(compiled, text.unwrap_or(""), rule, error)
        },
        || abi::FAULT,
    )
}

#[no_mangle]
pub unsafe extern "C" fn cx_rule_free(rule: *mut Rule) {
    if !rule.is_null() {
        drop(Box::from_raw(rule));
    }
}

#[no_mangle]
pub unsafe extern "C" fn cx_rule_variables(rule: *const Rule) -> Buffer {
    guard(|| Buffer::of(json!((*rule).variables()).to_string().into_bytes()), || Buffer::EMPTY)
}

#[no_mangle]
pub unsafe extern "C" fn cx_rule_evaluate(rule: *const Rule, variables: Bytes, budget: u64, result: *mut Buffer) -> Verdict {
    guard(|| answer((*rule).evaluate(variables.slice(), budget), (*rule).text(), result), || abi::FAULT)
}

#[no_mangle]
pub unsafe extern "C" fn cx_schema_compile(text: Bytes, formats: bool, schema: *mut *mut Schema, error: *mut Buffer) -> Verdict {
    guard(|| made(Schema::compile(text.slice(), formats), "", schema, error), || abi::FAULT)
}

#[no_mangle]
pub unsafe extern "C" fn cx_schema_free(schema: *mut Schema) {
    if !schema.is_null() {
        drop(Box::from_raw(schema));
    }
}

#[no_mangle]
pub unsafe extern "C" fn cx_schema_check(schema: *const Schema, document: Bytes, report: *mut Buffer) -> Verdict {
    guard(|| answer((*schema).check(document.slice()), "", report), || abi::FAULT)
}

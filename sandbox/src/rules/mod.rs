//! Rules (CEL) and schemas (JSON Schema 2020-12) behind the C interface: docs/adr/0035-rules-and-schemas.md.
mod calendar;
mod check;
mod decimal;
mod evaluate;
mod functions;
mod lower;
pub mod schema;
mod sql;
#[cfg(test)]
mod tests;
mod types;
mod value;

pub use check::Typed;
pub use lower::Rule;
pub use sql::Mapping;
pub use types::Environment;

use crate::abi::{self, Buffer, Bytes, Verdict};
use crate::guard;
use schema::Schema;
use serde_json::json;
use sql::Dialect;
use std::sync::Arc;
use types::Type;

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
            let (line, column) = place(text, at);
            object["line"] = json!(line);
            object["column"] = json!(column);
        }
        object.to_string().into_bytes()
    }
}

/// Line and column of a byte, both from 1 and in characters.
fn place(text: &str, at: u32) -> (usize, usize) {
    let before = text.get(..at as usize).unwrap_or(text);
    (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n').count() + 1)
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

/// What was made is shared by those that use it: a checked rule holds on to its rule and its environment.
unsafe fn made<T>(result: Result<T, Fault>, text: &str, object: *mut *const T, error: *mut Buffer) -> Verdict {
    let result = result.map(|made| {
        *object = Arc::into_raw(Arc::new(made));
        Vec::new()
    });
    answer(result, text, error)
}

unsafe fn freed<T>(object: *const T) {
    if !object.is_null() {
        drop(Arc::from_raw(object));
    }
}

unsafe fn shared<T>(object: *const T) -> Arc<T> {
    Arc::increment_strong_count(object);
    Arc::from_raw(object)
}

#[no_mangle]
pub unsafe extern "C" fn cx_rule_compile(text: Bytes, rule: *mut *const Rule, error: *mut Buffer) -> Verdict {
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
pub unsafe extern "C" fn cx_rule_free(rule: *const Rule) {
    freed(rule)
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
pub unsafe extern "C" fn cx_schema_compile(text: Bytes, formats: bool, schema: *mut *const Schema, error: *mut Buffer) -> Verdict {
    guard(|| made(Schema::compile(text.slice(), formats), "", schema, error), || abi::FAULT)
}

#[no_mangle]
pub unsafe extern "C" fn cx_schema_free(schema: *const Schema) {
    freed(schema)
}

#[no_mangle]
pub unsafe extern "C" fn cx_schema_check(schema: *const Schema, document: Bytes, report: *mut Buffer) -> Verdict {
    guard(|| answer((*schema).check(document.slice()), "", report), || abi::FAULT)
}

#[no_mangle]
pub unsafe extern "C" fn cx_environment_compile(text: Bytes, environment: *mut *const Environment, error: *mut Buffer) -> Verdict {
    guard(|| made(Environment::compile(text.slice()), "", environment, error), || abi::FAULT)
}

#[no_mangle]
pub unsafe extern "C" fn cx_environment_free(environment: *const Environment) {
    freed(environment)
}

#[no_mangle]
pub unsafe extern "C" fn cx_rule_check(
    rule: *const Rule, environment: *const Environment, wanted: Bytes, typed: *mut *const Typed, report: *mut Buffer,
) -> Verdict {
    guard(
        || {
            *typed = std::ptr::null();
            let wanted = match wanted.slice() {
                [] => Ok(None),
                text => (*environment).type_of(text).map(Some),
            };
            let checked = wanted.map(|wanted: Option<Type>| Typed::new(shared(rule), shared(environment), wanted.as_ref()));
            let result = checked.map(|checked| match checked {
                Ok(found) => {
                    *typed = Arc::into_raw(Arc::new(found));
                    b"[]".to_vec()
                }
                Err(mistakes) => {
                    let listed: Vec<_> = mistakes.iter().map(|mistake| mistake.json((*rule).text())).collect();
                    json!(listed).to_string().into_bytes()
                }
            });
            answer(result, "", report)
        },
        || abi::FAULT,
    )
}

#[no_mangle]
pub unsafe extern "C" fn cx_typed_free(typed: *const Typed) {
    freed(typed)
}

#[no_mangle]
pub unsafe extern "C" fn cx_typed_gives(typed: *const Typed) -> Buffer {
    guard(|| Buffer::of(json!((*typed).gives().to_string()).to_string().into_bytes()), || Buffer::EMPTY)
}

#[no_mangle]
pub unsafe extern "C" fn cx_typed_reads(typed: *const Typed) -> Buffer {
    guard(
        || {
            let (fields, steps) = (*typed).reads();
            Buffer::of(json!({"fields": fields, "steps": steps}).to_string().into_bytes())
        },
        || Buffer::EMPTY,
    )
}

#[no_mangle]
pub unsafe extern "C" fn cx_typed_evaluate(typed: *const Typed, variables: Bytes, budget: u64, result: *mut Buffer) -> Verdict {
    guard(|| answer((*typed).evaluate(variables.slice(), budget), (*typed).rule.text(), result), || abi::FAULT)
}

#[no_mangle]
pub unsafe extern "C" fn cx_mapping_compile(text: Bytes, mapping: *mut *const Mapping, error: *mut Buffer) -> Verdict {
    guard(|| made(Mapping::compile(text.slice()), "", mapping, error), || abi::FAULT)
}

#[no_mangle]
pub unsafe extern "C" fn cx_mapping_free(mapping: *const Mapping) {
    freed(mapping)
}

#[no_mangle]
pub unsafe extern "C" fn cx_typed_sql(
    typed: *const Typed, postgresql: bool, mapping: *const Mapping, variables: Bytes, result: *mut Buffer,
) -> Verdict {
    let dialect = if postgresql { Dialect::Postgresql } else { Dialect::Sqlite };
    guard(|| answer((*typed).sql(dialect, &*mapping, variables.slice()), (*typed).rule.text(), result), || abi::FAULT)
}

mod agreement;
mod conformance;
mod hostile;
mod interface;
mod schemas;
mod sql;
mod types;
mod values;

use super::{Fault, Rule};
use serde_json::Value;

pub const BUDGET: u64 = 1_000_000;

pub fn run(text: &str, variables: &Value) -> Result<Value, Fault> {
    let answer = Rule::compile(text)?.evaluate(variables.to_string().as_bytes(), BUDGET)?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

/// The reason of a rule that fails, at compiling or at evaluating.
pub fn reason(text: &str, variables: &Value) -> &'static str {
    run(text, variables).expect_err(text).reason
}

//! JSON Schema 2020-12, offline, with bounded work.
//!
//! Without references a schema is a tree, and no part of it meets a value more than a few times. References
//! are what multiplies work (two to itself in each of n definitions are 2^n visits), so each is rewritten to
//! `allOf: [{WORK: weight}, {$ref}]`, and the first of the two counts. A count that runs out, or a stack that
//! is nearly used, ends the check by unwinding to `bounded`.
use super::{on_large_stack, read_json, Fault};
use jsonschema::{Draft, Keyword, PatternOptions, ValidationError, Validator};
use serde_json::{json, Map, Value};
use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

const MAX_SCHEMA_BYTES: usize = 256 << 10;
/// The library gathers every violation, some hundred bytes each, before the first is to be had.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;
const MAX_VIOLATIONS: usize = 100;
/// Of `unevaluated…` in one another: each asks anew what those inside it have asked.
const MAX_UNEVALUATED: usize = 4;
/// References followed, times what each may lead to.
const BUDGET: u64 = 1_000_000;
const STACK_BYTES: usize = 1 << 20;
const MAX_PATTERN_BYTES: usize = 1 << 20;
const WORK: &str = "\u{1}work";
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Compiled once; used by any number of threads.
pub struct Schema {
    validator: Validator,
}

impl Schema {
    /// `formats`: whether `format` is asserted, not a remark; an unknown one is then refused.
    pub fn compile(text: &[u8], formats: bool) -> Result<Schema, Fault> {
        let mut schema = read_json(text, MAX_SCHEMA_BYTES, "schema.too_large", "schema.malformed")?;
        let mut parts = Parts::default();
        parts.look(&schema, 0)?;
        rewrite(&mut schema, 1 + parts.count / 32);
        let built = on_large_stack(|| {
            bounded(|| {
                jsonschema::options()
                    .with_draft(Draft::Draft202012)
                    .offline()
                    .should_validate_formats(formats)
                    .should_ignore_unknown_formats(!formats)
                    .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
                    .with_keyword(WORK, |_, weight, _| Ok(Box::new(Work { weight: weight.as_u64().unwrap_or(1) })))
                    .build(&schema)
                    .map_err(|error| refusal(&error))
            })
        });
        let validator = built.unwrap_or_else(|| Err(Fault::new("schema.invalid", "the schema cannot be compiled")))??;
        Ok(Schema { validator })
    }

    /// A JSON array of {"path", "keyword", "message"} in this order, empty when the document is valid; the first
    /// 100. Messages do not repeat the document's values.
    pub fn check(&self, document: &[u8]) -> Result<Vec<u8>, Fault> {
        let document = read_json(document, MAX_DOCUMENT_BYTES, "schema.document_too_large", "schema.document")?;
        let violations = bounded(|| {
            if self.validator.is_valid(&document) {
                return Vec::new();
            }
            self.validator.iter_errors(&document).map(|error| violation(&error)).collect()
        })?;
        Ok(report(violations))
    }
}

/// Path, keyword, message.
type Violation = (String, String, String);

fn violation(error: &ValidationError) -> Violation {
    (error.instance_path().as_str().into(), error.kind().keyword().into(), error.masked().to_string())
}

/// Sorted: the library's tables are seeded anew in each process.
fn report(mut violations: Vec<Violation>) -> Vec<u8> {
    violations.sort_unstable();
    let rows = violations.iter().take(MAX_VIOLATIONS);
    let rows = rows.map(|(path, keyword, message)| json!({"path": path, "keyword": keyword, "message": message}));
    Value::Array(rows.collect()).to_string().into_bytes()
}

/// A schema that its dialect, or the compiler, does not take.
fn refusal(error: &ValidationError) -> Fault {
    Fault::new("schema.invalid", format!("{}: {error}", error.instance_path().as_str()))
}

/// Values of these are data, whatever they look like.
const DATA: [&str; 4] = ["const", "default", "enum", "examples"];
/// Values of these are names with a schema each.
const NAMED: [&str; 5] = ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

#[derive(Default)]
struct Parts {
    count: u64,
}

impl Parts {
    /// Counts subschemas and refuses what would escape the count.
    fn look(&mut self, schema: &Value, unevaluated: usize) -> Result<(), Fault> {
        match schema {
            Value::Array(items) => items.iter().try_for_each(|item| self.look(item, unevaluated)),
            Value::Object(object) => self.object(object, unevaluated),
            _ => Ok(()),
        }
    }

    fn object(&mut self, object: &Map<String, Value>, unevaluated: usize) -> Result<(), Fault> {
        self.count += 1;
        if object.contains_key(WORK) {
            return Err(Fault::new("schema.invalid", "a keyword of the platform's own"));
        }
        if object.get("$schema").is_some_and(|dialect| dialect != DIALECT) {
            return Err(Fault::new("schema.dialect", format!("only {DIALECT}")));
        }
        for reference in ["$ref", "$dynamicRef"] {
            if let Some(Value::String(to)) = object.get(reference) {
                check_reference(to)?;
            }
        }
        let asks = object.contains_key("unevaluatedItems") || object.contains_key("unevaluatedProperties");
        let unevaluated = unevaluated + usize::from(asks);
        if unevaluated > MAX_UNEVALUATED {
            return Err(Fault::new("schema.too_large", format!("unevaluated… {unevaluated} deep, at most {MAX_UNEVALUATED}")));
        }
        for (keyword, value) in object {
            match value {
                _ if DATA.contains(&keyword.as_str()) => {}
                Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                    named.values().try_for_each(|schema| self.look(schema, unevaluated))?;
                }
                _ => self.look(value, unevaluated)?,
            }
        }
        Ok(())
    }
}

/// What stands under DATA is not rewritten, so nothing may refer to it.
fn check_reference(to: &str) -> Result<(), Fault> {
    let pointer = to.split_once('#').map_or("", |(_, fragment)| fragment);
    if pointer.contains('%') || pointer.split('/').any(|segment| DATA.contains(&segment)) {
        return Err(Fault::new("schema.reference", format!("{to} names data, not a schema")));
    }
    Ok(())
}

fn rewrite(schema: &mut Value, weight: u64) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, weight)),
        Value::Object(object) => {
            for (keyword, value) in object.iter_mut() {
                match value {
                    _ if DATA.contains(&keyword.as_str()) => {}
                    Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                        named.values_mut().for_each(|schema| rewrite(schema, weight));
                    }
                    _ => rewrite(value, weight),
                }
            }
            for reference in ["$ref", "$dynamicRef"] {
                count_reference(object, reference, weight);
            }
        }
        _ => {}
    }
}

fn count_reference(object: &mut Map<String, Value>, keyword: &str, weight: u64) {
    if !object.get(keyword).is_some_and(Value::is_string) {
        return; // a malformed one is the compiler's to refuse
    }
    let to = object.remove(keyword).unwrap_or_default();
    if let Value::Array(all) = object.entry("allOf").or_insert_with(|| json!([])) {
        all.push(json!({ WORK: weight }));
        all.push(json!({ keyword: to }));
    }
}

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
    static STACK: Cell<usize> = const { Cell::new(0) };
}

struct Work {
    weight: u64,
}

impl Work {
    fn count(&self) {
        let left = LEFT.get().checked_sub(self.weight);
        LEFT.set(left.unwrap_or(0));
        if left.is_none() {
            resume_unwind(Box::new(Fault::new("schema.cost", "the check works longer than it may")));
        }
        if STACK.get().abs_diff(stack_now()) > STACK_BYTES {
            resume_unwind(Box::new(Fault::new("schema.depth", "references lead too deep")));
        }
    }
}

impl<'i> Keyword<'i> for Work {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        self.count();
        Ok(())
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        self.count();
        true
    }
}

#[inline(never)]
fn stack_now() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)) as usize
}

/// What `work` gives, unless `Work::count` ended it. Other panics go on.
fn bounded<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    LEFT.set(BUDGET);
    STACK.set(stack_now());
    catch_unwind(AssertUnwindSafe(work)).or_else(|reason| match reason.downcast::<Fault>() {
        Ok(fault) => Err(*fault),
        Err(reason) => resume_unwind(reason),
    })
}

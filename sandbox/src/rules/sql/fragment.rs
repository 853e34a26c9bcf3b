//! Pieces of SQL with the values that belong to their placeholders, in the order of the text.
use crate::rules::types::Type;
use crate::rules::value::Value;
use crate::rules::Fault;
use serde_json::{json, Value as Json};

/// Of the text, and of what a parser has to hold while it reads it: SQLite's holds 100 symbols (YYSTACKDEPTH), some of them of
/// the statement around.
const MAX_TEXT_BYTES: usize = 64 << 10;
const MAX_DEPTH: usize = 80;

#[derive(Clone, Copy, PartialEq)]
pub enum Dialect {
    Sqlite,
    Postgresql,
}

/// NULL in place of a value means that evaluation faults, or, where `missing`, that the value is null; never both.
#[derive(Clone)]
pub struct Sql {
    pub text: String,
    /// A number, a text, or {"b": hex}.
    pub values: Vec<Json>,
    pub faults: bool,
    pub missing: bool,
    /// Symbols that a parser holds, at most, at its innermost part.
    pub depth: usize,
}

impl Sql {
    pub fn plain(text: impl Into<String>) -> Self {
        Sql { text: text.into(), values: Vec::new(), faults: false, missing: false, depth: 0 }
    }

    pub fn value(value: Json) -> Self {
        Sql { values: vec![value], ..Sql::plain("?") }
    }

    pub fn faulting(self) -> Self {
        Sql { faults: true, ..self }
    }

    /// That it is settled: true, false or a value, never NULL.
    pub fn settled(self) -> Self {
        Sql { faults: false, missing: false, ..self }
    }
}

/// Each {} of the template is one of the parts, in this order. It faults where one of them does.
pub fn fill(template: &str, parts: &[&Sql]) -> Result<Sql, Fault> {
    let mut made = Sql::plain("");
    let mut left = template.split("{}");
    made.text.push_str(left.next().unwrap_or(""));
    for (part, text) in parts.iter().zip(left) {
        made.text.push_str(&part.text);
        made.text.push_str(text);
        made.values.extend(part.values.iter().cloned());
        made.faults |= part.faults;
        made.depth = made.depth.max(part.depth);
    }
    made.depth += nesting(template);
    if made.text.len() > MAX_TEXT_BYTES || made.depth > MAX_DEPTH {
        return Err(Fault::new("rules.sql_too_large", "the SQL of this rule is too long or nested too deeply"));
    }
    Ok(made)
}

/// Symbols that a parser holds, at most, when it comes to a part: words before it, a closed bracket counting as one.
fn nesting(template: &str) -> usize {
    let (mut open, mut most, mut in_word) = (vec![0usize], 0, false);
    for (at, byte) in template.bytes().enumerate() {
        let word = !matches!(byte, b' ' | b'(' | b')');
        if template[at..].starts_with("{}") {
            most = most.max(open.iter().sum());
        }
        if byte == b')' && open.len() > 1 {
            open.pop();
        } else if byte == b'(' || (word && !in_word) {
            if let Some(held) = open.last_mut() {
                *held += 1;
            }
        }
        if byte == b'(' {
            open.push(0);
        }
        in_word = word;
    }
    most
}

/// Joined by AND or OR as a tree, so that many are not deep.
pub fn joined(mut parts: Vec<Sql>, word: &str, of_none: &str) -> Result<Sql, Fault> {
    while parts.len() > 1 {
        let template = format!("({{}} {word} {{}})");
        let pairs = parts.chunks(2).map(|pair| match pair {
            [a, b] => fill(&template, &[a, b]),
            _ => Ok(pair[0].clone()),
        });
        parts = pairs.collect::<Result<_, _>>()?;
    }
    Ok(parts.pop().unwrap_or_else(|| Sql::plain(of_none)))
}

/// NULL of the type, so that PostgreSQL need not guess.
pub fn null(of: &Type) -> Sql {
    Sql::plain(match of.present() {
        Type::Bool => "(1 = NULL)",
        Type::Text | Type::Dictionary(_) => "CAST(NULL AS text)",
        Type::Bytes => "(NULL)",
        _ => "CAST(NULL AS bigint)",
    })
}

/// A value of the type as it is in a column. None: it has no such form.
pub fn literal(of: &Type, value: &Value) -> Option<Sql> {
    let whole = |number: i64| Some(Sql::value(json!(number)));
    match (of.present(), value) {
        (_, Value::Null) => Some(Sql { missing: true, ..null(of) }),
        (Type::Bool, Value::Bool(flag)) => Some(Sql::plain(if *flag { "TRUE" } else { "FALSE" })),
        (Type::Int, Value::Int(number)) => whole(*number),
        (Type::Decimal { scale, .. }, _) => whole(value.exact()?.at_scale(*scale)?.units()),
        (Type::Date, Value::Date(days)) => whole(i64::from(*days)),
        (Type::Time, Value::Time(seconds)) => whole(i64::from(*seconds)),
        (Type::Instant, Value::Instant(ms)) => whole(*ms),
        (Type::Text | Type::Dictionary(_), Value::String(text)) if !text.contains('\0') => Some(Sql::value(json!(&**text))),
        (Type::Bytes, Value::Bytes(bytes)) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(Sql::value(json!({"b": hex})))
        }
        _ => None,
    }
}

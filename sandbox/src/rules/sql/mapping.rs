//! Where the fields of objects are in tables: written by the platform, never by who writes rules.
use crate::rules::{read_json, Fault};
use serde_json::Value as Json;
use std::collections::BTreeMap;

const MAX_MAPPING_BYTES: usize = 4 << 20;

pub struct Mapping {
    /// The row that is asked about, as the query around the filter calls it; none: by its table's name.
    pub alias: Option<String>,
    pub objects: BTreeMap<String, Object>,
}

pub struct Object {
    pub table: String,
    pub key: String,
    pub fields: BTreeMap<String, Field>,
}

#[derive(Clone)]
pub enum Field {
    Column(Column),
    /// Rows of the list's own object whose `of` is the key of this one.
    Rows { of: String },
    /// Rows of another table, each with one value.
    Values { table: String, of: String, value: Column },
}

#[derive(Clone)]
pub enum Column {
    Name(String),
    /// SQL with {} for the name of the row's table.
    Expression(String),
}

impl Column {
    pub fn of(&self, row: &str) -> String {
        match self {
            Column::Name(name) => format!("{row}.{name}"),
            Column::Expression(text) => format!("({})", text.replace("{}", row)),
        }
    }
}

fn malformed(path: &str, detail: &str) -> Fault {
    Fault::new("rules.sql_mapping", format!("{path}: {detail}"))
}

/// A name in quotes.
fn name(json: &Json, path: &str) -> Result<String, Fault> {
    let text = json.as_str().unwrap_or("");
    let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !letters || !(1..=63).contains(&text.len()) || text.as_bytes()[0].is_ascii_digit() {
        return Err(malformed(path, "not a name of letters, digits and _"));
    }
    Ok(format!("\"{text}\""))
}

fn column(json: &Json, path: &str) -> Result<Column, Fault> {
    match json.get("sql").and_then(Json::as_str) {
        Some(text) if !text.contains('?') => Ok(Column::Expression(text.into())),
        Some(_) => Err(malformed(path, "an expression has no placeholders")),
        None => name(json, path).map(Column::Name),
    }
}

fn field(json: &Json, path: &str) -> Result<Field, Fault> {
    Ok(match (json.get("table"), json.get("of"), json.get("value")) {
        (None, Some(of), None) => Field::Rows { of: name(of, path)? },
        (Some(table), Some(of), Some(value)) => {
            Field::Values { table: name(table, path)?, of: name(of, path)?, value: column(value, path)? }
        }
        _ => Field::Column(column(json, path)?),
    })
}

impl Mapping {
    /// {"alias": "t", "objects": {name: {"table", "key", "fields": {field: where}}}}, where is "column", {"sql":
    /// "lower({}.code)"}, {"of": column} of a list of objects, or {"table", "of": column, "value": column} of one of values.
    /// A bool is 0 or 1, a decimal its units, a date days and an instant milliseconds since 1970, a time seconds of the
    /// day, a reference the key of a row that is there.
    pub fn compile(text: &[u8]) -> Result<Self, Fault> {
        let json = read_json(text, MAX_MAPPING_BYTES, "rules.sql_mapping", "rules.sql_mapping")?;
        let alias = json.get("alias").map(|alias| name(alias, "alias")).transpose()?;
        let mut objects = BTreeMap::new();
        let listed = json.get("objects").and_then(Json::as_object).ok_or_else(|| malformed("objects", "not an object"))?;
        for (of, object) in listed {
            let part = |part: &str| name(object.get(part).unwrap_or(&Json::Null), &format!("{of}.{part}"));
            let mut fields = BTreeMap::new();
            for (called, at) in object.get("fields").and_then(Json::as_object).into_iter().flatten() {
                fields.insert(called.clone(), field(at, &format!("{of}.{called}"))?);
            }
            objects.insert(of.clone(), Object { table: part("table")?, key: part("key")?, fields });
        }
        Ok(Mapping { alias, objects })
    }
}

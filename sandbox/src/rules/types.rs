//! Types of an application's data, declared in JSON (an environment), and values of them from and to JSON.
use super::calendar;
use super::decimal::{Decimal, MAX_SCALE};
use super::value::{Key, Value};
use super::{read_json, Fault, Meter};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const MAX_ENVIRONMENT_BYTES: usize = 4 << 20;
const MAX_TYPE_DEPTH: usize = 16;
/// Of an environment, what is no variable.
const OBJECTS: &str = "objects";
const DICTIONARIES: &str = "dictionaries";

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Of what was refused already, and of the elements of []: fits everything.
    Unknown,
    Null,
    Bool,
    Int,
    Decimal { scale: u8, unit: Option<Arc<str>> },
    Text,
    Bytes,
    Date,
    Time,
    Instant,
    /// Kept and handed on, never looked into.
    Geometry,
    /// A text out of the codes that this dictionary lists.
    Dictionary(Arc<str>),
    List(Arc<Type>),
    Map(Arc<Type>),
    Object(Arc<str>),
    /// May be missing: null.
    Optional(Arc<Type>),
}

/// What the data of rules is made of. Compiled once; used by any number of threads.
pub struct Environment {
    pub variables: BTreeMap<Arc<str>, Type>,
    pub objects: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Type>>,
    pub dictionaries: BTreeMap<Arc<str>, BTreeSet<String>>,
}

fn malformed(path: &str, detail: impl std::fmt::Display) -> Fault {
    Fault::new("rules.environment", format!("{path}: {detail}"))
}

fn members<'a>(json: &'a Json, path: &str) -> Result<&'a serde_json::Map<String, Json>, Fault> {
    json.as_object().ok_or_else(|| malformed(path, "not an object"))
}

impl Environment {
    /// {"it": type, "me": type, …, "objects": {name: {"fields": {name: type}}}, "dictionaries": {name: [code]}}.
    /// A type is "bool", "int", "text", "bytes", "date", "time", "instant", "geometry", or an object: {"type": one of
    /// these}, {"decimal": scale, "unit"}, {"dictionary": name}, {"list": type}, {"map": type}, {"object": name} or,
    /// the same, {"ref": name}; with "optional": true beside it, it may be missing. A list never is: it may be empty.
    pub fn compile(text: &[u8]) -> Result<Self, Fault> {
        let json = read_json(text, MAX_ENVIRONMENT_BYTES, "rules.environment", "rules.environment")?;
        let top = members(&json, "environment")?;
        let part = |name: &str| top.get(name).map_or(Ok(None), |part| members(part, name).map(Some));
        let (objects, dictionaries) = (part(OBJECTS)?, part(DICTIONARIES)?);
        let mut made = Environment { variables: BTreeMap::new(), objects: BTreeMap::new(), dictionaries: BTreeMap::new() };
        for (name, codes) in dictionaries.into_iter().flatten() {
            let list = codes.as_array().and_then(|codes| codes.iter().map(|code| code.as_str().map(String::from)).collect());
            made.dictionaries.insert(name.as_str().into(), list.ok_or_else(|| malformed(name, "not a list of codes"))?);
        }
        // Names first, since objects name one another.
        for name in objects.into_iter().flatten().map(|(name, _)| name.as_str()) {
            made.objects.insert(name.into(), BTreeMap::new());
        }
        for (name, object) in objects.into_iter().flatten() {
            let fields = members(object.get("fields").unwrap_or(&Json::Null), name)?;
            let field = |(field, of): (&String, _)| Ok((field.as_str().into(), made.read(of, &format!("{name}.{field}"), 0)?));
            let fields = fields.iter().map(field).collect::<Result<_, Fault>>()?;
            made.objects.insert(name.as_str().into(), fields);
        }
        for (name, of) in top.iter().filter(|(name, _)| *name != OBJECTS && *name != DICTIONARIES) {
            let read = made.read(of, name, 0)?;
            made.variables.insert(name.as_str().into(), read);
        }
        Ok(made)
    }

    pub fn type_of(&self, text: &[u8]) -> Result<Type, Fault> {
        self.read(&read_json(text, MAX_ENVIRONMENT_BYTES, "rules.environment", "rules.environment")?, "type", 0)
    }

    fn read(&self, json: &Json, path: &str, depth: usize) -> Result<Type, Fault> {
        if depth > MAX_TYPE_DEPTH {
            return Err(malformed(path, "nested too deeply"));
        }
        if let Some(name) = json.as_str() {
            return simple(name).ok_or_else(|| malformed(path, format!("no type {name}")));
        }
        let object = members(json, path)?;
        let known = |table: bool, name: &str| if table { Ok(name.into()) } else { Err(malformed(path, format!("no {name}"))) };
        let mut found = Vec::new();
        for (key, value) in object {
            let name = value.as_str().unwrap_or("");
            match key.as_str() {
                "type" => found.push(self.read(value, path, depth + 1)?),
                "decimal" => {
                    let scale = value.as_u64().and_then(|scale| u8::try_from(scale).ok()).filter(|scale| *scale <= MAX_SCALE);
                    let scale = scale.ok_or_else(|| malformed(path, "a decimal has 0 to 18 digits behind the point"))?;
                    let unit = object.get("unit").map(|unit| unit.as_str().ok_or_else(|| malformed(path, "a unit is a text")));
                    found.push(Type::Decimal { scale, unit: unit.transpose()?.map(Arc::from) });
                }
                "dictionary" => found.push(Type::Dictionary(known(self.dictionaries.contains_key(name), name)?)),
                "object" | "ref" => found.push(Type::Object(known(self.objects.contains_key(name), name)?)),
                "list" => found.push(Type::List(Arc::new(self.read(value, path, depth + 1)?))),
                "map" => found.push(Type::Map(Arc::new(self.read(value, path, depth + 1)?))),
                "optional" if value.is_boolean() => {}
                "unit" if object.contains_key("decimal") => {}
                _ => return Err(malformed(path, format!("{key} is not understood"))),
            }
        }
        let [found] = found.as_slice() else { return Err(malformed(path, "exactly one type belongs here")) };
        match (object.get("optional") == Some(&Json::Bool(true)), found) {
            (true, Type::List(_)) => Err(malformed(path, "a list may be empty but is never missing")),
            (true, found) => Ok(found.clone().optional()),
            (false, found) => Ok(found.clone()),
        }
    }

    /// A value of this type. What an object lacks is missing where it may be, and else a fault when it is read.
    pub fn value(&self, of: &Type, json: &Json, path: &str) -> Result<Value, Fault> {
        let wrong = || Fault::new("rule.data", format!("{path} is not {of}"));
        let text = || json.as_str().ok_or_else(wrong);
        Ok(match of {
            Type::Optional(_) | Type::Null if json.is_null() => Value::Null,
            Type::Optional(inner) => self.value(inner, json, path)?,
            Type::Unknown | Type::Null => return Err(wrong()),
            Type::Bool => Value::Bool(json.as_bool().ok_or_else(wrong)?),
            Type::Int => Value::Int(json.as_i64().ok_or_else(wrong)?),
            Type::Decimal { scale, .. } => {
                let number = match json {
                    Json::String(text) => Decimal::parse(text),
                    _ => json.as_i64().and_then(|whole| Decimal::new(i128::from(whole), 0)),
                };
                Value::Decimal(number.and_then(|number| number.at_scale(*scale)).ok_or_else(wrong)?)
            }
            Type::Text | Type::Dictionary(_) => Value::text(text()?),
            Type::Bytes => Value::Bytes(from_hex(text()?).ok_or_else(wrong)?.into()),
            Type::Date => Value::Date(calendar::parse_date(text()?).ok_or_else(wrong)?),
            Type::Time => Value::Time(calendar::parse_time(text()?).ok_or_else(wrong)?),
            Type::Instant => Value::Instant(match json.as_i64() {
                Some(ms) => calendar::check_instant(ms).ok_or_else(wrong)?,
                None => calendar::parse_instant(text()?).ok_or_else(wrong)?,
            }),
            Type::Geometry => Value::from_json(json)?,
            Type::List(element) => {
                let items = json.as_array().ok_or_else(wrong)?.iter().enumerate();
                let read = items.map(|(at, item)| self.value(element, item, &format!("{path}[{at}]")));
                Value::list(read.collect::<Result<_, _>>()?)
            }
            Type::Map(element) => {
                let entries = json.as_object().ok_or_else(wrong)?.iter();
                let entry = |(key, item): (&String, _)| {
                    Ok((Key::String(key.as_str().into()), self.value(element, item, &format!("{path}.{key}"))?))
                };
                Value::Map(Arc::new(entries.map(entry).collect::<Result<_, Fault>>()?))
            }
            Type::Object(name) => self.object(&self.objects[name], json.as_object().ok_or_else(wrong)?, path)?,
        })
    }

    fn object(&self, fields: &BTreeMap<Arc<str>, Type>, json: &serde_json::Map<String, Json>, path: &str) -> Result<Value, Fault> {
        let mut entries = BTreeMap::new();
        for (name, of) in fields {
            let value = match (json.get(&**name), of) {
                (Some(value), _) => self.value(of, value, &format!("{path}.{name}"))?,
                (None, Type::Optional(_)) => Value::Null,
                (None, _) => continue,
            };
            entries.insert(Key::String(name.clone()), value);
        }
        Ok(Value::Map(Arc::new(entries)))
    }
}

fn simple(name: &str) -> Option<Type> {
    Some(match name {
        "bool" => Type::Bool,
        "int" => Type::Int,
        "text" => Type::Text,
        "bytes" => Type::Bytes,
        "date" => Type::Date,
        "time" => Type::Time,
        "instant" => Type::Instant,
        "geometry" => Type::Geometry,
        _ => return None,
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = pair { Some(digit(*high)? << 4 | digit(*low)?) } else { None }).collect()
}

impl Type {
    pub fn optional(self) -> Self {
        match self {
            Type::Optional(_) | Type::Null | Type::Unknown => self,
            _ => Type::Optional(Arc::new(self)),
        }
    }

    /// Without "may be missing".
    pub fn present(&self) -> &Self {
        match self {
            Type::Optional(inner) => inner,
            _ => self,
        }
    }

    pub fn is_text(&self) -> bool {
        matches!(self, Type::Text | Type::Dictionary(_) | Type::Unknown)
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Decimal { .. } | Type::Unknown)
    }

    /// Of both branches of a conditional, or of two elements of a list.
    pub fn join(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (a, b) if a == b => a.clone(),
            (Type::Unknown, other) | (other, Type::Unknown) => other.clone(),
            (Type::Null, other) | (other, Type::Null) => other.clone().optional(),
            (Type::Optional(a), b) => a.join(b.present())?.optional(),
            (a, Type::Optional(b)) => a.join(b)?.optional(),
            (a, b) if a.is_text() && b.is_text() => Type::Text,
            (Type::Int, Type::Decimal { .. }) => other.clone(),
            (Type::Decimal { .. }, Type::Int) => self.clone(),
            (Type::Decimal { scale: a, unit: u }, Type::Decimal { scale: b, unit: v }) => {
                Type::Decimal { scale: *a.max(b), unit: common_unit(u, v)? }
            }
            (Type::List(a), Type::List(b)) => Type::List(Arc::new(a.join(b)?)),
            (Type::Map(a), Type::Map(b)) => Type::Map(Arc::new(a.join(b)?)),
            _ => return None,
        })
    }

    /// A decimal, or an int in place of one, with as many digits behind the point as the type has.
    pub fn scaled(&self, value: Value) -> Result<Value, Fault> {
        match (self.present(), &value) {
            (Type::Decimal { scale, .. }, Value::Decimal(number)) if number.scale() == *scale => Ok(value),
            (Type::Decimal { scale, .. }, Value::Int(_) | Value::Decimal(_)) => {
                let number = value.exact().and_then(|number| number.at_scale(*scale)).map(Value::Decimal);
                number.ok_or_else(|| Fault::new("rule.arithmetic", format!("the number does not fit into {self}")))
            }
            _ => Ok(value),
        }
    }

    pub fn json(&self, value: &Value, meter: &mut Meter) -> Result<Json, Fault> {
        match (self, value) {
            (Type::Optional(inner), _) => inner.json(value, meter),
            (Type::Decimal { .. }, _) => self.scaled(value.clone())?.to_json(meter),
            (Type::Bytes, Value::Bytes(bytes)) => {
                meter.spend_bytes(bytes.len())?;
                Ok(Json::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
            }
            (Type::List(element), Value::List(items)) => {
                meter.spend(1)?;
                items.iter().map(|item| element.json(item, meter)).collect()
            }
            _ => value.to_json(meter),
        }
    }
}

/// A number without a unit goes with any; two units only with themselves.
fn common_unit(a: &Option<Arc<str>>, b: &Option<Arc<str>>) -> Option<Option<Arc<str>>> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => None,
        (Some(unit), _) | (None, Some(unit)) => Some(Some(unit.clone())),
        (None, None) => Some(None),
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Type::Unknown => write!(f, "unknown"),
            Type::Null => write!(f, "null"),
            Type::Bool => write!(f, "bool"),
            Type::Int => write!(f, "int"),
            Type::Decimal { scale, unit: None } => write!(f, "decimal({scale})"),
            Type::Decimal { scale, unit: Some(unit) } => write!(f, "decimal({scale}) {unit}"),
            Type::Text => write!(f, "text"),
            Type::Bytes => write!(f, "bytes"),
            Type::Date => write!(f, "date"),
            Type::Time => write!(f, "time"),
            Type::Instant => write!(f, "instant"),
            Type::Geometry => write!(f, "geometry"),
            Type::Dictionary(name) => write!(f, "dictionary({name})"),
            Type::List(element) => write!(f, "list({element})"),
            Type::Map(element) => write!(f, "map({element})"),
            Type::Object(name) => write!(f, "object({name})"),
            Type::Optional(inner) => write!(f, "optional({inner})"),
        }
    }
}

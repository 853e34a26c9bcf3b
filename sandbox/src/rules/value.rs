//! Values of CEL, from and to JSON.
use super::calendar;
use super::decimal::Decimal;
use super::{Fault, Meter};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Decimal(Decimal),
    /// Days since 1970-01-01.
    Date(i32),
    /// Seconds of a day.
    Time(i32),
    /// Milliseconds since 1970 UTC.
    Instant(i64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    List(Arc<Vec<Value>>),
    Map(Arc<BTreeMap<Key, Value>>),
}

/// Of a map. Int and uint that are equal are one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Bool(bool),
    Number(i128),
    String(Arc<str>),
}

/// 2^64: whole numbers from here on have no type of CEL that holds each of them.
const WHOLE_END: f64 = 18_446_744_073_709_551_616.0;

impl Value {
    pub fn text(text: &str) -> Self {
        Value::String(text.into())
    }

    pub fn list(items: Vec<Value>) -> Self {
        Value::List(Arc::new(items))
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::Decimal(_) => "decimal",
            Value::Date(_) => "date",
            Value::Time(_) => "time",
            Value::Instant(_) => "instant",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "map",
        }
    }

    /// Of an int, uint or decimal: one number as a decimal, where it fits into one.
    pub fn exact(&self) -> Option<Decimal> {
        match self {
            Value::Int(number) => Decimal::new(i128::from(*number), 0),
            Value::Uint(number) => Decimal::new(i128::from(*number), 0),
            Value::Decimal(number) => Some(*number),
            _ => None,
        }
    }

    /// Int and uint as they are; a double that is whole.
    pub fn whole(&self) -> Option<i128> {
        match self {
            Value::Int(number) => Some(i128::from(*number)),
            Value::Uint(number) => Some(i128::from(*number)),
            Value::Double(number) if number.fract() == 0.0 && number.abs() < WHOLE_END => Some(*number as i128),
            _ => None,
        }
    }

    /// What finds an entry of a map, or an index of a list.
    pub fn key(&self) -> Option<Key> {
        match self {
            Value::Bool(flag) => Some(Key::Bool(*flag)),
            Value::String(text) => Some(Key::String(text.clone())),
            _ => self.whole().map(Key::Number),
        }
    }

    pub fn from_key(key: &Key) -> Self {
        match key {
            Key::Bool(flag) => Value::Bool(*flag),
            Key::String(text) => Value::String(text.clone()),
            Key::Number(number) => match i64::try_from(*number) {
                Ok(number) => Value::Int(number),
                Err(_) => Value::Uint(*number as u64),
            },
        }
    }

    /// Whole numbers become int, or uint above 2^63 - 1; others double. What lost digits is refused.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, Fault> {
        use serde_json::Value as Json;
        Ok(match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::String(text) => Value::text(text),
            Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), _, _) => Value::Int(number),
                (_, Some(number), _) => Value::Uint(number),
                (_, _, Some(number)) if number.abs() < WHOLE_END => Value::Double(number),
                _ => return Err(Fault::new("rule.number", format!("{number} is too large"))),
            },
            Json::Array(items) => Value::list(items.iter().map(Value::from_json).collect::<Result<_, _>>()?),
            Json::Object(entries) => {
                let entry = |(key, value): (&String, _)| Ok((Key::String(key.as_str().into()), Value::from_json(value)?));
                Value::Map(Arc::new(entries.iter().map(entry).collect::<Result<_, Fault>>()?))
            }
        })
    }

    /// Charged for every value written, since a small value may hold another many times over.
    pub fn to_json(&self, meter: &mut Meter) -> Result<serde_json::Value, Fault> {
        use serde_json::Value as Json;
        meter.spend(1)?;
        Ok(match self {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Int(number) => Json::from(*number),
            Value::Uint(number) => Json::from(*number),
            Value::Double(number) => match serde_json::Number::from_f64(*number) {
                Some(number) => Json::Number(number),
                None => return Err(Fault::new("rule.number", format!("{number} has no form in JSON"))),
            },
            Value::String(text) => {
                meter.spend_bytes(text.len())?;
                Json::String(text.to_string())
            }
            Value::Decimal(number) => Json::String(number.to_string()),
            Value::Date(days) => Json::String(calendar::date_text(*days)),
            Value::Time(seconds) => Json::String(calendar::time_text(*seconds)),
            Value::Instant(ms) => Json::String(calendar::instant_text(*ms)),
            Value::Bytes(_) => return Err(Fault::new("rule.type", "bytes have no form in JSON")),
            Value::List(items) => Json::Array(items.iter().map(|item| item.to_json(meter)).collect::<Result<_, _>>()?),
            Value::Map(entries) => {
                let mut object = serde_json::Map::new();
                for (key, value) in entries.iter() {
                    let Key::String(key) = key else {
                        return Err(Fault::new("rule.type", "in JSON the keys of a map are strings"));
                    };
                    meter.spend_bytes(key.len())?;
                    object.insert(key.to_string(), value.to_json(meter)?);
                }
                Json::Object(object)
            }
        })
    }

    /// Numbers of different types are compared as the numbers they stand for; NaN equals nothing.
    pub fn equals(&self, other: &Value, meter: &mut Meter) -> Result<bool, Fault> {
        meter.spend(1)?;
        Ok(match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) => {
                meter.spend_bytes(a.len().min(b.len()))?;
                a == b
            }
            (Value::Bytes(a), Value::Bytes(b)) => {
                meter.spend_bytes(a.len().min(b.len()))?;
                a == b
            }
            (Value::List(a), Value::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !a.equals(b, meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Map(a), Value::Map(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for ((key, value), (other_key, other)) in a.iter().zip(b.iter()) {
                    if key != other_key || !value.equals(other, meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Date(a), Value::Date(b)) | (Value::Time(a), Value::Time(b)) => a == b,
            (Value::Instant(a), Value::Instant(b)) => a == b,
            (Value::Decimal(_), Value::Double(_)) | (Value::Double(_), Value::Decimal(_)) => return Err(inexact()),
            _ => self.compare_numbers(other) == Some(Ordering::Equal),
        })
    }

    fn compare_numbers(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Decimal(a), Value::Decimal(b)) => Some(a.compare(*b)),
            (Value::Decimal(a), _) => Some(a.compare_whole(other.whole()?)),
            (_, Value::Decimal(b)) => Some(b.compare_whole(self.whole()?).reverse()),
            (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Value::Double(a), _) => against_whole(*a, other.whole()?),
            (_, Value::Double(b)) => against_whole(*b, self.whole()?).map(Ordering::reverse),
            _ => Some(self.whole()?.cmp(&other.whole()?)),
        }
    }

    /// None: of NaN. Strings by code point.
    pub fn order(&self, other: &Value, meter: &mut Meter) -> Result<Option<Ordering>, Fault> {
        let number = |value: &Value| matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Decimal(_));
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => Ok(Some(a.cmp(b))),
            (Value::String(a), Value::String(b)) => {
                meter.spend_bytes(a.len().min(b.len()))?;
                Ok(Some(a.cmp(b)))
            }
            (Value::Bytes(a), Value::Bytes(b)) => {
                meter.spend_bytes(a.len().min(b.len()))?;
                Ok(Some(a.cmp(b)))
            }
            (Value::Date(a), Value::Date(b)) | (Value::Time(a), Value::Time(b)) => Ok(Some(a.cmp(b))),
            (Value::Instant(a), Value::Instant(b)) => Ok(Some(a.cmp(b))),
            (Value::Decimal(_), Value::Double(_)) | (Value::Double(_), Value::Decimal(_)) => Err(inexact()),
            (a, b) if number(a) && number(b) => Ok(a.compare_numbers(b)),
            (a, b) => Err(Fault::new("rule.type", format!("no order between {} and {}", a.kind(), b.kind()))),
        }
    }
}

fn inexact() -> Fault {
    Fault::new("rule.type", "a decimal is exact and a double is not: write decimal(\"0.5\")")
}

/// Exact, where a conversion to double would round the whole number.
fn against_whole(double: f64, whole: i128) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double.abs() >= WHOLE_END {
        return Some(if double > 0.0 { Ordering::Greater } else { Ordering::Less });
    }
    let floor = double.floor();
    let order = (floor as i128).cmp(&whole);
    Some(if order == Ordering::Equal && double > floor { Ordering::Greater } else { order })
}

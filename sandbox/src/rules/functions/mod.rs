//! Functions and operators that a rule may call: one row each. A new one is a row here and a test.
mod lists;
mod numbers;
mod times;
mod typing;

pub use typing::{Arguments, Wrong};
use typing::{Given, Typing};

use super::value::{Key, Value};
use super::calendar::{self, Civil};
use super::{Fault, Meter};
use super::decimal::Decimal;
use std::cmp::Ordering;
use std::sync::Arc;

type Answer = Result<Value, Fault>;

pub struct Function {
    name: &'static str,
    /// a.f(b), or f(a, b); both: either.
    form: Form,
    /// With what stands before the dot.
    arity: usize,
    /// What it gives, for the checker.
    typing: Typing,
    /// Null is handed in, where other functions are refused it by the checker.
    missing: bool,
    body: Body,
}

type Body = fn(&[Value], &mut Meter) -> Option<Answer>;

#[derive(PartialEq)]
enum Form {
    Global,
    Member,
    Both,
}

use Form::{Both, Global, Member};

const FUNCTIONS: &[Function] = &[
    row("_+_", Global, 2, typing::add, add),
    row("_-_", Global, 2, typing::subtract, |v, _| {
        numbers::exactly(v, Decimal::minus).or_else(|| arithmetic(v, i64::checked_sub, u64::checked_sub, |a, b| a - b))
    }),
    row("_*_", Global, 2, typing::multiply, |v, _| {
        numbers::exactly(v, Decimal::times).or_else(|| arithmetic(v, i64::checked_mul, u64::checked_mul, |a, b| a * b))
    }),
    row("_/_", Global, 2, typing::divide, |v, _| divisor(v).or_else(|| arithmetic(v, i64::checked_div, u64::checked_div, |a, b| a / b))),
    row("_%_", Global, 2, typing::divide, |v, _| match v {
        [Value::Double(_), _] => None,
        _ => divisor(v).or_else(|| arithmetic(v, i64::checked_rem, u64::checked_rem, |a, _| a)),
    }),
    row("-_", Global, 1, typing::negate, |v, _| match v {
        [Value::Int(a)] => Some(fits(a.checked_neg().map(Value::Int))),
        [Value::Double(a)] => Some(Ok(Value::Double(-a))),
        [Value::Decimal(a)] => Some(numbers::held(Decimal::new(-i128::from(a.units()), a.scale()))),
        _ => None,
    }),
    row("!_", Global, 1, typing::not, |v, _| match v {
        [Value::Bool(a)] => Some(Ok(Value::Bool(!a))),
        _ => None,
    }),
    missing("_==_", Global, 2, typing::equal, |v, m| Some(v[0].equals(&v[1], m).map(Value::Bool))),
    missing("_!=_", Global, 2, typing::equal, |v, m| Some(v[0].equals(&v[1], m).map(|same| Value::Bool(!same)))),
    row("_<_", Global, 2, typing::order, |v, m| ordered(v, m, Ordering::is_lt)),
    row("_<=_", Global, 2, typing::order, |v, m| ordered(v, m, Ordering::is_le)),
    row("_>_", Global, 2, typing::order, |v, m| ordered(v, m, Ordering::is_gt)),
    row("_>=_", Global, 2, typing::order, |v, m| ordered(v, m, Ordering::is_ge)),
    missing("@in", Global, 2, typing::within, within),
    row("_[_]", Global, 2, typing::index, |v, _| index(v)),
    row("size", Both, 1, typing::size, size),
    row("contains", Member, 2, typing::texts, |v, m| texts(v, m, |a, b| a.contains(b))),
    row("startsWith", Member, 2, typing::texts, |v, m| texts(v, m, |a, b| a.starts_with(b))),
    row("endsWith", Member, 2, typing::texts, |v, m| texts(v, m, |a, b| a.ends_with(b))),
    row("dyn", Global, 1, typing::never, |v, _| Some(Ok(v[0].clone()))),
    row("int", Global, 1, typing::to_int, |v, _| to_int(&v[0])),
    row("uint", Global, 1, typing::uint, |v, _| to_uint(&v[0])),
    row("double", Global, 1, typing::double, |v, _| to_double(&v[0])),
    row("string", Global, 1, typing::to_text, to_string),
    row("bytes", Global, 1, typing::to_bytes, |v, m| match v {
        [Value::String(text)] => Some(m.spend_bytes(text.len()).map(|()| Value::Bytes(text.as_bytes().into()))),
        [Value::Bytes(_)] => Some(Ok(v[0].clone())),
        _ => None,
    }),
    row("bool", Global, 1, typing::to_bool, |v, _| match v {
        [Value::Bool(_)] => Some(Ok(v[0].clone())),
        [Value::String(text)] => Some(match &**text {
            "true" | "True" | "TRUE" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(unreadable("bool")),
        }),
        _ => None,
    }),
    // Exact numbers.
    row("decimal", Global, 1, typing::decimal, numbers::decimal),
    row("decimal", Global, 2, typing::decimal_at, numbers::decimal_at),
    row("round", Member, 3, typing::round, |v, _| numbers::round(v)),
    row("div", Global, 4, typing::div, |v, _| numbers::div(v)),
    row("abs", Both, 1, typing::negate, |v, _| numbers::abs(&v[0])),
    // Lists.
    row("count", Member, 1, typing::count, |v, m| lists::elements(v).and_then(|_| size(v, m))),
    row("distinct", Member, 1, typing::distinct, lists::distinct),
    row("sum", Member, 1, typing::sum, lists::sum),
    row("min", Member, 1, typing::extreme, |v, m| lists::extreme(v, m, Ordering::Less)),
    row("max", Member, 1, typing::extreme, |v, m| lists::extreme(v, m, Ordering::Greater)),
    row("avg", Member, 3, typing::avg, lists::avg),
    // What may be missing.
    missing("orValue", Member, 2, typing::or_value, |v, _| Some(Ok(if matches!(v[0], Value::Null) { v[1].clone() } else { v[0].clone() }))),
    // Days, times of day, instants.
    row("date", Global, 1, typing::date, |v, _| times::date(v, calendar::DEFAULT_ZONE_MINUTES)),
    row("date", Global, 2, typing::zoned_date, |v, _| times::in_zone(v, times::date)),
    row("date", Global, 3, typing::date_of, |v, _| times::date_of(v)),
    row("time", Global, 1, typing::time, |v, _| times::time(v, calendar::DEFAULT_ZONE_MINUTES)),
    row("time", Global, 2, typing::zoned_time, |v, _| times::in_zone(v, times::time)),
    row("instant", Global, 1, typing::instant, |v, _| times::instant(v)),
    row("instant", Global, 2, typing::instant_at, |v, _| times::instant_at(v, calendar::DEFAULT_ZONE_MINUTES)),
    row("instant", Global, 3, typing::zoned_instant_at, |v, _| times::in_zone(v, times::instant_at)),
    row("year", Member, 1, typing::day_part, |v, _| times::part(v, |civil| civil.year)),
    row("month", Member, 1, typing::day_part, |v, _| times::part(v, |civil| civil.month)),
    row("day", Member, 1, typing::day_part, |v, _| times::part(v, |civil| civil.day)),
    row("weekday", Member, 1, typing::day_part, |v, _| times::weekday(v)),
    row("hour", Member, 1, typing::clock_part, |v, _| times::clock(v, |seconds| seconds / 3600)),
    row("minute", Member, 1, typing::clock_part, |v, _| times::clock(v, |seconds| seconds / 60 % 60)),
    row("second", Member, 1, typing::clock_part, |v, _| times::clock(v, |seconds| seconds % 60)),
    row("month_start", Member, 1, typing::day_moved, |v, _| times::moved(v, |civil| Civil { day: 1, ..civil })),
    row("month_end", Member, 1, typing::day_moved, |v, _| {
        times::moved(v, |civil| Civil { day: calendar::month_length(civil.year, civil.month), ..civil })
    }),
    row("plus_days", Member, 2, typing::day_plus, |v, _| times::plus(v, calendar::plus_days)),
    row("plus_months", Member, 2, typing::day_plus, |v, _| times::plus_months(v, 1)),
    row("plus_years", Member, 2, typing::day_plus, |v, _| times::plus_months(v, 12)),
    row("plus_minutes", Member, 2, typing::instant_plus, |v, _| times::plus_minutes(v)),
    row("days_until", Member, 2, typing::days_between, |v, _| times::between(v, |a, b| i64::from(b) - i64::from(a))),
    row("months_until", Member, 2, typing::days_between, |v, _| times::between(v, calendar::months_between)),
    row("years_until", Member, 2, typing::days_between, |v, _| times::between(v, |a, b| calendar::months_between(a, b) / 12)),
    row("minutes_until", Member, 2, typing::instants_between, |v, _| times::minutes_until(v)),
];

const fn row(name: &'static str, form: Form, arity: usize, typing: Typing, body: Body) -> Function {
    Function { name, form, arity, typing, missing: false, body }
}

const fn missing(name: &'static str, form: Form, arity: usize, typing: Typing, body: Body) -> Function {
    Function { missing: true, ..row(name, form, arity, typing, body) }
}

pub fn find(name: &str, member: bool, arity: usize) -> Option<&'static Function> {
    let form = if member { Member } else { Global };
    FUNCTIONS.iter().find(|f| f.name == name && f.arity == arity && (f.form == form || f.form == Both))
}

impl Function {
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn takes_missing(&self) -> bool {
        self.missing
    }

    pub fn give(&self, of: &Arguments) -> Given {
        (self.typing)(of).map_err(|wrong| match wrong.detail.as_str() {
            "" => Wrong { detail: format!("no {} of {}", self.name, kinds(of.types.iter())), ..wrong },
            _ => wrong,
        })
    }

    pub fn run(&self, values: &[Value], meter: &mut Meter) -> Answer {
        (self.body)(values, meter).unwrap_or_else(|| {
            Err(Fault::new("rule.type", format!("no {} of {}", self.name, kinds(values.iter().map(Value::kind)))))
        })
    }
}

fn kinds(kinds: impl Iterator<Item = impl ToString>) -> String {
    kinds.map(|kind| kind.to_string()).collect::<Vec<_>>().join(", ")
}

fn fits(value: Option<Value>) -> Answer {
    value.ok_or_else(|| Fault::new("rule.arithmetic", "the number does not fit into 64 bits"))
}

fn unreadable(kind: &str) -> Fault {
    Fault::new("rule.conversion", format!("not the text of a {kind}"))
}

fn arithmetic(
    values: &[Value], int: fn(i64, i64) -> Option<i64>, uint: fn(u64, u64) -> Option<u64>, double: fn(f64, f64) -> f64,
) -> Option<Answer> {
    match values {
        [Value::Int(a), Value::Int(b)] => Some(fits(int(*a, *b).map(Value::Int))),
        [Value::Uint(a), Value::Uint(b)] => Some(fits(uint(*a, *b).map(Value::Uint))),
        [Value::Double(a), Value::Double(b)] => Some(Ok(Value::Double(double(*a, *b)))),
        _ => None,
    }
}

/// The fault of a division by zero; doubles divide by it.
fn divisor(values: &[Value]) -> Option<Answer> {
    matches!(values, [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)])
        .then(|| Err(Fault::new("rule.arithmetic", "division by zero")))
}

fn add(values: &[Value], meter: &mut Meter) -> Option<Answer> {
    match values {
        [Value::String(a), Value::String(b)] => Some(meter.spend_bytes(a.len() + b.len()).map(|()| {
            let mut joined = String::with_capacity(a.len() + b.len());
            joined.push_str(a);
            joined.push_str(b);
            Value::String(joined.into())
        })),
        [Value::Bytes(a), Value::Bytes(b)] => {
            Some(meter.spend_bytes(a.len() + b.len()).map(|()| Value::Bytes([&**a, &**b].concat().into())))
        }
        [Value::List(a), Value::List(b)] => {
            Some(meter.spend((a.len() + b.len()) as u64).map(|()| Value::list([&a[..], &b[..]].concat())))
        }
        _ => numbers::exactly(values, Decimal::plus).or_else(|| arithmetic(values, i64::checked_add, u64::checked_add, |a, b| a + b)),
    }
}

fn ordered(values: &[Value], meter: &mut Meter, wanted: fn(Ordering) -> bool) -> Option<Answer> {
    Some(values[0].order(&values[1], meter).map(|order| Value::Bool(order.is_some_and(wanted))))
}

fn within(values: &[Value], meter: &mut Meter) -> Option<Answer> {
    match &values[1] {
        Value::List(items) => Some((|| {
            for item in items.iter() {
                if item.equals(&values[0], meter)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        })()),
        Value::Map(entries) => Some(Ok(Value::Bool(values[0].key().is_some_and(|key| entries.contains_key(&key))))),
        _ => None,
    }
}

fn index(values: &[Value]) -> Option<Answer> {
    let found = match (&values[0], values[1].key()) {
        (Value::List(items), Some(Key::Number(at))) => usize::try_from(at).ok().and_then(|at| items.get(at)),
        (Value::Map(entries), Some(key)) => entries.get(&key),
        _ => return None,
    };
    Some(found.cloned().ok_or_else(|| Fault::new("rule.key", "nothing is there")))
}

/// Of a string: code points.
fn size(values: &[Value], meter: &mut Meter) -> Option<Answer> {
    let count = match &values[0] {
        Value::String(text) => match meter.spend_bytes(text.len()) {
            Ok(()) => text.chars().count(),
            Err(fault) => return Some(Err(fault)),
        },
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        _ => return None,
    };
    Some(Ok(Value::Int(count as i64)))
}

fn texts(values: &[Value], meter: &mut Meter, test: fn(&str, &str) -> bool) -> Option<Answer> {
    match values {
        [Value::String(a), Value::String(b)] => {
            Some(meter.spend_bytes(a.len() + b.len()).map(|()| Value::Bool(test(a, b))))
        }
        _ => None,
    }
}

fn to_int(value: &Value) -> Option<Answer> {
    match value {
        Value::Int(_) => Some(Ok(value.clone())),
        Value::Decimal(number) => Some(Ok(Value::Int(number.truncated()))),
        Value::Uint(number) => Some(fits(i64::try_from(*number).ok().map(Value::Int))),
        // Towards zero; CEL leaves out the ends, which doubles cannot tell from their neighbours.
        Value::Double(number) => {
            let inside = *number > i64::MIN as f64 && *number < i64::MAX as f64;
            Some(fits(inside.then_some(Value::Int(*number as i64))))
        }
        Value::String(text) => Some(text.parse().map(Value::Int).map_err(|_| unreadable("int"))),
        _ => None,
    }
}

fn to_uint(value: &Value) -> Option<Answer> {
    match value {
        Value::Uint(_) => Some(Ok(value.clone())),
        Value::Int(number) => Some(fits(u64::try_from(*number).ok().map(Value::Uint))),
        Value::Double(number) => {
            let inside = *number >= 0.0 && *number < u64::MAX as f64;
            Some(fits(inside.then_some(Value::Uint(*number as u64))))
        }
        Value::String(text) => Some(text.parse().map(Value::Uint).map_err(|_| unreadable("uint"))),
        _ => None,
    }
}

fn to_double(value: &Value) -> Option<Answer> {
    match value {
        Value::Double(_) => Some(Ok(value.clone())),
        Value::Int(number) => Some(Ok(Value::Double(*number as f64))),
        Value::Uint(number) => Some(Ok(Value::Double(*number as f64))),
        Value::String(text) => Some(text.parse().map(Value::Double).map_err(|_| unreadable("double"))),
        _ => None,
    }
}

fn to_string(values: &[Value], meter: &mut Meter) -> Option<Answer> {
    let text: Arc<str> = match &values[0] {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string().into(),
        Value::Int(number) => number.to_string().into(),
        Value::Uint(number) => number.to_string().into(),
        Value::Decimal(number) => number.to_string().into(),
        Value::Date(days) => calendar::date_text(*days).into(),
        Value::Time(seconds) => calendar::time_text(*seconds).into(),
        Value::Instant(ms) => calendar::instant_text(*ms).into(),
        // The shortest that reads back as the same double.
        Value::Double(number) if *number != 0.0 && !(1e-5..1e21).contains(&number.abs()) => format!("{number:e}").into(),
        Value::Double(number) => number.to_string().into(),
        Value::Bytes(bytes) => match (meter.spend_bytes(bytes.len()), std::str::from_utf8(bytes)) {
            (Err(fault), _) => return Some(Err(fault)),
            (_, Ok(text)) => text.into(),
            (_, Err(_)) => return Some(Err(Fault::new("rule.conversion", "the bytes are not UTF-8"))),
        },
        _ => return None,
    };
    Some(Ok(Value::String(text)))
}

//! What functions give for arguments of which types: a column of the table in mod.rs.
use crate::rules::check::nearest;
use crate::rules::decimal::{Decimal, Rounding, MAX_SCALE};
use crate::rules::lower::{Kind, Node};
use crate::rules::types::{Environment, Type};
use crate::rules::value::Value;
use std::sync::Arc;

/// Of a call. Types are those of values that are there, unless the function takes what is missing.
pub struct Arguments<'a> {
    pub types: &'a [Type],
    pub nodes: &'a [Node],
    pub environment: &'a Environment,
}

#[derive(Debug)]
pub struct Wrong {
    pub reason: &'static str,
    /// Empty: the types do not fit, which the caller says in words.
    pub detail: String,
    pub mend: Option<String>,
}

impl Wrong {
    pub fn new(reason: &'static str, detail: String, mend: Option<String>) -> Self {
        Wrong { reason, detail, mend }
    }

    pub fn operand(detail: String) -> Self {
        Wrong::new("rules.type_operand", detail, None)
    }
}

pub type Given = Result<Type, Wrong>;
pub type Typing = fn(&Arguments) -> Given;

fn none() -> Given {
    Err(Wrong::operand(String::new()))
}

fn instead(mend: &str) -> Given {
    Err(Wrong::new("rules.type_operand", String::new(), Some(mend.into())))
}

fn units_differ(a: &Type, b: &Type) -> Wrong {
    Wrong::new("rules.type_unit", format!("{a} and {b} have different units"), None)
}

/// Of ints and decimals that are added or compared.
fn common_number(a: &Type, b: &Type) -> Option<Given> {
    if !a.is_number() || !b.is_number() {
        return None;
    }
    Some(a.join(b).ok_or_else(|| units_differ(a, b)))
}

pub fn add(of: &Arguments) -> Given {
    match of.types {
        [a, b] if matches!((a, b), (Type::Unknown, _) | (_, Type::Unknown)) => Ok(Type::Unknown),
        [a, b] if a.is_text() && b.is_text() => Ok(Type::Text),
        [Type::Bytes, Type::Bytes] => Ok(Type::Bytes),
        [a @ Type::List(_), b @ Type::List(_)] => a.join(b).map_or_else(none, Ok),
        [Type::Date, Type::Int] => instead("a.plus_days(n)"),
        [Type::Instant, Type::Int] => instead("a.plus_minutes(n)"),
        [a, b] => common_number(a, b).unwrap_or_else(none),
        _ => none(),
    }
}

pub fn subtract(of: &Arguments) -> Given {
    match of.types {
        [Type::Date, Type::Int] => instead("a.plus_days(-n)"),
        [Type::Date, Type::Date] => instead("b.days_until(a)"),
        [Type::Instant, Type::Instant] => instead("b.minutes_until(a)"),
        [a, b] => common_number(a, b).unwrap_or_else(none),
        _ => none(),
    }
}

fn joined_unit(a: &Option<Arc<str>>, b: &Option<Arc<str>>, sign: &str) -> Option<Arc<str>> {
    match (a, b) {
        (Some(a), Some(b)) if sign == "/" && a == b => None,
        (Some(a), Some(b)) => Some(format!("{a}{sign}{b}").into()),
        (Some(unit), None) => Some(unit.clone()),
        (None, Some(unit)) if sign == "/" => Some(format!("1/{unit}").into()),
        (None, unit) => unit.clone(),
    }
}

fn parts(number: &Type) -> (u8, Option<Arc<str>>) {
    match number {
        Type::Decimal { scale, unit } => (*scale, unit.clone()),
        _ => (0, None),
    }
}

pub fn multiply(of: &Arguments) -> Given {
    match of.types {
        [Type::Unknown, _] | [_, Type::Unknown] => Ok(Type::Unknown),
        [Type::Int, Type::Int] => Ok(Type::Int),
        [a, b] if a.is_number() && b.is_number() => {
            let ((a, u), (b, v)) = (parts(a), parts(b));
            if a + b > MAX_SCALE {
                let detail = format!("{a} and {b} digits behind the point are {}, at most {MAX_SCALE}", a + b);
                return Err(Wrong::new("rules.type_operand", detail, Some("a.round(3, 'half_up') * b".into())));
            }
            Ok(Type::Decimal { scale: a + b, unit: joined_unit(&u, &v, "*") })
        }
        _ => none(),
    }
}

pub fn divide(of: &Arguments) -> Given {
    match of.types {
        [Type::Int | Type::Unknown, Type::Int | Type::Unknown] => Ok(Type::Int),
        [a, b] if a.is_number() && b.is_number() => instead("div(a, b, 3, 'half_up')"),
        _ => none(),
    }
}

pub fn negate(of: &Arguments) -> Given {
    if of.types[0].is_number() { Ok(of.types[0].clone()) } else { none() }
}

pub fn not(of: &Arguments) -> Given {
    if matches!(of.types[0], Type::Bool | Type::Unknown) { Ok(Type::Bool) } else { none() }
}

/// == and !=, also with what may be missing.
pub fn equal(of: &Arguments) -> Given {
    let [a, b] = of.types else { return none() };
    of.code(a, 1)?;
    of.code(b, 0)?;
    match (a, b) {
        (Type::Null, Type::Null | Type::Optional(_) | Type::Unknown) | (Type::Optional(_) | Type::Unknown, Type::Null) => Ok(Type::Bool),
        (Type::Null, _) | (_, Type::Null) => Err(Wrong::operand("this is never missing".into())),
        (a, b) => comparable(a.present(), b.present()),
    }
}

fn comparable(a: &Type, b: &Type) -> Given {
    match (a, b) {
        (Type::Unknown, _) | (_, Type::Unknown) => Ok(Type::Bool),
        (Type::Object(_), Type::Object(_)) => {
            Err(Wrong::new("rules.type_operand", "objects are not compared".into(), Some("compare a field that tells them apart".into())))
        }
        (Type::Dictionary(a), Type::Dictionary(b)) if a != b => Err(Wrong::operand(format!("codes of {a} and of {b}"))),
        (Type::Geometry | Type::Map(_), _) => none(),
        (Type::List(a), Type::List(b)) => comparable(a, b),
        (a, b) if a.is_text() && b.is_text() => Ok(Type::Bool),
        (a, b) => match common_number(a, b) {
            Some(given) => given.map(|_| Type::Bool),
            None if a == b => Ok(Type::Bool),
            None => none(),
        },
    }
}

pub fn order(of: &Arguments) -> Given {
    let [a, b] = of.types else { return none() };
    if !has_order(a) || !has_order(b) {
        return none();
    }
    comparable(a, b)
}

fn has_order(of: &Type) -> bool {
    of.is_text() || of.is_number() || matches!(of, Type::Date | Type::Time | Type::Instant | Type::Bytes)
}

pub fn within(of: &Arguments) -> Given {
    match of.types {
        [a, Type::List(element)] => {
            if let Kind::List(items) = &of.nodes[1].kind {
                items.iter().try_for_each(|item| of.code_of(a, item))?;
            }
            comparable(a.present(), element.present())
        }
        [a, Type::Map(_)] if a.is_text() => Ok(Type::Bool),
        [_, Type::Unknown] => Ok(Type::Bool),
        [_, Type::Optional(_) | Type::Null] => Err(Wrong::new("rules.type_null", "the value may be missing".into(), None)),
        _ => none(),
    }
}

pub fn index(of: &Arguments) -> Given {
    match of.types {
        [Type::List(element), Type::Int] => Ok((**element).clone()),
        [Type::Map(element), key] if key.is_text() => Ok((**element).clone()),
        [Type::Unknown, _] | [_, Type::Unknown] => Ok(Type::Unknown),
        _ => none(),
    }
}

pub fn size(of: &Arguments) -> Given {
    let sized = of.types[0].is_text() || matches!(of.types[0], Type::Bytes | Type::List(_) | Type::Map(_));
    if sized { Ok(Type::Int) } else { none() }
}

pub fn texts(of: &Arguments) -> Given {
    if of.types.iter().all(Type::is_text) { Ok(Type::Bool) } else { none() }
}

pub fn never(_: &Arguments) -> Given {
    Err(Wrong::new("rules.type_operand", "it would hide the type".into(), None))
}

pub fn double(_: &Arguments) -> Given {
    Err(Wrong::new("rules.type_double", "doubles are not exact".into(), Some("decimal(x, 3)".into())))
}

pub fn uint(_: &Arguments) -> Given {
    Err(Wrong::new("rules.type_operand", "whole numbers are int".into(), Some("int(x)".into())))
}

pub fn to_int(of: &Arguments) -> Given {
    if of.types[0].is_number() || of.types[0].is_text() { Ok(Type::Int) } else { none() }
}

pub fn to_text(of: &Arguments) -> Given {
    let known = of.types[0].is_text() || of.types[0].is_number();
    let more = matches!(of.types[0], Type::Bool | Type::Bytes | Type::Date | Type::Time | Type::Instant);
    if known || more { Ok(Type::Text) } else { none() }
}

pub fn to_bytes(of: &Arguments) -> Given {
    if of.types[0].is_text() || of.types[0] == Type::Bytes { Ok(Type::Bytes) } else { none() }
}

pub fn to_bool(of: &Arguments) -> Given {
    if of.types[0].is_text() || of.types[0] == Type::Bool { Ok(Type::Bool) } else { none() }
}

pub fn decimal(of: &Arguments) -> Given {
    match (&of.types[0], &of.nodes[0].kind) {
        (Type::Text, Kind::Constant(Value::String(text))) => match Decimal::parse(text) {
            Some(number) => Ok(Type::Decimal { scale: number.scale(), unit: None }),
            None => Err(Wrong::new("rules.type_constant", format!("'{text}' is not a decimal"), Some("decimal('12.34')".into()))),
        },
        (number, _) if number.is_number() => {
            let (scale, unit) = parts(number);
            Ok(Type::Decimal { scale, unit })
        }
        (text, _) if text.is_text() => {
            let detail = "how many digits are behind the point is not known here".to_string();
            Err(Wrong::new("rules.type_constant", detail, Some("decimal(text, 3)".into())))
        }
        _ => none(),
    }
}

pub fn decimal_at(of: &Arguments) -> Given {
    let scale = of.scale(1)?;
    match &of.types[0] {
        number if number.is_number() => Ok(Type::Decimal { scale, unit: parts(number).1 }),
        text if text.is_text() => Ok(Type::Decimal { scale, unit: None }),
        _ => none(),
    }
}

pub fn round(of: &Arguments) -> Given {
    of.rounding(2)?;
    let scale = of.scale(1)?;
    if of.types[0].is_number() { Ok(Type::Decimal { scale, unit: parts(&of.types[0]).1 }) } else { none() }
}

pub fn div(of: &Arguments) -> Given {
    of.rounding(3)?;
    let scale = of.scale(2)?;
    if !of.types[..2].iter().all(Type::is_number) {
        return none();
    }
    Ok(Type::Decimal { scale, unit: joined_unit(&parts(&of.types[0]).1, &parts(&of.types[1]).1, "/") })
}

pub fn count(of: &Arguments) -> Given {
    of.elements().map(|_| Type::Int)
}

pub fn distinct(of: &Arguments) -> Given {
    match of.elements()? {
        Type::Object(_) | Type::Map(_) | Type::List(_) | Type::Geometry => none(),
        _ => Ok(of.types[0].clone()),
    }
}

pub fn sum(of: &Arguments) -> Given {
    match of.elements()? {
        number if number.is_number() => Ok(if number == Type::Unknown { Type::Int } else { number }),
        Type::Optional(_) => Err(missing_elements()),
        _ => none(),
    }
}

fn missing_elements() -> Wrong {
    Wrong::new("rules.type_null", "elements may be missing".into(), Some("list.map(x, has(x.field), x.field)".into()))
}

pub fn extreme(of: &Arguments) -> Given {
    match of.elements()? {
        Type::Optional(_) => Err(missing_elements()),
        element if has_order(&element) => Ok(element.optional()),
        _ => none(),
    }
}

pub fn avg(of: &Arguments) -> Given {
    of.rounding(2)?;
    let scale = of.scale(1)?;
    let number = sum(&Arguments { types: &of.types[..1], nodes: of.nodes, environment: of.environment })?;
    Ok(Type::Decimal { scale, unit: parts(&number).1 }.optional())
}

pub fn or_value(of: &Arguments) -> Given {
    let [a, b] = of.types else { return none() };
    match (a, b) {
        (Type::Null, b) => Ok(b.clone()),
        (a, b) => a.present().join(b).map_or_else(none, Ok),
    }
}

pub fn date(of: &Arguments) -> Given {
    of.one_of(Type::Date, |t| t.is_text() || *t == Type::Instant)
}

pub fn time(of: &Arguments) -> Given {
    of.one_of(Type::Time, |t| t.is_text() || *t == Type::Instant)
}

pub fn instant(of: &Arguments) -> Given {
    of.one_of(Type::Instant, Type::is_text)
}

/// The row of a function whose arguments are exactly these: `(Date, Int) -> Date`.
macro_rules! exactly {
    ($name:ident, $($argument:pat),+ => $given:expr) => {
        pub fn $name(of: &Arguments) -> Given {
            if of.types.contains(&Type::Unknown) { return Ok($given) }
            match of.types { [$($argument),+] => Ok($given), _ => none() }
        }
    };
}

exactly!(zoned_date, Type::Instant, Type::Text => Type::Date);
exactly!(date_of, Type::Int, Type::Int, Type::Int => Type::Date);
exactly!(zoned_time, Type::Instant, Type::Text => Type::Time);
exactly!(instant_at, Type::Date, Type::Time => Type::Instant);
exactly!(zoned_instant_at, Type::Date, Type::Time, Type::Text => Type::Instant);
exactly!(day_part, Type::Date => Type::Int);
exactly!(clock_part, Type::Time => Type::Int);
exactly!(day_moved, Type::Date => Type::Date);
exactly!(day_plus, Type::Date, Type::Int => Type::Date);
exactly!(instant_plus, Type::Instant, Type::Int => Type::Instant);
exactly!(days_between, Type::Date, Type::Date => Type::Int);
exactly!(instants_between, Type::Instant, Type::Instant => Type::Int);

impl Arguments<'_> {
    fn one_of(&self, given: Type, takes: fn(&Type) -> bool) -> Given {
        if takes(&self.types[0]) { Ok(given) } else { none() }
    }

    fn elements(&self) -> Given {
        match &self.types[0] {
            Type::List(element) => Ok((**element).clone()),
            Type::Unknown => Ok(Type::Unknown),
            _ => none(),
        }
    }

    fn scale(&self, at: usize) -> Result<u8, Wrong> {
        let scale = match &self.nodes[at].kind {
            Kind::Constant(Value::Int(scale)) => u8::try_from(*scale).ok().filter(|scale| *scale <= MAX_SCALE),
            _ => None,
        };
        scale.ok_or_else(|| Wrong::new("rules.type_constant", "a scale is a number from 0 to 18, in the rule itself".into(), None))
    }

    fn rounding(&self, at: usize) -> Result<(), Wrong> {
        match &self.nodes[at].kind {
            Kind::Constant(Value::String(name)) if Rounding::named(name).is_some() => Ok(()),
            _ => {
                let names: Vec<_> = Rounding::NAMES.iter().map(|(name, _)| *name).collect();
                let detail = format!("rounding is one of {}, in the rule itself", names.join(", "));
                Err(Wrong::new("rules.type_constant", detail, Some("'half_up'".into())))
            }
        }
    }

    /// A constant beside a dictionary is one of its codes.
    fn code(&self, of: &Type, beside: usize) -> Result<(), Wrong> {
        self.code_of(of, &self.nodes[beside])
    }

    fn code_of(&self, of: &Type, node: &Node) -> Result<(), Wrong> {
        let (Type::Dictionary(name), Kind::Constant(Value::String(text))) = (of.present(), &node.kind) else { return Ok(()) };
        let codes = &self.environment.dictionaries[name];
        if codes.contains(&**text) {
            return Ok(());
        }
        let known: Vec<Arc<str>> = codes.iter().map(|code| code.as_str().into()).collect();
        Err(Wrong::new("rules.type_code", format!("{name} has no code '{text}'"), nearest(text, known.iter())))
    }
}

//! Exact decimals beside int.
use super::{Answer, Fault, Meter, Value};
use crate::rules::decimal::{Decimal, Rounding, MAX_SCALE};

pub fn held(number: Option<Decimal>) -> Answer {
    let fault = || Fault::new("rule.arithmetic", "the number does not fit into 18 digits, or would have to be rounded");
    number.map(Value::Decimal).ok_or_else(fault)
}

/// Where one of two numbers is a decimal and the other no double.
pub fn exactly(values: &[Value], operation: fn(Decimal, Decimal) -> Option<Decimal>) -> Option<Answer> {
    let [a, b] = values else { return None };
    if !matches!((a, b), (Value::Decimal(_), _) | (_, Value::Decimal(_))) || [a, b].iter().any(|v| !is_exact(v)) {
        return None;
    }
    Some(held(a.exact().zip(b.exact()).and_then(|(a, b)| operation(a, b))))
}

pub fn is_exact(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Decimal(_))
}

pub fn decimal(values: &[Value], meter: &mut Meter) -> Option<Answer> {
    match &values[0] {
        Value::String(text) => Some(meter.spend_bytes(text.len()).and_then(|()| match Decimal::parse(text) {
            Some(number) => Ok(Value::Decimal(number)),
            None => Err(super::unreadable("decimal")),
        })),
        value if is_exact(value) => Some(held(value.exact())),
        _ => None,
    }
}

/// With a scale: exact, or a fault.
pub fn decimal_at(values: &[Value], meter: &mut Meter) -> Option<Answer> {
    let scale = scale(&values[1])?;
    Some(decimal(&values[..1], meter)?.and_then(|number| held(number.exact().and_then(|number| number.at_scale(scale?)))))
}

/// Of a value that is an int; then none where it is no scale.
fn scale(value: &Value) -> Option<Option<u8>> {
    match value {
        Value::Int(scale) => Some(u8::try_from(*scale).ok().filter(|scale| *scale <= MAX_SCALE)),
        _ => None,
    }
}

/// The last two of the arguments.
pub fn precision(values: &[Value]) -> Option<Result<(u8, Rounding), Fault>> {
    let [wanted, Value::String(rounding)] = values else { return None };
    Some(match (scale(wanted)?, Rounding::named(rounding)) {
        (Some(scale), Some(rounding)) => Ok((scale, rounding)),
        (None, _) => Err(Fault::new("rule.conversion", "a scale is 0 to 18")),
        (_, None) => {
            let names: Vec<_> = Rounding::NAMES.iter().map(|(name, _)| *name).collect();
            Err(Fault::new("rule.conversion", format!("rounding is one of {}", names.join(", "))))
        }
    })
}

pub fn round(values: &[Value]) -> Option<Answer> {
    if !is_exact(&values[0]) {
        return None;
    }
    let precision = precision(&values[1..])?;
    Some(precision.and_then(|(scale, rounding)| held(values[0].exact().and_then(|number| number.rounded(scale, rounding)))))
}

pub fn div(values: &[Value]) -> Option<Answer> {
    if !is_exact(&values[0]) || !is_exact(&values[1]) {
        return None;
    }
    Some(precision(&values[2..])?.and_then(|(scale, rounding)| {
        if values[1].exact().is_some_and(|divisor| divisor.units() == 0) {
            return Err(Fault::new("rule.arithmetic", "division by zero"));
        }
        held(values[0].exact().zip(values[1].exact()).and_then(|(a, b)| a.divided(b, scale, rounding)))
    }))
}

pub fn abs(value: &Value) -> Option<Answer> {
    match value {
        Value::Int(number) => Some(super::fits(number.checked_abs().map(Value::Int))),
        Value::Decimal(number) => Some(held(Decimal::new(i128::from(number.units()).abs(), number.scale()))),
        _ => None,
    }
}

//! What lists come to.
use super::numbers::{held, is_exact, precision};
use super::{fits, Answer, Meter, Value};
use crate::rules::decimal::{power, Decimal, MAX_SCALE};
use std::cmp::Ordering;

pub fn elements(values: &[Value]) -> Option<&[Value]> {
    match values {
        [Value::List(items), ..] => Some(items),
        _ => None,
    }
}

/// The first of each that are equal, in their order.
pub fn distinct(values: &[Value], meter: &mut Meter) -> Option<Answer> {
    let items = elements(values)?;
    Some((|| {
        let mut kept: Vec<Value> = Vec::new();
        'next: for item in items {
            for other in &kept {
                if item.equals(other, meter)? {
                    continue 'next;
                }
            }
            kept.push(item.clone());
        }
        Ok(Value::list(kept))
    })())
}

/// The total in units of the largest scale, in any order the same: what lies between may be beyond 18 digits.
fn total(items: &[Value]) -> Option<Option<(i128, u8)>> {
    let mut by_scale = [0i128; MAX_SCALE as usize + 1];
    let mut largest = 0;
    for item in items {
        let (units, scale) = match item {
            Value::Decimal(number) => (i128::from(number.units()), number.scale()),
            _ if is_exact(item) => (item.whole()?, 0),
            _ => return None,
        };
        by_scale[usize::from(scale)] += units;
        largest = largest.max(scale);
    }
    let aligned = by_scale.iter().zip(0..=largest).map(|(units, scale)| units.checked_mul(power(largest - scale)));
    Some(aligned.sum::<Option<i128>>().map(|units| (units, largest)))
}

/// Of ints an int, 0 when there is none; with a decimal among them a decimal.
pub fn sum(values: &[Value], meter: &mut Meter) -> Option<Answer> {
    let items = elements(values)?;
    if let Err(fault) = meter.spend(items.len() as u64) {
        return Some(Err(fault));
    }
    let total = total(items)?;
    if items.iter().any(|item| matches!(item, Value::Decimal(_))) {
        return Some(held(total.and_then(|(units, scale)| Decimal::new(units, scale))));
    }
    Some(fits(total.and_then(|(units, _)| i64::try_from(units).ok()).map(Value::Int)))
}

/// The first of the least, or of the greatest; null of an empty list.
pub fn extreme(values: &[Value], meter: &mut Meter, wanted: Ordering) -> Option<Answer> {
    let items = elements(values)?;
    Some((|| {
        let mut best = &Value::Null;
        for (at, item) in items.iter().enumerate() {
            meter.spend(1)?;
            if at == 0 || item.order(best, meter)? == Some(wanted) {
                best = item;
            }
        }
        Ok(best.clone())
    })())
}

/// avg(scale, rounding); null of an empty list.
pub fn avg(values: &[Value], meter: &mut Meter) -> Option<Answer> {
    let items = elements(values)?;
    if let Err(fault) = meter.spend(items.len() as u64) {
        return Some(Err(fault));
    }
    let (precision, total) = (precision(&values[1..])?, total(items)?);
    Some(precision.and_then(|(scale, rounding)| match (items.len(), total) {
        (0, _) => Ok(Value::Null),
        (count, Some(total)) => {
            held(Decimal::quotient(total, (count as i128, 0), scale, rounding))
        }
        _ => held(None),
    }))
}

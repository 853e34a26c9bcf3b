//! Days, times of day and instants. A zone is minutes east of Greenwich, "+08:00" where none is said.
use super::{unreadable, Answer, Fault, Value};
use crate::rules::calendar::{self, Civil};

fn day(days: Option<i32>) -> Answer {
    days.map(Value::Date).ok_or_else(|| Fault::new("rule.arithmetic", "a day is in the years 1 to 9999"))
}

fn moment(ms: Option<i64>) -> Answer {
    ms.map(Value::Instant).ok_or_else(|| Fault::new("rule.arithmetic", "an instant is in the years 1 to 9999"))
}

/// The last argument is the zone.
pub fn in_zone(values: &[Value], body: fn(&[Value], i32) -> Option<Answer>) -> Option<Answer> {
    let (Value::String(zone), rest) = values.split_last()? else { return None };
    match calendar::parse_zone(zone) {
        Some(minutes) => body(rest, minutes),
        None => Some(Err(unreadable("zone"))),
    }
}

/// Of a text, or the day of an instant at a place.
pub fn date(values: &[Value], zone: i32) -> Option<Answer> {
    match values {
        [Value::String(text)] => Some(calendar::parse_date(text).map(Value::Date).ok_or_else(|| unreadable("date"))),
        [Value::Instant(ms)] => Some(Ok(Value::Date(calendar::local(*ms, zone).0))),
        _ => None,
    }
}

/// Of year, month and day.
pub fn date_of(values: &[Value]) -> Option<Answer> {
    let [Value::Int(year), Value::Int(month), Value::Int(count)] = values else { return None };
    Some(Civil::new(*year, *month, *count).map(|civil| Value::Date(civil.days())).ok_or_else(|| unreadable("date")))
}

pub fn time(values: &[Value], zone: i32) -> Option<Answer> {
    match values {
        [Value::String(text)] => Some(calendar::parse_time(text).map(Value::Time).ok_or_else(|| unreadable("time"))),
        [Value::Instant(ms)] => Some(Ok(Value::Time((calendar::local(*ms, zone).1 / 1000) as i32))),
        _ => None,
    }
}

pub fn instant(values: &[Value]) -> Option<Answer> {
    let [Value::String(text)] = values else { return None };
    Some(calendar::parse_instant(text).map(Value::Instant).ok_or_else(|| unreadable("instant")))
}

/// A day and a time of day, at a place.
pub fn instant_at(values: &[Value], zone: i32) -> Option<Answer> {
    let [Value::Date(days), Value::Time(seconds)] = values else { return None };
    Some(moment(calendar::instant(*days, i64::from(*seconds) * 1000, zone)))
}

pub fn part(values: &[Value], of: fn(Civil) -> i32) -> Option<Answer> {
    let [Value::Date(days)] = values else { return None };
    Some(Ok(Value::Int(i64::from(of(Civil::of(*days))))))
}

pub fn weekday(values: &[Value]) -> Option<Answer> {
    let [Value::Date(days)] = values else { return None };
    Some(Ok(Value::Int(calendar::weekday(*days))))
}

pub fn clock(values: &[Value], of: fn(i32) -> i32) -> Option<Answer> {
    let [Value::Time(seconds)] = values else { return None };
    Some(Ok(Value::Int(i64::from(of(*seconds)))))
}

pub fn moved(values: &[Value], to: fn(Civil) -> Civil) -> Option<Answer> {
    let [Value::Date(days)] = values else { return None };
    Some(Ok(Value::Date(to(Civil::of(*days)).days())))
}

pub fn plus(values: &[Value], moved: fn(i32, i64) -> Option<i32>) -> Option<Answer> {
    let [Value::Date(days), Value::Int(count)] = values else { return None };
    Some(day(moved(*days, *count)))
}

/// So many times `factor` months.
pub fn plus_months(values: &[Value], factor: i64) -> Option<Answer> {
    let [Value::Date(days), Value::Int(count)] = values else { return None };
    let months = count.checked_mul(factor);
    Some(day(months.and_then(|months| Civil::of(*days).plus_months(months)).map(Civil::days)))
}

pub fn plus_minutes(values: &[Value]) -> Option<Answer> {
    let [Value::Instant(ms), Value::Int(count)] = values else { return None };
    let sum = count.checked_mul(60_000).and_then(|more| ms.checked_add(more));
    Some(moment(sum.and_then(calendar::check_instant)))
}

pub fn between(values: &[Value], count: fn(i32, i32) -> i64) -> Option<Answer> {
    let [Value::Date(a), Value::Date(b)] = values else { return None };
    Some(Ok(Value::Int(count(*a, *b))))
}

/// Whole minutes, towards zero.
pub fn minutes_until(values: &[Value]) -> Option<Answer> {
    let [Value::Instant(a), Value::Instant(b)] = values else { return None };
    Some(Ok(Value::Int((b - a) / 60_000)))
}

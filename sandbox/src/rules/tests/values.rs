//! Exact decimals, days, instants and lists.
use super::{reason, run};
use crate::rules::calendar::{Civil, FIRST_DAY, LAST_DAY};
use crate::rules::decimal::{Decimal, Rounding};
use serde_json::{json, Value};

fn gives(cases: &[(&str, Value)]) {
    for (text, wanted) in cases {
        assert_eq!(run(text, &json!({})).as_ref(), Ok(wanted), "{text}");
    }
}

fn fails(cases: &[(&str, &str)]) {
    for (text, wanted) in cases {
        assert_eq!(&reason(text, &json!({})), wanted, "{text}");
    }
}

#[test]
fn decimals() {
    gives(&[
        ("decimal('12.340')", json!("12.340")),
        ("decimal('-0.05') + 1", json!("0.95")),
        ("2 - decimal('0.001')", json!("1.999")),
        ("decimal('1.10') * decimal('1.10')", json!("1.2100")),
        ("decimal('0.1') + decimal('0.2') == decimal('0.30')", json!(true)),
        ("decimal('5.000') == 5 && 5u == decimal('5.0') && 5 <= decimal('5.001')", json!(true)),
        ("decimal('-0.1') < 0 && -decimal('0.1') == decimal('-0.1')", json!(true)),
        ("decimal('0.5') < 9223372036854775807", json!(true)),
        ("decimal('999999999999999999') < 18446744073709551615u", json!(true)),
        ("div(10, 3, 2, 'half_up')", json!("3.33")),
        ("div(decimal('0.05'), decimal('0.003'), 0, 'half_up')", json!("17")),
        ("div(1, -8, 2, 'half_even')", json!("-0.12")),
        ("decimal('2.345').round(2, 'half_up')", json!("2.35")),
        ("decimal('2.345').round(2, 'half_even')", json!("2.34")),
        ("decimal('-2.345').round(2, 'floor')", json!("-2.35")),
        ("decimal('-2.345').round(2, 'ceiling')", json!("-2.34")),
        ("decimal('-2.341').round(2, 'up')", json!("-2.35")),
        ("decimal('-2.349').round(2, 'down')", json!("-2.34")),
        ("decimal('2.3').round(4, 'down')", json!("2.3000")),
        ("abs(decimal('-2.3'))", json!("2.3")),
        ("int(decimal('-2.9'))", json!(-2)),
        ("string(decimal('0.050'))", json!("0.050")),
        ("decimal('7.10', 1)", json!("7.1")),
        ("decimal(7, 3)", json!("7.000")),
        ("decimal('1.0') in [1, 2]", json!(true)),
    ]);
    fails(&[
        ("decimal('999999999999999999') + 1", "rule.arithmetic"),
        ("decimal('0.0000000001') * decimal('0.000000001')", "rule.arithmetic"),
        ("decimal('7.15', 1)", "rule.arithmetic"),
        ("decimal(9223372036854775807)", "rule.arithmetic"),
        ("div(1, decimal('0.00'), 2, 'half_up')", "rule.arithmetic"),
        ("div(1, 3, 2, 'up_half')", "rule.conversion"),
        ("div(1, 3, 19, 'up')", "rule.conversion"),
        ("decimal('1e3')", "rule.conversion"),
        ("decimal('1.')", "rule.conversion"),
        ("decimal('.5')", "rule.conversion"),
        ("decimal('+5')", "rule.conversion"),
        ("decimal('1000000000000000000')", "rule.conversion"),
        ("decimal('1') / 2", "rule.type"),
        ("decimal('0.5') == 0.5", "rule.type"),
        ("decimal('0.5') < 0.5", "rule.type"),
        ("decimal('0.5') + 0.5", "rule.type"),
    ]);
}

/// Every operation against whole numbers of 128 bits.
#[test]
fn decimals_are_exact() {
    let mut seed = 88_172_645_463_325_252u64;
    let mut next = |end: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % end
    };
    for _ in 0..20_000 {
        let mut number = || {
            let digits = 10i128.pow(1 + next(12) as u32);
            Decimal::new(i128::from(next(1 << 62)) % digits - digits / 2, next(4) as u8).unwrap()
        };
        let (a, b) = (number(), number());
        let wide = |number: Decimal| i128::from(number.units()) * 10i128.pow(6 - u32::from(number.scale()));
        assert_eq!(a.plus(b).map(wide), Some(wide(a) + wide(b)));
        assert_eq!(a.minus(b).map(wide), Some(wide(a) - wide(b)));
        assert_eq!(a.compare(b), wide(a).cmp(&wide(b)));
        if let Some(product) = a.times(b) {
            assert_eq!(wide(product) * 1_000_000, wide(a) * wide(b));
        }
        if let Some(quotient) = a.divided(b, 2, Rounding::Floor) {
            assert_eq!(i128::from(quotient.units()), (wide(a) * 100 * wide(b).signum()).div_euclid(wide(b).abs()));
        }
        assert_eq!(Decimal::parse(&a.to_string()).map(|read| (read.units(), read.scale())), Some((a.units(), a.scale())));
    }
}

#[test]
fn days() {
    gives(&[
        ("date('2026-05-01')", json!("2026-05-01")),
        ("date(2024, 2, 29).plus_years(1)", json!("2025-02-28")),
        ("date('2026-01-31').plus_months(1)", json!("2026-02-28")),
        ("date('2026-01-31').plus_months(-2)", json!("2025-11-30")),
        ("date('2026-02-27').plus_days(2)", json!("2026-03-01")),
        ("date('2026-05-01') < date('2026-05-02') && date('2026-05-01') == date(2026, 5, 1)", json!(true)),
        ("date('2024-02-28').days_until(date('2024-03-01'))", json!(2)),
        ("date('2026-01-31').months_until(date('2026-02-28'))", json!(1)),
        ("date('2026-01-31').months_until(date('2026-02-27'))", json!(0)),
        ("date('2026-03-15').months_until(date('2026-01-16'))", json!(-1)),
        ("date('2000-02-29').years_until(date('2018-02-28'))", json!(18)),
        ("date('1990-06-15').years_until(date('2026-06-14'))", json!(35)),
        ("date('1970-01-01').weekday()", json!(4)),
        ("date('2026-11-23').weekday()", json!(1)),
        ("date('2024-02-10').month_end()", json!("2024-02-29")),
        ("date('2024-02-10').month_start()", json!("2024-02-01")),
        ("[date('2026-12-31').year(), date('2026-12-31').month(), date('2026-12-31').day()]", json!([2026, 12, 31])),
        ("time('08:30')", json!("08:30:00")),
        ("time('23:59:58').hour() * 100 + time('23:59:58').minute() + time('23:59:58').second()", json!(2417)),
        ("instant('2026-05-01T00:30:00+08:00') == instant('2026-04-30T16:30:00Z')", json!(true)),
        ("date(instant('2026-04-30T16:30:00Z'))", json!("2026-05-01")),
        ("date(instant('2026-04-30T16:30:00Z'), '-05:00')", json!("2026-04-30")),
        ("time(instant('2026-04-30T16:30:00.999Z'))", json!("00:30:00")),
        ("time(instant('2026-04-30T16:30:00Z'), '+05:30')", json!("22:00:00")),
        ("instant(date('2026-05-01'), time('08:00'))", json!("2026-05-01T08:00:00+08:00")),
        ("instant(date('2026-05-01'), time('08:00'), 'Z')", json!("2026-05-01T16:00:00+08:00")),
        ("instant('2026-05-01T08:00:00.250+08:00').plus_minutes(-1)", json!("2026-05-01T07:59:00.250+08:00")),
        ("instant('2026-05-01T08:00:00Z').minutes_until(instant('2026-05-01T09:30:59Z'))", json!(90)),
    ]);
    fails(&[
        ("date('2025-02-29')", "rule.conversion"),
        ("date('2026-5-1')", "rule.conversion"),
        ("date(2026, 13, 1)", "rule.conversion"),
        ("date('9999-12-31').plus_days(1)", "rule.arithmetic"),
        ("date('0001-01-01').plus_months(-1)", "rule.arithmetic"),
        ("date('2026-01-01').plus_years(9223372036854775807)", "rule.arithmetic"),
        ("time('24:00')", "rule.conversion"),
        ("time('8:30')", "rule.conversion"),
        ("instant('2026-05-01T08:00:00')", "rule.conversion"),
        ("instant('2026-05-01T08:00:00.5Z')", "rule.conversion"),
        ("instant('0001-01-01T00:00:00Z')", "rule.conversion"),
        ("instant('2026-05-01T08:00:00Z').plus_minutes(9223372036854775807)", "rule.arithmetic"),
        ("date(instant('2026-05-01T08:00:00Z'), 'Shanghai')", "rule.conversion"),
        ("date('2026-05-01') + 1", "rule.type"),
        ("date('2026-05-01') < '2026-05-02'", "rule.type"),
    ]);
}

/// One day after another, by counting.
#[test]
fn every_day_of_the_calendar() {
    let (mut year, mut month, mut day) = (1, 1, 1);
    for days in FIRST_DAY..=LAST_DAY {
        let civil = Civil { year, month, day };
        assert_eq!(Civil::of(days), civil);
        assert_eq!(civil.days(), days);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 => 28 + i32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        day += 1;
        if day > last {
            (month, day) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
}

#[test]
fn lists() {
    gives(&[
        ("[1, 2, 3].sum()", json!(6)),
        ("[].sum()", json!(0)),
        ("[decimal('1.5'), 2, decimal('0.25')].sum()", json!("3.75")),
        ("[9223372036854775807, 1, -1].sum()", json!(9223372036854775807i64)),
        ("[decimal('999999999999999999'), 1, -1].sum()", json!("999999999999999999")),
        ("[3, 1, 2].min()", json!(1)),
        ("['b', '乙', 'a'].max()", json!("乙")),
        ("[].max()", json!(null)),
        ("[].max().orValue(7)", json!(7)),
        ("[3].max().orValue(7)", json!(3)),
        ("[date('2026-05-01'), date('2025-05-01')].min()", json!("2025-05-01")),
        ("[1, 2, 2].avg(2, 'half_up')", json!("1.67")),
        ("[].avg(2, 'half_up')", json!(null)),
        ("[1, decimal('1.0'), 2, 1].distinct()", json!([1, 2])),
        ("['a', 'a'].distinct().count()", json!(1)),
    ]);
    fails(&[
        ("[9223372036854775807, 1].sum()", "rule.arithmetic"),
        ("[1.5].sum()", "rule.type"),
        ("['a'].sum()", "rule.type"),
        ("[1, 'a'].max()", "rule.type"),
        ("'abc'.count()", "rule.type"),
    ]);
    let long: Vec<_> = (0..5_000).collect();
    assert_eq!(reason("l.distinct().size() == 1", &json!({"l": long})), "rule.cost");
}

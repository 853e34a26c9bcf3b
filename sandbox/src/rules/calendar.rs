//! Days, times of day and instants. Days are counted from 1970-01-01 in the Gregorian calendar, also before it was introduced;
//! years 1 to 9999. There is no clock here: what is today is told by who asks.

pub const FIRST_DAY: i32 = -719_162; // 0001-01-01
pub const LAST_DAY: i32 = 2_932_896; // 9999-12-31
pub const DAY_MS: i64 = 86_400_000;
/// China Standard Time, where no zone is said.
pub const DEFAULT_ZONE_MINUTES: i32 = 8 * 60;
/// An instant between these has a day in every zone.
const FIRST_INSTANT: i64 = (FIRST_DAY as i64 + 1) * DAY_MS;
const INSTANT_END: i64 = LAST_DAY as i64 * DAY_MS;

/// Days of a year without a 29th of February, before each month and after the last.
const BEFORE_MONTH: [i32; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Civil {
    pub year: i32,
    pub month: i32,
    pub day: i32,
}

fn leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn before_month(year: i32, month: i32) -> i32 {
    BEFORE_MONTH[month as usize - 1] + i32::from(month > 2 && leap(year))
}

pub fn month_length(year: i32, month: i32) -> i32 {
    BEFORE_MONTH[month as usize] - BEFORE_MONTH[month as usize - 1] + i32::from(month == 2 && leap(year))
}

fn before_year(year: i32) -> i32 {
    let past = year - 1;
    FIRST_DAY + past * 365 + past / 4 - past / 100 + past / 400
}

impl Civil {
    pub fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let inside = (1..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
        let civil = inside.then(|| Civil { year: year as i32, month: month as i32, day: day.min(99) as i32 })?;
        (civil.day <= month_length(civil.year, civil.month)).then_some(civil)
    }

    pub fn days(self) -> i32 {
        before_year(self.year) + before_month(self.year, self.month) + self.day - 1
    }

    /// `days` from FIRST_DAY to LAST_DAY.
    pub fn of(days: i32) -> Self {
        // 146,097 days in 400 years: this is never ahead, and a year or two behind.
        let mut year = ((i64::from(days - FIRST_DAY) * 400) / 146_097) as i32;
        while year < 9999 && before_year(year + 1) <= days {
            year += 1;
        }
        let within = days - before_year(year);
        let month = (1..=12).rev().find(|month| before_month(year, *month) <= within).unwrap_or(1);
        Civil { year, month, day: within - before_month(year, month) + 1 }
    }

    /// The same day so many months later; the month's last where it has none.
    pub fn plus_months(self, months: i64) -> Option<Self> {
        let count = (i64::from(self.year) * 12 + i64::from(self.month) - 1).checked_add(months)?;
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
        let first = Civil::new(year, month, 1)?;
        Some(Civil { day: self.day.min(month_length(first.year, first.month)), ..first })
    }
}

pub fn plus_days(days: i32, count: i64) -> Option<i32> {
    let sum = i64::from(days).checked_add(count)?;
    (i64::from(FIRST_DAY)..=i64::from(LAST_DAY)).contains(&sum).then_some(sum as i32)
}

/// Whole months from `a` to `b`: the most that `a` may be moved on without passing `b`; negative when `b` is earlier.
pub fn months_between(a: i32, b: i32) -> i64 {
    if b < a {
        return -months_between(b, a);
    }
    let (from, to) = (Civil::of(a), Civil::of(b));
    let months = i64::from(to.year - from.year) * 12 + i64::from(to.month - from.month);
    let passed = from.plus_months(months).is_none_or(|moved| moved.days() > b);
    months - i64::from(passed)
}

/// 1: Monday … 7: Sunday.
pub fn weekday(days: i32) -> i64 {
    i64::from((days + 3).rem_euclid(7)) + 1
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// "2026-05-01".
pub fn parse_date(text: &str) -> Option<i32> {
    let shaped = text.len() == 10 && text.is_ascii() && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    if !shaped {
        return None;
    }
    Civil::new(number(&text[..4])?, number(&text[5..7])?, number(&text[8..])?).map(Civil::days)
}

pub fn date_text(days: i32) -> String {
    let civil = Civil::of(days);
    format!("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day)
}

/// "08:30" or "08:30:15", as seconds of the day.
pub fn parse_time(text: &str) -> Option<i32> {
    let parts: Vec<_> = text.split(':').collect();
    if !(2..=3).contains(&parts.len()) || parts.iter().any(|part| part.len() != 2) {
        return None;
    }
    let (hour, minute) = (number(parts[0])?, number(parts[1])?);
    let second = parts.get(2).map_or(Some(0), |part| number(part))?;
    (hour < 24 && minute < 60 && second < 60).then_some((hour * 3600 + minute * 60 + second) as i32)
}

pub fn time_text(seconds: i32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// "Z", "+08:00", in minutes east of Greenwich; up to 14 hours.
pub fn parse_zone(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let minutes = parse_time(text.get(1..)?).filter(|_| text.len() == 6)? / 60;
    (minutes <= 14 * 60).then_some(sign * minutes)
}

/// RFC 3339, to the millisecond: "2026-05-01T08:30:15.250+08:00".
pub fn parse_instant(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once('T')?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone_at);
    let (time, fraction) = clock.split_once('.').unwrap_or((clock, "000"));
    if fraction.len() != 3 {
        return None;
    }
    let ms = i64::from(parse_time(time)?) * 1000 + number(fraction)?;
    instant(parse_date(date)?, ms, parse_zone(zone)?)
}

/// `ms` of the day, at a place `zone` minutes east of Greenwich.
pub fn instant(days: i32, ms: i64, zone: i32) -> Option<i64> {
    check_instant(i64::from(days) * DAY_MS + ms - i64::from(zone) * 60_000)
}

pub fn check_instant(ms: i64) -> Option<i64> {
    (FIRST_INSTANT..INSTANT_END).contains(&ms).then_some(ms)
}

/// Day, and milliseconds of that day, at a place.
pub fn local(instant: i64, zone: i32) -> (i32, i64) {
    let ms = instant + i64::from(zone) * 60_000;
    (ms.div_euclid(DAY_MS) as i32, ms.rem_euclid(DAY_MS))
}

pub fn instant_text(ms: i64) -> String {
    let (day, within) = local(ms, DEFAULT_ZONE_MINUTES);
    let fraction = if within % 1000 == 0 { String::new() } else { format!(".{:03}", within % 1000) };
    format!("{}T{}{fraction}+08:00", date_text(day), time_text((within / 1000) as i32))
}

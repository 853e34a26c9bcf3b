//! Exact decimals: whole units of 10^-scale, at most 18 digits, scale 0 to 18. What does not fit is none, never rounded unasked.
use std::cmp::Ordering;

pub const MAX_SCALE: u8 = 18;
/// 10^18: units stay below it, so that one fits into the 64-bit integers of every database and two may be added there.
pub const UNITS_END: i128 = 1_000_000_000_000_000_000;

#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    units: i64,
    scale: u8,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rounding {
    Down,
    Up,
    Floor,
    Ceiling,
    HalfUp,
    HalfEven,
}

impl Rounding {
    pub const NAMES: [(&'static str, Rounding); 6] = [
        ("ceiling", Rounding::Ceiling),
        ("down", Rounding::Down),
        ("floor", Rounding::Floor),
        ("half_even", Rounding::HalfEven),
        ("half_up", Rounding::HalfUp),
        ("up", Rounding::Up),
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, rounding)| *rounding)
    }
}

pub fn power(exponent: u8) -> i128 {
    10i128.pow(u32::from(exponent))
}

impl Decimal {
    pub fn new(units: i128, scale: u8) -> Option<Self> {
        let fits = units.abs() < UNITS_END && scale <= MAX_SCALE;
        fits.then_some(Decimal { units: units as i64, scale })
    }

    pub fn units(self) -> i64 {
        self.units
    }

    pub fn scale(self) -> u8 {
        self.scale
    }

    /// "-12.340": a sign, digits, and after a point at least one more; no exponent, no plus, no spaces.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || text.len() > 64 || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let mut units = 0i128;
        for digit in whole.bytes().chain(fraction.bytes()) {
            units = units * 10 + i128::from(digit - b'0');
            if units >= UNITS_END {
                return None;
            }
        }
        Self::new(if digits.len() < text.len() { -units } else { units }, u8::try_from(fraction.len()).ok()?)
    }

    /// With so many digits behind the point; none where that would round, or does not fit.
    pub fn at_scale(self, scale: u8) -> Option<Self> {
        if scale >= self.scale {
            return Self::new(i128::from(self.units) * power(scale - self.scale), scale);
        }
        let divisor = power(self.scale - scale);
        let units = i128::from(self.units);
        if units % divisor == 0 { Self::new(units / divisor, scale) } else { None }
    }

    pub fn rounded(self, scale: u8, rounding: Rounding) -> Option<Self> {
        if scale >= self.scale {
            return self.at_scale(scale);
        }
        Self::new(divide(i128::from(self.units), power(self.scale - scale), rounding), scale)
    }

    /// Both as units of the larger scale.
    fn aligned(self, other: Self) -> (i128, i128, u8) {
        let scale = self.scale.max(other.scale);
        (i128::from(self.units) * power(scale - self.scale), i128::from(other.units) * power(scale - other.scale), scale)
    }

    pub fn plus(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.aligned(other);
        Self::new(a + b, scale)
    }

    pub fn minus(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.aligned(other);
        Self::new(a - b, scale)
    }

    pub fn times(self, other: Self) -> Option<Self> {
        Self::new(i128::from(self.units) * i128::from(other.units), self.scale.checked_add(other.scale)?)
    }

    /// None too when `other` is zero.
    pub fn divided(self, other: Self, scale: u8, rounding: Rounding) -> Option<Self> {
        let parts = |number: Self| (i128::from(number.units), number.scale);
        Self::quotient(parts(self), parts(other), scale, rounding)
    }

    /// Of two numbers in units and scale; the units may be beyond 18 digits, as those of a sum.
    pub fn quotient(over: (i128, u8), under: (i128, u8), scale: u8, rounding: Rounding) -> Option<Self> {
        let exponent = i32::from(scale) + i32::from(under.1) - i32::from(over.1);
        let ((mut over, _), (mut under, _)) = (over, under);
        if under == 0 || scale > MAX_SCALE {
            return None;
        }
        // Where the first overflows, the quotient has more than 18 digits.
        match u8::try_from(exponent) {
            Ok(exponent) => over = over.checked_mul(power(exponent))?,
            Err(_) => under = under.checked_mul(power(exponent.unsigned_abs() as u8))?,
        }
        if under < 0 {
            (over, under) = (-over, -under);
        }
        Self::new(divide(over, under, rounding), scale)
    }

    pub fn compare(self, other: Self) -> Ordering {
        let (a, b, _) = self.aligned(other);
        a.cmp(&b)
    }

    /// With any whole number of 64 bits, signed or not.
    pub fn compare_whole(self, whole: i128) -> Ordering {
        i128::from(self.units).cmp(&(whole * power(self.scale)))
    }

    pub fn truncated(self) -> i64 {
        (i128::from(self.units) / power(self.scale)) as i64
    }
}

/// `under` above zero.
fn divide(over: i128, under: i128, rounding: Rounding) -> i128 {
    let (quotient, rest) = (over / under, over % under);
    let away = over.signum();
    let twice = rest.abs() * 2;
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => rest != 0,
        Rounding::Floor => rest < 0,
        Rounding::Ceiling => rest > 0,
        Rounding::HalfUp => twice >= under,
        Rounding::HalfEven => twice > under || (twice == under && quotient % 2 != 0),
    };
    if up { quotient + away } else { quotient }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let (units, divisor) = (i128::from(self.units).abs(), power(self.scale));
        match self.scale {
            0 => write!(f, "{sign}{units}"),
            scale => write!(f, "{sign}{}.{:0width$}", units / divisor, units % divisor, width = usize::from(scale)),
        }
    }
}

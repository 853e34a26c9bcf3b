use crate::host::panic;
use core::cmp::Ordering;
use core::ops::{Add, AddAssign, Div, Mul, Rem, Sub, SubAssign};

/// `uint256`. Arithmetic is checked: what does not fit ends the call with `Panic(0x11)`, a division by zero with
/// `Panic(0x12)`, as in Solidity.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct U256([u64; 4]); // least significant first

impl U256 {
    pub const ZERO: U256 = U256([0; 4]);
    pub const ONE: U256 = U256([1, 0, 0, 0]);
    pub const MAX: U256 = U256([u64::MAX; 4]);

    pub fn from_be_bytes(bytes: &[u8; 32]) -> U256 {
        let mut limbs = [0; 4];
        for (i, chunk) in bytes.chunks_exact(8).enumerate() {
            let mut eight = [0; 8];
            eight.copy_from_slice(chunk);
            limbs[3 - i] = u64::from_be_bytes(eight);
        }
        U256(limbs)
    }

    pub fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (i, chunk) in bytes.chunks_exact_mut(8).enumerate() {
            chunk.copy_from_slice(&self.0[3 - i].to_be_bytes());
        }
        bytes
    }

    pub fn is_zero(&self) -> bool {
        self.0 == [0; 4]
    }

    /// None above u64.
    pub fn to_u64(self) -> Option<u64> {
        (self.0[1] | self.0[2] | self.0[3] == 0).then(|| self.0[0])
    }

    pub fn checked_add(self, other: U256) -> Option<U256> {
        let (mut out, mut carry) = ([0; 4], 0u128);
        for i in 0..4 {
            carry += self.0[i] as u128 + other.0[i] as u128;
            out[i] = carry as u64;
            carry >>= 64;
        }
        (carry == 0).then(|| U256(out))
    }

    pub fn checked_sub(self, other: U256) -> Option<U256> {
        (self >= other).then(|| self.wrapping_sub(other))
    }

    pub fn checked_mul(self, other: U256) -> Option<U256> {
        let mut out = [0u64; 8];
        for i in 0..4 {
            let mut carry = 0u128;
            for j in 0..4 {
                carry += self.0[i] as u128 * other.0[j] as u128 + out[i + j] as u128;
                out[i + j] = carry as u64;
                carry >>= 64;
            }
            out[i + 4] = carry as u64;
        }
        (out[4..] == [0; 4]).then(|| U256([out[0], out[1], out[2], out[3]]))
    }

    /// Quotient and remainder; None by zero.
    pub fn checked_div_rem(self, by: U256) -> Option<(U256, U256)> {
        if by.is_zero() {
            return None;
        }
        let (mut quotient, mut rest) = (U256::ZERO, U256::ZERO);
        for bit in (0..256).rev() {
            let overflows = rest.0[3] >> 63 == 1;
            rest = rest.doubled();
            rest.0[0] |= self.0[bit / 64] >> (bit % 64) & 1;
            if overflows || rest >= by {
                rest = rest.wrapping_sub(by);
                quotient.0[bit / 64] |= 1 << (bit % 64);
            }
        }
        Some((quotient, rest))
    }

    fn doubled(self) -> U256 {
        let l = self.0;
        U256([l[0] << 1, l[1] << 1 | l[0] >> 63, l[2] << 1 | l[1] >> 63, l[3] << 1 | l[2] >> 63])
    }

    fn wrapping_sub(self, other: U256) -> U256 {
        let (mut out, mut borrow) = ([0; 4], false);
        for i in 0..4 {
            let (less, first) = self.0[i].overflowing_sub(other.0[i]);
            let (less, second) = less.overflowing_sub(borrow as u64);
            out[i] = less;
            borrow = first | second;
        }
        U256(out)
    }
}

impl Ord for U256 {
    fn cmp(&self, other: &U256) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}
impl PartialOrd for U256 {
    fn partial_cmp(&self, other: &U256) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl From<u64> for U256 {
    fn from(value: u64) -> U256 {
        U256([value, 0, 0, 0])
    }
}

const OVERFLOW: u64 = 0x11;
const BY_ZERO: u64 = 0x12;

impl Add for U256 {
    type Output = U256;
    fn add(self, other: U256) -> U256 {
        self.checked_add(other).unwrap_or_else(|| panic(OVERFLOW))
    }
}
impl Sub for U256 {
    type Output = U256;
    fn sub(self, other: U256) -> U256 {
        self.checked_sub(other).unwrap_or_else(|| panic(OVERFLOW))
    }
}
impl Mul for U256 {
    type Output = U256;
    fn mul(self, other: U256) -> U256 {
        self.checked_mul(other).unwrap_or_else(|| panic(OVERFLOW))
    }
}
impl Div for U256 {
    type Output = U256;
    fn div(self, by: U256) -> U256 {
        self.checked_div_rem(by).unwrap_or_else(|| panic(BY_ZERO)).0
    }
}
impl Rem for U256 {
    type Output = U256;
    fn rem(self, by: U256) -> U256 {
        self.checked_div_rem(by).unwrap_or_else(|| panic(BY_ZERO)).1
    }
}
impl AddAssign for U256 {
    fn add_assign(&mut self, other: U256) {
        *self = *self + other;
    }
}
impl SubAssign for U256 {
    fn sub_assign(&mut self, other: U256) {
        *self = *self - other;
    }
}

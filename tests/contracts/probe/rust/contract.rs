mod interface;

use chengxin::*;
use interface::{Inner, Interface, Outer};

pub struct Contract;

#[allow(clippy::type_complexity)]
impl Interface for Contract {
    fn words(
        a: u8, b: u16, c: u32, d: u64, e: U256, f: i8, g: i16, h: i32, i: i64, j: bool, k: Address, l: FixedBytes<4>, m: Bytes32,
    ) -> (u8, u16, u32, u64, U256, i8, i16, i32, i64, bool, Address, FixedBytes<4>, Bytes32) {
        (a, b, c, d, e, f, g, h, i, j, k, l, m)
    }

    fn tails(
        a: String, b: Bytes, c: Vec<u16>, d: Vec<String>, e: [bool; 2], f: [String; 2], g: Vec<[u8; 2]>, h: Outer, i: Vec<Outer>,
    ) -> (String, Bytes, Vec<u16>, Vec<String>, [bool; 2], [String; 2], Vec<[u8; 2]>, Outer, Vec<Outer>) {
        let _: &[Inner; 2] = &h.pair;
        (a, b, c, d, e, f, g, h, i)
    }

    fn calculate(a: U256, b: U256) -> (U256, U256) {
        (a + b, a * b)
    }
    fn subtract(a: U256, b: U256) -> U256 {
        a - b
    }
    fn divide(a: U256, b: U256) -> (U256, U256) {
        (a / b, a % b)
    }

    fn who() -> (Address, Address, u64, u64) {
        (context::caller(), context::own(), context::height(), context::time_ms() / 1000)
    }
    fn digests(message: Bytes) -> (Bytes32, Bytes32) {
        (FixedBytes(crypto::sm3(&message.0)), FixedBytes(crypto::keccak256(&message.0)))
    }
    fn verify(x: Bytes32, y: Bytes32, message: Bytes, r: Bytes32, s: Bytes32) -> bool {
        let key: [u8; 65] = [&[4], &x.0[..], &y.0[..]].concat().try_into().unwrap();
        let signature: [u8; 64] = [r.0, s.0].concat().try_into().unwrap();
        crypto::sm2_verify(&key, &message.0, &signature)
    }
    fn account(who: Address, role: String, name: String) -> (bool, Bytes) {
        (account::has_role(&who, &role), Bytes(account::attribute(&who, &name).unwrap_or_default()))
    }
    fn proven(bundle: Bytes, digest: Bytes32) -> bool {
        crypto::evidence(&bundle.0, &digest.0)
    }
    fn fail(reason: String) {
        fail(&reason)
    }
}

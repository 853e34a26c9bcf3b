mod interface;

use chengxin::*;
use interface::Interface;

pub struct Contract;

impl Interface for Contract {
    fn get(key: Bytes) -> (bool, Bytes) {
        let found = state::get(&key.0);
        (found.is_some(), Bytes(found.unwrap_or_default()))
    }
    fn put(key: Bytes, value: Bytes) {
        state::put(&key.0, &value.0)
    }
    fn erase(key: Bytes) {
        state::erase(&key.0)
    }
    fn entries(from: Bytes, to: Bytes, limit: u32) -> (Vec<Bytes>, Vec<Bytes>) {
        state::range(&from.0, &to.0, limit as usize).into_iter().map(|(key, value)| (Bytes(key), Bytes(value))).unzip()
    }
    fn encrypt(forward: bool, key: FixedBytes<16>, iv: FixedBytes<16>, data: Bytes) -> (bool, Bytes) {
        let result = crypto::sm4_cbc(forward, &key.0, &iv.0, &data.0);
        (result.is_some(), Bytes(result.unwrap_or_default()))
    }
    fn relay(to: Address, data: Bytes, read_only: bool) -> (bool, Bytes) {
        match call(&to, &data.0, 0, read_only) {
            Ok(result) => (true, Bytes(result)),
            Err(reason) => (false, Bytes(reason)),
        }
    }
    fn caller() -> (Address, String, Address) {
        (context::caller(), context::caller_name(), context::origin())
    }
    fn flood(count: u32, size: u32) {
        let data = vec![0; size as usize];
        (0..count).for_each(|_| event(&[], &data));
    }
}

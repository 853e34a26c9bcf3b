//! A notary: who recorded a digest first, and when.

mod interface;

use chengxin::{context, Bytes32, Map, Value};
use interface::{errors, events, Interface, Record};

const RECORDS: Map<Bytes32, Record> = Map::new("record");
const COUNT: Value<u64> = Value::new("count");

pub struct Contract;

impl Interface for Contract {
    fn record(digest: Bytes32, note: String) {
        if let Some(Record { owner, .. }) = RECORDS.get(&digest) {
            errors::AlreadyRecorded { digest, owner }.revert();
        }
        let owner = context::caller();
        let time = context::time_ms() / 1000;
        RECORDS.put(&digest, &Record { owner, height: context::height(), time, note: note.clone() });
        COUNT.put(&(Self::count() + 1));
        events::Recorded { digest, owner, note }.emit();
    }

    fn find(digest: Bytes32) -> Record {
        RECORDS.get(&digest).unwrap_or_else(|| errors::NotRecorded { digest }.revert())
    }

    fn count() -> u64 {
        COUNT.get().unwrap_or(0)
    }
}

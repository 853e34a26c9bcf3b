//! A register: entries that their owners publish in versions, none of which goes away.

mod interface;

use chengxin::{abi_struct, context, Address, Bytes32, Map};
use interface::{errors, events, Interface, Version};

abi_struct! {
    pub struct Place {
        pub key: String,
        pub number: u32,
    }
}

const OWNERS: Map<String, Address> = Map::new("owner");
const COUNTS: Map<String, u32> = Map::new("count");
const VERSIONS: Map<Place, Version> = Map::new("version");

pub struct Contract;

fn require_owner(key: &String) {
    let owner = Contract::owner(key.clone());
    if owner != context::caller() {
        errors::NotOwner { owner }.revert();
    }
}

impl Interface for Contract {
    fn publish(key: String, digest: Bytes32, location: String) -> u32 {
        let author = context::caller();
        let number = Self::versions(key.clone()) + 1;
        if number == 1 {
            OWNERS.put(&key, &author);
        }
        require_owner(&key);
        COUNTS.put(&key, &number);
        let time = context::time_ms() / 1000;
        let version = Version { number, author, time, digest, location: location.clone() };
        VERSIONS.put(&Place { key: key.clone(), number }, &version);
        events::Published { key, number, author, digest, location }.emit();
        number
    }

    fn transfer_ownership(key: String, to: Address) {
        require_owner(&key);
        OWNERS.put(&key, &to);
        events::OwnershipTransferred { key, from: context::caller(), to }.emit();
    }

    fn owner(key: String) -> Address {
        OWNERS.get(&key).unwrap_or_default()
    }

    fn versions(key: String) -> u32 {
        COUNTS.get(&key).unwrap_or(0)
    }

    fn latest(key: String) -> Version {
        let number = Self::versions(key.clone());
        Self::version(key, number)
    }

    fn version(key: String, number: u32) -> Version {
        let place = Place { key, number };
        VERSIONS.get(&place).unwrap_or_else(|| errors::Unknown { key: place.key, number }.revert())
    }

    fn history(key: String, from: u32, limit: u32) -> Vec<Version> {
        let first = from.max(1);
        let end = Self::versions(key.clone()).min((first - 1).saturating_add(limit));
        (first..=end).map(|number| Self::version(key.clone(), number)).collect()
    }
}

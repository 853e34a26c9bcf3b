//! What the EVM remembers within one transaction, over all its frames: which addresses and slots are warm
//! (EIP-2929), a slot's value when the transaction began (EIP-2200), transient storage (EIP-1153), the refund
//! (EIP-3529).
//!
//! Invariant: undoing the journal down to a mark gives what stood when the mark was taken. Only values that were
//! read from the state stay, since the state at the transaction's beginning does not change.
//! Nothing iterates over the maps, so their random order and seed are never seen.

use super::{interpreter::Spare, precompile};
use revm::context_interface::host::LoadError;
use revm::primitives::{hash_map::Entry, Address, HashMap, HashSet, U256};

pub type Key = (Address, U256);

/// What came to be larger in one transaction is given back, since clearing a large map takes long. No map grows
/// without the journal.
const KEPT_ENTRIES: usize = 4096;

pub struct Slot {
    pub original: U256,
    pub present: U256,
    warm: bool,
}

enum Undo {
    Address(Address),
    Warm(Key),
    Present(Key, U256),
    Transient(Key, U256),
    Refund(i64),
}

#[derive(Default)]
pub struct Transaction {
    addresses: HashSet<Address>,
    slots: HashMap<Key, Slot>,
    transient: HashMap<Key, U256>,
    journal: Vec<Undo>,
    refund: i64,
    pub spare: Spare,
}

impl Transaction {
    /// Forgets the last transaction. Warm from the beginning: who signed, who is called, the precompiles, and the
    /// beneficiary (EIP-3651), which is the zero address on every chain.
    pub fn begin(&mut self, origin: Address, called: Address) {
        if self.journal.capacity() > KEPT_ENTRIES {
            *self = Self { spare: std::mem::take(&mut self.spare), ..Self::default() };
        }
        self.addresses.clear();
        self.slots.clear();
        self.transient.clear();
        self.journal.clear();
        self.refund = 0;
        self.addresses.extend([origin, called, Address::ZERO]);
    }

    pub fn mark(&self) -> u64 {
        self.journal.len() as u64
    }

    pub fn rewind(&mut self, mark: u64) {
        while self.journal.len() as u64 > mark {
            match self.journal.pop() {
                Some(Undo::Address(address)) => drop(self.addresses.remove(&address)),
                Some(Undo::Warm(key)) => self.known(key).warm = false,
                Some(Undo::Present(key, value)) => self.known(key).present = value,
                Some(Undo::Transient(key, value)) => drop(self.transient.insert(key, value)),
                Some(Undo::Refund(value)) => self.refund = value,
                None => return,
            }
        }
    }

    fn known(&mut self, key: Key) -> &mut Slot {
        self.slots.get_mut(&key).expect("a slot in the journal is in the map")
    }

    /// Makes an address warm; whether it was cold. With `skip_cold` a cold one stays cold and is an error.
    pub fn touch(&mut self, address: Address, skip_cold: bool) -> Result<bool, LoadError> {
        if self.addresses.contains(&address) || precompile::is(&address) {
            return Ok(false);
        }
        if skip_cold {
            return Err(LoadError::ColdLoadSkipped);
        }
        self.addresses.insert(address);
        self.journal.push(Undo::Address(address));
        Ok(true)
    }

    /// A slot made warm, its value read from the state at its first use; whether it was cold.
    pub fn slot(
        &mut self,
        key: Key,
        skip_cold: bool,
        read: impl FnOnce() -> Result<U256, LoadError>,
    ) -> Result<(&mut Slot, bool), LoadError> {
        let was_cold = !self.slots.get(&key).is_some_and(|slot| slot.warm);
        if was_cold && skip_cold {
            return Err(LoadError::ColdLoadSkipped);
        }
        let slot = match self.slots.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let value = read()?;
                entry.insert(Slot { original: value, present: value, warm: false })
            }
        };
        if was_cold {
            slot.warm = true;
            self.journal.push(Undo::Warm(key));
        }
        Ok((slot, was_cold))
    }

    /// The slot was made warm before.
    pub fn set_present(&mut self, key: Key, value: U256) {
        let previous = std::mem::replace(&mut self.known(key).present, value);
        self.journal.push(Undo::Present(key, previous));
    }

    pub fn transient(&self, key: Key) -> U256 {
        self.transient.get(&key).copied().unwrap_or_default()
    }

    pub fn set_transient(&mut self, key: Key, value: U256) {
        let previous = self.transient.insert(key, value).unwrap_or_default();
        self.journal.push(Undo::Transient(key, previous));
    }

    pub fn add_refund(&mut self, refund: i64) {
        if refund != 0 {
            self.journal.push(Undo::Refund(self.refund));
            self.refund += refund;
        }
    }

    /// What is given back of `gas_used`, all of the transaction's gas (EIP-3529: at most a fifth).
    pub fn refund(&self, gas_used: u64) -> u64 {
        (self.refund.max(0) as u64).min(gas_used / 5)
    }
}

//! For an author's tests, never for a chain: which instructions a thread has executed.
use std::cell::RefCell;
use std::collections::BTreeSet;

type Place = ([u8; 20], u32, u32); // contract, size of the code, offset in it

thread_local!(static EXECUTED: RefCell<Option<BTreeSet<Place>>> = const { RefCell::new(None) });

pub fn start() {
    EXECUTED.set(Some(BTreeSet::new()));
}

pub fn started() -> bool {
    EXECUTED.with_borrow(Option::is_some)
}

pub fn executed(contract: [u8; 20], size: usize, offset: usize) {
    EXECUTED.with_borrow_mut(|all| {
        if let Some(all) = all {
            all.insert((contract, size as u32, offset as u32));
        }
    });
}

pub fn take() -> Vec<u8> {
    let all = EXECUTED.take().unwrap_or_default();
    all.into_iter().flat_map(|(contract, size, offset)| [&contract[..], &size.to_be_bytes(), &offset.to_be_bytes()].concat()).collect()
}

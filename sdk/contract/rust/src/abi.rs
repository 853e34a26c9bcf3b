//! The ABI encoding of Solidity 0.8, strict: each value has one encoding, and any other ends the call as reverted
//! with no data. An `Encoder` or `Decoder` stands in one sequence of values: heads in order, then tails in order.

use crate::host::revert;
use crate::u256::U256;

/// A type of the ABI.
pub trait Abi: Sized {
    /// Whether the head is an offset to the tail that holds the value.
    const DYNAMIC: bool;
    /// Bytes of the head.
    const HEAD: usize = 32;
    fn put(&self, to: &mut Encoder);
    fn take(from: &mut Decoder) -> Self;
}

pub struct Encoder {
    heads: Vec<u8>,
    tails: Vec<u8>,
    size: usize,
}

impl Encoder {
    /// Of a sequence whose heads take so many bytes.
    pub fn new(heads: usize) -> Encoder {
        Encoder { heads: Vec::with_capacity(heads), tails: Vec::new(), size: heads }
    }

    pub fn put<T: Abi>(&mut self, value: &T) -> &mut Encoder {
        value.put(self);
        self
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.heads.append(&mut self.tails);
        self.heads
    }

    fn word(&mut self, word: &[u8; 32]) {
        self.heads.extend_from_slice(word);
    }

    /// The offset of a tail that comes next.
    fn offset(&mut self) {
        let offset = number(self.size + self.tails.len());
        self.word(&offset);
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.offset();
        self.tails.extend_from_slice(&number(bytes.len()));
        self.tails.extend_from_slice(bytes);
        self.tails.resize(self.tails.len() + padding(bytes.len()), 0);
    }

    /// A sequence within: in the tails behind an offset when it is dynamic, else right here.
    pub fn nested(&mut self, dynamic: bool, heads: usize, fill: impl FnOnce(&mut Encoder)) {
        if !dynamic {
            return fill(self);
        }
        self.offset();
        let mut inner = Encoder::new(heads);
        fill(&mut inner);
        self.tails.extend(inner.finish());
    }
}

pub struct Decoder<'a> {
    bytes: &'a [u8],
    base: usize,
    head: usize,
    tail: usize,
}

impl<'a> Decoder<'a> {
    /// Of a sequence that is all of the bytes; `end` must follow.
    pub fn new(bytes: &'a [u8], heads: usize) -> Decoder<'a> {
        Decoder { bytes, base: 0, head: 0, tail: heads }
    }

    pub fn take<T: Abi>(&mut self) -> T {
        T::take(self)
    }

    pub fn end(self) {
        if self.tail != self.bytes.len() {
            malformed()
        }
    }

    fn word_at(&self, at: usize) -> [u8; 32] {
        let mut word = [0; 32];
        word.copy_from_slice(self.slice(at, 32));
        word
    }

    fn slice(&self, at: usize, length: usize) -> &'a [u8] {
        match at.checked_add(length) {
            Some(end) if end <= self.bytes.len() => &self.bytes[at..end],
            _ => malformed(),
        }
    }

    fn word(&mut self) -> [u8; 32] {
        let word = self.word_at(self.head);
        self.head += 32;
        word
    }

    /// A word of which only the last bytes may be other than zero.
    fn low<const N: usize>(&mut self) -> [u8; N] {
        let word = self.word();
        if word[..32 - N].iter().any(|&byte| byte != 0) {
            malformed()
        }
        let mut low = [0; N];
        low.copy_from_slice(&word[32 - N..]);
        low
    }

    /// Checks the offset in the head: the tail comes right behind the one before.
    fn follow(&mut self) {
        if self.word() != number(self.tail - self.base) {
            malformed()
        }
    }

    /// A length, which never exceeds the bytes there are.
    fn length(&mut self) -> usize {
        let word = self.word_at(self.tail);
        let length = u32::from_be_bytes([word[28], word[29], word[30], word[31]]) as usize;
        if word[..28] != [0; 28] || length > self.bytes.len() {
            malformed()
        }
        self.tail += 32;
        length
    }

    fn blob(&mut self) -> Vec<u8> {
        self.follow();
        let length = self.length();
        let bytes = self.slice(self.tail, length).to_vec();
        self.tail += length;
        if self.slice(self.tail, padding(length)).iter().any(|&byte| byte != 0) {
            malformed()
        }
        self.tail += padding(length);
        bytes
    }

    pub fn nested<T>(&mut self, dynamic: bool, heads: usize, read: impl FnOnce(&mut Decoder<'a>) -> T) -> T {
        if !dynamic {
            return read(self);
        }
        self.follow();
        self.inner(heads, read)
    }

    fn inner<T>(&mut self, heads: usize, read: impl FnOnce(&mut Decoder<'a>) -> T) -> T {
        self.slice(self.tail, heads);
        let mut inner = Decoder { bytes: self.bytes, base: self.tail, head: self.tail, tail: self.tail + heads };
        let value = read(&mut inner);
        self.tail = inner.tail;
        value
    }
}

fn malformed() -> ! {
    revert(&[])
}

fn padding(length: usize) -> usize {
    (32 - length % 32) % 32
}

fn number(value: usize) -> [u8; 32] {
    let mut word = [0; 32];
    word[28..].copy_from_slice(&(value as u32).to_be_bytes());
    word
}

/// The encoding of a value alone, as it stands in a list of one.
pub fn encode<T: Abi>(value: &T) -> Vec<u8> {
    let mut encoder = Encoder::new(T::HEAD);
    encoder.put(value);
    encoder.finish()
}

pub fn decode<T: Abi>(bytes: &[u8]) -> T {
    let mut decoder = Decoder::new(bytes, T::HEAD);
    let value = decoder.take();
    decoder.end();
    value
}

/// A value of one word as the topic of an event.
pub fn topic<T: Abi>(value: &T) -> [u8; 32] {
    let mut word = [0; 32];
    word.copy_from_slice(&encode(value));
    word
}

/// `address`: of an account or a contract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub [u8; 20]);

impl Address {
    pub const ZERO: Address = Address([0; 20]);
}

/// `bytesN`
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FixedBytes<const N: usize>(pub [u8; N]);
pub type Bytes32 = FixedBytes<32>;

/// `bytes`; a `Vec<u8>` would be `uint8[]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl AsRef<[u8]> for Address {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
impl<const N: usize> AsRef<[u8]> for FixedBytes<N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Abi for Address {
    const DYNAMIC: bool = false;
    fn put(&self, to: &mut Encoder) {
        let mut word = [0; 32];
        word[12..].copy_from_slice(&self.0);
        to.word(&word);
    }
    fn take(from: &mut Decoder) -> Address {
        Address(from.low())
    }
}

impl Abi for bool {
    const DYNAMIC: bool = false;
    fn put(&self, to: &mut Encoder) {
        to.word(&number(*self as usize));
    }
    fn take(from: &mut Decoder) -> bool {
        match from.low() {
            [0u8] => false,
            [1] => true,
            _ => malformed(),
        }
    }
}

impl Abi for U256 {
    const DYNAMIC: bool = false;
    fn put(&self, to: &mut Encoder) {
        to.word(&self.to_be_bytes());
    }
    fn take(from: &mut Decoder) -> U256 {
        U256::from_be_bytes(&from.word())
    }
}

impl<const N: usize> Abi for FixedBytes<N> {
    const DYNAMIC: bool = false;
    fn put(&self, to: &mut Encoder) {
        let mut word = [0; 32];
        word[..N].copy_from_slice(&self.0);
        to.word(&word);
    }
    fn take(from: &mut Decoder) -> FixedBytes<N> {
        let word = from.word();
        if word[N..].iter().any(|&byte| byte != 0) {
            malformed()
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&word[..N]);
        FixedBytes(bytes)
    }
}

impl Abi for Bytes {
    const DYNAMIC: bool = true;
    fn put(&self, to: &mut Encoder) {
        to.blob(&self.0);
    }
    fn take(from: &mut Decoder) -> Bytes {
        Bytes(from.blob())
    }
}

impl Abi for String {
    const DYNAMIC: bool = true;
    fn put(&self, to: &mut Encoder) {
        to.blob(self.as_bytes());
    }
    fn take(from: &mut Decoder) -> String {
        String::from_utf8(from.blob()).unwrap_or_else(|_| malformed())
    }
}

impl<T: Abi> Abi for Vec<T> {
    const DYNAMIC: bool = true;
    fn put(&self, to: &mut Encoder) {
        to.offset();
        let mut inner = Encoder::new(self.len() * T::HEAD);
        self.iter().for_each(|item| item.put(&mut inner));
        to.tails.extend_from_slice(&number(self.len()));
        to.tails.extend(inner.finish());
    }
    fn take(from: &mut Decoder) -> Vec<T> {
        from.follow();
        let count = from.length();
        let heads = count.checked_mul(T::HEAD).unwrap_or_else(|| malformed());
        from.inner(heads, |inner| (0..count).map(|_| inner.take()).collect())
    }
}

impl<T: Abi, const N: usize> Abi for [T; N] {
    const DYNAMIC: bool = T::DYNAMIC;
    const HEAD: usize = if T::DYNAMIC { 32 } else { N * T::HEAD };
    fn put(&self, to: &mut Encoder) {
        to.nested(T::DYNAMIC, N * T::HEAD, |to| self.iter().for_each(|item| item.put(to)));
    }
    fn take(from: &mut Decoder) -> [T; N] {
        let items: Vec<T> = from.nested(T::DYNAMIC, N * T::HEAD, |from| (0..N).map(|_| from.take()).collect());
        items.try_into().unwrap_or_else(|_| malformed())
    }
}

macro_rules! unsigned {
    ($($type:ty)*) => { $(
        impl Abi for $type {
            const DYNAMIC: bool = false;
            fn put(&self, to: &mut Encoder) {
                let mut word = [0; 32];
                word[32 - core::mem::size_of::<$type>()..].copy_from_slice(&self.to_be_bytes());
                to.word(&word);
            }
            fn take(from: &mut Decoder) -> $type {
                <$type>::from_be_bytes(from.low())
            }
        }
    )* };
}
unsigned!(u8 u16 u32 u64);

macro_rules! signed {
    ($($type:ty)*) => { $(
        impl Abi for $type {
            const DYNAMIC: bool = false;
            fn put(&self, to: &mut Encoder) {
                let mut word = [if *self < 0 { 0xff } else { 0 }; 32];
                word[32 - core::mem::size_of::<$type>()..].copy_from_slice(&self.to_be_bytes());
                to.word(&word);
            }
            fn take(from: &mut Decoder) -> $type {
                const SIZE: usize = core::mem::size_of::<$type>();
                let word = from.word();
                let mut low = [0; SIZE];
                low.copy_from_slice(&word[32 - SIZE..]);
                let value = <$type>::from_be_bytes(low);
                let sign = if value < 0 { 0xff } else { 0 };
                if word[..32 - SIZE].iter().any(|&byte| byte != sign) {
                    malformed()
                }
                value
            }
        }
    )* };
}
signed!(i8 i16 i32 i64);

/// A struct of the interface and its encoding.
#[macro_export]
macro_rules! abi_struct {
    ($(#[$attribute:meta])* pub struct $name:ident { $(pub $field:ident: $type:ty,)* }) => {
        $(#[$attribute])*
        pub struct $name { $(pub $field: $type,)* }
        impl $name {
            const HEADS: usize = 0 $(+ <$type as $crate::Abi>::HEAD)*;
        }
        impl $crate::Abi for $name {
            const DYNAMIC: bool = false $(|| <$type as $crate::Abi>::DYNAMIC)*;
            const HEAD: usize = if <$name as $crate::Abi>::DYNAMIC { 32 } else { $name::HEADS };
            fn put(&self, to: &mut $crate::abi::Encoder) {
                to.nested(<$name as $crate::Abi>::DYNAMIC, $name::HEADS, |to| { $(to.put(&self.$field);)* });
            }
            fn take(from: &mut $crate::abi::Decoder) -> $name {
                from.nested(<$name as $crate::Abi>::DYNAMIC, $name::HEADS, |from| $name { $($field: from.take(),)* })
            }
        }
    };
}

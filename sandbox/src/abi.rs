//! include/chengxin_sandbox.h in Rust, and safe calls of the host's callbacks. Shared by the engines.
use std::ffi::c_void;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    pub data: *const u8,
    pub size: usize,
}

impl Bytes {
    pub fn of(bytes: &[u8]) -> Self {
        Bytes { data: bytes.as_ptr(), size: bytes.len() }
    }

    /// # Safety
    /// The memory lives and does not change for as long as the slice is used.
    pub unsafe fn slice<'a>(self) -> &'a [u8] {
        if self.size == 0 {
            return &[];
        }
        std::slice::from_raw_parts(self.data, self.size)
    }
}

#[repr(C)]
pub struct Buffer {
    pub data: *mut u8,
    pub size: usize,
}

impl Buffer {
    pub const EMPTY: Buffer = Buffer { data: std::ptr::null_mut(), size: 0 };

    pub fn of(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() {
            return Self::EMPTY;
        }
        let size = bytes.len();
        Buffer { data: Box::into_raw(bytes.into_boxed_slice()).cast(), size }
    }

    /// # Safety
    /// The buffer came from `of`, here or by cx_copy.
    pub unsafe fn take(self) -> Vec<u8> {
        if self.size == 0 {
            return Vec::new();
        }
        Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.data, self.size)).into_vec()
    }
}

pub type Verdict = i32;
pub const OK: Verdict = 0;
pub const ABSENT: Verdict = 1;
pub const REFUSED: Verdict = 2;
pub const FAULT: Verdict = 3;

pub type Ending = i32;
pub const RETURNED: Ending = 0;
pub const REVERTED: Ending = 1;
pub const OUT_OF_GAS: Ending = 2;
pub const TRAPPED: Ending = 3;
pub const HOST_FAULT: Ending = 4;

pub const CALL: i32 = 0;
pub const STATIC: i32 = 1;
pub const DELEGATE: i32 = 2;
pub const CREATE: i32 = 3;
pub const CREATE2: i32 = 4;

pub const MAX_DEPTH: u32 = 15;

pub const ASK_CALLER_NAME: u32 = 0;
pub const ASK_ATTRIBUTE: u32 = 1;
pub const ASK_CREDENTIAL: u32 = 2;
pub const ASK_APPROVAL: u32 = 3;
pub const ASK_EVIDENCE: u32 = 4;
pub const ASK_SM2_VERIFY: u32 = 5;
pub const ASK_SM3: u32 = 6;
pub const ASK_SM4_CBC: u32 = 7;
pub const ASK_CODE: u32 = 8;
pub const ASK_CODE_AT: u32 = 9;
pub const ASK_CODE_HASH: u32 = 10;
pub const ASK_CODE_SIZE: u32 = 11;
pub const ASK_BLOCK_HASH: u32 = 12;

#[repr(C)]
pub struct Outcome {
    pub ending: Ending,
    pub gas_used: u64,
    pub output: Buffer,
}

impl Outcome {
    pub fn new(ending: Ending, gas_used: u64, output: impl Into<Vec<u8>>) -> Self {
        Outcome { ending, gas_used, output: Buffer::of(output.into()) }
    }
}

#[repr(C)]
pub struct Message {
    pub kind: i32,
    pub to: [u8; 20],
    pub salt: [u8; 32],
    pub input: Bytes,
    pub gas: u64,
}

#[repr(C)]
#[derive(Clone, Default)]
pub struct Context {
    pub self_address: [u8; 20],
    pub caller: [u8; 20],
    pub origin: [u8; 20],
    pub chain: [u8; 32],
    pub transaction: [u8; 32],
    pub previous_block: [u8; 32],
    pub height: u64,
    pub time_ms: i64,
    pub depth: u32,
    pub protocol: u32,
    pub read_only: u8,
}

#[repr(C)]
pub struct Host {
    pub context: *mut c_void, // `self` in C
    pub get: extern "C" fn(*mut c_void, Bytes, *mut Buffer) -> Verdict,
    pub set: extern "C" fn(*mut c_void, Bytes, *const Bytes) -> Verdict,
    pub range: extern "C" fn(*mut c_void, Bytes, Bytes, u32, *mut u64, *mut Buffer) -> Verdict,
    pub event: extern "C" fn(*mut c_void, *const u8, u32, Bytes) -> Verdict,
    pub ask: extern "C" fn(*mut c_void, u32, Bytes, *mut Buffer) -> Verdict,
    pub call: extern "C" fn(*mut c_void, *const Message, *mut Outcome) -> Verdict,
    pub log: Option<extern "C" fn(*mut c_void, Bytes)>,
}

/// Why the host ended the call.
#[derive(Debug)]
pub enum Stop {
    Refused(String),
    Fault(String),
}

fn stop<T>(verdict: Verdict, detail: Vec<u8>) -> Result<T, Stop> {
    let detail = String::from_utf8_lossy(&detail).into_owned();
    match verdict {
        REFUSED if detail.is_empty() => Err(Stop::Refused("contract.refused".into())),
        REFUSED => Err(Stop::Refused(detail)),
        _ => Err(Stop::Fault(detail)),
    }
}

fn answer(verdict: Verdict, buffer: Buffer) -> Result<Option<Vec<u8>>, Stop> {
    // The callback filled the buffer by cx_copy, or left it empty.
    let bytes = unsafe { buffer.take() };
    match verdict {
        OK => Ok(Some(bytes)),
        ABSENT => Ok(None),
        _ => stop(verdict, bytes),
    }
}

fn done(verdict: Verdict) -> Result<(), Stop> {
    if verdict == OK { Ok(()) } else { stop(verdict, Vec::new()) }
}

impl Host {
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let mut value = Buffer::EMPTY;
        let verdict = (self.get)(self.context, Bytes::of(key), &mut value);
        answer(verdict, value)
    }

    /// None erases.
    pub fn set(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), Stop> {
        let value = value.map(Bytes::of);
        let value = value.as_ref().map_or(std::ptr::null(), |bytes| bytes as *const Bytes);
        done((self.set)(self.context, Bytes::of(key), value))
    }

    /// What was found, and how many erased keys were passed: more than `erased` when it ended for that.
    pub fn range(&self, from: &[u8], to: &[u8], limit: u32, erased: u64) -> Result<(Vec<u8>, u64), Stop> {
        let (mut encoded, mut passed) = (Buffer::EMPTY, erased);
        let verdict = (self.range)(self.context, Bytes::of(from), Bytes::of(to), limit, &mut passed, &mut encoded);
        Ok((answer(verdict, encoded)?.unwrap_or_default(), passed))
    }

    /// `topics`: whole 32-byte words.
    pub fn event(&self, topics: &[u8], data: &[u8]) -> Result<(), Stop> {
        done((self.event)(self.context, topics.as_ptr(), (topics.len() / 32) as u32, Bytes::of(data)))
    }

    pub fn ask(&self, question: u32, arguments: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let mut found = Buffer::EMPTY;
        let verdict = (self.ask)(self.context, question, Bytes::of(arguments), &mut found);
        answer(verdict, found)
    }

    /// Ending, gas used and output of the nested call; its host fault is ours.
    pub fn call(&self, message: &Message) -> Result<(Ending, u64, Vec<u8>), Stop> {
        let mut outcome = Outcome { ending: HOST_FAULT, gas_used: 0, output: Buffer::EMPTY };
        let verdict = (self.call)(self.context, message, &mut outcome);
        let output = unsafe { outcome.output.take() };
        match (verdict, outcome.ending) {
            (OK, HOST_FAULT) => stop(FAULT, output),
            (OK, ending) => Ok((ending, outcome.gas_used.min(message.gas), output)),
            _ => stop(verdict, output),
        }
    }

    pub fn log(&self, text: &[u8]) {
        if let Some(log) = self.log {
            log(self.context, Bytes::of(text));
        }
    }
}

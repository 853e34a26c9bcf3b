//! What everything costs, and how much there may be of it. One gas is about a nanosecond of this machine's worst case
//! (docs/adr/0027); the unit is the same as the EVM's, so a call can pass its gas to a contract of either kind.
use super::scan::Report;
use wasmtime::OperatorCost;

/// Prices of what is not an instruction; those of instructions are compiled in (`operators`).
pub struct Prices {
    pub call: u64,                // an instance, made and dropped
    pub call_per_page: u64,       // of 64 KiB that the snapshot has: copied when first written
    pub call_per_far_page: u64,   // above KEPT_PAGES: given back after the call, so that the next faults them in again
    pub grow_per_page: u64,       // beside the instruction: zeroed when first written
    pub import: u64,              // any call of the host
    pub byte: u64,                // copied to or from the contract's memory
    pub read: u64,                // get, attribute, credential, approval
    pub read_per_byte: u64,
    pub write: u64,               // put, erase
    pub write_per_byte: u64,
    pub range: u64,
    pub range_per_entry: u64,     // of the limit asked for, found or not
    pub event: u64,
    pub event_per_byte: u64,      // topics too
    pub nested: u64,              // beside what the called contract uses
    pub hash: u64,
    pub hash_per_byte: u64,
    pub sm2_verify: u64,
    pub evidence: u64,
    pub evidence_per_byte: u64, // 140 of them, a signature and its validator, are a check of one signature
    pub prepare: u64,
    pub prepare_per_byte: u64, // hashed, written anew and kept; compiling is paid by what scan::Report counts
    pub prepare_per_function: u64,
    pub prepare_per_instruction: u64,
    pub prepare_per_float_operation: u64,
    pub prepare_per_call: u64,
    pub prepare_per_complexity: u64,
    pub prepare_per_square: u64,
}

const V3: Prices = Prices {
    call: 5_000,
    call_per_page: 2_000,
    call_per_far_page: 20_000,
    grow_per_page: 16_000,
    import: 100,
    byte: 1,
    read: 2_100,
    read_per_byte: 4,
    write: 5_000,
    write_per_byte: 20,
    range: 5_000,
    range_per_entry: 1_000,
    event: 400,
    event_per_byte: 8,
    nested: 2_600,
    hash: 500,
    hash_per_byte: 4,
    sm2_verify: 60_000,
    evidence: 500_000,
    evidence_per_byte: 300,
    prepare: 10_000_000,
    prepare_per_byte: 300,
    prepare_per_function: 100_000,
    prepare_per_instruction: 1_000,
    prepare_per_float_operation: 5_000,
    prepare_per_call: 20_000,
    prepare_per_complexity: 1_000,
    prepare_per_square: 10,
};

impl Prices {
    /// Of an instance whose snapshot has so many pages.
    pub fn instance(&self, pages: u64) -> u64 {
        let near = pages.min(KEPT_PAGES);
        self.call + self.call_per_page * near + self.call_per_far_page * (pages - near)
    }

    /// Of compiling, once quickly to initialise and once well.
    pub fn compile(&self, report: &Report) -> u64 {
        [
            (self.prepare_per_function, u64::from(report.functions)),
            (self.prepare_per_instruction, report.instructions),
            (self.prepare_per_float_operation, report.float_operations),
            (self.prepare_per_call, report.calls),
            (self.prepare_per_complexity, report.complexity),
            (self.prepare_per_square, report.squares),
        ]
        .iter()
        .fold(0, |sum: u64, (price, count)| sum.saturating_add(price.saturating_mul(*count)))
    }
}

/// None: the protocol version is not known.
pub fn prices(protocol: u32) -> Option<&'static Prices> {
    match protocol {
        3 | 4 => Some(&V3), // 3 is the first that knows contracts
        _ => None,
    }
}

/// Of `_initialize`, whatever the rest of preparing leaves: it is run again by every node that starts. Go's runtime uses
/// less than a million.
pub const MAX_INITIALISE: u64 = 100_000_000;

pub const PAGE: u64 = 65_536;
pub const MAX_PAGES: u64 = 512; // of one instance
pub const KEPT_PAGES: u64 = 64; // whose contents are put back after a call, rather than the pages given back
pub const MAX_TABLE: u64 = 65_536;
pub const MAX_STACK: usize = 256 << 10; // native bytes below one instance's entry

pub const MAX_KEY: u32 = 256;
pub const MAX_VALUE: u32 = 64 << 10;
pub const MAX_EVENT: u32 = 64 << 10;
pub const MAX_DATA: u32 = 256 << 10; // call data, return data, what is hashed, enciphered or proven
pub const MAX_NAME: u32 = 64; // of attributes and kinds
pub const MAX_LOG: u32 = 4 << 10;
pub const MAX_RANGE: u32 = 1_000;

/// Fuel of the instructions that take longer than a cycle or two. They are part of the compiled code and so of every
/// protocol version; changing them is a new engine.
pub fn operators() -> OperatorCost {
    let mut cost = OperatorCost::new();
    for division in [
        &mut cost.I32DivS, &mut cost.I32DivU, &mut cost.I32RemS, &mut cost.I32RemU,
        &mut cost.I64DivS, &mut cost.I64DivU, &mut cost.I64RemS, &mut cost.I64RemU,
        &mut cost.F32Div, &mut cost.F64Div, &mut cost.F32Sqrt, &mut cost.F64Sqrt,
    ] {
        *division = 10;
    }
    // Without SSE4.1, which not every node has, these are calls of library functions.
    for rounding in [
        &mut cost.F32Ceil, &mut cost.F32Floor, &mut cost.F32Trunc, &mut cost.F32Nearest,
        &mut cost.F64Ceil, &mut cost.F64Floor, &mut cost.F64Trunc, &mut cost.F64Nearest,
    ] {
        *rounding = 20;
    }
    for load in [
        &mut cost.I32Load, &mut cost.I64Load, &mut cost.F32Load, &mut cost.F64Load,
        &mut cost.I32Load8S, &mut cost.I32Load8U, &mut cost.I32Load16S, &mut cost.I32Load16U,
        &mut cost.I64Load8S, &mut cost.I64Load8U, &mut cost.I64Load16S, &mut cost.I64Load16U,
        &mut cost.I64Load32S, &mut cost.I64Load32U,
    ] {
        *load = 2;
    }
    cost.Call = 5;
    cost.CallIndirect = 10;
    cost.MemoryGrow = 250;
    cost.MemoryCopy = 20;
    cost.MemoryFill = 20;
    cost
}

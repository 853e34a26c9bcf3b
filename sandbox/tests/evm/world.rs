//! A platform in memory: dispatcher, state with a checkpoint per frame, and what `ask` knows. Addresses, nonces and
//! depth are Ethereum's, so that it can be compared with one.

use chengxin_sandbox::abi::{self, Buffer, Bytes, Context, Ending, Host, Message, Outcome, Verdict};
use chengxin_sandbox::{cx_copy, evm::*};
use revm::primitives::{keccak256, Address, B256, KECCAK_EMPTY};
use std::collections::BTreeMap;
use std::ffi::c_void;

pub const ORIGIN: Address = Address::repeat_byte(0xee);
pub const HEIGHT: u64 = 1000;
pub const TIME_MS: i64 = 1_800_000_000_999;
pub const CHAIN: u64 = 6;
const MAX_DEPTH: u32 = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub address: Address,
    pub topics: Vec<B256>,
    pub data: Vec<u8>,
}

#[derive(Clone, Default)]
pub struct State {
    pub code: BTreeMap<Address, Vec<u8>>,
    pub nonce: BTreeMap<Address, u64>,
    pub storage: BTreeMap<(Address, B256), B256>,
    pub events: Vec<Event>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    pub ending: Ending,
    pub gas_used: u64, // of the execution, without what the transaction costs as such
    pub refund: u64,
    pub output: Vec<u8>,
}

pub struct World {
    pub state: State,
    pub evm: *mut Machine,
    /// The callback with this number answers with `verdict`.
    pub fail_at: Option<(u64, Verdict)>,
    pub callbacks: u64,
    pub asked: Vec<(u32, Vec<u8>)>,
}

impl Drop for World {
    fn drop(&mut self) {
        unsafe { cx_evm_free(self.evm) }
    }
}

struct Frame {
    world: *mut World,
    context: Context,
}

/// What a transaction costs before anything runs (EIP-2028, EIP-3860).
pub fn intrinsic_gas(to: Option<Address>, input: &[u8]) -> u64 {
    let bytes: u64 = input.iter().map(|byte| if *byte == 0 { 4 } else { 16 }).sum();
    21_000 + bytes + if to.is_none() { 32_000 + 2 * (input.len() as u64).div_ceil(32) } else { 0 }
}

pub fn previous_block() -> B256 {
    keccak256((HEIGHT - 1).to_string().as_bytes())
}

impl World {
    pub fn new() -> Box<Self> {
        let evm = cx_evm_new();
        Box::new(Self { state: State::default(), evm, fail_at: None, callbacks: 0, asked: Vec::new() })
    }

    pub fn insert(&mut self, address: Address, code: &[u8]) {
        self.state.code.insert(address, code.to_vec());
        self.state.nonce.insert(address, 1);
    }

    /// What a transaction that failed has changed, but for the sender's nonce.
    pub fn changed_since(&self, before: &State) -> Option<&'static str> {
        let now = &self.state;
        let nonces = |state: &State| {
            let mut nonces = state.nonce.clone();
            nonces.remove(&ORIGIN);
            nonces
        };
        let changes = [
            ("code", now.code != before.code),
            ("a nonce", nonces(now) != nonces(before)),
            ("storage", now.storage != before.storage),
            ("events", !now.events.is_empty()),
        ];
        changes.iter().find(|(_, changed)| *changed).map(|(what, _)| *what)
    }

    pub fn call(&mut self, to: Address, input: &[u8], gas: u64) -> Done {
        self.transact(Some(to), input, gas)
    }

    /// One transaction of ORIGIN; `to` none: creates.
    pub fn transact(&mut self, to: Option<Address>, input: &[u8], gas: u64) -> Done {
        self.callbacks = 0;
        self.state.events.clear();
        let nonce = self.state.nonce.entry(ORIGIN).or_default();
        *nonce += 1;
        let target = to.unwrap_or(ORIGIN.create(*nonce - 1));
        let context = Context {
            self_address: target.into(),
            caller: ORIGIN.into(),
            origin: ORIGIN.into(),
            chain: B256::left_padding_from(&CHAIN.to_be_bytes()).into(),
            transaction: [7; 32],
            previous_block: previous_block().into(),
            height: HEIGHT,
            time_ms: TIME_MS,
            depth: 0,
            protocol: 1,
            read_only: 0,
        };
        let kind = if to.is_some() { abi::CALL } else { abi::CREATE };
        let message = Message { kind, to: target.into(), salt: [0; 32], input: Bytes::of(input), gas };
        unsafe {
            cx_evm_begin(self.evm, &ORIGIN.into(), &target.into());
            let outcome = if to.is_some() { self.run(context, &message) } else { self.create(context, &message) };
            let output = outcome.output.take();
            let refund = cx_evm_refund(self.evm, outcome.gas_used + intrinsic_gas(to, input));
            Done { ending: outcome.ending, gas_used: outcome.gas_used, refund, output }
        }
    }

    /// Undoes what a frame did that did not return.
    unsafe fn checkpointed(&mut self, frame: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        let (state, mark) = (self.state.clone(), cx_evm_mark(self.evm));
        let outcome = frame(self);
        if outcome.ending != abi::RETURNED {
            self.state = state;
            cx_evm_rewind(self.evm, mark);
        }
        outcome
    }

    unsafe fn run(&mut self, context: Context, message: &Message) -> Outcome {
        if context.depth > MAX_DEPTH {
            return Outcome::new(abi::REVERTED, 0, "");
        }
        self.checkpointed(|world| {
            let evm = world.evm;
            let code = world.state.code.get(&Address::from(message.to)).map(|code| keccak256(code).0);
            let mut frame = Frame { world, context };
            let host = frame.host();
            match code {
                _ if cx_evm_is_precompile(&message.to) => cx_evm_precompile(&host, message),
                None => Outcome::new(abi::RETURNED, 0, ""),
                Some(digest) => cx_evm_call(evm, &digest, &frame.context, &host, message),
            }
        })
    }

    /// `context` is the new contract's; its address is already counted in the creator's nonce.
    unsafe fn create(&mut self, context: Context, message: &Message) -> Outcome {
        let address = Address::from(context.self_address);
        cx_evm_touch(self.evm, &context.self_address);
        if self.state.nonce.contains_key(&address) || self.state.code.contains_key(&address) {
            return Outcome::new(abi::TRAPPED, message.gas, "");
        }
        self.checkpointed(|world| {
            world.state.nonce.insert(address, 1);
            let mut frame = Frame { world, context };
            let host = frame.host();
            let world = frame.world;
            let outcome = cx_evm_create((*world).evm, &frame.context, &host, message);
            if outcome.ending != abi::RETURNED {
                return outcome;
            }
            (*world).state.code.insert(address, outcome.output.take());
            Outcome::new(abi::RETURNED, outcome.gas_used, address.to_vec())
        })
    }

    unsafe fn message(&mut self, caller: &Context, message: &Message) -> Outcome {
        let mut context = caller.clone();
        context.depth += 1;
        if message.kind == abi::DELEGATE {
            return self.run(context, message);
        }
        context.caller = caller.self_address;
        if message.kind == abi::CALL || message.kind == abi::STATIC {
            context.read_only |= (message.kind == abi::STATIC) as u8;
            context.self_address = message.to;
            return self.run(context, message);
        }
        if context.depth > MAX_DEPTH {
            return Outcome::new(abi::REVERTED, 0, "");
        }
        let nonce = self.state.nonce.entry(caller.self_address.into()).or_default();
        *nonce += 1;
        match message.kind {
            abi::CREATE => cx_evm_create_address(&caller.self_address, *nonce - 1, &mut context.self_address),
            _ => cx_evm_create2_address(&caller.self_address, &message.salt, message.input, &mut context.self_address),
        }
        self.create(context, message)
    }

    fn known(&self, question: u32, arguments: &[u8]) -> Option<Vec<u8>> {
        let code = || self.state.code.get(&Address::from_slice(arguments));
        match question {
            abi::ASK_CODE => self.state.code.values().find(|code| keccak256(code) == arguments).cloned(),
            abi::ASK_CODE_AT => code().cloned(),
            abi::ASK_CODE_SIZE => code().map(|code| (code.len() as u64).to_be_bytes().to_vec()),
            abi::ASK_CODE_HASH => {
                self.state.nonce.get(&Address::from_slice(arguments))?; // accounts without code have a hash too
                Some(code().map_or(KECCAK_EMPTY, keccak256).to_vec())
            }
            abi::ASK_BLOCK_HASH => {
                let number = u64::from_be_bytes(arguments.try_into().unwrap());
                Some(keccak256(number.to_string().as_bytes()).to_vec())
            }
            abi::ASK_ATTRIBUTE => (&arguments[20..] == b"role:judge").then(|| vec![1]),
            abi::ASK_SM3 => Some(vec![arguments.len() as u8; 32]),
            abi::ASK_SM2_VERIFY => Some(vec![1]),
            abi::ASK_EVIDENCE => Some(vec![(arguments.len() == 35) as u8]),
            _ => None,
        }
    }

    fn verdict(&mut self) -> Verdict {
        self.callbacks += 1;
        match self.fail_at {
            Some((at, verdict)) if at == self.callbacks => verdict,
            _ => abi::OK,
        }
    }
}

impl Frame {
    fn host(&mut self) -> Host {
        Host { context: self as *mut Self as *mut c_void, get, set, range, event, ask, call, log: None }
    }

    fn address(&self) -> Address {
        self.context.self_address.into()
    }
}

/// What `Frame::host` gave, while its frame runs.
fn frame<'a>(this: *mut c_void) -> (&'a Frame, &'a mut World) {
    unsafe {
        let frame = &*(this as *const Frame);
        (frame, &mut *frame.world)
    }
}

fn word(bytes: Bytes) -> B256 {
    B256::from_slice(unsafe { bytes.slice() })
}

fn give(found: Option<Vec<u8>>, to: *mut Buffer) -> Verdict {
    let Some(found) = found else { return abi::ABSENT };
    unsafe { *to = cx_copy(Bytes::of(&found)) };
    abi::OK
}

extern "C" fn get(this: *mut c_void, key: Bytes, value: *mut Buffer) -> Verdict {
    let (frame, world) = frame(this);
    match world.verdict() {
        abi::OK => give(world.state.storage.get(&(frame.address(), word(key))).map(|found| found.to_vec()), value),
        verdict => verdict,
    }
}

extern "C" fn set(this: *mut c_void, key: Bytes, value: *const Bytes) -> Verdict {
    let (frame, world) = frame(this);
    assert_eq!(frame.context.read_only, 0, "a write in a read-only frame");
    let verdict = world.verdict();
    let key = (frame.address(), word(key));
    match unsafe { value.as_ref() } {
        _ if verdict != abi::OK => (),
        None => drop(world.state.storage.remove(&key)),
        Some(value) => drop(world.state.storage.insert(key, word(*value))),
    }
    verdict
}

extern "C" fn range(_: *mut c_void, _: Bytes, _: Bytes, _: u32, _: *mut u64, _: *mut Buffer) -> Verdict {
    unreachable!("the EVM has no ranges")
}

extern "C" fn event(this: *mut c_void, topics: *const u8, count: u32, data: Bytes) -> Verdict {
    let (frame, world) = frame(this);
    assert_eq!(frame.context.read_only, 0, "an event in a read-only frame");
    let topics = Bytes { data: topics, size: 32 * count as usize };
    let topics = unsafe { topics.slice() }.chunks(32).map(B256::from_slice).collect();
    let data = unsafe { data.slice() }.to_vec();
    world.state.events.push(Event { address: frame.address(), topics, data });
    world.verdict()
}

extern "C" fn ask(this: *mut c_void, question: u32, arguments: Bytes, to: *mut Buffer) -> Verdict {
    let (_, world) = frame(this);
    let arguments = unsafe { arguments.slice() };
    world.asked.push((question, arguments.to_vec()));
    match world.verdict() {
        abi::OK => give(world.known(question, arguments), to),
        verdict => verdict,
    }
}

extern "C" fn call(this: *mut c_void, message: *const Message, outcome: *mut Outcome) -> Verdict {
    let (frame, world) = frame(this);
    let verdict = world.verdict();
    if verdict == abi::OK {
        unsafe { *outcome = world.message(&frame.context, &*message) };
    }
    verdict
}

/// Frames nest on the stack, which a test's own thread has too little of.
pub fn with_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 << 20).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

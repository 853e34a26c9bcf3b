//! Contracts in text form against a host in memory. `World` undoes what a call did that did not return, as a host must.
mod calls;
mod hostile;
mod measure;

use super::Cache;
use crate::abi::*;
use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::Arc;

const GAS: u64 = 50_000_000;
const PREPARE_GAS: u64 = 100_000_000_000;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Default)]
struct World {
    state: Entries, // key: address, key of the contract
    events: Vec<(Vec<u8>, Vec<u8>)>,
    log: Vec<u8>,
    fault: &'static str, // the callback that fails
    erased: u64,         // keys that every range passes
    contracts: HashMap<[u8; 20], [u8; 32]>,
    code: HashMap<[u8; 32], Vec<u8>>,
    cache: Option<Arc<Cache>>,
}

struct Frame<'a> {
    world: &'a mut World,
    context: Context,
}

#[derive(Debug, PartialEq, Clone)]
struct Result {
    ending: Ending,
    gas: u64,
    output: Vec<u8>,
}

impl Result {
    fn reason(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

fn frame<'a>(context: *mut c_void) -> &'a mut Frame<'a> {
    unsafe { &mut *context.cast() }
}

fn verdict(frame: &Frame, callback: &str) -> Verdict {
    if frame.world.fault == callback { FAULT } else { OK }
}

extern "C" fn get(context: *mut c_void, key: Bytes, value: *mut Buffer) -> Verdict {
    let frame = frame(context);
    let key = [&frame.context.self_address[..], unsafe { key.slice() }].concat();
    let Some(found) = frame.world.state.get(&key) else { return ABSENT.max(verdict(frame, "get")) };
    unsafe { *value = Buffer::of(found.clone()) };
    verdict(frame, "get")
}

extern "C" fn set(context: *mut c_void, key: Bytes, value: *const Bytes) -> Verdict {
    let frame = frame(context);
    let key = [&frame.context.self_address[..], unsafe { key.slice() }].concat();
    match unsafe { value.as_ref() } {
        Some(value) => frame.world.state.insert(key, unsafe { value.slice() }.to_vec()),
        None => frame.world.state.remove(&key),
    };
    verdict(frame, "set")
}

extern "C" fn range(context: *mut c_void, from: Bytes, _to: Bytes, limit: u32, erased: *mut u64, encoded: *mut Buffer) -> Verdict {
    let frame = frame(context);
    unsafe { *erased = frame.world.erased.min(*erased + 1) };
    let from = [&frame.context.self_address[..], unsafe { from.slice() }].concat();
    let found: Vec<_> = frame.world.state.range(from..).take(limit as usize).collect();
    let mut bytes = (found.len() as u32).to_be_bytes().to_vec();
    for (key, value) in found {
        for part in [&key[20..], value] {
            bytes.extend((part.len() as u32).to_be_bytes());
            bytes.extend(part);
        }
    }
    unsafe { *encoded = Buffer::of(bytes) };
    verdict(frame, "range")
}

extern "C" fn event(context: *mut c_void, topics: *const u8, count: u32, data: Bytes) -> Verdict {
    let frame = frame(context);
    let topics = unsafe { Bytes { data: topics, size: count as usize * 32 }.slice() };
    frame.world.events.push((topics.to_vec(), unsafe { data.slice() }.to_vec()));
    verdict(frame, "event")
}

/// Not the real functions: what matters here is that arguments arrive and answers return.
extern "C" fn ask(context: *mut c_void, question: u32, arguments: Bytes, answer: *mut Buffer) -> Verdict {
    let frame = frame(context);
    let arguments = unsafe { arguments.slice() };
    let found = match question {
        ASK_CODE => frame.world.code.get(arguments).cloned(),
        ASK_SM3 => Some(alloy_primitives::keccak256([b"sm3", arguments].concat()).to_vec()),
        ASK_SM2_VERIFY | ASK_EVIDENCE => Some(vec![u8::from(arguments[0] == 1)]),
        ASK_SM4_CBC => Some(arguments[33..].iter().map(|byte| byte ^ 1).collect()),
        ASK_ATTRIBUTE => Some(arguments.to_vec()),
        ASK_CALLER_NAME => Some(b"caller".to_vec()),
        _ => None,
    };
    let Some(found) = found else { return ABSENT };
    unsafe { *answer = Buffer::of(found) };
    if question == ASK_CODE { OK } else { verdict(frame, "ask") }
}

extern "C" fn call(context: *mut c_void, message: *const Message, outcome: *mut Outcome) -> Verdict {
    let frame = frame(context);
    let message = unsafe { &*message };
    let mut inner = frame.context.clone();
    inner.caller = inner.self_address;
    inner.depth += 1;
    inner.read_only = u8::from(message.kind == STATIC);
    unsafe { *outcome = frame.world.run(&message.to, inner, message.input, message.gas) };
    verdict(frame, "call")
}

extern "C" fn log(context: *mut c_void, text: Bytes) {
    frame(context).world.log.extend(unsafe { text.slice() });
}

fn context() -> Context {
    Context {
        self_address: [0; 20],
        caller: [1; 20],
        origin: [2; 20],
        chain: [3; 32],
        transaction: [4; 32],
        previous_block: [5; 32],
        height: 6,
        time_ms: 7,
        protocol: 3,
        ..Context::default()
    }
}

impl World {
    fn new() -> World {
        World { cache: Some(Arc::new(Cache::open(None, 1 << 30, 0).unwrap())), ..World::default() }
    }

    fn with(contract: &str) -> World {
        let mut world = World::new();
        world.deploy(1, &wat::parse_str(contract).unwrap());
        world
    }

    fn deploy(&mut self, address: u8, module: &[u8]) {
        let prepared = prepare(module);
        assert_eq!(prepared.ending, RETURNED, "{}", prepared.reason());
        let digest = alloy_primitives::keccak256(&prepared.output).0;
        self.contracts.insert([address; 20], digest);
        self.code.insert(digest, prepared.output);
    }

    fn run(&mut self, to: &[u8; 20], context: Context, input: Bytes, gas: u64) -> Outcome {
        self.enter(CALL, to, context, input, gas)
    }

    fn enter(&mut self, kind: i32, to: &[u8; 20], mut context: Context, input: Bytes, gas: u64) -> Outcome {
        let before = (self.state.clone(), self.events.clone());
        let digest = self.contracts[to];
        let cache = self.cache.clone().unwrap();
        context.self_address = *to;
        let message = Message { kind, to: *to, salt: [0; 32], input, gas };
        let mut frame = Frame { world: self, context: context.clone() };
        let context_of_frame = (&mut frame as *mut Frame).cast();
        let host = Host { context: context_of_frame, get, set, range, event, ask, call, log: Some(log) };
        let outcome = crate::wasm::call(&cache, &digest, &context, &host, &message);
        if outcome.ending != RETURNED {
            (self.state, self.events) = before;
        }
        outcome
    }

    fn call_with(&mut self, context: Context, input: &[u8], gas: u64) -> Result {
        let outcome = self.run(&[1; 20], context, Bytes::of(input), gas);
        assert!(outcome.gas_used <= gas);
        Result { ending: outcome.ending, gas: outcome.gas_used, output: unsafe { outcome.output.take() } }
    }

    fn call(&mut self, input: &[u8], gas: u64) -> Result {
        self.call_with(context(), input, gas)
    }
}

fn prepare(module: &[u8]) -> Result {
    prepare_with(module, PREPARE_GAS)
}

fn prepare_with(module: &[u8], gas: u64) -> Result {
    let outcome = crate::wasm::prepare(module, 3, gas);
    Result { ending: outcome.ending, gas: outcome.gas_used, output: unsafe { outcome.output.take() } }
}

/// A contract whose chengxin_call is `body`; all imports of the host have their own names.
fn contract(body: &str) -> String {
    let imports: String = crate::wasm::host::IMPORTS
        .iter()
        .chain(&crate::wasm::wasi::IMPORTS)
        .enumerate()
        .map(|(index, (name, signature))| {
            let module = if index < crate::wasm::host::IMPORTS.len() { "chengxin" } else { "wasi_snapshot_preview1" };
            let (parameters, results) = signature.split_once('>').unwrap();
            let types = |letters: &str| letters.chars().map(|l| if l == 'I' { " i64" } else { " i32" }).collect::<String>();
            let (parameters, results) = (types(parameters), types(results));
            format!("(import \"{module}\" \"{name}\" (func ${name} (param{parameters}) (result{results})))\n")
        })
        .collect();
    format!(
        "(module {imports} (memory (export \"memory\") 2)
           (func $out (param i32) (i32.store (i32.const 0) (local.get 0)) (call $output (i32.const 0) (i32.const 4)))
           (func (export \"chengxin_call\") {body}))"
    )
}

fn run(body: &str) -> Result {
    World::with(&contract(body)).call(&[], GAS)
}

/// Uses state, events, a nested call, memory growth, hashes and bulk memory.
fn busy(callee: bool) -> String {
    let nested = "(i32.store (i32.const 600) (i32.const 0x02020202)) (i64.store (i32.const 604) (i64.const 0x0202020202020202))
                  (i64.store (i32.const 612) (i64.const 0x0202020202020202))
                  (drop (call $call (i32.const 600) (i32.const 0) (i32.const 40) (i64.const 0) (i32.const 0)))
                  (call $answer (i32.const 700) (i32.const 0) (i32.const 4))";
    contract(&format!(
        "(drop (call $input))
         (i32.store (i32.const 64) (i32.const 7))
         (call $put (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 40))
         (drop (call $get (i32.const 64) (i32.const 4)))
         (call $answer (i32.const 128) (i32.const 0) (i32.const 40))
         (call $event (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 10))
         {}
         (drop (memory.grow (i32.const 3)))
         (memory.fill (i32.const 131072) (i32.const 9) (i32.const 5000))
         (call $sm3 (i32.const 0) (i32.const 100) (i32.const 300))
         (call $keccak256 (i32.const 0) (i32.const 100) (i32.const 332))
         (drop (call $range (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 3)))
         (call $erase (i32.const 0) (i32.const 4))
         (call $output (i32.const 300) (i32.const 64))",
        if callee { "" } else { nested }
    ))
}

fn busy_world() -> World {
    let mut world = World::with(&busy(false));
    world.deploy(2, &wat::parse_str(busy(true)).unwrap());
    world
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("chengxin-sandbox-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

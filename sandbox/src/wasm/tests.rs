//! Contracts in text form against a host in memory. `World` undoes what a call did that did not return, as a host must.
use super::{gas, scan, Cache};
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

extern "C" fn range(context: *mut c_void, from: Bytes, _to: Bytes, limit: u32, encoded: *mut Buffer) -> Verdict {
    let frame = frame(context);
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
        depth: 0,
        protocol: 1,
        read_only: 0,
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

    fn run(&mut self, to: &[u8; 20], mut context: Context, input: Bytes, gas: u64) -> Outcome {
        let before = (self.state.clone(), self.events.clone());
        let digest = self.contracts[to];
        let cache = self.cache.clone().unwrap();
        context.self_address = *to;
        let message = Message { kind: CALL, to: *to, salt: [0; 32], input, gas };
        let mut frame = Frame { world: self, context: context.clone() };
        let context_of_frame = (&mut frame as *mut Frame).cast();
        let host = Host { context: context_of_frame, get, set, range, event, ask, call, log: Some(log) };
        let outcome = super::call(&cache, &digest, &context, &host, &message);
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
    let outcome = super::prepare(module, 1, gas);
    Result { ending: outcome.ending, gas: outcome.gas_used, output: unsafe { outcome.output.take() } }
}

/// A contract whose chengxin_call is `body`; all imports of the host have their own names.
fn contract(body: &str) -> String {
    let imports: String = super::host::IMPORTS
        .iter()
        .chain(&super::wasi::IMPORTS)
        .enumerate()
        .map(|(index, (name, signature))| {
            let module = if index < super::host::IMPORTS.len() { "chengxin" } else { "wasi_snapshot_preview1" };
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

fn trapped(body: &str) -> String {
    let result = run(body);
    assert_eq!((result.ending, result.gas), (TRAPPED, GAS), "{body}: {}", result.reason());
    result.reason()
}

fn finding(module: &str) -> String {
    let module = wat::parse_str(module).unwrap();
    let found = scan(&module);
    let refused = prepare(&module);
    let (reason, detail) = found.findings.first().unwrap_or_else(|| panic!("nothing found: {}", found.json()));
    assert_eq!((refused.ending, refused.reason()), (TRAPPED, format!("{reason}: {detail}")));
    reason.to_string()
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

#[test]
fn every_import_is_defined_as_the_table_says() {
    assert_eq!(run("").ending, RETURNED);
}

#[test]
fn calls_see_input_context_and_state() {
    let mut world = World::with(&contract(
        "(drop (call $input)) (call $answer (i32.const 0) (i32.const 1) (i32.const 2))
         (drop (call $context (i32.const 3))) (call $answer (i32.const 2) (i32.const 31) (i32.const 1))
         (i64.store8 (i32.const 3) (call $height)) (i64.store8 (i32.const 4) (call $time_ms))
         (i32.store8 (i32.const 5) (call $get (i32.const 100) (i32.const 1)))
         (call $put (i32.const 100) (i32.const 1) (i32.const 0) (i32.const 2))
         (i32.store8 (i32.const 6) (call $get (i32.const 100) (i32.const 1)))
         (i32.store8 (i32.const 7) (call $attribute (i32.const 100) (i32.const 0) (i32.const 2)))
         (i32.store8 (i32.const 8) (call $credential (i32.const 100) (i32.const 0) (i32.const 2)))
         (call $output (i32.const 0) (i32.const 9)) (call $log (i32.const 0) (i32.const 2))",
    ));
    let result = world.call(&[10, 11, 12], GAS);
    assert_eq!((result.ending, result.output), (RETURNED, vec![11, 12, 3, 6, 7, 255, 2, 22, 255]));
    assert_eq!(world.state.values().next().unwrap(), &[11, 12]);
    assert_eq!(world.log, [11, 12]);
}

#[test]
fn nothing_of_one_call_is_seen_by_the_next() {
    let body = "(i32.store (i32.const 70000) (i32.add (i32.load (i32.const 70000)) (i32.const 1)))
                (drop (memory.grow (i32.const 1)))
                (i32.store (i32.const 70004) (memory.size)) (call $output (i32.const 70000) (i32.const 8))";
    let mut world = World::with(&contract(body));
    let first = world.call(&[], GAS);
    assert_eq!(first.output, [1, 0, 0, 0, 3, 0, 0, 0]);
    for _ in 0..300 {
        assert_eq!(world.call(&[], GAS), first);
    }
}

#[test]
fn the_snapshot_holds_memory_globals_and_size() {
    let mut world = World::with(
        r#"(module (import "chengxin" "output" (func $output (param i32 i32)))
             (memory (export "memory") 1) (global $count (mut i64) (i64.const 0)) (global $ratio (mut f64) (f64.const 0))
             (data (i32.const 8) "data")
             (func (export "_initialize")
               (drop (memory.grow (i32.const 2))) (i32.store (i32.const 190000) (i32.const 5))
               (global.set $count (i64.const -3)) (global.set $ratio (f64.const 0.5)) (i32.store8 (i32.const 8) (i32.const 68)))
             (func (export "chengxin_call")
               (i32.store (i32.const 12) (i32.load (i32.const 190000))) (i64.store (i32.const 16) (global.get $count))
               (f64.store (i32.const 24) (global.get $ratio)) (i32.store (i32.const 32) (memory.size))
               (call $output (i32.const 8) (i32.const 28))))"#,
    );
    let mut expected = b"Data\x05\0\0\0".to_vec();
    expected.extend((-3i64).to_le_bytes());
    expected.extend(0.5f64.to_le_bytes());
    expected.extend(3u32.to_le_bytes());
    assert_eq!(world.call(&[], GAS).output, expected);
}

#[test]
fn prepare_is_deterministic_and_bounded() {
    let module = wat::parse_str(busy(false)).unwrap();
    assert_eq!(prepare(&module), prepare(&module));
    let again = prepare(&prepare(&module).output);
    assert_eq!(again.output, prepare(&module).output); // a prepared module is its own snapshot
    let initialise = |body: &str| {
        let module = format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                 (import "chengxin" "get" (func $get (param i32 i32) (result i32)))
                 (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
                 (memory (export "memory") 1) (func (export "chengxin_call")) (func (export "_initialize") {body}))"#
        );
        prepare_with(&wat::parse_str(module).unwrap(), 200_000_000)
    };
    assert_eq!(initialise("(drop (call $random (i32.const 0) (i32.const 100)))").ending, RETURNED);
    assert_eq!(initialise("(loop (br 0))").ending, OUT_OF_GAS);
    assert_eq!(initialise("unreachable").reason(), "contract.trap.unreachable");
    assert_eq!(initialise("(call $exit (i32.const 0))").reason(), "contract.prepare.exit");
    assert_eq!(initialise("(drop (call $get (i32.const 0) (i32.const 1)))").reason(), "contract.trap.initialize");
    for gas in [1_000, 11_000_000] {
        let short = prepare_with(&module, gas);
        assert_eq!((short.ending, short.gas), (OUT_OF_GAS, gas));
    }
}

#[test]
fn hostile_code_ends_by_itself() {
    assert_eq!(run("(loop (br 0))").ending, OUT_OF_GAS);
    assert_eq!(trapped("unreachable"), "contract.trap.unreachable");
    assert_eq!(trapped("(drop (i32.load (i32.const -4)))"), "contract.trap.memory");
    assert_eq!(trapped("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), "contract.trap.arithmetic");
    assert_eq!(run("(drop (memory.grow (i32.const 65000)))").ending, RETURNED); // -1
    assert_eq!(run("(call $out (memory.grow (i32.const -1)))").output, [255; 4]);
    let small = contract("(call $out (memory.grow (i32.const 2)))").replace("(export \"memory\") 2", "(export \"memory\") 2 3");
    assert_eq!(World::with(&small).call(&[], GAS).output, [255; 4]); // above the module's own limit
    assert_eq!(run("(loop (drop (memory.grow (i32.const 1))) (br 0))").ending, OUT_OF_GAS);
    assert_eq!(run("(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 131072)) (br 0))").ending, OUT_OF_GAS);
    assert_eq!(run("(loop (drop (call $range (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000))) (br 0))").ending, OUT_OF_GAS);
    assert_eq!(run("(call $proc_exit (i32.const 1))").ending, REVERTED);
    let recursion = contract("").replace("(func $out ", "(func $deep (param i64) (call $deep (local.get 0)) (call $deep (i64.const 1))) (func $out ");
    let recursion = recursion.replace("(func (export \"chengxin_call\")", "(func (export \"chengxin_call\") (call $deep (i64.const 0))");
    assert_eq!(World::with(&recursion).call(&[], GAS).reason(), "contract.trap.stack");
}

#[test]
fn wrong_pointers_and_sizes_end_the_call() {
    let end = "(i32.const 131000)"; // 72 bytes before the end of memory
    for body in [
        format!("(call $output {end} (i32.const 73))"),
        format!("(call $revert {end} (i32.const 73))"),
        format!("(drop (call $get {end} (i32.const 73)))"),
        format!("(call $put {end} (i32.const 73) (i32.const 0) (i32.const 0))"),
        format!("(call $put (i32.const 0) (i32.const 1) {end} (i32.const 73))"),
        format!("(call $erase {end} (i32.const 73))"),
        format!("(drop (call $range {end} (i32.const 73) (i32.const 0) (i32.const 0) (i32.const 1)))"),
        format!("(drop (call $range (i32.const 0) (i32.const 0) {end} (i32.const 73) (i32.const 1)))"),
        format!("(call $event {end} (i32.const 3) (i32.const 0) (i32.const 0))"),
        format!("(call $event (i32.const 0) (i32.const 0) {end} (i32.const 73))"),
        "(drop (call $attribute (i32.const 131060) (i32.const 0) (i32.const 1)))".into(),
        "(drop (call $credential (i32.const 131060) (i32.const 0) (i32.const 1)))".into(),
        "(drop (call $approval (i32.const 131060) (i32.const 0) (i32.const 1)))".into(),
        "(drop (call $attribute (i32.const 0) (i32.const 131060) (i32.const 20)))".into(),
        "(drop (call $call (i32.const 131060) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)))".into(),
        format!("(drop (call $call (i32.const 0) {end} (i32.const 73) (i64.const 0) (i32.const 0)))"),
        format!("(call $sm3 {end} (i32.const 73) (i32.const 0))"),
        "(call $sm3 (i32.const 0) (i32.const 1) (i32.const 131050))".into(),
        format!("(call $keccak256 {end} (i32.const 73) (i32.const 0))"),
        "(call $keccak256 (i32.const 0) (i32.const 1) (i32.const 131050))".into(),
        "(drop (call $sm2_verify (i32.const 131050) (i32.const 0) (i32.const 0) (i32.const 0)))".into(),
        "(drop (call $sm2_verify (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 131050)))".into(),
        format!("(drop (call $sm2_verify (i32.const 0) {end} (i32.const 73) (i32.const 0)))"),
        "(drop (call $sm4_cbc (i32.const 0) (i32.const 131060) (i32.const 0) (i32.const 0) (i32.const 16)))".into(),
        "(drop (call $sm4_cbc (i32.const 0) (i32.const 0) (i32.const 131060) (i32.const 0) (i32.const 16)))".into(),
        "(drop (call $sm4_cbc (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 131060) (i32.const 16)))".into(),
        format!("(drop (call $evidence {end} (i32.const 73) (i32.const 0)))"),
        "(drop (call $evidence (i32.const 0) (i32.const 0) (i32.const 131050)))".into(),
        format!("(call $log {end} (i32.const 73))"),
        "(call $answer (i32.const 0) (i32.const 0) (i32.const 1))".into(),
        "(call $answer (i32.const 0) (i32.const -1) (i32.const -1))".into(),
        "(drop (call $input)) (call $answer (i32.const -1) (i32.const 0) (i32.const 0)) (drop (call $context (i32.const 0))) (call $answer (i32.const 131060) (i32.const 0) (i32.const 20))".into(),
        "(drop (call $random_get (i32.const 131060) (i32.const 20)))".into(),
        "(drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const -1)))".into(),
        "(drop (call $fd_write (i32.const 1) (i32.const -1) (i32.const 1) (i32.const 0)))".into(),
        "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const -1)))".into(),
        "(drop (call $args_sizes_get (i32.const -1) (i32.const 0)))".into(),
    ] {
        assert_eq!(trapped(&body), "contract.trap.pointer", "{body}");
    }
    for body in [
        "(call $output (i32.const 0) (i32.const -1))",
        "(drop (call $get (i32.const 0) (i32.const 257)))",
        "(call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 65537))",
        "(call $event (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 65537))",
        "(drop (call $attribute (i32.const 0) (i32.const 0) (i32.const 65)))",
        "(drop (call $random_get (i32.const 0) (i32.const -1)))",
    ] {
        assert_eq!(trapped(body), "contract.trap.size", "{body}");
    }
    for body in [
        "(drop (call $context (i32.const 6)))",
        "(call $event (i32.const 0) (i32.const 5) (i32.const 0) (i32.const 0))",
        "(call $event (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0))",
        "(drop (call $range (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1001)))",
        "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 65) (i32.const 0)))",
    ] {
        assert_eq!(trapped(body), "contract.trap.argument", "{body}");
    }
}

#[test]
fn events_cost_what_a_gigabyte_cannot_pay() {
    let mut world = World::with(&contract("(loop (call $event (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 65536)) (br 0))"));
    assert_eq!(world.call(&[], GAS).ending, OUT_OF_GAS);
    assert!(world.events.is_empty());
}

#[test]
fn a_read_only_call_changes_nothing() {
    let read_only = Context { read_only: 1, ..context() };
    for body in [
        "(call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))",
        "(call $erase (i32.const 0) (i32.const 1))",
        "(call $event (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1))",
    ] {
        let mut world = World::with(&contract(body));
        assert_eq!(world.call_with(read_only.clone(), &[], GAS).reason(), "contract.trap.read_only");
        assert_eq!(world.call(&[], GAS).ending, RETURNED);
        // A nested call inherits it, whatever the caller asks for.
        world.deploy(2, &wat::parse_str(contract(body)).unwrap());
        world.deploy(1, &wat::parse_str(busy(false)).unwrap());
        assert_eq!(world.call_with(read_only.clone(), &[], GAS).reason(), "contract.trap.read_only");
    }
}

#[test]
fn reverts_carry_data_and_undo() {
    let body = "(call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) (i32.store (i32.const 0) (i32.const 42))
                (call $revert (i32.const 0) (i32.const 4))";
    let mut world = World::with(&contract(body));
    let result = world.call(&[], GAS);
    assert_eq!((result.ending, &result.output[..]), (REVERTED, &[42, 0, 0, 0][..]));
    assert!(result.gas < GAS / 10 && world.state.is_empty());
    // The caller sees -1 - 4 and the data, and may go on.
    let caller = "(i64.store (i32.const 200) (i64.const 0x0202020202020202)) (i64.store (i32.const 208) (i64.const 0x0202020202020202))
                  (i32.store (i32.const 216) (i32.const 0x02020202))
                  (i32.store (i32.const 8) (call $call (i32.const 200) (i32.const 0) (i32.const 0) (i64.const 1000000) (i32.const 0)))
                  (call $answer (i32.const 12) (i32.const 0) (i32.const 4)) (call $output (i32.const 8) (i32.const 8))";
    world.deploy(2, &wat::parse_str(contract(body)).unwrap());
    world.deploy(1, &wat::parse_str(contract(caller)).unwrap());
    let result = world.call(&[], GAS);
    assert_eq!((result.ending, result.output), (RETURNED, [(-5i32).to_le_bytes(), 42i32.to_le_bytes()].concat()));
    assert!(world.state.is_empty());
}

#[test]
fn calls_end_at_the_greatest_depth() {
    let body = "(i64.store (i32.const 200) (i64.const 0x0101010101010101)) (i64.store (i32.const 208) (i64.const 0x0101010101010101))
                (i32.store (i32.const 216) (i32.const 0x01010101))
                (if (i32.lt_s (call $call (i32.const 200) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)) (i32.const 0))
                  (then (call $out (i32.const 0)))
                  (else (call $answer (i32.const 4) (i32.const 0) (i32.const 4)) (call $out (i32.add (i32.load (i32.const 4)) (i32.const 1)))))";
    assert_eq!(run(body).output, MAX_DEPTH.to_le_bytes());
}

/// Each level uses most of its native stack before it calls the next.
#[test]
fn the_greatest_depth_fits_a_thread() {
    let deep = "(func $deep (param $n i32)
        (i64.store (i32.const 200) (i64.const 0x0101010101010101)) (i64.store (i32.const 208) (i64.const 0x0101010101010101))
        (i32.store (i32.const 216) (i32.const 0x01010101))
        (if (local.get $n) (then (call $deep (i32.sub (local.get $n) (i32.const 1))))
          (else (drop (call $call (i32.const 200) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)))))
        (i32.store (i32.const 220) (local.get $n)))";
    let module = |depth: u32| contract(&format!("(call $deep (i32.const {depth})) (call $out (i32.const 1))")).replace("(func $out ", &format!("{deep} (func $out "));
    let run = |depth: u32| {
        let mut world = World::with(&module(depth));
        let thread = std::thread::Builder::new().stack_size(384 * 1024 * (MAX_DEPTH as usize + 1));
        thread.spawn(move || world.call(&[], GAS)).unwrap().join().unwrap()
    };
    let (mut fits, mut over) = (1_000, 20_000);
    while over - fits > 100 {
        let middle = (fits + over) / 2;
        if run(middle).ending == RETURNED { fits = middle } else { over = middle }
    }
    assert_eq!(run(over).reason(), "contract.trap.stack");
}

/// Every gas limit below what a call needs ends it as if it had never been; also where calls are nested.
#[test]
fn out_of_gas_at_every_step() {
    let mut world = busy_world();
    let enough = world.call(&[], GAS);
    assert_eq!(enough.ending, RETURNED, "{}", enough.reason());
    let clean = busy_world();
    let exact = clean.clone().call(&[], enough.gas);
    // The nested call gets 63/64 of what is left, so with the exact gas it may be the one that lacks some.
    assert!(exact.ending == RETURNED || exact.ending == OUT_OF_GAS);
    let single = World::with(&busy(true));
    let enough = single.clone().call(&[], GAS);
    assert_eq!(single.clone().call(&[], enough.gas), enough);
    for limit in 0..enough.gas {
        let mut world = single.clone();
        let result = world.call(&[], limit);
        assert_eq!((result.ending, result.gas), (OUT_OF_GAS, limit));
        assert!(world.state.is_empty() && world.events.is_empty());
    }
    for limit in (0..exact.gas).step_by(17) {
        let mut world = clean.clone();
        let result = world.call(&[], limit);
        if result.ending != RETURNED {
            assert!(world.state.is_empty() && world.events.is_empty(), "{limit}");
        }
    }
}

#[test]
fn a_host_fault_ends_everything() {
    for callback in ["get", "set", "range", "event", "ask", "call"] {
        let mut world = busy_world();
        world.fault = callback;
        assert_eq!(world.call(&[], GAS).ending, HOST_FAULT, "{callback}");
    }
}

#[test]
fn scans_name_what_they_refuse() {
    let module = |fields: &str| format!(r#"(module (memory (export "memory") 1) (func (export "chengxin_call")) {fields})"#);
    assert!(scan(&wat::parse_str(module("")).unwrap()).findings.is_empty());
    for (reason, fields) in [
        ("contract.scan.start_function", "(func $s unreachable) (start $s)"),
        ("contract.scan.opcode", "(func (drop (v128.const i64x2 0 0)))"),
        ("contract.scan.opcode", "(func (result i32) (i32.atomic.load (i32.const 0)))"),
        ("contract.scan.opcode", "(func $f (return_call $f))"),
        ("contract.scan.opcode", "(table 1 funcref) (func (table.set (i32.const 0) (ref.null func)))"),
        ("contract.scan.opcode", "(tag $t) (func (throw $t))"),
        ("contract.scan.segment", "(data \"passive\")"),
        ("contract.scan.too_large", "(table 70000 funcref)"),
        ("contract.scan.too_large", "(table 1 funcref) (table 1 funcref)"),
    ] {
        assert_eq!(finding(&module(fields)), reason, "{fields}");
    }
    let with = |import: &str| format!(r#"(module {import} (memory (export "memory") 1) (func (export "chengxin_call")))"#);
    for import in [
        r#"(import "env" "get" (func))"#,
        r#"(import "chengxin" "gett" (func))"#,
        r#"(import "chengxin" "get" (func (param i32 i64) (result i32)))"#,
        r#"(import "chengxin" "memory" (global i32))"#,
    ] {
        assert_eq!(finding(&with(import)), "contract.scan.import", "{import}");
    }
    assert_eq!(finding(r#"(module (memory (export "memory") 1))"#), "contract.scan.export");
    assert_eq!(finding(r#"(module (func (export "chengxin_call")))"#), "contract.scan.export");
    assert_eq!(finding(r#"(module (memory (export "memory") 1) (func (export "chengxin_call") (param i32)))"#), "contract.scan.export");
    assert_eq!(finding(r#"(module (memory (export "memory") 513) (func (export "chengxin_call")))"#), "contract.scan.too_large");
    assert_eq!(finding(&module(&format!("(func (local {}))", "i64 ".repeat(2_001)))), "contract.scan.too_large");
    assert_eq!(finding(&module(&format!("(func (br_table {} (i32.const 0)))", "0 ".repeat(10_002)))), "contract.scan.too_large");
    assert_eq!(finding(&module(&format!("(func {})", "(drop (i32.const 1000000))".repeat(120_000)))), "contract.scan.too_large");
    assert_eq!(finding(&module(&format!("(func {} {})", "(loop ".repeat(51), ")".repeat(51)))), "contract.scan.too_large");
    let branches = "(br_if 0 (local.get 0))".repeat(6_000);
    assert_eq!(finding(&module(&format!("(func (local {}) {branches})", "i64 ".repeat(2_000)))), "contract.scan.too_large");
    assert_eq!(scan(b"\0asm\x0d\0\x01\0").findings[0].0, "contract.scan.component");
    assert_eq!(scan(b"not a module").findings[0].0, "contract.scan.invalid");
    let report: serde_json::Value = serde_json::from_str(&scan(&wat::parse_str(module("(start 0)")).unwrap()).json()).unwrap();
    assert_eq!(report["findings"][0]["reason"], "contract.scan.start_function");
}

/// Any change of a valid module is refused, prepared, or ended; nothing panics and nothing is a fault.
#[test]
fn broken_modules_are_refused() {
    let module = wat::parse_str(busy(true)).unwrap();
    let mut seed = 20_261_122u64;
    let mut admitted = 0;
    for _ in 0..2_000 {
        let mut broken = module.clone();
        for _ in 0..2 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % broken.len();
            broken[at] = (seed >> 20) as u8;
        }
        if scan(&broken).findings.is_empty() {
            admitted += 1;
            if admitted < 40 {
                assert_ne!(super::prepare(&broken, 1, 200_000_000).ending, HOST_FAULT, "seed {seed}");
            }
        }
    }
    assert!(admitted > 0);
}

/// Random imports with random arguments: always an end, never a fault; nothing stays of a call that did not return; and
/// the same again.
#[test]
fn random_calls_of_the_host() {
    let interesting: [i64; 14] = [0, 1, 2, 4, 16, 20, 31, 32, 64, 256, 65_535, 131_040, 131_072, -1];
    let imports: Vec<_> = super::host::IMPORTS.iter().chain(&super::wasi::IMPORTS).filter(|(name, _)| *name != "revert").collect();
    let mut seed = 6u64;
    let mut next = |most: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % most
    };
    let (mut returned, mut trapped) = (0, 0);
    for round in 0..400 {
        let mut body = String::new();
        for _ in 0..1 + next(5) {
            let (name, signature) = imports[next(imports.len())];
            let (parameters, results) = signature.split_once('>').unwrap();
            let small = next(3) > 0; // mostly arguments that let the call go on
            let arguments: String = parameters
                .chars()
                .map(|letter| format!("({}.const {})", if letter == 'I' { "i64" } else { "i32" }, interesting[next(if small { 9 } else { 14 })]))
                .collect();
            let call = format!("(call ${name} {arguments})");
            body += &if results.is_empty() { call } else { format!("(drop {call})") };
        }
        let mut world = World::with(&contract(&body));
        world.contracts.insert([0; 20], world.contracts[&[1; 20]]); // who is called by a zeroed address
        let mut again = world.clone();
        let result = world.call(&[1; 50], 3_000_000);
        assert_ne!(result.ending, HOST_FAULT, "round {round}: {body}: {}", result.reason());
        if result.ending != RETURNED {
            assert!(world.state.is_empty() && world.events.is_empty(), "{body}");
        }
        assert_eq!((again.call(&[1; 50], 3_000_000), &again.state), (result.clone(), &world.state), "{body}");
        returned += u32::from(result.ending == RETURNED);
        trapped += u32::from(result.ending == TRAPPED);
    }
    assert!(returned > 20 && trapped > 20, "{returned} {trapped}");
}

#[test]
fn nan_bits_are_canonical() {
    let mut world = World::with(&contract(
        "(local $x f64) (local.set $x (f64.reinterpret_i64 (i64.const 0xfff4dead00000001)))
         (f64.store (i32.const 0) (f64.add (local.get $x) (f64.const 1))) (f64.store (i32.const 8) (f64.div (f64.const 0) (f64.const 0)))
         (f32.store (i32.const 16) (f32.demote_f64 (local.get $x))) (f64.store (i32.const 24) (f64.floor (local.get $x)))
         (call $output (i32.const 0) (i32.const 32))",
    ));
    let output = world.call(&[], GAS).output;
    for at in [0, 8, 24] {
        assert_eq!(u64::from_le_bytes(output[at..at + 8].try_into().unwrap()), 0x7ff8_0000_0000_0000, "{at}");
    }
    assert_eq!(u32::from_le_bytes(output[16..20].try_into().unwrap()), 0x7fc0_0000);
}

#[test]
fn random_and_time_are_of_the_transaction() {
    let body = "(drop (call $random_get (i32.const 0) (i32.const 40))) (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 40)))
                (i32.store (i32.const 48) (call $fd_prestat_get (i32.const 3) (i32.const 0)))
                (i32.store (i32.const 52) (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
                (call $output (i32.const 0) (i32.const 56))";
    let mut world = World::with(&contract(body));
    let first = world.call(&[], GAS);
    assert_eq!(first, world.call(&[], GAS));
    assert_eq!(first.output[40..48], 7_000_000u64.to_le_bytes());
    assert_eq!((first.output[48], first.output[52]), (8, 52));
    assert_ne!(first.output[..32], [0; 32]);
    assert_ne!(first.output[..8], first.output[32..40]);
    let other = world.call_with(Context { transaction: [9; 32], ..context() }, &[], GAS);
    assert_ne!(first.output[..40], other.output[..40]);
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("chengxin-sandbox-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// Cold, from a file, warm, after damage and on another thread: equal gas and outcome.
#[test]
fn the_cache_changes_nothing() {
    let folder = folder("cache");
    let open = |memory| Some(Arc::new(Cache::open(Some(folder.clone()), memory, 1 << 30).unwrap()));
    let mut world = busy_world();
    let expected = world.clone().call(&[1; 100], GAS);
    world.cache = open(1 << 30);
    assert_eq!(world.clone().call(&[1; 100], GAS), expected); // compiled
    assert_eq!(world.clone().call(&[1; 100], GAS), expected); // in memory
    let files = || std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert_eq!(files().len(), 2);
    let code = std::mem::take(&mut world.code);
    world.cache = open(0); // nothing stays in memory but what runs
    let mut other = world.clone();
    let thread = std::thread::scope(|scope| {
        // Safe: the raw pointers of a call stay on its thread.
        scope.spawn(move || other.call(&[1; 100], GAS)).join().unwrap()
    });
    assert_eq!(thread, expected); // from files, without the module
    assert_eq!(world.clone().call(&[1; 100], GAS), expected);
    for path in files() {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    world.cache = open(1 << 30);
    assert_eq!(world.clone().call(&[1; 100], GAS).ending, HOST_FAULT); // noticed, and the host has no code now
    world.code = code;
    assert_eq!(world.clone().call(&[1; 100], GAS), expected);
    let small = Cache::open(Some(folder.clone()), 0, 0).unwrap();
    small.get(&[7; 32], || Ok(prepare(&wat::parse_str(contract("")).unwrap()).output)).unwrap();
    assert!(files().is_empty()); // the folder is bounded too
    std::fs::remove_dir_all(&folder).unwrap();
}

/// More threads than places, each nested as deep as it goes, among them one that behaves.
#[test]
fn hostile_modules_on_many_threads() {
    let recursive = "(i64.store (i32.const 200) (i64.const 0x0101010101010101)) (i64.store (i32.const 208) (i64.const 0x0101010101010101))
        (i32.store (i32.const 216) (i32.const 0x01010101)) (drop (memory.grow (i32.const 100))) (i32.store (i32.const 6000000) (i32.const 1))
        (drop (call $call (i32.const 200) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0))) (loop (br 0))";
    let bodies = [
        recursive,
        "(loop (br 0))",
        "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 131072)) (br 0))",
        "(drop (memory.grow (i32.const 510))) (memory.fill (i32.const 0) (i32.const 1) (i32.const 33554432))",
        "(drop (i32.load (i32.const -1)))",
        "unreachable",
    ];
    let worlds: Vec<World> = bodies.iter().map(|body| World::with(&contract(body))).collect();
    let honest = busy_world();
    let expected = honest.clone().call(&[], GAS);
    std::thread::scope(|scope| {
        for thread in 0..80 {
            let mut world = worlds[thread % worlds.len()].clone();
            let mut honest = honest.clone();
            let expected = &expected;
            scope.spawn(move || {
                for _ in 0..3 {
                    assert!(![RETURNED, HOST_FAULT].contains(&world.call(&[], GAS / 4).ending) || thread % 6 == 3);
                }
                assert_eq!(honest.call(&[], GAS), *expected);
            });
        }
    });
}

#[test]
#[ignore = "prints figures: cargo test --release -- --ignored --nocapture, with CHENGXIN_GO_MODULE"]
fn measure() {
    let time = |what: &str, runs: u32, mut work: Box<dyn FnMut() + '_>| {
        let mut best = f64::MAX;
        for _ in 0..5 {
            let start = std::time::Instant::now();
            for _ in 0..runs {
                work();
            }
            best = best.min(start.elapsed().as_secs_f64() / f64::from(runs));
        }
        println!("{what:48} {:12.2} us", best * 1e6);
    };
    let module = std::fs::read(std::env::var("CHENGXIN_GO_MODULE").expect("a module")).unwrap();
    let mut world = World::new();
    let start = std::time::Instant::now();
    let report = scan(&module);
    println!("scan {:?}: {}", start.elapsed(), report.json());
    let start = std::time::Instant::now();
    world.deploy(1, &module);
    println!("prepare {:?}", start.elapsed());
    let digest = world.contracts[&[1; 20]];
    println!("prepared {} bytes", world.code[&digest].len());
    let folder = folder("measure");
    world.cache = Some(Arc::new(Cache::open(Some(folder.clone()), 1 << 30, 1 << 30).unwrap()));
    let start = std::time::Instant::now();
    println!("first call {:?}", world.call(&[], GAS));
    println!("compile and call {:?}", start.elapsed());
    for file in std::fs::read_dir(&folder).unwrap() {
        println!("artefact {} bytes", file.unwrap().metadata().unwrap().len());
    }
    time("cold start from the folder, and a call", 3, Box::new(|| {
        let mut world = world.clone();
        world.cache = Some(Arc::new(Cache::open(Some(folder.clone()), 1 << 30, 1 << 30).unwrap()));
        assert_eq!(world.call(&[], GAS).ending, RETURNED);
    }));
    let mut go = world.clone();
    time("warm call, Go", 1000, Box::new(|| assert_eq!(go.call(&[], GAS).ending, RETURNED)));
    let mut go = world.clone();
    time("warm call, Go, 200 bytes and JSON", 1000, Box::new(|| assert_eq!(go.call(&[1; 200], GAS).ending, RETURNED)));
    let bodies: [(&str, &str); 8] = [
        ("warm call, empty", ""),
        ("512 pages grown and touched", "(local $i i32) (drop (memory.grow (i32.const 510))) (loop (i32.store (local.get $i) (i32.const 1))
            (local.set $i (i32.add (local.get $i) (i32.const 4096))) (br_if 0 (i32.lt_u (local.get $i) (i32.const 33554432))))"),
        ("100 get", "(local $i i32) (loop (drop (call $get (i32.const 0) (i32.const 32))) (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))"),
        ("100 put", "(local $i i32) (loop (call $put (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 32)) (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))"),
        ("100 keccak256 of 64 KiB", "(local $i i32) (loop (call $keccak256 (i32.const 0) (i32.const 65536) (i32.const 0)) (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))"),
        ("1,000,000 additions", "(local $i i32) (local $x i64) (loop (local.set $x (i64.add (local.get $x) (i64.const 3))) (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000)))) (i64.store (i32.const 0) (local.get $x))"),
        ("1,000,000 divisions", "(local $i i32) (local $x i64) (local.set $x (i64.const -1)) (loop (local.set $x (i64.div_u (i64.const -1) (i64.add (local.get $x) (i64.const 3)))) (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000)))) (i64.store (i32.const 0) (local.get $x))"),
        ("1,000,000 dependent loads over 32 MiB", "(local $i i32) (local $x i32) (drop (memory.grow (i32.const 510))) (loop
            (local.set $x (i32.and (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.add (i32.const 1013904223) (i32.load (i32.and (local.get $x) (i32.const 33554424))))) (i32.const 0x7fffffff)))
            (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000)))) (i32.store (i32.const 0) (local.get $x))"),
    ];
    for (what, body) in bodies {
        let mut world = World::with(&contract(body));
        let gas = world.call(&[], GAS * 10).gas;
        time(&format!("{what} ({gas} gas)"), 10, Box::new(|| assert_eq!(world.call(&[], GAS * 10).ending, RETURNED)));
    }
    let snapshot = |pages: u32| {
        let mut world = World::with(&format!(
            r#"(module (memory (export "memory") {pages}) (func $touch (local $i i32) (loop
                 (i32.store (local.get $i) (i32.add (i32.load (local.get $i)) (i32.const 1)))
                 (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4096))) (i32.mul (i32.const 65536) (i32.const {pages}))))))
                 (func (export "_initialize") (call $touch)) (func (export "chengxin_call") (call $touch)))"#
        ));
        let gas = world.call(&[], GAS).gas;
        time(&format!("{pages} pages of a snapshot written ({gas} gas)"), 20, Box::new(|| assert_eq!(world.call(&[], GAS).ending, RETURNED)));
    };
    for pages in [8, 32, 64, 512] {
        snapshot(pages);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
#[ignore = "prints how long the worst admitted functions compile"]
fn measure_bombs() {
    let blocks = |locals: usize, count: usize| {
        let body: String = (0..count)
            .map(|i| format!("(if (local.get {}) (then (local.set {} (i32.add (local.get {}) (i32.const 1)))))", i % locals, (i * 7) % locals, (i * 13) % locals))
            .collect();
        format!("(func (local {}) {body})", "i32 ".repeat(locals))
    };
    let live = |count: usize| {
        format!("(func {} {})", (0..count).map(|i| format!("(i32.load (i32.const {}))", i * 4)).collect::<String>(), "drop ".repeat(count))
    };
    let sums = |count: usize| {
        format!("(func {} {} drop)", (0..count).map(|i| format!("(i32.load (i32.const {}))", i * 4)).collect::<String>(), "i32.add ".repeat(count - 1))
    };
    let loops = |locals: usize, depth: usize| {
        let sets: String = (0..locals).map(|i| format!("(local.set {i} (i32.add (local.get {i}) (i32.const 1)))")).collect();
        format!("(func (local {}) {} {sets} {})", "i32 ".repeat(locals), "(loop ".repeat(depth), "(br_if 0 (local.get 0)))".repeat(depth))
    };
    let tables = |count: usize| {
        format!("(func {} {} )", "(block ".repeat(500), format!("{})", (0..count).map(|_| format!("(br_table {} (i32.const 3))", (0..500).map(|i| format!("{i} ")).collect::<String>())).collect::<String>()) + &")".repeat(499))
    };
    let small = "(func (drop (i32.load (i32.const 0))))".repeat(49_000);
    let calls = format!("(func $f (param i32 i32 i32 i32 i32 i32)) (func {})", "(call $f (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6))".repeat(30_000));
    for (what, fields) in [
        ("ifs, 100 locals", blocks(100, 5_000)),
        ("ifs, 1000 locals", blocks(1_000, 500)),
        ("ifs, 2000 locals", blocks(2_000, 500)),
        ("values alive", live(60_000)),
        ("sums", sums(60_000)),
        ("loops, 100 locals", loops(100, 49)),
        ("loops, 1000 locals", loops(1_000, 49)),
        ("br_table", tables(19)),
        ("49,000 functions", small),
        ("calls", calls),
    ] {
        let module = wat::parse_str(format!(r#"(module (memory (export "memory") 8) (func (export "chengxin_call")) {fields})"#)).unwrap();
        let start = std::time::Instant::now();
        let report = scan(&module);
        let scanned = start.elapsed();
        let start = std::time::Instant::now();
        let prepared = prepare(&module);
        let prepared_in = start.elapsed();
        let start = std::time::Instant::now();
        let cache = Cache::open(None, 1 << 30, 0).unwrap();
        let compiled = prepared.ending == RETURNED && cache.get(&[1; 32], || Ok(prepared.output.clone())).is_ok();
        let compiled_in = start.elapsed();
        let per_byte = compiled_in.as_nanos() / module.len() as u128;
        println!("{what:24} {:8} bytes: scan {scanned:?} prepare {prepared_in:?} compile {compiled} {compiled_in:?} {per_byte} ns/byte {:?}", module.len(), report.findings.first());
    }
}

/// The golden gas of protocol version 1: a change here is a new protocol version.
#[test]
fn gas_of_protocol_1() {
    assert!(gas::prices(2).is_none());
    let used: Vec<u64> = ["", "(drop (call $input))", "(drop (call $get (i32.const 0) (i32.const 10)))"]
        .iter()
        .map(|body| run(body).gas)
        .collect();
    assert_eq!(used, [9_001, 9_106, 11_218]);
    assert_eq!(busy_world().call(&[], GAS).gas, 179_527);
}

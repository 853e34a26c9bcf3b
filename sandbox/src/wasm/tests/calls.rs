//! What calls do, what the snapshot and the cache keep, what it costs.
use super::*;
use crate::wasm::{gas, scan};

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
    for gas in [1_000, 10_000_000, prepare(&module).gas - 1] {
        let short = prepare_with(&module, gas);
        assert_eq!(short.ending, OUT_OF_GAS);
        assert!(short.gas <= gas);
    }
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

/// The golden gas of protocol versions 3 and 4: a change here is a new protocol version.
#[test]
fn gas_of_protocols_3_and_4() {
    assert!(gas::prices(2).is_none() && gas::prices(5).is_none());
    assert!(std::ptr::eq(gas::prices(3).unwrap(), gas::prices(4).unwrap()));
    let used: Vec<u64> = ["", "(drop (call $input))", "(drop (call $get (i32.const 0) (i32.const 10)))"]
        .iter()
        .map(|body| run(body).gas)
        .collect();
    assert_eq!(used, [9_001, 9_106, 11_218]);
    assert_eq!(busy_world().call(&[], GAS).gas, 179_527);
}

#[test]
fn constructors() {
    let construct = |module: &str, input: &[u8]| {
        let mut world = World::with(module);
        let outcome = world.enter(crate::abi::CREATE, &[1; 20], context(), Bytes::of(input), GAS);
        let state = world.state.len();
        (Result { ending: outcome.ending, gas: outcome.gas_used, output: unsafe { outcome.output.take() } }, state)
    };
    let call = "(func (export \"chengxin_call\")";
    let with = |deploy: &str| contract("unreachable").replace(call, &format!("{deploy} {call}"));
    let stores = with("(func (export \"chengxin_deploy\") (call $put (i32.const 0) (call $input) (i32.const 0) (i32.const 1)))");
    let (outcome, state) = construct(&stores, b"abc");
    assert_eq!((outcome.ending, state), (RETURNED, 1));
    let (outcome, _) = construct(&with(""), b"");
    assert_eq!((outcome.ending, outcome.output.len()), (RETURNED, 0));
    let (outcome, _) = construct(&with(""), b"abc");
    assert_eq!((outcome.ending, outcome.reason()), (TRAPPED, "contract.trap.no_constructor".to_string()));
    for odd in ["(func (export \"chengxin_deploy\") (param i32))", "(global (export \"chengxin_deploy\") i32 (i32.const 0))"] {
        let found = scan(&wat::parse_str(with(odd)).unwrap());
        assert_eq!(found.findings[0].0, "contract.scan.export");
    }
}

//! Modules and calls that mean harm, machines that fail.
use super::*;
use crate::wasm::scan;

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

#[test]
fn erased_keys_that_a_range_passes_are_paid() {
    let code = contract("(drop (call $range (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1)))");
    let after = |erased, gas| {
        let mut world = World::with(&code);
        world.erased = erased;
        world.call(&[], gas)
    };
    let (none, some) = (after(0, GAS), after(7, GAS));
    assert_eq!((none.ending, some.ending), (RETURNED, RETURNED));
    assert_eq!(some.gas - none.gas, 7 * crate::wasm::gas::prices(3).unwrap().range_per_entry);
    assert_eq!(after(7, some.gas).ending, RETURNED);
    assert_eq!(after(7, some.gas - 1).ending, OUT_OF_GAS);
    assert_eq!(after(u64::MAX - 1, GAS).ending, OUT_OF_GAS);
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

/// Who cannot pay for pages does not get them: a trap behind them would cost no more than the gas that was given.
#[test]
fn pages_are_not_lent() {
    let mut world = World::with(&contract("(drop (memory.grow (i32.const 400))) unreachable"));
    assert_eq!(world.call(&[], 400 * 16_000 - 1).ending, OUT_OF_GAS);
    assert_eq!(world.call(&[], 400 * 16_000 + 50_000).reason(), "contract.trap.unreachable");
    let mut world = World::with(&contract("(loop (drop (memory.grow (i32.const 1))) (br 0))"));
    assert_eq!(world.call(&[], 100_000).ending, OUT_OF_GAS);
}

/// A module of a hundred bytes does not keep a node for what a large one may cost.
#[test]
fn initialising_has_its_own_limit() {
    let counts_to = |most: u64| {
        let initialise = format!(
            r#"(module (memory (export "memory") 1) (func (export "chengxin_call")) (func (export "_initialize") (local $i i32)
                 (loop (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if 0 (i32.lt_u (local.get $i) (i32.const {most}))))))"#
        );
        prepare(&wat::parse_str(initialise).unwrap()).ending
    };
    assert_eq!(counts_to(1_000_000), RETURNED);
    assert_eq!(counts_to(100_000_000), OUT_OF_GAS);
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
        r#"(import "chengxin" "covered" (func (param i32)))"#, // of an author's tests
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

/// docs/adr/0036: each took the compiler many seconds for a few hundred KiB, and would be compiled before these prices.
#[test]
fn what_keeps_the_compiler_busy_is_not_compiled() {
    const MOST: u64 = 8_000_000_000;
    let module = |body: &str, times: usize| {
        let fields = format!("(table 1 funcref) (func (local i32) {})", body.repeat(times));
        wat::parse_str(format!(r#"(module (memory (export "memory") 1) (func (export "chengxin_call")) {fields})"#)).unwrap()
    };
    for (body, few, many) in [
        ("(br_if 0 (local.get 0))", 1_000, 30_000),
        ("(if (local.get 0) (then))", 1_000, 30_000),
        ("(loop)", 500, 15_000),
        ("(call_indirect (i32.const 0))", 500, 15_000),
        ("(call 0)", 1_000, 0),
        ("(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))", 500, 0),
    ] {
        let prepared = crate::wasm::prepare(&module(body, few), 3, MOST);
        assert_eq!(prepared.ending, RETURNED, "{body}");
        if many > 0 {
            let refused = crate::wasm::prepare(&module(body, many), 3, MOST);
            assert_eq!(refused.ending, OUT_OF_GAS, "{body}");
            assert!(refused.gas_used < 100_000_000, "it was scanned, no more");
        } else {
            let twice = crate::wasm::prepare(&module(body, 2 * few), 3, MOST);
            assert!(twice.gas_used - prepared.gas_used > 20_000 * few as u64, "{body}");
        }
    }
    let several = "(func (result i32 i32) (i32.const 1) (i32.const 1))";
    assert_eq!(finding(&format!(r#"(module (memory (export "memory") 1) (func (export "chengxin_call")) {several})"#)), "contract.scan.invalid");
    let endless = r#"(module (memory (export "memory") 1) (func (export "_initialize") (loop (br 0))) (func (export "chengxin_call")))"#;
    let ended = crate::wasm::prepare(&wat::parse_str(endless).unwrap(), 3, MOST);
    assert_eq!(ended.ending, OUT_OF_GAS);
    assert!(ended.gas_used < 300_000_000, "{}", ended.gas_used);
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
                assert_ne!(crate::wasm::prepare(&broken, 3, 200_000_000).ending, HOST_FAULT, "seed {seed}");
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
    let imports: Vec<_> = crate::wasm::host::IMPORTS.iter().chain(&crate::wasm::wasi::IMPORTS).filter(|(name, _)| *name != "revert").collect();
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

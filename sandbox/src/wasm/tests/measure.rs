//! The figures of docs/adr/0027.
use super::*;
use crate::wasm::scan;

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

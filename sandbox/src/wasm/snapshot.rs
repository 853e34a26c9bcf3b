//! A module as it is after `_initialize`: memory and globals become its own initial ones, so that every call begins
//! there. Tables need no snapshot, because no admitted instruction writes to one.
use super::{cache, gas, host, run, scan};
use crate::abi::{self, Context, Outcome};
use wasm_encoder::{ConstExpr, DataSection, ExportKind, ExportSection, GlobalSection, GlobalType, MemorySection, MemoryType, RawSection, SectionId};
use wasmparser::{Parser, Payload};
use wasmtime::{Instance, Module, Store, Val};

/// Data is kept in pieces of this size, so that a snapshot of the largest memory stays below the limit of segments.
const PIECE: usize = 512;
const MAX_PREPARED: usize = 32 << 20;

struct State {
    globals: Vec<Val>,
    pages: u64,
    memory: Vec<u8>,
}

fn global(index: usize) -> String {
    format!("chengxin global {index}")
}

/// Writes the module anew: without a state with all globals exported, with it as the snapshot.
fn rewrite(module: &[u8], state: Option<&State>) -> wasmparser::Result<Vec<u8>> {
    let mut out = wasm_encoder::Module::new();
    let mut globals = 0;
    for payload in Parser::new(0).parse_all(module) {
        match (payload?, state) {
            (Payload::CustomSection(_) | Payload::DataCountSection { .. }, _) => {}
            (Payload::MemorySection(section), Some(state)) => {
                let mut memories = MemorySection::new();
                for memory in section {
                    let memory = memory?;
                    memories.memory(MemoryType {
                        minimum: state.pages,
                        maximum: memory.maximum,
                        memory64: false,
                        shared: false,
                        page_size_log2: None,
                    });
                }
                out.section(&memories);
            }
            (Payload::GlobalSection(section), Some(state)) => {
                let mut section_out = GlobalSection::new();
                for (global, value) in section.into_iter().zip(&state.globals) {
                    let (val_type, value) = constant(value);
                    section_out.global(GlobalType { val_type, mutable: global?.ty.mutable, shared: false }, &value);
                }
                out.section(&section_out);
            }
            (Payload::GlobalSection(section), None) => {
                globals = section.count();
                out.section(&RawSection { id: SectionId::Global.into(), data: &module[section.range()] });
            }
            (Payload::ExportSection(section), state) => {
                let mut exports = ExportSection::new();
                for export in section {
                    let export = export?;
                    let kind = match export.kind {
                        wasmparser::ExternalKind::Func if state.is_some() && export.name == "_initialize" => continue,
                        wasmparser::ExternalKind::Func => ExportKind::Func,
                        wasmparser::ExternalKind::Memory => ExportKind::Memory,
                        _ => continue,
                    };
                    exports.export(export.name, kind, export.index);
                }
                for index in 0..globals {
                    exports.export(&global(index as usize), ExportKind::Global, index);
                }
                out.section(&exports);
            }
            (Payload::DataSection(_), Some(_)) => {}
            (other, _) => {
                if let Some((id, range)) = other.as_section() {
                    out.section(&RawSection { id, data: &module[range] });
                }
            }
        }
    }
    if let Some(state) = state {
        out.section(&data(&state.memory));
    }
    Ok(out.finish())
}

fn constant(value: &Val) -> (wasm_encoder::ValType, ConstExpr) {
    match value {
        Val::I32(value) => (wasm_encoder::ValType::I32, ConstExpr::i32_const(*value)),
        Val::I64(value) => (wasm_encoder::ValType::I64, ConstExpr::i64_const(*value)),
        Val::F32(bits) => (wasm_encoder::ValType::F32, ConstExpr::f32_const(f32::from_bits(*bits).into())),
        Val::F64(bits) => (wasm_encoder::ValType::F64, ConstExpr::f64_const(f64::from_bits(*bits).into())),
        other => unreachable!("a scan admits no {other:?}"),
    }
}

/// The runs of pieces that are not all zero.
fn data(memory: &[u8]) -> DataSection {
    let mut section = DataSection::new();
    let mut begin = None;
    let pieces = memory.len() / PIECE;
    for index in 0..=pieces {
        let used = index < pieces && memory[index * PIECE..(index + 1) * PIECE].iter().any(|byte| *byte != 0);
        match (used, begin) {
            (true, None) => begin = Some(index * PIECE),
            (false, Some(from)) => {
                section.active(0, &ConstExpr::i32_const(from as i32), memory[from..index * PIECE].iter().copied());
                begin = None;
            }
            _ => {}
        }
    }
    section
}

/// Scans, initialises and answers with the prepared module. Its gas is that of what was done, also where it fails.
pub fn prepare(module: &[u8], protocol: u32, limit: u64) -> Outcome {
    let Some(prices) = gas::prices(protocol) else { return run::fault("protocol version") };
    let scanned = prices.prepare + prices.prepare_per_byte * module.len() as u64;
    let Some(left) = limit.checked_sub(scanned) else { return Outcome::new(abi::OUT_OF_GAS, limit, []) };
    let report = scan::scan(module);
    if let Some((reason, detail)) = report.findings.first() {
        return Outcome::new(abi::TRAPPED, scanned, format!("{reason}: {detail}"));
    }
    let Some(left) = left.checked_sub(prices.compile(&report)) else { return Outcome::new(abi::OUT_OF_GAS, scanned, []) };
    let given = left.min(gas::MAX_INITIALISE);
    let tried = limit - left + given;
    match initialise(module, &report, prices, given) {
        Ok((prepared, _)) if prepared.len() > MAX_PREPARED => Outcome::new(abi::TRAPPED, tried, "contract.prepare.too_large"),
        Ok((prepared, rest)) => Outcome::new(abi::RETURNED, tried - rest, prepared),
        Err(error) => match run::end(error) {
            host::End::Revert(_) => Outcome::new(abi::TRAPPED, tried, "contract.prepare.exit"),
            host::End::Trap(reason) => Outcome::new(abi::TRAPPED, tried, reason),
            host::End::OutOfGas => Outcome::new(abi::OUT_OF_GAS, tried, []),
            host::End::Fault(detail) => run::fault(&detail),
        },
    }
}

pub fn initialise(module: &[u8], report: &scan::Report, prices: &'static gas::Prices, gas: u64) -> wasmtime::Result<(Vec<u8>, u64)> {
    let machine = run::machine()?;
    let probe = Module::new(&machine.probe, rewrite(module, None)?).map_err(|_| cache::refused())?;
    let frame = run::frame(std::ptr::null(), initial_context(), prices, &[]);
    let mut store = Store::new(&machine.probe, frame);
    let left = run::enter(&mut store, gas, |store| {
        let instance = machine.probe_linker.instantiate(&mut *store, &probe)?;
        store.data_mut().memory = instance.get_memory(&mut *store, "memory");
        if report.initialises {
            instance.get_typed_func::<(), ()>(&mut *store, "_initialize")?.call(&mut *store, ())?;
        }
        Ok(instance)
    });
    let (instance, left) = left?;
    let state = state(&mut store, &instance, report.globals)?;
    Ok((rewrite(module, Some(&state))?, left))
}

fn state(store: &mut Store<host::Frame>, instance: &Instance, globals: u32) -> wasmtime::Result<State> {
    let missing = || host::End::Fault("an export of the probe".into());
    let memory = instance.get_memory(&mut *store, "memory").ok_or_else(missing)?;
    let mut values = Vec::new();
    for index in 0..globals as usize {
        let global = instance.get_global(&mut *store, &global(index)).ok_or_else(missing)?;
        values.push(global.get(&mut *store));
    }
    Ok(State { globals: values, pages: memory.size(&*store), memory: memory.data(&*store).to_vec() })
}

/// What `_initialize` can see of the chain: nothing.
fn initial_context() -> Context {
    Context { read_only: 1, ..Context::default() }
}

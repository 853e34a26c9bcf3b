//! One call in one instance: made from the snapshot, dropped afterwards. The process has one engine with a pool of
//! address space; a thread that finds the pool in use waits.
use super::cache::Cache;
use super::host::{self, left, End, Frame};
use super::{gas, wasi};
use crate::abi::{self, Context, Host, Message, Outcome};
use std::cell::Cell;
use std::sync::{Condvar, Mutex, OnceLock};
use wasmtime::{
    Config, Enabled, Engine, Error, InstanceAllocationStrategy, Linker, OptLevel, PoolingAllocationConfig, Result, Store, Trap,
};

const THREADS: u32 = 64; // that are inside instances at the same time

pub struct Machine {
    pub engine: Engine,
    pub linker: Linker<Frame>,
    pub probe: Engine, // for `_initialize`: compiled quickly, run once
    pub probe_linker: Linker<Frame>,
}

/// What code computes and what it costs must not depend on the machine: no feature of the processor is asked for, so
/// frames on the native stack are equal everywhere too.
fn settings() -> Result<Config> {
    let mut config = Config::new();
    config.target(if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" })?;
    config
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .consume_fuel(true)
        .operator_cost(gas::operators())
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(gas::MAX_STACK)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false);
    Ok(config)
}

fn make() -> Result<Machine> {
    let slots = THREADS * (abi::MAX_DEPTH + 1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots)
        .total_memories(slots)
        .total_tables(slots)
        .max_memory_size((gas::MAX_PAGES * gas::PAGE) as usize)
        .table_elements(gas::MAX_TABLE as usize)
        .max_core_instance_size(8 << 20)
        .linear_memory_keep_resident((gas::KEPT_PAGES * gas::PAGE) as usize)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = settings()?;
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_guaranteed_dense_image_size(gas::MAX_PAGES * gas::PAGE);
    let engine = Engine::new(&config)?;
    let probe = Engine::new(settings()?.cranelift_opt_level(OptLevel::None))?;
    Ok(Machine { linker: linker(&engine)?, probe_linker: linker(&probe)?, engine, probe })
}

fn linker(engine: &Engine) -> Result<Linker<Frame>> {
    let mut linker = Linker::new(engine);
    host::define(&mut linker)?;
    wasi::define(engine, &mut linker)?;
    Ok(linker)
}

pub fn machine() -> Result<&'static Machine> {
    static MACHINE: OnceLock<std::result::Result<Machine, String>> = OnceLock::new();
    let made = MACHINE.get_or_init(|| make().map_err(|error| format!("{error:?}")));
    made.as_ref().map_err(|detail| End::Fault(detail.clone()).into())
}

/// A thread's place among those inside instances. Nested calls of the thread share it, so nobody waits holding one.
struct Place;

static FREE: (Mutex<u32>, Condvar) = (Mutex::new(THREADS), Condvar::new());
thread_local!(static INSIDE: Cell<u32> = const { Cell::new(0) });

impl Place {
    fn take() -> Place {
        if INSIDE.get() == 0 {
            let free = FREE.0.lock().unwrap_or_else(|broken| broken.into_inner());
            *FREE.1.wait_while(free, |free| *free == 0).unwrap_or_else(|broken| broken.into_inner()) -= 1;
        }
        INSIDE.set(INSIDE.get() + 1);
        Place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        INSIDE.set(INSIDE.get() - 1);
        if INSIDE.get() == 0 {
            *FREE.0.lock().unwrap_or_else(|broken| broken.into_inner()) += 1;
            FREE.1.notify_one();
        }
    }
}

pub fn fault(detail: &str) -> Outcome {
    Outcome::new(abi::HOST_FAULT, 0, detail)
}

pub fn frame(host: *const Host, context: Context, prices: &'static gas::Prices, input: *const [u8]) -> Frame {
    Frame { host, context, prices, input, memory: None, output: Vec::new(), answer: Vec::new(), random: 0, grown: 0, may_grow: 0 }
}

/// Runs `work` with so much gas; its result and the gas that is left, or why it ended.
pub fn enter<T>(store: &mut Store<Frame>, gas: u64, work: impl FnOnce(&mut Store<Frame>) -> Result<T>) -> Result<(T, u64)> {
    store.limiter(|frame| frame);
    let frame = store.data_mut();
    frame.may_grow = gas / frame.prices.grow_per_page;
    store.set_fuel(gas.saturating_add(1).min(i64::MAX as u64))?;
    let result = work(store)?;
    let fuel = store.get_fuel()?;
    let grown = store.data().grown * store.data().prices.grow_per_page;
    if fuel == 0 {
        return Err(End::OutOfGas.into());
    }
    Ok((result, left(fuel).checked_sub(grown).ok_or(End::OutOfGas)?))
}

/// Why an instance ended, from what the engine says of it.
pub fn end(error: Error) -> End {
    let error = match error.downcast::<End>() {
        Ok(end) => return end,
        Err(error) => error,
    };
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => End::OutOfGas,
        Some(Trap::UnreachableCodeReached) => End::Trap("contract.trap.unreachable".into()),
        Some(Trap::StackOverflow) => End::Trap("contract.trap.stack".into()),
        Some(Trap::MemoryOutOfBounds) => End::Trap("contract.trap.memory".into()),
        Some(Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature) => End::Trap("contract.trap.table".into()),
        Some(Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger) => {
            End::Trap("contract.trap.arithmetic".into())
        }
        _ => End::Fault(format!("{error:?}")),
    }
}

pub fn call(cache: &Cache, digest: &[u8; 32], context: &Context, host: &Host, message: &Message) -> Outcome {
    let limit = message.gas;
    match attempt(cache, digest, context, host, message) {
        Ok((output, left)) => Outcome::new(abi::RETURNED, limit - left, output),
        Err((error, left)) => match end(error) {
            End::Revert(data) => Outcome::new(abi::REVERTED, limit - left, data),
            End::Trap(reason) => Outcome::new(abi::TRAPPED, limit, reason),
            End::OutOfGas => Outcome::new(abi::OUT_OF_GAS, limit, []),
            End::Fault(detail) => fault(&detail),
        },
    }
}

/// Output or error, and the gas that is left.
fn attempt(
    cache: &Cache, digest: &[u8; 32], context: &Context, host: &Host, message: &Message,
) -> std::result::Result<(Vec<u8>, u64), (Error, u64)> {
    let early = |end: End| (Error::from(end), 0);
    let prices = gas::prices(context.protocol).ok_or_else(|| early(End::Fault("protocol version".into())))?;
    if context.depth > abi::MAX_DEPTH {
        return Err(early(End::Trap("contract.trap.depth".into())));
    }
    if message.input.size > gas::MAX_DATA as usize {
        return Err(early(End::Trap("contract.trap.size".into())));
    }
    let code = cache.get(digest, || match host.ask(abi::ASK_CODE, digest) {
        Ok(Some(module)) => Ok(module),
        Ok(None) => Err(End::Fault("a contract without code".into())),
        Err(stop) => Err(stop.into()),
    });
    let code = code.map_err(early)?;
    let gas = message.gas.checked_sub(prices.instance(code.pages)).ok_or_else(|| early(End::OutOfGas))?;
    let machine = machine().map_err(|error| (error, 0))?;
    let _place = Place::take();
    // The caller's bytes live until the call returns, and the instance does not.
    let mut store = Store::new(&machine.engine, frame(host, context.clone(), prices, unsafe { message.input.slice() }));
    let result = enter(&mut store, gas, |store| {
        let instance = code.module.instantiate(&mut *store)?;
        store.data_mut().memory = instance.get_memory(&mut *store, "memory");
        let entry = if message.kind == abi::CREATE { "chengxin_deploy" } else { "chengxin_call" };
        match instance.get_func(&mut *store, entry) {
            Some(function) => function.typed::<(), ()>(&mut *store)?.call(&mut *store, ()),
            None if message.input.size == 0 => Ok(()), // no constructor
            None => Err(End::Trap("contract.trap.no_constructor".into()).into()),
        }
    });
    match result {
        Ok(((), left)) => Ok((std::mem::take(&mut store.data_mut().output), left)),
        Err(error) => Err((error, left(store.get_fuel().unwrap_or(0)))),
    }
}

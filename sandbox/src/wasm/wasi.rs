//! What Go's standard toolchain imports of WASI preview 1, made deterministic: the block's clock, random bytes of the
//! transaction, standard output as the debug log, nothing else. Layouts: wasi_snapshot_preview1, witx of 2020.
use super::gas;
use super::host::{trap, Api, End, Frame};
use wasmtime::{Caller, Engine, FuncType, Linker, Result, Val, ValType};

const SUCCESS: i32 = 0;
const BAD_DESCRIPTOR: i32 = 8;
const NOT_THERE: i32 = 52; // ENOSYS

pub const IMPORTS: [(&str, &str); 46] = [
    ("args_get", "ii>i"),
    ("args_sizes_get", "ii>i"),
    ("clock_res_get", "ii>i"),
    ("clock_time_get", "iIi>i"),
    ("environ_get", "ii>i"),
    ("environ_sizes_get", "ii>i"),
    ("fd_advise", "iIIi>i"),
    ("fd_allocate", "iII>i"),
    ("fd_close", "i>i"),
    ("fd_datasync", "i>i"),
    ("fd_fdstat_get", "ii>i"),
    ("fd_fdstat_set_flags", "ii>i"),
    ("fd_fdstat_set_rights", "iII>i"),
    ("fd_filestat_get", "ii>i"),
    ("fd_filestat_set_size", "iI>i"),
    ("fd_filestat_set_times", "iIIi>i"),
    ("fd_pread", "iiiIi>i"),
    ("fd_prestat_dir_name", "iii>i"),
    ("fd_prestat_get", "ii>i"),
    ("fd_pwrite", "iiiIi>i"),
    ("fd_read", "iiii>i"),
    ("fd_readdir", "iiiIi>i"),
    ("fd_renumber", "ii>i"),
    ("fd_seek", "iIii>i"),
    ("fd_sync", "i>i"),
    ("fd_tell", "ii>i"),
    ("fd_write", "iiii>i"),
    ("path_create_directory", "iii>i"),
    ("path_filestat_get", "iiiii>i"),
    ("path_filestat_set_times", "iiiiIIi>i"),
    ("path_link", "iiiiiii>i"),
    ("path_open", "iiiiiIIii>i"),
    ("path_readlink", "iiiiii>i"),
    ("path_remove_directory", "iii>i"),
    ("path_rename", "iiiiii>i"),
    ("path_symlink", "iiiii>i"),
    ("path_unlink_file", "iii>i"),
    ("poll_oneoff", "iiii>i"),
    ("proc_exit", "i>"),
    ("proc_raise", "i>i"),
    ("random_get", "ii>i"),
    ("sched_yield", ">i"),
    ("sock_accept", "iii>i"),
    ("sock_recv", "iiiiii>i"),
    ("sock_send", "iiiii>i"),
    ("sock_shutdown", "ii>i"),
];

type C<'a> = Caller<'a, Frame>;

/// Nothing is there: no arguments, no environment.
fn nothing(c: C, count: u32, size: u32) -> Result<i32> {
    let mut api = Api::enter(c)?;
    api.write(count, &[0; 4])?;
    api.write(size, &[0; 4])?;
    Ok(SUCCESS)
}

fn clock(c: C, _clock: u32, _precision: u64, to: u32) -> Result<i32> {
    let mut api = Api::enter(c)?;
    let frame = api.frame();
    // Go's runtime refuses to start at 0, so the clock of _initialize stands at its first nanosecond.
    let time = if frame.host.is_null() { 1 } else { (frame.context.time_ms as u64).wrapping_mul(1_000_000) };
    api.write(to, &time.to_le_bytes())?;
    Ok(SUCCESS)
}

fn random(c: C, to: u32, size: u32) -> Result<i32> {
    let mut api = Api::enter(c)?;
    if size > gas::MAX_DATA {
        return Err(trap("contract.trap.size"));
    }
    let mut at = to;
    let mut rest = size as usize;
    while rest > 0 {
        let block = api.random()?;
        let part = rest.min(block.len());
        api.write(at, &block[..part])?;
        at = at.wrapping_add(part as u32);
        rest -= part;
    }
    Ok(SUCCESS)
}

fn write(c: C, descriptor: u32, vectors: u32, count: u32, to: u32) -> Result<i32> {
    let mut api = Api::enter(c)?;
    if descriptor != 1 && descriptor != 2 {
        return Ok(BAD_DESCRIPTOR);
    }
    if count > 64 {
        return Err(trap("contract.trap.argument"));
    }
    let mut text = Vec::new();
    for vector in api.bytes(vectors, count * 8, 512)?.chunks(8) {
        let word = |at: usize| u32::from_le_bytes(vector[at..at + 4].try_into().expect("4 bytes"));
        text.extend(api.bytes(word(0), word(4), gas::MAX_DATA)?);
    }
    api.debug(&text);
    api.write(to, &(text.len() as u32).to_le_bytes())?;
    Ok(SUCCESS)
}

fn types(engine: &Engine, signature: &str) -> FuncType {
    let list = |letters: &str| -> Vec<ValType> {
        letters.chars().map(|letter| if letter == 'I' { ValType::I64 } else { ValType::I32 }).collect()
    };
    let (parameters, results) = signature.split_once('>').expect("a row of IMPORTS");
    FuncType::new(engine, list(parameters), list(results))
}

pub fn define(engine: &Engine, linker: &mut Linker<Frame>) -> Result<()> {
    const M: &str = "wasi_snapshot_preview1";
    for (name, signature) in IMPORTS {
        match name {
            "args_sizes_get" | "environ_sizes_get" => linker.func_wrap(M, name, nothing)?,
            "args_get" | "environ_get" => {
                linker.func_wrap(M, name, |c: C, _: u32, _: u32| Api::enter(c).map(|_| SUCCESS))?
            }
            "clock_time_get" => linker.func_wrap(M, name, clock)?,
            "random_get" => linker.func_wrap(M, name, random)?,
            "fd_write" => linker.func_wrap(M, name, write)?,
            "sched_yield" => linker.func_wrap(M, name, |c: C| Api::enter(c).map(|_| SUCCESS))?,
            "proc_exit" => linker.func_wrap(M, name, |c: C, _: u32| -> Result<()> {
                Api::enter(c)?;
                Err(End::Revert(Vec::new()).into())
            })?,
            _ => {
                // Go looks for open folders until a descriptor is bad, and panics at any other error.
                let code = if name.starts_with("fd_") { BAD_DESCRIPTOR } else { NOT_THERE };
                linker.func_new(M, name, types(engine, signature), move |c: C, _: &[Val], results: &mut [Val]| {
                    Api::enter(c)?;
                    results[0] = Val::I32(code);
                    Ok(())
                })?
            }
        };
    }
    Ok(())
}

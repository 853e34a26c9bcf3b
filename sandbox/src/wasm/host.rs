//! The imports of module `chengxin` (docs/formats/contract.md): each checks its arguments, charges, then asks the host.
use super::{gas, wasi};
use crate::abi::{self, Context, Host, Stop};
use wasmtime::{Caller, Error, Linker, Memory, Result};

/// Name and signature of every import, as a scan compares them.
pub const IMPORTS: [(&str, &str); 22] = [
    ("answer", "iii>"),
    ("input", ">i"),
    ("output", "ii>"),
    ("revert", "ii>"),
    ("get", "ii>i"),
    ("put", "iiii>"),
    ("erase", "ii>"),
    ("range", "iiiii>i"),
    ("event", "iiii>"),
    ("context", "i>i"),
    ("height", ">I"),
    ("time_ms", ">I"),
    ("attribute", "iii>i"),
    ("credential", "iii>i"),
    ("approval", "iii>i"),
    ("call", "iiiIi>i"),
    ("sm3", "iii>"),
    ("keccak256", "iii>"),
    ("sm2_verify", "iiii>i"),
    ("sm4_cbc", "iiiii>i"),
    ("evidence", "iii>i"),
    ("log", "ii>"),
];

pub fn signature(module: &str, name: &str) -> Option<&'static str> {
    let table: &[(&str, &str)] = match module {
        "chengxin" => &IMPORTS,
        "wasi_snapshot_preview1" => &wasi::IMPORTS,
        _ => return None,
    };
    table.iter().find(|(known, _)| *known == name).map(|(_, signature)| *signature)
}

/// What one instance has besides its memory. In `_initialize` there is no host.
pub struct Frame {
    pub host: *const Host,
    pub context: Context,
    pub prices: &'static gas::Prices,
    pub input: *const [u8],
    pub memory: Option<Memory>,
    pub output: Vec<u8>,
    pub answer: Vec<u8>,
    pub random: u64,  // 32-byte blocks taken
    pub grown: u64,   // pages not yet charged
    pub may_grow: u64, // pages that the gas of the call pays for
}

// A frame stays on the thread of its call, and what it points to outlives it.
unsafe impl Send for Frame {}
unsafe impl Sync for Frame {}

/// Why an instance was ended from the outside of its code.
#[derive(Debug)]
pub enum End {
    Revert(Vec<u8>),
    Trap(String),
    OutOfGas,
    Fault(String),
}

impl std::fmt::Display for End {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(out, "{self:?}")
    }
}
impl std::error::Error for End {}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(reason) => End::Trap(reason),
            Stop::Fault(detail) => End::Fault(detail),
        }
    }
}

pub fn trap(reason: &str) -> Error {
    End::Trap(reason.to_owned()).into()
}

impl wasmtime::ResourceLimiter for Frame {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let allowed = desired as u64 <= gas::MAX_PAGES * gas::PAGE && maximum.is_none_or(|most| desired <= most);
        if allowed && current > 0 {
            let pages = (desired - current) as u64 / gas::PAGE;
            // They are paid for later: who could not would have used them for nothing.
            self.may_grow = self.may_grow.checked_sub(pages).ok_or(End::OutOfGas)?;
            self.grown += pages;
        }
        Ok(allowed)
    }

    /// The machine lacks memory, which a contract must not see; but more than 4 GiB are asked of nobody.
    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        if error.to_string() == "memory growth exceeds memory type's limits" {
            return Ok(());
        }
        Err(End::Fault(format!("memory: {error}")).into())
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired as u64 <= gas::MAX_TABLE)
    }
}

/// Gas that is left. An instance has one more fuel than gas, because fuel runs into debt between two checks and stands
/// at 0 then, which must be told from gas that was used exactly.
pub fn left(fuel: u64) -> u64 {
    fuel.saturating_sub(1)
}

/// What an import works with. Every method that can fail ends the instance by its error.
pub struct Api<'a> {
    caller: Caller<'a, Frame>,
}

impl<'a> Api<'a> {
    /// Pays for the import itself and for the pages that the memory has grown by.
    pub fn enter(caller: Caller<'a, Frame>) -> Result<Self> {
        let mut api = Api { caller };
        let frame = api.frame();
        let grown = std::mem::take(&mut frame.grown) * frame.prices.grow_per_page;
        let import = frame.prices.import;
        api.charge(import + grown)?;
        Ok(api)
    }

    pub fn frame(&mut self) -> &mut Frame {
        self.caller.data_mut()
    }

    fn prices(&self) -> &'static gas::Prices {
        self.caller.data().prices
    }

    pub fn left(&self) -> Result<u64> {
        Ok(left(self.caller.get_fuel()?))
    }

    pub fn charge(&mut self, amount: u64) -> Result<()> {
        match self.left()?.checked_sub(amount) {
            Some(rest) => self.caller.set_fuel(rest + 1),
            None => {
                self.caller.set_fuel(0)?;
                Err(End::OutOfGas.into())
            }
        }
    }

    pub fn host(&self) -> Result<&'a Host> {
        let host = self.caller.data().host;
        // Lives as long as the call (cx_wasm_call).
        unsafe { host.as_ref() }.ok_or_else(|| trap("contract.trap.initialize"))
    }

    fn memory(&mut self) -> Result<&mut [u8]> {
        let memory = self.frame().memory.ok_or_else(|| trap("contract.trap.initialize"))?;
        Ok(memory.data_mut(&mut self.caller))
    }

    /// Bytes of the contract, at most `most` of them, paid for.
    pub fn bytes(&mut self, at: u32, size: u32, most: u32) -> Result<Vec<u8>> {
        if size > most {
            return Err(trap("contract.trap.size"));
        }
        self.charge(self.prices().byte * u64::from(size))?;
        let memory = self.memory()?;
        let bytes = memory.get(at as usize..at as usize + size as usize);
        Ok(bytes.ok_or_else(|| trap("contract.trap.pointer"))?.to_vec())
    }

    pub fn write(&mut self, at: u32, bytes: &[u8]) -> Result<()> {
        self.charge(self.prices().byte * bytes.len() as u64)?;
        let memory = self.memory()?;
        let room = memory.get_mut(at as usize..at as usize + bytes.len());
        room.ok_or_else(|| trap("contract.trap.pointer"))?.copy_from_slice(bytes);
        Ok(())
    }

    fn writable(&mut self) -> Result<()> {
        if self.frame().context.read_only != 0 {
            return Err(trap("contract.trap.read_only"));
        }
        Ok(())
    }

    /// Keeps what was found as the answer, and pays for it.
    fn keep(&mut self, found: Option<Vec<u8>>) -> Result<i32> {
        let Some(found) = found else { return Ok(-1) };
        self.charge(self.prices().read_per_byte * found.len() as u64)?;
        let size = i32::try_from(found.len()).map_err(|_| End::Fault("an answer above 2 GiB".into()))?;
        self.frame().answer = found;
        Ok(size)
    }

    fn ask(&self, question: u32, arguments: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.host()?.ask(question, arguments).map_err(End::from)?)
    }

    /// For questions whose answer has a fixed size.
    fn ask_for<const N: usize>(&self, question: u32, arguments: &[u8]) -> Result<[u8; N]> {
        let answer = self.ask(question, arguments)?.and_then(|bytes| bytes.try_into().ok());
        Ok(answer.ok_or_else(|| End::Fault(format!("answer to question {question}")))?)
    }

    /// 32 deterministic bytes; zeros in _initialize.
    pub fn random(&mut self) -> Result<[u8; 32]> {
        if self.frame().host.is_null() {
            return Ok([0; 32]);
        }
        self.charge(self.prices().hash)?;
        let frame = self.frame();
        let mut seed = b"chengxin/random/v1\0".to_vec();
        seed.extend(frame.context.transaction);
        seed.extend(frame.context.self_address);
        seed.extend(frame.context.depth.to_be_bytes());
        seed.extend(frame.random.to_be_bytes());
        frame.random += 1;
        self.ask_for(abi::ASK_SM3, &seed)
    }

    pub fn debug(&mut self, text: &[u8]) {
        if let Ok(host) = self.host() {
            host.log(text);
        }
    }

    fn subject(&mut self, question: u32, at: u32, size: u32, name: u32, length: u32) -> Result<i32> {
        self.charge(self.prices().read)?;
        let mut arguments = self.bytes(at, size, size)?;
        arguments.extend(self.bytes(name, length, gas::MAX_NAME)?);
        let found = self.ask(question, &arguments)?;
        self.keep(found)
    }

    fn context(&mut self, field: u32) -> Result<i32> {
        let context = &self.frame().context;
        let found = match field {
            0 => context.caller.to_vec(),
            1 => context.origin.to_vec(),
            2 => context.self_address.to_vec(),
            3 => context.chain.to_vec(),
            4 => context.transaction.to_vec(),
            5 => {
                self.charge(self.prices().read)?;
                self.ask(abi::ASK_CALLER_NAME, &[])?.unwrap_or_default()
            }
            _ => return Err(trap("contract.trap.argument")),
        };
        self.keep(Some(found))
    }

    fn range(&mut self, from: (u32, u32), to: (u32, u32), limit: u32) -> Result<i32> {
        if limit > gas::MAX_RANGE {
            return Err(trap("contract.trap.argument"));
        }
        self.charge(self.prices().range + self.prices().range_per_entry * u64::from(limit))?;
        let from = self.bytes(from.0, from.1, gas::MAX_KEY)?;
        let to = self.bytes(to.0, to.1, gas::MAX_KEY)?;
        let price = self.prices().range_per_entry;
        let (found, erased) = self.host()?.range(&from, &to, limit, self.left()? / price).map_err(End::from)?;
        self.charge(price * erased)?;
        self.keep(Some(found))
    }

    fn event(&mut self, topics: u32, count: u32, data: u32, size: u32) -> Result<()> {
        self.writable()?;
        if count > 4 {
            return Err(trap("contract.trap.argument"));
        }
        let topics = self.bytes(topics, count * 32, 128)?;
        let data = self.bytes(data, size, gas::MAX_EVENT)?;
        self.charge(self.prices().event + self.prices().event_per_byte * (topics.len() + data.len()) as u64)?;
        Ok(self.host()?.event(&topics, &data).map_err(End::from)?)
    }

    fn call(&mut self, to: u32, data: (u32, u32), gas: u64, read_only: bool) -> Result<i32> {
        self.charge(self.prices().nested)?;
        let to = self.bytes(to, 20, 20)?;
        let input = self.bytes(data.0, data.1, gas::MAX_DATA)?;
        let frame = self.frame();
        let read_only = read_only || frame.context.read_only != 0;
        frame.answer.clear();
        if frame.context.depth >= abi::MAX_DEPTH {
            return Ok(-1);
        }
        let left = self.left()?;
        let most = left - left / 64;
        let message = abi::Message {
            kind: if read_only { abi::STATIC } else { abi::CALL },
            to: to.try_into().expect("20 bytes"),
            salt: [0; 32],
            input: abi::Bytes::of(&input),
            gas: if gas == 0 { most } else { gas.min(most) },
        };
        let (ending, used, output) = self.host()?.call(&message).map_err(End::from)?;
        self.charge(used)?;
        match ending {
            abi::RETURNED => self.keep(Some(output)),
            abi::REVERTED => Ok(-1 - self.keep(Some(output))?),
            _ => Ok(-1),
        }
    }

    fn hashed(&mut self, at: u32, size: u32) -> Result<Vec<u8>> {
        self.charge(self.prices().hash + self.prices().hash_per_byte * u64::from(size))?;
        self.bytes(at, size, gas::MAX_DATA)
    }

    fn sm4_cbc(&mut self, encrypt: u32, key: u32, iv: u32, at: u32, size: u32) -> Result<i32> {
        if size % 16 != 0 {
            return Ok(-1);
        }
        let mut arguments = vec![u8::from(encrypt != 0)];
        arguments.extend(self.bytes(key, 16, 16)?);
        arguments.extend(self.bytes(iv, 16, 16)?);
        arguments.extend(self.hashed(at, size)?);
        let found = self.ask(abi::ASK_SM4_CBC, &arguments)?;
        self.keep(found)
    }

    fn sm2_verify(&mut self, key: u32, at: u32, size: u32, signature: u32) -> Result<i32> {
        self.charge(self.prices().sm2_verify)?;
        let mut arguments = self.bytes(key, 65, 65)?;
        arguments.extend(self.bytes(signature, 64, 64)?);
        arguments.extend(self.hashed(at, size)?);
        Ok(self.ask_for::<1>(abi::ASK_SM2_VERIFY, &arguments)?[0].into())
    }

    fn evidence(&mut self, bundle: u32, size: u32, digest: u32) -> Result<i32> {
        self.charge(self.prices().evidence + self.prices().evidence_per_byte * u64::from(size))?;
        let mut arguments = self.bytes(digest, 32, 32)?;
        arguments.extend(self.bytes(bundle, size, gas::MAX_DATA)?);
        Ok(self.ask_for::<1>(abi::ASK_EVIDENCE, &arguments)?[0].into())
    }
}

type C<'a> = Caller<'a, Frame>;

/// Defines every row of IMPORTS; a test imports them all.
#[rustfmt::skip]
pub fn define(linker: &mut Linker<Frame>) -> Result<()> {
    const M: &str = "chengxin";
    linker.func_wrap(M, super::cover::IMPORT, |c: C, number: u32| {
        if !c.data().host.is_null() {
            super::cover::entered(number);
        }
    })?;
    linker.func_wrap(M, "answer", |c: C, to: u32, from: u32, size: u32| {
        let mut api = Api::enter(c)?;
        let answer = std::mem::take(&mut api.frame().answer);
        let part = answer.get(from as usize..from as usize + size as usize).ok_or_else(|| trap("contract.trap.pointer"))?;
        api.write(to, part)?;
        api.frame().answer = answer;
        Ok(())
    })?;
    linker.func_wrap(M, "input", |c: C| {
        let mut api = Api::enter(c)?;
        let input = api.frame().input;
        // Lives as long as the call (cx_wasm_call).
        api.keep(Some(unsafe { &*input }.to_vec()))
    })?;
    linker.func_wrap(M, "output", |c: C, at: u32, size: u32| {
        let mut api = Api::enter(c)?;
        api.frame().output = api.bytes(at, size, gas::MAX_DATA)?;
        Ok(())
    })?;
    linker.func_wrap(M, "revert", |c: C, at: u32, size: u32| -> Result<()> {
        Err(End::Revert(Api::enter(c)?.bytes(at, size, gas::MAX_DATA)?).into())
    })?;
    linker.func_wrap(M, "get", |c: C, key: u32, size: u32| {
        let mut api = Api::enter(c)?;
        api.charge(api.prices().read)?;
        let key = api.bytes(key, size, gas::MAX_KEY)?;
        let found = api.host()?.get(&key).map_err(End::from)?;
        api.keep(found)
    })?;
    linker.func_wrap(M, "put", |c: C, key: u32, size: u32, value: u32, length: u32| {
        let mut api = Api::enter(c)?;
        api.writable()?;
        let key = api.bytes(key, size, gas::MAX_KEY)?;
        let value = api.bytes(value, length, gas::MAX_VALUE)?;
        api.charge(api.prices().write + api.prices().write_per_byte * (key.len() + value.len()) as u64)?;
        Ok(api.host()?.set(&key, Some(&value)).map_err(End::from)?)
    })?;
    linker.func_wrap(M, "erase", |c: C, key: u32, size: u32| {
        let mut api = Api::enter(c)?;
        api.writable()?;
        let key = api.bytes(key, size, gas::MAX_KEY)?;
        api.charge(api.prices().write)?;
        Ok(api.host()?.set(&key, None).map_err(End::from)?)
    })?;
    linker.func_wrap(M, "range", |c: C, from: u32, size: u32, to: u32, length: u32, limit: u32| Api::enter(c)?.range((from, size), (to, length), limit))?;
    linker.func_wrap(M, "event", |c: C, topics: u32, count: u32, data: u32, size: u32| Api::enter(c)?.event(topics, count, data, size))?;
    linker.func_wrap(M, "context", |c: C, field: u32| Api::enter(c)?.context(field))?;
    linker.func_wrap(M, "height", |c: C| -> Result<u64> { Ok(Api::enter(c)?.frame().context.height) })?;
    linker.func_wrap(M, "time_ms", |c: C| -> Result<i64> { Ok(Api::enter(c)?.frame().context.time_ms) })?;
    linker.func_wrap(M, "attribute", |c: C, address: u32, name: u32, size: u32| Api::enter(c)?.subject(abi::ASK_ATTRIBUTE, address, 20, name, size))?;
    linker.func_wrap(M, "credential", |c: C, address: u32, kind: u32, size: u32| Api::enter(c)?.subject(abi::ASK_CREDENTIAL, address, 20, kind, size))?;
    linker.func_wrap(M, "approval", |c: C, subject: u32, kind: u32, size: u32| Api::enter(c)?.subject(abi::ASK_APPROVAL, subject, 32, kind, size))?;
    linker.func_wrap(M, "call", |c: C, to: u32, data: u32, size: u32, gas: u64, read_only: u32| Api::enter(c)?.call(to, (data, size), gas, read_only != 0))?;
    linker.func_wrap(M, "sm3", |c: C, at: u32, size: u32, to: u32| {
        let mut api = Api::enter(c)?;
        let bytes = api.hashed(at, size)?;
        let digest: [u8; 32] = api.ask_for(abi::ASK_SM3, &bytes)?;
        api.write(to, &digest)
    })?;
    linker.func_wrap(M, "keccak256", |c: C, at: u32, size: u32, to: u32| {
        let mut api = Api::enter(c)?;
        let bytes = api.hashed(at, size)?;
        api.write(to, alloy_primitives::keccak256(bytes).as_slice())
    })?;
    linker.func_wrap(M, "sm2_verify", |c: C, key: u32, at: u32, size: u32, signature: u32| Api::enter(c)?.sm2_verify(key, at, size, signature))?;
    linker.func_wrap(M, "sm4_cbc", |c: C, encrypt: u32, key: u32, iv: u32, at: u32, size: u32| Api::enter(c)?.sm4_cbc(encrypt, key, iv, at, size))?;
    linker.func_wrap(M, "evidence", |c: C, bundle: u32, size: u32, digest: u32| Api::enter(c)?.evidence(bundle, size, digest))?;
    linker.func_wrap(M, "log", |c: C, at: u32, size: u32| {
        let mut api = Api::enter(c)?;
        let text = api.bytes(at, size, gas::MAX_LOG)?;
        api.debug(&text);
        Ok(())
    })?;
    Ok(())
}

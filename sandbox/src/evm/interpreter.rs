//! One frame: revm's interpreter, whose host is the platform. Calls and creations go out to the platform, which
//! runs the other frame in whatever engine and answers with its outcome.

use super::cover;
use super::transaction::{Key, Transaction};
use super::FORK;
use crate::abi::{self, Bytes as Span, Context, Ending, Host as Platform, Message, Stop};
use revm::bytecode::{opcode, Bytecode};
use revm::context_interface::cfg::GasParams;
use revm::context_interface::host::LoadError;
use revm::context_interface::journaled_state::AccountInfoLoad;
use revm::interpreter::instructions::gas_table_spec;
use revm::interpreter::instructions::host as ethereum;
use revm::interpreter::interpreter::{EthInterpreter, ExtBytecode, InputsImpl};
use revm::interpreter::interpreter_types::{Jumps, LoopControl, ReturnData};
use revm::interpreter::{
    instruction_table, CallInput, CallInputs, CallScheme, CreateInputs, CreateScheme, FrameInput, GasTable, Host,
    Instruction, InstructionContext, InstructionExecResult, InstructionResult, InstructionTable, Interpreter,
    InterpreterAction, InterpreterResult, SStoreResult, SelfDestructResult, SharedMemory, StateLoad,
};
use revm::primitives::{eip3860, Address, Bytes, Log, B256, U256};
use revm::state::AccountInfo;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Of one frame. Gas bounds memory as long as gas is bounded; this bounds it whatever the limit is.
const MEMORY_LIMIT_BYTES: u64 = 16 << 20;
/// Interpreters kept for the next frames, each with a stack of 32 KiB and at most this much memory.
const SPARE_FRAMES: usize = 32;
const SPARE_MEMORY_BYTES: usize = 64 << 10;

pub type Spare = Vec<Box<Interpreter>>;

static TABLE: InstructionTable<EthInterpreter, Frame> = instructions();
static GAS: GasTable = gas_table_spec(FORK);
static GAS_PARAMS: LazyLock<GasParams> = LazyLock::new(|| GasParams::new_spec(FORK));

const fn instructions() -> InstructionTable<EthInterpreter, Frame> {
    let mut table = instruction_table::<EthInterpreter, Frame>();
    table[opcode::SELFDESTRUCT as usize] = Instruction::unknown();
    table[opcode::CALLCODE as usize] = Instruction::unknown();
    table[opcode::EXTCODESIZE as usize] = Instruction::new(extcodesize);
    table[opcode::EXTCODECOPY as usize] = Instruction::new(extcodecopy);
    table[opcode::LOG0 as usize] = Instruction::new(log::<0>);
    table[opcode::LOG1 as usize] = Instruction::new(log::<1>);
    table[opcode::LOG2 as usize] = Instruction::new(log::<2>);
    table[opcode::LOG3 as usize] = Instruction::new(log::<3>);
    table[opcode::LOG4 as usize] = Instruction::new(log::<4>);
    table
}

/// Pointers and not references: nested frames use the same transaction while this one waits.
pub struct Frame {
    transaction: *mut Transaction,
    platform: *const Platform,
    context: *const Context,
    stopped: Option<Stop>,
}

/// How a frame ended; `Err` when the platform ended it.
pub type Ended = Result<InterpreterResult, Stop>;

impl Frame {
    /// # Safety
    /// All three live, and are used by no other thread, until the frame has run.
    pub unsafe fn new(transaction: *mut Transaction, platform: *const Platform, context: *const Context) -> Self {
        Self { transaction, platform, context, stopped: None }
    }

    pub fn run(mut self, code: Bytecode, input: &[u8], gas: u64) -> Ended {
        let mut interpreter = self.transaction().spare.pop().unwrap_or_default();
        let mut memory = std::mem::replace(&mut interpreter.memory, SharedMemory::invalid());
        memory.set_memory_limit(MEMORY_LIMIT_BYTES);
        let context = self.context();
        let inputs = InputsImpl {
            target_address: context.self_address.into(),
            caller_address: context.caller.into(),
            input: CallInput::Bytes(Bytes::copy_from_slice(input)),
            depth: context.depth as usize,
            ..Default::default()
        };
        interpreter.clear(memory, ExtBytecode::new(code), inputs, context.read_only != 0, FORK, gas, 0);
        let covered = cover::started();
        let result = loop {
            let action = if covered {
                self.run_covered(&mut interpreter)
            } else {
                interpreter.run_plain(&TABLE, &GAS, &mut self)
            };
            match action {
                InterpreterAction::Return(result) => break result,
                InterpreterAction::NewFrame(FrameInput::Call(call)) => self.call(&mut interpreter, *call),
                InterpreterAction::NewFrame(FrameInput::Create(create)) => self.create(&mut interpreter, *create),
                InterpreterAction::NewFrame(FrameInput::Empty) => unreachable!("no instruction gives it"),
            }
            if self.stopped.is_some() {
                break InterpreterResult::new_oog(gas, 0);
            }
        };
        self.keep(interpreter);
        self.stopped.take().map_or(Ok(result), Err)
    }

    /// As `run_plain`, and tells of each instruction.
    fn run_covered(&mut self, interpreter: &mut Interpreter) -> InterpreterAction {
        let size = interpreter.bytecode.original_byte_slice().len();
        let end = loop {
            cover::executed(self.context().self_address, size, interpreter.bytecode.pc());
            if let Err(end) = interpreter.step(&TABLE, &GAS, self) {
                break end;
            }
        };
        if interpreter.bytecode.action().is_none() {
            interpreter.halt(end);
        }
        interpreter.take_next_action()
    }

    fn keep(&self, mut interpreter: Box<Interpreter>) {
        let spare = &mut self.transaction().spare;
        if spare.len() < SPARE_FRAMES {
            if interpreter.memory.len() > SPARE_MEMORY_BYTES {
                interpreter.memory = SharedMemory::new();
            }
            interpreter.memory.resize(0);
            interpreter.bytecode = ExtBytecode::default();
            interpreter.input = InputsImpl::default();
            interpreter.return_data.clear();
            spare.push(interpreter);
        }
    }

    #[allow(clippy::mut_from_ref)] // each use ends before the next begins, and before a nested frame does
    fn transaction(&self) -> &mut Transaction {
        unsafe { &mut *self.transaction }
    }

    fn context(&self) -> &Context {
        unsafe { &*self.context }
    }

    fn platform(&self) -> &Platform {
        unsafe { &*self.platform }
    }

    /// CALL, STATICCALL and DELEGATECALL; gas was taken from the caller before.
    fn call(&mut self, interpreter: &mut Interpreter, inputs: CallInputs) {
        let kind = match inputs.scheme {
            CallScheme::Call if inputs.transfers_value() => return not_paid(interpreter, inputs.gas_limit),
            CallScheme::Call => abi::CALL,
            CallScheme::StaticCall => abi::STATIC,
            CallScheme::DelegateCall => abi::DELEGATE,
            CallScheme::CallCode => unreachable!("not in the table of instructions"),
        };
        // The range of an empty input lies outside the memory.
        let memory = (!inputs.input.is_empty()).then(|| inputs.input.as_bytes_memory(&interpreter.memory));
        let message = Message {
            kind,
            to: inputs.bytecode_address.into(),
            salt: [0; 32],
            input: Span::of(memory.as_deref().unwrap_or_default()),
            gas: inputs.gas_limit,
        };
        let sent = self.send(&message);
        drop(memory);
        let Some((ending, gas_left, output)) = sent else { return };
        interpreter.gas.erase_cost(gas_left);
        let returned = match ending {
            abi::RETURNED | abi::REVERTED => Bytes::from(output),
            _ => Bytes::new(),
        };
        let range = inputs.return_memory_offset;
        let size = range.len().min(returned.len());
        if size != 0 {
            interpreter.memory.set(range.start, &returned[..size]);
        }
        interpreter.return_data.set_buffer(returned);
        let _ = interpreter.stack.push(U256::from((ending == abi::RETURNED) as u8)); // arguments were popped
    }

    fn create(&mut self, interpreter: &mut Interpreter, inputs: CreateInputs) {
        if !inputs.value().is_zero() {
            return not_paid(interpreter, inputs.gas_limit());
        }
        let (kind, salt) = match inputs.scheme() {
            CreateScheme::Create2 { salt } => (abi::CREATE2, salt.to_be_bytes()),
            _ => (abi::CREATE, [0; 32]),
        };
        let input = Span::of(inputs.init_code());
        let message = Message { kind, to: [0; 20], salt, input, gas: inputs.gas_limit() };
        let Some((ending, gas_left, output)) = self.send(&message) else { return };
        interpreter.gas.erase_cost(gas_left);
        interpreter.return_data.clear();
        let mut address = U256::ZERO;
        match ending {
            abi::RETURNED => address = U256::from_be_slice(&output[..20.min(output.len())]),
            abi::REVERTED => interpreter.return_data.set_buffer(output.into()),
            _ => (),
        }
        let _ = interpreter.stack.push(address); // arguments were popped
    }

    /// Ending, gas that is left and output of another frame; nothing when the platform ended this one.
    fn send(&mut self, message: &Message) -> Option<(Ending, u64, Vec<u8>)> {
        let sent = self.platform().call(message);
        let (ending, gas_used, output) = self.or_stop(sent).ok()?;
        Some((ending, message.gas - gas_used, output))
    }

    /// What the platform stops ends the frame.
    fn or_stop<T>(&mut self, result: Result<T, Stop>) -> Result<T, LoadError> {
        result.map_err(|stop| {
            self.stopped = Some(stop);
            LoadError::DBError
        })
    }

    fn ask(&mut self, question: u32, arguments: &[u8]) -> Result<Option<Vec<u8>>, LoadError> {
        let answer = self.platform().ask(question, arguments);
        self.or_stop(answer)
    }

    fn read_slot(&mut self, slot: U256) -> Result<U256, LoadError> {
        let answer = self.platform().get(&slot.to_be_bytes::<32>());
        match self.or_stop(answer)? {
            None => Ok(U256::ZERO),
            Some(value) if value.len() == 32 => Ok(U256::from_be_slice(&value)),
            Some(_) => self.or_stop(Err(Stop::Fault("a slot of an EVM contract is not a word".into()))),
        }
    }

    fn write_slot(&mut self, slot: U256, value: U256) -> Result<(), LoadError> {
        let (key, word) = (slot.to_be_bytes::<32>(), value.to_be_bytes::<32>());
        let written = self.platform().set(&key, (!value.is_zero()).then_some(&word[..]));
        self.or_stop(written)
    }

    /// A slot of this contract, warm from now on: original and present value, and whether it was cold.
    fn slot(&mut self, key: Key, skip_cold: bool) -> Result<(U256, U256, bool), LoadError> {
        let transaction = self.transaction;
        let (slot, cold) = unsafe { (*transaction).slot(key, skip_cold, || self.read_slot(key.1))? };
        Ok((slot.original, slot.present, cold))
    }

    /// Takes the gas of an address's first use in the transaction (EIP-2929).
    fn charge_address(&mut self, interpreter: &mut Interpreter, address: Address) -> InstructionExecResult {
        let gas = GAS_PARAMS.cold_account_additional_cost();
        let cold = self.transaction().touch(address, interpreter.gas.remaining() < gas)?;
        if cold && !interpreter.gas.record_regular_cost(gas) {
            return Err(InstructionResult::OutOfGas);
        }
        Ok(())
    }
}

/// A call or creation with value: no account has a balance. As in Ethereum, the gas comes back.
fn not_paid(interpreter: &mut Interpreter, gas: u64) {
    interpreter.gas.erase_cost(gas);
    interpreter.return_data.clear();
    let _ = interpreter.stack.push(U256::ZERO); // arguments were popped
}

/// revm's instruction would need the code itself.
fn extcodesize(context: InstructionContext<'_, Frame, EthInterpreter>) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let [word] = interpreter.stack.popn().ok_or(InstructionResult::StackUnderflow)?;
    let address = Address::from_word(word.into());
    host.charge_address(interpreter, address)?;
    let size = host.ask(abi::ASK_CODE_SIZE, address.as_slice())?;
    let _ = interpreter.stack.push(U256::from_be_slice(&size.unwrap_or_default()));
    Ok(())
}

/// revm's instruction asks for the code in the same way as a call does, and a call does not need it.
fn extcodecopy(context: InstructionContext<'_, Frame, EthInterpreter>) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let [word, to, from, size] = interpreter.stack.popn().ok_or(InstructionResult::StackUnderflow)?;
    let address = Address::from_word(word.into());
    let size = usize::try_from(size).map_err(|_| InstructionResult::InvalidOperandOOG)?;
    if !interpreter.gas.record_regular_cost(GAS_PARAMS.extcodecopy(size)) {
        return Err(InstructionResult::OutOfGas);
    }
    let mut offset = 0;
    if size != 0 {
        offset = usize::try_from(to).map_err(|_| InstructionResult::InvalidOperandOOG)?;
        interpreter.resize_memory(&GAS_PARAMS, offset, size)?;
    }
    host.charge_address(interpreter, address)?;
    let code = host.ask(abi::ASK_CODE_AT, address.as_slice())?.unwrap_or_default();
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(code.len());
    interpreter.memory.set_data(offset, from, size, &code);
    Ok(())
}

/// revm's instruction, then what the platform said to the event.
fn log<const N: usize>(context: InstructionContext<'_, Frame, EthInterpreter>) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    ethereum::log::<N, _>(InstructionContext { interpreter, host: &mut *host })?;
    match host.stopped {
        None => Ok(()),
        Some(_) => Err(InstructionResult::FatalExternalError),
    }
}

impl Host for Frame {
    fn basefee(&self) -> U256 {
        U256::ZERO
    }
    fn blob_gasprice(&self) -> U256 {
        U256::ONE // Ethereum's least, which it has where there are no blobs
    }
    fn gas_limit(&self) -> U256 {
        U256::from(u64::MAX)
    }
    fn difficulty(&self) -> U256 {
        U256::ZERO
    }
    /// Not random: who proposes a block knows it beforehand.
    fn prevrandao(&self) -> Option<U256> {
        Some(U256::from_be_bytes(self.context().previous_block))
    }
    fn block_number(&self) -> U256 {
        U256::from(self.context().height)
    }
    fn timestamp(&self) -> U256 {
        U256::from(self.context().time_ms.max(0) as u64 / 1000)
    }
    fn beneficiary(&self) -> Address {
        Address::ZERO
    }
    fn slot_num(&self) -> U256 {
        U256::ZERO
    }
    fn chain_id(&self) -> U256 {
        U256::from_be_bytes(self.context().chain)
    }
    fn effective_gas_price(&self) -> U256 {
        U256::ZERO
    }
    fn caller(&self) -> Address {
        self.context().origin.into()
    }
    fn blob_hash(&self, _number: usize) -> Option<U256> {
        None
    }
    fn max_initcode_size(&self) -> usize {
        eip3860::MAX_INITCODE_SIZE
    }
    fn gas_params(&self) -> &GasParams {
        &GAS_PARAMS
    }
    fn is_amsterdam_eip8037_enabled(&self) -> bool {
        false
    }

    fn block_hash(&mut self, number: u64) -> Option<B256> {
        if number + 1 == self.context().height {
            return Some(self.context().previous_block.into());
        }
        let hash = self.ask(abi::ASK_BLOCK_HASH, &number.to_be_bytes()).ok()?.unwrap_or_default();
        Some(B256::left_padding_from(&hash[..hash.len().min(32)]))
    }

    fn selfdestruct(&mut self, _: Address, _: Address, _: bool) -> Result<StateLoad<SelfDestructResult>, LoadError> {
        unreachable!("not in the table of instructions")
    }

    fn log(&mut self, log: Log) {
        let topics = log.data.topics().concat();
        let taken = self.platform().event(&topics, &log.data.data);
        let _ = self.or_stop(taken); // the instruction above looks at `stopped`
    }

    fn sload_skip_cold_load(&mut self, address: Address, slot: U256, skip: bool) -> Result<StateLoad<U256>, LoadError> {
        let (_, present, cold) = self.slot((address, slot), skip)?;
        Ok(StateLoad::new(present, cold))
    }

    fn sstore_skip_cold_load(
        &mut self,
        address: Address,
        slot: U256,
        value: U256,
        skip: bool,
    ) -> Result<StateLoad<SStoreResult>, LoadError> {
        let key = (address, slot);
        let (original_value, present_value, cold) = self.slot(key, skip)?;
        if value != present_value {
            self.transaction().set_present(key, value);
            self.write_slot(slot, value)?;
        }
        Ok(StateLoad::new(SStoreResult { original_value, present_value, new_value: value }, cold))
    }

    fn tstore(&mut self, address: Address, slot: U256, value: U256) {
        self.transaction().set_transient((address, slot), value);
    }

    fn tload(&mut self, address: Address, slot: U256) -> U256 {
        self.transaction().transient((address, slot))
    }

    fn balance(&mut self, _: Address) -> Option<StateLoad<U256>> {
        Some(StateLoad::new(U256::ZERO, false)) // of SELFBALANCE, which asks for no other address
    }

    /// Of BALANCE, EXTCODEHASH and the calls: none of them needs the code.
    fn load_account_info_skip_cold_load(
        &mut self,
        address: Address,
        _load_code: bool,
        skip: bool,
    ) -> Result<AccountInfoLoad<'_>, LoadError> {
        let is_cold = self.transaction().touch(address, skip)?;
        let hash = self.ask(abi::ASK_CODE_HASH, address.as_slice())?;
        let account = AccountInfo {
            balance: U256::ZERO,
            nonce: hash.is_some() as u64, // so that it counts as existing
            code_hash: hash.as_ref().map_or(B256::ZERO, |h| B256::left_padding_from(&h[..h.len().min(32)])),
            account_id: None,
            code: None,
        };
        Ok(AccountInfoLoad { account: Cow::Owned(account), is_cold, is_empty: hash.is_none() })
    }
}

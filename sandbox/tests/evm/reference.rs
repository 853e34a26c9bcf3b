//! The same transactions in full revm, and the comparison.

use crate::world::*;
use chengxin_sandbox::abi;
use revm::context::result::{ExecutionResult, HaltReason, Output};
use revm::context::{BlockEnv, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::handler::{MainnetContext, MainnetEvm};
use revm::primitives::{Address, TxKind, B256, U256};
use revm::state::{AccountInfo, Bytecode};
use revm::{Context, ExecuteCommitEvm, MainBuilder, MainContext};
use std::collections::BTreeMap;

pub struct Reference(MainnetEvm<MainnetContext<CacheDB<EmptyDB>>>);

impl Reference {
    pub fn new() -> Self {
        let block = BlockEnv {
            number: U256::from(HEIGHT),
            timestamp: U256::from(TIME_MS / 1000),
            gas_limit: u64::MAX,
            prevrandao: Some(previous_block()),
            ..Default::default()
        };
        let context = Context::mainnet().with_db(CacheDB::<EmptyDB>::default()).with_block(block);
        let context = context.modify_cfg_chained(|cfg| {
            assert_eq!(cfg.spec, chengxin_sandbox::evm::FORK);
            cfg.chain_id = CHAIN;
            cfg.tx_chain_id_check = false;
            cfg.disable_nonce_check = true;
            cfg.tx_gas_limit_cap = Some(u64::MAX);
        });
        Self(context.build_mainnet())
    }

    pub fn insert(&mut self, address: Address, code: &[u8]) {
        let code = Bytecode::new_legacy(code.to_vec().into());
        let info = AccountInfo::new(U256::ZERO, 1, code.hash_slow(), code);
        self.0.ctx.journaled_state.database.insert_account_info(address, info);
    }

    pub fn transact(&mut self, to: Option<Address>, input: &[u8], gas: u64) -> (Done, Vec<Event>) {
        let intrinsic = intrinsic_gas(to, input);
        let transaction = TxEnv {
            caller: ORIGIN,
            gas_limit: gas + intrinsic,
            kind: to.map_or(TxKind::Create, TxKind::Call),
            data: input.to_vec().into(),
            ..Default::default()
        };
        let result = self.0.transact_commit(transaction).expect("the transaction is valid");
        let gas = *result.gas();
        let (ending, logs, output) = match result {
            ExecutionResult::Success { logs, output: Output::Call(output), .. } => {
                (abi::RETURNED, logs, output.to_vec())
            }
            ExecutionResult::Success { logs, output: Output::Create(_, address), .. } => {
                (abi::RETURNED, logs, address.unwrap().to_vec())
            }
            ExecutionResult::Revert { output, .. } => (abi::REVERTED, vec![], output.to_vec()),
            ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } => (abi::OUT_OF_GAS, vec![], vec![]),
            ExecutionResult::Halt { .. } => (abi::TRAPPED, vec![], vec![]),
        };
        let event = |log: &revm::primitives::Log| Event {
            address: log.address,
            topics: log.data.topics().to_vec(),
            data: log.data.data.to_vec(),
        };
        let gas_used = gas.total_gas_spent() - intrinsic;
        (Done { ending, gas_used, refund: gas.inner_refunded(), output }, logs.iter().map(event).collect())
    }

    fn storage(&self) -> BTreeMap<(Address, B256), B256> {
        let accounts = &self.0.ctx.journaled_state.database.cache.accounts;
        let slots = accounts.iter().flat_map(|(at, account)| account.storage.iter().map(|slot| (*at, slot)));
        let set = slots.filter(|(_, (_, value))| !value.is_zero());
        set.map(|(at, (key, value))| ((at, B256::from(*key)), B256::from(*value))).collect()
    }

    fn code(&self) -> BTreeMap<Address, B256> {
        let accounts = &self.0.ctx.journaled_state.database.cache.accounts;
        let with_code = accounts.iter().filter(|(_, account)| !account.info.is_empty_code_hash());
        with_code.map(|(at, account)| (*at, account.info.code_hash)).collect()
    }
}

/// A world and its reference, compared after every transaction.
pub struct Both {
    pub world: Box<World>,
    reference: Reference,
}

impl Both {
    pub fn new() -> Self {
        Self { world: World::new(), reference: Reference::new() }
    }

    pub fn insert(&mut self, address: Address, code: &[u8]) {
        self.world.insert(address, code);
        self.reference.insert(address, code);
    }

    pub fn transact(&mut self, to: Option<Address>, input: &[u8], gas: u64) -> Done {
        let mut ours = self.world.transact(to, input, gas);
        let (theirs, events) = self.reference.transact(to, input, gas);
        let reason = if ours.ending == abi::TRAPPED { std::mem::take(&mut ours.output) } else { vec![] };
        assert_eq!(ours, theirs, "reason: {}", String::from_utf8_lossy(&reason));
        assert_eq!(self.world.state.events, events);
        assert_eq!(self.world.state.storage, self.reference.storage());
        let code = self.world.state.code.iter().filter(|(_, code)| !code.is_empty());
        let code: BTreeMap<_, _> = code.map(|(at, code)| (*at, revm::primitives::keccak256(code))).collect();
        assert_eq!(code, self.reference.code());
        ours
    }

    pub fn call(&mut self, to: Address, input: &[u8], gas: u64) -> Done {
        self.transact(Some(to), input, gas)
    }
}

//! Random contracts that call and create each other, against full revm: endings, output, gas, refunds, events and
//! the whole state after each transaction. Contracts store what GAS gives, so that a difference of one shows.

use crate::reference::Both;
use crate::world::with_stack;
use revm::bytecode::opcode::*;
use revm::primitives::{Address, U256};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

#[derive(Default)]
pub struct Assembler(pub Vec<u8>);

impl Assembler {
    pub fn op(&mut self, code: u8) -> &mut Self {
        self.0.push(code);
        self
    }

    pub fn push(&mut self, value: impl Into<U256>) -> &mut Self {
        let bytes = value.into().to_be_bytes_trimmed_vec();
        self.0.push(PUSH0 + bytes.len() as u8);
        self.0.extend(bytes);
        self
    }

    pub fn address(&mut self, address: Address) -> &mut Self {
        self.push(U256::from_be_slice(address.as_slice()))
    }

    /// Stores the top of the stack.
    pub fn store(&mut self, key: u64) -> &mut Self {
        self.push(U256::from(key)).op(SSTORE)
    }

    fn word(&mut self, at: u64, word: U256) -> &mut Self {
        self.push(word).push(U256::from(at)).op(MSTORE)
    }
}

fn n(value: u64) -> U256 {
    U256::from(value)
}

struct Author<'a> {
    random: &'a mut Random,
    addresses: &'a [Address],
}

impl Author<'_> {
    fn contract(&mut self) -> Vec<u8> {
        let mut code = Assembler::default();
        for _ in 0..1 + self.random.below(24) {
            self.statement(&mut code);
        }
        self.end(&mut code);
        code.0
    }

    fn operand(&mut self) -> U256 {
        match self.random.below(6) {
            0 => U256::ZERO,
            1 => U256::MAX - n(self.random.below(3)),
            2 => U256::ONE << self.random.below(256) as usize,
            3 => U256::from_limbs(std::array::from_fn(|_| self.random.next())),
            _ => n(self.random.below(70)),
        }
    }

    fn key(&mut self) -> u64 {
        self.random.below(5)
    }

    fn statement(&mut self, code: &mut Assembler) {
        let key = self.key();
        let address = self.random.of(self.addresses);
        match self.random.below(17) {
            0 | 1 => drop(code.push(n(self.random.below(3))).store(key)),
            2 => drop(code.push(n(self.key())).op(SLOAD).store(key)),
            3 => drop(code.op(GAS).store(8 + self.random.below(8))),
            4 => drop(code.push(n(self.random.below(9))).push(n(self.key())).op(TSTORE)),
            5 => drop(code.push(n(self.key())).op(TLOAD).store(key)),
            6 => self.event(code),
            7..=9 => self.call(code, address),
            10 => self.returned(code),
            11 => self.account(code, address),
            12 => self.memory(code),
            13 => self.create(code),
            14 => self.branch(code),
            15 => self.arithmetic(code),
            _ => self.environment(code),
        }
    }

    fn event(&mut self, code: &mut Assembler) {
        let topics = self.random.below(5);
        for _ in 0..topics {
            code.push(self.operand());
        }
        code.push(n(self.random.below(80))).push(n(self.random.below(80))).op(LOG0 + topics as u8);
    }

    fn call(&mut self, code: &mut Assembler, address: Address) {
        for _ in 0..2 {
            code.push(n(self.random.below(100))).push(n(self.random.below(100))); // output, then input
        }
        let kind = self.random.of(&[CALL, CALL, STATICCALL, DELEGATECALL]);
        if kind == CALL {
            code.push(n((self.random.below(10) == 0) as u64));
        }
        code.address(address);
        match self.random.below(3) {
            0 => code.push(n(self.random.below(60_000))),
            _ => code.op(GAS),
        };
        code.op(kind).store(self.key());
    }

    fn returned(&mut self, code: &mut Assembler) {
        code.op(RETURNDATASIZE).store(self.key());
        if self.random.below(5) == 0 {
            code.push(n(32)); // more than there may be
        } else {
            code.op(RETURNDATASIZE);
        }
        code.push(n(0)).push(n(self.random.below(64))).op(RETURNDATACOPY);
    }

    fn account(&mut self, code: &mut Assembler, address: Address) {
        match self.random.below(4) {
            0 => {
                code.push(n(self.random.below(50))).push(n(self.random.below(20))).push(n(self.random.below(64)));
                code.address(address).op(EXTCODECOPY);
            }
            _ => {
                let kind = self.random.of(&[EXTCODESIZE, EXTCODEHASH, BALANCE]);
                code.address(address).op(kind).store(self.key());
            }
        }
    }

    fn memory(&mut self, code: &mut Assembler) {
        let far = self.random.below(12) == 0;
        let at = self.random.below(if far { 40_000 } else { 200 });
        code.word(at, self.operand());
        match self.random.below(4) {
            0 => code.push(n(self.random.below(64))).push(n(at)).op(KECCAK256).store(self.key()),
            1 => code.push(n(40)).push(n(at)).push(n(self.random.below(64))).op(MCOPY),
            2 => code.push(n(at)).op(MLOAD).store(self.key()),
            _ => code.op(MSIZE).store(self.key()),
        };
    }

    fn create(&mut self, code: &mut Assembler) {
        let mut init = Assembler::default();
        match self.random.below(5) {
            0 => drop(init.push(n(7)).store(1).op(STOP)),
            1 => drop(init.push(n(0x5f5f)).push(n(0)).op(MSTORE).push(n(2)).push(n(30)).op(RETURN)),
            2 => drop(init.op(CALLER).push(n(0)).op(MSTORE).push(n(32)).push(n(0)).op(REVERT)),
            3 => drop(init.op(INVALID)),
            _ => drop(init.op(GAS).store(2).push(n(5)).push(n(0)).op(RETURN)), // code 0000000000
        }
        let size = init.0.len();
        init.0.resize(32, 0);
        code.word(0, U256::from_be_slice(&init.0));
        let kind = self.random.of(&[CREATE, CREATE2]);
        if kind == CREATE2 {
            code.push(n(self.random.below(2)));
        }
        code.push(n(size as u64)).push(n(0)).push(n((self.random.below(12) == 0) as u64)).op(kind);
        code.op(DUP1).op(EXTCODESIZE).store(self.key()).store(self.key());
    }

    /// Ends here for some inputs.
    fn branch(&mut self, code: &mut Assembler) {
        code.push(n(0)).op(CALLDATALOAD).push(n(1 << self.random.below(4))).op(AND);
        code.op(PUSH2);
        let at = code.0.len();
        code.0.extend([0, 0]);
        code.op(JUMPI);
        self.end(code);
        let target = code.0.len() as u16;
        code.op(JUMPDEST);
        code.0[at..at + 2].copy_from_slice(&target.to_be_bytes());
    }

    fn arithmetic(&mut self, code: &mut Assembler) {
        let two = [ADD, MUL, SUB, DIV, SDIV, MOD, SMOD, EXP, SIGNEXTEND, LT, SGT, BYTE, SHL, SHR, SAR, XOR];
        if self.random.below(4) == 0 {
            let kind = self.random.of(&[ADDMOD, MULMOD]);
            code.push(self.operand()).push(self.operand()).push(self.operand()).op(kind);
        } else {
            let kind = self.random.of(&two);
            code.push(self.operand()).push(self.operand()).op(kind);
        }
        code.op(CLZ).store(self.key());
    }

    fn environment(&mut self, code: &mut Assembler) {
        match self.random.below(4) {
            0 => {
                code.push(n(self.random.below(300))).op(NUMBER).op(SUB).op(BLOCKHASH);
            }
            1 => {
                code.push(n(self.random.below(50))).op(CALLDATALOAD);
            }
            _ => {
                code.op(self.random.of(&[
                    TIMESTAMP, NUMBER, CHAINID, ORIGIN, CALLER, ADDRESS, CALLVALUE, CODESIZE, DIFFICULTY, COINBASE,
                    BASEFEE, BLOBBASEFEE, GASPRICE, SELFBALANCE, CALLDATASIZE, GASLIMIT, PC,
                ]));
            }
        }
        code.store(self.key());
    }

    fn end(&mut self, code: &mut Assembler) {
        match self.random.below(10) {
            0..=3 => drop(code.push(n(self.random.below(70))).push(n(self.random.below(40))).op(RETURN)),
            4 | 5 => drop(code.push(n(self.random.below(70))).push(n(self.random.below(40))).op(REVERT)),
            6 => drop(code.op(self.random.of(&[INVALID, JUMP, POP, 0x0c, 0x21]))),
            _ => drop(code.op(STOP)),
        }
    }
}

/// A new seed for each run; the one printed repeats it.
pub fn seeded() -> Random {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("CHENGXIN_SEED").map_or(now, |text| text.parse().unwrap());
    println!("CHENGXIN_SEED={seed}");
    Random(seed)
}

#[test]
fn random_bytes_do_what_they_do_in_full_revm() {
    with_stack(|| {
        let mut random = seeded();
        for round in 0..3000u64 {
            let size = random.below(64);
            let byte = |random: &mut Random| match random.next() as u8 {
                SELFDESTRUCT | CALLCODE => JUMPDEST, // ours alone refuses them
                byte if random.below(3) == 0 => byte,
                byte => PUSH0 + byte % 12, // so that there is something on the stack
            };
            let code: Vec<u8> = (0..size).map(|_| byte(&mut random)).collect();
            let mut both = Both::new();
            let contract = Address::repeat_byte(0xaa);
            both.insert(contract, &code);
            println!("{round} {}", revm::primitives::hex::encode(&code));
            both.call(contract, &code, 100_000);
            both.transact(None, &code, 200_000);
        }
    });
}

#[test]
fn random_contracts_do_what_they_do_in_full_revm() {
    with_stack(|| {
        let mut random = seeded();
        let mut returned = 0;
        for _ in 0..1000 {
            returned += one_chain(&mut random);
        }
        assert!(returned > 1000, "hardly any of the random calls returned: {returned}");
    });
}

/// How many of its transactions returned.
fn one_chain(random: &mut Random) -> u32 {
    let contracts: Vec<Address> = (0..5).map(|i| Address::repeat_byte(0xa0 + i)).collect();
    let mut addresses = contracts.clone();
    addresses.extend([Address::repeat_byte(0x77), crate::world::ORIGIN, Address::ZERO]);
    addresses.extend([1, 2, 4, 0x100].map(|number: u64| Address::left_padding_from(&number.to_be_bytes())));
    let mut both = Both::new();
    for address in &contracts {
        let code = Author { random, addresses: &addresses }.contract();
        both.insert(*address, &code);
    }
    let mut returned = 0;
    for _ in 0..12 {
        let to = random.of(&contracts);
        let input: Vec<u8> = (0..random.below(50)).map(|_| random.next() as u8).collect();
        let gas = random.of(&[20_000, 100_000, 400_000]) + random.below(100_000);
        let done = both.call(to, &input, gas);
        returned += (done.ending == chengxin_sandbox::abi::RETURNED) as u32;
    }
    returned
}

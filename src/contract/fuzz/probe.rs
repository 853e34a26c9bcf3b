//! A contract that does what its call data says: a list of calls of the host, with any pointers and lengths. Each is one
//! byte and then its arguments (`number`, `bytes`, `fixed`); what all of them told is the output, unless one set another.
//! src/contract/fuzz/seeds.py writes the same notation.
#![no_std]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

mod host {
    #[link(wasm_import_module = "chengxin")]
    extern "C" {
        pub fn answer(to: u32, from: u32, size: u32);
        pub fn input() -> u32;
        pub fn output(at: u32, size: u32);
        pub fn revert(at: u32, size: u32);
        pub fn get(key: u32, size: u32) -> u32;
        pub fn put(key: u32, size: u32, value: u32, length: u32);
        pub fn erase(key: u32, size: u32);
        pub fn range(from: u32, size: u32, to: u32, length: u32, limit: u32) -> u32;
        pub fn event(topics: u32, count: u32, data: u32, size: u32);
        pub fn context(field: u32) -> u32;
        pub fn height() -> u64;
        pub fn time_ms() -> u64;
        pub fn attribute(address: u32, name: u32, size: u32) -> u32;
        pub fn credential(address: u32, kind: u32, size: u32) -> u32;
        pub fn approval(subject: u32, kind: u32, size: u32) -> u32;
        pub fn call(address: u32, data: u32, size: u32, gas: u64, read_only: u32) -> u32;
        pub fn sm3(at: u32, size: u32, to: u32);
        pub fn keccak256(at: u32, size: u32, to: u32);
        pub fn sm2_verify(key: u32, at: u32, size: u32, signature: u32) -> u32;
        pub fn sm4_cbc(encrypt: u32, key: u32, iv: u32, at: u32, size: u32) -> u32;
        pub fn evidence(bundle: u32, size: u32, digest: u32) -> u32;
        pub fn log(at: u32, size: u32);
    }
}

mod wasi {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    extern "C" {
        pub fn random_get(at: u32, size: u32) -> u32;
        pub fn clock_time_get(id: u32, precision: u64, to: u32) -> u32;
        pub fn fd_write(fd: u32, vectors: u32, count: u32, written: u32) -> u32;
        pub fn args_sizes_get(count: u32, size: u32) -> u32;
        pub fn proc_exit(code: u32);
    }
}

const SIZE: usize = 16 << 10;
static mut SCRIPT: [u8; SIZE] = [0; SIZE];
static mut ADDRESS: [u8; 32] = [0; 32];

struct Reader {
    at: u32,
    end: u32,
    told: u64,
    last: u32,
}

impl Reader {
    fn script() -> u32 {
        unsafe { core::ptr::addr_of!(SCRIPT) as u32 }
    }

    fn byte(&mut self) -> u32 {
        if self.at >= self.end {
            return 0;
        }
        self.at += 1;
        u32::from(unsafe { *((Self::script() + self.at - 1) as *const u8) })
    }

    /// Small ones are themselves.
    fn number(&mut self) -> u32 {
        match self.byte() {
            0xf8 => self.last,
            0xf9 => ((core::arch::wasm32::memory_size(0) << 16) as u32).wrapping_sub(self.byte()), // so far before the end
            0xfa => self.byte() << 8 | self.byte(),
            0xfb => self.byte() << 24 | self.byte() << 16 | self.byte() << 8 | self.byte(),
            0xfc => Self::script() + self.at,
            negative @ 0xfd..=0xff => negative.wrapping_sub(0x100),
            small => small,
        }
    }

    fn inline(&mut self, size: u32) -> u32 {
        let at = Self::script() + self.at;
        self.at = self.at.saturating_add(size);
        at
    }

    /// Where they are and how many: what follows, or wherever it says.
    fn bytes(&mut self) -> (u32, u32) {
        match self.byte() {
            0xfe => (self.number(), self.number()),
            0xfd => {
                let size = self.byte() << 8 | self.byte();
                (self.inline(size), size)
            }
            size => (self.inline(size), size),
        }
    }

    /// Where so many are.
    fn fixed(&mut self, size: u32) -> u32 {
        match self.byte() {
            0 => self.inline(size),
            _ => self.number(),
        }
    }

    /// Contracts and accounts have addresses of one byte and zeros.
    fn address(&mut self) -> u32 {
        match self.byte() {
            0xfe => self.fixed(20),
            first => unsafe {
                ADDRESS[0] = first as u8;
                core::ptr::addr_of!(ADDRESS) as u32
            },
        }
    }

    fn tell(&mut self, told: u64) {
        self.told = (self.told ^ told).wrapping_mul(0x100_0000_01b3);
        self.last = told as u32;
    }

    /// What it told; none: nothing.
    unsafe fn step(&mut self) -> Option<u64> {
        let told = match self.byte() % 32 {
            0 => return Some(self.answer()),
            1 => host::input(),
            2 => {
                let (at, size) = self.bytes();
                host::output(at, size);
                self.told = 0;
                return None;
            }
            3 => {
                let (at, size) = self.bytes();
                host::revert(at, size);
                return None;
            }
            4 => {
                let (at, size) = self.bytes();
                host::get(at, size)
            }
            5 | 28 => {
                let ((key, size), (value, length)) = (self.bytes(), self.bytes());
                host::put(key, size, value, length);
                return None;
            }
            6 => {
                let (at, size) = self.bytes();
                host::erase(at, size);
                return None;
            }
            7 => {
                let ((from, size), (to, length)) = (self.bytes(), self.bytes());
                host::range(from, size, to, length, self.number())
            }
            8 => {
                let (topics, (at, size)) = (self.bytes(), self.bytes());
                host::event(topics.0, topics.1 / 32, at, size);
                return None;
            }
            9 => host::context(self.number()),
            10 => return Some(host::height()),
            11 => return Some(host::time_ms()),
            12 => {
                let (address, (at, size)) = (self.address(), self.bytes());
                host::attribute(address, at, size)
            }
            13 => {
                let (address, (at, size)) = (self.address(), self.bytes());
                host::credential(address, at, size)
            }
            14 => {
                let (subject, (at, size)) = (self.fixed(32), self.bytes());
                host::approval(subject, at, size)
            }
            15 | 29 | 30 => {
                let (address, (at, size)) = (self.address(), self.bytes());
                let gas = u64::from(self.number()) * 1_000;
                host::call(address, at, size, gas, self.byte() & 1)
            }
            16 => {
                let (at, size) = self.bytes();
                host::sm3(at, size, self.number());
                return None;
            }
            17 => {
                let (at, size) = self.bytes();
                host::keccak256(at, size, self.number());
                return None;
            }
            18 => {
                let (key, (at, size)) = (self.fixed(65), self.bytes());
                host::sm2_verify(key, at, size, self.fixed(64))
            }
            19 => {
                let (encrypt, key, iv, (at, size)) = (self.number(), self.fixed(16), self.fixed(16), self.bytes());
                host::sm4_cbc(encrypt, key, iv, at, size)
            }
            20 => {
                let (at, size) = self.bytes();
                host::evidence(at, size, self.fixed(32))
            }
            21 => {
                let (at, size) = self.bytes();
                host::log(at, size);
                return None;
            }
            22 => core::arch::wasm32::memory_grow(0, self.number() as usize) as u32,
            23 => {
                self.at = self.at.saturating_sub(self.number()); // again: ends when the gas does
                return None;
            }
            24 => core::arch::wasm32::unreachable(),
            25 => wasi::random_get(self.number(), self.number()),
            26 => wasi::clock_time_get(self.number(), 0, self.number()),
            27 => match self.byte() % 3 {
                0 => wasi::fd_write(self.number(), self.number(), self.number(), self.number()),
                1 => wasi::args_sizes_get(self.number(), self.number()),
                _ => {
                    wasi::proc_exit(self.number());
                    0
                }
            },
            _ => {
                let at = self.number() as *mut u32;
                at.write_unaligned(self.last);
                return None;
            }
        };
        Some(u64::from(told))
    }

    /// Copies a part of the answer to memory, and tells its first bytes.
    unsafe fn answer(&mut self) -> u64 {
        let (to, from, size) = (self.number(), self.number(), self.number());
        host::answer(to, from, size);
        if size < 8 {
            return 0;
        }
        (to as *const u64).read_unaligned()
    }
}

#[no_mangle]
pub unsafe extern "C" fn chengxin_call() {
    let size = host::input().min(SIZE as u32);
    host::answer(Reader::script(), 0, size);
    let mut reader = Reader { at: 0, end: size, told: 1, last: 0 };
    while reader.at < reader.end {
        if let Some(told) = reader.step() {
            reader.tell(told);
        }
    }
    if reader.told != 0 {
        host::output(core::ptr::addr_of!(reader.told) as u32, 8);
    }
}

//! Compiled modules: in memory by digest, the least recently used dropped first, and as files. A file is read whole and
//! checked before the engine sees it, because the engine trusts what it is given as compiled code.
use super::host::{End, Frame};
use super::{gas, run};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use wasmtime::{InstancePre, Module};

pub struct Code {
    pub module: InstancePre<Frame>,
    pub pages: u64, // of the snapshot
    size: usize,    // of the compiled code and of the snapshot
}

/// Whoever comes while another thread loads the same module waits for it.
type Entry = Arc<OnceLock<Option<Arc<Code>>>>;

#[derive(Default)]
struct Known {
    entries: HashMap<[u8; 32], (Entry, u64)>, // when used last
    clock: u64,
}

pub struct Cache {
    known: Mutex<Known>,
    memory_bytes: usize,
    folder: Option<PathBuf>,
    folder_bytes: u64,
    engine: String, // names version and settings
}

impl Cache {
    pub fn open(folder: Option<PathBuf>, memory_bytes: usize, folder_bytes: u64) -> Result<Self, End> {
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).map_err(|error| End::Fault(error.to_string()))?;
        }
        let machine = run::machine().map_err(run::end)?;
        let mut hasher = DefaultHasher::new();
        machine.engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = format!("{:016x}", hasher.finish());
        Ok(Cache { known: Mutex::default(), memory_bytes, folder, folder_bytes, engine })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// The code with this digest; `prepared` gives the module when neither memory nor folder has it. Who waited for a
    /// thread that failed loads it himself: why it failed may be of its own host, or not be the same for both.
    pub fn get(&self, digest: &[u8; 32], prepared: impl FnOnce() -> Result<Vec<u8>, End>) -> Result<Arc<Code>, End> {
        let mut prepared = Some(prepared);
        loop {
            let entry = self.entry(digest);
            let mut failure = None; // of this thread
            let code = entry.get_or_init(|| {
                let prepared = prepared.take().expect("a thread that has loaded leaves the loop");
                let result = self.load(digest, prepared).map(Arc::new);
                result.map_err(|end| failure = Some(end)).ok()
            });
            if let Some(code) = code {
                if prepared.is_none() {
                    self.shrink(digest);
                }
                return Ok(code.clone());
            }
            self.forget(digest, &entry);
            if let Some(end) = failure {
                return Err(end);
            }
        }
    }

    fn entry(&self, digest: &[u8; 32]) -> Entry {
        let mut known = self.known();
        known.clock += 1;
        let now = known.clock;
        let (entry, used) = known.entries.entry(*digest).or_default();
        *used = now;
        entry.clone()
    }

    /// Not a newer one, which another thread may be loading.
    fn forget(&self, digest: &[u8; 32], failed: &Entry) {
        let mut known = self.known();
        if known.entries.get(digest).is_some_and(|(entry, _)| Arc::ptr_eq(entry, failed)) {
            known.entries.remove(digest);
        }
    }

    /// Drops what was used longest ago until the rest fits; never the one that is wanted now.
    fn shrink(&self, wanted: &[u8; 32]) {
        let mut known = self.known();
        let size = |entry: &Entry| entry.get().and_then(|code| code.as_ref()).map_or(0, |code| code.size);
        let mut total: usize = known.entries.values().map(|(entry, _)| size(entry)).sum();
        while total > self.memory_bytes {
            let oldest = known.entries.iter().filter(|(digest, (entry, _))| *digest != wanted && entry.get().is_some());
            let Some(digest) = oldest.min_by_key(|(_, (_, used))| *used).map(|(digest, _)| *digest) else { return };
            if let Some((entry, _)) = known.entries.remove(&digest) {
                total -= size(&entry);
            }
        }
    }

    fn load(&self, digest: &[u8; 32], prepared: impl FnOnce() -> Result<Vec<u8>, End>) -> Result<Code, End> {
        let machine = run::machine().map_err(run::end)?;
        let path = self.folder.as_ref().map(|folder| folder.join(format!("{}.{}", hex(digest), self.engine)));
        let kept = path.as_ref().and_then(|path| read(path));
        let (module, size) = match kept {
            // Whole, as its digest says, and so what an engine with these settings wrote.
            Some(compiled) => (unsafe { Module::deserialize(&machine.engine, &compiled) }, compiled.len()),
            None => {
                let compiled = machine.engine.precompile_module(&prepared()?).map_err(|_| refused())?;
                if let (Some(path), Some(folder)) = (&path, &self.folder) {
                    write(path, &compiled);
                    prune(folder, self.folder_bytes);
                }
                (unsafe { Module::deserialize(&machine.engine, &compiled) }, compiled.len())
            }
        };
        let module = module.map_err(run::end)?;
        let memory = module.exports().find_map(|export| export.ty().memory().map(|memory| memory.minimum()));
        let module = machine.linker.instantiate_pre(&module).map_err(run::end)?;
        let pages = memory.unwrap_or(gas::MAX_PAGES);
        Ok(Code { module, pages, size: size + (pages as usize) * 65_536 })
    }
}

/// The compiler has limits of its own. It refuses the same modules everywhere.
pub fn refused() -> End {
    End::Trap("contract.prepare.compile".into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file is the SHA-256 of the rest, and the rest.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = std::fs::read(path).ok()?;
    if bytes.len() < 32 || Sha256::digest(&bytes[32..])[..] != bytes[..32] {
        return None;
    }
    bytes.drain(..32);
    Some(bytes)
}

/// A file that cannot be written is no error: the next start compiles again.
fn write(path: &Path, compiled: &[u8]) {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let bytes = [&Sha256::digest(compiled)[..], compiled].concat();
    if std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, path)).is_err() {
        let _ = std::fs::remove_file(&new);
    }
}

/// Removes the files written longest ago until the rest fits.
fn prune(folder: &Path, most: u64) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok().map(|data| (data.modified().ok(), data.len(), entry.path())))
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
    for (_, size, path) in files {
        if total <= most {
            return;
        }
        if std::fs::remove_file(path).is_ok() {
            total -= size;
        }
    }
}

//! Contracts compiled to WebAssembly. In reading order: `scan` what is admitted, `snapshot` how it is prepared,
//! `cache` how it is kept, `run` how it is called, `host` and `wasi` what it may ask, `gas` what that costs.
mod cache;
pub mod cover;
mod gas;
mod host;
mod run;
mod scan;
mod snapshot;
mod wasi;

#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use host::End;
pub use run::call;
pub use scan::scan;
pub use snapshot::prepare;

/// Whether there are prices for this protocol version. One set of rules for scans serves them all so far.
pub fn known(protocol: u32) -> bool {
    gas::prices(protocol).is_some()
}

//! Contracts compiled to WebAssembly. In reading order: `scan` what is admitted, `snapshot` how it is prepared,
//! `cache` how it is kept, `run` how it is called, `host` and `wasi` what it may ask, `gas` what that costs.
mod cache;
mod gas;
mod host;
mod run;
mod scan;
mod snapshot;
mod wasi;

#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use run::call;
pub use scan::scan;
pub use snapshot::prepare;

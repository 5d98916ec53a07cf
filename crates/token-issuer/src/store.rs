//! Where the issuer keeps its state: keys and operation ids in SQL, tokens in memory.

#[cfg(test)]
pub(crate) mod contract;
mod entity;
mod keys;
mod memory;
mod operations;

pub(crate) use keys::SqlKeys;
pub use memory::MemoryTokenStore;
pub(crate) use operations::SqlOperationIds;

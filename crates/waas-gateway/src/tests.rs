//! The use cases, with fake nodes that do real threshold signatures and a fake issuer.

mod concurrency;
mod creating;
mod exporting;
pub(crate) mod nodes;
mod signing;
pub(crate) mod world;

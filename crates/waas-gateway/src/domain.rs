//! The rules of wallets and of working with the nodes. No I/O, no clock, no generator.

pub(crate) mod attestation;
pub(crate) mod directory;
pub(crate) mod effort;
mod encoding;
pub(crate) mod export;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod outcome;
pub(crate) mod routing;
mod selection;
pub(crate) mod signature;
pub(crate) mod wallet;

pub use directory::{MAX_NODES, NodeDirectory, PinnedNode};

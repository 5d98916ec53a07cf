//! The rules of wallets and of working with the nodes. No I/O, no clock, no generator.

pub(crate) mod attested;
pub(crate) mod effort;
pub(crate) mod export;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod outcome;
pub(crate) mod routing;
mod selection;
pub(crate) mod signature;
pub(crate) mod wallet;

//! The wallets and operations in SQL.

#[cfg(test)]
pub(crate) mod contract;
mod operations;
mod wallets;

pub(crate) use operations::SqlOperations;
pub(crate) use wallets::SqlWallets;

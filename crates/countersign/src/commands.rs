//! Commands that are done in one go.

pub(crate) mod certs;
pub(crate) mod config;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod restore;
pub(crate) mod token;
pub(crate) mod wallet;
mod written;

//! Commands that are done in one go.

pub(crate) mod config;
pub(crate) mod token;
pub(crate) mod wallet;

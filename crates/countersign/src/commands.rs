//! Commands that are done in one go.

pub(crate) mod certs;
pub(crate) mod config;
mod describe;
pub(crate) mod device;
pub(crate) mod factors;
pub(crate) mod keys;
pub(crate) mod migrate;
#[cfg(feature = "demo")]
pub(crate) mod passkey;
#[cfg(feature = "demo")]
mod passkey_file;
mod proof;
pub(crate) mod recovery_codes;
pub(crate) mod restore;
mod session;
pub(crate) mod token;
pub(crate) mod totp;
pub(crate) mod wallet;
mod written;

//! Proofs, elevated access tokens and receipts.
//!
//! A user proves a second factor and gets an *elevated access token* for the scopes asked for, or for exactly one
//! operation. The token pays for an operation: the issuer judges it by the policy in force, spends it, and gives a
//! *receipt*, by which it says that this user may do exactly this operation now. Whoever does the operation acts on
//! nothing but a receipt.

mod authenticate;
mod authorize_operation;
mod check_step_up;
mod compose;
pub mod domain;
mod exchange_assertion;
#[cfg(test)]
mod fixtures;
mod get_session;
mod grpc;
mod introspect_token;
mod json_web_key_set;
mod judge;
mod keys;
mod legacy;
mod manage_keys;
mod migrations;
mod mint;
mod peers;
pub mod ports;
mod presented;
mod restore;
mod revoke_tokens;
pub mod rotation;
mod sender;
pub mod store;

pub use compose::{Parts, TokenIssuer, compose};
pub use grpc::CALLERS;
pub use migrations::Migrator;
pub use mint::{ELEVATED_AUDIENCE, LEGACY_MFA_AUDIENCE};
pub use restore::AFTER_RESTORE;
pub use store::{MemoryTokenStore, RedisTokenStore};

//! The wallets: who has which, what is done with them, and the coordination of the signing nodes that hold their keys.
//!
//! The gateway is trusted with very little. It takes no elevated token; it carries receipts that it did not make,
//! envelopes that it cannot read and boxes that it cannot open; and what it stores and shows about a key is what all
//! nodes signed.

mod authorization;
mod caller;
mod compose;
mod create_wallet;
mod domain;
mod export_wallet;
mod gateway;
mod get_wallet;
mod grpc;
mod in_flight;
mod list_wallets;
mod migrations;
mod peers;
mod ports;
mod quorum;
mod restore;
mod runs;
mod sign_message;
mod store;
#[cfg(test)]
mod tests;

pub use attestation::NodeDirectory;
pub use compose::{Parts, compose};
pub use grpc::CALLERS;
pub use migrations::Migrator;
pub use restore::AFTER_RESTORE;

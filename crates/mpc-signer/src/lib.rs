//! One node of a threshold signing group: it makes wallet keys together with its peers, signs with them, and gives its
//! share of a key to the user it belongs to. FROST over Ed25519 (RFC 9591); no process ever holds a whole key.
//!
//! A node acts only on a receipt for exactly the operation whose digest it worked out itself, and spends it durably
//! before it lets anything out. It believes nothing that a coordinator carries: see [`domain`] for what the nodes say
//! to each other, and [`export`] for what a client does with an exported key.

mod activation;
mod compose;
pub mod domain;
pub mod export;
mod exporting;
mod grpc;
mod inspection;
mod keygen;
pub mod migrations;
mod ports;
mod receipts;
mod restore;
mod rounds;
pub mod settings;
mod signer;
mod signing;
mod store;

pub use compose::{Parts, mounts};
pub use grpc::CALLERS;
pub use restore::AFTER_RESTORE;
pub use store::SEALED;

#[cfg(test)]
mod tests;

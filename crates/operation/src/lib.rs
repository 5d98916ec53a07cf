//! What is to be done, exactly: the operation, what its payload proves, its one encoding and its digest.
//!
//! The issuer that authorizes an operation, the gateway that coordinates it and every node that carries it out
//! each build the [`Operation`] from what they are about to do, [`check`](Operation::check) it, and compare the
//! [`Digest`]. Nobody believes a digest or a fact that somebody else worked out.
//!
//! The encoding is written down for other languages in `docs/operation-digest.md`, with vectors in
//! `docs/vectors/operation-digest.json`. No I/O here, and no protobuf: neither its bytes nor JSON are canonical.

mod batch;
mod check;
mod digest;
mod encoding;
mod facts;
mod kind;
mod model;
mod solana;
mod x25519;

#[cfg(test)]
mod tests;

pub use batch::{Batch, BatchLeaf, BatchRoot, BatchSize, MAX_BATCH, MAX_BATCH_PATH};
pub use check::{CheckedOperation, MAX_MESSAGE_LENGTH};
pub use digest::{Digest, InvalidDigest};
pub use facts::{Facts, MessageFacts, MessageForm};
pub use kind::{KeyType, OperationKind};
pub use model::{Body, Operation, WalletRef};

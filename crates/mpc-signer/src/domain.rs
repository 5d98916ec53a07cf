//! The protocols among the nodes and what they say to each other. Pure: time and randomness are arguments.

mod attestation;
mod directory;
pub(crate) mod encoding;
pub(crate) mod envelope;
mod identity;
mod key;
pub(crate) mod keygen;
mod rng;
pub(crate) mod sealing;
pub(crate) mod signing;

#[cfg(test)]
pub(crate) mod fixtures;

pub use attestation::{Attestation, KeyStatement, agreed};
pub use directory::{GroupName, MAX_NODES, Node, NodeDirectory};
pub use identity::{LocalNode, NodeIdentity};
pub(crate) use key::KeyShare;
pub use key::{Participant, WalletKey};

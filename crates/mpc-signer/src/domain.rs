//! The protocols among the nodes and what they say to each other. Pure: time and randomness are arguments.

pub(crate) mod envelope;
mod identity;
mod key;
pub(crate) mod keygen;
mod rng;
pub(crate) mod sealing;
pub(crate) mod signing;

#[cfg(test)]
pub(crate) mod fixtures;

pub use attestation::{
    Attestation, GroupName, KeyStatement, MAX_NODES, MAX_PREVIOUS_KEYS, Node, NodeDirectory, Participant,
    WalletKey, agreed,
};
pub use identity::{LocalNode, NodeIdentity};
pub(crate) use key::KeyShare;

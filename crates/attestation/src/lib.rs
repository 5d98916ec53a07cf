//! What the signing nodes say in public, for those who make it and those who check it: which nodes there are, the key
//! that all of them attest, and who sealed a share. `docs/mpc.md` lists the encodings octet by octet.
//!
//! Pure and without secrets: nodes sign and seal elsewhere, and everybody reads and verifies here.

mod agreement;
mod directory;
mod encoding;
mod export;
#[cfg(test)]
mod fixtures;
mod key;
mod statement;
#[cfg(test)]
mod tests;

pub use agreement::{Attestation, agreed};
pub use directory::{GroupName, MAX_NODES, MAX_PREVIOUS_KEYS, Node, NodeDirectory};
pub use encoding::{Decoder, Encoder, Malformed};
pub use export::{SealedShare, export_binding};
pub use key::{Participant, WalletKey};
pub use statement::KeyStatement;

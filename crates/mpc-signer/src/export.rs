//! Exporting a wallet's private key: each of t nodes seals its share to the caller's one-time key, and the caller, who
//! alone can open them, puts the key together. Nothing of this needs a server: a client uses [`RecipientKey`] and
//! [`open`].
//!
//! # The result is a scalar, not a seed
//!
//! An Ed25519 key usually is a seed of 32 octets that is hashed into a secret scalar and a prefix (RFC 8032 section
//! 5.1.5). A key that was made by threshold key generation never had a seed: what the nodes share is the scalar, and
//! no seed can be computed from it. An exported key therefore cannot be imported where a seed, a mnemonic or a 64-octet
//! key of seed and public key is expected. What can be used is the *expanded* key, scalar and prefix; the prefix only
//! feeds the derivation of nonces, and here is drawn at random. See [`ExportedKey`] and `docs/mpc.md`.

mod open;
mod seal;

pub use attestation::SealedShare;
pub use open::{ExpectedExport, ExportedKey, RecipientKey, open};
pub(crate) use seal::seal;

/// The name of what is inside a box: a FROST signing share, which is a scalar.
const FORMAT: &str = "frost-ed25519-scalar-share/v1";

#[cfg(test)]
mod tests;

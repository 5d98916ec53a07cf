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

pub use open::{ExpectedExport, ExportedKey, RecipientKey, open};
pub(crate) use seal::seal;

use kernel::{NodeId, WalletId};

use crate::domain::GroupName;
use crate::domain::encoding::Encoder;

/// The name of what is inside a box: a FROST signing share, which is a scalar.
const FORMAT: &str = "frost-ed25519-scalar-share/v1";

/// One node's share of a key, sealed to the caller and signed by the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedShare {
    /// The node.
    pub node: NodeId,
    /// HPKE encapsulated key (RFC 9180).
    pub encapsulated_key: [u8; 32],
    /// HPKE ciphertext with its tag.
    pub ciphertext: Vec<u8>,
    /// Ed25519 signature by the node's identity.
    pub signature: [u8; 64],
}

/// What a box is bound to.
struct Binding<'a> {
    group: &'a GroupName,
    operation_digest: &'a [u8; 32],
    wallet: WalletId,
    generation: u32,
    node: &'a NodeId,
    public_key: &'a [u8; 32],
}

impl Binding<'_> {
    fn encode(&self) -> Vec<u8> {
        Encoder::new("countersign/mpc/export/v1")
            .part(self.group.as_str().as_bytes())
            .part(self.operation_digest)
            .uuid(self.wallet.uuid())
            .u32(self.generation)
            .part(self.node.as_str().as_bytes())
            .part(self.public_key)
            .finish()
    }
}

/// What the node signs.
fn signed(binding: &[u8], encapsulated_key: &[u8; 32], ciphertext: &[u8]) -> Vec<u8> {
    Encoder::new("countersign/mpc/export-signature/v1")
        .part(binding)
        .part(encapsulated_key)
        .part(ciphertext)
        .finish()
}

#[cfg(test)]
mod tests;

//! The public side of a wallet's key.

use ed25519_dalek::{Signature, VerifyingKey};
use kernel::NodeId;

/// A holder of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The node.
    pub node: NodeId,
    /// Its FROST identifier, from 1.
    pub identifier: u16,
    /// Its share times the base point, a compressed point.
    pub verifying_share: [u8; 32],
}

/// The public side of a wallet's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletKey {
    /// How many participants must act together, t.
    pub threshold: u16,
    /// The Ed25519 public key (RFC 8032).
    pub public_key: [u8; 32],
    /// All n holders of a share, by ascending identifier.
    pub participants: Vec<Participant>,
}

impl WalletKey {
    /// The Solana-style address: base58 of the public key.
    pub fn address(&self) -> String {
        bs58::encode(self.public_key).into_string()
    }

    /// The share that `node` holds.
    pub fn participant(&self, node: &NodeId) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.node == *node)
    }

    /// Whether this is a signature over `message` under the key (RFC 8032, strict).
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        is_signature(&self.public_key, message, signature)
    }
}

/// Whether this is an Ed25519 signature. Strict: no small-order key or component, canonical encodings only, so that one
/// message has no two accepted signatures by the same signer that a third party could make.
pub(crate) fn is_signature(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public_key)
        .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
        .is_ok()
}

/// Whether this is an Ed25519 public key of large order.
pub(crate) fn is_sound(public_key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(public_key).is_ok_and(|key| !key.is_weak())
}

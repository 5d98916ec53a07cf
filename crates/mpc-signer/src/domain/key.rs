//! The key of a wallet: its public side, and one node's share of its secret side.

use ed25519_dalek::{Signature, VerifyingKey};
use frost_ed25519::keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare};
use kernel::secret::ExposeSecret;
use kernel::{Error, NodeId, Result, SecretBytes};

use super::directory::NodeDirectory;

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
    /// What a key generation among the nodes of `directory` came to.
    pub(crate) fn from_frost(directory: &NodeDirectory, package: &PublicKeyPackage) -> Result<Self> {
        let mut participants = Vec::new();
        for node in directory.nodes() {
            let share = package
                .verifying_shares()
                .get(&node.frost_identifier()?)
                .ok_or_else(|| Error::internal("a participant has no verifying share"))?;
            participants.push(Participant {
                node: node.id.clone(),
                identifier: node.identifier,
                verifying_share: octets(&share.serialize().map_err(Error::internal)?)?,
            });
        }
        let public_key = octets(&package.verifying_key().serialize().map_err(Error::internal)?)?;
        Ok(Self { threshold: directory.threshold(), public_key, participants })
    }

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
        VerifyingKey::from_bytes(&self.public_key)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .is_ok()
    }
}

/// One node's share of the secret side of a key. Zeroized when dropped, and without a `Debug` of its own.
pub(crate) struct KeyShare(KeyPackage);

impl KeyShare {
    /// What a key generation came to.
    pub(crate) const fn from_frost(package: KeyPackage) -> Self {
        Self(package)
    }

    /// A share read from storage. It must be the one that was attested: the signing share times the base point is
    /// the node's verifying share.
    pub(crate) fn restore(key: &WalletKey, node: &NodeId, secret: &SecretBytes) -> Result<Self> {
        let participant =
            key.participant(node).ok_or_else(|| Error::internal("this node holds no share of the key"))?;
        let signing = SigningShare::deserialize(secret.expose_secret()).map_err(Error::internal)?;
        let verifying = VerifyingShare::from(signing);
        if verifying.serialize().map_err(Error::internal)? != participant.verifying_share {
            return Err(Error::internal("the stored share is not the one this node attested"));
        }
        let identifier = participant.identifier.try_into().map_err(Error::internal)?;
        let group = frost_ed25519::VerifyingKey::deserialize(&key.public_key).map_err(Error::internal)?;
        Ok(Self(KeyPackage::new(identifier, signing, verifying, group, key.threshold)))
    }

    /// The share as it is stored and exported: a scalar, 32 octets, little-endian.
    pub(crate) fn secret(&self) -> SecretBytes {
        SecretBytes::from(self.0.signing_share().serialize())
    }

    /// For the protocols.
    pub(crate) const fn package(&self) -> &KeyPackage {
        &self.0
    }
}

/// What a serialisation of `frost-core` gives as a slice although it always has this length.
pub(crate) fn octets<const N: usize>(slice: &[u8]) -> Result<[u8; N]> {
    slice.try_into().map_err(Error::internal)
}

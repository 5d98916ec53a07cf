//! What FROST makes of a wallet's key: its public side, and one node's share of its secret side.

use attestation::{Node, NodeDirectory, Participant, WalletKey};
use frost_ed25519::Identifier;
use frost_ed25519::keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare};
use kernel::secret::ExposeSecret;
use kernel::{Error, NodeId, Result, SecretBytes};

/// A node's identifier as FROST counts, a scalar other than zero.
pub(crate) fn identifier(node: &Node) -> Result<Identifier> {
    node.identifier.try_into().map_err(Error::internal)
}

/// The public side of what a key generation among the nodes of `directory` came to.
pub(crate) fn public_side(directory: &NodeDirectory, package: &PublicKeyPackage) -> Result<WalletKey> {
    let mut participants = Vec::new();
    for node in directory.nodes() {
        let share = package
            .verifying_shares()
            .get(&identifier(node)?)
            .ok_or_else(|| Error::internal("a participant has no verifying share"))?;
        participants.push(Participant {
            node: node.id.clone(),
            identifier: node.identifier,
            verifying_share: octets(&share.serialize().map_err(Error::internal)?)?,
        });
    }
    let public_key = octets(&package.verifying_key().serialize().map_err(Error::internal)?)?;
    Ok(WalletKey { threshold: directory.threshold(), public_key, participants })
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

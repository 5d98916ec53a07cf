//! Who this node is: its two private keys, and the group it is pinned in.

use std::fmt;

use attestation::{Attestation, KeyStatement, Node, NodeDirectory};
use ed25519_dalek::{Signer, SigningKey};
use kernel::secret::ExposeSecret;
use kernel::{Entropy, Error, NodeId, Result, SecretBytes};
use zeroize::Zeroizing;

use super::sealing::OpeningKey;

/// A node's private keys. Both are zeroized when dropped; neither is ever printed.
#[derive(Clone)]
pub struct NodeIdentity {
    id: NodeId,
    signing: SigningKey,
    opening: OpeningKey,
}

impl NodeIdentity {
    /// Fresh keys, with the octets that [`NodeIdentity::from_octets`] reads them from again.
    pub fn generate(id: NodeId, entropy: &dyn Entropy) -> (Self, SecretBytes) {
        let mut octets = Zeroizing::new([0; 64]);
        entropy.fill(&mut *octets);
        let secret = SecretBytes::from(octets.to_vec());
        let (signing, kem) = split(&octets);
        let identity =
            Self { id, signing: SigningKey::from_bytes(signing), opening: OpeningKey::from_array(kem) };
        (identity, secret)
    }

    /// From 64 octets: an Ed25519 seed (RFC 8032), then an X25519 private key (RFC 7748).
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` when there are not exactly 64.
    pub fn from_octets(id: NodeId, octets: &SecretBytes) -> Result<Self> {
        let octets: &[u8; 64] = octets.expose_secret().try_into().map_err(|_| {
            Error::invalid("identity", "must be 64 octets: an Ed25519 seed and an X25519 private key")
        })?;
        let (signing, kem) = split(octets);
        Ok(Self { id, signing: SigningKey::from_bytes(signing), opening: OpeningKey::from_array(kem) })
    }

    /// The node's id.
    pub const fn id(&self) -> &NodeId {
        &self.id
    }

    /// What the other nodes pin, with the FROST identifier that the operator gives it.
    pub fn public(&self, identifier: u16) -> Node {
        Node {
            id: self.id.clone(),
            identifier,
            signing_key: self.signing.verifying_key().to_bytes(),
            kem_key: self.opening.public(),
        }
    }

    /// Signs as this node.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    /// The key that opens what was sealed to this node.
    pub(crate) const fn opening_key(&self) -> &OpeningKey {
        &self.opening
    }
}

fn split(octets: &[u8; 64]) -> (&[u8; 32], &[u8; 32]) {
    let (halves, _) = octets.as_chunks::<32>();
    (&halves[0], &halves[1])
}

impl fmt::Debug for NodeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeIdentity").field("id", &self.id).finish_non_exhaustive()
    }
}

/// This node in its group.
#[derive(Clone, Debug)]
pub struct LocalNode {
    identity: NodeIdentity,
    directory: NodeDirectory,
    node: Node,
}

impl LocalNode {
    /// Refuses to stand for a node whose pinned public keys are not those of the private keys: the others would
    /// refuse everything it says.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the setting.
    pub fn new(identity: NodeIdentity, directory: NodeDirectory) -> Result<Self> {
        let node = directory
            .node(identity.id())
            .cloned()
            .ok_or_else(|| Error::invalid("nodes", format!("do not list this node, {}", identity.id())))?;
        if node != identity.public(node.identifier) {
            return Err(Error::invalid(
                "nodes",
                format!("list other public keys for {} than those of its identity", identity.id()),
            ));
        }
        Ok(Self { identity, directory, node })
    }

    /// Signs a statement about a key as this node.
    pub(crate) fn attest(&self, statement: &KeyStatement) -> Attestation {
        let statement = statement.encode();
        let signature = self.identity.sign(&statement);
        Attestation { node: self.id().clone(), statement, signature }
    }

    /// The private keys.
    pub(crate) const fn identity(&self) -> &NodeIdentity {
        &self.identity
    }

    /// The group.
    pub const fn directory(&self) -> &NodeDirectory {
        &self.directory
    }

    /// What is public about this node.
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// This node's id.
    pub const fn id(&self) -> &NodeId {
        &self.node.id
    }

    /// The other nodes, by ascending identifier.
    pub fn peers(&self) -> impl Iterator<Item = &Node> {
        self.directory.nodes().iter().filter(|node| node.id != self.node.id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn keys_survive_their_octets_and_are_not_printed() {
        let entropy = fixtures::entropy(1);
        let (identity, octets) = NodeIdentity::generate("node-1".parse().unwrap(), &entropy);
        let again = NodeIdentity::from_octets("node-1".parse().unwrap(), &octets).unwrap();
        assert_eq!(identity.public(1), again.public(1));
        assert_eq!(format!("{identity:?}"), r#"NodeIdentity { id: NodeId("node-1"), .. }"#);
        assert!(
            NodeIdentity::from_octets("node-1".parse().unwrap(), &SecretBytes::from(vec![1; 63])).is_err()
        );
    }

    #[test]
    fn a_node_with_other_keys_than_the_pinned_ones_does_not_start() {
        let group = fixtures::group(2, 3);
        let directory = group[0].directory().clone();
        let stranger = fixtures::identity("node-1", 99);
        assert!(LocalNode::new(stranger, directory.clone()).is_err());
        let unlisted = fixtures::identity("node-9", 9);
        assert!(LocalNode::new(unlisted, directory).is_err());
    }
}

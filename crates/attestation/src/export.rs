//! A share on its way to the person who asked for the key: what it is bound to, and who sealed it.

use kernel::NodeId;

use crate::directory::Node;
use crate::encoding::Encoder;
use crate::statement::KeyStatement;

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

impl SealedShare {
    /// What the node signs, with what the box is bound to.
    pub fn signed(&self, binding: &[u8]) -> Vec<u8> {
        Encoder::new("countersign/mpc/export-signature/v1")
            .part(binding)
            .part(&self.encapsulated_key)
            .part(&self.ciphertext)
            .finish()
    }

    /// Whether the box names this node, and the node signed it for what `binding` says.
    pub fn is_by(&self, node: &Node, binding: &[u8]) -> bool {
        self.node == node.id && node.has_signed(&self.signed(binding), &self.signature)
    }
}

/// What a box of `node` is bound to, which is the HPKE `info` of its seal: the export operation with this digest, of the
/// key in `statement`.
pub fn export_binding(statement: &KeyStatement, operation_digest: &[u8; 32], node: &NodeId) -> Vec<u8> {
    Encoder::new("countersign/mpc/export/v1")
        .part(statement.group.as_str().as_bytes())
        .part(operation_digest)
        .uuid(statement.wallet.uuid())
        .u32(statement.generation)
        .part(node.as_str().as_bytes())
        .part(&statement.key.public_key)
        .finish()
}

//! Who signed what about a key before it is used, and how whoever knows the nodes' keys checks it.
//!
//! The distributed key generation of the FROST paper needs a broadcast channel: every node must have got the same
//! first-round package from every other. Here the channel is point to point and in the coordinator's hands, so each
//! node signs a transcript of what it got, and nobody uses a key before they have seen the same transcript signed by
//! all.

use kernel::{Error, NodeId, Reason, Result};

use crate::directory::{Node, NodeDirectory};
use crate::key::is_sound;
use crate::statement::KeyStatement;

/// A statement with one node's signature, as the node made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The node.
    pub node: NodeId,
    /// The statement, encoded.
    pub statement: Vec<u8>,
    /// The signature of the node's identity over the encoded statement.
    pub signature: [u8; 64],
}

impl Attestation {
    /// What was signed, if a pinned key of the node says so, the present one or an earlier one.
    ///
    /// # Errors
    ///
    /// `ENVELOPE_INVALID` when the node is not in the directory or did not sign this, `PROTOCOL_FAILED` when it
    /// signed something else than a statement about a key.
    pub fn verify(&self, directory: &NodeDirectory) -> Result<KeyStatement> {
        self.expect_signed_by(directory, directory.node(&self.node).ok_or_else(stranger)?)?;
        read(&self.statement)
    }

    fn expect_signed_by(&self, directory: &NodeDirectory, node: &Node) -> Result<()> {
        if directory.has_attested(node, &self.statement, &self.signature) {
            Ok(())
        } else {
            Err(refused("an attestation is not signed by the node it names")
                .with("node_id", node.id.as_str()))
        }
    }
}

/// What all nodes of the group agree on: exactly one attestation from each, by a pinned key of it, all over the same octets,
/// about a key that this group and nobody else holds.
///
/// # Errors
///
/// `ENVELOPE_INVALID` when an attestation is missing, is there twice or is not the pinned node's; `PROTOCOL_FAILED`
/// when the nodes do not agree, or agree on something else than a key of this group. `node_id` names the node where it
/// is known.
pub fn agreed(directory: &NodeDirectory, attestations: &[Attestation]) -> Result<KeyStatement> {
    let mut agreed: Option<&[u8]> = None;
    for node in directory.nodes() {
        let mut from_node = attestations.iter().filter(|attestation| attestation.node == node.id);
        let (Some(attestation), None) = (from_node.next(), from_node.next()) else {
            return Err(refused("there must be exactly one attestation from each node")
                .with("node_id", node.id.as_str()));
        };
        attestation.expect_signed_by(directory, node)?;
        if *agreed.get_or_insert(&attestation.statement) != attestation.statement {
            return Err(failed("the nodes attest different keys or transcripts; create the wallet again"));
        }
    }
    let (Some(agreed), true) = (agreed, attestations.len() == directory.nodes().len()) else {
        return Err(stranger());
    };
    let statement = read(agreed)?;
    let key = &statement.key;
    let same_nodes = key.participants.len() == directory.nodes().len()
        && directory
            .nodes()
            .iter()
            .all(|node| key.participant(&node.id).is_some_and(|found| found.identifier == node.identifier));
    if statement.group != *directory.group() || key.threshold != directory.threshold() || !same_nodes {
        return Err(failed("the nodes attest a key of another group"));
    }
    if !is_sound(&key.public_key) {
        return Err(failed("the nodes attest a public key that is none"));
    }
    Ok(statement)
}

fn read(statement: &[u8]) -> Result<KeyStatement> {
    KeyStatement::decode(statement)
        .map_err(|cause| failed("the nodes attest something else than a key").cause(cause))
}

fn stranger() -> Error {
    refused("there is an attestation from a node that is not of this group")
}

fn refused(message: &'static str) -> Error {
    Error::new(Reason::EnvelopeInvalid, message)
}

fn failed(message: &'static str) -> Error {
    Error::new(Reason::ProtocolFailed, message)
}

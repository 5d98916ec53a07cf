//! Between the nodes' words and ours. An answer that cannot be read is held against the node that gave it.

use attestation::{Attestation, Node, NodeDirectory, SealedShare};
use kernel::{Error, NodeId, Reason, Result};
use prost::Message as _;
use proto::convert;
use proto::mpc_signer as pb;

use crate::domain::routing::Envelope;
use crate::ports::{Commitment, NodeShare, NodeStatus};

/// Reads what a node answered.
pub(super) struct Reader<'a>(pub(super) &'a NodeId);

impl Reader<'_> {
    fn malformed(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::new(Reason::ProtocolFailed, "the answer of a signing node cannot be read")
            .with("node_id", self.0.as_str())
            .cause(cause)
    }

    fn present<T>(&self, what: &'static str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.malformed(format!("{what} is missing")))
    }

    fn node_id(&self, text: &str) -> Result<NodeId> {
        text.parse().map_err(|error: kernel::ids::InvalidId| self.malformed(error))
    }

    fn u16(&self, number: u32) -> Result<u16> {
        number.try_into().map_err(|error: std::num::TryFromIntError| self.malformed(error))
    }

    pub(super) fn octets<const N: usize>(&self, field: &str, octets: &[u8]) -> Result<[u8; N]> {
        convert::octets(field, octets).map_err(|error| self.malformed(error))
    }

    pub(super) fn status(&self, value: pb::GetNodeResponse) -> Result<NodeStatus> {
        let pinned = |node: pb::Node| {
            Ok(Node {
                id: self.node_id(&node.node_id)?,
                identifier: self.u16(node.identifier)?,
                signing_key: self.octets("signing_public_key", &node.signing_public_key)?,
                kem_key: self.octets("kem_public_key", &node.kem_public_key)?,
            })
        };
        let group = value.group.parse().map_err(|error: kernel::ids::InvalidId| self.malformed(error))?;
        let nodes = value.nodes.into_iter().map(pinned).collect::<Result<_>>()?;
        let directory = NodeDirectory::new(group, self.u16(value.threshold)?, nodes);
        Ok(NodeStatus {
            node: self.node_id(&value.node_id)?,
            directory: directory.map_err(|error| self.malformed(error))?,
        })
    }

    pub(super) fn share(&self, value: Option<pb::WalletShare>) -> Result<NodeShare> {
        let value = self.present("share", value)?;
        let active = match pb::ShareState::try_from(value.state) {
            Ok(pb::ShareState::Active) => true,
            Ok(pb::ShareState::Pending) => false,
            Ok(pb::ShareState::Unspecified) | Err(_) => {
                return Err(self.malformed("state is not known"));
            }
        };
        let attestation = self.present("attestation", value.attestation)?;
        Ok(NodeShare {
            attempt: convert::id("attempt_id", &value.attempt_id).map_err(|error| self.malformed(error))?,
            active,
            attestation: Attestation {
                node: self.node_id(&attestation.node_id)?,
                statement: attestation.statement,
                signature: self.octets("signature", &attestation.signature)?,
            },
        })
    }

    pub(super) fn envelopes(&self, values: Vec<pb::Envelope>) -> Result<Vec<Envelope>> {
        let envelope = |value: pb::Envelope| {
            let header = self.present("header", value.header.as_ref())?;
            Ok(Envelope {
                from: self.node_id(&header.from_node_id)?,
                to: self.node_id(&header.to_node_id)?,
                sealed: value.encode_to_vec(),
            })
        };
        values.into_iter().map(envelope).collect()
    }

    pub(super) fn commitment(&self, value: pb::CommitResponse) -> Result<Commitment> {
        Ok(Commitment {
            hiding: self.octets("hiding_commitment", &value.hiding_commitment)?,
            binding: self.octets("binding_commitment", &value.binding_commitment)?,
            envelopes: self.envelopes(value.envelopes)?,
        })
    }

    pub(super) fn sealed_share(&self, value: Option<pb::ExportBox>) -> Result<SealedShare> {
        let value = self.present("box", value)?;
        Ok(SealedShare {
            node: self.node_id(&value.node_id)?,
            encapsulated_key: self.octets("encapsulated_key", &value.encapsulated_key)?,
            ciphertext: value.ciphertext,
            signature: self.octets("signature", &value.signature)?,
        })
    }
}

/// Envelopes as a node gave them.
pub(super) fn envelope_values(envelopes: Vec<Envelope>) -> Result<Vec<pb::Envelope>> {
    let value =
        |envelope: Envelope| pb::Envelope::decode(envelope.sealed.as_slice()).map_err(Error::internal);
    envelopes.into_iter().map(value).collect()
}

/// An attestation as a node gave it.
pub(super) fn attestation_value(attestation: &Attestation) -> pb::NodeAttestation {
    pb::NodeAttestation {
        node_id: attestation.node.to_string(),
        statement: attestation.statement.clone(),
        signature: attestation.signature.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::directory;

    fn node() -> NodeId {
        "node-1".parse().unwrap()
    }

    fn envelope() -> pb::Envelope {
        pb::Envelope {
            header: Some(pb::EnvelopeHeader {
                group: "main".to_owned(),
                operation_digest: vec![5; 32],
                attempt_id: "attempt".to_owned(),
                wallet_id: "wallet".to_owned(),
                share_generation: 1,
                protocol: pb::Protocol::Keygen.into(),
                round: 1,
                from_node_id: "node-1".to_owned(),
                to_node_id: "node-2".to_owned(),
            }),
            encapsulated_key: vec![1; 32],
            ciphertext: vec![2; 100],
            signature: vec![3; 64],
        }
    }

    fn share() -> pb::WalletShare {
        pb::WalletShare {
            attempt_id: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".to_owned(),
            state: pb::ShareState::Pending.into(),
            share_generation: 1,
            key: None,
            attestation: Some(pb::NodeAttestation {
                node_id: "node-1".to_owned(),
                statement: vec![1],
                signature: vec![2; 64],
            }),
        }
    }

    #[test]
    fn envelopes_are_carried_as_they_came() {
        let node = node();
        let carried = Reader(&node).envelopes(vec![envelope()]).unwrap();
        assert_eq!(carried[0].from.as_str(), "node-1");
        assert_eq!(carried[0].to.as_str(), "node-2");
        assert_eq!(envelope_values(carried).unwrap(), [envelope()]);
    }

    #[test]
    fn a_node_with_another_directory_is_not_one_of_ours() {
        let node = node();
        let ours = NodeStatus { node: node.clone(), directory: directory(2, 3) };
        let pinned = |node: &Node| pb::Node {
            node_id: node.id.to_string(),
            identifier: node.identifier.into(),
            signing_public_key: node.signing_key.to_vec(),
            kem_public_key: node.kem_key.to_vec(),
        };
        let status = pb::GetNodeResponse {
            node_id: node.to_string(),
            group: "main".to_owned(),
            threshold: 2,
            nodes: ours.directory.nodes().iter().rev().map(pinned).collect(),
        };
        assert_eq!(Reader(&node).status(status.clone()).unwrap(), ours);
        let changes: [fn(&mut pb::GetNodeResponse); 8] = [
            |status| status.node_id = status.nodes[0].node_id.clone(),
            |status| status.group = "other".to_owned(),
            |status| status.threshold = 3,
            |status| status.nodes.truncate(2),
            |status| status.nodes.push(status.nodes[0].clone()),
            |status| status.nodes[0].signing_public_key = status.nodes[1].signing_public_key.clone(),
            |status| status.nodes[0].kem_public_key = vec![9; 32],
            |status| status.nodes[0].identifier = 9,
        ];
        for change in changes {
            let mut changed = status.clone();
            change(&mut changed);
            assert!(Reader(&node).status(changed.clone()).ok() != Some(ours.clone()), "{changed:?}");
        }
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_held_against_its_node() {
        let node = node();
        let reader = Reader(&node);
        let unnamed = pb::Envelope { header: None, ..envelope() };
        let mut astray = envelope();
        astray.header.as_mut().unwrap().to_node_id = "Node 2".to_owned();
        let unsigned = pb::WalletShare { attestation: None, ..share() };
        let stateless = pb::WalletShare { state: 0, ..share() };
        let novel = pb::WalletShare { state: 77, ..share() };
        let nameless = pb::WalletShare { attempt_id: String::new(), ..share() };
        let short = pb::CommitResponse { hiding_commitment: vec![1; 31], ..pb::CommitResponse::default() };
        let errors = [
            reader.envelopes(vec![unnamed]).unwrap_err(),
            reader.envelopes(vec![astray]).unwrap_err(),
            reader.share(None).unwrap_err(),
            reader.share(Some(unsigned)).unwrap_err(),
            reader.share(Some(stateless)).unwrap_err(),
            reader.share(Some(novel)).unwrap_err(),
            reader.share(Some(nameless)).unwrap_err(),
            reader.commitment(short).unwrap_err(),
            reader.sealed_share(None).unwrap_err(),
            reader.status(pb::GetNodeResponse::default()).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.reason(), Reason::ProtocolFailed);
            assert_eq!(error.metadata()["node_id"], "node-1");
        }
        assert!(!reader.share(Some(share())).unwrap().active);
    }
}

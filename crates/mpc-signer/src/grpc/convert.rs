//! Between the protocol's types and the domain's.

use kernel::{EnvironmentId, Error, NodeId, Result, UserId, WalletId};
use operation::CheckedOperation;
use proto::convert::{id, key_type_value, octets};
use proto::mpc_signer as pb;
use proto::{names, types};
use runtime::PeerCall;

use crate::domain::envelope::{Context, Envelope, Header, Protocol};
use crate::domain::{Attestation, KeyStatement, LocalNode, Node, WalletKey};
use crate::export::SealedShare;
use crate::ports::StoredShare;

/// The operation a coordinator sent, checked. It names its user by id; the receipt says whether that is right.
pub(super) fn operation(value: Option<types::Operation>) -> Result<CheckedOperation> {
    let named = value.as_ref().ok_or_else(|| Error::invalid("operation", "is missing"))?;
    let (environment, user) = names::parse_user("operation.user", &named.user)?;
    let user = user.id("operation.user")?;
    proto::convert::operation("operation", value, environment, user)?.check()
}

/// A wallet by its full name, which the audit trail keeps.
pub(super) async fn wallet_name(call: &PeerCall, name: &str) -> Result<(EnvironmentId, UserId, WalletId)> {
    let wallet = names::parse_wallet("name", name)?;
    let user = wallet.user.id("name")?;
    call.trail.environment(wallet.environment).await;
    call.trail.resource(name).await;
    Ok((wallet.environment, user, wallet.id))
}

pub(super) fn node_ids(field: &str, values: &[String]) -> Result<Vec<NodeId>> {
    values.iter().map(|value| id(field, value)).collect()
}

pub(super) fn local_node(local: &LocalNode) -> pb::GetNodeResponse {
    let directory = local.directory();
    pb::GetNodeResponse {
        node_id: local.id().to_string(),
        group: directory.group().to_string(),
        threshold: directory.threshold().into(),
        nodes: directory.nodes().iter().map(node).collect(),
    }
}

fn node(node: &Node) -> pb::Node {
    pb::Node {
        node_id: node.id.to_string(),
        identifier: node.identifier.into(),
        signing_public_key: node.signing_key.to_vec(),
        kem_public_key: node.kem_key.to_vec(),
    }
}

pub(super) fn share((statement, share): (KeyStatement, StoredShare)) -> pb::WalletShare {
    let state = if share.active { pb::ShareState::Active } else { pb::ShareState::Pending };
    pb::WalletShare {
        attempt_id: share.attempt.to_string(),
        state: state.into(),
        share_generation: statement.generation,
        key: Some(key(&statement.key)),
        attestation: Some(pb::NodeAttestation {
            node_id: share.attestation.node.to_string(),
            statement: share.attestation.statement,
            signature: share.attestation.signature.to_vec(),
        }),
    }
}

fn key(key: &WalletKey) -> pb::WalletKey {
    pb::WalletKey {
        key_type: key_type_value(operation::KeyType::Ed25519).into(),
        public_key: key.public_key.to_vec(),
        address: key.address(),
        threshold: key.threshold.into(),
        participants: key
            .participants
            .iter()
            .map(|participant| pb::Participant {
                node_id: participant.node.to_string(),
                identifier: participant.identifier.into(),
                verifying_share: participant.verifying_share.to_vec(),
            })
            .collect(),
    }
}

pub(super) fn attestations(values: Vec<pb::NodeAttestation>) -> Result<Vec<Attestation>> {
    values
        .into_iter()
        .map(|value| {
            Ok(Attestation {
                node: id("attestations.node_id", &value.node_id)?,
                statement: value.statement,
                signature: octets("attestations.signature", &value.signature)?,
            })
        })
        .collect()
}

pub(super) fn envelopes(values: Vec<pb::Envelope>) -> Result<Vec<Envelope>> {
    values.into_iter().map(envelope).collect()
}

fn envelope(value: pb::Envelope) -> Result<Envelope> {
    let header = value.header.ok_or_else(|| Error::invalid("envelopes.header", "is missing"))?;
    let at = |name: &str| format!("envelopes.header.{name}");
    let group = header
        .group
        .parse()
        .map_err(|error: kernel::ids::InvalidId| Error::invalid(at("group"), error.to_string()))?;
    let round = u16::try_from(header.round).ok().filter(|round| *round > 0);
    let round = round.ok_or_else(|| Error::invalid(at("round"), "must be 1 or 2"))?;
    Ok(Envelope {
        header: Header {
            context: Context {
                group,
                operation_digest: octets(&at("operation_digest"), &header.operation_digest)?,
                attempt: id(&at("attempt_id"), &header.attempt_id)?,
                wallet: id(&at("wallet_id"), &header.wallet_id)?,
                generation: header.share_generation,
                protocol: protocol(&at("protocol"), header.protocol)?,
            },
            round,
            from: id(&at("from_node_id"), &header.from_node_id)?,
            to: id(&at("to_node_id"), &header.to_node_id)?,
        },
        encapsulated_key: octets("envelopes.encapsulated_key", &value.encapsulated_key)?,
        ciphertext: value.ciphertext,
        signature: octets("envelopes.signature", &value.signature)?,
    })
}

pub(super) fn envelope_value(envelope: Envelope) -> pb::Envelope {
    let Header { context, round, from, to } = envelope.header;
    pb::Envelope {
        header: Some(pb::EnvelopeHeader {
            group: context.group.to_string(),
            operation_digest: context.operation_digest.to_vec(),
            attempt_id: context.attempt.to_string(),
            wallet_id: context.wallet.to_string(),
            share_generation: context.generation,
            protocol: protocol_value(context.protocol).into(),
            round: round.into(),
            from_node_id: from.to_string(),
            to_node_id: to.to_string(),
        }),
        encapsulated_key: envelope.encapsulated_key.to_vec(),
        ciphertext: envelope.ciphertext,
        signature: envelope.signature.to_vec(),
    }
}

fn protocol(field: &str, value: i32) -> Result<Protocol> {
    match pb::Protocol::try_from(value) {
        Ok(pb::Protocol::Keygen) => Ok(Protocol::Keygen),
        Ok(pb::Protocol::Sign) => Ok(Protocol::Sign),
        Ok(pb::Protocol::Unspecified) | Err(_) => {
            Err(Error::invalid(field, "is not a protocol this version knows"))
        }
    }
}

const fn protocol_value(protocol: Protocol) -> pb::Protocol {
    match protocol {
        Protocol::Keygen => pb::Protocol::Keygen,
        Protocol::Sign => pb::Protocol::Sign,
    }
}

pub(super) fn export_box(sealed: SealedShare) -> pb::ExportBox {
    pb::ExportBox {
        node_id: sealed.node.to_string(),
        encapsulated_key: sealed.encapsulated_key.to_vec(),
        ciphertext: sealed.ciphertext,
        signature: sealed.signature.to_vec(),
    }
}

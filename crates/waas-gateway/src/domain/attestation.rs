//! What the nodes sign about a wallet's key before it is used (`docs/mpc.md`), and how the gateway checks it.
//!
//! The gateway reads a key out of what all nodes signed and nowhere else, so that what it stores and shows can be
//! checked by whoever knows the nodes' public keys.

use std::collections::BTreeSet;

use kernel::{AttemptId, EnvironmentId, Error, NodeId, Reason, Result, UserId, WalletId};

use super::directory::{MAX_NODES, NodeDirectory, is_sound_key};
use super::encoding::{Decoder, Encoder, Malformed};

const STATEMENT: &str = "countersign/mpc/key-attestation/v1";
const SUITE: &[u8] = b"FROST-ED25519-SHA512-v1";
const SIGNATURES: &str = "countersign/gateway/attestation-signatures/v1";

/// A holder of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Participant {
    /// The node.
    pub(crate) node: NodeId,
    /// Its FROST identifier, from 1.
    pub(crate) identifier: u16,
    /// Its share times the base point, a compressed point.
    pub(crate) verifying_share: [u8; 32],
}

/// What is said about a key. The same at every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyStatement {
    /// The group that made it.
    pub(crate) group: String,
    /// The environment it belongs to.
    pub(crate) environment: EnvironmentId,
    /// The user it belongs to.
    pub(crate) user: UserId,
    /// The wallet it is the key of.
    pub(crate) wallet: WalletId,
    /// The digest of the operation that created the wallet.
    pub(crate) operation_digest: [u8; 32],
    /// The attempt that made it.
    pub(crate) attempt: AttemptId,
    /// The generation of its shares, from 1.
    pub(crate) generation: u32,
    /// How many participants must act together, t.
    pub(crate) threshold: u16,
    /// SHA-256 over all first-round packages.
    pub(crate) transcript: [u8; 32],
    /// The Ed25519 public key (RFC 8032).
    pub(crate) public_key: [u8; 32],
    /// All n holders of a share, by ascending identifier.
    pub(crate) participants: Vec<Participant>,
}

impl KeyStatement {
    /// The Solana-style address: base58 of the public key.
    pub(crate) fn address(&self) -> String {
        bs58::encode(self.public_key).into_string()
    }

    /// Reads an encoding, strictly. An address that is not that of the public key is refused.
    fn decode(octets: &[u8]) -> Result<Self, Malformed> {
        let mut decoder = Decoder::new(STATEMENT, octets)?;
        let group = std::str::from_utf8(decoder.part()?).map_err(|_| Malformed)?.to_owned();
        let environment = EnvironmentId::from_uuid(decoder.uuid()?);
        let user = UserId::from_uuid(decoder.uuid()?);
        let wallet = WalletId::from_uuid(decoder.uuid()?);
        let operation_digest = decoder.array()?;
        let attempt = AttemptId::from_uuid(decoder.uuid()?);
        let generation = decoder.u32()?;
        if decoder.part()? != SUITE {
            return Err(Malformed);
        }
        let threshold = decoder.u16()?;
        let count = usize::from(decoder.u16()?);
        if count > MAX_NODES {
            return Err(Malformed);
        }
        let transcript = decoder.array()?;
        let public_key = decoder.array()?;
        let address = decoder.part()?;
        let mut participants: Vec<Participant> = Vec::with_capacity(count);
        for _ in 0..count {
            participants.push(Participant {
                node: decoder.parse()?,
                identifier: decoder.u16()?,
                verifying_share: decoder.array()?,
            });
        }
        decoder.end()?;
        let statement = Self {
            group,
            environment,
            user,
            wallet,
            operation_digest,
            attempt,
            generation,
            threshold,
            transcript,
            public_key,
            participants,
        };
        let numbered = statement.participants.first().is_some_and(|first| first.identifier > 0)
            && statement.participants.is_sorted_by(|a, b| a.identifier < b.identifier);
        if !numbered || statement.address().as_bytes() != address {
            return Err(Malformed);
        }
        Ok(statement)
    }

    #[cfg(test)]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(STATEMENT)
            .part(self.group.as_bytes())
            .part(self.environment.uuid().as_bytes())
            .part(self.user.uuid().as_bytes())
            .part(self.wallet.uuid().as_bytes())
            .part(&self.operation_digest)
            .part(self.attempt.uuid().as_bytes())
            .u32(self.generation)
            .part(SUITE)
            .u16(self.threshold)
            .u16(self.participants.len().try_into().unwrap())
            .part(&self.transcript)
            .part(&self.public_key)
            .part(self.address().as_bytes());
        for participant in &self.participants {
            encoder = encoder
                .part(participant.node.as_str().as_bytes())
                .u16(participant.identifier)
                .part(&participant.verifying_share);
        }
        encoder.finish()
    }
}

/// A statement with one node's signature, as the node sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attestation {
    /// The node.
    pub(crate) node: NodeId,
    /// The statement, encoded.
    pub(crate) statement: Vec<u8>,
    /// The signature of the node's identity over the encoded statement.
    pub(crate) signature: [u8; 64],
}

/// What a key must be about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creation {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user.
    pub(crate) user: UserId,
    /// The digest of the operation that creates the wallet, from which the wallet's id follows.
    pub(crate) digest: [u8; 32],
}

/// A key that every node of the group attested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttestedKey {
    statement: KeyStatement,
    encoded: Vec<u8>,
    signatures: Vec<(NodeId, [u8; 64])>,
}

impl AttestedKey {
    /// The key that all nodes of the group attest for this creation and attempt: exactly one attestation from each
    /// node, by its pinned key, all over the same octets.
    ///
    /// # Errors
    ///
    /// `ENVELOPE_INVALID` when an attestation is missing, there twice, or not the pinned node's; `PROTOCOL_FAILED` when
    /// the nodes do not agree, or agree on something else. `node_id` names the node where it is known.
    pub(crate) fn agreed(
        directory: &NodeDirectory,
        creation: &Creation,
        attempt: AttemptId,
        attestations: &[Attestation],
    ) -> Result<Self> {
        let mut encoded: Option<&[u8]> = None;
        let mut signatures = Vec::new();
        for node in directory.nodes() {
            let mut from_node = attestations.iter().filter(|attestation| attestation.node == node.id);
            let (Some(attestation), None) = (from_node.next(), from_node.next()) else {
                return Err(unsigned(&node.id, "there must be exactly one attestation from each node"));
            };
            if !node.has_signed(&attestation.statement, &attestation.signature) {
                return Err(unsigned(&node.id, "an attestation is not signed by the node it names"));
            }
            if *encoded.get_or_insert(&attestation.statement) != attestation.statement {
                return Err(disagreed("the nodes attest different keys or transcripts"));
            }
            signatures.push((node.id.clone(), attestation.signature));
        }
        let (Some(encoded), true) = (encoded, attestations.len() == signatures.len()) else {
            return Err(Error::new(
                Reason::EnvelopeInvalid,
                "there is an attestation from a node that is not of this group",
            ));
        };
        let statement = KeyStatement::decode(encoded)
            .map_err(|cause| disagreed("the nodes attest something else than a key").cause(cause))?;
        expect(directory, creation, attempt, &statement)?;
        Ok(Self { statement, encoded: encoded.to_vec(), signatures })
    }

    /// What all nodes said.
    pub(crate) const fn statement(&self) -> &KeyStatement {
        &self.statement
    }

    /// The attestations, as the nodes made them.
    pub(crate) fn attestations(&self) -> Vec<Attestation> {
        self.signatures
            .iter()
            .map(|(node, signature)| Attestation {
                node: node.clone(),
                statement: self.encoded.clone(),
                signature: *signature,
            })
            .collect()
    }

    /// What is stored: the statement as signed, and who signed it how.
    pub(crate) fn to_columns(&self) -> (Vec<u8>, Vec<u8>) {
        let count = u16::try_from(self.signatures.len()).unwrap_or(u16::MAX);
        let encoder = Encoder::new(SIGNATURES).u16(count);
        let signatures = self.signatures.iter().fold(encoder, |encoder, (node, signature)| {
            encoder.part(node.as_str().as_bytes()).part(signature)
        });
        (self.encoded.clone(), signatures.finish())
    }

    /// Reads what was stored. The signatures were checked before it was.
    pub(crate) fn from_columns(encoded: Vec<u8>, signatures: &[u8]) -> Result<Self, Malformed> {
        let statement = KeyStatement::decode(&encoded)?;
        let mut decoder = Decoder::new(SIGNATURES, signatures)?;
        let count = decoder.u16()?;
        let signatures =
            (0..count).map(|_| Ok((decoder.parse()?, decoder.array()?))).collect::<Result<_, Malformed>>()?;
        decoder.end()?;
        Ok(Self { statement, encoded, signatures })
    }
}

/// Refuses a statement that is about another key than the one expected.
fn expect(
    directory: &NodeDirectory,
    creation: &Creation,
    attempt: AttemptId,
    statement: &KeyStatement,
) -> Result<()> {
    let about = statement.group == directory.group()
        && statement.environment == creation.environment
        && statement.user == creation.user
        && statement.operation_digest == creation.digest
        && statement.wallet == WalletId::derive(&creation.digest)
        && statement.attempt == attempt
        && statement.generation == 1;
    if !about {
        return Err(disagreed("the nodes attest a key for another wallet, attempt or group"));
    }
    let holders: BTreeSet<_> = statement.participants.iter().map(|participant| &participant.node).collect();
    let nodes: BTreeSet<_> = directory.nodes().iter().map(|node| &node.id).collect();
    if holders != nodes
        || holders.len() != statement.participants.len()
        || statement.threshold != directory.threshold()
    {
        return Err(disagreed("the nodes attest a key that is held by others than this group"));
    }
    if !is_sound_key(&statement.public_key) {
        return Err(disagreed("the nodes attest a public key that is none"));
    }
    Ok(())
}

fn unsigned(node: &NodeId, message: &'static str) -> Error {
    Error::new(Reason::EnvelopeInvalid, message).with("node_id", node.as_str())
}

fn disagreed(message: &'static str) -> Error {
    Error::new(Reason::ProtocolFailed, message)
}

#[cfg(test)]
mod tests;

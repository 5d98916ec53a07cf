//! What the nodes sign about a key before it is used, and how whoever knows their keys checks it.
//!
//! The distributed key generation of the FROST paper needs a broadcast channel: every node must have got the same
//! first-round package from every other. Here the channel is point to point and in the coordinator's hands, so each
//! node signs a transcript of what it got, and no node uses a key before it has seen the same transcript signed by all.

use kernel::{AttemptId, EnvironmentId, Error, NodeId, Reason, Result, UserId, WalletId};

use super::directory::{GroupName, MAX_NODES, NodeDirectory};
use super::encoding::{Decoder, Encoder, Malformed};
use super::envelope;
use super::identity::LocalNode;
use super::key::{Participant, WalletKey};

const NAME: &str = "countersign/mpc/key-attestation/v1";
const SUITE: &[u8] = b"FROST-ED25519-SHA512-v1";

/// What is said about a key. The same at every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatement {
    /// The group that made it.
    pub group: GroupName,
    /// The environment it belongs to.
    pub environment: EnvironmentId,
    /// The user it belongs to.
    pub user: UserId,
    /// The wallet it is the key of.
    pub wallet: WalletId,
    /// The digest of the operation that created the wallet.
    pub operation_digest: [u8; 32],
    /// The attempt that made it.
    pub attempt: AttemptId,
    /// The generation of its shares, from 1.
    pub generation: u32,
    /// SHA-256 over all first-round packages.
    pub transcript: [u8; 32],
    /// The key.
    pub key: WalletKey,
}

impl KeyStatement {
    /// The canonical encoding, which is what the nodes sign. See `docs/mpc.md`.
    pub fn encode(&self) -> Vec<u8> {
        let count = u16::try_from(self.key.participants.len()).unwrap_or(u16::MAX);
        let mut encoder = Encoder::new(NAME)
            .part(self.group.as_str().as_bytes())
            .uuid(self.environment.uuid())
            .uuid(self.user.uuid())
            .uuid(self.wallet.uuid())
            .part(&self.operation_digest)
            .uuid(self.attempt.uuid())
            .u32(self.generation)
            .part(SUITE)
            .u16(self.key.threshold)
            .u16(count)
            .part(&self.transcript)
            .part(&self.key.public_key)
            .part(self.key.address().as_bytes());
        for participant in &self.key.participants {
            encoder = encoder
                .part(participant.node.as_str().as_bytes())
                .u16(participant.identifier)
                .part(&participant.verifying_share);
        }
        encoder.finish()
    }

    /// Reads an encoding. Accepts only what [`KeyStatement::encode`] writes.
    ///
    /// # Errors
    ///
    /// `PROTOCOL_FAILED`: nothing that an honest node signs looks like this.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        Self::read(octets).map_err(|cause| {
            Error::new(Reason::ProtocolFailed, "the statement is not one about a key").cause(cause)
        })
    }

    fn read(octets: &[u8]) -> Result<Self, Malformed> {
        let mut decoder = Decoder::new(NAME, octets)?;
        let group = decoder.parse()?;
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
        let key = WalletKey { threshold, public_key, participants };
        let ascending = key.participants.is_sorted_by(|a, b| a.identifier < b.identifier);
        if !ascending || key.address().as_bytes() != address {
            return Err(Malformed);
        }
        Ok(Self { group, environment, user, wallet, operation_digest, attempt, generation, transcript, key })
    }
}

/// A statement with one node's signature.
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
    /// Signs a statement as this node.
    pub(crate) fn sign(local: &LocalNode, statement: &KeyStatement) -> Self {
        let statement = statement.encode();
        let signature = local.identity().sign(&statement);
        Self { node: local.id().clone(), statement, signature }
    }

    /// What was signed, if the pinned key of the node says so.
    ///
    /// # Errors
    ///
    /// `ENVELOPE_INVALID` when the node is not in the directory or did not sign this, `PROTOCOL_FAILED` when it
    /// signed something else than a statement about a key.
    pub fn verify(&self, directory: &NodeDirectory) -> Result<KeyStatement> {
        let node = directory
            .node(&self.node)
            .ok_or_else(|| envelope::refused("an attestation names a node that is not of this group"))?;
        if !node.has_signed(&self.statement, &self.signature) {
            return Err(envelope::refused("an attestation is not signed by the node it names")
                .with("node_id", self.node.as_str()));
        }
        KeyStatement::decode(&self.statement)
    }
}

/// What all nodes of the group agree on: one attestation from each, all over the same statement, about this group.
///
/// # Errors
///
/// `ENVELOPE_INVALID` when an attestation is missing, is there twice or is not the pinned node's; `PROTOCOL_FAILED`
/// when the nodes do not agree, or agree on something else than a key of this group.
pub fn agreed(directory: &NodeDirectory, attestations: &[Attestation]) -> Result<KeyStatement> {
    let mut agreed: Option<(KeyStatement, &[u8])> = None;
    for node in directory.nodes() {
        let mut from_node = attestations.iter().filter(|attestation| attestation.node == node.id);
        let (Some(attestation), None) = (from_node.next(), from_node.next()) else {
            return Err(envelope::refused("there must be exactly one attestation from each node")
                .with("node_id", node.id.as_str()));
        };
        let statement = attestation.verify(directory)?;
        match &agreed {
            None => agreed = Some((statement, &attestation.statement)),
            Some((_, first)) if *first == attestation.statement => {}
            Some(_) => {
                return Err(Error::new(
                    Reason::ProtocolFailed,
                    "the nodes attest different keys or transcripts; create the wallet again",
                ));
            }
        }
    }
    let (Some((statement, _)), true) = (agreed, attestations.len() == directory.nodes().len()) else {
        return Err(envelope::refused("there is an attestation from a node that is not of this group"));
    };
    let same_nodes = statement.key.participants.len() == directory.nodes().len()
        && directory.nodes().iter().all(|node| {
            statement.key.participant(&node.id).is_some_and(|found| found.identifier == node.identifier)
        });
    if statement.group != *directory.group()
        || statement.key.threshold != directory.threshold()
        || !same_nodes
    {
        return Err(Error::new(Reason::ProtocolFailed, "the nodes attest a key of another group"));
    }
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use proptest::prelude::*;

    fn reason(result: Result<KeyStatement>) -> Reason {
        result.unwrap_err().reason()
    }

    #[test]
    fn a_statement_survives_its_encoding() {
        let statement = fixtures::statement(&fixtures::group(2, 3));
        assert_eq!(KeyStatement::decode(&statement.encode()).unwrap(), statement);
    }

    #[test]
    fn all_nodes_must_say_the_same() {
        let group = fixtures::group(2, 3);
        let directory = group[0].directory();
        let statement = fixtures::statement(&group);
        let by = |n: usize, statement: &KeyStatement| Attestation::sign(&group[n], statement);
        let good = vec![by(2, &statement), by(0, &statement), by(1, &statement)];
        assert_eq!(agreed(directory, &good).unwrap(), statement);

        let other = KeyStatement { transcript: [9; 32], ..statement.clone() };
        let different = [by(0, &statement), by(1, &other), by(2, &statement)];
        assert_eq!(reason(agreed(directory, &different)), Reason::ProtocolFailed);

        let missing = &good[..2];
        assert_eq!(reason(agreed(directory, missing)), Reason::EnvelopeInvalid);
        let twice = [good[0].clone(), good[0].clone(), good[1].clone()];
        assert_eq!(reason(agreed(directory, &twice)), Reason::EnvelopeInvalid);
        let too_many = [&good[..], &good[..1]].concat();
        assert_eq!(reason(agreed(directory, &too_many)), Reason::EnvelopeInvalid);

        let mut posing = good.clone();
        posing[0].node = "node-2".parse().unwrap();
        posing[2].node = "node-3".parse().unwrap();
        assert_eq!(reason(agreed(directory, &posing)), Reason::EnvelopeInvalid);
        let mut stranger = good;
        stranger.push(Attestation { node: "node-9".parse().unwrap(), ..by(0, &statement) });
        assert_eq!(reason(agreed(directory, &stranger)), Reason::EnvelopeInvalid);
    }

    #[test]
    fn a_key_of_another_group_is_not_agreed_on() {
        let group = fixtures::group(2, 3);
        let statement = fixtures::statement(&group);
        let changes: [fn(&mut KeyStatement); 4] = [
            |statement| statement.group = "other".parse().unwrap(),
            |statement| statement.key.threshold = 3,
            |statement| statement.key.participants[2].identifier = 9,
            |statement| drop(statement.key.participants.pop()),
        ];
        for change in changes {
            let mut changed = statement.clone();
            change(&mut changed);
            let all: Vec<_> = group.iter().map(|node| Attestation::sign(node, &changed)).collect();
            assert_eq!(reason(agreed(group[0].directory(), &all)), Reason::ProtocolFailed);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_octet_of_an_attestation_can_be_altered(at in 0_usize..1000, mask in 1_u8..=255) {
            let group = fixtures::group(2, 3);
            let mut attestation = Attestation::sign(&group[0], &fixtures::statement(&group));
            let length = attestation.statement.len();
            match at % (length + 64) {
                at if at < length => attestation.statement[at] ^= mask,
                at => attestation.signature[at - length] ^= mask,
            }
            prop_assert_eq!(reason(attestation.verify(group[0].directory())), Reason::EnvelopeInvalid);
        }

        #[test]
        fn only_canonical_statements_are_read(at in 0_usize..1000, mask in 1_u8..=255) {
            let statement = fixtures::statement(&fixtures::group(2, 3));
            let mut octets = statement.encode();
            let at = at % octets.len();
            octets[at] ^= mask;
            if let Ok(read) = KeyStatement::decode(&octets) {
                prop_assert_eq!(read.encode(), octets);
            }
        }
    }
}

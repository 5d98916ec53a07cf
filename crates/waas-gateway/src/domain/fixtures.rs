//! What the tests of this crate share: node identities, keys that a dealer made, and statements about them.

use std::collections::BTreeMap;

use attestation::{
    Attestation, KeyStatement, Node, NodeDirectory, Participant, SealedShare, WalletKey, export_binding,
};
use ed25519_dalek::{Signer, SigningKey};
use frost_ed25519::keys::{IdentifierList, KeyPackage};
use frost_ed25519::rand_core::{self, CryptoRng, RngCore};
use frost_ed25519::{SigningPackage, round1, round2};
use kernel::{AttemptId, EnvironmentId, NodeId, OperationId, UserId, WalletId};
use operation::{Body, CheckedOperation, Operation, WalletRef};
use sha2::{Digest, Sha256};

use super::attested::{AttestedKey, Creation};
use super::signature::Contribution;

pub(crate) fn ids(numbers: &[u8]) -> Vec<NodeId> {
    numbers.iter().map(|number| format!("node-{number}").parse().unwrap()).collect()
}

pub(crate) fn uuid(number: u8) -> uuid::Uuid {
    uuid::Builder::from_random_bytes([number; 16]).into_uuid()
}

pub(crate) fn environment() -> EnvironmentId {
    EnvironmentId::from_uuid(uuid(1))
}

pub(crate) fn user() -> UserId {
    UserId::from_uuid(uuid(2))
}

/// The identity keys of the nodes `node-1` and so on.
#[derive(Clone)]
pub(crate) struct Identities(Vec<(NodeId, SigningKey)>);

impl Identities {
    pub(crate) fn new(count: u8) -> Self {
        let numbers: Vec<u8> = (1..=count).collect();
        Self(
            ids(&numbers)
                .into_iter()
                .zip(numbers)
                .map(|(id, n)| (id, SigningKey::from_bytes(&[n; 32])))
                .collect(),
        )
    }

    fn pinned(&self) -> Vec<Node> {
        let pin = |(identifier, (id, key)): (u16, &(NodeId, SigningKey))| Node {
            id: id.clone(),
            identifier,
            signing_key: key.verifying_key().to_bytes(),
            kem_key: key.to_bytes(),
        };
        (1..).zip(&self.0).map(pin).collect()
    }

    /// Each node's attestation of a statement.
    pub(crate) fn attest(&self, statement: &[u8]) -> Vec<Attestation> {
        let attest = |(node, key): &(NodeId, SigningKey)| Attestation {
            node: node.clone(),
            statement: statement.to_vec(),
            signature: key.sign(statement).to_bytes(),
        };
        self.0.iter().map(attest).collect()
    }

    /// A box of the node at this place, around nothing; another one for another number.
    pub(crate) fn seal(
        &self,
        place: usize,
        key: &KeyStatement,
        operation: &CheckedOperation,
        number: u8,
    ) -> SealedShare {
        let (node, identity) = &self.0[place];
        let binding = export_binding(key, operation.digest().as_bytes(), node);
        let mut share = SealedShare {
            node: node.clone(),
            encapsulated_key: [3; 32],
            ciphertext: vec![number; 80],
            signature: [0; 64],
        };
        share.signature = identity.sign(&share.signed(&binding)).to_bytes();
        share
    }
}

pub(crate) fn directory(threshold: u16, count: u8) -> NodeDirectory {
    NodeDirectory::new("main".parse().unwrap(), threshold, Identities::new(count).pinned()).unwrap()
}

pub(crate) fn creation() -> Creation {
    Creation { environment: environment(), user: user(), digest: [5; 32] }
}

/// A statement about a key that can be attested and not used.
pub(crate) fn statement(directory: &NodeDirectory, creation: &Creation) -> KeyStatement {
    KeyStatement {
        group: directory.group().clone(),
        environment: creation.environment,
        user: creation.user,
        wallet: WalletId::derive(&creation.digest),
        operation_digest: creation.digest,
        attempt: AttemptId::from_uuid(uuid(3)),
        generation: 1,
        transcript: [6; 32],
        key: WalletKey {
            threshold: directory.threshold(),
            public_key: SigningKey::from_bytes(&[42; 32]).verifying_key().to_bytes(),
            participants: directory
                .nodes()
                .iter()
                .map(|node| Participant {
                    node: node.id.clone(),
                    identifier: node.identifier,
                    verifying_share: [8; 32],
                })
                .collect(),
        },
    }
}

/// The same, attested by all of three nodes.
pub(crate) fn attested(creation: &Creation, transcript: [u8; 32]) -> AttestedKey {
    let directory = directory(2, 3);
    attested_statement(&KeyStatement { transcript, ..statement(&directory, creation) })
}

/// A statement, attested by all of three nodes.
pub(crate) fn attested_statement(statement: &KeyStatement) -> AttestedKey {
    let creation = Creation {
        environment: statement.environment,
        user: statement.user,
        digest: statement.operation_digest,
    };
    let attestations = Identities::new(3).attest(&statement.encode());
    AttestedKey::agreed(&directory(2, 3), &creation, statement.attempt, &attestations).unwrap()
}

/// An export of a key, different ones for different numbers.
pub(crate) fn export(key: &KeyStatement, number: u8) -> CheckedOperation {
    let mut recipient_public_key = [0; 32];
    recipient_public_key[0] = 9;
    let wallet = WalletRef { id: key.wallet, share_generation: key.generation };
    Operation {
        environment: key.environment,
        user: key.user,
        id: OperationId::from_uuid(uuid(100 + number)),
        body: Body::ExportWallet { wallet, recipient_public_key },
    }
    .check()
    .unwrap()
}

/// SHA-256 in counter mode over a seed.
struct Seeded(u64, u64);

impl RngCore for Seeded {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            self.1 += 1;
            let block = Sha256::new().chain_update(self.0.to_be_bytes()).chain_update(self.1.to_be_bytes());
            chunk.copy_from_slice(&block.finalize()[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Seeded {}

/// A key of three nodes, two of which sign, that a dealer made: real shares without the nodes' key generation.
#[derive(Clone)]
pub(crate) struct Dealt {
    pub(crate) statement: KeyStatement,
    packages: BTreeMap<NodeId, KeyPackage>,
}

/// What a node keeps between its commitment and its share.
pub(crate) struct Committed {
    nonces: round1::SigningNonces,
    pub(crate) commitments: round1::SigningCommitments,
}

impl Dealt {
    pub(crate) fn new(seed: u8) -> Self {
        Self::about(statement(&directory(2, 3), &creation()), seed)
    }

    /// Puts a real key in place of that of the statement.
    pub(crate) fn about(mut statement: KeyStatement, seed: u8) -> Self {
        let mut rng = Seeded(seed.into(), 0);
        let (shares, public) =
            frost_ed25519::keys::generate_with_dealer(3, 2, IdentifierList::Default, &mut rng).unwrap();
        statement.key.public_key = public.verifying_key().serialize().unwrap().try_into().unwrap();
        let mut packages = BTreeMap::new();
        for participant in &mut statement.key.participants {
            let identifier = participant.identifier.try_into().unwrap();
            let share = &public.verifying_shares()[&identifier];
            participant.verifying_share = share.serialize().unwrap().try_into().unwrap();
            let package = KeyPackage::try_from(shares[&identifier].clone()).unwrap();
            packages.insert(participant.node.clone(), package);
        }
        Self { statement, packages }
    }

    /// First round, at one node.
    pub(crate) fn commit(&self, node: &NodeId, seed: u64) -> Committed {
        let mut rng = Seeded(seed, 1 << 32);
        let (nonces, commitments) = round1::commit(self.packages[node].signing_share(), &mut rng);
        Committed { nonces, commitments }
    }

    /// Second round, at one node, with what all signers committed to.
    pub(crate) fn share(
        &self,
        node: &NodeId,
        own: &Committed,
        all: &BTreeMap<NodeId, round1::SigningCommitments>,
        message: &[u8],
    ) -> [u8; 32] {
        let by_identifier = all.iter().map(|(signer, c)| (*self.packages[signer].identifier(), *c)).collect();
        let package = SigningPackage::new(by_identifier, message);
        let share = round2::sign(&package, &own.nonces, &self.packages[node]).unwrap();
        share.serialize().try_into().unwrap()
    }

    /// Both rounds at all signers.
    pub(crate) fn sign(&self, signers: &[NodeId], message: &[u8]) -> BTreeMap<NodeId, Contribution> {
        let committed: BTreeMap<NodeId, Committed> =
            (1..).zip(signers).map(|(seed, node)| (node.clone(), self.commit(node, seed))).collect();
        let all = committed.iter().map(|(node, own)| (node.clone(), own.commitments)).collect();
        committed
            .iter()
            .map(|(node, own)| {
                let contribution = Contribution {
                    hiding: own.commitments.hiding().serialize().unwrap().try_into().unwrap(),
                    binding: own.commitments.binding().serialize().unwrap().try_into().unwrap(),
                    share: self.share(node, own, &all, message),
                };
                (node.clone(), contribution)
            })
            .collect()
    }
}

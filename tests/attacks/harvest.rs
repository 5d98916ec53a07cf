//! Everything that an attacker was given, and the most that can be made of it.

use std::collections::{BTreeMap, BTreeSet};

use frost_ed25519 as frost;
use frost_ed25519::round1::{NonceCommitment, SigningCommitments};
use frost_ed25519::round2::SignatureShare;
use mpc_signer::export::{ExpectedExport, RecipientKey, SealedShare, open};
use operation::CheckedOperation;
use proto::convert::{id, octets};
use proto::mpc_signer as pb;

use super::moves::{Wallet, attestation};
use super::nodes::Nodes;

/// Signatures by what they sign.
pub(crate) type Signatures = BTreeMap<Vec<u8>, Vec<u8>>;

/// What nodes answered, by node.
#[derive(Default)]
pub(crate) struct Harvest {
    commitments: BTreeSet<(usize, Vec<u8>, Vec<u8>)>,
    shares: BTreeSet<(usize, Vec<u8>)>,
    boxes: Vec<(CheckedOperation, pb::ExportBox)>,
}

fn identifier(n: usize) -> frost::Identifier {
    frost::Identifier::try_from(u16::try_from(n + 1).unwrap()).unwrap()
}

/// The public side of a wallet's key as FROST wants it.
fn public(wallet: &Wallet) -> frost::keys::PublicKeyPackage {
    let key = &wallet.statement.key;
    let verifying = key.participants.iter().map(|one| {
        let share = frost::keys::VerifyingShare::deserialize(&one.verifying_share).unwrap();
        (frost::Identifier::try_from(one.identifier).unwrap(), share)
    });
    let group = frost::VerifyingKey::deserialize(&key.public_key).unwrap();
    frost::keys::PublicKeyPackage::new(verifying.collect(), group, Some(key.threshold))
}

impl Harvest {
    /// Keeps a node's commitments.
    pub(crate) fn commitment(&mut self, n: usize, answer: &pb::CommitResponse) {
        let both = (answer.hiding_commitment.clone(), answer.binding_commitment.clone());
        self.commitments.insert((n, both.0, both.1));
    }

    /// Keeps a node's signature share.
    pub(crate) fn share(&mut self, n: usize, share: &[u8]) {
        self.shares.insert((n, share.to_vec()));
    }

    /// How many signature shares there are.
    pub(crate) fn shares(&self) -> usize {
        self.shares.len()
    }

    /// Keeps a node's box of an export.
    pub(crate) fn sealed(&mut self, operation: &CheckedOperation, sealed: pb::ExportBox) {
        self.boxes.push((operation.clone(), sealed));
    }

    /// Takes over what another one has.
    pub(crate) fn merge(&mut self, other: Self) {
        self.commitments.extend(other.commitments);
        self.shares.extend(other.shares);
        self.boxes.extend(other.boxes);
    }

    /// Puts every two commitments of different nodes together with every two shares of theirs, over every message that
    /// is wanted: the signatures that are good under the wallet's key.
    pub(crate) fn signatures(&self, wallet: &Wallet, wanted: &[&[u8]]) -> Signatures {
        let public = public(wallet);
        let point = |octets: &[u8]| NonceCommitment::deserialize(octets).unwrap();
        let commitments: Vec<_> = self
            .commitments
            .iter()
            .map(|(n, hiding, binding)| (*n, SigningCommitments::new(point(hiding), point(binding))))
            .collect();
        let shares: Vec<_> =
            self.shares.iter().map(|(n, share)| (*n, SignatureShare::deserialize(share).unwrap())).collect();
        let mut found = Signatures::new();
        for message in wanted {
            for (a, of_a) in &commitments {
                for (b, of_b) in commitments.iter().filter(|(b, _)| b > a) {
                    let both = BTreeMap::from([(identifier(*a), *of_a), (identifier(*b), *of_b)]);
                    let package = frost::SigningPackage::new(both, message);
                    for (_, from_a) in shares.iter().filter(|(n, _)| n == a) {
                        for (_, from_b) in shares.iter().filter(|(n, _)| n == b) {
                            let both = BTreeMap::from([(identifier(*a), *from_a), (identifier(*b), *from_b)]);
                            // Gives only what verifies.
                            if let Ok(signature) = frost::aggregate(&package, &both, &public) {
                                found.insert(message.to_vec(), signature.serialize().unwrap());
                            }
                        }
                    }
                }
            }
        }
        found
    }

    /// How many boxes, taken two by two, open with one of these keys.
    pub(crate) fn opened(&self, nodes: &Nodes, wallet: &Wallet, keys: &[&RecipientKey]) -> usize {
        let mut opened = 0;
        for (operation, first) in &self.boxes {
            for (_, second) in &self.boxes {
                for key in keys {
                    let key = opens(nodes, wallet, operation, key, &[first.clone(), second.clone()]);
                    opened += usize::from(key.is_ok());
                }
            }
        }
        opened
    }
}

/// What the owner of a key makes of boxes: the public key of what is in them.
pub(crate) fn opens(
    nodes: &Nodes,
    wallet: &Wallet,
    operation: &CheckedOperation,
    recipient: &RecipientKey,
    boxes: &[pb::ExportBox],
) -> kernel::Result<[u8; 32]> {
    let address = wallet.statement.key.address();
    let own = operation.operation();
    let expected = ExpectedExport {
        environment: own.environment,
        user: own.user,
        wallet: wallet.on.id,
        generation: wallet.on.share_generation,
        operation_digest: *operation.digest().as_bytes(),
        address: &address,
    };
    let attestations: Vec<_> = wallet.attestations.iter().map(attestation).collect();
    let boxes: Vec<_> = boxes.iter().map(sealed_share).collect();
    open(&nodes.directory, &expected, recipient, &attestations, &boxes, nodes.entropy.as_ref())
        .map(|key| key.public_key())
}

/// A box as the client reads it.
fn sealed_share(value: &pb::ExportBox) -> SealedShare {
    SealedShare {
        node: id("node_id", &value.node_id).unwrap(),
        encapsulated_key: octets("encapsulated_key", &value.encapsulated_key).unwrap(),
        ciphertext: value.ciphertext.clone(),
        signature: octets("signature", &value.signature).unwrap(),
    }
}

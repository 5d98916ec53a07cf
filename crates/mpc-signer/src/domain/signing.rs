//! Signing: FROST in two rounds (RFC 9591 section 5) by `frost_ed25519`.
//!
//! Nonces are what kills a Schnorr key: used for two different challenges they give away the share. They are made fresh
//! for each attempt, live in memory only, and are consumed by value by the one signature share they are for. The node
//! puts together what it signs by itself: the message from the operation it checked, the commitments from envelopes
//! that the other signers signed.

use std::collections::BTreeMap;

use attestation::{Decoder, Encoder, Malformed, Node, WalletKey};
use frost_ed25519::round1::{NonceCommitment, SigningCommitments, SigningNonces};
use frost_ed25519::{Identifier, SigningPackage, round1, round2};
use kernel::secret::ExposeSecret;
use kernel::{Entropy, Error, NodeId, Reason, Result};

use super::envelope::{self, Context, Envelope};
use super::identity::LocalNode;
use super::key::{KeyShare, identifier, octets};
use super::keygen::{blame, failed};

const NAME: &str = "countersign/mpc/signing-commitments/v1";

/// Exactly t nodes that sign together, by ascending identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signers(Vec<Node>);

impl Signers {
    /// Checks who is to sign: exactly t different holders of shares of `key`, this node among them.
    pub(crate) fn new(local: &LocalNode, key: &WalletKey, ids: &[NodeId]) -> Result<Self> {
        let field = "signer_node_ids";
        if ids.len() != usize::from(key.threshold) {
            return Err(Error::invalid(field, format!("must be exactly {} nodes", key.threshold)));
        }
        let mut nodes = Vec::new();
        for id in ids {
            let node = local.directory().node(id).filter(|node| {
                key.participant(id).is_some_and(|participant| participant.identifier == node.identifier)
            });
            let node = node.ok_or_else(|| Error::invalid(field, "name a node that holds no share"))?;
            nodes.push(node.clone());
        }
        nodes.sort_by_key(|node| node.identifier);
        nodes.dedup_by_key(|node| node.identifier);
        if nodes.len() != ids.len() {
            return Err(Error::invalid(field, "name a node twice"));
        }
        if !nodes.iter().any(|node| node.id == *local.id()) {
            return Err(Error::invalid(field, "do not name this node"));
        }
        Ok(Self(nodes))
    }

    fn others<'a>(&'a self, local: &'a LocalNode) -> impl Iterator<Item = &'a Node> {
        self.0.iter().filter(|node| node.id != *local.id())
    }
}

/// What a node keeps between commitment and signature share. Zeroized when dropped.
pub(crate) struct Nonces(SigningNonces);

/// A node's public commitments to its nonces (RFC 9591 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Commitments {
    /// To the hiding nonce, a compressed point.
    pub(crate) hiding: [u8; 32],
    /// To the binding nonce, a compressed point.
    pub(crate) binding: [u8; 32],
}

/// The commitments of the other signers.
pub(crate) struct PeerCommitments(BTreeMap<Identifier, SigningCommitments>);

/// First step: fresh nonces, and the commitments to them for the coordinator and, in envelopes, for each other signer.
pub(crate) fn commit(
    local: &LocalNode,
    context: &Context,
    signers: &Signers,
    share: &KeyShare,
    entropy: &dyn Entropy,
) -> Result<(Nonces, Commitments, Vec<Envelope>)> {
    let mut rng = super::rng::EntropyRng(entropy);
    let (nonces, commitments) = round1::commit(share.package().signing_share(), &mut rng);
    let commitments = Commitments {
        hiding: octets(&commitments.hiding().serialize().map_err(Error::internal)?)?,
        binding: octets(&commitments.binding().serialize().map_err(Error::internal)?)?,
    };
    let payload = encode(&commitments, signers);
    let envelopes = signers
        .others(local)
        .map(|peer| envelope::seal(local, peer, context, 1, &payload, entropy))
        .collect::<Result<_>>()?;
    Ok((Nonces(nonces), commitments, envelopes))
}

/// Reads the envelopes of the other signers. Consumes nothing.
pub(crate) fn open_commitments(
    local: &LocalNode,
    context: &Context,
    signers: &Signers,
    envelopes: &[Envelope],
) -> Result<PeerCommitments> {
    let payloads = envelope::open_round(local, signers.others(local), context, 1, envelopes)?;
    let mut commitments = BTreeMap::new();
    for peer in signers.others(local) {
        let payload = payloads.get(&peer.id).ok_or_else(|| Error::internal("a payload is missing"))?;
        let Ok((theirs, named)) = decode(payload.expose_secret()) else {
            return Err(blame(Some(peer), frost_ed25519::Error::DeserializationError));
        };
        if named != signers.0.iter().map(|node| node.id.clone()).collect::<Vec<_>>() {
            return Err(envelope::refused("the other signer was told of other signers"));
        }
        let theirs = read(&theirs).map_err(|error| blame(Some(peer), error))?;
        commitments.insert(identifier(peer)?, theirs);
    }
    Ok(PeerCommitments(commitments))
}

/// Second step: this node's share of the signature over `message`, a scalar, 32 octets, little-endian.
pub(crate) fn sign(
    local: &LocalNode,
    share: &KeyShare,
    nonces: Nonces,
    peers: PeerCommitments,
    message: &[u8],
) -> Result<[u8; 32]> {
    let mut commitments = peers.0;
    commitments.insert(*share.package().identifier(), SigningCommitments::from(&nonces.0));
    let package = SigningPackage::new(commitments, message);
    let signature_share = round2::sign(&package, &nonces.0, share.package())
        .map_err(|error| failed(local.directory(), error))?;
    octets(&signature_share.serialize())
}

fn read(commitments: &Commitments) -> Result<SigningCommitments, frost_ed25519::Error> {
    Ok(SigningCommitments::new(
        NonceCommitment::deserialize(&commitments.hiding)?,
        NonceCommitment::deserialize(&commitments.binding)?,
    ))
}

/// The signers are said along so that nodes that were told of different ones notice before a nonce is spent.
fn encode(commitments: &Commitments, signers: &Signers) -> Vec<u8> {
    let count = u16::try_from(signers.0.len()).unwrap_or(u16::MAX);
    let encoder = Encoder::new(NAME).part(&commitments.hiding).part(&commitments.binding).u16(count);
    signers.0.iter().fold(encoder, |encoder, node| encoder.part(node.id.as_str().as_bytes())).finish()
}

fn decode(octets: &[u8]) -> Result<(Commitments, Vec<NodeId>), Malformed> {
    let mut decoder = Decoder::new(NAME, octets)?;
    let commitments = Commitments { hiding: decoder.array()?, binding: decoder.array()? };
    let count = decoder.u16()?;
    let signers = (0..count).map(|_| decoder.parse()).collect::<Result<_, _>>()?;
    decoder.end()?;
    Ok((commitments, signers))
}

/// The refusal of a signature that is not good under the wallet's key.
pub(crate) fn bad_signature() -> Error {
    Error::new(
        Reason::ProtocolFailed,
        "the signature is not good under the wallet's key; nothing was recorded",
    )
}

#[cfg(test)]
mod tests;

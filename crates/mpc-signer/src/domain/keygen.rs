//! Distributed key generation: Pedersen's as the FROST paper has it (Komlo and Goldberg, eprint 2020/852, figure 1), by
//! `frost_core::keys::dkg`. Each node deals a random polynomial to all others, proves that it knows its secret, and
//! adds up what it is dealt. No node ever knows the key.
//!
//! Private channels are the envelopes; the broadcast of round one is checked by the transcript that all nodes attest.
//! Each secret is consumed by value in the one step that needs it.

use std::collections::BTreeMap;

use attestation::{Encoder, Node, NodeDirectory, WalletKey};
use frost_ed25519::Identifier;
use frost_ed25519::keys::dkg;
use kernel::secret::ExposeSecret;
use kernel::{Entropy, Error, NodeId, Reason, Result, SecretBytes};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::envelope::{self, Context, Envelope};
use super::identity::LocalNode;
use super::key::{KeyShare, identifier, public_side};

/// What a node keeps between its first and its second step.
pub(crate) struct FirstSecret {
    secret: dkg::round1::SecretPackage,
    own: dkg::round1::Package,
}

/// What a node keeps between its second and its third step.
pub(crate) struct SecondSecret {
    secret: dkg::round2::SecretPackage,
    own: dkg::round1::Package,
    received: BTreeMap<Identifier, dkg::round1::Package>,
}

/// The first-round packages of the other nodes.
pub(crate) struct FirstPackages(BTreeMap<Identifier, dkg::round1::Package>);

/// The shares that the other nodes deal to this one.
pub(crate) struct SecondPackages(BTreeMap<Identifier, dkg::round2::Package>);

/// What a key generation comes to at one node.
pub(crate) struct Generated {
    /// This node's share.
    pub(crate) share: KeyShare,
    /// The public side.
    pub(crate) key: WalletKey,
    /// SHA-256 over all first-round packages.
    pub(crate) transcript: [u8; 32],
}

/// First step: deals a polynomial and tells every other node the commitment to it.
pub(crate) fn start(
    local: &LocalNode,
    context: &Context,
    entropy: &dyn Entropy,
) -> Result<(FirstSecret, Vec<Envelope>)> {
    let directory = local.directory();
    let count = u16::try_from(directory.nodes().len()).map_err(Error::internal)?;
    let own_identifier = identifier(local.node())?;
    let mut rng = super::rng::EntropyRng(entropy);
    let (secret, own) = dkg::part1(own_identifier, count, directory.threshold(), &mut rng)
        .map_err(|error| failed(directory, error))?;
    let payload = own.serialize().map_err(Error::internal)?;
    let envelopes = local
        .peers()
        .map(|peer| envelope::seal(local, peer, context, 1, &payload, entropy))
        .collect::<Result<_>>()?;
    Ok((FirstSecret { secret, own }, envelopes))
}

/// Reads the first-round envelopes. Consumes nothing.
pub(crate) fn open_first(
    local: &LocalNode,
    context: &Context,
    envelopes: &[Envelope],
) -> Result<FirstPackages> {
    let threshold = usize::from(local.directory().threshold());
    let packages = open(local, context, 1, envelopes, |octets| {
        let package = dkg::round1::Package::deserialize(octets)?;
        // Checked by the next step as well, but there without naming who it was.
        if package.commitment().serialize()?.len() != threshold {
            return Err(frost_ed25519::Error::IncorrectNumberOfCommitments);
        }
        Ok(package)
    })?;
    Ok(FirstPackages(packages))
}

/// Second step: checks every proof of knowledge and deals each other node its share.
pub(crate) fn proceed(
    local: &LocalNode,
    context: &Context,
    first: FirstSecret,
    packages: FirstPackages,
    entropy: &dyn Entropy,
) -> Result<(SecondSecret, Vec<Envelope>)> {
    let FirstSecret { secret, own } = first;
    let (secret, dealt) =
        dkg::part2(secret, &packages.0).map_err(|error| failed(local.directory(), error))?;
    let mut envelopes = Vec::new();
    for peer in local.peers() {
        let package = dealt
            .get(&identifier(peer)?)
            .ok_or_else(|| Error::internal("no share was dealt to a participant"))?;
        let payload = Zeroizing::new(package.serialize().map_err(Error::internal)?);
        envelopes.push(envelope::seal(local, peer, context, 2, &payload, entropy)?);
    }
    Ok((SecondSecret { secret, own, received: packages.0 }, envelopes))
}

/// Reads the second-round envelopes. Consumes nothing.
pub(crate) fn open_second(
    local: &LocalNode,
    context: &Context,
    envelopes: &[Envelope],
) -> Result<SecondPackages> {
    open(local, context, 2, envelopes, dkg::round2::Package::deserialize).map(SecondPackages)
}

/// Last step: checks every share against its dealer's commitment and adds them up.
pub(crate) fn finish(
    local: &LocalNode,
    context: &Context,
    second: SecondSecret,
    packages: &SecondPackages,
) -> Result<Generated> {
    let directory = local.directory();
    let (share, public) = dkg::part3(&second.secret, &second.received, &packages.0)
        .map_err(|error| failed(directory, error))?;
    let key = public_side(directory, &public)?;
    let transcript = transcript(local, context, &second)?;
    Ok(Generated { share: KeyShare::from_frost(share), key, transcript })
}

fn open<T>(
    local: &LocalNode,
    context: &Context,
    round: u16,
    envelopes: &[Envelope],
    read: impl Fn(&[u8]) -> Result<T, frost_ed25519::Error>,
) -> Result<BTreeMap<Identifier, T>> {
    let payloads: BTreeMap<NodeId, SecretBytes> =
        envelope::open_round(local, local.peers(), context, round, envelopes)?;
    let mut packages = BTreeMap::new();
    for peer in local.peers() {
        let payload = payloads.get(&peer.id).ok_or_else(|| Error::internal("a payload is missing"))?;
        let package = read(payload.expose_secret()).map_err(|error| blame(Some(peer), error))?;
        packages.insert(identifier(peer)?, package);
    }
    Ok(packages)
}

fn transcript(local: &LocalNode, context: &Context, second: &SecondSecret) -> Result<[u8; 32]> {
    let mut encoder = Encoder::new("countersign/mpc/keygen-transcript/v1")
        .part(context.group.as_str().as_bytes())
        .part(&context.operation_digest)
        .uuid(context.attempt.uuid())
        .uuid(context.wallet.uuid())
        .u32(context.generation);
    for node in local.directory().nodes() {
        let package = if node.id == *local.id() {
            &second.own
        } else {
            second
                .received
                .get(&identifier(node)?)
                .ok_or_else(|| Error::internal("a first-round package is missing"))?
        };
        encoder = encoder
            .part(node.id.as_str().as_bytes())
            .u16(node.identifier)
            .part(&package.serialize().map_err(Error::internal)?);
    }
    Ok(Sha256::digest(encoder.finish()).into())
}

/// `PROTOCOL_FAILED`, naming the culprit where the protocol can tell.
pub(super) fn failed(directory: &NodeDirectory, error: frost_ed25519::Error) -> Error {
    let culprit = error.culprits().first().and_then(|culprit| {
        directory.nodes().iter().find(|node| identifier(node).is_ok_and(|own| own == *culprit))
    });
    blame(culprit, error)
}

/// `PROTOCOL_FAILED` by `culprit`.
pub(super) fn blame(culprit: Option<&Node>, error: frost_ed25519::Error) -> Error {
    let out = Error::new(
        Reason::ProtocolFailed,
        "a node did not follow the protocol; start a new attempt of the same operation",
    )
    .cause(error);
    match culprit {
        Some(node) => out.with("node_id", node.id.as_str()),
        None => out,
    }
}

#[cfg(test)]
mod tests;

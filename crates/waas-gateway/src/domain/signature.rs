//! Putting a signature together from the nodes' shares (RFC 9591 section 5.3), by `frost_ed25519`.

use std::collections::BTreeMap;

use attestation::WalletKey;
use frost_ed25519::keys::{PublicKeyPackage, VerifyingShare};
use frost_ed25519::round1::{NonceCommitment, SigningCommitments};
use frost_ed25519::round2::SignatureShare;
use frost_ed25519::{Identifier, SigningPackage, VerifyingKey};
use kernel::{Error, NodeId, Reason};

/// What one signer gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contribution {
    /// Commitment to the hiding nonce, a compressed point.
    pub(crate) hiding: [u8; 32],
    /// Commitment to the binding nonce, a compressed point.
    pub(crate) binding: [u8; 32],
    /// Its share of the signature, a scalar, little-endian.
    pub(crate) share: [u8; 32],
}

/// The contributions do not make a signature.
#[derive(Debug)]
pub(crate) struct Unsound {
    /// Whose contribution it was, as far as it can be told. Not surely: signers that were told of other commitments
    /// than the gateway look the same.
    pub(crate) culprit: Option<NodeId>,
    /// The refusal, `PROTOCOL_FAILED`.
    pub(crate) error: Error,
}

/// The signature over `message` under the attested key, 64 octets (RFC 8032), checked by another library than the one
/// that put it together.
pub(crate) fn aggregate(
    key: &WalletKey,
    message: &[u8],
    contributions: &BTreeMap<NodeId, Contribution>,
) -> Result<[u8; 64], Unsound> {
    let mut commitments = BTreeMap::new();
    let mut shares = BTreeMap::new();
    for (node, contribution) in contributions {
        let identifier = identifier(key, node)?;
        let blame = |error: frost_ed25519::Error| unsound(Some(node), error);
        let hiding = NonceCommitment::deserialize(&contribution.hiding).map_err(blame)?;
        let binding = NonceCommitment::deserialize(&contribution.binding).map_err(blame)?;
        let share = SignatureShare::deserialize(&contribution.share).map_err(blame)?;
        commitments.insert(identifier, SigningCommitments::new(hiding, binding));
        shares.insert(identifier, share);
    }
    let signature =
        frost_ed25519::aggregate(&SigningPackage::new(commitments, message), &shares, &package(key)?)
            .and_then(|signature| signature.serialize())
            .map_err(|error| unsound(culprit(key, &error), error))?;
    let signature: [u8; 64] =
        signature.try_into().map_err(|_| unsound(None, "the signature does not have 64 octets"))?;
    if key.verifies(message, &signature) {
        Ok(signature)
    } else {
        Err(unsound(None, "the signature is not good under the wallet's key"))
    }
}

/// The public side of the key, as FROST reads it.
fn package(key: &WalletKey) -> Result<PublicKeyPackage, Unsound> {
    let mut verifying_shares = BTreeMap::new();
    for participant in &key.participants {
        let share = VerifyingShare::deserialize(&participant.verifying_share)
            .map_err(|error| unsound(Some(&participant.node), error))?;
        verifying_shares.insert(identifier(key, &participant.node)?, share);
    }
    let public_key = VerifyingKey::deserialize(&key.public_key).map_err(|error| unsound(None, error))?;
    Ok(PublicKeyPackage::new(verifying_shares, public_key, Some(key.threshold)))
}

fn identifier(key: &WalletKey, node: &NodeId) -> Result<Identifier, Unsound> {
    let participant =
        key.participant(node).ok_or_else(|| unsound(Some(node), "the node holds no share of the key"))?;
    Identifier::try_from(participant.identifier).map_err(|error| unsound(Some(node), error))
}

fn culprit<'a>(key: &'a WalletKey, error: &frost_ed25519::Error) -> Option<&'a NodeId> {
    let culprit = error.culprits().into_iter().next()?;
    key.participants
        .iter()
        .find(|participant| Identifier::try_from(participant.identifier).is_ok_and(|own| own == culprit))
        .map(|participant| &participant.node)
}

fn unsound(culprit: Option<&NodeId>, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Unsound {
    let error = Error::new(Reason::ProtocolFailed, "the nodes' shares do not make a signature").cause(cause);
    Unsound { culprit: culprit.cloned(), error }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Dealt, ids};
    use super::*;

    const MESSAGE: &[u8] = b"pay the postman";

    fn contributions(dealt: &Dealt, signers: &[u8]) -> BTreeMap<NodeId, Contribution> {
        dealt.sign(&ids(signers), MESSAGE)
    }

    #[test]
    fn any_two_of_three_make_a_signature_that_an_independent_library_accepts() {
        let dealt = Dealt::new(1);
        for signers in [[1, 2], [1, 3], [2, 3]] {
            let signature =
                aggregate(&dealt.statement.key, MESSAGE, &contributions(&dealt, &signers)).unwrap();
            assert!(dealt.statement.key.verifies(MESSAGE, &signature));
            assert!(!dealt.statement.key.verifies(b"other", &signature));
        }
    }

    #[test]
    fn one_is_too_few_and_a_stranger_holds_no_share() {
        let dealt = Dealt::new(2);
        let mut contributions = contributions(&dealt, &[1, 2]);
        let second = contributions.remove(&ids(&[2])[0]).unwrap();
        assert!(aggregate(&dealt.statement.key, MESSAGE, &contributions).is_err());
        contributions.insert(ids(&[9])[0].clone(), second);
        let unsound = aggregate(&dealt.statement.key, MESSAGE, &contributions).unwrap_err();
        assert_eq!(unsound.culprit, Some(ids(&[9])[0].clone()));
    }

    #[test]
    fn whoever_gives_a_bad_share_or_none_that_can_be_read_is_named() {
        let dealt = Dealt::new(3);
        let node = ids(&[2])[0].clone();
        let changes: [fn(&mut Contribution); 4] = [
            |contribution| contribution.share[0] ^= 1,
            |contribution| contribution.share = [0xff; 32],
            |contribution| contribution.hiding = [2; 32],
            |contribution| contribution.binding = [0xff; 32],
        ];
        for change in changes {
            let mut contributions = contributions(&dealt, &[1, 2]);
            change(contributions.get_mut(&node).unwrap());
            let unsound = aggregate(&dealt.statement.key, MESSAGE, &contributions).unwrap_err();
            assert_eq!(unsound.error.reason(), Reason::ProtocolFailed);
            assert_eq!(unsound.culprit, Some(node.clone()));
        }
    }

    #[test]
    fn shares_for_another_message_or_key_make_no_signature() {
        let dealt = Dealt::new(4);
        let contributions = contributions(&dealt, &[1, 3]);
        assert!(aggregate(&dealt.statement.key, b"pay the thief", &contributions).is_err());
        assert!(aggregate(&Dealt::new(5).statement.key, MESSAGE, &contributions).is_err());
    }
}

//! Messages between nodes: sealed to the receiver, signed by the sender, carried by a coordinator that both distrust.
//!
//! A receiver takes nothing from an envelope on trust. It knows group, operation, attempt, wallet, generation,
//! protocol and round from its own state, and the senders it waits for from its configuration; it compares all of
//! them, then checks the signature with the sender's pinned key, then opens. All envelopes of a round are opened
//! before anything is consumed, so a bad one costs nothing.

use std::collections::BTreeMap;

use attestation::{Encoder, GroupName, Node};
use kernel::{AttemptId, Entropy, Error, NodeId, Reason, Result, SecretBytes, WalletId};

use super::identity::LocalNode;
use super::sealing;

/// The longest ciphertext that is opened, in octets. A round of the largest group needs about 1,000.
pub(crate) const MAX_CIPHERTEXT: usize = 65_536;

/// A protocol among nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Distributed key generation: rounds 1 and 2.
    Keygen,
    /// Signing: round 1.
    Sign,
}

impl Protocol {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Keygen => "keygen",
            Self::Sign => "sign",
        }
    }
}

/// What all envelopes of an attempt have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// The group of nodes.
    pub(crate) group: GroupName,
    /// The digest of the operation.
    pub(crate) operation_digest: [u8; 32],
    /// The attempt.
    pub(crate) attempt: AttemptId,
    /// The wallet.
    pub(crate) wallet: WalletId,
    /// The generation of key shares, from 1.
    pub(crate) generation: u32,
    /// The protocol.
    pub(crate) protocol: Protocol,
}

/// What an envelope claims to belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The attempt and what it is for.
    pub(crate) context: Context,
    /// The round, from 1.
    pub(crate) round: u16,
    /// The sender.
    pub(crate) from: NodeId,
    /// The receiver.
    pub(crate) to: NodeId,
}

impl Header {
    /// What seal and signature are bound to.
    fn encode(&self) -> Vec<u8> {
        Encoder::new("countersign/mpc/envelope/v1")
            .part(self.context.group.as_str().as_bytes())
            .part(&self.context.operation_digest)
            .uuid(self.context.attempt.uuid())
            .uuid(self.context.wallet.uuid())
            .u32(self.context.generation)
            .part(self.context.protocol.as_str().as_bytes())
            .u16(self.round)
            .part(self.from.as_str().as_bytes())
            .part(self.to.as_str().as_bytes())
            .finish()
    }
}

/// A message from one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// What it claims to belong to.
    pub(crate) header: Header,
    /// HPKE encapsulated key.
    pub(crate) encapsulated_key: [u8; 32],
    /// HPKE ciphertext with its tag.
    pub(crate) ciphertext: Vec<u8>,
    /// The sender's signature over all of it.
    pub(crate) signature: [u8; 64],
}

impl Envelope {
    fn signed(header: &[u8], encapsulated_key: &[u8; 32], ciphertext: &[u8]) -> Vec<u8> {
        Encoder::new("countersign/mpc/envelope-signature/v1")
            .part(header)
            .part(encapsulated_key)
            .part(ciphertext)
            .finish()
    }
}

/// Seals and signs `payload` from this node to `to`.
pub(crate) fn seal(
    local: &LocalNode,
    to: &Node,
    context: &Context,
    round: u16,
    payload: &[u8],
    entropy: &dyn Entropy,
) -> Result<Envelope> {
    let header = Header { context: context.clone(), round, from: local.id().clone(), to: to.id.clone() };
    let encoded = header.encode();
    let sealed = sealing::seal(&to.kem_key, &encoded, payload, entropy).map_err(Error::internal)?;
    let signature =
        local.identity().sign(&Envelope::signed(&encoded, &sealed.encapsulated_key, &sealed.ciphertext));
    Ok(Envelope {
        header,
        encapsulated_key: sealed.encapsulated_key,
        ciphertext: sealed.ciphertext,
        signature,
    })
}

/// Opens the envelopes of one round: exactly one from each of `senders`.
///
/// # Errors
///
/// `ENVELOPE_INVALID`, with `node_id` in the metadata where the envelope is surely that node's or is missing.
pub(crate) fn open_round<'a>(
    local: &LocalNode,
    senders: impl Iterator<Item = &'a Node>,
    context: &Context,
    round: u16,
    envelopes: &[Envelope],
) -> Result<BTreeMap<NodeId, SecretBytes>> {
    let mut payloads = BTreeMap::new();
    for sender in senders {
        let mut from_sender = envelopes.iter().filter(|envelope| envelope.header.from == sender.id);
        let (Some(envelope), None) = (from_sender.next(), from_sender.next()) else {
            return Err(refused("there must be exactly one envelope from each other node of the attempt")
                .with("node_id", sender.id.as_str()));
        };
        payloads.insert(sender.id.clone(), open(local, sender, context, round, envelope)?);
    }
    if envelopes.len() != payloads.len() {
        return Err(refused("there is an envelope from a node that has no part in the attempt"));
    }
    Ok(payloads)
}

fn open(
    local: &LocalNode,
    sender: &Node,
    context: &Context,
    round: u16,
    envelope: &Envelope,
) -> Result<SecretBytes> {
    let expected =
        Header { context: context.clone(), round, from: sender.id.clone(), to: local.id().clone() };
    if envelope.header != expected {
        return Err(refused("the envelope belongs to another operation, attempt, wallet, round or receiver"));
    }
    if envelope.ciphertext.len() > MAX_CIPHERTEXT {
        return Err(refused("the envelope is larger than any round needs"));
    }
    let header = expected.encode();
    let signed = Envelope::signed(&header, &envelope.encapsulated_key, &envelope.ciphertext);
    if !sender.has_signed(&signed, &envelope.signature) {
        return Err(refused("the signature is not that of the node the envelope names as its sender"));
    }
    // From here on it surely comes from that node.
    sealing::open(local.identity().opening_key(), &header, &envelope.encapsulated_key, &envelope.ciphertext)
        .map_err(|cause| {
            refused("the envelope cannot be opened by this node")
                .with("node_id", sender.id.as_str())
                .cause(cause)
        })
}

pub(crate) fn refused(message: &'static str) -> Error {
    Error::new(Reason::EnvelopeInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use kernel::secret::ExposeSecret;
    use proptest::prelude::*;

    fn open_one(local: &LocalNode, context: &Context, round: u16, envelope: Envelope) -> Result<Vec<u8>> {
        let sender = local.peers().next().unwrap().clone();
        let payloads = open_round(local, std::iter::once(&sender), context, round, &[envelope])?;
        Ok(payloads[&sender.id].expose_secret().to_vec())
    }

    struct World {
        group: Vec<LocalNode>,
        context: Context,
        /// From the first to the second node.
        envelope: Envelope,
    }

    fn world() -> World {
        let group = fixtures::group(2, 3);
        let context = fixtures::context(&group[0], Protocol::Keygen);
        let envelope =
            seal(&group[0], group[1].node(), &context, 1, b"payload", &fixtures::entropy(7)).unwrap();
        World { group, context, envelope }
    }

    #[test]
    fn the_receiver_opens_what_the_sender_sealed() {
        let World { group, context, envelope } = world();
        assert_eq!(open_one(&group[1], &context, 1, envelope).unwrap(), b"payload");
    }

    #[test]
    fn an_envelope_opens_only_where_it_belongs() {
        let World { group, context, envelope } = world();
        type Change = fn(&mut Context);
        let changes: [(&str, Change); 6] = [
            ("group", |context| context.group = "other".parse().unwrap()),
            ("digest", |context| context.operation_digest[31] ^= 1),
            ("attempt", |context| context.attempt = AttemptId::random(&fixtures::entropy(1))),
            ("wallet", |context| context.wallet = WalletId::random(&fixtures::entropy(2))),
            ("generation", |context| context.generation += 1),
            ("protocol", |context| context.protocol = Protocol::Sign),
        ];
        for (name, change) in changes {
            // The receiver is somewhere else ...
            let mut elsewhere = context.clone();
            change(&mut elsewhere);
            let error = open_one(&group[1], &elsewhere, 1, envelope.clone()).unwrap_err();
            assert_eq!(error.reason(), Reason::EnvelopeInvalid, "{name}");
            // ... or the header was altered on the way to somewhere else, or so that it fits.
            let mut altered = envelope.clone();
            change(&mut altered.header.context);
            assert!(open_one(&group[1], &context, 1, altered.clone()).is_err(), "{name}");
            assert!(open_one(&group[1], &elsewhere, 1, altered).is_err(), "{name}");
        }
    }

    #[test]
    fn round_sender_and_receiver_are_bound() {
        let World { group, context, envelope } = world();
        let altered = |change: &dyn Fn(&mut Header)| {
            let mut envelope = envelope.clone();
            change(&mut envelope.header);
            envelope
        };
        assert!(open_one(&group[1], &context, 2, envelope.clone()).is_err());
        assert!(open_one(&group[1], &context, 2, altered(&|header| header.round = 2)).is_err());
        // To someone else: neither as it is nor readdressed.
        assert!(open_one(&group[2], &context, 1, envelope.clone()).is_err());
        let to = group[2].id().clone();
        assert!(open_one(&group[2], &context, 1, altered(&|header| header.to = to.clone())).is_err());
        // As if from someone else.
        let from = group[2].id().clone();
        let posing = altered(&|header| header.from = from.clone());
        let result = open_round(&group[1], std::iter::once(group[2].node()), &context, 1, &[posing]);
        assert_eq!(result.unwrap_err().reason(), Reason::EnvelopeInvalid);
        // Back to its sender.
        assert!(open_round(&group[0], std::iter::once(group[0].node()), &context, 1, &[envelope]).is_err());
    }

    #[test]
    fn each_sender_speaks_exactly_once() {
        let World { group, context, envelope } = world();
        let third = seal(&group[2], group[1].node(), &context, 1, b"third", &fixtures::entropy(8)).unwrap();
        let open = |envelopes: &[Envelope]| open_round(&group[1], group[1].peers(), &context, 1, envelopes);
        assert_eq!(open(&[third.clone(), envelope.clone()]).unwrap().len(), 2);
        for bad in [
            vec![],
            vec![envelope.clone()],
            vec![envelope.clone(), envelope.clone()],
            vec![envelope.clone(), third.clone(), third.clone()],
        ] {
            assert_eq!(open(&bad).unwrap_err().reason(), Reason::EnvelopeInvalid);
        }
        // A node that has no part in it.
        let two = [envelope, third];
        let result = open_round(&group[1], std::iter::once(group[0].node()), &context, 1, &two);
        assert_eq!(result.unwrap_err().reason(), Reason::EnvelopeInvalid);
    }

    #[test]
    fn a_stolen_signature_does_not_carry_another_ciphertext() {
        let World { group, context, envelope } = world();
        // The coordinator can seal to anyone, but not sign.
        let forged = seal(&group[2], group[1].node(), &context, 1, b"forged", &fixtures::entropy(9)).unwrap();
        let mixed = Envelope { signature: envelope.signature, header: envelope.header, ..forged };
        assert_eq!(open_one(&group[1], &context, 1, mixed).unwrap_err().reason(), Reason::EnvelopeInvalid);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_octet_can_be_altered(at in 0_usize..200, mask in 1_u8..=255) {
            let World { group, context, mut envelope } = world();
            let length = envelope.ciphertext.len();
            let at = at % (32 + 64 + length);
            match at {
                0..32 => envelope.encapsulated_key[at] ^= mask,
                32..96 => envelope.signature[at - 32] ^= mask,
                _ => envelope.ciphertext[at - 96] ^= mask,
            }
            let error = open_one(&group[1], &context, 1, envelope).unwrap_err();
            prop_assert_eq!(error.reason(), Reason::EnvelopeInvalid);
        }
    }
}

//! What the tests of this crate share: a seeded source of randomness and groups of nodes.

use attestation::{KeyStatement, Node, NodeDirectory, Participant, WalletKey};
use kernel::{AttemptId, EnvironmentId, UserId, WalletId};
use testkit::SeededEntropy;

use super::envelope::{Context, Envelope, Protocol};
use super::identity::{LocalNode, NodeIdentity};
use super::keygen::{self, Generated};

/// The neutral element of the curve: as a public key it accepts signatures that nobody made.
pub(crate) const NEUTRAL_ELEMENT: [u8; 32] = {
    let mut octets = [0; 32];
    octets[0] = 1;
    octets
};

pub(crate) fn entropy(seed: u64) -> SeededEntropy {
    SeededEntropy::new(seed)
}

pub(crate) fn identity(id: &str, seed: u64) -> NodeIdentity {
    NodeIdentity::generate(id.parse().unwrap(), &entropy(seed)).0
}

fn identities(count: usize) -> impl Iterator<Item = (u16, NodeIdentity)> {
    (1..=u16::try_from(count).unwrap()).map(|n| (n, identity(&format!("node-{n}"), u64::from(n))))
}

pub(crate) fn nodes(count: usize) -> Vec<Node> {
    identities(count).map(|(n, identity)| identity.public(n)).collect()
}

/// `threshold` of `count` nodes, `node-1` and so on.
pub(crate) fn group(threshold: u16, count: usize) -> Vec<LocalNode> {
    let directory = NodeDirectory::new("main".parse().unwrap(), threshold, nodes(count)).unwrap();
    identities(count).map(|(_, identity)| LocalNode::new(identity, directory.clone()).unwrap()).collect()
}

pub(crate) fn context(node: &LocalNode, protocol: Protocol) -> Context {
    Context {
        group: node.directory().group().clone(),
        operation_digest: [5; 32],
        attempt: AttemptId::random(&entropy(1001)),
        wallet: WalletId::derive(&[5; 32]),
        generation: 1,
        protocol,
    }
}

/// A statement about some key that nobody made.
pub(crate) fn statement(group: &[LocalNode]) -> KeyStatement {
    let directory = group[0].directory();
    KeyStatement {
        group: directory.group().clone(),
        environment: EnvironmentId::random(&entropy(1002)),
        user: UserId::random(&entropy(1003)),
        wallet: WalletId::derive(&[5; 32]),
        operation_digest: [5; 32],
        attempt: AttemptId::random(&entropy(1001)),
        generation: 1,
        transcript: [6; 32],
        key: WalletKey {
            threshold: directory.threshold(),
            public_key: [7; 32],
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

/// What `from` has for `to`, of each node of the group in turn.
pub(crate) fn route(to: &LocalNode, all: &[Vec<Envelope>]) -> Vec<Envelope> {
    all.iter().flatten().filter(|envelope| envelope.header.to == *to.id()).cloned().collect()
}

/// A whole key generation.
pub(crate) fn generate(group: &[LocalNode], context: &Context, seed: u64) -> Vec<Generated> {
    let entropy = entropy(seed);
    let (secrets, first): (Vec<_>, Vec<_>) =
        group.iter().map(|node| keygen::start(node, context, &entropy).unwrap()).unzip();
    let (secrets, second): (Vec<_>, Vec<_>) = group
        .iter()
        .zip(secrets)
        .map(|(node, secret)| {
            let packages = keygen::open_first(node, context, &route(node, &first)).unwrap();
            keygen::proceed(node, context, secret, packages, &entropy).unwrap()
        })
        .unzip();
    group
        .iter()
        .zip(secrets)
        .map(|(node, secret)| {
            let packages = keygen::open_second(node, context, &route(node, &second)).unwrap();
            keygen::finish(node, context, secret, &packages).unwrap()
        })
        .collect()
}

/// What the nodes say about a key they generated.
pub(crate) fn statement_about(group: &[LocalNode], generated: &Generated) -> KeyStatement {
    KeyStatement { transcript: generated.transcript, key: generated.key.clone(), ..statement(group) }
}

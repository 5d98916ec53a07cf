//! What the tests of this crate share: nodes, and a key that nobody made.

use ed25519_dalek::{Signer, SigningKey};
use kernel::{AttemptId, EnvironmentId, UserId, WalletId};

use crate::{Attestation, KeyStatement, Node, NodeDirectory, Participant, WalletKey};

/// The neutral element of the curve: as a public key it accepts signatures that nobody made.
pub(crate) const NEUTRAL_ELEMENT: [u8; 32] = {
    let mut octets = [0; 32];
    octets[0] = 1;
    octets
};

/// The identity of `node-{number}`.
pub(crate) fn identity(number: u16) -> SigningKey {
    SigningKey::from_bytes(&[u8::try_from(number).unwrap(); 32])
}

pub(crate) fn nodes(count: usize) -> Vec<Node> {
    let node = |number| Node {
        id: format!("node-{number}").parse().unwrap(),
        identifier: number,
        signing_key: identity(number).verifying_key().to_bytes(),
        kem_key: [u8::try_from(number).unwrap(); 32],
    };
    (1..).map(node).take(count).collect()
}

/// Two of three.
pub(crate) fn directory() -> NodeDirectory {
    NodeDirectory::new("main".parse().unwrap(), 2, nodes(3)).unwrap()
}

pub(crate) fn statement() -> KeyStatement {
    let uuid = |number| uuid::Builder::from_random_bytes([number; 16]).into_uuid();
    KeyStatement {
        group: "main".parse().unwrap(),
        environment: EnvironmentId::from_uuid(uuid(1)),
        user: UserId::from_uuid(uuid(2)),
        wallet: WalletId::derive(&[5; 32]),
        operation_digest: [5; 32],
        attempt: AttemptId::from_uuid(uuid(3)),
        generation: 1,
        transcript: [6; 32],
        key: WalletKey {
            threshold: 2,
            public_key: identity(42).verifying_key().to_bytes(),
            participants: nodes(3)
                .into_iter()
                .map(|node| Participant {
                    node: node.id,
                    identifier: node.identifier,
                    verifying_share: [8; 32],
                })
                .collect(),
        },
    }
}

/// Each of three nodes' attestation of an encoded statement.
pub(crate) fn attest(statement: &[u8]) -> Vec<Attestation> {
    let attest = |node: Node| Attestation {
        node: node.id,
        statement: statement.to_vec(),
        signature: identity(node.identifier).sign(statement).to_bytes(),
    };
    nodes(3).into_iter().map(attest).collect()
}

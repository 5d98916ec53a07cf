use super::*;
use crate::domain::fixtures::{self, Identities};

struct World {
    directory: NodeDirectory,
    creation: Creation,
    statement: KeyStatement,
    identities: Identities,
}

fn world() -> World {
    let identities = Identities::new(3);
    let creation = fixtures::creation();
    let directory = fixtures::directory(2, 3);
    let statement = fixtures::statement(&directory, &creation);
    World { directory, creation, statement, identities }
}

impl World {
    fn agreed(&self, attestations: &[Attestation]) -> Result<AttestedKey> {
        AttestedKey::agreed(&self.directory, &self.creation, self.statement.attempt, attestations)
    }

    fn reason(&self, attestations: &[Attestation]) -> Reason {
        self.agreed(attestations).unwrap_err().reason()
    }
}

#[test]
fn what_all_nodes_signed_is_kept_as_they_signed_it() {
    let world = world();
    let attestations = world.identities.attest(&world.statement.encode());
    let key = world.agreed(&attestations).unwrap();
    assert_eq!(*key.statement(), world.statement);
    assert_eq!(key.attestations(), attestations);
    let (encoded, signatures) = key.to_columns();
    assert_eq!(AttestedKey::from_columns(encoded, &signatures), Ok(key));
}

#[test]
fn each_node_attests_exactly_once_by_its_pinned_key() {
    let world = world();
    let good = world.identities.attest(&world.statement.encode());
    let mut repeated = good.clone();
    repeated.push(good[0].clone());
    let mut posing = good.clone();
    posing[0].node = good[1].node.clone();
    let mut stranger = good.clone();
    stranger.push(Attestation { node: "node-9".parse().unwrap(), ..good[0].clone() });
    let mut altered = good.clone();
    altered[2].signature[0] ^= 1;
    let swapped = Attestation { node: good[0].node.clone(), ..good[1].clone() };
    let swapped = vec![swapped, good[1].clone(), good[2].clone()];
    for bad in [vec![], good[..2].to_vec(), repeated, posing, stranger, altered, swapped] {
        assert_eq!(world.reason(&bad), Reason::EnvelopeInvalid);
    }
}

#[test]
fn nodes_that_attest_different_things_do_not_agree() {
    let world = world();
    let mut good = world.identities.attest(&world.statement.encode());
    let other = KeyStatement { transcript: [9; 32], ..world.statement.clone() };
    good[2] = world.identities.attest(&other.encode()).remove(2);
    assert_eq!(world.reason(&good), Reason::ProtocolFailed);
}

#[test]
fn a_key_of_anything_else_is_refused_even_when_all_nodes_sign_it() {
    let world = world();
    type Change = (&'static str, fn(&mut KeyStatement));
    let changes: [Change; 13] = [
        ("group", |statement| statement.group = "other".to_owned()),
        ("environment", |s| s.environment = EnvironmentId::from_uuid(s.user.uuid())),
        ("user", |s| s.user = UserId::from_uuid(s.environment.uuid())),
        ("wallet", |s| s.wallet = WalletId::derive(&[1; 32])),
        ("digest", |s| s.operation_digest[0] ^= 1),
        ("digest and wallet", |s| {
            s.operation_digest[0] ^= 1;
            s.wallet = WalletId::derive(&s.operation_digest);
        }),
        ("attempt", |s| s.attempt = AttemptId::from_uuid(s.user.uuid())),
        ("generation", |s| s.generation = 2),
        ("threshold", |s| s.threshold = 3),
        ("missing holder", |s| drop(s.participants.pop())),
        ("other holder", |s| s.participants[0].node = "node-9".parse().unwrap()),
        ("repeated holder", |s| s.participants[0].node = s.participants[1].node.clone()),
        ("weak key", |s| s.public_key = fixtures::NEUTRAL_ELEMENT),
    ];
    for (name, change) in changes {
        let mut statement = world.statement.clone();
        change(&mut statement);
        let attestations = world.identities.attest(&statement.encode());
        assert_eq!(world.reason(&attestations), Reason::ProtocolFailed, "{name}");
    }
}

#[test]
fn an_address_of_another_key_is_refused() {
    let world = world();
    let mut encoded = world.statement.encode();
    let address = world.statement.address();
    let at = encoded.windows(address.len()).position(|window| window == address.as_bytes()).unwrap();
    encoded[at] = if encoded[at] == b'2' { b'3' } else { b'2' };
    assert_eq!(world.reason(&world.identities.attest(&encoded)), Reason::ProtocolFailed);
}

#[test]
fn identifiers_ascend_from_one() {
    let world = world();
    let changes: [fn(&mut KeyStatement); 3] = [
        |statement| statement.participants.swap(0, 1),
        |statement| statement.participants[0].identifier = 0,
        |statement| statement.participants[1].identifier = statement.participants[0].identifier,
    ];
    for change in changes {
        let mut statement = world.statement.clone();
        change(&mut statement);
        let attestations = world.identities.attest(&statement.encode());
        assert_eq!(world.reason(&attestations), Reason::ProtocolFailed);
    }
}

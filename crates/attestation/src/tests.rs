use ed25519_dalek::Signer;
use kernel::{Reason, Result};
use proptest::prelude::*;

use crate::fixtures::{NEUTRAL_ELEMENT, attest, directory, identity, nodes, statement};
use crate::{Attestation, KeyStatement, NodeDirectory, SealedShare, agreed, export_binding};

fn reason(result: Result<KeyStatement>) -> Reason {
    result.unwrap_err().reason()
}

fn refusal(attestations: &[Attestation]) -> Reason {
    reason(agreed(&directory(), attestations))
}

/// What all nodes sign is refused, although they all do.
fn refused_when_all_sign(statement: &[u8]) {
    assert_eq!(refusal(&attest(statement)), Reason::ProtocolFailed);
}

/// The parts as `docs/mpc.md` lists them, written by other code than the crate's.
fn listed(parts: &[&[u8]]) -> Vec<u8> {
    let part = |part: &&[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes(), *part].concat();
    parts.iter().flat_map(part).collect()
}

#[test]
fn the_encodings_are_those_of_the_page() {
    let statement = statement();
    let (wallet, key) = (statement.wallet.uuid(), &statement.key);
    let mut parts: Vec<&[u8]> = vec![b"countersign/mpc/key-attestation/v1", b"main"];
    let (environment, user, attempt) =
        (statement.environment.uuid(), statement.user.uuid(), statement.attempt.uuid());
    parts.extend([environment.as_bytes(), user.as_bytes(), wallet.as_bytes()].map(|uuid| &uuid[..]));
    parts.extend([&[5; 32][..], attempt.as_bytes(), &[0, 0, 0, 1], b"FROST-ED25519-SHA512-v1"]);
    let address = bs58::encode(key.public_key).into_string();
    parts.extend([&[0, 2][..], &[0, 3], &[6; 32], &key.public_key, address.as_bytes()]);
    for (id, identifier) in [(b"node-1", &[0, 1]), (b"node-2", &[0, 2]), (b"node-3", &[0, 3])] {
        parts.extend([&id[..], identifier, &[8; 32]]);
    }
    assert_eq!(statement.encode(), listed(&parts));

    let node = "node-2".parse().unwrap();
    let binding = export_binding(&statement, &[9; 32], &node);
    let parts = [&b"countersign/mpc/export/v1"[..], b"main", &[9; 32], wallet.as_bytes(), &[0, 0, 0, 1]];
    assert_eq!(binding, listed(&[&parts[..], &[b"node-2", &key.public_key]].concat()));
    let share = SealedShare { node, encapsulated_key: [3; 32], ciphertext: vec![4; 80], signature: [0; 64] };
    let parts = [&b"countersign/mpc/export-signature/v1"[..], &binding, &[3; 32], &[4; 80]];
    assert_eq!(share.signed(&binding), listed(&parts));
}

#[test]
fn a_statement_survives_its_encoding() {
    assert_eq!(KeyStatement::decode(&statement().encode()), Ok(statement()));
}

#[test]
fn each_node_attests_exactly_once_by_its_pinned_key() {
    let mut good = attest(&statement().encode());
    assert_eq!(agreed(&directory(), &good).unwrap(), statement());
    good.rotate_left(1);
    assert_eq!(agreed(&directory(), &good).unwrap(), statement());

    let twice = vec![good[0].clone(), good[0].clone(), good[1].clone()];
    let too_many = [&good[..], &good[..1]].concat();
    let mut posing = good.clone();
    posing[0].node = good[1].node.clone();
    let mut swapped = good.clone();
    swapped[0].node = good[1].node.clone();
    swapped[1].node = good[0].node.clone();
    let mut stranger = good.clone();
    stranger.push(Attestation { node: "node-9".parse().unwrap(), ..good[0].clone() });
    let mut altered = good.clone();
    altered[2].signature[0] ^= 1;
    let mut borrowed = good.clone();
    borrowed[0].signature = good[1].signature;
    for bad in [vec![], good[..2].to_vec(), twice, too_many, posing, swapped, stranger, altered, borrowed] {
        assert_eq!(refusal(&bad), Reason::EnvelopeInvalid);
    }
}

#[test]
fn what_a_node_attested_before_it_got_a_new_identity_still_counts() {
    let old = attest(&statement().encode());
    // Node 1 has another key now.
    let mut renewed = nodes(3);
    renewed[0].signing_key = identity(11).verifying_key().to_bytes();
    let without = NodeDirectory::new("main".parse().unwrap(), 2, renewed).unwrap();
    assert_eq!(reason(agreed(&without, &old)), Reason::EnvelopeInvalid);
    let earlier = |number: u16| vec![identity(number).verifying_key().to_bytes()];
    let with = without.clone().with_previous_keys(&old[0].node, earlier(1)).unwrap();
    assert_eq!(agreed(&with, &old).unwrap(), statement());
    assert!(old[0].verify(&with).is_ok());
    // What it attests now counts too.
    let mut new = old.clone();
    new[0].signature = identity(11).sign(&new[0].statement).to_bytes();
    assert_eq!(agreed(&with, &new).unwrap(), statement());
    // An earlier key of one node is no key of another one, and signs no box.
    let elsewhere = without.with_previous_keys(&old[1].node, earlier(1)).unwrap();
    assert_eq!(reason(agreed(&elsewhere, &old)), Reason::EnvelopeInvalid);
    let node = with.node(&old[0].node).unwrap();
    let mut share = SealedShare {
        node: node.id.clone(),
        encapsulated_key: [3; 32],
        ciphertext: vec![4; 80],
        signature: [0; 64],
    };
    share.signature = identity(1).sign(&share.signed(b"binding")).to_bytes();
    assert!(!share.is_by(node, b"binding"));
}

#[test]
fn nodes_that_attest_different_things_do_not_agree() {
    let mut attestations = attest(&statement().encode());
    let other = KeyStatement { transcript: [9; 32], ..statement() };
    attestations[1] = attest(&other.encode()).remove(1);
    assert_eq!(refusal(&attestations), Reason::ProtocolFailed);
}

#[test]
fn a_key_of_another_group_is_not_agreed_on() {
    let changes: [fn(&mut KeyStatement); 7] = [
        |statement| statement.group = "other".parse().unwrap(),
        |statement| statement.key.threshold = 3,
        |statement| statement.key.participants[2].identifier = 9,
        |statement| drop(statement.key.participants.pop()),
        |statement| statement.key.participants[0].node = "node-9".parse().unwrap(),
        |statement| {
            statement.key.participants[0].node = statement.key.participants[1].node.clone();
        },
        |statement| statement.key.public_key = NEUTRAL_ELEMENT,
    ];
    for change in changes {
        let mut changed = statement();
        change(&mut changed);
        refused_when_all_sign(&changed.encode());
    }
}

#[test]
fn an_address_of_another_key_is_refused() {
    let (mut encoded, address) = (statement().encode(), statement().key.address());
    let at = encoded.windows(address.len()).position(|window| window == address.as_bytes()).unwrap();
    encoded[at] = if encoded[at] == b'2' { b'3' } else { b'2' };
    refused_when_all_sign(&encoded);
}

#[test]
fn identifiers_ascend_from_one() {
    let changes: [fn(&mut KeyStatement); 4] = [
        |statement| statement.key.participants.swap(0, 1),
        |statement| statement.key.participants[0].identifier = 0,
        |statement| statement.key.participants[1].identifier = 1,
        |statement| statement.key.participants.clear(),
    ];
    for change in changes {
        let mut changed = statement();
        change(&mut changed);
        assert!(KeyStatement::decode(&changed.encode()).is_err());
        refused_when_all_sign(&changed.encode());
    }
}

#[test]
fn a_box_counts_only_from_the_node_it_names_and_for_its_export() {
    let (node, binding) = (&nodes(3)[1], b"binding");
    let mut share = SealedShare {
        node: node.id.clone(),
        encapsulated_key: [3; 32],
        ciphertext: vec![4; 80],
        signature: [0; 64],
    };
    share.signature = identity(2).sign(&share.signed(binding)).to_bytes();
    assert!(share.is_by(node, binding));
    assert!(!share.is_by(node, b"another"));
    assert!(!share.is_by(&nodes(3)[0], binding));
    let changes: [fn(&mut SealedShare); 4] = [
        |share| share.node = "node-1".parse().unwrap(),
        |share| share.encapsulated_key[31] ^= 1,
        |share| share.ciphertext[79] ^= 1,
        |share| share.signature[63] ^= 1,
    ];
    for change in changes {
        let mut altered = share.clone();
        change(&mut altered);
        assert!(!altered.is_by(node, binding));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_octet_of_an_attestation_can_be_altered(at in 0_usize..1000, mask in 1_u8..=255) {
        let mut attestation = attest(&statement().encode()).remove(0);
        let length = attestation.statement.len();
        match at % (length + 64) {
            at if at < length => attestation.statement[at] ^= mask,
            at => attestation.signature[at - length] ^= mask,
        }
        prop_assert_eq!(reason(attestation.verify(&directory())), Reason::EnvelopeInvalid);
    }

    #[test]
    fn only_canonical_statements_are_read(at in 0_usize..1000, mask in 1_u8..=255) {
        let mut octets = statement().encode();
        let at = at % octets.len();
        octets[at] ^= mask;
        if let Ok(read) = KeyStatement::decode(&octets) {
            prop_assert_eq!(read.encode(), octets);
        }
    }
}

use super::super::envelope::Protocol;
use super::super::fixtures;
use super::super::keygen::Generated;
use super::*;

const MESSAGE: &[u8] = b"pay nobody";

struct World {
    group: Vec<LocalNode>,
    generated: Vec<Generated>,
    context: Context,
}

fn world(threshold: u16, count: usize) -> World {
    let group = fixtures::group(threshold, count);
    let generated = fixtures::generate(&group, &fixtures::context(&group[0], Protocol::Keygen), 1);
    let context = fixtures::context(&group[0], Protocol::Sign);
    World { group, generated, context }
}

fn ids(group: &[LocalNode], chosen: &[usize]) -> Vec<NodeId> {
    chosen.iter().map(|n| group[*n].id().clone()).collect()
}

fn violation<T>(result: Result<T>) -> String {
    let error = result.err().expect("a refusal");
    assert_eq!(error.reason(), Reason::InvalidRequest);
    error.violations()[0].field.clone()
}

/// Signs with the chosen nodes and puts the shares together as a coordinator would.
fn sign_with(world: &World, chosen: &[usize], message: &[u8]) -> [u8; 64] {
    let World { group, generated, context } = world;
    let entropy = fixtures::entropy(40);
    let ids = ids(group, chosen);
    let mut nonces = Vec::new();
    let mut envelopes = Vec::new();
    let mut commitments = BTreeMap::new();
    for n in chosen {
        let signers = Signers::new(&group[*n], &generated[0].key, &ids).unwrap();
        let (secret, public, out) =
            commit(&group[*n], context, &signers, &generated[*n].share, &entropy).unwrap();
        commitments.insert(identifier(group[*n].node()).unwrap(), read(&public).unwrap());
        nonces.push((*n, signers, secret));
        envelopes.push(out);
    }
    let mut shares = BTreeMap::new();
    for (n, signers, secret) in nonces {
        let inbox = fixtures::route(&group[n], &envelopes);
        let peers = open_commitments(&group[n], context, &signers, &inbox).unwrap();
        let share = sign(&group[n], &generated[n].share, secret, peers, message).unwrap();
        let share = round2::SignatureShare::deserialize(&share).unwrap();
        shares.insert(identifier(group[n].node()).unwrap(), share);
    }
    let key = &generated[0].key;
    let public = frost_ed25519::keys::PublicKeyPackage::new(
        key.participants
            .iter()
            .map(|one| {
                let share = frost_ed25519::keys::VerifyingShare::deserialize(&one.verifying_share);
                (one.identifier.try_into().unwrap(), share.unwrap())
            })
            .collect(),
        frost_ed25519::VerifyingKey::deserialize(&key.public_key).unwrap(),
        Some(key.threshold),
    );
    let package = SigningPackage::new(commitments, message);
    let signature = frost_ed25519::aggregate(&package, &shares, &public).unwrap();
    signature.serialize().unwrap().try_into().unwrap()
}

#[test]
fn every_quorum_signs_and_an_independent_library_verifies() {
    let world = world(2, 3);
    for chosen in [[0, 1], [0, 2], [1, 2], [2, 0]] {
        let signature = sign_with(&world, &chosen, MESSAGE);
        let key = ed25519_dalek::VerifyingKey::from_bytes(&world.generated[0].key.public_key).unwrap();
        key.verify_strict(MESSAGE, &ed25519_dalek::Signature::from_bytes(&signature)).unwrap();
        assert!(world.generated[0].key.verifies(MESSAGE, &signature));
        assert!(!world.generated[0].key.verifies(b"pay someone", &signature));
    }
}

#[test]
fn three_of_five_sign() {
    let world = world(3, 5);
    let signature = sign_with(&world, &[4, 1, 2], MESSAGE);
    assert!(world.generated[0].key.verifies(MESSAGE, &signature));
}

#[test]
fn exactly_a_quorum_of_holders_with_this_node_signs() {
    let World { group, generated, .. } = world(2, 3);
    let key = &generated[0].key;
    let check = |ids: &[NodeId]| Signers::new(&group[0], key, ids);
    assert_eq!(check(&ids(&group, &[1, 0])).unwrap(), check(&ids(&group, &[0, 1])).unwrap());
    for bad in [&[][..], &[0], &[0, 1, 2], &[0, 0], &[1, 2]] {
        assert_eq!(violation(check(&ids(&group, bad))), "signer_node_ids");
    }
    let stranger = ["node-1".parse().unwrap(), "node-9".parse().unwrap()];
    assert_eq!(violation(check(&stranger)), "signer_node_ids");
    // A node that is of the group now, but holds no share of this key.
    let mut older = key.clone();
    older.participants.pop();
    assert!(Signers::new(&group[0], &older, &ids(&group, &[0, 2])).is_err());
}

#[test]
fn nodes_that_were_told_of_different_signers_notice() {
    let World { group, generated, context } = world(3, 5);
    let key = &generated[0].key;
    let here = Signers::new(&group[0], key, &ids(&group, &[0, 1, 2])).unwrap();
    let there = Signers::new(&group[1], key, &ids(&group, &[0, 1, 3])).unwrap();
    let (_, _, from_1) =
        commit(&group[1], &context, &there, &generated[1].share, &fixtures::entropy(1)).unwrap();
    let (_, _, from_2) =
        commit(&group[2], &context, &here, &generated[2].share, &fixtures::entropy(2)).unwrap();
    let inbox = fixtures::route(&group[0], &[from_1, from_2]);
    let error = open_commitments(&group[0], &context, &here, &inbox).err().unwrap();
    assert_eq!(error.reason(), Reason::EnvelopeInvalid);
}

#[test]
fn what_are_no_commitments_are_refused_by_name() {
    let World { group, generated, context } = world(2, 3);
    let signers = Signers::new(&group[0], &generated[0].key, &ids(&group, &[0, 2])).unwrap();
    let neutral = Commitments { hiding: fixtures::NEUTRAL_ELEMENT, binding: fixtures::NEUTRAL_ELEMENT };
    for payload in [b"nonsense".to_vec(), encode(&neutral, &signers)] {
        let envelope =
            envelope::seal(&group[2], group[0].node(), &context, 1, &payload, &fixtures::entropy(3)).unwrap();
        let error = open_commitments(&group[0], &context, &signers, &[envelope]).err().unwrap();
        assert_eq!(error.reason(), Reason::ProtocolFailed);
        assert_eq!(error.metadata()["node_id"], "node-3");
    }
}

#[test]
fn nonces_are_never_made_twice() {
    let World { group, generated, context } = world(2, 3);
    let signers = Signers::new(&group[0], &generated[0].key, &ids(&group, &[0, 1])).unwrap();
    let entropy = fixtures::entropy(5);
    let once = || commit(&group[0], &context, &signers, &generated[0].share, &entropy).unwrap().1;
    let (first, second) = (once(), once());
    assert!(first.hiding != second.hiding && first.binding != second.binding);
    assert!(first.hiding != first.binding);
}

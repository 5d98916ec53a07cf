use super::super::envelope::Protocol;
use super::super::fixtures::{self, route};
use super::*;

/// A group of three after its first step.
struct Started {
    group: Vec<LocalNode>,
    context: Context,
    secrets: Vec<FirstSecret>,
    envelopes: Vec<Vec<Envelope>>,
}

fn started() -> Started {
    let group = fixtures::group(2, 3);
    let context = fixtures::context(&group[0], Protocol::Keygen);
    let entropy = fixtures::entropy(1);
    let (secrets, envelopes) = group.iter().map(|node| start(node, &context, &entropy).unwrap()).unzip();
    Started { group, context, secrets, envelopes }
}

/// What `cheat` sends to `to` in place of what it should.
fn forge(cheat: &LocalNode, to: &LocalNode, context: &Context, round: u16, payload: &[u8]) -> Envelope {
    envelope::seal(cheat, to.node(), context, round, payload, &fixtures::entropy(77)).unwrap()
}

fn named<T>(result: Result<T>) -> (Reason, Option<String>) {
    let error = result.err().expect("a refusal");
    (error.reason(), error.metadata().get("node_id").cloned())
}

fn node_3_failed() -> (Reason, Option<String>) {
    (Reason::ProtocolFailed, Some("node-3".to_owned()))
}

#[test]
fn all_nodes_come_to_one_key_and_different_shares() {
    for (threshold, count) in [(2, 2), (2, 3), (3, 5)] {
        let group = fixtures::group(threshold, count);
        let context = fixtures::context(&group[0], Protocol::Keygen);
        let generated = fixtures::generate(&group, &context, 1);
        for one in &generated {
            assert_eq!(one.key, generated[0].key);
            assert_eq!(one.transcript, generated[0].transcript);
        }
        let mut secrets: Vec<_> =
            generated.iter().map(|one| one.share.secret().expose_secret().to_vec()).collect();
        secrets.dedup();
        assert_eq!(secrets.len(), count);
        // Another run makes another key, and another attempt another transcript.
        let again = fixtures::generate(&group, &context, 2);
        assert_ne!(again[0].key.public_key, generated[0].key.public_key);
        let mut other = context;
        other.attempt = kernel::AttemptId::random(&fixtures::entropy(3));
        assert_ne!(fixtures::generate(&group, &other, 1)[0].transcript, generated[0].transcript);
    }
}

#[test]
fn a_share_survives_storage_and_another_is_not_taken_for_it() {
    let group = fixtures::group(2, 3);
    let generated = fixtures::generate(&group, &fixtures::context(&group[0], Protocol::Keygen), 1);
    let key = &generated[0].key;
    let secret = generated[0].share.secret();
    assert!(KeyShare::restore(key, group[0].id(), &secret).is_ok());
    assert!(KeyShare::restore(key, group[1].id(), &secret).is_err());
    assert!(KeyShare::restore(key, group[0].id(), &generated[1].share.secret()).is_err());
    assert!(KeyShare::restore(key, group[0].id(), &SecretBytes::from(vec![0xff; 32])).is_err());
    assert!(KeyShare::restore(key, group[0].id(), &SecretBytes::from(vec![1; 31])).is_err());
}

#[test]
fn a_proof_of_knowledge_made_by_someone_else_is_named() {
    let Started { group, context, mut secrets, mut envelopes } = started();
    // Node 3 repeats node 2's package as its own.
    let stolen = secrets[1].own.serialize().unwrap();
    envelopes[2] = vec![forge(&group[2], &group[0], &context, 1, &stolen)];
    let packages = open_first(&group[0], &context, &route(&group[0], &envelopes)).unwrap();
    let result = proceed(&group[0], &context, secrets.remove(0), packages, &fixtures::entropy(2));
    assert_eq!(named(result), node_3_failed());
}

#[test]
fn a_polynomial_of_another_degree_is_named() {
    let Started { group, context, mut envelopes, .. } = started();
    let identifier = identifier(group[2].node()).unwrap();
    let (_, package) =
        dkg::part1(identifier, 3, 3, super::super::rng::EntropyRng(&fixtures::entropy(3))).unwrap();
    envelopes[2] = vec![forge(&group[2], &group[0], &context, 1, &package.serialize().unwrap())];
    assert_eq!(named(open_first(&group[0], &context, &route(&group[0], &envelopes))), node_3_failed());
}

#[test]
fn what_is_no_package_is_named() {
    let Started { group, context, mut envelopes, .. } = started();
    for payload in [&b""[..], b"nonsense", &[0; 200]] {
        envelopes[2] = vec![forge(&group[2], &group[0], &context, 1, payload)];
        let result = open_first(&group[0], &context, &route(&group[0], &envelopes));
        assert_eq!(named(result), node_3_failed());
    }
}

#[test]
fn a_share_that_is_not_the_committed_one_is_named() {
    let Started { group, context, secrets, envelopes } = started();
    let entropy = fixtures::entropy(2);
    let (mut secrets, mut envelopes): (Vec<_>, Vec<_>) = group
        .iter()
        .zip(secrets)
        .map(|(node, secret)| {
            let packages = open_first(node, &context, &route(node, &envelopes)).unwrap();
            proceed(node, &context, secret, packages, &entropy).unwrap()
        })
        .unzip();
    let wrong = dkg::round2::Package::new(frost_ed25519::keys::SigningShare::deserialize(&[3; 32]).unwrap());
    envelopes[2] = vec![forge(&group[2], &group[0], &context, 2, &wrong.serialize().unwrap())];
    let packages = open_second(&group[0], &context, &route(&group[0], &envelopes)).unwrap();
    assert_eq!(named(finish(&group[0], &context, secrets.remove(0), &packages)), node_3_failed());
}

#[test]
fn a_node_that_tells_the_others_different_things_shows_in_the_transcript() {
    let Started { group, context, secrets, envelopes } = started();
    let entropy = fixtures::entropy(2);
    // Node 3 plays the protocol twice, honestly each time: once for node 1 and once for node 2.
    let (other_secret, other) = start(&group[2], &context, &fixtures::entropy(3)).unwrap();
    let with_other = [envelopes[0].clone(), envelopes[1].clone(), other];
    let mut secrets = secrets.into_iter();
    let step = |node: &LocalNode, secret, view: &[Vec<Envelope>]| {
        let packages = open_first(node, &context, &route(node, view)).unwrap();
        proceed(node, &context, secret, packages, &entropy).unwrap()
    };
    let (first, first_out) = step(&group[0], secrets.next().unwrap(), &envelopes);
    let (second, second_out) = step(&group[1], secrets.next().unwrap(), &with_other);
    let (_, third_out) = step(&group[2], secrets.next().unwrap(), &envelopes);
    let (_, other_out) = step(&group[2], other_secret, &envelopes);

    let view = [second_out, third_out];
    let packages = open_second(&group[0], &context, &route(&group[0], &view)).unwrap();
    let at_first = finish(&group[0], &context, first, &packages).unwrap();
    let view = [first_out, other_out];
    let packages = open_second(&group[1], &context, &route(&group[1], &view)).unwrap();
    let at_second = finish(&group[1], &context, second, &packages).unwrap();
    assert_ne!(at_first.transcript, at_second.transcript);
}

#[test]
fn a_missing_node_and_the_other_round_are_refused() {
    let Started { group, context, envelopes, .. } = started();
    let without = &envelopes[..2];
    let expected = (Reason::EnvelopeInvalid, Some("node-3".to_owned()));
    assert_eq!(named(open_first(&group[0], &context, &route(&group[0], without))), expected);
    let first_round = route(&group[0], &envelopes);
    assert_eq!(named(open_second(&group[0], &context, &first_round)).0, Reason::EnvelopeInvalid);
}

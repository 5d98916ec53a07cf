//! Letters between the nodes, in the hands of who carries them: altered, replayed, misdelivered, left out. Each is
//! refused, consumes nothing, and the protocol goes on with the right ones.

use kernel::{OperationId, Reason};
use operation::{Body, CheckedOperation};
use proto::mpc_signer::{Envelope, EnvelopeHeader, Protocol};

use super::harvest::Harvest;
use super::moves::{Outbox, inbox};
use super::nodes::{NODES, Nodes, node_id};

/// Changes one thing of a letter.
type Spoil = fn(&mut Envelope);

fn header(envelope: &mut Envelope) -> &mut EnvelopeHeader {
    envelope.header.as_mut().unwrap()
}

/// Every field, each changed into something that is right in form.
const SPOILS: [(&str, Spoil); 16] = [
    ("group", |e| header(e).group = "other".to_owned()),
    ("digest", |e| header(e).operation_digest[0] ^= 1),
    ("attempt", |e| header(e).attempt_id = "4f1c8a8e-63f5-4a40-9f0e-8a3c1d2b5e6f".to_owned()),
    ("wallet", |e| header(e).wallet_id = "4f1c8a8e-63f5-4a40-9f0e-8a3c1d2b5e6f".to_owned()),
    ("generation", |e| header(e).share_generation += 1),
    ("protocol", |e| {
        let other = if header(e).protocol() == Protocol::Sign { Protocol::Keygen } else { Protocol::Sign };
        header(e).protocol = other.into();
    }),
    ("round", |e| header(e).round = 3 - header(e).round),
    ("sender", |e| header(e).from_node_id = other_node(&header(e).from_node_id)),
    ("receiver", |e| header(e).to_node_id = other_node(&header(e).to_node_id)),
    ("a sender that there is not", |e| header(e).from_node_id = "node-9".to_owned()),
    ("encapsulated key", |e| e.encapsulated_key[0] ^= 1),
    ("the first octet of the ciphertext", |e| e.ciphertext[0] ^= 1),
    ("the last octet of the ciphertext", |e| *e.ciphertext.last_mut().unwrap() ^= 0x80),
    ("a shorter ciphertext", |e| e.ciphertext.truncate(e.ciphertext.len() - 1)),
    ("a longer ciphertext", |e| e.ciphertext.push(0)),
    ("signature", |e| e.signature[63] ^= 1),
];

/// Letters that are not even right in form.
const MISSHAPEN: [(&str, Spoil); 8] = [
    ("no header", |e| e.header = None),
    ("a short digest", |e| header(e).operation_digest.truncate(31)),
    ("no protocol", |e| header(e).protocol = 0),
    ("an unknown protocol", |e| header(e).protocol = 99),
    ("round zero", |e| header(e).round = 0),
    ("a round without end", |e| header(e).round = u32::MAX),
    ("a short signature", |e| e.signature.truncate(63)),
    ("a long encapsulated key", |e| e.encapsulated_key.push(0)),
];

/// Another node of the group.
fn other_node(id: &str) -> String {
    (0..NODES).map(|n| node_id(n).to_string()).find(|other| other != id).unwrap()
}

/// Every wrong delivery to a node of what it should get: what is wrong, and the letters.
fn deliveries(n: usize, outbox: &[Vec<Envelope>]) -> Vec<(&'static str, Vec<Envelope>)> {
    let right = inbox(n, outbox);
    let with = |spoil: Spoil| {
        let mut letters = right.clone();
        spoil(&mut letters[0]);
        letters
    };
    let mut wrong: Vec<_> = SPOILS.iter().map(|(what, spoil)| (*what, with(*spoil))).collect();
    wrong.extend(MISSHAPEN.iter().map(|(what, spoil)| (*what, with(*spoil))));
    // What this node sent itself, as if it were the answer to it.
    let own: Vec<_> = outbox
        .iter()
        .flatten()
        .filter(|e| e.header.as_ref().unwrap().from_node_id == node_id(n).as_str())
        .cloned()
        .collect();
    wrong.push(("none", Vec::new()));
    wrong.push(("one left out", right[1..].to_vec()));
    wrong.push(("one twice", [right.clone(), vec![right[0].clone()]].concat()));
    wrong.push(("one beside the right ones", [right.clone(), vec![own[0].clone()]].concat()));
    wrong.push(("its own", own));
    let somebody = (n + 1) % NODES;
    let elsewhere = inbox(somebody, outbox);
    if !elsewhere.is_empty() {
        wrong.push(("those of another node", elsewhere));
    }
    wrong
}

#[track_caller]
fn assert_no_letter(what: &str, refusal: Option<Reason>) {
    let refused = refusal.is_some_and(|r| [Reason::EnvelopeInvalid, Reason::InvalidRequest].contains(&r));
    assert!(refused, "{what}: {refusal:?}");
}

#[tokio::test]
async fn no_wrong_letter_is_taken_while_signing_and_none_costs_anything() {
    let nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let ordered = nodes.signing(&wallet, b"ordered");
    let receipt = nodes.receipt(&ordered);
    let (mut harvest, attempt) = (Harvest::default(), nodes.attempt());
    let signers = [0, 2];
    let outbox = nodes.commit_all(&mut harvest, &receipt, &ordered, &attempt, &signers).await.unwrap();
    for n in signers {
        for (what, letters) in deliveries(n, &outbox) {
            let refused = nodes.sign_share(n, &attempt, letters).await;
            assert_no_letter(what, refused.err().map(|refusal| refusal.reason));
        }
        assert!(
            nodes.audit(n).rows().iter().any(|row| row.outcome.reason() == Some(Reason::EnvelopeInvalid))
        );
    }
    for n in signers {
        let share = nodes.sign_share(n, &attempt, inbox(n, &outbox)).await.unwrap();
        harvest.share(n, &share);
    }
    assert_eq!(harvest.signatures(&wallet, &[b"ordered"]).len(), 1);
}

#[tokio::test]
async fn no_wrong_letter_is_taken_while_a_key_is_made_and_none_costs_anything() {
    let nodes = Nodes::new().await;
    let creation = nodes.creation();
    let (receipt, attempt) = (nodes.receipt(&creation), nodes.attempt());
    let mut first = Outbox::new();
    for n in 0..NODES {
        first.push(nodes.start_keygen(n, &receipt, &creation, &attempt).await.unwrap());
    }
    for n in 0..NODES {
        for (what, letters) in deliveries(n, &first) {
            let refused = nodes.continue_keygen(n, &attempt, letters).await;
            assert_no_letter(what, refused.err().map(|refusal| refusal.reason));
        }
    }
    let mut second = Outbox::new();
    for n in 0..NODES {
        // The letters of the second round do not come before the first.
        let early = nodes.finish_keygen(n, &attempt, inbox(n, &first)).await;
        assert_no_letter("a round too early", early.err().map(|refusal| refusal.reason));
        second.push(nodes.continue_keygen(n, &attempt, inbox(n, &first)).await.unwrap());
        // Nor a round twice.
        let again = nodes.continue_keygen(n, &attempt, inbox(n, &first)).await;
        assert_no_letter("a round twice", again.err().map(|refusal| refusal.reason));
    }
    let mut attestations = Vec::new();
    for n in 0..NODES {
        for (what, letters) in deliveries(n, &second) {
            let refused = nodes.finish_keygen(n, &attempt, letters).await;
            assert_no_letter(what, refused.err().map(|refusal| refusal.reason));
        }
        let replayed = nodes.finish_keygen(n, &attempt, inbox(n, &first)).await;
        assert_no_letter("those of the first round", replayed.err().map(|refusal| refusal.reason));
        attestations.push(nodes.finish_keygen(n, &attempt, inbox(n, &second)).await.unwrap());
    }
    let wallet = nodes.attested(attestations);
    for n in 0..NODES {
        let name = nodes.wallet_name(wallet.on.id);
        nodes.activate(n, name, wallet.attestations.clone()).await.unwrap();
    }
    nodes.sign_honestly(&wallet, &nodes.signing(&wallet, b"works"), None).await;
}

/// The letters of a first round, by attempt.
async fn committed(nodes: &Nodes, harvest: &mut Harvest, operation: &CheckedOperation) -> (String, Outbox) {
    let (receipt, attempt) = (nodes.receipt(operation), nodes.attempt());
    let outbox = nodes.commit_all(harvest, &receipt, operation, &attempt, &[0, 1]).await.unwrap();
    (attempt, outbox)
}

#[tokio::test]
async fn letters_of_another_attempt_operation_or_wallet_are_not_taken() {
    let nodes = Nodes::new().await;
    let (wallet, other) = (nodes.create().await, nodes.create().await);
    let mut harvest = Harvest::default();
    let ordered = nodes.signing(&wallet, b"ordered");
    let (_, earlier) = committed(&nodes, &mut harvest, &ordered).await;
    let same_bytes = nodes.signing(&wallet, b"ordered");
    let (_, of_another_operation) = committed(&nodes, &mut harvest, &same_bytes).await;
    let (_, of_another_wallet) = committed(&nodes, &mut harvest, &nodes.signing(&other, b"ordered")).await;
    let body = Body::SignMessage { wallet: wallet.on, message: b"ordered".to_vec() };
    let eve = kernel::UserId::random(nodes.entropy.as_ref());
    let of_eve = nodes.operation_of(eve, OperationId::random(nodes.entropy.as_ref()), body);
    let refused = nodes.commit(0, &nodes.receipt(&of_eve), &of_eve, &nodes.attempt(), &[0, 1]).await;
    assert_eq!(refused.unwrap_err().reason, Reason::ResourceNotFound);

    let (attempt, outbox) = committed(&nodes, &mut harvest, &ordered).await;
    for n in [0, 1] {
        for replayed in [&earlier, &of_another_operation, &of_another_wallet] {
            let refused = nodes.sign_share(n, &attempt, inbox(n, replayed)).await.unwrap_err();
            assert_eq!(refused.reason, Reason::EnvelopeInvalid);
            // Relabelled so that only seal and signature tell.
            let mut relabelled = inbox(n, replayed);
            for (letter, right) in relabelled.iter_mut().zip(inbox(n, &outbox)) {
                letter.header = right.header;
            }
            let refused = nodes.sign_share(n, &attempt, relabelled).await.unwrap_err();
            assert_eq!(refused.reason, Reason::EnvelopeInvalid);
        }
        let share = nodes.sign_share(n, &attempt, inbox(n, &outbox)).await.unwrap();
        harvest.share(n, &share);
    }
    assert_eq!(harvest.signatures(&wallet, &[b"ordered"]).len(), 1);
    assert_eq!(harvest.signatures(&other, &[b"ordered"]).len(), 0);
}

#[tokio::test]
async fn letters_of_one_key_generation_do_not_serve_another() {
    let nodes = Nodes::new().await;
    let (one, two) = (nodes.creation(), nodes.creation());
    let (a, b, again) = (nodes.attempt(), nodes.attempt(), nodes.attempt());
    let (mut of_a, mut of_b, mut of_again) = (Outbox::new(), Outbox::new(), Outbox::new());
    for n in 0..NODES {
        of_a.push(nodes.start_keygen(n, &nodes.receipt(&one), &one, &a).await.unwrap());
        of_b.push(nodes.start_keygen(n, &nodes.receipt(&two), &two, &b).await.unwrap());
    }
    for n in 0..NODES {
        let refused = nodes.continue_keygen(n, &a, inbox(n, &of_b)).await.unwrap_err();
        assert_eq!(refused.reason, Reason::EnvelopeInvalid);
        of_again.push(nodes.start_keygen(n, &nodes.receipt(&one), &one, &again).await.unwrap());
    }
    for n in 0..NODES {
        let refused = nodes.continue_keygen(n, &again, inbox(n, &of_a)).await.unwrap_err();
        assert_eq!(refused.reason, Reason::EnvelopeInvalid);
        let refused = nodes.continue_keygen(n, &a, inbox(n, &of_a)).await.unwrap_err();
        assert_eq!(refused.reason, Reason::AttemptUnknown);
        nodes.continue_keygen(n, &again, inbox(n, &of_again)).await.unwrap();
    }
}

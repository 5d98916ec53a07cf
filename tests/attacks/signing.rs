//! Signatures that nobody ordered.

use std::sync::Arc;
use std::time::Duration;

use jose::ReceiptClaims;
use kernel::{Action, Clock as _, OperationId, Reason, TokenId, UserId};
use operation::{Body, CheckedOperation, WalletRef};
use testkit::TestReceipts;

use super::harvest::Harvest;
use super::moves::inbox;
use super::nodes::{AUDIENCE, NODES, Nodes, node_id};

const ORDERED: &[u8] = b"pay 1 to bob";
const WANTED: &[u8] = b"pay 1000 to eve";

#[tokio::test]
async fn a_captured_receipt_signs_nothing_but_its_own_message() {
    let nodes = Nodes::new().await;
    let (wallet, other) = (nodes.create().await, nodes.create().await);
    let ordered = nodes.signing(&wallet, ORDERED);
    let receipt = nodes.receipt_paid_by(&ordered, Some(nodes.token()));
    let eve = UserId::random(nodes.entropy.as_ref());
    let (id, own) = (ordered.operation().id, ordered.operation().user);
    let sign = |wallet, message: &[u8]| Body::SignMessage { wallet, message: message.to_vec() };
    let later = WalletRef { share_generation: 2, ..wallet.on };
    let others: Vec<CheckedOperation> = vec![
        nodes.operation_of(own, id, sign(wallet.on, WANTED)),
        nodes.operation_of(own, id, sign(other.on, ORDERED)),
        nodes.operation_of(own, id, sign(later, ORDERED)),
        nodes.operation_of(eve, id, sign(wallet.on, ORDERED)),
        nodes.operation_of(own, OperationId::random(nodes.entropy.as_ref()), sign(wallet.on, ORDERED)),
        nodes.operation_of(own, OperationId::random(nodes.entropy.as_ref()), sign(wallet.on, WANTED)),
    ];
    let mut harvest = Harvest::default();
    for operation in &others {
        for n in 0..NODES {
            let partner = (n + 1) % NODES;
            let refused = nodes.commit(n, &receipt, operation, &nodes.attempt(), &[n, partner]).await;
            assert_eq!(refused.unwrap_err().reason, Reason::ReceiptMismatch, "{operation:?}");
        }
    }
    // Neither an export nor a creation.
    for n in 0..NODES {
        let export = nodes.exporting(&wallet, [9; 32]);
        let refused = nodes.export_share(n, &receipt, &export).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ReceiptMismatch);
        let creation = nodes.creation();
        let refused = nodes.start_keygen(n, &receipt, &creation, &nodes.attempt()).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ReceiptMismatch);
        assert!(
            nodes.audit(n).rows().iter().any(|row| row.outcome.reason() == Some(Reason::ReceiptMismatch))
        );
    }
    // Nothing was consumed: the order is carried out, and is all that comes of everything that was obtained.
    nodes.sign(&mut harvest, &receipt, &ordered, &[0, 1]).await.unwrap();
    let found = harvest.signatures(&wallet, &[ORDERED, WANTED]);
    assert_eq!(found.keys().collect::<Vec<_>>(), [ORDERED]);
    assert!(harvest.signatures(&other, &[ORDERED, WANTED]).is_empty());
}

#[tokio::test]
async fn a_receipt_that_is_not_right_in_everything_is_none() {
    let nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let ordered = nodes.signing(&wallet, ORDERED);
    let good = nodes.issuer.claims(&ordered, AUDIENCE, None, nodes.clock.now());
    let with = |change: &dyn Fn(&mut ReceiptClaims)| {
        let mut claims = good.clone();
        change(&mut claims);
        nodes.issuer.sign(&claims)
    };
    let stranger = TestReceipts::new("https://issuer.example");
    use Reason::{ReceiptExpired as Expired, ReceiptInvalid as Invalid, ReceiptMismatch as Mismatch};
    let now = nodes.clock.now().seconds();
    let table: Vec<(&str, String, Reason)> = vec![
        ("none", String::new(), Reason::ReceiptMissing),
        ("nonsense", "a.b.c".to_owned(), Invalid),
        ("another group", with(&|c| c.aud = "urn:countersign:nodes:other".to_owned()), Invalid),
        ("another service", with(&|c| c.aud = "urn:countersign:mfa-devices".to_owned()), Invalid),
        ("another issuer", with(&|c| c.iss = "https://elsewhere.example".to_owned()), Invalid),
        ("somebody else's key", stranger.sign(&good), Invalid),
        ("over", with(&|c| (c.iat, c.exp) = (now - 120, now - 60)), Expired),
        ("too old, whatever its end", with(&|c| (c.iat, c.exp) = (now - 600, now + 60)), Expired),
        ("made in the future", with(&|c| (c.iat, c.exp) = (now + 600, now + 660)), Invalid),
        ("longer than receipts live", with(&|c| c.exp = now + 600), Invalid),
        ("another digest", with(&|c| c.digest = [7; 32]), Mismatch),
        ("another action", with(&|c| c.action = Action::WalletExport), Mismatch),
        ("another wallet", with(&|c| c.wallet = None), Mismatch),
        ("another generation", with(&|c| c.share_generation = Some(2)), Mismatch),
        ("another user", with(&|c| c.sub = UserId::random(nodes.entropy.as_ref())), Mismatch),
    ];
    for (what, receipt, reason) in &table {
        for n in 0..NODES {
            let refused = nodes.commit(n, receipt, &ordered, &nodes.attempt(), &[n, (n + 1) % NODES]).await;
            assert_eq!(refused.err().map(|refusal| refusal.reason), Some(*reason), "{what}");
        }
    }
    nodes.sign_honestly(&wallet, &ordered, None).await;
    // A good receipt that was kept back: its time ends.
    let kept = nodes.receipt(&nodes.signing(&wallet, ORDERED));
    nodes.clock.advance(Duration::from_secs(70));
    let refused = nodes.commit(0, &kept, &ordered, &nodes.attempt(), &[0, 1]).await.unwrap_err();
    assert_eq!(refused.reason, Expired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonces_are_good_for_one_share_however_many_ask_at_once() {
    let nodes = Arc::new(Nodes::new().await);
    let wallet = nodes.create().await;
    let ordered = nodes.signing(&wallet, ORDERED);
    let receipt = nodes.receipt(&ordered);
    let (mut harvest, attempt) = (Harvest::default(), nodes.attempt());
    let outbox = nodes.commit_all(&mut harvest, &receipt, &ordered, &attempt, &[0, 1]).await.unwrap();
    let letters = inbox(0, &outbox);
    let answers = testkit::race(std::slice::from_ref(&nodes), 64, |nodes, _| {
        let (attempt, letters) = (attempt.clone(), letters.clone());
        async move { nodes.sign_share(0, &attempt, letters).await }
    })
    .await;
    let mut given = 0;
    for answer in answers {
        match answer {
            Ok(share) => {
                harvest.share(0, &share);
                given += 1;
            }
            Err(refusal) => assert_eq!(refusal.reason, Reason::EnvelopeInvalid),
        }
    }
    assert_eq!((given, harvest.shares()), (1, 1));
    let again = nodes.sign_share(0, &attempt, letters).await.unwrap_err();
    assert_eq!(again.reason, Reason::EnvelopeInvalid);
}

#[tokio::test]
async fn two_orders_at_once_give_two_signatures_and_not_a_third() {
    let nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let (one, two) = (nodes.signing(&wallet, b"one"), nodes.signing(&wallet, b"two"));
    let (receipt_one, receipt_two) = (nodes.receipt(&one), nodes.receipt(&two));
    let mut harvest = Harvest::default();
    let (a, b) = (nodes.attempt(), nodes.attempt());
    let of_one = nodes.commit_all(&mut harvest, &receipt_one, &one, &a, &[0, 1]).await.unwrap();
    let of_two = nodes.commit_all(&mut harvest, &receipt_two, &two, &b, &[0, 1]).await.unwrap();
    // The letters of each in the other: nothing is answered, and nothing consumed.
    for n in [0, 1] {
        for (attempt, letters) in [(&a, inbox(n, &of_two)), (&b, inbox(n, &of_one))] {
            let refused = nodes.sign_share(n, attempt, letters).await.unwrap_err();
            assert_eq!(refused.reason, Reason::EnvelopeInvalid);
        }
        let mixed = vec![inbox(n, &of_one).remove(0), inbox(n, &of_two).remove(0)];
        let refused = nodes.sign_share(n, &a, mixed).await.unwrap_err();
        assert_eq!(refused.reason, Reason::EnvelopeInvalid);
    }
    for n in [0, 1] {
        let share = nodes.sign_share(n, &a, inbox(n, &of_one)).await.unwrap();
        harvest.share(n, &share);
        let share = nodes.sign_share(n, &b, inbox(n, &of_two)).await.unwrap();
        harvest.share(n, &share);
    }
    let found = harvest.signatures(&wallet, &[b"one", b"two", WANTED, b""]);
    assert_eq!(found.keys().collect::<Vec<_>>(), [b"one", b"two"]);
}

#[tokio::test]
async fn a_new_attempt_takes_the_place_of_the_earlier_one() {
    let nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let ordered = nodes.signing(&wallet, ORDERED);
    let receipt = nodes.receipt(&ordered);
    let (mut harvest, a, b) = (Harvest::default(), nodes.attempt(), nodes.attempt());
    let first = nodes.commit_all(&mut harvest, &receipt, &ordered, &a, &[0, 1]).await.unwrap();
    let second = nodes.commit_all(&mut harvest, &receipt, &ordered, &b, &[1, 2]).await.unwrap();
    // Node 1 took part in both, and is in the second alone now.
    let late = nodes.sign_share(1, &a, inbox(1, &first)).await.unwrap_err();
    assert_eq!(late.reason, Reason::AttemptUnknown);
    let crossed = nodes.sign_share(1, &b, inbox(1, &first)).await.unwrap_err();
    assert_eq!(crossed.reason, Reason::EnvelopeInvalid);
    for (n, attempt, outbox) in [(0, &a, &first), (1, &b, &second), (2, &b, &second)] {
        let share = nodes.sign_share(n, attempt, inbox(n, outbox)).await.unwrap();
        harvest.share(n, &share);
    }
    let found = harvest.signatures(&wallet, &[ORDERED, WANTED]);
    assert_eq!(found.keys().collect::<Vec<_>>(), [ORDERED]);
    // Under an attempt id that it knows, a node makes no nonces a second time.
    let again = nodes.commit(1, &receipt, &ordered, &b, &[1, 2]).await.unwrap_err();
    assert_eq!(again.reason, Reason::InvalidRequest);
    let other = nodes.signing(&wallet, WANTED);
    let refused = nodes.commit(1, &nodes.receipt(&other), &other, &b, &[1, 2]).await.unwrap_err();
    assert_eq!(refused.reason, Reason::InvalidRequest);
    // Under an older one it may; they are fresh ones, and what was said under it before is of no use with them.
    let late = nodes.commit(1, &receipt, &ordered, &a, &[0, 1]).await;
    if let Ok(committed) = late {
        harvest.commitment(1, &committed);
        if let Ok(share) = nodes.sign_share(1, &a, inbox(1, &first)).await {
            harvest.share(1, &share);
        }
    }
    let found = harvest.signatures(&wallet, &[ORDERED, WANTED]);
    assert_eq!(found.keys().collect::<Vec<_>>(), [ORDERED]);
}

#[tokio::test]
async fn an_operation_that_has_its_result_is_over() {
    let nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let ordered = nodes.signing(&wallet, ORDERED);
    let token = Some(nodes.token());
    let signature = nodes.sign_honestly(&wallet, &ordered, token).await;
    // No false end: a signature over something else, or of another wallet.
    let other = nodes.create().await;
    let foreign = nodes.sign_honestly(&other, &nodes.signing(&other, ORDERED), None).await;
    for wrong in [foreign, vec![0; 64]] {
        let refused = nodes.record(0, &ordered, &wrong).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ProtocolFailed);
    }
    let never_begun = nodes.signing(&wallet, ORDERED);
    let refused = nodes.record(0, &never_begun, &signature).await.unwrap_err();
    assert_eq!(refused.reason, Reason::ReceiptSpent);
    for n in [0, 1] {
        nodes.record(n, &ordered, &signature).await.unwrap();
        nodes.record(n, &ordered, &signature).await.unwrap();
        let fresh = nodes.receipt_paid_by(&ordered, token);
        let refused = nodes.commit(n, &fresh, &ordered, &nodes.attempt(), &[n, 2]).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ReceiptSpent);
    }
}

#[tokio::test]
async fn one_operation_id_is_one_operation_whatever_the_issuer_says() {
    let nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let ordered = nodes.signing(&wallet, ORDERED);
    let body = Body::SignMessage { wallet: wallet.on, message: WANTED.to_vec() };
    let other = nodes.operation_of(nodes.user, ordered.operation().id, body);
    let mut harvest = Harvest::default();
    nodes.sign(&mut harvest, &nodes.receipt(&ordered), &ordered, &[0, 1]).await.unwrap();
    // A good receipt for another digest under the same id: at no two nodes.
    for signers in [[0, 1], [0, 2], [1, 2]] {
        let attempt = nodes.attempt();
        for n in signers {
            match nodes.commit(n, &nodes.receipt(&other), &other, &attempt, &signers).await {
                Ok(committed) => {
                    assert_eq!(n, 2, "the only node that has not heard of the order");
                    harvest.commitment(n, &committed);
                }
                Err(refusal) => assert_eq!(refusal.reason, Reason::ReceiptSpent),
            }
        }
    }
    let found = harvest.signatures(&wallet, &[ORDERED, WANTED]);
    assert_eq!(found.keys().collect::<Vec<_>>(), [ORDERED]);
}

/// Starts all operations, two by two, at quorums that share as little as they can, and gives what came of it.
async fn race(nodes: &Arc<Nodes>, operations: &[CheckedOperation], token: TokenId) -> Harvest {
    let harvests = testkit::race(operations, operations.len(), |operation, at| {
        let nodes = Arc::clone(nodes);
        async move {
            let receipt = nodes.receipt_paid_by(&operation, Some(token));
            let signers = [[0, 1], [2, 0], [1, 2]][at % 3];
            let mut harvest = Harvest::default();
            let end = nodes.sign(&mut harvest, &receipt, &operation, &signers).await;
            if let Err(refusal) = end {
                assert_eq!(refusal.reason, Reason::ReceiptSpent, "{refusal:?}");
            }
            harvest
        }
    })
    .await;
    let mut harvest = Harvest::default();
    for other in harvests {
        harvest.merge(other);
    }
    harvest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_token_pays_for_one_operation_at_whichever_quorums() {
    let nodes = Arc::new(Nodes::new().await);
    let wallet = nodes.create().await;
    for round in 0..20 {
        let messages: Vec<_> = (0..6).map(|n| format!("{round} {n}").into_bytes()).collect();
        let operations: Vec<_> = messages.iter().map(|message| nodes.signing(&wallet, message)).collect();
        let harvest = race(&nodes, &operations, nodes.token()).await;
        let wanted: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let found = harvest.signatures(&wallet, &wanted);
        assert!(found.len() <= 1, "{} operations ran on one token", found.len());
        // What was begun and not ended keeps its places at the nodes until its time is over.
        nodes.clock.advance(Duration::from_secs(61));
    }
}

#[tokio::test]
async fn signers_are_exactly_as_many_as_it_takes_and_the_node_is_one_of_them() {
    let nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let ordered = nodes.signing(&wallet, ORDERED);
    let receipt = nodes.receipt(&ordered);
    for signers in [&[][..], &[0], &[0, 0], &[1, 2], &[0, 1, 2], &[0, 9]] {
        let refused = nodes.commit(0, &receipt, &ordered, &nodes.attempt(), signers).await.unwrap_err();
        assert_eq!(refused.reason, Reason::InvalidRequest, "{signers:?}");
    }
    // Nodes that are told of different signers do not sign together.
    let attempt = nodes.attempt();
    let mut harvest = Harvest::default();
    let zero = nodes.commit(0, &receipt, &ordered, &attempt, &[0, 1]).await.unwrap();
    let one = nodes.commit(1, &receipt, &ordered, &attempt, &[1, 2]).await.unwrap();
    harvest.commitment(0, &zero);
    harvest.commitment(1, &one);
    let letters = inbox(1, &[zero.envelopes, one.envelopes]);
    let refused = nodes.sign_share(1, &attempt, letters).await.unwrap_err();
    assert_eq!(refused.reason, Reason::EnvelopeInvalid);
    assert_eq!(harvest.signatures(&wallet, &[ORDERED]).len(), 0);
    assert_eq!(node_id(0).as_str(), "node-1");
}

//! Nodes whose process ends in between: what was in memory is gone, and what was spent stays spent.

use kernel::Reason;
use operation::Body;

use super::harvest::Harvest;
use super::moves::{Outbox, inbox};
use super::nodes::{NODES, Nodes};

#[tokio::test]
async fn a_restarted_node_has_forgotten_its_nonces_and_not_its_ledger() {
    let mut nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let ordered = nodes.signing(&wallet, b"ordered");
    let token = Some(nodes.token());
    let receipt = nodes.receipt_paid_by(&ordered, token);
    let (mut harvest, attempt) = (Harvest::default(), nodes.attempt());
    let outbox = nodes.commit_all(&mut harvest, &receipt, &ordered, &attempt, &[0, 1]).await.unwrap();
    nodes.restart(0).await;
    let refused = nodes.sign_share(0, &attempt, inbox(0, &outbox)).await.unwrap_err();
    assert_eq!(refused.reason, Reason::AttemptUnknown);
    // No nonces are made for an attempt that had some.
    let refused = nodes.commit(0, &receipt, &ordered, &attempt, &[0, 1]).await.unwrap_err();
    assert_eq!(refused.reason, Reason::InvalidRequest);
    // The other node's share was for commitments that nobody can answer any more.
    let share = nodes.sign_share(1, &attempt, inbox(1, &outbox)).await.unwrap();
    harvest.share(1, &share);
    assert_eq!(harvest.signatures(&wallet, &[b"ordered"]).len(), 0);

    // The token and the operation id are bound, at the restarted node as well.
    let other = nodes.signing(&wallet, b"other");
    let refused =
        nodes.commit(0, &nodes.receipt_paid_by(&other, token), &other, &nodes.attempt(), &[0, 1]).await;
    assert_eq!(refused.unwrap_err().reason, Reason::ReceiptSpent);
    let body = Body::SignMessage { wallet: wallet.on, message: b"other".to_vec() };
    let same_id = nodes.operation_of(nodes.user, ordered.operation().id, body);
    let refused = nodes.commit(0, &nodes.receipt(&same_id), &same_id, &nodes.attempt(), &[0, 2]).await;
    assert_eq!(refused.unwrap_err().reason, Reason::ReceiptSpent);
    // The order itself is tried again, and carried out.
    nodes.sign(&mut harvest, &receipt, &ordered, &[0, 1]).await.unwrap();
    let found = harvest.signatures(&wallet, &[b"ordered", b"other"]);
    assert_eq!(found.keys().collect::<Vec<_>>(), [b"ordered"]);
    for n in [0, 1] {
        nodes.record(n, &ordered, &found[&b"ordered"[..]]).await.unwrap();
    }
    for n in 0..NODES {
        nodes.restart(n).await;
    }
    for n in [0, 1] {
        let refused = nodes.commit(n, &receipt, &ordered, &nodes.attempt(), &[n, 2]).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ReceiptSpent);
    }
    // The wallet is still there.
    nodes.sign_honestly(&wallet, &nodes.signing(&wallet, b"after"), None).await;
}

#[tokio::test]
async fn a_key_that_was_being_made_is_made_anew_and_a_made_one_is_put_into_use() {
    let mut nodes = Nodes::new().await;
    let creation = nodes.creation();
    let (receipt, attempt) = (nodes.receipt(&creation), nodes.attempt());
    let mut first = Outbox::new();
    for n in 0..NODES {
        first.push(nodes.start_keygen(n, &receipt, &creation, &attempt).await.unwrap());
    }
    nodes.restart(2).await;
    let refused = nodes.continue_keygen(2, &attempt, inbox(2, &first)).await.unwrap_err();
    assert_eq!(refused.reason, Reason::AttemptUnknown);
    let attestations = nodes.keygen(&receipt, &creation).await;
    let wallet = nodes.attested(attestations.clone());
    let name = nodes.wallet_name(wallet.on.id);
    nodes.activate(0, name.clone(), attestations.clone()).await.unwrap();
    for n in 0..NODES {
        nodes.restart(n).await;
    }
    for n in 0..NODES {
        nodes.activate(n, name.clone(), attestations.clone()).await.unwrap();
        let refused = nodes.start_keygen(n, &receipt, &creation, &nodes.attempt()).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ReceiptSpent);
    }
    nodes.sign_honestly(&wallet, &nodes.signing(&wallet, b"works"), None).await;
}

#[tokio::test]
async fn a_node_in_between_two_calls_of_one_attempt_lets_nothing_out_that_another_node_could_use() {
    // Both are restarted after both committed: no share can come of these commitments, so none does.
    let mut nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let ordered = nodes.signing(&wallet, b"ordered");
    let receipt = nodes.receipt(&ordered);
    let (mut harvest, attempt) = (Harvest::default(), nodes.attempt());
    let outbox = nodes.commit_all(&mut harvest, &receipt, &ordered, &attempt, &[1, 2]).await.unwrap();
    nodes.restart(1).await;
    nodes.restart(2).await;
    for n in [1, 2] {
        let refused = nodes.sign_share(n, &attempt, inbox(n, &outbox)).await.unwrap_err();
        assert_eq!(refused.reason, Reason::AttemptUnknown);
    }
    assert_eq!(harvest.shares(), 0);
    nodes.sign_honestly(&wallet, &ordered, None).await;
}

//! Keys for somebody else than who ordered them.

use std::sync::Arc;

use kernel::{OperationId, Reason, UserId};
use mpc_signer::export::RecipientKey;
use operation::{Body, WalletRef};
use proto::mpc_signer::ExportBox;

use super::harvest::{Harvest, opens};
use super::nodes::{NODES, Nodes};

fn key(nodes: &Nodes) -> RecipientKey {
    RecipientKey::generate(nodes.entropy.as_ref())
}

#[tokio::test]
async fn a_captured_receipt_exports_to_nobody_but_its_owner() {
    let nodes = Nodes::new().await;
    let (wallet, other) = (nodes.create().await, nodes.create().await);
    let (owner, thief) = (key(&nodes), key(&nodes));
    let ordered = nodes.exporting(&wallet, owner.public());
    let signing = nodes.signing(&wallet, b"ordered");
    let receipts = [
        nodes.receipt_paid_by(&ordered, Some(nodes.token())),
        nodes.receipt_paid_by(&signing, Some(nodes.token())),
    ];
    let eve = UserId::random(nodes.entropy.as_ref());
    let (id, own) = (ordered.operation().id, nodes.user);
    let export =
        |wallet, key: &RecipientKey| Body::ExportWallet { wallet, recipient_public_key: key.public() };
    let later = WalletRef { share_generation: 2, ..wallet.on };
    let fresh = || OperationId::random(nodes.entropy.as_ref());
    let thefts = [
        nodes.operation_of(own, id, export(wallet.on, &thief)),
        nodes.operation_of(own, id, export(other.on, &owner)),
        nodes.operation_of(own, id, export(later, &owner)),
        nodes.operation_of(eve, id, export(wallet.on, &owner)),
        nodes.operation_of(own, fresh(), export(wallet.on, &owner)),
        nodes.operation_of(own, fresh(), export(wallet.on, &thief)),
        nodes.operation_of(own, signing.operation().id, export(wallet.on, &thief)),
    ];
    let mut harvest = Harvest::default();
    for theft in &thefts {
        for receipt in &receipts {
            for n in 0..NODES {
                let refused = nodes.export_share(n, receipt, theft).await.unwrap_err();
                assert_eq!(refused.reason, Reason::ReceiptMismatch, "{theft:?}");
            }
        }
    }
    let mut boxes = Vec::new();
    for n in [0, 2] {
        let sealed = nodes.export_share(n, &receipts[0], &ordered).await.unwrap();
        harvest.sealed(&ordered, sealed.clone());
        boxes.push(sealed);
    }
    assert_eq!(harvest.opened(&nodes, &wallet, &[&thief]), 0);
    // The same look finds what there is to find with the owner's key.
    assert_eq!(harvest.opened(&nodes, &wallet, &[&thief, &owner]), 2);
    assert_eq!(opens(&nodes, &wallet, &ordered, &owner, &boxes).unwrap(), wallet.statement.key.public_key);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_exports_on_one_token_give_one_whole_key() {
    let nodes = Arc::new(Nodes::new().await);
    let wallet = nodes.create().await;
    for _ in 0..10 {
        let token = nodes.token();
        let keys = [key(&nodes), key(&nodes), key(&nodes)];
        let operations: Vec<_> = keys.iter().map(|key| nodes.exporting(&wallet, key.public())).collect();
        let races = testkit::race(&operations, operations.len(), |operation, at| {
            let nodes = Arc::clone(&nodes);
            async move {
                let receipt = nodes.receipt_paid_by(&operation, Some(token));
                let mut boxes = Vec::new();
                for n in 0..NODES {
                    match nodes.export_share((at + n) % NODES, &receipt, &operation).await {
                        Ok(sealed) => boxes.push(sealed),
                        Err(refusal) => assert_eq!(refusal.reason, Reason::ReceiptSpent),
                    }
                }
                boxes
            }
        })
        .await;
        let mut whole = 0;
        for (at, boxes) in races.iter().enumerate() {
            whole += usize::from(opens(&nodes, &wallet, &operations[at], &keys[at], boxes).is_ok());
        }
        assert!(whole <= 1, "{whole} exports ran on one token");
    }
}

#[tokio::test]
async fn a_repeated_export_is_for_the_same_key_and_another_under_its_id_is_refused() {
    let nodes = Nodes::new().await;
    let wallet = nodes.create().await;
    let (owner, thief) = (key(&nodes), key(&nodes));
    let ordered = nodes.exporting(&wallet, owner.public());
    let token = Some(nodes.token());
    let (mut harvest, mut boxes) = (Harvest::default(), Vec::new());
    for n in 0..NODES {
        for _ in 0..2 {
            let sealed =
                nodes.export_share(n, &nodes.receipt_paid_by(&ordered, token), &ordered).await.unwrap();
            harvest.sealed(&ordered, sealed.clone());
            boxes.push(sealed);
        }
    }
    // The issuer says so, too; the nodes do not.
    let body = Body::ExportWallet { wallet: wallet.on, recipient_public_key: thief.public() };
    let theft = nodes.operation_of(nodes.user, ordered.operation().id, body);
    for n in 0..NODES {
        let refused = nodes.export_share(n, &nodes.receipt(&theft), &theft).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ReceiptSpent);
        let other = nodes.exporting(&wallet, thief.public());
        let refused = nodes.export_share(n, &nodes.receipt_paid_by(&other, token), &other).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ReceiptSpent);
    }
    assert_eq!(harvest.opened(&nodes, &wallet, &[&thief]), 0);
    for pair in [[0, 2], [1, 5], [3, 4]] {
        let two = pair.map(|at| boxes[at].clone());
        assert!(opens(&nodes, &wallet, &ordered, &owner, &two).is_ok());
    }
}

#[tokio::test]
async fn the_owner_notices_boxes_that_are_not_the_nodes_own() {
    let nodes = Nodes::new().await;
    let (wallet, other) = (nodes.create().await, nodes.create().await);
    let owner = key(&nodes);
    let (ordered, of_other) =
        (nodes.exporting(&wallet, owner.public()), nodes.exporting(&other, owner.public()));
    let again = nodes.exporting(&wallet, owner.public());
    let (mut boxes, mut foreign, mut earlier) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..NODES {
        boxes.push(nodes.export_share(n, &nodes.receipt(&ordered), &ordered).await.unwrap());
        foreign.push(nodes.export_share(n, &nodes.receipt(&of_other), &of_other).await.unwrap());
        earlier.push(nodes.export_share(n, &nodes.receipt(&again), &again).await.unwrap());
    }
    assert!(opens(&nodes, &wallet, &ordered, &owner, &boxes[..2]).is_ok());
    let with = |change: &dyn Fn(&mut Vec<ExportBox>)| {
        let mut two = boxes[..2].to_vec();
        change(&mut two);
        two
    };
    let table: Vec<(&str, Vec<ExportBox>)> = vec![
        ("none", Vec::new()),
        ("one", boxes[..1].to_vec()),
        ("one twice", vec![boxes[0].clone(), boxes[0].clone()]),
        ("one in another's name", with(&|b| b[1].node_id.clone_from(&boxes[2].node_id))),
        ("one of a stranger", with(&|b| b[1].node_id = "node-9".to_owned())),
        ("a flipped bit in a ciphertext", with(&|b| b[1].ciphertext[0] ^= 1)),
        ("a flipped bit in an encapsulated key", with(&|b| b[1].encapsulated_key[0] ^= 1)),
        ("a flipped bit in a signature", with(&|b| b[1].signature[0] ^= 1)),
        ("one of another wallet", with(&|b| b[1] = foreign[1].clone())),
        ("one of another export", with(&|b| b[1] = earlier[1].clone())),
        ("all of another wallet", foreign.clone()),
    ];
    for (what, wrong) in table {
        assert!(opens(&nodes, &wallet, &ordered, &owner, &wrong).is_err(), "{what}");
    }
}

use attestation::SealedShare;
use kernel::{Reason, Result, SecretText, WalletId};

use super::nodes::{Fault, Step, id};
use super::world::{BROUGHT, World, export, message, step_up_required};
use crate::domain::wallet::Wallet;
use crate::export_wallet::ExportWallet;

impl World {
    async fn export(&self, request: ExportWallet) -> Result<(Vec<SealedShare>, Wallet)> {
        self.gateway.export_wallet(&self.caller(), request).await
    }
}

fn from(shares: &[SealedShare]) -> Vec<u8> {
    (1..=3).filter(|number| shares.iter().any(|share| share.node == id(*number))).collect()
}

#[tokio::test]
async fn the_boxes_of_two_nodes_are_passed_on_and_kept() {
    let (world, wallet) = World::with_wallet().await;
    let (shares, exported) = world.export(export(wallet.path.wallet, 2)).await.unwrap();
    assert_eq!(exported, wallet);
    assert_eq!(shares.len(), 2);
    assert_eq!(world.nodes.asked(Step::Export).len(), 2);
    assert_eq!(world.asked_for_receipts(), 0);
    assert!(world.nodes.receipts()[3..].iter().all(|receipt| receipt == BROUGHT));

    // A node would give another box each time; the result is the first.
    world.nodes.clear_log();
    (1..=3).for_each(|node| world.nodes.down(node, true));
    let (again, _) = world.export(export(wallet.path.wallet, 2)).await.unwrap();
    assert_eq!(again, shares);
    assert!(world.nodes.steps().is_empty());
}

#[tokio::test]
async fn without_a_receipt_the_issuer_says_what_would_do() {
    let (world, wallet) = World::with_wallet().await;
    world.issuer.refuse(step_up_required());
    let request = ExportWallet { receipt: SecretText::from(String::new()), ..export(wallet.path.wallet, 2) };
    let error = world.export(request).await.unwrap_err();
    assert_eq!(error.reason(), Reason::StepUpRequired);
    assert_eq!(error.metadata(), step_up_required().metadata());
    assert_eq!(world.nodes.steps(), [Step::Status].into());
}

#[tokio::test]
async fn everything_that_can_fail_without_authorization_fails_first() {
    let (world, wallet) = World::with_wallet().await;
    let request = || export(wallet.path.wallet, 2);
    let cases = [
        (Reason::InvalidRequest, ExportWallet { recipient_public_key: [0; 32], ..request() }),
        (Reason::ReceiptInvalid, ExportWallet { receipt: SecretText::from("?".to_owned()), ..request() }),
        (Reason::ResourceNotFound, ExportWallet { wallet: WalletId::derive(&[8; 32]), ..request() }),
        (Reason::GenerationMismatch, ExportWallet { share_generation: 2, ..request() }),
    ];
    for (reason, case) in cases {
        assert_eq!(world.export(case).await.unwrap_err().reason(), reason);
    }
    let stranger = world.gateway.export_wallet(&world.stranger(), request()).await;
    assert_eq!(stranger.unwrap_err().reason(), Reason::ResourceNotFound);
    assert!(world.nodes.steps().is_empty());
    world.nodes.down(1, true);
    world.nodes.down(2, true);
    assert_eq!(world.export(request()).await.unwrap_err().reason(), Reason::NodeUnavailable);
    assert_eq!(world.nodes.steps(), [Step::Status].into());
    assert_eq!(world.asked_for_receipts(), 0);
}

#[tokio::test]
async fn a_node_that_is_lost_or_gives_a_box_of_its_own_making_is_replaced() {
    for fault in [Fault::Die, Fault::Spoil, Fault::Refuse(Reason::ResourceNotFound)] {
        let (world, wallet) = World::with_wallet().await;
        world.nodes.script(1, Step::Export, fault.clone());
        world.nodes.script(3, Step::Status, Fault::Hang);
        let (shares, _) = world.export(export(wallet.path.wallet, 2)).await.unwrap();
        assert_eq!(from(&shares), [2, 3], "{fault:?}");
    }
}

#[tokio::test]
async fn boxes_that_nobody_could_use_do_not_become_the_result() {
    let (world, wallet) = World::with_wallet().await;
    for node in 1..=3 {
        (0..3).for_each(|_| world.nodes.script(node, Step::Export, Fault::Spoil));
    }
    let error = world.export(export(wallet.path.wallet, 2)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ProtocolFailed);
    (1..=3).for_each(|node| world.nodes.unscript(node, Step::Export));
    let (shares, _) = world.export(export(wallet.path.wallet, 2)).await.unwrap();
    assert_eq!(shares.len(), 2);
}

#[tokio::test]
async fn the_id_of_another_operation_is_refused() {
    let (world, wallet) = World::with_wallet().await;
    world.sign(message(&wallet, 2)).await.unwrap();
    world.nodes.clear_log();
    let error = world.export(export(wallet.path.wallet, 2)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::OperationIdReused);
    world.export(export(wallet.path.wallet, 3)).await.unwrap();
    let mut other = export(wallet.path.wallet, 3);
    other.recipient_public_key[0] = 10;
    assert_eq!(world.export(other).await.unwrap_err().reason(), Reason::OperationIdReused);
}

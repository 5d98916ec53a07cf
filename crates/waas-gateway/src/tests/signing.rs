use kernel::audit::Outcome;
use kernel::{Reason, WalletId};

use super::nodes::{Fault, Step, id};
use super::world::{BROUGHT, World, is_good, message, operation, step_up_required, with_receipt};
use crate::domain::attested::Creation;
use crate::domain::fixtures::{directory, environment, user};
use crate::domain::wallet::{Wallet, WalletPath};
use crate::ports::OperationKey;
use crate::sign_message::SignMessage;

fn key(number: u8) -> OperationKey {
    OperationKey { environment: environment(), user: user(), id: operation(number) }
}

#[tokio::test]
async fn two_nodes_sign_what_the_session_may_sign() {
    let (world, wallet) = World::with_wallet().await;
    let signature = world.sign(message(&wallet, 2)).await.unwrap();
    assert!(is_good(&wallet, 2, &signature));
    assert_eq!(world.asked_for_receipts(), 1);
    assert_eq!(world.nodes.receipts().last().unwrap(), "session.receipt.2");
    assert_eq!(world.nodes.asked(Step::Commit).len(), 2);
    assert_eq!(world.nodes.recorded(), 2);
}

#[tokio::test]
async fn a_receipt_that_was_brought_is_carried_and_nobody_else_is_asked() {
    let (world, wallet) = World::with_wallet().await;
    world.issuer.refuse(step_up_required());
    let signature = world.sign(with_receipt(message(&wallet, 2), BROUGHT)).await.unwrap();
    assert!(is_good(&wallet, 2, &signature));
    assert_eq!(world.asked_for_receipts(), 0);
    assert_eq!(world.nodes.receipts()[3..], [BROUGHT, BROUGHT]);
}

#[tokio::test]
async fn the_same_call_again_gets_the_same_signature_whatever_has_changed() {
    let (world, wallet) = World::with_wallet().await;
    let signature = world.sign(message(&wallet, 2)).await.unwrap();
    world.nodes.clear_log();
    (1..=3).for_each(|node| world.nodes.down(node, true));
    world.issuer.refuse(step_up_required());
    assert_eq!(world.sign(message(&wallet, 2)).await.unwrap(), signature);
    assert!(world.nodes.steps().is_empty());
    assert_eq!(world.asked_for_receipts(), 1);
}

#[tokio::test]
async fn a_result_is_for_its_user_alone() {
    let (world, wallet) = World::with_wallet().await;
    world.sign(message(&wallet, 2)).await.unwrap();
    let error = world.gateway.sign_message(&world.stranger(), message(&wallet, 2)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ResourceNotFound);
}

#[tokio::test]
async fn another_message_under_a_used_id_is_refused_before_anybody_is_asked() {
    let (world, wallet) = World::with_wallet().await;
    world.sign(message(&wallet, 2)).await.unwrap();
    world.nodes.clear_log();
    let others = [
        SignMessage { message: b"other".to_vec(), ..message(&wallet, 2) },
        // The id of the wallet's creation.
        SignMessage { operation: operation(1), ..message(&wallet, 3) },
    ];
    for other in others {
        assert_eq!(world.sign(other).await.unwrap_err().reason(), Reason::OperationIdReused);
    }
    assert!(world.nodes.steps().is_empty());
    assert_eq!(world.asked_for_receipts(), 1);
}

#[tokio::test]
async fn everything_that_can_fail_without_authorization_fails_first() {
    let (world, wallet) = World::with_wallet().await;
    let creating = Wallet::begun(
        WalletPath { wallet: WalletId::derive(&[9; 32]), ..wallet.path },
        wallet.key_type,
        &directory(2, 3),
        wallet.created,
    );
    assert!(world.gateway.wallets.begin(&creating, 2).await.unwrap());
    let request = || with_receipt(message(&wallet, 2), BROUGHT);
    let cases = [
        (Reason::InvalidRequest, SignMessage { message: Vec::new(), ..request() }),
        (Reason::InvalidRequest, SignMessage { message: vec![b'a'; 65_537], ..request() }),
        (Reason::InvalidRequest, SignMessage { share_generation: 0, ..request() }),
        (Reason::ReceiptInvalid, with_receipt(request(), "not a receipt")),
        (Reason::ResourceNotFound, SignMessage { wallet: WalletId::derive(&[8; 32]), ..request() }),
        (Reason::WalletNotActive, SignMessage { wallet: creating.path.wallet, ..request() }),
        (Reason::GenerationMismatch, SignMessage { share_generation: 2, ..request() }),
    ];
    for (reason, case) in cases {
        assert_eq!(world.sign(case).await.unwrap_err().reason(), reason);
    }
    assert!(world.nodes.steps().is_empty());

    world.nodes.down(1, true);
    world.nodes.down(3, true);
    for receipt in [BROUGHT, ""] {
        let error = world.sign(with_receipt(message(&wallet, 2), receipt)).await.unwrap_err();
        assert_eq!(error.reason(), Reason::NodeUnavailable);
        assert_eq!(error.metadata()["nodes_needed"], "2");
        assert_eq!(error.metadata()["nodes_available"], "1");
    }
    assert_eq!(world.nodes.steps(), [Step::Status].into());
    assert_eq!(world.asked_for_receipts(), 0);
    assert_eq!(world.gateway.operations.find(key(2)).await.unwrap(), None);
    // Only the creation of the wallet changed anything.
    assert_eq!(world.audit.outcomes(), [("test".to_owned(), Outcome::Intended)]);
}

#[tokio::test]
async fn a_refusal_of_the_issuer_is_passed_on_whole_and_changes_nothing() {
    let (world, wallet) = World::with_wallet().await;
    world.issuer.refuse(step_up_required());
    let error = world.sign(message(&wallet, 2)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::StepUpRequired);
    assert_eq!(error.message(), step_up_required().message());
    assert_eq!(error.metadata(), step_up_required().metadata());
    assert_eq!(world.nodes.steps(), [Step::Status].into());
    assert_eq!(world.gateway.operations.find(key(2)).await.unwrap(), None);
    assert_eq!(world.audit.rows().len(), 1);
    // The same operation may come with a receipt.
    let signature = world.sign(with_receipt(message(&wallet, 2), BROUGHT)).await.unwrap();
    assert!(is_good(&wallet, 2, &signature));
}

#[tokio::test]
async fn without_an_audit_trail_no_node_is_asked_to_do_anything() {
    let (world, wallet) = World::with_wallet().await;
    world.audit.break_down();
    let error = world.sign(message(&wallet, 2)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::AuditUnavailable);
    assert_eq!(world.nodes.steps(), [Step::Status].into());
    assert_eq!(world.gateway.operations.find(key(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_node_that_is_down_or_of_another_group_is_not_asked() {
    let (world, wallet) = World::with_wallet().await;
    for (number, node) in (10..).zip(1..=3) {
        world.nodes.clear_log();
        if node == 2 {
            world.nodes.script(node, Step::Status, Fault::OtherGroup);
        } else {
            world.nodes.down(node, true);
        }
        let signature = world.sign(message(&wallet, number)).await.unwrap();
        assert!(is_good(&wallet, number, &signature));
        assert!(!world.nodes.asked(Step::Commit).contains(&id(node)));
        world.nodes.down(node, false);
    }
}

#[tokio::test]
async fn a_node_that_says_nothing_holds_nobody_up() {
    let (world, wallet) = World::with_wallet().await;
    world.nodes.script(1, Step::Status, Fault::Hang);
    let signature = world.sign(message(&wallet, 2)).await.unwrap();
    assert!(is_good(&wallet, 2, &signature));
    assert!(!world.nodes.asked(Step::Commit).contains(&id(1)));
}

#[tokio::test]
async fn a_node_lost_in_the_middle_of_a_round_is_replaced_in_a_new_attempt() {
    for (step, fault) in [
        (Step::Commit, Fault::Die),
        (Step::Share, Fault::Die),
        (Step::Share, Fault::Refuse(Reason::AttemptUnknown)),
        (Step::Commit, Fault::Refuse(Reason::WalletNotActive)),
        (Step::Commit, Fault::Refuse(Reason::Internal)),
        (Step::Commit, Fault::Refuse(Reason::ReceiptInvalid)),
        // By its own clock, which is not that of the others.
        (Step::Commit, Fault::Refuse(Reason::ReceiptExpired)),
        (Step::Commit, Fault::Misroute),
        (Step::Share, Fault::Spoil),
        (Step::Share, Fault::Refuse(Reason::EnvelopeInvalid)),
        (Step::Share, Fault::Blame(2)),
    ] {
        let (world, wallet) = World::with_wallet().await;
        let before = world.nodes.attempts();
        world.nodes.script(1, step, fault.clone());
        // One that answers and is preferred, and one that answers last: the first set is nodes 1 and 2.
        world.nodes.script(3, Step::Status, Fault::Hang);
        let signature = world.sign(with_receipt(message(&wallet, 2), BROUGHT)).await.unwrap();
        assert!(is_good(&wallet, 2, &signature), "{step:?} {fault:?}");
        assert_eq!(world.nodes.attempts() - before, 2, "{step:?} {fault:?}");
        assert!(world.nodes.asked(Step::Commit)[2..].contains(&id(3)), "{step:?} {fault:?}");
        assert!(world.nodes.receipts()[3..].iter().all(|receipt| receipt == BROUGHT));
        assert_eq!(world.asked_for_receipts(), 0);
        if matches!(fault, Fault::Misroute | Fault::Spoil | Fault::Die) {
            assert_eq!(world.nodes.asked(Step::Commit)[2..], [id(2), id(3)], "{step:?} {fault:?}");
        }
        if fault == Fault::Blame(2) {
            assert_eq!(world.nodes.asked(Step::Commit)[2..], [id(1), id(3)]);
        }
    }
}

#[tokio::test]
async fn a_node_that_blames_every_other_does_not_stop_the_honest_ones() {
    let (world, wallet) = World::with_wallet().await;
    world.nodes.script(1, Step::Share, Fault::Blame(2));
    world.nodes.script(1, Step::Share, Fault::Blame(3));
    world.nodes.script(3, Step::Status, Fault::Hang);
    let signature = world.sign(message(&wallet, 2)).await.unwrap();
    assert!(is_good(&wallet, 2, &signature));
    assert_eq!(world.nodes.asked(Step::Commit)[4..], [id(2), id(3)]);
}

#[tokio::test]
async fn when_too_few_are_left_the_operation_stays_open_and_can_be_sent_again() {
    let (world, wallet) = World::with_wallet().await;
    world.nodes.down(3, true);
    world.nodes.script(1, Step::Share, Fault::Die);
    let error = world.sign(message(&wallet, 2)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::NodeUnavailable);
    let record = world.gateway.operations.find(key(2)).await.unwrap().unwrap();
    assert_eq!(record.outcome, None);
    world.nodes.down(3, false);
    assert!(is_good(&wallet, 2, &world.sign(message(&wallet, 2)).await.unwrap()));
}

#[tokio::test]
async fn attempts_are_bounded_and_the_detail_stays_inside() {
    let (world, wallet) = World::with_wallet().await;
    for node in 1..=3 {
        for _ in 0..3 {
            world.nodes.script(node, Step::Share, Fault::Refuse(Reason::ProtocolFailed));
        }
    }
    let before = world.nodes.attempts();
    let error = world.sign(message(&wallet, 2)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ProtocolFailed);
    assert!(!error.message().contains("as told"));
    assert_eq!(world.nodes.attempts() - before, 3);
}

#[tokio::test]
async fn a_receipt_of_the_session_that_expired_is_renewed() {
    let (world, wallet) = World::with_wallet().await;
    world.nodes.expire("session.receipt.2");
    let signature = world.sign(message(&wallet, 2)).await.unwrap();
    assert!(is_good(&wallet, 2, &signature));
    assert_eq!(world.asked_for_receipts(), 2);
    assert_eq!(world.nodes.receipts().last().unwrap(), "session.receipt.3");
    // Not for ever.
    (4..=6).for_each(|number| world.nodes.expire(&format!("session.receipt.{number}")));
    let error = world.sign(message(&wallet, 3)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ReceiptExpired);
    // And not when policy has changed its mind.
    world.nodes.expire("session.receipt.7");
    let asked = world.asked_for_receipts();
    let sign = world.sign(message(&wallet, 4));
    let (error, ()) = futures::join!(sign, async {
        // The first receipt is given before the refusal is in place.
        while world.asked_for_receipts() == asked {
            tokio::task::yield_now().await;
        }
        world.issuer.refuse(step_up_required());
    });
    assert_eq!(error.unwrap_err().reason(), Reason::StepUpRequired);
}

#[tokio::test]
async fn a_receipt_that_was_brought_and_expired_is_for_the_client_to_renew() {
    let (world, wallet) = World::with_wallet().await;
    world.nodes.expire(BROUGHT);
    let error = world.sign(with_receipt(message(&wallet, 2), BROUGHT)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ReceiptExpired);
    assert_eq!(world.asked_for_receipts(), 0);
    let signature = world.sign(with_receipt(message(&wallet, 2), "a.fresh.one")).await.unwrap();
    assert!(is_good(&wallet, 2, &signature));
}

#[tokio::test]
async fn a_spent_or_mismatched_receipt_is_never_tried_twice() {
    for reason in [Reason::ReceiptSpent, Reason::ReceiptMismatch] {
        let (world, wallet) = World::with_wallet().await;
        world.nodes.script(1, Step::Commit, Fault::Refuse(reason));
        world.nodes.script(3, Step::Status, Fault::Hang);
        let error = world.sign(with_receipt(message(&wallet, 2), BROUGHT)).await.unwrap_err();
        assert_eq!(error.reason(), reason);
        assert_eq!(world.nodes.asked(Step::Commit).len(), 2);
    }
}

#[tokio::test]
async fn an_operation_that_was_never_authorized_does_not_use_up_its_id() {
    let (world, wallet) = World::with_wallet().await;
    for reason in [Reason::ReceiptMismatch, Reason::ReceiptInvalid, Reason::ReceiptSpent] {
        for node in 1..=3 {
            world.nodes.script(node, Step::Commit, Fault::Refuse(reason));
        }
        let tampered = SignMessage { message: b"pay eve".to_vec(), ..message(&wallet, 2) };
        let refused = world.sign(with_receipt(tampered, BROUGHT)).await.unwrap_err();
        assert_eq!(refused.reason(), reason);
        for node in 1..=3 {
            world.nodes.unscript(node, Step::Commit);
        }
    }
    let signature = world.sign(with_receipt(message(&wallet, 2), BROUGHT)).await.unwrap();
    assert!(is_good(&wallet, 2, &signature));
}

#[tokio::test]
async fn an_operation_that_was_authorized_keeps_its_id_when_its_receipt_expires_on_the_way() {
    let (world, wallet) = World::with_wallet().await;
    for node in 1..=3 {
        world.nodes.script(node, Step::Share, Fault::Die);
    }
    world.sign(message(&wallet, 2)).await.unwrap_err();
    for node in 1..=3 {
        world.nodes.unscript(node, Step::Share);
        world.nodes.down(node, false);
    }
    world.nodes.expire(BROUGHT);
    let expired = world.sign(with_receipt(message(&wallet, 2), BROUGHT)).await.unwrap_err();
    assert_eq!(expired.reason(), Reason::ReceiptExpired);
    let other = SignMessage { message: b"other".to_vec(), ..message(&wallet, 2) };
    assert_eq!(world.sign(other).await.unwrap_err().reason(), Reason::OperationIdReused);
}

#[tokio::test]
async fn a_node_that_cannot_be_told_of_the_end_does_not_spoil_it() {
    let (world, wallet) = World::with_wallet().await;
    world.nodes.script(1, Step::Record, Fault::Die);
    world.nodes.script(3, Step::Status, Fault::Hang);
    let signature = world.sign(message(&wallet, 2)).await.unwrap();
    assert!(is_good(&wallet, 2, &signature));
    assert_eq!(world.nodes.recorded(), 1);
    assert_eq!(world.sign(message(&wallet, 2)).await.unwrap(), signature);
}

#[tokio::test]
async fn keys_of_two_wallets_are_not_mixed_up() {
    let (world, first) = World::with_wallet().await;
    let second = world.create(2).await.unwrap();
    let creation = |wallet: &Wallet| {
        let statement = wallet.key().unwrap().statement().clone();
        Creation {
            environment: statement.environment,
            user: statement.user,
            digest: statement.operation_digest,
        }
    };
    assert_ne!(creation(&first).digest, creation(&second).digest);
    assert!(is_good(&second, 3, &world.sign(message(&second, 3)).await.unwrap()));
    assert!(is_good(&first, 4, &world.sign(message(&first, 4)).await.unwrap()));
    assert!(!is_good(&first, 3, &world.sign(message(&second, 3)).await.unwrap()));
}

use std::sync::Arc;

use super::world::{World, reason};
use kernel::{OperationId, Reason, TokenId, UserId};
use operation::{Body, WalletRef};
use tokio::sync::Barrier;

const MESSAGE: &[u8] = b"the ordered message";

#[tokio::test]
async fn every_quorum_signs_and_an_independent_library_verifies() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&wallet.key.public_key).unwrap();
    for chosen in [[0, 1], [1, 2], [2, 0]] {
        let operation = world.message(&wallet, MESSAGE);
        let signature = world.sign(&wallet, &operation, MESSAGE, &chosen).await;
        key.verify_strict(MESSAGE, &ed25519_dalek::Signature::from_bytes(&signature)).unwrap();
    }
}

#[tokio::test]
async fn a_recorded_signature_ends_the_operation() {
    let mut world = World::new().await;
    let wallet = world.wallet().await;
    let operation = world.message(&wallet, MESSAGE);
    let signature = world.sign(&wallet, &operation, MESSAGE, &[0, 1]).await;
    let mut bad = signature;
    bad[40] ^= 1;
    assert_eq!(reason(world.record(0, &operation, &bad).await), Reason::ProtocolFailed);
    world.restart(0);
    for _ in 0..2 {
        world.record(0, &operation, &signature).await.unwrap();
    }
    let receipt = world.receipt(&operation);
    let again = world.commit(0, &receipt, &operation, world.attempt(), &[0, 1]).await;
    assert_eq!(reason(again), Reason::ReceiptSpent);
    // Node 3 had no part in it and has nothing to end.
    assert_eq!(reason(world.record(2, &operation, &signature).await), Reason::ReceiptSpent);
}

#[tokio::test]
async fn a_recorded_signature_ends_the_attempt_that_lives() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let operation = world.message(&wallet, MESSAGE);
    let signature = world.sign(&wallet, &operation, MESSAGE, &[0, 1]).await;
    let attempt = world.attempt();
    let (_, envelopes) = world.commit_all(&operation, attempt, &[0, 1]).await;
    world.record(0, &operation, &signature).await.unwrap();
    let late = world.sign_share(0, attempt, &world.inbox(0, &envelopes)).await;
    assert_eq!(reason(late), Reason::AttemptUnknown);
}

#[tokio::test]
async fn a_node_that_is_away_is_replaced_in_a_new_attempt() {
    let mut world = World::new().await;
    let wallet = world.wallet().await;
    let operation = world.message(&wallet, MESSAGE);
    let attempt = world.attempt();
    let (_, envelopes) = world.commit_all(&operation, attempt, &[0, 1]).await;
    // Node 2 is gone in the middle of the round.
    world.restart(1);
    world.sign_share(0, attempt, &world.inbox(0, &envelopes)).await.unwrap();
    let lost = world.sign_share(1, attempt, &world.inbox(1, &envelopes)).await;
    assert_eq!(reason(lost), Reason::AttemptUnknown);
    let signature = world.sign(&wallet, &operation, MESSAGE, &[0, 2]).await;
    assert!(wallet.key.verifies(MESSAGE, &signature));
}

#[tokio::test]
async fn a_bad_envelope_costs_nothing() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let operation = world.message(&wallet, MESSAGE);
    let attempt = world.attempt();
    let (_, envelopes) = world.commit_all(&operation, attempt, &[0, 1]).await;
    let good = world.inbox(0, &envelopes);
    let mut altered = good.clone();
    altered[0].ciphertext[0] ^= 1;
    let mut wrong_sender = good.clone();
    wrong_sender[0].header.from = world.id(2);
    let to_itself = world.inbox(1, &envelopes);
    for bad in [Vec::new(), altered, wrong_sender, to_itself, [good.clone(), good.clone()].concat()] {
        assert_eq!(reason(world.sign_share(0, attempt, &bad).await), Reason::EnvelopeInvalid);
    }
    world.sign_share(0, attempt, &good).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nonces_are_used_once_whatever_races_for_them() {
    let world = Arc::new(World::new().await);
    let wallet = world.wallet().await;
    for _ in 0..5 {
        let operation = world.message(&wallet, MESSAGE);
        let attempt = world.attempt();
        let (_, envelopes) = world.commit_all(&operation, attempt, &[0, 1]).await;
        let inbox = world.inbox(0, &envelopes);
        let barrier = Arc::new(Barrier::new(16));
        let racers: Vec<_> = (0..16)
            .map(|_| {
                let (world, inbox, barrier) = (Arc::clone(&world), inbox.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    world.sign_share(0, attempt, &inbox).await
                })
            })
            .collect();
        let mut released = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Ok(_) => released += 1,
                Err(error) => assert_eq!(error.reason(), Reason::EnvelopeInvalid),
            }
        }
        assert_eq!(released, 1);
    }
}

#[tokio::test]
async fn attempts_do_not_mix() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let (one, two) = (world.message(&wallet, MESSAGE), world.message(&wallet, MESSAGE));
    let (first, second) = (world.attempt(), world.attempt());
    let (_, of_first) = world.commit_all(&one, first, &[0, 1]).await;
    let (_, of_second) = world.commit_all(&two, second, &[0, 1]).await;
    let foreign = world.inbox(0, &of_first);
    assert_eq!(reason(world.sign_share(0, second, &foreign).await), Reason::EnvelopeInvalid);
    let unknown = world.sign_share(0, world.attempt(), &foreign).await;
    assert_eq!(reason(unknown), Reason::AttemptUnknown);
    // Neither lost anything.
    world.sign_share(0, second, &world.inbox(0, &of_second)).await.unwrap();
    world.sign_share(0, first, &foreign).await.unwrap();
}

#[tokio::test]
async fn an_operation_on_what_the_wallet_is_not_is_refused_before_anything_is_spent() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let id = OperationId::random(world.entropy.as_ref());
    let body = |id, generation| Body::SignMessage {
        wallet: WalletRef { id, share_generation: generation },
        message: MESSAGE.to_vec(),
    };
    let own = wallet.reference.id;
    let unknown = kernel::WalletId::random(world.entropy.as_ref());
    let stranger = UserId::random(world.entropy.as_ref());
    let token = Some(TokenId::random(world.entropy.as_ref()));
    for (operation, expected) in [
        (world.operation_with(world.user, id, body(own, 2)), Reason::GenerationMismatch),
        (world.operation_with(world.user, id, body(unknown, 1)), Reason::ResourceNotFound),
        (world.operation_with(stranger, id, body(own, 1)), Reason::ResourceNotFound),
        (
            world.operation_with(world.user, id, world.creation().operation().body.clone()),
            Reason::InvalidRequest,
        ),
    ] {
        let receipt = world.receipt_paid_by(&operation, token);
        let refused = world.commit(0, &receipt, &operation, world.attempt(), &[0, 1]).await;
        assert_eq!(reason(refused), expected);
    }
    let operation = world.operation_with(world.user, id, body(own, 1));
    let receipt = world.receipt_paid_by(&operation, token);
    let refused = world.commit(0, &receipt, &operation, world.attempt(), &[1, 2]).await;
    assert_eq!(reason(refused), Reason::InvalidRequest);
    // The same operation id and the same token are still good.
    world.commit(0, &receipt, &operation, world.attempt(), &[0, 1]).await.unwrap();
}

use super::world::{World, reason};
use kernel::{EnvironmentId, Reason, UserId};
use storage::spending::RETRY_WINDOW;

use super::world::NOW;

#[tokio::test]
async fn a_wallet_is_made_and_its_address_is_its_key() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    assert_eq!(bs58::decode(wallet.key.address()).into_vec().unwrap(), wallet.key.public_key);
    for place in &world.nodes {
        let shares =
            place.signer.wallet_shares(world.environment, world.user, wallet.reference.id).await.unwrap();
        assert_eq!(shares.len(), 1);
        assert!(shares[0].1.active);
        assert_eq!(shares[0].0.key, wallet.key);
    }
}

#[tokio::test]
async fn the_wallet_id_follows_from_the_operation() {
    let world = World::new().await;
    let operation = world.creation();
    let statement = world.keygen(&operation, world.attempt()).await;
    assert_eq!(Some(statement.wallet), operation.created_wallet());
    assert_eq!((statement.environment, statement.user), (world.environment, world.user));
}

#[tokio::test]
async fn a_pending_wallet_is_not_used_and_not_shown_to_others() {
    let world = World::new().await;
    let operation = world.creation();
    let attempt = world.attempt();
    let statement = world.keygen(&operation, attempt).await;
    let wallet = super::world::Wallet {
        reference: operation::WalletRef { id: statement.wallet, share_generation: 1 },
        key: statement.key.clone(),
        attestations: Vec::new(),
    };
    let signing = world.message(&wallet, b"too early");
    let receipt = world.receipt(&signing);
    let early = world.commit(0, &receipt, &signing, world.attempt(), &[0, 1]).await;
    assert_eq!(reason(early), Reason::WalletNotActive);
    let signer = &world.nodes[0].signer;
    let stranger = UserId::random(world.entropy.as_ref());
    let elsewhere = EnvironmentId::random(world.entropy.as_ref());
    for (environment, user) in [(world.environment, stranger), (elsewhere, world.user)] {
        let refused = signer.wallet_shares(environment, user, statement.wallet).await;
        assert_eq!(reason(refused), Reason::ResourceNotFound);
    }
}

#[tokio::test]
async fn activation_can_be_repeated_and_resumed_after_a_crash() {
    let mut world = World::new().await;
    let operation = world.creation();
    let attempt = world.attempt();
    let statement = world.keygen(&operation, attempt).await;
    let attestations = world.attestations(statement.wallet, attempt).await;
    world.activate(0, statement.wallet, &attestations).await.unwrap();
    // The coordinator dies here, and every node is restarted.
    for n in 0..3 {
        world.restart(n);
    }
    // What the nodes hold is enough to go on.
    let attestations = world.attestations(statement.wallet, attempt).await;
    assert_eq!(attestations.len(), 3);
    for _ in 0..2 {
        for n in 0..3 {
            world.activate(n, statement.wallet, &attestations).await.unwrap();
        }
    }
    // The operation has its result.
    let receipt = world.receipt(&operation);
    let again = world.start(0, &receipt, &operation, world.attempt()).await;
    assert_eq!(reason(again), Reason::ReceiptSpent);
}

#[tokio::test]
async fn a_wallet_is_activated_only_by_the_word_of_every_node() {
    let world = World::new().await;
    let operation = world.creation();
    let attempt = world.attempt();
    let statement = world.keygen(&operation, attempt).await;
    let wallet = statement.wallet;
    let good = world.attestations(wallet, attempt).await;

    let two = &good[..2];
    assert_eq!(reason(world.activate(0, wallet, two).await), Reason::EnvelopeInvalid);
    let mut forged = good.clone();
    forged[2].signature[0] ^= 1;
    assert_eq!(reason(world.activate(0, wallet, &forged).await), Reason::EnvelopeInvalid);
    // Node 3 attests another key than the one the three made.
    let mut other = statement.clone();
    other.transcript = [0; 32];
    let mut equivocal = good.clone();
    equivocal[2] = world.nodes[2].signer.local().attest(&other);
    assert_eq!(reason(world.activate(0, wallet, &equivocal).await), Reason::ProtocolFailed);
    // Good words about this wallet, for another one.
    let elsewhere = world.wallet().await.reference.id;
    assert_eq!(reason(world.activate(0, elsewhere, &good).await), Reason::InvalidRequest);

    let shares = world.nodes[0].signer.wallet_shares(world.environment, world.user, wallet).await.unwrap();
    assert!(!shares[0].1.active);
    world.activate(0, wallet, &good).await.unwrap();
}

#[tokio::test]
async fn two_attempts_that_cross_each_other_leave_one_whole_wallet() {
    let world = World::new().await;
    let operation = world.creation();
    let (first, second) = (world.attempt(), world.attempt());
    let statement = world.keygen(&operation, first).await;
    // The client was impatient; another coordinator runs the same operation again before the first one activates.
    let other = world.keygen(&operation, second).await;
    assert_ne!(statement.key.public_key, other.key.public_key);
    let attestations = world.attestations(statement.wallet, first).await;
    let late = world.attestations(statement.wallet, second).await;
    for n in 0..3 {
        world.activate(n, statement.wallet, &attestations).await.unwrap();
        assert_eq!(reason(world.activate(n, statement.wallet, &late).await), Reason::ResourceNotFound);
    }
}

#[tokio::test]
async fn a_missing_node_stops_the_attempt_and_a_new_one_succeeds() {
    let world = World::new().await;
    let operation = world.creation();
    let attempt = world.attempt();
    let receipt = world.receipt(&operation);
    let mut first = Vec::new();
    for n in 0..2 {
        first.push(world.start(n, &receipt, &operation, attempt).await.unwrap());
    }
    let error = world.proceed(0, attempt, &world.inbox(0, &first)).await.err().unwrap();
    assert_eq!((error.reason(), error.metadata()["node_id"].as_str()), (Reason::EnvelopeInvalid, "node-3"));
    // It comes in time after all: nothing was consumed.
    first.push(world.start(2, &receipt, &operation, attempt).await.unwrap());
    world.proceed(0, attempt, &world.inbox(0, &first)).await.unwrap();
    // And a new attempt of the same operation works, too.
    world.keygen(&operation, world.attempt()).await;
}

#[tokio::test]
async fn a_restarted_node_knows_no_attempt_and_takes_part_in_the_next() {
    let mut world = World::new().await;
    let operation = world.creation();
    let attempt = world.attempt();
    let receipt = world.receipt(&operation);
    let mut first = Vec::new();
    for n in 0..3 {
        first.push(world.start(n, &receipt, &operation, attempt).await.unwrap());
    }
    world.restart(1);
    let inbox = world.inbox(1, &first);
    assert_eq!(reason(world.proceed(1, attempt, &inbox).await), Reason::AttemptUnknown);
    // Its round cannot be made up for: the attempt id was used.
    let again = world.start(1, &receipt, &operation, attempt).await;
    assert_eq!(reason(again), Reason::InvalidRequest);
    world.keygen(&operation, world.attempt()).await;
}

#[tokio::test]
async fn no_round_is_repeated() {
    let world = World::new().await;
    let operation = world.creation();
    let attempt = world.attempt();
    let receipt = world.receipt(&operation);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for n in 0..3 {
        first.push(world.start(n, &receipt, &operation, attempt).await.unwrap());
    }
    for n in 0..3 {
        second.push(world.proceed(n, attempt, &world.inbox(n, &first)).await.unwrap());
        let again = world.proceed(n, attempt, &world.inbox(n, &first)).await;
        assert_eq!(reason(again), Reason::EnvelopeInvalid);
    }
    let inbox = world.inbox(0, &second);
    world.finish(0, attempt, &inbox).await.unwrap();
    assert_eq!(reason(world.finish(0, attempt, &inbox).await), Reason::EnvelopeInvalid);
}

#[tokio::test]
async fn envelopes_of_an_earlier_attempt_are_refused_and_consume_nothing() {
    let world = World::new().await;
    let operation = world.creation();
    let receipt = world.receipt(&operation);
    let (earlier, attempt) = (world.attempt(), world.attempt());
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for n in 0..3 {
        old.push(world.start(n, &receipt, &operation, earlier).await.unwrap());
    }
    for n in 0..3 {
        new.push(world.start(n, &receipt, &operation, attempt).await.unwrap());
    }
    let mut mixed = world.inbox(0, &new);
    mixed[1] = world.inbox(0, &old)[1].clone();
    assert_eq!(reason(world.proceed(0, attempt, &mixed).await), Reason::EnvelopeInvalid);
    let inbox = world.inbox(0, &old);
    assert_eq!(reason(world.proceed(0, earlier, &inbox).await), Reason::AttemptUnknown);
    world.proceed(0, attempt, &world.inbox(0, &new)).await.unwrap();
}

#[tokio::test]
async fn an_operation_is_not_tried_again_when_its_time_is_over() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let operation = world.message(&wallet, b"slow");
    let receipt = world.receipt(&operation);
    let commit = |at, attempt| world.commit_at(at, 0, &receipt, &operation, attempt, &[0, 1]);
    commit(NOW, world.attempt()).await.unwrap();
    commit(NOW.plus(RETRY_WINDOW), world.attempt()).await.unwrap();
    let late = NOW.plus(RETRY_WINDOW).plus(std::time::Duration::from_millis(1));
    assert_eq!(reason(commit(late, world.attempt()).await), Reason::ReceiptSpent);
}

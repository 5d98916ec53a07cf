//! A coordinator in an attacker's hands, and who can write to a node's database.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::audit::{Event, Outcome};
use kernel::{EnvironmentId, Error, Reason, Result, TokenId, UserId};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::Query;
use storage::AuditLog;
use storage::audit::{Intent, Row};
use tokio::sync::Barrier;

use super::world::{World, reason};

#[tokio::test]
async fn without_a_receipt_for_exactly_this_nothing_happens() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let ordered = world.message(&wallet, b"ordered");
    let other = world.message(&wallet, b"other");
    let receipt = world.receipt(&ordered);
    let commit = |receipt, attempt| world.commit(0, receipt, &other, attempt, &[0, 1]);
    assert_eq!(reason(commit(&receipt, world.attempt()).await), Reason::ReceiptMismatch);
    assert_eq!(reason(commit("forged", world.attempt()).await), Reason::ReceiptInvalid);
    let creation = world.creation();
    let refused = world.start(0, &receipt, &creation, world.attempt()).await;
    assert_eq!(reason(refused), Reason::ReceiptMismatch);
    // The ordered one still works: nothing was spent.
    world.sign(&wallet, &ordered, b"ordered", &[0, 1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_token_pays_for_one_operation_whatever_races_with_it() {
    let world = Arc::new(World::new().await);
    let wallet = world.wallet().await;
    let token = TokenId::random(world.entropy.as_ref());
    // 64 operations, each with a good receipt, all paid for by the same token: what a broken token store would allow.
    let barrier = Arc::new(Barrier::new(64));
    let racers: Vec<_> = (0..64)
        .map(|n| {
            let operation = world.message(&wallet, format!("order {n}").as_bytes());
            let receipt = world.receipt_paid_by(&operation, Some(token));
            let (world, barrier) = (Arc::clone(&world), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                // Any two quorums share a node.
                let chosen = [[0, 1], [1, 2], [2, 0]][n % 3];
                let attempt = world.attempt();
                let mut accepted = true;
                for node in chosen {
                    let result = world.commit(node, &receipt, &operation, attempt, &chosen).await;
                    accepted &= match result {
                        Ok(_) => true,
                        Err(error) => {
                            assert_eq!(error.reason(), Reason::ReceiptSpent);
                            false
                        }
                    };
                }
                accepted
            })
        })
        .collect();
    let mut run = 0;
    for racer in racers {
        run += usize::from(racer.await.unwrap());
    }
    assert!(run <= 1, "{run} operations ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_callers_at_one_node_exactly_one_operation_runs() {
    let world = Arc::new(World::new().await);
    let wallet = world.wallet().await;
    for round in 0..3 {
        let token = TokenId::random(world.entropy.as_ref());
        let barrier = Arc::new(Barrier::new(64));
        let racers: Vec<_> = (0..64)
            .map(|n| {
                let operation = world.message(&wallet, format!("{round} {n}").as_bytes());
                let receipt = world.receipt_paid_by(&operation, Some(token));
                let (world, barrier) = (Arc::clone(&world), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    world.commit(0, &receipt, &operation, world.attempt(), &[0, 1]).await.is_ok()
                })
            })
            .collect();
        let mut run = 0;
        for racer in racers {
            run += usize::from(racer.await.unwrap());
        }
        assert_eq!(run, 1);
    }
}

#[tokio::test]
async fn a_row_given_to_somebody_else_is_not_theirs() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let thief = UserId::random(world.entropy.as_ref());
    let place = &world.nodes[0];
    let steal = Query::update().table("wallets").value("user_id", thief.uuid()).to_owned();
    place.database.execute(&steal).await.unwrap();
    // The owner does not find it any more; the thief meets the attestation, which names the owner.
    let found = place.signer.wallet_shares(world.environment, world.user, wallet.reference.id).await;
    assert_eq!(reason(found), Reason::ResourceNotFound);
    let found = place.signer.wallet_shares(world.environment, thief, wallet.reference.id).await;
    assert_eq!(reason(found), Reason::Internal);
    let body = world.message(&wallet, b"stolen").operation().body.clone();
    let id = kernel::OperationId::random(world.entropy.as_ref());
    let operation = world.operation_with(thief, id, body);
    let receipt = world.receipt(&operation);
    let refused = world.commit(0, &receipt, &operation, world.attempt(), &[0, 1]).await;
    assert_eq!(reason(refused), Reason::Internal);
}

#[tokio::test]
async fn every_call_leaves_a_row_and_the_intent_comes_first() {
    let world = World::new().await;
    let wallet = world.wallet().await;
    let before = world.nodes[0].rows().await.len();
    let operation = world.message(&wallet, b"audited");
    world.sign(&wallet, &operation, b"audited", &[0, 1]).await;
    let refused = world.commit(0, "forged", &operation, world.attempt(), &[0, 1]).await;
    assert_eq!(reason(refused), Reason::ReceiptInvalid);
    let rows = world.nodes[0].rows().await;
    let new = &rows[..rows.len() - before];
    let outcomes: Vec<_> = new.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused(Reason::ReceiptInvalid), Outcome::Succeeded, Outcome::Succeeded]);
    for row in new {
        assert_eq!(row.operation, operation.operation().id.to_string());
        assert_eq!(row.digest, operation.digest().as_bytes());
        assert!(row.resource.ends_with(&format!("/wallets/{}", wallet.reference.id)));
    }
}

/// A trail that cannot be written.
struct Broken;

#[async_trait]
impl AuditLog for Broken {
    fn check_standing(&self) -> Result<()> {
        Ok(())
    }
    async fn begin(&self, _: Event) -> Result<Intent> {
        Err(Error::new(Reason::AuditUnavailable, "broken"))
    }
    async fn finish(&self, _: Intent, _: Outcome) -> Result<()> {
        Err(Error::new(Reason::AuditUnavailable, "broken"))
    }
    async fn withdraw(&self, _: Intent, _: Event, _: Reason) -> Result<()> {
        Err(Error::new(Reason::AuditUnavailable, "broken"))
    }
    async fn record(&self, _: Event, _: Outcome) -> Result<()> {
        Err(Error::new(Reason::AuditUnavailable, "broken"))
    }
    async fn list(&self, _: Option<EnvironmentId>, _: Option<i64>, _: u64) -> Result<Vec<Row>> {
        Err(Error::new(Reason::AuditUnavailable, "broken"))
    }
}

#[tokio::test]
async fn without_an_audit_trail_nothing_is_spent_consumed_or_released() {
    let mut world = World::new().await;
    let wallet = world.wallet().await;
    let operation = world.message(&wallet, b"unseen");
    let token = TokenId::random(world.entropy.as_ref());
    let receipt = world.receipt_paid_by(&operation, Some(token));
    let attempt = world.attempt();
    let (_, envelopes) = world.commit_all(&operation, attempt, &[0, 1]).await;
    let inbox = world.inbox(0, &envelopes);

    let working = std::mem::replace(&mut world.nodes[0].audit, Arc::new(Broken));
    assert_eq!(reason(world.sign_share(0, attempt, &inbox).await), Reason::AuditUnavailable);
    let other = world.message(&wallet, b"other");
    let other_receipt = world.receipt_paid_by(&other, Some(token));
    let refused = world.commit(0, &other_receipt, &other, world.attempt(), &[0, 1]).await;
    assert_eq!(reason(refused), Reason::AuditUnavailable);

    world.nodes[0].audit = working;
    world.sign_share(0, attempt, &inbox).await.unwrap();
    // The token was not spent on what was refused.
    world.commit(0, &receipt, &operation, world.attempt(), &[0, 1]).await.unwrap();
}

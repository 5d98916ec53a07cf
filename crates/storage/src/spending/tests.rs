use super::*;
use crate::sql::{migrate, open_sqlite};
use kernel::Entropy;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use std::sync::atomic::{AtomicU64, Ordering};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Migration)]
    }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        let next = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (index, byte) in buffer.iter_mut().enumerate() {
            *byte = next[index % 8];
        }
    }
}

static ENTROPY: Counting = Counting(AtomicU64::new(1));
const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

async fn ledger() -> (Spending, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = open_sqlite(&folder.path().join("spending.sqlite")).await.unwrap();
    migrate::<Migrator>(&database).await.unwrap();
    (Spending::new(database), folder)
}

fn fresh() -> Spend {
    Spend {
        environment: EnvironmentId::random(&ENTROPY),
        user: UserId::random(&ENTROPY),
        operation: OperationId::random(&ENTROPY),
        digest: [7; 32],
        paid_by: Some(TokenId::random(&ENTROPY)),
        attempt: AttemptId::random(&ENTROPY),
    }
}

fn again(spend: &Spend) -> Spend {
    Spend { attempt: AttemptId::random(&ENTROPY), ..*spend }
}

async fn refused(ledger: &Spending, spend: Spend, now: Timestamp) {
    assert_eq!(ledger.spend(&spend, now).await.unwrap_err().reason(), Reason::ReceiptSpent);
}

#[tokio::test]
async fn the_same_operation_may_be_tried_again_until_it_has_a_result() {
    let (ledger, _folder) = ledger().await;
    let spend = fresh();
    assert_eq!(ledger.spend(&spend, NOW).await.unwrap(), Spent::First);
    assert_eq!(ledger.spend(&again(&spend), NOW).await.unwrap(), Spent::Again(spend.attempt));
    ledger.finish(spend.environment, spend.user, spend.operation, &spend.digest).await.unwrap();
    ledger.finish(spend.environment, spend.user, spend.operation, &spend.digest).await.unwrap();
    refused(&ledger, again(&spend), NOW).await;
}

#[tokio::test]
async fn an_operation_id_belongs_to_its_first_digest_for_ever() {
    let (ledger, _folder) = ledger().await;
    let spend = fresh();
    ledger.spend(&spend, NOW).await.unwrap();
    let other = Spend { digest: [8; 32], paid_by: Some(TokenId::random(&ENTROPY)), ..again(&spend) };
    refused(&ledger, other, NOW).await;
    refused(&ledger, other, NOW.plus(RETRY_WINDOW * 100)).await;
    let unchanged = ledger.finish(spend.environment, spend.user, spend.operation, &[8; 32]).await;
    assert!(unchanged.is_err());
    // Another user's operation of the same id is another operation.
    let elsewhere = Spend { user: UserId::random(&ENTROPY), paid_by: None, ..other };
    assert_eq!(ledger.spend(&elsewhere, NOW).await.unwrap(), Spent::First);
}

#[tokio::test]
async fn a_token_pays_for_one_operation_and_a_refused_try_leaves_nothing_behind() {
    let (ledger, _folder) = ledger().await;
    let spend = fresh();
    ledger.spend(&spend, NOW).await.unwrap();
    let other = Spend { operation: OperationId::random(&ENTROPY), digest: [9; 32], ..again(&spend) };
    refused(&ledger, other, NOW).await;
    // The refused transaction was rolled back: the operation id is free for an honest receipt.
    let honest = Spend { paid_by: Some(TokenId::random(&ENTROPY)), digest: [10; 32], ..other };
    assert_eq!(ledger.spend(&honest, NOW).await.unwrap(), Spent::First);
}

#[tokio::test]
async fn a_second_token_for_the_same_operation_is_bound_to_it_too() {
    let (ledger, _folder) = ledger().await;
    let spend = fresh();
    ledger.spend(&spend, NOW).await.unwrap();
    let second = Spend { paid_by: Some(TokenId::random(&ENTROPY)), ..again(&spend) };
    assert!(matches!(ledger.spend(&second, NOW).await.unwrap(), Spent::Again(_)));
    let other = Spend { operation: OperationId::random(&ENTROPY), ..again(&second) };
    refused(&ledger, other, NOW).await;
}

#[tokio::test]
async fn the_retry_window_ends() {
    let (ledger, _folder) = ledger().await;
    let spend = fresh();
    ledger.spend(&spend, NOW).await.unwrap();
    assert!(ledger.spend(&again(&spend), NOW.plus(RETRY_WINDOW)).await.is_ok());
    refused(&ledger, again(&spend), NOW.plus(RETRY_WINDOW + Duration::from_millis(1))).await;
}

/// Finishes a try in a transaction that does nothing else.
async fn finish_in(ledger: &Spending, spend: &Spend) -> Result<()> {
    let transaction = ledger.database.begin().await.unwrap();
    Spending::finish_in(&transaction, spend).await?;
    transaction.commit().await.map_err(unavailable)
}

#[tokio::test]
async fn only_the_newest_try_finishes_within_a_transaction_and_only_once() {
    let (ledger, _folder) = ledger().await;
    let first = fresh();
    let second = again(&first);
    let unknown = Reason::AttemptUnknown;
    assert_eq!(finish_in(&ledger, &first).await.unwrap_err().reason(), unknown, "never begun");
    ledger.spend(&first, NOW).await.unwrap();
    ledger.spend(&second, NOW).await.unwrap();
    let elsewhere = Spend { user: UserId::random(&ENTROPY), ..second };
    let another = Spend { digest: [8; 32], ..second };
    for refused in [first, elsewhere, another] {
        assert_eq!(finish_in(&ledger, &refused).await.unwrap_err().reason(), unknown);
    }
    finish_in(&ledger, &second).await.unwrap();
    assert_eq!(finish_in(&ledger, &second).await.unwrap_err().reason(), unknown);
    refused(&ledger, again(&first), NOW).await;
}

#[tokio::test]
async fn a_transaction_that_is_not_committed_finishes_nothing() {
    let (ledger, _folder) = ledger().await;
    let spend = fresh();
    ledger.spend(&spend, NOW).await.unwrap();
    let transaction = ledger.database.begin().await.unwrap();
    Spending::finish_in(&transaction, &spend).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(ledger.spend(&again(&spend), NOW).await.unwrap(), Spent::Again(spend.attempt));
}

#[tokio::test]
async fn of_64_tries_of_one_operation_that_race_to_finish_one_does() {
    for _ in 0..5 {
        let (ledger, _folder) = ledger().await;
        let base = fresh();
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (ledger, spend) = (ledger.clone(), again(&base));
                tokio::spawn(async move {
                    ledger.spend(&spend, NOW).await?;
                    finish_in(&ledger, &spend).await
                })
            })
            .collect();
        let mut finished = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => finished += 1,
                Err(error) => {
                    assert!(matches!(error.reason(), Reason::AttemptUnknown | Reason::ReceiptSpent));
                }
            }
        }
        assert_eq!(finished, 1);
    }
}

#[tokio::test]
async fn of_64_operations_that_race_for_one_token_one_wins() {
    for _ in 0..10 {
        let (ledger, _folder) = ledger().await;
        let base = fresh();
        let tasks: Vec<_> = (0..64)
            .map(|index| {
                let ledger = ledger.clone();
                let spend =
                    Spend { operation: OperationId::random(&ENTROPY), digest: [index; 32], ..again(&base) };
                tokio::spawn(async move { ledger.spend(&spend, NOW).await })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(spent) => {
                    assert_eq!(spent, Spent::First);
                    won += 1;
                }
                Err(error) => assert_eq!(error.reason(), Reason::ReceiptSpent),
            }
        }
        assert_eq!(won, 1);
    }
}

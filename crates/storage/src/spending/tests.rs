use super::*;
use kernel::Entropy;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::race;

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

/// Two handles on one ledger, as two processes have.
type Ledgers = [Spending; 2];

/// Runs a clause of the contract on every backend.
async fn on_each(clause: impl AsyncFn(Ledgers)) {
    testkit::on_each::<Migrator>(async |pools| clause(pools.map(Spending::new)).await).await;
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

/// Finishes a try in a transaction that does nothing else.
async fn finish_in(ledger: &Spending, spend: &Spend) -> Result<()> {
    let transaction = ledger.database.begin().await.unwrap();
    Spending::finish_in(&transaction, spend).await?;
    transaction.commit().await.map_err(unavailable)
}

#[tokio::test]
async fn the_same_operation_may_be_tried_again_until_it_has_a_result() {
    on_each(async |[ledger, _]| {
        let spend = fresh();
        assert_eq!(ledger.spend(&spend, NOW).await.unwrap(), Spent::First);
        assert_eq!(ledger.spend(&again(&spend), NOW).await.unwrap(), Spent::Again(spend.attempt));
        ledger.finish(spend.environment, spend.user, spend.operation, &spend.digest).await.unwrap();
        ledger.finish(spend.environment, spend.user, spend.operation, &spend.digest).await.unwrap();
        refused(&ledger, again(&spend), NOW).await;
    })
    .await;
}

#[tokio::test]
async fn an_operation_id_belongs_to_its_first_digest_for_ever() {
    on_each(async |[ledger, _]| {
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
    })
    .await;
}

#[tokio::test]
async fn a_token_pays_for_one_operation_and_a_refused_try_leaves_nothing_behind() {
    on_each(async |[ledger, _]| {
        let spend = fresh();
        ledger.spend(&spend, NOW).await.unwrap();
        let other = Spend { operation: OperationId::random(&ENTROPY), digest: [9; 32], ..again(&spend) };
        refused(&ledger, other, NOW).await;
        // The refused transaction was rolled back: the operation id is free for an honest receipt.
        let honest = Spend { paid_by: Some(TokenId::random(&ENTROPY)), digest: [10; 32], ..other };
        assert_eq!(ledger.spend(&honest, NOW).await.unwrap(), Spent::First);
    })
    .await;
}

#[tokio::test]
async fn a_second_token_for_the_same_operation_is_bound_to_it_too() {
    on_each(async |[ledger, _]| {
        let spend = fresh();
        ledger.spend(&spend, NOW).await.unwrap();
        let second = Spend { paid_by: Some(TokenId::random(&ENTROPY)), ..again(&spend) };
        assert!(matches!(ledger.spend(&second, NOW).await.unwrap(), Spent::Again(_)));
        let other = Spend { operation: OperationId::random(&ENTROPY), ..again(&second) };
        refused(&ledger, other, NOW).await;
    })
    .await;
}

#[tokio::test]
async fn the_retry_window_ends() {
    on_each(async |[ledger, _]| {
        let spend = fresh();
        ledger.spend(&spend, NOW).await.unwrap();
        assert!(ledger.spend(&again(&spend), NOW.plus(RETRY_WINDOW)).await.is_ok());
        refused(&ledger, again(&spend), NOW.plus(RETRY_WINDOW + Duration::from_millis(1))).await;
    })
    .await;
}

#[tokio::test]
async fn only_the_newest_try_finishes_within_a_transaction_and_only_once() {
    on_each(async |[ledger, _]| {
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
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_not_committed_finishes_nothing() {
    on_each(async |[ledger, _]| {
        let spend = fresh();
        ledger.spend(&spend, NOW).await.unwrap();
        let transaction = ledger.database.begin().await.unwrap();
        Spending::finish_in(&transaction, &spend).await.unwrap();
        transaction.rollback().await.unwrap();
        assert_eq!(ledger.spend(&again(&spend), NOW).await.unwrap(), Spent::Again(spend.attempt));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_tries_of_one_operation_that_race_to_finish_one_does() {
    on_each(async |ledgers| {
        for _ in 0..5 {
            let base = fresh();
            let outcomes = race(&ledgers, 64, |ledger, _| async move {
                let spend = again(&base);
                ledger.spend(&spend, NOW).await?;
                finish_in(&ledger, &spend).await
            })
            .await;
            let lost = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
            for error in lost.clone() {
                assert!(matches!(error.reason(), Reason::AttemptUnknown | Reason::ReceiptSpent), "{error:?}");
            }
            assert_eq!(lost.count(), 63);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_operations_that_race_for_one_token_one_wins() {
    on_each(async |ledgers| {
        for _ in 0..10 {
            let base = fresh();
            let outcomes = race(&ledgers, 64, |ledger, index| async move {
                let digest = [u8::try_from(index).unwrap(); 32];
                let spend = Spend { operation: OperationId::random(&ENTROPY), digest, ..again(&base) };
                ledger.spend(&spend, NOW).await
            })
            .await;
            one_is_first(&outcomes);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_digests_that_race_for_one_operation_id_one_is_bound() {
    on_each(async |ledgers| {
        for _ in 0..5 {
            let base = fresh();
            let spends: Vec<_> = (0..64)
                .map(|index| {
                    let paid_by = Some(TokenId::random(&ENTROPY));
                    Spend { digest: [index; 32], paid_by, ..again(&base) }
                })
                .collect();
            let racing = spends.clone();
            let outcomes = race(&ledgers, 64, move |ledger, index| {
                let spend = racing[index];
                async move { ledger.spend(&spend, NOW).await }
            })
            .await;
            one_is_first(&outcomes);
            // The tokens of those who lost are free for what they were meant for.
            for (spend, outcome) in spends.iter().zip(outcomes) {
                let elsewhere = Spend { operation: OperationId::random(&ENTROPY), ..again(spend) };
                assert_eq!(ledgers[0].spend(&elsewhere, NOW).await.is_ok(), outcome.is_err());
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_tries_that_start_together_each_names_the_one_before_it_or_starts_over() {
    on_each(async |ledgers| {
        let base = fresh();
        let outcomes = race(&ledgers, 64, |ledger, _| async move {
            let spend = again(&base);
            ledger.spend(&spend, NOW).await.map(|spent| (spend.attempt, spent))
        })
        .await;
        // Each try that began took the place of another one, so that all of them stand in one line.
        let mut next = BTreeMap::new();
        for outcome in outcomes {
            match outcome {
                Ok((attempt, Spent::First)) => assert_eq!(next.insert(None, attempt), None),
                Ok((attempt, Spent::Again(earlier))) => {
                    assert_eq!(next.insert(Some(earlier), attempt), None);
                }
                Err(error) => assert_eq!(error.reason(), Reason::AttemptUnknown),
            }
        }
        let (mut last, mut line) = (None, 0);
        while let Some(attempt) = next.get(&last) {
            (last, line) = (Some(*attempt), line + 1);
        }
        assert_eq!(line, next.len());
        let newest = Spend { attempt: last.unwrap(), ..base };
        finish_in(&ledgers[1], &newest).await.unwrap();
    })
    .await;
}

/// All but one were refused with `RECEIPT_SPENT`.
fn one_is_first(outcomes: &[Result<Spent>]) {
    let mut won = 0;
    for outcome in outcomes {
        match outcome {
            Ok(spent) => {
                assert_eq!(*spent, Spent::First);
                won += 1;
            }
            Err(error) => assert_eq!(error.reason(), Reason::ReceiptSpent),
        }
    }
    assert_eq!(won, 1);
}

//! The contract of [`Shares`].

use super::*;
use crate::domain::{KeyStatement, LocalNode, fixtures};
use crate::migrations::Migrator;
use kernel::secret::ExposeSecret;
use testkit::race;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

struct Store {
    shares: Arc<SqlShares>,
    /// A second handle on the same data. A node is one process; that it is, is not left to the store.
    other: Arc<SqlShares>,
    database: DatabaseConnection,
    group: Vec<LocalNode>,
}

/// Runs a clause of the contract on every backend.
async fn on_each(clause: impl AsyncFn(Store)) {
    testkit::on_each::<Migrator>(async |pools| {
        let database = pools[0].clone();
        let [shares, other] = pools.map(|pool| {
            let sealer = Sealer::new([(1, SecretBytes::from(vec![1; 32]))], Arc::new(fixtures::entropy(1)));
            Arc::new(SqlShares::new(pool, Arc::new(sealer.unwrap())))
        });
        clause(Store { shares, other, database, group: fixtures::group(2, 3) }).await;
    })
    .await;
}

/// When an attempt is stored.
fn at(attempt: u64) -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(attempt))
}

impl Store {
    fn statement(&self, attempt: u64) -> KeyStatement {
        KeyStatement {
            attempt: AttemptId::random(&fixtures::entropy(attempt)),
            ..fixtures::statement(&self.group)
        }
    }

    fn share(&self, attempt: u64) -> NewShare {
        let statement = self.statement(attempt);
        NewShare {
            operation: OperationId::random(&fixtures::entropy(77)),
            attestation: self.group[0].attest(&statement),
            statement,
            secret: SecretBytes::from(vec![u8::try_from(attempt).unwrap(); 32]),
        }
    }

    async fn add(&self, attempt: u64) -> Result<KeyStatement> {
        let share = self.share(attempt);
        self.shares.store_pending(&share, at(attempt)).await?;
        Ok(share.statement)
    }

    fn handles(&self) -> [Arc<SqlShares>; 2] {
        [self.shares.clone(), self.other.clone()]
    }

    async fn list(&self) -> Vec<StoredShare> {
        let statement = self.statement(0);
        self.shares.shares(statement.environment, statement.user, statement.wallet).await.unwrap()
    }

    async fn attempts(&self) -> Vec<AttemptId> {
        self.list().await.into_iter().map(|share| share.attempt).collect()
    }
}

#[tokio::test]
async fn what_is_stored_is_read_back() {
    on_each(async |store| {
        let statement = store.add(1).await.unwrap();
        let shares = store.list().await;
        assert_eq!(shares.len(), 1);
        assert_eq!(shares[0].attestation, store.group[0].attest(&statement));
        assert_eq!(shares[0].operation, OperationId::random(&fixtures::entropy(77)));
        assert!(!shares[0].active);
        let secret = store.shares.secret(statement.wallet, statement.attempt).await.unwrap();
        assert_eq!(secret.expose_secret(), [1; 32]);
    })
    .await;
}

#[tokio::test]
async fn a_wallet_is_not_there_for_anybody_else() {
    on_each(async |store| {
        let KeyStatement { environment, user, wallet, .. } = store.add(1).await.unwrap();
        let entropy = fixtures::entropy(9);
        for (environment, user, wallet) in [
            (EnvironmentId::random(&entropy), user, wallet),
            (environment, UserId::random(&entropy), wallet),
            (environment, user, WalletId::random(&entropy)),
        ] {
            assert!(store.shares.shares(environment, user, wallet).await.unwrap().is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn the_secret_is_sealed_and_belongs_to_its_row() {
    on_each(async |store| {
        let first = store.add(1).await.unwrap();
        let second = store.add(2).await.unwrap();
        let rows = key_shares::Entity::find().all(&store.database).await.unwrap();
        for row in &rows {
            assert!(!row.secret.windows(8).any(|window| window == [1; 8] || window == [2; 8]));
        }
        // The sealed secret of one attempt moved to the other.
        let other = rows.iter().find(|row| row.attempt == second.attempt.uuid()).unwrap();
        key_shares::Entity::update_many()
            .col_expr(key_shares::Column::Secret, Expr::value(other.secret.clone()))
            .filter(key_shares::Column::Attempt.eq(first.attempt.uuid()))
            .exec(&store.database)
            .await
            .unwrap();
        assert!(store.shares.secret(first.wallet, first.attempt).await.is_err());
        assert!(store.shares.secret(second.wallet, second.attempt).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn the_latest_four_pending_shares_are_kept_oldest_first() {
    on_each(async |store| {
        let mut attempts = Vec::new();
        for attempt in 1..=6 {
            attempts.push(store.add(attempt).await.unwrap().attempt);
        }
        assert_eq!(store.attempts().await, attempts[2..]);
    })
    .await;
}

#[tokio::test]
async fn activation_keeps_one_share_and_nothing_replaces_it() {
    on_each(async |store| {
        let first = store.add(1).await.unwrap();
        let second = store.add(2).await.unwrap();
        let activate = |statement: &KeyStatement| store.shares.activate(statement.wallet, statement.attempt);
        activate(&first).await.unwrap();
        let active = store.list().await;
        assert_eq!((active.len(), active[0].attempt, active[0].active), (1, first.attempt, true));
        // Again: nothing happens. The other: it is gone.
        activate(&first).await.unwrap();
        assert_eq!(activate(&second).await.unwrap_err().reason(), Reason::ResourceNotFound);
        assert_eq!(store.add(3).await.unwrap_err().reason(), Reason::ReceiptSpent);
        assert_eq!(store.attempts().await, [first.attempt]);
        let left = key_shares::Entity::find().all(&store.database).await.unwrap();
        assert_eq!(left.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_never_stored_is_not_activated() {
    on_each(async |store| {
        let stored = store.add(1).await.unwrap();
        let other = store.statement(2);
        let error = store.shares.activate(other.wallet, other.attempt).await.unwrap_err();
        assert_eq!(error.reason(), Reason::ResourceNotFound);
        assert!(!store.list().await[0].active);
        store.shares.activate(stored.wallet, stored.attempt).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_attempt_is_stored_once_and_what_is_stored_stays() {
    on_each(async |store| {
        let first = store.add(1).await.unwrap();
        let again = NewShare { secret: SecretBytes::from(vec![9; 32]), ..store.share(1) };
        let refused = store.other.store_pending(&again, at(5)).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::InvalidRequest);
        assert_eq!(store.attempts().await, [first.attempt]);
        let secret = store.shares.secret(first.wallet, first.attempt).await.unwrap();
        assert_eq!(secret.expose_secret(), [1; 32]);
        // The refusal left nothing held.
        store.add(2).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_shares_of_one_attempt_one_is_stored() {
    on_each(async |store| {
        let stored = race(&store.handles(), 16, |shares, index| {
            let octet = u8::try_from(index).unwrap();
            let share = NewShare { secret: SecretBytes::from(vec![octet; 32]), ..store.share(1) };
            async move { shares.store_pending(&share, NOW).await.is_ok().then_some(octet) }
        })
        .await;
        let stored: Vec<_> = stored.into_iter().flatten().collect();
        let statement = store.statement(1);
        let secret = store.other.secret(statement.wallet, statement.attempt).await.unwrap();
        assert_eq!(stored, [secret.expose_secret()[0]]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_attempts_stored_at_once_four_are_kept() {
    on_each(async |store| {
        let attempts: Vec<_> = (1..=32).map(|attempt| store.statement(attempt).attempt).collect();
        race(&store.handles(), 32, |shares, index| {
            let attempt = u64::try_from(index + 1).unwrap();
            let share = store.share(attempt);
            async move { shares.store_pending(&share, at(attempt)).await.unwrap() }
        })
        .await;
        let kept = store.attempts().await;
        assert_eq!(kept.len(), PENDING);
        assert!(kept.iter().all(|attempt| attempts.contains(attempt)));
        let left = key_shares::Entity::find().all(&store.database).await.unwrap();
        assert_eq!(left.len(), PENDING);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_activations_one_attempt_wins() {
    on_each(async |store| {
        let attempts = [store.add(1).await.unwrap(), store.add(2).await.unwrap()];
        let outcomes = race(&store.handles(), 64, |shares, index| {
            // Each of the two from both handles.
            let KeyStatement { wallet, attempt, .. } = attempts[index / 2 % 2];
            async move { shares.activate(wallet, attempt).await.is_ok() }
        })
        .await;
        let mut won = [0, 0];
        for (index, outcome) in outcomes.into_iter().enumerate() {
            won[index / 2 % 2] += usize::from(outcome);
        }
        won.sort_unstable();
        // All activations of the winner succeed, being repetitions, and none of the other's.
        assert_eq!(won, [0, 32]);
        assert_eq!(store.list().await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_stored_while_another_is_put_into_use_is_refused_or_erased() {
    on_each(async |store| {
        let KeyStatement { wallet, attempt, .. } = store.add(1).await.unwrap();
        let outcomes = race(&store.handles(), 16, |shares, index| {
            let share = store.share(2 + u64::try_from(index).unwrap());
            async move {
                match index {
                    8 | 9 => shares.activate(wallet, attempt).await,
                    _ => shares.store_pending(&share, at(2)).await,
                }
            }
        })
        .await;
        // With four kept, it may have been erased before it was put into use.
        let active = outcomes[8].is_ok();
        assert_eq!(outcomes[9].is_ok(), active);
        for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert!(matches!(refused.reason(), Reason::ReceiptSpent | Reason::ResourceNotFound));
        }
        let rows = store.list().await;
        assert_eq!(rows.iter().any(|share| share.active), active);
        if active {
            assert_eq!(rows.iter().map(|share| share.attempt).collect::<Vec<_>>(), [attempt]);
            assert_eq!(key_shares::Entity::find().all(&store.database).await.unwrap().len(), 1);
        }
    })
    .await;
}

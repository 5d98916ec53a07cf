//! The contract of [`Shares`].

use super::*;
use crate::domain::{KeyStatement, LocalNode, fixtures};
use crate::migrations::Migrator;
use kernel::secret::ExposeSecret;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

struct Store {
    shares: Arc<SqlShares>,
    database: DatabaseConnection,
    group: Vec<LocalNode>,
    _folder: tempfile::TempDir,
}

async fn store() -> Store {
    let (database, folder) = testkit::database::<Migrator>().await;
    let key = SecretBytes::from(vec![1; 32]);
    let sealer = Sealer::new([(1, key)], Arc::new(fixtures::entropy(1))).unwrap();
    let shares = Arc::new(SqlShares::new(database.clone(), Arc::new(sealer)));
    Store { shares, database, group: fixtures::group(2, 3), _folder: folder }
}

impl Store {
    fn statement(&self, attempt: u64) -> KeyStatement {
        KeyStatement {
            attempt: AttemptId::random(&fixtures::entropy(attempt)),
            ..fixtures::statement(&self.group)
        }
    }

    async fn add(&self, attempt: u64) -> Result<KeyStatement> {
        let statement = self.statement(attempt);
        let share = NewShare {
            operation: OperationId::random(&fixtures::entropy(77)),
            attestation: self.group[0].attest(&statement),
            statement: statement.clone(),
            secret: SecretBytes::from(vec![u8::try_from(attempt).unwrap(); 32]),
        };
        self.shares.store_pending(&share, NOW.plus(std::time::Duration::from_secs(attempt))).await?;
        Ok(statement)
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
    let store = store().await;
    let statement = store.add(1).await.unwrap();
    let shares = store.list().await;
    assert_eq!(shares.len(), 1);
    assert_eq!(shares[0].attestation, store.group[0].attest(&statement));
    assert_eq!(shares[0].operation, OperationId::random(&fixtures::entropy(77)));
    assert!(!shares[0].active);
    let secret = store.shares.secret(statement.wallet, statement.attempt).await.unwrap();
    assert_eq!(secret.expose_secret(), [1; 32]);
}

#[tokio::test]
async fn a_wallet_is_not_there_for_anybody_else() {
    let store = store().await;
    let KeyStatement { environment, user, wallet, .. } = store.add(1).await.unwrap();
    let entropy = fixtures::entropy(9);
    for (environment, user, wallet) in [
        (EnvironmentId::random(&entropy), user, wallet),
        (environment, UserId::random(&entropy), wallet),
        (environment, user, WalletId::random(&entropy)),
    ] {
        assert!(store.shares.shares(environment, user, wallet).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_secret_is_sealed_and_belongs_to_its_row() {
    let store = store().await;
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
}

#[tokio::test]
async fn the_latest_four_pending_shares_are_kept_oldest_first() {
    let store = store().await;
    let mut attempts = Vec::new();
    for attempt in 1..=6 {
        attempts.push(store.add(attempt).await.unwrap().attempt);
    }
    assert_eq!(store.attempts().await, attempts[2..]);
}

#[tokio::test]
async fn activation_keeps_one_share_and_nothing_replaces_it() {
    let store = store().await;
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
}

#[tokio::test]
async fn what_was_never_stored_is_not_activated() {
    let store = store().await;
    let stored = store.add(1).await.unwrap();
    let other = store.statement(2);
    let error = store.shares.activate(other.wallet, other.attempt).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ResourceNotFound);
    assert!(!store.list().await[0].active);
    store.shares.activate(stored.wallet, stored.attempt).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_activations_one_attempt_wins() {
    let store = store().await;
    let attempts = [store.add(1).await.unwrap(), store.add(2).await.unwrap()];
    let racers: Vec<_> = (0..64)
        .map(|n| {
            let (shares, statement) = (Arc::clone(&store.shares), attempts[n % 2].clone());
            tokio::spawn(async move { shares.activate(statement.wallet, statement.attempt).await.is_ok() })
        })
        .collect();
    let mut won = [0, 0];
    for (n, racer) in racers.into_iter().enumerate() {
        won[n % 2] += usize::from(racer.await.unwrap());
    }
    won.sort_unstable();
    // All activations of the winner succeed, being repetitions, and none of the other's.
    assert_eq!(won, [0, 32]);
    assert_eq!(store.list().await.len(), 1);
}

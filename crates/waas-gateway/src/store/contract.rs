//! What every backend of the stores must keep.

use std::sync::Arc;
use std::time::Duration;

use attestation::KeyStatement;
use kernel::{EnvironmentId, OperationId, Reason, Timestamp, UserId, WalletId};
use operation::{Digest, KeyType, OperationKind};
use sea_orm::DatabaseConnection;
use tempfile::TempDir;

use crate::domain::attested::{AttestedKey, Creation};
use crate::domain::fixtures::{attested_statement, directory, environment, statement, user, uuid};
use crate::domain::outcome::Outcome;
use crate::domain::wallet::{Wallet, WalletPath};
use crate::migrations::Migrator;
use crate::ports::{Claim, OperationKey, OperationRecord, OperationStore, Run, WalletStore};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
const LEASE: Duration = Duration::from_secs(40);

pub(crate) async fn sqlite() -> (DatabaseConnection, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = storage::sql::open_sqlite(&folder.path().join("gateway.sqlite")).await.unwrap();
    storage::sql::migrate::<Migrator>(&database).await.unwrap();
    (database, folder)
}

fn creation(number: u8) -> Creation {
    Creation { environment: environment(), user: user(), digest: [number; 32] }
}

fn wallet(number: u8) -> Wallet {
    let path = WalletPath {
        environment: environment(),
        user: user(),
        wallet: WalletId::derive(&creation(number).digest),
    };
    Wallet::begun(path, KeyType::Ed25519, &directory(2, 3), NOW)
}

fn key(number: u8, transcript: u8) -> AttestedKey {
    let statement = statement(&directory(2, 3), &creation(number));
    attested_statement(&KeyStatement { transcript: [transcript; 32], ..statement })
}

pub(crate) async fn wallets(store: &dyn WalletStore) {
    a_wallet_goes_forward_and_keeps_the_key_in_use(store).await;
    a_wallet_is_its_users_alone(store).await;
    pages_follow_the_order_of_creation(store).await;
}

async fn a_wallet_goes_forward_and_keeps_the_key_in_use(store: &dyn WalletStore) {
    let begun = wallet(1);
    assert_eq!(store.find(begun.path).await.unwrap(), None);
    let attested = begun.clone().attested(key(1, 1)).unwrap();
    assert_eq!(store.advance(&attested).await.unwrap_err().reason(), Reason::Internal);
    store.begin(&begun).await.unwrap();
    assert_eq!(store.find(begun.path).await.unwrap(), Some(begun.clone()));

    store.advance(&attested).await.unwrap();
    // A creation that begins again does not undo what was reached, nor when it began.
    store.begin(&Wallet { created: NOW.plus(LEASE), ..begun.clone() }).await.unwrap();
    assert_eq!(store.find(begun.path).await.unwrap(), Some(attested));

    let active = begun.clone().attested(key(1, 2)).unwrap().activated().unwrap();
    store.advance(&active).await.unwrap();
    store.advance(&active).await.unwrap();
    for other in [key(1, 1), key(1, 3)] {
        let other = begun.clone().attested(other).unwrap();
        assert_eq!(store.advance(&other).await.unwrap_err().reason(), Reason::Internal);
        let other = other.activated().unwrap();
        assert_eq!(store.advance(&other).await.unwrap_err().reason(), Reason::Internal);
    }
    assert_eq!(store.find(begun.path).await.unwrap(), Some(active));
}

async fn a_wallet_is_its_users_alone(store: &dyn WalletStore) {
    let mine = wallet(1).path;
    assert!(store.find(mine).await.unwrap().is_some());
    let (stranger, elsewhere) = (UserId::from_uuid(uuid(9)), EnvironmentId::from_uuid(uuid(9)));
    for other in [WalletPath { user: stranger, ..mine }, WalletPath { environment: elsewhere, ..mine }] {
        assert_eq!(store.find(other).await.unwrap(), None);
        let page = store.list(other.environment, other.user, None, 10).await.unwrap();
        assert!(page.wallets.is_empty() && page.next.is_none());
    }
}

async fn pages_follow_the_order_of_creation(store: &dyn WalletStore) {
    for number in 2..=5 {
        store.begin(&wallet(number)).await.unwrap();
    }
    let expected: Vec<_> = (1..=5).map(|number| wallet(number).path).collect();
    for limit in 1..=6 {
        let (mut seen, mut from) = (Vec::new(), None);
        loop {
            let page = store.list(environment(), user(), from, limit).await.unwrap();
            assert!(!page.wallets.is_empty() && page.wallets.len() as u64 <= limit);
            seen.extend(page.wallets.iter().map(|wallet| wallet.path));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "in pages of {limit}");
    }
}

fn operation(number: u8) -> OperationKey {
    OperationKey { environment: environment(), user: user(), id: OperationId::from_uuid(uuid(number)) }
}

fn digest(number: u8) -> Digest {
    [number; 32].into()
}

fn run(number: u8, now: Timestamp) -> Run {
    Run { id: uuid(number), until: now.plus(LEASE) }
}

const SIGN: OperationKind = OperationKind::SignMessage;
const OUTCOME: Outcome = Outcome::Signed([7; 64]);

pub(crate) async fn operations(store: Arc<dyn OperationStore>) {
    an_operation_is_run_by_one_at_a_time_until_it_is_done(&*store).await;
    an_id_belongs_to_its_first_digest(&*store).await;
    a_dead_run_is_replaced_when_its_time_is_over_or_it_gave_up(&*store).await;
    what_was_never_authorized_is_forgotten(&*store).await;
    of_runs_that_race_one_is_granted(store).await;
}

async fn what_was_never_authorized_is_forgotten(store: &dyn OperationStore) {
    let (key, first, second) = (operation(4), run(1, NOW), run(2, NOW));
    let claim = async |number, run| store.claim(key, digest(number), SIGN, run, NOW).await;
    assert_eq!(claim(1, first).await.unwrap(), Claim::Granted { first: true });
    // Not by a run that has not got it.
    store.forget(key, second).await.unwrap();
    assert!(claim(2, second).await.is_err());
    store.forget(key, first).await.unwrap();
    assert_eq!(store.find(key).await.unwrap(), None);
    assert_eq!(claim(2, second).await.unwrap(), Claim::Granted { first: true });
    // And never what has an outcome.
    store.finish(key, digest(2), &OUTCOME).await.unwrap();
    store.forget(key, second).await.unwrap();
    assert_eq!(claim(2, second).await.unwrap(), Claim::Done(OUTCOME));
}

async fn an_operation_is_run_by_one_at_a_time_until_it_is_done(store: &dyn OperationStore) {
    let (key, first) = (operation(1), run(1, NOW));
    assert_eq!(store.find(key).await.unwrap(), None);
    assert!(store.finish(key, digest(1), &OUTCOME).await.is_err());
    assert_eq!(store.claim(key, digest(1), SIGN, first, NOW).await.unwrap(), Claim::Granted { first: true });
    let busy = Claim::Busy(first.until);
    assert_eq!(store.claim(key, digest(1), SIGN, run(2, NOW), NOW).await.unwrap(), busy);
    let open = OperationRecord { digest: digest(1), outcome: None };
    assert_eq!(store.find(key).await.unwrap(), Some(open));

    assert_eq!(store.finish(key, digest(1), &OUTCOME).await.unwrap(), OUTCOME);
    // The first outcome stays, also against a run that took over meanwhile.
    assert_eq!(store.finish(key, digest(1), &Outcome::Signed([8; 64])).await.unwrap(), OUTCOME);
    store.release(key, first).await.unwrap();
    let much_later = NOW.plus(LEASE * 1000);
    let claim = store.claim(key, digest(1), SIGN, run(3, much_later), much_later).await.unwrap();
    assert_eq!(claim, Claim::Done(OUTCOME));
    let done = OperationRecord { digest: digest(1), outcome: Some(OUTCOME) };
    assert_eq!(store.find(key).await.unwrap(), Some(done));

    // The same id of another user or environment is another operation.
    let stranger = OperationKey { user: UserId::from_uuid(uuid(9)), ..key };
    let elsewhere = OperationKey { environment: EnvironmentId::from_uuid(uuid(9)), ..key };
    for other in [stranger, elsewhere] {
        assert_eq!(store.find(other).await.unwrap(), None);
        assert_eq!(
            store.claim(other, digest(2), SIGN, first, NOW).await.unwrap(),
            Claim::Granted { first: true }
        );
    }
}

async fn an_id_belongs_to_its_first_digest(store: &dyn OperationStore) {
    let key = operation(2);
    store.claim(key, digest(1), SIGN, run(1, NOW), NOW).await.unwrap();
    let reused = |result: kernel::Result<Claim>| {
        assert_eq!(result.unwrap_err().reason(), Reason::OperationIdReused);
    };
    let much_later = NOW.plus(LEASE * 1000);
    reused(store.claim(key, digest(2), SIGN, run(2, NOW), NOW).await);
    reused(store.claim(key, digest(2), SIGN, run(2, much_later), much_later).await);
    assert!(store.finish(key, digest(2), &OUTCOME).await.is_err());
    assert_eq!(store.find(key).await.unwrap().unwrap().outcome, None);
    store.finish(key, digest(1), &OUTCOME).await.unwrap();
    reused(store.claim(key, digest(2), SIGN, run(2, NOW), NOW).await);
    let answer = store.find(key).await.unwrap().unwrap().answer(digest(2));
    assert_eq!(answer.unwrap_err().reason(), Reason::OperationIdReused);
}

async fn a_dead_run_is_replaced_when_its_time_is_over_or_it_gave_up(store: &dyn OperationStore) {
    let key = operation(3);
    let (first, second, third) = (run(1, NOW), run(2, NOW.plus(LEASE)), run(3, NOW.plus(LEASE)));
    let claim = async |run: Run, now| store.claim(key, digest(3), SIGN, run, now).await.unwrap();
    assert_eq!(claim(first, NOW).await, Claim::Granted { first: true });
    let last_moment = NOW.plus(LEASE - Duration::from_millis(1));
    assert_eq!(claim(second, last_moment).await, Claim::Busy(first.until));
    assert_eq!(claim(second, NOW.plus(LEASE)).await, Claim::Granted { first: false });
    // The first run comes back too late to give up for the second.
    store.release(key, first).await.unwrap();
    assert_eq!(claim(third, NOW.plus(LEASE)).await, Claim::Busy(second.until));
    store.release(key, second).await.unwrap();
    assert_eq!(claim(third, NOW.plus(LEASE)).await, Claim::Granted { first: false });
}

async fn of_runs_that_race_one_is_granted(store: Arc<dyn OperationStore>) {
    for round in 0..10 {
        // First for a fresh operation, then for one whose run has died.
        for now in [NOW, NOW.plus(LEASE)] {
            let tasks: Vec<_> = (1..=64)
                .map(|number| {
                    let store = store.clone();
                    let run = run(number, now);
                    tokio::spawn(async move {
                        store.claim(operation(100 + round), digest(1), SIGN, run, now).await.unwrap()
                    })
                })
                .collect();
            let mut granted = 0;
            for task in tasks {
                match task.await.unwrap() {
                    Claim::Granted { .. } => granted += 1,
                    claim => assert_eq!(claim, Claim::Busy(now.plus(LEASE))),
                }
            }
            assert_eq!(granted, 1);
        }
    }
}

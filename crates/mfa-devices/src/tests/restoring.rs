//! A database that was put back: what was used up after the backup is not used a second time.

use testkit::race;

use super::*;
use crate::domain::throttle::FREE;
use crate::domain::{Restored, TotpParameters};

/// Where a world's database was kept.
const BACKUP: &str = "backup.sqlite";

impl World {
    pub(super) async fn back_up(&self) {
        let path = self._folder.path().join(BACKUP);
        let sql = format!("VACUUM INTO '{}'", path.display());
        let database = storage::sql::open_sqlite(&self._folder.path().join("test.sqlite")).await.unwrap();
        sea_orm::ConnectionTrait::execute_unprepared(&database, &sql).await.unwrap();
    }

    /// The service starts on the backup, and the restore was acknowledged just now.
    pub(super) async fn restored(self) -> Self {
        let not_before = self.now();
        self.reopened(BACKUP, Some(not_before)).await
    }

    /// The service starts once more on the database it has.
    pub(super) async fn restarted(self) -> Self {
        self.reopened("test.sqlite", None).await
    }

    async fn reopened(self, file: &str, not_before: Option<Timestamp>) -> Self {
        let database = storage::sql::open_sqlite(&self._folder.path().join(file)).await.unwrap();
        let entropy = Arc::new(testkit::SeededEntropy::new(12));
        let sealer = Sealer::new([(1, SecretBytes::from(vec![1; 32]))], entropy.clone()).unwrap();
        let restored = not_before.map(Restored::until);
        let store = Arc::new(SqlDeviceStore::new(database, Arc::new(sealer)).restored(restored));
        let statement = self.receipts.statement(1, NOW);
        let keys = ReceiptKeys::from_statement(&statement, &self.receipts.root(), ISSUER, 1, NOW).unwrap();
        let verifier = ReceiptVerifier::new(Arc::new(keys), FACTORS_AUDIENCE, self.clock.clone());
        let service = Arc::new(Service {
            store: store.clone(),
            passkeys: store.clone(),
            authenticators: Arc::new(FakeAuthenticators),
            ceremonies: CeremonyStore::in_memory().0,
            parties: Arc::new(OneParty::new()),
            recovery: store.clone(),
            users: store.clone(),
            receipts: Arc::new(VerifiedReceipts(verifier.not_before(not_before))),
            restored,
            entropy,
            issuer: Label::new("Countersign").unwrap(),
        });
        Self { service, store, ..self }
    }

    /// The moment from which codes are tested again.
    pub(super) fn end_of_quiet(&self) {
        self.clock
            .advance(Restored::until(self.now()).quiet_for(self.now(), TotpParameters::DEFAULT).unwrap());
    }
}

#[tokio::test]
async fn a_code_that_was_accepted_after_the_backup_is_not_accepted_again() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    world.back_up().await;
    let codes = phone.codes(world.now());
    world.prove_any(owner, &codes.current).await.unwrap();
    // A phone whose clock is ahead.
    world.prove_any(owner, &codes.next).await.unwrap();

    let world = world.restored().await;
    for code in [&codes.current, &codes.next] {
        let told = assert_refused(world.prove_any(owner, code).await, Reason::FactorThrottled);
        assert!(told.message().contains("restored"), "{told}");
        assert!(told.retry_delay().unwrap() <= 2 * STEP);
    }
    world.end_of_quiet();
    // Still within its drift.
    assert_refused(world.prove_any(owner, &codes.next).await, Reason::CodeRejected);
    world.clock.advance(Duration::from_secs(60));
    let fresh = phone.codes(world.now());
    world.prove_any(owner, &fresh.current).await.unwrap();
    assert_refused(world.prove_any(owner, &fresh.current).await, Reason::CodeRejected);
}

#[tokio::test]
async fn nothing_is_taken_from_a_user_who_is_early() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    world.back_up().await;
    let world = world.restored().await;
    for _ in 0..20 {
        let code = phone.codes(world.now()).current;
        assert_refused(world.prove_any(owner, &code).await, Reason::FactorThrottled);
    }
    world.end_of_quiet();
    assert_eq!(world.store.throttle(owner, FactorKind::Totp).await.unwrap().left(world.now()), 1);
    world.prove_any(owner, &phone.codes(world.now()).current).await.unwrap();
}

#[tokio::test]
async fn a_restore_gives_back_no_more_than_a_few_tries() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    world.back_up().await;
    let world = world.restored().await;
    world.end_of_quiet();
    let mut tries = 0;
    let end = world.now().plus(Duration::from_secs(11 * 3600));
    while world.now() < end {
        let wrong = phone.wrong(world.now());
        match world.prove_any(owner, &wrong).await.unwrap_err() {
            refused if refused.reason() == Reason::CodeRejected => tries += 1,
            throttled => world.clock.advance(throttled.retry_delay().unwrap()),
        }
    }
    assert_eq!(tries, FREE);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_that_race_on_a_record_from_before_are_taken_once_each() {
    let world = World::new().await;
    let owner = owner();
    world.enrolled(owner, "s-1").await;
    world.back_up().await;
    let world = world.restored().await;
    world.end_of_quiet();
    let now = world.now();
    let outcomes = race(std::slice::from_ref(&world.store), 32, |store, _| async move {
        store.take_try(owner, FactorKind::Totp, now).await.unwrap()
    })
    .await;
    let taken = outcomes.iter().filter(|outcome| matches!(outcome, crate::ports::Try::Taken { .. })).count();
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_receipt_from_before_is_dead_although_the_backup_does_not_know_it() {
    let world = World::new().await;
    let owner = owner();
    world.enrolled(owner, "s-1").await;
    world.back_up().await;
    let ticket = world.link(owner, "s-1");
    let world = world.restored().await;
    let caller = world.caller(owner, "s-1");
    assert_refused(world.register(&caller, Some(&ticket)).await, Reason::ReceiptExpired);
    world.clock.advance(Duration::from_secs(1));
    // Given after, and the token behind it was proved before: it may have paid for something that was forgotten.
    let caller = world.caller(owner, "s-1");
    let late = world.link(owner, "s-1");
    assert_refused(world.register(&caller, Some(&late)).await, Reason::ReceiptSpent);
}

//! What every backend of the stores must keep. Each clause is given a store that other clauses wrote to as well.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use attestation::KeyStatement;
use kernel::{EnvironmentId, OperationId, Reason, Timestamp, UserId, WalletId};
use operation::{Digest, KeyType, OperationKind};
use testkit::race;

use crate::domain::attested::{AttestedKey, Creation};
use crate::domain::fixtures::{attested_statement, directory, environment, statement, user, uuid};
use crate::domain::outcome::Outcome;
use crate::domain::wallet::{Wallet, WalletPath};
use crate::ports::{Claim, OperationKey, OperationRecord, OperationStore, Run, WalletStore};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
const LEASE: Duration = Duration::from_secs(40);

/// Two handles on the same data, as two processes have.
type Handles<S> = [Arc<S>; 2];

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

/// More than any clause makes but the one about it.
const MOST: u32 = 10;

pub(crate) async fn wallets<S: WalletStore + 'static>(handles: Handles<S>) {
    let [store, other] = [&*handles[0], &*handles[1]];
    a_wallet_goes_forward_and_keeps_the_key_in_use(store).await;
    a_wallet_is_its_users_alone(other).await;
    pages_follow_the_order_of_creation(store).await;
    a_user_has_as_many_wallets_as_may_be_and_goes_on_with_those(store).await;
    of_many_wallets_begun_at_once_as_many_are_kept_as_may_be(&handles).await;
    of_many_keys_put_into_use_at_once_one_is_kept(&handles).await;
}

async fn a_wallet_goes_forward_and_keeps_the_key_in_use(store: &dyn WalletStore) {
    let begun = wallet(1);
    assert_eq!(store.find(begun.path).await.unwrap(), None);
    let attested = begun.clone().attested(key(1, 1)).unwrap();
    assert_eq!(store.advance(&attested).await.unwrap_err().reason(), Reason::Internal);
    assert!(store.begin(&begun, MOST).await.unwrap());
    assert_eq!(store.find(begun.path).await.unwrap(), Some(begun.clone()));

    store.advance(&attested).await.unwrap();
    // A creation that begins again does not undo what was reached, nor when it began.
    assert!(store.begin(&Wallet { created: NOW.plus(LEASE), ..begun.clone() }, MOST).await.unwrap());
    assert_eq!(store.find(begun.path).await.unwrap(), Some(attested));

    let active = begun.clone().attested(key(1, 2)).unwrap().activated().unwrap();
    store.advance(&active).await.unwrap();
    store.advance(&active).await.unwrap();
    // A run that was overtaken by another one with the same key.
    store.advance(&begun.clone().attested(key(1, 2)).unwrap()).await.unwrap();
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
        assert!(store.begin(&wallet(number), MOST).await.unwrap());
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

/// A wallet of the user of this number.
fn wallet_of(user: u8, number: u8) -> Wallet {
    let mut wallet = wallet(number);
    wallet.path.user = UserId::from_uuid(uuid(user));
    wallet
}

async fn held(store: &dyn WalletStore, user: u8) -> usize {
    let user = UserId::from_uuid(uuid(user));
    let held = store.list(environment(), user, None, 100).await.unwrap().wallets.len();
    assert_eq!(store.held(environment(), user).await.unwrap(), u64::try_from(held).unwrap());
    held
}

async fn a_user_has_as_many_wallets_as_may_be_and_goes_on_with_those(store: &dyn WalletStore) {
    assert_eq!(held(store, 20).await, 0);
    for number in 1..=4 {
        assert_eq!(store.begin(&wallet_of(20, number), 3).await.unwrap(), number <= 3);
    }
    assert_eq!(store.find(wallet_of(20, 4).path).await.unwrap(), None);
    assert!(store.begin(&wallet_of(20, 2), 3).await.unwrap(), "it was begun");
    assert_eq!(held(store, 20).await, 3);
    assert!(store.begin(&wallet_of(21, 4), 3).await.unwrap(), "somebody else is not concerned");
    let elsewhere = EnvironmentId::from_uuid(uuid(9));
    let there = wallet_of(20, 5);
    let there = Wallet { path: WalletPath { environment: elsewhere, ..there.path }, ..there };
    assert!(store.begin(&there, 3).await.unwrap(), "nor is the same user elsewhere");
    assert!(store.begin(&wallet_of(20, 4), 4).await.unwrap(), "more may be than before");
}

async fn of_many_wallets_begun_at_once_as_many_are_kept_as_may_be<S: WalletStore + 'static>(
    handles: &Handles<S>,
) {
    for user in 30..33 {
        // Each wallet is begun twice, from both processes.
        let begun = race(handles, 64, move |store, index| async move {
            let number = 1 + u8::try_from(index / 2).unwrap();
            store.begin(&wallet_of(user, number), 5).await.unwrap()
        })
        .await;
        assert_eq!(held(&*handles[0], user).await, 5);
        for (number, begun) in (1..).zip(begun.chunks(2)) {
            let kept = handles[1].find(wallet_of(user, number).path).await.unwrap().is_some();
            assert!(begun.iter().all(|begun| *begun == kept), "wallet {number}: {kept}, {begun:?}");
        }
        assert!(!handles[1].begin(&wallet_of(user, 100), 5).await.unwrap());
    }
}

async fn of_many_keys_put_into_use_at_once_one_is_kept<S: WalletStore + 'static>(handles: &Handles<S>) {
    let begun = wallet(6);
    assert!(handles[0].begin(&begun, MOST).await.unwrap());
    let racing = begun.clone();
    let advanced = race(handles, 32, move |store, index| {
        let transcript = u8::try_from(index % 4).unwrap();
        let attested = racing.clone().attested(key(6, transcript)).unwrap();
        async move {
            // An attestation that comes too late is refused too, unless it is the one of the key in use.
            drop(store.advance(&attested).await);
            store.advance(&attested.activated().unwrap()).await.map(|()| transcript)
        }
    })
    .await;
    let won: BTreeSet<_> = advanced.iter().filter_map(|advanced| advanced.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(advanced.iter().filter(|advanced| advanced.is_ok()).count(), 8);
    let kept = begun.attested(key(6, **won.first().unwrap())).unwrap().activated().unwrap();
    assert_eq!(handles[1].find(kept.path).await.unwrap(), Some(kept));
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

pub(crate) async fn operations<S: OperationStore + 'static>(handles: Handles<S>) {
    let [store, other] = [&*handles[0], &*handles[1]];
    an_operation_is_run_by_one_at_a_time_until_it_is_done(store).await;
    an_id_belongs_to_its_first_digest(other).await;
    a_dead_run_is_replaced_when_its_time_is_over_or_it_gave_up(store).await;
    what_was_never_authorized_is_forgotten(other).await;
    of_runs_that_race_one_is_granted(&handles).await;
    of_digests_that_race_for_one_id_one_is_bound(&handles).await;
    of_outcomes_that_race_all_hear_the_one_that_is_kept(&handles).await;
    an_operation_that_is_claimed_and_forgotten_at_once_is_one_or_the_other(&handles).await;
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

async fn of_runs_that_race_one_is_granted<S: OperationStore + 'static>(handles: &Handles<S>) {
    for round in 0..10 {
        // First for a fresh operation, then for one whose run has died.
        for now in [NOW, NOW.plus(LEASE)] {
            let claims = race(handles, 64, move |store, index| async move {
                let run = run(1 + u8::try_from(index).unwrap(), now);
                store.claim(operation(100 + round), digest(1), SIGN, run, now).await.unwrap()
            })
            .await;
            let granted = Claim::Granted { first: now == NOW };
            assert_eq!(claims.iter().filter(|claim| **claim == granted).count(), 1);
            let busy = Claim::Busy(now.plus(LEASE));
            assert_eq!(claims.iter().filter(|claim| **claim == busy).count(), 63);
        }
    }
}

async fn of_digests_that_race_for_one_id_one_is_bound<S: OperationStore + 'static>(handles: &Handles<S>) {
    for round in 0..5 {
        let key = operation(120 + round);
        let claims = race(handles, 64, move |store, index| async move {
            let number = 1 + u8::try_from(index).unwrap();
            store.claim(key, digest(number), SIGN, run(number, NOW), NOW).await.map(|claim| (number, claim))
        })
        .await;
        let won: Vec<_> = claims.iter().filter_map(|claim| claim.as_ref().ok()).collect();
        assert!(matches!(won[..], [(_, Claim::Granted { first: true })]), "{won:?}");
        for refused in claims.iter().filter_map(|claim| claim.as_ref().err()) {
            assert_eq!(refused.reason(), Reason::OperationIdReused);
        }
        assert_eq!(handles[1].find(key).await.unwrap().unwrap().digest, digest(won[0].0));
    }
}

async fn of_outcomes_that_race_all_hear_the_one_that_is_kept<S: OperationStore + 'static>(
    handles: &Handles<S>,
) {
    for round in 0..5 {
        let key = operation(130 + round);
        handles[0].claim(key, digest(1), SIGN, run(1, NOW), NOW).await.unwrap();
        let outcomes = race(handles, 32, move |store, index| async move {
            let outcome = Outcome::Signed([u8::try_from(index).unwrap(); 64]);
            store.finish(key, digest(1), &outcome).await.unwrap()
        })
        .await;
        let kept = handles[1].find(key).await.unwrap().unwrap().outcome.unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome == kept));
    }
}

/// Runs claim and forget over and over. Nobody is told that the operation is broken, or has it beside another one.
async fn an_operation_that_is_claimed_and_forgotten_at_once_is_one_or_the_other<
    S: OperationStore + 'static,
>(
    handles: &Handles<S>,
) {
    let key = operation(140);
    let holders = Arc::new(AtomicU32::new(0));
    let granted = race(handles, 8, |store, index| {
        let holders = holders.clone();
        let run = run(1 + u8::try_from(index).unwrap(), NOW);
        async move {
            let mut granted = 0;
            for _ in 0..10 {
                match store.claim(key, digest(1), SIGN, run, NOW).await.unwrap() {
                    Claim::Granted { first } => {
                        assert!(first);
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        holders.fetch_sub(1, Ordering::SeqCst);
                        store.forget(key, run).await.unwrap();
                        granted += 1;
                    }
                    claim => assert_eq!(claim, Claim::Busy(run.until)),
                }
            }
            granted
        }
    })
    .await;
    assert!(granted.iter().sum::<u32>() > 0);
    assert_eq!(handles[1].find(key).await.unwrap(), None);
}

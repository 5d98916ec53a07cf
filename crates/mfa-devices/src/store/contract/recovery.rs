//! Clauses about recovery codes: a set is one, each code is used once, and a payment pays once.

use std::collections::BTreeSet;

use super::*;
use crate::domain::proof::{GRANT_LIFE, RETRY};
use crate::domain::recovery_code::COUNT;
use crate::domain::recovery_set::SHOWN_FOR;
use crate::domain::{FactorEvent, Happening, Outgoing, RecoveryCodes};
use crate::ports::{CodeUse, Made, Making, Payment, RecoveryStore, Showing, ShownAgain, UserStore};

pub(in crate::store) trait Store: DeviceStore + RecoveryStore + UserStore + 'static {}

impl<S: DeviceStore + RecoveryStore + UserStore + 'static> Store for S {}

const MOMENT: Duration = Duration::from_millis(1);

fn making(in_session: &str, payment: Payment, at: Timestamp) -> Making {
    let codes = RecoveryCodes::random(&*ENTROPY);
    Making { id: DeviceId::random(&*ENTROPY), codes, session: session(in_session), payment, at }
}

/// A user with a factor, and a proof by it that pays for codes in the session `s-1`.
async fn paying<S: Store>(store: &S) -> (Owner, DeviceId) {
    let owner = owner();
    let device = factor(store, owner).await;
    pay(store, owner, device, 200, NOW).await;
    (owner, device)
}

async fn pay<S: Store>(store: &S, owner: Owner, device: DeviceId, step: u64, at: Timestamp) -> Proof {
    let mut acceptance = acceptance(device, "s-1", step, at);
    acceptance.proof.grant = true;
    assert!(store.accept(owner, &acceptance).await.unwrap());
    acceptance.proof
}

/// A user with a factor and codes.
async fn with_codes<S: Store>(store: &S) -> (Owner, DeviceId, Making) {
    let (owner, device) = paying(store).await;
    let making = making("s-1", Payment::Left, NOW);
    made(store, owner, &making).await;
    (owner, device, making)
}

async fn made<S: Store>(store: &S, owner: Owner, making: &Making) {
    assert!(matches!(store.make_codes(owner, making).await.unwrap(), Made::Made(_)));
}

fn code_use(set: DeviceId, place: i32, at: Timestamp) -> CodeUse {
    let proof = proof(set, &attempt("s-1", 1), at);
    CodeUse { place, proof: Proof { kind: FactorKind::RecoveryCode, grant: false, ..proof } }
}

async fn events<S: Store>(store: &S, owner: Owner) -> Vec<FactorEvent> {
    let all = store.events(owner.environment, 0, 200).await.unwrap();
    all.into_iter().filter(|outgoing| outgoing.owner == owner).map(|outgoing| outgoing.event).collect()
}

async fn happened<S: Store>(store: &S, owner: Owner) -> Vec<Happening> {
    let recovery = |what: &Happening| !matches!(what, Happening::FactorAdded | Happening::FactorRemoved);
    events(store, owner).await.into_iter().map(|event| event.what).filter(recovery).collect()
}

pub(in crate::store) async fn codes_come_back_as_they_were_made<S: Store>([store, other]: Handles<S>) {
    let (owner, _, making) = with_codes(&*store).await;
    let set = other.recovery_set(owner, NOW).await.unwrap().unwrap();
    assert_eq!((set.id, set.created, set.session), (making.id, NOW, session("s-1")));
    assert_eq!((set.last_use, set.acknowledged), (None, false));
    assert_eq!(usize::try_from(set.remaining).unwrap(), COUNT);
    let candidates = other.unused_codes(owner).await.unwrap().unwrap();
    assert_eq!(candidates.set, making.id);
    let expected: Vec<_> = (0..).zip(making.codes.hashes(making.id)).collect();
    let mut found = candidates.codes;
    found.sort_by_key(|(place, _)| *place);
    assert_eq!(found, expected);
    assert_eq!(happened(&*other, owner).await, [Happening::RecoveryCodesMade]);
    // Nobody else has them.
    let stranger = crate::fixtures::owner();
    assert_eq!(other.recovery_set(stranger, NOW).await.unwrap(), None);
    assert_eq!(other.unused_codes(stranger).await.unwrap(), None);
    let elsewhere = Owner { environment: stranger.environment, ..owner };
    assert_eq!(other.unused_codes(elsewhere).await.unwrap(), None);
}

pub(in crate::store) async fn codes_take_a_factor_and_a_fresh_proof_of_it<S: Store>(
    [store, other]: Handles<S>,
) {
    let unpaid = async |owner, making: &Making| {
        assert_eq!(other.make_codes(owner, making).await.unwrap(), Made::Unpaid);
        assert_eq!(other.recovery_set(owner, making.at).await.unwrap(), None);
    };
    // Somebody unknown; a pending device; a factor, the proof of which was for something else.
    let owner = owner();
    unpaid(owner, &making("s-1", Payment::Left, NOW)).await;
    store.enrol(owner, &enrolment("s-1", NOW)).await.unwrap();
    unpaid(owner, &making("s-1", Payment::Left, NOW)).await;
    let device = factor(&*store, owner).await;
    let tokens = acceptance(device, "s-1", 150, NOW);
    assert!(store.accept(owner, &tokens).await.unwrap());
    unpaid(owner, &making("s-1", Payment::Left, NOW)).await;
    unpaid(owner, &making("s-1", Payment::Proof(tokens.proof.id), NOW)).await;

    let paid = pay(&*store, owner, device, 200, NOW).await;
    let late = NOW.plus(GRANT_LIFE + MOMENT);
    unpaid(owner, &making("s-1", Payment::Proof(paid.id), late)).await;
    unpaid(owner, &making("s-2", Payment::Proof(paid.id), NOW)).await;
    unpaid(owner, &making("s-2", Payment::Left, NOW)).await;
    // Somebody else's.
    let stranger = crate::fixtures::owner();
    factor(&*store, stranger).await;
    unpaid(stranger, &making("s-1", Payment::Proof(paid.id), NOW)).await;
    // What was refused has used nothing up.
    let last = NOW.plus(GRANT_LIFE);
    made(&*other, owner, &making("s-1", Payment::Proof(paid.id), last)).await;
    assert_eq!(
        other.make_codes(owner, &making("s-1", Payment::Left, last)).await.unwrap(),
        Made::Unpaid,
        "a proof is good once"
    );
}

pub(in crate::store) async fn a_recovery_code_pays_for_no_codes<S: Store>([store, _]: Handles<S>) {
    let (owner, _, making_) = with_codes(&*store).await;
    let mut code = code_use(making_.id, 0, NOW);
    code.proof.grant = true;
    assert!(store.use_code(owner, &code).await.unwrap().is_some());
    for payment in [Payment::Left, Payment::Proof(code.proof.id)] {
        let made = store.make_codes(owner, &making("s-1", payment, NOW)).await.unwrap();
        assert_eq!(made, Made::Unpaid);
    }
}

pub(in crate::store) async fn a_proof_of_a_factor_that_is_gone_pays_for_nothing<S: Store>(
    [store, other]: Handles<S>,
) {
    let (owner, device) = paying(&*store).await;
    let kept = factor(&*store, owner).await;
    assert_eq!(remove(&*store, owner, device, false).await, Removal::Removed);
    let unpaid = other.make_codes(owner, &making("s-1", Payment::Left, NOW)).await.unwrap();
    assert_eq!(unpaid, Made::Unpaid);
    pay(&*store, owner, kept, 200, NOW).await;
    made(&*other, owner, &making("s-1", Payment::Left, NOW)).await;
}

pub(in crate::store) async fn of_many_who_bring_two_proofs_two_make_codes<S: Store>(handles: Handles<S>) {
    let (owner, device) = paying(&*handles[0]).await;
    pay(&*handles[0], owner, device, 201, NOW).await;
    let outcomes = race(&handles, 32, move |store, _| async move {
        let making = making("s-1", Payment::Left, NOW);
        matches!(store.make_codes(owner, &making).await.unwrap(), Made::Made(_))
    })
    .await;
    assert_eq!(count(&outcomes), 2);
    assert_eq!(happened(&*handles[1], owner).await, [Happening::RecoveryCodesMade; 2]);
}

pub(in crate::store) async fn of_200_who_bring_one_recovery_code_one_succeeds<S: Store>(handles: Handles<S>) {
    let (owner, _, making) = with_codes(&*handles[0]).await;
    let set = making.id;
    let outcomes = race(&handles, 200, move |store, _| async move {
        store.use_code(owner, &code_use(set, 3, NOW)).await.unwrap()
    })
    .await;
    let left: Vec<_> = outcomes.into_iter().flatten().collect();
    assert_eq!(left, [9]);
    let candidates = handles[1].unused_codes(owner).await.unwrap().unwrap();
    assert!(candidates.codes.iter().all(|(place, _)| *place != 3));
    let told = events(&*handles[1], owner).await;
    let used: Vec<_> = told.iter().filter(|event| event.what == Happening::RecoveryCodeUsed).collect();
    assert_eq!(used.len(), 1);
    assert_eq!((used[0].remaining, used[0].device, used[0].at), (9, Some(set), NOW));
}

pub(in crate::store) async fn all_codes_at_once_are_each_used_once<S: Store>(handles: Handles<S>) {
    let (owner, _, making) = with_codes(&*handles[0]).await;
    let set = making.id;
    let outcomes = race(&handles, 40, move |store, index| async move {
        let place = i32::try_from(index % COUNT).unwrap();
        store.use_code(owner, &code_use(set, place, NOW)).await.unwrap()
    })
    .await;
    // Each of them says another number that is left.
    let left: BTreeSet<_> = outcomes.iter().flatten().copied().collect();
    assert_eq!(left, (0..10).collect());
    assert_eq!(outcomes.iter().flatten().count(), COUNT);
    let set = handles[1].recovery_set(owner, NOW).await.unwrap().unwrap();
    assert_eq!((set.remaining, set.last_use), (0, Some(NOW)));
}

pub(in crate::store) async fn a_used_code_leaves_its_proof_and_clears_its_own_tries<S: Store>(
    [store, other]: Handles<S>,
) {
    let (owner, _, making) = with_codes(&*store).await;
    for kind in [FactorKind::Totp, FactorKind::RecoveryCode] {
        for _ in 0..3 {
            store.take_try(owner, kind, NOW).await.unwrap();
        }
    }
    let code = code_use(making.id, 0, NOW);
    assert_eq!(other.use_code(owner, &code).await.unwrap(), Some(9));
    let request = code.proof.attempt.request;
    assert_eq!(store.proof(owner, request).await.unwrap(), Some(code.proof.clone()));
    let streak = async |kind| store.throttle(owner, kind).await.unwrap().streak;
    assert_eq!((streak(FactorKind::Totp).await, streak(FactorKind::RecoveryCode).await), (3, 0));

    // A request that has its answer uses up nothing.
    let again = CodeUse { place: 1, proof: Proof { id: code_use(making.id, 1, NOW).proof.id, ..code.proof } };
    assert_eq!(store.use_code(owner, &again).await.unwrap(), None);
    assert_eq!(store.recovery_set(owner, NOW).await.unwrap().unwrap().remaining, 9);
    let later = NOW.plus(RETRY + MOMENT);
    let again = CodeUse { proof: Proof { at: later, ..again.proof }, ..again };
    assert_eq!(store.use_code(owner, &again).await.unwrap(), Some(8));
}

pub(in crate::store) async fn an_old_set_is_dead_at_once_and_so_is_somebody_elses<S: Store>(
    [store, other]: Handles<S>,
) {
    let (owner, device, first) = with_codes(&*store).await;
    let used = code_use(first.id, 0, NOW);
    assert!(store.use_code(owner, &used).await.unwrap().is_some());
    pay(&*store, owner, device, 201, NOW).await;
    let second = making("s-1", Payment::Left, NOW);
    made(&*store, owner, &second).await;
    assert_eq!(other.use_code(owner, &code_use(first.id, 1, NOW)).await.unwrap(), None);
    assert_eq!(other.proof(owner, used.proof.attempt.request).await.unwrap(), None);
    assert_eq!(other.recovery_set(owner, NOW).await.unwrap().unwrap().remaining, 10);

    let (stranger, _, _) = with_codes(&*store).await;
    assert_eq!(other.use_code(stranger, &code_use(second.id, 1, NOW)).await.unwrap(), None);
    assert_eq!(other.unused_codes(owner).await.unwrap().unwrap().codes.len(), COUNT);
}

pub(in crate::store) async fn codes_used_while_they_are_replaced_are_one_or_the_other<S: Store>(
    handles: Handles<S>,
) {
    for round in 0..10 {
        let (owner, device, first) = with_codes(&*handles[0]).await;
        pay(&*handles[0], owner, device, 201, NOW).await;
        let old = first.id;
        let outcomes = race(&handles, 2, move |store, index| async move {
            if (index + round) % 2 == 0 {
                return store.use_code(owner, &code_use(old, 0, NOW)).await.unwrap().is_some();
            }
            let making = making("s-1", Payment::Left, NOW);
            assert!(matches!(store.make_codes(owner, &making).await.unwrap(), Made::Made(_)));
            true
        })
        .await;
        assert!(count(&outcomes) >= 1);
        let set = handles[1].recovery_set(owner, NOW).await.unwrap().unwrap();
        assert_ne!(set.id, old);
        assert_eq!(set.remaining, 10, "whichever came first, the new set is whole");
    }
}

pub(in crate::store) async fn codes_are_shown_again_for_a_payment_each<S: Store>([store, other]: Handles<S>) {
    let (owner, device, making) = with_codes(&*store).await;
    let showing = |in_session: &str, at| Showing { session: session(in_session), payment: Payment::Left, at };
    let unpaid = other.show_codes(owner, &showing("s-1", NOW)).await.unwrap();
    assert!(matches!(unpaid, ShownAgain::Unpaid));
    let end = NOW.plus(SHOWN_FOR);
    pay(&*store, owner, device, 201, end).await;
    assert!(matches!(other.show_codes(owner, &showing("s-2", end)).await.unwrap(), ShownAgain::Hidden));
    let late = end.plus(MOMENT);
    assert!(matches!(other.show_codes(owner, &showing("s-1", late)).await.unwrap(), ShownAgain::Hidden));
    let ShownAgain::Codes(set, codes) = other.show_codes(owner, &showing("s-1", end)).await.unwrap() else {
        panic!("should have been shown")
    };
    assert_eq!(set.id, making.id);
    assert_eq!(codes.hashes(set.id), making.codes.hashes(making.id));
    assert!(matches!(other.show_codes(owner, &showing("s-1", end)).await.unwrap(), ShownAgain::Unpaid));
    let expected = [Happening::RecoveryCodesMade, Happening::RecoveryCodesShown];
    assert_eq!(happened(&*store, owner).await, expected);

    // Looking at the set after its time erased what they could be shown from, also for a clock that is set back.
    other.recovery_set(owner, late).await.unwrap();
    pay(&*store, owner, device, 202, NOW).await;
    assert!(matches!(other.show_codes(owner, &showing("s-1", NOW)).await.unwrap(), ShownAgain::Hidden));
}

pub(in crate::store) async fn acknowledged_codes_are_hidden_and_stay_good<S: Store>(
    [store, other]: Handles<S>,
) {
    let (owner, device, making) = with_codes(&*store).await;
    for _ in 0..2 {
        let set = other.acknowledge_codes(owner).await.unwrap().unwrap();
        assert!(set.acknowledged);
        assert_eq!(store.recovery_set(owner, NOW).await.unwrap(), Some(set));
    }
    pay(&*store, owner, device, 201, NOW).await;
    let showing = Showing { session: session("s-1"), payment: Payment::Left, at: NOW };
    assert!(matches!(other.show_codes(owner, &showing).await.unwrap(), ShownAgain::Hidden));
    assert_eq!(other.use_code(owner, &code_use(making.id, 9, NOW)).await.unwrap(), Some(9));
    assert_eq!(other.acknowledge_codes(crate::fixtures::owner()).await.unwrap(), None);
}

pub(in crate::store) async fn codes_end_with_the_last_factor<S: Store>([store, other]: Handles<S>) {
    let (owner, device, making) = with_codes(&*store).await;
    let second = factor(&*store, owner).await;
    assert_eq!(remove(&*store, owner, second, false).await, Removal::Removed);
    assert!(other.recovery_set(owner, NOW).await.unwrap().is_some());
    assert_eq!(remove(&*store, owner, device, false).await, Removal::Removed);
    assert_eq!(other.recovery_set(owner, NOW).await.unwrap(), None);
    assert_eq!(other.use_code(owner, &code_use(making.id, 0, NOW)).await.unwrap(), None);
    // They do not come back with the next factor.
    factor(&*store, owner).await;
    assert_eq!(other.unused_codes(owner).await.unwrap(), None);
}

pub(in crate::store) async fn of_parallel_removals_and_makings_no_codes_stay_without_a_factor<S: Store>(
    handles: Handles<S>,
) {
    for _ in 0..10 {
        let (owner, device) = paying(&*handles[0]).await;
        let payment = payment(&*handles[0], owner).await;
        let generation = handles[0].holdings(owner).await.unwrap().generation;
        race(&handles, 2, move |store, index| async move {
            if index == 0 {
                store.make_codes(owner, &making("s-1", Payment::Left, NOW)).await.unwrap();
            } else {
                let leaving = Leaving { device, keep_last: false, payment, generation, at: NOW };
                store.remove(owner, &leaving).await.unwrap();
            }
            true
        })
        .await;
        assert_eq!(handles[1].recovery_set(owner, NOW).await.unwrap(), None);
        assert!(!handles[1].holdings(owner).await.unwrap().has_factor());
    }
}

pub(in crate::store) async fn events_are_listed_in_order_until_they_are_delivered<S: Store>(
    [store, other]: Handles<S>,
) {
    let (owner, _, making) = with_codes(&*store).await;
    for place in 0..5 {
        store.use_code(owner, &code_use(making.id, place, NOW)).await.unwrap();
    }
    let environment = owner.environment;
    let all = other.events(environment, 0, 200).await.unwrap();
    let sequences = |events: &[Outgoing]| events.iter().map(|event| event.sequence).collect::<Vec<_>>();
    assert!(sequences(&all).is_sorted_by(|one, next| one < next) && all[0].sequence >= 1);
    let used: Vec<_> =
        all.iter().filter(|event| event.event.what == Happening::RecoveryCodeUsed).copied().collect();
    assert_eq!(used.iter().map(|used| used.event.remaining).collect::<Vec<_>>(), [9, 8, 7, 6, 5]);
    // In pages, and after each other.
    let page = other.events(environment, used[0].sequence, 2).await.unwrap();
    assert_eq!(page, used[1..3]);
    assert!(other.events(environment, u64::MAX, 200).await.unwrap().is_empty());

    // One that is delivered goes, whatever else is; not through another environment.
    let stranger = crate::fixtures::owner();
    let gone = [used[1].sequence, used[3].sequence, u64::MAX];
    assert_eq!(other.delivered(stranger.environment, &gone).await.unwrap(), 0);
    assert_eq!(other.delivered(environment, &gone).await.unwrap(), 2);
    assert_eq!(other.delivered(environment, &gone).await.unwrap(), 0);
    let left = store.events(environment, used[0].sequence, 200).await.unwrap();
    assert_eq!(left, [used[2], used[4]]);
    assert!(store.events(stranger.environment, 0, 200).await.unwrap().is_empty());
    // A number is not given twice.
    let everything = sequences(&store.events(environment, 0, 200).await.unwrap());
    store.delivered(environment, &everything).await.unwrap();
    store.use_code(owner, &code_use(making.id, 5, NOW)).await.unwrap();
    assert!(store.events(environment, 0, 200).await.unwrap()[0].sequence > used[4].sequence);
}

pub(in crate::store) async fn what_is_not_changed_is_not_told<S: Store>([store, _]: Handles<S>) {
    let (owner, _, making_) = with_codes(&*store).await;
    let before = events(&*store, owner).await;
    assert_eq!(store.use_code(owner, &code_use(DeviceId::random(&*ENTROPY), 0, NOW)).await.unwrap(), None);
    assert_eq!(store.make_codes(owner, &making("s-1", Payment::Left, NOW)).await.unwrap(), Made::Unpaid);
    assert!(store.use_code(owner, &code_use(making_.id, 99, NOW)).await.unwrap().is_none());
    assert_eq!(events(&*store, owner).await, before);
}

//! Clauses about codes: a step is used up once, a factor is born once, a request has one answer.

use super::*;
use crate::domain::device::{MAX_PENDING, PENDING_LIFE};
use crate::domain::proof::RETRY;

pub(in crate::store) async fn a_step_is_accepted_once_and_none_before_it_after_it<S: DeviceStore>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let device = factor(&*store, owner).await;
    // The activation's own step is used up too.
    for (step, expected) in [(100, false), (101, true), (101, false), (100, false), (103, true), (102, false)]
    {
        let accepted = other.accept(owner, &acceptance(device, "s-1", step, NOW)).await.unwrap();
        assert_eq!(accepted, expected, "step {step}");
    }
    let used = NOW.plus(SECOND);
    assert!(store.accept(owner, &acceptance(device, "s-1", 104, used)).await.unwrap());
    let holdings = store.holdings(owner).await.unwrap();
    assert_eq!(holdings.devices[0].state, State::Verified { since: NOW, last_use: used });
}

pub(in crate::store) async fn of_64_who_bring_one_code_one_is_accepted<S: DeviceStore + 'static>(
    handles: Handles<S>,
) {
    let owner = owner();
    let device = factor(&*handles[0], owner).await;
    for step in 101..111 {
        let accepted = race(&handles, 64, move |store, _| async move {
            store.accept(owner, &acceptance(device, "s-1", step, NOW)).await.unwrap()
        })
        .await;
        assert_eq!(count(&accepted), 1, "step {step}");
    }
}

pub(in crate::store) async fn a_factor_is_born_and_ends_what_else_is_pending<S: DeviceStore>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let own = enrolment("s-1", NOW);
    let elsewhere = enrolment("s-2", NOW);
    for enrolment in [&own, &elsewhere] {
        store.enrol(owner, enrolment).await.unwrap();
    }
    let at = NOW.plus(SECOND);
    assert!(other.accept(owner, &activation(own.id, "s-1", 100, at)).await.unwrap());
    let holdings = store.holdings(owner).await.unwrap();
    assert_eq!(ids(&*store, owner).await, [own.id]);
    assert_eq!(holdings.devices[0].state, State::Verified { since: at, last_use: at });
    assert_eq!((holdings.default, holdings.ever_verified), (Some(own.id), true));
    assert!(!store.accept(owner, &activation(elsewhere.id, "s-2", 101, at)).await.unwrap());
    assert!(!store.accept(owner, &activation(own.id, "s-1", 101, at)).await.unwrap(), "born once");

    // A further one leaves the default as it is.
    let further = paid(&*store, owner, "s-1", at).await;
    store.enrol(owner, &further).await.unwrap();
    assert!(store.accept(owner, &activation(further.id, "s-1", 100, at)).await.unwrap());
    let holdings = store.holdings(owner).await.unwrap();
    assert_eq!((holdings.factors().len(), holdings.default), (2, Some(own.id)));
}

pub(in crate::store) async fn only_who_may_now_can_activate<S: DeviceStore>([store, _]: Handles<S>) {
    let owner = owner();
    let first = enrolment("s-1", NOW);
    store.enrol(owner, &first).await.unwrap();
    let refused = [
        activation(first.id, "s-2", 100, NOW),
        activation(first.id, "s-1", 100, NOW.plus(PENDING_LIFE)),
        activation(DeviceId::random(&*ENTROPY), "s-1", 100, NOW),
        // A code that is not said to activate does not.
        acceptance(first.id, "s-1", 100, NOW),
    ];
    for acceptance in refused {
        assert!(!store.accept(owner, &acceptance).await.unwrap(), "{acceptance:?}");
        assert_eq!(store.proof(owner, acceptance.proof.attempt.request).await.unwrap(), None);
    }
    assert_eq!(store.holdings(owner).await.unwrap().devices, [first.device()]);
    assert!(!store.holdings(owner).await.unwrap().ever_verified);
    assert!(store.accept(owner, &activation(first.id, "s-1", 100, NOW)).await.unwrap());
}

pub(in crate::store) async fn of_two_first_factors_one_is_born<S: DeviceStore + 'static>(
    handles: Handles<S>,
) {
    for _ in 0..20 {
        let owner = owner();
        let devices = [enrolment("s-0", NOW), enrolment("s-1", NOW)];
        for enrolment in &devices {
            handles[0].enrol(owner, enrolment).await.unwrap();
        }
        let devices = devices.map(|enrolment| enrolment.id);
        let born = race(&handles, 8, move |store, index| async move {
            let session = format!("s-{}", index % 2);
            store.accept(owner, &activation(devices[index % 2], &session, 100, NOW)).await.unwrap()
        })
        .await;
        assert_eq!(count(&born), 1);
        let holdings = handles[0].holdings(owner).await.unwrap();
        assert_eq!((holdings.devices.len(), holdings.factors().len()), (1, 1));
    }
}

pub(in crate::store) async fn of_further_factors_at_once_no_more_are_born_than_may<
    S: DeviceStore + 'static,
>(
    handles: Handles<S>,
) {
    for _ in 0..5 {
        let owner = owner();
        factor(&*handles[0], owner).await;
        let mut waiting = Vec::new();
        for index in 0..MAX_PENDING {
            let session = format!("s-{index}");
            let further = Enrolment { max_factors: 2, ..paid(&*handles[0], owner, &session, NOW).await };
            assert_eq!(handles[0].enrol(owner, &further).await.unwrap(), Enrolled::Pending);
            waiting.push(further.id);
        }
        let born = race(&handles, 2 * MAX_PENDING, |store, index| {
            let (index, device) = (index % MAX_PENDING, waiting[index % MAX_PENDING]);
            async move {
                let session = format!("s-{index}");
                store.accept(owner, &activation(device, &session, 100, NOW)).await.unwrap()
            }
        })
        .await;
        assert_eq!(count(&born), 1);
        assert_eq!(handles[1].holdings(owner).await.unwrap().factors().len(), 2);
        assert_eq!(ids(&*handles[1], owner).await.len(), 2);
    }
}

pub(in crate::store) async fn what_is_discarded_while_it_is_proved_is_one_or_the_other<
    S: DeviceStore + 'static,
>(
    handles: Handles<S>,
) {
    for round in 0..20 {
        let owner = owner();
        let pending = enrolment("s-1", NOW);
        let device = pending.id;
        handles[0].enrol(owner, &pending).await.unwrap();
        let outcomes = race(&handles, 2, move |store, index| async move {
            if (index + round) % 2 == 0 {
                return store.accept(owner, &activation(device, "s-1", 100, NOW)).await.unwrap();
            }
            store.discard(owner, device, &in_session("s-1")).await.unwrap()
        })
        .await;
        assert_eq!(count(&outcomes), 1);
        let holdings = handles[1].holdings(owner).await.unwrap();
        let born = outcomes[round % 2];
        assert_eq!((holdings.factors().len(), holdings.ever_verified), (usize::from(born), born));
        assert_eq!(holdings.default, born.then_some(device));
    }
}

pub(in crate::store) async fn a_proof_is_found_by_its_request_until_nobody_can_ask<S: DeviceStore>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let device = factor(&*store, owner).await;
    let first = acceptance(device, "s-1", 101, NOW);
    let request = first.proof.attempt.request;
    assert!(store.accept(owner, &first).await.unwrap());
    assert_eq!(other.proof(owner, request).await.unwrap(), Some(first.proof.clone()));
    assert_eq!(other.proof(crate::fixtures::owner(), request).await.unwrap(), None);

    // Another right code under the same request id changes nothing, so its step is still good.
    let again = |step, at| Acceptance {
        step: Step::from_number(step),
        proof: proof(device, &first.proof.attempt, at),
        activates: false,
    };
    let late = NOW.plus(RETRY);
    assert!(!store.accept(owner, &again(102, late)).await.unwrap());
    assert_eq!(store.proof(owner, request).await.unwrap(), Some(first.proof.clone()));
    assert!(store.accept(owner, &acceptance(device, "s-1", 102, late)).await.unwrap());

    let later = late.plus(SECOND);
    let replacement = again(103, later);
    assert!(store.accept(owner, &replacement).await.unwrap());
    assert_eq!(store.proof(owner, request).await.unwrap(), Some(replacement.proof));
}

pub(in crate::store) async fn of_parallel_calls_with_one_request_one_is_answered<S: DeviceStore + 'static>(
    handles: Handles<S>,
) {
    let owner = owner();
    let device = factor(&*handles[0], owner).await;
    let attempt = attempt("s-1", 1);
    let shared = attempt.clone();
    let accepted = race(&handles, 32, move |store, index| {
        let proof = proof(device, &shared, NOW);
        // Three different codes, all right.
        let step = Step::from_number(101 + u64::try_from(index % 3).unwrap());
        async move { store.accept(owner, &Acceptance { step, proof, activates: false }).await.unwrap() }
    })
    .await;
    assert_eq!(count(&accepted), 1);
    assert!(handles[1].proof(owner, attempt.request).await.unwrap().is_some());
}

pub(in crate::store) async fn a_removed_device_leaves_no_proof<S: DeviceStore>([store, _]: Handles<S>) {
    let owner = owner();
    let (removed, kept) = (factor(&*store, owner).await, factor(&*store, owner).await);
    let (of_removed, of_kept) = (acceptance(removed, "s-1", 101, NOW), acceptance(kept, "s-1", 101, NOW));
    for acceptance in [&of_removed, &of_kept] {
        assert!(store.accept(owner, acceptance).await.unwrap());
    }
    assert_eq!(remove(&*store, owner, removed, false).await, Removal::Removed);
    assert_eq!(store.proof(owner, of_removed.proof.attempt.request).await.unwrap(), None);
    assert!(store.proof(owner, of_kept.proof.attempt.request).await.unwrap().is_some());
    assert!(!store.accept(owner, &acceptance(removed, "s-1", 102, NOW)).await.unwrap());
}

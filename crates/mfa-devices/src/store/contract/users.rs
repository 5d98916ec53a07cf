//! Clauses about users as a whole: what an administrator takes and clears, and the session they were first seen in.

use super::recovery::Store;
use super::*;
use crate::domain::throttle::FREE;
use crate::domain::{Happening, Throttle};
use crate::ports::{Taken, Try};

async fn happened<S: Store>(store: &S, owner: Owner) -> Vec<Happening> {
    let all = store.events(owner.environment, 0, 200).await.unwrap();
    all.into_iter().filter(|one| one.owner == owner).map(|one| one.event.what).collect()
}

pub(in crate::store) async fn a_reset_takes_everything_and_remembers_that_there_was_something<S: Store>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    assert_eq!(other.reset(owner, true, NOW).await.unwrap(), Taken::default());
    let (first, second) = (factor(&*store, owner).await, factor(&*store, owner).await);
    let pending = paid(&*store, owner, "s-9", NOW).await;
    store.enrol(owner, &pending).await.unwrap();
    let proved = acceptance(first, "s-1", 101, NOW);
    assert!(store.accept(owner, &proved).await.unwrap());
    let wrong = store.take_try(owner, KIND, NOW).await.unwrap();
    assert_eq!(wrong, Try::Taken { left: FREE - 1 });
    let stranger = crate::fixtures::owner();
    let theirs = factor(&*store, stranger).await;

    assert_eq!(other.reset(owner, false, NOW).await.unwrap(), Taken { devices: 3, codes: 0 });
    let holdings = store.holdings(owner).await.unwrap();
    assert!(holdings.devices.is_empty() && holdings.default.is_none() && holdings.ever_verified);
    assert_eq!(store.proof(owner, proved.proof.attempt.request).await.unwrap(), None);
    for device in [first, second, pending.id] {
        assert!(store.seed(owner, device).await.unwrap().is_none());
        assert!(!store.accept(owner, &acceptance(device, "s-1", 200, NOW)).await.unwrap());
        assert!(!store.accept(owner, &activation(device, "s-9", 200, NOW)).await.unwrap());
    }
    assert_eq!(store.throttle(owner, KIND).await.unwrap().streak, 1, "a reset gives no new tries");
    assert_eq!(ids(&*store, stranger).await, [theirs]);

    // Once more changes nothing and tells nothing.
    assert_eq!(other.reset(owner, false, NOW).await.unwrap(), Taken::default());
    let resets = async || {
        happened(&*store, owner).await.into_iter().filter(|what| *what == Happening::UserReset).count()
    };
    assert_eq!(resets().await, 1);
    assert_eq!(other.reset(owner, true, NOW).await.unwrap(), Taken::default());
    assert!(!store.holdings(owner).await.unwrap().ever_verified);
    assert_eq!(other.reset(owner, true, NOW).await.unwrap(), Taken::default());
    assert_eq!(resets().await, 2);
}

pub(in crate::store) async fn what_is_proved_while_a_user_is_reset_is_gone_after_it<S: Store>(
    handles: Handles<S>,
) {
    for round in 0..20 {
        let owner = owner();
        let pending = enrolment("s-1", NOW);
        let device = pending.id;
        handles[0].enrol(owner, &pending).await.unwrap();
        race(&handles, 2, move |store, index| async move {
            if (index + round) % 2 == 0 {
                store.accept(owner, &activation(device, "s-1", 100, NOW)).await.unwrap();
            } else {
                store.reset(owner, false, NOW).await.unwrap();
            }
            true
        })
        .await;
        assert!(handles[1].holdings(owner).await.unwrap().devices.is_empty());
    }
}

pub(in crate::store) async fn cleared_tries_begin_anew_for_one_kind<S: Store>([store, other]: Handles<S>) {
    let owner = owner();
    let kinds = [FactorKind::Totp, FactorKind::RecoveryCode];
    for kind in kinds {
        for _ in 0..FREE {
            store.take_try(owner, kind, NOW).await.unwrap();
        }
        assert!(matches!(store.take_try(owner, kind, NOW).await.unwrap(), Try::Throttled { .. }));
    }
    let cleared = other.clear_throttle(owner, KIND, NOW).await.unwrap();
    assert_eq!(cleared, Throttle::forgotten(NOW));
    assert_eq!(store.throttle(owner, KIND).await.unwrap(), cleared);
    for left in (0..FREE).rev() {
        assert_eq!(store.take_try(owner, KIND, NOW).await.unwrap(), Try::Taken { left });
    }
    assert!(matches!(store.take_try(owner, KIND, NOW).await.unwrap(), Try::Throttled { .. }));
    assert!(matches!(store.take_try(owner, kinds[1], NOW).await.unwrap(), Try::Throttled { .. }));
    assert_eq!(happened(&*store, owner).await, [Happening::ThrottleCleared]);
    // Of somebody who never tried anything, too.
    other.clear_throttle(crate::fixtures::owner(), KIND, NOW).await.unwrap();
}

pub(in crate::store) async fn the_first_session_is_the_first_for_ever<S: Store>([store, other]: Handles<S>) {
    let owner = owner();
    let first = async || other.holdings(owner).await.unwrap().first_session;
    assert_eq!(first().await, None);
    assert!(store.see(owner, &session("s-1")).await.unwrap());
    assert!(!other.see(owner, &session("s-2")).await.unwrap());
    assert_eq!(first().await, Some(session("s-1")));
    assert!(other.see(owner, &session("s-1")).await.unwrap());
    factor(&*store, owner).await;
    store.reset(owner, true, NOW).await.unwrap();
    assert!(!store.see(owner, &session("s-2")).await.unwrap());
    assert!(store.see(owner, &session("s-1")).await.unwrap());
    // Who registers something is seen by that.
    let other_user = crate::fixtures::owner();
    store.enrol(other_user, &enrolment("s-1", NOW)).await.unwrap();
    assert!(!store.see(other_user, &session("s-2")).await.unwrap());
    assert!(store.see(other_user, &session("s-1")).await.unwrap());
}

pub(in crate::store) async fn of_many_first_sessions_one_is<S: Store>(handles: Handles<S>) {
    let owner = owner();
    let outcomes = race(&handles, 16, move |store, index| async move {
        store.see(owner, &session(&format!("s-{index}"))).await.unwrap()
    })
    .await;
    assert_eq!(count(&outcomes), 1);
}

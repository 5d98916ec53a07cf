//! Clauses about tries: each is taken once, and stays taken until a right code gives it back.

use super::*;
use crate::domain::Throttle;
use crate::domain::throttle::{FREE, REST};
use crate::ports::Try;

pub(in crate::store) async fn of_200_tries_at_once_five_are_taken<S: DeviceStore + 'static>(
    handles: Handles<S>,
) {
    for _ in 0..5 {
        let owner = owner();
        let tries =
            race(
                &handles,
                200,
                move |store, _| async move { store.take_try(owner, KIND, NOW).await.unwrap() },
            )
            .await;
        let mut left: Vec<_> = tries
            .iter()
            .filter_map(|outcome| match outcome {
                Try::Taken { left } => Some(*left),
                Try::Throttled { wait } => {
                    assert_eq!(*wait, Duration::from_secs(30));
                    None
                }
            })
            .collect();
        left.sort_unstable();
        assert_eq!(left, (0..FREE).collect::<Vec<_>>());
    }
}

pub(in crate::store) async fn a_try_stays_taken_for_every_handle<S: DeviceStore>([store, other]: Handles<S>) {
    let owner = owner();
    assert_eq!(other.throttle(owner, KIND).await.unwrap(), Throttle::NEW);
    for left in (0..FREE).rev() {
        assert_eq!(store.take_try(owner, KIND, NOW).await.unwrap(), Try::Taken { left });
    }
    let throttled = |seconds| Try::Throttled { wait: Duration::from_secs(seconds) };
    assert_eq!(other.take_try(owner, KIND, NOW).await.unwrap(), throttled(30));
    assert_eq!(other.take_try(owner, KIND, NOW.plus(20 * SECOND)).await.unwrap(), throttled(10));
    let later = NOW.plus(30 * SECOND);
    assert_eq!(other.take_try(owner, KIND, later).await.unwrap(), Try::Taken { left: 0 });
    assert_eq!(store.take_try(owner, KIND, later).await.unwrap(), throttled(60));
    // Somebody else is not concerned.
    let fresh = crate::fixtures::owner();
    assert_eq!(store.take_try(fresh, KIND, later).await.unwrap(), Try::Taken { left: FREE - 1 });
}

pub(in crate::store) async fn a_right_code_gives_its_try_back_and_ends_the_streak<S: DeviceStore>(
    [store, _]: Handles<S>,
) {
    let owner = owner();
    let device = factor(&*store, owner).await;
    let before = store.throttle(owner, KIND).await.unwrap();
    for _ in 0..3 {
        store.take_try(owner, KIND, NOW).await.unwrap();
    }
    let wrong = store.throttle(owner, KIND).await.unwrap();
    assert_eq!(wrong.streak, 3);
    store.take_try(owner, KIND, NOW).await.unwrap();
    assert!(store.accept(owner, &acceptance(device, "s-1", 101, NOW)).await.unwrap());
    let after = store.throttle(owner, KIND).await.unwrap();
    assert_eq!((after.streak, after.full_at), (0, wrong.full_at), "the three wrong ones stay charged");
    assert!(after.full_at > before.full_at);

    // What is not accepted gives nothing back.
    store.take_try(owner, KIND, NOW).await.unwrap();
    assert!(!store.accept(owner, &acceptance(device, "s-1", 101, NOW)).await.unwrap());
    assert_eq!(store.throttle(owner, KIND).await.unwrap().streak, 1);
}

pub(in crate::store) async fn a_repetition_gives_its_try_back_and_ends_no_streak<S: DeviceStore>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    for _ in 0..3 {
        store.take_try(owner, KIND, NOW).await.unwrap();
    }
    let wrong = store.throttle(owner, KIND).await.unwrap();
    other.take_try(owner, KIND, NOW).await.unwrap();
    store.give_back(owner, KIND).await.unwrap();
    assert_eq!(other.throttle(owner, KIND).await.unwrap(), wrong);
}

pub(in crate::store) async fn a_try_and_a_right_code_at_once_are_both_counted<S: DeviceStore + 'static>(
    handles: Handles<S>,
) {
    let owner = owner();
    let device = factor(&*handles[0], owner).await;
    let full_at = handles[0].throttle(owner, KIND).await.unwrap().full_at;
    // Eight right codes, each with its try, while four wrong ones are tried.
    let mut right = 0;
    for step in 101..109 {
        let outcomes = race(&handles, 2, move |store, index| async move {
            if index == 0 {
                store.take_try(owner, KIND, NOW).await.unwrap();
                return store.accept(owner, &acceptance(device, "s-1", step, NOW)).await.unwrap();
            }
            if step % 2 == 0 {
                store.take_try(owner, KIND, NOW).await.unwrap();
            }
            false
        })
        .await;
        right += count(&outcomes);
    }
    assert_eq!(right, 8);
    let expected = Throttle { full_at, ..Throttle::NEW };
    let expected = (0..4).fold(expected, |throttle, _| throttle.take(NOW).unwrap());
    assert_eq!(handles[1].throttle(owner, KIND).await.unwrap().full_at, expected.full_at);
}

pub(in crate::store) async fn a_clock_that_jumps_clears_nobody_elses_tries<S: DeviceStore>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    for _ in 0..FREE {
        store.take_try(owner, KIND, NOW).await.unwrap();
    }
    let limited = store.throttle(owner, KIND).await.unwrap();
    // For one call of somebody else, who was never seen before, it is ten years later.
    other.take_try(crate::fixtures::owner(), KIND, NOW.plus(120 * REST)).await.unwrap();
    assert_eq!(store.throttle(owner, KIND).await.unwrap(), limited);
    let throttled = Try::Throttled { wait: Duration::from_secs(30) };
    assert_eq!(store.take_try(owner, KIND, NOW).await.unwrap(), throttled);
}

//! What every store of ceremonies promises, run against each of them.

use std::sync::Arc;
use std::time::Duration;

use kernel::{
    AttemptId, CeremonyId, DeviceId, EnvironmentId, OperationId, Reason, Timestamp, TokenId, UserId,
};
use storage::spending::Spend;
use uuid::Uuid;

use crate::domain::ceremony::{LIFE, MAX_PER_USER};
use crate::domain::{Ceremony, CeremonyKind, CeremonyState, DisplayName, Owner};
use crate::ports::Ceremonies;

pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
const MILLISECOND: Duration = Duration::from_millis(1);
const RACERS: usize = 64;
const ROUNDS: u32 = 100;

/// One store, as several processes have it open.
type Doors = Vec<Arc<dyn Ceremonies>>;

/// Runs the whole suite, each part on a store of its own that has nothing in it.
pub(super) async fn holds(fresh: impl AsyncFn() -> Doors) {
    a_ceremony_is_handed_out_once_and_as_it_was(fresh().await).await;
    an_expired_one_is_handed_out_no_more(fresh().await).await;
    one_is_its_users_alone(fresh().await).await;
    those_under_way_are_counted(fresh().await).await;
    a_user_is_forgotten_alone(fresh().await).await;
    of_many_that_race_for_one_one_gets_it(fresh().await).await;
    puts_that_race_do_not_exceed_the_limit(fresh().await).await;
}

fn uuid(kind: u128, number: u32) -> Uuid {
    Uuid::from_u128((kind << 64) | (u128::from(number) + 1))
}

/// An authentication of a user of its own.
pub(super) fn ceremony(number: u32) -> Ceremony {
    let owner =
        Owner { environment: EnvironmentId::from_uuid(uuid(1, 0)), user: UserId::from_uuid(uuid(2, number)) };
    Ceremony {
        id: CeremonyId::from_uuid(uuid(3, number)),
        owner,
        session: "s-1".parse().unwrap(),
        kind: CeremonyKind::Authentication { purpose: [7; 32], operation: None, devices: Vec::new() },
        nonce: [9; 32],
        state: CeremonyState((0..=255).collect()),
        expires: NOW.plus(LIFE),
    }
}

/// A paid registration.
pub(super) fn registration(number: u32) -> Ceremony {
    let base = ceremony(number);
    let payment = Spend {
        environment: base.owner.environment,
        user: base.owner.user,
        operation: OperationId::from_uuid(uuid(4, number)),
        digest: [5; 32],
        paid_by: Some(TokenId::from_uuid(uuid(6, number))),
        attempt: AttemptId::from_uuid(uuid(7, number)),
    };
    let kind = CeremonyKind::Registration {
        device: DeviceId::from_uuid(uuid(8, number)),
        display_name: DisplayName::new("display_name", "Schlüssel").unwrap(),
        payment: Some(payment),
        generation: 3,
    };
    Ceremony { kind, ..base }
}

/// Another ceremony of the first one's user.
fn sibling(of: &Ceremony, number: u32) -> Ceremony {
    Ceremony { id: CeremonyId::from_uuid(uuid(30, number)), ..of.clone() }
}

fn door(doors: &Doors, number: usize) -> &dyn Ceremonies {
    doors[number % doors.len()].as_ref()
}

async fn a_ceremony_is_handed_out_once_and_as_it_was(doors: Doors) {
    for ceremony in [ceremony(1), registration(2)] {
        door(&doors, 0).put(&ceremony, NOW).await.unwrap();
        let other = door(&doors, 1);
        assert_eq!(other.take(ceremony.owner, ceremony.id, NOW).await.unwrap(), Some(ceremony.clone()));
        for store in &doors {
            assert_eq!(store.take(ceremony.owner, ceremony.id, NOW).await.unwrap(), None);
        }
    }
}

async fn an_expired_one_is_handed_out_no_more(doors: Doors) {
    let (first, second) = (ceremony(1), ceremony(2));
    for ceremony in [&first, &second] {
        door(&doors, 0).put(ceremony, NOW).await.unwrap();
    }
    let last = first.expires.minus(MILLISECOND);
    assert!(door(&doors, 1).take(first.owner, first.id, last).await.unwrap().is_some());
    assert_eq!(door(&doors, 1).take(second.owner, second.id, second.expires).await.unwrap(), None);
}

async fn one_is_its_users_alone(doors: Doors) {
    let ceremony = ceremony(1);
    door(&doors, 0).put(&ceremony, NOW).await.unwrap();
    let others = [
        Owner { user: UserId::from_uuid(uuid(2, 99)), ..ceremony.owner },
        Owner { environment: EnvironmentId::from_uuid(uuid(1, 99)), ..ceremony.owner },
    ];
    for other in others {
        assert_eq!(door(&doors, 0).take(other, ceremony.id, NOW).await.unwrap(), None);
    }
    // And is still there.
    assert!(door(&doors, 0).take(ceremony.owner, ceremony.id, NOW).await.unwrap().is_some());
}

async fn those_under_way_are_counted(doors: Doors) {
    let store = door(&doors, 0);
    let first = ceremony(0);
    store.put(&first, NOW).await.unwrap();
    let later = NOW.plus(Duration::from_secs(60));
    let most = u32::try_from(MAX_PER_USER).unwrap();
    for number in 1..most {
        let next = Ceremony { expires: later.plus(LIFE), ..sibling(&first, number) };
        store.put(&next, later).await.unwrap();
    }
    let extra = Ceremony { expires: later.plus(LIFE), ..sibling(&first, most) };
    let refused = door(&doors, 1).put(&extra, later).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Overloaded);
    assert_eq!(refused.retry_delay(), Some(first.expires.since(later)), "when the first one ends");
    // Another user is not concerned; and what was taken or is over does not count.
    store.put(&ceremony(77), later).await.unwrap();
    store.take(first.owner, sibling(&first, 1).id, later).await.unwrap().unwrap();
    store.put(&extra, later).await.unwrap();
    let last = Ceremony { expires: first.expires.plus(LIFE), ..sibling(&first, most + 1) };
    assert!(store.put(&last, first.expires.minus(MILLISECOND)).await.is_err());
    store.put(&last, first.expires).await.unwrap();
}

async fn a_user_is_forgotten_alone(doors: Doors) {
    let (gone, other) = (ceremony(1), ceremony(2));
    for ceremony in [&gone, &sibling(&gone, 1), &other] {
        door(&doors, 0).put(ceremony, NOW).await.unwrap();
    }
    door(&doors, 1).forget_user(gone.owner).await.unwrap();
    for id in [gone.id, sibling(&gone, 1).id] {
        assert_eq!(door(&doors, 0).take(gone.owner, id, NOW).await.unwrap(), None);
    }
    assert!(door(&doors, 0).take(other.owner, other.id, NOW).await.unwrap().is_some());
    door(&doors, 0).forget_user(gone.owner).await.unwrap();
}

async fn of_many_that_race_for_one_one_gets_it(doors: Doors) {
    for round in 0..ROUNDS {
        let ceremony = ceremony(round);
        door(&doors, 0).put(&ceremony, NOW).await.unwrap();
        let start = Arc::new(tokio::sync::Barrier::new(RACERS));
        let tasks: Vec<_> = (0..RACERS)
            .map(|racer| {
                let (store, start) = (doors[racer % doors.len()].clone(), start.clone());
                let (owner, id) = (ceremony.owner, ceremony.id);
                tokio::spawn(async move {
                    start.wait().await;
                    store.take(owner, id, NOW).await.unwrap()
                })
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            taken += usize::from(task.await.unwrap().is_some());
        }
        assert_eq!(taken, 1, "round {round}");
    }
}

async fn puts_that_race_do_not_exceed_the_limit(doors: Doors) {
    let first = ceremony(0);
    let tasks: Vec<_> = (0..RACERS)
        .map(|racer| {
            let store = doors[racer % doors.len()].clone();
            let ceremony = sibling(&first, u32::try_from(racer).unwrap());
            tokio::spawn(async move { store.put(&ceremony, NOW).await })
        })
        .collect();
    let mut put = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => put += 1,
            Err(error) => assert_eq!(error.reason(), Reason::Overloaded),
        }
    }
    assert_eq!(put, MAX_PER_USER);
}

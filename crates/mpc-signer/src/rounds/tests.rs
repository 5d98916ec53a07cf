use std::sync::Barrier;

use super::*;
use crate::domain::envelope::Protocol;
use crate::domain::keygen::{self, FirstSecret};
use crate::domain::{LocalNode, fixtures};
use operation::{Body, KeyType, Operation};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn id(seed: u64) -> AttemptId {
    AttemptId::random(&fixtures::entropy(seed))
}

fn node() -> LocalNode {
    fixtures::group(2, 3).swap_remove(0)
}

/// An attempt of the operation with this number.
fn task(node: &LocalNode, operation: u64, attempt: u64) -> Task {
    task_of(2, node, operation, attempt)
}

/// The same of another user.
fn task_of(user: u64, node: &LocalNode, operation: u64, attempt: u64) -> Task {
    let operation = Operation {
        environment: EnvironmentId::random(&fixtures::entropy(1)),
        user: UserId::random(&fixtures::entropy(user)),
        id: OperationId::random(&fixtures::entropy(1_000_000 + operation)),
        body: Body::CreateWallet { key_type: KeyType::Ed25519 },
    };
    let context = Context { attempt: id(attempt), ..fixtures::context(node, Protocol::Keygen) };
    Task { operation: operation.check().unwrap(), context, signers: None }
}

fn secret(node: &LocalNode) -> FirstSecret {
    keygen::start(node, &fixtures::context(node, Protocol::Keygen), &fixtures::entropy(3)).unwrap().0
}

fn reason<T>(result: Result<T>) -> Reason {
    result.err().expect("a refusal").reason()
}

#[test]
fn a_secret_is_taken_once_whatever_races_for_it() {
    let node = node();
    let rounds = Rounds::default();
    for attempt in 0..20 {
        rounds.begin(task(&node, 1, attempt), secret(&node), NOW).unwrap();
        let barrier = Barrier::new(16);
        let taken: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..16)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        usize::from(rounds.take::<FirstSecret>(id(attempt), NOW).is_ok())
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(taken, 1);
        assert_eq!(reason(rounds.take::<FirstSecret>(id(attempt), NOW)), Reason::EnvelopeInvalid);
        assert_eq!(reason(rounds.look::<FirstSecret>(id(attempt), NOW)), Reason::EnvelopeInvalid);
    }
}

#[test]
fn looking_takes_nothing_and_another_round_is_refused() {
    let node = node();
    let rounds = Rounds::default();
    rounds.begin(task(&node, 1, 1), secret(&node), NOW).unwrap();
    assert_eq!(reason(rounds.look::<Nonces>(id(1), NOW)), Reason::EnvelopeInvalid);
    assert_eq!(reason(rounds.take::<Nonces>(id(1), NOW)), Reason::EnvelopeInvalid);
    assert_eq!(reason(rounds.take::<SecondSecret>(id(1), NOW)), Reason::EnvelopeInvalid);
    assert!(rounds.look::<FirstSecret>(id(1), NOW).is_ok());
    assert!(rounds.take::<FirstSecret>(id(1), NOW).is_ok());
}

#[test]
fn an_attempt_ends_with_its_time() {
    let node = node();
    let rounds = Rounds::default();
    rounds.begin(task(&node, 1, 1), secret(&node), NOW).unwrap();
    let last = NOW.plus(LIFETIME).minus(Duration::from_millis(1));
    assert!(rounds.look::<FirstSecret>(id(1), last).is_ok());
    assert_eq!(reason(rounds.look::<FirstSecret>(id(1), NOW.plus(LIFETIME))), Reason::AttemptUnknown);
    // It was dropped, not only hidden.
    assert_eq!(reason(rounds.look::<FirstSecret>(id(1), NOW)), Reason::AttemptUnknown);
}

#[test]
fn a_new_attempt_takes_the_place_of_the_earlier_one_of_its_operation_only() {
    let node = node();
    let rounds = Rounds::default();
    rounds.begin(task(&node, 1, 1), secret(&node), NOW).unwrap();
    rounds.begin(task(&node, 2, 2), secret(&node), NOW).unwrap();
    rounds.begin(task(&node, 1, 3), secret(&node), NOW).unwrap();
    assert_eq!(reason(rounds.look::<FirstSecret>(id(1), NOW)), Reason::AttemptUnknown);
    assert_eq!(reason(rounds.put(id(1), secret(&node), NOW)), Reason::AttemptUnknown);
    assert!(rounds.look::<FirstSecret>(id(2), NOW).is_ok());
    assert!(rounds.look::<FirstSecret>(id(3), NOW).is_ok());
    rounds.forget(&task(&node, 2, 2).operation, NOW);
    assert_eq!(reason(rounds.look::<FirstSecret>(id(2), NOW)), Reason::AttemptUnknown);
    assert!(rounds.look::<FirstSecret>(id(3), NOW).is_ok());
}

#[test]
fn an_attempt_id_serves_one_operation() {
    let node = node();
    let rounds = Rounds::default();
    rounds.begin(task(&node, 1, 1), secret(&node), NOW).unwrap();
    assert_eq!(reason(rounds.begin(task(&node, 2, 1), secret(&node), NOW)), Reason::InvalidRequest);
    assert!(rounds.look::<FirstSecret>(id(1), NOW).is_ok());
}

#[test]
fn memory_is_bounded_and_comes_back_with_time() {
    let node = node();
    let rounds = Rounds::default();
    for number in 0..CAPACITY as u64 {
        rounds.begin(task_of(10 + number, &node, number, number), secret(&node), NOW).unwrap();
    }
    let beyond = CAPACITY as u64;
    let begin = |now| rounds.begin(task(&node, beyond, beyond), secret(&node), now);
    let error = begin(NOW).unwrap_err();
    assert_eq!(error.reason(), Reason::Overloaded);
    assert!(error.retry_delay().is_some());
    begin(NOW.plus(LIFETIME)).unwrap();
}

#[test]
fn one_user_does_not_take_the_places_of_others() {
    let node = node();
    let rounds = Rounds::default();
    for number in 0..CAPACITY_PER_USER as u64 {
        rounds.begin(task(&node, number, number), secret(&node), NOW).unwrap();
    }
    let beyond = CAPACITY_PER_USER as u64;
    assert_eq!(reason(rounds.begin(task(&node, beyond, beyond), secret(&node), NOW)), Reason::Overloaded);
    rounds.begin(task_of(3, &node, beyond, beyond + 1), secret(&node), NOW).unwrap();
    // A new attempt of an operation takes the place of its own.
    rounds.begin(task(&node, 0, beyond + 2), secret(&node), NOW).unwrap();
}

#[test]
fn an_attempt_that_waits_for_nothing_takes_no_place() {
    let node = node();
    let rounds = Rounds::default();
    for number in 0..(KNOWN + 10) as u64 {
        rounds.begin(task(&node, number, number), secret(&node), NOW).unwrap();
        rounds.take::<FirstSecret>(id(number), NOW).unwrap();
    }
    assert!(rounds.living(NOW).len() <= KNOWN);
}

//! The rules in Lua against those in Rust: long random sequences on both stores, step by step.

use super::*;
use crate::domain::requirement::TokenBehavior;
use crate::store::MemoryTokenStore;
use operation::BatchRoot;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// How many sequences are tried, and how long each is at most.
const SEQUENCES: u32 = 2_000;
const STEPS: usize = 24;

/// One use of the store. Few tokens, users and operations, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Issue {
        token: u32,
        user: u32,
        variant: u32,
    },
    Redeem {
        token: u32,
        user: u32,
        operation: u32,
        digest: u32,
    },
    Get {
        token: u32,
        user: u32,
    },
    CheckRoom {
        user: u32,
    },
    Fill {
        user: u32,
    },
    /// Time goes on, by this share of what is left until something happens to the first token.
    Wait {
        eighths: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (tokens, users) = (0..4_u32, 0..2_u32);
    let step = prop_oneof![
        20 => (tokens.clone(), users.clone(), 0..3_u32)
            .prop_map(|(token, user, variant)| Step::Issue { token, user, variant }),
        30 => (tokens.clone(), users.clone(), 0..3_u32, 0..3_u32)
            .prop_map(|(token, user, operation, digest)| Step::Redeem { token, user, operation, digest }),
        10 => (tokens, users.clone()).prop_map(|(token, user)| Step::Get { token, user }),
        6 => users.clone().prop_map(|user| Step::CheckRoom { user }),
        1 => users.prop_map(|user| Step::Fill { user }),
        10 => (0..=8_u32).prop_map(|eighths| Step::Wait { eighths }),
    ];
    prop::collection::vec(step, 1..STEPS)
}

fn of(number: u32, user: u32, variant: u32) -> Token {
    let base = token(number);
    let user = UserId::derive(base.environment, "idp", &user.to_string());
    let life = Duration::from_millis([300_000, 300_001, 60_000][variant as usize]);
    let bound = match number {
        1 => Bound::Batch(BatchRoot { hash: [1; 32], size: 2 }),
        even if even.is_multiple_of(2) => Bound::to(&export(even)),
        _ => Bound::Scopes,
    };
    let behavior = if variant == 1 { TokenBehavior::TimeBound } else { TokenBehavior::SingleUse };
    Token { user, bound, behavior, expires: base.issued.plus(life), ..base }
}

/// What can be told of a step's outcome.
type Outcome = Result<String, (Reason, Option<Duration>)>;

fn outcome<T: std::fmt::Debug>(result: kernel::Result<T>) -> Outcome {
    result.map(|value| format!("{value:?}")).map_err(|error| (error.reason(), error.retry_delay()))
}

async fn take(store: &dyn TokenStore, step: &Step, now: Timestamp) -> Outcome {
    match *step {
        Step::Issue { token, user, variant } => outcome(issue(store, &of(token, user, variant), now).await),
        Step::Redeem { token, user, operation: id, digest: other } => {
            let key = of(token, user, 0).key();
            outcome(store.redeem(key, operation(id), digest(other), now).await)
        }
        Step::Get { token, user } => outcome(store.get(of(token, user, 0).key(), now).await),
        Step::CheckRoom { user } => {
            let one = of(0, user, 0);
            outcome(store.check_room(one.environment, one.user, now).await.map(drop))
        }
        Step::Fill { user } => {
            let mut last = Ok(());
            for number in 100..100 + u32::try_from(MAX_PER_USER).unwrap() {
                last = issue(store, &of(number, user, 2), now).await;
            }
            outcome(last)
        }
        Step::Wait { .. } => Ok(String::new()),
    }
}

/// The next moment: on, just before or some way to one at which something changes.
fn later(now: Timestamp, eighths: u32) -> Timestamp {
    let ends = [0, 1, 2].map(|variant| of(0, 0, variant).expires);
    let mut moments: Vec<_> = ends.iter().flat_map(|end| [*end, end.plus(RETRY_WINDOW)]).collect();
    moments.sort_unstable();
    let Some(next) = moments.into_iter().find(|moment| *moment > now) else { return now };
    match eighths {
        7 => next.minus(Duration::from_millis(1)).max(now),
        8 => next,
        part => now.plus(next.since(now) * part / 8),
    }
}

#[test]
fn every_sequence_goes_as_it_does_in_memory() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(RedisServer::start(&[]));
    let redis = runtime.block_on(open(&server));
    let config = Config {
        cases: SEQUENCES,
        rng_seed: RngSeed::Fixed(20_261_124),
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(async {
            server.command(&["FLUSHALL"]).await.expect_ok();
            let memory = MemoryTokenStore::new();
            let mut now = NOW;
            for (number, step) in steps.iter().enumerate() {
                if let Step::Wait { eighths } = step {
                    now = later(now, *eighths);
                }
                let (expected, found) = (take(&memory, step, now).await, take(&redis, step, now).await);
                prop_assert_eq!(found, expected, "step {} of {:?}", number, steps);
            }
            Ok(())
        })
    });
    result.unwrap();
}

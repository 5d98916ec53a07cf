use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernel::{DeviceId, OperationId, Reason, SessionId, TokenId};
use operation::Digest;
use sea_orm::ConnectionTrait as _;
use testkit::race;

use super::*;
use crate::fixtures::{NOW, environment, id, token, user};
use crate::migrations::Migrator;
use crate::ports::{IssuedTokens as _, OperationClaim, OperationIds as _, Remembered};
use crate::store::{SqlIssuedTokens, SqlOperationIds};

/// What a process has open.
#[derive(Clone)]
struct Process {
    revocations: SqlRevocations,
    issued: SqlIssuedTokens,
    operations: SqlOperationIds,
}

impl Process {
    fn new(database: DatabaseConnection) -> Self {
        Self {
            revocations: SqlRevocations::new(database.clone()),
            issued: SqlIssuedTokens::new(database.clone()),
            operations: SqlOperationIds::new(database),
        }
    }

    async fn issue(&self, number: u32) -> Revocable {
        let token = revocable(number);
        assert_eq!(self.issued.remember(&token, NOW).await.unwrap(), Remembered::Now);
        token
    }

    async fn revoke(&self, target: Target) {
        self.revocations.revoke(environment(), user(), &target, NOW).await.unwrap();
    }

    /// What comes of an operation that the token is to pay for.
    async fn claim(&self, token: &Revocable, operation: u128) -> Option<Reason> {
        let claim = OperationClaim {
            environment: token.environment,
            user: token.user,
            operation: OperationId::from_uuid(id(9, operation)),
            digest: Digest::from_bytes([1; 32]),
            token: Some(token.clone()),
            at: NOW,
        };
        self.operations.claim(&claim).await.err().map(|refused| refused.reason())
    }

    async fn standing(&self, token: &Revocable) -> Standing {
        self.revocations.standing(token).await.unwrap()
    }

    async fn rows(&self) -> u64 {
        revocations::Entity::find().count(&self.revocations.database).await.unwrap()
    }
}

fn revocable(number: u32) -> Revocable {
    Revocable::of(&token(number))
}

fn device(number: u128) -> DeviceId {
    DeviceId::from_uuid(id(8, number))
}

fn session(name: &str) -> SessionId {
    name.parse().unwrap()
}

/// Runs a clause of the contract on every backend, for two processes.
async fn on_each(clause: impl AsyncFn([Process; 2])) {
    testkit::on_each::<Migrator>(async |pools| clause(pools.map(Process::new)).await).await;
}

#[tokio::test]
async fn a_revocation_ends_what_was_issued_before_it_and_nothing_else() {
    on_each(async |[one, other]| {
        let mut operation = 0;
        for (round, target) in revocable(0).targets().into_iter().enumerate() {
            let number = u32::try_from(round).unwrap() * 10;
            let token = one.issue(number).await;
            let target = if let Target::Token(_) = target { Target::Token(token.id) } else { target };
            let elsewhere = Revocable {
                device: Some(device(7)),
                session: session("another"),
                ..one.issue(number + 1).await
            };
            operation += 2;
            assert_eq!(one.claim(&token, operation).await, None, "{target:?}");
            other.revoke(target.clone()).await;
            // Neither anything new, nor what was paid for already; in every process, and however it is asked.
            for process in [&one, &other] {
                for number in [operation, operation + 1] {
                    assert_eq!(process.claim(&token, number).await, Some(Reason::TokenRevoked), "{target:?}");
                }
                assert_eq!(process.standing(&token).await, Standing::Revoked);
                assert_eq!(process.issued.remember(&token, NOW).await.unwrap(), Remembered::Revoked);
            }
            let hit = target == Target::All;
            assert_eq!(one.standing(&elsewhere).await == Standing::Revoked, hit, "{target:?}");
            // What comes after it is good, also by the same factor in the same session.
            let later = other.issue(number + 2).await;
            operation += 2;
            assert_eq!(one.claim(&later, operation).await, None, "{target:?}");
            assert_eq!(one.standing(&later).await, Standing::Good);
        }
    })
    .await;
}

#[tokio::test]
async fn a_users_revocation_is_that_users_alone() {
    on_each(async |[one, other]| {
        let bob = UserId::derive(environment(), "idp", "bob");
        let (mine, his) = (one.issue(1).await, Revocable { user: bob, ..revocable(2) });
        one.issued.remember(&his, NOW).await.unwrap();
        for target in his.targets().into_iter().chain(mine.targets()) {
            other.revocations.revoke(environment(), bob, &target, NOW).await.unwrap();
        }
        assert_eq!(one.standing(&mine).await, Standing::Good);
        assert_eq!(one.standing(&his).await, Standing::Revoked);
        // Not even where somebody else's numbers are higher.
        one.revoke(Target::Token(his.id)).await;
        assert_eq!(one.standing(&mine).await, Standing::Good);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_not_remembered_pays_for_nothing() {
    on_each(async |[one, _]| {
        let token = revocable(1);
        assert_eq!(one.claim(&token, 1).await, Some(Reason::TokenUnknown));
        assert_eq!(one.standing(&token).await, Standing::Unknown);
        assert_eq!(one.claim(&one.issue(2).await, 1).await, None, "its operation is free");
    })
    .await;
}

#[tokio::test]
async fn what_an_earlier_version_issued_is_from_before_every_revocation() {
    on_each(async |[one, other]| {
        one.revoke(Target::All).await;
        let row = Query::insert()
            .into_table("issued_tokens")
            .columns(["jti", "issued_ms"])
            .values_panic([revocable(1).id.uuid().into(), NOW.millis().into()])
            .to_owned();
        one.revocations.database.execute(&row).await.unwrap();
        assert_eq!(other.standing(&revocable(1)).await, Standing::Revoked);
    })
    .await;
}

#[tokio::test]
async fn revoking_what_there_is_not_leaves_nothing_and_revoking_again_one_row() {
    on_each(async |[one, other]| {
        one.revoke(Target::Token(TokenId::from_uuid(id(3, 999)))).await;
        assert_eq!(one.rows().await, 0);
        let token = one.issue(1).await;
        for process in [&one, &other, &one] {
            process.revoke(Target::Token(token.id)).await;
        }
        assert_eq!(one.rows().await, 1);
    })
    .await;
}

#[tokio::test]
async fn no_user_fills_the_table_and_nothing_that_was_revoked_comes_back() {
    on_each(async |[one, _]| {
        let named = one.issue(1).await;
        one.revoke(Target::Token(named.id)).await;
        let bystander = one.issue(2).await;
        for number in 1..MAX_KEPT {
            one.revoke(Target::Session(session(&format!("s-{number}")))).await;
        }
        assert_eq!((one.rows().await, one.standing(&bystander).await), (MAX_KEPT, Standing::Good));
        // One more takes all tokens of the user with it, rather than forget one that may be needed.
        one.revoke(Target::Session(session("one-more"))).await;
        assert_eq!(one.rows().await, 1);
        for token in [named, bystander] {
            assert_eq!(one.standing(&token).await, Standing::Revoked);
        }
        // What nobody needs any more makes room instead.
        let later = one.issue(3).await;
        for number in 1..MAX_KEPT {
            one.revoke(Target::Device(device(number.into()))).await;
        }
        let late = NOW.plus(NEEDED + Duration::from_secs(1));
        let target = Target::Device(device(0));
        one.revocations.revoke(environment(), user(), &target, late).await.unwrap();
        assert_eq!((one.rows().await, one.standing(&later).await), (1, Standing::Good));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revocations_that_race_are_numbered_one_after_the_other() {
    on_each(async |handles| {
        let tokens: Vec<_> = {
            let mut tokens = Vec::new();
            for number in 0..32 {
                tokens.push(handles[0].issue(number).await);
            }
            tokens
        };
        let targets: Vec<_> = tokens.iter().map(|token| token.id).collect();
        race(&handles, 64, |process: Process, index| {
            let target = Target::Token(targets[index % 32]);
            async move { process.revoke(target).await }
        })
        .await;
        let last = epochs::Entity::find().one(&handles[0].revocations.database).await.unwrap().unwrap();
        assert_eq!((last.epoch, handles[1].rows().await), (64, 32));
        for token in &tokens {
            assert_eq!(handles[1].standing(token).await, Standing::Revoked);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_callers_none_claims_anything_after_the_revocation_was_answered() {
    on_each(async |handles| {
        for (round, target) in revocable(0).targets().into_iter().enumerate() {
            let number = u32::try_from(round).unwrap();
            let token = handles[0].issue(number).await;
            let target = if let Target::Token(_) = target { Target::Token(token.id) } else { target };
            let answered = Arc::new(AtomicBool::new(false));
            let outcomes = race(&handles, 65, |process: Process, index| {
                let (token, target, answered) = (token.clone(), target.clone(), answered.clone());
                async move {
                    if index == 64 {
                        // In the middle of it.
                        tokio::task::yield_now().await;
                        process.revoke(target).await;
                        answered.store(true, Ordering::SeqCst);
                        return (0, 0);
                    }
                    let (mut claimed, mut refused) = (0, 0);
                    // Two after the answer, so that every caller has seen it.
                    let mut after = 0;
                    for try_number in 0.. {
                        let began_after = answered.load(Ordering::SeqCst);
                        let operation = (round * 64 + index) * 1_000 + try_number % 2;
                        match process.claim(&token, operation as u128).await {
                            None => {
                                assert!(!began_after, "claimed after the revocation was answered");
                                claimed += 1;
                            }
                            Some(reason) => {
                                assert_eq!(reason, Reason::TokenRevoked);
                                refused += 1;
                            }
                        }
                        after += usize::from(began_after);
                        if after == 2 {
                            break;
                        }
                    }
                    (claimed, refused)
                }
            })
            .await;
            let refused: usize = outcomes.iter().map(|(_, refused)| refused).sum();
            assert!(refused >= 128, "{target:?}: {outcomes:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_issued_while_the_revocation_runs_is_before_it_or_after_it() {
    on_each(async |handles| {
        for round in 0..10_u32 {
            let answered = Arc::new(AtomicBool::new(false));
            let found = race(&handles, 33, |process: Process, index| {
                let answered = answered.clone();
                async move {
                    if index == 32 {
                        process.revoke(Target::All).await;
                        answered.store(true, Ordering::SeqCst);
                        return None;
                    }
                    let began_after = answered.load(Ordering::SeqCst);
                    let token = process.issue(round * 100 + u32::try_from(index).unwrap()).await;
                    Some((token, began_after))
                }
            })
            .await;
            for (token, began_after) in found.into_iter().flatten() {
                let standing = handles[0].standing(&token).await;
                // What comes later is good; whatever the others are, they stay it, at every process.
                assert!(!began_after || standing == Standing::Good);
                assert_eq!(handles[1].standing(&token).await, standing);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_store_that_is_away_refuses() {
    on_each(async |[one, _]| {
        one.revocations.database.clone().close().await.unwrap();
        let revoked = one.revocations.revoke(environment(), user(), &Target::All, NOW).await;
        let asked = one.revocations.standing(&revocable(1)).await.map(drop);
        for refused in [revoked, asked] {
            assert_eq!(refused.unwrap_err().reason(), Reason::StoreUnavailable);
        }
    })
    .await;
}

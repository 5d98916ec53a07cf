//! Operation ids in the issuer's database.

use async_trait::async_trait;
use kernel::{Error, Reason, Result};
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter};
use storage::sql::unavailable;

use super::entity::operations::{Column, Entity};
use super::revocations::{good, standing};
use crate::domain::record::unknown;
use crate::domain::revocation::{Standing, revoked};
use crate::ports::{OperationClaim, OperationIds};

/// Operation ids in SQL.
#[derive(Clone, Debug)]
pub(crate) struct SqlOperationIds {
    database: DatabaseConnection,
}

impl SqlOperationIds {
    /// On a database whose migrations are those of this service.
    pub(crate) fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }
}

/// How often a claim is tried. A round is lost only to another call that lets go of the same id in between.
const ROUNDS: u32 = 64;

fn is(claim: &OperationClaim) -> Condition {
    Condition::all()
        .add(Column::Environment.eq(claim.environment.uuid()))
        .add(Column::User.eq(claim.user.uuid()))
        .add(Column::OperationId.eq(claim.operation.uuid()))
}

fn is_for_it(claim: &OperationClaim) -> Condition {
    is(claim).add(Column::Digest.eq(claim.digest.as_bytes().to_vec()))
}

/// Holds where the token that was shown, if one was, is not revoked.
fn not_revoked(claim: &OperationClaim) -> Condition {
    claim.token.iter().fold(Condition::all(), |all, token| all.add(Expr::exists(good(token))))
}

impl SqlOperationIds {
    /// Ties an id that is not tied.
    async fn tie(&self, claim: &OperationClaim) -> Result<bool> {
        let row = [
            Expr::value(claim.environment.uuid()),
            Expr::value(claim.user.uuid()),
            Expr::value(claim.operation.uuid()),
            Expr::value(claim.digest.as_bytes().to_vec()),
            Expr::value(claim.at.millis()),
            Expr::value(false),
        ];
        // SQLite takes `ON` for part of a selection that has no condition.
        let always = Expr::value(true);
        let row = Query::select().exprs(row).and_where(always).cond_where(not_revoked(claim)).to_owned();
        let insert = Query::insert()
            .into_table(Entity)
            .columns([
                Column::Environment,
                Column::User,
                Column::OperationId,
                Column::Digest,
                Column::FirstSeenMs,
                Column::Shared,
            ])
            .select_from(row)
            .map_err(Error::internal)?
            .on_conflict(
                OnConflict::columns([Column::Environment, Column::User, Column::OperationId])
                    .do_nothing()
                    .to_owned(),
            )
            .to_owned();
        Ok(self.database.execute(&insert).await.map_err(unavailable)?.rows_affected() == 1)
    }

    /// Joins who tied the id to this digest, so that it stays tied.
    async fn join(&self, claim: &OperationClaim) -> Result<bool> {
        let joined = Entity::update_many()
            .col_expr(Column::Shared, Expr::value(true))
            .filter(is_for_it(claim))
            .filter(not_revoked(claim))
            .exec(&self.database)
            .await
            .map_err(unavailable)?;
        Ok(joined.rows_affected == 1)
    }
}

#[async_trait]
impl OperationIds for SqlOperationIds {
    async fn claim(&self, claim: &OperationClaim) -> Result<()> {
        for _ in 0..ROUNDS {
            if self.tie(claim).await? || self.join(claim).await? {
                return Ok(());
            }
            if let Some(token) = &claim.token {
                match standing(&self.database, token).await? {
                    Standing::Good => {}
                    Standing::Revoked => return Err(revoked()),
                    Standing::Unknown => return Err(unknown()),
                }
            }
            let row = Entity::find().filter(is(claim)).one(&self.database).await.map_err(unavailable)?;
            if row.is_some_and(|row| row.digest != claim.digest.as_bytes()) {
                return Err(reused());
            }
        }
        Err(Error::store_unavailable("an operation id was let go of again and again"))
    }

    async fn release(&self, claim: &OperationClaim) -> Result<()> {
        Entity::delete_many()
            .filter(is_for_it(claim))
            .filter(Column::Shared.eq(false))
            .exec(&self.database)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}

fn reused() -> Error {
    Error::new(
        Reason::OperationIdReused,
        "this operation id was used for another operation; make a fresh one for each operation",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, environment, user};
    use crate::migrations::Migrator;
    use kernel::{OperationId, UserId};
    use operation::Digest;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use testkit::race;

    fn claim(id: u128, octet: u8) -> OperationClaim {
        OperationClaim {
            environment: environment(),
            user: user(),
            operation: OperationId::from_uuid(uuid::Uuid::from_u128(id)),
            digest: Digest::from_bytes([octet; 32]),
            token: None,
            at: NOW,
        }
    }

    /// Two handles on the same data, as two processes have.
    type Handles = [SqlOperationIds; 2];

    /// Runs a clause of the contract on every backend.
    async fn on_each(clause: impl AsyncFn(Handles)) {
        testkit::on_each::<Migrator>(async |pools| clause(pools.map(SqlOperationIds::new)).await).await;
    }

    async fn reused(ids: &SqlOperationIds, claim: &OperationClaim) {
        assert_eq!(ids.claim(claim).await.unwrap_err().reason(), Reason::OperationIdReused);
    }

    #[tokio::test]
    async fn an_id_stands_for_its_first_digest_for_ever_and_for_one_user() {
        on_each(async |[ids, other]| {
            ids.claim(&claim(1, 1)).await.unwrap();
            other.claim(&claim(1, 1)).await.unwrap();
            reused(&ids, &claim(1, 2)).await;
            ids.claim(&claim(2, 2)).await.unwrap();
            let bob = UserId::derive(environment(), "idp", "bob");
            ids.claim(&OperationClaim { user: bob, ..claim(1, 2) }).await.unwrap();
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_digests_that_race_for_one_id_one_wins() {
        on_each(async |handles| {
            for round in 1..=10 {
                let outcomes = race(&handles, 64, move |ids, index| async move {
                    // Each digest comes twice: who has it wins with everybody else who has it.
                    ids.claim(&claim(round, u8::try_from(index / 2).unwrap())).await
                })
                .await;
                let won: Vec<_> = (0..64).filter(|index| outcomes[*index].is_ok()).collect();
                assert!(matches!(won[..], [one, two] if one / 2 == two / 2), "{won:?}");
                for refused in outcomes.into_iter().filter_map(Result::err) {
                    assert_eq!(refused.reason(), Reason::OperationIdReused);
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn an_id_that_is_let_go_of_is_free_unless_another_call_found_it() {
        on_each(async |[ids, other]| {
            ids.claim(&claim(1, 1)).await.unwrap();
            // What is not exactly this claim lets go of nothing.
            let bob = UserId::derive(environment(), "idp", "bob");
            for wrong in [claim(1, 2), claim(2, 1), OperationClaim { user: bob, ..claim(1, 1) }] {
                ids.release(&wrong).await.unwrap();
            }
            reused(&ids, &claim(1, 2)).await;
            ids.release(&claim(1, 1)).await.unwrap();
            ids.claim(&claim(1, 2)).await.unwrap();

            other.claim(&claim(1, 2)).await.unwrap();
            ids.release(&claim(1, 2)).await.unwrap();
            reused(&ids, &claim(1, 3)).await;
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_joins_while_another_lets_go_is_tied_all_the_same() {
        on_each(async |handles| {
            for round in 1..=50 {
                handles[0].claim(&claim(round, 1)).await.unwrap();
                race(&handles, 2, move |ids, index| async move {
                    match index {
                        0 => ids.release(&claim(round, 1)).await.unwrap(),
                        _ => ids.claim(&claim(round, 1)).await.unwrap(),
                    }
                })
                .await;
                reused(&handles[0], &claim(round, 2)).await;
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_id_that_is_claimed_and_let_go_of_again_and_again_has_one_digest_at_a_time() {
        on_each(async |handles| {
            // Eight ids, for each of which two processes compete with a digest each.
            let holders: Arc<[AtomicU32; 8]> = Arc::default();
            let claimed = race(&handles, 16, |ids, index| {
                let (holders, pair) = (holders.clone(), index / 2);
                let claim = claim(1 + pair as u128, u8::try_from(index % 2).unwrap());
                async move {
                    let mut claimed = 0;
                    for _ in 0..10 {
                        match ids.claim(&claim).await {
                            Ok(()) => {
                                assert_eq!(holders[pair].fetch_add(1, Ordering::SeqCst), 0);
                                holders[pair].fetch_sub(1, Ordering::SeqCst);
                                ids.release(&claim).await.unwrap();
                                claimed += 1;
                            }
                            Err(error) => assert_eq!(error.reason(), Reason::OperationIdReused),
                        }
                    }
                    claimed
                }
            })
            .await;
            assert!(claimed.chunks(2).all(|pair| pair[0] + pair[1] > 0), "{claimed:?}");
        })
        .await;
    }

    #[tokio::test]
    async fn a_store_that_is_away_refuses() {
        on_each(async |[ids, _]| {
            ids.database.clone().close().await.unwrap();
            let refused = ids.claim(&claim(1, 1)).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::StoreUnavailable);
        })
        .await;
    }
}

//! Operation ids in the issuer's database.

use async_trait::async_trait;
use kernel::{Error, Reason, Result};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue, ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter};
use storage::sql::unavailable;

use super::entity::operations::{ActiveModel, Column, Entity};
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
const ROUNDS: u32 = 16;

fn is(claim: &OperationClaim) -> Condition {
    Condition::all()
        .add(Column::Environment.eq(claim.environment.uuid()))
        .add(Column::User.eq(claim.user.uuid()))
        .add(Column::OperationId.eq(claim.operation.uuid()))
}

fn is_for_it(claim: &OperationClaim) -> Condition {
    is(claim).add(Column::Digest.eq(claim.digest.as_bytes().to_vec()))
}

impl SqlOperationIds {
    /// Ties an id that is not tied.
    async fn tie(&self, claim: &OperationClaim) -> Result<bool> {
        let inserted = Entity::insert(ActiveModel {
            environment: ActiveValue::Set(claim.environment.uuid()),
            user: ActiveValue::Set(claim.user.uuid()),
            operation_id: ActiveValue::Set(claim.operation.uuid()),
            digest: ActiveValue::Set(claim.digest.as_bytes().to_vec()),
            first_seen_ms: ActiveValue::Set(claim.at.millis()),
            shared: ActiveValue::Set(false),
        })
        .on_conflict(
            OnConflict::columns([Column::Environment, Column::User, Column::OperationId])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&self.database)
        .await
        .map_err(unavailable)?;
        Ok(inserted == 1)
    }

    /// Joins who tied the id to this digest, so that it stays tied.
    async fn join(&self, claim: &OperationClaim) -> Result<bool> {
        let joined = Entity::update_many()
            .col_expr(Column::Shared, Expr::value(true))
            .filter(is_for_it(claim))
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

    fn claim(id: u128, octet: u8) -> OperationClaim {
        OperationClaim {
            environment: environment(),
            user: user(),
            operation: OperationId::from_uuid(uuid::Uuid::from_u128(id)),
            digest: Digest::from_bytes([octet; 32]),
            at: NOW,
        }
    }

    #[tokio::test]
    async fn an_id_stands_for_its_first_digest_for_ever_and_for_one_user() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        let ids = SqlOperationIds::new(database);
        ids.claim(&claim(1, 1)).await.unwrap();
        ids.claim(&claim(1, 1)).await.unwrap();
        assert_eq!(ids.claim(&claim(1, 2)).await.unwrap_err().reason(), Reason::OperationIdReused);
        ids.claim(&claim(2, 2)).await.unwrap();
        let other = UserId::derive(environment(), "idp", "bob");
        ids.claim(&OperationClaim { user: other, ..claim(1, 2) }).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_digests_that_race_for_one_id_one_wins() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        let ids = Arc::new(SqlOperationIds::new(database));
        for round in 1..=10 {
            let tasks: Vec<_> = (0..32)
                .map(|racer| {
                    let ids = ids.clone();
                    tokio::spawn(async move { ids.claim(&claim(round, racer)).await })
                })
                .collect();
            let mut won = 0;
            for task in tasks {
                match task.await.unwrap() {
                    Ok(()) => won += 1,
                    Err(error) => assert_eq!(error.reason(), Reason::OperationIdReused),
                }
            }
            assert_eq!(won, 1);
        }
    }

    #[tokio::test]
    async fn an_id_that_is_let_go_of_is_free_unless_another_call_found_it() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        let ids = SqlOperationIds::new(database);
        ids.claim(&claim(1, 1)).await.unwrap();
        // What is not exactly this claim lets go of nothing.
        let other = UserId::derive(environment(), "idp", "bob");
        for other in [claim(1, 2), claim(2, 1), OperationClaim { user: other, ..claim(1, 1) }] {
            ids.release(&other).await.unwrap();
        }
        assert_eq!(ids.claim(&claim(1, 2)).await.unwrap_err().reason(), Reason::OperationIdReused);
        ids.release(&claim(1, 1)).await.unwrap();
        ids.claim(&claim(1, 2)).await.unwrap();

        ids.claim(&claim(1, 2)).await.unwrap();
        ids.release(&claim(1, 2)).await.unwrap();
        assert_eq!(ids.claim(&claim(1, 3)).await.unwrap_err().reason(), Reason::OperationIdReused);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_joins_while_another_lets_go_is_tied_all_the_same() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        let ids = Arc::new(SqlOperationIds::new(database));
        for round in 1..=50 {
            ids.claim(&claim(round, 1)).await.unwrap();
            let (releasing, joining) = (ids.clone(), ids.clone());
            let release = tokio::spawn(async move { releasing.release(&claim(round, 1)).await });
            let join = tokio::spawn(async move { joining.claim(&claim(round, 1)).await });
            release.await.unwrap().unwrap();
            join.await.unwrap().unwrap();
            let refused = ids.claim(&claim(round, 2)).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::OperationIdReused, "round {round}");
        }
    }

    #[tokio::test]
    async fn a_store_that_is_away_refuses() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        database.clone().close().await.unwrap();
        let refused = SqlOperationIds::new(database).claim(&claim(1, 1)).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::StoreUnavailable);
    }
}

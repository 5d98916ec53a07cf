//! Operation ids in the issuer's database.

use async_trait::async_trait;
use kernel::{Error, Reason, Result};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, DatabaseConnection, EntityTrait};
use storage::sql::{corrupt, unavailable};

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

#[async_trait]
impl OperationIds for SqlOperationIds {
    async fn claim(&self, claim: &OperationClaim) -> Result<()> {
        let key = (claim.environment.uuid(), claim.user.uuid(), claim.operation.uuid());
        let inserted = Entity::insert(ActiveModel {
            environment: ActiveValue::Set(key.0),
            user: ActiveValue::Set(key.1),
            operation_id: ActiveValue::Set(key.2),
            digest: ActiveValue::Set(claim.digest.as_bytes().to_vec()),
            first_seen_ms: ActiveValue::Set(claim.at.millis()),
        })
        .on_conflict(
            OnConflict::columns([Column::Environment, Column::User, Column::OperationId])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&self.database)
        .await
        .map_err(unavailable)?;
        if inserted == 1 {
            return Ok(());
        }
        // Rows are never changed nor removed, so what is read now is what was there.
        let row = Entity::find_by_id(key)
            .one(&self.database)
            .await
            .map_err(unavailable)?
            .ok_or_else(|| corrupt("authorized operation"))?;
        if row.digest == claim.digest.as_bytes() { Ok(()) } else { Err(reused()) }
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
    async fn a_store_that_is_away_refuses() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        database.clone().close().await.unwrap();
        let refused = SqlOperationIds::new(database).claim(&claim(1, 1)).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::StoreUnavailable);
    }
}

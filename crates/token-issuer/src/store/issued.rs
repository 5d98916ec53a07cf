//! Which tokens were issued, in the issuer's database.

use async_trait::async_trait;
use kernel::{Result, Timestamp, TokenId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, DatabaseConnection, EntityTrait};
use storage::sql::unavailable;

use super::entity::issued::{ActiveModel, Column, Entity};
use crate::ports::IssuedTokens;

/// Issued tokens in SQL. Rows are never changed nor removed: forgetting one would let its token be issued anew.
#[derive(Clone, Debug)]
pub(crate) struct SqlIssuedTokens {
    database: DatabaseConnection,
}

impl SqlIssuedTokens {
    /// On a database whose migrations are those of this service.
    pub(crate) fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }
}

#[async_trait]
impl IssuedTokens for SqlIssuedTokens {
    async fn issued_at(&self, id: TokenId) -> Result<Option<Timestamp>> {
        let row = Entity::find_by_id(id.uuid()).one(&self.database).await.map_err(unavailable)?;
        Ok(row.map(|row| Timestamp::from_millis(row.issued_ms)))
    }

    async fn remember(&self, id: TokenId, now: Timestamp) -> Result<bool> {
        let inserted = Entity::insert(ActiveModel {
            jti: ActiveValue::Set(id.uuid()),
            issued_ms: ActiveValue::Set(now.millis()),
        })
        .on_conflict(OnConflict::column(Column::Jti).do_nothing().to_owned())
        .exec_without_returning(&self.database)
        .await
        .map_err(unavailable)?;
        Ok(inserted == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, token};
    use crate::migrations::Migrator;
    use kernel::Reason;
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test]
    async fn a_token_is_issued_once_and_that_is_remembered() {
        let (database, folder) = testkit::database::<Migrator>().await;
        let issued = SqlIssuedTokens::new(database);
        let id = token(1).id;
        assert_eq!(issued.issued_at(id).await.unwrap(), None);
        assert!(issued.remember(id, NOW).await.unwrap());
        let later = NOW.plus(Duration::from_secs(1));
        assert!(!issued.remember(id, later).await.unwrap());
        assert!(issued.remember(token(2).id, later).await.unwrap());
        // Another process, or this one after a restart, finds the same.
        let file = folder.path().join("test.sqlite");
        let again = SqlIssuedTokens::new(storage::sql::open_sqlite(&file).await.unwrap());
        assert_eq!(again.issued_at(id).await.unwrap(), Some(NOW));
        assert!(!again.remember(id, later).await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_64_calls_that_race_for_one_token_one_issues_it() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        let issued = Arc::new(SqlIssuedTokens::new(database));
        for number in 0..10 {
            let tasks: Vec<_> = (0..64)
                .map(|_| {
                    let issued = issued.clone();
                    tokio::spawn(async move { issued.remember(token(number).id, NOW).await.unwrap() })
                })
                .collect();
            let mut won = 0;
            for task in tasks {
                won += u32::from(task.await.unwrap());
            }
            assert_eq!(won, 1);
        }
    }

    #[tokio::test]
    async fn a_store_that_is_away_refuses() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        database.clone().close().await.unwrap();
        let issued = SqlIssuedTokens::new(database);
        for refused in
            [issued.issued_at(token(1).id).await.map(drop), issued.remember(token(1).id, NOW).await.map(drop)]
        {
            assert_eq!(refused.unwrap_err().reason(), Reason::StoreUnavailable);
        }
    }
}

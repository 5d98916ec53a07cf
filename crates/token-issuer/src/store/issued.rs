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
    use std::time::Duration;
    use testkit::race;

    /// Two handles on the same data, as two processes have.
    type Handles = [SqlIssuedTokens; 2];

    /// Runs a clause of the contract on every backend.
    async fn on_each(clause: impl AsyncFn(Handles)) {
        testkit::on_each::<Migrator>(async |pools| clause(pools.map(SqlIssuedTokens::new)).await).await;
    }

    #[tokio::test]
    async fn a_token_is_issued_once_and_that_is_remembered() {
        on_each(async |[issued, again]| {
            let id = token(1).id;
            assert_eq!(issued.issued_at(id).await.unwrap(), None);
            assert!(issued.remember(id, NOW).await.unwrap());
            let later = NOW.plus(Duration::from_secs(1));
            assert!(!issued.remember(id, later).await.unwrap());
            assert!(issued.remember(token(2).id, later).await.unwrap());
            // Another process, or this one after a restart, finds the same.
            assert_eq!(again.issued_at(id).await.unwrap(), Some(NOW));
            assert!(!again.remember(id, later).await.unwrap());
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_64_calls_that_race_for_one_token_one_issues_it() {
        on_each(async |handles| {
            for number in 0..10 {
                let outcomes = race(&handles, 64, move |issued, index| async move {
                    let at = NOW.plus(Duration::from_secs(index as u64));
                    (issued.remember(token(number).id, at).await.unwrap(), at)
                })
                .await;
                let won: Vec<_> = outcomes.iter().filter(|(won, _)| *won).map(|(_, at)| *at).collect();
                assert_eq!(won.len(), 1);
                let remembered = handles[0].issued_at(token(number).id).await.unwrap();
                assert_eq!(remembered, Some(won[0]));
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_store_that_is_away_refuses() {
        on_each(async |[issued, _]| {
            issued.database.clone().close().await.unwrap();
            let id = token(1).id;
            for refused in [issued.issued_at(id).await.map(drop), issued.remember(id, NOW).await.map(drop)] {
                assert_eq!(refused.unwrap_err().reason(), Reason::StoreUnavailable);
            }
        })
        .await;
    }
}

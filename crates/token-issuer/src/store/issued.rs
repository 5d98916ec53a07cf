//! Which tokens were issued, in the issuer's database.

use async_trait::async_trait;
use kernel::{Error, Result, Timestamp, TokenId};
use sea_orm::sea_query::{Expr, Func, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter};
use storage::sql::unavailable;

use super::entity::issued::{Column, Entity};
use super::revocations::{epoch_of, standing};
use crate::domain::revocation::{Revocable, Standing};
use crate::ports::{IssuedTokens, Remembered};

/// Issued tokens in SQL. Rows are never removed, and their marks never taken away: forgetting one would let its token be
/// issued anew.
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
    async fn remember(&self, token: &Revocable, now: Timestamp) -> Result<Remembered> {
        let id = token.id.uuid();
        // The epoch is read in the statement that writes it. A revocation that is not committed then has a higher number.
        let insert = Query::insert()
            .into_table(Entity)
            .columns([Column::Jti, Column::IssuedMs, Column::OnFileMs, Column::Epoch])
            .values([
                Expr::value(id),
                Expr::value(now.millis()),
                Expr::value(None::<i64>),
                epoch_of(token.environment, token.user).into(),
            ])
            .map_err(Error::internal)?
            .on_conflict(OnConflict::column(Column::Jti).do_nothing().to_owned())
            .to_owned();
        if self.database.execute(&insert).await.map_err(unavailable)?.rows_affected() == 1 {
            return Ok(Remembered::Now);
        }
        match standing(&self.database, token).await? {
            Standing::Good => {}
            Standing::Revoked => return Ok(Remembered::Revoked),
            Standing::Unknown => return Err(gone()),
        }
        let row = Entity::find_by_id(id).one(&self.database).await.map_err(unavailable)?;
        match row.ok_or_else(gone)?.on_file_ms {
            Some(_) => Ok(Remembered::OnFile),
            None => Ok(Remembered::Before),
        }
    }

    async fn on_file(&self, id: TokenId, now: Timestamp) -> Result<()> {
        let first = Func::coalesce([Expr::col(Column::OnFileMs), Expr::value(now.millis())]);
        let marked = Entity::update_many()
            .col_expr(Column::OnFileMs, first.into())
            .filter(Column::Jti.eq(id.uuid()))
            .exec(&self.database)
            .await
            .map_err(unavailable)?;
        if marked.rows_affected == 1 { Ok(()) } else { Err(gone()) }
    }
}

/// The refusal of a row that is not there any more: somebody put the database back under this process.
fn gone() -> Error {
    Error::store_unavailable("an issued token is not remembered any more")
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
            let revocable = Revocable::of(&token(1));
            let id = revocable.id;
            assert_eq!(issued.remember(&revocable, NOW).await.unwrap(), Remembered::Now);
            let later = NOW.plus(Duration::from_secs(1));
            // Another process, or this one after a restart, finds the same.
            for handle in [&issued, &again] {
                assert_eq!(handle.remember(&revocable, later).await.unwrap(), Remembered::Before);
            }
            again.on_file(id, later).await.unwrap();
            for handle in [&issued, &again] {
                assert_eq!(handle.remember(&revocable, later).await.unwrap(), Remembered::OnFile);
            }
            // Others are not concerned.
            assert_eq!(issued.remember(&Revocable::of(&token(2)), later).await.unwrap(), Remembered::Now);
        })
        .await;
    }

    #[tokio::test]
    async fn what_an_earlier_version_remembered_may_have_been_handed_out() {
        on_each(async |[issued, _]| {
            let revocable = Revocable::of(&token(1));
            let id = revocable.id;
            let row = sea_orm::sea_query::Query::insert()
                .into_table("issued_tokens")
                .columns(["jti", "issued_ms"])
                .values_panic([id.uuid().into(), NOW.millis().into()])
                .to_owned();
            issued.database.execute(&row).await.unwrap();
            assert_eq!(issued.remember(&revocable, NOW).await.unwrap(), Remembered::OnFile);
        })
        .await;
    }

    #[tokio::test]
    async fn that_a_token_is_on_file_is_marked_once_and_only_where_it_is_remembered() {
        on_each(async |[issued, again]| {
            let revocable = Revocable::of(&token(1));
            let id = revocable.id;
            let refused = issued.on_file(id, NOW).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::StoreUnavailable);
            assert_eq!(issued.remember(&revocable, NOW).await.unwrap(), Remembered::Now);
            issued.on_file(id, NOW).await.unwrap();
            again.on_file(id, NOW.plus(Duration::from_secs(1))).await.unwrap();
            let row = Entity::find_by_id(id.uuid()).one(&issued.database).await.unwrap().unwrap();
            assert_eq!(row.on_file_ms, Some(NOW.millis()), "the first mark stays");
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_64_calls_that_race_for_one_token_one_is_the_first_and_no_mark_is_lost() {
        on_each(async |handles| {
            for number in 0..10 {
                let outcomes = race(&handles, 64, move |issued, index| async move {
                    let at = NOW.plus(Duration::from_secs(index as u64));
                    let revocable = Revocable::of(&token(number));
                    let id = revocable.id;
                    let found = issued.remember(&revocable, at).await.unwrap();
                    issued.on_file(id, at).await.unwrap();
                    assert_eq!(issued.remember(&revocable, at).await.unwrap(), Remembered::OnFile);
                    found
                })
                .await;
                let first = outcomes.iter().filter(|found| **found == Remembered::Now).count();
                assert_eq!(first, 1);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_store_that_is_away_refuses() {
        on_each(async |[issued, _]| {
            issued.database.clone().close().await.unwrap();
            let revocable = Revocable::of(&token(1));
            let id = revocable.id;
            for refused in [issued.remember(&revocable, NOW).await.map(drop), issued.on_file(id, NOW).await] {
                assert_eq!(refused.unwrap_err().reason(), Reason::StoreUnavailable);
            }
        })
        .await;
    }
}

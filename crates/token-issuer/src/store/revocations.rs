//! Revocations in the issuer's database.
//!
//! A revocation is one transaction that begins with the user's row of epochs, so that of one user there is one at a time:
//! it takes the next number, and writes it down for its target. Whether a token is revoked is told in one statement with
//! what depends on it, which sees all of a revocation or nothing of it.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{EnvironmentId, Result, Timestamp, UserId};
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, FunctionCall, OnConflict, Query, SelectStatement};
use sea_orm::{
    ActiveValue, ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, EntityTrait, PaginatorTrait,
    QueryFilter, TransactionTrait,
};
use storage::sql::unavailable;

use super::entity::{epochs, issued, revocations};
use crate::domain::revocation::{MAX_KEPT, Revocable, Standing, Target};
use crate::ports::Revocations;

/// For how long a revocation may be needed: far longer than any token lives, whatever the clocks say.
const NEEDED: Duration = Duration::from_secs(24 * 60 * 60);

/// Revocations in SQL.
#[derive(Clone, Debug)]
pub(crate) struct SqlRevocations {
    database: DatabaseConnection,
}

impl SqlRevocations {
    /// On a database whose migrations are those of this service.
    pub(crate) fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }
}

/// The number of the last revocation of a user, as an expression of another statement.
pub(super) fn epoch_of(environment: EnvironmentId, user: UserId) -> FunctionCall {
    let last = Query::select()
        .column(epochs::Column::Epoch)
        .from(epochs::Entity)
        .and_where(epochs::Column::Environment.eq(environment.uuid()))
        .and_where(epochs::Column::User.eq(user.uuid()))
        .to_owned();
    Func::coalesce([Expr::SubQuery(None, Box::new(last.into())), Expr::value(0_i64)])
}

/// One row if the token is remembered and not revoked, else none: for `EXISTS` in another statement.
pub(super) fn good(token: &Revocable) -> SelectStatement {
    let hit = token.targets().iter().fold(Condition::any(), |any, target| {
        any.add(
            Condition::all()
                .add(revocations::Column::Kind.eq(target.kind()))
                .add(revocations::Column::Subject.eq(target.subject())),
        )
    });
    let later = Expr::col((revocations::Entity, revocations::Column::Epoch))
        .gt(Expr::col((issued::Entity, issued::Column::Epoch)));
    let revoked = Query::select()
        .expr(Expr::value(1))
        .from(revocations::Entity)
        .and_where(revocations::Column::Environment.eq(token.environment.uuid()))
        .and_where(revocations::Column::User.eq(token.user.uuid()))
        .and_where(later)
        .cond_where(hit)
        .to_owned();
    Query::select()
        .expr(Expr::value(1))
        .from(issued::Entity)
        .and_where(issued::Column::Jti.eq(token.id.uuid()))
        .and_where(Expr::exists(revoked).not())
        .to_owned()
}

/// How a token stands.
pub(super) async fn standing(database: &impl ConnectionTrait, token: &Revocable) -> Result<Standing> {
    if database.query_one(&good(token)).await.map_err(unavailable)?.is_some() {
        return Ok(Standing::Good);
    }
    let row = issued::Entity::find_by_id(token.id.uuid()).one(database).await.map_err(unavailable)?;
    Ok(if row.is_some() { Standing::Revoked } else { Standing::Unknown })
}

fn of_user(environment: EnvironmentId, user: UserId) -> Condition {
    Condition::all()
        .add(revocations::Column::Environment.eq(environment.uuid()))
        .add(revocations::Column::User.eq(user.uuid()))
}

/// The number of a new revocation, with whose row the user's other ones wait.
async fn next_epoch(
    transaction: &impl ConnectionTrait,
    environment: EnvironmentId,
    user: UserId,
) -> Result<i64> {
    let next = Expr::col((epochs::Entity, epochs::Column::Epoch)).add(1);
    let row = epochs::Entity::insert(epochs::ActiveModel {
        environment: ActiveValue::Set(environment.uuid()),
        user: ActiveValue::Set(user.uuid()),
        epoch: ActiveValue::Set(1),
    })
    .on_conflict(
        OnConflict::columns([epochs::Column::Environment, epochs::Column::User])
            .value(epochs::Column::Epoch, next)
            .to_owned(),
    )
    .exec_with_returning(transaction)
    .await
    .map_err(unavailable)?;
    Ok(row.epoch)
}

/// Whether one more revocation finds room; makes some by what nobody needs any more.
async fn has_room(
    transaction: &impl ConnectionTrait,
    environment: EnvironmentId,
    user: UserId,
    now: Timestamp,
) -> Result<bool> {
    let count = || {
        let rows = revocations::Entity::find().filter(of_user(environment, user));
        async move { rows.count(transaction).await.map_err(unavailable) }
    };
    if count().await? < MAX_KEPT {
        return Ok(true);
    }
    revocations::Entity::delete_many()
        .filter(of_user(environment, user))
        .filter(revocations::Column::RevokedMs.lt(now.minus(NEEDED).millis()))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    Ok(count().await? < MAX_KEPT)
}

#[async_trait]
impl Revocations for SqlRevocations {
    async fn revoke(
        &self,
        environment: EnvironmentId,
        user: UserId,
        target: &Target,
        now: Timestamp,
    ) -> Result<()> {
        if let Target::Token(id) = target {
            // Nobody makes rows for tokens that there are none of.
            let row = issued::Entity::find_by_id(id.uuid()).one(&self.database);
            if row.await.map_err(unavailable)?.is_none() {
                return Ok(());
            }
        }
        let transaction = self.database.begin().await.map_err(unavailable)?;
        let epoch = next_epoch(&transaction, environment, user).await?;
        let target =
            if has_room(&transaction, environment, user, now).await? { target } else { &Target::All };
        if *target == Target::All {
            // Its number is higher than theirs, and it names every token that they do.
            revocations::Entity::delete_many()
                .filter(of_user(environment, user))
                .exec(&transaction)
                .await
                .map_err(unavailable)?;
        }
        revocations::Entity::insert(revocations::ActiveModel {
            environment: ActiveValue::Set(environment.uuid()),
            user: ActiveValue::Set(user.uuid()),
            kind: ActiveValue::Set(target.kind().to_owned()),
            subject: ActiveValue::Set(target.subject()),
            epoch: ActiveValue::Set(epoch),
            revoked_ms: ActiveValue::Set(now.millis()),
        })
        .on_conflict(
            OnConflict::columns([
                revocations::Column::Environment,
                revocations::Column::User,
                revocations::Column::Kind,
                revocations::Column::Subject,
            ])
            .update_columns([revocations::Column::Epoch, revocations::Column::RevokedMs])
            .to_owned(),
        )
        .exec_without_returning(&transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn standing(&self, token: &Revocable) -> Result<Standing> {
        standing(&self.database, token).await
    }
}

#[cfg(test)]
mod tests;

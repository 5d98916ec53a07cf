//! The enforcement point's durable memory of what was authorized: the second barrier behind the issuer's
//! single-use state, which holds whatever the token store did.
//!
//! Two tables. `spent_operations`: operation id → digest, state, attempt. `spent_tokens`: the `jti` of a single-use
//! token → the one operation it paid for. An operation id is bound to the first digest that came with it, and a
//! token to the first operation, for ever. The same digest may come again until a result is recorded or the retry
//! window ends.

mod entity;
mod migration;

use std::time::Duration;

use kernel::{AttemptId, EnvironmentId, Error, OperationId, Reason, Result, Timestamp, TokenId, UserId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter,
    TransactionTrait,
};

use self::entity::{operations, tokens};
use crate::sql::{corrupt, unavailable};

pub use migration::Migration;

/// How long after its first sight an operation may be tried again: the longest life of a token (an hour) and the ten
/// minutes for which the issuer gives fresh receipts.
pub const RETRY_WINDOW: Duration = Duration::from_secs(70 * 60);

/// What an enforcement point is about to act on, as the checked receipt says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spend {
    /// The environment.
    pub environment: EnvironmentId,
    /// The user.
    pub user: UserId,
    /// The operation's id.
    pub operation: OperationId,
    /// The digest that this enforcement point computed itself.
    pub digest: [u8; 32],
    /// The single-use token that paid, if one did.
    pub paid_by: Option<TokenId>,
    /// The try that begins now.
    pub attempt: AttemptId,
}

/// What was on record before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// Nothing: this is the first try.
    First,
    /// An earlier try of the same operation, which has no result on record. The new try takes its place.
    Again(AttemptId),
}

/// The ledger in the service's own database.
#[derive(Clone, Debug)]
pub struct Spending {
    database: DatabaseConnection,
}

const OPEN: &str = "open";
const DONE: &str = "done";

impl Spending {
    /// On a database whose migrations include [`Migration`].
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }

    /// Spends the authorization, durably, in one transaction. Nothing may be released before this has returned.
    ///
    /// Refused with `RECEIPT_SPENT` when the operation id belongs to another digest, the token paid for another
    /// operation, a result is on record, or the retry window has ended.
    pub async fn spend(&self, spend: &Spend, now: Timestamp) -> Result<Spent> {
        let transaction = self.database.begin().await.map_err(unavailable)?;
        let spent = spend_operation(&transaction, spend, now).await?;
        if let Some(token) = spend.paid_by {
            spend_token(&transaction, spend, token).await?;
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(spent)
    }

    /// Records that the operation has its result: no further try. Idempotent; refused for another digest.
    pub async fn finish(
        &self,
        environment: EnvironmentId,
        user: UserId,
        operation: OperationId,
        digest: &[u8; 32],
    ) -> Result<()> {
        let updated = operations::Entity::update_many()
            .col_expr(operations::Column::State, DONE.into())
            .filter(operations::Column::Environment.eq(environment.uuid()))
            .filter(operations::Column::User.eq(user.uuid()))
            .filter(operations::Column::OperationId.eq(operation.uuid()))
            .filter(operations::Column::Digest.eq(digest.to_vec()))
            .exec(&self.database)
            .await
            .map_err(unavailable)?;
        if updated.rows_affected == 1 { Ok(()) } else { Err(spent("nothing is on record for it")) }
    }

    /// Records within `transaction`, which makes the result, that the operation has it: both stand or both fall, and
    /// of all tries one can do it.
    ///
    /// Refused with `ATTEMPT_UNKNOWN` when this try is not the newest one any more, or the operation has its result.
    /// Then the transaction must not be committed.
    pub async fn finish_in(transaction: &DatabaseTransaction, spend: &Spend) -> Result<()> {
        let finished = operations::Entity::update_many()
            .col_expr(operations::Column::State, DONE.into())
            .filter(operations::Column::Environment.eq(spend.environment.uuid()))
            .filter(operations::Column::User.eq(spend.user.uuid()))
            .filter(operations::Column::OperationId.eq(spend.operation.uuid()))
            .filter(operations::Column::Digest.eq(spend.digest.to_vec()))
            .filter(operations::Column::Attempt.eq(spend.attempt.uuid()))
            .filter(operations::Column::State.eq(OPEN))
            .exec(transaction)
            .await
            .map_err(unavailable)?;
        if finished.rows_affected == 1 { Ok(()) } else { Err(overtaken()) }
    }
}

/// Binds the operation id to the digest, or joins the row that did.
async fn spend_operation(transaction: &DatabaseTransaction, spend: &Spend, now: Timestamp) -> Result<Spent> {
    let inserted = operations::Entity::insert(operations::ActiveModel {
        environment: ActiveValue::Set(spend.environment.uuid()),
        user: ActiveValue::Set(spend.user.uuid()),
        operation_id: ActiveValue::Set(spend.operation.uuid()),
        digest: ActiveValue::Set(spend.digest.to_vec()),
        state: ActiveValue::Set(OPEN.to_owned()),
        attempt: ActiveValue::Set(spend.attempt.uuid()),
        first_seen_ms: ActiveValue::Set(now.millis()),
    })
    .on_conflict(
        OnConflict::columns([
            operations::Column::Environment,
            operations::Column::User,
            operations::Column::OperationId,
        ])
        .do_nothing()
        .to_owned(),
    )
    .exec_without_returning(transaction)
    .await
    .map_err(unavailable)?;
    if inserted == 1 {
        return Ok(Spent::First);
    }
    let key = (spend.environment.uuid(), spend.user.uuid(), spend.operation.uuid());
    let row = operations::Entity::find_by_id(key)
        .one(transaction)
        .await
        .map_err(unavailable)?
        .ok_or_else(|| corrupt("spent operation"))?;
    if row.digest != spend.digest {
        return Err(spent("its operation id belongs to another operation"));
    }
    if row.state != OPEN {
        return Err(spent("the operation has its result"));
    }
    if now.since(Timestamp::from_millis(row.first_seen_ms)) > RETRY_WINDOW {
        return Err(spent("the time in which the operation could be tried again is over"));
    }
    // Compare-and-set on the earlier attempt: of two tries that start together one is told to start over.
    let moved = operations::Entity::update_many()
        .col_expr(operations::Column::Attempt, spend.attempt.uuid().into())
        .filter(operations::Column::Environment.eq(spend.environment.uuid()))
        .filter(operations::Column::User.eq(spend.user.uuid()))
        .filter(operations::Column::OperationId.eq(spend.operation.uuid()))
        .filter(operations::Column::State.eq(OPEN))
        .filter(operations::Column::Attempt.eq(row.attempt))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    if moved.rows_affected == 1 {
        Ok(Spent::Again(AttemptId::from_uuid(row.attempt)))
    } else {
        Err(overtaken())
    }
}

/// Binds the token to the operation, or finds that it is.
async fn spend_token(transaction: &DatabaseTransaction, spend: &Spend, token: TokenId) -> Result<()> {
    tokens::Entity::insert(tokens::ActiveModel {
        jti: ActiveValue::Set(token.uuid()),
        environment: ActiveValue::Set(spend.environment.uuid()),
        user: ActiveValue::Set(spend.user.uuid()),
        operation_id: ActiveValue::Set(spend.operation.uuid()),
    })
    .on_conflict(OnConflict::column(tokens::Column::Jti).do_nothing().to_owned())
    .exec_without_returning(transaction)
    .await
    .map_err(unavailable)?;
    let row = tokens::Entity::find_by_id(token.uuid())
        .one(transaction)
        .await
        .map_err(unavailable)?
        .ok_or_else(|| corrupt("spent token"))?;
    let same = (row.environment, row.user, row.operation_id)
        == (spend.environment.uuid(), spend.user.uuid(), spend.operation.uuid());
    if same { Ok(()) } else { Err(spent("the token behind it paid for another operation")) }
}

fn overtaken() -> Error {
    Error::new(
        Reason::AttemptUnknown,
        "another try of the same operation took the place of this one; try again with the same operation id",
    )
}

fn spent(why: &'static str) -> Error {
    Error::new(Reason::ReceiptSpent, format!("this receipt cannot be used: {why}"))
}

#[cfg(test)]
mod tests;

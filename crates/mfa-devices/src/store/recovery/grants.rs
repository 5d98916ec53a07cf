//! The proof that pays for codes is used up.

use kernel::{FactorKind, Result, SessionId, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, Select};
use storage::sql::unavailable;

use crate::domain::proof::GRANT_LIFE;
use crate::domain::{Owner, Restored};
use crate::ports::Payment;
use crate::store::entity::proofs::{Column, Entity};
use crate::store::proving;

/// Uses up the payment; `false` when there is none. The transaction holds the owner's row, so nobody else looks for one at
/// the same time; that it is used once, the update says.
pub(super) async fn spend(
    transaction: &DatabaseTransaction,
    owner: Owner,
    session: &SessionId,
    payment: Payment,
    restored: Option<Restored>,
    now: Timestamp,
) -> Result<bool> {
    let found = candidates(owner, session, now)
        .filter(match payment {
            Payment::Proof(proof) => Column::ProofId.eq(proof.uuid()),
            Payment::Left => Column::ProofId.is_not_null(),
        })
        .order_by_desc(Column::AtMs)
        .one(transaction)
        .await
        .map_err(unavailable)?;
    let spent_before = |at| restored.is_some_and(|restored| restored.may_have_seen(at));
    let Some(proof) = found.filter(|proof| !spent_before(Timestamp::from_millis(proof.at_ms))) else {
        return Ok(false);
    };
    let spent = Entity::update_many()
        .col_expr(Column::SpentMs, Expr::value(now.millis()))
        .filter(Column::ProofId.eq(proof.proof_id))
        .filter(Column::SpentMs.is_null())
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    Ok(spent.rows_affected == 1)
}

/// What would pay. Recovery codes never pay for recovery codes.
fn candidates(owner: Owner, session: &SessionId, now: Timestamp) -> Select<Entity> {
    Entity::find()
        .filter(proving::of(owner))
        .filter(Column::Session.eq(session.as_str()))
        .filter(Column::Kind.ne(FactorKind::RecoveryCode.as_str()))
        .filter(Column::ForRecovery.eq(true))
        .filter(Column::SpentMs.is_null())
        .filter(Column::AtMs.gte(now.minus(GRANT_LIFE).millis()))
}

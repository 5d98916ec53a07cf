//! Proofs on record: what a retry is answered with, and what pays for recovery codes.

use std::time::Duration;

use kernel::{Result, SessionId, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder,
};
use storage::sql::unavailable;

use super::entity::proofs::{ActiveModel, Column, Entity};
use crate::domain::proof::RETRY;
use crate::domain::{Owner, Proof};

/// The proofs of a user.
pub(super) fn of(owner: Owner) -> Condition {
    Condition::all()
        .add(Column::Environment.eq(owner.environment.uuid()))
        .add(Column::User.eq(owner.user.uuid()))
}

/// Leaves the proof under its request id; `false` when that has an answer. Answers nobody can ask for any more go.
pub(super) async fn record(database: &impl ConnectionTrait, owner: Owner, proof: &Proof) -> Result<bool> {
    Entity::delete_many()
        .filter(of(owner))
        .filter(Column::AtMs.lt(proof.at.minus(RETRY).millis()))
        .exec(database)
        .await
        .map_err(unavailable)?;
    let inserted = Entity::insert(ActiveModel {
        environment: ActiveValue::Set(owner.environment.uuid()),
        user: ActiveValue::Set(owner.user.uuid()),
        request_id: ActiveValue::Set(proof.attempt.request.uuid()),
        proof_id: ActiveValue::Set(proof.id.uuid()),
        device: ActiveValue::Set(proof.device.uuid()),
        kind: ActiveValue::Set(proof.kind.as_str().to_owned()),
        session: ActiveValue::Set(proof.attempt.session.as_str().to_owned()),
        purpose: ActiveValue::Set(proof.attempt.purpose.to_vec()),
        at_ms: ActiveValue::Set(proof.at.millis()),
        answer_mac: ActiveValue::Set(proof.answer.0.to_vec()),
        for_recovery: ActiveValue::Set(proof.grant),
        spent_ms: ActiveValue::Set(None),
    })
    .on_conflict(
        OnConflict::columns([Column::Environment, Column::User, Column::RequestId]).do_nothing().to_owned(),
    )
    .exec_without_returning(database)
    .await
    .map_err(unavailable)?;
    Ok(inserted == 1)
}

/// Uses up one proof that was made in this session for the recovery codes: of those that are fresh enough the oldest. A
/// proof goes with its device, so that none is by a factor that was removed.
pub(super) async fn spend_grant(
    database: &impl ConnectionTrait,
    owner: Owner,
    session: &SessionId,
    now: Timestamp,
    max_age: Duration,
) -> Result<bool> {
    let good = || {
        of(owner)
            .add(Column::Session.eq(session.as_str()))
            .add(Column::ForRecovery.eq(true))
            .add(Column::SpentMs.is_null())
            .add(Column::AtMs.gte(now.minus(max_age).millis()))
    };
    loop {
        let found = Entity::find()
            .filter(good())
            .order_by(Column::AtMs, Order::Asc)
            .one(database)
            .await
            .map_err(unavailable)?;
        let Some(proof) = found else { return Ok(false) };
        let spent = Entity::update_many()
            .col_expr(Column::SpentMs, Expr::value(now.millis()))
            .filter(good())
            .filter(Column::RequestId.eq(proof.request_id))
            .exec(database)
            .await
            .map_err(unavailable)?;
        // Whoever lost it to somebody else looks for another one; each round there is one less.
        if spent.rows_affected == 1 {
            return Ok(true);
        }
    }
}

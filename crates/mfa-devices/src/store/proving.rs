//! Proofs on record: what a retry is answered with.

use kernel::{DeviceId, Result};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
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

/// Removes the proofs that a device gave: a retry must not hand out a proof by a device that is gone.
pub(super) async fn forget(transaction: &DatabaseTransaction, owner: Owner, device: DeviceId) -> Result<()> {
    Entity::delete_many()
        .filter(of(owner))
        .filter(Column::Device.eq(device.uuid()))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    Ok(())
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

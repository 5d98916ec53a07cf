//! A right code is used up.

use kernel::{FactorKind, Result};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter,
    TransactionTrait, UpdateMany,
};
use storage::sql::unavailable;

use super::entity::{devices, proofs};
use super::{owners, reading, throttling};
use crate::domain::proof::RETRY;
use crate::domain::{Owner, Proof};
use crate::ports::Acceptance;

pub(super) async fn accept(
    database: &DatabaseConnection,
    owner: Owner,
    acceptance: &Acceptance,
) -> Result<bool> {
    let transaction = database.begin().await.map_err(unavailable)?;
    if !use_up(&transaction, owner, acceptance).await? {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(false);
    }
    throttling::clear(&transaction, owner, FactorKind::Totp).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(true)
}

async fn use_up(transaction: &DatabaseTransaction, owner: Owner, acceptance: &Acceptance) -> Result<bool> {
    if !owners::hold(transaction, owner).await? {
        return Ok(false);
    }
    let used = if acceptance.activates {
        activate(transaction, owner, acceptance).await?
    } else {
        advance(transaction, owner, acceptance).await?
    };
    Ok(used && record(transaction, owner, &acceptance.proof).await?)
}

/// The device, if it accepted no code of this step or a later one yet; moved to this step.
fn moved_to_step(owner: Owner, acceptance: &Acceptance) -> Result<UpdateMany<devices::Entity>> {
    let step = acceptance.step.number()?;
    Ok(devices::Entity::update_many()
        .col_expr(devices::Column::LastStep, step.into())
        .col_expr(devices::Column::LastUseMs, acceptance.proof.at.millis().into())
        .filter(devices::Column::Id.eq(acceptance.proof.device.uuid()))
        .filter(devices::Column::Environment.eq(owner.environment.uuid()))
        .filter(devices::Column::User.eq(owner.user.uuid()))
        .filter(devices::Column::LastStep.lt(step)))
}

/// Uses up a step of a factor.
async fn advance(transaction: &DatabaseTransaction, owner: Owner, acceptance: &Acceptance) -> Result<bool> {
    let moved = moved_to_step(owner, acceptance)?
        .filter(devices::Column::VerifiedMs.is_not_null())
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    Ok(moved.rows_affected == 1)
}

/// Makes a pending device a factor, if it still may become one, and ends the user's other pending devices.
async fn activate(transaction: &DatabaseTransaction, owner: Owner, acceptance: &Acceptance) -> Result<bool> {
    let Proof { device, at, ref attempt, .. } = acceptance.proof;
    let holdings = reading::holdings(transaction, owner).await?;
    let has_factor = holdings.has_factor();
    let may = holdings
        .devices
        .iter()
        .any(|found| found.id == device && found.may_become_factor(&attempt.session, has_factor, at));
    if !may {
        return Ok(false);
    }
    let moved = moved_to_step(owner, acceptance)?
        .col_expr(devices::Column::VerifiedMs, at.millis().into())
        .col_expr(devices::Column::PendingSession, Expr::value(None::<String>))
        .col_expr(devices::Column::Entitlement, Expr::value(None::<String>))
        .filter(devices::Column::VerifiedMs.is_null())
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    if moved.rows_affected != 1 {
        return Ok(false);
    }
    devices::Entity::delete_many()
        .filter(devices::Column::Environment.eq(owner.environment.uuid()))
        .filter(devices::Column::User.eq(owner.user.uuid()))
        .filter(devices::Column::VerifiedMs.is_null())
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    owners::remember_factor(transaction, owner).await?;
    if !has_factor {
        owners::set_default(transaction, owner, Some(device)).await?;
    }
    Ok(true)
}

/// Leaves the proof under its request id; `false` when that has an answer. Answers nobody can ask for any more go.
async fn record(transaction: &DatabaseTransaction, owner: Owner, proof: &Proof) -> Result<bool> {
    proofs::Entity::delete_many()
        .filter(proofs::Column::Environment.eq(owner.environment.uuid()))
        .filter(proofs::Column::User.eq(owner.user.uuid()))
        .filter(proofs::Column::AtMs.lt(proof.at.minus(RETRY).millis()))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    let inserted = proofs::Entity::insert(proofs::ActiveModel {
        environment: ActiveValue::Set(owner.environment.uuid()),
        user: ActiveValue::Set(owner.user.uuid()),
        request_id: ActiveValue::Set(proof.attempt.request.uuid()),
        proof_id: ActiveValue::Set(proof.id.uuid()),
        device: ActiveValue::Set(proof.device.uuid()),
        session: ActiveValue::Set(proof.attempt.session.as_str().to_owned()),
        purpose: ActiveValue::Set(proof.attempt.purpose.to_vec()),
        at_ms: ActiveValue::Set(proof.at.millis()),
        code_mac: ActiveValue::Set(proof.code.0.to_vec()),
    })
    .on_conflict(
        OnConflict::columns([proofs::Column::Environment, proofs::Column::User, proofs::Column::RequestId])
            .do_nothing()
            .to_owned(),
    )
    .exec_without_returning(transaction)
    .await
    .map_err(unavailable)?;
    Ok(inserted == 1)
}

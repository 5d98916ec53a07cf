//! A right code is used up.

use kernel::{DeviceId, FactorKind, Result, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter, TransactionTrait,
};
use storage::sql::unavailable;

use super::entity::{devices, secrets};
use super::{outbox, owners, proving, reading, throttling};
use crate::domain::{FactorEvent, Happening, Holdings, Owner, Proof};
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
    Ok(used && proving::record(transaction, owner, &acceptance.proof).await?)
}

/// Moves the device to this step, if it accepted no code of this step or a later one yet. The device is the user's: whoever
/// calls has found it there, and the user's row is held.
async fn move_to_step(transaction: &DatabaseTransaction, acceptance: &Acceptance) -> Result<bool> {
    let step = acceptance.step.number()?;
    let moved = secrets::Entity::update_many()
        .col_expr(secrets::Column::LastStep, step.into())
        .filter(secrets::Column::Device.eq(acceptance.proof.device.uuid()))
        .filter(secrets::Column::LastStep.lt(step))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    Ok(moved.rows_affected == 1)
}

/// Uses up a step of a factor.
async fn advance(transaction: &DatabaseTransaction, owner: Owner, acceptance: &Acceptance) -> Result<bool> {
    let Proof { device, at, .. } = acceptance.proof;
    Ok(touch(transaction, owner, device, at).await? && move_to_step(transaction, acceptance).await?)
}

/// Writes down that a factor proved something; `false` when there is no such factor.
pub(super) async fn touch(
    transaction: &DatabaseTransaction,
    owner: Owner,
    device: DeviceId,
    at: Timestamp,
) -> Result<bool> {
    let touched = devices::Entity::update_many()
        .col_expr(devices::Column::LastUseMs, at.millis().into())
        .filter(reading::is(owner, device))
        .filter(devices::Column::VerifiedMs.is_not_null())
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    Ok(touched.rows_affected == 1)
}

/// Makes a pending device a factor, if it still may become one.
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
    // The device before its secret: in the order in which they are removed together.
    let born = devices::Entity::update_many()
        .col_expr(devices::Column::VerifiedMs, at.millis().into())
        .col_expr(devices::Column::LastUseMs, at.millis().into())
        .col_expr(devices::Column::PendingSession, Expr::value(None::<String>))
        .col_expr(devices::Column::Entitlement, Expr::value(None::<String>))
        .filter(reading::is(owner, device))
        .filter(devices::Column::VerifiedMs.is_null())
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    if born.rows_affected != 1 || !move_to_step(transaction, acceptance).await? {
        return Ok(false);
    }
    settle_birth(transaction, owner, &acceptance.proof, &holdings).await?;
    Ok(true)
}

/// Ends the user's pending devices and registrations under way. They were paid for by what the user had when they began.
pub(super) async fn end_what_began(transaction: &DatabaseTransaction, owner: Owner) -> Result<()> {
    devices::Entity::delete_many()
        .filter(reading::of(owner))
        .filter(devices::Column::VerifiedMs.is_null())
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    owners::next_generation(transaction, owner).await
}

/// What follows when a factor is born, whatever its kind: the user's pending devices and registrations end, that there was
/// a factor is remembered, where there was none it is the default, and the user is told. `before` is what the user had, and
/// `proof` how it was born.
pub(super) async fn settle_birth(
    transaction: &DatabaseTransaction,
    owner: Owner,
    proof: &Proof,
    before: &Holdings,
) -> Result<()> {
    end_what_began(transaction, owner).await?;
    owners::set_ever_verified(transaction, owner, true).await?;
    if !before.has_factor() {
        owners::set_default(transaction, owner, Some(proof.device)).await?;
    }
    let event = FactorEvent::of(Happening::FactorAdded, proof.kind, proof.device, proof.at);
    outbox::record(transaction, owner, event).await
}

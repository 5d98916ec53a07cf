//! What its owner changes about a device.

use kernel::{DeviceId, Result, SessionId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter, TransactionTrait,
};
use storage::Spending;
use storage::sql::unavailable;

use super::entity::devices::{Column, Entity};
use super::reading::is;
use super::{accepting, outbox, owners, proving, reading, recovery};
use crate::domain::{DisplayName, FactorEvent, Happening, Holdings, Owner};
use crate::ports::{Leaving, Removal};

pub(super) async fn rename(
    database: &DatabaseConnection,
    owner: Owner,
    device: DeviceId,
    name: &DisplayName,
    revision: i64,
    now: Timestamp,
) -> Result<bool> {
    let transaction = database.begin().await.map_err(unavailable)?;
    owners::hold(&transaction, owner).await?;
    let renamed = Entity::update_many()
        .col_expr(Column::DisplayName, Expr::value(name.as_str()))
        .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
        .filter(is(owner, device))
        .filter(Column::Revision.eq(revision))
        .exec(&transaction)
        .await
        .map_err(unavailable)?;
    if renamed.rows_affected != 1 {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(false);
    }
    let holdings = reading::holdings(&transaction, owner).await?;
    tell(&transaction, owner, &holdings, device, Happening::FactorRenamed, now).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(true)
}

/// Tells the owner what happened to a factor. What is pending is none.
async fn tell(
    transaction: &DatabaseTransaction,
    owner: Owner,
    holdings: &Holdings,
    device: DeviceId,
    what: Happening,
    now: Timestamp,
) -> Result<()> {
    match holdings.factors().into_iter().find(|found| found.id == device) {
        Some(found) => {
            let event = FactorEvent::of(what, found.factor(), device, now);
            outbox::record(transaction, owner, event).await
        }
        None => Ok(()),
    }
}

pub(super) async fn set_default(
    database: &DatabaseConnection,
    owner: Owner,
    device: DeviceId,
    now: Timestamp,
) -> Result<bool> {
    let transaction = database.begin().await.map_err(unavailable)?;
    let held = owners::hold(&transaction, owner).await?;
    let holdings = reading::holdings(&transaction, owner).await?;
    if !held || !holdings.factors().iter().any(|found| found.id == device) {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(false);
    }
    if holdings.default != Some(device) {
        owners::set_default(&transaction, owner, Some(device)).await?;
        tell(&transaction, owner, &holdings, device, Happening::DefaultChanged, now).await?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(true)
}

pub(super) async fn discard(
    database: &DatabaseConnection,
    owner: Owner,
    device: DeviceId,
    session: &SessionId,
) -> Result<bool> {
    let transaction = database.begin().await.map_err(unavailable)?;
    owners::hold(&transaction, owner).await?;
    let deleted = Entity::delete_many()
        .filter(is(owner, device))
        .filter(Column::VerifiedMs.is_null())
        .filter(Column::PendingSession.eq(session.as_str()))
        .exec(&transaction)
        .await
        .map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(deleted.rows_affected == 1)
}

pub(super) async fn remove(
    database: &DatabaseConnection,
    owner: Owner,
    leaving: &Leaving,
) -> Result<Removal> {
    let transaction = database.begin().await.map_err(unavailable)?;
    let removal = take_away(&transaction, owner, leaving).await?;
    if removal == Removal::Removed {
        Spending::finish_in(&transaction, &leaving.payment).await?;
        transaction.commit().await.map_err(unavailable)?;
    } else {
        transaction.rollback().await.map_err(unavailable)?;
    }
    Ok(removal)
}

async fn take_away(transaction: &DatabaseTransaction, owner: Owner, leaving: &Leaving) -> Result<Removal> {
    let Leaving { device, keep_last, generation, at, .. } = *leaving;
    if !owners::hold(transaction, owner).await? {
        return Ok(Removal::Unknown);
    }
    let holdings = reading::holdings(transaction, owner).await?;
    let factors = holdings.factors();
    if !factors.iter().any(|found| found.id == device) {
        return Ok(Removal::Unknown);
    }
    if keep_last && factors.len() == 1 {
        return Ok(Removal::LastOne);
    }
    if holdings.generation != generation {
        return Ok(Removal::Over);
    }
    Entity::delete_many().filter(is(owner, device)).exec(transaction).await.map_err(unavailable)?;
    proving::forget(transaction, owner, device).await?;
    // What the factor paid for and is not done yet must not outlive it.
    accepting::end_what_began(transaction, owner).await?;
    if factors.len() == 1 {
        recovery::forget(transaction, owner).await?;
    }
    tell(transaction, owner, &holdings, device, Happening::FactorRemoved, at).await?;
    if holdings.default == Some(device) {
        let oldest = factors.iter().map(|found| found.id).find(|id| *id != device);
        owners::set_default(transaction, owner, oldest).await?;
        if let Some(oldest) = oldest {
            tell(transaction, owner, &holdings, oldest, Happening::DefaultChanged, at).await?;
        }
    }
    Ok(Removal::Removed)
}

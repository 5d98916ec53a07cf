//! Users as a whole: seen for the first time, and taken everything from.

use kernel::{FactorKind, Result, SessionId, Timestamp};
use sea_orm::{DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter, TransactionTrait};
use storage::sql::unavailable;

use super::entity::{devices, proofs};
use super::{outbox, owners, proving, reading, recovery, throttling};
use crate::domain::{FactorEvent, Happening, Owner, Throttle};
use crate::ports::Taken;

/// Remembers the session if the user was never seen before. Says whether it is the first one.
pub(super) async fn see(database: &DatabaseConnection, owner: Owner, session: &SessionId) -> Result<bool> {
    let known = match owners::read(database, owner).await? {
        Some(row) => Some(row),
        None => {
            owners::ensure(database, owner, session).await?;
            owners::read(database, owner).await?
        }
    };
    Ok(known.is_some_and(|row| row.first_session == session.as_str()))
}

pub(super) async fn reset(
    database: &DatabaseConnection,
    owner: Owner,
    forget_ever_verified: bool,
    now: Timestamp,
) -> Result<Taken> {
    let transaction = database.begin().await.map_err(unavailable)?;
    // Who has no row has nothing. Whoever registers something meanwhile waits for the row, or comes after.
    if !owners::hold(&transaction, owner).await? {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(Taken::default());
    }
    let before = owners::read(&transaction, owner).await?;
    let taken = Taken {
        codes: recovery::forget(&transaction, owner).await?,
        devices: forget_devices(&transaction, owner).await?,
    };
    owners::set_default(&transaction, owner, None).await?;
    owners::next_generation(&transaction, owner).await?;
    let forgotten = forget_ever_verified && before.is_some_and(|row| row.ever_verified);
    if forgotten {
        owners::set_ever_verified(&transaction, owner, false).await?;
    }
    // Once more is not another event.
    if forgotten || taken != Taken::default() {
        outbox::record(&transaction, owner, FactorEvent::of_user(Happening::UserReset, now)).await?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(taken)
}

/// Removes all devices of a user and all that they proved; the evidence of it stays.
async fn forget_devices(transaction: &DatabaseTransaction, owner: Owner) -> Result<u64> {
    proofs::Entity::delete_many().filter(proving::of(owner)).exec(transaction).await.map_err(unavailable)?;
    let deleted = devices::Entity::delete_many()
        .filter(reading::of(owner))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    Ok(deleted.rows_affected)
}

pub(super) async fn clear_throttle(
    database: &DatabaseConnection,
    owner: Owner,
    kind: FactorKind,
    now: Timestamp,
) -> Result<Throttle> {
    let transaction = database.begin().await.map_err(unavailable)?;
    let event = FactorEvent::of_user(Happening::ThrottleCleared, now).with_kind(kind);
    outbox::record(&transaction, owner, event).await?;
    let throttle = throttling::forget(&transaction, owner, kind, now).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(throttle)
}

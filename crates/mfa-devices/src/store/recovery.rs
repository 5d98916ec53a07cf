//! Recovery codes in SQL: a set is replaced, and each code used up, once, in a transaction that holds its owner's row.

pub(super) mod entity;
mod grants;
mod making;
mod showing;
#[cfg(test)]
mod tests;
mod using;

use kernel::{DeviceId, Result, Timestamp};
use sea_orm::prelude::Uuid;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, PaginatorTrait,
    QueryFilter,
};
use storage::sql::{corrupt, unavailable};

use self::entity::{codes, copies, sets};
use super::proving;
use crate::domain::recovery_set::{SHOWN_FOR, is_over};
use crate::domain::{CodeHash, Owner, RecoverySet, Restored};
use crate::ports::Candidates;

pub(super) use making::make;
pub(super) use showing::{acknowledge, show};
pub(super) use using::use_up;

/// Where the sealed codes belong.
pub(super) const COPY_COLUMN: &str = "recovery_code_copies.codes";

/// A user's set. Takes as much work for who has none.
pub(super) async fn read(
    database: &impl ConnectionTrait,
    owner: Owner,
    restored: Option<Restored>,
) -> Result<Option<RecoverySet>> {
    let row = find(database, owner).await?;
    let left = left(database, row.as_ref().map(|row| row.id).unwrap_or_default()).await?;
    row.map(|row| {
        let forgotten = is_forgotten(&row, restored);
        let left = if forgotten { 0 } else { left };
        Ok(RecoverySet {
            id: DeviceId::from_uuid(row.id),
            created: Timestamp::from_millis(row.created_ms),
            session: row.session.parse().map_err(|_| corrupt("session id"))?,
            last_use: row.last_use_ms.map(Timestamp::from_millis),
            // What could be acknowledged after the backup is not shown again.
            acknowledged: row.acknowledged || forgotten,
            remaining: u32::try_from(left).map_err(|_| corrupt("number of codes"))?,
        })
    })
    .transpose()
}

/// The same; what the codes could be shown from goes when that time is over.
pub(super) async fn touch(
    database: &DatabaseConnection,
    owner: Owner,
    restored: Option<Restored>,
    now: Timestamp,
) -> Result<Option<RecoverySet>> {
    let set = read(database, owner, restored).await?;
    if let Some(set) = set.as_ref().filter(|set| is_over(set.created, now)) {
        let copy = copies::Entity::find_by_id(set.id.uuid()).one(database).await.map_err(unavailable)?;
        if copy.is_some() {
            copies::Entity::delete_by_id(set.id.uuid()).exec(database).await.map_err(unavailable)?;
        }
    }
    Ok(set)
}

/// Erases what codes of whichever user could be shown from, where that time is over. A clock that jumps hides codes that
/// can be made anew, and shows none.
async fn erase_overdue(database: &DatabaseConnection, now: Timestamp) -> Result<()> {
    copies::Entity::delete_many()
        .filter(copies::Column::CreatedMs.lt(now.minus(SHOWN_FOR).millis()))
        .exec(database)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// The codes that are not used. Takes as much work for who has no set.
pub(super) async fn unused(
    database: &DatabaseConnection,
    owner: Owner,
    restored: Option<Restored>,
) -> Result<Option<Candidates>> {
    let row = find(database, owner).await?.filter(|row| !is_forgotten(row, restored));
    let rows = codes::Entity::find()
        .filter(codes::Column::Set.eq(row.as_ref().map(|row| row.id).unwrap_or_default()))
        .filter(codes::Column::UsedMs.is_null())
        .all(database)
        .await
        .map_err(unavailable)?;
    let Some(row) = row else { return Ok(None) };
    let codes = rows.into_iter().map(|code| {
        let hash = code.hash.try_into().map(CodeHash).map_err(|_| corrupt("recovery code"))?;
        Ok((code.place, hash))
    });
    Ok(Some(Candidates { set: DeviceId::from_uuid(row.id), codes: codes.collect::<Result<_>>()? }))
}

/// Takes its recovery codes from a user, and the proofs that they gave; says how many were not used. The transaction holds
/// the owner's row.
pub(super) async fn forget(transaction: &DatabaseTransaction, owner: Owner) -> Result<u64> {
    let Some(row) = find(transaction, owner).await? else { return Ok(0) };
    let left = left(transaction, row.id).await?;
    copies::Entity::delete_by_id(row.id).exec(transaction).await.map_err(unavailable)?;
    codes::Entity::delete_many()
        .filter(codes::Column::Set.eq(row.id))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    proving::forget(transaction, owner, DeviceId::from_uuid(row.id)).await?;
    sets::Entity::delete_by_id(row.id).exec(transaction).await.map_err(unavailable)?;
    Ok(left)
}

/// How many codes of a set are not used.
async fn left(database: &impl ConnectionTrait, set: Uuid) -> Result<u64> {
    codes::Entity::find()
        .filter(codes::Column::Set.eq(set))
        .filter(codes::Column::UsedMs.is_null())
        .count(database)
        .await
        .map_err(unavailable)
}

/// Whether codes of the set may have been used after the backup: which of them, nobody knows.
fn is_forgotten(row: &sets::Model, restored: Option<Restored>) -> bool {
    restored.is_some_and(|restored| restored.may_have_seen(Timestamp::from_millis(row.created_ms)))
}

async fn find(database: &impl ConnectionTrait, owner: Owner) -> Result<Option<sets::Model>> {
    sets::Entity::find()
        .filter(sets::Column::Environment.eq(owner.environment.uuid()))
        .filter(sets::Column::User.eq(owner.user.uuid()))
        .one(database)
        .await
        .map_err(unavailable)
}

//! Codes are made, in place of those there were.

use kernel::{FactorKind, Result};
use sea_orm::{ActiveValue, DatabaseConnection, DatabaseTransaction, EntityTrait, TransactionTrait};
use storage::Sealer;
use storage::sealing::Context;
use storage::sql::unavailable;

use super::entity::{codes, copies, sets};
use super::{COPY_COLUMN, erase_overdue, forget, grants};
use crate::domain::recovery_code::COUNT;
use crate::domain::{FactorEvent, Happening, Owner, RecoverySet, Restored};
use crate::ports::{Made, Making};
use crate::store::{outbox, owners, reading};

pub(in crate::store) async fn make(
    database: &DatabaseConnection,
    sealer: &Sealer,
    owner: Owner,
    making: &Making,
    restored: Option<Restored>,
) -> Result<Made> {
    erase_overdue(database, making.at).await?;
    let id = making.id.uuid();
    let context = Context { column: COPY_COLUMN, row: id.as_bytes() };
    let sealed = sealer.seal(context, &making.codes.octets())?;
    let transaction = database.begin().await.map_err(unavailable)?;
    if !pay(&transaction, owner, making, restored).await? {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(Made::Unpaid);
    }
    forget(&transaction, owner).await?;
    insert(&transaction, owner, making, sealed).await?;
    let event = FactorEvent::of(Happening::RecoveryCodesMade, FactorKind::RecoveryCode, making.id, making.at);
    outbox::record(&transaction, owner, event).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(Made::Made(RecoverySet {
        id: making.id,
        created: making.at,
        session: making.session.clone(),
        last_use: None,
        acknowledged: false,
        remaining: u32::try_from(COUNT).unwrap_or(u32::MAX),
    }))
}

/// Whether there is a factor beside the codes, and a proof that pays, which is used up.
async fn pay(
    transaction: &DatabaseTransaction,
    owner: Owner,
    making: &Making,
    restored: Option<Restored>,
) -> Result<bool> {
    if !owners::hold(transaction, owner).await? || !reading::holdings(transaction, owner).await?.has_factor()
    {
        return Ok(false);
    }
    grants::spend(transaction, owner, &making.session, making.payment, restored, making.at).await
}

async fn insert(
    transaction: &DatabaseTransaction,
    owner: Owner,
    making: &Making,
    sealed: Vec<u8>,
) -> Result<()> {
    let id = making.id.uuid();
    sets::Entity::insert(sets::ActiveModel {
        id: ActiveValue::Set(id),
        environment: ActiveValue::Set(owner.environment.uuid()),
        user: ActiveValue::Set(owner.user.uuid()),
        session: ActiveValue::Set(making.session.as_str().to_owned()),
        created_ms: ActiveValue::Set(making.at.millis()),
        last_use_ms: ActiveValue::Set(None),
        acknowledged: ActiveValue::Set(false),
    })
    .exec_without_returning(transaction)
    .await
    .map_err(unavailable)?;
    let rows = (0..).zip(making.codes.hashes(making.id)).map(|(place, hash)| codes::ActiveModel {
        set: ActiveValue::Set(id),
        place: ActiveValue::Set(place),
        hash: ActiveValue::Set(hash.0.to_vec()),
        used_ms: ActiveValue::Set(None),
    });
    codes::Entity::insert_many(rows).exec_without_returning(transaction).await.map_err(unavailable)?;
    copies::Entity::insert(copies::ActiveModel {
        set: ActiveValue::Set(id),
        created_ms: ActiveValue::Set(making.at.millis()),
        codes: ActiveValue::Set(sealed),
    })
    .exec_without_returning(transaction)
    .await
    .map_err(unavailable)?;
    Ok(())
}

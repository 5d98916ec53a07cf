//! A right code is used up.

use kernel::{FactorKind, Result};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter, TransactionTrait,
};
use storage::sql::{corrupt, unavailable};

use super::entity::{codes, sets};
use super::left;
use crate::domain::{FactorEvent, Happening, Owner};
use crate::ports::CodeUse;
use crate::store::{outbox, owners, proving, throttling};

pub(in crate::store) async fn use_up(
    database: &DatabaseConnection,
    owner: Owner,
    code: &CodeUse,
) -> Result<Option<u32>> {
    let transaction = database.begin().await.map_err(unavailable)?;
    let Some(left) = take(&transaction, owner, code).await? else {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(None);
    };
    let event = FactorEvent::of(
        Happening::RecoveryCodeUsed,
        FactorKind::RecoveryCode,
        code.proof.device,
        code.proof.at,
    );
    outbox::record(&transaction, owner, event.with_remaining(left)).await?;
    throttling::clear(&transaction, owner, FactorKind::RecoveryCode).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(Some(left))
}

async fn take(transaction: &DatabaseTransaction, owner: Owner, code: &CodeUse) -> Result<Option<u32>> {
    if !owners::hold(transaction, owner).await? {
        return Ok(None);
    }
    let (set, at) = (code.proof.device.uuid(), code.proof.at.millis());
    let own = sets::Entity::update_many()
        .col_expr(sets::Column::LastUseMs, Expr::value(at))
        .filter(sets::Column::Id.eq(set))
        .filter(sets::Column::Environment.eq(owner.environment.uuid()))
        .filter(sets::Column::User.eq(owner.user.uuid()))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    let used = codes::Entity::update_many()
        .col_expr(codes::Column::UsedMs, Expr::value(at))
        .filter(codes::Column::Set.eq(set))
        .filter(codes::Column::Place.eq(code.place))
        .filter(codes::Column::UsedMs.is_null())
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    if (own.rows_affected, used.rows_affected) != (1, 1)
        || !proving::record(transaction, owner, &code.proof).await?
    {
        return Ok(None);
    }
    u32::try_from(left(transaction, set).await?).map(Some).map_err(|_| corrupt("number of codes"))
}

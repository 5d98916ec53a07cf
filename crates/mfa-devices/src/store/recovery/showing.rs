//! Codes are shown again, until what they can be shown from is erased.

use kernel::{FactorKind, Result};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, TransactionTrait};
use storage::Sealer;
use storage::sealing::Context;
use storage::sql::{corrupt, unavailable};

use super::entity::{copies, sets};
use super::{COPY_COLUMN, grants, read};
use crate::domain::{FactorEvent, Happening, Owner, RecoveryCodes, RecoverySet, Restored};
use crate::ports::{Showing, ShownAgain};
use crate::store::{outbox, owners};

pub(in crate::store) async fn show(
    database: &DatabaseConnection,
    sealer: &Sealer,
    owner: Owner,
    showing: &Showing,
    restored: Option<Restored>,
) -> Result<ShownAgain> {
    let transaction = database.begin().await.map_err(unavailable)?;
    let held = owners::hold(&transaction, owner).await?;
    let set = read(&transaction, owner, restored).await?.filter(|_| held);
    let set = set.filter(|set| set.may_be_shown(&showing.session, showing.at));
    let copy = match &set {
        Some(set) => {
            copies::Entity::find_by_id(set.id.uuid()).one(&transaction).await.map_err(unavailable)?
        }
        None => None,
    };
    let Some((set, copy)) = set.zip(copy) else {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(ShownAgain::Hidden);
    };
    let octets = sealer.open(Context { column: COPY_COLUMN, row: copy.set.as_bytes() }, &copy.codes)?;
    let codes = RecoveryCodes::from_octets(&octets).ok_or_else(|| corrupt("recovery codes"))?;
    if !grants::spend(&transaction, owner, &showing.session, showing.payment, restored, showing.at).await? {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(ShownAgain::Unpaid);
    }
    let event = FactorEvent::of(Happening::RecoveryCodesShown, FactorKind::RecoveryCode, set.id, showing.at);
    outbox::record(&transaction, owner, event).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(ShownAgain::Codes(set, codes))
}

pub(in crate::store) async fn acknowledge(
    database: &DatabaseConnection,
    owner: Owner,
    restored: Option<Restored>,
) -> Result<Option<RecoverySet>> {
    let transaction = database.begin().await.map_err(unavailable)?;
    let held = owners::hold(&transaction, owner).await?;
    let Some(set) = read(&transaction, owner, restored).await?.filter(|_| held) else {
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(None);
    };
    sets::Entity::update_many()
        .col_expr(sets::Column::Acknowledged, Expr::value(true))
        .filter(sets::Column::Id.eq(set.id.uuid()))
        .exec(&transaction)
        .await
        .map_err(unavailable)?;
    copies::Entity::delete_by_id(set.id.uuid()).exec(&transaction).await.map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(Some(RecoverySet { acknowledged: true, ..set }))
}

//! The row that makes the changes of one user queue up.

use kernel::{DeviceId, Result, SessionId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
};
use storage::sql::unavailable;

use super::entity::owners::{ActiveModel, Column, Entity, Model};
use crate::domain::Owner;

fn is(owner: Owner) -> Condition {
    Condition::all()
        .add(Column::Environment.eq(owner.environment.uuid()))
        .add(Column::User.eq(owner.user.uuid()))
}

/// The row of a user, if there is one.
pub(super) async fn read(database: &impl ConnectionTrait, owner: Owner) -> Result<Option<Model>> {
    Entity::find_by_id((owner.environment.uuid(), owner.user.uuid())).one(database).await.map_err(unavailable)
}

/// Makes the row of a user who has none, and remembers in it the session in which the user was first seen.
pub(super) async fn ensure(database: &impl ConnectionTrait, owner: Owner, session: &SessionId) -> Result<()> {
    Entity::insert(ActiveModel {
        environment: ActiveValue::Set(owner.environment.uuid()),
        user: ActiveValue::Set(owner.user.uuid()),
        ever_verified: ActiveValue::Set(false),
        default_device: ActiveValue::Set(None),
        generation: ActiveValue::Set(0),
        first_session: ActiveValue::Set(session.as_str().to_owned()),
        revision: ActiveValue::Set(0),
    })
    .on_conflict(OnConflict::columns([Column::Environment, Column::User]).do_nothing().to_owned())
    .exec_without_returning(database)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// Changes a column of the row; `false` for who has none.
async fn change(transaction: &DatabaseTransaction, owner: Owner, column: Column, to: Expr) -> Result<bool> {
    let changed = Entity::update_many()
        .col_expr(column, to)
        .filter(is(owner))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    Ok(changed.rows_affected == 1)
}

/// Holds the row until the transaction ends: by writing to it, which on every database makes others wait. `false` for
/// who has no row, and so no devices either: of what is registered meanwhile, the caller must look at nothing.
pub(super) async fn hold(transaction: &DatabaseTransaction, owner: Owner) -> Result<bool> {
    change(transaction, owner, Column::Revision, Expr::col(Column::Revision).add(1)).await
}

/// Ends the registrations of passkeys that are under way.
pub(super) async fn next_generation(transaction: &DatabaseTransaction, owner: Owner) -> Result<()> {
    change(transaction, owner, Column::Generation, Expr::col(Column::Generation).add(1)).await.map(drop)
}

/// Remembers that the user had a factor, or forgets it.
pub(super) async fn set_ever_verified(
    transaction: &DatabaseTransaction,
    owner: Owner,
    ever: bool,
) -> Result<()> {
    change(transaction, owner, Column::EverVerified, Expr::value(ever)).await.map(drop)
}

/// Says which device to offer first.
pub(super) async fn set_default(
    transaction: &DatabaseTransaction,
    owner: Owner,
    device: Option<DeviceId>,
) -> Result<()> {
    let device = Expr::value(device.map(DeviceId::uuid));
    change(transaction, owner, Column::DefaultDevice, device).await.map(drop)
}

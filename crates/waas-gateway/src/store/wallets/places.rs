//! The table `wallet_owners`: how many wallets each user has. Counted in a row of its own, because rows that two
//! transactions are about to insert cannot be counted by either.

use kernel::{EnvironmentId, Result, UserId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue, DatabaseConnection, DatabaseTransaction, EntityTrait};
use storage::sql::{corrupt, unavailable};

use crate::domain::wallet::WalletPath;

use self::entity::{ActiveModel, Column, Entity};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "wallet_owners")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) environment: Uuid,
        #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
        pub(super) user: Uuid,
        pub(super) wallets: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How many places of the user are taken.
pub(super) async fn taken(
    database: &DatabaseConnection,
    environment: EnvironmentId,
    user: UserId,
) -> Result<u64> {
    let row =
        Entity::find_by_id((environment.uuid(), user.uuid())).one(database).await.map_err(unavailable)?;
    row.map_or(Ok(0), |row| row.wallets.try_into().map_err(|_| corrupt("number of wallets")))
}

/// Takes a place for one more wallet of the user, in one statement; `false` when all `most` are taken.
pub(super) async fn take(transaction: &DatabaseTransaction, path: WalletPath, most: u32) -> Result<bool> {
    let wallets = || Expr::col((Entity, Column::Wallets));
    let taken = Entity::insert(ActiveModel {
        environment: ActiveValue::Set(path.environment.uuid()),
        user: ActiveValue::Set(path.user.uuid()),
        wallets: ActiveValue::Set(1),
    })
    .on_conflict(
        OnConflict::columns([Column::Environment, Column::User])
            .value(Column::Wallets, wallets().add(1))
            .action_and_where(wallets().lt(i64::from(most)))
            .to_owned(),
    )
    .exec_without_returning(transaction)
    .await
    .map_err(unavailable)?;
    Ok(taken == 1)
}

//! The table `wallets`.

use async_trait::async_trait;
use kernel::{EnvironmentId, Error, Result, Timestamp, UserId, WalletId};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    TransactionTrait,
};
use storage::sql::{corrupt, unavailable};

use crate::domain::attested::AttestedKey;
use crate::domain::wallet::{Wallet, WalletPath, WalletState};
use crate::ports::{WalletPage, WalletStore};

use self::entity::{ActiveModel, Column, Entity, Model};

mod places;

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "wallets")]
    pub(super) struct Model {
        /// The order of creation.
        #[sea_orm(primary_key)]
        pub(super) sequence: i64,
        pub(super) environment: Uuid,
        #[sea_orm(column_name = "user_id")]
        pub(super) user: Uuid,
        #[sea_orm(column_name = "wallet_id")]
        pub(super) wallet: Uuid,
        pub(super) key_type: String,
        pub(super) threshold: i32,
        pub(super) nodes: i32,
        pub(super) created_ms: i64,
        pub(super) state: String,
        /// What all nodes signed about the key.
        pub(super) statement: Option<Vec<u8>>,
        /// Their signatures over it.
        pub(super) signatures: Option<Vec<u8>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const CREATING: &str = "creating";
const ATTESTED: &str = "attested";
const ACTIVE: &str = "active";

/// The wallets in the service's own database.
#[derive(Clone, Debug)]
pub(crate) struct SqlWallets {
    database: DatabaseConnection,
}

impl SqlWallets {
    /// On a database with this service's migrations.
    pub(crate) const fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }
}

fn of_user(environment: EnvironmentId, user: UserId) -> Select<Entity> {
    Entity::find().filter(Column::Environment.eq(environment.uuid())).filter(Column::User.eq(user.uuid()))
}

/// The columns of a state: its name, statement and signatures.
fn columns(state: &WalletState) -> (&'static str, Option<Vec<u8>>, Option<Vec<u8>>) {
    let (name, key) = match state {
        WalletState::Creating => return (CREATING, None, None),
        WalletState::Attested(key) => (ATTESTED, key),
        WalletState::Active(key) => (ACTIVE, key),
    };
    let (statement, signatures) = key.to_columns();
    (name, Some(statement), Some(signatures))
}

fn parse(model: Model) -> Result<Wallet> {
    let key = match (model.statement, model.signatures) {
        (Some(statement), Some(signatures)) => Some(
            AttestedKey::from_columns(&statement, &signatures)
                .map_err(|_| corrupt("wallet's attestation"))?,
        ),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(corrupt("wallet's attestation")),
    };
    let state = match (model.state.as_str(), key) {
        (CREATING, None) => WalletState::Creating,
        (ATTESTED, Some(key)) => WalletState::Attested(key),
        (ACTIVE, Some(key)) => WalletState::Active(key),
        _ => return Err(corrupt("wallet's state")),
    };
    Ok(Wallet {
        path: WalletPath {
            environment: EnvironmentId::from_uuid(model.environment),
            user: UserId::from_uuid(model.user),
            wallet: WalletId::from_uuid(model.wallet),
        },
        key_type: model.key_type.parse().map_err(|_| corrupt("kind of key"))?,
        threshold: model.threshold.try_into().map_err(|_| corrupt("threshold"))?,
        nodes: model.nodes.try_into().map_err(|_| corrupt("number of nodes"))?,
        created: Timestamp::from_millis(model.created_ms),
        state,
    })
}

#[async_trait]
impl WalletStore for SqlWallets {
    async fn begin(&self, wallet: &Wallet, most: u32) -> Result<bool> {
        let (state, statement, signatures) = columns(&wallet.state);
        let transaction = self.database.begin().await.map_err(unavailable)?;
        let inserted = Entity::insert(ActiveModel {
            sequence: ActiveValue::NotSet,
            environment: ActiveValue::Set(wallet.path.environment.uuid()),
            user: ActiveValue::Set(wallet.path.user.uuid()),
            wallet: ActiveValue::Set(wallet.path.wallet.uuid()),
            key_type: ActiveValue::Set(wallet.key_type.as_str().to_owned()),
            threshold: ActiveValue::Set(wallet.threshold.into()),
            nodes: ActiveValue::Set(wallet.nodes.into()),
            created_ms: ActiveValue::Set(wallet.created.millis()),
            state: ActiveValue::Set(state.to_owned()),
            statement: ActiveValue::Set(statement),
            signatures: ActiveValue::Set(signatures),
        })
        .on_conflict(
            OnConflict::columns([Column::Environment, Column::User, Column::Wallet]).do_nothing().to_owned(),
        )
        .exec_without_returning(&transaction)
        .await
        .map_err(unavailable)?;
        // The wallet first and its place second, in this order everywhere: no two of them wait for each other.
        let kept = inserted == 0 || places::take(&transaction, wallet.path, most).await?;
        if inserted == 1 && kept {
            transaction.commit().await.map_err(unavailable)?;
        } else {
            transaction.rollback().await.map_err(unavailable)?;
        }
        Ok(kept)
    }

    async fn advance(&self, wallet: &Wallet) -> Result<()> {
        let (state, statement, signatures) = columns(&wallet.state);
        let updated = Entity::update_many()
            .col_expr(Column::State, Expr::value(state))
            .col_expr(Column::Statement, Expr::value(statement))
            .col_expr(Column::Signatures, Expr::value(signatures))
            .filter(Column::Environment.eq(wallet.path.environment.uuid()))
            .filter(Column::User.eq(wallet.path.user.uuid()))
            .filter(Column::Wallet.eq(wallet.path.wallet.uuid()))
            .filter(Column::State.ne(ACTIVE))
            .exec(&self.database)
            .await
            .map_err(unavailable)?;
        if updated.rows_affected == 1 {
            return Ok(());
        }
        let found = self.find(wallet.path).await?;
        let found = found.ok_or_else(|| Error::internal("the wallet was never begun"))?;
        match &wallet.state {
            WalletState::Attested(key) | WalletState::Active(key) if found.key() == Some(key) => Ok(()),
            _ => Err(Error::internal("the wallet has another key in use")),
        }
    }

    async fn find(&self, path: WalletPath) -> Result<Option<Wallet>> {
        of_user(path.environment, path.user)
            .filter(Column::Wallet.eq(path.wallet.uuid()))
            .one(&self.database)
            .await
            .map_err(unavailable)?
            .map(parse)
            .transpose()
    }

    async fn held(&self, environment: EnvironmentId, user: UserId) -> Result<u64> {
        places::taken(&self.database, environment, user).await
    }

    async fn list(
        &self,
        environment: EnvironmentId,
        user: UserId,
        from: Option<i64>,
        limit: u64,
    ) -> Result<WalletPage> {
        let mut query =
            of_user(environment, user).order_by_asc(Column::Sequence).limit(limit.saturating_add(1));
        if let Some(from) = from {
            query = query.filter(Column::Sequence.gte(from));
        }
        let mut rows = query.all(&self.database).await.map_err(unavailable)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let next = rows.get(limit).map(|row| row.sequence);
        rows.truncate(limit);
        Ok(WalletPage { wallets: rows.into_iter().map(parse).collect::<Result<_>>()?, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::Migrator;
    use crate::store::contract;
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_backend_keeps_the_contract() {
        testkit::on_each::<Migrator>(async |pools| {
            contract::wallets(pools.map(|pool| Arc::new(SqlWallets::new(pool)))).await;
        })
        .await;
    }
}

//! Shares in SQL, sealed at rest.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use kernel::{
    AttemptId, EnvironmentId, Error, OperationId, Reason, Result, SecretBytes, Timestamp, UserId, WalletId,
};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    TransactionTrait,
};
use storage::Sealer;
use storage::sealing::Context;
use storage::sql::{corrupt, unavailable};

use super::entity::{key_shares, wallets};
use crate::domain::Attestation;
use crate::ports::{NewShare, Shares, StoredShare};

/// How many pending shares of a wallet are kept. More than one, so that two attempts that cross each other do not take
/// away the share that the other was about to activate.
const PENDING: usize = 4;

/// The node's shares in its own database.
pub(crate) struct SqlShares {
    database: DatabaseConnection,
    sealer: Arc<Sealer>,
}

impl SqlShares {
    /// On a migrated database.
    pub(crate) const fn new(database: DatabaseConnection, sealer: Arc<Sealer>) -> Self {
        Self { database, sealer }
    }
}

impl fmt::Debug for SqlShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlShares").finish_non_exhaustive()
    }
}

/// Where a sealed share belongs.
pub(super) const SECRET_COLUMN: &str = "key_shares.secret";

/// A sealed share opens only as the share of its own wallet and attempt.
fn row(wallet: WalletId, attempt: AttemptId) -> [u8; 32] {
    let mut row = [0; 32];
    row[..16].copy_from_slice(wallet.uuid().as_bytes());
    row[16..].copy_from_slice(attempt.uuid().as_bytes());
    row
}

fn place(row: &[u8; 32]) -> Context<'_> {
    Context { column: SECRET_COLUMN, row }
}

#[async_trait]
impl Shares for SqlShares {
    async fn store_pending(&self, share: &NewShare, now: Timestamp) -> Result<()> {
        let statement = &share.statement;
        let sealed = self.sealer.seal(place(&row(statement.wallet, statement.attempt)), &share.secret)?;
        let transaction = self.database.begin().await.map_err(unavailable)?;
        claim_wallet(&transaction, share).await?;
        let inserted = key_shares::Entity::insert(key_shares::ActiveModel {
            wallet_id: ActiveValue::Set(statement.wallet.uuid()),
            attempt: ActiveValue::Set(statement.attempt.uuid()),
            node_id: ActiveValue::Set(share.attestation.node.to_string()),
            statement: ActiveValue::Set(share.attestation.statement.clone()),
            signature: ActiveValue::Set(share.attestation.signature.to_vec()),
            secret: ActiveValue::Set(sealed),
            stored_ms: ActiveValue::Set(now.millis()),
        })
        .on_conflict(
            OnConflict::columns([key_shares::Column::WalletId, key_shares::Column::Attempt])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&transaction)
        .await
        .map_err(unavailable)?;
        if inserted != 1 {
            transaction.rollback().await.map_err(unavailable)?;
            return Err(Error::invalid("attempt_id", "was used before; make a fresh one for each attempt"));
        }
        erase_oldest(&transaction, statement.wallet, statement.attempt).await?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn shares(
        &self,
        environment: EnvironmentId,
        user: UserId,
        wallet: WalletId,
    ) -> Result<Vec<StoredShare>> {
        let found = wallets::Entity::find_by_id(wallet.uuid())
            .filter(wallets::Column::Environment.eq(environment.uuid()))
            .filter(wallets::Column::User.eq(user.uuid()))
            .one(&self.database)
            .await
            .map_err(unavailable)?;
        let Some(found) = found else { return Ok(Vec::new()) };
        let mut query = key_shares::Entity::find()
            .filter(key_shares::Column::WalletId.eq(wallet.uuid()))
            .order_by_asc(key_shares::Column::StoredMs)
            .order_by_asc(key_shares::Column::Attempt);
        if let Some(active) = found.active_attempt {
            query = query.filter(key_shares::Column::Attempt.eq(active));
        }
        let rows = query.all(&self.database).await.map_err(unavailable)?;
        rows.into_iter().map(|share| stored(&found, share)).collect()
    }

    async fn secret(&self, wallet: WalletId, attempt: AttemptId) -> Result<SecretBytes> {
        let share = key_shares::Entity::find_by_id((wallet.uuid(), attempt.uuid()))
            .one(&self.database)
            .await
            .map_err(unavailable)?
            .ok_or_else(|| Error::internal("a share that was listed is not there"))?;
        self.sealer.open(place(&row(wallet, attempt)), &share.secret)
    }

    async fn activate(&self, wallet: WalletId, attempt: AttemptId) -> Result<()> {
        let transaction = self.database.begin().await.map_err(unavailable)?;
        let moved = wallets::Entity::update_many()
            .col_expr(wallets::Column::ActiveAttempt, Expr::value(attempt.uuid()))
            .filter(wallets::Column::WalletId.eq(wallet.uuid()))
            .filter(wallets::Column::ActiveAttempt.is_null())
            .exec(&transaction)
            .await
            .map_err(unavailable)?;
        if moved.rows_affected == 0 {
            let found =
                wallets::Entity::find_by_id(wallet.uuid()).one(&transaction).await.map_err(unavailable)?;
            let same = found.is_some_and(|found| found.active_attempt == Some(attempt.uuid()));
            return if same { Ok(()) } else { Err(Error::not_found()) };
        }
        let present = key_shares::Entity::find_by_id((wallet.uuid(), attempt.uuid()))
            .one(&transaction)
            .await
            .map_err(unavailable)?;
        if present.is_none() {
            // The transaction is rolled back when it is dropped.
            return Err(Error::not_found());
        }
        key_shares::Entity::delete_many()
            .filter(key_shares::Column::WalletId.eq(wallet.uuid()))
            .filter(key_shares::Column::Attempt.ne(attempt.uuid()))
            .exec(&transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }
}

/// Makes the wallet's row or takes part in it, unless the wallet is active.
async fn claim_wallet(transaction: &DatabaseTransaction, share: &NewShare) -> Result<()> {
    let statement = &share.statement;
    wallets::Entity::insert(wallets::ActiveModel {
        wallet_id: ActiveValue::Set(statement.wallet.uuid()),
        environment: ActiveValue::Set(statement.environment.uuid()),
        user: ActiveValue::Set(statement.user.uuid()),
        operation_id: ActiveValue::Set(share.operation.uuid()),
        latest_attempt: ActiveValue::Set(statement.attempt.uuid()),
        active_attempt: ActiveValue::Set(None),
    })
    .on_conflict(OnConflict::column(wallets::Column::WalletId).do_nothing().to_owned())
    .exec_without_returning(transaction)
    .await
    .map_err(unavailable)?;
    let claimed = wallets::Entity::update_many()
        .col_expr(wallets::Column::LatestAttempt, Expr::value(statement.attempt.uuid()))
        .filter(wallets::Column::WalletId.eq(statement.wallet.uuid()))
        .filter(wallets::Column::Environment.eq(statement.environment.uuid()))
        .filter(wallets::Column::User.eq(statement.user.uuid()))
        .filter(wallets::Column::OperationId.eq(share.operation.uuid()))
        .filter(wallets::Column::ActiveAttempt.is_null())
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    if claimed.rows_affected == 1 {
        return Ok(());
    }
    Err(Error::new(
        Reason::ReceiptSpent,
        "the wallet is active, and nothing replaces its key; read it with GetWallet",
    ))
}

/// Erases all shares but the newest and the [`PENDING`] - 1 before it.
async fn erase_oldest(transaction: &DatabaseTransaction, wallet: WalletId, newest: AttemptId) -> Result<()> {
    let beyond = key_shares::Entity::find()
        .filter(key_shares::Column::WalletId.eq(wallet.uuid()))
        .filter(key_shares::Column::Attempt.ne(newest.uuid()))
        .order_by_desc(key_shares::Column::StoredMs)
        .order_by_desc(key_shares::Column::Attempt)
        .all(transaction)
        .await
        .map_err(unavailable)?;
    for share in beyond.into_iter().skip(PENDING - 1) {
        key_shares::Entity::delete_by_id((share.wallet_id, share.attempt))
            .exec(transaction)
            .await
            .map_err(unavailable)?;
    }
    Ok(())
}

fn stored(wallet: &wallets::Model, share: key_shares::Model) -> Result<StoredShare> {
    let signature = share.signature.try_into().map_err(|_| corrupt("signature"))?;
    let node = share.node_id.parse().map_err(|_| corrupt("node id"))?;
    Ok(StoredShare {
        operation: OperationId::from_uuid(wallet.operation_id),
        attestation: Attestation { node, statement: share.statement, signature },
        attempt: AttemptId::from_uuid(share.attempt),
        active: wallet.active_attempt == Some(share.attempt),
    })
}

#[cfg(test)]
mod tests;

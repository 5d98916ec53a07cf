//! The steps of a rotation. Each is one compare-and-set on the state of the key, so that two operators at once make one
//! step of them, and the index of active keys lets one of a purpose be so.

use jose::{Algorithm, KeyId};
use kernel::{Error, Reason, Result, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait, UpdateMany,
};
use storage::sql::{corrupt, is_unique_violation, unavailable};

use super::{SqlKeys, TRIES, generate};
use crate::domain::key_life::{KeyLife, KeyState, MAX_IN_USE};
use crate::keys::KeyPurpose;
use crate::rotation::IssuerKey;
use crate::store::entity::keys::{Column, Entity, Model};

impl SqlKeys {
    /// All keys there ever were, by purpose and oldest first.
    pub(crate) async fn list(&self) -> Result<Vec<IssuerKey>> {
        let rows = Entity::find()
            .order_by_asc(Column::Purpose)
            .order_by_asc(Column::Sequence)
            .all(&self.database)
            .await
            .map_err(unavailable)?;
        rows.iter().map(|row| self.describe(row)).collect()
    }

    fn describe(&self, row: &Model) -> Result<IssuerKey> {
        let life = life(row)?;
        let public = if life.state.is_gone() { None } else { Some(self.open(row)?.public_jwk()) };
        Ok(IssuerKey {
            id: row.kid.parse().map_err(|_| corrupt("key id"))?,
            purpose: purpose(row)?,
            algorithm: row.algorithm.parse().map_err(|_| corrupt("signature algorithm"))?,
            life,
            public,
        })
    }

    /// Publishes a fresh key.
    pub(crate) async fn prepare(
        &self,
        purpose: KeyPurpose,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<KeyId> {
        let key = generate(algorithm).await?;
        let life = KeyLife { state: KeyState::Prepared, since: now };
        for _ in 0..TRIES {
            let newest = Entity::find()
                .filter(Column::Purpose.eq(purpose.as_str()))
                .order_by_desc(Column::Sequence)
                .one(&self.database)
                .await
                .map_err(unavailable)?;
            let next = newest.map_or(1, |row| row.sequence.saturating_add(1));
            // Whoever prepares one meanwhile takes the place that was found.
            let in_use = self.in_use().await?;
            if in_use.iter().filter(|row| row.purpose == purpose.as_str()).count() >= MAX_IN_USE {
                return Err(full(purpose));
            }
            if self.insert(purpose, &key, next, life).await? {
                return Ok(key.key_id().clone());
            }
        }
        Err(changed())
    }

    /// Lets a key sign, and no other of its purpose.
    pub(crate) async fn activate(&self, key: &KeyId, now: Timestamp) -> Result<()> {
        let row = self.find(key).await?;
        let life = life(&row)?;
        life.check_activation(now)?;
        if life.state == KeyState::Active {
            return Ok(());
        }
        let transaction = self.database.begin().await.map_err(unavailable)?;
        // All of the purpose in one order, so that no two activations wait for each other's rows. SQLite has one writer
        // anyway, and its transaction must not begin by reading.
        if self.database.get_database_backend() == DatabaseBackend::Postgres {
            Entity::find()
                .filter(Column::Purpose.eq(row.purpose.as_str()))
                .order_by_asc(Column::Kid)
                .lock_exclusive()
                .all(&transaction)
                .await
                .map_err(unavailable)?;
        }
        Entity::update_many()
            .col_expr(Column::State, Expr::value(KeyState::Superseded.as_str()))
            .col_expr(Column::StateSinceMs, Expr::value(now.millis()))
            .filter(Column::Purpose.eq(row.purpose.as_str()))
            .filter(Column::State.eq(KeyState::Active.as_str()))
            .exec(&transaction)
            .await
            .map_err(unavailable)?;
        set(&transaction, moved(&row, KeyState::Active, now)).await?;
        transaction.commit().await.map_err(unavailable)
    }

    /// Takes a key out of use for ever, and erases it, when nothing that it signed is good any more.
    pub(crate) async fn retire(&self, key: &KeyId, now: Timestamp) -> Result<()> {
        let row = self.find(key).await?;
        life(&row)?.check_retirement(purpose(&row)?.longest(), now)?;
        self.erase(&row, KeyState::Retired, now).await
    }

    /// The same at once.
    pub(crate) async fn revoke(&self, key: &KeyId, now: Timestamp) -> Result<()> {
        let row = self.find(key).await?;
        life(&row)?.check_revocation()?;
        self.erase(&row, KeyState::Revoked, now).await
    }

    async fn erase(&self, row: &Model, state: KeyState, now: Timestamp) -> Result<()> {
        if life(row)?.state.is_gone() {
            return Ok(());
        }
        let erased = moved(row, state, now).col_expr(Column::PrivateKey, Expr::value(Vec::<u8>::new()));
        set(&self.database, erased).await
    }

    /// A key, as an operator sees it.
    pub(crate) async fn get(&self, key: &KeyId) -> Result<IssuerKey> {
        self.describe(&self.find(key).await?)
    }

    async fn find(&self, key: &KeyId) -> Result<Model> {
        let row = Entity::find_by_id(key.as_str()).one(&self.database).await.map_err(unavailable)?;
        row.ok_or_else(|| Error::invalid("key", format!("there is no key {key}; list them")))
    }
}

/// The key in another state, if it is still in the one that was read.
fn moved(row: &Model, state: KeyState, now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(state.as_str()))
        .col_expr(Column::StateSinceMs, Expr::value(now.millis()))
        .filter(Column::Kid.eq(row.kid.as_str()))
        .filter(Column::State.eq(row.state.as_str()))
        .filter(Column::StateSinceMs.eq(row.state_since_ms))
}

async fn set(database: &impl ConnectionTrait, update: UpdateMany<Entity>) -> Result<()> {
    match update.exec(database).await {
        Ok(done) if done.rows_affected == 1 => Ok(()),
        Ok(_) => Err(changed()),
        Err(error) if is_unique_violation(&error) => Err(changed()),
        Err(error) => Err(unavailable(error)),
    }
}

fn full(purpose: KeyPurpose) -> Error {
    Error::invalid(
        "purpose",
        format!(
            "has {MAX_IN_USE} {purpose} keys in use, which is all there may be; retire some that are superseded"
        ),
    )
}

fn changed() -> Error {
    Error::new(
        Reason::EtagMismatch,
        "somebody else changed the keys at the same time; list them and decide again",
    )
}

fn life(row: &Model) -> Result<KeyLife> {
    let state = row.state.parse().map_err(|_| corrupt("state of a key"))?;
    Ok(KeyLife { state, since: Timestamp::from_millis(row.state_since_ms) })
}

fn purpose(row: &Model) -> Result<KeyPurpose> {
    row.purpose.parse().map_err(|_| corrupt("purpose of a key"))
}

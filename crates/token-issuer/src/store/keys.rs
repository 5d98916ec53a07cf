//! Signing keys in the issuer's database, sealed. Made at the first start; however many processes start at once,
//! they agree on one.

use std::sync::Arc;

use jose::{Algorithm, KeyId, SigningKey};
use kernel::{Error, Result, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use storage::Sealer;
use storage::sealing::Context;
use storage::sql::{corrupt, unavailable};

use super::entity::keys::{ActiveModel, Column, Entity, Model};
use crate::keys::{KeyPurpose, KeyRing};

/// How often a process tries for the place of the next key. Losing once means that another process made the key.
const TRIES: usize = 3;

/// Signing keys in SQL.
pub(crate) struct SqlKeys {
    database: DatabaseConnection,
    sealer: Arc<Sealer>,
}

impl SqlKeys {
    /// On a database whose migrations are those of this service.
    pub(crate) fn new(database: DatabaseConnection, sealer: Arc<Sealer>) -> Self {
        Self { database, sealer }
    }

    /// The keys of one purpose. The newest of `algorithm` signs and is made if there is none; all verify.
    pub(crate) async fn load(
        &self,
        purpose: KeyPurpose,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<KeyRing> {
        for _ in 0..TRIES {
            let rows = Entity::find()
                .filter(Column::Purpose.eq(purpose.as_str()))
                .order_by_asc(Column::Sequence)
                .all(&self.database)
                .await
                .map_err(unavailable)?;
            let keys = rows.iter().map(|row| self.open(row)).collect::<Result<Vec<_>>>()?;
            let public = keys.iter().map(SigningKey::public_jwk).collect();
            if let Some(signing) = keys.into_iter().rfind(|key| key.algorithm() == algorithm) {
                return KeyRing::new(purpose, signing, public);
            }
            let next = rows.last().map_or(1, |row| row.sequence.saturating_add(1));
            self.make(purpose, algorithm, next, now).await?;
        }
        Err(Error::internal("other processes keep making keys of another algorithm"))
    }

    /// Makes a key in the place `sequence`, unless another process was first.
    async fn make(
        &self,
        purpose: KeyPurpose,
        algorithm: Algorithm,
        sequence: i64,
        now: Timestamp,
    ) -> Result<()> {
        // Finding an RSA key can take seconds.
        let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
            .await
            .map_err(Error::internal)?
            .map_err(Error::internal)?;
        let private = key.to_pkcs8().map_err(Error::internal)?;
        let sealed = self.sealer.seal(context(&row_of(purpose.as_str(), key.key_id().as_str())), &private)?;
        Entity::insert(ActiveModel {
            kid: ActiveValue::Set(key.key_id().to_string()),
            purpose: ActiveValue::Set(purpose.as_str().to_owned()),
            sequence: ActiveValue::Set(sequence),
            algorithm: ActiveValue::Set(algorithm.as_str().to_owned()),
            private_key: ActiveValue::Set(sealed),
            created_ms: ActiveValue::Set(now.millis()),
        })
        .on_conflict(OnConflict::columns([Column::Purpose, Column::Sequence]).do_nothing().to_owned())
        .exec_without_returning(&self.database)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    fn open(&self, row: &Model) -> Result<SigningKey> {
        let algorithm = row.algorithm.parse().map_err(|_| corrupt("signature algorithm"))?;
        let name: KeyId = row.kid.parse().map_err(|_| corrupt("key id"))?;
        let private = self.sealer.open(context(&row_of(&row.purpose, &row.kid)), &row.private_key)?;
        let key = SigningKey::from_pkcs8(algorithm, &private).map_err(Error::internal)?;
        if *key.key_id() == name { Ok(key) } else { Err(corrupt("key under another key's name")) }
    }
}

/// Names the purpose too: a sealed key that is moved to the other purpose does not open.
fn row_of(purpose: &str, kid: &str) -> String {
    format!("{purpose}/{kid}")
}

fn context(row: &str) -> Context<'_> {
    Context { column: "issuer_keys.private_key", row: row.as_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, sealer};
    use crate::migrations::Migrator;
    use kernel::secret::ExposeSecret;
    use sea_orm::sea_query::Expr;

    #[tokio::test(flavor = "multi_thread")]
    async fn processes_that_start_at_once_agree_on_the_keys() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let keys = SqlKeys::new(database.clone(), sealer());
                tokio::spawn(async move {
                    keys.load(KeyPurpose::Elevated, Algorithm::Es256, NOW).await.unwrap().public().clone()
                })
            })
            .collect();
        let mut sets = Vec::new();
        for task in tasks {
            sets.push(task.await.unwrap());
        }
        assert!(sets.iter().all(|set| set.len() == 1 && *set == sets[0]));
    }

    #[tokio::test]
    async fn keys_survive_a_restart_and_differ_by_purpose() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        let load = async |purpose| {
            let keys = SqlKeys::new(database.clone(), sealer());
            keys.load(purpose, Algorithm::EdDsa, NOW).await.unwrap().public().clone()
        };
        let elevated = load(KeyPurpose::Elevated).await;
        let receipt = load(KeyPurpose::Receipt).await;
        assert_eq!(load(KeyPurpose::Elevated).await, elevated);
        assert_ne!(elevated, receipt);
    }

    #[tokio::test]
    async fn another_algorithm_gets_a_key_of_its_own_and_the_old_one_still_verifies() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        let keys = SqlKeys::new(database, sealer());
        let mut seen = Vec::new();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es256] {
            let ring = keys.load(KeyPurpose::Elevated, algorithm, NOW).await.unwrap();
            let token = ring.sign(&serde_json::json!({"iss": "us"})).unwrap();
            let kid = jose::peek(token.expose_secret()).unwrap().key_id().clone();
            assert_eq!(ring.public().get(&kid).unwrap().algorithm(), algorithm);
            seen.push((kid, ring.public().len()));
        }
        assert_eq!(seen.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1, 2, 2]);
        assert_eq!(seen[0].0, seen[2].0);
    }

    #[tokio::test]
    async fn a_key_moved_to_another_purpose_does_not_load() {
        let (database, _folder) = testkit::database::<Migrator>().await;
        let keys = SqlKeys::new(database.clone(), sealer());
        keys.load(KeyPurpose::Elevated, Algorithm::Es256, NOW).await.unwrap();
        Entity::update_many()
            .col_expr(Column::Purpose, Expr::value("receipt"))
            .exec(&database)
            .await
            .unwrap();
        assert!(keys.load(KeyPurpose::Receipt, Algorithm::Es256, NOW).await.is_err());
    }
}

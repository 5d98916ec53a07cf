//! Signing keys in the issuer's database, sealed. The first of each purpose is made at the first start; however many
//! processes start at once, they agree on one. After that they change by rotation: see [`rotating`].

mod rotating;

use std::collections::BTreeMap;
use std::sync::Arc;

use jose::{Algorithm, KeyId, SigningKey};
use kernel::{Error, Result, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use storage::Sealer;
use storage::sealing::Context;
use storage::sealing::rewrap::{KeyColumn, SealedColumn};
use storage::sql::{corrupt, unavailable};

use super::entity::keys::{ActiveModel, Column, Entity, Model};
use crate::domain::key_life::{KeyLife, KeyState};
use crate::keys::{KeyPurpose, KeyRing, Rings};

/// How often a process tries for the place of the next key. Losing once means that another process made one.
const TRIES: usize = 8;

/// Where a sealed private key belongs.
const COLUMN: &str = "issuer_keys.private_key";

/// The sealed values of this database, for re-wrapping.
pub const SEALED: &[SealedColumn] = &[SealedColumn {
    name: COLUMN,
    key: &[KeyColumn::Text("kid")],
    beside: &[KeyColumn::Text("purpose")],
    row: |values| match values {
        [kid, purpose] => row_of(&purpose.to_string(), &kid.to_string()).into_bytes(),
        _ => Vec::new(),
    },
}];

/// Signing keys in SQL.
#[derive(Clone)]
pub(crate) struct SqlKeys {
    database: DatabaseConnection,
    sealer: Arc<Sealer>,
}

/// The keys as they were read: what is told apart from the next time, and the private keys that are open.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    rows: Vec<(String, String)>,
    open: BTreeMap<String, Arc<SigningKey>>,
}

impl SqlKeys {
    /// On a database whose migrations are those of this service.
    pub(crate) fn new(database: DatabaseConnection, sealer: Arc<Sealer>) -> Self {
        Self { database, sealer }
    }

    /// The keys at the start of a process. The first key of a purpose is made here, for `algorithm`.
    pub(crate) async fn load(&self, algorithm: Algorithm, now: Timestamp) -> Result<(Rings, Seen)> {
        for purpose in KeyPurpose::ALL {
            let any = Entity::find().filter(Column::Purpose.eq(purpose.as_str())).one(&self.database);
            if any.await.map_err(unavailable)?.is_none() {
                let active = KeyLife { state: KeyState::Active, since: now };
                // Another process may be first; then its key is there.
                self.insert(purpose, &generate(algorithm).await?, 1, active).await?;
            }
        }
        let mut seen = Seen::default();
        let rings = self.refresh(&mut seen).await?;
        rings.map(|rings| (rings, seen)).ok_or_else(|| Error::internal("the signing keys were not read"))
    }

    /// The keys, unless they are those that were seen last.
    pub(crate) async fn refresh(&self, seen: &mut Seen) -> Result<Option<Rings>> {
        let rows = self.in_use().await?;
        let states: Vec<_> = rows.iter().map(|row| (row.kid.clone(), row.state.clone())).collect();
        if states == seen.rows {
            return Ok(None);
        }
        let mut open = BTreeMap::new();
        for row in &rows {
            // One that is open stays so: it may be sealed anew meanwhile, with a key that this process does not have.
            let key = match seen.open.get(&row.kid) {
                Some(key) => key.clone(),
                None => Arc::new(self.open(row)?),
            };
            open.insert(row.kid.clone(), key);
        }
        let ring = |purpose| ring(purpose, &rows, &open);
        let rings = Rings {
            elevated: ring(KeyPurpose::Elevated)?,
            legacy_mfa: ring(KeyPurpose::LegacyMfa)?,
            receipts: ring(KeyPurpose::Receipt)?,
        };
        *seen = Seen { rows: states, open };
        Ok(Some(rings))
    }

    /// All keys that are not gone, oldest first.
    async fn in_use(&self) -> Result<Vec<Model>> {
        Entity::find()
            .filter(Column::State.is_not_in(KeyState::GONE.map(KeyState::as_str)))
            .order_by_asc(Column::Purpose)
            .order_by_asc(Column::Sequence)
            .all(&self.database)
            .await
            .map_err(unavailable)
    }

    /// Puts a key in the place `sequence`, unless another one is there.
    async fn insert(
        &self,
        purpose: KeyPurpose,
        key: &SigningKey,
        sequence: i64,
        life: KeyLife,
    ) -> Result<bool> {
        let private = key.to_pkcs8().map_err(Error::internal)?;
        let row = row_of(purpose.as_str(), key.key_id().as_str());
        let sealed = self.sealer.seal(context(&row), &private)?;
        let inserted = Entity::insert(ActiveModel {
            kid: ActiveValue::Set(key.key_id().to_string()),
            purpose: ActiveValue::Set(purpose.as_str().to_owned()),
            sequence: ActiveValue::Set(sequence),
            algorithm: ActiveValue::Set(key.algorithm().as_str().to_owned()),
            private_key: ActiveValue::Set(sealed),
            created_ms: ActiveValue::Set(life.since.millis()),
            state: ActiveValue::Set(life.state.as_str().to_owned()),
            state_since_ms: ActiveValue::Set(life.since.millis()),
        })
        // Whichever of the unique indices another process's key is in.
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&self.database)
        .await
        .map_err(unavailable)?;
        Ok(inserted == 1)
    }

    fn open(&self, row: &Model) -> Result<SigningKey> {
        let algorithm = row.algorithm.parse().map_err(|_| corrupt("signature algorithm"))?;
        let name: KeyId = row.kid.parse().map_err(|_| corrupt("key id"))?;
        let private = self.sealer.open(context(&row_of(&row.purpose, &row.kid)), &row.private_key)?;
        let key = SigningKey::from_pkcs8(algorithm, &private).map_err(Error::internal)?;
        if *key.key_id() == name { Ok(key) } else { Err(corrupt("key under another key's name")) }
    }
}

fn ring(purpose: KeyPurpose, rows: &[Model], open: &BTreeMap<String, Arc<SigningKey>>) -> Result<KeyRing> {
    let mut public = Vec::new();
    let mut signing = None;
    for row in rows.iter().filter(|row| row.purpose == purpose.as_str()) {
        let key = open.get(&row.kid).ok_or_else(|| Error::internal("a key was read and is not open"))?;
        public.push(key.public_jwk());
        let state: KeyState = row.state.parse().map_err(|_| corrupt("state of a key"))?;
        if state == KeyState::Active {
            signing = Some(key.clone());
        }
    }
    let signing = signing.ok_or_else(|| {
        Error::invalid(
            "issuer_keys",
            format!("no {purpose} key is active; activate one with `countersign keys issuer activate`"),
        )
    })?;
    KeyRing::new(purpose, signing, public)
}

async fn generate(algorithm: Algorithm) -> Result<SigningKey> {
    // Finding an RSA key can take seconds.
    tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
        .await
        .map_err(Error::internal)?
        .map_err(Error::internal)
}

/// Names the purpose too: a sealed key that is moved to the other purpose does not open.
fn row_of(purpose: &str, kid: &str) -> String {
    format!("{purpose}/{kid}")
}

fn context(row: &str) -> Context<'_> {
    Context { column: COLUMN, row: row.as_bytes() }
}

#[cfg(test)]
mod tests;

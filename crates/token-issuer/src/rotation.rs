//! Rotation of the issuer's signing keys, by an operator on the issuer's database or by an administrator who asks a
//! process of the issuer, beside running processes.
//!
//! `prepare` publishes a key, `activate` lets it sign, `retire` and `revoke` erase it. Each process of the issuer reads the table
//! every few seconds; what is refused here is what some of them may not know yet, or may need still.

use std::sync::Arc;

use jose::{Algorithm, KeyId, KeySet, PublicJwk};
use kernel::{Error, Result, Timestamp};
use sea_orm::DatabaseConnection;
use storage::Sealer;

use crate::store::SqlKeys;

pub use crate::domain::key_life::{KeyLife, KeyState, PREPARATION};
pub use crate::keys::KeyPurpose;
pub use crate::store::SEALED;

/// A signing key, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerKey {
    /// Its name, the `kid` of what it signs.
    pub id: KeyId,
    /// What it signs.
    pub purpose: KeyPurpose,
    /// How.
    pub algorithm: Algorithm,
    /// Where it is in its life.
    pub life: KeyLife,
    /// The public key; none once it is retired.
    pub public: Option<PublicJwk>,
}

/// What the operator root said of the keys of receipts.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The statement, a JWT, as every verifier has it.
    pub statement: String,
    /// The public key of the root that signed it.
    pub root: PublicJwk,
}

/// The signing keys in the database of an issuer.
#[derive(Clone)]
pub struct IssuerKeys(SqlKeys);

impl std::fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuerKeys").finish_non_exhaustive()
    }
}

impl IssuerKeys {
    /// In a database that is migrated by [`Migrator`](crate::Migrator), with the sealer of the issuer's processes.
    pub fn new(database: DatabaseConnection, sealer: Arc<Sealer>) -> Self {
        Self(SqlKeys::new(database, sealer))
    }

    /// All keys there ever were, by purpose and oldest first.
    ///
    /// # Errors
    ///
    /// `STORE_UNAVAILABLE`, or `INTERNAL` when a key does not open.
    pub async fn list(&self) -> Result<Vec<IssuerKey>> {
        self.0.list().await
    }

    /// The public keys of receipts that are not retired, for the operator's statement.
    ///
    /// # Errors
    ///
    /// As [`Self::list`].
    pub async fn receipt_keys(&self) -> Result<KeySet> {
        let keys = self.list().await?.into_iter().filter(|key| key.purpose == KeyPurpose::Receipt);
        KeySet::from_keys(keys.filter_map(|key| key.public).collect()).map_err(Error::internal)
    }

    /// Makes a key and publishes it. It may be activated [`PREPARATION`] later; a key of receipts only when every
    /// verifier has a statement with it.
    ///
    /// # Errors
    ///
    /// `STORE_UNAVAILABLE`, `ETAG_MISMATCH` when others prepare keys without end.
    pub async fn prepare(&self, purpose: KeyPurpose, algorithm: Algorithm, now: Timestamp) -> Result<KeyId> {
        self.0.prepare(purpose, algorithm, now).await
    }

    /// Lets a prepared key sign, or one that did before, instead of the one that does now. Again: nothing happens. A key
    /// of receipts needs a statement about `issuer` in which it is stated.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` when there is no such key, when it is not stated, or when not every process has it yet (then it
    /// says when to try again); `ETAG_MISMATCH` when somebody else was faster.
    pub async fn activate(
        &self,
        key: &KeyId,
        issuer: &str,
        stated: Option<&Stated>,
        now: Timestamp,
    ) -> Result<()> {
        let found = self.0.get(key).await?;
        // What is gone is refused further on, with the better reason.
        if found.purpose == KeyPurpose::Receipt && !found.life.state.is_gone() {
            check_stated(&found, issuer, stated, now)?;
        }
        self.0.activate(key, now).await
    }

    /// Takes a key out of use for ever, and erases its private key, when nothing that it signed is good any more.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` when there is no such key, it signs, or what it signed is still good; `ETAG_MISMATCH` when
    /// somebody else was faster.
    pub async fn retire(&self, key: &KeyId, now: Timestamp) -> Result<()> {
        self.0.retire(key, now).await
    }

    /// The same at once: what it signed is refused, at every process when its copy of the keys is renewed.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` when there is no such key or it signs; `ETAG_MISMATCH` when somebody else was faster.
    pub async fn revoke(&self, key: &KeyId, now: Timestamp) -> Result<()> {
        self.0.revoke(key, now).await
    }

    /// A key.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` when there is no such key, and as [`Self::list`].
    pub async fn get(&self, key: &KeyId) -> Result<IssuerKey> {
        self.0.get(key).await
    }
}

/// Refuses to let a key sign receipts that verifiers would refuse.
fn check_stated(key: &IssuerKey, issuer: &str, stated: Option<&Stated>, now: Timestamp) -> Result<()> {
    let refused = |what: String| Error::invalid("statement", what);
    let Some(Stated { statement, root }) = stated else {
        return Err(refused(
            "is missing: a key signs receipts only when every verifier has a statement with it. Name the one they have, \
             and the root's public key"
                .to_owned(),
        ));
    };
    let found = jose::verify_statement(statement, root, issuer, 0, now)
        .map_err(|error| refused(format!("is not accepted: {error}")))?;
    if found.keys.get(&key.id) == key.public.as_ref() {
        return Ok(());
    }
    Err(refused(format!("does not state the key {}", key.id)))
}

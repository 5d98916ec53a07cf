//! Rotation of the issuer's signing keys, by an operator on the issuer's database, beside running processes.
//!
//! `prepare` publishes a key, `activate` lets it sign, `retire` erases it. Each process of the issuer reads the table
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

/// The signing keys in the database of an issuer.
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

    /// Lets a prepared key sign, or one that did before, instead of the one that does now. Again: nothing happens.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` when there is no such key or not every process has it yet (then it says when to try again),
    /// `ETAG_MISMATCH` when somebody else was faster.
    pub async fn activate(&self, key: &KeyId, now: Timestamp) -> Result<()> {
        self.0.activate(key, now).await
    }

    /// Takes a key out of use for ever, and erases its private key. With `at_once` also while what it signed is good:
    /// that is refused from then on.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` when there is no such key, it signs, or what it signed is still good; `ETAG_MISMATCH` when
    /// somebody else was faster.
    pub async fn retire(&self, key: &KeyId, at_once: bool, now: Timestamp) -> Result<()> {
        self.0.retire(key, at_once, now).await
    }
}

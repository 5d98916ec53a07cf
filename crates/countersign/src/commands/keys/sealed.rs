//! A role's database and the keys that seal what is in it, as the role's configuration names them.

use std::path::Path;

use kernel::{Clock as _, Error, Result};
use runtime::SystemClock;
use sea_orm::DatabaseConnection;
use storage::sealing::rewrap::SealedColumn;
use storage::{mark, sql, standing};

use crate::key_files::EncryptionKeys;
use crate::serve;
use crate::settings::{RoleSettings, Settings};

/// See the module.
pub(super) struct Sealed {
    /// Open, of the right schema, marked as this role's, and not older than its witness.
    pub(super) database: DatabaseConnection,
    /// What is sealed in it.
    pub(super) columns: &'static [SealedColumn],
    /// The role's keys.
    pub(super) keys: EncryptionKeys,
}

impl Sealed {
    /// Opens the database beside the role's processes, and reads the keys.
    ///
    /// # Errors
    ///
    /// What stops a start of the role stops this too: wrong configuration, another role's key file, an older or newer
    /// schema, another role's database, one that is older than its witness. So does a database that nobody used yet.
    pub(super) async fn open<R: RoleSettings>(settings: &Settings<R>) -> Result<Self> {
        Self::opened(settings, false).await
    }

    /// The same, and takes a database for the role that is new beyond doubt: nobody used it, and the witness never heard
    /// of one of this role. For what may come before the first start of the role.
    pub(super) async fn begin<R: RoleSettings>(settings: &Settings<R>) -> Result<Self> {
        Self::opened(settings, true).await
    }

    async fn opened<R: RoleSettings>(settings: &Settings<R>, may_be_new: bool) -> Result<Self> {
        let sealing = settings
            .own
            .sealing()
            .ok_or_else(|| Error::invalid("role", format!("{} keeps no secrets at rest", R::ROLE)))?;
        let keys = EncryptionKeys::of(sealing.keys_file, &settings.shared.deployment, &settings.own.owner())?;
        let database = settings.open_database().await?;
        sql::check_schema::<R::Migrator>(&database).await?;
        // Not claimed: a database that nobody used, or an older one, says nothing of what is sealed or which keys there
        // are.
        let witness = serve::witness(&settings.shared.witness).await?;
        let owner = settings.owner()?;
        let is_new = async || -> Result<bool> {
            Ok(witness.read(&owner.witness_name()).await?.is_none() && mark::read(&database).await?.is_none())
        };
        if may_be_new && is_new().await? {
            mark::claim(&database, &owner, SystemClock.now()).await?;
        }
        standing::look(&database, witness.as_ref(), &owner).await?;
        Ok(Self { database, columns: sealing.columns, keys })
    }
}

/// How to run a command of a role again, for messages.
pub(super) fn config_argument(config: Option<&Path>) -> String {
    config.map_or_else(String::new, |file| format!(" --config {}", file.display()))
}

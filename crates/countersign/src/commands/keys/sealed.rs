//! A role's database and the keys that seal what is in it, as the role's configuration names them.

use std::path::Path;

use kernel::{Clock as _, Error, Result};
use runtime::SystemClock;
use sea_orm::DatabaseConnection;
use storage::sealing::rewrap::SealedColumn;
use storage::{mark, sql};

use crate::key_files::EncryptionKeys;
use crate::settings::{RoleSettings, Settings};

/// See the module.
pub(super) struct Sealed {
    /// Open, of the right schema, and marked as this role's.
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
    /// schema, another role's database.
    pub(super) async fn open<R: RoleSettings>(settings: &Settings<R>) -> Result<Self> {
        let sealing = settings
            .own
            .sealing()
            .ok_or_else(|| Error::invalid("role", format!("{} keeps no secrets at rest", R::ROLE)))?;
        let owner = settings.own.owner();
        let keys = EncryptionKeys::of(sealing.keys_file, &settings.shared.deployment, &owner)?;
        let database = database(settings).await?;
        Ok(Self { database, columns: sealing.columns, keys })
    }
}

/// Opens a role's database beside its processes.
pub(super) async fn database<R: RoleSettings>(settings: &Settings<R>) -> Result<DatabaseConnection> {
    let database = sql::open(settings.own.basics().database).await?;
    sql::check_schema::<R::Migrator>(&database).await?;
    mark::claim(&database, &settings.owner()?, SystemClock.now()).await?;
    Ok(database)
}

/// How to run a command of a role again, for messages.
pub(super) fn config_argument(config: Option<&Path>) -> String {
    config.map_or_else(String::new, |file| format!(" --config {}", file.display()))
}

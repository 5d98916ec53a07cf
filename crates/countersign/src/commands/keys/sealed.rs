//! A role's database and the keys that seal what is in it, as the role's configuration names them.

use std::path::Path;

use kernel::{Clock as _, Error, Result};
use runtime::SystemClock;
use sea_orm::DatabaseConnection;
use storage::sealing::rewrap::SealedColumn;

use crate::key_files::EncryptionKeys;
use crate::serve;
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
        let (database, _) = serve::database(settings, SystemClock.now()).await?;
        Ok(Self { database, columns: sealing.columns, keys })
    }
}

/// How to run a command of a role again, for messages.
pub(super) fn config_argument(config: Option<&Path>) -> String {
    config.map_or_else(String::new, |file| format!(" --config {}", file.display()))
}

//! Where a dev suite keeps its databases and keys.

use std::path::{Path, PathBuf};

use kernel::{Error, Result};
use sea_orm::DatabaseConnection;
use sea_orm_migration::MigratorTrait;
use storage::sql;
use tempfile::TempDir;

use crate::dev::keys::MARK;
use crate::files;

/// A folder, kept or not.
pub(super) struct State {
    folder: PathBuf,
    /// Removes the folder when it is dropped.
    _temporary: Option<TempDir>,
}

impl State {
    /// The folder that is to be kept, or one that goes with the process. Only its owner can enter either.
    pub(super) fn open(keep: Option<PathBuf>) -> Result<Self> {
        let state = match keep {
            Some(folder) => {
                files::private_folder(&folder)?;
                files::check_private_folder(&folder)?;
                Self { folder, _temporary: None }
            }
            None => {
                // Mode 0700 by default.
                let temporary = tempfile::Builder::new().prefix("countersign-dev-").tempdir();
                let temporary = temporary.map_err(Error::internal)?;
                Self { folder: temporary.path().to_owned(), _temporary: Some(temporary) }
            }
        };
        // So that no production process ever takes these databases for its own.
        files::replace_private(&state.folder.join("MODE"), MARK.as_bytes())?;
        Ok(state)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A role's database, up to date.
    pub(super) async fn database<M: MigratorTrait>(&self, name: &str) -> Result<DatabaseConnection> {
        let database = sql::open_sqlite(&self.folder.join(format!("{name}.sqlite"))).await?;
        sql::migrate::<M>(&database).await?;
        Ok(database)
    }
}

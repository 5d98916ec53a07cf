//! Where a dev suite keeps its databases and keys.

use std::path::{Path, PathBuf};

use kernel::{Error, Result, Timestamp};
use sea_orm::DatabaseConnection;
use sea_orm_migration::MigratorTrait;
use storage::mark::{self, Mark, Mode, Owner};
use storage::redis::RedisSettings;
use storage::sql::{self, DatabaseSettings, Lease};
use tempfile::TempDir;

use crate::config::StoresSettings;
use crate::dev::keys::MARK;
use crate::files;
use crate::roles::Role;

/// What the mark of a database says that a suite in one process uses.
const DEPLOYMENT: &str = "dev";

/// A folder, kept or not, and servers if there are any.
pub(super) struct State {
    folder: PathBuf,
    stores: StoresSettings,
    /// Removes the folder when it is dropped.
    _temporary: Option<TempDir>,
}

impl State {
    /// The folder that is to be kept, or one that goes with the process. Only its owner can enter either.
    pub(super) fn open(keep: Option<PathBuf>, stores: StoresSettings) -> Result<Self> {
        if stores.database.is_some() && keep.is_none() {
            return Err(Error::invalid(
                "stores.database",
                "needs `--data DIR`: what is in the database opens only with the keys that are kept there",
            ));
        }
        let state = match keep {
            Some(folder) => {
                files::private_folder(&folder)?;
                files::check_private_folder(&folder)?;
                // The URL of a database has room for an absolute path only, and takes `..` for a word, not for a folder.
                let folder = std::fs::canonicalize(&folder)
                    .map_err(|error| Error::invalid(folder.display().to_string(), error.to_string()))?;
                Self { folder, stores, _temporary: None }
            }
            None => {
                // Mode 0700 by default.
                let temporary = tempfile::Builder::new().prefix("countersign-dev-").tempdir();
                let temporary = temporary.map_err(Error::internal)?;
                Self { folder: temporary.path().to_owned(), stores, _temporary: Some(temporary) }
            }
        };
        // So that no production process ever takes these databases for its own.
        files::replace_private(&state.folder.join("MODE"), MARK.as_bytes())?;
        Ok(state)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server that tokens and passkey ceremonies are on, if they are on one.
    pub(super) fn redis(&self) -> Option<&RedisSettings> {
        self.stores.redis.as_ref()
    }

    /// The right to be the only process on this state: what is in one's memory, another does not know.
    pub(super) async fn lease(&self) -> Result<Lease> {
        Lease::acquire(&self.settings(Role::TokenIssuer.name()), "dev").await
    }

    /// The database of a role or node, up to date and its own.
    pub(super) async fn database<M: MigratorTrait>(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<(DatabaseConnection, Mark)> {
        let database = sql::open(&self.settings(name)).await?;
        sql::migrate::<M>(&database).await?;
        let mark = mark::claim(&database, &Owner::new(DEPLOYMENT, name, Mode::Dev)?, now).await?;
        Ok((database, mark))
    }

    fn settings(&self, name: &str) -> DatabaseSettings {
        self.stores
            .database_of(name)
            .unwrap_or_else(|| DatabaseSettings::sqlite(&self.folder.join(format!("{name}.sqlite"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path from the working folder to `absolute`.
    fn relative(absolute: &Path) -> PathBuf {
        let up = std::env::current_dir().unwrap().components().skip(1).map(|_| "..").collect::<PathBuf>();
        up.join(absolute.strip_prefix("/").unwrap())
    }

    #[tokio::test]
    async fn any_folder_keeps_databases_however_its_path_is_written() {
        let above = tempfile::tempdir().unwrap();
        for name in ["plain", "with spaces, 100%41?#", "ü"] {
            let folder = above.path().join(name);
            for keep in [relative(&folder), folder.join("x/.."), folder.clone()] {
                files::private_folder(&folder.join("x")).unwrap();
                let state = State::open(Some(keep.clone()), StoresSettings::default()).unwrap();
                let lease = state.lease().await.unwrap();
                let opened = state.database::<policy::Migrator>("policy", Timestamp::from_seconds(1)).await;
                opened.unwrap_or_else(|error| panic!("{}: {error:?}", keep.display()));
                assert!(folder.join("policy.sqlite").is_file(), "{}", keep.display());
                drop(lease);
            }
        }
    }
}

//! Scratch databases: a SQLite file or a Postgres schema for each caller.

use std::hash::{BuildHasher, RandomState};

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_migration::MigratorTrait;
use storage::sql::{DatabaseSettings, DatabaseTls, TlsMode};
use tempfile::TempDir;

use crate::servers::shared_postgres_url;

/// Enough for races to be real, few enough for many tests at once.
const CONNECTIONS: u32 = 8;

/// A fresh SQLite database with the migrations of `M`. It goes when the folder is dropped: keep both.
pub async fn database<M: MigratorTrait>() -> (DatabaseConnection, TempDir) {
    let folder = folder();
    let database = storage::sql::open_sqlite(&folder.path().join("test.sqlite")).await.unwrap();
    storage::sql::migrate::<M>(&database).await.unwrap();
    (database, folder)
}

/// A fresh schema with the migrations of `M` on the Postgres server of the tests, with several connections. It goes
/// when the [`Scratch`] is dropped: keep both.
///
/// Panics when there is no server: `tests/run` starts one.
pub async fn postgres<M: MigratorTrait>() -> (DatabaseConnection, Scratch) {
    let scratch = Scratch::postgres();
    let database = scratch.open().await;
    storage::sql::migrate::<M>(&database).await.unwrap();
    (database, scratch)
}

/// A fresh database with the migrations of `M` on each backend, with the backend's name: what a contract suite runs on.
pub async fn databases<M: MigratorTrait>() -> Vec<(&'static str, DatabaseConnection, Scratch)> {
    let mut all = Vec::new();
    for (name, scratch) in [("sqlite", Scratch::sqlite()), ("postgres", Scratch::postgres())] {
        let database = scratch.open().await;
        storage::sql::migrate::<M>(&database).await.unwrap();
        all.push((name, database, scratch));
    }
    all
}

/// A fresh folder that goes when it is dropped.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A place for one database, which goes when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    settings: DatabaseSettings,
    folder: Option<TempDir>,
}

impl Scratch {
    /// A SQLite file that is still to be made.
    pub fn sqlite() -> Self {
        let folder = folder();
        let settings = DatabaseSettings::sqlite(&folder.path().join("test.sqlite"));
        Self { settings, folder: Some(folder) }
    }

    /// A Postgres schema that is still to be made, on the server of the tests.
    pub fn postgres() -> Self {
        // A fresh random number: a server may outlive many runs of the tests, and what they left behind.
        let number = RandomState::new().hash_one(std::process::id());
        let settings = DatabaseSettings {
            schema: Some(format!("test_{number:016x}")),
            ..loopback(shared_postgres_url())
        };
        Self { settings, folder: None }
    }

    /// How a service reaches it.
    pub fn settings(&self) -> &DatabaseSettings {
        &self.settings
    }

    /// Another pool on the same database: what a second process or a restarted one has.
    pub async fn open(&self) -> DatabaseConnection {
        storage::sql::open(&self.settings).await.unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (None, Some(schema)) = (&self.folder, &self.settings.schema) else { return };
        let sql = format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE");
        let settings = DatabaseSettings { schema: None, lock_timeout_ms: 1000, ..self.settings.clone() };
        // Whoever drops this may be inside a runtime. A schema that cannot go now goes with the server.
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if let Ok(database) = storage::sql::open(&settings).await {
                    drop(database.execute_unprepared(&sql).await);
                    drop(database.close().await);
                }
            });
        });
        drop(cleaner.join());
    }
}

/// Settings for a Postgres server of the tests, which has no TLS.
pub(crate) fn loopback(url: String) -> DatabaseSettings {
    DatabaseSettings {
        url,
        max_connections: CONNECTIONS,
        tls: DatabaseTls { mode: TlsMode::Disable, ca_file: None },
        ..DatabaseSettings::default()
    }
}

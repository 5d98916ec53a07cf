//! Opens a database.

use std::path::Path;
use std::time::Duration;

use kernel::{Error, Reason, Result};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::Connection;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::location::{Location, Server};
use super::postgres::{self, PowerCut};
use super::settings::DatabaseSettings;
use crate::mark::Mode;

/// A connection that was idle for longer is asked whether it still is one: the server may have been restarted.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(1);

/// A connection is replaced after this time, so that a changed address or a new server is noticed.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// A connection that nobody needed for this time is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Opens the database that `settings` name, for trying things out: as [`open_for`] does in dev mode.
///
/// # Errors
///
/// As [`open_for`].
pub async fn open(settings: &DatabaseSettings) -> Result<DatabaseConnection> {
    open_for(settings, Mode::Dev).await
}

/// Opens the database that `settings` name, for data of this mode.
///
/// Every commit is durable before it is acknowledged, on every connection and whatever the server is used to
/// (`synchronous_commit`). In production the server must not be one that loses it in a power cut all the same (`fsync`).
///
/// # Errors
///
/// Refused, with what to do, when the settings cannot work, the server does not answer within `connect_timeout_ms`, does
/// not let this user in, is a standby, read-only, or too old. Does not look at the schema: see [`super::check_schema`].
///
/// A Postgres server that goes away later is waited for by each call, `acquire_timeout_ms` at most. A SQLite file is
/// created when it is not there.
pub async fn open_for(settings: &DatabaseSettings, mode: Mode) -> Result<DatabaseConnection> {
    settings.check(false)?;
    match settings.location()? {
        Location::Sqlite(file) => sqlite(&file, settings.acquire_timeout(), settings.lock_timeout()).await,
        Location::Postgres(server) => open_postgres(settings, &server, mode).await,
    }
}

/// Opens the SQLite database in `file`, and creates it when there is none.
///
/// One connection: SQLite has one writer anyway, and a transaction that starts by reading can then never fail
/// half-way because another one wrote. Every commit reaches the disk before it is acknowledged
/// (`synchronous = FULL`): what was spent must stay spent over a power cut.
pub async fn open_sqlite(file: &Path) -> Result<DatabaseConnection> {
    let settings = DatabaseSettings::default();
    sqlite(file, settings.acquire_timeout(), settings.lock_timeout()).await
}

async fn sqlite(file: &Path, acquire: Duration, lock: Duration) -> Result<DatabaseConnection> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(lock);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(acquire)
        .connect_with(options)
        .await
        .map_err(|error| {
            let message = format!(
                "the SQLite file {} cannot be opened; does its folder exist, may this user write to it, and is it a \
                 database?",
                file.display()
            );
            Error::new(Reason::StoreUnavailable, message).cause(error)
        })?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

async fn open_postgres(
    settings: &DatabaseSettings,
    server: &Server,
    mode: Mode,
) -> Result<DatabaseConnection> {
    let power_cut = match mode {
        Mode::Production => PowerCut::Survived,
        Mode::Dev => PowerCut::MayForget,
    };
    // A connection of its own comes first, since a pool would only say that it timed out.
    let (first, options) = postgres::connect(settings, server, "countersign", power_cut).await?;
    // Whether the goodbye arrives does not matter.
    let _ = tokio::time::timeout(settings.connect_timeout(), first.close()).await;
    // The server ends a statement after its timeout; a server that is stopped or cut off does not.
    let patience = settings.statement_timeout() + Duration::from_secs(1);
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout())
        .max_lifetime(MAX_LIFETIME)
        .idle_timeout(IDLE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TEST_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| Box::pin(postgres::admit(connection, power_cut)))
        // A caller that ran out of time leaves its connection with an answer still to come. Without a bound it would
        // keep its place in the pool for as long as the network says nothing, which may be a quarter of an hour.
        .after_release(move |connection, _| {
            Box::pin(async move {
                match tokio::time::timeout(patience, connection.ping()).await {
                    Ok(answer) => answer.map(|()| true),
                    Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
                }
            })
        })
        .connect_lazy_with(options);
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

#[cfg(test)]
mod tests;

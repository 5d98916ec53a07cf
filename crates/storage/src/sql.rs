//! The SQL pool, migrations, and what database errors mean to a caller.

use std::path::Path;
use std::time::Duration;

use kernel::{Error, Result};
use sea_orm::{DatabaseConnection, DbErr, SqlErr, SqlxSqliteConnector};
use sea_orm_migration::MigratorTrait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// How long a caller waits for a connection before it is told that the store is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the SQLite database in `file`, and creates it when there is none.
///
/// One connection: SQLite has one writer anyway, and a transaction that starts by reading can then never fail
/// half-way because another one wrote. Every commit reaches the disk before it is acknowledged
/// (`synchronous = FULL`): what was spent must stay spent over a power cut.
pub async fn open_sqlite(file: &Path) -> Result<DatabaseConnection> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(ACQUIRE_TIMEOUT);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(Error::store_unavailable)?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// Brings the schema up to date.
pub async fn migrate<M: MigratorTrait>(database: &DatabaseConnection) -> Result<()> {
    M::up(database, None).await.map_err(unavailable)
}

/// A failed statement, as a caller is told of it.
///
/// A function rather than a `From`, so that a unique violation, which usually means something to the use case, is
/// looked at first: see [`is_unique_violation`].
pub fn unavailable(error: DbErr) -> Error {
    Error::store_unavailable(error)
}

/// Whether the statement failed because the row exists already.
pub fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// A value read from our own tables that does not parse: the database was written by something else.
pub fn corrupt(what: &'static str) -> Error {
    Error::internal(format!("the database holds a {what} that does not parse"))
}

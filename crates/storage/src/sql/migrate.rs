//! Brings a schema up to date, or says that it is not.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use kernel::{Error, Reason, Result};
use sea_orm::sea_query::{Alias, Query};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

use super::errors::{is_lock_timeout, unavailable};
use super::settings::check_schema_name;

/// How long a runner waits for another one.
const PATIENCE: Duration = Duration::from_secs(60);

/// Brings the schema up to date and returns the names of the migrations that it applied, none when there was nothing to
/// do. On Postgres creates the schema that the settings name.
///
/// One transaction, on one connection, which also holds the lock that keeps other runners out: whatever interrupts it,
/// either all of it stands or none. A second runner waits, a minute at most on Postgres and a few seconds on SQLite, and
/// then finds nothing to do.
pub async fn migrate<M: MigratorTrait>(database: &DatabaseConnection) -> Result<Vec<String>> {
    migrate_within::<M>(database, PATIENCE).await
}

pub(super) async fn migrate_within<M: MigratorTrait>(
    database: &DatabaseConnection,
    patience: Duration,
) -> Result<Vec<String>> {
    let busy = |error| {
        if is_lock_timeout(&error) {
            Error::new(
                Reason::StoreUnavailable,
                "another process holds what this one waits for: another `countersign migrate`, or a service in the \
                 middle of a long transaction; wait for it and run `countersign migrate` again. Nothing was changed",
            )
            .cause(error)
        } else {
            unavailable(error)
        }
    };
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = database.begin_with_options(options).await.map_err(busy)?;
    if database.get_database_backend() == DbBackend::Postgres {
        let path = search_path(&transaction).await?;
        let lock = advisory_key("migrate", &path);
        for statement in [
            format!("SET LOCAL lock_timeout = {}", patience.as_millis()),
            // A migration may move many rows.
            "SET LOCAL statement_timeout = 0".to_owned(),
            "SET LOCAL idle_in_transaction_session_timeout = 0".to_owned(),
        ] {
            execute(&transaction, statement).await.map_err(unavailable)?;
        }
        execute(&transaction, format!("SELECT pg_advisory_xact_lock({lock})")).await.map_err(busy)?;
        create_schema(&transaction, &path).await?;
    }
    let before = applied::<M>(&transaction).await?;
    refuse_newer(&before, &known::<M>())?;
    let pending: Vec<String> = known::<M>().into_iter().filter(|name| !before.contains(name)).collect();
    if !pending.is_empty() {
        Box::pin(M::up(&transaction, None)).await.map_err(busy)?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(pending)
}

/// Refuses, with `SERVICE_HALTED`, a database in which a migration of this binary is still to be applied, or one was
/// applied that it does not know. Changes nothing, and needs no right to.
pub async fn check_schema<M: MigratorTrait>(database: &DatabaseConnection) -> Result<()> {
    let applied = applied::<M>(database).await?;
    let known = known::<M>();
    refuse_newer(&applied, &known)?;
    let pending: Vec<&str> =
        known.iter().filter(|name| !applied.contains(*name)).map(String::as_str).collect();
    if pending.is_empty() {
        return Ok(());
    }
    let what = if applied.is_empty() {
        "the database has no schema yet".to_owned()
    } else {
        format!("the schema of the database is older than this binary: {} is not applied", pending.join(", "))
    };
    Err(Error::new(Reason::ServiceHalted, format!("{what}; run `countersign migrate` for this role first")))
}

fn refuse_newer(applied: &BTreeSet<String>, known: &[String]) -> Result<()> {
    let unknown: Vec<&str> =
        applied.iter().filter(|name| !known.contains(name)).map(String::as_str).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Reason::ServiceHalted,
        format!(
            "the database has {}, which this binary does not know: a newer binary migrated it, or it belongs to \
             another role; start the newer binary, or mend database.url and database.schema",
            unknown.join(", ")
        ),
    ))
}

fn known<M: MigratorTrait>() -> Vec<String> {
    M::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// The migrations on record. sea-orm's own look-up would create the table.
async fn applied<M: MigratorTrait>(database: &impl ConnectionTrait) -> Result<BTreeSet<String>> {
    let table = M::migration_table_name();
    if !has_table(database, &table.to_string()).await? {
        return Ok(BTreeSet::new());
    }
    let query = Query::select().column(Alias::new("version")).from(table).to_owned();
    let rows = database.query_all(&query).await.map_err(unavailable)?;
    rows.iter().map(|row| row.try_get("", "version").map_err(unavailable)).collect()
}

/// Whether a table is there, in the schema that is looked at first.
pub(crate) async fn has_table(database: &impl ConnectionTrait, name: &str) -> Result<bool> {
    let sql = match database.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = $1"
        }
        _ => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
    };
    let statement =
        Statement::from_sql_and_values(database.get_database_backend(), sql, [name.to_owned().into()]);
    Ok(database.query_one_raw(statement).await.map_err(unavailable)?.is_some())
}

async fn search_path(transaction: &DatabaseTransaction) -> Result<String> {
    let statement =
        Statement::from_string(DbBackend::Postgres, "SELECT current_setting('search_path') AS path");
    let row = transaction.query_one_raw(statement).await.map_err(unavailable)?;
    row.ok_or_else(|| Error::internal("no search_path"))?.try_get("", "path").map_err(unavailable)
}

/// Creates the schema that `path` names, as `super::postgres::options` sets it, when there is none.
async fn create_schema(transaction: &DatabaseTransaction, path: &str) -> Result<()> {
    let Some(name) = path.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return Ok(()) };
    if check_schema_name(name).is_err() {
        return Ok(());
    }
    // Asked first: `IF NOT EXISTS` needs the right to create schemas even where there is nothing to create.
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1",
        [name.to_owned().into()],
    );
    if transaction.query_one_raw(statement).await.map_err(unavailable)?.is_some() {
        return Ok(());
    }
    execute(transaction, format!("CREATE SCHEMA \"{name}\"")).await.map_err(|error| {
        let message = format!(
            "the schema `{name}` is not there and could not be created; let an administrator create it for this user"
        );
        Error::new(Reason::StoreUnavailable, message).cause(error)
    })
}

async fn execute(transaction: &DatabaseTransaction, sql: String) -> Result<(), sea_orm::DbErr> {
    transaction.execute_unprepared(&sql).await.map(|_| ())
}

/// The advisory lock for `purpose` in the schema that `path` leads to. Advisory locks are shared by a whole database.
pub(super) fn advisory_key(purpose: &str, path: &str) -> i64 {
    let hash = digest(&SHA256, format!("countersign {purpose} {path}").as_bytes());
    let mut key = [0; 8];
    key.copy_from_slice(&hash.as_ref()[..8]);
    i64::from_be_bytes(key)
}

#[cfg(test)]
mod tests;

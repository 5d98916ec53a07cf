//! One process per database, where two would get in each other's way: what a role keeps in memory, the other does not
//! know.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use kernel::{Error, Reason, Result};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::errors::{no_connection, within};
use super::location::{Location, Server};
use super::migrate::advisory_key;
use super::postgres;
use super::settings::DatabaseSettings;

/// How often the holder looks whether it still is, and tries to be again. So long, and the time the server gets to
/// answer, may pass until the loss of a lease is noticed.
const EVERY: Duration = Duration::from_secs(1);

/// The right to be the one process that serves a database.
///
/// On Postgres an advisory lock of a connection of its own: when the process ends, however it ends, the lock is free.
/// When the connection is lost while the process lives, so is the lease, until it has been taken again; in between
/// another process may have it. On SQLite a lock on a file beside the database, which is only lost with the process.
///
/// Two processes can believe that they hold it for the few seconds until one has noticed. It keeps out a second process
/// that was started by mistake; what must happen once is decided in the database all the same.
#[derive(Debug)]
pub struct Lease {
    held: watch::Receiver<bool>,
    keeper: Keeper,
}

#[derive(Debug)]
enum Keeper {
    Task(JoinHandle<()>),
    File { _locked: File, _held: watch::Sender<bool> },
}

impl Lease {
    /// Takes the lease `name` of this database (and schema), or says which process has it: `SERVICE_HALTED`.
    pub async fn acquire(settings: &DatabaseSettings, name: &str) -> Result<Self> {
        settings.check(false)?;
        match settings.location()? {
            Location::Sqlite(file) => of_file(&file),
            Location::Postgres(server) => {
                let settings = settings.clone();
                Post { settings, server, name: name.to_owned(), every: EVERY }.hold().await
            }
        }
    }

    /// One that is held as the other end says.
    #[cfg(test)]
    pub(crate) fn for_tests() -> (Self, watch::Sender<bool>) {
        let (sender, held) = watch::channel(true);
        (Self { held, keeper: Keeper::Task(tokio::spawn(std::future::pending())) }, sender)
    }

    /// Refuses with `SERVICE_HALTED` while the lease is lost: then this process must not act.
    pub fn check(&self) -> Result<()> {
        if *self.held.borrow() { Ok(()) } else { Err(lost()) }
    }
}

impl Drop for Lease {
    /// Closes the connection, by which the server frees the lock.
    fn drop(&mut self) {
        if let Keeper::Task(task) = &self.keeper {
            task.abort();
        }
    }
}

fn of_file(database: &Path) -> Result<Lease> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = Path::new(&path);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(|error| {
        let message =
            format!("the lock file {} cannot be opened; may this user write there?", path.display());
        Error::new(Reason::StoreUnavailable, message).cause(error)
    })?;
    match file.try_lock() {
        Ok(()) => {
            let (sender, held) = watch::channel(true);
            Ok(Lease { held, keeper: Keeper::File { _locked: file, _held: sender } })
        }
        Err(TryLockError::WouldBlock) => Err(Error::new(
            Reason::ServiceHalted,
            format!(
                "another process serves {} already; end it first, or give this one a database of its own",
                database.display()
            ),
        )),
        Err(TryLockError::Error(error)) => {
            let message =
                format!("{} cannot be locked; is it on a file system without locks?", path.display());
            Err(Error::new(Reason::StoreUnavailable, message).cause(error))
        }
    }
}

fn lost() -> Error {
    Error::new(
        Reason::ServiceHalted,
        "this process is not the one that serves its database at the moment; nothing was authorized. Try again later",
    )
}

/// What it takes to hold the lease on Postgres.
struct Post {
    settings: DatabaseSettings,
    server: Server,
    name: String,
    every: Duration,
}

impl Post {
    async fn hold(self) -> Result<Lease> {
        let connection = self.take().await?;
        let (sender, held) = watch::channel(true);
        Ok(Lease { held, keeper: Keeper::Task(tokio::spawn(self.keep(connection, sender))) })
    }

    /// Another schema of the same database is another service's.
    fn key(&self) -> i64 {
        advisory_key(&format!("lease {}", self.name), self.settings.schema.as_deref().unwrap_or_default())
    }

    async fn take(&self) -> Result<PgConnection> {
        let name = format!("countersign lease {}", self.name);
        // Keeps nothing, so nothing of it is lost in a power cut.
        let (mut connection, _) =
            postgres::connect(&self.settings, &self.server, &name, postgres::PowerCut::MayForget).await?;
        let limit = self.settings.connect_timeout();
        let lock = sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_lock($1)")
            .bind(self.key())
            .fetch_one(&mut connection);
        if within(&self.server, limit, lock).await? {
            return Ok(connection);
        }
        let holder = within(&self.server, limit, self.holder(&mut connection)).await?;
        // Whether the goodbye arrives does not matter.
        let _ = tokio::time::timeout(limit, connection.close()).await;
        Err(Error::new(
            Reason::ServiceHalted,
            format!(
                "another process serves this database already{holder}; end it first, or give this one a database of \
                 its own. One that has just died is forgotten by the server within half a minute"
            ),
        ))
    }

    /// Who has it, as the server knows, for the message.
    async fn holder(&self, connection: &mut PgConnection) -> Result<String, sqlx::Error> {
        let row = sqlx::query(
            "SELECT locks.pid AS pid, coalesce(host(sessions.client_addr), 'a Unix socket') AS address \
             FROM pg_locks AS locks LEFT JOIN pg_stat_activity AS sessions USING (pid) \
             WHERE locks.locktype = 'advisory' AND locks.granted AND locks.objsubid = 1 \
             AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND (locks.classid::int8 << 32) | locks.objid::int8 = $1",
        )
        .bind(self.key())
        .fetch_optional(connection)
        .await?;
        row.map_or(Ok(String::new()), |row| {
            let (pid, address): (i32, String) = (row.try_get("pid")?, row.try_get("address")?);
            Ok(format!(" (session {pid} of {}, from {address})", self.server))
        })
    }

    /// Whether the lock is still this connection's. A pooler in between would lose it without closing anything.
    async fn holds(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 \
             AND pid = pg_backend_pid() AND (classid::int8 << 32) | objid::int8 = $1)",
        )
        .bind(self.key())
        .fetch_one(connection)
        .await
    }

    async fn keep(self, mut connection: PgConnection, held: watch::Sender<bool>) {
        loop {
            let why = self.until_lost(&mut connection).await;
            held.send_replace(false);
            tracing::error!(lease = self.name, why = %why, "the lease on the database is lost; this process does not act until it has it again");
            drop(connection);
            connection = self.take_again().await;
            held.send_replace(true);
            tracing::warn!(lease = self.name, "the lease on the database is taken again");
        }
    }

    async fn until_lost(&self, connection: &mut PgConnection) -> String {
        loop {
            tokio::time::sleep(self.every).await;
            match tokio::time::timeout(self.settings.statement_timeout(), self.holds(connection)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return "the server says so".to_owned(),
                Ok(Err(error)) => return no_connection(&self.server, error).to_string(),
                Err(_) => return "the server does not answer".to_owned(),
            }
        }
    }

    async fn take_again(&self) -> PgConnection {
        let mut complaint = String::new();
        loop {
            match self.take().await {
                Ok(connection) => return connection,
                Err(error) => {
                    // Said once, not every second.
                    let text = error.to_string();
                    if text != complaint {
                        tracing::warn!(lease = self.name, error = %text, "the lease cannot be taken again yet");
                        complaint = text;
                    }
                }
            }
            tokio::time::sleep(self.every).await;
        }
    }
}

#[cfg(test)]
mod tests;

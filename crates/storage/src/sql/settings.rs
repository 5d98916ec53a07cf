//! What an operator says about a database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::location::{Location, sqlite_url};

/// Where a service keeps its durable state, and how long it waits for it.
///
/// Postgres 14 or newer, reached directly: a pooler that hands one connection to several clients within a session
/// breaks prepared statements and the lease.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// Where the database is: `postgres://user@host:port/database`, a Unix socket as
    /// `postgres://user@%2Fvar%2Frun%2Fpostgresql/database`, or `sqlite:///absolute/path/file.sqlite` (not in
    /// production). Without a password and without parameters: those have settings of their own.
    pub url: String,
    /// A file with the password of the Postgres user, and nothing else. It must not be open to others (`chmod 600`).
    /// Left out where the server asks for none.
    pub password_file: Option<PathBuf>,
    /// The Postgres schema that belongs to this service alone: lower-case letters, digits and `_`. `countersign
    /// migrate` creates it. Left out where the service has a database of its own; then it is what the server finds
    /// first, usually `public`.
    pub schema: Option<String>,
    /// How many connections to Postgres there are at most, 1 to 1000. SQLite has one.
    pub max_connections: u32,
    /// How long the first connection may take at start, in milliseconds, 100 to 600000.
    pub connect_timeout_ms: u64,
    /// How long a call waits for a free connection before it is told that the store is away, in milliseconds, 100 to
    /// 600000.
    pub acquire_timeout_ms: u64,
    /// How long the server works on one statement before it gives it up, in milliseconds, 100 to 600000. As long may a
    /// transaction be idle.
    pub statement_timeout_ms: u64,
    /// How long a statement waits for a row that another transaction holds, in milliseconds, 100 to 600000.
    pub lock_timeout_ms: u64,
    /// How the connection to Postgres is protected.
    pub tls: DatabaseTls,
}

/// How the connection to Postgres is protected. Over a Unix socket, which never leaves the machine, nothing of this
/// counts.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseTls {
    /// Whether the connection is TLS.
    pub mode: TlsMode,
    /// A PEM file with the authorities that may vouch for the server, beside the public ones of the web. Left out where
    /// a public one does.
    pub ca_file: Option<PathBuf>,
}

/// Whether the connection to Postgres is TLS. There is nothing in between: TLS without a check of the server's name
/// protects from nobody who can answer in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// TLS; the certificate has to be valid for the host of the URL.
    #[default]
    VerifyFull,
    /// Plaintext. In production only to this machine itself.
    Disable,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            password_file: None,
            schema: None,
            max_connections: 16,
            connect_timeout_ms: 5000,
            acquire_timeout_ms: 5000,
            statement_timeout_ms: 5000,
            lock_timeout_ms: 3000,
            tls: DatabaseTls::default(),
        }
    }
}

impl DatabaseSettings {
    /// Refuses what cannot work, naming the setting; in `production` also SQLite, and plaintext to another machine.
    /// Looks at no file and at no server.
    pub fn check(&self, production: bool) -> Result<()> {
        let location = self.location()?;
        for (name, value) in [
            ("database.connect_timeout_ms", self.connect_timeout_ms),
            ("database.acquire_timeout_ms", self.acquire_timeout_ms),
            ("database.statement_timeout_ms", self.statement_timeout_ms),
            ("database.lock_timeout_ms", self.lock_timeout_ms),
        ] {
            if !(100..=600_000).contains(&value) {
                return Err(Error::invalid(name, format!("must be 100 to 600000 milliseconds, not {value}")));
            }
        }
        if !(1..=1000).contains(&self.max_connections) {
            return Err(Error::invalid(
                "database.max_connections",
                format!("must be 1 to 1000, not {}", self.max_connections),
            ));
        }
        if let Some(schema) = &self.schema {
            check_schema_name(schema)?;
        }
        match location {
            Location::Sqlite(_) => self.check_sqlite(production),
            Location::Postgres(server) => {
                if self.tls.mode == TlsMode::Disable && self.tls.ca_file.is_some() {
                    return Err(Error::invalid(
                        "database.tls.ca_file",
                        "is of no use while database.tls.mode is `disable`; remove one of the two",
                    ));
                }
                if production && self.tls.mode == TlsMode::Disable && !server.is_this_machine() {
                    return Err(Error::invalid(
                        "database.tls.mode",
                        format!(
                            "in production the connection to {server} has to be TLS; set `verify_full` (plaintext only \
                             to a loopback address or a Unix socket)"
                        ),
                    ));
                }
                Ok(())
            }
        }
    }

    /// The defaults for the SQLite database in `file`, an absolute path, with every octet of it in the URL as it has to be.
    pub fn sqlite(file: &Path) -> Self {
        Self { url: sqlite_url(file), ..Self::default() }
    }

    /// Whether the URL names a Postgres server.
    pub fn is_postgres(&self) -> bool {
        matches!(self.location(), Ok(Location::Postgres(_)))
    }

    pub(super) fn location(&self) -> Result<Location> {
        Location::parse(&self.url)
    }

    fn check_sqlite(&self, production: bool) -> Result<()> {
        if production {
            return Err(Error::invalid(
                "database.url",
                "SQLite is for trying things out; in production a service needs Postgres",
            ));
        }
        let useless = [
            ("database.password_file", self.password_file.is_some()),
            ("database.schema", self.schema.is_some()),
            ("database.tls.ca_file", self.tls.ca_file.is_some()),
        ];
        match useless.into_iter().find(|(_, set)| *set) {
            Some((name, _)) => Err(Error::invalid(name, "means nothing to SQLite; remove it")),
            None => Ok(()),
        }
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub(super) fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms)
    }

    pub(super) fn lock_timeout(&self) -> Duration {
        Duration::from_millis(self.lock_timeout_ms)
    }
}

/// A name that needs no care about quoting or case (PostgreSQL manual, section 4.1.1), and is not the server's own.
pub(super) fn check_schema_name(name: &str) -> Result<()> {
    let mut characters = name.chars();
    let first = characters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_');
    let rest = characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if first && rest && name.len() <= 63 && !name.starts_with("pg_") && name != "information_schema" {
        Ok(())
    } else {
        Err(Error::invalid(
            "database.schema",
            "must be 1 to 63 lower-case letters, digits and `_`, not begin with a digit or `pg_`",
        ))
    }
}

#[cfg(test)]
mod tests;

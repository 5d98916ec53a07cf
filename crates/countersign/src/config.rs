//! The configuration of `countersign dev`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kernel::{Error, Result};
use runtime::telemetry::TelemetryConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::redis::RedisSettings;
use storage::sql::{DatabaseSettings, DatabaseTls, TlsMode};

use crate::settings::Wrong;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DevConfig {
    /// Where users and administrators connect: a loopback address. Port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Logs and telemetry.
    pub(crate) log: TelemetryConfig,
    /// Servers to keep state in, in place of files and memory.
    pub(crate) stores: StoresSettings,
}

/// Where a suite in one process keeps its state.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoresSettings {
    /// A Postgres database, `postgres://user@host:port/database`, reached without TLS; each role gets a schema of its own
    /// in it. Without it, a SQLite file for each role. Needs `--data`, because what is in the database opens only with the
    /// keys that are there.
    pub(crate) database: Option<String>,
    /// A file with the password of the Postgres user, and nothing else.
    pub(crate) password_file: Option<PathBuf>,
    /// Where the state of tokens and passkey ceremonies is. Without it, in the process's memory.
    pub(crate) redis: Option<RedisSettings>,
}

impl Default for DevConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            log: TelemetryConfig::default(),
            stores: StoresSettings::default(),
        }
    }
}

impl StoresSettings {
    /// The database of the role or node `name`, where it is on a server.
    pub(crate) fn database_of(&self, name: &str) -> Option<DatabaseSettings> {
        Some(DatabaseSettings {
            url: self.database.clone()?,
            password_file: self.password_file.clone(),
            schema: Some(name.replace('-', "_")),
            tls: DatabaseTls { mode: TlsMode::Disable, ca_file: None },
            ..DatabaseSettings::default()
        })
    }

    fn check(&self) -> Result<()> {
        let mut wrong = Wrong::within("stores");
        if let Some(database) = self.database_of("policy") {
            if !database.is_postgres() {
                wrong.say(
                    "database",
                    "must be `postgres://user@host:port/database`; without it there are SQLite files",
                );
            } else if let Err(error) = database.check(false) {
                wrong.say("database", error.message());
            }
        }
        if self.database.is_none() && self.password_file.is_some() {
            wrong.say("password_file", "is of no use without `stores.database`");
        }
        if let Some(redis) = &self.redis {
            wrong.add(redis.check(false));
        }
        wrong.finish()
    }
}

impl DevConfig {
    /// Reads and checks it.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let config: Self = runtime::config::load(file)?;
        config.check()?;
        Ok(config)
    }

    /// What the types do not say.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.listen.ip().is_loopback() {
            return Err(Error::invalid(
                "listen",
                format!(
                    "{} is not a loopback address; dev mode has throw-away keys and serves nobody else",
                    self.listen
                ),
            ));
        }
        self.log.check()?;
        self.stores.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_mode_listens_on_loopback_only() {
        assert!(DevConfig::default().check().is_ok());
        for listen in ["0.0.0.0:50051", "192.0.2.1:50051", "[::]:50051"] {
            let config = DevConfig { listen: listen.parse().unwrap(), ..DevConfig::default() };
            assert!(config.check().is_err(), "{listen}");
        }
    }

    #[test]
    fn stores_that_cannot_be_are_named() {
        let with = |database: Option<&str>, password: Option<&str>| {
            let stores = StoresSettings {
                database: database.map(str::to_owned),
                password_file: password.map(PathBuf::from),
                redis: None,
            };
            DevConfig { stores, ..DevConfig::default() }.check()
        };
        assert!(with(Some("postgres://dev@127.0.0.1:5432/dev"), None).is_ok());
        for (database, password, key) in [
            (Some("sqlite:///tmp/x.sqlite"), None, "stores.database"),
            (Some("postgres://dev:secret@127.0.0.1:5432/dev"), None, "stores.database"),
            (Some("127.0.0.1"), None, "stores.database"),
            (None, Some("/run/password"), "stores.password_file"),
        ] {
            let error = with(database, password).unwrap_err();
            assert!(error.message().contains(key) && !error.message().contains("secret"), "{error}");
        }
    }

    #[test]
    fn each_role_has_a_schema_of_its_own() {
        let stores = StoresSettings {
            database: Some("postgres://dev@127.0.0.1:5432/dev".to_owned()),
            ..Default::default()
        };
        let schema = |name| stores.database_of(name).unwrap().schema.unwrap();
        assert_eq!((schema("policy"), schema("node-1")), ("policy".to_owned(), "node_1".to_owned()));
        assert!(stores.database_of("token-issuer").unwrap().check(false).is_ok());
    }
}

//! What is the same for all roles of a deployment.

use std::path::PathBuf;

use jose::{Algorithm, KeySet, MAX_JWKS_BYTES};
use kernel::{Error, Result};
use runtime::identity::{AdminProvider, Admins};
use runtime::telemetry::TelemetryConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::mark::check_deployment;
use storage::redis::RedisSettings;

use super::Wrong;
use crate::files;

/// What a deployment is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// For trying it out: embedded stores are allowed, and its data is marked.
    Dev,
    /// For real: what protects nothing is refused.
    #[default]
    Production,
}

impl From<Mode> for storage::mark::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Dev => Self::Dev,
            Mode::Production => Self::Production,
        }
    }
}

/// What stands at the top of the file.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Shared {
    /// `production`, or `dev` for trying it out. Data made in one is refused in the other.
    pub(crate) mode: Mode,
    /// The name of the deployment, part of the mark of every database and key file, so that those of another one are
    /// refused: 1 to 32 lower-case letters, digits and hyphens. Required.
    pub(crate) deployment: String,
    /// Logs and telemetry.
    pub(crate) log: TelemetryConfig,
    /// Who makes administrators' tokens. At least one is required.
    pub(crate) admins: Vec<AdminSettings>,
    /// Where each database's progress is witnessed outside it, so that one put back from a copy is noticed. One of the
    /// two is required.
    pub(crate) witness: WitnessSettings,
}

/// A provider of administrators' tokens.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AdminSettings {
    /// The `iss` of its tokens.
    pub(crate) issuer: String,
    /// What their `aud` must contain.
    pub(crate) audience: String,
    /// The file with its public keys, a JSON Web Key Set.
    pub(crate) jwks_file: PathBuf,
}

/// Where counters are kept that only grow.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WitnessSettings {
    /// A folder on storage that is not put back together with the database. For processes of a role on
    /// one machine.
    pub(crate) folder: Option<PathBuf>,
    /// A Redis server whose data is kept (`appendonly yes`).
    pub(crate) redis: Option<RedisSettings>,
}

impl Shared {
    /// What the types do not say.
    pub(super) fn check(&self, wrong: &mut Wrong) {
        let production = self.mode == Mode::Production;
        if self.deployment.is_empty() {
            wrong
                .say("deployment", "is not set; name the deployment: lower-case letters, digits and hyphens");
        } else {
            wrong.add(check_deployment(&self.deployment));
        }
        wrong.add(self.log.check());
        if production && self.log.is_trace() {
            wrong.say("log.level", "has a `trace`; in production the most that is logged is `debug`");
        }
        if self.admins.is_empty() {
            wrong.say(
                "admins",
                "is empty; say who makes administrators' tokens: [[admins]] issuer, audience, jwks_file",
            );
        }
        for (index, admin) in self.admins.iter().enumerate() {
            let key = |name| format!("admins.{index}.{name}");
            wrong.need(&key("issuer"), !admin.issuer.is_empty(), "the `iss` of administrators' tokens");
            wrong.need(&key("audience"), !admin.audience.is_empty(), "what their `aud` must contain");
            wrong.need(&key("jwks_file"), !admin.jwks_file.as_os_str().is_empty(), "a JSON Web Key Set");
        }
        match (&self.witness.folder, &self.witness.redis) {
            (Some(_), Some(_)) => wrong.say("witness", "names a folder and a Redis server; keep one"),
            (None, None) => wrong
                .say("witness", "is not set; a database is witnessed outside itself: `folder` or `redis`"),
            (None, Some(redis)) => {
                let mut table = Wrong::within("witness");
                table.add(redis.check(production));
                wrong.take(table);
            }
            (Some(_), None) => {}
        }
    }

    /// The administrators' providers, with the keys that their files say.
    ///
    /// # Errors
    /// `INVALID_REQUEST` naming the setting and the file.
    pub(crate) fn admins(&self) -> Result<Admins> {
        self.admins.iter().map(AdminSettings::provider).collect::<Result<Vec<_>>>().map(Admins::new)
    }
}

impl AdminSettings {
    fn provider(&self) -> Result<AdminProvider> {
        let wrong = |what: String| {
            Error::invalid("admins.jwks_file", format!("{}: {what}", self.jwks_file.display()))
        };
        let text = files::read_anchor("admins.jwks_file", &self.jwks_file, MAX_JWKS_BYTES as u64)?;
        let keys =
            KeySet::from_jwks_json(&text, &Algorithm::ALL).map_err(|error| wrong(error.to_string()))?;
        if keys.is_empty() {
            return Err(wrong("has no key that could sign an administrator's token".to_owned()));
        }
        Ok(AdminProvider { issuer: self.issuer.clone(), audience: self.audience.clone(), keys })
    }
}

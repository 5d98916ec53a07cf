//! `[mfa-devices]`.

use std::path::PathBuf;

use mfa_devices::Label;
use runtime::channel::ChannelSettings;
use runtime::tls::TlsSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::redis::RedisSettings;
use storage::sql::DatabaseSettings;

use super::{
    Basics, HealthListener, Mode, PeerListener, PublicListener, ReceiptSettings, RoleSettings, Sealing,
    Shared, Wrong,
};
use crate::roles::Role;

/// The table of mfa-devices.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MfaDevicesSettings {
    /// For users and administrators.
    pub(crate) public: PublicListener,
    /// For token-issuer.
    pub(crate) peer: PeerListener,
    /// For probes.
    pub(crate) health: HealthListener,
    /// Who this process is to other services, which call each other over mutual TLS only. Required.
    pub(crate) tls: TlsSettings,
    /// Its database. No other role's.
    pub(crate) database: DatabaseSettings,
    /// The keys that seal seeds at rest. Required.
    pub(crate) keys_file: PathBuf,
    /// Where the passkey ceremonies under way are. Without it, in the process's memory: for one process, in dev mode. May
    /// be the server that token-issuer uses.
    pub(crate) redis: Option<RedisSettings>,
    /// Where policy is.
    pub(crate) policy: ChannelSettings,
    /// Whose receipts are accepted.
    pub(crate) receipts: ReceiptSettings,
    /// What authenticator apps show as the issuer of a code: 1 to 64 characters, no colon.
    pub(crate) label: String,
}

impl Default for MfaDevicesSettings {
    fn default() -> Self {
        Self {
            public: PublicListener::at(7120),
            peer: PeerListener::at(7121),
            health: HealthListener::at(7122),
            tls: TlsSettings::default(),
            database: DatabaseSettings::default(),
            keys_file: PathBuf::new(),
            redis: None,
            policy: ChannelSettings::default(),
            receipts: ReceiptSettings::default(),
            label: "Countersign".to_owned(),
        }
    }
}

impl RoleSettings for MfaDevicesSettings {
    const ROLE: Role = Role::MfaDevices;
    const CALLERS: &'static [&'static str] = mfa_devices::CALLERS;
    const AFTER_RESTORE: &'static [&'static str] = &mfa_devices::AFTER_RESTORE;
    type Migrator = mfa_devices::Migrator;

    fn sealing(&self) -> Option<Sealing<'_>> {
        Some(Sealing { keys_file: &self.keys_file, columns: mfa_devices::SEALED })
    }

    fn basics(&self) -> Basics<'_> {
        Basics {
            public: &self.public,
            peer: Some(&self.peer),
            health: &self.health,
            tls: &self.tls,
            database: &self.database,
        }
    }

    fn endpoints(&self) -> Vec<(String, &str, &ChannelSettings)> {
        vec![("policy".to_owned(), "policy", &self.policy)]
    }

    fn check(&self, shared: &Shared, wrong: &mut Wrong) {
        let production = shared.mode == Mode::Production;
        wrong.need_keys_file(&self.keys_file);
        wrong.need_redis(self.redis.as_ref(), production, "passkey ceremonies are");
        self.receipts.check(wrong);
        if let Err(error) = Label::new(&self.label) {
            for violation in error.violations() {
                wrong.say("label", &violation.description);
            }
        }
    }
    fn is_alone(&self) -> bool {
        // What is in one process's memory, another does not know.
        self.redis.is_none()
    }
    fn redis(&self) -> Option<&RedisSettings> {
        self.redis.as_ref()
    }
    fn receipts(&self) -> Option<&ReceiptSettings> {
        Some(&self.receipts)
    }
}

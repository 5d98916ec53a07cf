//! `[policy]`.

use runtime::channel::ChannelSettings;
use runtime::tls::TlsSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::sql::DatabaseSettings;

use super::{Basics, HealthListener, PeerListener, PublicListener, RoleSettings, Shared, Wrong};
use crate::roles::Role;

/// Policy's table.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PolicySettings {
    /// For administrators.
    pub(crate) public: PublicListener,
    /// For mfa-devices, token-issuer and waas-gateway.
    pub(crate) peer: PeerListener,
    /// For probes.
    pub(crate) health: HealthListener,
    /// Who this process is to other services, which call each other over mutual TLS only. Required.
    pub(crate) tls: TlsSettings,
    /// Its database. No other role's.
    pub(crate) database: DatabaseSettings,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            public: PublicListener::at(7110),
            peer: PeerListener::at(7111),
            health: HealthListener::at(7112),
            tls: TlsSettings::default(),
            database: DatabaseSettings::default(),
        }
    }
}

impl RoleSettings for PolicySettings {
    const ROLE: Role = Role::Policy;
    const CALLERS: &'static [&'static str] = policy::CALLERS;
    const AFTER_RESTORE: &'static [&'static str] = &policy::AFTER_RESTORE;
    type Migrator = policy::Migrator;

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
        Vec::new()
    }

    fn check(&self, _: &Shared, _: &mut Wrong) {}
}

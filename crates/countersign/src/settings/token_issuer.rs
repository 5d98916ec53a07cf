//! `[token-issuer]`.

use std::path::PathBuf;

use jose::Algorithm;
use runtime::channel::ChannelSettings;
use runtime::tls::TlsSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::redis::RedisSettings;
use storage::sql::DatabaseSettings;
use url::Url;

use super::{
    Basics, HealthListener, Mode, PeerListener, PublicListener, RoleSettings, Sealing, Shared, Wrong,
};
use crate::roles::Role;

/// What tokens and receipts are signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(crate) enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSA with SHA-256 (PKCS #1 v1.5).
    #[serde(rename = "RS256")]
    Rs256,
}

impl From<SigningAlgorithm> for Algorithm {
    fn from(algorithm: SigningAlgorithm) -> Self {
        match algorithm {
            SigningAlgorithm::Es256 => Self::Es256,
            SigningAlgorithm::EdDsa => Self::EdDsa,
            SigningAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

/// The table of token-issuer.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TokenIssuerSettings {
    /// For users and administrators.
    pub(crate) public: PublicListener,
    /// For waas-gateway.
    pub(crate) peer: PeerListener,
    /// For probes.
    pub(crate) health: HealthListener,
    /// Who this process is to other services, which call each other over mutual TLS only. Required.
    pub(crate) tls: TlsSettings,
    /// Its database. No other role's.
    pub(crate) database: DatabaseSettings,
    /// The keys that seal its signing keys at rest. Required.
    pub(crate) keys_file: PathBuf,
    /// Where the state of tokens is. Without it, in the process's memory: for one process, in dev mode.
    pub(crate) redis: Option<RedisSettings>,
    /// Where policy is.
    pub(crate) policy: ChannelSettings,
    /// Where mfa-devices is.
    pub(crate) mfa_devices: ChannelSettings,
    /// The `iss` of tokens and receipts, an `https` address that is yours; nobody connects to it. Required.
    pub(crate) issuer: String,
    /// The group of nodes that receipts are for, as the nodes' directory has it. Required.
    pub(crate) node_group: String,
    /// What new signing keys are for.
    pub(crate) algorithm: SigningAlgorithm,
}

impl Default for TokenIssuerSettings {
    fn default() -> Self {
        Self {
            public: PublicListener::at(7130),
            peer: PeerListener::at(7131),
            health: HealthListener::at(7132),
            tls: TlsSettings::default(),
            database: DatabaseSettings::default(),
            keys_file: PathBuf::new(),
            redis: None,
            policy: ChannelSettings::default(),
            mfa_devices: ChannelSettings::default(),
            issuer: String::new(),
            node_group: String::new(),
            algorithm: SigningAlgorithm::default(),
        }
    }
}

impl RoleSettings for TokenIssuerSettings {
    const ROLE: Role = Role::TokenIssuer;
    const CALLERS: &'static [&'static str] = token_issuer::CALLERS;
    const AFTER_RESTORE: &'static [&'static str] = &token_issuer::AFTER_RESTORE;
    type Migrator = token_issuer::Migrator;

    fn sealing(&self) -> Option<Sealing<'_>> {
        Some(Sealing { keys_file: &self.keys_file, columns: token_issuer::rotation::SEALED })
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
        vec![
            ("policy".to_owned(), "policy", &self.policy),
            ("mfa_devices".to_owned(), "mfa-devices", &self.mfa_devices),
        ]
    }

    fn check(&self, shared: &Shared, wrong: &mut Wrong) {
        let production = shared.mode == Mode::Production;
        wrong.need_keys_file(&self.keys_file);
        wrong.need_redis(self.redis.as_ref(), production, "the state of tokens is");
        let issuer = Url::parse(&self.issuer);
        if !issuer
            .is_ok_and(|url| url.scheme() == "https" && url.query().is_none() && url.fragment().is_none())
        {
            wrong.say("issuer", "must be an `https` address without query and fragment");
        }
        if self.node_group.parse::<kernel::NodeId>().is_err() {
            wrong.say(
                "node_group",
                "must name the nodes' group: 1 to 32 lower-case letters, digits and hyphens",
            );
        }
    }
    fn is_alone(&self) -> bool {
        // What is in one process's memory, another does not know.
        self.redis.is_none()
    }
    fn redis(&self) -> Option<&RedisSettings> {
        self.redis.as_ref()
    }
}

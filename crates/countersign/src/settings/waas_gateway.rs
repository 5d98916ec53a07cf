//! `[waas-gateway]`.

use std::path::PathBuf;

use runtime::channel::ChannelSettings;
use runtime::tls::TlsSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::sql::DatabaseSettings;

use super::{Basics, HealthListener, PublicListener, RoleSettings, Shared, Wrong};
use crate::roles::Role;

/// The table of waas-gateway. No other service calls it, so it has no peer listener.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WaasGatewaySettings {
    /// For users and administrators.
    pub(crate) public: PublicListener,
    /// For probes.
    pub(crate) health: HealthListener,
    /// Who this process is to other services, which call each other over mutual TLS only. Required.
    pub(crate) tls: TlsSettings,
    /// Its database. No other role's.
    pub(crate) database: DatabaseSettings,
    /// Where policy is.
    pub(crate) policy: ChannelSettings,
    /// Where token-issuer is.
    pub(crate) token_issuer: ChannelSettings,
    /// Where each node of the directory is.
    pub(crate) nodes: Vec<NodeEndpoint>,
    /// The nodes and their public keys (JSON), as they are pinned. Required.
    pub(crate) directory_file: PathBuf,
}

/// Where a node is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NodeEndpoint {
    /// The node, as the directory has it. Required.
    pub(crate) id: String,
    /// Its peer listener.
    pub(crate) at: ChannelSettings,
}

impl Default for WaasGatewaySettings {
    fn default() -> Self {
        Self {
            public: PublicListener::at(7140),
            health: HealthListener::at(7142),
            tls: TlsSettings::default(),
            database: DatabaseSettings::default(),
            policy: ChannelSettings::default(),
            token_issuer: ChannelSettings::default(),
            nodes: Vec::new(),
            directory_file: PathBuf::new(),
        }
    }
}

impl RoleSettings for WaasGatewaySettings {
    const ROLE: Role = Role::WaasGateway;
    const CALLERS: &'static [&'static str] = waas_gateway::CALLERS;
    const AFTER_RESTORE: &'static [&'static str] = &waas_gateway::AFTER_RESTORE;
    type Migrator = waas_gateway::Migrator;

    fn basics(&self) -> Basics<'_> {
        Basics {
            public: &self.public,
            peer: None,
            health: &self.health,
            tls: &self.tls,
            database: &self.database,
        }
    }

    fn endpoints(&self) -> Vec<(String, &str, &ChannelSettings)> {
        let mut endpoints = vec![
            ("policy".to_owned(), "policy", &self.policy),
            ("token_issuer".to_owned(), "token-issuer", &self.token_issuer),
        ];
        let nodes = self.nodes.iter().enumerate();
        endpoints
            .extend(nodes.map(|(index, node)| (format!("nodes.{index}.at"), node.id.as_str(), &node.at)));
        endpoints
    }

    fn check(&self, _: &Shared, wrong: &mut Wrong) {
        wrong.need_directory_file(&self.directory_file);
        if self.nodes.is_empty() {
            wrong.say("nodes", "is empty; say where each node is: [[waas-gateway.nodes]] id, at.url");
        }
        for (index, node) in self.nodes.iter().enumerate() {
            if node.id.parse::<kernel::NodeId>().is_err() {
                wrong.say(
                    &format!("nodes.{index}.id"),
                    "must name a node of the directory: 1 to 32 lower-case letters, digits and hyphens",
                );
            }
        }
    }
}

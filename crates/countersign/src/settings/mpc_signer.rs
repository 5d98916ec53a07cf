//! `[mpc-signer]`.

use std::path::PathBuf;

use runtime::channel::ChannelSettings;
use runtime::tls::TlsSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::sql::DatabaseSettings;

use super::{
    Basics, HealthListener, PeerListener, PublicListener, ReceiptSettings, RoleSettings, Sealing, Shared,
    Wrong,
};
use crate::roles::Role;

/// The table of one node of mpc-signer. Each node has a file of its own, and no other node's keys.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MpcSignerSettings {
    /// For administrators.
    pub(crate) public: PublicListener,
    /// For waas-gateway.
    pub(crate) peer: PeerListener,
    /// For probes.
    pub(crate) health: HealthListener,
    /// Who this process is to other services, which call each other over mutual TLS only. Required.
    pub(crate) tls: TlsSettings,
    /// Its database. No other role's, and no other node's.
    pub(crate) database: DatabaseSettings,
    /// The keys that seal its shares at rest. Required.
    pub(crate) keys_file: PathBuf,
    /// The node that this process is, as the directory has it. Required.
    pub(crate) node: String,
    /// The node's private identity. Required.
    pub(crate) identity_file: PathBuf,
    /// The nodes and their public keys (JSON), as they are pinned. Required.
    pub(crate) directory_file: PathBuf,
    /// Whose receipts are accepted.
    pub(crate) receipts: ReceiptSettings,
}

impl Default for MpcSignerSettings {
    fn default() -> Self {
        Self {
            public: PublicListener::at(7150),
            peer: PeerListener::at(7151),
            health: HealthListener::at(7152),
            tls: TlsSettings::default(),
            database: DatabaseSettings::default(),
            keys_file: PathBuf::new(),
            node: String::new(),
            identity_file: PathBuf::new(),
            directory_file: PathBuf::new(),
            receipts: ReceiptSettings::default(),
        }
    }
}

impl RoleSettings for MpcSignerSettings {
    const ROLE: Role = Role::MpcSigner;
    const CALLERS: &'static [&'static str] = mpc_signer::CALLERS;
    const AFTER_RESTORE: &'static [&'static str] = &mpc_signer::AFTER_RESTORE;
    type Migrator = mpc_signer::migrations::Migrator;

    fn sealing(&self) -> Option<Sealing<'_>> {
        Some(Sealing { keys_file: &self.keys_file, columns: mpc_signer::SEALED })
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
        Vec::new()
    }

    fn check(&self, _: &Shared, wrong: &mut Wrong) {
        wrong.need_keys_file(&self.keys_file);
        wrong.need_directory_file(&self.directory_file);
        let what = "the node's private identity (`countersign keys` makes one)";
        wrong.need_file("identity_file", &self.identity_file, what);
        if self.node.parse::<kernel::NodeId>().is_err() {
            wrong.say(
                "node",
                "must name the node of the directory that this is: 1 to 32 lower-case letters, digits and hyphens",
            );
        }
        self.receipts.check(wrong);
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn owner(&self) -> String {
        format!("{}.{}", Self::ROLE, self.node)
    }
    fn receipts(&self) -> Option<&ReceiptSettings> {
        Some(&self.receipts)
    }
}

//! The wiring of the role.

use std::sync::Arc;

use attestation::NodeDirectory;
use kernel::{Clock, Entropy, NodeId, Result};
use runtime::{Gate, RoleMounts};
use sea_orm::DatabaseConnection;
use storage::AuditLog;
use tonic::transport::Channel;

use crate::gateway::Gateway;
use crate::grpc;
use crate::in_flight::InFlight;
use crate::peers::{IssuerPeer, NodePeers};
use crate::store::{SqlOperations, SqlWallets};

/// What the role is made of.
pub struct Parts {
    /// Its own database, with the migrations of [`crate::Migrator`].
    pub database: DatabaseConnection,
    /// The audit trail that the gate writes to.
    pub audit: Arc<dyn AuditLog>,
    /// Finds out who is calling: users and administrators.
    pub gate: Gate,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for the ids of attempts and runs.
    pub entropy: Arc<dyn Entropy>,
    /// To the token issuer's peer listener.
    pub issuer: Channel,
    /// The signing nodes as they are pinned.
    pub directory: NodeDirectory,
    /// To each node's peer listener.
    pub nodes: Vec<(NodeId, Channel)>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// The role, ready to be served.
///
/// # Errors
///
/// `INVALID_REQUEST` naming the setting, unless there is exactly one channel for each node of the directory.
pub fn compose(parts: Parts) -> Result<RoleMounts> {
    let gateway = Gateway {
        wallets: Arc::new(SqlWallets::new(parts.database.clone())),
        operations: Arc::new(SqlOperations::new(parts.database)),
        issuer: Arc::new(IssuerPeer::new(parts.issuer)),
        nodes: Arc::new(NodePeers::new(&parts.directory, parts.nodes)?),
        directory: parts.directory,
        clock: parts.clock.clone(),
        entropy: parts.entropy,
        in_flight: InFlight::default(),
    };
    Ok(grpc::mounts(&parts.gate, Arc::new(gateway), parts.audit, parts.clock))
}

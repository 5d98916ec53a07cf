//! Wiring of waas-gateway.

use kernel::{NodeId, Result};
use mpc_signer::domain::NodeDirectory;
use runtime::RoleMounts;
use tonic::transport::Channel;

use super::{Common, Store};

/// What it needs beside what all need.
pub(crate) struct WaasGateway {
    /// To policy's peer listener.
    pub(crate) policy: Channel,
    /// To token-issuer's peer listener.
    pub(crate) issuer: Channel,
    /// To each node's peer listener.
    pub(crate) nodes: Vec<(NodeId, Channel)>,
    /// The nodes as they are pinned.
    pub(crate) directory: NodeDirectory,
}

/// Keeps wallets and coordinates the nodes; asks policy, token-issuer and every node.
pub(crate) fn waas_gateway(common: &Common, store: Store, own: WaasGateway) -> Result<RoleMounts> {
    waas_gateway::compose(waas_gateway::Parts {
        gate: common.gate(own.policy, store.audit.clone())?,
        database: store.database,
        audit: store.audit,
        clock: common.clock.clone(),
        entropy: common.entropy.clone(),
        issuer: own.issuer,
        directory: own.directory,
        nodes: own.nodes,
    })
}

//! The suite in one process: keys, databases, the six kinds of roles on a network in memory, and the listeners.

mod roles;
mod state;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernel::{Clock, Error, Result};
use mpc_signer::settings::GroupSettings;
use runtime::memory::MemoryNetwork;
use runtime::server::{Bound, serve_memory};
use runtime::{Mount, OsEntropy, SystemClock};
use storage::sql::Lease;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::bootstrap;
use super::client_file::{ClientFile, KeyHolder};
use super::keys::{DevKeys, GROUP, MARK, THRESHOLD};
use crate::client;
use crate::config::StoresSettings;
use roles::Composed;
use state::State;

/// The `iss` of the dev identity provider's tokens.
const PROVIDER_ISSUER: &str = "https://idp.countersign-dev.invalid";

/// The `iss` of the dev admin provider's tokens.
const ADMIN_ISSUER: &str = "https://admin.countersign-dev.invalid";

/// The `aud` of both.
const AUDIENCE: &str = "countersign-dev";

/// How a suite is started.
#[derive(Debug)]
pub(crate) struct SuiteOptions {
    /// Where users and administrators connect.
    pub(crate) listen: SocketAddr,
    /// Where keys and state are kept; none: nowhere.
    pub(crate) data: Option<PathBuf>,
    /// Where the file for clients goes.
    pub(crate) client_file: PathBuf,
    /// Servers to keep state in, in place of files and memory.
    pub(crate) stores: StoresSettings,
}

/// Servers that stop together.
#[derive(Default)]
struct Servers {
    stop: CancellationToken,
    running: JoinSet<Result<()>>,
}

impl Servers {
    /// Stops them: calls in flight may finish.
    async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended.map_err(Error::internal)??;
        }
        Ok(())
    }
}

/// A running suite.
pub(crate) struct Suite {
    address: SocketAddr,
    file: ClientFile,
    file_path: PathBuf,
    front: Servers,
    /// What the services ask of each other: needed until the last call from outside is answered.
    back: Servers,
    _lease: Lease,
    // Dropped last: the folder goes with it unless it is kept.
    _state: State,
}

impl Suite {
    /// Starts everything; when this returns, it answers.
    pub(crate) async fn start(options: SuiteOptions) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy = Arc::new(OsEntropy::new());
        let state = State::open(options.data, options.stores)?;
        let lease = state.lease().await?;
        let keys = DevKeys::load_or_make(state.folder(), entropy.as_ref())?;

        // Every address is bound before anything is served, so that a taken port stops the start.
        let public = Bound::to(options.listen).await?;
        let address = public.address();
        let mut node_listeners = Vec::new();
        for _ in &keys.nodes {
            node_listeners.push(Bound::to(SocketAddr::new(address.ip(), 0)).await?);
        }

        let network = MemoryNetwork::default();
        let admin_keys = jose::KeySet::from_keys(vec![keys.admin.public_jwk()]).map_err(Error::internal)?;
        let composed = Composed::new(&keys, &state, &network, clock.clone(), entropy, admin_keys).await?;

        let (mut front, mut back) = (Servers::default(), Servers::default());
        let mut everything = Mount::new();
        for (role, mounts) in composed.services {
            everything = everything.merge(mounts.public);
            back.running.spawn(serve_memory(network.listen(role.name()), mounts.peer, back.stop.clone()));
        }
        let mut node_endpoints = Vec::new();
        for ((node, mounts), listener) in composed.nodes.into_iter().zip(node_listeners) {
            node_endpoints.push(format!("http://{}", listener.address()));
            front.running.spawn(listener.serve(mounts.public, front.stop.clone()));
            let peers = network.listen(node.as_str());
            back.running.spawn(serve_memory(peers, mounts.peer, back.stop.clone()));
        }
        front.running.spawn(public.serve(everything, front.stop.clone()));

        let file = ClientFile {
            mark: MARK.to_owned(),
            pid: std::process::id(),
            endpoint: format!("http://{address}"),
            node_endpoints,
            environment: keys.environment.to_string(),
            provider: KeyHolder::new(PROVIDER_ISSUER, AUDIENCE, keys.provider_for_clients()),
            admin: KeyHolder::new(ADMIN_ISSUER, AUDIENCE, keys.admin_for_clients()),
            nodes: GroupSettings::from(&composed.directory),
        };
        let suite =
            Self { address, file, file_path: options.client_file, front, back, _lease: lease, _state: state };
        suite.prepare(clock.as_ref()).await?;
        Ok(suite)
    }

    /// Makes the environment through the front door, and only then tells clients where it is.
    async fn prepare(&self, clock: &dyn Clock) -> Result<()> {
        let admin = self.file.admin("bootstrap", &["owner@*".to_owned()], clock.now())?;
        let channel = client::connect(&self.file.endpoint).await?;
        bootstrap::own_environment(channel, &admin, &self.file).await?;
        self.file.write(&self.file_path)
    }

    /// Where users and administrators connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients need.
    pub(crate) fn client_file(&self) -> &ClientFile {
        &self.file
    }

    /// Where that is.
    pub(crate) fn client_file_path(&self) -> &Path {
        &self.file_path
    }

    /// Stops: calls in flight may finish, then everything ends.
    pub(crate) async fn stop(self) -> Result<()> {
        self.file.remove(&self.file_path);
        self.front.stop().await?;
        self.back.stop().await
    }
}

/// The group of nodes that the keys make.
fn directory(keys: &DevKeys) -> Result<mpc_signer::domain::NodeDirectory> {
    let nodes = (1..).zip(&keys.nodes).map(|(identifier, node)| node.public(identifier)).collect();
    mpc_signer::domain::NodeDirectory::new(GROUP.parse().map_err(Error::internal)?, THRESHOLD, nodes)
}

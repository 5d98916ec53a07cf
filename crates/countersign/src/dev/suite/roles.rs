//! Wiring of the roles for a suite in one process. Each gets its own database, its own sealing key, and channels to
//! exactly the services that it may call.

use std::sync::Arc;
use std::time::Duration;

use jose::{Algorithm, KeySet, KeyStatement};
use kernel::{Clock, Entropy, Error, NodeId, Result, SecretBytes, secret::ExposeSecret as _};
use mpc_signer::domain::{LocalNode, NodeDirectory};
use runtime::RoleMounts;
use runtime::identity::{AdminProvider, Admins};
use runtime::memory::MemoryNetwork;
use runtime::receipts::ReceiptKeys;
use sea_orm_migration::MigratorTrait;
use storage::{Sealer, SqlAuditLog};
use tonic::transport::Channel;

use super::state::State;
use super::{ADMIN_ISSUER, AUDIENCE, directory};
use crate::dev::keys::{DevKeys, GROUP};
use crate::roles::{self, Common, Role, Store};

/// The `iss` of elevated tokens and receipts.
const ISSUER: &str = "https://issuer.countersign-dev.invalid";

/// How long the statement of receipt keys holds. A dev suite makes a new one at every start.
const STATEMENT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// All roles, ready to be served.
pub(super) struct Composed {
    /// The services, by role.
    pub(super) services: Vec<(Role, RoleMounts)>,
    /// The nodes.
    pub(super) nodes: Vec<(NodeId, RoleMounts)>,
    /// The nodes' group.
    pub(super) directory: NodeDirectory,
}

/// What all roles have in common, and whose they are.
struct Wiring<'a> {
    keys: &'a DevKeys,
    state: &'a State,
    network: &'a MemoryNetwork,
    common: Common,
}

impl Composed {
    /// Wires everything.
    pub(super) async fn new(
        keys: &DevKeys,
        state: &State,
        network: &MemoryNetwork,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        admin_keys: KeySet,
    ) -> Result<Self> {
        let admins = Admins::new(vec![AdminProvider {
            issuer: ADMIN_ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            keys: admin_keys,
        }]);
        let wiring = Wiring { keys, state, network, common: Common { clock, entropy, admins, dev: true } };
        let directory = directory(keys)?;
        let policy =
            roles::policy(&wiring.common, wiring.store::<policy::Migrator>(Role::Policy.name()).await?);
        let issuer = wiring.token_issuer().await?;
        let receipt_keys = wiring.receipt_keys(&issuer.receipt_public_keys())?;
        let factors = wiring.mfa_devices(receipt_keys.clone()).await?;
        let gateway = wiring.waas_gateway(&directory).await?;
        let mut nodes = Vec::new();
        for (index, identity) in keys.nodes.iter().enumerate() {
            let local = LocalNode::new(identity.clone(), directory.clone())?;
            nodes.push((identity.id().clone(), wiring.node(index, local, receipt_keys.clone()).await?));
        }
        let services = vec![
            (Role::Policy, policy),
            (Role::MfaDevices, factors),
            (Role::TokenIssuer, issuer.mounts),
            (Role::WaasGateway, gateway),
        ];
        Ok(Self { services, nodes, directory })
    }
}

impl Wiring<'_> {
    async fn token_issuer(&self) -> Result<token_issuer::TokenIssuer> {
        let store = self.store::<token_issuer::Migrator>(Role::TokenIssuer.name()).await?;
        let own = roles::TokenIssuer {
            issuer: ISSUER.to_owned(),
            node_group: GROUP.to_owned(),
            algorithm: Algorithm::Es256,
            sealer: self.sealer(0)?,
            tokens: roles::token_store(self.state.redis()).await?.0,
            policy: self.channel(Role::TokenIssuer, Role::Policy),
            factors: self.channel(Role::TokenIssuer, Role::MfaDevices),
        };
        roles::token_issuer(&self.common, store, own).await
    }

    async fn mfa_devices(&self, receipt_keys: Arc<ReceiptKeys>) -> Result<RoleMounts> {
        let store = self.store::<mfa_devices::Migrator>(Role::MfaDevices.name()).await?;
        let own = roles::MfaDevices {
            sealer: self.sealer(1)?,
            ceremonies: roles::ceremony_store(self.state.redis()).await?.0,
            policy: self.channel(Role::MfaDevices, Role::Policy),
            receipt_keys,
            label: mfa_devices::Label::new("Countersign dev")?,
        };
        roles::mfa_devices(&self.common, store, own).await
    }

    async fn waas_gateway(&self, directory: &NodeDirectory) -> Result<RoleMounts> {
        let store = self.store::<waas_gateway::Migrator>(Role::WaasGateway.name()).await?;
        let to = |node: &NodeId| self.network.channel(Role::WaasGateway.name(), node.as_str());
        let own = roles::WaasGateway {
            policy: self.channel(Role::WaasGateway, Role::Policy),
            issuer: self.channel(Role::WaasGateway, Role::TokenIssuer),
            nodes: directory.nodes().iter().map(|node| (node.id.clone(), to(&node.id))).collect(),
            directory: directory.clone(),
        };
        roles::waas_gateway(&self.common, store, own)
    }

    async fn node(
        &self,
        index: usize,
        local: LocalNode,
        receipt_keys: Arc<ReceiptKeys>,
    ) -> Result<RoleMounts> {
        let store = self.store::<mpc_signer::migrations::Migrator>(local.id().as_str()).await?;
        let own = roles::MpcSigner { local, sealer: self.sealer(2 + index)?, receipt_keys };
        Ok(roles::mpc_signer(&self.common, store, own))
    }

    /// The database of a role or node.
    async fn store<M: MigratorTrait>(&self, name: &str) -> Result<Store> {
        let (database, mark) = self.state.database::<M>(name, self.common.clock.now()).await?;
        let audit = Arc::new(SqlAuditLog::new(database.clone()));
        Ok(Store { database, audit, not_before: mark.not_before() })
    }

    fn channel(&self, from: Role, to: Role) -> Channel {
        self.network.channel(from.name(), to.name())
    }

    /// The operator's part: states, under the root, which keys sign receipts. In memory here; offline otherwise.
    fn receipt_keys(&self, keys: &KeySet) -> Result<Arc<ReceiptKeys>> {
        let now = self.common.clock.now();
        let statement = KeyStatement {
            sequence: 1,
            issuer: ISSUER.to_owned(),
            not_before: now.seconds(),
            not_after: now.plus(STATEMENT_LIFETIME).seconds(),
            keys: keys.clone(),
        };
        let root = &self.keys.operator_root;
        let signed = jose::sign_statement(&statement, root).map_err(Error::internal)?;
        ReceiptKeys::from_statement(&signed, &root.public_jwk(), ISSUER, 1, now).map(Arc::new)
    }

    /// The key-encryption key of the role at `index`.
    fn sealer(&self, index: usize) -> Result<Arc<Sealer>> {
        let key = self.keys.key_encryption.get(index).ok_or_else(|| Error::internal("a key is missing"))?;
        let key = SecretBytes::from(key.expose_secret().to_vec());
        Sealer::new([(1, key)], self.common.entropy.clone()).map(Arc::new)
    }
}

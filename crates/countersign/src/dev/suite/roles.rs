//! Wiring of the roles. Each gets its own database, its own sealing key, and channels to exactly the services that it
//! may call.

use std::sync::Arc;
use std::time::Duration;

use jose::{Algorithm, KeySet, KeyStatement};
use kernel::{Clock, Entropy, Error, NodeId, Result, SecretBytes, secret::ExposeSecret as _};
use mpc_signer::domain::{LocalNode, NodeDirectory};
use runtime::environments::PolicyEnvironments;
use runtime::identity::{AdminProvider, Admins, ProviderKeys, Sessions};
use runtime::memory::MemoryNetwork;
use runtime::receipts::{FACTORS_AUDIENCE, ReceiptKeys, ReceiptVerifier};
use runtime::{Gate, GateParts, RoleMounts};
use sea_orm::DatabaseConnection;
use storage::{AuditLog, Sealer, SqlAuditLog};

use super::state::State;
use super::{ADMIN_ISSUER, AUDIENCE, directory};
use crate::dev::keys::{DevKeys, GROUP};

const POLICY: &str = "policy";
const MFA_DEVICES: &str = "mfa-devices";
const TOKEN_ISSUER: &str = "token-issuer";
const WAAS_GATEWAY: &str = "waas-gateway";

/// The `iss` of elevated tokens and receipts.
const ISSUER: &str = "https://issuer.countersign-dev.invalid";

/// How long the statement of receipt keys holds. A dev suite makes a new one at every start.
const STATEMENT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// All roles, ready to be served.
pub(super) struct Composed {
    /// The services, by role.
    pub(super) services: Vec<(&'static str, RoleMounts)>,
    /// The nodes.
    pub(super) nodes: Vec<(NodeId, RoleMounts)>,
    /// The nodes' group.
    pub(super) directory: NodeDirectory,
}

/// What all roles have in common.
struct Common<'a> {
    keys: &'a DevKeys,
    state: &'a State,
    network: &'a MemoryNetwork,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    admins: Admins,
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
        let common = Common { keys, state, network, clock, entropy, admins };
        let directory = directory(keys)?;
        let policy = common.policy().await?;
        let issuer = common.token_issuer().await?;
        let receipt_keys = common.receipt_keys(issuer.receipt_public_keys())?;
        let factors = common.mfa_devices(receipt_keys.clone()).await?;
        let gateway = common.waas_gateway(&directory).await?;
        let mut nodes = Vec::new();
        for (index, identity) in keys.nodes.iter().enumerate() {
            let local = LocalNode::new(identity.clone(), directory.clone())?;
            nodes.push((identity.id().clone(), common.node(index, local, receipt_keys.clone()).await?));
        }
        let services = vec![
            (POLICY, policy),
            (MFA_DEVICES, factors),
            (TOKEN_ISSUER, issuer.mounts),
            (WAAS_GATEWAY, gateway),
        ];
        Ok(Self { services, nodes, directory })
    }
}

impl Common<'_> {
    async fn policy(&self) -> Result<RoleMounts> {
        let database = self.state.database::<policy::Migrator>(POLICY).await?;
        Ok(policy::compose(policy::Parts {
            audit: audit(&database),
            database,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            admins: self.admins.clone(),
            dev_mode: true,
        }))
    }

    async fn token_issuer(&self) -> Result<token_issuer::TokenIssuer> {
        let database = self.state.database::<token_issuer::Migrator>(TOKEN_ISSUER).await?;
        let audit = audit(&database);
        token_issuer::compose(token_issuer::Parts {
            issuer: ISSUER.to_owned(),
            node_group: GROUP.to_owned(),
            algorithm: Algorithm::Es256,
            database,
            sealer: self.sealer(0)?,
            tokens: Arc::new(token_issuer::MemoryTokenStore::default()),
            policy: self.network.channel(TOKEN_ISSUER, POLICY),
            factors: self.network.channel(TOKEN_ISSUER, MFA_DEVICES),
            gate: self.gate(TOKEN_ISSUER, audit.clone())?,
            audit,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
        })
        .await
    }

    async fn mfa_devices(&self, receipt_keys: Arc<ReceiptKeys>) -> Result<RoleMounts> {
        let database = self.state.database::<mfa_devices::Migrator>(MFA_DEVICES).await?;
        let audit = audit(&database);
        Ok(mfa_devices::compose(mfa_devices::Parts {
            database,
            sealer: self.sealer(1)?,
            gate: self.gate(MFA_DEVICES, audit.clone())?,
            audit,
            receipts: ReceiptVerifier::new(receipt_keys, FACTORS_AUDIENCE, self.clock.clone()),
            entropy: self.entropy.clone(),
            clock: self.clock.clone(),
            issuer: mfa_devices::Label::new("Countersign dev")?,
        }))
    }

    async fn waas_gateway(&self, directory: &NodeDirectory) -> Result<RoleMounts> {
        let database = self.state.database::<waas_gateway::Migrator>(WAAS_GATEWAY).await?;
        let audit = audit(&database);
        let nodes = directory
            .nodes()
            .iter()
            .map(|node| (node.id.clone(), self.network.channel(WAAS_GATEWAY, node.id.as_str())))
            .collect();
        waas_gateway::compose(waas_gateway::Parts {
            directory: directory.clone(),
            nodes,
            issuer: self.network.channel(WAAS_GATEWAY, TOKEN_ISSUER),
            database,
            gate: self.gate(WAAS_GATEWAY, audit.clone())?,
            audit,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
        })
    }

    async fn node(
        &self,
        index: usize,
        local: LocalNode,
        receipt_keys: Arc<ReceiptKeys>,
    ) -> Result<RoleMounts> {
        let database = self.state.database::<mpc_signer::migrations::Migrator>(local.id().as_str()).await?;
        Ok(mpc_signer::mounts(mpc_signer::Parts {
            local,
            audit: audit(&database),
            database,
            sealer: self.sealer(2 + index)?,
            receipt_keys,
            admins: self.admins.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
        }))
    }

    /// For services that users call: they read environments from policy.
    fn gate(&self, role: &str, audit: Arc<dyn AuditLog>) -> Result<Gate> {
        let environments =
            Arc::new(PolicyEnvironments::new(self.network.channel(role, POLICY), self.clock.clone()));
        Ok(Gate::new(GateParts {
            sessions: Some(Sessions::new(environments, ProviderKeys::new(true)?)),
            admins: Some(self.admins.clone()),
            audit,
            clock: self.clock.clone(),
        }))
    }

    /// The operator's part: states, under the root, which keys sign receipts. In memory here; offline otherwise.
    fn receipt_keys(&self, keys: &KeySet) -> Result<Arc<ReceiptKeys>> {
        let now = self.clock.now();
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
        Sealer::new([(1, key)], self.entropy.clone()).map(Arc::new)
    }
}

fn audit(database: &DatabaseConnection) -> Arc<dyn AuditLog> {
    Arc::new(SqlAuditLog::new(database.clone()))
}

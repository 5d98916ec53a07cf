//! What each role needs beside what all need: its keys, and its wiring with the services that its settings name.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use kernel::{Entropy, Error, NodeId, Result};
use mpc_signer::domain::LocalNode;
use runtime::RoleMounts;
use runtime::channel::{self, ChannelSettings};
use runtime::health::Check;
use runtime::receipts::ReceiptKeys;
use runtime::tls::Credentials;
use storage::redis::Redis;
use storage::{Sealer, Witness};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::ready::LIMIT;
use super::statement::{self, Statement};
use crate::key_files::{EncryptionKeys, NodeFile};
use crate::node_directory;
use crate::roles::{self, Common, Store};
use crate::settings::{
    MfaDevicesSettings, MpcSignerSettings, PolicySettings, RoleSettings, Shared, TokenIssuerSettings,
    WaasGatewaySettings,
};

/// What every role is given.
pub(crate) struct Base {
    pub(super) common: Common,
    pub(super) store: Store,
    pub(super) witness: Arc<dyn Witness>,
    /// Who the process is to other services.
    pub(super) credentials: Arc<Credentials>,
    /// When the process ends.
    pub(super) end: CancellationToken,
}

/// A role, ready to be served.
pub(crate) struct Composed {
    pub(super) mounts: RoleMounts,
    /// What must be so for it to be ready, beyond what must for every role.
    pub(super) checks: Vec<Check>,
    /// What it does for itself until the process ends.
    pub(super) background: Vec<BoxFuture<'static, ()>>,
}

impl Composed {
    fn new(mounts: RoleMounts) -> Self {
        Self { mounts, checks: Vec::new(), background: Vec::new() }
    }
}

/// Who signs receipts, as it is and as it changes.
struct Receipts {
    keys: Arc<ReceiptKeys>,
    check: Check,
    watch: BoxFuture<'static, ()>,
}

/// A role that can be alone in its process.
pub(crate) trait Served: RoleSettings {
    /// What is read from its key files, and what else it is told by file.
    type Keys: Send;

    /// Reads them. Refused, naming file and setting, when they are another role's or another deployment's.
    fn keys(&self, shared: &Shared, entropy: &Arc<dyn Entropy>) -> Result<Self::Keys>;

    /// Wires the role.
    fn compose(&self, keys: Self::Keys, base: Base) -> impl Future<Output = Result<Composed>> + Send;
}

impl Base {
    /// Takes what the operator's statement says of receipt keys, now and when it changes.
    async fn receipt_keys(&self, statement: Statement) -> Result<Receipts> {
        let clock = self.common.clock.clone();
        let file = statement.file(self.witness.clone(), clock.clone());
        let keys = file.load().await?;
        let check = statement::check(&keys, &clock);
        let watch = file.watch(keys.clone(), self.end.clone()).boxed();
        Ok(Receipts { keys, check, watch })
    }

    /// To the service at the key `key` of the role's table.
    fn channel<R: RoleSettings>(&self, key: &str, settings: &ChannelSettings) -> Result<Channel> {
        channel::connect(&format!("{}.{key}", R::ROLE), settings, self.credentials.clone())
    }
}

impl Served for PolicySettings {
    type Keys = ();

    fn keys(&self, _: &Shared, _: &Arc<dyn Entropy>) -> Result<()> {
        Ok(())
    }

    async fn compose(&self, (): (), base: Base) -> Result<Composed> {
        Ok(Composed::new(roles::policy(&base.common, base.store)))
    }
}

impl Served for MfaDevicesSettings {
    type Keys = (Arc<Sealer>, Statement);

    fn keys(&self, shared: &Shared, entropy: &Arc<dyn Entropy>) -> Result<Self::Keys> {
        Ok((
            sealer(self, shared, &self.keys_file, entropy)?,
            Statement::new(&self.receipts, shared.owner_of(self)?)?,
        ))
    }

    async fn compose(&self, (sealer, statement): Self::Keys, base: Base) -> Result<Composed> {
        let Receipts { keys: receipt_keys, check, watch } = base.receipt_keys(statement).await?;
        let policy = base.channel::<Self>("policy", &self.policy)?;
        let label = mfa_devices::Label::new(&self.label)?;
        let (ceremonies, redis) = roles::ceremony_store(self.redis.as_ref()).await?;
        let own = roles::MfaDevices { sealer, ceremonies, policy, receipt_keys, label };
        let mounts = roles::mfa_devices(&base.common, base.store, own).await?;
        let mut checks = vec![check];
        checks.extend(redis.map(redis_check));
        Ok(Composed { mounts, checks, background: vec![watch] })
    }
}

impl Served for TokenIssuerSettings {
    type Keys = Arc<Sealer>;

    fn keys(&self, shared: &Shared, entropy: &Arc<dyn Entropy>) -> Result<Self::Keys> {
        sealer(self, shared, &self.keys_file, entropy)
    }

    async fn compose(&self, sealer: Self::Keys, base: Base) -> Result<Composed> {
        let (tokens, redis) = roles::token_store(self.redis.as_ref()).await?;
        let own = roles::TokenIssuer {
            issuer: self.issuer.clone(),
            node_group: self.node_group.clone(),
            algorithm: self.algorithm.into(),
            sealer,
            tokens,
            policy: base.channel::<Self>("policy", &self.policy)?,
            factors: base.channel::<Self>("mfa_devices", &self.mfa_devices)?,
        };
        let issuer = roles::token_issuer(&base.common, base.store, own).await?;
        let keys = issuer.keys_check();
        let mut checks = vec![Check::now("signing keys", keys)];
        checks.extend(redis.map(redis_check));
        Ok(Composed { checks, ..Composed::new(issuer.mounts) })
    }
}

impl Served for WaasGatewaySettings {
    type Keys = mpc_signer::domain::NodeDirectory;

    fn keys(&self, _: &Shared, _: &Arc<dyn Entropy>) -> Result<Self::Keys> {
        node_directory::read(&format!("{}.directory_file", Self::ROLE), &self.directory_file)
    }

    async fn compose(&self, directory: Self::Keys, base: Base) -> Result<Composed> {
        let mut nodes: Vec<(NodeId, Channel)> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let id = node.id.parse().map_err(Error::internal)?;
            nodes.push((id, base.channel::<Self>(&format!("nodes.{index}.at"), &node.at)?));
        }
        let own = roles::WaasGateway {
            policy: base.channel::<Self>("policy", &self.policy)?,
            issuer: base.channel::<Self>("token_issuer", &self.token_issuer)?,
            nodes,
            directory,
        };
        Ok(Composed::new(roles::waas_gateway(&base.common, base.store, own)?))
    }
}

impl Served for MpcSignerSettings {
    type Keys = (Arc<Sealer>, LocalNode, Statement);

    fn keys(&self, shared: &Shared, entropy: &Arc<dyn Entropy>) -> Result<Self::Keys> {
        let sealer = sealer(self, shared, &self.keys_file, entropy)?;
        let identity = NodeFile::of(&self.identity_file, &shared.deployment, &self.node);
        let identity = named::<Self, _>("identity_file", identity)?;
        let directory =
            node_directory::read(&format!("{}.directory_file", Self::ROLE), &self.directory_file)?;
        Ok((
            sealer,
            LocalNode::new(identity, directory)?,
            Statement::new(&self.receipts, shared.owner_of(self)?)?,
        ))
    }

    async fn compose(&self, (sealer, local, statement): Self::Keys, base: Base) -> Result<Composed> {
        let Receipts { keys: receipt_keys, check, watch } = base.receipt_keys(statement).await?;
        let own = roles::MpcSigner { local, sealer, receipt_keys };
        let mounts = roles::mpc_signer(&base.common, base.store, own);
        Ok(Composed { mounts, checks: vec![check], background: vec![watch] })
    }
}

/// That Redis takes what is written to it.
fn redis_check(redis: Redis) -> Check {
    Check::new("redis", LIMIT, move || {
        let redis = redis.clone();
        async move { redis.check().await }
    })
}

/// The sealer of a role, with the keys in its file.
fn sealer<R: RoleSettings>(
    settings: &R,
    shared: &Shared,
    file: &std::path::Path,
    entropy: &Arc<dyn Entropy>,
) -> Result<Arc<Sealer>> {
    let keys = EncryptionKeys::of(file, &shared.deployment, &settings.owner());
    named::<R, _>("keys_file", keys)?.sealer(entropy.clone()).map(Arc::new)
}

/// A file's refusal, with the setting that names the file.
fn named<R: RoleSettings, T>(key: &str, read: Result<T>) -> Result<T> {
    read.map_err(|error| Error::invalid(format!("{}.{key}", R::ROLE), error.message().to_owned()))
}

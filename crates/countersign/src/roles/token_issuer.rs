//! Wiring of token-issuer.

use std::sync::Arc;

use jose::Algorithm;
use kernel::Result;
use runtime::identity::ProviderKeys;
use storage::Sealer;
use storage::redis::{Redis, RedisSettings};
use token_issuer::ports::TokenStore;
use tonic::transport::Channel;

use super::{Common, Store};

/// What it needs beside what all need.
pub(crate) struct TokenIssuer {
    /// The `iss` of tokens and receipts.
    pub(crate) issuer: String,
    /// The group of nodes that receipts are for.
    pub(crate) node_group: String,
    /// What new tokens and receipts are signed with.
    pub(crate) algorithm: Algorithm,
    /// Seals private keys at rest.
    pub(crate) sealer: Arc<Sealer>,
    /// Where tokens are on file.
    pub(crate) tokens: Arc<dyn TokenStore>,
    /// To policy's peer listener.
    pub(crate) policy: Channel,
    /// To mfa-devices' peer listener.
    pub(crate) factors: Channel,
}

/// Where tokens are on file: on a server, which is answered too, or in this process's memory.
pub(crate) async fn token_store(
    redis: Option<&RedisSettings>,
) -> Result<(Arc<dyn TokenStore>, Option<Redis>)> {
    match redis {
        Some(settings) => {
            let redis = Redis::connect(settings).await?;
            Ok((Arc::new(token_issuer::RedisTokenStore::new(redis.clone())), Some(redis)))
        }
        None => Ok((Arc::new(token_issuer::MemoryTokenStore::default()), None)),
    }
}

/// Judges proofs and gives receipts; asks policy and mfa-devices.
pub(crate) async fn token_issuer(
    common: &Common,
    store: Store,
    own: TokenIssuer,
) -> Result<token_issuer::TokenIssuer> {
    token_issuer::compose(token_issuer::Parts {
        issuer: own.issuer,
        node_group: own.node_group,
        algorithm: own.algorithm,
        assertion_keys: ProviderKeys::new(common.dev)?,
        gate: common.gate(own.policy.clone(), store.audit.clone())?,
        database: store.database,
        sealer: own.sealer,
        tokens: own.tokens,
        policy: own.policy,
        factors: own.factors,
        audit: store.audit,
        clock: common.clock.clone(),
        entropy: common.entropy.clone(),
        not_before: store.not_before,
    })
    .await
}

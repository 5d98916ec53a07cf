//! Wiring of mfa-devices.

use std::sync::Arc;

use kernel::Result;
use mfa_devices::{CeremonyStore, DecoySecret, Label, Passkeys};
use runtime::RoleMounts;
use runtime::receipts::{FACTORS_AUDIENCE, ReceiptKeys, ReceiptVerifier};
use storage::Sealer;
use storage::redis::{Redis, RedisSettings};
use tonic::transport::Channel;

use super::{Common, Store};

/// What it needs beside what all need.
pub(crate) struct MfaDevices {
    /// Seals seeds at rest.
    pub(crate) sealer: Arc<Sealer>,
    /// Where passkey ceremonies are remembered.
    pub(crate) ceremonies: CeremonyStore,
    /// To policy's peer listener.
    pub(crate) policy: Channel,
    /// Who signs receipts.
    pub(crate) receipt_keys: Arc<ReceiptKeys>,
    /// The issuer that authenticator apps show.
    pub(crate) label: Label,
}

/// Where passkey ceremonies are remembered: on a server, which is answered too, or in this process's memory.
pub(crate) async fn ceremony_store(redis: Option<&RedisSettings>) -> Result<(CeremonyStore, Option<Redis>)> {
    match redis {
        Some(settings) => {
            let redis = Redis::connect(settings).await?;
            Ok((CeremonyStore::in_redis(redis.clone()), Some(redis)))
        }
        None => Ok((CeremonyStore::in_memory(), None)),
    }
}

/// Keeps factors; asks policy for environments.
pub(crate) async fn mfa_devices(common: &Common, store: Store, own: MfaDevices) -> Result<RoleMounts> {
    let decoys = DecoySecret::open(&store.database, &own.sealer, common.entropy.as_ref()).await?;
    let environments = common.environments(own.policy);
    Ok(mfa_devices::compose(mfa_devices::Parts {
        gate: common.gate_to(environments.clone(), store.audit.clone())?,
        database: store.database,
        sealer: own.sealer,
        passkeys: Passkeys::new(own.ceremonies, environments, &decoys),
        audit: store.audit,
        receipts: ReceiptVerifier::new(own.receipt_keys, FACTORS_AUDIENCE, common.clock.clone()),
        entropy: common.entropy.clone(),
        clock: common.clock.clone(),
        issuer: own.label,
        not_before: store.not_before,
    }))
}

//! Wiring of mfa-devices.

use std::sync::Arc;

use kernel::Result;
use mfa_devices::Label;
use runtime::RoleMounts;
use runtime::environments::PolicyEnvironments;
use runtime::receipts::{FACTORS_AUDIENCE, ReceiptKeys, ReceiptVerifier};
use storage::Sealer;
use tonic::transport::Channel;

use super::{Common, Store};

/// What it needs beside what all need.
pub(crate) struct MfaDevices {
    /// Seals seeds at rest.
    pub(crate) sealer: Arc<Sealer>,
    /// To policy's peer listener.
    pub(crate) policy: Channel,
    /// Who signs receipts.
    pub(crate) receipt_keys: Arc<ReceiptKeys>,
    /// The issuer that authenticator apps show.
    pub(crate) label: Label,
}

/// Keeps factors; asks policy for environments.
pub(crate) fn mfa_devices(common: &Common, store: Store, own: MfaDevices) -> Result<RoleMounts> {
    let environments = Arc::new(PolicyEnvironments::new(own.policy.clone(), common.clock.clone()));
    Ok(mfa_devices::compose(mfa_devices::Parts {
        gate: common.gate(own.policy, store.audit.clone())?,
        environments,
        database: store.database,
        sealer: own.sealer,
        audit: store.audit,
        receipts: ReceiptVerifier::new(own.receipt_keys, FACTORS_AUDIENCE, common.clock.clone()),
        entropy: common.entropy.clone(),
        clock: common.clock.clone(),
        issuer: own.label,
        not_before: store.not_before,
    }))
}

//! Wiring of one node.

use std::sync::Arc;

use mpc_signer::domain::LocalNode;
use runtime::RoleMounts;
use runtime::receipts::ReceiptKeys;
use storage::Sealer;

use super::{Common, Store};

/// What it needs beside what all need.
pub(crate) struct MpcSigner {
    /// The node in its group.
    pub(crate) local: LocalNode,
    /// Seals its shares at rest.
    pub(crate) sealer: Arc<Sealer>,
    /// Who signs receipts.
    pub(crate) receipt_keys: Arc<ReceiptKeys>,
}

/// Holds key shares; asks nobody anything.
pub(crate) fn mpc_signer(common: &Common, store: Store, own: MpcSigner) -> RoleMounts {
    mpc_signer::mounts(mpc_signer::Parts {
        local: own.local,
        database: store.database,
        sealer: own.sealer,
        receipt_keys: own.receipt_keys,
        admins: common.admins.clone(),
        audit: store.audit,
        clock: common.clock.clone(),
        entropy: common.entropy.clone(),
        not_before: store.not_before,
    })
}

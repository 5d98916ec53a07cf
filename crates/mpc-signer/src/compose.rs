//! Wiring a node.

use std::fmt;
use std::sync::Arc;

use kernel::{Clock, Entropy, Timestamp};
use runtime::identity::Admins;
use runtime::receipts::{ReceiptKeys, ReceiptVerifier, audience_of_group};
use runtime::{Gate, GateParts, Mount, RoleMounts};
use sea_orm::DatabaseConnection;
use storage::{AuditLog, Sealer, Spending};

use crate::domain::LocalNode;
use crate::grpc;
use crate::signer::Signer;
use crate::store::SqlShares;

/// What a node is made of.
pub struct Parts {
    /// The node in its group.
    pub local: LocalNode,
    /// Its database, migrated by [`crate::migrations::Migrator`]. No other node's.
    pub database: DatabaseConnection,
    /// Seals its shares at rest.
    pub sealer: Arc<Sealer>,
    /// Who signs receipts, by the operator's statement.
    pub receipt_keys: Arc<ReceiptKeys>,
    /// Who may read the audit trail.
    pub admins: Admins,
    /// Where calls are written down.
    pub audit: Arc<dyn AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where the database was put back: receipts made at this time or before, and tokens proved then, count no more
    /// ([`storage::Mark::not_before`]).
    pub not_before: Option<Timestamp>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("local", &self.local).finish_non_exhaustive()
    }
}

/// What a node serves: its audit trail to administrators, and the protocols to the coordinator.
pub fn mounts(parts: Parts) -> RoleMounts {
    let Parts { local, database, sealer, receipt_keys, admins, audit, clock, entropy, not_before } = parts;
    let receipts = ReceiptVerifier::new(
        receipt_keys,
        audience_of_group(local.directory().group().as_str()),
        Arc::clone(&clock),
    )
    .not_before(not_before);
    let signer = Signer::new(
        local,
        entropy,
        Arc::new(receipts),
        Spending::new(database.clone()),
        Arc::new(SqlShares::new(database, sealer)),
    );
    let gate = Gate::new(GateParts {
        sessions: None,
        admins: Some(admins),
        audit: Arc::clone(&audit),
        clock: Arc::clone(&clock),
    });
    RoleMounts {
        public: Mount::new()
            .service(grpc::admin_service(gate.clone(), Arc::clone(&audit)))
            .audit(Arc::clone(&audit), Arc::clone(&clock)),
        peer: Mount::for_peers(grpc::CALLERS)
            .service(grpc::service(gate, Arc::new(signer)))
            .audit(audit, clock),
    }
}

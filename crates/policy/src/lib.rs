//! The policy service: environments, what each demands for an action, and the decision.
//!
//! `domain/` has the rules, `environments/` a file per use case, `grpc/` the protocol, `store/` the tables. The
//! decision is `domain::decide::decide`, a pure function; `docs/policy.md` is its table.

mod domain;
mod environments;
mod grpc;
mod migrations;
mod ports;
mod restore;
mod store;

use std::sync::Arc;

use kernel::{Clock, Entropy};
use runtime::identity::Admins;
use runtime::{Gate, GateParts, Mount, RoleMounts};
use sea_orm::DatabaseConnection;
use storage::AuditLog;

pub use grpc::CALLERS;
pub use migrations::Migrator;
pub use restore::AFTER_RESTORE;

use crate::domain::Mode;
use crate::environments::Environments;
use crate::store::SqlEnvironments;

/// What the service is made of.
#[derive(Clone)]
pub struct Parts {
    /// Its database, with the migrations of [`Migrator`].
    pub database: DatabaseConnection,
    /// Its audit trail.
    pub audit: Arc<dyn AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Who administrates.
    pub admins: Admins,
    /// Whether environments may have addresses of this machine and of private networks.
    pub dev_mode: bool,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("dev_mode", &self.dev_mode).finish_non_exhaustive()
    }
}

/// The service's mounts: administration for the public listener, decisions for the peers'.
pub fn compose(parts: Parts) -> RoleMounts {
    let Parts { database, audit, clock, entropy, admins, dev_mode } = parts;
    let mode = if dev_mode { Mode::Dev } else { Mode::Production };
    let store = Arc::new(SqlEnvironments::new(database));
    let environments = Arc::new(Environments { store, entropy, mode });
    let gate = Gate::new(GateParts {
        sessions: None,
        admins: Some(admins),
        audit: audit.clone(),
        clock: clock.clone(),
    });
    let admin = grpc::admin_server(gate.clone(), environments.clone(), audit.clone());
    let peer = grpc::peer_server(gate, environments);
    RoleMounts {
        public: Mount::new().service(admin).audit(audit.clone(), clock.clone()),
        peer: Mount::for_peers(CALLERS).service(peer).audit(audit, clock),
    }
}

//! The wiring of the role.

use std::sync::Arc;

use kernel::{Clock, Entropy, Timestamp};
use runtime::environments::EnvironmentSource;
use runtime::receipts::ReceiptVerifier;
use runtime::{Gate, RoleMounts};
use sea_orm::DatabaseConnection;
use storage::{AuditLog, Sealer};

use crate::domain::{Label, Restored};
use crate::grpc;
use crate::parties::EnvironmentParties;
use crate::ports::{Authenticators, Ceremonies, RelyingParties};
use crate::receipts::VerifiedReceipts;
use crate::service::Service;
use crate::store::{DecoySecret, SqlDeviceStore};

use crate::store::ceremonies::CeremonyStore;
use crate::webauthn::WebauthnAuthenticators;

/// What the role is made of.
pub struct Parts {
    /// Its own database, with the migrations of [`crate::Migrator`].
    pub database: DatabaseConnection,
    /// Seals seeds at rest.
    pub sealer: Arc<Sealer>,
    /// The audit trail that the gate writes to.
    pub audit: Arc<dyn AuditLog>,
    /// Finds out who is calling: users, administrators and peers.
    pub gate: Gate,
    /// Checks receipts for the audience [`runtime::receipts::FACTORS_AUDIENCE`].
    pub receipts: ReceiptVerifier,
    /// What passkeys take.
    pub passkeys: Passkeys,
    /// Randomness for ids, seeds and nonces.
    pub entropy: Arc<dyn Entropy>,
    /// The time, for the audit trail of requests that do not decode.
    pub clock: Arc<dyn Clock>,
    /// The issuer that authenticator apps show.
    pub issuer: Label,
    /// Where the database was put back: codes and receipts of this time or before count no more, and of the tries until
    /// then the worst is taken ([`storage::Mark::not_before`]).
    pub not_before: Option<Timestamp>,
}

/// What passkeys take.
pub struct Passkeys {
    /// Judges ceremonies.
    pub(crate) authenticators: Arc<dyn Authenticators>,
    /// Remembers them.
    pub(crate) ceremonies: Arc<dyn Ceremonies>,
    /// For whom passkeys are.
    pub(crate) parties: Arc<dyn RelyingParties>,
}

impl Passkeys {
    /// With ceremonies remembered there, for the relying parties that the environments' settings name.
    pub fn new(
        ceremonies: CeremonyStore,
        environments: Arc<dyn EnvironmentSource>,
        decoys: &DecoySecret,
    ) -> Self {
        Self {
            authenticators: Arc::new(WebauthnAuthenticators::new(decoys)),
            ceremonies: ceremonies.0,
            parties: Arc::new(EnvironmentParties(environments)),
        }
    }
}

/// The role, ready to be served.
pub fn compose(parts: Parts) -> RoleMounts {
    let restored = parts.not_before.map(Restored::until);
    let store = Arc::new(SqlDeviceStore::new(parts.database, parts.sealer).restored(restored));
    let service = Service {
        store: store.clone(),
        recovery: store.clone(),
        users: store.clone(),
        passkeys: store,
        authenticators: parts.passkeys.authenticators,
        ceremonies: parts.passkeys.ceremonies,
        parties: parts.passkeys.parties,
        receipts: Arc::new(VerifiedReceipts(parts.receipts.not_before(parts.not_before))),
        restored,
        entropy: parts.entropy,
        issuer: parts.issuer,
    };
    grpc::mounts(&parts.gate, Arc::new(service), parts.audit, parts.clock)
}

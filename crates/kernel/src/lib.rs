//! What every crate of Countersign agrees on: identifiers, time and randomness as ports, secrets that cannot
//! print, assurance, the closed error vocabulary and the audit event. No I/O, no async.

pub mod assurance;
pub mod audit;
pub mod clock;
pub mod entropy;
pub mod error;
pub mod ids;
pub mod reason;
pub mod secret;

pub use assurance::{Acr, Action, Amr, FactorKind, Scope};
pub use clock::{Clock, Timestamp};
pub use entropy::Entropy;
pub use error::{Error, FieldViolation, Result};
pub use ids::{
    AttemptId, CeremonyId, DeviceId, EnvironmentId, NodeId, OperationId, ProofId, RequestId, SessionId,
    TokenId, UserId, WalletId,
};
pub use reason::{Code, Reason};
pub use secret::{SecretBytes, SecretText};

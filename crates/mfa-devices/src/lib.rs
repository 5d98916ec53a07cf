//! Second factors of users: enrolment, verification, throttling. TOTP (RFC 6238), passkeys (WebAuthn Level 3) and
//! recovery codes beside them; administration.
//!
//! [`compose`] makes the role's services from its [`Parts`].

mod activation;
mod administration;
mod compose;
mod devices;
mod domain;
#[cfg(test)]
mod fakes;
#[cfg(test)]
mod fixtures;
mod grpc;
mod migrations;
mod parties;
mod passkeys;
mod payment;
mod ports;
mod proving;
mod receipts;
mod recovery;
mod refusal;
mod registration;
mod removal;
mod restore;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod webauthn;

pub use compose::{Parts, Passkeys, compose};
pub use domain::Label;
pub use grpc::CALLERS;
pub use migrations::Migrator;
pub use restore::AFTER_RESTORE;
pub use store::ceremonies::CeremonyStore;
pub use store::{DecoySecret, SEALED};

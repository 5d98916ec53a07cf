//! Types and rules of second factors. No I/O: time and randomness are arguments.

pub(crate) mod ceremony;
pub(crate) mod challenge;
pub(crate) mod code;
pub(crate) mod device;
pub(crate) mod factor_event;
pub(crate) mod freshness;
pub(crate) mod holdings;
pub(crate) mod label;
pub(crate) mod owner;
pub(crate) mod passkey;
pub(crate) mod proof;
pub(crate) mod qr;
pub(crate) mod recovery_code;
pub(crate) mod recovery_set;
pub(crate) mod restored;
pub(crate) mod throttle;
pub(crate) mod totp;

pub(crate) use ceremony::{Ceremony, CeremonyKind, CeremonyState};
pub(crate) use challenge::Challenge;
pub(crate) use code::Code;
pub(crate) use device::{Device, DeviceKind, DisplayName, Entitlement, PasskeyDetails, State};
pub(crate) use factor_event::{FactorEvent, Happening, Outgoing};
pub(crate) use holdings::{Holdings, Target};
pub use label::Label;
pub(crate) use owner::Owner;
pub(crate) use passkey::{
    Aaguid, Assertion, CredentialId, NewPasskey, PasskeyCredential, RelyingParty, SignCount, Transports,
    UserHandle,
};
pub(crate) use proof::{AnswerMac, Attempt, Proof};
pub(crate) use recovery_code::{CodeHash, RecoveryCode, RecoveryCodes};
pub(crate) use recovery_set::RecoverySet;
pub(crate) use restored::Restored;
pub(crate) use throttle::Throttle;
pub(crate) use totp::{Seed, Step, TotpAlgorithm, TotpParameters};

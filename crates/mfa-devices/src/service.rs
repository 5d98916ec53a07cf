//! What every use case works with, and who calls it.

use std::sync::Arc;

use kernel::{Entropy, SessionId, Timestamp};
use storage::Trail;

use crate::domain::{Label, Owner, Restored, TotpParameters};
use crate::ports::{
    Authenticators, Ceremonies, DeviceStore, PasskeyStore, Receipts, RecoveryStore, RelyingParties, UserStore,
};

/// The use cases, each in a file of its own.
pub(crate) struct Service {
    /// The devices.
    pub(crate) store: Arc<dyn DeviceStore>,
    /// The passkeys among them.
    pub(crate) passkeys: Arc<dyn PasskeyStore>,
    /// Judges passkey ceremonies.
    pub(crate) authenticators: Arc<dyn Authenticators>,
    /// The ceremonies under way.
    pub(crate) ceremonies: Arc<dyn Ceremonies>,
    /// For whom passkeys are.
    pub(crate) parties: Arc<dyn RelyingParties>,
    /// The recovery codes.
    pub(crate) recovery: Arc<dyn RecoveryStore>,
    /// Users as a whole, and the events that tell them.
    pub(crate) users: Arc<dyn UserStore>,
    /// Checks receipts.
    pub(crate) receipts: Arc<dyn Receipts>,
    /// Since when it is known what was accepted, where that was forgotten once.
    pub(crate) restored: Option<Restored>,
    /// Randomness for ids and seeds.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// The issuer in key URIs.
    pub(crate) issuer: Label,
}

/// A signed-in user's call.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The user.
    pub(crate) owner: Owner,
    /// The session the call is made in.
    pub(crate) session: SessionId,
    /// When the user signed in, where the provider says so.
    pub(crate) auth_time: Option<Timestamp>,
    /// The time of the call.
    pub(crate) at: Timestamp,
    /// Whether the environment wants every user to have a factor.
    pub(crate) enrolment_required: bool,
    /// How many TOTP devices it allows a user.
    pub(crate) max_totp_devices: usize,
    /// How many passkeys.
    pub(crate) max_passkeys: usize,
    /// How TOTP devices that are registered now compute their codes.
    pub(crate) totp: TotpParameters,
    /// What the call leaves in the audit trail.
    pub(crate) trail: Trail,
}

//! What is remembered of a WebAuthn ceremony between its options and its answer.

use std::fmt;
use std::time::Duration;

use kernel::{CeremonyId, DeviceId, Error, Reason, SessionId, Timestamp};
use storage::spending::Spend;

use super::device::DisplayName;
use super::owner::Owner;

/// How long the answer is waited for.
pub(crate) const LIFE: Duration = Duration::from_secs(5 * 60);

/// How many ceremonies a user has under way at most.
pub(crate) const MAX_PER_USER: usize = 10;

/// A ceremony under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ceremony {
    /// Names it; random.
    pub(crate) id: CeremonyId,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// The session it was begun in; the answer is taken in no other.
    pub(crate) session: SessionId,
    /// What for.
    pub(crate) kind: CeremonyKind,
    /// Random; the challenge was made from it.
    pub(crate) nonce: [u8; 32],
    /// What the answer is judged by.
    pub(crate) state: CeremonyState,
    /// When it is over.
    pub(crate) expires: Timestamp,
}

impl Ceremony {
    /// Whether its answer is in time, and of the session that it was begun in.
    pub(crate) fn is_for(&self, session: &SessionId, now: Timestamp) -> bool {
        self.session == *session && now < self.expires
    }
}

/// What a ceremony is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CeremonyKind {
    /// To make a passkey a factor.
    Registration {
        /// The device it will be.
        device: DeviceId,
        /// What to call it.
        display_name: DisplayName,
        /// The spent receipt that pays for it; none for a first factor.
        payment: Option<Spend>,
        /// [`super::Holdings::generation`] when it began: what was begun before a factor was born, or before all were
        /// taken from the user, leads nowhere.
        generation: u64,
    },
    /// To prove one.
    Authentication {
        /// SHA-256 over everything the proof is to be good for.
        purpose: [u8; 32],
        /// The digest of the operation that it is bound to.
        operation: Option<[u8; 32]>,
        /// The passkeys that may answer. One that is registered later under the same credential id is another.
        devices: Vec<DeviceId>,
    },
}

/// What the answer of an authenticator is judged by. Read by nobody but the [`crate::ports::Authenticators`] that made it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CeremonyState(pub(crate) Vec<u8>);

/// Says that there is a state, not which.
impl fmt::Debug for CeremonyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CeremonyState(..)")
    }
}

/// The refusal of a user who has as many ceremonies under way as may be.
pub(crate) fn too_many(wait: Duration) -> Error {
    Error::new(
        Reason::Overloaded,
        "this user has ten passkey ceremonies under way; finish one of them, or try again when one has expired",
    )
    .retry_after(wait)
}

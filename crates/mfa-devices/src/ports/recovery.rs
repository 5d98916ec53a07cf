//! What the use cases of recovery codes need.

use async_trait::async_trait;
use kernel::{DeviceId, ProofId, Result, SessionId, Timestamp};

use crate::domain::{CodeHash, Owner, Proof, RecoveryCodes, RecoverySet};

/// The proof that pays for codes, to be used up: a [`grant`](Proof::grant) that another kind of factor gave in this session
/// within [`GRANT_LIFE`](crate::domain::proof::GRANT_LIFE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payment {
    /// This one.
    Proof(ProofId),
    /// The newest that the session left.
    Left,
}

/// Codes about to be made.
#[derive(Debug)]
pub(crate) struct Making {
    /// The id of the set.
    pub(crate) id: DeviceId,
    /// The codes.
    pub(crate) codes: RecoveryCodes,
    /// The session that makes them.
    pub(crate) session: SessionId,
    /// What pays for them.
    pub(crate) payment: Payment,
    /// When.
    pub(crate) at: Timestamp,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// They are there, and older ones are dead.
    Made(RecoverySet),
    /// There is no factor beside them, or no proof that would pay.
    Unpaid,
}

/// Codes about to be shown again.
#[derive(Clone, Debug)]
pub(crate) struct Showing {
    /// The session that wants to see them.
    pub(crate) session: SessionId,
    /// What pays for it.
    pub(crate) payment: Payment,
    /// When.
    pub(crate) at: Timestamp,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum ShownAgain {
    /// The codes.
    Codes(RecoverySet, RecoveryCodes),
    /// They are not shown any more, or not to this session, or there are none.
    Hidden,
    /// There is no proof that would pay.
    Unpaid,
}

/// The codes that one may be, without the codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// The set.
    pub(crate) set: DeviceId,
    /// What is kept of those that are not used, by their places.
    pub(crate) codes: Vec<(i32, CodeHash)>,
}

/// A right code about to be used up.
#[derive(Clone, Debug)]
pub(crate) struct CodeUse {
    /// The place of the code in the set that the proof names as its device.
    pub(crate) place: i32,
    /// What it proves.
    pub(crate) proof: Proof,
}

/// The recovery codes of all users. Whatever is changed here is changed in one atomic step, whoever else calls.
#[async_trait]
pub(crate) trait RecoveryStore: Send + Sync {
    /// A user's set. What its codes could be shown from is erased when that time is over.
    async fn recovery_set(&self, owner: Owner, now: Timestamp) -> Result<Option<RecoverySet>>;

    /// Makes codes in place of those there are, and of the proofs those gave; its payment is used up in the same step.
    async fn make_codes(&self, owner: Owner, making: &Making) -> Result<Made>;

    /// Opens the codes; its payment is used up in the same step.
    async fn show_codes(&self, owner: Owner, showing: &Showing) -> Result<ShownAgain>;

    /// Erases what the codes could be shown from. None where the user has no set.
    async fn acknowledge_codes(&self, owner: Owner) -> Result<Option<RecoverySet>>;

    /// The codes that are not used; none where the user has no set, for as much work.
    async fn unused_codes(&self, owner: Owner) -> Result<Option<Candidates>>;

    /// Uses up a code, leaves the proof and clears the throttle, all or nothing, and says how many are left. None, and
    /// nothing is changed, when the code was used, its set is not the user's any more, or the request id has an answer.
    async fn use_code(&self, owner: Owner, code: &CodeUse) -> Result<Option<u32>>;
}

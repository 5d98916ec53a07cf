//! What policy is asked and what it says.

use kernel::{Action, DeviceId, EnvironmentId, Timestamp, UserId};

use super::factors::{FactorFacts, Proof};
use super::requirement::Requirement;

/// A question to policy: may this action go on?
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user, who names the devices.
    pub(crate) user: UserId,
    /// The action.
    pub(crate) action: Action,
    /// What is known of the user's factors.
    pub(crate) facts: &'a FactorFacts,
    /// The proof at hand.
    pub(crate) proof: Option<&'a Proof>,
    /// Whether the operation signs bytes that show nothing of what they mean.
    pub(crate) opaque_payload: bool,
    /// When the user of the session signed in, if anybody knows.
    pub(crate) session_auth_time: Option<Timestamp>,
    /// Of the removal of a factor: which one, where that is known.
    pub(crate) unlink_device: Option<DeviceId>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// What policy says.
    pub(crate) verdict: Verdict,
    /// The version of the environment that was judged by.
    pub(crate) policy_version: u64,
}

/// What policy says, with what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Open to the session. Carries what a token would have to be; nothing for an action without a scope.
    Allow(Option<Requirement>),
    /// The proof at hand satisfies the demand; its token must be redeemed first.
    AllowWithProof(Requirement),
    /// A proof is needed and there is none that is good enough.
    StepUpRequired(Requirement),
    /// A factor is needed and the user has none.
    EnrolmentRequired(Requirement),
    /// A proof is needed, and all factors that would do are on hold.
    FactorOnHold {
        /// What it has to be.
        requirement: Requirement,
        /// When the first of them may pay.
        until: Timestamp,
    },
    /// The user has no factor, and a younger sign-in would do instead.
    ReauthenticationRequired {
        /// What a proof would have to be.
        requirement: Requirement,
        /// How old the sign-in may be, in seconds.
        within_seconds: u32,
    },
    /// Forbidden; also what an answer that is not known here stands for.
    Deny,
}

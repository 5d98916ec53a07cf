//! What policy is asked and what it says.

use kernel::{Action, EnvironmentId, UserId};

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
    /// Forbidden; also what an answer that is not known here stands for.
    Deny,
}

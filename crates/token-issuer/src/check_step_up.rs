//! Whether an action needs a proof from this user, and which would do. Changes nothing.

use std::sync::Arc;

use kernel::{Action, Result};
use runtime::UserCall;

use crate::domain::decision::{Question, Verdict};
use crate::domain::factors::VerifiedFactor;
use crate::domain::requirement::Requirement;
use crate::ports::{Factors, Policy};

/// Checks actions.
#[derive(Clone)]
pub(crate) struct CheckStepUp {
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) factors: Arc<dyn Factors>,
}

/// Whether an action is open to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// A session is enough. Carries what a token would have to be, if the action has a scope.
    NotRequired(Option<Requirement>),
    /// A proof is needed.
    Required(Requirement),
    /// A factor is needed and there is none.
    EnrolmentRequired(Requirement),
    /// Forbidden.
    Denied,
}

/// What is known of an action for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepUp {
    /// Whether it is open.
    pub(crate) status: Status,
    /// The verified factors that would do.
    pub(crate) factors: Vec<VerifiedFactor>,
    /// The version of the environment that was judged by.
    pub(crate) policy_version: u64,
}

impl CheckStepUp {
    /// Checks `action` for the caller.
    pub(crate) async fn check(&self, call: &UserCall, action: Action) -> Result<StepUp> {
        let mut facts = self.factors.facts(call.environment, call.user).await?;
        let question = Question {
            environment: call.environment,
            user: call.user,
            action,
            facts: &facts,
            proof: None,
            opaque_payload: false,
        };
        let decision = self.policy.decide(question).await?;
        let status = match decision.verdict {
            Verdict::Allow(requirement) => Status::NotRequired(requirement),
            Verdict::StepUpRequired(requirement) => Status::Required(requirement),
            Verdict::EnrolmentRequired(requirement) => Status::EnrolmentRequired(requirement),
            // No proof was shown, so none can have satisfied anything.
            Verdict::AllowWithProof(_) | Verdict::Deny => Status::Denied,
        };
        let methods = match &status {
            Status::NotRequired(Some(requirement))
            | Status::Required(requirement)
            | Status::EnrolmentRequired(requirement) => requirement.methods.as_slice(),
            Status::NotRequired(None) | Status::Denied => &[],
        };
        facts.factors.retain(|factor| methods.contains(&factor.kind));
        Ok(StepUp { status, factors: facts.factors, policy_version: decision.policy_version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{FakeFactors, FakePolicy, call, factor, requirement};

    async fn check(verdict: Verdict) -> StepUp {
        let check = CheckStepUp {
            policy: Arc::new(FakePolicy::always(verdict)),
            factors: Arc::new(FakeFactors::with(&[factor(1), factor(2)])),
        };
        check.check(&call(), Action::WalletExport).await.unwrap()
    }

    #[tokio::test]
    async fn it_says_what_is_needed_and_which_factors_would_do() {
        let requirement = requirement(Action::WalletExport);
        let needed = check(Verdict::StepUpRequired(requirement.clone())).await;
        assert_eq!(needed.status, Status::Required(requirement.clone()));
        assert_eq!(needed.factors, [factor(1), factor(2)]);
        assert_eq!(needed.policy_version, FakePolicy::VERSION);

        let none_would_do = Requirement { methods: Vec::new(), ..requirement };
        assert!(check(Verdict::StepUpRequired(none_would_do)).await.factors.is_empty());
        let open = check(Verdict::Allow(None)).await;
        assert_eq!((open.status, open.factors.len()), (Status::NotRequired(None), 0));
    }

    #[tokio::test]
    async fn an_answer_that_makes_no_sense_is_a_denial() {
        let requirement = requirement(Action::WalletExport);
        assert_eq!(check(Verdict::AllowWithProof(requirement)).await.status, Status::Denied);
        assert_eq!(check(Verdict::Deny).await.status, Status::Denied);
    }
}

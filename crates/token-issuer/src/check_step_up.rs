//! Whether an action needs a proof from this user, and which would do. Changes nothing.

use std::sync::Arc;

use kernel::{Action, Result, Timestamp};
use runtime::UserCall;

use crate::domain::decision::Verdict;
use crate::domain::factors::VerifiedFactor;
use crate::domain::requirement::Requirement;
use crate::judge::question;
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
    /// A proof is needed, and all factors that would do are on hold.
    FactorOnHold {
        /// What it has to be.
        requirement: Requirement,
        /// When the first of them may pay.
        until: Timestamp,
    },
    /// A younger sign-in is needed, in place of a factor that there is none of.
    ReauthenticationRequired {
        /// What a proof would have to be.
        requirement: Requirement,
        /// How old the sign-in may be, in seconds.
        within_seconds: u32,
    },
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
        let mut facts = self.factors.facts(call.environment, call.user, &call.session).await?;
        let decision = self.policy.decide(question(call, action, &facts, None, None)).await?;
        let status = match decision.verdict {
            Verdict::Allow(requirement) => Status::NotRequired(requirement),
            Verdict::StepUpRequired(requirement) => Status::Required(requirement),
            Verdict::EnrolmentRequired(requirement) => Status::EnrolmentRequired(requirement),
            Verdict::FactorOnHold { requirement, until } => Status::FactorOnHold { requirement, until },
            Verdict::ReauthenticationRequired { requirement, within_seconds } => {
                Status::ReauthenticationRequired { requirement, within_seconds }
            }
            // No proof was shown, so none can have satisfied anything.
            Verdict::AllowWithProof(_) | Verdict::Deny => Status::Denied,
        };
        let methods = match &status {
            Status::NotRequired(Some(requirement))
            | Status::Required(requirement)
            | Status::EnrolmentRequired(requirement)
            | Status::FactorOnHold { requirement, .. }
            | Status::ReauthenticationRequired { requirement, .. } => requirement.methods.as_slice(),
            Status::NotRequired(None) | Status::Denied => &[],
        };
        facts.factors.retain(|factor| methods.contains(&factor.kind) && !factor.exhausted);
        Ok(StepUp { status, factors: facts.factors, policy_version: decision.policy_version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{FakeFactors, FakePolicy, NOW, call, factor, recovery_codes, requirement};
    use kernel::FactorKind;

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
    async fn whoever_has_to_wait_or_to_sign_in_is_told_so_and_shown_no_factor() {
        let requirement = Requirement { methods: Vec::new(), ..requirement(Action::WalletExport) };
        let held = check(Verdict::FactorOnHold { requirement: requirement.clone(), until: NOW }).await;
        let status = Status::FactorOnHold { requirement: requirement.clone(), until: NOW };
        assert_eq!((held.status, held.factors), (status, Vec::new()));
        let verdict =
            Verdict::ReauthenticationRequired { requirement: requirement.clone(), within_seconds: 600 };
        let status = Status::ReauthenticationRequired { requirement, within_seconds: 600 };
        assert_eq!(check(verdict).await.status, status);
    }

    #[tokio::test]
    async fn recovery_codes_that_are_used_up_are_not_shown() {
        let used_up = VerifiedFactor { exhausted: true, ..recovery_codes(3) };
        let methods = vec![FactorKind::Totp, FactorKind::RecoveryCode];
        let requirement = Requirement { methods, ..requirement(Action::WalletExport) };
        let check = CheckStepUp {
            policy: Arc::new(FakePolicy::always(Verdict::StepUpRequired(requirement))),
            factors: Arc::new(FakeFactors::with(&[factor(1), used_up])),
        };
        let found = check.check(&call(), Action::WalletExport).await.unwrap();
        assert_eq!(found.factors, [factor(1)]);
    }

    #[tokio::test]
    async fn an_answer_that_makes_no_sense_is_a_denial() {
        let requirement = requirement(Action::WalletExport);
        assert_eq!(check(Verdict::AllowWithProof(requirement)).await.status, Status::Denied);
        assert_eq!(check(Verdict::Deny).await.status, Status::Denied);
    }
}

//! Refusals that say what would satisfy policy.

use std::time::Duration;

use kernel::{Action, Error, Reason, Timestamp};
use operation::Digest;

use super::decision::Verdict;
use super::requirement::{Binding, Requirement};

/// What policy says as a refusal: to whom nothing at hand satisfies it.
pub(crate) fn refused(verdict: &Verdict, action: Action, digest: Option<Digest>, now: Timestamp) -> Error {
    match verdict {
        Verdict::StepUpRequired(requirement) => step_up_required(requirement, digest),
        Verdict::EnrolmentRequired(requirement) => enrolment_required(requirement, digest),
        Verdict::FactorOnHold { requirement, until } => factor_on_hold(requirement, digest, until.since(now)),
        Verdict::ReauthenticationRequired { requirement, within_seconds } => {
            reauthentication_required(requirement, digest, *within_seconds)
        }
        Verdict::Allow(_) | Verdict::AllowWithProof(_) | Verdict::Deny => action_denied(action),
    }
}

/// A proof is needed, and this is which.
pub(crate) fn step_up_required(requirement: &Requirement, digest: Option<Digest>) -> Error {
    let scopes = scopes(requirement);
    let how = match requirement.binding {
        Binding::Operation => "with exactly this operation",
        Binding::Wallet => "with this scope and this wallet",
        Binding::Scope => "with this scope",
    };
    let message = format!(
        "`{action}` needs a fresh proof of a second factor: authenticate {how} (`{scopes}`), then authorize the \
         operation with the elevated token",
        action = requirement.action,
    );
    with_requirement(Error::new(Reason::StepUpRequired, message), requirement, digest)
}

/// A factor is needed and there is none.
fn enrolment_required(requirement: &Requirement, digest: Option<Digest>) -> Error {
    let message = format!(
        "`{action}` needs a second factor and none is registered: register one, then prove it",
        action = requirement.action,
    );
    with_requirement(Error::new(Reason::EnrolmentRequired, message), requirement, digest)
}

/// A proof is needed, and all factors that would do are too young for it; the first of them may pay after `wait`.
fn factor_on_hold(requirement: &Requirement, digest: Option<Digest>, wait: Duration) -> Error {
    let message = format!(
        "`{action}` needs a fresh proof of a second factor, and every one that would do was added too recently to pay \
         for it: wait until the hold is over",
        action = requirement.action,
    );
    with_requirement(Error::new(Reason::FactorOnHold, message), requirement, digest).retry_after(wait)
}

/// The user has no factor, and has to sign in again instead, within so many seconds before.
fn reauthentication_required(
    requirement: &Requirement,
    digest: Option<Digest>,
    within_seconds: u32,
) -> Error {
    let message = format!(
        "`{action}` needs a sign-in within the last {within_seconds} seconds, or a second factor, and none is \
         registered: sign in again, or register one and prove it",
        action = requirement.action,
    );
    with_requirement(Error::new(Reason::ReauthenticationRequired, message), requirement, digest)
        .with("reauthentication_seconds", within_seconds.to_string())
}

/// Policy forbids it.
fn action_denied(action: Action) -> Error {
    Error::new(Reason::ActionDenied, format!("policy forbids `{action}`; an administrator decides that"))
        .with("action", action.as_str())
}

fn scopes(requirement: &Requirement) -> String {
    requirement.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

fn with_requirement(error: Error, requirement: &Requirement, digest: Option<Digest>) -> Error {
    let methods = requirement.methods.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",");
    let error = error
        .with("action", requirement.action.as_str())
        .with("scopes", scopes(requirement))
        .with("acr", requirement.acr.as_str())
        .with("methods", methods)
        .with("binding", requirement.binding.as_str())
        .with("token_behavior", requirement.token_behavior.as_str())
        .with("token_expiry_seconds", requirement.token_expiry_seconds.to_string())
        .with("max_age_seconds", requirement.max_age_seconds.to_string())
        .with("sender_constraint", requirement.sender_constraint.as_str());
    match digest {
        Some(digest) => error.with("operation_digest", digest.to_string()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{export, requirement};

    #[test]
    fn the_refusal_says_what_would_do() {
        let digest = export(1).digest();
        let error = step_up_required(&requirement(Action::WalletExport), Some(digest));
        assert_eq!(error.reason(), Reason::StepUpRequired);
        let metadata: Vec<_> =
            error.metadata().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            metadata,
            [
                ("acr", "urn:countersign:acr:otp"),
                ("action", "wallet.waas.export"),
                ("binding", "operation"),
                ("max_age_seconds", "300"),
                ("methods", "totp"),
                ("operation_digest", digest.to_string().as_str()),
                ("scopes", "wallet:export"),
                ("sender_constraint", "off"),
                ("token_behavior", "single_use"),
                ("token_expiry_seconds", "300"),
            ]
        );
        let enrol = enrolment_required(&requirement(Action::WalletExport), None);
        assert_eq!(enrol.reason(), Reason::EnrolmentRequired);
        assert!(!enrol.metadata().contains_key("operation_digest"));
    }

    #[test]
    fn whoever_has_to_wait_or_to_sign_in_is_told_how_long_and_how_recently() {
        let demand = Requirement { methods: Vec::new(), ..requirement(Action::WalletExport) };
        let digest = export(1).digest();
        let like = step_up_required(&demand, Some(digest));

        let wait = Duration::from_secs(3_601);
        let held = factor_on_hold(&demand, Some(digest), wait);
        assert_eq!((held.reason(), held.retry_delay()), (Reason::FactorOnHold, Some(wait)));
        assert_eq!(held.metadata(), like.metadata());

        let sign_in = reauthentication_required(&demand, Some(digest), 600);
        assert_eq!(sign_in.reason(), Reason::ReauthenticationRequired);
        let mut metadata = sign_in.metadata().clone();
        assert_eq!(metadata.remove("reauthentication_seconds").as_deref(), Some("600"));
        assert_eq!(metadata, *like.metadata());
        assert_eq!(metadata["methods"], "");
    }
}

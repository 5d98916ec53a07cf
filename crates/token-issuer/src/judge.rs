//! What policy says to an action of a caller, and to the purpose that a factor is to be proved for, before it is tested.

use std::sync::Arc;

use kernel::{Action, Error, FactorKind, Result};
use operation::{Body, CheckedOperation, Digest, MessageForm};
use runtime::UserCall;

use crate::domain::decision::{Question, Verdict};
use crate::domain::factors::{FactorFacts, Proof};
use crate::domain::purpose::Purpose;
use crate::domain::refusal::{refused, step_up_required};
use crate::domain::requirement::{Binding, Requirement};
use crate::domain::terms::{self, Terms};
use crate::ports::{Factors, Policy};

/// The question to policy about an action of the caller, for an operation and with a proof where there is one.
pub(crate) fn question<'a>(
    call: &UserCall,
    action: Action,
    facts: &'a FactorFacts,
    operation: Option<&CheckedOperation>,
    proof: Option<&'a Proof>,
) -> Question<'a> {
    let unlink_device = match operation.map(|operation| &operation.operation().body) {
        Some(Body::UnlinkCredential { device }) => Some(*device),
        Some(
            Body::CreateWallet { .. }
            | Body::SignMessage { .. }
            | Body::ExportWallet { .. }
            | Body::LinkCredential { .. },
        )
        | None => None,
    };
    Question {
        environment: call.environment,
        user: call.user,
        action,
        facts,
        proof,
        opaque_payload: operation.is_some_and(is_opaque),
        session_auth_time: call.auth_time,
        unlink_device,
    }
}

/// Whether the operation signs bytes that show nothing of what they mean.
fn is_opaque(operation: &CheckedOperation) -> bool {
    operation.facts().message.as_ref().is_some_and(|message| message.form == MessageForm::Binary)
}

/// Asks policy about purposes.
#[derive(Clone)]
pub(crate) struct Judge {
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) factors: Arc<dyn Factors>,
}

impl Judge {
    /// The terms of a token for this purpose, made by a proof of this kind of factor. Refuses what no such token could
    /// open, as policy would when it is to be used.
    pub(crate) async fn terms(
        &self,
        call: &UserCall,
        kind: FactorKind,
        purpose: &Purpose,
        operation: Option<&CheckedOperation>,
    ) -> Result<Terms> {
        let facts = self.factors.facts(call.environment, call.user, &call.session).await?;
        let offer = Offer { call, kind, facts: &facts, digest: operation.map(CheckedOperation::digest) };
        let mut judged = Vec::with_capacity(purpose.scopes().len());
        for scope in purpose.scopes() {
            let action = scope.action();
            let decision = self.policy.decide(question(call, action, &facts, operation, None)).await?;
            judged.push((offer.satisfies(action, decision.verdict)?, decision.policy_version));
        }
        terms::combine(judged.iter().map(|(requirement, version)| (requirement, *version)))
            .ok_or_else(|| Error::internal("a purpose without a scope"))
    }
}

/// A proof that is offered: by which kind of factor, and for which operation, if for one.
struct Offer<'a> {
    call: &'a UserCall,
    kind: FactorKind,
    facts: &'a FactorFacts,
    digest: Option<Digest>,
}

impl Offer<'_> {
    /// What a token has to be, where the proof could satisfy the verdict; else the refusal.
    fn satisfies(&self, action: Action, verdict: Verdict) -> Result<Requirement> {
        match verdict {
            // Nothing is demanded now; a token may be wanted all the same, for when it is.
            Verdict::Allow(Some(requirement)) => Ok(requirement),
            Verdict::StepUpRequired(requirement)
                if self.is_offered(&requirement)
                    && self.reaches(&requirement)
                    && self.is_bound(&requirement) =>
            {
                Ok(requirement)
            }
            Verdict::EnrolmentRequired(requirement)
            | Verdict::ReauthenticationRequired { requirement, .. }
                if self.may_be_first(&requirement) =>
            {
                self.bound(requirement)
            }
            other => Err(refused(&other, action, self.digest, self.call.at)),
        }
    }

    /// Whether policy counts on this kind of factor, or did: whoever uses up the last code and does not hear of it asks
    /// again, when codes are offered no more.
    fn is_offered(&self, requirement: &Requirement) -> bool {
        requirement.methods.contains(&self.kind) || self.facts.used_up(self.kind)
    }

    fn reaches(&self, requirement: &Requirement) -> bool {
        self.kind.acr() >= requirement.acr
    }

    fn is_bound(&self, requirement: &Requirement) -> bool {
        requirement.binding == Binding::Scope || self.digest.is_some()
    }

    /// Whether the proof may make the factor that is missing: a pending TOTP device is activated by its first right
    /// code. Passkeys are verified when they are registered, and recovery codes are no factor.
    fn may_be_first(&self, requirement: &Requirement) -> bool {
        self.kind == FactorKind::Totp && self.reaches(requirement)
    }

    fn bound(&self, requirement: Requirement) -> Result<Requirement> {
        if self.is_bound(&requirement) {
            Ok(requirement)
        } else {
            Err(step_up_required(&requirement, self.digest))
        }
    }
}

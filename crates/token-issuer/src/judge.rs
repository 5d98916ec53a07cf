//! What policy says to an action of a caller, and to the purpose that a factor is to be proved for, before it is tested.

use std::sync::Arc;

use kernel::{Action, Error, FactorKind, Result};
use operation::{Body, CheckedOperation, Digest, MessageForm};
use runtime::UserCall;

use crate::domain::bound::Bound;
use crate::domain::decision::{Question, Verdict};
use crate::domain::factors::{FactorFacts, Proof};
use crate::domain::purpose::Purpose;
use crate::domain::refusal::{refused, step_up_required};
use crate::domain::requirement::{Binding, Requirement, TokenBehavior};
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
    /// open, as policy would when it is to be used. Of a batch every operation is judged, and the strictest terms hold.
    pub(crate) async fn terms(
        &self,
        call: &UserCall,
        kind: FactorKind,
        purpose: &Purpose,
        operations: &[CheckedOperation],
    ) -> Result<Terms> {
        let facts = self.factors.facts(call.environment, call.user, &call.session).await?;
        let (binding, digest) = (purpose.bound().binding(), purpose.bound().digest());
        let offer = Offer { call, kind, facts: &facts, binding, digest };
        let mut judged = Vec::with_capacity(purpose.scopes().len());
        for question in questions(call, purpose, operations, &facts) {
            let decision = self.policy.decide(question).await?;
            judged.push((offer.satisfies(question.action, decision.verdict)?, decision.policy_version));
        }
        strictest(purpose, &judged)
    }

    /// The terms of a token for this purpose that states this proof. Refuses what policy would refuse when it is to be
    /// used.
    pub(crate) async fn terms_of(
        &self,
        call: &UserCall,
        proof: &Proof,
        purpose: &Purpose,
        operations: &[CheckedOperation],
    ) -> Result<Terms> {
        let facts = self.factors.facts(call.environment, call.user, &call.session).await?;
        let mut judged = Vec::with_capacity(purpose.scopes().len());
        for question in questions(call, purpose, operations, &facts) {
            let question = Question { proof: Some(proof), ..question };
            let decision = self.policy.decide(question).await?;
            let requirement = match decision.verdict {
                Verdict::AllowWithProof(requirement) | Verdict::Allow(Some(requirement)) => requirement,
                other => return Err(refused(&other, question.action, purpose.bound().digest(), call.at)),
            };
            judged.push((requirement, decision.policy_version));
        }
        strictest(purpose, &judged)
    }
}

/// The terms that satisfy all that was demanded for a purpose.
fn strictest(purpose: &Purpose, judged: &[(Requirement, u64)]) -> Result<Terms> {
    let terms = terms::combine(judged.iter().map(|(requirement, version)| (requirement, *version)))
        .ok_or_else(|| Error::internal("a purpose without a scope"))?;
    Ok(match purpose.bound() {
        // Each operation once, whatever else policy would let it be used for.
        Bound::Batch(_) => Terms { behavior: TokenBehavior::SingleUse, ..terms },
        Bound::Scopes | Bound::Wallet(_) | Bound::Operation(_) => terms,
    })
}

/// What policy is asked about a purpose: about each scope or each operation, and nothing twice.
fn questions<'a>(
    call: &UserCall,
    purpose: &Purpose,
    operations: &[CheckedOperation],
    facts: &'a FactorFacts,
) -> Vec<Question<'a>> {
    if operations.is_empty() {
        let actions = purpose.scopes().iter().map(|scope| scope.action());
        return actions.map(|action| question(call, action, facts, None, None)).collect();
    }
    let mut questions: Vec<Question<'a>> = Vec::new();
    for operation in operations {
        let asked = question(call, operation.action(), facts, Some(operation), None);
        let same = |other: &Question<'_>| {
            (other.action, other.opaque_payload, other.unlink_device)
                == (asked.action, asked.opaque_payload, asked.unlink_device)
        };
        if !questions.iter().any(same) {
            questions.push(asked);
        }
    }
    questions
}

/// A proof that is offered: by which kind of factor, how closely it is to be tied, and to which operation, if to one.
struct Offer<'a> {
    call: &'a UserCall,
    kind: FactorKind,
    facts: &'a FactorFacts,
    binding: Binding,
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
        self.binding >= requirement.binding
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

//! Policy over gRPC.

use async_trait::async_trait;
use kernel::{EnvironmentId, Error, Result, UserId};
use proto::policy::TokenKind as TokenKindValue;
use proto::policy::policy_service_client::PolicyServiceClient;
use proto::policy::{ClientKind, DecideRequest, DecideResponse, Effect, Proof as ProofValue};
use proto::{convert, names};
use runtime::{limits, peer};
use tonic::transport::Channel;

use super::convert::{behavior_value, binding_value, facts_value, requirement};
use super::{DEADLINE, refusal, unavailable};
use crate::domain::decision::{Decision, Question, Verdict};
use crate::domain::factors::{Proof, ProvedBy};
use crate::domain::requirement::Requirement;
use crate::domain::token::TokenKind;
use crate::ports::Policy;

const AWAY: &str = "policy could not decide, so nothing was authorized. Try again";

/// The policy service.
#[derive(Clone, Debug)]
pub(crate) struct PolicyPeer {
    client: PolicyServiceClient<Channel>,
}

impl PolicyPeer {
    /// Over a channel to policy's peer listener.
    pub(crate) fn new(channel: Channel) -> Self {
        let client = PolicyServiceClient::new(channel).max_decoding_message_size(limits::MAX_RESPONSE_BYTES);
        Self { client }
    }
}

#[async_trait]
impl Policy for PolicyPeer {
    async fn decide(&self, question: Question<'_>) -> Result<Decision> {
        let request = peer::request(question_value(question), DEADLINE);
        let answer =
            self.client.clone().decide(request).await.map_err(|status| refusal(&status, &[], AWAY))?;
        decision(answer.into_inner()).map_err(|error| unavailable(AWAY, error))
    }
}

fn question_value(question: Question<'_>) -> DecideRequest {
    DecideRequest {
        environment: names::environment(question.environment),
        action: convert::action_value(question.action).into(),
        factor_facts: Some(facts_value(question.facts, question.environment, question.user)),
        client_kind: ClientKind::Grpc.into(),
        proof: question.proof.map(|proof| proof_value(proof, question.environment, question.user)),
        opaque_payload: question.opaque_payload,
        session_auth_time: question.session_auth_time.map(convert::timestamp),
        unlink_device: question
            .unlink_device
            .map(|device| names::device(question.environment, question.user, device))
            .unwrap_or_default(),
    }
}

fn proof_value(proof: &Proof, environment: EnvironmentId, user: UserId) -> ProofValue {
    let token_kind = match proof.token_kind {
        TokenKind::Elevated => TokenKindValue::Elevated,
        TokenKind::LegacyMfa => TokenKindValue::LegacyMfa,
    };
    let (factor_kind, device, assertion_issuer) = match &proof.by {
        ProvedBy::Factor { kind, device } => (
            convert::factor_kind_value(*kind).into(),
            names::device(environment, user, *device),
            String::new(),
        ),
        // Of what is not a factor nothing is said, not even a kind.
        ProvedBy::Assertion(issuer) => (0, String::new(), issuer.clone()),
    };
    ProofValue {
        acr: proof.acr.as_str().to_owned(),
        factor_kind,
        device,
        auth_time: Some(convert::timestamp(proof.auth_time)),
        scopes: proof.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        binding: binding_value(proof.binding).into(),
        token_behavior: behavior_value(proof.token_behavior).into(),
        token_kind: token_kind.into(),
        sender_constrained: proof.sender_constrained,
        assertion_issuer,
    }
}

/// An effect that is not known here is a denial.
fn decision(answer: DecideResponse) -> Result<Decision> {
    let demanded = answer.requirement.map(requirement).transpose()?;
    let required =
        |demanded: Option<Requirement>| demanded.ok_or_else(|| Error::invalid("requirement", "is missing"));
    let verdict = match Effect::try_from(answer.effect) {
        Ok(Effect::Allow) => Verdict::Allow(demanded),
        Ok(Effect::AllowWithProof) => Verdict::AllowWithProof(required(demanded)?),
        Ok(Effect::StepUpRequired) => Verdict::StepUpRequired(required(demanded)?),
        Ok(Effect::EnrolmentRequired) => Verdict::EnrolmentRequired(required(demanded)?),
        Ok(Effect::FactorOnHold) => Verdict::FactorOnHold {
            requirement: required(demanded)?,
            until: convert::time("hold_end_time", answer.hold_end_time)?,
        },
        Ok(Effect::ReauthenticationRequired) => match answer.reauthentication_seconds {
            0 => return Err(Error::invalid("reauthentication_seconds", "is missing")),
            within_seconds => {
                Verdict::ReauthenticationRequired { requirement: required(demanded)?, within_seconds }
            }
        },
        Ok(Effect::Deny | Effect::Unspecified) | Err(_) => Verdict::Deny,
    };
    Ok(Decision { verdict, policy_version: answer.policy_version })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Action, FactorKind};
    use proto::types;

    use crate::domain::factors::FactorFacts;
    use crate::fixtures::{NOW, call, factor, sign, unlink};
    use crate::judge::question;

    fn wire() -> types::Requirement {
        types::Requirement {
            action: types::Action::WalletExport.into(),
            scopes: vec!["wallet:export".to_owned()],
            acr: "urn:countersign:acr:otp".to_owned(),
            binding: types::Binding::Operation.into(),
            methods: vec![types::FactorKind::Totp.into()],
            token_behavior: types::TokenBehavior::SingleUse.into(),
            token_expiry_seconds: 300,
            max_age_seconds: 360,
            sender_constraint: types::SenderConstraint::Off.into(),
        }
    }

    fn answer(effect: i32, requirement: Option<types::Requirement>) -> Result<Decision> {
        decision(DecideResponse {
            effect,
            requirement,
            rule_ids: Vec::new(),
            policy_version: 7,
            hold_end_time: Some(convert::timestamp(NOW)),
            reauthentication_seconds: 600,
        })
    }

    #[test]
    fn policy_is_told_the_sign_in_and_of_a_removal_which_factor_is_to_go() {
        let facts = FactorFacts { factors: vec![factor(1)], ever_verified: true, first_session: true };
        let call = call();
        let asked = |action, operation: Option<&operation::CheckedOperation>| {
            question_value(question(&call, action, &facts, operation, None))
        };
        let bound = asked(Action::CredentialUnlink, Some(&unlink(1)));
        assert_eq!(bound.unlink_device, names::device(call.environment, call.user, factor(1).device));
        assert_eq!(bound.session_auth_time, call.auth_time.map(convert::timestamp));
        let sent = bound.factor_facts.unwrap();
        assert!(sent.first_session && sent.ever_verified);
        assert_eq!(sent.factors[0].verify_time, Some(convert::timestamp(factor(1).verified)));
        for other in [asked(Action::CredentialUnlink, None), asked(Action::WalletSign, Some(&sign(1, b"x")))]
        {
            assert_eq!(other.unlink_device, "");
        }
    }

    #[test]
    fn every_effect_has_its_verdict_and_an_unknown_one_denies() {
        let ours = Requirement { max_age_seconds: 360, ..crate::fixtures::requirement(Action::WalletExport) };
        for (effect, verdict) in [
            (Effect::Allow, Verdict::Allow(Some(ours.clone()))),
            (Effect::AllowWithProof, Verdict::AllowWithProof(ours.clone())),
            (Effect::StepUpRequired, Verdict::StepUpRequired(ours.clone())),
            (Effect::EnrolmentRequired, Verdict::EnrolmentRequired(ours.clone())),
            (Effect::FactorOnHold, Verdict::FactorOnHold { requirement: ours.clone(), until: NOW }),
            (
                Effect::ReauthenticationRequired,
                Verdict::ReauthenticationRequired { requirement: ours, within_seconds: 600 },
            ),
            (Effect::Deny, Verdict::Deny),
            (Effect::Unspecified, Verdict::Deny),
        ] {
            let decision = answer(effect.into(), Some(wire())).unwrap();
            assert_eq!(decision, Decision { verdict, policy_version: 7 });
        }
        assert_eq!(answer(99, Some(wire())).unwrap().verdict, Verdict::Deny);
        assert_eq!(answer(Effect::Allow.into(), None).unwrap().verdict, Verdict::Allow(None));
    }

    #[test]
    fn an_answer_that_is_not_understood_is_refused() {
        for effect in [
            Effect::AllowWithProof,
            Effect::StepUpRequired,
            Effect::EnrolmentRequired,
            Effect::FactorOnHold,
            Effect::ReauthenticationRequired,
        ] {
            assert!(answer(effect.into(), None).is_err());
            // Nor is one without a time or a span that is to be told.
            let bare = DecideResponse {
                effect: effect.into(),
                requirement: Some(wire()),
                policy_version: 7,
                ..Default::default()
            };
            let is_whole = !matches!(effect, Effect::FactorOnHold | Effect::ReauthenticationRequired);
            assert_eq!(decision(bare).is_ok(), is_whole, "{effect:?}");
        }
        for spoiled in [
            types::Requirement { binding: 0, ..wire() },
            types::Requirement { binding: 9, ..wire() },
            types::Requirement { token_behavior: 0, ..wire() },
            types::Requirement { sender_constraint: 0, ..wire() },
            types::Requirement { sender_constraint: 9, ..wire() },
            types::Requirement { acr: "very strong".to_owned(), ..wire() },
            types::Requirement { scopes: vec!["wallet:all".to_owned()], ..wire() },
            types::Requirement { action: 0, ..wire() },
            types::Requirement { token_expiry_seconds: 0, ..wire() },
            types::Requirement { token_expiry_seconds: 3_601, ..wire() },
        ] {
            assert!(answer(Effect::Allow.into(), Some(spoiled)).is_err());
        }
        let strange = types::Requirement { methods: vec![1, 42], ..wire() };
        let Verdict::Allow(Some(requirement)) = answer(Effect::Allow.into(), Some(strange)).unwrap().verdict
        else {
            panic!("allowed");
        };
        assert_eq!(requirement.methods, [FactorKind::Totp]);
    }
}

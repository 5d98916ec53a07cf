//! Questions and decisions as the protocol carries them.

use kernel::{Action, DeviceId, EnvironmentId, Error, FactorKind, Result, UserId};
use proto::policy as pb;
use proto::{convert, names, types};

use super::{binding, binding_value, sender_constraint_value, token_behavior, token_behavior_value};
use crate::domain::action_settings::Binding;
use crate::domain::decide::{Decision, Effect, Question};
use crate::domain::facts::{ClientKind, FactorFacts, VerifiedFactor};
use crate::domain::proof::{Proof, ProvedFactor, Requirement, Source};
use crate::domain::refusals::all;

/// What is asked about the environment. Everything unknown, missing or malformed is refused.
pub(super) fn question(environment: EnvironmentId, request: pb::DecideRequest) -> Result<Question> {
    let mut devices = Devices { environment, user: None };
    let action = convert::action("action", request.action)?;
    Ok(Question {
        action,
        facts: facts(&mut devices, request.factor_facts)?,
        client: client_kind(request.client_kind)?,
        proof: request.proof.map(|sent| proof(&mut devices, sent)).transpose()?,
        opaque_payload: request.opaque_payload,
        session_auth_time: request
            .session_auth_time
            .map(|time| convert::time("session_auth_time", Some(time)))
            .transpose()?,
        unlink_device: unlink_device(&mut devices, action, &request.unlink_device)?,
    })
}

fn unlink_device(devices: &mut Devices, action: Action, name: &str) -> Result<Option<DeviceId>> {
    const FIELD: &str = "unlink_device";
    match action {
        _ if name.is_empty() => Ok(None),
        Action::CredentialUnlink => devices.read(FIELD, name).map(Some),
        _ => Err(Error::invalid(FIELD, "goes with ACTION_CREDENTIAL_UNLINK only")),
    }
}

/// Reads device names, all of one user of the environment: a proof by somebody else's device must not pass for one
/// by the user's own.
struct Devices {
    environment: EnvironmentId,
    user: Option<UserId>,
}

impl Devices {
    fn read(&mut self, field: &str, name: &str) -> Result<DeviceId> {
        let device = names::parse_device(field, name)?;
        let user = device.user.id(field)?;
        if device.environment != self.environment || *self.user.get_or_insert(user) != user {
            return Err(Error::invalid(field, "is not a device of the same user in this environment"));
        }
        Ok(device.id)
    }
}

fn facts(devices: &mut Devices, sent: Option<types::FactorFacts>) -> Result<FactorFacts> {
    let sent = sent.ok_or_else(|| Error::invalid("factor_facts", "is missing"))?;
    let factors = sent.factors.iter().enumerate().map(|(index, factor)| {
        let at = |name: &str| format!("factor_facts.factors[{index}].{name}");
        let kind = convert::factor_kind(&at("kind"), factor.kind)?;
        if factor.exhausted && kind != FactorKind::RecoveryCode {
            return Err(Error::invalid(at("exhausted"), "goes with recovery codes only"));
        }
        Ok(VerifiedFactor {
            device: devices.read(&at("device"), &factor.device)?,
            kind,
            verified: convert::time(&at("verify_time"), factor.verify_time)?,
            exhausted: factor.exhausted,
        })
    });
    let factors: Vec<VerifiedFactor> = all(factors)?;
    let repeats = |index: usize| factors[..index].iter().any(|other| other.device == factors[index].device);
    if let Some(index) = (0..factors.len()).find(|index| repeats(*index)) {
        let field = format!("factor_facts.factors[{index}].device");
        return Err(Error::invalid(field, "is that of an earlier entry"));
    }
    Ok(FactorFacts { factors, ever_verified: sent.ever_verified, first_session: sent.first_session })
}

fn client_kind(value: i32) -> Result<ClientKind> {
    match pb::ClientKind::try_from(value) {
        Ok(pb::ClientKind::Grpc) => Ok(ClientKind::Grpc),
        Ok(pb::ClientKind::Unspecified) | Err(_) => {
            Err(Error::invalid("client_kind", "is not a kind of client this version knows"))
        }
    }
}

fn proof(devices: &mut Devices, sent: pb::Proof) -> Result<Proof> {
    let scopes = sent.scopes.iter().enumerate().map(|(index, scope)| {
        scope.parse().map_err(|_| {
            Error::invalid(format!("proof.scopes[{index}]"), "is not a scope this version knows")
        })
    });
    let proof = Proof {
        source: source(devices, &sent)?,
        acr: sent.acr.parse().map_err(|_| Error::invalid("proof.acr", "is not an acr this version knows"))?,
        auth_time: convert::time("proof.auth_time", sent.auth_time)?,
        scopes: all(scopes)?,
        binding: binding("proof.binding", sent.binding)?,
        token_behavior: token_behavior("proof.token_behavior", sent.token_behavior)?,
        sender_constrained: sent.sender_constrained,
    };
    if matches!(proof.source, Source::Legacy(_)) {
        if !proof.scopes.is_empty() {
            return Err(Error::invalid("proof.scopes", "must be empty: a legacy MFA token has none"));
        }
        if proof.binding != Binding::Scope {
            let expected = "must be BINDING_SCOPE: a legacy MFA token is tied to nothing";
            return Err(Error::invalid("proof.binding", expected));
        }
    }
    Ok(proof)
}

fn source(devices: &mut Devices, sent: &pb::Proof) -> Result<Source> {
    let is_asserted = !sent.assertion_issuer.is_empty();
    let mut factor = || -> Result<ProvedFactor> {
        Ok(ProvedFactor {
            kind: convert::factor_kind("proof.factor_kind", sent.factor_kind)?,
            device: devices.read("proof.device", &sent.device)?,
        })
    };
    match pb::TokenKind::try_from(sent.token_kind) {
        Ok(pb::TokenKind::Elevated) if is_asserted => {
            if sent.factor_kind != 0 {
                return Err(Error::invalid("proof.factor_kind", "does not go with `assertion_issuer`"));
            }
            if !sent.device.is_empty() {
                return Err(Error::invalid("proof.device", "does not go with `assertion_issuer`"));
            }
            Ok(Source::Assertion(sent.assertion_issuer.clone()))
        }
        Ok(pb::TokenKind::Elevated) => factor().map(Source::Factor),
        Ok(pb::TokenKind::LegacyMfa) if is_asserted => {
            let expected = "must be empty: a legacy MFA token is made by a factor";
            Err(Error::invalid("proof.assertion_issuer", expected))
        }
        Ok(pb::TokenKind::LegacyMfa) => factor().map(Source::Legacy),
        Ok(pb::TokenKind::Unspecified) | Err(_) => {
            Err(Error::invalid("proof.token_kind", "is not a kind of token this version knows"))
        }
    }
}

/// A decision as the answer to the question.
pub(super) fn response(decision: Decision) -> pb::DecideResponse {
    let mut hold_end_time = None;
    let mut reauthentication_seconds = 0;
    let effect = match decision.effect {
        Effect::Allow => pb::Effect::Allow,
        Effect::AllowWithProof => pb::Effect::AllowWithProof,
        Effect::StepUpRequired => pb::Effect::StepUpRequired,
        Effect::FactorOnHold { until } => {
            hold_end_time = Some(convert::timestamp(until));
            pb::Effect::FactorOnHold
        }
        Effect::EnrolmentRequired => pb::Effect::EnrolmentRequired,
        Effect::ReauthenticationRequired { within_seconds } => {
            reauthentication_seconds = within_seconds;
            pb::Effect::ReauthenticationRequired
        }
        Effect::Deny => pb::Effect::Deny,
    };
    pb::DecideResponse {
        effect: effect.into(),
        hold_end_time,
        reauthentication_seconds,
        requirement: decision.requirement.map(requirement),
        rule_ids: decision.rules.iter().map(|rule| rule.as_str().to_owned()).collect(),
        policy_version: decision.version,
    }
}

fn requirement(requirement: Requirement) -> types::Requirement {
    let max_age_seconds = requirement.max_age_seconds();
    types::Requirement {
        action: convert::action_value(requirement.action).into(),
        scopes: vec![requirement.scope.to_string()],
        acr: requirement.acr.to_string(),
        binding: binding_value(requirement.binding).into(),
        methods: requirement
            .methods
            .into_iter()
            .map(|kind| convert::factor_kind_value(kind).into())
            .collect(),
        token_behavior: token_behavior_value(requirement.token_behavior).into(),
        token_expiry_seconds: requirement.token_expiry_seconds,
        max_age_seconds,
        sender_constraint: sender_constraint_value(requirement.sender_constraint).into(),
    }
}

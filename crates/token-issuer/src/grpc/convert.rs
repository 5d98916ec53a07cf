//! Our words as the protocol's.

use jose::Kind;
use kernel::secret::ExposeSecret;
use kernel::{EnvironmentId, Error, Result, SecretText, UserId};
use operation::{BatchLeaf, BatchRoot, MAX_BATCH_PATH};
use proto::{convert, names, token_issuer as pb, types};

use crate::authenticate::Made;
use crate::authorize_operation::Authorized;
use crate::check_step_up::{Status, StepUp};
use crate::domain::factors::{Ceremony, VerifiedFactor};
use crate::domain::requirement::{Binding, Requirement, SenderConstraint, TokenBehavior};
use crate::domain::token::{Token, TokenKind};
use crate::get_session::Session;

/// A secret field; none when it is empty.
pub(super) fn secret(text: String) -> Option<SecretText> {
    (!text.is_empty()).then(|| SecretText::from(text))
}

/// Refuses a name of somebody else than the caller, or of another environment than the one of the call.
pub(super) fn check_user(field: &str, name: &str, environment: EnvironmentId, caller: UserId) -> Result<()> {
    let (named, user) = names::parse_user(field, name)?;
    if named != environment {
        return Err(Error::not_found());
    }
    user.resolve(caller).map(drop)
}

pub(super) fn session(session: &Session) -> pb::GetSessionResponse {
    pb::GetSessionResponse {
        user: names::user(session.environment, session.user),
        session_id: session.id.to_string(),
        provider_id: session.provider_id.clone(),
        auth_time: session.auth_time.map(convert::timestamp),
        expire_time: Some(convert::timestamp(session.expires)),
    }
}

pub(super) fn step_up(step_up: StepUp, environment: EnvironmentId, user: UserId) -> pb::CheckStepUpResponse {
    let (mut hold_end_time, mut reauthentication_seconds) = (None, 0);
    let (status, requirement) = match step_up.status {
        Status::NotRequired(requirement) => (pb::StepUpStatus::NotRequired, requirement),
        Status::Required(requirement) => (pb::StepUpStatus::Required, Some(requirement)),
        Status::EnrolmentRequired(requirement) => (pb::StepUpStatus::EnrolmentRequired, Some(requirement)),
        Status::FactorOnHold { requirement, until } => {
            hold_end_time = Some(convert::timestamp(until));
            (pb::StepUpStatus::FactorOnHold, Some(requirement))
        }
        Status::ReauthenticationRequired { requirement, within_seconds } => {
            reauthentication_seconds = within_seconds;
            (pb::StepUpStatus::ReauthenticationRequired, Some(requirement))
        }
        Status::Denied => (pb::StepUpStatus::Denied, None),
    };
    pb::CheckStepUpResponse {
        status: status.into(),
        requirement: requirement.as_ref().map(requirement_value),
        factors: step_up.factors.into_iter().map(|found| factor(found, environment, user)).collect(),
        policy_version: step_up.policy_version,
        hold_end_time,
        reauthentication_seconds,
    }
}

fn factor(factor: VerifiedFactor, environment: EnvironmentId, user: UserId) -> types::VerifiedFactor {
    types::VerifiedFactor {
        device: names::device(environment, user, factor.device),
        kind: convert::factor_kind_value(factor.kind).into(),
        verify_time: Some(convert::timestamp(factor.verified)),
        is_default: factor.is_default,
        display_name: factor.display_name,
        exhausted: factor.exhausted,
    }
}

fn binding(binding: Binding) -> types::Binding {
    match binding {
        Binding::Scope => types::Binding::Scope,
        Binding::Wallet => types::Binding::Wallet,
        Binding::Operation => types::Binding::Operation,
    }
}

fn requirement_value(requirement: &Requirement) -> types::Requirement {
    let sender_constraint = match requirement.sender_constraint {
        SenderConstraint::Off => types::SenderConstraint::Off,
        SenderConstraint::Allowed => types::SenderConstraint::Allowed,
        SenderConstraint::Required => types::SenderConstraint::Required,
    };
    types::Requirement {
        action: convert::action_value(requirement.action).into(),
        scopes: requirement.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        acr: requirement.acr.as_str().to_owned(),
        binding: binding(requirement.binding).into(),
        methods: requirement.methods.iter().map(|kind| convert::factor_kind_value(*kind).into()).collect(),
        token_behavior: behavior(requirement.token_behavior).into(),
        token_expiry_seconds: requirement.token_expiry_seconds,
        max_age_seconds: requirement.max_age_seconds,
        sender_constraint: sender_constraint.into(),
    }
}

fn behavior(behavior: TokenBehavior) -> types::TokenBehavior {
    match behavior {
        TokenBehavior::SingleUse => types::TokenBehavior::SingleUse,
        TokenBehavior::TimeBound => types::TokenBehavior::TimeBound,
    }
}

/// The token, as one of its kind.
pub(super) fn token(made: &Made) -> (Option<pb::ElevatedToken>, Option<pb::MfaToken>) {
    match made.token.kind {
        TokenKind::Elevated => (Some(elevated(made)), None),
        TokenKind::LegacyMfa => (None, Some(legacy(made))),
    }
}

fn legacy(made: &Made) -> pb::MfaToken {
    let token = &made.token;
    pb::MfaToken {
        token: made.jwt.expose_secret().to_owned(),
        token_id: token.id.to_string(),
        expire_time: Some(convert::timestamp(token.expires)),
        token_behavior: behavior(token.behavior).into(),
        acr: token.acr.as_str().to_owned(),
        device: device(token),
        sender_key_thumbprint: sender_key(token),
        warnings: warnings(Some(token.kind)),
    }
}

fn device(token: &Token) -> String {
    token
        .source
        .device()
        .map(|device| names::device(token.environment, token.user, device))
        .unwrap_or_default()
}

fn wallet(token: &Token) -> String {
    token
        .bound
        .wallet()
        .map(|wallet| names::wallet(token.environment, token.user, wallet))
        .unwrap_or_default()
}

fn sender_key(token: &Token) -> String {
    token.sender_key.map(|key| key.to_string()).unwrap_or_default()
}

fn assertion_issuer(token: &Token) -> String {
    token.source.assertion_issuer().unwrap_or_default().to_owned()
}

/// What a client that uses such a token does well to change.
fn warnings(kind: Option<TokenKind>) -> Vec<types::Warning> {
    match kind {
        Some(TokenKind::LegacyMfa) => vec![types::Warning {
            code: types::WarningCode::LegacyMfaToken.into(),
            message: "legacy MFA tokens are deprecated: authenticate with `requested_scopes`, such as `wallet:export`, or \
                      with the operation, and pay with the elevated token"
                .to_owned(),
        }],
        Some(TokenKind::Elevated) | None => Vec::new(),
    }
}

pub(super) fn elevated(elevated: &Made) -> pb::ElevatedToken {
    let token = &elevated.token;
    pb::ElevatedToken {
        token: elevated.jwt.expose_secret().to_owned(),
        token_id: token.id.to_string(),
        expire_time: Some(convert::timestamp(token.expires)),
        scopes: token.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        token_behavior: behavior(token.behavior).into(),
        acr: token.acr.as_str().to_owned(),
        device: device(token),
        operation_digest: digest(token),
        sender_key_thumbprint: sender_key(token),
        assertion_issuer: assertion_issuer(token),
        wallet: wallet(token),
        batch: token.bound.batch().map(|root| batch(root, &elevated.leaves)),
    }
}

fn batch(root: BatchRoot, leaves: &[BatchLeaf]) -> pb::BatchBinding {
    let leaf = |leaf: &BatchLeaf| pb::BatchLeaf {
        index: leaf.index,
        path: leaf.path.iter().map(|hash| hash.to_vec()).collect(),
    };
    pb::BatchBinding { root: root.hash.to_vec(), size: root.size, leaves: leaves.iter().map(leaf).collect() }
}

/// The place in a batch that a caller sent.
pub(super) fn batch_leaf(value: pb::BatchLeaf) -> Result<BatchLeaf> {
    const PATH: &str = "batch_leaf.path";
    if value.path.len() > MAX_BATCH_PATH {
        return Err(Error::invalid(PATH, format!("may have at most {MAX_BATCH_PATH} hashes")));
    }
    let path = value
        .path
        .into_iter()
        .map(|hash| hash.try_into().map_err(|_| Error::invalid(PATH, "must have hashes of 32 bytes each")));
    Ok(BatchLeaf { index: value.index, path: path.collect::<Result<_>>()? })
}

pub(super) fn ceremony(ceremony: Ceremony) -> pb::BeginPasskeyAuthenticationResponse {
    pb::BeginPasskeyAuthenticationResponse {
        ceremony_id: ceremony.id.to_string(),
        options_json: ceremony.options_json,
        expire_time: Some(convert::timestamp(ceremony.expires)),
    }
}

fn digest(token: &Token) -> Vec<u8> {
    token.bound.digest().map(|digest| digest.as_bytes().to_vec()).unwrap_or_default()
}

pub(super) fn authorized(authorized: &Authorized) -> pb::AuthorizeOperationResponse {
    pb::AuthorizeOperationResponse {
        receipt: authorized.receipt.jwt.expose_secret().to_owned(),
        expire_time: Some(convert::timestamp(authorized.receipt.expires)),
        operation_digest: authorized.digest.as_bytes().to_vec(),
        token_redeemed: authorized.token_redeemed,
        policy_version: authorized.policy_version,
        warnings: warnings(authorized.paid_by),
    }
}

/// An inactive token is nothing but that (RFC 7662 section 2.2).
pub(super) fn introspection(token: Option<&Token>) -> pb::IntrospectTokenResponse {
    let Some(token) = token else {
        return pb::IntrospectTokenResponse::default();
    };
    let batch = token.bound.batch();
    pb::IntrospectTokenResponse {
        active: true,
        scope: token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
        token_id: token.id.to_string(),
        issue_time: Some(convert::timestamp(token.issued)),
        expire_time: Some(convert::timestamp(token.expires)),
        acr: token.acr.as_str().to_owned(),
        single_use: token.behavior == TokenBehavior::SingleUse,
        sender_key_thumbprint: sender_key(token),
        assertion_issuer: assertion_issuer(token),
        operation_digest: digest(token),
        token_type: match token.kind {
            TokenKind::Elevated => Kind::Elevated,
            TokenKind::LegacyMfa => Kind::LegacyMfa,
        }
        .typ()
        .to_owned(),
        user: names::user(token.environment, token.user),
        session_id: token.session.to_string(),
        amr: token.amr.iter().map(|method| method.as_str().to_owned()).collect(),
        auth_time: Some(convert::timestamp(token.auth_time)),
        device: device(token),
        binding: binding(token.bound.binding()).into(),
        wallet: wallet(token),
        batch_root: batch.map(|root| root.hash.to_vec()).unwrap_or_default(),
        batch_size: batch.map(|root| root.size).unwrap_or_default(),
    }
}

//! From what an administrator sent to the changes that are wanted, field by field.

use kernel::{Acr, Action, Error, Result};
use proto::convert;
use proto::policy as pb;

use super::{binding, sender_constraint, token_behavior, totp_algorithm};
use crate::domain::action_settings::ActionSettings;
use crate::domain::assertion_issuer::AssertionIssuerDraft;
use crate::domain::change::Change;
use crate::domain::legacy::LegacyMfaTokens;
use crate::domain::preset::Preset;
use crate::domain::provider::{ProviderDraft, ProviderKeys};
use crate::domain::refusals::all;
use crate::domain::relying_party::RelyingPartyDraft;
use crate::domain::totp::TotpParameters;

/// What a new environment should have other than its preset says. What the preset decides alone, and what is only
/// ever told, is not looked at.
pub(super) fn of_new(environment: &pb::Environment) -> Result<Vec<Change>> {
    let mut fields = vec![
        "display_name",
        "identity_providers",
        "relying_party",
        "allowed_origins",
        "enrolment_required",
        "totp_parameters",
        "legacy_mfa_tokens",
        "assertion_issuers",
        "sender_constraint",
    ];
    if !environment.action_settings.is_empty() {
        fields.push("action_settings");
    }
    if environment.max_totp_devices != 0 {
        fields.push("max_totp_devices");
    }
    if environment.max_passkeys != 0 {
        fields.push("max_passkeys");
    }
    if environment.factor_hold_seconds.is_some() {
        fields.push("factor_hold_seconds");
    }
    all(fields.into_iter().map(|field| change(field, environment)))
}

/// The changes that an update's mask names.
pub(super) fn of_update(
    environment: &pb::Environment,
    mask: Option<prost_types::FieldMask>,
) -> Result<Vec<Change>> {
    let paths = mask.unwrap_or_default().paths;
    if paths.is_empty() {
        return Err(Error::invalid(
            "update_mask",
            "must name the fields to change, such as `action_settings`",
        ));
    }
    all(paths.iter().map(|path| change(path, environment)))
}

fn change(path: &str, environment: &pb::Environment) -> Result<Change> {
    Ok(match path {
        "display_name" => Change::DisplayName(environment.display_name.clone()),
        "identity_providers" => {
            Change::IdentityProviders(environment.identity_providers.iter().map(provider).collect())
        }
        "relying_party" => {
            Change::RelyingParty(environment.relying_party.as_ref().map(|party| RelyingPartyDraft {
                rp_id: party.rp_id.clone(),
                origins: party.origins.clone(),
            }))
        }
        "allowed_origins" => Change::AllowedOrigins(environment.allowed_origins.clone()),
        "action_settings" => Change::ActionSettings(all(environment
            .action_settings
            .iter()
            .enumerate()
            .map(|(index, settings)| action_settings(index, settings)))?),
        "enrolment_required" => Change::EnrolmentRequired(environment.enrolment_required),
        "max_totp_devices" => Change::MaxTotpDevices(environment.max_totp_devices),
        "max_passkeys" => Change::MaxPasskeys(environment.max_passkeys),
        "totp_parameters" => {
            Change::TotpParameters(environment.totp_parameters.as_ref().map(totp_parameters).transpose()?)
        }
        "factor_hold_seconds" => {
            Change::FactorHoldSeconds(environment.factor_hold_seconds.ok_or_else(|| {
                Error::invalid("environment.factor_hold_seconds", "is missing; 0 holds no factor")
            })?)
        }
        "legacy_mfa_tokens" => Change::LegacyMfaTokens(environment.legacy_mfa_tokens.map(|legacy| {
            LegacyMfaTokens { enabled: legacy.enabled, token_expiry_seconds: legacy.token_expiry_seconds }
        })),
        "assertion_issuers" => {
            Change::AssertionIssuers(environment.assertion_issuers.iter().map(assertion_issuer).collect())
        }
        "sender_constraint" => Change::SenderConstraint(sender_constraint(
            "environment.sender_constraint",
            environment.sender_constraint,
        )?),
        "opaque_payload_as_export" => Change::OpaquePayloadAsExport(environment.opaque_payload_as_export),
        "name" | "preset" | "version" | "etag" | "create_time" | "update_time" => {
            return Err(Error::invalid("update_mask", format!("`{path}` cannot be changed")));
        }
        _ => {
            return Err(Error::invalid(
                "update_mask",
                "names something that is not a field of Environment; lists are changed as a whole, and `*` \
                 is not understood",
            ));
        }
    })
}

fn provider(provider: &pb::IdentityProvider) -> ProviderDraft {
    use pb::identity_provider::Keys;

    ProviderDraft {
        id: provider.provider_id.clone(),
        issuer: provider.issuer.clone(),
        audience: provider.audience.clone(),
        keys: provider.keys.as_ref().map(|keys| match keys {
            Keys::Jwks(jwks) => ProviderKeys::Inline(jwks.clone()),
            Keys::JwksUri(uri) => ProviderKeys::Address(uri.clone()),
        }),
        algorithms: provider.algorithms.clone(),
        session_claim: provider.session_claim.clone(),
    }
}

fn assertion_issuer(issuer: &pb::AssertionIssuer) -> AssertionIssuerDraft {
    use pb::assertion_issuer::Keys;

    AssertionIssuerDraft {
        id: issuer.assertion_issuer_id.clone(),
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        keys: issuer.keys.as_ref().map(|keys| match keys {
            Keys::Jwks(jwks) => ProviderKeys::Inline(jwks.clone()),
            Keys::JwksUri(uri) => ProviderKeys::Address(uri.clone()),
        }),
        algorithms: issuer.algorithms.clone(),
        scopes: issuer.scopes.clone(),
        acr: issuer.acr.clone(),
        max_age_seconds: issuer.max_age_seconds,
    }
}

fn action_settings(index: usize, settings: &pb::ActionSettings) -> Result<(Action, ActionSettings)> {
    let at = |name: &str| format!("environment.action_settings[{index}].{name}");
    let action = convert::action(&at("action"), settings.action)?;
    let settings = ActionSettings {
        required: settings.required,
        factor_always_required: settings.factor_always_required,
        token_behavior: token_behavior(at("token_behavior"), settings.token_behavior)?,
        token_expiry_seconds: settings.token_expiry_seconds,
        binding: binding(at("binding"), settings.binding)?,
        acr: acr(&at("acr"), &settings.acr)?,
        reauthentication_seconds: settings.reauthentication_seconds,
    };
    Ok((action, settings))
}

/// The least strength; that of a one-time password where nobody says.
fn acr(field: &str, text: &str) -> Result<Acr> {
    if text.is_empty() {
        return Ok(Acr::Otp);
    }
    text.parse().map_err(|_| {
        let expected = "must be `urn:countersign:acr:recovery`, `urn:countersign:acr:otp` or `phr`";
        Error::invalid(field, expected)
    })
}

fn totp_parameters(parameters: &pb::TotpParameters) -> Result<TotpParameters> {
    Ok(TotpParameters {
        algorithm: totp_algorithm("environment.totp_parameters.algorithm", parameters.algorithm)?,
        digits: parameters.digits,
        period_seconds: parameters.period_seconds,
    })
}

/// The preset to start from; strict where nobody says.
pub(super) fn preset(value: i32) -> Result<Preset> {
    match pb::Preset::try_from(value) {
        Ok(pb::Preset::Unspecified | pb::Preset::Strict) => Ok(Preset::Strict),
        Ok(pb::Preset::SeedCompatible) => Ok(Preset::SeedCompatible),
        Err(_) => Err(Error::invalid("preset", "is not a preset this version knows")),
    }
}

//! An environment as the protocol carries it.

use kernel::Action;
use proto::policy as pb;
use proto::{convert, names};

use super::{binding_value, sender_constraint_value, token_behavior_value, totp_algorithm_value};
use crate::domain::action_settings::ActionSettings;
use crate::domain::assertion_issuer::AssertionIssuer;
use crate::domain::environment::Environment;
use crate::domain::preset::Preset;
use crate::domain::provider::{IdentityProvider, ProviderKeys};
use crate::domain::totp::TotpParameters;

pub(super) fn environment(environment: &Environment) -> pb::Environment {
    let settings = &environment.settings;
    let preset = match settings.preset {
        Preset::Strict => pb::Preset::Strict,
        Preset::SeedCompatible => pb::Preset::SeedCompatible,
    };
    pb::Environment {
        name: names::environment(environment.id),
        display_name: settings.display_name.clone(),
        identity_providers: settings.identity_providers.iter().map(provider).collect(),
        relying_party: settings
            .relying_party
            .as_ref()
            .map(|party| pb::RelyingParty { rp_id: party.rp_id.clone(), origins: party.origins.clone() }),
        allowed_origins: settings.allowed_origins.clone(),
        preset: preset.into(),
        action_settings: settings.actions.entries().into_iter().map(action_settings).collect(),
        enrolment_required: settings.enrolment_required,
        max_totp_devices: settings.max_totp_devices,
        version: environment.version,
        etag: environment.etag(),
        create_time: Some(convert::timestamp(environment.created)),
        update_time: Some(convert::timestamp(environment.updated)),
        opaque_payload_as_export: settings.opaque_payload_as_export,
        max_passkeys: settings.max_passkeys,
        totp_parameters: Some(totp_parameters(settings.totp)),
        factor_hold_seconds: Some(settings.factor_hold_seconds),
        legacy_mfa_tokens: Some(pb::LegacyMfaTokens {
            enabled: settings.legacy.enabled,
            token_expiry_seconds: settings.legacy.token_expiry_seconds,
        }),
        assertion_issuers: settings.assertion_issuers.iter().map(assertion_issuer).collect(),
        sender_constraint: sender_constraint_value(settings.sender_constraint).into(),
    }
}

fn totp_parameters(parameters: TotpParameters) -> pb::TotpParameters {
    pb::TotpParameters {
        algorithm: totp_algorithm_value(parameters.algorithm).into(),
        digits: parameters.digits,
        period_seconds: parameters.period_seconds,
    }
}

fn provider(provider: &IdentityProvider) -> pb::IdentityProvider {
    use pb::identity_provider::Keys;

    pb::IdentityProvider {
        provider_id: provider.id.clone(),
        issuer: provider.issuer.clone(),
        audience: provider.audience.clone(),
        algorithms: provider.algorithms.iter().map(ToString::to_string).collect(),
        session_claim: provider.session_claim.clone(),
        keys: Some(match &provider.keys {
            ProviderKeys::Inline(jwks) => Keys::Jwks(jwks.clone()),
            ProviderKeys::Address(uri) => Keys::JwksUri(uri.clone()),
        }),
    }
}

fn assertion_issuer(issuer: &AssertionIssuer) -> pb::AssertionIssuer {
    use pb::assertion_issuer::Keys;

    pb::AssertionIssuer {
        assertion_issuer_id: issuer.id.clone(),
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        algorithms: issuer.algorithms.iter().map(ToString::to_string).collect(),
        scopes: issuer.scopes.iter().map(ToString::to_string).collect(),
        acr: issuer.acr.to_string(),
        max_age_seconds: issuer.max_age_seconds,
        keys: Some(match &issuer.keys {
            ProviderKeys::Inline(jwks) => Keys::Jwks(jwks.clone()),
            ProviderKeys::Address(uri) => Keys::JwksUri(uri.clone()),
        }),
    }
}

fn action_settings((action, settings): (Action, ActionSettings)) -> pb::ActionSettings {
    pb::ActionSettings {
        action: convert::action_value(action).into(),
        required: settings.required,
        factor_always_required: settings.factor_always_required,
        token_behavior: token_behavior_value(settings.token_behavior).into(),
        token_expiry_seconds: settings.token_expiry_seconds,
        binding: binding_value(settings.binding).into(),
        acr: settings.acr.to_string(),
        reauthentication_seconds: settings.reauthentication_seconds,
    }
}

//! How settings stand in a row: JSON of our own shape, which says which shape it is, so that old versions stay
//! readable whatever becomes of the protocol and the rules.

use jose::Algorithm;
use kernel::{Acr, Result};
use serde::{Deserialize, Serialize};
use storage::sql::corrupt;

use crate::domain::action_settings::{ActionSettings, ActionTable, Binding, TokenBehavior};
use crate::domain::assertion_issuer::AssertionIssuer;
use crate::domain::environment::{DEFAULT_MAX_PASSKEYS, Settings};
use crate::domain::legacy::LegacyMfaTokens;
use crate::domain::preset::Preset;
use crate::domain::provider::{IdentityProvider, ProviderKeys};
use crate::domain::relying_party::RelyingParty;
use crate::domain::sender_constraint::SenderConstraint;
use crate::domain::totp::{TotpAlgorithm, TotpParameters};

#[derive(Serialize, Deserialize)]
#[serde(tag = "format")]
enum Record {
    #[serde(rename = "1")]
    V1(SettingsV1),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsV1 {
    display_name: String,
    identity_providers: Vec<ProviderV1>,
    relying_party: Option<RelyingPartyV1>,
    allowed_origins: Vec<String>,
    preset: PresetV1,
    export: ActionV1,
    sign: ActionV1,
    refresh: ActionV1,
    reshare: ActionV1,
    enrolment_required: bool,
    max_totp_devices: u32,
    opaque_payload_as_export: bool,
    // What the first rows do not say yet is read as it was when they were written.
    #[serde(default = "first_max_passkeys")]
    max_passkeys: u32,
    #[serde(default)]
    totp: TotpV1,
    #[serde(default)]
    factor_hold_seconds: u32,
    #[serde(default)]
    legacy: LegacyV1,
    #[serde(default)]
    assertion_issuers: Vec<AssertionIssuerV1>,
    #[serde(default)]
    sender_constraint: SenderConstraintV1,
}

fn first_max_passkeys() -> u32 {
    DEFAULT_MAX_PASSKEYS
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TotpV1 {
    algorithm: AlgorithmV1,
    digits: u32,
    period_seconds: u32,
}

impl Default for TotpV1 {
    fn default() -> Self {
        TotpParameters::EVERYWHERE.into()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AlgorithmV1 {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderV1 {
    id: String,
    issuer: String,
    audience: String,
    keys: KeysV1,
    algorithms: Vec<String>,
    session_claim: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LegacyV1 {
    enabled: bool,
    token_expiry_seconds: u32,
}

impl Default for LegacyV1 {
    fn default() -> Self {
        LegacyMfaTokens::OFF.into()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssertionIssuerV1 {
    id: String,
    issuer: String,
    audience: String,
    keys: KeysV1,
    algorithms: Vec<String>,
    scopes: Vec<String>,
    acr: AcrV1,
    max_age_seconds: u32,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SenderConstraintV1 {
    #[default]
    Off,
    Allowed,
    Required,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeysV1 {
    Jwks(String),
    JwksUri(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelyingPartyV1 {
    rp_id: String,
    origins: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PresetV1 {
    Strict,
    SeedCompatible,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionV1 {
    required: bool,
    factor_always_required: bool,
    token_behavior: BehaviorV1,
    token_expiry_seconds: u32,
    binding: BindingV1,
    #[serde(default)]
    acr: AcrV1,
    #[serde(default)]
    reauthentication_seconds: u32,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AcrV1 {
    Recovery,
    #[default]
    Otp,
    Phr,
    Phrh,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BehaviorV1 {
    SingleUse,
    TimeBound,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BindingV1 {
    Scope,
    Wallet,
    Operation,
}

/// The settings as text for a row.
pub(super) fn encode(settings: &Settings) -> Result<String> {
    serde_json::to_string(&Record::V1(settings.into())).map_err(kernel::Error::internal)
}

/// The settings in a row. What is there was checked when it was written, by the rules of then.
pub(super) fn decode(text: &str) -> Result<Settings> {
    let Record::V1(settings) = serde_json::from_str(text).map_err(|_| corrupt("environment"))?;
    settings.try_into()
}

impl From<&Settings> for SettingsV1 {
    fn from(settings: &Settings) -> Self {
        let actions = &settings.actions;
        Self {
            display_name: settings.display_name.clone(),
            identity_providers: settings.identity_providers.iter().map(ProviderV1::from).collect(),
            relying_party: settings
                .relying_party
                .as_ref()
                .map(|party| RelyingPartyV1 { rp_id: party.rp_id.clone(), origins: party.origins.clone() }),
            allowed_origins: settings.allowed_origins.clone(),
            preset: match settings.preset {
                Preset::Strict => PresetV1::Strict,
                Preset::SeedCompatible => PresetV1::SeedCompatible,
            },
            export: actions.export.into(),
            sign: actions.sign.into(),
            refresh: actions.refresh.into(),
            reshare: actions.reshare.into(),
            enrolment_required: settings.enrolment_required,
            max_totp_devices: settings.max_totp_devices,
            opaque_payload_as_export: settings.opaque_payload_as_export,
            max_passkeys: settings.max_passkeys,
            totp: settings.totp.into(),
            factor_hold_seconds: settings.factor_hold_seconds,
            legacy: settings.legacy.into(),
            assertion_issuers: settings.assertion_issuers.iter().map(AssertionIssuerV1::from).collect(),
            sender_constraint: match settings.sender_constraint {
                SenderConstraint::Off => SenderConstraintV1::Off,
                SenderConstraint::Allowed => SenderConstraintV1::Allowed,
                SenderConstraint::Required => SenderConstraintV1::Required,
            },
        }
    }
}

impl TryFrom<SettingsV1> for Settings {
    type Error = kernel::Error;

    fn try_from(settings: SettingsV1) -> Result<Self> {
        Ok(Self {
            display_name: settings.display_name,
            identity_providers: settings
                .identity_providers
                .into_iter()
                .map(IdentityProvider::try_from)
                .collect::<Result<_>>()?,
            relying_party: settings
                .relying_party
                .map(|party| RelyingParty { rp_id: party.rp_id, origins: party.origins }),
            allowed_origins: settings.allowed_origins,
            preset: match settings.preset {
                PresetV1::Strict => Preset::Strict,
                PresetV1::SeedCompatible => Preset::SeedCompatible,
            },
            actions: ActionTable {
                export: settings.export.into(),
                sign: settings.sign.into(),
                refresh: settings.refresh.into(),
                reshare: settings.reshare.into(),
            },
            enrolment_required: settings.enrolment_required,
            max_totp_devices: settings.max_totp_devices,
            opaque_payload_as_export: settings.opaque_payload_as_export,
            max_passkeys: settings.max_passkeys,
            totp: settings.totp.into(),
            factor_hold_seconds: settings.factor_hold_seconds,
            legacy: settings.legacy.into(),
            assertion_issuers: settings
                .assertion_issuers
                .into_iter()
                .map(AssertionIssuer::try_from)
                .collect::<Result<_>>()?,
            sender_constraint: match settings.sender_constraint {
                SenderConstraintV1::Off => SenderConstraint::Off,
                SenderConstraintV1::Allowed => SenderConstraint::Allowed,
                SenderConstraintV1::Required => SenderConstraint::Required,
            },
        })
    }
}

impl From<LegacyMfaTokens> for LegacyV1 {
    fn from(legacy: LegacyMfaTokens) -> Self {
        Self { enabled: legacy.enabled, token_expiry_seconds: legacy.token_expiry_seconds }
    }
}

impl From<LegacyV1> for LegacyMfaTokens {
    fn from(legacy: LegacyV1) -> Self {
        Self { enabled: legacy.enabled, token_expiry_seconds: legacy.token_expiry_seconds }
    }
}

impl From<TotpParameters> for TotpV1 {
    fn from(parameters: TotpParameters) -> Self {
        Self {
            algorithm: match parameters.algorithm {
                TotpAlgorithm::Sha1 => AlgorithmV1::Sha1,
                TotpAlgorithm::Sha256 => AlgorithmV1::Sha256,
                TotpAlgorithm::Sha512 => AlgorithmV1::Sha512,
            },
            digits: parameters.digits,
            period_seconds: parameters.period_seconds,
        }
    }
}

impl From<TotpV1> for TotpParameters {
    fn from(parameters: TotpV1) -> Self {
        Self {
            algorithm: match parameters.algorithm {
                AlgorithmV1::Sha1 => TotpAlgorithm::Sha1,
                AlgorithmV1::Sha256 => TotpAlgorithm::Sha256,
                AlgorithmV1::Sha512 => TotpAlgorithm::Sha512,
            },
            digits: parameters.digits,
            period_seconds: parameters.period_seconds,
        }
    }
}

impl From<&IdentityProvider> for ProviderV1 {
    fn from(provider: &IdentityProvider) -> Self {
        Self {
            id: provider.id.clone(),
            issuer: provider.issuer.clone(),
            audience: provider.audience.clone(),
            keys: (&provider.keys).into(),
            algorithms: provider.algorithms.iter().map(ToString::to_string).collect(),
            session_claim: provider.session_claim.clone(),
        }
    }
}

impl TryFrom<ProviderV1> for IdentityProvider {
    type Error = kernel::Error;

    fn try_from(provider: ProviderV1) -> Result<Self> {
        Ok(Self {
            id: provider.id,
            issuer: provider.issuer,
            audience: provider.audience,
            keys: provider.keys.into(),
            algorithms: algorithms(&provider.algorithms)?,
            session_claim: provider.session_claim,
        })
    }
}

impl From<&AssertionIssuer> for AssertionIssuerV1 {
    fn from(issuer: &AssertionIssuer) -> Self {
        Self {
            id: issuer.id.clone(),
            issuer: issuer.issuer.clone(),
            audience: issuer.audience.clone(),
            keys: (&issuer.keys).into(),
            algorithms: issuer.algorithms.iter().map(ToString::to_string).collect(),
            scopes: issuer.scopes.iter().map(ToString::to_string).collect(),
            acr: issuer.acr.into(),
            max_age_seconds: issuer.max_age_seconds,
        }
    }
}

impl TryFrom<AssertionIssuerV1> for AssertionIssuer {
    type Error = kernel::Error;

    fn try_from(issuer: AssertionIssuerV1) -> Result<Self> {
        let scopes = issuer.scopes.iter().map(|name| name.parse());
        Ok(Self {
            id: issuer.id,
            issuer: issuer.issuer,
            audience: issuer.audience,
            keys: issuer.keys.into(),
            algorithms: algorithms(&issuer.algorithms)?,
            scopes: scopes.collect::<Result<_, _>>().map_err(|_| corrupt("scope"))?,
            acr: issuer.acr.into(),
            max_age_seconds: issuer.max_age_seconds,
        })
    }
}

fn algorithms(names: &[String]) -> Result<Vec<Algorithm>> {
    names
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| corrupt("signature algorithm"))
}

impl From<&ProviderKeys> for KeysV1 {
    fn from(keys: &ProviderKeys) -> Self {
        match keys {
            ProviderKeys::Inline(jwks) => Self::Jwks(jwks.clone()),
            ProviderKeys::Address(uri) => Self::JwksUri(uri.clone()),
        }
    }
}

impl From<KeysV1> for ProviderKeys {
    fn from(keys: KeysV1) -> Self {
        match keys {
            KeysV1::Jwks(jwks) => Self::Inline(jwks),
            KeysV1::JwksUri(uri) => Self::Address(uri),
        }
    }
}

impl From<Acr> for AcrV1 {
    fn from(acr: Acr) -> Self {
        match acr {
            Acr::Recovery => Self::Recovery,
            Acr::Otp => Self::Otp,
            Acr::Phr => Self::Phr,
            Acr::Phrh => Self::Phrh,
        }
    }
}

impl From<AcrV1> for Acr {
    fn from(acr: AcrV1) -> Self {
        match acr {
            AcrV1::Recovery => Self::Recovery,
            AcrV1::Otp => Self::Otp,
            AcrV1::Phr => Self::Phr,
            AcrV1::Phrh => Self::Phrh,
        }
    }
}

impl From<ActionSettings> for ActionV1 {
    fn from(settings: ActionSettings) -> Self {
        Self {
            required: settings.required,
            factor_always_required: settings.factor_always_required,
            token_behavior: match settings.token_behavior {
                TokenBehavior::SingleUse => BehaviorV1::SingleUse,
                TokenBehavior::TimeBound => BehaviorV1::TimeBound,
            },
            token_expiry_seconds: settings.token_expiry_seconds,
            binding: match settings.binding {
                Binding::Scope => BindingV1::Scope,
                Binding::Wallet => BindingV1::Wallet,
                Binding::Operation => BindingV1::Operation,
            },
            acr: settings.acr.into(),
            reauthentication_seconds: settings.reauthentication_seconds,
        }
    }
}

impl From<ActionV1> for ActionSettings {
    fn from(settings: ActionV1) -> Self {
        Self {
            required: settings.required,
            factor_always_required: settings.factor_always_required,
            token_behavior: match settings.token_behavior {
                BehaviorV1::SingleUse => TokenBehavior::SingleUse,
                BehaviorV1::TimeBound => TokenBehavior::TimeBound,
            },
            token_expiry_seconds: settings.token_expiry_seconds,
            binding: match settings.binding {
                BindingV1::Scope => Binding::Scope,
                BindingV1::Wallet => Binding::Wallet,
                BindingV1::Operation => Binding::Operation,
            },
            acr: settings.acr.into(),
            reauthentication_seconds: settings.reauthentication_seconds,
        }
    }
}

#[cfg(test)]
mod tests;

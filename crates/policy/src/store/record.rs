//! How settings stand in a row: JSON of our own shape, which says which shape it is, so that old versions stay
//! readable whatever becomes of the protocol and the rules.

use kernel::Result;
use serde::{Deserialize, Serialize};
use storage::sql::corrupt;

use crate::domain::action_settings::{ActionSettings, ActionTable, Binding, TokenBehavior};
use crate::domain::environment::Settings;
use crate::domain::preset::Preset;
use crate::domain::provider::{IdentityProvider, ProviderKeys};
use crate::domain::relying_party::RelyingParty;

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
        })
    }
}

impl From<&IdentityProvider> for ProviderV1 {
    fn from(provider: &IdentityProvider) -> Self {
        Self {
            id: provider.id.clone(),
            issuer: provider.issuer.clone(),
            audience: provider.audience.clone(),
            keys: match &provider.keys {
                ProviderKeys::Inline(jwks) => KeysV1::Jwks(jwks.clone()),
                ProviderKeys::Address(uri) => KeysV1::JwksUri(uri.clone()),
            },
            algorithms: provider.algorithms.iter().map(ToString::to_string).collect(),
            session_claim: provider.session_claim.clone(),
        }
    }
}

impl TryFrom<ProviderV1> for IdentityProvider {
    type Error = kernel::Error;

    fn try_from(provider: ProviderV1) -> Result<Self> {
        let algorithms = provider.algorithms.iter().map(|name| name.parse());
        Ok(Self {
            id: provider.id,
            issuer: provider.issuer,
            audience: provider.audience,
            keys: match provider.keys {
                KeysV1::Jwks(jwks) => ProviderKeys::Inline(jwks),
                KeysV1::JwksUri(uri) => ProviderKeys::Address(uri),
            },
            algorithms: algorithms.collect::<Result<_, _>>().map_err(|_| corrupt("signature algorithm"))?,
            session_claim: provider.session_claim,
        })
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
                Binding::Operation => BindingV1::Operation,
            },
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
                BindingV1::Operation => Binding::Operation,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::of(Preset::SeedCompatible);
        settings.display_name = "Tenant".to_owned();
        settings.allowed_origins = vec!["https://app.example".to_owned()];
        settings.relying_party = Some(RelyingParty {
            rp_id: "app.example".to_owned(),
            origins: vec!["https://app.example".to_owned()],
        });
        let provider = |id: &str, keys| IdentityProvider {
            id: id.to_owned(),
            issuer: "https://idp.example".to_owned(),
            audience: id.to_owned(),
            keys,
            algorithms: jose::Algorithm::ALL.to_vec(),
            session_claim: "sid".to_owned(),
        };
        settings.identity_providers = vec![
            provider("inline", ProviderKeys::Inline("{}".to_owned())),
            provider("address", ProviderKeys::Address("https://idp.example/jwks".to_owned())),
        ];
        settings.actions.sign.token_behavior = TokenBehavior::TimeBound;
        settings.actions.reshare.binding = Binding::Operation;
        settings
    }

    #[test]
    fn settings_come_back_as_they_went() {
        for settings in [settings(), Settings::of(Preset::Strict)] {
            assert_eq!(decode(&encode(&settings).unwrap()).unwrap(), settings);
        }
    }

    /// As a database of the first release holds it. Never edit it: rows like it exist.
    const FIRST_FORMAT: &str = r#"{"format":"1","display_name":"Tenant","identity_providers":[{"id":"inline","issuer":"https://idp.example","audience":"inline","keys":{"jwks":"{}"},"algorithms":["ES256","EdDSA","RS256"],"session_claim":"sid"},{"id":"address","issuer":"https://idp.example","audience":"address","keys":{"jwks_uri":"https://idp.example/jwks"},"algorithms":["ES256","EdDSA","RS256"],"session_claim":"sid"}],"relying_party":{"rp_id":"app.example","origins":["https://app.example"]},"allowed_origins":["https://app.example"],"preset":"seed-compatible","export":{"required":true,"factor_always_required":false,"token_behavior":"single_use","token_expiry_seconds":300,"binding":"scope"},"sign":{"required":true,"factor_always_required":false,"token_behavior":"time_bound","token_expiry_seconds":300,"binding":"scope"},"refresh":{"required":true,"factor_always_required":false,"token_behavior":"single_use","token_expiry_seconds":300,"binding":"scope"},"reshare":{"required":true,"factor_always_required":false,"token_behavior":"single_use","token_expiry_seconds":300,"binding":"operation"},"enrolment_required":false,"max_totp_devices":3,"opaque_payload_as_export":false}"#;

    #[test]
    fn the_first_format_stays_readable() {
        assert_eq!(decode(FIRST_FORMAT).unwrap(), settings());
    }

    #[test]
    fn what_is_not_understood_in_full_is_not_used() {
        for wrong in [
            String::new(),
            "{}".to_owned(),
            FIRST_FORMAT.replace("\"format\":\"1\"", "\"format\":\"2\""),
            FIRST_FORMAT.replace("single_use", "twice"),
            FIRST_FORMAT.replace("ES256", "HS256"),
            FIRST_FORMAT.replace("\"max_totp_devices\":3,", ""),
            FIRST_FORMAT.replace("\"max_totp_devices\"", "\"more\":true,\"max_totp_devices\""),
        ] {
            assert_eq!(decode(&wrong).unwrap_err().reason(), kernel::Reason::Internal, "{wrong}");
        }
    }
}

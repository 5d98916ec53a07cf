//! An environment and its versions.

use data_encoding::BASE64URL_NOPAD;
use kernel::{EnvironmentId, Error, Timestamp};
use sha2::{Digest, Sha256};

use super::action_settings::ActionTable;
use super::assertion_issuer::{self, AssertionIssuer};
use super::legacy::LegacyMfaTokens;
use super::preset::Preset;
use super::provider::{self, IdentityProvider};
use super::relying_party::RelyingParty;
use super::sender_constraint::SenderConstraint;
use super::totp::TotpParameters;

/// How many TOTP devices a user may have where nobody says otherwise.
const DEFAULT_MAX_TOTP_DEVICES: u32 = 3;

/// How many passkeys a user may have where nobody says otherwise.
pub(crate) const DEFAULT_MAX_PASSKEYS: u32 = 5;

/// What an administrator decides about an environment. Made from a preset and changed by
/// [`with`](Self::with) only, which checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// For people.
    pub(crate) display_name: String,
    /// Whose sessions are accepted.
    pub(crate) identity_providers: Vec<IdentityProvider>,
    /// The WebAuthn relying party, once passkeys are wanted.
    pub(crate) relying_party: Option<RelyingParty>,
    /// Browser origins that may call the HTTP face, normalised.
    pub(crate) allowed_origins: Vec<String>,
    /// What the action settings were made from.
    pub(crate) preset: Preset,
    /// What the wallet actions demand.
    pub(crate) actions: ActionTable,
    /// Whether every user must have a second factor.
    pub(crate) enrolment_required: bool,
    /// How many TOTP devices a user may have.
    pub(crate) max_totp_devices: u32,
    /// How many passkeys a user may have.
    pub(crate) max_passkeys: u32,
    /// How TOTP devices that are registered from now on compute their codes.
    pub(crate) totp: TotpParameters,
    /// How young a factor may not be to pay for what would do most harm, in seconds. Zero holds none.
    pub(crate) factor_hold_seconds: u32,
    /// Whether signing bytes that show nothing of what they mean demands what an export demands.
    pub(crate) opaque_payload_as_export: bool,
    /// Legacy MFA tokens.
    pub(crate) legacy: LegacyMfaTokens,
    /// Whose assertions are exchanged for elevated tokens.
    pub(crate) assertion_issuers: Vec<AssertionIssuer>,
    /// Whether tokens are good in the hands of one client only.
    pub(crate) sender_constraint: SenderConstraint,
}

/// Who in an environment has a pair of issuer and audience: which entry of which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PairOf {
    /// An identity provider.
    Provider(usize),
    /// An assertion issuer.
    AssertionIssuer(usize),
}

impl PairOf {
    /// The refusal where the pair is in use already.
    pub(crate) fn in_use(self) -> Error {
        match self {
            Self::Provider(index) => provider::in_use(index),
            Self::AssertionIssuer(index) => assertion_issuer::in_use(index),
        }
    }
}

impl Settings {
    /// What the preset says, with nobody who could sign in yet.
    pub(crate) fn of(preset: Preset) -> Self {
        Self {
            display_name: String::new(),
            identity_providers: Vec::new(),
            relying_party: None,
            allowed_origins: Vec::new(),
            preset,
            actions: preset.actions(),
            enrolment_required: false,
            max_totp_devices: DEFAULT_MAX_TOTP_DEVICES,
            max_passkeys: DEFAULT_MAX_PASSKEYS,
            totp: TotpParameters::EVERYWHERE,
            factor_hold_seconds: preset.factor_hold_seconds(),
            opaque_payload_as_export: preset.opaque_payload_as_export(),
            legacy: LegacyMfaTokens::OFF,
            assertion_issuers: Vec::new(),
            sender_constraint: SenderConstraint::Off,
        }
    }

    /// The pairs of issuer and audience that lead to this environment, and whose they are.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str, PairOf)> {
        let providers = self
            .identity_providers
            .iter()
            .enumerate()
            .map(|(index, one)| (one.issuer.as_str(), one.audience.as_str(), PairOf::Provider(index)));
        let issuers =
            self.assertion_issuers.iter().enumerate().map(|(index, one)| {
                (one.issuer.as_str(), one.audience.as_str(), PairOf::AssertionIssuer(index))
            });
        providers.chain(issuers)
    }

    /// The assertion issuer of that id, if there is one now.
    pub(crate) fn assertion_issuer(&self, id: &str) -> Option<&AssertionIssuer> {
        self.assertion_issuers.iter().find(|issuer| issuer.id == id)
    }
}

/// An environment in one of its versions. A version never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// Which.
    pub(crate) id: EnvironmentId,
    /// Counts the changes, from 1.
    pub(crate) version: u64,
    /// When the environment was created.
    pub(crate) created: Timestamp,
    /// When this version was made.
    pub(crate) updated: Timestamp,
    /// What it says.
    pub(crate) settings: Settings,
}

impl Environment {
    /// The first version of a new environment.
    pub(crate) fn first(id: EnvironmentId, settings: Settings, now: Timestamp) -> Self {
        Self { id, version: 1, created: now, updated: now, settings }
    }

    /// The version after this one.
    pub(crate) fn next(&self, settings: Settings, now: Timestamp) -> Self {
        Self { id: self.id, version: self.version + 1, created: self.created, updated: now, settings }
    }

    /// What stands for this version in an update. Derived and not stored: a version has one, for ever.
    pub(crate) fn etag(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"countersign/environment-etag/v1");
        hash.update(self.id.uuid().as_bytes());
        hash.update(self.version.to_be_bytes());
        BASE64URL_NOPAD.encode(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_stands_for_one_version_of_one_environment() {
        let at = |id: &str, version| Environment {
            version,
            ..Environment::first(
                id.parse().unwrap(),
                Settings::of(Preset::Strict),
                Timestamp::from_millis(version as i64),
            )
        };
        let (a, b) = ("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11", "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12");
        assert_eq!(at(a, 7).etag(), at(a, 7).etag());
        assert_ne!(at(a, 7).etag(), at(a, 8).etag());
        assert_ne!(at(a, 7).etag(), at(b, 7).etag());
    }

    #[test]
    fn the_next_version_keeps_when_it_was_created() {
        let settings = Settings::of(Preset::Strict);
        let id = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap();
        let first = Environment::first(id, settings.clone(), Timestamp::from_millis(1));
        let second = first.next(settings, Timestamp::from_millis(2));
        assert_eq!((second.version, second.created.millis(), second.updated.millis()), (2, 1, 2));
    }
}

//! What an administrator may change, one field at a time.

use std::ops::RangeInclusive;

use kernel::{Action, Error, Result};

use super::Mode;
use super::action_settings::{ActionSettings, ActionTable};
use super::assertion_issuer::{self, AssertionIssuerDraft};
use super::environment::Settings;
use super::legacy::LegacyMfaTokens;
use super::origins;
use super::provider::{self, ProviderDraft};
use super::refusals::Refusals;
use super::relying_party::RelyingPartyDraft;
use super::sender_constraint::SenderConstraint;
use super::totp::TotpParameters;

/// The longest display name, in bytes.
const MAX_DISPLAY_NAME: usize = 128;

/// How many TOTP devices an environment may allow a user.
const TOTP_DEVICES: RangeInclusive<u32> = 1..=10;

/// How many passkeys an environment may allow a user.
const PASSKEYS: RangeInclusive<u32> = 1..=20;

/// The longest that a factor may be on hold, in seconds: a week.
const MAX_FACTOR_HOLD_SECONDS: u32 = 7 * 24 * 60 * 60;

/// A wanted value of one field, not checked yet. Lists are replaced as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// `display_name`
    DisplayName(String),
    /// `identity_providers`
    IdentityProviders(Vec<ProviderDraft>),
    /// `relying_party`; none takes it away.
    RelyingParty(Option<RelyingPartyDraft>),
    /// `allowed_origins`
    AllowedOrigins(Vec<String>),
    /// `action_settings`
    ActionSettings(Vec<(Action, ActionSettings)>),
    /// `enrolment_required`
    EnrolmentRequired(bool),
    /// `max_totp_devices`
    MaxTotpDevices(u32),
    /// `max_passkeys`
    MaxPasskeys(u32),
    /// `totp_parameters`; none stands for what every app can do.
    TotpParameters(Option<TotpParameters>),
    /// `factor_hold_seconds`
    FactorHoldSeconds(u32),
    /// `opaque_payload_as_export`
    OpaquePayloadAsExport(bool),
    /// `legacy_mfa_tokens`; none stands for off.
    LegacyMfaTokens(Option<LegacyMfaTokens>),
    /// `assertion_issuers`
    AssertionIssuers(Vec<AssertionIssuerDraft>),
    /// `sender_constraint`
    SenderConstraint(SenderConstraint),
}

impl Settings {
    /// The settings after the changes. Refused with `INVALID_REQUEST`, with every wrong field named.
    pub(crate) fn with(mut self, changes: Vec<Change>, mode: Mode) -> Result<Self> {
        let mut refusals = Refusals::default();
        for change in changes {
            refusals.note(self.apply(change, mode));
        }
        // Of the lists as they stand now, whichever of them was changed.
        refusals.note(assertion_issuer::check_beside(&self.assertion_issuers, &self.identity_providers));
        refusals.or(self)
    }

    fn apply(&mut self, change: Change, mode: Mode) -> Result<()> {
        match change {
            Change::DisplayName(name) => self.display_name = display_name(name)?,
            Change::IdentityProviders(drafts) => {
                self.identity_providers = provider::check_all(drafts, mode)?;
            }
            Change::RelyingParty(draft) => {
                self.relying_party = draft.map(|draft| draft.check(mode)).transpose()?;
            }
            Change::AllowedOrigins(origins) => {
                self.allowed_origins = origins::check("environment.allowed_origins", &origins, mode)?;
            }
            Change::ActionSettings(entries) => {
                self.actions = ActionTable::check(entries, "environment.action_settings")?;
            }
            Change::EnrolmentRequired(required) => self.enrolment_required = required,
            Change::MaxTotpDevices(most) if TOTP_DEVICES.contains(&most) => self.max_totp_devices = most,
            Change::MaxTotpDevices(_) => {
                return Err(Error::invalid("environment.max_totp_devices", "must be 1 to 10"));
            }
            Change::MaxPasskeys(most) if PASSKEYS.contains(&most) => self.max_passkeys = most,
            Change::MaxPasskeys(_) => {
                return Err(Error::invalid("environment.max_passkeys", "must be 1 to 20"));
            }
            Change::TotpParameters(parameters) => {
                let wanted = parameters.unwrap_or(TotpParameters::EVERYWHERE);
                self.totp = wanted.check("environment.totp_parameters")?;
            }
            Change::FactorHoldSeconds(seconds) if seconds <= MAX_FACTOR_HOLD_SECONDS => {
                self.factor_hold_seconds = seconds;
            }
            Change::FactorHoldSeconds(_) => {
                let expected = "must be at most 604800, a week; 0 holds none";
                return Err(Error::invalid("environment.factor_hold_seconds", expected));
            }
            Change::OpaquePayloadAsExport(as_export) => self.opaque_payload_as_export = as_export,
            Change::LegacyMfaTokens(wanted) => {
                self.legacy =
                    wanted.unwrap_or(LegacyMfaTokens::OFF).check("environment.legacy_mfa_tokens")?;
            }
            Change::AssertionIssuers(drafts) => {
                self.assertion_issuers = assertion_issuer::check_all(drafts, mode)?;
            }
            Change::SenderConstraint(wanted) => self.sender_constraint = wanted,
        }
        Ok(())
    }
}

fn display_name(name: String) -> Result<String> {
    if name.len() > MAX_DISPLAY_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "environment.display_name",
            "must be at most 128 bytes without control characters",
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::preset::Preset;
    use crate::domain::totp::TotpAlgorithm;

    fn with(change: Change) -> Result<Settings> {
        Settings::of(Preset::Strict).with(vec![change], Mode::Production)
    }

    fn field(refused: Result<Settings>) -> String {
        refused.unwrap_err().violations()[0].field.clone()
    }

    #[test]
    fn a_change_touches_its_own_field_only() {
        let before = Settings::of(Preset::Strict);
        let after = with(Change::EnrolmentRequired(true)).unwrap();
        assert_eq!(after, Settings { enrolment_required: true, ..before.clone() });
        let after = with(Change::OpaquePayloadAsExport(false)).unwrap();
        assert_eq!(after, Settings { opaque_payload_as_export: false, ..before.clone() });
        let after = with(Change::FactorHoldSeconds(60)).unwrap();
        assert_eq!(after, Settings { factor_hold_seconds: 60, ..before.clone() });
        let totp = TotpParameters { algorithm: TotpAlgorithm::Sha512, digits: 8, period_seconds: 60 };
        let after = with(Change::TotpParameters(Some(totp))).unwrap();
        assert_eq!(after, Settings { totp, ..before.clone() });
        let back = after.with(vec![Change::TotpParameters(None)], Mode::Production).unwrap();
        assert_eq!(back, before);
    }

    #[test]
    fn limits_hold_at_their_edges() {
        for most in [1, 10] {
            assert_eq!(with(Change::MaxTotpDevices(most)).unwrap().max_totp_devices, most);
        }
        for most in [0, 11, u32::MAX] {
            assert_eq!(field(with(Change::MaxTotpDevices(most))), "environment.max_totp_devices");
        }
        for most in [1, 20] {
            assert_eq!(with(Change::MaxPasskeys(most)).unwrap().max_passkeys, most);
        }
        for most in [0, 21, u32::MAX] {
            assert_eq!(field(with(Change::MaxPasskeys(most))), "environment.max_passkeys");
        }
        for seconds in [0, 604_800] {
            assert_eq!(with(Change::FactorHoldSeconds(seconds)).unwrap().factor_hold_seconds, seconds);
        }
        for seconds in [604_801, u32::MAX] {
            assert_eq!(field(with(Change::FactorHoldSeconds(seconds))), "environment.factor_hold_seconds");
        }
        let wrong = TotpParameters { digits: 5, ..TotpParameters::EVERYWHERE };
        assert_eq!(field(with(Change::TotpParameters(Some(wrong)))), "environment.totp_parameters.digits");
        assert!(with(Change::DisplayName("é".repeat(64))).is_ok());
        assert_eq!(field(with(Change::DisplayName("x".repeat(129)))), "environment.display_name");
        assert_eq!(field(with(Change::DisplayName("a\nb".to_owned()))), "environment.display_name");
    }

    #[test]
    fn origins_are_counted_and_unlike_after_normalising() {
        let some = |count: usize| {
            Change::AllowedOrigins((0..count).map(|n| format!("https://a{n}.example")).collect())
        };
        assert_eq!(with(some(32)).unwrap().allowed_origins.len(), 32);
        assert_eq!(field(with(some(33))), "environment.allowed_origins");
        let twice = vec!["https://a.example".to_owned(), "https://A.example:443/".to_owned()];
        assert_eq!(field(with(Change::AllowedOrigins(twice))), "environment.allowed_origins[1]");
    }

    #[test]
    fn every_wrong_field_of_a_request_is_told_at_once() {
        let refused = Settings::of(Preset::Strict)
            .with(
                vec![Change::MaxTotpDevices(0), Change::AllowedOrigins(vec!["x".to_owned(), "y".to_owned()])],
                Mode::Production,
            )
            .unwrap_err();
        let fields: Vec<_> = refused.violations().iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "environment.max_totp_devices",
                "environment.allowed_origins[0]",
                "environment.allowed_origins[1]"
            ]
        );
    }
}

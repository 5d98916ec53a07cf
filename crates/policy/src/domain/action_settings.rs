//! What each wallet action demands.

use std::ops::RangeInclusive;

use kernel::{Acr, Action, Error, FactorKind, Result};

use super::refusals;

/// How closely a proof must be tied to what it is for, loosest first, so that `>=` means "at least as close".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Binding {
    /// To scopes only.
    Scope,
    /// To one wallet.
    Wallet,
    /// To exactly one operation, by its digest.
    Operation,
}

/// How a token may be used, loosest first, so that `>=` means "at least as strict".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TokenBehavior {
    /// Any number of times until it expires.
    TimeBound,
    /// Once: it pays for one operation.
    SingleUse,
}

impl TokenBehavior {
    /// How long such a token lives where nobody says otherwise, in seconds.
    pub(crate) const fn default_expiry_seconds(self) -> u32 {
        match self {
            Self::TimeBound => 600,
            Self::SingleUse => 300,
        }
    }
}

/// How long a token may live, in seconds.
pub(crate) const TOKEN_EXPIRY_SECONDS: RangeInclusive<u32> = 30..=3600;

/// How old a sign-in may be that opens an action instead of a factor, in seconds, where one may at all.
pub(crate) const REAUTHENTICATION_SECONDS: RangeInclusive<u32> = 30..=3600;

/// What one action demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActionSettings {
    /// Whether the action ever needs a second factor.
    pub(crate) required: bool,
    /// Whether it needs one even of a user who never had one. Only with `required`.
    pub(crate) factor_always_required: bool,
    /// How a token for the action may be used.
    pub(crate) token_behavior: TokenBehavior,
    /// How long such a token lives, in seconds, within [`TOKEN_EXPIRY_SECONDS`].
    pub(crate) token_expiry_seconds: u32,
    /// How closely a token must be tied to the operation when the caller speaks gRPC.
    pub(crate) binding: Binding,
    /// The least strength of a proof that counts; some kind of factor reaches it.
    pub(crate) acr: Acr,
    /// How old a sign-in may be, in seconds, that opens the action to who never had a factor and would have to enrol
    /// one: zero, for none, or within [`REAUTHENTICATION_SECONDS`].
    pub(crate) reauthentication_seconds: u32,
}

impl ActionSettings {
    /// Whichever of the two demands more, in each respect.
    pub(crate) fn stricter(self, other: Self) -> Self {
        Self {
            required: self.required || other.required,
            factor_always_required: self.factor_always_required || other.factor_always_required,
            token_behavior: self.token_behavior.max(other.token_behavior),
            token_expiry_seconds: self.token_expiry_seconds.min(other.token_expiry_seconds),
            binding: self.binding.max(other.binding),
            acr: self.acr.max(other.acr),
            // Zero demands most: no sign-in is young enough.
            reauthentication_seconds: self.reauthentication_seconds.min(other.reauthentication_seconds),
        }
    }

    /// Checks what a caller wants; `field` is the path of the entry in the request. An expiry of zero stands for
    /// the default of the behaviour.
    fn check(mut self, field: &str) -> Result<Self> {
        if self.factor_always_required && !self.required {
            return Err(Error::invalid(
                format!("{field}.factor_always_required"),
                "goes with `required` only; an action that is not required is open to every session",
            ));
        }
        if self.token_expiry_seconds == 0 {
            self.token_expiry_seconds = self.token_behavior.default_expiry_seconds();
        }
        if !TOKEN_EXPIRY_SECONDS.contains(&self.token_expiry_seconds) {
            return Err(Error::invalid(
                format!("{field}.token_expiry_seconds"),
                "must be 30 to 3600, or 0 for the default of the token behaviour",
            ));
        }
        if !FactorKind::ALL.into_iter().any(|kind| kind.acr() >= self.acr) {
            return Err(Error::invalid(
                format!("{field}.acr"),
                "is out of reach of every kind of factor this version offers, so that nobody could ever do it",
            ));
        }
        if self.reauthentication_seconds != 0
            && !REAUTHENTICATION_SECONDS.contains(&self.reauthentication_seconds)
        {
            return Err(Error::invalid(
                format!("{field}.reauthentication_seconds"),
                "must be 30 to 3600, or 0 where no sign-in opens the action",
            ));
        }
        Ok(self)
    }
}

/// What the four wallet actions demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActionTable {
    /// [`Action::WalletExport`].
    pub(crate) export: ActionSettings,
    /// [`Action::WalletSign`].
    pub(crate) sign: ActionSettings,
    /// [`Action::WalletRefresh`].
    pub(crate) refresh: ActionSettings,
    /// [`Action::WalletReshare`].
    pub(crate) reshare: ActionSettings,
}

impl ActionTable {
    /// The settings with the actions they are for, in the order of the design.
    pub(crate) fn entries(&self) -> [(Action, ActionSettings); 4] {
        [
            (Action::WalletExport, self.export),
            (Action::WalletSign, self.sign),
            (Action::WalletRefresh, self.refresh),
            (Action::WalletReshare, self.reshare),
        ]
    }

    /// From a caller's list, in any order: each of the four actions exactly once. `field` is the path of the list.
    pub(crate) fn check(entries: Vec<(Action, ActionSettings)>, field: &str) -> Result<Self> {
        let checked = refusals::all(entries.into_iter().enumerate().map(|(index, (action, settings))| {
            settings.check(&format!("{field}[{index}]")).map(|settings| (action, settings))
        }))?;
        let only = |wanted: Action| {
            let mut found = checked.iter().filter(|(action, _)| *action == wanted);
            match (found.next(), found.next()) {
                (Some((_, settings)), None) => Some(*settings),
                _ => None,
            }
        };
        let table = (
            only(Action::WalletExport),
            only(Action::WalletSign),
            only(Action::WalletRefresh),
            only(Action::WalletReshare),
        );
        match table {
            (Some(export), Some(sign), Some(refresh), Some(reshare)) if checked.len() == 4 => {
                Ok(Self { export, sign, refresh, reshare })
            }
            _ => Err(Error::invalid(
                field,
                "must have one entry for each of export, sign, refresh and reshare, and no other",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::preset::Preset;

    fn strict() -> Vec<(Action, ActionSettings)> {
        Preset::Strict.actions().entries().to_vec()
    }

    #[test]
    fn each_of_the_four_actions_stands_once_in_any_order() {
        let mut entries = strict();
        entries.reverse();
        assert_eq!(ActionTable::check(entries, "f").unwrap(), Preset::Strict.actions());

        let mut missing = strict();
        missing.pop();
        let mut twice = strict();
        twice[1].0 = Action::WalletExport;
        let mut five = strict();
        five.push(five[0]);
        let mut foreign = strict();
        foreign.push((Action::CredentialLink, foreign[0].1));
        let mut swapped = strict();
        swapped[3].0 = Action::WalletCreate;
        for wrong in [missing, twice, five, foreign, swapped, Vec::new()] {
            let refused = ActionTable::check(wrong, "environment.action_settings").unwrap_err();
            assert_eq!(refused.violations()[0].field, "environment.action_settings");
        }
    }

    #[test]
    fn an_entry_is_refused_by_its_field() {
        let change = |change: fn(&mut ActionSettings)| {
            let mut entries = strict();
            change(&mut entries[2].1);
            ActionTable::check(entries, "f").map_err(|error| error.violations()[0].field.clone())
        };
        for seconds in [1, 29, 3601, u32::MAX] {
            let mut entries = strict();
            entries[0].1.token_expiry_seconds = seconds;
            let refused = ActionTable::check(entries, "f").unwrap_err();
            assert_eq!(refused.violations()[0].field, "f[0].token_expiry_seconds", "{seconds}");
        }
        assert!(change(|s| s.token_expiry_seconds = 30).is_ok());
        assert!(change(|s| s.token_expiry_seconds = 3600).is_ok());
        let orphan = change(|s| (s.required, s.factor_always_required) = (false, true));
        assert_eq!(orphan.unwrap_err(), "f[2].factor_always_required");
        for seconds in [1, 29, 3601, u32::MAX] {
            let mut entries = strict();
            entries[3].1.reauthentication_seconds = seconds;
            let refused = ActionTable::check(entries, "f").unwrap_err();
            assert_eq!(refused.violations()[0].field, "f[3].reauthentication_seconds", "{seconds}");
        }
        for seconds in [0, 30, 3600] {
            let mut entries = strict();
            entries[3].1.reauthentication_seconds = seconds;
            let table = ActionTable::check(entries, "f").unwrap();
            assert_eq!(table.reshare.reauthentication_seconds, seconds);
        }
    }

    #[test]
    fn a_strength_that_no_kind_of_factor_reaches_is_refused() {
        for acr in Acr::ALL {
            let mut entries = strict();
            entries[1].1.acr = acr;
            let checked =
                ActionTable::check(entries, "f").map_err(|error| error.violations()[0].field.clone());
            match acr {
                Acr::Phrh => assert_eq!(checked.unwrap_err(), "f[1].acr"),
                _ => assert_eq!(checked.unwrap().sign.acr, acr),
            }
        }
    }

    #[test]
    fn of_two_sign_ins_the_younger_is_demanded_and_none_most_of_all() {
        let with =
            |seconds| ActionSettings { reauthentication_seconds: seconds, ..Preset::Strict.actions().export };
        for (one, other, stricter) in [(300, 60, 60), (60, 300, 60), (0, 60, 0), (60, 0, 0), (0, 0, 0)] {
            assert_eq!(with(one).stricter(with(other)).reauthentication_seconds, stricter);
        }
    }

    #[test]
    fn no_expiry_stands_for_that_of_the_behaviour() {
        let mut entries = strict();
        entries[0].1.token_expiry_seconds = 0;
        entries[1].1.token_expiry_seconds = 0;
        entries[1].1.token_behavior = TokenBehavior::TimeBound;
        let table = ActionTable::check(entries, "f").unwrap();
        assert_eq!((table.export.token_expiry_seconds, table.sign.token_expiry_seconds), (300, 600));
    }
}

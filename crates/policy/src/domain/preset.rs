//! Sets of action settings to start from.

use kernel::Acr;

use super::action_settings::{ActionSettings, ActionTable, Binding, TokenBehavior};

/// A set of action settings to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Export always needs a second factor, bound to the operation; the other actions need one as soon as the user
    /// has one. Recovery codes do not count, and a factor is on hold for its first day. What shows nothing of its
    /// meaning is signed as an export would be made.
    Strict,
    /// The defaults of the product this suite matches: every wallet action needs a second factor as soon as the user
    /// has one, and none before. Recovery codes count as any other factor, and none is on hold.
    SeedCompatible,
}

/// How long a factor is on hold with [`Preset::Strict`], in seconds: a day, in which its owner can notice that it was
/// added by somebody else.
const STRICT_FACTOR_HOLD_SECONDS: u32 = 24 * 60 * 60;

/// Required once a factor exists, by a single-use token that carries the scope.
const ONCE_A_FACTOR_EXISTS: ActionSettings = ActionSettings {
    required: true,
    factor_always_required: false,
    token_behavior: TokenBehavior::SingleUse,
    token_expiry_seconds: TokenBehavior::SingleUse.default_expiry_seconds(),
    binding: Binding::Scope,
    acr: Acr::Otp,
    reauthentication_seconds: 0,
};

impl Preset {
    /// What the four wallet actions demand.
    pub(crate) const fn actions(self) -> ActionTable {
        let (export, others) = match self {
            Self::Strict => {
                let export = ActionSettings {
                    factor_always_required: true,
                    binding: Binding::Operation,
                    ..ONCE_A_FACTOR_EXISTS
                };
                (export, ONCE_A_FACTOR_EXISTS)
            }
            Self::SeedCompatible => {
                let by_any_means = ActionSettings { acr: Acr::Recovery, ..ONCE_A_FACTOR_EXISTS };
                (by_any_means, by_any_means)
            }
        };
        ActionTable { export, sign: others, refresh: others, reshare: others }
    }

    /// How long a factor is on hold, in seconds.
    pub(crate) const fn factor_hold_seconds(self) -> u32 {
        match self {
            Self::Strict => STRICT_FACTOR_HOLD_SECONDS,
            Self::SeedCompatible => 0,
        }
    }

    /// Whether signing bytes that show nothing of what they mean demands what an export demands.
    pub(crate) const fn opaque_payload_as_export(self) -> bool {
        matches!(self, Self::Strict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (required, factor always, behaviour, seconds, binding, acr)
    type Row = (bool, bool, TokenBehavior, u32, Binding, Acr);

    fn rows(preset: Preset) -> [Row; 4] {
        preset.actions().entries().map(|(_, s)| {
            assert_eq!(s.reauthentication_seconds, 0, "no preset takes a sign-in for a factor");
            (s.required, s.factor_always_required, s.token_behavior, s.token_expiry_seconds, s.binding, s.acr)
        })
    }

    #[test]
    fn strict_is_as_in_the_design() {
        let others = (true, false, TokenBehavior::SingleUse, 300, Binding::Scope, Acr::Otp);
        let export = (true, true, TokenBehavior::SingleUse, 300, Binding::Operation, Acr::Otp);
        assert_eq!(rows(Preset::Strict), [export, others, others, others]);
        assert!(Preset::Strict.opaque_payload_as_export());
        assert_eq!(Preset::Strict.factor_hold_seconds(), 86_400);
    }

    #[test]
    fn seed_compatible_asks_only_who_has_a_factor() {
        let all = (true, false, TokenBehavior::SingleUse, 300, Binding::Scope, Acr::Recovery);
        assert_eq!(rows(Preset::SeedCompatible), [all; 4]);
        assert!(!Preset::SeedCompatible.opaque_payload_as_export());
        assert_eq!(Preset::SeedCompatible.factor_hold_seconds(), 0);
    }
}

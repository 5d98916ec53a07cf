//! Sets of action settings to start from.

use super::action_settings::{ActionSettings, ActionTable, Binding, TokenBehavior};

/// A set of action settings to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Export always needs a second factor, bound to the operation; the other actions need one as soon as the user
    /// has one. What shows nothing of its meaning is signed as an export would be made.
    Strict,
    /// The defaults of the product this suite matches: every wallet action needs a second factor as soon as the user
    /// has one, and none before.
    SeedCompatible,
}

/// Required once a factor exists, by a single-use token that carries the scope.
const ONCE_A_FACTOR_EXISTS: ActionSettings = ActionSettings {
    required: true,
    factor_always_required: false,
    token_behavior: TokenBehavior::SingleUse,
    token_expiry_seconds: TokenBehavior::SingleUse.default_expiry_seconds(),
    binding: Binding::Scope,
};

impl Preset {
    /// What the four wallet actions demand.
    pub(crate) const fn actions(self) -> ActionTable {
        let export = match self {
            Self::Strict => ActionSettings {
                factor_always_required: true,
                binding: Binding::Operation,
                ..ONCE_A_FACTOR_EXISTS
            },
            Self::SeedCompatible => ONCE_A_FACTOR_EXISTS,
        };
        ActionTable {
            export,
            sign: ONCE_A_FACTOR_EXISTS,
            refresh: ONCE_A_FACTOR_EXISTS,
            reshare: ONCE_A_FACTOR_EXISTS,
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

    /// (required, factor always, behaviour, seconds, binding)
    type Row = (bool, bool, TokenBehavior, u32, Binding);

    fn rows(preset: Preset) -> [Row; 4] {
        preset.actions().entries().map(|(_, s)| {
            (s.required, s.factor_always_required, s.token_behavior, s.token_expiry_seconds, s.binding)
        })
    }

    #[test]
    fn strict_is_as_in_the_design() {
        let others = (true, false, TokenBehavior::SingleUse, 300, Binding::Scope);
        let export = (true, true, TokenBehavior::SingleUse, 300, Binding::Operation);
        assert_eq!(rows(Preset::Strict), [export, others, others, others]);
        assert!(Preset::Strict.opaque_payload_as_export());
    }

    #[test]
    fn seed_compatible_asks_only_who_has_a_factor() {
        let all = (true, false, TokenBehavior::SingleUse, 300, Binding::Scope);
        assert_eq!(rows(Preset::SeedCompatible), [all; 4]);
        assert!(!Preset::SeedCompatible.opaque_payload_as_export());
    }
}

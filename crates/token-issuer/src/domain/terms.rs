//! The terms of a token that is good for several scopes: of each, the strictest.

use std::time::Duration;

use super::requirement::{Requirement, TokenBehavior};

/// How a token may be used and how long it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Single use if any of its scopes is.
    pub(crate) behavior: TokenBehavior,
    /// The shortest of the lives.
    pub(crate) life: Duration,
    /// The oldest of the versions it was judged by, should policy have changed in between.
    pub(crate) policy_version: u64,
}

/// The terms that satisfy every one of these requirements, each with the version it was judged by; `None` without one.
pub(crate) fn combine<'a>(requirements: impl IntoIterator<Item = (&'a Requirement, u64)>) -> Option<Terms> {
    requirements
        .into_iter()
        .map(|(requirement, policy_version)| Terms {
            behavior: requirement.token_behavior,
            life: Duration::from_secs(requirement.token_expiry_seconds.into()),
            policy_version,
        })
        .reduce(|one, other| Terms {
            behavior: match (one.behavior, other.behavior) {
                (TokenBehavior::TimeBound, TokenBehavior::TimeBound) => TokenBehavior::TimeBound,
                (TokenBehavior::SingleUse, _) | (_, TokenBehavior::SingleUse) => TokenBehavior::SingleUse,
            },
            life: one.life.min(other.life),
            policy_version: one.policy_version.min(other.policy_version),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::requirement;
    use kernel::Action;

    #[test]
    fn a_token_for_several_scopes_is_as_strict_as_the_strictest() {
        let export = Requirement { token_expiry_seconds: 300, ..requirement(Action::WalletExport) };
        let sign = Requirement {
            token_behavior: TokenBehavior::TimeBound,
            token_expiry_seconds: 600,
            ..requirement(Action::WalletSign)
        };
        let short = Requirement { token_expiry_seconds: 60, ..sign.clone() };
        let single = |seconds| Terms {
            behavior: TokenBehavior::SingleUse,
            life: Duration::from_secs(seconds),
            policy_version: 3,
        };
        assert_eq!(combine([(&export, 3), (&sign, 4)]), Some(single(300)));
        assert_eq!(combine([(&short, 4), (&export, 3)]), Some(single(60)));
        assert_eq!(
            combine([(&sign, 5), (&short, 5)]),
            Some(Terms {
                behavior: TokenBehavior::TimeBound,
                life: Duration::from_secs(60),
                policy_version: 5
            })
        );
        assert_eq!(combine([]), None);
    }
}

//! What a proof must be to count.

use std::time::Duration;

use kernel::{Acr, Action, DeviceId, FactorKind, Scope, Timestamp};

use super::action_settings::{Binding, TokenBehavior};
use super::facts::FactorFacts;
use super::hold::Hold;
use super::rule::Rule;

/// What the clocks of two services may differ by, and what may pass between the proof of a factor and the making of
/// its token.
pub(crate) const TOLERANCE_SECONDS: u32 = 60;

/// What satisfies the policy of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// The action.
    pub(crate) action: Action,
    /// The scope that the token must carry.
    pub(crate) scope: Scope,
    /// The least strength that counts.
    pub(crate) acr: Acr,
    /// How closely the token must be tied.
    pub(crate) binding: Binding,
    /// The kinds of factor that reach `acr` and of which the user holds one that is not on hold.
    pub(crate) methods: Vec<FactorKind>,
    /// How the token may be used.
    pub(crate) token_behavior: TokenBehavior,
    /// How long the token lives, in seconds.
    pub(crate) token_expiry_seconds: u32,
}

impl Requirement {
    /// The oldest proof that counts, in seconds since the factor was verified: as long as a token lives and the
    /// tolerance. So a token from a time when tokens lived longer does not outlive the change.
    pub(crate) const fn max_age_seconds(&self) -> u32 {
        self.token_expiry_seconds + TOLERANCE_SECONDS
    }
}

/// A proof of a second factor, as a token states it that somebody else has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// How strong.
    pub(crate) acr: Acr,
    /// The kind of factor.
    pub(crate) factor_kind: FactorKind,
    /// The device that was used.
    pub(crate) device: DeviceId,
    /// When.
    pub(crate) auth_time: Timestamp,
    /// The scopes of the token.
    pub(crate) scopes: Vec<Scope>,
    /// How closely it is tied; to the operation only if it is tied to the one that is judged.
    pub(crate) binding: Binding,
    /// How the token may be used.
    pub(crate) token_behavior: TokenBehavior,
}

impl Proof {
    /// In which respects the proof falls short, most telling first; none when it is good enough.
    pub(crate) fn shortcomings(
        &self,
        wanted: &Requirement,
        facts: &FactorFacts,
        hold: Hold,
        now: Timestamp,
    ) -> Vec<Rule> {
        // The device must be held now, as what it was proved as: what was removed is worth nothing.
        let device =
            facts.factors.iter().find(|held| held.device == self.device && held.kind == self.factor_kind);
        let may_pay = device.is_none_or(|device| hold.ends_for(device, now).is_none());
        // A token that claims more than its kind of factor can prove does not get it.
        let acr = self.acr.min(self.factor_kind.acr());
        let oldest = Duration::from_secs(wanted.max_age_seconds().into());
        let tolerance = Duration::from_secs(TOLERANCE_SECONDS.into());
        [
            (Rule::ProofDevice, device.is_some()),
            (Rule::ProofHold, may_pay),
            (Rule::ProofScope, self.scopes.contains(&wanted.scope)),
            (Rule::ProofAcr, acr >= wanted.acr),
            (Rule::ProofBinding, self.binding >= wanted.binding),
            (Rule::ProofBehavior, self.token_behavior >= wanted.token_behavior),
            (Rule::ProofAge, now.since(self.auth_time) <= oldest),
            (Rule::ProofFuture, self.auth_time <= now.plus(tolerance)),
        ]
        .into_iter()
        .filter_map(|(rule, holds)| (!holds).then_some(rule))
        .collect()
    }
}

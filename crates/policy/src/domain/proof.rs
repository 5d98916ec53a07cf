//! What a proof must be to count.

use std::time::Duration;

use kernel::{Acr, Action, DeviceId, FactorKind, Scope, Timestamp};

use super::action_settings::{Binding, TokenBehavior};
use super::assertion_issuer;
use super::environment::Settings;
use super::facts::FactorFacts;
use super::hold::Hold;
use super::legacy;
use super::rule::Rule;
use super::sender_constraint::SenderConstraint;

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
    /// Whether the token must be, or can be, good in the hands of one client only.
    pub(crate) sender_constraint: SenderConstraint,
}

impl Requirement {
    /// The oldest proof that counts, in seconds since the factor was verified: as long as a token lives and the
    /// tolerance. So a token from a time when tokens lived longer does not outlive the change.
    pub(crate) const fn max_age_seconds(&self) -> u32 {
        self.token_expiry_seconds + TOLERANCE_SECONDS
    }
}

/// The factor that was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProvedFactor {
    /// Its kind.
    pub(crate) kind: FactorKind,
    /// The device that was used.
    pub(crate) device: DeviceId,
}

/// What a proof rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A factor, as an elevated token states it.
    Factor(ProvedFactor),
    /// A factor, as a legacy MFA token states it. Such a token says nothing of what it is for: no scope, no binding.
    Legacy(ProvedFactor),
    /// The word of an assertion issuer, by the id of its entry, as an elevated token states it.
    Assertion(String),
}

/// A proof of a second factor, as a token states it that somebody else has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// What it rests on.
    pub(crate) source: Source,
    /// How strong.
    pub(crate) acr: Acr,
    /// When.
    pub(crate) auth_time: Timestamp,
    /// The scopes of the token.
    pub(crate) scopes: Vec<Scope>,
    /// How closely it is tied; to the operation only if it is tied to the one that is judged.
    pub(crate) binding: Binding,
    /// How the token may be used.
    pub(crate) token_behavior: TokenBehavior,
    /// Whether it is good in the hands of one client only, and came from this one.
    pub(crate) sender_constrained: bool,
}

/// What a proof is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure<'a> {
    /// What the environment says.
    pub(crate) settings: &'a Settings,
    /// The user's factors.
    pub(crate) facts: &'a FactorFacts,
    /// Which of them are too young to pay.
    pub(crate) hold: Hold,
    /// The time of judging.
    pub(crate) now: Timestamp,
}

impl Proof {
    /// In which respects the proof falls short, most telling first; none when it is good enough.
    pub(crate) fn shortcomings(&self, wanted: &Requirement, measure: Measure<'_>) -> Vec<Rule> {
        let counts_as = self.counts_as(wanted, measure);
        let now = measure.now;
        let oldest = Duration::from_secs(wanted.max_age_seconds().min(counts_as.max_age_seconds).into());
        let tolerance = Duration::from_secs(TOLERANCE_SECONDS.into());
        let is_constrained = self.sender_constrained || wanted.sender_constraint < SenderConstraint::Required;
        let of_every_proof = [
            (Rule::ProofAcr, self.acr.min(counts_as.acr) >= wanted.acr),
            (Rule::ProofBinding, self.binding.min(counts_as.binding) >= wanted.binding),
            (Rule::ProofBehavior, self.token_behavior >= wanted.token_behavior),
            (Rule::ProofSender, is_constrained),
            (Rule::ProofAge, now.since(self.auth_time) <= oldest),
            (Rule::ProofFuture, self.auth_time <= now.plus(tolerance)),
        ];
        let of_its_source = counts_as.conditions.into_iter();
        of_its_source.chain(of_every_proof).filter_map(|(rule, holds)| (!holds).then_some(rule)).collect()
    }

    /// What a proof of this source has to fulfil, and the most it counts for whatever it claims.
    fn counts_as(&self, wanted: &Requirement, measure: Measure<'_>) -> CountsAs {
        let Measure { settings, facts, hold, now } = measure;
        let is_for_it = (Rule::ProofScope, self.scopes.contains(&wanted.scope));
        // The device must be held now, as what it was proved as: what was removed is worth nothing.
        let factor = |proved: &ProvedFactor| {
            let device =
                facts.factors.iter().find(|held| held.device == proved.device && held.kind == proved.kind);
            let may_pay = device.is_none_or(|device| hold.ends_for(device, now).is_none());
            [(Rule::ProofDevice, device.is_some()), (Rule::ProofHold, may_pay)]
        };
        match &self.source {
            Source::Factor(proved) => CountsAs {
                conditions: [&factor(proved)[..], &[is_for_it]].concat(),
                acr: proved.kind.acr(),
                ..CountsAs::ANYTHING
            },
            Source::Legacy(proved) => CountsAs {
                conditions: [
                    &[
                        (Rule::ProofLegacyDisabled, settings.legacy.enabled),
                        (Rule::ProofLegacy, is_done_with_a_wallet(wanted.action)),
                    ],
                    &factor(proved)[..],
                ]
                .concat(),
                acr: proved.kind.acr().min(legacy::STRONGEST),
                binding: Binding::Scope,
                max_age_seconds: settings.legacy.token_expiry_seconds + TOLERANCE_SECONDS,
            },
            Source::Assertion(id) => {
                let issuer = settings.assertion_issuer(id);
                let listed = issuer.is_some_and(|issuer| issuer.scopes.contains(&wanted.scope));
                CountsAs {
                    conditions: vec![
                        (Rule::ProofAssertionIssuer, issuer.is_some()),
                        (Rule::ProofAssertion, is_done_with_a_wallet(wanted.action)),
                        (Rule::ProofAssertionScope, listed),
                        is_for_it,
                    ],
                    acr: issuer.map_or(Acr::Recovery, |issuer| issuer.acr).min(assertion_issuer::STRONGEST),
                    ..CountsAs::ANYTHING
                }
            }
        }
    }
}

/// What a proof has to fulfil because of its source, and the most it counts for.
struct CountsAs {
    conditions: Vec<(Rule, bool)>,
    acr: Acr,
    binding: Binding,
    max_age_seconds: u32,
}

/// What is done with wallets. Legacy MFA tokens and assertions pay for nothing else: not for a change of factors, or who
/// gets hold of one could make a factor of it.
pub(crate) const fn is_done_with_a_wallet(action: Action) -> bool {
    match action {
        Action::WalletExport | Action::WalletSign | Action::WalletRefresh | Action::WalletReshare => true,
        Action::CredentialLink | Action::CredentialUnlink | Action::WalletCreate => false,
    }
}

impl CountsAs {
    /// No more is demanded than of every proof, and all is believed.
    const ANYTHING: Self = Self {
        conditions: Vec::new(),
        acr: Acr::Phrh,
        binding: Binding::Operation,
        max_age_seconds: u32::MAX,
    };
}

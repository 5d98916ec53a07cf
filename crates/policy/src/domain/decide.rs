//! The decision: may this action go on, and if not, what would satisfy policy. Pure and total.
//!
//! The table that operators read is `docs/policy.md`.

use std::time::Duration;

use kernel::{Acr, Action, DeviceId, FactorKind, Scope, Timestamp};

use super::action_settings::{ActionSettings, ActionTable, Binding, TokenBehavior};
use super::environment::{Environment, Settings};
use super::facts::{ClientKind, FactorFacts};
use super::hold::Hold;
use super::proof::{Measure, Proof, Requirement, Source, TOLERANCE_SECONDS};
use super::rule::Rule;

/// What policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Open to the session: nothing needs to be proved, nothing is spent.
    Allow,
    /// The proof at hand is good enough; its token must be redeemed.
    AllowWithProof,
    /// A proof is needed, and there is none that is good enough.
    StepUpRequired,
    /// A proof is needed, and all factors that would do are on hold.
    FactorOnHold {
        /// When the first of them may pay.
        until: Timestamp,
    },
    /// A factor is needed, and the user has none that would do.
    EnrolmentRequired,
    /// A young sign-in is needed instead of a factor, and this one is too old.
    ReauthenticationRequired {
        /// How old it may be, in seconds.
        within_seconds: u32,
    },
    /// Forbidden.
    Deny,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The action.
    pub(crate) action: Action,
    /// The user's factors.
    pub(crate) facts: FactorFacts,
    /// The kind of client.
    pub(crate) client: ClientKind,
    /// The proof at hand.
    pub(crate) proof: Option<Proof>,
    /// Whether bytes are to be signed that show nothing of what they mean.
    pub(crate) opaque_payload: bool,
    /// When the user of the session signed in, if anybody knows.
    pub(crate) session_auth_time: Option<Timestamp>,
    /// The device to be removed, where one is and it is known.
    pub(crate) unlink_device: Option<DeviceId>,
}

/// What policy says, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// What.
    pub(crate) effect: Effect,
    /// What satisfies policy, or would; none where nothing could, or nothing needs to.
    pub(crate) requirement: Option<Requirement>,
    /// Why, most telling first.
    pub(crate) rules: Vec<Rule>,
    /// The version of the environment that was judged by.
    pub(crate) version: u64,
}

/// Judges. `now` is the time of judging: proofs, factors and sign-ins are measured by it.
pub(crate) fn decide(environment: &Environment, question: &Question, now: Timestamp) -> Decision {
    let case = Case { settings: &environment.settings, question, now };
    let actions = &environment.settings.actions;
    // Every action by name, so that a new one cannot be judged by accident.
    let verdict = match question.action {
        Action::WalletExport => case.by_settings(Scope::WalletExport, actions.export, case.hold(None)),
        Action::WalletSign => case.sign(actions),
        Action::WalletRefresh => case.by_settings(Scope::WalletRefresh, actions.refresh, Hold::Off),
        Action::WalletReshare => case.by_settings(Scope::WalletReshare, actions.reshare, case.hold(None)),
        Action::CredentialLink => case.link(),
        Action::CredentialUnlink => case.unlink(),
        Action::WalletCreate => Verdict::new(Effect::Allow, None, &[Rule::ActionOpen]),
    };
    let Verdict { effect, requirement, rules } = verdict;
    Decision { effect, requirement, rules, version: environment.version }
}

struct Verdict {
    effect: Effect,
    requirement: Option<Requirement>,
    rules: Vec<Rule>,
}

impl Verdict {
    fn new(effect: Effect, requirement: Option<Requirement>, rules: &[Rule]) -> Self {
        Self { effect, requirement, rules: rules.to_vec() }
    }
}

/// What changing the factors themselves demands: no setting can lower it.
const CREDENTIALS: ActionSettings = ActionSettings {
    required: true,
    factor_always_required: false,
    token_behavior: TokenBehavior::SingleUse,
    token_expiry_seconds: TokenBehavior::SingleUse.default_expiry_seconds(),
    binding: Binding::Scope,
    acr: Acr::Otp,
    reauthentication_seconds: 0,
};

/// What is judged, by what and when.
#[derive(Clone, Copy)]
struct Case<'a> {
    settings: &'a Settings,
    question: &'a Question,
    now: Timestamp,
}

impl Case<'_> {
    /// What the environment holds young factors off with. Nothing in a user's first session: every factor is young in
    /// it, and nobody was there before, from whom the session could have been taken.
    fn hold(self, guarded: Option<Timestamp>) -> Hold {
        match self.settings.factor_hold_seconds {
            0 => Hold::Off,
            _ if self.question.facts.first_session => Hold::Off,
            seconds => Hold::On { seconds, guarded },
        }
    }

    /// A signature, judged by its own settings or, of what shows nothing of its meaning, by those of an export too.
    fn sign(self, actions: &ActionTable) -> Verdict {
        if !(self.question.opaque_payload && self.settings.opaque_payload_as_export) {
            return self.by_settings(Scope::WalletSign, actions.sign, Hold::Off);
        }
        let demand = actions.sign.stricter(actions.export);
        let mut verdict = self.by_settings(Scope::WalletSign, demand, self.hold(None));
        verdict.rules.push(Rule::ActionOpaqueAsExport);
        verdict
    }

    fn by_settings(self, scope: Scope, demand: ActionSettings, hold: Hold) -> Verdict {
        let requirement = self.requirement(scope, demand, hold);
        if !demand.required {
            return Verdict::new(Effect::Allow, Some(requirement), &[Rule::ActionNotRequired]);
        }
        let facts = &self.question.facts;
        // Once a factor was verified, having none never means allow: this comes before all that may open the action.
        if facts.has_factor() {
            return self.prove(requirement, hold, &[Rule::FactorVerified, Rule::ActionRequired]);
        }
        if !facts.never_had_factor() {
            let grounds = [Rule::FactorSticky, Rule::ActionRequired];
            return Verdict::new(Effect::EnrolmentRequired, Some(requirement), &grounds);
        }
        let never = [Rule::FactorNever, Rule::ActionRequired];
        let demanding = if demand.factor_always_required {
            Rule::ActionFactorAlways
        } else if self.settings.enrolment_required {
            Rule::EnvironmentEnrolmentRequired
        } else {
            return Verdict::new(Effect::Allow, Some(requirement), &never);
        };
        let (effect, telling) = self.without_factor(demand.reauthentication_seconds, &requirement);
        let grounds = [&telling[..], &[demanding], &never].concat();
        Verdict::new(effect, Some(requirement), &grounds)
    }

    /// What becomes of who never had a factor and would have to enrol one: a young sign-in may do instead, and so may an
    /// assertion, which the environment takes for a second factor.
    fn without_factor(self, within_seconds: u32, requirement: &Requirement) -> (Effect, Vec<Rule>) {
        let (effect, telling) = self.by_sign_in(within_seconds);
        let asserted =
            self.question.proof.as_ref().filter(|proof| matches!(proof.source, Source::Assertion(_)));
        match asserted {
            Some(proof) if effect != Effect::Allow => {
                let shortcomings = proof.shortcomings(requirement, self.measure(Hold::Off));
                if shortcomings.is_empty() {
                    (Effect::AllowWithProof, vec![Rule::ProofSatisfied])
                } else {
                    (effect, [shortcomings, telling].concat())
                }
            }
            _ => (effect, telling),
        }
    }

    fn by_sign_in(self, within_seconds: u32) -> (Effect, Vec<Rule>) {
        if within_seconds == 0 {
            return (Effect::EnrolmentRequired, Vec::new());
        }
        let oldest = Duration::from_secs(within_seconds.into());
        let tolerance = Duration::from_secs(TOLERANCE_SECONDS.into());
        let is_young = self.question.session_auth_time.is_some_and(|signed_in| {
            self.now.since(signed_in) <= oldest && signed_in <= self.now.plus(tolerance)
        });
        if is_young {
            (Effect::Allow, vec![Rule::SessionReauthenticated])
        } else {
            (Effect::ReauthenticationRequired { within_seconds }, vec![Rule::SessionTooOld])
        }
    }

    /// Adding a factor. The first needs no proof, also after all were removed, or nobody could ever get one again; that
    /// the session is fresh is seen to where the factor is added.
    fn link(self) -> Verdict {
        match self.question.facts.strongest() {
            None => {
                let requirement = self.requirement(Scope::CredentialLink, CREDENTIALS, Hold::Off);
                Verdict::new(Effect::Allow, Some(requirement), &[Rule::CredentialFirst])
            }
            Some(acr) => {
                let demand = ActionSettings { acr, ..CREDENTIALS };
                let requirement = self.requirement(Scope::CredentialLink, demand, Hold::Off);
                self.prove(requirement, Hold::Off, &[Rule::CredentialStrongest])
            }
        }
    }

    /// Removing a factor: by a proof as strong as the strongest held, always, and not by one that is younger than what
    /// is removed and still on hold.
    fn unlink(self) -> Verdict {
        let facts = &self.question.facts;
        let Some(acr) = facts.strongest() else {
            return Verdict::new(Effect::Deny, None, &[Rule::CredentialNone]);
        };
        // Of a device that is not known, or not held, nobody can say that it is the younger one.
        let guarded = self.question.unlink_device.and_then(|device| facts.verified(device));
        let hold = self.hold(guarded);
        let requirement =
            self.requirement(Scope::CredentialUnlink, ActionSettings { acr, ..CREDENTIALS }, hold);
        self.prove(requirement, hold, &[Rule::CredentialStrongest])
    }

    fn requirement(self, scope: Scope, demand: ActionSettings, hold: Hold) -> Requirement {
        let ready: Vec<_> = self
            .question
            .facts
            .reaching(demand.acr)
            .filter(|factor| hold.ends_for(factor, self.now).is_none())
            .map(|factor| factor.kind)
            .collect();
        Requirement {
            action: self.question.action,
            scope,
            acr: demand.acr,
            binding: match self.question.client {
                ClientKind::Grpc => demand.binding,
            },
            methods: FactorKind::ALL.into_iter().filter(|kind| ready.contains(kind)).collect(),
            token_behavior: demand.token_behavior,
            token_expiry_seconds: demand.token_expiry_seconds,
            sender_constraint: self.settings.sender_constraint,
        }
    }

    fn measure(&self, hold: Hold) -> Measure<'_> {
        Measure { settings: self.settings, facts: &self.question.facts, hold, now: self.now }
    }

    /// Whether the proof at hand is good enough. `grounds` says why one is needed at all.
    fn prove(self, requirement: Requirement, hold: Hold, grounds: &[Rule]) -> Verdict {
        let facts = &self.question.facts;
        let shortcomings = match &self.question.proof {
            None => vec![Rule::ProofMissing],
            Some(proof) => proof.shortcomings(&requirement, self.measure(hold)),
        };
        let (effect, telling) = if shortcomings.is_empty() {
            (Effect::AllowWithProof, vec![Rule::ProofSatisfied])
        } else if !requirement.methods.is_empty() {
            (Effect::StepUpRequired, shortcomings)
        } else {
            let ends = facts.reaching(requirement.acr).filter_map(|factor| hold.ends_for(factor, self.now));
            match ends.min() {
                Some(until) => {
                    (Effect::FactorOnHold { until }, [&[Rule::FactorOnHold], &shortcomings[..]].concat())
                }
                None => (Effect::EnrolmentRequired, vec![Rule::FactorTooWeak]),
            }
        };
        Verdict::new(effect, Some(requirement), &[&telling, grounds].concat())
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

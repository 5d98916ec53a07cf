//! The decision: may this action go on, and if not, what would satisfy policy. Pure and total.
//!
//! The table that operators read is `docs/policy.md`.

use kernel::{Acr, Action, Scope, Timestamp};

use super::action_settings::{ActionSettings, Binding, TokenBehavior};
use super::environment::{Environment, Settings};
use super::facts::{ClientKind, FactorFacts};
use super::proof::{Proof, Requirement};
use super::rule::Rule;

/// The least strength that counts for a wallet: that of a one-time password. A recovery code gives access to the
/// factors back, it does not stand for one.
const LEAST_ACR: Acr = Acr::Otp;

/// What policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Open to the session: nothing needs to be proved, nothing is spent.
    Allow,
    /// The proof at hand is good enough; its token must be redeemed.
    AllowWithProof,
    /// A proof is needed, and there is none that is good enough.
    StepUpRequired,
    /// A factor is needed, and the user has none.
    EnrolmentRequired,
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

/// Judges. `now` is the time of judging: proofs are measured by it.
pub(crate) fn decide(environment: &Environment, question: &Question, now: Timestamp) -> Decision {
    let settings = &environment.settings;
    let actions = &settings.actions;
    // Every action by name, so that a new one cannot be judged by accident.
    let verdict = match question.action {
        Action::WalletExport => wallet(Scope::WalletExport, actions.export, settings, question, now),
        Action::WalletSign => wallet(Scope::WalletSign, actions.sign, settings, question, now),
        Action::WalletRefresh => wallet(Scope::WalletRefresh, actions.refresh, settings, question, now),
        Action::WalletReshare => wallet(Scope::WalletReshare, actions.reshare, settings, question, now),
        Action::CredentialLink => link(question, now),
        Action::CredentialUnlink => unlink(question, now),
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

/// A wallet action, judged by its own settings or, for what shows nothing of its meaning, by those of an export too.
fn wallet(
    scope: Scope,
    own: ActionSettings,
    settings: &Settings,
    question: &Question,
    now: Timestamp,
) -> Verdict {
    let as_export =
        question.action == Action::WalletSign && question.opaque_payload && settings.opaque_payload_as_export;
    if !as_export {
        return by_settings(scope, own, settings.enrolment_required, question, now);
    }
    let demand = own.stricter(settings.actions.export);
    let mut verdict = by_settings(scope, demand, settings.enrolment_required, question, now);
    verdict.rules.push(Rule::ActionOpaqueAsExport);
    verdict
}

fn by_settings(
    scope: Scope,
    demand: ActionSettings,
    enrolment_required: bool,
    question: &Question,
    now: Timestamp,
) -> Verdict {
    let requirement = requirement(scope, LEAST_ACR, demand, question);
    if !demand.required {
        return Verdict::new(Effect::Allow, Some(requirement), &[Rule::ActionNotRequired]);
    }
    let facts = &question.facts;
    // Once a factor was verified, having none never means allow: this comes before all that may open the action.
    let grounds: &[Rule] = if !facts.factors.is_empty() {
        &[Rule::FactorVerified, Rule::ActionRequired]
    } else if facts.ever_verified {
        &[Rule::FactorSticky, Rule::ActionRequired]
    } else if demand.factor_always_required {
        &[Rule::ActionFactorAlways, Rule::FactorNever, Rule::ActionRequired]
    } else if enrolment_required {
        &[Rule::EnvironmentEnrolmentRequired, Rule::FactorNever, Rule::ActionRequired]
    } else {
        return Verdict::new(Effect::Allow, Some(requirement), &[Rule::FactorNever, Rule::ActionRequired]);
    };
    if requirement.methods.is_empty() {
        return Verdict::new(Effect::EnrolmentRequired, Some(requirement), grounds);
    }
    prove(requirement, grounds, question, now)
}

/// What changing the factors themselves demands: no setting can lower it.
const CREDENTIALS: ActionSettings = ActionSettings {
    required: true,
    factor_always_required: false,
    token_behavior: TokenBehavior::SingleUse,
    token_expiry_seconds: TokenBehavior::SingleUse.default_expiry_seconds(),
    binding: Binding::Scope,
};

/// Adding a factor. The first needs no proof, also after all were removed, or nobody could ever get one again; that
/// the session is fresh is seen to where the factor is added.
fn link(question: &Question, now: Timestamp) -> Verdict {
    match question.facts.strongest() {
        None => {
            let requirement = requirement(Scope::CredentialLink, LEAST_ACR, CREDENTIALS, question);
            Verdict::new(Effect::Allow, Some(requirement), &[Rule::CredentialFirst])
        }
        Some(strongest) => {
            let requirement = requirement(Scope::CredentialLink, strongest, CREDENTIALS, question);
            prove(requirement, &[Rule::CredentialStrongest], question, now)
        }
    }
}

/// Removing a factor: by a proof as strong as the strongest held, always.
fn unlink(question: &Question, now: Timestamp) -> Verdict {
    match question.facts.strongest() {
        None => Verdict::new(Effect::Deny, None, &[Rule::CredentialNone]),
        Some(strongest) => {
            let requirement = requirement(Scope::CredentialUnlink, strongest, CREDENTIALS, question);
            prove(requirement, &[Rule::CredentialStrongest], question, now)
        }
    }
}

fn requirement(scope: Scope, acr: Acr, demand: ActionSettings, question: &Question) -> Requirement {
    Requirement {
        action: question.action,
        scope,
        acr,
        binding: match question.client {
            ClientKind::Grpc => demand.binding,
        },
        methods: question.facts.methods(acr),
        token_behavior: demand.token_behavior,
        token_expiry_seconds: demand.token_expiry_seconds,
    }
}

/// Whether the proof at hand is good enough. `grounds` says why one is needed at all.
fn prove(requirement: Requirement, grounds: &[Rule], question: &Question, now: Timestamp) -> Verdict {
    let (effect, telling) = match &question.proof {
        None => (Effect::StepUpRequired, vec![Rule::ProofMissing]),
        Some(proof) => match proof.shortcomings(&requirement, &question.facts, now) {
            none if none.is_empty() => (Effect::AllowWithProof, vec![Rule::ProofSatisfied]),
            shortcomings => (Effect::StepUpRequired, shortcomings),
        },
    };
    Verdict::new(effect, Some(requirement), &[&telling, grounds].concat())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

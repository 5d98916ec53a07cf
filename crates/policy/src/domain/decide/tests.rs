use kernel::{DeviceId, FactorKind};

use super::*;
use crate::domain::facts::VerifiedFactor;
use crate::domain::preset::Preset;
use crate::domain::proof::ProvedFactor;
use crate::domain::sender_constraint::SenderConstraint;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn device(last: u8) -> DeviceId {
    format!("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d{last:02x}").parse().unwrap()
}

fn environment(preset: Preset, change: impl FnOnce(&mut Settings)) -> Environment {
    let mut settings = Settings::of(preset);
    change(&mut settings);
    let id = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap();
    Environment { version: 7, ..Environment::first(id, settings, Timestamp::from_millis(0)) }
}

fn strict() -> Environment {
    environment(Preset::Strict, |_| {})
}

fn seed_compatible() -> Environment {
    environment(Preset::SeedCompatible, |_| {})
}

fn never() -> FactorFacts {
    FactorFacts::default()
}

/// Old enough for every hold.
const LONG_AGO: Timestamp = Timestamp::from_seconds(0);

fn once() -> FactorFacts {
    held(&[])
}

fn holds() -> FactorFacts {
    held(&[(1, FactorKind::Totp, LONG_AGO)])
}

/// What one holds who was seen before.
fn held(factors: &[(u8, FactorKind, Timestamp)]) -> FactorFacts {
    let factors = factors.iter().map(|(last, kind, verified)| VerifiedFactor {
        device: device(*last),
        kind: *kind,
        verified: *verified,
        exhausted: false,
    });
    FactorFacts { factors: factors.collect(), ever_verified: true, first_session: false }
}

/// Good enough for everything.
fn proof() -> Proof {
    Proof {
        source: source(1, FactorKind::Totp),
        acr: Acr::Otp,
        auth_time: NOW,
        scopes: Scope::ALL.to_vec(),
        binding: Binding::Operation,
        token_behavior: TokenBehavior::SingleUse,
        sender_constrained: false,
    }
}

fn source(last: u8, kind: FactorKind) -> Source {
    Source::Factor(ProvedFactor { kind, device: device(last) })
}

/// The best that the device and its kind can do.
fn proof_by(last: u8, kind: FactorKind) -> Proof {
    Proof { source: source(last, kind), acr: kind.acr(), ..proof() }
}

fn ask(action: Action, facts: FactorFacts, proof: Option<Proof>) -> Question {
    Question {
        action,
        facts,
        client: ClientKind::Grpc,
        proof,
        opaque_payload: false,
        session_auth_time: None,
        unlink_device: None,
    }
}

fn effect(environment: &Environment, action: Action, facts: FactorFacts) -> Effect {
    decide(environment, &ask(action, facts, None), NOW).effect
}

#[test]
fn the_table_of_the_presets_holds() {
    use Action::{
        CredentialLink, CredentialUnlink, WalletCreate, WalletExport, WalletRefresh, WalletReshare,
        WalletSign,
    };
    use Effect::{Allow, Deny, EnrolmentRequired, StepUpRequired};

    // Who never had a factor, who had one, who has one; without a proof.
    let strict_table = [
        (WalletExport, [EnrolmentRequired, EnrolmentRequired, StepUpRequired]),
        (WalletSign, [Allow, EnrolmentRequired, StepUpRequired]),
        (WalletRefresh, [Allow, EnrolmentRequired, StepUpRequired]),
        (WalletReshare, [Allow, EnrolmentRequired, StepUpRequired]),
        (CredentialLink, [Allow, Allow, StepUpRequired]),
        (CredentialUnlink, [Deny, Deny, StepUpRequired]),
        (WalletCreate, [Allow, Allow, Allow]),
    ];
    for (action, expected) in strict_table {
        for (facts, expected) in [never(), once(), holds()].into_iter().zip(expected) {
            assert_eq!(effect(&strict(), action, facts.clone()), expected, "strict {action} {facts:?}");
        }
    }
    // The other preset differs in one row, and only for who never had a factor.
    for (action, [first, rest @ ..]) in strict_table {
        let first = if action == WalletExport { Allow } else { first };
        for (facts, expected) in [never(), once(), holds()].into_iter().zip([first, rest[0], rest[1]]) {
            assert_eq!(effect(&seed_compatible(), action, facts.clone()), expected, "{action} {facts:?}");
        }
    }
}

#[test]
fn an_action_that_is_switched_off_is_open_to_everyone() {
    let environment = environment(Preset::Strict, |settings| {
        settings.actions.sign.required = false;
        settings.enrolment_required = true;
    });
    for facts in [never(), once(), holds()] {
        let decision = decide(&environment, &ask(Action::WalletSign, facts, Some(proof())), NOW);
        assert_eq!(decision.effect, Effect::Allow);
        assert_eq!(decision.rules, [Rule::ActionNotRequired]);
    }
}

#[test]
fn an_environment_that_requires_enrolment_sends_everyone_to_enrol() {
    let environment = environment(Preset::SeedCompatible, |settings| settings.enrolment_required = true);
    for action in [Action::WalletExport, Action::WalletSign, Action::WalletRefresh, Action::WalletReshare] {
        let decision = decide(&environment, &ask(action, never(), None), NOW);
        assert_eq!(decision.effect, Effect::EnrolmentRequired);
        assert_eq!(decision.rules[0], Rule::EnvironmentEnrolmentRequired);
        assert!(decision.requirement.unwrap().methods.is_empty());
    }
}

#[test]
fn a_proof_does_not_stand_for_a_factor_that_is_gone() {
    for facts in [once(), never()] {
        let question = ask(Action::WalletExport, facts, Some(proof()));
        assert_eq!(decide(&strict(), &question, NOW).effect, Effect::EnrolmentRequired);
    }
    let mut facts = holds();
    facts.factors[0].device = device(2);
    let decision = decide(&strict(), &ask(Action::WalletExport, facts, Some(proof())), NOW);
    assert_eq!(decision.effect, Effect::StepUpRequired);
    assert_eq!(decision.rules[0], Rule::ProofDevice);
}

#[test]
fn a_good_proof_opens_everything_that_asks_for_one() {
    for action in [
        Action::WalletExport,
        Action::WalletSign,
        Action::WalletRefresh,
        Action::WalletReshare,
        Action::CredentialLink,
        Action::CredentialUnlink,
    ] {
        for environment in [strict(), seed_compatible()] {
            let decision = decide(&environment, &ask(action, holds(), Some(proof())), NOW);
            assert_eq!(decision.effect, Effect::AllowWithProof, "{action}");
            assert_eq!(decision.rules[0], Rule::ProofSatisfied);
            assert_eq!(decision.version, 7);
        }
    }
}

#[test]
fn a_proof_that_falls_short_in_one_respect_is_not_enough() {
    let other_scopes: Vec<_> = Scope::ALL.into_iter().filter(|scope| *scope != Scope::WalletExport).collect();
    let falling_short: [(Rule, Proof); 8] = [
        (Rule::ProofDevice, Proof { source: source(9, FactorKind::Totp), ..proof() }),
        (Rule::ProofScope, Proof { scopes: other_scopes, ..proof() }),
        (Rule::ProofScope, Proof { scopes: Vec::new(), ..proof() }),
        (Rule::ProofAcr, Proof { acr: Acr::Recovery, ..proof() }),
        (Rule::ProofBinding, Proof { binding: Binding::Scope, ..proof() }),
        (Rule::ProofBehavior, Proof { token_behavior: TokenBehavior::TimeBound, ..proof() }),
        (Rule::ProofAge, Proof { auth_time: Timestamp::from_millis(NOW.millis() - 360_001), ..proof() }),
        (Rule::ProofFuture, Proof { auth_time: Timestamp::from_millis(NOW.millis() + 60_001), ..proof() }),
    ];
    for (rule, proof) in falling_short {
        let decision = decide(&strict(), &ask(Action::WalletExport, holds(), Some(proof)), NOW);
        assert_eq!(decision.effect, Effect::StepUpRequired, "{rule:?}");
        assert_eq!(decision.rules, [rule, Rule::FactorVerified, Rule::ActionRequired]);
    }
}

#[test]
fn time_counts_to_the_edge() {
    for (millis, expected) in [
        (-360_000, Effect::AllowWithProof),
        (-360_001, Effect::StepUpRequired),
        (60_000, Effect::AllowWithProof),
        (60_001, Effect::StepUpRequired),
        (i64::MIN, Effect::StepUpRequired),
        (i64::MAX, Effect::StepUpRequired),
    ] {
        let auth_time = Timestamp::from_millis(NOW.millis().saturating_add(millis));
        let question = ask(Action::WalletExport, holds(), Some(Proof { auth_time, ..proof() }));
        assert_eq!(decide(&strict(), &question, NOW).effect, expected, "{millis}");
    }
}

#[test]
fn a_token_for_one_use_is_good_for_an_action_that_allows_more() {
    let environment = environment(Preset::SeedCompatible, |settings| {
        settings.actions.sign.token_behavior = TokenBehavior::TimeBound;
        settings.actions.sign.token_expiry_seconds = 600;
    });
    for token_behavior in [TokenBehavior::TimeBound, TokenBehavior::SingleUse] {
        let question = ask(Action::WalletSign, holds(), Some(Proof { token_behavior, ..proof() }));
        assert_eq!(decide(&environment, &question, NOW).effect, Effect::AllowWithProof);
    }
}

#[test]
fn a_token_cannot_claim_more_than_its_factor_proves() {
    let question = ask(Action::WalletExport, holds(), Some(Proof { acr: Acr::Phrh, ..proof() }));
    let decision = decide(&strict(), &question, NOW);
    assert_eq!(decision.effect, Effect::AllowWithProof);
    let requirement = Requirement { acr: Acr::Phr, ..decision.requirement.unwrap() };
    let measure = Measure { settings: &strict().settings, facts: &question.facts, hold: Hold::Off, now: NOW };
    let shortcomings = question.proof.unwrap().shortcomings(&requirement, measure);
    assert_eq!(shortcomings, [Rule::ProofAcr]);
}

#[test]
fn what_shows_nothing_of_its_meaning_is_signed_as_an_export_is_made() {
    let opaque = |environment: &Environment, facts, proof| {
        decide(environment, &Question { opaque_payload: true, ..ask(Action::WalletSign, facts, proof) }, NOW)
    };
    assert_eq!(opaque(&strict(), never(), None).effect, Effect::EnrolmentRequired);
    let loose = Proof { binding: Binding::Scope, ..proof() };
    let decision = opaque(&strict(), holds(), Some(loose.clone()));
    assert_eq!(decision.effect, Effect::StepUpRequired);
    assert_eq!(decision.rules.first(), Some(&Rule::ProofBinding));
    assert_eq!(decision.rules.last(), Some(&Rule::ActionOpaqueAsExport));
    // It stays a signature: the scope of an export does not pay for it.
    assert_eq!(decision.requirement.unwrap().scope, Scope::WalletSign);
    assert_eq!(opaque(&strict(), holds(), Some(proof())).effect, Effect::AllowWithProof);

    assert_eq!(opaque(&seed_compatible(), never(), None).effect, Effect::Allow);
    assert_eq!(opaque(&seed_compatible(), holds(), Some(loose)).effect, Effect::AllowWithProof);
}

#[test]
fn an_opaque_payload_gets_the_stricter_of_both_in_each_respect() {
    let environment = environment(Preset::Strict, |settings| {
        settings.actions.export.required = false;
        settings.actions.export.factor_always_required = false;
        settings.actions.export.token_behavior = TokenBehavior::TimeBound;
        settings.actions.export.token_expiry_seconds = 3600;
        settings.actions.sign.token_expiry_seconds = 30;
    });
    let question = Question { opaque_payload: true, ..ask(Action::WalletSign, holds(), None) };
    let decision = decide(&environment, &question, NOW);
    assert_eq!(decision.effect, Effect::StepUpRequired);
    let requirement = decision.requirement.unwrap();
    assert_eq!(requirement.binding, Binding::Operation);
    assert_eq!(requirement.token_behavior, TokenBehavior::SingleUse);
    assert_eq!((requirement.token_expiry_seconds, requirement.max_age_seconds()), (30, 90));
}

#[test]
fn the_requirement_says_all_that_would_do() {
    let decision = decide(&strict(), &ask(Action::WalletExport, holds(), None), NOW);
    assert_eq!(
        decision.requirement,
        Some(Requirement {
            action: Action::WalletExport,
            scope: Scope::WalletExport,
            acr: Acr::Otp,
            binding: Binding::Operation,
            methods: vec![FactorKind::Totp],
            token_behavior: TokenBehavior::SingleUse,
            token_expiry_seconds: 300,
            sender_constraint: SenderConstraint::Off,
        })
    );
    assert_eq!(decision.rules, [Rule::ProofMissing, Rule::FactorVerified, Rule::ActionRequired]);
}

#[test]
fn settings_do_not_touch_what_changing_factors_demands() {
    let open = environment(Preset::SeedCompatible, |settings| {
        for action in [&mut settings.actions.export, &mut settings.actions.sign] {
            action.required = false;
            action.token_behavior = TokenBehavior::TimeBound;
        }
    });
    for action in [Action::CredentialLink, Action::CredentialUnlink] {
        let decision = decide(&open, &ask(action, holds(), None), NOW);
        assert_eq!(decision.effect, Effect::StepUpRequired);
        let requirement = decision.requirement.unwrap();
        assert_eq!(Some(requirement.scope), action.scope());
        assert_eq!(requirement.acr, Acr::Otp);
        assert_eq!(requirement.token_behavior, TokenBehavior::SingleUse);
        assert_eq!((requirement.token_expiry_seconds, requirement.binding), (300, Binding::Scope));
    }
}

#[test]
fn a_requirement_is_missing_only_where_nothing_would_do_or_nothing_is_asked() {
    for action in Action::ALL {
        for facts in [never(), once(), holds()] {
            let decision = decide(&strict(), &ask(action, facts, None), NOW);
            let none = decision.effect == Effect::Deny || action.scope().is_none();
            assert_eq!(decision.requirement.is_none(), none, "{action}");
        }
    }
}

#[test]
fn the_operators_table_names_every_rule() {
    let page = include_str!("../../../../../docs/policy.md");
    for rule in Rule::ALL {
        assert!(page.contains(&format!("`{}`", rule.as_str())), "{}", rule.as_str());
    }
}

mod factors;
mod hold;
mod reauthentication;
mod tokens;

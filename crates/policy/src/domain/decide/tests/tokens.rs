//! Tokens of other kinds than that of an elevated token by a factor, and tokens that are good in one pair of hands.

use kernel::FactorKind::{Passkey, RecoveryCode, Totp};

use super::*;
use crate::domain::assertion_issuer::AssertionIssuer;
use crate::domain::legacy::LegacyMfaTokens;
use crate::domain::provider::ProviderKeys;
use crate::domain::sender_constraint::SenderConstraint;

const WALLET_ACTIONS: [Action; 4] =
    [Action::WalletExport, Action::WalletSign, Action::WalletRefresh, Action::WalletReshare];

/// What the last rules of an answer say where the user has a factor.
const GROUNDS: [Rule; 2] = [Rule::FactorVerified, Rule::ActionRequired];

fn legacy_of(last: u8, kind: FactorKind) -> Proof {
    Proof {
        source: Source::Legacy(ProvedFactor { kind, device: device(last) }),
        acr: kind.acr(),
        scopes: Vec::new(),
        binding: Binding::Scope,
        ..proof()
    }
}

fn with_legacy(preset: Preset, change: impl FnOnce(&mut Settings)) -> Environment {
    environment(preset, |settings| {
        settings.legacy = LegacyMfaTokens { enabled: true, token_expiry_seconds: 120 };
        change(settings);
    })
}

fn assertion() -> Proof {
    Proof { source: Source::Assertion("risk".to_owned()), ..proof() }
}

fn risk(scopes: &[Scope]) -> AssertionIssuer {
    AssertionIssuer {
        id: "risk".to_owned(),
        issuer: "https://risk.example".to_owned(),
        audience: "step-up".to_owned(),
        keys: ProviderKeys::Inline("{}".to_owned()),
        algorithms: jose::Algorithm::ALL.to_vec(),
        scopes: scopes.to_vec(),
        acr: Acr::Otp,
        max_age_seconds: 120,
    }
}

/// Somebody's assertions count for every wallet action.
fn with_assertions(preset: Preset, change: impl FnOnce(&mut Settings)) -> Environment {
    environment(preset, |settings| {
        settings.assertion_issuers = vec![risk(&Scope::ALL)];
        change(settings);
    })
}

#[test]
fn no_preset_counts_on_legacy_tokens_assertions_or_senders() {
    for preset in [Preset::Strict, Preset::SeedCompatible] {
        let settings = Settings::of(preset);
        assert!(!settings.legacy.enabled);
        assert_eq!(settings.legacy.token_expiry_seconds, 120);
        assert!(settings.assertion_issuers.is_empty());
        assert_eq!(settings.sender_constraint, SenderConstraint::Off);
        for (sent, rule) in
            [(legacy_of(1, Totp), Rule::ProofLegacyDisabled), (assertion(), Rule::ProofAssertionIssuer)]
        {
            let question = ask(Action::WalletSign, holds(), Some(sent));
            let decision = decide(&environment(preset, |_| {}), &question, NOW);
            assert_eq!((decision.effect, decision.rules[0]), (Effect::StepUpRequired, rule));
        }
    }
}

#[test]
fn a_legacy_token_pays_for_wallet_actions_without_a_scope_and_for_no_change_of_factors() {
    for action in WALLET_ACTIONS {
        let question = ask(action, holds(), Some(legacy_of(1, Totp)));
        let decision = decide(&with_legacy(Preset::SeedCompatible, |_| {}), &question, NOW);
        assert_eq!(decision.effect, Effect::AllowWithProof, "{action}");
        let decision = decide(&seed_compatible(), &question, NOW);
        assert_eq!(decision.effect, Effect::StepUpRequired, "{action}");
        assert_eq!(decision.rules, [&[Rule::ProofLegacyDisabled], &GROUNDS[..]].concat());
    }
    for action in [Action::CredentialLink, Action::CredentialUnlink] {
        // Nor with a scope that somebody put in.
        for scopes in [Vec::new(), Scope::ALL.to_vec()] {
            let sent = Proof { scopes, ..legacy_of(1, Totp) };
            let question = ask(action, holds(), Some(sent));
            let decision = decide(&with_legacy(Preset::SeedCompatible, |_| {}), &question, NOW);
            assert_eq!(decision.effect, Effect::StepUpRequired, "{action}");
            assert_eq!(decision.rules, [Rule::ProofLegacy, Rule::CredentialStrongest]);
        }
    }
}

#[test]
fn a_legacy_token_never_pays_where_a_binding_or_a_phishing_resistant_proof_is_demanded() {
    let keys = || held(&[(1, Totp, LONG_AGO), (2, Passkey, LONG_AGO)]);
    for binding in [Binding::Wallet, Binding::Operation] {
        let environment = with_legacy(Preset::SeedCompatible, |s| s.actions.sign.binding = binding);
        // Whatever it claims.
        let sent = Proof { binding: Binding::Operation, ..legacy_of(2, Passkey) };
        let decision = decide(&environment, &ask(Action::WalletSign, keys(), Some(sent)), NOW);
        assert_eq!(decision.rules, [&[Rule::ProofBinding], &GROUNDS[..]].concat());
    }
    for acr in [Acr::Phr, Acr::Phrh] {
        let environment = with_legacy(Preset::SeedCompatible, |s| s.actions.sign.acr = Acr::Phr);
        let sent = Proof { acr, ..legacy_of(2, Passkey) };
        let decision = decide(&environment, &ask(Action::WalletSign, keys(), Some(sent)), NOW);
        assert_eq!(decision.rules, [&[Rule::ProofAcr], &GROUNDS[..]].concat());
    }
    // What shows nothing of its meaning is bound as an export is.
    let sent = ask(Action::WalletSign, keys(), Some(legacy_of(1, Totp)));
    let opaque = Question { opaque_payload: true, ..sent };
    let decision = decide(&with_legacy(Preset::Strict, |_| {}), &opaque, NOW);
    assert_eq!((decision.effect, decision.rules[0]), (Effect::StepUpRequired, Rule::ProofBinding));
}

#[test]
fn a_legacy_token_is_judged_by_its_factor_its_use_and_a_life_of_its_own() {
    let environment = with_legacy(Preset::SeedCompatible, |settings| {
        settings.actions.export.acr = Acr::Otp;
        settings.factor_hold_seconds = 100;
    });
    let young = held(&[(1, Totp, NOW)]);
    let codes = held(&[(1, Totp, LONG_AGO), (3, RecoveryCode, LONG_AGO)]);
    let at = |millis: i64| Timestamp::from_millis(NOW.millis() + millis);
    let falling_short = [
        (holds(), Rule::ProofDevice, legacy_of(9, Totp)),
        (held(&[(1, Totp, LONG_AGO), (4, Totp, NOW)]), Rule::ProofHold, legacy_of(4, Totp)),
        (codes, Rule::ProofAcr, legacy_of(3, RecoveryCode)),
        (
            holds(),
            Rule::ProofBehavior,
            Proof { token_behavior: TokenBehavior::TimeBound, ..legacy_of(1, Totp) },
        ),
        (holds(), Rule::ProofAge, Proof { auth_time: at(-180_001), ..legacy_of(1, Totp) }),
        (holds(), Rule::ProofFuture, Proof { auth_time: at(60_001), ..legacy_of(1, Totp) }),
    ];
    for (facts, rule, sent) in falling_short {
        let decision = decide(&environment, &ask(Action::WalletExport, facts, Some(sent)), NOW);
        assert_eq!(decision.effect, Effect::StepUpRequired, "{rule:?}");
        assert_eq!(decision.rules, [&[rule], &GROUNDS[..]].concat());
    }
    let question = ask(Action::WalletExport, young, Some(legacy_of(1, Totp)));
    assert!(matches!(decide(&environment, &question, NOW).effect, Effect::FactorOnHold { .. }));
    let old = Proof { auth_time: at(-180_000), ..legacy_of(1, Totp) };
    let question = ask(Action::WalletExport, holds(), Some(old));
    assert_eq!(decide(&environment, &question, NOW).effect, Effect::AllowWithProof);
}

#[test]
fn an_assertion_pays_for_the_scopes_on_its_list_and_no_other() {
    for action in WALLET_ACTIONS {
        let scope = action.scope().unwrap();
        let others: Vec<_> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        for (scopes, telling) in [(&[scope][..], Rule::ProofSatisfied), (&others, Rule::ProofAssertionScope)]
        {
            let environment = with_assertions(Preset::Strict, |s| s.assertion_issuers = vec![risk(scopes)]);
            let decision = decide(&environment, &ask(action, holds(), Some(assertion())), NOW);
            assert_eq!(decision.rules, [&[telling], &GROUNDS[..]].concat(), "{action}");
        }
    }
}

#[test]
fn an_assertion_falls_short_as_any_proof_does() {
    let other_scopes: Vec<_> = Scope::ALL.into_iter().filter(|scope| *scope != Scope::WalletExport).collect();
    let at = |millis: i64| Timestamp::from_millis(NOW.millis() + millis);
    let falling_short = [
        (Rule::ProofScope, Proof { scopes: other_scopes, ..assertion() }),
        (Rule::ProofAcr, Proof { acr: Acr::Recovery, ..assertion() }),
        (Rule::ProofBinding, Proof { binding: Binding::Wallet, ..assertion() }),
        (Rule::ProofBehavior, Proof { token_behavior: TokenBehavior::TimeBound, ..assertion() }),
        (Rule::ProofAge, Proof { auth_time: at(-360_001), ..assertion() }),
        (Rule::ProofFuture, Proof { auth_time: at(60_001), ..assertion() }),
    ];
    for (rule, sent) in falling_short {
        let question = ask(Action::WalletExport, holds(), Some(sent));
        let decision = decide(&with_assertions(Preset::Strict, |_| {}), &question, NOW);
        assert_eq!(decision.effect, Effect::StepUpRequired, "{rule:?}");
        assert_eq!(decision.rules, [&[rule], &GROUNDS[..]].concat());
    }
}

#[test]
fn an_assertion_counts_for_no_more_than_its_entry_says_and_never_as_phishing_resistant() {
    let keys = held(&[(1, Totp, LONG_AGO), (2, Passkey, LONG_AGO)]);
    let by = |entry: Acr, demand: Acr| {
        let environment = with_assertions(Preset::Strict, |settings| {
            settings.assertion_issuers[0].acr = entry;
            settings.actions.export.acr = demand;
        });
        let sent = Proof { acr: Acr::Phrh, ..assertion() };
        decide(&environment, &ask(Action::WalletExport, keys.clone(), Some(sent)), NOW).rules[0]
    };
    assert_eq!(by(Acr::Recovery, Acr::Recovery), Rule::ProofSatisfied);
    assert_eq!(by(Acr::Recovery, Acr::Otp), Rule::ProofAcr);
    assert_eq!(by(Acr::Otp, Acr::Otp), Rule::ProofSatisfied);
    // Not even by an entry that could never have been saved.
    assert_eq!(by(Acr::Phrh, Acr::Phr), Rule::ProofAcr);
}

#[test]
fn an_assertion_changes_no_factors() {
    // The entry could not be saved with these scopes, and that is not relied on.
    for action in [Action::CredentialLink, Action::CredentialUnlink] {
        let question = ask(action, holds(), Some(assertion()));
        let decision = decide(&with_assertions(Preset::Strict, |_| {}), &question, NOW);
        assert_eq!(decision.rules, [Rule::ProofAssertion, Rule::CredentialStrongest]);
    }
}

#[test]
fn an_assertion_stands_in_for_a_factor_of_who_never_had_one_and_not_of_who_lost_it() {
    let ask = |facts, sent| ask(Action::WalletExport, facts, sent);
    let by = |question: &Question| decide(&with_assertions(Preset::Strict, |_| {}), question, NOW);
    let never_had = [Rule::ActionFactorAlways, Rule::FactorNever, Rule::ActionRequired];
    let paid = by(&ask(never(), Some(assertion())));
    assert_eq!(paid.effect, Effect::AllowWithProof);
    assert_eq!(paid.rules, [&[Rule::ProofSatisfied], &never_had[..]].concat());
    // It is told in which respect one was not good enough; what would do is still a factor.
    let loose = by(&ask(never(), Some(Proof { binding: Binding::Scope, ..assertion() })));
    assert_eq!(loose.effect, Effect::EnrolmentRequired);
    assert_eq!(loose.rules, [&[Rule::ProofBinding], &never_had[..]].concat());
    assert!(loose.requirement.unwrap().methods.is_empty());
    let codes = held(&[(3, RecoveryCode, LONG_AGO)]);
    for lost in [once(), codes.clone(), FactorFacts { ever_verified: false, ..codes }] {
        let lost = by(&ask(lost, Some(assertion())));
        assert_eq!(lost.effect, Effect::EnrolmentRequired);
        assert_eq!(lost.rules, [Rule::FactorSticky, Rule::ActionRequired]);
    }
    // A factor's token does not stand in for the factor.
    assert_eq!(by(&ask(never(), Some(proof()))).effect, Effect::EnrolmentRequired);
    let legacy = with_legacy(Preset::SeedCompatible, |settings| settings.enrolment_required = true);
    let question = ask(never(), Some(legacy_of(1, Totp)));
    assert_eq!(decide(&legacy, &question, NOW).effect, Effect::EnrolmentRequired);
}

#[test]
fn an_assertion_helps_where_a_sign_in_is_too_old_and_is_not_needed_where_it_is_not() {
    let environment =
        with_assertions(Preset::Strict, |settings| settings.actions.export.reauthentication_seconds = 60);
    let signed_in = |seconds: i64| Question {
        session_auth_time: Some(Timestamp::from_seconds(NOW.seconds() - seconds)),
        ..ask(Action::WalletExport, never(), Some(assertion()))
    };
    assert_eq!(decide(&environment, &signed_in(60), NOW).effect, Effect::Allow);
    assert_eq!(decide(&environment, &signed_in(61), NOW).effect, Effect::AllowWithProof);
}

#[test]
fn no_hold_and_no_weak_factor_keeps_an_assertion_from_paying() {
    let young = held(&[(1, Totp, NOW)]);
    let question = ask(Action::WalletExport, young, Some(assertion()));
    let decision = decide(&with_assertions(Preset::Strict, |_| {}), &question, NOW);
    assert_eq!(decision.effect, Effect::AllowWithProof);
}

#[test]
fn where_senders_are_bound_no_other_token_pays_for_anything() {
    let every_source = [
        (proof(), &[Action::WalletSign, Action::CredentialLink, Action::CredentialUnlink][..]),
        (legacy_of(1, Totp), &[Action::WalletSign]),
        (assertion(), &[Action::WalletSign]),
    ];
    for constraint in [SenderConstraint::Off, SenderConstraint::Allowed, SenderConstraint::Required] {
        let environment = with_legacy(Preset::SeedCompatible, |settings| {
            settings.assertion_issuers = vec![risk(&Scope::ALL)];
            settings.sender_constraint = constraint;
        });
        for (sent, actions) in &every_source {
            for action in *actions {
                for sender_constrained in [false, true] {
                    let sent = Proof { sender_constrained, ..sent.clone() };
                    let decision = decide(&environment, &ask(*action, holds(), Some(sent)), NOW);
                    let pays = sender_constrained || constraint != SenderConstraint::Required;
                    let expected = if pays {
                        (Effect::AllowWithProof, Rule::ProofSatisfied)
                    } else {
                        (Effect::StepUpRequired, Rule::ProofSender)
                    };
                    assert_eq!((decision.effect, decision.rules[0]), expected, "{action} {constraint:?}");
                    assert_eq!(decision.requirement.unwrap().sender_constraint, constraint);
                }
            }
        }
    }
}

#[test]
fn a_binding_to_a_wallet_is_closer_than_scopes_and_looser_than_an_operation() {
    let all = [Binding::Scope, Binding::Wallet, Binding::Operation];
    for (demanded, demand) in all.into_iter().enumerate() {
        let environment = environment(Preset::SeedCompatible, |s| s.actions.sign.binding = demand);
        for (offered, binding) in all.into_iter().enumerate() {
            let sent = Proof { binding, ..proof() };
            let decision = decide(&environment, &ask(Action::WalletSign, holds(), Some(sent)), NOW);
            assert_eq!(decision.effect == Effect::AllowWithProof, offered >= demanded, "{binding:?}");
            assert_eq!(decision.requirement.unwrap().binding, demand);
        }
    }
}

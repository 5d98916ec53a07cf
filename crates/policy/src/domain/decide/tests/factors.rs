//! Which kinds of factor do for what.

use kernel::FactorKind::{Passkey, RecoveryCode, Totp};

use super::*;

/// An environment whose export needs proofs of this strength.
fn demanding(acr: Acr) -> Environment {
    environment(Preset::Strict, |settings| {
        settings.actions.export.acr = acr;
        settings.factor_hold_seconds = 0;
    })
}

fn all_kinds() -> FactorFacts {
    held(&[(1, Totp, LONG_AGO), (2, Passkey, LONG_AGO), (3, RecoveryCode, LONG_AGO)])
}

#[test]
fn the_least_strength_decides_which_kinds_do() {
    for (acr, methods) in [
        (Acr::Recovery, &[Totp, Passkey, RecoveryCode][..]),
        (Acr::Otp, &[Totp, Passkey]),
        (Acr::Phr, &[Passkey]),
    ] {
        let environment = demanding(acr);
        let decision = decide(&environment, &ask(Action::WalletExport, all_kinds(), None), NOW);
        let requirement = decision.requirement.unwrap();
        assert_eq!((requirement.acr, requirement.methods.as_slice()), (acr, methods));
        for (last, kind) in [(1, Totp), (2, Passkey), (3, RecoveryCode)] {
            let question = ask(Action::WalletExport, all_kinds(), Some(proof_by(last, kind)));
            let decision = decide(&environment, &question, NOW);
            let (effect, telling) = match methods.contains(&kind) {
                true => (Effect::AllowWithProof, Rule::ProofSatisfied),
                false => (Effect::StepUpRequired, Rule::ProofAcr),
            };
            assert_eq!((decision.effect, decision.rules[0]), (effect, telling), "{kind} for {acr}");
        }
    }
}

#[test]
fn recovery_codes_pay_in_the_products_environment_and_not_in_a_strict_one() {
    for (environment, effect) in
        [(seed_compatible(), Effect::AllowWithProof), (strict(), Effect::StepUpRequired)]
    {
        for action in [Action::WalletExport, Action::WalletSign, Action::WalletRefresh, Action::WalletReshare]
        {
            let question = ask(action, all_kinds(), Some(proof_by(3, RecoveryCode)));
            assert_eq!(decide(&environment, &question, NOW).effect, effect, "{action}");
        }
    }
}

#[test]
fn recovery_codes_that_are_used_up_are_not_offered_and_their_tokens_still_pay() {
    let environment = demanding(Acr::Recovery);
    let mut facts = held(&[(1, Totp, LONG_AGO), (3, RecoveryCode, LONG_AGO)]);
    facts.factors[1].exhausted = true;
    let decision = decide(&environment, &ask(Action::WalletExport, facts.clone(), None), NOW);
    assert_eq!(decision.effect, Effect::StepUpRequired);
    assert_eq!(decision.requirement.unwrap().methods, [Totp]);
    // The last code made a token, and that is not worth less for being the last.
    let question = ask(Action::WalletExport, facts.clone(), Some(proof_by(3, RecoveryCode)));
    let decision = decide(&environment, &question, NOW);
    assert_eq!(decision.effect, Effect::AllowWithProof);
    assert_eq!(decision.requirement.unwrap().methods, [Totp]);
    // Nor is anybody told to wait for codes that are not there.
    let young = Timestamp::from_seconds(NOW.seconds() - 60);
    let environment = super::environment(Preset::Strict, |settings| {
        settings.actions.export.acr = Acr::Recovery;
        settings.factor_hold_seconds = 100;
    });
    facts.factors[0].verified = young;
    facts.factors[1].verified = Timestamp::from_seconds(NOW.seconds() - 90);
    let until = Timestamp::from_seconds(NOW.seconds() + 40);
    assert_eq!(effect(&environment, Action::WalletExport, facts), Effect::FactorOnHold { until });
}

#[test]
fn recovery_codes_alone_are_no_factor() {
    for environment in [strict(), seed_compatible()] {
        let alone = held(&[(3, RecoveryCode, LONG_AGO)]);
        let with = |action| ask(action, alone.clone(), Some(proof_by(3, RecoveryCode)));
        for action in [Action::WalletExport, Action::WalletSign, Action::WalletRefresh, Action::WalletReshare]
        {
            let decision = decide(&environment, &with(action), NOW);
            assert_eq!(decision.effect, Effect::EnrolmentRequired);
            assert_eq!(decision.rules[0], Rule::FactorSticky);
            assert!(decision.requirement.unwrap().methods.is_empty());
        }
        assert_eq!(decide(&environment, &with(Action::CredentialUnlink), NOW).effect, Effect::Deny);
        assert_eq!(decide(&environment, &with(Action::CredentialLink), NOW).effect, Effect::Allow);
    }
}

#[test]
fn who_has_no_factor_of_the_strength_is_sent_to_enrol_one() {
    let facts = held(&[(1, Totp, LONG_AGO), (3, RecoveryCode, LONG_AGO)]);
    for sent in [None, Some(proof_by(1, Totp)), Some(proof_by(2, Passkey))] {
        let decision = decide(&demanding(Acr::Phr), &ask(Action::WalletExport, facts.clone(), sent), NOW);
        assert_eq!(decision.effect, Effect::EnrolmentRequired);
        assert_eq!(decision.rules, [Rule::FactorTooWeak, Rule::FactorVerified, Rule::ActionRequired]);
        let requirement = decision.requirement.unwrap();
        assert_eq!((requirement.acr, requirement.methods), (Acr::Phr, Vec::new()));
    }
}

#[test]
fn factors_are_changed_by_a_proof_as_strong_as_the_strongest_held() {
    for environment in [strict(), seed_compatible()] {
        for action in [Action::CredentialLink, Action::CredentialUnlink] {
            for (last, kind, expected) in [
                (1, Totp, Effect::StepUpRequired),
                (2, Passkey, Effect::AllowWithProof),
                (3, RecoveryCode, Effect::StepUpRequired),
            ] {
                let question = ask(action, all_kinds(), Some(proof_by(last, kind)));
                let decision = decide(&environment, &question, NOW);
                assert_eq!(decision.effect, expected, "{action} by {kind}");
                assert_eq!(decision.requirement.unwrap().methods, [Passkey]);
            }
            // Recovery codes do not make the strongest, nor do they reach it.
            let facts = held(&[(1, Totp, LONG_AGO), (3, RecoveryCode, LONG_AGO)]);
            let question = ask(action, facts.clone(), Some(proof_by(3, RecoveryCode)));
            let decision = decide(&environment, &question, NOW);
            assert_eq!(decision.rules[0], Rule::ProofAcr);
            let requirement = decision.requirement.unwrap();
            assert_eq!((requirement.acr, requirement.methods), (Acr::Otp, vec![Totp]));
            let question = ask(action, facts, Some(proof_by(1, Totp)));
            assert_eq!(decide(&environment, &question, NOW).effect, Effect::AllowWithProof);
        }
    }
}

//! What a factor that is too young does not pay for.

use kernel::FactorKind::{Passkey, RecoveryCode, Totp};

use super::*;

const DAY: i64 = 86_400;

/// So many seconds before now.
fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.seconds() - seconds)
}

fn unlink(device_to_go: Option<u8>, facts: FactorFacts, proof: Proof) -> Question {
    let unlink_device = device_to_go.map(device);
    Question { unlink_device, ..ask(Action::CredentialUnlink, facts, Some(proof)) }
}

/// A signature of what shows nothing of its meaning.
fn opaque(facts: FactorFacts, proof: Proof) -> Question {
    Question { opaque_payload: true, ..ask(Action::WalletSign, facts, Some(proof)) }
}

#[test]
fn a_young_factor_does_not_pay_for_what_does_most_harm() {
    let young = held(&[(1, Totp, ago(60))]);
    let until = Timestamp::from_seconds(NOW.seconds() - 60 + DAY);
    for question in [
        ask(Action::WalletExport, young.clone(), Some(proof())),
        ask(Action::WalletReshare, young.clone(), Some(proof())),
        opaque(young.clone(), proof()),
        unlink(None, young.clone(), proof()),
    ] {
        let action = question.action;
        let decision = decide(&strict(), &question, NOW);
        assert_eq!(decision.effect, Effect::FactorOnHold { until }, "{action}");
        assert_eq!(decision.rules[..2], [Rule::FactorOnHold, Rule::ProofHold]);
        assert!(decision.requirement.unwrap().methods.is_empty());
        let without = decide(&strict(), &Question { proof: None, ..question }, NOW);
        assert_eq!(without.effect, Effect::FactorOnHold { until });
        assert_eq!(without.rules[..2], [Rule::FactorOnHold, Rule::ProofMissing]);
    }
    for question in [
        ask(Action::WalletSign, young.clone(), Some(proof())),
        ask(Action::WalletRefresh, young.clone(), Some(proof())),
        ask(Action::CredentialLink, young, Some(proof())),
    ] {
        assert_eq!(decide(&strict(), &question, NOW).effect, Effect::AllowWithProof, "{}", question.action);
    }
}

#[test]
fn a_hold_ends_to_the_millisecond() {
    let facts = held(&[(1, Totp, ago(DAY))]);
    let at = |millis: i64| {
        let now = Timestamp::from_millis(NOW.millis() + millis);
        decide(&strict(), &ask(Action::WalletExport, facts.clone(), Some(proof())), now).effect
    };
    assert_eq!(at(-1), Effect::FactorOnHold { until: NOW });
    assert_eq!(at(0), Effect::AllowWithProof);
}

#[test]
fn nothing_is_on_hold_in_the_first_session_or_where_there_is_no_hold() {
    let young = held(&[(1, Totp, NOW)]);
    let first = FactorFacts { first_session: true, ..young.clone() };
    let none = environment(Preset::Strict, |settings| settings.factor_hold_seconds = 0);
    for (environment, facts) in [(strict(), first), (none, young.clone()), (seed_compatible(), young)] {
        for question in [
            ask(Action::WalletExport, facts.clone(), Some(proof())),
            ask(Action::WalletReshare, facts.clone(), Some(proof())),
            opaque(facts.clone(), proof()),
            unlink(None, facts.clone(), proof()),
        ] {
            let effect = decide(&environment, &question, NOW).effect;
            assert_eq!(effect, Effect::AllowWithProof, "{}", question.action);
        }
    }
}

#[test]
fn an_older_factor_pays_beside_one_on_hold() {
    let facts = held(&[(1, Totp, LONG_AGO), (2, Passkey, ago(60)), (4, Totp, ago(60))]);
    let by = |proof| decide(&strict(), &ask(Action::WalletExport, facts.clone(), Some(proof)), NOW);
    assert_eq!(by(proof_by(1, Totp)).effect, Effect::AllowWithProof);
    for young in [proof_by(2, Passkey), proof_by(4, Totp)] {
        let decision = by(young);
        assert_eq!(decision.effect, Effect::StepUpRequired);
        assert_eq!(decision.rules, [Rule::ProofHold, Rule::FactorVerified, Rule::ActionRequired]);
        // Only kinds of which one may pay are offered.
        assert_eq!(decision.requirement.unwrap().methods, [Totp]);
    }
}

#[test]
fn the_first_end_is_told_of_those_that_would_do() {
    let facts = held(&[(1, Totp, ago(300)), (2, Passkey, ago(60)), (3, RecoveryCode, ago(600))]);
    let end =
        |seconds: i64| Effect::FactorOnHold { until: Timestamp::from_seconds(NOW.seconds() + DAY - seconds) };
    for (acr, seconds) in [(Acr::Recovery, 600), (Acr::Otp, 300), (Acr::Phr, 60)] {
        let environment = environment(Preset::Strict, |settings| settings.actions.export.acr = acr);
        assert_eq!(effect(&environment, Action::WalletExport, facts.clone()), end(seconds), "{acr}");
    }
}

#[test]
fn fresh_recovery_codes_are_on_hold_as_everything_else() {
    let environment = environment(Preset::Strict, |settings| settings.actions.export.acr = Acr::Recovery);
    let facts = |made| held(&[(1, Totp, LONG_AGO), (3, RecoveryCode, made)]);
    let by = |facts| ask(Action::WalletExport, facts, Some(proof_by(3, RecoveryCode)));
    let young = decide(&environment, &by(facts(ago(60))), NOW);
    assert_eq!((young.effect, young.rules[0]), (Effect::StepUpRequired, Rule::ProofHold));
    assert_eq!(decide(&environment, &by(facts(ago(DAY))), NOW).effect, Effect::AllowWithProof);
}

#[test]
fn a_young_factor_removes_itself_and_younger_ones_but_no_older_one() {
    let facts = held(&[(1, Totp, ago(DAY)), (2, Totp, ago(600)), (4, Totp, ago(60))]);
    let removing = |gone, by| decide(&strict(), &unlink(Some(gone), facts.clone(), proof_by(by, Totp)), NOW);
    for (gone, by, pays) in [
        (1, 1, true),
        (2, 1, true),
        (4, 1, true),
        (1, 2, false),
        (2, 2, true),
        (4, 2, true),
        (1, 4, false),
        (2, 4, false),
        (4, 4, true),
        // Not held: nobody knows whether it was older.
        (9, 4, false),
        (9, 1, true),
    ] {
        let decision = removing(gone, by);
        let expected = if pays {
            (Effect::AllowWithProof, Rule::ProofSatisfied)
        } else {
            (Effect::StepUpRequired, Rule::ProofHold)
        };
        assert_eq!((decision.effect, decision.rules[0]), expected, "{gone} by {by}");
    }
    // Of two that were verified at once none is the older one.
    let twins = held(&[(1, Totp, ago(60)), (2, Totp, ago(60))]);
    let question = unlink(Some(1), twins, proof_by(2, Totp));
    assert_eq!(decide(&strict(), &question, NOW).effect, Effect::AllowWithProof);
}

#[test]
fn a_young_stronger_factor_waits_before_it_removes_the_weaker_old_one() {
    let facts = held(&[(1, Totp, LONG_AGO), (2, Passkey, ago(60))]);
    let question = unlink(Some(1), facts.clone(), proof_by(2, Passkey));
    let until = Timestamp::from_seconds(NOW.seconds() - 60 + DAY);
    assert_eq!(decide(&strict(), &question, NOW).effect, Effect::FactorOnHold { until });
    let question = unlink(Some(2), facts, proof_by(2, Passkey));
    assert_eq!(decide(&strict(), &question, NOW).effect, Effect::AllowWithProof);
}

#[test]
fn a_factor_that_is_gone_is_not_called_young() {
    let facts = held(&[(1, Totp, ago(60))]);
    let question = ask(Action::WalletExport, facts, Some(proof_by(9, Totp)));
    let rules = decide(&strict(), &question, NOW).rules;
    assert!(rules.contains(&Rule::ProofDevice) && !rules.contains(&Rule::ProofHold));
}

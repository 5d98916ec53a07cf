//! A young sign-in instead of a factor, for who never had one.

use super::*;

/// Strict, but for an export a sign-in of the last five minutes will do.
fn lenient() -> Environment {
    environment(Preset::Strict, |settings| settings.actions.export.reauthentication_seconds = 300)
}

fn signed_in(facts: FactorFacts, at: Option<Timestamp>) -> Question {
    Question { session_auth_time: at, ..ask(Action::WalletExport, facts, None) }
}

#[test]
fn a_young_sign_in_opens_the_action_to_the_edge() {
    let too_old = Effect::ReauthenticationRequired { within_seconds: 300 };
    for (millis, expected) in [
        (0, Effect::Allow),
        (-300_000, Effect::Allow),
        (-300_001, too_old),
        (60_000, Effect::Allow),
        (60_001, too_old),
        (i64::MIN, too_old),
        (i64::MAX, too_old),
    ] {
        let at = Timestamp::from_millis(NOW.millis().saturating_add(millis));
        let decision = decide(&lenient(), &signed_in(never(), Some(at)), NOW);
        let telling =
            if expected == Effect::Allow { Rule::SessionReauthenticated } else { Rule::SessionTooOld };
        assert_eq!(decision.effect, expected, "{millis}");
        let grounds = [Rule::ActionFactorAlways, Rule::FactorNever, Rule::ActionRequired];
        assert_eq!(decision.rules, [&[telling], &grounds[..]].concat());
        assert!(decision.requirement.unwrap().methods.is_empty());
    }
}

#[test]
fn a_sign_in_of_unknown_age_is_too_old() {
    let decision = decide(&lenient(), &signed_in(never(), None), NOW);
    assert_eq!(decision.effect, Effect::ReauthenticationRequired { within_seconds: 300 });
}

#[test]
fn it_stands_in_for_enrolment_that_the_environment_requires_too() {
    let environment = environment(Preset::SeedCompatible, |settings| {
        settings.enrolment_required = true;
        settings.actions.sign.reauthentication_seconds = 30;
    });
    let sign = Question { action: Action::WalletSign, ..signed_in(never(), Some(NOW)) };
    assert_eq!(decide(&environment, &sign, NOW).effect, Effect::Allow);
    assert_eq!(
        decide(&environment, &sign, Timestamp::from_seconds(NOW.seconds() + 31)).effect,
        Effect::ReauthenticationRequired { within_seconds: 30 }
    );
    // Only where it is set.
    assert_eq!(decide(&environment, &signed_in(never(), Some(NOW)), NOW).effect, Effect::EnrolmentRequired);
}

#[test]
fn who_had_a_factor_once_does_not_get_by_with_a_sign_in() {
    let recovery_codes_only = held(&[(3, FactorKind::RecoveryCode, LONG_AGO)]);
    let unheard_of = FactorFacts { ever_verified: false, ..recovery_codes_only.clone() };
    for facts in [once(), recovery_codes_only, unheard_of] {
        let decision = decide(&lenient(), &signed_in(facts, Some(NOW)), NOW);
        assert_eq!(decision.effect, Effect::EnrolmentRequired);
        assert_eq!(decision.rules[0], Rule::FactorSticky);
    }
    assert_eq!(decide(&lenient(), &signed_in(holds(), Some(NOW)), NOW).effect, Effect::StepUpRequired);
}

#[test]
fn without_the_setting_a_sign_in_opens_nothing() {
    assert_eq!(decide(&strict(), &signed_in(never(), Some(NOW)), NOW).effect, Effect::EnrolmentRequired);
}

#[test]
fn what_is_signed_as_an_export_needs_the_setting_of_both() {
    let ask = |environment: &Environment| {
        let question = signed_in(never(), Some(NOW));
        let question = Question { action: Action::WalletSign, opaque_payload: true, ..question };
        decide(environment, &question, NOW).effect
    };
    assert_eq!(ask(&lenient()), Effect::EnrolmentRequired);
    let both = environment(Preset::Strict, |settings| {
        settings.actions.export.reauthentication_seconds = 300;
        settings.actions.sign.reauthentication_seconds = 60;
    });
    assert_eq!(ask(&both), Effect::Allow);
}

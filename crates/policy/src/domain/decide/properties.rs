//! What holds whatever the settings, the factors and the proof are.

use kernel::{DeviceId, FactorKind};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::domain::action_settings::ActionTable;
use crate::domain::assertion_issuer::AssertionIssuer;
use crate::domain::facts::VerifiedFactor;
use crate::domain::legacy::LegacyMfaTokens;
use crate::domain::preset::Preset;
use crate::domain::proof::ProvedFactor;
use crate::domain::provider::ProviderKeys;
use crate::domain::sender_constraint::SenderConstraint;

const NOW: i64 = 1_000_000_000;

fn binding() -> impl Strategy<Value = Binding> {
    select(vec![Binding::Scope, Binding::Wallet, Binding::Operation])
}

fn behavior() -> impl Strategy<Value = TokenBehavior> {
    select(vec![TokenBehavior::TimeBound, TokenBehavior::SingleUse])
}

prop_compose! {
    fn action_settings()(
        required: bool, always: bool, token_behavior in behavior(), token_expiry_seconds in 30_u32..=3600,
        binding in binding(), acr in select(vec![Acr::Recovery, Acr::Otp, Acr::Phr]),
        reauthentication_seconds in select(vec![0_u32, 30, 300, 3600]),
    ) -> ActionSettings {
        ActionSettings {
            required, factor_always_required: required && always, token_behavior, token_expiry_seconds, binding,
            acr, reauthentication_seconds,
        }
    }
}

fn sender_constraint() -> impl Strategy<Value = SenderConstraint> {
    select(vec![SenderConstraint::Off, SenderConstraint::Allowed, SenderConstraint::Required])
}

/// What an assertion issuer may be called, so that proofs often name one that there is.
const ISSUERS: [&str; 2] = ["risk", "bank"];

prop_compose! {
    fn assertion_issuer()(
        id in select(&ISSUERS), scopes in subsequence(Scope::ALL.to_vec(), 0..=6),
        acr in select(Acr::ALL.to_vec()), max_age_seconds in 10_u32..=600,
    ) -> AssertionIssuer {
        AssertionIssuer {
            id: id.to_owned(), issuer: id.to_owned(), audience: id.to_owned(),
            keys: ProviderKeys::Inline(String::new()), algorithms: Vec::new(), scopes, acr, max_age_seconds,
        }
    }
}

prop_compose! {
    fn legacy()(enabled: bool, token_expiry_seconds in 30_u32..=300) -> LegacyMfaTokens {
        LegacyMfaTokens { enabled, token_expiry_seconds }
    }
}

prop_compose! {
    fn settings()(
        [export, sign, refresh, reshare] in
            [action_settings(), action_settings(), action_settings(), action_settings()],
        enrolment_required: bool, opaque_payload_as_export: bool,
        factor_hold_seconds in select(vec![0_u32, 60, 86_400, 604_800]), legacy in legacy(),
        assertion_issuers in proptest::collection::vec(assertion_issuer(), 0..=2),
        sender_constraint in sender_constraint(),
    ) -> Settings {
        Settings {
            actions: ActionTable { export, sign, refresh, reshare },
            enrolment_required,
            opaque_payload_as_export,
            factor_hold_seconds,
            legacy,
            assertion_issuers,
            sender_constraint,
            ..Settings::of(Preset::Strict)
        }
    }
}

/// Three devices, one of each kind, so that proofs often name one that is held.
fn device(kind: FactorKind) -> DeviceId {
    DeviceId::from_uuid(uuid::Uuid::from_u128(kind.acr() as u128))
}

/// Around now, in the past more often than not, near and far.
fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![-100_000_i64..=4_000_000, -1_000_000_i64..=1_000_000_000]
        .prop_map(|age| Timestamp::from_millis(NOW - age))
}

fn source() -> impl Strategy<Value = Source> {
    let factor =
        || select(FactorKind::ALL.to_vec()).prop_map(|kind| ProvedFactor { kind, device: device(kind) });
    prop_oneof![
        factor().prop_map(Source::Factor),
        factor().prop_map(Source::Legacy),
        select(&ISSUERS).prop_map(|id| Source::Assertion(id.to_owned())),
    ]
}

prop_compose! {
    fn proof()(
        source in source(), acr in select(Acr::ALL.to_vec()), auth_time in time(),
        scopes in subsequence(Scope::ALL.to_vec(), 0..=6), binding in binding(), token_behavior in behavior(),
        sender_constrained: bool,
    ) -> Proof {
        Proof { source, acr, auth_time, scopes, binding, token_behavior, sender_constrained }
    }
}

prop_compose! {
    fn facts()(
        kinds in subsequence(FactorKind::ALL.to_vec(), 0..=3), times in proptest::collection::vec(time(), 3),
        ever: bool, first_session: bool, none_left: bool,
    ) -> FactorFacts {
        let held = |(kind, verified)| {
            let exhausted = none_left && kind == FactorKind::RecoveryCode;
            VerifiedFactor { device: device(kind), kind, verified, exhausted }
        };
        let factors: Vec<_> = kinds.into_iter().zip(times).map(held).collect();
        let ever_verified = ever || !factors.is_empty();
        FactorFacts { factors, ever_verified, first_session }
    }
}

prop_compose! {
    fn question()(
        action in select(Action::ALL.to_vec()), facts in facts(), proof in proptest::option::of(proof()),
        opaque_payload: bool, session_auth_time in proptest::option::of(time()),
        unlink_device in proptest::option::of(select(FactorKind::ALL.to_vec()).prop_map(device)),
    ) -> Question {
        Question {
            action, facts, client: ClientKind::Grpc, proof, opaque_payload, session_auth_time, unlink_device,
        }
    }
}

/// A proof as good as its kind of factor can make one.
fn best(kind: FactorKind) -> Proof {
    Proof {
        source: Source::Factor(ProvedFactor { kind, device: device(kind) }),
        acr: kind.acr(),
        auth_time: Timestamp::from_millis(NOW),
        scopes: Scope::ALL.to_vec(),
        binding: Binding::Operation,
        token_behavior: TokenBehavior::SingleUse,
        sender_constrained: true,
    }
}

/// The kinds of which a new proof can be made. One by recovery codes that are used up is from before.
fn available(question: &Question) -> impl Iterator<Item = FactorKind> {
    let used_up = question.facts.factors.iter().any(|held| held.exhausted);
    FactorKind::ALL.into_iter().filter(move |kind| !(used_up && *kind == FactorKind::RecoveryCode))
}

fn judged(settings: &Settings, question: &Question) -> Decision {
    let id = kernel::EnvironmentId::from_uuid(uuid::Uuid::from_u128(1));
    let environment = Environment::first(id, settings.clone(), Timestamp::from_millis(0));
    decide(&environment, question, Timestamp::from_millis(NOW))
}

fn allowed(settings: &Settings, question: &Question) -> bool {
    matches!(judged(settings, question).effect, Effect::Allow | Effect::AllowWithProof)
}

fn table(settings: &Settings, change: impl Fn(ActionSettings) -> ActionSettings) -> ActionTable {
    let ActionTable { export, sign, refresh, reshare } = settings.actions;
    ActionTable {
        export: change(export),
        sign: change(sign),
        refresh: change(refresh),
        reshare: change(reshare),
    }
}

proptest! {
    #[test]
    fn raising_any_demand_never_turns_a_refusal_into_an_allow(
        settings in settings(), more in action_settings(), question in question(), enrolment: bool, opaque: bool,
        hold in 0_u32..=604_800, keep in subsequence(vec![0, 1], 0..=2), less in assertion_issuer(),
        legacy in legacy(), senders in sender_constraint(),
    ) {
        let narrower = |issuer: &AssertionIssuer| AssertionIssuer {
            scopes: issuer.scopes.iter().filter(|scope| less.scopes.contains(scope)).copied().collect(),
            acr: issuer.acr.min(less.acr),
            ..issuer.clone()
        };
        // The first of two of one name is the one that counts, and no such two can be saved.
        let mut issuers = settings.assertion_issuers.clone();
        issuers.dedup_by(|one, other| one.id == other.id);
        let settings = Settings { assertion_issuers: issuers, ..settings };
        let raised = Settings {
            actions: table(&settings, |action| action.stricter(more)),
            enrolment_required: settings.enrolment_required || enrolment,
            opaque_payload_as_export: settings.opaque_payload_as_export || opaque,
            factor_hold_seconds: settings.factor_hold_seconds.max(hold),
            legacy: LegacyMfaTokens {
                enabled: settings.legacy.enabled && legacy.enabled,
                token_expiry_seconds: settings.legacy.token_expiry_seconds.min(legacy.token_expiry_seconds),
            },
            assertion_issuers: keep
                .iter()
                .filter_map(|index| settings.assertion_issuers.get(*index).map(narrower))
                .collect(),
            sender_constraint: settings.sender_constraint.max(senders),
            ..settings.clone()
        };
        prop_assert!(!allowed(&raised, &question) || allowed(&settings, &question));
    }

    #[test]
    fn having_no_factor_after_one_was_verified_never_opens_a_required_action(
        settings in settings(), question in question(),
    ) {
        let required = Settings {
            actions: table(&settings, |action| ActionSettings { required: true, ..action }),
            ..settings
        };
        // Recovery codes that were left behind do not help.
        let factors = question.facts.factors.iter().filter(|held| !held.kind.is_factor()).copied().collect();
        let facts = FactorFacts { factors, ever_verified: true, ..question.facts };
        let question = Question { facts, ..question };
        let is_wallet_action = matches!(
            question.action,
            Action::WalletExport | Action::WalletSign | Action::WalletRefresh | Action::WalletReshare
        );
        prop_assert!(!is_wallet_action || !allowed(&required, &question));
    }

    #[test]
    fn a_better_proof_is_never_worth_less(
        settings in settings(), question in question(), better in proof(),
    ) {
        let Some(proof) = question.proof.clone() else { return Ok(()) };
        let newest = better.auth_time.min(Timestamp::from_millis(NOW));
        let improved = Proof {
            acr: proof.acr.max(better.acr),
            auth_time: proof.auth_time.max(newest),
            scopes: [proof.scopes.clone(), better.scopes].concat(),
            binding: proof.binding.max(better.binding),
            token_behavior: proof.token_behavior.max(better.token_behavior),
            sender_constrained: proof.sender_constrained || better.sender_constrained,
            ..proof
        };
        let improved = Question { proof: Some(improved), ..question.clone() };
        prop_assert!(!allowed(&settings, &question) || allowed(&settings, &improved));
    }

    #[test]
    fn a_legacy_token_and_an_assertion_pay_within_their_bounds_only(
        settings in settings(), question in question(),
    ) {
        let Some(proof) = question.proof.clone() else { return Ok(()) };
        if matches!(proof.source, Source::Factor(_)) || !allowed(&settings, &question) {
            return Ok(());
        }
        let paid = judged(&settings, &question).effect == Effect::AllowWithProof;
        let requirement = judged(&settings, &question).requirement;
        if let (true, Some(wanted)) = (paid, requirement) {
            // Nothing that is phishing-resistant, no change of factors, and of a legacy token nothing that is bound.
            prop_assert!(wanted.acr <= Acr::Otp);
            prop_assert!(matches!(
                question.action,
                Action::WalletExport | Action::WalletSign | Action::WalletRefresh | Action::WalletReshare
            ));
            match &proof.source {
                Source::Legacy(_) => {
                    prop_assert!(settings.legacy.enabled && wanted.binding == Binding::Scope);
                    prop_assert!(question.facts.has_factor());
                }
                Source::Assertion(id) => {
                    let issuer = settings.assertion_issuer(id);
                    prop_assert!(issuer.is_some_and(|issuer| issuer.scopes.contains(&wanted.scope)));
                    prop_assert!(question.facts.has_factor() || question.facts.never_had_factor());
                }
                Source::Factor(_) => {}
            }
        }
    }

    #[test]
    fn an_opaque_payload_is_never_easier_to_sign(settings in settings(), question in question()) {
        let clear = Question { opaque_payload: false, ..question.clone() };
        let opaque = Question { opaque_payload: true, ..question };
        prop_assert!(!allowed(&settings, &opaque) || allowed(&settings, &clear));
    }

    #[test]
    fn what_the_requirement_asks_for_satisfies_it(settings in settings(), question in question()) {
        let decision = judged(&settings, &question);
        if decision.effect != Effect::StepUpRequired {
            return Ok(());
        }
        let wanted = decision.requirement.unwrap();
        for kind in available(&question) {
            let asked = Proof {
                acr: wanted.acr.max(kind.acr()),
                scopes: vec![wanted.scope],
                binding: wanted.binding,
                token_behavior: wanted.token_behavior,
                sender_constrained: wanted.sender_constraint == SenderConstraint::Required,
                ..best(kind)
            };
            let question = Question { proof: Some(asked), ..question.clone() };
            let satisfied = judged(&settings, &question).effect == Effect::AllowWithProof;
            // And nothing else does.
            prop_assert_eq!(satisfied, wanted.methods.contains(&kind));
        }
    }

    #[test]
    fn what_is_refused_for_good_no_factor_held_can_open(settings in settings(), question in question()) {
        let refused = judged(&settings, &Question { proof: None, ..question.clone() }).effect;
        if matches!(refused, Effect::Allow | Effect::StepUpRequired) {
            return Ok(());
        }
        for kind in available(&question) {
            let question = Question { proof: Some(best(kind)), ..question.clone() };
            prop_assert_eq!(judged(&settings, &question).effect, refused);
        }
    }

    #[test]
    fn a_hold_is_over_when_it_was_said_to_be(settings in settings(), question in question()) {
        let question = Question { proof: None, ..question };
        let Effect::FactorOnHold { until } = judged(&settings, &question).effect else { return Ok(()) };
        prop_assert!(until.millis() > NOW);
        let id = kernel::EnvironmentId::from_uuid(uuid::Uuid::from_u128(1));
        let environment = Environment::first(id, settings, Timestamp::from_millis(0));
        let at = |millis| decide(&environment, &question, Timestamp::from_millis(millis)).effect;
        prop_assert_eq!(at(until.millis() - 1), Effect::FactorOnHold { until });
        prop_assert_eq!(at(until.millis()), Effect::StepUpRequired);
    }

    #[test]
    fn a_shorter_hold_and_the_first_session_never_close_what_is_open(
        settings in settings(), question in question(), shorter in 0_u32..=604_800,
    ) {
        let lenient = Settings {
            factor_hold_seconds: settings.factor_hold_seconds.min(shorter),
            ..settings.clone()
        };
        prop_assert!(!allowed(&settings, &question) || allowed(&lenient, &question));
        let facts = FactorFacts { first_session: true, ..question.facts.clone() };
        let first = Question { facts, ..question.clone() };
        prop_assert!(!allowed(&settings, &question) || allowed(&settings, &first));
    }

    #[test]
    fn a_younger_sign_in_never_closes_what_is_open(
        settings in settings(), question in question(), other in time(),
    ) {
        let newest = other.min(Timestamp::from_millis(NOW));
        let younger = question.session_auth_time.map_or(newest, |time| time.max(newest));
        let younger = Question { session_auth_time: Some(younger), ..question.clone() };
        prop_assert!(!allowed(&settings, &question) || allowed(&settings, &younger));
    }

    #[test]
    fn to_know_which_device_goes_never_closes_what_is_open(settings in settings(), question in question()) {
        let unknown = Question { unlink_device: None, ..question.clone() };
        prop_assert!(!allowed(&settings, &unknown) || allowed(&settings, &question));
    }
}

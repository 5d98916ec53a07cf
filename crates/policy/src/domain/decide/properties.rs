//! What holds whatever the settings, the factors and the proof are.

use kernel::{DeviceId, FactorKind};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::domain::action_settings::ActionTable;
use crate::domain::facts::VerifiedFactor;
use crate::domain::preset::Preset;

const NOW: i64 = 1_000_000_000;

fn binding() -> impl Strategy<Value = Binding> {
    select(vec![Binding::Scope, Binding::Operation])
}

fn behavior() -> impl Strategy<Value = TokenBehavior> {
    select(vec![TokenBehavior::TimeBound, TokenBehavior::SingleUse])
}

prop_compose! {
    fn action_settings()(
        required: bool, always: bool, token_behavior in behavior(), token_expiry_seconds in 30_u32..=3600,
        binding in binding(),
    ) -> ActionSettings {
        ActionSettings {
            required, factor_always_required: required && always, token_behavior, token_expiry_seconds, binding,
        }
    }
}

prop_compose! {
    fn settings()(
        [export, sign, refresh, reshare] in
            [action_settings(), action_settings(), action_settings(), action_settings()],
        enrolment_required: bool, opaque_payload_as_export: bool,
    ) -> Settings {
        Settings {
            actions: ActionTable { export, sign, refresh, reshare },
            enrolment_required,
            opaque_payload_as_export,
            ..Settings::of(Preset::Strict)
        }
    }
}

/// One of three devices, so that proofs often name one that is held.
fn device() -> impl Strategy<Value = DeviceId> {
    (1_u128..=3).prop_map(|n| DeviceId::from_uuid(uuid::Uuid::from_u128(n)))
}

prop_compose! {
    fn proof()(
        acr in select(Acr::ALL.to_vec()), device in device(), age in -100_000_i64..=4_000_000,
        scopes in subsequence(Scope::ALL.to_vec(), 0..=6), binding in binding(), token_behavior in behavior(),
    ) -> Proof {
        Proof {
            acr, factor_kind: FactorKind::Totp, device, auth_time: Timestamp::from_millis(NOW - age), scopes,
            binding, token_behavior,
        }
    }
}

prop_compose! {
    fn question()(
        action in select(Action::ALL.to_vec()), devices in proptest::collection::vec(device(), 0..=2),
        ever: bool, proof in proptest::option::of(proof()), opaque_payload: bool,
    ) -> Question {
        let factors: Vec<_> =
            devices.into_iter().map(|device| VerifiedFactor { device, kind: FactorKind::Totp }).collect();
        let ever_verified = ever || !factors.is_empty();
        Question { action, facts: FactorFacts { factors, ever_verified }, client: ClientKind::Grpc, proof, opaque_payload }
    }
}

fn allowed(settings: &Settings, question: &Question) -> bool {
    let id = kernel::EnvironmentId::from_uuid(uuid::Uuid::from_u128(1));
    let environment = Environment::first(id, settings.clone(), Timestamp::from_millis(0));
    let effect = decide(&environment, question, Timestamp::from_millis(NOW)).effect;
    matches!(effect, Effect::Allow | Effect::AllowWithProof)
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
    ) {
        let raised = Settings {
            actions: table(&settings, |action| action.stricter(more)),
            enrolment_required: settings.enrolment_required || enrolment,
            opaque_payload_as_export: settings.opaque_payload_as_export || opaque,
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
        let facts = FactorFacts { factors: Vec::new(), ever_verified: true };
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
            ..proof
        };
        let improved = Question { proof: Some(improved), ..question.clone() };
        prop_assert!(!allowed(&settings, &question) || allowed(&settings, &improved));
    }

    #[test]
    fn an_opaque_payload_is_never_easier_to_sign(settings in settings(), question in question()) {
        let clear = Question { opaque_payload: false, ..question.clone() };
        let opaque = Question { opaque_payload: true, ..question };
        prop_assert!(!allowed(&settings, &opaque) || allowed(&settings, &clear));
    }

    #[test]
    fn what_the_requirement_asks_for_satisfies_it(settings in settings(), question in question()) {
        let id = kernel::EnvironmentId::from_uuid(uuid::Uuid::from_u128(1));
        let environment = Environment::first(id, settings, Timestamp::from_millis(0));
        let now = Timestamp::from_millis(NOW);
        let decision = decide(&environment, &question, now);
        if decision.effect != Effect::StepUpRequired {
            return Ok(());
        }
        let wanted = decision.requirement.unwrap();
        let asked = Proof {
            acr: wanted.acr,
            factor_kind: wanted.methods[0],
            device: question.facts.factors[0].device,
            auth_time: now,
            scopes: vec![wanted.scope],
            binding: wanted.binding,
            token_behavior: wanted.token_behavior,
        };
        let question = Question { proof: Some(asked), ..question };
        prop_assert_eq!(decide(&environment, &question, now).effect, Effect::AllowWithProof);
    }
}

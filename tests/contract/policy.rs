//! Changes of policy: with an etag, without effect where only asked about, and in force at once, also over tokens that
//! were issued before.

use kernel::Reason;
use proto::names;
use proto::policy::{
    AssertionIssuer, CreateEnvironmentRequest, Environment, GetEnvironmentRequest, LegacyMfaTokens, Preset,
    assertion_issuer,
};
use proto::token_issuer::{CheckStepUpRequest, StepUpStatus};
use proto::types::{Action, Binding, SenderConstraint, TokenBehavior};

use crate::support::admin::{Admin, Place, environment, settings};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::exports::recipient;
use crate::support::fresh;
use crate::support::user::User;

async fn place(preset: Preset) -> Place {
    Admin::owner(suite()).await.environment(suite(), preset).await
}

async fn status(user: &User, scope: &str) -> StepUpStatus {
    let request = CheckStepUpRequest { user: user.name(), scope: scope.to_owned(), ..Default::default() };
    user.step_up().check_step_up(user.request(request)).await.done().status()
}

#[tokio::test]
async fn a_stale_etag_is_refused_and_changes_nothing() {
    let place = place(Preset::Strict).await;
    let first = place.read().await;
    let second =
        place.change(&["display_name"], |environment| environment.display_name = "second".into()).await;
    assert_eq!(second.version, first.version + 1);
    assert_ne!(second.etag, first.etag);
    let late = Environment { display_name: "late".to_owned(), ..first.clone() };
    place.send(late, &["display_name"], false).await.refused(Reason::EtagMismatch);
    for etag in ["", "x", "\"999\"", "*"] {
        let wrong = Environment { etag: etag.to_owned(), ..second.clone() };
        let refusal = place.send(wrong, &["display_name"], false).await.outcome().unwrap_err();
        assert!([Reason::EtagMismatch, Reason::InvalidRequest].contains(&refusal.reason), "{refusal:?}");
    }
    assert_eq!(place.read().await, second);
    let actor = format!("admin:{}#tests", suite().file.admin.issuer);
    let reason = Reason::EtagMismatch;
    Trail::Policy.has_refusal(&place.admin, place.id, &actor, "environment.update", reason).await;
    // The older version stays readable.
    let request = GetEnvironmentRequest { name: first.name.clone(), version: first.version };
    let read = place.admin.policy().get_environment(place.admin.request(request)).await.done();
    assert_eq!(read.environment.unwrap().display_name, first.display_name);
    let request = GetEnvironmentRequest { name: first.name, version: 99 };
    let refused = place.admin.policy().get_environment(place.admin.request(request)).await;
    refused.refused(Reason::ResourceNotFound);
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_made() {
    let place = place(Preset::Strict).await;
    let read = place.read().await;
    let changes = (0..8).map(|n| {
        let wanted = Environment { display_name: format!("change {n}"), ..read.clone() };
        place.send(wanted, &["display_name"], false)
    });
    let outcomes = futures::future::join_all(changes).await;
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(made, 1);
    for refused in outcomes.into_iter().filter(Result::is_err) {
        refused.refused(Reason::EtagMismatch);
    }
    assert_eq!(place.read().await.version, read.version + 1);
}

#[tokio::test]
async fn what_is_only_validated_changes_nothing() {
    let place = place(Preset::Strict).await;
    let before = place.read().await;
    let mut wanted = before.clone();
    settings(&mut wanted, Action::WalletExport).required = false;
    settings(&mut wanted, Action::WalletExport).factor_always_required = false;
    let told = place.send(wanted, &["action_settings"], true).await.done().environment.unwrap();
    assert!(!told.action_settings.iter().find(|one| one.action() == Action::WalletExport).unwrap().required);
    assert_eq!(told.etag, before.etag, "an etag of what is not there would let nothing through, or too much");
    assert_eq!(place.read().await, before);
    let user = place.user(suite());
    assert_eq!(status(&user, "wallet:export").await, StepUpStatus::EnrolmentRequired);

    let id = fresh::uuid().parse().unwrap();
    let request = CreateEnvironmentRequest {
        environment: Some(environment(suite(), id)),
        preset: Preset::Strict.into(),
        validate_only: true,
    };
    place.admin.policy().create_environment(place.admin.request(request)).await.done();
    let request = GetEnvironmentRequest { name: names::environment(id), version: 0 };
    let refused = place.admin.policy().get_environment(place.admin.request(request)).await;
    refused.refused(Reason::ResourceNotFound);
}

#[tokio::test]
async fn settings_that_cannot_be_right_are_refused_by_name() {
    let place = place(Preset::Strict).await;
    let before = place.read().await;
    let refused = async |change: &dyn Fn(&mut Environment), path: &str| {
        let mut wanted = before.clone();
        change(&mut wanted);
        let refusal = place.send(wanted, &[path], false).await.refused(Reason::InvalidRequest);
        assert!(!refusal.fields().is_empty(), "{refusal:?}");
    };
    let sign = Action::WalletSign;
    refused(&|e| settings(e, sign).token_expiry_seconds = 29, "action_settings").await;
    refused(&|e| settings(e, sign).token_expiry_seconds = 3601, "action_settings").await;
    refused(&|e| e.action_settings.truncate(3), "action_settings").await;
    refused(&|e| e.action_settings.push(e.action_settings[0].clone()), "action_settings").await;
    refused(&|e| settings(e, sign).acr = "phrh".to_owned(), "action_settings").await;
    refused(&|e| settings(e, sign).reauthentication_seconds = 29, "action_settings").await;
    refused(&|e| e.max_totp_devices = 11, "max_totp_devices").await;
    refused(&|e| e.max_passkeys = 21, "max_passkeys").await;
    refused(&|e| e.factor_hold_seconds = None, "factor_hold_seconds").await;
    refused(&|e| e.factor_hold_seconds = Some(604_801), "factor_hold_seconds").await;
    refused(&|e| e.totp_parameters.as_mut().unwrap().digits = 9, "totp_parameters").await;
    refused(&|e| e.display_name = "x".repeat(129), "display_name").await;
    refused(&|e| e.allowed_origins = vec!["https://a.example/path".to_owned()], "allowed_origins").await;
    refused(&|e| e.identity_providers[0].issuer.clear(), "identity_providers").await;
    refused(&|e| e.identity_providers[0].keys = None, "identity_providers").await;
    refused(&|e| e.identity_providers[0].algorithms = vec!["HS256".to_owned()], "identity_providers").await;
    // An audience that another environment has: its users would be users here.
    let taken = format!("{}/{}", suite().file.provider.audience, suite().environment());
    refused(&|e| e.identity_providers[0].audience.clone_from(&taken), "identity_providers").await;
    refused(&|e| e.sender_constraint = 99, "sender_constraint").await;
    let legacy = |token_expiry_seconds| Some(LegacyMfaTokens { enabled: true, token_expiry_seconds });
    refused(&|e| e.legacy_mfa_tokens = legacy(29), "legacy_mfa_tokens").await;
    refused(&|e| e.legacy_mfa_tokens = legacy(301), "legacy_mfa_tokens").await;
    for spoil in [
        (|issuer| issuer.acr = "phr".to_owned()) as fn(&mut AssertionIssuer),
        |issuer| issuer.acr.clear(),
        |issuer| issuer.scopes.clear(),
        |issuer| issuer.scopes = vec!["credential:link".to_owned()],
        |issuer| issuer.max_age_seconds = 601,
        |issuer| issuer.keys = None,
        // The provider's keys, which sign sessions, and its pair of issuer and audience.
        |issuer| {
            let keys = suite().file.provider.jwks();
            issuer.keys = Some(assertion_issuer::Keys::Jwks(keys));
        },
        |issuer| {
            issuer.issuer.clone_from(&suite().file.provider.issuer);
            issuer.audience = format!("{}/{}", suite().file.provider.audience, suite().environment());
        },
    ] {
        let mut wrong = risk();
        spoil(&mut wrong);
        refused(&|e| e.assertion_issuers = vec![wrong.clone()], "assertion_issuers").await;
    }
    refused(&|e| e.assertion_issuers = vec![risk(), risk()], "assertion_issuers").await;
    for path in ["version", "etag", "preset", "*", "nonsense", ""] {
        place.send(before.clone(), &[path], false).await.refused(Reason::InvalidRequest);
    }
    place.send(before.clone(), &[], false).await.refused(Reason::InvalidRequest);
    assert_eq!(place.read().await, before);
}

/// Somebody whose assertions an environment may take.
fn risk() -> AssertionIssuer {
    AssertionIssuer {
        assertion_issuer_id: "risk".to_owned(),
        issuer: "https://risk.example".to_owned(),
        audience: fresh::uuid(),
        algorithms: vec!["ES256".to_owned()],
        scopes: vec!["wallet:sign".to_owned()],
        acr: "urn:countersign:acr:otp".to_owned(),
        max_age_seconds: 60,
        keys: Some(assertion_issuer::Keys::JwksUri("https://risk.example/jwks".to_owned())),
    }
}

#[tokio::test]
async fn no_new_environment_has_other_tokens_and_each_kind_is_switched_on_by_itself() {
    for preset in [Preset::Strict, Preset::SeedCompatible] {
        let place = place(preset).await;
        let first = place.read().await;
        assert_eq!(
            first.legacy_mfa_tokens,
            Some(LegacyMfaTokens { enabled: false, token_expiry_seconds: 120 })
        );
        assert_eq!(first.assertion_issuers, []);
        assert_eq!(first.sender_constraint(), SenderConstraint::Off);
        let legacy = Some(LegacyMfaTokens { enabled: true, token_expiry_seconds: 60 });
        let second = place.change(&["legacy_mfa_tokens"], |e| e.legacy_mfa_tokens = legacy).await;
        assert_eq!(second.legacy_mfa_tokens, legacy);
        let issuers = vec![risk()];
        let third = place.change(&["assertion_issuers"], |e| e.assertion_issuers.clone_from(&issuers)).await;
        assert_eq!(third.sender_constraint(), SenderConstraint::Off);
        assert_eq!((third.assertion_issuers, third.legacy_mfa_tokens), (issuers, legacy));
    }
}

#[tokio::test]
async fn a_token_in_anybodys_hands_does_not_pay_where_senders_have_to_be_bound() {
    let place = place(Preset::SeedCompatible).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let bind = async |constraint: SenderConstraint| {
        place.change(&["sender_constraint"], |e| e.sender_constraint = constraint.into()).await;
    };
    bind(SenderConstraint::Required).await;
    let operation = user.signing(&wallet, b"hello");
    let refusal = user.authorize(&operation, &token).await.refused(Reason::StepUpRequired);
    assert_eq!(refusal.metadata["sender_constraint"], "required");
    // It was not spent by that.
    bind(SenderConstraint::Allowed).await;
    let receipt = user.receipt(&operation, &token).await;
    user.sign(&operation, &receipt).await.done();
}

#[tokio::test]
async fn a_token_for_a_scope_does_not_pay_where_one_for_a_wallet_is_demanded() {
    let place = place(Preset::SeedCompatible).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletSign).binding = Binding::Wallet.into();
        })
        .await;
    let operation = user.signing(&wallet, b"hello");
    let refusal = user.authorize(&operation, &token).await.refused(Reason::StepUpRequired);
    assert_eq!(refusal.metadata["binding"], "wallet");
    // What is tied to the one operation is tied to its wallet too.
    let closer = user.token(&mut factor.app, &["wallet:sign"], Some(&operation)).await;
    let receipt = user.receipt(&operation, &closer).await;
    user.sign(&operation, &receipt).await.done();
}

#[tokio::test]
async fn a_tightened_policy_bites_on_tokens_issued_before_it_and_does_not_spend_them() {
    let place = place(Preset::SeedCompatible).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:export"], None).await;
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletExport).binding = Binding::Operation.into();
        })
        .await;
    let operation = user.exporting(&wallet, recipient().public());
    let refusal = user.authorize(&operation, &token).await.refused(Reason::StepUpRequired);
    assert_eq!(refusal.metadata["binding"], "operation");
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletExport).binding = Binding::Scope.into();
        })
        .await;
    let receipt = user.receipt(&operation, &token).await;
    user.export(&operation, &receipt).await.done();
}

#[tokio::test]
async fn an_action_that_is_not_required_is_open_and_may_be_closed_again() {
    let place = place(Preset::Strict).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    user.enrol().await;
    let operation = user.signing(&wallet, b"hello");
    user.sign(&operation, "").await.refused(Reason::StepUpRequired);
    assert_eq!(status(&user, "wallet:sign").await, StepUpStatus::Required);
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletSign).required = false;
        })
        .await;
    assert_eq!(status(&user, "wallet:sign").await, StepUpStatus::NotRequired);
    user.sign(&operation, "").await.done();
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletSign).required = true;
        })
        .await;
    user.sign(&user.signing(&wallet, b"hello"), "").await.refused(Reason::StepUpRequired);
}

#[tokio::test]
async fn where_enrolment_is_required_nothing_is_open_to_who_has_no_factor() {
    let place = place(Preset::SeedCompatible).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    user.sign(&user.signing(&wallet, b"hello"), "").await.done();
    place.change(&["enrolment_required"], |environment| environment.enrolment_required = true).await;
    user.sign(&user.signing(&wallet, b"hello"), "").await.refused(Reason::EnrolmentRequired);
    let operation = user.exporting(&wallet, recipient().public());
    user.export(&operation, "").await.refused(Reason::EnrolmentRequired);
    for scope in ["wallet:sign", "wallet:export", "wallet:refresh", "wallet:reshare"] {
        assert_eq!(status(&user, scope).await, StepUpStatus::EnrolmentRequired, "{scope}");
    }
    user.enrol().await;
    assert_eq!(status(&user, "wallet:sign").await, StepUpStatus::Required);
}

#[tokio::test]
async fn a_time_bound_token_pays_more_than_once_where_policy_says_so() {
    let place = place(Preset::Strict).await;
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletSign).token_behavior = TokenBehavior::TimeBound.into();
            settings(environment, Action::WalletSign).token_expiry_seconds = 0;
        })
        .await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    for message in [&b"one"[..], b"two"] {
        let operation = user.signing(&wallet, message);
        let authorized = user.authorize(&operation, &token).await.done();
        assert!(!authorized.token_redeemed);
        user.sign(&operation, &authorized.receipt).await.done();
    }
    // Where single use is demanded now, a token that can be used often is not good enough.
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletSign).token_behavior = TokenBehavior::SingleUse.into();
        })
        .await;
    let operation = user.signing(&wallet, b"three");
    user.authorize(&operation, &token).await.refused(Reason::StepUpRequired);
}

//! What administrators do about users' factors: see them, take them away, have wrong codes forgotten, be told of changes.

use kernel::Reason;
use proto::mfa_devices::{
    AcknowledgeFactorEventsRequest, ClearFactorThrottleRequest, FactorEvent, FactorEventType,
    GetUserFactorsRequest, GetUserFactorsResponse, ListFactorEventsRequest, ResetUserRequest,
    ResetUserResponse,
};
use proto::names;
use proto::policy::Preset;
use proto::types::FactorKind;
use soft_authenticator::SoftPasskey;

use super::throttle::guess_until_throttled;
use crate::support::admin::{Admin, Place};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::passkeys::{For, ORIGIN};
use crate::support::user::User;

async fn place(preset: Preset) -> Place {
    Admin::owner(suite()).await.environment(suite(), preset).await
}

async fn factors(place: &Place, user: &User) -> GetUserFactorsResponse {
    let request = GetUserFactorsRequest { name: user.name() };
    place.admin.factors().get_user_factors(place.admin.request(request)).await.done()
}

async fn reset(place: &Place, user: &User, forget: bool) -> ResetUserResponse {
    let request = ResetUserRequest { name: user.name(), forget_ever_verified: forget };
    place.admin.factors().reset_user(place.admin.request(request)).await.done()
}

async fn events(place: &Place) -> Vec<FactorEvent> {
    let request = ListFactorEventsRequest { parent: names::environment(place.id), ..Default::default() };
    place.admin.factors().list_factor_events(place.admin.request(request)).await.done().events
}

async fn acknowledge(place: &Place, sequences: &[u64]) -> u32 {
    let request = AcknowledgeFactorEventsRequest {
        parent: names::environment(place.id),
        sequences: sequences.to_vec(),
    };
    let answer = place.admin.factors().acknowledge_factor_events(place.admin.request(request)).await;
    answer.done().acknowledged_events
}

#[tokio::test]
async fn a_reset_takes_everything_at_once_tokens_and_ceremonies_too() {
    let place = place(Preset::Strict).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let mut device = SoftPasskey::new();
    user.passkey(&mut device, None).await;
    user.make_codes(None).await.done();
    let token = user.passkey_token(&mut device, For::Scope("wallet:sign")).await;
    let begun = user.begin_proof(For::Scope("wallet:sign")).await.done();
    let signed = device.authenticate(ORIGIN, &begun.options_json).await.unwrap();
    let before = factors(&place, &user).await;
    assert_eq!((before.devices.len(), before.ever_verified), (1, true));
    assert_eq!(before.recovery_code_set.unwrap().remaining_codes, 10);

    let taken = reset(&place, &user, false).await;
    assert_eq!((taken.removed_devices, taken.removed_recovery_codes), (1, 10));
    let signing = user.signing(&wallet, b"reset");
    let refusal = user.authorize(&signing, &token).await.outcome().unwrap_err();
    let reasons = [Reason::EnrolmentRequired, Reason::StepUpRequired, Reason::TokenInvalid];
    assert!(reasons.contains(&refusal.reason), "{refusal:?}");
    let what = For::Scope("wallet:sign");
    let id = crate::support::fresh::request_id();
    let refusal = user.finish_proof(&begun.ceremony_id, &signed, what, &id).await.outcome().unwrap_err();
    let reasons = [Reason::CeremonyUnknown, Reason::PasskeyRejected, Reason::EnrolmentRequired];
    assert!(reasons.contains(&refusal.reason), "{refusal:?}");
    user.codes().await.refused(Reason::ResourceNotFound);
    // Who had a factor once has to have one again, and its tokens do not come back to life.
    user.sign(&signing, "").await.refused(Reason::EnrolmentRequired);
    let after = factors(&place, &user).await;
    assert_eq!((after.devices.len(), after.ever_verified), (0, true));
    assert_eq!(after.recovery_code_set, None);
    user.enrol().await;
    assert!(user.authorize(&signing, &token).await.is_err());
}

#[tokio::test]
async fn that_there_was_a_factor_is_forgotten_only_when_that_is_asked_for() {
    let place = place(Preset::Strict).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    user.enrol().await;
    assert_eq!(reset(&place, &user, true).await.removed_devices, 1);
    assert!(!factors(&place, &user).await.ever_verified);
    user.sign(&user.signing(&wallet, b"open as before"), "").await.done();
}

#[tokio::test]
async fn wrong_codes_are_forgotten_when_an_administrator_says_so() {
    let place = place(Preset::Strict).await;
    let user = place.user(suite());
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let wrong = factor.app.wrong();
    guess_until_throttled(&user, &wrong).await;
    let throttles = factors(&place, &user).await.throttles;
    let totp = throttles.iter().find(|throttle| throttle.kind() == FactorKind::Totp).unwrap();
    assert_eq!(totp.tries_left, 0);
    assert!(totp.failures > 0 && totp.retry_time.is_some(), "{totp:?}");
    let clear = |kind: FactorKind| {
        let request = ClearFactorThrottleRequest { name: user.name(), kind: kind.into() };
        let admin = place.admin.clone();
        async move { admin.factors().clear_factor_throttle(admin.request(request)).await }
    };
    clear(FactorKind::Passkey).await.refused(Reason::InvalidRequest);
    // That of another kind is none of this one's.
    clear(FactorKind::RecoveryCode).await.done();
    user.authenticate(&code, &["wallet:sign"], None).await.refused(Reason::FactorThrottled);
    let cleared = clear(FactorKind::Totp).await.done().throttle.unwrap();
    assert_eq!((cleared.failures, cleared.retry_time), (0, None));
    user.authenticate(&code, &["wallet:sign"], None).await.done();
}

#[tokio::test]
async fn changes_of_factors_are_told_until_they_are_acknowledged() {
    let place = place(Preset::SeedCompatible).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    user.enrol().await;
    let codes = user.make_codes(None).await.done().codes;
    user.recover_anew(&codes[0], &user.signing(&wallet, b"told")).await.done();
    reset(&place, &user, false).await;
    let told = events(&place).await;
    let types: Vec<_> = told.iter().map(FactorEvent::r#type).collect();
    let expected = [
        FactorEventType::FactorAdded,
        FactorEventType::RecoveryCodesMade,
        FactorEventType::RecoveryCodeUsed,
        FactorEventType::UserReset,
    ];
    assert_eq!(types, expected, "{told:#?}");
    assert!(told.iter().all(|event| event.user == user.name()), "{told:#?}");
    assert!(told.is_sorted_by(|one, next| one.sequence < next.sequence));
    assert_eq!(told[2].remaining_codes, 9);

    assert_eq!(acknowledge(&place, &[told[1].sequence, told[3].sequence]).await, 2);
    assert_eq!(acknowledge(&place, &[told[1].sequence]).await, 0, "once is enough");
    let left: Vec<_> = events(&place).await.iter().map(|event| event.sequence).collect();
    assert_eq!(left, [told[0].sequence, told[2].sequence]);
    // Another environment's are not to be had, nor to be acknowledged.
    let other = self::place(Preset::Strict).await;
    assert_eq!(events(&other).await, []);
    assert_eq!(acknowledge(&other, &[told[0].sequence]).await, 0);
    assert_eq!(events(&place).await.len(), 2);
}

#[tokio::test]
async fn factors_are_administered_by_role() {
    let place = place(Preset::Strict).await;
    let user = place.user(suite());
    user.enrol().await;
    for (role, reads, changes) in
        [("viewer", true, false), ("editor", true, true), ("auditor", false, false), ("owner", true, true)]
    {
        let admin = Admin::with(suite(), &[&format!("{role}@{}", place.id)]).await;
        let request = GetUserFactorsRequest { name: user.name() };
        let read = admin.factors().get_user_factors(admin.request(request)).await.outcome();
        let request = ClearFactorThrottleRequest { name: user.name(), kind: FactorKind::Totp.into() };
        let changed = admin.factors().clear_factor_throttle(admin.request(request)).await.outcome();
        for (outcome, allowed) in [(read.map(drop), reads), (changed.map(drop), changes)] {
            assert_eq!(outcome.is_ok(), allowed, "{role}: {outcome:?}");
            if let Err(refusal) = outcome {
                assert_eq!(refusal.reason, Reason::AdminRoleMissing, "{role}");
            }
        }
    }
    let actor = format!("admin:{}#tests", suite().file.admin.issuer);
    let reason = Reason::AdminRoleMissing;
    Trail::Devices.has_refusal(&place.admin, place.id, &actor, "throttle.clear", reason).await;
}

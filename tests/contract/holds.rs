//! Young factors do not pay for what cannot be undone, and a young sign-in stands in for a factor where policy says so.

use std::time::Duration;

use kernel::Reason;
use proto::policy::{CreateEnvironmentRequest, Environment, Preset};
use proto::token_issuer::{CheckStepUpRequest, CheckStepUpResponse, StepUpStatus};
use proto::types::Action;

use crate::support::admin::{Admin, Place, environment, settings};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::exports::recipient;
use crate::support::fresh::{self, now};
use crate::support::tokens;
use crate::support::user::User;

const DAY: u64 = 24 * 60 * 60;

async fn check(user: &User, scope: &str) -> CheckStepUpResponse {
    let request = CheckStepUpRequest { user: user.name(), scope: scope.to_owned(), ..Default::default() };
    user.step_up().check_step_up(user.request(request)).await.done()
}

#[tokio::test]
async fn a_young_factor_does_not_pay_for_an_export_in_a_later_session() {
    let place = Admin::owner(suite()).await.environment(suite(), Preset::Strict).await;
    let first = place.user(suite());
    let wallet = first.wallet().await;
    let mut factor = first.enrol().await;
    let later = first.in_session(suite(), "session-2");
    let exporting = later.exporting(&wallet, recipient().public());

    let told = check(&later, "wallet:export").await;
    assert_eq!(told.status(), StepUpStatus::FactorOnHold);
    let verified = factor.device.verify_time.unwrap().seconds;
    assert_eq!(told.hold_end_time.unwrap().seconds, verified + i64::try_from(DAY).unwrap());
    // Refused before the code is tested: it pays for a signature afterwards.
    let code = factor.app.next();
    let refusal = later.authenticate(&code, &[], Some(&exporting)).await.refused(Reason::FactorOnHold);
    let wait = refusal.retry_delay().expect("it says how long");
    assert!(wait > Duration::from_secs(DAY - 300) && wait <= Duration::from_secs(DAY), "{wait:?}");
    later.authorize(&exporting, "").await.refused(Reason::FactorOnHold);
    later.authenticate(&code, &["wallet:sign"], None).await.done();
    let actor = format!("user:{}", later.id);
    let reason = Reason::FactorOnHold;
    Trail::Issuer.has_refusal(&place.admin, place.id, &actor, "totp.authenticate", reason).await;

    // In the session that came first nobody was there before.
    assert_eq!(check(&first, "wallet:export").await.status(), StepUpStatus::Required);
    let exporting = first.exporting(&wallet, recipient().public());
    let token = first.token(&mut factor.app, &[], Some(&exporting)).await;
    // The token is the first session's, too.
    assert!(later.authorize(&exporting, &token).await.is_err());
    let receipt = first.receipt(&exporting, &token).await;
    first.export(&exporting, &receipt).await.done();
}

#[tokio::test]
async fn without_a_hold_every_session_exports() {
    let admin = Admin::owner(suite()).await;
    let id = fresh::uuid().parse().unwrap();
    let none = Environment { factor_hold_seconds: Some(0), ..environment(suite(), id) };
    let request = CreateEnvironmentRequest {
        environment: Some(none),
        preset: Preset::Strict.into(),
        validate_only: false,
    };
    admin.policy().create_environment(admin.request(request)).await.done();
    let first = User::within(suite(), admin.channel.clone(), id);
    let wallet = first.wallet().await;
    let mut factor = first.enrol().await;
    let later = first.in_session(suite(), "session-2");
    let exporting = later.exporting(&wallet, recipient().public());
    let token = later.token(&mut factor.app, &[], Some(&exporting)).await;
    let receipt = later.receipt(&exporting, &token).await;
    later.export(&exporting, &receipt).await.done();
}

/// The same user, who signed in so long ago.
fn signed_in(user: &User, seconds_ago: i64) -> User {
    let claims = tokens::session_claims(suite(), user.environment, &user.subject, "session-1");
    let claims = tokens::with(claims, "auth_time", serde_json::json!(now().seconds() - seconds_ago));
    User { token: suite().file.provider.sign(jose::Kind::Session, &claims), ..user.clone() }
}

async fn place_with_reauthentication(seconds: u32) -> Place {
    let place = Admin::owner(suite()).await.environment(suite(), Preset::Strict).await;
    place
        .change(&["action_settings"], |environment| {
            settings(environment, Action::WalletExport).reauthentication_seconds = seconds;
        })
        .await;
    place
}

#[tokio::test]
async fn a_young_sign_in_stands_in_for_a_factor_that_never_was() {
    let place = place_with_reauthentication(600).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let exporting = user.exporting(&wallet, recipient().public());
    let old = signed_in(&user, 3600);
    let told = check(&old, "wallet:export").await;
    assert_eq!(told.status(), StepUpStatus::ReauthenticationRequired);
    assert_eq!(told.reauthentication_seconds, 600);
    for refused in [old.authorize(&exporting, "").await.map(drop), old.export(&exporting, "").await.map(drop)]
    {
        let refusal = refused.refused(Reason::ReauthenticationRequired);
        assert_eq!(refusal.metadata["reauthentication_seconds"], "600");
    }
    assert_eq!(check(&user, "wallet:export").await.status(), StepUpStatus::NotRequired);
    let receipt = user.receipt(&exporting, "").await;
    user.export(&exporting, &receipt).await.done();
    // Who has a factor proves it.
    user.enrol().await;
    let again = user.exporting(&wallet, recipient().public());
    user.authorize(&again, "").await.refused(Reason::StepUpRequired);
}

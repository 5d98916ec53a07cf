//! Recovery codes: made for a fresh proof, shown until they are kept, each good once.

use kernel::Reason;
use proto::mfa_devices::RecoveryCodeSet;
use proto::policy::Preset;

use super::throttle::guess_until_throttled;
use crate::support::admin::{Admin, Place};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::codes::App;
use crate::support::dev::suite;
use crate::support::fresh;
use crate::support::recovery::by_code;
use crate::support::user::User;

/// An environment in which recovery codes pay for signatures.
async fn place() -> Place {
    Admin::owner(suite()).await.environment(suite(), Preset::SeedCompatible).await
}

/// A user with an authenticator app and recovery codes.
async fn holder(place: &Place) -> (User, App, Vec<String>) {
    let user = place.user(suite());
    let app = user.enrol().await.app;
    let made = user.make_codes(None).await.done();
    (user, app, made.codes)
}

fn left(set: &RecoveryCodeSet) -> (u32, u32) {
    (set.remaining_codes, set.total_codes)
}

#[tokio::test]
async fn codes_are_made_shown_again_until_they_are_kept_and_never_after_it() {
    let user = place().await.user(suite());
    user.codes().await.refused(Reason::ResourceNotFound);
    user.make_codes(None).await.refused(Reason::FreshProofRequired);
    let mut app = user.enrol().await.app;
    // Proving the device was a fresh proof, good once.
    let made = user.make_codes(None).await.done();
    assert_eq!(made.codes.len(), 10);
    let set = made.recovery_code_set.unwrap();
    assert_eq!((left(&set), set.acknowledged), ((10, 10), false));
    user.show_codes(None).await.refused(Reason::FreshProofRequired);
    let code = app.next();
    let shown = user.show_codes(by_code(&code)).await.done();
    assert_eq!(shown.codes, made.codes);
    // The code that proved it is used up.
    user.show_codes(by_code(&code)).await.refused(Reason::CodeRejected);
    user.authenticate(&code, &["wallet:sign"], None).await.refused(Reason::CodeRejected);
    assert!(user.keep_codes().await.acknowledged);
    assert!(user.keep_codes().await.acknowledged, "said twice is as good");
    user.show_codes(by_code(&app.next())).await.refused(Reason::RecoveryCodesHidden);
    assert_eq!(left(&user.codes().await.unwrap()), (10, 10));
}

#[tokio::test]
async fn another_session_is_not_shown_them() {
    let (user, mut app, _) = holder(&place().await).await;
    let elsewhere = user.in_session(suite(), "session-2");
    elsewhere.make_codes(None).await.refused(Reason::FreshProofRequired);
    elsewhere.show_codes(by_code(&app.next())).await.refused(Reason::RecoveryCodesHidden);
    assert_eq!(left(&elsewhere.codes().await.unwrap()), (10, 10), "how many there are is no secret");
}

#[tokio::test]
async fn a_code_is_good_once_however_it_is_written_and_a_retry_gets_the_same_token() {
    let place = place().await;
    let (user, _, codes) = holder(&place).await;
    let wallet = user.wallet().await;
    let signing = user.signing(&wallet, b"recovered");
    let typed = codes[0].replace('-', " ").to_lowercase();
    let id = fresh::request_id();
    let first = user.recover(&typed, &signing, &id).await.done();
    assert_eq!(first.remaining_codes, 9);
    let token = first.elevated_token.unwrap();
    assert_eq!(token.acr, "urn:countersign:acr:recovery");
    let again = user.recover(&typed, &signing, &id).await.done();
    assert_eq!((again.elevated_token.unwrap().token_id, again.remaining_codes), (token.token_id, 9));
    for spelling in [&typed, &codes[0]] {
        user.recover_anew(spelling, &signing).await.refused(Reason::CodeRejected);
    }
    let receipt = user.receipt(&signing, &token.token).await;
    user.sign(&signing, &receipt).await.done();
    let set = user.codes().await.unwrap();
    assert_eq!(left(&set), (9, 10));
    assert!(set.last_use_time.is_some());
    let actor = format!("user:{}", user.id);
    let (kind, reason) = ("recovery_code.authenticate", Reason::CodeRejected);
    Trail::Issuer.has_refusal(&place.admin, place.id, &actor, kind, reason).await;
}

#[tokio::test]
async fn new_codes_kill_the_old_ones() {
    let (user, mut app, old) = holder(&place().await).await;
    let wallet = user.wallet().await;
    let new = user.make_codes(by_code(&app.next())).await.done().codes;
    assert!(old.iter().all(|code| !new.contains(code)));
    let signing = user.signing(&wallet, b"new codes");
    user.recover_anew(&old[0], &signing).await.refused(Reason::CodeRejected);
    let proved = user.recover_anew(&new[0], &signing).await.done();
    assert_eq!(proved.remaining_codes, 9);
}

#[tokio::test]
async fn two_hundred_uses_of_one_recovery_code_at_once_are_one() {
    let (user, _, codes) = holder(&place().await).await;
    let wallet = user.wallet().await;
    let signing = user.signing(&wallet, b"once");
    let uses = (0..200).map(|_| async { user.recover_anew(&codes[3], &signing).await.is_ok() });
    let taken = futures::future::join_all(uses).await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken, 1);
    assert_eq!(left(&user.codes().await.unwrap()), (9, 10));
}

#[tokio::test]
async fn two_hundred_uses_of_one_totp_code_at_once_are_one() {
    let user = place().await.user(suite());
    let code = user.enrol().await.app.next();
    let uses = (0..200).map(|_| async { user.authenticate(&code, &["wallet:sign"], None).await.is_ok() });
    let taken = futures::future::join_all(uses).await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn wrong_codes_of_one_kind_do_not_count_for_another() {
    let (user, mut app, codes) = holder(&place().await).await;
    let wallet = user.wallet().await;
    let signing = user.signing(&wallet, b"kinds");
    let wrong = app.wrong();
    let (_, refusal) = guess_until_throttled(&user, &wrong).await;
    assert_eq!(refusal.reason, Reason::FactorThrottled);
    user.recover_anew(&codes[0], &signing).await.done();
    // Neither does the right one clear the other's.
    user.authenticate(&app.next(), &["wallet:sign"], None).await.refused(Reason::FactorThrottled);
}

#[tokio::test]
async fn a_wrong_recovery_code_looks_the_same_whether_or_not_there_are_codes() {
    let place = place().await;
    let (with, _, _) = holder(&place).await;
    // Nothing is demanded of somebody who has no factor, so that the code is tested like that of anybody.
    let without = place.user(suite());
    let mut seen = Vec::new();
    for user in [&with, &without] {
        let signing = user.signing(&user.wallet().await, b"wrong");
        let mut refusals = Vec::new();
        for _ in 0..100 {
            let refusal = user.recover_anew("AAAA-AAAA-AAAA-AAAA-AAAA-AAAA", &signing).await;
            let refusal = refusal.outcome().unwrap_err();
            refusals.push((refusal.reason, refusal.message().to_owned(), refusal.metadata.clone()));
            if refusal.reason != Reason::CodeRejected {
                break;
            }
        }
        assert_eq!(refusals.last().unwrap().0, Reason::FactorThrottled);
        seen.push(refusals);
    }
    assert_eq!(seen[0], seen[1]);
}

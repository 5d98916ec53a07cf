//! Guessing is bounded by user, whichever way it is tried, and does not touch anybody else.

use std::time::Duration;

use kernel::Reason;
use proto::token_issuer::AuthenticateTotpRequest;

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _, Refusal};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::fresh;
use crate::support::user::User;

/// Brings a code and gives the refusal, if it is one.
async fn guess(user: &User, code: &str) -> Result<(), Refusal> {
    user.authenticate(code, &["wallet:sign"], None).await.outcome().map(drop)
}

/// Guesses wrongly until it is enough, and says how often it took.
pub(super) async fn guess_until_throttled(user: &User, wrong: &str) -> (usize, Refusal) {
    let mut left = None;
    for tries in 0..100 {
        let refusal = guess(user, wrong).await.unwrap_err();
        let now_left: u32 = refusal.metadata["tries_left"].parse().unwrap();
        if refusal.reason == Reason::FactorThrottled {
            assert_eq!(left, Some(0), "the last try says that it was the last");
            return (tries, refusal);
        }
        assert_eq!(refusal.reason, Reason::CodeRejected);
        assert!(left.is_none_or(|left| now_left < left), "{left:?} {now_left}");
        left = Some(now_left);
    }
    panic!("a hundred wrong codes and no end");
}

#[tokio::test]
async fn too_many_wrong_codes_are_too_many_on_every_path_and_for_nobody_else() {
    let (user, other) = (User::new(suite()).await, User::new(suite()).await);
    let (mut factor, mut others) = (user.enrol().await, other.enrol().await);
    let right = factor.app.next();
    let (tries, refusal) = guess_until_throttled(&user, &factor.app.wrong()).await;
    assert!((3..=10).contains(&tries), "{tries}");
    assert_eq!(refusal.metadata["tries_left"], "0");
    let wait = refusal.retry_delay().expect("it says when to try again");
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(3600), "{wait:?}");
    // The right code is not tested, here, in another session, nor for another device or operation.
    assert_eq!(guess(&user, &right).await.unwrap_err().reason, Reason::FactorThrottled);
    let elsewhere = user.in_session(suite(), "session-2");
    assert_eq!(guess(&elsewhere, &right).await.unwrap_err().reason, Reason::FactorThrottled);
    let request = AuthenticateTotpRequest {
        user: user.name(),
        code: right,
        device: factor.device.name,
        requested_scopes: vec!["wallet:export".to_owned()],
        request_id: fresh::request_id(),
        ..Default::default()
    };
    let refused = user.step_up().authenticate_totp(user.request(request)).await.outcome().unwrap_err();
    // Under `strict` no token for exports in general is to be had; what is asked for first is refused first.
    assert!([Reason::FactorThrottled, Reason::StepUpRequired].contains(&refused.reason), "{refused:?}");
    other.token(&mut others.app, &["wallet:sign"], None).await;

    let admin = Admin::owner(suite()).await;
    let actor = format!("user:{}", user.id);
    for reason in [Reason::FactorThrottled, Reason::CodeRejected] {
        Trail::Issuer.has_refusal(&admin, user.environment, &actor, "totp.authenticate", reason).await;
    }
}

#[tokio::test]
async fn a_pending_device_gives_no_further_tries() {
    let user = User::new(suite()).await;
    let (device, mut app) = user.register(None).await.unwrap();
    let wrong = app.wrong();
    let mut tries = 0;
    loop {
        let refusal = user.activate(&device.name, &wrong).await.outcome().unwrap_err();
        if refusal.reason == Reason::FactorThrottled {
            break;
        }
        assert_eq!(refusal.reason, Reason::CodeRejected);
        tries += 1;
        assert!(tries <= 10, "no end of tries");
    }
    // Neither does a new registration, nor the other way to bring a code.
    let (again, mut app_again) = user.register(None).await.unwrap();
    user.activate(&again.name, &app_again.next()).await.refused(Reason::FactorThrottled);
    assert_eq!(guess(&user, &app.next()).await.unwrap_err().reason, Reason::FactorThrottled);
}

#[tokio::test]
async fn a_user_without_a_device_is_throttled_like_one_with() {
    let (with, without) = (User::new(suite()).await, User::new(suite()).await);
    let factor = with.enrol().await;
    let (tries, refusal) = guess_until_throttled(&with, &factor.app.wrong()).await;
    let (others_tries, others_refusal) = guess_until_throttled(&without, "000000").await;
    assert_eq!(tries, others_tries);
    assert_eq!(refusal.metadata, others_refusal.metadata);
}

#[tokio::test]
async fn a_burst_of_wrong_codes_gets_no_more_tries_than_one_after_the_other() {
    let (one, many) = (User::new(suite()).await, User::new(suite()).await);
    let (first, mut second) = (one.enrol().await, many.enrol().await);
    let (tries, _) = guess_until_throttled(&one, &first.app.wrong()).await;
    let wrong = second.app.wrong();
    let burst = (0..200).map(|_| guess(&many, &wrong));
    let outcomes = futures::future::join_all(burst).await;
    let mut reasons = std::collections::BTreeMap::new();
    for outcome in outcomes {
        *reasons.entry(outcome.unwrap_err().reason).or_insert(0) += 1;
    }
    assert_eq!(reasons.get(&Reason::CodeRejected), Some(&tries), "{reasons:?}");
    assert_eq!(guess(&many, &second.app.next()).await.unwrap_err().reason, Reason::FactorThrottled);
}

#[tokio::test]
async fn a_right_code_ends_a_row_of_wrong_ones() {
    let user = User::new(suite()).await;
    let mut factor = user.enrol().await;
    for _ in 0..3 {
        assert_eq!(guess(&user, &factor.app.wrong()).await.unwrap_err().reason, Reason::CodeRejected);
    }
    let code = factor.app.next();
    user.authenticate(&code, &["wallet:sign"], None).await.done();
    for _ in 0..3 {
        assert_eq!(guess(&user, &factor.app.wrong()).await.unwrap_err().reason, Reason::CodeRejected);
    }
}

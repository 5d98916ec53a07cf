//! Who is calling: every way in which a session or an administrator's token can be wrong, at every method.

use jose::Kind;
use kernel::Reason;
use serde_json::{Value, json};

use crate::support::admin::Admin;
use crate::support::answer::Outcome as _;
use crate::support::audit::Trail;
use crate::support::catalogue::{About, of_administrators, of_users};
use crate::support::dev::{DevSuite, suite};
use crate::support::fresh::{self, now};
use crate::support::raw::Rpc;
use crate::support::tokens::{admin_claims, session_claims, spoiled, with};

/// A wrong token, what is wrong with it, and the refusal of it.
type Wrong = (&'static str, String, Reason);

/// Every wrong session token.
fn wrong_sessions(suite: &DevSuite) -> Vec<Wrong> {
    let claims = session_claims(suite, suite.environment(), &fresh::name("user"), "session-1");
    let sign = |claims: &Value| suite.file.provider.sign(Kind::Session, claims);
    let good = sign(&claims);
    let (hour_ago, in_an_hour) = (now().seconds() - 3600, now().seconds() + 3600);
    let mut wrong: Vec<Wrong> = spoiled(&good, Kind::Session, &claims)
        .into_iter()
        .map(|(what, token)| (what, token, Reason::SessionInvalid))
        .collect();
    wrong.push(("expired", sign(&with(claims.clone(), "exp", json!(hour_ago))), Reason::SessionExpired));
    let admin = suite.file.admin.sign(Kind::Session, &claims);
    wrong.push(("the administrators' key", admin, Reason::SessionInvalid));
    for (what, name, value) in [
        ("another issuer", "iss", json!("https://elsewhere.example")),
        ("another audience", "aud", json!("elsewhere")),
        ("the audience without its environment", "aud", json!(suite.file.provider.audience)),
        ("no audience", "aud", Value::Null),
        ("no end", "exp", Value::Null),
        ("an end that is no number", "exp", json!("never")),
        ("no subject", "sub", Value::Null),
        ("no session", "sid", Value::Null),
        ("a session that is no text", "sid", json!(7)),
        ("a beginning in the future", "nbf", json!(in_an_hour)),
        ("signed in in the future", "auth_time", json!(in_an_hour)),
    ] {
        wrong.push((what, sign(&with(claims.clone(), name, value)), Reason::SessionInvalid));
    }
    wrong
}

/// Every wrong administrator's token.
fn wrong_admins(suite: &DevSuite) -> Vec<Wrong> {
    let claims = admin_claims(suite, &["owner@*"]);
    let sign = |claims: &Value| suite.file.admin.sign(Kind::Admin, claims);
    let (hour_ago, in_an_hour) = (now().seconds() - 3600, now().seconds() + 3600);
    let mut wrong = spoiled(&sign(&claims), Kind::Admin, &claims);
    wrong.push(("the identity provider's key", suite.file.provider.sign(Kind::Admin, &claims)));
    for (what, name, value) in [
        ("expired", "exp", json!(hour_ago)),
        ("another issuer", "iss", json!("https://elsewhere.example")),
        ("the identity provider as issuer", "iss", json!(suite.file.provider.issuer)),
        ("another audience", "aud", json!("elsewhere")),
        ("no end", "exp", Value::Null),
        ("no beginning", "iat", Value::Null),
        ("made in the future", "iat", json!(in_an_hour)),
        ("made long ago, whatever its end", "iat", json!(now().seconds() - 13 * 3600)),
        ("no subject", "sub", Value::Null),
        ("no roles", "countersign_roles", Value::Null),
    ] {
        wrong.push((what, sign(&with(claims.clone(), name, value))));
    }
    wrong.into_iter().map(|(what, token)| (what, token, Reason::AdminTokenInvalid)).collect()
}

/// Every method refuses every wrong token, and all refusals for one reason are the same to the last octet.
async fn assert_refused(rpcs: &[Rpc], wrong: &[Wrong]) {
    let channel = suite().connect().await;
    for rpc in rpcs {
        let mut seen = std::collections::HashMap::new();
        for (what, token, reason) in wrong {
            let answer = rpc.bearing(&channel, token).await;
            assert!(answer.is_err(), "{} took a token with {what}", rpc.method);
            let whole = answer.refused(*reason).whole();
            let first = seen.entry(*reason).or_insert_with(|| whole.clone());
            assert_eq!(*first, whole, "{} tells {what} from the others", rpc.method);
        }
    }
}

/// Without a token, and with an authorization header that is no bearer token.
async fn assert_headers(rpcs: &[Rpc], missing: Reason, invalid: Reason, good: &str) {
    let channel = suite().connect().await;
    for rpc in rpcs {
        rpc.call(&channel, None).await.refused(missing);
        for header in ["", "Bearer", "Bearer ", "Basic YTpi", good, &format!("Bearer  {good}")] {
            let answer = rpc.call(&channel, Some(header)).await;
            assert!(answer.is_err(), "{} took the header {header:?}", rpc.method);
            answer.refused(invalid);
        }
    }
}

#[tokio::test]
async fn a_session_that_is_not_right_in_everything_is_refused_at_every_method() {
    let rpcs = of_users(&About::nothing(suite().environment()));
    assert_refused(&rpcs, &wrong_sessions(suite())).await;
}

#[tokio::test]
async fn without_a_session_every_method_says_what_to_send() {
    let rpcs = of_users(&About::nothing(suite().environment()));
    let claims = session_claims(suite(), suite().environment(), "alice", "session-1");
    let good = suite().file.provider.sign(Kind::Session, &claims);
    assert_headers(&rpcs, Reason::SessionMissing, Reason::SessionInvalid, &good).await;
    let refusal = rpcs[0].call(&suite().connect().await, None).await.refused(Reason::SessionMissing);
    assert!(refusal.message().contains("authorization: Bearer"), "{refusal:?}");
}

#[tokio::test]
async fn an_administrator_that_is_not_right_in_everything_is_refused_at_every_method() {
    let rpcs = of_administrators(&About::nothing(suite().environment()));
    assert_refused(&rpcs, &wrong_admins(suite())).await;
    let good = suite().file.admin.sign(Kind::Admin, &admin_claims(suite(), &["owner@*"]));
    assert_headers(&rpcs, Reason::AdminTokenMissing, Reason::AdminTokenInvalid, &good).await;
}

#[tokio::test]
async fn two_authorization_headers_are_as_good_as_none() {
    let claims = session_claims(suite(), suite().environment(), "alice", "session-1");
    let good = suite().file.provider.sign(Kind::Session, &claims);
    let parent = proto::names::environment(suite().environment());
    let mut request = tonic::Request::new(proto::token_issuer::GetSessionRequest { parent });
    for _ in 0..2 {
        request.metadata_mut().append("authorization", format!("Bearer {good}").parse().unwrap());
    }
    let channel = suite().connect().await;
    let mut client = proto::token_issuer::step_up_service_client::StepUpServiceClient::new(channel);
    client.get_session(request).await.refused(Reason::SessionInvalid);
}

#[tokio::test]
async fn callers_who_cannot_be_identified_are_in_the_trail_of_the_service_they_called() {
    let admin = Admin::owner(suite()).await;
    let channel = suite().connect().await;
    for rpc in of_users(&About::nothing(suite().environment())) {
        rpc.call(&channel, None).await.refused(Reason::SessionMissing);
    }
    for (trail, kinds) in [
        (
            Trail::Devices,
            &[
                "device.register",
                "device.activate",
                "device.list",
                "device.get",
                "device.rename",
                "device.set_default",
                "device.delete",
            ][..],
        ),
        (Trail::Issuer, &["session.get", "step_up.check", "totp.authenticate", "operation.authorize"]),
        (Trail::Gateway, &["wallet.create", "wallet.get", "wallet.list", "wallet.sign", "wallet.export"]),
    ] {
        // Who says nothing of themselves is not believed in what they say of the environment.
        let rows = trail.all(&admin, "").await;
        for kind in kinds {
            let found = rows.iter().find(|row| row.kind == *kind && row.reason == "SESSION_MISSING");
            let row = found.unwrap_or_else(|| panic!("{trail:?} has no row of {kind}"));
            assert_eq!(row.actor, "unknown");
            assert!(row.count >= 1 && row.event_time.is_some(), "{row:?}");
        }
    }
}

//! Elevated tokens: good for what they say, for whom they say, once.

use kernel::Reason;
use proto::policy::Preset;
use proto::token_issuer::IntrospectTokenRequest;
use serde_json::json;

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::exports::recipient;
use crate::support::tokens::{parts, tampered};
use crate::support::user::User;

async fn active(user: &User, token: &str) -> bool {
    let request = IntrospectTokenRequest { user: user.name(), token: token.to_owned() };
    user.introspection().introspect_token(user.request(request)).await.done().active
}

#[tokio::test]
async fn a_token_says_what_it_is_good_for() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let operation = user.exporting(&wallet, recipient().public());
    let answer = user.authenticate(&code, &["wallet:export"], Some(&operation)).await.done();
    let token = answer.elevated_token.unwrap();
    let (header, claims) = parts(&token.token);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("elevated+jwt"), &json!("ES256")));
    let digest = operation.clone().check().unwrap().digest();
    assert_eq!(token.operation_digest, digest.as_bytes());
    for (name, value) in [
        ("sub", json!(user.id.to_string())),
        ("environment_id", json!(user.environment.to_string())),
        ("sid", json!("session-1")),
        ("jti", json!(token.token_id)),
        ("scope", json!("wallet:export")),
        ("singleUse", json!(true)),
        ("acr", json!("urn:countersign:acr:otp")),
        ("amr", json!(["otp", "mfa"])),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(claims["authorization_details"].as_array().unwrap().len(), 1);
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 300);
    assert!(active(&user, &token.token).await);
    user.authorize(&operation, &token.token).await.done();
    assert!(!active(&user, &token.token).await, "spent");
}

#[tokio::test]
async fn a_token_is_good_for_its_user_its_session_and_its_environment() {
    let owner = User::new(suite()).await;
    let mut factor = owner.enrol().await;
    let token = owner.token(&mut factor.app, &["wallet:sign"], None).await;
    let place = Admin::owner(suite()).await.environment(suite(), Preset::Strict).await;
    let abroad = place.user(suite());
    let strangers =
        [User::new(suite()).await, owner.in_session(suite(), "session-2"), place.user(suite()), abroad];
    for stranger in strangers {
        let wallet = stranger.wallet().await;
        let operation = stranger.signing(&wallet, b"hello");
        stranger.authorize(&operation, &token).await.refused(Reason::TokenInvalid);
        assert!(!active(&stranger, &token).await);
        let admin = Admin::owner(suite()).await;
        let actor = format!("user:{}", stranger.id);
        let reason = Reason::TokenInvalid;
        let kind = "operation.authorize";
        Trail::Issuer.has_refusal(&admin, stranger.environment, &actor, kind, reason).await;
    }
    assert!(active(&owner, &token).await);
}

#[tokio::test]
async fn a_token_that_was_changed_is_no_token() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let (_, claims) = parts(&token);
    let operation = user.signing(&wallet, b"hello");
    let mut wider = claims.clone();
    wider["scope"] = json!("wallet:export wallet:sign");
    let mut longer = claims.clone();
    longer["exp"] = json!(claims["exp"].as_i64().unwrap() + 3600);
    for forged in [
        tampered(&token, &[], Some(&wider), true),
        tampered(&token, &[], Some(&longer), true),
        tampered(&token, &[("alg", json!("none"))], None, false),
        tampered(&token, &[("alg", json!("HS256"))], None, true),
        tampered(&token, &[("typ", json!("receipt+jwt"))], None, true),
        tampered(&token, &[("kid", json!("x"))], None, true),
        "x".to_owned(),
        token.repeat(20),
    ] {
        user.authorize(&operation, &forged).await.refused(Reason::TokenInvalid);
        assert!(!active(&user, &forged).await);
    }
    user.authorize(&operation, &token).await.done();
}

#[tokio::test]
async fn a_token_is_good_for_its_scope_and_its_operation_and_is_not_spent_by_what_it_does_not_open() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let signing = user.signing(&wallet, b"ordered");
    let exporting = user.exporting(&wallet, recipient().public());
    let scoped = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let refusal = user.authorize(&exporting, &scoped).await.refused(Reason::TokenScopeInsufficient);
    assert_eq!(refusal.metadata["scopes"], "wallet:export");
    let creation = user.operation(operation::Body::CreateWallet { key_type: operation::KeyType::Ed25519 });
    user.authorize(&creation, &scoped).await.refused(Reason::TokenScopeInsufficient);
    user.authorize(&signing, &scoped).await.done();

    let bound = user.token(&mut factor.app, &[], Some(&exporting)).await;
    let mut tampered = exporting.clone();
    tampered.body = user.exporting(&wallet, recipient().public()).body;
    let another_id = user.exporting(&wallet, recipient().public());
    for other in [&tampered, &another_id] {
        user.authorize(other, &bound).await.refused(Reason::OperationMismatch);
    }
    user.authorize(&user.signing(&wallet, b"other"), &bound).await.refused(Reason::TokenScopeInsufficient);
    user.authorize(&exporting, &bound).await.done();
    let admin = Admin::owner(suite()).await;
    let actor = format!("user:{}", user.id);
    for reason in [Reason::OperationMismatch, Reason::TokenScopeInsufficient] {
        Trail::Issuer.has_refusal(&admin, user.environment, &actor, "operation.authorize", reason).await;
    }
}

//! Hard cases of tokens, each named by its number in the list that the project keeps of what went wrong elsewhere.

use kernel::Reason;
use operation::{Body, Operation};
use proto::policy::Preset;
use proto::token_issuer::{AuthenticateTotpRequest, IntrospectTokenRequest};
use serde_json::{Value, json};

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::craft::{Craft, Members, of_other_types, repeated, text, with};
use crate::support::dev::suite;
use crate::support::exports::recipient;
use crate::support::fresh;
use crate::support::tokens::{admin_claims, parts, session_claims, tampered};
use crate::support::user::{User, bearing, on};

fn members(value: &Value) -> Members {
    value.as_object().unwrap().clone()
}

/// Names of keys that are names of nothing, or no names: what is wrong, and what stands for `kid`.
fn wrong_names(kid: &str) -> Vec<Value> {
    let mut names: Vec<Value> = [
        "",
        "unknown",
        "/etc/passwd",
        "../../../dev/null",
        "file:///dev/null",
        "https://keys.example/jwks.json",
        "' OR '1'='1",
        "$(id)",
        "*",
        &kid.to_ascii_uppercase(),
        &format!("{kid} "),
        &format!("{kid}\0"),
        &format!("{kid}{kid}"),
        &"k".repeat(10 * 1024),
    ]
    .into_iter()
    .map(|name| json!(name))
    .collect();
    names.extend(of_other_types(&json!(kid)));
    names
}

/// Headers in which the name of the key is unknown, repeated, a path, ten thousand octets, of another type, or missing.
fn misnamed(header: &Value) -> Vec<String> {
    let header = members(header);
    let mut headers: Vec<String> = wrong_names(header["kid"].as_str().unwrap())
        .into_iter()
        .map(|name| text(&with(&header, "kid", Some(name))))
        .collect();
    headers.push(text(&with(&header, "kid", None)));
    headers.push(repeated(&header, "kid"));
    headers
}

/// The claims with one of them missing, repeated, or of another type.
fn misshapen(claims: &Value, required: &[&str]) -> Vec<(String, String)> {
    let claims = members(claims);
    let mut payloads = Vec::new();
    for name in required {
        payloads.push((format!("without {name}"), text(&with(&claims, name, None))));
        for other in of_other_types(&claims[*name]) {
            // An audience may stand in a list, and a date may have a fraction, which is cut off.
            let allowed = match *name {
                "aud" => other == json!([claims["aud"]]),
                "exp" | "iat" => other.is_f64(),
                _ => false,
            };
            // A roll of roles may be empty or hold what is none: it grants nothing, and is no wrong token.
            if !allowed && *name != "countersign_roles" {
                payloads.push((format!("with {other} for {name}"), text(&with(&claims, name, Some(other)))));
            }
        }
        payloads.push((format!("with {name} twice"), repeated(&claims, name)));
    }
    payloads
}

#[tokio::test]
async fn case_17_a_token_of_one_wallet_user_or_tenant_is_good_for_no_other() {
    let admin = Admin::owner(suite()).await;
    let place = admin.environment(suite(), Preset::Strict).await;
    let owner = User::new(suite()).await;
    let (wallet, other) = (owner.wallet().await, owner.wallet().await);
    let mut factor = owner.enrol().await;
    let order = owner.exporting(&wallet, recipient().public());
    let token = owner.token(&mut factor.app, &[], Some(&order)).await;
    let Body::ExportWallet { recipient_public_key, .. } = order.body else { unreachable!() };
    let elsewhere =
        Operation { body: Body::ExportWallet { wallet: on(&other), recipient_public_key }, ..order.clone() };
    owner.authorize(&elsewhere, &token).await.refused(Reason::OperationMismatch);
    for (stranger, seen) in [
        (User::new(suite()).await, Reason::ResourceNotFound),
        // Whose session is none where the owner's operation would be done.
        (place.user(suite()), Reason::SessionInvalid),
    ] {
        // The owner's operation, and the same for the stranger.
        stranger.authorize(&order, &token).await.refused(seen);
        let own = Operation { user: stranger.id, environment: stranger.environment, ..order.clone() };
        stranger.authorize(&own, &token).await.refused(Reason::TokenInvalid);
        let request = IntrospectTokenRequest { user: stranger.name(), token: token.clone() };
        let told = stranger.introspection().introspect_token(stranger.request(request)).await.done();
        assert!(!told.active);
    }
    owner.authorize(&order, &token).await.done();
}

#[tokio::test]
async fn case_19_a_name_of_a_key_that_is_none_finds_none() {
    let user = User::new(suite()).await;
    let (wallet, mut factor) = (user.wallet().await, user.enrol().await);
    let order = user.signing(&wallet, b"hello");
    let elevated = user.token(&mut factor.app, &[], Some(&order)).await;

    // Sessions and administrators' tokens: signed by the right key all the same.
    let craft = Craft::of(&suite().file.provider.key());
    let (header, claims) = parts(&user.token);
    for header in misnamed(&header) {
        let token = craft.token(&header, &claims.to_string());
        let impostor = User { token, ..user.clone() };
        impostor.authorize(&order, &elevated).await.refused(Reason::SessionInvalid);
    }
    let craft = Craft::of(&suite().file.admin.key());
    let admin = Admin::owner(suite()).await;
    let claims = admin_claims(suite(), &["owner@*"]);
    let good = suite().file.admin.sign(jose::Kind::Admin, &claims);
    for header in misnamed(&parts(&good).0) {
        let token = craft.token(&header, &claims.to_string());
        let request = proto::policy::ListEnvironmentsRequest::default();
        admin.policy().list_environments(bearing(request, &token)).await.refused(Reason::AdminTokenInvalid);
    }

    // Tokens of ours: their key signs nothing else, so under the old signature.
    let misnamed_of = |token: &str| -> Vec<String> {
        let (_, rest) = token.split_once('.').unwrap();
        let headers = misnamed(&parts(token).0);
        let coded = headers.iter().map(|header| crate::support::craft::part(header.as_bytes()));
        coded.map(|header| format!("{header}.{rest}")).collect()
    };
    for token in misnamed_of(&elevated) {
        user.authorize(&order, &token).await.refused(Reason::TokenInvalid);
    }
    let receipt = user.receipt(&order, &elevated).await;
    for receipt in misnamed_of(&receipt) {
        user.sign(&order, &receipt).await.refused(Reason::ReceiptInvalid);
    }
    user.sign(&order, &receipt).await.done();
}

#[tokio::test]
async fn case_19_claims_that_are_missing_repeated_or_of_another_type_sign_nobody_in() {
    let user = User::new(suite()).await;
    let order = user.operation(Body::CreateWallet { key_type: operation::KeyType::Ed25519 });
    let craft = Craft::of(&suite().file.provider.key());
    let header = parts(&user.token).0.to_string();
    let claims = session_claims(suite(), user.environment, &user.subject, "session-1");
    for (what, payload) in misshapen(&claims, &["iss", "aud", "sub", "sid", "exp"]) {
        let wrong = User { token: craft.token(&header, &payload), ..user.clone() };
        let answer = wrong.authorize(&order, "").await;
        assert!(answer.is_err(), "a session {what} was taken");
        answer.refused(Reason::SessionInvalid);
    }
    user.authorize(&order, "").await.done();

    let craft = Craft::of(&suite().file.admin.key());
    let claims = admin_claims(suite(), &["owner@*"]);
    let header = parts(&suite().file.admin.sign(jose::Kind::Admin, &claims)).0.to_string();
    let admin = Admin::owner(suite()).await;
    for (what, payload) in misshapen(&claims, &["iss", "aud", "sub", "iat", "exp", "countersign_roles"]) {
        let token = craft.token(&header, &payload);
        let request = proto::policy::ListEnvironmentsRequest::default();
        let answer = admin.policy().list_environments(bearing(request, &token)).await;
        assert!(answer.is_err(), "an administrator's token {what} was taken");
        answer.refused(Reason::AdminTokenInvalid);
    }
}

#[tokio::test]
async fn case_19_claims_of_a_token_or_a_receipt_cannot_be_changed() {
    let user = User::new(suite()).await;
    let (wallet, mut factor) = (user.wallet().await, user.enrol().await);
    let order = user.signing(&wallet, b"hello");
    let elevated = user.token(&mut factor.app, &[], Some(&order)).await;
    let changed = |token: &str| -> Vec<String> {
        let claims = members(&parts(token).1);
        let mut others = Vec::new();
        for (name, value) in &claims {
            others.push(with(&claims, name, None));
            others.extend(of_other_types(value).into_iter().map(|other| with(&claims, name, Some(other))));
        }
        others.into_iter().map(|claims| tampered(token, &[], Some(&Value::Object(claims)), true)).collect()
    };
    for token in changed(&elevated) {
        user.authorize(&order, &token).await.refused(Reason::TokenInvalid);
    }
    let receipt = user.receipt(&order, &elevated).await;
    for receipt in changed(&receipt) {
        user.sign(&order, &receipt).await.refused(Reason::ReceiptInvalid);
    }
    user.sign(&order, &receipt).await.done();
}

#[tokio::test]
async fn case_36_ten_thousand_scopes_are_refused_and_cost_no_code() {
    let user = User::new(suite()).await;
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let repeated = vec!["wallet:sign".to_owned(); 10_000];
    let different: Vec<String> = (0..10_000).map(|number| format!("wallet:sign{number}")).collect();
    let one_long = vec!["wallet:sign ".repeat(10_000)];
    for requested_scopes in [repeated, different, one_long] {
        let request = AuthenticateTotpRequest {
            user: user.name(),
            code: code.clone(),
            requested_scopes,
            request_id: fresh::request_id(),
            ..Default::default()
        };
        let refusal = user.step_up().authenticate_totp(user.request(request)).await;
        let refusal = refusal.refused(Reason::InvalidRequest);
        assert_eq!(refusal.fields(), ["requested_scopes"], "{refusal:?}");
        assert!(refusal.message().len() < 1_000, "it does not repeat what it was sent");
    }
    user.authenticate(&code, &["wallet:sign"], None).await.done();
}

#[tokio::test]
async fn case_4_a_retry_with_the_right_id_and_a_wrong_digest_gets_nothing_and_spoils_nothing() {
    let user = User::new(suite()).await;
    let (wallet, mut factor) = (user.wallet().await, user.enrol().await);
    let order = user.signing(&wallet, b"pay 1 to bob");
    let other = Operation {
        body: Body::SignMessage { wallet: on(&wallet), message: b"pay 9 to eve".to_vec() },
        ..order.clone()
    };
    let scoped = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let receipt = user.receipt(&order, &scoped).await;
    // By the token that paid, by another one, and by none.
    user.authorize(&other, &scoped).await.refused(Reason::TokenAlreadyRedeemed);
    let another = user.token(&mut factor.app, &["wallet:sign"], None).await;
    user.authorize(&other, &another).await.refused(Reason::OperationIdReused);
    user.authorize(&other, "").await.refused(Reason::StepUpRequired);
    user.sign(&other, &receipt).await.refused(Reason::ReceiptMismatch);
    // The right one still gets its answers, and the other token is whole.
    assert!(user.authorize(&order, &scoped).await.done().token_redeemed);
    let signature = user.sign(&order, &receipt).await.done().signature;
    assert_eq!(user.sign(&order, &receipt).await.done().signature, signature);
    user.authorize(&user.signing(&wallet, b"hello"), &another).await.done();
}

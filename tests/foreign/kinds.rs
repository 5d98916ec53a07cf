//! Every kind of token that the issuer signs verifies in PyJWT and in npm's jose, by each algorithm it can sign with.

use jose::{Algorithm, Kind};
use operation::{Body, KeyType};
use proto::token_issuer::GetJsonWebKeySetRequest;
use serde_json::{Value, json};
use token_issuer::ELEVATED_AUDIENCE;

use super::Language;
use crate::support::answer::Done as _;
use crate::support::deployment::Deployment;
use crate::support::dev::{DevSuite, suite};
use crate::support::processes::behind_fronts;
use crate::support::tokens::parts;
use crate::support::user::User;

/// The public keys of the issuer.
pub(super) async fn key_set(user: &User) -> Value {
    let request = GetJsonWebKeySetRequest {};
    let answer = user.introspection().get_json_web_key_set(request).await.done();
    serde_json::from_str(&answer.jwks).unwrap()
}

/// One token of each kind that the issuer signs, with its audience. A new kind gets a line here.
async fn one_of_each(suite: &DevSuite, user: &User) -> [(Kind, String, String); 2] {
    let mut factor = user.enrol().await;
    let elevated = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let creation = user.operation(Body::CreateWallet { key_type: KeyType::Ed25519 });
    let receipt = user.receipt(&creation, "").await;
    let nodes = format!("urn:countersign:nodes:{}", suite.directory().group());
    [(Kind::Elevated, elevated, ELEVATED_AUDIENCE.to_owned()), (Kind::Receipt, receipt, nodes)]
}

/// What two libraries read is what we wrote.
async fn verifies_elsewhere(suite: &DevSuite, algorithm: Algorithm) {
    let user = User::new(suite).await;
    let jwks = key_set(&user).await;
    let kinds = one_of_each(suite, &user).await;
    let written: Vec<Value> = kinds.iter().map(|(_, token, _)| parts(token).1).collect();
    let asked = |(kind, token, audience): &(Kind, String, String)| {
        let iss = parts(token).1["iss"].clone();
        json!({"token": token, "typ": kind.typ(), "alg": algorithm.as_str(), "iss": iss, "aud": audience})
    };
    let tokens: Vec<Value> = kinds.iter().map(asked).collect();
    for language in Language::ALL {
        let read = language.ask("verify_tokens", &json!({"jwks": jwks, "tokens": tokens}));
        assert_eq!(read, Value::Array(written.clone()), "{algorithm} in {language:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_by_es256_verifies_in_pyjwt_and_in_jose() {
    verifies_elsewhere(suite(), Algorithm::Es256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_by_eddsa_verifies_in_pyjwt_and_in_jose() {
    let suite = behind_fronts(Deployment::issuing("eddsa", Algorithm::EdDsa));
    verifies_elsewhere(&suite, Algorithm::EdDsa).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_by_rs256_verifies_in_pyjwt_and_in_jose() {
    let suite = behind_fronts(Deployment::issuing("rs256", Algorithm::Rs256));
    verifies_elsewhere(&suite, Algorithm::Rs256).await;
}

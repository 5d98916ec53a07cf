//! Tokens that are good for one wallet.

use kernel::Reason;
use proto::convert;
use proto::policy::Preset;
use proto::token_issuer::AuthenticateTotpRequest;
use proto::types::{Action, Binding, TokenBehavior};
use serde_json::json;

use crate::support::admin::{Admin, settings};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::dev::suite;
use crate::support::tokens::parts;
use crate::support::user::{User, verifies};

#[tokio::test]
async fn a_token_for_a_wallet_pays_for_that_wallet_only() {
    let user = User::new(suite()).await;
    let (wallet, other) = (user.wallet().await, user.wallet().await);
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let request = AuthenticateTotpRequest {
        wallet: wallet.name.clone(),
        ..user.authentication(&code, &["wallet:sign", "wallet:refresh"])
    };
    let token = user.authenticate_for(request).await.done().elevated_token.unwrap();
    assert_eq!((&token.wallet, &token.batch, token.operation_digest.len()), (&wallet.name, &None, 0));
    let (_, claims) = parts(&token.token);
    let id = wallet.name.rsplit('/').next().unwrap();
    assert_eq!(claims["authorization_details"], json!([{ "type": "countersign_wallet", "wallet": id }]));
    assert_eq!(claims["scope"], "wallet:sign wallet:refresh");

    let elsewhere = user.signing(&other, b"hello");
    user.authorize(&elsewhere, &token.token).await.refused(Reason::OperationMismatch);
    let operation = user.signing(&wallet, b"hello");
    let receipt = user.receipt(&operation, &token.token).await;
    let signature = user.sign(&operation, &receipt).await.done().signature;
    assert!(verifies(&wallet.public_key, b"hello", &signature));
    let another = user.signing(&wallet, b"again");
    user.authorize(&another, &token.token).await.refused(Reason::TokenAlreadyRedeemed);
}

#[tokio::test]
async fn what_demands_a_wallet_takes_a_token_for_it_or_for_the_operation() {
    let place = Admin::owner(suite()).await.environment(suite(), Preset::Strict).await;
    place
        .change(&["action_settings"], |environment| {
            let signing = settings(environment, Action::WalletSign);
            signing.binding = Binding::Wallet.into();
            signing.token_behavior = TokenBehavior::TimeBound.into();
            signing.token_expiry_seconds = 600;
        })
        .await;
    let user = place.user(suite());
    let (wallet, other) = (user.wallet().await, user.wallet().await);
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let refusal = user.authenticate(&code, &["wallet:sign"], None).await.refused(Reason::StepUpRequired);
    assert_eq!(refusal.metadata["binding"], "wallet");
    let request = AuthenticateTotpRequest {
        wallet: wallet.name.clone(),
        ..user.authentication(&code, &["wallet:sign"])
    };
    let token = user.authenticate_for(request).await.done().elevated_token.unwrap();
    assert_eq!(token.token_behavior(), TokenBehavior::TimeBound);
    for message in [&b"one"[..], b"two", b"three"] {
        let operation = user.signing(&wallet, message);
        let answer = user.authorize(&operation, &token.token).await.done();
        assert!(!answer.token_redeemed);
        let signature = user.sign(&operation, &answer.receipt).await.done().signature;
        assert!(verifies(&wallet.public_key, message, &signature));
    }
    let elsewhere = user.signing(&other, b"hello");
    user.authorize(&elsewhere, &token.token).await.refused(Reason::OperationMismatch);
    // What is closer will do, and a batch is single use here too.
    let operations = [user.signing(&other, b"one"), user.signing(&wallet, b"two")];
    let batch = user.batch(&factor.app.next(), &operations).await.done().elevated_token.unwrap();
    assert_eq!(batch.token_behavior(), TokenBehavior::SingleUse);
    for (operation, leaf) in operations.iter().zip(batch.batch.unwrap().leaves) {
        assert!(user.authorize_leaf(operation, &batch.token, Some(leaf)).await.done().token_redeemed);
    }
}

#[tokio::test]
async fn a_wallet_goes_with_scopes_of_wallets_and_with_nothing_else() {
    let (user, stranger) = (User::new(suite()).await, User::new(suite()).await);
    let wallet = user.wallet().await;
    let foreign = stranger.wallet().await;
    let mut factor = user.enrol().await;
    let code = factor.app.next();
    let operation = convert::operation_value(&user.signing(&wallet, b"hello"));
    let of = |scopes: &[&str], name: &str| AuthenticateTotpRequest {
        wallet: name.to_owned(),
        ..user.authentication(&code, scopes)
    };
    let scopes = &["wallet:sign"][..];
    for (request, field) in [
        (of(&[], &wallet.name), "requested_scopes"),
        (of(&["credential:link"], &wallet.name), "requested_scopes"),
        (of(&["wallet:sign", "credential:link"], &wallet.name), "requested_scopes"),
        (of(scopes, "wallets/1"), "wallet"),
        (of(scopes, &user.name()), "wallet"),
        (
            AuthenticateTotpRequest { operation: Some(operation.clone()), ..of(scopes, &wallet.name) },
            "operation",
        ),
        (
            AuthenticateTotpRequest { operations: vec![operation.clone()], ..of(scopes, &wallet.name) },
            "operation",
        ),
        (
            AuthenticateTotpRequest {
                operation: Some(operation.clone()),
                operations: vec![operation],
                ..of(scopes, "")
            },
            "operation",
        ),
    ] {
        let refusal = user.authenticate_for(request).await.refused(Reason::InvalidRequest);
        assert_eq!(refusal.fields(), [field], "{refusal:?}");
    }
    user.authenticate_for(of(scopes, &foreign.name)).await.refused(Reason::ResourceNotFound);
    // None of them cost the code.
    user.authenticate_for(of(scopes, &wallet.name)).await.done();
}

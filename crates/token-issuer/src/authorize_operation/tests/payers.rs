//! Tokens of the older style, and tokens that are good in the hands of one client only.

use super::*;
use crate::fixtures::{all_tokens, legacy_token, sender_key, sender_proof, shown, unlink};
use crate::sender::Method;
use jose::SigningKey;
use runtime::environments::SenderConstraint::{Allowed, Off, Required};

fn as_legacy(jwt: SecretText) -> Option<Presented> {
    shown(jwt).map(|presented| Presented { kind: TokenKind::LegacyMfa, ..presented })
}

/// A policy that takes any proof for signatures.
fn lenient() -> Bench {
    let bench = Bench::new();
    bench.policy.say(Verdict::AllowWithProof(requirement(Action::WalletSign)));
    bench
}

async fn pay(bench: &Bench, operation: CheckedOperation, presented: Option<Presented>) -> Result<Authorized> {
    let call = bench.call_with(NOW, all_tokens(Allowed));
    bench.authorize().authorize(&call, operation, presented).await
}

async fn reason(bench: &Bench, operation: CheckedOperation, presented: Option<Presented>) -> Reason {
    pay(bench, operation, presented).await.unwrap_err().reason()
}

#[tokio::test]
async fn a_legacy_token_pays_once_and_policy_is_told_what_it_is() {
    let bench = lenient();
    let token = legacy_token(1);
    let jwt = bench.issue(&token).await;
    let authorized = pay(&bench, sign(1, b"hello"), as_legacy(jwt.clone())).await.unwrap();
    assert!(authorized.token_redeemed && is_spent(&bench, &token).await);
    assert_eq!(authorized.paid_by, Some(TokenKind::LegacyMfa));
    let proof = bench.policy.last().proof.unwrap();
    assert_eq!((proof.token_kind, proof.binding), (TokenKind::LegacyMfa, Binding::Scope));
    assert!(proof.scopes.is_empty() && !proof.sender_constrained);
    // The same again, and no other one.
    pay(&bench, sign(1, b"hello"), as_legacy(jwt.clone())).await.unwrap();
    assert_eq!(reason(&bench, sign(2, b"hello"), as_legacy(jwt)).await, Reason::TokenAlreadyRedeemed);
}

#[tokio::test]
async fn a_time_bound_legacy_token_pays_until_it_expires() {
    let bench = lenient();
    let token = Token { behavior: TokenBehavior::TimeBound, ..legacy_token(1) };
    let jwt = bench.issue(&token).await;
    for number in 0..3 {
        let authorized = pay(&bench, sign(number, b"hello"), as_legacy(jwt.clone())).await.unwrap();
        assert!(!authorized.token_redeemed);
        assert_eq!(authorized.paid_by, Some(TokenKind::LegacyMfa));
    }
}

#[tokio::test]
async fn a_token_is_taken_for_nothing_but_its_kind() {
    let bench = lenient();
    let legacy = bench.issue(&legacy_token(1)).await;
    let elevated = bench.issue(&for_signing(2)).await;
    for wrong in [shown(legacy), as_legacy(elevated)] {
        assert_eq!(reason(&bench, sign(1, b"hello"), wrong).await, Reason::TokenInvalid);
    }
}

#[tokio::test]
async fn a_legacy_token_changes_no_factors() {
    let bench = lenient();
    let jwt = bench.issue(&legacy_token(1)).await;
    let refused = reason(&bench, unlink(1), as_legacy(jwt)).await;
    assert_eq!(refused, Reason::TokenScopeInsufficient);
}

#[tokio::test]
async fn a_legacy_token_counts_no_more_when_the_environment_turns_them_off() {
    let bench = lenient();
    let token = legacy_token(1);
    let jwt = bench.issue(&token).await;
    let call = bench.call(NOW);
    let refused = bench.authorize().authorize(&call, sign(1, b"hello"), as_legacy(jwt)).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::LegacyMfaTokensDisabled);
    assert!(!is_spent(&bench, &token).await);
}

#[tokio::test]
async fn a_tied_token_pays_in_the_hands_of_its_client_only() {
    let bench = lenient();
    let sender_key_thumbprint = Some(sender_key().public_jwk().thumbprint());
    let tied = Token { sender_key: sender_key_thumbprint, ..for_signing(1) };
    let legacy = Token { sender_key: sender_key_thumbprint, ..legacy_token(2) };
    for (number, token) in [(1, tied), (2, legacy)] {
        let jwt = bench.issue(&token).await;
        let operation = sign(number, b"hello");
        let present = |proof| {
            let sender_proof = proof;
            Some(Presented { kind: token.kind, jwt: jwt.clone(), leaf: None, sender_proof })
        };
        let by = |key: &SigningKey, operation: &CheckedOperation| {
            Some(sender_proof(key, Method::AuthorizeOperation, Some((&jwt, operation))))
        };
        assert_eq!(reason(&bench, operation.clone(), present(None)).await, Reason::SenderProofMissing);
        let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
        for wrong in [by(&stranger, &operation), by(sender_key(), &sign(9, b"hello"))] {
            let refused = reason(&bench, operation.clone(), present(wrong)).await;
            assert_eq!(refused, Reason::SenderProofInvalid);
        }
        assert!(!is_spent(&bench, &token).await);
        let own = present(by(sender_key(), &operation));
        pay(&bench, operation.clone(), own.clone()).await.unwrap();
        assert!(bench.policy.last().proof.unwrap().sender_constrained);
        // Repeated within its minute, a proof asks for what was asked for already.
        assert!(pay(&bench, operation, own).await.unwrap().token_redeemed);
    }
}

#[tokio::test]
async fn a_tied_token_stays_so_whatever_the_environment_says_later() {
    let bench = lenient();
    let tied = Token { sender_key: Some(sender_key().public_jwk().thumbprint()), ..for_signing(1) };
    let jwt = bench.issue(&tied).await;
    for setting in [Off, Allowed, Required] {
        let call = bench.call_with(NOW, all_tokens(setting));
        let refused = bench.authorize().authorize(&call, sign(1, b"hello"), shown(jwt.clone())).await;
        assert_eq!(refused.unwrap_err().reason(), Reason::SenderProofMissing, "{setting:?}");
    }
}

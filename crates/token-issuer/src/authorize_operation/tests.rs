mod batches;
mod flips;
mod holds;
mod misfits;
mod once;
mod payers;
mod races;

use super::*;
use crate::domain::bound::Bound;
use crate::domain::factors::{Proof, ProvedBy};
use crate::domain::requirement::Requirement;
use crate::fixtures::{
    Bench, FakePolicy, ISSUER, NOW, create, environment, export, factor, requirement, shown, sign, token,
};
use jose::{Algorithm, Expect, Kind, ReceiptClaims};
use kernel::Error;
use kernel::audit::Outcome;
use kernel::secret::ExposeSecret as _;
use kernel::{Acr, Action, EnvironmentId, OperationId, Reason, Scope, TokenId, UserId};
use std::time::Duration;
use tokio::sync::Semaphore;

use crate::domain::record::RETRY_WINDOW;
use crate::ports::{Redeemed, Room};
use crate::store::MemoryTokenStore;

const MILLISECOND: Duration = Duration::from_millis(1);

fn bound(number: u32, operation: &CheckedOperation) -> Token {
    let scopes = operation.action().scope().into_iter().collect();
    Token { bound: Bound::to(operation), scopes, ..token(number) }
}

fn for_signing(number: u32) -> Token {
    Token { scopes: vec![Scope::WalletSign], ..token(number) }
}

async fn authorize(
    bench: &Bench,
    operation: CheckedOperation,
    token: Option<&SecretText>,
    now: Timestamp,
) -> Result<Authorized> {
    bench.authorize().authorize(&bench.call(now), operation, token.cloned().and_then(shown)).await
}

async fn refused(bench: &Bench, operation: CheckedOperation, token: Option<&SecretText>) -> Error {
    authorize(bench, operation, token, NOW).await.unwrap_err()
}

async fn is_spent(bench: &Bench, token: &Token) -> bool {
    bench.tokens.get(token.key(), NOW).await.unwrap().unwrap().is_spent()
}

fn claims(bench: &Bench, authorized: &Authorized, now: Timestamp) -> ReceiptClaims {
    let expect = Expect {
        kind: Kind::Receipt,
        issuer: ISSUER,
        audiences: &["nodes"],
        algorithms: &Algorithm::ALL,
        leeway: Duration::ZERO,
        max_age: None,
    };
    let jwt = authorized.receipt.jwt.expose_secret();
    jose::verify(jwt, &bench.mint.receipt_keys(), &expect, now).unwrap().claims
}

#[tokio::test]
async fn what_policy_leaves_open_needs_no_token_and_spends_none() {
    let bench = Bench::new();
    bench.policy.say(Verdict::Allow(Some(requirement(Action::WalletSign))));
    let operation = sign(1, b"hello");
    let plain = authorize(&bench, operation.clone(), None, NOW).await.unwrap();
    assert!(!plain.token_redeemed);
    assert_eq!(plain.digest, operation.digest());
    assert_eq!(plain.policy_version, FakePolicy::VERSION);
    assert_eq!(claims(&bench, &plain, NOW).paid_by, None);

    let token = for_signing(1);
    let jwt = bench.issue(&token).await;
    let with_token = authorize(&bench, operation, Some(&jwt), NOW).await.unwrap();
    assert!(!with_token.token_redeemed);
    assert_eq!(claims(&bench, &with_token, NOW).paid_by, None);
    assert!(!is_spent(&bench, &token).await);
}

#[tokio::test]
async fn a_refusal_says_what_would_do() {
    let bench = Bench::new();
    let operation = export(1);
    let error = refused(&bench, operation.clone(), None).await;
    assert_eq!(error.reason(), Reason::StepUpRequired);
    for (key, value) in [
        ("action", "wallet.waas.export"),
        ("scopes", "wallet:export"),
        ("binding", "operation"),
        ("operation_digest", &operation.digest().to_string()),
    ] {
        assert_eq!(error.metadata()[key], value);
    }
    bench.factors.remove(factor(1).device);
    bench.factors.remove(factor(2).device);
    let error = refused(&bench, operation.clone(), None).await;
    assert_eq!(error.reason(), Reason::EnrolmentRequired);
    assert_eq!(error.metadata()["operation_digest"], operation.digest().to_string());
    bench.policy.say(Verdict::Deny);
    assert_eq!(refused(&bench, operation, None).await.reason(), Reason::ActionDenied);
    assert_eq!(bench.operations.count(), 0, "a refusal ties no operation id");
    assert!(bench.audit.rows().is_empty(), "nothing was intended");
}

#[tokio::test]
async fn creating_a_wallet_takes_a_session_and_no_token() {
    let bench = Bench::new();
    bench.policy.say(Verdict::Allow(None));
    authorize(&bench, create(1), None, NOW).await.unwrap();
    let jwt = bench.issue(&token(1)).await;
    assert_eq!(refused(&bench, create(2), Some(&jwt)).await.reason(), Reason::TokenScopeInsufficient);
}

#[tokio::test]
async fn a_bound_token_pays_for_its_operation() {
    let bench = Bench::new();
    let operation = export(1);
    let token = bound(1, &operation);
    let jwt = bench.issue(&token).await;
    let authorized = authorize(&bench, operation, Some(&jwt), NOW).await.unwrap();
    assert!(authorized.token_redeemed);
    let claims = claims(&bench, &authorized, NOW);
    assert_eq!((claims.paid_by, claims.acr), (Some(token.id), Some(Acr::Otp)));
    assert!(is_spent(&bench, &token).await);
    // The intent was on record before the token was spent, and names the operation.
    let row = &bench.audit.rows()[0];
    assert_eq!(
        (row.outcome, row.digest.as_slice()),
        (Outcome::Intended, authorized.digest.as_bytes().as_slice())
    );
}

#[tokio::test]
async fn policy_is_shown_the_proof_as_the_token_states_it() {
    let bench = Bench::new();
    let operation = export(1);
    let jwt = bench.issue(&bound(1, &operation)).await;
    authorize(&bench, operation, Some(&jwt), NOW.plus(Duration::from_secs(7))).await.unwrap();
    let proof = Proof {
        token_kind: TokenKind::Elevated,
        by: ProvedBy::Factor { kind: factor(1).kind, device: factor(1).device },
        acr: Acr::Otp,
        auth_time: NOW,
        scopes: vec![Scope::WalletExport],
        binding: Binding::Operation,
        token_behavior: TokenBehavior::SingleUse,
        sender_constrained: false,
    };
    assert_eq!(bench.policy.last().proof, Some(proof));
    assert!(!bench.policy.last().opaque_payload);

    let opaque = sign(2, &[0x80, 0x81, 0xfe]);
    let jwt = bench.issue(&for_signing(2)).await;
    authorize(&bench, opaque, Some(&jwt), NOW).await.unwrap();
    assert!(bench.policy.last().opaque_payload);
    assert_eq!(bench.policy.last().proof.unwrap().binding, Binding::Scope);
}

#[tokio::test]
async fn a_time_bound_token_pays_until_it_expires_and_is_never_spent() {
    let bench = Bench::new();
    bench.policy.say(Verdict::AllowWithProof(requirement(Action::WalletSign)));
    let token = Token { behavior: TokenBehavior::TimeBound, ..for_signing(1) };
    let jwt = bench.issue(&token).await;
    for number in 0..5 {
        let authorized = authorize(&bench, sign(number, b"hello"), Some(&jwt), NOW).await.unwrap();
        assert!(!authorized.token_redeemed);
        let claims = claims(&bench, &authorized, NOW);
        assert_eq!((claims.paid_by, claims.acr), (None, Some(Acr::Otp)));
    }
    assert!(!is_spent(&bench, &token).await);
    let late = authorize(&bench, sign(9, b"hello"), Some(&jwt), token.expires).await.unwrap_err();
    assert_eq!(late.reason(), Reason::TokenExpired);
    // On the allow-list or worth nothing.
    let unknown = Token { id: TokenId::from_uuid(uuid::Uuid::from_u128(9)), ..token };
    let jwt = bench.mint.token(&unknown).unwrap();
    assert_eq!(refused(&bench, sign(1, b"hello"), Some(&jwt)).await.reason(), Reason::TokenUnknown);
}

//! Tokens of the older style, and tokens that are tied to a key.

use super::*;
use crate::fixtures::{
    all_tokens, export, passkey_request, recovery_request, sender_key, sender_proof, sign, wallet,
};
use jose::Thumbprint;
use runtime::environments::SenderConstraint;
use runtime::environments::SenderConstraint::{Allowed, Off, Required};

fn legacy(request: Request, behavior: TokenBehavior) -> Request {
    Request { wanted: Wanted { legacy: Some(behavior), ..request.wanted }, ..request }
}

fn tied(request: Request, proof: SecretText) -> Request {
    Request { wanted: Wanted { sender_proof: Some(proof), ..request.wanted }, ..request }
}

async fn make(bench: &Bench, setting: SenderConstraint, request: Request) -> Result<Made> {
    bench.authenticate().authenticate(&bench.call_with(NOW, all_tokens(setting)), request).await
}

fn thumbprint() -> Thumbprint {
    sender_key().public_jwk().thumbprint()
}

#[tokio::test]
async fn a_legacy_token_is_for_nothing_in_particular_and_lives_as_the_environment_says() {
    for behavior in [TokenBehavior::SingleUse, TokenBehavior::TimeBound] {
        let bench = Bench::with_all_kinds();
        let begun = Wanted { legacy: Some(behavior), ..request(1, &[]).wanted };
        let call = bench.call_with(NOW, all_tokens(Off));
        let ceremony = bench.authenticate().begin_passkey(&call, begun).await.unwrap().id;
        for request in [request(2, &[]), recovery_request(3, &[]), passkey_request(ceremony, 4, &[])] {
            let kind = request.answer.kind();
            let made = make(&bench, Off, legacy(request, behavior)).await.unwrap();
            let token = &made.token;
            assert_eq!(
                (token.kind, token.behavior, &token.bound),
                (TokenKind::LegacyMfa, behavior, &Bound::Scopes)
            );
            assert!(token.scopes.is_empty());
            assert_eq!(token.acr, kind.acr());
            assert_eq!(token.expires, token.issued.plus(Duration::from_secs(120)));
            assert_eq!(bench.mint.open(TokenKind::LegacyMfa, &made.jwt, NOW).unwrap(), *token);
            let as_elevated = bench.mint.open(TokenKind::Elevated, &made.jwt, NOW).unwrap_err();
            assert_eq!(as_elevated.reason(), Reason::TokenInvalid);
        }
    }
}

#[tokio::test]
async fn no_code_is_tested_where_the_environment_has_no_such_tokens() {
    let bench = Bench::new();
    let wanted = legacy(request(1, &[]), TokenBehavior::SingleUse);
    let refused = bench.authenticate().authenticate(&bench.call(NOW), wanted).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::LegacyMfaTokensDisabled);
    assert_eq!((bench.factors.tested(), bench.issued.count()), (0, 0));
}

#[tokio::test]
async fn what_is_for_something_is_no_legacy_token() {
    let bench = Bench::new();
    for (field, scopes, target) in [
        ("requested_scopes", &["wallet:sign"][..], Target::Scopes),
        ("operation", &[], Target::Operation(export(1))),
        ("wallet", &[], Target::Wallet(wallet())),
        ("operations", &[], Target::Batch(vec![export(1), sign(2, b"hello")])),
    ] {
        let mut wanted = legacy(request(1, scopes), TokenBehavior::SingleUse);
        wanted.wanted.target = target;
        let refused = make(&bench, Off, wanted).await.unwrap_err();
        assert_eq!(refused.violations()[0].field, field);
    }
    assert_eq!(bench.factors.tested(), 0);
}

#[tokio::test]
async fn a_proof_for_one_kind_of_token_is_none_for_another() {
    let bench = Bench::new();
    make(&bench, Off, request(1, &["wallet:sign"])).await.unwrap();
    for behavior in [TokenBehavior::SingleUse, TokenBehavior::TimeBound] {
        let refused = make(&bench, Off, legacy(request(1, &[]), behavior)).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::RequestIdReused);
    }
    let first = make(&bench, Off, legacy(request(2, &[]), TokenBehavior::SingleUse)).await.unwrap();
    let again = make(&bench, Off, legacy(request(2, &[]), TokenBehavior::SingleUse)).await.unwrap();
    assert_eq!(again.token, first.token);
    let other = make(&bench, Off, legacy(request(2, &[]), TokenBehavior::TimeBound)).await.unwrap_err();
    assert_eq!(other.reason(), Reason::RequestIdReused);
}

#[tokio::test]
async fn a_token_is_tied_to_the_key_that_was_proved() {
    let bench = Bench::new();
    let proof = || sender_proof(sender_key(), Method::AuthenticateTotp, None);
    let made = make(&bench, Allowed, tied(request(1, &["wallet:sign"]), proof())).await.unwrap();
    assert_eq!(made.token.sender_key, Some(thumbprint()));
    assert_eq!(bench.mint.open(TokenKind::Elevated, &made.jwt, NOW).unwrap(), made.token);
    let old = legacy(tied(request(2, &[]), proof()), TokenBehavior::SingleUse);
    assert_eq!(make(&bench, Required, old).await.unwrap().token.sender_key, Some(thumbprint()));
    // The key belongs to what the proof is for.
    let without = make(&bench, Allowed, request(1, &["wallet:sign"])).await.unwrap_err();
    assert_eq!(without.reason(), Reason::RequestIdReused);
}

#[tokio::test]
async fn no_code_is_tested_for_a_token_that_would_not_count() {
    let bench = Bench::new();
    let missing = make(&bench, Required, request(1, &["wallet:sign"])).await.unwrap_err();
    assert_eq!(missing.reason(), Reason::SenderProofMissing);
    let elsewhere = sender_proof(sender_key(), Method::AuthenticatePasskey, None);
    let wrong = make(&bench, Required, tied(request(1, &["wallet:sign"]), elsewhere)).await.unwrap_err();
    assert_eq!(wrong.reason(), Reason::SenderProofInvalid);
    let proof = sender_proof(sender_key(), Method::AuthenticateTotp, None);
    let off = make(&bench, Off, tied(request(1, &["wallet:sign"]), proof)).await.unwrap_err();
    assert_eq!(off.violations()[0].field, "sender_proof");
    assert_eq!(bench.factors.tested(), 0);
}

#[tokio::test]
async fn a_ceremony_is_answered_with_the_key_that_it_was_begun_with() {
    let bench = Bench::with_all_kinds();
    let call = bench.call_with(NOW, all_tokens(Allowed));
    let proof = |key, method| sender_proof(key, method, None);
    let begin = || async {
        let begin = proof(sender_key(), Method::BeginPasskeyAuthentication);
        let wanted = tied(request(1, &["wallet:sign"]), begin).wanted;
        bench.authenticate().begin_passkey(&call, wanted).await.unwrap().id
    };
    let stranger = jose::SigningKey::generate(jose::Algorithm::Es256).unwrap();
    let answer = |ceremony, number, key| {
        tied(passkey_request(ceremony, number, &["wallet:sign"]), proof(key, Method::AuthenticatePasskey))
    };
    let refused = make(&bench, Allowed, answer(begin().await, 2, &stranger)).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::PasskeyRejected);
    let made = make(&bench, Allowed, answer(begin().await, 3, sender_key())).await.unwrap();
    assert_eq!(made.token.sender_key, Some(thumbprint()));
}

//! Tokens that do not fit.

use super::*;

#[tokio::test]
async fn case_17_a_token_is_good_for_its_own_environment_user_and_session_only() {
    let bench = Bench::new();
    let operation = export(1);
    let base = bound(1, &operation);
    let others = [
        Token { environment: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12".parse().unwrap(), ..base.clone() },
        Token { user: UserId::derive(environment(), "idp", "bob"), ..base.clone() },
        Token { session: "session-2".parse().unwrap(), ..base },
    ];
    for (number, other) in others.into_iter().enumerate() {
        let other = Token { id: TokenId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1)), ..other };
        let jwt = bench.issue(&other).await;
        assert_eq!(refused(&bench, operation.clone(), Some(&jwt)).await.reason(), Reason::TokenInvalid);
        assert!(!is_spent(&bench, &other).await);
    }
}

#[tokio::test]
async fn tokens_of_other_kinds_or_unlike_their_record_are_invalid() {
    let bench = Bench::new();
    let operation = export(1);
    let token = bound(1, &operation);
    let jwt = bench.issue(&token).await;
    let receipt = authorize(&bench, operation.clone(), Some(&jwt), NOW).await.unwrap().receipt.jwt;
    let provider = testkit::TestProvider::new("https://idp.example", "wallet");
    let session = SecretText::from(provider.session("alice", "session-1", NOW));
    let longer = Token { expires: token.expires.plus(Duration::from_secs(1)), ..token };
    let longer = bench.mint.token(&longer).unwrap();
    for wrong in [receipt, session, longer] {
        assert_eq!(refused(&bench, operation.clone(), Some(&wrong)).await.reason(), Reason::TokenInvalid);
    }
}

#[tokio::test]
async fn case_16_a_token_for_another_scope_or_operation_is_refused_and_not_spent() {
    let bench = Bench::new();
    let signing = for_signing(1);
    let jwt = bench.issue(&signing).await;
    let error = refused(&bench, export(1), Some(&jwt)).await;
    assert_eq!(error.reason(), Reason::TokenScopeInsufficient);
    assert!(!is_spent(&bench, &signing).await);

    let operation = sign(1, b"pay 1");
    let token = bound(2, &operation);
    let jwt = bench.issue(&token).await;
    // Another id, another message; the same everything is the one that fits.
    for other in [sign(2, b"pay 1"), sign(1, b"pay 9")] {
        assert_eq!(refused(&bench, other, Some(&jwt)).await.reason(), Reason::OperationMismatch);
    }
    assert!(!is_spent(&bench, &token).await);
    authorize(&bench, operation, Some(&jwt), NOW).await.unwrap();
}

#[tokio::test]
async fn an_unbound_token_does_not_pay_where_policy_wants_a_bound_one() {
    let bench = Bench::new();
    let token = token(1);
    let jwt = bench.issue(&token).await;
    let error = refused(&bench, export(1), Some(&jwt)).await;
    assert_eq!(error.reason(), Reason::StepUpRequired);
    assert_eq!(error.metadata()["binding"], "operation");
    assert!(!is_spent(&bench, &token).await);
}

#[tokio::test]
async fn an_unknown_or_expired_token_is_refused_for_what_it_is() {
    let bench = Bench::new();
    let operation = export(1);
    let token = bound(1, &operation);
    let unknown = bench.mint.token(&token).unwrap();
    assert_eq!(refused(&bench, operation.clone(), Some(&unknown)).await.reason(), Reason::TokenUnknown);
    let jwt = bench.issue(&token).await;
    for now in [token.expires, token.expires.plus(RETRY_WINDOW * 2)] {
        let error = authorize(&bench, operation.clone(), Some(&jwt), now).await.unwrap_err();
        assert_eq!(error.reason(), Reason::TokenExpired);
    }
    let last = token.expires.minus(MILLISECOND);
    bench.policy.at(last);
    authorize(&bench, operation, Some(&jwt), last).await.unwrap();
}

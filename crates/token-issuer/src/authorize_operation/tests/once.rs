//! Once only, by the policy and the factors of now.

use super::*;

#[tokio::test]
async fn a_spent_token_is_refused_for_any_other_operation() {
    let bench = Bench::new();
    let token = for_signing(1);
    let jwt = bench.issue(&token).await;
    authorize(&bench, sign(1, b"hello"), Some(&jwt), NOW).await.unwrap();
    for other in [sign(2, b"hello"), sign(3, b"other")] {
        let error = refused(&bench, other, Some(&jwt)).await;
        assert_eq!(error.reason(), Reason::TokenAlreadyRedeemed);
    }
    let error = authorize(&bench, sign(2, b"hello"), Some(&jwt), token.expires).await.unwrap_err();
    assert_eq!(error.reason(), Reason::TokenExpired);
}

#[tokio::test]
async fn case_4_a_lost_answer_is_asked_for_again_until_ten_minutes_after_expiry() {
    let bench = Bench::new();
    let operation = export(1);
    let token = bound(1, &operation);
    let jwt = bench.issue(&token).await;
    let first = authorize(&bench, operation.clone(), Some(&jwt), NOW).await.unwrap();
    let first = claims(&bench, &first, NOW);
    let end = token.expires.plus(RETRY_WINDOW);
    for now in [NOW.plus(Duration::from_secs(1)), token.expires, end.minus(MILLISECOND)] {
        // Policy accepts no proof older than five minutes, and this one was young enough when it was accepted.
        bench.policy.at(now);
        let again = authorize(&bench, operation.clone(), Some(&jwt), now).await.unwrap();
        assert!(again.token_redeemed);
        let again = claims(&bench, &again, now);
        assert_eq!((again.paid_by, again.digest), (Some(token.id), first.digest));
        assert_ne!(again.jti, first.jti, "freshly signed");
    }
    let error = authorize(&bench, operation, Some(&jwt), end).await.unwrap_err();
    assert_eq!(error.reason(), Reason::TokenExpired);
}

#[tokio::test]
async fn a_proof_that_was_never_accepted_grows_old() {
    let bench = Bench::new();
    let operation = export(1);
    // A token that lives longer than policy now accepts a proof for.
    let token = Token { expires: NOW.plus(Duration::from_secs(3_600)), ..bound(1, &operation) };
    let jwt = bench.issue(&token).await;
    let late = NOW.plus(Duration::from_secs(301));
    bench.policy.at(late);
    let error = authorize(&bench, operation, Some(&jwt), late).await.unwrap_err();
    assert_eq!(error.reason(), Reason::StepUpRequired);
}

#[tokio::test]
async fn case_25_what_was_issued_is_judged_by_the_policy_and_the_factors_of_now() {
    let bench = Bench::new();
    let operation = export(1);
    let token = bound(1, &operation);
    let jwt = bench.issue(&token).await;

    let stronger = Requirement { acr: Acr::Phr, ..requirement(Action::WalletExport) };
    bench.policy.say(Verdict::StepUpRequired(stronger));
    assert_eq!(refused(&bench, operation.clone(), Some(&jwt)).await.reason(), Reason::StepUpRequired);
    bench.policy.say(Verdict::Deny);
    assert_eq!(refused(&bench, operation.clone(), Some(&jwt)).await.reason(), Reason::ActionDenied);
    assert!(!is_spent(&bench, &token).await);
}

#[tokio::test]
async fn case_25_a_proof_by_a_factor_that_was_removed_is_no_proof_not_even_for_a_repetition() {
    let bench = Bench::new();
    let operation = export(1);
    let jwt = bench.issue(&bound(1, &operation)).await;
    authorize(&bench, operation.clone(), Some(&jwt), NOW).await.unwrap();
    bench.factors.remove(factor(1).device);
    assert_eq!(refused(&bench, operation.clone(), Some(&jwt)).await.reason(), Reason::StepUpRequired);
    assert_eq!(bench.policy.last().proof, None);
    // Even a policy that claims to be satisfied by what it was not shown is not believed.
    bench.policy.say(Verdict::AllowWithProof(requirement(Action::WalletExport)));
    assert_eq!(refused(&bench, operation, Some(&jwt)).await.reason(), Reason::StepUpRequired);
    assert_eq!(refused(&bench, sign(2, b"hello"), None).await.reason(), Reason::StepUpRequired);
}

#[tokio::test]
async fn an_operation_id_stands_for_one_operation_and_costs_no_token_otherwise() {
    let bench = Bench::new();
    let jwt = bench.issue(&for_signing(1)).await;
    authorize(&bench, sign(1, b"pay 1"), Some(&jwt), NOW).await.unwrap();
    let second = for_signing(2);
    let jwt = bench.issue(&second).await;
    let error = refused(&bench, sign(1, b"pay 9"), Some(&jwt)).await;
    assert_eq!(error.reason(), Reason::OperationIdReused);
    assert!(!is_spent(&bench, &second).await);
    // The same for what policy leaves open.
    bench.policy.say(Verdict::Allow(Some(requirement(Action::WalletSign))));
    assert_eq!(refused(&bench, sign(1, b"pay 9"), None).await.reason(), Reason::OperationIdReused);
}

#[tokio::test]
async fn when_something_needed_is_away_nothing_is_spent() {
    for away in [
        (|bench: &Bench| bench.policy.go_away()) as fn(&Bench),
        |bench| bench.factors.go_away(),
        |bench| bench.audit.break_down(),
    ] {
        let bench = Bench::new();
        let operation = export(1);
        let token = bound(1, &operation);
        let jwt = bench.issue(&token).await;
        away(&bench);
        let error = refused(&bench, operation, Some(&jwt)).await;
        assert!(
            matches!(error.reason(), Reason::DependencyUnavailable | Reason::AuditUnavailable),
            "{error:?}"
        );
        assert!(!is_spent(&bench, &token).await);
        assert_eq!(bench.operations.count(), 0);
    }
}

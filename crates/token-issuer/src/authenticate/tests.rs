mod bound;
mod kinds;
mod legacy;
mod once;

use super::*;
use crate::domain::bound::Bound;
use crate::fixtures::{
    Bench, FakeIssuedTokens, FakePolicy, NOW, create, export, factor, request, requirement, session, shown,
    sign, user,
};
use kernel::audit::Outcome;
use kernel::secret::ExposeSecret as _;
use kernel::{Acr, Action, Amr, Reason, Scope};
use operation::CheckedOperation;
use std::time::Duration;

use crate::domain::decision::Verdict;
use crate::domain::requirement::{Requirement, TokenBehavior};

fn for_target(request: Request, target: Target) -> Request {
    let wanted = Wanted { target, ..request.wanted };
    Request { wanted, ..request }
}

fn for_operation(request: Request, operation: CheckedOperation) -> Request {
    for_target(request, Target::Operation(operation))
}

fn with_code(code: &str, request: Request) -> Request {
    let answer = Answer::Totp { code: SecretText::from(code.to_owned()), device: None };
    Request { answer, ..request }
}

fn bound(number: u32, operation: CheckedOperation) -> Request {
    for_operation(request(number, &[]), operation)
}

async fn refused(bench: &Bench, request: Request) -> Error {
    bench.authenticate().authenticate(&bench.call(NOW), request).await.unwrap_err()
}

#[tokio::test]
async fn a_right_code_makes_a_token_that_says_what_was_proved() {
    let bench = Bench::new();
    let now = NOW.plus(Duration::from_millis(700));
    let made =
        bench.authenticate().authenticate(&bench.call(now), request(1, &["wallet:sign"])).await.unwrap();
    let token = &made.token;
    assert_eq!((token.user, &token.session), (user(), &session()));
    assert_eq!(token.scopes, [Scope::WalletSign]);
    assert_eq!(token.behavior, TokenBehavior::SingleUse);
    assert_eq!((token.acr, token.amr.as_slice()), (Acr::Otp, &[Amr::Otp, Amr::Mfa][..]));
    assert_eq!(token.source, Source::Factor(factor(1).device));
    assert_eq!((token.auth_time, token.issued), (NOW, NOW));
    assert_eq!(token.expires, NOW.plus(Duration::from_secs(300)));
    assert_eq!(token.policy_version, FakePolicy::VERSION);
    assert_eq!(token.bound, Bound::Scopes);
    assert_eq!(bench.mint.open(TokenKind::Elevated, &made.jwt, now).unwrap(), *token);
    let record = bench.tokens.get(token.key(), now).await.unwrap().unwrap();
    assert_eq!(record.token, *token);
}

#[tokio::test]
async fn a_token_can_be_bound_to_exactly_one_operation() {
    let bench = Bench::new();
    let operation = export(1);
    let authenticate = bench.authenticate();
    let made = authenticate.authenticate(&bench.call(NOW), bound(1, operation.clone())).await.unwrap();
    assert_eq!(made.token.bound, Bound::to(&operation));
    assert_eq!(made.token.scopes, [Scope::WalletExport]);
    // The audit row names the operation.
    assert_eq!(bench.audit.rows()[0].digest, operation.digest().as_bytes());
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_token_even_when_policy_has_changed() {
    let bench = Bench::new();
    let authenticate = bench.authenticate();
    let first = authenticate.authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    bench.policy.say(Verdict::StepUpRequired(Requirement {
        token_expiry_seconds: 60,
        token_behavior: TokenBehavior::TimeBound,
        ..requirement(Action::WalletSign)
    }));
    let later = NOW.plus(Duration::from_secs(30));
    let again = authenticate.authenticate(&bench.call(later), request(1, &["wallet:sign"])).await.unwrap();
    assert_eq!(again.token, first.token);
    assert_eq!(bench.factors.tested(), 1);
}

#[tokio::test]
async fn a_repetition_of_a_lost_first_try_makes_the_token_the_first_would_have_made() {
    let bench = Bench::new();
    let authenticate = bench.authenticate();
    // The first try dies between the proof and the token.
    bench.audit.break_down();
    let died = refused(&bench, request(1, &["wallet:sign"])).await;
    assert_eq!(died.reason(), Reason::AuditUnavailable);
    let bench = Bench { audit: Arc::default(), ..bench };
    let later = NOW.plus(Duration::from_secs(120));
    let made = authenticate.authenticate(&bench.call(later), request(1, &["wallet:sign"])).await.unwrap();
    assert_eq!((made.token.issued, made.token.expires), (NOW, NOW.plus(Duration::from_secs(300))));
    assert_eq!(bench.factors.tested(), 1);
    // Too late for that token: a new one needs a new code.
    let over = bench.call(made.token.expires);
    let refused = authenticate.authenticate(&over, request(1, &["wallet:sign"])).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TokenExpired);
}

#[tokio::test]
async fn a_first_try_that_comes_too_late_for_its_token_issues_none() {
    let bench = Bench::new();
    bench.audit.break_down();
    refused(&bench, request(1, &["wallet:sign"])).await;
    let bench = Bench { audit: Arc::default(), ..bench };
    let over = bench.call(NOW.plus(Duration::from_secs(300)));
    let late = bench.authenticate().authenticate(&over, request(1, &["wallet:sign"])).await.unwrap_err();
    assert_eq!(late.reason(), Reason::TokenExpired);
    assert_eq!(once::records(&bench).await, 0);
}

#[tokio::test]
async fn one_request_id_is_not_good_for_another_purpose() {
    let bench = Bench::new();
    bench.authenticate().authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    for other in [request(1, &["wallet:reshare"]), bound(1, sign(1, b"hello"))] {
        assert_eq!(refused(&bench, other).await.reason(), Reason::RequestIdReused);
    }
}

#[tokio::test]
async fn what_can_be_refused_without_the_code_is_refused_before_it_is_tested() {
    let bench = Bench::new();
    for (bad, reason) in [
        (request(1, &[]), Reason::InvalidRequest),
        (request(1, &["wallet:steal"]), Reason::InvalidRequest),
        (request(1, &["wallet:sign", "wallet:sign"]), Reason::InvalidRequest),
        (request(1, &["wallet:sign", "credential:unlink"]), Reason::InvalidRequest),
        (bound(1, create(1)), Reason::InvalidRequest),
        (for_operation(request(1, &["wallet:sign"]), export(1)), Reason::InvalidRequest),
        // Policy wants exports bound to the operation: a token for the scope alone would be worth nothing.
        (request(1, &["wallet:export"]), Reason::StepUpRequired),
        (request(1, &["wallet:export", "wallet:sign"]), Reason::StepUpRequired),
    ] {
        assert_eq!(refused(&bench, bad).await.reason(), reason);
    }
    bench.policy.say(Verdict::Deny);
    assert_eq!(refused(&bench, request(1, &["wallet:sign"])).await.reason(), Reason::ActionDenied);
    bench.policy.say(Verdict::Allow(None));
    assert_eq!(refused(&bench, request(1, &["wallet:sign"])).await.reason(), Reason::ActionDenied);
    bench.policy.say(Verdict::AllowWithProof(requirement(Action::WalletSign)));
    assert_eq!(refused(&bench, request(1, &["wallet:sign"])).await.reason(), Reason::ActionDenied);
    bench.policy.go_away();
    assert_eq!(refused(&bench, request(1, &["wallet:sign"])).await.reason(), Reason::DependencyUnavailable);
    assert_eq!(bench.factors.tested(), 0);
    assert!(bench.audit.rows().is_empty(), "nothing was intended");
}

#[tokio::test]
async fn a_demand_that_no_code_can_reach_is_told_before_the_code_is_tested() {
    let bench = Bench::new();
    let wanted = Requirement { acr: Acr::Phr, methods: Vec::new(), ..requirement(Action::WalletSign) };
    bench.policy.say(Verdict::StepUpRequired(wanted));
    let error = refused(&bench, bound(1, sign(1, b"hello"))).await;
    assert_eq!(error.reason(), Reason::StepUpRequired);
    assert_eq!(error.metadata()["acr"], "phr");
    assert_eq!(error.metadata()["operation_digest"], sign(1, b"hello").digest().to_string());
    assert_eq!(bench.factors.tested(), 0);
}

#[tokio::test]
async fn a_token_for_what_is_open_is_made_as_the_settings_say() {
    let bench = Bench::new();
    let settings = Requirement { token_expiry_seconds: 60, ..requirement(Action::WalletExport) };
    bench.policy.say(Verdict::Allow(Some(settings)));
    let made = bench.authenticate().authenticate(&bench.call(NOW), request(1, &["wallet:export"])).await;
    assert_eq!(made.unwrap().token.expires, NOW.plus(Duration::from_secs(60)));
}

#[tokio::test]
async fn a_user_whose_first_device_is_pending_may_prove_it_here() {
    let bench = Bench::new();
    bench.factors.remove(factor(1).device);
    bench.factors.remove(factor(2).device);
    // Policy would ask to enrol; the right code does that.
    let made = bench.authenticate().authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await;
    assert_eq!(made.unwrap().token.source, Source::Factor(factor(1).device));
}

#[tokio::test]
async fn a_code_that_is_refused_was_no_intent_and_a_token_is_one_before_it_is_issued() {
    let bench = Bench::new();
    let wrong = with_code("000000", request(1, &["wallet:sign"]));
    assert_eq!(refused(&bench, wrong).await.reason(), Reason::CodeRejected);
    assert!(bench.audit.rows().is_empty());
    bench.authenticate().authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    assert_eq!(bench.audit.rows()[0].outcome, Outcome::Intended);
}

#[tokio::test]
async fn without_an_audit_trail_no_token_is_issued_and_the_same_request_makes_it_later() {
    let bench = Bench::new();
    bench.audit.break_down();
    assert_eq!(refused(&bench, request(1, &["wallet:sign"])).await.reason(), Reason::AuditUnavailable);
    assert_eq!(bench.issued.count(), 0);
    let bench = Bench { audit: Arc::default(), ..bench };
    let made = bench.authenticate().authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await;
    bench.tokens.get(made.unwrap().token.key(), NOW).await.unwrap().unwrap();
    assert_eq!(bench.factors.tested(), 1, "the code is not asked for again");
}

#[tokio::test]
async fn with_too_many_tokens_in_hand_the_code_is_not_tested() {
    let bench = Bench::new();
    for number in 0..64 {
        bench.issue(&crate::fixtures::token(number)).await;
    }
    let error = refused(&bench, request(1, &["wallet:sign"])).await;
    assert_eq!(error.reason(), Reason::TokenLimitReached);
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(300)));
    assert_eq!(bench.factors.tested(), 0);
}

#[tokio::test]
async fn a_peer_whose_clock_is_ahead_makes_no_token_from_the_future() {
    let bench = Bench::new();
    // The proof says 250 ms past NOW.
    let made = bench
        .authenticate()
        .authenticate(&bench.call(NOW.minus(Duration::from_millis(1))), request(1, &["wallet:sign"]))
        .await
        .unwrap();
    assert_eq!(made.token.issued.seconds(), NOW.seconds() - 1);
    assert!(!made.jwt.expose_secret().is_empty());
}

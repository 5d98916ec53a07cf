mod races;

use super::*;
use crate::authorize_operation::{Authorized, Presented};
use crate::domain::decision::Verdict;
use crate::domain::requirement::TokenBehavior;
use crate::domain::token::Token;
use crate::fixtures::{
    Bench, NOW, all_tokens, asserted, environment, factor, legacy_token, request, requirement, session,
    shown, sign, token, user,
};
use kernel::audit::Outcome;
use kernel::{Action, Error, Scope};
use operation::CheckedOperation;
use runtime::environments::SenderConstraint;
use std::time::Duration;

fn for_signing(number: u32) -> Token {
    Token { scopes: vec![Scope::WalletSign], ..token(number) }
}

fn time_bound(number: u32) -> Token {
    Token { behavior: TokenBehavior::TimeBound, ..for_signing(number) }
}

/// A bench whose policy takes tokens of either use.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.policy.say(Verdict::AllowWithProof(requirement(Action::WalletSign)));
    bench
}

async fn revoke(bench: &Bench, wanted: Wanted) -> Result<()> {
    let call = bench.call(NOW);
    bench.revoke().revoke(environment(), user(), wanted, NOW, &call.trail).await
}

async fn authorize(bench: &Bench, operation: CheckedOperation, jwt: &SecretText) -> Result<Authorized> {
    bench.authorize().authorize(&bench.call(NOW), operation, shown(jwt.clone())).await
}

fn is_revoked(refused: Result<Authorized>) {
    assert_eq!(refused.unwrap_err().reason(), Reason::TokenRevoked);
}

#[tokio::test]
async fn a_revoked_token_pays_for_nothing_and_not_even_again_for_what_it_paid_for() {
    let targets = [
        Target::Token(for_signing(1).id),
        Target::Device(factor(1).device),
        Target::Session(session()),
        Target::All,
    ];
    for target in targets {
        let bench = bench();
        let (spent, unspent, bound_to_time) = (for_signing(1), for_signing(2), time_bound(3));
        let spent_jwt = bench.issue(&spent).await;
        let (unspent_jwt, time_jwt) = (bench.issue(&unspent).await, bench.issue(&bound_to_time).await);
        authorize(&bench, sign(1, b"one"), &spent_jwt).await.unwrap();
        authorize(&bench, sign(3, b"three"), &time_jwt).await.unwrap();
        let others_live = matches!(target, Target::Token(_));
        revoke(&bench, Wanted::Target(target)).await.unwrap();

        is_revoked(authorize(&bench, sign(1, b"one"), &spent_jwt).await);
        let rows = bench.operations.count();
        for (jwt, number) in [(&unspent_jwt, 2), (&time_jwt, 3), (&time_jwt, 4)] {
            let found = authorize(&bench, sign(number, b"three"), jwt).await;
            if others_live {
                found.unwrap();
            } else {
                is_revoked(found);
                assert_eq!(bench.operations.count(), rows, "a refusal ties no operation id");
            }
            let call = bench.call(NOW);
            let active = bench.introspect().introspect(&call, jwt).await.unwrap().is_some();
            assert_eq!(active, others_live && number > 2, "one was spent just now");
        }
        // What is issued after it is good.
        let later = bench.issue(&for_signing(9)).await;
        authorize(&bench, sign(9, b"nine"), &later).await.unwrap();
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_also_where_none_is_needed() {
    let bench = bench();
    bench.policy.say(Verdict::Allow(Some(requirement(Action::WalletSign))));
    let jwt = bench.issue(&for_signing(1)).await;
    revoke(&bench, Wanted::Target(Target::All)).await.unwrap();
    is_revoked(authorize(&bench, sign(1, b"one"), &jwt).await);
    bench.authorize().authorize(&bench.call(NOW), sign(1, b"one"), None).await.unwrap();
}

#[tokio::test]
async fn who_holds_a_token_revokes_it_from_any_session() {
    let bench = bench();
    let token = Token { session: "session-2".parse().unwrap(), ..for_signing(1) };
    let jwt = bench.issue(&token).await;
    revoke(&bench, Wanted::Token(jwt.clone())).await.unwrap();
    let mut call = bench.call(NOW);
    call.session = token.session.clone();
    is_revoked(bench.authorize().authorize(&call, sign(1, b"one"), shown(jwt.clone())).await);
    // Again does no harm.
    revoke(&bench, Wanted::Token(jwt)).await.unwrap();
    // Also when it has expired: it might still be asked for what it paid for.
    let late = token.expires.plus(Duration::from_secs(1));
    let other = bench.issue(&for_signing(2)).await;
    let call = bench.call(late);
    bench.revoke().revoke(environment(), user(), Wanted::Token(other), late, &call.trail).await.unwrap();
    let targets = bench.revocations.standing_of(&crate::domain::revocation::Revocable::of(&for_signing(2)));
    assert_eq!(targets, crate::domain::revocation::Standing::Revoked);
}

#[tokio::test]
async fn what_is_no_token_of_the_user_is_passed_over_in_silence() {
    let bench = bench();
    let bob = kernel::UserId::derive(environment(), "idp", "bob");
    let his = Token { user: bob, ..for_signing(1) };
    let jwt = bench.issue(&his).await;
    let elsewhere =
        Token { environment: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12".parse().unwrap(), ..for_signing(2) };
    let elsewhere = bench.issue(&elsewhere).await;
    for text in [jwt.clone(), elsewhere, SecretText::from("nonsense".to_owned())] {
        revoke(&bench, Wanted::Token(text)).await.unwrap();
    }
    assert!(bench.audit.rows().is_empty(), "nothing was intended");
    let mut call = bench.call(NOW);
    call.user = bob;
    assert!(bench.introspect().introspect(&call, &jwt).await.unwrap().is_some());
}

#[tokio::test]
async fn a_revocation_is_on_record_before_it_is_made_and_names_what_it_ends() {
    let bench = bench();
    revoke(&bench, Wanted::Target(Target::Session(session()))).await.unwrap();
    let row = &bench.audit.rows()[0];
    assert_eq!(row.outcome, Outcome::Intended);
    assert_eq!(row.resource, format!("environments/{}/users/{}/sessions/session-1", environment(), user()));
}

#[tokio::test]
async fn a_repeated_request_does_not_bring_a_revoked_token_back() {
    let bench = Bench::new();
    let wanted = || request(1, &["wallet:sign"]);
    let first = bench.authenticate().authenticate(&bench.call(NOW), wanted()).await.unwrap();
    revoke(&bench, Wanted::Token(first.jwt)).await.unwrap();
    let refused = bench.authenticate().authenticate(&bench.call(NOW), wanted()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TokenRevoked);
    // A fresh proof does what it always does.
    let fresh =
        bench.authenticate().authenticate(&bench.call(NOW), request(2, &["wallet:sign"])).await.unwrap();
    assert!(bench.introspect().introspect(&bench.call(NOW), &fresh.jwt).await.unwrap().is_some());
}

#[tokio::test]
async fn a_token_whose_issue_is_forgotten_pays_for_nothing() {
    let bench = bench();
    let jwt = bench.issue(&time_bound(1)).await;
    bench.revocations.forget(time_bound(1).id);
    let refused: Error = authorize(&bench, sign(1, b"one"), &jwt).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TokenUnknown);
    assert_eq!(bench.introspect().introspect(&bench.call(NOW), &jwt).await.unwrap(), None);
}

#[tokio::test]
async fn a_factor_that_was_removed_takes_its_tokens_with_it_and_needs_no_revocation() {
    let bench = Bench::new();
    let jwt = bench.issue(&for_signing(1)).await;
    bench.factors.remove(factor(1).device);
    let refused = authorize(&bench, sign(1, b"one"), &jwt).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::StepUpRequired);
}

#[tokio::test]
async fn tokens_of_every_kind_are_revoked() {
    let by_assertion = Token { scopes: vec![Scope::WalletSign], ..asserted(2) };
    for token in [legacy_token(1), by_assertion] {
        let ways: [fn(&SecretText) -> Wanted; 3] = [
            |jwt| Wanted::Token(jwt.clone()),
            |_| Wanted::Target(Target::Session(session())),
            |_| Wanted::Target(Target::All),
        ];
        for wanted in ways {
            let bench = bench();
            let jwt = bench.issue(&token).await;
            revoke(&bench, wanted(&jwt)).await.unwrap();
            let call = bench.call_with(NOW, all_tokens(SenderConstraint::Off));
            let shown = shown(jwt).map(|presented| Presented { kind: token.kind, ..presented });
            is_revoked(bench.authorize().authorize(&call, sign(1, b"one"), shown).await);
        }
    }
}

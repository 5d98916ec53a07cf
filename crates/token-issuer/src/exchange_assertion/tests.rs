use super::*;
use crate::fixtures::{
    ASSERTER, Bench, FakePolicy, NOW, all_tokens, asserter, export, factor, requirement, sender_key,
    sender_proof, session, sign, user, wallet,
};
use jose::Kind;
use kernel::audit::Outcome;
use kernel::{Acr, Action, SessionId};
use runtime::environments::SenderConstraint;
use runtime::environments::SenderConstraint::{Allowed, Off, Required};
use serde_json::{Value, json};
use std::time::Duration;

use crate::domain::bound::Bound;
use crate::domain::decision::Verdict;
use crate::domain::requirement::Binding;
use crate::mint::Mint;

fn claims(id: &str) -> Value {
    json!({
        "iss": asserter().issuer, "aud": asserter().audience, "sub": "alice", "jti": id,
        "scope": "wallet:export wallet:sign", "iat": NOW.seconds() - 10, "exp": NOW.seconds() + 60,
        "auth_time": NOW.seconds() - 20,
    })
}

fn assertion(id: &str) -> SecretText {
    signed(&claims(id))
}

fn signed(claims: &Value) -> SecretText {
    asserter().sign(Kind::Assertion, claims).into()
}

fn with(name: &str, value: impl Into<Value>) -> SecretText {
    let mut claims = claims("a-1");
    claims[name] = value.into();
    signed(&claims)
}

fn wanted(scopes: &[&str], target: Target) -> Wanted {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    Wanted { scopes, target, legacy: None, sender_proof: None }
}

fn to_sign() -> Wanted {
    wanted(&["wallet:sign"], Target::Scopes)
}

fn call(bench: &Bench, sender: SenderConstraint) -> UserCall {
    bench.call_with(NOW, all_tokens(sender))
}

async fn exchange(bench: &Bench, assertion: SecretText, wanted: Wanted) -> Result<Made> {
    bench.exchange().exchange(&call(bench, Off), assertion, wanted).await
}

async fn refusal(bench: &Bench, assertion: SecretText, wanted: Wanted) -> Option<Reason> {
    exchange(bench, assertion, wanted).await.err().map(|error| error.reason())
}

#[tokio::test]
async fn an_assertion_is_exchanged_for_a_token_that_says_what_it_rests_on() {
    let bench = Bench::new();
    let made = exchange(&bench, assertion("a-1"), to_sign()).await.unwrap();
    let token = &made.token;
    assert_eq!(token.source, Source::Assertion(ASSERTER.to_owned()));
    assert_eq!(
        (token.kind, token.acr, &token.amr[..]),
        (TokenKind::Elevated, Acr::Otp, &[Amr::Assertion, Amr::Mfa][..])
    );
    assert_eq!((token.user, &token.session), (user(), &session()));
    assert_eq!((&token.scopes[..], &token.bound), (&[Scope::WalletSign][..], &Bound::Scopes));
    // It lives from when the assertion was made, not from when it was exchanged.
    let iat = NOW.minus(Duration::from_secs(10));
    assert_eq!((token.issued, token.auth_time), (iat, NOW.minus(Duration::from_secs(20))));
    assert_eq!(token.expires, iat.plus(Duration::from_secs(300)));
    assert_eq!(bench.mint.open(TokenKind::Elevated, &made.jwt, NOW).unwrap(), *token);
    // Policy was asked about exactly such a token.
    let proof = bench.policy.last().proof.unwrap();
    assert_eq!(proof.by, ProvedBy::Assertion(ASSERTER.to_owned()));
    assert_eq!(
        (proof.auth_time, proof.binding, proof.sender_constrained),
        (token.auth_time, Binding::Scope, false)
    );
    assert_eq!(bench.audit.rows()[0].outcome, Outcome::Intended);
    assert_eq!(bench.factors.tested(), 0);
}

#[tokio::test]
async fn it_is_bound_like_any_other() {
    let bench = Bench::new();
    let bound = exchange(&bench, assertion("a-1"), wanted(&[], Target::Operation(export(1)))).await.unwrap();
    assert_eq!(bound.token.bound, Bound::to(&export(1)));
    assert_eq!(bench.policy.last().proof.unwrap().binding, Binding::Operation);
    let target = Target::Wallet(wallet());
    let to_wallet = exchange(&bench, assertion("a-2"), wanted(&["wallet:sign"], target)).await.unwrap();
    assert_eq!(to_wallet.token.bound, Bound::Wallet(wallet()));
    assert_eq!(bench.policy.last().proof.unwrap().binding, Binding::Wallet);
    // And refused like any other: an export wants to be bound to the operation.
    let loose = refusal(&bench, assertion("a-3"), wanted(&["wallet:export"], Target::Scopes)).await;
    assert_eq!(loose, Some(Reason::StepUpRequired));
    assert_eq!(bench.spent.count(), 2);
}

#[tokio::test]
async fn it_pays_with_a_factor_and_without_one() {
    let bench = Bench::new();
    bench.factors.remove(factor(1).device);
    bench.factors.remove(factor(2).device);
    bench.policy.say(Verdict::AllowWithProof(requirement(Action::WalletSign)));
    let made = exchange(&bench, assertion("a-1"), to_sign()).await.unwrap();
    let call = call(&bench, Off);
    let shown = crate::fixtures::shown(made.jwt);
    let authorized = bench.authorize().authorize(&call, sign(1, b"hello"), shown).await.unwrap();
    assert!(authorized.token_redeemed);
    assert_eq!(bench.policy.last().proof.unwrap().by, ProvedBy::Assertion(ASSERTER.to_owned()));
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_token_and_any_other_is_a_replay() {
    let bench = Bench::new();
    let first = exchange(&bench, assertion("a-1"), to_sign()).await.unwrap();
    let again = exchange(&bench, assertion("a-1"), to_sign()).await.unwrap();
    assert_eq!(again.token, first.token);
    // What counts is its id, not its octets.
    let resigned = exchange(&bench, with("extra", 1), to_sign()).await.unwrap();
    assert_eq!(resigned.token, first.token);
    let replayed = Some(Reason::AssertionReplayed);
    let both = wanted(&["wallet:export", "wallet:sign"], Target::Operation(export(1)));
    assert_eq!(refusal(&bench, assertion("a-1"), both).await, Some(Reason::InvalidRequest));
    let export = wanted(&[], Target::Operation(export(1)));
    assert_eq!(refusal(&bench, assertion("a-1"), export).await, replayed);
    let to_wallet = wanted(&["wallet:sign"], Target::Wallet(wallet()));
    assert_eq!(refusal(&bench, assertion("a-1"), to_wallet).await, replayed);
    let mut other_session = call(&bench, Off);
    other_session.session = "session-2".parse::<SessionId>().unwrap();
    let elsewhere = bench.exchange().exchange(&other_session, assertion("a-1"), to_sign()).await;
    assert_eq!(elsewhere.unwrap_err().reason(), Reason::AssertionReplayed);
    let proof = sender_proof(sender_key(), Method::ExchangeAssertion, None);
    let tied = Wanted { sender_proof: Some(proof), ..to_sign() };
    let tied = bench.exchange().exchange(&call(&bench, Allowed), assertion("a-1"), tied).await;
    assert_eq!(tied.unwrap_err().reason(), Reason::AssertionReplayed);
    assert_eq!(bench.spent.count(), 1);
}

#[tokio::test]
async fn a_token_store_that_lost_everything_does_not_make_it_good_again() {
    let bench = Bench::new();
    let made = exchange(&bench, assertion("a-1"), to_sign()).await.unwrap();
    let shown = crate::fixtures::shown(made.jwt);
    bench.authorize().authorize(&call(&bench, Off), sign(1, b"hello"), shown).await.unwrap();
    let failed_over = Bench { tokens: Bench::new().tokens, ..bench };
    assert_eq!(refusal(&failed_over, assertion("a-1"), to_sign()).await, Some(Reason::TokenUnknown));
    let export = wanted(&[], Target::Operation(export(1)));
    assert_eq!(refusal(&failed_over, assertion("a-1"), export).await, Some(Reason::AssertionReplayed));
}

#[tokio::test]
async fn what_it_does_not_say_is_not_given() {
    let bench = Bench::new();
    let invalid = Some(Reason::AssertionInvalid);
    for subject in ["bob", "ALICE", ""] {
        assert_eq!(refusal(&bench, with("sub", subject), to_sign()).await, invalid, "{subject}");
    }
    // Not among the assertion's scopes; not among those of its issuer; not what an assertion is for.
    assert_eq!(refusal(&bench, with("scope", "wallet:export"), to_sign()).await, invalid);
    let refresh = || wanted(&["wallet:refresh"], Target::Scopes);
    assert_eq!(refusal(&bench, with("scope", "wallet:refresh wallet:sign"), refresh()).await, invalid);
    let link = wanted(&["credential:link"], Target::Scopes);
    assert_eq!(refusal(&bench, with("scope", "credential:link"), link).await, invalid);
    assert_eq!(refusal(&bench, with("aud", "somebody"), to_sign()).await, invalid);
    // A session of the same user, by the same key, is none.
    let session = asserter().sign(Kind::Session, &claims("a-1")).into();
    assert_eq!(refusal(&bench, session, to_sign()).await, invalid);
    assert_eq!(bench.spent.count(), 0);
    assert_eq!(bench.issued.count(), 0);
}

#[tokio::test]
async fn nothing_is_consumed_where_policy_or_the_environment_refuses() {
    let bench = Bench::new();
    bench.policy.say(Verdict::Deny);
    assert_eq!(refusal(&bench, assertion("a-1"), to_sign()).await, Some(Reason::ActionDenied));
    bench.policy.say(Verdict::StepUpRequired(requirement(Action::WalletSign)));
    assert_eq!(refusal(&bench, assertion("a-1"), to_sign()).await, Some(Reason::StepUpRequired));
    bench.policy.say(Verdict::AllowWithProof(requirement(Action::WalletSign)));
    let required = bench.exchange().exchange(&call(&bench, Required), assertion("a-1"), to_sign()).await;
    assert_eq!(required.unwrap_err().reason(), Reason::SenderProofMissing);
    bench.audit.break_down();
    assert_eq!(refusal(&bench, assertion("a-1"), to_sign()).await, Some(Reason::AuditUnavailable));
    assert_eq!(bench.spent.count(), 0);
    let none = bench.call(NOW);
    let off = bench.exchange().exchange(&none, assertion("a-1"), to_sign()).await.unwrap_err();
    assert_eq!(off.reason(), Reason::AssertionInvalid);
}

#[tokio::test]
async fn an_assertion_from_before_a_restore_counts_no_more() {
    let bench = Bench::new();
    let mint = Mint { not_before: Some(NOW.minus(Duration::from_secs(5))), ..crate::fixtures::mint() };
    let restored = Bench { mint: Arc::new(mint), ..bench };
    assert_eq!(refusal(&restored, assertion("a-1"), to_sign()).await, Some(Reason::TokenStoreChanged));
    assert_eq!(restored.spent.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_callers_with_one_assertion_all_get_one_token_or_a_refusal() {
    let bench = Arc::new(Bench::new());
    bench.policy.say(Verdict::AllowWithProof(requirement(Action::WalletSign)));
    let tasks = (0..64).map(|number| {
        let bench = bench.clone();
        tokio::spawn(async move {
            let target = if number % 2 == 0 { Target::Scopes } else { Target::Wallet(wallet()) };
            exchange(&bench, assertion("a-1"), wanted(&["wallet:sign"], target)).await
        })
    });
    let mut tokens = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(made) => tokens.push(made.token),
            Err(error) => assert_eq!(error.reason(), Reason::AssertionReplayed),
        }
    }
    assert!(tokens.len() == 32 && tokens.iter().all(|token| *token == tokens[0]), "{}", tokens.len());
    assert_eq!(tokens[0].policy_version, FakePolicy::VERSION);
}

use super::*;
use crate::domain::requirement::TokenBehavior;
use crate::fixtures::{
    Bench, NOW, all_tokens, asserted, environment, export, factor, legacy_token, session, token,
};
use kernel::{Error, OperationId, SessionId, Timestamp, UserId};
use operation::Digest;
use runtime::environments::SenderConstraint;

use crate::domain::record::TokenRecord;
use crate::domain::token::TokenKey;
use crate::ports::{Redeemed, Room};

async fn active(bench: &Bench, jwt: &SecretText, now: Timestamp) -> bool {
    bench.introspect().introspect(&bench.call(now), jwt).await.unwrap().is_some()
}

#[tokio::test]
async fn a_token_that_the_caller_could_use_now_is_active() {
    let bench = Bench::new();
    let single = token(1);
    let time_bound = Token { behavior: TokenBehavior::TimeBound, ..token(2) };
    for token in [single, time_bound] {
        let jwt = bench.issue(&token).await;
        let found = bench.introspect().introspect(&bench.call(NOW), &jwt).await.unwrap();
        assert_eq!(found, Some(token));
    }
}

#[tokio::test]
async fn what_is_expired_spent_unknown_or_no_token_is_inactive() {
    let bench = Bench::new();
    let live = token(1);
    let jwt = bench.issue(&live).await;
    assert!(!active(&bench, &jwt, live.expires).await);

    let unknown = bench.mint.token(&token(2)).unwrap();
    let altered = Token { policy_version: 9, ..live.clone() };
    let altered = bench.mint.token(&altered).unwrap();
    let nonsense = SecretText::from("nonsense".to_owned());
    for bad in [&unknown, &altered, &nonsense] {
        assert!(!active(&bench, bad, NOW).await);
    }

    let operation = export(1);
    bench.tokens.redeem(live.key(), operation.operation().id, operation.digest(), NOW).await.unwrap();
    assert!(!active(&bench, &jwt, NOW).await);
}

#[tokio::test]
async fn to_everybody_else_a_token_is_inactive() {
    let bench = Bench::new();
    let jwt = bench.issue(&token(1)).await;
    let mut other_user = bench.call(NOW);
    other_user.user = UserId::derive(environment(), "idp", "bob");
    let mut other_session = bench.call(NOW);
    other_session.session = "session-2".parse::<SessionId>().unwrap();
    let mut elsewhere = bench.call(NOW);
    elsewhere.environment = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12".parse().unwrap();
    assert_eq!(bench.call(NOW).session, session());
    for call in [other_user, other_session, elsewhere] {
        assert_eq!(bench.introspect().introspect(&call, &jwt).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_factor_that_was_removed_takes_its_tokens_with_it() {
    let bench = Bench::new();
    let jwt = bench.issue(&token(1)).await;
    bench.factors.remove(factor(1).device);
    assert!(!active(&bench, &jwt, NOW).await);
}

/// A store that answers every question with the same refusal.
struct Refusing(Reason);

#[async_trait::async_trait]
impl TokenStore for Refusing {
    async fn check_room(&self, _: kernel::EnvironmentId, _: UserId, _: Timestamp) -> Result<Room> {
        Err(Error::new(self.0, "refused"))
    }
    async fn issue(&self, _: &Token, _: &Room, _: Timestamp) -> Result<()> {
        Err(Error::new(self.0, "refused"))
    }
    async fn get(&self, _: TokenKey, _: Timestamp) -> Result<Option<TokenRecord>> {
        Err(Error::new(self.0, "refused"))
    }
    async fn redeem(&self, _: TokenKey, _: OperationId, _: Digest, _: Timestamp) -> Result<Redeemed> {
        Err(Error::new(self.0, "refused"))
    }
}

#[tokio::test]
async fn a_store_that_changed_has_no_active_tokens_and_one_that_is_away_says_so() {
    let changed = Bench::on(Arc::new(Refusing(Reason::TokenStoreChanged)));
    let jwt = changed.mint.token(&token(1)).unwrap();
    assert!(!active(&changed, &jwt, NOW).await);
    for reason in [Reason::StoreUnavailable, Reason::Internal] {
        let away = Bench::on(Arc::new(Refusing(reason)));
        let jwt = away.mint.token(&token(1)).unwrap();
        let refused = away.introspect().introspect(&away.call(NOW), &jwt).await.unwrap_err();
        assert_eq!(refused.reason(), reason);
    }
}

#[tokio::test]
async fn a_legacy_token_and_one_by_an_assertion_are_active_while_the_environment_has_such() {
    let bench = Bench::new();
    let call = bench.call_with(NOW, all_tokens(SenderConstraint::Off));
    for token in [legacy_token(1), asserted(2)] {
        let jwt = bench.issue(&token).await;
        let found = bench.introspect().introspect(&call, &jwt).await.unwrap();
        assert_eq!(found, Some(token));
        // In an environment that has neither.
        assert!(!active(&bench, &jwt, NOW).await);
    }
}

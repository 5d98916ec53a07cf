//! The use cases of an issuer whose database was put back.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Reason, Result, SecretText, Timestamp};
use operation::CheckedOperation;

use crate::authorize_operation::Authorized;
use crate::domain::bound::Bound;
use crate::domain::decision::Verdict;
use crate::domain::requirement::TokenBehavior;
use crate::domain::revocation::{Revocable, Target};
use crate::domain::token::Token;
use crate::fixtures::{Bench, NOW, create, environment, export, request, shown, token, user};
use crate::mint::Mint;
use crate::revoke_tokens::Wanted;

const SECOND: Duration = Duration::from_secs(1);

impl Bench {
    /// The process begins again, and what was given out until `not_before` is dead. The token store is the one it was.
    fn restored(mut self, not_before: Timestamp) -> Self {
        self.mint = Arc::new(Mint {
            issuer: self.mint.issuer.clone(),
            audiences: self.mint.audiences.clone(),
            keys: self.mint.keys.clone(),
            entropy: self.mint.entropy.clone(),
            not_before: Some(not_before),
        });
        self
    }

    async fn authorize_at(
        &self,
        operation: CheckedOperation,
        jwt: Option<&SecretText>,
        now: Timestamp,
    ) -> Result<Authorized> {
        self.policy.at(now);
        self.authorize().authorize(&self.call(now), operation, jwt.cloned().and_then(shown)).await
    }
}

fn bound(number: u32, operation: &CheckedOperation, issued: Timestamp) -> Token {
    Token {
        bound: Bound::to(operation),
        auth_time: issued,
        issued,
        expires: issued.plus(300 * SECOND),
        ..token(number)
    }
}

#[tokio::test]
async fn case_33_a_token_from_before_is_dead_at_every_use_and_one_from_after_is_good() {
    let bench = Bench::new();
    let (unspent, spent, after) = (export(1), export(2), export(3));
    let unspent_jwt = bench.issue(&bound(1, &unspent, NOW)).await;
    let spent_jwt = bench.issue(&bound(2, &spent, NOW)).await;
    let forever = Token { behavior: TokenBehavior::TimeBound, ..bound(4, &unspent, NOW) };
    let forever_jwt = bench.issue(&forever).await;
    bench.authorize_at(spent.clone(), Some(&spent_jwt), NOW).await.unwrap();
    let now = NOW.plus(2 * SECOND);
    let bench = bench.restored(NOW);
    let after_jwt = bench.issue(&bound(3, &after, NOW.plus(SECOND))).await;

    for (jwt, operation) in [(&unspent_jwt, &unspent), (&spent_jwt, &spent), (&forever_jwt, &unspent)] {
        let refused = bench.authorize_at(operation.clone(), Some(jwt), now).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::TokenStoreChanged);
        assert_eq!(bench.introspect().introspect(&bench.call(now), jwt).await.unwrap(), None);
    }
    assert!(bench.introspect().introspect(&bench.call(now), &after_jwt).await.unwrap().is_some());
    bench.authorize_at(after, Some(&after_jwt), now).await.unwrap();
    // What needs no token is as it was.
    bench.policy.say(Verdict::Allow(None));
    bench.authorize_at(create(5), None, now).await.unwrap();
}

/// The database forgot that, but not the time it was put back to.
#[tokio::test]
async fn a_token_that_was_revoked_before_the_restore_does_not_come_back() {
    let bench = Bench::new();
    let operation = export(1);
    let jwt = bench.issue(&bound(1, &operation, NOW)).await;
    let call = bench.call(NOW);
    let all = Wanted::Target(Target::All);
    bench.revoke().revoke(environment(), user(), all, NOW, &call.trail).await.unwrap();
    let now = NOW.plus(2 * SECOND);
    let refused = bench.authorize_at(operation.clone(), Some(&jwt), now).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TokenRevoked);
    let fresh = Bench::new();
    fresh.revocations.number(&Revocable::of(&bound(1, &operation, NOW)));
    let (operations, issued, revocations) = (fresh.operations, fresh.issued, fresh.revocations);
    let bench = Bench { operations, issued, revocations, ..bench }.restored(NOW);
    let refused = bench.authorize_at(operation, Some(&jwt), now).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TokenStoreChanged);
}

#[tokio::test]
async fn who_does_not_own_a_dead_token_learns_nothing_of_it() {
    let bench = Bench::new();
    let operation = export(1);
    let jwt = bench.issue(&bound(1, &operation, NOW)).await;
    let bench = bench.restored(NOW);
    let mut call = bench.call(NOW.plus(SECOND));
    call.session = "session-2".parse().unwrap();
    let refused = bench.authorize().authorize(&call, operation, shown(jwt)).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TokenInvalid);
}

#[tokio::test]
async fn a_repetition_of_a_request_from_before_gets_no_token() {
    let bench = Bench::new();
    let first =
        bench.authenticate().authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    let not_before = first.token.issued;
    // Not even where the token store lost the record, so that only the proof is left.
    let emptied = Bench { tokens: Bench::new().tokens, ..bench };
    let bench = emptied.restored(not_before);
    let again = request(1, &["wallet:sign"]);
    let call = bench.call(not_before.plus(SECOND));
    let refused = bench.authenticate().authenticate(&call, again).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TokenStoreChanged);
    assert!(bench.tokens.get(first.token.key(), call.at).await.unwrap().is_none());
}

#[tokio::test]
async fn no_code_is_consumed_for_a_token_that_would_be_dead() {
    let bench = Bench::new().restored(NOW);
    let wanted = || request(1, &["wallet:sign"]);
    let early = NOW.plus(Duration::from_millis(400));
    let refused = bench.authenticate().authenticate(&bench.call(early), wanted()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::StoreUnavailable);
    assert!(refused.retry_delay().is_some());
    assert_eq!(bench.factors.tested(), 0);
}

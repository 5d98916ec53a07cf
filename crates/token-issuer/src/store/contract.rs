//! What every token store promises, run against each of them.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Error, OperationId, Reason, Timestamp, TokenId, UserId};
use operation::Digest;

use crate::domain::record::{RETRY_WINDOW, TokenState};
use crate::domain::requirement::TokenBehavior;
use crate::domain::token::Token;
use crate::fixtures::{NOW, token};
use crate::ports::{Redeemed, TokenStore};

const MILLISECOND: Duration = Duration::from_millis(1);
const RACERS: u32 = 64;
const ROUNDS: u32 = 200;

/// Runs the whole suite, each part on a fresh store of which `per_user` unexpired tokens fit for one user.
pub(crate) async fn holds(fresh: impl Fn() -> Arc<dyn TokenStore>, per_user: usize) {
    a_token_is_on_file_once_it_is_issued(fresh()).await;
    issuing_again_changes_nothing_and_another_token_under_the_id_is_refused(fresh()).await;
    a_token_pays_for_one_operation(fresh()).await;
    the_same_operation_may_ask_again_until_the_window_ends(fresh()).await;
    an_expired_token_pays_for_nothing(fresh()).await;
    what_is_not_on_file_is_unknown(fresh()).await;
    unexpired_tokens_of_a_user_are_counted(fresh(), per_user).await;
    of_many_operations_that_race_one_wins(fresh()).await;
    calls_that_race_for_one_operation_all_get_it(fresh()).await;
    issues_that_race_make_one_record(fresh()).await;
}

fn operation(number: u32) -> OperationId {
    OperationId::from_uuid(uuid::Uuid::from_u128(0x1000_0000 + u128::from(number)))
}

fn digest(number: u32) -> Digest {
    let mut bytes = [9; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Digest::from_bytes(bytes)
}

fn reason<T: std::fmt::Debug>(result: Result<T, Error>) -> Reason {
    result.unwrap_err().reason()
}

async fn spend(
    store: &dyn TokenStore,
    token: &Token,
    number: u32,
    now: Timestamp,
) -> Result<Redeemed, Error> {
    store.redeem(token.id, operation(number), digest(number), now).await
}

async fn a_token_is_on_file_once_it_is_issued(store: Arc<dyn TokenStore>) {
    let token = token(1);
    assert_eq!(store.get(token.id, NOW).await.unwrap(), None);
    store.issue(&token, NOW).await.unwrap();
    let record = store.get(token.id, NOW).await.unwrap().unwrap();
    assert_eq!((record.token, record.state), (token, TokenState::Issued));
}

async fn issuing_again_changes_nothing_and_another_token_under_the_id_is_refused(store: Arc<dyn TokenStore>) {
    let token = token(1);
    store.issue(&token, NOW).await.unwrap();
    spend(&*store, &token, 1, NOW).await.unwrap();
    store.issue(&token, NOW).await.unwrap();
    assert_eq!(reason(spend(&*store, &token, 2, NOW).await), Reason::TokenAlreadyRedeemed);

    let longer = Token { expires: token.expires.plus(Duration::from_secs(1)), ..token.clone() };
    let looser = Token { behavior: TokenBehavior::TimeBound, ..token.clone() };
    for other in [longer, looser] {
        assert_eq!(reason(store.issue(&other, NOW).await), Reason::TokenInvalid);
    }
    assert_eq!(store.get(token.id, NOW).await.unwrap().unwrap().token, token);
}

async fn a_token_pays_for_one_operation(store: Arc<dyn TokenStore>) {
    let token = token(1);
    store.issue(&token, NOW).await.unwrap();
    assert_eq!(spend(&*store, &token, 1, NOW).await.unwrap(), Redeemed::Now);
    let spent = store.get(token.id, NOW).await.unwrap().unwrap();
    assert!(spent.payment_for(operation(1), digest(1)).is_some_and(|payment| payment.at == NOW));
    // Another operation, the same id with another digest, the same digest under another id.
    for (id, digest) in [(operation(2), digest(2)), (operation(1), digest(2)), (operation(2), digest(1))] {
        assert_eq!(reason(store.redeem(token.id, id, digest, NOW).await), Reason::TokenAlreadyRedeemed);
    }
}

async fn the_same_operation_may_ask_again_until_the_window_ends(store: Arc<dyn TokenStore>) {
    let token = token(1);
    store.issue(&token, NOW).await.unwrap();
    let last = Timestamp::from_millis(token.expires.millis() - 1);
    assert_eq!(spend(&*store, &token, 1, last).await.unwrap(), Redeemed::Now);
    let end = token.expires.plus(RETRY_WINDOW);
    for now in [last, token.expires, Timestamp::from_millis(end.millis() - 1)] {
        assert_eq!(spend(&*store, &token, 1, now).await.unwrap(), Redeemed::Earlier);
    }
    assert_eq!(reason(spend(&*store, &token, 2, last).await), Reason::TokenAlreadyRedeemed);
    assert_eq!(reason(spend(&*store, &token, 2, token.expires).await), Reason::TokenExpired);
    // Whether it is still on file then is the store's own affair.
    let over = reason(spend(&*store, &token, 1, end).await);
    assert!(matches!(over, Reason::TokenExpired | Reason::TokenUnknown), "{over}");
}

async fn an_expired_token_pays_for_nothing(store: Arc<dyn TokenStore>) {
    let token = token(1);
    store.issue(&token, NOW).await.unwrap();
    assert_eq!(reason(spend(&*store, &token, 1, token.expires).await), Reason::TokenExpired);
    assert_eq!(
        reason(spend(&*store, &token, 1, token.expires.plus(MILLISECOND)).await),
        Reason::TokenExpired
    );
    // The refusal consumed nothing.
    assert_eq!(store.get(token.id, NOW).await.unwrap().unwrap().state, TokenState::Issued);
}

async fn what_is_not_on_file_is_unknown(store: Arc<dyn TokenStore>) {
    store.issue(&token(1), NOW).await.unwrap();
    let unknown: TokenId = token(2).id;
    assert_eq!(reason(store.redeem(unknown, operation(1), digest(1), NOW).await), Reason::TokenUnknown);
}

async fn unexpired_tokens_of_a_user_are_counted(store: Arc<dyn TokenStore>, per_user: usize) {
    let count = u32::try_from(per_user).unwrap();
    for number in 0..count {
        store.check_room(token(0).environment, token(0).user, NOW).await.unwrap();
        store.issue(&token(number), NOW).await.unwrap();
    }
    let extra = token(count);
    let room = store.check_room(extra.environment, extra.user, NOW).await.unwrap_err();
    assert_eq!(room.reason(), Reason::TokenLimitReached);
    assert_eq!(room.retry_delay(), Some(extra.expires.since(NOW)));
    assert_eq!(reason(store.issue(&extra, NOW).await), Reason::TokenLimitReached);
    // Neither a repetition nor another user is affected, and what has expired does not count.
    store.issue(&token(0), NOW).await.unwrap();
    let other = Token { user: UserId::derive(extra.environment, "idp", "bob"), ..extra.clone() };
    store.issue(&other, NOW).await.unwrap();
    let later = extra.expires;
    let fresh = Token { expires: later.plus(Duration::from_secs(300)), ..token(count + 1) };
    store.issue(&fresh, later).await.unwrap();
}

async fn of_many_operations_that_race_one_wins(store: Arc<dyn TokenStore>) {
    for round in 0..ROUNDS {
        let token = own_token(round);
        store.issue(&token, NOW).await.unwrap();
        let results = race(&store, token.id, |racer| racer).await;
        let mut won = 0;
        for result in results {
            match result {
                Ok(redeemed) => {
                    assert_eq!(redeemed, Redeemed::Now);
                    won += 1;
                }
                Err(error) => assert_eq!(error.reason(), Reason::TokenAlreadyRedeemed),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
}

async fn calls_that_race_for_one_operation_all_get_it(store: Arc<dyn TokenStore>) {
    for round in 0..ROUNDS {
        let token = own_token(round);
        store.issue(&token, NOW).await.unwrap();
        let results = race(&store, token.id, |_| 7).await;
        let redeemed: Vec<_> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(redeemed.iter().filter(|redeemed| **redeemed == Redeemed::Now).count(), 1);
    }
}

async fn issues_that_race_make_one_record(store: Arc<dyn TokenStore>) {
    for round in 0..ROUNDS {
        let token = own_token(round);
        let tasks: Vec<_> = (0..8)
            .map(|racer| {
                let store = store.clone();
                // Two contents race under one id.
                let expires = token.expires.plus(Duration::from_secs(racer % 2));
                let token = Token { expires, ..token.clone() };
                tokio::spawn(async move { store.issue(&token, NOW).await.map(|()| token) })
            })
            .collect();
        let mut stored = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(token) => stored.push(token),
                Err(error) => assert_eq!(error.reason(), Reason::TokenInvalid),
            }
        }
        let on_file = store.get(token.id, NOW).await.unwrap().unwrap().token;
        assert_eq!(stored.len(), 4);
        assert!(stored.iter().all(|token| *token == on_file));
    }
}

/// A token of a user of its own, so that rounds do not fill one user's share.
fn own_token(round: u32) -> Token {
    let base = token(round);
    Token { user: UserId::derive(base.environment, "idp", &round.to_string()), ..base }
}

async fn race(
    store: &Arc<dyn TokenStore>,
    id: TokenId,
    number: impl Fn(u32) -> u32,
) -> Vec<Result<Redeemed, Error>> {
    let start = Arc::new(tokio::sync::Barrier::new(RACERS as usize));
    let tasks: Vec<_> = (0..RACERS)
        .map(|racer| {
            let (store, start, number) = (store.clone(), start.clone(), number(racer));
            tokio::spawn(async move {
                start.wait().await;
                store.redeem(id, operation(number), digest(number), NOW).await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

//! What every token store promises, run against each of them.

use std::sync::Arc;
use std::time::Duration;

use kernel::{EnvironmentId, Error, OperationId, Reason, Timestamp, UserId};
use operation::{BatchRoot, Digest};

use crate::domain::bound::Bound;
use crate::domain::record::{MAX_PER_USER, RETRY_WINDOW};
use crate::domain::requirement::TokenBehavior;
use crate::domain::token::{Token, TokenKey};
use crate::fixtures::{NOW, export, token};
use crate::ports::{Redeemed, TokenStore};

const MILLISECOND: Duration = Duration::from_millis(1);
const RACERS: u32 = 64;
const ROUNDS: u32 = 200;
const MOST: u32 = MAX_PER_USER as u32;

/// One store, as several processes have it open.
type Doors = Vec<Arc<dyn TokenStore>>;

/// Runs the whole suite, each part on a store of its own that has nothing in it.
pub(crate) async fn holds(fresh: impl AsyncFn() -> Doors) {
    a_token_is_on_file_once_it_is_issued(fresh().await).await;
    issuing_again_changes_nothing_and_another_token_under_the_id_is_refused(fresh().await).await;
    a_token_pays_for_one_operation(fresh().await).await;
    the_same_operation_may_ask_again_until_the_window_ends(fresh().await).await;
    an_expired_token_pays_for_nothing(fresh().await).await;
    what_is_not_on_file_is_unknown(fresh().await).await;
    a_token_is_its_users_alone(fresh().await).await;
    unexpired_tokens_of_a_user_are_counted(fresh().await).await;
    of_many_operations_that_race_one_wins(fresh().await).await;
    calls_that_race_for_one_operation_all_get_it(fresh().await).await;
    a_batch_is_paid_for_operation_by_operation(fresh().await).await;
    operations_of_a_batch_race_freely_and_each_is_paid_for_once(fresh().await).await;
    issues_that_race_make_one_record(fresh().await).await;
    issues_that_race_do_not_exceed_the_limit(fresh().await).await;
}

fn door(doors: &Doors, number: u32) -> &dyn TokenStore {
    doors[number as usize % doors.len()].as_ref()
}

/// Puts a token on file, where there is room for it.
pub(crate) async fn issue(store: &dyn TokenStore, token: &Token, now: Timestamp) -> Result<(), Error> {
    let room = store.check_room(token.environment, token.user, now).await?;
    store.issue(token, &room, now).await
}

pub(super) fn operation(number: u32) -> OperationId {
    OperationId::from_uuid(uuid::Uuid::from_u128(0x1000_0000 + u128::from(number)))
}

pub(super) fn digest(number: u32) -> Digest {
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
    store.redeem(token.key(), operation(number), digest(number), now).await
}

async fn a_token_is_on_file_once_it_is_issued(doors: Doors) {
    let token = token(1);
    assert_eq!(door(&doors, 0).get(token.key(), NOW).await.unwrap(), None);
    issue(door(&doors, 0), &token, NOW).await.unwrap();
    for number in 0..2 {
        let record = door(&doors, number).get(token.key(), NOW).await.unwrap().unwrap();
        assert_eq!((record.token, record.payments), (token.clone(), Vec::new()));
    }
}

async fn issuing_again_changes_nothing_and_another_token_under_the_id_is_refused(doors: Doors) {
    let store = door(&doors, 0);
    let token = token(1);
    issue(store, &token, NOW).await.unwrap();
    spend(store, &token, 1, NOW).await.unwrap();
    issue(door(&doors, 1), &token, NOW).await.unwrap();
    assert_eq!(reason(spend(store, &token, 2, NOW).await), Reason::TokenAlreadyRedeemed);

    let longer = Token { expires: token.expires.plus(Duration::from_secs(1)), ..token.clone() };
    let looser = Token { behavior: TokenBehavior::TimeBound, ..token.clone() };
    for other in [longer, looser] {
        assert_eq!(reason(issue(store, &other, NOW).await), Reason::TokenInvalid);
    }
    assert_eq!(store.get(token.key(), NOW).await.unwrap().unwrap().token, token);
}

async fn a_token_pays_for_one_operation(doors: Doors) {
    let store = door(&doors, 0);
    for token in [token(1), Token { bound: Bound::to(&export(1)), ..token(2) }] {
        issue(store, &token, NOW).await.unwrap();
        assert_eq!(spend(store, &token, 1, NOW).await.unwrap(), Redeemed::Now);
        let spent = door(&doors, 1).get(token.key(), NOW).await.unwrap().unwrap();
        assert_eq!(spent.token, token);
        assert!(spent.payment_for(operation(1), digest(1)).is_some_and(|payment| payment.at == NOW));
        // Another operation, the same id with another digest, the same digest under another id.
        for (id, digest) in [(operation(2), digest(2)), (operation(1), digest(2)), (operation(2), digest(1))]
        {
            let again = door(&doors, 1).redeem(token.key(), id, digest, NOW).await;
            assert_eq!(reason(again), Reason::TokenAlreadyRedeemed);
        }
    }
}

async fn the_same_operation_may_ask_again_until_the_window_ends(doors: Doors) {
    let store = door(&doors, 0);
    let token = token(1);
    issue(store, &token, NOW).await.unwrap();
    let last = token.expires.minus(MILLISECOND);
    assert_eq!(spend(store, &token, 1, last).await.unwrap(), Redeemed::Now);
    let end = token.expires.plus(RETRY_WINDOW);
    for now in [last, token.expires, end.minus(MILLISECOND)] {
        assert_eq!(spend(door(&doors, 1), &token, 1, now).await.unwrap(), Redeemed::Earlier);
    }
    assert_eq!(reason(spend(store, &token, 2, last).await), Reason::TokenAlreadyRedeemed);
    assert_eq!(reason(spend(store, &token, 2, token.expires).await), Reason::TokenExpired);
    // Whether it is still on file then is the store's own affair.
    let over = reason(spend(store, &token, 1, end).await);
    assert!(matches!(over, Reason::TokenExpired | Reason::TokenUnknown), "{over}");
}

async fn an_expired_token_pays_for_nothing(doors: Doors) {
    let store = door(&doors, 0);
    let token = token(1);
    issue(store, &token, NOW).await.unwrap();
    for now in [token.expires, token.expires.plus(MILLISECOND)] {
        assert_eq!(reason(spend(store, &token, 1, now).await), Reason::TokenExpired);
    }
    // The refusal consumed nothing.
    assert!(store.get(token.key(), NOW).await.unwrap().unwrap().payments.is_empty());
}

async fn what_is_not_on_file_is_unknown(doors: Doors) {
    let store = door(&doors, 0);
    issue(store, &token(1), NOW).await.unwrap();
    assert_eq!(reason(spend(store, &token(2), 1, NOW).await), Reason::TokenUnknown);
}

async fn a_token_is_its_users_alone(doors: Doors) {
    let store = door(&doors, 0);
    let token = token(1);
    issue(store, &token, NOW).await.unwrap();
    let bob = UserId::derive(token.environment, "idp", "bob");
    let elsewhere = EnvironmentId::from_uuid(uuid::Uuid::from_u128(7));
    for other in [Token { user: bob, ..token.clone() }, Token { environment: elsewhere, ..token.clone() }] {
        assert_eq!(store.get(other.key(), NOW).await.unwrap(), None);
        assert_eq!(reason(spend(store, &other, 1, NOW).await), Reason::TokenUnknown);
    }
    assert_eq!(spend(store, &token, 1, NOW).await.unwrap(), Redeemed::Now);
}

async fn unexpired_tokens_of_a_user_are_counted(doors: Doors) {
    let store = door(&doors, 0);
    let room = store.check_room(token(0).environment, token(0).user, NOW).await.unwrap();
    for number in 0..MOST {
        issue(door(&doors, number), &token(number), NOW).await.unwrap();
    }
    let extra = token(MOST);
    let none = store.check_room(extra.environment, extra.user, NOW).await.unwrap_err();
    assert_eq!(none.reason(), Reason::TokenLimitReached);
    assert_eq!(none.retry_delay(), Some(extra.expires.since(NOW)));
    let refused = store.issue(&extra, &room, NOW).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TokenLimitReached);
    assert_eq!(refused.retry_delay(), Some(extra.expires.since(NOW)));
    // Neither a repetition nor another user is affected; a spent token counts, and one that has expired does not.
    store.issue(&token(0), &room, NOW).await.unwrap();
    let other = Token { user: UserId::derive(extra.environment, "idp", "bob"), ..extra.clone() };
    issue(store, &other, NOW).await.unwrap();
    spend(store, &token(1), 1, NOW).await.unwrap();
    assert_eq!(reason(store.issue(&extra, &room, NOW).await), Reason::TokenLimitReached);
    let later = extra.expires;
    let fresh = Token { expires: later.plus(Duration::from_secs(300)), ..token(MOST + 1) };
    store.check_room(extra.environment, extra.user, later).await.unwrap();
    issue(store, &fresh, later).await.unwrap();
    // What it paid for is remembered all the same.
    assert_eq!(spend(store, &token(1), 1, later).await.unwrap(), Redeemed::Earlier);
}

async fn of_many_operations_that_race_one_wins(doors: Doors) {
    for round in 0..ROUNDS {
        let token = own_token(round);
        issue(door(&doors, round), &token, NOW).await.unwrap();
        let results = race(&doors, token.key(), |racer| racer).await;
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

async fn calls_that_race_for_one_operation_all_get_it(doors: Doors) {
    for round in 0..ROUNDS {
        let token = own_token(round);
        issue(door(&doors, round), &token, NOW).await.unwrap();
        let results = race(&doors, token.key(), |_| 7).await;
        let redeemed: Vec<_> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(redeemed.iter().filter(|redeemed| **redeemed == Redeemed::Now).count(), 1);
    }
}

/// A token for a batch of so many operations. Which these are is for the caller of the store to know.
fn for_batch(token: Token, size: u32) -> Token {
    Token { bound: Bound::Batch(BatchRoot { hash: [1; 32], size }), ..token }
}

async fn a_batch_is_paid_for_operation_by_operation(doors: Doors) {
    let store = door(&doors, 0);
    let (first, last) = (NOW, NOW.plus(Duration::from_secs(9)));
    for size in [1, 2, 32] {
        let token = for_batch(token(size), size);
        issue(store, &token, NOW).await.unwrap();
        for number in 0..size {
            let now = if number == 0 { first } else { last };
            let record = door(&doors, 1).get(token.key(), NOW).await.unwrap().unwrap();
            assert_eq!((record.payments.len(), record.is_spent()), (number as usize, false));
            assert_eq!(spend(store, &token, number, now).await.unwrap(), Redeemed::Now);
            assert_eq!(spend(door(&doors, 1), &token, number, last).await.unwrap(), Redeemed::Earlier);
            // Half of what was paid for passes with nothing else, however much is left.
            for (id, digest) in [(operation(number), digest(99)), (operation(99), digest(number))] {
                let half = door(&doors, 1).redeem(token.key(), id, digest, NOW).await;
                assert_eq!(reason(half), Reason::TokenAlreadyRedeemed);
            }
        }
        assert_eq!(reason(spend(store, &token, 99, NOW).await), Reason::TokenAlreadyRedeemed);
        let record = door(&doors, 1).get(token.key(), NOW).await.unwrap().unwrap();
        assert!(record.is_spent() && record.token == token);
        for number in 0..size {
            let payment = record.payment_for(operation(number), digest(number)).unwrap();
            assert_eq!(payment.at, if number == 0 { first } else { last });
        }
        // What it paid for may be asked for again until the window ends.
        assert_eq!(spend(store, &token, 0, token.expires).await.unwrap(), Redeemed::Earlier);
        assert_eq!(reason(spend(store, &token, 99, token.expires).await), Reason::TokenExpired);
    }
}

async fn operations_of_a_batch_race_freely_and_each_is_paid_for_once(doors: Doors) {
    for round in 0..ROUNDS {
        let token = for_batch(own_token(round), 8);
        issue(door(&doors, round), &token, NOW).await.unwrap();
        // Sixteen operations for eight places, four callers for each.
        let results = race(&doors, token.key(), |racer| racer % 16).await;
        let (mut now, mut earlier) = (0, 0);
        for result in results {
            match result {
                Ok(Redeemed::Now) => now += 1,
                Ok(Redeemed::Earlier) => earlier += 1,
                Err(error) => assert_eq!(error.reason(), Reason::TokenAlreadyRedeemed),
            }
        }
        assert_eq!((now, earlier), (8, 24), "round {round}");
        assert_eq!(door(&doors, 0).get(token.key(), NOW).await.unwrap().unwrap().payments.len(), 8);

        let token = for_batch(own_token(ROUNDS + round), 2);
        issue(door(&doors, round), &token, NOW).await.unwrap();
        let results = race(&doors, token.key(), |racer| racer % 2).await;
        let redeemed: Vec<_> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(redeemed.iter().filter(|redeemed| **redeemed == Redeemed::Now).count(), 2);
    }
}

async fn issues_that_race_make_one_record(doors: Doors) {
    for round in 0..ROUNDS {
        let token = own_token(round);
        let mut tasks = Vec::new();
        for racer in 0..8 {
            let store = doors[racer as usize % doors.len()].clone();
            // Two contents race under one id.
            let expires = token.expires.plus(Duration::from_secs(racer % 2));
            let token = Token { expires, ..token.clone() };
            tasks.push(tokio::spawn(async move { issue(store.as_ref(), &token, NOW).await.map(|()| token) }));
        }
        let mut stored = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(token) => stored.push(token),
                Err(error) => assert_eq!(error.reason(), Reason::TokenInvalid),
            }
        }
        let on_file = door(&doors, round).get(token.key(), NOW).await.unwrap().unwrap().token;
        assert_eq!(stored.len(), 4);
        assert!(stored.iter().all(|token| *token == on_file));
    }
}

async fn issues_that_race_do_not_exceed_the_limit(doors: Doors) {
    let mut tasks = Vec::new();
    let room = door(&doors, 0).check_room(token(0).environment, token(0).user, NOW).await.unwrap();
    for number in 0..MOST * 2 {
        let (store, room) = (doors[number as usize % doors.len()].clone(), room.clone());
        tasks.push(tokio::spawn(async move { store.issue(&token(number), &room, NOW).await }));
    }
    let mut issued = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => issued += 1,
            Err(error) => assert_eq!(error.reason(), Reason::TokenLimitReached),
        }
    }
    assert_eq!(issued, MOST);
}

/// A token of a user of its own, so that rounds do not fill one user's share.
fn own_token(round: u32) -> Token {
    let base = token(round);
    Token { user: UserId::derive(base.environment, "idp", &round.to_string()), ..base }
}

async fn race(doors: &Doors, key: TokenKey, number: impl Fn(u32) -> u32) -> Vec<Result<Redeemed, Error>> {
    let start = Arc::new(tokio::sync::Barrier::new(RACERS as usize));
    let mut tasks = Vec::new();
    for racer in 0..RACERS {
        let store = doors[racer as usize % doors.len()].clone();
        let (start, number) = (start.clone(), number(racer));
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            store.redeem(key, operation(number), digest(number), NOW).await
        }));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

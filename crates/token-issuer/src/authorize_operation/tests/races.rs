//! Races, and callers that vanish.

use super::*;
use crate::domain::token::TokenKey;

async fn race(bench: &Bench, jwt: &SecretText, operations: Vec<CheckedOperation>) -> Vec<Result<Authorized>> {
    let start = Arc::new(tokio::sync::Barrier::new(operations.len()));
    let tasks: Vec<_> = operations
        .into_iter()
        .map(|operation| {
            let (authorize, call, start, jwt) =
                (bench.authorize(), bench.call(NOW), start.clone(), jwt.clone());
            tokio::spawn(async move {
                start.wait().await;
                authorize.authorize(&call, operation, shown(jwt)).await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread")]
async fn case_1_of_64_operations_that_race_for_one_token_exactly_one_gets_a_receipt() {
    for _ in 0..200 {
        let bench = Bench::new();
        let jwt = bench.issue(&for_signing(1)).await;
        let operations = (0..64).map(|number| sign(number, b"hello")).collect();
        let mut receipts = 0;
        for result in race(&bench, &jwt, operations).await {
            match result {
                Ok(_) => receipts += 1,
                Err(error) => assert_eq!(error.reason(), Reason::TokenAlreadyRedeemed),
            }
        }
        assert_eq!(receipts, 1);
        assert_eq!(bench.operations.count(), 1, "the losers' ids are free");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repetitions_of_one_operation_that_race_all_get_a_receipt() {
    let bench = Bench::new();
    let operation = export(1);
    let token = bound(1, &operation);
    let jwt = bench.issue(&token).await;
    let mut ids = std::collections::BTreeSet::new();
    for result in race(&bench, &jwt, vec![operation; 64]).await {
        let claims = claims(&bench, &result.unwrap(), NOW);
        assert_eq!(claims.paid_by, Some(token.id));
        ids.insert(claims.jti);
    }
    assert_eq!(ids.len(), 64);
}

/// A store whose redemptions wait at a gate: one permit lets one begin, and it is begun before it waits. It is away for
/// redemptions while the gate is closed.
struct Gated {
    inner: MemoryTokenStore,
    begun: Semaphore,
    gate: Semaphore,
}

#[async_trait::async_trait]
impl TokenStore for Gated {
    async fn check_room(&self, environment: EnvironmentId, user: UserId, now: Timestamp) -> Result<Room> {
        self.inner.check_room(environment, user, now).await
    }
    async fn issue(&self, token: &Token, room: &Room, now: Timestamp) -> Result<()> {
        self.inner.issue(token, room, now).await
    }
    async fn get(&self, key: TokenKey, now: Timestamp) -> Result<Option<TokenRecord>> {
        self.inner.get(key, now).await
    }
    async fn redeem(
        &self,
        key: TokenKey,
        operation: OperationId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Redeemed> {
        self.begun.add_permits(1);
        self.gate.acquire().await.map_err(Error::store_unavailable)?.forget();
        self.inner.redeem(key, operation, digest, now).await
    }
}

fn gated() -> (Arc<Gated>, Bench) {
    let store =
        Arc::new(Gated { inner: MemoryTokenStore::new(), begun: Semaphore::new(0), gate: Semaphore::new(0) });
    (store.clone(), Bench::on(store))
}

/// Begins to authorize, as far as the gate.
async fn begin(
    store: &Gated,
    bench: &Bench,
    operation: CheckedOperation,
    jwt: &SecretText,
) -> tokio::task::JoinHandle<Result<Authorized>> {
    let (authorize, call, jwt) = (bench.authorize(), bench.call(NOW), jwt.clone());
    let task = tokio::spawn(async move { authorize.authorize(&call, operation, shown(jwt)).await });
    store.begun.acquire().await.unwrap().forget();
    task
}

#[tokio::test]
async fn an_operation_whose_token_was_spent_at_the_last_moment_does_not_use_up_its_id() {
    let (store, bench) = gated();
    let jwt = bench.issue(&for_signing(1)).await;
    let (winner, loser) = (sign(1, b"one"), sign(2, b"two"));
    let first = begin(&store, &bench, winner.clone(), &jwt).await;
    let second = begin(&store, &bench, loser.clone(), &jwt).await;
    assert_eq!(bench.operations.count(), 2);
    store.gate.add_permits(2);
    first.await.unwrap().unwrap();
    assert_eq!(second.await.unwrap().unwrap_err().reason(), Reason::TokenAlreadyRedeemed);
    assert!(bench.operations.holds(winner.operation().id));
    assert!(!bench.operations.holds(loser.operation().id));
    // The id is good for whatever it is used for next, and what was authorized stays.
    store.gate.add_permits(1);
    let jwt = bench.issue(&for_signing(2)).await;
    authorize(&bench, sign(2, b"three"), Some(&jwt), NOW).await.unwrap();
    let error = refused(&bench, sign(1, b"three"), Some(&jwt)).await;
    assert_eq!(error.reason(), Reason::TokenAlreadyRedeemed);
}

#[tokio::test]
async fn while_the_token_store_is_away_an_operation_uses_up_no_id() {
    let (store, bench) = gated();
    let operation = export(1);
    let jwt = bench.issue(&bound(1, &operation)).await;
    store.gate.close();
    let error = refused(&bench, operation, Some(&jwt)).await;
    assert_eq!(error.reason(), Reason::StoreUnavailable);
    assert_eq!(bench.operations.count(), 0);
}

#[tokio::test]
async fn an_id_that_another_call_found_tied_is_not_let_go_of() {
    let (store, bench) = gated();
    let operation = sign(1, b"hello");
    let (jwt, other) = (bench.issue(&for_signing(1)).await, bench.issue(&for_signing(2)).await);
    // The call that tied the id is refused in the end; one that came meanwhile is not.
    let tied = begin(&store, &bench, operation.clone(), &jwt).await;
    let joined = begin(&store, &bench, operation.clone(), &other).await;
    store
        .inner
        .redeem(for_signing(1).key(), sign(9, b"x").operation().id, sign(9, b"x").digest(), NOW)
        .await
        .unwrap();
    store.gate.add_permits(2);
    assert_eq!(tied.await.unwrap().unwrap_err().reason(), Reason::TokenAlreadyRedeemed);
    joined.await.unwrap().unwrap();
    assert!(bench.operations.holds(operation.operation().id));
    // Nor is it by a repetition that is refused.
    store.gate.close();
    let error = refused(&bench, operation.clone(), Some(&other)).await;
    assert_eq!(error.reason(), Reason::StoreUnavailable);
    assert!(bench.operations.holds(operation.operation().id));
}

/// As when the process dies: whoever calls is not enough to stop it, since the gate gives each call a task of its own.
#[tokio::test]
async fn case_4_a_call_that_stops_half_way_may_be_made_again() {
    let (store, bench) = gated();
    let operation = export(1);
    let token = bound(1, &operation);
    let jwt = bench.issue(&token).await;
    let stopped = begin(&store, &bench, operation.clone(), &jwt).await;
    stopped.abort();
    assert!(stopped.await.unwrap_err().is_cancelled());
    assert!(bench.operations.holds(operation.operation().id));
    assert!(!is_spent(&bench, &token).await);
    store.gate.add_permits(1);
    let again = authorize(&bench, operation, Some(&jwt), NOW).await.unwrap();
    assert_eq!(claims(&bench, &again, NOW).paid_by, Some(token.id));
    assert!(is_spent(&bench, &token).await);
}

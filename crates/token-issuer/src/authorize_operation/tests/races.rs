//! Races, and callers that vanish.

use super::*;

async fn race(bench: &Bench, jwt: &SecretText, operations: Vec<CheckedOperation>) -> Vec<Result<Authorized>> {
    let start = Arc::new(tokio::sync::Barrier::new(operations.len()));
    let tasks: Vec<_> = operations
        .into_iter()
        .map(|operation| {
            let (authorize, call, start, jwt) =
                (bench.authorize(), bench.call(NOW), start.clone(), jwt.clone());
            tokio::spawn(async move {
                start.wait().await;
                authorize.authorize(&call, operation, Some(jwt)).await
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
async fn of_64_operations_that_race_for_one_token_exactly_one_gets_a_receipt() {
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

/// A store whose redemptions wait at a gate: one permit lets one begin, and it is begun before it waits.
struct Gated {
    inner: MemoryTokenStore,
    begun: Semaphore,
    gate: Semaphore,
}

#[async_trait::async_trait]
impl TokenStore for Gated {
    async fn check_room(&self, environment: EnvironmentId, user: UserId, now: Timestamp) -> Result<()> {
        self.inner.check_room(environment, user, now).await
    }
    async fn issue(&self, token: &Token, now: Timestamp) -> Result<()> {
        self.inner.issue(token, now).await
    }
    async fn get(&self, id: TokenId, now: Timestamp) -> Result<Option<TokenRecord>> {
        self.inner.get(id, now).await
    }
    async fn redeem(
        &self,
        id: TokenId,
        operation: OperationId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Redeemed> {
        self.begun.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        self.inner.redeem(id, operation, digest, now).await
    }
}

#[tokio::test]
async fn a_caller_that_vanishes_does_not_stop_the_redemption_and_may_ask_again() {
    let store =
        Arc::new(Gated { inner: MemoryTokenStore::new(), begun: Semaphore::new(0), gate: Semaphore::new(0) });
    let bench = Bench::on(store.clone());
    let operation = export(1);
    let token = bound(1, &operation);
    let jwt = bench.issue(&token).await;
    let (authorize, call) = (bench.authorize(), bench.call(NOW));
    let caller = {
        let (operation, jwt) = (operation.clone(), jwt.clone());
        tokio::spawn(async move { authorize.authorize(&call, operation, Some(jwt)).await.map(drop) })
    };
    store.begun.acquire().await.unwrap().forget();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    store.gate.add_permits(2);
    // One thread: whoever still has something to do gets its turn.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(is_spent(&bench, &token).await);
    let again = self::authorize(&bench, operation, Some(&jwt), NOW).await.unwrap();
    assert_eq!(claims(&bench, &again, NOW).paid_by, Some(token.id));
}

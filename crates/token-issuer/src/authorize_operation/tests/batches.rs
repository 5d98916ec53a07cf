//! Tokens for a wallet, and for batches: each operation in its place, once.

use super::*;
use crate::domain::requirement::{Binding, TokenBehavior};
use crate::fixtures::{shown, unlink, wallet};
use kernel::WalletId;
use operation::{Batch, BatchLeaf, Digest};

fn with_leaf(jwt: SecretText, leaf: &BatchLeaf) -> Option<Presented> {
    shown(jwt).map(|presented| Presented { leaf: Some(leaf.clone()), ..presented })
}

/// A batch on file, and what shows each operation to be in it.
struct OnFile {
    token: Token,
    jwt: SecretText,
    operations: Vec<CheckedOperation>,
    leaves: Vec<BatchLeaf>,
}

impl OnFile {
    async fn new(bench: &Bench, number: u32, operations: Vec<CheckedOperation>) -> Self {
        let digests: Vec<_> = operations.iter().map(CheckedOperation::digest).collect();
        let Batch { root, leaves } = Batch::of(&digests).unwrap();
        let token = Token { bound: Bound::Batch(root), ..for_signing(number) };
        Self { jwt: bench.issue(&token).await, token, operations, leaves }
    }

    fn presented(&self, leaf: &BatchLeaf) -> Option<Presented> {
        with_leaf(self.jwt.clone(), leaf)
    }

    async fn pay_at(&self, bench: &Bench, place: usize, now: Timestamp) -> Result<Authorized> {
        let presented = self.presented(&self.leaves[place]);
        bench.authorize().authorize(&bench.call(now), self.operations[place].clone(), presented).await
    }

    async fn pay(&self, bench: &Bench, place: usize) -> Result<Authorized> {
        self.pay_at(bench, place, NOW).await
    }

    async fn refused(&self, bench: &Bench, operation: CheckedOperation, leaf: &BatchLeaf) -> Error {
        let presented = self.presented(leaf);
        bench.authorize().authorize(&bench.call(NOW), operation, presented).await.unwrap_err()
    }
}

fn signs(count: u32) -> Vec<CheckedOperation> {
    (0..count).map(|number| sign(number, format!("pay {number}").as_bytes())).collect()
}

#[tokio::test]
async fn a_token_for_a_wallet_pays_for_that_wallet_only() {
    let bench = Bench::new();
    let demand = Requirement { binding: Binding::Wallet, ..requirement(Action::WalletSign) };
    bench.policy.judge(move |question| match question.proof {
        Some(proof) if proof.binding >= demand.binding => Verdict::AllowWithProof(demand.clone()),
        _ => Verdict::StepUpRequired(demand.clone()),
    });
    let elsewhere = WalletId::from_uuid(uuid::Uuid::from_u128(5));
    let other = Token { bound: Bound::Wallet(elsewhere), ..for_signing(1) };
    let jwt = bench.issue(&other).await;
    assert_eq!(refused(&bench, sign(1, b"hello"), Some(&jwt)).await.reason(), Reason::OperationMismatch);
    assert!(!is_spent(&bench, &other).await);
    let unbound = bench.issue(&for_signing(2)).await;
    assert_eq!(refused(&bench, sign(1, b"hello"), Some(&unbound)).await.reason(), Reason::StepUpRequired);

    let bound = Token { bound: Bound::Wallet(wallet()), ..for_signing(3) };
    let jwt = bench.issue(&bound).await;
    let authorized = authorize(&bench, sign(1, b"hello"), Some(&jwt), NOW).await.unwrap();
    assert_eq!(claims(&bench, &authorized, NOW).paid_by, Some(bound.id));
    assert_eq!(bench.policy.last().proof.map(|proof| proof.binding), Some(Binding::Wallet));
    assert_eq!(refused(&bench, sign(2, b"hello"), Some(&jwt)).await.reason(), Reason::TokenAlreadyRedeemed);
    // What has no wallet is on no wallet, whatever the scopes say.
    let scopes = vec![Scope::CredentialUnlink];
    let jwt = bench.issue(&Token { bound: Bound::Wallet(wallet()), scopes, ..for_signing(4) }).await;
    assert_eq!(refused(&bench, unlink(3), Some(&jwt)).await.reason(), Reason::OperationMismatch);
}

#[tokio::test]
async fn a_time_bound_token_for_a_wallet_pays_as_often_as_it_is_asked() {
    let bench = Bench::new();
    bench.policy.judge(|question| match question.proof {
        Some(_) => Verdict::AllowWithProof(requirement(Action::WalletSign)),
        None => Verdict::Deny,
    });
    let bound = Bound::Wallet(wallet());
    let token = Token { bound, behavior: TokenBehavior::TimeBound, ..for_signing(1) };
    let jwt = bench.issue(&token).await;
    for number in 0..3 {
        let authorized = authorize(&bench, sign(number, b"hello"), Some(&jwt), NOW).await.unwrap();
        assert_eq!(claims(&bench, &authorized, NOW).paid_by, None);
    }
}

#[tokio::test]
async fn a_batch_pays_for_each_of_its_operations_and_policy_is_told_so() {
    let bench = Bench::new();
    let batch = OnFile::new(&bench, 1, signs(3)).await;
    let mut payers = std::collections::BTreeSet::new();
    for place in [2, 0, 1] {
        let authorized = batch.pay(&bench, place).await.unwrap();
        assert!(authorized.token_redeemed);
        assert_eq!(bench.policy.last().proof.map(|proof| proof.binding), Some(Binding::Operation));
        let claims = claims(&bench, &authorized, NOW);
        assert_eq!(claims.operation_id, batch.operations[place].operation().id);
        let payer = batch.token.id.for_leaf(batch.operations[place].digest().as_bytes());
        assert_eq!(claims.paid_by, Some(payer));
        payers.insert(payer);
    }
    assert_eq!(payers.len(), 3);
    assert!(is_spent(&bench, &batch.token).await);
}

#[tokio::test]
async fn the_same_operation_of_a_batch_again_gets_a_fresh_receipt_until_the_window_ends() {
    let bench = Bench::new();
    let batch = OnFile::new(&bench, 1, signs(2)).await;
    let first = claims(&bench, &batch.pay(&bench, 0).await.unwrap(), NOW);
    let end = batch.token.expires.plus(RETRY_WINDOW);
    for now in [NOW, batch.token.expires, end.minus(MILLISECOND)] {
        bench.policy.at(now);
        let again = claims(&bench, &batch.pay_at(&bench, 0, now).await.unwrap(), now);
        assert_eq!(again.paid_by, first.paid_by);
        assert_ne!(again.jti, first.jti);
    }
    // The other one was not paid for in time.
    let late = batch.pay_at(&bench, 1, batch.token.expires).await.unwrap_err();
    assert_eq!(late.reason(), Reason::TokenExpired);
    assert_eq!(batch.pay_at(&bench, 0, end).await.unwrap_err().reason(), Reason::TokenExpired);
}

#[tokio::test]
async fn nothing_but_an_operation_in_its_own_place_is_paid_for() {
    let bench = Bench::new();
    let batch = OnFile::new(&bench, 1, signs(4)).await;
    let other = OnFile::new(&bench, 2, (10..14).map(|number| sign(number, b"other")).collect()).await;
    let leaf = &batch.leaves[0];
    let first = || batch.operations[0].clone();
    let altered = |change: fn(&mut BatchLeaf)| {
        let mut altered = leaf.clone();
        change(&mut altered);
        altered
    };
    for (operation, leaf) in [
        // An operation with the place of another one, of another batch, or with one of another batch.
        (first(), batch.leaves[1].clone()),
        (batch.operations[1].clone(), leaf.clone()),
        (other.operations[0].clone(), other.leaves[0].clone()),
        (first(), other.leaves[0].clone()),
        // Another operation under the id of one of it, the same one under another id.
        (sign(0, b"pay 1000"), leaf.clone()),
        (sign(9, b"pay 0"), leaf.clone()),
        // Places that are none.
        (first(), altered(|leaf| leaf.index = 4)),
        (first(), altered(|leaf| leaf.index = u32::MAX)),
        (first(), altered(|leaf| leaf.path[0][0] ^= 1)),
        (first(), altered(|leaf| leaf.path.clear())),
        (first(), altered(|leaf| leaf.path.push([0; 32]))),
        (first(), altered(|leaf| leaf.path.truncate(1))),
    ] {
        let error = batch.refused(&bench, operation, &leaf).await;
        assert_eq!(error.reason(), Reason::OperationMismatch, "{leaf:?}");
    }
    let record = bench.tokens.get(batch.token.key(), NOW).await.unwrap().unwrap();
    assert!(record.payments.is_empty());
    assert_eq!(bench.operations.count(), 0);
    batch.pay(&bench, 0).await.unwrap();
}

#[tokio::test]
async fn a_leaf_goes_with_a_batch_and_with_nothing_else() {
    let bench = Bench::new();
    let batch = OnFile::new(&bench, 1, signs(2)).await;
    let missing = refused(&bench, batch.operations[0].clone(), Some(&batch.jwt)).await;
    let operation = sign(7, b"hello");
    let mut fields = vec![missing];
    for (number, bound) in (2..).zip([Bound::Scopes, Bound::Wallet(wallet()), Bound::to(&operation)]) {
        let jwt = bench.issue(&Token { bound, ..for_signing(number) }).await;
        let presented = with_leaf(jwt, &batch.leaves[0]);
        let call = bench.call(NOW);
        fields.push(bench.authorize().authorize(&call, operation.clone(), presented).await.unwrap_err());
    }
    for error in fields {
        assert_eq!(error.reason(), Reason::InvalidRequest);
        assert_eq!(error.violations()[0].field, "batch_leaf");
    }
}

#[tokio::test]
async fn a_batch_is_active_until_all_of_it_is_paid_for() {
    let bench = Bench::new();
    let batch = OnFile::new(&bench, 1, signs(2)).await;
    let active =
        async || bench.introspect().introspect(&bench.call(NOW), &batch.jwt).await.unwrap().is_some();
    assert!(active().await);
    batch.pay(&bench, 1).await.unwrap();
    assert!(active().await);
    batch.pay(&bench, 0).await.unwrap();
    assert!(!active().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_of_a_batch_race_freely_and_each_is_redeemed_once() {
    for round in 0..20 {
        let bench = Arc::new(Bench::new());
        let batch = Arc::new(OnFile::new(&bench, 1, signs(8)).await);
        let start = Arc::new(tokio::sync::Barrier::new(64));
        let tasks: Vec<_> = (0..64)
            .map(|racer| {
                let (bench, batch, start) = (bench.clone(), batch.clone(), start.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    // Half of them with the place of the next one.
                    let (place, shown) = (racer % 8, (racer + racer / 32) % 8);
                    let presented = batch.presented(&batch.leaves[shown]);
                    let operation = batch.operations[place].clone();
                    bench.authorize().authorize(&bench.call(NOW), operation, presented).await.map(|_| place)
                })
            })
            .collect();
        let mut receipts = [0; 8];
        for task in tasks {
            match task.await.unwrap() {
                Ok(place) => receipts[place] += 1,
                Err(error) => assert_eq!(error.reason(), Reason::OperationMismatch),
            }
        }
        assert_eq!(receipts, [4; 8], "round {round}");
        let record = bench.tokens.get(batch.token.key(), NOW).await.unwrap().unwrap();
        let digests: std::collections::BTreeSet<Digest> =
            record.payments.iter().map(|payment| payment.digest).collect();
        assert_eq!((record.payments.len(), digests.len()), (8, 8));
    }
}

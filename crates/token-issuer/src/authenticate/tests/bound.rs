//! Tokens for a wallet and for batches: what they are bound to, on which terms, and what an authenticator signs.

use super::kinds::{begin_for, bench, made};
use super::*;
use crate::domain::requirement::Binding;
use crate::fixtures::{passkey_request, wallet};
use operation::{Batch, Digest};

fn three() -> Vec<CheckedOperation> {
    vec![sign(1, b"one"), sign(2, b"two"), sign(3, b"three")]
}

fn batch(number: u32, operations: Vec<CheckedOperation>) -> Request {
    for_target(request(number, &[]), Target::Batch(operations))
}

fn digests(operations: &[CheckedOperation]) -> Vec<Digest> {
    operations.iter().map(CheckedOperation::digest).collect()
}

#[tokio::test]
async fn a_token_can_be_bound_to_a_wallet() {
    let bench = Bench::new();
    let request = for_target(request(1, &["wallet:sign"]), Target::Wallet(wallet()));
    let made = made(&bench, request).await;
    assert_eq!((made.token.bound.clone(), made.leaves.len()), (Bound::Wallet(wallet()), 0));
    assert_eq!(bench.mint.open(TokenKind::Elevated, &made.jwt, NOW).unwrap(), made.token);
}

#[tokio::test]
async fn a_token_for_a_batch_comes_with_a_leaf_for_each_operation() {
    let bench = Bench::new();
    let operations = three();
    let made = made(&bench, batch(1, operations.clone())).await;
    let expected = Batch::of(&digests(&operations)).unwrap();
    assert_eq!((&made.token.bound, &made.leaves), (&Bound::Batch(expected.root), &expected.leaves));
    assert_eq!(made.token.scopes, [Scope::WalletSign]);
    assert_eq!(bench.mint.open(TokenKind::Elevated, &made.jwt, NOW).unwrap(), made.token);
    // The audit row has the root, and no operation's id.
    let row = &bench.audit.rows()[0];
    assert_eq!((row.digest.as_slice(), row.operation.clone()), (&expected.root.hash[..], String::new()));
}

#[tokio::test]
async fn a_repeated_request_for_a_batch_gets_the_same_token_and_leaves_and_another_order_is_another_request()
{
    let bench = Bench::new();
    let first = made(&bench, batch(1, three())).await;
    let again = made(&bench, batch(1, three())).await;
    assert_eq!((again.token.clone(), again.leaves), (first.token, first.leaves));
    let mut swapped = three();
    swapped.swap(0, 2);
    for other in [swapped, three()[..2].to_vec()] {
        assert_eq!(refused(&bench, batch(1, other)).await.reason(), Reason::RequestIdReused);
    }
}

#[tokio::test]
async fn a_batch_is_on_the_strictest_terms_of_its_operations_and_always_single_use() {
    let bench = Bench::new();
    bench.policy.judge(|question| {
        let strict = question.action == Action::WalletExport || question.opaque_payload;
        Verdict::StepUpRequired(Requirement {
            token_behavior: TokenBehavior::TimeBound,
            token_expiry_seconds: if strict { 60 } else { 600 },
            acr: if question.opaque_payload { Acr::Phr } else { Acr::Otp },
            ..requirement(question.action)
        })
    });
    let life = async |number, operations| {
        let token = made(&bench, batch(number, operations)).await.token;
        assert_eq!(token.behavior, TokenBehavior::SingleUse);
        token.expires.since(token.issued).as_secs()
    };
    assert_eq!(life(1, three()).await, 600);
    assert_eq!(life(2, [three(), vec![export(4)]].concat()).await, 60);
    // One that shows nothing of what it means is judged as such among others, wherever it stands.
    for place in 0..3 {
        let mut operations = three();
        operations[place] = sign(9, &[0xff, 0xfe]);
        assert_eq!(refused(&bench, batch(3, operations)).await.reason(), Reason::StepUpRequired);
    }
    // Policy is asked once about what is alike.
    let before = bench.policy.count();
    made(&bench, batch(4, (0..32).map(|number| sign(number, b"hello")).collect())).await;
    assert_eq!(bench.policy.count(), before + 1);
}

#[tokio::test]
async fn policy_gets_the_binding_it_demands_or_a_closer_one() {
    for demanded in [Binding::Scope, Binding::Wallet, Binding::Operation] {
        let bench = Bench::new();
        let demand = Requirement { binding: demanded, ..requirement(Action::WalletSign) };
        bench.policy.say(Verdict::StepUpRequired(demand));
        let targets = [
            (Binding::Scope, Target::Scopes),
            (Binding::Wallet, Target::Wallet(wallet())),
            (Binding::Operation, Target::Operation(sign(1, b"one"))),
            (Binding::Operation, Target::Batch(three())),
        ];
        for (number, (binding, target)) in (1..).zip(targets) {
            let request = for_target(request(number, &["wallet:sign"]), target);
            if binding >= demanded {
                made(&bench, request).await;
            } else {
                let error = refused(&bench, request).await;
                assert_eq!(error.reason(), Reason::StepUpRequired, "{binding:?} for {demanded:?}");
                assert_eq!(error.metadata()["binding"], demanded.as_str());
            }
        }
    }
}

#[tokio::test]
async fn an_authenticator_signs_the_root_of_a_batch_and_nothing_for_a_wallet() {
    let bench = bench();
    let ceremony = begin_for(&bench, batch(0, three()).wanted).await;
    let root = Batch::of(&digests(&three())).unwrap().root;
    let begun = bench.factors.ceremonies().pop().unwrap();
    assert_eq!(begun.operation, Some(Digest::from_bytes(root.hash)));
    let for_batch = |ceremony, number, operations| {
        for_target(passkey_request(ceremony, number, &[]), Target::Batch(operations))
    };
    let elevated = made(&bench, for_batch(ceremony, 1, three())).await;
    assert_eq!(elevated.token.bound, Bound::Batch(root));

    // For other operations than it was begun for it is rejected, and used up.
    let ceremony = begin_for(&bench, batch(0, three()).wanted).await;
    let error = refused(&bench, for_batch(ceremony, 2, three()[..2].to_vec())).await;
    assert_eq!(error.reason(), Reason::PasskeyRejected);

    let wanted = || for_target(request(0, &["wallet:sign"]), Target::Wallet(wallet())).wanted;
    let ceremony = begin_for(&bench, wanted()).await;
    assert_eq!(bench.factors.ceremonies().pop().unwrap().operation, None);
    let request = Request { wanted: wanted(), ..passkey_request(ceremony, 3, &[]) };
    assert_eq!(made(&bench, request).await.token.bound, Bound::Wallet(wallet()));
    // Nor does one for a scope pass for one for a wallet.
    let ceremony = begin_for(&bench, Wanted { target: Target::Scopes, ..wanted() }).await;
    let request = Request { wanted: wanted(), ..passkey_request(ceremony, 4, &[]) };
    assert_eq!(refused(&bench, request).await.reason(), Reason::PasskeyRejected);
}

//! One token, many operations, all at once: exactly one of them runs, in every round.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use kernel::Reason;
use proto::waas_gateway::Wallet;

use crate::support::answer::Outcome as _;
use crate::support::codes::App;
use crate::support::dev::{DevSuite, Options};
use crate::support::user::{User, verifies};

/// How often it is tried.
const ROUNDS: usize = 200;

/// How many call at once.
const CALLERS: usize = 64;

/// How many of those who got no receipt try with somebody else's, in each round others.
const THIEVES: usize = 8;

/// How many rounds go on at the same time, so that they are in each other's way, too.
const AT_ONCE: usize = 2;

/// A code before a round and one for it: with three codes a user who is enrolled has two rounds.
const ROUNDS_A_USER: usize = 2;

/// One round. Gives how many of the callers got a receipt and how many a signature.
async fn round(user: &User, wallet: &Wallet, app: &mut App, number: usize) -> (usize, usize) {
    let token = user.token(app, &["wallet:sign"], None).await;
    let operations: Vec<_> = (0..CALLERS)
        .map(|caller| user.signing(wallet, format!("round {number}, caller {caller}").as_bytes()))
        .collect();
    let answers = join_all(operations.iter().map(|operation| user.authorize(operation, &token))).await;
    let (mut receipts, mut own, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for (operation, answer) in operations.iter().zip(answers) {
        match answer.outcome() {
            Ok(answer) => {
                own.push(operation);
                receipts.push(answer.into_inner().receipt);
            }
            Err(refusal) => {
                assert_eq!(refusal.reason, Reason::TokenAlreadyRedeemed, "{refusal:?}");
                without.push(operation);
            }
        }
    }
    let from = number * THIEVES % without.len();
    without.rotate_left(from);
    without.truncate(THIEVES);
    // With every receipt that there is, its owner and the thieves try to have their own message signed.
    let tries = own.iter().chain(&without).flat_map(|operation| {
        receipts.iter().map(move |receipt| async move { (*operation, user.sign(operation, receipt).await) })
    });
    let mut signatures = 0;
    for (operation, answer) in join_all(tries).await {
        let operation::Body::SignMessage { message, .. } = &operation.body else { unreachable!() };
        match answer.outcome() {
            Ok(answer) => {
                signatures +=
                    usize::from(verifies(&wallet.public_key, message, &answer.into_inner().signature));
            }
            Err(refusal) => assert_eq!(refusal.reason, Reason::ReceiptMismatch, "{refusal:?}"),
        }
    }
    (receipts.len(), signatures)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_1_of_64_operations_on_one_token_exactly_one_runs_in_200_rounds() {
    // Its own suite, so that nothing else is slowed down or slows it down.
    let suite = Arc::new(DevSuite::start("one-token", &Options::default()));
    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (suite, next, done) = (suite.clone(), next.clone(), done.clone());
            tokio::spawn(async move {
                while next.load(Ordering::SeqCst) < ROUNDS {
                    let user = User::new(&suite).await;
                    let wallet = user.wallet().await;
                    let mut factor = user.enrol().await;
                    for _ in 0..ROUNDS_A_USER {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= ROUNDS {
                            break;
                        }
                        let (receipts, signatures) = round(&user, &wallet, &mut factor.app, number).await;
                        assert_eq!((receipts, signatures), (1, 1), "round {number}");
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(done.load(Ordering::SeqCst), ROUNDS);
}

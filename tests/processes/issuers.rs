//! One token, four processes of token-issuer on one Redis, many operations: exactly one of them is authorized.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use kernel::Reason;
use operation::Operation;

use crate::support::answer::{Outcome as _, Refusal};
use crate::support::dev::DevSuite;
use crate::support::processes;
use crate::support::servers;
use crate::support::user::{User, verifies};

/// How often it is tried.
const ROUNDS: usize = 200;

/// How many call at once, in turn at each of the processes.
const CALLERS: usize = 64;

/// How many processes there are.
const ISSUERS: usize = 4;

/// How many rounds go on at the same time.
const AT_ONCE: usize = 2;

/// Asks for a receipt, again as long as the answer is to try again, as a client does on a busy machine.
async fn authorize(issuer: &User, operation: &Operation, token: &str) -> Result<String, Refusal> {
    for _ in 0..20 {
        match issuer.authorize(operation, token).await.outcome() {
            Ok(answer) => return Ok(answer.into_inner().receipt),
            Err(refusal)
                if [Reason::DependencyUnavailable, Reason::StoreUnavailable].contains(&refusal.reason) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    panic!("twenty times unavailable");
}

/// One round of a user; how many of the callers got a receipt, and how many of those a signature.
async fn round(suite: &DevSuite, user: &User, token: &str, number: usize) -> (usize, usize) {
    let wallet = user.wallet().await;
    let issuers: Vec<_> =
        suite.issuers(ISSUERS).into_iter().map(|channel| User { channel, ..user.clone() }).collect();
    let operations: Vec<_> = (0..CALLERS)
        .map(|caller| user.signing(&wallet, format!("round {number}, caller {caller}").as_bytes()))
        .collect();
    let calls = operations
        .iter()
        .enumerate()
        .map(|(caller, operation)| authorize(&issuers[caller % ISSUERS], operation, token));
    let answers = join_all(calls).await;
    let (mut receipts, mut signatures) = (0, 0);
    for (operation, answer) in operations.iter().zip(answers) {
        match answer {
            Ok(receipt) => {
                receipts += 1;
                let signed = user.sign(operation, &receipt).await.unwrap().into_inner().signature;
                let operation::Body::SignMessage { message, .. } = &operation.body else { unreachable!() };
                signatures += usize::from(verifies(&wallet.public_key, message, &signed));
            }
            Err(refusal) => assert_eq!(refusal.reason, Reason::TokenAlreadyRedeemed, "{refusal:?}"),
        }
    }
    (receipts, signatures)
}

#[test]
fn of_64_callers_at_four_issuers_one_redeems_the_token_in_200_rounds() {
    let suite = Arc::new(processes::start("issuers", Some(&servers::fresh())));
    for number in 2..=ISSUERS {
        suite.deployment().unwrap().serve_another("token-issuer", number);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let next = Arc::new(AtomicUsize::new(0));
        let workers = (0..AT_ONCE).map(|_| {
            let (suite, next, done) = (suite.clone(), next.clone(), done.clone());
            tokio::spawn(async move {
                while next.load(Ordering::SeqCst) < ROUNDS {
                    let user = User::new(&suite).await;
                    let mut factor = user.enrol().await;
                    // Two codes are left after the one that activated the device.
                    for _ in 0..2 {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= ROUNDS {
                            break;
                        }
                        let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
                        assert_eq!(round(&suite, &user, &token, number).await, (1, 1), "round {number}");
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
    });
    assert_eq!(done.load(Ordering::SeqCst), ROUNDS);
}

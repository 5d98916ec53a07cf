//! Processes that end in the middle of calls: killed, and told to stop.

use std::time::Duration;

use futures::future::join_all;
use tonic::Code;

use crate::support::deployment::processes;
use crate::support::processes;
use crate::support::servers;
use crate::support::user::{User, verifies};

/// What a client may be told while a process is away: all of it says to try again.
const RETRYABLE: [Code; 3] = [Code::Unavailable, Code::Aborted, Code::DeadlineExceeded];

/// Repeats a call until it is answered; each refusal on the way must say to try again.
pub(super) async fn insist<T, F: Future<Output = Result<tonic::Response<T>, tonic::Status>>>(
    what: &str,
    call: impl Fn() -> F,
) -> (T, usize) {
    for refusals in 0..600 {
        match call().await {
            Ok(answer) => return (answer.into_inner(), refusals),
            Err(status) => {
                assert!(RETRYABLE.contains(&status.code()), "{what}: {status:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    panic!("{what} is not answered within half a minute");
}

#[test]
fn any_process_may_be_killed_and_the_same_operation_id_gives_one_result() {
    let suite = processes::start("killed", Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for process in processes() {
        let (user, wallet, token) = runtime.block_on(async {
            let user = User::new(&suite).await;
            let wallet = user.wallet().await;
            let mut factor = user.enrol().await;
            let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
            (user, wallet, token)
        });
        let operation = user.signing(&wallet, process.as_bytes());
        let journey = runtime.spawn({
            let (user, operation) = (user.clone(), operation.clone());
            async move {
                let (_, before) = insist("authorize", || user.authorize(&operation, &token)).await;
                let mut refusals = before;
                let mut signature = None;
                // A receipt lasts a minute at most: each try has a fresh one.
                for _ in 0..600 {
                    let (authorized, more) = insist("authorize", || user.authorize(&operation, &token)).await;
                    refusals += more;
                    match user.sign(&operation, &authorized.receipt).await {
                        Ok(answer) => {
                            signature = Some(answer.into_inner().signature);
                            break;
                        }
                        Err(status) => {
                            assert!(RETRYABLE.contains(&status.code()), "sign: {status:?}");
                            refusals += 1;
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                    }
                }
                (signature.expect("a signature within half a minute"), token, refusals)
            }
        });
        // Somewhere in the middle of it.
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(15)).await });
        deployment.kill(process);
        deployment.serve(process);
        let (signature, token, refusals) = runtime.block_on(journey).unwrap();
        println!("{process}: one result after {refusals} refusals that said to try again");
        assert!(verifies(&wallet.public_key, process.as_bytes(), &signature));
        runtime.block_on(async {
            // The same once more is the same; anything else is not to be had for this token.
            let (authorized, _) = insist("authorize", || user.authorize(&operation, &token)).await;
            let (again, _) = insist("sign", || user.sign(&operation, &authorized.receipt)).await;
            assert_eq!(again.signature, signature, "{process}");
            let other = user.signing(&wallet, b"something else");
            let refused = user.authorize(&other, &token).await.unwrap_err();
            assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
        });
    }
}

#[test]
fn a_process_that_is_told_to_stop_answers_what_it_has_taken() {
    let suite = processes::start("stopped", None);
    let deployment = suite.deployment().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for process in ["token-issuer", "policy", "mfa-devices", "node-1", "waas-gateway"] {
        let users: Vec<_> = runtime.block_on(join_all((0..4).map(|_| User::new(&suite))));
        let calls: Vec<_> = users
            .iter()
            .map(|user| {
                let user = user.clone();
                runtime.spawn(async move {
                    let (mut made, mut refused) = (Vec::new(), 0);
                    for _ in 0..5 {
                        match user.create_wallet(crate::support::fresh::operation_id()).await {
                            Ok(wallet) => made.push(wallet.into_inner()),
                            Err(status) => {
                                assert!(RETRYABLE.contains(&status.code()), "{status:?}");
                                refused += 1;
                            }
                        }
                    }
                    (made, refused)
                })
            })
            .collect();
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(60)).await });
        // Ends with 0: asserted in there.
        deployment.stop(process);
        deployment.serve(process);
        for (user, calls) in users.iter().zip(calls) {
            let (made, _) = runtime.block_on(calls).unwrap();
            runtime.block_on(async {
                // Everything that was acknowledged is there.
                for wallet in made {
                    let request = proto::waas_gateway::GetWalletRequest { name: wallet.name.clone() };
                    let read = || async { user.wallets().get_wallet(user.request(request.clone())).await };
                    let found = insist("get", read).await.0.wallet.unwrap();
                    assert_eq!(found.address, wallet.address);
                }
            });
        }
    }
}

#[test]
fn a_second_process_of_a_node_is_refused_and_one_of_a_service_is_not() {
    let suite = processes::start("twice", Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let told = deployment.refused(
        "node-1",
        &[
            ("COUNTERSIGN__MPC_SIGNER__PUBLIC__LISTEN", "127.0.0.1:0"),
            ("COUNTERSIGN__MPC_SIGNER__PEER__LISTEN", "127.0.0.1:0"),
            ("COUNTERSIGN__MPC_SIGNER__HEALTH__LISTEN", "127.0.0.1:0"),
        ],
    );
    assert!(told.contains("another process"), "{told}");
    for service in crate::support::deployment::SERVICES {
        deployment.serve_another(service, 2);
    }
}

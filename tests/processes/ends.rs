//! Processes that end in the middle of calls: killed, and told to stop.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use kernel::Reason;
use proto::waas_gateway::ListWalletsRequest;
use tokio::sync::mpsc;
use tonic::{Code, Response};

use super::people::ready;
use crate::support::again::{RETRYABLE, insist};
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::deployment::processes;
use crate::support::fresh;
use crate::support::processes;
use crate::support::servers;
use crate::support::tools::signal;
use crate::support::user::{User, verifies};

#[test]
fn case_4_any_process_may_be_killed_and_the_same_operation_id_gives_one_result() {
    let suite = processes::start("killed", Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for process in processes() {
        let (user, wallet, token) = runtime.block_on(ready(&suite));
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
fn a_process_that_is_told_to_stop_loses_nothing_and_every_call_comes_to_one_wallet() {
    let suite = processes::start("stopped", None);
    let deployment = suite.deployment().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for process in ["token-issuer", "policy", "mfa-devices", "node-1", "waas-gateway"] {
        let users: Vec<_> = runtime.block_on(join_all((0..4).map(|_| User::new(&suite))));
        let (started, mut begun) = mpsc::unbounded_channel();
        let calls: Vec<_> = users
            .iter()
            .map(|user| {
                let (user, started) = (user.clone(), started.clone());
                runtime.spawn(async move {
                    let mut wallets = Vec::new();
                    for _ in 0..5 {
                        let id = fresh::operation_id();
                        let _ = started.send(());
                        let made = user.create_wallet(id).await;
                        if let Err(status) = &made {
                            assert!(RETRYABLE.contains(&status.code()), "{status:?}");
                        }
                        wallets.push((id, made.ok().map(Response::into_inner)));
                    }
                    wallets
                })
            })
            .collect();
        // More than there are users: one of them is through with a call, and the others are in the middle of theirs.
        runtime.block_on(async {
            for _ in 0..=users.len() {
                begun.recv().await.unwrap();
            }
        });
        // Ends with 0: asserted in there.
        deployment.stop(process);
        deployment.serve(process);
        for (user, calls) in users.iter().zip(calls) {
            runtime.block_on(async {
                let mut names = BTreeSet::new();
                for (id, made) in calls.await.unwrap() {
                    let (again, _) = insist("create", || user.create_wallet(id)).await;
                    // What was acknowledged is what there is.
                    assert_eq!(made.as_ref().unwrap_or(&again), &again, "{process}");
                    names.insert(again.name);
                }
                let request = ListWalletsRequest { parent: user.name(), ..ListWalletsRequest::default() };
                let listed = user.wallets().list_wallets(user.request(request)).await.done().wallets;
                assert_eq!(listed.into_iter().map(|wallet| wallet.name).collect::<BTreeSet<_>>(), names);
                assert_eq!(names.len(), 5, "{process}");
            });
        }
    }
}

#[test]
fn a_gateway_that_is_told_to_stop_answers_what_it_has_taken() {
    let suite = processes::start("taken", None);
    let deployment = suite.deployment().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let user = runtime.block_on(User::new(&suite));
    let node = deployment.pid("node-1");
    signal(node, "STOP");
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let user = user.clone();
            runtime.spawn(async move { user.create_wallet(fresh::operation_id()).await })
        })
        .collect();
    let a_moment = || runtime.block_on(async { tokio::time::sleep(Duration::from_millis(300)).await });
    a_moment();
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| deployment.stop("waas-gateway"));
        // It has been told by then, and is waiting for the node.
        a_moment();
        signal(node, "CONT");
        stop.join().unwrap();
    });
    for call in calls {
        // The gateway's own word in any case, and not that of what stands before it and has lost it.
        if let Err(refusal) = runtime.block_on(call).unwrap().outcome() {
            assert_eq!(refusal.reason, Reason::NodeUnavailable, "{refusal:?}");
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

//! A process whose clock is an hour off: nothing is authorized that should not be, and the others go on.

use kernel::Reason;

use super::people::ready;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::processes;
use crate::support::servers;
use crate::support::user::verifies;

#[test]
fn case_20_a_node_whose_clock_jumps_an_hour_takes_no_receipt_and_the_others_sign_without_it() {
    let suite = processes::start("clocks", Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    deployment.stop("node-3");
    deployment.serve_with_clock("node-3");
    for shift in ["+1h", "-1h"] {
        let mut made = Vec::new();
        for _ in 0..4 {
            // Making a wallet needs every node.
            made.push(runtime.block_on(ready(&suite)));
        }
        deployment.jump("node-3", shift);
        // Two nodes with the right time are enough, whichever the gateway asks first.
        for (user, wallet, token) in made {
            runtime.block_on(async {
                let operation = user.signing(&wallet, shift.as_bytes());
                let receipt = user.receipt(&operation, &token).await;
                let signed = user.sign(&operation, &receipt).await.done();
                assert!(verifies(&wallet.public_key, shift.as_bytes(), &signed.signature), "{shift}");
            });
        }
        deployment.jump("node-3", "+0");
    }
    runtime.block_on(async {
        let (user, wallet, token) = ready(&suite).await;
        let operation = user.signing(&wallet, b"in time again");
        let receipt = user.receipt(&operation, &token).await;
        user.sign(&operation, &receipt).await.done();
    });
}

#[test]
fn case_20_an_issuer_whose_clock_is_an_hour_off_authorizes_nothing() {
    let suite = processes::start("clock-issuer", Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    deployment.stop("token-issuer");
    deployment.serve_with_clock("token-issuer");
    for (shift, reasons) in [
        ("+1h", &[Reason::SessionExpired, Reason::TokenExpired, Reason::TokenUnknown] as &[Reason]),
        ("-1h", &[Reason::TokenInvalid, Reason::SessionInvalid]),
    ] {
        let (user, wallet, token) = runtime.block_on(ready(&suite));
        deployment.jump("token-issuer", shift);
        runtime.block_on(async {
            let operation = user.signing(&wallet, b"out of time");
            let refusal =
                user.authorize(&operation, &token).await.outcome().expect_err("nothing is authorized");
            assert!(reasons.contains(&refusal.reason), "{shift}: {refusal:?}");
        });
        deployment.jump("token-issuer", "+0");
    }
}

//! A database that was put back from a copy: its service refuses to serve until an operator has looked, and what was
//! issued before stays dead.

use std::path::PathBuf;
use std::time::Duration;

use kernel::Reason;

use super::people::served;
use crate::support::again::{answered, insist};
use crate::support::answer::Outcome as _;
use crate::support::processes;
use crate::support::user::User;

/// The files of a SQLite database.
fn files(database: &std::path::Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", database.display()))).into()
}

#[test]
fn case_33_a_service_whose_database_was_put_back_serves_nothing_until_that_is_acknowledged() {
    let suite = processes::start("restored", None);
    let deployment = suite.deployment().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for process in ["token-issuer", "node-1", "mfa-devices"] {
        let (user, wallet, mut app) = runtime.block_on(async {
            let user = User::new(&suite).await;
            let wallet = user.wallet().await;
            let factor = user.enrol().await;
            (user, wallet, factor.app)
        });
        deployment.stop(process);
        let database = deployment.path(format!("{process}.sqlite"));
        let copy: Vec<_> = files(&database).iter().map(|file| std::fs::read(file).ok()).collect();
        deployment.serve(process);
        let (operation, token, receipt) = runtime.block_on(async {
            let token = user.token(&mut app, &["wallet:sign"], None).await;
            let operation = user.signing(&wallet, b"before");
            let (authorized, _) = insist("authorize", || user.authorize(&operation, &token)).await;
            user.sign(&operation, &authorized.receipt).await.unwrap();
            (operation, token, authorized.receipt)
        });
        let unspent = runtime.block_on(async {
            let token = user.token(&mut app, &["wallet:sign"], None).await;
            let operation = user.signing(&wallet, b"not yet");
            let receipt = user.receipt(&operation, &token).await;
            (operation, receipt)
        });
        deployment.stop(process);
        for (file, content) in files(&database).iter().zip(copy) {
            let _ = std::fs::remove_file(file);
            if let Some(content) = content {
                std::fs::write(file, content).unwrap();
            }
        }
        let told = deployment.refused(process, &[]);
        assert!(told.contains("restore acknowledge"), "{process}: {told}");

        let role = crate::support::deployment::role_of(process);
        let said = deployment
            .command(&["restore", "acknowledge", "--role", role, "--config"], &[deployment.config(process)]);
        println!("{said}");
        deployment.serve(process);
        // What was paid for is not paid for again with the same.
        let other = user.signing(&wallet, b"after");
        if process == "token-issuer" {
            runtime.block_on(async {
                let (refused, _) = answered("authorize", || user.authorize(&other, &token)).await;
                refused.refused(Reason::TokenStoreChanged);
            });
        }
        if process == "node-1" {
            // With one node less, this one has to take part.
            deployment.stop("node-2");
            runtime.block_on(async {
                // The kept result is the gateway's to give.
                user.sign(&operation, &receipt).await.unwrap();
                // The node does not know any more what it has seen of receipts of that time.
                let (operation, receipt) = unspent;
                let (refused, _) = answered("sign", || user.sign(&operation, &receipt)).await;
                refused.refused(Reason::ReceiptExpired);
            });
            deployment.serve("node-2");
        }
        if process == "mfa-devices" {
            // No code is tested until all that could have been accepted before are too old: up to a minute.
            runtime.block_on(async {
                let user = User::new(&suite).await;
                let (device, mut app) = user.register(None).await.unwrap();
                let refusal = user.activate(&device.name, &app.next()).await.refused(Reason::FactorThrottled);
                let wait = refusal.retry_delay().unwrap();
                assert!(wait > Duration::ZERO && wait <= Duration::from_secs(100), "{wait:?}");
            });
        } else {
            // Whoever comes is served again, a few seconds after the acknowledgement.
            runtime.block_on(served(&suite, process));
        }
    }
}

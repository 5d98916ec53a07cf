//! What a suite keeps over its end, where it is told to keep it, and what it does not.

use std::os::unix::fs::PermissionsExt as _;

use kernel::Reason;
use operation::{Body, Operation};
use proto::mfa_devices::{DeviceState, ListDevicesRequest};
use proto::waas_gateway::ListWalletsRequest;

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::child::is_alive;
use crate::support::dev::{DevSuite, Options};
use crate::support::user::{User, on, verifies};

/// The same user, at a suite that was started again.
async fn again(user: &User, suite: &DevSuite) -> User {
    User { channel: suite.connect().await, ..user.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_there_again_and_what_was_spent_stays_spent() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = Options { data: Some(&data), ..Options::default() };
    let mut first = DevSuite::start("restart-1", &options);
    let user = User::new(&first).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let operation = user.signing(&wallet, b"before");
    let receipt = user.receipt(&operation, &token).await;
    let signature = user.sign(&operation, &receipt).await.done().signature;
    let other = User::new(&first).await;
    let mut others = other.enrol().await;
    let unspent = other.token(&mut others.app, &["wallet:sign"], None).await;
    let others_wallet = other.wallet().await;
    // Tries that were taken.
    let guesser = User::new(&first).await;
    let guessed = guesser.enrol().await;
    let wrong = guessed.app.wrong();
    loop {
        let refusal = guesser.authenticate(&wrong, &["wallet:sign"], None).await.outcome().unwrap_err();
        if refusal.reason == Reason::FactorThrottled {
            break;
        }
    }
    let environment = first.environment();
    assert!(first.process().stop().success());
    assert!(!is_alive(first.file.pid));
    assert!(!first.dev_file().exists(), "whoever looks for a suite must not find one that is gone");
    for entry in std::fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == "dev-keys.json" {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);

    let second = DevSuite::start("restart-2", &options);
    assert_eq!(second.environment(), environment);
    let user = again(&user, &second).await;
    let request = ListWalletsRequest { parent: user.name(), ..Default::default() };
    let wallets = user.wallets().list_wallets(user.request(request)).await.done().wallets;
    assert_eq!(wallets, std::slice::from_ref(&wallet));
    let request = ListDevicesRequest { parent: user.name(), ..Default::default() };
    let devices = user.devices().list_devices(user.request(request)).await.done().devices;
    assert_eq!(devices.len(), 1);
    assert_eq!((devices[0].state(), &devices[0].name), (DeviceState::Verified, &factor.device.name));

    // A finished operation has its result, and its id belongs to it.
    assert_eq!(user.sign(&operation, &receipt).await.done().signature, signature);
    let body = Body::SignMessage { wallet: on(&wallet), message: b"after".to_vec() };
    let under_its_id = Operation { body, ..operation.clone() };
    user.sign(&under_its_id, "").await.refused(Reason::OperationIdReused);
    // Tokens are kept in memory: none of them pays any more, spent or not.
    user.authorize(&user.signing(&wallet, b"after"), &token).await.refused(Reason::TokenUnknown);
    let other = again(&other, &second).await;
    other.authorize(&other.signing(&others_wallet, b"after"), &unspent).await.refused(Reason::TokenUnknown);
    // A used code stays used, and tries stay taken.
    user.authenticate(&factor.app.again(), &["wallet:sign"], None).await.refused(Reason::CodeRejected);
    let guesser = again(&guesser, &second).await;
    guesser.authenticate(&wrong, &["wallet:sign"], None).await.refused(Reason::FactorThrottled);
    // And the nodes still have their shares, the factor its seed.
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let operation = user.signing(&wallet, b"after");
    let receipt = user.receipt(&operation, &token).await;
    let signature = user.sign(&operation, &receipt).await.done().signature;
    assert!(verifies(&wallet.public_key, b"after", &signature));
    // The trail goes back to before.
    let admin = Admin::owner(&second).await;
    let events = Trail::Gateway.newest(&admin, environment).await;
    let actor = format!("user:{}", user.id);
    assert!(events.iter().any(|event| event.kind == "wallet.create" && event.actor == actor));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_folder_to_keep_it_in_everything_is_gone() {
    let mut first = DevSuite::start("throw-away-1", &Options::default());
    let environment = first.environment();
    let user = User::new(&first).await;
    user.wallet().await;
    assert!(first.process().stop().success());
    let second = DevSuite::start("throw-away-2", &Options::default());
    assert_ne!(second.environment(), environment);
    let stranger = again(&user, &second).await;
    let request = ListWalletsRequest { parent: user.name(), ..Default::default() };
    let refused = stranger.wallets().list_wallets(stranger.request(request)).await;
    refused.refused(Reason::SessionInvalid);
}

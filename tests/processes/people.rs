//! People who come to a suite.

use std::time::Duration;

use proto::waas_gateway::Wallet;
use tonic::Status;

use crate::support::dev::DevSuite;
use crate::support::fresh;
use crate::support::user::{User, verifies};

/// Somebody with a factor, a wallet, and a token for signing.
pub(super) async fn ready(suite: &DevSuite) -> (User, Wallet, String) {
    let user = User::new(suite).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    (user, wallet, token)
}

/// Waits until somebody new gets a signature.
pub(super) async fn served(suite: &DevSuite, what: &str) {
    for _ in 0..300 {
        match newcomer(suite).await {
            Ok(good) => return assert!(good, "{what}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    panic!("nobody is served after {what} within a minute");
}

/// Whether somebody new gets a signature that is good.
async fn newcomer(suite: &DevSuite) -> Result<bool, Status> {
    let user = User::new(suite).await;
    let wallet = user.create_wallet(fresh::operation_id()).await?.into_inner();
    let (device, mut app) = user.register(None).await?;
    user.activate(&device.name, &app.next()).await?;
    let token = user.authenticate(&app.next(), &["wallet:sign"], None).await?.into_inner();
    let operation = user.signing(&wallet, b"new");
    let token = token.elevated_token.unwrap().token;
    let receipt = user.authorize(&operation, &token).await?.into_inner().receipt;
    let signature = user.sign(&operation, &receipt).await?.into_inner().signature;
    Ok(verifies(&wallet.public_key, b"new", &signature))
}

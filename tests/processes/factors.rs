//! Two processes of mfa-devices over one Postgres and one Redis: what is used up through one is used up for the other.

use kernel::Reason;
use proto::mfa_devices::factor_service_client::FactorServiceClient;
use proto::mfa_devices::{VerifyRecoveryCodeRequest, VerifyTotpRequest};
use tonic::transport::Channel;

use super::callers::peer_at;
use crate::support::answer::{Outcome as _, Refusal};
use crate::support::dev::DevSuite;
use crate::support::user::User;
use crate::support::{fresh, processes, servers};

/// How many bring the same thing, half of them to each process.
const CALLERS: usize = 200;

/// A suite with two processes of mfa-devices, as its issuer calls them.
fn two() -> (DevSuite, Vec<Channel>) {
    let suite = processes::start("two-keepers", Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let ports = [deployment.ports("mfa-devices"), deployment.serve_another("mfa-devices", 2)];
    let channels = ports.map(|ports| peer_at(deployment, "token-issuer", "mfa-devices", ports));
    (suite, channels.into())
}

async fn totp(channel: Channel, user: &User, code: &str) -> Result<(), Refusal> {
    let request = VerifyTotpRequest {
        user: user.name(),
        session_id: "session-1".to_owned(),
        device: String::new(),
        code: code.to_owned(),
        request_id: fresh::request_id(),
        purpose_digest: vec![7; 32],
    };
    FactorServiceClient::new(channel).verify_totp(request).await.outcome().map(drop)
}

async fn recovery(channel: Channel, user: &User, code: &str) -> Result<(), Refusal> {
    let request = VerifyRecoveryCodeRequest {
        user: user.name(),
        session_id: "session-1".to_owned(),
        code: code.to_owned(),
        request_id: fresh::request_id(),
        purpose_digest: vec![7; 32],
    };
    FactorServiceClient::new(channel).verify_recovery_code(request).await.outcome().map(drop)
}

/// One is let through; the others are told that the code is no good, or that too many were tried.
fn one(answers: &[Result<(), Refusal>]) {
    let refusals = answers.iter().filter_map(|answer| answer.as_ref().err());
    for refusal in refusals {
        // `OVERLOADED` is what a row says that too many want to change at once: nothing was tested.
        assert!(
            matches!(refusal.reason, Reason::CodeRejected | Reason::FactorThrottled | Reason::Overloaded),
            "{refusal:?}"
        );
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_uses_of_one_code_over_two_processes_one_succeeds() {
    let (suite, keepers) = two();
    let user = User::new(&suite).await;
    let mut app = user.enrol().await.app;
    let codes = user.make_codes(None).await.unwrap().into_inner().codes;

    let code = app.next();
    let answers = testkit::race(&keepers, CALLERS, |channel, _| {
        let (user, code) = (user.clone(), code.clone());
        async move { totp(channel, &user, &code).await }
    })
    .await;
    one(&answers);

    let answers = testkit::race(&keepers, CALLERS, |channel, _| {
        let (user, code) = (user.clone(), codes[0].clone());
        async move { recovery(channel, &user, &code).await }
    })
    .await;
    one(&answers);
    assert_eq!(user.codes().await.unwrap().remaining_codes, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_at_two_processes_have_one_budget() {
    let (suite, keepers) = two();
    let user = User::new(&suite).await;
    let wrong = user.enrol().await.app.wrong();
    let answers = testkit::race(&keepers, CALLERS, |channel, _| {
        let (user, wrong) = (user.clone(), wrong.clone());
        async move { totp(channel, &user, &wrong).await }
    })
    .await;
    let tested = answers
        .iter()
        .filter(|answer| answer.as_ref().is_err_and(|refusal| refusal.reason == Reason::CodeRejected));
    // As many as cost no waiting (docs/throttling.md).
    assert_eq!(tested.count(), 5);
    assert!(answers.iter().all(Result::is_err));
}

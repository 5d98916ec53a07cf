//! Two processes of token-issuer over one Postgres and one Redis: a token that paid through one has paid for the other.

use std::time::Duration;

use kernel::Reason;

use crate::support::answer::Outcome as _;
use crate::support::user::User;
use crate::support::{processes, servers};

/// How many operations one token is brought for, half of them to each process.
const CALLERS: usize = 1_000;

/// How often somebody asks again.
const PATIENCE: usize = 100;

/// How many connections a process is called over.
const CONNECTIONS: usize = 4;

/// Whether a refusal says to ask again with the same ids (docs/errors.md).
fn asks_again(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Overloaded
            | Reason::DeadlineExceeded
            | Reason::DependencyUnavailable
            | Reason::StoreUnavailable
            | Reason::AuditUnavailable
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn case_1_of_1000_operations_on_one_token_over_two_issuers_one_is_authorized() {
    let suite = processes::start("two-issuers", Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let ports = [deployment.ports("token-issuer"), deployment.serve_another("token-issuer", 2)];
    let issuers: Vec<_> = (0..2 * CONNECTIONS).map(|number| deployment.connect(ports[number % 2])).collect();

    let user = User::new(&suite).await;
    let (wallet, mut factor) = (user.wallet().await, user.enrol().await);
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let answers = testkit::race(&issuers, CALLERS, |channel, number| {
        let operation = user.signing(&wallet, format!("operation {number}").as_bytes());
        let (caller, token) = (User { channel, ..user.clone() }, token.clone());
        async move {
            // So many at once are more than two processes take in time. Whoever is told so asks again, under the same id.
            for _ in 0..PATIENCE {
                match caller.authorize(&operation, &token).await.outcome() {
                    Err(refusal) if asks_again(refusal.reason) => {
                        // Not all at the same moment again.
                        let spread = Duration::from_millis(200) * u32::try_from(number % 10).unwrap();
                        let delay = refusal.retry_delay().unwrap_or(Duration::from_millis(500));
                        tokio::time::sleep(delay + spread).await;
                    }
                    outcome => return outcome.map(drop),
                }
            }
            panic!("operation {number} is not judged")
        }
    })
    .await;
    let refusals = answers.iter().filter_map(|answer| answer.as_ref().err());
    let spent = refusals.filter(|refusal| refusal.reason == Reason::TokenAlreadyRedeemed).count();
    let authorized = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(
        (authorized, spent),
        (1, CALLERS - 1),
        "{:?}",
        answers.iter().find(|answer| {
            answer.as_ref().is_err_and(|refusal| refusal.reason != Reason::TokenAlreadyRedeemed)
        })
    );
}

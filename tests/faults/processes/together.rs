//! Many callers over several issuers want one token.

use std::collections::BTreeSet;

use kernel::Reason;
use operation::{Body, Operation, WalletRef};
use tonic::transport::Channel;

use crate::support::again::answered;
use crate::support::answer::Outcome as _;
use crate::support::dev::DevSuite;
use crate::support::user::User;
use crate::support::{fresh, processes, servers};

const ISSUERS: usize = 4;
const CALLERS: usize = 64;
const ROUNDS: usize = 200;

/// How many tokens a user gets without waiting, beside the code that enrolment takes.
const TOKENS: usize = 2;

/// Signing with a wallet that need not be there: only the issuers are asked.
fn signing(user: &User) -> Operation {
    let id = kernel::WalletId::random(fresh::entropy());
    let wallet = WalletRef { id, share_generation: 1 };
    user.operation(Body::SignMessage { wallet, message: b"together".to_vec() })
}

/// How many get a receipt for the token, each for an operation of its own, all at the same moment.
async fn race(user: &User, issuers: &[Channel], token: &str) -> usize {
    let answers = testkit::race(issuers, CALLERS, |channel, _| {
        let user = User { channel, ..user.clone() };
        let (operation, token) = (signing(&user), token.to_owned());
        // Who is told to try again does so: a machine that has too much to do may not answer at once.
        async move { answered("authorize", || user.authorize(&operation, &token)).await.0.outcome() }
    })
    .await;
    let refusals: BTreeSet<_> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err())
        .map(|refusal| refusal.reason.as_str())
        .collect();
    assert_eq!(refusals, BTreeSet::from([Reason::TokenAlreadyRedeemed.as_str()]));
    answers.iter().filter(|answer| answer.is_ok()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_callers_over_four_issuers_one_redeems_a_token() {
    let suite: DevSuite = processes::start("together", Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let mut issuers = vec![deployment.connect(deployment.ports("token-issuer"))];
    issuers.extend(
        (2..=ISSUERS).map(|number| deployment.connect(deployment.serve_another("token-issuer", number))),
    );
    for round in 0..ROUNDS / TOKENS {
        let user = User::new(&suite).await;
        let mut app = user.enrol().await.app;
        for _ in 0..TOKENS {
            let token = user.token(&mut app, &["wallet:sign"], None).await;
            assert_eq!(race(&user, &issuers, &token).await, 1, "round {round}");
        }
    }
}

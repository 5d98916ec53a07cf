//! Many callers over several issuers want one token.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::Reason;
use operation::{Body, Operation, WalletRef};
use runtime::SystemClock;
use runtime::channel::{self, ChannelSettings};
use runtime::tls::Credentials;
use tokio::sync::Barrier;
use tonic::transport::Channel;

use crate::support::answer::Outcome as _;
use crate::support::child::Running;
use crate::support::deployment::Deployment;
use crate::support::dev::DevSuite;
use crate::support::tools::countersign;
use crate::support::user::User;
use crate::support::{fresh, processes, servers};

const ISSUERS: usize = 4;
const CALLERS: usize = 64;
const ROUNDS: usize = 200;

/// How many tokens a user gets without waiting, beside the code that enrolment takes.
const TOKENS: usize = 2;

/// Issuers beside the first, on ports of their own. All else they share.
fn further_issuers(deployment: &Deployment) -> Vec<(Running, Channel)> {
    let first = std::fs::read_to_string(deployment.config("token-issuer")).unwrap();
    let own = deployment.ports("token-issuer");
    (1..ISSUERS)
        .map(|number| {
            let ports = crate::support::ports::free_ports();
            let mut text = first.clone();
            for (old, new) in [(own.public, ports.public), (own.peer, ports.peer), (own.health, ports.health)]
            {
                text = text.replace(&format!("127.0.0.1:{old}\""), &format!("127.0.0.1:{new}\""));
            }
            let file = deployment.path(format!("token-issuer-{number}.toml"));
            std::fs::write(&file, text).unwrap();
            let mut command = countersign();
            command.args(["serve", "--role", "token-issuer", "--config"]).arg(file);
            let running = Running::start(&format!("together-token-issuer-{number}"), &command);
            running.output_until(|line| line.contains("public listener ready"));
            (running, to(deployment, ports.public))
        })
        .collect()
}

/// A connection that checks the certificate.
fn to(deployment: &Deployment, port: u16) -> Channel {
    let authority = deployment.authority().unwrap();
    let credentials = Credentials::client("authority", &authority, Arc::new(SystemClock)).unwrap();
    let settings = ChannelSettings { url: format!("https://localhost:{port}"), ..ChannelSettings::default() };
    channel::connect("issuer", &settings, Some(credentials)).unwrap()
}

/// Signing with a wallet that need not be there: only the issuers are asked.
fn signing(user: &User) -> Operation {
    let id = kernel::WalletId::random(fresh::entropy());
    let wallet = WalletRef { id, share_generation: 1 };
    user.operation(Body::SignMessage { wallet, message: b"together".to_vec() })
}

/// How many get a receipt for the token, each for an operation of its own, all at the same moment.
async fn race(user: &User, issuers: &[Channel], token: &str) -> usize {
    let start = Arc::new(Barrier::new(CALLERS));
    let callers = (0..CALLERS).map(|caller| {
        let user = User { channel: issuers[caller % ISSUERS].clone(), ..user.clone() };
        let (token, start) = (token.to_owned(), start.clone());
        tokio::spawn(async move {
            let operation = signing(&user);
            start.wait().await;
            user.authorize(&operation, &token).await.outcome().map(|_| ()).map_err(|refusal| refusal.reason)
        })
    });
    let answers = futures::future::join_all(callers).await;
    let refusals: BTreeSet<_> =
        answers.iter().filter_map(|answer| answer.as_ref().unwrap().err()).map(Reason::as_str).collect();
    assert_eq!(refusals, BTreeSet::from([Reason::TokenAlreadyRedeemed.as_str()]));
    answers.iter().filter(|answer| answer.as_ref().unwrap().is_ok()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_callers_over_four_issuers_one_redeems_a_token() {
    let suite: DevSuite = processes::start("together", Some(&servers::fresh()));
    let deployment = suite.deployment().unwrap();
    let further = further_issuers(deployment);
    let mut issuers = vec![to(deployment, deployment.ports("token-issuer").public)];
    issuers.extend(further.iter().map(|(_, channel)| channel.clone()));
    for round in 0..ROUNDS / TOKENS {
        let user = User::new(&suite).await;
        let mut app = user.enrol().await.app;
        for _ in 0..TOKENS {
            let token = user.token(&mut app, &["wallet:sign"], None).await;
            assert_eq!(race(&user, &issuers, &token).await, 1, "round {round}");
        }
    }
}

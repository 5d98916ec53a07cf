//! Told to end, a suite finishes what it has begun and takes nothing new.

use futures::future::{join_all, select_all};
use kernel::OperationId;
use proto::waas_gateway::WalletState;
use tonic::transport::Endpoint;

use crate::support::child::is_alive;
use crate::support::dev::{DevSuite, Options};
use crate::support::fresh;
use crate::support::tools::signal;
use crate::support::user::User;

/// How many users call, and how often each: no more than one user may at once.
const USERS: usize = 4;
const CALLS: usize = 6;

async fn create(user: User, id: OperationId) -> Result<proto::waas_gateway::Wallet, tonic::Status> {
    user.create_wallet(id).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_flight_are_finished_and_the_process_ends_well() {
    for name in ["TERM", "INT"] {
        let mut suite = DevSuite::start(&format!("shutdown-{}", name.to_lowercase()), &Options::default());
        let mut calls = Vec::new();
        for _ in 0..USERS {
            let user = User::new(&suite).await;
            let all = (0..CALLS).map(|_| tokio::spawn(create(user.clone(), fresh::operation_id())));
            calls.extend(all);
        }
        // One is through, so the others are on their way.
        let (first, _, rest) = select_all(calls).await;
        assert!(rest.iter().any(|call| !call.is_finished()));
        signal(suite.file.pid, name);
        let mut answers = vec![first.unwrap()];
        answers.extend(join_all(rest).await.into_iter().map(Result::unwrap));
        let mut made = 0;
        for answer in answers {
            match answer {
                Ok(wallet) => {
                    assert_eq!(wallet.state(), WalletState::Active);
                    made += 1;
                }
                Err(status) => panic!("after SIG{name}: {made} made, then {status:?}"),
            }
        }
        assert_eq!(made, USERS * CALLS);
        assert!(suite.process().ended().success(), "SIG{name}");
        assert!(!is_alive(suite.file.pid));
        let endpoint = Endpoint::from_shared(suite.file.endpoint.clone()).unwrap();
        assert!(endpoint.connect().await.is_err(), "the port is free again");
    }
}

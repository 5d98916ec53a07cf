use std::time::Duration;

use kernel::audit::Outcome;
use kernel::{Error, Reason, WalletId};

use super::nodes::{Fault, Step};
use super::world::{World, create, operation, step_up_required};
use crate::domain::fixtures::{environment, user};
use crate::domain::wallet::{WalletPath, WalletState};
use crate::migrations::Migrator;
use crate::ports::OperationKey;

/// Longer than any run has an operation.
const LATER: Duration = Duration::from_secs(60);

fn key(number: u8) -> OperationKey {
    OperationKey { environment: environment(), user: user(), id: operation(number) }
}

impl World {
    /// The state of the only wallet there is.
    async fn state(&self) -> WalletState {
        let page = self.gateway.list_wallets(&self.caller(), None, 10).await.unwrap();
        assert_eq!((page.wallets.len(), page.next), (1, None));
        page.wallets[0].state.clone()
    }
}

#[tokio::test]
async fn a_wallet_is_in_use_once_all_nodes_attested_and_activated_it() {
    let world = World::new().await;
    let wallet = world.create(1).await.unwrap();
    let statement = wallet.key().unwrap().statement().clone();
    assert_eq!(wallet.path.wallet, WalletId::derive(&statement.operation_digest));
    assert_eq!(statement.key.address(), bs58::encode(statement.key.public_key).into_string());
    assert_eq!((wallet.threshold, wallet.nodes, wallet.share_generation()), (2, 3, 1));
    assert_eq!(wallet.key().unwrap().attestations().len(), 3);
    for step in [Step::Start, Step::Continue, Step::Finish, Step::Activate] {
        assert_eq!(world.nodes.asked(step).len(), 3, "{step:?}");
    }
    assert_eq!(world.issuer.asked(), 1);
    assert_eq!(world.audit.outcomes(), [("test".to_owned(), Outcome::Intended)]);
    let found = world.gateway.get_wallet(&world.caller(), wallet.path.wallet).await.unwrap();
    assert_eq!(found, wallet);
}

#[tokio::test]
async fn the_same_call_again_gets_the_same_wallet_and_asks_nobody() {
    let world = World::new().await;
    let wallet = world.create(1).await.unwrap();
    world.nodes.clear_log();
    assert_eq!(world.create(1).await.unwrap(), wallet);
    assert!(world.nodes.steps().is_empty());
    assert_eq!(world.issuer.asked(), 1);
    // Another operation makes another wallet, and so does another user's of the same id.
    assert_ne!(world.create(2).await.unwrap().path, wallet.path);
    let other = world.gateway.create_wallet(&world.stranger(), create(1)).await.unwrap();
    assert_ne!(other.path.wallet, wallet.path.wallet);
}

#[tokio::test]
async fn a_wallet_is_its_users_alone() {
    let world = World::new().await;
    let wallet = world.create(1).await.unwrap();
    let found = world.gateway.get_wallet(&world.stranger(), wallet.path.wallet).await;
    assert_eq!(found.unwrap_err().reason(), Reason::ResourceNotFound);
    let page = world.gateway.list_wallets(&world.stranger(), None, 10).await.unwrap();
    assert!(page.wallets.is_empty());
}

#[tokio::test]
async fn all_nodes_must_be_there_before_anybody_is_asked_to_authorize() {
    let world = World::new().await;
    world.nodes.down(2, true);
    let error = world.create(1).await.unwrap_err();
    assert_eq!(error.reason(), Reason::NodeUnavailable);
    assert_eq!(
        (error.metadata()["nodes_needed"].as_str(), error.metadata()["nodes_available"].as_str()),
        ("3", "2")
    );
    assert_eq!(world.issuer.asked(), 0);
    assert_eq!(world.nodes.steps(), [Step::Status].into());
    assert_eq!(world.gateway.operations.find(key(1)).await.unwrap(), None);
    assert!(world.audit.rows().is_empty());
}

#[tokio::test]
async fn a_refused_creation_leaves_no_wallet_behind() {
    let world = World::new().await;
    world.issuer.refuse(step_up_required());
    let error = world.create(1).await.unwrap_err();
    assert_eq!(error.metadata(), step_up_required().metadata());
    let page = world.gateway.list_wallets(&world.caller(), None, 10).await.unwrap();
    assert!(page.wallets.is_empty());
    assert_eq!(world.gateway.operations.find(key(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_node_lost_in_the_middle_leaves_a_creation_that_goes_on_when_it_is_back() {
    for step in [Step::Start, Step::Continue, Step::Finish] {
        let world = World::new().await;
        world.nodes.script(3, step, Fault::Die);
        let error = world.create(1).await.unwrap_err();
        assert_eq!(error.reason(), Reason::NodeUnavailable, "{step:?}");
        assert_eq!(world.state().await, WalletState::Creating);
        assert_eq!(world.create(1).await.unwrap_err().reason(), Reason::NodeUnavailable);
        world.nodes.down(3, false);
        let wallet = world.create(1).await.unwrap();
        assert!(wallet.key().is_some());
        assert_eq!(world.nodes.attempts(), 2);
        assert_eq!(world.issuer.asked(), 2);
    }
}

#[tokio::test]
async fn what_was_broken_once_is_tried_again_with_a_fresh_attempt() {
    for (step, fault) in [
        (Step::Start, Fault::Misroute),
        (Step::Continue, Fault::Misroute),
        (Step::Continue, Fault::Refuse(Reason::AttemptUnknown)),
        (Step::Continue, Fault::Refuse(Reason::EnvelopeInvalid)),
        (Step::Finish, Fault::Blame(1)),
        // All signatures are good, and one is over something else.
        (Step::Finish, Fault::Spoil),
    ] {
        let world = World::new().await;
        world.nodes.script(2, step, fault.clone());
        let wallet = world.create(1).await.unwrap();
        assert!(wallet.key().is_some(), "{step:?} {fault:?}");
        assert_eq!(world.nodes.attempts(), 2, "{step:?} {fault:?}");
        assert_eq!(world.issuer.asked(), 1);
    }
}

#[tokio::test]
async fn an_expired_receipt_is_renewed_and_a_spent_one_ends_it() {
    let world = World::new().await;
    world.nodes.expire("session.receipt.1");
    world.create(1).await.unwrap();
    assert_eq!(world.issuer.asked(), 2);
    world.nodes.script(2, Step::Start, Fault::Refuse(Reason::ReceiptSpent));
    assert_eq!(world.create(2).await.unwrap_err().reason(), Reason::ReceiptSpent);
}

#[tokio::test]
async fn while_one_node_has_not_activated_it_the_wallet_is_not_in_use() {
    let world = World::new().await;
    world.nodes.script(2, Step::Activate, Fault::Die);
    let error = world.create(1).await.unwrap_err();
    assert_eq!(error.reason(), Reason::NodeUnavailable);
    let WalletState::Attested(key) = world.state().await else { panic!("not attested") };
    // Without that node it goes no further ...
    assert_eq!(world.create(1).await.unwrap_err().reason(), Reason::NodeUnavailable);
    world.nodes.down(2, false);
    // ... and with it the same key comes into use, for which nobody has to authorize anything.
    world.issuer.refuse(Error::new(Reason::ActionDenied, "not any more"));
    let wallet = world.create(1).await.unwrap();
    assert_eq!(wallet.key(), Some(&key));
    assert_eq!((world.issuer.asked(), world.nodes.attempts()), (1, 1));
}

#[tokio::test]
async fn a_node_that_says_it_activated_something_else_is_not_believed() {
    let world = World::new().await;
    world.nodes.script(2, Step::Activate, Fault::Spoil);
    assert_eq!(world.create(1).await.unwrap_err().reason(), Reason::ProtocolFailed);
    assert!(matches!(world.state().await, WalletState::Attested(_)));
    assert!(world.create(1).await.unwrap().key().is_some());
}

#[tokio::test]
async fn a_key_that_one_node_lost_before_it_was_in_use_is_replaced() {
    let world = World::new().await;
    for node in 1..=3 {
        world.nodes.script(node, Step::Activate, Fault::Refuse(Reason::StoreUnavailable));
    }
    assert_eq!(world.create(1).await.unwrap_err().reason(), Reason::NodeUnavailable);
    let WalletState::Attested(lost) = world.state().await else { panic!("not attested") };
    world.nodes.forget(3);
    let wallet = world.create(1).await.unwrap();
    assert_ne!(wallet.key(), Some(&lost));
    assert_eq!((world.issuer.asked(), world.nodes.attempts()), (2, 2));
}

#[tokio::test]
async fn a_crash_after_the_nodes_finished_is_resumed_without_another_key_or_receipt() {
    // Before the attestations are stored, and after that when some nodes have activated the key.
    for step in [Step::Finish, Step::Activate] {
        let mut world = World::new().await;
        world.nodes.script(3, step, Fault::Hang);
        let (gateway, caller) = (world.gateway.clone(), world.caller());
        let call = tokio::spawn(async move { gateway.create_wallet(&caller, create(1)).await });
        while world.nodes.asked(step).len() < 3 {
            tokio::task::yield_now().await;
        }
        call.abort();
        world.restart();
        // Nobody knows that the run has died, until its time is over.
        let busy = world.create(1).await.unwrap_err();
        assert_eq!(busy.reason(), Reason::AttemptUnknown, "{step:?}");
        assert!(busy.retry_delay().is_some());
        world.clock.advance(LATER);
        world.nodes.clear_log();
        let wallet = world.create(1).await.unwrap();
        assert!(wallet.key().is_some());
        assert!(world.nodes.asked(Step::Start).is_empty());
        assert_eq!(world.nodes.asked(Step::Activate).len(), 3);
        assert_eq!((world.issuer.asked(), world.nodes.attempts()), (1, 1));
    }
}

#[tokio::test]
async fn a_crash_before_the_operation_is_closed_is_resumed_without_the_nodes() {
    let world = World::new().await;
    let wallet = world.create(1).await.unwrap();
    // As if the wallet had been stored and the operation not.
    let other = World::new().await;
    assert!(other.gateway.wallets.begin(&wallet, 1).await.unwrap());
    (1..=3).for_each(|node| other.nodes.down(node, true));
    assert_eq!(other.create(1).await.unwrap(), wallet);
    assert!(other.nodes.steps().is_empty());
    assert!(other.gateway.operations.find(key(1)).await.unwrap().unwrap().outcome.is_some());
}

#[tokio::test]
async fn a_gateway_that_was_put_back_finds_a_wallet_again_by_the_operation_that_created_it() {
    let world = World::new().await;
    let wallet = world.create(1).await.unwrap();
    // The same nodes, and a database that knows nothing.
    let (database, _folder) = testkit::database::<Migrator>().await;
    let restored = world.with_database(database);
    let found = restored.gateway.get_wallet(&restored.caller(), wallet.path.wallet).await;
    assert_eq!(found.unwrap_err().reason(), Reason::ResourceNotFound);
    restored.nodes.clear_log();
    let again = restored.create(1).await.unwrap();
    assert_eq!((again.path, again.key()), (wallet.path, wallet.key()));
    assert!(restored.nodes.asked(Step::Start).is_empty());
    assert_eq!(restored.issuer.asked(), 1, "nothing was authorized a second time");
}

#[tokio::test]
async fn wallets_are_listed_in_the_order_of_their_creation() {
    let world = World::new().await;
    let mut created: Vec<WalletPath> = Vec::new();
    for number in 1..=3 {
        created.push(world.create(number).await.unwrap().path);
    }
    let first = world.gateway.list_wallets(&world.caller(), None, 2).await.unwrap();
    let second = world.gateway.list_wallets(&world.caller(), first.next, 2).await.unwrap();
    assert_eq!(second.next, None);
    let listed: Vec<_> = first.wallets.iter().chain(&second.wallets).map(|wallet| wallet.path).collect();
    assert_eq!(listed, created);
}

#[tokio::test]
async fn a_user_has_only_so_many_wallets_and_may_always_finish_one_that_was_begun() {
    let world = World::new().await;
    for number in 1..=100 {
        world.create(number).await.unwrap();
    }
    world.nodes.clear_log();
    assert_eq!(world.create(101).await.unwrap_err().reason(), Reason::WalletLimitReached);
    assert!(world.nodes.steps().is_empty());
    assert!(world.create(100).await.is_ok());
    assert!(world.gateway.create_wallet(&world.stranger(), create(101)).await.is_ok());
}

/// None of them finds the limit reached when it begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_creations_at_once_no_more_wallets_are_begun_than_may_be() {
    let world = World::new().await;
    for number in 1..=97 {
        world.create(number).await.unwrap();
    }
    let outcomes = testkit::race(std::slice::from_ref(&world.gateway), 12, |gateway, index| {
        let (caller, request) = (world.caller(), create(98 + u8::try_from(index).unwrap()));
        async move { gateway.create_wallet(&caller, request).await }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    for (index, refused) in
        outcomes.iter().enumerate().filter_map(|(index, it)| Some((index, it.as_ref().err()?)))
    {
        assert_eq!(refused.reason(), Reason::WalletLimitReached);
        // Nothing is left of it: its id is free.
        let id = key(98 + u8::try_from(index).unwrap());
        assert_eq!(world.gateway.operations.find(id).await.unwrap(), None);
    }
    let listed = world.gateway.list_wallets(&world.caller(), None, 200).await.unwrap();
    assert_eq!(listed.wallets.len(), 100);
}

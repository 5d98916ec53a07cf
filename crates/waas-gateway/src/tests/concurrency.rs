use std::sync::Arc;
use std::time::Duration;

use kernel::audit::{Actor, Event};
use kernel::{Reason, Timestamp};
use storage::{AuditLog as _, SqlAuditLog, Trail};
use tokio::task::JoinHandle;

use super::nodes::{Fault, Step};
use super::world::{World, create, export, is_good, message, operation};
use crate::caller::Caller;
use crate::migrations::Migrator;
use crate::ports::OperationKey;
use crate::sign_message::SignMessage;

impl World {
    fn start_signing(&self, request: SignMessage) -> JoinHandle<kernel::Result<[u8; 64]>> {
        let (gateway, caller) = (self.gateway.clone(), self.caller());
        tokio::spawn(async move { gateway.sign_message(&caller, request).await })
    }

    /// Until so many calls have written down that they begin.
    async fn until_intended(&self, calls: usize) {
        while self.audit.rows().len() < calls {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_equal_calls_at_once_one_does_the_work_and_all_get_its_signature() {
    let (world, wallet) = World::with_wallet().await;
    let calls: Vec<_> = (0..64).map(|_| world.start_signing(message(&wallet, 2))).collect();
    let mut signatures = Vec::new();
    for call in calls {
        signatures.push(call.await.unwrap().unwrap());
    }
    signatures.dedup();
    assert_eq!(signatures.len(), 1);
    assert!(is_good(&wallet, 2, &signatures[0]));
    assert_eq!(world.nodes.asked(Step::Commit).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_operations_that_race_for_one_id_one_runs() {
    let (world, wallet) = World::with_wallet().await;
    let calls: Vec<_> = (0..64_u8)
        .map(|number| world.start_signing(SignMessage { message: vec![b'a', number], ..message(&wallet, 2) }))
        .collect();
    let mut signed = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => signed += 1,
            Err(error) => assert_eq!(error.reason(), Reason::OperationIdReused),
        }
    }
    assert_eq!(signed, 1);
    assert_eq!(world.nodes.asked(Step::Commit).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wallet_is_made_once_and_a_key_exported_once_by_calls_at_the_same_time() {
    let world = World::new().await;
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (gateway, caller) = (world.gateway.clone(), world.caller());
            tokio::spawn(async move { gateway.create_wallet(&caller, create(1)).await })
        })
        .collect();
    let mut wallets = Vec::new();
    for call in calls {
        wallets.push(call.await.unwrap().unwrap());
    }
    wallets.dedup();
    assert_eq!(wallets.len(), 1);
    assert_eq!(world.nodes.asked(Step::Start).len(), 3);

    let id = wallets[0].path.wallet;
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (gateway, caller) = (world.gateway.clone(), world.caller());
            tokio::spawn(async move { gateway.export_wallet(&caller, export(id, 2)).await })
        })
        .collect();
    let mut boxes = Vec::new();
    for call in calls {
        boxes.push(call.await.unwrap().unwrap().0);
    }
    boxes.dedup();
    assert_eq!(boxes.len(), 1);
    assert_eq!(world.nodes.asked(Step::Export).len(), 2);
}

#[tokio::test]
async fn a_call_that_waited_for_one_that_came_to_nothing_is_told_to_try_again() {
    let (world, wallet) = World::with_wallet().await;
    for node in 1..=3 {
        world.nodes.script(node, Step::Commit, Fault::Refuse(Reason::ReceiptSpent));
    }
    let held = world.nodes.hold.write().await;
    let first = world.start_signing(message(&wallet, 2));
    world.until_intended(2).await;
    let second = world.start_signing(message(&wallet, 2));
    world.until_intended(3).await;
    drop(held);
    assert_eq!(first.await.unwrap().unwrap_err().reason(), Reason::ReceiptSpent);
    let error = second.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::AttemptUnknown);
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(1)));
    assert_eq!(world.nodes.asked(Step::Commit).len(), 2);
}

#[tokio::test]
async fn calls_that_waited_and_cannot_learn_of_its_end_are_counted_as_refusals_that_changed_nothing() {
    let (world, wallet) = World::with_wallet().await;
    let (database, _folder) = testkit::database::<Migrator>().await;
    let log = Arc::new(SqlAuditLog::new(database));
    let held = world.nodes.hold.write().await;
    let first = world.start_signing(message(&wallet, 2));
    world.until_intended(2).await;
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let event = Event::new("test", Timestamp::from_seconds(0), Actor::Unknown);
            let trail = Trail::new(log.clone(), event);
            let (gateway, request) = (world.gateway.clone(), message(&wallet, 2));
            let caller = Caller { trail: trail.clone(), ..world.caller() };
            tokio::spawn(async move { trail.end(gateway.sign_message(&caller, request).await, true).await })
        })
        .collect();
    while log.list(None, None, 10).await.unwrap().len() < waiting.len() {
        tokio::task::yield_now().await;
    }
    world.database.close_by_ref().await.unwrap();
    drop(held);
    first.await.unwrap().unwrap_err();
    for call in waiting {
        assert_eq!(call.await.unwrap().unwrap_err().reason(), Reason::StoreUnavailable);
    }
    let rows = log.list(None, None, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn another_operation_under_an_id_that_is_running_is_refused_at_once() {
    let (world, wallet) = World::with_wallet().await;
    let held = world.nodes.hold.write().await;
    let first = world.start_signing(message(&wallet, 2));
    world.until_intended(2).await;
    let other = SignMessage { message: b"other".to_vec(), ..message(&wallet, 2) };
    assert_eq!(world.sign(other).await.unwrap_err().reason(), Reason::OperationIdReused);
    drop(held);
    assert!(is_good(&wallet, 2, &first.await.unwrap().unwrap()));
}

#[tokio::test]
async fn another_process_that_has_the_operation_is_not_disturbed() {
    let (mut world, wallet) = World::with_wallet().await;
    let nodes = world.nodes.clone();
    let held = nodes.hold.write().await;
    let first = world.start_signing(message(&wallet, 2));
    world.until_intended(2).await;
    // Until its claim is on record.
    let key = OperationKey { environment: wallet.path.environment, user: wallet.path.user, id: operation(2) };
    while world.gateway.operations.find(key).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    // Another process on the same database.
    world.restart();
    let error = world.sign(message(&wallet, 2)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::AttemptUnknown);
    assert!(error.retry_delay().is_some());
    drop(held);
    let signature = first.await.unwrap().unwrap();
    assert_eq!(world.sign(message(&wallet, 2)).await.unwrap(), signature);
    assert_eq!(world.nodes.asked(Step::Commit).len(), 2);
}

//! Nodes that are away, before or in the middle of a round, and nodes that are lied about on the way: a clear answer
//! that may be tried again, or a result by the other nodes; and of one operation never two results.

use kernel::Reason;
use mpc_signer::export::RecipientKey;
use proto::waas_gateway::{ExportWalletResponse, Wallet, WalletState};

use super::faults::{Fault, Step};
use super::gateway::Site;
use super::nodes::NODES;
use crate::support::answer::Refusal;
use crate::support::exports::open_export;
use crate::support::user::verifies;

const FAULTS: [Fault; 6] =
    [Fault::Fails, Fault::Loses, Fault::Dies, Fault::Alters, Fault::Replays, Fault::Misroutes];

/// The caller is told that it may try again, and that is true of every one of these.
#[track_caller]
fn assert_retryable(refusal: &Refusal) {
    let retryable = [Reason::NodeUnavailable, Reason::ProtocolFailed, Reason::AttemptUnknown];
    assert!(retryable.contains(&refusal.reason), "{refusal:?}");
    assert!(refusal.message().contains("again"), "{refusal:?}");
}

async fn wallet(site: &Site) -> Wallet {
    site.create(site.id()).await.unwrap()
}

#[tokio::test]
async fn with_one_node_away_two_sign_and_export_and_nothing_is_created() {
    let mut site = Site::new().await;
    let wallet = wallet(&site).await;
    for away in 0..NODES {
        site.nodes.stop(away).await;
        let signature = site.sign(&wallet, site.id(), b"two are enough").await.unwrap();
        assert!(verifies(&wallet.public_key, b"two are enough", &signature));
        let key = RecipientKey::generate(site.nodes.entropy.as_ref());
        let export = site.id();
        let answer = site.export(&wallet, export, key.public()).await.unwrap();
        assert_opens(&site, &wallet, export, &key, &answer);
        let creation = site.id();
        let refused = site.create(creation).await.unwrap_err();
        assert_eq!(refused.reason, Reason::NodeUnavailable);
        assert_retryable(&refused);
        site.nodes.start(away);
        let made = site.create(creation).await.unwrap();
        assert_eq!(made.state(), WalletState::Active);
    }
}

#[tokio::test]
async fn with_two_nodes_away_nothing_is_done_and_nothing_is_lost() {
    let mut site = Site::new().await;
    let wallet = wallet(&site).await;
    site.nodes.stop(0).await;
    site.nodes.stop(2).await;
    let (signing, exporting) = (site.id(), site.id());
    let key = RecipientKey::generate(site.nodes.entropy.as_ref());
    for _ in 0..2 {
        let refused = site.sign(&wallet, signing, b"later").await.unwrap_err();
        assert_eq!(refused.reason, Reason::NodeUnavailable);
        assert_retryable(&refused);
        let refused = site.export(&wallet, exporting, key.public()).await.unwrap_err();
        assert_eq!(refused.reason, Reason::NodeUnavailable);
    }
    site.nodes.start(0);
    let signature = site.sign(&wallet, signing, b"later").await.unwrap();
    assert!(verifies(&wallet.public_key, b"later", &signature));
    let answer = site.export(&wallet, exporting, key.public()).await.unwrap();
    assert_opens(&site, &wallet, exporting, &key, &answer);
}

#[tokio::test]
async fn whatever_happens_to_one_node_while_signing_there_is_one_signature() {
    let site = Site::new().await;
    let wallet = wallet(&site).await;
    // Something to replay at every node.
    for n in 0..NODES {
        site.between[(n + 2) % NODES].plan(Step::Status, Fault::Fails, 1);
        site.sign(&wallet, site.id(), b"earlier").await.unwrap();
        site.between[(n + 2) % NODES].heal();
    }
    let mut happened = 0;
    for n in 0..NODES {
        for step in [Step::Status, Step::Commit, Step::Sign, Step::Record] {
            for fault in FAULTS {
                for times in [1, usize::MAX] {
                    let (operation, message) = (site.id(), format!("{n} {step:?} {fault:?} {times}"));
                    site.between[n].plan(step, fault, times);
                    let first = site.sign(&wallet, operation, message.as_bytes()).await;
                    happened += site.between[n].heal();
                    if let Err(refusal) = &first {
                        assert_retryable(refusal);
                    }
                    let result = site.sign(&wallet, operation, message.as_bytes()).await.unwrap();
                    assert!(verifies(&wallet.public_key, message.as_bytes(), &result), "{message}");
                    // With two others there, one node's trouble is nobody else's.
                    assert_eq!(first.as_ref().ok(), Some(&result), "{message}: {first:?}");
                    let refused = site.sign(&wallet, operation, b"something else").await.unwrap_err();
                    assert_eq!(refused.reason, Reason::OperationIdReused);
                }
            }
        }
    }
    assert!(happened > 60, "{happened} faults happened");
}

#[tokio::test]
async fn whatever_happens_to_one_node_while_a_wallet_is_made_there_is_one_wallet() {
    let site = Site::new().await;
    wallet(&site).await;
    let mut happened = 0;
    for n in 0..NODES {
        for step in [Step::Start, Step::Continue, Step::Finish, Step::Activate] {
            for fault in FAULTS {
                let operation = site.id();
                site.between[n].plan(step, fault, 1);
                let first = site.create(operation).await;
                happened += site.between[n].heal();
                if let Err(refusal) = &first {
                    assert_retryable(refusal);
                }
                let made = site.create(operation).await.unwrap();
                let what = format!("{n} {step:?} {fault:?}");
                assert_eq!(made.state(), WalletState::Active, "{what}");
                if let Ok(first) = &first {
                    assert_eq!(*first, made, "{what}");
                }
                assert_eq!(site.create(operation).await.unwrap(), made, "{what}");
                let signature = site.sign(&made, site.id(), what.as_bytes()).await.unwrap();
                assert!(verifies(&made.public_key, what.as_bytes(), &signature), "{what}");
            }
        }
    }
    assert!(happened >= 72, "{happened} faults happened");
}

#[tokio::test]
async fn whatever_happens_to_one_node_while_exporting_the_owner_gets_the_key_or_is_told() {
    let site = Site::new().await;
    let wallet = wallet(&site).await;
    let key = RecipientKey::generate(site.nodes.entropy.as_ref());
    for n in 0..NODES {
        site.between[(n + 2) % NODES].plan(Step::Status, Fault::Fails, 1);
        site.export(&wallet, site.id(), key.public()).await.unwrap();
        site.between[(n + 2) % NODES].heal();
    }
    let mut happened = 0;
    for n in 0..NODES {
        for fault in FAULTS {
            let operation = site.id();
            site.between[n].plan(Step::Export, fault, 1);
            let first = site.export(&wallet, operation, key.public()).await;
            happened += site.between[n].heal();
            if let Err(refusal) = &first {
                assert_retryable(refusal);
            }
            let answer = site.export(&wallet, operation, key.public()).await.unwrap();
            assert_opens(&site, &wallet, operation, &key, &answer);
        }
    }
    assert!(happened > 6, "{happened} faults happened");
}

#[tokio::test]
async fn two_nodes_that_are_lied_about_are_too_many_and_cost_nothing() {
    let site = Site::new().await;
    let wallet = wallet(&site).await;
    for fault in [Fault::Fails, Fault::Loses, Fault::Dies, Fault::Alters] {
        let operation = site.id();
        for n in [0, 2] {
            site.between[n].plan(Step::Sign, fault, usize::MAX);
        }
        let refused = site.sign(&wallet, operation, b"in the end").await;
        assert_retryable(&refused.expect_err(&format!("{fault:?}")));
        let happened: usize = [0, 2].iter().map(|n| site.between[*n].heal()).sum();
        assert!(happened >= 2, "{fault:?} happened {happened} times");
        let signature = site.sign(&wallet, operation, b"in the end").await.unwrap();
        assert!(verifies(&wallet.public_key, b"in the end", &signature));
    }
}

/// The owner opens the answer.
#[track_caller]
fn assert_opens(
    site: &Site,
    wallet: &Wallet,
    operation: kernel::OperationId,
    key: &RecipientKey,
    answer: &ExportWalletResponse,
) {
    let operation = site.exporting(wallet, operation, key.public());
    let opened = open_export(&site.nodes.directory, &operation, &wallet.address, key, answer).unwrap();
    assert_eq!(opened.public_key().as_slice(), wallet.public_key);
}

mod blind_spots;
mod differential;
mod failovers;
mod faults;
mod sizes;

use super::*;
use crate::domain::bound::Bound;
use crate::fixtures::{NOW, export, token};
use crate::store::contract::{self, digest, issue, operation};
use kernel::Reason;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use storage::RedisSettings;
use storage::redis::ClusterSettings;
use testkit::{RedisCluster, RedisServer, Reply};

/// Settings with limits that keep a test short.
fn settings(url: String) -> RedisSettings {
    RedisSettings {
        url: Some(url),
        connect_timeout_ms: 1000,
        response_timeout_ms: 300,
        call_timeout_ms: 2000,
        ..RedisSettings::default()
    }
}

fn spread(cluster: &RedisCluster) -> RedisSettings {
    let cluster = ClusterSettings { urls: cluster.urls() };
    RedisSettings { cluster: Some(cluster), url: None, ..settings(String::new()) }
}

async fn open(server: &RedisServer) -> RedisTokenStore {
    RedisTokenStore::new(Redis::connect(&settings(server.url())).await.unwrap())
}

async fn spend(store: &RedisTokenStore, token: &Token, number: u32) -> Result<Redeemed, Reason> {
    store.redeem(token.key(), operation(number), digest(number), NOW).await.map_err(|error| error.reason())
}

/// The key under which Redis has the tokens of a token's user.
fn key_of(store: &RedisTokenStore, token: &Token) -> Vec<u8> {
    store.key(token.environment, token.user)
}

/// Runs the contract, each part through four doors, under a prefix of its own: that is a store of its own.
async fn keeps_the_contract(settings: RedisSettings) {
    let part = AtomicU32::new(0);
    let fresh = async || {
        let key_prefix = format!("contract-{}", part.fetch_add(1, Ordering::Relaxed));
        let mut doors = Vec::new();
        for _ in 0..4 {
            // The races are longer than what a caller would wait.
            let settings = RedisSettings {
                key_prefix: key_prefix.clone(),
                response_timeout_ms: 10_000,
                call_timeout_ms: 30_000,
                ..settings.clone()
            };
            let redis = Redis::connect(&settings).await.unwrap();
            doors.push(Arc::new(RedisTokenStore::new(redis)) as Arc<dyn TokenStore>);
        }
        doors
    };
    contract::holds(fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_through_the_doors_of_four_processes() {
    let server = RedisServer::start(&[]).await;
    keeps_the_contract(settings(server.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_on_a_cluster() {
    let cluster = RedisCluster::start(&[]).await;
    keeps_the_contract(spread(&cluster)).await;
}

#[tokio::test]
async fn a_slot_that_moves_ends_its_tokens() {
    let cluster = RedisCluster::start(&[]).await;
    let store = RedisTokenStore::new(Redis::connect(&spread(&cluster)).await.unwrap());
    issue(&store, &token(1), NOW).await.unwrap();
    let key = key_of(&store, &token(1));
    let slot = cluster.nodes[0].raw(&[b"CLUSTER", b"KEYSLOT", &key]).await.integer().unwrap();
    let slot = u16::try_from(slot).unwrap();
    // To the node after the one that has it.
    let to = (usize::from(slot) * 3 / 16_384 + 1) % 3;
    cluster.move_slot(slot, to).await;
    assert_eq!(spend(&store, &token(1), 1).await, Err(Reason::TokenStoreChanged));
    issue(&store, &token(2), NOW).await.unwrap();
    assert_eq!(spend(&store, &token(2), 1).await, Ok(Redeemed::Now));
}

#[tokio::test]
async fn redis_lets_go_of_a_record_when_it_says_nothing_any_more() {
    let server = RedisServer::start(&[]).await;
    let store = open(&server).await;
    let life = async |token: &Token| {
        let left = server.raw(&[b"PTTL", &key_of(&store, token)]).await.integer().unwrap();
        Duration::from_millis(u64::try_from(left).unwrap())
    };
    let about = |left: Duration, whole: Duration| left <= whole && left > whole - Duration::from_secs(5);
    issue(&store, &token(1), NOW).await.unwrap();
    let whole = token(1).expires.since(NOW) + RETRY_WINDOW + SLACK;
    assert!(about(life(&token(1)).await, whole));
    spend(&store, &token(1), 1).await.unwrap();
    assert!(about(life(&token(1)).await, whole), "spending does not change it");
    // The longest of a user's tokens decides.
    let long = Token { expires: token(2).expires.plus(Duration::from_secs(3000)), ..token(2) };
    issue(&store, &long, NOW).await.unwrap();
    issue(&store, &token(3), NOW).await.unwrap();
    assert!(about(life(&token(1)).await, whole + Duration::from_secs(3000)));
}

#[tokio::test]
async fn what_is_over_is_thrown_out_with_the_next_token() {
    let server = RedisServer::start(&[]).await;
    let store = open(&server).await;
    let size = async || match server.raw(&[b"STRLEN", &key_of(&store, &token(1))]).await {
        Reply::Integer(size) => size,
        other => panic!("{other:?}"),
    };
    issue(&store, &token(0), NOW).await.unwrap();
    let one = size().await;
    for number in 1..20 {
        issue(&store, &token(number), NOW).await.unwrap();
    }
    assert!(size().await > one * 19);
    let end = token(0).expires.plus(RETRY_WINDOW);
    let next = Token { expires: end.plus(Duration::from_secs(300)), ..token(20) };
    issue(&store, &next, end).await.unwrap();
    assert!(size().await < one * 2);
}

use super::*;
use crate::store::ceremonies::contract::{self, NOW, ceremony};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use storage::RedisSettings;
use testkit::{RedisCluster, RedisServer};

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

async fn open(server: &RedisServer) -> RedisCeremonies {
    RedisCeremonies::new(Redis::connect(&settings(server.url())).await.unwrap())
}

/// Runs the contract, each part through four doors, under a prefix of its own: that is a store of its own.
async fn keeps_the_contract(settings: RedisSettings) {
    let part = AtomicU32::new(0);
    contract::holds(async || {
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
            doors.push(Arc::new(RedisCeremonies::new(redis)) as Arc<dyn Ceremonies>);
        }
        doors
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_through_the_doors_of_four_processes() {
    let server = RedisServer::start(&[]).await;
    keeps_the_contract(settings(server.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_on_a_cluster() {
    let cluster = RedisCluster::start(&[]).await;
    let cluster_settings = storage::redis::ClusterSettings { urls: cluster.urls() };
    keeps_the_contract(RedisSettings {
        cluster: Some(cluster_settings),
        url: None,
        ..settings(String::new())
    })
    .await;
}

#[tokio::test]
async fn a_taken_ceremony_that_a_stalled_replica_still_has_is_not_handed_out_after_its_promotion() {
    let mut primary = RedisServer::start(&[]).await;
    let mut replica = primary.replica(&[]).await;
    let store = open(&primary).await;
    let (taken, waiting) = (ceremony(1), ceremony(2));
    for ceremony in [&taken, &waiting] {
        store.put(ceremony, NOW).await.unwrap();
    }
    replica.in_step_with(&primary).await;
    // That they were put reaches the replica, that one was taken does not.
    replica.pause();
    assert!(store.take(taken.owner, taken.id, NOW).await.unwrap().is_some());
    primary.kill();
    replica.resume();
    replica.replica_of(None).await;
    let store = open(&replica).await;
    for ceremony in [&taken, &waiting] {
        assert_eq!(store.take(ceremony.owner, ceremony.id, NOW).await.unwrap(), None);
    }
    // And they take no room.
    for number in 0..u32::try_from(MAX_PER_USER).unwrap() {
        let id = contract::ceremony(1000 + number).id;
        store.put(&Ceremony { id, ..taken.clone() }, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn a_ceremony_that_comes_back_from_the_servers_own_files_is_not_handed_out() {
    let mut server = RedisServer::start(&[("appendonly", "yes"), ("appendfsync", "always")]).await;
    let store = open(&server).await;
    let waiting = ceremony(1);
    store.put(&waiting, NOW).await.unwrap();
    drop(store);
    server.restart().await;
    let store = open(&server).await;
    assert_ne!(server.raw(&[b"EXISTS", &store.key(waiting.owner)]).await.integer(), Some(0));
    assert_eq!(store.take(waiting.owner, waiting.id, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn redis_lets_go_of_a_ceremony_that_is_over() {
    let server = RedisServer::start(&[]).await;
    let store = open(&server).await;
    let first = ceremony(1);
    store.put(&first, NOW).await.unwrap();
    let life = async || {
        let left = server.raw(&[b"PTTL", &store.key(first.owner)]).await.integer().unwrap();
        Duration::from_millis(u64::try_from(left).unwrap())
    };
    let whole = first.expires.since(NOW) + SLACK;
    let about = |left: Duration| left <= whole && left > whole - Duration::from_secs(5);
    assert!(about(life().await));
    let second = Ceremony { id: ceremony(2).id, ..first.clone() };
    store.put(&second, NOW).await.unwrap();
    store.take(first.owner, first.id, NOW).await.unwrap();
    assert!(about(life().await), "taking one does not change it for the others");
    store.take(first.owner, second.id, NOW).await.unwrap();
    let left = server.raw(&[b"PTTL", &store.key(first.owner)]).await.integer().unwrap();
    assert!(left <= 1, "{left}");
}

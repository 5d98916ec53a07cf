use super::*;
use testkit::RedisCluster;

fn spread(urls: Vec<String>) -> RedisSettings {
    RedisSettings { cluster: Some(ClusterSettings { urls }), ..settings() }
}

/// One more on the counter of this tag.
async fn counted_in(redis: &Redis, tag: &str) -> Result<i64, Error> {
    let script = count();
    let call = Call::new(&script).key(redis.key("count", format!("{{{tag}}}"))).again(Again::SameHistory);
    redis.run(&call).await.and_then(|answer| answer.number(0))
}

#[tokio::test]
async fn every_slot_is_served_and_a_moved_one_is_found() {
    let cluster = RedisCluster::start(&[]).await;
    // One node tells of the others.
    let redis = Redis::connect(&spread(vec![cluster.nodes[1].url()])).await.unwrap();
    redis.check().await.unwrap();
    for number in 0..50 {
        assert_eq!(counted_in(&redis, &number.to_string()).await.unwrap(), 1);
    }
    for node in &cluster.nodes {
        assert!(node.command(&["DBSIZE"]).await.integer().unwrap() > 5);
    }

    // `key` is in slot 12539, a slot of the last node.
    assert_eq!(counted_in(&redis, "key").await.unwrap(), 1);
    cluster.move_slot(12_539, 0).await;
    assert_eq!(counted_in(&redis, "key").await.unwrap(), 2);
    assert_eq!(cluster.nodes[0].command(&["GET", "test:count:{key}"]).await.text().as_deref(), Some("2"));
}

#[tokio::test]
async fn a_slot_that_is_on_its_way_is_asked_for_where_it_goes() {
    let cluster = RedisCluster::start(&[]).await;
    let redis = Redis::connect(&spread(cluster.urls())).await.unwrap();
    let ids: Vec<_> = [
        cluster.nodes[0].command(&["CLUSTER", "MYID"]).await.text().unwrap(),
        cluster.nodes[2].command(&["CLUSTER", "MYID"]).await.text().unwrap(),
    ]
    .into();
    cluster.nodes[0].command(&["CLUSTER", "SETSLOT", "12539", "IMPORTING", &ids[1]]).await.expect_ok();
    cluster.nodes[2].command(&["CLUSTER", "SETSLOT", "12539", "MIGRATING", &ids[0]]).await.expect_ok();
    // A key that is not on the old node any more is on the new one.
    for count in 1..=2 {
        assert_eq!(counted_in(&redis, "key").await.unwrap(), count);
    }
    let old = cluster.nodes[2].command(&["GET", "test:count:{key}"]).await;
    assert!(matches!(&old, testkit::Reply::Error(error) if error.starts_with("ASK")), "{old:?}");
}

#[tokio::test]
async fn a_primary_that_is_away_takes_its_slots_with_it_and_brings_them_back() {
    let mut cluster = RedisCluster::start(&[("cluster-require-full-coverage", "no")]).await;
    let redis = Redis::connect(&spread(cluster.urls())).await.unwrap();
    assert_eq!(counted_in(&redis, "key").await.unwrap(), 1);
    assert_eq!(counted_in(&redis, "1").await.unwrap(), 1, "slot 9842, of the second node");
    cluster.nodes[2].kill();
    assert_eq!(counted_in(&redis, "key").await.unwrap_err().reason(), Reason::StoreUnavailable);
    assert_eq!(redis.check().await.unwrap_err().reason(), Reason::StoreUnavailable);
    assert_eq!(counted_in(&redis, "1").await.unwrap(), 2);
    cluster.nodes[2].restart().await;
    for _ in 0..500 {
        if redis.check().await.is_ok() {
            return assert_eq!(counted_in(&redis, "key").await.unwrap(), 1);
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the node is not used again");
}

#[tokio::test]
async fn keys_of_several_slots_are_a_defect_and_a_wrong_kind_of_server_is_said() {
    let cluster = RedisCluster::start(&[]).await;
    let redis = Redis::connect(&spread(cluster.urls())).await.unwrap();
    let script = count();
    let call = Call::new(&script).key(redis.key("count", "{1}")).key(redis.key("count", "{2}"));
    assert_eq!(redis.run(&call).await.unwrap_err().reason(), Reason::Internal);

    let why = refused(&at(cluster.nodes[0].url())).await;
    assert!(why.contains("is a node of a cluster") && why.contains("redis.cluster.urls"), "{why}");
    let alone = RedisServer::start(&[]).await;
    let why = refused(&spread(vec![alone.url()])).await;
    assert!(why.contains("is not a node of a cluster") && why.contains("redis.url"), "{why}");

    cluster.nodes[1].config_set("maxmemory-policy", "allkeys-random").await;
    assert!(refused(&spread(cluster.urls())).await.contains("allkeys-random"));
    let findings = Redis::probe(&spread(cluster.urls())).await.unwrap();
    let unfit: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Refused).collect();
    assert_eq!(unfit.len(), 1);
    assert!(unfit[0].server.ends_with(&cluster.nodes[1].port().to_string()), "{unfit:?}");
}

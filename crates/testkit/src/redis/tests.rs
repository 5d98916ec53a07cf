use super::*;

#[tokio::test]
async fn a_server_is_stalled_killed_and_started_again_on_its_port_and_files() {
    let mut server = RedisServer::start(&[("appendonly", "yes"), ("appendfsync", "always")]).await;
    let (port, first) = (server.port(), server.replication_id().await);
    server.command(&["SET", "key", "value"]).await.expect_ok();
    server.pause();
    server.resume();
    server.kill();
    assert!(server.try_command(&["PING"]).await.is_err());
    server.restart().await;
    assert_eq!(server.port(), port);
    assert_eq!(server.command(&["GET", "key"]).await.text().as_deref(), Some("value"));
    assert_ne!(server.replication_id().await, first);
    server.stop().await;
    server.restart_with(&[("save", "3600 1 300 100")]).await;
    let saves = server.command(&["CONFIG", "GET", "save"]).await;
    assert_eq!(saves, Reply::Array(vec![bulk("save"), bulk("3600 1 300 100")]));
}

#[tokio::test]
async fn sentinels_promote_the_replica_of_a_primary_that_is_gone() {
    let mut primary = RedisServer::start(&[]).await;
    let replica = primary.replica(&[]).await;
    let sentinels = RedisSentinels::watch(&primary, 1).await;
    assert_eq!(sentinels.primary().await, primary.port());
    primary.kill();
    assert_eq!(sentinels.failed_over_from(primary.port()).await, replica.port());
}

#[tokio::test]
async fn a_cluster_is_whole_and_moves_a_slot_with_its_keys() {
    let cluster = RedisCluster::start(&[]).await;
    // `key` is in slot 12539 (CLUSTER KEYSLOT), a slot of the last node.
    cluster.nodes[2].command(&["SET", "key", "value"]).await.expect_ok();
    cluster.move_slot(12_539, 0).await;
    assert_eq!(cluster.nodes[0].command(&["GET", "key"]).await.text().as_deref(), Some("value"));
    let moved = cluster.nodes[2].command(&["GET", "key"]).await;
    assert!(matches!(&moved, Reply::Error(error) if error.starts_with("MOVED")), "{moved:?}");
}

#[tokio::test]
async fn a_proxy_loses_the_answer_and_not_the_request() {
    let server = RedisServer::start(&[]).await;
    let proxy = RedisProxy::to(server.port()).await;
    let incr: [&[u8]; 2] = [b"INCR", b"key"];
    assert_eq!(resp::command(proxy.port(), &incr).await.unwrap().integer(), Some(1));
    proxy.set(Traffic::LosesAnswers);
    assert!(resp::command(proxy.port(), &incr).await.is_err());
    proxy.set(Traffic::Ends);
    assert!(resp::command(proxy.port(), &incr).await.is_err());
    proxy.set(Traffic::LosesOneAnswer);
    assert!(resp::command(proxy.port(), &incr).await.is_err());
    assert_eq!(resp::command(proxy.port(), &incr).await.unwrap().integer(), Some(4));
    assert_eq!(proxy.connections(), 5);
    let other = RedisServer::start(&[]).await;
    proxy.retarget(other.port());
    assert_eq!(resp::command(proxy.port(), &incr).await.unwrap().integer(), Some(1));
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.as_bytes().to_vec())
}

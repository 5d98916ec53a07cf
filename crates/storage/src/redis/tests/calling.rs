use super::*;
use std::sync::Arc;
use testkit::{RedisProxy, Traffic};

/// Over a proxy, with one connection.
async fn through(proxy: &RedisProxy) -> Redis {
    Redis::connect(&RedisSettings { connections: 1, ..at(proxy.url()) }).await.unwrap()
}

async fn counter(server: &RedisServer) -> Option<String> {
    server.command(&["GET", "test:count:{1}"]).await.text()
}

#[tokio::test]
async fn a_server_that_forgot_the_script_is_told_it_again() {
    let server = RedisServer::start(&[]).await;
    let redis = connected(&server).await;
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 1);
    server.command(&["SCRIPT", "FLUSH"]).await.expect_ok();
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 2);
}

#[tokio::test]
async fn what_must_not_be_repeated_is_sent_once() {
    let server = RedisServer::start(&[]).await;
    let proxy = RedisProxy::to(server.port()).await;
    let redis = through(&proxy).await;
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 1);
    proxy.set(Traffic::LosesOneAnswer);
    assert_eq!(counted(&redis, Again::Never).await.unwrap_err().reason(), Reason::StoreUnavailable);
    assert_eq!(counter(&server).await.as_deref(), Some("2"), "it was carried out, and nobody knew");
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 3);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_over_a_fresh_connection() {
    let server = RedisServer::start(&[]).await;
    let proxy = RedisProxy::to(server.port()).await;
    let redis = through(&proxy).await;
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 1);
    for (again, count) in [(Again::Anywhere, 3), (Again::SameHistory, 5)] {
        let before = proxy.connections();
        proxy.set(Traffic::LosesOneAnswer);
        assert_eq!(counted(&redis, again).await.unwrap(), count);
        assert_eq!(proxy.connections(), before + 1);
    }
}

#[tokio::test]
async fn a_lost_answer_is_not_asked_for_on_another_history() {
    let (server, other) = (RedisServer::start(&[]).await, RedisServer::start(&[]).await);
    let proxy = RedisProxy::to(server.port()).await;
    for (again, expected) in [(Again::SameHistory, None), (Again::Anywhere, Some(1))] {
        proxy.retarget(server.port());
        let redis = through(&proxy).await;
        counted(&redis, Again::Never).await.unwrap();
        proxy.retarget(other.port());
        proxy.set(Traffic::LosesOneAnswer);
        match (counted(&redis, again).await, expected) {
            (Ok(count), Some(expected)) => assert_eq!(count, expected),
            (Err(error), None) => assert_eq!(error.reason(), Reason::TokenStoreChanged),
            (result, _) => panic!("{again:?}: {result:?}"),
        }
    }
    assert_eq!(counter(&server).await.as_deref(), Some("4"));
    assert_eq!(counter(&other).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_network_that_swallows_answers_is_given_up_in_time_and_used_again() {
    let server = RedisServer::start(&[]).await;
    let proxy = RedisProxy::to(server.port()).await;
    let redis = through(&proxy).await;
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 1);
    proxy.set(Traffic::SwallowsAnswers);
    assert_eq!(counted(&redis, Again::Never).await.unwrap_err().reason(), Reason::StoreUnavailable);
    proxy.set(Traffic::Passes);
    assert_eq!(soon(&redis).await, 3);
}

#[tokio::test]
async fn calls_fail_at_once_while_the_server_is_away_and_work_when_it_is_back() {
    let mut server = RedisServer::start(&[]).await;
    let redis = connected(&server).await;
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 1);
    server.kill();
    let error = loop {
        // Until it is noticed, a call may be on its way.
        let error = counted(&redis, Again::Never).await.unwrap_err();
        assert_eq!(error.reason(), Reason::StoreUnavailable);
        if error.internal_cause().unwrap().to_string().contains("cannot be reached") {
            break error;
        }
    };
    assert!(!error.message().contains("127.0.0.1"), "{error}");
    assert!(redis.check().await.is_err());
    server.restart().await;
    assert_eq!(soon(&redis).await, 1);

    server.pause();
    assert_eq!(counted(&redis, Again::Never).await.unwrap_err().reason(), Reason::StoreUnavailable);
    server.resume();
    soon(&redis).await;
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica_is_not_used_until_it_is_a_primary_again() {
    let (server, other) = (RedisServer::start(&[]).await, RedisServer::start(&[]).await);
    let redis = connected(&server).await;
    server.replica_of(Some(&other)).await;
    for _ in 0..3 {
        assert_eq!(counted(&redis, Again::Anywhere).await.unwrap_err().reason(), Reason::StoreUnavailable);
    }
    server.replica_of(None).await;
    soon(&redis).await;
}

#[tokio::test]
async fn a_broken_script_is_a_defect_here() {
    let server = RedisServer::start(&[]).await;
    let redis = connected(&server).await;
    for body in ["return {}", "return 1", "nothing()", "return {'WORD', {}}", "return redis.call('GET')"] {
        let script = Script::writing(body);
        let error = redis.run(&Call::new(&script)).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Internal, "{body}");
        assert!(!error.message().contains("script"), "{error}");
    }
    // The connection is none the worse for it.
    redis.check().await.unwrap();
}

#[tokio::test]
async fn a_script_that_only_reads_cannot_write() {
    let server = RedisServer::start(&[]).await;
    let redis = connected(&server).await;
    let script = Script::reading("redis.call('SET', KEYS[1], 'x') return {'DONE'}");
    let call = Call::new(&script).key(redis.key("a", "b"));
    assert_eq!(redis.run(&call).await.unwrap_err().reason(), Reason::Internal);
    assert_eq!(server.command(&["EXISTS", "test:a:b"]).await.integer(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_may_be_in_flight_wait_their_turn() {
    let server = RedisServer::start(&[]).await;
    let few = RedisSettings { max_in_flight: 2, call_timeout_ms: 20_000, ..at(server.url()) };
    let redis = Arc::new(Redis::connect(&few).await.unwrap());
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let redis = redis.clone();
            tokio::spawn(async move { counted(&redis, Again::Never).await })
        })
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    for task in tasks {
        seen.insert(task.await.unwrap().unwrap());
    }
    assert_eq!(seen.len(), 500);
}

#[tokio::test]
async fn connections_end_with_the_last_clone() {
    let server = RedisServer::start(&[]).await;
    let redis = connected(&server).await;
    let clone = redis.clone();
    drop(redis);
    counted(&clone, Again::Never).await.unwrap();
    drop(clone);
    for _ in 0..500 {
        if server.info("clients", "connected_clients").await.as_deref() == Some("1") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("connections stay open");
}

/// The count, once calls work again: within a few seconds.
async fn soon(redis: &Redis) -> i64 {
    for _ in 0..500 {
        if let Ok(count) = counted(redis, Again::Never).await {
            return count;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the server is not used again");
}

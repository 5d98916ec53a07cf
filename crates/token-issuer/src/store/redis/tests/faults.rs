//! A store that is away, full, or whose answer was lost.

use super::*;
use testkit::{RedisProxy, Traffic};

async fn through(proxy: &RedisProxy) -> RedisTokenStore {
    let settings = RedisSettings { connections: 1, ..settings(proxy.url()) };
    RedisTokenStore::new(Redis::connect(&settings).await.unwrap())
}

/// Every script is known to the server, so that the next answer is that of the script.
async fn warm(store: &RedisTokenStore) {
    let token = token(900);
    store.check_room(token.environment, token.user, NOW).await.unwrap();
    issue(store, &token, NOW).await.unwrap();
    store.get(token.key(), NOW).await.unwrap();
    spend(store, &token, 1).await.unwrap();
}

#[tokio::test]
async fn whoever_loses_the_answer_gets_it_and_the_token_pays_once() {
    let server = RedisServer::start(&[]).await;
    let proxy = RedisProxy::to(server.port()).await;
    let store = through(&proxy).await;
    warm(&store).await;

    proxy.set(Traffic::LosesOneAnswer);
    issue(&store, &token(1), NOW).await.unwrap();
    proxy.set(Traffic::LosesOneAnswer);
    // The first try spent it, the second found that.
    assert_eq!(spend(&store, &token(1), 1).await, Ok(Redeemed::Earlier));
    assert_eq!(spend(&store, &token(1), 2).await, Err(Reason::TokenAlreadyRedeemed));
    proxy.set(Traffic::LosesOneAnswer);
    assert!(store.get(token(1).key(), NOW).await.unwrap().is_some());
    proxy.set(Traffic::LosesOneAnswer);
    store.check_room(token(1).environment, token(1).user, NOW).await.unwrap();
}

#[tokio::test]
async fn a_token_is_issued_in_the_history_that_there_was_room_in_and_in_no_other() {
    let (server, other) = (RedisServer::start(&[]).await, RedisServer::start(&[]).await);
    let proxy = RedisProxy::to(server.port()).await;
    let store = through(&proxy).await;
    warm(&store).await;
    let one = token(1);
    let room = store.check_room(one.environment, one.user, NOW).await.unwrap();
    // The call gets so far, is lost with the server, and is made again by the client of the next one.
    proxy.retarget(other.port());
    proxy.set(Traffic::LosesOneAnswer);
    let refused = store.issue(&one, &room, NOW).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::StoreUnavailable);
    // It may have been found, handed out and spent on the first server by now: however late, it is not issued here.
    let refused = store.issue(&one, &room, NOW).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::StoreUnavailable);
    assert_eq!(store.get(one.key(), NOW).await.unwrap(), None);
    // Who finds room here may, if nobody was given it.
    issue(&store, &one, NOW).await.unwrap();
}

#[tokio::test]
async fn a_token_whose_use_was_lost_with_its_server_is_not_used_on_the_next() {
    let primary = RedisServer::start(&[]).await;
    let replica = primary.replica(&[]).await;
    let proxy = RedisProxy::to(primary.port()).await;
    let store = through(&proxy).await;
    warm(&store).await;
    issue(&store, &token(1), NOW).await.unwrap();
    replica.in_step_with(&primary).await;
    replica.replica_of(None).await;
    proxy.retarget(replica.port());
    proxy.set(Traffic::LosesOneAnswer);
    assert_eq!(spend(&store, &token(1), 1).await, Err(Reason::TokenStoreChanged));
    assert_eq!(spend(&store, &token(1), 2).await, Err(Reason::TokenStoreChanged));
    // The first server knows that it was spent, and on what.
    let old = open(&primary).await;
    assert_eq!(spend(&old, &token(1), 2).await, Err(Reason::TokenAlreadyRedeemed));
    assert_eq!(spend(&old, &token(1), 1).await, Ok(Redeemed::Earlier));
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_issued_or_spent() {
    let mut server = RedisServer::start(&[]).await;
    let store = open(&server).await;
    issue(&store, &token(1), NOW).await.unwrap();
    let all_refused = async || {
        let one = token(1);
        assert_eq!(spend(&store, &one, 1).await, Err(Reason::StoreUnavailable));
        for refused in [
            issue(&store, &token(2), NOW).await,
            store.check_room(one.environment, one.user, NOW).await.map(drop),
            store.get(one.key(), NOW).await.map(drop),
        ] {
            assert_eq!(refused.unwrap_err().reason(), Reason::StoreUnavailable);
        }
    };
    server.pause();
    all_refused().await;
    server.resume();
    server.kill();
    all_refused().await;
}

#[tokio::test]
async fn a_store_that_takes_no_writes_says_so_before_a_code_is_consumed() {
    let server = RedisServer::start(&[]).await;
    let store = open(&server).await;
    issue(&store, &token(1), NOW).await.unwrap();
    for (key, bad, good) in [("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")] {
        server.config_set(key, bad).await;
        let room = store.check_room(token(1).environment, token(1).user, NOW).await.unwrap_err();
        assert_eq!(room.reason(), Reason::StoreUnavailable, "{key}");
        assert_eq!(issue(&store, &token(2), NOW).await.unwrap_err().reason(), Reason::StoreUnavailable);
        assert_eq!(spend(&store, &token(1), 1).await, Err(Reason::StoreUnavailable));
        // It can be read.
        assert!(store.get(token(1).key(), NOW).await.unwrap().is_some());
        server.config_set(key, good).await;
    }
    assert_eq!(spend(&store, &token(1), 1).await, Ok(Redeemed::Now));
}

#[tokio::test]
async fn a_record_that_nobody_of_us_wrote_pays_for_nothing() {
    let server = RedisServer::start(&[]).await;
    let store = open(&server).await;
    issue(&store, &token(1), NOW).await.unwrap();
    let key = key_of(&store, &token(1));
    for garbage in [&b"garbage"[..], b"\xc1", b"\x91\x01", b"\x91\x80"] {
        server.raw(&[b"SET", &key, garbage]).await.expect_ok();
        let refused = spend(&store, &token(1), 1).await.unwrap_err();
        assert!(matches!(refused, Reason::Internal | Reason::TokenUnknown), "{garbage:?}: {refused}");
        let read = store.get(token(1).key(), NOW).await;
        assert!(!matches!(read, Ok(Some(_))), "{garbage:?}: {read:?}");
    }
    server.raw(&[b"DEL", &key]).await.expect_ok();
    server.raw(&[b"RPUSH", &key, b"x"]).await.expect_ok();
    assert_eq!(spend(&store, &token(1), 1).await, Err(Reason::Internal));
}

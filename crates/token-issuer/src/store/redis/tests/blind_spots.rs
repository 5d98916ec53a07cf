//! What a fence sees of a record that comes from somewhere else, and what it cannot see. Whatever it cannot is stopped by
//! whoever carries the operation out: a token pays for one operation there, for ever (`UNIQUE(jti)`).

use super::*;

async fn copied(server: &RedisServer, key: &[u8]) -> Vec<u8> {
    match server.raw(&[b"DUMP", key]).await {
        Reply::Bulk(octets) => octets,
        other => panic!("{other:?}"),
    }
}

async fn put(server: &RedisServer, key: &[u8], dump: &[u8]) {
    server.raw(&[b"RESTORE", key, b"600000", dump, b"REPLACE"]).await.expect_ok();
}

#[tokio::test]
async fn a_record_that_was_copied_to_another_server_pays_for_nothing() {
    let (server, other) = (RedisServer::start(&[]).await, RedisServer::start(&[]).await);
    let store = open(&server).await;
    issue(&store, &token(1), NOW).await.unwrap();
    let key = key_of(&store, &token(1));
    put(&other, &key, &copied(&server, &key).await).await;
    assert_eq!(spend(&store, &token(1), 1).await, Ok(Redeemed::Now));
    assert_eq!(spend(&open(&other).await, &token(1), 2).await, Err(Reason::TokenStoreChanged));
}

#[tokio::test]
async fn a_record_of_one_user_under_the_key_of_another_does_not_become_his() {
    let server = RedisServer::start(&[]).await;
    let store = open(&server).await;
    issue(&store, &token(1), NOW).await.unwrap();
    let bob = Token { user: UserId::derive(token(1).environment, "idp", "bob"), ..token(1) };
    put(&server, &key_of(&store, &bob), &copied(&server, &key_of(&store, &token(1))).await).await;
    // Found, it is read as Bob's: a token signed for its real owner differs from it.
    let read = store.get(bob.key(), NOW).await.unwrap().unwrap().token;
    assert_eq!(read, bob);
    assert_ne!(read, token(1));
}

/// Not seen: whoever may write to the server can put back what it had.
#[tokio::test]
async fn a_record_that_is_put_back_on_its_own_server_pays_again() {
    let server = RedisServer::start(&[]).await;
    let store = open(&server).await;
    issue(&store, &token(1), NOW).await.unwrap();
    let key = key_of(&store, &token(1));
    let before = copied(&server, &key).await;
    assert_eq!(spend(&store, &token(1), 1).await, Ok(Redeemed::Now));
    put(&server, &key, &before).await;
    assert_eq!(spend(&store, &token(1), 2).await, Ok(Redeemed::Now));
}

#[tokio::test]
async fn a_snapshot_that_is_put_back_pays_for_nothing() {
    let mut server = RedisServer::start(&[("save", "3600 1000000")]).await;
    let store = open(&server).await;
    issue(&store, &token(1), NOW).await.unwrap();
    server.command(&["SAVE"]).await.expect_ok();
    let snapshot = std::fs::read(server.folder().join("dump.rdb")).unwrap();
    assert_eq!(spend(&store, &token(1), 1).await, Ok(Redeemed::Now));
    server.kill();
    std::fs::write(server.folder().join("dump.rdb"), snapshot).unwrap();
    server.restart().await;
    assert_eq!(spend(&open(&server).await, &token(1), 2).await, Err(Reason::TokenStoreChanged));
}

#[tokio::test]
async fn a_replica_that_takes_writes_pays_for_nothing() {
    let primary = RedisServer::start(&[]).await;
    let store = open(&primary).await;
    let proxy = testkit::RedisProxy::to(primary.port()).await;
    let through = RedisTokenStore::new(Redis::connect(&settings(proxy.url())).await.unwrap());
    let replica = primary.replica(&[("replica-read-only", "no")]).await;
    issue(&store, &token(1), NOW).await.unwrap();
    replica.in_step_with(&primary).await;
    // The name of the primary suddenly leads to the replica.
    proxy.retarget(replica.port());
    proxy.cut();
    assert_eq!(spend(&through, &token(1), 1).await, Err(Reason::StoreUnavailable));
    assert_eq!(spend(&store, &token(1), 2).await, Ok(Redeemed::Now));
}

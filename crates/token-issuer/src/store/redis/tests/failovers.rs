//! What comes back after a failover or restart pays for nothing.

use super::*;

const BOTH: u32 = 2;

/// A server with one token that was spent, if it came to that, and one that was not.
async fn with_tokens(server: &RedisServer) -> (Token, Token) {
    let store = open(server).await;
    let (spent, unspent) = (token(1), token(2));
    issue(&store, &spent, NOW).await.unwrap();
    issue(&store, &unspent, NOW).await.unwrap();
    spend(&store, &spent, 1).await.unwrap();
    (spent, unspent)
}

/// Every use of either token is refused.
async fn nothing_is_paid(server: &RedisServer, tokens: &(Token, Token)) {
    let store = open(server).await;
    for token in [&tokens.0, &tokens.1] {
        for number in 1..=BOTH {
            assert_eq!(spend(&store, token, number).await, Err(Reason::TokenStoreChanged));
        }
        let read = store.get(token.key(), NOW).await.unwrap_err();
        assert_eq!(read.reason(), Reason::TokenStoreChanged);
        let issued = issue(&store, token, NOW).await.unwrap_err();
        assert_eq!(issued.reason(), Reason::TokenStoreChanged, "it is not issued anew");
    }
    // Others can be issued and spent.
    let fresh = token(99);
    store.check_room(fresh.environment, fresh.user, NOW).await.unwrap();
    issue(&store, &fresh, NOW).await.unwrap();
    assert_eq!(spend(&store, &fresh, 1).await, Ok(Redeemed::Now));
}

#[tokio::test]
async fn case_2_a_spent_token_that_a_stalled_replica_still_has_is_not_spent_again_after_its_promotion() {
    let mut primary = RedisServer::start(&[]).await;
    let mut replica = primary.replica(&[]).await;
    let store = open(&primary).await;
    let (spent, unspent) = (token(1), token(2));
    for token in [&spent, &unspent] {
        issue(&store, token, NOW).await.unwrap();
    }
    replica.in_step_with(&primary).await;
    // Issued reaches the replica, spent does not.
    replica.pause();
    assert_eq!(spend(&store, &spent, 1).await, Ok(Redeemed::Now));
    primary.kill();
    replica.resume();
    replica.replica_of(None).await;
    nothing_is_paid(&replica, &(spent, unspent)).await;
}

#[tokio::test]
async fn case_3_in_a_split_brain_one_side_pays() {
    let primary = RedisServer::start(&[]).await;
    let replica = primary.replica(&[]).await;
    let store = open(&primary).await;
    issue(&store, &token(1), NOW).await.unwrap();
    replica.in_step_with(&primary).await;
    replica.replica_of(None).await;
    let other = open(&replica).await;
    // Both call themselves primary, both are asked at the same time.
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let side = if number % 2 == 0 { store.clone() } else { other.clone() };
            tokio::spawn(async move { spend(&side, &token(1), number).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(reason) => {
                assert!(
                    matches!(reason, Reason::TokenStoreChanged | Reason::TokenAlreadyRedeemed),
                    "{reason}"
                );
            }
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_restart_ends_every_token_whatever_it_kept() {
    for options in [
        &[("appendonly", "yes"), ("appendfsync", "always")][..],
        &[("save", "3600 1")],
        &[("appendonly", "yes"), ("aof-use-rdb-preamble", "no")],
    ] {
        let mut server = RedisServer::start(options).await;
        let tokens = with_tokens(&server).await;
        server.stop().await;
        server.restart().await;
        let key = key_of(&open(&server).await, &tokens.0);
        assert_eq!(server.raw(&[b"EXISTS", &key]).await.integer(), Some(1), "it kept them");
        nothing_is_paid(&server, &tokens).await;
    }
}

#[tokio::test]
async fn a_restart_that_keeps_nothing_makes_every_token_unknown() {
    let mut server = RedisServer::start(&[]).await;
    let (spent, unspent) = with_tokens(&server).await;
    server.restart().await;
    let store = open(&server).await;
    for token in [spent, unspent] {
        assert_eq!(spend(&store, &token, 1).await, Err(Reason::TokenUnknown));
    }
}

#[tokio::test]
async fn the_first_replica_of_a_server_ends_every_token() {
    let server = RedisServer::start(&[]).await;
    let tokens = with_tokens(&server).await;
    let _replica = server.replica(&[]).await;
    nothing_is_paid(&server, &tokens).await;
    // The second does not: the history has begun.
    let store = open(&server).await;
    issue(&store, &token(50), NOW).await.unwrap();
    let _second = server.replica(&[]).await;
    assert_eq!(spend(&store, &token(50), 1).await, Ok(Redeemed::Now));
}

#[tokio::test]
async fn tokens_of_another_history_take_nobodys_place() {
    let mut server = RedisServer::start(&[("appendonly", "yes")]).await;
    let store = open(&server).await;
    let most = u32::try_from(MAX_PER_USER).unwrap();
    for number in 0..most {
        issue(&store, &token(number), NOW).await.unwrap();
    }
    assert_eq!(issue(&store, &token(most), NOW).await.unwrap_err().reason(), Reason::TokenLimitReached);
    server.stop().await;
    server.restart().await;
    let store = open(&server).await;
    for number in 0..most {
        issue(&store, &token(1000 + number), NOW).await.unwrap();
    }
    assert_eq!(issue(&store, &token(most), NOW).await.unwrap_err().reason(), Reason::TokenLimitReached);
    assert_eq!(spend(&store, &token(0), 1).await, Err(Reason::TokenStoreChanged));
}

//! Stores that stall, fill up or change under a running deployment: nothing is authorized meanwhile, and nothing that was
//! acknowledged is lost.

use kernel::Reason;
use testkit::{PostgresServer, RedisServer};

use super::people::{ready, served};
use crate::support::again::{answered, insist};
use crate::support::answer::Outcome as _;
use crate::support::dev::DevSuite;
use crate::support::processes;
use crate::support::servers::Servers;

/// A suite on servers that belong to one test.
async fn own() -> (DevSuite, PostgresServer, RedisServer) {
    let postgres = PostgresServer::start(&[]).await;
    let redis = RedisServer::start(&[("repl-backlog-ttl", "0")]).await;
    let servers = Servers { postgres: postgres.url(), redis: redis.url() };
    let suite = tokio::task::spawn_blocking(move || processes::start("own-servers", Some(&servers)));
    (suite.await.unwrap(), postgres, redis)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_32_stores_that_stall_fill_up_or_start_anew_authorize_nothing_and_lose_nothing() {
    let (suite, mut postgres, mut redis) = own().await;

    // Redis answers nothing.
    let (user, wallet, token) = ready(&suite).await;
    let operation = user.signing(&wallet, b"stalled");
    redis.pause();
    user.authorize(&operation, &token).await.refused(Reason::StoreUnavailable);
    redis.resume();
    served(&suite, "a stall of Redis").await;
    // The outcome of the call that got no answer was unknown: with its own operation id it may be asked for again.
    insist("authorize", || user.authorize(&operation, &token)).await;
    let another = user.signing(&wallet, b"another");
    let (refused, _) = answered("authorize", || user.authorize(&another, &token)).await;
    refused.refused(Reason::TokenAlreadyRedeemed);

    // Redis is full.
    let (user, wallet, token) = ready(&suite).await;
    redis.config_set("maxmemory", "1").await;
    user.authorize(&user.signing(&wallet, b"full"), &token).await.refused(Reason::StoreUnavailable);
    redis.config_set("maxmemory", "0").await;
    served(&suite, "a full Redis").await;

    // Redis forgets what it is told to keep: it is not believed any more.
    redis.config_set("maxmemory-policy", "allkeys-lru").await;
    redis.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    let refusal = user.authorize(&user.signing(&wallet, b"evicting"), &token).await.outcome().err().unwrap();
    assert_eq!(refusal.reason, Reason::StoreUnavailable, "{refusal:?}");
    redis.config_set("maxmemory-policy", "noeviction").await;
    served(&suite, "a Redis that evicts").await;

    // Redis was started anew, without its data or with an old copy: its own words are not enough.
    let (user, wallet, token) = ready(&suite).await;
    redis.restart().await;
    let operation = user.signing(&wallet, b"restarted");
    let (tried, _) = answered("a restarted Redis", || user.authorize(&operation, &token)).await;
    let refusal = tried.outcome().expect_err("nothing is authorized");
    assert!([Reason::TokenUnknown, Reason::TokenStoreChanged].contains(&refusal.reason), "{refusal:?}");
    served(&suite, "a restart of Redis").await;

    // Postgres answers nothing, and then is killed.
    let (user, wallet, token) = ready(&suite).await;
    let operation = user.signing(&wallet, b"stalled");
    postgres.pause();
    let status = user.authorize(&operation, &token).await.unwrap_err();
    let retryable = [tonic::Code::Unavailable, tonic::Code::DeadlineExceeded];
    assert!(retryable.contains(&status.code()), "{status:?}");
    postgres.resume();
    served(&suite, "a stall of Postgres").await;
    insist("authorize", || user.authorize(&operation, &token)).await;
    postgres.restart().await;
    served(&suite, "a crash of Postgres").await;
    insist("authorize", || user.authorize(&operation, &token)).await;
}

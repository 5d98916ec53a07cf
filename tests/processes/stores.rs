//! Stores that stall, fill up or change under a running deployment: nothing is authorized meanwhile, and nothing that was
//! acknowledged is lost.

use std::time::Duration;

use kernel::Reason;
use testkit::{PostgresServer, RedisServer};

use crate::support::answer::{Done as _, Outcome as _};
use crate::support::dev::DevSuite;
use crate::support::processes;
use crate::support::servers::Servers;
use crate::support::user::User;

/// A suite on servers that belong to one test.
async fn own() -> (DevSuite, PostgresServer, RedisServer) {
    let postgres = PostgresServer::start(&[]).await;
    let redis = RedisServer::start(&[("repl-backlog-ttl", "0")]).await;
    let servers = Servers { postgres: postgres.url(), redis: redis.url() };
    let suite = tokio::task::spawn_blocking(move || processes::start("own-servers", Some(&servers)));
    (suite.await.unwrap(), postgres, redis)
}

/// Somebody with a wallet and a token.
async fn ready(suite: &DevSuite) -> (User, proto::waas_gateway::Wallet, String) {
    let user = User::new(suite).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    (user, wallet, token)
}

/// Waits until a token that is fresh pays again.
async fn recovers(suite: &DevSuite, what: &str) {
    for _ in 0..300 {
        let user = User::new(suite).await;
        let tried = async {
            let (device, mut app) = user.register(None).await?;
            user.activate(&device.name, &app.next()).await?;
            let code = app.next();
            let token = user.authenticate(&code, &["wallet:sign"], None).await?.into_inner();
            let wallet = user.create_wallet(crate::support::fresh::operation_id()).await?.into_inner();
            user.authorize(&user.signing(&wallet, b"again"), &token.elevated_token.unwrap().token).await
        };
        match tried.await {
            Ok(_) => return,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("no recovery after {what} within half a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_stall_fill_up_or_start_anew_authorize_nothing_and_lose_nothing() {
    let (suite, mut postgres, mut redis) = own().await;

    // Redis answers nothing.
    let (user, wallet, token) = ready(&suite).await;
    let operation = user.signing(&wallet, b"stalled");
    redis.pause();
    user.authorize(&operation, &token).await.refused(Reason::StoreUnavailable);
    redis.resume();
    recovers(&suite, "a stall of Redis").await;
    // The outcome of the call that got no answer was unknown: with its own operation id it may be asked for again.
    user.authorize(&operation, &token).await.done();
    user.authorize(&user.signing(&wallet, b"another"), &token).await.refused(Reason::TokenAlreadyRedeemed);

    // Redis is full.
    let (user, wallet, token) = ready(&suite).await;
    redis.config_set("maxmemory", "1").await;
    user.authorize(&user.signing(&wallet, b"full"), &token).await.refused(Reason::StoreUnavailable);
    redis.config_set("maxmemory", "0").await;
    recovers(&suite, "a full Redis").await;

    // Redis forgets what it is told to keep: it is not believed any more.
    redis.config_set("maxmemory-policy", "allkeys-lru").await;
    redis.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    let refusal = user.authorize(&user.signing(&wallet, b"evicting"), &token).await.outcome().err().unwrap();
    assert_eq!(refusal.reason, Reason::StoreUnavailable, "{refusal:?}");
    redis.config_set("maxmemory-policy", "noeviction").await;
    recovers(&suite, "a Redis that evicts").await;

    // Redis was started anew, without its data or with an old copy: its own words are not enough.
    let (user, wallet, token) = ready(&suite).await;
    redis.restart().await;
    let refusal = loop {
        let tried = user.authorize(&user.signing(&wallet, b"restarted"), &token).await;
        match tried.outcome() {
            Err(refusal) if refusal.reason == Reason::StoreUnavailable => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => break other.expect_err("nothing is authorized"),
        }
    };
    assert!([Reason::TokenUnknown, Reason::TokenStoreChanged].contains(&refusal.reason), "{refusal:?}");
    recovers(&suite, "a restart of Redis").await;

    // Postgres answers nothing, and then is killed.
    let (user, wallet, token) = ready(&suite).await;
    let operation = user.signing(&wallet, b"stalled");
    postgres.pause();
    let status = user.authorize(&operation, &token).await.unwrap_err();
    let retryable = [tonic::Code::Unavailable, tonic::Code::DeadlineExceeded];
    assert!(retryable.contains(&status.code()), "{status:?}");
    postgres.resume();
    recovers(&suite, "a stall of Postgres").await;
    user.authorize(&operation, &token).await.done();
    postgres.restart().await;
    recovers(&suite, "a crash of Postgres").await;
    user.authorize(&operation, &token).await.done();
}

//! Against real servers, whole and broken.

mod calling;
mod clusters;
mod connecting;
mod pretenders;
mod protected;
mod sentinels;
mod told;
mod witnessing;

use super::*;
use kernel::{Error, Reason, Result};
use testkit::RedisServer;

/// Settings with limits that keep a test short.
fn settings() -> RedisSettings {
    RedisSettings {
        connect_timeout_ms: 1000,
        response_timeout_ms: 300,
        call_timeout_ms: 2000,
        key_prefix: "test".to_owned(),
        ..RedisSettings::default()
    }
}

fn at(url: impl Into<String>) -> RedisSettings {
    RedisSettings { url: Some(url.into()), ..settings() }
}

async fn connected(server: &RedisServer) -> Redis {
    Redis::connect(&at(server.url())).await.unwrap()
}

/// Why there is no connection, as the operator reads it.
async fn refused(settings: &RedisSettings) -> String {
    let error = Redis::connect(settings).await.unwrap_err();
    assert_eq!(error.reason(), Reason::StoreUnavailable, "{error}");
    error.message().to_owned()
}

/// Counts, and says on which history: a script that cannot be repeated unnoticed.
fn count() -> Script {
    Script::writing("redis.call('INCR', KEYS[1])\nreturn {'COUNTED', redis.call('GET', KEYS[1]), epoch}")
}

async fn counted(redis: &Redis, again: Again) -> Result<i64, Error> {
    let script = count();
    let call = Call::new(&script).key(redis.key("count", "{1}")).again(again);
    redis.run(&call).await.and_then(|answer| answer.number(0))
}

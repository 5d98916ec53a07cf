//! The stores under test, as an issuer's process would open them.

mod getdel;

use std::sync::Arc;
use std::time::Duration;

use storage::Redis;
use storage::redis::{ClusterSettings, RedisSettings, SentinelSettings};
use token_issuer::ports::TokenStore;
use token_issuer::store::RedisTokenStore;

use getdel::GetDel;

use super::world::PATIENCE;
use crate::faults::stopwatch::until;

/// How long any client waits for Redis before it gives up: short, so that a campaign is.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(400);

/// Where a client finds Redis.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A server, or a proxy before it, on this loopback port.
    Server(u16),
    /// Sentinels at these URLs, which know the server by this name.
    Sentinels(Vec<String>, &'static str),
    /// Nodes of a cluster at these URLs.
    Cluster(Vec<String>),
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Ours.
    Fenced,
    /// The control.
    Naive,
}

/// One process's client of a store.
pub(crate) type Client = Arc<dyn TokenStore>;

/// Opens a client of its own, with connections of its own.
pub(crate) async fn open(subject: Subject, place: &Place) -> Result<Client, String> {
    match subject {
        Subject::Naive => Ok(Arc::new(GetDel::new(place.clone()))),
        Subject::Fenced => {
            let settings = settings(place);
            // Nothing is broken yet, but a machine that has too much to do takes longer than a client waits.
            let redis =
                until("a connection to Redis", PATIENCE, async || Redis::connect(&settings).await.ok());
            Ok(Arc::new(RedisTokenStore::new(redis.await?)))
        }
    }
}

/// An issuer's settings, but for how long it waits.
fn settings(place: &Place) -> RedisSettings {
    let timeout = u64::try_from(TIMEOUT.as_millis()).expect("a short time");
    let settings = RedisSettings {
        connect_timeout_ms: timeout,
        response_timeout_ms: timeout,
        call_timeout_ms: 3 * timeout,
        ..RedisSettings::default()
    };
    match place {
        Place::Server(port) => RedisSettings { url: Some(format!("redis://127.0.0.1:{port}")), ..settings },
        Place::Sentinels(urls, name) => {
            let (urls, master) = (urls.clone(), (*name).to_owned());
            let sentinel = SentinelSettings { urls, master, ..SentinelSettings::default() };
            RedisSettings { sentinel: Some(sentinel), ..settings }
        }
        Place::Cluster(urls) => {
            RedisSettings { cluster: Some(ClusterSettings { urls: urls.clone() }), ..settings }
        }
    }
}

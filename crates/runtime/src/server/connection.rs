//! One connection: from its first request until it is idle, too old, or everything stops.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::guard::Share;
use crate::limits;
use crate::tls::Caller;

/// What a connection needs to be served.
pub(super) struct Connection {
    /// Which one it is on its listener, from zero.
    pub(super) number: u64,
    /// What answers.
    pub(super) router: Router,
    /// Resolves when everything stops.
    pub(super) close: CancellationToken,
}

impl Connection {
    /// Serves it to its end. A connection is never cut while a call on it may still be answered.
    pub(super) async fn run<I>(self, io: I, caller: Caller)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new();
        let service = self.router.map_request({
            let (activity, share) = (activity.clone(), Share::default());
            move |mut request: http::Request<hyper::body::Incoming>| {
                activity.request();
                request.extensions_mut().insert(share.clone());
                if let Some(peer) = &caller.peer {
                    request.extensions_mut().insert(peer.clone());
                }
                if let Some(stranger) = &caller.stranger {
                    request.extensions_mut().insert(stranger.clone());
                }
                request
            }
        });
        let builder = builder();
        let mut connection =
            pin!(builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(service)));
        let why = tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = activity.idle() => "idle",
            () = tokio::time::sleep(age(self.number)) => "old",
            () = self.close.cancelled() => "stopping",
        };
        // The client is told not to send more here (RFC 9113 section 6.8); what it has sent is answered.
        connection.as_mut().graceful_shutdown();
        tracing::debug!(why, "a connection is closed");
        if tokio::time::timeout(limits::CLOSING_TIME, connection).await.is_err() {
            tracing::debug!(why, "a connection did not close and was cut");
        }
    }
}

/// How old the connection with this number may get: spread over a fifth, so that clients that came together do not all
/// come back together. The fractional parts of multiples of the golden ratio are spread evenly, however many they are.
fn age(number: u64) -> Duration {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let spread = number.wrapping_mul(GOLDEN) >> 44;
    let fifth = limits::MAX_CONNECTION_AGE / 5;
    limits::MAX_CONNECTION_AGE - fifth / 2 + fifth * u32::try_from(spread).unwrap_or(0) / (1 << 20)
}

/// When a connection was last used.
#[derive(Clone)]
struct Activity {
    last: Arc<Mutex<(Instant, Duration)>>,
}

#[expect(clippy::disallowed_methods, reason = "closes idle connections, decides nothing else")]
impl Activity {
    fn new() -> Self {
        Self { last: Arc::new(Mutex::new((Instant::now(), limits::FIRST_REQUEST_TIMEOUT))) }
    }

    fn request(&self) {
        *self.lock() = (Instant::now(), limits::IDLE_TIMEOUT);
    }

    /// Resolves when the connection was not used for too long. Longer than the longest call, so it cuts none.
    async fn idle(&self) {
        loop {
            let (last, limit) = *self.lock();
            if last.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(last + limit).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Instant, Duration)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits::HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::MAX_STREAMS)
        .max_header_list_size(limits::MAX_HEADER_BYTES)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_came_together_do_not_end_together() {
        let (least, most) = (limits::MAX_CONNECTION_AGE * 9 / 10, limits::MAX_CONNECTION_AGE * 11 / 10);
        let mut ages: Vec<_> = (0..1000).map(age).collect();
        assert!(ages.iter().all(|age| (least..most).contains(age)));
        ages.sort();
        let widest = ages.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest < limits::MAX_CONNECTION_AGE / 5 / 100, "{widest:?}");
    }
}
